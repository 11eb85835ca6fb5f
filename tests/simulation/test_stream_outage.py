"""After an outage longer than the stream's retention the reconciler alone sends every callback and command."""

from dataclasses import replace
from typing import Final

from tapedeck.background.engine_monitor import EngineLimits
from tapedeck.domain.recording import RecordingStatus
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.calls import UpdateCall
from tapedeck.operations.conferences import ConferenceName
from tapedeck.operations.participants import AddParticipant
from tapedeck.operations.recordings import StartRecording
from tests.simulation.checks import deliveries_of, violations_of
from tests.simulation.receivers import Receiver
from tests.simulation.test_every_callback_arrives import CALL_EVENTS, answered_call
from tests.simulation.world import World

HOURS: Final = 25
RECORDINGS: Final = 40


def _simulate_outage(world: World) -> None:
    """Simulate 25 hours of calls, some paused or hung up, with the reconciler but without the publisher."""
    world.network.receivers = {"host.example": Receiver()}
    events = ("in-progress", "completed", "absent")
    minutes = HOURS * 60
    running = []
    for minute in range(minutes):
        if minute % (minutes // RECORDINGS) == 0:
            parent = answered_call(world)
            callback = CallbackSubscription("https://host.example/callback", "POST", events, "twilio")
            recording, _ = world.recordings.create(parent, StartRecording(callback=callback))
            running.append((parent, recording.id, minute))
        for parent, recording_id, since in list(running):
            if minute == since + 10 and world.random_source.random() < 0.5:
                world.recordings.update(parent, recording_id, RecordingStatus.PAUSED)
            elif minute == since + 20:
                world.calls.end(world.account, parent.id)
                running.remove((parent, recording_id, since))
        world.observe()
        world.reconcile()
        for _ in range(3):
            for action in (
                world.engine.process_commands,
                world.engine.finish_due_media,
                world.ingest.run_once,
                world.finish.run_once,
                world.deliver.run_once,
                world.deliver_retries.run_once,
            ):
                world.run(action)
            world.clock.sleep(2)
        world.clock.sleep(54)


def test_reconciler_recovers_from_a_stream_outage() -> None:
    """Without the publisher, the reconciler sends every required callback and command."""
    with World(1, event_fault_rate=0) as world:
        world.is_publishing = False
        _simulate_outage(world)
        world.end_all()
        world.settle()
        assert world.log.observed.count(("publish_changes", "done", None)) == 0
        assert violations_of(world, is_lossless=False) == []
        delivered = [
            (resource_id, name.partition(".")[2], delivery["state"])
            for resource_id, name, delivery in deliveries_of(world)
        ]
        recordings = [key[1].removeprefix("REC#") for key, _ in world.history.recordings()]
        assert sorted(delivered) == sorted(
            (recording, event, "delivered") for recording in recordings for event in ("completed", "in-progress")
        )
        assert {image["status"]["S"] for _, image in world.history.recordings()} == {"completed"}
        latest_requests = {
            name: max(version for each, version in world.history.requests if each == name)
            for name in {each for each, _ in world.history.requests}
        }  # fmt: skip
        assert latest_requests.items() <= world.commands.sent


def test_reconciler_recovers_callbacks_of_calls() -> None:
    """Without the publisher, a dialed call and one with a later callback still get every callback."""
    with World(3, event_fault_rate=0) as world:
        world.is_publishing = False
        world.network.receivers = {"host.example": Receiver()}
        callback = CallbackSubscription("https://host.example/call", "POST", CALL_EVENTS, "twilio")
        request = AddParticipant("+15550003", "+15550004", call_callback=callback)
        dialed = world.participants.add(world.account, ConferenceName("red"), request).call
        answered = answered_call(world).id
        world.calls.update(world.account, answered, UpdateCall(callback=replace(callback, events=())))
        world.observe()
        for _ in range(HOURS * 60):
            world.clock.sleep(60)
            world.reconcile()
            world.drain()
        world.end_all()
        world.settle()
        assert world.log.observed.count(("publish_changes", "done", None)) == 0
        assert violations_of(world, is_lossless=False) == []
        delivered = {(resource_id, name, delivery["state"]) for resource_id, name, delivery in deliveries_of(world)}
        names = ("00000000.initiated", "00000001.ringing", "00000002.answered", "00000003.completed")
        assert delivered == {
            (answered, "00000000.completed", "delivered"),
            *((dialed, name, "delivered") for name in names),
        }


def test_publisher_resumes_after_a_stream_outage() -> None:
    """After the outage the publisher handles new changes of an old recording, in order."""
    with World(2, event_fault_rate=0) as world:
        world.is_publishing = False
        world.network.receivers = {"host.example": Receiver()}
        callback = CallbackSubscription(
            "https://host.example/callback", "POST", ("in-progress", "paused", "completed"), "twilio"
        )
        # The call outlasts the outage.
        world.background.engine_monitor._limits = EngineLimits(max_call_hours=2 * HOURS)
        parent = answered_call(world)
        recording, _ = world.recordings.create(parent, StartRecording(callback=callback))
        world.observe()
        for _ in range(HOURS * 60):
            world.clock.sleep(60)
            world.reconcile()
            world.drain()
        world.is_publishing = True
        world.recordings.update(parent, recording.id, RecordingStatus.PAUSED)
        world.observe()
        world.drain()
        world.end_all()
        world.settle()
        delivered = [name.partition(".")[2] for _, name, _ in sorted(deliveries_of(world), key=lambda found: found[1])]
        assert delivered == ["in-progress", "paused", "completed"]
