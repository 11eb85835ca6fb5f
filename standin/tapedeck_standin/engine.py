"""A simulated media engine: it hears of changes, captures sound, finishes recordings, and answers telephones."""

import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, Final

from tapedeck.adapters.dynamodb import Item
from tapedeck.adapters.items import RECORDING, participant_from, recording_from
from tapedeck.dialects.choice import TWILIO
from tapedeck.domain.callback import Callback
from tapedeck.domain.conference import ConferenceStatus
from tapedeck.domain.errors import NotFound, StateForbids, TapedeckError
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.edge.endpoint import Service
from tapedeck.operations.ports import Clock
from tapedeck_standin.changes import Changes
from tapedeck_standin.sound import Part, write_wav

PROCESSING_SECONDS: Final = 1
"""Between the end of a capture and its media, by the stand-in's clock: long enough to be seen."""

_PARTICIPANT: Final = "PART#"


class Capture(Enum):
    """What becomes of sound at the moment."""

    SOUND = "kept"
    SILENCE = "replaced by silence"
    NOTHING = "left out"


@dataclass
class Take:
    """One recording as it is captured: its parts so far, and what has been so since when, in milliseconds."""

    recording: Recording
    capture: Capture
    since: int
    parts: list[Part] = field(default_factory=list)
    due: int | None = None
    """When its media is to be finished; None while it is captured."""

    def turn(self, capture: Capture, now: int) -> None:
        """From now on this becomes of sound."""
        passed = max(0, now - self.since)
        if self.capture is not Capture.NOTHING and passed:
            self.parts.append(Part(passed, self.capture is Capture.SOUND))
        self.capture, self.since = capture, now

    @property
    def heard(self) -> list[bool]:
        """A channel each: with one track only, the other channel exists and is silent (behaviour.md, section 5.2)."""
        if self.recording.channels == 1:
            return [True]
        return [self.recording.track != "outbound", self.recording.track != "inbound"]


