"""A connector: receives Tapedeck's commands for recordings, controls a media engine, and reports what it did.

It needs botocore, and two settings: `TAPEDECK_URL` and `TAPEDECK_ENGINE_TOKEN`. To use it, replace `ToneEngine` by a
class that controls your engine, and keep on disk what `Connector` keeps in memory.
"""

import hashlib
import io
import json
import os
import time
import uuid
import wave
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

RATE = 8_000
TONE = b"\x00\x10\x00\xf0" * (RATE // 2)


class ToneEngine:
    """An engine that captures a tone while a recording is in progress, and silence while it is paused."""

    def __init__(self) -> None:
        self._captures: dict[str, tuple[float, Mapping[str, Any], bytearray]] = {}

    def apply(self, recording: str, wanted: Mapping[str, Any]) -> None:
        """Bring a capture to the wanted state; begin it if it has not begun."""
        now = time.monotonic()
        since, before, audio = self._captures.get(recording, (now, wanted, bytearray()))
        size = round((now - since) * RATE) * 2
        if before["status"] == "in-progress":
            audio += (TONE * (size // len(TONE) + 1))[:size]
        elif before["pause_behavior"] != "skip":
            audio += bytes(size)
        self._captures[recording] = now, wanted, audio

    def finish(self, recording: str) -> bytes:
        """Return the WAV file of a capture that has stopped."""
        file = io.BytesIO()
        with wave.open(file, "wb") as writer:
            writer.setparams((1, 2, RATE, 0, "NONE", ""))
            writer.writeframes(bytes(self._captures[recording][2]))
        return file.getvalue()


# --8<-- [start:connector]
ANSWERS = {"in-progress": "recording.resumed", "paused": "recording.paused", "stopped": "recording.stopped"}
CAPABILITIES = {"dual": False, "tracks": False, "conference": False, "conference_recording": False}


def now_ms() -> int:
    """Return the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Connector:
    """Carries out commands, reports events and uploads captures."""

    def __init__(self, url: str, token: str, engine: ToneEngine) -> None:
        self._url, self._token, self._engine = url, token, engine
        self._boot, self._seq = uuid.uuid4().hex, 0
        self._recordings: dict[str, dict[str, Any]] = {}  # the event that states the present state of each recording
        self._outbox: list[dict[str, Any]] = []  # events without a final outcome
        self._uploads: list[dict[str, Any]] = []  # recordings that have stopped
        self._alive_at = 0.0

    def open_session(self) -> None:
        """Say what the engine can do and what runs on it; learn where commands come from."""
        live = [
            {"kind": "recording", "id": name, **{key: state[key] for key in ("account", "parent", "version")}}
            for name, state in self._recordings.items()
        ]
        session = {"protocol": 2, "boot": self._boot, "capabilities": CAPABILITIES, "sent_at": now_ms(), "live": live}
        answer = self._post("sessions", session)
        self._seq = max(self._seq, answer["seq_seen"])
        self._alive_every = answer["alive_every"]
        commands = answer["commands"]
        self._renew_at = time.monotonic() + (commands["expires_at"] - answer["now"]) / 1000 - 900
        self._queue = commands["url"]
        self._sqs: Any = botocore.session.get_session().create_client(
            "sqs", commands["region"], endpoint_url=self._queue.rsplit("/", 2)[0],
            aws_access_key_id=commands["access_key"], aws_secret_access_key=commands["secret_key"],
            aws_session_token=commands["session_token"] or None,
        )  # fmt: skip

    def run_once(self) -> None:
        """Wait for commands for at most two seconds, carry them out, and report what has happened."""
        if time.monotonic() > self._renew_at:
            self.open_session()  # the credentials of the queue are lent for an hour
        received = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=2)
        for message in received.get("Messages", []):
            self._carry_out(json.loads(message["Body"]))
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        if time.monotonic() > self._alive_at:
            self._alive_at = time.monotonic() + self._alive_every
            self._report({"type": "engine.alive"})
        self._send_events()
        self._upload_captures()
        self._send_events()

    def _carry_out(self, command: dict[str, Any]) -> None:
        """Carry out a command; one that this connector does not know is refused, and the next ones go on."""
        fields = ("account", "version", "parent", "recording", "call", "conference")
        subject = {name: command[name] for name in fields if name in command}
        if command["type"] == "engine.resync":
            self.open_session()
        elif command["type"].startswith("recording."):
            self._change(command["wanted"], subject, command)
        elif command["type"] != "media.delete":
            self._report({**subject, **refusal(command, "unsupported", is_final=True)})

    def _change(self, wanted: dict[str, Any], subject: dict[str, Any], command: dict[str, Any]) -> None:
        """Carry out the newest version; answer a repeated or overtaken command with the present state."""
        state, status = self._recordings.get(command["recording"]), wanted["status"]
        begins = state is None and status != "stopped"
        if begins and now_ms() > command["not_after"]:
            self._report({**subject, **refusal(command, "expired", is_final=False)})
            return
        if state is None or (command["version"] > state["version"] and state["type"] != "recording.stopped"):
            self._engine.apply(command["recording"], wanted)
            state = {**subject, "type": "recording.started" if begins else ANSWERS[status], "at": now_ms()}
            if begins:
                state["paused"] = status == "paused"
            elif status == "paused":
                state["pause_behavior"] = wanted["pause_behavior"]
            self._recordings[command["recording"]] = state
            if status == "stopped":
                self._uploads.append(subject)
        self._report(state)

    def _report(self, event: dict[str, Any]) -> None:
        """Put an event into the outbox, with an id of its own and the next number."""
        self._seq += 1
        self._outbox.append({"at": now_ms(), **event, "id": uuid.uuid4().hex, "seq": self._seq})

    def _send_events(self) -> None:
        """Report the events of each call and conference in order; what is not applicable yet waits."""
        waiting: set[str] = set()
        while due := [event for name, event in self._oldest_events().items() if name not in waiting]:
            batch = {"protocol": 2, "boot": self._boot, "sent_at": now_ms(), "events": due}
            answer = self._post("events", batch)
            for event, result in zip(due, answer["results"], strict=True):
                if result["outcome"] == "later":
                    waiting.add(subject_of(event))
                else:
                    self._outbox.remove(event)
                    print(*filter(None, (event["type"], result["outcome"], result.get("code"))), flush=True)
            if answer["superseded"]:
                raise SystemExit(3)  # another connector uses the same token
            if answer["resync"]:
                self.open_session()

    def _oldest_events(self) -> dict[str, dict[str, Any]]:
        return {subject_of(event): event for event in reversed(self._outbox)}

    def _upload_captures(self) -> None:
        """Upload the captures that have stopped; one that cannot be uploaded yet stays in the list."""
        for subject in list(self._uploads):
            audio = self._engine.finish(subject["recording"])
            file = {"bytes": len(audio), "sha256": hashlib.sha256(audio).hexdigest()}
            place = {name: subject[name] for name in ("account", "parent", "recording")}
            try:
                upload = self._post("uploads", {**place, **file})
                urlopen(Request(upload["url"], audio, upload["headers"], method="PUT"), timeout=60).close()  # noqa: S310 - a URL from Tapedeck
            except HTTPError as error:
                print("upload", error.code, flush=True)
                continue
            self._uploads.remove(subject)
            self._report({"type": "recording.completed", **place, **file, "ticket": upload["ticket"]})

    def _post(self, route: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a request to Tapedeck; return the answer."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        request = Request(f"{self._url}/engine/v2/{route}", json.dumps(body).encode(), headers)  # noqa: S310
        with urlopen(request, timeout=10) as answer:  # noqa: S310 - the configured URL
            content: dict[str, Any] = json.load(answer)
        return content


def subject_of(event: dict[str, Any]) -> str:
    """Return the call or conference whose events must stay in order."""
    return str(event.get("parent", {}).get("id", event["type"]))


def refusal(command: dict[str, Any], code: str, *, is_final: bool) -> dict[str, Any]:
    """Return the fields of the event that refuses a command."""
    return {"type": "command.refused", "command": command["id"], "code": code, "final": is_final}


# --8<-- [end:connector]


def main() -> None:
    """Run the connector until it is interrupted."""
    connector = Connector(os.environ["TAPEDECK_URL"], os.environ["TAPEDECK_ENGINE_TOKEN"], ToneEngine())
    connector.open_session()
    print("connected", flush=True)
    while True:
        try:
            connector.run_once()
        except (OSError, BotoCoreError, ClientError) as error:  # Tapedeck or the queue does not answer
            print(type(error).__name__, error, flush=True)
            time.sleep(1)
            with suppress(OSError):
                connector.open_session()


if __name__ == "__main__":
    main()
