"""publish_changes sends what a batch of changes leads to in few requests, and fails only what may be unsent."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tapedeck.bootstrap.background import aws_outbound_clients
from tapedeck.bootstrap.environment import Environment
from tapedeck.domain.errors import StoreUnavailable
from tapedeck.domain.recording import Recording, RecordingStatus
from tapedeck.domain.subscription import CallbackSubscription
from tests.functions.background_world import Event, World

URL = "https://app.example.com/hooks"


def _pause(world: World, recording: Recording) -> None:
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)


def _pauses(world: World, number: int) -> tuple[list[Recording], list[Event]]:
    """Pause as many recordings of one call each; return them and the changes."""
    recordings = [world.stage.recording(world.stage.call(), confirmed_version=1) for _ in range(number)]
    world.discard()
    for recording in recordings:
        _pause(world, recording)
    return recordings, world.changes()


def _count_sends(world: World, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[int]]:
    """Return the number of messages of each later request, by channel."""
    counted: dict[str, list[int]] = {"commands": [], "callbacks": [], "finishing": [], "bus": []}
    for name, sizes in counted.items():
        channel = getattr(world, name)

        def take(entries: Sequence[Any], take: Any = channel._take, sizes: list[int] = sizes) -> None:
            sizes.append(len(entries))
            take(entries)

        monkeypatch.setattr(channel, "_take", take)
    return counted


def test_changes_share_requests(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands and the domain events of 25 changes are sent in three requests each."""
    recordings, records = _pauses(world, 25)
    counted = _count_sends(world, monkeypatch)
    assert world.publish(records) == []
    assert counted == {"commands": [10, 10, 5], "callbacks": [], "finishing": [], "bus": [10, 10, 5]}
    assert [each.body["recording"] for each in world.commands.sent] == [each.id for each in recordings]


def test_callbacks_share_requests(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The callbacks of 12 recordings that end are queued in two requests; each end is two domain events."""
    callback = CallbackSubscription(URL, "POST", ("absent",), "twilio")
    recordings = [world.stage.recording(world.stage.call(), "stopped", callback=callback) for _ in range(12)]
    world.discard()
    for recording in recordings:
        world.services.media.finish_without_media(recording.parent, recording.id, 16101)
    counted = _count_sends(world, monkeypatch)
    assert world.publish(world.changes()) == []
    assert counted == {"commands": [], "callbacks": [10, 2], "finishing": [], "bus": [10, 10, 4]}
    assert [each.body["resource"] for each in world.callbacks.sent] == [each.id for each in recordings]


@pytest.mark.parametrize("channel", ["commands", "bus"])
def test_exactly_the_changes_fail_that_may_be_unsent(
    world: World, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that is never accepted fails its change and later ones of the same call; all others are published."""
    recordings, records = _pauses(world, 12)
    refused = recordings[4]
    world.services.recordings.update(refused.parent, refused.id, RecordingStatus.STOPPED)
    records += world.changes()
    sender = getattr(world, channel)
    take = sender._take

    def refuse(entries: Sequence[Any]) -> None:
        if any(refused.id in str(entry) for entry in entries):
            raise StoreUnavailable
        take(entries)

    monkeypatch.setattr(sender, "_take", refuse)
    failed = world.publish(records)
    assert [record["dynamodb"]["NewImage"]["status"]["S"] for record in failed] == ["paused", "stopped"]
    assert {record["dynamodb"]["Keys"]["SK"]["S"] for record in failed} == {f"REC#{refused.id}"}
    others = {each.id for each in recordings} - {refused.id}
    assert {each.body["recording"] for each in world.commands.sent} - {refused.id} == others
    assert {event.detail["recording"] for event in world.bus.sent} == others
    # Once the messages are accepted, the failed records are published.
    monkeypatch.setattr(sender, "_take", take)
    assert world.publish(failed) == []
    assert {event.detail["recording"] for event in world.bus.sent} == {each.id for each in recordings}


def test_a_confirmed_pause_is_not_sent_again(world: World) -> None:
    """A pause that the engine has confirmed meanwhile is not sent; it is if the recording cannot be read (C-330)."""
    (confirmed, waiting), records = _pauses(world, 2)
    world.stage.engine.paused(confirmed, 2)
    assert world.publish(records) == []
    assert [each.body["recording"] for each in world.commands.drain()] == [waiting.id]

    def fail(when: str, operation: str, request: Mapping[str, Any]) -> None:
        if (when, operation) == ("before", "GetItem") and "REC#" in request["Key"]["SK"]["S"]:
            raise ClientError({"Error": {"Code": "InternalServerError"}}, operation)

    world.faults.append(fail)
    assert world.publish(records) == []
    assert [each.body["recording"] for each in world.commands.drain()] == [confirmed.id, waiting.id]


def test_without_a_bus_no_domain_event_is_published(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment whose function knows no bus publishes commands and callbacks only (C-331)."""
    assert aws_outbound_clients(Environment(), replace(world.settings, event_bus="")).bus is None
    (recording,), records = _pauses(world, 1)
    monkeypatch.setattr(world.background.publisher, "_bus", None)
    assert world.publish(records) == []
    assert [each.body["recording"] for each in world.commands.sent] == [recording.id]
    assert world.bus.sent == []


def test_a_record_without_keys_fails_alone(world: World) -> None:
    """A record that names no item is reported as failed and logged; the others are published."""
    (recording,), records = _pauses(world, 1)
    malformed = {"eventSource": "aws:dynamodb", "dynamodb": {"SequenceNumber": "1"}}
    answer = world.call("publish_changes", {"Records": [malformed, *records]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert [each.body["recording"] for each in world.commands.sent] == [recording.id]
    assert [(each["outcome"], each.get("error")) for each in world.log.drain()] == [
        ("unreadable", "KeyError"), ("done", None),
    ]  # fmt: skip
