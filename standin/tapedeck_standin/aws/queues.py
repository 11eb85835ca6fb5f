"""FIFO queues and a bus in this process, with the semantics of SQS and EventBridge that Tapedeck leans on.

Nothing here depends on chance or on a clock of its own: the same calls give the same answers, receipts included.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from tapedeck.adapters.batching import write_json
from tapedeck.ports.messaging import DomainEvent, QueueMessage
from tapedeck.ports.stores import Clock

DEDUPLICATION_SECONDS: Final = 300
"""SQS's: from when an id is sent until it counts as another message, whether or not the first was deleted."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it is handed out; times in milliseconds since the epoch.

    `receipt` is good until the message may be received again; by `id` duplicates are known; `sequence` has 20 digits
    and rises.
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
    """A message in a queue, in flight until the moment `visible`, or with None for as long as somebody has it.

    One that was given back as if it had not been received is in flight until the moment `until` when it is next. Of a
    dead letter, `died_in` is the queue's name.
    """

    message_id: str
    body: str
    group: str
    id: str
    sequence: int
    sent: int
    first_received: int = 0
    receive_count: int = 0
    visible: int | None = 0
    until: int | None = None
    died_in: str | None = None


@dataclass
class _Store:
    """What a queue holds, by sequence, and what of it is in flight, by receipt; whoever looks holds the lock."""

    name: str
    lock: threading.RLock
    held: dict[int, _QueuedMessage] = field(default_factory=dict)
    in_flight: dict[str, _QueuedMessage] = field(default_factory=dict)
    last: int = 0

    def append(self, body: str, group: str, identifier: str, now: int) -> _QueuedMessage:
        """A new message, behind all others."""
        self.last += 1
        held = _QueuedMessage(f"{self.name}-{self.last}", body, group, identifier, self.last, now)
        self.held[held.sequence] = held
        return held

    def expire_visibility(self, now: int) -> None:
        """What has been in flight for too long may be received again."""
        landed = [name for name, held in self.in_flight.items() if held.visible is not None and held.visible <= now]
        for receipt in landed:
            del self.in_flight[receipt]


