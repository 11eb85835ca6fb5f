"""The tables of these tests, and one item that many of them write and read."""

import os
from typing import Any, Final

from dynamodb_memory.client import MemoryDynamoDB

PREFIX: Final = f"memory-{os.getpid()}-"
"""Prefix of the table names: other processes may use the same DynamoDB Local."""

TABLE: Final = f"{PREFIX}orders"
"""A table with a stream and with two indexes, `work` and `status`."""

TABLE_WITHOUT_STREAM: Final = f"{PREFIX}customers"

KEY_SCHEMA: Final = [{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}]
ATTRIBUTES: Final = [
    {"AttributeName": "PK", "AttributeType": "S"},
    {"AttributeName": "SK", "AttributeType": "S"},
    {"AttributeName": "work", "AttributeType": "S"},
    {"AttributeName": "work_at", "AttributeType": "N"},
    {"AttributeName": "status_key", "AttributeType": "S"},
    {"AttributeName": "sid", "AttributeType": "S"},
]
DEFINITIONS: Final[dict[str, dict[str, Any]]] = {
    TABLE: {
        "KeySchema": KEY_SCHEMA,
        "AttributeDefinitions": ATTRIBUTES,
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index,
                "KeySchema": [
                    {"AttributeName": partition, "KeyType": "HASH"},
                    {"AttributeName": sort, "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
            for index, partition, sort in (("work", "work", "work_at"), ("status", "status_key", "sid"))
        ],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    },
    TABLE_WITHOUT_STREAM: {"KeySchema": KEY_SCHEMA[:1], "AttributeDefinitions": ATTRIBUTES[:1]},
}

KEY: Final = {"PK": {"S": "a"}, "SK": {"S": "1"}}
ADD: Final[dict[str, Any]] = {
    "TableName": TABLE,
    "Key": KEY,
    "UpdateExpression": "ADD n :one",
    "ExpressionAttributeValues": {":one": {"N": "1"}},
}
"""Increments the number `n` of the item."""


def create_tables(client: Any) -> None:
    """Create the tables that do not exist yet."""
    existing = client.list_tables()["TableNames"]
    for name, definition in DEFINITIONS.items():
        if name not in existing:
            client.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **definition)
            client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def put(memory: MemoryDynamoDB, **attributes: Any) -> None:
    """Put the item with these attributes."""
    memory.put_item(TableName=TABLE, Item={**KEY, **attributes})


def stored(memory: MemoryDynamoDB) -> Any:
    """Return the attributes of the item without its key; None if there is no item."""
    item = memory.get_item(TableName=TABLE, Key=KEY).get("Item")
    return {name: value for name, value in item.items() if name not in KEY} if item else None
