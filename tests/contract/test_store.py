"""The contract of `ports.stores.Store`, in each database."""

from dataclasses import replace

import pytest

from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.identity import new_id
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.ports.conferences import NameTaken
from tapedeck.ports.parents import EndConflict, EndTransaction, ParentConflict
from tapedeck.ports.recordings import RecordingOfOtherParent, RecordingProgress, TransitionRejected
from tapedeck.ports.stores import Store
from tests.conftest import TestAccount

pytestmark = [pytest.mark.dynamodb_local, pytest.mark.usefixtures("database")]

NOW = 1_795_250_675


@pytest.fixture
def store(account: TestAccount) -> Store:
    """The store over the database under test."""
    del account  # creates the tables
    found: Store = api_bootstrap.get_api_services().calls._store
    return found


def fresh() -> str:
    """A new id."""
    return new_id(NOW * 1000)


def put_call(store: Store, account: TestAccount, status: CallStatus = CallStatus.IN_PROGRESS) -> Call:
    """Store a call with all fields that a new call can have."""
    call = Call(account.id, fresh(), status, NOW, to="+13105678901", from_="sip:a@example.com", started=NOW)
    store.put_call(call)
    return call


def put_conference(store: Store, account: TestAccount, name: str = "") -> Conference:
    """Store an empty conference."""
    conference = Conference(account.id, fresh(), name or fresh(), ConferenceStatus.INIT, NOW, callback=CALLBACK)
    store.put_conference(conference, None)
    return conference


CALLBACK = CallbackSubscription(
    "https://example.com/hook?tenant=42#rc=2", "GET", ("in-progress", "completed"), "signalwire"
)


def recording_of(parent: Parent, call: str, callback: CallbackSubscription | None = CALLBACK) -> Recording:
    """A recording in progress, not stored."""
    return Recording(
        fresh(), parent, RecordingStatus.IN_PROGRESS, Source.START_CALL_RECORDING, NOW, call=call, channels=2,
        track="inbound", trim="trim-silence", started=NOW, callback=callback,
    )  # fmt: skip


def start(store: Store, call: Call) -> Recording:
    """Start a recording of a call without one, as the API does."""
    recording = recording_of(Parent(call.account, ParentKind.CALL, call.id), call.id)
    store.start_call_recording(recording, None, frozenset())
    return recording


def join(store: Store, conference: Conference, call: Call) -> tuple[Conference, Call, Participant]:
    """Let a call join a conference, which is in progress afterwards."""
    after = replace(
        conference, participants=conference.participants + 1, version=conference.version + 1,
        sequence=conference.sequence + 1, status=ConferenceStatus.IN_PROGRESS,
        first_call=conference.first_call or call.id,
    )  # fmt: skip
    participant = Participant(call.id, conference.id, NOW)
    store.join_conference(conference, after, call, participant)
    return after, replace(call, conference=conference.id, version=call.version + 1), participant


def test_reads_return_what_was_stored(store: Store, account: TestAccount) -> None:
    """A call, a conference and a recording are read with all stored fields."""
    call, conference = put_call(store, account), put_conference(store, account)
    recording = start(store, call)
    assert store.get_conference(account.id, conference.id) == conference
    assert store.get_recording(recording.parent, recording.id) == recording
    found = store.get_call(account.id, call.id)
    assert found == replace(call, version=2, api_recording=recording.id, active_recordings=frozenset({recording.id}))


def test_reads_how_far_the_engine_is(store: Store, account: TestAccount) -> None:
    """Status, versions, the last refusal and whether it is captured are read alone; those never set are 0 and None."""
    call = put_call(store, account)
    recording = recording_of(Parent(account.id, ParentKind.CALL, call.id), call.id)
    store.start_call_recording(recording, None, frozenset())
    status = RecordingStatus.IN_PROGRESS
    assert store.get_progress(recording.parent, recording.id) == RecordingProgress(status, 1, 0)
    after = replace(
        recording, version=4, confirmed_version=3, effective_version=2, own_version=1, refused_version=4,
        refused_code="busy",
    )  # fmt: skip
    store.change_recording(recording, after, fresh())
    assert store.get_progress(recording.parent, recording.id) == RecordingProgress(status, 4, 3, 2, 1, 4, "busy")
    stopped = replace(after, status=RecordingStatus.STOPPED, version=5)
    store.change_recording(after, stopped, fresh())
    store.note_capture(recording.parent, recording.id, 44, "ab" * 32, 1)
    assert store.get_progress(recording.parent, recording.id) == RecordingProgress(
        RecordingStatus.STOPPED, 5, 3, 2, 1, 4, "busy", is_captured=True
    )
    assert store.get_progress(recording.parent, fresh()) is None


