"""A run of reconcile costs what is due, not what is open, and overlooks nothing for long (REL-25)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from threading import Barrier
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from tapedeck.background import reconciler
from tapedeck.background.handlers import BackgroundEndpoint, BackgroundServices, IncompleteRun
from tapedeck.bootstrap.background import build_background_services
from tapedeck.bootstrap.environment import Environment
from tapedeck.domain.delivery import CallbackDelivery
from tapedeck.domain.engine_report import CaptureTransitionReport
from tapedeck.domain.errors import StoreUnavailable
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.recordings import StartRecording
from tests.functions.background_world import World
from tests.functions.stage import START
from tests.media import capture, sound
from tests.thoroughness import scaled

OPEN: Final = scaled(deep=100_000, ci=40_000, fast=3_000)
OTHERS: Final = scaled(deep=100_000, ci=10_000, fast=1_000)
CALLBACK: Final = {
    "M": {
        "url": {"S": "https://app.example.com/hooks"},
        "method": {"S": "POST"},
        "events": {"L": [{"S": "in-progress"}, {"S": "completed"}]},
        "dialect": {"S": "twilio"},
    }
}
PAUSED: Final[Mapping[str, Any]] = {
    "status": "paused",
    "version": 2,
    "updated": START - 30,
    "pause_behavior": "silence",
}
ENDED: Final[Mapping[str, Any]] = {
    "status": "completed",
    "version": 3,
    "confirmed": 3,
    "duration": 5,
    "updated": START - 600,
}


def identifier_of(number: int, shard: str | None = None) -> str:
    """Return the id of a recording that was created an hour ago."""
    return f"016612beff12700080000000{number:07x}{shard or format(number % 16, 'x')}"


def put_recordings(world: World, first: int, count: int, *, shard: str | None = None, **attributes: Any) -> None:
    """Store recordings of engine `standin`, each with the id of its call: in one shard, or evenly in all."""
    account = world.account.account
    for number in range(first, first + count):
        identifier = identifier_of(number, shard)
        item = {
            "PK": f"{account}#CALL#{identifier}", "SK": f"REC#{identifier}", "status": "in-progress", "version": 1,
            "confirmed": 1, "source": "StartCallRecordingAPI", "call": identifier, "channels": 1, "track": "both",
            "trim": "do-not-trim", "started": START - 3_600, "updated": START - 3_600, "seq": 40, "engine": "standin",
            "live": f"standin#{identifier[-1]}", "work": f"OPEN#{identifier[-1]}", "work_at": START + 1_800,
            **{f"r{place}": "" for place in range(1, 9)}, **attributes,
        }  # fmt: skip
        values = {name: _typed(value) for name, value in item.items()}
        world.memory.put_item(TableName=world.table, Item=values)
    world.discard()


def _typed(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def test_a_share_of_what_is_not_due_is_looked_at(world: World) -> None:
    """Pauses that the stream lost are found: of 125 open recordings in a shard all at once, of 300 in four minutes."""
    put_recordings(world, 0, 125, shard="1", **PAUSED)
    assert world.reconcile() == {"resent": 125}
    put_recordings(world, 1_000, 300, shard="2", **PAUSED)
    found: set[str] = set()
    for _ in range(4):
        world.reconcile()
        sent = {message.body["recording"] for message in world.commands.drain() if message.body["recording"][-1] == "2"}
        assert len(sent - found) < 200
        found |= sent
        world.clock.step(60)
    assert len(found) == 300


def start_recording(world: World, dialect: str = "twilio") -> Recording:
    """Start a recording that the engine confirms, and publish that."""
    call = world.stage.call()
    callback = CallbackSubscription("https://app.example.com/hooks", "POST", ("completed",), dialect)
    recording, _ = world.services.recordings.create(
        Parent(call.account, ParentKind.CALL, call.id), StartRecording(callback=callback)
    )
    world.stage.engine.started(recording)
    assert world.publish() == []
    world.discard()
    return recording


def resent(world: World) -> list[tuple[str, str]]:
    """Return type and recording of the new commands."""
    return [(message.body["type"], message.body["recording"]) for message in world.commands.drain()]


@pytest.mark.sized
@pytest.mark.timeout(1_200)
def test_a_check_finds_an_unconfirmed_pause_among_all_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause is sent again 30 seconds later although 100,000 recordings are open, none of which is looked at (C-301).

    The run finds it by the check of its batch, and moves it in the index: the next runs find it there.
    """
    monkeypatch.setattr(reconciler, "MAX_LOOKED_AT_PER_SHARD", 0)
    put_recordings(world, 0, OTHERS)
    recording = start_recording(world)
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    assert world.publish() == []
    world.discard()
    world.clock.step(29)
    assert world.reconcile() == {}
    world.clock.step(1)
    assert world.reconcile() == {"resent": 1}
    assert resent(world) == [("recording.pause", recording.id)]
    world.clock.step(60)
    assert world.reconcile() == {"resent": 1, "unconfirmed_pauses": 1}
    world.stage.engine.paused(recording, 2)
    with world.recorded_requests() as requests:
        assert world.reconcile() == {}
    assert requests.count("UpdateItem") == 1
    with world.recorded_requests() as requests:
        assert world.reconcile() == {}
    assert "UpdateItem" not in requests


