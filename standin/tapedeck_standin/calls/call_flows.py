"""The calls of the simulated engine: what Tapedeck, the control API and the clock make of them."""

from collections.abc import Mapping
from typing import Any

from tapedeck_callflow.events import Redirected, Source, StreamEnded, UrlSource

from tapedeck_standin.calls.course import CallCourse
from tapedeck_standin.calls.errors import CallNotLive
from tapedeck_standin.calls.leg import Leg, LegStatus
from tapedeck_standin.calls.parties import AnsweredBy, PartyOutcome, PartyRule
from tapedeck_standin.calls.wire import Placement, source_of, with_settings


class CallFlows(CallCourse):
    """Makes calls and executes their instructions. Thread-safe."""

    # What the engine does

    def place(self, account: str, call: str, placement: Placement, version: int) -> None:
        """Dial a call that Tapedeck has created, and execute its instructions once it is answered."""
        with self.lock:
            rule = self.parties.take(account, placement.to)
            leg = Leg(
                account, call, placement.to, placement.from_, "outbound-api", placement.dialect, rule,
                parameters=placement.parameters,
            )  # fmt: skip
            leg.placement, leg.version = placement, version
            self.start_timer(leg, "timeout", placement.timeout_ms, lambda: self.end(leg, "no-answer", "limit"))
            self.ring(leg)

    def repeat_progress(self, account: str, call: str) -> None:
        """Report again how far a call is that was dialed: the answer to its command may be lost."""
        with self.lock:
            leg = self.find(account, call)
            if leg is not None and leg.status is not LegStatus.ENDED:
                is_ringing = leg.status is LegStatus.RINGING
                self.report(leg, {"type": "call.ringing" if is_ringing else "call.answered"})

    def begin(self, leg: Leg, source: Source, fallback: UrlSource | None) -> None:
        """Execute the instructions of a call that comes in; Tapedeck knows already that it rings."""
        with self.lock:
            self.add(leg)
            self.start_flow(leg, source, fallback)

    def redirect(self, account: str, call: str, wanted: Mapping[str, Any]) -> None:
        """Give a call other instructions, or another limit of time.

        One that is not answered yet keeps its instructions: they and the limit are those of its `call.place`.
        """
        with self.lock:
            leg = self._legs.get(call)
            if leg is None:
                dialect = (wanted.get("flow") or {}).get("dialect") or "twilio"
                leg = Leg(account, call, "", "", "", dialect, PartyRule(""), LegStatus.IN_PROGRESS, is_reported=True)
                leg.answered_at = self.now(leg)
                self.add(leg)
            if leg.status is LegStatus.ENDED:
                return
            if leg.status is LegStatus.RINGING:
                if leg.placement is not None:
                    leg.placement = with_settings(leg.placement, wanted)
                return
            if wanted.get("time_limit") is not None:
                self.limit(leg, wanted["time_limit"] * 1000)
            source, fallback = source_of(wanted.get("flow") or {})
            if source is None:
                return
            if leg.dialing is not None:
                self._dialings.release(leg)
            if leg.flow is None or leg.flow.finished:
                self.start_flow(leg, source, fallback)
            else:
                self.feed(leg, Redirected(source, fallback))

    def end_by_api(self, call: str) -> None:
        """End a call because the API says so; the answer to its command reports the end."""
        with self.lock:
            leg = self._legs.get(call)
            if leg is not None:
                self.end(leg, None, "api")

    def run_due(self) -> bool:
        """Do what is due by the clock, in order; return whether there was anything."""
        was_busy = False
        with self.lock:
            while self._timers.fire_next():
                was_busy = True
        return was_busy

    def next_due(self, account: str) -> int | None:
        """Return when something happens next in the calls of an account (milliseconds); None: nothing will."""
        with self.lock:
            return self._timers.next_due(account)

    def next_of(self, leg: Leg) -> int | None:
        """Return when something happens next in a call by itself (milliseconds); None: nothing will."""
        with self.lock:
            return self._timers.next_of(leg.id)

    def accounts(self) -> list[str]:
        """Return the accounts in whose calls something will happen."""
        with self.lock:
            return self._timers.accounts

    def forget(self, account: str) -> None:
        """Drop the calls and the rules of an account."""
        with self.lock:
            self._legs = {call: leg for call, leg in self._legs.items() if leg.account != account}
            self._timers.forget(account)
            self.rooms.forget(account)
            self.requests.forget(account)
            self.parties.forget(account)

    # What a party does

    def press(self, leg: Leg, keys: str) -> bool:
        """Press keys one after the other, `w` for half a second between them; return whether the first were used.

        Raises:
            CallNotLive: the call is not in progress.
        """
        with self.lock:
            if leg.status is not LegStatus.IN_PROGRESS:
                raise CallNotLive
            return self._actor.press(leg, keys)

    def speak(self, leg: Leg, ms: int, text: str, confidence: str) -> None:
        """Speak from now on.

        Raises:
            CallNotLive: the call is not in progress.
        """
        with self.lock:
            if leg.status is not LegStatus.IN_PROGRESS:
                raise CallNotLive
            self._actor.speak(leg, ms, text, confidence)

    def hang_up(self, leg: Leg) -> None:
        """Hang up: the party of this call ends it.

        Raises:
            CallNotLive: the call has ended.
        """
        with self.lock:
            if leg.status is LegStatus.ENDED:
                raise CallNotLive
            is_answered = leg.status is LegStatus.IN_PROGRESS
            self.end(leg, "completed" if is_answered else "no-answer", "party")

    def decide(self, leg: Leg, outcome: PartyOutcome, answered_by: AnsweredBy | None = None) -> None:
        """Give a call that was dialed and rings its outcome.

        Raises:
            CallNotLive: it does not ring, or it came in.
        """
        with self.lock:
            if leg.status is not LegStatus.RINGING or leg.direction == "inbound":
                raise CallNotLive
            self.apply_outcome(leg, outcome, answered_by)

    def close_stream(self, leg: Leg, name: str | None) -> None:
        """Close the stream that a call is connected to, as its far end.

        Raises:
            CallNotLive: there is no such stream.
        """
        with self.lock:
            streams = [each for each in leg.streams if each.is_open and each.is_connected]
            stream = next((each for each in streams if name in {None, each.name}), None)
            if stream is None:
                raise CallNotLive
            stream.is_open = False
            self.feed(leg, StreamEnded(stream.number))
