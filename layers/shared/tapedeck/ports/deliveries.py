"""Ports for the outbox of callbacks and for the keys that sign them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tapedeck.domain.account import SigningKeys
from tapedeck.domain.delivery import CallbackDelivery, DeliveryAttempt, DeliveryState
from tapedeck.domain.host_health import HEALTHY, HostHealth


@dataclass(frozen=True, slots=True)
class Receiver:
    """What is known about the receiver of a delivery.

    `is_url_gone` is whether `mark_url_gone` was called for this URL and this recording, conference or call. `health` is
    that of the host, for the account of the delivery.
    """

    is_url_gone: bool = False
    health: HostHealth = HEALTHY


class DeliveryStore(Protocol):
    """The outbox of callbacks.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`.
    """

    def put(self, delivery: CallbackDelivery) -> CallbackDelivery:
        """Store a delivery unless it exists; return the stored one."""
        ...

    def get(self, account: str, resource_id: str, delivery: str) -> CallbackDelivery | None:
        """Return one delivery of a recording, conference or call."""
        ...

    def of(self, account: str, resource_id: str) -> Sequence[CallbackDelivery]:
        """Return all deliveries of a recording, conference or call, in the order of what they report."""
        ...

    def lease(self, delivery: CallbackDelivery, now: int, until: int) -> CallbackDelivery | None:
        """Lease a delivery from `now` until `until` (milliseconds); None if it is not queued or already leased."""
        ...

    def record_attempt(
        self, delivery: CallbackDelivery, attempt: DeliveryAttempt, state: DeliveryState, due: int | None
    ) -> CallbackDelivery:
        """Store an attempt with the resulting state and `next_attempt_at` (`due`, seconds); return the delivery.

        A delivery that is no longer queued loses its lease. One that is already delivered stays delivered.
        """
        ...

    def reset_to_queued(self, delivery: CallbackDelivery, due: int) -> CallbackDelivery | None:
        """Make a delivery QUEUED, in any state, without a lease; None if it changed since it was read."""
        ...

    def mark_url_gone(self, delivery: CallbackDelivery, now: int) -> None:
        """Store at `now` (seconds) that the delivery's URL is gone, for its recording, conference or call only."""
        ...

    def read_receiver(self, delivery: CallbackDelivery) -> Receiver:
        """Return what is known about the URL and the host of a delivery."""
        ...

    def read_health(self, deliveries: Sequence[CallbackDelivery]) -> Sequence[HostHealth]:
        """Return the health of the host of each delivery."""
        ...

    def change_health(self, delivery: CallbackDelivery, before: HostHealth, after: HostHealth, now: int) -> bool:
        """Store at `now` (seconds) the health of a delivery's host; return False if it is not `before` any more."""
        ...

    def postpone(self, delivery: CallbackDelivery, due: int) -> CallbackDelivery | None:
        """Make a delivery RETRY_SCHEDULED at `due` (seconds); None if it changed since it was read."""
        ...

    def find_due(self, shard: str, now: int, limit: int) -> Sequence[CallbackDelivery]:
        """Return up to `limit` deliveries of a shard (a hex digit) due at `now` (seconds), oldest first.

        If more are due, accounts take turns, so that the deliveries of one do not hide those of another.
        """
        ...


class SigningKeyStore(Protocol):
    """Stores the encrypted signing keys."""

    def get_signing_keys(self, account: str, dialect: str) -> SigningKeys | None:
        """Return the keys that sign an account's callbacks in one dialect, encrypted."""
        ...
