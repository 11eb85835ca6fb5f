"""What parties do in their calls: they speak, press keys and hang up, by their rules or by the control API."""

from collections.abc import Callable
from typing import Final

from tapedeck_callflow.events import Digit, SpeechEnded, SpeechStarted

from tapedeck_standin.calls.effects import EffectParts
from tapedeck_standin.calls.leg import Leg, LegStatus
from tapedeck_standin.calls.parties import AnsweredBy
from tapedeck_standin.calls.runtime import CallRuntime

_WAIT_MS: Final = 500
"""The time of `w` between two keys."""

_CONFIDENCE: Final = "0.9"


class PartyActor:
    """Acts for the party of a call.

    Args:
        flows: the calls.
        parts: the verbs that keys and speech may end.
    """

    def __init__(self, flows: CallRuntime, parts: EffectParts) -> None:
        self._flows = flows
        self._parts = parts

    def begin(self, leg: Leg) -> None:
        """Begin what the rule of a party says; its times count from the answer, which is now."""
        rule, start = leg.rule, self._flows.start_timer
        if rule.hangup_after_ms is not None:
            start(leg, "hangup", rule.hangup_after_ms, lambda: self._flows.end(leg, "completed", "party"))
        if rule.answered_by is AnsweredBy.MACHINE and leg.direction != "inbound":
            self.speak(leg, rule.greeting_ms, "", "")
        for number, speech in enumerate(rule.speaks):
            start(leg, f"speaks-{number}", speech.after_ms, self._speaking(leg, speech.ms, speech.text))
        for number, presses in enumerate(rule.presses):
            if presses.after_ms is not None:
                start(leg, f"presses-{number}", presses.after_ms, self._pressing(leg, presses.digits))

    def reach(self, leg: Leg, verb: str | None) -> None:
        """Press what the rule of a party says for this verb, which now listens; each of them once."""
        for number, presses in enumerate(leg.rule.presses):
            if presses.after_ms is None and presses.verb == verb and number not in leg.pressed_rules:
                leg.pressed_rules.add(number)
                self.press(leg, presses.digits)
                return

    def press(self, leg: Leg, keys: str) -> bool:
        """Press keys one after the other, `w` for half a second; return whether one before the first `w` was used."""
        used = False
        for place, key in enumerate(keys):
            if leg.status is not LegStatus.IN_PROGRESS:
                break
            if key in "wW":
                rest = keys[place + 1 :]
                if rest:
                    self._flows.start_timer(leg, f"keys-{len(leg.keys)}", _WAIT_MS, self._pressing(leg, rest))
                break
            used = self._press_key(leg, key) or used
        return used

    def speak(self, leg: Leg, ms: int, text: str, confidence: str) -> None:
        """Speak from now on, instead of what was spoken until now; nothing if the call is not in progress."""
        if leg.status is not LegStatus.IN_PROGRESS:
            return
        if leg.speaks_until is not None:
            self._end_speech(leg)
        leg.speaks_until, leg.speech = self._flows.now(leg) + ms, (text, confidence)
        if text:
            leg.spoken.append(text)
        self._parts.recordings.speech_began(leg)
        self._flows.start_timer(leg, "speech", ms, lambda: self._end_speech(leg))
        if leg.listening is not None and leg.listening.speech:
            self._flows.feed(leg, SpeechStarted())

    def _end_speech(self, leg: Leg) -> None:
        (text, confidence), leg.speaks_until = leg.speech, None
        self._flows.cancel_timer(leg, "speech")
        self._parts.recordings.speech_ended(leg)
        if leg.listening is not None and leg.listening.speech:
            self._flows.feed(leg, SpeechEnded(text, confidence or _CONFIDENCE))

    def _press_key(self, leg: Leg, key: str) -> bool:
        pressed = {"at": self._flows.now(leg), "key": key}
        is_collected = leg.listening is not None and leg.listening.digits
        pressed["used"] = self._end_by_key(leg, key) or is_collected
        leg.keys.append(pressed)
        if is_collected:
            self._flows.feed(leg, Digit(key))
        return bool(pressed["used"])

    def _end_by_key(self, leg: Leg, key: str) -> bool:
        """Let a key end a `<Record>`, or `*` a dialing or a stay in a conference; return whether it did."""
        if self._parts.recordings.press_key(leg, key):
            return True
        return key == "*" and (self._parts.dialings.press_star(leg) or self._parts.rooms.press_star(leg))

    def _speaking(self, leg: Leg, ms: int, text: str) -> Callable[[], object]:
        return lambda: self.speak(leg, ms, text, "")

    def _pressing(self, leg: Leg, keys: str) -> Callable[[], object]:
        return lambda: self.press(leg, keys)
