"""A client for the control API of a stand-in. It acts for one account and uses only the standard library."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from pytest_tapedeck.connections import send

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER_SECONDS = 120
"""How long the answer to a request is waited for that does not wait itself (C-343)."""

ADVANCE_SECONDS = 600
"""How long `advance` waits: the server first finishes all recordings that end."""

_BAD_REQUEST = 400
_HTTP_REQUEST_TIMEOUT = 408


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


class NotSettled(Exception):
    """Work was still under way when the timeout expired.

    `left` lists it: the `sid` of each resource in both formats, `what` is under way, and when it is `due`.
    """

    def __init__(self, left: list[Any]) -> None:
        super().__init__(f"still under way: {left}")
        self.left = left


class CallbackMissing(Exception):
    """No callback matched before the timeout expired; `callbacks` lists those that came instead, newest last."""

    def __init__(self, wanted: str, seconds: float, callbacks: list[dict[str, Any]]) -> None:
        came = [f"{each['event']} of {each['sid']['twilio']} to {each['url']}" for each in callbacks]
        listed = "\n".join(f"  {line}" for line in came) or "  none"
        super().__init__(
            f"no callback {wanted} within {seconds:g} s of real time. These came:\n{listed}\n"
            "A callback that is due later comes once the clock goes on: settle() goes on until all are sent."
        )
        self.callbacks = callbacks


@dataclass(frozen=True)
class Call:
    """A call as it was when the control API returned it.

    Args:
        sid: the sid in Twilio's format.
        id: the same sid in SignalWire's format.
        status: the status in Twilio's spelling, such as `in-progress`.
    """

    sid: str
    id: str
    status: str


@dataclass(frozen=True)
class Conference:
    """A conference as it was when the control API returned it.

    Args:
        sid: the sid in Twilio's format.
        id: the same sid in SignalWire's format.
        friendly_name: the name of the conference.
        status: the status in Twilio's spelling, such as `in-progress`.
        calls: the calls of its participants.
    """

    sid: str
    id: str
    friendly_name: str
    status: str
    calls: tuple[Call, ...]


@dataclass(frozen=True)
class Tapedeck:
    """A stand-in and one of its accounts. All methods act on this account.

    Args:
        url: the base URL for the SDK.
        https_url: the same over HTTPS; None if the plugin did not start the stand-in.
        ca_file: path of the CA certificate for `https_url`, or None.
        account_sid: the account sid in Twilio's format.
        project_id: the same account in SignalWire's format.
        auth_token: the account's secret for Basic authentication. It also signs callbacks in Twilio's dialect.
        signing_key: the key that signs callbacks in SignalWire's dialect.
    """

    url: str
    https_url: str | None
    ca_file: str | None
    account_sid: str
    project_id: str
    auth_token: str = field(repr=False)
    signing_key: str = field(repr=False)

    @classmethod
    def with_fresh_account(cls, url: str, https_url: str | None = None, ca_file: str | None = None) -> Tapedeck:
        """Create an account in the stand-in at this URL, and return a client for it."""
        account = send_control_request(url, "POST", "/accounts", {})
        sid = account["sid"]
        return cls(url, https_url, ca_file, sid["twilio"], sid["signalwire"], account["token"], account["signing_key"])

    def call(self, **fields: Any) -> Call:  # noqa: ANN401 - the control API defines the fields
        """Create a call. All fields are optional: `to`, `from_`, `direction`, `status` (default `in-progress`)."""
        if "from_" in fields:
            fields["from"] = fields.pop("from_")
        with _naming("from", "from_"):
            return _call(self._post("/calls", **fields))

    def incoming_call(self, to: str | None = None, from_: str | None = None, **fields: Any) -> Call:  # noqa: ANN401 - as for `call`
        """Create a call that comes in, from a number to one of the application's. Other fields as for `call`.

        Raises:
            TypeError: `direction` is given, which is always `inbound`.
        """
        if "direction" in fields:
            raise TypeError("incoming_call() takes no direction, which is always inbound: use call(direction=...)")
        numbers = {"to": to, "from_": from_}
        given = {name: number for name, number in numbers.items() if number is not None}
        return self.call(**given, direction="inbound", **fields)

    def hang_up(self, sid: str) -> Call:
        """End a call and its recordings."""
        return _call(self._post(f"/calls/{sid}/hangup"))

    def conference(self, **fields: Any) -> Conference:  # noqa: ANN401 - the control API defines the fields
        """Create a conference with calls: `friendly_name`, `participants`, `status`, `record` and others."""
        return _conference(self._post("/conferences", **fields))

    def record_conference(self, sid: str) -> str:
        """Start a recording of a conference, as a media engine does. Return the recording's sid in Twilio's format."""
        recording: str = self._post(f"/conferences/{sid}/recordings")["sid"]["twilio"]
        return recording

    def end_conference(self, sid: str) -> Conference:
        """End a conference and its recordings."""
        return _conference(self._post(f"/conferences/{sid}/end"))

    def advance(self, seconds: float, timeout: float = ADVANCE_SECONDS) -> None:
        """Advance the clock of this account; no other account's time moves.

        Recordings that have ended are finished on the way, which takes about a second for each hour of audio.

        Args:
            seconds: by how much.
            timeout: seconds of real time.

        Raises:
            NoAnswer: the clock has not arrived within `timeout` seconds; the server still moves it.
        """
        with _naming("advance", "seconds"):
            self._send("/clock", {"advance": seconds}, timeout)

    def settle(self, timeout: float = 10) -> None:
        """Advance the clock to the next due time, again and again, until nothing of this account is under way.

        After `hang_up` or `end_conference`, recordings are finished then and all callbacks delivered, retries too.

        Raises:
            NotSettled: work is still under way after `timeout` seconds.
        """
        self._wait("/settle", timeout=timeout, advance=True)

    def wait_until_idle(self, timeout: float = 10) -> None:
        """Wait until all work of this account that is due by the clock is done, callbacks included.

        Does not advance the clock. Right after `hang_up` it returns at once, because a recording is finished one second
        after its end: use `settle` there.

        Raises:
            NotSettled: work is still under way after `timeout` seconds.
        """
        self._wait("/wait-until-idle", timeout=timeout)

    def fail_next(self, on: str = "*", times: int = 1, **then: Any) -> str:  # noqa: ANN401 - the API defines them
        """Inject a fault into the next matching requests. Return the id of the fault.

        Args:
            on: the operation to fail (the name of its function), `*` for any operation, `callback` or `media`.
            times: the number of requests to fail.
            then: the effect: `status` and `code`; `delay` in seconds; `close=True`. For callbacks also `drop`,
                `double` and `reorder`; for media `absent`, an error code; for `update_call_recording` and
                `update_conference_recording` `unconfirmed=True`.
        """
        fault: str = self._post("/faults", on=on, times=times, then=then)["id"]
        return fault

    def callbacks(self, sid: str | None = None, event: str | None = None, wait: float = 0) -> list[dict[str, Any]]:
        """Return the callbacks sent to the application, newest last. Waits up to `wait` seconds for a match."""
        return list(self._get("/callbacks", waits=wait, sid=sid, event=event, wait=wait or None)["callbacks"])

    def expect_callback(self, event: str | None = None, sid: str | None = None, timeout: float = 10) -> dict[str, Any]:
        """Wait for a callback to the application, and return the first one that matches, even an earlier one.

        Does not advance the clock: a recording, for example, is finished one second after its end.

        Args:
            event: only this event, such as `completed`.
            sid: only callbacks of this recording, conference or call.
            timeout: seconds of real time, at most 60.

        Raises:
            CallbackMissing: none came in time; its text lists what came instead.
            Refused: `timeout` is more than 60.
        """
        with _naming("wait", "timeout"):
            found = self.callbacks(sid, event, timeout)
        if not found:
            wanted = (
                " ".join([*([f"with event {event}"] if event else []), *([f"of {sid}"] if sid else [])]) or "at all"
            )
            raise CallbackMissing(wanted, timeout, self.callbacks())
        return found[0]

    def replay(self, callback: str) -> None:
        """Deliver a callback again, with the same idempotency token, body and signature."""
        self._post(f"/callbacks/{callback}/replay")

    def requests(self) -> list[dict[str, Any]]:
        """Return the API requests of the application with their responses, newest last."""
        return list(self._get("/requests")["requests"])

    def _wait(self, path: str, timeout: float, **fields: Any) -> None:  # noqa: ANN401 - as for `_post`
        try:
            self._send(path, {"timeout": timeout, **fields}, timeout + ANSWER_SECONDS)
        except Refused as error:
            if error.status == _HTTP_REQUEST_TIMEOUT:
                raise NotSettled(json.loads(str(error))["left"]) from error
            raise

    def _post(self, path: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - the control API defines the fields
        return self._send(path, fields, ANSWER_SECONDS)

    def _send(self, path: str, fields: dict[str, Any], timeout: float) -> dict[str, Any]:
        return send_control_request(self.url, "POST", path, {"account": self.account_sid, **fields}, timeout)

    def _get(self, path: str, *, waits: float = 0, **query: Any) -> dict[str, Any]:  # noqa: ANN401 - as for `_post`
        parameters = {
            "account": self.account_sid,
            **{name: value for name, value in query.items() if value is not None},
        }
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
def _naming(field: str, parameter: str) -> Iterator[None]:
    """In errors of the block, replace a field of the control API by the parameter that the caller has written."""
    try:
        yield
    except Refused as refused:
        error = _error_of(refused)
        if error.get("field") != field:
            raise
        message = error["message"].removeprefix(f"{field}: ")
        renamed = {"error": {"message": f"{parameter}: {message}", "field": parameter}}
        text = json.dumps(renamed, ensure_ascii=False, separators=(",", ":"))
        raise Refused(refused.status, text) from refused.__cause__


def _error_of(refused: Refused) -> dict[str, Any]:
    """Return the error of the control API; an empty one if the answer is not of this API."""
    with suppress(ValueError):
        body = json.loads(str(refused))
        if isinstance(body, dict) and isinstance(body.get("error"), dict):
            error: dict[str, Any] = body["error"]
            return error
    return {}


def _call(body: dict[str, Any]) -> Call:
    return Call(body["sid"]["twilio"], body["sid"]["signalwire"], body["status"])


def _conference(body: dict[str, Any]) -> Conference:
    sid = body["sid"]
    calls = tuple(map(_call, body["calls"]))
    return Conference(sid["twilio"], sid["signalwire"], body["friendly_name"], body["status"], calls)
