"""A receiver that hangs delays the callbacks of other accounts hardly at all (REL-24).

The real function and queues run in virtual time, with the template's senders. 20 accounts, whose receivers answer, get
2.5 callbacks per second together.
"""

from collections.abc import Callable

import pytest

from tests.simulation.fair_world import HANGING, FairWorld
from tests.thoroughness import scaled

# The second case is hour 72 of a receiver that never answered 0.4 callbacks per second.
PARKED = scaled(deep=[(20_000, 0.2), (103_680, 0.4)], ci=[(2_000, 0.2)], fast=[(1_000, 0.2)])
SECONDS = scaled(deep=3_600, ci=600, fast=300)
HOURS = scaled(deep=12, ci=1, fast=1)


def percentile(delays: list[int], share: float) -> int:
    """Return the value that this share of the sorted delays does not exceed."""
    return delays[int(len(delays) * share)]


def undisturbed(seconds: int, rate: float) -> int:
    """The 99th percentile of the delays without a hanging receiver, in milliseconds."""
    with FairWorld() as world:
        world.run(seconds, rate)
        return percentile(world.delays(), 0.99)


@pytest.mark.sized
@pytest.mark.parametrize(("parked", "dead_rate"), PARKED)
def test_parked_callbacks_of_a_hanging_host_delay_no_others(parked: int, dead_rate: float) -> None:
    """Thousands of due retries, and new callbacks to their host, at most double the 99th percentile of the others."""
    normal = undisturbed(SECONDS, 2.5)
    with FairWorld() as world:
        world.park(parked)
        world.run(SECONDS, 2.5, dead_rate)
        delays = world.delays()
    assert len(delays) > 2 * SECONDS
    assert percentile(delays, 0.99) <= 2 * normal
    # At most five attempts before the suspension, two under way, and the probes after 30, 60, 120, 240, 480 and 600 s.
    assert 5 <= len(world.network.hung) <= 7 + 6 + SECONDS // 600


@pytest.mark.sized
def test_a_dead_receiver_delays_no_others_after_hours() -> None:
    """0.4 callbacks per second that are never answered do not add up: the last half hour is as fast as the first."""
    normal = undisturbed(1_800, 0.5)
    with FairWorld() as world:
        for _ in range(2 * HOURS):
            since = world.time()
            world.run(1_800, 0.5, dead_rate=0.4)
            assert percentile(world.delays(since), 0.99) <= 2 * normal


def remove_shares() -> FairWorld:
    """One queue with a group for each recording, and 100 senders, without suspensions."""
    world = FairWorld((100, 1), shared=True)
    world.dispatcher._breaker.note = lambda *_: None  # type: ignore[method-assign]
    return world


def remove_breaker() -> FairWorld:
    """The lanes and shares alone."""
    world = FairWorld()
    world.dispatcher._breaker.note = lambda *_: None  # type: ignore[method-assign]
    return world


def test_without_shares_the_others_wait_for_minutes() -> None:
    """The measurement notices the fault: with one queue for all, the 99th percentile is above two minutes."""
    with remove_shares() as world:
        world.park(1_500)
        world.run(300, 2.5, dead_rate=0.2)
        assert percentile(world.delays(), 0.99) > 120_000


@pytest.mark.parametrize(("make", "attempts"), [(remove_breaker, (50, 80)), (FairWorld, (5, 12))])
def test_a_hanging_host_is_called_rarely(make: Callable[[], FairWorld], attempts: tuple[int, int]) -> None:
    """Without suspensions a hanging host holds its whole share: three senders, for 15 seconds per attempt."""
    with make() as world:
        world.park(300)
        world.run(300, 0.1, dead_rate=1)
        assert attempts[0] <= len(world.network.hung) <= attempts[1]
    assert HANGING not in {url.split("/")[2].split(".")[0] for url in world.network.answered}
