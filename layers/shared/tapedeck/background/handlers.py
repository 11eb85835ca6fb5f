"""Functions that no client calls: fed by the table's stream, by queues and by the clock; a line and a count for each.

A record that fails is handed over again, by itself: what is wrong with one holds up nobody else but those who wait
behind it in its group (rules R5 and R8).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    SqsFifoPartialProcessor,
    process_partial_response,
)

from tapedeck.background.engine_events import EngineEvents
from tapedeck.background.publisher import ChangePublisher
from tapedeck.background.reconciler import SHARDS, Reconciler
from tapedeck.background.redrive import FailedBatchRedrive
from tapedeck.background.webhook_delivery import CallbackDispatcher, CallbackRenderer
from tapedeck.domain.delivery import UNSIGNED, CallbackDelivery, DeliveryState
from tapedeck.domain.errors import EventRejected, InvalidParameter, InvalidState, MalformedBody
from tapedeck.observability import CanonicalLog
from tapedeck.ports.changes import Change
from tapedeck.ports.stores import Clock

Event = Mapping[str, Any]
BatchResponse = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BackgroundServices:
    """What such functions work with; what not all of them need is made when it is asked for."""

    log: CanonicalLog
    clock: Clock
    read_change: Callable[[Event], Change | None]
    sort_by_sequence: Callable[[Sequence[Event]], Sequence[Event]]
    callback_renderers: Mapping[str, CallbackRenderer]
    make_publisher: Callable[[], ChangePublisher]
    make_engine_events: Callable[[], EngineEvents]
    make_callback_dispatcher: Callable[[], CallbackDispatcher]
    make_reconciler: Callable[[], Reconciler]
    make_redrive: Callable[[], FailedBatchRedrive]

    @property
    def publisher(self) -> ChangePublisher:
        """Tells of changes."""
        return self.make_publisher()

    @property
    def engine_events(self) -> EngineEvents:
        """Takes note of what a media engine tells."""
        return self.make_engine_events()

    @property
    def callbacks(self) -> CallbackDispatcher:
        """Sends callbacks."""
        return self.make_callback_dispatcher()

    @property
    def reconciler(self) -> Reconciler:
        """Looks after what is not settled."""
        return self.make_reconciler()

    @property
    def redrive(self) -> FailedBatchRedrive:
        """Tells of changes again that could not be told of."""
        return self.make_redrive()


class BackgroundEndpoint:
    """Makes Lambda handlers of what is done with one record of a stream or a queue, or once a minute.

    Args:
        services: gives what they work with; asked at each event.
    """

    def __init__(self, services: Callable[[], BackgroundServices]) -> None:
        self._get_services = services

    def stream(
        self, operation: str
    ) -> Callable[[Callable[[Change, BackgroundServices], None]], Callable[[Event, object], BatchResponse]]:
        """Decorate what is done with each change in the table, in the order in which they happened.

        One that fails comes again, with all behind it: what is behind it in its own partition waits, so that what is
        told of one call or conference keeps its order; the rest is done now, and once more then.
        """

        def decorate(handler: Callable[[Change, BackgroundServices], None]) -> Callable[[Event, object], BatchResponse]:
            def handle(event: Event, _context: object) -> BatchResponse:
                services = self._get_services()
                held: set[str] = set()

                def take(record: Any) -> None:  # noqa: ANN401 - Powertools' own class
                    partition = record.raw_event["dynamodb"]["Keys"]["PK"]["S"]
                    if partition in held:
                        raise _BlockedByPredecessor
                    try:
                        _take_change(operation, services, record.raw_event, partition.partition("#")[0], handler)
                    except Exception:
                        held.add(partition)
                        raise

                return _respond(
                    BatchProcessor(EventType.DynamoDBStreams, raise_on_entire_batch_failure=False),
                    {**event, "Records": list(services.sort_by_sequence(event["Records"]))},
                    take,
                )

            return handle

        return decorate

    def queue(
        self, operation: str
    ) -> Callable[[Callable[[str, BackgroundServices], object]], Callable[[Event, object], BatchResponse]]:
        """Decorate what is done with the body of each message; one that fails comes again, and those behind it wait.

        What the state of things forbids is dropped, and so is what cannot be true: both are counted (rule R11). What
        cannot be read comes again until the dead-letter queue takes it.
        """

        def decorate(handler: Callable[[str, BackgroundServices], object]) -> Callable[[Event, object], BatchResponse]:
            def handle(event: Event, _context: object) -> BatchResponse:
                services = self._get_services()

                def take(record: Any) -> None:  # noqa: ANN401 - Powertools' own class
                    _run_and_log(services.log, operation, None, lambda: handler(record.body, services))

                return _respond(_fifo(), event, take)

            return handle

        return decorate

    def schedule(
        self, operation: str
    ) -> Callable[[Callable[[str, BackgroundServices], Counter[str]]], Callable[[Event, object], BatchResponse]]:
        """Decorate what is done with each shard at regular times; its result is counted.

        Each run begins with another shard, so that none waits for ever behind those that take too long. One that fails
        holds up no other, and neither does one thing in it that its result counts as `failed`; the run fails then.
        """

        def decorate(
            handler: Callable[[str, BackgroundServices], Counter[str]],
        ) -> Callable[[Event, object], BatchResponse]:
            def handle(_event: Event, _context: object) -> BatchResponse:
                services = self._get_services()
                counted: Counter[str] = Counter()
                failures: list[Exception] = []
                for shard in _rotate_shards(services.clock()):
                    try:
                        counted.update(handler(shard, services))
                    except Exception as error:  # noqa: BLE001 - whatever it is, it is raised when the others are done
                        failures.append(error)
                if counted["failed"]:
                    failures.append(IncompleteRun(f"{counted['failed']} could not be looked after"))
                services.log.background(
                    operation=operation,
                    outcome="failed" if failures else "done",
                    error=type(failures[0]).__name__ if failures else None,
                    counted={_COUNTED[name]: counted[name] for name in _COUNTED},
                )
                if failures:
                    raise failures[0]
                return {name: number for name, number in counted.items() if number}

            return handle

        return decorate


class IncompleteRun(Exception):
    """All has been done that could be, but not everything: it is looked at again the next time."""


class _BlockedByPredecessor(Exception):
    """A record waits for one before it that has failed."""


def _take_change(
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
    """All shards, beginning with another one each minute; the time in milliseconds."""
    first = now // _MINUTE % len(SHARDS)
    yield from SHARDS[first:]
    yield from SHARDS[:first]


_MINUTE: Final = 60_000

_COUNTED: Final = {
    "unconfirmed": "CommandsUnconfirmed",
    "forgotten": "CommandsExpired",
    "given_up": "RecordingsTimedOut",
}
"""What of a reconciler's result somebody must hear of, by the names of metrics."""


