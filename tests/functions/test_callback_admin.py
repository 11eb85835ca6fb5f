"""What an operator sees of callbacks, and does: list_callbacks, replay_callback, redrive_failed_changes."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import botocore.session
import pytest

from tapedeck.adapters.failed_batches import PREFIX
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.conference import Conference
from tapedeck.domain.errors import StoreUnavailable
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.recordings import StartRecording
from tapedeck.ports.messaging import FailureReason, WebhookResult
from tests.client import DIALECTS
from tests.functions.background_world import Event, World
from tests.functions.stage import START
from tests.functions.test_publish_changes import play_conference

URL: Final = "https://app.example.com/hooks"
SPELLINGS: Final = tuple(DIALECTS)


def listed_callbacks(world: World, dialect: str = "twilio") -> Recording:
    """A recording that has been started, and of which somebody has been told."""
    call = world.stage.call()
    callback = CallbackSubscription(URL, "POST", ("in-progress", "absent"), dialect)
    recording, _ = world.services.recordings.create(
        Parent(call.account, ParentKind.CALL, call.id), StartRecording(callback=callback)
    )
    world.services.recordings.confirm(recording.parent, recording.id, world.stage.engine_event(1))
    world.publish()
    world.deliver()
    return recording


def about(world: World, spelling: str, resource_id: Recording | Conference, **more: Any) -> dict[str, Any]:
    """A task about a recording or a conference, in a dialect's spelling."""
    dialect = DIALECTS[spelling]
    kind = ResourceType.RECORDING if isinstance(resource_id, Recording) else ResourceType.CONFERENCE
    account = dialect.format_sid(ResourceType.ACCOUNT, world.account.account)
    return {"account_sid": account, "sid": dialect.format_sid(kind, resource_id.id), **more}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_shows_what_was_told(world: World, dialect: str, spelling: str) -> None:
    """Every callback and every attempt, what happened first first, whichever way the sids are spelled."""
    recording = listed_callbacks(world, dialect)
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.STOPPED)
    world.services.media().finish_without_media(recording.parent, recording.id, 16101)
    world.publish()
    world.receiver.answers.append(WebhookResult(500, None, 7, b"oops"))
    world.deliver()
    began, ended = world.deliveries(recording.id)
    answer = world.call("list_callbacks", about(world, spelling, recording))
    assert answer == {
        "callbacks": [
            {
                "id": "00000001.in-progress", "event": "in-progress", "state": "done", "method": "POST", "url": URL,
                "fields": began.body, "token": began.idempotency_token, "created": START, "due": None, "tried": 1,
                "attempts": [
                    {"at": START * 1000 + 250, "milliseconds": 20, "status": 200, "failure": None, "answer": "ok"}
                ],
            },
            {
                "id": "00000003.absent", "event": "absent", "state": "parked", "method": "POST", "url": URL,
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


def test_shows_what_was_told_of_a_conference(world: World) -> None:
    """In the same way; what goes wrong on the way is told by a word."""
    room = world.stage.conference(callback=CallbackSubscription(URL, "GET", ("end",), "twilio"))
    world.services.conferences.end(room.account, room.id)
    world.publish()
    world.receiver.answers += [WebhookResult(None, FailureReason.CONNECT, 1)] * 2
    world.deliver()
    answer = world.call("list_callbacks", about(world, "signalwire", room))
    (shown,) = answer["callbacks"]
    assert (shown["id"], shown["method"], shown["state"]) == ("00000003.end", "GET", "parked")
    assert [(attempt["status"], attempt["failure"]) for attempt in shown["attempts"]] == [(None, "connect")] * 2


def test_shows_nothing_where_nothing_was_told(world: World) -> None:
    """Of what nobody has heard of, and of what belongs to another account, there is nothing to see."""
    recording = listed_callbacks(world)
    stranger = about(world, "twilio", recording, account_sid=f"AC{world.accounts.create().account}")
    assert world.call("list_callbacks", stranger) == {"callbacks": []}
    silent = world.stage.recording(world.stage.call())
    assert world.call("list_callbacks", about(world, "twilio", silent)) == {"callbacks": []}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_tells_it_once_more(world: World, dialect: str, spelling: str) -> None:
    """It is on its way at once, as it was; the answer shows it so."""
    recording = listed_callbacks(world, dialect)
    (delivery,) = world.deliveries(recording.id)
    world.clock.step(100)
    answer = world.call("replay_callback", about(world, spelling, recording, callback=delivery.id))
    assert (answer["callback"]["state"], answer["callback"]["due"]) == ("queued", START + 700)
    assert (answer["callback"]["token"], answer["callback"]["fields"]) == (delivery.idempotency_token, delivery.body)
    assert world.deliver() == []
    first, second = world.receiver.requests
    assert first == second
    # As often as somebody likes, even within the same second.
    for _ in range(3):
        world.call("replay_callback", about(world, spelling, recording, callback=delivery.id))
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
        ({"sid": "CA" + "9" * 32}, "Not the sid of a recording or a conference, in either spelling", "sid"),
        ({"account_sid": "9" * 32}, "Not the sid of such a thing, in either spelling", "account_sid"),
        ({"callback": None}, "Input should be a valid string", "callback"),
        ({"typo": 1}, "Extra inputs are not permitted", "typo"),
    ],
)
def test_tells_nothing_that_is_not_there(world: World, change: dict[str, Any], message: str, field: str | None) -> None:
    """An unknown callback and a typing error are refused, and nothing is on its way."""
    recording = listed_callbacks(world)
    (delivery,) = world.deliveries(recording.id)
    answer = world.call("replay_callback", {**about(world, "twilio", recording, callback=delivery.id), **change})
    assert answer == {"error": {"message": message, "field": field}}
    assert (world.callbacks.sent, world.deliveries(recording.id)) == ([], [delivery])


# Changes that could not be told of.


class Failures:
    """The bucket in which Lambda leaves what the stream's consumer could not do."""

    def __init__(self, bucket: str) -> None:
        self._client: Any = botocore.session.get_session().create_client("s3")
        self._bucket = bucket

    def leave(self, number: int, records: Sequence[Event] | None, *, as_text: bool = True) -> str:
        """What Lambda leaves of a batch, and where; None for what is no batch at all."""
        key = f"{PREFIX}uuid/shardId-0/2018/09/25/2018-09-25T23.00.{number:02}-id"
        event = {"Records": records}
        left = {
            "requestContext": {"condition": "RetryAttemptsExhausted"}, "version": "1.0",
            "DDBStreamBatchInfo": {"batchSize": len(records or ())},
            **({"payload": json.dumps(event) if as_text else event} if records is not None else {}),
        }  # fmt: skip
        self._client.put_object(Bucket=self._bucket, Key=key, Body=json.dumps(left).encode())
        return key

    def spoil(self, key: str) -> None:
        """What lies there is no JSON any more."""
        self._client.put_object(Bucket=self._bucket, Key=key, Body=b"{")

    @property
    def keys(self) -> list[str]:
        """What lies there."""
        return [held["Key"] for held in self._client.list_objects_v2(Bucket=self._bucket).get("Contents", ())]

    def clear(self) -> None:
        """Nothing lies there."""
        for key in self.keys:
            self._client.delete_object(Bucket=self._bucket, Key=key)


@pytest.fixture
def failures(world: World) -> Iterator[Failures]:
    """The bucket, with nothing in it."""
    bucket = Failures(world.settings.failed_batches_bucket)
    bucket.clear()
    yield bucket
    bucket.clear()


def lost(world: World) -> tuple[Recording, list[Event]]:
    """A recording whose start could not be told of."""
    call = world.stage.call()
    world.discard()
    recording, _ = world.services.recordings.create(Parent(call.account, ParentKind.CALL, call.id), StartRecording())
    return recording, world.changes()


def test_tells_what_could_not_be_told(world: World, failures: Failures) -> None:
    """As it would have been told in time; what is done with is taken away."""
    first, second = lost(world), lost(world)
    failures.leave(1, first[1])
    failures.leave(2, second[1], as_text=False)
    # Lambda leaves less where it only tells that a batch was too old.
    failures.leave(3, None)
    assert world.call("redrive_failed_changes", {}) == {"published": 4, "more": False}
    assert [message.body["recording"] for message in world.commands.drain()] == [first[0].id, second[0].id]
    assert (failures.keys, world.call("redrive_failed_changes", {})) == ([], {"published": 0, "more": False})


def test_tells_a_conference_in_order(world: World, failures: Failures) -> None:
    """What one write has numbered is on its way in that order, as it would have been in time."""
    played = play_conference(world, "twilio")
    failures.leave(1, played.records)
    assert world.call("redrive_failed_changes", {})["more"] is False
    told = [message.body["claim"] for message in world.callbacks.drain() if message.group == played.conference.id]
    assert told == sorted(told)
    assert len(told) == len(world.deliveries(played.conference.id))


def test_tells_the_oldest_first(world: World, failures: Failures) -> None:
    """So many at a time; whether there may be more is told."""
    made = [lost(world) for _ in range(3)]
    for number, (_, records) in reversed(list(enumerate(made))):
        failures.leave(number, records)
    assert world.call("redrive_failed_changes", {"most": 2}) == {"published": 4, "more": True}
    assert [message.body["recording"] for message in world.commands.drain()] == [each.id for each, _ in made[:2]]
    assert len(failures.keys) == 1
    assert world.call("redrive_failed_changes", {"most": 2}) == {"published": 2, "more": False}


def test_what_fails_stays_and_holds_up_nothing(world: World, failures: Failures) -> None:
    """The rest is told; then the run fails, and what it could not tell lies there for the next one."""
    bad, good = failures.leave(1, []), lost(world)
    failures.spoil(bad)
    failures.leave(2, good[1])
    with pytest.raises(ValueError, match="Expecting property name"):
        world.call("redrive_failed_changes", {})
    assert [message.body["recording"] for message in world.commands.drain()] == [good[0].id]
    assert failures.keys == [bad]
    assert world.log.drain()[-1] == {"operation": "redrive_failed_changes", "outcome": "fault"}


def test_one_that_fails_hides_none_behind_it(world: World, failures: Failures) -> None:
    """What lies beside it is told, and all of it again by the next run, for the whole of it stays."""
    (bad, broken), (good, records) = lost(world), lost(world)
    for record in broken:
        record["dynamodb"]["NewImage"]["status"] = {"S": "?"}
    key = failures.leave(1, [*broken, *records])
    for _ in range(2):
        with pytest.raises(ValueError, match="is not a valid"):
            world.call("redrive_failed_changes", {})
        assert [message.body["recording"] for message in world.commands.drain()] == [good.id]
        assert failures.keys == [key]
    for record in broken:
        record["dynamodb"]["NewImage"]["status"] = {"S": "in-progress"}
    failures.leave(1, [*broken, *records])
    assert world.call("redrive_failed_changes", {}) == {"published": 4, "more": False}
    assert [message.body["recording"] for message in world.commands.drain()] == [bad.id, good.id]
    assert failures.keys == []


def test_goes_past_what_fails(world: World, failures: Failures) -> None:
    """However many fail, as many others are told as were asked for."""
    bad = [failures.leave(number, []) for number in range(3)]
    for key in bad:
        failures.spoil(key)
    made = [lost(world) for _ in range(3)]
    for number, (_, records) in enumerate(made, start=len(bad)):
        failures.leave(number, records)
    for told in (made[:2], made[2:]):
        with pytest.raises(ValueError, match="Expecting property name"):
            world.call("redrive_failed_changes", {"most": 2})
        assert [message.body["recording"] for message in world.commands.drain()] == [each.id for each, _ in told]
    assert failures.keys == bad


def test_a_queue_that_still_fails_changes_nothing(world: World, failures: Failures) -> None:
    """What cannot be told now either is told by the next run, whole, in order."""
    recording, records = lost(world)
    key = failures.leave(1, records)
    world.commands.failures = 1
    with pytest.raises(StoreUnavailable):
        world.call("redrive_failed_changes", {})
    assert failures.keys == [key]
    assert world.call("redrive_failed_changes", {}) == {"published": 2, "more": False}
    assert [message.body["recording"] for message in world.commands.drain()] == [recording.id]


@pytest.mark.parametrize(("most", "message"), [
    (0, "Input should be greater than or equal to 1"), (1001, "Input should be less than or equal to 1000"),
])  # fmt: skip
def test_takes_no_other_number(world: World, most: int, message: str) -> None:
    """From one to a thousand at a time."""
    assert world.call("redrive_failed_changes", {"most": most}) == {"error": {"message": message, "field": "most"}}
