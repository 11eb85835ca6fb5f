"""A call that leaves a conference and joins it again: nothing of its earlier stay is left."""

from dataclasses import replace

from tapedeck.domain.participant import Participant
from tapedeck.operations.participants import UpdateParticipant
from tests.functions.background_world import World
from tests.functions.reported_events import Ingest, conference_of, participant_of


def test_a_second_stay_has_nothing_of_the_first(world: World, applied: Ingest) -> None:
    """Mute, hold, coaching, label, options, announcement and music of the first stay are gone in the second one."""
    conference = world.stage.conference()
    call, coached = world.stage.call(), world.stage.participant(conference)
    applied(
        "participant.joined", conference=conference.id, call=call.id, muted=True, hold=True, label="agent",
        start_conference_on_enter=False, end_conference_on_exit=False,
    )  # fmt: skip
    fetch = {"url": "https://audio.example.com/", "method": "GET"}
    world.services.participants.update(
        conference.account, conference.id, call.id,
        UpdateParticipant(
            coaching=True, call_to_coach=coached.call, beep_on_exit=True,
            command_payload={"announcement": fetch, "hold_music": fetch},
        ),
    )  # fmt: skip
    first = participant_of(world, conference, call.id)
    assert (first.label, first.muted, first.hold, first.coaching) == ("agent", True, True, True)
    applied("participant.left", conference=conference.id, call=call.id)
    world.discard()
    now = world.clock.step(5)
    before = conference_of(world, conference)
    applied("participant.joined", conference=conference.id, call=call.id)
    second = participant_of(world, conference, call.id)
    assert second == Participant(
        call.id, conference.id, now, version=max(before.version, first.version + 1) + 1, sequence=before.sequence + 1,
        last_event_seq=world.last_seq,
    )  # fmt: skip
    # What is sent next has no announcement and no music of the first stay.
    world.services.participants.update(conference.account, conference.id, call.id, UpdateParticipant(muted=True))
    assert world.publish() == []
    (command,) = world.commands.drain()
    assert command.body["wanted"] == {
        "muted": True, "hold": False, "coaching": False, "call_to_coach": None, "end_conference_on_exit": False,
        "beep_on_exit": None,
    }  # fmt: skip


def test_a_label_of_an_earlier_stay_finds_no_participant(world: World, applied: Ingest) -> None:
    """The label of the first stay does not find the call in its second stay without a label, nor an earlier call.

    After another participant has taken the label, it finds that one.
    """
    conference = world.stage.conference()
    first, second = world.stage.call(), world.stage.call()
    client = world.client("twilio")
    path = ("Conferences", f"CF{conference.id}", "Participants", "agent")
    applied("participant.joined", conference=conference.id, call=first.id, label="agent")
    assert client.get(*path).body["call_sid"] == f"CA{first.id}"
    applied("participant.left", conference=conference.id, call=first.id)
    assert client.get(*path).status == 404
    applied("participant.joined", conference=conference.id, call=first.id)
    assert client.get(*path).status == 404
    applied("participant.left", conference=conference.id, call=first.id)
    applied("participant.joined", conference=conference.id, call=first.id, label="clerk")
    assert client.get(*path).status == 404
    applied("participant.joined", conference=conference.id, call=second.id, label="agent")
    assert client.get(*path).body["call_sid"] == f"CA{second.id}"


def test_a_later_stay_has_a_higher_version(world: World, applied: Ingest) -> None:
    """The version of a participant rises from stay to stay, also above those of its commands (REL-4)."""
    conference = world.stage.conference()
    call = world.stage.call()
    versions = []
    for _ in range(3):
        applied("participant.joined", conference=conference.id, call=call.id)
        for muted in (True, False):
            world.services.participants.update(
                conference.account, conference.id, call.id, UpdateParticipant(muted=muted)
            )
        versions.append(participant_of(world, conference, call.id).version)
        applied("participant.left", conference=conference.id, call=call.id)
        world.clock.step(1)
        versions.append(participant_of(world, conference, call.id).version)
    assert versions == sorted(set(versions))


def test_a_command_of_an_earlier_stay_is_not_pending(world: World, applied: Ingest) -> None:
    """A mute that was not confirmed before the participant left is not sent again in the second stay."""
    conference = world.stage.conference()
    call = world.stage.call()
    applied("participant.joined", conference=conference.id, call=call.id)
    world.services.participants.update(conference.account, conference.id, call.id, UpdateParticipant(muted=True))
    applied("participant.left", conference=conference.id, call=call.id)
    world.clock.step(1)
    applied("participant.joined", conference=conference.id, call=call.id)
    found = participant_of(world, conference, call.id)
    assert (found.requested_version, found.requested_at, found.confirmed_version) == (0, None, 0)
    assert found == replace(found, muted=False)
    world.discard()
    world.clock.step(3600)
    world.reconcile()
    assert world.commands.drain() == []
