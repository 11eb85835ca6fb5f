"""The contract of `ports.messaging.Queue`: the adapter over moto's SQS, and the in-memory double."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, NamedTuple, Protocol

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck.adapters.batching import FIRST_DELAY_SECONDS, MAX_ATTEMPTS, MAX_BYTES, MAX_ENTRIES
from tapedeck.adapters.clients import make_client
from tapedeck.adapters.sqs import SqsQueue
from tapedeck.domain.errors import StoreBusy, StoreUnavailable
from tapedeck.ports.messaging import Queue, QueueMessage
from tapedeck_standin.aws.backend import make_full_client
from tapedeck_standin.aws.queues import MemoryQueue
from tests.thoroughness import scaled

VISIBILITY_SECONDS = 30
MAX_RECEIVES = 3


class ReceivedMessage(NamedTuple):
    """A received message."""

    group: str
    id: str
    body: str
    receives: int
    receipt: str

    @property
    def key(self) -> tuple[str, str, int]:
        """The attributes that must be equal in both queues."""
        return self.group, self.id, self.receives


class Harness(Protocol):
    """A queue with its consumer, dead-letter queue and clock."""

    @property
    def queue(self) -> Queue:
        """The queue under test."""
        ...

    def receive(self, max_messages: int = 10) -> list[ReceivedMessage]:
        """Receive messages."""
        ...

    def receive_dead(self) -> list[ReceivedMessage]:
        """Receive dead letters."""
        ...

    def delete(self, receipt: str) -> None:
        """Delete a message by its receipt."""
        ...

    def return_messages(self, receipts: Sequence[str]) -> None:
        """Make messages visible again."""
        ...

    def wait(self, seconds: float) -> None:
        """Advance the clock."""
        ...


class MemoryHarness:
    """The in-memory double."""

    def __init__(self) -> None:
        self.now = 1_795_250_675_000
        names: dict[str, Any] = {"visibility_seconds": VISIBILITY_SECONDS, "max_receives": MAX_RECEIVES}
        self.dead_letters = MemoryQueue(lambda: self.now, **names, dead_letters=None, name="dead.fifo")
        self.queue = MemoryQueue(lambda: self.now, **names, dead_letters=self.dead_letters, name="test.fifo")

    def receive(self, max_messages: int = 10) -> list[ReceivedMessage]:
        """Receive messages."""
        return self._receive(self.queue, max_messages)

    def receive_dead(self) -> list[ReceivedMessage]:
        """Receive dead letters."""
        return self._receive(self.dead_letters, 10)

    def delete(self, receipt: str) -> None:
        """Delete a message."""
        assert self.queue.delete(receipt)

    def return_messages(self, receipts: Sequence[str]) -> None:
        """Make messages visible again."""
        self.queue.return_messages(receipts)

    def wait(self, seconds: float) -> None:
        """Advance the clock."""
        self.now += round(seconds * 1000)

    def _receive(self, queue: MemoryQueue, max_messages: int) -> list[ReceivedMessage]:
        return [
            ReceivedMessage(each.group, each.id, each.body, each.receive_count, each.receipt)
            for each in queue.receive(max_messages)
        ]


class MotoHarness:
    """The adapter over moto, with a fake clock that advances by a microsecond at each read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_795_250_675_000.0
        monkeypatch.setattr("moto.sqs.models.unix_time_millis", self._tick)
        monkeypatch.setattr("moto.sqs.models.unix_time", lambda: self._tick() / 1000)
        self._client = make_full_client("sqs")
        self._dead = self._create({})
        named = self._client.get_queue_attributes(QueueUrl=self._dead, AttributeNames=["QueueArn"])
        policy = {"deadLetterTargetArn": named["Attributes"]["QueueArn"], "maxReceiveCount": MAX_RECEIVES}
        self._url = self._create({"RedrivePolicy": json.dumps(policy)})
        self.queue = SqsQueue(make_client("sqs"), self._url, never)

    def receive(self, max_messages: int = 10) -> list[ReceivedMessage]:
        """Receive messages."""
        return self._receive(self._url, max_messages)

    def receive_dead(self) -> list[ReceivedMessage]:
        """Receive dead letters."""
        return self._receive(self._dead, 10)

    def delete(self, receipt: str) -> None:
        """Delete a message."""
        self._client.delete_message(QueueUrl=self._url, ReceiptHandle=receipt)

    def return_messages(self, receipts: Sequence[str]) -> None:
        """Make messages visible again."""
        for receipt in receipts:
            self._client.change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=0)

    def wait(self, seconds: float) -> None:
        """Advance moto's clock."""
        self.now += seconds * 1000

    def _tick(self) -> float:
        self.now += 0.001
        return self.now

    def _create(self, attributes: Mapping[str, str]) -> str:
        attributes = {"FifoQueue": "true", "VisibilityTimeout": str(VISIBILITY_SECONDS), **attributes}
        url: str = self._client.create_queue(QueueName=f"{token_hex(8)}.fifo", Attributes=attributes)["QueueUrl"]
        return url

    def _receive(self, url: str, max_messages: int) -> list[ReceivedMessage]:
        answer = self._client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=max_messages, MessageSystemAttributeNames=["All"]
        )
        return [
            ReceivedMessage(
                each["Attributes"]["MessageGroupId"],
                each["Attributes"]["MessageDeduplicationId"],
                each["Body"],
                int(each["Attributes"]["ApproximateReceiveCount"]),
                each["ReceiptHandle"],
            )
            for each in answer.get("Messages", ())
        ]


