"""Queues of messages about accounts: one queue for each account, by the account's clock (C-315)."""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from tapedeck.ports.clock import Clock
from tapedeck.ports.messaging import QueueMessage
from tapedeck_standin.aws.event_sources import Handler
from tapedeck_standin.aws.standard_queue import MemoryStandardQueue
from tapedeck_standin.aws.standard_queue_source import StandardQueueSource
from tapedeck_standin.clock import time_of, working_for


class OwnQueue(Protocol):
    """The queue of one account."""

    @property
    def is_empty(self) -> bool:
        """Whether there is no message, in flight or not."""


QueueT = TypeVar("QueueT", bound=OwnQueue)


class AccountQueues(Generic[QueueT]):
    """A `ports.messaging.Queue` for bodies with an `account`. Thread-safe.

    Args:
        make: makes the queue of an account, from its clock and the account.
        put: sends messages to a queue.
        clock: the stand-in's clock.
    """

    def __init__(
        self,
        make: Callable[[Clock, str], QueueT],
        put: Callable[[QueueT, Sequence[QueueMessage]], object],
        clock: Clock,
    ) -> None:
        self._make = make
        self._put = put
        self._clock = clock
        self._lock = threading.RLock()
        self._queues: dict[str, QueueT] = {}
        self._used: dict[str, QueueT] = {}
        """The queues that may have messages."""

    def send(self, messages: Sequence[QueueMessage]) -> None:
        """Send each message to the queue of its account."""
        by_account: dict[str, list[QueueMessage]] = {}
        for message in messages:
            by_account.setdefault(message.body["account"], []).append(message)
        with self._lock:
            for account, found in by_account.items():
                queue = self.of(account)
                self._used[account] = queue
                self._put(queue, found)

    def of(self, account: str) -> QueueT:
        """Return the queue of an account."""
        with self._lock:
            if account not in self._queues:
                self._queues[account] = self._make(partial(time_of, self._clock, account), account)
            return self._queues[account]

    def now_of(self, account: str) -> int:
        """Return the time of an account, which is that of its queue (milliseconds)."""
        return time_of(self._clock, account)

    def used(self, account: str | None = None) -> list[tuple[str, QueueT]]:
        """Return the accounts that have messages (None: all of them, else this one), with their queues."""
        with self._lock:
            wanted = list(self._used) if account is None else [account]
            for each in wanted:
                if each in self._used and self._used[each].is_empty:
                    del self._used[each]
            return [(each, self._used[each]) for each in wanted if each in self._used]


class AccountQueueSource:
    """The event source mappings of the standard queues of all accounts.

    Args:
        queues: the queues.
        handler: the function that gets the messages, by the clock of their account. Accounts have threads of their own.
    """

    def __init__(self, queues: AccountQueues[MemoryStandardQueue], handler: Handler) -> None:
        self._queues = queues
        self._handler = handler
        self._lock = threading.Lock()
        self._in_work: set[str] = set()
        """Bodies of the messages that the function has now."""

    def accounts_waiting(self) -> set[str]:
        """Return the accounts with messages that can be delivered now."""
        return {account for account, queue in self._queues.used() if queue.waiting}

    def run_once(self, account: str) -> bool:
        """Deliver one message of an account; return whether there was one."""
        with working_for(account):
            return StandardQueueSource(self._queues.of(account), self._handle).run_once()

    def messages(self, account: str | None) -> list[tuple[str, str, int]]:
        """Return account and body of each message of an account (None: of all), and when it is due (milliseconds).

        A message that the function has now is due now, although its queue hides it.
        """
        found = [(owner, *each) for owner, queue in self._queues.used(account) for each in queue.visible_times]
        with self._lock:
            in_work = set(self._in_work)
        return [
            (owner, body, min(visible, self._queues.now_of(owner)) if body in in_work else visible)
            for owner, body, visible in found
        ]

    def _handle(self, event: dict[str, Any], context: None) -> Mapping[str, Any] | None:
        bodies = {record["body"] for record in event["Records"]}
        with self._lock:
            self._in_work |= bodies
        try:
            return self._handler(event, context)
        finally:
            with self._lock:
                self._in_work -= bodies
