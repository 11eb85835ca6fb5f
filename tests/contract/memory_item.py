"""One item of the recordings table in memory, which the tests of that database write and read."""

import os
from typing import Any, Final

from dynamodb_memory.client import MemoryDynamoDB

PREFIX: Final = f"memory-{os.getpid()}-"
"""Of the tables' names, for another database may have others beside them."""
TABLE: Final = f"{PREFIX}RecordingsTable"
KEY: Final = {"PK": {"S": "a"}, "SK": {"S": "1"}}
ADD: Final[dict[str, Any]] = {
    "TableName": TABLE,
    "Key": KEY,
    "UpdateExpression": "ADD n :one",
    "ExpressionAttributeValues": {":one": {"N": "1"}},
}
"""Counts the item up."""


def put(memory: MemoryDynamoDB, **attributes: Any) -> None:
    """Put one item."""
    memory.put_item(TableName=TABLE, Item={**KEY, **attributes})


def held(memory: MemoryDynamoDB) -> Any:
    """The attributes of that item."""
    item = memory.get_item(TableName=TABLE, Key=KEY).get("Item")
    return {name: value for name, value in item.items() if name not in KEY} if item else None
