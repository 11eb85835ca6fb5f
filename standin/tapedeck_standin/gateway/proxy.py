"""Requests of clients that take the stand-in for a proxy: it leads to nothing but itself (C-303)."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from tapedeck_standin.http.addresses import is_loopback, is_vendor_name, plain_address
from tapedeck_standin.http.messages import ServerRequest, ServerResponse

CONNECT: Final = "CONNECT"

REFUSAL: Final = (
    "This proxy leads only to api.twilio.com, its regions, and the spaces of SignalWire. Add a name with --proxy-host, "
    "or exclude a host from the proxy with the variable NO_PROXY.\n"
)

_ABSOLUTE: Final = re.compile(r"(https?)://([^/?#]*)", re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?")
_PORTS: Final = {"http": 80, "https": 443}


class ProxyRequests:
    """Answers requests that name another server: `CONNECT`, and targets with scheme and host.

    Args:
        names: names that lead to the stand-in besides those of the vendors' APIs.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(map(str.lower, names))

    def answer(self, request: ServerRequest) -> ServerResponse | None:
        """Return 200 for a tunnel, 403 for a name that does not lead here; None if the stand-in answers itself.

        There are no tunnels within TLS: SDKs reach a proxy over HTTP.
        """
        if request.method == CONNECT:
            is_admitted = request.scheme == "http" and self._leads_here(request.target, "https", request)
            return ServerResponse(HTTPStatus.OK) if is_admitted else _refusal()
        absolute = _ABSOLUTE.match(request.target)
        if absolute is None or self._leads_here(absolute[2], absolute[1].lower(), request):
            return None
        return _refusal()

    def _leads_here(self, authority: str, scheme: str, request: ServerRequest) -> bool:
        found = _AUTHORITY.fullmatch(authority.lower())
        if found is None:
            return False
        name = found["address"] or found["name"]
        if is_vendor_name(name) or name in self._names:
            return True
        # Another port of this machine is another program's.
        is_own = is_loopback(name) or name in {request.host, plain_address(request.host)}
        return is_own and int(found["port"] or _PORTS[scheme]) == request.port


def _refusal() -> ServerResponse:
    return ServerResponse(HTTPStatus.FORBIDDEN, (("Content-Type", "text/plain; charset=utf-8"),), REFUSAL.encode())
