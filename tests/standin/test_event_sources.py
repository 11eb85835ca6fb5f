"""The event sources of queues and streams behave like Lambda's event source mappings."""

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
from tapedeck_standin.clock import VirtualClock
from tests.thoroughness import scaled

NOW = 1_795_250_675_000
VISIBILITY_SECONDS = 30
MAX_RECEIVES = 3
MAX_ATTEMPTS = 3
GROUPS = "abcd"


class Broken(Exception):
    """The error that functions raise in these tests."""


class Crash(BaseException):
    """The process ends: functions and sources do not catch it."""


def failures(names: Iterable[str]) -> dict[str, Any]:
    """A partial batch response: these messages have failed."""
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}


@dataclass
class Consumer:
    """A function behind a queue that responds as configured and keeps its batches; only tests advance the clock."""

    answer: Callable[[list[Record]], Any] = lambda _: None
    batches: list[list[str]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    raised: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = VirtualClock(lambda: NOW)
        self.dead_letters = self._make("dead.fifo", None)
        self.queue = self._make("test.fifo", self.dead_letters)
        self.source = QueueSource(self.queue, self.handle, report=self.raised.append)

    def _make(self, name: str, dead_letters: MemoryQueue | None) -> MemoryQueue:
        return MemoryQueue(
            self.clock,
            visibility_seconds=VISIBILITY_SECONDS,
            max_receives=MAX_RECEIVES,
            dead_letters=dead_letters,
            name=name,
        )

    def handle(self, event: dict[str, Any], context: object) -> Any:
        """Handle an event like a Lambda function."""
        assert context is None
        assert event.keys() == {"Records"}
        self.batches.append([name_of(record) for record in event["Records"]])
        self.records += event["Records"]
        return self.answer(event["Records"])

    def send(self, names: str) -> None:
        """Send messages such as `a1 a2 b1`; the letter is the group."""
        self.queue.send([QueueMessage({"name": name}, name[0], name) for name in names.split()])

    @property
    def left(self) -> tuple[int, int, int]:
        """Numbers of waiting, in-flight and dead-lettered messages."""
        return self.queue.waiting, self.queue.in_flight, self.dead_letters.waiting


def name_of(record: Record) -> str:
    """Name of a message, such as `a1`."""
    name: str = record["attributes"]["MessageDeduplicationId"]
    return name


def ids(records: Iterable[Record], *names: str) -> list[str]:
    """Message ids of the records with these names."""
    return [record["messageId"] for record in records if name_of(record) in names]


def test_queue_event_has_the_fields_of_lambda() -> None:
    """The event of a FIFO queue has every field of Lambda's; an empty response deletes the batch."""
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


def test_queue_batches_mix_groups() -> None:
    """Batches have at most ten messages by default, in order, until the queue is empty."""
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
def test_response_without_failures_deletes_the_batch(answer: Any) -> None:
    """A response without failures deletes the whole batch."""
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
def test_invalid_response_fails_the_batch(answer: Any) -> None:
    """An invalid partial batch response deletes nothing, so that no message is lost."""
    consumer = Consumer(lambda _: answer)
    consumer.send("a1 b1")
    assert consumer.source.run_once()
    assert consumer.left == (2, 0, 0)


def test_failed_messages_are_retried() -> None:
    """Failed messages return at once and are received before later ones of their group; the rest is deleted."""
    answers = iter([["a2", "a3"], []])
    consumer = Consumer(lambda records: failures(ids(records, *next(answers))))
    consumer.send("a1 a2 a3 b1")
    assert consumer.source.run_once()
    consumer.send("a4")
    assert consumer.left == (3, 0, 0)
    assert consumer.source.run_once()
    assert consumer.batches == [["a1", "a2", "a3", "b1"], ["a2", "a3", "a4"]]
    assert consumer.left == (0, 0, 0)


def test_error_fails_the_batch() -> None:
    """If the function raises, the whole batch is retried and the error is reported."""

    def fail(_: list[Record]) -> None:
        raise Broken

    consumer = Consumer(fail)
    consumer.send("a1 b1")
    assert consumer.source.run_once()
    assert consumer.left == (2, 0, 0)
    assert [type(error) for error in consumer.raised] == [Broken]


def test_failed_messages_can_wait_for_the_visibility_timeout() -> None:
    """With `return_failed=False`, failed messages block only their group, until the visibility timeout."""
    answers = iter([["a1"], [], []])
    consumer = Consumer(lambda records: failures(ids(records, *next(answers))))
    consumer.source = QueueSource(consumer.queue, consumer.handle, return_failed=False)
    consumer.send("a1 b1")
    assert consumer.source.run_once()
    assert consumer.left == (0, 1, 0)
    consumer.send("a2 b2")
    assert [consumer.source.run_once(), consumer.source.run_once()] == [True, False]
    consumer.clock.advance(VISIBILITY_SECONDS)
    assert consumer.source.run_once()
    assert consumer.batches == [["a1", "b1"], ["b2"], ["a1", "a2"]]
    assert consumer.left == (0, 0, 0)


def test_crash_loses_no_message() -> None:
    """The batch of a crashed process is received again after the visibility timeout."""

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


def test_slow_batch_is_received_again() -> None:
    """A function that runs longer than the visibility timeout deletes nothing."""
    consumer = Consumer()

    def outlast_timeout(_: list[Record]) -> None:
        consumer.clock.advance(VISIBILITY_SECONDS)

    consumer.answer = outlast_timeout
    consumer.send("a1")
    assert consumer.source.run_once()
    assert consumer.left == (1, 0, 0)


@dataclass
class Worker:
    """A function with Powertools' FIFO batch processor (REL-8) on which some messages always fail.

    `faults` happen to its invocations in turn.
    """

    failing: set[str]
    faults: list[str]
    handled: list[str] = field(default_factory=list)

    def answer(self, records: list[Record]) -> Any:
        """Handle one invocation."""
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "raises":
            raise Broken
        if fault == "crashes before":
            raise Crash
        closed = name_of(records[0])[0] if fault == "fails a group" else ""

        def handle_one(record: Mapping[str, Any]) -> None:
            name = name_of(record)
            if name in self.failing or name[0] == closed:
                raise Broken
            self.handled.append(name)

        processor = SqsFifoPartialProcessor(skip_group_on_error=True)
        answer = process_partial_response({"Records": records}, handle_one, processor)
        if fault == "crashes after":
            raise Crash
        return answer


def drain(consumer: Consumer, batch: int, *, return_failed: bool) -> list[str]:
    """Run until the queue is empty; return the dead-lettered messages."""
    source = QueueSource(
        consumer.queue,
        consumer.handle,
        batch,
        return_failed=return_failed,
        report=consumer.raised.append,
    )
    while (due := consumer.queue.next_due()) is not None:
        consumer.clock.advance((due - consumer.clock()) / 1000)
        with suppress(Crash):
            source.run_once()
    return [each.id for each in consumer.dead_letters.receive(consumer.dead_letters.waiting)]


def of_group(group: str, names: Iterable[str]) -> list[str]:
    """Distinct messages of one group, in order of first occurrence."""
    return [name for name in dict.fromkeys(names) if name[0] == group]


SENT = st.lists(st.sampled_from(GROUPS), max_size=40).map(lambda groups: [f"{g}{n}" for n, g in enumerate(groups)])
FAULTS = st.lists(st.sampled_from(["", "raises", "crashes before", "crashes after", "fails a group"]), max_size=12)
FAILING = st.sets(st.integers(0, 39), max_size=4)


@pytest.mark.sized
@settings(max_examples=scaled(deep=500, ci=120, fast=15), deadline=None, database=None)
@given(SENT, FAILING, FAULTS, st.integers(1, 10), st.booleans())
def test_no_message_is_lost_and_groups_keep_their_order(
    sent: list[str],
    failing: set[int],
    faults: list[str],
    batch: int,
    return_failed: bool,  # noqa: FBT001 - Hypothesis draws it
) -> None:
    """Under any faults every message is handled or dead-lettered, both in group order."""
    worker = Worker({sent[number] for number in failing if number < len(sent)}, list(faults))
    consumer = Consumer(worker.answer)
    consumer.send(" ".join(sent))
    dead = drain(consumer, batch, return_failed=return_failed)
    assert set(worker.handled) | set(dead) == set(sent)
    assert worker.failing <= set(dead)
    assert len(dead) == len(set(dead))
    for group in GROUPS:
        for found in (worker.handled, dead):
            assert of_group(group, found) == [name for name in of_group(group, sent) if name in found]
    if "crashes after" not in faults:
        assert sorted(worker.handled + dead) == sorted(sent)


@pytest.mark.sized
@settings(max_examples=scaled(deep=300, ci=80, fast=15), deadline=None, database=None)
@given(SENT, FAILING, st.booleans())
def test_failing_messages_are_isolated(
    sent: list[str],
    failing: set[int],
    return_failed: bool,  # noqa: FBT001 - Hypothesis draws it
) -> None:
    """With batches of one, only failing messages are dead-lettered; with larger ones, no other group is affected.

    In a batch SQS also counts the receives of later messages of the group, which may be dead-lettered too.
    """
    failing_names = {sent[number] for number in failing if number < len(sent)}
    for batch in (1, 10):
        worker = Worker(failing_names, [])
        consumer = Consumer(worker.answer)
        consumer.send(" ".join(sent))
        dead = drain(consumer, batch, return_failed=return_failed)
        first = {group: min(sent.index(name) for name in of_group(group, failing_names)) for group in GROUPS
                 if of_group(group, failing_names)}  # fmt: skip
        may_die = {name for number, name in enumerate(sent) if number >= first.get(name[0], len(sent))}
        assert failing_names <= set(dead) <= (failing_names if batch == 1 else may_die)
        assert sorted(worker.handled + dead) == sorted(sent)


def record(number: int) -> Record:
    """A stream record of a table in Lambda's format."""
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


def number_of(stream_record: Record) -> int:
    """Sequence number of a record: the inverse of `record`."""
    return int(stream_record["dynamodb"]["SequenceNumber"])


def failed(*numbers: int) -> dict[str, Any]:
    """A partial batch response: these records have failed."""
    return failures(map(str, numbers))


@dataclass
class Reader:
    """A function behind a stream that responds as configured and keeps the record numbers of its batches."""

    answer: Callable[[list[int]], Any] = lambda _: None
    batch: int = 100
    batches: list[list[int]] = field(default_factory=list)
    exhausted: list[int] = field(default_factory=list)
    raised: list[Exception] = field(default_factory=list)
    stream: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.source = StreamSource(
            self._take,
            self._handle,
            self.batch,
            max_attempts=MAX_ATTEMPTS,
            on_failure=lambda each: self.exhausted.append(number_of(each)),
            report=self.raised.append,
        )

    def write(self, *numbers: int) -> None:
        """Append records to the stream."""
        self.stream += map(record, numbers)

    def drain(self) -> None:
        """Run until the stream is read, across crashes."""
        is_busy = True
        while is_busy:
            with suppress(Crash):
                is_busy = self.source.run_once()

    def _take(self) -> list[Record]:
        records, self.stream = self.stream, []
        return records

    def _handle(self, event: dict[str, Any], context: object) -> Any:
        assert context is None
        numbers = [number_of(each) for each in event["Records"]]
        assert event == {"Records": [record(number) for number in numbers]}
        self.batches.append(numbers)
        event["Records"].clear()  # functions may modify their event
        return self.answer(numbers)


def test_stream_is_read_in_batches() -> None:
    """Batches are in order and within the batch size; later records come after them."""
    reader = Reader(batch=2)
    reader.write(1, 2, 3)
    assert reader.source.run_once()
    reader.write(4)
    assert reader.source.run_once()
    assert list(map(number_of, reader.stream)) == [4], "the source must not read ahead"
    assert [reader.source.run_once() for _ in range(2)] == [True, False]
    assert reader.batches == [[1, 2], [3], [4]]


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_response_without_failures_advances_the_stream(answer: Any) -> None:
    """After a response without failures no record is sent again."""
    reader = Reader(lambda _: answer)
    reader.write(1, 2)
    reader.drain()
    assert reader.batches == [[1, 2]]


@pytest.mark.parametrize(
    "answer", [failed(7), failures([""]), {"batchItemFailures": [{}]}, "1", {"batchItemFailures": 1}]
)
def test_invalid_response_is_an_error(answer: Any) -> None:
    """An invalid response bisects the batch down to single records, each with all its attempts."""
    reader = Reader(lambda _: answer)
    reader.write(1, 2)
    reader.drain()
    assert reader.batches == [[1, 2], *[[1]] * MAX_ATTEMPTS, *[[2]] * MAX_ATTEMPTS]
    assert reader.exhausted == [1, 2]


def test_stream_resumes_at_the_first_failure() -> None:
    """The stream resumes at the first failed record, in any order of the response."""
    answers = iter([failed(5, 3, 4), failed(4), None])
    reader = Reader(lambda _: next(answers))
    reader.write(1, 2, 3, 4, 5)
    reader.drain()
    assert reader.batches == [[1, 2, 3, 4, 5], [3, 4, 5], [4, 5]]
    assert reader.exhausted == []


def test_sequence_numbers_are_compared_numerically() -> None:
    """Sequence number 9 comes before 10."""
    answers = iter([failed(10, 9), None])
    reader = Reader(lambda _: next(answers))
    reader.write(8, 9, 10)
    reader.drain()
    assert reader.batches == [[8, 9, 10], [9, 10]]


def test_failing_batch_is_bisected() -> None:
    """A batch is bisected down to the failing record; after its attempts the next ones proceed in order."""

    def answer(numbers: list[int]) -> None:
        if 3 in numbers:
            raise Broken

    reader = Reader(answer)
    reader.write(1, 2, 3, 4, 5)
    reader.drain()
    assert reader.batches == [[1, 2, 3, 4, 5], [1, 2, 3], [1, 2], *[[3]] * MAX_ATTEMPTS, [4, 5]]
    assert reader.exhausted == [3]
    assert [type(error) for error in reader.raised] == [Broken] * (2 + MAX_ATTEMPTS)


def test_attempts_are_counted_per_record() -> None:
    """Attempts count from a record's own first failure, independent of failures before it."""
    answers = iter([failed(2), failed(2), failed(3), failed(3), failed(3), failed(4), None, failed(5), failed(5), None])
    reader = Reader(lambda _: next(answers))
    reader.write(1, 2, 3, 4)
    reader.drain()
    reader.write(5)
    reader.drain()
    assert reader.batches == [[1, 2, 3, 4], [2, 3, 4], [2, 3, 4], [3, 4], [3, 4], [4], [4], [5], [5], [5]]
    assert reader.exhausted == [3]


def test_crash_repeats_the_batch() -> None:
    """A crash repeats the whole batch and does not count as an attempt."""

    def crash(_: list[int]) -> None:
        raise Crash

    reader = Reader(crash)
    reader.write(1, 2)
    for _ in range(2 * MAX_ATTEMPTS):
        with pytest.raises(Crash):
            reader.source.run_once()
    reader.answer = lambda _: None
    reader.drain()
    assert reader.batches == [[1, 2]] * (2 * MAX_ATTEMPTS + 1)
    assert reader.exhausted == []


def test_failing_failure_destination_loses_no_record() -> None:
    """If the failure destination raises, the record is attempted again and then saved."""
    reader = Reader(lambda _: failed(1))
    kept: list[int] = []
    outcomes = iter([Broken(), None])

    def on_failure(failed_record: Record) -> None:
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome
        kept.append(number_of(failed_record))

    source = StreamSource(
        reader._take, reader._handle, max_attempts=1, on_failure=on_failure, report=reader.raised.append
    )
    reader.write(1)
    with pytest.raises(Broken):
        source.run_once()
    assert [source.run_once(), source.run_once()] == [True, False]
    assert reader.batches == [[1], [1]]
    assert kept == [1]


@pytest.mark.sized
@settings(max_examples=scaled(deep=500, ci=120, fast=15), deadline=None, database=None)
@given(
    faults=st.lists(st.sampled_from([0, 0, 0, 1, MAX_ATTEMPTS - 1, MAX_ATTEMPTS]), max_size=40),
    batch=st.integers(1, 12),
    chunk=st.integers(1, 15),
    ways=st.lists(st.sampled_from(["report the first", "report all", "raise", "crash"]), max_size=12),
    last=st.sampled_from(["report the first", "raise"]),
)
def test_every_record_is_handled_or_exhausted(
    faults: list[int], batch: int, chunk: int, ways: list[str], last: str
) -> None:
    """Under any failures exactly the records that use up their attempts are exhausted, once each and in order.

    A function that stops at its first failure handles the records in stream order.
    """
    left = dict(enumerate(faults))
    handled: list[int] = []
    way = chain(ways, repeat(last))

    def answer(numbers: list[int]) -> Any:
        how = next(way)
        bad: list[int] = []
        for number in numbers:
            # A record with the maximum of failures fails forever.
            if left[number]:
                left[number] -= left[number] < MAX_ATTEMPTS
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
    failing = [number for number, times in enumerate(faults) if times == MAX_ATTEMPTS]
    assert reader.exhausted == failing
    assert set(handled) == set(left) - set(failing)
    if "report all" not in ways:
        firsts = list(dict.fromkeys(handled))
        assert firsts == sorted(firsts)
