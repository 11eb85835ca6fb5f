"""A crash or failure at any port call loses no callback, command or domain event."""

from collections.abc import Callable
from dataclasses import replace
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
from tests.simulation.checks import violations_of
from tests.simulation.receivers import Receiver
from tests.simulation.workload import CALL_EVENTS, CONFERENCE_EVENTS, RECORDING_EVENTS
from tests.simulation.world import MAX_VISIBILITY_SECONDS, World
from tests.thoroughness import scaled

EVERY: Final = scaled(deep=1, ci=15, fast=150)
"""One in so many injection points is tried."""

PARTS: Final = scaled(deep=20, ci=4, fast=1)
"""The number of tests that share the injection points."""

SUBSCRIPTION: Final = {"url": "https://host.example/room", "events": list(CONFERENCE_EVENTS), "dialect": "twilio"}


class Scenario:
    """Every kind of request and event once. Clients retry failed requests; each step is processed completely."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.account = world.account
        world.network.receivers = {"host.example": Receiver()}

    def play(self) -> None:
        """Run the whole scenario."""
        self._record_a_call()
        self._hold_a_conference()
        self.world.end_all()
        self.world.settle()

    def _record_a_call(self) -> None:
        world, call = self.world, new_id(self.world.clock())
        leg = Parent(self.account, ParentKind.CALL, call)
        callback = CallbackSubscription("https://host.example/callback", "POST", RECORDING_EVENTS, "twilio")
        self._report("call.ringing", call, call=call, to="+15550001", **{"from": "+15550002"})
        self._report("call.answered", call, call=call)
        self._request(lambda: world.recordings.create(leg, StartRecording(2, callback=callback)))
        self._request(lambda: world.recordings.update(leg, CURRENT, RecordingStatus.PAUSED, "skip"))
        self._request(lambda: world.recordings.update(leg, CURRENT, RecordingStatus.IN_PROGRESS))
        called = CallbackSubscription("https://host.example/call", "POST", (), "signalwire")
        request = UpdateCall(redirect={"url": "https://x.example/"}, callback=called)
        self._request(lambda: world.calls.update(self.account, call, request))
        request_again = UpdateCall(callback=replace(called, method="GET"))
        self._request(lambda: world.calls.update(self.account, call, request_again))
        self._request(lambda: world.recordings.update(leg, CURRENT, RecordingStatus.STOPPED))
        for key, _ in list(world.history.recordings()):
            self._request(partial(world.media.delete, leg, key[1].removeprefix("REC#")))
        self._request(lambda: world.recordings.create(leg, StartRecording(callback=callback)))
        self._request(lambda: world.calls.update(self.account, call, UpdateCall(status=CallStatus.COMPLETED)))

    def _hold_a_conference(self) -> None:
        world, conference = self.world, new_id(self.world.clock())
        self._report("conference.started", conference, conference=conference, name="red", callback=SUBSCRIPTION)
        calls = [new_id(world.clock()) for _ in range(3)]
        for call in calls:
            self._report("call.answered", call, call=call, to="+15550001", **{"from": "+15550002"})
            self._report("participant.joined", conference, conference=conference, call=call)
        recording = new_id(world.clock())
        self._report(
            "recording.started", conference, parent={"type": "conference", "id": conference}, recording=recording,
            source="Conference",
            callback={**SUBSCRIPTION, "events": list(RECORDING_EVENTS), "dialect": "signalwire"},
        )  # fmt: skip
        options = {"record": True, "recording_status_callback": "https://host.example/leg"}
        called = CallbackSubscription("https://host.example/call", "POST", CALL_EVENTS, "twilio")
        request = AddParticipant("+15550003", "+15550004", options=options, call_callback=called)
        for _ in range(2):
            self._request(lambda: world.participants.add(self.account, ConferenceName("red"), request))
        dialed = [call for call in world.history.live("CALL") if call not in calls]
        change = UpdateParticipant(muted=True, hold=True)
        self._request(lambda: world.participants.update(self.account, conference, calls[0], change))
        self._request(
            lambda: world.conferences.update(
                self.account, conference, UpdateConference(announce_url="https://x.example/")
            )
        )
        for call in (calls[1], dialed[0]):
            self._request(partial(world.participants.remove, self.account, conference, call))
        redirect = UpdateCall(redirect={"url": "https://x.example/"})
        self._request(lambda: world.calls.update(self.account, calls[2], redirect))
        self._request(lambda: world.conferences.update(self.account, conference, UpdateConference(end=True)))

    def _report(self, kind: str, group: str, **fields: object) -> None:
        self.world.report_event(kind, group, **fields)
        self._process()

    def _request(self, action: Callable[[], object]) -> None:
        injected = self.world.fault_injector.injected
        self.world.run(action)
        if self.world.fault_injector.injected > injected:
            self.world.run(action)
        self._process()

    def _process(self) -> None:
        """Process all pending work. Messages of a crashed process become visible again after the visibility timeout."""
        world = self.world
        world.drain()
        world.clock.sleep(2)
        world.drain()
        for _ in range(3):
            if world.events.messages or world.callbacks.messages or world.retries.messages:
                world.clock.sleep(MAX_VISIBILITY_SECONDS)
                world.drain()
        world.reconcile()


@cache
def injection_points() -> int:
    """Count the injection points of a run without faults, which sends every kind of command and violates nothing."""
    with World(0, event_fault_rate=0) as world:
        begins = world.fault_injector.points
        Scenario(world).play()
        assert violations_of(world) == []
        assert world.commands.kinds == set(CommandKind)
        assert {entry[1] for entry in world.log.observed} == {"done", "delivered", "taken", "repeated"}
        return world.fault_injector.points - begins


@pytest.mark.sized
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("crashes", [True, False], ids=["crash", "failure"])
# --8<-- [start:test]
def test_fault_at_any_port_call_loses_nothing(part: int, *, crashes: bool) -> None:
    """With a fault before or after any port call, every change still gets its callbacks, commands and events."""
    wrong = {}
    for point in range(1 + part * EVERY, injection_points() + 1, EVERY * PARTS):
        with World(0, event_fault_rate=0) as world:
            world.fault_injector.arm(point, crashes=crashes)
            Scenario(world).play()
            assert world.fault_injector.injected == 1
            if found := violations_of(world):
                wrong[point] = found
    assert wrong == {}
    # --8<-- [end:test]
