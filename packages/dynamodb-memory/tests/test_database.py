"""The in-memory database behaves as DynamoDB Local does, and as moto does where moto behaves as AWS does.

Moto is compared with simple requests only. It fails for paths into attributes, for values of an unexpected type and
for double negations; it takes a missing attribute for NULL, ignores idempotency tokens, and rejects much less.
"""

import re
from contextlib import suppress
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings

from dynamodb_memory.client import MemoryDynamoDB
from dynamodb_memory_tests.comparison import (
    DatabaseComparison,
    OtherStream,
    changes_by_item,
    error_of,
    on_dynamodb_local,
)
from dynamodb_memory_tests.expression_examples import (
    CONDITIONS,
    ITEM,
    KEY_CONDITIONS,
    PROJECTIONS,
    UPDATES,
    VALUES,
)
from dynamodb_memory_tests.random_expressions import KEYS, Attributes
from dynamodb_memory_tests.random_requests import Request, steps
from dynamodb_memory_tests.rejected_requests import REJECTED
from dynamodb_memory_tests.tables import TABLE, create_tables
from dynamodb_memory_tests.thoroughness import scaled


@pytest.fixture(scope="module")
def stream(dynamodb_local: DatabaseComparison) -> OtherStream:
    """The stream of DynamoDB Local's table."""
    return OtherStream(dynamodb_local)


@pytest.mark.sized
@settings(max_examples=scaled(deep=400, ci=100, fast=8), deadline=None)
@given(requests=steps(TABLE, simple=True))
def test_responses_equal_those_of_moto(moto: DatabaseComparison, requests: list[Request]) -> None:
    """Random simple requests have equal responses, and leave equal items."""
    moto.compare(requests)


@pytest.mark.dynamodb_local
@pytest.mark.dynamodb_local_only
@on_dynamodb_local
@pytest.mark.sized
@settings(max_examples=scaled(deep=400, ci=100, fast=60), deadline=None)
@given(requests=steps(TABLE, simple=False))
def test_responses_equal_those_of_dynamodb_local(dynamodb_local: DatabaseComparison, requests: list[Request]) -> None:
    """Random requests have equal responses, and leave equal items."""
    dynamodb_local.compare(requests)


@pytest.mark.sized
@settings(max_examples=scaled(deep=1000, ci=200, fast=30), deadline=None)
@given(requests=steps(TABLE, simple=False))
def test_sizes_and_indexes_follow_from_the_items_alone(requests: list[Request]) -> None:
    """After random requests, the table equals one into which its items were put at once."""
    changed, put = MemoryDynamoDB(lambda: 0), MemoryDynamoDB(lambda: 0)
    for database in (changed, put):
        create_tables(database)
    for method, request in requests:
        with suppress(ClientError):
            getattr(changed, method)(**request)
    for item in changed.scan(TableName=TABLE)["Items"]:
        put.put_item(TableName=TABLE, Item=item)
    assert _state(changed) == _state(put)


def _state(database: MemoryDynamoDB) -> Any:
    """Return the description of the table, its items, and what its indexes contain."""
    indexes = {
        (index, partition): database.query(
            TableName=TABLE, IndexName=index, KeyConditionExpression="#name = :partition",
            ExpressionAttributeNames={"#name": name}, ExpressionAttributeValues={":partition": {"S": partition}},
        )["Items"]
        for index, name in (("work", "work"), ("status", "status_key"))
        for partition in "xy"
    }  # fmt: skip
    return database.describe_table(TableName=TABLE), database.scan(TableName=TABLE), indexes


@pytest.mark.parametrize("wrong", REJECTED)
def test_an_invalid_request_is_rejected(memory: MemoryDynamoDB, wrong: str) -> None:
    """A ValidationException is raised, and nothing is written."""
    method, request = REJECTED[wrong]
    with pytest.raises(ClientError) as raised:
        getattr(memory, method)(TableName=TABLE, **request)
    assert error_of(raised.value) == {"Code": "ValidationException", "Item": None, "Reasons": []}
    assert memory.scan(TableName=TABLE)["Items"] == []


@pytest.mark.dynamodb_local
@pytest.mark.dynamodb_local_only
@on_dynamodb_local
def test_dynamodb_local_rejects_the_same_requests(dynamodb_local: DatabaseComparison) -> None:
    """DynamoDB Local rejects each of the invalid requests, too."""
    dynamodb_local.compare((method, {"TableName": TABLE, **request}) for method, request in REJECTED.values())


def _used(expression: str) -> dict[str, Any]:
    """Return the values that an expression uses; AWS rejects unused ones."""
    used = {name: value for name, value in VALUES.items() if re.search(rf"{name}\b", expression)}
    return {"ExpressionAttributeValues": used} if used else {}


