"""Calls of a stand-in: what they do now, and what the people in them do."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from pytest_tapedeck.control import REQUEST_TIMEOUT, Control, Refused, naming

WAIT_SECONDS = 600
"""How long `wait_for` waits for the answer: the server finishes recordings on the way."""


class CallElsewhere(Exception):
    """A call has not come to where it was waited for; `position` is where it is, or None if it is at no verb."""

    def __init__(self, sid: str, wanted: str, seconds: float, position: dict[str, Any] | None) -> None:
        where = "at no verb" if position is None else f"at {position['verb']}, waiting for {position['waits_for']}"
        super().__init__(
            f"call {sid} has not come to {wanted} within {seconds:g} s of its account's clock, or nothing more happens "
            f"by itself. It is {where}."
        )
        self.position = position


@dataclass(frozen=True)
class Call:
    """A call. Its methods are what the person does who calls or is called.

    Its properties are read from the server each time. All of them raise Refused if the call does not exist, or if its
    status does not allow the method.

    Args:
        sid: the sid in Twilio's format.
        id: the same sid in SignalWire's format.
    """

    sid: str
    id: str
    _control: Control = field(repr=False, compare=False)

    @property
    def course(self) -> dict[str, Any]:
        """All that `GET /_standin/calls/{sid}` shows: the call, where it is, and what has happened in it."""
        return self._control.get(f"/calls/{self.sid}")

    @property
    def status(self) -> str:
        """The status in Twilio's spelling, such as `in-progress`."""
        status: str = self.course["status"]
        return status

    @property
    def position(self) -> dict[str, Any] | None:
        """The verb at which the call is: `verb`, `index`, `since`, `until`, `waits_for`; None if it is at none."""
        position: dict[str, Any] | None = self.course["position"]
        return position

    @property
    def played(self) -> list[dict[str, Any]]:
        """What was said and played, oldest first: `at`, `verb`, and `text`, `url` or `digits`."""
        return list(self.course["played"])

    @property
    def children(self) -> list[Call]:
        """The calls that it has dialed, oldest first."""
        return [_with_sid(self._control, sid) for sid in self.course["children"]]

    def webhooks(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Return the requests for its instructions, newest last; `kind`: only such as `voice` or `action`."""
        return list(self._control.get("/webhooks", call=self.sid, kind=kind)["webhooks"])

    def warnings(self, code: int | None = None) -> list[dict[str, Any]]:
        """Return the warnings about it and its instructions, newest last; `code`: only those with this code."""
        return list(self._control.get("/warnings", call=self.sid, code=code)["warnings"])

    def wait_for(self, where: str, at_most: float = 3600, timeout: float = WAIT_SECONDS) -> dict[str, Any] | None:
        """Advance the clock of the account until the call is there, and return its position.

        Args:
            where: a verb, such as `Record`; `waits`, for a person; or `ended`.
            at_most: seconds by which the clock is advanced at most.
            timeout: seconds of real time.

        Raises:
            CallElsewhere: it does not come there by itself, or not within `at_most` seconds.
            NoAnswer: the server has not answered within `timeout` seconds; it goes on.
        """
        fields = {"until": where, "call": self.sid, "at_most": at_most}
        try:
            with naming("until", "where"):
                answer = self._control.send("/clock", fields, timeout)
        except Refused as error:
            if error.status == REQUEST_TIMEOUT:
                position = json.loads(str(error))["position"]
                raise CallElsewhere(self.sid, where, at_most, position) from error
            raise
        reached: dict[str, Any] | None = answer["position"]
        return reached

    def press(self, digits: str) -> bool:
        """Press keys, `w` for half a second; return whether something listened to them."""
        used: bool = self._act("press", digits=digits)["used"]
        return used

    def speak(self, seconds: float, text: str = "", confidence: float | None = None) -> None:
        """Speak from now on, for so many seconds. Does not advance the clock.

        Args:
            seconds: how long.
            text: the words, for a `<Gather>` that listens to speech.
            confidence: how sure the recognition is, from 0 to 1.
        """
        self._act("speak", seconds=seconds, text=text, confidence=confidence)

    def hang_up(self) -> None:
        """End the call and its recordings."""
        self._act("hangup")

    def answer(self, answered_by: str | None = None) -> None:
        """Answer a call that was dialed and rings; `answered_by` is `human`, `machine`, `fax` or `unknown`."""
        self._act("answer", answered_by=answered_by)

    def busy(self) -> None:
        """Answer a call that was dialed and rings with: the line is busy."""
        self._act("busy")

    def decline(self) -> None:
        """Decline a call that was dialed and rings."""
        self._act("decline")

    def no_answer(self) -> None:
        """Stop the ringing of a call that was dialed, because there is no answer."""
        self._act("no_answer")

    def fail(self) -> None:
        """Let a call that was dialed and rings fail, because its number cannot be reached."""
        self._act("fail")

    def close_stream(self, name: str | None = None) -> None:
        """Close the stream that the call is connected to, as its far end; `name`: the stream with this name."""
        self._act("stream/close", name=name)

    def _act(self, what: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - the control API defines the fields
        given = {name: value for name, value in fields.items() if value is not None}
        return self._control.post(f"/calls/{self.sid}/{what}", **given)


def call_from(control: Control, body: dict[str, Any]) -> Call:
    """Return the call of an answer of the control API."""
    return _with_sid(control, body["sid"])


def _with_sid(control: Control, sid: dict[str, str]) -> Call:
    return Call(sid["twilio"], sid["signalwire"], control)
