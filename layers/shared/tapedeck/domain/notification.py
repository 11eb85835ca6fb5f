"""The events of recordings, conferences and calls that callbacks report, independent of the dialect.

The dialect decides which of them a subscription receives and how they are formatted.
"""

from dataclasses import dataclass
from enum import StrEnum

from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Recording


class RecordingEvent(StrEnum):
    """The events of a recording; a failed recording is reported as `absent`.

    `started`, `paused`, `resumed` and `stopped` are delivered only in Twilio's dialect, for calls that were dialed into
    a conference.
    """

    STARTED = "started"
    IN_PROGRESS = "in-progress"
    PAUSED = "paused"
    RESUMED = "resumed"
    STOPPED = "stopped"
    COMPLETED = "completed"
    ABSENT = "absent"


class ConferenceEvent(StrEnum):
    """The events of a conference and of its participants.

    `speech-start`, `speech-stop` and `announcement-fail` are accepted in a subscription and never published (C-77).
    """

    START = "start"
    END = "end"
    JOIN = "join"
    LEAVE = "leave"
    MUTE = "mute"
    UNMUTE = "unmute"
    HOLD = "hold"
    UNHOLD = "unhold"
    MODIFY = "modify"
    SPEECH_START = "speech-start"
    SPEECH_STOP = "speech-stop"
    ANNOUNCEMENT_END = "announcement-end"
    ANNOUNCEMENT_FAIL = "announcement-fail"


class CallEvent(StrEnum):
    """The status events of a call; `completed` reports every final status.

    `in-progress` follows `answered` in SignalWire's dialect (C-368).
    """

    INITIATED = "initiated"
    RINGING = "ringing"
    ANSWERED = "answered"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"


class LeaveReason(StrEnum):
    """Why a participant left, in Twilio's documented words."""

    HUNG_UP = "participant_hung_up"
    UPDATED_VIA_API = "participant_updated_via_api"
    CONFERENCE_ENDED_VIA_API = "conference_ended_via_api"
    MODERATOR_ENDED_CONFERENCE = "moderator_ended_conference"


@dataclass(frozen=True, slots=True)
class ConferenceNotification:
    """One event of a conference with the data that its callback contains.

    `conference` is the state after the event, `at` its time in seconds since the epoch, `sequence` its SequenceNumber
    (REL-4). `participant` is the subject of the event; for `end`, the participant whose leaving ended the conference.
    `leave_reason` and `call_status` (of the leaving call) belong to `leave`. `recording` and `file_size` (bytes) belong
    to `end`, if a recording is completed by the time the end is first published.
    """

    conference: Conference
    event: ConferenceEvent
    at: int
    sequence: int
    participant: Participant | None = None
    leave_reason: LeaveReason | None = None
    call_status: CallStatus | None = None
    recording: Recording | None = None
    file_size: int | None = None


@dataclass(frozen=True, slots=True)
class CallNotification:
    """One status event of a call: the call at the event or later, the time in seconds, and the SequenceNumber."""

    call: Call
    event: CallEvent
    at: int
    sequence: int


def participant_changes(before: Participant, after: Participant) -> tuple[ConferenceEvent, ...]:
    """Return the events that report an update of a participant, in the order of their SequenceNumbers.

    Muting and holding have their own events; `modify` reports every other visible change.
    """
    events = []
    if before.muted != after.muted:
        events.append(ConferenceEvent.MUTE if after.muted else ConferenceEvent.UNMUTE)
    if before.hold != after.hold:
        events.append(ConferenceEvent.HOLD if after.hold else ConferenceEvent.UNHOLD)
    if _modifiable_fields(before) != _modifiable_fields(after):
        events.append(ConferenceEvent.MODIFY)
    return tuple(events)


def _modifiable_fields(participant: Participant) -> tuple[bool, str | None, bool]:
    return participant.coaching, participant.call_to_coach, participant.end_conference_on_exit
