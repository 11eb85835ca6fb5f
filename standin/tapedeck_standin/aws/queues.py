"""In-memory FIFO queues and event bus, with the semantics of SQS and EventBridge that Tapedeck relies on.

Deterministic: neither random numbers nor the machine's clock are used; equal calls return equal receipts.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from tapedeck.adapters.batching import write_json
from tapedeck.ports.clock import Clock
from tapedeck.ports.messaging import DomainEvent, QueueMessage

DEDUPLICATION_SECONDS: Final = 300
"""SQS's deduplication interval, counted from the send; deleting the message does not end it."""


@dataclass(frozen=True, slots=True)
class Received:
    """A received message; times in milliseconds since the epoch.

    `receipt` is valid until the message becomes visible again; `id` is the deduplication id; `sequence` has 20 digits
    and increases.
    """

    message_id: str
    receipt: str
    body: str
    group: str
    id: str
    sequence: str
    sent: int
    first_received: int
    receive_count: int


@dataclass(slots=True)
class _QueuedMessage:
    """A message in a queue, in flight until `visible` (milliseconds); None: until it is deleted or returned."""

    message_id: str
    body: str
    group: str
    id: str
    sequence: int
    sent: int
    first_received: int = 0
    receive_count: int = 0
    visible: int | None = 0


@dataclass
class _Store:
    """Messages by sequence number, and those in flight by receipt; callers must hold the lock."""

    name: str
    lock: threading.RLock
    messages: dict[int, _QueuedMessage] = field(default_factory=dict)
    in_flight: dict[str, _QueuedMessage] = field(default_factory=dict)
    last: int = 0

    def append(self, body: str, group: str, identifier: str, now: int) -> _QueuedMessage:
        """Append a new message."""
        self.last += 1
        message = _QueuedMessage(f"{self.name}-{self.last}", body, group, identifier, self.last, now)
        self.messages[message.sequence] = message
        return message

    def expire_visibility(self, now: int) -> None:
        """Make messages visible whose visibility timeout has passed."""
        expired = [
            name for name, message in self.in_flight.items() if message.visible is not None and message.visible <= now
        ]
        for receipt in expired:
            del self.in_flight[receipt]


