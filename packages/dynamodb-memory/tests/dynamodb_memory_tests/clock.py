"""A clock for tests."""

from typing import Final

NOW: Final = 1_795_250_675_123


class ManualClock:
    """A clock that moves only when it is advanced."""

    def __init__(self) -> None:
        self._now = NOW

    def __call__(self) -> int:
        """Return the current time in milliseconds since the epoch."""
        return self._now

    def advance(self, seconds: int) -> None:
        """Advance the clock."""
        self._now += seconds * 1000
