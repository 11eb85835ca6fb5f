"""An in-memory DynamoDB with the interface of a botocore client, for simulations and fast tests.

It behaves as DynamoDB Local does, and a test compares the two. Where AWS's documentation differs from DynamoDB Local,
the documentation is followed. Deterministic; items do not expire.
"""

import copy
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal

from dynamodb_memory.batches import batch_get, batch_write, digest_of, find_table, read_transaction, transact
from dynamodb_memory.errors import EXCEPTIONS, Exceptions
from dynamodb_memory.plans import plan_read
from dynamodb_memory.queries import query, scan
from dynamodb_memory.stream import StreamRecord
from dynamodb_memory.table import Table
from dynamodb_memory.values import DynamoDBError, copy_item, normalize_item
from dynamodb_memory.writes import WriteAction

Request = Mapping[str, Any]
Record = Mapping[str, Any]
Clock = Callable[[], int]
"""Milliseconds since the epoch."""
Answer = dict[str, Any]

Fault = Callable[[Literal["before", "after"], str, Request], None]
"""Called before and after each operation with its AWS name and its request; may raise an exception for the caller.

`before`: nothing was written. `after`: everything was written, and the exception replaces the response.
"""


def system_clock() -> int:
    """Return the milliseconds since the epoch by the machine's clock."""
    return time.time_ns() // 1_000_000


_TOKEN_LIFETIME_MS: Final = 10 * 60 * 1000

_EXPRESSION_PARAMETERS: Final = {"TableName", "ExpressionAttributeNames", "ExpressionAttributeValues"}
_TABLE: Final = {
    "TableName",
    "KeySchema",
    "AttributeDefinitions",
    "GlobalSecondaryIndexes",
    "BillingMode",
    "StreamSpecification",
}
_WRITE: Final = {"ConditionExpression", "ReturnValues", "ReturnValuesOnConditionCheckFailure"} | _EXPRESSION_PARAMETERS
_PAGE: Final = {
    "FilterExpression",
    "ProjectionExpression",
    "ConsistentRead",
    "Limit",
    "ExclusiveStartKey",
} | _EXPRESSION_PARAMETERS
_PARAMETERS: Final = {
    "CreateTable": _TABLE,
    "DescribeTable": {"TableName"},
    "ListTables": set(),
    "GetItem": {"TableName", "Key", "ConsistentRead", "ProjectionExpression", "ExpressionAttributeNames"},
    "PutItem": {"Item"} | _WRITE,
    "UpdateItem": {"Key", "UpdateExpression"} | _WRITE,
    "DeleteItem": {"Key"} | _WRITE,
    "Query": {"KeyConditionExpression", "IndexName", "ScanIndexForward"} | _PAGE,
    "Scan": _PAGE,
    "BatchGetItem": {"RequestItems"},
    "BatchWriteItem": {"RequestItems"},
    "TransactWriteItems": {"TransactItems", "ClientRequestToken"},
}
"""The supported parameters of each operation; others raise NotImplementedError."""

_SUPPORTED_RETURN_VALUES: Final = {
    "Put": {"NONE", "ALL_OLD"},
    "Update": {"NONE", "ALL_OLD", "ALL_NEW"},
    "Delete": {"NONE", "ALL_OLD"},
}


