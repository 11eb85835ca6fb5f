"""finish_recording converts captures from the finishing queue; the reconciler requests what is not converted."""

import hashlib
import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tapedeck.domain.recording import Recording
from tapedeck.domain.subscription import CallbackSubscription
from tests.functions.background_world import World
from tests.functions.objects import Objects
from tests.media import sound

DAY = 86_400
CALLBACK = CallbackSubscription("https://app.example.com/hooks", "POST", ("completed", "absent"), "twilio")


def captured(world: World, bucket: Objects, content: bytes = sound(2), **fields: Any) -> Recording:
    """Store a stopped recording whose capture is uploaded and noted; discard what happened before."""
    recording = world.stage.recording(world.stage.call(), "stopped", confirmed_version=1, **fields)
    world.discard()
    bucket.put(recording, "capture.wav", content)
    digest = hashlib.sha256(content).hexdigest()
    return world.services.media.note_capture(recording.parent, recording.id, len(content), digest)


def read_recording(world: World, recording: Recording) -> Recording:
    """Read the recording."""
    return world.services.recordings.get(recording.parent, recording.id)


def lines(world: World) -> list[dict[str, Any]]:
    """Return the log lines of finish_recording since the last call."""
    return [line for line in world.log.drain() if line["operation"] == "finish_recording"]


@pytest.mark.parametrize("is_conference", [True, False])
def test_a_noted_capture_is_queued_once(world: World, bucket: Objects, *, is_conference: bool) -> None:
    """The change that notes a capture sends one message; later changes of the recording send none."""
    parent = world.stage.conference() if is_conference else world.stage.call()
    recording = world.stage.recording(parent, "stopped")
    bucket.put(recording, "capture.wav", sound(2))
    world.discard()
    assert world.services.media.adopt_capture(recording)
    assert world.publish() == []
    kind = "conference" if is_conference else "call"
    (message,) = world.finishing.drain()
    assert message.body == {
        "account": world.account.account, "parent": {"type": kind, "id": parent.id}, "recording": recording.id,
    }  # fmt: skip
    assert world.convert([message]) == []
    assert read_recording(world, recording).status == "completed"
    assert world.publish() == []
    assert world.finishing.drain() == []


def test_a_message_converts_a_capture(world: World, bucket: Objects) -> None:
    """The conversion completes the recording, deletes the capture, and is logged; a repetition changes nothing."""
    recording = captured(world, bucket, callback=CALLBACK)
    world.publish()
    messages = world.finishing.drain()
    assert world.convert(messages) == []
    found = read_recording(world, recording)
    assert (found.status, found.version, found.duration) == ("completed", recording.version + 1, 2)
    assert bucket.names(recording) == {"original.wav", "original.mp3"}
    assert world.convert(messages) == []
    assert read_recording(world, recording) == found
    assert lines(world) == [{"operation": "finish_recording", "outcome": "done"}] * 2
    world.publish()
    (delivery,) = world.deliveries(recording.id)
    assert (delivery.event, dict(parse_qsl(delivery.body))["RecordingDuration"]) == ("completed", "2")
    assert world.pending_work() == []


def test_a_deleted_recording_is_skipped(world: World, bucket: Objects) -> None:
    """A message about a recording that was finished and deleted since has no effect."""
    recording = captured(world, bucket)
    world.publish()
    messages = world.finishing.drain()
    world.convert(messages)
    world.services.media.delete(recording.parent, recording.id)
    lines(world)
    assert world.convert(messages) == []
    assert lines(world) == [{"operation": "finish_recording", "outcome": "skipped"}]
    assert bucket.names(recording) == set()


@pytest.mark.parametrize("fault", ["busy", "broken", "refused", "lost"])
def test_a_failure_is_retried(world: World, bucket: Objects, fault: str) -> None:
    """A message whose conversion fails is reported as failed, the others of its batch are not."""
    bad, good = captured(world, bucket), captured(world, bucket)
    for each in (bad, good):
        world.background.conversions.request(each)
    messages = world.finishing.drain()
    bucket.faults["GetObject"] = fault
    bucket.meanwhile["PutObject"] = bucket.faults.clear
    gets: list[str] = []

    def recover(operation: str) -> None:
        gets.extend([operation] if operation == "GetObject" else [])
        if len(gets) > 1:
            bucket.faults.clear()

    bucket.watchers.append(recover)
    failed = world.convert(messages)
    bucket.watchers.clear()
    assert [record["messageId"] for record in failed] == ["message-0"]
    assert read_recording(world, bad).status == "stopped"
    assert world.convert(messages) == []
    assert [read_recording(world, each).status for each in (bad, good)] == ["completed", "completed"]


