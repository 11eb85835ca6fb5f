"""Engines that die, with wrong clocks, poison and early events: table and engine agree while calls are open."""

from collections import Counter
from typing import Any, Final
from unittest.mock import patch

import pytest

from tapedeck.background import event_batches
from tapedeck.domain import recording_decision
from tapedeck.domain.event_rules import stale
from tapedeck.operations.engine_sessions import EngineSessions
from tapedeck_standin.recordings.captures import CaptureMode
from tests.simulation import faulty_engine
from tests.simulation.faulty_engine import FaultyConnector
from tests.simulation.receivers import Receiver
from tests.simulation.workload import Workload
from tests.simulation.world import World
from tests.thoroughness import in_turn, scaled

SEEDS: Final = scaled(deep=20_000, ci=150, fast=10)
AT_ONCE: Final = scaled(deep=500, ci=50, fast=10)
"""Seeds per test."""

SEEDS_PER_CONTROL: Final = 300
"""Within so many seeds, each fault of the service is detected."""

AWAY_SECONDS: Final = (0, 20, 300, 1_200, 4_000)
"""How long an engine stays away that has died; some of them are less than 45 s, more than 15 minutes or an hour."""

GONE_SECONDS: Final = 1_200
"""After this time nothing of a dead engine is live."""

MINUTES: Final = 35
"""After so many minutes without requests or faults, table and engine must agree."""

WEIGHTS: Final = {
    "begin_call": 5, "start": 8, "move": 12, "move_current": 4, "change_by_engine": 12, "record_by_engine": 5,
    "record_conference": 3, "start_conference": 2, "enter": 3, "dial": 2, "reconcile": 3, "wait": 6,
}  # fmt: skip
"""How often each action is chosen; the others have 1."""

DRAIN_PROBABILITY: Final = 0.5
"""Probability that all that is on its way arrives before the next step."""

OWN_CHANGES: Final = ("recording.paused", "recording.resumed")

MODES: Final = {
    "in-progress": {CaptureMode.AUDIO},
    "paused": {CaptureMode.SILENCE, CaptureMode.NOTHING},
}  # fmt: skip


class FaultyWorkload(Workload):
    """A random workload in which the engine records by itself what it reports to record."""

    def __init__(self, world: World, engine: Any) -> None:
        super().__init__(world)
        self._engine = engine
        self._weights = [WEIGHTS.get(action.__name__, 1) for action in self._actions]

    def wait(self) -> None:
        """Advance the clock by a short time."""
        self.world.clock.sleep(self.world.random_source.choice((1, 5, 20, 40, 90)))

    def change_by_engine(self) -> None:
        """The media engine pauses or resumes one of its captures on its own."""
        random_source, captures = self.world.random_source, sorted(self._engine.modes())
        if captures:
            recording, kind = random_source.choice(captures), random_source.choice(OWN_CHANGES)
            parent = self._engine.parent_of(recording)
            self._engine.act(recording, kind)
            self.world.report_event(kind, parent["id"], parent=parent, recording=recording)

    def _report_started(self, parent: dict[str, str], group: str, source: str) -> None:
        del group
        callback = self._callback()
        self._engine.record(
            parent,
            source,
            None
            if callback is None
            else {"url": callback.url, "events": list(callback.events), "dialect": callback.dialect},
        )


