"""The contract of `ports.participants.ParticipantStore`, and the operations over it, in each database."""

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
from tapedeck.adapters.dynamodb.resources import ResourceTable
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.environment import current_environment
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.engine_event import EventOutcome, EventRefusal
from tapedeck.domain.errors import (
    ConferenceNotInProgress,
    ConferenceOverForParticipant,
    LabelInUse,
    NotFound,
    StoreBusy,
)
from tapedeck.domain.identity import new_id
from tapedeck.domain.page import PageRequest
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import Parent, ParentKind, RecordingStatus, Source
from tapedeck.operations.calls import Calls, UpdateCall
from tapedeck.operations.conferences import ConferenceName
from tapedeck.operations.participant_list import ParticipantFilter
from tapedeck.operations.participants import AddParticipant, Participants, UpdateParticipant
from tapedeck.ports.conferences import NameTaken
from tapedeck.ports.participants import DialTransaction, LabelTaken, MembershipConflict, ParticipantStore
from tests.conftest import TestAccount
from tests.reporter import EngineReporter, NotTaken, join_conference, open_conference, start_recording
from tests.thoroughness import scaled

pytestmark = [pytest.mark.dynamodb_local, pytest.mark.usefixtures("database")]

NOW: Final = 1_795_250_675
MANY: Final = scaled(deep=250, ci=60, fast=20)
WHOLE_LIST: Final = PageRequest(1000)


@pytest.fixture
def store(account: TestAccount) -> ParticipantStore:
    """The participant store over the database under test."""
    del account  # creates the tables
    found: ParticipantStore = api_bootstrap.get_api_services().participants._store
    return found


def fresh() -> str:
    """A new id."""
    return new_id(NOW * 1000)


@pytest.fixture
def conference(account: TestAccount) -> Conference:
    """A conference without participants."""
    return open_conference(api_bootstrap.get_api_services(), account.id, fresh())


def enter(conference: Conference, number: int = 1, **how: Any) -> list[str]:
    """Let so many calls join a conference; return their ids."""
    service = api_bootstrap.get_api_services()
    calls = [service.calls.register(conference.account, to="", from_="", direction="inbound").id for _ in range(number)]
    for call in calls:
        join_conference(service, conference.account, conference.id, call, **how)
    return calls


def read(conference: Conference) -> Conference:
    """Read a conference."""
    return api_bootstrap.get_api_services().conferences.get(conference.account, conference.id)


def inside(conference: Conference) -> set[str]:
    """Ids of the calls that are in a conference or being dialed into it."""
    found = api_bootstrap.get_api_services().participants.of_conference(
        conference.account, conference.id, ParticipantFilter(), WHOLE_LIST
    )
    return {participant.call for participant in found.items}


def dialing(conference: Conference, *, label: str | None = None, before: Conference | None = None) -> DialTransaction:
    """A transaction that dials a participant into a conference, with all fields that can be stored."""
    call = Call(
        conference.account, fresh(), CallStatus.QUEUED, NOW, "+1", "+2", "outbound-api", conference=conference.id
    )
    participant = Participant(
        call.id, conference.id, NOW, status=ParticipantStatus.QUEUED, version=conference.version, label=label,
        muted=True, coaching=True, call_to_coach=fresh(),
        options={"timeout": 5, "wait_url": "https://a.example/", "beep": "true"}, beep_on_exit=False,
        sequence=3, start_conference_on_enter=False, end_conference_on_exit=True, hold=True,
    )  # fmt: skip
    return DialTransaction(fresh(), call, conference, participant, before)


def dial(store: ParticipantStore, conference: Conference, label: str | None = None) -> Participant:
    """Dial a participant into an existing conference."""
    found = read(conference)
    request = dialing(replace(found, version=found.version + 1), label=label, before=found)
    store.dial(request)
    return request.participant


def test_reads_return_what_was_dialed(store: ParticipantStore, conference: Conference) -> None:
    """A dialed participant is read with all stored fields, together with its conference and call."""
    participant = dial(store, conference, "customer")
    assert store.get_participants(conference.account, conference.id, [participant.call]) == (
        read(conference),
        [participant],
    )
    assert store.list_participants(conference.account, conference.id) == (read(conference), [participant])
    assert store.get_labelled_call(conference.account, conference.id, "customer") == participant.call
    assert api_bootstrap.get_api_services().calls.get(conference.account, participant.call).status is CallStatus.QUEUED


