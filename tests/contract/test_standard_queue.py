"""The contract of a standard queue of commands: moto's SQS through botocore, and the in-memory double."""

import pytest
from hypothesis import given, settings

from tapedeck_standin.aws.standard_queue import MemoryStandardQueue, ReceiptInvalid, StandardMessage
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

RETENTION_SECONDS = 3_600


class MemoryHarness:
    """The in-memory double."""

    def __init__(self) -> None:
        self.now = START_MS
        self.dead_letters = MemoryStandardQueue(lambda: self.now, name="dead")
        self.queue = MemoryStandardQueue(
            lambda: self.now, name="test", visibility_seconds=VISIBILITY_SECONDS, retention_seconds=RETENTION_SECONDS,
            max_receives=MAX_RECEIVES, dead_letters=self.dead_letters,
        )  # fmt: skip

    def send(self, *names: str) -> None:
        """Send messages with these bodies."""
        self.queue.send(*names)

    def receive(self, limit: int = 10, visibility: int = VISIBILITY_SECONDS) -> list[ReceivedMessage]:
        """Receive messages."""
        # Without a timeout of its own, the double uses that of the queue.
        own = None if visibility == VISIBILITY_SECONDS else visibility
        return _received(self.queue.receive(limit, own))

    def receive_dead(self) -> list[ReceivedMessage]:
        """Receive dead letters."""
        return _received(self.dead_letters.receive())

    def delete(self, receipt: str) -> None:
        """Delete a message."""
        self.queue.delete(receipt)

    def change_visibility(self, receipt: str, seconds: int) -> None:
        """Change the visibility timeout of a message."""
        self.queue.change_visibility(receipt, seconds)

    def release(self, receipt: str) -> None:
        """Make a message visible again at once."""
        self.change_visibility(receipt, 0)

    def wait(self, seconds: float) -> None:
        """Advance the clock."""
        self.now += round(seconds * 1000)


def _received(messages: list[StandardMessage]) -> list[ReceivedMessage]:
    return [ReceivedMessage(each.body, each.receive_count, each.receipt, each.body) for each in messages]


class MotoHarness(MotoQueue):
    """Moto's SQS through botocore."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(monkeypatch, own={"MessageRetentionPeriod": str(RETENTION_SECONDS)})

    def send(self, *names: str) -> None:
        """Send messages with these bodies."""
        for name in names:
            self.client.send_message(QueueUrl=self.url, MessageBody=name)


StandardHarness = MemoryHarness | MotoHarness


@pytest.fixture(params=["memory", "sqs"])
def harness(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> StandardHarness:
    """Run each test against both."""
    if request.param == "memory":
        return MemoryHarness()
    request.getfixturevalue("aws")
    return MotoHarness(monkeypatch)


def bodies(received: list[ReceivedMessage]) -> list[str]:
    """Return the bodies of messages, sorted: a standard queue promises no order."""
    return sorted(each.body for each in received)


def test_every_message_is_received_until_it_is_deleted(harness: StandardHarness) -> None:
    """More than one batch of messages arrives, each once while it is invisible, and never after its deletion."""
    harness.send(*(f"message {number:02}" for number in range(23)))
    received: list[ReceivedMessage] = []
    while batch := harness.receive():
        received += batch
    assert [each.receives for each in received] == [1] * 23
    assert bodies(received) == [f"message {number:02}" for number in range(23)]
    for each in received[:20]:
        harness.delete(each.receipt)
    harness.wait(30)
    assert [each.receives for each in harness.receive()] == [2, 2, 2]


def test_equal_messages_are_not_dropped(harness: StandardHarness) -> None:
    """A standard queue has no deduplication: a message that is sent twice is received twice."""
    harness.send("same", "same")
    assert bodies(harness.receive()) == ["same", "same"]


def test_a_message_in_flight_blocks_no_other(harness: StandardHarness) -> None:
    """While one message is in flight, all others can be received."""
    harness.send("first", "second", "third")
    (one,) = harness.receive(1)
    assert bodies(harness.receive()) == sorted({"first", "second", "third"} - {one.body})


def test_a_receiver_may_request_a_visibility_timeout(harness: StandardHarness) -> None:
    """It replaces the queue's 30 seconds for this receive only."""
    harness.send("one")
    assert [each.receives for each in harness.receive(visibility=100)] == [1]
    harness.wait(99)
    assert harness.receive() == []
    harness.wait(2)
    assert [each.receives for each in harness.receive()] == [2]
    harness.wait(31)
    assert [each.receives for each in harness.receive()] == [3]


def test_visibility_of_a_message_in_flight_can_be_changed(harness: StandardHarness) -> None:
    """0 seconds make it visible at once; more seconds count from the change."""
    harness.send("one")
    (first,) = harness.receive()
    harness.wait(20)
    harness.change_visibility(first.receipt, 100)
    harness.wait(99)
    assert harness.receive() == []
    harness.change_visibility(first.receipt, 0)
    assert [each.receives for each in harness.receive()] == [2]


def test_unknown_receipts_are_invalid(harness: StandardHarness) -> None:
    """A receipt that the queue never issued is refused."""
    harness.send("one")
    with pytest.raises(ReceiptInvalid):
        harness.change_visibility("no receipt", 0)


def test_a_deleted_message_may_be_deleted_again(harness: StandardHarness) -> None:
    """The second deletion with the same receipt changes nothing."""
    harness.send("one", "two")
    (first,) = harness.receive(1)
    harness.delete(first.receipt)
    harness.delete(first.receipt)
    harness.wait(31)
    assert [each.receives for each in harness.receive()] == [1]


def test_old_messages_are_dropped(harness: StandardHarness) -> None:
    """A message that was not received within an hour is gone."""
    harness.send("old")
    harness.wait(3_500)
    harness.send("new")
    harness.wait(101)
    # moto returns nothing from the receive that finds an old message.
    assert bodies([*harness.receive(), *harness.receive()]) == ["new"]


class TestStandardQueue(QueueRules):
    """What holds for every queue."""


@pytest.mark.sized
@settings(max_examples=scaled(deep=60, ci=16, fast=4), deadline=None, database=None)
@given(STEPS)
def test_double_behaves_like_moto(aws: None, steps: list[tuple[str, str]]) -> None:
    """Random sends, receives, deletes, releases and waits give the same results in both."""
    del aws  # only has to be there
    with pytest.MonkeyPatch.context() as monkeypatch:
        pair = MemoryHarness(), MotoHarness(monkeypatch)
        mine, theirs = compare(steps, pair, lambda queue, seconds: queue.receive(10, seconds))
    assert sorted(mine) == sorted(theirs)
