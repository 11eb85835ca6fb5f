"""Queries and scans of a table, with DynamoDB's paging."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from dynamodb_memory.conditions import Values
from dynamodb_memory.plans import KeyTest, ReadPlan, plan_read
from dynamodb_memory.table import Entry, Index, Key, KeySchema, Table, span
from dynamodb_memory.values import AttributeValue, DynamoDBError, Item, copy_item, normalize_item, plain, size_of_item

MAX_BYTES: Final = 1024 * 1024
"""Size of a page before filtering; the page ends with the item that reaches it."""

_INVALID_START: Final = "The provided starting key is invalid"


def query(table: Table, request: Mapping[str, Any]) -> dict[str, Any]:
    """Execute `query`; return one page.

    Raises:
        DynamoDBError: the request is invalid.
    """
    index = _index(table, request)
    schema = index.schema if index is not None else table.schema
    if index is not None and request.get("ConsistentRead"):
        raise DynamoDBError("Consistent reads are not supported on global secondary indexes")
    if "KeyConditionExpression" not in request:
        raise DynamoDBError(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
        )
    plan, values = plan_read(request)
    _check_attributes(plan, schema, index)
    partition, operator, operands = _key_condition(schema, plan.keys, values)
    entries = (index.order if index is not None else table.order).partition(partition)
    low, high = span(entries, operator, operands)
    ascending = request.get("ScanIndexForward", True)
    start = request.get("ExclusiveStartKey")
    if start is not None:
        entry = _entry(table, index, partition, normalize_item(start))
        if span([entry], operator, operands) != (0, 1):
            raise DynamoDBError("The provided starting key is outside query boundaries based on provided conditions")
        if ascending:
            low = max(low, bisect_right(entries, entry))
        else:
            high = min(high, bisect_left(entries, entry))
    places = range(low, high) if ascending else range(high - 1, low - 1, -1)
    if index is None:
        keys: Iterable[Key] = ((partition, entries[place][0]) for place in places)
    else:
        keys = ((entries[place][1], entries[place][2]) for place in places)
    return _page(table, index, plan, values, keys, len(places), request.get("Limit"))


def scan(table: Table, request: Mapping[str, Any]) -> dict[str, Any]:
    """Execute `scan`; return one page. Partitions are sorted, which DynamoDB does not guarantee.

    Raises:
        DynamoDBError: the request is invalid.
    """
    plan, values = plan_read(request)
    keys = table.keys()
    start = request.get("ExclusiveStartKey")
    if start is not None:
        del keys[: bisect_right(keys, table.key_of(normalize_item(start)))]
    return _page(table, None, plan, values, keys, len(keys), request.get("Limit"))


def _index(table: Table, request: Mapping[str, Any]) -> Index | None:
    name = request.get("IndexName")
    if name is not None and name not in table.indexes:
        raise DynamoDBError(f"The table does not have the specified index: {name}")
    return table.indexes[name] if name is not None else None


def _check_attributes(plan: ReadPlan, schema: KeySchema, index: Index | None) -> None:
    for name in sorted(plan.tested.intersection(schema.names)):
        raise DynamoDBError(
            f"Filter Expression can only contain non-primary key attributes: Primary key attribute: {name}"
        )
    if index is not None and index.projected is not None:
        for name in sorted((plan.tested | plan.projected) - index.projected):
            raise DynamoDBError(
                f"One or more parameter values were invalid: Secondary index {index.name} does not project {name}"
            )


def _key_condition(
    schema: KeySchema, tests: Mapping[str, KeyTest], values: Values
) -> tuple[object, str | None, Sequence[Any]]:
    """Return the partition, and the operator and operands of the sort key."""
    missing = [name for name in tests if name not in schema.names]
    if schema.hash not in tests or missing:
        raise DynamoDBError(f"Query condition missed key schema element: {schema.hash}")
    if tests[schema.hash].operator != "=":
        raise DynamoDBError("Query key condition not supported")
    for name, test in tests.items():
        for placeholder in test.values:
            _check_key(schema, name, values[placeholder])
    partition = plain(values[tests[schema.hash].values[0]])
    if schema.range is None or schema.range not in tests:
        return partition, None, ()
    operator, placeholders = tests[schema.range]
    return partition, operator, [plain(values[placeholder]) for placeholder in placeholders]


def _check_key(schema: KeySchema, name: str, value: AttributeValue) -> None:
    wrong = schema.check(name, value)
    if wrong == "empty":
        raise DynamoDBError(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
            f"empty string value. Key: {name}"
        )
    if wrong == "type":
        raise DynamoDBError(
            "One or more parameter values were invalid: Condition parameter type does not match schema type"
        )


def _entry(table: Table, index: Index | None, partition: object, start: Item) -> Entry:
    """Return the index entry of an `ExclusiveStartKey`."""
    schemas = [table.schema] if index is None else [table.schema, index.schema]
    names = {name for schema in schemas for name in schema.names}
    if start.keys() != names or any(table.schema.kinds[name] not in start[name] for name in names):
        raise DynamoDBError(_INVALID_START)
    key = table.schema.of(start)
    begun, sort = schemas[-1].of(start)
    if begun != partition:
        raise DynamoDBError(_INVALID_START)
    return (sort,) if index is None else (sort, *key)


def _page(
    table: Table,
    index: Index | None,
    plan: ReadPlan,
    values: Values,
    keys: Iterable[Key],
    count: int,
    limit: int | None,
) -> dict[str, Any]:
    if limit is not None and limit < 1:
        raise DynamoDBError("Limit must be greater than or equal to 1")
    items: list[Item] = []
    scanned = total = 0
    last: Item | None = None
    copy = plan.project or copy_item
    for key in keys:
        item = stored = table.get(key) or {}
        if index is not None:
            item = index.project(stored)
            total += size_of_item(item)
        else:
            total += table.size(key)
        scanned += 1
        if plan.test is None or plan.test(item, values):
            items.append(copy(item))
        if scanned == limit or (total >= MAX_BYTES and scanned < count):
            last = stored
            break
    answer: dict[str, Any] = {"Items": items, "Count": len(items), "ScannedCount": scanned}
    if last is not None:
        names = table.schema.names if index is None else (*table.schema.names, *index.schema.names)
        answer["LastEvaluatedKey"] = copy_item({name: last[name] for name in names})
    return answer
