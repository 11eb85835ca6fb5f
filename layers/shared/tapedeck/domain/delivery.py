"""A callback that is owed: what is to be told, to whom, and how often that has been tried."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

DELIVERY_RETENTION_DAYS: Final = 30
"""How long it can be seen what was told (our choice)."""

MAX_STORED_ATTEMPTS: Final = 100
"""Of one callback, the newest (our choice): an item has no room for more, and each is written anew with every other.

A URL that asks for more retries than its vendor makes (`#rc=5&rp=all`) is tried more often in three days; how often in
all is counted (`CallbackDelivery.attempt_count`).
"""

MAX_RESPONSE_EXCERPT: Final = 1024
"""Bytes of an answer that are kept."""

UNSIGNED: Final = "unsigned"
"""Of an attempt for which no key could be had to sign with."""

REQUEUE_AFTER_SECONDS: Final = 600
"""After which one that waits in the queue is put there again (our choice)."""


class DeliveryState(StrEnum):
    """How far it has come; the last two are final."""

    QUEUED = "queued"
    """It waits in the queue, or is being sent."""
    RETRY_SCHEDULED = "parked"
    """The vendor's own attempts have failed; it is tried again when it is due (rule R7)."""
    DELIVERED = "done"
    """Somebody has taken it."""
    EXHAUSTED = "given-up"
    """Nobody has, and nobody is asked again."""


FINAL: Final = frozenset({DeliveryState.DELIVERED, DeliveryState.EXHAUSTED})


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One try: when and for how long, in milliseconds, the HTTP status or what went wrong, an answer's first kilobyte.

    `failure` is one of `ports.messaging.Failure`, `UNSIGNED`, or `closed`
    where the URL had said of something else of the same recording or conference that it is gone: then nothing was sent.
    """

    at: int
    milliseconds: int
    status: int | None = None
    failure: str | None = None
    answer: str = ""


@dataclass(frozen=True, slots=True)
class CallbackDelivery:
    """A callback that is owed for one change of a recording or a conference.

    `resource_id` is the id of that, and `sequence` the change's own: a recording's version, a conference's sequence
    number. `url`, `method`, `body` and `idempotency_token` are the same at each attempt (rule R6); `body` is encoded
    as a form. `created` is in seconds. `first_attempt_at` is the second of the first attempt: the key that signed then
    signs all of them. `next_attempt_at` is the second at which somebody has to look after it: a parked one is tried
    again then, and one that waits in the queue has been lost there. `attempts` are the newest ones, oldest first, of
    `attempt_count` in all. `lease_expires_at` is the millisecond until which somebody is sending it.
    """

    account: str
    resource_id: str
    sequence: int
    event: str
    dialect: str
    url: str
    method: str
    body: str
    idempotency_token: str
    created: int
    state: DeliveryState = DeliveryState.QUEUED
    first_attempt_at: int | None = None
    next_attempt_at: int | None = None
    lease_expires_at: int = 0
    attempt_count: int = 0
    attempts: tuple[DeliveryAttempt, ...] = ()

    @property
    def id(self) -> str:
        """By which it is found, and what it is told in order with: `<number>.<event>` under its subject."""
        return delivery_id(self.sequence, self.event)


def delivery_id(number: int, event: str) -> str:
    """The id of a claim under its subject: such ids sort by what happened first."""
    return f"{number:08d}.{event}"
