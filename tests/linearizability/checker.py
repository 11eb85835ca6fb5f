"""A linearizability checker: searches for one order of operations that explains what every client saw.

The search of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993) with Lowe's memoisation ("Testing for
linearizability", 2017). An operation may come next if no other pending one had returned before it was invoked. Each
set of ordered operations is explored once per resulting state.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from tests.linearizability.model import CallModel, Operation, State

MAX_STATES: Final = 200_000
"""About 5 seconds of search; a history of thirty operations needs a few hundred."""

S = TypeVar("S", bound=Hashable)


class Model(Protocol[S]):
    """A sequential specification."""

    @property
    def initial(self) -> S:
        """The state before the first operation."""
        ...

    def steps(self, state: S, operation: Operation) -> Iterator[S]:
        """Yield the possible states after an operation, given its outcome; none if the outcome is impossible."""
        ...


class SearchTooLongError(Exception):
    """The history has too many interleavings to search: it is neither accepted nor rejected."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether a history is linearizable; `order` is a witness, or else the longest prefix that was found."""

    is_linearizable: bool
    order: tuple[Operation, ...]
    history: tuple[Operation, ...]

    def __str__(self) -> str:
        """Format the history by invocation time, then the order that explains it, or its longest prefix."""
        lines = "\n  ".join(map(str, sorted(self.history, key=lambda operation: operation.invoked)))
        verdict = "explained by" if self.is_linearizable else "NOT LINEARIZABLE, explained only as far as"
        explained = "\n  ".join(map(str, self.order)) or "nothing"
        return f"history\n  {lines}\n{verdict}\n  {explained}"


def check(history: Sequence[Operation], initial: State | None = None) -> Explanation:
    """Check whether these operations on one call are linearizable."""
    return explain(history, CallModel.of(history, initial))


def explain(history: Sequence[Operation], model: Model[S], most_states: int = MAX_STATES) -> Explanation:
    """Search for an order of the operations that the model allows.

    Raises:
        SearchTooLongError: more than `most_states` were explored.
    """
    operations = sorted(history, key=lambda operation: operation.invoked)
    required = sum(1 << position for position, operation in enumerate(operations) if operation.is_answered)
    pending: list[tuple[int, S, tuple[int, ...]]] = [(0, model.initial, ())]
    explored: set[tuple[int, S]] = set()
    best: tuple[int, ...] = ()
    while pending:
        done, state, order = pending.pop()
        if len(order) > len(best):
            best = order
        if done & required == required:
            return _explanation(operations, order, is_linearizable=True)
        for position in _next(operations, done):
            for after in _steps(model, state, operations[position]):
                reached = (done | 1 << position, after)
                if reached not in explored:
                    explored.add(reached)
                    pending.append((*reached, (*order, position)))
        if len(explored) > most_states:
            raise SearchTooLongError(f"{len(operations)} operations, more than {most_states} states")
    return _explanation(operations, best, is_linearizable=False)


def _next(operations: Sequence[Operation], done: int) -> list[int]:
    """Positions of the operations that may come next, latest first: the search pops the earliest first."""
    candidates: list[int] = []
    earliest_return: int | None = None
    for position, operation in enumerate(operations):
        if done >> position & 1:
            continue
        if earliest_return is not None and operation.invoked > earliest_return:
            break
        candidates.append(position)
        if operation.returned is not None and (earliest_return is None or operation.returned < earliest_return):
            earliest_return = operation.returned
    return candidates[::-1]


def _steps(model: Model[S], state: S, operation: Operation) -> Iterator[S]:
    for after in model.steps(state, operation):
        # An operation without a response and without an effect can be skipped.
        if operation.is_answered or after != state:
            yield after


def _explanation(operations: Sequence[Operation], order: tuple[int, ...], *, is_linearizable: bool) -> Explanation:
    return Explanation(is_linearizable, tuple(operations[position] for position in order), tuple(operations))
