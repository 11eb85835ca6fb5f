"""A connector to a media engine: receives Tapedeck's commands, controls an engine, and reports what it did.

It handles recordings of calls and conferences. To run it, replace `LoggingEngine` by a class for your engine, then:

    python connector.py COMMANDS_QUEUE_URL EVENTS_QUEUE_URL BUCKET
"""

import json
import sys
import time
import uuid
from pathlib import Path
from typing import Any, Protocol

import boto3


class Engine(Protocol):
    """What the connector needs from an engine."""

    def apply(self, recording: str, wanted: dict[str, Any]) -> None:
        """Bring a capture to the wanted state: in progress, paused or stopped. Start it if it does not run."""

    def captured(self, recording: str) -> Path | None:
        """Return the WAV file of a capture that has stopped; None if there is no audio."""


class LoggingEngine:
    """An engine that only prints what it should do."""

    def apply(self, recording: str, wanted: dict[str, Any]) -> None:
        """Print the wanted state."""
        print(recording, wanted["status"])

    def captured(self, _recording: str) -> Path | None:
        """Return nothing: no audio is captured."""
        return None


# --8<-- [start:connector]
ACKNOWLEDGED_BY = {
    "recording.start": "recording.started",
    "recording.pause": "recording.paused",
    "recording.resume": "recording.resumed",
    "recording.stop": "recording.stopped",
}


class Connector:
    """Carries out commands and reports events.

    Args:
        sqs: boto3's client of SQS.
        s3: boto3's client of S3.
        commands_url: the stack's output MediaCommandsQueueUrl.
        events_url: the stack's output MediaEventsQueueUrl.
        bucket: the stack's output MediaBucketName.
        engine: controls the media engine.
    """

    def __init__(self, sqs: Any, s3: Any, commands_url: str, events_url: str, bucket: str, engine: Engine) -> None:  # noqa: ANN401
        self._sqs, self._s3, self._engine = sqs, s3, engine
        self._commands_url, self._events_url, self._bucket = commands_url, events_url, bucket
        # A real connector stores the versions, because it must know them after a restart.
        self._applied: dict[str, int] = {}

    def run_once(self, wait_seconds: int = 20) -> int:
        """Receive up to ten commands, carry them out in order, and delete each; return their number."""
        answer = self._sqs.receive_message(
            QueueUrl=self._commands_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds
        )
        messages = answer.get("Messages", [])
        for message in messages:
            self._carry_out(json.loads(message["Body"]))
            # Only now: a command whose connector crashes is received again.
            self._sqs.delete_message(QueueUrl=self._commands_url, ReceiptHandle=message["ReceiptHandle"])
        return len(messages)

    def _carry_out(self, command: dict[str, Any]) -> None:
        acknowledgement = ACKNOWLEDGED_BY.get(command["type"])
        if acknowledgement is None:
            return  # calls, conferences and participants: see the schema
        recording, version, wanted = command["recording"], command["version"], command["wanted"]
        if version > self._applied.get(recording, 0):
            self._engine.apply(recording, wanted)
            self._applied[recording] = version
        # A repeated command is acknowledged again, with its own version.
        self._report(command, {"type": acknowledgement, "version": version})
        if acknowledgement == "recording.stopped":
            self._report(command, self._store(recording, wanted["key"]))

    def _store(self, recording: str, key: str) -> dict[str, Any]:
        """Store the audio, and return the event that reports it."""
        path = self._engine.captured(recording)
        if path is None:
            return {"type": "recording.absent", "error": 16101}
        self._s3.upload_file(str(path), self._bucket, key)
        return {"type": "recording.completed", "key": key}

    def _report(self, command: dict[str, Any], event: dict[str, Any]) -> None:
        identity = {name: command[name] for name in ("account", "parent", "recording")}
        now = time.time_ns() // 1_000_000
        message = {"id": uuid.uuid4().hex, "seq": time.time_ns() // 1_000, "at": now, **identity, **event}
        self._sqs.send_message(
            QueueUrl=self._events_url,
            MessageBody=json.dumps(message),
            MessageGroupId=command["parent"]["id"],
            MessageDeduplicationId=message["id"],
        )


# --8<-- [end:connector]


def main() -> None:
    """Run the connector until it is interrupted."""
    commands_url, events_url, bucket = sys.argv[1:]
    sqs, s3 = boto3.client("sqs"), boto3.client("s3")
    connector = Connector(sqs, s3, commands_url, events_url, bucket, LoggingEngine())
    while True:
        connector.run_once()


if __name__ == "__main__":
    main()
