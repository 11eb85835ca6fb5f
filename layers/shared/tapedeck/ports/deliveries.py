"""Ports for the outbox of callbacks and for the keys that sign them."""

from collections.abc import Sequence
from typing import Protocol

from tapedeck.domain.account import SigningKeys
from tapedeck.domain.delivery import CallbackDelivery, DeliveryAttempt, DeliveryState


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

    def is_url_gone(self, delivery: CallbackDelivery) -> bool:
        """Whether `mark_url_gone` was called for this URL and this recording, conference or call."""
        ...

    def find_due(self, shard: str, now: int, limit: int) -> Sequence[CallbackDelivery]:
        """Return up to `limit` deliveries of a shard (a hex digit) due at `now` (seconds), oldest first."""
        ...


class SigningKeyStore(Protocol):
    """Stores the encrypted signing keys."""

    def get_signing_keys(self, account: str, dialect: str) -> SigningKeys | None:
        """Return the keys that sign an account's callbacks in one dialect, encrypted."""
        ...
