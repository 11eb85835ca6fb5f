"""Engine events that are new, duplicated, late, out of order, early or unauthorised, reported over HTTP."""

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
from tapedeck.operations.participants import AddParticipant, UpdateParticipant
from tapedeck_standin.telephony.audio import Part, make_wav
from tests.engine_reports import capture_fields
from tests.functions.background_world import World
from tests.functions.objects import Objects
from tests.functions.stage import START
from tests.media import sound
from tests.reporter import next_seq
from tests.thoroughness import scaled

Ingest = Callable[..., None]

CALLBACK: Final = CallbackSubscription(
    "https://app.example.com/hooks", "POST", ("in-progress", "completed", "absent"), "twilio"
)


@pytest.fixture
def applied(world: World) -> Ingest:
    """Ingest one event, which is applied at once; then ingest it again, which changes nothing."""

    def ingest(kind: str, **fields: Any) -> None:
        event = world.event(kind, **fields)
        assert world.ingest(event) == []
        assert world.reports[0]["outcome"] in {"taken", "repeated", "stale"}
        before = all_items(world)
        assert world.ingest(event) == []
        assert world.reports[0]["outcome"] in {"taken", "repeated", "stale"}
        assert all_items(world) == before

    return ingest


@pytest.fixture
def retried(world: World) -> Ingest:
    """Ingest an event that cannot be applied yet: it is to be reported again, and nothing changes."""

    def ingest(kind: str, **fields: Any) -> None:
        before = all_items(world)
        assert world.ingest(world.event(kind, **fields)) == [0]
        assert all_items(world) == before

    return ingest


@pytest.fixture
def ignored(world: World) -> Ingest:
    """Ingest an event that changes nothing except the number of the last engine event.

    `refused` is the code with which it is refused, if it is.
    """

    def items_without_numbers() -> list[dict[str, Any]]:
        tokens = {f"r{place}" for place in range(1, 9)}
        return [
            {name: value for name, value in item.items() if name not in {"seq", *tokens}} for item in all_items(world)
        ]

    def ingest(kind: str, refused: str | None = None, **fields: Any) -> None:
        before = items_without_numbers()
        assert world.ingest(world.event(kind, **fields)) == []
        assert items_without_numbers() == before
        (report,) = world.reports
        if refused is None:
            assert report["outcome"] in {"taken", "repeated", "stale"}
        else:
            assert (report["outcome"], report["code"]) == ("refused", refused)

    return ingest


def all_items(world: World) -> list[dict[str, Any]]:
    """Return all items of the table."""
    items: list[dict[str, Any]] = world.memory.scan(TableName=world.table)["Items"]
    return sorted(items, key=lambda item: (item["PK"]["S"], item["SK"]["S"]))


def new_engine_id(world: World) -> str:
    """Return an id that the engine creates now."""
    return new_id(world.clock())


def call_of(world: World, call: Call | str) -> Call:
    """Read a call."""
    return world.services.calls.get(world.account.account, call if isinstance(call, str) else call.id)


def conference_of(world: World, conference: Conference | str) -> Conference:
    """Read a conference."""
    return world.services.conferences.get(
        world.account.account, conference if isinstance(conference, str) else conference.id
    )


def participant_of(world: World, conference: Conference, call: str) -> Participant:
    """Read a participant, which may have left."""
    _, found = world.services.conferences._store.get_membership(conference.account, conference.id, call)
    assert found is not None
    return found


def recording_of(world: World, recording: Recording) -> Recording:
    """Read a recording."""
    return world.services.recordings.get(recording.parent, recording.id)


# Calls.


