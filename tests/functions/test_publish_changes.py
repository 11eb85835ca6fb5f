"""publish_changes turns each stream change into the same commands, callbacks and domain events at each replay."""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import pytest
from botocore.exceptions import ClientError

from tapedeck.adapters.dynamodb.stream import sort_by_conference_sequence
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import CallStatus
from tapedeck.domain.conference import Conference
from tapedeck.domain.delivery import CallbackDelivery, DeliveryState
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.calls import UpdateCall
from tapedeck.operations.participants import AddParticipant, UpdateParticipant
from tapedeck.operations.recordings import StartRecording
from tapedeck.ports.messaging import DomainEvent, QueueMessage
from tests.client import FunctionClient
from tests.functions.background_world import ORIGIN, Crash, Event, SentCommand, World
from tests.functions.stage import START, call_path, conference_path, participant_path
from tests.media import capture, finish, sound
from tests.reporter import join_conference, open_conference, start_recording
from tests.thoroughness import scaled

COMMAND_STALENESS_CHECK_SECONDS: Final = 300
REQUEUE_AFTER_SECONDS: Final = 600
COMMAND_EXPIRY_SECONDS: Final = 86_400
START_TIMEOUT_SECONDS: Final = 2400

URL: Final = "https://app.example.com/hooks?tenant=42"
NUMBERS: Final = {"From": "+13103384645", "To": "+13105678901"}


CHECK: Final = {
    "PK": {"S": "CHECKS#2"},
    "SK": {"S": "001537916430#016612f5dee270008000000000000002-2"},
    "checked": {
        "SS": [
            "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CALL#016612f5cb6a70008000000000000001/REC#016612f5dee270008000000000000002"
        ]
    },
    "expires_at": {"N": "1537920030"},
}
"""The check of the paused recording, 30 seconds after its change."""


def test_sends_a_pause_to_the_engine(world: World) -> None:
    """A pause of account 3d1f6c5e… is sent to the engine, with a domain event; no callback is due."""
    assert world.call(
        "publish_changes",
        {
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
                },
            ],
        },
    ) == {"batchItemFailures": []}
    assert world.commands.sent == [
        SentCommand(
            engine="standin",
            body={
                "protocol": 2,
                "id": "016612f5cb6a70008000000000000001-016612f5dee270008000000000000002-2-recording.pause",
                "type": "recording.pause",
                "account": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4",
                "version": 2,
                "issued_at": 1537916400250,
                "not_after": 1537916520250,
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
    assert world.memory.scan(TableName=world.table)["Items"] == [CHECK]
    assert world.log.drain() == [{"operation": "publish_changes", "outcome": "done"}]


def test_reports_a_change_that_could_not_be_sent(world: World) -> None:
    """If the queue rejects a pause of account 3d1f6c5e…, nothing is published, and Lambda retries the record."""
    world.commands.failures = 1
    assert world.call(
        "publish_changes",
        {
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
                },
            ],
        },
    ) == {"batchItemFailures": [{"itemIdentifier": "300000000000000499659"}]}
    assert world.commands.sent == []
    assert world.bus.sent == []
    assert world.callbacks.sent == []
    assert world.memory.scan(TableName=world.table)["Items"] == [CHECK]
    assert world.log.drain() == [
        {
            "operation": "publish_changes",
            "outcome": "failed",
            "error": "StoreUnavailable",
        }
    ]


def test_enqueues_the_callback_of_a_completed_recording(world: World) -> None:
    """A recording with a callback is completed: the delivery is stored and queued, and domain events are published."""
    assert world.call(
        "publish_changes",
        {
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
                            "status": {"S": "stopped"},
                            "version": {"N": "2"},
                            "confirmed": {"N": "2"},
                            "source": {"S": "StartCallRecordingAPI"},
                            "call": {"S": "016612f5cb6a70008000000000000001"},
                            "channels": {"N": "1"},
                            "track": {"S": "both"},
                            "trim": {"S": "do-not-trim"},
                            "started": {"N": "1537916390"},
                            "updated": {"N": "1537916398"},
                            "seq": {"N": "40"},
                            "ended": {"N": "1537916398"},
                            "callback": {
                                "M": {
                                    "url": {"S": "https://app.example.com/hooks"},
                                    "method": {"S": "POST"},
                                    "events": {"L": [{"S": "completed"}]},
                                    "dialect": {"S": "twilio"},
                                },
                            },
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
                        "NewImage": {
                            "PK": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CALL#016612f5cb6a70008000000000000001"},
                            "SK": {"S": "REC#016612f5dee270008000000000000002"},
                            "status": {"S": "completed"},
                            "version": {"N": "3"},
                            "confirmed": {"N": "3"},
                            "source": {"S": "StartCallRecordingAPI"},
                            "call": {"S": "016612f5cb6a70008000000000000001"},
                            "channels": {"N": "1"},
                            "track": {"S": "both"},
                            "trim": {"S": "do-not-trim"},
                            "started": {"N": "1537916390"},
                            "updated": {"N": "1537916400"},
                            "seq": {"N": "40"},
                            "ended": {"N": "1537916398"},
                            "duration": {"N": "8"},
                            "callback": {
                                "M": {
                                    "url": {"S": "https://app.example.com/hooks"},
                                    "method": {"S": "POST"},
                                    "events": {"L": [{"S": "completed"}]},
                                    "dialect": {"S": "twilio"},
                                },
                            },
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
                },
            ],
        },
    ) == {"batchItemFailures": []}
    assert world.memory.scan(TableName=world.table)["Items"] == [
        {
            "PK": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CB#016612f5dee270008000000000000002"},
            "SK": {"S": "00000003.completed"},
            "number": {"N": "3"},
            "event": {"S": "completed"},
            "dialect": {"S": "twilio"},
            "url": {"S": "https://app.example.com/hooks"},
            "method": {"S": "POST"},
            "body": {
                "S": "AccountSid=AC3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"
                "&CallSid=CA016612f5cb6a70008000000000000001"
                "&RecordingSid=RE016612f5dee270008000000000000002"
                "&RecordingUrl=https%3A%2F%2Fapi.example.com%2F2010-04-01%2FAccounts%2F"
                "AC3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4%2FRecordings%2FRE016612f5dee270008000000000000002"
                "&RecordingStatus=completed"
                "&RecordingDuration=8"
                "&RecordingChannels=1"
                "&RecordingStartTime=Tue%2C%2025%20Sep%202018%2022%3A59%3A50%20%2B0000"
                "&RecordingSource=StartCallRecordingAPI"
                "&RecordingTrack=both"
                "&ErrorCode=0"
            },
            "token": {"S": "4483a1d0-15ab-424f-4056-d5be18688e2a"},
            "created": {"N": "1537916400"},
            "state": {"S": "queued"},
            "due": {"N": "1537917000"},
            "lease": {"N": "0"},
            "tried": {"N": "0"},
            "attempts": {"L": []},
            "expires_at": {"N": "1540508400"},
            "work": {"S": "DUE#2"},
            "work_at": {"N": "1537917000"},
        }
    ]
    assert world.callbacks.sent == [
        QueueMessage(
            body={
                "account": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4",
                "resource": "016612f5dee270008000000000000002",
                "delivery": "00000003.completed",
            },
            group="3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4-1",
            id="4483a1d0-15ab-424f-4056-d5be18688e2a-0-1537917000",
        )
    ]
    assert world.bus.sent == [
        DomainEvent(
            id="016612f5dee270008000000000000002-3",
            kind="recording.completed",
            at=1537916400,
            detail={
                "account": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4",
                "call": "016612f5cb6a70008000000000000001",
                "recording": "016612f5dee270008000000000000002",
                "status": "completed",
                "version": 3,
            },
        ),
        DomainEvent(
            id="016612f5dee270008000000000000002-3-confirmed",
            kind="recording.confirmed",
            at=1537916400,
            detail={
                "account": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4",
                "call": "016612f5cb6a70008000000000000001",
                "recording": "016612f5dee270008000000000000002",
                "status": "completed",
                "version": 3,
            },
        ),
    ]
    assert world.commands.sent == []
    assert world.log.drain() == [{"operation": "publish_changes", "outcome": "done"}]


