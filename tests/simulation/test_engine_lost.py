"""An engine that is lost at any point leaves nothing behind: everything ends, and its subscribers learn of it."""

from collections import Counter
from types import SimpleNamespace
from typing import Final
from unittest.mock import patch

import pytest

from tapedeck.domain.engine import EngineCapabilities, EngineHealth, MediaEngine
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Parent, ParentKind
from tapedeck.operations.engine_sessions import SessionOpening
from tapedeck.ports.engines import LiveResource
from tests.simulation import checks
from tests.simulation.receivers import Receiver
from tests.simulation.workload import Workload
from tests.simulation.world import MAX_VISIBILITY_SECONDS, World
from tests.thoroughness import in_turn, scaled

SEEDS: Final = scaled(deep=20_000, ci=100, fast=10)
AT_ONCE: Final = scaled(deep=500, ci=50, fast=10)
"""Seeds per test."""

POINTS: Final = 40
"""The engine is lost after so many steps of the workload: after each number, with 40 seeds in a row."""

ENGINE: Final = MediaEngine("standin")


class LossyRun:
    """A random workload with one engine, which is lost after some steps.

    Args:
        world: the simulated deployment.
        point: after how many steps the engine is lost.
    """

    def __init__(self, world: World, point: int) -> None:
        self.world = world
        self.workload = Workload(world)
        world.network.receivers = dict.fromkeys(world.network.receivers, Receiver())
        self.boot = new_id(world.clock())
        self._seq = 0
        self.open()
        for _ in range(point):
            self.alive()
            self.workload.step()
            self.alive()
            world.run(self.open)

    def open(self) -> None:
        """Open or renew the session, with everything that is live."""
        self.world.sessions.open(ENGINE, SessionOpening(self.boot, EngineCapabilities(), live=self._live()))

    def alive(self) -> None:
        """Report that the engine is alive."""
        self._seq += 1
        assert not self.world.sessions.note_alive(ENGINE.name, self.boot, self._seq, EngineHealth(live_calls=1))

    def lose(self) -> None:
        """Lose the engine with the events that it has not delivered; commands stay in its queue."""
        self.world.engine = SimpleNamespace(process_commands=lambda: False, finish_due_media=lambda: False)  # type: ignore[assignment]
        self.world.ingest = SimpleNamespace(run_once=lambda: False)  # type: ignore[assignment]

    def deliver_events(self) -> None:
        """Deliver every event that waits to be tried again, and list what is live then."""
        world = self.world
        world.drain()
        while world.events.messages:
            world.clock.sleep(MAX_VISIBILITY_SECONDS)
            self.alive()
            world.drain()
        self.open()

    def pass_minutes(self, minutes: int, *, is_alive: bool = False) -> Counter[str]:
        """Let minutes pass, with a run of the reconciler in each; return the sum of its counts."""
        counted: Counter[str] = Counter()
        for _ in range(minutes):
            self.world.clock.sleep(60)
            if is_alive:
                self.alive()
            self.world.drain()
            counted += self.world.reconcile()
        self.world.drain()
        return counted

    def come_back(self) -> Counter[str]:
        """Open a new session that has nothing any more; return what was ended and sent."""
        self.world.clock.sleep(5)
        self.boot = new_id(self.world.clock())
        opened = self.world.sessions.open(ENGINE, SessionOpening(self.boot, EngineCapabilities()))
        self.world.observe()
        return opened.counted

    def leftovers(self) -> list[str]:
        """List what violates an invariant, is not final, or is still in an index."""
        history = self.world.history
        return [
            *history.wrong,
            *self.world.unexpected_errors,
            *(f"call {call} is live" for call in history.live("CALL")),
            *(f"conference {conference} is live" for conference in history.live("CONF")),
            *(
                f"{key} is {image['status']['S']}"
                for key, image in history.recordings()
                if image["status"]["S"] not in checks.FINAL
            ),
            *(f"{key} is in the pending-work index as {work}" for key, work in history.work.items()),
            *(f"{key} is in the index of the engine" for key in history.shards),
            *checks._missing_callbacks(self.world, is_lossless=True),
        ]

    def _live(self) -> list[LiveResource]:
        account, found = self.world.account, []
        for kind, sort_key in (("call", "CALL"), ("conference", "CONF")):
            found += [LiveResource(kind, account, each) for each in self.world.history.live(sort_key)]
        for (partition, name), image in self.world.history.recordings():
            if image["status"]["S"] not in checks.FINAL:
                _, parent_kind, parent = partition.split("#")
                recording = name.removeprefix("REC#")
                found.append(
                    LiveResource("recording", account, recording, Parent(account, ParentKind(parent_kind), parent))
                )
        return found


