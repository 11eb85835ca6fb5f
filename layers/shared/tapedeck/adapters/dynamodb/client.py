"""A thin DynamoDB client: plain Python items in and out, retries on conflicts, domain errors.

An item is a dictionary whose values are strings, integers, booleans, frozensets of strings, bytes, lists or
dictionaries. Attributes that are None are omitted. Docstrings count the HTTP requests that a method sends.
"""

import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from tapedeck.adapters.failures import HAD_UNACKNOWLEDGED_ATTEMPT, code_of, failure, rejected, unanswered
from tapedeck.domain.errors import StoreBusy, StoreFailure, StoreThrottled, StoreUnavailable, StoreUnresolved

Item = dict[str, Any]
AttributeValue = dict[str, Any]

MAX_PER_BATCH: Final = 100
"""DynamoDB's limit of keys in one BatchGetItem request."""

MAX_CONFLICT_ATTEMPTS: Final = 5
FIRST_DELAY_SECONDS: Final = 0.02
"""Delays double, with full jitter: five attempts wait at most 300 ms in total (REL-2)."""

_SLOWER: Final = 3
"""Doublings of the first delay before a transaction is sent again that is in progress: at most 5 seconds in total."""

_SERVICE: Final = "dynamodb"
_CONFLICT: Final = "TransactionConflict"
_THROTTLED: Final = frozenset({"ThrottlingError", "ProvisionedThroughputExceeded"})
_RETRYABLE_REASONS: Final = _THROTTLED | {_CONFLICT, "None", None}
_BUSY: Final = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
    }
)


class ConditionFailed(Exception):
    """The condition of a write failed; `items` are the current items, by position in the transaction.

    None: the condition of this item held. An empty dictionary: the item does not exist.
    `may_have_unacknowledged_copy`: an earlier attempt of the request got no response and may still take effect.
    """

    def __init__(self, items: Sequence[Item | None], *, may_have_unacknowledged_copy: bool) -> None:
        super().__init__()
        self.items = tuple(items)
        self.may_have_unacknowledged_copy = may_have_unacknowledged_copy