class MemoryQueue:
    """`ports.messaging.Queue` with its other end: a FIFO queue as SQS's, whose messages do not expire.

    A group is closed while one of its messages is in flight. Several threads may use it.

    Args:
        clock: milliseconds.
        visibility_seconds: how long a message is in flight, unless it is deleted or given back; None: however long
            that takes, for consumers that end no earlier than the queue, and clocks that are put forward meanwhile.
        most_receives: after so many, the next attempt to receive a message moves it to the dead letters.
        dead_letters: where to, the same clock and all; None: a message may be received any number of times.
        name: as in its ARN; no two are named alike.
        on_death: gets the body of a message that is moved to the dead letters.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        visibility_seconds: int | None,
        most_receives: int,
        dead_letters: "MemoryQueue | None",
        name: str,
        on_death: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.name = name
        self._clock = clock
        self._visibility = visibility_seconds * 1000 if visibility_seconds is not None else None
        self._most_receives = most_receives
        self._on_death = on_death
        self._graves = dead_letters._store if dead_letters is not None else None  # noqa: SLF001 - a queue like this one
        # One lock for both: what moves from one to the other is never in neither.
        self._lock = self._graves.lock if self._graves is not None else threading.RLock()
        self._store: _Store = _Store(name, self._lock)
        self._sent: dict[str, int] = {}

    def send(self, messages: Sequence[QueueMessage]) -> None:
        """Take those whose id has not come within the last five minutes."""
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

    def receive(self, most: int = 10, wants: Callable[[str], bool] = lambda _: True) -> list[Received]:
        """The oldest messages of the groups that are open, any number of the same group.

        Args:
            most: no more than that.
            wants: whether a message is meant, by its body; SQS has no such thing. All of a group are, or none.
        """
        with self._lock:
            now = self._clock()
            self._store.expire_visibility(now)
            closed = {held.group for held in self._store.in_flight.values()}
            found: list[_QueuedMessage] = []
            dead: list[_QueuedMessage] = []
            for held in self._store.held.values():
                if len(found) == most:
                    break
                if held.group not in closed and wants(held.body):
                    (dead if self._is_dead(held) else found).append(held)
            for held in dead:
                self._bury(held, now)
            return [self._hand_out(held, now) for held in found]

    def delete(self, receipt: str) -> bool:
        """Whether the message is gone for good: not if the receipt has expired, for then it comes again."""
        with self._lock:
            self._store.expire_visibility(self._clock())
            held = self._store.in_flight.pop(receipt, None)
            if held is not None:
                del self._store.held[held.sequence]
            return held is not None

    def return_messages(self, receipts: Iterable[str], *, counts: bool = True) -> None:
        """Let these be received again at once; expired receipts are passed over.

        Args:
            receipts: whose.
            counts: whether they have been received, as in SQS; else that is forgotten, but not since when.
        """
        with self._lock:
            self._store.expire_visibility(self._clock())
            for receipt in receipts:
                held = self._store.in_flight.pop(receipt, None)
                if held is not None and not counts:
                    held.receive_count -= 1
                    held.until = held.visible

    def redrive(self, most: int | None = None) -> int:
        """Take back dead letters of this queue that are not in flight, oldest first, as new messages; how many.

        Args:
            most: no more than that.
        """
        if self._graves is None:
            return 0
        with self._lock:
            now = self._clock()
            self._graves.expire_visibility(now)
            flying = {held.sequence for held in self._graves.in_flight.values()}
            mine = [held for held in self._graves.held.values() if held.died_in == self.name]
            risen = [held for held in mine if held.sequence not in flying][:most]
            for held in risen:
                del self._graves.held[held.sequence]
                self._store.append(held.body, held.group, held.id, now)
            return len(risen)

    def next_due(self) -> int | None:
        """When something may be received, in milliseconds: now, if it already may; None if nobody can tell."""
        with self._lock:
            now = self._clock()
            self._store.expire_visibility(now)
            # What is in flight of a group was received together, and lands together.
            opens = {held.group: held.visible for held in self._store.in_flight.values()}
            if any(held.group not in opens for held in self._store.held.values()):
                return now
            return min((visible for visible in opens.values() if visible is not None), default=None)

    @property
    def next_bodies(self) -> list[str]:
        """The body of the oldest message of each group that is open."""
        with self._lock:
            self._store.expire_visibility(self._clock())
            closed = {held.group for held in self._store.in_flight.values()}
            oldest = {held.group: held.body for held in reversed(self._store.held.values())}
            return [body for group, body in oldest.items() if group not in closed]

    @property
    def waiting(self) -> int:
        """How many messages are here and not in flight."""
        with self._lock:
            return len(self._store.held) - self.in_flight

    @property
    def in_flight(self) -> int:
        """How many messages have been received, and are neither deleted nor back."""
        with self._lock:
            self._store.expire_visibility(self._clock())
            return len(self._store.in_flight)

    @property
    def held(self) -> list[tuple[str, str]]:
        """The group and the body of each message that is here, in flight or not, the oldest first."""
        with self._lock:
            return [(held.group, held.body) for held in self._store.held.values()]

    @property
    def blocked(self) -> list[str]:
        """The body of each message that waits behind one of its group that is in flight, the oldest first."""
        with self._lock:
            self._store.expire_visibility(self._clock())
            flying = {held.sequence for held in self._store.in_flight.values()}
            closed = {held.group for held in self._store.in_flight.values()}
            waiting = (held for held in self._store.held.values() if held.sequence not in flying)
            return [held.body for held in waiting if held.group in closed]

    def _is_dead(self, held: _QueuedMessage) -> bool:
        return self._graves is not None and held.receive_count >= self._most_receives

    def _bury(self, held: _QueuedMessage, now: int) -> None:
        """As SQS does: with its id and its count, but as sent now, and whatever else has this id."""
        if self._graves is not None:
            del self._store.held[held.sequence]
            letter = self._graves.append(held.body, held.group, held.id, now)
            letter.message_id, letter.receive_count, letter.died_in = held.message_id, held.receive_count, self.name
            self._on_death(held.body)

    def _hand_out(self, held: _QueuedMessage, now: int) -> Received:
        held.receive_count += 1
        held.first_received = held.first_received or now
        held.visible = now + self._visibility if self._visibility is not None else None
        if held.until is not None:
            held.visible, held.until = held.until, None
        receipt = f"{held.message_id}:{held.receive_count}"
        self._store.in_flight[receipt] = held
        return Received(
            message_id=held.message_id,
            receipt=receipt,
            body=held.body,
            group=held.group,
            id=held.id,
            sequence=f"{held.sequence:020}",
            sent=held.sent,
            first_received=held.first_received,
            receive_count=held.receive_count,
        )


class MemoryBus:
    """`ports.messaging.Bus` that keeps what it is told. Several threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._published: list[DomainEvent] = []

    def publish(self, facts: Sequence[DomainEvent]) -> None:
        """Keep these."""
        with self._lock:
            self._published += facts

    @property
    def events(self) -> tuple[DomainEvent, ...]:
        """All that it was told, in that order, repetitions included."""
        with self._lock:
            return tuple(self._published)

    @property
    def events_of(self) -> dict[str, DomainEvent]:
        """What it was told, by id, in the order of the first telling; of a repetition the latest."""
        return {fact.id: fact for fact in self.events}
