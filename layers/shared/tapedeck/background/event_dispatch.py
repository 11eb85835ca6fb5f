"""Dispatch engine events to `EngineEvents` and `RecordingEvents` (the messages of `engine_protocol.schema`).

`RecordingEvents` is reached through `EngineEvents.recording_events`.
"""

from typing import Final

from pydantic import ValidationError

from tapedeck.background.engine_events import EngineEvents
from tapedeck.background.recording_events import RecordingEvents
from tapedeck.domain.call import CallStatus
from tapedeck.domain.engine_report import (
    CaptureStartReport,
    NewCall,
    NewRecording,
    ParticipantJoinReport,
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
from tapedeck.operations.conferences import ReportedConferenceEnd
from tapedeck.operations.participants import UpdateParticipant

_TARGETS: Final = {
    "recording.paused": RecordingStatus.PAUSED,
    "recording.resumed": RecordingStatus.IN_PROGRESS,
    "recording.stopped": RecordingStatus.STOPPED,
}


def read_event(content: str) -> MediaEvent:
    """Parse an engine event; raises MalformedBody if it is not an event of the engine protocol."""
    try:
        event: MediaEvent = EVENTS.validate_json(content)
    except ValidationError as invalid:
        raise MalformedBody from invalid
    return event


def ingest(event: MediaEvent, engine_events: EngineEvents) -> None:
    """Apply one event; raises as `EngineEvents` and `RecordingEvents` do."""
    match event:
        case CallProgress():
            apply = engine_events.call_ringing if event.type == "call.ringing" else engine_events.call_answered
            apply(event.account, event.call, event.engine_event, _new_call(event))
        case CallEnded():
            engine_events.call_ended(event.account, event.call, event.engine_event, CallStatus(event.status))
        case CallRedirected():
            engine_events.call_redirected(event.account, event.call, event.version)
        case ConferenceStarted() | ConferenceEnded() | ConferenceAnnounced():
            _ingest_conference(event, engine_events)
        case ParticipantJoined() | ParticipantChanged() | ParticipantLeft():
            _ingest_participant(event, engine_events)
        case TranscriptionCompleted():
            result = TranscriptionReport(event.recording, event.transcription, event.text, event.duration)
            engine_events.recording_events.transcribed(event.engine_event, result)
        case _:
            _ingest_recording(event, engine_events.recording_events)


def _ingest_conference(
    event: ConferenceStarted | ConferenceEnded | ConferenceAnnounced, engine_events: EngineEvents
) -> None:
    account, conference = event.account, event.conference
    match event:
        case ConferenceStarted():
            callback = event.callback.callback if event.callback is not None else None
            engine_events.conference_started(
                account, conference, event.engine_event, event.name, record=event.record, callback=callback
            )
        case ConferenceEnded():
            engine_events.conference_ended(
                account, conference, ReportedConferenceEnd(event.engine_event, event.reason, event.ending_call)
            )
        case ConferenceAnnounced():
            engine_events.conference_announced(account, conference, event.version)


def _ingest_participant(
    event: ParticipantJoined | ParticipantChanged | ParticipantLeft, engine_events: EngineEvents
) -> None:
    account, conference, call = event.account, event.conference, event.call
    match event:
        case ParticipantJoined():
            report = ParticipantJoinReport(
                conference, call, event.start_conference_on_enter, event.end_conference_on_exit, event.muted, event.hold
            )
            engine_events.participant_joined(account, report, event.engine_event)
        case ParticipantChanged():
            change = UpdateParticipant(
                event.muted, event.hold, event.coaching, event.call_to_coach, event.end_conference_on_exit
            )
            engine_events.participant_changed(account, conference, call, event.engine_event, change)
        case ParticipantLeft():
            engine_events.participant_left(account, conference, call, event.engine_event)


def _ingest_recording(
    event: RecordingStarted | RecordingTransitioned | RecordingCompleted | RecordingAbsent,
    recording_events: RecordingEvents,
) -> None:
    parent, recording = event.parent.of(event.account), event.recording
    match event:
        case RecordingStarted():
            report = CaptureStartReport(parent, recording, event.channels, event.track, new=_new_recording(event))
            recording_events.started(report, event.engine_event)
        case RecordingTransitioned():
            recording_events.transitioned(
                parent, recording, event.engine_event, _TARGETS[event.type], event.pause_behavior
            )
        case RecordingCompleted():
            recording_events.completed(parent, recording, event.engine_event, event.key, event.size)
        case RecordingAbsent():
            recording_events.absent(parent, recording, event.engine_event, event.error)


def _new_call(event: CallProgress) -> NewCall | None:
    if event.to is None or event.from_ is None:
        return None
    return NewCall(event.to, event.from_, event.direction, event.parent_call)


def _new_recording(event: RecordingStarted) -> NewRecording | None:
    if event.source is None:
        return None
    callback = event.callback.callback if event.callback is not None else None
    return NewRecording(event.source, event.call, event.trim, callback)
