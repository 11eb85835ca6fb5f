"""Engine events of calls, and of calls that are dialed into a conference, reported over HTTP."""

from dataclasses import replace
from typing import Any

import pytest

from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, EndReason
from tapedeck.domain.identity import new_id
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import Parent, ParentKind, RecordingStatus
from tapedeck.operations.calls import UpdateCall
from tapedeck.operations.participants import AddParticipant, UpdateParticipant
from tests.functions.background_world import World
from tests.functions.reported_events import Ingest, call_of, conference_of, new_engine_id, participant_of, recording_of
from tests.functions.stage import START
from tests.reporter import next_seq


@pytest.mark.parametrize(("kind", "status"), [("call.ringing", "ringing"), ("call.answered", "in-progress")])
def test_registers_an_unknown_call(world: World, applied: Ingest, kind: str, status: str) -> None:
    """A call that the API does not know is created as the engine reports it, under the engine's id."""
    call = new_engine_id(world)
    applied(kind, call=call, to="+1", **{"from": "+2"}, direction="outbound-dial", parent_call="e" * 32)
    answered, rang = (START, None) if status == "in-progress" else (None, START)
    assert call_of(world, call) == Call(
        world.account.account, call, CallStatus(status), START, to="+1", from_="+2", direction="outbound-dial",
        rang=rang, started=answered, parent_call="e" * 32, engine="standin", last_event_seq=world.last_seq,
    )  # fmt: skip


def test_a_call_rings_is_answered_and_ends(world: World, applied: Ingest) -> None:
    """A call rings, is answered and ends, each at the time of its event."""
    call = world.stage.call("queued", started=None)
    applied("call.ringing", call=call.id)
    ringing = replace(
        call, status=CallStatus.RINGING, version=2, rang=call.updated, engine="standin", last_event_seq=world.last_seq
    )
    assert call_of(world, call) == ringing
    answered = world.clock.step(5)
    applied("call.answered", call=call.id)
    connected = replace(
        ringing, status=CallStatus.IN_PROGRESS, version=3, started=answered, updated=answered,
        last_event_seq=world.last_seq,
    )  # fmt: skip
    assert call_of(world, call) == connected
    now = world.clock.step(5)
    ended = world.event("call.ended", call=call.id)
    assert world.ingest(ended, ended) == []
    assert call_of(world, call) == replace(
        connected,
        status=CallStatus.COMPLETED,
        version=4,
        ended=now,
        updated=now,
        end_write_id=ended["id"],
        last_event_seq=world.last_seq,
    )


@pytest.mark.parametrize("kind", ["call.ringing", "call.answered"])
@pytest.mark.parametrize("status", ["in-progress", "completed", "busy"])
def test_a_call_does_not_move_back(world: World, ignored: Ingest, kind: str, status: str) -> None:
    """A late event changes nothing; an event that the engine reports after the end is refused and counted."""
    late = next_seq()
    call = world.stage.call(status, last_event_seq=next_seq())
    ignored(kind, call=call.id, seq=late)
    if status != "in-progress":
        ignored(kind, refused="wrong_state", call=call.id)


def test_a_pending_hang_up_overrides_an_answer(world: World, ignored: Ingest) -> None:
    """Until the engine confirms a hang-up, an event that the call was answered is ignored."""
    call = world.stage.call("ringing")
    world.services.calls.end(call.account, call.id)
    world.clock.step(5)
    ignored("call.answered", call=call.id)


def test_times_of_a_call_are_the_engine_times(world: World) -> None:
    """The engine's clock sets when a call and its recordings start and end."""
    call = new_engine_id(world)
    began = world.clock()
    parties: dict[str, Any] = {"to": "+1", "from": "+2"}
    answered = world.event("call.answered", call=call, at=began, **parties)
    world.clock.step(60)
    recording = new_engine_id(world)
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
    ("status", "reported", "stored"),
    [
        ("in-progress", "completed", "completed"), ("in-progress", "failed", "completed"),
        ("ringing", "busy", "busy"), ("ringing", "no-answer", "no-answer"), ("ringing", "canceled", "canceled"),
        ("queued", "failed", "failed"), ("ringing", "completed", "no-answer"),
    ],
)  # fmt: skip
def test_a_call_ends_with_the_status_that_fits(
    world: World, applied: Ingest, status: str, reported: str, stored: str
) -> None:
    """An answered call ends as completed; an unanswered call never does."""
    call = world.stage.call(status)
    applied("call.ended", call=call.id, status=reported)
    assert call_of(world, call).status == stored
    assert world.pending_work() == []


