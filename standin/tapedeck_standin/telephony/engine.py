"""A simulated media engine: it receives commands and reports events through the queues of the engine protocol.

It writes real WAV files, finishes recordings, and answers dialed calls at once. For recordings that the control API
starts, `start_capture` begins the capture directly.
"""

import json
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final

from tapedeck.dialects.selection import TWILIO
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Recording
from tapedeck.ports.clock import Clock
from tapedeck.ports.messaging import Queue, QueueMessage
from tapedeck_standin.aws.queues import MemoryQueue
from tapedeck_standin.telephony.audio import Part, write_wav

PROCESSING_SECONDS: Final = 1
"""Time from the end of a capture to its media, by the stand-in's clock; clients can observe it."""

StoreMedia = Callable[[str, Path], object]
"""Stores a file in the bucket under a key."""

RecordingPreference = Callable[[str, str], Mapping[str, Any] | None]
"""Returns the recording options for an account's conference, from its first participant; None: no recording now."""

MissingMediaFault = Callable[[str], int | None]
"""Returns the error code if the next recording of this account must have no media; otherwise None."""


class CaptureMode(Enum):
    """How incoming sound is captured."""

    SOUND = "kept"
    SILENCE = "replaced by silence"
    NOTHING = "left out"


@dataclass
class CaptureSession:
    """The capture of one recording: its finished parts, and the current mode since `since` (milliseconds).

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
    capture: CaptureMode = CaptureMode.SOUND
    version: int = 0
    parts: list[Part] = field(default_factory=list)
    due_at: int | None = None

    def switch_mode(self, capture: CaptureMode, now: int) -> None:
        """Change the capture mode from `now` (milliseconds) on."""
        passed = max(0, now - self.since)
        if self.capture is not CaptureMode.NOTHING and passed:
            self.parts.append(Part(passed, self.capture is CaptureMode.SOUND))
        self.capture, self.since = capture, now

    @property
    def audible_channels(self) -> list[bool]:
        """For each channel, whether it has sound: of a single track, the other channel is silent."""
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
        keep: stores a finished capture.
        recording_preference: returns how a conference must be recorded, once a dialed participant has joined.
        absence: returns the error code of a recording that must have no media.
    """

    def __init__(
        self,
        commands: MemoryQueue,
        events: Queue,
        clock: Clock,
        keep: StoreMedia,
        recording_preference: RecordingPreference,
        absence: MissingMediaFault,
    ) -> None:
        self._commands = commands
        self._events = events
        self._clock = clock
        self._keep = keep
        self._recording_preference = recording_preference
        self._missing_media_fault = absence
        self._dialed: dict[str, str] = {}
        self._entered: list[tuple[str, str]] = []
        self._takes: dict[str, CaptureSession] = {}
        self._ended: set[str] = set()
        """Finished recordings; later commands for them have no effect."""
        self._lock = threading.RLock()
        self._acts: Mapping[str, Callable[[dict[str, Any]], None]] = {
            "recording.start": self._record,
            "recording.pause": self._record,
            "recording.resume": self._record,
            "recording.stop": self._record,
            "media.delete": self._forget_recording,
            "call.hang_up": self._confirming("call.ended", "call"),
            "call.redirect": self._confirming("call.redirected", "call"),
            "conference.end": self._end_conference,
            "conference.announce": self._confirming("conference.announced", "conference"),
            "participant.add": self._dial,
            "participant.update": self._confirming("participant.changed", "conference", "call"),
            "participant.remove": self._confirming("participant.left", "conference", "call"),
        }

    def process_commands(self) -> bool:
        """Execute the pending commands; return whether there was any work."""
        with self._lock:
            received = self._commands.receive()
            for message in received:
                command = _read(message.body)
                self._acts[command["type"]](command)
                self._commands.delete(message.receipt)
            entered, self._entered = self._entered, []
            for account, conference in entered:
                recording_preference = self._recording_preference(account, conference)
                if recording_preference is not None:
                    self._record_conference(account, conference, recording_preference)
            return bool(received or entered)

    def finish_due_media(self) -> bool:
        """Finish the media that are due, which may be slow; return whether there were any."""
        with self._lock:
            due = [take for take in self._takes.values() if self._is_due(take)]
        for take in due:
            self._finish(take)
        return bool(due)

    def on_call_answered(self, account: str, call: str) -> None:
        """Handle an answered call; its conference may have to be recorded from now on."""
        with self._lock:
            conference = self._dialed.pop(call, None)
            if conference is not None:
                self._entered.append((account, conference))

    def start_capture(self, recording: Recording, key: str) -> None:
        """Start the capture of a recording that already exists in the table."""
        with self._lock:
            parent = {"type": "call" if recording.parent.kind == "CALL" else "conference", "id": recording.parent.id}
            self._takes[recording.id] = CaptureSession(
                recording.parent.account, parent, recording.id, recording.channels, recording.track, key, self._clock(),
                version=recording.version,
            )  # fmt: skip

    def forget(self, account: str) -> None:
        """Drop the captures of an account."""
        with self._lock:
            self._takes = {name: take for name, take in self._takes.items() if take.account != account}

    def due(self, account: str | None = None) -> list[str]:
        """Return the recordings whose media are due but not finished (None: of all accounts)."""
        with self._lock:
            return [
                take.recording
                for take in self._takes.values()
                if self._is_due(take) and account in {None, take.account}
            ]

    def _is_due(self, take: CaptureSession) -> bool:
        return take.due_at is not None and take.due_at <= self._clock()

    def _record(self, command: dict[str, Any]) -> None:
        """Apply a recording command; every type carries the complete desired state."""
        now, desired, name = self._clock(), command["wanted"], command["recording"]
        take = self._takes.get(name)
        if take is None:
            if desired["status"] == "stopped" or name in self._ended:
                # Never begun, or finished long ago.
                self._report("recording.stopped", command, parent=command["parent"], recording=name)
                return
            take = CaptureSession(
                command["account"], command["parent"], name, desired["channels"], desired["track"], desired["key"], now
            )
            self._takes[name] = take
            self._report("recording.started", {**command, "version": 1}, parent=take.parent, recording=name)
        if command["version"] > take.version and take.due_at is None:
            take.version = command["version"]
            take.switch_mode(_CAPTURES[desired["status"], desired.get("pause_behavior")], now)
            if desired["status"] == "stopped":
                take.due_at = now + PROCESSING_SECONDS * 1000
        if command["type"] != "recording.start":
            self._report(_MOVED[desired["status"]], command, parent=take.parent, recording=name)

    def _finish(self, take: CaptureSession) -> None:
        """Write and store the media and report its key, or report that there is none."""
        about = {"account": take.account}
        error = self._missing_media_fault(take.account)
        if error is not None:
            self._report("recording.absent", about, parent=take.parent, recording=take.recording, error=error)
            self._end(take)
            return
        with tempfile.TemporaryDirectory() as folder:
            capture = Path(folder) / "capture.wav"
            write_wav(capture, take.parts, take.audible_channels)
            size = capture.stat().st_size
            if take.recording not in self._takes:
                return  # its account was reset meanwhile
            self._keep(take.key, capture)
        self._report(
            "recording.completed",
            about,
            parent=take.parent,
            recording=take.recording,
            key=take.key,
            size=size,
            duration=take.milliseconds,
            channels=take.channels,
        )
        self._end(take)

    def _end(self, take: CaptureSession) -> None:
        with self._lock:
            self._ended.add(take.recording)
            self._takes.pop(take.recording, None)

    def _forget_recording(self, command: dict[str, Any]) -> None:
        self._takes.pop(command["recording"], None)

    def _dial(self, command: dict[str, Any]) -> None:
        """Report that the call rings and is answered, and start its recording if requested."""
        about = {"conference": command["conference"], "call": command["call"]}
        self._dialed[about["call"]] = about["conference"]
        self._report("call.ringing", command, group=about["conference"], call=about["call"])
        self._report("call.answered", command, group=about["conference"], call=about["call"])
        options = command["wanted"]["options"]
        if options.get("record"):
            self._record_by_itself(
                command["account"],
                {"type": "call", "id": about["call"]},
                source="OutboundAPI",
                channels=2 if options.get("recording_channels") == "dual" else 1,
                track=options.get("recording_track", "both"),
                trim=options.get("trim", "trim-silence"),
                callback=_callback(options, "recording_status_callback"),
                group=about["conference"],
            )

    def _record_conference(self, account: str, conference: str, options: Mapping[str, Any]) -> None:
        self._record_by_itself(
            account,
            {"type": "conference", "id": conference},
            source="Conference",
            trim=options.get("conference_trim", "trim-silence"),
            callback=_callback(options, "conference_recording_status_callback"),
            group=conference,
        )

    def _record_by_itself(
        self,
        account: str,
        parent: Mapping[str, str],
        *,
        group: str,
        channels: int = 1,
        track: str = "both",
        **more: Any,  # noqa: ANN401 - fields of an event
    ) -> None:
        name = new_id(self._clock())
        key = f"{account}/{name}/original.wav"
        with self._lock:
            self._takes[name] = CaptureSession(account, parent, name, channels, track, key, self._clock(), version=1)
        self._report(
            "recording.started",
            {"account": account},
            group=group,
            parent=parent,
            recording=name,
            channels=channels,
            track=track,
            **{name: value for name, value in more.items() if value is not None},
        )

    def _end_conference(self, command: dict[str, Any]) -> None:
        self._report("conference.ended", command, conference=command["conference"], reason="conference-ended-via-api")

    def _confirming(self, kind: str, *names: str) -> Callable[[dict[str, Any]], None]:
        """Return a command handler that only reports the event."""

        def confirm(command: dict[str, Any]) -> None:
            self._report(kind, command, **{name: command[name] for name in names})

        return confirm

    def _report(
        self,
        kind: str,
        about: Mapping[str, Any],
        *,
        group: str | None = None,
        **fields: Any,  # noqa: ANN401 - fields of an event
    ) -> None:
        now = self._clock()
        event = {"id": new_id(now), "type": kind, "account": about["account"], "at": now, **fields}
        if "version" in about:
            event["version"] = about["version"]
        parent = fields.get("parent", {})
        # Events of one call or conference are reported in order.
        named = group or parent.get("id") or fields.get("conference") or fields["call"]
        self._events.send([QueueMessage(event, named, event["id"])])


_MOVED: Final = {
    "in-progress": "recording.resumed",
    "paused": "recording.paused",
    "stopped": "recording.stopped",
}

_CAPTURES: Final = {
    ("in-progress", None): CaptureMode.SOUND,
    ("in-progress", "silence"): CaptureMode.SOUND,
    ("in-progress", "skip"): CaptureMode.SOUND,
    ("paused", "silence"): CaptureMode.SILENCE,
    ("paused", "skip"): CaptureMode.NOTHING,
    ("stopped", None): CaptureMode.NOTHING,
    ("stopped", "silence"): CaptureMode.NOTHING,
    ("stopped", "skip"): CaptureMode.NOTHING,
}
"""Capture mode by the desired status and the pause behaviour."""


def _read(body: str) -> dict[str, Any]:
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
