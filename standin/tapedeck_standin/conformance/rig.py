"""What the checks work with: a connector, the journal of what it did, and the means to provoke it."""

import json
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, TypeVar

from tapedeck_standin.conformance.client import StandInClient
from tapedeck_standin.conformance.journal import Journal, Records, SeenEvent
from tapedeck_standin.conformance.process import ConnectorProcess
from tapedeck_standin.conformance.proxy import Proxy, answering_events

FoundT = TypeVar("FoundT")

PATIENCE_SECONDS: Final = 10
"""How long a check waits for what the connector must do."""

_UNDELAYED_SECONDS: Final = 1.8
"""Less than the two seconds for which an event that gets `later` may delay those behind it."""

QUIET_SECONDS: Final = 2.5
"""How long a check watches that the connector does not do something."""


class CheckFailed(Exception):
    """The connector does not follow the rule; the text says what was expected and what was seen."""


class CheckSkipped(Exception):
    """The check does not apply to this connector; the text says why."""


@dataclass(frozen=True, slots=True)
class TestRecording:
    """A recording that a check has requested, and its call."""

    call: str
    recording: str


@dataclass(slots=True)
class Rig:
    """A connector between the stand-in and the proxy.

    `process` is None if the connector is started by hand. `call_command` is a shell command that makes the engine
    report a new call; without it, the suite creates calls. `calls` and `messages` are those of the present check.
    """

    client: StandInClient
    proxy: Proxy
    journal: Journal
    account: str
    token: str
    process: ConnectorProcess | None = None
    call_command: str = ""
    calls: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    # The connector

    def connect(self) -> None:
        """Start the connector if it does not run, and wait until its session is open."""
        if self.process is not None and not self.process.is_running:
            before = self.journal.last_number
            self.proxy.end_polls()
            self.process.start()
            self.expect("a session that is opened", lambda seen: _opened(seen, before), _START_SECONDS)
        elif self.process is None:
            self.expect("a session that is opened", lambda seen: _opened(seen, 0), _START_BY_HAND_SECONDS)

    def controlled_process(self) -> ConnectorProcess:
        """Return the process of the connector; skip the check if the suite did not start it."""
        if self.process is None:
            raise CheckSkipped("the suite must start the connector: put its command line after --")
        return self.process

    def capability(self, name: str) -> Any:  # noqa: ANN401 - a flag, or a list
        """Return a capability of the last session, or its default."""
        session = self.journal.read(lambda seen: _opened(seen, 0))
        stated = session.body.get("capabilities") if session is not None else None
        return {**_DEFAULTS, **(stated if isinstance(stated, dict) else {})}.get(name)

    def need(self, capability: str) -> None:
        """Skip the check if the connector does not state a capability."""
        if not self.capability(capability):
            raise CheckSkipped(f"the capability `{capability}` is not declared")

    # Calls, recordings and commands

    def make_call(self) -> str:
        """Return the id of a new call of the engine (C-245)."""
        call = self._report_call() if self.call_command else self.client.create_call()
        self.calls.append(call)
        return call

    def request_recording(self, call: str | None = None) -> TestRecording:
        """Request a recording of a call, or of a new one."""
        call = call or self.make_call()
        return TestRecording(call, self.client.start_recording(call))

    def start_recording(self, call: str | None = None) -> TestRecording:
        """Request a recording, and wait until its start is reported and stored."""
        made = self.request_recording(call)
        self.expect_event(made.recording, "recording.started")
        return made

    def update(self, made: TestRecording, status: str) -> None:
        """Request `paused`, `in-progress` or `stopped`."""
        self.client.update_recording(made.call, made.recording, status)

    def finish(self, made: TestRecording) -> None:
        """Stop a recording, and wait until its end is reported."""
        self.update(made, "stopped")
        self.expect_event(made.recording, "recording.completed", "recording.absent")

    def command_of(self, made: TestRecording, kind: str) -> Mapping[str, Any]:
        """Return the newest command of a type that the connector has received for a recording."""
        return self.expect(f"the receipt of {kind}", lambda seen: _command(seen, made.recording, kind))

    def send(self, command: Mapping[str, Any] | str) -> str:
        """Send a message to the connector's queue; return its message id."""
        message = self.client.send(command if isinstance(command, str) else json.dumps(command))
        self.messages.append(message)
        return message

    def invented_command(self, kind: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Return a command that Tapedeck did not send."""
        now = now_ms()
        return {
            "protocol": 2, "id": uuid.uuid4().hex, "type": kind, "issued_at": now, "not_after": now + 120_000, **fields,
        }  # fmt: skip

    @contextmanager
    def held_commands(self) -> Iterator[Callable[[TestRecording, int], Sequence[Mapping[str, Any]]]]:
        """Keep commands from the connector; yield a function that takes those of a recording out of the queue."""
        with self.proxy.holding_commands():
            yield self._take

    @contextmanager
    def answering_later(self, matches: Callable[[Mapping[str, Any]], bool]) -> Iterator[None]:
        """Give `later` to the events that match."""

        def result_of(event: Mapping[str, Any]) -> Mapping[str, Any] | None:
            return {"outcome": "later", "after_ms": 200} if matches(event) else None

        with self.proxy.intercepting("events", answering_events(result_of)):
            yield

    @contextmanager
    def answering_for(self, recording: str) -> Iterator[None]:
        """Take the events of a recording in place of Tapedeck, which does not get them."""

        def result_of(event: Mapping[str, Any]) -> Mapping[str, Any] | None:
            return {"outcome": "taken"} if event.get("recording") == recording else None

        with self.proxy.intercepting("events", answering_events(result_of)):
            yield

    def clean_up(self) -> None:
        """Withdraw the messages of a check, and end its calls, and with them their recordings."""
        self.proxy.withdraw(self.messages)
        self.messages.clear()
        end = self.client.hang_up if self.call_command else self.client.end_call
        for call in self.calls:
            end(call)
        self.calls.clear()

    # Expectations

    def expect(self, what: str, look: Callable[[Records], FoundT | None], seconds: float = PATIENCE_SECONDS) -> FoundT:
        """Wait until something is seen, and return it.

        Raises:
            CheckFailed: it was not seen in time, or the connector has ended.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.journal.wait_for(look, min(0.5, max(0.0, deadline - time.monotonic())))
            if found:
                return found
            if self.process is not None and not self.process.is_running:
                raise CheckFailed(f"expected {what}; the connector has ended with code {self.process.exit_code}")
        raise CheckFailed(f"expected {what} within {seconds:g} s; not seen")

    def expect_event(
        self, resource: str, *types: str, version: int | None = None, since: int = 0, seconds: float = PATIENCE_SECONDS
    ) -> SeenEvent:
        """Wait for an event of a resource with a final outcome, and return it."""
        wanted = " or ".join(types) + (f" with version {version}" if version is not None else "")

        def look(seen: Records) -> SeenEvent | None:
            found = [
                each
                for each in seen.events_of(resource, *types, since=since)
                if each.is_final and (version is None or each.event.get("version") == version)
            ]
            return found[0] if found else None

        try:
            return self.expect(wanted, look, seconds)
        except CheckFailed as failed:
            seen = self.journal.read(lambda records: _described(records.events_of(resource, since=since)))
            raise CheckFailed(f"{failed}; of this resource: {seen or 'nothing'}") from None

    def expect_reported(self, resource: str, *types: str, since: int = 0) -> SeenEvent:
        """Wait for an event of a resource, with any outcome or none."""
        return self.expect(
            " or ".join(types), lambda seen: next(iter(seen.events_of(resource, *types, since=since)), None)
        )

    def expect_session(self, since: int) -> Mapping[str, Any]:
        """Wait for a session after this number of the journal, and return the request."""
        found = self.expect("a session that is opened", lambda seen: _opened(seen, since))
        body: Mapping[str, Any] = found.body
        return body

    def renew_session(self) -> Mapping[str, Any]:
        """Make the connector open its session again; return the request."""
        before = self.journal.last_number
        self.send(self.invented_command("engine.resync", wanted={}))
        return self.expect_session(before)

    def last_boot(self) -> str:
        """Return the boot of the last session."""
        return str(self.expect_session(0)["boot"])

    def wait_for_status(self, made: TestRecording, status: str) -> None:
        """Wait until a customer sees this status of a recording."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (seen := self.client.status_of(made.recording)) != status and time.monotonic() < deadline:
            time.sleep(0.05)
        check(seen == status, f"a recording that is {status}", seen)

    def expect_undelayed(self, waiting: SeenEvent, made: TestRecording, kind: str) -> None:
        """Wait for an event of a recording before the one that got `later` has ceased to delay others."""
        left = waiting.at + _UNDELAYED_SECONDS - time.monotonic()
        self.expect_event(made.recording, kind, since=waiting.number, seconds=max(0.1, left))

    def succeed_once(self, attempt: Callable[[], None]) -> None:
        """Try up to three times: on a slow machine, an answer may be late by chance."""
        for _ in range(_ATTEMPTS - 1):
            with suppress(CheckFailed):
                return attempt()
        return attempt()

    def expect_deleted(self, message: str, what: str) -> None:
        """Wait until the connector has deleted a message."""
        self.expect(f"the deletion of {what}", lambda seen: message in seen.deleted)

    def expect_nothing(self, what: str, look: Callable[[Records], object], seconds: float = QUIET_SECONDS) -> None:
        """Watch that something is not seen.

        Raises:
            CheckFailed: it was seen.
        """
        found = self.journal.wait_for(look, seconds)
        if found:
            raise CheckFailed(f"expected no {what}; seen: {_described(found)}")

    def _report_call(self) -> str:
        """Make the engine report a new call; return its id."""
        before = self.journal.last_number
        subprocess.run(self.call_command, shell=True, check=True, timeout=60)  # noqa: S602 - the user's own command
        event = self.expect(
            "call.answered after the command that makes a call",
            lambda seen: next((e for e in seen.events if e.number > before and e.type == "call.answered"), None),
        )
        return str(event.event.get("call"))

    def _take(self, made: TestRecording, count: int) -> Sequence[Mapping[str, Any]]:
        taken = self.client.take(made.recording, count)
        if len(taken) < count:
            raise CheckFailed(f"expected {count} commands in the queue; seen: {len(taken)}")
        return taken


_ATTEMPTS: Final = 3
_START_SECONDS: Final = 60
_START_BY_HAND_SECONDS: Final = 3_600

_DEFAULTS: Final[Mapping[str, Any]] = {
    "pause": True, "restart": True, "tracks": True, "dual": True, "conference": True, "conference_recording": True,
    "presence": True, "participants": [], "dtmf": False,
}  # fmt: skip
"""Capabilities that count if a session does not state them."""


def now_ms() -> int:
    """Return the time, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def check(condition: object, expected: str, seen: object) -> None:
    """Fail the check if a condition does not hold."""
    if not condition:
        raise CheckFailed(f"expected {expected}; seen: {seen}")


def _opened(seen: Records, since: int) -> Any:  # noqa: ANN401 - SeenRequest, or None
    """Return the last session request that was answered with 200."""
    opened = [each for each in seen.requests_to("sessions", since) if each.status == HTTPStatus.OK]
    return opened[-1] if opened else None


def _command(seen: Records, recording: str, kind: str) -> Mapping[str, Any] | None:
    for each in reversed(seen.commands):
        try:
            content = json.loads(each.body)
        except ValueError:
            continue
        if isinstance(content, dict) and content.get("recording") == recording and content.get("type") == kind:
            return content
    return None


def _described(found: object) -> str:
    """Describe events in one line; anything else as it is."""
    if not isinstance(found, list):
        return str(found)
    return ", ".join(
        f"{each.type} (version {each.event.get('version')}, seq {each.seq}, {each.outcome or 'no outcome'})"
        if isinstance(each, SeenEvent)
        else str(each)
        for each in found
    )
