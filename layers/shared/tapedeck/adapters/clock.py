"""This machine's clocks, in milliseconds."""

import time


def system_clock() -> int:
    """Return the milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class SleepingPatience:
    """`ports.confirmations.Patience` that sleeps."""

    def pause(self, milliseconds: int) -> None:
        """Sleep for this time."""
        time.sleep(milliseconds / 1000)


def monotonic_clock() -> int:
    """Return the milliseconds since an arbitrary moment; unaffected by changes of the system's time."""
    return time.monotonic_ns() // 1_000_000
