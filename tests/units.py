"""What requests cost in DynamoDB's units, from the requests and the sizes of the items.

Emulators report this wrongly for transactions, so it is computed here, by the rules of AWS's developer guide.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Item = Mapping[str, Any]

KILOBYTE = 1024
READ = 4 * KILOBYTE
"""What one unit reads strongly; of an index, which is read eventually, it reads twice as much."""
INDEXES = (("work", "work_at"), ("status_key", "sid"))
"""The keys of the recordings table's indexes, which project nothing but keys."""


class Change(NamedTuple):
    """One item as it was before a request and as it was after it; empty where there was none."""

    before: Item
    after: Item


def size(value: Any) -> int:
    """The bytes that a plain value, or an item, takes in DynamoDB."""
    match value:
        case bool() | None:
            return 1
        case str():
            return len(value.encode())
        case bytes():
            return len(value)
        case int():
            # Two digits a byte, one byte more, and one for a sign.
            return (len(str(abs(value))) + 1) // 2 + 1 + (value < 0)
        case Mapping():
            return sum(size(name) + size(element) for name, element in value.items())
        case _:
            return sum(size(element) for element in value)


def write_units(operation: str, changes: Sequence[Change]) -> int:
    """The units of one request: per kilobyte of the larger image, twice in a transaction, and the indexes.

    A write whose condition fails costs what it would have cost: its items are then as they were.
    """
    factor = 2 if operation == "TransactWriteItems" else 1
    return sum(factor * _kilobytes(change) + _index_writes(change) for change in changes)


def _kilobytes(change: Change) -> int:
    return max(1, -(-max(size(change.before), size(change.after)) // KILOBYTE))


def _index_writes(change: Change) -> int:
    """One for an entry that appears or goes, two for one that moves."""
    writes = 0
    for names in INDEXES:
        entries = [tuple(image.get(name) for name in names) for image in change]
        if entries[0] != entries[1]:
            writes += sum(None not in entry for entry in entries)
    return writes


def read_units(operation: str, sizes: Sequence[int], *, strong: bool = True) -> float:
    """The units of one read of items of these bytes: a query's together, each of the others by itself."""
    whole = [sum(sizes)] if operation == "Query" else list(sizes)
    units = sum(max(1, -(-each // READ)) for each in whole)
    return units if strong else units / 2
