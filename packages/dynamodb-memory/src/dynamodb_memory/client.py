"""DynamoDB in this process's memory, at the level of botocore's client: for simulations, and for quick stand-ins.

It does what DynamoDB Local does, to which a test holds it, but for a few things that AWS's documentation has
otherwise; those are done as that says. Nothing expires, and nothing is left to chance.
"""

import copy
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal

from botocore.exceptions import ClientError, WaiterError

from dynamodb_memory.batches import batch_get, batch_write, copy_request, find_table, read_transaction, transact
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
"""Is told of each operation by AWS's name, with its request, and may raise what the caller is to meet.

`before` it nothing was written; `after` it everything was, and what is raised takes the answer's place.
"""


def system_clock() -> int:
    """Milliseconds since the epoch, by this machine's clock."""
    return time.time_ns() // 1_000_000


_MILLISECONDS_A_TOKEN_LASTS: Final = 10 * 60 * 1000

_EXPRESSIONS: Final = {"TableName", "ExpressionAttributeNames", "ExpressionAttributeValues"}
_TABLE: Final = {
    "TableName",
    "KeySchema",
    "AttributeDefinitions",
    "GlobalSecondaryIndexes",
    "BillingMode",
    "StreamSpecification",
}
_WRITE: Final = {"ConditionExpression", "ReturnValues", "ReturnValuesOnConditionCheckFailure"} | _EXPRESSIONS
_PAGE: Final = {
    "FilterExpression",
    "ProjectionExpression",
    "ConsistentRead",
    "Limit",
    "ExclusiveStartKey",
} | _EXPRESSIONS
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
"""What is known of each operation; anything else is refused rather than passed over."""

_RETURNED: Final = {
    "Put": {"NONE", "ALL_OLD"},
    "Update": {"NONE", "ALL_OLD", "ALL_NEW"},
    "Delete": {"NONE", "ALL_OLD"},
}


