"""What every store must do for participants, and what follows: in each database."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tapedeck.adapters.dynamodb.client import ConditionFailed, DynamoDBTable, Write
from tapedeck.adapters.dynamodb.participants import ParticipantTable
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.environment import current_environment
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.errors import (
    CallAnswered,
    CallHasEnded,
    ConferenceNotInProgress,
    ConferenceOverForParticipant,
    InvalidState,
    LabelInUse,
    NotFound,
    StoreBusy,
)
from tapedeck.domain.identity import new_id
from tapedeck.domain.page import PageRequest
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import Parent, ParentKind, RecordingStatus, Source
from tapedeck.operations.conferences import ConferenceName
from tapedeck.operations.participants import AddParticipant, ParticipantFilter, Participants, UpdateParticipant
from tapedeck.ports.stores import DialTransaction, LabelTaken, MembershipConflict, NameTaken, ParticipantStore
from tests.conftest import TestAccount
from tests.thoroughness import scaled

pytestmark = [pytest.mark.dynamodb_local, pytest.mark.usefixtures("database")]

NOW: Final = 1_795_250_675
MANY: Final = scaled(250, 60)
EVERYBODY: Final = PageRequest(1000)


@pytest.fixture
def store(account: TestAccount) -> ParticipantStore:
    """The adapter over this run's database."""
    del account  # the tables are there by now
    found: ParticipantStore = api_bootstrap.get_api_services().participants._store
    return found


def fresh() -> str:
    """An id that nobody has."""
    return new_id(NOW * 1000)


@pytest.fixture
def room(account: TestAccount) -> Conference:
    """A conference that nobody has entered."""
    return api_bootstrap.get_api_services().conferences.register(account.id, fresh())


def enter(room: Conference, number: int = 1, **how: Any) -> list[str]:
    """So many calls enter a conference; their ids."""
    service = api_bootstrap.get_api_services()
    calls = [service.calls.register(room.account, to="", from_="", direction="inbound").id for _ in range(number)]
    for call in calls:
        service.conferences.join(room.account, room.id, call, **how)
    return calls


def read(room: Conference) -> Conference:
    """The conference as it stands."""
    return api_bootstrap.get_api_services().conferences.get(room.account, room.id)


def inside(room: Conference) -> set[str]:
    """The calls that are in a conference, or on their way there."""
    found = api_bootstrap.get_api_services().participants.of_conference(
        room.account, room.id, ParticipantFilter(), EVERYBODY
    )
    return {participant.call for participant in found.items}


def dialing(room: Conference, *, label: str | None = None, before: Conference | None = None) -> DialTransaction:
    """Somebody who is to be dialed into this conference, with everything that can be kept of it."""
    call = Call(room.account, fresh(), CallStatus.QUEUED, NOW, "+1", "+2", "outbound-api", conference=room.id)
    participant = Participant(
        call.id, room.id, NOW, status=ParticipantStatus.QUEUED, version=room.version, label=label, muted=True,
        coaching=True, call_to_coach=fresh(), options={"timeout": 5, "wait_url": "https://a.example/", "beep": "true"},
        beep_on_exit=False, sequence=3, start_conference_on_enter=False, end_conference_on_exit=True, hold=True,
    )  # fmt: skip
    return DialTransaction(fresh(), call, room, participant, before)


def dial(store: ParticipantStore, room: Conference, label: str | None = None) -> Participant:
    """Somebody is dialed into a conference that is there."""
    found = read(room)
    asked = dialing(replace(found, version=found.version + 1), label=label, before=found)
    store.dial(asked)
    return asked.participant


def test_what_was_dialed_is_what_is_read(store: ParticipantStore, room: Conference) -> None:
    """A participant comes back as it went in, field by field, beside its conference; its call likewise."""
    participant = dial(store, room, "customer")
    assert store.get_participants(room.account, room.id, [participant.call]) == (read(room), [participant])
    assert store.list_participants(room.account, room.id) == (read(room), [participant])
    assert store.get_labelled_call(room.account, room.id, "customer") == participant.call
    assert api_bootstrap.get_api_services().calls.get(room.account, participant.call).status is CallStatus.QUEUED


def test_what_is_not_there_is_none(store: ParticipantStore, room: Conference) -> None:
    """Nobody is nobody, in a conference and in none; a call that is asked for twice is found twice."""
    call = fresh()
    assert store.get_participants(room.account, room.id, [call, call]) == (room, [None, None])
    assert store.get_participants(room.account, fresh(), [call]) == (None, [None])
    assert store.list_participants(room.account, fresh()) == (None, [])
    assert store.get_labelled_call(room.account, room.id, "nobody") is None


