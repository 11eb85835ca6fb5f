"""A call that was dialed into a conference ends with its stay there; a call that gets new instructions leaves."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from tapedeck.background.engine_monitor import EngineMonitor
from tapedeck.background.handlers import IncompleteRun
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import Call
from tapedeck.domain.conference import EndReason
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Parent, ParentKind, Source
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.participants import AddParticipant
from tapedeck.operations.recordings import StartRecording
from tests.client import DIALECTS
from tests.functions.background_world import World
from tests.reporter import join_conference, open_conference, start_recording

URL: Final = "https://app.example.com/hooks"
FORM: Final = {"Url": "https://app.example.com/next"}


@dataclass(frozen=True, slots=True)
class Room:
    """A conference in progress: a caller, an agent who was dialed and answered, and one who is being dialed."""

    conference: str
    caller: str
    agent: str
    late_agent: str


def make_room(world: World, dialect: str = "twilio", *, agent_ends: bool = False, caller_ends: bool = False) -> Room:
    """Make the conference, with callbacks of all its events; nothing is pending in the stream."""
    service, account = world.services, world.account.account
    events = ("start", "end", "join", "leave")
    conference = open_conference(
        service, account, "Room", callback=CallbackSubscription(URL, "POST", events, dialect)
    ).id
    caller = service.calls.register(account, to="", from_="", direction="inbound").id
    join_conference(service, account, conference, caller, end_on_exit=caller_ends)
    agents = [
        service.participants.add(account, conference, AddParticipant("+1", "+2", end_conference_on_exit=agent_ends))
        for _ in range(2)
    ]
    world.clock.step(1)
    world.stage.engine.answered(agents[0].call, agents[0].version)
    publish(world)
    world.discard()
    return Room(conference, caller, agents[0].call, agents[1].call)


@pytest.fixture
def endless_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no call end because of its age: a command expires at the same age (C-200)."""
    monkeypatch.setattr(EngineMonitor, "_end_old", lambda *_: Counter())


def publish(world: World) -> None:
    """Publish changes until there are none left: a change may cause others."""
    while records := world.changes():
        assert world.publish(records) == []


def statuses(world: World, room: Room) -> list[str]:
    """Return the statuses of the caller, the agent, and the agent who is being dialed."""
    found = [
        world.services.calls.get(world.account.account, each) for each in (room.caller, room.agent, room.late_agent)
    ]
    return [str(call.status) for call in found]


def participant_version(world: World, room: Room) -> int:
    """Return the version of the command that dials the second agent."""
    found = world.services.participants.get(world.account.account, room.conference, room.late_agent)
    return found.requested_version


def commands(world: World) -> set[tuple[str, str]]:
    """Return the type and the call of each command about a call that was sent."""
    return {
        (message.body["type"], message.body["call"]) for message in world.commands.drain() if "call" in message.body
    }


def by_api(world: World, room: Room) -> None:
    """A client ends the conference."""
    world.services.conferences.end(world.account.account, room.conference)


def by_engine(world: World, room: Room) -> None:
    """The engine reports the end of the conference."""
    world.stage.engine.conference_ended(room.conference, EndReason.VIA_API)


def by_engine_with_a_call(world: World, room: Room) -> None:
    """The engine reports that the caller ended the conference by leaving."""
    world.stage.engine.conference_ended(room.conference, EndReason.END_ON_EXIT_LEFT, room.caller)


def by_leaving(world: World, room: Room) -> None:
    """The caller, who ends the conference on exit, leaves it."""
    world.stage.engine.left(room.conference, room.caller)


def by_removal(world: World, room: Room) -> None:
    """A client removes the caller, who ends the conference on exit."""
    world.services.participants.remove(world.account.account, room.conference, room.caller)


def by_redirect(world: World, room: Room) -> None:
    """A client gives new instructions to the caller, who ends the conference on exit."""
    client = world.client("twilio")
    assert client.post("Calls", client.sid(ResourceType.CALL, room.caller), form=FORM).status == 200


ENDS: Final = (by_api, by_engine, by_engine_with_a_call, by_leaving, by_removal, by_redirect)