def test_the_end_of_a_call_confirms_the_hang_up(world: World, applied: Ingest) -> None:
    """The end confirms the hang-up and every other command pending for the call and its participant."""
    conference = world.stage.conference()
    call = world.stage.call("in-progress", conference=conference.id)
    participant = world.stage.participant(conference, call)
    recording = world.stage.recording(call)
    account = world.account.account
    world.services.participants.update(account, conference.id, participant.call, UpdateParticipant(muted=True))
    world.services.calls.update(account, call.id, UpdateCall(CallStatus.COMPLETED))
    ended = call_of(world, call)
    assert [type(pending.resource) for pending in world.pending_work()] != []
    applied("call.ended", call=call.id, status="completed", version=ended.requested_version)
    assert call_of(world, call) == replace(
        ended, confirmed_version=ended.requested_version, engine="standin", last_event_seq=world.last_seq
    )
    participant = participant_of(world, conference, call.id)
    assert participant.confirmed_version == participant.requested_version
    assert [pending.resource.id for pending in world.pending_work()] == [recording.id]


def test_the_end_of_a_call_stops_its_recordings(world: World, applied: Ingest) -> None:
    """A call's end stops its recordings and removes it from its conference, which may end too, as with the API."""
    conference = world.stage.conference(participants=1)
    call = world.stage.call("in-progress", conference=conference.id)
    world.stage.participant(conference, call)
    recordings = [world.stage.recording(call), world.stage.recording(conference, confirmed_version=1)]
    applied("call.ended", call=call.id)
    assert [recording_of(world, each).status for each in recordings] == [RecordingStatus.STOPPED] * 2
    assert conference_of(world, conference).reason is EndReason.LAST_LEFT
    assert participant_of(world, conference, call.id).status is ParticipantStatus.COMPLETE


@pytest.mark.parametrize(
    ("kind", "more"),
    [("call.ringing", {}), ("call.answered", {}), ("call.ended", {}), ("call.redirected", {"version": 1})],
)
def test_an_event_of_an_unknown_call_is_retried(world: World, retried: Ingest, kind: str, more: dict[str, Any]) -> None:
    """An event that lacks the fields to create the call is retried, and so is one of another account's call."""
    retried(kind, call=new_engine_id(world), **more)
    call = world.stage.call("ringing")
    retried(kind, call=call.id, **more, account=world.accounts.create().account)


def test_a_delayed_event_creates_a_call(world: World, applied: Ingest) -> None:
    """An event that is delayed by a day is applied, and so is one whose id is 5 s ahead of this service's clock."""
    call, at = new_engine_id(world), world.clock()
    world.clock.step(86_400)
    applied("call.answered", call=call, to="+1", **{"from": "+2"}, at=at)
    assert call_of(world, call).created == START
    ahead = new_id(world.clock() + 5_000)
    applied("call.answered", call=ahead, to="+1", **{"from": "+2"}, at=world.clock() + 5_000)
    assert call_of(world, ahead).started == world.clock.seconds


def test_a_redirect_confirms_its_version(world: World, applied: Ingest, ignored: Ingest) -> None:
    """A redirect report confirms the version that it names; an older version confirms nothing."""
    call = world.stage.call()
    redirect = UpdateCall(redirect={"url": "https://a.example/", "method": "POST"})
    for _ in range(2):
        world.services.calls.update(call.account, call.id, redirect)
    ignored("call.redirected", call=call.id, version=2)
    assert call_of(world, call).confirmed_version == 0
    applied("call.redirected", call=call.id, version=3)
    assert call_of(world, call).confirmed_version == 3
    assert world.pending_work() == []


# Calls that are dialed into a conference.


