"""Decide on engine events about calls (`domain.engine_decision`)."""

from typing import Final

from tapedeck.domain.call import UNANSWERED, Call, CallStatus
from tapedeck.domain.engine_command import is_pending
from tapedeck.domain.engine_event import EngineEvent
from tapedeck.domain.engine_report import CallEndReport, CallProgressReport, RefusalReport
from tapedeck.domain.engine_situation import Apply, Confirm, Decision, Later, Situation, StateChange
from tapedeck.domain.event_rules import (
    answer_old_version,
    is_confirmable,
    reject_foreign,
    reject_id,
    reject_old,
    repeated,
    stale,
    taken,
    wrong_state,
)

_UNKNOWN: Final = Later("the call is not known")


def decide_call_progress(situation: Situation, event: EngineEvent, report: CallProgressReport, now: int) -> Decision:
    """Decide on `call.ringing` and `call.answered`; the version is that of the command that dials the call.

    That is a `call.place`, which is a command of the call, or a `participant.add`.
    """
    call = situation.call
    if call is None:
        if report.new is None:
            return _UNKNOWN
        return reject_id(report.call, now) or Apply(StateChange.REGISTER_CALL)
    foreign = reject_foreign(event, call.engine)
    if foreign is not None:
        return foreign
    dialed = call if call.placement else situation.participant
    confirms = event.version if is_confirmable(dialed, event) else None
    decision = _decide_progress(situation, call, event, report)
    if isinstance(decision, Apply):
        return Apply(decision.change, confirms)
    return Confirm(confirms) if confirms is not None else decision


def _decide_progress(situation: Situation, call: Call, event: EngineEvent, report: CallProgressReport) -> Decision:
    if call.status is report.status:
        return repeated("the call has this status")
    if not call.is_live:
        if is_pending(call):
            return stale("the end of the call was requested")
        return reject_old(call, event) or wrong_state("the call has ended")
    if call.status not in UNANSWERED:
        return stale("the call is answered")
    old = reject_old(call, event)
    if old is not None:
        return old
    conference, participant = situation.conference, situation.participant
    if conference is None or participant is None:
        return Apply(StateChange.ADVANCE_CALL)
    if not conference.is_live:
        return Apply(StateChange.HANG_UP_CALL)  # it has no other instructions
    # Its `participant.left` may have overtaken this event: `call.ended` decides how the call ends (C-152).
    return Apply(StateChange.ADVANCE_PARTICIPANT if participant.is_inside else StateChange.ADVANCE_CALL)


def decide_call_end(situation: Situation, event: EngineEvent, report: CallEndReport, now: int) -> Decision:
    """Decide on `call.ended`, which also answers every pending command of the call and of its participant."""
    call, participant = situation.call, situation.participant
    if call is None:
        if report.new is None:
            return _UNKNOWN
        return reject_id(report.call, now) or Apply(StateChange.REGISTER_CALL)
    foreign = reject_foreign(event, call.engine)
    if foreign is not None:
        return foreign
    if call.is_live:
        return Apply(StateChange.END_CALL)  # nothing can follow the end
    if is_pending(call) or (participant is not None and is_pending(participant)):
        return Confirm(call.requested_version)
    return repeated("the call has ended")


def decide_confirmation(situation: Situation, event: EngineEvent) -> Decision:
    """Decide on `call.redirected` and `call.digits_sent`."""
    call = situation.call
    if call is None:
        return _UNKNOWN
    foreign = reject_foreign(event, call.engine)
    if foreign is not None:
        return foreign
    return Confirm(call.requested_version) if is_confirmable(call, event) else answer_old_version(call, event)


def decide_call_refusal(situation: Situation, event: EngineEvent, report: RefusalReport) -> Decision:
    """Decide on the refusal of a command to a call or a participant: a call that cannot be dialed fails (C-174)."""
    call = situation.call
    if call is None:
        return _UNKNOWN
    foreign = reject_foreign(event, call.engine)
    if foreign is not None:
        return foreign
    is_unsupported = report.code == "unsupported" and call.status is CallStatus.QUEUED and bool(call.placement)
    cannot_dial = is_unsupported or report.code in {"busy", "bad_request"}
    if report.is_final and cannot_dial and call.status in UNANSWERED:
        return Apply(StateChange.FAIL_CALL)
    return taken("the refusal changes nothing")
