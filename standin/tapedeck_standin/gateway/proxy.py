"""Requests of clients that take the stand-in for a proxy: it leads to nothing but itself (C-303)."""

import re
from collections.abc import Iterable
from functools import partial
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

CREDENTIALS_REFUSAL: Final = (
    "The target must not have a user name or a password before its host: send them in the header Authorization.\n"
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
            authority, is_admitted = request.target, partial(self._has_tunnel, request)
        elif _OWN_FORMS.match(request.target) is not None:
            return None
        elif (absolute := _ABSOLUTE.match(request.target)) is not None:
            authority, is_admitted = absolute[2], partial(self._leads_here, request, _PORTS[absolute[1].lower()])
        else:
            return routing_error(MalformedBody(), request.path)
        if is_admitted(authority):
            return ServerResponse(HTTPStatus.OK) if request.method == CONNECT else None
        user, _, host = authority.rpartition("@")
        return _refusal(CREDENTIALS_REFUSAL if user and is_admitted(host) else REFUSAL)

    def _has_tunnel(self, request: ServerRequest, authority: str) -> bool:
        found = split_authority(authority)
        is_https = found is not None and found[1] in {None, _PORTS["https"]}
        return request.scheme == "http" and is_https and self._leads_here(request, _PORTS["https"], authority)

    def _leads_here(self, request: ServerRequest, default_port: int, authority: str) -> bool:
        found = split_authority(authority)
        if found is None:
            return False
        name, port = found
        if is_vendor_name(name) or name in self._names:
            return True
        # Another port of this machine is another program's.
        is_own = is_loopback(name) or name in {request.host, plain_address(request.host)}
        return is_own and (default_port if port is None else port) == request.port


def _refusal(text: str) -> ServerResponse:
    return ServerResponse(HTTPStatus.FORBIDDEN, (("Content-Type", "text/plain; charset=utf-8"),), text.encode())