class Engine:
    """Stands in for Asterisk or FreeSWITCH behind one table.

    Args:
        service: gives what it tells what it has done.
        changes: what it hears.
        clock: milliseconds; may be put forward.
        lock: held while anything is read or written (rule R1).
    """

    def __init__(self, service: Callable[[], Service], changes: Changes, clock: Clock, lock: threading.Lock) -> None:
        self._service = service
        self._changes = changes
        self._clock = clock
        self._lock = lock
        self._takes: dict[str, Take] = {}
        self._stops = threading.Event()
        self._thread = threading.Thread(target=self._run, name="media engine", daemon=True)

    def start(self) -> None:
        """Begin to finish what is due."""
        self._thread.start()

    def stop(self) -> None:
        """Finish nothing more."""
        self._stops.set()
        if self._thread.is_alive():
            self._thread.join()

    def hear(self) -> None:
        """Take note of what has changed, and answer who is dialed; whoever calls this holds the lock."""
        while changes := self._changes.take():
            for change in changes:
                name = change.after.get("SK", "")
                if name.startswith(RECORDING):
                    self._hear_of_recording(recording_from(change.after))
                elif name.startswith(_PARTICIPANT):
                    self._hear_of_participant(change.after)

    def forget(self, account: str) -> None:
        """Nothing of this account is captured any more; whoever calls this holds the lock."""
        self.hear()
        for identifier in [each for each, take in self._takes.items() if take.recording.parent.account == account]:
            del self._takes[identifier]

    def settle(self, timeout: float, account: str | None = None) -> list[Recording]:
        """Wait until nothing is due; what still is after `timeout` seconds. The lock must be free.

        Args:
            timeout: in real time.
            account: whose recordings are waited for; everybody's without one.
        """
        waited = 0.0
        while True:
            with self._lock:
                self.hear()
                due = [take.recording for take in self._takes.values() if self._is_due(take)]
            due = [recording for recording in due if account in {None, recording.parent.account}]
            if not due or waited >= timeout:
                return due
            self._stops.wait(self._changes.pause)
            waited += self._changes.pause

    def _run(self) -> None:
        while not self._stops.wait(self._changes.pause):
            try:
                with self._lock:
                    self.hear()
                    due = [take for take in self._takes.values() if self._is_due(take)]
                for take in due:
                    self._finish(take)
            except Exception:  # noqa: BLE001 - one recording that fails must not silence the others
                traceback.print_exc()

    def _is_due(self, take: Take) -> bool:
        return take.due is not None and take.due <= self._clock()

    def _hear_of_recording(self, recording: Recording) -> None:
        now = self._clock()
        take = self._takes.get(recording.id)
        if recording.status is RecordingStatus.IN_PROGRESS and take is None:
            self._takes[recording.id] = Take(recording, Capture.SOUND, now)
        if take is None or take.due is not None:
            return
        match recording.status:
            case RecordingStatus.IN_PROGRESS:
                take.turn(Capture.SOUND, now)
            case RecordingStatus.PAUSED:
                take.turn(Capture.NOTHING if recording.pause_behavior == "skip" else Capture.SILENCE, now)
            case RecordingStatus.STOPPED:
                take.turn(Capture.NOTHING, now)
                take.due = now + PROCESSING_SECONDS * 1000
            case _:
                pass

    def _finish(self, take: Take) -> None:
        """Make the sound, and media of it: only what is read and written holds others up."""
        recording = take.recording
        try:
            with tempfile.TemporaryDirectory() as folder:
                capture = Path(folder) / "capture.wav"
                write_wav(capture, take.parts, take.heard)
                if recording.id in self._takes:  # else its account was reset meanwhile
                    media = self._service().media().through(partial(_Locked, self._lock))
                    with suppress(NotFound, StateForbids):
                        media.keep(recording, capture)
                        media.complete(recording.parent, recording.id)
        finally:
            # What could not be made once cannot be made again.
            with self._lock:
                self._takes.pop(recording.id, None)

    def _hear_of_participant(self, item: Item) -> None:
        participant = participant_from(item)
        if participant.status is ParticipantStatus.QUEUED and participant.is_inside:
            with suppress(TapedeckError):
                self._answer(item["PK"].partition("#")[0], participant)

    def _answer(self, account: str, participant: Participant) -> None:
        """The telephone rings and is answered at once; what is to be recorded is recorded."""
        service = self._service()
        service.participants.ring(account, participant.conference, participant.call)
        service.participants.answer(account, participant.conference, participant.call)
        if participant.options.get("record"):
            leg = Parent(account, ParentKind.CALL, participant.call)
            _record_leg(service, leg, participant.options)
        room = service.conferences.get(account, participant.conference)
        if room.record and not room.active and room.status is ConferenceStatus.IN_PROGRESS and room.first_call:
            # Only the first participant's wishes count (operations.md, P2).
            first = service.participants.get(account, room.id, room.first_call)
            service.recordings.start_by_engine(
                Parent(account, ParentKind.CONFERENCE, room.id),
                source=Source.CONFERENCE,
                call=room.first_call,
                trim=first.options.get("conference_trim", "trim-silence"),
                callback=_callback(first.options, "conference_recording_status_callback"),
            )


def _record_leg(service: Service, leg: Parent, options: Mapping[str, Any]) -> None:
    """As P2 asked for it, with Twilio's defaults (operations.md, P2)."""
    service.recordings.start_by_engine(
        leg,
        source=Source.OUTBOUND_API,
        call=leg.id,
        channels=2 if options.get("recording_channels") == "dual" else 1,
        track=options.get("recording_track", "both"),
        trim=options.get("trim", "trim-silence"),
        callback=_callback(options, "recording_status_callback"),
    )


def _callback(options: Mapping[str, Any], name: str) -> Callback | None:
    url = options.get(name)
    if url is None:
        return None
    events = options.get(f"{name}_event", ("completed",))
    return Callback(url, options.get(f"{name}_method", "POST"), tuple(events), TWILIO.name)


class _Locked:
    """Something whose every method runs under a lock."""

    def __init__(self, lock: threading.Lock, inner: object) -> None:
        self._lock = lock
        self._inner = inner

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._inner, name)

        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the method takes
            with self._lock:
                return method(*arguments, **named)

        return call
