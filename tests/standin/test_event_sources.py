"""What stands between a queue or a stream and a function does what Lambda's event source mappings do."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any

import pytest
from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck.ports.messaging import QueueMessage
from tapedeck_standin.aws.event_sources import QueueSource, Record, StreamSource
from tapedeck_standin.aws.queues import MemoryQueue
from tapedeck_standin.scheduler.clock import VirtualClock
from tests.thoroughness import scaled

NOW = 1_795_250_675_000
VISIBILITY_SECONDS = 30
MAX_RECEIVES = 3
MAX_TRIES = 3
GROUPS = "abcd"


class Broken(Exception):
    """What a function raises in these tests."""


class Crash(BaseException):
    """The process ends."""


def failures(names: Iterable[str]) -> dict[str, Any]:
    """A function's answer: these have failed."""
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}


@dataclass
class Consumer:
    """A function that is told what to answer, and keeps what it was given; the clock stands still."""

    answer: Callable[[list[Record]], Any] = lambda _: None
    batches: list[list[str]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    raised: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = VirtualClock(lambda: NOW)
        self.dead = self._make("dead.fifo", None)
        self.queue = self._make("test.fifo", self.dead)
        self.source = QueueSource(self.queue, self.handle, report=self.raised.append)

    def _make(self, name: str, dead: MemoryQueue | None) -> MemoryQueue:
        return MemoryQueue(
            self.clock,
            visibility_seconds=VISIBILITY_SECONDS,
            max_receives=MAX_RECEIVES,
            dead_letters=dead,
            name=name,
        )

    def handle(self, event: dict[str, Any], context: object) -> Any:
        """As a function of Lambda."""
        assert context is None
        assert event.keys() == {"Records"}
        self.batches.append([name_of(record) for record in event["Records"]])
        self.records += event["Records"]
        return self.answer(event["Records"])

    def send(self, names: str) -> None:
        """Such as `a1 a2 b1`: by group."""
        self.queue.send([QueueMessage({"name": name}, name[0], name) for name in names.split()])

    @property
    def left(self) -> tuple[int, int, int]:
        """How many wait, how many are in flight, how many are dead."""
        return self.queue.waiting, self.queue.in_flight, self.dead.waiting


def name_of(record: Record) -> str:
    """Such as `a1`."""
    name: str = record["attributes"]["MessageDeduplicationId"]
    return name


def ids(records: Iterable[Record], *names: str) -> list[str]:
    """The message ids of these names."""
    return [record["messageId"] for record in records if name_of(record) in names]


def test_a_function_is_given_what_lambda_gives_it() -> None:
    """The event of a FIFO queue, in every field; an empty answer deletes all of it."""
    consumer = Consumer()
    consumer.send("a1")
    consumer.clock.advance(2)
    assert consumer.source.run_once()
    assert consumer.records == [
        {
            "messageId": "test.fifo-1",
            "receiptHandle": "test.fifo-1:1",
            "body": '{"name":"a1"}',
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": str(NOW),
                "SequenceNumber": "00000000000000000001",
                "MessageGroupId": "a",
                "SenderId": "123456789012",
                "MessageDeduplicationId": "a1",
                "ApproximateFirstReceiveTimestamp": str(NOW + 2000),
            },
            "messageAttributes": {},
            "md5OfBody": "c431e94a2a59aec45a886a53799544b0",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:test.fifo",
            "awsRegion": "us-east-1",
        }
    ]
    assert consumer.left == (0, 0, 0)
    assert not consumer.source.run_once()


def test_a_batch_holds_messages_of_several_groups() -> None:
    """Ten at most unless told otherwise, in order, until nothing is left."""
    names = [f"{group}{number}" for number in range(4) for group in "abc"]
    consumer = Consumer()
    consumer.send(" ".join(names))
    assert [consumer.source.run_once() for _ in range(3)] == [True, True, False]
    assert consumer.batches == [names[:10], names[10:]]
    small = QueueSource(consumer.queue, consumer.handle, 2)
    consumer.send("d1 d2 d3")
    assert [small.run_once() for _ in range(3)] == [True, True, False]
    assert consumer.batches[2:] == [["d1", "d2"], ["d3"]]


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}, {"other": 1}])
def test_an_answer_without_failures_is_a_success(answer: Any) -> None:
    """All of the batch is deleted."""
    consumer = Consumer(lambda _: answer)
    consumer.send("a1 b1")
    assert consumer.source.run_once()
    assert consumer.left == (0, 0, 0)