@pytest.fixture
def client(world: World, dialect: str) -> FunctionClient:
    """A client of the test's dialect, in the test environment."""
    return world.client(dialect)


@pytest.fixture
def sent_commands(world: World) -> Callable[[], list[dict[str, Any]]]:
    """Publish all pending changes and return the commands.

    Each is sent to the engine of its resource, and is valid for two minutes.
    """

    def take() -> list[dict[str, Any]]:
        assert world.publish() == []
        messages = world.commands.drain()
        for message in messages:
            issued_at = message.body["issued_at"]
            assert (message.engine, issued_at, message.body["not_after"]) == (
                "standin", world.clock(), issued_at + 120_000,
            )  # fmt: skip
            assert message.body["protocol"] == 2
        return [{name: value for name, value in message.request.items() if name != "protocol"} for message in messages]

    return take


SentCommands = Callable[[], list[dict[str, Any]]]


# Commands.


def test_sends_commands_for_a_recording(world: World, client: FunctionClient, sent_commands: SentCommands) -> None:
    """Each request about a recording sends one command with the whole target state and the version of the change."""
    call = world.stage.call()
    world.discard()
    answer = client.post(*call_path(client, call, ""), form={"RecordingChannels": "dual", "RecordingTrack": "inbound"})
    recording = client.dialect.parse_sid(ResourceType.RECORDING, answer.body["sid"])
    assert recording is not None
    wanted = {
        "status": "in-progress", "pause_behavior": None, "channels": 2, "track": "inbound",
    }  # fmt: skip

    def command(kind: str, version: int, **more: Any) -> dict[str, Any]:
        return {
            "id": f"{call.id}-{recording}-{version}-{kind}", "type": kind, "account": world.account.account,
            "version": version, "parent": {"type": "call", "id": call.id}, "recording": recording,
            "wanted": {**wanted, **more},
        }  # fmt: skip

    assert sent_commands() == [command("recording.start", 1)]
    path = call_path(client, call, recording)
    path = (*path[:-1], client.sid(ResourceType.RECORDING, recording))
    client.post(*path, form={"Status": "paused", "PauseBehavior": "skip"})
    assert sent_commands() == [command("recording.pause", 2, status="paused", pause_behavior="skip")]
    # A repeated request changes nothing and sends nothing.
    client.post(*path, form={"Status": "paused"})
    assert sent_commands() == []
    client.post(*path, form={"Status": "in-progress"})
    assert sent_commands() == [command("recording.resume", 3)]
    client.post(*path, form={"Status": "stopped"})
    assert sent_commands() == [command("recording.stop", 4, status="stopped")]
    world.services.media.finish_without_media(Parent(world.account.account, ParentKind.CALL, call.id), recording, 16101)
    assert sent_commands() == []
    assert client.delete(*path).status == 204
    assert sent_commands() == [command("media.delete", 6, status="deleted")]


def test_the_end_of_a_call_stops_its_recordings(
    world: World, client: FunctionClient, sent_commands: SentCommands
) -> None:
    """Ending a call sends a hang-up and stops its recordings; an end that the engine reports only does the latter."""
    for is_reported in (False, True):
        call = world.stage.call()
        world.stage.recording(call, confirmed_version=1)
        world.discard()
        if not is_reported:
            assert client.post(*call_path(client, call), form={"Status": "completed"}).status == 200
        else:
            world.stage.engine.call_ended(call.id)
        sent = {command["type"]: command["wanted"] for command in sent_commands()}
        stop = {
            "status": "stopped",
            "pause_behavior": None,
            "channels": 1,
            "track": "both",
        }
        assert sent == {
            "recording.stop": stop,
            **({"call.hang_up": {"status": "completed"}} if not is_reported else {}),
        }


CALLS: Final = [
    ("in-progress", {"Status": "completed"}, "call.hang_up", {"status": "completed"}),
    ("ringing", {"Status": "canceled"}, "call.hang_up", {"status": "canceled"}),
    ("in-progress", {"Url": "https://a.example/x"}, "call.redirect",
     {"flow": {"url": "https://a.example/x", "method": "POST"}}),
    ("in-progress",
     {"Url": "https://a.example/x", "Method": "GET", "FallbackUrl": "https://a.example/y", "FallbackMethod": "GET",
      "StatusCallback": "https://a.example/z", "StatusCallbackMethod": "GET"},
     "call.redirect",
     {"flow": {"url": "https://a.example/x", "method": "GET",
               "fallback": {"url": "https://a.example/y", "method": "GET"}}}),
]  # fmt: skip


