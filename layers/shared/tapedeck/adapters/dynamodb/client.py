"""DynamoDB, as the adapters use it: plain Python items in and out, conflicts retried, faults named.

An item is a dictionary of strings, integers, booleans, frozensets of strings, bytes, lists and dictionaries of
these; None is left out. The docstrings count requests as they go over the wire.
"""

import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from tapedeck.adapters.clients import HAD_UNACKNOWLEDGED_ATTEMPT
from tapedeck.domain.errors import StoreBusy, StoreFailure, StoreThrottled, StoreUnavailable

Item = dict[str, Any]
AttributeValue = dict[str, Any]

MAX_PER_BATCH: Final = 100
"""DynamoDB's own limit of keys in a batch read."""

MAX_CONFLICT_ATTEMPTS: Final = 5
FIRST_DELAY_SECONDS: Final = 0.02
"""Seconds; the pauses double, with full jitter: five tries take at most 300 ms (rule R2)."""

_CONFLICT: Final = "TransactionConflict"
_THROTTLED: Final = frozenset({"ThrottlingError", "ProvisionedThroughputExceeded"})
_REASONS_TO_TRY_AGAIN: Final = _THROTTLED | {_CONFLICT, "None", None}
_BUSY: Final = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
    }
)


class ConditionFailed(Exception):
    """A conditional write found something else; `items` are what it found, by position in the transaction.

    None stands for an item whose condition held; an empty dictionary for one that does not exist.
    `was_repeated` tells that the request was sent before without an answer: that one may still take effect.
    """

    def __init__(self, items: Sequence[Item | None], *, was_repeated: bool) -> None:
        super().__init__()
        self.items = tuple(items)
        self.was_repeated = was_repeated


