"""Limits of the database in memory, which are those of DynamoDB Local: of items, pages, batches and transactions."""

from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from dynamodb_memory.client import MemoryDynamoDB
from tests.contract.memory_item import TABLE
from tests.contract.random_expressions import KEYS, Attributes
from tests.contract.random_requests import Request
from tests.contract.rivals import Rivals, on_dynamodb_local, refusal


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


REFUSED_TOGETHER: Final[dict[str, Request]] = {
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


@pytest.mark.parametrize("wrong", REFUSED_TOGETHER)
def test_it_refuses_what_does_not_go_together(memory: MemoryDynamoDB, wrong: str) -> None:
    """Each of these is refused as invalid, and writes nothing."""
    method, request = REFUSED_TOGETHER[wrong]
    with pytest.raises(ClientError) as refused:
        getattr(memory, method)(**request)
    assert refusal(refused.value) == {"Code": "ValidationException", "Item": None, "Reasons": []}
    assert memory.scan(TableName=TABLE)["Items"] == []


def test_a_check_and_a_write_of_one_item_do_not_go_together(memory: MemoryDynamoDB) -> None:
    """AWS refuses it, though DynamoDB Local does not."""
    check = {"ConditionCheck": {"TableName": TABLE, "Key": KEYS[0], "ConditionExpression": "attribute_not_exists(PK)"}}
    with pytest.raises(ClientError) as refused:
        memory.transact_write_items(TransactItems=[check, _put(KEYS[0])])
    assert refusal(refused.value) == {"Code": "ValidationException", "Item": None, "Reasons": []}


@pytest.mark.parametrize("name", ["nobody's", ""])
def test_an_unknown_table_is_not_found(memory: MemoryDynamoDB, name: str) -> None:
    """Whatever is asked of it."""
    for method, request in (
        ("get_item", {"Key": KEYS[0]}),
        ("put_item", {"Item": KEYS[0]}),
        ("query", {"KeyConditionExpression": "PK = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}}),
        ("describe_table", {}),
    ):
        with pytest.raises(ClientError) as refused:
            getattr(memory, method)(TableName=name, **request)
        assert refusal(refused.value)["Code"] == "ResourceNotFoundException"


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
"""Values, and their bytes."""


def _filled(value: Attributes, size: int) -> Request:
    """An item that is as large as an item may be, if that value has this size."""
    rest = len("PKaSK1vf") + size
    item = KEYS[0] | {"v": value, "f": {"S": "f" * (400 * 1024 - rest)}}
    return "put_item", {"TableName": TABLE, "Item": item}


@pytest.mark.parametrize(("value", "size"), WEIGHED)
def test_an_item_has_400_kilobytes(memory: MemoryDynamoDB, value: Attributes, size: int) -> None:
    """By the sizes of AWS's guide, and not a byte more."""
    memory.put_item(**_filled(value, size)[1])
    with pytest.raises(ClientError) as refused:
        memory.put_item(**_filled(value, size - 1)[1])
    assert refusal(refused.value)["Code"] == "ValidationException"


def _pages(size: int) -> list[Request]:
    """Six items of so many bytes, and a query of them."""
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
    """Whatever is shown of it; no key is told where nothing is left."""
    puts, (first, last, rest) = _pages(size)[:6], _pages(size)[6:9]
    for _, request in puts:
        memory.put_item(**request)
    pages = [memory.query(**request) for _, request in (first, last, rest)]
    assert [page["Count"] for page in pages] == [count, count, 4]
    assert [page.get("LastEvaluatedKey", {}).get("SK") for page in pages] == [
        {"S": str(count - 1)}, {"S": str(6 - count)}, None,
    ]  # fmt: skip


def _read_too_much(client: Any) -> tuple[list[Attributes], Any]:
    """What a batch read of 45 items of almost 400 KB each finds, and what it leaves over."""
    keys = _keys(45)
    for key in keys:
        client.put_item(TableName=TABLE, Item=key | {"x": {"S": "x" * 400_000}})
    answer = client.batch_get_item(RequestItems={TABLE: {"Keys": keys, "ConsistentRead": True}})
    return [{"PK": item["PK"], "SK": item["SK"]} for item in answer["Responses"][TABLE]], answer["UnprocessedKeys"]


def test_a_batch_leaves_over_what_exceeds_16_megabytes(memory: MemoryDynamoDB) -> None:
    """It is to be asked for again, in the same way."""
    found, left = _read_too_much(memory)
    assert found == _keys(45)[:41]
    assert left == {TABLE: {"Keys": _keys(45)[41:], "ConsistentRead": True}}


@pytest.mark.dynamodb_local
@on_dynamodb_local
def test_dynamodb_local_has_the_same_limits(dynamodb_local: Rivals) -> None:
    """Of items, pages, batches and transactions; which items a batch leaves over is nobody's promise."""
    weighed = [_filled(value, size - less) for value, size in WEIGHED for less in (0, 1)]
    pages = [request for size in (QUARTER - 1, QUARTER, QUARTER + 1) for request in _pages(size)]
    dynamodb_local.agree([*REFUSED_TOGETHER.values(), *weighed, *pages])
    found, left = _read_too_much(dynamodb_local.other)
    assert len(found) == 41
    assert len(left[TABLE].pop("Keys")) == 4
    assert left == {TABLE: {"ConsistentRead": True}}
    dynamodb_local.agree([])