def test_unknown_participants_are_none(store: ParticipantStore, conference: Conference) -> None:
    """Unknown participants, conferences and labels are None; a repeated id has a repeated result."""
    call = fresh()
    assert store.get_participants(conference.account, conference.id, [call, call]) == (conference, [None, None])
    assert store.get_participants(conference.account, fresh(), [call]) == (None, [None])
    assert store.list_participants(conference.account, fresh()) == (None, [])
    assert store.get_labelled_call(conference.account, conference.id, "unknown") is None


def test_dial_needs_an_unchanged_conference(store: ParticipantStore, conference: Conference) -> None:
    """Dialing into a changed conference raises MembershipConflict and stores neither call nor participant."""
    request = dialing(replace(conference, version=2), before=conference)
    enter(conference)
    with pytest.raises(MembershipConflict):
        store.dial(request)
    assert store.get_participants(conference.account, conference.id, [request.call.id])[1] == [None]
    with pytest.raises(NotFound):
        api_bootstrap.get_api_services().calls.get(conference.account, request.call.id)


def test_dial_is_idempotent(store: ParticipantStore, conference: Conference) -> None:
    """A repeated dial with the same call changes nothing."""
    request = dialing(replace(conference, version=2), before=conference)
    store.dial(request)
    store.dial(request)
    assert read(conference).version == 2


def test_label_belongs_to_one_participant(store: ParticipantStore, conference: Conference) -> None:
    """Another participant can take a label over only from its current holder."""
    first = dial(store, conference, "customer")
    found = read(conference)
    second = dialing(replace(found, version=found.version + 1), label="customer", before=found)
    for holder in (None, fresh()):
        with pytest.raises(LabelTaken) as raised:
            store.dial(replace(second, label_from=holder))
        assert raised.value.holder == first.call
    store.dial(replace(second, label_from=first.call))
    assert store.get_labelled_call(conference.account, conference.id, "customer") == second.call.id


def test_a_call_that_joins_takes_a_label(store: ParticipantStore, conference: Conference) -> None:
    """A call joins with a label that was never used, or takes it over from its current holder only."""
    services = api_bootstrap.get_api_services()
    first = dial(store, conference, "customer")
    call = services.calls.register(
        conference.account, to="+1", from_="+2", direction="inbound", status=CallStatus.IN_PROGRESS, call=fresh()
    )
    found = read(conference)
    after = replace(found, version=found.version + 1, participants=1)
    joined = Participant(call.id, conference.id, NOW, version=after.version, label="customer")
    join = services.conferences._store.join_conference
    for holder in (None, fresh()):
        with pytest.raises(LabelTaken) as raised:
            join(found, after, call, joined, holder)
        assert raised.value.holder == first.call
    join(found, after, call, joined, first.call)
    assert store.get_labelled_call(conference.account, conference.id, "customer") == call.id
    assert store.get_participants(conference.account, conference.id, [call.id]) == (after, [joined])


def test_dial_creates_a_conference(store: ParticipantStore, conference: Conference) -> None:
    """A conference is created with its first participant; a used name can only be taken over from its holder."""
    created = Conference(conference.account, fresh(), conference.name, ConferenceStatus.INIT, NOW)
    request = dialing(created)
    for holder in (None, fresh()):
        with pytest.raises(NameTaken) as raised:
            store.dial(replace(request, name_from=holder))
        assert raised.value.holder == conference.id
    store.dial(replace(request, name_from=conference.id))
    store.dial(replace(request, name_from=conference.id))
    assert store.list_participants(created.account, created.id) == (created, [request.participant])
    assert (
        api_bootstrap.get_api_services().conferences.latest_with_name(
            conference.account, ConferenceName(conference.name)
        )
        == created
    )


