"""The contract of a standard queue of commands: moto's SQS through botocore, and the in-memory double."""

import json
from secrets import token_hex
from typing import NamedTuple, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck_standin.aws.backend import make_full_client
from tapedeck_standin.aws.standard_queue import MemoryStandardQueue, ReceiptInvalid
from tests.thoroughness import scaled

VISIBILITY_SECONDS = 30
RETENTION_SECONDS = 3_600
MAX_RECEIVES = 3


class Received(NamedTuple):
    """A received message."""

    body: str
    receives: int
    receipt: str

    @property
    def key(self) -> tuple[str, int]:
        """What must be equal in both queues."""
        return self.body, self.receives


class Harness(Protocol):
    """A queue with its dead-letter queue and its clock."""

    def send(self, *bodies: str) -> None:
        """Send messages."""
        ...

    def receive(self, limit: int = 10, visibility: int | None = None) -> list[Received]:
        """Receive messages."""
        ...

    def receive_dead(self) -> list[Received]:
        """Receive dead letters."""
        ...

    def delete(self, receipt: str) -> None:
        """Delete a message by its receipt; raises ReceiptInvalid."""
        ...

    def change_visibility(self, receipt: str, seconds: int) -> None:
        """Make a message visible in this many seconds; raises ReceiptInvalid."""
        ...

    def wait(self, seconds: float) -> None:
        """Advance the clock."""
        ...


class MemoryHarness:
    """The in-memory double."""

    def __init__(self) -> None:
        self.now = 1_795_250_675_000
        self.dead_letters = MemoryStandardQueue(lambda: self.now, name="dead")
        self.queue = MemoryStandardQueue(
            lambda: self.now, name="test", visibility_seconds=VISIBILITY_SECONDS, retention_seconds=RETENTION_SECONDS,
            max_receives=MAX_RECEIVES, dead_letters=self.dead_letters,
        )  # fmt: skip

    def send(self, *bodies: str) -> None:
        """Send messages."""
        self.queue.send(*bodies)

    def receive(self, limit: int = 10, visibility: int | None = None) -> list[Received]:
        """Receive messages."""
        return [Received(each.body, each.receive_count, each.receipt) for each in self.queue.receive(limit, visibility)]

    def receive_dead(self) -> list[Received]:
        """Receive dead letters."""
        return [Received(each.body, each.receive_count, each.receipt) for each in self.dead_letters.receive()]

    def delete(self, receipt: str) -> None:
        """Delete a message."""
        self.queue.delete(receipt)

    def change_visibility(self, receipt: str, seconds: int) -> None:
        """Change the visibility timeout of a message."""
        self.queue.change_visibility(receipt, seconds)

    def wait(self, seconds: float) -> None:
        """Advance the clock."""
        self.now += round(seconds * 1000)


class MotoHarness:
    """Moto's SQS, with a fake clock that advances by a microsecond at each read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_795_250_675_000.0
        monkeypatch.setattr("moto.sqs.models.unix_time_millis", self._tick)
        monkeypatch.setattr("moto.sqs.models.unix_time", lambda: self._tick() / 1000)
        self._client = make_full_client("sqs")
        self._dead = self._create({})
        named = self._client.get_queue_attributes(QueueUrl=self._dead, AttributeNames=["QueueArn"])
        policy = {"deadLetterTargetArn": named["Attributes"]["QueueArn"], "maxReceiveCount": MAX_RECEIVES}
        self._url = self._create(
            {"RedrivePolicy": json.dumps(policy), "MessageRetentionPeriod": str(RETENTION_SECONDS)}
        )

    def send(self, *bodies: str) -> None:
        """Send messages."""
        for body in bodies:
            self._client.send_message(QueueUrl=self._url, MessageBody=body)

    def receive(self, limit: int = 10, visibility: int | None = None) -> list[Received]:
        """Receive messages."""
        return self._receive(self._url, limit, VISIBILITY_SECONDS if visibility is None else visibility)

    def receive_dead(self) -> list[Received]:
        """Receive dead letters."""
        return self._receive(self._dead, 10, VISIBILITY_SECONDS)

    def delete(self, receipt: str) -> None:
        """Delete a message."""
        try:
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=receipt)
        except self._client.exceptions.ReceiptHandleIsInvalid as error:
            raise ReceiptInvalid from error

    def change_visibility(self, receipt: str, seconds: int) -> None:
        """Change the visibility timeout of a message."""
        try:
            self._client.change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=seconds)
        except self._client.exceptions.ReceiptHandleIsInvalid as error:
            raise ReceiptInvalid from error

    def wait(self, seconds: float) -> None:
        """Advance moto's clock."""
        self.now += seconds * 1000

    def _tick(self) -> float:
        self.now += 0.001
        return self.now

    def _create(self, attributes: dict[str, str]) -> str:
        attributes = {"VisibilityTimeout": str(VISIBILITY_SECONDS), **attributes}
        url: str = self._client.create_queue(QueueName=token_hex(8), Attributes=attributes)["QueueUrl"]
        return url

    def _receive(self, url: str, limit: int, visibility: int) -> list[Received]:
        answer = self._client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=limit, VisibilityTimeout=visibility, MessageSystemAttributeNames=["All"]
        )
        return [
            Received(each["Body"], int(each["Attributes"]["ApproximateReceiveCount"]), each["ReceiptHandle"])
            for each in answer.get("Messages", ())
        ]


