"""A confirmed pause means that nothing is captured, with an unreliable engine and two clients in both dialects.

The engine keeps a log of what it really captures. The invariants:

- I1: from the moment at which a pause is answered with 200, nothing is captured until a later request resumes the
  recording.
- I2: after 408 or 503 the pause stays requested: the recording is paused, or what a later request made it, and the
  engine follows. The engine's reports never change what was requested.
- I3: every request is answered within 2.5 seconds and 100 ms. Not counted is the time for which its process stood
  still, because a request of the other client waited inside its wait.
- I4: the effective version never falls.
- I5: nothing is captured after the engine was given up.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final
from unittest.mock import patch

import pytest

from tapedeck.adapters.dynamodb import recordings
from tapedeck.adapters.dynamodb.expressions import Attr
from tapedeck.domain import recording_decision
from tapedeck.domain.engine_situation import Apply, StateChange
from tapedeck.domain.recording import Recording
from tapedeck.operations.confirmations import Confirmations
from tapedeck.ports.recordings import RecordingProgress
from tests.simulation.confirming_world import ConfirmingWorld
from tests.simulation.engine_actor import Capture, EngineActor
from tests.thoroughness import in_turn, scaled

SEEDS: Final = scaled(deep=20_000, ci=300, fast=20)
AT_ONCE: Final = scaled(deep=500, ci=100, fast=20)
"""Seeds per test."""

MAX_SEEDS_OF_A_CONTROL: Final = 300

SEEDS_OF_A_DEFENCE: Final = scaled(deep=5_000, ci=100, fast=10)


def run(make_world: Callable[[], ConfirmingWorld]) -> tuple[list[str], Counter[str]]:
    """Run one seed; return the violated invariants, and what has happened."""
    with make_world() as world:
        world.run_clients()
        return world.violations(), world.counted + world.faults.struck


@pytest.mark.sized
@pytest.mark.parametrize("first", in_turn(range(0, SEEDS, AT_ONCE)))
def test_a_200_on_a_pause_is_true(first: int) -> None:
    """I1 to I5 hold, and the runs have every kind of answer and of fault, in both dialects."""
    wrong, happened = {}, Counter[str]()
    for seed in range(first, first + AT_ONCE):
        violations, counted = run(partial(ConfirmingWorld, seed))
        happened += counted
        if violations:
            wrong[seed] = violations
    assert wrong == {}
    assert {name for name, least in AT_LEAST.items() if happened[name] < least * AT_ONCE} == set()


AT_LEAST: Final[Mapping[str, float]] = (
    {
        "pauses: 200": 1.5,
        "pauses: 400": 0.05,
        "pauses: 408": 0.2,
        "pauses: 503": 0.2,
        "pauses at the same time": 0.1,
        "resumes during a wait": 0.3,
        "changes by the engine": 0.2,
        "connector crashes": 0.1,
        "disk losses": 0.02,
        "host losses": 0.02,
        "hang-ups": 0.02,
        "clocks ahead by days": 0.02,
        "clocks behind by days": 0.02,
        "urgent copy lost": 0.1,
        "urgent copy refused": 0.05,
        "net copy lost": 0.3,
        "copy late": 0.3,
        "copy repeated": 0.2,
        "slow stream": 0.2,
        "slow engine": 0.1,
        "event lost": 0.1,
        "event request lost": 0.3,
        "event answer lost": 0.3,
        "event repeated": 0.5,
        "client gone": 0.1,
    }
    if AT_ONCE >= 100
    else {"pauses: 200": 1.5, "pauses: 408": 0.1, "pauses: 503": 0.1, "event repeated": 0.2, "net copy lost": 0.1}
)
"""How often each of these happens at least, per seed."""


# Negative controls: with one fault in the code or in the engine, an invariant is violated.


class HastyConfirmations(Confirmations):
    """Takes the confirmation of any later version for that of the pause."""

    def _is_confirmed(self, wanted: Recording, found: RecordingProgress | None) -> bool:
        return found is not None and found.confirmed_version >= wanted.version


class TrustingConfirmations(Confirmations):
    """Takes a pause that the engine made by itself for the one that was requested."""

    def _is_confirmed(self, wanted: Recording, found: RecordingProgress | None) -> bool:
        return super()._is_confirmed(wanted, replace(found, own_version=0) if found is not None else None)


class HastyActor(EngineActor):
    """Reports a pause before it has stopped to capture."""

    def _do_and_report(self, capture: Capture, status: str, version: int) -> None:
        if status != "paused" or not self.log.is_capturing(capture.recording):
            super()._do_and_report(capture, status, version)
            return
        capture.status, capture.version = status, version
        self._answer(capture, version)
        self._schedule.after(150, lambda: self.log.cease(capture.recording, self._schedule.clock()))


class UnheldActor(EngineActor):
    """Resumes at once, although the recorder still has audio of the pause."""

    HOLD_BACK_MS = 0


class ForgetfulActor(EngineActor):
    """Begins recordings again that have ended while it was away."""

    def _end(self, name: str) -> None:
        super()._end(name)
        self._disk.ended.clear()


class UnboundActor(EngineActor):
    """Resumes what a command has paused."""

    def _may_resume(self, _capture: Capture) -> bool:
        return True


class UnboundEngine(ConfirmingWorld):
    """Its engine resumes any recording by itself."""

    ACTOR = UnboundActor


class HastyDeployment(ConfirmingWorld):
    """Answers when any later version is confirmed."""

    CONFIRMATIONS = HastyConfirmations


class HastyEngine(ConfirmingWorld):
    """Its engine reports before it acts."""

    ACTOR = HastyActor


class TrustingDeployment(ConfirmingWorld):
    """Answers a pause at once if the engine has paused the recording by itself."""

    CONFIRMATIONS = TrustingConfirmations


class ForgetfulEngine(ConfirmingWorld):
    """Its engine remembers no ends."""

    ACTOR = ForgetfulActor


class UnheldEngine(ConfirmingWorld):
    """Its engine does not hold back a resume."""

    ACTOR = UnheldActor


def violated_within(make_world: Callable[[int], ConfirmingWorld], invariant: str) -> bool:
    """Whether one of the first 300 seeds violates an invariant."""
    return any(
        violation.startswith(f"{invariant}:")
        for seed in range(MAX_SEEDS_OF_A_CONTROL)
        for violation in run(partial(make_world, seed))[0]
    )


@pytest.mark.ci
def test_a_confirmation_of_another_version_would_not_do() -> None:
    """I1 is violated if a pause is answered once its version, or a later one, is confirmed."""
    assert violated_within(HastyDeployment, "I1")


def test_an_engine_must_not_report_before_it_acts() -> None:
    """I1 is violated if the engine reports a pause 150 ms before it takes effect."""
    assert violated_within(HastyEngine, "I1")


@pytest.mark.ci
def test_the_order_of_events_matters() -> None:
    """I2 is violated if each event of the engine counts as the newest: a repeated one undoes what came after it."""
    repeated = {"event repeated": 1.0}
    with patch.object(recording_decision, "reject_old", lambda *_: None):
        assert violated_within(lambda seed: ConfirmingWorld(seed, rates=repeated), "I2")


def test_a_resume_must_be_held_back() -> None:
    """I1 is violated if a resume takes effect at once: up to 400 ms of the pause are kept."""
    assert violated_within(UnheldEngine, "I1")


def test_an_engine_must_remember_what_has_ended() -> None:
    """I5 is violated if an engine that lost its disk begins recordings for late copies of commands."""
    slow = {"slow stream": 1.0}
    assert violated_within(lambda seed: ForgetfulEngine(seed, rates=slow), "I5")


def test_the_reconciler_is_necessary() -> None:
    """I2 is violated without the reconciler if both copies of a command are lost."""
    lost = {"urgent copy lost": 0.5, "net copy lost": 0.5}
    assert violated_within(lambda seed: ConfirmingWorld(seed, reconciles=False, rates=lost), "I2")


def test_an_engine_must_not_resume_what_a_command_has_paused() -> None:
    """I1 is violated if an engine resumes any recording by itself."""
    assert violated_within(UnboundEngine, "I1")


def test_a_pause_that_its_engine_ends_is_sent_again() -> None:
    """With an engine that resumes any recording by itself, the recording is still paused in the end, as requested."""
    violations = [each for seed in range(SEEDS_OF_A_DEFENCE) for each in run(partial(UnboundEngine, seed))[0]]
    assert [each for each in violations if not each.startswith("I1:")] == []


@pytest.mark.ci
def test_a_pause_of_the_engine_is_not_enough() -> None:
    """I1 is violated if a pause is answered because the engine has paused the recording by itself."""
    with patch.object(recordings, "_IS_PAUSED_BY_ENGINE", Attr("status").not_exists()):
        assert violated_within(TrustingDeployment, "I1")


@pytest.mark.ci
def test_an_engine_must_not_end_a_requested_pause() -> None:
    """I1 is violated if the report of an engine that resumes by itself ends a pause that a request began."""
    ends = patch.object(recording_decision, "_decide_contradiction", lambda _: Apply(StateChange.MOVE_RECORDING))
    with ends:
        assert violated_within(UnboundEngine, "I1")
