"""`EngineEvents.take`: what is written of a refusal, of evidence and of a conflict, and what the engine is answered."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tapedeck.adapters.dynamodb import items
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus
from tapedeck.domain.engine_event import EventOutcome, EventRefusal, EventResult
from tapedeck.domain.engine_report import (
    AnnouncementReport,
    CallEndReport,
    CallProgressReport,
    CaptureAbsenceReport,
    CaptureCompletionReport,
    CaptureStartReport,
    CaptureTransitionReport,
    ConferenceStartReport,
    NewCall,
    ParticipantJoinReport,
    RefusalReport,
    Report,
    SpeakingReport,
    TranscriptionReport,
)
from tapedeck.domain.errors import StoreBusy
from tapedeck.domain.identity import new_id
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import EvidenceHead, Parent, ParentKind, Recording, RecordingStatus
from tapedeck.operations.participants import AddParticipant
from tapedeck.operations.recordings import StartRecording
from tests.functions.background_world import World
from tests.functions.objects import Objects
from tests.functions.stage import conference_path
from tests.media import sound

TAKEN = EventOutcome.TAKEN


def recording_of(world: World, recording: Recording) -> Recording:
    """Read a recording."""
    return world.services.recordings.get(recording.parent, recording.id)


def refusal_of(recording: Recording, code: str, *, is_final: bool = True) -> RefusalReport:
    """Return the refusal of a command to a recording."""
    return RefusalReport(code, is_final, parent=recording.parent, recording=recording.id)


def requested_pause(world: World) -> Recording:
    """Return a running recording whose pause was requested over the API."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1, engine="standin")
    return world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)


@pytest.mark.parametrize("code", ["unsupported", "no_space"])
def test_a_refused_start_makes_the_recording_absent(world: World, code: str) -> None:
    """A capture that the engine will never begin has no audio; nothing reports a start."""
    recording = world.stage.recording(world.stage.call())
    result = world.stage.engine.report(refusal_of(recording, code), 1)
    found = recording_of(world, recording)
    assert (result.outcome, result.needs_resync, result.counted) == (TAKEN, False, {})
    assert (found.status, found.is_start_confirmed) == (RecordingStatus.ABSENT, False)


def test_a_refusal_that_is_not_final_is_kept(world: World) -> None:
    """The status stays requested, and the refusal is kept with its version; a refused pause is counted once."""
    paused = requested_pause(world)
    results = [world.stage.engine.report(refusal_of(paused, "busy", is_final=False), 2) for _ in range(2)]
    assert [(each.outcome, dict(each.counted)) for each in results] == [
        (TAKEN, {"PausesRefused": 1}), (EventOutcome.REPEATED, {}),
    ]  # fmt: skip
    assert recording_of(world, paused) == replace(paused, refused_version=2, refused_code="busy")
    assert [pending.resource.id for pending in world.pending_work()] == [paused.id]


def test_a_capture_that_is_gone_has_stopped(world: World) -> None:
    """A capture that the engine does not have is stopped, and the engine is to list what it has."""
    paused = requested_pause(world)
    result = world.stage.engine.report(refusal_of(paused, "gone"), 2)
    assert (result.outcome, result.needs_resync, result.counted) == (TAKEN, True, {"PausesRefused": 1})
    found = recording_of(world, paused)
    assert (found.status, found.is_pending) == (RecordingStatus.STOPPED, False)


@pytest.mark.parametrize(("code", "status"), [("busy", "failed"), ("bad_request", "failed"), ("expired", "queued")])
def test_a_call_that_cannot_be_dialed_fails(world: World, code: str, status: str) -> None:
    """A final refusal to dial ends call and participant; one that may be repeated changes nothing."""
    conference = world.stage.conference()
    added = world.services.participants.add(conference.account, conference.id, AddParticipant("+1", "+2"))
    refusal = RefusalReport(code, is_final=True, conference=conference.id, call=added.call)
    assert world.stage.engine.report(refusal, added.requested_version).outcome is TAKEN
    assert world.services.calls.get(conference.account, added.call).status == status
    _, (participant,) = world.services.participants._store.get_participants(
        conference.account, conference.id, [added.call]
    )
    assert participant is not None
    expected = ParticipantStatus.FAILED if status == "failed" else ParticipantStatus.QUEUED
    assert participant.status is expected
    assert [pending.resource.id for pending in world.pending_work()] == ([] if status == "failed" else [added.call])


