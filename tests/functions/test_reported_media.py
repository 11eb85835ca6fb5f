"""Engine events that end a recording with its media or without, reported over HTTP."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any, Final

import pytest

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus
from tapedeck_standin.recordings.audio import Part, make_wav
from tests.engine_reports import capture_fields
from tests.functions.background_world import World
from tests.functions.objects import Objects
from tests.functions.reported_events import CALLBACK, Ingest, all_items, fields_of, new_engine_id, recording_of
from tests.media import sound
from tests.thoroughness import scaled


def _completed(world: World, recording: Recording, content: bytes, **more: Any) -> dict[str, Any]:
    return world.event(
        "recording.completed", **fields_of(recording), **{**capture_fields(recording.id, content), **more}
    )


@pytest.mark.parametrize("status", ["in-progress", "paused", "stopped"])
@pytest.mark.parametrize("confirmed", [0, 1])
def test_a_recording_is_completed(
    world: World, bucket: Objects, status: str, confirmed: int, parent: Call | Conference
) -> None:
    """A recording completes with its media and their duration, and late events change nothing."""
    recording = world.stage.recording(parent, status, confirmed_version=confirmed)
    content = sound(2)
    bucket.put(recording, "capture.wav", content)
    now = world.clock.step(9)
    event = _completed(world, recording, content)
    assert world.ingest(event) == []
    assert recording_of(world, recording).status is RecordingStatus.STOPPED
    assert (world.publish(), world.convert()) == ([], [])
    found = recording_of(world, recording)
    versions = 1 if status == "stopped" else 2
    assert found == replace(
        recording, status=RecordingStatus.COMPLETED, version=recording.version + versions,
        confirmed_version=recording.version + versions, duration=2, updated=now, pause_behavior=found.pause_behavior,
        ended=recording.ended if status == "stopped" else now, last_event_seq=event["seq"] * (status != "stopped"),
        captured_at=now, capture_size=event["bytes"], capture_sha256=event["sha256"],
        own_version=0 if status == "stopped" else recording.version + 1,
    )  # fmt: skip
    assert bucket.names(recording) == {"original.wav", "original.mp3"}
    before = all_items(world)
    for late in (event, world.event("recording.started", **fields_of(recording), version=1),
                 world.event("recording.stopped", **fields_of(recording), version=2),
                 world.event("recording.stopped", **fields_of(recording)),
                 world.event("recording.absent", **fields_of(recording))):  # fmt: skip
        assert world.ingest(late) == []
    assert all_items(world) == before


def test_another_ticket_is_refused(world: World, bucket: Objects) -> None:
    """An event with the ticket of another recording is refused, and neither recording changes (REL-11)."""
    recording = world.stage.recording(world.stage.call(), "stopped")
    other = world.stage.recording(world.stage.call(), "stopped")
    bucket.put(other, "capture.wav", sound(2))
    before = all_items(world)
    ticket = capture_fields(other.id, sound(2))["ticket"]
    assert world.ingest(_completed(world, recording, sound(2), ticket=ticket)) == []
    assert all_items(world) == before
    assert [(report["outcome"], report["code"]) for report in world.reports] == [("refused", "unknown_key")]
    assert bucket.names(other) == {"capture.wav"}


def test_missing_media_are_retried(world: World, bucket: Objects) -> None:
    """With a missing capture the recording is stopped, and the event is retried."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1)
    assert world.ingest(_completed(world, recording, sound(2))) == [0]
    assert recording_of(world, recording).status is RecordingStatus.STOPPED
    assert world.reports[-1]["outcome"] == "later"
    bucket.put(recording, "capture.wav", sound(2))
    assert world.ingest(_completed(world, recording, sound(2))) == []
    assert (world.publish(), world.convert()) == ([], [])
    assert recording_of(world, recording).status is RecordingStatus.COMPLETED


@pytest.mark.parametrize(
    ("content", "error"),
    [(make_wav([Part(900, is_sound=True)], [True]), 16101), (make_wav([Part(2_000, is_sound=False)], [True]), 16102)],
)
def test_too_short_or_silent_media_make_a_recording_absent(
    world: World, bucket: Objects, content: bytes, error: int
) -> None:
    """Media that are too short or silent are deleted, and the error code says why."""
    recording = world.stage.recording(world.stage.call(), "stopped", confirmed_version=1)
    bucket.put(recording, "capture.wav", content)
    assert world.ingest(_completed(world, recording, content)) == []
    assert (world.publish(), world.convert()) == ([], [])
    found = recording_of(world, recording)
    assert (found.status, found.error, found.duration) == (RecordingStatus.ABSENT, error, 0)
    assert bucket.names(recording) == set()


def test_late_media_are_deleted(world: World, bucket: Objects) -> None:
    """The capture of a deleted recording is deleted, and the recording does not change."""
    recording = world.stage.recording(world.stage.call(), "completed")
    world.services.media.delete(recording.parent, recording.id)
    bucket.put(recording, "capture.wav", sound(2))
    before = all_items(world)
    assert world.ingest(_completed(world, recording, sound(2))) == []
    assert all_items(world) == before
    assert bucket.names(recording) == set()


def test_late_media_complete_a_recording_that_was_given_up(world: World, bucket: Objects) -> None:
    """Media of a recording that timed out complete it, although it was published as absent (C-210)."""
    recording = world.stage.recording(world.stage.call(), "stopped")
    world.services.media.give_up(recording.parent, recording.id)
    bucket.put(recording, "capture.wav", sound(2))
    assert world.ingest(_completed(world, recording, sound(2))) == []
    assert (world.publish(), world.convert()) == ([], [])
    found = recording_of(world, recording)
    assert (found.status, found.version, found.error) == (RecordingStatus.COMPLETED, recording.version + 2, None)
    assert bucket.names(recording) == {"original.wav", "original.mp3"}


