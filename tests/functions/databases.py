"""The databases that the function tests use: moto, DynamoDB Local, or the in-memory one at the size `fast`."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Protocol

import botocore.session
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.adapters.clients import make_client
from tapedeck.adapters.dynamodb.client import Item, from_attributes, to_attributes
from tests.client import TEMPLATE
from tests.conftest import DYNAMODB_URL
from tests.functions.stage import Key, Shelf
from tests.thoroughness import SIZE


class Database(Protocol):
    """A database with the template's tables."""

    def functions_client(self) -> Any:
        """Create a botocore client as the functions use it."""

    def client(self) -> Any:
        """Create a client for everything whose requests are not counted."""

    def shelf(self, table: str) -> Shelf:
        """Open a table for direct access."""

    def restored(self) -> AbstractContextManager[None]:
        """Delete what is created while the context is open, because lists show all resources of an account.

        Small tables also keep moto fast: its queries by an index scan the whole table.
        """


def open_database() -> Database:
    """Open the database of this run; the emulated AWS must be running.

    The in-memory one is several times faster than moto. CI runs most tests on moto, and the modules that depend on
    DynamoDB's own rules on DynamoDB Local.
    """
    if DYNAMODB_URL:
        return DynamoDBLocal()
    return Memory() if SIZE == "fast" else Moto()


def make_client_without_moto() -> Any:
    """Create a DynamoDB client as the functions use it, whose requests a handler of `before-send` answers.

    botocore calls every handler, so that moto would carry out each request as well.
    """
    client = make_client("dynamodb")
    client.meta.events.unregister("before-send", botocore_stubber)
    return client


class MotoShelf:
    """A table in moto, accessed without requests, because moto's request parsing is slow."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def put(self, item: Item) -> None:
        """Store an item; replace an existing one."""
        self._table.put_item(to_attributes(item), overwrite=True)

    def remove(self, key: Key) -> None:
        """Delete an item; do nothing if there is none."""
        from moto.dynamodb.models.dynamo_type import DynamoType

        self._table.items[DynamoType({"S": key["PK"]})].pop(DynamoType({"S": key["SK"]}), None)

    def partition(self, name: str) -> list[Item]:
        """Return all items of a partition in the order of their sort keys."""
        from moto.dynamodb.models.dynamo_type import DynamoType

        stored = self._table.items.get(DynamoType({"S": name}), {})
        found = stored.values() if self._table.has_range_key else [stored] if stored else []
        return sorted(
            (from_attributes(item.to_json()["Attributes"]) for item in found), key=lambda item: item.get("SK", "")
        )


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


class Moto:
    """The tables in moto."""

    def functions_client(self) -> Any:
        """Create a botocore client as the functions use it."""
        return make_client("dynamodb")

    client = functions_client

    def shelf(self, table: str) -> MotoShelf:
        """Open a table for direct access."""
        return MotoShelf(self._tables()[table])

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Delete the partitions and the stream records that are created while the context is open."""
        tables = list(self._tables().values())
        before = [(table, set(table.items), len(_records(table))) for table in tables]
        yield
        for table, partitions, records in before:
            for partition in set(table.items) - partitions:
                del table.items[partition]
            del _records(table)[records:]

    def _tables(self) -> dict[str, Any]:
        from moto.dynamodb.models import dynamodb_backends

        (backends,) = dynamodb_backends.values()
        tables: dict[str, Any] = backends[os.environ["AWS_DEFAULT_REGION"]].tables
        return tables


def _records(table: Any) -> list[Any]:
    return table.stream_shard.items if table.stream_shard else []


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
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        act: Callable[..., dict[str, Any]] = getattr(self._memory, xform_name(operation))
        status = 200
        try:
            answer = act(**json.loads(request.body))
        except ClientError as error:
            status, answer = 400, dict(error.response)
            failure = answer.pop("Error")
            answer |= {
                "__type": f"com.amazonaws.dynamodb.v20120810#{failure['Code']}",
                "message": failure["Message"],
            }
        del answer["ResponseMetadata"]
        headers: Any = {"Content-Type": "application/x-amz-json-1.0"}
        return AWSResponse(request.url, status, headers, MockRawResponse(json.dumps(answer).encode()))