@pytest.mark.parametrize(("engine", "outcome"), [("other", EventOutcome.REFUSED), ("standin", TAKEN)])
def test_a_recording_that_has_not_begun_belongs_to_the_engine_of_its_call(
    world: World, engine: str, outcome: EventOutcome
) -> None:
    """Nothing that another engine reports about it is applied, also not a transcription."""
    recording = world.stage.recording(world.stage.call(engine=engine))
    reports: list[Report] = [
        TranscriptionReport(recording.id, new_id(world.clock()), "Hello."),
        CaptureStartReport(recording.parent, recording.id),
        CaptureTransitionReport(recording.parent, recording.id, RecordingStatus.STOPPED),
    ]
    results = [world.stage.engine.report(report) for report in reports]
    assert [each.outcome for each in results] == [outcome] * 3
    if outcome is EventOutcome.REFUSED:
        assert {each.code for each in results} == {EventRefusal.NOT_YOURS}
        assert recording_of(world, recording) == recording


def test_a_name_of_another_engine_is_taken(world: World) -> None:
    """The start of a conference whose name another engine has is refused, with conference and engine in the detail."""
    other = world.stage.conference(name="Lobby", engine="other")
    result = world.stage.engine.report(ConferenceStartReport(new_id(world.clock()), "Lobby"))
    assert result == EventResult(
        EventOutcome.REFUSED, EventRefusal.NAME_TAKEN,
        f"the name belongs to conference {other.id} of engine other",
        reason="a conference of another engine has this name",
    )  # fmt: skip


def test_a_conference_of_the_api_gets_its_engine(world: World) -> None:
    """A conference that was created over the API has the engine chosen for it; the report of its start repeats that."""
    added = world.services.participants.add(world.account.account, _name("Dialed"), AddParticipant("+1", "+2"))
    assert world.services.conferences.get(world.account.account, added.conference).engine == "standin"
    result = world.stage.engine.report(ConferenceStartReport(added.conference, "Dialed"))
    assert result.outcome is EventOutcome.REPEATED
    found = world.services.conferences.get(world.account.account, added.conference)
    assert (found.engine, found.status) == ("standin", ConferenceStatus.INIT)


def _name(text: str) -> Any:
    from tapedeck.operations.conferences import ConferenceName

    return ConferenceName(text)


def test_a_start_that_began_paused_confirms_the_pause(world: World) -> None:
    """A capture that began paused confirms the pause, and the pause is effective; evidence is kept with this write."""
    recording = world.stage.recording(world.stage.call())
    paused = world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    report = CaptureStartReport(recording.parent, recording.id, is_paused=True, evidence=EvidenceHead(2, "ab" * 32))
    with world.recorded_requests() as requests:
        assert world.stage.engine.report(report, 2).outcome is TAKEN
    assert requests == ["BatchGetItem", "UpdateItem"]
    found = recording_of(world, recording)
    assert found == replace(
        paused, confirmed_version=2, effective_version=2, engine="standin", last_event_seq=found.last_event_seq,
        evidence_entries=2, evidence_head="ab" * 32,
    )  # fmt: skip


def test_evidence_alone_is_not_written(world: World) -> None:
    """A repeated event writes nothing, even if it knows more of the evidence chain; a lower end never replaces one."""
    paused = requested_pause(world)
    pause = CaptureTransitionReport(
        paused.parent, paused.id, RecordingStatus.PAUSED, evidence=EvidenceHead(3, "cd" * 32)
    )
    assert world.stage.engine.report(pause, 2).outcome is TAKEN
    confirmed = recording_of(world, paused)
    assert (confirmed.effective_version, confirmed.evidence_entries) == (2, 3)
    world.stage.engine.report(replace(pause, evidence=EvidenceHead(4, "ef" * 32)), 2)
    assert recording_of(world, paused) == confirmed
    world.stage.engine.report(replace(pause, status=RecordingStatus.IN_PROGRESS, evidence=EvidenceHead(1, "00" * 32)))
    resumed = recording_of(world, paused)
    assert (resumed.version, resumed.effective_version, resumed.evidence_entries) == (3, 2, 3)


def test_a_failed_announcement_is_confirmed(world: World) -> None:
    """An announcement that failed is not played again, and no callback reports its end."""
    conference = world.stage.conference()
    announced = world.services.conferences._store.announce(
        conference.account, conference.id, "https://a.example/", "POST", world.clock.seconds, new_id(world.clock())
    )
    report = AnnouncementReport(conference.id, has_failed=True)
    assert world.stage.engine.report(report, announced.requested_version).outcome is TAKEN
    found = world.services.conferences.get(conference.account, conference.id)
    assert found == replace(
        announced, confirmed_version=announced.requested_version, engine="standin", last_event_seq=found.last_event_seq
    )
    assert world.pending_work() == []