@pytest.fixture
def dialed(world: World) -> tuple[Conference, Participant]:
    """A participant that is being dialed into a conference, and that conference."""
    conference = world.stage.conference()
    added = world.services.participants.add(conference.account, conference.id, AddParticipant("+1", "+2"))
    return conference_of(world, conference), added


def test_a_dialed_participant_rings_and_answers(
    world: World, applied: Ingest, dialed: tuple[Conference, Participant]
) -> None:
    """Call and participant change together, and the first report confirms the dial command."""
    conference, participant = dialed
    now = world.clock.step(2)
    applied("call.ringing", call=participant.call, version=participant.requested_version)
    ringing = replace(
        participant,
        status=ParticipantStatus.RINGING,
        version=participant.version + 1,
        updated=now,
        confirmed_version=participant.requested_version,
    )
    assert participant_of(world, conference, participant.call) == ringing
    assert call_of(world, participant.call).status is CallStatus.RINGING
    assert world.pending_work() == []
    now = world.clock.step(2)
    applied("call.answered", call=participant.call, version=participant.requested_version)
    assert participant_of(world, conference, participant.call) == replace(
        ringing, status=ParticipantStatus.CONNECTED, version=ringing.version + 1, updated=now, sequence=1,
        last_event_seq=world.last_seq,
    )  # fmt: skip
    assert conference_of(world, conference) == replace(
        conference, version=conference.version + 1, participants=3, sequence=1, engine="standin"
    )


def test_an_answer_without_ringing_confirms_the_dial(
    world: World, applied: Ingest, dialed: tuple[Conference, Participant]
) -> None:
    """An answer without ringing confirms the dial command; a later ringing event changes nothing."""
    conference, participant = dialed
    applied("call.answered", call=participant.call, version=participant.requested_version)
    connected = participant_of(world, conference, participant.call)
    assert (connected.status, connected.confirmed_version) == (
        ParticipantStatus.CONNECTED,
        participant.requested_version,
    )
    applied("call.ringing", call=participant.call, version=participant.requested_version)
    assert participant_of(world, conference, participant.call) == connected


def test_confirming_the_dial_leaves_a_later_command_pending(
    world: World, applied: Ingest, dialed: tuple[Conference, Participant]
) -> None:
    """A participant who was muted while ringing is dialed, and the mute command stays pending."""
    conference, participant = dialed
    world.services.participants.update(
        conference.account, conference.id, participant.call, UpdateParticipant(muted=True)
    )
    applied("call.answered", call=participant.call, version=participant.requested_version)
    (pending,) = world.pending_work()
    assert pending.resource == participant_of(world, conference, participant.call)
    assert isinstance(pending.resource, Participant)
    applied(
        "participant.changed",
        conference=conference.id,
        call=participant.call,
        version=pending.resource.requested_version,
    )
    assert world.pending_work() == []


def test_an_unreached_participant_fails(world: World, applied: Ingest, dialed: tuple[Conference, Participant]) -> None:
    """A participant who was not reached leaves without being counted, and the dial command is confirmed."""
    conference, participant = dialed
    applied("call.ended", call=participant.call, status="busy", version=participant.requested_version)
    found = participant_of(world, conference, participant.call)
    assert (found.status, found.left, found.confirmed_version) == (
        ParticipantStatus.FAILED,
        START,
        participant.requested_version,
    )
    assert conference_of(world, conference) == conference
    assert world.pending_work() == []


@pytest.mark.parametrize("how", ["removed", "conference ended"])
def test_a_removed_participant_that_answers_stays_removed(
    world: World, applied: Ingest, dialed: tuple[Conference, Participant], how: str
) -> None:
    """The call rings and is answered late. It is not in the conference any more, and it is hung up: canceled."""
    conference, participant = dialed
    if how == "removed":
        world.services.participants.remove(conference.account, conference.id, participant.call)
    else:
        world.services.conferences.end(conference.account, conference.id)
    before = participant_of(world, conference, participant.call)
    applied("call.ringing", call=participant.call)
    applied("call.answered", call=participant.call)
    call = call_of(world, participant.call)
    assert (call.status, call.ended, call.requested_version) == (CallStatus.CANCELED, START, call.version)
    assert participant_of(world, conference, participant.call) == before
