"""How often and how patiently a callback is tried, and what counts as success (behaviour.md, section 7.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol


class AttemptResult(Protocol):
    """What became of one attempt: the status that answered it, or a word for why none did."""

    @property
    def status(self) -> int | None:
        """Of HTTP."""
        ...

    @property
    def failure(self) -> str | None:
        """`connect`, `read`, or another word."""
        ...


class FailureKind(StrEnum):
    """Why an attempt failed, as far as another may follow."""

    CONNECT = "connect"
    """There was no connection."""
    READ = "read"
    """There was one, but no whole answer in time."""
    CLIENT_ERROR = "4xx"
    SERVER_ERROR = "5xx"


_CAUSES: Final[Mapping[str | int, FailureKind]] = {
    "connect": FailureKind.CONNECT,
    "read": FailureKind.READ,
    4: FailureKind.CLIENT_ERROR,
    5: FailureKind.SERVER_ERROR,
}
"""By the word of a failure, or by the first digit of a status; nothing else would be better the next time."""

_PAUSES: Final = (1000, 2000)
"""Milliseconds before the second and the third attempt (our choice); those that follow wait as long as the third."""


def is_delivered(outcome: AttemptResult) -> bool:
    """Whether the callback has arrived: any 2xx."""
    return outcome.status is not None and outcome.status // 100 == 2  # noqa: PLR2004 - 2xx


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a callback is tried; times are milliseconds.

    `connect` and `read` limit one attempt: how long it may take to connect, and between two reads. `total` limits all
    attempts and the pauses between them together, hence each of them too. `attempts` counts the first as well,
    `retried` are the causes after which another may follow.
    """

    connect: int
    read: int
    total: int
    attempts: int
    retried: frozenset[FailureKind]
    max_redirects: int

    def should_retry(self, outcome: AttemptResult, attempt: int) -> bool:
        """Whether another attempt follows this one, which is the first if `attempt` is 1."""
        cause = _CAUSES.get(outcome.failure or (outcome.status or 0) // 100)
        return attempt < self.attempts and cause in self.retried

    def delay_before(self, attempt: int) -> int:
        """How long to wait before an attempt, which is the second if `attempt` is 2."""
        return _PAUSES[min(attempt, len(_PAUSES) + 1) - 2]
