"""The states that engine events lead to: pure functions of what was read; `domain.engine_decision` decides when."""

import re
from dataclasses import replace
from typing import Final, TypeVar

from tapedeck.domain.call import UNANSWERED, Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus
from tapedeck.domain.engine_command import is_pending
from tapedeck.domain.engine_event import EngineEvent
from tapedeck.domain.engine_report import (
    CallEndReport,
    CallProgressReport,
    CaptureStartReport,
    ConferenceEndReport,
    ConferenceStartReport,
    NewCall,
    NewRecording,
    ParticipantChangeReport,
    ParticipantJoinReport,
)
from tapedeck.domain.participant import Participant, is_label, with_settings
from tapedeck.domain.recording import EvidenceHead, Recording, RecordingStatus
from tapedeck.operations.conferences import conference_after_join, joined_participant
from tapedeck.operations.dial_progress import call_after_progress, participant_after_progress
from tapedeck.operations.leaving import (
    call_ending,
    conference_ending,
    participant_after_leave,
    participant_removal,
)
from tapedeck.operations.participants import settings_change
from tapedeck.ports.parents import EndTransaction

OwnedT = TypeVar("OwnedT", Call, Conference)

_CALL_SID: Final = re.compile(r"CA[0-9a-fA-F]{32}")
"""Twilio's sid of a call; SignalWire's dialect has no labels in paths."""


def new_call(event: EngineEvent, report: CallProgressReport, new: NewCall, now: int) -> Call:
    """Return a call that the engine reports first; `now` is in seconds here and below."""
    call, at = _call_of(event, report.call, report.status, new, now), event.occurred_at(report.call, now)
    if report.status is CallStatus.IN_PROGRESS:
        return replace(call, started=at)
    # Of an incoming call no event reports that it rings.
    return call if new.direction == "inbound" else replace(call, rang=at)


def new_ended_call(event: EngineEvent, report: CallEndReport, new: NewCall, now: int) -> Call:
    """Return a call of which the engine reports the end first: it was not answered."""
    call = _call_of(event, report.call, CallStatus.QUEUED, new, now)
    return replace(
        call, status=final_status(call, report.status), ended=event.occurred_at(report.call, now),
        end_write_id=event.id, sip_status=report.sip_status,
    )  # fmt: skip


def _call_of(event: EngineEvent, call: str, status: CallStatus, new: NewCall, now: int) -> Call:
    return Call(
        event.account, call, status, now, to=new.to, from_=new.from_, direction=new.direction,
        parent_call=new.parent, callback=new.callback, engine=event.engine, last_event_seq=event.seq,
    )  # fmt: skip


def new_conference(event: EngineEvent, report: ConferenceStartReport, now: int) -> Conference:
    """Return a conference that the engine has opened, without participants."""
    return Conference(
        event.account, report.conference, report.name, ConferenceStatus.INIT, now, record=report.record,
        callback=report.callback, engine=event.engine, last_event_seq=event.seq,
    )  # fmt: skip


def new_recording(event: EngineEvent, report: CaptureStartReport, new: NewRecording, call: str, now: int) -> Recording:
    """Return a recording that the engine started by itself; `call` is the call that it shows."""
    return with_evidence(
        Recording(
            id=report.recording, parent=report.parent,
            status=RecordingStatus.PAUSED if report.is_paused else RecordingStatus.IN_PROGRESS, source=new.source,
            updated=now, confirmed_version=1, started=event.occurred_at(report.recording, now), call=call,
            channels=report.channels, track=report.track, trim=new.trim, callback=new.callback,
            pause_behavior="silence" if report.is_paused else None, effective_version=int(report.is_paused),
            own_version=int(report.is_paused),
            engine=event.engine, last_event_seq=event.seq,
        ),
        report.evidence,
    )  # fmt: skip


def owned(resource: OwnedT, event: EngineEvent) -> OwnedT:
    """Return a call or conference after an event about it: with its engine, and with the number of the event."""
    return replace(
        resource,
        engine=resource.engine or event.engine,
        last_event_seq=max(resource.last_event_seq, event.seq),
    )


def noted(participant: Participant, event: EngineEvent) -> Participant:
    """Return a participant with the number of an event about it."""
    return replace(participant, last_event_seq=max(participant.last_event_seq, event.seq))


