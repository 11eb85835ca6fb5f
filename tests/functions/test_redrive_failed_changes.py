"""`redrive_failed_changes`: the changes of failed stream batches are published again, in the order of failure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import botocore.session
import pytest

from tapedeck.adapters.failed_batches import PREFIX
from tapedeck.domain.errors import StoreUnavailable
from tapedeck.domain.recording import Parent, ParentKind, Recording
from tapedeck.operations.recordings import StartRecording
from tapedeck.ports.messaging import DomainEvent
from tests.functions.background_world import Event, SentCommand, World
from tests.functions.test_publish_changes import play_conference


def test_redrives_a_pause(world: World, failures: "FailedBatches") -> None:
    """A pause of account 3d1f6c5e… that could not be published at 23:00:00 is published, and its batch is deleted."""
    failures.put(
        (
            "aws/lambda/2b1d0a3e-5f74-4c8b-9e60-7d3c1f0a9b82/shardId-00000001537910000000-0a1b2c3d"
            "/2018/09/25/2018-09-25T23.00.20-6f1e8d7c-3b2a-4950-8e7d-1c0b9a8f7e6d"
        ),
        {
            "requestContext": {
                "requestId": "9f6a1f0e-7c55-4d1f-8c0a-3f0f6f5a2b11",
                "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:publish_changes",
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 11,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": None},
            "version": "1.0",
            "timestamp": "2018-09-25T23:00:20.123Z",
            "DDBStreamBatchInfo": {
                "shardId": "shardId-00000001537910000000-0a1b2c3d",
                "startSequenceNumber": "300000000000000499659",
                "endSequenceNumber": "300000000000000499659",
                "approximateArrivalOfFirstRecord": "2018-09-25T23:00:00Z",
                "approximateArrivalOfLastRecord": "2018-09-25T23:00:00Z",
                "batchSize": 1,
                "streamArn": "arn:aws:dynamodb:us-east-1:123456789012:table/recordings/stream/1",
            },
            "payload": {
                "Records": [
                    {
                        "eventID": "c4ca4238a0b923820dcc509a6f75849b",
                        "eventName": "MODIFY",
                        "eventVersion": "1.1",
                        "eventSource": "aws:dynamodb",
                        "awsRegion": "us-east-1",
                        "dynamodb": {
                            "ApproximateCreationDateTime": 1537916400,
                            "Keys": {
                                "PK": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CALL#016612f5cb6a70008000000000000001"},
                                "SK": {"S": "REC#016612f5dee270008000000000000002"},
                            },
                            "OldImage": {
                                "PK": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CALL#016612f5cb6a70008000000000000001"},
                                "SK": {"S": "REC#016612f5dee270008000000000000002"},
                                "status": {"S": "in-progress"},
                                "version": {"N": "1"},
                                "confirmed": {"N": "1"},
                                "source": {"S": "StartCallRecordingAPI"},
                                "call": {"S": "016612f5cb6a70008000000000000001"},
                                "channels": {"N": "1"},
                                "track": {"S": "both"},
                                "trim": {"S": "do-not-trim"},
                                "started": {"N": "1537916390"},
                                "updated": {"N": "1537916390"},
                                "seq": {"N": "40"},
                                "work": {"S": "OPEN#2"},
                                "work_at": {"N": "1537916390"},
                                # The newest write tokens, which recognise a repeated write.
                                "r1": {"S": "8000000000000002"},
                                "r2": {"S": ""},
                                "r3": {"S": ""},
                                "r4": {"S": ""},
                                "r5": {"S": ""},
                                "r6": {"S": ""},
                                "r7": {"S": ""},
                                "r8": {"S": ""},
                            },
                            "NewImage": {
                                "PK": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CALL#016612f5cb6a70008000000000000001"},
                                "SK": {"S": "REC#016612f5dee270008000000000000002"},
                                "status": {"S": "paused"},
                                "version": {"N": "2"},
                                "confirmed": {"N": "1"},
                                "source": {"S": "StartCallRecordingAPI"},
                                "call": {"S": "016612f5cb6a70008000000000000001"},
                                "channels": {"N": "1"},
                                "track": {"S": "both"},
                                "trim": {"S": "do-not-trim"},
                                "started": {"N": "1537916390"},
                                "updated": {"N": "1537916400"},
                                "seq": {"N": "40"},
                                "pause_behavior": {"S": "silence"},
                                "work": {"S": "OPEN#2"},
                                "work_at": {"N": "1537916390"},
                                # The newest write tokens, which recognise a repeated write.
                                "r1": {"S": "8f6e5d4c3b2a1908"},
                                "r2": {"S": "8000000000000002"},
                                "r3": {"S": ""},
                                "r4": {"S": ""},
                                "r5": {"S": ""},
                                "r6": {"S": ""},
                                "r7": {"S": ""},
                                "r8": {"S": ""},
                            },
                            "SequenceNumber": "300000000000000499659",
                            "SizeBytes": 844,
                            "StreamViewType": "NEW_AND_OLD_IMAGES",
                        },
                        "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/recordings/stream/1",
                    }
                ]
            },
        },
    )
    world.clock.step(30)
    assert world.call("redrive_failed_changes", {"max_batches": 10}) == {"published": 1, "more": False}
    assert failures.keys == []
    assert world.commands.sent == [
        SentCommand(
            engine="standin",
            body={
                "protocol": 2,
                "id": "016612f5cb6a70008000000000000001-016612f5dee270008000000000000002-2-recording.pause",
                "type": "recording.pause",
                "account": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4",
                "version": 2,
                "issued_at": 1537916430250,
                "not_after": 1537916550250,
                "parent": {"type": "call", "id": "016612f5cb6a70008000000000000001"},
                "recording": "016612f5dee270008000000000000002",
                "wanted": {
                    "status": "paused",
                    "pause_behavior": "silence",
                    "channels": 1,
                    "track": "both",
                },
            },
        )
    ]
    assert world.bus.sent == [
        DomainEvent(
            id="016612f5dee270008000000000000002-2",
            kind="recording.paused",
            at=1537916400,
            detail={
                "account": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4",
                "call": "016612f5cb6a70008000000000000001",
                "recording": "016612f5dee270008000000000000002",
                "status": "paused",
                "version": 2,
            },
        )
    ]
    assert world.callbacks.sent == []
    assert world.log.drain() == [{"operation": "redrive_failed_changes", "outcome": "done"}]


def test_refuses_to_redrive_no_batches(world: World, failures: "FailedBatches") -> None:
    """A maximum of 0 batches is refused: the pause of account 3d1f6c5e… is not published, and its batch stays."""
    failures.put(
        (
            "aws/lambda/2b1d0a3e-5f74-4c8b-9e60-7d3c1f0a9b82/shardId-00000001537910000000-0a1b2c3d"
            "/2018/09/25/2018-09-25T23.00.20-6f1e8d7c-3b2a-4950-8e7d-1c0b9a8f7e6d"
        ),
        {
            "requestContext": {
                "requestId": "9f6a1f0e-7c55-4d1f-8c0a-3f0f6f5a2b11",
                "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:publish_changes",
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 11,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": None},
            "version": "1.0",
            "timestamp": "2018-09-25T23:00:20.123Z",
            "DDBStreamBatchInfo": {
                "shardId": "shardId-00000001537910000000-0a1b2c3d",
                "startSequenceNumber": "300000000000000499659",
                "endSequenceNumber": "300000000000000499659",
                "approximateArrivalOfFirstRecord": "2018-09-25T23:00:00Z",
                "approximateArrivalOfLastRecord": "2018-09-25T23:00:00Z",
                "batchSize": 1,
                "streamArn": "arn:aws:dynamodb:us-east-1:123456789012:table/recordings/stream/1",
            },
            "payload": {
                "Records": [
                    {
                        "eventID": "c4ca4238a0b923820dcc509a6f75849b",
                        "eventName": "MODIFY",
                        "eventVersion": "1.1",
                        "eventSource": "aws:dynamodb",
                        "awsRegion": "us-east-1",
                        "dynamodb": {
                            "ApproximateCreationDateTime": 1537916400,
                            "Keys": {
                                "PK": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CALL#016612f5cb6a70008000000000000001"},
                                "SK": {"S": "REC#016612f5dee270008000000000000002"},
                            },
                            "OldImage": {
                                "PK": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CALL#016612f5cb6a70008000000000000001"},
                                "SK": {"S": "REC#016612f5dee270008000000000000002"},
                                "status": {"S": "in-progress"},
                                "version": {"N": "1"},
                                "confirmed": {"N": "1"},
                                "source": {"S": "StartCallRecordingAPI"},
                                "call": {"S": "016612f5cb6a70008000000000000001"},
                                "channels": {"N": "1"},
                                "track": {"S": "both"},
                                "trim": {"S": "do-not-trim"},
                                "started": {"N": "1537916390"},
                                "updated": {"N": "1537916390"},
                                "seq": {"N": "40"},
                                "work": {"S": "OPEN#2"},
                                "work_at": {"N": "1537916390"},
                                # The newest write tokens, which recognise a repeated write.
                                "r1": {"S": "8000000000000002"},
                                "r2": {"S": ""},
                                "r3": {"S": ""},
                                "r4": {"S": ""},
                                "r5": {"S": ""},
                                "r6": {"S": ""},
                                "r7": {"S": ""},
                                "r8": {"S": ""},
                            },
                            "NewImage": {
                                "PK": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CALL#016612f5cb6a70008000000000000001"},
                                "SK": {"S": "REC#016612f5dee270008000000000000002"},
                                "status": {"S": "paused"},
                                "version": {"N": "2"},
                                "confirmed": {"N": "1"},
                                "source": {"S": "StartCallRecordingAPI"},
                                "call": {"S": "016612f5cb6a70008000000000000001"},
                                "channels": {"N": "1"},
                                "track": {"S": "both"},
                                "trim": {"S": "do-not-trim"},
                                "started": {"N": "1537916390"},
                                "updated": {"N": "1537916400"},
                                "seq": {"N": "40"},
                                "pause_behavior": {"S": "silence"},
                                "work": {"S": "OPEN#2"},
                                "work_at": {"N": "1537916390"},
                                # The newest write tokens, which recognise a repeated write.
                                "r1": {"S": "8f6e5d4c3b2a1908"},
                                "r2": {"S": "8000000000000002"},
                                "r3": {"S": ""},
                                "r4": {"S": ""},
                                "r5": {"S": ""},
                                "r6": {"S": ""},
                                "r7": {"S": ""},
                                "r8": {"S": ""},
                            },
                            "SequenceNumber": "300000000000000499659",
                            "SizeBytes": 844,
                            "StreamViewType": "NEW_AND_OLD_IMAGES",
                        },
                        "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/recordings/stream/1",
                    }
                ]
            },
        },
    )
    world.clock.step(30)
    assert world.call("redrive_failed_changes", {"max_batches": 0}) == {
        "error": {"message": "Input should be greater than or equal to 1", "field": "max_batches"}
    }
    assert failures.keys == [
        (
            "aws/lambda/2b1d0a3e-5f74-4c8b-9e60-7d3c1f0a9b82/shardId-00000001537910000000-0a1b2c3d"
            "/2018/09/25/2018-09-25T23.00.20-6f1e8d7c-3b2a-4950-8e7d-1c0b9a8f7e6d"
        )
    ]
    assert world.commands.sent == []
    assert world.callbacks.sent == []
    assert world.bus.sent == []
    assert world.log.drain() == [{"operation": "redrive_failed_changes", "outcome": "refused"}]


class FailedBatches:
    """The bucket where Lambda saves failed batches of the stream."""

    def __init__(self, bucket: str) -> None:
        self._client: Any = botocore.session.get_session().create_client("s3")
        self._bucket = bucket

    def save(self, number: int, records: Sequence[Event] | None, *, as_text: bool = True) -> str:
        """Save a batch as Lambda does, and return its key; with None the record has no payload."""
        key = f"{PREFIX}uuid/shardId-0/2018/09/25/2018-09-25T23.00.{number:02}-id"
        event = {"Records": records}
        saved = {
            "requestContext": {"condition": "RetryAttemptsExhausted"}, "version": "1.0",
            "DDBStreamBatchInfo": {"batchSize": len(records or ())},
            **({"payload": json.dumps(event) if as_text else event} if records is not None else {}),
        }  # fmt: skip
        self.put(key, saved)
        return key

    def put(self, key: str, saved: Mapping[str, Any]) -> None:
        """Save an object with this JSON."""
        self._client.put_object(Bucket=self._bucket, Key=key, Body=json.dumps(saved).encode())

    def corrupt(self, key: str) -> None:
        """Overwrite an object with invalid JSON."""
        self._client.put_object(Bucket=self._bucket, Key=key, Body=b"{")

    @property
    def keys(self) -> list[str]:
        """The keys of all objects."""
        return [item["Key"] for item in self._client.list_objects_v2(Bucket=self._bucket).get("Contents", ())]

    def clear(self) -> None:
        """Delete all objects."""
        for key in self.keys:
            self._client.delete_object(Bucket=self._bucket, Key=key)


@pytest.fixture
def failures(world: World) -> Iterator[FailedBatches]:
    """The bucket, empty."""
    bucket = FailedBatches(world.settings.failed_batches_bucket)
    bucket.clear()
    yield bucket
    bucket.clear()


def unpublished_recording(world: World) -> tuple[Recording, list[Event]]:
    """Start a recording and return it with its unpublished stream records."""
    call = world.stage.call()
    world.discard()
    recording, _ = world.services.recordings.create(Parent(call.account, ParentKind.CALL, call.id), StartRecording())
    return recording, world.changes()


def test_redrives_failed_batches(world: World, failures: FailedBatches) -> None:
    """Failed batches are published as usual, and then deleted."""
    first, second = unpublished_recording(world), unpublished_recording(world)
    failures.save(1, first[1])
    failures.save(2, second[1], as_text=False)
    # For a batch that was too old, Lambda saves no payload.
    failures.save(3, None)
    assert world.call("redrive_failed_changes", {}) == {"published": 4, "more": False}
    assert [message.body["recording"] for message in world.commands.drain()] == [first[0].id, second[0].id]
    assert (failures.keys, world.call("redrive_failed_changes", {})) == ([], {"published": 0, "more": False})


def test_redrives_a_conference_in_order(world: World, failures: FailedBatches) -> None:
    """Callbacks that one write numbered are queued in order."""
    played = play_conference(world, "twilio")
    failures.save(1, played.records)
    assert world.call("redrive_failed_changes", {})["more"] is False
    queued = [
        message.body["delivery"]
        for message in world.callbacks.drain()
        if message.body["resource"] == played.conference.id
    ]
    assert queued == sorted(queued)
    assert len(queued) == len(world.deliveries(played.conference.id))


def test_redrives_the_oldest_batches_first(world: World, failures: FailedBatches) -> None:
    """At most `max_batches` batches are redriven, a shard's oldest first; the answer says whether more are left."""
    made = [unpublished_recording(world) for _ in range(3)]
    for number, (_, records) in reversed(list(enumerate(made))):
        failures.save(number, records)
    assert world.call("redrive_failed_changes", {"max_batches": 2}) == {"published": 4, "more": True}
    assert [message.body["recording"] for message in world.commands.drain()] == [each.id for each, _ in made[:2]]
    assert len(failures.keys) == 1
    assert world.call("redrive_failed_changes", {"max_batches": 2}) == {"published": 2, "more": False}


