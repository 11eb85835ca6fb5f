"""What may happen in a world at a step: clients ask, a media engine acts, time passes, functions run, processes end."""

from typing import TYPE_CHECKING, Final

from tapedeck.domain.call import CallStatus
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Parent, ParentKind, RecordingStatus
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.calls import UpdateCall
from tapedeck.operations.conferences import ConferenceName, UpdateConference
from tapedeck.operations.participants import AddParticipant, UpdateParticipant
from tapedeck.operations.recordings import CURRENT, StartRecording
from tests.simulation.internet import Receiver
from tests.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDING_EVENTS: Final = ("in-progress", "completed", "absent", "paused", "resumed", "stopped", "started")
CONFERENCE_EVENTS: Final = ("start", "end", "join", "leave", "mute", "hold", "modify", "announcement")
TRANSITIONS: Final = (RecordingStatus.PAUSED, RecordingStatus.IN_PROGRESS, RecordingStatus.STOPPED)
LEAST_STEPS: Final = 20
MAX_STEPS: Final = 60

RUNS: Final = 0.4
"""How probable it is of each function, and of the media engine, that it runs in a step."""

CRASHES: Final = 0.05
"""How probable it is that a port fails in a step, or the process ends there."""

LIKELY: Final = 0.9
"""How probable it is that what is chosen is known and has not ended."""

MAX_MOMENTS: Final = 12
"""Into how many moments of the calls of ports this may fall."""


