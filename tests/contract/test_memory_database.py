"""The database in memory: it does what DynamoDB Local does, and what moto does where that does what AWS does.

Against moto there are only such requests as the adapters make, of which it knows enough: within attributes, with
values of another type than expected and with double negations it fails by itself, and a missing attribute is NULL
to it. It passes over a transaction's token, and refuses much less.
"""

import re
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings

from dynamodb_memory.client import MemoryDynamoDB
from tests.contract.expression_examples import CONDITIONS, ITEM, KEY_CONDITIONS, PROJECTIONS, UPDATES, VALUES
from tests.contract.memory_item import TABLE
from tests.contract.random_expressions import KEYS, Attributes
from tests.contract.random_requests import Request, steps
from tests.contract.refused_requests import REFUSED
from tests.contract.rivals import Rivals, Stream, on_dynamodb_local, refusal, told_by_item
from tests.thoroughness import scaled


@pytest.fixture(scope="module")
def moto(aws: None) -> Rivals:
    """Moto, which answers at AWS's own address; it tells no last key where a page ends with its partition."""
    del aws  # only has to be there
    return Rivals("https://dynamodb.us-east-1.amazonaws.com", unlike=["LastEvaluatedKey"])


@pytest.fixture(scope="module")
def stream(dynamodb_local: Rivals) -> Stream:
    """What DynamoDB Local tells of its table."""
    return Stream(dynamodb_local)


@settings(max_examples=scaled(400, 40), deadline=None)
@given(requests=steps(TABLE, simple=True))
def test_it_does_what_moto_does(moto: Rivals, requests: list[Request]) -> None:
    """Whatever the adapters may ask in whatever order has the same answers, and leaves the same."""
    moto.agree(requests)


@pytest.mark.dynamodb_local
@on_dynamodb_local
@settings(max_examples=scaled(400, 60), deadline=None)
@given(requests=steps(TABLE, simple=False))
def test_it_does_what_dynamodb_local_does(dynamodb_local: Rivals, requests: list[Request]) -> None:
    """Whatever is asked in whatever order has the same answers, and leaves the same."""
    dynamodb_local.agree(requests)


@pytest.mark.parametrize("wrong", REFUSED)
def test_it_refuses_what_aws_refuses(memory: MemoryDynamoDB, wrong: str) -> None:
    """Each of these is refused as invalid, and writes nothing."""
    method, request = REFUSED[wrong]
    with pytest.raises(ClientError) as refused:
        getattr(memory, method)(TableName=TABLE, **request)
    assert refusal(refused.value) == {"Code": "ValidationException", "Item": None, "Reasons": []}
    assert memory.scan(TableName=TABLE)["Items"] == []


@pytest.mark.dynamodb_local
@on_dynamodb_local
def test_dynamodb_local_refuses_the_same(dynamodb_local: Rivals) -> None:
    """Nothing is refused in memory that DynamoDB Local would do."""
    dynamodb_local.agree((method, {"TableName": TABLE, **request}) for method, request in REFUSED.values())


def _used(expression: str) -> dict[str, Any]:
    """The values that an expression names; AWS refuses others."""
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
def test_an_update_makes_of_an_item(
    memory: MemoryDynamoDB, before: Attributes | None, expression: str, after: Attributes | None
) -> None:
    """What it says, all at once; or it is refused, and nothing is written."""
    (method, request), (_, update) = _updated(before, expression)
    getattr(memory, method)(**request)
    if after is not None:
        assert memory.update_item(**update)["Attributes"] == KEYS[0] | after
        return
    with pytest.raises(ClientError) as refused:
        memory.update_item(**update)
    assert refusal(refused.value) == {"Code": "ValidationException", "Item": None, "Reasons": []}
    assert memory.get_item(TableName=TABLE, Key=KEYS[0])["Item"] == KEYS[0] | (before or {})


@pytest.mark.parametrize(("condition", "holds"), CONDITIONS.items())
def test_a_condition_holds_or_not(memory: MemoryDynamoDB, condition: str, *, holds: bool) -> None:
    """Of an item that has something of each type."""
    memory.put_item(TableName=TABLE, Item=KEYS[0] | ITEM)
    _, request = _met(condition)
    if holds:
        memory.put_item(**request)
        return
    with pytest.raises(ClientError) as refused:
        memory.put_item(**request)
    assert refusal(refused.value) == {"Code": "ConditionalCheckFailedException", "Item": None, "Reasons": []}


@pytest.mark.parametrize(("projection", "shown"), PROJECTIONS.items())
def test_a_projection_shows_a_part(memory: MemoryDynamoDB, projection: str, shown: Attributes) -> None:
    """Of an item, and of what lies in its lists and maps; nothing of what is not there."""
    memory.put_item(TableName=TABLE, Item=KEYS[0] | ITEM)
    assert memory.get_item(**_shown(projection)[1])["Item"] == shown


@pytest.mark.parametrize(("condition", "found"), KEY_CONDITIONS.items())
def test_a_condition_on_the_key_finds_a_range(memory: MemoryDynamoDB, condition: str, found: str) -> None:
    """Of a partition, in the order of its sort keys."""
    for _, request in SIX:
        memory.put_item(**request)
    items = memory.query(**_found(condition)[1])["Items"]
    assert "".join(item["SK"]["S"] for item in items) == found


@pytest.mark.dynamodb_local
@on_dynamodb_local
def test_dynamodb_local_makes_the_same_of_expressions(dynamodb_local: Rivals) -> None:
    """Of every one of these."""
    updated = [request for before, expression, _ in UPDATES for request in _updated(before, expression)]
    put = ("put_item", {"TableName": TABLE, "Item": KEYS[0] | ITEM})
    asked = [*map(_met, CONDITIONS), *map(_shown, PROJECTIONS)]
    dynamodb_local.agree([*updated, put, *asked, *SIX, *map(_found, KEY_CONDITIONS)])


@pytest.mark.dynamodb_local
@on_dynamodb_local
@settings(max_examples=scaled(100, 20), deadline=None)
@given(requests=steps(TABLE, simple=True))
def test_its_stream_tells_what_dynamodb_local_tells(
    dynamodb_local: Rivals, stream: Stream, requests: list[Request]
) -> None:
    """Each change of each item once and in order, and nothing of writes that change nothing.

    Moto tells of an update that brings an item about twice.
    """
    dynamodb_local.memory.take_records(TABLE)
    dynamodb_local.agree(requests)
    ours = dynamodb_local.memory.take_records(TABLE)
    assert told_by_item(stream.drain(len(ours))) == told_by_item(ours)
