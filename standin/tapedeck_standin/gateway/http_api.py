"""The gateway: an HTTP API of API Gateway that invokes the functions in this process."""

import itertools
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tapedeck.ports.clock import Clock
from tapedeck_standin.aws.template import Route
from tapedeck_standin.gateway.http_api_events import make_event, path_of
from tapedeck_standin.gateway.http_api_replies import INTERNAL_ERROR, NO_ROUTE, to_response
from tapedeck_standin.gateway.route_table import RouteTable
from tapedeck_standin.http.messages import ServerRequest, ServerResponse

Invoke = Callable[[str, Mapping[str, Any]], Any]
"""Invokes the function of an operation with an event, and returns its reply."""


class Gateway:
    """Answers requests as the deployed HTTP API does.

    `tests/standin/test_gateway_events.py` holds its events equal to AWS's examples and to those of SAM's local gateway.

    Args:
        routes: the template's routes.
        invoke: invokes a function.
        clock: milliseconds.
    """

    def __init__(self, routes: Iterable[Route], invoke: Invoke, clock: Clock) -> None:
        self._routes = RouteTable(routes)
        self._invoke = invoke
        self._clock = clock
        self._numbers = itertools.count(1)

    def answer(self, request: ServerRequest) -> ServerResponse:
        """Invoke the function of the request's route; answer as API Gateway if it fails."""
        path = path_of(request)
        match = self._routes.find(request.method, path)
        if match is None:
            return NO_ROUTE
        at = self._clock()
        event = make_event(request, match, path, at, self._new_id(at))
        try:
            reply = self._invoke(match.route.operation, event)
        except Exception:  # noqa: BLE001 - a function may raise anything
            traceback.print_exc()
            return INTERNAL_ERROR
        return to_response(reply, request.method)

    def operation_of(self, request: ServerRequest) -> str | None:
        """Return the name of the function for a request; None without a route."""
        match = self._routes.find(request.method, path_of(request))
        return match.route.operation if match is not None and match.route.path is not None else None

    def _new_id(self, at: int) -> str:
        """Return an id of API Gateway's form, without randomness: a seed makes the ids of resources reproducible."""
        number = next(self._numbers) % (1 << 40)
        return b64encode((at % (1 << 48)).to_bytes(6) + number.to_bytes(5)).decode()
