"""Fault injection between botocore and DynamoDB: conflicts, throttling, lost requests and lost responses."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from unittest.mock import patch

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from moto.core.models import botocore_stubber

from tapedeck.bootstrap import http as api_bootstrap

WRITES: Final = frozenset({"UpdateItem", "TransactWriteItems", "PutItem", "DeleteItem"})

Decide = Callable[[str, int], str | None]
"""Chooses the fault for a request, from the DynamoDB operation and the number of the request; None for no fault.

Faults: `conflict`, `throttle`, `throttle a part` (of a transaction), `lose` (the response), `delay` (the request) and
`refuse` (the connection). A transaction may be `in progress`, or be so for the client once it was `apply`ed.
"""


_EXCEPTIONS: Final = {
    "throttle": "ThrottlingException",
    "throttle a part": "ThrottlingException",
    "in progress": "TransactionInProgressException",
    "apply": "TransactionInProgressException",
}


class _Raw:
    """The body stream of a response that is complete."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: object) -> Iterator[bytes]:
        """Return the whole body."""
        yield self._body


@dataclass
class FaultyConnection:
    """A connection that injects faults and records every request with its fault."""

    decide: Decide
    meanwhile: Callable[[], None] | None = None
    """Runs once, after a write took effect and before its response is lost."""
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    delayed: list[Any] = field(default_factory=list)
    """Requests without a response that have not reached the database yet."""
    tokens: set[str] = field(default_factory=set)
    """The tokens of all transactions."""
    pauses: list[float] = field(default_factory=list)
    """Seconds waited between attempts."""

    def handle(self, request: Any, **_: object) -> AWSResponse | None:
        """Handle botocore's `before-send`: return a response, raise a network error, or return None to send."""
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        fault = self.decide(operation, len(self.requests))
        self.requests.append((operation, fault))
        if operation == "TransactWriteItems":
            self.tokens.add(json.loads(request.body)["ClientRequestToken"])
        if fault == "conflict":
            return _refusal(request, operation)
        if fault == "throttle a part" and operation == "TransactWriteItems":
            return _canceled(request, "ThrottlingError")
        if fault == "apply":
            assert botocore_stubber("before-send", request) is not None
        if fault in _EXCEPTIONS:
            return _answer(request, {"__type": f"com.amazonaws.dynamodb.v20120810#{_EXCEPTIONS[fault]}"})
        if fault == "delay":
            self.delayed.append(request)
            raise ConnectionClosedError(endpoint_url=request.url)
        if fault == "refuse":
            raise ConnectionClosedError(endpoint_url=request.url)
        if fault == "lose":
            applied = botocore_stubber("before-send", request)
            assert applied is not None
            meanwhile, self.meanwhile = self.meanwhile, None
            if meanwhile is not None:
                meanwhile()
            raise ConnectionClosedError(endpoint_url=request.url)
        return None

    def deliver(self) -> list[int]:
        """Send the delayed requests to the database now; return the HTTP statuses, which no client receives."""
        delayed, self.delayed = self.delayed, []
        answers: list[Any] = [botocore_stubber("before-send", request) for request in delayed]
        return [answer.status_code for answer in answers]


@contextmanager
def inject_faults(decide: Decide, meanwhile: Callable[[], None] | None = None) -> Iterator[FaultyConnection]:
    """Inject faults between the service's DynamoDB client, which its tables share, and the database."""
    services = api_bootstrap.get_api_services()
    database = services.calls._store._database  # type: ignore[attr-defined]
    credentials = services.make_api_keys()._credentials._database  # type: ignore[attr-defined]
    events = database._client.meta.events
    connection = FaultyConnection(decide, meanwhile)
    events.register_first("before-send.dynamodb", connection.handle)
    try:
        # No real waiting between attempts: the delays are recorded for assertions.
        with (
            patch.object(database, "_sleep", connection.pauses.append),
            patch.object(credentials, "_sleep", connection.pauses.append),
            patch("botocore.endpoint.time") as clock,
        ):
            clock.sleep = connection.pauses.append
            yield connection
    finally:
        events.unregister("before-send.dynamodb", connection.handle)


def _refusal(request: Any, operation: str) -> AWSResponse:
    if operation != "TransactWriteItems":
        return _answer(request, {"__type": "com.amazonaws.dynamodb.v20120810#TransactionConflictException"})
    return _canceled(request, "TransactionConflict")


def _canceled(request: Any, reason: str) -> AWSResponse:
    items = json.loads(request.body)["TransactItems"]
    reasons = [{"Code": "None"}] * (len(items) - 1) + [{"Code": reason, "Message": "a fault"}]
    content = {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": reasons,
    }
    return _answer(request, content)


def _answer(request: Any, content: dict[str, Any]) -> AWSResponse:
    body = json.dumps({"message": "a fault of the test's making", **content}).encode()
    # Botocore calls every handler; with a host outside AWS, the emulated one ignores the request and writes nothing.
    request.url = "http://nowhere.invalid/"
    headers: Any = {"Content-Type": "application/x-amz-json-1.0"}
    return AWSResponse(request.url, 400, headers, _Raw(body))
