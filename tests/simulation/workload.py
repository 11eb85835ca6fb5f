"""A random workload: client requests, engine events, elapsed time, function runs and crashes."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tapedeck.domain.call import CallStatus
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Parent, ParentKind, RecordingStatus
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.calls import UpdateCall
from tapedeck.operations.conferences import ConferenceName, UpdateConference
from tapedeck.operations.participants import AddParticipant, UpdateParticipant
from tapedeck.operations.recordings import CURRENT, StartRecording
from tests.simulation.receivers import Receiver
from tests.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDING_EVENTS: Final = ("in-progress", "completed", "absent", "paused", "resumed", "stopped", "started")
CONFERENCE_EVENTS: Final = ("start", "end", "join", "leave", "mute", "hold", "modify", "announcement")
CALL_EVENTS: Final = ("initiated", "ringing", "answered", "completed")
TRANSITIONS: Final = (RecordingStatus.PAUSED, RecordingStatus.IN_PROGRESS, RecordingStatus.STOPPED)
MIN_STEPS: Final = 20
MAX_STEPS: Final = 60

RUN_PROBABILITY: Final = 0.4
"""Probability that each function, or the media engine, runs in a step."""

FAULT_PROBABILITY: Final = 0.05
"""Probability that a port fails or the process crashes in a step, unless a workload has another one."""

LIVE_PROBABILITY: Final = 0.9
"""Probability that a live resource is chosen."""

MAX_POINTS: Final = 12
"""The fault strikes at one of the next so many injection points."""


class Workload:
    """Chooses and runs random actions from the world's seed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.hosts = {"reliable": 8, "flaky": 3, "gone": 1}
        """The receivers of callbacks, and the weight of each."""
        self.fault_probability = FAULT_PROBABILITY
        self._calls: list[str] = []
        self._conferences: list[str] = []
        network = world.network
        network.receivers = {
            "reliable.example": Receiver(),
            "flaky.example": Receiver({"200": 5, "500": 1, "hangs": 1, "refuses": 1, "429 after 90": 1, "404": 1}),
            "gone.example": Receiver({"410": 1, "forbidden": 1}),
        }
        actions: dict[Callable[[], object], int] = {
            self.begin_call: 6,
            self.start: 9,
            self.move: 9,
            self.move_current: 2,
            self.delete: 2,
            self.hang_up: 2,
            self.redirect: 1,
            self.subscribe: 2,
            self.end_call: 2,
            self.start_conference: 2,
            self.enter: 5,
            self.leave: 2,
            self.record_conference: 2,
            self.update_conference: 2,
            self.dial: 2,
            self.update_participant: 2,
            self.end_conference: 1,
            self.change_by_engine: 3,
            self.record_by_engine: 1,
            self.finish: 5,
            self.reconcile: 3,
            self.wait: 8,
        }
        self._sources = (
            world.publish.run_once,
            world.engine.process_commands,
            world.ingest.run_once,
            world.deliver.run_once,
            world.deliver_retries.run_once,
        )
        self._actions, self._weights = list(actions), list(actions.values())

    def run(self) -> None:
        """Run up to sixty random steps, then end every call and conference and settle."""
        for _ in range(self.world.random_source.randint(MIN_STEPS, MAX_STEPS)):
            self.step()
        self.world.end_all()
        self.world.settle()

    def step(self) -> None:
        """Run one random action, then some of the functions, each with a possible fault."""
        world, random_source = self.world, self.world.random_source
        (action,) = random_source.choices(self._actions, self._weights)
        for each in (action, *(source for source in self._sources if random_source.random() < RUN_PROBABILITY)):
            if random_source.random() < self.fault_probability:
                world.fault_injector.arm(random_source.randint(1, MAX_POINTS), crashes=random_source.random() < 0.5)
            world.run(each)
            world.fault_injector.disarm()

    def begin_call(self) -> None:
        """The media engine reports a new call."""
        call = new_id(self.world.clock())
        kind = self.world.random_source.choice(("call.ringing", "call.answered", "call.answered", "call.answered"))
        self.world.report_event(kind, call, call=call, to="+15550001", **{"from": "+15550002"})
        self._calls.append(call)

    def start(self) -> None:
        """A client starts a recording of a call."""
        random_source = self.world.random_source
        request = StartRecording(
            random_source.choice((1, 2)),
            trim=random_source.choice(("do-not-trim", "trim-silence")),
            callback=self._callback(),
        )
        self.world.recordings.create(self._leg(), request)

    def move(self) -> None:
        """A client pauses, resumes or stops a recording by its id."""
        parent, recording = self._recording()
        self.world.recordings.update(parent, recording, self.world.random_source.choice(TRANSITIONS), self._behavior())

    def move_current(self) -> None:
        """A client pauses, resumes or stops `Twilio.CURRENT`."""
        self.world.recordings.update(
            self._leg(), CURRENT, self.world.random_source.choice(TRANSITIONS), self._behavior()
        )

    def delete(self) -> None:
        """A client deletes a recording."""
        parent, recording = self._recording()
        self.world.deletions.add(recording)
        self.world.media.delete(parent, recording)

    def hang_up(self) -> None:
        """A client completes or cancels a call."""
        status = self.world.random_source.choice((CallStatus.COMPLETED, CallStatus.CANCELED))
        self.world.calls.update(self.world.account, self._call(), UpdateCall(status=status))

    def redirect(self) -> None:
        """A client redirects a call to another URL."""
        request = UpdateCall(
            redirect={"url": "https://markup.example/", "method": "POST"}, callback=self._call_callback(())
        )
        self.world.calls.update(self.world.account, self._call(), request)

    def subscribe(self) -> None:
        """A client sets the status callback of a call."""
        request = UpdateCall(callback=self._call_callback(()))
        self.world.calls.update(self.world.account, self._call(), request)

    def end_call(self) -> None:
        """The media engine reports the end of a call."""
        call = self._call()
        self.world.report_event("call.ended", call, call=call)

    def start_conference(self) -> None:
        """The media engine reports a new conference."""
        conference = new_id(self.world.clock())
        name = self.world.random_source.choice(("red", "blue", conference))
        fields: dict[str, object] = {"conference": conference, "name": name}
        if self.world.random_source.random() < 0.7:
            # Subscribed to every event: the checks expect a callback for each sequence number.
            fields["callback"] = {
                "url": "https://reliable.example/room", "events": list(CONFERENCE_EVENTS), "dialect": "twilio",
            }  # fmt: skip
        self.world.report_event("conference.started", conference, **fields)
        self._conferences.append(conference)

    def enter(self) -> None:
        """The media engine reports that a call joined a conference."""
        conference = self._conference()
        ends = self.world.random_source.random() < 0.2
        self.world.report_event(
            "participant.joined", conference, conference=conference, call=self._call(), end_conference_on_exit=ends
        )

    def leave(self) -> None:
        """A participant leaves, or a client removes one."""
        conference, call = self._conference(), self._call()
        if self.world.random_source.random() < 0.5:
            self.world.report_event("participant.left", conference, conference=conference, call=call)
        else:
            self.world.participants.remove(self.world.account, conference, call)

    def record_conference(self) -> None:
        """The media engine starts a recording of a conference."""
        conference = self._conference()
        self._report_started({"type": "conference", "id": conference}, conference, "Conference")

    def record_by_engine(self) -> None:
        """The media engine starts a recording of a call on its own."""
        call = self._call()
        self._report_started({"type": "call", "id": call}, call, "DialVerb")

    def update_conference(self) -> None:
        """A client announces into a conference, or ends it."""
        end = self.world.random_source.random() < 0.3
        request = UpdateConference(end=end, announce_url=None if end else "https://markup.example/say")
        self.world.conferences.update(self.world.account, self._conference(), request)

    def dial(self) -> None:
        """A client dials a new participant into a conference."""
        random_source = self.world.random_source
        options = {}
        if random_source.random() < 0.5:
            events = tuple(each for each in RECORDING_EVENTS if random_source.random() < 0.7)
            options = {
                "record": True, "recording_status_callback": "https://reliable.example/leg",
                "recording_status_callback_event": events,
            }  # fmt: skip
        request = AddParticipant(
            "+15550003",
            "+15550004",
            end_conference_on_exit=random_source.random() < 0.2,
            options=options,
            call_callback=self._call_callback(tuple(each for each in CALL_EVENTS if random_source.random() < 0.6)),
        )
        named = ConferenceName(random_source.choice(("red", "blue")))
        added = self.world.participants.add(self.world.account, named, request)
        self._calls.append(added.call)
        if added.conference not in self._conferences:
            self._conferences.append(added.conference)

    def update_participant(self) -> None:
        """A client or the media engine mutes or holds a participant."""
        random_source, conference, call = self.world.random_source, self._conference(), self._call()
        muted, hold = random_source.choice((True, False, None)), random_source.choice((True, False, None))
        if random_source.random() < 0.5:
            self.world.participants.update(
                self.world.account, conference, call, UpdateParticipant(muted=muted, hold=hold)
            )
        else:
            self.world.report_event(
                "participant.changed", conference, conference=conference, call=call, muted=muted, hold=hold
            )

    def end_conference(self) -> None:
        """The media engine reports the end of a conference."""
        conference = self._conference()
        self.world.report_event("conference.ended", conference, conference=conference)

    def change_by_engine(self) -> None:
        """The media engine pauses, resumes or stops a recording on its own, or reports that it is absent."""
        parent, recording = self._recording()
        kind = self.world.random_source.choice(
            ("recording.paused", "recording.resumed", "recording.stopped", "recording.absent")
        )
        if self.world.engine.act(recording, kind):
            self.world.report_event(kind, parent.id, parent=_parent_fields(parent), recording=recording)

    def finish(self) -> None:
        """The media engine finishes the media that are due, or finds only silence."""
        self.world.absence = 16101 if self.world.random_source.random() < 0.1 else None
        self.world.engine.finish_due_media()
        self.world.absence = None

    def reconcile(self) -> None:
        """Run `reconcile`."""
        self.world.reconcile()

    def wait(self) -> None:
        """Advance the clock."""
        self.world.clock.sleep(self.world.random_source.choice((1, 5, 20, 40, 90, 400, 4_000)))

    def _report_started(self, parent: dict[str, str], group: str, source: str) -> None:
        callback = self._callback()
        fields: dict[str, object] = {"parent": parent, "recording": new_id(self.world.clock()), "source": source}
        if callback is not None:
            fields["callback"] = {"url": callback.url, "events": list(callback.events), "dialect": callback.dialect}
        self.world.report_event("recording.started", group, **fields)

    def _callback(self) -> CallbackSubscription | None:
        random_source = self.world.random_source
        if random_source.random() < 0.2:
            return None
        host = random_source.choices(list(self.hosts), list(self.hosts.values()))[0]
        events = tuple(each for each in RECORDING_EVENTS if random_source.random() < 0.7)
        method = random_source.choice(("GET", "POST", "POST"))
        dialect = random_source.choice(("twilio", "twilio", "signalwire"))
        return CallbackSubscription(f"https://{host}.example/callback", method, events, dialect)

    def _call_callback(self, events: tuple[str, ...]) -> CallbackSubscription | None:
        callback = self._callback()
        if callback is None:
            return None
        # Only Twilio's dialect has events to choose.
        return replace(callback, events=events, dialect="twilio" if events else callback.dialect)

    def _behavior(self) -> str:
        return self.world.random_source.choice(("silence", "skip"))

    def _call(self) -> str:
        live = self.world.history.live("CALL")[-4:]
        if live and self.world.random_source.random() < LIVE_PROBABILITY:
            return self.world.random_source.choice(live)
        if not self._calls:
            self.begin_call()
        return self.world.random_source.choice(self._calls[-4:])

    def _leg(self) -> Parent:
        return Parent(self.world.account, ParentKind.CALL, self._call())

    def _conference(self) -> str:
        live = self.world.history.live("CONF")[-3:]
        if live and self.world.random_source.random() < LIVE_PROBABILITY:
            return self.world.random_source.choice(live)
        if not self._conferences:
            self.start_conference()
        return self.world.random_source.choice(self._conferences[-3:])

    def _recording(self) -> tuple[Parent, str]:
        known = [key for key, _ in self.world.history.recordings()]
        if not known:
            return self._leg(), new_id(self.world.clock())
        partition, sort_key = self.world.random_source.choice(known[-6:])
        account, kind, identifier = partition.split("#")
        return Parent(account, ParentKind(kind), identifier), sort_key.removeprefix("REC#")


def _parent_fields(parent: Parent) -> dict[str, str]:
    return {"type": "call" if parent.kind is ParentKind.CALL else "conference", "id": parent.id}
