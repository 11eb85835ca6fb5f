"""Derive the callback events of a change to a recording, conference or call, each with its sequence number.

Everything depends only on the stored states, so every replay yields the same events and numbers (REL-4, REL-6).
Functions with `before` and `after` need the change itself. The others derive events from the current state alone: the
reconciler backfills callbacks with them that were never published (REL-5).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.notification import (
    CallEvent,
    CallNotification,
    ConferenceEvent,
    ConferenceNotification,
    LeaveReason,
    RecordingEvent,
    participant_changes,
)
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import FINISHED, Recording, RecordingStatus
from tapedeck.operations.leaving import exit_status_of
from tapedeck.operations.media import TOO_SHORT


def recording_events(before: Recording | None, after: Recording) -> Iterator[tuple[RecordingEvent, int]]:
    """Yield the events of a change to a recording, each with the recording's version that it reports, in order.

    `started` and `in-progress` follow the engine's first confirmation of any version, and are always reported as
    version 1.
    """
    start_was_confirmed = before is not None and before.is_start_confirmed
    if after.is_start_confirmed and not start_was_confirmed:
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
    """Return a deleted recording in the state before its deletion, to render its callbacks; others unchanged.

    The deletion itself has no callback (C-49).
    """
    if recording.status is not RecordingStatus.DELETED:
        return recording
    status = RecordingStatus.COMPLETED if recording.error is None else RecordingStatus.ABSENT
    return replace(recording, status=status, version=recording.version - 1)


def at_event(recording: Recording, event: RecordingEvent) -> Recording:
    """Return a recording in the state in which a callback of this event shows it.

    That is its current state, except for the `absent` of a recording that late audio has completed since.
    """
    if event is not RecordingEvent.ABSENT or recording.status is not RecordingStatus.COMPLETED:
        return recording
    return replace(recording, status=RecordingStatus.ABSENT, duration=0, error=TOO_SHORT)


def required_events(recording: Recording) -> Iterator[tuple[RecordingEvent, int]]:
    """Yield the events that must have been published for a recording in this state, with their versions.

    Its start and its end only: earlier pauses and resumes cannot be derived from the state. A recording that late audio
    has completed was `absent` before (C-210).
    """
    if recording.is_start_confirmed:
        yield RecordingEvent.IN_PROGRESS, 1
    if recording.status is RecordingStatus.COMPLETED and recording.given_up_at is not None:
        yield RecordingEvent.ABSENT, recording.version - 1
    if recording.status in FINISHED:
        yield _REPORTED[recording.status], recording.version


ParticipantLoader = Callable[[], Sequence[Participant]]
"""Reads everyone who was ever in a conference; called only if needed."""


def conference_events(
    before: Conference | None, after: Conference, load_participants: ParticipantLoader
) -> Iterator[ConferenceNotification]:
    """Yield the events of a change to a conference, including the `leave` of participants that its end removes.

    The end writes no participant rows (REL-9). No event is numbered after it, so the numbers are derived: participants
    leave with the numbers from `after.sequence` on, and the end itself has the last one, `after.end_sequence` (REL-4).
    """
    if before is None:
        return
    if before.status is not after.status and after.status is ConferenceStatus.IN_PROGRESS:
        yield start_event(after)
    elif before.status is not after.status:
        yield from leave_events_at_end(after, load_participants)
        yield end_event(after)
    elif after.announced_at is not None and _has_announcement_ended(before, after):
        event = ConferenceEvent.ANNOUNCEMENT_END
        yield ConferenceNotification(after, event, after.announced_at, after.sequence)


def participant_event_before(before: Conference | None, after: Conference) -> ConferenceEvent | None:
    """Return the participant's event that was written together with the start or end of a conference.

    It has the number before, and its record may come later in the stream (C-322). None if there is no such event.
    """
    if before is None or before.status is after.status or after.sequence - before.sequence == 1:
        return None
    return ConferenceEvent.JOIN if after.is_live else ConferenceEvent.LEAVE


def events_that_follow(
    notification: ConferenceNotification, load_participants: ParticipantLoader
) -> Iterator[ConferenceNotification]:
    """Yield the start or end of a conference that was written together with this join or leave (C-322)."""
    conference, number = notification.conference, notification.sequence + 1
    if notification.event is ConferenceEvent.JOIN and conference.start_sequence == number:
        yield start_event(conference)
    is_last = notification.participant is not None and notification.participant.call == conference.ending_call
    if notification.event is ConferenceEvent.LEAVE and is_last and conference.sequence == number:
        yield from leave_events_at_end(conference, load_participants)
        yield end_event(conference)


def _has_announcement_ended(before: Conference, after: Conference) -> bool:
    """Whether an announcement ended with this change; `announced_at` alone misses two within a second.

    A change that confirms a request and takes a sequence number can only be the end of an announcement.
    """
    took_number = before.sequence < after.sequence and before.confirmed_version < after.confirmed_version
    return before.announced_at != after.announced_at or took_number


def start_event(conference: Conference) -> ConferenceNotification:
    """Return the start of a conference that has started."""
    at = conference.started_at if conference.started_at is not None else conference.updated
    return ConferenceNotification(conference, ConferenceEvent.START, at, conference.start_sequence)


def end_event(conference: Conference) -> ConferenceNotification:
    """Return the end of a conference that has ended."""
    return ConferenceNotification(conference, ConferenceEvent.END, conference.updated, conference.end_sequence)


def leave_events_at_end(
    conference: Conference, load_participants: ParticipantLoader
) -> Iterator[ConferenceNotification]:
    """Yield a `leave` for each participant that was in the conference at its end, in the order of joining."""
    inside = [each for each in load_participants() if each.is_inside and each.is_connected]
    inside.sort(key=lambda each: (each.joined, each.call))
    for number, participant in enumerate(inside, start=conference.sequence):
        reason = _reason_at_end(conference, participant)
        yield ConferenceNotification(
            conference, ConferenceEvent.LEAVE, conference.updated, number, participant, leave_reason=reason
        )


def leave_events_before_end(
    conference: Conference, load_participants: ParticipantLoader
) -> Iterator[ConferenceNotification]:
    """Yield a `leave` for each participant that left before the end; those never connected have none."""
    for participant in load_participants():
        if participant.status is ParticipantStatus.COMPLETE:
            yield leave_event(conference, participant)


def leave_event(conference: Conference, participant: Participant) -> ConferenceNotification:
    """Return the `leave` of a participant that left before the conference ended."""
    at = participant.left if participant.left is not None else participant.joined
    # Its last change was a request over the API: it was removed, or its call got new instructions.
    is_requested = participant.requested_version == participant.version
    reason = LeaveReason.UPDATED_VIA_API if is_requested else LeaveReason.HUNG_UP
    return ConferenceNotification(
        conference, ConferenceEvent.LEAVE, at, participant.sequence, participant, leave_reason=reason
    )


def call_status_at_leave(leave: ConferenceNotification, call: Call | None) -> CallStatus | None:
    """Return the status of the call of a leaving participant; None without a call.

    A call that was dialed into an ended conference has its final status, also while its end is not stored (C-151).
    """
    participant, conference = leave.participant, leave.conference
    if call is None or participant is None:
        return None
    ends = not conference.is_live and participant.is_inside and participant.was_dialed
    return exit_status_of(call) if ends and call.is_live and call.conference == conference.id else call.status


def _reason_at_end(conference: Conference, participant: Participant) -> LeaveReason:
    if conference.ending_call == participant.call:
        return LeaveReason.HUNG_UP
    if conference.reason is EndReason.VIA_API:
        return LeaveReason.CONFERENCE_ENDED_VIA_API
    return LeaveReason.MODERATOR_ENDED_CONFERENCE


ConferenceLoader = Callable[[], Conference | None]
"""Reads the conference of a participant; called only if needed."""


def participant_events(
    before: Participant | None, after: Participant, load_conference: ConferenceLoader
) -> Iterator[ConferenceNotification]:
    """Yield the events of a change to a participant; there are none unless it was or is connected."""
    was_connected = before is not None and before.is_inside and before.is_connected
    at = after.updated if after.updated is not None else after.joined
    events: Sequence[ConferenceEvent] = ()
    if after.is_inside and after.is_connected:
        events = participant_changes(before, after) if was_connected and before is not None else (ConferenceEvent.JOIN,)
    elif was_connected:
        events = (ConferenceEvent.LEAVE,)
    conference = load_conference() if events else None
    if conference is None:
        return
    if not after.is_inside:
        yield leave_event(conference, after)
        return
    for number, event in enumerate(events, start=after.sequence - len(events) + 1):
        yield ConferenceNotification(conference, event, at, number, after)


def call_events(before: Call | None, after: Call) -> Iterator[CallNotification]:
    """Yield the status events of a change to a call, in order; its end also repeats the earlier ones.

    A repeated event is in the outbox already, unless its own change was lost.
    """
    known = set(_reached(before)) if before is not None and after.is_live else set()
    if before is None or before.is_live:
        yield from (each for each in required_call_events(after) if each.event not in known)


def required_call_events(call: Call) -> Iterator[CallNotification]:
    """Yield the events that must have been published for a call in this state, in order.

    Their numbers count all events of the call, subscribed or not. Without chosen events the only one is number 0.
    """
    counts = call.callback is not None and bool(call.callback.events)
    for event, (number, at) in _reached(call).items():
        yield CallNotification(call, event, at, number if counts else 0)


def _reached(call: Call) -> Mapping[CallEvent, tuple[int, int]]:
    """Return the SequenceNumber and the time of each status event that a call has reached (C-164)."""
    reached = {CallEvent.INITIATED: (0, call.created)}
    if call.rang is not None:
        reached[CallEvent.RINGING] = (1, call.rang)
    if call.started is not None:
        reached[CallEvent.ANSWERED] = (2, call.started)
    if not call.is_live:
        last = max(number for number, _ in reached.values())
        reached[CallEvent.COMPLETED] = (last + 1, call.ended if call.ended is not None else call.updated)
    return reached
