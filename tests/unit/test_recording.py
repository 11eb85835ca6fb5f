"""The statuses of a recording and the transitions between them."""

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
    ("absent", "completed"),
    ("absent", "deleted"),
}
NO_OPS = {(status, status) for status in STATUSES} | {("completed", "stopped"), ("absent", "stopped")}


def test_statuses() -> None:
    """A recording has six statuses, two of them active (C-44)."""
    assert tuple(RecordingStatus) == STATUSES
    assert {"in-progress", "paused"} == ACTIVE


@pytest.mark.parametrize(("before", "after"), list(product(STATUSES, STATUSES)))
def test_transitions_match_the_table(before: str, after: str) -> None:
    """Each of the 36 pairs is a legal transition, a no-op, or illegal (C-32)."""
    source, target = RecordingStatus(before), RecordingStatus(after)
    assert (target in TRANSITIONS[source]) == ((before, after) in LEGAL)
    assert (source in allowed_sources(target)) == ((before, after) in LEGAL)
    assert is_noop_transition(source, target) == ((before, after) in NO_OPS)


def test_never_becomes_active_after_it_stopped() -> None:
    """No transition leads from stopped back to an active status; deleted is final."""
    ends = {RecordingStatus.STOPPED}
    for _ in STATUSES:
        ends |= {target for status in ends for target in TRANSITIONS[status]}
    assert ends.isdisjoint(ACTIVE)
    assert not TRANSITIONS[RecordingStatus.DELETED]


@pytest.mark.parametrize("status", RecordingStatus)
def test_activity_and_creation_time(status: RecordingStatus) -> None:
    """Only in-progress and paused are active; the id contains the creation time."""
    parent = Parent("0" * 32, ParentKind.CALL, "1" * 32)
    recording = Recording("0166137e8f80" + "7" + "0" * 19, parent, status, Source.DIAL_VERB, 0)
    assert recording.is_active == (status in {"in-progress", "paused"})
    assert recording.created == 0x0166137E8F80 // 1000