def test_unknown_ids_are_none(store: Store, account: TestAccount) -> None:
    """Reads of unknown ids return None or an empty list."""
    parent = Parent(account.id, ParentKind.CALL, fresh())
    assert store.get_call(account.id, fresh()) is None
    assert store.get_conference(account.id, fresh()) is None
    assert store.get_recording(parent, fresh()) is None
    assert store.get_last_name_holder(account.id, "unknown") is None
    assert store.get_membership(account.id, fresh(), fresh()) == (None, None)
    assert list(store.list_active_recordings(parent)) == []


@pytest.mark.parametrize("status", [CallStatus.QUEUED, CallStatus.RINGING, CallStatus.COMPLETED])
def test_only_a_call_in_progress_is_recorded(store: Store, account: TestAccount, status: CallStatus) -> None:
    """A start on a call in another status raises ParentConflict with the call and stores nothing."""
    call = put_call(store, account, status)
    recording = recording_of(Parent(account.id, ParentKind.CALL, call.id), call.id)
    with pytest.raises(ParentConflict) as raised:
        store.start_call_recording(recording, None, frozenset())
    assert raised.value.found == call
    assert store.get_recording(recording.parent, recording.id) is None


def test_a_call_of_a_known_id_changes_nothing(store: Store, account: TestAccount) -> None:
    """A second call with the id of a stored one is not stored."""
    call = put_call(store, account)
    assert not store.put_call(replace(call, to="+12025550100", status=CallStatus.QUEUED))
    assert store.get_call(account.id, call.id) == call


@pytest.mark.parametrize("change", [{"confirmed_version": 1}, {"last_event_seq": 3}])
def test_an_event_does_not_overwrite_what_another_has_confirmed(
    store: Store, account: TestAccount, change: dict[str, int]
) -> None:
    """A change by an event fails if an event since its read has confirmed a version or has a higher number."""
    read = start(store, put_call(store, account))
    changed = replace(read, **change)  # type: ignore[arg-type]
    store.change_recording(read, changed, fresh())
    with pytest.raises(TransitionRejected):
        store.change_recording(read, replace(read, last_event_seq=2), fresh())
    assert store.get_recording(read.parent, read.id) == changed


def test_start_on_an_unknown_call_is_rejected(store: Store, account: TestAccount) -> None:
    """A start on an unknown call raises ParentConflict without a call."""
    parent = Parent(account.id, ParentKind.CALL, fresh())
    with pytest.raises(ParentConflict) as raised:
        store.start_call_recording(recording_of(parent, parent.id), None, frozenset())
    assert raised.value.found is None


def test_second_start_is_rejected_with_the_first_recording(store: Store, account: TestAccount) -> None:
    """A second start raises ParentConflict with the call and its recording id."""
    call = put_call(store, account)
    first = start(store, call)
    with pytest.raises(ParentConflict) as raised:
        start(store, call)
    assert isinstance(raised.value.found, Call)
    assert raised.value.found.api_recording == first.id


def test_conditional_start_on_a_call(store: Store, account: TestAccount) -> None:
    """A start with the read call as condition replaces the set of active recordings; a stale one is rejected."""
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