def answered(participant: Participant, event: EngineEvent, version: int | None) -> Participant:
    """Return a participant of which the engine answered the command of this version, if any."""
    return noted(replace(participant, confirmed_version=max(participant.confirmed_version, version or 0)), event)


def call_progress(
    call: Call,
    conference: Conference | None,
    participant: Participant | None,
    event: EngineEvent,
    status: CallStatus,
    confirms: int | None,
    now: int,
    *,
    connects: bool,
) -> EndTransaction:
    """Return the change when a call rings or is answered; with `connects` its participant does so with it.

    `confirms` is a version of the call if a request created it by itself, else of its participant.
    """
    after = owned(call_after_progress(call, status, event.occurred_at(call.id, now), now), event)
    if call.placement:
        after, confirms = replace(after, confirmed_version=max(after.confirmed_version, confirms or 0)), None
    change = EndTransaction(event.id, now, call=call, call_after=after)
    if participant is None or conference is None:
        return change
    if not connects:
        return replace(change, participant=participant, participant_after=confirmed_only(participant, confirms))
    moved = participant_after_progress(conference, participant, status, now)
    moved = replace(moved, confirmed_version=max(moved.confirmed_version, confirms or 0))
    if status is CallStatus.RINGING:
        return replace(change, participant=participant, participant_after=moved)
    joined = replace(conference_after_join(conference, participant, now), engine=conference.engine or event.engine)
    return replace(
        change,
        participant=participant,
        participant_after=noted(moved, event),
        conference=conference,
        conference_after=joined,
    )


def confirmed_only(participant: Participant, version: int | None) -> Participant:
    """Return a participant with this version confirmed, if any."""
    return replace(participant, confirmed_version=max(participant.confirmed_version, version or 0))


def call_end(
    call: Call,
    conference: Conference | None,
    participant: Participant | None,
    event: EngineEvent,
    reported: CallStatus,
    now: int,
    stopped: frozenset[str],
    sip_status: int | None = None,
) -> EndTransaction:
    """Return the change when a call has ended, which answers every pending command of the call and its participant."""
    status = final_status(call, reported)
    ended = event.occurred_at(call.id, now)
    change = call_ending(call, conference, participant, status, now, event.id, stopped, ended)
    after = change.call_after
    if after is not None:
        settled = replace(owned(after, event), confirmed_version=after.requested_version, sip_status=sip_status)
        change = replace(change, call_after=settled)
    gone = change.participant_after or participant
    if participant is not None and gone is not None and (gone is not participant or is_pending(gone)):
        left = replace(gone, confirmed_version=gone.requested_version)
        change = replace(change, participant=participant, participant_after=noted(left, event))
    return change


def final_status(call: Call, status: CallStatus) -> CallStatus:
    """Return the final status to store.

    COMPLETED for a call in progress, whichever status the engine reports; otherwise the reported status, with NO_ANSWER
    in place of COMPLETED.
    """
    if call.status not in UNANSWERED:
        return CallStatus.COMPLETED
    return status if status is not CallStatus.COMPLETED else CallStatus.NO_ANSWER


def conference_end(
    conference: Conference, event: EngineEvent, report: ConferenceEndReport, now: int, stopped: frozenset[str]
) -> EndTransaction:
    """Return the change when a conference has ended, which answers every pending command of it."""
    change = conference_ending(
        conference, now, event.id, stopped, reason=report.reason, ending_call=report.ending_call,
        ended=event.occurred_at(conference.id, now),
    )  # fmt: skip
    after = change.conference_after
    if after is None:
        return change
    return replace(change, conference_after=replace(owned(after, event), confirmed_version=after.requested_version))


def announced(conference: Conference, event: EngineEvent, version: int | None, now: int) -> Conference:
    """Return a conference after an announcement was played to it."""
    after = replace(
        conference,
        version=conference.version + 1,
        sequence=conference.sequence + 1,
        announced_at=now,
        confirmed_version=max(conference.confirmed_version, version or 0),
    )
    return owned(after, event)


def entry(
    conference: Conference,
    before: Participant | None,
    event: EngineEvent,
    report: ParticipantJoinReport,
    now: int,
    label: str | None,
) -> tuple[Conference, Participant]:
    """Return a conference and a participant after its call entered; `before` is that of an earlier stay."""
    joined = joined_participant(
        conference, report.call, before, now, start_on_enter=report.start_conference_on_enter,
        end_on_exit=report.end_conference_on_exit, muted=report.muted, hold=report.hold,
    )  # fmt: skip
    after = conference_after_join(conference, joined, now)
    return replace(after, engine=conference.engine or event.engine), replace(
        joined, last_event_seq=event.seq, label=label
    )


