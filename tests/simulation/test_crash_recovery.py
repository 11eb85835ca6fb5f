"""A crash or failure at any port call loses no callback, command or domain event."""

from functools import cache
from typing import Final

import pytest

from tapedeck.domain.engine_command import CommandKind
from tests.simulation.checks import violations_of
from tests.simulation.scenarios import SCENARIOS
from tests.simulation.world import World
from tests.thoroughness import scaled

EVERY: Final = scaled(deep=1, ci=15, fast=150)
"""One in so many injection points is tried."""

EVERY_OF_PART: Final = scaled(deep=3, ci=80, fast=600)
"""The same for the scenarios that play one part of the service."""

PARTS: Final = scaled(deep=20, ci=4, fast=1)
"""The number of tests that share the injection points."""


@cache
def injection_points(name: str) -> int:
    """Count the injection points of a scenario without faults, which violates nothing."""
    with World(0, event_fault_rate=0) as world:
        begins = world.fault_injector.points
        SCENARIOS[name](world).play()
        assert violations_of(world) == []
        if name == "Everything":
            assert world.commands.kinds == set(CommandKind)
            assert {entry[1] for entry in world.log.observed} == {"done", "delivered", "taken", "repeated"}
        return world.fault_injector.points - begins


def faults_of(name: str, first: int, every: int, *, crashes: bool) -> dict[int, list[str]]:
    """Play a scenario with a fault at every so many injection points; return the violations by point."""
    wrong = {}
    for point in range(first, injection_points(name) + 1, every):
        with World(0, event_fault_rate=0) as world:
            world.fault_injector.arm(point, crashes=crashes)
            SCENARIOS[name](world).play()
            assert world.fault_injector.injected == 1
            if found := violations_of(world):
                wrong[point] = found
    return wrong


@pytest.mark.sized
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("crashes", [True, False], ids=["crash", "failure"])
# --8<-- [start:test]
def test_fault_at_any_port_call_loses_nothing(part: int, *, crashes: bool) -> None:
    """With a fault before or after any port call, every change still gets its callbacks, commands and events."""
    assert faults_of("Everything", 1 + part * EVERY, EVERY * PARTS, crashes=crashes) == {}
    # --8<-- [end:test]


@pytest.mark.sized
@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "Everything"])
@pytest.mark.parametrize("crashes", [True, False], ids=["crash", "failure"])
def test_fault_in_any_part_of_the_service_loses_nothing(name: str, *, crashes: bool) -> None:
    """The same holds in scenarios of their own, each of which reaches states that the large one does not have."""
    assert faults_of(name, 1 + crashes * (EVERY_OF_PART // 2), EVERY_OF_PART, crashes=crashes) == {}
