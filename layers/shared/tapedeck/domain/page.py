"""Pages of a list: newest first, with resource ids as cursors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

MAX_PAGE_SIZE: Final = 1000
MAX_PAGE_OFFSET: Final = 10_000
"""Items that a page may skip by page number alone, without a page token (C-91)."""

MAX_ROWS_SCANNED: Final = 2_000
"""Rows read per request for a filter without an index; then the page ends short (C-93)."""

_LARGEST: Final = (1 << 128) - 1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in a list: after the item of this id or, if `backwards`, before it; it need not exist (C-90)."""

    id: str
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The requested page: up to `size` items after a cursor; `number` counts pages from 0."""

    size: int = 50
    number: int = 0
    cursor: Cursor | None = None

    @property
    def offset(self) -> int:
        """Items to skip; 0 with a cursor, where `number` is informational."""
        return 0 if self.cursor is not None else self.number * self.size


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """The items of a page, newest first, and the cursors of its neighbours, None where there is none."""

    items: Sequence[T]
    request: PageRequest
    next: Cursor | None = None
    previous: Cursor | None = None


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Whole seconds since the epoch, both ends inclusive; None leaves an end open."""

    first: int | None = None
    last: int | None = None

    def __and__(self, other: "TimeRange") -> "TimeRange":
        """Return the intersection of both ranges."""
        firsts = [each.first for each in (self, other) if each.first is not None]
        lasts = [each.last for each in (self, other) if each.last is not None]
        return TimeRange(max(firsts, default=None), min(lasts, default=None))

    def __contains__(self, seconds: int | None) -> bool:
        """Whether this time is in the range; None (not happened yet) is only in the unbounded range."""
        if seconds is None:
            return self == ALL_TIME
        return (self.first is None or self.first <= seconds) and (self.last is None or seconds <= self.last)


ALL_TIME: Final = TimeRange()


@dataclass(frozen=True, slots=True)
class IdRange:
    """An inclusive range of ids and the order in which to read it."""

    low: str
    high: str
    ascending: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether the range contains no id."""
        return self.low > self.high

    def after(self, identifier: str) -> "IdRange":
        """Return the part of the range that follows this id in reading order."""
        if self.ascending:
            return IdRange(max(self.low, successor(identifier)), self.high, ascending=True)
        return IdRange(self.low, min(self.high, predecessor(identifier)))


def ids_of(span: TimeRange, cursor: Cursor | None = None) -> IdRange:
    """Return the ids created within a time range, on the cursor's side; ids sort by creation time in milliseconds."""
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
    """Return the next possible id; for the last one, a text that sorts after all ids."""
    value = int(identifier, 16)
    return _hex(value + 1) if value < _LARGEST else "g"


def predecessor(identifier: str) -> str:
    """Return the previous possible id; for the first one, the empty text."""
    value = int(identifier, 16)
    return _hex(value - 1) if value else ""


def _hex(value: int) -> str:
    return f"{min(value, _LARGEST):032x}"


_ZERO: Final = _hex(0)
