"""Ports for outgoing messages: queues, an event bus, a webhook client, decryption, failed stream batches.

Every message is sent at least once; publishing the same change again sends equal messages (REL-6).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """A JSON object for a FIFO queue.

    `group` is the message group: order is kept within it. `id` is the deduplication id, equal whenever the same change
    is published; the queue drops duplicates within five minutes. It has at most 128 letters, digits and punctuation
    marks.
    """

    body: Mapping[str, Any]
    group: str
    id: str


class Queue(Protocol):
    """A queue that keeps the order within each group."""

    def send(self, messages: Sequence[QueueMessage]) -> None:
        """Send all messages in order; any number is allowed.

        Raises:
            StoreBusy, StoreUnavailable: some messages may not have been sent; sending all of them again is safe.
        """
        ...


@dataclass(frozen=True, slots=True)
class DomainEvent:
    """A domain event for the bus: `kind` such as `recording.paused`, `at` in seconds since the epoch."""

    id: str
    kind: str
    at: int
    detail: Mapping[str, Any]


class Bus(Protocol):
    """The event bus that domain events are published to."""

    def publish(self, events: Sequence[DomainEvent]) -> None:
        """Publish all events.

        Raises:
            StoreBusy, StoreUnavailable: some events may not have been published; publishing all of them again is safe.
        """
        ...


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits of one attempt in milliseconds: to connect, between two reads, and in total."""

    connect: int
    read: int
    total: int


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A request to a customer's server.

    `url` is absolute, without a fragment. Its user info answers a Basic challenge of the same origin only. The headers
    named in `origin_bound_headers` are sent to the origin of `url` only, not after a redirect to another one (REL-13).
    """

    method: str
    url: str
    timeouts: Timeouts
    headers: Mapping[str, str] = field(default_factory=dict)
    origin_bound_headers: frozenset[str] = frozenset()
    body: bytes = b""
    max_redirects: int = 3


class FailureReason(StrEnum):
    """Why a request got no response."""

    CONNECT = "connect"
    """No connection: unknown host, connection refused, TLS failure, or timeout."""
    READ = "read"
    """Connected, but no complete response in time."""
    PROTOCOL = "protocol"
    """The response is not HTTP, or exceeds the size limit."""
    REDIRECT = "redirect"
    """A redirect that is invalid, circular, one too many, or from https to http."""
    FORBIDDEN = "forbidden"
    """A blocked address or URL; nothing was sent (REL-13 to REL-15)."""


@dataclass(frozen=True, slots=True)
class WebhookResult:
    """The result of a request: an HTTP status or a failure, and its duration in milliseconds.

    `response_excerpt` is the first kilobyte of the response body. `retry_after` is the response's Retry-After in
    seconds, if any.
    """

    status: int | None
    failure: FailureReason | None
    milliseconds: int
    response_excerpt: bytes = b""
    retry_after: int | None = None


class WebhookClient(Protocol):
    """Sends requests to public internet addresses only (REL-13 to REL-16)."""

    def send(self, request: WebhookRequest) -> WebhookResult:
        """Make one attempt; a failure is returned, never raised."""
        ...


class Decryptor(Protocol):
    """Decrypts what `ports.credentials.Encryptor` has encrypted; only the delivery of callbacks uses it."""

    def decrypt(self, account: str, encrypted: bytes) -> str:
        """Return the secret that was encrypted for this account.

        Raises:
            StoreUnavailable: decryption failed, temporarily or for good; callbacks must not be sent unsigned.
        """
        ...


class FailedBatchStore(Protocol):
    """Stream batches that could not be published.

    Raises:
        StoreUnavailable: the store did not respond.
    """

    def list(self, limit: int, after: str | None = None) -> Sequence[str]:
        """Return up to `limit` keys, by shard and then oldest first, starting after the key `after` if given."""
        ...

    def read(self, key: str) -> bytes:
        """Return the content of one batch."""
        ...

    def delete(self, key: str) -> None:
        """Delete one batch."""
        ...