class MemoryDynamoDB:
    """A substitute for botocore's DynamoDB client, with a subset of its operations and parameters.

    Thread-safe; each operation is atomic. Raises ClientError where DynamoDB rejects a request, and
    NotImplementedError for unsupported parameters.

    Args:
        clock: milliseconds since the epoch; dates stream records and transaction tokens, which last ten minutes.
        fault: injects errors before or after an operation.
    """

    def __init__(self, clock: Clock = system_clock, fault: Fault | None = None) -> None:
        self._clock = clock
        self._fault = fault
        self._lock = threading.RLock()
        self._tables: dict[str, Table] = {}
        self._completed_transactions: dict[str, tuple[int, bytes]] = {}
        """Completed transactions by token: time (milliseconds) and a digest of the items."""

    @property
    def exceptions(self) -> Exceptions:
        """The classes of the errors that are raised: botocore's if it has been imported."""
        return EXCEPTIONS

    def create_table(self, **request: object) -> Answer:
        """Create a table, which is active at once."""
        return self._answer("CreateTable", self._create_table, request)

    def describe_table(self, **request: object) -> Answer:
        """Return the description of a table, with its item count."""
        return self._answer("DescribeTable", lambda parameters: {"Table": self._table(parameters).describe()}, request)

    def list_tables(self, **request: object) -> Answer:
        """Return the names of all tables."""
        return self._answer("ListTables", lambda _: {"TableNames": sorted(self._tables)}, request)

    def get_item(self, **request: object) -> Answer:
        """Read one item; the response has no `Item` if it does not exist."""
        return self._answer("GetItem", self._get_item, request)

    def put_item(self, **request: object) -> Answer:
        """Put an item."""
        return self._answer("PutItem", lambda parameters: self._write("Put", parameters), request)

    def update_item(self, **request: object) -> Answer:
        """Update an item, or create it."""
        return self._answer("UpdateItem", lambda parameters: self._write("Update", parameters), request)

    def delete_item(self, **request: object) -> Answer:
        """Delete an item if it exists."""
        return self._answer("DeleteItem", lambda parameters: self._write("Delete", parameters), request)

    def query(self, **request: object) -> Answer:
        """Read a page of a partition of the table or of an index."""
        return self._answer("Query", lambda parameters: query(self._table(parameters), parameters), request)

    def scan(self, **request: object) -> Answer:
        """Read a page of a table."""
        return self._answer("Scan", lambda parameters: scan(self._table(parameters), parameters), request)

    def batch_get_item(self, **request: object) -> Answer:
        """Read up to 100 items by key."""
        return self._answer("BatchGetItem", lambda parameters: batch_get(self._tables, parameters), request)

    def batch_write_item(self, **request: object) -> Answer:
        """Put or delete up to 25 items."""
        return self._answer(
            "BatchWriteItem", lambda parameters: batch_write(self._tables, parameters, self._clock()), request
        )

    def transact_write_items(self, **request: object) -> Answer:
        """Execute up to 100 writes, all of them or none."""
        return self._answer("TransactWriteItems", self._transact, request)

    def get_paginator(self, operation: Literal["query", "scan"]) -> "MemoryPaginator":
        """Return a paginator for `query` or `scan`."""
        return MemoryPaginator({"query": self.query, "scan": self.scan}[operation])

    def get_waiter(self, name: Literal["table_exists"]) -> "MemoryWaiter":
        """Return a waiter that checks once, because tables are active at once."""
        return MemoryWaiter(name, self.describe_table)

    def take_records(self, table: str) -> list[dict[str, Any]]:
        """Remove and return the table's stream records, in the form of Lambda's events."""
        with self._lock:
            stream = self._tables[table].stream
            return [stream.event(record) for record in stream.drain()] if stream is not None else []

    def take_images(self, table: str) -> list[StreamRecord]:
        """Remove and return the table's stream records as stored; callers must not change the images.

        Shares the records with `take_records`: each record is returned once by either method.
        """
        with self._lock:
            stream = self._tables[table].stream
            return stream.drain() if stream is not None else []

    def _answer(self, operation: str, act: Callable[[Request], Answer], request: Request) -> Answer:
        unknown = request.keys() - _PARAMETERS[operation]
        if unknown:
            raise NotImplementedError(f"{operation} with {', '.join(sorted(unknown))}")
        self._inject_fault("before", operation, request)
        try:
            with self._lock:
                answer = act(request)
        except DynamoDBError as error:
            self._inject_fault("after", operation, request)
            response: Any = {
                "Error": {"Message": error.message, "Code": error.code},
                "ResponseMetadata": {"HTTPStatusCode": 400, "RetryAttempts": 0},
                **error.more,
            }
            raise EXCEPTIONS.ClientError(response, operation) from None
        self._inject_fault("after", operation, request)
        answer["ResponseMetadata"] = {"HTTPStatusCode": 200, "RetryAttempts": 0}
        return answer

    def _inject_fault(self, when: Literal["before", "after"], operation: str, request: Request) -> None:
        if self._fault is not None:
            self._fault(when, operation, request)

    def _table(self, request: Request) -> Table:
        return find_table(self._tables, request["TableName"])

    def _create_table(self, request: Request) -> Answer:
        if request["TableName"] in self._tables:
            raise DynamoDBError(f"Table already exists: {request['TableName']}", "ResourceInUseException")
        table = Table(copy.deepcopy(request), self._clock())
        self._tables[table.name] = table
        return {"TableDescription": table.describe()}

    def _get_item(self, request: Request) -> Answer:
        table = self._table(request)
        plan, _ = plan_read(request)
        item = table.get(table.key_of(normalize_item(request["Key"])))
        return {"Item": (plan.project or copy_item)(item)} if item is not None else {}

    def _write(self, action: str, request: Request) -> Answer:
        returned = request.get("ReturnValues", "NONE")
        if returned not in _SUPPORTED_RETURN_VALUES[action]:
            raise NotImplementedError(f"{action}: unsupported ReturnValues {returned}")
        write = WriteAction(self._table(request), action, request)
        if not write.meets_condition():
            raise DynamoDBError(
                "The conditional request failed", "ConditionalCheckFailedException", **write.failure_details()
            )
        write.prepare()
        write.apply(self._clock())
        image = {"ALL_OLD": write.before, "ALL_NEW": write.after}.get(returned)
        return {"Attributes": copy_item(image)} if image is not None else {}

    def _transact(self, request: Request) -> Answer:
        items, token, now = request["TransactItems"], request.get("ClientRequestToken"), self._clock()
        writes = read_transaction(self._tables, items)
        self._expire_tokens(now - _TOKEN_LIFETIME_MS)
        if token in self._completed_transactions:
            if self._completed_transactions[token][1] != digest_of(items):
                raise DynamoDBError("", "IdempotentParameterMismatchException", Message="")
            return {}
        transact(writes, now)
        if token is not None:
            self._completed_transactions[token] = (now, digest_of(items))
        return {}

    def _expire_tokens(self, until: int) -> None:
        while self._completed_transactions:
            token, (at, _) = next(iter(self._completed_transactions.items()))
            if at > until:
                return
            del self._completed_transactions[token]


