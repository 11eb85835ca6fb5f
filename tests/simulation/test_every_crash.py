"""G2: wherever a process ends, or a port fails, what follows from the table is told all the same."""

from collections.abc import Callable
from functools import cache, partial
from typing import Final

import pytest

from tapedeck.domain.call import CallStatus
from tapedeck.domain.engine_command import CommandKind
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Parent, ParentKind, RecordingStatus
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.calls import UpdateCall
from tapedeck.operations.conferences import ConferenceName, UpdateConference
from tapedeck.operations.participants import AddParticipant, UpdateParticipant
from tapedeck.operations.recordings import CURRENT, StartRecording
from tests.simulation.acts import CONFERENCE_EVENTS, RECORDING_EVENTS
from tests.simulation.checks import faults_of
from tests.simulation.internet import Receiver
from tests.simulation.world import LONGEST, World
from tests.thoroughness import scaled

EVERY: Final = scaled(1, 60)
"""Which of the moments are tried: each, or one in so many."""

PARTS: Final = scaled(20, 2)
"""Into so many tests they are divided."""

SUBSCRIPTION: Final = {"url": "https://host.example/room", "events": list(CONFERENCE_EVENTS), "dialect": "twilio"}


class Scenario:
    """One of everything: what clients ask they ask again where it failed, and each step is followed to its end."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.account = world.account
        world.internet.receivers = {"host.example": Receiver()}

    def play(self) -> None:
        """All of it."""
        self._record_a_call()
        self._hold_a_conference()
        self.world.end_all()
        self.world.settle()

    def _record_a_call(self) -> None:
        world, call = self.world, new_id(self.world.clock())
        leg = Parent(self.account, ParentKind.CALL, call)
        callback = CallbackSubscription("https://host.example/told", "POST", RECORDING_EVENTS, "signalwire")
        self._tell("call.ringing", call, call=call, to="+15550001", **{"from": "+15550002"})
        self._tell("call.answered", call, call=call)
        self._ask(lambda: world.recordings.create(leg, StartRecording(2, callback=callback)))
        self._ask(lambda: world.recordings.update(leg, CURRENT, RecordingStatus.PAUSED, "skip"))
        self._ask(lambda: world.recordings.update(leg, CURRENT, RecordingStatus.IN_PROGRESS))
        self._ask(lambda: world.calls.update(self.account, call, UpdateCall(redirect={"url": "https://x.example/"})))
        self._ask(lambda: world.recordings.update(leg, CURRENT, RecordingStatus.STOPPED))
        for key, _ in list(world.history.recordings()):
            self._ask(partial(world.media.delete, leg, key[1].removeprefix("REC#")))
        self._ask(lambda: world.recordings.create(leg, StartRecording(callback=callback)))
        self._ask(lambda: world.calls.update(self.account, call, UpdateCall(status=CallStatus.COMPLETED)))

    def _hold_a_conference(self) -> None:
        world, room = self.world, new_id(self.world.clock())
        self._tell("conference.started", room, conference=room, name="red", callback=SUBSCRIPTION)
        calls = [new_id(world.clock()) for _ in range(2)]
        for call in calls:
            self._tell("call.answered", call, call=call, to="+15550001", **{"from": "+15550002"})
            self._tell("participant.joined", room, conference=room, call=call)
        recording = new_id(world.clock())
        self._tell(
            "recording.started", room, parent={"type": "conference", "id": room}, recording=recording,
            source="Conference", callback={**SUBSCRIPTION, "events": list(RECORDING_EVENTS)},
        )  # fmt: skip
        options = {"record": True, "recording_status_callback": "https://host.example/leg"}
        wanted = AddParticipant("+15550003", "+15550004", options=options)
        self._ask(lambda: world.participants.add(self.account, ConferenceName("red"), wanted))
        change = UpdateParticipant(muted=True, hold=True)
        self._ask(lambda: world.participants.update(self.account, room, calls[0], change))
        self._ask(
            lambda: world.conferences.update(self.account, room, UpdateConference(announce_url="https://x.example/"))
        )
        self._ask(lambda: world.participants.remove(self.account, room, calls[1]))
        self._ask(lambda: world.conferences.update(self.account, room, UpdateConference(end=True)))

    def _tell(self, kind: str, group: str, **fields: object) -> None:
        self.world.tell(kind, group, **fields)
        self._follow()

    def _ask(self, act: Callable[[], object]) -> None:
        struck = self.world.perils.struck
        self.world.run(act)
        if self.world.perils.struck > struck:
            self.world.run(act)
        self._follow()

    def _follow(self) -> None:
        """Until nothing is in a queue: what a process held that has ended comes again after a while."""
        world = self.world
        world.drain()
        world.clock.sleep(2)
        world.drain()
        for _ in range(3):
            if world.events.held or world.callbacks.held:
                world.clock.sleep(LONGEST)
                world.drain()
        world.reconcile()


@cache
def moments() -> int:
    """How many there are; without anything happening at one, nothing is wrong, and everything is asked."""
    with World(0, mishaps=0) as world:
        begins = world.perils.passed
        Scenario(world).play()
        assert faults_of(world) == []
        assert world.commands.kinds == set(CommandKind)
        assert {told[1] for told in world.log.observed} == {"done"}
        return world.perils.passed - begins


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("crashes", [True, False], ids=["crash", "failure"])
def test_every_crash(part: int, *, crashes: bool) -> None:
    """Before and after every call of a port: callbacks, commands and facts are those that the table's changes owe."""
    wrong = {}
    for moment in range(1 + part * EVERY, moments() + 1, EVERY * PARTS):
        with World(0, mishaps=0) as world:
            world.perils.arm(moment, crashes=crashes)
            Scenario(world).play()
            assert world.perils.struck == 1
            if found := faults_of(world):
                wrong[moment] = found
    assert wrong == {}