class Acts:
    """Chooses what happens, by the world's own chance."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._calls: list[str] = []
        self._rooms: list[str] = []
        internet = world.internet
        internet.receivers = {
            "well.example": Receiver(),
            "moody.example": Receiver({"200": 5, "500": 1, "hangs": 1, "refuses": 1, "429 after 90": 1, "404": 1}),
            "gone.example": Receiver({"410": 1, "forbidden": 1}),
        }
        acts: dict[Callable[[], object], int] = {
            self.begin_call: 6,
            self.start: 9,
            self.move: 9,
            self.move_current: 2,
            self.delete: 2,
            self.hang_up: 2,
            self.redirect: 1,
            self.end_call: 2,
            self.open_room: 2,
            self.enter: 5,
            self.leave: 2,
            self.record_room: 2,
            self.update_room: 2,
            self.dial: 2,
            self.update_participant: 2,
            self.end_room: 1,
            self.move_by_itself: 3,
            self.record_by_itself: 1,
            self.finish: 5,
            self.reconcile: 3,
            self.wait: 8,
        }
        self._sources = (
            world.publish.run_once,
            world.engine.process_commands,
            world.ingest.run_once,
            world.deliver.run_once,
        )
        self._acts, self._weights = list(acts), list(acts.values())

    def story(self) -> None:
        """Up to sixty steps; then everything is brought to its end."""
        for _ in range(self.world.random_source.randint(LEAST_STEPS, MAX_STEPS)):
            self.step()
        self.world.end_all()
        self.world.settle()

    def step(self) -> None:
        """Something happens."""
        world, random_source = self.world, self.world.random_source
        (act,) = random_source.choices(self._acts, self._weights)
        for each in (act, *(source for source in self._sources if random_source.random() < RUNS)):
            if random_source.random() < CRASHES:
                world.perils.arm(random_source.randint(1, MAX_MOMENTS), crashes=random_source.random() < 0.5)
            world.run(each)
            world.perils.disarm()

    def begin_call(self) -> None:
        """A call that the media engine tells of."""
        call = new_id(self.world.clock())
        kind = self.world.random_source.choice(("call.ringing", "call.answered", "call.answered", "call.answered"))
        self.world.tell(kind, call, call=call, to="+15550001", **{"from": "+15550002"})
        self._calls.append(call)

    def start(self) -> None:
        """Somebody starts to record a call."""
        random_source = self.world.random_source
        wanted = StartRecording(
            random_source.choice((1, 2)),
            trim=random_source.choice(("do-not-trim", "trim-silence")),
            callback=self._callback(),
        )
        self.world.recordings.create(self._leg(), wanted)

    def move(self) -> None:
        """Somebody pauses, resumes or stops a recording."""
        parent, recording = self._recording()
        self.world.recordings.update(parent, recording, self.world.random_source.choice(TRANSITIONS), self._behavior())

    def move_current(self) -> None:
        """The same, by `Twilio.CURRENT`."""
        self.world.recordings.update(
            self._leg(), CURRENT, self.world.random_source.choice(TRANSITIONS), self._behavior()
        )

    def delete(self) -> None:
        """Somebody deletes a recording."""
        parent, recording = self._recording()
        self.world.deletions.add(recording)
        self.world.media.delete(parent, recording)

    def hang_up(self) -> None:
        """Somebody ends a call, or cancels it."""
        status = self.world.random_source.choice((CallStatus.COMPLETED, CallStatus.CANCELED))
        self.world.calls.update(self.world.account, self._call(), UpdateCall(status=status))

    def redirect(self) -> None:
        """Somebody sends a call elsewhere."""
        wanted = UpdateCall(redirect={"url": "https://markup.example/", "method": "POST"})
        self.world.calls.update(self.world.account, self._call(), wanted)

    def end_call(self) -> None:
        """Somebody has hung up."""
        call = self._call()
        self.world.tell("call.ended", call, call=call)

    def open_room(self) -> None:
        """A conference that the media engine tells of."""
        room = new_id(self.world.clock())
        name = self.world.random_source.choice(("red", "blue", room))
        fields: dict[str, object] = {"conference": room, "name": name}
        if self.world.random_source.random() < 0.7:
            # All of them, so that none may be missing.
            fields["callback"] = {
                "url": "https://well.example/room", "events": list(CONFERENCE_EVENTS), "dialect": "twilio",
            }  # fmt: skip
        self.world.tell("conference.started", room, **fields)
        self._rooms.append(room)

    def enter(self) -> None:
        """A call enters a conference."""
        room = self._room()
        ends = self.world.random_source.random() < 0.2
        self.world.tell("participant.joined", room, conference=room, call=self._call(), end_conference_on_exit=ends)

    def leave(self) -> None:
        """A call leaves one, or is removed."""
        room, call = self._room(), self._call()
        if self.world.random_source.random() < 0.5:
            self.world.tell("participant.left", room, conference=room, call=call)
        else:
            self.world.participants.remove(self.world.account, room, call)

    def record_room(self) -> None:
        """The media engine begins to record a conference."""
        room = self._room()
        self._tell_begun({"type": "conference", "id": room}, room, "Conference")

    def record_by_itself(self) -> None:
        """The media engine begins to record a call by itself."""
        call = self._call()
        self._tell_begun({"type": "call", "id": call}, call, "DialVerb")

    def update_room(self) -> None:
        """Somebody has something played in a conference, or ends it."""
        end = self.world.random_source.random() < 0.3
        wanted = UpdateConference(end=end, announce_url=None if end else "https://markup.example/say")
        self.world.conferences.update(self.world.account, self._room(), wanted)

    def dial(self) -> None:
        """Somebody has somebody dialed into a conference."""
        random_source = self.world.random_source
        options = {}
        if random_source.random() < 0.5:
            events = tuple(each for each in RECORDING_EVENTS if random_source.random() < 0.7)
            options = {
                "record": True, "recording_status_callback": "https://well.example/leg",
                "recording_status_callback_event": events,
            }  # fmt: skip
        wanted = AddParticipant(
            "+15550003",
            "+15550004",
            end_conference_on_exit=random_source.random() < 0.2,
            options=options,
        )
        named = ConferenceName(random_source.choice(("red", "blue")))
        added = self.world.participants.add(self.world.account, named, wanted)
        self._calls.append(added.call)
        if added.conference not in self._rooms:
            self._rooms.append(added.conference)

    def update_participant(self) -> None:
        """Somebody mutes or holds somebody, or the media engine does."""
        random_source, room, call = self.world.random_source, self._room(), self._call()
        muted, hold = random_source.choice((True, False, None)), random_source.choice((True, False, None))
        if random_source.random() < 0.5:
            self.world.participants.update(self.world.account, room, call, UpdateParticipant(muted=muted, hold=hold))
        else:
            self.world.tell("participant.changed", room, conference=room, call=call, muted=muted, hold=hold)

    def end_room(self) -> None:
        """The media engine ends a conference."""
        room = self._room()
        self.world.tell("conference.ended", room, conference=room)

    def move_by_itself(self) -> None:
        """The media engine pauses, resumes or stops a recording by itself, or finds that there is none."""
        parent, recording = self._recording()
        kind = self.world.random_source.choice(
            ("recording.paused", "recording.resumed", "recording.stopped", "recording.absent")
        )
        if self.world.engine.act(recording, kind):
            self.world.tell(kind, parent.id, parent=_told(parent), recording=recording)

    def finish(self) -> None:
        """It makes the media that are due, or finds silence."""
        self.world.absence = 16101 if self.world.random_source.random() < 0.1 else None
        self.world.engine.finish_due_media()
        self.world.absence = None

    def reconcile(self) -> None:
        """`reconcile` runs."""
        self.world.reconcile()

    def wait(self) -> None:
        """Time passes."""
        self.world.clock.sleep(self.world.random_source.choice((1, 5, 20, 40, 90, 400, 4_000)))

    def _tell_begun(self, parent: dict[str, str], group: str, source: str) -> None:
        callback = self._callback()
        fields: dict[str, object] = {"parent": parent, "recording": new_id(self.world.clock()), "source": source}
        if callback is not None:
            fields["callback"] = {"url": callback.url, "events": list(callback.events), "dialect": callback.dialect}
        self.world.tell("recording.started", group, **fields)

    def _callback(self) -> CallbackSubscription | None:
        random_source = self.world.random_source
        if random_source.random() < 0.2:
            return None
        host = random_source.choices(("well", "moody", "gone"), (8, 3, 1))[0]
        events = tuple(each for each in RECORDING_EVENTS if random_source.random() < 0.7)
        method = random_source.choice(("GET", "POST", "POST"))
        dialect = random_source.choice(("twilio", "twilio", "signalwire"))
        return CallbackSubscription(f"https://{host}.example/told", method, events, dialect)

    def _behavior(self) -> str:
        return self.world.random_source.choice(("silence", "skip"))

    def _call(self) -> str:
        live = self.world.history.live("CALL")[-4:]
        if live and self.world.random_source.random() < LIKELY:
            return self.world.random_source.choice(live)
        if not self._calls:
            self.begin_call()
        return self.world.random_source.choice(self._calls[-4:])

    def _leg(self) -> Parent:
        return Parent(self.world.account, ParentKind.CALL, self._call())

    def _room(self) -> str:
        live = self.world.history.live("CONF")[-3:]
        if live and self.world.random_source.random() < LIKELY:
            return self.world.random_source.choice(live)
        if not self._rooms:
            self.open_room()
        return self.world.random_source.choice(self._rooms[-3:])

    def _recording(self) -> tuple[Parent, str]:
        known = [key for key, _ in self.world.history.recordings()]
        if not known:
            return self._leg(), new_id(self.world.clock())
        partition, sort_key = self.world.random_source.choice(known[-6:])
        account, kind, identifier = partition.split("#")
        return Parent(account, ParentKind(kind), identifier), sort_key.removeprefix("REC#")


def _told(parent: Parent) -> dict[str, str]:
    return {"type": "call" if parent.kind is ParentKind.CALL else "conference", "id": parent.id}