def test_a_dialing_needs_what_was_read(store: ParticipantStore, room: Conference) -> None:
    """A conference that has changed refuses, and neither call nor participant appears."""
    asked = dialing(replace(room, version=2), before=room)
    enter(room)
    with pytest.raises(MembershipConflict):
        store.dial(asked)
    assert store.get_participants(room.account, room.id, [asked.call.id])[1] == [None]
    with pytest.raises(NotFound):
        api_bootstrap.get_api_services().calls.get(room.account, asked.call.id)


def test_a_repeated_dialing_is_one(store: ParticipantStore, room: Conference) -> None:
    """Its call is there already: it has happened, and happens no second time."""
    asked = dialing(replace(room, version=2), before=room)
    store.dial(asked)
    store.dial(asked)
    assert read(room).version == 2


def test_a_label_belongs_to_one(store: ParticipantStore, room: Conference) -> None:
    """Another one must take it over from the very call that had it."""
    first = dial(store, room, "customer")
    found = read(room)
    second = dialing(replace(found, version=found.version + 1), label="customer", before=found)
    for holder in (None, fresh()):
        with pytest.raises(LabelTaken) as taken:
            store.dial(replace(second, label_from=holder))
        assert taken.value.holder == first.call
    store.dial(replace(second, label_from=first.call))
    assert store.get_labelled_call(room.account, room.id, "customer") == second.call.id


def test_a_conference_and_its_first_participant_come_together(store: ParticipantStore, room: Conference) -> None:
    """Under a name of its own, or taken over from the very conference that had it."""
    made = Conference(room.account, fresh(), room.name, ConferenceStatus.INIT, NOW)
    asked = dialing(made)
    for holder in (None, fresh()):
        with pytest.raises(NameTaken) as taken:
            store.dial(replace(asked, name_from=holder))
        assert taken.value.holder == room.id
    store.dial(replace(asked, name_from=room.id))
    store.dial(replace(asked, name_from=room.id))
    assert store.list_participants(made.account, made.id) == (made, [asked.participant])
    assert (
        api_bootstrap.get_api_services().conferences.latest_with_name(room.account, ConferenceName(room.name)) == made
    )


class Torn(DynamoDBTable):
    """A database whose answers to transactions are lost, and whose refusals show nothing but the first item.

    So it is where another transaction holds the others at the moment of the repetition.
    """

    def transact(self, writes: Sequence[Write]) -> None:
        """Do it, and refuse it."""
        super().transact(writes)
        raise ConditionFailed([{"version": 0}, *[None] * (len(writes) - 1)], was_repeated=True)


@pytest.fixture
def torn(store: ParticipantStore) -> Participants:
    """The operations over such a database."""
    service = api_bootstrap.get_api_services()
    database = store._database  # type: ignore[attr-defined]
    table = ParticipantTable(Torn(database._client, database._table, lambda _seconds: None))
    return Participants(table, service.calls, service.conferences, current_environment().clock)


def test_own_writes_are_recognised_whatever_the_refusal_shows(torn: Participants, room: Conference) -> None:
    """Muting, adding, ringing, answering and removing happen once, though no refusal shows the participant."""
    account = room.account
    first, second = enter(room, 2)
    torn.update(account, room.id, first, UpdateParticipant(muted=True, commands={"announcement": {"url": "x"}}))
    added = torn.add(account, room.id, AddParticipant("+1", "+2", label="customer"))
    torn.ring(account, room.id, added.call)
    torn.answer(account, room.id, added.call)
    assert read(room).participants == 3
    torn.remove(account, room.id, second)
    found = read(room)
    # Two have entered, which begins it; one is muted; one enters; one leaves.
    assert (found.participants, found.sequence, inside(room)) == (2, 6, {first, added.call})


# What media engines tell.


def add(room: Conference, label: str | None = None) -> str:
    """Somebody is dialed; the call's id."""
    asked = AddParticipant("+1", "+2", label=label)
    return api_bootstrap.get_api_services().participants.add(room.account, room.id, asked).call