def test_a_start_may_depend_on_the_engine_of_the_call(store: Store, account: TestAccount) -> None:
    """A call of no engine, or of another one than the given ones, is not recorded; it is in the error."""
    owned = put_call(store, account)
    store.put_call(replace(call := put_call(store, account), id=(other := fresh()), engine="ast1"))
    for name, engine in ((owned.id, None), (other, "ast1")):
        recording = recording_of(Parent(account.id, ParentKind.CALL, name), name)
        with pytest.raises(ParentConflict) as failed:
            store.start_call_recording(recording, None, frozenset(), frozenset({"ast2", "ast3"}))
        assert failed.value.found == replace(call, id=name, engine=engine)
    many = frozenset({"ast1", *(f"engine-{number}" for number in range(99))})
    store.start_call_recording(recording, None, frozenset(), many)
    found = store.get_call(account.id, other)
    assert found is not None
    assert found.active_recordings == {recording.id}


def test_start_is_idempotent(store: Store, account: TestAccount) -> None:
    """A repeated start of the same recording changes nothing."""
    call = put_call(store, account)
    recording = start(store, call)
    store.start_call_recording(recording, None, frozenset())
    found = store.get_call(account.id, call.id)
    assert found is not None
    assert (found.version, found.active_recordings) == (2, frozenset({recording.id}))


LEGAL_TRANSITIONS = [
    (RecordingStatus.IN_PROGRESS, RecordingStatus.PAUSED),
    (RecordingStatus.IN_PROGRESS, RecordingStatus.STOPPED),
    (RecordingStatus.PAUSED, RecordingStatus.IN_PROGRESS),
    (RecordingStatus.PAUSED, RecordingStatus.STOPPED),
]


def transitioned(store: Store, recording: Recording, status: RecordingStatus) -> Recording:
    """Bring a recording to a status."""
    if status is RecordingStatus.IN_PROGRESS:
        return recording
    return store.transition_recording(recording.parent, recording.id, status, "silence", NOW, fresh())


@pytest.mark.parametrize(("before", "after"), LEGAL_TRANSITIONS)
def test_legal_transition(store: Store, account: TestAccount, before: RecordingStatus, after: RecordingStatus) -> None:
    """A legal transition increments the version, sets the times and returns the new recording."""
    recording = transitioned(store, start(store, put_call(store, account)), before)
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
def test_illegal_transition_is_rejected(
    store: Store, account: TestAccount, before: RecordingStatus, after: RecordingStatus
) -> None:
    """An illegal transition raises TransitionRejected with the current recording and changes nothing."""
    if (before, after) in LEGAL_TRANSITIONS:
        return
    recording = transitioned(store, start(store, put_call(store, account)), before)
    with pytest.raises(TransitionRejected) as raised:
        store.transition_recording(recording.parent, recording.id, after, "skip", NOW + 5, fresh())
    assert raised.value.found == recording
    assert store.get_recording(recording.parent, recording.id) == recording


@pytest.mark.parametrize(("own_version", "accepted"), [(2, True), (1, False), (0, False)])
def test_a_pause_of_the_engine_can_be_paused(
    store: Store, account: TestAccount, own_version: int, *, accepted: bool
) -> None:
    """A pause that the engine made by itself becomes a requested one with a new version; any other stays as it is."""
    recording = start(store, put_call(store, account))
    parent, write = recording.parent, fresh()
    own = replace(
        recording, status=RecordingStatus.PAUSED, version=2, confirmed_version=2, effective_version=2,
        own_version=own_version, pause_behavior="silence",
    )  # fmt: skip
    store.change_recording(recording, own, fresh())
    requested = replace(own, version=3, pause_behavior="skip", updated=NOW + 5)
    for _ in range(2):  # the second time is a repetition whose response was lost
        if accepted:
            paused = store.transition_recording(parent, recording.id, RecordingStatus.PAUSED, "skip", NOW + 5, write)
            assert paused == requested
        else:
            with pytest.raises(TransitionRejected):
                store.transition_recording(parent, recording.id, RecordingStatus.PAUSED, "skip", NOW + 5, write)
    assert store.get_recording(parent, recording.id) == (requested if accepted else own)
    with pytest.raises(TransitionRejected):
        store.transition_recording(parent, recording.id, RecordingStatus.PAUSED, "skip", NOW + 6, fresh())