def free_label(report: ParticipantJoinReport, holder: Participant | None) -> str | None:
    """Return the reported label of a participant; None without a valid one, or if another participant has it (C-255).

    `holder` is the participant that took the label last, if any. A label like the sid of a call is not valid either: in
    a path it would be that call.
    """
    label = report.label
    if label is None or not is_label(label) or _CALL_SID.fullmatch(label) is not None:
        return None
    is_taken = holder is not None and holder.call != report.call and holder.is_inside and holder.label == label
    return None if is_taken else label


def participant_change(
    conference: Conference, participant: Participant, event: EngineEvent, report: ParticipantChangeReport, now: int
) -> EndTransaction:
    """Return the change when the engine changed the settings of a participant."""
    conference_after, after = settings_change(conference, participant, with_settings(participant, report), now)
    return EndTransaction(
        event.id, now, conference=conference,
        conference_after=replace(conference_after, engine=conference.engine or event.engine),
        participant=participant, participant_after=noted(after, event),
    )  # fmt: skip


def leave(
    conference: Conference,
    participant: Participant,
    call: Call | None,
    event: EngineEvent,
    now: int,
    stopped: frozenset[str],
) -> EndTransaction:
    """Return the change when a participant has left, which answers every pending command of it.

    `call` is its live call, if that ends too.
    """
    gone = participant_after_leave(conference, participant, now)
    gone = noted(replace(gone, confirmed_version=gone.requested_version), event)
    change = participant_removal(
        conference, participant, gone, call, now, event.id, stopped, kicked=False,
        ended=event.occurred_at(conference.id, now),
    )  # fmt: skip
    after = change.conference_after or conference
    return replace(change, conference_after=replace(after, engine=conference.engine or event.engine))


def started(
    recording: Recording, event: EngineEvent, report: CaptureStartReport, confirms: int | None, now: int
) -> Recording:
    """Return a recording after the start of its capture was reported; `confirms` is the version that this confirms."""
    version = event.version or 1
    after = replace(
        recording,
        started=event.occurred_at(recording.id, now),
        engine=event.engine,
        confirmed_version=max(recording.confirmed_version, confirms or 0),
        last_event_seq=max(recording.last_event_seq, event.seq),
        effective_version=max(recording.effective_version, version if report.is_paused and confirms == version else 0),
    )
    return with_evidence(after, report.evidence)


def moved(
    recording: Recording, event: EngineEvent, target: RecordingStatus, now: int, pause_behavior: str = "silence"
) -> Recording:
    """Return a recording after the engine paused, resumed or stopped it by itself; the change is confirmed."""
    version = recording.version + 1
    after = replace(
        recording,
        status=target,
        version=version,
        updated=now,
        confirmed_version=version,
        own_version=version,
        last_event_seq=max(recording.last_event_seq, event.seq),
    )
    match target:
        case RecordingStatus.PAUSED:
            return replace(after, pause_behavior=pause_behavior, effective_version=version)
        case RecordingStatus.STOPPED:
            return replace(after, ended=event.occurred_at(recording.id, now))
        case _:
            return replace(after, pause_behavior=None)


def paused_again(recording: Recording, event: EngineEvent) -> Recording:
    """Return a recording whose requested pause is sent again, because the engine has ended it by itself (C-259)."""
    return replace(
        recording,
        version=recording.version + 1,
        confirmed_version=recording.version,
        last_event_seq=max(recording.last_event_seq, event.seq),
    )


def confirmed(recording: Recording, event: EngineEvent, version: int, *, is_pause: bool) -> Recording:
    """Return a recording of which the engine answered the command of this version; `is_pause`: it is paused."""
    return replace(
        recording,
        confirmed_version=version,
        last_event_seq=max(recording.last_event_seq, event.seq),
        effective_version=max(recording.effective_version, version if is_pause else 0),
    )


def with_evidence(recording: Recording, evidence: EvidenceHead | None) -> Recording:
    """Return a recording with the end of its evidence chain, if the report knows a later one."""
    later = recording.later_evidence(evidence)
    return recording if later is None else replace(recording, evidence_entries=later.entries, evidence_head=later.head)
