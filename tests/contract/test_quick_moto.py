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
@settings(max_examples=scaled(deep=200, ci=60, fast=4), deadline=None)
@given(requests=steps(TABLE, simple=True))
def test_responses_are_equal_without_the_patches(moto: DatabaseComparison, requests: list[Request]) -> None:
    """Random requests have equal responses, and leave equal items: pages, indexes and failing transactions."""
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
