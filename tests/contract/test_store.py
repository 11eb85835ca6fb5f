"""What every store must do (`ports.stores.Store`): in each database."""

from dataclasses import replace

import pytest

from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.identity import new_id
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.ports.stores import EndConflict, EndTransaction, NameTaken, ParentConflict, Store, TransitionRejected
from tests.conftest import TestAccount

pytestmark = [pytest.mark.dynamodb_local, pytest.mark.usefixtures("database")]

NOW = 1_795_250_675


@pytest.fixture
def store(account: TestAccount) -> Store:
    """The adapter over this run's database."""
    del account  # the tables are there by now
    found: Store = api_bootstrap.get_api_services().calls._store
    return found


def fresh() -> str:
    """An id that nobody has."""
    return new_id(NOW * 1000)


def put_call(store: Store, account: TestAccount, status: CallStatus = CallStatus.IN_PROGRESS) -> Call:
    """A call that has everything a call may have when it begins."""
    call = Call(account.id, fresh(), status, NOW, to="+13105678901", from_="sip:a@example.com", started=NOW)
    store.put_call(call)
    return call


def put_conference(store: Store, account: TestAccount, name: str = "") -> Conference:
    """A conference nobody is in."""
    room = Conference(account.id, fresh(), name or fresh(), ConferenceStatus.INIT, NOW, callback=CALLBACK)
    store.put_conference(room, None)
    return room


CALLBACK = CallbackSubscription(
    "https://example.com/hook?tenant=42#rc=2", "GET", ("in-progress", "completed"), "signalwire"
)


def recording_of(parent: Parent, call: str, callback: CallbackSubscription | None = CALLBACK) -> Recording:
    """A recording that is in progress."""
    return Recording(
        fresh(), parent, RecordingStatus.IN_PROGRESS, Source.START_CALL_RECORDING, NOW, call=call, channels=2,
        track="inbound", trim="trim-silence", started=NOW, callback=callback,
    )  # fmt: skip


def start(store: Store, call: Call) -> Recording:
    """A recording made by CR1, on a call that has none."""
    recording = recording_of(Parent(call.account, ParentKind.CALL, call.id), call.id)
    store.start_call_recording(recording, None, frozenset())
    return recording


def join(store: Store, room: Conference, call: Call) -> tuple[Conference, Call, Participant]:
    """A call in a conference, which is in progress then."""
    after = replace(
        room, participants=room.participants + 1, version=room.version + 1, sequence=room.sequence + 1,
        status=ConferenceStatus.IN_PROGRESS, first_call=room.first_call or call.id,
    )  # fmt: skip
    participant = Participant(call.id, room.id, NOW)
    store.join_conference(room, after, call, participant)
    return after, replace(call, conference=room.id, version=call.version + 1), participant


def test_what_was_put_is_what_is_read(store: Store, account: TestAccount) -> None:
    """A call, a conference and a recording come back as they went in, field by field."""
    call, room = put_call(store, account), put_conference(store, account)
    recording = start(store, call)
    assert store.get_conference(account.id, room.id) == room
    assert store.get_recording(recording.parent, recording.id) == recording
    found = store.get_call(account.id, call.id)
    assert found == replace(call, version=2, api_recording=recording.id, active_recordings=frozenset({recording.id}))


def test_what_is_not_there_is_none(store: Store, account: TestAccount) -> None:
    """An id that nobody has names nothing."""
    parent = Parent(account.id, ParentKind.CALL, fresh())
    assert store.get_call(account.id, fresh()) is None
    assert store.get_conference(account.id, fresh()) is None
    assert store.get_recording(parent, fresh()) is None
    assert store.get_live_conference_id(account.id, "nobody's") is None
    assert store.get_membership(account.id, fresh(), fresh()) == (None, None)
    assert list(store.list_active_recordings(parent)) == []


@pytest.mark.parametrize("status", [CallStatus.QUEUED, CallStatus.RINGING, CallStatus.COMPLETED])
def test_only_a_call_in_progress_is_recorded(store: Store, account: TestAccount, status: CallStatus) -> None:
    """A start on another call is refused, with the call, and leaves nothing."""
    call = put_call(store, account, status)
    recording = recording_of(Parent(account.id, ParentKind.CALL, call.id), call.id)
    with pytest.raises(ParentConflict) as refused:
        store.start_call_recording(recording, None, frozenset())
    assert refused.value.found == call
    assert store.get_recording(recording.parent, recording.id) is None


def test_a_start_on_an_unknown_call_is_refused(store: Store, account: TestAccount) -> None:
    """Nothing is found, and nothing is made."""
    parent = Parent(account.id, ParentKind.CALL, fresh())
    with pytest.raises(ParentConflict) as refused:
        store.start_call_recording(recording_of(parent, parent.id), None, frozenset())
    assert refused.value.found is None


