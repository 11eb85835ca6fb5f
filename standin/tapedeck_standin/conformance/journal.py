"""What a connector has sent and received, in order, for the checks to wait for and to look at."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

FoundT = TypeVar("FoundT")


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request of the connector to a route of the protocol, or an upload.

    `number` orders everything that was seen. `at` is a monotonic time in seconds. `status` is that of the answer; 0 if
    there was none.
    """

    number: int
    at: float
    route: str
    body: Any
    status: int
    answer: Any = None


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """One report of an event; `outcome` is None if the request was not answered with outcomes."""

    number: int
    at: float
    boot: str
    event: Mapping[str, Any]
    outcome: str | None
    code: str | None = None

    @property
    def id(self) -> str:
        """The id of the event."""
        return str(self.event.get("id"))

    @property
    def type(self) -> str:
        """The type of the event."""
        return str(self.event.get("type"))

    @property
    def seq(self) -> int:
        """The sequence number of the event; -1 if it is no number."""
        seq = self.event.get("seq")
        return seq if isinstance(seq, int) else -1

    @property
    def is_final(self) -> bool:
        """Whether the connector need not report the event again."""
        return self.outcome not in {None, "later"}


@dataclass(frozen=True, slots=True)
class SeenCommand:
    """A message that the connector has received from its queue."""

    number: int
    at: float
    message_id: str
    receipt: str
    body: str


@dataclass(slots=True)
class Records:
    """Everything that was seen, oldest first. `deleted` has message ids."""

    requests: list[SeenRequest] = field(default_factory=list)
    events: list[SeenEvent] = field(default_factory=list)
    commands: list[SeenCommand] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    def events_of(self, resource: str, *types: str, since: int = 0) -> list[SeenEvent]:
        """Return the events about a recording, call or conference, of these types if any are named."""
        return [
            seen
            for seen in self.events
            if seen.number > since
            and resource in {seen.event.get(name) for name in ("recording", "call", "conference")}
            and (not types or seen.type in types)
        ]

    def new_events_of(self, resource: str, *types: str, since: int = 0) -> list[SeenEvent]:
        """Return the same, each event once: as it was reported first."""
        first: dict[str, SeenEvent] = {}
        for seen in self.events_of(resource, *types, since=since):
            first.setdefault(seen.id, seen)
        return list(first.values())

    def requests_to(self, route: str, since: int = 0) -> list[SeenRequest]:
        """Return the requests to a route."""
        return [seen for seen in self.requests if seen.route == route and seen.number > since]


class Journal:
    """Collects what is seen, and wakes the checks that wait for it. Thread-safe."""

    def __init__(self) -> None:
        self._records = Records()
        self._changed = threading.Condition()
        self._last_number = 0

    @property
    def last_number(self) -> int:
        """The number of the last entry."""
        with self._changed:
            return self._last_number

    def read(self, look: Callable[[Records], FoundT]) -> FoundT:
        """Return what a function finds in the records."""
        with self._changed:
            return look(self._records)

    def wait_for(self, look: Callable[[Records], FoundT], seconds: float) -> FoundT:
        """Wait until a function finds something in the records; return what it found last."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not (found := look(self._records)) and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(min(left, 0.2))
            return found

    def note_request(self, route: str, body: Any, status: int, answer: Any = None) -> None:  # noqa: ANN401 - JSON
        """Note a request and its answer; the events in it are noted one by one."""
        with self._changed:
            self._records.requests.append(SeenRequest(self._next(), time.monotonic(), route, body, status, answer))
            if route == "events" and isinstance(body, dict):
                self._note_events(body, answer if isinstance(answer, dict) else {})
            self._changed.notify_all()

    def note_command(self, message: Mapping[str, Any]) -> None:
        """Note a message that the connector receives."""
        with self._changed:
            self._records.commands.append(
                SeenCommand(
                    self._next(), time.monotonic(), message["MessageId"], message["ReceiptHandle"], message["Body"]
                )
            )
            self._changed.notify_all()

    def note_deletion(self, receipt: str) -> None:
        """Note that the connector deletes a message."""
        with self._changed:
            self._next()
            self._records.deleted += [seen.message_id for seen in self._records.commands if seen.receipt == receipt]
            self._changed.notify_all()

    def _note_events(self, body: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        events, results = body.get("events"), answer.get("results") or []
        for position, event in enumerate(events if isinstance(events, list) else []):
            result = results[position] if position < len(results) else {}
            self._records.events.append(
                SeenEvent(
                    self._next(), time.monotonic(), str(body.get("boot")), event if isinstance(event, dict) else {},
                    result.get("outcome"), result.get("code"),
                )
            )  # fmt: skip

    def _next(self) -> int:
        self._last_number += 1
        return self._last_number
