"""The stand-in's clock: the machine's clock, which the control API can advance; and the format of its times."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

MAX_ADVANCE_SECONDS: Final = 10 * 365 * 86_400
"""The longest single advance: ten years."""

MAX_TIME_MS: Final = 253_370_764_800_000
"""The start of the year 9999 in milliseconds since the epoch: later dates may not be representable."""


class ClockOutOfRange(Exception):
    """The clock would be advanced beyond MAX_TIME_MS."""


class VirtualClock:
    """A clock with an offset, in milliseconds since the epoch. Thread-safe.

    Args:
        real: the underlying clock in milliseconds; it may be frozen.
        initial_lag_seconds: seconds by which this clock is initially behind it.
        is_frozen: whether the underlying clock stands still.
    """

    def __init__(self, real: Callable[[], int], initial_lag_seconds: float = 0, *, is_frozen: bool = False) -> None:
        self.is_frozen = is_frozen
        self._real = real
        self._offset = -round(initial_lag_seconds * 1000)
        self._moved = threading.Condition()

    # --8<-- [start:clock]
    def __call__(self) -> int:
        """Return the current time."""
        return self._real() + self._offset

    def can_advance(self, seconds: float) -> bool:
        """Return whether the clock can be advanced by this many seconds."""
        return self() + seconds * 1000 <= MAX_TIME_MS

    def monotonic(self) -> int:
        """Return the underlying clock's milliseconds, which are never advanced."""
        return self._real()

    def advance(self, seconds: float) -> int:
        """Advance the clock; return the new time.

        Raises:
            ClockOutOfRange: the new time is beyond MAX_TIME_MS; the clock is unchanged.
        """
        with self._moved:
            if not self.can_advance(seconds):
                raise ClockOutOfRange
            self._offset += round(seconds * 1000)
            self._moved.notify_all()
        return self()

    def sleep(self, seconds: float) -> None:
        """Sleep for this many seconds, or less if the clock is advanced meanwhile."""
        until, deadline = self() + seconds * 1000, time.monotonic() + seconds
        with self._moved:
            # The clock may be frozen: the real deadline ends the wait.
            while self() < until and (left := deadline - time.monotonic()) > 0:
                self._moved.wait(left)

    # --8<-- [end:clock]


def format_time(milliseconds: int) -> str:
    """Format milliseconds since the epoch as ISO 8601 in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
