"""What a change tells whoever asked to be told of a recording or a conference, each event with its number.

All of it is derived from what stands in the table: whoever derives it again, later or elsewhere, comes to the same
(rules R4 to R6). What can still be known afterwards is told by what only needs the present (rule R5).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.notification import (
    ConferenceEvent,
    ConferenceNotification,
    LeaveReason,
    RecordingEvent,
    participant_changes,
)
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import FINISHED, Recording, RecordingStatus


def recording_events(before: Recording | None, after: Recording) -> Iterator[tuple[RecordingEvent, int]]:
    """What this change tells of a recording, each with the version that it is told of, in order.

    That it has begun is told when the media engine says so, or has done more than that.
    """
    had_begun = before is not None and before.is_capturing_confirmed
    if after.is_capturing_confirmed and not had_begun:
        yield RecordingEvent.STARTED, 1
        yield RecordingEvent.IN_PROGRESS, 1
    if before is not None and before.status is not after.status and after.status in _REPORTED:
        yield _REPORTED[after.status], after.version


_REPORTED: Final = {
    RecordingStatus.IN_PROGRESS: RecordingEvent.RESUMED,
    RecordingStatus.PAUSED: RecordingEvent.PAUSED,
    RecordingStatus.STOPPED: RecordingEvent.STOPPED,
    RecordingStatus.COMPLETED: RecordingEvent.COMPLETED,
    RecordingStatus.ABSENT: RecordingEvent.ABSENT,
}


def before_deletion(recording: Recording) -> Recording:
    """A deleted recording as it was before that, for what is told of it; others as they are."""
    if recording.status is not RecordingStatus.DELETED:
        return recording
    status = RecordingStatus.COMPLETED if recording.error is None else RecordingStatus.ABSENT
    return replace(recording, status=status, version=recording.version - 1)


def required_events(recording: Recording) -> Iterator[tuple[RecordingEvent, int]]:
    """What must have been told of a recording as it stands, whatever has happened in between."""
    if recording.is_capturing_confirmed:
        yield RecordingEvent.IN_PROGRESS, 1
    if recording.status in FINISHED:
        yield _REPORTED[recording.status], recording.version


ParticipantLoader = Callable[[], Sequence[Participant]]
"""All who were ever in a conference, read when they are needed."""


def conference_events(
    before: Conference | None, after: Conference, everybody: ParticipantLoader
) -> Iterator[ConferenceNotification]:
    """What this change tells of a conference as a whole, and of those who leave with its end.

    These are written nowhere (rule R9). They were counted when the end was written, and nothing is numbered after it:
    so their numbers begin with the one that the end has taken, and its own is behind them (rule R4).
    """
    if before is None:
        return
    if before.status is not after.status and after.status is ConferenceStatus.IN_PROGRESS:
        yield start_event(after)
    elif before.status is not after.status:
        yield from leave_events_at_end(after, everybody)
        yield end_event(after)
    elif after.announced_at is not None and _was_announced(before, after):
        event = ConferenceEvent.ANNOUNCEMENT_END
        yield ConferenceNotification(after, event, after.announced_at, after.sequence)


def _was_announced(before: Conference, after: Conference) -> bool:
    """Two announcements may end within a second: but nothing else that is numbered confirms what was asked."""
    numbered = before.sequence < after.sequence and before.confirmed_version < after.confirmed_version
    return before.announced_at != after.announced_at or numbered


def start_event(conference: Conference) -> ConferenceNotification:
    """That a conference, which has begun, has."""
    at = conference.started_at if conference.started_at is not None else conference.updated
    return ConferenceNotification(conference, ConferenceEvent.START, at, conference.start_sequence)


def end_event(conference: Conference) -> ConferenceNotification:
    """That a conference, which has ended, has."""
    return ConferenceNotification(conference, ConferenceEvent.END, conference.updated, conference.end_sequence)


def leave_events_at_end(conference: Conference, everybody: ParticipantLoader) -> Iterator[ConferenceNotification]:
    """That whoever was in a conference when it ended has left, who joined first first."""
    inside = [each for each in everybody() if each.is_inside and each.is_connected]
    inside.sort(key=lambda each: (each.joined, each.call))
    for number, participant in enumerate(inside, start=conference.sequence):
        reason = _reason_at_end(conference, participant)
        yield ConferenceNotification(
            conference, ConferenceEvent.LEAVE, conference.updated, number, participant, leave_reason=reason
        )


def leave_events_before_end(conference: Conference, everybody: ParticipantLoader) -> Iterator[ConferenceNotification]:
    """That whoever has left a conference by itself has; nobody hears of who was never connected."""
    for participant in everybody():
        if participant.status is ParticipantStatus.COMPLETE:
            yield leave_event(conference, participant)


def leave_event(conference: Conference, participant: Participant) -> ConferenceNotification:
    """That a participant, which has left by itself, has."""
    at = participant.left if participant.left is not None else participant.joined
    removed = participant.requested_version == participant.version
    reason = LeaveReason.REMOVED if removed else LeaveReason.HUNG_UP
    return ConferenceNotification(
        conference, ConferenceEvent.LEAVE, at, participant.sequence, participant, leave_reason=reason
    )


def _reason_at_end(conference: Conference, participant: Participant) -> LeaveReason:
    if conference.ending_call == participant.call:
        return LeaveReason.HUNG_UP
    if conference.reason is EndReason.VIA_API:
        return LeaveReason.CONFERENCE_ENDED_VIA_API
    return LeaveReason.MODERATOR_ENDED_CONFERENCE


ConferenceLoader = Callable[[], Conference | None]
"""The conference of a participant, read when it is needed."""


def participant_events(
    before: Participant | None, after: Participant, room: ConferenceLoader
) -> Iterator[ConferenceNotification]:
    """What this change tells of a participant; nobody hears of who is not connected."""
    was_connected = before is not None and before.is_inside and before.is_connected
    at = after.updated if after.updated is not None else after.joined
    told: Sequence[ConferenceEvent] = ()
    if after.is_inside and after.is_connected:
        told = participant_changes(before, after) if was_connected and before is not None else (ConferenceEvent.JOIN,)
    elif was_connected:
        told = (ConferenceEvent.LEAVE,)
    conference = room() if told else None
    if conference is None:
        return
    if not after.is_inside:
        yield leave_event(conference, after)
        return
    for number, event in enumerate(told, start=after.sequence - len(told) + 1):
        yield ConferenceNotification(conference, event, at, number, after)
