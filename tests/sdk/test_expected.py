"""Comparison of two traces of the scenario: which differences are ignored."""

from typing import Any

import pytest

from tests.sdk.expected import comparable, expected_trace

STEPS = ["read after the stop", "last conference recording"]


def reported(vendor: str, step: str, **changes: Any) -> Any:
    """Return a comparable trace in which one step differs from the expected one."""
    trace = expected_trace(vendor)
    return comparable(vendor, {**trace, step: {**trace[step], **changes}})


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("vendor", ["twilio", "signalwire"])
def test_a_finished_recording_is_no_difference_after_the_end(vendor: str, step: str) -> None:
    """A recording that is read late after its end may be absent, or completed if it is long enough."""
    expected = comparable(vendor, expected_trace(vendor))
    for error, duration in ((16101, 0), ("16101", "0")):
        assert reported(vendor, step, status="absent", error_code=error, duration=duration) == expected
    for seconds in (1, "1", "60"):
        assert reported(vendor, step, status="completed", error_code=None, duration=seconds) == expected


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("vendor", ["twilio", "signalwire"])
@pytest.mark.parametrize(
    "changes",
    [
        {"status": "completed", "duration": 0},
        {"status": "completed", "duration": 1, "error_code": 16101},
        {"status": "absent", "error_code": 16102, "duration": 0},
        {"status": "absent", "error_code": 16101, "duration": 0, "channels": 2},
        {"status": "paused"},
        {"duration": 1},
    ],
)
def test_any_other_change_is_a_difference(vendor: str, step: str, changes: dict[str, Any]) -> None:
    """Inconsistent or changed fields are a difference."""
    assert reported(vendor, step, **changes) != comparable(vendor, expected_trace(vendor))


@pytest.mark.parametrize("vendor", ["twilio", "signalwire"])
def test_a_finished_recording_is_a_difference_in_other_steps(vendor: str) -> None:
    """The response to a change does not depend on the speed of the client."""
    finished = reported(vendor, "stopped", status="absent", error_code=16101, duration=0)
    assert finished != comparable(vendor, expected_trace(vendor))
