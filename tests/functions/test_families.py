"""Whatever clients, callers and a media engine do, in any order and either dialect: what is seen is what a model says.

The engine reports events in any order, late and more than once. Time is virtual, and the reconciler runs by it.
The model is written from behaviour.md, sections 4 to 6 and 10, and from the media contract (`engine_protocol.schema`),
without a word of the code under test.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar, Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.identity import created_at, new_id
from tests.client import DIALECTS, Answer, FunctionClient
from tests.functions.living import World
from tests.functions.objects import Objects
from tests.media import sound
from tests.thoroughness import scaled

PICK = st.integers(0, 1_000)
SPEAKS = st.sampled_from(sorted(DIALECTS))
LATE = st.booleans()
ACTIVE = {"in-progress", "paused"}
FINISHED = {"completed", "absent"}
UNANSWERED = {"queued", "ringing"}
LIVE_CALL = UNANSWERED | {"in-progress"}
MAX_THINGS = 4
"""Calls, and conferences; twice as many recordings. The fewer, the more happens to each."""

START_TIMEOUT_SECONDS: Final = 2_400
MEDIA_TIMEOUT_SECONDS: Final = 3_600
COMMAND_EXPIRY_SECONDS: Final = 86_400
"""Seconds: the reconciler's deadlines, as the media contract tells them."""

Event = dict[str, Any]


@dataclass(eq=False)
class Recording:
    """What the model knows of one; without a status it has not been heard of yet."""

    id: str
    parent: "Call | Conference"
    status: str = ""
    by_api: bool = False
    version: int = 1
    confirmed_version: int = 1
    last_event_at: int = 0
    updated: int = 0
    has_media: bool = False

    @property
    def about(self) -> Event:
        """How an event names it."""
        kind = "call" if isinstance(self.parent, Call) else "conference"
        return {"parent": {"type": kind, "id": self.parent.id}, "recording": self.id}

    def move(self, status: str, now: int) -> None:
        """It changes."""
        self.status, self.version, self.updated = status, self.version + 1, now


@dataclass(eq=False)
class Call:
    """What the model knows of one; without a status it has not been heard of yet."""

    id: str
    status: str = ""
    recordings: list[Recording] = field(default_factory=list)
    room: "Conference | None" = None
    """Where it enters, as soon as it enters anywhere."""


@dataclass(eq=False)
class Member:
    """Somebody who is, or was, in a conference."""

    call: Call
    ends: bool
    last_event_at: int
    muted: bool = False
    hold: bool = False
    is_inside: bool = True
    requested_at: int | None = None
    requested_version: int = 0
    """When, and in which version, what is on its way to the engine was asked."""

    def has_unexpired_request(self, now: int) -> bool:
        """Whether that overrides what the engine does by itself, which it does for a day."""
        return self.requested_at is not None and now - self.requested_at < COMMAND_EXPIRY_SECONDS


@dataclass(eq=False)
class Conference:
    """What the model knows of one; without a status it has not been heard of yet."""

    id: str
    name: str
    status: str = ""
    everybody: dict[str, Member] = field(default_factory=dict)
    recordings: list[Recording] = field(default_factory=list)
    first: Call | None = None

    @property
    def is_live(self) -> bool:
        """Whether it has begun to be, and has not been completed."""
        return self.status not in {"", "completed"}

    @property
    def members(self) -> list[Member]:
        """Who is inside."""
        return [each for each in self.everybody.values() if each.is_inside] if self.is_live else []


class ComesAgain(Exception):
    """What is told fits nothing that is known yet."""