@pytest.mark.parametrize(
    "answer",
    [
        failures(["never sent"]),
        failures([""]),
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"id": "test.fifo-1"}]},
        {"batchItemFailures": ["test.fifo-1"]},
        {"batchItemFailures": "test.fifo-1"},
        {"batchItemFailures": [{"itemIdentifier": "test.fifo-1"}, {"itemIdentifier": "never sent"}]},
        "test.fifo-1",
        [],
    ],
)
def test_an_answer_that_lambda_cannot_use_fails_the_batch(answer: Any) -> None:
    """Nothing of it is deleted, so that nothing is lost by a slip of the function's."""
    consumer = Consumer(lambda _: answer)
    consumer.send("a1 b1")
    assert consumer.source.run_once()
    assert consumer.left == (2, 0, 0)


def test_what_has_failed_comes_again() -> None:
    """The rest is deleted; who has failed is given back at once and is received before what follows it."""
    answers = iter([["a2", "a3"], []])
    consumer = Consumer(lambda records: failures(ids(records, *next(answers))))
    consumer.send("a1 a2 a3 b1")
    assert consumer.source.run_once()
    consumer.send("a4")
    assert consumer.left == (3, 0, 0)
    assert consumer.source.run_once()
    assert consumer.batches == [["a1", "a2", "a3", "b1"], ["a2", "a3", "a4"]]
    assert consumer.left == (0, 0, 0)


def test_a_function_that_raises_fails_its_batch() -> None:
    """All of it comes again, and what was raised is told."""

    def fail(_: list[Record]) -> None:
        raise Broken

    consumer = Consumer(fail)
    consumer.send("a1 b1")
    assert consumer.source.run_once()
    assert consumer.left == (2, 0, 0)
    assert [type(error) for error in consumer.raised] == [Broken]


def test_what_has_failed_may_wait_as_in_lambda() -> None:
    """It stays in flight until the visibility timeout, and its group is closed; other groups are not."""
    answers = iter([["a1"], [], []])
    consumer = Consumer(lambda records: failures(ids(records, *next(answers))))
    consumer.source = QueueSource(consumer.queue, consumer.handle, gives_back=False)
    consumer.send("a1 b1")
    assert consumer.source.run_once()
    assert consumer.left == (0, 1, 0)
    consumer.send("a2 b2")
    assert [consumer.source.run_once(), consumer.source.run_once()] == [True, False]
    consumer.clock.advance(VISIBILITY_SECONDS)
    assert consumer.source.run_once()
    assert consumer.batches == [["a1", "b1"], ["b2"], ["a1", "a2"]]
    assert consumer.left == (0, 0, 0)


def test_a_process_that_ends_loses_nothing() -> None:
    """What it held comes again after the visibility timeout."""

    def crash(_: list[Record]) -> None:
        raise Crash

    consumer = Consumer(crash)
    consumer.send("a1 b1")
    with pytest.raises(Crash):
        consumer.source.run_once()
    assert consumer.left == (0, 2, 0)
    assert not consumer.source.run_once()
    consumer.clock.advance(VISIBILITY_SECONDS)
    consumer.answer = lambda _: None
    assert consumer.source.run_once()
    assert consumer.batches == [["a1", "b1"], ["a1", "b1"]]
    assert consumer.raised == []


def test_what_took_too_long_comes_again() -> None:
    """A function that outlasts the visibility timeout deletes nothing."""
    consumer = Consumer()

    def dawdle(_: list[Record]) -> None:
        consumer.clock.advance(VISIBILITY_SECONDS)

    consumer.answer = dawdle
    consumer.send("a1")
    assert consumer.source.run_once()
    assert consumer.left == (1, 0, 0)


