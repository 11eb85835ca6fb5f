"""Engine events of participants, reported over HTTP."""

from dataclasses import replace
from typing import Any, Final

import pytest

from tapedeck.domain.conference import ConferenceStatus, EndReason
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.operations.participants import UpdateParticipant
from tests.functions.background_world import World
from tests.functions.reported_events import Ingest, all_items, call_of, conference_of, new_engine_id, participant_of
from tests.reporter import next_seq

COMMAND_EXPIRY_SECONDS: Final = 86_400


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