class DynamoDBClient(Protocol):
    """The operations of botocore's DynamoDB client that are used."""

    def get_item(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102 - AWS's own words
    def update_item(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102
    def query(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102
    def batch_get_item(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102
    def transact_write_items(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102


class DynamoDBTable:
    """One DynamoDB table.

    Args:
        client: botocore's.
        table: its name.
        sleep: how to wait, in seconds.
    """

    def __init__(self, client: DynamoDBClient, table: str, sleep: Callable[[float], None]) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep

    def get(self, key: Mapping[str, str]) -> Item | None:
        """One item, read strongly: 1 request."""
        answer = self._call(
            self._client.get_item, {"TableName": self._table, "Key": to_attributes(key), "ConsistentRead": True}
        )
        found = answer.get("Item")
        return from_attributes(found) if found else None

    def get_many(self, keys: Sequence[Mapping[str, str]]) -> list[Item | None]:
        """Items by key, read strongly, in the order of their keys: 1 request per 100."""
        found: list[Item | None] = []
        for start in range(0, len(keys), MAX_PER_BATCH):
            found += self.get_several(keys[start : start + MAX_PER_BATCH])
        return found

    def get_several(self, keys: Sequence[Mapping[str, str]]) -> list[Item | None]:
        """Items by key, read strongly, in the order of their keys: 1 request unless DynamoDB leaves some over."""
        wanted = [to_attributes(key) for key in keys]
        pending = wanted
        found: dict[tuple[str, str], Item] = {}
        for attempt in range(MAX_CONFLICT_ATTEMPTS):
            request = {"RequestItems": {self._table: {"Keys": pending, "ConsistentRead": True}}}
            answer = self._call(self._client.batch_get_item, request)
            for attributes in answer["Responses"].get(self._table, ()):
                item = from_attributes(attributes)
                found[item["PK"], item["SK"]] = item
            pending = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
            if not pending:
                return [found.get((key["PK"], key["SK"])) for key in keys]
            self._pause(attempt)
        raise StoreThrottled

    def query(
        self,
        condition: str,
        values: Mapping[str, Any],
        *,
        only: str | None = None,
        limit: int | None = None,
        ascending: bool = True,
        index: str | None = None,
        **names: str,
    ) -> list[Item]:
        """The items of a partition that match: 1 request per megabyte; read strongly, unless from an index.

        Args:
            condition: the key condition.
            values: what its placeholders stand for, without the colon.
            only: a filter expression.
            limit: how many at most; None for all.
            ascending: whether the sort key rises.
            index: whose partition, in place of the table's.
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
        if limit is not None:
            request["Limit"] = limit
        if only is not None:
            request["FilterExpression"] = only
        if names:
            request["ExpressionAttributeNames"] = {f"#{placeholder}": name for placeholder, name in names.items()}
        items: list[Item] = []
        while True:
            answer = self._call(self._client.query, request)
            items += map(from_attributes, answer["Items"])
            if "LastEvaluatedKey" not in answer or (limit is not None and len(items) >= limit):
                return items if limit is None else items[:limit]
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def update(self, write: "Write") -> Item:
        """Change one item and return it as it is then: 1 request.

        Raises:
            ConditionFailed: with the item as it stands.
        """
        request = {**write.request(self._table), "ReturnValues": "ALL_NEW"}
        return from_attributes(self._call(self._client.update_item, request, writes=True)["Attributes"])

    def transact(self, writes: Sequence["Write"]) -> None:
        """Do all of these writes or none: 1 request.

        Raises:
            ConditionFailed: with the items as they stand.
        """
        request = {
            "TransactItems": [{write.action: write.request(self._table)} for write in writes],
            # One token per set of items: botocore's own repetitions carry it too (rule R3).
            "ClientRequestToken": secrets.token_hex(16),
        }
        self._call(self._client.transact_write_items, request, writes=True)

    def _call(
        self, operation: Callable[..., dict[str, Any]], request: dict[str, Any], *, writes: bool = False
    ) -> dict[str, Any]:
        was_repeated = False
        busy: type[StoreBusy] = StoreBusy
        for attempt in range(MAX_CONFLICT_ATTEMPTS):
            try:
                return operation(**request)
            except ClientError as error:
                # Once without an answer, any later try may find what the first copy did, or will do.
                was_repeated |= writes and HAD_UNACKNOWLEDGED_ATTEMPT in error.response.get("ResponseMetadata", {})
                busy = _raise_unless_repeatable(error, was_repeated=was_repeated)
            except BotoCoreError as error:
                raise StoreUnavailable from error
            if attempt + 1 < MAX_CONFLICT_ATTEMPTS:
                self._pause(attempt)
        raise _given_up(busy, was_repeated=was_repeated)

    def backoff(self) -> None:
        """Wait up to 80 ms, so that those who race for an item do not meet at it again."""
        self._pause(2)

    def _pause(self, attempt: int) -> None:
        self._sleep(random.uniform(0, FIRST_DELAY_SECONDS * 2**attempt))  # noqa: S311 - jitter is no secret


class Write:
    """One conditional write: an Update unless `item` is given, which makes it a Put, or `delete`.

    Args:
        key: PK and SK.
        values: what the placeholders of the expressions stand for, without the colon.
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

    def request(self, table: str) -> dict[str, Any]:
        """AWS's own form of it."""
        return {"TableName": table, **self._request}


def _raise_unless_repeatable(error: ClientError, *, was_repeated: bool) -> type[StoreBusy]:
    """Return only where the same request may simply be sent again (rule R2): what it is if it never succeeds."""
    code = error.response["Error"]["Code"]
    if code == "ConditionalCheckFailedException":
        raise ConditionFailed([_found(error.response)], was_repeated=was_repeated) from error
    if code == "TransactionCanceledException":
        reasons = error.response.get("CancellationReasons", [])
        if any(reason.get("Code") == "ConditionalCheckFailed" for reason in reasons):
            raise ConditionFailed(
                [_found(reason) if reason.get("Code") == "ConditionalCheckFailed" else None for reason in reasons],
                was_repeated=was_repeated,
            ) from error
        if all(reason.get("Code") in _REASONS_TO_TRY_AGAIN for reason in reasons):
            is_throttled = any(reason.get("Code") in _THROTTLED for reason in reasons)
            return StoreThrottled if is_throttled else StoreBusy
        raise StoreUnavailable from error
    if code == "TransactionConflictException":
        return StoreBusy
    if code in _BUSY:
        raise _given_up(StoreThrottled, was_repeated=was_repeated) from error
    raise StoreUnavailable from error


def _given_up(busy: type[StoreBusy], *, was_repeated: bool) -> StoreFailure:
    """What to raise where no more is tried: a copy without an answer may have been written all the same."""
    return StoreUnavailable() if was_repeated else busy()


def _found(holder: Mapping[str, Any]) -> Item:
    return from_attributes(holder.get("Item") or {})


def to_attributes(item: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """A plain item in DynamoDB's typed form; None is left out."""
    return {name: to_attribute(value) for name, value in item.items() if value is not None}


def _placeholders(values: Mapping[str, Any]) -> dict[str, AttributeValue]:
    return {f":{name}": to_attribute(value) for name, value in values.items()}


def to_attribute(value: Any) -> AttributeValue:  # noqa: ANN401 - any of the kinds named in the module's docstring
    """A plain value in DynamoDB's typed form."""
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    raise TypeError(type(value).__name__)


def from_attributes(attributes: Mapping[str, AttributeValue]) -> Item:
    """The plain form of an item in DynamoDB's typed form."""
    return {name: _from_attribute(value) for name, value in attributes.items()}


_WRITERS: Final[tuple[tuple[Any, Callable[[Any], AttributeValue]], ...]] = (
    (str, lambda value: {"S": str(value)}),  # an enumeration's member as well
    (bool, lambda value: {"BOOL": value}),  # before int, which it is too
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
