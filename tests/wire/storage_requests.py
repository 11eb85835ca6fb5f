"""Checks of the requests to DynamoDB: strongly consistent reads, and a token for each transaction (REL-29)."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from botocore import xform_name

OPERATIONS = ("GetItem", "Query", "BatchGetItem", "UpdateItem", "TransactWriteItems")
"""The operations that the layer uses."""


class RequestChecker:
    """Checks the requests of one client; the tokens of its transactions must differ."""

    def __init__(self, report_fault: Callable[[str], object]) -> None:
        self._report_fault = report_fault
        self._transactions: dict[str, Any] = {}

    def check(self, operation: str, body: Mapping[str, Any]) -> None:
        """Report a weak read of a table, and a transaction without a token or with that of another transaction."""
        match operation:
            case "GetItem":
                self._check_read(operation, body)
            case "Query" if "IndexName" not in body:
                self._check_read(operation, body)
            case "BatchGetItem":
                for table in body["RequestItems"].values():
                    self._check_read(operation, table)
            case "TransactWriteItems":
                self._check_transaction(body)

    def _check_read(self, operation: str, read: Mapping[str, Any]) -> None:
        if read.get("ConsistentRead") is not True:
            self._report_fault(f"{operation} without ConsistentRead: {read}")

    def _check_transaction(self, body: Mapping[str, Any]) -> None:
        token, writes = body.get("ClientRequestToken", ""), body["TransactItems"]
        # 128 random bits; DynamoDB allows at most 36 characters.
        if not re.fullmatch("[0-9a-f]{32}", token):
            self._report_fault(f"TransactWriteItems with the token {token!r}")
        elif self._transactions.setdefault(token, writes) != writes:
            self._report_fault(f"two transactions with the token {token}: {self._transactions[token]} and {writes}")


@contextmanager
def checked_storage_requests(report_fault: Callable[[str], object]) -> Iterator[None]:
    """Check every request that a `DynamoDBTable` sends in this process during the block; report each faulty one.

    A client of botocore is checked just before it sends the request, another one when it is called.
    """
    from tapedeck.adapters.dynamodb.client import DynamoDBTable

    initialise = DynamoDBTable.__init__

    def watched(self: DynamoDBTable, client: Any, *arguments: Any, **named: Any) -> None:
        initialise(self, watch(client, report_fault), *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DynamoDBTable, "__init__", watched)
        yield


def watch(client: Any, report_fault: Callable[[str], object]) -> Any:
    """Return the client with its requests checked: itself if it is botocore's, else one that calls it."""
    events = getattr(getattr(client, "meta", None), "events", None)
    if events is None:
        return client if isinstance(client, CheckedClient) else CheckedClient(client, RequestChecker(report_fault))
    checker = RequestChecker(report_fault)

    def sees(request: Any, **_context: object) -> None:
        checker.check(request.headers["X-Amz-Target"].decode().rpartition(".")[2], json.loads(request.body))

    # First, because botocore skips the handlers after one that answers. Once for each client.
    events.register_first("before-send.dynamodb", sees, unique_id="checked-storage-requests")
    return client


class CheckedClient:
    """A client whose requests are checked before it gets them."""

    def __init__(self, client: Any, checker: RequestChecker) -> None:
        self._client = client
        self._checker = checker

    def __getattr__(self, name: str) -> Any:
        """Return a method or an attribute of the client."""
        found = getattr(self._client, name)
        operation = next((each for each in OPERATIONS if xform_name(each) == name), None)
        if operation is None:
            return found

        def checked(**request: Any) -> Any:
            self._checker.check(operation, request)
            return found(**request)

        return checked
