"""With slow and hanging receivers, two workers at once and late indexes, nothing is lost and nothing happens twice."""

import re
from collections import Counter
from typing import Any, Final

import pytest

from tests.simulation.busy_world import BusyWorkload, BusyWorld, LateIndexDynamoDB
from tests.simulation.checks import violations_of
from tests.thoroughness import in_turn, scaled

SEEDS: Final = scaled(deep=20_000, ci=80, fast=8)
AT_ONCE: Final = scaled(deep=500, ci=40, fast=8)
"""Seeds per test."""


def run_seed(seed: int) -> tuple[list[str], Counter[str]]:
    """Return the violations after the run of a seed, and what happened in it, by name.

    Odd seeds retry callbacks for 72 hours. In half of all seeds ports fail and processes crash as well.
    """
    with BusyWorld(seed, hours=72 if seed % 2 else 0) as world:
        BusyWorkload(world, has_faults=seed % 4 < 2).run()
        happened = Counter(world.ran_meanwhile)
        happened["late answer of an index"] = world.database.late_answers
        happened["attempt that was not accepted"] = sum(not request.is_accepted for request in world.network.received)
        happened["callback whose sending is judged"] = 0 if world.may_send_again else len(world.accepting.accepted)
        sent_again = [f"sent again after it was accepted: {token}" for token in world.sent_again()]
        return [*violations_of(world), *sent_again], happened


@pytest.mark.sized
@pytest.mark.parametrize("first", in_turn(range(0, SEEDS, AT_ONCE)))
def test_two_workers_at_once_lose_nothing(first: int) -> None:
    """Every recording ends, and every callback is delivered or exhausted, with equal content in each attempt.

    Without crashes and failing ports, no callback is sent again after it was accepted.
    """
    wrong, happened = {}, Counter[str]()
    for seed in range(first, min(first + AT_ONCE, SEEDS)):
        violations, events = run_seed(seed)
        happened += events
        if violations:
            wrong[seed] = violations
    assert wrong == {}
    assert sorted(happened) == [
        "attempt that was not accepted", "callback whose sending is judged", "deliver", "deliver retries", "finish",
        "late answer of an index", "publish", "reconcile", "take events",
    ]  # fmt: skip


@pytest.mark.parametrize("items", ["#CB#", "REC#"])
def test_a_write_without_its_condition_is_detected(monkeypatch: pytest.MonkeyPatch, items: str) -> None:
    """If callbacks or recordings are updated without a condition, violations are found."""
    update_item = LateIndexDynamoDB.update_item

    def update_always(self: LateIndexDynamoDB, **request: Any) -> dict[str, Any]:
        is_new = "attribute_not_exists(PK)" in request.get("ConditionExpression", "")
        if items in f"{request['Key']['PK']['S']} {request['Key']['SK']['S']}" and not is_new:
            request = {name: value for name, value in request.items() if "Condition" not in name}
            used = set(re.findall(r"[#:]\w+", request["UpdateExpression"]))
            for kind in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
                request[kind] = {name: value for name, value in request.get(kind, {}).items() if name in used}
        return update_item(self, **request)

    monkeypatch.setattr(LateIndexDynamoDB, "update_item", update_always)
    assert any(run_seed(seed)[0] for seed in range(12))
