"""A simulated media engine: it receives commands and reports events through the queues of the engine protocol.

It writes real WAV files, finishes recordings, and answers dialed calls at once. For recordings that the control API
starts, `start_capture` begins the capture directly.
"""

import json
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

from tapedeck.dialects.selection import TWILIO
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Recording
from tapedeck.ports.clock import Clock
from tapedeck.ports.messaging import Queue, QueueMessage
from tapedeck_standin.aws.standard_queue import MemoryStandardQueue
from tapedeck_standin.telephony.audio import Part, write_wav
from tapedeck_standin.telephony.capture_uploads import MissingMediaFault
from tapedeck_standin.telephony.captures import PROCESSING_SECONDS, CaptureMode
from tapedeck_standin.telephony.simulated_engine import RecordingPreference

StoreMedia = Callable[[str, Path], object]
"""Stores a file in the bucket under a key."""


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
    track: str
    key: str
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

    @property
    def audible_channels(self) -> list[bool]:
        """For each channel, whether it has sound: of a single track, the other channel is silent (C-39)."""
        if self.channels == 1:
            return [True]
        return [self.track != "outbound", self.track != "inbound"]

    @property
    def milliseconds(self) -> int:
        """Length of the finished parts."""
        return sum(part.milliseconds for part in self.parts)