def leftovers_of_seed(seed: int) -> list[str]:
    """List what is left of an engine that never comes back: 16 minutes later, and an hour for its audio."""
    with World(seed) as world:
        run = LossyRun(world, 1 + seed % POINTS)
        run.lose()
        counted = run.pass_minutes(16 + 61)
        assert counted["engines_lost"] == 16 + 61
        assert counted["engines_gone"] == 1
        return run.leftovers()


@pytest.mark.sized
@pytest.mark.parametrize("first", in_turn(range(0, SEEDS, AT_ONCE)))
def test_everything_of_a_lost_engine_ends(first: int) -> None:
    """After 16 minutes and an hour everything is final, each callback is stored, and both indexes are empty."""
    seeds = range(first, min(first + AT_ONCE, SEEDS))
    assert {seed: left for seed in seeds if (left := leftovers_of_seed(seed))} == {}


def leftovers_after_return(seed: int) -> list[str]:
    """List what is left of an engine that comes back with nothing after some minutes, and an hour for its audio."""
    with World(seed) as world:
        run = LossyRun(world, 1 + seed % POINTS)
        run.deliver_events()
        engine, ingest = world.engine, world.ingest
        run.lose()
        counted = run.pass_minutes(seed % 12)
        assert counted["engines_gone"] == 0
        live = len(world.history.shards)
        ended = run.come_back()
        world.engine, world.ingest = engine, ingest
        assert run.pass_minutes(62, is_alive=True)["engines_lost"] == 0
        assert ended["resources_lost"] <= live
        return run.leftovers()


@pytest.mark.sized
@pytest.mark.parametrize("first", in_turn(range(0, SEEDS, AT_ONCE)))
def test_everything_that_a_new_session_does_not_list_ends(first: int) -> None:
    """An engine that comes back with nothing ends what it had at once, also if it was away for some seconds only."""
    seeds = range(first, min(first + AT_ONCE, SEEDS))
    assert {seed: left for seed in seeds if (left := leftovers_after_return(seed))} == {}


def test_without_the_monitor_things_are_left() -> None:
    """The check finds what is left if nothing ends the resources of a lost engine."""
    found = []
    for seed in range(6):
        with World(seed) as world:
            run = LossyRun(world, POINTS)
            run.lose()
            with patch.object(world.sessions, "end_lost", lambda _: Counter()):
                run.pass_minutes(77)
            found += run.leftovers()
    assert any("is live" in left for left in found)


def test_two_workers_end_an_engine_once() -> None:
    """Of two workers that end the same engine, one counts it; nothing ends twice."""
    with World(3) as world:
        run = LossyRun(world, POINTS)
        run.lose()
        world.clock.sleep(16 * 60)
        presence = world.presences.get_presence(ENGINE.name)
        assert presence is not None
        counts = [world.sessions.end_lost(presence) for _ in range(2)]
        world.observe()
        assert [each["engines_gone"] for each in counts] == [1, 0]
        assert {name: number for name, number in counts[1].items() if number} == {}
        assert len({identifier for _, identifier in world.lost}) == len(world.lost) > 0
        assert world.history.wrong == []
