"""The example connector follows the engine protocol, with queues and a bucket of moto."""

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tapedeck.engine_protocol.schema import COMMANDS, EVENTS
from tests.tutorials.page import ROOT

ACCOUNT, CALL, RECORDING = "a" * 32, "c" * 32, "e" * 32
KEY = f"{ACCOUNT}/{RECORDING}/original.wav"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    """The module of the example."""
    path = ROOT / "examples" / "connector" / "connector.py"
    specification = importlib.util.spec_from_file_location("connector", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@dataclass
class FakeEngine:
    """Keeps the wanted states; every capture is the same file."""

    audio: Path | None
    applied: list[str] = field(default_factory=list)

    def apply(self, _recording: str, wanted: dict[str, Any]) -> None:
        """Keep the wanted state."""
        self.applied.append(wanted["status"])

    def captured(self, _recording: str) -> Path | None:
        """Return the file."""
        return self.audio


@dataclass
class Stack:
    """The queues and the bucket of a stack, and a connector to them."""

    sqs: Any
    s3: Any
    commands: str
    events: str
    connector: Any
    engine: FakeEngine

    def send(self, kind: str, status: str, version: int, repetition: int = 0) -> None:
        """Send a command to the engine, as Tapedeck does."""
        wanted = {"status": status, "channels": 1, "track": "both", "key": KEY}
        command = {
            "id": f"{RECORDING}.{version}.{repetition}", "type": kind, "account": ACCOUNT, "version": version,
            "parent": {"type": "call", "id": CALL}, "recording": RECORDING, "wanted": wanted,
        }  # fmt: skip
        COMMANDS.validate_python(command)
        body = json.dumps(command)
        self.sqs.send_message(QueueUrl=self.commands, MessageBody=body, MessageGroupId=CALL)

    def reported(self) -> list[tuple[str, int | None]]:
        """Return the type and version of each event, after checking it against the protocol and deleting it."""
        messages = self.sqs.receive_message(QueueUrl=self.events, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            self.sqs.delete_message(QueueUrl=self.events, ReceiptHandle=message["ReceiptHandle"])
        events = [EVENTS.validate_python(json.loads(message["Body"]), extra="forbid") for message in messages]
        return [(event.type, event.version) for event in events]


@pytest.fixture
def stack(example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A stack in memory."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    audio = tmp_path / "capture.wav"
    audio.write_bytes(b"RIFF")
    with mock_aws():
        sqs: Any = boto3.client("sqs", region_name="us-east-1")
        s3: Any = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="media")
        attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
        commands, events = (
            sqs.create_queue(QueueName=f"{name}.fifo", Attributes=attributes)["QueueUrl"] for name in ("c", "e")
        )
        engine = FakeEngine(audio)
        yield Stack(sqs, s3, commands, events, example.Connector(sqs, s3, commands, events, "media", engine), engine)


def test_it_acknowledges_each_command_with_its_version(stack: Stack) -> None:
    """A start and a pause are applied in order, and acknowledged with their versions."""
    stack.send("recording.start", "in-progress", 1)
    stack.send("recording.pause", "paused", 2)
    handled = stack.connector.run_once(0) + stack.connector.run_once(0)
    assert (handled, stack.engine.applied) == (2, ["in-progress", "paused"])
    assert stack.reported() == [("recording.started", 1), ("recording.paused", 2)]


def test_a_repeated_command_is_only_acknowledged_again(stack: Stack) -> None:
    """A command that was carried out before is not applied again, but acknowledged again."""
    stack.send("recording.pause", "paused", 2)
    stack.connector.run_once(0)
    assert stack.reported() == [("recording.paused", 2)]
    stack.send("recording.pause", "paused", 2, repetition=1)
    stack.connector.run_once(0)
    assert (stack.reported(), stack.engine.applied) == ([("recording.paused", 2)], ["paused"])


def test_a_stopped_recording_is_stored_before_it_is_reported(stack: Stack) -> None:
    """The audio is in the bucket under the key of the command when the event reports it."""
    stack.send("recording.stop", "stopped", 3)
    stack.connector.run_once(0)
    assert stack.reported() == [("recording.stopped", 3), ("recording.completed", None)]
    assert stack.s3.get_object(Bucket="media", Key=KEY)["Body"].read() == b"RIFF"


def test_a_recording_without_audio_is_absent(stack: Stack) -> None:
    """Without audio, the connector reports that the recording is absent."""
    stack.engine.audio = None
    stack.send("recording.stop", "stopped", 3)
    stack.connector.run_once(0)
    assert stack.reported() == [("recording.stopped", 3), ("recording.absent", None)]