@pytest.mark.parametrize("status", ["in-progress", "paused", "stopped"])
@pytest.mark.parametrize(("kind", "more", "error"), [
    ("recording.absent", {"error": 16102}, 16102), ("recording.absent", {}, 16101),
    ("recording.absent", {"error": 16104}, 16101),
])  # fmt: skip
def test_a_recording_is_absent(
    world: World, applied: Ingest, status: str, kind: str, more: dict[str, Any], error: int
) -> None:
    """An absent or failed recording is stored as absent with the error of the reason, from each live status."""
    recording = world.stage.recording(world.stage.call(), status, confirmed_version=1)
    applied(kind, **fields_of(recording), **more)
    found = recording_of(world, recording)
    assert (found.status, found.error, found.duration) == (RecordingStatus.ABSENT, error, 0)
    assert found.confirmed_version == found.version
    assert world.pending_work() == []


@pytest.mark.parametrize("status", ["in-progress", "stopped"])
def test_a_recording_that_never_started_is_not_published_as_started(world: World, applied: Ingest, status: str) -> None:
    """A recording that the engine could not start gets no `in-progress` callback."""
    recording = world.stage.recording(world.stage.call(), status, callback=CALLBACK)
    world.discard()
    applied("recording.absent", error=16104, **fields_of(recording))
    found = recording_of(world, recording)
    assert (found.status, found.is_start_confirmed) == (RecordingStatus.ABSENT, False)
    assert world.publish() == []
    assert [delivery.event for delivery in world.deliveries(recording.id)] == ["absent"]


def test_an_event_of_an_unknown_recording_is_retried(world: World, retried: Ingest) -> None:
    """Events of an unknown recording, or of one of another parent or account, are retried."""
    call, other = world.stage.call(), world.stage.call()
    theirs = world.stage.recording(other, "stopped")
    kinds: dict[str, dict[str, Any]] = {
        "recording.started": {}, "recording.paused": {}, "recording.resumed": {"version": 2}, "recording.stopped": {},
        "recording.completed": {}, "recording.absent": {},
    }  # fmt: skip
    for recording, of in ((new_engine_id(world), call.id), (theirs.id, call.id)):
        for kind, more in kinds.items():
            key = capture_fields(recording, b"x") if kind == "recording.completed" else {}
            retried(kind, parent={"type": "call", "id": of}, recording=recording, **more, **key)
    finished = world.stage.recording(other, "completed")
    retried("recording.completed", parent={"type": "call", "id": call.id}, recording=finished.id,
                **capture_fields(finished.id, b"x"))  # fmt: skip
    stranger = world.accounts.create().account
    for kind, more in kinds.items():
        key = capture_fields(theirs.id, b"x") if kind == "recording.completed" else {}
        retried(kind, **fields_of(theirs), account=stranger, **more, **key)


def test_events_of_a_deleted_recording_are_ignored(world: World, ignored: Ingest) -> None:
    """Events of a deleted recording change nothing and are not retried."""
    recording = world.stage.recording(world.stage.call(), "completed")
    world.services.media.delete(recording.parent, recording.id)
    for kind, more in (
        ("recording.started", {"source": "DialVerb"}), ("recording.started", {"version": 1}),
        ("recording.paused", {}), ("recording.stopped", {"version": 2}), ("recording.stopped", {}),
        ("recording.completed", capture_fields(recording.id, b"x")), ("recording.absent", {}),
    ):  # fmt: skip
        ignored(kind, **fields_of(recording), **more)
    ignored("transcription.completed", recording=recording.id, transcription=new_engine_id(world), text="Hello.")


ORDER: Final = [
    ("recording.started", 1), ("recording.paused", 2), ("recording.resumed", 3), ("recording.stopped", 4),
    ("recording.completed", None),
]  # fmt: skip


@pytest.mark.sized
@pytest.mark.parametrize("order", list(permutations(range(5)))[:: scaled(deep=1, ci=5, fast=17)])
def test_events_in_any_order_lead_to_one_end(world: World, bucket: Objects, order: Sequence[int]) -> None:
    """In any order of events the recording ends once, with one callback for each change, in order."""
    call = world.stage.call()
    parent = Parent(call.account, ParentKind.CALL, call.id)
    recording = world.stage.recording(call, callback=CALLBACK)
    world.discard()
    for target in (RecordingStatus.PAUSED, RecordingStatus.IN_PROGRESS, RecordingStatus.STOPPED):
        world.services.recordings.update(parent, recording.id, target)
    bucket.put(recording, "capture.wav", sound(1))
    events = [
        _completed(world, recording, sound(1))
        if version is None
        else world.event(kind, **fields_of(recording), version=version)
        for kind, version in ORDER
    ]
    for place in order:
        world.clock.step(1)
        assert world.ingest(events[place], events[place]) == []
    assert (world.publish(), world.convert()) == ([], [])
    found = recording_of(world, recording)
    assert (found.status, found.version, found.confirmed_version, found.is_pending) == (
        RecordingStatus.COMPLETED,
        5,
        5,
        False,
    )
    assert world.publish() == []
    assert [(delivery.event, delivery.sequence) for delivery in world.deliveries(recording.id)] == [
        ("in-progress", 1), ("completed", 5),
    ]  # fmt: skip
    assert list(dict.fromkeys(message.body["delivery"] for message in world.callbacks.drain())) == [
        "00000001.in-progress", "00000005.completed",
    ]  # fmt: skip
    assert world.pending_work() == []
