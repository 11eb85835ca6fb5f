"""A media engine that takes commands from a queue and reports events through another one; it writes only lengths."""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

from tapedeck.domain.identity import new_id
from tapedeck.ports.clock import Clock
from tapedeck.ports.messaging import Queue, QueueMessage
from tapedeck_standin.aws.standard_queue import MemoryStandardQueue
from tapedeck_standin.recordings.audio import Part
from tapedeck_standin.recordings.captures import PROCESSING_SECONDS, CaptureMode
from tapedeck_standin.recordings.recording_commands import dialed_recording_of
from tests.engine_reports import capture_fields
from tests.simulation.storage import MemoryObjects, write_length


@dataclass
class CaptureSession:
    """The capture of one recording: its finished parts, and the current `mode` since `since` (milliseconds).

    `version` is the highest command version applied. `due_at` is when the media must be finished (milliseconds), None
    while the capture runs.
    """

    account: str
    parent: Mapping[str, str]
    recording: str
    channels: int
    since: int
    mode: CaptureMode = CaptureMode.AUDIO
    version: int = 0
    parts: list[Part] = field(default_factory=list)
    due_at: int | None = None

    def switch_mode(self, mode: CaptureMode, now: int) -> None:
        """Change the capture mode from `now` (milliseconds) on."""
        elapsed = max(0, now - self.since)
        if self.mode is not CaptureMode.NOTHING and elapsed:
            self.parts.append(Part(elapsed, self.mode is CaptureMode.AUDIO))
        self.mode, self.since = mode, now


