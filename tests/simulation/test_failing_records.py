"""A record that always fails blocks no other record and ends in a dead-letter queue or the failed-batches bucket."""

import json
from collections.abc import Iterator
from typing import Final

import pytest

from tapedeck.domain.engine_command import Command
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Recording
from tapedeck.ports.changes import Change
from tapedeck_standin.recordings.captures import PROCESSING_SECONDS
from tests.simulation.checks import deliveries_of, violations_of
from tests.simulation.history import Image
from tests.simulation.receivers import Receiver
from tests.simulation.test_every_callback_arrives import EVENTS, record
from tests.simulation.world import World

CALLS: Final = 5


@pytest.mark.parametrize("position", range(CALLS))
def test_failing_stream_record_goes_to_the_failure_destination(position: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All other records are published; the failing one is saved, and a redrive publishes it once the cause is fixed.

    The reconciler is off meanwhile, so that nothing else can publish it.
    """
    url = f"https://host.example/{position}"
    with World(position, event_fault_rate=0) as world:
        world.network.receivers = {"host.example": Receiver()}
        commands = world.background.publisher._current_commands
        find = commands.of

        def fail(change: Change) -> Iterator[Command]:
            if isinstance(change.after, Recording) and change.after.callback and change.after.callback.url == url:
                raise RuntimeError("always fails")
            return find(change)

        with monkeypatch.context() as patched:
            patched.setattr(world.background.reconciler, "run", lambda _: None)
            patched.setattr(commands, "of", fail)
            for number in range(CALLS):
                record(world, f"https://host.example/{number}")
            world.drain()
            world.clock.sleep(PROCESSING_SECONDS)
            world.drain()
        recordings = {image["SK"]["S"].removeprefix("REC#"): _url_of(image) for _, image in world.history.recordings()}
        (failing,) = (recording for recording, callback_url in recordings.items() if callback_url == url)
        delivered = {(resource_id, name.partition(".")[2]) for resource_id, name, _ in deliveries_of(world)}
        assert delivered == {(each, event) for each in recordings for event in EVENTS if each != failing}
        kept = [json.loads(json.loads(each)["payload"])["Records"] for each in world.failed_batches.kept.values()]
        images = [record["dynamodb"]["NewImage"] for records in kept for record in records]
        assert {image["SK"]["S"] for image in images} == {f"REC#{failing}"}
        assert world.background.redrive.run(100) == (len(kept), False)
        world.settle()
        assert violations_of(world, expected={"RuntimeError"}) == []
        assert world.failed_batches.kept == {}
        states = {(resource_id, delivery["state"]) for resource_id, _, delivery in deliveries_of(world)}
        assert states == {(recording, "delivered") for recording in recordings}


def _url_of(image: Image) -> str:
    url: str = image["callback"]["M"]["url"]["S"]
    return url


@pytest.mark.parametrize("body", ['"no event"', '{"type": "call.ringing"}', "unknown"])
def test_an_event_that_never_applies_delays_no_other(body: str) -> None:
    """A malformed event is refused at once, one of an unknown call is given up after five reports; others are taken."""
    with World(1, event_fault_rate=0) as world:
        world.network.receivers = {"host.example": Receiver()}
        if body == "unknown":
            world.report_event("call.ended", new_id(world.clock()), call=new_id(world.clock()))
            ((_, given_up),) = world.events.messages
            refused = []
        else:
            world.events.append_text(body, "malformed")
            given_up, refused = None, [("take_engine_events", "refused", "unreadable")]
        for number in range(CALLS):
            record(world, f"https://host.example/{number}")
        world.settle()
        assert violations_of(world) == []
        assert [text for _, text in world.dead_letters["events"].messages] == ([given_up] if given_up else [])
        assert [entry for entry in world.log.observed if entry[1] == "refused"] == refused
        assert len(
            [delivery for _, _, delivery in deliveries_of(world) if delivery["state"] == "delivered"]
        ) == CALLS * len(EVENTS)


@pytest.mark.parametrize("body", ["no JSON", '{"account": "a"}'])
def test_malformed_callback_message_becomes_a_dead_letter(body: str) -> None:
    """A malformed message in the callback queue is dead-lettered after five receives; all others are delivered."""
    with World(2, event_fault_rate=0) as world:
        world.network.receivers = {"host.example": Receiver()}
        world.callbacks.append_text(body, "malformed")
        for number in range(CALLS):
            record(world, f"https://host.example/{number}")
        world.settle()
        assert violations_of(world, expected={"JSONDecodeError", "KeyError"}) == []
        assert [text for _, text in world.dead_letters["callbacks"].messages] == [body]
        assert len(
            [delivery for _, _, delivery in deliveries_of(world) if delivery["state"] == "delivered"]
        ) == CALLS * len(EVENTS)