@pytest.mark.parametrize(("status", "form", "kind", "wanted"), CALLS)
def test_sends_commands_for_a_call(
    world: World,
    client: FunctionClient,
    sent_commands: SentCommands,
    status: str,
    form: dict[str, str],
    kind: str,
    wanted: Any,
) -> None:
    """A hang-up, a redirect and new settings are sent; a status callback is not."""
    call = world.stage.call(status)
    world.discard()
    assert client.post(*call_path(client, call), form=form).status == 200
    assert sent_commands() == [
        {"id": f"{call.id}-2-{kind}", "type": kind, "account": call.account, "version": 2, "call": call.id,
         "wanted": wanted}
    ]  # fmt: skip


def test_a_redirect_is_sent_once(world: World, sent_commands: SentCommands) -> None:
    """Markup is sent unchanged, and the next command does not repeat the redirect."""
    call, client = world.stage.call(), world.client("twilio")
    world.discard()
    client.post(*call_path(client, call), form={"Twiml": "<Response/>", "TimeLimit": "60"})
    assert [each["wanted"] for each in sent_commands()] == [{"flow": {"markup": "<Response/>"}, "time_limit": 60}]
    client.post(*call_path(client, call), form={"TimeLimit": "90"})
    assert [each["wanted"] for each in sent_commands()] == [{"time_limit": 90}]


@pytest.mark.parametrize(
    ("form", "kind", "wanted"),
    [
        ({"Status": "completed"}, "conference.end", {}),
        (
            {"AnnounceUrl": "https://a.example/x", "AnnounceMethod": "GET"},
            "conference.announce",
            {"fetch": {"url": "https://a.example/x", "method": "GET"}},
        ),
        # The end overrides the announcement.
        ({"Status": "completed", "AnnounceUrl": "https://a.example/x"}, "conference.end", {}),
    ],
)
def test_sends_commands_for_a_conference(
    world: World, client: FunctionClient, sent_commands: SentCommands, form: dict[str, str], kind: str, wanted: Any
) -> None:
    """An end and an announcement are sent."""
    conference = world.stage.conference()
    world.discard()
    assert client.post(*conference_path(client, conference), form=form).status == 200
    assert sent_commands() == [
        {
            "id": f"{conference.id}-2-{kind}",
            "type": kind,
            "account": conference.account,
            "version": 2,
            "conference": conference.id,
            "wanted": wanted,
        }
    ]


def _target_state(**more: Any) -> dict[str, Any]:
    defaults = {
        "muted": False, "hold": False, "coaching": False, "call_to_coach": None, "end_conference_on_exit": False,
        "beep_on_exit": None,
    }  # fmt: skip
    return {**defaults, **more}


def test_sends_commands_for_a_participant(world: World, client: FunctionClient, sent_commands: SentCommands) -> None:
    """Each command has the whole target state; an announcement is only in the command of its change."""
    conference = world.stage.conference()
    participant = world.stage.participant(conference)
    other = world.stage.participant(conference)
    world.discard()
    path = participant_path(client, conference, participant)
    music = {"url": "https://a.example/music", "method": "GET"}
    client.post(*path, form={"Hold": "true", "HoldUrl": music["url"]})
    sent = sent_commands()
    assert sent == [
        {
            "id": f"{conference.id}-{participant.call}-2-participant.update",
            "type": "participant.update",
            "account": conference.account,
            "version": 2,
            "conference": conference.id,
            "call": participant.call,
            "wanted": _target_state(hold=True, hold_music=music),
        }
    ]
    client.post(*path, form={"AnnounceUrl": "https://a.example/hello"})
    hello = {"url": "https://a.example/hello", "method": "POST"}
    assert [each["wanted"] for each in sent_commands()] == [
        _target_state(hold=True, hold_music=music, announcement=hello)
    ]
    coached = client.sid(ResourceType.CALL, other.call)
    client.post(*path, form={"Coaching": "true", "CallSidToCoach": coached})
    wanted = _target_state(hold=True, hold_music=music, coaching=True, call_to_coach=other.call)
    assert [each["wanted"] for each in sent_commands()] == [wanted]
    assert client.delete(*path).status == 204
    assert sent_commands() == [
        {
            "id": f"{conference.id}-{participant.call}-5-participant.remove",
            "type": "participant.remove",
            "account": conference.account,
            "version": 5,
            "conference": conference.id,
            "call": participant.call,
            "wanted": {},
        }
    ]


def test_sends_a_dial_command(world: World, sent_commands: SentCommands) -> None:
    """The dial command has the number, the initial state and the options; the new conference sends no command."""
    client = world.client("twilio")
    form = {**NUMBERS, "Label": "agent", "Muted": "true", "StartConferenceOnEnter": "false", "Timeout": "20"}
    answer = client.post(*participant_path(client, "Lobby"), form=form)
    assert answer.status == 201
    call, conference = (answer.body[name][2:] for name in ("call_sid", "conference_sid"))
    wanted = _target_state(
        muted=True, label="agent", start_conference_on_enter=False, options={"timeout": 20}, to=NUMBERS["To"],
        **{"from": NUMBERS["From"]},
    )  # fmt: skip
    assert sent_commands() == [
        {"id": f"{conference}-{call}-1-participant.add", "type": "participant.add", "account": world.account.account,
         "version": 1, "conference": conference, "call": call, "wanted": wanted}
    ]  # fmt: skip


def test_a_leave_that_ends_the_conference_sends_an_end(world: World, sent_commands: SentCommands) -> None:
    """If a leave ends the conference, an end is sent, whether the API or the engine reported the leave."""
    for is_reported in (False, True):
        conference = world.stage.conference()
        leaver = world.stage.participant(conference, end_conference_on_exit=True)
        world.stage.participant(conference)
        world.discard()
        if is_reported:
            world.stage.engine.left(conference.id, leaver.call)
        else:
            world.services.participants.remove(conference.account, conference.id, leaver.call)
        end = [] if is_reported else ["participant.remove"]
        assert sorted(each["type"] for each in sent_commands()) == ["conference.end", *end]


