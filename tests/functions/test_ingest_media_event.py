"""ingest_media_event applies the engine events of a queue; `test_reported_events.py` has the events themselves."""

from tapedeck.domain.call import CallStatus
from tapedeck.domain.identity import new_id
from tests.functions.background_world import World


def test_confirms_a_pause(world: World) -> None:
    """The engine has paused a recording of account 3d1f6c5e…: version 2 is confirmed, and the message is done."""
    world.memory.put_item(
        TableName=world.table,
        Item={
            "PK": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CALL#016612f5cb6a70008000000000000001"},
            "SK": {"S": "REC#016612f5dee270008000000000000002"},
            "status": {"S": "paused"},
            "pause_behavior": {"S": "silence"},
            "version": {"N": "2"},
            "confirmed": {"N": "1"},
            "source": {"S": "StartCallRecordingAPI"},
            "call": {"S": "016612f5cb6a70008000000000000001"},
            "channels": {"N": "1"},
            "track": {"S": "both"},
            "trim": {"S": "do-not-trim"},
            "started": {"N": "1537916390"},
            "updated": {"N": "1537916398"},
            "seq": {"N": "40"},
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
    )
    assert world.call(
        "ingest_media_event",
        {
            "Records": [
                {
                    "messageId": "2e1424e4-f796-459a-8184-9c92662be6da",
                    "receiptHandle": "AQEBzWwaftRI0KuVm4tP",
                    "body": (
                        '{"id": "016612f5ef8c70008000000000000003", "type": "recording.paused", '
                        '"account": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4", "seq": 41, "at": 1537916399500, '
                        '"parent": {"type": "call", "id": "016612f5cb6a70008000000000000001"}, '
                        '"recording": "016612f5dee270008000000000000002", "version": 2}'
                    ),
                    "attributes": {
                        "ApproximateReceiveCount": "1",
                        "SentTimestamp": "1537916399600",
                        "SequenceNumber": "18840745863214063360",
                        "MessageGroupId": "016612f5cb6a70008000000000000001",
                        "SenderId": "AROAEXAMPLE:connector",
                        "MessageDeduplicationId": "016612f5ef8c70008000000000000003",
                        "ApproximateFirstReceiveTimestamp": "1537916400200",
                    },
                    "messageAttributes": {},
                    "md5OfBody": "a1143d71c5f80cf039a082fb451913c3",
                    "eventSource": "aws:sqs",
                    "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:media-events.fifo",
                    "awsRegion": "us-east-1",
                }
            ]
        },
    ) == {"batchItemFailures": []}
    assert world.memory.scan(TableName=world.table)["Items"] == [
        {
            "PK": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CALL#016612f5cb6a70008000000000000001"},
            "SK": {"S": "REC#016612f5dee270008000000000000002"},
            "status": {"S": "paused"},
            "pause_behavior": {"S": "silence"},
            "version": {"N": "2"},
            "confirmed": {"N": "2"},
            "source": {"S": "StartCallRecordingAPI"},
            "call": {"S": "016612f5cb6a70008000000000000001"},
            "channels": {"N": "1"},
            "track": {"S": "both"},
            "trim": {"S": "do-not-trim"},
            "started": {"N": "1537916390"},
            "updated": {"N": "1537916398"},
            "seq": {"N": "41"},
            "effective": {"N": "2"},
            "work": {"S": "OPEN#2"},
            "work_at": {"N": "1537916390"},
            # The newest write tokens, which recognise a repeated write.
            "r1": {"S": "8000000000000003"},
            "r2": {"S": "8f6e5d4c3b2a1908"},
            "r3": {"S": "8000000000000002"},
            "r4": {"S": ""},
            "r5": {"S": ""},
            "r6": {"S": ""},
            "r7": {"S": ""},
            "r8": {"S": ""},
        }
    ]
    assert world.log.drain() == [{"operation": "ingest_media_event", "outcome": "done"}]


def test_retries_an_event_of_an_unknown_recording(world: World) -> None:
    """If a recording of account 3d1f6c5e… is not in the table yet, the message is reported as failed; SQS retries."""
    assert world.call(
        "ingest_media_event",
        {
            "Records": [
                {
                    "messageId": "2e1424e4-f796-459a-8184-9c92662be6da",
                    "receiptHandle": "AQEBzWwaftRI0KuVm4tP",
                    "body": (
                        '{"id": "016612f5ef8c70008000000000000003", "type": "recording.paused", '
                        '"account": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4", "seq": 41, "at": 1537916399500, '
                        '"parent": {"type": "call", "id": "016612f5cb6a70008000000000000001"}, '
                        '"recording": "016612f5dee270008000000000000002", "version": 2}'
                    ),
                    "attributes": {
                        "ApproximateReceiveCount": "1",
                        "SentTimestamp": "1537916399600",
                        "SequenceNumber": "18840745863214063360",
                        "MessageGroupId": "016612f5cb6a70008000000000000001",
                        "SenderId": "AROAEXAMPLE:connector",
                        "MessageDeduplicationId": "016612f5ef8c70008000000000000003",
                        "ApproximateFirstReceiveTimestamp": "1537916400200",
                    },
                    "messageAttributes": {},
                    "md5OfBody": "a1143d71c5f80cf039a082fb451913c3",
                    "eventSource": "aws:sqs",
                    "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:media-events.fifo",
                    "awsRegion": "us-east-1",
                }
            ]
        },
    ) == {"batchItemFailures": [{"itemIdentifier": "2e1424e4-f796-459a-8184-9c92662be6da"}]}
    assert world.memory.scan(TableName=world.table)["Items"] == []
    assert world.log.drain() == [{"operation": "ingest_media_event", "outcome": "failed", "error": "NotYetApplicable"}]


def test_a_failed_message_blocks_only_its_group(world: World) -> None:
    """Later messages of the failed message's group are retried in order; other groups are processed (REL-8)."""
    call, other = world.stage.call("ringing"), world.stage.call("ringing")
    unknown = world.event("call.ended", call=new_id(world.clock()))
    answered = [world.event("call.answered", call=each.id) for each in (call, other, call)]
    failed = world.ingest_queued(answered[0], unknown, answered[1], answered[2], groups=["one", "one", "two", "one"])
    assert failed == ["message-1", "message-3"]
    assert [world.services.calls.get(each.account, each.id).status for each in (call, other)] == [
        CallStatus.IN_PROGRESS
    ] * 2
    assert [line["outcome"] for line in world.log.drain()] == ["done", "failed", "done"]


def test_a_malformed_body_is_retried(world: World) -> None:
    """A malformed body is retried until it reaches the dead-letter queue, and its content is not logged."""
    call = world.stage.call("ringing")
    answered = world.event("call.answered", call=call.id)
    assert world.ingest_queued("no canary", answered, groups=["one", "two"]) == ["message-0"]
    assert world.services.calls.get(call.account, call.id).status is CallStatus.IN_PROGRESS
    unreadable, done = world.log.drain()
    assert unreadable == {"operation": "ingest_media_event", "outcome": "unreadable", "error": "MalformedBody"}
    assert done == {"operation": "ingest_media_event", "outcome": "done"}
