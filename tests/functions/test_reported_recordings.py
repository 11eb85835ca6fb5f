"""Engine events of recordings from their start to their stop, reported over HTTP."""

from dataclasses import replace
from typing import Any, Final

import pytest

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tests.functions.background_world import World
from tests.functions.reported_events import CALLBACK, Ingest, fields_of, new_engine_id, parent_fields, recording_of
from tests.functions.stage import START
from tests.reporter import next_seq

START_TIMEOUT_SECONDS: Final = 2400


@pytest.mark.parametrize(("late", "started"), [(2_000, 2), (-5_000, 0), (60_000, 3)])
def test_a_recording_starts_at_the_engine_time(
    world: World, applied: Ingest, parent: Call | Conference, late: int, started: int
) -> None:
    """A start is stored at the engine's time, but not before the request and not in the future."""
    recording = world.stage.recording(parent)
    at = world.clock() + late
    world.clock.step(3)
    applied("recording.started", **fields_of(recording), version=1, at=at)
    assert recording_of(world, recording) == replace(
        recording, confirmed_version=1, started=START + started, engine="standin", last_event_seq=world.last_seq
    )


def test_a_recording_starts_paused(world: World, applied: Ingest) -> None:
    """Confirming a later version confirms the earlier ones too; their events then change nothing."""
    recording = world.stage.recording(world.stage.call(), "paused")
    applied("recording.paused", **fields_of(recording), version=2)
    confirmed = replace(recording, confirmed_version=2, effective_version=2, last_event_seq=world.last_seq)
    assert recording_of(world, recording) == confirmed
    now = world.clock.step(1)
    # The start is stored once, although the confirmation of the pause has passed it.
    applied("recording.started", **fields_of(recording), version=1)
    begun = replace(confirmed, started=now, engine="standin", last_event_seq=world.last_seq)
    assert recording_of(world, recording) == begun
    world.clock.step(1)
    applied("recording.started", **fields_of(recording), seq=begun.last_event_seq)
    assert recording_of(world, recording) == begun


