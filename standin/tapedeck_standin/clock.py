"""The stand-in's clock: this machine's, put forward on request."""

import threading
from collections.abc import Callable
from typing import Final

FURTHEST: Final = 10 * 365 * 86_400
"""Seconds that it may be put forward at a time: ten years."""


class VirtualClock:
    """Milliseconds since the epoch, of a clock and what was added to it.

    Args:
        real: the clock.
    """

    def __init__(self, real: Callable[[], int]) -> None:
        self._real = real
        self._ahead = 0
        self._moved = threading.Condition()

    def __call__(self) -> int:
        """The time now."""
        return self._real() + self._ahead

    def advance(self, seconds: float) -> int:
        """Put it forward; the time then."""
        with self._moved:
            self._ahead += round(seconds * 1000)
            self._moved.notify_all()
        return self()

    def sleep(self, seconds: float) -> None:
        """Wait until so many seconds have passed by it: less, if it is put forward meanwhile."""
        until = self() + seconds * 1000
        with self._moved:
            while (left := until - self()) > 0:
                self._moved.wait(left / 1000)
