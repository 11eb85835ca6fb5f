"""The course of the simulated calls: they ring, are answered, execute instructions and end."""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tapedeck_callflow import Facts, Flow
from tapedeck_callflow.effects import Effect, Note
from tapedeck_callflow.events import Event, HungUp, Source, UrlSource

from tapedeck.ports.clock import Clock
from tapedeck_standin.calls.application import ApplicationRequests
from tapedeck_standin.calls.dialing import Dialings
from tapedeck_standin.calls.durations import digits_ms
from tapedeck_standin.calls.effects import EffectParts, EffectRunner
from tapedeck_standin.calls.instruction_requests import InstructionRequests
from tapedeck_standin.calls.leg import Leg, LegStatus
from tapedeck_standin.calls.parties import AnsweredBy, Parties, PartyOutcome
from tapedeck_standin.calls.party_actor import PartyActor
from tapedeck_standin.calls.recording_verbs import RecordingVerbs
from tapedeck_standin.calls.rooms import FindConference, Rooms
from tapedeck_standin.calls.runtime import EndedBy
from tapedeck_standin.calls.sound import Sound
from tapedeck_standin.calls.timers import Timers
from tapedeck_standin.calls.wire import DEFAULT_LIMIT_SECONDS, detected
from tapedeck_standin.clock import time_of
from tapedeck_standin.recordings.recording_commands import RecordingCommands

KEPT_LEGS: Final = 5_000
"""Ended calls whose course can still be read."""

Report = Callable[[str, Mapping[str, Any]], object]
"""Reports an event: the call whose events stay in order, and the fields without id and number."""