class Families(RuleBasedStateMachine):
    """One account, and all that may happen in it."""

    make_world: ClassVar[Callable[[], World]]
    bucket: ClassVar[Objects]

    def __init__(self) -> None:
        super().__init__()
        self.world = type(self).make_world()
        self.account = self.world.account.account
        self.clients = {name: self.world.client(name) for name in DIALECTS}
        self.all_calls: list[Call] = []
        self.all_conferences: list[Conference] = []
        self.all_recordings: list[Recording] = []
        self.waiting: list[Event] = []
        self.done: list[Event] = []
        self.commands: list[Event] = []

    @property
    def calls(self) -> list[Call]:
        """Those that have been heard of."""
        return [each for each in self.all_calls if each.status]

    @property
    def conferences(self) -> list[Conference]:
        """Those that have been heard of."""
        return [each for each in self.all_conferences if each.status]

    @property
    def recordings(self) -> list[Recording]:
        """Those that have been heard of."""
        return [each for each in self.all_recordings if each.status]

    # What happens.

    @initialize(ends=st.lists(st.booleans(), min_size=1, max_size=3))
    def begin(self, ends: list[bool]) -> None:
        """A few calls in a conference to begin with."""
        self.meet("Lobby", late=False)
        for who, each in enumerate(ends):
            self.appear("call.answered", late=False)
            self.join(who, 0, ends=each, late=False)

    @rule(seconds=st.sampled_from([0.001, 1, 60, 86_400]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.world.clock.step(seconds)

    @rule(seconds=st.sampled_from([0, 2_401, 3_601]))
    def reconcile(self, seconds: int) -> None:
        """After a while, what was asked is asked again, and what hangs is brought to an end."""
        now = self.world.clock.step(seconds)
        assert "failed" not in self.world.reconcile()
        for recording in self.recordings:
            never_began = recording.confirmed_version == 0 and now - created_at(recording.id) >= START_TIMEOUT_SECONDS
            never_came = recording.status == "stopped" and now - recording.updated >= MEDIA_TIMEOUT_SECONDS
            if never_came or (recording.status in ACTIVE and never_began):
                # Media that are there all the same are not thrown away.
                recording.status = "completed" if recording.has_media else "absent"

    # What a media engine tells.

    @precondition(lambda self: bool(self.waiting))
    @rule(which=PICK)
    def hear(self, which: int) -> None:
        """One of the events that are late comes at last, whatever came before it."""
        event = _pick(self.waiting, which)
        if event is not None:
            self.waiting.remove(event)
            self._hear(event)

    @precondition(lambda self: len(self.waiting) > 1)
    @rule(order=st.randoms(use_true_random=False))
    def hear_all(self, order: Random) -> None:
        """All that is late comes, in whatever order."""
        events, self.waiting = self.waiting, []
        order.shuffle(events)
        for event in events:
            self._hear(event)

    @precondition(lambda self: bool(self.done))
    @rule(which=PICK)
    def hear_again(self, which: int) -> None:
        """An event that has been taken note of comes once more, and changes nothing."""
        event = _pick(self.done, which)
        if event is not None:
            before = self._all_that_is_seen()
            assert self.world.ingest(event) == []
            assert self._all_that_is_seen() == before

    @precondition(lambda self: len(self.all_calls) < MAX_THINGS)
    @rule(kind=st.sampled_from(["call.ringing", "call.answered", "call.answered"]), late=LATE)
    def appear(self, kind: str, *, late: bool) -> None:
        """A call comes into being."""
        self.world.clock.step(0.001)
        call = Call(new_id(self.world.clock()))
        self.all_calls.append(call)
        self._tell(kind, call=call.id, to="+12025550100", **{"from": "+12025550101"}, late=late)

    @rule(who=PICK, late=LATE)
    def answer(self, who: int, *, late: bool) -> None:
        """A call is answered."""
        call = _pick(self.all_calls, who)
        if call is not None:
            self._tell("call.answered", call=call.id, late=late)

    @rule(who=PICK, late=LATE)
    def hang_up(self, who: int, *, late: bool) -> None:
        """A call ends by itself."""
        call = _pick(self.all_calls, who)
        if call is not None:
            self._tell("call.ended", call=call.id, late=late)

    @precondition(lambda self: len(self.all_conferences) < MAX_THINGS)
    @rule(name=st.sampled_from(["Lobby", "Attic", "Cellar"]), late=LATE)
    def meet(self, name: str, *, late: bool) -> None:
        """A conference comes into being; its name may be taken as long as what ended another is on its way."""
        self.world.clock.step(0.001)
        room = Conference(new_id(self.world.clock()), name)
        self.all_conferences.append(room)
        self._tell("conference.started", conference=room.id, name=name, late=late)

    @rule(where=PICK, late=LATE)
    def close(self, where: int, *, late: bool) -> None:
        """A conference ends by itself."""
        room = _pick(self.all_conferences, where)
        if room is not None:
            self._tell("conference.ended", conference=room.id, late=late)

    @rule(who=PICK, where=PICK, ends=st.booleans(), late=LATE)
    def join(self, who: int, where: int, *, ends: bool, late: bool) -> None:
        """A call enters a conference, which is the only one that it enters, maybe more than once."""
        call, room = _pick(self.all_calls, who), _pick(self.all_conferences, where)
        if call is None or room is None:
            return
        call.room = call.room or room
        more = {"end_conference_on_exit": ends}
        self._tell("participant.joined", conference=call.room.id, call=call.id, **more, late=late)

    @rule(who=PICK, late=LATE)
    def leave(self, who: int, *, late: bool) -> None:
        """A call leaves its conference and goes on."""
        call = _pick([each for each in self.all_calls if each.room is not None], who)
        if call is not None:
            self._tell("participant.left", conference=call.room.id, call=call.id, late=late)

    @rule(who=PICK, muted=st.booleans(), late=LATE)
    def mute(self, who: int, *, muted: bool, late: bool) -> None:
        """A participant is muted, or is not any more, by its own device."""
        call = _pick([each for each in self.all_calls if each.room is not None], who)
        if call is not None:
            self._tell("participant.changed", conference=call.room.id, call=call.id, muted=muted, late=late)

    @precondition(lambda self: len(self.all_recordings) < 2 * MAX_THINGS)
    @rule(which=PICK, late=LATE)
    def record(self, which: int, *, late: bool) -> None:
        """A media engine begins to record a call or a conference for a reason of its own."""
        parent = _pick([*self.all_calls, *self.all_conferences], which)
        if parent is None:
            return
        self.world.clock.step(0.001)
        recording = Recording(new_id(self.world.clock()), parent)
        self.all_recordings.append(recording)
        source = "RecordVerb" if isinstance(parent, Call) else "Conference"
        self._tell("recording.started", **recording.about, source=source, late=late)

    @rule(which=PICK, kind=st.sampled_from(["paused", "resumed", "stopped"]), late=LATE)
    def move(self, which: int, kind: str, *, late: bool) -> None:
        """A capture is paused, resumed or stopped by itself."""
        recording = _pick(self.all_recordings, which)
        if recording is not None:
            self._tell(f"recording.{kind}", **recording.about, late=late)

    @rule(
        which=PICK,
        does=st.tuples(
            *[st.sampled_from([("joined", True), ("left", True), ("changed", True), ("changed", False)])] * 2
        ),
        moves=st.tuples(*[st.sampled_from(["paused", "resumed", "stopped"])] * 2),
    )
    def overtake(self, which: int, does: tuple[tuple[str, bool], ...], moves: tuple[str, ...]) -> None:
        """Of two things that a participant or a capture does, one behind the other, the later one is told first."""
        events: list[Event] = []
        inside = [member.call for room in self.conferences for member in room.members]
        captured = [each for each in self.recordings if each.status in ACTIVE]
        resource_id = _pick(inside + captured, which)
        for does_this, moves_so in zip(does, moves, strict=True):
            self.world.clock.step(0.001)
            if isinstance(resource_id, Recording):
                events.append(self.world.event(f"recording.{moves_so}", **resource_id.about))
            elif isinstance(resource_id, Call) and resource_id.room is not None:  # always, for it is inside
                kind, yes = does_this
                about: Event = {"conference": resource_id.room.id, "call": resource_id.id}
                about |= {"end_conference_on_exit": False} if kind == "joined" else {"muted": yes}
                events.append(self.world.event(f"participant.{kind}", **about))
        for event in reversed(events):
            self._hear(event)

    @rule(which=PICK, has_media=st.booleans(), late=LATE)
    def complete(self, which: int, *, has_media: bool, late: bool) -> None:
        """A media engine tells that it has put its capture where it belongs, whether it has or not."""
        recording = _pick(self.all_recordings, which)
        if recording is None:
            return
        if has_media and recording.status not in FINISHED | {"deleted"}:
            self.bucket.put_at(self.account, recording.id, "original.wav", sound(2))
            recording.has_media = True
        key = f"{self.account}/{recording.id}/original.wav"
        self._tell("recording.completed", **recording.about, key=key, late=late)

    @rule(which=PICK, late=LATE)
    def give_up(self, which: int, *, late: bool) -> None:
        """A media engine tells that there is nothing worth keeping."""
        recording = _pick(self.all_recordings, which)
        if recording is not None:
            self._tell("recording.absent", **recording.about, error=16101, late=late)

    @rule(which=PICK, late=LATE)
    def obey(self, which: int, *, late: bool) -> None:
        """A media engine has carried out one of the commands that it has been sent."""
        self._publish()
        command = _pick([each for each in self.commands if each["type"] in _ANSWERS], which)
        if command is None:
            return
        self.commands.remove(command)
        about = {name: command[name] for name in ("parent", "recording", "conference", "call") if name in command}
        self._tell(_ANSWERS[command["type"]], **about, version=command["version"], late=late)

    def _tell(self, kind: str, *, late: bool, **fields: Any) -> None:
        self.world.clock.step(0.001)
        event = self.world.event(kind, **fields)
        if late:
            self.waiting.append(event)
        else:
            self._hear(event)

    def _hear(self, event: Event) -> None:
        try:
            _HEARD[event["type"].partition(".")[0]](self, event)
        except ComesAgain:
            assert self.world.ingest(event) == ["message-0"], event
            self.waiting.append(event)
        else:
            assert self.world.ingest(event) == [], event
            self.done.append(event)

    def _hear_of_call(self, event: Event) -> None:
        call = _find(self.all_calls, event["call"])
        if not call.status:
            if "to" not in event:
                raise ComesAgain
            call.status = "ringing" if event["type"] == "call.ringing" else "in-progress"
        elif event["type"] == "call.ended":
            if call.status in LIVE_CALL:
                self._end_call(call, "completed" if call.status == "in-progress" else "no-answer", event["at"])
            member = call.room.everybody.get(call.id) if call.room is not None else None
            if member is not None:
                member.requested_at = None
        elif call.status in UNANSWERED:
            call.status = "ringing" if event["type"] == "call.ringing" else "in-progress"

    def _hear_of_conference(self, event: Event) -> None:
        room = _find(self.all_conferences, event["conference"])
        if event["type"] == "conference.started":
            if not room.status:
                if any(each.is_live and each.name == room.name for each in self.conferences):
                    raise ComesAgain
                room.status = "init"
        elif not room.status:
            raise ComesAgain
        elif room.is_live:
            self._end_conference(room)

    def _hear_of_participant(self, event: Event) -> None:
        room = _find(self.all_conferences, event["conference"])
        call, at, version = _find(self.all_calls, event["call"]), event["at"], event.get("version")
        now = self.world.clock() // 1000
        member = room.everybody.get(call.id)
        if event["type"] == "participant.joined":
            self._hear_of_entrance(event, room, call, member)
            return
        if member is None:
            raise ComesAgain
        if version is not None:
            if member.requested_version == version and member.requested_at is not None:
                member.requested_at, member.last_event_at = None, at
        elif event["type"] == "participant.left":
            if at >= member.last_event_at and room.is_live:
                member.last_event_at = at
                if member.is_inside:
                    self._part(room, member)
            if at >= member.last_event_at:
                member.requested_at = None
        elif member.is_inside and room.is_live and at >= member.last_event_at and not member.has_unexpired_request(now):
            member.muted, member.last_event_at = event["muted"], at

    def _hear_of_entrance(self, event: Event, room: Conference, call: Call, member: Member | None) -> None:
        at, now = event["at"], self.world.clock() // 1000
        if not room.status or not call.status:
            raise ComesAgain
        if (member is not None and at <= member.last_event_at) or not room.is_live:
            return
        if member is not None and not member.is_inside and member.has_unexpired_request(now):
            return
        if member is not None and member.is_inside:
            member.last_event_at = at
        elif call.status in UNANSWERED:
            raise ComesAgain
        elif call.status == "in-progress":
            room.everybody[call.id] = Member(call, event["end_conference_on_exit"], at)
            room.first = room.first or call
            if len(room.members) > 1:
                room.status = "in-progress"

    def _hear_of_recording(self, event: Event) -> None:
        recording = _find(self.all_recordings, event["recording"])
        parent, kind, version, now = recording.parent, event["type"], event.get("version"), self.world.clock() // 1000
        if not recording.status:
            is_early = not parent.status or parent.status in {"init", *UNANSWERED}
            shows_nobody = isinstance(parent, Conference) and parent.first is None
            if kind != "recording.started" or is_early or shows_nobody:
                raise ComesAgain
            if parent.status == "in-progress":
                recording.status, recording.updated = "in-progress", now
                parent.recordings.append(recording)
        elif version is not None or kind == "recording.started":
            if recording.confirmed_version < (version or 1) and recording.status != "deleted":
                recording.confirmed_version, recording.last_event_at = version or 1, event["at"]
        elif kind in _MOVES:
            self._hear_of_move(recording, _MOVES[kind], event["at"], now)
        else:
            self._hear_of_end(recording, kind, event["at"], now)

    def _hear_of_move(self, recording: Recording, target: str, at: int, now: int) -> None:
        if recording.status not in ACTIVE:
            return
        is_fresh = recording.confirmed_version == recording.version and at >= recording.last_event_at
        if target == recording.status:
            recording.last_event_at = max(recording.last_event_at, at)
        elif target == "stopped" or is_fresh:
            recording.move(target, now)
            recording.confirmed_version, recording.last_event_at = recording.version, at

    def _hear_of_end(self, recording: Recording, kind: str, at: int, now: int) -> None:
        if recording.status in ACTIVE:
            self._hear_of_move(recording, "stopped", at, now)
        if recording.status != "stopped":
            return
        if kind == "recording.absent":
            recording.status = "absent"
        elif recording.has_media:
            recording.status = "completed"
        else:
            raise ComesAgain

    # What clients ask.

    @rule(speaks=SPEAKS, which=PICK)
    def create(self, speaks: str, which: int) -> None:
        """CR1."""
        client, call = self.clients[speaks], _pick(self.calls, which)
        if call is None or len(self.all_recordings) >= 2 * MAX_THINGS:
            return
        now = self.world.clock.step(0.001)
        answer = client.post("Calls", client.sid(ResourceType.CALL, call.id), "Recordings")
        running = next((each for each in call.recordings if each.by_api and each.status in ACTIVE), None)
        if call.status != "in-progress":
            _refused(answer, 400, 21220)
        elif running is not None:
            assert (answer.status, answer.body["sid"]) == (200, client.sid(ResourceType.RECORDING, running.id))
            assert answer.body["status"] == running.status
        else:
            assert (answer.status, answer.body["status"]) == (client.dialect.created_status, "in-progress")
            identifier = client.dialect.parse_sid(ResourceType.RECORDING, answer.body["sid"])
            assert identifier is not None
            made = Recording(identifier, call, "in-progress", by_api=True, confirmed_version=0, updated=now)
            self.all_recordings.append(made)
            call.recordings.append(made)

    @rule(
        speaks=SPEAKS,
        which=PICK,
        status=st.sampled_from(["paused", "in-progress", "stopped"]),
        current=st.booleans(),
        elsewhere=st.booleans(),
    )
    def update(self, speaks: str, which: int, status: str, *, current: bool, elsewhere: bool) -> None:
        """CR4 and FR3, by sid, as `Twilio.CURRENT`, or below another parent."""
        client, recording = self.clients[speaks], _pick(self.recordings, which)
        if recording is None:
            return
        parent = recording.parent
        if elsewhere:
            parent = _pick([*self.calls, *self.conferences], which + 1) or parent
        sid = "Twilio.CURRENT" if current else client.sid(ResourceType.RECORDING, recording.id)
        answer = client.post(*_path(client, parent), "Recordings", sid, form={"Status": status})
        if current:
            active = [each for each in parent.recordings if each.status in ACTIVE]
            if speaks == "signalwire" or not active:
                _refused(answer, 404, 20404)
                return
            if len(active) > 1:
                _refused(answer, 400, 16108)
                return
            (recording,) = active
        elif parent is not recording.parent or recording.status == "deleted":
            _refused(answer, 404, 20404)
            return
        self._moved(client, answer, recording, status)

    def _moved(self, client: FunctionClient, answer: Answer, recording: Recording, target: str) -> None:
        if recording.status in ACTIVE:
            if recording.status != target:
                recording.move(target, self.world.clock() // 1000)
        elif target != "stopped":
            _refused(answer, 400, 21220)
            return
        assert (answer.status, answer.body["status"]) == (200, recording.status)
        assert answer.body["sid"] == client.sid(ResourceType.RECORDING, recording.id)

    @rule(speaks=SPEAKS, which=PICK, nested=st.booleans())
    def delete(self, speaks: str, which: int, *, nested: bool) -> None:
        """CR5, FR4 and R3."""
        client, recording = self.clients[speaks], _pick(self.recordings, which)
        if recording is None:
            return
        above = _path(client, recording.parent) if nested else ()
        answer = client.delete(*above, "Recordings", client.sid(ResourceType.RECORDING, recording.id))
        if recording.status == "deleted":
            _refused(answer, 404, 20404)
        elif recording.status not in FINISHED:
            _refused(answer, 400, 20009)
        else:
            assert (answer.status, answer.content) == (204, b"")
            recording.status, recording.has_media = "deleted", False

    @rule(speaks=SPEAKS, which=PICK, status=st.sampled_from(["completed", "canceled"]))
    def update_call(self, speaks: str, which: int, status: str) -> None:
        """C3."""
        client, call = self.clients[speaks], _pick(self.calls, which)
        if call is None:
            return
        answer = client.post("Calls", client.sid(ResourceType.CALL, call.id), form={"Status": status})
        if call.status not in LIVE_CALL:
            _refused(answer, 400, 21220 if speaks == "twilio" else 10000)
            return
        if status == "canceled" and call.status == "in-progress":
            if speaks == "signalwire":
                _refused(answer, 400, 10000)
                return
        else:
            self._end_call(call, status)
        assert (answer.status, answer.body["status"]) == (200, call.status)

    @rule(speaks=SPEAKS, where=PICK)
    def end_conference(self, speaks: str, where: int) -> None:
        """F3."""
        client, room = self.clients[speaks], _pick(self.conferences, where)
        if room is None:
            return
        answer = client.post("Conferences", client.sid(ResourceType.CONFERENCE, room.id), form={"Status": "completed"})
        if not room.is_live:
            _refused(answer, 400, 20001 if speaks == "twilio" else 10000)
            return
        self._end_conference(room)
        assert (answer.status, answer.body["status"]) == (200, "completed")

    @rule(speaks=SPEAKS, where=PICK, who=PICK, muted=st.booleans(), hold=st.booleans())
    def change_participant(self, speaks: str, where: int, who: int, *, muted: bool, hold: bool) -> None:
        """P4."""
        client, room, call = self.clients[speaks], _pick(self.conferences, where), _pick(self.calls, who)
        if room is None or call is None:
            return
        path = (
            "Conferences",
            client.sid(ResourceType.CONFERENCE, room.id),
            "Participants",
            client.sid(ResourceType.CALL, call.id),
        )
        answer = client.post(*path, form={"Muted": str(muted), "Hold": str(hold)})
        member = next((each for each in room.members if each.call is call), None)
        if member is None or not room.is_live:
            assert answer.status in ({404} if speaks == "twilio" or room.is_live else {400, 404})
            return
        if (member.muted, member.hold) != (muted, hold):
            member.muted, member.hold = muted, hold
            self._ask(room, member, "participant.update")
        assert (answer.status, answer.body["muted"], answer.body["hold"]) == (200, muted, hold)

    @rule(speaks=SPEAKS, where=PICK, who=PICK)
    def kick(self, speaks: str, where: int, who: int) -> None:
        """P5."""
        client, room, call = self.clients[speaks], _pick(self.conferences, where), _pick(self.calls, who)
        if room is None or call is None:
            return
        path = (
            "Conferences",
            client.sid(ResourceType.CONFERENCE, room.id),
            "Participants",
            client.sid(ResourceType.CALL, call.id),
        )
        answer = client.delete(*path)
        if not room.is_live or not any(each.call is call for each in room.members):
            _refused(answer, 404, 20404)
            return
        assert answer.status == 204
        member = room.everybody[call.id]
        self._part(room, member)
        self._ask(room, member, "participant.remove")

    # What is seen.

    @rule(speaks=SPEAKS, size=st.sampled_from([1, 2, 50]))
    def list_recordings(self, speaks: str, size: int) -> None:
        """R1, with and without deleted ones, page by page."""
        client = self.clients[speaks]
        there = [each for each in self.recordings if each.status != "deleted"]
        assert self._walk(client, ("Recordings",), PageSize=str(size)) == self._shown(client, there)
        if speaks == "twilio":
            everything = self._walk(client, ("Recordings",), PageSize=str(size), IncludeSoftDeleted="true")
            assert everything == self._shown(client, self.recordings)

    @rule(speaks=SPEAKS, which=PICK)
    def look_at_a_parent(self, speaks: str, which: int) -> None:
        """C2, F2, CR2, FR1, and CR3 or FR2 of each recording."""
        client, parent = self.clients[speaks], _pick([*self.calls, *self.conferences], which)
        if parent is None:
            return
        path = _path(client, parent)
        assert client.get(*path).body["status"] == parent.status
        there = [each for each in parent.recordings if each.status != "deleted"]
        assert self._walk(client, (*path, "Recordings"), PageSize="2") == self._shown(client, there)
        for recording in parent.recordings:
            answer = client.get(*path, "Recordings", client.sid(ResourceType.RECORDING, recording.id))
            if recording.status == "deleted":
                _refused(answer, 404, 20404)
            else:
                assert answer.body["status"] == _seen(client, recording.status)

    @rule(speaks=SPEAKS, status=st.sampled_from(["init", "in-progress", "completed"]))
    def list_conferences(self, speaks: str, status: str) -> None:
        """F1, of all and of one status, and P1 of each."""
        client = self.clients[speaks]
        for wanted, query in (
            (self.conferences, {}),
            ([r for r in self.conferences if r.status == status], {"Status": status}),
        ):
            rooms = sorted(wanted, key=lambda room: room.id, reverse=True)
            found = self._walk(client, ("Conferences",), PageSize="2", **query)
            assert found == [(client.sid(ResourceType.CONFERENCE, room.id), room.status) for room in rooms]
        for room in self.conferences:
            path = ("Conferences", client.sid(ResourceType.CONFERENCE, room.id), "Participants")
            inside = room.members if room.is_live else []
            seen = {(each["call_sid"], each["muted"], each["hold"]) for each in client.get(*path).body["participants"]}
            assert seen == {(client.sid(ResourceType.CALL, each.call.id), each.muted, each.hold) for each in inside}

    @rule(speaks=SPEAKS, status=st.sampled_from(["queued", "in-progress", "completed", "canceled"]))
    def list_calls(self, speaks: str, status: str) -> None:
        """C1, of all and of one status."""
        client = self.clients[speaks]
        for wanted, query in ((self.calls, {}), ([c for c in self.calls if c.status == status], {"Status": status})):
            calls = sorted(wanted, key=lambda call: call.id, reverse=True)
            found = self._walk(client, ("Calls",), PageSize="3", **query)
            assert found == [(client.sid(ResourceType.CALL, call.id), call.status) for call in calls]

    @invariant()
    def nothing_outlives_its_parent(self) -> None:
        """What is active in the model hangs on something live: the model itself keeps the contract's first rule."""
        for recording in self.recordings:
            if recording.status in ACTIVE:
                assert recording.parent.status == "in-progress"

    def teardown(self) -> None:
        """At the end everything is looked at, in both dialects."""
        for speaks in self.clients:
            self.list_recordings(speaks, 50)
            for which in range(len(self.calls) + len(self.conferences)):
                self.look_at_a_parent(speaks, which)
            self.list_conferences(speaks, "init")
            self.list_calls(speaks, "in-progress")

    # What the model does.

    def _publish(self) -> None:
        assert self.world.publish() == []
        self.commands += [dict(message.body) for message in self.world.commands.drain()]

    def _ask(self, room: Conference, member: Member, kind: str) -> None:
        """The engine is to do something with a participant."""
        self._publish()
        about = {"type": kind, "conference": room.id, "call": member.call.id}
        told = [each["version"] for each in self.commands if about.items() <= each.items()]
        # Where its conference has ended with it, that is what the engine is told.
        assert told or not room.is_live
        member.requested_version, member.requested_at = max(told, default=0), self.world.clock() // 1000

    def _end_call(self, call: Call, status: str, heard: int = 0) -> None:
        call.status = status
        self._stop_all(call.recordings)
        member = call.room.everybody.get(call.id) if call.room is not None else None
        if call.room is not None and call.room.is_live and member is not None and member.is_inside:
            member.last_event_at = max(member.last_event_at, heard)
            self._part(call.room, member)

    def _part(self, room: Conference, member: Member) -> None:
        member.is_inside = False
        if not room.members or member.ends:
            self._end_conference(room)

    def _end_conference(self, room: Conference) -> None:
        room.status = "completed"
        self._stop_all(room.recordings)

    def _stop_all(self, recordings: Sequence[Recording]) -> None:
        for recording in recordings:
            if recording.status in ACTIVE:
                recording.move("stopped", self.world.clock() // 1000)

    def _all_that_is_seen(self) -> list[Any]:
        items = self.world.memory.scan(TableName=self.world.table)["Items"]
        return sorted(items, key=lambda item: (item["PK"]["S"], item["SK"]["S"]))

    def _shown(self, client: FunctionClient, recordings: Sequence[Recording]) -> list[tuple[str, str]]:
        newest_first = sorted(recordings, key=lambda each: each.id, reverse=True)
        return [(client.sid(ResourceType.RECORDING, each.id), _seen(client, each.status)) for each in newest_first]

    def _walk(self, client: FunctionClient, path: tuple[str, ...], **query: str) -> list[tuple[str, str]]:
        """The sids and statuses of a list, page by page."""
        body = client.get(*path, **query).body
        found: list[tuple[str, str]] = []
        while True:
            found += [(each["sid"], each["status"]) for each in body[path[-1].lower()]]
            if body["next_page_uri"] is None:
                return found
            body = client.request("GET", body["next_page_uri"]).body


def _pick(things: Sequence[Any], number: int) -> Any:
    return things[number % len(things)] if things else None


def _path(client: FunctionClient, parent: Call | Conference) -> tuple[str, str]:
    if isinstance(parent, Call):
        return "Calls", client.sid(ResourceType.CALL, parent.id)
    return "Conferences", client.sid(ResourceType.CONFERENCE, parent.id)


def _find(things: Sequence[Any], identifier: str) -> Any:
    return next(each for each in things if each.id == identifier)


def _seen(client: FunctionClient, status: str) -> str:
    """A recording's status as a read shows it (resources.md, section 2.2)."""
    if client.dialect.name == "twilio" and status not in FINISHED | {"deleted"}:
        return "processing"
    return status


def _refused(answer: Answer, status: int, code: int) -> None:
    assert (answer.status, answer.body["code"]) == (status, code)


_HEARD: Final[dict[str, Callable[[Families, Event], None]]] = {
    "call": Families._hear_of_call,
    "conference": Families._hear_of_conference,
    "participant": Families._hear_of_participant,
    "recording": Families._hear_of_recording,
}

_MOVES: Final = {"recording.paused": "paused", "recording.resumed": "in-progress", "recording.stopped": "stopped"}

_ANSWERS: Final = {
    "recording.start": "recording.started",
    "recording.pause": "recording.paused",
    "recording.resume": "recording.resumed",
    "recording.stop": "recording.stopped",
    "participant.update": "participant.changed",
    "participant.remove": "participant.left",
}
"""What answers a command, where that is told here."""


@pytest.mark.timeout(900)
def test_any_sequence_agrees_with_the_model(living: Callable[[int], World], bucket: Objects) -> None:
    """No sequence of requests, events and deletions in either dialect shows anything but what the model knows."""
    Families.make_world = staticmethod(lambda: living(72))
    Families.bucket = bucket
    run_state_machine_as_test(
        Families,
        settings=settings(
            max_examples=scaled(1_000, 12),
            stateful_step_count=40,
            deadline=None,
            # A sequence that fails is told as it is: to make it shorter takes longer than a test may.
            phases=[Phase.generate],
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
