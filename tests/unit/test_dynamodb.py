"""Plain items and DynamoDB's typed form, into each other; what is left over when DynamoDB takes no more."""

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
def test_reads_what_it_writes(item: dict[str, Any]) -> None:
    """An item comes back as it went, types and all."""
    back = from_attributes(to_attributes(item))
    assert back == item
    assert [type(value) for value in back.values()] == [type(value) for value in item.values()]


def read_by_aws(attribute: Any) -> Any:
    """The plain value, as AWS's own package reads it."""
    return TypeDeserializer().deserialize(attribute)


@quick
@given(ITEMS)
def test_writes_what_others_read(item: dict[str, Any]) -> None:
    """AWS's own reader understands the typed form."""
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
def test_writes_each_type(value: Any, attribute: dict[str, Any]) -> None:
    """Each type has one spelling; an enumeration's member is its text, and None inside an object is left out."""
    assert to_attribute(value) == attribute
    assert type(next(iter(to_attribute(value).values()))) is type(next(iter(attribute.values())))


def test_leaves_out_none() -> None:
    """What is None is not there."""
    assert to_attributes({"a": None, "b": "x"}) == {"b": {"S": "x"}}


@pytest.mark.parametrize("value", [1.5, object(), {1, 2}, None, 1j])
def test_refuses_other_types(value: Any) -> None:
    """What has no spelling is a fault of the program."""
    with pytest.raises(TypeError):
        to_attribute(value)


class _LeavesAllOver:
    """A client whose batch reads answer nothing of what was asked."""

    def __init__(self) -> None:
        self.requests = 0

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """DynamoDB's answer where it has no room for any of the keys."""
        self.requests += 1
        return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}


def test_a_batch_that_is_never_read_in_full_is_throttling() -> None:
    """Keys that are left over at every try mean that the store is throttled; a list is never short."""
    client: Any = _LeavesAllOver()
    with pytest.raises(StoreThrottled):
        DynamoDBTable(client, "t", lambda _seconds: None).get_many([{"PK": "a", "SK": "b"}])
    assert client.requests == MAX_CONFLICT_ATTEMPTS