def test_a_second_start_is_refused_with_the_first(store: Store, account: TestAccount) -> None:
    """The call tells which recording it has."""
    call = put_call(store, account)
    first = start(store, call)
    with pytest.raises(ParentConflict) as refused:
        start(store, call)
    assert isinstance(refused.value.found, Call)
    assert refused.value.found.api_recording == first.id


def test_a_start_on_a_call_as_it_was_read(store: Store, account: TestAccount) -> None:
    """With what was read as condition, the set of active recordings is rewritten; otherwise nothing is."""
    call = put_call(store, account)
    first = start(store, call)
    read = store.get_call(account.id, call.id)
    assert read is not None
    second = recording_of(first.parent, call.id)
    store.start_call_recording(second, read, frozenset())
    found = store.get_call(account.id, call.id)
    assert found is not None
    assert (found.api_recording, found.active_recordings) == (second.id, frozenset({second.id}))
    with pytest.raises(ParentConflict):
        store.start_call_recording(recording_of(first.parent, call.id), read, frozenset())


def test_a_repeated_start_is_one(store: Store, account: TestAccount) -> None:
    """A start that finds its own recording has happened, and happens no second time."""
    call = put_call(store, account)
    recording = start(store, call)
    store.start_call_recording(recording, None, frozenset())
    found = store.get_call(account.id, call.id)
    assert found is not None
    assert (found.version, found.active_recordings) == (2, frozenset({recording.id}))


LEGAL = [
    (RecordingStatus.IN_PROGRESS, RecordingStatus.PAUSED),
    (RecordingStatus.IN_PROGRESS, RecordingStatus.STOPPED),
    (RecordingStatus.PAUSED, RecordingStatus.IN_PROGRESS),
    (RecordingStatus.PAUSED, RecordingStatus.STOPPED),
]


def brought_to(store: Store, recording: Recording, status: RecordingStatus) -> Recording:
    """The recording after the moves that lead to a status."""
    if status is RecordingStatus.IN_PROGRESS:
        return recording
    return store.transition_recording(recording.parent, recording.id, status, "silence", NOW, fresh())


@pytest.mark.parametrize(("before", "after"), LEGAL)
def test_a_legal_move(store: Store, account: TestAccount, before: RecordingStatus, after: RecordingStatus) -> None:
    """It is made once, numbered, dated, and returned as it left the recording."""
    recording = brought_to(store, start(store, put_call(store, account)), before)
    moved = store.transition_recording(recording.parent, recording.id, after, "skip", NOW + 5, fresh())
    assert moved == replace(
        recording,
        status=after,
        version=recording.version + 1,
        updated=NOW + 5,
        ended=NOW + 5 if after is RecordingStatus.STOPPED else None,
        pause_behavior={RecordingStatus.PAUSED: "skip", RecordingStatus.STOPPED: recording.pause_behavior}.get(after),
    )
    assert store.get_recording(recording.parent, recording.id) == moved


@pytest.mark.parametrize("before", [RecordingStatus.IN_PROGRESS, RecordingStatus.PAUSED, RecordingStatus.STOPPED])
@pytest.mark.parametrize("after", [RecordingStatus.IN_PROGRESS, RecordingStatus.PAUSED, RecordingStatus.STOPPED])
def test_any_other_move_is_refused(
    store: Store, account: TestAccount, before: RecordingStatus, after: RecordingStatus
) -> None:
    """It changes nothing, and tells what stands there."""
    if (before, after) in LEGAL:
        return
    recording = brought_to(store, start(store, put_call(store, account)), before)
    with pytest.raises(TransitionRejected) as refused:
        store.transition_recording(recording.parent, recording.id, after, "skip", NOW + 5, fresh())
    assert refused.value.found == recording
    assert store.get_recording(recording.parent, recording.id) == recording


def test_a_move_of_nothing_makes_nothing(store: Store, account: TestAccount) -> None:
    """An update of an unknown recording does not bring it into being."""
    parent = Parent(account.id, ParentKind.CALL, put_call(store, account).id)
    unknown = fresh()
    with pytest.raises(TransitionRejected) as refused:
        store.transition_recording(parent, unknown, RecordingStatus.PAUSED, "skip", NOW, fresh())
    assert refused.value.found is None
    assert store.get_recording(parent, unknown) is None


