"""Read engine events of the first engine protocol (`engine_protocol.schema`) as reports."""

from typing import Final

from pydantic import ValidationError

from tapedeck.domain.call import CallStatus
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
    NewCall,
    NewRecording,
    ParticipantChangeReport,
    ParticipantJoinReport,
    ParticipantLeaveReport,
    Report,
    TranscriptionReport,
)
from tapedeck.domain.errors import MalformedBody
from tapedeck.domain.recording import RecordingStatus
from tapedeck.engine_protocol.events import (
    EVENTS,
    CallEnded,
    CallProgress,
    CallRedirected,
    ConferenceAnnounced,
    ConferenceEnded,
    ConferenceStarted,
    MediaEvent,
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    RecordingAbsent,
    RecordingCompleted,
    RecordingStarted,
    RecordingTransitioned,
    TranscriptionCompleted,
)

ENGINE: Final = "standin"
"""The engine of every event: this version of the protocol knows one engine only."""

_TARGETS: Final = {
    "recording.paused": RecordingStatus.PAUSED,
    "recording.resumed": RecordingStatus.IN_PROGRESS,
    "recording.stopped": RecordingStatus.STOPPED,
}

_REASONS: Final = {16102: "only_silence"}


def read_event(content: str) -> tuple[EngineEvent, Report]:
    """Parse an engine event; raises MalformedBody if it is not an event of the engine protocol."""
    try:
        event: MediaEvent = EVENTS.validate_json(content)
    except ValidationError as invalid:
        raise MalformedBody from invalid
    metadata = EngineEvent(event.id, event.account, ENGINE, event.seq, event.at, event.version)
    return metadata, _report(event)


def _report(event: MediaEvent) -> Report:
    match event:
        case CallProgress():
            status = CallStatus.RINGING if event.type == "call.ringing" else CallStatus.IN_PROGRESS
            return CallProgressReport(event.call, status, _new_call(event))
        case CallEnded():
            return CallEndReport(event.call, CallStatus(event.status))
        case CallRedirected():
            return CallConfirmation(event.call)
        case ConferenceStarted():
            callback = event.callback.callback if event.callback is not None else None
            return ConferenceStartReport(event.conference, event.name, event.record, callback)
        case ConferenceEnded():
            return ConferenceEndReport(event.conference, event.reason, event.ending_call)
        case ConferenceAnnounced():
            return AnnouncementReport(event.conference)
        case TranscriptionCompleted():
            return TranscriptionReport(event.recording, event.transcription, event.text, event.duration)
        case ParticipantJoined() | ParticipantChanged() | ParticipantLeft():
            return _participant_report(event)
        case _:
            return _recording_report(event)


def _participant_report(event: ParticipantJoined | ParticipantChanged | ParticipantLeft) -> Report:
    match event:
        case ParticipantJoined():
            return ParticipantJoinReport(
                event.conference, event.call, event.start_conference_on_enter, event.end_conference_on_exit,
                event.muted, event.hold,
            )  # fmt: skip
        case ParticipantChanged():
            return ParticipantChangeReport(
                event.conference, event.call, event.muted, event.hold, event.coaching, event.call_to_coach,
                event.end_conference_on_exit,
            )  # fmt: skip
        case ParticipantLeft():
            return ParticipantLeaveReport(event.conference, event.call)


def _recording_report(
    event: RecordingStarted | RecordingTransitioned | RecordingCompleted | RecordingAbsent,
) -> Report:
    parent, recording = event.parent.of(event.account), event.recording
    match event:
        case RecordingStarted():
            return CaptureStartReport(parent, recording, event.channels, event.track, new=_new_recording(event))
        case RecordingTransitioned():
            return CaptureTransitionReport(parent, recording, _TARGETS[event.type], event.pause_behavior)
        case RecordingCompleted():
            # A size that is not reported is not checked.
            size = event.size if event.size is not None else -1
            return CaptureCompletionReport(parent, recording, event.key, size, "")
        case RecordingAbsent():
            return CaptureAbsenceReport(parent, recording, _REASONS.get(event.error, "too_short"))


def _new_call(event: CallProgress) -> NewCall | None:
    if event.to is None or event.from_ is None:
        return None
    return NewCall(event.to, event.from_, event.direction, event.parent_call)


def _new_recording(event: RecordingStarted) -> NewRecording | None:
    if event.source is None:
        return None
    callback = event.callback.callback if event.callback is not None else None
    return NewRecording(event.source, event.call, event.trim, callback)
