"""The patches that make moto's DynamoDB faster change neither its responses nor its items."""

from contextlib import ExitStack
from typing import Any, Final

import pytest
from hypothesis import given, settings

from dynamodb_memory_tests.comparison import READ_ALL, DatabaseComparison, clear
from dynamodb_memory_tests.random_requests import Request, steps
from dynamodb_memory_tests.tables import KEY, TABLE
from tapedeck_standin.aws.moto_patches import PATCHES
from tapedeck_standin.aws.patching import patched
from tests.conftest import DYNAMODB_URL
from tests.thoroughness import scaled

pytestmark = pytest.mark.skipif(bool(DYNAMODB_URL), reason="DynamoDB Local is used instead of moto")

LARGEST: Final = 405_000 - len("PKaSK1x")
"""Bytes of one attribute of the largest item with this key that moto accepts."""


@pytest.fixture(scope="module")
def moto(aws: None) -> DatabaseComparison:
    """Moto with the patches, as in all tests."""
    del aws  # only has to be there
    return DatabaseComparison("https://dynamodb.us-east-1.amazonaws.com")


def outcome_of(moto: DatabaseComparison, requests: list[Request]) -> list[Any]:
    """Return moto's responses from an empty table on, and all items at the end."""
    clear(moto.other)
    return [moto.outcome(moto.other, *request) for request in [*requests, *READ_ALL]]


def outcome_without_patches(moto: DatabaseComparison, requests: list[Request]) -> list[Any]:
    """Return the same without the patches."""
    with ExitStack() as stack:
        for holder, name, quick in PATCHES:
            assert getattr(holder, name) is quick
            stack.enter_context(patched(holder, name, quick.__wrapped__))
        return outcome_of(moto, requests)


@pytest.mark.sized
@settings(max_examples=scaled(deep=200, ci=40, fast=4), deadline=None)
@given(requests=steps(TABLE, simple=True))
def test_responses_are_equal_without_the_patches(moto: DatabaseComparison, requests: list[Request]) -> None:
    """Random requests have equal responses, and leave equal items: pages, indexes and failing transactions."""
    assert outcome_of(moto, requests) == outcome_without_patches(moto, requests)


UPDATES: Final = [
    "SET a = :one, b = :one SET c = :one",
    "SET a = :one ADD b :one REMOVE c REMOVE d",
    "ADD a :one ADD b :one SET c = :one SET d = :one",
    "SET a = :one, b = :one, a = :one",
    "SET #m.x = :one, #m.y = :one, #m.x = :one",
    "SET #m = :one, #m.x = :one",
    "SET m.x = :one, m.x.y = :one",
    "SET a = :one, PK = :text",
    "SET a = #unknown",
    "SET a = :unknown",
    "SET a = missing",
    "SET a = missing.x",
    "SET size = :one",
    "SET a = n + :one, b = n - :one, c = if_not_exists(n, :one), d = if_not_exists(missing, :one)",
    "SET l = list_append(l, :list), a = l[0]",
    "SET l = list_append(n, :list)",
    "SET l[0] = :one, l[7] = :one REMOVE n",
    "REMOVE l[0], l[1], #m.x, missing",
    "SET n = text + :one",
    "ADD n :one, fresh :one REMOVE text",
    "ADD text :one",
    "SET a == :one",
    "",
]
"""Update expressions that are right, and those that moto refuses, some of them for more than one reason."""


@pytest.mark.parametrize("expression", UPDATES)
def test_an_update_is_equal_without_the_patches(moto: DatabaseComparison, expression: str) -> None:
    """An update, sent twice alone and once in a transaction, has the same answers and leaves the same items."""
    item = {"n": {"N": "4"}, "text": {"S": "t"}, "l": {"L": [{"N": "1"}, {"N": "2"}]}, "m": {"M": {"x": {"N": "3"}}}}
    update: dict[str, Any] = {"TableName": TABLE, "Key": KEY, "UpdateExpression": expression}
    if "#m" in expression:
        update["ExpressionAttributeNames"] = {"#m": "m"}
    values = {":one": {"N": "1"}, ":text": {"S": "k"}, ":list": {"L": [{"S": "added"}]}}
    update["ExpressionAttributeValues"] = {name: value for name, value in values.items() if name in expression}
    requests: list[Request] = [
        ("put_item", {"TableName": TABLE, "Item": {**KEY, **item}}),
        *[("update_item", {**update, "ReturnValues": "ALL_NEW"})] * 2,
        ("transact_write_items", {"TransactItems": [{"Update": update}]}),
    ]
    assert outcome_of(moto, requests) == outcome_without_patches(moto, requests)


@pytest.mark.parametrize(("size", "code"), [(LARGEST, None), (LARGEST + 1, "ValidationException")])
def test_the_maximum_item_size_is_equal_without_the_patches(
    moto: DatabaseComparison, size: int, code: str | None
) -> None:
    """The largest item that moto accepts is accepted, and one that is a byte larger is rejected."""
    requests: list[Request] = [("put_item", {"TableName": TABLE, "Item": {**KEY, "x": {"S": "a" * size}}})]
    answers = outcome_of(moto, requests)
    assert answers == outcome_without_patches(moto, requests)
    assert answers[0].get("Code") == code
