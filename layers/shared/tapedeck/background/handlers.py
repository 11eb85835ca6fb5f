"""Make Lambda handlers for the table's stream, the queues and the schedule; each record gets a log line and metrics.

Batches fail partially: only failed records are returned to Lambda, which retries them. A failure delays later records
of its own group only: a partition of the stream, a FIFO group of a queue (REL-5, REL-8).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tapedeck.background.callback_renderer import CallbackRenderer
from tapedeck.background.change_batch import BlockedByPredecessor
from tapedeck.background.checks import RecordingChecks
from tapedeck.background.conversions import Conversions
from tapedeck.background.engine_events import EngineEvents
from tapedeck.background.engine_monitor import EngineMonitor
from tapedeck.background.log_subjects import (
    OverdueLog,
    subject_of,
    subject_of_command,
    subject_of_delivery,
    subject_of_message,
)
from tapedeck.background.publisher import ChangePublisher
from tapedeck.background.reconciler import SHARDS, Reconciler
from tapedeck.background.redrive import FailedBatchRedrive
from tapedeck.background.webhook_delivery import CallbackDispatcher
from tapedeck.domain.delivery import UNSIGNED, CallbackDelivery, DeliveryState
from tapedeck.domain.engine_command import Command
from tapedeck.domain.errors import MalformedBody, StoreFailure
from tapedeck.observability import CanonicalLog, Subject, begin_invocation
from tapedeck.operations.engine_sessions import EngineSessions
from tapedeck.ports.changes import Change
from tapedeck.ports.clock import Clock

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities import batch as powertools

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
    make_checks: Callable[[], RecordingChecks]
    make_engine_events: Callable[[], EngineEvents]
    make_callbacks: Callable[[], CallbackDispatcher]
    make_engine_sessions: Callable[[], EngineSessions]
    make_engine_monitor: Callable[[], EngineMonitor]
    make_conversions: Callable[[], Conversions]
    make_reconciler: Callable[[], Reconciler]
    make_redrive: Callable[[], FailedBatchRedrive]
    make_overdue_log: Callable[[], OverdueLog]
    shards_at_once: int = 1
    """How many shards are reconciled at the same time."""

    @property
    def publisher(self) -> ChangePublisher:
        """Publishes changes."""
        return self.make_publisher()

    @property
    def checks(self) -> RecordingChecks:
        """Notes which recordings are to be checked."""
        return self.make_checks()

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


BatchPublisher = Callable[[Sequence[Change], BackgroundServices], Sequence[Exception | None]]


class BackgroundEndpoint:
    """Makes Lambda handlers of functions that process one change, one message or one shard.

    Args:
        services: returns the dependencies; called at each invocation.
    """

    def __init__(self, services: Callable[[], BackgroundServices]) -> None:
        self._get_services = services

    def stream(
        self, operation: str, after: Callable[[Sequence[Change], BackgroundServices], None]
    ) -> Callable[[BatchPublisher], Callable[[Event, object], BatchResponse]]:
        """Decorate a function that processes the changes of one batch and returns the error of each, or None.

        Changes are processed in the stream's order; those of a conference by its sequence number. After a failure,
        later records of its partition are reported as failed too, so that the messages about one call or conference
        keep their order; the others are processed. Lambda delivers everything from the first failed record again. A
        change may thus be processed twice, so the function must be idempotent.

        `after` runs once after the batch, with all its changes, also those that failed.
        """

        def decorate(handler: BatchPublisher) -> Callable[[Event, object], BatchResponse]:
            def handle(event: Event, context: object) -> BatchResponse:
                begin_invocation(event, context)
                services = self._get_services()
                records = services.sort_by_conference_sequence(event["Records"])
                found = list(_read_changes(operation, services, records))
                changes = [each for each in found if isinstance(each, Change)]
                failures = iter(handler(changes, services))
                outcomes = iter([(each, next(failures) if isinstance(each, Change) else each) for each in found])

                def process(record: Any) -> None:  # noqa: ANN401 - Powertools' own class
                    read, failure = next(outcomes)  # they come in order
                    if isinstance(read, Change) and not isinstance(failure, BlockedByPredecessor):
                        raw = record.raw_event
                        subject = subject_of(read.account, read.after or read.before)
                        subject = replace(subject, event=raw.get("eventID"), kind=raw.get("eventName"))
                        _run_and_log(services.log, operation, subject, partial(_raise, failure))
                    _raise(failure)

                answer = _respond(
                    _standard("DynamoDBStreams"),
                    {**event, "Records": list(records)},
                    process,
                )
                after(changes, services)
                return answer

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
            def handle(event: Event, context: object) -> BatchResponse:
                begin_invocation(event, context)
                services = self._get_services()

                def process(record: Any) -> None:  # noqa: ANN401 - Powertools' own class
                    subject = replace(subject_of_message(record.body), event=record.message_id)
                    _run_and_log(services.log, operation, subject, lambda: handler(record.body, services))

                return _respond(_fifo() if is_fifo else _standard(), event, process)

            return handle

        return decorate

    def schedule(
        self, operation: str, before: Callable[[BackgroundServices], Counter[str]] | None = None
    ) -> Callable[[Callable[[str, BackgroundServices], Counter[str]]], Callable[[Event, object], BatchResponse]]:
        """Decorate a function that processes one shard; its counts are added up, logged and returned.

        `before` runs once before all shards, and its counts are added too. Then the first shard runs, and after it the
        others, several at once in a deployment. Every run starts at another shard, so that slow shards cannot starve
        the others. A failure does not stop the other shards, nor does an item that the
        function counts as `failed`; the run raises after all shards are done.
        """

        def decorate(
            handler: Callable[[str, BackgroundServices], Counter[str]],
        ) -> Callable[[Event, object], BatchResponse]:
            def handle(event: Event, context: object) -> BatchResponse:
                begin_invocation(event, context)
                services = self._get_services()
                services.make_overdue_log().begin()
                shards = [partial(handler, shard, services) for shard in _rotate_shards(services.clock())]
                # The first steps run alone: they build what all shards share.
                first = [*([partial(before, services)] if before is not None else []), shards[0]]
                results = [*map(_attempt, first), *_attempt_all(shards[1:], services.shards_at_once)]
                failures = [each for each in results if isinstance(each, Exception)]
                counted = sum((each for each in results if not isinstance(each, Exception)), Counter[str]())
                if counted["failed"]:
                    failures.append(IncompleteRun(f"{counted['failed']} items could not be reconciled"))
                services.log.background(
                    operation=operation,
                    outcome="failed" if failures else "done",
                    error=failures[0] if failures else None,
                    counted={METRICS_OF_RUN[name]: counted[name] for name in METRICS_OF_RUN},
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
        operation="send_command",
        outcome="unroutable",
        subject=replace(subject_of_command(command), sid=command.resource),
        reason="unknown_engine" if command.engine is None else "no_queue",
        counted={"CommandsUnroutable": 1},
    )


def log_suspended_host(log: CanonicalLog, delivery: CallbackDelivery) -> None:
    """Log and count that a host was suspended, because a callback to it has timed out like those before."""
    log.background(
        operation="deliver_callback", outcome="suspended", subject=subject_of_delivery(delivery),
        counted={"CallbackHostsSuspended": 1},
    )  # fmt: skip


def log_unsigned_callback(log: CanonicalLog, delivery: CallbackDelivery, failure: StoreFailure) -> None:
    """Log which request to AWS failed, so that a callback could not be signed; its attempt has a line of its own."""
    log.background(
        operation="deliver_callback", outcome="unsigned", subject=subject_of_delivery(delivery), error=failure
    )


def log_unnoted_check(log: CanonicalLog, error: Exception) -> None:
    """Log that no check was noted of the recordings of a batch."""
    log.background(operation="publish_changes", outcome="unchecked", error=error)


class IncompleteRun(Exception):
    """The run processed everything that it could, but some items failed; the next run retries them."""


def _read_changes(
    operation: str, services: BackgroundServices, records: Sequence[Event]
) -> Iterator[Change | Exception | None]:
    """Yield the change of each record, None if there is none to publish, or why it is not to be published now."""
    blocked_partitions: set[str] = set()
    for record in records:
        partition = ""
        try:
            partition = record["dynamodb"]["Keys"]["PK"]["S"]
            if partition not in blocked_partitions:
                yield services.read_change(record)
                continue
        except Exception as error:  # noqa: BLE001 - an unreadable record is reported as failed
            blocked_partitions.add(partition)
            account = partition.partition("#")[0] or None
            subject = Subject(account=account, event=record.get("eventID"), kind=record.get("eventName"))
            services.log.background(operation=operation, subject=subject, outcome="unreadable", error=error)
            yield error
        else:
            yield BlockedByPredecessor()


def _raise(failure: Exception | None) -> None:
    if failure is not None:
        raise failure


# --8<-- [start:parallel]
def _attempt(step: Callable[[], Counter[str]]) -> Counter[str] | Exception:
    """Run a step; return its error, which is raised after the other steps."""
    try:
        return step()
    except Exception as error:  # noqa: BLE001 - returned
        return error


def _attempt_all(steps: Sequence[Callable[[], Counter[str]]], at_once: int) -> Sequence[Counter[str] | Exception]:
    """Run steps, several at once in threads, and return their results in order; each keeps the context of the log."""
    if at_once == 1:
        return list(map(_attempt, steps))
    with ThreadPoolExecutor(at_once) as threads:
        running = [threads.submit(copy_context().run, _attempt, step) for step in steps]
    return [each.result() for each in running]
    # --8<-- [end:parallel]


def _rotate_shards(now: int) -> Iterator[str]:
    """Yield all shards, starting at another one each minute; `now` is in milliseconds."""
    first = now // _MINUTE % len(SHARDS)
    yield from SHARDS[first:]
    yield from SHARDS[:first]


_MINUTE: Final = 60_000

METRICS_OF_RUN: Final = {
    "unconfirmed": "CommandsUnconfirmed",
    "unconfirmed_pauses": "PausesUnconfirmed",
    "expired": "CommandsExpired",
    "timed_out": "RecordingsTimedOut",
    "engines_lost": "EngineLost",
    "calls_too_long": "CallsTooLong",
}
"""Metric names by the names of the reconciler's counts."""


