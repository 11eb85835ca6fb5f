"""What can be told of recordings and conferences: the events, in our own words, and what belongs to each.

Which of them somebody has asked for, and how they are said, is the dialect's to know.
"""

from dataclasses import dataclass
from enum import StrEnum

from tapedeck.domain.call import CallStatus
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Recording


class RecordingEvent(StrEnum):
    """What happens to a recording (behaviour.md, section 7.1); a failure is told as `absent`, never as one of its own.

    `started`, `paused`, `resumed` and `stopped` are told only of the legs of those who were dialed into a conference.
    """

    STARTED = "started"
    IN_PROGRESS = "in-progress"
    PAUSED = "paused"
    RESUMED = "resumed"
    STOPPED = "stopped"
    COMPLETED = "completed"
    ABSENT = "absent"


class ConferenceEvent(StrEnum):
    """What happens to a conference, or in it (behaviour.md, section 7.2)."""

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


class LeaveReason(StrEnum):
    """Why a participant left, in the words that Twilio documents for its conference instruction."""

    HUNG_UP = "participant_hung_up"
    REMOVED = "participant_updated_via_api"
    CONFERENCE_ENDED_VIA_API = "conference_ended_via_api"
    MODERATOR_ENDED_CONFERENCE = "moderator_ended_conference"
    NOT_REACHED = "participant_add_failed"


@dataclass(frozen=True, slots=True)
class ConferenceNotification:
    """One event of a conference, and all that is told with it.

    `conference` is as the event has left it, `at` in seconds since the epoch, `sequence` its SequenceNumber (rule R4).
    `participant` is whom the event is about or, at the end, whose leaving ended the conference. `leave_reason` and
    `call_status`, which is the leaving call's, belong to `leave`; `recording`, if one is completed when the end is
    first told, and the bytes of its media belong to `end`.
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


def participant_changes(before: Participant, after: Participant) -> tuple[ConferenceEvent, ...]:
    """The events that tell what an update has changed of a participant, in the order in which they are numbered.

    Muting and holding have events of their own; `modify` tells of all else that is shown.
    """
    events = []
    if before.muted != after.muted:
        events.append(ConferenceEvent.MUTE if after.muted else ConferenceEvent.UNMUTE)
    if before.hold != after.hold:
        events.append(ConferenceEvent.HOLD if after.hold else ConferenceEvent.UNHOLD)
    if _otherwise_shown(before) != _otherwise_shown(after):
        events.append(ConferenceEvent.MODIFY)
    return tuple(events)


def _otherwise_shown(participant: Participant) -> tuple[bool, str | None, bool]:
    return participant.coaching, participant.call_to_coach, participant.end_conference_on_exit
