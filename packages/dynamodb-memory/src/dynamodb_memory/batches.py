"""Batch reads, batch writes and write transactions."""

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from dynamodb_memory.plans import plan_read
from dynamodb_memory.table import Table
from dynamodb_memory.values import DynamoDBError, copy_item, normalize_item
from dynamodb_memory.writes import WriteAction

MAX_BATCH_READS: Final = 100
MAX_BATCH_WRITES: Final = 25
MAX_TRANSACTION_WRITES: Final = 100

MAX_BATCH_READ_BYTES: Final = 16 * 1024 * 1024
MAX_TRANSACTION_BYTES: Final = 4 * 1024 * 1024

Tables = Mapping[str, Table]

_EXPRESSION_PARAMETERS: Final = {"ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues"}
_COMMON_PARAMETERS: Final = {"TableName", "ReturnValuesOnConditionCheckFailure"} | _EXPRESSION_PARAMETERS
_ACTION_PARAMETERS: Final = {
    "Put": _COMMON_PARAMETERS | {"Item"},
    "Update": _COMMON_PARAMETERS | {"Key", "UpdateExpression"},
    "Delete": _COMMON_PARAMETERS | {"Key"},
    "ConditionCheck": _COMMON_PARAMETERS | {"Key"},
}
_READ_PARAMETERS: Final = frozenset({"Keys", "ConsistentRead", "ProjectionExpression", "ExpressionAttributeNames"})
_NONE: Final = "None"


def find_table(tables: Tables, name: str) -> Table:
    """Return the table with this name.

    Raises:
        DynamoDBError: the table does not exist.
    """
    if name not in tables:
        raise DynamoDBError("Requested resource not found", "ResourceNotFoundException")
    return tables[name]


def batch_get(tables: Tables, request: Mapping[str, Any]) -> dict[str, Any]:
    """Execute `batch_get_item`; items are returned in the order of the requested keys.

    Keys beyond the size limit are returned as `UnprocessedKeys`.

    Raises:
        DynamoDBError: the request is invalid.
    """
    reads: Mapping[str, Any] = request["RequestItems"]
    if sum(len(read["Keys"]) for read in reads.values()) > MAX_BATCH_READS:
        raise DynamoDBError("Too many items requested for the BatchGetItem call")
    answer: dict[str, Any] = {"Responses": {name: [] for name in reads}, "UnprocessedKeys": {}}
    total = 0
    for name, read in reads.items():
        _reject_unknown(f"BatchGetItem of {name}", read.keys() - _READ_PARAMETERS)
        table = find_table(tables, name)
        plan, _ = plan_read(read)
        keys = [table.key_of(normalize_item(key)) for key in read["Keys"]]
        if not keys:
            raise DynamoDBError(f"The list of keys in RequestItems for BatchGetItem is required: {name} has empty list")
        if len(set(keys)) < len(keys):
            raise DynamoDBError("Provided list of item keys contains duplicates")
        for key, spelled in zip(keys, read["Keys"], strict=True):
            item = table.get(key)
            total += table.size(key) if item is not None else 0
            if total > MAX_BATCH_READ_BYTES:
                unprocessed = answer["UnprocessedKeys"].setdefault(name, {**copy_request(read), "Keys": []})
                unprocessed["Keys"].append(copy_item(spelled))
            elif item is not None:
                answer["Responses"][name].append((plan.project or copy_item)(item))
    return answer