class MemoryDynamoDB:
    """Takes and returns what botocore's client of DynamoDB takes and returns, in so far as it is used here.

    Threads may share it; each operation is done at once. It raises ClientError where DynamoDB refuses, and
    NotImplementedError for what it does not know.

    Args:
        clock: dates the streams, and the tokens of transactions, which last ten minutes.
        fault: what may go wrong.
    """

    def __init__(self, clock: Clock = system_clock, fault: Fault | None = None) -> None:
        self._clock = clock
        self._fault = fault
        self._lock = threading.RLock()
        self._tables: dict[str, Table] = {}
        self._done: dict[str, tuple[int, Any]] = {}
        """Transactions by token: when, and what."""

    def create_table(self, **request: object) -> Answer:
        """Make a table, which is there at once."""
        return self._answer("CreateTable", self._create_table, request)

    def describe_table(self, **request: object) -> Answer:
        """What a table was made of, and how many items it has."""
        return self._answer("DescribeTable", lambda asked: {"Table": self._table(asked).describe()}, request)

    def list_tables(self, **request: object) -> Answer:
        """All tables' names."""
        return self._answer("ListTables", lambda _: {"TableNames": sorted(self._tables)}, request)

    def get_item(self, **request: object) -> Answer:
        """One item; without `Item` if there is none."""
        return self._answer("GetItem", self._get_item, request)

    def put_item(self, **request: object) -> Answer:
        """Put one item."""
        return self._answer("PutItem", lambda asked: self._write("Put", asked), request)

    def update_item(self, **request: object) -> Answer:
        """Change one item, or bring it about."""
        return self._answer("UpdateItem", lambda asked: self._write("Update", asked), request)

    def delete_item(self, **request: object) -> Answer:
        """Delete one item, if it is there."""
        return self._answer("DeleteItem", lambda asked: self._write("Delete", asked), request)

    def query(self, **request: object) -> Answer:
        """A page of a partition, of the table or of an index."""
        return self._answer("Query", lambda asked: query(self._table(asked), asked), request)

    def scan(self, **request: object) -> Answer:
        """A page of a table."""
        return self._answer("Scan", lambda asked: scan(self._table(asked), asked), request)

    def batch_get_item(self, **request: object) -> Answer:
        """Up to 100 items by key."""
        return self._answer("BatchGetItem", lambda asked: batch_get(self._tables, asked), request)

    def batch_write_item(self, **request: object) -> Answer:
        """Up to 25 items put or deleted."""
        return self._answer("BatchWriteItem", lambda asked: batch_write(self._tables, asked, self._clock()), request)

    def transact_write_items(self, **request: object) -> Answer:
        """Up to 100 writes, all of them or none."""
        return self._answer("TransactWriteItems", self._transact, request)

    def get_paginator(self, operation: Literal["query", "scan"]) -> "MemoryPaginator":
        """Reads page after page."""
        return MemoryPaginator({"query": self.query, "scan": self.scan}[operation])

    def get_waiter(self, name: Literal["table_exists"]) -> "MemoryWaiter":
        """Waits for nothing: what is not there will not come."""
        return MemoryWaiter(name, self.describe_table)

    def take_records(self, table: str) -> list[dict[str, Any]]:
        """What the table's stream has told since somebody last asked, as Lambda's events have it."""
        with self._lock:
            stream = self._tables[table].stream
            return [stream.event(record) for record in stream.drain()] if stream is not None else []

    def take_images(self, table: str) -> list[StreamRecord]:
        """The same, as it is kept: nobody may change the images. What was taken in one form is gone in the other."""
        with self._lock:
            stream = self._tables[table].stream
            return stream.drain() if stream is not None else []

    def _answer(self, operation: str, act: Callable[[Request], Answer], request: Request) -> Answer:
        unknown = request.keys() - _PARAMETERS[operation]
        if unknown:
            raise NotImplementedError(f"{operation} with {', '.join(sorted(unknown))}")
        self._append_to_stream("before", operation, request)
        try:
            with self._lock:
                answer = act(request)
        except DynamoDBError as refused:
            self._append_to_stream("after", operation, request)
            response: Any = {
                "Error": {"Message": refused.message, "Code": refused.code},
                "ResponseMetadata": {"HTTPStatusCode": 400, "RetryAttempts": 0},
                **refused.more,
            }
            raise ClientError(response, operation) from None
        self._append_to_stream("after", operation, request)
        answer["ResponseMetadata"] = {"HTTPStatusCode": 200, "RetryAttempts": 0}
        return answer

    def _append_to_stream(self, when: Literal["before", "after"], operation: str, request: Request) -> None:
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
        wanted = request.get("ReturnValues", "NONE")
        if wanted not in _RETURNED[action]:
            raise NotImplementedError(f"{action} that returns {wanted}")
        write = WriteAction(self._table(request), action, request)
        if not write.meets():
            raise DynamoDBError("The conditional request failed", "ConditionalCheckFailedException", **write.found())
        write.prepare()
        write.apply(self._clock())
        image = {"ALL_OLD": write.before, "ALL_NEW": write.after}.get(wanted)
        return {"Attributes": copy_item(image)} if image is not None else {}

    def _transact(self, request: Request) -> Answer:
        items, token, now = request["TransactItems"], request.get("ClientRequestToken"), self._clock()
        writes = read_transaction(self._tables, items)
        self._forget_tokens(now - _MILLISECONDS_A_TOKEN_LASTS)
        if token in self._done:
            if self._done[token][1] != items:
                raise DynamoDBError("", "IdempotentParameterMismatchException", Message="")
            return {}
        transact(writes, now)
        if token is not None:
            self._done[token] = (now, copy_request(items))
        return {}

    def _forget_tokens(self, until: int) -> None:
        while self._done:
            token, (at, _) = next(iter(self._done.items()))
            if at > until:
                return
            del self._done[token]


class MemoryPaginator:
    """Page after page of a query or a scan.

    Args:
        read: the operation.
    """

    def __init__(self, read: Callable[..., Answer]) -> None:
        self._read = read

    def paginate(self, **request: object) -> Iterator[Answer]:
        """Every page."""
        while True:
            page = self._read(**request)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


class MemoryWaiter:
    """Knows at once whether a table is there.

    Args:
        name: the waiter's.
        describe: the operation that tells.
    """

    def __init__(self, name: str, describe: Callable[..., Answer]) -> None:
        self._name = name
        self._describe = describe

    def wait(self, **request: Any) -> None:  # noqa: ANN401 - AWS's own words
        """Return if the table is there.

        Raises:
            WaiterError: it is not, and will not be.
        """
        try:
            self._describe(TableName=request["TableName"])
        except ClientError as error:
            raise WaiterError(self._name, "no such table", error.response) from error


class MemoryChanges:
    """`tapedeck_standin.aws.table_stream.Changes` of a table in memory: nobody else may take from its stream.

    Args:
        database: where it is.
        table: its name.
    """

    def __init__(self, database: MemoryDynamoDB, table: str) -> None:
        self._database = database
        self._table = table
        self.drain()

    def drain(self) -> list[Record]:
        """What has happened since the last time."""
        return list(self._database.take_records(self._table))
