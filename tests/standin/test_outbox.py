"""The outbox of a simulated engine keeps the order of each subject and repeats what is not applicable yet."""

from typing import Any

import pytest

from tapedeck_standin.telephony.outbox import Outbox

START = 1_800_000_000_000


class World:
    """An outbox with a clock that only the test moves."""

    def __init__(self) -> None:
        self.now = START
        self.dead: list[tuple[str, str]] = []
        self.outbox = Outbox(lambda: self.now, lambda event, reason: self.dead.append((event["name"], reason)))

    def add(self, subject: str, *names: str) -> None:
        """Add events of a subject."""
        for name in names:
            self.outbox.add(subject, {"type": "call.ended", "account": "a", "name": name})

    def due(self) -> list[str]:
        """The names of the events to report now."""
        return [pending.event["name"] for pending in self.outbox.due()]

    def answer(self, name: str, outcome: str, **more: Any) -> None:
        """Answer one event that is due."""
        (pending,) = (pending for pending in self.outbox.due() if pending.event["name"] == name)
        assert self.outbox.settle(pending, {"outcome": outcome, **more}) == outcome


@pytest.fixture
def world() -> World:
    """An empty outbox."""
    return World()


def test_one_event_of_each_subject_is_in_flight(world: World) -> None:
    """Subjects do not wait for one another; the events of one follow each other."""
    world.add("one", "1a", "1b")
    world.add("two", "2a")
    assert world.due() == ["1a", "2a"]
    world.answer("1a", "taken")
    assert world.due() == ["1b", "2a"]


def test_at_most_fifty_events_in_a_request(world: World) -> None:
    """The others follow in the next request."""
    for number in range(60):
        world.add(str(number), str(number))
    assert world.due() == [str(number) for number in range(50)]


@pytest.mark.parametrize("outcome", ["taken", "repeated", "stale"])
def test_known_events_are_forgotten(world: World, outcome: str) -> None:
    """An event that was applied, or is obsolete, is not reported again."""
    world.add("one", "a")
    world.answer("a", outcome)
    assert (world.due(), world.outbox.dead, world.outbox.next_due("a")) == ([], [], None)


def test_later_is_repeated_with_growing_delays(world: World) -> None:
    """After 0.2, 0.5, 1, 2, 4, 8, 15 and again 15 seconds."""
    world.add("one", "a")
    delays = []
    for _ in range(9):
        world.answer("a", "later", after_ms=200)
        before = world.now
        while world.due() == []:
            world.now += 100
        delays.append(world.now - before)
    assert delays == [200, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]


def test_subject_goes_on_after_two_seconds(world: World) -> None:
    """An event that is not applicable yet holds up its subject for two seconds, and repeated beside it then."""
    world.add("one", "early", "next")
    world.answer("early", "later")
    world.now += 200
    assert world.due() == ["early"]
    world.answer("early", "later")
    world.now += 1_799
    assert world.due() == ["early"]
    world.now += 1
    assert world.due() == ["early", "next"]
    assert world.outbox.counts() == {"waiting": 1, "oldest_ms": 2000, "parked": 1, "dead": 0}
    world.answer("next", "taken")
    world.answer("early", "taken")
    assert world.outbox.waits_for("one") is False


def test_next_due(world: World) -> None:
    """The next time is that of a repetition, or that at which a subject goes on."""
    world.add("one", "early", "next")
    assert world.outbox.next_due("a") == START
    for delay in (0, 200, 500, 1000):
        world.now += delay
        world.answer("early", "later")
    assert world.outbox.next_due("a") == START + 2000


def test_event_is_given_up_after_thirty_minutes(world: World) -> None:
    """An event that never becomes applicable is dead, and its reason is known."""
    world.add("one", "early")
    world.answer("early", "later")
    world.now += 30 * 60_000 - 1
    world.answer("early", "later")
    world.now += 15_000
    world.answer("early", "later")
    assert world.dead == [("early", "not applicable for 30 minutes")]
    assert world.due() == []


def test_refused_event_is_dead_at_once(world: World) -> None:
    """The events behind it go on."""
    world.add("one", "poison", "next")
    world.answer("poison", "refused", code="wrong_state")
    assert world.dead == [("poison", "refused (wrong_state)")]
    assert world.due() == ["next"]
    assert [(event["name"], reason) for event, reason in world.outbox.dead] == [("poison", "refused (wrong_state)")]


def test_failed_request_is_repeated(world: World) -> None:
    """The same events are sent again; nothing of their subject overtakes them."""
    world.add("one", "a", "b")
    world.outbox.postpone(world.outbox.due(), 1000)
    assert world.due() == []
    world.now += 1000
    assert world.due() == ["a"]


def test_waiting_events_can_be_repeated_at_once(world: World) -> None:
    """When something changed, an event that was not applicable may be applicable now."""
    world.add("one", "a")
    world.answer("a", "later")
    assert world.due() == []
    world.outbox.retry_now("a")
    assert world.due() == ["a"]


def test_numbers_continue_above_the_highest_known_one(world: World) -> None:
    """The answer of a session raises the numbers and never lowers them."""
    world.outbox.continue_above(500)
    world.add("one", "a")
    world.outbox.continue_above(3)
    world.add("one", "b")
    assert [event["seq"] for event, _ in world.outbox.waiting()] == [501, 502]


def test_forgets_an_account(world: World) -> None:
    """The events of one account are dropped."""
    world.add("one", "a")
    world.outbox.add("two", {"type": "call.ended", "account": "b", "name": "kept"})
    world.outbox.forget("a")
    assert world.due() == ["kept"]
    assert world.outbox.waiting("a") == []


def test_waiting_events_have_the_time_when_they_are_due(world: World) -> None:
    """An event that waits for an earlier one of its subject is due with that one, at the latest once that is parked."""
    world.add("one", "first")
    world.add("one", "second")
    world.add("two", "other")

    def due() -> list[tuple[str, int]]:
        return [(event["name"], at - world.now) for event, at in world.outbox.waiting()]

    assert due() == [("first", 0), ("second", 0), ("other", 0)]
    world.answer("first", "later")
    assert due() == [("first", 200), ("second", 200), ("other", 0)]
