"""Concurrent clients of one call, with lost responses, on DynamoDB Local: every history is linearizable."""

import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Final

import pytest

from tapedeck.adapters.clients import make_client
from tapedeck.adapters.clock import system_clock
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.items import RECORDING, partition, recording_from
from tapedeck.adapters.dynamodb.resources import ResourceTable
from tapedeck.domain.errors import (
    AmbiguousCurrentRecording,
    CallHasEnded,
    NoActiveRecording,
    NotEligibleForRecording,
    NotFinished,
    NotFound,
)
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus
from tapedeck.operations.calls import Calls
from tapedeck.operations.media import Media
from tapedeck.operations.recordings import CURRENT, Recordings, StartRecording
from tapedeck.ports.media import AudioInfo, PresignedUpload, StoredObject
from tests.linearizability import model
from tests.linearizability.checker import check
from tests.linearizability.clients import Fault, FaultyConnection, Journal
from tests.linearizability.model import BY_ID, DELETED, TARGETS, Kind, Outcome, Verdict, call_is, ok
from tests.thoroughness import scaled

URL: Final = os.environ.get("TAPEDECK_DYNAMODB_URL", "")

CLIENTS: Final = 4
HISTORIES: Final = scaled(deep=300, ci=100, fast=30)
RACES_AT_ONCE: Final = 3
"""Races in parallel, each on its own calls, so that retries in one do not leave the CPU idle."""
REQUESTS_PER_CLIENT: Final = 5
SECONDS_PER_HISTORY: Final = 600
REQUESTS_LOST: Final = 0.02
RESPONSES_LOST: Final = 0.15
RESPONSES_LOST_TO_CLIENT: Final = 0.05

MANY_HISTORIES: Final = scaled(deep=2_000, ci=200, fast=60)
MANY_RACES_AT_ONCE: Final = 8
"""Races of four clients each: 32 clients at once."""
REQUESTS_PER_CLIENT_OF_MANY: Final = 4
RESPONSES_LOST_OF_MANY: Final = 0.05

WEIGHTS: Final = {
    Kind.START: 5,
    Kind.PAUSE: 3,
    Kind.RESUME: 3,
    Kind.STOP: 2,
    Kind.CURRENT_PAUSE: 2,
    Kind.CURRENT_RESUME: 2,
    Kind.CURRENT_STOP: 2,
    Kind.READ: 3,
    Kind.READ_CALL: 1,
}
LAST_WEIGHTS: Final = {**WEIGHTS, Kind.HANG_UP: 10}
WEIGHTS_TO_THE_END: Final = {**WEIGHTS, Kind.STOP: 4, Kind.FINISH: 4, Kind.GIVE_UP: 2, Kind.DELETE: 4}
"""Weights for clients that also finish, give up and delete recordings."""
HANG_UPS_AT_ONCE: Final = 0.1
"""Probability that a client hangs up first; otherwise its last request may hang up."""

pytestmark = [
    pytest.mark.dynamodb_local,
    pytest.mark.dynamodb_local_only,
    pytest.mark.skipif(not URL, reason="needs TAPEDECK_DYNAMODB_URL: make test-dynamodb-local"),
]


@dataclass(frozen=True)
class RequestMix:
    """The request mix of a client: weights, number of requests, and weights of the last request."""

    weights: Mapping[Kind, int] = field(default_factory=lambda: WEIGHTS)
    requests: int = REQUESTS_PER_CLIENT
    last: Mapping[Kind, int] = field(default_factory=lambda: LAST_WEIGHTS)


class StubObjects:
    """A bucket stub: every object exists, and deletions succeed."""

    def stat(self, key: str) -> StoredObject | None:
        """Return a size of 1."""
        return StoredObject(1, key)

    def read(self, key: str, first: int, last: int) -> bytes | None:
        """Return part of the key."""
        return key.encode()[first:last]

    def fetch(self, key: str, target: Path) -> bool:
        """Return True without writing a file."""
        return bool(key and target)

    def write(self, key: str, source: Path) -> None:
        """Do nothing."""

    def delete(self, keys: Sequence[str]) -> None:
        """Do nothing."""

    def clear(self, key: str) -> None:
        """Do nothing."""

    def presign(self, key: str, content_type: str) -> str:
        """Return a placeholder URL."""
        return f"{key} {content_type}"

    def presign_upload(self, key: str, size: int, sha256: str, seconds: int) -> PresignedUpload:
        """Return a placeholder URL without headers."""
        return PresignedUpload(f"{key} {size} {sha256} {seconds}", {})