def never(seconds: float) -> None:
    """Fail: without failures nothing waits."""
    raise AssertionError(seconds)


@pytest.fixture(params=["memory", "sqs"])
def harness(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Harness:
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
    return " ".join(each.id for each in received)


def test_delivers_every_message(harness: Harness) -> None:
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
        assert [(each.id, json.loads(each.body), each.receives) for each in mine] == [
            (each.id, dict(each.body), 1) for each in sent if each.group == group
        ]
    assert len(received) == len(sent)


def test_sending_no_messages(harness: Harness) -> None:
    """Sending an empty list sends nothing."""
    harness.queue.send([])
    assert harness.receive() == []


def test_body_is_canonical_json(harness: Harness) -> None:
    """A body is compact ASCII JSON with sorted names, so that repetitions are byte-identical (REL-6)."""
    harness.queue.send([QueueMessage({"b": [1, None], "a": {"d": "é\x00\ufffe", "c": True}}, "x", "1")])
    harness.queue.send([QueueMessage({"a": {"c": True, "d": "é\x00\ufffe"}, "b": [1, None]}, "y", "2")])
    expected = r'{"a":{"c":true,"d":"\u00e9\u0000\ufffe"},"b":[1,null]}'
    assert [each.body for each in harness.receive()] == [expected, expected]


def test_message_in_flight_blocks_its_group(harness: Harness) -> None:
    """A message in flight blocks later ones of its group until it is deleted, but no other group."""
    harness.queue.send(messages("a1 a2 b1 a3 b2"))
    (first,) = harness.receive(1)
    assert names_of([first]) == "a1"
    others = harness.receive()
    assert names_of(others) == "b1 b2"
    assert harness.receive() == []
    harness.delete(first.receipt)
    assert names_of(harness.receive()) == "a2 a3"


def test_deduplicates_for_five_minutes(harness: Harness) -> None:
    """A message with a known id is dropped, even with other content, within five minutes of the first."""
    harness.queue.send([*messages("a1 a2"), message("a1", again=True)])
    harness.queue.send(messages("a2 a3"))
    harness.wait(299)
    harness.queue.send([QueueMessage({}, "b", "a1")])
    assert names_of(harness.receive()) == "a1 a2 a3"
    harness.wait(2)
    harness.queue.send([QueueMessage({}, "b", "a1")])
    assert [each.key for each in harness.receive()] == [("b", "a1", 1)]


def test_undeleted_message_is_received_again(harness: Harness) -> None:
    """An undeleted message comes again after the visibility timeout, first in its group, with a higher count."""
    harness.queue.send(messages("a1 a2 b1"))
    assert names_of(harness.receive(1)) == "a1"
    (other,) = harness.receive(1)
    harness.delete(other.receipt)
    harness.wait(VISIBILITY_SECONDS - 1)
    assert harness.receive() == []
    harness.wait(1.1)
    assert [each.key for each in harness.receive()] == [("a", "a1", 2), ("a", "a2", 1)]


def test_returned_message_is_received_again_at_once(harness: Harness) -> None:
    """A returned message keeps its position and has a higher receive count."""
    for each in messages("a1 a2 b1 a3"):
        harness.queue.send([each])
    first = harness.receive(2)
    assert names_of(first) == "a1 a2"
    assert names_of(harness.receive()) == "b1"
    harness.return_messages([each.receipt for each in first])
    assert [each.key for each in harness.receive()] == [("a", "a1", 2), ("a", "a2", 2), ("a", "a3", 1)]


def test_message_is_dead_lettered_after_too_many_receives(harness: Harness) -> None:
    """The dead-letter queue gets the unchanged message, and the next one of its group is received."""
    harness.queue.send(messages("a1 a2"))
    body = ""
    for count in range(1, MAX_RECEIVES + 1):
        (first,) = harness.receive(1)
        assert first.key == ("a", "a1", count)
        body = first.body
        harness.return_messages([first.receipt])
        assert harness.receive_dead() == []
    assert [each.key for each in harness.receive()] == [("a", "a2", 1)]
    (dead,) = harness.receive_dead()
    assert (dead.key, dead.body) == (("a", "a1", MAX_RECEIVES + 1), body)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from("abc")),
        st.tuples(st.just("receive"), st.just("")),
        st.tuples(st.sampled_from(["delete", "return"]), st.sampled_from("abc")),
        st.tuples(st.just("wait"), st.sampled_from(["1", "15", "31"])),
    ),
    min_size=5,
    max_size=40,
)


