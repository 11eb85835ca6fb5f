"""The contract of `ports.messaging.Queue`: the adapter over moto's SQS, and the in-memory double."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck.adapters.clients import make_client
from tapedeck.adapters.sqs import SqsQueue
from tapedeck.domain.errors import StoreBusy, StoreUnavailable
from tapedeck.ports.messaging import QueueMessage
from tapedeck_standin.aws.queues import MemoryQueue
from tapedeck_standin.samples.moto_aws import make_full_client
from tests.contract.queue_rules import (
    MAX_RECEIVES,
    START_MS,
    STEPS,
    VISIBILITY_SECONDS,
    MotoQueue,
    QueueRules,
    ReceivedMessage,
    compare,
)
from tests.thoroughness import scaled

FIRST_DELAY_SECONDS: Final = 0.02
MAX_ATTEMPTS: Final = 5
MAX_BYTES: Final = 262_144
MAX_ENTRIES: Final = 10


class MemoryHarness:
    """The in-memory double."""

    def __init__(self) -> None:
        self.now = START_MS
        names: dict[str, Any] = {"visibility_seconds": VISIBILITY_SECONDS, "max_receives": MAX_RECEIVES}
        self.dead_letters = MemoryQueue(lambda: self.now, **names, dead_letters=None, name="dead.fifo")
        self.queue = MemoryQueue(lambda: self.now, **names, dead_letters=self.dead_letters, name="test.fifo")

    def send(self, *names: str) -> None:
        """Send a message for each name."""
        self.queue.send([message(name) for name in names])

    def receive(self, limit: int = 10) -> list[ReceivedMessage]:
        """Receive messages."""
        return self._receive(self.queue, limit)

    def receive_dead(self) -> list[ReceivedMessage]:
        """Receive dead letters."""
        return self._receive(self.dead_letters, 10)

    def delete(self, receipt: str) -> None:
        """Delete a message."""
        assert self.queue.delete(receipt)

    def release(self, receipt: str) -> None:
        """Make a message visible again at once."""
        self.queue.return_messages([receipt])

    def wait(self, seconds: float) -> None:
        """Advance the clock."""
        self.now += round(seconds * 1000)

    def _receive(self, queue: MemoryQueue, limit: int) -> list[ReceivedMessage]:
        return [
            ReceivedMessage(each.id, each.receive_count, each.receipt, each.body, each.group)
            for each in queue.receive(limit)
        ]


class MotoHarness(MotoQueue):
    """The adapter over moto."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(monkeypatch, ".fifo", {"FifoQueue": "true"})
        self.queue = SqsQueue(make_client("sqs"), self.url, never)

    def send(self, *names: str) -> None:
        """Send a message for each name."""
        self.queue.send([message(name) for name in names])


FifoHarness = MemoryHarness | MotoHarness


def never(seconds: float) -> None:
    """Fail: without failures nothing waits."""
    raise AssertionError(seconds)


