"""Decide on engine events about conferences and participants (`domain.engine_decision`)."""

from typing import Final

from tapedeck.domain.call import UNANSWERED, Call
from tapedeck.domain.engine_command import EngineControlled, has_unexpired_request, is_pending
from tapedeck.domain.engine_event import EngineEvent, EventRefusal
from tapedeck.domain.engine_report import (
    AnnouncementReport,
    ConferenceStartReport,
    ParticipantChangeReport,
    RefusalReport,
)
from tapedeck.domain.engine_situation import Apply, Confirm, Decision, Later, Refuse, Situation, StateChange, Touch
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
from tapedeck.domain.participant import Participant, with_settings

_UNKNOWN: Final = Later("the conference or the participant is not known")


def decide_conference_start(
    situation: Situation, event: EngineEvent, report: ConferenceStartReport, now: int
) -> Decision:
    """Decide on `conference.started`; one that was created over the API gets its engine (C-172)."""
    conference, holder = situation.conference, situation.name_holder
    if conference is not None:
        foreign = reject_foreign(event, conference.engine)
        if foreign is not None:
            return foreign
        return Touch() if conference.engine is None and conference.is_live else repeated("the conference is known")
    bad = reject_id(report.conference, now)
    if bad is not None:
        return bad
    if holder is None or not holder.is_live:
        return Apply(StateChange.REGISTER_CONFERENCE)
    if holder.engine in {None, event.engine}:
        return Later("a live conference has this name")  # its end may not have arrived yet
    detail = f"the name belongs to conference {holder.id} of engine {holder.engine}"
    return Refuse(EventRefusal.NAME_TAKEN, "a conference of another engine has this name", detail)


def decide_conference_end(situation: Situation, event: EngineEvent) -> Decision:
    """Decide on `conference.ended`, which also answers every pending command of the conference."""
    conference = situation.conference
    if conference is None:
        return _UNKNOWN
    foreign = reject_foreign(event, conference.engine)
    if foreign is not None:
        return foreign
    if conference.is_live:
        return Apply(StateChange.END_CONFERENCE)  # nothing can follow the end
    if is_pending(conference):
        return Confirm(conference.requested_version)
    return repeated("the conference has ended")


def decide_announcement(situation: Situation, event: EngineEvent, report: AnnouncementReport) -> Decision:
    """Decide on the end of an announcement; a failed one is not played again (C-175)."""
    conference = situation.conference
    target: EngineControlled | None = situation.participant if report.call is not None else conference
    if conference is None or target is None:
        return _UNKNOWN
    foreign = reject_foreign(event, conference.engine)
    if foreign is not None:
        return foreign
    if not is_confirmable(target, event):
        return answer_old_version(target, event)
    if not conference.is_live:
        return stale("the conference has ended")
    if report.call is None and not report.has_failed:
        return Apply(StateChange.ANNOUNCE, target.requested_version)
    return Confirm(target.requested_version)


def decide_conference_refusal(situation: Situation, event: EngineEvent, report: RefusalReport) -> Decision:
    """Decide on the refusal of a command to a conference: what can never be done is not requested again."""
    conference = situation.conference
    if conference is None:
        return _UNKNOWN
    foreign = reject_foreign(event, conference.engine)
    if foreign is not None:
        return foreign
    if report.is_final and conference.is_live and is_confirmable(conference, event):
        return Confirm(conference.requested_version)
    return taken("the refusal changes nothing")


def decide_join(situation: Situation, event: EngineEvent, now: int) -> Decision:
    """Decide on `participant.joined`."""
    conference, call, participant = situation.conference, situation.call, situation.participant
    if conference is None or call is None:
        return _UNKNOWN
    foreign = reject_foreign(event, conference.engine) or reject_foreign(event, call.engine)
    if foreign is not None:
        return foreign
    if participant is not None:
        if participant.is_inside and is_confirmable(participant, event):
            return Confirm(participant.requested_version)
        old = reject_old(participant, event)
        if old is not None:
            return old
        if not participant.is_inside and _is_leaving(participant, call, now // 1000):
            return stale("it was requested to leave")
    if not conference.is_live:
        return wrong_state("the conference has ended")
    if participant is not None and participant.is_inside:
        return Touch()
    if call.status in UNANSWERED:
        return Later("the call is not answered yet")
    return Apply(StateChange.JOIN) if call.is_live else wrong_state("the call has ended")


def _is_leaving(participant: Participant, call: Call, now: int) -> bool:
    """Return whether a request to leave overrides a reported entry at `now` in seconds (C-112).

    The redirect of a call is such a request, until the engine confirms it or reports that the call has left (C-153).
    """
    return has_unexpired_request(participant, now) or (
        participant.last_event_seq == 0 and has_unexpired_request(call, now)
    )


def decide_change(situation: Situation, event: EngineEvent, report: ParticipantChangeReport, now: int) -> Decision:
    """Decide on `participant.changed`: by a command, or by the engine itself."""
    conference, participant, coached = situation.conference, situation.participant, situation.coached
    if conference is None or participant is None:
        return _UNKNOWN
    foreign = reject_foreign(event, conference.engine)
    if foreign is not None:
        return foreign
    if event.version is not None:
        if is_confirmable(participant, event):
            return Confirm(participant.requested_version)
        return answer_old_version(participant, event)
    if not conference.is_live or not participant.is_inside:
        return stale("the participant has left")
    if report.call_to_coach is not None and (
        coached is None or not coached.is_inside or coached.call == participant.call
    ):
        return wrong_state("the participant to coach is not in this conference")
    old = reject_old(participant, event)
    if old is not None:
        return old
    if has_unexpired_request(participant, now // 1000):
        return stale("a request is pending")
    return Touch() if with_settings(participant, report) == participant else Apply(StateChange.CHANGE_PARTICIPANT)


def decide_leave(situation: Situation, event: EngineEvent) -> Decision:
    """Decide on `participant.left`, which also answers every pending command of the participant."""
    conference, participant = situation.conference, situation.participant
    if conference is None or participant is None:
        return _UNKNOWN
    foreign = reject_foreign(event, conference.engine)
    if foreign is not None:
        return foreign
    is_inside = conference.is_live and participant.is_inside
    is_answer = is_confirmable(participant, event)
    if not is_inside and is_answer:
        return Confirm(participant.requested_version)
    if event.version is not None and not is_answer:
        return answer_old_version(participant, event)
    old = reject_old(participant, event)
    if old is not None:
        return old  # a participant that has come back since is not affected
    if is_inside:
        return Apply(StateChange.LEAVE)
    if is_pending(participant):
        return Confirm(participant.requested_version)
    return Touch() if conference.is_live else stale("the conference has ended")


def decide_speaking(situation: Situation, event: EngineEvent) -> Decision:
    """Decide on `participant.speaking`, which changes nothing that is stored."""
    conference = situation.conference
    if conference is None or situation.participant is None:
        return _UNKNOWN
    return reject_foreign(event, conference.engine) or taken("speaking changes nothing")
