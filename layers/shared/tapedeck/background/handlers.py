"""Make Lambda handlers for the table's stream, the queues and the schedule; each record gets a log line and metrics.

Batches fail partially: only failed records are returned to Lambda, which retries them. A failure delays later records
of its own group only: a partition of the stream, a FIFO group of a queue (REL-5, REL-8).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Final

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    SqsFifoPartialProcessor,
    process_partial_response,
)

from tapedeck.background.conversions import Conversions
from tapedeck.background.engine_events import EngineEvents
from tapedeck.background.engine_monitor import EngineMonitor
from tapedeck.background.publisher import ChangePublisher
from tapedeck.background.reconciler import SHARDS, Reconciler
from tapedeck.background.redrive import FailedBatchRedrive
from tapedeck.background.webhook_delivery import CallbackDispatcher, CallbackRenderer
from tapedeck.domain.delivery import UNSIGNED, CallbackDelivery, DeliveryState
from tapedeck.domain.engine_command import Command
from tapedeck.domain.errors import MalformedBody
from tapedeck.observability import CanonicalLog
from tapedeck.operations.engine_sessions import EngineSessions
from tapedeck.ports.changes import Change
from tapedeck.ports.clock import Clock

Event = Mapping[str, Any]
BatchResponse = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BackgroundServices:
    """The dependencies of background functions; each property calls its `make_` function, which caches."""

    log: CanonicalLog
    clock: Clock
    read_change: Callable[[Event], Change | None]
    sort_by_conference_sequence: Callable[[Sequence[Event]], Sequence[Event]]
    callback_renderers: Mapping[str, CallbackRenderer]
    make_publisher: Callable[[], ChangePublisher]
    make_engine_events: Callable[[], EngineEvents]
    make_callbacks: Callable[[], CallbackDispatcher]
    make_engine_sessions: Callable[[], EngineSessions]
    make_engine_monitor: Callable[[], EngineMonitor]
    make_conversions: Callable[[], Conversions]
    make_reconciler: Callable[[], Reconciler]
    make_redrive: Callable[[], FailedBatchRedrive]

    @property
    def publisher(self) -> ChangePublisher:
        """Publishes changes."""
        return self.make_publisher()

    @property
    def engine_events(self) -> EngineEvents:
        """Applies the events that a media engine reports."""
        return self.make_engine_events()

    @property
    def callbacks(self) -> CallbackDispatcher:
        """Queues and delivers callbacks."""
        return self.make_callbacks()

    @property
    def engine_monitor(self) -> EngineMonitor:
        """Watches the media engines."""
        return self.make_engine_monitor()

    @property
    def conversions(self) -> Conversions:
        """Requests and carries out the conversion of captures."""
        return self.make_conversions()

    @property
    def reconciler(self) -> Reconciler:
        """Reconciles pending work."""
        return self.make_reconciler()

    @property
    def redrive(self) -> FailedBatchRedrive:
        """Publishes the changes of failed batches again."""
        return self.make_redrive()


class BackgroundEndpoint:
    """Makes Lambda handlers of functions that process one change, one message or one shard.

    Args:
        services: returns the dependencies; called at each invocation.
    """

    def __init__(self, services: Callable[[], BackgroundServices]) -> None:
        self._get_services = services

    def stream(
        self, operation: str
    ) -> Callable[[Callable[[Change, BackgroundServices], None]], Callable[[Event, object], BatchResponse]]:
        """Decorate a function that processes one change of the table.

        Changes are processed in the stream's order; those of a conference by its sequence number. After a failure,
        later records of its partition are reported as failed without being processed, so that the messages about one
        call or conference keep their order; the others are processed. Lambda delivers everything from the first failed
        record again. A change may thus be processed twice, so the function must be idempotent.
        """

        def decorate(handler: Callable[[Change, BackgroundServices], None]) -> Callable[[Event, object], BatchResponse]:
            def handle(event: Event, _context: object) -> BatchResponse:
                services = self._get_services()
                # --8<-- [start:process]
                blocked_partitions: set[str] = set()

                def process(record: Any) -> None:  # noqa: ANN401 - Powertools' own class
                    partition = record.raw_event["dynamodb"]["Keys"]["PK"]["S"]
                    if partition in blocked_partitions:
                        raise _BlockedByPredecessor
                    try:
                        _process_change(operation, services, record.raw_event, partition.partition("#")[0], handler)
                    except Exception:
                        blocked_partitions.add(partition)
                        raise

                # --8<-- [end:process]

                return _respond(
                    BatchProcessor(EventType.DynamoDBStreams, raise_on_entire_batch_failure=False),
                    {**event, "Records": list(services.sort_by_conference_sequence(event["Records"]))},
                    process,
                )

            return handle

        return decorate

    def queue(
        self, operation: str, *, is_fifo: bool = True
    ) -> Callable[[Callable[[str, BackgroundServices], object]], Callable[[Event, object], BatchResponse]]:
        """Decorate a function that processes the body of one message of a queue.

        A message that raises is retried by the queue; in a FIFO queue, the later messages of its group wait for it.
        A malformed message is retried until the queue moves it to the dead-letter queue.

        The function may return a delivery, to log its state, or an `Outcome`; otherwise `done` is logged.
        """

        def decorate(handler: Callable[[str, BackgroundServices], object]) -> Callable[[Event, object], BatchResponse]:
            def handle(event: Event, _context: object) -> BatchResponse:
                services = self._get_services()

                def process(record: Any) -> None:  # noqa: ANN401 - Powertools' own class
                    _run_and_log(services.log, operation, None, lambda: handler(record.body, services))

                return _respond(_fifo() if is_fifo else _standard(), event, process)

            return handle

        return decorate

    def schedule(
        self, operation: str, before: Callable[[BackgroundServices], Counter[str]] | None = None
    ) -> Callable[[Callable[[str, BackgroundServices], Counter[str]]], Callable[[Event, object], BatchResponse]]:
        """Decorate a function that processes one shard; its counts are added up, logged and returned.

        `before` runs once before all shards, and its counts are added too. Every run starts at another shard, so that
        slow shards cannot starve the others. A failure does not stop the other shards, nor does an item that the
        function counts as `failed`; the run raises after all shards are done.
        """

        def decorate(
            handler: Callable[[str, BackgroundServices], Counter[str]],
        ) -> Callable[[Event, object], BatchResponse]:
            def handle(_event: Event, _context: object) -> BatchResponse:
                services = self._get_services()
                counted: Counter[str] = Counter()
                failures: list[Exception] = []
                shards = _rotate_shards(services.clock())
                steps = [partial(handler, shard, services) for shard in shards]
                for step in [*([partial(before, services)] if before is not None else []), *steps]:
                    try:
                        counted.update(step())
                    except Exception as error:  # noqa: BLE001 - raised after the other shards
                        failures.append(error)
                if counted["failed"]:
                    failures.append(IncompleteRun(f"{counted['failed']} items could not be reconciled"))
                services.log.background(
                    operation=operation,
                    outcome="failed" if failures else "done",
                    error=type(failures[0]).__name__ if failures else None,
                    counted={_METRICS[name]: counted[name] for name in _METRICS},
                )
                if failures:
                    raise failures[0]
                return {name: number for name, number in counted.items() if number}

            return handle

        return decorate


class Outcome(StrEnum):
    """What a message led to, for the log line; a function that returns nothing is `done`."""

    DONE = "done"
    SKIPPED = "skipped"
    """Nothing was to do: such as a callback that another message has delivered."""


def log_unroutable_command(log: CanonicalLog, command: Command) -> None:
    """Log and count a command that is not sent, because its engine is unknown or was deleted."""
    log.background(
        operation="send_command", account=command.parent.account, outcome="unroutable", sid=command.resource,
        counted={"CommandsUnroutable": 1},
    )  # fmt: skip


class IncompleteRun(Exception):
    """The run processed everything that it could, but some items failed; the next run retries them."""


class _BlockedByPredecessor(Exception):
    """An earlier record of the same partition failed, so this one must wait."""


def _process_change(
    operation: str,
    services: BackgroundServices,
    record: Event,
    account: str,
    handler: Callable[[Change, BackgroundServices], None],
) -> None:
    change: Change | None = None
    try:
        change = services.read_change(record)
    except Exception as error:
        services.log.background(operation=operation, account=account, outcome="unreadable", error=type(error).__name__)
        raise
    if change is not None:
        _run_and_log(services.log, operation, account, partial(handler, change, services))


def _rotate_shards(now: int) -> Iterator[str]:
    """Yield all shards, starting at another one each minute; `now` is in milliseconds."""
    first = now // _MINUTE % len(SHARDS)
    yield from SHARDS[first:]
    yield from SHARDS[:first]


_MINUTE: Final = 60_000

_METRICS: Final = {
    "unconfirmed": "CommandsUnconfirmed",
    "unconfirmed_pauses": "PausesUnconfirmed",
    "expired": "CommandsExpired",
    "timed_out": "RecordingsTimedOut",
    "engines_lost": "EngineLost",
    "calls_too_long": "CallsTooLong",
}
"""Metric names by the names of the reconciler's counts."""