@dataclass
class Worker:
    """A function with Powertools' processor of FIFO batches, as rule R8 wants it; some messages are poison to it.

    `faults` befall its invocations in turn.
    """

    poison: set[str]
    faults: list[str]
    handled: list[str] = field(default_factory=list)

    def answer(self, records: list[Record]) -> Any:
        """One invocation."""
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "raises":
            raise Broken
        if fault == "crashes before":
            raise Crash
        closed = name_of(records[0])[0] if fault == "fails a group" else ""

        def handle_one(record: Mapping[str, Any]) -> None:
            name = name_of(record)
            if name in self.poison or name[0] == closed:
                raise Broken
            self.handled.append(name)

        processor = SqsFifoPartialProcessor(skip_group_on_error=True)
        answer = process_partial_response({"Records": records}, handle_one, processor)
        if fault == "crashes after":
            raise Crash
        return answer


def drain(consumer: Consumer, batch: int, *, gives_back: bool) -> list[str]:
    """Run until nothing waits any more; who has died."""
    source = QueueSource(consumer.queue, consumer.handle, batch, gives_back=gives_back, report=consumer.raised.append)
    while (due := consumer.queue.next_due()) is not None:
        consumer.clock.advance((due - consumer.clock()) / 1000)
        with suppress(Crash):
            source.run_once()
    return [each.id for each in consumer.dead.receive(consumer.dead.waiting)]


def of_group(group: str, names: Iterable[str]) -> list[str]:
    """Those of one group, each where it comes first."""
    return [name for name in dict.fromkeys(names) if name[0] == group]


SENT = st.lists(st.sampled_from(GROUPS), max_size=40).map(lambda groups: [f"{g}{n}" for n, g in enumerate(groups)])
FAULTS = st.lists(st.sampled_from(["", "raises", "crashes before", "crashes after", "fails a group"]), max_size=12)
POISON = st.sets(st.integers(0, 39), max_size=4)


@settings(max_examples=scaled(500, 60), deadline=None, database=None)
@given(SENT, POISON, FAULTS, st.integers(1, 10), st.booleans())
def test_nothing_is_lost_and_each_group_keeps_its_order(
    sent: list[str],
    poison: set[int],
    faults: list[str],
    batch: int,
    gives_back: bool,  # noqa: FBT001 - Hypothesis draws it
) -> None:
    """Whatever fails, and however: what was not handled is a dead letter, and both are in the order of their group."""
    worker = Worker({sent[number] for number in poison if number < len(sent)}, list(faults))
    consumer = Consumer(worker.answer)
    consumer.send(" ".join(sent))
    dead = drain(consumer, batch, gives_back=gives_back)
    assert set(worker.handled) | set(dead) == set(sent)
    assert worker.poison <= set(dead)
    assert len(dead) == len(set(dead))
    for group in GROUPS:
        for found in (worker.handled, dead):
            assert of_group(group, found) == [name for name in of_group(group, sent) if name in found]
    if "crashes after" not in faults:
        assert sorted(worker.handled + dead) == sorted(sent)


@settings(max_examples=scaled(300, 40), deadline=None, database=None)
@given(SENT, POISON, st.booleans())
def test_poison_is_isolated(
    sent: list[str],
    poison: set[int],
    gives_back: bool,  # noqa: FBT001 - Hypothesis draws it
) -> None:
    """Message by message it dies alone, and in batches no other group suffers (proof G13).

    In batches, SQS counts the receives of what follows it in its group as well: that may die with it.
    """
    poisoned = {sent[number] for number in poison if number < len(sent)}
    for batch in (1, 10):
        worker = Worker(poisoned, [])
        consumer = Consumer(worker.answer)
        consumer.send(" ".join(sent))
        dead = drain(consumer, batch, gives_back=gives_back)
        first = {group: min(sent.index(name) for name in of_group(group, poisoned)) for group in GROUPS
                 if of_group(group, poisoned)}  # fmt: skip
        may_die = {name for number, name in enumerate(sent) if number >= first.get(name[0], len(sent))}
        assert poisoned <= set(dead) <= (poisoned if batch == 1 else may_die)
        assert sorted(worker.handled + dead) == sorted(sent)


