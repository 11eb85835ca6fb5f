"""Conversion between plain items and DynamoDB attributes, and unprocessed keys of batch reads."""

from enum import StrEnum
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck.adapters.dynamodb.client import (
    DynamoDBTable,
    Write,
    from_attributes,
    to_attribute,
    to_attributes,
)
from tapedeck.domain.errors import StoreBusy, StoreThrottled, StoreUnresolved

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
    """Keys that stay unprocessed at each of five attempts raise `StoreThrottled` rather than shorten the list."""
    client: Any = _UnprocessedClient()
    with pytest.raises(StoreThrottled):
        DynamoDBTable(client, "t", lambda _seconds: None).get_many([{"PK": "a", "SK": "b"}])
    assert client.requests == 5


class _ConflictingClient:
    """A client whose transactions meet another one every time."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        """Reject the transaction, as DynamoDB does while another one changes an item of it."""
        self.tokens.append(request["ClientRequestToken"])
        answer: Any = {
            "Error": {"Code": "TransactionCanceledException"},
            "CancellationReasons": [{"Code": "TransactionConflict"}],
        }
        raise ClientError(answer, "TransactWriteItems")


def test_the_attempts_of_a_transaction_have_one_token() -> None:
    """All five attempts of a transaction have its token, and the next transaction has another one (REL-3)."""
    client: Any = _ConflictingClient()
    waits: list[float] = []
    table = DynamoDBTable(client, "t", waits.append)
    write = Write({"PK": "a", "SK": "b"}, delete=True)
    for _ in range(2):
        with pytest.raises(StoreBusy):
            table.transact([write])
    first, other = client.tokens[0], client.tokens[5]
    assert client.tokens == [first] * 5 + [other] * 5
    assert first != other
    # 20, 40, 80 and 160 ms with full jitter, for each of the two transactions (REL-2).
    assert len(waits) == 8
    assert all(0 <= wait <= limit for wait, limit in zip(waits, [0.02, 0.04, 0.08, 0.16] * 2, strict=True))


class _PagingClient:
    """A client whose queries return one item at a time, of five."""

    def query(self, **request: Any) -> dict[str, Any]:
        """Return the item after the start key, and its key if there are more."""
        number = int(request.get("ExclusiveStartKey", {"N": "0"})["N"])
        more = {"LastEvaluatedKey": {"N": str(number + 1)}} if number < 4 else {}
        return {"Items": [{"SK": {"N": str(number)}}], **more}


@pytest.mark.parametrize(("limit", "expected"), [(None, 5), (1, 1), (3, 3), (9, 5)])
def test_a_query_reads_on_until_it_has_enough(limit: int | None, expected: int) -> None:
    """A query goes on where a response ended, which has at most a megabyte, until all or enough items are read."""
    client: Any = _PagingClient()
    table = DynamoDBTable(client, "t", lambda _seconds: None)
    assert table.query("PK = :pk", {"pk": "a"}, limit=limit) == [{"SK": number} for number in range(expected)]


class _InProgressClient:
    """A client whose transactions stay in progress, and that finds no item."""

    def transact_write_items(self, **_request: Any) -> dict[str, Any]:
        """Answer as DynamoDB does while the same transaction is in progress."""
        answer: Any = {"Error": {"Code": "TransactionInProgressException"}}
        raise ClientError(answer, "TransactWriteItems")

    def get_item(self, **_request: Any) -> dict[str, Any]:
        """Find nothing."""
        return {}


def test_a_transaction_in_progress_gets_time_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked up only after five tries and five pauses of at most 5 seconds in total (C-311)."""
    monkeypatch.setattr("random.uniform", lambda _least, most: most)
    client: Any = _InProgressClient()
    waits: list[float] = []
    with pytest.raises(StoreUnresolved):
        DynamoDBTable(client, "t", waits.append).transact([Write({"PK": "a", "SK": "b"}, item={})])
    assert waits == [0.16, 0.32, 0.64, 1.28, 2.56]
