"""The in-memory FIFO queue beyond SQS emulators: counts, times, receipts, dead letters, threads."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck.ports.messaging import QueueMessage
from tapedeck_standin.aws.queues import MemoryQueue, Received
from tapedeck_standin.clock import VirtualClock
from tests.thoroughness import scaled

NOW = 1_795_250_675_000
VISIBILITY_SECONDS = 30
MAX_RECEIVES = 3


class Pair:
    """A queue and its dead-letter queue, with a clock that only tests advance."""

    def __init__(self, max_receives: int = MAX_RECEIVES) -> None:
        self.clock = VirtualClock(lambda: NOW)
        self.dead_letters = self.make("dead.fifo")
        self.queue = self.make("test.fifo", self.dead_letters, max_receives)

    def make(self, name: str, dead_letters: MemoryQueue | None = None, max_receives: int = MAX_RECEIVES) -> MemoryQueue:
        """Create another queue with the same clock."""
        return MemoryQueue(
            self.clock,
            visibility_seconds=VISIBILITY_SECONDS,
            max_receives=max_receives,
            dead_letters=dead_letters,
            name=name,
        )

    def send(self, names: str) -> None:
        """Send messages such as `a1 a2 b1`; the letter is the group."""
        self.queue.send([QueueMessage({"name": name}, name[0], name) for name in names.split()])

    def dead_letter(self, names: str) -> None:
        """Send messages and fail them until they are dead-lettered."""
        self.send(names)
        for _ in range(MAX_RECEIVES):
            self.queue.return_messages([each.receipt for each in self.queue.receive(100)])
        assert self.queue.receive(100) == []


@pytest.fixture
def pair() -> Pair:
    """An empty queue with a dead-letter queue."""
    return Pair()


def names_of(received: list[Received]) -> str:
    """Join the ids of received messages."""
    return " ".join(each.id for each in received)


def test_received_message_has_all_attributes(pair: Pair) -> None:
    """A message has its send time, first receive time, receive count and sequence number."""
    pair.send("a1")
    pair.clock.advance(1)
    (first,) = pair.queue.receive()
    pair.clock.advance(VISIBILITY_SECONDS)
    (second,) = pair.queue.receive()
    known = ("test.fifo-1", '{"name":"a1"}', "a", "a1", "00000000000000000001", NOW, NOW + 1000)
    for received, count in ((first, 1), (second, 2)):
        assert received == Received(known[0], f"test.fifo-1:{count}", *known[1:], receive_count=count)


def test_messages_of_a_group_are_received_in_order(pair: Pair) -> None:
    """Up to the requested number, oldest first over all groups; expired messages come again in that order."""
    pair.send("a1 b1 a2 a3 b2 c1")
    assert names_of(pair.queue.receive(4)) == "a1 b1 a2 a3"
    assert names_of(pair.queue.receive(4)) == "c1"
    pair.clock.advance(VISIBILITY_SECONDS)
    assert names_of(pair.queue.receive(10)) == "a1 b1 a2 a3 b2 c1"


def test_queue_without_visibility_timeout(pair: Pair) -> None:
    """Without a visibility timeout a message is received again only after it was returned."""
    queue = MemoryQueue(
        pair.clock, visibility_seconds=None, max_receives=2, dead_letters=pair.dead_letters, name="held.fifo"
    )
    queue.send([QueueMessage({}, "a", name) for name in ("a1", "a2")])
    (first,) = queue.receive(1)
    pair.clock.advance(1_000_000)
    assert (queue.receive(), queue.next_due(), queue.in_flight) == ([], None, 1)
    queue.return_messages([first.receipt])
    assert names_of(queue.receive(1)) == "a1"


def test_next_bodies(pair: Pair) -> None:
    """`next_bodies` shows the next message of each open group."""
    pair.send("b1 b2 a1 a2 c1")
    assert names_of(pair.queue.receive(1)) == "b1"
    assert sorted(json.loads(body)["name"] for body in pair.queue.next_bodies) == ["a1", "c1"]


def test_receipt_expires_with_the_visibility_timeout(pair: Pair) -> None:
    """Once the message is visible again its old receipt deletes nothing, as in SQS."""
    pair.send("a1")
    (first,) = pair.queue.receive()
    pair.clock.advance(VISIBILITY_SECONDS - 0.001)
    assert pair.queue.receive() == []
    pair.clock.advance(0.001)
    assert not pair.queue.delete(first.receipt)
    (second,) = pair.queue.receive()
    assert not pair.queue.delete(first.receipt)
    pair.queue.return_messages([first.receipt])
    assert (pair.queue.waiting, pair.queue.in_flight) == (0, 1)
    assert pair.queue.delete(second.receipt)
    assert not pair.queue.delete(second.receipt)
    assert (pair.queue.waiting, pair.queue.in_flight) == (0, 0)


@pytest.mark.parametrize(("seconds", "expected"), [(299.999, []), (300, ["a1"])])
def test_deduplication_lasts_five_minutes(pair: Pair, seconds: float, expected: list[str]) -> None:
    """A deduplication id is kept for five minutes from the first send; dropped duplicates do not prolong this."""
    pair.send("a1")
    (first,) = pair.queue.receive()
    assert pair.queue.delete(first.receipt)
    pair.clock.advance(200)
    pair.send("a1")
    pair.clock.advance(seconds - 200)
    pair.send("a1")
    assert [each.id for each in pair.queue.receive()] == expected


def test_next_due(pair: Pair) -> None:
    """Next due: now if a group is open, else when the first blocked group opens, None if the queue is empty."""
    assert pair.queue.next_due() is None
    pair.send("a1 a2")
    assert pair.queue.next_due() == NOW
    pair.queue.receive(1)
    assert pair.queue.next_due() == NOW + VISIBILITY_SECONDS * 1000
    pair.clock.advance(10)
    pair.send("b1")
    assert pair.queue.next_due() == NOW + 10_000
    (other,) = pair.queue.receive(1)
    assert pair.queue.next_due() == NOW + VISIBILITY_SECONDS * 1000
    assert pair.queue.delete(other.receipt)
    pair.clock.advance(VISIBILITY_SECONDS)
    assert pair.queue.next_due() == pair.clock()


def test_group_opens_after_its_last_message_in_flight(pair: Pair) -> None:
    """A returned message stays blocked until the other messages of its group are returned."""
    pair.send("a1 a2 a3")
    first, second = pair.queue.receive(2)
    pair.clock.advance(5)
    pair.queue.return_messages([first.receipt])
    assert pair.queue.receive() == []
    assert pair.queue.next_due() == NOW + VISIBILITY_SECONDS * 1000
    pair.queue.return_messages([second.receipt])
    assert pair.queue.next_due() == pair.clock()
    assert names_of(pair.queue.receive()) == "a1 a2 a3"


def test_counts_waiting_and_in_flight_messages(pair: Pair) -> None:
    """Every message is either waiting or in flight."""
    counts = [(pair.queue.waiting, pair.queue.in_flight)]
    pair.send("a1 a2 b1 b2 c1")
    counts.append((pair.queue.waiting, pair.queue.in_flight))
    received = pair.queue.receive(3)
    counts.append((pair.queue.waiting, pair.queue.in_flight))
    assert pair.queue.delete(received[0].receipt)
    counts.append((pair.queue.waiting, pair.queue.in_flight))
    pair.clock.advance(VISIBILITY_SECONDS)
    counts.append((pair.queue.waiting, pair.queue.in_flight))
    assert counts == [(0, 0), (5, 0), (2, 3), (2, 2), (4, 0)]


def test_dead_letters_are_not_deduplicated(pair: Pair) -> None:
    """Queues can share a dead-letter queue, which keeps two messages with one id, each with its number of receives."""
    other = pair.make("other.fifo", pair.dead_letters, 1)
    other.send([QueueMessage({}, "x", "a1")])
    other.return_messages([each.receipt for each in other.receive()])
    assert other.receive() == []
    pair.dead_letter("a1")
    dead = pair.dead_letters.receive()
    assert [(each.id, each.message_id, each.receive_count) for each in dead] == [
        ("a1", "other.fifo-1", 2), ("a1", "test.fifo-1", MAX_RECEIVES + 1),
    ]  # fmt: skip


def test_queue_without_dead_letters_retries_forever(pair: Pair) -> None:
    """Without a dead-letter queue a message is received again after every failure."""
    pair.dead_letters.send([QueueMessage({}, "a", "a1")])
    for count in range(1, 3 * MAX_RECEIVES):
        (received,) = pair.dead_letters.receive()
        assert received.receive_count == count
        pair.dead_letters.return_messages([received.receipt])


class YieldingGroup(str):
    """A group id that yields to other threads whenever it is hashed."""

    __slots__ = ()

    def __hash__(self) -> int:
        time.sleep(0)
        return super().__hash__()


@pytest.mark.sized
def test_is_thread_safe() -> None:
    """With concurrent senders and consumers, one in four failing, every message is handled once and in order."""
    pair = Pair(max_receives=1000)
    groups, each_sends = "abcdefgh", scaled(deep=60, ci=60, fast=30)
    handled: dict[str, list[int]] = {group: [] for group in groups}
    sent = threading.Event()
    deadline = time.monotonic() + 280

    def send(group: str) -> None:
        for number in range(each_sends):
            pair.queue.send([QueueMessage({"n": number}, YieldingGroup(group), f"{group}{number}")])

    def consume() -> None:
        while (not sent.is_set() or pair.queue.next_due() is not None) and time.monotonic() < deadline:
            for message in pair.queue.receive(1):
                number = json.loads(message.body)["n"]
                if (number + message.receive_count) % 4 == 0:
                    pair.queue.return_messages([message.receipt])
                else:
                    handled[message.group].append(number)
                    assert pair.queue.delete(message.receipt)

    with ThreadPoolExecutor(len(groups) + 4) as pool:
        consumers = [pool.submit(consume) for _ in range(4)]
        try:
            for job in [pool.submit(send, group) for group in groups]:
                job.result()
        finally:
            sent.set()
        for job in consumers:
            job.result()
    assert handled == {group: list(range(each_sends)) for group in groups}
    assert pair.queue.next_due() is None


def return_last(pair: Pair, in_flight: list[Received]) -> None:
    """Return the last received message, if any."""
    pair.queue.return_messages([in_flight.pop().receipt] if in_flight else [])


Step = Callable[[Pair, list[Received]], object]
STEPS: dict[str, Step] = {
    "send": lambda pair, _: pair.send(f"a{pair.clock()} b{pair.clock()}"),
    "receive": lambda pair, in_flight: in_flight.extend(pair.queue.receive(3)),
    "delete": lambda pair, in_flight: in_flight and pair.queue.delete(in_flight.pop(0).receipt),
    "return": return_last,
    "tick": lambda pair, _: pair.clock.advance(1),
    "expire": lambda pair, _: pair.clock.advance(VISIBILITY_SECONDS),
}


@pytest.mark.sized
@settings(max_examples=scaled(deep=300, ci=80, fast=15), deadline=None, database=None)
@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=60))
def test_is_deterministic(steps: list[str]) -> None:
    """The same calls give the same results, including receipts, so that simulations are reproducible."""
    runs = []
    for _ in range(2):
        pair, in_flight = Pair(), list[Received]()
        answers: list[object] = []
        for step in steps:
            answers.append(STEPS[step](pair, in_flight))
            answers += [
                list(in_flight),
                pair.queue.waiting,
                pair.queue.in_flight,
                pair.queue.next_due(),
                pair.dead_letters.waiting,
            ]
        runs.append(answers)
    assert runs[0] == runs[1]
