"""Pages of a list that is read as a whole, latest first; ties are sorted by id, descending."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from tapedeck.domain.identity import created_at
from tapedeck.domain.page import Page, PageRequest, predecessor, successor
from tapedeck.operations.lists import HasId, page_of

T = TypeVar("T", bound=HasId)


def select_page(
    matching: Sequence[T], everything: Sequence[T], page: PageRequest, time_of: Callable[[T], int]
) -> Page[T]:
    """Return a page of the items in `matching`, the latest first, then by id.

    A cursor's position is looked up in `everything`, which may include items that no longer match. `time_of` returns
    the seconds that an item is sorted by.
    """

    def position(item: T) -> tuple[int, str]:
        return time_of(item), item.id

    ordered = sorted(matching, key=position, reverse=True)
    cursor = page.cursor
    if cursor is not None:
        at = _position_of(cursor.id, {item.id: time_of(item) for item in everything})
        if cursor.backwards:
            ordered = [item for item in reversed(ordered) if position(item) > at]
        else:
            ordered = [item for item in ordered if position(item) < at]
    remaining = ordered[page.offset :]
    found = remaining[: page.size]
    return page_of(page, found, found[-1].id if len(remaining) > page.size else None)


def _position_of(identifier: str, times: dict[str, int]) -> tuple[int, str]:
    """Return the sort position of an id, or of its neighbour's; an unknown one counts by the time in the id."""
    for near in (identifier, successor(identifier), predecessor(identifier)):
        if near in times:
            return times[near], identifier
    return created_at(identifier), identifier