def _updated(before: Attributes | None, expression: str) -> list[Request]:
    there = {"TableName": TABLE, "Key": KEYS[0]}
    put = ("put_item", {"TableName": TABLE, "Item": KEYS[0] | (before or {})})
    update = ("update_item", {**there, "UpdateExpression": expression, "ReturnValues": "ALL_NEW", **_used(expression)})
    return [put if before is not None else ("delete_item", there), update]


def _met(condition: str) -> Request:
    item = KEYS[0] | ITEM
    return "put_item", {"TableName": TABLE, "Item": item, "ConditionExpression": condition, **_used(condition)}


def _shown(projection: str) -> Request:
    return "get_item", {"TableName": TABLE, "Key": KEYS[0], "ProjectionExpression": projection}


SIX: Final[list[Request]] = [
    ("put_item", {"TableName": TABLE, "Item": {"PK": {"S": "p"}, "SK": {"S": sort}}}) for sort in "531246"
]


def _found(condition: str) -> Request:
    return "query", {"TableName": TABLE, "KeyConditionExpression": condition, **_used(condition)}


@pytest.mark.parametrize(("before", "expression", "after"), UPDATES)
def test_an_update_is_applied_to_the_item(
    memory: MemoryDynamoDB, before: Attributes | None, expression: str, after: Attributes | None
) -> None:
    """All parts of an update are applied, or it is rejected and nothing is written."""
    (method, request), (_, update) = _updated(before, expression)
    getattr(memory, method)(**request)
    if after is not None:
        assert memory.update_item(**update)["Attributes"] == KEYS[0] | after
        return
    with pytest.raises(ClientError) as raised:
        memory.update_item(**update)
    assert error_of(raised.value) == {"Code": "ValidationException", "Item": None, "Reasons": []}
    assert memory.get_item(TableName=TABLE, Key=KEYS[0])["Item"] == KEYS[0] | (before or {})


@pytest.mark.parametrize(("condition", "holds"), CONDITIONS.items())
def test_a_condition_is_evaluated(memory: MemoryDynamoDB, condition: str, *, holds: bool) -> None:
    """A condition on an item with attributes of all types decides whether it is written."""
    memory.put_item(TableName=TABLE, Item=KEYS[0] | ITEM)
    _, request = _met(condition)
    if holds:
        memory.put_item(**request)
        return
    with pytest.raises(ClientError) as raised:
        memory.put_item(**request)
    assert error_of(raised.value) == {"Code": "ConditionalCheckFailedException", "Item": None, "Reasons": []}


@pytest.mark.parametrize(("projection", "shown"), PROJECTIONS.items())
def test_a_projection_returns_a_part(memory: MemoryDynamoDB, projection: str, shown: Attributes) -> None:
    """A projection returns attributes and parts of lists and maps; missing ones are left out."""
    memory.put_item(TableName=TABLE, Item=KEYS[0] | ITEM)
    assert memory.get_item(**_shown(projection)[1])["Item"] == shown


@pytest.mark.parametrize(("condition", "found"), KEY_CONDITIONS.items())
def test_a_key_condition_selects_a_range(memory: MemoryDynamoDB, condition: str, found: str) -> None:
    """A query returns the matching items of a partition in the order of the sort key."""
    for _, request in SIX:
        memory.put_item(**request)
    items = memory.query(**_found(condition)[1])["Items"]
    assert "".join(item["SK"]["S"] for item in items) == found


@pytest.mark.dynamodb_local
@pytest.mark.dynamodb_local_only
@on_dynamodb_local
def test_dynamodb_local_evaluates_expressions_equally(dynamodb_local: DatabaseComparison) -> None:
    """All examples of expressions have equal results."""
    updated = [request for before, expression, _ in UPDATES for request in _updated(before, expression)]
    put = ("put_item", {"TableName": TABLE, "Item": KEYS[0] | ITEM})
    evaluated = [*map(_met, CONDITIONS), *map(_shown, PROJECTIONS)]
    dynamodb_local.compare([*updated, put, *evaluated, *SIX, *map(_found, KEY_CONDITIONS)])


@pytest.mark.dynamodb_local
@pytest.mark.dynamodb_local_only
@on_dynamodb_local
@pytest.mark.sized
@settings(max_examples=scaled(deep=100, ci=40, fast=20), deadline=None)
@given(requests=steps(TABLE, simple=True))
def test_stream_records_equal_those_of_dynamodb_local(
    dynamodb_local: DatabaseComparison, stream: OtherStream, requests: list[Request]
) -> None:
    """Each change of an item has one record, in order; writes that change nothing have none.

    Moto is not compared: it has two records for an update that creates an item.
    """
    dynamodb_local.memory.take_records(TABLE)
    dynamodb_local.compare(requests)
    ours = dynamodb_local.memory.take_records(TABLE)
    assert changes_by_item(stream.drain(len(ours))) == changes_by_item(ours)
