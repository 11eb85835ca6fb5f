"""A callback in the outbox: the request to deliver, its state and its attempts."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

DELIVERY_RETENTION_DAYS: Final = 30
"""How long deliveries can be listed and replayed."""

MAX_STORED_ATTEMPTS: Final = 100
"""The newest attempts that one delivery keeps (C-116); the item is rewritten with every attempt and limited in size.

A URL that requests many retries (`#rc=5&rp=all`) can exceed this within the retry window.
`CallbackDelivery.attempt_count` counts all attempts.
"""

MAX_RESPONSE_EXCERPT: Final = 1024
"""Bytes of a response that are stored with an attempt."""

UNSIGNED: Final = "unsigned"
"""The failure of an attempt for which no signing key was available."""

HOST_SUSPENDED: Final = "host-suspended"
"""The failure of an attempt that was not made, because the host had timed out again and again (C-293)."""

REQUEUE_AFTER_SECONDS: Final = 600
"""How long a queued delivery may stay queued before it counts as lost and is queued again for the first time."""

_MAX_REQUEUE_SECONDS: Final = 86_400

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_MAX_HOST: Final = 253
"""The longest name of a host in DNS."""


class DeliveryState(StrEnum):
    """The state of a delivery; the last two are final."""

    QUEUED = "queued"
    """In the queue, being sent, or lost by the queue."""
    RETRY_SCHEDULED = "retry-scheduled"
    """The vendor's own attempts failed; retried at `next_attempt_at` (REL-7)."""
    DELIVERED = "delivered"
    """Acknowledged by the subscriber with a 2xx."""
    EXHAUSTED = "exhausted"
    """Not acknowledged, and not retried any more."""


FINAL: Final = frozenset({DeliveryState.DELIVERED, DeliveryState.EXHAUSTED})


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One attempt: start and duration in milliseconds, HTTP status or failure, the response's first kilobyte.

    `failure` is one of `ports.messaging.FailureReason`, `UNSIGNED`, `HOST_SUSPENDED`, or `url-gone`: nothing was sent,
    because the URL had answered an earlier callback of this recording, conference or call with 410 Gone.
    """

    at: int
    milliseconds: int
    status: int | None = None
    failure: str | None = None
    response_excerpt: str = ""


@dataclass(frozen=True, slots=True)
class CallbackDelivery:
    """One callback in the outbox, for one change of a recording, a conference or a call.

    `resource_id` is the recording, conference or call, and `sequence` a recording's version or the SequenceNumber of a
    conference or call.
    `url`, `method`, `body` (form-encoded) and `idempotency_token` are identical at each attempt (REL-6). The token is
    sent in a header of Twilio's dialect; SignalWire's has none. `created`, `first_attempt_at` and `next_attempt_at` are
    seconds, `lease_expires_at` is milliseconds. The first lease sets `first_attempt_at`; every attempt is signed with
    the key in use then. `next_attempt_at` is when to retry, or, while queued, when to assume that the queue lost it.
    `lease_expires_at` is until when a worker is sending it. `attempts` are the newest attempts, oldest first, out of
    `attempt_count`.
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
        """`<sequence>.<event>`: the sort order under its recording, conference or call is the delivery order."""
        return delivery_id(self.sequence, self.event)

    @property
    def last_failure(self) -> str | None:
        """The failure or the status of the last attempt; None without attempts."""
        if not self.attempts:
            return None
        last = self.attempts[-1]
        return last.failure or (f"HTTP {last.status}" if last.status is not None else None)

    @property
    def host(self) -> str:
        """`<host>:<port>` of the URL, in lower case: it identifies a server, and is not to be called.

        A name that is too long for DNS is cut: it is part of a key in the table, whose length is limited (C-326).
        """
        url = urlsplit(self.url)
        name = (url.hostname or "").removesuffix(".")[:_MAX_HOST]
        return f"{name}:{url.port or _DEFAULT_PORTS.get(url.scheme, 0)}"

    @property
    def was_sent(self) -> bool:
        """Whether there was a request: not only attempts that a suspension or a missing key has prevented."""
        return any(attempt.failure not in {UNSIGNED, HOST_SUSPENDED} for attempt in self.attempts)

    def counts_as_lost_at(self, now: int) -> int:
        """Return when it counts as lost by the queue if it is queued now, in seconds (C-327).

        If it is queued already, its message may only be waiting, and each copy of it waits as well: the next one is
        due when the time since its last attempt, or its creation, has doubled, at the latest in a day.
        """
        since = self.attempts[-1].at // 1000 if self.attempts else self.created
        waited = now - since if self.state is DeliveryState.QUEUED else 0
        return now + min(max(REQUEUE_AFTER_SECONDS, waited), _MAX_REQUEUE_SECONDS)

    def is_overdue(self, now: int, retry_hours: int) -> bool:
        """Whether it was never sent although its retry hours are over, counted from its creation (C-294)."""
        return not self.was_sent and now > self.created + retry_hours * 3600


def delivery_id(number: int, event: str) -> str:
    """Return the id of a delivery; the ids of one resource sort by sequence."""
    return f"{number:08d}.{event}"


def excerpt_of(response: bytes) -> str:
    """Return the beginning of a response body, as text that has at most 1,024 bytes."""
    # A byte that is no text becomes a character of three bytes.
    text = response[:MAX_RESPONSE_EXCERPT].decode("utf-8", "replace")
    return text.encode()[:MAX_RESPONSE_EXCERPT].decode("utf-8", "ignore")


# --8<-- [start:token]
def idempotency_token(*names: str) -> str:
    """Derive a UUID-shaped token that is identical whenever the same event is published."""
    digest = hashlib.sha256("/".join(names).encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
    # --8<-- [end:token]
