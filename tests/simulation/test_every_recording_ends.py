"""Under any faults every recording ends, by legal transitions, and its subscribers get their callbacks."""

from typing import Final
from unittest.mock import patch

import pytest

from tests.simulation.checks import violations_of
from tests.simulation.workload import Workload
from tests.simulation.world import World
from tests.thoroughness import in_turn, scaled

SEEDS: Final = scaled(deep=20_000, ci=400, fast=20)
AT_ONCE: Final = scaled(deep=500, ci=100, fast=20)
"""Seeds per test."""

REGRESSION_SEEDS: Final = (22, 24, 92, 291, 346, 350, 775, 3436, 14013, 14231, 16983)
"""Seeds that failed once. Run one alone with `-k 'regression and 775'`."""


def violations_of_seed(seed: int) -> list[str]:
    """List the violations after the run of a seed; even seeds use only the vendor's own callback attempts."""
    with World(seed, hours=72 if seed % 2 else 0) as world:
        Workload(world).run()
        return violations_of(world)


@pytest.mark.sized
@pytest.mark.parametrize("first", in_turn(range(0, SEEDS, AT_ONCE)))
def test_every_recording_ends(first: int) -> None:
    """Lost, duplicated and delayed events, crashes and failing ports violate no invariant."""
    seeds = range(first, min(first + AT_ONCE, SEEDS))
    assert {seed: violations for seed in seeds if (violations := violations_of_seed(seed))} == {}


@pytest.mark.parametrize("seed", REGRESSION_SEEDS)
def test_regression(seed: int) -> None:
    """A seed that failed once passes."""
    assert violations_of_seed(seed) == []


# --8<-- [start:same]
def test_same_seed_gives_the_same_run() -> None:
    """Two runs of one seed end with identical tables, deliveries, events and clocks."""
    ends = []
    for _ in range(2):
        with World(7) as world:
            Workload(world).run()
            ends.append((world.history.last, world.network.received, world.bus.events, world.clock()))
    assert ends[0] == ends[1]
    # --8<-- [end:same]


# --8<-- [start:missing]
@pytest.mark.parametrize("missing", ["reconcile", "publish", "deliver", "end dialed calls"])
def test_missing_component_is_detected(missing: str) -> None:
    """Without the reconciler, the publisher, the callback sender or the end of dialed calls, violations are found."""
    found = []
    for seed in range(6):
        with World(seed) as world:
            idle = {"reconcile": (world.background.reconciler, "run"), "publish": (world.publish, "run_once"),
                    "deliver": (world.deliver, "run_once"),
                    "deliver_retries": (world.deliver_retries, "run_once"),
                    "end dialed calls": (world.background.make_publisher(), "end_dialed_calls")}  # fmt: skip
            with patch.object(*idle[missing], lambda *_: 0):
                Workload(world).run()
            found += violations_of(world)
    assert found
    # --8<-- [end:missing]