class MemoryQueue:
    """An SQS FIFO queue with producer (`ports.messaging.Queue`) and consumer side; messages do not expire.

    A group is blocked while one of its messages is in flight. Thread-safe.

    Args:
        clock: milliseconds since the epoch.
        visibility_seconds: the visibility timeout. None: no timeout, for consumers in the same process:
            advancing the clock does not redeliver their messages.
        max_receives: SQS's `maxReceiveCount`; the next receive moves the message to the dead-letter queue.
        dead_letters: the dead-letter queue, which must use the same clock; None: receives are unlimited.
        name: the name in the ARN; must be unique.
        on_dead_letter: is called with the body of each message that is moved to the dead-letter queue.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        visibility_seconds: int | None,
        max_receives: int,
        dead_letters: "MemoryQueue | None",
        name: str,
        on_dead_letter: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.name = name
        self._clock = clock
        self._visibility = visibility_seconds * 1000 if visibility_seconds is not None else None
        self._max_receives = max_receives
        self._on_dead_letter = on_dead_letter
        self._dead_letters = dead_letters._store if dead_letters is not None else None  # noqa: SLF001 - the same class
        # One lock for both queues, so that a moving message is always in exactly one of them.
        self._lock = self._dead_letters.lock if self._dead_letters is not None else threading.RLock()
        self._store: _Store = _Store(name, self._lock)
        self._sent: dict[str, int] = {}

    def send(self, messages: Sequence[QueueMessage]) -> None:
        """Append the messages; ignore those whose deduplication id was sent within the last five minutes."""
        with self._lock:
            now = self._clock()
            horizon = now - DEDUPLICATION_SECONDS * 1000
            while self._sent and next(iter(self._sent.values())) <= horizon:
                del self._sent[next(iter(self._sent))]
            for message in messages:
                if self._sent.get(message.id, horizon) <= horizon:
                    self._sent.pop(message.id, None)
                    self._sent[message.id] = now
                    self._store.append(write_json(message.body), message.group, message.id, now)

    def receive(self, limit: int = 10) -> list[Received]:
        """Receive up to `limit` of the oldest messages of unblocked groups; one group may contribute several."""
        with self._lock:
            now = self._clock()
            self._store.expire_visibility(now)
            blocked_groups = {message.group for message in self._store.in_flight.values()}
            found: list[_QueuedMessage] = []
            exhausted: list[_QueuedMessage] = []
            for message in self._store.messages.values():
                if len(found) == limit:
                    break
                if message.group not in blocked_groups:
                    (exhausted if self._is_exhausted(message) else found).append(message)
            for message in exhausted:
                self._move_to_dead_letter_queue(message, now)
            return [self._mark_received(message, now) for message in found]

    def delete(self, receipt: str) -> bool:
        """Delete a received message; return False if the receipt has expired, so that it is received again."""
        with self._lock:
            self._store.expire_visibility(self._clock())
            message = self._store.in_flight.pop(receipt, None)
            if message is not None:
                del self._store.messages[message.sequence]
            return message is not None

    def return_messages(self, receipts: Iterable[str]) -> None:
        """Make received messages visible at once; expired receipts are ignored."""
        with self._lock:
            self._store.expire_visibility(self._clock())
            for receipt in receipts:
                self._store.in_flight.pop(receipt, None)

    def next_due(self) -> int | None:
        """Return when a message can be received (milliseconds): now if one already can, None if unknown."""
        with self._lock:
            now = self._clock()
            self._store.expire_visibility(now)
            # Messages of one group in flight were received together and have one deadline.
            visible_by_group = {message.group: message.visible for message in self._store.in_flight.values()}
            if any(message.group not in visible_by_group for message in self._store.messages.values()):
                return now
            return min((visible for visible in visible_by_group.values() if visible is not None), default=None)

    @property
    def next_bodies(self) -> list[str]:
        """Bodies of the oldest message of each unblocked group."""
        with self._lock:
            self._store.expire_visibility(self._clock())
            blocked_groups = {message.group for message in self._store.in_flight.values()}
            oldest = {message.group: message.body for message in reversed(self._store.messages.values())}
            return [body for group, body in oldest.items() if group not in blocked_groups]

    @property
    def is_empty(self) -> bool:
        """Whether there is no message, in flight or not."""
        with self._lock:
            return not self._store.messages

    @property
    def waiting(self) -> int:
        """Number of messages that are not in flight."""
        with self._lock:
            return len(self._store.messages) - self.in_flight

    @property
    def in_flight(self) -> int:
        """Number of messages that were received and are neither deleted nor visible again."""
        with self._lock:
            self._store.expire_visibility(self._clock())
            return len(self._store.in_flight)

    @property
    def messages(self) -> list[tuple[str, str]]:
        """Group and body of every message, in flight or not, oldest first."""
        with self._lock:
            return [(message.group, message.body) for message in self._store.messages.values()]

    @property
    def blocked(self) -> list[str]:
        """Bodies of the messages that wait behind one of their group in flight, oldest first."""
        with self._lock:
            self._store.expire_visibility(self._clock())
            in_flight = {message.sequence for message in self._store.in_flight.values()}
            blocked_groups = {message.group for message in self._store.in_flight.values()}
            waiting = (message for message in self._store.messages.values() if message.sequence not in in_flight)
            return [message.body for message in waiting if message.group in blocked_groups]

    def _is_exhausted(self, message: _QueuedMessage) -> bool:
        return self._dead_letters is not None and message.receive_count >= self._max_receives

    def _move_to_dead_letter_queue(self, message: _QueuedMessage, now: int) -> None:
        """Move a message to the dead-letter queue as SQS does: same id and count, sent now, no deduplication."""
        if self._dead_letters is not None:
            del self._store.messages[message.sequence]
            letter = self._dead_letters.append(message.body, message.group, message.id, now)
            letter.message_id, letter.receive_count = message.message_id, message.receive_count
            self._on_dead_letter(message.body)

    def _mark_received(self, message: _QueuedMessage, now: int) -> Received:
        message.receive_count += 1
        message.first_received = message.first_received or now
        message.visible = now + self._visibility if self._visibility is not None else None
        receipt = f"{message.message_id}:{message.receive_count}"
        self._store.in_flight[receipt] = message
        return Received(
            message_id=message.message_id,
            receipt=receipt,
            body=message.body,
            group=message.group,
            id=message.id,
            sequence=f"{message.sequence:020}",
            sent=message.sent,
            first_received=message.first_received,
            receive_count=message.receive_count,
        )


class MemoryBus:
    """A `ports.messaging.Bus` that records the published events. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._published: list[DomainEvent] = []

    def publish(self, events: Sequence[DomainEvent]) -> None:
        """Record events."""
        with self._lock:
            self._published += events

    @property
    def events(self) -> tuple[DomainEvent, ...]:
        """All published events in order, duplicates included."""
        with self._lock:
            return tuple(self._published)
