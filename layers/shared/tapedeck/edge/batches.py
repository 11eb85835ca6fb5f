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

from tapedeck.domain.claim import UNSIGNED, Claim, ClaimState
from tapedeck.domain.errors import EventRefused, InvalidParameter, MalformedBody, StateForbids
from tapedeck.edge.observability import RequestLog
from tapedeck.edge.publishing import Publisher
from tapedeck.edge.resending import Resending
from tapedeck.edge.sweeping import SHARDS, Sweep
from tapedeck.operations.changes import Change
from tapedeck.operations.deliveries import Deliveries, Wire
from tapedeck.operations.media_events import MediaEvents
from tapedeck.operations.ports import Clock

Event = Mapping[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Hub:
    """What such functions work with; what not all of them need is made when it is asked for."""

    log: RequestLog
    clock: Clock
    read_change: Callable[[Event], Change | None]
    in_order: Callable[[Sequence[Event]], Sequence[Event]]
    wires: Mapping[str, Wire]
    make_publisher: Callable[[], Publisher]
    make_media_events: Callable[[], MediaEvents]
    make_deliveries: Callable[[], Deliveries]
    make_sweep: Callable[[], Sweep]
    make_resending: Callable[[], Resending]

    @property
    def publisher(self) -> Publisher:
        """Tells of changes."""
        return self.make_publisher()

    @property
    def media_events(self) -> MediaEvents:
        """Takes note of what a media engine tells."""
        return self.make_media_events()

    @property
    def deliveries(self) -> Deliveries:
        """Sends callbacks."""
        return self.make_deliveries()

    @property
    def sweep(self) -> Sweep:
        """Looks after what is not settled."""
        return self.make_sweep()

    @property
    def resending(self) -> Resending:
        """Tells of changes again that could not be told of."""
        return self.make_resending()


class BatchEndpoint:
    """Makes Lambda handlers of what is done with one record of a stream or a queue, or once a minute.

    Args:
        hub: gives what they work with; asked at each event.
    """

    def __init__(self, hub: Callable[[], Hub]) -> None:
        self._hub = hub

    def stream(self, operation: str) -> Callable[[Callable[[Change, Hub], None]], Callable[[Event, object], Answer]]:
        """Decorate what is done with each change in the table, in the order in which they happened.

        One that fails comes again, with all behind it: what is behind it in its own partition waits, so that what is
        told of one call or conference keeps its order; the rest is done now, and once more then.
        """

        def decorate(handler: Callable[[Change, Hub], None]) -> Callable[[Event, object], Answer]:
            def handle(event: Event, _context: object) -> Answer:
                hub = self._hub()
                held: set[str] = set()

                def take(record: Any) -> None:  # noqa: ANN401 - Powertools' own class
                    partition = record.raw_event["dynamodb"]["Keys"]["PK"]["S"]
                    if partition in held:
                        raise _Held
                    try:
                        _take_change(operation, hub, record.raw_event, partition.partition("#")[0], handler)
                    except Exception:
                        held.add(partition)
                        raise

                return _respond(
                    BatchProcessor(EventType.DynamoDBStreams, raise_on_entire_batch_failure=False),
                    {**event, "Records": list(hub.in_order(event["Records"]))},
                    take,
                )

            return handle

        return decorate

    def queue(self, operation: str) -> Callable[[Callable[[str, Hub], object]], Callable[[Event, object], Answer]]:
        """Decorate what is done with the body of each message; one that fails comes again, and those behind it wait.

        What the state of things forbids is dropped, and so is what cannot be true: both are counted (rule R11). What
        cannot be read comes again until the dead-letter queue takes it.
        """

        def decorate(handler: Callable[[str, Hub], object]) -> Callable[[Event, object], Answer]:
            def handle(event: Event, _context: object) -> Answer:
                hub = self._hub()

                def take(record: Any) -> None:  # noqa: ANN401 - Powertools' own class
                    _logged(hub.log, operation, None, lambda: handler(record.body, hub))

                return _respond(_fifo(), event, take)

            return handle

        return decorate

    def schedule(
        self, operation: str
    ) -> Callable[[Callable[[str, Hub], Counter[str]]], Callable[[Event, object], Answer]]:
        """Decorate what is done with each shard at regular times; its result is counted.

        Each run begins with another shard, so that none waits for ever behind those that take too long. One that fails
        holds up no other, and neither does one thing in it that its result counts as `failed`; the run fails then.
        """

        def decorate(handler: Callable[[str, Hub], Counter[str]]) -> Callable[[Event, object], Answer]:
            def handle(_event: Event, _context: object) -> Answer:
                hub = self._hub()
                counted: Counter[str] = Counter()
                failures: list[Exception] = []
                for shard in _in_turn(hub.clock()):
                    try:
                        counted.update(handler(shard, hub))
                    except Exception as error:  # noqa: BLE001 - whatever it is, it is raised when the others are done
                        failures.append(error)
                if counted["failed"]:
                    failures.append(Unfinished(f"{counted['failed']} could not be looked after"))
                hub.log.background(
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


class Unfinished(Exception):
    """All has been done that could be, but not everything: it is looked at again the next time."""


class _Held(Exception):
    """A record waits for one before it that has failed."""


def _take_change(operation: str, hub: Hub, record: Event, account: str, handler: Callable[[Change, Hub], None]) -> None:
    change: Change | None = None
    try:
        change = hub.read_change(record)
    except Exception as error:
        hub.log.background(operation=operation, account=account, outcome="unreadable", error=type(error).__name__)
        raise
    if change is not None:
        _logged(hub.log, operation, account, partial(handler, change, hub))


def _in_turn(now: int) -> Iterator[str]:
    """All shards, beginning with another one each minute; the time in milliseconds."""
    first = now // _MINUTE % len(SHARDS)
    yield from SHARDS[first:]
    yield from SHARDS[:first]


_MINUTE: Final = 60_000

_COUNTED: Final = {
    "unconfirmed": "CommandsUnconfirmed",
    "forgotten": "CommandsForgotten",
    "given_up": "RecordingsGivenUp",
}
"""What of a sweep's result somebody must hear of, by the names of metrics."""


def _fifo() -> BatchProcessor:
    processor = SqsFifoPartialProcessor(skip_group_on_error=True)
    processor.raise_on_entire_batch_failure = False
    return processor


def _respond(processor: BatchProcessor, event: Event, take: Callable[[Any], None]) -> Answer:
    answer: Answer = dict(process_partial_response(event=dict(event), record_handler=take, processor=processor))
    return answer


def _logged(log: RequestLog, operation: str, account: str | None, act: Callable[[], object]) -> None:
    """Do it, and write one line of what came of it; whatever may go better the next time is raised."""
    try:
        result = act()
    except EventRefused:
        log.background(operation=operation, account=account, outcome="refused", counted={"EventsRefused": 1})
    except (StateForbids, InvalidParameter) as error:
        log.background(
            operation=operation, account=account, outcome="dropped", error=type(error).__name__,
            counted={"EventsDropped": 1},
        )  # fmt: skip
    except Exception as error:
        outcome = "unreadable" if isinstance(error, MalformedBody) else "failed"
        log.background(operation=operation, account=account, outcome=outcome, error=type(error).__name__)
        raise
    else:
        state = str(result.state) if isinstance(result, Claim) else "done"
        counted = _counted_of(result) if isinstance(result, Claim) else {}
        log.background(operation=operation, account=account, outcome=state, counted=counted)


def _counted_of(claim: Claim) -> dict[str, float]:
    """What of a callback somebody must hear of."""
    unsigned = bool(claim.attempts) and claim.attempts[-1].failure == UNSIGNED
    gave_up = claim.state is ClaimState.GIVEN_UP
    return {**({"CallbacksUnsigned": 1} if unsigned else {}), **({"CallbacksGivenUp": 1} if gave_up else {})}