# Late changes.


def _dial(world: World, conference: Conference) -> Participant:
    return world.services.participants.add(
        conference.account, conference.id, AddParticipant(NUMBERS["To"], NUMBERS["From"])
    )


def _pause(world: World) -> Recording:
    recording = world.stage.recording(world.stage.call(), confirmed_version=1)
    return world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)


def _answered(world: World) -> None:
    """A participant was dialed, answered and hung up; the conference goes on."""
    conference = world.stage.conference(participants=2)
    added = _dial(world, conference)
    world.stage.engine.answered(added.call, added.version)
    world.stage.engine.call_ended(added.call)


def _not_reached(world: World) -> None:
    """A dialed participant was not reached, and no command is confirmed."""
    conference = world.stage.conference(participants=2)
    world.stage.engine.call_ended(_dial(world, conference).call, CallStatus.BUSY)


def _conference_ended(world: World) -> None:
    """A conference ended while muting a participant was pending."""
    conference = world.stage.conference()
    participant = world.stage.participant(conference)
    world.services.participants.update(
        conference.account, conference.id, participant.call, UpdateParticipant(muted=True)
    )
    world.stage.engine.conference_ended(conference.id)


def _call_ended(world: World) -> None:
    """A call ended while a redirect was pending."""
    call = world.stage.call()
    change = UpdateCall(redirect={"url": URL, "method": "POST"})
    world.services.calls.update(call.account, call.id, change)
    world.stage.engine.call_ended(call.id)


def _pause_confirmed(world: World) -> None:
    """The engine has paused the recording."""
    recording = _pause(world)
    world.stage.engine.paused(recording, recording.version)


OBSOLETE: Final = (_answered, _not_reached, _conference_ended, _call_ended, _pause_confirmed)


@pytest.mark.parametrize("change_resource", OBSOLETE, ids=lambda each: each.__name__.removeprefix("_"))
def test_a_late_change_sends_no_obsolete_command(world: World, change_resource: Callable[[World], None]) -> None:
    """After five minutes, a command that is confirmed or no longer possible is not sent; events are still published."""
    world.discard()
    change_resource(world)
    records = world.changes()
    world.clock.step(COMMAND_STALENESS_CHECK_SECONDS)
    assert world.publish(records) == []
    assert world.commands.drain() == []
    assert len(world.bus.drain()) >= len(records)
    # In time the command is sent: the engine recognises an old version. Only a confirmed pause is never sent.
    world.clock.step(-COMMAND_STALENESS_CHECK_SECONDS)
    assert world.publish(records) == []
    assert (world.commands.drain() == []) == (change_resource is _pause_confirmed)


def test_a_late_change_sends_the_latest_command(world: World) -> None:
    """A late replay sends only the latest unconfirmed command of each resource."""
    recording = _pause(world)
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.STOPPED)
    conference = world.stage.conference()
    added = _dial(world, conference)
    call = world.stage.call()
    world.services.calls.update(call.account, call.id, UpdateCall(CallStatus.COMPLETED))
    records = world.changes()
    world.clock.step(COMMAND_EXPIRY_SECONDS - 1)
    assert world.publish(records) == []
    sent = {(message.body["type"], message.body["version"]) for message in world.commands.drain()}
    assert sent == {("recording.stop", 3), ("participant.add", added.version), ("call.hang_up", 2)}
    # After a day only commands for recordings have not expired.
    world.clock.step(1)
    assert world.publish(records) == []
    assert [message.body["type"] for message in world.commands.drain()] == ["recording.stop"]


def test_a_late_change_deletes_media(world: World) -> None:
    """A late replay still sends the command to delete media: nothing else repeats it."""
    recording = world.stage.recording(world.stage.call(), "absent")
    world.services.media.delete(recording.parent, recording.id)
    records = world.changes()
    world.clock.step(COMMAND_EXPIRY_SECONDS)
    assert world.publish(records) == []
    assert [message.body["type"] for message in world.commands.drain()] == ["media.delete"]


def test_a_late_change_stops_a_recording_that_timed_out(world: World) -> None:
    """A late replay still stops a recording that timed out: the engine may be capturing it."""
    recording = world.stage.recording(world.stage.call())
    world.discard()
    world.clock.step(START_TIMEOUT_SECONDS)
    assert world.reconcile() == {"timed_out": 1}
    records = world.changes()
    world.clock.step(COMMAND_STALENESS_CHECK_SECONDS)
    assert world.publish(records) == []
    sent = [(message.body["type"], message.body["recording"]) for message in world.commands.drain()]
    assert sent == [("recording.stop", recording.id)]


# Callbacks.


def fields(delivery: CallbackDelivery) -> dict[str, str]:
    """Parse the form of a callback."""
    return dict(parse_qsl(delivery.body, strict_parsing=True))


