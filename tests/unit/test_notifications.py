"""Callback events of a change with their sequence numbers, and the events that can be derived afterwards."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import pytest

from tapedeck.background.notifications import (
    before_deletion,
    conference_events,
    end_event,
    events_that_follow,
    leave_events_at_end,
    leave_events_before_end,
    participant_events,
    recording_events,
    required_events,
    start_event,
)
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.notification import ConferenceEvent, ConferenceNotification, LeaveReason, RecordingEvent
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.domain.subscription import CallbackSubscription

NOW: Final = 1_537_916_400
ACCOUNT, CALL, CONFERENCE, RECORDING = (f"{digit}" * 32 for digit in "1234")
S, E, C = RecordingStatus, RecordingEvent, ConferenceEvent


def recording(
    status: RecordingStatus = S.IN_PROGRESS, version: int = 1, confirmed_version: int = 0, **more: Any
) -> Recording:
    """Return a recording at this version."""
    parent = Parent(ACCOUNT, ParentKind.CALL, CALL)
    made = Recording(
        RECORDING,
        parent,
        status,
        Source.START_CALL_RECORDING,
        NOW,
        version=version,
        confirmed_version=confirmed_version,
        call=CALL,
    )
    return replace(made, **more)


RECORDINGS: Final = [
    # A recording has started once the engine confirms the start or any later change.
    (None, recording(), ()),
    (None, recording(confirmed_version=1), ((E.STARTED, 1), (E.IN_PROGRESS, 1))),
    (recording(), recording(confirmed_version=1), ((E.STARTED, 1), (E.IN_PROGRESS, 1))),
    (recording(S.PAUSED, 2), recording(S.PAUSED, 2, 2), ((E.STARTED, 1), (E.IN_PROGRESS, 1))),
    (recording(confirmed_version=1), recording(S.PAUSED, 2, 1), ((E.PAUSED, 2),)),
    (recording(S.PAUSED, 2, 1), recording(S.PAUSED, 2, 2), ()),
    (recording(S.PAUSED, 2, 2), recording(S.IN_PROGRESS, 3, 2), ((E.RESUMED, 3),)),
    (recording(S.IN_PROGRESS, 3, 3), recording(S.STOPPED, 4, 3), ((E.STOPPED, 4),)),
    (recording(S.STOPPED, 4, 3), recording(S.COMPLETED, 5, 5), ((E.COMPLETED, 5),)),
    (recording(S.STOPPED, 4, 3), recording(S.ABSENT, 5, 5), ((E.ABSENT, 5),)),
    # An end without a confirmed start implies the start only if there are media.
    (recording(S.STOPPED, 2), recording(S.COMPLETED, 3, 3), ((E.STARTED, 1), (E.IN_PROGRESS, 1), (E.COMPLETED, 3))),
    (recording(S.STOPPED, 2), recording(S.ABSENT, 3), ((E.ABSENT, 3),)),
    (recording(S.COMPLETED, 5, 5), recording(S.DELETED, 6, 5), ()),
    (recording(S.COMPLETED, 5, 5), recording(S.COMPLETED, 5, 5), ()),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "events"), RECORDINGS)
def test_recording_events(
    before: Recording | None, after: Recording, events: Sequence[tuple[RecordingEvent, int]]
) -> None:
    """Each change yields its events once, with the version that they report (C-49)."""
    assert tuple(recording_events(before, after)) == events


@pytest.mark.parametrize(
    ("after", "required"),
    [
        (recording(), ()),
        (recording(S.PAUSED, 4, 3), ((E.IN_PROGRESS, 1),)),
        (recording(S.STOPPED, 4), ()),
        (recording(S.COMPLETED, 5, 5), ((E.IN_PROGRESS, 1), (E.COMPLETED, 5))),
        (recording(S.ABSENT, 3), ((E.ABSENT, 3),)),
        (recording(S.ABSENT, 3, 2), ((E.IN_PROGRESS, 1), (E.ABSENT, 3))),
        # Late audio has completed a recording that was absent before.
        (recording(S.COMPLETED, 6, 6, given_up_at=NOW), ((E.IN_PROGRESS, 1), (E.ABSENT, 5), (E.COMPLETED, 6))),
        # A deleted recording requires the events of its state before, with that version.
        (before_deletion(recording(S.DELETED, 6, 5, duration=4)), ((E.IN_PROGRESS, 1), (E.COMPLETED, 5))),
        (before_deletion(recording(S.DELETED, 4, duration=0, error=16101)), ((E.ABSENT, 3),)),
    ],
)
def test_required_recording_events(after: Recording, required: Sequence[tuple[RecordingEvent, int]]) -> None:
    """Start and end can be published late with their original versions; events between them cannot."""
    assert tuple(required_events(after)) == required


def test_before_deletion_returns_other_recordings_unchanged() -> None:
    """A recording that is not deleted is returned unchanged."""
    for status in set(S) - {S.DELETED}:
        assert before_deletion(recording(status, 3)) == recording(status, 3)


SUBSCRIPTION: Final = CallbackSubscription("https://app.example.com/hooks", "POST", ("start", "end"), "twilio")


def conference(status: str = "in-progress", **more: Any) -> Conference:
    """Return a conference with a callback subscription."""
    made = Conference(ACCOUNT, CONFERENCE, "Room", ConferenceStatus(status), NOW, callback=SUBSCRIPTION)
    return replace(made, **more)


def participant(digit: str = "a", status: str = "connected", **more: Any) -> Participant:
    """Return a participant whose call id repeats this digit."""
    return replace(Participant(digit * 32, CONFERENCE, NOW, status=ParticipantStatus(status)), **more)


def unexpected_load() -> Sequence[Participant]:
    """Fail: these changes do not need the participants."""
    raise AssertionError("the participants were loaded")


def test_conference_start() -> None:
    """The start keeps its sequence number and its time after any later change."""
    begun = conference(start_sequence=2, started_at=NOW + 3, sequence=2)
    start = ConferenceNotification(begun, C.START, NOW + 3, 2)
    assert list(conference_events(conference("init"), begun, unexpected_load)) == [start]
    later = replace(begun, sequence=40, updated=NOW + 900)
    assert start_event(later) == replace(start, conference=later)


def test_announcement_end() -> None:
    """The end of an announcement is reported once, with its sequence number; other changes do not repeat it."""
    before, after = conference(sequence=4), conference(sequence=5, announced_at=NOW + 9)
    over = ConferenceNotification(after, C.ANNOUNCEMENT_END, NOW + 9, 5)
    assert list(conference_events(before, after, unexpected_load)) == [over]
    assert list(conference_events(after, replace(after, sequence=6), unexpected_load)) == []
    # A second announcement in the same conference is reported again.
    again = replace(after, sequence=7, announced_at=NOW + 20)
    assert [each.sequence for each in conference_events(after, again, unexpected_load)] == [7]


def test_no_event_for_creation_or_counters() -> None:
    """Creating a conference is not its start, and a change of its counters is no event."""
    assert list(conference_events(None, conference("init"), unexpected_load)) == []
    assert (
        list(conference_events(conference(sequence=3), conference(sequence=4, participants=3), unexpected_load)) == []
    )


HUNG_UP, REMOVED = LeaveReason.HUNG_UP, LeaveReason.UPDATED_VIA_API
VIA_API, MODERATOR = LeaveReason.CONFERENCE_ENDED_VIA_API, LeaveReason.MODERATOR_ENDED_CONFERENCE


@pytest.mark.parametrize(
    ("reason", "ending", "reasons"),
    [
        (EndReason.VIA_API, None, (VIA_API, VIA_API)),
        (EndReason.END_ON_EXIT_LEFT, "d", (MODERATOR, MODERATOR)),
        (EndReason.END_ON_EXIT_KICKED, "d", (MODERATOR, MODERATOR)),
        # The engine reports the end before the participants that left.
        (EndReason.LAST_LEFT, "b", (MODERATOR, HUNG_UP)),
    ],
)
def test_leave_events_with_the_end(
    reason: EndReason, ending: str | None, reasons: tuple[LeaveReason, LeaveReason]
) -> None:
    """Connected participants leave before the end, in order of joining, with consecutive sequence numbers."""
    over = conference(
        "completed", sequence=8, participants=2, reason=reason, ended=NOW + 60, updated=NOW + 60,
        ending_call=ending * 32 if ending is not None else None,
    )  # fmt: skip
    first, second = participant("c", joined=NOW), participant("b", joined=NOW + 1)
    gone, queued = participant("d", "complete", left=NOW + 30, sequence=6), participant("e", "queued")
    events = list(
        conference_events(conference(sequence=7, participants=2), over, lambda: [gone, second, queued, first])
    )
    assert events == [
        ConferenceNotification(over, C.LEAVE, NOW + 60, 8, first, leave_reason=reasons[0]),
        ConferenceNotification(over, C.LEAVE, NOW + 60, 9, second, leave_reason=reasons[1]),
        ConferenceNotification(over, C.END, NOW + 60, 10),
    ]


def test_end_has_the_same_number_without_participants() -> None:
    """The sequence number of the end counts the connected participants, even if they are not loaded."""
    over = conference("completed", sequence=8, participants=250, reason=EndReason.VIA_API)
    assert (
        list(conference_events(conference(), over, tuple))
        == [end_event(over)]
        == [ConferenceNotification(over, C.END, NOW, 258)]
    )
    empty = conference("completed", sequence=8)
    assert [each.sequence for each in conference_events(conference(), empty, tuple)] == [8]


@pytest.mark.parametrize(("number", "end"), [(5, ()), (8, ((C.END, 9),))])
def test_the_end_follows_the_last_leave_only(number: int, end: Sequence[tuple[ConferenceEvent, int]]) -> None:
    """An earlier leave of the participant with whose last leave the conference ended is not followed by the end."""
    over = conference("completed", sequence=9, ending_call="a" * 32)
    left = ConferenceNotification(over, C.LEAVE, NOW, number, participant("a", "complete", left=NOW))
    assert [(each.event, each.sequence) for each in events_that_follow(left, list)] == list(end)


def test_participants_that_joined_together_leave_in_order_of_calls() -> None:
    """Participants of the same join time leave in the order of their call ids."""
    over = conference("completed", sequence=5, participants=2)
    events = list(leave_events_at_end(over, lambda: [participant("b"), participant("a")]))
    assert [(each.sequence, each.participant and each.participant.call) for each in events] == [
        (5, "a" * 32), (6, "b" * 32),
    ]  # fmt: skip


PARTICIPANTS: Final = [
    # Dialing is not reported.
    (None, participant(status="queued"), ()),
    (participant(status="queued"), participant(status="ringing", version=2), ()),
    (participant(status="queued"), participant(status="queued", muted=True, version=2), ()),
    (participant(status="ringing"), participant(status="failed", version=2, left=NOW + 1), ()),
    (None, participant(sequence=3), ((C.JOIN, 3),)),
    (participant(status="ringing"), participant(version=2, sequence=5, updated=NOW + 1), ((C.JOIN, 5),)),
    # A participant that returns joins again.
    (participant(status="complete", left=NOW, sequence=4), participant(version=7, sequence=9), ((C.JOIN, 9),)),
    (participant(sequence=3), participant(version=2, sequence=4, muted=True), ((C.MUTE, 4),)),
    (participant(muted=True), participant(version=2, sequence=6, hold=True, coaching=True),
     ((C.UNMUTE, 4), (C.HOLD, 5), (C.MODIFY, 6))),
    # A setting for the engine only is no event and takes no number.
    (participant(sequence=3), participant(version=2, sequence=3, beep_on_exit=True), ()),
    # A confirmation is no event.
    (participant(version=2, sequence=4, requested_version=2),
     participant(version=2, sequence=4, requested_version=2, confirmed_version=2), ()),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "events"), PARTICIPANTS)
def test_participant_events(
    before: Participant | None, after: Participant, events: Sequence[tuple[ConferenceEvent, int]]
) -> None:
    """Join, mute, hold and modify have their own sequence numbers; the conference is read only if needed."""
    reads: list[Conference] = []

    def read() -> Conference:
        reads.append(conference())
        return reads[0]

    at = after.updated if after.updated is not None else after.joined
    assert list(participant_events(before, after, read)) == [
        ConferenceNotification(conference(), event, at, number, after) for event, number in events
    ]
    assert len(reads) == bool(events)


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        (participant(status="complete", version=2, sequence=7, left=NOW + 4, updated=NOW + 4), HUNG_UP),
        (
            participant(status="complete", version=2, sequence=7, left=NOW + 4, updated=NOW + 4, requested_version=2),
            REMOVED,
        ),
        # An earlier request does not make a hang-up a removal.
        (
            participant(status="complete", version=3, sequence=7, left=NOW + 4, updated=NOW + 4, requested_version=2),
            HUNG_UP,
        ),
    ],
)
def test_leave_reason(gone: Participant, reason: LeaveReason) -> None:
    """A leave by request is a removal, any other a hang-up; a later end of the conference does not change it."""
    for found in (conference(), conference("completed", reason=EndReason.VIA_API)):
        left = ConferenceNotification(found, C.LEAVE, NOW + 4, 7, gone, leave_reason=reason)
        assert list(participant_events(participant(sequence=3), gone, lambda found=found: found)) == [left]  # type: ignore[misc]
        # The same event can be derived later.
        assert list(leave_events_before_end(found, lambda: [gone])) == [left]


def test_late_leave_events_require_a_connection() -> None:
    """A participant that never connected has no leave event; one that is inside leaves with the end."""
    participants = [participant("a", "failed", left=NOW), participant("b", "queued"), participant("c")]
    assert list(leave_events_before_end(conference("completed"), lambda: participants)) == []


def test_no_event_for_a_missing_conference() -> None:
    """A participant without a stored conference yields no events and no error."""
    assert list(participant_events(None, participant(), lambda: None)) == []
