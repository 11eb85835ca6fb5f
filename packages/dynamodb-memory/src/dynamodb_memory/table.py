"""A table: its items by key, its indexes and its stream."""

import copy
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, Final

from dynamodb_memory.stream import REGION, Stream
from dynamodb_memory.values import AttributeValue, DynamoDBError, Item, plain, size_of_item

_MAX_BYTES: Final = 400 * 1024
"""The maximum size of an item."""

MAX_HASH_BYTES: Final = 2048
MAX_RANGE_BYTES: Final = 1024

Key = tuple[Any, Any]
"""The comparable values of hash and range key; the second is empty if there is no range key."""

Entry = tuple[Any, ...]
"""An entry of a partition; its first element is the sort key."""


class KeySchema:
    """The key attributes of a table or an index.

    Args:
        elements: the `KeySchema` of `create_table`.
        kinds: types of all key attributes, by attribute name.
    """

    def __init__(self, elements: Sequence[Mapping[str, str]], kinds: Mapping[str, str]) -> None:
        names = {element["KeyType"]: element["AttributeName"] for element in elements}
        self.hash = names["HASH"]
        self.range = names.get("RANGE")
        self.names = (self.hash,) if self.range is None else (self.hash, self.range)
        self.kinds = kinds

    def of(self, attributes: Mapping[str, AttributeValue]) -> Key:
        """Return the key of an item."""
        return plain(attributes[self.hash]), plain(attributes[self.range]) if self.range is not None else ""

    def check(self, name: str, value: AttributeValue) -> str | None:
        """Return the error of a key attribute: `type`, `empty` or `size`; None if it is valid."""
        kind = self.kinds[name]
        if kind not in value:
            return "type"
        content = value[kind]
        if kind == "N":
            return None
        most = MAX_HASH_BYTES if name == self.hash else MAX_RANGE_BYTES
        if len(content) * 4 > most and len(content if kind == "B" else content.encode("utf-8", "surrogatepass")) > most:
            return "size"
        return None if content else "empty"


class SortedPartitions:
    """Sorted entries by partition."""

    def __init__(self) -> None:
        self._partitions: dict[Any, list[Entry]] = {}

    def add(self, partition: object, entry: Entry) -> None:
        """Insert an entry."""
        insort(self._partitions.setdefault(partition, []), entry)

    def remove(self, partition: object, entry: Entry) -> None:
        """Remove an entry."""
        entries = self._partitions[partition]
        del entries[bisect_left(entries, entry)]
        if not entries:
            del self._partitions[partition]

    def partition(self, partition: object) -> list[Entry]:
        """Return the entries of a partition; callers must not change the list."""
        return self._partitions.get(partition, [])


def span(entries: list[Entry], operator: str | None, operands: Sequence[Any]) -> tuple[int, int]:
    """Return the range (start, end) of the entries whose sort key meets a condition; None matches all."""
    return (0, len(entries)) if operator is None else _SPANS[operator](entries, *operands)


_FIRST: Final[Callable[[Entry], Any]] = itemgetter(0)


def _lower_bound(entries: list[Entry], value: Any) -> int:  # noqa: ANN401 - what a key compares by
    return bisect_left(entries, value, key=_FIRST)


def _upper_bound(entries: list[Entry], value: Any) -> int:  # noqa: ANN401 - what a key compares by
    return bisect_right(entries, value, key=_FIRST)


def _prefix_span(entries: list[Entry], start: Any) -> tuple[int, int]:  # noqa: ANN401 - text or bytes
    return _lower_bound(entries, start), bisect_right(entries, start, key=lambda entry: entry[0][: len(start)])


_SPANS: Final[dict[str, Callable[..., tuple[int, int]]]] = {
    "=": lambda entries, value: (_lower_bound(entries, value), _upper_bound(entries, value)),
    "<": lambda entries, value: (0, _lower_bound(entries, value)),
    "<=": lambda entries, value: (0, _upper_bound(entries, value)),
    ">": lambda entries, value: (_upper_bound(entries, value), len(entries)),
    ">=": lambda entries, value: (_lower_bound(entries, value), len(entries)),
    "BETWEEN": lambda entries, low, high: (_lower_bound(entries, low), _upper_bound(entries, high)),
    "begins_with": _prefix_span,
}