def test_enqueues_callbacks_of_a_recording(world: World, client: FunctionClient) -> None:
    """The start, once the engine confirms it, and the end are each stored once and queued in order."""
    call = world.stage.call()
    form = {"RecordingStatusCallback": URL, "RecordingStatusCallbackMethod": "GET",
            "RecordingStatusCallbackEvent": "in-progress completed absent"}  # fmt: skip
    answer = client.post(*call_path(client, call, ""), form=form)
    identifier = client.dialect.parse_sid(ResourceType.RECORDING, answer.body["sid"])
    assert identifier is not None
    parent = Parent(call.account, ParentKind.CALL, call.id)
    assert world.publish() == []
    assert world.deliveries(identifier) == []
    world.stage.engine.started(world.services.recordings.get(parent, identifier))
    world.services.recordings.update(parent, identifier, RecordingStatus.STOPPED)
    now = world.clock.step(3)
    world.services.media.finish_without_media(parent, identifier, 16102)
    assert world.publish() == []
    first, last = world.deliveries(identifier)
    recording = world.services.recordings.get(parent, identifier)
    assert last == CallbackDelivery(
        account=call.account,
        resource_id=identifier,
        sequence=3,
        event="absent",
        dialect=client.dialect.name,
        url=URL,
        method="GET",
        body=last.body,
        idempotency_token=last.idempotency_token,
        created=now,
        next_attempt_at=now + REQUEUE_AFTER_SECONDS,
    )
    assert (first.id, last.id) == ("00000001.in-progress", "00000003.absent")
    last_fields = fields(last)
    # tests/unit/test_callback_fields.py tests the fields of each dialect.
    assert last_fields["RecordingSid"] == answer.body["sid"]
    assert last_fields["RecordingUrl"].startswith(
        f"{ORIGIN}{'/api/laml' if client.dialect.name == 'signalwire' else ''}/2010"
    )
    assert (fields(first)["RecordingStatus"], last_fields["RecordingStatus"]) == ("in-progress", "absent")
    body = {"account": call.account, "resource": identifier}
    # The first one is queued again in case it was lost; the queue drops a duplicate id.
    queued = world.callbacks.drain()
    assert {message.id: message.body for message in queued} == {
        f"{delivery.idempotency_token}-0-{delivery.next_attempt_at}": {**body, "delivery": delivery.id}
        for delivery in (first, last)
    }
    assert len({message.group for message in queued}) == 1
    assert recording.status is RecordingStatus.ABSENT
    assert [pending for pending in world.pending_work() if pending.resource == recording] == []


class PlayedConference(NamedTuple):
    """A conference with the calls and recordings in it, and the stream records of all changes."""

    conference: Conference
    calls: tuple[str, ...]
    recordings: tuple[str, ...]
    records: list[Event]


def play_conference(
    world: World, dialect: str, events: tuple[str, ...] = ("start", "end", "join", "leave", "mute", "hold")
) -> PlayedConference:
    """Play a recorded conference with a dialed participant and three callers, from its start to its end."""
    service, account = world.services, world.account.account
    callback = CallbackSubscription(URL, "POST", events, dialect)
    conference = open_conference(service, account, "Room", callback=callback)
    added = service.participants.add(
        account, conference.id, AddParticipant(NUMBERS["To"], NUMBERS["From"], label="agent")
    )
    calls = [service.calls.register(account, to="", from_="", direction="inbound").id for _ in range(3)]
    world.clock.step(1)
    join_conference(service, account, conference.id, calls[0])
    world.stage.engine.ringing(added.call, added.version)
    world.stage.engine.answered(added.call, added.version)
    recording_callback = CallbackSubscription(URL, "POST", ("in-progress", "completed", "absent"), dialect)
    parent = Parent(account, ParentKind.CONFERENCE, conference.id)
    recording = start_recording(service, parent, source=Source.CONFERENCE, call=calls[0], callback=recording_callback)
    world.clock.step(1)
    for call in calls[1:]:
        join_conference(service, account, conference.id, call, end_on_exit=call == calls[2])
    service.participants.update(account, conference.id, calls[1], UpdateParticipant(muted=True, hold=True))
    world.stage.engine.changed(conference.id, calls[1], muted=False)
    service.participants.remove(account, conference.id, calls[1])
    call_recording, _ = service.recordings.create(
        Parent(account, ParentKind.CALL, calls[0]), StartRecording(callback=replace(recording_callback, method="GET"))
    )
    world.clock.step(1)
    world.stage.engine.call_ended(calls[2])
    service.media.finish_without_media(parent, recording.id, 16101)
    service.calls.end(account, calls[0], CallStatus.COMPLETED)
    service.media.finish_without_media(call_recording.parent, call_recording.id, 16102, by_engine=False)
    return PlayedConference(conference, (added.call, *calls), (recording.id, call_recording.id), world.changes())


NUMBERED: Final = [
    ("join", 1, 1), ("join", 2, 0), ("start", 3, None), ("join", 4, 2), ("join", 5, 3), ("mute", 6, 2), ("hold", 7, 2),
    # A pending command overrides the engine's own unmute, which therefore has no event.
    ("leave", 8, 2), ("leave", 9, 3),
    # Everyone inside leaves with the end, in the order of joining.
    ("leave", 10, 0), ("leave", 11, 1), ("end", 12, None),
]  # fmt: skip


def test_enqueues_callbacks_of_a_conference(world: World, dialect: str) -> None:
    """Each event of a conference has the next sequence number, in the dialect of the subscription."""
    conference, calls, _, records = play_conference(world, dialect)
    assert world.publish(records) == []
    deliveries = world.deliveries(conference.id)
    client = world.client(dialect)
    actual = [(delivery.event, delivery.sequence, fields(delivery).get("CallSid")) for delivery in deliveries]
    assert actual == [
        (event, number, client.sid_of_call(calls[index]) if index is not None else None)
        for event, number, index in NUMBERED
    ]
    if dialect == "twilio":
        assert [int(fields(delivery)["SequenceNumber"]) for delivery in deliveries] == [
            delivery.sequence for delivery in deliveries
        ]
        reasons = [
            fields(delivery).get("ReasonParticipantLeft") for delivery in deliveries if delivery.event == "leave"
        ]
        assert reasons == [
            "participant_updated_via_api",
            "participant_hung_up",
            "moderator_ended_conference",
            "moderator_ended_conference",
        ]
        statuses = [
            fields(delivery).get("ParticipantCallStatus") for delivery in deliveries if delivery.event == "leave"
        ]
        # The call that was dialed into the conference has ended with it; the other goes on without it.
        assert statuses == ["in-progress", "completed", "completed", "completed"]
        end = fields(deliveries[-1])
        assert end["CallSidEndingConference"] == client.sid_of_call(calls[3])
        assert end["ReasonConferenceEnded"] == "participant-with-end-conference-on-exit-left"


def test_callbacks_of_a_conference_are_queued_in_order(world: World, dialect: str) -> None:
    """Events that one write numbered are queued in that order, at any position of the conference in the stream."""
    conference, _, _, records = play_conference(world, dialect)
    assert world.publish(records) == []
    queued = [
        message.body["delivery"] for message in world.callbacks.drain() if message.body["resource"] == conference.id
    ]
    assert queued == [f"{number:08}.{event}" for event, number, _ in NUMBERED]