def test_a_dialed_call_rings_and_is_answered(room: Conference) -> None:
    """Call and participant come along together; it counts from its answer on, and repetitions change nothing."""
    participants, calls = api_bootstrap.get_api_services().participants, api_bootstrap.get_api_services().calls
    (host,) = enter(room)
    call = add(room)
    before = read(room)
    for _ in range(2):
        ringing = participants.ring(room.account, room.id, call)
        assert ringing.status is ParticipantStatus.RINGING
        assert calls.get(room.account, call).status is CallStatus.RINGING
        assert (read(room), ringing.version) == (before, before.version + 1)
    for _ in range(2):
        answered = participants.answer(room.account, room.id, call)
        assert (answered.status, answered.sequence) == (ParticipantStatus.CONNECTED, before.sequence + 1)
        leg, found = calls.get(room.account, call), read(room)
        assert (leg.status, leg.started) == (CallStatus.IN_PROGRESS, leg.updated)
        assert (found.status, found.participants) == (ConferenceStatus.IN_PROGRESS, 2)
        assert (found.first_call, found.version, found.sequence) == (host, before.version + 1, before.sequence + 2)
    with pytest.raises(CallAnswered):
        participants.ring(room.account, room.id, call)
    with pytest.raises(CallAnswered):
        participants.fail(room.account, room.id, call, CallStatus.BUSY)


def test_the_first_to_answer_is_the_first_call(room: Conference) -> None:
    """A conference waits for its second participant, whoever was dialed first."""
    participants = api_bootstrap.get_api_services().participants
    first, second = add(room), add(room)
    participants.answer(room.account, room.id, second)
    assert (read(room).status, read(room).first_call) == (ConferenceStatus.INIT, second)
    participants.answer(room.account, room.id, first)
    assert (read(room).status, read(room).first_call) == (ConferenceStatus.IN_PROGRESS, second)


@pytest.mark.parametrize("status", [CallStatus.BUSY, CallStatus.FAILED, CallStatus.NO_ANSWER, CallStatus.CANCELED])
@pytest.mark.parametrize("rings", [True, False])
def test_a_dialed_call_may_fail(room: Conference, status: CallStatus, *, rings: bool) -> None:
    """The call is final, the participant has failed and was never counted; a repetition changes nothing."""
    service = api_bootstrap.get_api_services()
    call = add(room, "customer")
    if rings:
        service.participants.ring(room.account, room.id, call)
    before = read(room)
    for _ in range(2):
        assert service.participants.fail(room.account, room.id, call, status).status is status
    assert (read(room), inside(room)) == (before, set())
    _, (participant,) = service.participants._store.get_participants(room.account, room.id, [call])
    assert participant is not None
    assert participant.status is ParticipantStatus.FAILED
    other = CallStatus.BUSY if status is not CallStatus.BUSY else CallStatus.FAILED
    with pytest.raises(CallHasEnded):
        service.participants.fail(room.account, room.id, call, other)
    for late in (service.participants.ring, service.participants.answer):
        with pytest.raises((NotFound, CallHasEnded)):
            late(room.account, room.id, call)


def test_nobody_enters_what_has_ended(room: Conference) -> None:
    """A conference that ends around somebody who is being dialed leaves the call to itself."""
    service = api_bootstrap.get_api_services()
    call = add(room)
    service.conferences.end(room.account, room.id)
    for late in (service.participants.ring, service.participants.answer):
        with pytest.raises(ConferenceOverForParticipant):
            late(room.account, room.id, call)
    ended = read(room)
    assert service.participants.fail(room.account, room.id, call, CallStatus.NO_ANSWER).status is CallStatus.NO_ANSWER
    assert read(room) == ended


def test_strangers_are_not_found(room: Conference) -> None:
    """What a media engine says of a call that was never dialed into this conference is refused."""
    participants = api_bootstrap.get_api_services().participants
    call = api_bootstrap.get_api_services().calls.register(room.account, to="", from_="", direction="inbound").id
    for said in (
        lambda: participants.ring(room.account, room.id, call),
        lambda: participants.answer(room.account, room.id, call),
        lambda: participants.fail(room.account, room.id, call, CallStatus.BUSY),
    ):
        with pytest.raises(NotFound):
            said()


def test_a_call_that_enters_twice_is_counted_once(room: Conference) -> None:
    """An entrance that is told again changes nothing."""
    (call,) = enter(room)
    before = read(room)
    assert api_bootstrap.get_api_services().conferences.join(room.account, room.id, call) == before
    assert read(room) == before


