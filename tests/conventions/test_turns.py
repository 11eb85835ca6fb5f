"""Checks that take turns: each part is chosen by its number or by the commit."""

import pytest

from scripts import turns
from scripts.turns import read_turn
from tests import thoroughness
from tests.thoroughness import in_turn


def test_without_a_choice_all_parts_run() -> None:
    """An empty choice names no part."""
    assert read_turn("", 3) is None


def test_a_part_is_chosen_by_its_number() -> None:
    """The numbers begin at zero."""
    assert [read_turn(number, 3) for number in "012"] == [0, 1, 2]


@pytest.mark.parametrize("choice", ["3", "-1", "first"])
def test_a_part_that_does_not_exist_is_refused(choice: str) -> None:
    """A wrong number must not run nothing."""
    with pytest.raises(ValueError, match=r"the part must be from 0 to 2|invalid literal"):
        read_turn(choice, 3)


@pytest.mark.parametrize(("commit", "part"), [("0", 0), ("ff", 0), ("100", 1), ("a1b2c5", 2)])
def test_the_commit_chooses_the_part(monkeypatch: pytest.MonkeyPatch, commit: str, part: int) -> None:
    """The part is the commit's number, divided by the number of parts: the remainder."""
    monkeypatch.setattr(turns, "_commit", lambda: commit)
    assert read_turn("auto", 3) == part


@pytest.mark.parametrize(
    ("third", "blocks"),
    [
        (None, ["0", "0 1", "0 1 2", "0 1 2 3 4"]),
        (0, ["0", "0", "0", "0 3"]),
        (1, ["0", "1", "1", "1 4"]),
        (2, ["0", "0", "2", "2"]),
    ],
)
def test_blocks_of_seeds_take_turns(monkeypatch: pytest.MonkeyPatch, third: int | None, blocks: list[str]) -> None:
    """The thirds together are all of one, two, three or five blocks, and none of the thirds is empty."""
    monkeypatch.setattr(thoroughness, "THIRD", third)
    assert [" ".join(map(str, in_turn(range(number)))) for number in (1, 2, 3, 5)] == blocks
