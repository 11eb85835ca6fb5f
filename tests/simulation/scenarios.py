"""Scenarios of a deployment in which one fault strikes: clients retry failed requests, and each step is processed."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from tapedeck.domain.call import CallStatus
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Parent, ParentKind, RecordingStatus
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.calls import UpdateCall
from tapedeck.operations.conferences import ConferenceName, UpdateConference
from tapedeck.operations.participants import AddParticipant, UpdateParticipant
from tapedeck.operations.placed_calls import PlaceCall
from tapedeck.operations.recordings import CURRENT, StartRecording
from tests.simulation.checks import deliveries_of
from tests.simulation.receivers import Receiver
from tests.simulation.workload import CALL_EVENTS, CONFERENCE_EVENTS, RECORDING_EVENTS
from tests.simulation.world import MAX_VISIBILITY_SECONDS, World

ROOM: Final = {"url": "https://host.example/room", "events": list(CONFERENCE_EVENTS), "dialect": "twilio"}
CALLBACK: Final = CallbackSubscription("https://host.example/callback", "POST", RECORDING_EVENTS, "twilio")
NUMBERS: Final = {"to": "+15550001", "from": "+15550002"}


class Scenario:
    """Each subclass plays one part of the service."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.account = world.account
        world.network.receivers = {"host.example": self.receiver()}

    def receiver(self) -> Receiver:
        """Return the server that gets all callbacks."""
        return Receiver()

    def play(self) -> None:
        """Run the whole scenario."""
        self.act()
        self.world.end_all()
        self.world.settle()

    def act(self) -> None:
        """Do what the scenario is about."""
        raise NotImplementedError

    def report(self, kind: str, group: str, **fields: object) -> None:
        """Report an event of the media engine."""
        self.world.report_event(kind, group, **fields)
        self.process()

    def request(self, action: Callable[[], object]) -> None:
        """Send a request, and once more if the fault has struck."""
        injected = self.world.fault_injector.injected
        self.world.run(action)
        if self.world.fault_injector.injected > injected:
            self.world.run(action)
        self.process()

    def process(self) -> None:
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

    def answered_call(self) -> Parent:
        """Return a call that rang and was answered."""
        call = new_id(self.world.clock())
        self.report("call.ringing", call, call=call, **NUMBERS)
        self.report("call.answered", call, call=call)
        return Parent(self.account, ParentKind.CALL, call)

    def conference(self, participants: int) -> tuple[str, list[str]]:
        """Return a conference with so many participants, and their calls."""
        world, conference = self.world, new_id(self.world.clock())
        self.report("conference.started", conference, conference=conference, name="red", callback=ROOM)
        calls = [new_id(world.clock()) for _ in range(participants)]
        for call in calls:
            self.report("call.answered", call, call=call, **NUMBERS)
            self.report("participant.joined", conference, conference=conference, call=call)
        return conference, calls

    def recorded_conference(self, conference: str) -> Parent:
        """Let the media engine record a conference; return what is recorded."""
        self.report(
            "recording.started", conference, parent={"type": "conference", "id": conference},
            recording=new_id(self.world.clock()), source="Conference",
            callback={**ROOM, "events": list(RECORDING_EVENTS), "dialect": "signalwire"},
        )  # fmt: skip
        return Parent(self.account, ParentKind.CONFERENCE, conference)

    def dial(self, options: Mapping[str, object]) -> None:
        """Dial a participant into the conference `red`, with callbacks of all events of its call."""
        called = CallbackSubscription("https://host.example/call", "POST", CALL_EVENTS, "twilio")
        wanted = AddParticipant("+15550003", "+15550004", options=dict(options), call_callback=called)
        self.request(lambda: self.world.participants.add(self.account, ConferenceName("red"), wanted))

    def delete_recordings(self) -> None:
        """Delete all recordings."""
        for key, _ in list(self.world.history.recordings()):
            account, kind, identifier = key[0].split("#")
            parent, recording = Parent(account, ParentKind(kind), identifier), key[1].removeprefix("REC#")
            self.request(partial(self.world.media.delete, parent, recording))


