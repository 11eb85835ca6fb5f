"""Send what the changes of one stream batch lead to, in few requests, and know which changes have failed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final, TypeVar

from tapedeck.ports.changes import Change

T = TypeVar("T")

MAX_ITEMS: Final = 10
"""Items that are sent at once: as many as a request to SQS or EventBridge may have."""


class BlockedByPredecessor(Exception):
    """An earlier change of the same call or conference failed, so this one must wait."""


class ChangeBatch:
    """The changes of one batch, which are processed step by step: each step for all of them.

    A change that fails in a step takes part in no later one, and neither do later changes of the same call or
    conference; they fail with `BlockedByPredecessor`. All other changes go on.

    Args:
        changes: the changes, in the order in which they are published.
    """

    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = changes
        self.failures: list[Exception | None] = [None] * len(changes)
        """The error of each change, None if it has none."""

    def each(self, act: Callable[[Change], object]) -> None:
        """Do something for each change."""
        for number, change in enumerate(self._changes):
            self._attempt(number, partial(act, change))

    def send(self, collect: Callable[[Change], Iterable[T]], send: Callable[[Sequence[T]], object]) -> None:
        """Collect what each change sends, and send it in order, up to ten items at once.

        If that fails, the items of each change are sent again by themselves, so that exactly the changes fail whose
        items may not have been sent.

        Args:
            collect: returns the items of a change.
            send: sends items; sending an item again must be safe.
        """
        self.send_by_lane(lambda change: (("", item) for item in collect(change)), lambda _lane, items: send(items))

    def send_by_lane(
        self, collect: Callable[[Change], Iterable[tuple[str, T]]], send: Callable[[str, Sequence[T]], object]
    ) -> None:
        """Do as `send` with items that have a lane each, such as a queue: those of one lane are sent together."""
        lanes: dict[str, list[tuple[int, list[T]]]] = {}
        for number, change in enumerate(self._changes):
            found: dict[str, list[T]] = {}
            self._attempt(number, partial(_collect, collect, change, found))
            for lane, items in found.items():
                lanes.setdefault(lane, []).append((number, items))
        for lane, waiting in lanes.items():
            for part in _parts(waiting):
                self._send_part(part, partial(send, lane))

    def _send_part(self, part: Sequence[tuple[int, list[T]]], send: Callable[[Sequence[T]], object]) -> None:
        ready = [(number, items) for number, items in part if self.failures[number] is None]
        try:
            if len(ready) > 1:
                send([item for _, items in ready for item in items])
                return
        except Exception:  # noqa: BLE001, S110 - each change is tried by itself below
            pass
        for number, items in ready:
            self._attempt(number, partial(send, items))

    # --8<-- [start:attempt]
    def _attempt(self, number: int, act: Callable[[], object]) -> None:
        """Act for a change that has not failed; note its failure, which blocks its successors."""
        if self.failures[number] is not None:
            return
        try:
            act()
        except Exception as error:  # noqa: BLE001 - the caller gets it with the failures of the other changes
            self.failures[number] = error
            parent = self._changes[number].parent
            for later in range(number + 1, len(self._changes)):
                if self.failures[later] is None and self._changes[later].parent == parent:
                    self.failures[later] = BlockedByPredecessor()

    # --8<-- [end:attempt]


def _collect(collect: Callable[[Change], Iterable[tuple[str, T]]], change: Change, found: dict[str, list[T]]) -> None:
    for lane, item in collect(change):
        found.setdefault(lane, []).append(item)


def _parts(waiting: Sequence[tuple[int, list[T]]]) -> Iterator[list[tuple[int, list[T]]]]:
    """Divide items into parts of up to ten; those of one change stay together."""
    part: list[tuple[int, list[T]]] = []
    size = 0
    for number, items in waiting:
        if part and size + len(items) > MAX_ITEMS:
            yield part
            part, size = [], 0
        part.append((number, items))
        size += len(items)
    if part:
        yield part
