"""The in-memory database has DynamoDB's limits of items, pages, batches and transactions."""

from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from dynamodb_memory.client import MemoryDynamoDB
from dynamodb_memory_tests.comparison import DatabaseComparison, error_of, on_dynamodb_local
from dynamodb_memory_tests.random_expressions import KEYS, Attributes
from dynamodb_memory_tests.random_requests import Request
from dynamodb_memory_tests.tables import TABLE


def _together(*items: dict[str, Any]) -> Request:
    return "transact_write_items", {"TransactItems": list(items)}


def _put(key: Attributes) -> Any:
    return {"Put": {"TableName": TABLE, "Item": key}}


def _delete(key: Attributes) -> Any:
    return {"Delete": {"TableName": TABLE, "Key": key}}


def _keys(count: int) -> list[Attributes]:
    return [{"PK": {"S": "many"}, "SK": {"S": str(number)}} for number in range(count)]


def _read(*keys: Attributes) -> Request:
    return "batch_get_item", {"RequestItems": {TABLE: {"Keys": list(keys)}}}


def _written(*requests: dict[str, Any]) -> Request:
    return "batch_write_item", {"RequestItems": {TABLE: list(requests)}}


INVALID: Final[dict[str, Request]] = {
    "a transaction of nothing": _together(),
    "a transaction of 101": _together(*map(_put, _keys(101))),
    "a transaction with an item twice": _together(_put(KEYS[0]), _delete(KEYS[0])),
    "two writes in one": _together({**_put(KEYS[0]), **_delete(KEYS[1])}),
    "a check of nothing": _together({"ConditionCheck": {"TableName": TABLE, "Key": KEYS[0]}}),
    "a transaction of more than 4 MB": _together(*(_put(key | {"x": {"S": "x" * 390_000}}) for key in _keys(11))),
    "a batch that reads nothing": _read(),
    "a batch that reads 101": _read(*_keys(101)),
    "a batch that reads an item twice": _read(KEYS[0], KEYS[0]),
    "a batch that writes nothing": _written(),
    "a batch that writes 26": _written(*({"PutRequest": {"Item": key}} for key in _keys(26))),
    "a batch that writes an item twice": _written(
        {"PutRequest": {"Item": KEYS[0]}}, {"DeleteRequest": {"Key": KEYS[0]}}
    ),
    "two writes of a batch in one": _written({"PutRequest": {"Item": KEYS[0]}, "DeleteRequest": {"Key": KEYS[1]}}),
    "a batch with an invalid part": _written({"PutRequest": {"Item": KEYS[0]}}, {"DeleteRequest": {"Key": {}}}),
}


@pytest.mark.parametrize("wrong", INVALID)
def test_an_invalid_batch_or_transaction_is_rejected(memory: MemoryDynamoDB, wrong: str) -> None:
    """A ValidationException is raised, and nothing is written."""
    method, request = INVALID[wrong]
    with pytest.raises(ClientError) as raised:
        getattr(memory, method)(**request)
    assert error_of(raised.value) == {"Code": "ValidationException", "Item": None, "Reasons": []}
    assert memory.scan(TableName=TABLE)["Items"] == []


def test_a_transaction_may_not_check_and_write_one_item(memory: MemoryDynamoDB) -> None:
    """AWS rejects a check and a write of the same item; DynamoDB Local does not."""
    check = {"ConditionCheck": {"TableName": TABLE, "Key": KEYS[0], "ConditionExpression": "attribute_not_exists(PK)"}}
    with pytest.raises(ClientError) as raised:
        memory.transact_write_items(TransactItems=[check, _put(KEYS[0])])
    assert error_of(raised.value) == {"Code": "ValidationException", "Item": None, "Reasons": []}


