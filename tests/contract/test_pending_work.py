"""The contract of `ports.changes.PendingWorkStore`, in each database."""

from dataclasses import replace

import pytest

from tapedeck.adapters.dynamodb.participants import ParticipantTable
from tapedeck.adapters.dynamodb.stream import PendingWorkIndex
from tapedeck.domain.conference import Conference
from tapedeck.domain.engine_command import with_new_request
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import RecordingStatus
from tapedeck.ports.changes import PendingWork
from tapedeck.ports.parents import EndTransaction
from tapedeck.ports.stores import Store
from tests.conftest import TestAccount
from tests.contract.test_store import NOW, fresh, put_call, put_conference, start, store  # noqa: F401 - a fixture

pytestmark = [pytest.mark.dynamodb_local, pytest.mark.usefixtures("database")]


@pytest.fixture
def work(store: Store) -> PendingWorkIndex:  # noqa: F811
    """The index over the database under test."""
    return PendingWorkIndex(store._database)  # type: ignore[attr-defined]


def found(work: PendingWorkIndex, identifier: str, now: int, more: int = 0) -> list[PendingWork]:
    """Return what the shard of a resource holds about that resource at this time."""
    return [each for each in work.find_pending(identifier[-1], now, more) if each.resource.id == identifier]


def test_a_resource_is_found_once_it_is_due(store: Store, work: PendingWorkIndex, account: TestAccount) -> None:  # noqa: F811
    """A recording with callbacks is due ten minutes after its creation, and looked at before only on request."""
    recording = start(store, put_call(store, account))
    expected = PendingWork(account.id, recording, {}, NOW + 600)
    assert found(work, recording.id, NOW + 599) == []
    assert found(work, recording.id, NOW + 599, 1_000_000) == [expected]
    assert found(work, recording.id, NOW + 600) == [expected]


def test_a_resource_is_moved_unless_it_has_changed(store: Store, work: PendingWorkIndex, account: TestAccount) -> None:  # noqa: F811
    """A move applies to the state that was read: not after a pause, nor after a capture, which has no version."""
    recording = start(store, put_call(store, account))
    (read,) = found(work, recording.id, NOW + 600)
    assert work.move(read, NOW + 900)
    assert found(work, recording.id, NOW + 899) == []
    assert found(work, recording.id, NOW + 900) == [replace(read, due=NOW + 900)]
    stopped = store.transition_recording(
        recording.parent, recording.id, RecordingStatus.STOPPED, "silence", NOW + 1, fresh()
    )
    assert not work.move(read, NOW + 4_000)
    read = replace(read, resource=stopped)
    captured = store.note_capture(recording.parent, recording.id, 44, "ab" * 32, NOW + 2)
    assert captured is not None
    assert not work.move(read, NOW + 4_000)
    assert work.move(replace(read, resource=captured), NOW + 602)
    assert found(work, recording.id, NOW + 602) == [PendingWork(account.id, captured, {}, NOW + 602)]


def test_a_check_names_recordings_of_its_time(store: Store, work: PendingWorkIndex, account: TestAccount) -> None:  # noqa: F811
    """A check has the recordings of a batch, in one shard, and is found between its time and the one before it."""
    recordings = [start(store, put_call(store, account)) for _ in range(3)]
    expected = {each.id: PendingWork(account.id, each, {}, NOW + 600) for each in recordings}
    for _ in range(2):
        work.note_check(recordings[:2], NOW + 30)
    work.note_check([recordings[0]], NOW + 31)
    work.note_check(recordings[1:], NOW + 31)

    def checked(shard_of: int, since: int, now: int) -> dict[str, PendingWork]:
        found = work.find_checked(recordings[shard_of].id[-1], NOW + since, NOW + now)
        return {each.resource.id: each for each in found if each.resource.id in expected}

    def named(*numbers: int) -> dict[str, PendingWork]:
        return {recordings[number].id: expected[recordings[number].id] for number in numbers}

    shards = [each.id[-1] for each in recordings]
    if len(set(shards)) == 3:
        assert checked(1, 0, 29) == {}
        assert checked(1, 0, 30) == named(0, 1) == checked(1, 29, 31)
        assert checked(1, 30, 31) == {}
        assert checked(0, 30, 31) == named(0)
        assert checked(2, 0, 1_000) == named(1, 2)


def next_of(conference: Conference) -> Conference:
    """A conference after a change of one of its participants."""
    return replace(conference, version=conference.version + 1, sequence=conference.sequence + 1)


def test_a_command_after_a_concurrent_confirmation_stays_in_sight(
    store: Store,  # noqa: F811
    work: PendingWorkIndex,
    account: TestAccount,
) -> None:
    """If the engine confirms a command between the read and the write of the next one, the next one is pending work."""
    participants = ParticipantTable(store._database)  # type: ignore[attr-defined]
    conference, call = put_conference(store, account), put_call(store, account)
    joined = replace(conference, version=2, sequence=1, participants=1)
    participant = Participant(call.id, conference.id, NOW)
    store.join_conference(conference, joined, call, participant)

    def mute(around: Conference, before: Participant, *, muted: bool) -> Participant:
        after = with_new_request(replace(before, muted=muted, version=before.version + 1, updated=NOW), NOW)
        participants.change_participant((around, next_of(around)), (before, after), {}, fresh())
        return after

    muted = mute(joined, participant, muted=True)
    assert [(each.resource, each.due) for each in found(work, call.id, NOW + 30)] == [(muted, NOW + 30)]
    confirmed = replace(muted, confirmed_version=muted.requested_version)
    store.change_exactly(
        account.id,
        EndTransaction(fresh(), NOW, conference=next_of(joined), participant=muted, participant_after=confirmed),
    )
    assert found(work, call.id, NOW + 30) == []
    unmuted = mute(next_of(joined), muted, muted=False)
    expected = replace(unmuted, confirmed_version=muted.requested_version)
    assert [(each.resource, each.due) for each in found(work, call.id, NOW + 30)] == [(expected, NOW + 30)]