class QueueEngine:
    """A media engine without a thread, which acts only when called; its captures can be inspected.

    Args:
        commands: the queue of engine commands.
        events: the queue of engine events.
        clock: milliseconds since the epoch.
        objects: stores finished captures.
        get_absence: returns the error code if the next recording must have no media.
    """

    def __init__(
        self,
        commands: MemoryStandardQueue,
        events: Queue,
        clock: Clock,
        objects: MemoryObjects,
        get_absence: Callable[[], int | None],
    ) -> None:
        self._commands = commands
        self._events = events
        self._clock = clock
        self._objects = objects
        self._get_absence = get_absence
        self._sessions: dict[str, CaptureSession] = {}
        """Sessions by recording."""
        self._finished: set[str] = set()
        """Recordings whose media is finished; later commands for them have no effect."""
        self._numbers = count(1)
        self._handlers: Mapping[str, Callable[[dict[str, Any]], None]] = {
            "recording.start": self._apply_recording_command,
            "recording.pause": self._apply_recording_command,
            "recording.resume": self._apply_recording_command,
            "recording.stop": self._apply_recording_command,
            "media.delete": self._forget_recording,
            "call.place": self._place,
            "call.hang_up": self._acknowledging("call.ended", "call"),
            "call.redirect": self._acknowledging("call.redirected", "call"),
            "conference.end": self._end_conference,
            "conference.announce": self._acknowledging("conference.announced", "conference"),
            "participant.add": self._dial,
            "participant.update": self._acknowledging("participant.changed", "conference", "call"),
            "participant.remove": self._acknowledging("participant.left", "conference", "call"),
        }

    def process_commands(self) -> bool:
        """Execute the pending commands; return whether there were any."""
        received = self._commands.receive()
        for message in received:
            command = json.loads(message.body)
            self._handlers[command["type"]](command)
            self._commands.delete(message.receipt)
        return bool(received)

    def finish_due_media(self) -> bool:
        """Upload and report the media that are due; return whether any were."""
        now = self._clock()
        due = [session for session in self._sessions.values() if session.due_at is not None and session.due_at <= now]
        for session in due:
            self._finish(session)
        return bool(due)

    def next_seq(self) -> int:
        """Return the sequence number of the next event of this engine, whichever double reports it."""
        return next(self._numbers)

    def capturing(self) -> list[str]:
        """Ids of the recordings that are being captured."""
        return [name for name, session in self._sessions.items() if session.due_at is None]

    def act(self, recording: str, kind: str) -> bool:
        """Change a capture on the engine's own initiative; return False if it is not capturing the recording."""
        session = self._sessions.get(recording)
        if session is None or (session.due_at is not None and kind != "recording.absent"):
            return False
        if kind == "recording.absent":
            self._mark_finished(session)
            return True
        capture = {"recording.resumed": CaptureMode.AUDIO, "recording.paused": CaptureMode.SILENCE}
        session.switch_mode(capture.get(kind, CaptureMode.NOTHING), self._clock())
        if kind == "recording.stopped":
            session.due_at = self._clock() + PROCESSING_SECONDS * 1000
        return True

    def _apply_recording_command(self, command: dict[str, Any]) -> None:
        """Apply a recording command; every type carries the complete desired state.

        Deviation from the engine protocol: `recording.started` always acknowledges version 1, even if the start command
        has a higher version, and a repeated `recording.start` is not acknowledged again.
        """
        now, desired, recording_id = self._clock(), command["wanted"], command["recording"]
        session = self._sessions.get(recording_id)
        if session is None:
            if desired["status"] == "stopped" or recording_id in self._finished:
                # The capture never began, or its media is already finished; a start that arrives later has no effect.
                self._finished.add(recording_id)
                self._report("recording.stopped", command, parent=command["parent"], recording=recording_id)
                return
            session = CaptureSession(command["account"], command["parent"], recording_id, desired["channels"], now)
            self._sessions[recording_id] = session
            self._report("recording.started", {**command, "version": 1}, parent=session.parent, recording=recording_id)
        if command["version"] > session.version and session.due_at is None:
            session.version = command["version"]
            session.switch_mode(_CAPTURE_MODES[desired["status"], desired.get("pause_behavior")], now)
            if desired["status"] == "stopped":
                session.due_at = now + PROCESSING_SECONDS * 1000
        if command["type"] != "recording.start":
            self._report(_TRANSITION_EVENTS[desired["status"]], command, parent=session.parent, recording=recording_id)

    def _finish(self, session: CaptureSession) -> None:
        """Upload the media and report them, or report that there are none."""
        cause = {"account": session.account}
        named: dict[str, Any] = {"parent": session.parent, "recording": session.recording}
        error = self._get_absence()
        if error is not None:
            self._report("recording.absent", cause, **named, error=error)
            self._mark_finished(session)
            return
        key = f"{session.account}/{session.recording}/original.wav"
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "capture.wav"
            write_length(file, session.parts, [True] * session.channels)
            self._objects.upload(key, file)
        content = self._objects.uploaded(key)
        self._report("recording.completed", cause, **named, **capture_fields(session.recording, content))
        self._mark_finished(session)

    def _mark_finished(self, session: CaptureSession) -> None:
        self._finished.add(session.recording)
        self._sessions.pop(session.recording, None)

    def _forget_recording(self, command: dict[str, Any]) -> None:
        self._sessions.pop(command["recording"], None)

    def _place(self, command: dict[str, Any]) -> None:
        """Report that the dialed call rings and is answered."""
        for kind in ("call.ringing", "call.answered"):
            self._report(kind, command, call=command["call"])

    def _dial(self, command: dict[str, Any]) -> None:
        """Report that the dialed call rings and is answered; start its recording if requested."""
        conference, call = command["conference"], command["call"]
        self._report("call.ringing", command, group=conference, call=call)
        self._report("call.answered", command, group=conference, call=call)
        recording = dialed_recording_of(command["wanted"]["options"])
        if recording is not None:
            self._start_own_recording(command["account"], {"type": "call", "id": call}, group=conference, **recording)

    def _start_own_recording(
        self,
        account: str,
        parent: Mapping[str, str],
        *,
        group: str,
        channels: int = 1,
        track: str = "both",
        **more: Any,
    ) -> None:
        """Start a recording without a command, and report it."""
        recording_id = new_id(self._clock())
        self._sessions[recording_id] = CaptureSession(account, parent, recording_id, channels, self._clock(), version=1)
        self._report(
            "recording.started",
            {"account": account},
            group=group,
            parent=parent,
            recording=recording_id,
            channels=channels,
            track=track,
            **{name: value for name, value in more.items() if value is not None},
        )

    def _end_conference(self, command: dict[str, Any]) -> None:
        self._report("conference.ended", command, conference=command["conference"], reason="conference-ended-via-api")

    def _acknowledging(self, event_type: str, *names: str) -> Callable[[dict[str, Any]], None]:
        """Return a command handler that only reports the acknowledging event, with these fields of the command."""

        def acknowledge(command: dict[str, Any]) -> None:
            self._report(event_type, command, **{name: command[name] for name in names})

        return acknowledge

    def _report(self, event_type: str, cause: Mapping[str, Any], *, group: str | None = None, **fields: Any) -> None:
        """Send an event.

        Args:
            event_type: its `type`.
            cause: the command that the event acknowledges; only its account if the engine acted by itself.
            group: the message group; by default the parent, conference or call of the event.
            fields: the other fields of the event.
        """
        now = self._clock()
        event = {
            "id": new_id(now), "type": event_type, "account": cause["account"], "seq": self.next_seq(), "at": now,
            **fields,
        }  # fmt: skip
        if "version" in cause:
            event["version"] = cause["version"]
        parent = fields.get("parent", {})
        # Events of one call or conference are reported in order.
        message_group = group or parent.get("id") or fields.get("conference") or fields["call"]
        self._events.send([QueueMessage(event, message_group, event["id"])])


_TRANSITION_EVENTS: Final = {
    "in-progress": "recording.resumed",
    "paused": "recording.paused",
    "stopped": "recording.stopped",
}

_CAPTURE_MODES: Final = {
    ("in-progress", None): CaptureMode.AUDIO,
    ("in-progress", "silence"): CaptureMode.AUDIO,
    ("in-progress", "skip"): CaptureMode.AUDIO,
    ("paused", "silence"): CaptureMode.SILENCE,
    ("paused", "skip"): CaptureMode.NOTHING,
    ("stopped", None): CaptureMode.NOTHING,
    ("stopped", "silence"): CaptureMode.NOTHING,
    ("stopped", "skip"): CaptureMode.NOTHING,
}
"""Capture mode by the desired status and the pause behaviour."""
