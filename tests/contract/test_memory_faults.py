"""Faults of the database in memory: what its callers may meet, and what is written then."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.adapters.dynamodb.client import DynamoDBTable, Write
from tapedeck.domain.errors import StoreUnavailable
from tapedeck_standin.clock import VirtualClock
from tests.client import TEMPLATE
from tests.contract.memory_item import ADD, KEY, PREFIX, TABLE, held, put


class Faults:
    """Fails where it is told to, and knows what it was told of."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str, str, Mapping[str, Any]]] = []
        self.fails: str | None = None

    def meet(self, when: str, operation: str, request: Mapping[str, Any]) -> None:
        """Note it, and fail if it is time."""
        self.outcomes.append((when, operation, request))
        if when == self.fails:
            raise ConnectionClosedError(endpoint_url="memory")


def test_before_a_fault_nothing_is_written_and_after_it_everything(clock: VirtualClock) -> None:
    """Either way the caller has no answer, which the adapters take for a database that does not answer."""
    faults = Faults()
    memory = MemoryDynamoDB(clock, faults.meet)
    TEMPLATE.create_tables(memory, PREFIX)
    faults.outcomes.clear()
    database = DynamoDBTable(memory, TABLE, lambda _seconds: None)
    write = Write({"PK": "a", "SK": "1"}, update="ADD n :one", values={"one": 1})
    for when, expected in (("before", None), ("after", {"n": {"N": "1"}})):
        faults.fails = when
        with pytest.raises(StoreUnavailable):
            database.update(write)
        faults.fails = None
        assert held(memory) == expected
    update = {**write.request(TABLE), "ReturnValues": "ALL_NEW"}
    get = {"TableName": TABLE, "Key": KEY}
    assert faults.outcomes == [
        ("before", "UpdateItem", update),
        ("before", "GetItem", get),
        ("after", "GetItem", get),
        ("before", "UpdateItem", update),
        ("after", "UpdateItem", update),
        ("before", "GetItem", get),
        ("after", "GetItem", get),
    ]


def test_a_refusal_may_be_lost_as_well(clock: VirtualClock) -> None:
    """What a fault raises takes the place of whatever the answer was."""
    faults = Faults()
    memory = MemoryDynamoDB(clock, faults.meet)
    TEMPLATE.create_tables(memory, PREFIX)
    faults.fails = "after"
    with pytest.raises(ConnectionClosedError):
        memory.put_item(TableName=TABLE, Item=KEY, ConditionExpression="attribute_exists(PK)")
    faults.fails = None
    assert held(memory) is None


def test_a_fault_may_use_the_database_itself(clock: VirtualClock) -> None:
    """So that something else happens between a request and its answer."""
    late: list[Callable[[], object]] = []

    def meanwhile(when: str, _operation: str, _request: Mapping[str, Any]) -> None:
        if when == "before" and late:
            late.pop()()

    memory = MemoryDynamoDB(clock, meanwhile)
    TEMPLATE.create_tables(memory, PREFIX)
    late.append(lambda: put(memory, n={"N": "5"}))
    memory.update_item(**ADD)
    assert held(memory) == {"n": {"N": "6"}}
