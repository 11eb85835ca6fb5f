"""A client of a stand-in's control API, for one account; nothing but the standard library."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

_NOT_SETTLED = 408


class Refused(Exception):
    """The stand-in rejected a control request; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NotSettled(Exception):
    """Something is still under way: `left` says what."""

    def __init__(self, left: list[Any]) -> None:
        super().__init__(f"still under way: {left}")
        self.left = left


@dataclass(frozen=True)
class Call:
    """A call: its sid in both formats, and its status when it was read."""

    sid: str
    id: str
    status: str


@dataclass(frozen=True)
class Conference:
    """A conference, with its calls, likewise."""

    sid: str
    id: str
    friendly_name: str
    status: str
    calls: tuple[Call, ...]


@dataclass(frozen=True)
class Tapedeck:
    """A stand-in, and an account in it.

    Args:
        url: where it answers, to be given to the SDK.
        https_url: the same over TLS, if it was started here.
        ca_file: whom to trust for that.
        account_sid: the account as Twilio spells it.
        project_id: as SignalWire spells it.
        auth_token: its secret.
        signing_kms_key_id: what signs callbacks in SignalWire's dialect; Twilio's are signed with the token.
    """

    url: str
    https_url: str | None
    ca_file: str | None
    account_sid: str
    project_id: str
    auth_token: str
    signing_key: str

    @classmethod
    def with_fresh_account(cls, url: str, https_url: str | None = None, ca_file: str | None = None) -> Tapedeck:
        """The stand-in at this URL, with an account that only this client uses."""
        made = ask(url, "POST", "/accounts", {})
        sid = made["sid"]
        return cls(url, https_url, ca_file, sid["twilio"], sid["signalwire"], made["token"], made["signing_key"])

    def call(self, **fields: Any) -> Call:  # noqa: ANN401 - the control API's own fields
        """A call appears: `to`, `from_`, `direction`, `status`, all optional; in progress unless said otherwise."""
        if "from_" in fields:
            fields["from"] = fields.pop("from_")
        return _call(self._post("/calls", **fields))

    def hang_up(self, sid: str) -> Call:
        """A call ends, and its recordings with it."""
        return _call(self._post(f"/calls/{sid}/hangup"))

    def conference(self, **fields: Any) -> Conference:  # noqa: ANN401 - the control API's own fields
        """A conference appears with its calls: `friendly_name`, `participants`, `status`, `record` and so on."""
        return _conference(self._post("/conferences", **fields))

    def record_conference(self, sid: str) -> str:
        """A recording of a conference starts, as a media engine would; the sid of that."""
        recording: str = self._post(f"/conferences/{sid}/recordings")["sid"]["twilio"]
        return recording

    def end_conference(self, sid: str) -> Conference:
        """A conference ends, and its recordings with it."""
        return _conference(self._post(f"/conferences/{sid}/end"))

    def advance(self, seconds: float) -> None:
        """So many seconds pass, for all accounts of this stand-in."""
        self._post("/clock", advance=seconds)

    def settle(self, timeout: float = 10) -> None:
        """Wait until this account is idle: media finished, callbacks delivered.

        Raises:
            NotSettled: that takes longer than `timeout` seconds.
        """
        # What was stopped is finished a moment later, by the clock.
        self.advance(1)
        try:
            self._post("/settle", timeout=timeout)
        except Refused as refused:
            if refused.status == _NOT_SETTLED:
                raise NotSettled(json.loads(str(refused))["left"]) from refused
            raise

    def fail_next(self, on: str = "*", times: int = 1, **then: Any) -> str:  # noqa: ANN401 - the control API's own
        """Let the next requests fail; the id of the fault.

        Args:
            on: an operation (the name of its function), `*` for any, `callback` or `media`.
            times: how often.
            then: `status` and `code`; `delay` in seconds; `close=True`; of callbacks also `drop`, `double` and
                `reorder`; of media `absent`, a code.
        """
        fault: str = self._post("/faults", on=on, times=times, then=then)["id"]
        return fault

    def callbacks(self, sid: str | None = None, event: str | None = None, wait: float = 0) -> list[dict[str, Any]]:
        """Return the callbacks sent to the application, newest last. Waits up to `wait` seconds for a match."""
        return list(self._get("/callbacks", sid=sid, event=event, wait=wait or None)["callbacks"])

    def replay(self, callback: str) -> None:
        """Deliver a callback again, with the same idempotency token, body and signature."""
        self._post(f"/callbacks/{callback}/replay")

    def requests(self) -> list[dict[str, Any]]:
        """Return the API requests of the application with their responses, newest last."""
        return list(self._get("/requests")["requests"])

    def _post(self, path: str, **content: Any) -> dict[str, Any]:  # noqa: ANN401 - the control API's own fields
        return ask(self.url, "POST", path, {"account": self.account_sid, **content})

    def _get(self, path: str, **query: Any) -> dict[str, Any]:  # noqa: ANN401 - the control API's own fields
        parameters = {
            "account": self.account_sid,
            **{name: value for name, value in query.items() if value is not None},
        }
        return ask(self.url, "GET", f"{path}?{urlencode(parameters)}")


def ask(url: str, method: str, path: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
    """One call of the control API of the stand-in at this URL: what it answers, or Refused."""
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(  # noqa: S310 - the stand-in's own address
        f"{url}/_standin{path}", body, {"Content-Type": "application/json"}, method=method
    )
    # No proxy stands between a test and this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=120) as answer:
            text = answer.read()
    except HTTPError as refused:
        raise Refused(refused.code, refused.read().decode("utf-8", "replace")) from refused
    answered: dict[str, Any] = json.loads(text) if text else {}
    return answered


def _call(body: dict[str, Any]) -> Call:
    return Call(body["sid"]["twilio"], body["sid"]["signalwire"], body["status"])


def _conference(body: dict[str, Any]) -> Conference:
    sid = body["sid"]
    calls = tuple(map(_call, body["calls"]))
    return Conference(sid["twilio"], sid["signalwire"], body["friendly_name"], body["status"], calls)