class Engine:
    """Replaces Asterisk or FreeSWITCH in simulations; it has no thread and acts only when called.

    Args:
        commands: the queue of engine commands.
        events: the queue of engine events.
        clock: milliseconds since the epoch; may be advanced.
        store_media: stores a finished capture.
        recording_preference: returns how a conference must be recorded, once a dialed participant has joined.
        missing_media_fault: returns the error code if the next recording must have no media.
    """

    def __init__(
        self,
        commands: MemoryStandardQueue,
        events: Queue,
        clock: Clock,
        store_media: StoreMedia,
        recording_preference: RecordingPreference,
        missing_media_fault: MissingMediaFault,
    ) -> None:
        self._commands = commands
        self._events = events
        self._clock = clock
        self._store_media = store_media
        self._recording_preference = recording_preference
        self._missing_media_fault = missing_media_fault
        self._dialed: dict[str, str] = {}
        """Conferences by dialed call that has not answered yet."""
        self._joined_conferences: list[tuple[str, str]] = []
        """Account and id of each conference that a dialed call has joined since the last `process_commands`."""
        self._sessions: dict[str, CaptureSession] = {}
        """Sessions by recording."""
        self._finished: set[str] = set()
        """Recordings whose media is finished; later commands for them have no effect."""
        self._lock = threading.RLock()
        self._numbers = count(1)
        self._handlers: Mapping[str, Callable[[dict[str, Any]], None]] = {
            "recording.start": self._apply_recording_command,
            "recording.pause": self._apply_recording_command,
            "recording.resume": self._apply_recording_command,
            "recording.stop": self._apply_recording_command,
            "media.delete": self._forget_recording,
            "call.hang_up": self._acknowledging("call.ended", "call"),
            "call.redirect": self._acknowledging("call.redirected", "call"),
            "conference.end": self._end_conference,
            "conference.announce": self._acknowledging("conference.announced", "conference"),
            "participant.add": self._dial,
            "participant.update": self._acknowledging("participant.changed", "conference", "call"),
            "participant.remove": self._acknowledging("participant.left", "conference", "call"),
        }

    def process_commands(self) -> bool:
        """Execute the pending commands; return whether there was any work."""
        with self._lock:
            received = self._commands.receive()
            for message in received:
                command = _parse_command(message.body)
                self._handlers[command["type"]](command)
                self._commands.delete(message.receipt)
            joined, self._joined_conferences = self._joined_conferences, []
            for account, conference in joined:
                recording_preference = self._recording_preference(account, conference)
                if recording_preference is not None:
                    self._record_conference(account, conference, recording_preference)
            return bool(received or joined)

    def finish_due_media(self) -> bool:
        """Write and store the media that are due, which may be slow; return whether any were."""
        with self._lock:
            due = [session for session in self._sessions.values() if self._is_due(session)]
        for session in due:
            self._finish(session)
        return bool(due)

    def on_call_answered(self, account: str, call: str) -> None:
        """Handle an answered call; its conference may have to be recorded from now on."""
        with self._lock:
            conference = self._dialed.pop(call, None)
            if conference is not None:
                self._joined_conferences.append((account, conference))

    def start_capture(self, recording: Recording, key: str) -> None:
        """Start the capture of a recording that already exists in the table."""
        with self._lock:
            parent = {"type": "call" if recording.parent.kind == "CALL" else "conference", "id": recording.parent.id}
            self._sessions[recording.id] = CaptureSession(
                recording.parent.account, parent, recording.id, recording.channels, recording.track, key, self._clock(),
                version=recording.version,
            )  # fmt: skip

    def next_seq(self) -> int:
        """Return the sequence number of the next event of this engine, whichever part of the stand-in reports it."""
        return next(self._numbers)

    def forget(self, account: str) -> None:
        """Drop the captures of an account."""
        with self._lock:
            self._sessions = {name: session for name, session in self._sessions.items() if session.account != account}

    def due(self, account: str | None = None) -> list[str]:
        """Return the recordings whose media are due but not finished (None: of all accounts)."""
        with self._lock:
            return [
                session.recording
                for session in self._sessions.values()
                if self._is_due(session) and account in {None, session.account}
            ]

    def _is_due(self, session: CaptureSession) -> bool:
        return session.due_at is not None and session.due_at <= self._clock()

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
            session = CaptureSession(
                command["account"],
                command["parent"],
                recording_id,
                desired["channels"],
                desired["track"],
                f"{command['account']}/{recording_id}/original.wav",
                now,
            )
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
        """Write and store the media and report its key, or report that there is none."""
        cause = {"account": session.account}
        error = self._missing_media_fault(session.account)
        if error is not None:
            self._report("recording.absent", cause, parent=session.parent, recording=session.recording, error=error)
            self._mark_finished(session)
            return
        with tempfile.TemporaryDirectory() as folder:
            wav_file = Path(folder) / "capture.wav"
            write_wav(wav_file, session.parts, session.audible_channels)
            size = wav_file.stat().st_size
            if session.recording not in self._sessions:
                return  # its account was reset meanwhile
            self._store_media(session.key, wav_file)
        self._report(
            "recording.completed",
            cause,
            parent=session.parent,
            recording=session.recording,
            key=session.key,
            size=size,
            duration=session.milliseconds,
            channels=session.channels,
        )
        self._mark_finished(session)

    def _mark_finished(self, session: CaptureSession) -> None:
        with self._lock:
            self._finished.add(session.recording)
            self._sessions.pop(session.recording, None)

    def _forget_recording(self, command: dict[str, Any]) -> None:
        self._sessions.pop(command["recording"], None)

    def _dial(self, command: dict[str, Any]) -> None:
        """Report that the dialed call rings and is answered; start its recording if requested."""
        conference, call = command["conference"], command["call"]
        self._dialed[call] = conference
        self._report("call.ringing", command, group=conference, call=call)
        self._report("call.answered", command, group=conference, call=call)
        options = command["wanted"]["options"]
        if options.get("record"):
            self._start_own_recording(
                command["account"],
                {"type": "call", "id": call},
                source="OutboundAPI",
                channels=2 if options.get("recording_channels") == "dual" else 1,
                track=options.get("recording_track", "both"),
                trim=options.get("trim", "trim-silence"),
                callback=_callback(options, "recording_status_callback"),
                group=conference,
            )

    def _record_conference(self, account: str, conference: str, options: Mapping[str, Any]) -> None:
        self._start_own_recording(
            account,
            {"type": "conference", "id": conference},
            source="Conference",
            trim=options.get("conference_trim", "trim-silence"),
            callback=_callback(options, "conference_recording_status_callback"),
            group=conference,
        )

    def _start_own_recording(
        self,
        account: str,
        parent: Mapping[str, str],
        *,
        group: str,
        channels: int = 1,
        track: str = "both",
        **more: Any,  # noqa: ANN401 - fields of an event
    ) -> None:
        """Start a recording without a command, and report it."""
        recording_id = new_id(self._clock())
        key = f"{account}/{recording_id}/original.wav"
        with self._lock:
            self._sessions[recording_id] = CaptureSession(
                account, parent, recording_id, channels, track, key, self._clock(), version=1
            )
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

    def _report(
        self,
        event_type: str,
        cause: Mapping[str, Any],
        *,
        group: str | None = None,
        **fields: Any,  # noqa: ANN401 - fields of an event
    ) -> None:
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


def _parse_command(body: str) -> dict[str, Any]:
    command: dict[str, Any] = json.loads(body)
    return command


def _callback(options: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    url = options.get(name)
    if url is None:
        return None
    events = options.get(f"{name}_event", ("completed",))
    return {
        "url": url, "method": options.get(f"{name}_method", "POST"), "events": list(events), "dialect": TWILIO.name,
    }  # fmt: skip
