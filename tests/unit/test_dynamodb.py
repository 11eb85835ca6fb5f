"""Conversion between plain items and DynamoDB attributes, and unprocessed keys of batch reads."""

from enum import StrEnum
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck.adapters.dynamodb.client import (
    MAX_CONFLICT_ATTEMPTS,
    DynamoDBTable,
    from_attributes,
    to_attribute,
    to_attributes,
)
from tapedeck.domain.errors import StoreThrottled

quick = settings(max_examples=40, deadline=None, database=None)
SCALARS = (
    st.text(max_size=20)
    | st.booleans()
    | st.integers(min_value=-(10**37), max_value=10**37)
    | st.binary(max_size=20)
    | st.frozensets(st.text(min_size=1, max_size=8), min_size=1, max_size=4)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
ITEMS = st.dictionaries(st.text(min_size=1, max_size=8), VALUES, max_size=6)


@quick
@given(ITEMS)
def test_items_round_trip(item: dict[str, Any]) -> None:
    """An item survives the conversion to attributes and back, with its types."""
    back = from_attributes(to_attributes(item))
    assert back == item
    assert [type(value) for value in back.values()] == [type(value) for value in item.values()]


def read_by_aws(attribute: Any) -> Any:
    """Return the plain value as boto3 deserializes it."""
    return TypeDeserializer().deserialize(attribute)


@quick
@given(ITEMS)
def test_boto3_reads_the_attributes(item: dict[str, Any]) -> None:
    """The deserializer of boto3 returns the same item from the attributes."""
    read = {name: read_by_aws(value) for name, value in to_attributes(item).items()}
    assert read == item


class _Word(StrEnum):
    ONE = "one"


@pytest.mark.parametrize(
    ("value", "attribute"),
    [
        ("", {"S": ""}),
        (_Word.ONE, {"S": "one"}),
        (True, {"BOOL": True}),
        (1, {"N": "1"}),
        (-7, {"N": "-7"}),
        (b"\x00", {"B": b"\x00"}),
        (frozenset({"b", "a"}), {"SS": ["a", "b"]}),
        (("a", 1), {"L": [{"S": "a"}, {"N": "1"}]}),
        ([], {"L": []}),
        ({"a": None, "b": {"c": False}}, {"M": {"b": {"M": {"c": {"BOOL": False}}}}}),
    ],
)
def test_converts_each_type(value: Any, attribute: dict[str, Any]) -> None:
    """Each type has one attribute form; an enumeration member is its text; None inside a map is omitted."""
    assert to_attribute(value) == attribute
    assert type(next(iter(to_attribute(value).values()))) is type(next(iter(attribute.values())))


def test_omits_none() -> None:
    """An attribute with the value None is omitted."""
    assert to_attributes({"a": None, "b": "x"}) == {"b": {"S": "x"}}


@pytest.mark.parametrize("value", [1.5, object(), {1, 2}, None, 1j])
def test_rejects_other_types(value: Any) -> None:
    """A type without an attribute form raises `TypeError`."""
    with pytest.raises(TypeError):
        to_attribute(value)


class _UnprocessedClient:
    """A client whose batch reads return every key as unprocessed."""

    def __init__(self) -> None:
        self.requests = 0

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Return all keys as unprocessed, as a throttled DynamoDB does."""
        self.requests += 1
        return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}


def test_a_batch_with_unprocessed_keys_raises_throttled() -> None:
    """Keys that stay unprocessed at every attempt raise `StoreThrottled` rather than shorten the list."""
    client: Any = _UnprocessedClient()
    with pytest.raises(StoreThrottled):
        DynamoDBTable(client, "t", lambda _seconds: None).get_many([{"PK": "a", "SK": "b"}])
    assert client.requests == MAX_CONFLICT_ATTEMPTS