@pytest.mark.sized
@settings(max_examples=scaled(deep=60, ci=16, fast=4), deadline=None, database=None)
@given(STEPS)
def test_double_behaves_like_moto(aws: None, steps: list[tuple[str, str]]) -> None:
    """Random sends, receives, deletes, returns and waits give the same results in both.

    Messages are received one at a time: moto reorders several messages of a group that expire together.
    """
    del aws  # only has to be there
    with pytest.MonkeyPatch.context() as monkeypatch:
        harnesses: tuple[Harness, Harness] = (MemoryHarness(), MotoHarness(monkeypatch))
        receipts_by_group: dict[str, tuple[str, str]] = {}
        for number, (step, argument) in enumerate(steps):
            match step:
                case "send":
                    for harness in harnesses:
                        harness.queue.send([QueueMessage({}, argument, f"{argument}{number}")])
                case "receive":
                    mine, theirs = (harness.receive(1) for harness in harnesses)
                    assert [each.key for each in mine] == [each.key for each in theirs]
                    for one, other in zip(mine, theirs, strict=True):
                        receipts_by_group[one.group] = one.receipt, other.receipt
                case "wait":
                    for harness in harnesses:
                        harness.wait(float(argument))
                    receipts_by_group.clear()  # moto still accepts expired receipts
                case _:
                    for harness, receipt in zip(harnesses, receipts_by_group.pop(argument, ()), strict=False):
                        harness.delete(receipt) if step == "delete" else harness.return_messages([receipt])
        mine, theirs = (harness.receive_dead() for harness in harnesses)
        assert [each.key for each in mine] == [each.key for each in theirs]


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
