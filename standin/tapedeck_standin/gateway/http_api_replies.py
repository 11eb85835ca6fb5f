"""Turn a function's reply into an HTTP response, as an HTTP API of API Gateway does with payload format 2.0."""

import binascii
import json
from base64 import b64decode
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from tapedeck_standin.http.messages import ServerResponse

INTERNAL_ERROR: Final = ServerResponse(
    500, (("Content-Type", "application/json"),), b'{"message":"Internal Server Error"}'
)
"""The gateway's own answer if the function fails, or if its reply has not the format (C-298)."""

NO_ROUTE: Final = ServerResponse(404, (("Content-Type", "application/json"),), b'{"message":"Not Found"}')
"""The gateway's own answer without a route, also without `$default`."""

_FRAMING: Final = frozenset({"connection", "transfer-encoding", "date", "server"})
_JSON: Final = "application/json"
_TEXT: Final = "text/plain; charset=utf-8"
_MAX_STATUS: Final = 599


def to_response(reply: Any, method: str) -> ServerResponse:  # noqa: ANN401 - any JSON
    """Convert a reply: an object with `statusCode`, or any other JSON, which is the body of a 200.

    Args:
        reply: the function's reply, as JSON values.
        method: the method of the request.
    """
    try:
        if not (isinstance(reply, Mapping) and "statusCode" in reply):
            return ServerResponse(HTTPStatus.OK, (("Content-Type", _JSON),), json.dumps(reply).encode())
        status, body = _status(reply["statusCode"]), _body(reply)
        headers = _headers(reply, keeps_length=method == "HEAD")
    except (TypeError, ValueError):
        return INTERNAL_ERROR
    if body and all(name.lower() != "content-type" for name, _ in headers):
        headers.append(("Content-Type", _TEXT))
    return ServerResponse(status, tuple(headers), body)


def _status(given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, int | str):
        raise TypeError
    status = int(given)
    if not HTTPStatus.OK <= status <= _MAX_STATUS:
        raise ValueError(status)
    return status


def _body(reply: Mapping[str, Any]) -> bytes:
    body = reply.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise TypeError
    if not reply.get("isBase64Encoded"):
        return body.encode()
    try:
        return b64decode(body, validate=True)
    except binascii.Error as error:
        raise ValueError from error


def _headers(reply: Mapping[str, Any], *, keeps_length: bool) -> list[tuple[str, str]]:
    """Return the headers without those of the connection; of a response to HEAD, the length comes from the function."""
    given, cookies = reply.get("headers") or {}, reply.get("cookies") or []
    if not isinstance(given, Mapping) or not isinstance(cookies, list):
        raise TypeError
    headers = [
        (name, _text(value))
        for name, value in given.items()
        if name.lower() not in _FRAMING and (keeps_length or name.lower() != "content-length")
    ]
    return headers + [("Set-Cookie", str(cookie)) for cookie in cookies]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise TypeError
