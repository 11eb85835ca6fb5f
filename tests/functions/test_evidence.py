"""The evidence chain of the simulated engine: each event reports its end, which the writes that happen anyway store."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus
from tapedeck.operations.recordings import StartRecording
from tapedeck_protocol.evidence import first_hash, head_of, next_hash
from tapedeck_standin.telephony.engine_links import EngineLinks
from tapedeck_standin.telephony.simulated_engine import SimulatedEngine
from tests.client import make_event
from tests.functions.background_world import ENGINE_TOKEN, World, register_engine
from tests.functions.objects import Objects

_ROUTES = {"events": "take_engine_events", "uploads": "open_upload"}


@dataclass(frozen=True)
class Message:
    """A received command."""

    body: str
    receipt: str = ""


@dataclass
class Setup:
    """A simulated engine that speaks to the functions of a world; without `has_evidence` its events are sent without.

    `events` are the events in their order, each with the writes to the table that it led to.
    """

    world: World
    bucket: Objects
    has_evidence: bool = True
    events: list[tuple[dict[str, Any], list[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the engine."""
        register_engine(self.world, "standin", ENGINE_TOKEN)
        links = EngineLinks(
            self.receive,
            lambda _receipt: None,
            self.post,
            self.upload,
            lambda _wanted: {},
            lambda _account, _name: None,
        )
        self.engine = SimulatedEngine(
            links, self.world.clock, lambda _account, _conference: None, lambda _account: None, lambda _line: None
        )

    def receive(self) -> Sequence[Message]:
        """Receive the commands that were sent."""
        self.world.publish()
        return [Message(json.dumps(dict(each.body))) for each in self.world.commands.drain()]

    def post(self, route: str, body: dict[str, Any]) -> tuple[int, Mapping[str, Any]]:
        """Send a request to its function; sessions are always open."""
        if route == "sessions":
            return 200, {"seq_seen": 0, "alive_every": 86_400}
        sent = json.loads(json.dumps(body))
        for event in sent.get("events", ()):
            if not self.has_evidence:
                del event["evidence"]
        headers = {"Authorization": f"Bearer {ENGINE_TOKEN}", "Content-Type": "application/json"}
        request = make_event(
            "POST", f"/engine/v2/{route}", headers=headers, body=json.dumps(sent).encode(), gateway="api-gateway"
        )
        with self.world.recorded_requests() as requests:
            answer = self.world.call(_ROUTES[route], request)
        writes = [operation for operation in requests if operation not in {"GetItem", "BatchGetItem", "Query"}]
        self.events += [(event, writes) for event in sent.get("events", ())]
        return answer["statusCode"], json.loads(answer["body"])

    def upload(self, answer: Mapping[str, Any], wav_file: Path) -> int:
        """Store the capture at the place of its ticket."""
        recording = answer["ticket"].split(".")[0]
        self.bucket.put_at(self.world.account.account, recording, "capture.wav", wav_file.read_bytes())
        return 200

    def run(self, recording: Recording, *statuses: RecordingStatus, seconds: int = 2) -> Recording:
        """Let the engine begin a recording, then request these statuses, and finish the media; read the recording."""
        self.work()
        for status in statuses:
            self.world.clock.step(seconds)
            self.world.services.recordings.update(recording.parent, recording.id, status)
            self.work()
        self.world.clock.step(1)
        assert self.engine.finish_due_media()
        self.work()
        return self.world.services.recordings.get(recording.parent, recording.id)

    def work(self) -> None:
        """Let the engine work until nothing is left to do."""
        while self.engine.step():
            pass


PAUSED, RESUMED, STOPPED = RecordingStatus.PAUSED, RecordingStatus.IN_PROGRESS, RecordingStatus.STOPPED


def begin(world: World) -> Recording:
    """Start a recording of a call over the API."""
    call = world.stage.call(engine="standin")
    parent = Parent(world.account.account, ParentKind.CALL, call.id)
    recording, _ = world.services.recordings.create(parent, StartRecording())
    return recording


def test_the_chain_leads_from_its_first_hash_to_what_the_item_holds(world: World, bucket: Objects) -> None:
    """Every event reports the end of the chain; the entries of the last one hash to each of them, and to the item's."""
    setup = Setup(world, bucket)
    recording = begin(world)
    found = setup.run(recording, PAUSED, RESUMED, STOPPED)
    events = [event for event, _ in setup.events]
    completed = events[-1]
    entries = completed["evidence_entries"]
    assert [entry["type"] for entry in entries] == ["started", "paused", "resumed", "stopped", "sealed"]
    heads = [first_hash(recording.id)]
    for entry in entries:
        heads.append(next_hash(heads[-1], entry))
    assert [event["evidence"] for event in events] == [{"n": n, "head": heads[n]} for n in (1, 2, 3, 4, 5)]
    assert (found.evidence_entries, found.evidence_head) == (5, head_of(recording.id, entries))
    assert [entry.get("version") for entry in entries] == [1, 2, 3, 4, None]
    assert [entry.get("mono_ms") for entry in entries] == [0, 2000, 4000, 6000, None]
    assert entries[1] == {
        "n": 2, "type": "paused", "asked_at": world.clock() - 5000, "done_at": world.clock() - 5000, "mono_ms": 2000,
        "version": 2, "offset": 16_000, "rate": 8000, "legs": 1, "behavior": "silence",
    }  # fmt: skip
    assert entries[-1] == {
        "n": 5, "type": "sealed", "sha256": completed["sha256"], "bytes": completed["bytes"], "samples": 48_000,
        "channels": 1, "lost_ms": 0, "gaps": 0,
    }  # fmt: skip


def test_a_recording_without_audio_keeps_its_chain(world: World, bucket: Objects) -> None:
    """A recording that is stopped at once is absent, and the item holds the end of its chain."""
    setup = Setup(world, bucket)
    recording = begin(world)
    world.services.recordings.update(recording.parent, recording.id, STOPPED)
    found = setup.run(recording)
    assert [event["type"] for event, _ in setup.events][1:] == ["recording.stopped", "recording.absent"]
    assert (found.status, found.evidence_entries) == ("absent", 2)
    assert found.evidence_head == setup.events[-1][0]["evidence"]["head"]


@pytest.mark.parametrize("statuses", [(PAUSED, RESUMED, PAUSED, STOPPED), (STOPPED,)])
def test_evidence_costs_no_write(world: World, bucket: Objects, statuses: tuple[RecordingStatus, ...]) -> None:
    """Events with evidence lead to exactly the writes to the table to which those without it lead."""
    writes = []
    for has_evidence in (True, False):
        setup = Setup(world, bucket, has_evidence)
        found = setup.run(begin(world), *statuses)
        assert (found.evidence_entries > 0) == has_evidence
        writes.append([(event["type"], made) for event, made in setup.events])
    assert writes[0] == writes[1]
