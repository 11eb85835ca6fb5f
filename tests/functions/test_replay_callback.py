"""`replay_callback`: an operator delivers a callback again, in any state, as the same request."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from tapedeck.ports.messaging import QueueMessage
from tests.client import DIALECTS
from tests.functions.admin import admin_event, recording_with_callback
from tests.functions.background_world import World
from tests.functions.stage import START

SPELLINGS: Final = tuple(DIALECTS)


def test_replays_an_exhausted_callback(world: World, fix_new_ids: Callable[[str], None]) -> None:
    """A callback of account 3d1f6c5e…, whose URL was blocked, is queued at 23:00:00 and due again after 10 minutes."""
    world.memory.put_item(
        TableName=world.table,
        Item={
            "PK": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CB#016612f5dee270008000000000000002"},
            "SK": {"S": "00000003.completed"},
            "number": {"N": "3"},
            "event": {"S": "completed"},
            "dialect": {"S": "twilio"},
            "url": {"S": "https://app.example.com/hooks?tenant=42"},
            "method": {"S": "POST"},
            "body": {
                "S": "AccountSid=AC3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"
                "&RecordingSid=RE016612f5dee270008000000000000002"
                "&RecordingStatus=completed"
            },
            "token": {"S": "4483a1d0-15ab-424f-4056-d5be18688e2a"},
            "created": {"N": "1537916380"},
            "state": {"S": "exhausted"},
            "lease": {"N": "0"},
            "tried": {"N": "1"},
            "attempts": {
                "L": [
                    {
                        "M": {
                            "at": {"N": "1537916385500"},
                            "milliseconds": {"N": "7"},
                            "failure": {"S": "forbidden"},
                        }
                    }
                ]
            },
            "expires_at": {"N": "1540508380"},
            "first_at": {"N": "1537916385"},
        },
    )
    fix_new_ids("016612f5f27a7b3d8c4f1e2a6d5b9087")
    assert world.call(
        "replay_callback",
        {
            "account_sid": "AC3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4",
            "sid": "RE016612f5dee270008000000000000002",
            "callback": "00000003.completed",
        },
    ) == {
        "callback": {
            "id": "00000003.completed",
            "event": "completed",
            "state": "queued",
            "method": "POST",
            "url": "https://app.example.com/hooks?tenant=42",
            "fields": (
                "AccountSid=AC3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"
                "&RecordingSid=RE016612f5dee270008000000000000002"
                "&RecordingStatus=completed"
            ),
            "token": "4483a1d0-15ab-424f-4056-d5be18688e2a",
            "created": 1537916380,
            "due": 1537917000,
            "tried": 1,
            "attempts": [
                {"at": 1537916385500, "milliseconds": 7, "status": None, "failure": "forbidden", "answer": ""},
            ],
        }
    }
    assert world.callbacks.sent == [
        QueueMessage(
            body={
                "account": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4",
                "resource": "016612f5dee270008000000000000002",
                "delivery": "00000003.completed",
                "replay": True,
            },
            group="3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4-1",
            id="4483a1d0-15ab-424f-4056-d5be18688e2a-016612f5f27a7b3d8c4f1e2a6d5b9087",
        )
    ]
    assert world.memory.scan(TableName=world.table)["Items"] == [
        {
            "PK": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CB#016612f5dee270008000000000000002"},
            "SK": {"S": "00000003.completed"},
            "number": {"N": "3"},
            "event": {"S": "completed"},
            "dialect": {"S": "twilio"},
            "url": {"S": "https://app.example.com/hooks?tenant=42"},
            "method": {"S": "POST"},
            "body": {
                "S": "AccountSid=AC3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"
                "&RecordingSid=RE016612f5dee270008000000000000002"
                "&RecordingStatus=completed"
            },
            "token": {"S": "4483a1d0-15ab-424f-4056-d5be18688e2a"},
            "created": {"N": "1537916380"},
            "state": {"S": "queued"},
            "due": {"N": "1537917000"},
            "lease": {"N": "0"},
            "tried": {"N": "1"},
            "attempts": {
                "L": [
                    {
                        "M": {
                            "at": {"N": "1537916385500"},
                            "milliseconds": {"N": "7"},
                            "failure": {"S": "forbidden"},
                        }
                    }
                ]
            },
            "expires_at": {"N": "1540508380"},
            "first_at": {"N": "1537916385"},
            "work": {"S": "DUE#2"},
            "work_at": {"N": "1537917000"},
        }
    ]
    assert world.log.drain() == [
        {"operation": "replay_callback", "account": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4", "outcome": "done"}
    ]


def test_refuses_an_unknown_callback(world: World) -> None:
    """The recording of account 3d1f6c5e… has no callback with this number: nothing is queued."""
    world.memory.put_item(
        TableName=world.table,
        Item={
            "PK": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CB#016612f5dee270008000000000000002"},
            "SK": {"S": "00000003.completed"},
            "number": {"N": "3"},
            "event": {"S": "completed"},
            "dialect": {"S": "twilio"},
            "url": {"S": "https://app.example.com/hooks?tenant=42"},
            "method": {"S": "POST"},
            "body": {
                "S": "AccountSid=AC3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"
                "&RecordingSid=RE016612f5dee270008000000000000002"
                "&RecordingStatus=completed"
            },
            "token": {"S": "4483a1d0-15ab-424f-4056-d5be18688e2a"},
            "created": {"N": "1537916380"},
            "state": {"S": "exhausted"},
            "lease": {"N": "0"},
            "tried": {"N": "1"},
            "attempts": {
                "L": [
                    {
                        "M": {
                            "at": {"N": "1537916385500"},
                            "milliseconds": {"N": "7"},
                            "failure": {"S": "forbidden"},
                        }
                    }
                ]
            },
            "expires_at": {"N": "1540508380"},
            "first_at": {"N": "1537916385"},
        },
    )
    assert world.call(
        "replay_callback",
        {
            "account_sid": "3d1f6c5e-2b7a-4c0e-9a84-d6f0b1c2e3a4",
            "sid": "016612f5-dee2-7000-8000-000000000002",
            "callback": "00000009.completed",
        },
    ) == {"error": {"message": "There is no such callback", "field": None}}
    assert world.callbacks.sent == []
    assert world.memory.scan(TableName=world.table)["Items"] == [
        {
            "PK": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CB#016612f5dee270008000000000000002"},
            "SK": {"S": "00000003.completed"},
            "number": {"N": "3"},
            "event": {"S": "completed"},
            "dialect": {"S": "twilio"},
            "url": {"S": "https://app.example.com/hooks?tenant=42"},
            "method": {"S": "POST"},
            "body": {
                "S": "AccountSid=AC3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"
                "&RecordingSid=RE016612f5dee270008000000000000002"
                "&RecordingStatus=completed"
            },
            "token": {"S": "4483a1d0-15ab-424f-4056-d5be18688e2a"},
            "created": {"N": "1537916380"},
            "state": {"S": "exhausted"},
            "lease": {"N": "0"},
            "tried": {"N": "1"},
            "attempts": {
                "L": [
                    {
                        "M": {
                            "at": {"N": "1537916385500"},
                            "milliseconds": {"N": "7"},
                            "failure": {"S": "forbidden"},
                        }
                    }
                ]
            },
            "expires_at": {"N": "1540508380"},
            "first_at": {"N": "1537916385"},
        }
    ]
    assert world.log.drain() == [
        {"operation": "replay_callback", "account": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4", "outcome": "refused"}
    ]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_replays_a_callback(world: World, dialect: str, spelling: str) -> None:
    """A replay queues the callback at once, and the same request is sent, any number of times."""
    recording = recording_with_callback(world, dialect)
    (delivery,) = world.deliveries(recording.id)
    world.clock.step(100)
    answer = world.call("replay_callback", admin_event(world, spelling, recording, callback=delivery.id))
    assert (answer["callback"]["state"], answer["callback"]["due"]) == ("queued", START + 700)
    assert (answer["callback"]["token"], answer["callback"]["fields"]) == (delivery.idempotency_token, delivery.body)
    assert world.deliver() == []
    first, second = world.receiver.requests
    assert first == second
    # Any number of replays, even within the same second.
    for _ in range(3):
        world.call("replay_callback", admin_event(world, spelling, recording, callback=delivery.id))
    messages = world.callbacks.drain()
    assert len({message.id for message in messages}) == 3
    for message in messages:
        assert world.deliver([message]) == []
    assert world.receiver.requests == [first] * 5


@pytest.mark.parametrize(
    ("change", "message", "field"),
    [
        ({"callback": "00000009.absent"}, "There is no such callback", None),
        ({"account_sid": "AC" + "9" * 32}, "There is no such callback", None),
        ({"sid": "RE" + "9" * 32}, "There is no such callback", None),
        ({"sid": "CA" + "9" * 32}, "There is no such callback", None),
        ({"sid": "TR" + "9" * 32}, "Not a recording, conference or call SID in Twilio's or SignalWire's format", "sid"),
        ({"account_sid": "9" * 32}, "Not an account SID in Twilio's or SignalWire's format", "account_sid"),
        ({"callback": None}, "Input should be a valid string", "callback"),
        ({"typo": 1}, "Extra inputs are not permitted", "typo"),
    ],
)
def test_refuses_an_invalid_replay(world: World, change: dict[str, Any], message: str, field: str | None) -> None:
    """An unknown callback or a malformed event is refused, and nothing is queued."""
    recording = recording_with_callback(world)
    (delivery,) = world.deliveries(recording.id)
    answer = world.call("replay_callback", {**admin_event(world, "twilio", recording, callback=delivery.id), **change})
    assert answer == {"error": {"message": message, "field": field}}
    assert (world.callbacks.sent, world.deliveries(recording.id)) == ([], [delivery])
