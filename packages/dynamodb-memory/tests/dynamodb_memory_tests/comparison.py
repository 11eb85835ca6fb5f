"""Compare the in-memory database with another one: send both the same requests, and compare their responses."""

import base64
import os
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from decimal import Decimal
from typing import Any, Final

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from dynamodb_memory.client import MemoryDynamoDB
from dynamodb_memory_tests.random_requests import Request
from dynamodb_memory_tests.tables import TABLE, create_tables

DYNAMODB_URL: Final = os.environ.get("TAPEDECK_DYNAMODB_URL", "")
"""The endpoint of DynamoDB Local; empty without one."""

on_dynamodb_local = pytest.mark.skipif(not DYNAMODB_URL, reason="needs TAPEDECK_DYNAMODB_URL: make test-dynamodb-local")

STREAM_TIMEOUT_SECONDS: Final = 20
"""DynamoDB Local's stream is a little behind its tables."""

READ_ALL: Final[list[Request]] = [
    ("scan", {"TableName": TABLE}),
    *(
        (
            "query",
            {
                "TableName": TABLE,
                "IndexName": index,
                "KeyConditionExpression": "#p = :p",
                "ExpressionAttributeNames": {"#p": partition},
                "ExpressionAttributeValues": {":p": {"S": within}},
            },
        )
        for index, partition in (("status", "status_key"), ("work", "work"))
        for within in "xy"
    ),
]
"""Requests that read all items of the table and of its indexes."""

IGNORED: Final = {"ResponseMetadata", "ConsumedCapacity", "ItemCollectionMetrics"}
"""Fields that are not compared. Unrequested, moto returns the last one, and DynamoDB Local the one before it."""


class DatabaseComparison:
    """An in-memory database and another one, both with the tables.

    Args:
        endpoint: URL of the other database.
        ignored: fields of responses in which the other database is known to be wrong.
    """

    def __init__(self, endpoint: str, ignored: Iterable[str] = ()) -> None:
        # Invalid requests are sent as well, because the rejections are compared.
        config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
        session = botocore.session.get_session()
        self.other: Any = session.create_client("dynamodb", endpoint_url=endpoint, config=config)
        self.memory = MemoryDynamoDB()
        self._ignored = {*IGNORED, *ignored}
        for client in (self.other, self.memory):
            create_tables(client)

    def compare(self, requests: Iterable[Request]) -> None:
        """Assert that, from an empty table on, all responses are equal, and all items at the end."""
        for client in (self.other, self.memory):
            clear(client)
        run = uuid.uuid4().hex
        for method, parameters in [*requests, *READ_ALL]:
            request = dict(parameters)
            if "ClientRequestToken" in request:
                request["ClientRequestToken"] = run + request["ClientRequestToken"]
            theirs, ours = (self.outcome(client, method, request) for client in (self.other, self.memory))
            assert ours == theirs, (method, request)

    def outcome(self, client: Any, method: str, request: dict[str, Any]) -> Any:
        """Return the response of a client without the ignored fields, or its error as by `error_of`."""
        try:
            answer = getattr(client, method)(**deepcopy(request))
        except ClientError as error:
            return error_of(error)
        if method == "scan":
            answer["Items"].sort(key=_order)
        for items in answer.get("Responses", {}).values():
            items.sort(key=_order)
        return _plain({name: value for name, value in answer.items() if name not in self._ignored})


def clear(client: Any) -> None:
    """Delete all items of the table."""
    for page in client.get_paginator("scan").paginate(TableName=TABLE):
        for item in page["Items"]:
            client.delete_item(TableName=TABLE, Key={"PK": item["PK"], "SK": item["SK"]})


def error_of(error: ClientError) -> dict[str, Any]:
    """Return the code, the item and the cancellation reasons of an error, without its messages."""
    response: Any = error.response
    reasons = [(reason["Code"], _plain(reason.get("Item"))) for reason in response.get("CancellationReasons", ())]
    # DynamoDB Local rejects the whole transaction where AWS reports a reason for the single write.
    if any(code == "ValidationError" for code, _ in reasons):
        return {"Code": "ValidationException", "Item": None, "Reasons": []}
    return {"Code": response["Error"]["Code"], "Item": _plain(response.get("Item")), "Reasons": reasons}


def _order(item: dict[str, Any]) -> str:
    return f"{item['PK']} {item['SK']}"


def _plain(value: Any) -> Any:
    """Convert a part of a response so that equal numbers and sets compare as equal."""
    if isinstance(value, dict):
        return {name: _READ.get(name, _plain)(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "N": Decimal,
    "NS": lambda numbers: sorted(map(Decimal, numbers)),
    "SS": sorted,
    "BS": sorted,
}


class OtherStream:
    """The stream of the table in the other database, from now on.

    Args:
        comparison: the databases.
    """

    def __init__(self, comparison: DatabaseComparison) -> None:
        endpoint = comparison.other.meta.endpoint_url
        client: Any = botocore.session.get_session().create_client("dynamodbstreams", endpoint_url=endpoint)
        self._client = client
        arn = comparison.other.describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]
        (shard,) = client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        self._shard = {"StreamArn": arn, "ShardId": shard["ShardId"]}
        self._has_read = False
        self._iterator = client.get_shard_iterator(**self._shard, ShardIteratorType="LATEST")["ShardIterator"]

    def drain(self, count: int) -> list[dict[str, Any]]:
        """Return the records since the last call; wait for this many of them, within a time limit."""
        records: list[dict[str, Any]] = []
        deadline = time.monotonic() + STREAM_TIMEOUT_SECONDS
        while True:
            try:
                answer = self._client.get_records(ShardIterator=self._iterator)
            except self._client.exceptions.TrimmedDataAccessException:
                # DynamoDB Local may lose the position in a stream that was empty: read all of it then.
                assert not self._has_read, "records that were not read yet are lost"
                start = self._client.get_shard_iterator(**self._shard, ShardIteratorType="TRIM_HORIZON")
                answer = self._client.get_records(ShardIterator=start["ShardIterator"])
            self._has_read = self._has_read or bool(answer["Records"])
            self._iterator = answer["NextShardIterator"]
            records += answer["Records"]
            if (len(records) >= count and not answer["Records"]) or time.monotonic() > deadline:
                return records


def changes_by_item(records: Iterable[dict[str, Any]]) -> dict[str, list[Any]]:
    """Group the changes in stream records by item: only the changes of one item are in order."""
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for record in records:
        change = record["dynamodb"]
        parts = [_plain(_in_base64(change.get(part))) for part in ("Keys", "OldImage", "NewImage", "SizeBytes")]
        found[_order(change["Keys"])].append((record["eventName"], *parts))
    return dict(found)


def _in_base64(value: Any) -> Any:
    """Convert a part of a record to Lambda's JSON format, with bytes in base64."""
    if isinstance(value, dict):
        return {name: _in_base64(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_in_base64(part) for part in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
