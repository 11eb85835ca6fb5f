"""In-memory standard queues of commands, one per engine, with the semantics of SQS that engines rely on.

Deterministic: neither random numbers nor the machine's clock decide what is received. Only the waiting of a long poll
takes real time.
"""

import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import md5
from typing import Any, Final

from tapedeck.adapters.batching import write_json
from tapedeck.ports.clock import Clock

MAX_RECEIVES: Final = 10
"""Receives of a command; the next one moves it to the dead-letter queue."""

VISIBILITY_SECONDS: Final = 30
RETENTION_SECONDS: Final = 3_600

_RECEIPT: Final = re.compile(r"(?P<message_id>[0-9a-f-]{36}):(?P<number>[0-9]{1,15}):[0-9]{1,15}")

_POLL_SECONDS: Final = 0.2
"""Longest time that a long poll waits until it looks at the clock again, which may have been advanced."""


class ReceiptInvalid(Exception):
    """The queue never issued this receipt."""


class NotInFlight(Exception):
    """The message of this receipt is deleted, visible again, or received again since."""


@dataclass(frozen=True, slots=True)
class StandardMessage:
    """A received message; times in milliseconds since the epoch.

    `receipt` identifies this receive: the next receive of the same message makes it stale.
    """

    message_id: str
    receipt: str
    body: str
    sent: int
    first_received: int
    receive_count: int


@dataclass(slots=True)
class _Stored:
    """A stored message; it can be received from `visible` (milliseconds) on."""

    number: int
    message_id: str
    body: str
    sent: int
    visible: int
    first_received: int = 0
    receive_count: int = 0

    @property
    def receipt(self) -> str:
        return f"{self.message_id}:{self.number}:{self.receive_count}"


