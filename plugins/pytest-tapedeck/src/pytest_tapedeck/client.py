"""A client for the control API of a stand-in. It acts for one account and uses only the standard library."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from pytest_tapedeck import control
from pytest_tapedeck.calls import Call, CallElsewhere, call_from
from pytest_tapedeck.control import REQUEST_TIMEOUT, Control, NoAnswer, Refused, naming, send_control_request

__all__ = [
    "Call", "CallElsewhere", "CallbackMissing", "Conference", "NoAnswer", "NotSettled", "Refused", "Tapedeck",
    "WebhookMissing", "send_control_request",
]  # fmt: skip

ADVANCE_SECONDS = 600
"""How long `advance` waits: the server first finishes all recordings that end."""


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


class WebhookMissing(Exception):
    """No request for instructions matched in time; `webhooks` lists those that were made instead, newest last."""

    def __init__(self, wanted: str, seconds: float, webhooks: list[dict[str, Any]]) -> None:
        made = [f"{each['kind']} of {each['call']['twilio']} to {each['url']}" for each in webhooks]
        listed = "\n".join(f"  {line}" for line in made) or "  none"
        super().__init__(
            f"no request for instructions {wanted} within {seconds:g} s of real time. These were made:\n{listed}\n"
            "One that is made later comes once the clock goes on: call.wait_for() goes on to a verb or to the end."
        )
        self.webhooks = webhooks


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

    def call(self, sid: str | None = None, /, **fields: Any) -> Call:  # noqa: ANN401 - the control API defines the fields
        """Create a call, or return the one with a sid, such as a call that the application has created.

        Args:
            sid: the sid in either format; without it, a call is created.
            fields: `to`, `from_`, `direction`, `status` (default `in-progress`) and others, all optional.

        Raises:
            Refused: there is no call with this sid, or the server rejects a field.
            TypeError: a sid and fields are given.
        """
        if sid is not None:
            if fields:
                raise TypeError("call() takes either a sid, to find a call, or fields, to create one")
            return call_from(self._control, self._control.get(f"/calls/{sid}"))
        if "from_" in fields:
            fields["from"] = fields.pop("from_")
        with naming("from", "from_"):
            return call_from(self._control, self._control.post("/calls", **fields))

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

    def inbound(
        self,
        *,
        from_: str | None = None,
        to: str | None = None,
        url: str | None = None,
        twiml: str | None = None,
        fallback_url: str | None = None,
        status_callback: str | None = None,
        party: dict[str, Any] | None = None,
        parameters: dict[str, str] | None = None,
        **fields: Any,  # noqa: ANN401 - as for `call`
    ) -> Call:
        """Create a call that comes in and executes its instructions, as `incoming_call` with these fields.

        Args:
            from_: the calling number or address.
            to: the called number; without `url` and `twiml`, the instructions are those of its voice URL.
            url: the URL of the instructions.
            twiml: the instructions themselves, instead of `url`.
            fallback_url: the URL of the instructions if a request for them fails.
            status_callback: the URL for the callback about the end of the call.
            party: how the caller behaves, with the fields of `party`.
            parameters: further parameters of the requests for instructions.
            fields: further fields, such as `caller_name`.

        Raises:
            Refused: the server rejects a field.
        """
        named = {
            "url": url, "twiml": twiml, "fallback_url": fallback_url, "status_callback": status_callback,
            "party": party, "parameters": parameters,
        }  # fmt: skip
        given = {name: value for name, value in named.items() if value is not None}
        return self.incoming_call(to, from_, **given, **fields)

    def party(self, number: str, outcome: str = "answer", **fields: Any) -> str:  # noqa: ANN401 - as for `call`
        """Say how the party of a number behaves in the calls to it. Return the id of the rule.

        Args:
            number: the number or address; `*` for all.
            outcome: `answer`, `busy`, `decline`, `no-answer`, `failed`, or `manual`: it rings until the test decides.
            fields: `ring`, `answered_by`, `greeting`, `speaks`, `presses`, `hangup_after`, `sip_code`, `times`.
        """
        rule: str = self._control.post("/parties", number=number, outcome=outcome, **fields)["id"]
        return rule

    def number(self, phone_number: str, voice_url: str | None = None, **fields: Any) -> str:  # noqa: ANN401 - as for `call`
        """Give the account a phone number whose instructions are at `voice_url`. Return its sid in Twilio's format.

        Raises:
            Refused: an account has this number, or the server rejects a field.
        """
        given = {"voice_url": voice_url} if voice_url is not None else {}
        sid: str = self._control.post("/numbers", phone_number=phone_number, **given, **fields)["sid"]["twilio"]
        return sid

    def application(self, **fields: Any) -> str:  # noqa: ANN401 - as for `call`
        """Create an application with a `voice_url` and other fields. Return its sid in Twilio's format."""
        sid: str = self._control.post("/applications", **fields)["sid"]["twilio"]
        return sid

    def hang_up(self, sid: str) -> Call:
        """End a call and its recordings."""
        return call_from(self._control, self._control.post(f"/calls/{sid}/hangup"))

    def conference(self, **fields: Any) -> Conference:  # noqa: ANN401 - the control API defines the fields
        """Create a conference with calls: `friendly_name`, `participants`, `status`, `record` and others."""
        return _conference(self._control, self._control.post("/conferences", **fields))

    def record_conference(self, sid: str) -> str:
        """Start a recording of a conference, as a media engine does. Return the recording's sid in Twilio's format."""
        recording: str = self._control.post(f"/conferences/{sid}/recordings")["sid"]["twilio"]
        return recording

    def end_conference(self, sid: str) -> Conference:
        """End a conference and its recordings."""
        return _conference(self._control, self._control.post(f"/conferences/{sid}/end"))

    def advance(self, seconds: float, timeout: float = ADVANCE_SECONDS) -> None:
        """Advance the clock of this account; no other account's time moves.

        Recordings that have ended are finished on the way, which takes about a second for each hour of audio.

        Args:
            seconds: by how much.
            timeout: seconds of real time.

        Raises:
            NoAnswer: the clock has not arrived within `timeout` seconds; the server still moves it.
        """
        with naming("advance", "seconds"):
            self._control.send("/clock", {"advance": seconds}, timeout)

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
        fault: str = self._control.post("/faults", on=on, times=times, then=then)["id"]
        return fault

    def callbacks(self, sid: str | None = None, event: str | None = None, wait: float = 0) -> list[dict[str, Any]]:
        """Return the callbacks sent to the application, newest last. Waits up to `wait` seconds for a match."""
        return list(self._control.get("/callbacks", waits=wait, sid=sid, event=event, wait=wait or None)["callbacks"])

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
        with naming("wait", "timeout"):
            found = self.callbacks(sid, event, timeout)
        if not found:
            wanted = (
                " ".join([*([f"with event {event}"] if event else []), *([f"of {sid}"] if sid else [])]) or "at all"
            )
            raise CallbackMissing(wanted, timeout, self.callbacks())
        return found[0]

    def webhooks(self, call: str | None = None, kind: str | None = None, wait: float = 0) -> list[dict[str, Any]]:
        """Return the requests for instructions, newest last. Waits up to `wait` seconds for one that was answered."""
        return list(self._control.get("/webhooks", waits=wait, call=call, kind=kind, wait=wait or None)["webhooks"])

    def expect_webhook(self, kind: str | None = None, call: str | None = None, timeout: float = 10) -> dict[str, Any]:
        """Wait for a request for instructions, and return the first one that matches, even an earlier one.

        Does not advance the clock.

        Args:
            kind: only this kind, such as `voice` or `action`.
            call: only requests of the call with this sid.
            timeout: seconds of real time, at most 60.

        Raises:
            WebhookMissing: none came in time; its text lists what came instead.
            Refused: `timeout` is more than 60.
        """
        with naming("wait", "timeout"):
            found = self.webhooks(call, kind, timeout)
        if not found:
            wanted = " ".join([*([f"of kind {kind}"] if kind else []), *([f"of {call}"] if call else [])]) or "at all"
            raise WebhookMissing(wanted, timeout, self.webhooks())
        return found[0]

    def replay(self, callback: str) -> None:
        """Deliver a callback again, with the same idempotency token, body and signature."""
        self._control.post(f"/callbacks/{callback}/replay")

    def requests(self) -> list[dict[str, Any]]:
        """Return the API requests of the application with their responses, newest last."""
        return list(self._control.get("/requests")["requests"])

    @property
    def _control(self) -> Control:
        return Control(self.url, self.account_sid)

    def _wait(self, path: str, timeout: float, **fields: Any) -> None:  # noqa: ANN401 - as for `call`
        try:
            self._control.send(path, {"timeout": timeout, **fields}, timeout + control.ANSWER_SECONDS)
        except Refused as error:
            if error.status == REQUEST_TIMEOUT:
                raise NotSettled(json.loads(str(error))["left"]) from error
            raise


def _conference(api: Control, body: dict[str, Any]) -> Conference:
    sid = body["sid"]
    calls = tuple(call_from(api, each) for each in body["calls"])
    return Conference(sid["twilio"], sid["signalwire"], body["friendly_name"], body["status"], calls)
