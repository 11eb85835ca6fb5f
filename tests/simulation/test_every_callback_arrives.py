"""Every callback arrives, each attempt with the same token, body and signature, or is exhausted."""

from collections import defaultdict
from itertools import pairwise
from typing import Any, Final
from urllib.parse import parse_qs

import pytest

from tapedeck.domain.call import CallStatus
from tapedeck.domain.recording import Parent, ParentKind
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.conferences import ConferenceName
from tapedeck.operations.participants import AddParticipant
from tapedeck.operations.recordings import StartRecording
from tests.simulation.checks import deliveries_of, violations_of
from tests.simulation.ports import Crash
from tests.simulation.receivers import Receiver
from tests.simulation.world import World
from tests.thoroughness import in_turn, scaled

RECORDINGS: Final = scaled(deep=10_000, ci=1_000, fast=40)
AT_ONCE: Final = 100
HOSTS: Final = 20
"""One of them (5 %) is down."""

HOURS_DOWN: Final = 72
CRASHES: Final = 0.01
MAX_HOURS: Final = 120
"""Hours of callback retries: longer than the outage, because the last delays are up to five hours each."""

EVENTS: Final = ("in-progress", "completed")
CALL_EVENTS: Final = ("initiated", "ringing", "answered", "completed")
CALLS: Final = 25
"""Dialed calls in one test."""


def answered_call(world: World) -> Parent:
    """Register a call in progress."""
    call = world.calls.register(
        world.account, to="+15550001", from_="+15550002", direction="inbound", status=CallStatus.IN_PROGRESS
    )
    return Parent(world.account, ParentKind.CALL, call.id)


def record(world: World, url: str, dialect: str = "twilio") -> None:
    """Record a call for a minute, then hang it up."""
    parent = answered_call(world)
    world.recordings.create(parent, StartRecording(callback=CallbackSubscription(url, "POST", EVENTS, dialect)))
    world.observe()
    for action in (world.publish.run_once, world.engine.process_commands, world.ingest.run_once):
        while world.run(action):
            pass
    world.clock.sleep(60)
    world.calls.end(world.account, parent.id)
    world.observe()


class _CrashingSender:
    """A sender that sometimes crashes after the receiver got the request."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._send = world.network.send

    def __call__(self, request: Any) -> Any:
        outcome = self._send(request)
        if self._world.random_source.random() < CRASHES:
            raise Crash
        return outcome


@pytest.mark.sized
@pytest.mark.parametrize("seed", in_turn(range(RECORDINGS // AT_ONCE)))
def test_every_callback_arrives(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Crashing senders and a receiver that is down for three days lose no callback; all attempts are identical."""
    with World(seed, hours=MAX_HOURS, event_fault_rate=0) as world:
        world.network.receivers = {f"host-{number}.example": Receiver() for number in range(HOSTS)}
        began = world.clock()
        world.network.receivers["host-0.example"].down = began, began + HOURS_DOWN * 3_600_000
        monkeypatch.setattr(world.network, "send", _CrashingSender(world))
        for number in range(AT_ONCE):
            record(world, f"https://host-{number % HOSTS}.example/callback?recording={number}")
            world.run(world.deliver.run_once)
        world.settle()
        assert violations_of(world) == []
        contents, statuses = defaultdict(set), defaultdict(list)
        for each in world.network.received:
            contents[each.token].add(each.content)
            statuses[each.url].append(parse_qs(each.body.decode())["RecordingStatus"][0])
        # The callbacks of one recording arrive in order at every receiver that is up.
        orders = {url: tuple(dict.fromkeys(events)) for url, events in statuses.items() if "host-0." not in url}
        assert set(orders.values()) == {EVENTS}
        assert len(orders) == AT_ONCE - AT_ONCE // HOSTS
        tokens = {delivery["token"] for _, _, delivery in deliveries_of(world)}
        assert len(tokens) == AT_ONCE * len(EVENTS)
        assert {delivery["state"] for _, _, delivery in deliveries_of(world)} == {"delivered"}
        assert tokens == set(contents)
        assert {len(each) for each in contents.values()} == {1}


