"""Lists of the recordings table: query a page of rows by id, then read the items that they refer to."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from tapedeck.adapters.dynamodb.client import DynamoDBTable, Item
from tapedeck.adapters.dynamodb.items import (
    RECORDING,
    SHOWN,
    call_from,
    call_key,
    conference_from,
    conference_key,
    name_partition,
    parent_key,
    partition,
    recording_from,
    recording_key,
    status_key,
)
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.page import IdRange
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus
from tapedeck.ports.lists import Chunk, RangeReader

T = TypeVar("T")
Key = Mapping[str, str]

_BELOW_LIVE: Final = "9" + "f" * 31
"""Highest id that sorts below `items.NAME_HOLDER` in a name's partition; time-based ids pass it in the year 7544."""


class ListTable:
    """`ports.lists.ListStore` on DynamoDB.

    A page costs 1 query of rows and 1 batch read per 100 rows. The query reads one extra row to detect a next page.
    Recordings of a parent and transcriptions of an account are stored in the partition itself: no batch read.
    """

    def __init__(self, database: DynamoDBTable) -> None:
        self._database = database

    def has_parent(self, parent: Parent) -> bool:
        """1 request."""
        return self._database.get(parent_key(parent)) is not None

    def recordings_of(self, parent: Parent) -> RangeReader[Recording]:
        """Read recordings from the parent's partition."""
        return self._items(partition(parent), RECORDING, recording_from)

    def recordings_shown_by(self, account: str, call: str) -> RangeReader[Recording]:
        """Read the links in the call's partition, then the conference recordings that they name."""

        def key(row: Item) -> Key:
            conference = Parent(account, ParentKind.CONFERENCE, row["conference"])
            return recording_key(conference, row["SK"].removeprefix(SHOWN))

        return self._rows(partition(Parent(account, ParentKind.CALL, call)), key, recording_from, prefix=SHOWN)

    def recordings(self, account: str) -> RangeReader[Recording]:
        """Read the account's rows, then their recordings; omit any deleted between the two reads."""
        rows = self._rows(f"{account}#RECS", _recording_of_row, recording_from)

        def fetch(ids: IdRange, limit: int, skip: int = 0) -> Chunk[Recording]:
            chunk = rows(ids, limit, skip)
            visible = [item for item in chunk.items if item.status is not RecordingStatus.DELETED]
            return Chunk(visible, chunk.last)

        return fetch

    def deleted_recordings(self, account: str) -> RangeReader[Recording]:
        """Read the rows of deleted recordings, then the recordings."""
        return self._rows(f"{account}#RECS-DELETED", _recording_of_row, recording_from)

    def conferences(self, account: str) -> RangeReader[Conference]:
        """Read the account's rows, then their conferences."""
        return self._rows(f"{account}#CONFS", lambda row: conference_key(account, row["SK"]), conference_from)

    def conferences_named(self, account: str, name: str) -> RangeReader[Conference]:
        """Read the rows of the friendly name, then their conferences."""
        rows = self._rows(
            name_partition(account, name), lambda row: conference_key(account, row["SK"]), conference_from
        )

        def fetch(ids: IdRange, limit: int, skip: int = 0) -> Chunk[Conference]:
            return rows(IdRange(ids.low, min(ids.high, _BELOW_LIVE), ascending=ids.ascending), limit, skip)

        return fetch

    def conferences_in(self, account: str, status: str) -> RangeReader[Conference]:
        """Read the rows of the `status` index, then their conferences."""
        return self._rows(
            status_key(account, ParentKind.CONFERENCE, status),
            lambda row: conference_key(account, row["sid"]),
            conference_from,
            is_index=True,
        )

    def calls(self, account: str) -> RangeReader[Call]:
        """Read the account's rows, then their calls; omit any deleted between the two reads."""
        return _not_deleted(self._rows(f"{account}#CALLS", lambda row: call_key(account, row["SK"]), call_from))

    def calls_in(self, account: str, status: str) -> RangeReader[Call]:
        """Read the rows of the `status` index, which may have deleted calls for a moment, then their calls."""
        rows = self._rows(
            status_key(account, ParentKind.CALL, status),
            lambda row: call_key(account, row["sid"]),
            call_from,
            is_index=True,
        )
        return _not_deleted(rows)

    def _items(self, pk: str, prefix: str, read: Callable[[Item], T]) -> RangeReader[T]:
        def fetch(ids: IdRange, limit: int, skip: int = 0) -> Chunk[T]:
            items = self._range(pk, prefix, ids, skip + limit + 1)
            page = items[skip : skip + limit]
            more = len(items) > skip + limit
            return Chunk(list(map(read, page)), page[-1]["SK"].removeprefix(prefix) if more else None)

        return fetch

    def _rows(
        self,
        pk: str,
        key: Callable[[Item], Key],
        read: Callable[[Item], T],
        *,
        prefix: str = "",
        is_index: bool = False,
    ) -> RangeReader[T]:
        def fetch(ids: IdRange, limit: int, skip: int = 0) -> Chunk[T]:
            rows = self._range(pk, prefix, ids, skip + limit + 1, is_index=is_index)
            page = rows[skip : skip + limit]
            found = self._database.get_many([key(row) for row in page])
            name = "sid" if is_index else "SK"
            more = len(rows) > skip + limit
            return Chunk(
                [read(item) for item in found if item is not None],
                page[-1][name].removeprefix(prefix) if more else None,
            )

        return fetch

    def _range(self, pk: str, prefix: str, ids: IdRange, limit: int, *, is_index: bool = False) -> Sequence[Item]:
        if ids.is_empty:
            return []
        partition_name, sort_name = ("status_key", "sid") if is_index else ("PK", "SK")
        return self._database.query(
            "#partition = :pk AND #sort BETWEEN :low AND :high",
            {"pk": pk, "low": f"{prefix}{ids.low}", "high": f"{prefix}{ids.high}"},
            limit=limit,
            ascending=ids.ascending,
            index="status" if is_index else None,
            partition=partition_name,
            sort=sort_name,
        )


def _not_deleted(rows: RangeReader[Call]) -> RangeReader[Call]:
    def fetch(ids: IdRange, limit: int, skip: int = 0) -> Chunk[Call]:
        chunk = rows(ids, limit, skip)
        return Chunk([call for call in chunk.items if not call.is_deleted], chunk.last)

    return fetch


def _recording_of_row(row: Item) -> Key:
    return {"PK": row["parent"], "SK": f"{RECORDING}{row['SK']}"}
