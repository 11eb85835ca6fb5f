"""`list_callbacks`: an operator sees every callback of a recording, a conference or a call, and every attempt."""

from typing import Final

import pytest

from tapedeck.domain.recording import RecordingStatus
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.ports.messaging import FailureReason, WebhookResult
from tests.client import DIALECTS
from tests.functions.admin import URL, admin_event, recording_with_callback
from tests.functions.background_world import World
from tests.functions.stage import START

SPELLINGS: Final = tuple(DIALECTS)


def test_lists_a_callback_with_its_attempts(world: World) -> None:
    """A callback of account 3d1f6c5e… is listed with two failed attempts and the time of the next one."""
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
            "state": {"S": "retry-scheduled"},
            "due": {"N": "1537916420"},
            "lease": {"N": "0"},
            "tried": {"N": "2"},
            "attempts": {
                "L": [
                    {
                        "M": {
                            "at": {"N": "1537916385500"},
                            "milliseconds": {"N": "5000"},
                            "failure": {"S": "connect"},
                        }
                    },
                    {
                        "M": {
                            "at": {"N": "1537916390750"},
                            "milliseconds": {"N": "20"},
                            "status": {"N": "503"},
                            "answer": {"S": "overloaded"},
                        }
                    },
                ]
            },
            "expires_at": {"N": "1540508380"},
            "first_at": {"N": "1537916385"},
            "work": {"S": "DUE#2"},
            "work_at": {"N": "1537916420"},
        },
    )
    assert world.call(
        "list_callbacks",
        {"account_sid": "AC3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4", "sid": "RE016612f5dee270008000000000000002"},
    ) == {
        "callbacks": [
            {
                "id": "00000003.completed",
                "event": "completed",
                "state": "retry-scheduled",
                "method": "POST",
                "url": "https://app.example.com/hooks?tenant=42",
                "fields": (
                    "AccountSid=AC3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"
                    "&RecordingSid=RE016612f5dee270008000000000000002"
                    "&RecordingStatus=completed"
                ),
                "token": "4483a1d0-15ab-424f-4056-d5be18688e2a",
                "created": 1537916380,
                "due": 1537916420,
                "tried": 2,
                "attempts": [
                    {"at": 1537916385500, "milliseconds": 5000, "status": None, "failure": "connect", "answer": ""},
                    {"at": 1537916390750, "milliseconds": 20, "status": 503, "failure": None, "answer": "overloaded"},
                ],
            }
        ]
    }
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
            "state": {"S": "retry-scheduled"},
            "due": {"N": "1537916420"},
            "lease": {"N": "0"},
            "tried": {"N": "2"},
            "attempts": {
                "L": [
                    {
                        "M": {
                            "at": {"N": "1537916385500"},
                            "milliseconds": {"N": "5000"},
                            "failure": {"S": "connect"},
                        }
                    },
                    {
                        "M": {
                            "at": {"N": "1537916390750"},
                            "milliseconds": {"N": "20"},
                            "status": {"N": "503"},
                            "answer": {"S": "overloaded"},
                        }
                    },
                ]
            },
            "expires_at": {"N": "1540508380"},
            "first_at": {"N": "1537916385"},
            "work": {"S": "DUE#2"},
            "work_at": {"N": "1537916420"},
        }
    ]
    assert world.callbacks.sent == []
    assert world.log.drain() == [
        {"operation": "list_callbacks", "account": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4", "outcome": "done"}
    ]


def test_refuses_the_sid_of_an_account(world: World) -> None:
    """An account has no list of callbacks: the sid of account 3d1f6c5e… is refused."""
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
            "state": {"S": "retry-scheduled"},
            "due": {"N": "1537916420"},
            "lease": {"N": "0"},
            "tried": {"N": "2"},
            "attempts": {
                "L": [
                    {
                        "M": {
                            "at": {"N": "1537916385500"},
                            "milliseconds": {"N": "5000"},
                            "failure": {"S": "connect"},
                        }
                    },
                    {
                        "M": {
                            "at": {"N": "1537916390750"},
                            "milliseconds": {"N": "20"},
                            "status": {"N": "503"},
                            "answer": {"S": "overloaded"},
                        }
                    },
                ]
            },
            "expires_at": {"N": "1540508380"},
            "first_at": {"N": "1537916385"},
            "work": {"S": "DUE#2"},
            "work_at": {"N": "1537916420"},
        },
    )
    assert world.call(
        "list_callbacks",
        {"account_sid": "AC3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4", "sid": "AC3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"},
    ) == {
        "error": {
            "message": "Not a recording, conference or call SID in Twilio's or SignalWire's format",
            "field": "sid",
        }
    }
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
            "state": {"S": "retry-scheduled"},
            "due": {"N": "1537916420"},
            "lease": {"N": "0"},
            "tried": {"N": "2"},
            "attempts": {
                "L": [
                    {
                        "M": {
                            "at": {"N": "1537916385500"},
                            "milliseconds": {"N": "5000"},
                            "failure": {"S": "connect"},
                        }
                    },
                    {
                        "M": {
                            "at": {"N": "1537916390750"},
                            "milliseconds": {"N": "20"},
                            "status": {"N": "503"},
                            "answer": {"S": "overloaded"},
                        }
                    },
                ]
            },
            "expires_at": {"N": "1540508380"},
            "first_at": {"N": "1537916385"},
            "work": {"S": "DUE#2"},
            "work_at": {"N": "1537916420"},
        }
    ]
    assert world.log.drain() == [{"operation": "list_callbacks", "outcome": "refused"}]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_lists_callbacks_of_a_recording(world: World, dialect: str, spelling: str) -> None:
    """Every callback and attempt is listed, oldest first, for the sids of either dialect."""
    recording = recording_with_callback(world, dialect)
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.STOPPED)
    world.services.media.finish_without_media(recording.parent, recording.id, 16101)
    world.publish()
    world.receiver.answers.append(WebhookResult(500, None, 7, b"oops"))
    world.deliver()
    began, ended = world.deliveries(recording.id)
    answer = world.call("list_callbacks", admin_event(world, spelling, recording))
    assert answer == {
        "callbacks": [
            {
                "id": "00000001.in-progress", "event": "in-progress", "state": "delivered",
                "method": "POST", "url": URL, "fields": began.body, "token": began.idempotency_token,
                "created": START, "due": None, "tried": 1,
                "attempts": [
                    {"at": START * 1000 + 250, "milliseconds": 20, "status": 200, "failure": None, "answer": "ok"}
                ],
            },
            {
                "id": "00000003.absent", "event": "absent", "state": "retry-scheduled", "method": "POST", "url": URL,
                "fields": ended.body, "token": ended.idempotency_token, "created": START, "due": START + 30, "tried": 1,
                "attempts": [
                    {"at": START * 1000 + 270, "milliseconds": 7, "status": 500, "failure": None, "answer": "oops"}
                ],
            },
        ]
    }  # fmt: skip
    assert world.log.drain()[-1] == {
        "operation": "list_callbacks", "account": world.account.account, "outcome": "done",
    }  # fmt: skip


