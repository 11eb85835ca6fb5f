"""Injected faults raise exceptions before or after an operation, and may use the database themselves."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from dynamodb_memory.client import MemoryDynamoDB
from dynamodb_memory_tests.clock import ManualClock
from dynamodb_memory_tests.tables import ADD, KEY, TABLE, create_tables, put, stored


class FaultRecorder:
    """Records the calls of the fault hook, and raises at the selected point."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Mapping[str, Any]]] = []
        self.fails: str | None = None

    def inject(self, when: str, operation: str, request: Mapping[str, Any]) -> None:
        """Record the call; raise if `fails` names this point."""
        self.calls.append((when, operation, request))
        if when == self.fails:
            raise ConnectionClosedError(endpoint_url="memory")


def test_a_fault_before_an_operation_prevents_the_write_and_one_after_it_does_not(clock: ManualClock) -> None:
    """In both cases the caller gets the exception; the hook is called with the operation and its request."""
    faults = FaultRecorder()
    memory = MemoryDynamoDB(clock, faults.inject)
    create_tables(memory)
    faults.calls.clear()
    for when, expected in (("before", None), ("after", {"n": {"N": "1"}})):
        faults.fails = when
        with pytest.raises(ConnectionClosedError):
            memory.update_item(**ADD)
        faults.fails = None
        assert stored(memory) == expected
    get = {"TableName": TABLE, "Key": KEY}
    assert faults.calls == [
        ("before", "UpdateItem", ADD),
        ("before", "GetItem", get),
        ("after", "GetItem", get),
        ("before", "UpdateItem", ADD),
        ("after", "UpdateItem", ADD),
        ("before", "GetItem", get),
        ("after", "GetItem", get),
    ]


def test_a_fault_may_replace_an_error(clock: ManualClock) -> None:
    """An exception raised after a rejected operation replaces the operation's own error."""
    faults = FaultRecorder()
    memory = MemoryDynamoDB(clock, faults.inject)
    create_tables(memory)
    faults.fails = "after"
    with pytest.raises(ConnectionClosedError):
        memory.put_item(TableName=TABLE, Item=KEY, ConditionExpression="attribute_exists(PK)")
    faults.fails = None
    assert stored(memory) is None


def test_a_fault_may_use_the_database(clock: ManualClock) -> None:
    """The hook may write to the database between a request and its response."""
    late: list[Callable[[], object]] = []

    def write_meanwhile(when: str, _operation: str, _request: Mapping[str, Any]) -> None:
        if when == "before" and late:
            late.pop()()

    memory = MemoryDynamoDB(clock, write_meanwhile)
    create_tables(memory)
    late.append(lambda: put(memory, n={"N": "5"}))
    memory.update_item(**ADD)
    assert stored(memory) == {"n": {"N": "6"}}