class CallCourse:
    """Lets calls take their course, by the clock of each account. Its callers hold `lock`.

    Args:
        lock: guards all calls.
        report: reports an event to Tapedeck.
        recordings: the recordings of the engine.
        parties: how the parties behave.
        requests: sends the requests for instructions.
        note: gets each warning and error of an execution: the leg, the effect, and when.
        on_end: is called with the id of each call that has ended.
        find_conference: finds a conference that was created over the API.
        clock: milliseconds since the epoch.
    """

    def __init__(
        self,
        lock: threading.RLock,
        report: Report,
        recordings: RecordingCommands,
        parties: Parties,
        requests: InstructionRequests,
        note: Callable[[Leg, Note, int], object],
        on_end: Callable[[str], object],
        find_conference: FindConference,
        clock: Clock,
    ) -> None:
        self.lock = lock
        self._report = report
        self._recordings = recordings
        self.parties = parties
        self.requests = requests
        self._on_end = on_end
        self._clock = clock
        self._timers = Timers(clock)
        self._legs: dict[str, Leg] = {}
        self._ended: deque[str] = deque()
        self._at: int | None = None
        """The due time of the timer that fires now (milliseconds)."""
        application, verbs = ApplicationRequests(self, requests), RecordingVerbs(self, recordings)
        self.rooms = Rooms(self, verbs, find_conference, report)
        self._dialings = Dialings(self, parties, verbs)
        parts = EffectParts(application, Sound(self, application), verbs, self._dialings, self.rooms)
        self._effects = EffectRunner(self, parts, note)
        self._actor = PartyActor(self, parts)

    def now(self, leg: Leg) -> int:
        """Return the time of what happens now (milliseconds): that of a timer is its due time."""
        return self._at if self._at is not None else time_of(self._clock, leg.account)

    def start_timer(self, leg: Leg, name: str | int, ms: int, act: Callable[[], object]) -> None:
        """Do something in so many milliseconds, in place of what has the same name in this call."""
        self._timers.start(leg.account, (leg.id, f"{leg.timer_prefix}{name}"), self.now(leg) + ms, self._firing(act))

    def start_account_timer(self, account: str, name: str, ms: int, act: Callable[[], object]) -> None:
        """Do something in so many milliseconds, also if the call that it is about has ended."""
        now = self._at if self._at is not None else time_of(self._clock, account)
        self._timers.start(account, (name, ""), now + ms, self._firing(act))

    def cancel_timer(self, leg: Leg, name: str | int) -> None:
        """Cancel a timer of a call, if it waits."""
        self._timers.cancel((leg.id, f"{leg.timer_prefix}{name}"))

    def report(self, leg: Leg, event: Mapping[str, Any]) -> None:
        """Report an event about a call, which happens now; it answers the command that created the call.

        The first one of a call that no command created describes it.
        """
        described: dict[str, Any] = {} if leg.version is None else {"version": leg.version}
        if not leg.is_reported and leg.direction != "inbound":
            described |= {"to": leg.to, "from": leg.from_, "direction": leg.direction}
            if leg.parent is not None:
                described["parent_call"] = leg.parent
            if leg.callback is not None:
                described["callback"] = leg.callback
        leg.is_reported = True
        self._report(leg.id, {**event, "call": leg.id, "account": leg.account, "at": self.now(leg), **described})

    def report_other(self, leg: Leg, event: Mapping[str, Any]) -> None:
        """Report an event about something else of a call, which happens now."""
        self._report(leg.id, {**event, "account": leg.account, "at": self.now(leg)})

    def find(self, account: str, call: str) -> Leg | None:
        """Return a call of an account; None if this engine does not execute it."""
        with self.lock:
            leg = self._legs.get(call)
            return leg if leg is not None and leg.account == account else None

    def is_known(self, call: str) -> bool:
        """Whether this engine has a call: a reset drops those of an account."""
        return call in self._legs

    def order_of(self, call: str) -> str:
        """Return the call by which the events of a call are ordered: for a dialed one, that which dialed."""
        with self.lock:
            leg = self._legs.get(call)
            while leg is not None and leg.parent is not None and leg.parent in self._legs:
                leg = self._legs[leg.parent]
            return leg.id if leg is not None else call

    def feed(self, leg: Leg, *events: Event) -> None:
        """Let a flow handle events, and carry out what follows; events of what follows are handled after it."""
        leg.events.extend(events)
        if leg.is_fed or leg.flow is None:
            return
        leg.is_fed = True
        try:
            while leg.events and leg.flow is not None:
                self._carry_out(leg, leg.flow.handle(leg.events.popleft(), self.now(leg)))
        finally:
            leg.is_fed = False
        self._note_position(leg)

    def end(self, leg: Leg, status: str | None, by: EndedBy | None) -> None:
        """End a call: its verbs, its recordings, then itself.

        Args:
            leg: the call.
            status: the final status; None: the API has set it, and the answer to its command reports it.
            by: what ended it; None: its instructions.
        """
        if leg.status is LegStatus.ENDED:
            return
        is_answered = leg.status is LegStatus.IN_PROGRESS
        leg.status = LegStatus.ENDED
        self._timers.cancel_all(leg.id)
        leg.speaks_until = None
        if by is not None:
            self.feed(leg, HungUp(by))
        for capture in self._recordings.running_of(leg.id):
            self._recordings.stop_own(capture, self.now(leg))
        for stream in leg.streams:
            stream.is_open = False
        if status is not None:
            sip_status = 200 if is_answered else leg.rule.end_status
            self.report(leg, {"type": "call.ended", "status": status, "sip_status": sip_status})
        self._on_end(leg.id)
        self.rooms.call_ended(leg.id)
        if leg.dialing is not None:
            self._dialings.child_ended(leg, status or "canceled", was_answered=is_answered)
        self._ended.append(leg.id)
        while len(self._ended) > KEPT_LEGS:
            self._legs.pop(self._ended.popleft(), None)

    def answer(self, leg: Leg) -> None:
        """A call that rings is answered; from now on its party does what its rule says."""
        self.cancel_timer(leg, "timeout")
        leg.status, leg.answered_at = LegStatus.IN_PROGRESS, self.now(leg)
        self.report(leg, {"type": "call.answered"})
        if leg.direction == "inbound":
            self.limit(leg, DEFAULT_LIMIT_SECONDS * 1000)
        self._actor.begin(leg)

    def ring(self, leg: Leg) -> None:
        """Call the party of a call, which this engine knows from now on."""
        self.add(leg)
        if leg.rule.outcome is PartyOutcome.FAIL:
            self.end(leg, "failed", "error")
            return
        self.report(leg, {"type": "call.ringing"})
        if leg.rule.outcome in {PartyOutcome.MANUAL, PartyOutcome.NO_ANSWER}:
            return
        if leg.rule.ring_ms:
            self.start_timer(leg, "ring", leg.rule.ring_ms, lambda: self.apply_outcome(leg, leg.rule.outcome))
        else:
            self.apply_outcome(leg, leg.rule.outcome)

    def start_whisper(self, leg: Leg, source: UrlSource) -> None:
        """Execute the document for a dialed party that has answered."""
        leg.flow = Flow(Facts(leg.callflow_dialect, kind="whisper", caller=leg.from_))
        self.begin_flow(leg, source)

    def begin_flow(self, leg: Leg, source: Source) -> None:
        """Begin the flow of a leg, and carry out what follows."""
        if leg.flow is not None:
            self._carry_out(leg, leg.flow.start(source, self.now(leg)))
            self.feed(leg)

    def cancel_prefixed(self, leg: Leg) -> None:
        """Cancel all timers of a wait document."""
        self._timers.cancel_prefixed(leg.id, leg.timer_prefix)

    # The course of a call

    def _firing(self, act: Callable[[], object]) -> Callable[[int], object]:
        """Return what does something at the due time of its timer."""

        def fire(due: int) -> None:
            self._at = due
            try:
                act()
            finally:
                self._at = None

        return fire

    def add(self, leg: Leg) -> None:
        """Know a call from now on."""
        self._legs[leg.id] = leg

    def apply_outcome(self, leg: Leg, outcome: PartyOutcome, answered_by: AnsweredBy | None = None) -> None:
        """Let a call that rings be answered, or end unanswered."""
        self.cancel_timer(leg, "ring")
        leg.decide(outcome, answered_by)
        if outcome is PartyOutcome.ANSWER:
            self.answer(leg)
            if leg.dialing is not None:
                self._dialings.child_answered(leg)
            else:
                self._start_placed(leg)
        else:
            statuses = {PartyOutcome.BUSY: "busy", PartyOutcome.DECLINE: "busy", PartyOutcome.FAIL: "failed"}
            self.end(leg, statuses.get(outcome, "no-answer"), "party")

    def _start_placed(self, leg: Leg) -> None:
        """Record an answered call if that is wanted, send its digits, and then execute its instructions."""
        placement = leg.placement
        if placement is None:
            return
        if placement.on_answer is not None:
            placement.on_answer()
        self.limit(leg, placement.time_limit_ms)
        if placement.recording is not None:
            self._recordings.start_own(
                leg.account, {"type": "call", "id": leg.id}, at=self.now(leg), **placement.recording
            )
        if placement.source is None:
            return
        delay, source = digits_ms(placement.send_digits), placement.source
        if placement.detection is not None and not placement.send_digits:
            delay, source = detected(placement.detection, source, leg.rule, leg.dialect)
        fallback = placement.fallback
        if delay:
            self.start_timer(leg, "instructions", delay, lambda: self.start_flow(leg, source, fallback))
        else:
            self.start_flow(leg, source, fallback)

    def limit(self, leg: Leg, ms: int) -> None:
        """End a call so long after its answer."""
        answered = leg.answered_at if leg.answered_at is not None else self.now(leg)
        left = max(0, answered + ms - self.now(leg))
        self.start_timer(leg, "limit", left, lambda: self.end(leg, "completed", "limit"))

    def start_flow(self, leg: Leg, source: Source, fallback: UrlSource | None) -> None:
        """Execute instructions, instead of any before."""
        facts = Facts(
            leg.callflow_dialect, caller=leg.from_, answered=leg.status is LegStatus.IN_PROGRESS, fallback=fallback
        )
        leg.flow = Flow(facts)
        self.begin_flow(leg, source)

    def _carry_out(self, leg: Leg, effects: Sequence[Effect]) -> None:
        was_fed, leg.is_fed = leg.is_fed, True
        try:
            for effect in effects:
                leg.events.extend(self._effects.carry_out(leg, effect))
        finally:
            leg.is_fed = was_fed

    def _note_position(self, leg: Leg) -> None:
        """Keep since when a flow is at its verb, and let the party press what it presses at this verb."""
        position = leg.flow.position if leg.flow is not None else None
        place = None if position is None else (position.verb, position.index)
        if place != leg.place:
            leg.place, leg.position_since = place, self.now(leg)
        if position is not None and position.verb is not None:
            leg.last_verb = position.verb
        if position is not None and leg.listening is not None:
            self._actor.reach(leg, position.verb)
