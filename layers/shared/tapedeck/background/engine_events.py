"""Apply what media engines report: read, decide, write exactly what was decided, and read again after a conflict.

`domain.engine_decision.decide` has the rules. Every write is conditional on exactly what was read, so that a decision
never meets a newer state, and a repeated event finds that it was applied.
"""

from dataclasses import dataclass, replace
from typing import Final

from tapedeck.background.event_conflicts import EventConflict, Hints
from tapedeck.background.event_situations import SituationReader
from tapedeck.background.event_writes import EventWriter
from tapedeck.domain.engine_decision import decide
from tapedeck.domain.engine_event import EngineEvent, EventOutcome, EventRefusal, EventResult
from tapedeck.domain.engine_report import RefusalReport, Report
from tapedeck.domain.engine_situation import (
    Apply,
    Confirm,
    Decision,
    Ignore,
    Later,
    Refuse,
    Situation,
    StateChange,
    Touch,
)
from tapedeck.domain.errors import CaptureConflict, MediaMissing, StoreBusy
from tapedeck.domain.recording_decision import OTHER_CAPTURE, is_refused_pause
from tapedeck.ports.clock import Clock

MAX_EVENT_ATTEMPTS: Final = 16
"""Attempts to apply an event while other writes race it; an event of several steps needs one more for each."""

LATER_AFTER_MS: Final = 500
"""When the engine may report an event again that cannot be applied yet."""

_DONE: Final = Ignore(EventOutcome.TAKEN, "all steps are done")


@dataclass(frozen=True, slots=True)
class EngineEvents:
    """Applies engine events to the table, one at a time.

    Args:
        reader: reads what an event is about.
        writer: writes what was decided.
        clock: milliseconds.
    """

    reader: SituationReader
    writer: EventWriter
    clock: Clock

    def take(self, event: EngineEvent, report: Report) -> EventResult:
        """Apply one event and return what became of it. Idempotent.

        Raises:
            StoreBusy, StoreUnavailable: the store fails; the engine is to report the event again.
        """
        hints, has_changed = Hints(), False
        for _ in range(MAX_EVENT_ATTEMPTS):
            situation = self.reader.read(event, report, hints)
            decision = decide(situation, event, report, self.clock())
            if has_changed and isinstance(decision, Ignore):
                decision = _DONE
            try:
                self._write(situation, decision, event, report, hints)
            except EventConflict as conflict:
                hints = hints.with_conflict(conflict)
                continue
            except MediaMissing:
                decision = Later("the media are missing")
            except CaptureConflict:
                decision = Refuse(EventRefusal.WRONG_STATE, OTHER_CAPTURE)
            if isinstance(decision, Apply) and decision.is_step:
                has_changed = True
                continue
            return _marked(_result_of(decision), situation, event, report)
        raise StoreBusy

    def _write(
        self, situation: Situation, decision: Decision, event: EngineEvent, report: Report, hints: Hints
    ) -> None:
        match decision:
            case Apply():
                self.writer.apply(situation, decision, event, report, hints)
            case Confirm(version):
                self.writer.confirm(situation, version, event, report)
            case Touch():
                self.writer.touch(situation, event, report)
            case _:
                pass


def _result_of(decision: Decision) -> EventResult:
    match decision:
        case Apply(change):
            return EventResult(EventOutcome.TAKEN, reason=str(change))
        case Confirm():
            return EventResult(EventOutcome.TAKEN, reason="confirmed")
        case Touch():
            return EventResult(EventOutcome.TAKEN, reason="known")
        case Ignore(outcome, reason):
            return EventResult(outcome, reason=reason)
        case Later(reason):
            return EventResult(EventOutcome.LATER, after_ms=LATER_AFTER_MS, reason=reason)
        case Refuse(code, reason, detail):
            return EventResult(EventOutcome.REFUSED, code, detail if detail is not None else reason, reason=reason)


def _marked(result: EventResult, situation: Situation, event: EngineEvent, report: Report) -> EventResult:
    """Add counts, and what a refused command leads to: a resync if something is gone.

    The counts are those of refused pauses, of requested pauses that the engine has ended (C-259), and of captures that
    differ from the stored one (C-214).
    """
    if result.reason == OTHER_CAPTURE:
        return replace(result, counted={"CaptureConflict": 1})
    if result.reason == StateChange.REPEAT_PAUSE:
        return replace(result, counted={"PausesEndedByEngine": 1})
    if not isinstance(report, RefusalReport) or result.outcome in {EventOutcome.LATER, EventOutcome.REFUSED}:
        return result
    is_new = result.outcome is EventOutcome.TAKEN and is_refused_pause(situation, event)
    return replace(result, needs_resync=report.code == "gone", counted={"PausesRefused": 1} if is_new else {})