@pytest.mark.parametrize(("kind", "status"), [("call.ringing", "ringing"), ("call.answered", "in-progress")])
def test_registers_an_unknown_call(world: World, applied: Ingest, kind: str, status: str) -> None:
    """A call that the API does not know is created as the engine reports it, under the engine's id."""
    call = new_engine_id(world)
    applied(kind, call=call, to="+1", **{"from": "+2"}, direction="outbound-dial", parent_call="e" * 32)
    answered = START if status == "in-progress" else None
    assert call_of(world, call) == Call(
        world.account.account, call, CallStatus(status), START, to="+1", from_="+2", direction="outbound-dial",
        started=answered, parent_call="e" * 32, engine="standin", last_event_seq=world.last_seq,
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


def test_an_id_of_the_future_creates_nothing(world: World, ignored: Ingest) -> None:
    """An id whose time is more than 5 s ahead is refused: of calls, conferences, recordings, transcriptions (C-113)."""
    far = new_id(world.clock() + 5_001)
    conference, completed = world.stage.conference(), world.stage.recording(world.stage.call(), "completed")
    refused = {"refused": "bad_id"}
    ignored("call.answered", **refused, call=far, to="+1", **{"from": "+2"})
    ignored("conference.started", **refused, conference=far, name="Lobby")
    ignored("recording.started", **refused, parent=_parent(conference), recording=far, source="Conference")
    ignored("transcription.completed", **refused, recording=completed.id, transcription=far, text="Hello.")


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


# Conferences.


def test_registers_a_conference(world: World, applied: Ingest) -> None:
    """A conference is created under its name and id, with its callback subscription and no participants."""
    conference = new_engine_id(world)
    subscription = {"url": CALLBACK.url, "method": "POST", "events": list(CALLBACK.events), "dialect": "twilio"}
    applied("conference.started", conference=conference, name="Lobby", record=True, callback=subscription)
    assert conference_of(world, conference) == Conference(
        world.account.account, conference, "Lobby", ConferenceStatus.INIT, START, record=True, callback=CALLBACK,
        engine="standin", last_event_seq=world.last_seq,
    )  # fmt: skip
    # A conference with a callback is in the pending-work index from its start.
    assert [pending.resource.id for pending in world.pending_work()] == [conference]
    plain = new_engine_id(world)
    applied("conference.started", conference=plain, name="Kitchen")
    assert [pending.resource.id for pending in world.pending_work()] == [conference]


def test_a_name_in_use_is_retried(world: World, retried: Ingest, applied: Ingest) -> None:
    """A start under the name of a live conference is retried: that conference may be about to end."""
    old, new = world.stage.conference(name="Lobby"), new_engine_id(world)
    retried("conference.started", conference=new, name="Lobby")
    applied("conference.ended", conference=old.id)
    applied("conference.started", conference=new, name="Lobby")
    assert conference_of(world, new).is_live


@pytest.mark.parametrize(
    ("more", "reason", "ending"),
    [
        ({}, EndReason.LAST_LEFT, None),
        ({"reason": "participant-with-end-conference-on-exit-left"}, EndReason.END_ON_EXIT_LEFT, None),
        ({"reason": "last-participant-kicked", "ending_call": "e" * 32}, EndReason.LAST_KICKED, "e" * 32),
    ],
)
@pytest.mark.parametrize("recorded", [0, 2])
def test_a_conference_ends_for_a_reason(
    world: World, applied: Ingest, more: dict[str, Any], reason: EndReason, ending: str | None, recorded: int
) -> None:
    """The end stores its reason and the call that ended it, and stops the conference's recordings."""
    conference = world.stage.conference()
    recordings = [world.stage.recording(conference, confirmed_version=1) for _ in range(recorded)]
    conference = conference_of(world, conference)
    now = world.clock.step(9)
    applied("conference.ended", conference=conference.id, **more)
    found = conference_of(world, conference)
    assert found == replace(
        conference, status=ConferenceStatus.COMPLETED, version=conference.version + 1, sequence=1, ended=now,
        updated=now, reason=reason, ending_call=ending, end_write_id=found.end_write_id, active_recordings=frozenset(),
        engine="standin", last_event_seq=world.last_seq,
    )  # fmt: skip
    assert [recording_of(world, each).status for each in recordings] == [RecordingStatus.STOPPED] * recorded


@pytest.mark.parametrize("callback", [None, CALLBACK])
def test_the_end_of_a_conference_confirms_the_command(
    world: World, applied: Ingest, callback: CallbackSubscription | None
) -> None:
    """The end confirms the command; a conference with a callback stays in the pending-work index."""
    conference = world.stage.conference(callback=callback)
    ended = world.services.conferences.end(conference.account, conference.id)
    applied("conference.ended", conference=conference.id, version=ended.requested_version)
    assert conference_of(world, conference) == replace(
        ended, confirmed_version=ended.requested_version, engine="standin", last_event_seq=world.last_seq
    )
    assert [pending.resource.id for pending in world.pending_work()] == (
        [conference.id] if callback is not None else []
    )


def test_an_event_of_an_unknown_conference_is_retried(world: World, retried: Ingest) -> None:
    """Every event about an unknown conference, or about a participant in it, is retried."""
    conference, call = new_engine_id(world), world.stage.call()
    retried("conference.ended", conference=conference)
    retried("conference.ended", conference=conference, ending_call=call.id)
    retried("conference.announced", conference=conference, version=1)
    for kind in ("participant.joined", "participant.changed", "participant.left"):
        retried(kind, conference=conference, call=call.id)
    retried("participant.changed", conference=conference, call=call.id, version=1)


def test_an_announcement_is_confirmed(world: World, applied: Ingest, ignored: Ingest) -> None:
    """The report confirms the announcement, and takes the next sequence number of the conference."""
    conference = world.stage.conference()
    announced = world.services.conferences._store.announce(
        conference.account, conference.id, "https://a.example/", "POST", START, new_engine_id(world)
    )
    ignored("conference.announced", "wrong_state", conference=conference.id, version=7)
    ignored("conference.announced", conference=conference.id, version=1)
    now = world.clock.step(3)
    applied("conference.announced", conference=conference.id, version=2)
    assert conference_of(world, conference) == replace(
        announced,
        version=3,
        sequence=1,
        confirmed_version=2,
        announced_at=now,
        engine="standin",
        last_event_seq=world.last_seq,
    )
    assert world.pending_work() == []


# Participants.


def test_a_call_joins_a_conference(world: World, applied: Ingest) -> None:
    """A call joins with the options that the engine reports; the conference starts with the second participant."""
    conference, calls = world.stage.conference("init", participants=0, has_starter=False, first_call=None), []
    for number in range(2):
        call = world.stage.call()
        calls.append(call)
        now = world.clock.step(1)
        applied(
            "participant.joined",
            conference=conference.id,
            call=call.id,
            end_conference_on_exit=True,
            muted=True,
            hold=True,
        )
        assert participant_of(world, conference, call.id) == Participant(
            call.id, conference.id, now, version=number + 2, end_conference_on_exit=True, muted=True, hold=True,
            sequence=number + 1, last_event_seq=world.last_seq,
        )  # fmt: skip
        assert call_of(world, call) == replace(call, conference=conference.id, version=2)
    assert conference_of(world, conference) == replace(
        conference, status=ConferenceStatus.IN_PROGRESS, version=3, participants=2, has_starter=True, sequence=3,
        updated=now, first_call=calls[0].id, start_sequence=3, started_at=now, engine="standin",
    )  # fmt: skip


def test_joining_is_refused_after_the_end(world: World, ignored: Ingest, retried: Ingest) -> None:
    """Joining is refused once the call or the conference has ended, and retried while the call is not answered."""
    conference, ended = world.stage.conference(), world.stage.conference("completed", name="Gone")
    refused = {"refused": "wrong_state"}
    ignored("participant.joined", **refused, conference=ended.id, call=world.stage.call().id)
    ignored("participant.joined", **refused, conference=conference.id, call=world.stage.call("completed").id)
    retried("participant.joined", conference=conference.id, call=world.stage.call("ringing").id)
    retried("participant.joined", conference=conference.id, call=new_engine_id(world))


def test_a_late_join_does_not_undo_a_leave(world: World, applied: Ingest, ignored: Ingest) -> None:
    """A participant who has left, by whichever channel, does not return when an older join arrives again."""
    conference = world.stage.conference()
    for how in ("engine", "api", "hang-up"):
        call = world.stage.call()
        entered = world.event("participant.joined", conference=conference.id, call=call.id)
        assert world.ingest(entered) == []
        world.clock.step(1)
        if how == "engine":
            applied("participant.left", conference=conference.id, call=call.id)
        elif how == "api":
            world.services.participants.remove(conference.account, conference.id, call.id)
        else:
            applied("call.ended", call=call.id)
        before = all_items(world)
        assert world.ingest(entered) == []
        assert all_items(world) == before
        assert world.reports[-1]["outcome"] in {"taken", "repeated", "stale"}
        if how != "hang-up":
            # Once the leave is confirmed, a newer join is applied.
            world.clock.step(1)
            joined = participant_of(world, conference, call.id).requested_version
            if how == "api":
                ignored("participant.joined", conference=conference.id, call=call.id)
                applied("participant.left", conference=conference.id, call=call.id, version=joined)
                world.clock.step(1)
            applied("participant.joined", conference=conference.id, call=call.id)
            assert participant_of(world, conference, call.id).is_inside


def test_the_engine_changes_a_participant(world: World, applied: Ingest, ignored: Ingest) -> None:
    """A change that the engine makes is stored, sends no command, and is not undone by an older event."""
    conference = world.stage.conference()
    participant, other = world.stage.participant(conference), world.stage.participant(conference)
    now = world.clock.step(2)
    applied("participant.changed", conference=conference.id, call=participant.call, muted=True, coaching=True,
         call_to_coach=other.call)  # fmt: skip
    changed = replace(
        participant, muted=True, coaching=True, call_to_coach=other.call, version=2, updated=now, sequence=2,
        last_event_seq=world.last_seq,
    )  # fmt: skip
    assert participant_of(world, conference, participant.call) == changed
    ignored("participant.changed", conference=conference.id, call=participant.call, muted=False, seq=1)
    applied("participant.changed", conference=conference.id, call=participant.call, hold=True)
    assert participant_of(world, conference, participant.call) == replace(
        changed, hold=True, version=3, sequence=3, last_event_seq=world.last_seq
    )
    ignored("participant.changed", conference=conference.id, call=participant.call)
    assert world.pending_work() == []


def test_a_duplicate_does_not_undo_a_later_command(world: World) -> None:
    """After the engine mutes and the API unmutes, a duplicate of the first event does not mute."""
    conference = world.stage.conference()
    participant = world.stage.participant(conference)
    muted = world.event("participant.changed", conference=conference.id, call=participant.call, muted=True)
    assert world.ingest(muted) == []
    unmuted = world.services.participants.update(
        conference.account, conference.id, participant.call, UpdateParticipant(muted=False)
    )
    # Before and after the engine confirms the command.
    assert world.ingest(muted) == []
    assert (
        world.ingest(
            world.event(
                "participant.changed",
                conference=conference.id,
                call=participant.call,
                version=unmuted.requested_version,
            ),
            muted,
        )
        == []
    )
    assert participant_of(world, conference, participant.call) == replace(
        unmuted, confirmed_version=unmuted.requested_version, last_event_seq=world.last_seq
    )


def test_an_event_older_than_a_confirmation_is_stale(world: World, ignored: Ingest, applied: Ingest) -> None:
    """An event of the engine whose number is below that of a confirmation is ignored (C-111)."""
    conference = world.stage.conference()
    participant = world.stage.participant(conference)
    muted = next_seq()
    held = world.services.participants.update(
        conference.account, conference.id, participant.call, UpdateParticipant(hold=True)
    )
    world.clock.step(1)
    confirmation = world.event(
        "participant.changed", conference=conference.id, call=participant.call, version=held.requested_version
    )
    assert world.ingest(confirmation) == []
    world.log.drain()
    ignored("participant.changed", conference=conference.id, call=participant.call, muted=True, seq=muted)
    world.clock.step(1)
    applied("participant.changed", conference=conference.id, call=participant.call, hold=False)
    last = world.last_seq
    # A duplicate of the confirmation does not move the number of the last event back.
    assert world.ingest(confirmation) == []
    world.log.drain()
    ignored("participant.changed", conference=conference.id, call=participant.call, muted=True, seq=last - 1)
    assert participant_of(world, conference, participant.call).last_event_seq == last


def test_a_pending_command_overrides_the_engine(world: World, ignored: Ingest, applied: Ingest) -> None:
    """Until the engine confirms a command, the changes that it makes itself are ignored (C-112)."""
    conference = world.stage.conference()
    participant = world.stage.participant(conference)
    muted = world.services.participants.update(
        conference.account, conference.id, participant.call, UpdateParticipant(muted=True)
    )
    ignored("participant.changed", conference=conference.id, call=participant.call, muted=False)
    applied("participant.changed", conference=conference.id, call=participant.call, version=muted.requested_version)
    applied("participant.changed", conference=conference.id, call=participant.call, muted=False)
    assert not participant_of(world, conference, participant.call).muted


def test_an_expired_command_overrides_nothing(world: World, ignored: Ingest, applied: Ingest) -> None:
    """A command that is not confirmed within a day expires; then the engine's own events are applied."""
    conference = world.stage.conference()
    changed, kicked = world.stage.participant(conference), world.stage.participant(conference)
    world.services.participants.update(conference.account, conference.id, changed.call, UpdateParticipant(muted=True))
    world.services.participants.remove(conference.account, conference.id, kicked.call)
    about: list[dict[str, Any]] = [{"conference": conference.id, "call": each.call} for each in (changed, kicked)]
    world.clock.step(COMMAND_EXPIRY_SECONDS - 1)
    ignored("participant.changed", **about[0], muted=False)
    ignored("participant.joined", **about[1])
    world.clock.step(1)
    applied("participant.changed", **about[0], muted=False)
    applied("participant.joined", **about[1])
    assert not participant_of(world, conference, changed.call).muted
    assert participant_of(world, conference, kicked.call).is_inside


def test_an_event_without_a_change_makes_older_events_stale(world: World, ignored: Ingest) -> None:
    """An event that reports the current state still makes older events stale."""
    conference, call = world.stage.conference(participants=2), world.stage.call()
    participant = world.stage.participant(conference)
    recording = world.stage.recording(call, confirmed_version=1)
    before = next_seq()
    about: dict[str, Any] = {"conference": conference.id, "call": participant.call}
    ignored("participant.changed", **about, muted=False)
    ignored("participant.changed", **about, muted=True, seq=before)
    ignored("recording.resumed", **_about(recording))
    ignored("recording.paused", **_about(recording), seq=before)
    for kind, other in (("joined", "left"), ("left", "joined")):
        world.ingest(world.event(f"participant.{kind}", **about))
        world.log.drain()
        between = next_seq()
        ignored(f"participant.{kind}", **about)
        ignored(f"participant.{other}", **about, seq=between)


def test_events_of_a_participant_who_left_are_ignored(world: World, ignored: Ingest) -> None:
    """Events are ignored after a participant has left and after the conference has ended."""
    conference, ended = world.stage.conference(), world.stage.conference("completed", name="Gone")
    gone, remaining = world.stage.participant(conference, status="complete"), world.stage.participant(ended)
    for parent, absent in ((conference, gone), (ended, remaining)):
        ignored("participant.changed", conference=parent.id, call=absent.call, muted=True)
        ignored("participant.left", conference=parent.id, call=absent.call)


@pytest.mark.parametrize(
    ("ends_on_exit", "inside", "reason"),
    [(False, 2, None), (True, 2, EndReason.END_ON_EXIT_LEFT), (False, 1, EndReason.LAST_LEFT)],
)
def test_a_participant_leaves(
    world: World, applied: Ingest, inside: int, reason: EndReason | None, *, ends_on_exit: bool
) -> None:
    """A participant leaves, its call goes on, and the conference ends if that leave ends it."""
    conference = world.stage.conference(participants=inside)
    participant = world.stage.participant(conference, end_conference_on_exit=ends_on_exit)
    now = world.clock.step(3)
    applied("participant.left", conference=conference.id, call=participant.call)
    assert participant_of(world, conference, participant.call) == replace(
        participant,
        status=ParticipantStatus.COMPLETE,
        left=now,
        updated=now,
        version=2,
        sequence=1,
        last_event_seq=world.last_seq,
    )
    found = conference_of(world, conference)
    assert (found.participants, found.reason, found.is_live) == (inside - 1, reason, reason is None)
    assert call_of(world, participant.call).is_live


def test_a_leave_of_an_earlier_stay_is_ignored(world: World, ignored: Ingest, applied: Ingest) -> None:
    """A leave that is older than the latest join does not end the current stay."""
    conference, call = world.stage.conference(), world.stage.call()
    applied("participant.joined", conference=conference.id, call=call.id)
    applied("participant.left", conference=conference.id, call=call.id)
    second = next_seq()
    applied("participant.joined", conference=conference.id, call=call.id)
    ignored("participant.left", conference=conference.id, call=call.id, seq=second)
    assert participant_of(world, conference, call.id).is_inside


def test_a_leave_confirms_pending_commands(world: World, applied: Ingest) -> None:
    """A leave confirms the removal, and every pending command of a participant whose conference has ended."""
    conference = world.stage.conference(participants=9)
    for kind, version in (("remove", True), ("remove", False), ("end", False)):
        participant = world.stage.participant(conference)
        if kind == "remove":
            world.services.participants.remove(conference.account, conference.id, participant.call)
        else:
            world.services.participants.update(
                conference.account, conference.id, participant.call, UpdateParticipant(muted=True)
            )
            world.services.conferences.end(conference.account, conference.id)
        before = participant_of(world, conference, participant.call)
        world.clock.step(1)
        confirmation = {"version": before.requested_version} if version else {}
        applied("participant.left", conference=conference.id, call=participant.call, **confirmation)
        assert participant_of(world, conference, participant.call) == replace(
            before, confirmed_version=before.requested_version, last_event_seq=world.last_seq
        )


def test_a_duplicate_leave_does_not_confirm_a_later_command(world: World, applied: Ingest) -> None:
    """A duplicate confirmation of a removal does not confirm a mute that was requested after the rejoin."""
    conference = world.stage.conference()
    participant = world.stage.participant(conference)
    world.services.participants.remove(conference.account, conference.id, participant.call)
    removed = participant_of(world, conference, participant.call).requested_version
    applied("participant.left", conference=conference.id, call=participant.call, version=removed)
    world.clock.step(1)
    applied("participant.joined", conference=conference.id, call=participant.call)
    world.services.participants.update(
        conference.account, conference.id, participant.call, UpdateParticipant(muted=True)
    )
    before = participant_of(world, conference, participant.call)
    applied("participant.left", conference=conference.id, call=participant.call, version=removed)
    assert participant_of(world, conference, participant.call) == before


# Recordings.


def _parent(of: Call | Conference) -> dict[str, str]:
    return {"type": "call" if isinstance(of, Call) else "conference", "id": of.id}


def _about(recording: Recording) -> dict[str, Any]:
    kind = "call" if recording.parent.kind is ParentKind.CALL else "conference"
    return {"parent": {"type": kind, "id": recording.parent.id}, "recording": recording.id}


@pytest.fixture(params=["call", "conference"])
def parent(request: pytest.FixtureRequest, world: World) -> Call | Conference:
    """A call, then a conference."""
    return world.stage.call() if request.param == "call" else world.stage.conference()


@pytest.mark.parametrize(("late", "started"), [(2_000, 2), (-5_000, 0), (60_000, 3)])
def test_a_recording_starts_at_the_engine_time(
    world: World, applied: Ingest, parent: Call | Conference, late: int, started: int
) -> None:
    """A start is stored at the engine's time, but not before the request and not in the future."""
    recording = world.stage.recording(parent)
    at = world.clock() + late
    world.clock.step(3)
    applied("recording.started", **_about(recording), version=1, at=at)
    assert recording_of(world, recording) == replace(
        recording, confirmed_version=1, started=START + started, engine="standin", last_event_seq=world.last_seq
    )


def test_a_recording_starts_paused(world: World, applied: Ingest) -> None:
    """Confirming a later version confirms the earlier ones too; their events then change nothing."""
    recording = world.stage.recording(world.stage.call(), "paused")
    applied("recording.paused", **_about(recording), version=2)
    confirmed = replace(recording, confirmed_version=2, effective_version=2, last_event_seq=world.last_seq)
    assert recording_of(world, recording) == confirmed
    now = world.clock.step(1)
    # The start is stored once, although the confirmation of the pause has passed it.
    applied("recording.started", **_about(recording), version=1)
    begun = replace(confirmed, started=now, engine="standin", last_event_seq=world.last_seq)
    assert recording_of(world, recording) == begun
    world.clock.step(1)
    applied("recording.started", **_about(recording), seq=begun.last_event_seq)
    assert recording_of(world, recording) == begun


def test_registers_a_recording_that_the_engine_started(
    world: World, applied: Ingest, parent: Call | Conference
) -> None:
    """A recording that the engine starts itself is created as reported, and is confirmed."""
    recording = new_engine_id(world)
    subscription = {"url": CALLBACK.url, "events": list(CALLBACK.events), "dialect": "twilio"}
    applied("recording.started", parent=_parent(parent), recording=recording, source="DialVerb", channels=2,
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
        engine="standin",
        last_event_seq=world.last_seq,
    )


def test_a_conference_recording_shows_the_reported_call(
    world: World, applied: Ingest, retried: Ingest, ignored: Ingest
) -> None:
    """A conference recording shows the call that the engine reports, which must be known and not another engine's."""
    conference, recording, call = world.stage.conference(), new_engine_id(world), world.stage.call()
    about = {"parent": _parent(conference), "recording": recording, "source": "Conference"}
    retried("recording.started", **about, call="e" * 32)
    ignored("recording.started", "not_yours", **about, call=world.stage.call(engine="other").id)
    applied("recording.started", **about, call=call.id)
    found = world.services.recordings.get(Parent(conference.account, ParentKind.CONFERENCE, conference.id), recording)
    assert found.call == call.id


def test_a_recording_needs_a_live_parent(world: World, ignored: Ingest, retried: Ingest) -> None:
    """A start is retried before its parent begins, refused after its end, and retried without a source."""
    early: list[Call | Conference] = [world.stage.call("ringing"), world.stage.conference("init", name="Early")]
    late: list[Call | Conference] = [world.stage.call("completed"), world.stage.conference("completed", name="Late")]
    for parent in early:
        retried("recording.started", parent=_parent(parent), recording=new_engine_id(world), source="DialVerb")
    for parent in late:
        ignored("recording.started", "wrong_state", parent=_parent(parent), recording=new_engine_id(world),
               source="DialVerb")  # fmt: skip
    retried("recording.started", parent=_parent(world.stage.call()), recording=new_engine_id(world))
    retried("recording.started", parent={"type": "call", "id": new_engine_id(world)}, recording=new_engine_id(world),
                source="DialVerb")  # fmt: skip
    empty = world.stage.conference(first_call=None, name="Empty")
    retried("recording.started", parent=_parent(empty), recording=new_engine_id(world), source="Conference")


@pytest.mark.parametrize(
    ("status", "kind", "more"),
    [
        ("paused", "recording.paused", {}),
        ("in-progress", "recording.resumed", {}),
        ("stopped", "recording.stopped", {}),
    ],
)
def test_a_confirmation_names_its_version(
    world: World, applied: Ingest, ignored: Ingest, status: str, kind: str, more: dict[str, Any]
) -> None:
    """A report confirms the version that it names; one with a version that was never sent is refused."""
    recording = replace(world.stage.recording(world.stage.call(), status), version=2)
    world.stage.write(recording, version=2)
    ignored(kind, "wrong_state", **_about(recording), version=3, **more)
    world.clock.step(1)
    applied(kind, **_about(recording), version=2, **more)
    assert recording_of(world, recording) == replace(
        recording, confirmed_version=2, last_event_seq=world.last_seq, effective_version=2 if status == "paused" else 0
    )


def test_a_capture_that_begins_anew_is_paused_again(world: World, applied: Ingest) -> None:
    """If a paused capture begins again, its pause gets a new version and is sent again; a late start does nothing."""
    recording = world.stage.recording(world.stage.call())
    applied("recording.started", **_about(recording), version=1, seq=2)
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    applied("recording.paused", **_about(recording), version=2, seq=3)
    applied("recording.started", **_about(recording), version=1, seq=2)
    paused = recording_of(world, recording)
    assert (paused.version, paused.effective_version, paused.is_pending) == (2, 2, False)
    applied("recording.started", **_about(recording), version=1, seq=4)
    assert recording_of(world, recording) == replace(paused, version=3, last_event_seq=4)


@pytest.mark.parametrize(
    ("status", "kind", "changes"),
    [
        ("in-progress", "recording.paused", {"status": RecordingStatus.PAUSED, "pause_behavior": "skip"}),
        ("own pause", "recording.resumed", {"status": RecordingStatus.IN_PROGRESS, "pause_behavior": None}),
        ("in-progress", "recording.stopped", {"status": RecordingStatus.STOPPED, "ended": START + 3}),
        ("paused", "recording.stopped", {"status": RecordingStatus.STOPPED, "ended": START + 3}),
    ],
)
def test_the_engine_pauses_resumes_and_stops_a_recording(
    world: World, applied: Ingest, status: str, kind: str, changes: dict[str, Any]
) -> None:
    """A transition that the engine makes itself is stored at the engine's time, and is confirmed."""
    recording = world.stage.recording(world.stage.call(), status.replace("own pause", "paused"), confirmed_version=1)
    world.stage.write(recording, confirmed=recording.version)
    if status == "own pause":
        recording = replace(recording, own_version=recording.version)
        world.stage.write(recording, own=recording.version)
    at = world.clock() + 3_000
    now = world.clock.step(5)
    applied(kind, **_about(recording), pause_behavior="skip", at=at)
    version = recording.version + 1
    assert recording_of(world, recording) == replace(
        recording, version=version, confirmed_version=version, updated=now, last_event_seq=world.last_seq,
        own_version=version, effective_version=version if kind == "recording.paused" else 0, **changes,
    )  # fmt: skip


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_the_engine_cannot_end_a_requested_pause(
    world: World, applied: Ingest, ignored: Ingest, *, is_confirmed: bool
) -> None:
    """If the engine resumes what a request has paused, the pause gets a new version and is sent again."""
    recording = world.stage.recording(world.stage.call())
    applied("recording.started", **_about(recording), version=1, seq=2)
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    if not is_confirmed:
        ignored("recording.resumed", **_about(recording), seq=4)
        found = recording_of(world, recording)
        assert (found.status, found.version, found.is_pending) == (RecordingStatus.PAUSED, 2, True)
        return
    applied("recording.paused", **_about(recording), version=2, seq=3)
    paused = recording_of(world, recording)
    applied("recording.resumed", **_about(recording), seq=4)
    assert recording_of(world, recording) == replace(paused, version=3, last_event_seq=4)
    assert recording_of(world, recording).is_pending


def test_a_resume_that_passed_the_confirmation_of_its_pause(world: World, applied: Ingest) -> None:
    """A pause that the engine has ended before its confirmation arrives was carried out, and is sent again."""
    recording = world.stage.recording(world.stage.call())
    applied("recording.started", **_about(recording), version=1, seq=2)
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    paused = recording_of(world, recording)
    applied("recording.resumed", **_about(recording), seq=4)
    applied("recording.paused", **_about(recording), version=2, seq=3)
    again = recording_of(world, recording)
    assert again == replace(paused, version=3, confirmed_version=2, last_event_seq=4)
    assert (again.is_pending, again.effective_version) == (True, 0)


def test_a_request_takes_over_a_pause_of_the_engine(world: World, applied: Ingest) -> None:
    """After a request, the engine's own pause is a requested one: with a command, which it confirms."""
    recording = world.stage.recording(world.stage.call())
    applied("recording.started", **_about(recording), version=1, seq=2)
    applied("recording.paused", **_about(recording), seq=3)
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    requested = recording_of(world, recording)
    assert (requested.version, requested.own_version, requested.is_pending) == (3, 2, True)
    applied("recording.paused", **_about(recording), version=3, seq=4)
    applied("recording.resumed", **_about(recording), seq=5)
    found = recording_of(world, recording)
    assert (found.status, found.version, found.is_pending) == (RecordingStatus.PAUSED, 4, True)


def test_an_older_transition_is_ignored(world: World, applied: Ingest, ignored: Ingest) -> None:
    """A pause or resume older than the last event or command is ignored; a stop is applied."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1)
    world.clock.step(5)
    early = [next_seq() for _ in range(3)]
    applied("recording.paused", **_about(recording))
    ignored("recording.resumed", **_about(recording), seq=early[2])
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.IN_PROGRESS)
    ignored("recording.paused", **_about(recording))
    applied("recording.stopped", **_about(recording), seq=early[1], at=world.clock() - 4_000)
    assert recording_of(world, recording).ended == START + 1
    ignored("recording.stopped", **_about(recording))
    for kind in ("recording.paused", "recording.resumed"):
        ignored(kind, **_about(recording), seq=early[0])
        ignored(kind, **_about(recording), refused="wrong_state")


@pytest.mark.parametrize("kind", ["started", "resumed"])
def test_only_a_pause_confirms_a_pause(world: World, ignored: Ingest, kind: str) -> None:
    """A start or resume report does not confirm a pause: the card number would still be recorded."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1, engine="standin")
    paused = world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    refused = {"refused": "wrong_state"} if kind == "resumed" else {}
    ignored(f"recording.{kind}", **refused, **_about(recording), version=paused.version)
    assert recording_of(world, recording).is_pending


def test_a_stop_is_applied_while_a_pause_is_pending(world: World, applied: Ingest) -> None:
    """A stop is applied even when it confirms the version of a pause."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1)
    paused = world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    applied("recording.stopped", **_about(recording), version=paused.version)
    assert recording_of(world, recording).status is RecordingStatus.STOPPED


@pytest.mark.parametrize(("version", "paused", "confirmed"), [(1, False, 1), (2, True, 2), (2, False, 1)])
def test_a_start_is_confirmed_after_a_pause_was_requested(
    world: World, applied: Ingest, version: int, *, paused: bool, confirmed: int
) -> None:
    """A late start is applied once, also if a pause was requested before it; it confirms the pause if it is paused."""
    recording = world.stage.recording(world.stage.call())
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    now = world.clock.step(40)
    applied("recording.started", **_about(recording), version=version, paused=paused)
    found = recording_of(world, recording)
    assert (found.started, found.confirmed_version, found.effective_version) == (now, confirmed, 2 if paused else 0)
    assert found.is_pending is not paused


@pytest.mark.parametrize("end", ["recording.absent", "reconcile"])
def test_a_start_after_the_end_is_ignored(world: World, ignored: Ingest, end: str) -> None:
    """No `in-progress` callback follows the final one."""
    recording = world.stage.recording(world.stage.call(), callback=CALLBACK)
    at = world.clock()
    if end == "reconcile":
        world.clock.step(START_TIMEOUT_SECONDS)
        world.reconcile()
    else:
        world.ingest(world.event(end, **_about(recording), version=1))
    world.log.drain()
    assert recording_of(world, recording).status is RecordingStatus.ABSENT
    ignored("recording.started", **_about(recording), version=1, at=at)
    world.publish()
    assert [delivery.event for delivery in world.deliveries(recording.id)] == ["absent"]


def test_a_recording_id_of_another_parent_is_rejected(world: World, ignored: Ingest) -> None:
    """A recording id that exists under another parent is rejected: it would replace the first recording."""
    first, other = world.stage.recording(world.stage.call()), world.stage.call()
    ignored("recording.started", refused="wrong_state", parent=_parent(other),
           recording=first.id, source="RecordVerb")  # fmt: skip
    assert world.services.recordings.find(first.parent.account, first.id) == first


def test_a_pause_older_than_a_confirmed_resume_is_stale(world: World, applied: Ingest, ignored: Ingest) -> None:
    """A pause reported after a confirmed resume, but older than it, is ignored."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1)
    early = next_seq()
    for target, kind in ((RecordingStatus.PAUSED, "paused"), (RecordingStatus.IN_PROGRESS, "resumed")):
        version = world.services.recordings.update(recording.parent, recording.id, target).version
        world.clock.step(1)
        applied(f"recording.{kind}", **_about(recording), version=version)
    ignored("recording.paused", **_about(recording), seq=early)
    assert recording_of(world, recording).status is RecordingStatus.IN_PROGRESS


def test_a_wrong_engine_clock_keeps_times_in_order(world: World, applied: Ingest) -> None:
    """With an engine clock an hour slow or forty days fast, no recording ends before it starts or in the future."""
    for wrong in (-3_600_000, 40 * 86_400_000):
        recording = world.stage.recording(world.stage.call())
        applied("recording.started", **_about(recording), version=1, at=world.clock() + wrong)
        now = world.clock.step(5)
        applied("recording.stopped", **_about(recording), at=world.clock() + wrong)
        found = recording_of(world, recording)
        assert recording.created <= (found.started or 0) <= (found.ended or 0) <= now
        assert found.updated == now


# Ends of recordings.


def _completed(world: World, recording: Recording, content: bytes, **more: Any) -> dict[str, Any]:
    return world.event("recording.completed", **_about(recording), **{**capture_fields(recording.id, content), **more})


@pytest.mark.parametrize("status", ["in-progress", "paused", "stopped"])
@pytest.mark.parametrize("confirmed", [0, 1])
def test_a_recording_is_completed(
    world: World, bucket: Objects, status: str, confirmed: int, parent: Call | Conference
) -> None:
    """A recording completes with its media and their duration, and late events change nothing."""
    recording = world.stage.recording(parent, status, confirmed_version=confirmed)
    content = sound(2)
    bucket.put(recording, "capture.wav", content)
    now = world.clock.step(9)
    event = _completed(world, recording, content)
    assert world.ingest(event) == []
    assert recording_of(world, recording).status is RecordingStatus.STOPPED
    assert (world.publish(), world.convert()) == ([], [])
    found = recording_of(world, recording)
    versions = 1 if status == "stopped" else 2
    assert found == replace(
        recording, status=RecordingStatus.COMPLETED, version=recording.version + versions,
        confirmed_version=recording.version + versions, duration=2, updated=now, pause_behavior=found.pause_behavior,
        ended=recording.ended if status == "stopped" else now, last_event_seq=event["seq"] * (status != "stopped"),
        captured_at=now, capture_size=event["bytes"], capture_sha256=event["sha256"],
        own_version=0 if status == "stopped" else recording.version + 1,
    )  # fmt: skip
    assert bucket.names(recording) == {"original.wav", "original.mp3"}
    before = all_items(world)
    for late in (event, world.event("recording.started", **_about(recording), version=1),
                 world.event("recording.stopped", **_about(recording), version=2),
                 world.event("recording.stopped", **_about(recording)),
                 world.event("recording.absent", **_about(recording))):  # fmt: skip
        assert world.ingest(late) == []
    assert all_items(world) == before


def test_another_ticket_is_refused(world: World, bucket: Objects) -> None:
    """An event with the ticket of another recording is refused, and neither recording changes (REL-11)."""
    recording = world.stage.recording(world.stage.call(), "stopped")
    other = world.stage.recording(world.stage.call(), "stopped")
    bucket.put(other, "capture.wav", sound(2))
    before = all_items(world)
    ticket = capture_fields(other.id, sound(2))["ticket"]
    assert world.ingest(_completed(world, recording, sound(2), ticket=ticket)) == []
    assert all_items(world) == before
    assert [(report["outcome"], report["code"]) for report in world.reports] == [("refused", "unknown_key")]
    assert bucket.names(other) == {"capture.wav"}


def test_missing_media_are_retried(world: World, bucket: Objects) -> None:
    """With a missing capture the recording is stopped, and the event is retried."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1)
    assert world.ingest(_completed(world, recording, sound(2))) == [0]
    assert recording_of(world, recording).status is RecordingStatus.STOPPED
    assert world.reports[-1]["outcome"] == "later"
    bucket.put(recording, "capture.wav", sound(2))
    assert world.ingest(_completed(world, recording, sound(2))) == []
    assert (world.publish(), world.convert()) == ([], [])
    assert recording_of(world, recording).status is RecordingStatus.COMPLETED


@pytest.mark.parametrize(
    ("content", "error"),
    [(make_wav([Part(900, is_sound=True)], [True]), 16101), (make_wav([Part(2_000, is_sound=False)], [True]), 16102)],
)
def test_too_short_or_silent_media_make_a_recording_absent(
    world: World, bucket: Objects, content: bytes, error: int
) -> None:
    """Media that are too short or silent are deleted, and the error code says why."""
    recording = world.stage.recording(world.stage.call(), "stopped", confirmed_version=1)
    bucket.put(recording, "capture.wav", content)
    assert world.ingest(_completed(world, recording, content)) == []
    assert (world.publish(), world.convert()) == ([], [])
    found = recording_of(world, recording)
    assert (found.status, found.error, found.duration) == (RecordingStatus.ABSENT, error, 0)
    assert bucket.names(recording) == set()


def test_late_media_are_deleted(world: World, bucket: Objects) -> None:
    """The capture of a deleted recording is deleted, and the recording does not change."""
    recording = world.stage.recording(world.stage.call(), "completed")
    world.services.media.delete(recording.parent, recording.id)
    bucket.put(recording, "capture.wav", sound(2))
    before = all_items(world)
    assert world.ingest(_completed(world, recording, sound(2))) == []
    assert all_items(world) == before
    assert bucket.names(recording) == set()


def test_late_media_complete_a_recording_that_was_given_up(world: World, bucket: Objects) -> None:
    """Media of a recording that timed out complete it, although it was published as absent (C-210)."""
    recording = world.stage.recording(world.stage.call(), "stopped")
    world.services.media.give_up(recording.parent, recording.id)
    bucket.put(recording, "capture.wav", sound(2))
    assert world.ingest(_completed(world, recording, sound(2))) == []
    assert (world.publish(), world.convert()) == ([], [])
    found = recording_of(world, recording)
    assert (found.status, found.version, found.error) == (RecordingStatus.COMPLETED, recording.version + 2, None)
    assert bucket.names(recording) == {"original.wav", "original.mp3"}


@pytest.mark.parametrize("status", ["in-progress", "paused", "stopped"])
@pytest.mark.parametrize(("kind", "more", "error"), [
    ("recording.absent", {"error": 16102}, 16102), ("recording.absent", {}, 16101),
    ("recording.absent", {"error": 16104}, 16101),
])  # fmt: skip
def test_a_recording_is_absent(
    world: World, applied: Ingest, status: str, kind: str, more: dict[str, Any], error: int
) -> None:
    """An absent or failed recording is stored as absent with the error of the reason, from each live status."""
    recording = world.stage.recording(world.stage.call(), status, confirmed_version=1)
    applied(kind, **_about(recording), **more)
    found = recording_of(world, recording)
    assert (found.status, found.error, found.duration) == (RecordingStatus.ABSENT, error, 0)
    assert found.confirmed_version == found.version
    assert world.pending_work() == []


@pytest.mark.parametrize("status", ["in-progress", "stopped"])
def test_a_recording_that_never_started_is_not_published_as_started(world: World, applied: Ingest, status: str) -> None:
    """A recording that the engine could not start gets no `in-progress` callback."""
    recording = world.stage.recording(world.stage.call(), status, callback=CALLBACK)
    world.discard()
    applied("recording.absent", error=16104, **_about(recording))
    found = recording_of(world, recording)
    assert (found.status, found.is_start_confirmed) == (RecordingStatus.ABSENT, False)
    assert world.publish() == []
    assert [delivery.event for delivery in world.deliveries(recording.id)] == ["absent"]


def test_an_event_of_an_unknown_recording_is_retried(world: World, retried: Ingest) -> None:
    """Events of an unknown recording, or of one of another parent or account, are retried."""
    call, other = world.stage.call(), world.stage.call()
    theirs = world.stage.recording(other, "stopped")
    kinds: dict[str, dict[str, Any]] = {
        "recording.started": {}, "recording.paused": {}, "recording.resumed": {"version": 2}, "recording.stopped": {},
        "recording.completed": {}, "recording.absent": {},
    }  # fmt: skip
    for recording, of in ((new_engine_id(world), call.id), (theirs.id, call.id)):
        for kind, more in kinds.items():
            key = capture_fields(recording, b"x") if kind == "recording.completed" else {}
            retried(kind, parent={"type": "call", "id": of}, recording=recording, **more, **key)
    finished = world.stage.recording(other, "completed")
    retried("recording.completed", parent={"type": "call", "id": call.id}, recording=finished.id,
                **capture_fields(finished.id, b"x"))  # fmt: skip
    stranger = world.accounts.create().account
    for kind, more in kinds.items():
        key = capture_fields(theirs.id, b"x") if kind == "recording.completed" else {}
        retried(kind, **_about(theirs), account=stranger, **more, **key)


def test_events_of_a_deleted_recording_are_ignored(world: World, ignored: Ingest) -> None:
    """Events of a deleted recording change nothing and are not retried."""
    recording = world.stage.recording(world.stage.call(), "completed")
    world.services.media.delete(recording.parent, recording.id)
    for kind, more in (
        ("recording.started", {"source": "DialVerb"}), ("recording.started", {"version": 1}),
        ("recording.paused", {}), ("recording.stopped", {"version": 2}), ("recording.stopped", {}),
        ("recording.completed", capture_fields(recording.id, b"x")), ("recording.absent", {}),
    ):  # fmt: skip
        ignored(kind, **_about(recording), **more)
    ignored("transcription.completed", recording=recording.id, transcription=new_engine_id(world), text="Hello.")


ORDER: Final = [
    ("recording.started", 1), ("recording.paused", 2), ("recording.resumed", 3), ("recording.stopped", 4),
    ("recording.completed", None),
]  # fmt: skip


@pytest.mark.sized
@pytest.mark.parametrize("order", list(permutations(range(5)))[:: scaled(deep=1, ci=5, fast=17)])
def test_events_in_any_order_lead_to_one_end(world: World, bucket: Objects, order: Sequence[int]) -> None:
    """In any order of events the recording ends once, with one callback for each change, in order."""
    call = world.stage.call()
    parent = Parent(call.account, ParentKind.CALL, call.id)
    recording = world.stage.recording(call, callback=CALLBACK)
    world.discard()
    for target in (RecordingStatus.PAUSED, RecordingStatus.IN_PROGRESS, RecordingStatus.STOPPED):
        world.services.recordings.update(parent, recording.id, target)
    bucket.put(recording, "capture.wav", sound(1))
    events = [
        _completed(world, recording, sound(1))
        if version is None
        else world.event(kind, **_about(recording), version=version)
        for kind, version in ORDER
    ]
    for place in order:
        world.clock.step(1)
        assert world.ingest(events[place], events[place]) == []
    assert (world.publish(), world.convert()) == ([], [])
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
    assert list(dict.fromkeys(message.body["delivery"] for message in world.callbacks.drain())) == [
        "00000001.in-progress", "00000005.completed",
    ]  # fmt: skip
    assert world.pending_work() == []


# Transcriptions.


@pytest.mark.parametrize(("text", "status"), [("Hello.", "completed"), (None, "failed")])
def test_registers_a_transcription(world: World, applied: Ingest, text: str | None, status: str) -> None:
    """A transcription is created under the engine's id; without a text it has failed."""
    recording = world.stage.recording(world.stage.call(), "completed")
    made = new_engine_id(world)
    transcript = {"text": text} if text is not None else {}
    applied("transcription.completed", recording=recording.id, transcription=made, duration=4, **transcript)
    assert world.services.transcriptions.get(recording.parent.account, made) == Transcription(
        recording.parent.account, made, recording.id, TranscriptionStatus(status), START, 4, text
    )


def test_a_transcription_belongs_to_one_recording(world: World, applied: Ingest, ignored: Ingest) -> None:
    """The id of a transcription cannot be used for another recording: nothing would show the second one."""
    first, second = (world.stage.recording(world.stage.call(), "completed") for _ in range(2))
    made = new_engine_id(world)
    applied("transcription.completed", recording=first.id, transcription=made, text="Hello.")
    ignored("transcription.completed", "wrong_state", recording=second.id, transcription=made, text="Other.")
    found = world.services.transcriptions.get(first.parent.account, made)
    assert (found.recording, found.text) == (first.id, "Hello.")


def test_a_transcription_of_an_unknown_recording_is_retried(world: World, retried: Ingest) -> None:
    """A transcription is retried until its recording exists."""
    retried(
        "transcription.completed", recording=new_engine_id(world), transcription=new_engine_id(world), text="Hello."
    )


# Batches.


def test_an_impossible_event_is_refused_and_counted(world: World) -> None:
    """An event that the state forbids is refused and counted, and blocks no other message."""
    conference, call = world.stage.conference("completed"), world.stage.call("ringing")
    joined = world.event("participant.joined", conference=conference.id, call=call.id)
    assert world.ingest(joined, world.event("call.answered", call=call.id)) == []
    assert call_of(world, call).status is CallStatus.IN_PROGRESS
    assert [(report["outcome"], report.get("code")) for report in world.reports] == [
        ("refused", "wrong_state"),
        ("taken", None),
    ]


def test_a_failed_write_is_retried(world: World) -> None:
    """A failed write is retried, and a write whose response was lost is recognised."""
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


# Cost.

GET, UPDATE, TRANSACT, BATCH = "GetItem", "UpdateItem", "TransactWriteItems", "BatchGetItem"


def test_number_of_table_requests(world: World, bucket: Objects) -> None:
    """Each kind of event needs a fixed number of requests to the table."""
    call, conference, other = (
        world.stage.call("ringing"),
        world.stage.conference(),
        world.stage.conference(name="Other"),
    )
    plain = world.stage.call()
    recording = world.stage.recording(plain)
    participant = world.stage.participant(conference)
    added = world.services.participants.add(conference.account, conference.id, AddParticipant("+1", "+2"))
    of_participant = {"conference": conference.id, "call": participant.call}
    bucket.put(recording, "capture.wav", sound(1))
    costs: list[tuple[str, dict[str, Any], list[str]]] = [
        ("call.answered", {"call": new_engine_id(world), "to": "+1", "from": "+2"}, [GET, TRANSACT]),
        ("call.answered", {"call": call.id}, [GET, UPDATE]),
        ("call.answered", {"call": added.call, "version": added.requested_version}, [GET, BATCH, TRANSACT]),
        ("recording.started", {**_about(recording), "version": 1}, [BATCH, UPDATE]),
        ("recording.paused", _about(recording), [GET, UPDATE]),
        ("recording.stopped", _about(recording), [GET, UPDATE]),
        ("recording.completed",
         {**_about(recording), **capture_fields(recording.id, sound(1))}, [GET, GET, UPDATE]),
        ("participant.joined", {"conference": conference.id, "call": call.id}, [BATCH, GET, TRANSACT]),
        ("participant.changed", {**of_participant, "muted": True}, [BATCH, TRANSACT]),
        ("participant.changed", {**of_participant, "version": 1}, [BATCH]),
        ("participant.left", of_participant, [BATCH, TRANSACT]),
        ("call.ended", {"call": call.id}, [GET, BATCH, TRANSACT]),
        ("conference.ended", {"conference": conference.id}, [GET, UPDATE]),
        ("conference.ended", {"conference": other.id}, [GET, UPDATE]),
    ]  # fmt: skip
    world.ingest({})  # reads the engine's credentials
    for kind, more, requests in costs:
        with world.recorded_requests() as recorded:
            assert world.ingest(world.event(kind, **more)) == []
        # The first request reads the engine's session.
        assert (kind, recorded) == (kind, [GET, *requests])
