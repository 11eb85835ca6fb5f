"""`<Dial>` to parties: all are called, the first that answers is connected, and the others are canceled."""

from collections.abc import Sequence
from typing import Final

from tapedeck_callflow import effects
from tapedeck_callflow.events import Connected, DialEnded, Event, UrlSource

from tapedeck.domain.identity import new_id
from tapedeck_standin.calls.durations import digits_ms
from tapedeck_standin.calls.leg import Dialing, Leg, LegStatus
from tapedeck_standin.calls.parties import Parties, PartyOutcome
from tapedeck_standin.calls.recording_verbs import RecordingVerbs
from tapedeck_standin.calls.runtime import CallRuntime

_CANCELED: Final = "canceled"
_COMPLETED: Final = "completed"


class Dialings:
    """Carries out the dialing of parties.

    Args:
        flows: the calls.
        parties: how the parties behave.
        recordings: starts and stops recordings.
    """

    def __init__(self, flows: CallRuntime, parties: Parties, recordings: RecordingVerbs) -> None:
        self._flows = flows
        self._parties = parties
        self._recordings = recordings

    def dial(self, leg: Leg, effect: effects.Dial) -> Sequence[Event]:
        """Call the parties: all at once, or one after the other."""
        dialing = Dialing(leg, effect, list(effect.parties))
        leg.running[effect.n] = dialing
        if effect.record == "ringing":
            dialing.capture = self._recordings.start(leg, "DialVerb", effect.settings)
        self._call_next(dialing)
        return ()

    def stop(self, dialing: Dialing) -> DialEnded:
        """End a dialing because its call ends or goes on elsewhere, and return its event."""
        dialing.is_over = True
        live = [child for child in dialing.children if child.status is not LegStatus.ENDED]
        whispering = [child for child in live if child.status is LegStatus.IN_PROGRESS]
        for child in live:
            self._flows.end(child, _COMPLETED if child in whispering else _CANCELED, "api")
        if dialing.connected is None:
            dialing.status = _COMPLETED if whispering else _CANCELED
            dialing.was_answered = bool(whispering)
            dialing.last = next(reversed(whispering or dialing.children), None)
        return self._result(dialing)

    def press_star(self, leg: Leg) -> bool:
        """End the dialing of a call whose party pressed `*`, if that ends it; return whether it did."""
        for dialing in list(leg.running.values()):
            if isinstance(dialing, Dialing) and dialing.effect.hangup_on_star:
                leg.running.pop(dialing.effect.n)
                self._flows.feed(leg, self.stop(dialing))
                return True
        return False

    # What happens to a dialed call

    def child_answered(self, child: Leg) -> None:
        """A party has answered: send its digits, execute its whisper, then connect it."""
        party = child.party
        delay = digits_ms(party.send_digits) if party is not None and party.send_digits else 0
        if delay:
            self._flows.start_timer(child, "digits", delay, lambda: self._whisper(child))
        else:
            self._whisper(child)

    def connect(self, child: Leg) -> None:
        """Connect a party that has answered, and whose whisper is done."""
        dialing = child.dialing
        if dialing is None or dialing.is_over or dialing.connected is not None:
            return
        leg, effect = dialing.leg, dialing.effect
        dialing.connected, dialing.connected_at = child, self._flows.now(child)
        self._flows.cancel_timer(leg, dialing.timer)
        for other in dialing.children:
            if other is not child and other.status is not LegStatus.ENDED:
                is_ringing = other.status is LegStatus.RINGING
                self._flows.end(other, _CANCELED if is_ringing else _COMPLETED, "api")
        if leg.status is LegStatus.RINGING and effect.answer:
            self._flows.answer(leg)
        if effect.record == "answer":
            dialing.capture = self._recordings.start(leg, "DialVerb", effect.settings)
        self._flows.start_timer(
            leg, dialing.timer, effect.limit_ms, lambda: self._flows.end(child, _COMPLETED, "limit")
        )
        self._flows.feed(leg, Connected(effect.n))

    def child_ended(self, child: Leg, status: str, *, was_answered: bool) -> None:
        """A dialed call has ended, which ends the dialing unless another one may still be connected."""
        dialing = child.dialing
        if dialing is None or dialing.is_over or dialing.connected not in {None, child}:
            return
        dialing.last, dialing.was_answered = child, was_answered
        dialing.status = _COMPLETED if was_answered else status
        if dialing.connected is None and any(each.status is not LegStatus.ENDED for each in dialing.children):
            return
        if dialing.connected is None and dialing.waiting:
            self._call_next(dialing)
            return
        self._end(dialing)

    def release(self, child: Leg) -> None:
        """A dialed call gets instructions of its own: it leaves the dialing, which ends."""
        dialing, child.dialing = child.dialing, None
        if dialing is None or dialing.is_over:
            return
        dialing.children.remove(child)
        dialing.last, dialing.status, dialing.was_answered = child, _COMPLETED, True
        for other in list(dialing.children):
            self._flows.end(other, _CANCELED if other.status is LegStatus.RINGING else _COMPLETED, "api")
        self._end(dialing)

    # The course of a dialing

    def _call_next(self, dialing: Dialing) -> None:
        """Call the parties that are next, until one of them can be reached."""
        leg, effect = dialing.leg, dialing.effect
        while dialing.waiting and not any(each.status is not LegStatus.ENDED for each in dialing.children):
            count = 1 if effect.sequential else len(dialing.waiting)
            parties, dialing.waiting = dialing.waiting[:count], dialing.waiting[count:]
            self._flows.start_timer(leg, dialing.timer, effect.timeout_ms, lambda: self._time_out(dialing))
            children = [self._make_child(dialing, party) for party in parties]
            for child in children:
                self._flows.ring(child)
        if all(each.status is LegStatus.ENDED for each in dialing.children) and not dialing.waiting:
            self._end(dialing)

    def _make_child(self, dialing: Dialing, party: effects.Party) -> Leg:
        leg, effect = dialing.leg, dialing.effect
        now = self._flows.now(leg)
        child = Leg(
            leg.account, new_id(now), party.address, effect.caller_id or leg.from_, "outbound-dial", leg.dialect,
            self._parties.take(leg.account, party.address), parent=leg.id,
        )  # fmt: skip
        child.dialing, child.party, child.callback = dialing, party, leg.subscription(party.callback)
        dialing.children.append(child)
        return child

    def _time_out(self, dialing: Dialing) -> None:
        for child in list(dialing.children):
            if child.status is LegStatus.RINGING:
                self._flows.end(child, "no-answer", "limit")

    def _whisper(self, child: Leg) -> None:
        party = child.party
        if party is None or party.whisper is None:
            self.connect(child)
        else:
            self._flows.start_whisper(child, UrlSource(party.whisper.url, party.whisper.method))

    def _end(self, dialing: Dialing) -> None:
        """End the verb, and let its flow go on."""
        if not dialing.is_over:
            dialing.is_over = True
            dialing.leg.running.pop(dialing.effect.n, None)
            self._flows.feed(dialing.leg, self._result(dialing))

    def _result(self, dialing: Dialing) -> DialEnded:
        leg, capture = dialing.leg, dialing.capture
        now = self._flows.now(leg)
        self._flows.cancel_timer(leg, dialing.timer)
        if capture is not None:
            self._recordings.stop(leg, capture)
        call = dialing.connected or dialing.last
        is_bridged = dialing.connected is not None
        ms = now - dialing.connected_at if is_bridged else 0 if dialing.was_answered else None
        is_sip = call is not None and call.party is not None and call.party.kind == "sip"
        return DialEnded(
            dialing.effect.n,
            _COMPLETED if is_bridged else dialing.status,
            call.id if call is not None else None,
            bridged=is_bridged,
            ms=ms,
            recording=capture.recording if capture is not None else None,
            recorded_ms=capture.milliseconds if capture is not None else None,
            sip_code=_sip_code(call) if is_sip else None,
        )


def _sip_code(call: Leg | None) -> int | None:
    if call is None:
        return None
    return 200 if call.rule.outcome is PartyOutcome.ANSWER else call.rule.end_status