def _fifo() -> BatchProcessor:
    processor = SqsFifoPartialProcessor(skip_group_on_error=True)
    processor.raise_on_entire_batch_failure = False
    return processor


def _respond(processor: BatchProcessor, event: Event, take: Callable[[Any], None]) -> BatchResponse:
    answer: BatchResponse = dict(process_partial_response(event=dict(event), record_handler=take, processor=processor))
    return answer


def _run_and_log(log: CanonicalLog, operation: str, account: str | None, act: Callable[[], object]) -> None:
    """Do it, and write one line of what came of it; whatever may go better the next time is raised."""
    try:
        result = act()
    except EventRejected:
        log.background(operation=operation, account=account, outcome="refused", counted={"EventsRejected": 1})
    except (InvalidState, InvalidParameter) as error:
        log.background(
            operation=operation, account=account, outcome="dropped", error=type(error).__name__,
            counted={"EventsDropped": 1},
        )  # fmt: skip
    except Exception as error:
        outcome = "unreadable" if isinstance(error, MalformedBody) else "failed"
        log.background(operation=operation, account=account, outcome=outcome, error=type(error).__name__)
        raise
    else:
        state = str(result.state) if isinstance(result, CallbackDelivery) else "done"
        counted = _counted_of(result) if isinstance(result, CallbackDelivery) else {}
        log.background(operation=operation, account=account, outcome=state, counted=counted)


def _counted_of(delivery: CallbackDelivery) -> dict[str, float]:
    """What of a callback somebody must hear of."""
    unsigned = bool(delivery.attempts) and delivery.attempts[-1].failure == UNSIGNED
    gave_up = delivery.state is DeliveryState.EXHAUSTED
    return {**({"CallbacksUnsigned": 1} if unsigned else {}), **({"CallbacksExhausted": 1} if gave_up else {})}
