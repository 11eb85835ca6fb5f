"""What concurrent clients of a table share: connections that lose requests and responses, and a journal."""

import random
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Any

from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from tapedeck.adapters.clients import READ_SECONDS
from tapedeck.domain.errors import StoreBusy, StoreUnavailable
from tapedeck.domain.recording import Parent
from tests.linearizability.model import UNKNOWN, Operation, Outcome


class Fault(StrEnum):
    """A fault between botocore and DynamoDB."""

    REQUEST_LOST = "request lost"
    RESPONSE_LOST = "response lost"


class FaultyConnection:
    """Sends a client's DynamoDB requests, and randomly loses a request or its response.

    Args:
        random_source: chooses the faults.
        rates: probability of each fault.
        answer: answers a request that is not lost; None sends it over HTTP.
    """

    def __init__(
        self, random_source: random.Random, rates: dict[Fault, float], answer: Callable[[Any], Any] | None = None
    ) -> None:
        self.faults: list[Fault] = []
        self._random_source = random_source
        self._rates = rates
        no_delay = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]  # like botocore's own clients
        self._answer = answer or URLLib3Session(timeout=READ_SECONDS, socket_options=no_delay).send  # type: ignore[arg-type]

    def send(self, request: Any, **_: Any) -> Any:
        """Handle botocore's event `before-send`: return the response or raise a network error."""
        drawn = self._random_source.random()
        for fault, rate in self._rates.items():
            if drawn < rate:
                return self._fail(fault, request)
            drawn -= rate
        return self._answer(request)

    def _fail(self, fault: Fault, request: Any) -> Any:
        self.faults.append(fault)
        if fault is Fault.REQUEST_LOST:
            raise ConnectionClosedError(endpoint_url=request.url)
        self._answer(request)
        if self._random_source.random() < 1 / 2:
            raise ConnectionClosedError(endpoint_url=request.url)
        raise ReadTimeoutError(endpoint_url=request.url)


@dataclass
class Journal:
    """The history of one call in ticks of one clock, and the recording ids that its clients know."""

    parent: Parent
    known: list[str] = field(default_factory=list)
    history: list[Operation] = field(default_factory=list)
    rejected_as_busy: int = 0
    _ticks: "count[int]" = field(default_factory=count)

    def note(
        self, client: int, kind: StrEnum, argument: str | None, act: Callable[[], Outcome], *, loses: bool
    ) -> None:
        """Run an operation and record the outcome that its client saw."""
        invoked = next(self._ticks)
        try:
            outcome = act()
        except StoreBusy:
            self.rejected_as_busy += 1  # guarantees that nothing was written
            return
        except StoreUnavailable:
            outcome = UNKNOWN
        if loses:
            outcome = UNKNOWN
        returned = None if outcome == UNKNOWN else next(self._ticks)
        self.history.append(Operation(client, kind, argument, invoked, returned, outcome))
        if outcome.recording is not None and outcome.recording not in self.known:
            self.known.append(outcome.recording)
