"""Whatever clients, callers and a media engine do, in any order and either dialect: what is seen is what a model says.

The model is written from behaviour.md, sections 4 to 6 and 10, without a word of the code under test.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

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

from tapedeck import wiring
from tapedeck.dialects.dialect import Kind
from tapedeck.domain.call import CallStatus
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Parent, ParentKind, RecordingStatus, Source
from tapedeck.edge.endpoint import Service
from tests.client import DIALECTS, Answer, FunctionClient
from tests.conftest import DYNAMODB_URL
from tests.functions.conftest import moto_tables
from tests.functions.stage import Clock
from tests.thoroughness import scaled

PICK = st.integers(0, 1_000)
SPEAKS = st.sampled_from(sorted(DIALECTS))
ACTIVE = {"in-progress", "paused"}
FINISHED = {"completed", "absent"}
LIVE_CALL = {"queued", "ringing", "in-progress"}
MOST_THINGS = 8


@dataclass
class Recording:
    """What the model knows of one."""

    id: str
    parent: "Call | Conference"
    status: str = "in-progress"
    by_api: bool = False


@dataclass
class Call:
    """What the model knows of one."""

    id: str
    status: str
    recordings: list[Recording] = field(default_factory=list)
    room: "Conference | None" = None


@dataclass
class Member:
    """Somebody who is, or was, in a conference."""

    call: Call
    ends: bool
    muted: bool = False
    hold: bool = False


@dataclass
class Conference:
    """What the model knows of one."""

    id: str
    name: str
    status: str = "init"
    members: list[Member] = field(default_factory=list)
    recordings: list[Recording] = field(default_factory=list)
    first: Call | None = None

    @property
    def is_live(self) -> bool:
        """Whether it has not been completed."""
        return self.status != "completed"


class Families(RuleBasedStateMachine):
    """One account, and all that may happen in it."""

    service: ClassVar[Service]
    clock: ClassVar[Clock]

    def __init__(self) -> None:
        super().__init__()
        made = wiring.office().accounts.create()
        self.account = made.account
        self.clients = {
            name: FunctionClient(dialect, made.account, made.auth_token) for name, dialect in DIALECTS.items()
        }
        self.calls: list[Call] = []
        self.conferences: list[Conference] = []
        self.recordings: list[Recording] = []

    # What happens.

    @initialize(ends=st.lists(st.booleans(), min_size=1, max_size=3))
    def begin(self, ends: list[bool]) -> None:
        """A few calls in a conference to begin with."""
        self.meet("Lobby")
        for who, each in enumerate(ends):
            self.appear("in-progress")
            self.join(who, 0, ends=each)

    @rule(seconds=st.sampled_from([0.001, 1, 60, 86_400]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.clock.step(seconds)

    @precondition(lambda self: len(self.calls) < MOST_THINGS)
    @rule(status=st.sampled_from(["queued", "ringing", "in-progress", "in-progress"]))
    def appear(self, status: str) -> None:
        """A call comes into being."""
        self.clock.step(0.001)
        made = self.service.calls.appear(
            self.account, to="+12025550100", from_="+12025550101", direction="inbound", status=CallStatus(status)
        )
        self.calls.append(Call(made.id, status))

    @precondition(lambda self: len(self.conferences) < MOST_THINGS)
    @rule(name=st.sampled_from(["Lobby", "Attic", "Cellar"]))
    def meet(self, name: str) -> None:
        """A conference comes into being, unless its name is taken."""
        if any(room.is_live and room.name == name for room in self.conferences):
            return
        self.clock.step(0.001)
        made = self.service.conferences.appear(self.account, name)
        self.conferences.append(Conference(made.id, name))

    @rule(who=PICK, where=PICK, ends=st.booleans())
    def join(self, who: int, where: int, *, ends: bool) -> None:
        """A call in progress enters a live conference, once."""
        call, room = _pick(self.calls, who), _pick(self.conferences, where)
        if call is None or room is None or call.room is not None or call.status != "in-progress" or not room.is_live:
            return
        self.service.conferences.join(self.account, room.id, call.id, end_on_exit=ends)
        room.members.append(Member(call, ends))
        room.first = room.first or call
        call.room = room
        if len(room.members) > 1:
            room.status = "in-progress"

    @rule(who=PICK)
    def hang_up(self, who: int) -> None:
        """A call ends by itself."""
        call = _pick(self.calls, who)
        if call is not None and call.status in LIVE_CALL:
            self.service.calls.end(self.account, call.id)
            self._end_call(call, "completed")

    @rule(where=PICK)
    def record_conference(self, where: int) -> None:
        """A media engine begins to record a conference that is in progress."""
        room = _pick(self.conferences, where)
        if (
            room is None
            or room.status != "in-progress"
            or room.first is None
            or len(self.recordings) >= 2 * MOST_THINGS
        ):
            return
        self.clock.step(0.001)
        parent = Parent(self.account, ParentKind.CONFERENCE, room.id)
        made = self.service.recordings.start_by_engine(parent, source=Source.CONFERENCE, call=room.first.id)
        self._note(Recording(made.id, room))

    @rule(which=PICK)
    def record_leg(self, which: int) -> None:
        """A media engine begins to record a call for a reason of its own."""
        call = _pick(self.calls, which)
        if call is None or call.status != "in-progress" or len(self.recordings) >= 2 * MOST_THINGS:
            return
        self.clock.step(0.001)
        parent = Parent(self.account, ParentKind.CALL, call.id)
        made = self.service.recordings.start_by_engine(parent, source=Source.RECORD_VERB, call=call.id)
        self._note(Recording(made.id, call))

    @rule(which=PICK, status=st.sampled_from(sorted(FINISHED)))
    def finish(self, which: int, status: str) -> None:
        """A media engine has made what was stopped into media, or found nothing worth it."""
        recording = _pick([each for each in self.recordings if each.status == "stopped"], which)
        if recording is None:
            return
        found = self.service.recordings.get(self._parent(recording), recording.id)
        duration, error = (5, None) if status == "completed" else (0, 16101)
        after = replace(found, status=RecordingStatus(status), duration=duration, error=error)
        self.service.recordings._store.finish_recording(after, new_id(self.clock()), by_engine=True)
        recording.status = status

    # What clients ask.

    @rule(speaks=SPEAKS, which=PICK)
    def create(self, speaks: str, which: int) -> None:
        """CR1."""
        client, call = self.clients[speaks], _pick(self.calls, which)
        if call is None or len(self.recordings) >= 2 * MOST_THINGS:
            return
        self.clock.step(0.001)
        answer = client.post("Calls", client.sid(Kind.CALL, call.id), "Recordings")
        running = next((each for each in call.recordings if each.by_api and each.status in ACTIVE), None)
        if call.status != "in-progress":
            _refused(answer, 400, 21220)
        elif running is not None:
            assert (answer.status, answer.body["sid"]) == (200, client.sid(Kind.RECORDING, running.id))
            assert answer.body["status"] == running.status
        else:
            assert (answer.status, answer.body["status"]) == (client.dialect.created_status, "in-progress")
            identifier = client.dialect.read(Kind.RECORDING, answer.body["sid"])
            assert identifier is not None
            self._note(Recording(identifier, call, by_api=True))

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
        sid = "Twilio.CURRENT" if current else client.sid(Kind.RECORDING, recording.id)
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
            recording.status = target
        elif target != "stopped":
            _refused(answer, 400, 21220)
            return
        assert (answer.status, answer.body["status"]) == (200, recording.status)
        assert answer.body["sid"] == client.sid(Kind.RECORDING, recording.id)

    @rule(speaks=SPEAKS, which=PICK, nested=st.booleans())
    def delete(self, speaks: str, which: int, *, nested: bool) -> None:
        """CR5, FR4 and R3."""
        client, recording = self.clients[speaks], _pick(self.recordings, which)
        if recording is None:
            return
        above = _path(client, recording.parent) if nested else ()
        answer = client.delete(*above, "Recordings", client.sid(Kind.RECORDING, recording.id))
        if recording.status == "deleted":
            _refused(answer, 404, 20404)
        elif recording.status not in FINISHED:
            _refused(answer, 400, 20009)
        else:
            assert (answer.status, answer.content) == (204, b"")
            recording.status = "deleted"

    @rule(speaks=SPEAKS, which=PICK, status=st.sampled_from(["completed", "canceled"]))
    def update_call(self, speaks: str, which: int, status: str) -> None:
        """C3."""
        client, call = self.clients[speaks], _pick(self.calls, which)
        if call is None:
            return
        answer = client.post("Calls", client.sid(Kind.CALL, call.id), form={"Status": status})
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
        answer = client.post("Conferences", client.sid(Kind.CONFERENCE, room.id), form={"Status": "completed"})
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
        path = ("Conferences", client.sid(Kind.CONFERENCE, room.id), "Participants", client.sid(Kind.CALL, call.id))
        answer = client.post(*path, form={"Muted": str(muted), "Hold": str(hold)})
        member = next((each for each in room.members if each.call is call), None)
        if member is None or not room.is_live:
            assert answer.status in ({404} if speaks == "twilio" or room.is_live else {400, 404})
            return
        member.muted, member.hold = muted, hold
        assert (answer.status, answer.body["muted"], answer.body["hold"]) == (200, muted, hold)

    @rule(speaks=SPEAKS, where=PICK, who=PICK)
    def kick(self, speaks: str, where: int, who: int) -> None:
        """P5."""
        client, room, call = self.clients[speaks], _pick(self.conferences, where), _pick(self.calls, who)
        if room is None or call is None:
            return
        path = ("Conferences", client.sid(Kind.CONFERENCE, room.id), "Participants", client.sid(Kind.CALL, call.id))
        answer = client.delete(*path)
        if not room.is_live or not any(each.call is call for each in room.members):
            _refused(answer, 404, 20404)
            return
        assert answer.status == 204
        self._leave(room, call)

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
            answer = client.get(*path, "Recordings", client.sid(Kind.RECORDING, recording.id))
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
            assert found == [(client.sid(Kind.CONFERENCE, room.id), room.status) for room in rooms]
        for room in self.conferences:
            path = ("Conferences", client.sid(Kind.CONFERENCE, room.id), "Participants")
            inside = room.members if room.is_live else []
            seen = {(each["call_sid"], each["muted"], each["hold"]) for each in client.get(*path).body["participants"]}
            assert seen == {(client.sid(Kind.CALL, each.call.id), each.muted, each.hold) for each in inside}

    @rule(speaks=SPEAKS, status=st.sampled_from(["queued", "in-progress", "completed", "canceled"]))
    def list_calls(self, speaks: str, status: str) -> None:
        """C1, of all and of one status."""
        client = self.clients[speaks]
        for wanted, query in ((self.calls, {}), ([c for c in self.calls if c.status == status], {"Status": status})):
            calls = sorted(wanted, key=lambda call: call.id, reverse=True)
            found = self._walk(client, ("Calls",), PageSize="3", **query)
            assert found == [(client.sid(Kind.CALL, call.id), call.status) for call in calls]

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
        _forget(self.account)

    # What the model does.

    def _note(self, recording: Recording) -> None:
        self.recordings.append(recording)
        recording.parent.recordings.append(recording)

    def _end_call(self, call: Call, status: str) -> None:
        call.status = status
        _stop_all(call.recordings)
        if call.room is not None and call.room.is_live and any(each.call is call for each in call.room.members):
            self._leave(call.room, call)

    def _leave(self, room: Conference, call: Call) -> None:
        (member,) = [each for each in room.members if each.call is call]
        room.members.remove(member)
        if not room.members or member.ends:
            self._end_conference(room)

    def _end_conference(self, room: Conference) -> None:
        room.status = "completed"
        _stop_all(room.recordings)

    def _parent(self, recording: Recording) -> Parent:
        kind = ParentKind.CALL if isinstance(recording.parent, Call) else ParentKind.CONFERENCE
        return Parent(self.account, kind, recording.parent.id)

    def _shown(self, client: FunctionClient, recordings: Sequence[Recording]) -> list[tuple[str, str]]:
        newest_first = sorted(recordings, key=lambda each: each.id, reverse=True)
        return [(client.sid(Kind.RECORDING, each.id), _seen(client, each.status)) for each in newest_first]

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
        return "Calls", client.sid(Kind.CALL, parent.id)
    return "Conferences", client.sid(Kind.CONFERENCE, parent.id)


def _stop_all(recordings: Sequence[Recording]) -> None:
    for recording in recordings:
        if recording.status in ACTIVE:
            recording.status = "stopped"


def _seen(client: FunctionClient, status: str) -> str:
    """A recording's status as a read shows it (resources.md, section 2.2)."""
    if client.dialect.name == "twilio" and status not in FINISHED | {"deleted"}:
        return "processing"
    return status


def _refused(answer: Answer, status: int, code: int) -> None:
    assert (answer.status, answer.body["code"]) == (status, code)


def _forget(account: str) -> None:
    """Take away all that an account has: moto looks through a whole table for each page by status."""
    for table in moto_tables().values():
        for partition in [each for each in table.items if account in str(each.value)]:
            del table.items[partition]
        if table.stream_shard:
            table.stream_shard.items.clear()


@pytest.mark.skipif(bool(DYNAMODB_URL), reason="clears up in moto's own tables")
@pytest.mark.timeout(900)
def test_any_sequence_of_operations_agrees_with_the_model(service: Service, clock: Clock) -> None:
    """No sequence of requests, hang-ups and deletions in either dialect shows anything but what the model knows."""
    Families.service = service
    Families.clock = clock
    run_state_machine_as_test(
        Families,
        settings=settings(
            max_examples=scaled(300, 12),
            stateful_step_count=40,
            deadline=None,
            # A sequence that fails is told as it is: to make it shorter takes longer than a test may.
            phases=[Phase.generate],
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