@pytest.fixture(params=["memory", "sqs"])
def harness(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Harness:
    """Run each test against both."""
    if request.param == "memory":
        return MemoryHarness()
    request.getfixturevalue("aws")
    return MotoHarness(monkeypatch)


def bodies(received: list[Received]) -> list[str]:
    """Return the bodies of messages, sorted: a standard queue promises no order."""
    return sorted(each.body for each in received)


def test_every_message_is_received_until_it_is_deleted(harness: Harness) -> None:
    """More than one batch of messages arrives, each once while it is invisible, and never after its deletion."""
    harness.send(*(f"message {number:02}" for number in range(23)))
    received: list[Received] = []
    while batch := harness.receive():
        received += batch
    assert [each.receives for each in received] == [1] * 23
    assert bodies(received) == [f"message {number:02}" for number in range(23)]
    for each in received[:20]:
        harness.delete(each.receipt)
    harness.wait(30)
    assert [each.receives for each in harness.receive()] == [2, 2, 2]


def test_equal_messages_are_not_dropped(harness: Harness) -> None:
    """A standard queue has no deduplication: a message that is sent twice is received twice."""
    harness.send("same", "same")
    assert bodies(harness.receive()) == ["same", "same"]


def test_a_message_in_flight_blocks_no_other(harness: Harness) -> None:
    """While one message is in flight, all others can be received."""
    harness.send("first", "second", "third")
    (one,) = harness.receive(1)
    assert bodies(harness.receive()) == sorted({"first", "second", "third"} - {one.body})


def test_undeleted_message_is_received_again_after_its_visibility_timeout(harness: Harness) -> None:
    """The timeout is the queue's 30 seconds, or what the receiver has requested."""
    harness.send("one")
    assert [each.key for each in harness.receive()] == [("one", 1)]
    harness.wait(29)
    assert harness.receive() == []
    harness.wait(2)
    assert [each.key for each in harness.receive(visibility=100)] == [("one", 2)]
    harness.wait(99)
    assert harness.receive() == []
    harness.wait(2)
    assert [each.key for each in harness.receive()] == [("one", 3)]


def test_visibility_of_a_message_in_flight_can_be_changed(harness: Harness) -> None:
    """0 seconds make it visible at once; more seconds count from the change."""
    harness.send("one")
    (first,) = harness.receive()
    harness.wait(20)
    harness.change_visibility(first.receipt, 100)
    harness.wait(99)
    assert harness.receive() == []
    harness.change_visibility(first.receipt, 0)
    assert [each.key for each in harness.receive()] == [("one", 2)]


def test_unknown_receipts_are_invalid(harness: Harness) -> None:
    """A receipt that the queue never issued is refused."""
    harness.send("one")
    with pytest.raises(ReceiptInvalid):
        harness.change_visibility("no receipt", 0)


def test_a_deleted_message_may_be_deleted_again(harness: Harness) -> None:
    """The second deletion with the same receipt changes nothing."""
    harness.send("one", "two")
    (first,) = harness.receive(1)
    harness.delete(first.receipt)
    harness.delete(first.receipt)
    harness.wait(31)
    assert [each.receives for each in harness.receive()] == [1]


def test_message_is_dead_lettered_after_too_many_receives(harness: Harness) -> None:
    """After three receives without a deletion, the next receive moves the unchanged message."""
    harness.send("crashes", "works")
    for count in (1, 2, 3):
        (message,) = [each for each in harness.receive() if each.body == "crashes"]
        assert (message.key, harness.receive_dead()) == (("crashes", count), [])
        harness.change_visibility(message.receipt, 0)
    assert harness.receive() == []
    assert [each.key for each in harness.receive_dead()] == [("crashes", 4)]


def test_old_messages_are_dropped(harness: Harness) -> None:
    """A message that was not received within an hour is gone."""
    harness.send("old")
    harness.wait(3_500)
    harness.send("new")
    harness.wait(101)
    # moto returns nothing from the receive that finds an old message.
    assert bodies([*harness.receive(), *harness.receive()]) == ["new"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from("abc")),
        st.tuples(st.just("receive"), st.sampled_from(["5", "20"])),
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
    """Random sends, receives, deletes, changes of visibility and waits give the same results in both."""
    del aws  # only has to be there
    with pytest.MonkeyPatch.context() as monkeypatch:
        harnesses: tuple[Harness, Harness] = (MemoryHarness(), MotoHarness(monkeypatch))
        receipts: dict[str, tuple[str, str]] = {}
        for number, (step, argument) in enumerate(steps):
            match step:
                case "send":
                    for harness in harnesses:
                        harness.send(f"{argument}{number}")
                case "receive":
                    mine, theirs = (sorted(harness.receive(10, int(argument))) for harness in harnesses)
                    assert [each.key for each in mine] == [each.key for each in theirs]
                    receipts |= {
                        one.body[0]: (one.receipt, other.receipt) for one, other in zip(mine, theirs, strict=True)
                    }
                case "wait":
                    for harness in harnesses:
                        harness.wait(float(argument))
                    receipts.clear()  # moto also changes the visibility of a message that is visible
                case _:
                    for harness, receipt in zip(harnesses, receipts.pop(argument, ()), strict=False):
                        harness.delete(receipt) if step == "delete" else harness.change_visibility(receipt, 0)
