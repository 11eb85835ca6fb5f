"""Races for a conference, and for the sending of a callback: every history is linearizable.

In memory the clients take turns in an order that a seed chooses; on DynamoDB Local they are threads.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from tests.linearizability import claim_model
from tests.linearizability.checker import Explanation, explain
from tests.linearizability.claim_model import CALLBACK, ClaimModel
from tests.linearizability.clients import Fault
from tests.linearizability.conference_model import (
    AUDIBLE,
    COMPLETED,
    ENDED,
    IN_PROGRESS,
    LIVE,
    MUTED,
    Act,
    ConferenceModel,
    Member,
    Room,
    Rooms,
)
from tests.linearizability.model import NOT_FOUND, REJECTED, UNKNOWN, Operation, Outcome, Verdict, ok
from tests.linearizability.races import CLIENTS, ClaimRace, ConferenceRace, Place, Run, place_in_memory
from tests.thoroughness import scaled

SEEDS: Final = scaled(deep=60, ci=3, fast=1)
HISTORIES: Final = scaled(deep=10, ci=4, fast=1)
"""Histories of each seed."""

LOCAL_HISTORIES: Final = scaled(deep=300, ci=30, fast=6)
RATES: Final = {Fault.RESPONSE_LOST: 0.25, Fault.REQUEST_LOST: 0.05}

URL: Final = os.environ.get("TAPEDECK_DYNAMODB_URL", "")

UNANSWERED: Final = (None, UNKNOWN)
ROOM, OTHER, ANN, BOB, CAT, DAN = "CF-1", "CF-2", "CA-ann", "CA-bob", "CA-cat", "CA-dan"

BEGINNING: Final = Rooms(
    frozenset({Room(ROOM, IN_PROGRESS, 2)}),
    frozenset({Member(ROOM, ANN, is_connected=True), Member(ROOM, BOB, is_connected=True)}),
    frozenset({(ANN, LIVE), (BOB, LIVE)}),
)
"""Two participants are connected."""

Row = tuple[int, Act | claim_model.Act, str | None, int, int | None, Outcome]
"""client, kind, argument, invoked, returned, outcome."""


def at(call: str, conference: str = ROOM) -> str:
    """Return the argument of an operation on a participant."""
    return f"{conference}/{call}"


def dialed(call: str, conference: str = ROOM) -> Outcome:
    """Return the outcome of a request that dialed a participant."""
    return Outcome(Verdict.CREATED, call, conference)


RIGHT: Final[Mapping[str, Sequence[Row]]] = {
    "A participant is dialed, muted and removed, which ends its call.": [
        (1, Act.DIAL, "agent", 1, 2, dialed(CAT)),
        (1, Act.MUTE, at(CAT), 3, 4, ok(CAT, MUTED)),
        (2, Act.READ_PARTICIPANT, at(CAT), 5, 6, ok(CAT, MUTED)),
        (1, Act.REMOVE, at(CAT), 7, 8, ok(CAT, ENDED)),
        (2, Act.READ_CALL, CAT, 9, 10, ok(CAT, ENDED)),
        (2, Act.DIAL, "agent", 11, 12, dialed(DAN)),
    ],
    "The last connected participant ends the conference, and the next dialed one begins another.": [
        (1, Act.REMOVE, at(ANN), 1, 4, ok(ANN, ENDED)),
        (2, Act.HANG_UP, BOB, 2, 3, ok(BOB, ENDED)),
        (1, Act.READ_CONFERENCE, ROOM, 5, 6, ok(ROOM, f"{COMPLETED} 0")),
        (1, Act.READ_CALL, ANN, 7, 8, ok(ANN, LIVE)),
        (1, Act.DIAL, "", 9, 10, dialed(CAT, OTHER)),
        (1, Act.LIST, OTHER, 11, 12, ok(OTHER, CAT)),
    ],
    "A lost dial is seen later, under an id that no answer names.": [
        (1, Act.DIAL, "", 1, *UNANSWERED),
        (2, Act.LIST, ROOM, 2, 3, ok(ROOM, f"{ANN} {BOB}")),
        (2, Act.LIST, ROOM, 4, 5, ok(ROOM, f"{ANN} {BOB} {CAT}")),
    ],
    "A mute that races the end of the conference may come second.": [
        (1, Act.MUTE, at(ANN), 1, 4, REJECTED),
        (2, Act.END, ROOM, 2, 3, ok(ROOM, COMPLETED)),
        (2, Act.READ_PARTICIPANT, at(ANN), 5, 6, NOT_FOUND),
        (2, Act.READ_CONFERENCE, ROOM, 7, 8, ok(ROOM, f"{COMPLETED} 2")),
    ],
}

WRONG: Final[Mapping[str, Sequence[Row]]] = {
    "A participant is still there after it was removed.": [
        (1, Act.REMOVE, at(ANN), 1, 2, ok(ANN, ENDED)),
        (2, Act.READ_PARTICIPANT, at(ANN), 3, 4, ok(ANN, AUDIBLE)),
    ],
    "A participant is removed twice.": [
        (1, Act.REMOVE, at(ANN), 1, 4, ok(ANN, ENDED)),
        (2, Act.REMOVE, at(ANN), 2, 3, ok(ANN, ENDED)),
    ],
    "The call of a dialed participant goes on after its removal.": [
        (1, Act.DIAL, "", 1, 2, dialed(CAT)),
        (1, Act.REMOVE, at(CAT), 3, 4, ok(CAT, ENDED)),
        (2, Act.READ_CALL, CAT, 5, 6, ok(CAT, LIVE)),
    ],
    "Two participants have one label.": [
        (1, Act.DIAL, "agent", 1, 4, dialed(CAT)),
        (2, Act.DIAL, "agent", 2, 3, dialed(DAN)),
    ],
    "Two conferences of one name are live.": [
        (1, Act.DIAL, "", 1, 2, dialed(CAT, OTHER)),
    ],
    "A participant is dialed into a conference that has ended.": [
        (1, Act.END, ROOM, 1, 2, ok(ROOM, COMPLETED)),
        (2, Act.DIAL, "", 3, 4, dialed(CAT)),
    ],
    "A conference goes on after its last participant has left.": [
        (1, Act.REMOVE, at(ANN), 1, 2, ok(ANN, ENDED)),
        (1, Act.HANG_UP, BOB, 3, 4, ok(BOB, ENDED)),
        (2, Act.READ_CONFERENCE, ROOM, 5, 6, ok(ROOM, f"{IN_PROGRESS} 0")),
    ],
    "A conference counts a participant that has left.": [
        (1, Act.HANG_UP, BOB, 1, 2, ok(BOB, ENDED)),
        (2, Act.READ_CONFERENCE, ROOM, 3, 4, ok(ROOM, f"{IN_PROGRESS} 2")),
    ],
    "A mute is lost: a later read shows the state before it.": [
        (1, Act.MUTE, at(ANN), 1, 2, ok(ANN, MUTED)),
        (2, Act.HANG_UP, BOB, 3, 4, ok(BOB, ENDED)),
        (2, Act.READ_PARTICIPANT, at(ANN), 5, 6, ok(ANN, AUDIBLE)),
    ],
    "A call that exists is not found when it is hung up, because its conference changes.": [
        (2, Act.MUTE, at(ANN), 2, 3, ok(ANN, MUTED)),
        (1, Act.HANG_UP, BOB, 1, 4, NOT_FOUND),
    ],
    "A list forgets a participant that has not left.": [
        (1, Act.DIAL, "", 1, 2, dialed(CAT)),
        (2, Act.LIST, ROOM, 3, 4, ok(ROOM, f"{ANN} {BOB}")),
    ],
    "A dial without an answer takes effect twice.": [
        (1, Act.DIAL, "", 1, *UNANSWERED),
        (2, Act.LIST, ROOM, 2, 3, ok(ROOM, f"{ANN} {BOB} {CAT} {DAN}")),
    ],
}

CLAIM, NOTE, REPLAY, READ = claim_model.Act.CLAIM, claim_model.Act.NOTE, claim_model.Act.REPLAY, claim_model.Act.READ

RIGHT_CLAIMS: Final[Mapping[str, Sequence[Row]]] = {
    "Of two senders, one gets the callback; after its failure it is sent again.": [
        (1, CLAIM, "10 70", 1, 4, ok(CALLBACK, "70")),
        (2, CLAIM, "11 71", 2, 3, REJECTED),
        (1, NOTE, "retry-scheduled", 5, 6, ok(CALLBACK, "retry-scheduled 1")),
        (2, REPLAY, "retry-scheduled 1 0", 7, 8, ok(CALLBACK, "queued")),
        (2, CLAIM, "12 72", 9, 10, ok(CALLBACK, "72")),
        (2, NOTE, "delivered", 11, 12, ok(CALLBACK, "delivered 2")),
    ],
    "A sender that comes back after its claim has ended does not undo the delivery of another one.": [
        (1, CLAIM, "10 70", 1, 2, ok(CALLBACK, "70")),
        (2, CLAIM, "70 130", 3, 4, ok(CALLBACK, "130")),
        (2, NOTE, "delivered", 5, 6, ok(CALLBACK, "delivered 1")),
        (1, NOTE, "retry-scheduled", 7, 8, ok(CALLBACK, "delivered 2")),
    ],
    "A claim without an answer keeps others away.": [
        (1, CLAIM, "10 70", 1, *UNANSWERED),
        (2, CLAIM, "11 71", 2, 3, REJECTED),
    ],
}

WRONG_CLAIMS: Final[Mapping[str, Sequence[Row]]] = {
    "Two senders claim one callback.": [
        (1, CLAIM, "10 70", 1, 4, ok(CALLBACK, "70")),
        (2, CLAIM, "11 71", 2, 3, ok(CALLBACK, "71")),
    ],
    "A callback is claimed after it was delivered.": [
        (1, CLAIM, "10 70", 1, 2, ok(CALLBACK, "70")),
        (1, NOTE, "delivered", 3, 4, ok(CALLBACK, "delivered 1")),
        (2, CLAIM, "80 140", 5, 6, ok(CALLBACK, "140")),
    ],
    "A callback that was not claimed is refused.": [
        (1, CLAIM, "10 70", 1, 2, REJECTED),
    ],
    "A delivery is forgotten after a late failure.": [
        (1, CLAIM, "10 70", 1, 2, ok(CALLBACK, "70")),
        (1, NOTE, "delivered", 3, 4, ok(CALLBACK, "delivered 1")),
        (2, NOTE, "retry-scheduled", 5, 6, ok(CALLBACK, "retry-scheduled 2")),
    ],
    "One of two results is lost.": [
        (1, CLAIM, "10 70", 1, 2, ok(CALLBACK, "70")),
        (1, NOTE, "retry-scheduled", 3, 6, ok(CALLBACK, "retry-scheduled 1")),
        (2, NOTE, "retry-scheduled", 4, 5, ok(CALLBACK, "retry-scheduled 1")),
    ],
    "To queue a callback again ends a claim that was granted since it was read.": [
        (1, CLAIM, "10 70", 1, 2, ok(CALLBACK, "70")),
        (2, REPLAY, "queued 0 0", 3, 4, ok(CALLBACK, "queued")),
    ],
    "A claim without an answer is granted to two senders.": [
        (1, CLAIM, "10 70", 1, *UNANSWERED),
        (2, CLAIM, "11 71", 2, 3, ok(CALLBACK, "71")),
        (3, CLAIM, "12 72", 4, 5, ok(CALLBACK, "72")),
    ],
}


def explain_rooms(rows: Sequence[Row]) -> Explanation:
    """Search for an order that explains a history that begins with two participants."""
    history = [Operation(*row) for row in rows]
    return explain(history, ConferenceModel.of(history, BEGINNING))


def explain_claims(rows: Sequence[Row]) -> Explanation:
    """Search for an order that explains a history of one callback."""
    return explain([Operation(*row) for row in rows], ClaimModel())


@pytest.mark.parametrize("name", RIGHT)
def test_accepts_right_histories_of_conferences(name: str) -> None:
    """A history that an order of its operations explains is accepted."""
    assert explain_rooms(RIGHT[name]).is_linearizable


@pytest.mark.parametrize("name", WRONG)
def test_rejects_wrong_histories_of_conferences(name: str) -> None:
    """A history that no order explains is rejected, and only because of its last operations."""
    assert not explain_rooms(WRONG[name]).is_linearizable
    assert explain_rooms(WRONG[name][:-1]).is_linearizable


@pytest.mark.parametrize("name", RIGHT_CLAIMS)
def test_accepts_right_histories_of_claims(name: str) -> None:
    """A history of a callback that an order of its operations explains is accepted."""
    assert explain_claims(RIGHT_CLAIMS[name]).is_linearizable


@pytest.mark.parametrize("name", WRONG_CLAIMS)
def test_rejects_wrong_histories_of_claims(name: str) -> None:
    """A history of a callback that no order explains is rejected, and only because of its last operation."""
    assert not explain_claims(WRONG_CLAIMS[name]).is_linearizable
    assert explain_claims(WRONG_CLAIMS[name][:-1]).is_linearizable


def race_for_conferences(place: Place, seed: str, histories: int) -> Counter[tuple[str, str]]:
    """Run races for conferences, and check them; return how often each request had each verdict."""
    race, done = ConferenceRace(place, RATES, seed), Counter[tuple[str, str]]()
    for _ in range(histories):
        journal, beginning = race.run()
        explanation = explain(journal.history, ConferenceModel.of(journal.history, beginning))
        assert explanation.is_linearizable, str(explanation)
        done.update((each.kind, each.outcome.verdict) for each in journal.history)
    return done


def race_for_callbacks(place: Place, seed: str, histories: int) -> Counter[tuple[str, str]]:
    """Run races for callbacks, and check them; return how often each request had each verdict."""
    race, done = ClaimRace(place, RATES, seed), Counter[tuple[str, str]]()
    for _ in range(histories):
        journal = race.run()
        explanation = explain(journal.history, ClaimModel())
        assert explanation.is_linearizable, str(explanation)
        done.update((each.kind, each.outcome.verdict) for each in journal.history)
    return done


@pytest.mark.sized
@pytest.mark.usefixtures("aws")
def test_races_in_memory_are_linearizable() -> None:
    """Histories of conferences and of callbacks are linearizable although a quarter of the responses is lost."""
    done: Counter[tuple[str, str]] = Counter()
    for seed in range(SEEDS):
        with place_in_memory(seed, "RecordingsTable") as place:
            done += race_for_conferences(place, f"rooms {seed}", HISTORIES)
            done += race_for_callbacks(place, f"claims {seed}", HISTORIES)
    expected = {(Act.DIAL, Verdict.CREATED), (CLAIM, Verdict.OK), (CLAIM, Verdict.REJECTED), (NOTE, Verdict.OK)}
    assert expected <= done.keys()


def run_in_threads(pool: ThreadPoolExecutor) -> Run:
    """Return what runs actions at the same time in these threads."""

    def run(actions: Sequence[Callable[[], object]]) -> None:
        for each in [pool.submit(action) for action in actions]:
            each.result()

    return run


@pytest.mark.timeout(1_200)
@pytest.mark.dynamodb_local
@pytest.mark.dynamodb_local_only
@pytest.mark.skipif(not URL, reason="needs TAPEDECK_DYNAMODB_URL: make test-dynamodb-local")
def test_races_in_threads_are_linearizable(table: str) -> None:
    """Histories of four clients at once, with lost responses, are linearizable on DynamoDB Local."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        place = Place(table, run_in_threads(pool))
        done = race_for_conferences(place, "rooms", LOCAL_HISTORIES) + race_for_callbacks(
            place, "claims", LOCAL_HISTORIES
        )
    assert min(done[act, Verdict.OK] for act in (Act.REMOVE, Act.HANG_UP, Act.MUTE, CLAIM, NOTE)) > 0
    assert done[CLAIM, Verdict.REJECTED] > 0
