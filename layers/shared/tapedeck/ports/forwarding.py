"""Port that forwards requests to the API of this deployment itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ForwardedResponse:
    """A response of the API; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Forwarder(Protocol):
    """Forwards requests to the API."""

    def __call__(
        self, domain: str, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> ForwardedResponse:
        """Forward a request once and return the response; redirects are not followed.

        Args:
            domain: the domain of the API.
            method: the HTTP method.
            target: the path, percent-encoded, and the query.
            headers: the headers of the request.
            body: its body; may be empty.

        Raises:
            OSError, http.client.HTTPException: there is no response; the request may have taken effect.
        """
        ...
