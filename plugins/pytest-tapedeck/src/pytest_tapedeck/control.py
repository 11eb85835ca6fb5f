"""Requests to the control API of a stand-in. It uses only the standard library."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from pytest_tapedeck.connections import send

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER_SECONDS = 120
"""How long the answer to a request is waited for that does not wait itself (C-343)."""

REQUEST_TIMEOUT = 408
"""The status of a request that has waited in vain."""

_BAD_REQUEST = 400


class Refused(Exception):
    """The stand-in rejected a control request; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NoAnswer(TimeoutError):
    """The stand-in has not answered a control request in time; `seconds` is how long its answer was waited for."""

    def __init__(self, method: str, path: str, seconds: float) -> None:
        super().__init__(
            f"no answer to {method} /_standin{path.partition('?')[0]} within {seconds:g} s. The server still works on "
            "it. Before it moves a clock it makes the audio of the recordings that have ended, and other tests that "
            "share the server take their part of its time: many hours of audio take minutes. Make the recordings "
            "shorter, or give the method a longer timeout."
        )
        self.seconds = seconds


@dataclass(frozen=True)
class Control:
    """The control API, for one account.

    Args:
        url: the stand-in's base URL.
        account: the account sid in either format.
    """

    url: str
    account: str

    def post(self, path: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - the control API defines the fields
        """Send fields to a path below `/_standin`, and return the answer."""
        return self.send(path, fields, ANSWER_SECONDS)

    def send(self, path: str, fields: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Do the same as `post`, and wait so many seconds for the answer."""
        return send_control_request(self.url, "POST", path, {"account": self.account, **fields}, timeout)

    def get(self, path: str, *, waits: float = 0, **query: Any) -> dict[str, Any]:  # noqa: ANN401 - as for `post`
        """Return what is at a path below `/_standin`.

        Args:
            path: the path.
            waits: how many seconds the server itself waits.
            query: the query; None leaves a field out.
        """
        parameters = {"account": self.account, **{name: value for name, value in query.items() if value is not None}}
        return send_control_request(self.url, "GET", f"{path}?{urlencode(parameters)}", timeout=waits + ANSWER_SECONDS)


def send_control_request(
    url: str, method: str, path: str, content: dict[str, Any] | None = None, timeout: float = ANSWER_SECONDS
) -> dict[str, Any]:
    """Send one request to the control API of the stand-in at this URL, and return the JSON body of the response.

    Args:
        url: the stand-in's base URL.
        method: the HTTP method.
        path: the path below `/_standin`, with its query.
        content: the body, sent as JSON.
        timeout: how long to wait for the response, in seconds.

    Raises:
        Refused: the response is an HTTP error.
        NoAnswer: there is no response after `timeout` seconds.
    """
    body = None if content is None else json.dumps(content).encode()
    headers = {"Content-Type": "application/json"}
    try:
        status, text = send(url, method, f"/_standin{path}", body, headers, timeout)
    except socket.timeout as error:  # noqa: UP041 - until Python 3.9 it is no TimeoutError
        raise NoAnswer(method, path, timeout) from error
    if status >= _BAD_REQUEST:
        raise Refused(status, text.decode("utf-8", "replace"))
    parsed: dict[str, Any] = json.loads(text) if text else {}
    return parsed


@contextmanager
def naming(field: str, parameter: str) -> Iterator[None]:
    """In errors of the block, replace a field of the control API by the parameter that the caller has written."""
    try:
        yield
    except Refused as refused:
        error = error_of(refused)
        if error.get("field") != field:
            raise
        message = error["message"].removeprefix(f"{field}: ")
        renamed = {"error": {"message": f"{parameter}: {message}", "field": parameter}}
        text = json.dumps(renamed, ensure_ascii=False, separators=(",", ":"))
        raise Refused(refused.status, text) from refused.__cause__


def error_of(refused: Refused) -> dict[str, Any]:
    """Return the error of the control API; an empty one if the answer is not of this API."""
    with suppress(ValueError):
        body = json.loads(str(refused))
        if isinstance(body, dict) and isinstance(body.get("error"), dict):
            error: dict[str, Any] = body["error"]
            return error
    return {}