class StubCodec:
    """A codec stub: all audio lasts two seconds."""

    def probe(self, source: Path) -> AudioInfo:
        """Return two seconds of one channel."""
        return AudioInfo(2_000, 1, is_silent=source == Path())

    def trim(self, source: Path, target: Path) -> Path:
        """Return one of the paths without writing a file."""
        return min(source, target)

    def downmix(self, source: Path, target: Path) -> None:
        """Nothing to do."""

    def encode(self, source: Path, target: Path) -> None:
        """Nothing to do."""


EXPECTED_ERRORS: Final = {
    NotFound: model.NOT_FOUND,
    NoActiveRecording: model.REJECTED,
    NotEligibleForRecording: model.REJECTED,
    NotFinished: model.REJECTED,
    CallHasEnded: model.REJECTED,
    AmbiguousCurrentRecording: model.SEVERAL,
}


class Client:
    """One client of the operations, with its own connection to the table.

    Args:
        number: identifies the client in the history.
        table: name of the recordings table.
        rates: probability of each fault on its connection.
        seed: seeds its random choices.
        mix: its requests in a race.
    """

    def __init__(
        self, number: int, table: str, rates: dict[Fault, float], seed: str, mix: "RequestMix | None" = None
    ) -> None:
        self.number = number
        self.mix = mix or RequestMix()
        self.random_source = random.Random(seed)  # noqa: S311 - not for cryptography
        self.connection = FaultyConnection(self.random_source, rates)
        dynamodb = make_client("dynamodb")
        dynamodb.meta.events.register("before-send.dynamodb", self.connection.send)
        self.database = DynamoDBTable(dynamodb, table, time.sleep)
        store = ResourceTable(self.database)
        self.recordings = Recordings(store, system_clock)
        self.calls = Calls(store, system_clock)
        self.media = Media(store, self.recordings, StubObjects(), StubCodec(), system_clock, 14)

    def race(self, journal: Journal, start: Barrier) -> None:
        """Run random requests concurrently with the other clients."""
        start.wait(SECONDS_PER_HISTORY)
        for kind in self._choose():
            loses = self.random_source.random() < RESPONSES_LOST_TO_CLIENT
            self.do(journal, kind, loses=loses)

    def _choose(self) -> Iterator[Kind]:
        if self.random_source.random() < HANG_UPS_AT_ONCE:
            yield Kind.HANG_UP
        mix = self.mix
        yield from self.random_source.choices(list(mix.weights), list(mix.weights.values()), k=mix.requests - 1)
        yield from self.random_source.choices(list(mix.last), list(mix.last.values()))

    def do(self, journal: Journal, kind: Kind, recording: str | None = None, *, loses: bool = False) -> None:
        """Run one request; a kind that needs an id uses a known recording, or becomes a start if none is known."""
        if kind in BY_ID and recording is None:
            if not journal.known:
                kind = Kind.START
            else:
                recording = self.random_source.choice(journal.known[-2:])
        journal.note(self.number, kind, recording, lambda: self._outcome(journal.parent, kind, recording), loses=loses)

    def _outcome(self, parent: Parent, kind: Kind, recording: str | None) -> Outcome:
        try:
            return self._answer(parent, kind, recording)
        except tuple(EXPECTED_ERRORS) as error:
            return EXPECTED_ERRORS[type(error)]

    def _answer(self, parent: Parent, kind: Kind, recording: str | None) -> Outcome:
        match kind:
            case Kind.START:
                started, is_new = self.recordings.create(parent, StartRecording())
                return Outcome(Verdict.CREATED if is_new else Verdict.EXISTING, started.id, started.status)
            case Kind.HANG_UP:
                return call_is(self.calls.end(parent.account, parent.id).status)
            case Kind.READ_CALL:
                return call_is(self.calls.get(parent.account, parent.id).status)
            case Kind.READ:
                found = self.recordings.get(parent, recording or "")
            case Kind.FINISH:
                found = self.media.complete(parent, recording or "")
            case Kind.GIVE_UP:
                found = self.media.give_up(parent, recording or "")
            case Kind.DELETE:
                self.media.delete(parent, recording or "")
                return ok(recording or "", DELETED)
            case _:
                target = RecordingStatus(TARGETS[kind])
                found = self.recordings.update(parent, recording or CURRENT, target, "silence")
        return ok(found.id, found.status)

    def recordings_of(self, parent: Parent) -> list[Recording]:
        """Return all recordings of a call, also those whose ids no client knows."""
        values = {"pk": partition(parent), "recording": RECORDING}
        return list(map(recording_from, self.database.query("PK = :pk AND begins_with(SK, :recording)", values)))