class LostTransactions(DynamoDBTable):
    """A table that loses the responses to transactions, and whose rejections show only the first item.

    This happens when another transaction is writing the other items at the time of the repetition.
    """

    def transact(self, writes: Sequence[Write]) -> None:
        """Write, then raise a rejection."""
        super().transact(writes)
        raise ConditionFailed([{"version": 0}, *[None] * (len(writes) - 1)], may_have_unacknowledged_copy=True)


@pytest.fixture
def lossy_participants(store: ParticipantStore) -> Participants:
    """The operations over a table with lost responses."""
    service = api_bootstrap.get_api_services()
    database = store._database  # type: ignore[attr-defined]
    table = ParticipantTable(LostTransactions(database._client, database._table, lambda _seconds: None))
    return Participants(table, service.calls, service.conferences, current_environment().clock, lambda *_: "standin")


def test_own_writes_are_recognised_without_their_items(
    lossy_participants: Participants, conference: Conference
) -> None:
    """Updates happen once, although no rejection shows the participant."""
    account = conference.account
    first, second = enter(conference, 2)
    lossy_participants.update(
        account, conference.id, first, UpdateParticipant(muted=True, command_payload={"announcement": {"url": "x"}})
    )
    added = lossy_participants.add(account, conference.id, AddParticipant("+1", "+2", label="customer"))
    engine = reporter(conference)
    engine.ringing(added.call)
    engine.answered(added.call)
    assert read(conference).participants == 3
    lossy_participants.remove(account, conference.id, second)
    found = read(conference)
    # Two join, which starts the conference; one is muted; one joins; one leaves.
    assert (found.participants, found.sequence, inside(conference)) == (2, 6, {first, added.call})
    lossy_participants.remove(account, conference.id, added.call)
    found = read(conference)
    assert (found.participants, found.sequence, inside(conference)) == (1, 7, {first})
    assert api_bootstrap.get_api_services().calls.get(account, added.call).status is CallStatus.COMPLETED


def test_own_redirect_is_recognised_without_its_items(store: ParticipantStore, conference: Conference) -> None:
    """The redirect of a participant happens once, although no rejection shows its token."""
    service = api_bootstrap.get_api_services()
    database = store._database  # type: ignore[attr-defined]
    table = ResourceTable(LostTransactions(database._client, database._table, lambda _seconds: None))
    first, second = enter(conference, 2)
    before = service.calls.get(conference.account, second)
    change = UpdateCall(redirect={"url": "https://app.example.com/", "method": "POST"})
    after = Calls(table, current_environment().clock).update(conference.account, second, change)
    assert service.calls.get(conference.account, second) == after
    assert (after.version, after.requested_version) == (before.version + 1, before.version + 1)
    assert (read(conference).participants, inside(conference)) == (1, {first})


# Events of the media engine.


def add(conference: Conference, label: str | None = None) -> str:
    """Dial a participant; return the call's id."""
    request = AddParticipant("+1", "+2", label=label)
    return api_bootstrap.get_api_services().participants.add(conference.account, conference.id, request).call


def reporter(conference: Conference) -> EngineReporter:
    """Report what the engine does in the account of a conference."""
    return EngineReporter(api_bootstrap.get_api_services(), conference.account, current_environment().clock)


def participant_of(conference: Conference, call: str) -> Participant:
    """Read a participant, which may have left."""
    store = api_bootstrap.get_api_services().participants._store
    _, (participant,) = store.get_participants(conference.account, conference.id, [call])
    assert participant is not None
    return participant


