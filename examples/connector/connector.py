"""A connector: receives Tapedeck's commands for recordings, controls a media engine, and reports what it did.

It needs botocore, and two settings: `TAPEDECK_URL` and `TAPEDECK_ENGINE_TOKEN`. To use it, replace `ToneEngine` by a
class that controls your engine, and keep on disk what `Connector` keeps in memory.
"""

import hashlib
import io
import json
import os
import secrets
import time
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
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
        elif before["status"] == "paused" and before["pause_behavior"] != "skip":
            audio += bytes(size)
        self._captures[recording] = now, wanted, audio

    def finish(self, recording: str) -> bytes:
        """Return the WAV file of a capture that has stopped; nothing if it has no sound."""
        audio = bytes(self._captures[recording][2])
        file = io.BytesIO()
        with wave.open(file, "wb") as writer:
            writer.setparams((1, 2, RATE, 0, "NONE", ""))
            writer.writeframes(audio)
        return file.getvalue() if audio else b""

    def delete(self, recording: str) -> None:
        """Delete a capture."""
        self._captures.pop(recording, None)


# --8<-- [start:connector]
ANSWERS = {"in-progress": "recording.resumed", "paused": "recording.paused", "stopped": "recording.stopped"}
CAPABILITIES = {"dual": False, "tracks": False, "conference": False, "conference_recording": False}
SUBJECT = ("account", "parent", "recording", "call", "conference")
FAST = {"recording.paused", "recording.stopped", "command.refused"}  # need not wait for their call
PARK_SECONDS = 2  # time after which an event that cannot be applied yet no longer delays others


