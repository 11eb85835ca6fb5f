"""The outbox of a simulated engine: events that were not answered yet, in order for each subject."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tapedeck.domain.identity import new_id
from tapedeck.ports.clock import Clock
from tapedeck_standin.clock import time_of

RETRY_DELAYS_MS: Final = (200, 500, 1_000, 2_000, 4_000, 8_000, 15_000)
"""Delays between the reports of an event that is answered `later`; the last one repeats."""

PARKED_AFTER_MS: Final = 2_000
"""Time after which the other events of a subject no longer wait for one that is answered `later`."""

DEAD_AFTER_MS: Final = 30 * 60_000
"""Time after which an event that is always answered `later` is given up."""

MAX_BATCH: Final = 50
"""Events in one request."""

_FORGOTTEN: Final = frozenset({"taken", "repeated", "stale"})


@dataclass
class PendingEvent:
    """An event that was not answered with a final outcome.

    `subject` is the call or conference whose events stay in order. `next_at` is when to report it (milliseconds).
    `first_later_at` is when it was first answered `later`, None if it was not.
    """

    event: dict[str, Any]
    subject: str
    next_at: int
    attempts: int = 0
    first_later_at: int | None = None

    @property
    def account(self) -> str | None:
        """The account that it is about, whose time is its time; None: about the engine."""
        return self.event.get("account")

    @property
    def parked_at(self) -> int | None:
        """When its subject goes on without it (milliseconds); None if it was not answered `later`."""
        return None if self.first_later_at is None else self.first_later_at + PARKED_AFTER_MS

    def is_parked(self, now: int) -> bool:
        """Whether its subject goes on without it."""
        return self.parked_at is not None and now >= self.parked_at


class Outbox:
    """The events to report. Thread-safe. Each event has the time of its account (C-315).

    Args:
        clock: milliseconds since the epoch.
        on_dead: receives each event that is given up, with the reason.
    """

    def __init__(self, clock: Clock, on_dead: Callable[[Mapping[str, Any], str], object]) -> None:
        self._clock = clock
        self._on_dead = on_dead
        self._pending: dict[int, PendingEvent] = {}
        """Pending events by sequence number, in rising order."""
        self._seq = 0
        self._lock = threading.RLock()
        self.dead: list[tuple[Mapping[str, Any], str]] = []
        """Events that were given up, with the reason."""

    def add(self, subject: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Add an event with the next sequence number, a new id and the current time; return it."""
        with self._lock:
            now = self._clock()
            self._seq += 1
            added = {"id": new_id(now), "seq": self._seq, "at": now, **event}
            self._pending[self._seq] = PendingEvent(added, subject, now)
            return added

    def next_number(self) -> int:
        """Return the next sequence number, for an event that is reported without this outbox."""
        with self._lock:
            self._seq += 1
            return self._seq

    def continue_above(self, seq: int) -> None:
        """Number the events to come above `seq`."""
        with self._lock:
            self._seq = max(self._seq, seq)

    def due(self) -> list[PendingEvent]:
        """Return what to report now: of each subject the oldest event, and the parked events whose time has come."""
        with self._lock:
            busy, found = set[str](), list[PendingEvent]()
            for pending in self._pending.values():
                now = self._now_of(pending)
                if not pending.is_parked(now):
                    if pending.subject in busy:
                        continue
                    busy.add(pending.subject)
                if pending.next_at <= now:
                    found.append(pending)
            return found[:MAX_BATCH]

    def settle(self, pending: PendingEvent, result: Mapping[str, Any]) -> str:
        """Apply the outcome of one event; return the outcome."""
        outcome = str(result["outcome"])
        with self._lock:
            if outcome in _FORGOTTEN:
                self._forget(pending)
            elif outcome == "later":
                self._retry_later(pending)
            else:
                self._give_up(pending, f"refused ({result.get('code', 'without a code')})")
        return outcome

    def postpone(self, failed: Sequence[PendingEvent], milliseconds: int) -> None:
        """Report events again after a failed request; what happened to them is unknown."""
        with self._lock:
            for pending in failed:
                pending.next_at = self._now_of(pending) + milliseconds

    def retry_now(self, account: str) -> None:
        """Report the events of an account at once that wait for something that may have changed."""
        with self._lock:
            for pending in self._pending.values():
                if pending.account == account:
                    pending.next_at = min(pending.next_at, self._now_of(pending))

    def next_due(self, account: str | None) -> int | None:
        """Return when an event of an account must be reported or its subject goes on (milliseconds); None without one.

        An account of None: events about the engine itself.
        """
        with self._lock:
            now, busy, times = time_of(self._clock, account), set[str](), list[int]()
            for pending in self._pending.values():
                if pending.account != account:
                    continue
                is_parked = pending.is_parked(now)
                if is_parked or pending.subject not in busy:
                    times.append(pending.next_at)
                if not is_parked:
                    busy.add(pending.subject)
                    times += [pending.parked_at] if pending.parked_at is not None else []
            return min(times, default=None)

    def waits_for(self, subject: str) -> bool:
        """Whether an event of this subject was not answered yet."""
        with self._lock:
            return any(pending.subject == subject for pending in self._pending.values())

    def waiting(self, account: str | None = None) -> list[tuple[Mapping[str, Any], int]]:
        """Return the events of an account (None: of all) that were not answered yet, each with the time when it is due.

        Oldest first. An event that waits for an earlier one of its subject is due with that one.
        """
        with self._lock:
            busy, found = dict[str, int](), list[tuple[Mapping[str, Any], int]]()
            for pending in self._pending.values():
                due, now = pending.next_at, self._now_of(pending)
                if not pending.is_parked(now):
                    first = min(due, pending.parked_at) if pending.parked_at is not None else due
                    due = max(due, busy.setdefault(pending.subject, first))
                if pending.account is not None and account in {None, pending.account}:
                    found.append((pending.event, due))
            return found

    @property
    def is_empty(self) -> bool:
        """Whether every event was answered."""
        return not self._pending

    def counts(self) -> dict[str, int]:
        """Return the numbers that `engine.alive` reports."""
        with self._lock:
            ages = [self._now_of(pending) - pending.event["at"] for pending in self._pending.values()]
            parked = sum(pending.is_parked(self._now_of(pending)) for pending in self._pending.values())
            oldest = max(0, *ages) if ages else 0
            return {"waiting": len(ages) - parked, "oldest_ms": oldest, "parked": parked, "dead": len(self.dead)}

    def forget(self, account: str) -> None:
        """Drop the events of an account."""
        with self._lock:
            self._pending = {
                seq: pending for seq, pending in self._pending.items() if pending.event.get("account") != account
            }

    def _now_of(self, pending: PendingEvent) -> int:
        return time_of(self._clock, pending.account)

    def _retry_later(self, pending: PendingEvent) -> None:
        now = self._now_of(pending)
        if pending.first_later_at is None:
            pending.first_later_at = now
        if now - pending.first_later_at >= DEAD_AFTER_MS:
            self._give_up(pending, "not applicable for 30 minutes")
            return
        pending.next_at = now + RETRY_DELAYS_MS[min(pending.attempts, len(RETRY_DELAYS_MS) - 1)]
        pending.attempts += 1

    def _give_up(self, pending: PendingEvent, reason: str) -> None:
        self._forget(pending)
        self.dead.append((pending.event, reason))
        self._on_dead(pending.event, reason)

    def _forget(self, pending: PendingEvent) -> None:
        self._pending.pop(pending.event["seq"], None)
