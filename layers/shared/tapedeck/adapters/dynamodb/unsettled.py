"""The whole index of pending work, page by page, for the list of what is unsettled."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from tapedeck.adapters.dynamodb.client import DynamoDBTable, Item
from tapedeck.adapters.dynamodb.deliveries import delivery_from
from tapedeck.adapters.dynamodb.items import call_from, conference_from, parent_key
from tapedeck.adapters.dynamodb.stream import pending_from
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.delivery import CallbackDelivery
from tapedeck.domain.recording import Parent, ParentKind
from tapedeck.domain.unsettled import OF_CALLBACKS, IndexPosition, UnsettledQuery
from tapedeck.ports.changes import PendingWork
from tapedeck.ports.unsettled import IndexPage

MAX_ROWS: Final = 20_000
"""Rows of the index, of about 100 bytes, that one page reads to find those of an account (C-314)."""

_SHARDS: Final = "0123456789abcdef"
_PARTS: Final = tuple(f"{kind}#{shard}" for kind in ("OPEN", "DUE") for shard in _SHARDS)
"""The partitions of the index, in the order of the list."""


class UnsettledIndex:
    """`ports.unsettled.UnsettledStore` on DynamoDB."""

    def __init__(self, database: DynamoDBTable) -> None:
        self._database = database

    def read_index(self, query: UnsettledQuery, now: int) -> IndexPage:
        """At most 1 request for each part of the index, 3 more for an account, and 1 per 100 items."""
        rows, position = self._rows(query, now)
        found = self._database.get_many([{"PK": row["PK"], "SK": row["SK"]} for row in rows])
        return IndexPage([work for item in found if (work := _work_from(item or {})) is not None], position)

    def _rows(self, query: UnsettledQuery, now: int) -> tuple[list[Item], IndexPosition | None]:
        """Return the rows of a page, and the last of them if there may be more."""
        found: list[Item] = []
        left = MAX_ROWS
        for part in _parts_of(query):
            wanted = query.limit - len(found)
            rows = self._query(part, query, now, wanted if query.account is None else left)
            left -= len(rows)
            for row in rows:
                if query.account in {None, row["PK"].partition("#")[0]}:
                    found.append(row)
                if len(found) == query.limit:
                    return found, _position(part, row)
            if not left and rows:
                return found, _position(part, rows[-1])
        return found, None

    def _query(self, part: int, query: UnsettledQuery, now: int, limit: int) -> Sequence[Item]:
        values: dict[str, Any] = {"part": _PARTS[part]}
        after = query.after if query.after is not None and query.after.part == part else None
        if after is not None and query.is_overdue and after.place > now:
            return []  # a query does not begin where its condition does not hold
        return self._database.query(
            "#work = :part AND work_at <= :now" if query.is_overdue else "#work = :part",
            {**values, "now": now} if query.is_overdue else values,
            limit=limit,
            after=_row(after) if after is not None else None,
            index="work",
            work="work",
        )

    def read_parents(self, parents: Collection[Parent]) -> Mapping[Parent, Call | Conference]:
        """1 request per 100 calls and conferences."""
        wanted = list(dict.fromkeys(parents))
        found = self._database.get_many([parent_key(parent) for parent in wanted])
        return {
            parent: call_from(item) if parent.kind is ParentKind.CALL else conference_from(item)
            for parent, item in zip(wanted, found, strict=True)
            if item is not None
        }


def _parts_of(query: UnsettledQuery) -> range:
    """Return the parts of the index that are still to be read, by number."""
    half = len(_SHARDS)
    parts = range(2 * half) if query.kind is None else range(half, 2 * half)
    parts = range(half) if query.kind is not None and query.kind not in OF_CALLBACKS else parts
    return range(max(parts.start, query.after.part if query.after is not None else 0), parts.stop)


def _position(part: int, row: Item) -> IndexPosition:
    return IndexPosition(part, row["work_at"], row["PK"], row["SK"])


def _row(position: IndexPosition) -> Item:
    return {
        "work": _PARTS[position.part],
        "work_at": position.place,
        "PK": position.partition_key,
        "SK": position.sort_key,
    }


def _work_from(item: Item) -> PendingWork | CallbackDelivery | None:
    """Parse what is in the index; None if it is not there any more: the index is eventually consistent."""
    if str(item.get("work", "")).startswith("DUE#"):
        return delivery_from(item)
    return pending_from(item)
