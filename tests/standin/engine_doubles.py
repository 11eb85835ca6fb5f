"""A double of Tapedeck as an engine sees it: a queue, a few routes, and a place for uploads."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from tapedeck.domain.identity import new_id
from tapedeck_protocol.events import EVENTS
from tapedeck_protocol.outcomes import EventBatch
from tapedeck_protocol.session import OpenSessionRequest
from tapedeck_protocol.uploads import OpenUploadRequest
from tapedeck_standin.telephony.engine_links import EngineLinks
from tapedeck_standin.telephony.simulated_engine import SimulatedEngine

START = 1_800_000_000_000
ACCOUNT = "a" * 32
CALL = "c" * 32
CONFERENCE = "d" * 32
RECORDING = "e" * 32


@dataclass(frozen=True)
class Message:
    """A message of the queue."""

    body: str
    receipt: str


@dataclass
class TapedeckDouble:
    """Answers every event with `taken`, unless `outcomes` has other outcomes for its type, used in order."""

    now: int = START
    messages: list[Message] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    outcomes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    """Statuses of the next requests for events; 200 when there are none."""
    upload_answers: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    upload_statuses: list[int] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    absent: int | None = None
    preference: Mapping[str, Any] | None = None
    extra: dict[str, bool] = field(default_factory=dict)
    """Further fields of the answer to events."""
    seq_seen: int = 1000

    def engine(self) -> SimulatedEngine:
        """An engine that is connected to this double."""
        links = EngineLinks(
            self.receive,
            self.deleted.append,
            self.post,
            self.upload,
            lambda _wanted: {"code": 11200},
            lambda _account, _name: None,
        )
        return SimulatedEngine(
            links, lambda: self.now, lambda _account, _conference: self.preference, lambda _account: self.absent,
            self.lines.append,
        )  # fmt: skip

    def send(self, *commands: Mapping[str, Any] | str) -> None:
        """Put commands, or other texts, into the queue."""
        for command in commands:
            body = command if isinstance(command, str) else json.dumps(command)
            self.messages.append(Message(body, f"receipt-{len(self.deleted) + len(self.messages)}"))

    def receive(self) -> list[Message]:
        """Receive all messages."""
        found, self.messages = self.messages, []
        return found

    def post(self, route: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer a request."""
        sent = json.loads(json.dumps(body))
        _REQUESTS[route].model_validate(sent, extra="forbid")
        for event in sent.get("events", ()):
            EVENTS.validate_python(event, extra="forbid")
        self.requests.append((route, sent))
        if route == "sessions":
            return 200, {"engine": "standin", "now": self.now, "seq_seen": self.seq_seen, "alive_every": 15}
        if route == "uploads":
            answer = {"url": "http://localhost/capture", "headers": {}, "expires_at": 0, "ticket": "ticket-1"}
            return self.upload_answers.pop(0) if self.upload_answers else (200, answer)
        status = self.statuses.pop(0) if self.statuses else 200
        if status != 200:
            return status, {"refused": "busy"}
        results = []
        for event in body["events"]:
            scripted = self.outcomes.get(event["type"])
            outcome = scripted.pop(0) if scripted else {"outcome": "taken"}
            results.append({"id": event["id"], **outcome})
        return 200, {"now": self.now, "results": results, "resync": False, "superseded": False, **self.extra}

    def upload(self, _answer: Mapping[str, Any], path: Path) -> int:
        """Keep the uploaded file."""
        status = self.upload_statuses.pop(0) if self.upload_statuses else 200
        if status == 200:
            self.files.append(path.read_bytes())
        return status

    def bodies(self, route: str) -> list[dict[str, Any]]:
        """The requests to a route."""
        return [body for name, body in self.requests if name == route]

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events in the order in which they were reported, repetitions included."""
        return [event for body in self.bodies("events") for event in body["events"]]

    def reported(self, *names: str) -> list[tuple[Any, ...]]:
        """The type and these fields of each event."""
        return [(event["type"], *(event.get(name) for name in names)) for event in self.events]


_REQUESTS: Final[Mapping[str, type[BaseModel]]] = {
    "sessions": OpenSessionRequest, "events": EventBatch, "uploads": OpenUploadRequest,
}  # fmt: skip
"""The model of each request; nothing that the engine sends may be unknown to the protocol."""


def run(engine: SimulatedEngine) -> None:
    """Let an engine work until nothing is left to do."""
    while engine.step():
        pass


def command(kind: str, version: int, wanted: Mapping[str, Any], **subject: Any) -> dict[str, Any]:
    """A command of the protocol."""
    return {
        "protocol": 2, "id": f"{new_id(START)}-{version}-{kind}", "type": kind, "account": ACCOUNT, "version": version,
        "issued_at": START, "not_after": START + 120_000, **subject, "wanted": wanted,
    }  # fmt: skip


def recording_command(
    kind: str, version: int, status: str, pause_behavior: str | None = None, **changes: Any
) -> dict[str, Any]:
    """A command for the recording of these tests."""
    wanted = {
        "status": status, "pause_behavior": pause_behavior, "channels": 1, "track": "both", "max_seconds": 14_400,
        "consent": None,
    }  # fmt: skip
    subject = {"parent": {"type": "call", "id": CALL}, "recording": RECORDING}
    return {**command(f"recording.{kind}", version, wanted, **subject), **changes}


def dial_command(version: int = 1, **options: Any) -> dict[str, Any]:
    """A command that dials a participant."""
    wanted = {
        "to": "+12025550101", "from": "+12025550100", "label": None, "muted": False, "hold": False, "coaching": False,
        "call_to_coach": None, "start_conference_on_enter": True, "end_conference_on_exit": False, "options": options,
    }  # fmt: skip
    return command("participant.add", version, wanted, conference=CONFERENCE, call=CALL)
