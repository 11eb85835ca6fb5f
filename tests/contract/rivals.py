"""The database in memory beside another one that it is to be like: the same requests, and what both answer."""

import base64
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
from tests.client import TEMPLATE
from tests.conftest import DYNAMODB_URL
from tests.contract.memory_item import PREFIX, TABLE
from tests.contract.random_requests import Request

on_dynamodb_local = pytest.mark.skipif(not DYNAMODB_URL, reason="needs TAPEDECK_DYNAMODB_URL: make test-dynamodb-local")

SECONDS_TO_BE_TOLD: Final = 20
"""DynamoDB Local's stream is a little behind its tables."""

EVERYTHING: Final[list[Request]] = [
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
"""What is there at last, in the table and in its indexes."""

TOLD_OF_NOTHING: Final = {"ResponseMetadata", "ConsumedCapacity", "ItemCollectionMetrics"}
"""Moto tells the last of these though nobody asks, DynamoDB Local the one before it."""


class Rivals:
    """The database in memory, and the one that it is to be like, with the template's tables.

    Args:
        endpoint: where that one is.
        unlike: what of its answers is known to be wrong.
    """

    def __init__(self, endpoint: str, unlike: Iterable[str] = ()) -> None:
        # Nothing is checked before it is sent, for what is refused is compared as well.
        config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
        session = botocore.session.get_session()
        self.other: Any = session.create_client("dynamodb", endpoint_url=endpoint, config=config)
        self.memory = MemoryDynamoDB()
        self._left_out = {*TOLD_OF_NOTHING, *unlike}
        for client in (self.other, self.memory):
            TEMPLATE.create_tables(client, PREFIX)

    def agree(self, requests: Iterable[Request]) -> None:
        """From an empty table on, every answer is the same, and so is everything that is there at last."""
        for client in (self.other, self.memory):
            clear(client)
        run = uuid.uuid4().hex
        for method, asked in [*requests, *EVERYTHING]:
            token = {"ClientRequestToken": run + asked["ClientRequestToken"]} if "ClientRequestToken" in asked else {}
            request = asked | token
            theirs, ours = (self.outcome(client, method, request) for client in (self.other, self.memory))
            assert ours == theirs, (method, request)

    def outcome(self, client: Any, method: str, request: dict[str, Any]) -> Any:
        """What a client answers, or how it refuses."""
        try:
            answer = getattr(client, method)(**deepcopy(request))
        except ClientError as error:
            return refusal(error)
        if method == "scan":
            answer["Items"].sort(key=_order)
        for items in answer.get("Responses", {}).values():
            items.sort(key=_order)
        return _plain({name: value for name, value in answer.items() if name not in self._left_out})


def clear(client: Any) -> None:
    """Empty the table."""
    for page in client.get_paginator("scan").paginate(TableName=TABLE):
        for item in page["Items"]:
            client.delete_item(TableName=TABLE, Key={"PK": item["PK"], "SK": item["SK"]})


def refusal(error: ClientError) -> dict[str, Any]:
    """What a client is told of a refusal, messages aside."""
    response: Any = error.response
    reasons = [(reason["Code"], _plain(reason.get("Item"))) for reason in response.get("CancellationReasons", ())]
    # Within a transaction DynamoDB Local refuses as a whole what AWS tells of the write to which it happened.
    if any(code == "ValidationError" for code, _ in reasons):
        return {"Code": "ValidationException", "Item": None, "Reasons": []}
    return {"Code": response["Error"]["Code"], "Item": _plain(response.get("Item")), "Reasons": reasons}


def _order(item: dict[str, Any]) -> str:
    return f"{item['PK']} {item['SK']}"


def _plain(value: Any) -> Any:
    """A part of an answer in which numbers and sets are equal however they are spelled."""
    if isinstance(value, dict):
        return {name: _READ.get(name, _plain)(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "N": Decimal,
    "NS": lambda numbers: sorted(map(Decimal, numbers)),
    "SS": sorted,
    "BS": sorted,
}


class Stream:
    """The stream of the other database's table, from now on.

    Args:
        rivals: the databases.
    """

    def __init__(self, rivals: Rivals) -> None:
        endpoint = rivals.other.meta.endpoint_url
        client: Any = botocore.session.get_session().create_client("dynamodbstreams", endpoint_url=endpoint)
        self._client = client
        arn = rivals.other.describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]
        (shard,) = client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        asked = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "LATEST"}
        self._iterator = client.get_shard_iterator(**asked)["ShardIterator"]

    def drain(self, count: int) -> list[dict[str, Any]]:
        """What has been told since the last time: so much at least, unless it does not come."""
        told: list[dict[str, Any]] = []
        until = time.monotonic() + SECONDS_TO_BE_TOLD
        while True:
            answer = self._client.get_records(ShardIterator=self._iterator)
            self._iterator = answer["NextShardIterator"]
            told += answer["Records"]
            if (len(told) >= count and not answer["Records"]) or time.monotonic() > until:
                return told


def told_by_item(records: Iterable[dict[str, Any]]) -> dict[str, list[Any]]:
    """What records tell of each item, whose changes alone are told in order."""
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for record in records:
        told = record["dynamodb"]
        parts = [_plain(_in_base64(told.get(part))) for part in ("Keys", "OldImage", "NewImage", "SizeBytes")]
        found[_order(told["Keys"])].append((record["eventName"], *parts))
    return dict(found)


def _in_base64(value: Any) -> Any:
    """A part of a record as Lambda has it in JSON."""
    if isinstance(value, dict):
        return {name: _in_base64(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_in_base64(part) for part in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
