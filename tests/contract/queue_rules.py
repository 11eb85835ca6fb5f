"""The contract that FIFO and standard queues share, and what runs it: moto's SQS with its clock, and random steps."""

import json
from collections.abc import Callable, Mapping, Sequence
from secrets import token_hex
from typing import Any, Final, NamedTuple, Protocol

import pytest
from hypothesis import strategies as st

from tapedeck_standin.aws.standard_queue import ReceiptInvalid
from tapedeck_standin.samples.moto_aws import make_full_client

VISIBILITY_SECONDS: Final = 30
MAX_RECEIVES: Final = 3

START_MS: Final = 1_795_250_675_000


class ReceivedMessage(NamedTuple):
    """A received message; `name` is the deduplication id, or the body in a standard queue, which has no group."""

    name: str
    receives: int
    receipt: str
    body: str
    group: str = ""

    @property
    def key(self) -> tuple[str, str, int]:
        """What must be equal in both queues."""
        return self.group, self.name, self.receives


class Harness(Protocol):
    """A queue with its consumer, dead-letter queue and clock."""

    def send(self, *names: str) -> None:
        """Send a message for each name, such as `a1`: in a FIFO queue, the first of group a."""
        ...

    def receive(self, limit: int = 10) -> list[ReceivedMessage]:
        """Receive messages."""
        ...

    def receive_dead(self) -> list[ReceivedMessage]:
        """Receive dead letters."""
        ...

    def delete(self, receipt: str) -> None:
        """Delete a message by its receipt."""
        ...

    def release(self, receipt: str) -> None:
        """Make a message visible again at once."""
        ...

    def wait(self, seconds: float) -> None:
        """Advance the clock."""
        ...


class MotoQueue:
    """A queue of moto's SQS, with a fake clock that advances by a microsecond at each read.

    Args:
        monkeypatch: replaces moto's clock.
        suffix: the end of the names of the queue and its dead-letter queue.
        every: attributes of both.
        own: attributes of the queue alone.
    """

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        suffix: str = "",
        every: Mapping[str, str] | None = None,
        own: Mapping[str, str] | None = None,
    ) -> None:
        self.now = float(START_MS)
        monkeypatch.setattr("moto.sqs.models.unix_time_millis", self._tick)
        monkeypatch.setattr("moto.sqs.models.unix_time", lambda: self._tick() / 1000)
        self.client = make_full_client("sqs")
        self._suffix = suffix
        self._every = {"VisibilityTimeout": str(VISIBILITY_SECONDS), **(every or {})}
        self._dead = self._create({})
        named = self.client.get_queue_attributes(QueueUrl=self._dead, AttributeNames=["QueueArn"])
        policy = {"deadLetterTargetArn": named["Attributes"]["QueueArn"], "maxReceiveCount": MAX_RECEIVES}
        self.url = self._create({"RedrivePolicy": json.dumps(policy), **(own or {})})

    def receive(self, limit: int = 10, visibility: int = VISIBILITY_SECONDS) -> list[ReceivedMessage]:
        """Receive messages."""
        return self._receive(self.url, limit, visibility)

    def receive_dead(self) -> list[ReceivedMessage]:
        """Receive dead letters."""
        return self._receive(self._dead, 10, VISIBILITY_SECONDS)

    def delete(self, receipt: str) -> None:
        """Delete a message; raises ReceiptInvalid."""
        try:
            self.client.delete_message(QueueUrl=self.url, ReceiptHandle=receipt)
        except self.client.exceptions.ReceiptHandleIsInvalid as error:
            raise ReceiptInvalid from error

    def change_visibility(self, receipt: str, seconds: int) -> None:
        """Make a message visible in this many seconds; raises ReceiptInvalid."""
        try:
            self.client.change_message_visibility(QueueUrl=self.url, ReceiptHandle=receipt, VisibilityTimeout=seconds)
        except self.client.exceptions.ReceiptHandleIsInvalid as error:
            raise ReceiptInvalid from error

    def release(self, receipt: str) -> None:
        """Make a message visible again at once."""
        self.change_visibility(receipt, 0)

    def wait(self, seconds: float) -> None:
        """Advance moto's clock."""
        self.now += seconds * 1000

    def _tick(self) -> float:
        self.now += 0.001
        return self.now

    def _create(self, attributes: Mapping[str, str]) -> str:
        url: str = self.client.create_queue(
            QueueName=f"{token_hex(8)}{self._suffix}", Attributes={**self._every, **attributes}
        )["QueueUrl"]
        return url

    def _receive(self, url: str, limit: int, visibility: int) -> list[ReceivedMessage]:
        answer = self.client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=limit, VisibilityTimeout=visibility, MessageSystemAttributeNames=["All"]
        )
        received = []
        for each in answer.get("Messages", ()):
            found = each["Attributes"]
            received.append(
                ReceivedMessage(
                    found.get("MessageDeduplicationId", each["Body"]),
                    int(found["ApproximateReceiveCount"]),
                    each["ReceiptHandle"],
                    each["Body"],
                    found.get("MessageGroupId", ""),
                )
            )
        return received


