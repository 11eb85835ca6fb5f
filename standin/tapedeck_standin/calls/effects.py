"""How the effects of a flow are carried out: time instead of sound, and events instead of telephones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from tapedeck_callflow import effects
from tapedeck_callflow.effects import Effect
from tapedeck_callflow.events import Answered, Event, TimerFired

from tapedeck_standin.calls.application import ApplicationRequests
from tapedeck_standin.calls.dialing import Dialings
from tapedeck_standin.calls.leg import Dialing, Leg, LegStatus, MediaStream
from tapedeck_standin.calls.recording_verbs import RecordingVerbs, RunningRecord
from tapedeck_standin.calls.rooms import Membership, Rooms
from tapedeck_standin.calls.runtime import CallRuntime
from tapedeck_standin.calls.sound import Sound

_UNSUPPORTED: Final = 13750


@dataclass(frozen=True, slots=True)
class EffectParts:
    """What carries out the effects of some verbs."""

    application: ApplicationRequests
    sound: Sound
    recordings: RecordingVerbs
    dialings: Dialings
    rooms: Rooms


class EffectRunner:
    """Carries out effects, and returns the events that answer them at once.

    Args:
        flows: the calls.
        parts: what carries out the effects of some verbs.
        note: gets each warning and error: the leg, the effect, and when.
    """

    def __init__(
        self,
        flows: CallRuntime,
        parts: EffectParts,
        note: Callable[[Leg, effects.Note, int], object],
    ) -> None:
        self._flows = flows
        self._parts = parts
        self._note = note
        self._handlers: Mapping[type[Effect], Callable[[Leg, Any], Sequence[Event]]] = {
            effects.Fetch: parts.application.fetch,
            effects.Answer: self._answer,
            effects.Reject: self._reject,
            effects.HangUp: self._hang_up,
            effects.Finish: self._finish,
            effects.Play: parts.sound.play,
            effects.Stop: self._stop,
            effects.Timer: self._start_timer,
            effects.Cancel: self._cancel_timer,
            effects.Listen: self._listen,
            effects.Unlisten: self._unlisten,
            effects.Notify: parts.application.notify,
            effects.Record: parts.recordings.record,
            effects.Capture: parts.recordings.capture,
            effects.CaptureStop: parts.recordings.stop_capture,
            effects.Dial: parts.dialings.dial,
            effects.Join: parts.rooms.join,
            effects.Connect: partial(self._stream, is_connected=True),
            effects.StartStream: partial(self._stream, is_connected=False),
            effects.StopStream: self._stop_stream,
            effects.SendMessage: self._send_message,
            effects.Note: self._write_note,
        }

    def carry_out(self, leg: Leg, effect: Effect) -> Sequence[Event]:
        """Carry out one effect."""
        return self._handlers[type(effect)](leg, effect)

    # The call itself

    def _answer(self, leg: Leg, effect: effects.Answer) -> Sequence[Event]:
        if leg.status is not LegStatus.RINGING:
            return ()
        self._flows.answer(leg)
        return (Answered(effect.n),)

    def _reject(self, leg: Leg, effect: effects.Reject) -> Sequence[Event]:
        self._flows.end(leg, "busy" if effect.reason == "busy" else "no-answer", None)
        return ()

    def _hang_up(self, leg: Leg, _effect: effects.HangUp) -> Sequence[Event]:
        self._flows.end(leg, "completed", None)
        return ()

    def _finish(self, leg: Leg, _effect: effects.Finish) -> Sequence[Event]:
        """Connect a dialed party whose whisper is done; after a wait document, there is silence."""
        if leg.dialing is not None:
            self._parts.dialings.connect(leg)
        return ()

    def _write_note(self, leg: Leg, effect: effects.Note) -> Sequence[Event]:
        self._note(leg, effect, self._flows.now(leg))
        return ()

    # Timers and input

    def _start_timer(self, leg: Leg, effect: effects.Timer) -> Sequence[Event]:
        self._flows.start_timer(leg, effect.n, effect.ms, lambda: self._flows.feed(leg, TimerFired(effect.n)))
        return ()

    def _cancel_timer(self, leg: Leg, effect: effects.Cancel) -> Sequence[Event]:
        self._flows.cancel_timer(leg, effect.timer)
        return ()

    def _listen(self, leg: Leg, effect: effects.Listen) -> Sequence[Event]:
        leg.listening = effect
        return ()

    def _unlisten(self, leg: Leg, _effect: effects.Unlisten) -> Sequence[Event]:
        leg.listening = None
        return ()

    def _stop(self, leg: Leg, effect: effects.Stop) -> Sequence[Event]:
        """End an effect early; what has an event of its own answers with it."""
        self._flows.cancel_timer(leg, effect.stopped)
        running = leg.running.pop(effect.stopped, None)
        match running:
            case RunningRecord():
                return (self._parts.recordings.end(leg, running, "stopped"),)
            case Dialing():
                return (self._parts.dialings.stop(running),)
            case Membership():
                return (self._parts.rooms.stop(leg, running),)
            case MediaStream():
                running.is_open = False
        return ()

    # Streams and messages

    def _refuse(self, leg: Leg, verb: str, text: str) -> None:
        self._note(leg, effects.Note(0, "warning", _UNSUPPORTED, text, verb), self._flows.now(leg))

    def _stream(
        self, leg: Leg, effect: effects.Connect | effects.StartStream, *, is_connected: bool
    ) -> Sequence[Event]:
        stream = MediaStream(
            effect.kind, effect.name, effect.url, effect.track, effect.parameters, effect.n, is_connected=is_connected
        )
        leg.streams.append(stream)
        if is_connected:
            leg.running[effect.n] = stream
        return ()

    def _stop_stream(self, leg: Leg, effect: effects.StopStream) -> Sequence[Event]:
        for stream in reversed(leg.streams):
            if stream.is_open and effect.name in {"", stream.name}:
                stream.is_open = False
                break
        return ()

    def _send_message(self, leg: Leg, _effect: effects.SendMessage) -> Sequence[Event]:
        self._refuse(leg, "Sms", "no message is sent")
        return ()
