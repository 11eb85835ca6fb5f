"""`<Record>`, which records what the party says, and the recordings that run beside the verbs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tapedeck_callflow import effects
from tapedeck_callflow.events import Event, Recorded

from tapedeck.domain.identity import new_id
from tapedeck_standin.calls.leg import Leg
from tapedeck_standin.calls.runtime import CallRuntime
from tapedeck_standin.recordings.captures import Capture
from tapedeck_standin.recordings.recording_commands import RecordingCommands

TRANSCRIBED_AFTER_MS: Final = 2_000
"""How long after the end of a `<Record>` its transcription is there: a second after the recording."""
MIN_TRANSCRIBED_MS: Final = 2_000
MAX_TRANSCRIBED_MS: Final = 120_000


@dataclass(slots=True, eq=False)
class RunningRecord:
    """A `<Record>` that runs; `texts` is what the party has said since it began."""

    effect: effects.Record
    capture: Capture
    is_empty: bool = True
    texts: list[str] = field(default_factory=list)


class RecordingVerbs:
    """Starts and stops recordings that instructions want.

    Args:
        flows: the calls.
        recordings: the recordings of the engine.
    """

    def __init__(self, flows: CallRuntime, recordings: RecordingCommands) -> None:
        self._flows = flows
        self._recordings = recordings

    def start(self, leg: Leg, source: str, settings: effects.CaptureSettings, *, has_sound: bool = True) -> Capture:
        """Start a recording of a call, with the callback that its instructions request."""
        return self._recordings.start_own(
            leg.account, {"type": "call", "id": leg.id}, source=source, at=self._flows.now(leg), has_sound=has_sound,
            **capture_arguments(leg, settings),
        )  # fmt: skip

    def stop(self, leg: Leg, capture: Capture) -> None:
        """Stop a recording; one that has stopped stays as it is."""
        self._recordings.stop_own(capture, self._flows.now(leg))

    def record(self, leg: Leg, effect: effects.Record) -> Sequence[Event]:
        """Record what the party says."""
        running = RunningRecord(effect, self.start(leg, "RecordVerb", effect.settings, has_sound=False))
        leg.running[effect.n] = running
        self._flows.start_timer(
            leg, f"max-{effect.n}", effect.max_ms, lambda: self._feed_end(leg, running, "max_length")
        )
        if leg.speaks_until is not None:
            self._record_sound(leg, running)
        else:
            self._wait_for_silence(leg, running)
        return ()

    def capture(self, leg: Leg, effect: effects.Capture) -> Sequence[Event]:
        """Start a recording that runs beside the verbs."""
        leg.running[effect.n] = self.start(leg, "StartCallRecordingTwiML", effect.settings)
        return ()

    def stop_capture(self, leg: Leg, effect: effects.CaptureStop) -> Sequence[Event]:
        """Stop a recording that runs beside the verbs."""
        capture = leg.running.pop(effect.capture, None)
        if isinstance(capture, Capture):
            self.stop(leg, capture)
        return ()

    def press_key(self, leg: Leg, key: str) -> bool:
        """Let a key end a `<Record>`; return whether it did."""
        for running in _records(leg):
            if key in running.effect.finish_on:
                self._flows.feed(leg, self.end(leg, running, "key", key))
                return True
        return False

    def speech_began(self, leg: Leg) -> None:
        """Record what the party says."""
        for running in _records(leg):
            self._record_sound(leg, running)

    def speech_ended(self, leg: Leg) -> None:
        """Record silence again, which ends a `<Record>` some time later."""
        for running in _records(leg):
            running.capture.set_sound(self._flows.now(leg), has_sound=False)
            self._wait_for_silence(leg, running)

    def end(self, leg: Leg, running: RunningRecord, reason: str, key: str = "") -> Recorded:
        """End a `<Record>`, and return its event."""
        n, now, capture = running.effect.n, self._flows.now(leg), running.capture
        leg.running.pop(n, None)
        for name in (n, f"max-{n}"):
            self._flows.cancel_timer(leg, name)
        self._recordings.stop_own(capture, now)
        if running.is_empty:
            self._recordings.give_up(capture, now)
        elif running.effect.transcribe:
            self._flows.start_account_timer(
                leg.account, capture.recording, TRANSCRIBED_AFTER_MS, lambda: self._transcribe(leg, running)
            )
        # The values of `reason` are those of the event.
        return Recorded(n, capture.recording, capture.milliseconds, reason, running.is_empty, key)  # type: ignore[arg-type]

    def _record_sound(self, leg: Leg, running: RunningRecord) -> None:
        running.is_empty = False
        if leg.speech[0]:
            running.texts.append(leg.speech[0])
        running.capture.set_sound(self._flows.now(leg), has_sound=True)
        self._flows.cancel_timer(leg, running.effect.n)

    def _wait_for_silence(self, leg: Leg, running: RunningRecord) -> None:
        silence = running.effect.silence_ms
        if silence is not None:
            self._flows.start_timer(leg, running.effect.n, silence, lambda: self._feed_end(leg, running, "silence"))

    def _transcribe(self, leg: Leg, running: RunningRecord) -> None:
        """Report the transcription of a recording; it fails if nothing was said, or its length is out of range."""
        capture = running.capture
        text = " ".join(running.texts)
        is_possible = bool(text) and MIN_TRANSCRIBED_MS <= capture.milliseconds <= MAX_TRANSCRIBED_MS
        event = {
            "type": "transcription.completed", "recording": capture.recording,
            "transcription": new_id(self._flows.now(leg)), "duration": capture.milliseconds // 1000,
        }  # fmt: skip
        self._flows.report_other(leg, {**event, "text": text} if is_possible else event)

    def _feed_end(self, leg: Leg, running: RunningRecord, reason: str) -> None:
        self._flows.feed(leg, self.end(leg, running, reason))


def capture_arguments(leg: Leg, settings: effects.CaptureSettings) -> dict[str, Any]:
    """Return how a recording is made, as arguments of `RecordingCommands.start_own`."""
    return {
        "callback": leg.subscription(settings.callback), "trim": settings.trim, "channels": settings.channels,
        "track": settings.track,
    }  # fmt: skip


def _records(leg: Leg) -> list[RunningRecord]:
    return [each for each in leg.running.values() if isinstance(each, RunningRecord)]
