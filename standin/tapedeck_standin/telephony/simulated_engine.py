"""A simulated media engine, which speaks the engine protocol as any engine does: JSON, and four callables.

It carries out commands from its queue at once, reports what it did, and uploads real WAV files. It has no thread and
acts only when called. `docs/reference/engine-protocol.md` has the rules that it follows.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from tapedeck.domain.identity import new_id
from tapedeck.ports.clock import Clock
from tapedeck_standin.calls.access import CallFlowAccess
from tapedeck_standin.calls.instruction_requests import InstructionRequests
from tapedeck_standin.calls.parties import Parties
from tapedeck_standin.clock import working_for
from tapedeck_standin.recordings.captures import Capture
from tapedeck_standin.recordings.command_memory import CommandMemory
from tapedeck_standin.recordings.commands import Command
from tapedeck_standin.recordings.recording_commands import RecordingCommands, callback_of, dialed_recording_of
from tapedeck_standin.telephony.call_commands import CallCommands
from tapedeck_standin.telephony.capture_uploads import CaptureUploader, MissingMediaFault
from tapedeck_standin.telephony.engine_links import EngineLinks
from tapedeck_standin.telephony.outbox import Outbox, PendingEvent

if TYPE_CHECKING:
    from tapedeck_callflow.effects import Note

    from tapedeck_standin.calls.call_flows import CallFlows
    from tapedeck_standin.calls.leg import Leg

PROTOCOL: Final = 2

ALIVE_EVERY_MS: Final = 15_000
"""Interval between reports of `engine.alive`; a session's answer may change it."""

RETRY_REQUEST_MS: Final = 1_000
"""Time after which a request that failed is sent again."""

CAPABILITIES: Final = {
    "pause": True, "pause_native_skip": True, "restart": True, "tracks": True, "dual": True, "conference": True,
    "conference_recording": True, "participants": ["mute", "hold", "coach", "announce", "remove"], "place": True,
    "markup": True, "verbs": [
        "Say", "Play", "Pause", "Gather", "Record", "Redirect", "Hangup", "Reject", "Start", "Stop", "Connect",
        "Dial",
    ],
    "dtmf": True, "speech": True, "streams": False, "rates": [8000],
    "resume_delay_ms": 0, "presence": True,
}  # fmt: skip
"""What the simulated engine can do, as a session states it."""

RecordingPreference = Callable[[str, str], Mapping[str, Any] | None]
"""Returns the recording options for an account's conference, from its first participant; None: no recording now."""