def now_ms() -> int:
    """Return the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """Return a new UUID of version 7."""
    return f"{now_ms():012x}7{secrets.token_hex(2)[1:]}8{secrets.token_hex(8)[1:]}"


@dataclass
class Pending:
    """An event without a final outcome; `since` is when it got `later` for the first time."""

    event: dict[str, Any]
    since: float | None = None
    retry_at: float = 0.0
    delay: float = 0.2


class Connector:
    """Carries out commands, reports events and uploads captures."""

    def __init__(self, url: str, token: str, engine: ToneEngine) -> None:
        self._url, self._token, self._engine = url, token, engine
        self._boot, self._seq = new_id(), 0
        self._recordings: dict[str, dict[str, Any]] = {}  # the event that states the present state of each recording
        self._ended: set[str] = set()  # recordings that were running before a restart, and are over
        self._outbox: list[Pending] = []
        self._uploads: list[dict[str, Any]] = []  # the subjects of recordings that have stopped
        self._renew_at = self._alive_at = 0.0
        self._unreadable, self._is_draining = 0, False

    def open_session(self) -> None:
        """State what the engine can do and what runs on it; learn where commands come from."""
        live = [
            {"kind": "recording", "id": name, **{key: state[key] for key in ("account", "parent", "version")}}
            for name, state in self._recordings.items()
            if state["type"] != "recording.stopped" or any(each["recording"] == name for each in self._uploads)
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
        self._ended.update(answer["ended"])
        for name in answer["ended"]:
            state = self._recordings.get(name)
            if state is not None and state["type"] != "recording.stopped":
                self._stop({key: state[key] for key in SUBJECT if key in state}, state["version"])
                self._report({key: value for key, value in self._recordings[name].items() if key != "version"})
        print("connected", flush=True)

    def run_once(self) -> None:
        """Wait for commands for at most two seconds, carry them out, and report what has happened."""
        if time.monotonic() > self._renew_at:
            self.open_session()  # the credentials of the queue are lent for an hour
        try:
            received = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=2)
            for message in received.get("Messages", []):
                self._take(message["Body"])
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        except (BotoCoreError, ClientError):
            self._renew_at = 0.0  # the credentials may have ended
            raise
        if time.monotonic() > self._alive_at:
            self._alive_at = time.monotonic() + self._alive_every
            self._report({
                "type": "engine.alive", "draining": self._is_draining, "commands_unreadable": self._unreadable,
            })  # fmt: skip
        self._send_events()
        self._upload_captures()
        self._send_events()

    def _take(self, body: str) -> None:
        """Carry out a command; one that cannot be read is counted, one that is not known is refused."""
        command = read_command(body)
        if command is None:
            self._unreadable += 1
        elif command["type"] == "engine.resync":
            self.open_session()
        elif command["type"] == "engine.drain":
            self._is_draining, self._alive_at = True, 0.0
        elif command["type"].startswith("recording."):
            self._change(command)
        elif command["type"] == "media.delete":
            self._engine.delete(command["recording"])
        else:
            self._refuse(command, "unsupported", is_final=True)

    def _change(self, command: dict[str, Any]) -> None:
        """Carry out the newest version; answer a repeated or overtaken command with the present state."""
        subject = {name: command[name] for name in ("account", "parent", "recording")}
        state, wanted = self._recordings.get(command["recording"]), command["wanted"]
        if state is None and wanted["status"] != "stopped" and now_ms() > command.get("not_after", now_ms()):
            self._refuse(command, "expired", is_final=False)
            return
        if state is None or (command["version"] > state["version"] and state["type"] != "recording.stopped"):
            if state is None and command["recording"] in self._ended:
                stopped = {"type": "recording.stopped", "at": now_ms()}
                self._recordings[command["recording"]] = {**subject, "version": command["version"], **stopped}
            elif wanted["status"] == "stopped":
                self._stop(subject, command["version"])
            else:
                self._engine.apply(command["recording"], wanted)
                kind = ANSWERS[wanted["status"]] if state is not None else "recording.started"
                paused = {"paused": wanted["status"] == "paused"} if state is None else {}
                self._recordings[command["recording"]] = {
                    **subject, "version": command["version"], "type": kind, "at": now_ms(), **paused,
                }  # fmt: skip
        self._report(self._recordings[command["recording"]])

    def _stop(self, subject: dict[str, Any], version: int) -> None:
        self._engine.apply(subject["recording"], {"status": "stopped"})
        state = {**subject, "version": version, "type": "recording.stopped", "at": now_ms()}
        self._recordings[subject["recording"]] = state
        self._uploads.append(subject)

    def _refuse(self, command: dict[str, Any], code: str, *, is_final: bool) -> None:
        subject = {name: command[name] for name in (*SUBJECT, "version") if name in command}
        refusal = {"type": "command.refused", "command": command["id"], "code": code, "final": is_final}
        self._report({**subject, **refusal})

    def _report(self, event: dict[str, Any]) -> None:
        """Put an event into the outbox, with an id of its own and the next number."""
        self._seq += 1
        self._outbox.append(Pending({"at": now_ms(), **event, "id": new_id(), "seq": self._seq}))

    def _send_events(self) -> None:
        """Report the events that are due; what cannot be applied yet is reported again later."""
        while due := self._due_events():
            events = [pending.event for pending in due]
            answer = self._post("events", {"protocol": 2, "boot": self._boot, "sent_at": now_ms(), "events": events})
            if answer["superseded"]:
                raise SystemExit(3)  # another connector uses the same token
            for pending, result in zip(due, answer["results"], strict=True):
                if result["outcome"] == "later":
                    now = time.monotonic()
                    pending.since = pending.since or now
                    pending.retry_at = now + max(pending.delay, result.get("after_ms", 0) / 1000)
                    pending.delay = min(2 * pending.delay, 15)
                else:
                    self._outbox.remove(pending)
                    print(*filter(None, (pending.event["type"], result["outcome"], result.get("code"))), flush=True)
            if answer["resync"]:
                self.open_session()

    def _due_events(self) -> list[Pending]:
        """Return up to 50 events that may be reported now: one of each call, and besides one of each recording."""
        now, due, busy = time.monotonic(), [], set[str]()
        for pending in self._outbox:
            recording = pending.event.get("recording", "")
            parent = pending.event.get("parent", {}).get("id", pending.event["type"])
            waits_for = {recording} if recording and pending.event["type"] in FAST else {recording, parent} - {""}
            if pending.retry_at <= now and not waits_for & busy:
                due.append(pending)
            if pending.since is None or now < pending.since + PARK_SECONDS:
                busy |= {recording, parent} - {""}
        return due[:50]

    def _upload_captures(self) -> None:
        """Upload the captures that have stopped; one that cannot be uploaded yet stays in the list."""
        unreported = {pending.event.get("recording") for pending in self._outbox}
        for subject in [each for each in self._uploads if each["recording"] not in unreported]:
            audio = self._engine.finish(subject["recording"])
            if not audio:
                self._uploads.remove(subject)
                self._report({"type": "recording.absent", **subject, "reason": "too_short"})
                continue
            file = {"bytes": len(audio), "sha256": hashlib.sha256(audio).hexdigest()}
            try:
                upload = self._post("uploads", {**subject, **file})
            except HTTPError as error:
                if error.code not in {HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT}:
                    raise
                self._uploads.remove(subject)  # the recording was deleted
                self._engine.delete(subject["recording"])
                continue
            try:
                urlopen(Request(upload["url"], audio, upload["headers"], method="PUT"), timeout=60).close()  # noqa: S310 - a URL from Tapedeck
            except HTTPError as error:
                if error.code != HTTPStatus.PRECONDITION_FAILED:  # else the answer to an earlier upload was lost
                    raise
            self._uploads.remove(subject)
            self._report({"type": "recording.completed", **subject, **file, "ticket": upload["ticket"]})

    def _post(self, route: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a request to Tapedeck; return the answer."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        request = Request(f"{self._url}/engine/v2/{route}", json.dumps(body).encode(), headers)  # noqa: S310
        try:
            with urlopen(request, timeout=10) as answer:  # noqa: S310 - the configured URL
                content: dict[str, Any] = json.load(answer)
        except HTTPError as error:
            if error.code == HTTPStatus.CONFLICT and json.load(error)["refused"] == "superseded":
                raise SystemExit(3) from error  # another connector uses the same token
            raise
        return content


def read_command(body: str) -> dict[str, Any] | None:
    """Return a command; None if it is not JSON, or lacks a field that this connector needs."""
    try:
        command = json.loads(body)
    except ValueError:
        return None
    if not isinstance(command, dict) or not isinstance(command.get("type"), str):
        return None
    needed = {"id"} if command["type"].startswith("engine.") else {"id", "account", "version"}
    if command["type"].startswith(("recording.", "media.")):
        needed |= {"parent", "recording", "wanted"}
    return command if needed <= command.keys() else None


# --8<-- [end:connector]


def main() -> None:
    """Run the connector until it is interrupted."""
    connector = Connector(os.environ["TAPEDECK_URL"], os.environ["TAPEDECK_ENGINE_TOKEN"], ToneEngine())
    while True:
        try:
            connector.run_once()
        except (OSError, BotoCoreError, ClientError) as error:  # Tapedeck or the queue does not answer
            print(type(error).__name__, error, flush=True)
            is_unauthorized = isinstance(error, HTTPError) and error.code == HTTPStatus.UNAUTHORIZED
            time.sleep(30 if is_unauthorized else 1)


if __name__ == "__main__":
    main()