class Race:
    """Concurrent clients on fresh calls, and an auditor with a connection without faults."""

    def __init__(self, table: str, rates: dict[Fault, float], seed: str, mix: "RequestMix") -> None:
        self.clients = [Client(number, table, rates, f"{seed} {number}", mix) for number in range(1, CLIENTS + 1)]
        self.auditor = Client(0, table, {}, seed)

    def run(self, histories: int) -> list[Journal]:
        """Run one history after another, each on a new call."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            return [self._run_one(pool) for _ in range(histories)]

    @property
    def faults(self) -> list[Fault]:
        """The faults injected so far."""
        return [fault for client in self.clients for fault in client.connection.faults]

    def _run_one(self, pool: ThreadPoolExecutor) -> Journal:
        """Run a race, audit the result, hang up and audit again."""
        call = self.auditor.calls.register("a" * 32, to="+15550100", from_="+15550101", direction="inbound")
        journal = Journal(Parent(call.account, ParentKind.CALL, call.id))
        start = Barrier(CLIENTS)
        for racing in [pool.submit(client.race, journal, start) for client in self.clients]:
            racing.result(SECONDS_PER_HISTORY)
        self._audit(journal)
        self.auditor.do(journal, Kind.HANG_UP)
        self._audit(journal)
        return journal

    def _audit(self, journal: Journal) -> None:
        """Record the current state as reads. No other client is running, so one query is equivalent."""
        self.auditor.do(journal, Kind.READ_CALL)
        for found in self.auditor.recordings_of(journal.parent):
            seen = model.NOT_FOUND if found.status is RecordingStatus.DELETED else ok(found.id, found.status)
            journal.note(self.auditor.number, Kind.READ, found.id, partial(_given, seen), loses=False)


def _given(outcome: Outcome) -> Outcome:
    return outcome


def run_races(
    table: str, rates: dict[Fault, float], histories: int, at_once: int = RACES_AT_ONCE, mix: RequestMix | None = None
) -> tuple[list[Journal], list[Fault]]:
    """Run so many histories, several at a time; return the journals and the injected faults."""
    races = [Race(table, rates, f"race {number}", mix or RequestMix()) for number in range(at_once)]
    with ThreadPoolExecutor(at_once) as pool:
        journals = list(pool.map(lambda race: race.run(histories // at_once), races))
    return [journal for several in journals for journal in several], [fault for race in races for fault in race.faults]


def assert_linearizable(journals: list[Journal]) -> None:
    """Fail with the first history that is not linearizable."""
    explanations = [check(journal.history) for journal in journals]
    wrong = [explanation for explanation in explanations if not explanation.is_linearizable]
    assert not wrong, f"{len(wrong)} of {len(journals)} histories, the first: {wrong[0]}"


def test_histories_with_lost_responses_are_linearizable(table: str) -> None:
    """Histories of concurrent clients are linearizable although 15 % of DynamoDB's responses are lost."""
    rates = {Fault.RESPONSE_LOST: RESPONSES_LOST, Fault.REQUEST_LOST: REQUESTS_LOST}
    journals, faults = run_races(table, rates, HISTORIES)
    assert_linearizable(journals)
    assert faults.count(Fault.RESPONSE_LOST) > HISTORIES
    assert sum(journal.rejected_as_busy for journal in journals) < HISTORIES * CLIENTS * REQUESTS_PER_CLIENT / 100


@pytest.mark.timeout(1_200)
def test_histories_of_thirty_two_clients_are_linearizable(table: str) -> None:
    """Histories of 32 clients that start, update, finish and delete recordings and hang up are linearizable."""
    rates = {Fault.RESPONSE_LOST: RESPONSES_LOST_OF_MANY}
    last = {**WEIGHTS_TO_THE_END, Kind.HANG_UP: 10}
    mix = RequestMix(WEIGHTS_TO_THE_END, REQUESTS_PER_CLIENT_OF_MANY, last)
    journals, faults = run_races(table, rates, MANY_HISTORIES, MANY_RACES_AT_ONCE, mix)
    assert_linearizable(journals)
    done = [(each.kind, each.outcome.verdict) for journal in journals for each in journal.history]
    assert (
        min(done.count((kind, Verdict.OK)) for kind in (Kind.FINISH, Kind.DELETE, Kind.HANG_UP)) > MANY_HISTORIES / 40
    )
    assert len(faults) > MANY_HISTORIES / 4
