"""The performance patches of moto's DynamoDB do not change its behaviour."""

from contextlib import ExitStack
from typing import Any, Final

import pytest
from hypothesis import given, settings

from tapedeck_standin.aws.moto_patches import QUICK
from tapedeck_standin.aws.patching import patched
from tests.conftest import DYNAMODB_URL
from tests.contract.memory_item import KEY, TABLE
from tests.contract.random_requests import Request, steps
from tests.contract.rivals import EVERYTHING, Rivals, clear
from tests.thoroughness import scaled

pytestmark = pytest.mark.skipif(bool(DYNAMODB_URL), reason="moto is not used there")

LARGEST: Final = 405_000 - len("PKaSK1x")
"""The largest attribute, in bytes, that moto accepts in an item with this key."""


@pytest.fixture(scope="module")
def moto(aws: None) -> Rivals:
    """Moto with the patches."""
    del aws  # the emulator must be running
    return Rivals("https://dynamodb.us-east-1.amazonaws.com")


def outcome_of(moto: Rivals, requests: list[Request]) -> list[Any]:
    """The responses of patched moto, from an empty table on, and the final items."""
    clear(moto.other)
    return [moto.outcome(moto.other, *request) for request in [*requests, *EVERYTHING]]


def outcome_without_patches(moto: Rivals, requests: list[Request]) -> list[Any]:
    """The responses of unpatched moto."""
    with ExitStack() as stack:
        for holder, name, quick in QUICK:
            assert getattr(holder, name) is quick
            stack.enter_context(patched(holder, name, quick.__wrapped__))
        return outcome_of(moto, requests)


@settings(max_examples=scaled(200, 30), deadline=None)
@given(requests=steps(TABLE, simple=True))
def test_answers_the_same(moto: Rivals, requests: list[Request]) -> None:
    """Random requests give the same responses and items with and without the patches."""
    assert outcome_of(moto, requests) == outcome_without_patches(moto, requests)


@pytest.mark.parametrize(("size", "code"), [(LARGEST, None), (LARGEST + 1, "ValidationException")])
def test_takes_items_of_the_same_size(moto: Rivals, size: int, code: str | None) -> None:
    """The size limit of an item is the same with and without the patches."""
    requests: list[Request] = [("put_item", {"TableName": TABLE, "Item": {**KEY, "x": {"S": "a" * size}}})]
    answers = outcome_of(moto, requests)
    assert answers == outcome_without_patches(moto, requests)
    assert answers[0].get("Code") == code
