"""Test doubles around the real code: a clock, fault injection at every port call, unreliable queues and a log.

Nothing here waits, and every random choice comes from the seed.
"""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Final, Literal

from botocore.exceptions import ConnectionClosedError

from tapedeck.adapters.batching import write_json
from tapedeck.domain.errors import StoreUnavailable
from tapedeck.observability import CanonicalLog
from tapedeck.ports.clock import Clock
from tapedeck.ports.messaging import QueueMessage
from tapedeck_standin.aws.queues import MemoryQueue
from tapedeck_standin.aws.standard_queue import MemoryStandardQueue, StandardMessage
from tests.client import make_event
from tests.engine_reports import batch_of

LAST_BOOT: Final = "f" * 32
"""The session of every report: no other session of the engine supersedes it."""

BEGINNING: Final = 1_800_000_000_000
"""Start time of every simulation, in milliseconds since the epoch."""


ENGINE: Final = "standin"
"""Name of the only media engine."""


class Crash(BaseException):
    """The process has ended. A `BaseException`, so that the code under test does not catch it."""


class SimulatedClock:
    """Milliseconds since the epoch, advanced only by `sleep`."""

    def __init__(self) -> None:
        self._now = BEGINNING

    def __call__(self) -> int:
        """Return the current time."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Advance the clock."""
        self._now += round(seconds * 1000)


class RandomSource(random.Random):
    """The random source of a simulation; also replaces `secrets` and `random` in the code under test."""

    def randbits(self, bits: int) -> int:
        """Return random bits, like `secrets.randbits`."""
        return self.getrandbits(bits)

    def token_hex(self, count: int) -> str:
        """Return random hexadecimal digits, like `secrets.token_hex`."""
        return self.randbytes(count).hex()


class FaultInjector:
    """Counts the injection points (before and after each port call) and injects a fault at one of them."""

    def __init__(self) -> None:
        self.points = 0
        self.injected = 0
        """Number of injected faults."""
        self._fatal: int | None = None
        self._crashes = True
        self._meanwhile: tuple[int, Callable[[], object]] | None = None

    def arm(self, points: int, *, crashes: bool) -> None:
        """Inject a fault `points` injection points from now: a crash, or else a failure of the port."""
        self._fatal, self._crashes = self.points + points, crashes

    def disarm(self) -> None:
        """Cancel a fault that was not injected yet."""
        self._fatal = None

    def run_meanwhile(self, points: int, action: Callable[[], object]) -> None:
        """Run an action `points` injection points from now, as another process would do at that moment."""
        self._meanwhile = self.points + points, action

    def cancel_meanwhile(self) -> None:
        """Cancel an action that was not run yet."""
        self._meanwhile = None

    def pass_point(self, *, of_database: bool = False) -> None:
        """Pass one injection point; raise if the fault is due."""
        self.points += 1
        is_due = self.points == self._fatal
        if self._meanwhile is not None and self.points >= self._meanwhile[0]:
            (_, action), self._meanwhile = self._meanwhile, None
            action()
        if not is_due:
            return
        self._fatal = None
        self.injected += 1
        if self._crashes:
            raise Crash
        if of_database:
            raise ConnectionClosedError(endpoint_url="https://dynamodb.amazonaws.com")
        raise StoreUnavailable

    def pass_database_point(self, _when: Literal["before", "after"], _operation: str, _request: object) -> None:
        """Pass one injection point of the in-memory database (its fault hook)."""
        self.pass_point(of_database=True)

    def wrap(self, port: Any) -> Any:
        """Wrap a port with an injection point before and after each call."""
        return _FaultyPort(port, self)


class _FaultyPort:
    def __init__(self, port: Any, fault_injector: FaultInjector) -> None:
        self._port = port
        self._fault_injector = fault_injector

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._port, name)

        @wraps(method)
        def call(*args: object, **kwargs: object) -> Any:
            self._fault_injector.pass_point()
            result = method(*args, **kwargs)
            self._fault_injector.pass_point()
            return result

        setattr(self, name, call)
        return call


class UnreliableQueue:
    """The channel of engine events, which loses, duplicates and delays some of them.

    Args:
        queue: the queue that receives the events.
        random_source: chooses the faults.
        event_fault_rate: probability of each of the three faults.
    """

    def __init__(self, queue: MemoryQueue, random_source: RandomSource, event_fault_rate: float) -> None:
        self._queue = queue
        self._random_source = random_source
        self._event_fault_rate = event_fault_rate
        self._late: list[QueueMessage] = []
        self.lost: list[QueueMessage] = []

    def send(self, messages: Sequence[QueueMessage]) -> None:
        """Send the messages, apart from those that are lost or delayed."""
        for message in messages:
            drawn = self._random_source.random()
            if drawn < self._event_fault_rate:
                self.lost.append(message)
                continue
            if drawn < 2 * self._event_fault_rate:
                self._late.append(message)
                continue
            again = (
                [QueueMessage(message.body, message.group, f"{message.id}-again")]
                if drawn < 3 * self._event_fault_rate
                else []
            )
            self._queue.send([message, *again])
            if self._late and self._random_source.random() < 0.5:
                self.catch_up()

    def catch_up(self) -> bool:
        """Send the delayed messages; return whether there were any."""
        late, self._late = self._late, []
        self._queue.send(late)
        return bool(late)


