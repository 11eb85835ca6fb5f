"""Repetitions of an unconfirmed command become rarer, and no run misses one (C-108)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapedeck.domain.command_repetition import is_repetition_due

DUE = [30, 60, 120, 240, 480, 960, *range(1_800, 250_000, 1_800)]


@pytest.mark.parametrize("due", DUE[:9])
def test_is_due_in_the_first_run_at_or_after_each_age(due: int) -> None:
    """A run at the due second sends, one a second before it does not, nor does the next run after it."""
    assert is_repetition_due(due, 1)
    assert not is_repetition_due(due - 1, 1)
    assert not is_repetition_due(due + 1, 1)


@pytest.mark.parametrize(
    ("age", "interval", "expected"),
    [(0, 60, False), (29, 60, False), (30, 60, True), (89, 60, True), (90, 60, True), (119, 60, True), (120, 60, True),
     (180, 60, False), (239, 60, False), (240, 60, True), (299, 60, True), (300, 60, False), (1_799, 60, False),
     (1_859, 60, True), (1_860, 60, False), (21_600, 21_600, True)],
)  # fmt: skip
def test_borders_of_a_run_each_minute(age: int, interval: int, expected: bool) -> None:  # noqa: FBT001 - a parameter
    """A run covers the ages after the previous run, and its own."""
    assert is_repetition_due(age, interval) is expected


@given(st.lists(st.integers(1, 4_000), min_size=1, max_size=60))
def test_no_age_is_missed_or_counted_twice(intervals: list[int]) -> None:
    """However irregular the runs are: a run sends if and only if an age became due since the run before."""
    now = 0
    for interval in intervals:
        now += interval
        assert is_repetition_due(now, interval) is any(now - interval < due <= now for due in DUE)


def test_six_hours_of_runs_send_eighteen_repetitions() -> None:
    """A command that stays unconfirmed for six hours is sent again 18 times, not 360 times."""
    assert sum(is_repetition_due(age, 60) for age in range(30, 21_631, 60)) == 18


def test_a_queue_that_is_not_read_holds_at_most_nine_copies() -> None:
    """With the two copies of the request, nine copies are younger than an hour, the retention of the queue (C-257)."""
    sent = [0, 0, *(age for age in range(30, 86_400, 60) if is_repetition_due(age, 60))]
    waiting = [sum(now - 3_600 < each <= now for each in sent) for now in sent]
    assert max(waiting) == 9
    assert set(waiting[-20:]) == {2}
