"""No call that was dialed into a conference outlives it, with lost stream records, late events and crashes."""

from functools import cache
from typing import Final

import pytest

from tapedeck.operations.conferences import ConferenceName, UpdateConference
from tapedeck.operations.participants import AddParticipant
from tests.simulation.checks import violations_of
from tests.simulation.world import World
from tests.thoroughness import scaled

DIALED: Final = 3

EVERY: Final = scaled(deep=1, ci=1, fast=5)
"""One in so many injection points is tried."""


def _dial(world: World, *, answers: bool) -> str:
    """Dial participants into a new conference; with `answers`, the engine reports that they were answered."""
    for _ in range(DIALED):
        added = world.participants.add(world.account, ConferenceName("red"), AddParticipant("+1", "+2"))
    world.observe()
    if answers:
        world.drain()
    return added.conference


def _end(world: World, conference: str) -> None:
    world.run(world.conferences.update, world.account, conference, UpdateConference(end=True))


@pytest.mark.parametrize("answers", [True, False])
def test_lost_stream_records_delay_the_end_by_ten_minutes(*, answers: bool) -> None:
    """Without the publisher, the calls end with the reconciler's run ten minutes after the conference."""
    with World(3, event_fault_rate=0) as world:
        conference = _dial(world, answers=answers)
        world.is_publishing = False
        _end(world, conference)
        assert len(world.history.outliving()) == DIALED
        world.clock.sleep(599)
        world.reconcile()
        assert len(world.history.outliving()) == DIALED
        world.clock.sleep(1)
        assert world.reconcile()["calls_ended"] == DIALED
        assert world.history.live("CALL") == []
        world.settle()
        assert violations_of(world, is_lossless=False) == []


@pytest.mark.parametrize("ends_first", [True, False])
def test_calls_that_answer_late_end(*, ends_first: bool) -> None:
    """Answers that arrive after the end of the conference leave no call in progress, published or not."""
    with World(4, event_fault_rate=0) as world:
        conference = _dial(world, answers=False)
        world.run(world.publish.run_once)
        world.run(world.engine.process_commands)
        _end(world, conference)
        if ends_first:
            world.run(world.publish.run_once)
        world.run(world.ingest.run_once)
        assert world.history.live("CALL") == []
        world.drain()
        world.settle()
        assert violations_of(world) == []


@cache
def _points() -> int:
    """Count the injection points from the end of the conference until nothing is left to do."""
    with World(5, event_fault_rate=0) as world:
        conference = _dial(world, answers=True)
        begins = world.fault_injector.points
        _end(world, conference)
        world.settle()
        assert violations_of(world) == []
        return world.fault_injector.points - begins


@pytest.mark.sized
@pytest.mark.parametrize("crashes", [True, False], ids=["crash", "failure"])
def test_a_fault_at_any_point_leaves_no_call(*, crashes: bool) -> None:
    """With a crash or failure at any port call after the end, every dialed call ends."""
    wrong = {}
    for point in range(1, _points() + 1, EVERY):
        with World(5, event_fault_rate=0) as world:
            conference = _dial(world, answers=True)
            world.fault_injector.arm(point, crashes=crashes)
            _end(world, conference)
            if world.history.live("CONF"):
                _end(world, conference)  # the client repeats the request that failed
            world.settle()
            assert world.fault_injector.injected == 1
            if found := [*violations_of(world), *world.history.live("CALL")]:
                wrong[point] = found
    assert wrong == {}
