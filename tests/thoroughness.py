"""Scales the amount of testing by the variable `TAPEDECK_TEST_SIZE`.

`fast` is the size of `make test`, `ci` the size of `make test-ci`, and `deep` the size of `make test-deep`.
A test whose amount of work depends on the size has the marker `sized`, so that `make test-ci` runs it again.
"""

import os
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from scripts.turns import read_turn

Amount = TypeVar("Amount")
Case = TypeVar("Case")

SIZE: Final = os.environ.get("TAPEDECK_TEST_SIZE") or "fast"
if SIZE not in {"fast", "ci", "deep"}:
    raise ValueError(f"TAPEDECK_TEST_SIZE must be fast, ci or deep, not {SIZE!r}")

THIRD: Final = read_turn(os.environ.get("TAPEDECK_TEST_THIRD", ""), 3)
"""Which third of the seeds and of the cases with tested neighbours (`THINNED` in tests/conftest.py) runs; None: all."""


def scaled(*, deep: Amount, ci: Amount, fast: Amount) -> Amount:
    """Return the value for the current size: a number of rounds, examples or requests, or a list of cases."""
    return {"deep": deep, "ci": ci, "fast": fast}[SIZE]


def in_turn(blocks: Iterable[Case]) -> list[Case]:
    """Return all blocks of seeds, or those of the chosen third; the first one if the third is empty."""
    every = list(blocks)
    return every if THIRD is None else every[THIRD::3] or every[:1]


def share(cases: Iterable[Case], group: Callable[[Any], object]) -> list[Case]:
    """Return all cases at the size `deep`, else one case of each group: the first group's first, the second's second.

    This takes cases of every kind: each group lists its cases in the same order of dialects.
    """
    groups: dict[object, list[Case]] = {}
    for case in cases:
        groups.setdefault(group(case), []).append(case)
    if SIZE == "deep":
        return [case for members in groups.values() for case in members]
    return [members[number % len(members)] for number, members in enumerate(groups.values())]