def batch_write(tables: Tables, request: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Execute `batch_write_item` completely; `now` is in milliseconds since the epoch.

    Raises:
        DynamoDBError: the request is invalid; nothing was written.
    """
    writes = list(_parse_batch(tables, request["RequestItems"]))
    if len(writes) > MAX_BATCH_WRITES:
        raise DynamoDBError("Too many items requested for the BatchWriteItem call")
    _reject_duplicates(writes, "Provided list of item keys contains duplicates")
    for write in writes:
        write.prepare()
        write.apply(now)
    return {"UnprocessedItems": {}}


def _parse_batch(tables: Tables, batches: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[WriteAction]:
    for name, requests in batches.items():
        table = find_table(tables, name)
        if not requests:
            raise DynamoDBError(f"The batch write request list for a table cannot be null or empty: {name}")
        for request in requests:
            if request.keys() not in ({"PutRequest"}, {"DeleteRequest"}):
                raise DynamoDBError(
                    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the "
                    "supported datatypes"
                )
            ((kind, parameters),) = request.items()
            _reject_unknown(kind, parameters.keys() - {"Item", "Key"})
            yield WriteAction(table, kind.removesuffix("Request"), parameters)


def read_transaction(tables: Tables, items: Sequence[Mapping[str, Any]]) -> list[WriteAction]:
    """Parse the writes of a transaction.

    Raises:
        DynamoDBError: the request is invalid, independently of the stored items.
    """
    if not 1 <= len(items) <= MAX_TRANSACTION_WRITES:
        raise DynamoDBError(
            "Value at 'transactItems' failed to satisfy constraint: "
            f"Member must have length from 1 to {MAX_TRANSACTION_WRITES}"
        )
    writes = [_part(tables, item) for item in items]
    _reject_duplicates(writes, "Transaction request cannot include multiple operations on one item")
    return writes


def transact(writes: Sequence[WriteAction], now: int) -> None:
    """Execute all of these writes or none; `now` is in milliseconds since the epoch.

    Raises:
        DynamoDBError: a condition failed or an update is impossible; nothing was written.
    """
    reasons = [_reason(write) for write in writes]
    if any(reason["Code"] != _NONE for reason in reasons):
        codes = ", ".join(reason["Code"] for reason in reasons)
        message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
        raise DynamoDBError(message, "TransactionCanceledException", Message=message, CancellationReasons=reasons)
    if sum(write.size for write in writes) > MAX_TRANSACTION_BYTES:
        raise DynamoDBError("Transaction payload size cannot exceed 4MB")
    for write in writes:
        write.apply(now)


def _part(tables: Tables, item: Mapping[str, Any]) -> WriteAction:
    if len(item) != 1:
        raise DynamoDBError("TransactItems can only contain one of Check, Put, Update or Delete")
    ((action, request),) = item.items()
    _reject_unknown("TransactWriteItems", {action} - _ACTION_PARAMETERS.keys())
    _reject_unknown(action, request.keys() - _ACTION_PARAMETERS[action])
    if action == "ConditionCheck" and "ConditionExpression" not in request:
        raise DynamoDBError("Value null at 'conditionCheck.conditionExpression' failed to satisfy constraint")
    return WriteAction(find_table(tables, request["TableName"]), action, request)


def _reason(write: WriteAction) -> dict[str, Any]:
    """Prepare a write; return its entry in `CancellationReasons`."""
    if not write.meets_condition():
        return {
            "Code": "ConditionalCheckFailed",
            "Message": "The conditional request failed",
            **write.failure_details(),
        }
    try:
        write.prepare()
    except DynamoDBError as error:
        return {"Code": "ValidationError", "Message": error.message}
    return {"Code": _NONE}


def _reject_duplicates(writes: Sequence[WriteAction], message: str) -> None:
    if len({(write.table.name, write.key) for write in writes}) < len(writes):
        raise DynamoDBError(message)


def _reject_unknown(what: str, unknown: set[str]) -> None:
    if unknown:
        raise NotImplementedError(f"{what}: unsupported {', '.join(sorted(unknown))}")


def digest_of(items: Sequence[Mapping[str, Any]]) -> bytes:
    """Return a digest of the items of a transaction, which equal items have in common."""
    return sha256(json.dumps(items, sort_keys=True, default=repr).encode()).digest()


def copy_request(value: Any) -> Any:  # noqa: ANN401 - any part of a request
    """Return a copy of a part of a request, independent of the caller's object."""
    if isinstance(value, dict):
        return {name: copy_request(part) for name, part in value.items()}
    return [copy_request(part) for part in value] if isinstance(value, list | tuple) else value
