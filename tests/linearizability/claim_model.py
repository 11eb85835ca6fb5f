"""The sequential model of one callback: who may send it, and what became of it.

A claim is granted if the callback is queued and no other claim is valid. The sender that has sent it notes the result,
even if the claim has ended meanwhile; a callback that was delivered stays delivered.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tests.linearizability.model import REJECTED, UNKNOWN, Operation, Outcome, Verdict, ok

CALLBACK: Final = "callback"
NOTED: Final = Outcome(Verdict.OK, CALLBACK)
QUEUED: Final = "queued"
DELIVERED: Final = "delivered"
RETRY: Final = "retry-scheduled"


class Act(StrEnum):
    """Kinds of requests, with their arguments.

    `claim`: the time, and until when. `note`: the result. `replay`: the state, attempts and claim that were read
    before; it queues the callback again unless it has changed. `read`: none.
    """

    CLAIM = "claim"
    NOTE = "note"
    REPLAY = "replay"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A callback: its state, how often it was sent, and until when it is claimed."""

    state: str = QUEUED
    attempts: int = 0
    until: int = 0

    def __str__(self) -> str:
        return f"{self.state} {self.attempts}"


def apply(before: Claimed, act: Act, argument: str) -> tuple[Outcome, Claimed]:
    """Return the outcome of an operation that runs alone, and the state after it."""
    words = argument.split()
    match act:
        case Act.CLAIM:
            now, until = map(int, words)
            if before.state != QUEUED or before.until > now:
                return REJECTED, before
            return ok(CALLBACK, str(until)), Claimed(QUEUED, before.attempts, until)
        case Act.NOTE:
            state = DELIVERED if before.state == DELIVERED else words[0]
            after = Claimed(state, before.attempts + 1)
            return ok(CALLBACK, str(after)), after
        case Act.REPLAY:
            if argument != f"{before} {before.until}":
                return REJECTED, before
            return ok(CALLBACK, QUEUED), Claimed(QUEUED, before.attempts)
        case Act.READ:
            return ok(CALLBACK, str(before)), before


@dataclass(frozen=True, slots=True)
class ClaimModel:
    """The sequential model in the form that the checker needs; the callback is queued at first."""

    initial: Claimed = field(default_factory=Claimed)

    def steps(self, state: Claimed, operation: Operation) -> Iterator[Claimed]:
        """Yield the state after this operation, if its client may have seen this outcome."""
        outcome, after = apply(state, Act(operation.kind), operation.argument or "")
        # Who notes a result may not see the state after it.
        if operation.outcome in (UNKNOWN, outcome, NOTED if operation.kind is Act.NOTE else outcome):
            yield after