@pytest.mark.parametrize("end", ENDS)
def test_dialed_calls_end_with_their_conference(world: World, end: Callable[[World, Room], None]) -> None:
    """The answered call is completed, the one that is being dialed canceled; the caller's call goes on."""
    room = make_room(world, caller_ends=True)
    recording, _ = world.services.recordings.create(
        Parent(world.account.account, ParentKind.CALL, room.agent), StartRecording()
    )
    publish(world)
    world.discard()
    end(world, room)
    assert statuses(world, room) == ["in-progress", "in-progress", "queued"]
    publish(world)
    assert statuses(world, room) == ["in-progress", "completed", "canceled"]
    assert world.services.recordings.get(recording.parent, recording.id).status == "stopped"
    sent = commands(world)
    assert {("call.hang_up", room.agent), ("call.hang_up", room.late_agent)} <= sent
    assert ("call.hang_up", room.caller) not in sent


@pytest.mark.parametrize("end", ENDS)
def test_the_end_of_dialed_calls_does_not_depend_on_the_stream(
    world: World, end: Callable[[World, Room], None]
) -> None:
    """If the change is lost, the conference stays pending work, and reconcile ends the calls after ten minutes."""
    room = make_room(world, caller_ends=True)
    end(world, room)
    world.changes()
    version = world.services.conferences.get(world.account.account, room.conference).requested_version
    if version:
        world.ingest(world.event("conference.ended", conference=room.conference, version=version))
    world.clock.step(599)
    world.reconcile()
    assert statuses(world, room) == ["in-progress", "in-progress", "queued"]
    world.clock.step(1)
    assert world.reconcile()["calls_ended"] == 2
    assert statuses(world, room) == ["in-progress", "completed", "canceled"]
    assert "calls_ended" not in world.reconcile()
    assert room.conference not in {work.resource.id for work in world.pending_work()}


def test_a_conference_without_callbacks_waits_for_its_dialed_calls(world: World) -> None:
    """Without a subscription it becomes pending work at its end, if participants were dialed, and only then."""
    service, account = world.services, world.account.account
    rooms = [open_conference(service, account, name).id for name in ("Dialed", "Joined")]
    added = service.participants.add(account, rooms[0], AddParticipant("+1", "+2"))
    world.stage.engine.answered(added.call, added.version)
    publish(world)
    assert world.pending_work() == []
    for room in rooms:
        world.stage.engine.conference_ended(room, EndReason.VIA_API)
    world.changes()
    assert [work.resource.id for work in world.pending_work()] == [rooms[0]]
    world.clock.step(600)
    assert world.reconcile()["calls_ended"] == 1
    assert {type(work.resource) for work in world.pending_work()} == {Call}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialed_calls_end_after_a_command_of_the_conference_has_expired(world: World, dialect: str) -> None:
    """An announcement that is never confirmed does not hide the end of the conference from reconcile."""
    service, account = world.services, world.account.account
    conference = open_conference(service, account, "Room").id
    caller = service.calls.register(account, to="", from_="", direction="inbound").id
    join_conference(service, account, conference, caller)
    agent = service.participants.add(account, conference, AddParticipant("+1", "+2"))
    world.stage.engine.answered(agent.call, agent.version)
    client = world.client(dialect)
    form = {"AnnounceUrl": "https://app.example.com/announcement"}
    assert client.post("Conferences", client.sid(ResourceType.CONFERENCE, conference), form=form).status == 200
    world.clock.step(86_400)
    assert world.reconcile() == {"expired": 1}
    assert world.pending_work() == []
    assert world.ingest(world.event("conference.ended", conference=conference, reason=EndReason.VIA_API)) == []
    world.discard()
    world.clock.step(600)
    assert world.reconcile()["calls_ended"] == 1
    assert service.calls.get(account, agent.call).status == "completed"


def test_publishing_an_end_again_changes_nothing(world: World) -> None:
    """A repeated stream record ends no call again, nor one that has joined another conference since."""
    room = make_room(world)
    by_api(world, room)
    records = world.changes()
    assert world.publish(records) == []
    ended = world.services.calls.get(world.account.account, room.agent)
    world.clock.step(5)
    assert world.publish(records) == []
    assert world.services.calls.get(world.account.account, room.agent) == ended


def test_a_call_that_has_moved_to_another_conference_goes_on(world: World) -> None:
    """The end of the conference that a call was dialed into does not end it after it has joined another one."""
    service, account = world.services, world.account.account
    room = make_room(world)
    other = open_conference(service, account, "Other").id
    join_conference(service, account, other, room.agent)
    by_api(world, room)
    publish(world)
    assert statuses(world, room) == ["in-progress", "in-progress", "canceled"]
    service.participants.remove(account, other, room.agent)
    publish(world)
    assert statuses(world, room) == ["in-progress", "in-progress", "canceled"]


