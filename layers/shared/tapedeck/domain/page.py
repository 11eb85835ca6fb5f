"""Pages of a list: newest first, with cursors that are nothing but ids (behaviour.md, section 8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

MAX_PAGE_SIZE: Final = 1000
MAX_PAGE_OFFSET: Final = 10_000
"""Items that a page may skip by its number alone, without a token (our choice)."""

MAX_ROWS_SCANNED: Final = 2_000
"""Rows that a request looks at for a filter without a path of its own (our choice): then the page ends short."""

_LARGEST: Final = (1 << 128) - 1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in a list: what comes after the item of this id, or, `backwards`, what comes before it."""

    id: str
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page is asked for: up to `size` items, after a cursor; `number` counts pages from 0."""

    size: int = 50
    number: int = 0
    cursor: Cursor | None = None

    @property
    def offset(self) -> int:
        """Items to leave out: with a cursor the number only counts."""
        return 0 if self.cursor is not None else self.number * self.size


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, newest first, and the cursors to the pages around them, where there are any."""

    items: Sequence[T]
    request: PageRequest
    next: Cursor | None = None
    previous: Cursor | None = None


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Whole seconds since the epoch, both ends included; None leaves an end open."""

    first: int | None = None
    last: int | None = None

    def __and__(self, other: "TimeRange") -> "TimeRange":
        """What lies in both."""
        firsts = [each.first for each in (self, other) if each.first is not None]
        lasts = [each.last for each in (self, other) if each.last is not None]
        return TimeRange(max(firsts, default=None), min(lasts, default=None))

    def __contains__(self, seconds: int | None) -> bool:
        """Whether this moment lies in it; what has not happened lies in the open span only."""
        if seconds is None:
            return self == ALL_TIME
        return (self.first is None or self.first <= seconds) and (self.last is None or seconds <= self.last)


ALL_TIME: Final = TimeRange()


@dataclass(frozen=True, slots=True)
class IdRange:
    """Ids between two others, both included, in the order in which they are to be read."""

    low: str
    high: str
    ascending: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no id can lie in it."""
        return self.low > self.high

    def after(self, identifier: str) -> "IdRange":
        """What is left of it behind this id, in its order."""
        if self.ascending:
            return IdRange(max(self.low, successor(identifier)), self.high, ascending=True)
        return IdRange(self.low, min(self.high, predecessor(identifier)))


def ids_of(span: TimeRange, cursor: Cursor | None = None) -> IdRange:
    """The ids of what was created in a span, on the cursor's side: ids sort by creation, to the millisecond."""
    low, high = _ZERO, HIGHEST
    if span.first is not None and span.first > 0:
        low = _hex(span.first * 1000 << 80)
    if span.last is not None:
        high = _hex(((span.last + 1) * 1000 << 80) - 1) if span.last >= 0 else ""
    if cursor is None:
        return IdRange(low, high)
    if cursor.backwards:
        return IdRange(low, high, ascending=True).after(cursor.id)
    return IdRange(low, high).after(cursor.id)


HIGHEST: Final = f"{_LARGEST:032x}"


def successor(identifier: str) -> str:
    """The next id there could be; beyond the last, a text after all ids."""
    value = int(identifier, 16)
    return _hex(value + 1) if value < _LARGEST else "g"


def predecessor(identifier: str) -> str:
    """The id before this one; before the first, the empty text."""
    value = int(identifier, 16)
    return _hex(value - 1) if value else ""


def _hex(value: int) -> str:
    return f"{min(value, _LARGEST):032x}"


_ZERO: Final = _hex(0)
