"""A connector: receives Tapedeck's commands for recordings, controls a media engine, and reports what it did.

It needs Python 3.11, and two settings: `TAPEDECK_URL` and `TAPEDECK_ENGINE_TOKEN`. To use it, replace `ToneEngine` by a
class that controls your engine, and keep on disk what `Connector` keeps in memory. It has one thread: a long upload
delays commands, so upload beside the rest.
"""

import hashlib
import hmac
import io
import json
import math
import os
import secrets
import time
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

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
        elif before["status"] == "paused" and before.get("pause_behavior") != "skip":
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
        """Delete a capture, also one that runs."""
        self._captures.pop(recording, None)


def sign(endpoint: str, source: Mapping[str, Any], operation: str, body: bytes, now_ms: int) -> dict[str, str]:
    """Return the headers of a request to SQS, with a signature of version 4."""
    moment = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{moment[:8]}/{source['region']}/sqs/aws4_request"
    url = urlsplit(endpoint)
    headers = {
        "content-type": "application/x-amz-json-1.0", "host": url.netloc, "x-amz-date": moment,
        "x-amz-target": f"AmazonSQS.{operation}",
    }  # fmt: skip
    if source["session_token"]:
        headers["x-amz-security-token"] = source["session_token"]
    names = sorted(headers)
    lines = [f"{name}:{headers[name]}" for name in names]
    signed = ["POST", url.path or "/", "", *lines, "", ";".join(names), hashlib.sha256(body).hexdigest()]
    digest = hashlib.sha256("\n".join(signed).encode()).hexdigest()
    key = f"AWS4{source['secret_key']}".encode()
    for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"):
        key = hmac.digest(key, part.encode(), "sha256")
    signer = f"Credential={source['access_key']}/{scope}, SignedHeaders={';'.join(names)}"
    return {**headers, "authorization": f"AWS4-HMAC-SHA256 {signer}, Signature={key.hex()}"}


# --8<-- [start:connector]
PROTOCOL = 2
ANSWERS = {"in-progress": "recording.resumed", "paused": "recording.paused", "stopped": "recording.stopped"}
CAPABILITIES = {"dual": False, "tracks": False, "conference": False, "conference_recording": False}
RECORDING = ("account", "parent", "recording")
FAST = {"recording.paused", "recording.stopped", "command.refused"}  # need not wait for their call
PARK_SECONDS = 2  # time after which an event that cannot be applied yet no longer delays others
DEAD_SECONDS = 30 * 60  # time after which such an event is given up
UNKNOWN_SECONDS = 5 * 60  # time after which the upload of a recording that Tapedeck does not know is given up


@dataclass
class Pending:
    """An event, or the upload of a recording, until it is done; `since` is when it was put off for the first time."""

    subject: dict[str, Any]
    since: float | None = None
    retry_at: float = 0.0
    delay: float = 0.2

    def put_off(self, seconds: float = 0) -> float:
        """Wait before the next attempt; return for how many seconds it has been put off."""
        now = time.monotonic()
        self.since = self.since or now
        self.retry_at, self.delay = now + max(self.delay, seconds), min(2 * self.delay, 15)
        return now - self.since