def _batches() -> Any:  # noqa: ANN401 - a module
    # At the first batch. In Lambda, `bootstrap.background` has imported it before.
    from aws_lambda_powertools.utilities import batch  # noqa: PLC0415

    return batch


def _fifo() -> "powertools.BatchProcessor":
    processor: powertools.BatchProcessor = _batches().SqsFifoPartialProcessor(skip_group_on_error=True)
    processor.raise_on_entire_batch_failure = False
    return processor


def _standard(kind: str = "SQS") -> "powertools.BatchProcessor":
    batches = _batches()
    processor: powertools.BatchProcessor = batches.BatchProcessor(
        batches.EventType[kind], raise_on_entire_batch_failure=False
    )
    return processor


def _respond(processor: "powertools.BatchProcessor", event: Event, process: Callable[[Any], None]) -> BatchResponse:
    return dict(_batches().process_partial_response(event=dict(event), record_handler=process, processor=processor))


def _run_and_log(log: CanonicalLog, operation: str, subject: Subject, act: Callable[[], object]) -> None:
    """Run `act` and log its outcome; an error is logged and raised."""
    try:
        result = act()
    except Exception as error:
        outcome = "unreadable" if isinstance(error, MalformedBody) else "failed"
        log.background(operation=operation, subject=subject, outcome=outcome, error=error)
        raise
    else:
        outcome = _outcome_of(result)
        if isinstance(result, CallbackDelivery):
            subject = replace(subject_of_delivery(result), event=subject.event)
            log.background(
                operation=operation, subject=subject, outcome=outcome, counted=_callback_metrics(result),
                reason=result.last_failure, tried=result.attempt_count, due=result.next_attempt_at,
            )  # fmt: skip
        else:
            log.background(operation=operation, subject=subject, outcome=outcome)


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