def test_speaking_changes_nothing(world: World) -> None:
    """A report that a participant speaks is taken with one read."""
    conference = world.stage.conference()
    participant = world.stage.participant(conference)
    with world.recorded_requests() as requests:
        result = world.stage.engine.report(SpeakingReport(conference.id, participant.call, is_speaking=True))
    assert (result.outcome, requests) == (TAKEN, ["BatchGetItem"])


def _conflicts(world: World, act: Callable[[], object], times: int) -> Callable[[str, str, Mapping[str, Any]], None]:
    """Return a fault that changes something between a read and its write, the given number of times."""
    left = [times]

    def fault(when: str, operation: str, _request: Mapping[str, Any]) -> None:
        if when == "before" and operation in {"UpdateItem", "TransactWriteItems"} and left[0]:
            left[0] -= 1
            faults, world.faults[:] = list(world.faults), []
            act()
            world.faults[:] = faults

    return fault


def test_an_event_is_decided_again_after_a_conflict(world: World) -> None:
    """A change between read and write is not overwritten: the event is decided again from the newer state."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1, engine="standin")

    def stop() -> None:
        world.services.recordings.update(recording.parent, recording.id, RecordingStatus.STOPPED)

    world.faults.append(_conflicts(world, stop, 1))
    result = world.stage.engine.paused(recording)
    assert (result.outcome, result.reason) == (EventOutcome.STALE, "the capture has ended")
    found = recording_of(world, recording)
    assert (found.status, found.version, found.effective_version) == (RecordingStatus.STOPPED, 2, 0)


def test_endless_conflicts_are_busy(world: World) -> None:
    """If other writes race an event too often, the store is busy, and nothing of the event is written."""
    call = world.stage.call()

    def change() -> None:
        found = world.services.calls.get(call.account, call.id)
        world.services.calls._store.queue_call_commands(
            call.account, call.id, {"time_limit": 60}, None, frozenset({found.status}), world.clock.seconds,
            new_id(world.clock()),
        )  # fmt: skip

    world.faults.append(_conflicts(world, change, 1_000))
    with pytest.raises(StoreBusy):
        world.stage.engine.report(CallEndReport(call.id, CallStatus.COMPLETED))
    world.faults.clear()
    assert world.services.calls.get(call.account, call.id).status is CallStatus.IN_PROGRESS


def test_what_an_engine_has_is_in_its_index(world: World) -> None:
    """A call is in the engine's index from its first event to its end, a recording from its start to its completion."""
    engine, identifier = world.stage.engine, new_id(world.clock())
    engine.report(CallProgressReport(identifier, CallStatus.IN_PROGRESS, NewCall("+1", "+2", "inbound")))
    call = world.services.calls.get(world.account.account, identifier)
    parent = Parent(call.account, ParentKind.CALL, call.id)
    recording, _ = world.services.recordings.create(parent, StartRecording())

    def shards() -> list[str | None]:
        keys = (items.call_key(call.account, call.id), items.recording_key(parent, recording.id))
        return [world.stage.item(key).get("live") for key in keys]

    of_call, of_recording = f"standin#{call.id[-1]}", f"standin#{recording.id[-1]}"
    assert shards() == [of_call, None]
    engine.started(recording)
    assert shards() == [of_call, of_recording]
    engine.call_ended(call.id)
    assert shards() == [None, of_recording]
    engine.report(CaptureAbsenceReport(parent, recording.id, "only_silence"))
    assert shards() == [None, None]
    assert recording_of(world, recording).error == 16102


# Uploaded captures.


def completion_of(recording: Recording, content: bytes, **more: Any) -> CaptureCompletionReport:
    """Return the report that this content was uploaded as the capture of a recording."""
    digest = hashlib.sha256(content).hexdigest()
    ticket = f"{recording.id}.{len(content)}.{digest}"
    return replace(CaptureCompletionReport(recording.parent, recording.id, ticket, len(content), digest), **more)


