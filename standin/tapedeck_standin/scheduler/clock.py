"""The stand-in's clock: this machine's, put forward on request."""

import threading
import time
from collections.abc import Callable
from typing import Final

MAX_ADVANCE_SECONDS: Final = 10 * 365 * 86_400
"""Seconds that it may be put forward at a time: ten years."""

LAST: Final = 253_370_764_800_000
"""Milliseconds since the epoch at which the year 9999 begins: beyond it no date can be written."""


class ClockOutOfRange(Exception):
    """It would be put forward beyond LAST."""


class VirtualClock:
    """Milliseconds since the epoch, of a clock and what was added to it.

    Args:
        real: the clock; it may stand still.
        behind: seconds by which this one is late at first.
    """

    def __init__(self, real: Callable[[], int], behind: float = 0) -> None:
        self._real = real
        self._ahead = -round(behind * 1000)
        self._moved = threading.Condition()

    def __call__(self) -> int:
        """The time now."""
        return self._real() + self._ahead

    def reaches(self, seconds: float) -> bool:
        """Whether it can be put forward by so many."""
        return self() + seconds * 1000 <= LAST

    def monotonic(self) -> int:
        """Milliseconds since some moment, which nobody puts forward: what really passes."""
        return self._real()

    def advance(self, seconds: float) -> int:
        """Put it forward; the time then.

        Raises:
            ClockOutOfRange: it stays as it is.
        """
        with self._moved:
            if not self.reaches(seconds):
                raise ClockOutOfRange
            self._ahead += round(seconds * 1000)
            self._moved.notify_all()
        return self()

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds: less, if it is put forward meanwhile."""
        until, deadline = self() + seconds * 1000, time.monotonic() + seconds
        with self._moved:
            # It may stand still, and nobody waits for ever.
            while self() < until and (left := deadline - time.monotonic()) > 0:
                self._moved.wait(left)