@pytest.fixture(params=["memory", "sqs"])
def harness(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FifoHarness:
    """Run each test against both."""
    if request.param == "memory":
        return MemoryHarness()
    request.getfixturevalue("aws")
    return MotoHarness(monkeypatch)


def message(name: str, **body: Any) -> QueueMessage:
    """A message such as `a1`: the first of group a."""
    return QueueMessage({"name": name, **body}, name[0], name)


def messages(names: str) -> list[QueueMessage]:
    """Messages such as `a1 a2 b1`."""
    return [message(name) for name in names.split()]


def names_of(received: Sequence[ReceivedMessage]) -> str:
    """Join the ids of received messages."""
    return " ".join(each.name for each in received)


def test_delivers_every_message(harness: FifoHarness) -> None:
    """More than one batch of messages arrives once each, in group order, with body, group and id."""
    sent = [message(f"{group}{number}", text="é\n", number=number) for number in range(9) for group in "abc"]
    harness.queue.send(sent)
    received: list[ReceivedMessage] = []
    while batch := harness.receive():
        received += batch
        for each in batch:
            harness.delete(each.receipt)
    for group in "abc":
        mine = [each for each in received if each.group == group]
        assert [(each.name, json.loads(each.body), each.receives) for each in mine] == [
            (each.id, dict(each.body), 1) for each in sent if each.group == group
        ]
    assert len(received) == len(sent)


def test_sending_no_messages(harness: FifoHarness) -> None:
    """Sending an empty list sends nothing."""
    harness.queue.send([])
    assert harness.receive() == []


def test_body_is_canonical_json(harness: FifoHarness) -> None:
    """A body is compact ASCII JSON with sorted names, so that repetitions are byte-identical (REL-6)."""
    harness.queue.send([QueueMessage({"b": [1, None], "a": {"d": "é\x00\ufffe", "c": True}}, "x", "1")])
    harness.queue.send([QueueMessage({"a": {"c": True, "d": "é\x00\ufffe"}, "b": [1, None]}, "y", "2")])
    expected = r'{"a":{"c":true,"d":"\u00e9\u0000\ufffe"},"b":[1,null]}'
    assert [each.body for each in harness.receive()] == [expected, expected]


def test_message_in_flight_blocks_its_group(harness: FifoHarness) -> None:
    """A message in flight blocks later ones of its group until it is deleted, but no other group."""
    harness.queue.send(messages("a1 a2 b1 a3 b2"))
    (first,) = harness.receive(1)
    assert names_of([first]) == "a1"
    others = harness.receive()
    assert names_of(others) == "b1 b2"
    assert harness.receive() == []
    harness.delete(first.receipt)
    assert names_of(harness.receive()) == "a2 a3"


def test_deduplicates_for_five_minutes(harness: FifoHarness) -> None:
    """A message with a known id is dropped, even with other content, within five minutes of the first."""
    harness.queue.send([*messages("a1 a2"), message("a1", again=True)])
    harness.queue.send(messages("a2 a3"))
    harness.wait(299)
    harness.queue.send([QueueMessage({}, "b", "a1")])
    assert names_of(harness.receive()) == "a1 a2 a3"
    harness.wait(2)
    harness.queue.send([QueueMessage({}, "b", "a1")])
    assert [each.key for each in harness.receive()] == [("b", "a1", 1)]


def test_undeleted_message_keeps_its_position(harness: FifoHarness) -> None:
    """After the visibility timeout, an undeleted message comes first in its group."""
    harness.send("a1", "a2")
    assert names_of(harness.receive(1)) == "a1"
    harness.wait(31)
    assert [each.key for each in harness.receive()] == [("a", "a1", 2), ("a", "a2", 1)]


def test_released_message_keeps_its_position(harness: FifoHarness) -> None:
    """Released messages come first in their group, also before those that were sent later."""
    for each in messages("a1 a2 b1 a3"):
        harness.queue.send([each])
    first = harness.receive(2)
    assert names_of(first) == "a1 a2"
    assert names_of(harness.receive()) == "b1"
    for returned in first:
        harness.release(returned.receipt)
    assert [each.key for each in harness.receive()] == [("a", "a1", 2), ("a", "a2", 2), ("a", "a3", 1)]


def test_dead_lettered_message_unblocks_its_group(harness: FifoHarness) -> None:
    """The receive that moves a message to the dead-letter queue returns the next one of its group."""
    harness.send("a1", "a2")
    for _ in range(3):
        (first,) = harness.receive(1)
        harness.release(first.receipt)
    assert [each.key for each in harness.receive()] == [("a", "a2", 1)]
    assert [each.key for each in harness.receive_dead()] == [("a", "a1", 4)]


class TestFifoQueue(QueueRules):
    """What holds for every queue."""


@pytest.mark.sized
@settings(max_examples=scaled(deep=60, ci=16, fast=4), deadline=None, database=None)
@given(STEPS)
def test_double_behaves_like_moto(aws: None, steps: list[tuple[str, str]]) -> None:
    """Random sends, receives, deletes, releases and waits give the same results in both.

    Messages are received one at a time: moto reorders several messages of a group that expire together.
    """
    del aws  # only has to be there
    with pytest.MonkeyPatch.context() as monkeypatch:
        pair = MemoryHarness(), MotoHarness(monkeypatch)
        mine, theirs = compare(steps, pair, lambda queue, _seconds: queue.receive(1))
    assert mine == theirs


@dataclass
class StubSqs:
    """A stub client: `reject` returns the error code for an entry id and attempt, None to accept it."""

    reject: Callable[[str, int], str | None] = lambda _id, _try: None
    is_senders_fault: bool = False
    requests: list[list[str]] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        """Respond like AWS."""
        assert request["QueueUrl"] == "https://queue"
        entries = request["Entries"]
        assert len({entry["Id"] for entry in entries}) == len(entries)
        self.requests.append([entry["MessageDeduplicationId"] for entry in entries])
        self.bytes.append(sum(len(entry["MessageBody"].encode()) for entry in entries))
        answer: dict[str, list[dict[str, Any]]] = {"Successful": [], "Failed": []}
        for entry in entries:
            name = entry["MessageDeduplicationId"]
            code = self.reject(name, sum(request.count(name) for request in self.requests))
            if code is None:
                self.accepted.append(name)
                answer["Successful"].append({"Id": entry["Id"]})
            elif code:
                fault = {"Id": entry["Id"], "Code": code, "SenderFault": self.is_senders_fault}
                answer["Failed"].append(fault)
        # AWS omits empty lists.
        return {name: entries for name, entries in answer.items() if entries}

    @property
    def queue(self) -> SqsQueue:
        """The adapter over this client, which records its waits."""
        return SqsQueue(self, "https://queue", self.pauses.append)


def test_retries_only_rejected_entries() -> None:
    """If SQS rejects three of ten entries, only these are sent again, and later ones of their groups wait."""
    sqs = StubSqs(lambda name, tries: "InternalError" if name in {"b1", "e1", "j1"} and tries == 1 else None)
    sqs.queue.send(messages("a1 b1 c1 d1 e1 f1 g1 h1 i1 j1 b2 c2 e2 k1 j2"))
    assert [" ".join(request) for request in sqs.requests] == [
        "a1 b1 c1 d1 e1 f1 g1 h1 i1 j1",
        "b1 e1 j1 c2 k1",
        "b2 e2 j2",
    ]
    assert " ".join(sqs.accepted) == "a1 c1 d1 f1 g1 h1 i1 b1 e1 j1 c2 k1 b2 e2 j2"
    assert len(sqs.pauses) == 1


@pytest.mark.sized
@settings(max_examples=scaled(deep=500, ci=120, fast=20), deadline=None, database=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcdefghijklmno"), st.integers(0, MAX_ATTEMPTS - 1)), max_size=60),
    st.sampled_from(["InternalError", "ThrottlingException", ""]),
)
def test_groups_keep_their_order_after_rejections(drawn: list[tuple[str, int]], code: str) -> None:
    """Under any rejections every message is accepted once, in group order, in requests of at most ten.

    An entry that the response does not mention counts as rejected.
    """
    sent = [QueueMessage({}, group, f"{group}{number}") for number, (group, _) in enumerate(drawn)]
    rejections = {each.id: times for each, (_, times) in zip(sent, drawn, strict=True)}
    sqs = StubSqs(lambda name, tries: code if tries <= rejections[name] else None)
    sqs.queue.send(sent)
    for group in {each.group for each in sent}:
        assert [name for name in sqs.accepted if name[0] == group] == [each.id for each in sent if each.group == group]
    assert len(sqs.accepted) == len(sent)
    assert all(1 <= len(request) <= MAX_ENTRIES for request in sqs.requests)
    assert all(0 <= pause <= FIRST_DELAY_SECONDS * 2 ** (MAX_ATTEMPTS - 2) for pause in sqs.pauses)


def test_request_size_limit() -> None:
    """A request has at most 256 KB; a single larger message is sent alone, and SQS decides."""
    half = "x" * (MAX_BYTES // 2 - len('{"name":"a1","text":""}'))
    sqs = StubSqs()
    sqs.queue.send([
        message("a1", text=half), message("b1", text=half), message("c1"), message("d1", text=3 * half), message("e1"),
    ])  # fmt: skip
    assert sqs.requests == [["a1", "b1"], ["c1"], ["d1"], ["e1"]]
    assert sqs.bytes[0] == MAX_BYTES


@pytest.mark.parametrize(
    ("code", "fault_of", "tries", "error"),
    [
        ("InternalError", "SQS", MAX_ATTEMPTS, StoreUnavailable),
        ("ThrottlingException", "SQS", MAX_ATTEMPTS, StoreBusy),
        ("RequestThrottled", "sender", MAX_ATTEMPTS, StoreBusy),
        ("", "none", MAX_ATTEMPTS, StoreUnavailable),
        ("InvalidMessageContents", "sender", 1, StoreUnavailable),
    ],
)
def test_persistent_rejection_raises(code: str, fault_of: str, tries: int, error: type[Exception]) -> None:
    """A persistent rejection raises after five attempts and 300 ms of delays; a sender fault, after one attempt."""
    sqs = StubSqs(lambda name, _: code if name == "b1" else None, is_senders_fault=fault_of == "sender")
    with pytest.raises(error):
        sqs.queue.send(messages("a1 b1 b2"))
    assert sqs.requests == [["a1", "b1"], *[["b1"]] * (tries - 1)]
    assert sqs.accepted == ["a1"]
    assert len(sqs.pauses) == tries - 1
    assert sum(sqs.pauses) <= 0.3


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("RequestThrottled", StoreBusy),
        ("KMS.ThrottlingException", StoreBusy),
        ("AWS.SimpleQueueService.NonExistentQueue", StoreUnavailable),
        ("no connection", StoreUnavailable),
    ],
)
def test_failed_request_raises_at_once(code: str, error: type[Exception]) -> None:
    """A failed request is not repeated, because botocore has retried it already."""
    sqs = StubSqs()

    def fail(_name: str, _tries: int) -> str:
        if code == "no connection":
            raise EndpointConnectionError(endpoint_url="https://queue")
        raise ClientError({"Error": {"Code": code, "Message": ""}}, "SendMessageBatch")

    sqs.reject = fail
    with pytest.raises(error):
        sqs.queue.send(messages("a1 b1"))
    assert sqs.requests == [["a1", "b1"]]
    assert sqs.pauses == []


def test_a_standard_queue_gets_bodies_alone(aws: None) -> None:
    """A message to a standard queue has no group and no deduplication id, and a repetition is a second message."""
    del aws  # the emulator must be running
    sqs: Any = make_full_client("sqs")
    url = sqs.create_queue(QueueName=f"test-{token_hex(8)}")["QueueUrl"]
    queue = SqsQueue(make_client("sqs"), url, lambda _seconds: None, is_fifo=False)
    for _ in range(2):
        queue.send([QueueMessage({"recording": "r"}, "r", "r")])
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"])["Messages"]
    assert [json.loads(message["Body"]) for message in received] == [{"recording": "r"}] * 2
    assert not {"MessageGroupId", "MessageDeduplicationId"} & {name for each in received for name in each["Attributes"]}
