"""What a media engine tells becomes so: fresh, twice, late, in any order, not yet, never, or of somebody else's."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any, Final

import pytest

from tapedeck.background.reconciler import START_TIMEOUT_SECONDS
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.engine_command import COMMAND_EXPIRY_SECONDS
from tapedeck.domain.identity import new_id
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.domain.transcription import Transcription, TranscriptionStatus
from tapedeck.operations.calls import UpdateCall
from tapedeck.operations.media import object_key
from tapedeck.operations.participants import AddParticipant, UpdateParticipant
from tapedeck_standin.telephony.audio import Part, make_wav
from tests.functions.background_world import World
from tests.functions.objects import Objects
from tests.functions.stage import START
from tests.media import capture, sound
from tests.thoroughness import scaled

Tell = Callable[..., None]

CALLBACK: Final = CallbackSubscription(
    "https://app.example.com/hooks", "POST", ("in-progress", "completed", "absent"), "twilio"
)


@pytest.fixture
def tell(world: World) -> Tell:
    """Tells one event, which is taken note of at once, and then once more: a duplicate changes nothing."""

    def told(kind: str, **fields: Any) -> None:
        event = world.event(kind, **fields)
        assert world.ingest(event) == []
        before = everything(world)
        assert world.ingest(event) == []
        assert everything(world) == before
        assert {line["outcome"] for line in world.log.drain()} == {"done"}

    return told


@pytest.fixture
def comes_again(world: World) -> Tell:
    """Tells an event that cannot be taken note of yet: it comes again, and nothing has changed."""

    def told(kind: str, **fields: Any) -> None:
        before = everything(world)
        assert world.ingest(world.event(kind, **fields)) == ["message-0"]
        assert everything(world) == before
        assert [line["outcome"] for line in world.log.drain()] == ["failed"]

    return told


@pytest.fixture
def leaves(world: World) -> Tell:
    """Tells an event that changes nothing but when the engine was heard last.

    With `outcome` such as `dropped`, and the metric that counts it.
    """

    def shown() -> list[dict[str, Any]]:
        return [{name: value for name, value in item.items() if name != "heard"} for item in everything(world)]

    def told(kind: str, outcome: str = "done", counted: str | None = None, **fields: Any) -> None:
        before = shown()
        assert world.ingest(world.event(kind, **fields)) == []
        assert shown() == before
        (line,) = world.log.drain()
        assert (line["outcome"], line.get("counted")) == (outcome, {counted: 1} if counted is not None else None)

    return told


def everything(world: World) -> list[dict[str, Any]]:
    """All that stands in the table."""
    items: list[dict[str, Any]] = world.memory.scan(TableName=world.table)["Items"]
    return sorted(items, key=lambda item: (item["PK"]["S"], item["SK"]["S"]))


def fresh(world: World) -> str:
    """An id that the engine makes now."""
    return new_id(world.clock())


def call_of(world: World, call: Call | str) -> Call:
    """A call as it stands."""
    return world.services.calls.get(world.account.account, call if isinstance(call, str) else call.id)


def room_of(world: World, room: Conference | str) -> Conference:
    """A conference as it stands."""
    return world.services.conferences.get(world.account.account, room if isinstance(room, str) else room.id)


def member_of(world: World, room: Conference, call: str) -> Participant:
    """A participant as it stands, though it may have left."""
    _, found = world.services.conferences._store.get_membership(room.account, room.id, call)
    assert found is not None
    return found


def recording_of(world: World, recording: Recording) -> Recording:
    """A recording as it stands."""
    return world.services.recordings.get(recording.parent, recording.id)


# Calls.


@pytest.mark.parametrize(("kind", "status"), [("call.ringing", "ringing"), ("call.answered", "in-progress")])
def test_a_call_appears(world: World, tell: Tell, kind: str, status: str) -> None:
    """One that nobody has heard of is made as the engine says, under the id that it has there."""
    call = fresh(world)
    tell(kind, call=call, to="+1", **{"from": "+2"}, direction="outbound-dial", parent_call="e" * 32)
    answered = START if status == "in-progress" else None
    assert call_of(world, call) == Call(
        world.account.account, call, CallStatus(status), START, to="+1", from_="+2", direction="outbound-dial",
        started=answered, parent_call="e" * 32,
    )  # fmt: skip


def test_a_call_goes_on(world: World, tell: Tell) -> None:
    """It rings, is answered and ends, each at its time."""
    call = world.stage.call("queued", started=None)
    tell("call.ringing", call=call.id)
    assert call_of(world, call) == replace(call, status=CallStatus.RINGING, version=2)
    answered = world.clock.step(5)
    tell("call.answered", call=call.id)
    connected = replace(call, status=CallStatus.IN_PROGRESS, version=3, started=answered, updated=answered)
    assert call_of(world, call) == connected
    now = world.clock.step(5)
    ended = world.event("call.ended", call=call.id)
    assert world.ingest(ended, ended) == []
    assert call_of(world, call) == replace(
        connected, status=CallStatus.COMPLETED, version=4, ended=now, updated=now, end_write_id=ended["id"]
    )


@pytest.mark.parametrize("kind", ["call.ringing", "call.answered"])
@pytest.mark.parametrize("status", ["in-progress", "completed", "busy"])
def test_a_call_does_not_go_back(world: World, leaves: Tell, kind: str, status: str) -> None:
    """What comes too late changes nothing; what is told to have come behind the end is counted."""
    at = world.clock()
    call = world.stage.call(status, ended=at // 1000 if status != "in-progress" else None)
    world.clock.step(5)
    leaves(kind, call=call.id, at=at)
    if status != "in-progress":
        leaves(kind, call=call.id, outcome="dropped", counted="EventsDropped")


def test_a_call_that_is_to_end_may_be_answered_meanwhile(world: World, leaves: Tell) -> None:
    """Until the engine has ended it as it was asked to, what it tells of it is overridden."""
    call = world.stage.call("ringing")
    world.services.calls.end(call.account, call.id)
    world.clock.step(5)
    leaves("call.answered", call=call.id)


def test_a_call_lasts_as_long_as_the_engine_says(world: World) -> None:
    """When it was answered and when it ended is the engine's to say, and so it is for its recordings."""
    call = fresh(world)
    began = world.clock()
    answered = world.event("call.answered", call=call, to="+1", at=began, **{"from": "+2"})
    world.clock.step(60)
    recording = fresh(world)
    about: dict[str, Any] = {"parent": {"type": "call", "id": call}, "recording": recording}
    started = world.event("recording.started", **about, source="RecordVerb")
    world.clock.step(240)
    ended = world.event("call.ended", call=call)
    world.clock.step(30)
    assert world.ingest(answered, started, ended) == []
    found = call_of(world, call)
    kept = world.services.recordings.get(Parent(world.account.account, ParentKind.CALL, call), recording)
    assert (found.started, found.ended, found.duration) == (began // 1000, began // 1000 + 300, 300)
    assert (kept.started, kept.ended, kept.updated) == (began // 1000 + 60, began // 1000 + 300, began // 1000 + 330)


@pytest.mark.parametrize(
    ("status", "told", "becomes"),
    [
        ("in-progress", "completed", "completed"), ("in-progress", "failed", "completed"),
        ("ringing", "busy", "busy"), ("ringing", "no-answer", "no-answer"), ("ringing", "canceled", "canceled"),
        ("queued", "failed", "failed"), ("ringing", "completed", "no-answer"),
    ],
)  # fmt: skip
def test_a_call_ends(world: World, tell: Tell, status: str, told: str, becomes: str) -> None:
    """What was answered has been completed, and what was not could not be."""
    call = world.stage.call(status)
    tell("call.ended", call=call.id, status=told)
    assert call_of(world, call).status == becomes
    assert world.pending_work() == []


def test_a_call_ends_as_it_was_asked_to(world: World, tell: Tell) -> None:
    """The answer to a hang-up confirms it, and whatever else was asked of the call and in its conference."""
    room = world.stage.conference()
    call = world.stage.call("in-progress", conference=room.id)
    member = world.stage.participant(room, call)
    recording = world.stage.recording(call)
    account = world.account.account
    world.services.participants.update(account, room.id, member.call, UpdateParticipant(muted=True))
    world.services.calls.update(account, call.id, UpdateCall(CallStatus.COMPLETED))
    ended = call_of(world, call)
    assert [type(opened.resource) for opened in world.pending_work()] != []
    tell("call.ended", call=call.id, status="completed", version=ended.requested_version)
    assert call_of(world, call) == replace(ended, confirmed_version=ended.requested_version)
    member = member_of(world, room, call.id)
    assert member.confirmed_version == member.requested_version
    assert [opened.resource.id for opened in world.pending_work()] == [recording.id]


def test_a_call_ends_with_all_that_hangs_on_it(world: World, tell: Tell) -> None:
    """Its recordings stop and it leaves its conference, which may end with that, as for a hang-up over the API."""
    room = world.stage.conference(participants=1)
    call = world.stage.call("in-progress", conference=room.id)
    world.stage.participant(room, call)
    recordings = [world.stage.recording(call), world.stage.recording(room, confirmed_version=1)]
    tell("call.ended", call=call.id)
    assert [recording_of(world, each).status for each in recordings] == [RecordingStatus.STOPPED] * 2
    assert room_of(world, room).reason is EndReason.LAST_LEFT
    assert member_of(world, room, call.id).status is ParticipantStatus.COMPLETE


@pytest.mark.parametrize(
    ("kind", "more"),
    [("call.ringing", {}), ("call.answered", {}), ("call.ended", {}), ("call.redirected", {"version": 1})],
)
def test_an_unknown_call_may_come_yet(world: World, comes_again: Tell, kind: str, more: dict[str, Any]) -> None:
    """What tells too little to make it is tried again, and so is what is another account's."""
    comes_again(kind, call=fresh(world), **more)
    call = world.stage.call("ringing")
    comes_again(kind, call=call.id, **more, account=world.accounts.create().account)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_ids_of_another_time_make_nothing(world: World, comes_again: Tell, seconds: int) -> None:
    """An id whose time is not the event's goes to the dead letters: calls, conferences, recordings, transcriptions."""
    far = new_id(world.clock() + seconds * 1000)
    room, completed = world.stage.conference(), world.stage.recording(world.stage.call(), "completed")
    comes_again("call.answered", call=far, to="+1", **{"from": "+2"})
    comes_again("conference.started", conference=far, name="Lobby")
    comes_again("recording.started", parent=_parent(room), recording=far, source="Conference")
    comes_again("transcription.completed", recording=completed.id, transcription=far, text="Hello.")


def test_an_event_may_have_waited(world: World, tell: Tell) -> None:
    """A queue that stood still for a day loses no call: an id is held to its event's time, not to ours."""
    call, at = fresh(world), world.clock()
    world.clock.step(86_400)
    tell("call.answered", call=call, to="+1", **{"from": "+2"}, at=at)
    assert call_of(world, call).created == START
    # But nothing has happened that is yet to come.
    future = world.clock() + 301_000
    assert world.ingest(world.event("call.answered", call=new_id(future), to="+1", **{"from": "+2"}, at=future)) == [
        "message-0"
    ]


def test_a_call_has_gone_where_it_was_sent(world: World, tell: Tell, leaves: Tell) -> None:
    """The answer by version confirms what was asked; one to what was asked before that does not."""
    call = world.stage.call()
    redirect = UpdateCall(redirect={"url": "https://a.example/", "method": "POST"})
    for _ in range(2):
        world.services.calls.update(call.account, call.id, redirect)
    leaves("call.redirected", call=call.id, version=2)
    assert call_of(world, call).confirmed_version == 0
    tell("call.redirected", call=call.id, version=3)
    assert call_of(world, call).confirmed_version == 3
    assert world.pending_work() == []


# Calls that were dialed into a conference.


@pytest.fixture
def dialed(world: World) -> tuple[Conference, Participant]:
    """Somebody is being dialed into a conference; both as they stand."""
    room = world.stage.conference()
    added = world.services.participants.add(room.account, room.id, AddParticipant("+1", "+2"))
    return room_of(world, room), added


def test_who_is_dialed_rings_and_answers(world: World, tell: Tell, dialed: tuple[Conference, Participant]) -> None:
    """The call and its place in the conference go on together, and the answer to the command confirms it."""
    room, member = dialed
    now = world.clock.step(2)
    tell("call.ringing", call=member.call, version=member.requested_version)
    ringing = replace(
        member,
        status=ParticipantStatus.RINGING,
        version=member.version + 1,
        updated=now,
        confirmed_version=member.requested_version,
    )
    assert member_of(world, room, member.call) == ringing
    assert call_of(world, member.call).status is CallStatus.RINGING
    assert world.pending_work() == []
    now = world.clock.step(2)
    tell("call.answered", call=member.call, version=member.requested_version)
    assert member_of(world, room, member.call) == replace(
        ringing, status=ParticipantStatus.CONNECTED, version=ringing.version + 1, updated=now, sequence=1,
        last_event_at=world.clock(),
    )  # fmt: skip
    assert room_of(world, room) == replace(room, version=room.version + 1, participants=3, sequence=1)


def test_who_answers_at_once_has_rung(world: World, tell: Tell, dialed: tuple[Conference, Participant]) -> None:
    """An answer without a ringing before it confirms the command, too; the ringing behind it changes nothing."""
    room, member = dialed
    tell("call.answered", call=member.call, version=member.requested_version)
    connected = member_of(world, room, member.call)
    assert (connected.status, connected.confirmed_version) == (ParticipantStatus.CONNECTED, member.requested_version)
    tell("call.ringing", call=member.call, version=member.requested_version)
    assert member_of(world, room, member.call) == connected


def test_an_answer_to_what_was_asked_first_leaves_the_rest(
    world: World, tell: Tell, dialed: tuple[Conference, Participant]
) -> None:
    """Who was muted while it rang is dialed, and still to be muted."""
    room, member = dialed
    world.services.participants.update(room.account, room.id, member.call, UpdateParticipant(muted=True))
    tell("call.answered", call=member.call, version=member.requested_version)
    (opened,) = world.pending_work()
    assert opened.resource == member_of(world, room, member.call)
    assert isinstance(opened.resource, Participant)
    tell("participant.changed", conference=room.id, call=member.call, version=opened.resource.requested_version)
    assert world.pending_work() == []


def test_who_is_not_reached_has_failed(world: World, tell: Tell, dialed: tuple[Conference, Participant]) -> None:
    """It leaves without ever having been counted, and its command is settled."""
    room, member = dialed
    tell("call.ended", call=member.call, status="busy", version=member.requested_version)
    found = member_of(world, room, member.call)
    assert (found.status, found.left, found.confirmed_version) == (
        ParticipantStatus.FAILED,
        START,
        member.requested_version,
    )
    assert room_of(world, room) == room
    assert world.pending_work() == []


@pytest.mark.parametrize("how", ["removed", "room ended"])
def test_who_was_taken_out_meanwhile_goes_on_by_itself(
    world: World, tell: Tell, dialed: tuple[Conference, Participant], how: str
) -> None:
    """Its telephone rings and is answered all the same; it is in no conference then."""
    room, member = dialed
    if how == "removed":
        world.services.participants.remove(room.account, room.id, member.call)
    else:
        world.services.conferences.end(room.account, room.id)
    before = member_of(world, room, member.call)
    tell("call.ringing", call=member.call)
    tell("call.answered", call=member.call)
    assert call_of(world, member.call).status is CallStatus.IN_PROGRESS
    assert member_of(world, room, member.call) == before


# Conferences.


def test_a_conference_appears(world: World, tell: Tell) -> None:
    """Under its name and id, with its subscription; nobody is in it yet."""
    room = fresh(world)
    subscription = {"url": CALLBACK.url, "method": "POST", "events": list(CALLBACK.events), "dialect": "twilio"}
    tell("conference.started", conference=room, name="Lobby", record=True, callback=subscription)
    assert room_of(world, room) == Conference(
        world.account.account, room, "Lobby", ConferenceStatus.INIT, START, record=True, callback=CALLBACK
    )
    # Whom somebody is to be told of is looked after from its beginning.
    assert [opened.resource.id for opened in world.pending_work()] == [room]
    plain = fresh(world)
    tell("conference.started", conference=plain, name="Kitchen")
    assert [opened.resource.id for opened in world.pending_work()] == [room]


def test_a_name_may_be_free_soon(world: World, comes_again: Tell, tell: Tell) -> None:
    """While another conference lives under it, the end of that may still be on its way."""
    old, new = world.stage.conference(name="Lobby"), fresh(world)
    comes_again("conference.started", conference=new, name="Lobby")
    tell("conference.ended", conference=old.id)
    tell("conference.started", conference=new, name="Lobby")
    assert room_of(world, new).is_live


@pytest.mark.parametrize(
    ("more", "reason", "ending"),
    [
        ({}, EndReason.LAST_LEFT, None),
        ({"reason": "participant-with-end-conference-on-exit-left"}, EndReason.END_ON_EXIT_LEFT, None),
        ({"reason": "last-participant-kicked", "ending_call": "e" * 32}, EndReason.LAST_KICKED, "e" * 32),
    ],
)
@pytest.mark.parametrize("recorded", [0, 2])
def test_a_conference_ends(
    world: World, tell: Tell, more: dict[str, Any], reason: EndReason, ending: str | None, recorded: int
) -> None:
    """Why and with whose leaving, and its recordings with it; whoever was in it is counted."""
    room = world.stage.conference()
    recordings = [world.stage.recording(room, confirmed_version=1) for _ in range(recorded)]
    room = room_of(world, room)
    now = world.clock.step(9)
    tell("conference.ended", conference=room.id, **more)
    found = room_of(world, room)
    assert found == replace(
        room, status=ConferenceStatus.COMPLETED, version=room.version + 1, sequence=1, ended=now, updated=now,
        reason=reason, ending_call=ending, end_write_id=found.end_write_id, active_recordings=frozenset(),
    )  # fmt: skip
    assert [recording_of(world, each).status for each in recordings] == [RecordingStatus.STOPPED] * recorded


@pytest.mark.parametrize("callback", [None, CALLBACK])
def test_a_conference_ends_as_it_was_asked_to(world: World, tell: Tell, callback: CallbackSubscription | None) -> None:
    """The answer confirms the command; one of which somebody is to be told is looked after for that."""
    room = world.stage.conference(callback=callback)
    ended = world.services.conferences.end(room.account, room.id)
    tell("conference.ended", conference=room.id, version=ended.requested_version)
    assert room_of(world, room) == replace(ended, confirmed_version=ended.requested_version)
    assert [opened.resource.id for opened in world.pending_work()] == ([room.id] if callback is not None else [])


def test_an_unknown_conference_may_come_yet(world: World, comes_again: Tell) -> None:
    """Whatever is told of it, or in it, is tried again."""
    room, call = fresh(world), world.stage.call()
    comes_again("conference.ended", conference=room)
    comes_again("conference.ended", conference=room, ending_call=call.id)
    comes_again("conference.announced", conference=room, version=1)
    for kind in ("participant.joined", "participant.changed", "participant.left"):
        comes_again(kind, conference=room, call=call.id)
    comes_again("participant.changed", conference=room, call=call.id, version=1)


def test_what_was_to_be_played_has_been(world: World, tell: Tell, comes_again: Tell, leaves: Tell) -> None:
    """The answer confirms it, and is numbered among what happens in the conference."""
    room = world.stage.conference()
    announced = world.services.conferences._store.announce(
        room.account, room.id, "https://a.example/", "POST", START, fresh(world)
    )
    comes_again("conference.announced", conference=room.id, version=7)
    leaves("conference.announced", conference=room.id, version=1)
    now = world.clock.step(3)
    tell("conference.announced", conference=room.id, version=2)
    assert room_of(world, room) == replace(announced, version=3, sequence=1, confirmed_version=2, announced_at=now)
    assert world.pending_work() == []


# Participants.


def test_a_call_enters_a_conference(world: World, tell: Tell) -> None:
    """As the engine says; the conference begins with the second one, and both know it."""
    room, calls = world.stage.conference("init", participants=0, has_starter=False, first_call=None), []
    for number in range(2):
        call = world.stage.call()
        calls.append(call)
        now = world.clock.step(1)
        tell("participant.joined", conference=room.id, call=call.id, end_conference_on_exit=True, muted=True, hold=True)
        assert member_of(world, room, call.id) == Participant(
            call.id, room.id, now, version=number + 2, end_conference_on_exit=True, muted=True, hold=True,
            sequence=number + 1, last_event_at=world.clock(),
        )  # fmt: skip
        assert call_of(world, call) == replace(call, conference=room.id, version=2)
    assert room_of(world, room) == replace(
        room, status=ConferenceStatus.IN_PROGRESS, version=3, participants=2, has_starter=True, sequence=3, updated=now,
        first_call=calls[0].id, start_sequence=3, started_at=now,
    )  # fmt: skip


def test_nobody_enters_too_late(world: World, leaves: Tell, comes_again: Tell) -> None:
    """A call or a conference that has ended takes nobody in; a call that was not answered may be yet."""
    room, ended = world.stage.conference(), world.stage.conference("completed", name="Gone")
    dropped = {"outcome": "dropped", "counted": "EventsDropped"}
    leaves("participant.joined", **dropped, conference=ended.id, call=world.stage.call().id)
    leaves("participant.joined", **dropped, conference=room.id, call=world.stage.call("completed").id)
    comes_again("participant.joined", conference=room.id, call=world.stage.call("ringing").id)
    comes_again("participant.joined", conference=room.id, call=fresh(world))


def test_a_late_entrance_does_not_bring_anybody_back(world: World, tell: Tell, leaves: Tell) -> None:
    """Who has left, however that was told, does not enter by what had told of its entering."""
    room = world.stage.conference()
    for how in ("engine", "api", "hang-up"):
        call = world.stage.call()
        entered = world.event("participant.joined", conference=room.id, call=call.id)
        assert world.ingest(entered) == []
        world.clock.step(1)
        if how == "engine":
            tell("participant.left", conference=room.id, call=call.id)
        elif how == "api":
            world.services.participants.remove(room.account, room.id, call.id)
        else:
            tell("call.ended", call=call.id)
        before = everything(world)
        assert world.ingest(entered) == []
        assert everything(world) == before
        assert world.log.drain()[-1]["outcome"] == "done"
        if how != "hang-up":
            # But it may come back, as soon as it is gone.
            world.clock.step(1)
            asked = member_of(world, room, call.id).requested_version
            if how == "api":
                leaves("participant.joined", conference=room.id, call=call.id)
                tell("participant.left", conference=room.id, call=call.id, version=asked)
                world.clock.step(1)
            tell("participant.joined", conference=room.id, call=call.id)
            assert member_of(world, room, call.id).is_inside


def test_a_participant_changes_by_itself(world: World, tell: Tell, leaves: Tell) -> None:
    """What the engine has done shows, asks nothing of it, and is not undone by what is older."""
    room = world.stage.conference()
    member, other = world.stage.participant(room), world.stage.participant(room)
    now = world.clock.step(2)
    tell("participant.changed", conference=room.id, call=member.call, muted=True, coaching=True,
         call_to_coach=other.call)  # fmt: skip
    changed = replace(
        member, muted=True, coaching=True, call_to_coach=other.call, version=2, updated=now, sequence=2,
        last_event_at=world.clock(),
    )  # fmt: skip
    assert member_of(world, room, member.call) == changed
    leaves("participant.changed", conference=room.id, call=member.call, muted=False, at=world.clock() - 1)
    # Of the same millisecond, another event counts.
    tell("participant.changed", conference=room.id, call=member.call, hold=True)
    assert member_of(world, room, member.call) == replace(changed, hold=True, version=3, sequence=3)
    leaves("participant.changed", conference=room.id, call=member.call)
    assert world.pending_work() == []


def test_a_duplicate_does_not_undo_what_was_asked_since(world: World) -> None:
    """The engine mutes, somebody unmutes: the first event, should it come again, does not mute."""
    room = world.stage.conference()
    member = world.stage.participant(room)
    muted = world.event("participant.changed", conference=room.id, call=member.call, muted=True)
    assert world.ingest(muted) == []
    asked = world.services.participants.update(room.account, room.id, member.call, UpdateParticipant(muted=False))
    # While that is on its way to the engine, and once it has been carried out.
    assert world.ingest(muted) == []
    assert (
        world.ingest(
            world.event("participant.changed", conference=room.id, call=member.call, version=asked.requested_version),
            muted,
        )
        == []
    )
    assert member_of(world, room, member.call) == replace(asked, confirmed_version=asked.requested_version)


def test_what_the_engine_did_before_it_answered_is_stale(world: World, leaves: Tell, tell: Tell) -> None:
    """It mutes, then unmutes as it is asked to: that it has muted comes last, and mutes nobody."""
    room = world.stage.conference()
    member = world.stage.participant(room)
    muted_at = world.clock()
    world.clock.step(1)
    asked = world.services.participants.update(room.account, room.id, member.call, UpdateParticipant(hold=True))
    world.clock.step(1)
    answer = world.event("participant.changed", conference=room.id, call=member.call, version=asked.requested_version)
    assert world.ingest(answer) == []
    world.log.drain()
    leaves("participant.changed", conference=room.id, call=member.call, muted=True, at=muted_at)
    world.clock.step(1)
    tell("participant.changed", conference=room.id, call=member.call, hold=False)
    heard = world.clock()
    # The answer, should it come again, makes nothing of that older than it is.
    assert world.ingest(answer) == []
    world.log.drain()
    leaves("participant.changed", conference=room.id, call=member.call, muted=True, at=heard - 1)
    assert member_of(world, room, member.call).last_event_at == heard


def test_what_was_asked_overrides_what_the_engine_does_meanwhile(world: World, leaves: Tell, tell: Tell) -> None:
    """Until it has confirmed what was asked, whatever it does by itself is overridden by that."""
    room = world.stage.conference()
    member = world.stage.participant(room)
    asked = world.services.participants.update(room.account, room.id, member.call, UpdateParticipant(muted=True))
    leaves("participant.changed", conference=room.id, call=member.call, muted=False)
    tell("participant.changed", conference=room.id, call=member.call, version=asked.requested_version)
    tell("participant.changed", conference=room.id, call=member.call, muted=False)
    assert not member_of(world, room, member.call).muted


def test_what_is_asked_no_more_overrides_nothing(world: World, leaves: Tell, tell: Tell) -> None:
    """What an engine has not carried out for a day it will not any more: what it tells by itself is so."""
    room = world.stage.conference()
    changed, kicked = world.stage.participant(room), world.stage.participant(room)
    world.services.participants.update(room.account, room.id, changed.call, UpdateParticipant(muted=True))
    world.services.participants.remove(room.account, room.id, kicked.call)
    about: list[dict[str, Any]] = [{"conference": room.id, "call": each.call} for each in (changed, kicked)]
    world.clock.step(COMMAND_EXPIRY_SECONDS - 1)
    leaves("participant.changed", **about[0], muted=False)
    leaves("participant.joined", **about[1])
    world.clock.step(1)
    tell("participant.changed", **about[0], muted=False)
    tell("participant.joined", **about[1])
    assert not member_of(world, room, changed.call).muted
    assert member_of(world, room, kicked.call).is_inside


def test_what_changes_nothing_makes_what_came_before_it_stale(world: World, leaves: Tell) -> None:
    """Of two events of the engine's own the later one comes first, and tells what is so already."""
    room, call = world.stage.conference(participants=2), world.stage.call()
    member = world.stage.participant(room)
    recording = world.stage.recording(call, confirmed_version=1)
    before = world.clock()
    world.clock.step(1)
    about: dict[str, Any] = {"conference": room.id, "call": member.call}
    leaves("participant.changed", **about, muted=False)
    leaves("participant.changed", **about, muted=True, at=before)
    leaves("recording.resumed", **_about(recording))
    leaves("recording.paused", **_about(recording), at=before)
    for kind, other in (("joined", "left"), ("left", "joined")):
        world.clock.step(2)
        world.ingest(world.event(f"participant.{kind}", **about))
        world.log.drain()
        world.clock.step(2)
        leaves(f"participant.{kind}", **about)
        leaves(f"participant.{other}", **about, at=world.clock() - 1_000)


def test_what_is_told_of_who_has_left_changes_nothing(world: World, leaves: Tell) -> None:
    """Neither of one that has left, nor of one around whom the conference has ended."""
    room, ended = world.stage.conference(), world.stage.conference("completed", name="Gone")
    gone, around = world.stage.participant(room, status="complete"), world.stage.participant(ended)
    for where, who in ((room, gone), (ended, around)):
        leaves("participant.changed", conference=where.id, call=who.call, muted=True)
        leaves("participant.left", conference=where.id, call=who.call)


@pytest.mark.parametrize(
    ("ends_on_exit", "inside", "reason"),
    [(False, 2, None), (True, 2, EndReason.END_ON_EXIT_LEFT), (False, 1, EndReason.LAST_LEFT)],
)
def test_a_participant_leaves(
    world: World, tell: Tell, inside: int, reason: EndReason | None, *, ends_on_exit: bool
) -> None:
    """The conference ends with it, if it does; its call goes on."""
    room = world.stage.conference(participants=inside)
    member = world.stage.participant(room, end_conference_on_exit=ends_on_exit)
    now = world.clock.step(3)
    tell("participant.left", conference=room.id, call=member.call)
    assert member_of(world, room, member.call) == replace(
        member,
        status=ParticipantStatus.COMPLETE,
        left=now,
        updated=now,
        version=2,
        sequence=1,
        last_event_at=world.clock(),
    )
    found = room_of(world, room)
    assert (found.participants, found.reason, found.is_live) == (inside - 1, reason, reason is None)
    assert call_of(world, member.call).is_live


def test_who_has_come_back_has_not_left(world: World, leaves: Tell, tell: Tell) -> None:
    """What ends an earlier stay does not end this one."""
    room, call = world.stage.conference(), world.stage.call()
    tell("participant.joined", conference=room.id, call=call.id)
    first = world.clock()
    world.clock.step(1)
    tell("participant.left", conference=room.id, call=call.id)
    world.clock.step(1)
    tell("participant.joined", conference=room.id, call=call.id)
    leaves("participant.left", conference=room.id, call=call.id, at=first + 1)
    assert member_of(world, room, call.id).is_inside


def test_a_participant_leaves_as_it_was_asked_to(world: World, tell: Tell) -> None:
    """The answer confirms that; and where the conference has ended around it, whatever was asked is settled."""
    room = world.stage.conference(participants=9)
    for kind, version in (("remove", True), ("remove", False), ("end", False)):
        member = world.stage.participant(room)
        if kind == "remove":
            world.services.participants.remove(room.account, room.id, member.call)
        else:
            world.services.participants.update(room.account, room.id, member.call, UpdateParticipant(muted=True))
            world.services.conferences.end(room.account, room.id)
        asked = member_of(world, room, member.call)
        world.clock.step(1)
        told = {"version": asked.requested_version} if version else {}
        tell("participant.left", conference=room.id, call=member.call, **told)
        heard = world.clock() if kind == "remove" else asked.last_event_at
        assert member_of(world, room, member.call) == replace(
            asked, confirmed_version=asked.requested_version, last_event_at=heard
        )


def test_an_old_answer_does_not_settle_what_was_asked_since(world: World, tell: Tell) -> None:
    """Who was removed, came back and is to be muted is still to be muted when the removal is answered once more."""
    room = world.stage.conference()
    member = world.stage.participant(room)
    world.services.participants.remove(room.account, room.id, member.call)
    removed = member_of(world, room, member.call).requested_version
    tell("participant.left", conference=room.id, call=member.call, version=removed)
    world.clock.step(1)
    tell("participant.joined", conference=room.id, call=member.call)
    world.services.participants.update(room.account, room.id, member.call, UpdateParticipant(muted=True))
    before = member_of(world, room, member.call)
    tell("participant.left", conference=room.id, call=member.call, version=removed)
    assert member_of(world, room, member.call) == before


# Recordings.


def _parent(of: Call | Conference) -> dict[str, str]:
    return {"type": "call" if isinstance(of, Call) else "conference", "id": of.id}


def _about(recording: Recording) -> dict[str, Any]:
    kind = "call" if recording.parent.kind is ParentKind.CALL else "conference"
    return {"parent": {"type": kind, "id": recording.parent.id}, "recording": recording.id}


@pytest.fixture(params=["call", "conference"])
def parent(request: pytest.FixtureRequest, world: World) -> Call | Conference:
    """A call and a conference in turn."""
    return world.stage.call() if request.param == "call" else world.stage.conference()


@pytest.mark.parametrize(("late", "started"), [(2_000, 2), (-5_000, 0), (60_000, 3)])
def test_a_capture_has_begun(world: World, tell: Tell, parent: Call | Conference, late: int, started: int) -> None:
    """As it was asked to, at the engine's time: not before it was asked, and not after it is heard of."""
    recording = world.stage.recording(parent)
    at = world.clock() + late
    world.clock.step(3)
    tell("recording.started", **_about(recording), version=1, at=at)
    assert recording_of(world, recording) == replace(
        recording, confirmed_version=1, started=START + started, last_event_at=at
    )


def test_a_capture_has_begun_paused(world: World, tell: Tell) -> None:
    """Whatever is confirmed first, later ones confirm it too; what comes behind it changes nothing."""
    recording = world.stage.recording(world.stage.call(), "paused")
    tell("recording.paused", **_about(recording), version=2)
    confirmed = replace(recording, confirmed_version=2, last_event_at=world.clock())
    assert recording_of(world, recording) == confirmed
    world.clock.step(1)
    tell("recording.started", **_about(recording), version=1)
    tell("recording.started", **_about(recording))
    assert recording_of(world, recording) == confirmed


def test_an_engine_records_by_itself(world: World, tell: Tell, parent: Call | Conference) -> None:
    """What nobody has asked for appears as the engine tells it, and is confirmed with that."""
    recording = fresh(world)
    subscription = {"url": CALLBACK.url, "events": list(CALLBACK.events), "dialect": "twilio"}
    tell("recording.started", parent=_parent(parent), recording=recording, source="DialVerb", channels=2,
         track="inbound", trim="trim-silence", callback=subscription)  # fmt: skip
    kind = ParentKind.CALL if isinstance(parent, Call) else ParentKind.CONFERENCE
    shown = parent.id if isinstance(parent, Call) else parent.first_call
    assert world.services.recordings.get(Parent(parent.account, kind, parent.id), recording) == Recording(
        recording,
        Parent(parent.account, kind, parent.id),
        RecordingStatus.IN_PROGRESS,
        Source.DIAL_VERB,
        START,
        confirmed_version=1,
        call=shown,
        channels=2,
        track="inbound",
        trim="trim-silence",
        started=START,
        callback=CALLBACK,
    )


def test_a_conferences_recording_shows_the_call_that_it_is_told(world: World, tell: Tell) -> None:
    """Whichever that is."""
    room, recording = world.stage.conference(), fresh(world)
    tell("recording.started", parent=_parent(room), recording=recording, source="Conference", call="e" * 32)
    found = world.services.recordings.get(Parent(room.account, ParentKind.CONFERENCE, room.id), recording)
    assert found.call == "e" * 32


def test_nothing_is_recorded_too_early_or_too_late(world: World, leaves: Tell, comes_again: Tell) -> None:
    """What has not begun may begin yet, what has ended has ended; what nobody asked for needs its source."""
    early: list[Call | Conference] = [world.stage.call("ringing"), world.stage.conference("init", name="Early")]
    late: list[Call | Conference] = [world.stage.call("completed"), world.stage.conference("completed", name="Late")]
    for parent in early:
        comes_again("recording.started", parent=_parent(parent), recording=fresh(world), source="DialVerb")
    for parent in late:
        leaves("recording.started", "dropped", "EventsDropped", parent=_parent(parent), recording=fresh(world),
               source="DialVerb")  # fmt: skip
    comes_again("recording.started", parent=_parent(world.stage.call()), recording=fresh(world))
    comes_again("recording.started", parent={"type": "call", "id": fresh(world)}, recording=fresh(world),
                source="DialVerb")  # fmt: skip
    nobody = world.stage.conference(first_call=None, name="Nobody")
    comes_again("recording.started", parent=_parent(nobody), recording=fresh(world), source="Conference")


@pytest.mark.parametrize(
    ("status", "kind", "more"),
    [
        ("paused", "recording.paused", {}),
        ("in-progress", "recording.resumed", {}),
        ("stopped", "recording.stopped", {}),
    ],
)
def test_a_capture_has_been_moved_as_was_asked(
    world: World, tell: Tell, comes_again: Tell, status: str, kind: str, more: dict[str, Any]
) -> None:
    """The answer confirms the version, and is the last that was heard; to what was never asked it is no answer."""
    recording = replace(world.stage.recording(world.stage.call(), status), version=2)
    world.stage.write(recording, version=2)
    comes_again(kind, **_about(recording), version=3, **more)
    world.clock.step(1)
    tell(kind, **_about(recording), version=2, **more)
    assert recording_of(world, recording) == replace(recording, confirmed_version=2, last_event_at=world.clock())


@pytest.mark.parametrize(
    ("status", "kind", "changes"),
    [
        ("in-progress", "recording.paused", {"status": RecordingStatus.PAUSED, "pause_behavior": "skip"}),
        ("paused", "recording.resumed", {"status": RecordingStatus.IN_PROGRESS, "pause_behavior": None}),
        ("in-progress", "recording.stopped", {"status": RecordingStatus.STOPPED, "ended": START + 3}),
        ("paused", "recording.stopped", {"status": RecordingStatus.STOPPED, "ended": START + 3}),
    ],
)
def test_a_capture_moves_by_itself(world: World, tell: Tell, status: str, kind: str, changes: dict[str, Any]) -> None:
    """What the engine does is so, at its time, and confirmed with that."""
    recording = world.stage.recording(world.stage.call(), status, confirmed_version=1)
    world.stage.write(recording, confirmed=recording.version)
    at = world.clock() + 3_000
    now = world.clock.step(5)
    tell(kind, **_about(recording), pause_behavior="skip", at=at)
    version = recording.version + 1
    assert recording_of(world, recording) == replace(
        recording, version=version, confirmed_version=version, updated=now, last_event_at=at, **changes
    )


def test_an_older_move_changes_nothing(world: World, tell: Tell, leaves: Tell) -> None:
    """What is older than what was heard last, or than what has been asked since, is overridden; an end is not."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1)
    world.clock.step(5)
    tell("recording.paused", **_about(recording))
    leaves("recording.resumed", **_about(recording), at=world.clock() - 1)
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.IN_PROGRESS)
    leaves("recording.paused", **_about(recording))
    tell("recording.stopped", **_about(recording), at=world.clock() - 4_000)
    assert recording_of(world, recording).ended == START + 1
    leaves("recording.stopped", **_about(recording))
    for kind in ("recording.paused", "recording.resumed"):
        leaves(kind, **_about(recording), at=world.clock() - 5_000)
        leaves(kind, **_about(recording), outcome="dropped", counted="EventsDropped")


@pytest.mark.parametrize("kind", ["started", "resumed"])
def test_a_pause_is_confirmed_by_nothing_else(world: World, leaves: Tell, kind: str) -> None:
    """That a capture goes on is no answer to a pause: the card number is still recorded."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1)
    paused = world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    refused = {"outcome": "refused", "counted": "EventsRejected"} if kind == "resumed" else {}
    leaves(f"recording.{kind}", **refused, **_about(recording), version=paused.version)
    assert recording_of(world, recording).is_pending


def test_a_capture_that_stops_in_place_of_a_pause_has_ended(world: World, tell: Tell) -> None:
    """Whatever that answers."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1)
    paused = world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    tell("recording.stopped", **_about(recording), version=paused.version)
    assert recording_of(world, recording).status is RecordingStatus.STOPPED


@pytest.mark.parametrize("version", [1, 2])
def test_a_capture_begins_once_whatever_was_asked_by_then(world: World, tell: Tell, version: int) -> None:
    """A start that is asked for again is to begin paused where a pause was asked meanwhile."""
    recording = world.stage.recording(world.stage.call())
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    now = world.clock.step(40)
    tell("recording.started", **_about(recording), version=version)
    found = recording_of(world, recording)
    assert (found.started, found.confirmed_version, found.is_pending) == (now, version, version == 1)


@pytest.mark.parametrize("end", ["recording.failed", "reconcile"])
def test_what_is_absent_has_not_begun_since(world: World, leaves: Tell, end: str) -> None:
    """Nobody is told `in-progress` behind the end."""
    recording = world.stage.recording(world.stage.call(), callback=CALLBACK)
    at = world.clock()
    if end == "reconcile":
        world.clock.step(START_TIMEOUT_SECONDS)
        world.reconcile()
    else:
        world.ingest(world.event(end, **_about(recording), version=1))
    world.log.drain()
    assert recording_of(world, recording).status is RecordingStatus.ABSENT
    leaves("recording.started", **_about(recording), version=1, at=at)
    world.publish()
    assert [delivery.event for delivery in world.deliveries(recording.id)] == ["absent"]


def test_an_id_belongs_to_one_recording(world: World, leaves: Tell) -> None:
    """What tells of another one of the same id is refused: it would stand in the place of the first."""
    first, other = world.stage.recording(world.stage.call()), world.stage.call()
    leaves("recording.started", outcome="refused", counted="EventsRejected", parent=_parent(other),
           recording=first.id, source="RecordVerb")  # fmt: skip
    assert world.services.recordings.find(first.parent.account, first.id) == first


def test_what_a_capture_did_before_an_answer_is_stale(world: World, tell: Tell, leaves: Tell) -> None:
    """It pauses by itself and resumes as it is asked to: that it has paused comes last, and does not show it paused."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1)
    paused_at = world.clock()
    world.clock.step(1)
    for target, kind in ((RecordingStatus.PAUSED, "paused"), (RecordingStatus.IN_PROGRESS, "resumed")):
        version = world.services.recordings.update(recording.parent, recording.id, target).version
        world.clock.step(1)
        tell(f"recording.{kind}", **_about(recording), version=version)
    leaves("recording.paused", **_about(recording), at=paused_at)
    assert recording_of(world, recording).status is RecordingStatus.IN_PROGRESS


def test_a_clock_that_runs_wrong_makes_no_time_negative(world: World, tell: Tell) -> None:
    """An engine an hour behind, or forty days ahead, neither ends a capture before it began nor in the future."""
    for wrong in (-3_600_000, 40 * 86_400_000):
        recording = world.stage.recording(world.stage.call())
        tell("recording.started", **_about(recording), version=1, at=world.clock() + wrong)
        now = world.clock.step(5)
        tell("recording.stopped", **_about(recording), at=world.clock() + wrong)
        found = recording_of(world, recording)
        assert recording.created <= (found.started or 0) <= (found.ended or 0) <= now
        assert found.updated == now


# Their ends.


def _completed(world: World, recording: Recording, **more: Any) -> dict[str, Any]:
    key = object_key(world.account.account, recording.id)
    return world.event("recording.completed", **{**_about(recording), "key": key, "size": 32_044, **more})


@pytest.mark.parametrize("status", ["in-progress", "paused", "stopped"])
@pytest.mark.parametrize("confirmed", [0, 1])
def test_a_recording_is_completed(
    world: World, bucket: Objects, status: str, confirmed: int, parent: Call | Conference
) -> None:
    """Whatever the engine has told before, or not yet, it ends with its media, as long as they are."""
    recording = world.stage.recording(parent, status, confirmed_version=confirmed)
    capture(world.services, recording, sound(2))
    now = world.clock.step(9)
    event = _completed(world, recording)
    assert world.ingest(event) == []
    found = recording_of(world, recording)
    versions = 1 if status == "stopped" else 2
    assert found == replace(
        recording, status=RecordingStatus.COMPLETED, version=recording.version + versions,
        confirmed_version=recording.version + versions, duration=2, updated=now, pause_behavior=found.pause_behavior,
        ended=recording.ended if status == "stopped" else now, last_event_at=event["at"] if status != "stopped" else 0,
    )  # fmt: skip
    assert bucket.names(recording) == {"original.wav", "original.mp3"}
    before = everything(world)
    for late in (event, world.event("recording.started", **_about(recording), version=1),
                 world.event("recording.stopped", **_about(recording), version=2),
                 world.event("recording.stopped", **_about(recording)),
                 world.event("recording.absent", **_about(recording))):  # fmt: skip
        assert world.ingest(late) == []
    assert everything(world) == before


@pytest.mark.parametrize("whose", ["another recording's", "another account's", "another name"])
def test_another_key_is_refused(world: World, bucket: Objects, whose: str) -> None:
    """It could be anybody's: the event is refused and counted, and the recording stays as it is (R11)."""
    recording = world.stage.recording(world.stage.call(), "stopped")
    other = world.stage.recording(world.stage.call(), "stopped")
    key = {
        "another recording's": object_key(recording.parent.account, other.id),
        "another account's": object_key(world.accounts.create().account, recording.id),
        "another name": object_key(recording.parent.account, recording.id, "mono"),
    }[whose]
    capture(world.services, other, sound(2))
    before = everything(world)
    assert world.ingest(_completed(world, recording, key=key)) == []
    assert everything(world) == before
    assert world.log.drain() == [
        {"operation": "ingest_media_event", "outcome": "refused", "counted": {"EventsRejected": 1}}
    ]
    assert bucket.names(other) == {"original.wav"}


@pytest.mark.parametrize(("content", "size"), [(None, 32_044), (b"", 0), (b"", 32_044), (b"garbage", 7)])
def test_media_that_are_not_there_may_come_yet(world: World, content: bytes | None, size: int) -> None:
    """Missing, empty or unreadable: the capture has ended, and the event comes again until they are there."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1)
    if content is not None:
        capture(world.services, recording, content)
    assert world.ingest(_completed(world, recording, size=size)) == ["message-0"]
    assert recording_of(world, recording).status is RecordingStatus.STOPPED
    assert world.log.drain()[-1]["error"] == "MediaMissing"
    capture(world.services, recording, sound(2))
    assert world.ingest(_completed(world, recording)) == []
    assert recording_of(world, recording).status is RecordingStatus.COMPLETED


@pytest.mark.parametrize(
    ("content", "error"),
    [(make_wav([Part(900, is_sound=True)], [True]), 16101), (make_wav([Part(2_000, is_sound=False)], [True]), 16102)],
)
def test_media_that_nobody_wants_are_absent(world: World, bucket: Objects, content: bytes, error: int) -> None:
    """Too short, or only silence: nothing is kept, and the code tells why."""
    recording = world.stage.recording(world.stage.call(), "stopped", confirmed_version=1)
    capture(world.services, recording, content)
    assert world.ingest(_completed(world, recording)) == []
    found = recording_of(world, recording)
    assert (found.status, found.error, found.duration) == (RecordingStatus.ABSENT, error, 0)
    assert bucket.names(recording) == set()


@pytest.mark.parametrize("state", ["absent", "deleted"])
def test_media_that_come_too_late_are_taken_away(world: World, bucket: Objects, state: str) -> None:
    """What was given up, or deleted, stays so, and nothing lies there of it."""
    recording = world.stage.recording(world.stage.call(), "completed" if state == "deleted" else "absent")
    if state == "deleted":
        world.services.media().delete(recording.parent, recording.id)
    capture(world.services, recording, sound(2))
    before = everything(world)
    assert world.ingest(_completed(world, recording)) == []
    assert everything(world) == before
    assert bucket.names(recording) == set()


@pytest.mark.parametrize("status", ["in-progress", "paused", "stopped"])
@pytest.mark.parametrize(("kind", "more", "error"), [
    ("recording.absent", {"error": 16102}, 16102), ("recording.absent", {}, 16101),
    ("recording.failed", {"error": 16104}, 16104),
])  # fmt: skip
def test_a_recording_is_absent(
    world: World, tell: Tell, status: str, kind: str, more: dict[str, Any], error: int
) -> None:
    """For the reason that the engine tells, at every stage; a failure is told as nothing else."""
    recording = world.stage.recording(world.stage.call(), status, confirmed_version=1)
    tell(kind, **_about(recording), **more)
    found = recording_of(world, recording)
    assert (found.status, found.error, found.duration) == (RecordingStatus.ABSENT, error, 0)
    assert found.confirmed_version == found.version
    assert world.pending_work() == []


@pytest.mark.parametrize("status", ["in-progress", "stopped"])
def test_what_never_began_does_not_begin_by_being_absent(world: World, tell: Tell, status: str) -> None:
    """Nobody is told that a capture has begun which the engine could not begin."""
    recording = world.stage.recording(world.stage.call(), status, callback=CALLBACK)
    world.discard()
    tell("recording.failed", **_about(recording))
    found = recording_of(world, recording)
    assert (found.status, found.is_capturing_confirmed) == (RecordingStatus.ABSENT, False)
    assert world.publish() == []
    assert [delivery.event for delivery in world.deliveries(recording.id)] == ["absent"]


def test_an_unknown_recording_may_come_yet(world: World, comes_again: Tell) -> None:
    """Whatever is told of it is tried again; and so is what is told of another account's, or of another parent's."""
    call, other = world.stage.call(), world.stage.call()
    theirs = world.stage.recording(other, "stopped")
    account = world.account.account
    kinds: dict[str, dict[str, Any]] = {
        "recording.started": {}, "recording.paused": {}, "recording.resumed": {"version": 2}, "recording.stopped": {},
        "recording.completed": {}, "recording.absent": {},
    }  # fmt: skip
    for recording, of in ((fresh(world), call.id), (theirs.id, call.id)):
        for kind, more in kinds.items():
            key = {"key": object_key(account, recording)} if kind == "recording.completed" else {}
            comes_again(kind, parent={"type": "call", "id": of}, recording=recording, **more, **key)
    finished = world.stage.recording(other, "completed")
    comes_again("recording.completed", parent={"type": "call", "id": call.id}, recording=finished.id,
                key=object_key(account, finished.id))  # fmt: skip
    stranger = world.accounts.create().account
    for kind, more in kinds.items():
        key = {"key": object_key(stranger, theirs.id)} if kind == "recording.completed" else {}
        comes_again(kind, **_about(theirs), account=stranger, **more, **key)


def test_what_is_told_of_a_deleted_recording_changes_nothing(world: World, leaves: Tell) -> None:
    """It does not come again and again, either."""
    recording = world.stage.recording(world.stage.call(), "completed")
    world.services.media().delete(recording.parent, recording.id)
    for kind, more in (
        ("recording.started", {"source": "DialVerb"}), ("recording.started", {"version": 1}),
        ("recording.paused", {}), ("recording.stopped", {"version": 2}), ("recording.stopped", {}),
        ("recording.completed", {"key": object_key(recording.parent.account, recording.id)}), ("recording.absent", {}),
    ):  # fmt: skip
        leaves(kind, **_about(recording), **more)
    leaves("transcription.completed", recording=recording.id, transcription=fresh(world), text="Hello.")


ORDER: Final = [
    ("recording.started", 1), ("recording.paused", 2), ("recording.resumed", 3), ("recording.stopped", 4),
    ("recording.completed", None),
]  # fmt: skip


@pytest.mark.parametrize("order", list(permutations(range(5)))[:: scaled(1, 17)])
def test_answers_in_any_order_end_well(world: World, order: Sequence[int]) -> None:
    """`completed` before `started` and before `stopped`: one end, with one callback for each event, in order."""
    call = world.stage.call()
    parent = Parent(call.account, ParentKind.CALL, call.id)
    recording = world.stage.recording(call, callback=CALLBACK)
    world.discard()
    for target in (RecordingStatus.PAUSED, RecordingStatus.IN_PROGRESS, RecordingStatus.STOPPED):
        world.services.recordings.update(parent, recording.id, target)
    capture(world.services, recording, sound(1))
    events = [
        _completed(world, recording) if version is None else world.event(kind, **_about(recording), version=version)
        for kind, version in ORDER
    ]
    for place in order:
        world.clock.step(1)
        assert world.ingest(events[place], events[place]) == []
    found = recording_of(world, recording)
    assert (found.status, found.version, found.confirmed_version, found.is_pending) == (
        RecordingStatus.COMPLETED,
        5,
        5,
        False,
    )
    assert world.publish() == []
    assert [(delivery.event, delivery.sequence) for delivery in world.deliveries(recording.id)] == [
        ("in-progress", 1), ("completed", 5),
    ]  # fmt: skip
    assert list(dict.fromkeys(message.body["claim"] for message in world.callbacks.drain())) == [
        "00000001.in-progress", "00000005.completed",
    ]  # fmt: skip
    assert world.pending_work() == []


# Transcriptions.


@pytest.mark.parametrize(("text", "status"), [("Hello.", "completed"), (None, "failed")])
def test_a_transcription_appears(world: World, tell: Tell, text: str | None, status: str) -> None:
    """Under the id that it has there; without a text it could not be made."""
    recording = world.stage.recording(world.stage.call(), "completed")
    made = fresh(world)
    told = {"text": text} if text is not None else {}
    tell("transcription.completed", recording=recording.id, transcription=made, duration=4, **told)
    assert world.services.transcriptions.get(recording.parent.account, made) == Transcription(
        recording.parent.account, made, recording.id, TranscriptionStatus(status), START, 4, text
    )


def test_a_transcription_of_nothing_may_fit_later(world: World, comes_again: Tell) -> None:
    """Its recording may come yet."""
    comes_again("transcription.completed", recording=fresh(world), transcription=fresh(world), text="Hello.")


# Batches.


def test_a_message_that_fails_holds_up_its_own_group(world: World) -> None:
    """Those behind it of its call or conference come again with it, in order; all others are done with (R8)."""
    call, other = world.stage.call("ringing"), world.stage.call("ringing")
    unknown = world.event("call.ended", call=fresh(world))
    answered = [world.event("call.answered", call=each.id) for each in (call, other, call)]
    failed = world.ingest(answered[0], unknown, answered[1], answered[2], groups=["one", "one", "two", "one"])
    assert failed == ["message-1", "message-3"]
    assert [call_of(world, each).status for each in (call, other)] == [CallStatus.IN_PROGRESS] * 2
    assert [line["outcome"] for line in world.log.drain()] == ["done", "failed", "done"]


def test_what_cannot_be_read_comes_again(world: World) -> None:
    """Until the dead-letter queue takes it; what is in it is not logged."""
    call = world.stage.call("ringing")
    answered = world.event("call.answered", call=call.id)
    assert world.ingest("no canary", answered, groups=["one", "two"]) == ["message-0"]
    assert call_of(world, call).status is CallStatus.IN_PROGRESS
    unreadable, done = world.log.drain()
    assert unreadable == {"operation": "ingest_media_event", "outcome": "unreadable", "error": "MalformedBody"}
    assert done == {"operation": "ingest_media_event", "outcome": "done"}


def test_what_the_state_forbids_is_dropped_and_counted(world: World) -> None:
    """It holds up nobody: neither what is behind it nor what is not."""
    room, call = world.stage.conference("completed"), world.stage.call("ringing")
    joined = world.event("participant.joined", conference=room.id, call=call.id)
    assert world.ingest(joined, world.event("call.answered", call=call.id)) == []
    assert call_of(world, call).status is CallStatus.IN_PROGRESS
    assert world.log.drain()[0] == {
        "operation": "ingest_media_event", "outcome": "dropped", "error": "ConferenceNotInProgress",
        "counted": {"EventsDropped": 1},
    }  # fmt: skip


def test_a_table_that_fails_lets_it_come_again(world: World) -> None:
    """Nothing is lost, and what was written before its answer was lost is recognised."""
    call = world.stage.call("ringing")
    answered = world.event("call.answered", call=call.id)
    for when in ("before", "after"):

        def fail(happens: str, operation: str, _request: object, when: str = when) -> None:
            if happens == when and operation == "UpdateItem":
                world.faults.clear()
                raise _broken(operation)

        world.faults.append(fail)
        world.ingest(answered)
    assert world.ingest(answered) == []
    assert call_of(world, call).version == 2


def _broken(operation: str) -> Exception:
    from botocore.exceptions import ClientError

    return ClientError({"Error": {"Code": "InternalServerError"}}, operation)


# What it costs.

GET, UPDATE, TRANSACT, BATCH = "GetItem", "UpdateItem", "TransactWriteItems", "BatchGetItem"


def test_asks_the_table_no_more_than_it_must(world: World) -> None:
    """An answer about a recording is one update; what moves several things at once reads what it is to move."""
    call, room = world.stage.call("ringing"), world.stage.conference()
    plain = world.stage.call()
    recording = world.stage.recording(plain)
    member = world.stage.participant(room)
    added = world.services.participants.add(room.account, room.id, AddParticipant("+1", "+2"))
    of_member = {"conference": room.id, "call": member.call}
    capture(world.services, recording, sound(1))
    costs: list[tuple[str, dict[str, Any], list[str]]] = [
        ("call.answered", {"call": fresh(world), "to": "+1", "from": "+2"}, [GET, TRANSACT, GET]),
        ("call.answered", {"call": call.id}, [GET, GET, UPDATE]),
        ("call.answered", {"call": added.call, "version": added.requested_version}, [GET, BATCH, GET, TRANSACT]),
        ("recording.started", {**_about(recording), "version": 1}, [UPDATE]),
        ("recording.paused", _about(recording), [UPDATE]),
        ("recording.stopped", _about(recording), [UPDATE]),
        ("recording.completed",
         {**_about(recording), "key": object_key(room.account, recording.id)}, [GET, GET, UPDATE]),
        ("participant.joined", {"conference": room.id, "call": call.id}, [BATCH, GET, TRANSACT]),
        ("participant.changed", {**of_member, "muted": True}, [BATCH, TRANSACT]),
        ("participant.changed", {**of_member, "version": 1}, [UPDATE]),
        ("participant.left", of_member, [BATCH, BATCH, TRANSACT, BATCH]),
        ("call.ended", {"call": call.id}, [GET, UPDATE, BATCH, TRANSACT, BATCH]),
        ("conference.ended", {"conference": room.id}, [UPDATE, GET]),
    ]  # fmt: skip
    for kind, more, requests in costs:
        with world.recorded_requests() as asked:
            assert world.ingest(world.event(kind, **more)) == []
        assert (kind, asked) == (kind, requests)