class DynamoDBClient(Protocol):
    """The operations of botocore's DynamoDB client that this project uses."""

    def get_item(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102 - AWS's parameters
    def update_item(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102
    def query(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102
    def batch_get_item(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102
    def transact_write_items(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102


class DynamoDBTable:
    """One DynamoDB table.

    Args:
        client: botocore's DynamoDB client.
        table: the table's name.
        sleep: waits for a number of seconds.
    """

    def __init__(self, client: DynamoDBClient, table: str, sleep: Callable[[float], None]) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep

    def get(self, key: Mapping[str, str], attributes: Sequence[str] = ()) -> Item | None:
        """Get one item, or some attributes of it, with a strongly consistent read: 1 request."""
        request: dict[str, Any] = {"TableName": self._table, "Key": to_attributes(key), "ConsistentRead": True}
        if attributes:
            request["ProjectionExpression"] = ", ".join(f"#{name}" for name in attributes)
            request["ExpressionAttributeNames"] = {f"#{name}": name for name in attributes}
        response = self._call("GetItem", self._client.get_item, request)
        found = response.get("Item")
        return from_attributes(found) if found else None

    def get_many(self, keys: Sequence[Mapping[str, str]]) -> list[Item | None]:
        """Get any number of items by key, in order, strongly consistent: 1 request per 100 keys."""
        found: list[Item | None] = []
        for start in range(0, len(keys), MAX_PER_BATCH):
            found += self.get_several(keys[start : start + MAX_PER_BATCH])
        return found

    def get_several(self, keys: Sequence[Mapping[str, str]]) -> list[Item | None]:
        """Get up to 100 items by key, in order, strongly consistent: 1 request, more for unprocessed keys."""
        pending = [to_attributes(key) for key in keys]
        found: dict[tuple[str, str], Item] = {}
        for attempt in range(MAX_CONFLICT_ATTEMPTS):
            request = {"RequestItems": {self._table: {"Keys": pending, "ConsistentRead": True}}}
            response = self._call("BatchGetItem", self._client.batch_get_item, request)
            for attributes in response["Responses"].get(self._table, ()):
                item = from_attributes(attributes)
                found[item["PK"], item["SK"]] = item
            pending = response.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
            if not pending:
                return [found.get((key["PK"], key["SK"])) for key in keys]
            self._pause(attempt)
        raise StoreThrottled(f"{_SERVICE}:BatchGetItem", "UnprocessedKeys")

    def query(
        self,
        condition: str,
        values: Mapping[str, Any],
        *,
        only: str | None = None,
        limit: int | None = None,
        ascending: bool = True,
        index: str | None = None,
        after: Mapping[str, Any] | None = None,
        **names: str,
    ) -> list[Item]:
        """Query one partition: 1 request per megabyte; strongly consistent, except on an index.

        Args:
            condition: the key condition expression.
            values: the values of its placeholders, by name without the colon.
            only: a filter expression.
            limit: the maximum number of items; None for all.
            ascending: whether to sort by ascending sort key.
            index: the secondary index to query instead of the table.
            after: the keys of the item after which to begin, which need not exist.
            names: attribute names by placeholder, without the `#`.
        """
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": _placeholders(values),
            "ConsistentRead": index is None,
            "ScanIndexForward": ascending,
        }
        if index is not None:
            request["IndexName"] = index
        if after is not None:
            request["ExclusiveStartKey"] = to_attributes(after)
        if limit is not None:
            request["Limit"] = limit
        if only is not None:
            request["FilterExpression"] = only
        if names:
            request["ExpressionAttributeNames"] = {f"#{placeholder}": name for placeholder, name in names.items()}
        items: list[Item] = []
        while True:
            response = self._call("Query", self._client.query, request)
            items += map(from_attributes, response["Items"])
            if "LastEvaluatedKey" not in response or (limit is not None and len(items) >= limit):
                return items if limit is None else items[:limit]
            request["ExclusiveStartKey"] = response["LastEvaluatedKey"]

    def update(self, write: "Write") -> Item:
        """Update one item and return the new version: 1 request.

        Raises:
            ConditionFailed: with the current item.
        """
        request = {**write.request(self._table), "ReturnValues": "ALL_NEW"}
        updated = self._call("UpdateItem", self._client.update_item, request, writes=True)
        return from_attributes(updated["Attributes"])

    def transact(self, writes: Sequence["Write"]) -> None:
        """Apply all of these writes or none: 1 request.

        While it is in progress, it is sent again with its token, which has no second effect; up to five times. If it
        still is in progress then, 1 more request for each item that it creates finds out whether they exist (C-311).

        Raises:
            ConditionFailed: with the current items.
            StoreUnresolved: it is in progress, and may yet be applied.
        """
        request = {
            "TransactItems": [{write.action: write.request(self._table)} for write in writes],
            # One token per transaction, which botocore's retries also send (REL-3).
            "ClientRequestToken": secrets.token_hex(16),
        }
        unresolved: StoreUnresolved | None = None
        for attempt in range(MAX_CONFLICT_ATTEMPTS):
            try:
                self._call("TransactWriteItems", self._client.transact_write_items, request, writes=True)
            except StoreUnresolved as in_progress:
                unresolved = in_progress
                self._pause(attempt + _SLOWER)
            except StoreFailure:
                if unresolved is None:
                    raise
            else:
                return
        if unresolved is not None and not self._is_written(writes):
            raise unresolved

    def _is_written(self, writes: Sequence["Write"]) -> bool:
        """Whether what these writes create exists, as they have written it: their ids were chosen for them alone."""
        created = [write for write in writes if write.is_creation]
        try:
            # Not in a batch: the functions may do this, and the key of credentials has one part only.
            found = [self.get(write.key) for write in created]
        except StoreFailure:
            return False
        are_equal = [item is not None and write.matches(item) for write, item in zip(created, found, strict=True)]
        return all(item is not None for item in found) and any(are_equal)

    def _call(
        self, operation: str, send: Callable[..., dict[str, Any]], request: dict[str, Any], *, writes: bool = False
    ) -> dict[str, Any]:
        """Send a request; after a conflict, send it again, up to five times in total (REL-2).

        Raises:
            ConditionFailed: a condition failed.
            StoreBusy, StoreThrottled: nothing was written.
            StoreUnavailable: an error that is not retried; or an earlier attempt got no response and may be applied.
            StoreUnresolved: a transaction with the same token is in progress.
        """
        may_have_unacknowledged_copy = False
        name = f"{_SERVICE}:{operation}"
        last: tuple[type[StoreBusy], str | None] = StoreBusy, None
        for attempt in range(MAX_CONFLICT_ATTEMPTS):
            try:
                return send(**request)
            except rejected(self._client) as error:
                # After one attempt without a response, a retry may meet the effects of that attempt.
                may_have_unacknowledged_copy |= writes and HAD_UNACKNOWLEDGED_ATTEMPT in error.response.get(
                    "ResponseMetadata", {}
                )
                last = (
                    _raise_unless_retryable(name, error, may_have_unacknowledged_copy=may_have_unacknowledged_copy),
                    code_of(error),
                )
            except unanswered() as error:
                raise failure(name, error) from error
            if attempt + 1 < MAX_CONFLICT_ATTEMPTS:
                self._pause(attempt)
        kind = _exhausted_error(last[0], may_have_unacknowledged_copy=may_have_unacknowledged_copy)
        raise kind(name, last[1])

    def backoff(self) -> None:
        """Wait up to 80 ms, so that competing writers of one item do not collide again."""
        self._pause(2)

    def _pause(self, attempt: int) -> None:
        self._sleep(random.uniform(0, FIRST_DELAY_SECONDS * 2**attempt))  # noqa: S311 - jitter is no secret


class Write:
    """One conditional write: a Put if `item` is given, a Delete if `delete` is set, else an Update.

    Args:
        key: the primary key attributes.
        values: the values of the placeholders of the expressions, by name without the colon.
        update: the update expression.
        condition: the condition expression.
        names: attribute names by placeholder, without the `#`.
        item: the whole item to put.
        delete: whether to delete the item.
    """

    def __init__(
        self,
        key: Mapping[str, str],
        *,
        values: Mapping[str, Any] | None = None,
        update: str | None = None,
        condition: str | None = None,
        names: Mapping[str, str] | None = None,
        item: Item | None = None,
        delete: bool = False,
    ) -> None:
        self.key = key
        self.action = "Put" if item is not None else "Delete" if delete else "Update"
        self._request: dict[str, Any] = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        if item is not None:
            self._request["Item"] = to_attributes({**key, **item})
        else:
            self._request["Key"] = to_attributes(key)
        if update is not None:
            self._request["UpdateExpression"] = update
        if condition is not None:
            self._request["ConditionExpression"] = condition
        if values:
            self._request["ExpressionAttributeValues"] = _placeholders(values)
        if names:
            self._request["ExpressionAttributeNames"] = {f"#{placeholder}": name for placeholder, name in names.items()}

    @property
    def is_creation(self) -> bool:
        """Whether it puts a new item. One that is put in the place of a known one may have been equal before."""
        return self.action == "Put" and "ExpressionAttributeValues" not in self._request

    def matches(self, stored: Item) -> bool:
        """Whether a stored item is the one that this write puts."""
        return to_attributes(stored) == self._request.get("Item")

    def request(self, table: str) -> dict[str, Any]:
        """Render the parameters of this write for botocore."""
        return {"TableName": table, **self._request}


def _raise_unless_retryable(
    operation: str,
    error: Any,  # noqa: ANN401 - botocore's, or that of a double
    *,
    may_have_unacknowledged_copy: bool,
) -> type[StoreBusy]:
    """Return the error to raise after the last retry, if the request may be retried (REL-2); else raise."""
    code = error.response["Error"]["Code"]
    if code == "ConditionalCheckFailedException":
        raise ConditionFailed(
            [_current_item(error.response)], may_have_unacknowledged_copy=may_have_unacknowledged_copy
        ) from error
    if code == "TransactionCanceledException":
        reasons = error.response.get("CancellationReasons", [])
        if any(reason.get("Code") == "ConditionalCheckFailed" for reason in reasons):
            raise ConditionFailed(
                [
                    _current_item(reason) if reason.get("Code") == "ConditionalCheckFailed" else None
                    for reason in reasons
                ],
                may_have_unacknowledged_copy=may_have_unacknowledged_copy,
            ) from error
        if all(reason.get("Code") in _RETRYABLE_REASONS for reason in reasons):
            is_throttled = any(reason.get("Code") in _THROTTLED for reason in reasons)
            return StoreThrottled if is_throttled else StoreBusy
        raise failure(operation, error) from error
    if code == "TransactionConflictException":
        return StoreBusy
    if code == "TransactionInProgressException":
        raise failure(operation, error, StoreUnresolved) from error
    if code in _BUSY:
        kind = _exhausted_error(StoreThrottled, may_have_unacknowledged_copy=may_have_unacknowledged_copy)
        raise failure(operation, error, kind) from error
    raise failure(operation, error) from error


def _exhausted_error(busy: type[StoreBusy], *, may_have_unacknowledged_copy: bool) -> type[StoreFailure]:
    """Choose the error after the last attempt: an unacknowledged copy may have been written."""
    return StoreUnavailable if may_have_unacknowledged_copy else busy


def _current_item(failure: Mapping[str, Any]) -> Item:
    return from_attributes(failure.get("Item") or {})


def to_attributes(item: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """Convert a plain item to DynamoDB's typed form; attributes that are None are omitted."""
    return {name: to_attribute(value) for name, value in item.items() if value is not None}


def _placeholders(values: Mapping[str, Any]) -> dict[str, AttributeValue]:
    return {f":{name}": to_attribute(value) for name, value in values.items()}


def to_attribute(value: Any) -> AttributeValue:  # noqa: ANN401 - the types that the module docstring lists
    """Convert a plain value to DynamoDB's typed form."""
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    raise TypeError(type(value).__name__)


def from_attributes(attributes: Mapping[str, AttributeValue]) -> Item:
    """Convert an item from DynamoDB's typed form to a plain item."""
    return {name: _from_attribute(value) for name, value in attributes.items()}


_WRITERS: Final[tuple[tuple[Any, Callable[[Any], AttributeValue]], ...]] = (
    (str, lambda value: {"S": str(value)}),  # includes members of a StrEnum
    (bool, lambda value: {"BOOL": value}),  # before int, because bool is a subclass of int
    (int, lambda value: {"N": str(value)}),
    (frozenset, lambda value: {"SS": sorted(value)}),
    (bytes, lambda value: {"B": value}),
    (list | tuple, lambda value: {"L": [to_attribute(element) for element in value]}),
    (dict, lambda value: {"M": to_attributes(value)}),
)


def _from_attribute(attribute: AttributeValue) -> Any:  # noqa: ANN401 - the inverse of `to_attribute`
    ((kind, value),) = attribute.items()
    match kind:
        case "N":
            return int(value)
        case "SS":
            return frozenset(value)
        case "L":
            return [_from_attribute(element) for element in value]
        case "M":
            return from_attributes(value)
        case _:
            return value
