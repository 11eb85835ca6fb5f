"""G14: what the stream has forgotten before anybody read it is told by reconciler runs alone."""

from typing import Final

from tapedeck.domain.recording import RecordingStatus
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.recordings import StartRecording
from tests.simulation.checks import claims_of, faults_of
from tests.simulation.internet import Receiver
from tests.simulation.test_every_callback_arrives import answered_call
from tests.simulation.world import World

HOURS: Final = 25
RECORDINGS: Final = 40


def _live_through(world: World) -> None:
    """25 hours of calls, some paused or hung up. The reconciler runs each minute; the publisher does not run."""
    world.internet.receivers = {"host.example": Receiver()}
    events = ("in-progress", "completed", "absent")
    minutes = HOURS * 60
    running = []
    for minute in range(minutes):
        if minute % (minutes // RECORDINGS) == 0:
            parent = answered_call(world)
            callback = CallbackSubscription("https://host.example/told", "POST", events, "twilio")
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
            for act in (
                world.engine.process_commands,
                world.engine.finish_due_media,
                world.ingest.run_once,
                world.deliver.run_once,
            ):
                world.run(act)
            world.clock.sleep(2)
        world.clock.sleep(54)


def test_a_lost_day_is_repaired() -> None:
    """Sweeps alone bring every due callback and every command; nothing else runs that could."""
    with World(1, mishaps=0) as world:
        world.is_publishing = False
        _live_through(world)
        world.end_all()
        world.settle()
        assert world.log.observed.count(("publish_changes", "done", None)) == 0
        assert faults_of(world, is_lossless=False) == []
        told = [
            (resource_id, name.partition(".")[2], delivery["state"]) for resource_id, name, delivery in claims_of(world)
        ]
        recordings = [key[1].removeprefix("REC#") for key, _ in world.history.recordings()]
        assert sorted(told) == sorted(
            (recording, event, "done") for recording in recordings for event in ("completed", "in-progress")
        )
        assert {image["status"]["S"] for _, image in world.history.recordings()} == {"completed"}
        asked_last = {
            name: max(version for each, version in world.history.requests if each == name)
            for name in {each for each, _ in world.history.requests}
        }  # fmt: skip
        assert asked_last.items() <= world.commands.journal


def test_the_publisher_goes_on_where_it_was_off() -> None:
    """What happens after the lost day is told as ever, in between as well."""
    with World(2, mishaps=0) as world:
        world.is_publishing = False
        world.internet.receivers = {"host.example": Receiver()}
        callback = CallbackSubscription(
            "https://host.example/told", "POST", ("in-progress", "paused", "completed"), "twilio"
        )
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
        told = [name.partition(".")[2] for _, name, _ in sorted(claims_of(world), key=lambda found: found[1])]
        assert told == ["in-progress", "paused", "completed"]
