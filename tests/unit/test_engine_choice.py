"""Which media engine gets a new conference: one that is alive, serves the account and has room, the emptiest first."""

from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapedeck.domain.engine import EngineCapabilities, EnginePresence, MediaEngine
from tapedeck.domain.errors import NotEligibleForRecording
from tapedeck.operations.engine_choice import choose_engine
from tapedeck.ports.engines import RegisteredEngine

NOW: Final = 1_800_000_000
ACCOUNT, OTHER = "a" * 32, "b" * 32
DIALER: Final = EngineCapabilities(place=True)


def alive(name: str, **more: Any) -> EnginePresence:
    """Return the presence of an engine that was seen now and can dial."""
    return replace(EnginePresence(name, "0" * 32, NOW, DIALER), **more)


def registered(name: str, accounts: frozenset[str] | None = None, **more: Any) -> RegisteredEngine:
    """Return a registered engine."""
    return replace(RegisteredEngine(MediaEngine(name, accounts), ("0" * 64,), NOW), **more)


def chosen(*presences: EnginePresence, without: str = "") -> str | None:
    """Return the choice among these engines, all registered but `without`."""
    known = [registered(each.engine) for each in presences if each.engine != without]
    return choose_engine(ACCOUNT, presences, known, NOW)


def test_the_only_engine_is_chosen() -> None:
    """A single engine that is alive gets every conference; without one there is none."""
    assert chosen(alive("ast1")) == "ast1"
    assert chosen() is None
    assert choose_engine(ACCOUNT, [], [registered("ast1")], NOW) is None


@pytest.mark.parametrize(
    "presence",
    [
        alive("ast1", seen_at=NOW - 45),
        alive("ast1", is_draining=True),
        alive("ast1", max_calls=10, live_calls=10),
        alive("ast1", max_calls=0),
        alive("ast1", capabilities=EngineCapabilities(place=False)),
        alive("ast1", capabilities=EngineCapabilities(place=True, conference=False)),
    ],
    ids=["lost", "draining", "full", "no calls", "cannot dial", "no conferences"],
)
def test_an_engine_that_cannot_take_it_is_not_chosen(presence: EnginePresence) -> None:
    """Then another engine is chosen, however full, or none."""
    assert chosen(presence) is None
    assert chosen(presence, alive("ast2", max_calls=10, live_calls=9)) == "ast2"


def test_an_engine_with_the_needed_capabilities_is_chosen() -> None:
    """An engine that lacks one is passed over, and if all lack it that is an error; without any engine it is none."""
    simple = alive("ast1", capabilities=EngineCapabilities(place=True, conference_recording=False))
    known, needed = [registered(name) for name in ("ast1", "ast2")], frozenset({"conference_recording"})
    full = alive("ast2", max_calls=10, live_calls=9)
    assert choose_engine(ACCOUNT, [simple, full], known, NOW, needed) == "ast2"
    assert choose_engine(ACCOUNT, [simple, full], known, NOW) == "ast1"
    assert choose_engine(ACCOUNT, [], known, NOW, needed) is None
    with pytest.raises(NotEligibleForRecording):
        choose_engine(ACCOUNT, [simple, replace(full, live_calls=10)], known, NOW, needed)


def test_the_borders_of_being_alive_and_of_room() -> None:
    """44 seconds after it was seen an engine is alive, and with one call less than its maximum it has room."""
    assert chosen(alive("ast1", seen_at=NOW - 44, max_calls=10, live_calls=9)) == "ast1"


def test_an_engine_without_presence_counts_as_alive() -> None:
    """An engine that reports no presence is never lost."""
    silent = alive("ast1", seen_at=0, capabilities=EngineCapabilities(place=True, presence=False))
    assert chosen(silent) == "ast1"


def test_only_registered_engines_of_the_account_are_chosen() -> None:
    """Not an engine of other accounts, one that is disabled, or one that was deleted."""
    assert chosen(alive("ast1"), without="ast1") is None
    assert choose_engine(ACCOUNT, [alive("ast1")], [registered("ast1", is_disabled=True)], NOW) is None
    assert choose_engine(ACCOUNT, [alive("ast1")], [registered("ast1", frozenset({OTHER}))], NOW) is None
    assert choose_engine(ACCOUNT, [alive("ast1")], [registered("ast1", frozenset({OTHER, ACCOUNT}))], NOW) == "ast1"


def test_the_engine_with_most_room_is_chosen() -> None:
    """Without a maximum there is always most room; then fewer calls count, then the name."""
    assert chosen(alive("ast1", max_calls=10, live_calls=2), alive("ast2", max_calls=10, live_calls=1)) == "ast2"
    assert chosen(alive("ast1", max_calls=5), alive("ast2", max_calls=100, live_calls=90)) == "ast2"
    assert chosen(alive("ast1", max_calls=1_000), alive("ast2", live_calls=5_000)) == "ast2"
    assert chosen(alive("ast1", live_calls=3), alive("ast2", live_calls=2)) == "ast2"
    assert chosen(alive("ast2"), alive("ast1")) == "ast1"


PRESENCES: Final = st.lists(
    st.builds(
        alive, st.sampled_from(["a", "b", "c", "d"]), seen_at=st.integers(NOW - 100, NOW),
        max_calls=st.none() | st.integers(0, 5), live_calls=st.integers(0, 6), is_draining=st.booleans(),
    ),
    unique_by=lambda presence: presence.engine,
)  # fmt: skip


@given(PRESENCES, st.randoms())
def test_the_choice_depends_on_no_order(presences: list[EnginePresence], order: Any) -> None:
    """The same engines in any order give the same choice, which is one that can take the conference."""
    first = chosen(*presences)
    order.shuffle(presences)
    assert chosen(*presences) == first
    able = {
        each.engine
        for each in presences
        if NOW - each.seen_at < 45
        and not each.is_draining
        and (each.max_calls is None or each.live_calls < each.max_calls)
    }
    assert (first in able) if able else first is None
