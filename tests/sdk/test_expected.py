"""Which differences between two runs of the scenario are none."""

from typing import Any

import pytest

from tests.sdk.expected import comparable, expected_trace

STEPS = ["read after the stop", "last conference recording"]


def reported(vendor: str, step: str, **changes: Any) -> Any:
    """A whole trace, comparable, in which one step shows something else than expected."""
    trace = expected_trace(vendor)
    return comparable(vendor, {**trace, step: {**trace[step], **changes}})


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("vendor", ["twilio", "signalwire"])
def test_a_slow_client_may_see_a_finished_recording(vendor: str, step: str) -> None:
    """What is read more than a second after its end is absent, or completed where it was long enough."""
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
def test_a_slow_client_may_see_nothing_else(vendor: str, step: str, changes: dict[str, Any]) -> None:
    """Facts that do not belong together, or that were others before, are a difference."""
    assert reported(vendor, step, **changes) != comparable(vendor, expected_trace(vendor))


@pytest.mark.parametrize("vendor", ["twilio", "signalwire"])
def test_elsewhere_nobody_may_see_a_finished_recording(vendor: str) -> None:
    """An answer to a change does not depend on how fast the client is."""
    finished = reported(vendor, "stopped", status="absent", error_code=16101, duration=0)
    assert finished != comparable(vendor, expected_trace(vendor))