def record(number: int) -> Record:
    """A record of a table's stream, as Lambda tells it."""
    key = {"PK": {"S": f"item-{number % 3}"}, "SK": {"S": "REC"}}
    return {
        "eventID": f"event-{number}",
        "eventName": "MODIFY",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": key,
            "OldImage": {**key, "version": {"N": str(number)}},
            "NewImage": {**key, "version": {"N": str(number + 1)}},
            "SequenceNumber": str(number),
            "ApproximateCreationDateTime": 1_795_250_675,
        },
    }


def number_of(told: Record) -> int:
    """The inverse of `record`."""
    return int(told["dynamodb"]["SequenceNumber"])


def failed(*numbers: int) -> dict[str, Any]:
    """A function's answer: these records have failed."""
    return failures(map(str, numbers))


@dataclass
class Reader:
    """A function behind a stream, told what to answer, which keeps the numbers that it was given."""

    answer: Callable[[list[int]], Any] = lambda _: None
    batch: int = 100
    batches: list[list[int]] = field(default_factory=list)
    given_up: list[int] = field(default_factory=list)
    raised: list[Exception] = field(default_factory=list)
    stream: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.source = StreamSource(
            self._take,
            self._handle,
            self.batch,
            max_attempts=MAX_TRIES,
            on_failure=lambda told: self.given_up.append(number_of(told)),
            report=self.raised.append,
        )

    def write(self, *numbers: int) -> None:
        """Items change."""
        self.stream += map(record, numbers)

    def drain(self) -> None:
        """Run until there is nothing to do, however often the process ends."""
        is_busy = True
        while is_busy:
            with suppress(Crash):
                is_busy = self.source.run_once()

    def _take(self) -> list[Record]:
        taken, self.stream = self.stream, []
        return taken

    def _handle(self, event: dict[str, Any], context: object) -> Any:
        assert context is None
        numbers = [number_of(told) for told in event["Records"]]
        assert event == {"Records": [record(number) for number in numbers]}
        self.batches.append(numbers)
        event["Records"].clear()  # a function may do with its event what it likes
        return self.answer(numbers)


def test_a_stream_is_told_in_batches() -> None:
    """In order, a hundred at most unless told otherwise; what is written meanwhile comes after them."""
    reader = Reader(batch=2)
    reader.write(1, 2, 3)
    assert reader.source.run_once()
    reader.write(4)
    assert reader.source.run_once()
    assert list(map(number_of, reader.stream)) == [4], "nothing is taken out of the stream before its turn"
    assert [reader.source.run_once() for _ in range(2)] == [True, False]
    assert reader.batches == [[1, 2], [3], [4]]


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_an_answer_without_failures_goes_on(answer: Any) -> None:
    """No record is told twice."""
    reader = Reader(lambda _: answer)
    reader.write(1, 2)
    reader.drain()
    assert reader.batches == [[1, 2]]


@pytest.mark.parametrize(
    "answer", [failed(7), failures([""]), {"batchItemFailures": [{}]}, "1", {"batchItemFailures": 1}]
)
def test_an_answer_that_lambda_cannot_use_is_like_raising(answer: Any) -> None:
    """The batch is halved, down to single records, and each of these is tried again before it is given up."""
    reader = Reader(lambda _: answer)
    reader.write(1, 2)
    reader.drain()
    assert reader.batches == [[1, 2], *[[1]] * MAX_TRIES, *[[2]] * MAX_TRIES]
    assert reader.given_up == [1, 2]


def test_a_stream_goes_on_from_the_first_that_failed() -> None:
    """In whatever order failures are named: those before are not told again, those after are."""
    answers = iter([failed(5, 3, 4), failed(4), None])
    reader = Reader(lambda _: next(answers))
    reader.write(1, 2, 3, 4, 5)
    reader.drain()
    assert reader.batches == [[1, 2, 3, 4, 5], [3, 4, 5], [4, 5]]
    assert reader.given_up == []


def test_numbers_are_compared_as_the_stream_orders_them() -> None:
    """Not as text: 9 comes before 10."""
    answers = iter([failed(10, 9), None])
    reader = Reader(lambda _: next(answers))
    reader.write(8, 9, 10)
    reader.drain()
    assert reader.batches == [[8, 9, 10], [9, 10]]