@pytest.mark.sized
@pytest.mark.parametrize("seed", in_turn(range(scaled(deep=20, ci=3, fast=1))))
def test_every_callback_of_a_call_arrives(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Crashing senders lose no status callback of a call, and those of one call arrive in order."""
    with World(seed, event_fault_rate=0) as world:
        world.network.receivers = {"host.example": Receiver()}
        monkeypatch.setattr(world.network, "send", _CrashingSender(world))
        for number in range(CALLS):
            url = f"https://host.example/call?call={number}"
            request = AddParticipant(
                "+15550003", "+15550004", call_callback=CallbackSubscription(url, "POST", CALL_EVENTS, "twilio")
            )
            dialed = world.participants.add(world.account, ConferenceName(f"room {number}"), request)
            world.observe()
            world.drain()
            world.clock.sleep(60)
            world.calls.end(world.account, dialed.call)
            world.observe()
        world.settle()
        assert violations_of(world) == []
        statuses = defaultdict(list)
        for each in world.network.received:
            statuses[each.url].append(parse_qs(each.body.decode())["CallStatus"][0])
        assert len(statuses) == CALLS
        orders = {tuple(dict.fromkeys(events)) for events in statuses.values()}
        assert orders == {("initiated", "ringing", "in-progress", "completed")}


@pytest.mark.parametrize(
    ("reaction", "tried"),
    [("410", 1), ("forbidden", 1)],
)
def test_permanent_rejection_exhausts_a_callback(reaction: str, tried: int) -> None:
    """A 410, or a URL that may not be called, is not retried; the delivery is exhausted."""
    with World(1) as world:
        world.network.receivers = {"host.example": Receiver({reaction: 1})}
        record(world, "https://host.example/callback")
        world.settle()
        assert violations_of(world) == []
        found = [
            (delivery["state"], delivery["tried"], len(delivery["attempts"])) for _, _, delivery in deliveries_of(world)
        ]
        assert found == [("exhausted", tried, tried)] * len(EVENTS)
        assert world.log.observed.count(("deliver_callback", "exhausted", None)) == len(EVENTS)


def attempts_of(world: World) -> list[int]:
    """Seconds from the first attempt of the first callback to each of its attempts."""
    delivery = min(deliveries_of(world), key=lambda found: found[1])[2]
    first = delivery["attempts"][0]["at"]
    return [(attempt["at"] - first) // 1000 for attempt in delivery["attempts"]]


def test_failing_receiver_is_retried_for_three_days() -> None:
    """Delays grow from 30 s to 4 h, plus up to 20 % jitter; after 72 hours the callback is exhausted."""
    with World(2) as world:
        world.network.receivers = {"host.example": Receiver({"500": 1})}
        record(world, "https://host.example/callback", "signalwire")
        world.settle()
        assert violations_of(world) == []
        at = attempts_of(world)
        pauses = [after - before for before, after in pairwise(at)]
        expected = [30, 60, 120, 300, 600, 1_800, 3_600, 7_200, *[14_400] * (len(pauses) - 8)]
        # Up to 90 s more: the reconciler runs once a minute, and the queue adds its delay.
        assert [(pause, least) for pause, least in zip(pauses, expected, strict=True)
                if not least <= pause <= least * 1.2 + 90] == []  # fmt: skip
        assert 72 * 3_600 - 14_400 * 1.2 <= at[-1] <= 72 * 3_600
        assert {delivery["state"] for _, _, delivery in deliveries_of(world)} == {"exhausted"}


@pytest.mark.parametrize(("dialect", "attempts"), [("twilio", 2), ("signalwire", 3)])
def test_without_durable_retries_only_the_vendor_attempts_remain(dialect: str, attempts: int) -> None:
    """With zero retry hours there are only the vendor's own attempts, within 15 seconds."""
    with World(3, hours=0) as world:
        world.network.receivers = {"host.example": Receiver({"refuses": 1})}
        record(world, "https://host.example/callback", dialect)
        world.settle()
        assert violations_of(world) == []
        at = attempts_of(world)
        assert len(at) == attempts
        assert at[-1] <= 15
        assert {delivery["state"] for _, _, delivery in deliveries_of(world)} == {"exhausted"}


@pytest.mark.parametrize(("retry_after", "delay"), [(900, 900), (100_000, 14_400)])
def test_retry_after_delays_the_next_attempt(retry_after: int, delay: int) -> None:
    """`Retry-After` delays the next attempt, by at most 4 hours plus 20 % jitter."""
    with World(4) as world:
        world.network.receivers = {"host.example": Receiver({f"429 after {retry_after}": 1})}
        record(world, "https://host.example/callback")
        world.settle(max_runs=14)
        first, second = attempts_of(world)[:2]
        assert delay <= second - first <= delay * 1.2 + 90