class QueueRules:
    """What holds for every queue; the module of a kind of queue has the fixture `harness`."""

    def test_undeleted_message_is_received_again(self, harness: Harness) -> None:
        """An undeleted message comes again after its timeout, with a higher count; a deleted one does not."""
        harness.send("a1", "b1")
        kept, deleted = sorted(harness.receive())
        harness.delete(deleted.receipt)
        harness.wait(29)
        assert (kept.name, kept.receives, harness.receive()) == ("a1", 1, [])
        harness.wait(1.1)
        assert [(each.name, each.receives) for each in harness.receive()] == [("a1", 2)]

    def test_released_message_is_received_again_at_once(self, harness: Harness) -> None:
        """It has a higher receive count; the other messages in flight stay invisible."""
        harness.send("a1", "b1")
        first, _ = sorted(harness.receive())
        harness.release(first.receipt)
        assert [(each.name, each.receives) for each in harness.receive()] == [("a1", 2)]

    def test_message_is_dead_lettered_after_too_many_receives(self, harness: Harness) -> None:
        """After three receives without a deletion, the next one moves the message unchanged; others are received."""
        harness.send("a1")
        body = ""
        for count in (1, 2, 3):
            (message,) = harness.receive()
            assert (message.name, message.receives, harness.receive_dead()) == ("a1", count, [])
            body = message.body
            harness.release(message.receipt)
        harness.send("a2")
        assert [(each.name, each.receives) for each in harness.receive()] == [("a2", 1)]
        (dead,) = harness.receive_dead()
        assert (dead.name, dead.receives, dead.body) == ("a1", 4, body)


STEPS: Final = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from("abc")),
        st.tuples(st.just("receive"), st.sampled_from(["5", "20"])),
        st.tuples(st.sampled_from(["delete", "release"]), st.sampled_from("abc")),
        st.tuples(st.just("wait"), st.sampled_from(["1", "15", "31"])),
    ),
    min_size=5,
    max_size=40,
)
"""Random steps for `compare`; the argument of `receive` is a visibility timeout in seconds."""


def compare(
    steps: Sequence[tuple[str, str]],
    harnesses: tuple[Harness, Harness],
    receive: Callable[[Any, int], list[ReceivedMessage]],
) -> tuple[list[tuple[str, str, int]], list[tuple[str, str, int]]]:
    """Check that random steps give the same results in both queues; return the keys of the dead letters of both.

    `receive` takes a queue and the visibility timeout.
    """
    receipts: dict[str, tuple[str, str]] = {}
    for number, (step, argument) in enumerate(steps):
        match step:
            case "send":
                for harness in harnesses:
                    harness.send(f"{argument}{number}")
            case "receive":
                mine, theirs = (sorted(receive(harness, int(argument))) for harness in harnesses)
                assert [each.key for each in mine] == [each.key for each in theirs]
                receipts |= {own.name[0]: (own.receipt, their.receipt) for own, their in zip(mine, theirs, strict=True)}
            case "wait":
                for harness in harnesses:
                    harness.wait(float(argument))
                receipts.clear()  # moto still accepts expired receipts, and changes the visibility of visible messages
            case _:
                for harness, receipt in zip(harnesses, receipts.pop(argument, ()), strict=False):
                    harness.delete(receipt) if step == "delete" else harness.release(receipt)
    one, other = ([each.key for each in harness.receive_dead()] for harness in harnesses)
    return one, other
