"""The control API under `/_standin`: JSON, without authentication, for requests from this machine only (REL-19).

The option `--control-from-anywhere` admits other machines, which a container needs.
"""

import threading
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import Final

from tapedeck.domain.errors import InvalidState, NameInUse, NotFound, StoreFailure
from tapedeck_standin.control.requests import (
    PATH_PARAM,
    ControlError,
    ControlRoute,
    ControlRoutes,
    Result,
    named_account,
)
from tapedeck_standin.http.addresses import is_loopback, plain_authority
from tapedeck_standin.http.messages import ServerRequest, ServerResponse

ROOT: Final = "/_standin"
HEALTH: Final = f"{ROOT}/health"
KNOWN_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]", "api.twilio.com"})
"""Accepted values of `Host`. Any other name may be a DNS rebinding attack by a web page."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_PARAM_INDEX: Final = 1
"""Index of the path segment that may be a parameter."""


def path_of(segments: tuple[str, ...]) -> str:
    """Return the path of a route, with a name for its parameter."""
    name = "{id}" if segments[0] in {"callbacks", "faults", "parties"} else "{sid}"
    return "/".join((ROOT, *(name if word == PATH_PARAM else word for word in segments)))


class ControlRouter:
    """Admits control requests and routes them to their handlers.

    Args:
        parts: the routes.
        names: further accepted values of `Host`.
        from_anywhere: whether to admit other machines.
        default_account: the account of requests that name none.
    """

    def __init__(
        self,
        parts: Iterable[ControlRoutes],
        names: frozenset[str] = frozenset(),
        *,
        from_anywhere: bool = False,
        default_account: str = "",
    ) -> None:
        self._locks: dict[str, threading.Lock] = {}
        """A lock for each account: its requests are carried out one at a time."""
        self._default_account = default_account
        self._names = KNOWN_NAMES | names
        self._from_anywhere = from_anywhere
        self._routes: dict[tuple[str, ...], Mapping[str, ControlRoute]] = {
            ("health",): {"GET": ControlRoute(_report_health, waits=True)},
        }
        for segments, methods in (route for part in parts for route in part.items()):
            self._routes[segments] = {**self._routes.get(segments, {}), **methods}

    @property
    def routes(self) -> list[tuple[str, str]]:
        """Method and path of each route."""
        return [(method, path_of(segments)) for segments, methods in self._routes.items() for method in methods]

    def answer(self, request: ServerRequest) -> ServerResponse:
        """Answer a request; the body of an error is `{"error": {"message", "field"}}`."""
        try:
            self._admit(request)
            status, body = self._dispatch(request)
        except ControlError as error:
            status, body = error.status, {"error": {"message": error.message, "field": error.field}}
        return ServerResponse.of_json(status, body)

    def refusal_of(self, request: ServerRequest) -> str | None:
        """Return why a request to another protocol under `/_standin` is not admitted; None if it is."""
        try:
            self._admit(request)
        except ControlError as error:
            return error.message
        return None

    def _admit(self, request: ServerRequest) -> None:
        """Reject requests from other machines, from web pages, and for foreign host names.

        Raises:
            ControlError: status 403.
        """
        # A request of this machine to its own non-loopback address has the same peer and host.
        is_local = is_loopback(request.peer) or request.peer == request.host
        if not (is_local or self._from_anywhere):
            raise ControlError(403, "requests from other machines need --control-from-anywhere")
        host = request.header("Host") or ""
        accepted_hosts = {f"{name}:{request.port}" for name in self._names}
        if request.port == _DEFAULT_PORTS[request.scheme]:
            accepted_hosts |= self._names
        # With from_anywhere the names by which clients reach the stand-in are unknown.
        if plain_authority(host) not in accepted_hosts and not self._from_anywhere:
            raise ControlError(403, "the Host header is not an accepted name of this machine", "Host")
        origin = request.header("Origin")
        if origin is not None and origin.lower() != f"{request.scheme}://{host.lower()}":
            raise ControlError(403, "requests from web pages of other origins are rejected", "Origin")

    def _dispatch(self, request: ServerRequest) -> Result:
        segments = tuple(request.path.removeprefix(ROOT).removeprefix("/").split("/"))
        param = segments[_PARAM_INDEX] if len(segments) > _PARAM_INDEX else ""
        methods = self._routes.get(
            segments if len(segments) == 1 else (segments[0], PATH_PARAM, *segments[_PARAM_INDEX + 1 :])
        )
        if methods is None or segments[_PARAM_INDEX:] == ("",):
            raise ControlError(404, "no such path; see docs/reference/control-api.md")
        if request.method not in methods:
            raise ControlError(405, f"this path supports only {' and '.join(sorted(methods))}")
        route = methods[request.method]
        try:
            # Handlers that block run without a lock.
            with nullcontext() if route.waits else self._lock_of(request):
                return route.handle(request, param)
        except NameInUse as error:
            raise ControlError(409, "a live conference already has this name", "friendly_name") from error
        except NotFound as error:
            raise ControlError(404, "the account has no resource with this sid", "sid") from error
        except InvalidState as error:
            raise ControlError(
                409, "the resource has already ended, or is in another state that does not allow this", "sid"
            ) from error
        except StoreFailure as error:
            raise ControlError(503, "the database does not respond") from error

    def _lock_of(self, request: ServerRequest) -> threading.Lock:
        account = named_account(request) or self._default_account
        return self._locks.setdefault(account, threading.Lock())


def _report_health(_request: ServerRequest, _param: str) -> Result:
    return 200, {"status": "ok"}