def test_dialed_call_rings_and_is_answered(conference: Conference) -> None:
    """Call and participant change together; the participant counts from its answer on; repetitions are no-ops."""
    services, now = api_bootstrap.get_api_services(), current_environment().clock()
    # The clock stands still, so that the times of start and update can be compared.
    calls, engine = services.calls, EngineReporter(services, conference.account, lambda: now)
    (host,) = enter(conference)
    call = add(conference)
    before = read(conference)
    for _ in range(2):
        engine.ringing(call)
        ringing = participant_of(conference, call)
        assert ringing.status is ParticipantStatus.RINGING
        assert calls.get(conference.account, call).status is CallStatus.RINGING
        assert (read(conference), ringing.version) == (before, before.version + 1)
    for _ in range(2):
        engine.answered(call)
        answered = participant_of(conference, call)
        assert (answered.status, answered.sequence) == (ParticipantStatus.CONNECTED, before.sequence + 1)
        leg, found = calls.get(conference.account, call), read(conference)
        assert (leg.status, leg.started, leg.updated) == (CallStatus.IN_PROGRESS, now // 1000, now // 1000)
        assert (found.status, found.participants) == (ConferenceStatus.IN_PROGRESS, 2)
        assert (found.first_call, found.version, found.sequence) == (host, before.version + 1, before.sequence + 2)
    assert engine.ringing(call).outcome is EventOutcome.STALE
    assert participant_of(conference, call) == answered


def test_first_to_answer_is_the_first_call(conference: Conference) -> None:
    """The first call is the first to answer; the conference starts with the second."""
    engine = reporter(conference)
    first, second = add(conference), add(conference)
    engine.answered(second)
    assert (read(conference).status, read(conference).first_call) == (ConferenceStatus.INIT, second)
    engine.answered(first)
    assert (read(conference).status, read(conference).first_call) == (ConferenceStatus.IN_PROGRESS, second)


@pytest.mark.parametrize("status", [CallStatus.BUSY, CallStatus.FAILED, CallStatus.NO_ANSWER, CallStatus.CANCELED])
@pytest.mark.parametrize("rings", [True, False])
def test_dialed_call_can_fail(conference: Conference, status: CallStatus, *, rings: bool) -> None:
    """Call and participant are final and never counted; a repetition changes nothing, a later event is refused."""
    calls, engine = api_bootstrap.get_api_services().calls, reporter(conference)
    call = add(conference, "customer")
    if rings:
        engine.ringing(call)
    before = read(conference)
    other = CallStatus.BUSY if status is not CallStatus.BUSY else CallStatus.FAILED
    outcomes = [engine.call_ended(call, each).outcome for each in (status, status, other)]
    assert outcomes == [EventOutcome.TAKEN, EventOutcome.REPEATED, EventOutcome.REPEATED]
    assert calls.get(conference.account, call).status is status
    assert (read(conference), inside(conference)) == (before, set())
    assert participant_of(conference, call).status is ParticipantStatus.FAILED
    for late in (engine.ringing, engine.answered):
        assert late(call).code is EventRefusal.WRONG_STATE
    assert calls.get(conference.account, call).status is status


def test_dialed_call_cannot_join_an_ended_conference(conference: Conference) -> None:
    """If the conference ends while a call is being dialed, the call can only fail."""
    service, engine = api_bootstrap.get_api_services(), reporter(conference)
    call, other = add(conference), add(conference)
    service.conferences.end(conference.account, conference.id)
    ended = read(conference)
    engine.answered(call)
    engine.call_ended(other, CallStatus.NO_ANSWER)
    statuses = [service.calls.get(conference.account, each).status for each in (call, other)]
    assert statuses == [CallStatus.CANCELED, CallStatus.NO_ANSWER]
    assert read(conference) == ended


def test_repeated_join_is_counted_once(conference: Conference) -> None:
    """A repeated join changes nothing."""
    (call,) = enter(conference)
    before = read(conference)
    reporter(conference).joined(conference.id, call)
    assert read(conference) == before


@pytest.mark.sized
def test_full_conference_ends_in_one_write(conference: Conference) -> None:
    """A full conference (250 at the deep size) ends without writing its participants; all reads show none inside."""
    service, account = api_bootstrap.get_api_services(), conference.account
    calls = enter(conference, MANY)
    store = service.participants._store
    _, before = store.list_participants(account, conference.id)
    assert inside(conference) == set(calls)
    recording = start_recording(
        service, Parent(account, ParentKind.CONFERENCE, conference.id), source=Source.CONFERENCE, call=calls[0]
    )
    ended = service.conferences.end(account, conference.id)
    assert (ended.status, ended.participants, ended.reason) == (ConferenceStatus.COMPLETED, MANY, EndReason.VIA_API)
    assert service.recordings.get(recording.parent, recording.id).status is RecordingStatus.STOPPED
    assert inside(conference) == set()
    for call in (calls[0], calls[-1]):
        with pytest.raises(NotFound):
            service.participants.get(account, conference.id, call)
        with pytest.raises(NotFound):
            service.participants.remove(account, conference.id, call)
        with pytest.raises(ConferenceOverForParticipant):
            service.participants.update(account, conference.id, call, UpdateParticipant(muted=True))
        service.calls.end(account, call)
    assert store.list_participants(account, conference.id) == (ended, before)


# Any order of events: the store agrees with a small model.


@dataclass
class Model:
    """The expected state of a conference: participants, dialed calls, status and end reason."""

    inside: dict[str, bool]
    """By call: whether its exit ends the conference."""
    dialed: dict[str, bool]
    status: str = "init"
    reason: str | None = None

    def enter(self, call: str, *, ends: bool) -> None:
        """A call joins."""
        self.dialed.pop(call, None)
        self.inside[call] = ends
        if len(self.inside) > 1:
            self.status = "in-progress"

    def leave(self, call: str, *, kicked: bool) -> None:
        """A call leaves."""
        if self.dialed.pop(call, None) is not None or call not in self.inside:
            return
        ends = self.inside.pop(call)
        if ends or not self.inside:
            how = "kicked" if kicked else "left"
            self.end(f"participant-with-end-conference-on-exit-{how}" if ends else f"last-participant-{how}")

    def end(self, reason: str) -> None:
        """The conference ends."""
        self.status, self.reason = "completed", reason
        self.inside, self.dialed = {}, {}


class ModelRun:
    """Runs steps in the store and in the model; the store must reject the steps that the model does not allow."""

    def __init__(self, conference: Conference) -> None:
        self.conference = conference
        self.model = Model({}, {})
        self.calls: list[str] = []
        self._service = api_bootstrap.get_api_services()
        self._engine = reporter(conference)
        self._at = (conference.account, conference.id)

    def enter(self, _call: str, *, ends: bool = False) -> None:
        """A new call joins."""
        call = self._service.calls.register(self.conference.account, to="", from_="", direction="inbound").id

        def join() -> object:
            return join_conference(self._service, *self._at, call, end_on_exit=ends)

        if self._is_over:
            self._assert_rejected(NotTaken, join)
            return
        join()
        self.calls.append(call)
        self.model.enter(call, ends=ends)

    def enter_to_end(self, call: str) -> None:
        """A new call joins whose exit ends the conference."""
        self.enter(call, ends=True)

    def add(self, _call: str) -> None:
        """A participant is dialed."""
        if self._is_over:
            self._assert_rejected(NotFound, lambda: add(self.conference))
            return
        self.calls.append(add(self.conference))
        self.model.dialed[self.calls[-1]] = False

    def ring(self, call: str) -> None:
        """A dialed call rings."""
        self._report(call, self._engine.ringing)

    def answer(self, call: str) -> None:
        """A dialed call is answered; a repetition changes nothing."""
        if call in self.model.inside and self._is_answered(call):
            before = read(self.conference)
            self._engine.answered(call)
            assert read(self.conference) == before
        elif self._report(call, self._engine.answered):
            self.model.enter(call, ends=False)

    def fail(self, call: str) -> None:
        """A dialed call is not answered."""
        if call in self.model.dialed:
            self._engine.call_ended(call, CallStatus.NO_ANSWER)
            self.model.leave(call, kicked=False)

    def hang_up(self, call: str) -> None:
        """A call ends, inside the conference or not."""
        if self.calls and self._service.calls.get(self.conference.account, call).is_live:
            self._service.calls.end(self.conference.account, call)
            self.model.leave(call, kicked=False)

    def remove(self, call: str) -> None:
        """A participant is removed."""
        if call not in {*self.model.inside, *self.model.dialed}:
            self._assert_rejected(NotFound, lambda: self._service.participants.remove(*self._at, call))
            return
        self._service.participants.remove(*self._at, call)
        self.model.leave(call, kicked=True)

    def mute(self, call: str) -> None:
        """A participant is muted."""
        change = UpdateParticipant(muted=True)
        if call not in {*self.model.inside, *self.model.dialed}:
            self._assert_rejected(
                (NotFound, ConferenceOverForParticipant),
                lambda: self._service.participants.update(*self._at, call, change),
            )
            return
        assert self._service.participants.update(*self._at, call, change).muted

    def end(self, _call: str) -> None:
        """The conference is ended by the API."""
        if self._is_over:
            self._assert_rejected(ConferenceNotInProgress, lambda: self._service.conferences.end(*self._at))
            return
        self._service.conferences.end(*self._at)
        self.model.end("conference-ended-via-api")

    @property
    def _is_over(self) -> bool:
        return self.model.status == "completed"

    def _is_answered(self, call: str) -> bool:
        return self._service.calls.get(self.conference.account, call).status is CallStatus.IN_PROGRESS

    def _report(self, call: str, report: Callable[[str], object]) -> bool:
        """Report that a call rings or was answered; that changes no conference into which it is not being dialed."""
        before = read(self.conference)
        report(call)
        if call not in self.model.dialed:
            assert read(self.conference) == before
            return False
        return True

    def _assert_rejected(self, errors: Any, act: Callable[[], object]) -> None:
        before = read(self.conference)
        with pytest.raises(errors):
            act()
        assert read(self.conference) == before


STEPS: Final = (
    ModelRun.enter,
    ModelRun.enter_to_end,
    ModelRun.add,
    ModelRun.ring,
    ModelRun.answer,
    ModelRun.fail,
    ModelRun.hang_up,
    ModelRun.remove,
    ModelRun.mute,
    ModelRun.end,
)


@pytest.mark.sized
@settings(
    max_examples=scaled(deep=80, ci=20, fast=6),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 5)), max_size=14))
