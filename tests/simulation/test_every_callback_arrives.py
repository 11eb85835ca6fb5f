"""G3: every callback arrives, under one token, in the same words and with the same signature; else it is given up."""

from collections import defaultdict
from itertools import pairwise
from typing import Any, Final
from urllib.parse import parse_qs

import pytest

from tapedeck.domain.call import CallStatus
from tapedeck.domain.recording import Parent, ParentKind
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.recordings import StartRecording
from tests.simulation.checks import claims_of, faults_of
from tests.simulation.internet import Receiver
from tests.simulation.ports import Crash
from tests.simulation.world import World
from tests.thoroughness import scaled

RECORDINGS: Final = scaled(10_000, 300)
AT_ONCE: Final = 100
HOSTS: Final = 20
"""One of them, 5 %, is down."""

HOURS_DOWN: Final = 72
CRASHES: Final = 0.01
MAX_HOURS: Final = 120
"""For which callbacks are tried: the last pauses take up to five hours each."""

EVENTS: Final = ("in-progress", "completed")


def answered_call(world: World) -> Parent:
    """A call in progress."""
    call = world.calls.register(
        world.account, to="+15550001", from_="+15550002", direction="inbound", status=CallStatus.IN_PROGRESS
    )
    return Parent(world.account, ParentKind.CALL, call.id)


def record(world: World, url: str, dialect: str = "twilio") -> None:
    """A call is recorded for a minute, and hung up."""
    parent = answered_call(world)
    world.recordings.create(parent, StartRecording(callback=CallbackSubscription(url, "POST", EVENTS, dialect)))
    world.observe()
    for act in (world.publish.run_once, world.engine.process_commands, world.ingest.run_once):
        while world.run(act):
            pass
    world.clock.sleep(60)
    world.calls.end(world.account, parent.id)
    world.observe()


class _Dying:
    """A sender that dies now and then when somebody has heard of what it sent."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._send = world.internet.send

    def __call__(self, request: Any) -> Any:
        outcome = self._send(request)
        if self._world.random_source.random() < CRASHES:
            raise Crash
        return outcome


@pytest.mark.parametrize("seed", range(RECORDINGS // AT_ONCE))
def test_every_callback_arrives(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Senders that die and receivers that are down for three days lose nothing, and repetitions are the same."""
    with World(seed, hours=MAX_HOURS, mishaps=0) as world:
        world.internet.receivers = {f"host-{number}.example": Receiver() for number in range(HOSTS)}
        began = world.clock()
        world.internet.receivers["host-0.example"].down = began, began + HOURS_DOWN * 3_600_000
        monkeypatch.setattr(world.internet, "send", _Dying(world))
        for number in range(AT_ONCE):
            record(world, f"https://host-{number % HOSTS}.example/told?recording={number}")
            world.run(world.deliver.run_once)
        world.settle()
        assert faults_of(world) == []
        heard, statuses = defaultdict(set), defaultdict(list)
        for each in world.internet.received:
            heard[each.token].add(each.content)
            statuses[each.url].append(parse_qs(each.body.decode())["RecordingStatus"][0])
        # What is told of one recording keeps its order wherever somebody listens.
        orders = {url: tuple(dict.fromkeys(told)) for url, told in statuses.items() if "host-0." not in url}
        assert set(orders.values()) == {EVENTS}
        assert len(orders) == AT_ONCE - AT_ONCE // HOSTS
        owed = {delivery["token"] for _, _, delivery in claims_of(world)}
        assert len(owed) == AT_ONCE * len(EVENTS)
        assert {delivery["state"] for _, _, delivery in claims_of(world)} == {"done"}
        assert owed == set(heard)
        assert {len(contents) for contents in heard.values()} == {1}


@pytest.mark.parametrize(
    ("reaction", "tried"),
    [("410", 1), ("forbidden", 1)],
)
def test_what_is_refused_for_good_is_given_up(reaction: str, tried: int) -> None:
    """Whoever says that it is gone, or may not be called at all, is not called again, and that can be seen."""
    with World(1) as world:
        world.internet.receivers = {"host.example": Receiver({reaction: 1})}
        record(world, "https://host.example/told")
        world.settle()
        assert faults_of(world) == []
        found = [
            (delivery["state"], delivery["tried"], len(delivery["attempts"])) for _, _, delivery in claims_of(world)
        ]
        assert found == [("given-up", tried, tried)] * len(EVENTS)
        assert world.log.observed.count(("deliver_callback", "given-up", None)) == len(EVENTS)


def attempts_of(world: World) -> list[int]:
    """Seconds from the first attempt of the first callback to each of its attempts."""
    delivery = min(claims_of(world), key=lambda found: found[1])[2]
    first = delivery["attempts"][0]["at"]
    return [(attempt["at"] - first) // 1000 for attempt in delivery["attempts"]]


def test_a_receiver_that_never_answers_is_tried_for_three_days() -> None:
    """Pauses grow from half a minute to four hours, each up to a fifth longer; after 72 hours it is given up."""
    with World(2) as world:
        world.internet.receivers = {"host.example": Receiver({"500": 1})}
        record(world, "https://host.example/told", "signalwire")
        world.settle()
        assert faults_of(world) == []
        at = attempts_of(world)
        pauses = [after - before for before, after in pairwise(at)]
        expected = [30, 60, 120, 300, 600, 1_800, 3_600, 7_200, *[14_400] * (len(pauses) - 8)]
        # A minute more at most: the reconciler looks once a minute, and the queue takes its time.
        assert [(pause, least) for pause, least in zip(pauses, expected, strict=True)
                if not least <= pause <= least * 1.2 + 90] == []  # fmt: skip
        assert 72 * 3_600 - 14_400 * 1.2 <= at[-1] <= 72 * 3_600
        assert {delivery["state"] for _, _, delivery in claims_of(world)} == {"given-up"}


@pytest.mark.parametrize(("dialect", "attempts"), [("twilio", 2), ("signalwire", 3)])
def test_as_the_vendor_does(dialect: str, attempts: int) -> None:
    """With no hours there are the vendor's own attempts, within fifteen seconds, and no more."""
    with World(3, hours=0) as world:
        world.internet.receivers = {"host.example": Receiver({"refuses": 1})}
        record(world, "https://host.example/told", dialect)
        world.settle()
        assert faults_of(world) == []
        at = attempts_of(world)
        assert len(at) == attempts
        assert at[-1] <= 15
        assert {delivery["state"] for _, _, delivery in claims_of(world)} == {"given-up"}


@pytest.mark.parametrize(("asked", "pause"), [(900, 900), (100_000, 14_400)])
def test_whoever_asks_for_patience_gets_it(asked: int, pause: int) -> None:
    """A `Retry-After` puts the next attempt off, but for no longer than four hours and a fifth."""
    with World(4) as world:
        world.internet.receivers = {"host.example": Receiver({f"429 after {asked}": 1})}
        record(world, "https://host.example/told")
        world.settle(most=14)
        first, second = attempts_of(world)[:2]
        assert pause <= second - first <= pause * 1.2 + 90
