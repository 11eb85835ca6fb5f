"""What being told needs of the world: queues, a bus, a sender of HTTP, a ledger of callbacks, the keys that sign.

Everything told here is told at least once, and a repetition is the same to the byte (rule R6).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """A JSON object for a queue.

    `group` names what it is about: what is told of that keeps its order. `id` is the same at every repetition, by
    which a queue drops those that come within five minutes; at most 128 letters, digits and punctuation marks.
    """

    body: Mapping[str, Any]
    group: str
    id: str


class Queue(Protocol):
    """A queue that keeps the order within each group."""

    def send(self, messages: Sequence[QueueMessage]) -> None:
        """Take all of these, in their order, however many they are.

        Raises:
            StoreBusy, StoreUnavailable: not all were taken, some may have been: all may be sent again.
        """
        ...


@dataclass(frozen=True, slots=True)
class DomainEvent:
    """Something that has happened, for whoever listens on the bus: `kind` such as `recording.paused`, `at` seconds."""

    id: str
    kind: str
    at: int
    detail: Mapping[str, Any]


class Bus(Protocol):
    """Where facts are told to anybody."""

    def publish(self, events: Sequence[DomainEvent]) -> None:
        """Tell all of these.

        Raises:
            StoreBusy, StoreUnavailable: not all were taken, some may have been: all may be told again.
        """
        ...


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one attempt may take, in milliseconds: to connect, between two reads, and as a whole."""

    connect: int
    read: int
    total: int


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A request to somebody else's server.

    `url` is absolute, without a fragment; user info in it answers a Basic challenge of its own origin, and is told to
    nobody else (behaviour.md, section 7.3). The headers named in `origin_bound_headers` go to the origin of `url`
    only: a redirect to another one leaves them out (rule R13).
    """

    method: str
    url: str
    timeouts: Timeouts
    headers: Mapping[str, str] = field(default_factory=dict)
    origin_bound_headers: frozenset[str] = frozenset()
    body: bytes = b""
    max_redirects: int = 3


class FailureReason(StrEnum):
    """Why a request was not answered."""

    CONNECT = "connect"
    """No connection: the name is unknown, nobody listens, no TLS, or it took too long."""
    READ = "read"
    """Connected, but no whole answer came in time."""
    PROTOCOL = "protocol"
    """What came is no HTTP, or larger than is read."""
    REDIRECT = "redirect"
    """A redirect that leads nowhere, in a circle, too far, or from https to http."""
    FORBIDDEN = "forbidden"
    """An address or a URL that nothing is ever sent to (rules R13 to R15)."""


@dataclass(frozen=True, slots=True)
class WebhookResult:
    """What became of a request: a status, or why there is none; milliseconds that it took.

    `answer` is the first kilobyte of the body. `retry_after` is in seconds, where the answer says so.
    """

    status: int | None
    failure: FailureReason | None
    milliseconds: int
    answer: bytes = b""
    retry_after: int | None = None


class WebhookClient(Protocol):
    """Sends requests to the internet, and to nothing else (rules R13 to R16)."""

    def send(self, request: WebhookRequest) -> WebhookResult:
        """Make one attempt; whatever happens is an outcome."""
        ...


class Decryptor(Protocol):
    """Decrypts what `ports.stores.Sealer` has encrypted, for the sender of callbacks alone."""

    def decrypt(self, account: str, sealed: bytes) -> str:
        """The secret that was sealed for this account.

        Raises:
            StoreUnavailable: it cannot be had, now or ever: nothing may be sent unsigned.
        """
        ...


class FailedBatchStore(Protocol):
    """Where batches of the stream lie that could not be told of.

    Raises:
        StoreUnavailable: it does not answer.
    """

    def list(self, most: int, after: str | None = None) -> Sequence[str]:
        """The names of up to so many of them, the oldest first, or of those that come after another."""
        ...

    def read(self, key: str) -> bytes:
        """One of them."""
        ...

    def delete(self, key: str) -> None:
        """Take one away."""
        ...