def test_a_malformed_batch_stays_and_blocks_no_other(world: World, failures: FailedBatches) -> None:
    """Other batches are published; then the run fails, and the malformed batch stays."""
    bad, good = failures.save(1, []), unpublished_recording(world)
    failures.corrupt(bad)
    failures.save(2, good[1])
    with pytest.raises(ValueError, match="Expecting property name"):
        world.call("redrive_failed_changes", {})
    assert [message.body["recording"] for message in world.commands.drain()] == [good[0].id]
    assert failures.keys == [bad]
    assert world.log.drain()[-1] == {"operation": "redrive_failed_changes", "outcome": "fault"}


def test_a_malformed_record_blocks_no_other(world: World, failures: FailedBatches) -> None:
    """The other records of the batch are published by each run, because the whole batch stays."""
    (bad, broken), (good, records) = unpublished_recording(world), unpublished_recording(world)
    for record in broken:
        record["dynamodb"]["NewImage"]["status"] = {"S": "?"}
    key = failures.save(1, [*broken, *records])
    for _ in range(2):
        with pytest.raises(ValueError, match="is not a valid"):
            world.call("redrive_failed_changes", {})
        assert [message.body["recording"] for message in world.commands.drain()] == [good.id]
        assert failures.keys == [key]
    for record in broken:
        record["dynamodb"]["NewImage"]["status"] = {"S": "in-progress"}
    failures.save(1, [*broken, *records])
    assert world.call("redrive_failed_changes", {}) == {"published": 4, "more": False}
    assert [message.body["recording"] for message in world.commands.drain()] == [bad.id, good.id]
    assert failures.keys == []


