"""Simulation: captures whose messages are lost, duplicated or delayed, or whose conversion crashes, finish once."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tapedeck.domain.recording import Parent, ParentKind, RecordingStatus, Source
from tapedeck_standin.recordings.audio import Part
from tests.reporter import start_recording
from tests.simulation.storage import write_length
from tests.simulation.world import World
from tests.thoroughness import scaled

SEEDS = range(scaled(deep=400, ci=60, fast=6))
RECORDINGS = 8
FAULT_RATE = 0.25


def upload(world: World, recording: str, milliseconds: int) -> None:
    """Store a capture in the bucket, as an engine does."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "capture.wav"
        write_length(file, [Part(milliseconds, is_sound=True)], [True])
        world.objects.write(f"{world.account}/{recording}/capture.wav", file)


@pytest.mark.sized
@pytest.mark.parametrize("seed", SEEDS)
def test_every_capture_finishes_once(seed: int) -> None:
    """Each recording with a capture becomes completed or absent once; an empty object replaces each capture (C-274)."""
    with World(seed, event_fault_rate=FAULT_RATE) as world:
        ends: dict[str, list[str]] = {}
        note = world.history.note

        def observe(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> None:
            if after is not None and after["SK"]["S"].startswith("REC#"):
                old, new = before["status"]["S"] if before else None, after["status"]["S"]
                if old != new and new in {"completed", "absent"}:
                    ends.setdefault(after["SK"]["S"][4:], []).append(new)
            note(before, after)

        world.history.note = observe  # type: ignore[method-assign]
        call = world.calls.register(world.account, to="+12025550100", from_="+12025550101", direction="inbound")
        parent = Parent(world.account, ParentKind.CALL, call.id)
        expected = {}
        for number in range(RECORDINGS):
            recording = start_recording(world, parent, source=Source.RECORD_VERB, call=call.id)
            world.recordings.update(parent, recording.id, RecordingStatus.STOPPED)
            is_late, is_short = number % 3 == 0, number % 4 == 0
            if is_late:
                world.media.give_up(parent, recording.id)
            upload(world, recording.id, 400 if is_short else 3_000)
            first = ["absent"] if is_late else []
            expected[recording.id] = first if is_late and is_short else [*first, "absent" if is_short else "completed"]
        for number, name in enumerate(expected):
            found = world.media._recordings.get(parent, name)
            world.fault_injector.arm(world.random_source.randrange(60), crashes=bool(number % 2))
            while not world.run(world.media.adopt_capture, found):
                pass
            world.drain()
            world.fault_injector.disarm()
        world.settle()
        assert ends == expected
        assert world.history.wrong == []
        assert world.unexpected_errors == []
        captures = {key: body for key, body in world.objects.content.items() if key.endswith("/capture.wav")}
        assert captures == {f"{world.account}/{name}/capture.wav": b"" for name in expected}
        finished = [name for name, found in ends.items() if found[-1] == "completed"]
        assert {key.split("/")[1] for key in world.objects.content if key not in captures} == set(finished)
