"""The refusals of the engine protocol: a status, and `{"refused": code}` with a detail and the invalid field (C-190).

A separate module, because `$default` needs it without what engine functions import.
"""

from typing import Any

from tapedeck.dialects.dialect import Response
from tapedeck.http.routes import ENGINE_ROUTES


class EngineRequestRefused(Exception):
    """A request of a media engine that is answered with an error.

    Args:
        status: the HTTP status: 403, 404, 409, 413 or 422.
        code: a word for the connector, such as `not_yours`, `unknown`, `deleted` or `unreadable`.
        detail: a sentence for the connector's log, without values of the request.
        field: the path of the invalid field, such as `events.0.id`.
    """

    def __init__(self, status: int, code: str, detail: str | None = None, field: str | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field

    @property
    def response(self) -> Response:
        """The response that the engine gets."""
        return refuse(self.status, self.code, detail=self.detail, field=self.field)


def refuse(status: int, code: str, **more: Any) -> Response:  # noqa: ANN401 - fields of a JSON object
    """Return a refusal; fields that are None are left out."""
    return Response(status, {"refused": code, **{name: value for name, value in more.items() if value is not None}})


def refuse_unrouted(method: str, path: str) -> Response:
    """Return the refusal of a request below `/engine` that matches no route."""
    methods = ENGINE_ROUTES.get(path, frozenset())
    if methods and method not in methods:
        return refuse(405, "method_not_allowed")
    return refuse(404, "unknown")
