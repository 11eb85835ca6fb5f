"""Decide what becomes of an engine event: the only place with the rules for events that are late, early or repeated.

An event with a version answers the command of that version. An event without one reports what the engine did by itself.
Events may arrive twice, late and in any order. A resource has one engine for its whole life, and each event of an
engine has a higher sequence number than the one before, so that numbers decide and no clock does (REL-4).
"""

from tapedeck.domain.call_decision import (
    decide_call_end,
    decide_call_progress,
    decide_call_refusal,
    decide_confirmation,
)
from tapedeck.domain.conference_decision import (
    decide_announcement,
    decide_change,
    decide_conference_end,
    decide_conference_refusal,
    decide_conference_start,
    decide_join,
    decide_leave,
    decide_speaking,
)
from tapedeck.domain.engine_event import EngineEvent
from tapedeck.domain.engine_report import (
    AnnouncementReport,
    CallConfirmation,
    CallEndReport,
    CallProgressReport,
    CaptureAbsenceReport,
    CaptureCompletionReport,
    CaptureStartReport,
    CaptureTransitionReport,
    ConferenceEndReport,
    ConferenceStartReport,
    ParticipantChangeReport,
    ParticipantJoinReport,
    ParticipantLeaveReport,
    RefusalReport,
    Report,
    SpeakingReport,
    TranscriptionReport,
)
from tapedeck.domain.engine_situation import Decision, Situation
from tapedeck.domain.recording_decision import (
    decide_absence,
    decide_completion,
    decide_recording_refusal,
    decide_start,
    decide_transcription,
    decide_transition,
)


def decide(situation: Situation, event: EngineEvent, report: Report, now: int) -> Decision:
    """Decide what becomes of an event at `now` (milliseconds); pure.

    An event about an unknown resource, or one that is not far enough yet, is for later. One about a resource of another
    engine, or one that the state rules out for ever, is refused. Whether something is stale follows from the sequence
    number: lower than that of the last event of the resource is stale, the same is a repetition.
    """
    match report:
        case CallProgressReport() | CallEndReport() | CallConfirmation():
            return _decide_call(situation, event, report, now)
        case ConferenceStartReport() | ConferenceEndReport() | AnnouncementReport():
            return _decide_conference(situation, event, report, now)
        case ParticipantJoinReport():
            return decide_join(situation, event, now)
        case ParticipantChangeReport():
            return decide_change(situation, event, report, now)
        case ParticipantLeaveReport():
            return decide_leave(situation, event)
        case SpeakingReport():
            return decide_speaking(situation, event)
        case CaptureStartReport() | CaptureTransitionReport() | CaptureCompletionReport() | CaptureAbsenceReport():
            return _decide_recording(situation, event, report, now)
        case TranscriptionReport():
            return decide_transcription(situation, event, report, now)
        case RefusalReport():
            return _decide_refusal(situation, event, report)


def _decide_call(
    situation: Situation, event: EngineEvent, report: CallProgressReport | CallEndReport | CallConfirmation, now: int
) -> Decision:
    match report:
        case CallProgressReport():
            return decide_call_progress(situation, event, report, now)
        case CallEndReport():
            return decide_call_end(situation, event, report, now)
        case CallConfirmation():
            return decide_confirmation(situation, event)


def _decide_conference(
    situation: Situation,
    event: EngineEvent,
    report: ConferenceStartReport | ConferenceEndReport | AnnouncementReport,
    now: int,
) -> Decision:
    match report:
        case ConferenceStartReport():
            return decide_conference_start(situation, event, report, now)
        case ConferenceEndReport():
            return decide_conference_end(situation, event)
        case AnnouncementReport():
            return decide_announcement(situation, event, report)


def _decide_recording(
    situation: Situation,
    event: EngineEvent,
    report: CaptureStartReport | CaptureTransitionReport | CaptureCompletionReport | CaptureAbsenceReport,
    now: int,
) -> Decision:
    match report:
        case CaptureStartReport():
            return decide_start(situation, event, report, now)
        case CaptureTransitionReport():
            return decide_transition(situation, event, report)
        case CaptureCompletionReport():
            return decide_completion(situation, event, report)
        case CaptureAbsenceReport():
            return decide_absence(situation, event)


def _decide_refusal(situation: Situation, event: EngineEvent, report: RefusalReport) -> Decision:
    if report.recording is not None:
        return decide_recording_refusal(situation, event, report)
    if report.call is not None:
        return decide_call_refusal(situation, event, report)
    return decide_conference_refusal(situation, event, report)