class Index:
    """A global secondary index.

    Args:
        description: its element of `GlobalSecondaryIndexes` in `create_table`.
        table: the key schema of its table.
    """

    def __init__(self, description: Mapping[str, Any], table: KeySchema) -> None:
        self.description = description
        self.name: str = description["IndexName"]
        self.schema = KeySchema(description["KeySchema"], table.kinds)
        self.key_names = frozenset(self.schema.names)
        self.order = SortedPartitions()
        projection = description["Projection"]
        keys = {*self.schema.names, *table.names}
        self.projected: frozenset[str] | None = None
        """Names of the projected attributes; None: all."""
        if projection["ProjectionType"] != "ALL":
            self.projected = frozenset(keys | set(projection.get("NonKeyAttributes", ())))

    def place(self, item: Item | None, key: Key) -> tuple[Any, Entry] | None:
        """Return the partition and the entry of an item; None if the index does not contain it."""
        if item is None or self.schema.hash not in item or self.schema.names[-1] not in item:
            return None
        partition, sort = self.schema.of(item)
        return partition, (sort, *key)

    def project(self, item: Item) -> Item:
        """Return the projected attributes of an item."""
        if self.projected is None:
            return item
        return {name: value for name, value in item.items() if name in self.projected}

    def check(self, item: Item) -> None:
        """Raise DynamoDBError for an item with an invalid index key attribute."""
        for name in self.schema.names:
            wrong = self.schema.check(name, item[name]) if name in item else None
            if wrong == "empty":
                raise DynamoDBError(
                    "One or more parameter values are not valid. A value specified for a secondary index key is not "
                    "supported. The AttributeValue for a key attribute cannot contain an empty string value. "
                    f"IndexName: {self.name}, IndexKey: {name}"
                )
            if wrong is not None:
                what = "Type mismatch for Index Key" if wrong == "type" else "Size limit exceeded for Index Key"
                raise DynamoDBError(f"One or more parameter values were invalid: {what} {name} IndexName: {self.name}")