class SimulatedEngine:
    """Replaces Asterisk or FreeSWITCH in simulations. What it does for an account has the time of this account.

    Args:
        links: the connections to Tapedeck.
        clock: milliseconds since the epoch; may be advanced.
        recording_preference: returns how a conference must be recorded, once a dialed participant has joined.
        missing_media_fault: returns the error code if the next recording of an account must have no media.
        log: receives a line for each event that has no effect, and for each message that is not a command.
        note: receives each warning and error of the execution of instructions: the call, what it is, and when.
    """

    def __init__(
        self,
        links: EngineLinks,
        clock: Clock,
        recording_preference: RecordingPreference,
        missing_media_fault: MissingMediaFault,
        log: Callable[[str], object],
        note: "Callable[[Leg, Note, int], object]" = lambda _leg, _note, _at: None,
    ) -> None:
        self._links = links
        self._clock = clock
        self._recording_preference = recording_preference
        self._log = log
        self._lock = threading.RLock()
        self._boot = new_id(clock())
        self._session_needed = True
        self._is_superseded = False
        self._is_draining = False
        self._alive_every_ms = ALIVE_EVERY_MS
        self._alive_at = clock()
        self._commands_unreadable = 0
        self._dialed: dict[str, str] = {}
        """Conferences by dialed call whose answer Tapedeck has not confirmed yet."""
        self._joined: list[tuple[str, str]] = []
        """Account and id of each conference that a dialed call has joined, and that may have to be recorded."""
        self.outbox = Outbox(clock, self._log_dead)
        memory = CommandMemory(clock)
        self._recordings = RecordingCommands(memory, self._report, self._refuse_recording, clock)
        self.parties, self.requests = Parties(), InstructionRequests(links.request, self._may_request)
        self.flows = CallFlowAccess(partial(self._make_flows, memory, note))
        self._calls = CallCommands(memory, self._report, self.flows, clock, self._on_dialed)
        self._handlers: Mapping[str, Callable[[Command], None]] = {
            **self._calls.handlers,
            **self._recordings.handlers,
            "engine.resync": self._resync,
            "engine.drain": self._drain,
        }
        self._uploader = CaptureUploader(links.post, links.upload, missing_media_fault, self._report, log, clock)

    @property
    def captures(self) -> Mapping[str, Capture]:
        """The captures by recording, until their media are finished."""
        return self._recordings.captures

    def step(self) -> bool:
        """Open a session if needed, carry out commands and report events; return whether there was any work."""
        if self._is_superseded:
            return False
        was_busy = self._session_needed and self._open_session()
        if self._session_needed:
            return was_busy
        was_busy = self.process_commands() or was_busy
        was_busy = (self.flows.made is not None and self.flows.made.run_due()) or was_busy
        if self._clock() - self._alive_at >= self._alive_every_ms:
            self._report_alive()
        was_busy = self.report_events() or was_busy
        return self.requests.start_due() or was_busy

    def process_commands(self) -> bool:
        """Carry out the commands that wait; return whether there was any work."""
        received = self._links.receive()
        with self._lock:
            for message in received:
                self._process(message.body)
                self._links.delete(message.receipt)
            joined, self._joined = self._joined, []
        for account, conference in joined:
            with working_for(account):
                options = self._recording_preference(account, conference)
                if options is not None:
                    self._record_conference(account, conference, options)
        return bool(received or joined)

    def report_events(self) -> bool:
        """Report the events that are due; return whether there were any."""
        by_account: dict[str | None, list[PendingEvent]] = {}
        for pending in self.outbox.due():
            by_account.setdefault(pending.account, []).append(pending)
        was_busy = False
        for account, due in by_account.items():
            # One request for each account: `sent_at` is its time.
            with working_for(account):
                was_busy = self._report_batch(due) or was_busy
        return was_busy

    def _report_batch(self, due: Sequence[PendingEvent]) -> bool:
        envelope = {
            "protocol": PROTOCOL, "boot": self._boot, "sent_at": self._clock(),
            "events": [pending.event for pending in due],
        }  # fmt: skip
        status, answer = self._links.post("events", envelope)
        if status != HTTPStatus.OK:
            self.outbox.postpone(due, RETRY_REQUEST_MS)
            return False
        results = {result["id"]: result for result in answer["results"]}
        for pending in due:
            if (result := results.get(pending.event["id"])) is not None:
                self._settle(pending, result)
        if answer.get("resync"):
            self._session_needed = True
        if answer.get("superseded"):
            self._is_superseded = True
            self._log("engine: another session of this engine was opened; this one ends")
        return True

    def accounts_with_due_media(self) -> set[str]:
        """Return the accounts for which `finish_due_media` has something to do."""
        return {capture.account for capture in self._ready(None)}

    def finish_due_media(self, account: str | None = None) -> bool:
        """Write and upload the media of an account (None: of all) that are due; return whether any were finished.

        May be slow. Threads may do it at the same time, each for another account.
        """
        was_busy = False
        for capture in self._ready(account):
            with self._lock:
                is_known = capture.recording in self._recordings.captures
            with working_for(capture.account):
                is_finished = is_known and self._uploader.finish(capture)
                if is_finished:
                    self._recordings.finish(capture)
            if is_finished:
                was_busy = True
            elif capture.due_at is not None:
                capture.due_at += RETRY_REQUEST_MS
        return was_busy

    def uploads(self, account: str | None = None) -> list[Capture]:
        """Return the captures of an account (None: of all) that have ended and whose media are not finished."""
        return self._recordings.ended(account)

    def start_capture(self, capture: Capture) -> None:
        """Take over a capture that has begun, of a recording that Tapedeck knows already."""
        with self._lock:
            self._recordings.add(capture)

    def forget(self, account: str) -> None:
        """Drop the captures and the events of an account."""
        with self._lock:
            self._recordings.forget(account)
            self.parties.forget(account)
            self.requests.forget(account)
            if self.flows.made is not None:
                self.flows.made.forget(account)
            self.outbox.forget(account)

    def _ready(self, account: str | None) -> list[Capture]:
        """Return the captures of an account (None: of all) whose media can be finished now."""
        due = [capture for capture in self._recordings.due() if account in {None, capture.account}]
        # Tapedeck must know that a capture has stopped before it accepts the media.
        return [capture for capture in due if not self.outbox.waits_for(self._subject(capture))]

    def _process(self, body: str) -> None:
        """Carry out one command; one that cannot be read, or of another protocol, is logged and counted (C-278)."""
        try:
            command = json.loads(body)
            handler = self._handlers.get(command["type"])
            if command["protocol"] != PROTOCOL:
                self._note_unreadable("another protocol")
            elif handler is None:
                with working_for(command["account"]):
                    self._calls.refuse(command, "unsupported", is_final=True)
            else:
                with working_for(command.get("account")):
                    handler(command)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._note_unreadable(type(error).__name__)

    def _note_unreadable(self, reason: str) -> None:
        """Count a message that is no command; a new session does not begin to count again (C-275)."""
        self._commands_unreadable += 1
        self._log(f"engine: a command cannot be read: {reason}")

    def _open_session(self) -> bool:
        """Open a session with the complete list of what is live; return whether it was opened."""
        with self._lock:
            live = [capture.listed() for capture in self._recordings.captures.values()]
        status, answer = self._links.post(
            "sessions",
            {
                "protocol": PROTOCOL,
                "boot": self._boot,
                "software": "tapedeck stand-in",
                "capabilities": CAPABILITIES,
                "capacity": {"max_calls": 10_000},
                "sent_at": self._clock(),
                "live": live,
                "more": False,
            },
        )
        if status != HTTPStatus.OK:
            return False
        self._session_needed = False
        self.outbox.continue_above(answer["seq_seen"])
        self._alive_every_ms = answer["alive_every"] * 1000
        self._alive_at = self._clock()
        return True

    def _report_alive(self) -> None:
        self._alive_at = self._clock()
        captures = self._recordings.captures
        self.outbox.add(
            "engine",
            {
                "type": "engine.alive",
                "live": {"calls": 0, "conferences": 0, "recordings": len(captures)},
                "capacity": {"max_calls": 10_000},
                "draining": self._is_draining,
                "outbox": self.outbox.counts(),
                "uploads": {"waiting": len(self._recordings.due()), "oldest_ms": 0},
                "commands_unreadable": self._commands_unreadable,
                "media": {"gaps": 0, "lost_ms": 0},
            },
        )

    def _resync(self, _command: Command) -> None:
        self._session_needed = True

    def _drain(self, _command: Command) -> None:
        self._is_draining = True
        self._report_alive()

    def _settle(self, pending: PendingEvent, result: Mapping[str, Any]) -> None:
        outcome = self.outbox.settle(pending, result)
        event = pending.event
        if event["type"] == "recording.started" and outcome == "refused":
            self._recordings.discard(event["recording"])
        is_join = event["type"] == "participant.joined" and outcome == "taken"
        if is_join and self._recording_by_markup(event["conference"]) is not None:
            self._joined.append((event["account"], event["conference"]))
        if event["type"] == "call.answered" and outcome in {"taken", "repeated", "stale"}:
            conference = self._dialed.pop(event["call"], None)
            if conference is not None:
                self._joined.append((event["account"], conference))

    def _on_dialed(self, command: Command) -> None:
        """Start the recording of a dialed call if its options request it."""
        call = command["call"]
        self._dialed[call] = command["conference"]
        recording = dialed_recording_of(command["wanted"]["options"])
        if recording is not None:
            self._recordings.start_own(command["account"], {"type": "call", "id": call}, **recording)

    def _record_conference(self, account: str, conference: str, options: Mapping[str, Any]) -> None:
        self._recordings.start_own(
            account,
            {"type": "conference", "id": conference},
            source="Conference",
            **self._recording_by_markup(conference)
            or {
                "trim": options.get("conference_trim", "trim-silence"),
                "callback": callback_of(options, "conference_recording_status_callback"),
            },
        )

    def _refuse_recording(self, command: Command, code: str) -> None:
        self._calls.refuse(command, code, is_final=False)

    def next_due(self, account: str) -> int | None:
        """Return when something happens next in the calls of an account (milliseconds); None: nothing will."""
        return self.flows.made.next_due(account) if self.flows.made is not None else None

    def accounts_with_calls(self) -> set[str]:
        """Return the accounts in whose calls something will happen."""
        return set(self.flows.made.accounts()) if self.flows.made is not None else set()

    def _make_flows(self, memory: CommandMemory, note: "Callable[[Leg, Note, int], object]") -> "CallFlows":
        # At the first call with instructions: what executes them takes a tenth of a start.
        from tapedeck_standin.calls.call_flows import CallFlows  # noqa: PLC0415

        return CallFlows(
            self._lock, self._report, self._recordings, self.parties, self.requests, note,
            lambda call: memory.end(("call", call)), self._links.find_conference, self._clock,
        )  # fmt: skip

    def _recording_by_markup(self, conference: str) -> Mapping[str, Any] | None:
        """Return how a conference is recorded that markup has opened; None if it is not."""
        return self.flows.made.rooms.recording_of(conference) if self.flows.made is not None else None

    def _may_request(self, call: str) -> bool:
        """Whether Tapedeck knows all that has happened to a call, whose application may read it."""
        return not self.outbox.waits_for(self._ordered_by(call))

    def _subject(self, capture: Capture) -> str:
        return self._ordered_by(capture.parent["id"])

    def _report(self, call_or_conference: str, event: Mapping[str, Any]) -> None:
        self.outbox.add(self._ordered_by(call_or_conference), event)

    def _ordered_by(self, call_or_conference: str) -> str:
        """Return the id by which the events of a call or conference are ordered."""
        flows = self.flows.made
        return self._calls.ordered_by(flows.order_of(call_or_conference) if flows is not None else call_or_conference)

    def _log_dead(self, event: Mapping[str, Any], reason: str) -> None:
        self._log(f"event {event['type']} {event['id']} had no effect: {reason}")