class MemoryStandardQueue:
    """An SQS standard queue: delivers at least once, promises no order and drops no duplicates. Thread-safe.

    A received message is invisible until its visibility timeout ends; then it is received again. This queue happens to
    return the oldest messages first, on which no consumer may rely.

    Args:
        clock: milliseconds since the epoch.
        name: the name; must be unique.
        visibility_seconds: the default visibility timeout.
        retention_seconds: the age at which a message is dropped.
        max_receives: SQS's `maxReceiveCount`; the next receive moves the message to the dead-letter queue.
        dead_letters: the dead-letter queue; None: receives are unlimited.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        name: str,
        visibility_seconds: int = VISIBILITY_SECONDS,
        retention_seconds: int = RETENTION_SECONDS,
        max_receives: int = MAX_RECEIVES,
        dead_letters: "MemoryStandardQueue | None" = None,
    ) -> None:
        self.name = name
        self._clock = clock
        self._visibility = visibility_seconds
        self._retention = retention_seconds * 1000
        self._max_receives = max_receives
        self._dead_letters = dead_letters
        self._changed = threading.Condition(threading.RLock())
        self._messages: dict[str, _Stored] = {}
        """Stored messages by message id, oldest first."""
        self._last_number = 0
        self._is_closed = False

    def send(self, *bodies: str) -> list[str]:
        """Append messages; return their ids."""
        with self._changed:
            now = self._clock()
            sent = [self._append(body, now) for body in bodies]
            self._changed.notify_all()
            return [message.message_id for message in sent]

    def receive(
        self, limit: int = 10, visibility_seconds: int | None = None, wait_seconds: float = 0
    ) -> list[StandardMessage]:
        """Receive up to `limit` visible messages.

        Args:
            limit: the maximum number of messages.
            visibility_seconds: their visibility timeout; None for the queue's default.
            wait_seconds: how long to wait for a message if there is none, in real time; `close` ends the wait.
        """
        visibility = self._visibility if visibility_seconds is None else visibility_seconds
        deadline = time.monotonic() + wait_seconds
        with self._changed:
            while True:
                received = self._receive_visible(limit, visibility)
                left = deadline - time.monotonic()
                if received or self._is_closed or left <= 0:
                    return received
                self._changed.wait(min(left, _POLL_SECONDS))

    def delete(self, receipt: str) -> bool:
        """Delete a message; return whether it was deleted.

        False: it was deleted before, or received again since. SQS does not report this to the consumer.

        Raises:
            ReceiptInvalid: the queue never issued this receipt.
        """
        with self._changed:
            message = self._find(receipt)
            if message is None:
                return False
            del self._messages[message.message_id]
            return True

    def change_visibility(self, receipt: str, seconds: int) -> None:
        """Make a message in flight visible in this many seconds; 0: at once.

        Raises:
            ReceiptInvalid: the queue never issued this receipt.
            NotInFlight: the message is not in flight by this receipt.
        """
        with self._changed:
            message, now = self._find(receipt), self._clock()
            if message is None or message.visible <= now:
                raise NotInFlight
            message.visible = now + seconds * 1000
            self._changed.notify_all()

    def close(self) -> None:
        """End all long polls; later ones do not wait."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Drop all messages."""
        with self._changed:
            self._messages.clear()

    def next_due(self) -> int | None:
        """Return when a message can be received (milliseconds): now if one already can, None if there is none."""
        with self._changed:
            now = self._clock()
            self._expire(now)
            return min((max(now, message.visible) for message in self._messages.values()), default=None)

    @property
    def is_empty(self) -> bool:
        """Whether there is no message, in flight or not."""
        with self._changed:
            return not self._messages

    @property
    def bodies(self) -> list[str]:
        """Bodies of all messages, in flight or not, oldest first."""
        with self._changed:
            self._expire(self._clock())
            return [message.body for message in self._messages.values()]

    @property
    def visible_times(self) -> list[tuple[str, int]]:
        """Body of each message, oldest first, and when it can be received (milliseconds)."""
        with self._changed:
            self._expire(self._clock())
            return [(message.body, message.visible) for message in self._messages.values()]

    @property
    def waiting(self) -> int:
        """Number of messages that can be received now."""
        with self._changed:
            now = self._clock()
            self._expire(now)
            return sum(message.visible <= now for message in self._messages.values())

    def _append(self, body: str, now: int) -> _Stored:
        self._last_number += 1
        message = _Stored(self._last_number, self._message_id(self._last_number), body, now, now)
        self._messages[message.message_id] = message
        return message

    def _message_id(self, number: int) -> str:
        """Return an id in the form of a UUID, as of SQS."""
        digest = md5(f"{self.name}/{number}".encode(), usedforsecurity=False).hexdigest()
        return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"

    def _receive_visible(self, limit: int, visibility_seconds: int) -> list[StandardMessage]:
        now = self._clock()
        self._expire(now)
        received: list[StandardMessage] = []
        for message in [each for each in self._messages.values() if each.visible <= now]:
            if len(received) == limit:
                break
            if self._dead_letters is not None and message.receive_count >= self._max_receives:
                del self._messages[message.message_id]
                self._dead_letters.take_dead_letter(message)
                continue
            message.receive_count += 1
            message.first_received = message.first_received or now
            message.visible = now + visibility_seconds * 1000
            received.append(
                StandardMessage(
                    message.message_id, message.receipt, message.body, message.sent, message.first_received,
                    message.receive_count,
                )
            )  # fmt: skip
        return received

    def take_dead_letter(self, message: _Stored) -> None:
        """Add a message that another queue could not deliver; it keeps its id, its age and its count of receives."""
        with self._changed:
            self._last_number += 1
            message.number = self._last_number
            self._messages[message.message_id] = message
            self._changed.notify_all()

    def _expire(self, now: int) -> None:
        """Drop messages that are older than the retention period."""
        expired = [name for name, message in self._messages.items() if message.sent <= now - self._retention]
        for name in expired:
            del self._messages[name]

    def _find(self, receipt: str) -> _Stored | None:
        """Return the message of a receipt; None if it is deleted, or received again since.

        Raises:
            ReceiptInvalid: the queue never issued this receipt.
        """
        parts = _RECEIPT.fullmatch(receipt)
        if parts is None or not 1 <= int(parts["number"]) <= self._last_number:
            raise ReceiptInvalid
        message = self._messages.get(parts["message_id"])
        return message if message is not None and message.receipt == receipt else None


class MemoryEngineQueues(Mapping[str, MemoryStandardQueue]):
    """The queues of engines by the engine's name: `ports.engines.EngineQueues`, and for consumers a mapping.

    Args:
        clock: milliseconds since the epoch.
        engines: names of the engines whose queues exist from the start.
    """

    def __init__(self, clock: Clock, engines: Sequence[str] = ()) -> None:
        self._clock = clock
        self.dead_letters = MemoryStandardQueue(clock, name="engine-commands-dead", retention_seconds=14 * 86_400)
        self._queues: dict[str, MemoryStandardQueue] = {}
        for engine in engines:
            self.create(engine)

    def __getitem__(self, engine: str) -> MemoryStandardQueue:
        return self._queues[engine]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._queues))

    def __len__(self) -> int:
        return len(self._queues)

    def send(self, engine: str, messages: Sequence[Mapping[str, Any]]) -> bool:
        """Send messages to an engine; False if it has no queue."""
        queue = self._queues.get(engine)
        if queue is not None:
            queue.send(*map(write_json, messages))
        return queue is not None

    def create(self, engine: str) -> None:
        """Create the queue of an engine. Idempotent."""
        if engine not in self._queues:
            self._queues[engine] = MemoryStandardQueue(
                self._clock, name=f"engine-{engine}", dead_letters=self.dead_letters
            )

    def delete(self, engine: str) -> None:
        """Delete the queue of an engine with its messages. Idempotent."""
        queue = self._queues.pop(engine, None)
        if queue is not None:
            queue.close()