def test_lists_callbacks_of_a_conference(world: World) -> None:
    """Callbacks of a conference are listed too; a failed attempt has a reason."""
    conference = world.stage.conference(callback=CallbackSubscription(URL, "GET", ("end",), "twilio"))
    world.services.conferences.end(conference.account, conference.id)
    world.publish()
    world.receiver.answers += [WebhookResult(None, FailureReason.CONNECT, 1)] * 2
    world.deliver()
    answer = world.call("list_callbacks", admin_event(world, "signalwire", conference))
    (shown,) = answer["callbacks"]
    assert (shown["id"], shown["method"], shown["state"]) == ("00000003.end", "GET", "retry-scheduled")
    assert [(attempt["status"], attempt["failure"]) for attempt in shown["attempts"]] == [(None, "connect")] * 2


def test_lists_callbacks_of_a_call(world: World) -> None:
    """Status callbacks of a call are listed too, and can be replayed."""
    call = world.stage.call(callback=CallbackSubscription(URL, "POST", (), "twilio"))
    world.services.calls.end(call.account, call.id)
    world.publish()
    world.deliver()
    event = admin_event(world, "twilio", call)
    (shown,) = world.call("list_callbacks", event)["callbacks"]
    assert (shown["id"], shown["event"], shown["state"]) == ("00000000.completed", "completed", "delivered")
    world.call("replay_callback", {**event, "callback": shown["id"]})
    assert world.deliver() == []
    first, second = world.receiver.requests
    assert first == second


def test_lists_nothing_without_callbacks(world: World) -> None:
    """Nothing is listed without a callback subscription, or for another account's recording."""
    recording = recording_with_callback(world)
    stranger = admin_event(world, "twilio", recording, account_sid=f"AC{world.accounts.create().account}")
    assert world.call("list_callbacks", stranger) == {"callbacks": []}
    silent = world.stage.recording(world.stage.call())
    assert world.call("list_callbacks", admin_event(world, "twilio", silent)) == {"callbacks": []}