def test_a_repeated_move_has_the_answer_of_the_first(store: Store, account: TestAccount) -> None:
    """Among the last eight writes a repetition is recognised, whatever came after, and changes nothing."""
    recording = start(store, put_call(store, account))
    parent, write = recording.parent, fresh()
    first = store.transition_recording(parent, recording.id, RecordingStatus.PAUSED, "skip", NOW + 1, write)
    for target in (*(RecordingStatus.IN_PROGRESS, RecordingStatus.PAUSED) * 3, RecordingStatus.STOPPED):
        again = store.transition_recording(parent, recording.id, RecordingStatus.PAUSED, "skip", NOW + 1, write)
        assert replace(again, version=first.version) == first
        last = store.transition_recording(parent, recording.id, target, "silence", NOW + 2, fresh())
    assert store.get_recording(parent, recording.id) == last


def test_a_recording_belongs_to_its_parent(store: Store, account: TestAccount) -> None:
    """Under another call, or another account, there is no such recording."""
    recording = start(store, put_call(store, account))
    other_call = replace(recording.parent, id=put_call(store, account).id)
    other_account = replace(recording.parent, account=fresh())
    for parent in (other_call, other_account):
        assert store.get_recording(parent, recording.id) is None
        with pytest.raises(TransitionRejected):
            store.transition_recording(parent, recording.id, RecordingStatus.STOPPED, "silence", NOW, fresh())


def test_active_recordings_are_all_of_them(store: Store, account: TestAccount) -> None:
    """In progress and paused, of any source, oldest first, over as many pages as DynamoDB makes of them."""
    call = put_call(store, account)
    parent = Parent(account.id, ParentKind.CALL, call.id)
    long = CallbackSubscription("https://example.com/" + "x" * 60_000, "POST", ("completed",), "twilio")
    made = [recording_of(parent, call.id, long) for _ in range(20)]
    for recording in made:
        store.start_recording(recording, None, frozenset())
    stopped = [brought_to(store, recording, RecordingStatus.STOPPED).id for recording in made[::2]]
    paused = brought_to(store, made[1], RecordingStatus.PAUSED)
    active = list(store.list_active_recordings(parent))
    assert [recording.id for recording in active] == sorted(r.id for r in made if r.id not in stopped)
    assert paused in active


def test_an_unrecorded_call_ends_in_one_write(store: Store, account: TestAccount) -> None:
    """It is completed, dated, numbered, and keeps what ended it; a second end is refused with it."""
    call, write = put_call(store, account), fresh()
    after = replace(call, status=CallStatus.COMPLETED, ended=NOW + 9, updated=NOW + 9)
    ended = store.end_call(call, after, write, needs_command=True)
    assert ended == replace(after, version=2, end_write_id=write, requested_version=2, requested_at=NOW + 9)
    with pytest.raises(ParentConflict) as refused:
        store.end_call(call, after, fresh(), needs_command=True)
    assert refused.value.found == ended


def test_a_recorded_call_ends_with_its_recordings_or_not_at_all(store: Store, account: TestAccount) -> None:
    """The short way is refused; the long way stops what is active, tells what had stopped, and repeats as one."""
    call = put_call(store, account)
    first = start(store, call)
    second = recording_of(first.parent, call.id)
    store.start_recording(second, None, frozenset())
    read = store.get_call(account.id, call.id)
    assert read is not None
    with pytest.raises(ParentConflict) as changed:
        store.end_call(read, replace(read, status=CallStatus.COMPLETED, ended=NOW), fresh(), needs_command=True)
    assert changed.value.found == read
    brought_to(store, second, RecordingStatus.STOPPED)
    write = fresh()
    after = replace(
        read, status=CallStatus.COMPLETED, ended=NOW + 9, updated=NOW + 9, version=read.version + 1,
        active_recordings=frozenset(), end_write_id=write,
    )  # fmt: skip
    ending = EndTransaction(write, NOW + 9, call=read, call_after=after, call_recordings=read.active_recordings)
    with pytest.raises(EndConflict) as refused:
        store.end(ending)
    assert (refused.value.call, refused.value.stopped) == (None, frozenset({second.id}))
    assert store.get_call(account.id, call.id) == read
    ending = replace(ending, call_recordings=frozenset({first.id}))
    store.end(ending)
    store.end(ending)
    assert store.get_call(account.id, call.id) == after
    found = store.get_recording(first.parent, first.id)
    assert found == replace(first, status=RecordingStatus.STOPPED, version=2, updated=NOW + 9, ended=NOW + 9)


def test_an_ending_of_what_has_changed_is_refused(store: Store, account: TestAccount) -> None:
    """A start between the reading and the end is not missed."""
    call = put_call(store, account)
    first = start(store, call)
    write = fresh()
    stale = replace(call, version=1)
    after = replace(stale, status=CallStatus.COMPLETED, version=2, ended=NOW, end_write_id=write)
    with pytest.raises(EndConflict) as refused:
        store.end(EndTransaction(write, NOW, call=stale, call_after=after))
    assert refused.value.call == store.get_call(account.id, call.id)
    assert store.get_recording(first.parent, first.id) == first


