"""A recording's statuses and moves (behaviour.md, sections 5.1 and 5.3)."""

from itertools import product

import pytest

from tapedeck.domain.recording import (
    ACTIVE,
    TRANSITIONS,
    Parent,
    ParentKind,
    Recording,
    RecordingStatus,
    Source,
    allowed_sources,
    is_noop_transition,
)

STATUSES = ("in-progress", "paused", "stopped", "completed", "absent", "deleted")
LEGAL = {
    ("in-progress", "paused"),
    ("in-progress", "stopped"),
    ("paused", "in-progress"),
    ("paused", "stopped"),
    ("stopped", "completed"),
    ("stopped", "absent"),
    ("completed", "deleted"),
    ("absent", "deleted"),
}
REPETITIONS = {(status, status) for status in STATUSES} | {("completed", "stopped"), ("absent", "stopped")}


def test_knows_these_statuses() -> None:
    """There are six, two of them active."""
    assert tuple(RecordingStatus) == STATUSES
    assert {"in-progress", "paused"} == ACTIVE


@pytest.mark.parametrize(("before", "after"), list(product(STATUSES, STATUSES)))
def test_moves_as_the_table_says(before: str, after: str) -> None:
    """Each of the 36 pairs is a legal move, a repetition that changes nothing, or neither."""
    source, target = RecordingStatus(before), RecordingStatus(after)
    assert (target in TRANSITIONS[source]) == ((before, after) in LEGAL)
    assert (source in allowed_sources(target)) == ((before, after) in LEGAL)
    assert is_noop_transition(source, target) == ((before, after) in REPETITIONS)


def test_never_comes_back_from_the_end() -> None:
    """From stopped on no way leads back to an active status, and every way ends in deleted."""
    ends = {RecordingStatus.STOPPED}
    for _ in STATUSES:
        ends |= {target for status in ends for target in TRANSITIONS[status]}
    assert ends.isdisjoint(ACTIVE)
    assert not TRANSITIONS[RecordingStatus.DELETED]


@pytest.mark.parametrize("status", RecordingStatus)
def test_tells_whether_it_is_active(status: RecordingStatus) -> None:
    """In progress and paused is active, nothing else; when it was made its id tells."""
    parent = Parent("0" * 32, ParentKind.CALL, "1" * 32)
    recording = Recording("0166137e8f80" + "7" + "0" * 19, parent, status, Source.DIAL_VERB, 0)
    assert recording.is_active == (status in {"in-progress", "paused"})
    assert recording.created == 0x0166137E8F80 // 1000
