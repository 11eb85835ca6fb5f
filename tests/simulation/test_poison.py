"""G13: one record that cannot be dealt with holds up nobody else, and lies where somebody finds it."""

import json
from typing import Final

import pytest

from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Recording
from tapedeck.ports.changes import Change
from tapedeck_standin.telephony.engine import PROCESSING_SECONDS
from tests.simulation.checks import claims_of, faults_of
from tests.simulation.history import Image
from tests.simulation.internet import Receiver
from tests.simulation.test_every_callback_arrives import EVENTS, record
from tests.simulation.world import World

CALLS: Final = 5


@pytest.mark.parametrize("position", range(CALLS))
def test_a_poisoned_record_of_the_stream(position: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All others are told of; the poisoned ones go to the failure destination, and when that is mended they are told.

    Nothing else tells of them meanwhile: no reconcile runs.
    """
    url = f"https://host.example/{position}"
    with World(position, mishaps=0) as world:
        world.internet.receivers = {"host.example": Receiver()}
        publish = world.background.publisher.publish

        def fail(change: Change) -> None:
            if isinstance(change.after, Recording) and change.after.callback and change.after.callback.url == url:
                raise RuntimeError("poisoned")
            publish(change)

        with monkeypatch.context() as spoilt:
            spoilt.setattr(world.background.reconciler, "run", lambda _: None)
            spoilt.setattr(world.background.publisher, "publish", fail)
            for number in range(CALLS):
                record(world, f"https://host.example/{number}")
            world.drain()
            world.clock.sleep(PROCESSING_SECONDS)
            world.drain()
        recordings = {image["SK"]["S"].removeprefix("REC#"): _url_of(image) for _, image in world.history.recordings()}
        (poisoned,) = (recording for recording, told in recordings.items() if told == url)
        told = {(resource_id, name.partition(".")[2]) for resource_id, name, _ in claims_of(world)}
        assert told == {(each, event) for each in recordings for event in EVENTS if each != poisoned}
        kept = [json.loads(json.loads(each)["payload"])["Records"] for each in world.failures.kept.values()]
        images = [record["dynamodb"]["NewImage"] for records in kept for record in records]
        assert {image["SK"]["S"] for image in images} == {f"REC#{poisoned}"}
        assert world.background.redrive.run(100) == (len(kept), False)
        world.settle()
        assert faults_of(world, expected={"RuntimeError"}) == []
        assert world.failures.kept == {}
        states = {(resource_id, delivery["state"]) for resource_id, _, delivery in claims_of(world)}
        assert states == {(recording, "done") for recording in recordings}


def _url_of(image: Image) -> str:
    url: str = image["callback"]["M"]["url"]["S"]
    return url


@pytest.mark.parametrize("body", ["no JSON", '{"type": "call.ringing"}', "unknown"])
def test_a_poisoned_event(body: str) -> None:
    """What cannot be read, or is about what nobody knows, comes five times and is a dead letter; all others proceed."""
    with World(1, mishaps=0) as world:
        world.internet.receivers = {"host.example": Receiver()}
        if body == "unknown":
            world.tell("call.ended", new_id(world.clock()), call=new_id(world.clock()))
            ((_, body),) = world.events.held
        else:
            world.events.append_text(body, "poison")
        for number in range(CALLS):
            record(world, f"https://host.example/{number}")
        world.settle()
        assert faults_of(world, expected={"MalformedBody"}) == []
        assert [text for _, text in world.dead["events"].held] == [body]
        assert len([delivery for _, _, delivery in claims_of(world) if delivery["state"] == "done"]) == CALLS * len(
            EVENTS
        )


@pytest.mark.parametrize("body", ["no JSON", '{"account": "a"}'])
def test_a_poisoned_callback(body: str) -> None:
    """What cannot be read in the queue of callbacks comes five times and is a dead letter; all others are sent."""
    with World(2, mishaps=0) as world:
        world.internet.receivers = {"host.example": Receiver()}
        world.callbacks.append_text(body, "poison")
        for number in range(CALLS):
            record(world, f"https://host.example/{number}")
        world.settle()
        assert faults_of(world, expected={"JSONDecodeError", "KeyError"}) == []
        assert [text for _, text in world.dead["callbacks"].held] == [body]
        assert len([delivery for _, _, delivery in claims_of(world) if delivery["state"] == "done"]) == CALLS * len(
            EVENTS
        )
