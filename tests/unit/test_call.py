"""A call: whether it is live, and its duration."""

import pytest

from tapedeck.domain.call import Call, CallStatus

FINAL = {"completed", "busy", "failed", "no-answer", "canceled"}


@pytest.mark.parametrize("status", CallStatus)
def test_is_live_until_a_final_status(status: CallStatus) -> None:
    """The five final statuses end a call ; in any other status it is live."""
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
def test_duration_counts_from_answer_to_end(
    status: str, started: int | None, ended: int | None, duration: int | None
) -> None:
    """Only a completed call has a duration: from answer to end, never negative."""
    call = Call("0" * 32, "1" * 32, CallStatus(status), 0, started=started, ended=ended)
    assert call.duration == duration