def test_a_check_is_read_again_after_a_failure(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the pause that a check names cannot be moved in the index, the next run finds it by the check again."""
    monkeypatch.setattr(reconciler, "MAX_LOOKED_AT_PER_SHARD", 0)
    recording = start_recording(world)
    assert world.reconcile() == {}
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    assert world.publish() == []
    world.discard()
    world.clock.step(31)

    def fail(when: str, operation: str, _request: Mapping[str, Any]) -> None:
        if when == "before" and operation == "UpdateItem":
            raise ClientError({"Error": {"Code": "InternalServerError"}}, operation)

    world.faults.append(fail)
    with pytest.raises(IncompleteRun):
        world.reconcile()
    world.faults.remove(fail)
    world.clock.step(60)
    assert world.reconcile() == {"resent": 1, "unconfirmed_pauses": 1}
    assert resent(world) == [("recording.pause", recording.id)]


def test_a_check_of_a_confirmed_pause_writes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause that is confirmed before its check moves nothing; one that is confirmed in its batch has no check."""
    monkeypatch.setattr(reconciler, "MAX_LOOKED_AT_PER_SHARD", 0)
    recording = start_recording(world)
    world.clock.step(60)
    assert world.reconcile() == {}
    for is_in_batch, reads in ((False, 1), (True, 0)):
        status = RecordingStatus.IN_PROGRESS if is_in_batch else RecordingStatus.PAUSED
        changed = world.services.recordings.update(recording.parent, recording.id, status)
        if not is_in_batch:
            assert world.publish() == []
        world.stage.engine.report(CaptureTransitionReport(recording.parent, recording.id, status), changed.version)
        assert world.publish() == []
        world.clock.step(60)
        with world.recorded_requests() as requests:
            assert world.reconcile() == {}
        assert (requests.count("BatchGetItem"), requests.count("UpdateItem")) == (reads, 0)


def test_a_check_moves_an_uploaded_capture(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The conversion of a capture is requested again after ten minutes, although an upload does not write the index."""
    monkeypatch.setattr(reconciler, "MAX_LOOKED_AT_PER_SHARD", 0)
    recording = start_recording(world)
    world.clock.step(600)
    assert world.reconcile() == {}
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.STOPPED)
    world.stage.engine.report(CaptureTransitionReport(recording.parent, recording.id, RecordingStatus.STOPPED), 2)
    capture(world.services, recording, sound(1))
    assert world.publish() == []
    world.discard()
    world.clock.step(60)
    assert world.reconcile() == {}
    world.clock.step(539)
    assert world.reconcile() == {}
    world.clock.step(1)
    assert world.reconcile() == {"conversions": 1}


def test_a_check_that_cannot_be_stored_fails_no_change(world: World) -> None:
    """If the table refuses the check of a batch, the batch is published all the same, and that is logged."""
    recording = start_recording(world)
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)

    def fail(when: str, operation: str, request: Mapping[str, Any]) -> None:
        if when == "before" and request.get("Key", {}).get("PK", {"S": ""})["S"].startswith("CHECKS#"):
            raise ClientError({"Error": {"Code": "InternalServerError"}}, operation)

    world.faults.append(fail)
    assert world.publish() == []
    assert resent(world) == [("recording.pause", recording.id)]
    line = world.log.drain()[-1]
    assert (line["operation"], line["outcome"]) == ("publish_changes", "unchecked")


def put_callbacks(world: World, first: int, count: int, *names: str) -> None:
    """Store these callbacks of recordings, queued and not due."""
    for number in range(first, first + count):
        for place, event in enumerate(names):
            delivery = CallbackDelivery(
                account=world.account.account,
                resource_id=identifier_of(number),
                sequence=2 * place + 1,
                event=event,
                dialect="twilio",
                url="https://app.example.com/hooks",
                method="POST",
                body="a=b",
                idempotency_token=f"{number}",
                created=START,
                next_attempt_at=START + 90_000,
            )
            world.background.callbacks._store.put(delivery)
    world.discard()


class Requests:
    """Counts the requests of a run at the wire: to the table by shard (`""`: before all shards).

    The first request of a shard reads its callbacks that are due.
    """

    def __init__(self) -> None:
        self.by_shard: Counter[str] = Counter()
        self._shard = ""

    def __call__(self, when: str, _operation: str, request: Mapping[str, Any]) -> None:
        """Count a request."""
        if when == "before":
            shard = request.get("ExpressionAttributeValues", {}).get(":shard", {"S": ""})["S"]
            self._shard = shard[-1] if shard.startswith("DUE#") else self._shard
            self.by_shard[self._shard] += 1


@pytest.mark.sized
@pytest.mark.timeout(1_200)
def test_a_run_costs_what_is_due(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 100,000 open recordings, 1,000 of them due, a run sends under 3,000 requests and takes under 60 seconds.

    Each request, also each message to a queue, counts as 10 ms; all shards run one after the other here. Due are 400
    recordings in order, 300 unconfirmed pauses, and 300 ended recordings whose callbacks are looked up.
    """
    put_recordings(world, 0, OPEN - 1_000, callback=CALLBACK)
    put_recordings(world, OPEN, 400, work_at=START - 10, callback=CALLBACK)
    put_callbacks(world, OPEN, 400, "in-progress")
    put_recordings(world, OPEN + 400, 300, **PAUSED, work_at=START)
    put_recordings(world, OPEN + 700, 300, **ENDED, work_at=START, callback=CALLBACK)
    put_callbacks(world, OPEN + 700, 300, "in-progress", "completed")
    requests = Requests()
    world.faults.append(requests)
    take = world.commands._take

    def count(messages: Sequence[Any]) -> None:
        requests.by_shard["messages"] += len(messages)
        take(messages)

    monkeypatch.setattr(world.commands, "_take", count)
    counted = world.reconcile()
    world.faults.clear()
    assert counted == {"resent": 300}
    assert len(world.commands.sent) == 300
    assert world.callbacks.sent == []
    total = requests.by_shard.total()
    assert total < 2_000
    assert total * 0.01 < 60
    # The next run finds what is still due: 300 pauses, which are sent again as they back off.
    world.clock.step(60)
    requests.by_shard.clear()
    world.faults.append(requests)
    assert world.reconcile() == {"resent": 300, "unconfirmed_pauses": 300}
    assert requests.by_shard.total() < 600


def test_shards_are_reconciled_at_the_same_time(world: World) -> None:
    """After the first shard the others run at once, each in the context of the run; a failing one stops no other."""
    context: ContextVar[str] = ContextVar("context", default="")
    together = Barrier(15)
    seen: list[tuple[str, str]] = []

    def reconcile_shard(shard: str, _services: BackgroundServices) -> Counter[str]:
        if seen:
            together.wait(timeout=30)
        seen.append((shard, context.get()))
        if shard == "3":
            raise StoreUnavailable
        return Counter(resent=2)

    run = BackgroundEndpoint(lambda: replace(world.background, shards_at_once=15)).schedule("reconcile")(
        reconcile_shard
    )
    context.set("run")
    with pytest.raises(StoreUnavailable):
        run({}, None)
    assert sorted(seen) == [(shard, "run") for shard in "0123456789abcdef"]


def test_shards_at_the_same_time_lose_nothing(world: World) -> None:
    """A run of eight shards at once sends what a run of one after the other sends: each unconfirmed pause, once."""
    put_recordings(world, 0, 160, **PAUSED, work_at=START)
    services = replace(world.background, shards_at_once=8)
    run = BackgroundEndpoint(lambda: services).schedule("reconcile", before=lambda each: each.engine_monitor.run())(
        lambda shard, each: each.reconciler.run(shard)
    )
    assert run({}, None) == {"resent": 160}
    assert len({recording for _, recording in resent(world)}) == 160


def test_only_a_deployment_reconciles_shards_at_the_same_time(world: World) -> None:
    """A deployment reconciles eight shards at once; the stand-in one after the other, so that runs can be repeated."""
    deployed = Environment(read_settings=lambda: world.settings, make_client=lambda _service: world.memory)
    assert build_background_services(deployed).shards_at_once == 8
    assert world.background.shards_at_once == 1
