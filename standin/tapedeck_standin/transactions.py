"""Moto's DynamoDB transactions, undone item by item.

moto copies every table that a transaction names, with all items and the whole stream, before it begins: measured,
a thousand creations took minutes and gigabytes. Here only what the transaction touches is kept, which is what
undoing it needs. The internals that are used are held by a test, and moto is pinned.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table


@contextmanager
def quick_transactions() -> Iterator[None]:
    """While this lasts, moto's transactions cost what they touch."""
    backend_class: Any = DynamoDBBackend
    table_class: Any = Table
    original = backend_class.transact_write_items

    def transact_write_items(backend: Any, transact_items: list[dict[str, Any]]) -> None:  # noqa: ANN401 - moto's
        undo = _remember(backend, transact_items)
        try:
            original(backend, transact_items)
        except BaseException:
            undo()
            raise

    backend_class.transact_write_items = transact_write_items
    # What moto keeps for undoing is then the table itself, and putting it back changes nothing.
    table_class.__deepcopy__ = lambda self, _memo: self
    try:
        yield
    finally:
        backend_class.transact_write_items = original
        del table_class.__deepcopy__


def _remember(backend: Any, transact_items: list[dict[str, Any]]) -> Callable[[], None]:  # noqa: ANN401 - moto's
    """What puts the items and streams back that these writes may change."""
    kept: list[tuple[Any, DynamoType, DynamoType | None, Any]] = []
    lengths: list[tuple[Any, int]] = []
    for (write,) in (item.values() for item in transact_items):
        table = backend.tables.get(write.get("TableName"))
        if table is None:
            continue
        attributes = write.get("Item") or write["Key"]
        hash_key = DynamoType(attributes[table.hash_key_attr])
        range_key = DynamoType(attributes[table.range_key_attr]) if table.range_key_attr else None
        kept.append((table, hash_key, range_key, copy.deepcopy(_find(table, hash_key, range_key))))
        if table.stream_shard is not None:
            lengths.append((table.stream_shard, len(table.stream_shard.items)))

    def undo() -> None:
        for table, hash_key, range_key, item in kept:
            _put_back(table, hash_key, range_key, item)
        for shard, length in lengths:
            del shard.items[length:]

    return undo


def _find(table: Any, hash_key: DynamoType, range_key: DynamoType | None) -> Any:  # noqa: ANN401 - moto's
    if range_key is None:
        return table.items.get(hash_key)
    return table.items[hash_key].get(range_key) if hash_key in table.items else None


def _put_back(table: Any, hash_key: DynamoType, range_key: DynamoType | None, item: Any) -> None:  # noqa: ANN401
    if range_key is None:
        if item is None:
            table.items.pop(hash_key, None)
        else:
            table.items[hash_key] = item
        return
    if item is not None:
        table.items[hash_key][range_key] = item
    elif hash_key in table.items:
        table.items[hash_key].pop(range_key, None)
        if not table.items[hash_key]:
            del table.items[hash_key]