def test_a_name_belongs_to_one_live_conference(store: Store, account: TestAccount) -> None:
    """A second conference must take the name over from the very one that holds it."""
    room = put_conference(store, account)
    other = replace(room, id=fresh())
    with pytest.raises(NameTaken) as taken:
        store.put_conference(other, None)
    assert taken.value.holder == room.id
    with pytest.raises(NameTaken):
        store.put_conference(other, fresh())
    assert store.get_conference(account.id, other.id) is None
    store.put_conference(other, room.id)
    assert store.get_live_conference_id(account.id, room.name) == other.id


def test_joining_is_one_write_of_three(store: Store, account: TestAccount) -> None:
    """Conference, participant and call change together, on what was read; a repetition is one."""
    room, call = put_conference(store, account), put_call(store, account)
    after, inside, participant = join(store, room, call)
    assert store.get_membership(account.id, room.id, call.id) == (after, participant)
    assert store.get_call(account.id, call.id) == inside
    join(store, room, call)
    assert store.get_conference(account.id, room.id) == after
    with pytest.raises(ParentConflict) as changed:
        join(store, room, put_call(store, account))
    assert changed.value.found == after


def test_a_conference_ends_in_one_write(store: Store, account: TestAccount) -> None:
    """Unrecorded in one update, which repeats as one; a recorded one is refused that way."""
    room, write = put_conference(store, account), fresh()
    after = replace(
        room, status=ConferenceStatus.COMPLETED, ended=NOW + 9, updated=NOW + 9, reason=EndReason.VIA_API,
        version=2, sequence=1, end_write_id=write, requested_version=2, requested_at=NOW + 9,
    )  # fmt: skip
    assert store.end_conference(room, after, write, needs_command=True) == after
    assert store.end_conference(room, after, write, needs_command=True) == after
    with pytest.raises(ParentConflict) as refused:
        store.end_conference(room, after, fresh(), needs_command=True)
    assert refused.value.found == after


def test_the_last_one_to_leave_ends_the_conference_with_its_recordings(store: Store, account: TestAccount) -> None:
    """Call, participant, conference and recording end in one write."""
    room, call = put_conference(store, account), put_call(store, account)
    inside, leg, participant = join(store, room, call)
    recording = recording_of(Parent(account.id, ParentKind.CONFERENCE, room.id), call.id)
    store.start_recording(recording, None, frozenset())
    read = store.get_conference(account.id, room.id)
    assert read is not None
    assert (read.version, read.active_recordings) == (inside.version + 1, frozenset({recording.id}))
    write = fresh()
    left = replace(participant, left=NOW, updated=NOW, status=ParticipantStatus.COMPLETE, version=2)
    call_after = replace(leg, status=CallStatus.COMPLETED, ended=NOW, updated=NOW, version=3, end_write_id=write)
    room_after = replace(
        read,
        status=ConferenceStatus.COMPLETED,
        participants=0,
        ended=NOW,
        updated=NOW,
        version=read.version + 1,
        sequence=read.sequence + 2,
        reason=EndReason.LAST_LEFT,
        ending_call=call.id,
        active_recordings=frozenset(),
        end_write_id=write,
    )
    store.end(EndTransaction(
        write, NOW, call=leg, call_after=call_after, conference=read, conference_after=room_after,
        conference_recordings=read.active_recordings, participant=participant, participant_after=left,
    ))  # fmt: skip
    assert store.get_call(account.id, call.id) == call_after
    assert store.get_membership(account.id, room.id, call.id) == (room_after, left)
    found = store.get_recording(recording.parent, recording.id)
    assert found is not None
    assert found.status is RecordingStatus.STOPPED


def test_an_announcement_needs_a_running_conference(store: Store, account: TestAccount) -> None:
    """It raises the version and nothing that is seen; in another state it is refused; a repetition is one."""
    room = put_conference(store, account)
    with pytest.raises(ParentConflict) as refused:
        store.announce(account.id, room.id, "https://example.com", "POST", NOW, fresh())
    assert refused.value.found == room
    running, _, _ = join(store, room, put_call(store, account))
    write = fresh()
    announced = replace(running, version=running.version + 1, requested_version=running.version + 1, requested_at=NOW)
    assert store.announce(account.id, room.id, "https://example.com", "POST", NOW, write) == announced
    assert store.announce(account.id, room.id, "https://example.com", "POST", NOW, write) == announced
    assert store.get_conference(account.id, room.id) == announced