def test_failed_batches_do_not_count(world: World, failures: FailedBatches) -> None:
    """Batches that fail do not count towards `max_batches`."""
    bad = [failures.save(number, []) for number in range(3)]
    for key in bad:
        failures.corrupt(key)
    made = [unpublished_recording(world) for _ in range(3)]
    for number, (_, records) in enumerate(made, start=len(bad)):
        failures.save(number, records)
    for published in (made[:2], made[2:]):
        with pytest.raises(ValueError, match="Expecting property name"):
            world.call("redrive_failed_changes", {"max_batches": 2})
        assert [message.body["recording"] for message in world.commands.drain()] == [each.id for each, _ in published]
    assert failures.keys == bad


def test_a_failing_queue_leaves_the_batch(world: World, failures: FailedBatches) -> None:
    """If publishing fails again, the batch stays, and the next run publishes it in order."""
    recording, records = unpublished_recording(world)
    key = failures.save(1, records)
    world.commands.failures = 1
    with pytest.raises(StoreUnavailable):
        world.call("redrive_failed_changes", {})
    assert failures.keys == [key]
    assert world.call("redrive_failed_changes", {}) == {"published": 2, "more": False}
    assert [message.body["recording"] for message in world.commands.drain()] == [recording.id]


@pytest.mark.parametrize(("number", "message"), [
    (0, "Input should be greater than or equal to 1"), (1001, "Input should be less than or equal to 1000"),
])  # fmt: skip
def test_refuses_an_invalid_number(world: World, number: int, message: str) -> None:
    """`max_batches` is from 1 to 1000."""
    assert world.call("redrive_failed_changes", {"max_batches": number}) == {
        "error": {"message": message, "field": "max_batches"}
    }
