"""Clients that race for a conference or for a callback, on a table in memory or on DynamoDB Local."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

from tapedeck.adapters.clock import system_clock
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.deliveries import DeliveryTable
from tapedeck.adapters.dynamodb.participants import ParticipantTable
from tapedeck.adapters.dynamodb.resources import ResourceTable
from tapedeck.domain.conference import Conference
from tapedeck.domain.delivery import CallbackDelivery, DeliveryAttempt, DeliveryState
from tapedeck.domain.errors import (
    CallHasEnded,
    ConferenceNotInProgress,
    ConferenceOverForParticipant,
    LabelInUse,
    NotFound,
)
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Parent, ParentKind
from tapedeck.operations.calls import Calls
from tapedeck.operations.conferences import ConferenceName, Conferences
from tapedeck.operations.participants import AddParticipant, Participants, UpdateParticipant
from tapedeck.operations.recordings import Recordings
from tests.functions.databases import Memory, make_client_without_moto
from tests.linearizability import claim_model
from tests.linearizability.claim_model import CALLBACK
from tests.linearizability.clients import Fault, FaultyConnection, Journal
from tests.linearizability.conference_model import AUDIBLE, ENDED, IN_PROGRESS, LIVE, MUTED, Act, Member, Room, Rooms
from tests.linearizability.model import NOT_FOUND, REJECTED, UNKNOWN, Outcome, Verdict, ok
from tests.linearizability.turns import Turns
from tests.reporter import join_conference, open_conference

ACCOUNT: Final = "a" * 32
CLIENTS: Final = 4
REQUESTS: Final = 4
LOST_TO_CLIENT: Final = 0.08
"""Probability that a client does not get the answer of the service."""

Rates = Mapping[Fault, float]
Run = Callable[[Sequence[Callable[[], object]]], object]
"""Runs actions at the same time."""

WEIGHTS: Final = {
    Act.DIAL: 5, Act.MUTE: 3, Act.UNMUTE: 3, Act.REMOVE: 4, Act.END: 1, Act.HANG_UP: 2, Act.READ_PARTICIPANT: 3,
    Act.READ_CONFERENCE: 2, Act.READ_CALL: 2, Act.LIST: 3,
}  # fmt: skip

EXPECTED: Final = {
    NotFound: NOT_FOUND,
    ConferenceOverForParticipant: REJECTED,
    ConferenceNotInProgress: REJECTED,
    CallHasEnded: REJECTED,
    LabelInUse: REJECTED,
}


@dataclass(frozen=True)
class Place:
    """Where clients race: a table, and what runs them at the same time.

    `answer` answers their requests; None sends them to DynamoDB Local.
    """

    table: str
    run: Run
    answer: Callable[[Any], Any] | None = None

    def connect(self, random_source: random.Random, rates: Rates) -> tuple[DynamoDBTable, FaultyConnection]:
        """Open the table over a connection of its own."""
        connection = FaultyConnection(random_source, dict(rates), self.answer)
        client = make_client_without_moto()
        client.meta.events.register_first("before-send.dynamodb", connection.send)
        return DynamoDBTable(client, self.table, time.sleep if self.answer is None else _no_sleep), connection


def _no_sleep(_seconds: float) -> None:
    """Do not wait: others take their turns."""


@contextmanager
def place_in_memory(seed: int, table: str) -> Iterator[Place]:
    """Yield a table in memory, whose clients take turns in an order that the seed chooses."""
    turns, memory = Turns(random.Random(seed)), Memory()  # noqa: S311 - not for cryptography

    def answer(request: Any) -> Any:
        turns.pass_on()
        return memory.answer(request)

    # botocore waits between its attempts.
    with patch("botocore.endpoint.time", SimpleNamespace(sleep=_no_sleep, time=time.time)):
        yield Place(table, turns.run, answer)


class ConferenceClient:
    """One client of conferences with a connection of its own."""

    def __init__(self, place: Place, number: int, rates: Rates, seed: str) -> None:
        self.number = number
        self.random_source = random.Random(seed)  # noqa: S311 - not for cryptography
        database, self.connection = place.connect(self.random_source, rates)
        store = ResourceTable(database)
        self.store = ParticipantTable(database)
        self.calls, self.conferences = Calls(store, system_clock), Conferences(store, system_clock)
        self.recordings = Recordings(store, system_clock)
        self.media: Any = None  # no recording is finished
        self.participants = Participants(
            self.store, self.calls, self.conferences, system_clock, lambda _account, _needed: "standin"
        )

    def race(self, journal: Journal, known: "Known") -> None:
        """Run random requests."""
        for act in self.random_source.choices(list(WEIGHTS), list(WEIGHTS.values()), k=REQUESTS):
            self.do(journal, act, known.choose(act, self.random_source), known)

    def do(self, journal: Journal, act: Act, argument: str, known: "Known", *, is_audit: bool = False) -> None:
        """Run one request, and note the ids in its answer."""

        def answer() -> Outcome:
            try:
                outcome = self._answer(act, argument, known.name)
            except tuple(EXPECTED) as error:
                return EXPECTED[type(error)]
            if act is Act.DIAL and outcome.recording is not None and outcome.status is not None:
                known.participants.append(f"{outcome.status}/{outcome.recording}")
            return outcome

        loses = not is_audit and self.random_source.random() < LOST_TO_CLIENT
        journal.note(self.number, act, argument, answer, loses=loses)

    def _answer(self, act: Act, argument: str, name: str) -> Outcome:
        match act:
            case Act.DIAL:
                wanted = AddParticipant("+15550100", "+15550101", label=argument or None)
                made = self.participants.add(ACCOUNT, ConferenceName(name), wanted)
                return Outcome(Verdict.CREATED, made.call, made.conference)
            case Act.HANG_UP | Act.READ_CALL:
                found = (self.calls.end if act is Act.HANG_UP else self.calls.get)(ACCOUNT, argument)
                return ok(argument, LIVE if found.is_live else ENDED)
            case Act.END | Act.READ_CONFERENCE | Act.LIST:
                return ok(argument, self._status_of(act, argument))
            case _:
                conference, call = argument.split("/")
                return ok(call, self._state_of(act, conference, call))

    def _status_of(self, act: Act, conference: str) -> str:
        if act is Act.END:
            return self.conferences.end(ACCOUNT, conference).status
        if act is Act.READ_CONFERENCE:
            seen = self.conferences.get(ACCOUNT, conference)
            return f"{seen.status} {seen.participants}"
        room, everyone = self.store.list_participants(ACCOUNT, conference)
        if room is None:
            raise NotFound
        return " ".join(sorted(each.call for each in everyone if room.is_live and each.is_inside))

    def _state_of(self, act: Act, conference: str, call: str) -> str:
        if act is Act.REMOVE:
            self.participants.remove(ACCOUNT, conference, call)
            return ENDED
        if act is Act.READ_PARTICIPANT:
            found = self.participants.get(ACCOUNT, conference, call)
        else:
            change = UpdateParticipant(muted=act is Act.MUTE)
            found = self.participants.update(ACCOUNT, conference, call, change)
        return MUTED if found.muted else AUDIBLE


@dataclass
class Known:
    """What the clients know: the name, and `conference/call` of every participant in an answer."""

    name: str
    participants: list[str] = field(default_factory=list)

    def choose(self, act: Act, random_source: random.Random) -> str:
        """Choose the argument of a request."""
        if act is Act.DIAL:
            return random_source.choice(("", "agent"))
        conference, call = random_source.choice(self.participants[-4:]).split("/")
        if act in {Act.END, Act.READ_CONFERENCE, Act.LIST}:
            return conference
        return call if act in {Act.HANG_UP, Act.READ_CALL} else f"{conference}/{call}"


class ConferenceRace:
    """Clients that race for the conferences of one name after the other."""

    def __init__(self, place: Place, rates: Rates, seed: str) -> None:
        self._place = place
        self._names = (f"{seed} {number}" for number in count())
        self.clients = [ConferenceClient(place, each, rates, f"{seed} {each}") for each in range(1, CLIENTS + 1)]
        self.auditor = ConferenceClient(place, 0, {}, seed)

    def run(self) -> tuple[Journal, Rooms]:
        """Run one history; return it with the state in which it began: two connected participants."""
        known = Known(next(self._names))
        conference = open_conference(self.auditor, ACCOUNT, known.name)
        calls = [self.auditor.calls.register(ACCOUNT, to="", from_="", direction="inbound").id for _ in range(2)]
        ends = self.auditor.random_source.random() < 1 / 4
        for call, ends_it in zip(calls, (ends, False), strict=True):
            conference = join_conference(self.auditor, ACCOUNT, conference.id, call, end_on_exit=ends_it)
        known.participants += [f"{conference.id}/{call}" for call in calls]
        journal = Journal(Parent(ACCOUNT, ParentKind.CONFERENCE, conference.id))
        self._place.run([partial(client.race, journal, known) for client in self.clients])
        self.auditor.do(journal, Act.DIAL, "", known, is_audit=True)
        self._audit(journal, known)
        return journal, _beginning(conference, calls, ends=ends)

    def _audit(self, journal: Journal, known: Known) -> None:
        """Read everything that the clients know."""
        for conference in dict.fromkeys(each.split("/")[0] for each in known.participants):
            for act in (Act.READ_CONFERENCE, Act.LIST):
                self.auditor.do(journal, act, conference, known, is_audit=True)
        for participant in list(known.participants):
            self.auditor.do(journal, Act.READ_PARTICIPANT, participant, known, is_audit=True)
            self.auditor.do(journal, Act.READ_CALL, participant.split("/")[1], known, is_audit=True)


def _beginning(conference: Conference, calls: list[str], *, ends: bool) -> Rooms:
    members = {
        Member(conference.id, call, is_connected=True, ends_conference=ends_it)
        for call, ends_it in zip(calls, (ends, False), strict=True)
    }
    room = Room(conference.id, IN_PROGRESS, 2)
    return Rooms(frozenset({room}), frozenset(members), frozenset((call, LIVE) for call in calls))


LEASE_MS: Final = 60_000
ROUNDS: Final = 4
STALLS: Final = 0.3
"""Probability that a sender notes its result only in the next round, when its claim has ended."""


class Sender:
    """A worker that claims a callback and notes the results."""

    def __init__(self, place: Place, number: int, rates: Rates, seed: str) -> None:
        self.number = number
        self.random_source = random.Random(seed)  # noqa: S311 - not for cryptography
        database, self.connection = place.connect(self.random_source, rates)
        self.table = DeliveryTable(database)
        self.unnoted: list[CallbackDelivery] = []

    def work(self, race: "ClaimRace", journal: Journal, callback: CallbackDelivery) -> None:
        """Claim the callback, and note the result now or later; or queue the callback again."""
        now = race.tick()
        until = now + LEASE_MS
        claimed: list[CallbackDelivery] = []
        faults = len(self.connection.faults)

        def claim() -> Outcome:
            found = self.table.lease(callback, now, until)
            claimed.extend([found] if found is not None else [])
            return ok(CALLBACK, str(found.lease_expires_at)) if found is not None else self._refused(faults)

        journal.note(self.number, claim_model.Act.CLAIM, f"{now} {until}", claim, loses=False)
        if claimed and self.random_source.random() < STALLS:
            self.unnoted = claimed
        elif claimed:
            self._note(race, journal, claimed[0])
        elif self.random_source.random() < 1 / 2:
            self._replay(race, journal, callback)

    def note_late(self, race: "ClaimRace", journal: Journal) -> None:
        """Note the result of an earlier round, whose claim has ended."""
        late, self.unnoted = self.unnoted, []
        for callback in late:
            self._note(race, journal, callback)

    def _note(self, race: "ClaimRace", journal: Journal, callback: CallbackDelivery) -> None:
        state = self.random_source.choices((DeliveryState.DELIVERED, DeliveryState.RETRY_SCHEDULED), (1, 3))[0]
        attempt, faults = DeliveryAttempt(race.tick(), self.number), len(self.connection.faults)

        def note() -> Outcome:
            due = attempt.at if state is DeliveryState.RETRY_SCHEDULED else None
            after = self.table.record_attempt(callback, attempt, state, due)
            # A request that is repeated finds its result, and may find what others have changed since.
            seen = f"{after.state} {after.attempt_count}" if len(self.connection.faults) == faults else None
            return Outcome(Verdict.OK, CALLBACK, seen)

        journal.note(self.number, claim_model.Act.NOTE, str(state), note, loses=False)

    def _replay(self, race: "ClaimRace", journal: Journal, callback: CallbackDelivery) -> None:
        found = race.auditor.table.get(callback.account, callback.resource_id, callback.id) or callback
        if found.lease_expires_at > race.tick():
            return  # the reconciler leaves it to who is sending it
        seen = f"{found.state} {found.attempt_count} {found.lease_expires_at}"
        faults = len(self.connection.faults)

        def replay() -> Outcome:
            after = self.table.reset_to_queued(found, race.tick())
            return ok(CALLBACK, after.state) if after is not None else self._refused(faults)

        journal.note(self.number, claim_model.Act.REPLAY, seen, replay, loses=False)

    def _refused(self, faults: int) -> Outcome:
        """Return the outcome of a refused write: if a request of it got no answer, that one may have been applied."""
        return REJECTED if len(self.connection.faults) == faults else UNKNOWN

    def read(self, journal: Journal, callback: CallbackDelivery) -> None:
        """Read the callback."""

        def read() -> Outcome:
            found = self.table.get(callback.account, callback.resource_id, callback.id) or callback
            return ok(CALLBACK, f"{found.state} {found.attempt_count}")

        journal.note(self.number, claim_model.Act.READ, None, read, loses=False)


class ClaimRace:
    """Senders that race for one callback after the other; between rounds all claims end."""

    def __init__(self, place: Place, rates: Rates, seed: str) -> None:
        self._place = place
        self._ticks = count(1_000_000)
        self._seed = seed
        self._ended_ms = 0
        self.senders = [Sender(place, each, rates, f"{seed} {each}") for each in range(1, CLIENTS + 1)]
        self.auditor = Sender(place, 0, {}, seed)

    def tick(self) -> int:
        """Return the time in milliseconds: each is used once."""
        return self._ended_ms + next(self._ticks)

    def run(self) -> Journal:
        """Run one history."""
        resource = new_id(system_clock())
        callback = self.auditor.table.put(
            CallbackDelivery(
                account=ACCOUNT, resource_id=resource, sequence=1, event="completed", dialect="twilio",
                url="https://a.example/", method="POST", body="", idempotency_token=resource, created=1,
                next_attempt_at=1,
            )
        )  # fmt: skip
        journal = Journal(Parent(ACCOUNT, ParentKind.CALL, resource))
        for _ in range(ROUNDS):
            self._place.run([partial(each.work, self, journal, callback) for each in self.senders])
            self.auditor.read(journal, callback)
            self._ended_ms += 2 * LEASE_MS
            self._place.run([partial(each.note_late, self, journal) for each in self.senders])
        return journal
