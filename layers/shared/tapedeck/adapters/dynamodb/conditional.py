"""The common part of all tables with conditional writes: handling of failed conditions (REL-3).

A condition fails for one of two reasons. Either an earlier copy of the same write succeeded and only its response was
lost, or the item is not in the expected state.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from tapedeck.adapters.dynamodb.attributes import END_WRITE_ID
from tapedeck.adapters.dynamodb.client import ConditionFailed, DynamoDBTable, Item, Write
from tapedeck.adapters.dynamodb.items import WRITE_TOKEN_ATTRIBUTES, write_token

T = TypeVar("T")


class ConditionalTable:
    """A table that is written under conditions; each method sends 1 request."""

    def __init__(self, database: DynamoDBTable) -> None:
        self._database = database

    def _try(self, write: Write) -> bool:
        """Apply an update; return False if its condition failed."""
        try:
            self._database.update(write)
        except ConditionFailed:
            return False
        return True

    def _apply_first(self, writes: Iterable[Write]) -> None:
        """Apply the first update whose condition holds; 1 request for each update that is tried."""
        for write in writes:
            if self._try(write):
                return

    def _update_or_find(self, write: Write) -> Item | None:
        """Apply an update; return the new item or, if the condition failed, the current one (None if there is none)."""
        try:
            return self._database.update(write)
        except ConditionFailed as failed:
            return failed.items[0] or None

    def _update(
        self,
        write: Write,
        read: Callable[[Item], T],
        reject: Callable[[T | None], Exception],
        *,
        is_own: Callable[[Item], bool] | None = None,
        as_written: Callable[[T], T] | None = None,
    ) -> T:
        """Apply an update and return the resource as this write left it.

        Args:
            write: the update.
            read: parses an item.
            reject: makes the error to raise from the current resource, None if it does not exist.
            is_own: recognises an item that an earlier copy of this write changed.
            as_written: reconstructs the resource as the earlier copy left it, before any later writes.
        """
        try:
            return read(self._database.update(write))
        except ConditionFailed as failed:
            item = failed.items[0]
            found = read(item) if item else None
            if item and found is not None and is_own is not None and is_own(item):
                return as_written(found) if as_written is not None else found
            raise reject(found) from failed


def written_by(write_id: str) -> Callable[[Item], bool]:
    """Recognise items that have the token of this write among their last eight."""
    return lambda item: has_write_token(item, write_id)


def ended_by(write_id: str) -> Callable[[Item], bool]:
    """Recognise calls and conferences that this write ended."""
    return lambda item: item.get(END_WRITE_ID) == write_id


def has_write_token(item: Item, write_id: str) -> bool:
    """Whether the token of this write is among an item's last eight (REL-3)."""
    return write_token(write_id) in {item[attribute] for attribute in WRITE_TOKEN_ATTRIBUTES}


def failed_parts(parts: Iterable[tuple[str, Write]], failed: ConditionFailed) -> dict[str, Item]:
    """Return the current items of the parts of a transaction whose conditions failed, by the part's name."""
    return {name: item for (name, _), item in zip(parts, failed.items, strict=True) if item is not None}
