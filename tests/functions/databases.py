"""The databases that the function tests use: the one in memory, or DynamoDB Local."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any, Final, Protocol
from unittest.mock import patch
from urllib.parse import urlsplit

import botocore.session
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse
from moto.core.models import botocore_stubber

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.adapters.clients import make_client
from tapedeck.adapters.dynamodb.client import Item, from_attributes, to_attributes
from tests.client import TEMPLATE
from tests.conftest import DYNAMODB_URL
from tests.functions.stage import Key, Shelf


class Database(Protocol):
    """A database with the template's tables."""

    def functions_client(self) -> Any:
        """Create a botocore client as the functions use it."""

    def client(self) -> Any:
        """Create a client for everything whose requests are not counted."""

    def shelf(self, table: str) -> Shelf:
        """Open a table for direct access."""

    def restored(self) -> AbstractContextManager[None]:
        """Delete what is created while the context is open, because lists show all resources of an account."""


def open_database() -> Database:
    """Open the database of this run; the emulated AWS must be running.

    CI runs the modules that depend on DynamoDB's own rules on DynamoDB Local as well.
    """
    return DynamoDBLocal() if DYNAMODB_URL else Memory()


@contextmanager
def answering_dynamodb() -> Iterator[None]:
    """Answer what botocore sends to AWS's DynamoDB from memory, in the place of moto's slower DynamoDB."""
    stubber: Any = BotocoreStubber
    others, memory = stubber.process_request, MemoryDynamoDB()

    def process_request(self: Any, request: Any) -> Any:
        is_mine = urlsplit(request.url).netloc.startswith("dynamodb.")
        return _answer(memory, request) if is_mine else others(self, request)

    with patch.object(stubber, "process_request", process_request):
        yield


def make_client_without_moto() -> Any:
    """Create a DynamoDB client as the functions use it, whose requests a handler of `before-send` answers.

    botocore calls every handler, so that the database of all tests would carry out each request as well.
    """
    client = make_client("dynamodb")
    client.meta.events.unregister("before-send", botocore_stubber)
    return client


_MAX_AT_ONCE: Final = 25
"""DynamoDB's limit of deletions in one BatchWriteItem request."""


class ClientShelf:
    """A table accessed through a client that `Wire` does not watch."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def put(self, item: Item) -> None:
        """Store an item; replace an existing one."""
        self._client.put_item(TableName=self._table, Item=to_attributes(item))

    def remove(self, key: Key) -> None:
        """Delete an item; do nothing if there is none."""
        self._client.delete_item(TableName=self._table, Key=to_attributes(key))

    def partition(self, name: str) -> list[Item]:
        """Return all items of a partition in the order of their sort keys."""
        found = self._client.query(
            TableName=self._table, KeyConditionExpression="PK = :pk", ConsistentRead=True,
            ExpressionAttributeValues={":pk": {"S": name}},
        )  # fmt: skip
        return [from_attributes(item) for item in found["Items"]]

    def clear(self) -> None:
        """Delete all items."""
        pages = self._client.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True)
        keys = [{name: item[name] for name in ("PK", "SK")} for page in pages for item in page["Items"]]
        for start in range(0, len(keys), _MAX_AT_ONCE):
            part = [{"DeleteRequest": {"Key": key}} for key in keys[start : start + _MAX_AT_ONCE]]
            self._client.batch_write_item(RequestItems={self._table: part})


class DynamoDBLocal:
    """The tables in DynamoDB Local."""

    def __init__(self) -> None:
        self._client = self.client()

    def functions_client(self) -> Any:
        """Create a botocore client as the functions use it."""
        return make_client("dynamodb")

    def client(self) -> Any:
        """Create a client with all operations."""
        return botocore.session.get_session().create_client("dynamodb")

    def shelf(self, table: str) -> ClientShelf:
        """Open a table for direct access."""
        return ClientShelf(self._client, table)

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Clear the recordings table in the end; it is empty before the first test. The other table has accounts."""
        yield
        self.shelf(os.environ["RECORDINGS_TABLE"]).clear()


class Memory:
    """The tables in memory. The functions reach them through botocore, which serialises requests and responses."""

    def __init__(self) -> None:
        self._memory = MemoryDynamoDB()
        self._tables = tuple(TEMPLATE.create_tables(self._memory).values())

    def functions_client(self) -> Any:
        """Create a botocore client whose requests this database answers."""
        client = make_client_without_moto()
        client.meta.events.register("before-send.dynamodb", self.answer)
        return client

    def client(self) -> MemoryDynamoDB:
        """Return the database itself."""
        return self._memory

    def shelf(self, table: str) -> ClientShelf:
        """Open a table for direct access."""
        return ClientShelf(self._memory, table)

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Delete the items and the stream records that are created while the context is open."""
        before = {table: self._keys(table) for table in self._tables}
        yield
        for table, keys in before.items():
            for key in self._keys(table) - keys:
                self._memory.delete_item(TableName=table, Key={name: {"S": value} for name, value in key})
            self._memory.take_images(table)

    def _keys(self, table: str) -> set[tuple[tuple[str, str], ...]]:
        pages = self._memory.get_paginator("scan").paginate(TableName=table)
        items = (item for page in pages for item in page["Items"])
        return {tuple((name, item[name]["S"]) for name in ("PK", "SK") if name in item) for item in items}

    def answer(self, request: Any, **_context: object) -> AWSResponse:
        """Answer botocore's event `before-send` with the response that DynamoDB would send."""
        status, headers, body = _answer(self._memory, request)
        return AWSResponse(request.url, status, headers, MockRawResponse(body))


def _answer(memory: MemoryDynamoDB, request: Any) -> tuple[int, Any, bytes]:
    operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
    status, body = answer_from(memory, operation, request.body)
    return status, {"Content-Type": "application/x-amz-json-1.0"}, body


def answer_from(memory: MemoryDynamoDB, operation: str, body: bytes) -> tuple[int, bytes]:
    """Return status and body of the response that DynamoDB would send, from a database in memory."""
    act: Callable[..., dict[str, Any]] = getattr(memory, xform_name(operation))
    status = 200
    try:
        answer = act(**json.loads(body))
    except ClientError as error:
        status, answer = 400, dict(error.response)
        failure = answer.pop("Error")
        answer |= {
            "__type": f"com.amazonaws.dynamodb.v20120810#{failure['Code']}",
            "message": failure["Message"],
        }
    del answer["ResponseMetadata"]
    return status, json.dumps(answer, default=_plain).encode()


def _plain(value: datetime | bytes) -> float | str:
    """Return a time as DynamoDB sends it, or the base64 text that a request had for bytes."""
    return value.timestamp() if isinstance(value, datetime) else value.decode()
