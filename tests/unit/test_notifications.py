"""What a change tells whoever asked to be told, with which numbers; and what can still be told afterwards."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import pytest

from tapedeck.background.notifications import (
    before_deletion,
    conference_events,
    end_event,
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
    """A recording, by version."""
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
    # It has begun when the engine says so, or does what nobody does before.
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
    # What ends without ever having been said to begin has begun, if there are media; else it has not.
    (recording(S.STOPPED, 2), recording(S.COMPLETED, 3, 3), ((E.STARTED, 1), (E.IN_PROGRESS, 1), (E.COMPLETED, 3))),
    (recording(S.STOPPED, 2), recording(S.ABSENT, 3), ((E.ABSENT, 3),)),
    (recording(S.COMPLETED, 5, 5), recording(S.DELETED, 6, 5), ()),
    (recording(S.COMPLETED, 5, 5), recording(S.COMPLETED, 5, 5), ()),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "told"), RECORDINGS)
def test_tells_of_recordings(
    before: Recording | None, after: Recording, told: Sequence[tuple[RecordingEvent, int]]
) -> None:
    """Each event once, at the change that it belongs to, with the number of the version that it tells of."""
    assert tuple(recording_events(before, after)) == told


@pytest.mark.parametrize(
    ("after", "owed"),
    [
        (recording(), ()),
        (recording(S.PAUSED, 4, 3), ((E.IN_PROGRESS, 1),)),
        (recording(S.STOPPED, 4), ()),
        (recording(S.COMPLETED, 5, 5), ((E.IN_PROGRESS, 1), (E.COMPLETED, 5))),
        (recording(S.ABSENT, 3), ((E.ABSENT, 3),)),
        (recording(S.ABSENT, 3, 2), ((E.IN_PROGRESS, 1), (E.ABSENT, 3))),
        # A deleted one is owed what it was before, with the number that it had.
        (before_deletion(recording(S.DELETED, 6, 5, duration=4)), ((E.IN_PROGRESS, 1), (E.COMPLETED, 5))),
        (before_deletion(recording(S.DELETED, 4, duration=0, error=16101)), ((E.ABSENT, 3),)),
    ],
)
def test_knows_what_is_owed_afterwards(after: Recording, owed: Sequence[tuple[RecordingEvent, int]]) -> None:
    """Its beginning and its end can be told late, as they would have been in time; what came between is over."""
    assert tuple(required_events(after)) == owed


def test_a_recording_that_is_not_deleted_is_as_it_is() -> None:
    """Only a deletion hides what was before."""
    for status in set(S) - {S.DELETED}:
        assert before_deletion(recording(status, 3)) == recording(status, 3)


SUBSCRIPTION: Final = CallbackSubscription("https://app.example.com/hooks", "POST", ("start", "end"), "twilio")


def room(status: str = "in-progress", **more: Any) -> Conference:
    """A conference."""
    made = Conference(ACCOUNT, CONFERENCE, "Room", ConferenceStatus(status), NOW, callback=SUBSCRIPTION)
    return replace(made, **more)


def member(digit: str = "a", status: str = "connected", **more: Any) -> Participant:
    """A participant, whose call consists of this digit."""
    return replace(Participant(digit * 32, CONFERENCE, NOW, status=ParticipantStatus(status)), **more)


def nobody() -> Sequence[Participant]:
    """Who is in a conference that nobody asks about."""
    raise AssertionError("nobody asks who is inside")


def test_tells_the_start_of_a_conference() -> None:
    """With the number and the time that the start has taken, whatever has happened since."""
    begun = room(start_sequence=2, started_at=NOW + 3, sequence=2)
    start = ConferenceNotification(begun, C.START, NOW + 3, 2)
    assert list(conference_events(room("init"), begun, nobody)) == [start]
    later = replace(begun, sequence=40, updated=NOW + 900)
    assert start_event(later) == replace(start, conference=later)


def test_tells_an_announcement() -> None:
    """That it is over, with the number that this took; a repetition of the change, or another change, tells nothing."""
    before, after = room(sequence=4), room(sequence=5, announced_at=NOW + 9)
    over = ConferenceNotification(after, C.ANNOUNCEMENT_END, NOW + 9, 5)
    assert list(conference_events(before, after, nobody)) == [over]
    assert list(conference_events(after, replace(after, sequence=6), nobody)) == []
    # What is played a second time in the same conference is told again.
    again = replace(after, sequence=7, announced_at=NOW + 20)
    assert [each.sequence for each in conference_events(after, again, nobody)] == [7]


def test_tells_nothing_of_what_appears_or_only_counts() -> None:
    """A conference that appears has not begun, and its participants tell of themselves."""
    assert list(conference_events(None, room("init"), nobody)) == []
    assert list(conference_events(room(sequence=3), room(sequence=4, participants=3), nobody)) == []


HUNG_UP, REMOVED = LeaveReason.HUNG_UP, LeaveReason.REMOVED
OVER_API, MODERATOR = LeaveReason.CONFERENCE_ENDED_VIA_API, LeaveReason.MODERATOR_ENDED_CONFERENCE


@pytest.mark.parametrize(
    ("reason", "ending", "reasons"),
    [
        (EndReason.VIA_API, None, (OVER_API, OVER_API)),
        (EndReason.END_ON_EXIT_LEFT, "d", (MODERATOR, MODERATOR)),
        (EndReason.END_ON_EXIT_KICKED, "d", (MODERATOR, MODERATOR)),
        # The engine tells the end before it tells who left.
        (EndReason.LAST_LEFT, "b", (MODERATOR, HUNG_UP)),
    ],
)
def test_tells_who_leaves_with_the_end(
    reason: EndReason, ending: str | None, reasons: tuple[LeaveReason, LeaveReason]
) -> None:
    """Whoever was connected leaves before the end, in the order of joining, each with a number behind the other."""
    over = room(
        "completed", sequence=8, participants=2, reason=reason, ended=NOW + 60, updated=NOW + 60,
        ending_call=ending * 32 if ending is not None else None,
    )  # fmt: skip
    first, second = member("c", joined=NOW), member("b", joined=NOW + 1)
    gone, queued = member("d", "complete", left=NOW + 30, sequence=6), member("e", "queued")
    told = list(conference_events(room(sequence=7, participants=2), over, lambda: [gone, second, queued, first]))
    assert told == [
        ConferenceNotification(over, C.LEAVE, NOW + 60, 8, first, leave_reason=reasons[0]),
        ConferenceNotification(over, C.LEAVE, NOW + 60, 9, second, leave_reason=reasons[1]),
        ConferenceNotification(over, C.END, NOW + 60, 10),
    ]


def test_the_end_has_its_number_whoever_asks() -> None:
    """Where nobody asks who leaves, the end has the number that it would have had: those who left were counted."""
    over = room("completed", sequence=8, participants=250, reason=EndReason.VIA_API)
    assert (
        list(conference_events(room(), over, tuple))
        == [end_event(over)]
        == [ConferenceNotification(over, C.END, NOW, 258)]
    )
    empty = room("completed", sequence=8)
    assert [each.sequence for each in conference_events(room(), empty, tuple)] == [8]


def test_two_who_joined_at_once_leave_by_their_calls() -> None:
    """The order is the same whoever derives it."""
    over = room("completed", sequence=5, participants=2)
    told = list(leave_events_at_end(over, lambda: [member("b"), member("a")]))
    assert [(each.sequence, each.participant and each.participant.call) for each in told] == [
        (5, "a" * 32), (6, "b" * 32),
    ]  # fmt: skip


PARTICIPANTS: Final = [
    # Nobody hears of who is only being dialed.
    (None, member(status="queued"), ()),
    (member(status="queued"), member(status="ringing", version=2), ()),
    (member(status="queued"), member(status="queued", muted=True, version=2), ()),
    (member(status="ringing"), member(status="failed", version=2, left=NOW + 1), ()),
    (None, member(sequence=3), ((C.JOIN, 3),)),
    (member(status="ringing"), member(version=2, sequence=5, updated=NOW + 1), ((C.JOIN, 5),)),
    # One that comes back joins again.
    (member(status="complete", left=NOW, sequence=4), member(version=7, sequence=9), ((C.JOIN, 9),)),
    (member(sequence=3), member(version=2, sequence=4, muted=True), ((C.MUTE, 4),)),
    (member(muted=True), member(version=2, sequence=6, hold=True, coaching=True),
     ((C.UNMUTE, 4), (C.HOLD, 5), (C.MODIFY, 6))),
    # What only the engine is told has no number.
    (member(sequence=3), member(version=2, sequence=3, beep_on_exit=True), ()),
    # A confirmation changes nothing that is told.
    (member(version=2, sequence=4, requested_version=2),
     member(version=2, sequence=4, requested_version=2, confirmed_version=2), ()),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "told"), PARTICIPANTS)
def test_tells_of_participants(
    before: Participant | None, after: Participant, told: Sequence[tuple[ConferenceEvent, int]]
) -> None:
    """Entering, muting, holding and what else is shown, each with its own number; the conference is read if it must."""
    reads: list[Conference] = []

    def read() -> Conference:
        reads.append(room())
        return reads[0]

    at = after.updated if after.updated is not None else after.joined
    assert list(participant_events(before, after, read)) == [
        ConferenceNotification(room(), event, at, number, after) for event, number in told
    ]
    assert len(reads) == bool(told)


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        (member(status="complete", version=2, sequence=7, left=NOW + 4, updated=NOW + 4), HUNG_UP),
        (member(status="complete", version=2, sequence=7, left=NOW + 4, updated=NOW + 4, requested_version=2), REMOVED),
        # What was asked of it before it hung up does not remove it.
        (member(status="complete", version=3, sequence=7, left=NOW + 4, updated=NOW + 4, requested_version=2), HUNG_UP),
    ],
)
def test_tells_why_somebody_left(gone: Participant, reason: LeaveReason) -> None:
    """One that was asked to leave was removed, any other has hung up; what became of its room since is no reason."""
    for found in (room(), room("completed", reason=EndReason.VIA_API)):
        left = ConferenceNotification(found, C.LEAVE, NOW + 4, 7, gone, leave_reason=reason)
        assert list(participant_events(member(sequence=3), gone, lambda found=found: found)) == [left]  # type: ignore[misc]
        # Long afterwards it is told the same.
        assert list(leave_events_before_end(found, lambda: [gone])) == [left]


def test_tells_late_only_of_who_was_connected() -> None:
    """Who was not reached has told nothing, and who is inside leaves with the end."""
    everybody = [member("a", "failed", left=NOW), member("b", "queued"), member("c")]
    assert list(leave_events_before_end(room("completed"), lambda: everybody)) == []


def test_tells_nothing_of_a_room_that_is_not_there() -> None:
    """A participant without a conference is somebody's mistake, and holds nobody up."""
    assert list(participant_events(None, member(), lambda: None)) == []
