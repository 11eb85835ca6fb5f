"""The queue in memory, where no emulator of SQS can be its measure: counts, times, receipts, dead letters, threads."""

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
from tapedeck_standin.scheduler.clock import VirtualClock
from tests.thoroughness import scaled

NOW = 1_795_250_675_000
VISIBILITY_SECONDS = 30
MAX_RECEIVES = 3


class Pair:
    """A queue and its dead letters, at a time that stands still."""

    def __init__(self, max_receives: int = MAX_RECEIVES) -> None:
        self.clock = VirtualClock(lambda: NOW)
        self.dead = self.make("dead.fifo")
        self.queue = self.make("test.fifo", self.dead, max_receives)

    def make(self, name: str, dead: MemoryQueue | None = None, max_receives: int = MAX_RECEIVES) -> MemoryQueue:
        """Another queue of this clock."""
        return MemoryQueue(
            self.clock,
            visibility_seconds=VISIBILITY_SECONDS,
            max_receives=max_receives,
            dead_letters=dead,
            name=name,
        )

    def send(self, names: str) -> None:
        """Such as `a1 a2 b1`: by group."""
        self.queue.send([QueueMessage({"name": name}, name[0], name) for name in names.split()])

    def kill(self, names: str) -> None:
        """Send these and let them die."""
        self.send(names)
        for _ in range(MAX_RECEIVES):
            self.queue.return_messages([each.receipt for each in self.queue.receive(100)])
        assert self.queue.receive(100) == []


@pytest.fixture
def pair() -> Pair:
    """Empty."""
    return Pair()


def names_of(received: list[Received]) -> str:
    """The same of what was received."""
    return " ".join(each.id for each in received)


def test_a_message_is_handed_out_with_all_that_is_known_of_it(pair: Pair) -> None:
    """Whence it is known when it came, when it was first received, how often, and the how manieth it is."""
    pair.send("a1")
    pair.clock.advance(1)
    (first,) = pair.queue.receive()
    pair.clock.advance(VISIBILITY_SECONDS)
    (second,) = pair.queue.receive()
    known = ("test.fifo-1", '{"name":"a1"}', "a", "a1", "00000000000000000001", NOW, NOW + 1000)
    for received, count in ((first, 1), (second, 2)):
        assert received == Received(known[0], f"test.fifo-1:{count}", *known[1:], receive_count=count)


def test_several_of_a_group_come_together_in_order(pair: Pair) -> None:
    """As many as are wanted, the oldest of all groups first; when they all expire, they come again in that order."""
    pair.send("a1 b1 a2 a3 b2 c1")
    assert names_of(pair.queue.receive(4)) == "a1 b1 a2 a3"
    assert names_of(pair.queue.receive(4)) == "c1"
    pair.clock.advance(VISIBILITY_SECONDS)
    assert names_of(pair.queue.receive(10)) == "a1 b1 a2 a3 b2 c1"


def test_a_message_may_be_held_for_as_long_as_it_takes(pair: Pair) -> None:
    """Without a visibility timeout it comes again when it is given back, however much later that is."""
    queue = MemoryQueue(pair.clock, visibility_seconds=None, max_receives=2, dead_letters=pair.dead, name="held.fifo")
    queue.send([QueueMessage({}, "a", name) for name in ("a1", "a2")])
    (first,) = queue.receive(1)
    pair.clock.advance(1_000_000)
    assert (queue.receive(), queue.next_due(), queue.in_flight) == ([], None, 1)
    queue.return_messages([first.receipt])
    assert names_of(queue.receive(1)) == "a1"


def test_only_what_is_wanted_is_received(pair: Pair) -> None:
    """Who wants some groups only leaves the others to others, and can see which have something to be received."""
    pair.send("a1 a2 b1 b2 c1")
    assert names_of(pair.queue.receive(1, lambda body: "b" in body[8:])) == "b1"
    assert sorted(json.loads(body)["name"] for body in pair.queue.next_bodies) == ["a1", "c1"]
    assert pair.queue.receive(10, lambda body: "b" in body[8:]) == []


def test_a_receipt_expires(pair: Pair) -> None:
    """Nothing can be deleted by it from the moment in which the message may be received again; SQS refuses, too."""
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
def test_an_id_is_remembered_after_its_message_is_gone(pair: Pair, seconds: float, expected: list[str]) -> None:
    """For five minutes from its first sending: those dropped meanwhile do not prolong it."""
    pair.send("a1")
    (first,) = pair.queue.receive()
    assert pair.queue.delete(first.receipt)
    pair.clock.advance(200)
    pair.send("a1")
    pair.clock.advance(seconds - 200)
    pair.send("a1")
    assert [each.id for each in pair.queue.receive()] == expected


def test_tells_when_something_is_due(pair: Pair) -> None:
    """At once where a group is open; else when the first of the closed ones opens again; never where nothing is."""
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