def in_order_of_write(records: list[Event], *, conference_first: bool) -> list[Event]:
    """Return the records of a conference and its participants, as a stream may order those of one transaction."""

    def number(record: Event) -> int:
        return int(record["dynamodb"].get("OldImage", {}).get("sequence", {"N": "-1"})["N"])

    def order(record: Event) -> tuple[int, bool]:
        is_conference = record["dynamodb"]["Keys"]["SK"]["S"] == "CONF"
        taken = int(record["dynamodb"]["NewImage"]["sequence"]["N"])
        # A participant's record has the first number of its write, the conference's record all of them.
        first = number(record) + 1 if is_conference else taken
        return first, is_conference is not conference_first

    numbered = [each for each in records if "sequence" in each["dynamodb"].get("NewImage", {})]
    return sorted(numbered, key=order)


@pytest.mark.parametrize("conference_first", [True, False])
def test_records_of_one_write_may_come_in_any_order(world: World, dialect: str, *, conference_first: bool) -> None:
    """A join and the start, and the last leave and the end, are queued in order, also from two batches (C-322)."""
    conference, _, _, records = play_conference(world, dialect)
    for record in in_order_of_write(records, conference_first=conference_first):
        assert world.publish([record]) == []
    queued = [
        message.body["delivery"] for message in world.callbacks.drain() if message.body["resource"] == conference.id
    ]
    assert queued == [f"{number:08}.{event}" for event, number, _ in NUMBERED]


def test_a_start_without_a_callback_for_joins_is_queued_by_itself(world: World, dialect: str) -> None:
    """Without callbacks for joins and leaves, the record of the conference alone has the start and the end."""
    conference, _, _, records = play_conference(world, dialect, events=("start", "end"))
    of_conference = [each for each in records if each["dynamodb"]["Keys"]["SK"]["S"] == "CONF"]
    assert world.publish(of_conference) == []
    queued = [
        message.body["delivery"] for message in world.callbacks.drain() if message.body["resource"] == conference.id
    ]
    assert queued == ["00000003.start", "00000012.end"]


@pytest.mark.parametrize("image", [None, {}, {"sequence": None}, {"sequence": {"S": "1"}}, {"sequence": {"N": "x"}}])
def test_a_record_without_a_sequence_keeps_its_place(image: Any) -> None:
    """A malformed record does not prevent the other records of its batch from being sorted."""
    numbered = [{"dynamodb": {"Keys": {"PK": {"S": "a"}}, "NewImage": {"sequence": {"N": n}}}} for n in ("2", "1")]
    odd = {"dynamodb": {"Keys": {"PK": {"S": "a"}}, "NewImage": image}}
    assert sort_by_conference_sequence([numbered[0], odd, numbered[1]]) == [numbered[1], odd, numbered[0]]


def test_retried_callbacks_are_queued_in_order(world: World) -> None:
    """If a record fails, the records that the same write numbered are retried with it, in order."""
    conference, _, _, records = play_conference(world, "twilio")
    world.callbacks.failures = 2  # with others, and by itself
    failed = world.publish(records)
    queued = [
        message.body["delivery"] for message in world.callbacks.drain() if message.body["resource"] == conference.id
    ]
    assert queued == []
    assert world.publish(failed) == []
    queued = [
        message.body["delivery"] for message in world.callbacks.drain() if message.body["resource"] == conference.id
    ]
    assert queued == [f"{number:08}.{event}" for event, number, _ in NUMBERED]


def test_enqueues_only_subscribed_events(world: World, dialect: str) -> None:
    """A subscription to the end gets only the end, with its usual sequence number."""
    conference, _, _, records = play_conference(world, dialect, events=("end",))
    with world.recorded_requests() as requests:
        assert world.publish(records) == []
    assert [(delivery.event, delivery.sequence) for delivery in world.deliveries(conference.id)] == [("end", 12)]
    # The participants are read once, to end the call that was dialed. SignalWire's end callback includes the recording.
    assert requests.count("Query") == (2 if dialect == "signalwire" else 1)


def recorded_conference(world: World, dialect: str) -> tuple[Conference, list[Recording]]:
    """A conference with an `end` callback, and four recordings of it, oldest first."""
    conference = world.stage.conference(callback=CallbackSubscription(URL, "POST", ("end",), dialect))
    parent, call = Parent(conference.account, ParentKind.CONFERENCE, conference.id), world.stage.call().id
    made = []
    for _ in range(4):
        world.clock.step(1)
        made.append(start_recording(world.services, parent, source=Source.CONFERENCE, call=call))
    return conference, made


RECORDED: Final = ("Duration", "RecordingUrl", "RecordingFileSize")


def test_the_end_includes_the_latest_recording(world: World, dialect: str) -> None:
    """SignalWire's end callback has the newest recording that is completed by then (C-75)."""
    conference, (older, newer, deleted, running) = recorded_conference(world, dialect)
    for seconds, recording in ((2, older), (3, newer), (4, deleted)):
        finish(world.services, recording, seconds=seconds)
    world.services.media.delete(deleted.parent, deleted.id)
    assert running.is_active
    world.services.conferences.end(conference.account, conference.id)
    assert world.publish() == []
    (delivery,) = world.deliveries(conference.id)
    shown = [fields(delivery)[name] for name in RECORDED if name in fields(delivery)]
    path = f"Recordings/{world.client(dialect).sid(ResourceType.RECORDING, newer.id)}"
    assert [
        each.removeprefix(f"{ORIGIN}{world.client(dialect).dialect.account_uri(conference.account)}/") for each in shown
    ] == (["3", path, str(len(sound(3)))] if dialect == "signalwire" else [])


def test_a_later_recording_does_not_change_the_end_callback(world: World, dialect: str) -> None:
    """A stored callback does not change when a replay publishes the end again."""
    conference, recordings = recorded_conference(world, dialect)
    world.services.conferences.end(conference.account, conference.id)
    records = world.changes()
    assert world.publish(records) == []
    (delivery,) = world.deliveries(conference.id)
    assert fields(delivery).keys().isdisjoint(RECORDED)
    for recording in recordings:
        capture(world.services, recording, sound(2))
        world.services.media.complete(recording.parent, recording.id)
    assert world.publish(records) == []
    assert world.deliveries(conference.id) == [delivery]


