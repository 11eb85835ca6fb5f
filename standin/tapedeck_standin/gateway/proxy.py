"""Requests of clients that take the stand-in for a proxy: it leads to nothing but itself (C-303)."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from tapedeck.domain.errors import MalformedBody
from tapedeck_standin.http.addresses import (
    is_loopback,
    is_vendor_name,
    plain_address,
    plain_name,
    split_authority,
)
from tapedeck_standin.http.messages import ServerRequest, ServerResponse, routing_error

CONNECT: Final = "CONNECT"

REFUSAL: Final = (
    "This proxy leads only to api.twilio.com, its regions, and the spaces of SignalWire, and with a tunnel only to "
    "port 443. Add a name with --proxy-host, or exclude a host from the proxy with the variable NO_PROXY.\n"
)

_ABSOLUTE: Final = re.compile(r"(https?)://([^/?#]*)", re.IGNORECASE)
_OWN_FORMS: Final = re.compile(r"/|\*\Z")
"""Targets without a host."""
_PORTS: Final = {"http": 80, "https": 443}


class ProxyRequests:
    """Answers requests that name another server: `CONNECT`, and targets with scheme and host.

    Args:
        names: names that lead to the stand-in besides those of the vendors' APIs.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(map(plain_name, names))

    def answer(self, request: ServerRequest) -> ServerResponse | None:
        """Return 200 for a tunnel, 403 for a name that does not lead here; None if the stand-in answers itself.

        There are no tunnels within TLS: SDKs reach a proxy over HTTP. A tunnel leads to the port of HTTPS, as a
        vendor's API has no other. A target with another scheme, or in no form of HTTP, is 400 (C-336).
        """
        if request.method == CONNECT:
            return ServerResponse(HTTPStatus.OK) if self._has_tunnel(request) else _refusal()
        if _OWN_FORMS.match(request.target) is not None:
            return None
        absolute = _ABSOLUTE.match(request.target)
        if absolute is None:
            return routing_error(MalformedBody(), request.path)
        return None if self._leads_here(absolute[2], _PORTS[absolute[1].lower()], request) else _refusal()

    def _has_tunnel(self, request: ServerRequest) -> bool:
        found = split_authority(request.target)
        is_https = found is not None and found[1] in {None, _PORTS["https"]}
        return request.scheme == "http" and is_https and self._leads_here(request.target, _PORTS["https"], request)

    def _leads_here(self, authority: str, default_port: int, request: ServerRequest) -> bool:
        found = split_authority(authority)
        if found is None:
            return False
        name, port = found
        if is_vendor_name(name) or name in self._names:
            return True
        # Another port of this machine is another program's.
        is_own = is_loopback(name) or name in {request.host, plain_address(request.host)}
        return is_own and (default_port if port is None else port) == request.port


def _refusal() -> ServerResponse:
    return ServerResponse(HTTPStatus.FORBIDDEN, (("Content-Type", "text/plain; charset=utf-8"),), REFUSAL.encode())
