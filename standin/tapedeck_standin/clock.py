"""The stand-in's clock: the machine's clock, which the control API can advance, for each account by itself.

A thread says with `working_for` in the name of which account it works; the clock shows this account's time.
"""

import math
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar, Token
from datetime import UTC, datetime
from typing import Final

from tapedeck.ports.clock import Clock

MAX_ADVANCE_SECONDS: Final = 10 * 365 * 86_400
"""The longest single advance: ten years."""

MAX_TIME_MS: Final = 253_370_764_800_000
"""The start of the year 9999 in milliseconds since the epoch: later dates may not be representable."""


class ClockOutOfRange(Exception):
    """The clock would be advanced beyond MAX_TIME_MS; `account`: whose time; None: that of all, and no account's."""

    def __init__(self, account: str | None) -> None:
        super().__init__(account)
        self.account = account


_account: Final[ContextVar[str | None]] = ContextVar("account", default=None)


# --8<-- [start:account]
class working_for:  # noqa: N801 - used like a function
    """Work in the name of an account while the context is open (C-315); None: of no account.

    A new thread works for no account.
    """

    __slots__ = ("_before", "_named")

    def __init__(self, account: str | None) -> None:
        self._named = account

    def __enter__(self) -> None:
        self._before: Token[str | None] = _account.set(self._named)

    def __exit__(self, *_: object) -> None:
        _account.reset(self._before)


def work_for(account: str) -> None:
    """Work in the name of an account from now on, until the enclosing `working_for` ends."""
    _account.set(account)


def current_account() -> str | None:
    """Return the account that this thread works for; None without one."""
    return _account.get()


def time_of(clock: Clock, account: str | None) -> int:
    """Return an account's time; any other clock has one time for all."""
    with working_for(account):
        return clock()


# --8<-- [end:account]


class VirtualClock:
    """A clock with an offset for all accounts, and one for each account, in milliseconds since the epoch. Thread-safe.

    Without an account it shows the time at which a new account starts: the time of all.

    Args:
        real: the underlying clock in milliseconds; it may be frozen.
        initial_lag_seconds: seconds by which this clock is initially behind it.
        is_frozen: whether the underlying clock stands still.
    """

    def __init__(self, real: Callable[[], int], initial_lag_seconds: float = 0, *, is_frozen: bool = False) -> None:
        self.is_frozen = is_frozen
        self._real = real
        self._common = -round(initial_lag_seconds * 1000)
        self._own: dict[str | None, int] = {}
        """By how much each account is ahead of the time of all."""
        self._moved = threading.Condition()
        self._sleeping: dict[int, tuple[str | None, float]] = {}
        """Of each thread that sleeps, by its id, the account and when it goes on (milliseconds)."""
        self._went_on: dict[int | None, float] = {}

    # --8<-- [start:clock]
    def __call__(self) -> int:
        """Return the current time of the account that this thread works for."""
        return self._real() + self._common + self._own.get(_account.get(), 0)

    def of_all(self) -> int:
        """Return the current time of all, which no account advances by itself."""
        return self._real() + self._common

    def lead_of(self, account: str) -> int:
        """Return by how many milliseconds an account is ahead of the time of all."""
        return self._own.get(account, 0)

    def check_advance(self, seconds: float, account: str | None = None) -> None:
        """Check that an account's time (None: that of all) can be advanced by this many seconds.

        Raises:
            ClockOutOfRange: it cannot; of all, the account is named that is furthest ahead.
        """
        ahead: dict[str | None, int] = {account: self._own.get(account, 0)}
        if account is None:
            ahead |= self._own
        latest = max(ahead, key=lambda each: ahead[each])
        if self.of_all() + ahead[latest] + seconds * 1000 > MAX_TIME_MS:
            raise ClockOutOfRange(latest)

    def monotonic(self) -> int:
        """Return the underlying clock's milliseconds, which are never advanced."""
        return self._real()

    def advance(self, seconds: float, account: str | None = None) -> int:
        """Advance the time of an account (None: of all, also of later ones); return the new time.

        Raises:
            ClockOutOfRange: the new time is beyond MAX_TIME_MS; the clock is unchanged.
        """
        with self._moved:
            self.check_advance(seconds, account)
            if account is None:
                self._common += round(seconds * 1000)
            else:
                self._own[account] = self._own.get(account, 0) + round(seconds * 1000)
            self._moved.notify_all()
        return time_of(self, account)

    def sleep(self, seconds: float) -> None:
        """Sleep for this many seconds, or less if this thread's account is advanced meanwhile."""
        until, deadline = self() + seconds * 1000, time.monotonic() + seconds
        with self._moved:
            self._sleeping[threading.get_ident()] = current_account(), until
            try:
                # The clock may be frozen: the real deadline ends the wait.
                while self() < until and (left := deadline - time.monotonic()) > 0:
                    self._moved.wait(left)
            finally:
                del self._sleeping[threading.get_ident()]
                self._went_on[threading.get_ident()] = time.monotonic()

    def went_on_at(self, thread: int | None) -> float:
        """Return when a thread has gone on after its last sleep (monotonic seconds); 0 if it has not slept."""
        return self._went_on.get(thread, 0.0)

    def threads_asleep(self) -> set[int | None]:
        """Return the ids of the threads that sleep, and do not go on before their account is advanced."""
        with self._moved:
            sleeping = dict(self._sleeping)
        return {thread for thread, (account, until) in sleeping.items() if until > time_of(self, account)}

    def ends_of_sleeps(self, account: str) -> list[int]:
        """Return when the threads of an account go on that sleep (milliseconds)."""
        with self._moved:
            ends = [math.ceil(until) for owner, until in self._sleeping.values() if owner == account]
        return [end for end in ends if end > time_of(self, account)]

    # --8<-- [end:clock]


def format_time(milliseconds: int) -> str:
    """Format milliseconds since the epoch as ISO 8601 in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
