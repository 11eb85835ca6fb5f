"""Port for the current time."""

from typing import Protocol


class Clock(Protocol):
    """Milliseconds since the epoch."""

    def __call__(self) -> int:
        """Return the current time."""
        ...
