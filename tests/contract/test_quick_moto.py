"""Moto's DynamoDB made quicker: it answers and keeps what it does without."""

from contextlib import ExitStack
from typing import Any, Final

import pytest
from hypothesis import given, settings

from tapedeck_standin.app.determinism import patched
from tapedeck_standin.aws.moto_patches import QUICK
from tests.conftest import DYNAMODB_URL
from tests.contract.memory_item import KEY, TABLE
from tests.contract.random_requests import Request, steps
from tests.contract.rivals import EVERYTHING, Rivals, clear
from tests.thoroughness import scaled

pytestmark = pytest.mark.skipif(bool(DYNAMODB_URL), reason="moto is not asked there")

LARGEST: Final = 405_000 - len("PKaSK1x")
"""Bytes of one attribute with which moto still takes an item of this key."""


@pytest.fixture(scope="module")
def moto(aws: None) -> Rivals:
    """Moto, as quick as all tests have it."""
    del aws  # only has to be there
    return Rivals("https://dynamodb.us-east-1.amazonaws.com")


def outcome_of(moto: Rivals, requests: list[Request]) -> list[Any]:
    """What moto answers to each, from an empty table on, and what lies there at last."""
    clear(moto.other)
    return [moto.outcome(moto.other, *request) for request in [*requests, *EVERYTHING]]


def told_without(moto: Rivals, requests: list[Request]) -> list[Any]:
    """The same by moto as it was made."""
    with ExitStack() as stack:
        for holder, name, quick in QUICK:
            assert getattr(holder, name) is quick
            stack.enter_context(patched(holder, name, quick.__wrapped__))
        return outcome_of(moto, requests)


@settings(max_examples=scaled(200, 30), deadline=None)
@given(requests=steps(TABLE, simple=True))
def test_answers_the_same(moto: Rivals, requests: list[Request]) -> None:
    """Whatever the adapters may ask in whatever order: pages, indexes, transactions that fail, and what is left."""
    assert outcome_of(moto, requests) == told_without(moto, requests)


@pytest.mark.parametrize(("size", "code"), [(LARGEST, None), (LARGEST + 1, "ValidationException")])
def test_takes_items_of_the_same_size(moto: Rivals, size: int, code: str | None) -> None:
    """The largest that moto takes, and a byte more."""
    requests: list[Request] = [("put_item", {"TableName": TABLE, "Item": {**KEY, "x": {"S": "a" * size}}})]
    answers = outcome_of(moto, requests)
    assert answers == told_without(moto, requests)
    assert answers[0].get("Code") == code