@pytest.mark.parametrize("name", ["another's", ""])
def test_an_unknown_table_is_not_found(memory: MemoryDynamoDB, name: str) -> None:
    """Each operation on a table that does not exist raises ResourceNotFoundException."""
    for method, request in (
        ("get_item", {"Key": KEYS[0]}),
        ("put_item", {"Item": KEYS[0]}),
        ("query", {"KeyConditionExpression": "PK = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}}),
        ("describe_table", {}),
    ):
        with pytest.raises(ClientError) as raised:
            getattr(memory, method)(TableName=name, **request)
        assert error_of(raised.value)["Code"] == "ResourceNotFoundException"


WEIGHED: Final[list[tuple[Attributes, int]]] = [
    ({"S": "aé€"}, 6),
    ({"N": "0"}, 1),
    ({"N": "12"}, 2),
    ({"N": "123"}, 3),
    ({"N": "-1"}, 3),
    ({"N": "1000"}, 2),
    ({"N": "1001"}, 3),
    ({"N": "0.1"}, 2),
    ({"N": "100.1"}, 4),
    ({"BOOL": True}, 1),
    ({"NULL": True}, 1),
    ({"B": b"abc"}, 3),
    ({"SS": ["a", "bc"]}, 3),
    ({"NS": ["1", "200"]}, 4),
    ({"L": []}, 3),
    ({"L": [{"S": "a"}, {"L": []}]}, 9),
    ({"M": {"ab": {"S": "c"}}}, 7),
]
"""Values and their sizes in bytes."""


def _filled(value: Attributes, size: int) -> Request:
    """Make a request that puts an item of the maximum size, provided that the value has this size."""
    rest = len("PKaSK1vf") + size
    item = KEYS[0] | {"v": value, "f": {"S": "f" * (400 * 1024 - rest)}}
    return "put_item", {"TableName": TABLE, "Item": item}


@pytest.mark.parametrize(("value", "size"), WEIGHED)
def test_an_item_has_at_most_400_kilobytes(memory: MemoryDynamoDB, value: Attributes, size: int) -> None:
    """An item of exactly 400 KB is accepted and a larger one is rejected, by the sizes in AWS's guide."""
    memory.put_item(**_filled(value, size)[1])
    with pytest.raises(ClientError) as raised:
        memory.put_item(**_filled(value, size - 1)[1])
    assert error_of(raised.value)["Code"] == "ValidationException"


def _pages(size: int) -> list[Request]:
    """Make requests that put six items of this size, query them and delete them."""
    items = [{"PK": {"S": "p"}, "SK": {"S": str(number)}} for number in range(6)]
    filler = {"x": {"S": "x" * (size - len("PKpSK0x"))}}
    condition = {"KeyConditionExpression": "PK = :p", "ExpressionAttributeValues": {":p": {"S": "p"}}}
    query = {"TableName": TABLE, "ProjectionExpression": "SK", **condition}
    return [
        *(("put_item", {"TableName": TABLE, "Item": item | filler}) for item in items),
        ("query", query),
        ("query", query | {"ScanIndexForward": False}),
        ("query", query | {"ExclusiveStartKey": items[1]}),
        *(("delete_item", {"TableName": TABLE, "Key": item}) for item in items),
    ]


QUARTER: Final = 1024 * 1024 // 4


@pytest.mark.parametrize(("size", "count"), [(QUARTER - 1, 5), (QUARTER, 4), (QUARTER + 1, 4)])
def test_a_page_ends_with_the_item_that_fills_a_megabyte(memory: MemoryDynamoDB, size: int, count: int) -> None:
    """The size before the projection counts, and the last page has no LastEvaluatedKey."""
    puts, (first, last, rest) = _pages(size)[:6], _pages(size)[6:9]
    for _, request in puts:
        memory.put_item(**request)
    pages = [memory.query(**request) for _, request in (first, last, rest)]
    assert [page["Count"] for page in pages] == [count, count, 4]
    assert [page.get("LastEvaluatedKey", {}).get("SK") for page in pages] == [
        {"S": str(count - 1)}, {"S": str(6 - count)}, None,
    ]  # fmt: skip


def _read_too_much(client: Any) -> tuple[list[Attributes], Any]:
    """Put 45 items of almost 400 KB each and read them in one batch; return the keys found and UnprocessedKeys."""
    keys = _keys(45)
    for key in keys:
        client.put_item(TableName=TABLE, Item=key | {"x": {"S": "x" * 400_000}})
    answer = client.batch_get_item(RequestItems={TABLE: {"Keys": keys, "ConsistentRead": True}})
    return [{"PK": item["PK"], "SK": item["SK"]} for item in answer["Responses"][TABLE]], answer["UnprocessedKeys"]


def test_a_batch_read_leaves_what_exceeds_16_megabytes_unprocessed(memory: MemoryDynamoDB) -> None:
    """UnprocessedKeys has the form of a request for the rest."""
    found, left = _read_too_much(memory)
    assert found == _keys(45)[:41]
    assert left == {TABLE: {"Keys": _keys(45)[41:], "ConsistentRead": True}}


@pytest.mark.dynamodb_local
@pytest.mark.dynamodb_local_only
@on_dynamodb_local
def test_dynamodb_local_has_the_same_limits(dynamodb_local: DatabaseComparison) -> None:
    """All limits are equal; which items a batch read leaves unprocessed is undefined."""
    weighed = [_filled(value, size - less) for value, size in WEIGHED for less in (0, 1)]
    pages = [request for size in (QUARTER - 1, QUARTER, QUARTER + 1) for request in _pages(size)]
    dynamodb_local.compare([*INVALID.values(), *weighed, *pages])
    found, left = _read_too_much(dynamodb_local.other)
    assert len(found) == 41
    assert len(left[TABLE].pop("Keys")) == 4
    assert left == {TABLE: {"ConsistentRead": True}}
    dynamodb_local.compare([])