def test_all_end_in_one_write(room: Conference) -> None:
    """A full conference (250 in CI) ends at once: nobody is in it, however one asks, and nobody was written of."""
    service, account = api_bootstrap.get_api_services(), room.account
    calls = enter(room, MANY)
    store = service.participants._store
    _, before = store.list_participants(account, room.id)
    assert inside(room) == set(calls)
    recording = service.recordings.register_started(
        Parent(account, ParentKind.CONFERENCE, room.id), source=Source.CONFERENCE, call=calls[0]
    )
    ended = service.conferences.end(account, room.id)
    assert (ended.status, ended.participants, ended.reason) == (ConferenceStatus.COMPLETED, MANY, EndReason.VIA_API)
    assert service.recordings.get(recording.parent, recording.id).status is RecordingStatus.STOPPED
    assert inside(room) == set()
    for call in (calls[0], calls[-1]):
        with pytest.raises(NotFound):
            service.participants.get(account, room.id, call)
        with pytest.raises(NotFound):
            service.participants.remove(account, room.id, call)
        with pytest.raises(ConferenceOverForParticipant):
            service.participants.update(account, room.id, call, UpdateParticipant(muted=True))
        service.calls.end(account, call)
    assert store.list_participants(account, room.id) == (ended, before)


# Order: whatever happens in whatever order, the store agrees with a small model.


@dataclass
class Model:
    """What a conference should be: who is in, who is being dialed, whether it has begun or ended, and why."""

    inside: dict[str, bool]
    """By call: whether it ends the conference on exit."""
    dialed: dict[str, bool]
    status: str = "init"
    reason: str | None = None

    def enter(self, call: str, *, ends: bool) -> None:
        """Somebody is in."""
        self.dialed.pop(call, None)
        self.inside[call] = ends
        if len(self.inside) > 1:
            self.status = "in-progress"

    def leave(self, call: str, *, kicked: bool) -> None:
        """Somebody is out."""
        if self.dialed.pop(call, None) is not None or call not in self.inside:
            return
        ends = self.inside.pop(call)
        if ends or not self.inside:
            how = "kicked" if kicked else "left"
            self.end(f"participant-with-end-conference-on-exit-{how}" if ends else f"last-participant-{how}")

    def end(self, reason: str) -> None:
        """It is over."""
        self.status, self.reason = "completed", reason
        self.inside, self.dialed = {}, {}


class Play:
    """What happens to a conference, in the store and in the model; what cannot happen must be refused by the store."""

    def __init__(self, room: Conference) -> None:
        self.room = room
        self.model = Model({}, {})
        self.calls: list[str] = []
        self._service = api_bootstrap.get_api_services()
        self._at = (room.account, room.id)

    def enter(self, _call: str, *, ends: bool = False) -> None:
        """A further call enters."""
        call = self._service.calls.register(self.room.account, to="", from_="", direction="inbound").id

        def join() -> object:
            return self._service.conferences.join(*self._at, call, end_on_exit=ends)

        if self._is_over:
            self._refuse(ConferenceNotInProgress, join)
            return
        join()
        self.calls.append(call)
        self.model.enter(call, ends=ends)

    def enter_to_end(self, call: str) -> None:
        """A further call enters, with which the conference ends."""
        self.enter(call, ends=True)

    def add(self, _call: str) -> None:
        """Somebody is dialed."""
        if self._is_over:
            self._refuse(NotFound, lambda: add(self.room))
            return
        self.calls.append(add(self.room))
        self.model.dialed[self.calls[-1]] = False

    def ring(self, call: str) -> None:
        """A telephone rings."""
        self._tell(call, lambda: self._service.participants.ring(*self._at, call))

    def answer(self, call: str) -> None:
        """Somebody answers; a repetition changes nothing."""
        if call in self.model.inside and self._is_answered(call):
            before = read(self.room)
            self._service.participants.answer(*self._at, call)
            assert read(self.room) == before
        elif self._tell(call, lambda: self._service.participants.answer(*self._at, call)):
            self.model.enter(call, ends=False)

    def fail(self, call: str) -> None:
        """Somebody is not reached."""
        if call in self.model.dialed:
            self._service.participants.fail(*self._at, call, CallStatus.NO_ANSWER)
            self.model.leave(call, kicked=False)

    def hang_up(self, call: str) -> None:
        """A call ends, wherever it is."""
        if self.calls and self._service.calls.get(self.room.account, call).is_live:
            self._service.calls.end(self.room.account, call)
            self.model.leave(call, kicked=False)

    def remove(self, call: str) -> None:
        """Somebody is removed."""
        if call not in {*self.model.inside, *self.model.dialed}:
            self._refuse(NotFound, lambda: self._service.participants.remove(*self._at, call))
            return
        self._service.participants.remove(*self._at, call)
        self.model.leave(call, kicked=True)

    def mute(self, call: str) -> None:
        """Somebody is muted."""
        change = UpdateParticipant(muted=True)
        if call not in {*self.model.inside, *self.model.dialed}:
            self._refuse(
                (NotFound, ConferenceOverForParticipant),
                lambda: self._service.participants.update(*self._at, call, change),
            )
            return
        assert self._service.participants.update(*self._at, call, change).muted

    def end(self, _call: str) -> None:
        """The conference is ended."""
        if self._is_over:
            self._refuse(ConferenceNotInProgress, lambda: self._service.conferences.end(*self._at))
            return
        self._service.conferences.end(*self._at)
        self.model.end("conference-ended-via-api")

    @property
    def _is_over(self) -> bool:
        return self.model.status == "completed"

    def _is_answered(self, call: str) -> bool:
        return self._service.calls.get(self.room.account, call).status is CallStatus.IN_PROGRESS

    def _tell(self, call: str, act: Callable[[], object]) -> bool:
        if call not in self.model.dialed:
            self._refuse((NotFound, ConferenceOverForParticipant, InvalidState), act)
            return False
        act()
        return True

    def _refuse(self, errors: Any, act: Callable[[], object]) -> None:
        before = read(self.room)
        with pytest.raises(errors):
            act()
        assert read(self.room) == before


