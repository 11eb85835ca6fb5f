"""Forward requests to the API of this deployment itself, over HTTPS."""

from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPSConnection
from typing import Final

from tapedeck.ports.forwarding import ForwardedResponse

TIMEOUT_SECONDS: Final = 28
"""Just below the timeout of the functions that answer the longest requests."""


def forward_over_https(
    domain: str, method: str, target: str, headers: Mapping[str, str], body: bytes
) -> ForwardedResponse:
    """Forward a request on a connection of its own; see `Forwarder`."""
    with closing(HTTPSConnection(domain, timeout=TIMEOUT_SECONDS)) as connection:
        connection.request(method, target, body or None, dict(headers))
        response = connection.getresponse()
        return ForwardedResponse(
            response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        )
