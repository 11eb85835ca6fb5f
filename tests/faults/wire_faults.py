"""Faults at the wire between botocore and DynamoDB: conflicts, throttling, and writes whose answer is lost."""

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
"""From an operation and its number to a fault; None for none.

`conflict`, `throttle`, `throttle a part` (of a transaction), `lose`, `delay` and `refuse` are known.
"""


class _Raw:
    """The stream of an answer that is there already."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: object) -> Iterator[bytes]:
        """All of it."""
        yield self._body


@dataclass
class Wire:
    """Every request that went over the wire, with the fault that it met."""

    decide: Decide
    meanwhile: Callable[[], None] | None = None
    """Runs once, between a write that took effect and the loss of its answer."""
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    delayed: list[Any] = field(default_factory=list)
    """Requests that got no answer, and have not reached the database yet."""
    pauses: list[float] = field(default_factory=list)
    """Seconds that were waited between tries."""

    def handle(self, request: Any, **_: object) -> AWSResponse | None:
        """Botocore's `before-send`: what is returned is the answer, what is raised is the network's fault."""
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        fault = self.decide(operation, len(self.requests))
        self.requests.append((operation, fault))
        if fault == "conflict":
            return _refusal(request, operation)
        if fault == "throttle a part" and operation == "TransactWriteItems":
            return _canceled(request, "ThrottlingError")
        if fault in {"throttle", "throttle a part"}:
            return _answer(request, {"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException"})
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
        """Let the delayed requests reach the database now; the statuses that nobody hears."""
        delayed, self.delayed = self.delayed, []
        answers: list[Any] = [botocore_stubber("before-send", request) for request in delayed]
        return [answer.status_code for answer in answers]


@contextmanager
def wire_faults(decide: Decide, meanwhile: Callable[[], None] | None = None) -> Iterator[Wire]:
    """Puts faults between the service's client and moto."""
    database = api_bootstrap.get_api_services().calls._store._database  # type: ignore[attr-defined]
    events = database._client.meta.events
    wire = Wire(decide, meanwhile)
    events.register_first("before-send.dynamodb", wire.handle)
    try:
        # Nobody waits between tries: how long the pauses are is asserted, not lived through.
        with patch.object(database, "_sleep", wire.pauses.append), patch("botocore.endpoint.time") as clock:
            clock.sleep = wire.pauses.append
            yield wire
    finally:
        events.unregister("before-send.dynamodb", wire.handle)


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
    # Every handler is asked: moto passes over what is not AWS's, and so nothing is written.
    request.url = "http://nowhere.invalid/"
    headers: Any = {"Content-Type": "application/x-amz-json-1.0"}
    return AWSResponse(request.url, 400, headers, _Raw(body))