@pytest.mark.parametrize("is_streamed", [True, False])
@pytest.mark.parametrize("is_busy", [True, False])
def test_a_failing_end_delays_nothing_else(world: World, *, is_busy: bool, is_streamed: bool) -> None:
    """Callbacks of the conference do not wait for a call that could not be ended; nor do other calls if it is busy.

    The `leave` has the call's final status already. Publishing again, or the next run of reconcile, ends the call.
    """
    room = make_room(world)
    by_api(world, room)
    records = world.changes()

    def fail(when: str, operation: str, request: Mapping[str, Any]) -> None:
        if when == "before" and operation == "TransactWriteItems" and room.agent in str(request):
            raise ClientError({"Error": {"Code": error}}, operation)

    error = "TransactionConflictException" if is_busy else "InternalServerError"
    world.faults.append(fail)
    if is_streamed:
        assert len(world.publish(records)) == 1
    else:
        world.clock.step(600)
        with pytest.raises(IncompleteRun):
            world.reconcile()
    world.faults.remove(fail)
    assert statuses(world, room)[1] == "in-progress"
    if is_busy:
        assert statuses(world, room)[2] == "canceled"
    delivered = world.deliveries(room.conference)
    assert delivered[-1].event == "end"
    (leave,) = [each.body for each in delivered if each.event == "leave" and f"CA{room.agent}" in each.body]
    assert "ParticipantCallStatus=completed" in leave
    if is_streamed:
        assert world.publish(records) == []
    else:
        world.reconcile()
    assert statuses(world, room) == ["in-progress", "completed", "canceled"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_removed_agent_is_hung_up(world: World, dialect: str) -> None:
    """Its call ends in the same transaction and its recording stops; the engine is sent both commands."""
    room = make_room(world, dialect)
    recording, _ = world.services.recordings.create(
        Parent(world.account.account, ParentKind.CALL, room.agent), StartRecording()
    )
    world.discard()
    client = world.client(dialect)
    now = world.clock.step(3)
    conference = client.sid(ResourceType.CONFERENCE, room.conference)
    agents = [client.sid(ResourceType.CALL, each) for each in (room.agent, room.late_agent)]
    for agent in agents:
        assert client.delete("Conferences", conference, "Participants", agent).status == 204
    assert statuses(world, room) == ["in-progress", "completed", "canceled"]
    call = world.services.calls.get(world.account.account, room.agent)
    assert (call.ended, call.duration) == (now, 3)
    stopped = world.services.recordings.get(recording.parent, recording.id)
    assert (stopped.status, stopped.ended) == ("stopped", now)
    assert client.get("Conferences", conference).body["status"] == "in-progress"
    publish(world)
    assert commands(world) == {
        (kind, call) for kind in ("call.hang_up", "participant.remove") for call in (room.agent, room.late_agent)
    }
    if dialect == "twilio":
        (leave,) = [each for each in world.deliveries(room.conference) if each.event == "leave"]
        assert "ReasonParticipantLeft=participant_updated_via_api" in leave.body
        assert "ParticipantCallStatus=completed" in leave.body


def test_the_last_agent_ends_the_conference_as_kicked(world: World) -> None:
    """Removing a dialed participant that ends the conference on exit is reported as kicked, and ends the others."""
    room = make_room(world, agent_ends=True)
    world.services.participants.remove(world.account.account, room.conference, room.agent)
    ended = world.services.conferences.get(world.account.account, room.conference)
    assert (ended.status, ended.ending_call) == ("completed", room.agent)
    assert ended.reason == "participant-with-end-conference-on-exit-kicked"
    publish(world)
    assert statuses(world, room) == ["in-progress", "completed", "canceled"]


def test_an_agent_is_hung_up_when_the_engine_reports_its_leave(world: World) -> None:
    """An answered call ends when the engine reports that it has left; the leave counts as hung up."""
    room = make_room(world)
    assert world.ingest(world.event("participant.left", conference=room.conference, call=room.agent)) == []
    assert statuses(world, room) == ["in-progress", "completed", "queued"]
    publish(world)
    assert commands(world) == {("call.hang_up", room.agent)}
    (leave,) = [each for each in world.deliveries(room.conference) if each.event == "leave"]
    assert "ReasonParticipantLeft=participant_hung_up" in leave.body


def test_the_engine_reports_how_dialing_ended(world: World) -> None:
    """A leave before the answer does not end the call: `call.ended` states why it was not answered."""
    room = make_room(world)
    about: dict[str, Any] = {"conference": room.conference, "call": room.late_agent}
    assert world.ingest(world.event("participant.left", **about)) == []
    assert statuses(world, room) == ["in-progress", "in-progress", "queued"]
    assert world.ingest(world.event("call.ended", call=room.late_agent, status="busy")) == []
    assert statuses(world, room) == ["in-progress", "in-progress", "busy"]


def test_a_leave_that_overtakes_the_ringing_does_not_cancel_the_call(world: World) -> None:
    """The call rings although its participant has left, no hang-up is sent, and `call.ended` states how it ended."""
    room = make_room(world)
    rings = world.event("call.ringing", call=room.late_agent, version=participant_version(world, room))
    world.clock.step(1)
    left = world.event("participant.left", conference=room.conference, call=room.late_agent)
    world.clock.step(1)
    ended = world.event("call.ended", call=room.late_agent, status="busy")
    assert world.ingest(left, rings) == []
    assert statuses(world, room) == ["in-progress", "in-progress", "ringing"]
    assert world.ingest(ended) == []
    assert statuses(world, room) == ["in-progress", "in-progress", "busy"]
    publish(world)
    assert commands(world) == set()


def test_a_leave_that_overtakes_the_answer_keeps_the_duration(world: World) -> None:
    """A short call whose leave arrives before its answer is completed, with the seconds from the answer to the end."""
    room = make_room(world)
    world.clock.step(1)
    answered = world.event("call.answered", call=room.late_agent, version=participant_version(world, room))
    world.clock.step(4)
    left = world.event("participant.left", conference=room.conference, call=room.late_agent)
    ended = world.event("call.ended", call=room.late_agent, status="completed")
    assert world.ingest(left, answered, ended) == []
    call = world.services.calls.get(world.account.account, room.late_agent)
    assert (call.status, call.duration) == ("completed", 4)
    publish(world)
    assert commands(world) == set()


def test_a_late_answer_does_not_make_later_events_current(world: World) -> None:
    """An event from between the answer and the entry stays stale if the entry arrived before the answer."""
    room = make_room(world)
    about: dict[str, Any] = {"conference": room.conference, "call": room.late_agent}
    answered = world.event("call.answered", call=room.late_agent, version=participant_version(world, room))
    world.clock.step(1)
    muted = world.event("participant.changed", **about, muted=True, hold=False)
    world.clock.step(1)
    assert world.ingest(world.event("participant.joined", **about), answered, muted) == []
    participant = world.services.participants.get(world.account.account, room.conference, room.late_agent)
    assert (participant.status, participant.muted) == ("connected", False)


@pytest.mark.parametrize("kind", ["call.ringing", "call.answered"])
@pytest.mark.parametrize("is_published", [True, False])
def test_a_late_answer_does_not_outlive_the_conference(world: World, kind: str, *, is_published: bool) -> None:
    """A dialed call that rings or answers after the end is canceled and hung up, before or after its end is known."""
    room = make_room(world)
    by_api(world, room)
    if is_published:
        publish(world)
    assert world.ingest(world.event(kind, call=room.late_agent)) == []
    assert statuses(world, room)[2] == "canceled"
    publish(world)
    assert ("call.hang_up", room.late_agent) in commands(world)
    assert statuses(world, room) == ["in-progress", "completed", "canceled"]


@pytest.mark.usefixtures("endless_calls")
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_call_that_the_engine_never_dials_fails(world: World, dialect: str) -> None:
    """After a day its command expires: the call fails, is hung up and is no participant any more; others go on."""
    room = make_room(world, dialect)
    client = world.client(dialect)
    world.clock.step(86_400)
    world.reconcile()
    assert statuses(world, room) == ["in-progress", "in-progress", "failed"]
    assert client.get("Calls", client.sid(ResourceType.CALL, room.late_agent)).body["status"] == "failed"
    place = ("Conferences", client.sid(ResourceType.CONFERENCE, room.conference), "Participants")
    assert client.get(*place, client.sid(ResourceType.CALL, room.late_agent)).status == 404
    publish(world)
    assert commands(world) == {("call.hang_up", room.late_agent)}
    assert world.reconcile()["expired"] == 1
    assert "expired" not in world.reconcile()
    assert {type(work.resource) for work in world.pending_work() if work.resource.id == room.late_agent} == {Call}


@pytest.mark.usefixtures("endless_calls")
@pytest.mark.parametrize("happens", ["call.ringing", "call.answered", "call.ended"])
def test_a_report_prevents_the_failure_of_a_dial(world: World, happens: str) -> None:
    """A call that the engine reports while its dial expires keeps what was reported."""
    room = make_room(world)
    world.clock.step(86_400)
    fields: dict[str, Any] = {"status": "busy"} if happens == "call.ended" else {}
    event = world.event(happens, call=room.late_agent, version=participant_version(world, room), **fields)

    def race(when: str, operation: str, request: Mapping[str, Any]) -> None:
        if when == "before" and operation == "UpdateItem" and room.late_agent in str(request["Key"]):
            world.faults.clear()
            assert world.ingest(event) == []

    world.faults.append(race)
    world.reconcile()
    assert world.faults == []
    expected = {"call.ringing": "ringing", "call.answered": "in-progress", "call.ended": "busy"}[happens]
    assert statuses(world, room) == ["in-progress", "in-progress", expected]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("who", ["caller", "agent"])
def test_a_redirected_participant_leaves(world: World, dialect: str, who: str) -> None:
    """It is not listed any more and cannot be changed; its call and its recording go on, also after the end."""
    room = make_room(world, dialect)
    call = getattr(room, who)
    recording, _ = world.services.recordings.create(
        Parent(world.account.account, ParentKind.CALL, call), StartRecording()
    )
    world.discard()
    client = world.client(dialect)
    sid = client.sid(ResourceType.CALL, call)
    conference = client.sid(ResourceType.CONFERENCE, room.conference)
    with world.recorded_requests() as requests:
        assert client.post("Calls", sid, form=FORM).body["status"] == "in-progress"
    # After authentication: the write of a call outside a conference, the read of the membership, the transaction.
    assert requests[-3:] == ["UpdateItem", "BatchGetItem", "TransactWriteItems"]
    place = ("Conferences", conference, "Participants")
    listed = client.get(*place).body["participants"]
    assert sid not in [each["call_sid"] for each in listed]
    for answer in (
        client.get(*place, sid),
        client.post(*place, sid, form={"Muted": "true"}),
        client.delete(*place, sid),
    ):
        assert (answer.status, answer.body["code"]) == (404, 20404)
    publish(world)
    assert commands(world) == {("call.redirect", call)}
    (leave,) = [each for each in world.deliveries(room.conference) if each.event == "leave"]
    if dialect == "twilio":
        assert "ReasonParticipantLeft=participant_updated_via_api" in leave.body
        assert "ParticipantCallStatus=in-progress" in leave.body
    by_api(world, room)
    publish(world)
    assert client.get("Calls", sid).body["status"] == "in-progress"
    assert world.services.recordings.get(recording.parent, recording.id).status == "in-progress"


@pytest.mark.parametrize(("ends", "reason"), [(True, EndReason.END_ON_EXIT_LEFT), (False, EndReason.LAST_LEFT)])
def test_a_redirect_may_end_the_conference(world: World, reason: EndReason, *, ends: bool) -> None:
    """The redirect of one that ends the conference on exit, or of the last one, ends it with its recordings."""
    room = make_room(world, caller_ends=ends)
    service, account = world.services, world.account.account
    if not ends:
        service.participants.remove(account, room.conference, room.agent)
    recordings = [
        start_recording(
            service, Parent(account, ParentKind.CONFERENCE, room.conference), source=Source.CONFERENCE, call=room.caller
        )
    ]
    by_redirect(world, room)
    conference = service.conferences.get(account, room.conference)
    assert (conference.status, conference.reason, conference.ending_call) == ("completed", reason, room.caller)
    assert [service.recordings.get(each.parent, each.id).status for each in recordings] == ["stopped"]
    assert statuses(world, room)[0] == "in-progress"


def test_a_dialed_call_cannot_be_redirected_after_the_end(world: World) -> None:
    """Until the end of its call is known, a dialed participant of an ended conference answers 21220; a caller 200."""
    room = make_room(world)
    by_api(world, room)
    for dialect in DIALECTS:
        client = world.client(dialect)
        answer = client.post("Calls", client.sid(ResourceType.CALL, room.agent), form=FORM)
        assert (answer.status, answer.body["code"]) == (400, 21220)
        assert client.post("Calls", client.sid(ResourceType.CALL, room.caller), form=FORM).status == 200


@pytest.mark.parametrize("what", ["join", "end", "hang up"])
def test_a_redirect_respects_concurrent_changes(world: World, what: str) -> None:
    """A change between reading and writing is read again."""
    room = make_room(world)
    service, account = world.services, world.account.account
    other = service.calls.register(account, to="", from_="", direction="inbound").id
    acts: dict[str, Callable[[], Any]] = {
        "join": lambda: join_conference(service, account, room.conference, other),
        "end": lambda: service.conferences.end(account, room.conference),
        "hang up": lambda: service.calls.end(account, room.caller),
    }

    def race(when: str, operation: str, _request: object) -> None:
        if when == "after" and operation == "BatchGetItem":
            world.faults.clear()
            acts[what]()

    world.faults.append(race)
    client = world.client("twilio")
    answer = client.post("Calls", client.sid(ResourceType.CALL, room.caller), form=FORM)
    assert answer.status == (400 if what == "hang up" else 200)
    conference = service.conferences.get(account, room.conference)
    assert conference.participants == {"join": 2, "end": 2, "hang up": 1}[what]


@dataclass(frozen=True, slots=True)
class Redirected:
    """A caller who was redirected, and the engine's reports about it, by its clock, which may differ."""

    path: tuple[str, ...]
    early: dict[str, Any]
    left: dict[str, Any]
    redirected: dict[str, Any]
    joined: dict[str, Any]


def redirect_caller(world: World, room: Room, dialect: str, skew: int) -> Redirected:
    """Redirect the caller; `early` is its entry before that, `joined` a new one. `skew`: milliseconds of the engine."""
    client = world.client(dialect)
    sid = client.sid(ResourceType.CALL, room.caller)
    about: dict[str, Any] = {"conference": room.conference, "call": room.caller}
    early = world.event("participant.joined", **about, at=world.clock() + skew)
    world.clock.step(1)
    assert client.post("Calls", sid, form=FORM).status == 200
    version = world.services.calls.get(world.account.account, room.caller).requested_version
    at = world.clock() + skew
    return Redirected(
        ("Conferences", client.sid(ResourceType.CONFERENCE, room.conference), "Participants", sid),
        early,
        world.event("participant.left", **about, at=at + 100),
        world.event("call.redirected", call=room.caller, version=version, at=at + 101),
        world.event("participant.joined", **about, at=at + 200),
    )


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("skew", [-300_000, -5_000, 0, 5_000, 300_000])
def test_a_late_report_of_the_entry_does_not_bring_a_redirected_call_back(
    world: World, dialect: str, skew: int
) -> None:
    """An entry before the redirect is stale, before and after the engine reports the leave, on any clock."""
    room = make_room(world, dialect)
    reports = redirect_caller(world, room, dialect, skew)
    client = world.client(dialect)
    assert world.ingest(reports.early) == []
    assert client.get(*reports.path).status == 404
    assert world.ingest(reports.left, reports.redirected, {**reports.early, "id": new_id(world.clock())}) == []
    assert client.get(*reports.path).status == 404


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("skew", [-300_000, -5_000, 0, 5_000, 300_000])
@pytest.mark.parametrize("reported", [("left",), ("redirected",), ("left", "redirected"), ("redirected", "left")])
def test_a_call_that_is_redirected_into_the_same_conference_comes_back(
    world: World, dialect: str, skew: int, reported: tuple[str, ...]
) -> None:
    """The entry after the redirect counts on any clock, as soon as the leave or the redirect is reported."""
    room = make_room(world, dialect)
    reports = redirect_caller(world, room, dialect, skew)
    client = world.client(dialect)
    assert world.ingest(*(getattr(reports, each) for each in reported), reports.joined) == []
    assert client.get(*reports.path).status == 200
    assert statuses(world, room) == ["in-progress", "in-progress", "queued"]


def test_a_dialed_call_that_comes_back_is_not_ended_with_the_conference(world: World) -> None:
    """After a redirect, a new entry of a call that was dialed is a stay like that of a caller."""
    room = make_room(world)
    about: dict[str, Any] = {"conference": room.conference, "call": room.agent}
    client = world.client("twilio")
    assert client.post("Calls", client.sid(ResourceType.CALL, room.agent), form=FORM).status == 200
    for kind in ("participant.left", "participant.joined"):
        world.clock.step(1)
        assert world.ingest(world.event(kind, **about)) == []
    found = world.services.participants.get(world.account.account, room.conference, room.agent)
    assert (found.is_inside, found.was_dialed) == (True, False)
    by_api(world, room)
    publish(world)
    assert statuses(world, room)[1] == "in-progress"