STEPS: Final = (
    Play.enter, Play.enter_to_end, Play.add, Play.ring, Play.answer, Play.fail, Play.hang_up, Play.remove, Play.mute,
    Play.end,
)  # fmt: skip


@settings(max_examples=scaled(80, 12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 5)), max_size=14))
def test_any_order_is_as_the_model_says(account: TestAccount, steps: list[tuple[Any, int]]) -> None:
    """Entering, being dialed, leaving, being removed and ending, in any order: count, members and state agree."""
    play = Play(api_bootstrap.get_api_services().conferences.register(account.id, fresh()))
    before = read(play.room)
    for step, which in steps:
        step(play, play.calls[which % len(play.calls)] if play.calls else fresh())
        after, model = read(play.room), play.model
        assert (str(after.status), after.reason) == (model.status, model.reason)
        assert inside(play.room) == {*model.inside, *model.dialed}
        if after.status is not ConferenceStatus.COMPLETED:
            assert after.participants == len(model.inside)
        assert (after.version, after.sequence) >= (before.version, before.sequence)
        before = after


def test_racing_participants_leave_a_consistent_conference(database: str, account: TestAccount) -> None:
    """Eight at a time enter, are dialed, muted, removed and hang up: the count is of those who are in."""
    if database == "moto":
        pytest.skip("moto loses writes in races (rule R1)")
    service = api_bootstrap.get_api_services()
    name = ConferenceName(fresh())

    def insist(act: Callable[..., Any], *arguments: object) -> Any:
        """A refusal for contention may be repeated: nothing was written."""
        for _ in range(10):
            with suppress(StoreBusy):
                return act(*arguments)
        raise StoreBusy

    def live(number: int) -> None:
        asked = AddParticipant("+1", "+2", label=str(number % 12))
        with suppress(LabelInUse, NotFound, ConferenceOverForParticipant):
            call = insist(service.participants.add, account.id, name, asked).call
            conference = service.calls.get(account.id, call).conference or ""
            insist(service.participants.answer, account.id, conference, call)
            insist(service.participants.update, account.id, conference, call, UpdateParticipant(muted=True))
            if number % 3 == 0:
                insist(service.participants.remove, account.id, conference, call)
            elif number % 3 == 1:
                insist(service.calls.end, account.id, call)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(live, range(24)))
    held = service.conferences.latest_with_name(account.id, name)
    assert held is not None
    found = service.participants.of_conference(account.id, held.id, ParticipantFilter(), EVERYBODY)
    if held.is_live:
        connected = [each for each in found.items if each.is_connected]
        assert held.participants == len(connected)
        labels = [each.label for each in found.items]
        assert len(labels) == len(set(labels))
    else:
        assert list(found.items) == []
