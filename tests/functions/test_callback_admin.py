"""Operators list and replay callbacks, and redrive failed changes."""

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


def recording_with_callback(world: World, dialect: str = "twilio") -> Recording:
    """Start a recording whose `in-progress` callback has been delivered."""
    call = world.stage.call()
    callback = CallbackSubscription(URL, "POST", ("in-progress", "absent"), dialect)
    recording, _ = world.services.recordings.create(
        Parent(call.account, ParentKind.CALL, call.id), StartRecording(callback=callback)
    )
    world.services.recordings.confirm(recording.parent, recording.id, world.stage.engine_event(1))
    world.publish()
    world.deliver()
    return recording


def admin_event(world: World, spelling: str, resource_id: Recording | Conference, **more: Any) -> dict[str, Any]:
    """Return the event of an operator function about a recording or a conference, with the sids of a dialect."""
    dialect = DIALECTS[spelling]
    kind = ResourceType.RECORDING if isinstance(resource_id, Recording) else ResourceType.CONFERENCE
    account = dialect.format_sid(ResourceType.ACCOUNT, world.account.account)
    return {"account_sid": account, "sid": dialect.format_sid(kind, resource_id.id), **more}


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


def test_lists_nothing_without_callbacks(world: World) -> None:
    """Nothing is listed without a callback subscription, or for another account's recording."""
    recording = recording_with_callback(world)
    stranger = admin_event(world, "twilio", recording, account_sid=f"AC{world.accounts.create().account}")
    assert world.call("list_callbacks", stranger) == {"callbacks": []}
    silent = world.stage.recording(world.stage.call())
    assert world.call("list_callbacks", admin_event(world, "twilio", silent)) == {"callbacks": []}


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
        ({"sid": "CA" + "9" * 32}, "Not a recording or conference SID in Twilio's or SignalWire's format", "sid"),
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


# Failed changes.


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
        self._client.put_object(Bucket=self._bucket, Key=key, Body=json.dumps(saved).encode())
        return key

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
    queued = [message.body["delivery"] for message in world.callbacks.drain() if message.group == played.conference.id]
    assert queued == sorted(queued)
    assert len(queued) == len(world.deliveries(played.conference.id))


def test_redrives_the_oldest_batches_first(world: World, failures: FailedBatches) -> None:
    """At most `most` batches are redriven, oldest first, and the answer says whether there are more."""
    made = [unpublished_recording(world) for _ in range(3)]
    for number, (_, records) in reversed(list(enumerate(made))):
        failures.save(number, records)
    assert world.call("redrive_failed_changes", {"most": 2}) == {"published": 4, "more": True}
    assert [message.body["recording"] for message in world.commands.drain()] == [each.id for each, _ in made[:2]]
    assert len(failures.keys) == 1
    assert world.call("redrive_failed_changes", {"most": 2}) == {"published": 2, "more": False}


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
    """Batches that fail do not count towards `most`."""
    bad = [failures.save(number, []) for number in range(3)]
    for key in bad:
        failures.corrupt(key)
    made = [unpublished_recording(world) for _ in range(3)]
    for number, (_, records) in enumerate(made, start=len(bad)):
        failures.save(number, records)
    for published in (made[:2], made[2:]):
        with pytest.raises(ValueError, match="Expecting property name"):
            world.call("redrive_failed_changes", {"most": 2})
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


@pytest.mark.parametrize(("most", "message"), [
    (0, "Input should be greater than or equal to 1"), (1001, "Input should be less than or equal to 1000"),
])  # fmt: skip
def test_refuses_an_invalid_number(world: World, most: int, message: str) -> None:
    """`most` is from 1 to 1000."""
    assert world.call("redrive_failed_changes", {"most": most}) == {"error": {"message": message, "field": "most"}}