def test_transition_of_an_unknown_recording_creates_nothing(store: Store, account: TestAccount) -> None:
    """An update of an unknown recording is rejected and does not create it."""
    parent = Parent(account.id, ParentKind.CALL, put_call(store, account).id)
    unknown = fresh()
    with pytest.raises(TransitionRejected) as raised:
        store.transition_recording(parent, unknown, RecordingStatus.PAUSED, "skip", NOW, fresh())
    assert raised.value.found is None
    assert store.get_recording(parent, unknown) is None


def test_repeated_transition_returns_the_first_result(store: Store, account: TestAccount) -> None:
    """A repetition is recognised within the last eight writes, returns the first result and changes nothing.

    It has no pending command once another write has requested something else: its version is that of the other write.
    """
    recording = start(store, put_call(store, account))
    parent, write = recording.parent, fresh()
    first = store.transition_recording(parent, recording.id, RecordingStatus.PAUSED, "skip", NOW + 1, write)
    for target in (*(RecordingStatus.IN_PROGRESS, RecordingStatus.PAUSED) * 3, RecordingStatus.STOPPED):
        again = store.transition_recording(parent, recording.id, RecordingStatus.PAUSED, "skip", NOW + 1, write)
        assert replace(again, version=first.version, confirmed_version=first.confirmed_version) == first
        found = store.get_recording(parent, recording.id)
        assert found is not None
        assert again.is_pending is ((found.status, found.pause_behavior) == (RecordingStatus.PAUSED, "skip"))
        last_write = fresh()
        last = store.transition_recording(parent, recording.id, target, "silence", NOW + 2, last_write)
    assert store.get_recording(parent, recording.id) == last
    again = store.transition_recording(parent, recording.id, RecordingStatus.STOPPED, "silence", NOW + 2, last_write)
    assert again.is_pending


def test_a_recording_belongs_to_its_parent(store: Store, account: TestAccount) -> None:
    """A recording is not found under another call or account."""
    recording = start(store, put_call(store, account))
    other_call = replace(recording.parent, id=put_call(store, account).id)
    other_account = replace(recording.parent, account=fresh())
    for parent in (other_call, other_account):
        assert store.get_recording(parent, recording.id) is None
        with pytest.raises(TransitionRejected):
            store.transition_recording(parent, recording.id, RecordingStatus.STOPPED, "silence", NOW, fresh())


def test_an_id_belongs_to_one_parent(store: Store, account: TestAccount) -> None:
    """A recording that the engine starts is stored once; its id cannot be used again below another parent."""
    call, other = put_call(store, account), put_call(store, account)
    recording = recording_of(Parent(account.id, ParentKind.CALL, call.id), call.id)
    assert store.start_recording(recording, None, frozenset()) is True
    assert store.start_recording(recording, None, frozenset()) is False
    elsewhere = replace(recording, parent=replace(recording.parent, id=other.id))
    with pytest.raises(RecordingOfOtherParent):
        store.start_recording(elsewhere, None, frozenset())
    assert store.get_recording(elsewhere.parent, recording.id) is None
    assert store.get_call(account.id, other.id) == other


def test_lists_all_active_recordings(store: Store, account: TestAccount) -> None:
    """All recordings in progress or paused are listed, oldest first, over several DynamoDB pages."""
    call = put_call(store, account)
    parent = Parent(account.id, ParentKind.CALL, call.id)
    long = CallbackSubscription("https://example.com/" + "x" * 60_000, "POST", ("completed",), "twilio")
    created = [recording_of(parent, call.id, long) for _ in range(20)]
    for recording in created:
        store.start_recording(recording, None, frozenset())
    stopped = [transitioned(store, recording, RecordingStatus.STOPPED).id for recording in created[::2]]
    paused = transitioned(store, created[1], RecordingStatus.PAUSED)
    active = list(store.list_active_recordings(parent))
    assert [recording.id for recording in active] == sorted(r.id for r in created if r.id not in stopped)
    assert paused in active