def test_a_malformed_message_is_retried(world: World) -> None:
    """A message that is not a request of a conversion ends in the dead-letter queue."""
    request = {"account": "a", "parent": {"type": "room", "id": "b"}, "recording": "c"}
    for body in (request, {}, {"account": "a"}):
        record = {"messageId": "1", "body": json.dumps(body), "eventSource": "aws:sqs"}
        answer = world.call("finish_recording", {"Records": [record]})
        assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert {line["outcome"] for line in lines(world)} == {"unreadable"}


def test_a_lost_message_is_sent_again_ever_less_often(world: World, bucket: Objects) -> None:
    """The conversion of a capture is requested again when its age is 10, 20, 40 minutes and so on (C-215)."""
    recording = captured(world, bucket, callback=CALLBACK)
    world.discard()
    requested = []
    for minute in range(1, 200):
        world.clock.step(60)
        if world.reconcile().get("conversions"):
            requested.append(minute)
            assert [message.body["recording"] for message in world.finishing.sent[-1:]] == [recording.id]
    assert requested == [10, 20, 40, 80, 160]
    assert world.commands.drain() == []
    assert world.convert(world.finishing.drain()) == []
    assert read_recording(world, recording).status == "completed"
    world.clock.step(600)
    world.reconcile()
    assert [delivery.event for delivery in world.deliveries(recording.id)] == ["completed"]
    assert world.pending_work() == []


def test_a_capture_that_cannot_be_converted_ends(world: World, bucket: Objects) -> None:
    """After a day the recording is absent and its capture stays; a conversion that works then completes it (C-215)."""
    recording = captured(world, bucket, b"garbage", callback=CALLBACK)
    world.publish()
    messages = world.finishing.drain()
    assert len(world.convert(messages)) == 1
    assert lines(world) == [{"operation": "finish_recording", "outcome": "failed", "error": "MediaMissing"}]
    world.clock.step(DAY - 1)
    assert world.reconcile() == {"conversions": 1}
    world.clock.step(1)
    assert world.reconcile() == {"timed_out": 1}
    absent = read_recording(world, recording)
    assert (absent.status, absent.error, absent.is_given_up) == ("absent", 16101, True)
    assert bucket.names(recording) == {"capture.wav"}
    world.publish()
    world.clock.step(600)
    world.reconcile()
    assert world.pending_work() == []
    bucket.put(recording, "capture.wav", sound(2))
    assert world.convert(messages) == []
    world.publish()
    assert [delivery.event for delivery in world.deliveries(recording.id)] == ["absent", "completed"]


def test_audio_an_hour_late_completes_the_recording(world: World, bucket: Objects, dialect: str) -> None:
    """Audio that arrives after the timeout goes through the same queue, and `completed` follows `absent` (C-210)."""
    subscription = CallbackSubscription("https://app.example.com/hooks", "POST", ("completed", "absent"), dialect)
    recording = world.stage.recording(world.stage.call(), "stopped", callback=subscription, confirmed_version=1)
    world.discard()
    world.clock.step(3_600)
    assert world.reconcile() == {"timed_out": 1}
    world.publish()
    assert world.pending_work() == []
    bucket.put(recording, "capture.wav", sound(2))
    digest = hashlib.sha256(sound(2)).hexdigest()
    world.services.media.note_capture(recording.parent, recording.id, len(sound(2)), digest)
    assert world.publish() == []
    assert world.convert() == []
    world.publish()
    absent = recording.version + 1
    found = [(delivery.event, delivery.sequence) for delivery in world.deliveries(recording.id)]
    assert found == [("absent", absent), ("completed", absent + 1)]
    assert world.pending_work() == []


def test_a_capture_is_not_converted_by_the_timeout_of_media(world: World, bucket: Objects) -> None:
    """A recording whose capture is noted does not time out an hour after its stop."""
    recording = captured(world, bucket)
    world.discard()
    world.clock.step(3_600)
    assert world.reconcile() == {"conversions": 1}
    assert read_recording(world, recording).status == "stopped"


def test_a_redrive_requests_lost_conversions(world: World, bucket: Objects) -> None:
    """A replayed change that notes a capture requests its conversion again."""
    captured(world, bucket)
    records = world.changes()
    for _ in range(2):
        assert world.publish(records) == []
    assert len(world.finishing.drain()) == 2