def test_a_batch_that_raises_is_halved() -> None:
    """Until what is at fault is alone; after its tries it is given up and the next proceed, in order."""

    def answer(numbers: list[int]) -> None:
        if 3 in numbers:
            raise Broken

    reader = Reader(answer)
    reader.write(1, 2, 3, 4, 5)
    reader.drain()
    assert reader.batches == [[1, 2, 3, 4, 5], [1, 2, 3], [1, 2], *[[3]] * MAX_TRIES, [4, 5]]
    assert reader.given_up == [3]
    assert [type(error) for error in reader.raised] == [Broken] * (2 + MAX_TRIES)


def test_a_record_has_tries_of_its_own() -> None:
    """They are counted from the first that it fails by itself, whatever failed before it."""
    answers = iter([failed(2), failed(2), failed(3), failed(3), failed(3), failed(4), None, failed(5), failed(5), None])
    reader = Reader(lambda _: next(answers))
    reader.write(1, 2, 3, 4)
    reader.drain()
    reader.write(5)
    reader.drain()
    assert reader.batches == [[1, 2, 3, 4], [2, 3, 4], [2, 3, 4], [3, 4], [3, 4], [4], [4], [5], [5], [5]]
    assert reader.given_up == [3]


def test_a_process_that_ends_is_told_again() -> None:
    """The whole batch, which counts as no try."""

    def crash(_: list[int]) -> None:
        raise Crash

    reader = Reader(crash)
    reader.write(1, 2)
    for _ in range(2 * MAX_TRIES):
        with pytest.raises(Crash):
            reader.source.run_once()
    reader.answer = lambda _: None
    reader.drain()
    assert reader.batches == [[1, 2]] * (2 * MAX_TRIES + 1)
    assert reader.given_up == []


def test_a_record_that_nobody_takes_is_not_lost() -> None:
    """Where giving it up fails, it is tried again, and then given up."""
    reader = Reader(lambda _: failed(1))
    kept: list[int] = []
    outcomes = iter([Broken(), None])

    def on_failure(told: Record) -> None:
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome
        kept.append(number_of(told))

    source = StreamSource(
        reader._take, reader._handle, max_attempts=1, on_failure=on_failure, report=reader.raised.append
    )
    reader.write(1)
    with pytest.raises(Broken):
        source.run_once()
    assert [source.run_once(), source.run_once()] == [True, False]
    assert reader.batches == [[1], [1]]
    assert kept == [1]


@settings(max_examples=scaled(500, 60), deadline=None, database=None)
@given(
    faults=st.lists(st.sampled_from([0, 0, 0, 1, MAX_TRIES - 1, MAX_TRIES]), max_size=40),
    batch=st.integers(1, 12),
    chunk=st.integers(1, 15),
    ways=st.lists(st.sampled_from(["report the first", "report all", "raise", "crash"]), max_size=12),
    last=st.sampled_from(["report the first", "raise"]),
)
def test_every_record_is_handled_or_given_up(
    faults: list[int], batch: int, chunk: int, ways: list[str], last: str
) -> None:
    """However failures are told, only those are given up that failed as often as is allowed, once each and in order.

    A function that goes no further than the first failure handles them in the order of the stream.
    """
    left = dict(enumerate(faults))
    handled: list[int] = []
    way = chain(ways, repeat(last))

    def answer(numbers: list[int]) -> Any:
        how = next(way)
        bad: list[int] = []
        for number in numbers:
            # What is beyond all tries fails for ever.
            if left[number]:
                left[number] -= left[number] < MAX_TRIES
                bad.append(number)
                if how != "report all":
                    break
            else:
                handled.append(number)
        if bad and how == "raise":
            raise Broken
        if bad and how == "crash":
            raise Crash
        return failed(*bad)

    reader = Reader(answer, batch)
    for start in range(0, len(faults), chunk):
        reader.write(*range(start, min(start + chunk, len(faults))))
        reader.drain()
    poison = [number for number, times in enumerate(faults) if times == MAX_TRIES]
    assert reader.given_up == poison
    assert set(handled) == set(left) - set(poison)
    if "report all" not in ways:
        firsts = list(dict.fromkeys(handled))
        assert firsts == sorted(firsts)