def test_registers_a_recording_that_the_engine_started(
    world: World, applied: Ingest, parent: Call | Conference
) -> None:
    """A recording that the engine starts itself is created as reported, and is confirmed."""
    recording = new_engine_id(world)
    subscription = {"url": CALLBACK.url, "events": list(CALLBACK.events), "dialect": "twilio"}
    applied("recording.started", parent=parent_fields(parent), recording=recording, source="DialVerb", channels=2,
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
    about = {"parent": parent_fields(conference), "recording": recording, "source": "Conference"}
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
        retried("recording.started", parent=parent_fields(parent), recording=new_engine_id(world), source="DialVerb")
    for parent in late:
        ignored("recording.started", "wrong_state", parent=parent_fields(parent), recording=new_engine_id(world),
               source="DialVerb")  # fmt: skip
    retried("recording.started", parent=parent_fields(world.stage.call()), recording=new_engine_id(world))
    retried("recording.started", parent={"type": "call", "id": new_engine_id(world)}, recording=new_engine_id(world),
                source="DialVerb")  # fmt: skip
    empty = world.stage.conference(first_call=None, name="Empty")
    retried("recording.started", parent=parent_fields(empty), recording=new_engine_id(world), source="Conference")


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
    ignored(kind, "wrong_state", **fields_of(recording), version=3, **more)
    world.clock.step(1)
    applied(kind, **fields_of(recording), version=2, **more)
    assert recording_of(world, recording) == replace(
        recording, confirmed_version=2, last_event_seq=world.last_seq, effective_version=2 if status == "paused" else 0
    )


def test_a_capture_that_begins_anew_is_paused_again(world: World, applied: Ingest) -> None:
    """If a paused capture begins again, its pause gets a new version and is sent again; a late start does nothing."""
    recording = world.stage.recording(world.stage.call())
    applied("recording.started", **fields_of(recording), version=1, seq=2)
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    applied("recording.paused", **fields_of(recording), version=2, seq=3)
    applied("recording.started", **fields_of(recording), version=1, seq=2)
    paused = recording_of(world, recording)
    assert (paused.version, paused.effective_version, paused.is_pending) == (2, 2, False)
    applied("recording.started", **fields_of(recording), version=1, seq=4)
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
    applied(kind, **fields_of(recording), pause_behavior="skip", at=at)
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
    applied("recording.started", **fields_of(recording), version=1, seq=2)
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    if not is_confirmed:
        ignored("recording.resumed", **fields_of(recording), seq=4)
        found = recording_of(world, recording)
        assert (found.status, found.version, found.is_pending) == (RecordingStatus.PAUSED, 2, True)
        return
    applied("recording.paused", **fields_of(recording), version=2, seq=3)
    paused = recording_of(world, recording)
    applied("recording.resumed", **fields_of(recording), seq=4)
    assert recording_of(world, recording) == replace(paused, version=3, last_event_seq=4)
    assert recording_of(world, recording).is_pending


def test_a_resume_that_passed_the_confirmation_of_its_pause(world: World, applied: Ingest) -> None:
    """A pause that the engine has ended before its confirmation arrives was carried out, and is sent again."""
    recording = world.stage.recording(world.stage.call())
    applied("recording.started", **fields_of(recording), version=1, seq=2)
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    paused = recording_of(world, recording)
    applied("recording.resumed", **fields_of(recording), seq=4)
    applied("recording.paused", **fields_of(recording), version=2, seq=3)
    again = recording_of(world, recording)
    assert again == replace(paused, version=3, confirmed_version=2, last_event_seq=4)
    assert (again.is_pending, again.effective_version) == (True, 0)


def test_a_request_takes_over_a_pause_of_the_engine(world: World, applied: Ingest) -> None:
    """After a request, the engine's own pause is a requested one: with a command, which it confirms."""
    recording = world.stage.recording(world.stage.call())
    applied("recording.started", **fields_of(recording), version=1, seq=2)
    applied("recording.paused", **fields_of(recording), seq=3)
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    requested = recording_of(world, recording)
    assert (requested.version, requested.own_version, requested.is_pending) == (3, 2, True)
    applied("recording.paused", **fields_of(recording), version=3, seq=4)
    applied("recording.resumed", **fields_of(recording), seq=5)
    found = recording_of(world, recording)
    assert (found.status, found.version, found.is_pending) == (RecordingStatus.PAUSED, 4, True)


def test_an_older_transition_is_ignored(world: World, applied: Ingest, ignored: Ingest) -> None:
    """A pause or resume older than the last event or command is ignored; a stop is applied."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1)
    world.clock.step(5)
    early = [next_seq() for _ in range(3)]
    applied("recording.paused", **fields_of(recording))
    ignored("recording.resumed", **fields_of(recording), seq=early[2])
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.IN_PROGRESS)
    ignored("recording.paused", **fields_of(recording))
    applied("recording.stopped", **fields_of(recording), seq=early[1], at=world.clock() - 4_000)
    assert recording_of(world, recording).ended == START + 1
    ignored("recording.stopped", **fields_of(recording))
    for kind in ("recording.paused", "recording.resumed"):
        ignored(kind, **fields_of(recording), seq=early[0])
        ignored(kind, **fields_of(recording), refused="wrong_state")


@pytest.mark.parametrize("kind", ["started", "resumed"])
def test_only_a_pause_confirms_a_pause(world: World, ignored: Ingest, kind: str) -> None:
    """A start or resume report does not confirm a pause: the card number would still be recorded."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1, engine="standin")
    paused = world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    refused = {"refused": "wrong_state"} if kind == "resumed" else {}
    ignored(f"recording.{kind}", **refused, **fields_of(recording), version=paused.version)
    assert recording_of(world, recording).is_pending


def test_a_stop_is_applied_while_a_pause_is_pending(world: World, applied: Ingest) -> None:
    """A stop is applied even when it confirms the version of a pause."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1)
    paused = world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    applied("recording.stopped", **fields_of(recording), version=paused.version)
    assert recording_of(world, recording).status is RecordingStatus.STOPPED


@pytest.mark.parametrize(("version", "paused", "confirmed"), [(1, False, 1), (2, True, 2), (2, False, 1)])
def test_a_start_is_confirmed_after_a_pause_was_requested(
    world: World, applied: Ingest, version: int, *, paused: bool, confirmed: int
) -> None:
    """A late start is applied once, also if a pause was requested before it; it confirms the pause if it is paused."""
    recording = world.stage.recording(world.stage.call())
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    now = world.clock.step(40)
    applied("recording.started", **fields_of(recording), version=version, paused=paused)
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
        world.ingest(world.event(end, **fields_of(recording), version=1))
    world.log.drain()
    assert recording_of(world, recording).status is RecordingStatus.ABSENT
    ignored("recording.started", **fields_of(recording), version=1, at=at)
    world.publish()
    assert [delivery.event for delivery in world.deliveries(recording.id)] == ["absent"]


def test_a_recording_id_of_another_parent_is_rejected(world: World, ignored: Ingest) -> None:
    """A recording id that exists under another parent is rejected: it would replace the first recording."""
    first, other = world.stage.recording(world.stage.call()), world.stage.call()
    ignored("recording.started", refused="wrong_state", parent=parent_fields(other),
           recording=first.id, source="RecordVerb")  # fmt: skip
    assert world.services.recordings.find(first.parent.account, first.id) == first


def test_a_pause_older_than_a_confirmed_resume_is_stale(world: World, applied: Ingest, ignored: Ingest) -> None:
    """A pause reported after a confirmed resume, but older than it, is ignored."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1)
    early = next_seq()
    for target, kind in ((RecordingStatus.PAUSED, "paused"), (RecordingStatus.IN_PROGRESS, "resumed")):
        version = world.services.recordings.update(recording.parent, recording.id, target).version
        world.clock.step(1)
        applied(f"recording.{kind}", **fields_of(recording), version=version)
    ignored("recording.paused", **fields_of(recording), seq=early)
    assert recording_of(world, recording).status is RecordingStatus.IN_PROGRESS


def test_a_wrong_engine_clock_keeps_times_in_order(world: World, applied: Ingest) -> None:
    """With an engine clock an hour slow or forty days fast, no recording ends before it starts or in the future."""
    for wrong in (-3_600_000, 40 * 86_400_000):
        recording = world.stage.recording(world.stage.call())
        applied("recording.started", **fields_of(recording), version=1, at=world.clock() + wrong)
        now = world.clock.step(5)
        applied("recording.stopped", **fields_of(recording), at=world.clock() + wrong)
        found = recording_of(world, recording)
        assert recording.created <= (found.started or 0) <= (found.ended or 0) <= now
        assert found.updated == now
