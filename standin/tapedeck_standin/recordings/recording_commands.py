"""How a simulated engine carries out the commands for recordings, and which recordings it starts by itself."""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from tapedeck.dialects.selection import TWILIO
from tapedeck.domain.identity import new_id
from tapedeck.ports.clock import Clock
from tapedeck_standin.clock import time_of
from tapedeck_standin.recordings.captures import Capture
from tapedeck_standin.recordings.command_memory import KEPT_RECORDINGS_MS, CommandMemory
from tapedeck_standin.recordings.commands import Command, EventReporter, has_expired

_ANSWERS: Final = {"in-progress": "recording.resumed", "paused": "recording.paused", "stopped": "recording.stopped"}
"""Type of the event that reports a change to a status."""


class RecordingCommands:
    """The captures that run or whose media are not finished. Thread-safe.

    A command states everything that is wanted, so the highest version decides, in any order of arrival (C-222).

    Args:
        memory: the commands that were carried out.
        report: reports an event.
        refuse: reports that a command is not carried out: the command, the code, and whether this is final.
        clock: milliseconds since the epoch.
    """

    def __init__(
        self, memory: CommandMemory, report: EventReporter, refuse: Callable[[Command, str], object], clock: Clock
    ) -> None:
        self._memory = memory
        self._report = report
        self._refuse = refuse
        self._clock = clock
        self._lock = threading.RLock()
        self.captures: dict[str, Capture] = {}
        """By recording."""
        self.handlers: Mapping[str, Callable[[Command], None]] = {
            "recording.start": self._apply,
            "recording.pause": self._apply,
            "recording.resume": self._apply,
            "recording.stop": self._apply,
            "media.delete": self._delete,
        }

    def start_own(
        self,
        account: str,
        parent: Mapping[str, str],
        *,
        source: str,
        callback: Mapping[str, Any] | None,
        trim: str,
        channels: int = 1,
        track: str = "both",
        at: int | None = None,
        has_sound: bool = True,
    ) -> Capture:
        """Start a recording without a command, report and return it; it began `at` (milliseconds; None: now)."""
        now = self._clock() if at is None else at
        capture = Capture(account, parent, new_id(now), channels, track, now, 1, has_sound=has_sound)
        capture.begin()
        with self._lock:
            self.add(capture)
        event = {**capture.state_event(), "source": source, "trim": trim}
        self._report(parent["id"], event if callback is None else {**event, "callback": callback})
        return capture

    def stop_own(self, capture: Capture, at: int) -> None:
        """Stop a recording without a command, and report it; one that has stopped stays as it is."""
        with self._lock:
            if capture.status == "stopped" or capture.recording not in self.captures:
                return
            capture.apply("stopped", None, capture.version, at)
            capture.answer = "recording.stopped"
            self._memory.note(("recording", capture.recording), capture.version, capture.state_event())
        self._report(capture.parent["id"], capture.state_event())

    def running_of(self, parent: str) -> list[Capture]:
        """Return the captures of a call or conference that run."""
        with self._lock:
            return [each for each in self.captures.values() if each.parent["id"] == parent and each.due_at is None]

    def give_up(self, capture: Capture, at: int) -> None:
        """Report that a recording that has stopped holds nothing but silence; no media is uploaded."""
        self.finish(capture)
        event = {
            "type": "recording.absent", "at": at, "account": capture.account, "parent": capture.parent,
            "recording": capture.recording, "reason": "only_silence",
        }  # fmt: skip
        self._report(capture.parent["id"], event)

    def add(self, capture: Capture) -> None:
        """Keep a capture that has begun."""
        self.captures[capture.recording] = capture

    def finish(self, capture: Capture) -> bool:
        """Forget a capture whose media is finished; return False if it was forgotten already."""
        with self._lock:
            subject = ("recording", capture.recording)
            self._memory.note(subject, capture.version, capture.state_event())
            self._memory.end(subject, KEPT_RECORDINGS_MS)
            return self.captures.pop(capture.recording, None) is not None

    def ended(self, account: str | None) -> list[Capture]:
        """Return the captures of an account (None: of all) that have ended, with the time of their media."""
        with self._lock:
            captures = list(self.captures.values())
        return [each for each in captures if each.due_at is not None and account in {None, each.account}]

    def due(self) -> list[Capture]:
        """Return the captures of all accounts whose media must be finished now."""
        return [
            capture
            for capture in self.ended(None)
            if capture.due_at is not None and capture.due_at <= time_of(self._clock, capture.account)
        ]

    def discard(self, recording: str) -> None:
        """Delete a capture, also one that runs; nothing is uploaded, and nothing begins again (C-276)."""
        with self._lock:
            self.captures.pop(recording, None)
            self._memory.end(("recording", recording), KEPT_RECORDINGS_MS)

    def forget(self, account: str) -> None:
        """Drop the captures of an account."""
        with self._lock:
            self.captures = {name: each for name, each in self.captures.items() if each.account != account}

    def _apply(self, command: Command) -> None:
        with self._lock:
            capture = self.captures.get(command["recording"])
            if capture is not None:
                self._change(capture, command)
            elif self._memory.has_ended(("recording", command["recording"])):
                self._answer_ended(command)
            else:
                self._begin(command)

    def _begin(self, command: Command) -> None:
        """Begin a capture as wanted; one that was stopped before it began only gets a report of its end."""
        now, wanted, requested_at = self._clock(), command["wanted"], command.get("issued_at")
        capture = Capture(
            command["account"], command["parent"], command["recording"], wanted["channels"], wanted["track"], now,
            command["version"],
        )  # fmt: skip
        if wanted["status"] == "stopped":
            capture.answer = "recording.stopped"
            capture.apply("stopped", None, command["version"], now, requested_at)
        elif has_expired(command, now):
            self._refuse(command, "expired")
            return
        else:
            capture.apply(wanted["status"], wanted.get("pause_behavior"), command["version"], now, requested_at)
        self.captures[capture.recording] = capture
        self._answer(capture)

    def _change(self, capture: Capture, command: Command) -> None:
        version, wanted = command["version"], command["wanted"]
        if version > capture.version:
            if capture.status == "stopped":
                capture.version = version  # a capture that has stopped is not started again
            else:
                behavior, requested_at = wanted.get("pause_behavior"), command.get("issued_at")
                capture.apply(wanted["status"], behavior, version, self._clock(), requested_at)
                capture.answer = _ANSWERS[wanted["status"]]
        self._answer(capture)

    def _answer(self, capture: Capture) -> None:
        self._report_state(capture, capture.state_event())

    def _report_state(self, capture: Capture, event: Mapping[str, Any]) -> None:
        self._memory.note(("recording", capture.recording), capture.version, event)
        self._report(capture.parent["id"], {**event, "version": capture.version})

    def _answer_ended(self, command: Command) -> None:
        """Report that a recording has stopped, whose media are finished or were deleted."""
        last = self._memory.last(("recording", command["recording"]))
        version = max(command["version"], last.version if last is not None else 0)
        ended_at = last.event["at"] if last is not None else self._clock()
        ended = Capture(
            command["account"], command["parent"], command["recording"], 1, "both", ended_at, version,
            answer="recording.stopped",
        )  # fmt: skip
        # Its evidence chain is what it was: this report adds nothing to it.
        evidence = last.event.get("evidence") if last is not None else None
        event = {name: value for name, value in ended.state_event().items() if name != "evidence"}
        self._report_state(ended, event if evidence is None else {**event, "evidence": evidence})

    def _delete(self, command: Command) -> None:
        self.discard(command["recording"])


def dialed_recording_of(options: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the recording that the options of a dialed call request, as arguments of `start_own`; None without one."""
    if not options.get("record"):
        return None
    return {
        "source": "OutboundAPI",
        "channels": 2 if options.get("recording_channels") == "dual" else 1,
        "track": options.get("recording_track", "both"),
        "trim": options.get("trim", "trim-silence"),
        "callback": callback_of(options, "recording_status_callback"),
    }


def callback_of(options: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return the subscription in a participant's options; None without one."""
    url = options.get(name)
    if url is None:
        return None
    events = options.get(f"{name}_event", ("completed",))
    return {
        "url": url, "method": options.get(f"{name}_method", "POST"), "events": list(events), "dialect": TWILIO.name,
    }  # fmt: skip
