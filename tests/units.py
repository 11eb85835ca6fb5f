"""Computes the DynamoDB capacity units of requests from the sizes of the items.

Emulators report wrong units for transactions, so this module applies the rules of AWS's developer guide.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Item = Mapping[str, Any]

KILOBYTE = 1024
READ = 4 * KILOBYTE
"""Bytes per unit of a strongly consistent read; an eventually consistent read gets twice as many."""
INDEXES = (("work", "work_at"), ("status_key", "sid"), ("live", "PK"))
"""The keys of the recordings table's indexes, which project keys only."""


class Change(NamedTuple):
    """An item before and after a request; empty if there is none."""

    before: Item
    after: Item


def size(value: Any) -> int:
    """Return the size in DynamoDB of a value or an item, in bytes."""
    match value:
        case bool() | None:
            return 1
        case str():
            return len(value.encode())
        case bytes():
            return len(value)
        case int():
            # A number takes one byte per two digits, one byte more, and one for a minus sign.
            return (len(str(abs(value))) + 1) // 2 + 1 + (value < 0)
        case Mapping():
            return sum(size(name) + size(element) for name, element in value.items())
        case _:
            return sum(size(element) for element in value)


def write_units(operation: str, changes: Sequence[Change]) -> int:
    """Return the write units of one request.

    Each item costs a unit per started kilobyte of its larger image, twice that in a transaction, plus its index
    writes. A write whose condition fails costs the same; its items are given unchanged.
    """
    factor = 2 if operation == "TransactWriteItems" else 1
    return sum(factor * _kilobytes(change) + _index_writes(change) for change in changes)


def _kilobytes(change: Change) -> int:
    return max(1, -(-max(size(change.before), size(change.after)) // KILOBYTE))


def _index_writes(change: Change) -> int:
    """Return one write per index entry added or removed, two per entry that moves."""
    writes = 0
    for names in INDEXES:
        entries = [tuple(image.get(name) for name in names) for image in change]
        if entries[0] != entries[1]:
            writes += sum(None not in entry for entry in entries)
    return writes


def read_units(operation: str, sizes: Sequence[int], *, strong: bool = True) -> float:
    """Return the read units for items of these sizes: a query rounds their sum up, other reads each item."""
    whole = [sum(sizes)] if operation == "Query" else list(sizes)
    units = sum(max(1, -(-each // READ)) for each in whole)
    return units if strong else units / 2
