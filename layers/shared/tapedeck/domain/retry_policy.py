"""The retry policy of a callback: timeouts, attempts, delays, and which responses count as success."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol


class AttemptResult(Protocol):
    """The result of one attempt: an HTTP status, or the reason why there is none."""

    @property
    def status(self) -> int | None:
        """The HTTP status; None if there was no response."""
        ...

    @property
    def failure(self) -> str | None:
        """The failure word, such as `connect` or `read`; None if there was a response."""
        ...


class FailureKind(StrEnum):
    """The kinds of failure that a policy may retry."""

    CONNECT = "connect"
    """No connection."""
    READ = "read"
    """Connected, but no complete response in time."""
    CLIENT_ERROR = "4xx"
    SERVER_ERROR = "5xx"


_FAILURE_KINDS: Final[Mapping[str | int, FailureKind]] = {
    "connect": FailureKind.CONNECT,
    "read": FailureKind.READ,
    4: FailureKind.CLIENT_ERROR,
    5: FailureKind.SERVER_ERROR,
}
"""By failure word or by the first digit of a status; other failures are never retried."""

_RETRY_DELAYS_MS: Final = (1000, 2000)
"""Delays before the second and the third attempt; later ones wait as long as the third (C-79)."""


def is_delivered(result: AttemptResult) -> bool:
    """Whether the subscriber acknowledged the callback: any 2xx (C-78)."""
    return result.status is not None and result.status // 100 == 2  # noqa: PLR2004 - 2xx


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a callback is attempted; times are milliseconds.

    `connect` and `read` limit one attempt: the time to connect, and between two reads. `total` limits all attempts and
    the delays between them. `attempts` includes the first one. `retried` are the kinds of failure that are retried.
    """

    connect: int
    read: int
    total: int
    attempts: int
    retried: frozenset[FailureKind]
    max_redirects: int

    def should_retry(self, result: AttemptResult, attempt: int) -> bool:
        """Whether to retry after this result of attempt number `attempt`, counted from 1."""
        kind = _FAILURE_KINDS.get(result.failure or (result.status or 0) // 100)
        return attempt < self.attempts and kind in self.retried

    def delay_before(self, attempt: int) -> int:
        """Return the milliseconds to wait before attempt number `attempt`, which is at least 2."""
        return _RETRY_DELAYS_MS[min(attempt, len(_RETRY_DELAYS_MS) + 1) - 2]