def test_any_order_agrees_with_the_model(account: TestAccount, steps: list[tuple[Any, int]]) -> None:
    """After any sequence of steps, participants, count, status and reason agree with the model."""
    run = ModelRun(open_conference(api_bootstrap.get_api_services(), account.id, fresh()))
    before = read(run.conference)
    for step, which in steps:
        step(run, run.calls[which % len(run.calls)] if run.calls else fresh())
        after, model = read(run.conference), run.model
        assert (str(after.status), after.reason) == (model.status, model.reason)
        assert inside(run.conference) == {*model.inside, *model.dialed}
        if after.status is not ConferenceStatus.COMPLETED:
            assert after.participants == len(model.inside)
        assert (after.version, after.sequence) >= (before.version, before.sequence)
        before = after


def test_concurrent_participants_leave_a_consistent_conference(database: str, account: TestAccount) -> None:
    """After concurrent dials, answers, mutes, removals and hang-ups the count equals the connected participants."""
    del database  # selects the database
    service = api_bootstrap.get_api_services()
    name = ConferenceName(fresh())

    def insist(act: Callable[..., Any], *arguments: object) -> Any:
        """Retry on StoreBusy, which guarantees that nothing was written."""
        for _ in range(10):
            with suppress(StoreBusy):
                return act(*arguments)
        raise StoreBusy

    def live(number: int) -> None:
        request = AddParticipant("+1", "+2", label=str(number % 12))
        with suppress(LabelInUse, NotFound, ConferenceOverForParticipant):
            call = insist(service.participants.add, account.id, name, request).call
            conference = service.calls.get(account.id, call).conference or ""
            insist(EngineReporter(service, account.id, current_environment().clock).answered, call)
            insist(service.participants.update, account.id, conference, call, UpdateParticipant(muted=True))
            if number % 3 == 0:
                insist(service.participants.remove, account.id, conference, call)
            elif number % 3 == 1:
                insist(service.calls.end, account.id, call)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(live, range(24)))
    conference = service.conferences.latest_with_name(account.id, name)
    assert conference is not None
    found = service.participants.of_conference(account.id, conference.id, ParticipantFilter(), WHOLE_LIST)
    if conference.is_live:
        connected = [each for each in found.items if each.is_connected]
        assert conference.participants == len(connected)
        labels = [each.label for each in found.items]
        assert len(labels) == len(set(labels))
    else:
        assert list(found.items) == []