def test_unrecorded_call_ends_in_one_write(store: Store, account: TestAccount) -> None:
    """Ending sets status, times, version and write id; a second end raises ParentConflict with the call."""
    call, write = put_call(store, account), fresh()
    after = replace(call, status=CallStatus.COMPLETED, ended=NOW + 9, updated=NOW + 9)
    ended = store.end_call(call, after, write)
    assert ended == replace(after, version=2, end_write_id=write, requested_version=2, requested_at=NOW + 9)
    with pytest.raises(ParentConflict) as raised:
        store.end_call(call, after, fresh())
    assert raised.value.found == ended


def test_a_status_callback_is_kept_until_it_is_published(store: Store, account: TestAccount) -> None:
    """A live call takes a subscription without a command; only an ended call is marked as published."""
    call, write = put_call(store, account), fresh()
    live = frozenset({CallStatus.IN_PROGRESS})
    subscribed = store.queue_call_commands(account.id, call.id, {}, CALLBACK, live, NOW + 5, write)
    assert subscribed == replace(call, version=2, callback=CALLBACK)
    assert store.queue_call_commands(account.id, call.id, {}, CALLBACK, live, NOW + 5, write) == subscribed
    store.mark_call_published(subscribed)
    assert store.get_call(account.id, call.id) == subscribed
    after = replace(subscribed, status=CallStatus.COMPLETED, ended=NOW + 9, updated=NOW + 9)
    ended = store.end_call(call, after, fresh())
    assert (ended.callback, ended.has_unpublished_events) == (CALLBACK, True)
    settled = replace(ended, confirmed_version=3)
    store.change_exactly(account.id, EndTransaction(fresh(), NOW, call=ended, call_after=settled))
    store.mark_call_published(ended)
    assert store.get_call(account.id, call.id) == replace(ended, confirmed_version=3, end_published=True)
    with pytest.raises(ParentConflict):
        store.queue_call_commands(account.id, call.id, {}, CALLBACK, live, NOW + 10, fresh())


def test_recorded_call_ends_together_with_its_recordings(store: Store, account: TestAccount) -> None:
    """`end_call` is rejected; `end` stops active recordings, names those already stopped, and is idempotent."""
    call = put_call(store, account)
    first = start(store, call)
    second = recording_of(first.parent, call.id)
    store.start_recording(second, None, frozenset())
    read = store.get_call(account.id, call.id)
    assert read is not None
    with pytest.raises(ParentConflict) as changed:
        store.end_call(read, replace(read, status=CallStatus.COMPLETED, ended=NOW), fresh())
    assert changed.value.found == read
    transitioned(store, second, RecordingStatus.STOPPED)
    write = fresh()
    after = replace(
        read, status=CallStatus.COMPLETED, ended=NOW + 9, updated=NOW + 9, version=read.version + 1,
        active_recordings=frozenset(), end_write_id=write,
    )  # fmt: skip
    ending = EndTransaction(write, NOW + 9, call=read, call_after=after, call_recordings=read.active_recordings)
    with pytest.raises(EndConflict) as raised:
        store.end(ending)
    assert (raised.value.call, raised.value.stopped) == (None, frozenset({second.id}))
    assert store.get_call(account.id, call.id) == read
    ending = replace(ending, call_recordings=frozenset({first.id}))
    store.end(ending)
    store.end(ending)
    assert store.get_call(account.id, call.id) == after
    found = store.get_recording(first.parent, first.id)
    assert found == replace(first, status=RecordingStatus.STOPPED, version=2, updated=NOW + 9, ended=NOW + 9)


def test_end_of_a_changed_call_is_rejected(store: Store, account: TestAccount) -> None:
    """An end after a concurrent start of a recording is rejected."""
    call = put_call(store, account)
    first = start(store, call)
    write = fresh()
    stale = replace(call, version=1)
    after = replace(stale, status=CallStatus.COMPLETED, version=2, ended=NOW, end_write_id=write)
    with pytest.raises(EndConflict) as raised:
        store.end(EndTransaction(write, NOW, call=stale, call_after=after))
    assert raised.value.call == store.get_call(account.id, call.id)
    assert store.get_recording(first.parent, first.id) == first