class Connector:
    """Carries out commands, reports events and uploads captures."""

    def __init__(self, url: str, token: str, engine: ToneEngine) -> None:
        self._url, self._token, self._engine = url, token, engine
        self._clock = time.time() - time.monotonic()  # until the first answer has Tapedeck's clock
        self._boot, self._seq = self.new_id(), 0
        self._recordings: dict[str, dict[str, Any]] = {}  # the event that states the present state of each recording
        self._ended: set[str] = set()  # recordings for which nothing may begin, also unknown ones
        self._outbox: list[Pending] = []
        self._uploads: dict[str, Pending] = {}  # recordings that have stopped
        self._started_at = self._drain_until = 0.0  # milliseconds, by Tapedeck's clock
        self._renew_at = self._alive_at = 0.0
        self._unreadable = self._dead = 0

    def now_ms(self) -> int:
        """Return the time by Tapedeck's clock, because the clock of this machine may be wrong."""
        return round(1000 * (time.monotonic() + self._clock))

    def new_id(self) -> str:
        """Return a new UUID of version 7."""
        return f"{self.now_ms():012x}7{secrets.token_hex(2)[1:]}8{secrets.token_hex(8)[1:]}"

    def open_session(self) -> None:
        """State what the engine can do and what runs on it; learn where commands come from."""
        running = {name: state for name, state in self._recordings.items() if status_of(state) != "stopped"}
        calls = {state["parent"]["id"]: state["account"] for state in running.values()}
        live: list[dict[str, Any]] = [{"kind": "call", "id": call, "account": calls[call]} for call in calls]
        for name in (*running, *self._uploads):
            state = self._recordings[name]
            entry = {key: state[key] for key in ("account", "parent", "version")}
            live.append({"kind": "recording", "id": name, "status": status_of(state), **entry})
        requested_at = time.monotonic()
        answer = self._post("sessions", {"capabilities": CAPABILITIES, "live": live})
        self._started_at = self._started_at or 1000 * (requested_at + self._clock)
        self._seq = max(self._seq, answer["seq_seen"])
        self._alive_every = answer["alive_every"]
        self._commands = answer["commands"]
        self._renew_at = time.monotonic() + (self._commands["expires_at"] - answer["now"]) / 1000 - 900
        self._ended.update(answer["ended"])
        for name, state in running.items():
            if {name, state["parent"]["id"]} & set(answer["ended"]):
                self._stop(state, state["version"])
                self._report({key: value for key, value in self._recordings[name].items() if key != "version"})
            elif name in answer["unknown"] and not self._is_unreported(name):
                self._discard(name)
        print("connected", flush=True)

    def run_once(self) -> None:
        """Wait for commands for at most two seconds, carry them out, and report what has happened."""
        if time.monotonic() > self._renew_at:
            self.open_session()  # the credentials of the queue are lent for an hour
        try:
            received = self._call_queue("ReceiveMessage", {"MaxNumberOfMessages": 10, "WaitTimeSeconds": 2})
            for message in received.get("Messages", []):
                self._take(message["Body"])
                self._call_queue("DeleteMessage", {"ReceiptHandle": message["ReceiptHandle"]})
        except HTTPError:
            self._renew_at = 0.0  # the credentials may have ended
            raise
        if time.monotonic() > self._alive_at:
            self._alive_at = time.monotonic() + self._alive_every
            self._report({
                "type": "engine.alive", "draining": self.now_ms() < self._drain_until,
                "commands_unreadable": self._unreadable, "outbox": {"dead": self._dead},
            })  # fmt: skip
        self._send_events()
        for name, pending in list(self._uploads.items()):
            if time.monotonic() >= pending.retry_at and not self._is_unreported(name):
                self._upload(name, pending)
        self._send_events()

    def _take(self, body: str) -> None:
        """Carry out a command; one that cannot be read is counted, one that is not known is refused."""
        command = read_command(body)
        if command is None:
            self._unreadable += 1
        elif command["type"] == "engine.resync":
            self.open_session()
        elif command["type"] == "engine.drain":
            self._drain_until, self._alive_at = (command.get("wanted") or {}).get("until") or math.inf, 0.0
        elif command["type"] == "media.delete":
            self._discard(command["recording"])
        elif command["type"].startswith("recording.") and command["wanted"]["status"] in ANSWERS:
            self._change(command)
        else:
            self._refuse(command, "unsupported", is_final=True)

    def _change(self, command: dict[str, Any]) -> None:
        """Carry out the newest version; answer a repeated or overtaken command with the present state."""
        name, version, wanted = command["recording"], command["version"], command["wanted"]
        state = self._recordings.get(name)
        is_over = name in self._ended or (state is not None and state["type"] == "recording.stopped")
        if state is None and not is_over and wanted["status"] != "stopped":
            if not can_record(command):
                self._refuse(command, "unsupported", is_final=True)
                return
            if self._is_late(command):
                self._refuse(command, "expired", is_final=False)
                return
            self._engine.apply(name, wanted)
            self._note(command, version, "recording.started", {"paused": wanted["status"] == "paused"})
        elif state is None or version > state["version"]:
            if is_over:
                self._note(command, version, "recording.stopped", {"at": state["at"]} if state is not None else {})
            elif wanted["status"] == "stopped":
                self._stop(command, version)
            else:
                self._engine.apply(name, wanted)
                self._note(command, version, ANSWERS[wanted["status"]])
        self._report(self._recordings[name])

    def _is_late(self, command: dict[str, Any]) -> bool:
        """Whether nothing may begin because of a command; before the session, others may have been carried out."""
        until = command.get("not_after")
        return command["issued_at"] < self._started_at or (until is not None and self.now_ms() > until)

    def _note(self, subject: Mapping[str, Any], version: int, kind: str, more: Mapping[str, Any] = {}) -> None:
        """Keep the event that states the present state of a recording."""
        event = {"version": version, "type": kind, "at": self.now_ms(), **more}
        self._recordings[subject["recording"]] = {name: subject[name] for name in RECORDING} | event

    def _stop(self, subject: Mapping[str, Any], version: int) -> None:
        """Stop a capture, or note that it never begins; its upload follows."""
        name = subject["recording"]
        self._engine.apply(name, {"status": "stopped"})
        self._note(subject, version, "recording.stopped")
        self._uploads[name] = Pending({key: subject[key] for key in RECORDING})

    def _discard(self, name: str) -> None:
        """Delete a capture; nothing more is reported of it, and nothing begins again."""
        self._engine.delete(name)
        self._uploads.pop(name, None)
        self._ended.add(name)
        if (state := self._recordings.get(name)) is not None:
            self._note(state, state["version"], "recording.stopped")

    def _refuse(self, command: dict[str, Any], code: str, *, is_final: bool) -> None:
        subject = {name: command[name] for name in (*RECORDING, "call", "conference", "version") if name in command}
        self._report({"type": "command.refused", **subject, "command": command["id"], "code": code, "final": is_final})

    def _report(self, event: dict[str, Any]) -> None:
        """Put an event into the outbox, with an id of its own and the next number."""
        self._seq += 1
        self._outbox.append(Pending({"at": self.now_ms(), **event, "id": self.new_id(), "seq": self._seq}))

    def _is_unreported(self, recording: str) -> bool:
        return any(pending.subject.get("recording") == recording for pending in self._outbox)

    def _send_events(self) -> None:
        """Report the events that are due; what cannot be applied yet is reported again later."""
        while due := self._due_events():
            answer = self._post("events", {"events": [pending.subject for pending in due]})
            if answer["superseded"]:
                raise SystemExit(3)  # another connector uses the same token
            for pending, result in zip(due, answer["results"], strict=True):
                self._settle(pending, result)
            if answer["resync"]:
                self.open_session()

    def _settle(self, pending: Pending, result: dict[str, Any]) -> None:
        """Put an event off, or be done with it."""
        event, outcome = pending.subject, result["outcome"]
        if outcome == "later" and pending.put_off(result.get("after_ms", 0) / 1000) < DEAD_SECONDS:
            return
        self._outbox.remove(pending)
        self._dead += outcome in {"later", "refused"}
        print(*filter(None, (event["type"], outcome, result.get("code"))), flush=True)
        if (event["type"], outcome) == ("recording.started", "refused"):
            self._discard(event["recording"])
        elif event["type"] == "recording.completed" and outcome != "refused":
            self._engine.delete(event["recording"])  # Tapedeck has it

    def _due_events(self) -> list[Pending]:
        """Return up to 50 events that may be reported now: one of each call, and besides one of each recording."""
        now, due, busy = time.monotonic(), [], set[str]()
        for pending in self._outbox:
            event = pending.subject
            recording = event.get("recording", "")
            parent = event.get("parent", {}).get("id", event["type"])
            waits_for = {recording} if recording and event["type"] in FAST else {recording, parent} - {""}
            if pending.retry_at <= now and not waits_for & busy:
                due.append(pending)
            if pending.since is None or now < pending.since + PARK_SECONDS:
                busy |= {recording, parent} - {""}
        return due[:50]

    def _upload(self, name: str, pending: Pending) -> None:
        """Upload a capture that has stopped, or try again later."""
        audio = self._engine.finish(name)
        if not audio:
            del self._uploads[name]
            self._report({"type": "recording.absent", **pending.subject, "reason": "too_short"})
            return
        file = {"bytes": len(audio), "sha256": hashlib.sha256(audio).hexdigest()}
        try:
            upload = self._post("uploads", {**pending.subject, **file})
        except HTTPError as error:
            is_unknown = error.code == HTTPStatus.NOT_FOUND
            if error.code in {403, 409} or (is_unknown and pending.put_off() > UNKNOWN_SECONDS):
                self._discard(name)  # such as a deleted recording
            elif not is_unknown:
                raise
            return
        try:
            urlopen(Request(upload["url"], audio, upload["headers"], method="PUT"), timeout=60).close()  # noqa: S310 - a URL from Tapedeck
        except HTTPError as error:
            if error.code != HTTPStatus.PRECONDITION_FAILED:  # else the answer to an earlier upload was lost
                pending.put_off()
                return
        del self._uploads[name]
        self._report({"type": "recording.completed", **pending.subject, **file, "ticket": upload["ticket"]})

    def _post(self, route: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a request to Tapedeck; return the answer."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        if route != "uploads":
            body = {"protocol": PROTOCOL, "boot": self._boot, "sent_at": self.now_ms(), **body}
        request = Request(f"{self._url}/engine/v2/{route}", json.dumps(body).encode(), headers)  # noqa: S310
        try:
            with urlopen(request, timeout=10) as answer:  # noqa: S310 - the configured URL
                content: dict[str, Any] = json.load(answer)
        except HTTPError as error:
            if error.code == HTTPStatus.CONFLICT and json.load(error)["refused"] == "superseded":
                raise SystemExit(3) from error  # another connector uses the same token
            raise
        if "now" in content:
            self._clock = content["now"] / 1000 - time.monotonic()
        return content

    def _call_queue(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Send a request to the queue of commands, in SQS's JSON protocol; return the answer."""
        url = self._commands["url"]
        endpoint, body = url.rsplit("/", 2)[0], json.dumps({"QueueUrl": url, **parameters}).encode()
        headers = sign(endpoint, self._commands, operation, body, self.now_ms())
        with urlopen(Request(endpoint, body, headers), timeout=15) as answer:  # noqa: S310 - a URL from Tapedeck
            content: dict[str, Any] = json.loads(answer.read() or "{}")
        return content


def can_record(command: Mapping[str, Any]) -> bool:
    """Whether a command wants nothing that `CAPABILITIES` denies."""
    wanted = command["wanted"]
    return (command["parent"]["type"], wanted.get("channels"), wanted.get("track")) == ("call", 1, "both")


def status_of(state: Mapping[str, Any]) -> str:
    """Return the status of a recording that its last event states."""
    if state["type"] == "recording.stopped":
        return "stopped"
    return "paused" if state["type"] == "recording.paused" or state.get("paused") else "in-progress"


def read_command(body: str) -> dict[str, Any] | None:
    """Return a command; None if it is of another protocol, or lacks a field that this connector needs."""
    try:
        command: dict[str, Any] = json.loads(body)
        needed = [command["id"], command["type"]]
        if command["type"] not in {"engine.resync", "engine.drain"}:
            needed += [command["account"], command["version"]]
        if command["type"].startswith(("recording.", "media.")):
            needed += [command["issued_at"], command["recording"], command["parent"]["id"], command["wanted"]["status"]]
        is_complete = command["protocol"] == PROTOCOL and None not in needed
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return command if is_complete else None


# --8<-- [end:connector]


def main() -> None:
    """Run the connector until it is interrupted."""
    connector = Connector(os.environ["TAPEDECK_URL"], os.environ["TAPEDECK_ENGINE_TOKEN"], ToneEngine())
    while True:
        try:
            connector.run_once()
        except (OSError, HTTPException) as error:  # Tapedeck or the queue does not answer
            print(type(error).__name__, error, flush=True)
            is_unauthorized = isinstance(error, HTTPError) and error.code == HTTPStatus.UNAUTHORIZED
            time.sleep(30 if is_unauthorized else 1)


if __name__ == "__main__":
    main()