class Everything(Scenario):
    """Every kind of request and event once."""

    def act(self) -> None:
        """Record a call, dial one, then hold a conference."""
        self._record_a_call()
        self._place_a_call()
        self._hold_a_conference()

    def _record_a_call(self) -> None:
        world, leg = self.world, self.answered_call()
        call = leg.id
        self.request(lambda: world.recordings.create(leg, StartRecording(2, callback=CALLBACK)))
        self.request(lambda: world.recordings.update(leg, CURRENT, RecordingStatus.PAUSED, "skip"))
        self.request(lambda: world.recordings.update(leg, CURRENT, RecordingStatus.IN_PROGRESS))
        called = CallbackSubscription("https://host.example/call", "POST", (), "signalwire")
        request = UpdateCall(redirect={"url": "https://x.example/"}, callback=called)
        self.request(lambda: world.calls.update(self.account, call, request))
        request_again = UpdateCall(callback=replace(called, method="GET"))
        self.request(lambda: world.calls.update(self.account, call, request_again))
        self.request(lambda: world.recordings.update(leg, CURRENT, RecordingStatus.STOPPED))
        self.delete_recordings()
        self.request(lambda: world.recordings.create(leg, StartRecording(callback=CALLBACK)))
        self.request(lambda: world.calls.update(self.account, call, UpdateCall(status=CallStatus.COMPLETED)))

    def _place_a_call(self) -> None:
        called = CallbackSubscription("https://host.example/call", "POST", CALL_EVENTS, "twilio")
        wanted = PlaceCall(
            "+15550003", "+15550004", "twilio", {"markup": "<Response/>"}, {"timeout": 60, "time_limit": 60}, called
        )
        self.request(lambda: self.world.placed_calls.create(self.account, wanted))
        for call in self.world.history.live("CALL"):
            self.request(partial(self.world.calls.end, self.account, call))

    def _hold_a_conference(self) -> None:
        world = self.world
        conference, calls = self.conference(3)
        self.recorded_conference(conference)
        options = {"record": True, "recording_status_callback": "https://host.example/leg"}
        for _ in range(2):
            self.dial(options)
        dialed = [call for call in world.history.live("CALL") if call not in calls]
        change = UpdateParticipant(muted=True, hold=True)
        self.request(lambda: world.participants.update(self.account, conference, calls[0], change))
        announcement = UpdateConference(announce_url="https://x.example/")
        self.request(lambda: world.conferences.update(self.account, conference, announcement))
        for call in (calls[1], dialed[0]):
            self.request(partial(world.participants.remove, self.account, conference, call))
        redirect = UpdateCall(redirect={"url": "https://x.example/"})
        self.request(lambda: world.calls.update(self.account, calls[2], redirect))
        self.request(lambda: world.conferences.update(self.account, conference, UpdateConference(end=True)))


class TwoParticipants(Scenario):
    """One participant is muted and leaves, the other one is hung up, which ends the conference."""

    def act(self) -> None:
        """Hold the conference."""
        world, (conference, calls) = self.world, self.conference(2)
        change = UpdateParticipant(muted=True)
        self.request(lambda: world.participants.update(self.account, conference, calls[0], change))
        self.report("participant.left", conference, conference=conference, call=calls[0])
        self.request(lambda: world.calls.end(self.account, calls[1]))


_MOVES: Final = (("paused", "skip"), ("in-progress", "silence"), ("paused", "silence"), ("stopped", "silence"))
"""The new status of a recording, and what a pause records."""


class RecordedConference(Scenario):
    """A conference is recorded, paused, resumed, paused otherwise and stopped; the recording is deleted."""

    def act(self) -> None:
        """Hold the conference."""
        parent = self.recorded_conference(self.conference(2)[0])
        for status, behavior in _MOVES:
            self.request(partial(self._move, parent, RecordingStatus(status), behavior))
        self.world.clock.sleep(60)
        self.process()
        self.delete_recordings()

    def _move(self, parent: Parent, status: RecordingStatus, behavior: str) -> None:
        for key, _ in self.world.history.recordings():
            self.world.recordings.update(parent, key[1].removeprefix("REC#"), status, behavior)


class CallThatEnds(Scenario):
    """A call is hung up by the other side while its recording is paused; another one has no audio at all."""

    def act(self) -> None:
        """Record two calls."""
        world = self.world
        for absence in (None, 16101):
            leg = self.answered_call()
            world.absence = absence
            self.request(partial(world.recordings.create, leg, StartRecording(callback=CALLBACK)))
            self.request(partial(world.recordings.update, leg, CURRENT, RecordingStatus.PAUSED, "silence"))
            self.report("call.ended", leg.id, call=leg.id)
            world.clock.sleep(60)
            self.process()
        world.absence = None


class ParkedCallbacks(Scenario):
    """The customer's server hangs, so that its host is suspended; later it answers, and a callback is sent again."""

    def receiver(self) -> Receiver:
        """Return a server that accepts connections and never answers."""
        return Receiver({"hangs": 1.0})

    def act(self) -> None:
        """Record calls whose callbacks wait."""
        world = self.world
        for _ in range(3):
            leg = self.answered_call()
            self.request(partial(world.recordings.create, leg, StartRecording(callback=CALLBACK)))
            self.request(partial(world.calls.end, self.account, leg.id))
        world.network.receivers = {"host.example": Receiver()}
        world.settle()
        for resource, name, _ in list(deliveries_of(world))[:1]:
            replay = world.background.make_callbacks().replay
            self.request(partial(replay, self.account, resource, name))


class StatusCallbacks(Scenario):
    """Dialed calls report each of their events: one is removed, one is hung up, one stays until the end."""

    def act(self) -> None:
        """Dial three participants."""
        world = self.world
        for _ in range(3):
            self.dial({})
        conference = world.history.live("CONF")[0]
        removed, hung_up, _ = sorted(world.history.live("CALL"))
        self.request(lambda: world.participants.remove(self.account, conference, removed))
        self.request(lambda: world.calls.end(self.account, hung_up))
        self.request(lambda: world.conferences.end(self.account, conference))


SCENARIOS: Final[Mapping[str, type[Scenario]]] = {
    each.__name__: each
    for each in (Everything, TwoParticipants, RecordedConference, CallThatEnds, ParkedCallbacks, StatusCallbacks)
}
