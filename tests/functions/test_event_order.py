"""Engine events in any order, and of engines whose clocks are wrong: the sequence number decides, no clock does."""

from collections.abc import Mapping
from itertools import permutations
from typing import Any, Final

import pytest

from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Recording, RecordingStatus
from tests.engine_reports import capture_fields
from tests.functions.background_world import World
from tests.media import sound

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS

KINDS: Final[Mapping[str, tuple[str, dict[str, Any]]]] = {
    "start": ("recording.started", {"version": 1}),
    "own pause": ("recording.paused", {}),
    "own resume": ("recording.resumed", {}),
    "own stop": ("recording.stopped", {}),
    "answer to the pause": ("recording.paused", {"version": 2}),
    "end without media": ("recording.absent", {}),
}
"""What an engine may report about a recording: type and fields of the event."""

CONFIRMING: Final = {"start", "answer to the pause"}
OVERRIDDEN: Final = {"own pause", "own resume"}
"""While a request is pending, these change nothing; the engine must not send them before it has confirmed."""

SETUPS: Final = ("requested", "running", "pause requested")


def about(recording: Recording) -> dict[str, Any]:
    """Return the fields by which an event names the recording of a call."""
    return {"parent": {"type": "call", "id": recording.parent.id}, "recording": recording.id}


def recording_of(world: World, recording: Recording) -> Recording:
    """Read a recording."""
    return world.services.recordings.get(recording.parent, recording.id)


def set_up(world: World, setup: str) -> Recording:
    """Make a recording: just requested, running, or running with a pause requested over the API."""
    confirmed = 0 if setup == "requested" else 1
    engine = None if setup == "requested" else "standin"
    recording = world.stage.recording(world.stage.call(), confirmed_version=confirmed, engine=engine)
    if setup == "pause requested":
        world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    return recording


def is_promised(setup: str, first: str, second: str) -> bool:
    """Whether the protocol promises one end for both orders of arrival.

    Not if the second one overtakes a confirmation without which it is overridden, or answers a pause of which the
    recording knows nothing.
    """
    is_pending = setup != "running"
    overtakes = is_pending and first in CONFIRMING and second in OVERRIDDEN
    return not overtakes and (setup == "pause requested" or "answer to the pause" not in {first, second})


@pytest.mark.parametrize("setup", SETUPS)
def test_the_order_of_arrival_of_two_events_does_not_matter(world: World, setup: str) -> None:
    """Two events of one recording lead to the same end in both orders, that of the order of their numbers."""
    pairs = [pair for pair in permutations(KINDS, 2) if is_promised(setup, *pair)]
    assert len(pairs) > 15
    for pair in pairs:
        ends = []
        for order in ([0, 1], [1, 0]):
            recording = set_up(world, setup)
            events = [world.event(KINDS[name][0], **about(recording), **KINDS[name][1]) for name in pair]
            for place in order:
                world.ingest(events[place])
            for place in order:
                world.ingest(events[place])  # one that was early is reported again
            found = recording_of(world, recording)
            ends.append((found.status, found.is_pending))
        assert (pair, ends[1]) == (pair, ends[0])


def test_a_pause_an_hour_ahead_hides_no_resume(world: World) -> None:
    """A pause reported with a time one hour ahead is shown until the true resume, a minute later."""
    recording = set_up(world, "running")
    ahead = world.clock() + HOUR_MS
    assert world.ingest(world.event("recording.paused", **about(recording), at=ahead)) == []
    assert recording_of(world, recording).status is RecordingStatus.PAUSED
    world.clock.step(60)
    assert world.ingest(world.event("recording.resumed", **about(recording))) == []
    assert recording_of(world, recording).status is RecordingStatus.IN_PROGRESS


def test_a_time_in_seconds_orders_nothing(world: World) -> None:
    """Times in seconds instead of milliseconds are shown as the creation of the recording, and every event counts."""
    recording = set_up(world, "requested")
    world.clock.step(5)
    for kind, more in (("started", {"version": 1}), ("paused", {}), ("resumed", {}), ("stopped", {})):
        event = world.event(f"recording.{kind}", **about(recording), **more, at=world.clock.seconds)
        assert world.ingest(event) == []
    found = recording_of(world, recording)
    assert (found.status, found.started, found.ended) == (RecordingStatus.STOPPED, recording.created, recording.created)


def test_a_fractional_time_is_unreadable(world: World) -> None:
    """An event whose time has a fraction is not of the protocol: it changes nothing."""
    recording = set_up(world, "running")
    event = world.event("recording.paused", **about(recording)) | {"at": world.clock() + 0.5}
    assert world.ingest(event) == []
    assert world.reports == [{"id": event["id"], "outcome": "refused", "code": "unreadable", "detail": "at"}]
    assert recording_of(world, recording) == recording


@pytest.mark.parametrize("skew", [-40 * DAY_MS, -HOUR_MS, HOUR_MS, 40 * DAY_MS])
def test_days_of_skew_change_no_status(world: World, skew: int) -> None:
    """With a clock that is hours or days wrong, every status is right, and times lie between creation and now."""
    call, recording = new_id(world.clock()), new_id(world.clock())
    of_recording: dict[str, Any] = {"parent": {"type": "call", "id": call}, "recording": recording}
    parties: dict[str, Any] = {"to": "+12025550100", "from": "+12025550101"}
    shown = []
    for kind, more in (
        ("call.answered", {"call": call, **parties}),
        ("recording.started", {**of_recording, "source": "RecordVerb"}),
        ("recording.paused", of_recording),
        ("recording.resumed", of_recording),
        ("recording.paused", of_recording),
        ("recording.stopped", of_recording),
        ("call.ended", {"call": call}),
    ):
        world.clock.step(1)
        assert world.ingest(world.event(kind, **more, at=world.clock() + skew)) == []
        if kind != "call.answered":
            shown.append(str(world.services.recordings.find(world.account.account, recording).status))
    assert shown == ["in-progress", "paused", "in-progress", "paused", "stopped", "stopped"]
    found = world.services.calls.get(world.account.account, call)
    assert found.created <= (found.started or 0) <= (found.ended or 0) <= world.clock.seconds


def test_another_engine_changes_nothing(world: World) -> None:
    """An event about a recording of another engine is refused, and its capture is not converted."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1, engine="other")
    reports: dict[str, dict[str, Any]] = {
        "paused": {},
        "stopped": {},
        "completed": capture_fields(recording.id, sound(2)),
        "absent": {},
    }
    for kind, more in reports.items():
        assert world.ingest(world.event(f"recording.{kind}", **about(recording), **more)) == []
        assert [(report["outcome"], report["code"]) for report in world.reports] == [("refused", "not_yours")]
    assert recording_of(world, recording) == recording
