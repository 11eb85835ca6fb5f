"""Refuse requests of web pages while anyone knows the token: unknown hosts and foreign origins (REL-31)."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from tapedeck.dialects.dialect import Response
from tapedeck.dialects.errors import ErrorAnswer
from tapedeck.dialects.selection import select_dialect
from tapedeck.domain.errors import TapedeckError
from tapedeck.domain.identity import new_id
from tapedeck.http.engine_refusal import refuse
from tapedeck.http.request import to_lambda_response
from tapedeck.http.routes import collapse_slashes, is_engine_path, split
from tapedeck.ports.clock import Clock
from tapedeck_standin.http.addresses import (
    is_loopback,
    is_vendor_name,
    plain_address,
    plain_name,
    split_authority,
)
from tapedeck_standin.http.messages import ServerRequest, ServerResponse

ANY_HOST: Final = "*"

_FORBIDDEN_CODE: Final = 20403


class HostGuard:
    """Refuses the requests that a web page can send (C-323).

    A page can send a form with the public token to this machine; then it has a foreign `Origin`. Or its name leads to
    this machine (DNS rebinding); then `Host` is a name that no client of the stand-in uses.

    Args:
        names: further known hosts; `*` for all.
        clock: milliseconds.
    """

    def __init__(self, names: Iterable[str], clock: Clock) -> None:
        self._names = frozenset(map(plain_name, names))
        self._clock = clock

    def refuse(self, request: ServerRequest) -> ServerResponse | None:
        """Return the refusal of a request, in the form of its path; None if it is admitted."""
        host = (request.header("Host") or "").lower()
        origin = request.header("Origin")
        if not self._is_known(host, request.host):
            return self._refusal(request, "The Host header is not a known name: allow it with --allow-host")
        if origin is not None and origin.lower() != f"{request.scheme}://{host}":
            return self._refusal(request, "Requests from web pages of other origins are rejected")
        return None

    def _is_known(self, host: str, own_address: str) -> bool:
        if ANY_HOST in self._names:
            return True
        found = split_authority(host)
        if found is None:
            return False
        name = found[0]
        # The address at which the request arrived is no name that could lead elsewhere.
        is_own = name in {*self._names, own_address, plain_address(own_address)}
        return is_own or is_loopback(name) or is_vendor_name(name)

    def _refusal(self, request: ServerRequest, message: str) -> ServerResponse:
        path = collapse_slashes(request.path)
        if is_engine_path(path):
            reply = refuse(HTTPStatus.FORBIDDEN, "not_allowed", detail=message)
        else:
            parts = split(path)
            dialect = select_dialect(parts[0] if parts else "", path)
            answer = ErrorAnswer(HTTPStatus.FORBIDDEN, _FORBIDDEN_CODE, message)
            reply = Response(answer.status, dialect.error_body(answer, TapedeckError(), ""), code=answer.code)
        written = to_lambda_response(reply, new_id(self._clock()))
        return ServerResponse(written["statusCode"], tuple(written["headers"].items()), written["body"].encode())