def test_name_belongs_to_one_live_conference(store: Store, account: TestAccount) -> None:
    """A second conference can take a name over only from its current holder."""
    conference = put_conference(store, account)
    other = replace(conference, id=fresh())
    with pytest.raises(NameTaken) as raised:
        store.put_conference(other, None)
    assert raised.value.holder == conference.id
    with pytest.raises(NameTaken):
        store.put_conference(other, fresh())
    assert store.get_conference(account.id, other.id) is None
    store.put_conference(other, conference.id)
    assert store.get_last_name_holder(account.id, conference.name) == other.id


def test_join_is_one_transaction(store: Store, account: TestAccount) -> None:
    """Conference, participant and call change in one conditional transaction; repeating it changes nothing."""
    conference, call = put_conference(store, account), put_call(store, account)
    after, inside, participant = join(store, conference, call)
    assert store.get_membership(account.id, conference.id, call.id) == (after, participant)
    assert store.get_call(account.id, call.id) == inside
    join(store, conference, call)
    assert store.get_conference(account.id, conference.id) == after
    with pytest.raises(ParentConflict) as changed:
        join(store, conference, put_call(store, account))
    assert changed.value.found == after


def test_conference_ends_in_one_write(store: Store, account: TestAccount) -> None:
    """An unrecorded conference ends in one idempotent update; another end raises ParentConflict."""
    conference, write = put_conference(store, account), fresh()
    after = replace(
        conference, status=ConferenceStatus.COMPLETED, ended=NOW + 9, updated=NOW + 9, reason=EndReason.VIA_API,
        version=2, sequence=1, end_write_id=write, requested_version=2, requested_at=NOW + 9,
    )  # fmt: skip
    assert store.end_conference(conference, after, write) == after
    assert store.end_conference(conference, after, write) == after
    with pytest.raises(ParentConflict) as raised:
        store.end_conference(conference, after, fresh())
    assert raised.value.found == after


def test_last_participant_ends_the_conference_and_its_recordings(store: Store, account: TestAccount) -> None:
    """Call, participant, conference and recording end in one transaction."""
    conference, call = put_conference(store, account), put_call(store, account)
    inside, leg, participant = join(store, conference, call)
    recording = recording_of(Parent(account.id, ParentKind.CONFERENCE, conference.id), call.id)
    store.start_recording(recording, None, frozenset())
    read = store.get_conference(account.id, conference.id)
    assert read is not None
    assert (read.version, read.active_recordings) == (inside.version + 1, frozenset({recording.id}))
    write = fresh()
    left = replace(participant, left=NOW, updated=NOW, status=ParticipantStatus.COMPLETE, version=2)
    call_after = replace(leg, status=CallStatus.COMPLETED, ended=NOW, updated=NOW, version=3, end_write_id=write)
    conference_after = replace(
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
        write, NOW, call=leg, call_after=call_after, conference=read, conference_after=conference_after,
        conference_recordings=read.active_recordings, participant=participant, participant_after=left,
    ))  # fmt: skip
    assert store.get_call(account.id, call.id) == call_after
    assert store.get_membership(account.id, conference.id, call.id) == (conference_after, left)
    found = store.get_recording(recording.parent, recording.id)
    assert found is not None
    assert found.status is RecordingStatus.STOPPED


def test_announcement_needs_a_running_conference(store: Store, account: TestAccount) -> None:
    """An announcement increments only the version; it is idempotent, and rejected in another status."""
    conference = put_conference(store, account)
    with pytest.raises(ParentConflict) as raised:
        store.announce(account.id, conference.id, "https://example.com", "POST", NOW, fresh())
    assert raised.value.found == conference
    running, _, _ = join(store, conference, put_call(store, account))
    write = fresh()
    announced = replace(running, version=running.version + 1, requested_version=running.version + 1, requested_at=NOW)
    assert store.announce(account.id, conference.id, "https://example.com", "POST", NOW, write) == announced
    assert store.announce(account.id, conference.id, "https://example.com", "POST", NOW, write) == announced
    assert store.get_conference(account.id, conference.id) == announced