def test_a_group_opens_when_the_last_of_it_has_landed(pair: Pair) -> None:
    """One that was given back waits for those received with it."""
    pair.send("a1 a2 a3")
    first, second = pair.queue.receive(2)
    pair.clock.advance(5)
    pair.queue.return_messages([first.receipt])
    assert pair.queue.receive() == []
    assert pair.queue.next_due() == NOW + VISIBILITY_SECONDS * 1000
    pair.queue.return_messages([second.receipt])
    assert pair.queue.next_due() == pair.clock()
    assert names_of(pair.queue.receive()) == "a1 a2 a3"


def test_counts_what_waits_and_what_is_in_flight(pair: Pair) -> None:
    """Every message is one or the other."""
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


def test_the_dead_come_back_as_new(pair: Pair) -> None:
    """The oldest first, with other message ids and not yet received; what somebody holds stays where it is."""
    pair.kill("a1 a2 b1 c1")
    assert (pair.queue.waiting, pair.dead.waiting) == (0, 4)
    pair.dead.receive(1)
    assert pair.queue.redrive(2) == 2
    assert (pair.queue.waiting, pair.dead.waiting, pair.dead.in_flight) == (2, 1, 1)
    received = pair.queue.receive()
    assert [(each.id, each.receive_count, json.loads(each.body)) for each in received] == [
        (name, 1, {"name": name}) for name in ("a2", "b1")
    ]
    assert [each.message_id for each in received] == ["test.fifo-5", "test.fifo-6"]
    pair.clock.advance(VISIBILITY_SECONDS)
    assert pair.queue.redrive() == 2
    assert names_of(pair.queue.receive()) == "a2 b1 a1 c1"
    assert pair.queue.redrive() == 0


def test_a_dead_letter_is_kept_though_its_id_came_before(pair: Pair) -> None:
    """What dies, comes back and dies again within five minutes is not taken for a repetition."""
    pair.kill("a1")
    assert pair.queue.redrive() == 1
    pair.kill("")
    (dead,) = pair.dead.receive()
    assert (dead.id, dead.message_id, dead.receive_count) == ("a1", "test.fifo-2", MAX_RECEIVES + 1)
    pair.dead.return_messages([dead.receipt])
    assert pair.queue.redrive() == 1
    assert names_of(pair.queue.receive()) == "a1"


def test_queues_may_share_their_dead_letters(pair: Pair) -> None:
    """Each takes back its own."""
    other = pair.make("other.fifo", pair.dead, 1)
    other.send([QueueMessage({}, "x", "x1")])
    other.return_messages([each.receipt for each in other.receive()])
    assert other.receive() == []
    pair.kill("a1")
    assert pair.dead.waiting == 2
    assert pair.queue.redrive() == 1
    assert names_of(pair.dead.receive()) == "x1"


def test_a_queue_without_dead_letters_gives_nothing_up(pair: Pair) -> None:
    """A message is received as often as it fails."""
    pair.dead.send([QueueMessage({}, "a", "a1")])
    for count in range(1, 3 * MAX_RECEIVES):
        (received,) = pair.dead.receive()
        assert received.receive_count == count
        pair.dead.return_messages([received.receipt])
    assert pair.dead.redrive() == 0


class Interrupted(str):
    """A group at which a thread gives way to the others, in the middle of whatever looks at it."""

    __slots__ = ()

    def __hash__(self) -> int:
        time.sleep(0)
        return super().__hash__()


def test_threads_do_not_tear_it() -> None:
    """Many who send and many who receive, one of four messages failing: each message is dealt with once, in order."""
    pair = Pair(max_receives=1000)
    groups, each_sends = "abcdefgh", scaled(60, 30)
    handled: dict[str, list[int]] = {group: [] for group in groups}
    sent = threading.Event()
    deadline = time.monotonic() + 60

    def send(group: str) -> None:
        for number in range(each_sends):
            pair.queue.send([QueueMessage({"n": number}, Interrupted(group), f"{group}{number}")])

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


def give_back_last(pair: Pair, held: list[Received]) -> None:
    """If anything is held."""
    pair.queue.return_messages([held.pop().receipt] if held else [])


Step = Callable[[Pair, list[Received]], object]
STEPS: dict[str, Step] = {
    "send": lambda pair, _: pair.send(f"a{pair.clock()} b{pair.clock()}"),
    "receive": lambda pair, held: held.extend(pair.queue.receive(3)),
    "delete": lambda pair, held: held and pair.queue.delete(held.pop(0).receipt),
    "give back": give_back_last,
    "redrive": lambda pair, _: pair.queue.redrive(1),
    "tick": lambda pair, _: pair.clock.advance(1),
    "expire": lambda pair, _: pair.clock.advance(VISIBILITY_SECONDS),
}


@settings(max_examples=scaled(300, 40), deadline=None, database=None)
@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=60))
def test_the_same_calls_have_the_same_answers(steps: list[str]) -> None:
    """Down to the receipts: a simulation that is run again with its seed is the same run."""
    runs = []
    for _ in range(2):
        pair, held = Pair(), list[Received]()
        answers: list[object] = []
        for step in steps:
            answers.append(STEPS[step](pair, held))
            answers += [list(held), pair.queue.waiting, pair.queue.in_flight, pair.queue.next_due(), pair.dead.waiting]
        runs.append(answers)
    assert runs[0] == runs[1]