def test_enqueues_an_announcement_end(world: World) -> None:
    """The end of an announcement is delivered once, in the dialect that has the event."""
    for dialect, expected in (("twilio", [("announcement-end", 1)]), ("signalwire", [])):
        conference = world.stage.conference(callback=CallbackSubscription(URL, "POST", ("announcement",), dialect))
        world.services.conferences._store.announce(
            conference.account, conference.id, "https://a.example/", "POST", world.clock.seconds, f"{dialect:0>32}"[:32]
        )
        for _ in range(2):
            world.stage.engine.announced(conference.id, 2)
        assert world.publish() == []
        assert [(delivery.event, delivery.sequence) for delivery in world.deliveries(conference.id)] == expected
        found = world.services.conferences.get(conference.account, conference.id)
        assert (found.sequence, found.confirmed_version) == (1, 2)


# Domain events.


def test_publishes_domain_events(world: World, client: FunctionClient) -> None:
    """Domain events have ids and statuses only: no number, name or URL is published to the bus."""
    call = world.stage.call()
    world.discard()
    client.post(*call_path(client, call, ""), form={"RecordingStatusCallback": URL})
    (pending,) = world.pending_work()
    recording = pending.resource
    assert world.publish() == []
    about = {"account": call.account, "status": "in-progress", "call": call.id}
    assert world.bus.drain() == [
        DomainEvent(f"{call.id}-2", "call.changed", START, {**about, "version": 2}),
        DomainEvent(
            f"{recording.id}-1", "recording.created", START, {**about, "version": 1, "recording": recording.id}
        ),
    ]


# Replays and order.


def outcome(world: World, records: list[Event]) -> tuple[Any, ...]:
    """Return what was sent: commands and domain events by id, and the callback deliveries in the table."""
    commands: dict[str, Any] = {}
    for message in world.commands.sent:
        assert commands.setdefault(message.id, message.request) == message.request
    events: dict[str, DomainEvent] = {}
    for event in world.bus.sent:
        assert events.setdefault(event.id, event) == event
    subjects = {record["dynamodb"]["Keys"]["SK"]["S"].partition("#")[2] for record in records}
    subjects |= {record["dynamodb"]["Keys"]["PK"]["S"].split("#")[2] for record in records}
    deliveries = {
        delivery.idempotency_token: replace(delivery, created=0, next_attempt_at=0)
        for each in subjects
        for delivery in world.deliveries(each)
    }
    queued = {(message.body["resource"], message.body["delivery"]) for message in world.callbacks.sent}
    assert queued == {(delivery.resource_id, delivery.id) for delivery in deliveries.values()}
    return commands, events, deliveries


# --8<-- [start:replay]
def test_a_replay_sends_the_same(world: World, dialect: str) -> None:
    """A replay sends the same ids, tokens and bodies, and leaves the stored deliveries unchanged."""
    played = play_conference(world, dialect)
    assert world.publish(played.records) == []
    once = outcome(world, played.records)
    world.clock.step(400)
    assert world.publish(played.records) == []
    assert outcome(world, played.records) == once
    # A delivered callback is not queued again.
    for message in world.callbacks.drain():
        world.deliver([message])
    assert world.publish(played.records) == []
    assert world.callbacks.drain() == []
    # --8<-- [end:replay]


