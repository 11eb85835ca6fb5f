"""Port for requests to a customer's application: what a call must do next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from tapedeck.domain.retry_policy import RetryPolicy

MAX_DOCUMENT_BYTES: Final = 65_536
"""The size of the largest document that is executed."""


class FetchFailure(StrEnum):
    """Why an application gave no document."""

    RETRIEVAL = "retrieval"
    """No connection, no complete answer in time, or no HTTP."""
    UNKNOWN_HOST = "unknown_host"
    """The host name does not resolve."""
    TOO_MANY_REDIRECTS = "too_many_redirects"
    INVALID_REDIRECT = "invalid_redirect"
    """A redirect with another status than 301, 302, 303 and 307, without a usable location, or from https to http."""
    TLS = "tls"
    """TLS failed, but not because of the certificate."""
    CERTIFICATE = "certificate"
    INVALID_URL = "invalid_url"
    """The URL is no absolute http or https URL."""
    FORBIDDEN = "forbidden"
    """A blocked address; nothing was sent (REL-13 to REL-15)."""


@dataclass(frozen=True, slots=True)
class ComposedRequest:
    """One HTTP request: `url` has the fields of a GET in its query, `body` is the form of a POST."""

    url: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class InstructionRequest:
    """A request to an application.

    Attributes:
        method: `GET` or `POST`.
        url: absolute; its user info answers a Basic challenge of the same origin only.
        compose: builds the request of a method to a URL without user info and fragment, signed; called for each
            redirect.
        policy: time limits, attempts and redirects.
        user_agent: the value of the header.
        cookies: what the last answer for this call had as `cookies`; None: the dialect keeps none.
    """

    method: str
    url: str
    compose: Callable[[str, str], ComposedRequest]
    policy: RetryPolicy
    user_agent: str
    cookies: str | None = None


@dataclass(frozen=True, slots=True)
class InstructionAnswer:
    """What an application answered, or why there is no answer.

    Attributes:
        url: the URL that answered, after redirects, without the fields of a GET.
        body: at most one byte more than MAX_DOCUMENT_BYTES.
        cookies: the cookies of the call from now on; None: the dialect keeps none.
    """

    failure: FetchFailure | None
    milliseconds: int
    attempts: int
    url: str = ""
    status: int = 0
    content_type: str = ""
    body: bytes = b""
    cookies: str | None = None


class InstructionClient(Protocol):
    """Sends requests to applications at public internet addresses only (REL-13 to REL-16)."""

    def fetch(self, request: InstructionRequest) -> InstructionAnswer:
        """Make a request with its repetitions and redirects; a failure is returned, never raised."""
        ...