class Table:
    """A table with its items, indexes and stream.

    Args:
        request: the parameters of `create_table`.
        created: the creation time in milliseconds since the epoch.
    """

    def __init__(self, request: Mapping[str, Any], created: int) -> None:
        self._request = request
        self._created = created
        self.name: str = request["TableName"]
        self.arn = f"arn:aws:dynamodb:{REGION}:000000000000:table/{self.name}"
        kinds = {each["AttributeName"]: each["AttributeType"] for each in request["AttributeDefinitions"]}
        self.schema = KeySchema(request["KeySchema"], kinds)
        self.key_names = frozenset(self.schema.names)
        self.indexes = {
            each["IndexName"]: Index(each, self.schema) for each in request.get("GlobalSecondaryIndexes", ())
        }
        has_stream = request.get("StreamSpecification", {}).get("StreamEnabled", False)
        self.stream = Stream(f"{self.arn}/stream/1", self.schema.names) if has_stream else None
        self.order = SortedPartitions()
        self._items: dict[Key, tuple[Item, int]] = {}

    def describe(self) -> dict[str, Any]:
        """Return the `Table` structure of `describe_table`."""
        known = ("TableName", "KeySchema", "AttributeDefinitions", "StreamSpecification")
        described = {name: copy.deepcopy(self._request[name]) for name in known if name in self._request}
        described |= {
            "TableStatus": "ACTIVE",
            "TableArn": self.arn,
            "CreationDateTime": datetime.fromtimestamp(self._created / 1000, UTC),
            "BillingModeSummary": {"BillingMode": self._request.get("BillingMode", "PROVISIONED")},
            "ItemCount": len(self._items),
            "TableSizeBytes": sum(size for _, size in self._items.values()),
        }
        if self.indexes:
            described["GlobalSecondaryIndexes"] = [
                {**copy.deepcopy(dict(index.description)), "IndexStatus": "ACTIVE"} for index in self.indexes.values()
            ]
        if self.stream is not None:
            described |= {"LatestStreamArn": self.stream.arn, "LatestStreamLabel": self.stream.arn.rpartition("/")[2]}
        return described

    def key_of(self, attributes: Item) -> Key:
        """Return the key that consists of exactly these attributes.

        Raises:
            DynamoDBError: the attributes do not match the key schema.
        """
        if attributes.keys() != self.key_names:
            raise DynamoDBError("The provided key element does not match the schema")
        return self._checked(attributes, "The provided key element does not match the schema")

    def key_in(self, item: Item) -> Key:
        """Return the key of an item.

        Raises:
            DynamoDBError: a key attribute is missing or invalid.
        """
        for name in self.schema.names:
            if name not in item:
                raise DynamoDBError(f"One or more parameter values were invalid: Missing the key {name} in the item")
        return self._checked(item, "One or more parameter values were invalid: Type mismatch for key")

    def get(self, key: Key) -> Item | None:
        """Return an item or None; callers must not change it."""
        stored = self._items.get(key)
        return stored[0] if stored is not None else None

    def size(self, key: Key) -> int:
        """Return the size in bytes of an existing item."""
        return self._items[key][1]

    def keys(self) -> list[Key]:
        """Return all keys in the order of a scan."""
        return sorted(self._items)

    def check(self, item: Item) -> int:
        """Check an item before it is put; return its size in bytes.

        Raises:
            DynamoDBError: the item is too large, or has an invalid index key.
        """
        for index in self.indexes.values():
            index.check(item)
        return self._check_size(size_of_item(item))

    def check_update(self, key: Key, item: Item, changed: frozenset[str]) -> int:
        """Check an update of an existing item, which changes only these attributes; return the new size in bytes.

        Raises:
            DynamoDBError: the item is too large, or has an invalid index key.
        """
        for index in self.indexes.values():
            if not index.key_names.isdisjoint(changed):
                index.check(item)
        before, size = self._items[key]
        return self._check_size(size + _size_of_some(item, changed) - _size_of_some(before, changed))

    @staticmethod
    def _check_size(size: int) -> int:
        if size > _MAX_BYTES:
            raise DynamoDBError("Item size has exceeded the maximum allowed size")
        return size

    def put(self, key: Key, item: Item | None, size: int, at: int, changed: frozenset[str] | None = None) -> None:
        """Put a checked item, or delete it if None.

        Args:
            key: the item's key.
            item: the item; None to delete it.
            size: its size in bytes.
            at: the time in milliseconds since the epoch.
            changed: the attributes that an update of an existing item changes; None: any.
        """
        before, before_size = self._items.get(key, (None, 0))
        if item is not None:
            self._items[key] = item, size
            if before is None:
                self.order.add(key[0], (key[1],))
        elif before is not None:
            del self._items[key]
            self.order.remove(key[0], (key[1],))
        for index in self.indexes.values():
            if changed is not None and index.key_names.isdisjoint(changed):
                continue
            old, new = index.place(before, key), index.place(item, key)
            if old != new:
                if old is not None:
                    index.order.remove(*old)
                if new is not None:
                    index.order.add(*new)
        if self.stream is not None:
            self.stream.append(at, before, item, before_size + size)

    def _checked(self, attributes: Item, mismatch: str) -> Key:
        for name in self.schema.names:
            wrong = self.schema.check(name, attributes[name])
            if wrong == "empty":
                raise DynamoDBError(
                    "One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
                    f"contain an empty string value. Key: {name}"
                )
            if wrong == "size":
                raise DynamoDBError(f"One or more parameter values were invalid: Size of key {name} exceeds its limit")
            if wrong is not None:
                raise DynamoDBError(mismatch)
        return self.schema.of(attributes)


def _size_of_some(item: Item, names: frozenset[str]) -> int:
    """Return the size in bytes of those of these attributes that an item has."""
    return size_of_item({name: item[name] for name in names if name in item})
