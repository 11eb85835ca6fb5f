"""Two lists read as one: no item is missing or shown twice, and none before its turn."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import pytest

from tapedeck.domain.page import ALL_TIME, IdRange, PageRequest, ids_of
from tapedeck.operations.lists import merge_readers, read_filtered_page
from tapedeck.ports.lists import Chunk, RangeReader


@dataclass(frozen=True)
class Row:
    """A row of a list."""

    id: str


def reader(rows: Sequence[Row]) -> RangeReader[Row]:
    """Read a list as the table does: `last` is the id of the last row that was read, None at the end."""

    def fetch(ids: IdRange, limit: int, skip: int = 0) -> Chunk[Row]:
        found = [row for row in sorted(rows, key=lambda row: row.id) if ids.low <= row.id <= ids.high]
        found = found if ids.ascending else found[::-1]
        page = found[skip : skip + limit]
        return Chunk(page, page[-1].id if len(found) > skip + limit else None)

    return fetch


def row(number: int) -> Row:
    """Return the row with this number; a higher number is newer."""
    return Row(f"{number:032x}")


LISTS = {
    "alternating": ([1, 3, 5, 7, 9], [2, 4, 6, 8]),
    "one after the other": ([1, 2, 3, 4], [5, 6, 7, 8, 9]),
    "one list is empty": ([1, 2, 3, 4, 5], []),
    "in both lists": ([1, 2, 3, 5], [2, 3, 4, 6]),
    "few among many": ([1, 2, 3, 4, 5, 6, 7, 9], [8]),
}


@pytest.mark.parametrize("limit", [1, 2, 3, 9])
@pytest.mark.parametrize(("name", "ascending"), list(product(LISTS, [False, True])))
def test_chunks_of_merged_lists_are_complete(name: str, limit: int, *, ascending: bool) -> None:
    """Read chunk after chunk, the merged list has every item of both lists once, in order (C-90)."""
    numbers = LISTS[name]
    fetch = merge_readers(*(reader([row(number) for number in each]) for each in numbers))
    ids = ids_of(ALL_TIME) if not ascending else IdRange("0" * 32, "f" * 32, ascending=True)
    found: list[Row] = []
    while True:
        chunk = fetch(ids, limit)
        found += chunk.items
        if chunk.last is None:
            break
        ids = ids.after(chunk.last)
    assert found == [row(number) for number in sorted({*numbers[0], *numbers[1]}, reverse=not ascending)]


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("name", LISTS)
def test_pages_of_merged_lists_are_complete_in_both_directions(name: str, size: int) -> None:
    """The pages show each item that passes the filter once; so do the previous pages, from the last one back."""
    numbers = LISTS[name]
    fetch = merge_readers(*(reader([row(number) for number in each]) for each in numbers))
    expected = [row(number) for number in sorted({*numbers[0], *numbers[1]}, reverse=True) if number % 2]
    is_odd = lambda found: int(found.id, 16) % 2 == 1  # noqa: E731 - a filter of one line
    page = read_filtered_page(fetch, PageRequest(size), ALL_TIME, is_odd)
    forward = list(page.items)
    while page.next is not None:
        page = read_filtered_page(fetch, PageRequest(size, cursor=page.next), ALL_TIME, is_odd)
        forward += page.items
    assert forward == expected
    backward = list(page.items)
    while page.previous is not None:
        page = read_filtered_page(fetch, PageRequest(size, cursor=page.previous), ALL_TIME, is_odd)
        backward[:0] = page.items
    assert backward == expected
