"""Whether a host of an account times out again and again, and until when it is suspended (C-293)."""

from dataclasses import dataclass, replace
from typing import Final

TIMEOUTS_BEFORE_SUSPENSION: Final = 5
"""Time-outs in a row after which a host is suspended."""

FIRST_SUSPENSION_MS: Final = 30_000
MAX_SUSPENSION_MS: Final = 600_000
"""The suspension doubles with each further time-out, up to this."""


@dataclass(frozen=True, slots=True)
class HostHealth:
    """The time-outs in a row of one host of an account, and its last suspension, in milliseconds; 0 for none."""

    timeouts: int = 0
    suspended_at: int = 0
    suspended_until: int = 0

    def is_suspended(self, now: int) -> bool:
        """Whether nothing is sent to the host now."""
        return now < self.suspended_until

    def needs_probe(self, now: int) -> bool:
        """Whether a suspension is over, so that one callback must show whether the host answers."""
        return 0 < self.suspended_until <= now

    def probed(self, now: int, milliseconds: int) -> "HostHealth":
        """Return the health while one callback probes the host; the others wait for so long."""
        return replace(self, suspended_until=now + milliseconds)

    def after_timeout(self, began: int, now: int) -> "HostHealth":
        """Return the health after an attempt that began at `began` has timed out.

        Attempts that were under way when the suspension began do not extend it: they say nothing new.
        """
        if began < self.suspended_at:
            return self
        timeouts = self.timeouts + 1
        if timeouts < TIMEOUTS_BEFORE_SUSPENSION:
            return HostHealth(timeouts)
        doubled = min(timeouts - TIMEOUTS_BEFORE_SUSPENSION, 10)
        return HostHealth(timeouts, now, now + min(FIRST_SUSPENSION_MS << doubled, MAX_SUSPENSION_MS))


HEALTHY: Final = HostHealth()
"""The health of a host that has not timed out since its last answer."""
