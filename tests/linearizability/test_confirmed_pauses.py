"""Two clients and a media engine that confirms pauses: requests and the engine's own log are linearizable together.

The runs are those of `tests/simulation/test_a_confirmed_pause.py`, without what the engine does by itself.
"""

from collections.abc import Iterator
from math import inf
from typing import Final

import pytest

from tapedeck.dialects.dialect import ResourceType
from tests.linearizability.checker import check
from tests.linearizability.model import (
    CAPTURED,
    COMPLETED,
    IN_PROGRESS,
    NOT_FOUND,
    PAUSED,
    REJECTED,
    SILENT,
    UNKNOWN,
    Kind,
    Operation,
    Outcome,
    State,
    call_is,
    confirmed_pause,
    created,
    existing,
    ok,
)
from tests.simulation.confirming_world import ConfirmingWorld, Exchange
from tests.simulation.test_a_confirmed_pause import HastyDeployment, HastyEngine, UnheldEngine
from tests.thoroughness import scaled

SEEDS: Final = scaled(deep=2_000, ci=150, fast=15)
MAX_SEEDS_OF_A_CONTROL: Final = 300
ENGINE: Final = 9
"""The number of the engine among the clients."""

KINDS: Final = {
    "start": Kind.START, "pause": Kind.PAUSE, "resume": Kind.RESUME, "stop": Kind.STOP, "hang up": Kind.HANG_UP,
}  # fmt: skip
NOT_CONFIRMED: Final = {408, 503}


def history_of(world: ConfirmingWorld) -> tuple[list[Operation], State]:
    """Return the history of a run, and the state in which the clients began."""
    known: set[str] = set()
    history: list[Operation] = []
    for exchange in world.exchanges:
        history += operations_of(world, exchange, known)
    # What a client did not start was started by the engine before the clients began.
    begun = frozenset((name, IN_PROGRESS) for name in world.history.changes if name not in known)
    for recording, spans in world.actor.log.spans.items():
        for span in spans:
            history.append(engine_did(Kind.CAPTURE, recording, span.start))
            if span.end != inf:
                history.append(engine_did(Kind.CEASE, recording, span.end))
    return history, State(recordings=begun)


def engine_did(kind: Kind, recording: str, at: float) -> Operation:
    """Return an entry of the engine's log: at any point of its millisecond."""
    outcome = ok(recording, CAPTURED if kind is Kind.CAPTURE else SILENT)
    return Operation(ENGINE, kind, recording, int(at) * 1_000, int(at) * 1_000 + 999, outcome)


def operations_of(world: ConfirmingWorld, exchange: Exchange, known: set[str]) -> Iterator[Operation]:
    """Yield the operations of one request."""
    kind, outcome = KINDS[exchange.kind], outcome_of(world, exchange, known)
    if kind is Kind.PAUSE and exchange.answer is not None and exchange.answer.status == 200:
        yield from confirmed_pause(exchange.client, exchange.recording or "", exchange.invoked, exchange.returned)
        return
    returned = None if outcome == UNKNOWN else exchange.returned
    yield Operation(exchange.client, kind, exchange.recording, exchange.invoked, returned, outcome)


def outcome_of(world: ConfirmingWorld, exchange: Exchange, known: set[str]) -> Outcome:
    """Return what a client learned; a pause that was rejected may have been stored before the recording ended."""
    answer, recording, kind = exchange.answer, exchange.recording or "", exchange.kind
    if answer is None or (kind == "pause" and answer.status == 400):
        return UNKNOWN
    if kind == "pause" and answer.status in NOT_CONFIRMED:
        return ok(recording, PAUSED)
    if answer.status in {400, 404}:
        return REJECTED if answer.status == 400 else NOT_FOUND
    assert answer.status in {200, 201}
    status = answer.body["status"]
    if kind == "hang up":
        assert status == COMPLETED
        return call_is(status)
    found = world.clients[exchange.client].dialect.parse_sid(ResourceType.RECORDING, answer.body["sid"]) or ""
    if kind != "start":
        return ok(found, status)
    is_new = found not in known
    known.add(found)
    return created(found) if is_new else existing(found, status)


def explained(world: ConfirmingWorld) -> str | None:
    """Run a world; return None if its history is linearizable, else the explanation."""
    with world:
        world.run_clients()
        if world.parent["type"] != "call":
            return None
        history, initial = history_of(world)
        explanation = check(history, initial)
        return None if explanation.is_linearizable else str(explanation)


@pytest.mark.sized
def test_confirmed_pauses_are_linearizable() -> None:
    """Every history has an order that explains all answers, and what the engine captured."""
    failed = {
        seed: why for seed in range(SEEDS) if (why := explained(ConfirmingWorld(seed, only_commands=True))) is not None
    }
    assert failed == {}


@pytest.mark.ci
@pytest.mark.parametrize("faulty", [HastyDeployment, HastyEngine, UnheldEngine])
def test_histories_of_a_faulty_deployment_are_rejected(faulty: type[ConfirmingWorld]) -> None:
    """No order explains the histories of a deployment or an engine that breaks its promise."""
    assert any(explained(faulty(seed, only_commands=True)) is not None for seed in range(MAX_SEEDS_OF_A_CONTROL))
