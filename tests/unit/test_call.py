"""A call: whether it lives, and how long it took."""

import pytest

from tapedeck.domain.call import Call, CallStatus

FINAL = {"completed", "busy", "failed", "no-answer", "canceled"}


@pytest.mark.parametrize("status", CallStatus)
def test_lives_until_a_final_status(status: CallStatus) -> None:
    """The five final statuses end a call (behaviour.md, section 4)."""
    assert Call("0" * 32, "1" * 32, status, 0).is_live == (status not in FINAL)


@pytest.mark.parametrize(
    ("status", "started", "ended", "duration"),
    [
        ("completed", 100, 111, 11),
        ("completed", 100, 100, 0),
        ("completed", None, 111, 0),
        ("completed", 111, 100, 0),
        ("completed", 100, None, None),
        ("in-progress", 100, None, None),
        ("canceled", None, 111, None),
        ("busy", None, 111, None),
    ],
)
def test_takes_its_time(status: str, started: int | None, ended: int | None, duration: int | None) -> None:
    """Only what was completed has a duration, from answer to end, never negative."""
    call = Call("0" * 32, "1" * 32, CallStatus(status), 0, started=started, ended=ended)
    assert call.duration == duration
