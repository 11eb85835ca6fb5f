"""Faster writes, queries and responses for moto's DynamoDB, with unchanged results (moto is pinned)."""

import copy
import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table

from tapedeck_standin.aws.moto_expressions import EXPRESSION_PATCHES
from tapedeck_standin.aws.patching import patched

_MAX_ITEM_BYTES: Final = 405_000
"""moto's limit."""


@contextmanager
def quick_moto() -> Iterator[None]:
    """Patch moto's DynamoDB until the block is left; requests must be serialised (`moto_lock`)."""
    with ExitStack() as stack:
        for holder, name, quick in PATCHES:
            stack.enter_context(patched(holder, name, quick))
        yield


def _quick_transaction(original: Callable[..., None]) -> Callable[..., None]:
    table_class: Any = Table

    @functools.wraps(original)
    def transact_write_items(backend: Any, transact_items: list[dict[str, Any]]) -> None:  # noqa: ANN401 - moto's
        undo = _take_snapshot(backend, transact_items)
        # moto then "copies" the table as itself, and its rollback changes nothing.
        table_class.__deepcopy__ = lambda self, _memo: self
        try:
            original(backend, transact_items)
        except BaseException:
            undo()
            raise
        finally:
            del table_class.__deepcopy__

    return transact_write_items


def _take_snapshot(backend: Any, transact_items: list[dict[str, Any]]) -> Callable[[], None]:  # noqa: ANN401 - moto's
    """Return a function that restores the items and streams that these writes may change."""
    snapshots: list[tuple[Any, DynamoType, DynamoType | None, Any]] = []
    lengths: list[tuple[Any, int]] = []
    for (write,) in (item.values() for item in transact_items):
        table = backend.tables.get(write.get("TableName"))
        if table is None:
            continue
        attributes = write.get("Item") or write["Key"]
        hash_key = DynamoType(attributes[table.hash_key_attr])
        range_key = DynamoType(attributes[table.range_key_attr]) if table.range_key_attr else None
        snapshots.append((table, hash_key, range_key, copy.deepcopy(_find(table, hash_key, range_key))))
        if table.stream_shard is not None:
            lengths.append((table.stream_shard, len(table.stream_shard.items)))

    def undo() -> None:
        for table, hash_key, range_key, item in snapshots:
            _restore(table, hash_key, range_key, item)
        for shard, length in lengths:
            del shard.items[length:]

    return undo


def _find(table: Any, hash_key: DynamoType, range_key: DynamoType | None) -> Any:  # noqa: ANN401 - moto's
    if range_key is None:
        return table.items.get(hash_key)
    return table.items[hash_key].get(range_key) if hash_key in table.items else None


def _restore(table: Any, hash_key: DynamoType, range_key: DynamoType | None, item: Any) -> None:  # noqa: ANN401
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


def _quick_query(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def query(self: Any, hash_key: DynamoType | None, *rest: Any, **named: Any) -> Any:  # noqa: ANN401 - moto's
        conditions = dict(named.get("hash_key_conditions") or ())
        # Shadows the method of the class: moto calls it once, then filters and sorts the result.
        self.all_items = lambda: _matching_items(self, hash_key, conditions)
        try:
            return original(self, hash_key, *rest, **named)
        finally:
            del self.all_items

    return query


def _matching_items(table: Any, hash_key: DynamoType | None, key_values: Mapping[str, DynamoType]) -> list[Any]:  # noqa: ANN401
    """Return the items with these values of the table's or an index's hash key."""
    if set(key_values) <= {table.hash_key_attr}:
        partition = table.items.get(hash_key)
        if partition is None:
            return []
        return list(partition.values()) if table.range_key_attr else [partition]
    partitions = table.items.values()
    items = (item for each in partitions for item in each.values()) if table.range_key_attr else partitions
    return [
        item
        for item in items
        if all(name in item.attrs and item.attrs[name] == key_values[name] for name in key_values)
    ]


def _quick_item(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def __init__(  # noqa: N807 - replaces it
        self: Any,  # noqa: ANN401 - moto's
        hash_key: DynamoType,
        range_key: DynamoType | None,
        attrs: Mapping[str, Any],
    ) -> None:
        self.hash_key, self.range_key = hash_key, range_key
        self.attrs = LimitedSizeDict({name: DynamoType(value) for name, value in attrs.items()})
        if self.size() > _MAX_ITEM_BYTES:
            raise ItemSizeTooLarge

    return __init__


def _quick_answer(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def serialize(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:  # noqa: ANN401 - moto's
        if key and shape.name == "AttributeValue" and isinstance(value, dict) and len(value) == 1:
            ((kind, content),) = value.items()
            if type(content) is _SIMPLE.get(kind):
                serialized[key] = {kind: content}
                return
        original(self, serialized, value, shape, key)

    return serialize


_SIMPLE: Final = {"S": str, "N": str, "BOOL": bool, "NULL": bool}

PATCHES: Final[tuple[tuple[type, str, Any], ...]] = (
    *EXPRESSION_PATCHES,
    (DynamoDBBackend, "transact_write_items", _quick_transaction(DynamoDBBackend.transact_write_items)),
    (Table, "query", _quick_query(Table.query)),
    (Item, "__init__", _quick_item(Item.__init__)),
    (
        BaseJSONSerializer,
        "_serialize_type_structure",
        _quick_answer(BaseJSONSerializer._serialize_type_structure),  # noqa: SLF001 - no other way in
    ),
)
"""Class, attribute and its replacement, which wraps moto's."""
