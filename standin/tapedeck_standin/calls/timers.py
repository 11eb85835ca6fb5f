"""Timers of the simulated calls, by the clock of each account."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tapedeck.ports.clock import Clock
from tapedeck_standin.clock import time_of, working_for

TimerKey = tuple[str, str]
"""A call, and what the timer is for."""

Action = Callable[[int], object]
"""Is called with the due time (milliseconds)."""


@dataclass(order=True, slots=True)
class _Timer:
    due: int
    number: int
    key: TimerKey = field(compare=False)
    action: Action | None = field(compare=False)
    """None: it was canceled."""


class Timers:
    """Timers that fire in the order of their due times, and those of one time in the order of their start.

    Not thread-safe.

    Args:
        clock: milliseconds since the epoch.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock: Final = clock
        self._numbers = itertools.count()
        self._waiting: dict[str, list[_Timer]] = {}
        """A heap for each account."""
        self._by_call: dict[str, dict[str, _Timer]] = {}

    @property
    def accounts(self) -> list[str]:
        """The accounts that have a timer."""
        return [account for account in list(self._waiting) if self.next_due(account) is not None]

    def start(self, account: str, key: TimerKey, due: int, action: Action) -> None:
        """Start a timer, in place of one with the same key."""
        self.cancel(key)
        timer = _Timer(due, next(self._numbers), key, action)
        self._by_call.setdefault(key[0], {})[key[1]] = timer
        heapq.heappush(self._waiting.setdefault(account, []), timer)

    def cancel(self, key: TimerKey) -> None:
        """Cancel a timer, if it waits."""
        timer = self._take(key)
        if timer is not None:
            timer.action = None

    def cancel_all(self, call: str) -> None:
        """Cancel all timers of a call."""
        for timer in self._by_call.pop(call, {}).values():
            timer.action = None

    def cancel_prefixed(self, call: str, prefix: str) -> None:
        """Cancel the timers of a call whose names begin so."""
        for name in [name for name in self._by_call.get(call, {}) if name.startswith(prefix)]:
            self.cancel((call, name))

    def next_due(self, account: str) -> int | None:
        """Return when the next timer of an account fires (milliseconds); None without one."""
        heap = self._waiting.get(account, [])
        while heap and heap[0].action is None:
            heapq.heappop(heap)
        if not heap:
            self._waiting.pop(account, None)
            return None
        return heap[0].due

    def next_of(self, call: str) -> int | None:
        """Return when the next timer of a call fires (milliseconds); None without one."""
        return min((timer.due for timer in self._by_call.get(call, {}).values()), default=None)

    def fire_next(self) -> bool:
        """Fire the first timer of an account that is due; return whether there was one."""
        for account in list(self._waiting):
            due = self.next_due(account)
            if due is None or due > time_of(self._clock, account):
                continue
            timer = heapq.heappop(self._waiting[account])
            self._take(timer.key)
            if timer.action is not None:
                with working_for(account):
                    timer.action(timer.due)
            return True
        return False

    def forget(self, account: str) -> None:
        """Drop the timers of an account."""
        for timer in self._waiting.pop(account, []):
            if timer.action is not None:
                self._take(timer.key)

    def _take(self, key: TimerKey) -> _Timer | None:
        named = self._by_call.get(key[0], {})
        timer = named.pop(key[1], None)
        if not named:
            self._by_call.pop(key[0], None)
        return timer