def _fifo() -> BatchProcessor:
    processor = SqsFifoPartialProcessor(skip_group_on_error=True)
    processor.raise_on_entire_batch_failure = False
    return processor


def _standard() -> BatchProcessor:
    return BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)


def _respond(processor: BatchProcessor, event: Event, process: Callable[[Any], None]) -> BatchResponse:
    response: BatchResponse = dict(
        process_partial_response(event=dict(event), record_handler=process, processor=processor)
    )
    return response


def _run_and_log(log: CanonicalLog, operation: str, account: str | None, act: Callable[[], object]) -> None:
    """Run `act` and log its outcome; an error is logged and raised."""
    try:
        result = act()
    except Exception as error:
        outcome = "unreadable" if isinstance(error, MalformedBody) else "failed"
        log.background(operation=operation, account=account, outcome=outcome, error=type(error).__name__)
        raise
    else:
        outcome = _outcome_of(result)
        counted = _callback_metrics(result) if isinstance(result, CallbackDelivery) else {}
        log.background(operation=operation, account=account, outcome=outcome, counted=counted)


def _outcome_of(result: object) -> str:
    """Return the outcome to log for what a function returned."""
    if isinstance(result, CallbackDelivery):
        return str(result.state)
    return str(result) if isinstance(result, Outcome) else str(Outcome.DONE)


def _callback_metrics(delivery: CallbackDelivery) -> dict[str, float]:
    """Return the metrics of a delivery that are worth an alarm."""
    unsigned = bool(delivery.attempts) and delivery.attempts[-1].failure == UNSIGNED
    exhausted = delivery.state is DeliveryState.EXHAUSTED
    return {**({"CallbacksUnsigned": 1} if unsigned else {}), **({"CallbacksExhausted": 1} if exhausted else {})}
