"""When a recording has waited too long for its start or its media."""

from dataclasses import replace

import pytest

from tapedeck.domain.identity import new_id
from tapedeck.domain.pending_work import has_timed_out
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source

NOW = 1_537_916_400
UNSTARTED = Recording(
    new_id(NOW * 1000), Parent("0" * 32, ParentKind.CALL, "1" * 32), RecordingStatus.IN_PROGRESS,
    Source.START_CALL_RECORDING, NOW,
)  # fmt: skip
STARTED = replace(UNSTARTED, confirmed_version=1, engine="one")
STOPPED = replace(STARTED, status=RecordingStatus.STOPPED)
CAPTURED = replace(STOPPED, captured_at=NOW)


@pytest.mark.parametrize(
    ("recording", "seconds"), [(UNSTARTED, 2_400), (STARTED, None), (STOPPED, 3_600), (CAPTURED, 86_400)]
)
def test_a_recording_times_out(recording: Recording, seconds: int | None) -> None:
    """A start times out after 40 minutes, media after an hour, a conversion after a day; a running capture never."""
    reached = [age for age in (0, 2_399, 2_400, 3_599, 3_600, 86_399, 86_400) if has_timed_out(recording, NOW + age)]
    assert reached[:1] == ([seconds] if seconds is not None else [])
