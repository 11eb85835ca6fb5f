"""Send less to a host that times out again and again: it holds a sender for seconds with each attempt.

Only attempts count that held a sender for their whole time limit. A refused connection, a 5xx or any other quick answer
ends the suspension as a success does: such a host delays no one. What is known is stored by account and host, so that
no account can slow another one's callbacks.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from tapedeck.domain.delivery import CallbackDelivery
from tapedeck.domain.errors import StoreFailure
from tapedeck.domain.host_health import HEALTHY, HostHealth
from tapedeck.ports.clock import Clock
from tapedeck.ports.deliveries import DeliveryStore
from tapedeck.ports.messaging import FailureReason, Timeouts, WebhookResult

PROBE_MS: Final = 60_000
"""How long the other callbacks of a host wait while one probes it: as long as the lease of that callback."""

MIN_HELD_MS: Final = 1_000
"""A shorter attempt holds no sender, such as one with `#ct=100`."""


_MAX_TRIES: Final = 3


class HostBreaker:
    """Suspends hosts that time out, and lets one callback probe a host when its suspension is over.

    Args:
        deliveries: stores the health of hosts.
        clock: milliseconds.
        report: is called with a delivery whose time-out has suspended its host.
    """

    def __init__(self, deliveries: DeliveryStore, clock: Clock, report: Callable[[CallbackDelivery], object]) -> None:
        self._store = deliveries
        self._clock = clock
        self._report = report

    def blocked_until(self, delivery: CallbackDelivery, health: HostHealth) -> int | None:
        """Return until when a delivery must wait, in milliseconds; None if it is to be sent now.

        After a suspension, exactly one worker gets None, by a conditional write: its delivery is the probe.
        """
        now = self._clock()
        if health.is_suspended(now):
            return health.suspended_until
        probed = health.probed(now, PROBE_MS)
        if not health.needs_probe(now) or self._store.change_health(delivery, health, probed, now // 1000):
            return None
        return probed.suspended_until

    def note(
        self, delivery: CallbackDelivery, known: HostHealth, began: int, result: WebhookResult, timeouts: Timeouts
    ) -> None:
        """Count a time-out of the delivery's host, or forget the earlier ones.

        A store that fails, or concurrent changes, may lose it: the next time-out counts.

        Args:
            delivery: what was sent.
            known: the health of the host before.
            began: when the attempts began, in milliseconds.
            result: that of the last attempt.
            timeouts: those of the last attempt.
        """
        is_timeout = has_timed_out(result, timeouts)
        # After FORBIDDEN nothing was sent.
        if result.failure is FailureReason.FORBIDDEN or (not is_timeout and known == HEALTHY):
            return
        with suppress(StoreFailure):
            for _ in range(_MAX_TRIES):
                now, health = self._clock(), self._store.read_receiver(delivery).health
                after = health.after_timeout(began, now) if is_timeout else HEALTHY
                if after == health:
                    return
                if self._store.change_health(delivery, health, after, now // 1000):
                    if after.suspended_at > health.suspended_at:
                        self._report(delivery)
                    return


def has_timed_out(result: WebhookResult, timeouts: Timeouts) -> bool:
    """Whether an attempt held its sender for the whole time limit of its connection or of its response."""
    limits = {FailureReason.CONNECT: timeouts.connect, FailureReason.READ: timeouts.read}
    limit = limits.get(result.failure) if result.failure is not None else None
    # A tenth less: clocks and time limits are rounded.
    return limit is not None and result.milliseconds >= max(MIN_HELD_MS, limit - limit // 10)