@pytest.mark.sized
@pytest.mark.parametrize("seed", range(scaled(deep=60, ci=15, fast=3)))
def test_order_of_records_does_not_matter(world: World, seed: int) -> None:
    """Records in any order and in batches of any size, some twice, have the same result."""
    random_source = random.Random(seed)  # noqa: S311 - not for security
    played = play_conference(world, "twilio")
    assert world.publish(played.records) == []
    in_order = outcome(world, played.records)
    for channel in (world.commands, world.bus, world.callbacks):
        channel.drain()
    shuffled = played.records + random_source.sample(played.records, len(played.records) // 3)
    random_source.shuffle(shuffled)
    for delivery in in_order[2].values():
        key = {"PK": f"{delivery.account}#CB#{delivery.resource_id}", "SK": delivery.id}
        world.memory.delete_item(TableName=world.table, Key={name: {"S": value} for name, value in key.items()})
    while shuffled:
        size = random_source.randint(1, 20)
        assert world.publish(shuffled[:size]) == []
        shuffled = shuffled[size:]
    assert outcome(world, played.records) == in_order


# Failures.


def assert_published_eventually(world: World, records: list[Event], expected: tuple[Any, ...]) -> None:
    """Retry the failed records until none is left; then everything is published, and nothing else."""
    pending = records
    for _ in range(20):
        if not pending:
            break
        try:
            pending = _retried_records(pending, world.publish(pending))
        except Crash:
            continue  # Lambda retries the whole batch
    assert pending == []
    assert outcome(world, records) == expected


def _retried_records(records: list[Event], failed: list[Event]) -> list[Event]:
    """Return what Lambda retries: the first failed record and all later ones."""
    return records[records.index(failed[0]) :] if failed else []


@pytest.mark.parametrize("takes_part", [False, True])
@pytest.mark.parametrize("channel", ["commands", "callbacks", "bus"])
def test_a_failing_queue_or_bus_loses_nothing(world: World, channel: str, *, takes_part: bool) -> None:
    """Records are reported as failed and retried if a queue or the bus accepts nothing, or a part."""
    played = play_conference(world, "twilio")
    assert world.publish(played.records) == []
    expected = outcome(world, played.records)
    for fails in (1, 3, 7):
        failing = getattr(world, channel)
        failing.failures, failing.takes_part = fails, takes_part
        assert_published_eventually(world, played.records, expected)


def _sample(number: int, seed: str) -> list[int]:
    """Return twelve indices below the number, the same in each run."""
    return random.Random(seed).sample(range(number), 12)  # noqa: S311 - not for security


def _count_requests(world: World, records: list[Event]) -> int:
    """Count the requests to the table while the records are published."""
    with world.recorded_requests() as requests:
        assert world.publish(records) == []
    return len(requests)


@pytest.mark.sized
@pytest.mark.parametrize("kind", ["refused", "lost", "killed before", "killed after"])
def test_a_failing_table_loses_nothing(world: World, kind: str) -> None:
    """A failure or crash at any request loses nothing, and no delivery gets another token."""
    played = play_conference(world, "twilio")
    world.publish(played.records)
    expected = outcome(world, played.records)
    requests = _count_requests(world, played.records)
    places = range(requests) if scaled(deep=True, ci=False, fast=False) else _sample(requests, kind)
    for place in places:
        for channel in (world.commands, world.bus, world.callbacks):
            channel.drain()
        for delivery in expected[2].values():
            key = {"PK": {"S": f"{delivery.account}#CB#{delivery.resource_id}"}, "SK": {"S": delivery.id}}
            world.memory.delete_item(TableName=world.table, Key=key)
        counted: Counter[str] = Counter()

        def fail(
            when: str, operation: str, _request: Mapping[str, Any], place: int = place, counted: Counter[str] = counted
        ) -> None:
            counted[when] += 1
            if (when == "before") == (kind in {"refused", "killed before"}) and counted[when] == place + 1:
                if kind.startswith("killed"):
                    raise Crash
                raise ClientError({"Error": {"Code": "InternalServerError"}}, operation)

        world.faults.append(fail)
        assert_published_eventually(world, played.records, expected)
        world.faults.remove(fail)


def _is_of_call(record: Event, call: str) -> bool:
    keys = record["dynamodb"]["Keys"]
    return keys["SK"]["S"] == "CALL" and call in keys["PK"]["S"]


def _malformed(record: Event) -> Event:
    """Return the record with an unknown status."""
    change = record["dynamodb"]
    return {**record, "dynamodb": {**change, "NewImage": {**change["NewImage"], "status": {"S": "?"}}}}


# --8<-- [start:blocks]
def test_a_failed_record_blocks_only_its_parent(world: World) -> None:
    """Later records of the same call or conference are retried with the failed one; other records are published."""
    service, account = world.services, world.account.account
    call, other = world.stage.call(), world.stage.call()
    world.discard()
    parent = Parent(account, ParentKind.CALL, call.id)
    recording, _ = service.recordings.create(parent, StartRecording())
    unrelated, _ = service.recordings.create(replace(parent, id=other.id), StartRecording())
    service.recordings.update(parent, recording.id, RecordingStatus.STOPPED)
    records = world.changes()
    malformed = [_malformed(record) if _is_of_call(record, call.id) else record for record in records]
    failed = world.publish(malformed)
    assert [record["dynamodb"]["Keys"]["SK"]["S"] for record in failed] == [
        "CALL", f"REC#{recording.id}", f"REC#{recording.id}",
    ]  # fmt: skip
    assert [message.body["recording"] for message in world.commands.drain()] == [unrelated.id]
    assert world.log.drain() == [
        {"operation": "publish_changes", "outcome": "unreadable", "error": "ValueError"},
        *[{"operation": "publish_changes", "outcome": "done"}] * 2,
    ]
    # Once the record is valid, the rest is published in order.
    assert world.publish([record for record in records if call.id in record["dynamodb"]["Keys"]["PK"]["S"]]) == []
    assert [message.body["type"] for message in world.commands.drain()] == ["recording.start", "recording.stop"]
    # --8<-- [end:blocks]


def test_other_records_publish_nothing(world: World) -> None:
    """List entries, deliveries and TTL deletions publish nothing."""
    world.services.calls.register(world.account.account, to="", from_="", direction="inbound")
    records = world.memory.take_records(world.table)
    removed = {**records[0], "eventName": "REMOVE", "dynamodb": {
        "Keys": records[0]["dynamodb"]["Keys"], "OldImage": records[0]["dynamodb"]["NewImage"], "SequenceNumber": "1",
    }}  # fmt: skip
    rows = [record for record in records if record["dynamodb"]["Keys"]["SK"]["S"] != "CALL"]
    assert len(rows) == 1
    assert world.publish([removed, *rows]) == []
    assert (world.commands.sent, world.bus.sent, world.log.lines) == ([], [], [])


# Cost.


def test_number_of_table_requests(world: World, client: FunctionClient) -> None:
    """A change without callbacks needs no request but the read of an unknown engine; a callback needs two writes."""
    call = world.stage.call()
    silent = client.post(*call_path(client, call, ""))
    identifier = client.dialect.parse_sid(ResourceType.RECORDING, silent.body["sid"])
    assert identifier is not None
    parent = Parent(call.account, ParentKind.CALL, call.id)
    world.services.recordings.update(parent, identifier, RecordingStatus.STOPPED)
    world.services.media.finish_without_media(parent, identifier, 16101)
    open_conference(world.services, call.account, "Room")
    with world.recorded_requests() as requests:
        assert world.publish() == []
    # The start and the stop: the engine of a recording whose start is not confirmed is that of its call.
    assert requests == ["GetItem", "GetItem"]
    callback = CallbackSubscription(URL, "POST", ("absent",), client.dialect.name)
    recording = world.stage.recording(call, "stopped", callback=callback)
    world.discard()
    world.services.media.finish_without_media(parent, recording.id, 16101)
    with world.recorded_requests() as requests:
        assert world.publish() == []
    # The delivery, then its removal from the pending-work index.
    assert requests == ["UpdateItem", "UpdateItem"]
    # Those writes are changes too, and publish nothing.
    with world.recorded_requests() as requests:
        assert world.publish() == []
    assert requests == []
    assert [delivery.state for delivery in world.deliveries(recording.id)] == [DeliveryState.QUEUED]


def test_a_full_conference_needs_few_reads(world: World) -> None:
    """The end of a conference of 250 needs five reads, one of them for its engine, and one write per callback."""
    callback = CallbackSubscription(URL, "POST", ("leave", "end"), "twilio")
    conference = world.stage.conference(callback=callback, participants=250)
    for number in range(250):
        world.stage.participant(conference, joined=START + number)
    world.discard()
    world.services.conferences.end(conference.account, conference.id)
    with world.recorded_requests() as requests:
        assert world.publish() == []
    assert Counter(requests) == {"GetItem": 1, "Query": 1, "BatchGetItem": 3, "UpdateItem": 251}
    assert [delivery.sequence for delivery in world.deliveries(conference.id)] == [*range(1, 252)]
