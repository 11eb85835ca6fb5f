"""From a media engine's message to the operation that takes note of it (`dialects.media_contract`)."""

from typing import Any

from pydantic import ValidationError

from tapedeck.dialects.media_contract import (
    EVENTS,
    CallEnded,
    CallProgress,
    CallRedirected,
    ConferenceAnnounced,
    ConferenceEnded,
    ConferenceStarted,
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    RecordingAbsent,
    RecordingCompleted,
    RecordingMoved,
    RecordingStarted,
    TranscriptionCompleted,
)
from tapedeck.domain.call import CallStatus
from tapedeck.domain.errors import MalformedBody, MediaMissing
from tapedeck.domain.recording import RecordingStatus
from tapedeck.operations.conferences import HeardEnd
from tapedeck.operations.media_events import MediaEvents, NewCall, NewRecording
from tapedeck.operations.participants import UpdateParticipant

_TARGETS = {
    "recording.paused": RecordingStatus.PAUSED,
    "recording.resumed": RecordingStatus.IN_PROGRESS,
    "recording.stopped": RecordingStatus.STOPPED,
}


def read_event(content: str) -> Any:  # noqa: ANN401 - one of the events of the media contract
    """An event out of a message.

    Raises:
        MalformedBody: it is no JSON, or no event of the media contract.
    """
    try:
        return EVENTS.validate_json(content)
    except ValidationError as invalid:
        raise MalformedBody from invalid


def ingest(event: Any, told: MediaEvents) -> None:  # noqa: ANN401 - likewise
    """Take note of one event; raises as `MediaEvents` does, and MediaMissing where a capture has no bytes."""
    match event:
        case CallProgress():
            new = _new_call(event)
            note = told.call_ringing if event.type == "call.ringing" else told.call_answered
            note(event.account, event.call, event.heard, new)
        case CallEnded():
            told.call_ended(event.account, event.call, event.heard, CallStatus(event.status))
        case CallRedirected():
            told.call_redirected(event.account, event.call, event.heard)
        case ConferenceStarted():
            callback = event.callback.callback if event.callback is not None else None
            told.conference_started(event.account, event.conference, event.name, record=event.record, callback=callback)
        case ConferenceEnded():
            end = HeardEnd(event.heard, event.reason, event.ending_call)
            told.conference_ended(event.account, event.conference, end)
        case ConferenceAnnounced():
            told.conference_announced(event.account, event.conference, event.heard)
        case ParticipantJoined() | ParticipantChanged() | ParticipantLeft():
            _ingest_participant(event, told)
        case TranscriptionCompleted():
            told.transcription_completed(
                event.account, event.recording, event.transcription, text=event.text, duration=event.duration
            )
        case _:
            _ingest_recording(event, told)


def _ingest_participant(event: Any, told: MediaEvents) -> None:  # noqa: ANN401 - likewise
    account, conference, call = event.account, event.conference, event.call
    match event:
        case ParticipantJoined():
            told.participant_joined(
                account,
                conference,
                call,
                start_on_enter=event.start_conference_on_enter,
                end_on_exit=event.end_conference_on_exit,
                muted=event.muted,
                hold=event.hold,
            )
        case ParticipantChanged():
            change = UpdateParticipant(
                event.muted, event.hold, event.coaching, event.call_to_coach, event.end_conference_on_exit
            )
            told.participant_changed(account, conference, call, event.heard, change)
        case ParticipantLeft():
            told.participant_left(account, conference, call, event.heard)


def _ingest_recording(event: Any, told: MediaEvents) -> None:  # noqa: ANN401 - likewise
    parent = event.parent.of(event.account)
    match event:
        case RecordingStarted():
            told.recording_started(parent, event.recording, event.heard, _new_recording(event))
        case RecordingMoved():
            target = _TARGETS[event.type]
            told.recording_moved(parent, event.recording, event.heard, target, event.pause_behavior)
        case RecordingCompleted():
            if event.size == 0:
                raise MediaMissing
            told.recording_completed(parent, event.recording, event.heard, event.key)
        case RecordingAbsent():
            told.recording_absent(parent, event.recording, event.heard, event.error)


def _new_call(event: CallProgress) -> NewCall | None:
    if event.to is None or event.from_ is None:
        return None
    return NewCall(event.to, event.from_, event.direction, event.parent_call)


def _new_recording(event: RecordingStarted) -> NewRecording | None:
    if event.source is None:
        return None
    callback = event.callback.callback if event.callback is not None else None
    return NewRecording(event.source, event.call, event.channels, event.track, event.trim, callback)