class MemoryPaginator:
    """Reads all pages of a query or a scan.

    Args:
        read: the operation of one page.
    """

    def __init__(self, read: Callable[..., Answer]) -> None:
        self._read = read

    def paginate(self, **request: object) -> Iterator[Answer]:
        """Yield each page."""
        while True:
            page = self._read(**request)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


class MemoryWaiter:
    """Checks once whether a table exists.

    Args:
        name: the name of the waiter, for errors.
        describe: the `describe_table` operation.
    """

    def __init__(self, name: str, describe: Callable[..., Answer]) -> None:
        self._name = name
        self._describe = describe

    def wait(self, **request: Any) -> None:  # noqa: ANN401 - AWS's parameter names
        """Return if the table exists.

        Raises:
            WaiterError: the table does not exist.
        """
        try:
            self._describe(TableName=request["TableName"])
        except EXCEPTIONS.ClientError as error:
            raise EXCEPTIONS.WaiterError(self._name, "the table does not exist", error.response) from error


class MemoryChanges:
    """The new stream records of one table; must be the only consumer of that stream.

    Args:
        database: the database of the table.
        table: the name of the table.
    """

    def __init__(self, database: MemoryDynamoDB, table: str) -> None:
        self._database = database
        self._table = table
        self.drain()

    def drain(self) -> list[Record]:
        """Return the records since the last call, in order."""
        return list(self._database.take_records(self._table))