class FaultyRun:
    """A random workload with one engine, which dies once; some of the seeds restart its connector only."""

    def __init__(self, world: World) -> None:
        self.world, self.random_source = world, world.random_source
        self.connector = FaultyConnector(world)
        self.workload = FaultyWorkload(world, self.connector.engine)
        world.network.receivers = dict.fromkeys(world.network.receivers, Receiver())

    def play(self) -> None:
        """Play requests and events before the engine dies, while it is away, and afterwards."""
        self._step(self.random_source.randint(5, 25))
        if self.random_source.random() < 0.3:
            self.world.clock.sleep(1)
            self.connector.start(keeps_all=True)
        else:
            world = self.world
            self.connector.die()
            self._step(self.random_source.randint(0, 5))
            away = self.random_source.choice(AWAY_SECONDS)
            self._pass_seconds(away)
            if away >= GONE_SECONDS:
                live = [*world.history.live("CALL"), *world.history.live("CONF")]
                self.connector.wrong += [f"{each} has outlived its engine" for each in live]
            self.world.clock.sleep(1)
            self.connector.start()
        self._step(self.random_source.randint(5, 25))

    def calm_down(self) -> None:
        """Let time pass without requests and faults; the engine is alive."""
        self._pass_seconds(MINUTES * 60)

    def disagreements(self) -> list[str]:
        """List where table and engine differ, and what violates an invariant."""
        world, engine = self.world, self.connector.engine
        wrong = [*world.history.wrong, *world.unexpected_errors, *self.connector.wrong]
        captures = engine.modes()
        begun = {
            key[0].split("#")[2] for key, image in world.history.last.items()
            if key[1] in {"CALL", "CONF"} and image["status"]["S"] == "in-progress"
        }  # fmt: skip
        for (_, name), image in world.history.recordings():
            recording, status = name.removeprefix("REC#"), image["status"]["S"]
            mode = captures.pop(recording, None)
            if mode not in MODES.get(status, {None}):
                wrong.append(f"recording {recording} is {status}, the engine has {mode}")
            if status in MODES and image["confirmed"] != image["version"]:
                wrong.append(f"recording {recording} is {status}, but not confirmed")
        wrong += [
            f"the engine records {each}, which is unknown" for each in captures if engine.parent_of(each)["id"] in begun
        ]
        live = {*world.history.live("CALL"), *world.history.live("CONF")}
        return [*wrong, *(f"{each} is live, the engine does not have it" for each in live - self.connector.subjects)]

    def _step(self, steps: int) -> None:
        for _ in range(steps):
            self.connector.note_alive()
            self.workload.step()
            if self.random_source.random() < DRAIN_PROBABILITY:
                self.world.drain()
            self.connector.note_alive()

    def _pass_seconds(self, seconds: int) -> None:
        """Let time pass, with a run of the reconciler in each minute."""
        for _ in range(0, seconds, 60):
            self.world.clock.sleep(min(60, seconds))
            self.connector.note_alive()
            self.world.drain()
            self.world.reconcile()
        self.world.drain()


def disagreements_of(seed: int) -> list[str]:
    """List the disagreements of a seed while its calls are open."""
    with World(seed) as world:
        run = FaultyRun(world)
        run.play()
        run.calm_down()
        return run.disagreements()


def _by_clock(resource: Any, event: Any) -> Any:
    """Take what is older by the engine's clock for stale."""
    return None if event.at // 1000 >= resource.updated else stale("older by the clock")


CONTROLS: Final[dict[str, Any]] = {
    "clocks decide": patch.object(recording_decision, "reject_old", _by_clock),
    "early events are given up": patch.object(faulty_engine, "GIVEN_UP_AFTER_MS", 0),
    "nothing of a dead engine ends": patch.object(EngineSessions, "_end_all", lambda *_: Counter()),
    "poison ends a batch": patch.object(event_batches, "UnreadableEvent", ZeroDivisionError),
}  # fmt: skip
"""Faults of the service."""

RARELY_FOUND: Final = ("early events are given up",)
"""Faults that only one of many seeds finds."""


@pytest.mark.sized
@pytest.mark.parametrize("first", in_turn(range(0, SEEDS, AT_ONCE)))
def test_table_and_engine_agree_while_calls_are_open(first: int) -> None:
    """Wrong clocks, poison, early events, two workers and the death of an engine lead to no lasting disagreement."""
    seeds = range(first, min(first + AT_ONCE, SEEDS))
    assert {seed: found for seed in seeds if (found := disagreements_of(seed))} == {}


@pytest.mark.parametrize(
    "fault", [pytest.param(each, marks=pytest.mark.ci if each in RARELY_FOUND else ()) for each in CONTROLS]
)
def test_a_faulty_service_is_detected(fault: str) -> None:
    """The check finds what these faults of the service lead to."""
    with CONTROLS[fault]:
        assert any(disagreements_of(seed) for seed in range(SEEDS_PER_CONTROL))