def test_an_uploaded_capture_is_noted(world: World, bucket: Objects) -> None:
    """The report stops the capture and notes what was uploaded; conversion follows later. A repetition is known."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1, engine="standin")
    content = sound(2)
    report = completion_of(recording, content)
    assert world.stage.engine.report(report).outcome is EventOutcome.LATER
    bucket.put(recording, "capture.wav", content)
    assert world.stage.engine.report(report).outcome is TAKEN
    found = recording_of(world, recording)
    assert (found.status, found.captured_at, found.capture_size, found.capture_sha256) == (
        RecordingStatus.STOPPED, world.clock.seconds, len(content), report.sha256,
    )  # fmt: skip
    assert world.stage.engine.report(report).outcome is EventOutcome.REPEATED
    other = world.stage.engine.report(completion_of(recording, sound(3)))
    assert (other.outcome, other.code) == (EventOutcome.REFUSED, EventRefusal.WRONG_STATE)
    assert recording_of(world, recording) == found


def test_another_stored_capture_stays(world: World, bucket: Objects) -> None:
    """A report of another content than the stored one is refused, and so is another ticket."""
    recording = world.stage.recording(world.stage.call(), "stopped", confirmed_version=1, engine="standin")
    bucket.put(recording, "capture.wav", sound(2))
    results = [
        world.stage.engine.report(completion_of(recording, sound(3))),
        world.stage.engine.report(completion_of(recording, sound(2), ticket="0" * 32)),
    ]
    assert [each.code for each in results] == [EventRefusal.WRONG_STATE, EventRefusal.UNKNOWN_KEY]
    assert recording_of(world, recording) == recording


@pytest.mark.parametrize(("days", "outcome"), [(13, EventOutcome.TAKEN), (14, EventOutcome.REFUSED)])
def test_audio_is_accepted_for_some_days(world: World, bucket: Objects, days: int, outcome: EventOutcome) -> None:
    """A recording that was given up accepts its capture for 14 days; a later report is refused at once."""
    recording = world.stage.recording(world.stage.call(), "stopped", confirmed_version=1, engine="standin")
    world.services.media.give_up(recording.parent, recording.id)
    bucket.put(recording, "capture.wav", sound(2))
    world.clock.step(days * 86_400)
    assert world.stage.engine.report(completion_of(recording, sound(2))).outcome is outcome


def join(world: World, conference: Conference, label: str | None, call: Call | None = None) -> Participant:
    """Let a call join a conference with this label; return the participant."""
    call = call or world.stage.call()
    result = world.stage.engine.report(ParticipantJoinReport(conference.id, call.id, label=label))
    assert result.outcome is TAKEN
    return world.services.participants.get(conference.account, conference.id, call.id)


def test_a_reported_label_names_the_participant(world: World) -> None:
    """A participant that joins with a label is found by it; the label is free once its participant has left."""
    conference, client = world.stage.conference(), world.client("twilio")
    path = (*conference_path(client, conference), "Participants")
    first = join(world, conference, "agent")
    shown = client.get(*path, "agent")
    assert (shown.status, shown.body["label"]) == (200, "agent")
    assert shown.body["call_sid"] == client.sid(ResourceType.CALL, first.call)
    assert join(world, conference, "agent").label is None
    assert world.stage.engine.left(conference.id, first.call).outcome is TAKEN
    assert join(world, conference, "agent").label == "agent"
    assert join(world, conference, None, world.services.calls.get(conference.account, first.call)).label is None


@pytest.mark.parametrize("label", ["a/b", "", "CA0123456789abcdef0123456789ABCDEF"])
def test_an_invalid_label_is_ignored(world: World, label: str) -> None:
    """A call with a label that no participant may have joins without one."""
    assert join(world, world.stage.conference(), label).label is None


def test_a_call_that_comes_back_keeps_its_label(world: World) -> None:
    """A call that leaves and joins again with the same label has it again."""
    conference, call = world.stage.conference(), world.stage.call()
    for _ in range(2):
        assert join(world, conference, "agent", call).label == "agent"
        assert world.stage.engine.left(conference.id, call.id).outcome is TAKEN
        call = world.services.calls.get(conference.account, call.id)


def test_the_label_of_a_request_stays(world: World) -> None:
    """A participant that was dialed with a label keeps it, also if the engine reports another one."""
    conference = world.stage.conference()
    added = world.services.participants.add(
        conference.account, conference.id, AddParticipant("+1", "+2", label="customer")
    )
    version = added.requested_version
    world.stage.engine.answered(added.call, version)
    world.stage.engine.report(ParticipantJoinReport(conference.id, added.call, label="other"), version)
    world.stage.engine.report(ParticipantJoinReport(conference.id, added.call, label="other"))
    found = world.services.participants.get(conference.account, conference.id, added.call)
    assert (found.label, found.status) == ("customer", ParticipantStatus.CONNECTED)