class UnorderedQueue(MemoryStandardQueue):
    """A queue of commands that delivers some messages late and some twice, as a standard queue of SQS may."""

    random_source: RandomSource
    event_fault_rate: float

    def send(self, *bodies: str) -> list[str]:
        """Append the messages in any order, some of them twice."""
        copies = [body for body in bodies if self.random_source.random() < self.event_fault_rate]
        return super().send(*self.random_source.sample([*bodies, *copies], len(bodies) + len(copies)))

    def receive(
        self, limit: int = 10, visibility_seconds: int | None = None, wait_seconds: float = 0
    ) -> list[StandardMessage]:
        """Receive some of the messages, in any order."""
        limit = self.random_source.randint(1, limit)
        received = super().receive(limit, visibility_seconds, wait_seconds)
        return self.random_source.sample(received, len(received))


class CommandLog:
    """The queue that all engines of a world share; records resource and version, kind and number of all commands."""

    def __init__(self, queue: MemoryStandardQueue) -> None:
        self.queue = queue
        self.sent: set[tuple[str, int]] = set()
        self.kinds: set[str] = set()
        self.number = 0

    @property
    def messages(self) -> list[str]:
        """The bodies of the messages in the queue."""
        return self.queue.bodies

    def send(self, engine: str, messages: Sequence[Mapping[str, Any]]) -> bool:
        """Record and queue the commands."""
        del engine
        for body in messages:
            self.number += 1
            self.kinds.add(body["type"])
            self.sent.add((body.get("recording") or body.get("call") or body["conference"], body["version"]))
        self.queue.send(*map(write_json, messages))
        return True


class EventReporter:
    """Reports the events that wait in a queue to take_engine_events, as a media engine does.

    An event stays in the queue if it is to be reported again, or if the request fails.

    Args:
        queue: the events.
        clock: milliseconds since the epoch.
        handler: the function.
        token: the token of the engine.
    """

    def __init__(self, queue: MemoryQueue, clock: Clock, handler: Callable[[Any, None], Any], token: str) -> None:
        self._queue = queue
        self._clock = clock
        self._handler = handler
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}

    def run_once(self) -> bool:
        """Report up to 50 events in one request; return whether there were any."""
        received = self._queue.receive(50)
        if not received:
            return False
        body = batch_of([json.loads(message.body) for message in received], LAST_BOOT, self._clock())
        request = make_event(
            "POST", "/engine/v2/events", headers=self._headers, body=json.dumps(body).encode(), gateway="api-gateway"
        )
        answer = self._handler(request, None)
        assert answer["statusCode"] in {200, 503}
        results = json.loads(answer["body"])["results"] if answer["statusCode"] == 200 else []
        for message, result in zip(received, results, strict=False):
            if result["outcome"] != "later":
                self._queue.delete(message.receipt)
        return True


class RawQueue(MemoryQueue):
    """A queue that accepts malformed messages."""

    def append_text(self, text: str, group: str) -> None:
        """Queue a text that may not be JSON."""
        self._store.append(text, group, f"{group}-{self._store.last}", self._clock())


class OutcomeLog(CanonicalLog):
    """Keeps the outcome of each record instead of writing a log line."""

    def __init__(self) -> None:
        super().__init__("simulation")
        self.observed: list[tuple[str, str, str | None]] = []
        """Operation, outcome and error name."""

    def background(
        self,
        *,
        operation: str,
        outcome: str,
        error: Exception | None = None,
        **_: object,
    ) -> None:
        """Keep the outcome of one record; what is overdue has its own checks."""
        if outcome == "overdue":
            return
        self.observed.append((operation, outcome, type(error).__name__ if error is not None else None))

    def engine_event(
        self,
        *,
        operation: str,
        outcome: str,
        code: str | None = None,
        reason: str | None = None,
        **_: object,
    ) -> None:
        """Keep the outcome of one engine event."""
        self.observed.append((operation, outcome, code or (reason if outcome == "later" else None)))

    def engine_request(self, **_: object) -> None:
        """Ignore the line of a request; its events have their own."""

    def engine_clock(self, **_: object) -> None:
        """Ignore that the clock of an engine is wrong."""

    def request(self, **_: object) -> None:
        """Ignore the line of a client's request, whose answer the test has."""

    def unhandled_error(
        self, operation: str, request_id: str | None, error: BaseException, *, event: str | None = None
    ) -> None:
        """Keep an unexpected error."""
        del request_id, event
        self.observed.append((operation, "failed", type(error).__name__))
