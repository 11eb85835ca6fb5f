"""Engine events of conferences, reported over HTTP."""

from dataclasses import replace
from typing import Any

import pytest

from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.recording import RecordingStatus
from tapedeck.domain.subscription import CallbackSubscription
from tests.functions.background_world import World
from tests.functions.reported_events import CALLBACK, Ingest, conference_of, new_engine_id, recording_of
from tests.functions.stage import START


def test_registers_a_conference(world: World, applied: Ingest) -> None:
    """A conference is created under its name and id, with its callback subscription and no participants."""
    conference = new_engine_id(world)
    subscription = {"url": CALLBACK.url, "method": "POST", "events": list(CALLBACK.events), "dialect": "twilio"}
    applied("conference.started", conference=conference, name="Lobby", record=True, callback=subscription)
    assert conference_of(world, conference) == Conference(
        world.account.account, conference, "Lobby", ConferenceStatus.INIT, START, record=True, callback=CALLBACK,
        engine="standin", last_event_seq=world.last_seq,
    )  # fmt: skip
    # Nothing is due about a live conference, with a callback or without.
    assert list(world.pending_work()) == []
    applied("conference.started", conference=new_engine_id(world), name="Kitchen")
    assert list(world.pending_work()) == []


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
