"""reconcile publishes what the stream missed, resends unconfirmed commands and ends recordings that timed out."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl

import pytest
from botocore.exceptions import ClientError

from tapedeck.background.handlers import IncompleteRun
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, EndReason
from tapedeck.domain.delivery import CallbackDelivery, DeliveryState
from tapedeck.domain.engine_report import CaptureTransitionReport
from tapedeck.domain.errors import StoreUnavailable
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.calls import UpdateCall
from tapedeck.operations.conferences import UpdateConference
from tapedeck.operations.participants import AddParticipant, UpdateParticipant
from tapedeck.operations.recordings import StartRecording
from tapedeck.ports.changes import Change
from tests.functions.background_world import FakeQueue, SentCommand, World
from tests.functions.objects import Objects
from tests.functions.stage import START
from tests.functions.test_publish_changes import play_conference
from tests.media import capture, sound
from tests.reporter import join_conference, open_conference

COMMAND_ALARM_AFTER_SECONDS: Final = 300
MAX_REQUEUED_PER_SHARD: Final = 1000
COMMAND_EXPIRY_SECONDS: Final = 86_400
COMMAND_RESEND_AFTER_SECONDS: Final = 30
MEDIA_TIMEOUT_SECONDS: Final = 3600
START_TIMEOUT_SECONDS: Final = 2400
STREAM_GRACE_SECONDS: Final = 600

URL: Final = "https://app.example.com/hooks"
Status = RecordingStatus


def test_resends_an_unconfirmed_pause(world: World) -> None:
    """A pause of account 3d1f6c5e…, unconfirmed at 23:00:30, is sent again with a new deduplication id."""
    world.memory.put_item(
        TableName=world.table,
        Item={
            "PK": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CALL#016612f5cb6a70008000000000000001"},
            "SK": {"S": "REC#016612f5dee270008000000000000002"},
            "status": {"S": "paused"},
            "version": {"N": "2"},
            "confirmed": {"N": "1"},
            "source": {"S": "StartCallRecordingAPI"},
            "call": {"S": "016612f5cb6a70008000000000000001"},
            "channels": {"N": "1"},
            "track": {"S": "both"},
            "trim": {"S": "do-not-trim"},
            "started": {"N": "1537916390"},
            "updated": {"N": "1537916400"},
            "seq": {"N": "40"},
            "pause_behavior": {"S": "silence"},
            "work": {"S": "OPEN#2"},
            "work_at": {"N": "1537916390"},
            # The newest write tokens, which recognise a repeated write.
            "r1": {"S": "8f6e5d4c3b2a1908"},
            "r2": {"S": "8000000000000002"},
            "r3": {"S": ""},
            "r4": {"S": ""},
            "r5": {"S": ""},
            "r6": {"S": ""},
            "r7": {"S": ""},
            "r8": {"S": ""},
        },
    )
    world.clock.step(30)
    assert world.call("reconcile", {}) == {"resent": 1}
    assert world.commands.sent == [
        SentCommand(
            engine="standin",
            body={
                "protocol": 2,
                "id": "016612f5cb6a70008000000000000001-016612f5dee270008000000000000002-2-recording.pause",
                "type": "recording.pause",
                "account": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4",
                "version": 2,
                "issued_at": 1537916430250,
                "not_after": 1537916550250,
                "parent": {"type": "call", "id": "016612f5cb6a70008000000000000001"},
                "recording": "016612f5dee270008000000000000002",
                "wanted": {
                    "status": "paused",
                    "pause_behavior": "silence",
                    "channels": 1,
                    "track": "both",
                },
            },
        )
    ]
    assert world.callbacks.sent == []
    assert world.bus.sent == []
    assert world.log.drain() == [
        {
            "operation": "reconcile",
            "outcome": "done",
            "counted": {
                "CommandsUnconfirmed": 0,
                "PausesUnconfirmed": 0,
                "CommandsExpired": 0,
                "RecordingsTimedOut": 0,
                "EngineLost": 0,
                "CallsTooLong": 0,
            },
        }
    ]


def test_fails_if_the_command_queue_is_unavailable(world: World) -> None:
    """If a pause of account 3d1f6c5e… cannot be sent again, the run fails, which raises an alarm; the next retries."""
    world.memory.put_item(
        TableName=world.table,
        Item={
            "PK": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4#CALL#016612f5cb6a70008000000000000001"},
            "SK": {"S": "REC#016612f5dee270008000000000000002"},
            "status": {"S": "paused"},
            "version": {"N": "2"},
            "confirmed": {"N": "1"},
            "source": {"S": "StartCallRecordingAPI"},
            "call": {"S": "016612f5cb6a70008000000000000001"},
            "channels": {"N": "1"},
            "track": {"S": "both"},
            "trim": {"S": "do-not-trim"},
            "started": {"N": "1537916390"},
            "updated": {"N": "1537916400"},
            "seq": {"N": "40"},
            "pause_behavior": {"S": "silence"},
            "work": {"S": "OPEN#2"},
            "work_at": {"N": "1537916390"},
            # The newest write tokens, which recognise a repeated write.
            "r1": {"S": "8f6e5d4c3b2a1908"},
            "r2": {"S": "8000000000000002"},
            "r3": {"S": ""},
            "r4": {"S": ""},
            "r5": {"S": ""},
            "r6": {"S": ""},
            "r7": {"S": ""},
            "r8": {"S": ""},
        },
    )
    world.clock.step(30)
    world.commands.failures = 1
    with pytest.raises(IncompleteRun):
        world.call("reconcile", {})
    assert world.commands.sent == []
    assert world.callbacks.sent == []
    assert world.bus.sent == []
    assert world.log.drain() == [
        {"operation": "reconcile", "outcome": "failed", "error": "StoreUnavailable"},
        {
            "operation": "reconcile",
            "outcome": "failed",
            "error": "IncompleteRun",
            "counted": {
                "CommandsUnconfirmed": 0,
                "PausesUnconfirmed": 0,
                "CommandsExpired": 0,
                "RecordingsTimedOut": 0,
                "EngineLost": 0,
                "CallsTooLong": 0,
            },
        },
    ]


def subscription(dialect: str = "twilio", *events: str) -> CallbackSubscription:
    """A callback subscription to recording events."""
    return CallbackSubscription(URL, "POST", events or ("in-progress", "completed", "absent"), dialect)


def start_recording(world: World, callback: CallbackSubscription | None = None) -> Recording:
    """Start a recording of a call, as a request does."""
    call = world.stage.call()
    made, _ = world.services.recordings.create(
        Parent(call.account, ParentKind.CALL, call.id), StartRecording(callback=callback)
    )
    return made


def read_recording(world: World, recording: Recording) -> Recording:
    """Read a recording."""
    return world.services.recordings.get(recording.parent, recording.id)


def sent_commands(world: World) -> list[tuple[str, int, str]]:
    """Return the new commands: type, version, and the engine that they were sent to."""
    return [(message.body["type"], message.body["version"], message.engine) for message in world.commands.drain()]


def events(world: World, resource_id: str) -> list[tuple[str, int]]:
    """Return event and sequence number of each callback delivery of a recording or a conference."""
    return [(delivery.event, delivery.sequence) for delivery in world.deliveries(resource_id)]


def reconcile_lines(world: World) -> list[dict[str, Any]]:
    """Return the new log lines of reconcile."""
    return [line for line in world.log.drain() if line["operation"] == "reconcile"]


QUIET: Final = {
    "CommandsUnconfirmed": 0, "PausesUnconfirmed": 0, "CommandsExpired": 0, "RecordingsTimedOut": 0,
    "EngineLost": 0, "CallsTooLong": 0,
}  # fmt: skip


def test_nothing_pending_sends_nothing(world: World) -> None:
    """Without pending work nothing is sent, and zeros are counted so that the alarms have data."""
    world.stage.call("completed")
    world.stage.recording(world.stage.call(), confirmed_version=1)
    world.clock.step(60)
    assert world.reconcile() == {}
    assert reconcile_lines(world) == [{"operation": "reconcile", "outcome": "done", "counted": QUIET}]
    assert (world.commands.sent, world.callbacks.sent) == ([], [])


# Commands.


def test_resends_an_unconfirmed_command(world: World) -> None:
    """A pause is resent 30 s, 60 s, 2, 4, 8, 16, 30, 60 … minutes after its request, each time as a new message.

    After a minute each run counts it as an unconfirmed pause, after five minutes as an unconfirmed command.
    """
    recording = start_recording(world)
    world.stage.engine.started(recording)
    world.services.recordings.update(recording.parent, recording.id, Status.PAUSED, "skip")
    world.publish()
    (original,) = [message for message in world.commands.drain() if message.body["type"] == "recording.pause"]
    world.clock.step(29)
    assert world.reconcile() == {}
    world.clock.step(1)
    resent_after = []
    for age in range(30, 7_300, 60):
        counted = world.reconcile()
        sent = world.commands.drain()
        assert [each.request for each in sent] == [original.request] * len(sent)
        assert [each.body["issued_at"] for each in sent] == [world.clock()] * len(sent)
        resent_after += [age] * len(sent)
        overdue, late = int(age >= 300), int(age >= 60)
        expected = {"resent": len(sent), "unconfirmed": overdue, "unconfirmed_pauses": late}
        assert counted == {name: number for name, number in expected.items() if number}
        line = reconcile_lines(world)[0]["counted"]
        assert (line["CommandsUnconfirmed"], line["PausesUnconfirmed"]) == (overdue, late)
        world.clock.step(60)
    # The runs are at 30 s, 90 s, …: each sends what has become due since the run before it.
    assert resent_after == [30, 90, 150, 270, 510, 990, 1_830, 3_630, 5_430, 7_230]
    world.stage.engine.paused(recording, 2)
    assert world.reconcile() == {}


def test_a_pause_of_an_old_recording_is_resent(world: World) -> None:
    """A pause is resent although its recording began longer ago than the 40 minutes in which a start must succeed."""
    recording = start_recording(world)
    world.stage.engine.started(recording)
    world.clock.step(2_460)
    world.services.recordings.update(recording.parent, recording.id, Status.PAUSED, "skip")
    world.publish()
    world.commands.drain()
    world.clock.step(30)
    assert world.reconcile() == {"resent": 1}
    assert sent_commands(world) == [("recording.pause", 2, "standin")]


def test_a_pause_that_was_overlooked_is_resent_when_it_is_found(world: World) -> None:
    """A pause that no run has seen is resent at any age, once, and counts at once; then its repetitions back off."""
    recording = start_recording(world)
    world.stage.engine.started(recording)
    world.services.recordings.update(recording.parent, recording.id, Status.PAUSED, "skip")
    world.discard()
    world.clock.step(700)
    assert world.reconcile() == {"resent": 1, "unconfirmed": 1, "unconfirmed_pauses": 1}
    world.clock.step(60)
    assert world.reconcile() == {"unconfirmed": 1, "unconfirmed_pauses": 1}
    world.clock.step(200)
    assert world.reconcile() == {"resent": 1, "unconfirmed": 1, "unconfirmed_pauses": 1}


def place_of(world: World, recording: Recording) -> int:
    """Return the place of a recording in the index: seconds since the start of the test."""
    (pending,) = [each for each in world.pending_work() if each.resource.id == recording.id]
    assert pending.due is not None
    return pending.due - START


def test_a_recording_has_the_place_of_what_is_due_next(world: World) -> None:
    """A recording's place follows what is due next about it: callbacks, a look each hour, media, a conversion."""
    silent = start_recording(world)
    assert place_of(world, silent) == 2_400
    recording = start_recording(world, subscription())
    for each in (silent, recording):
        world.stage.engine.started(each)
    assert world.publish() == []
    world.deliver()
    assert place_of(world, recording) == 600
    world.clock.step(600)
    with world.recorded_requests() as requests:
        assert world.reconcile() == {}
    assert requests.count("UpdateItem") == 1
    assert place_of(world, recording) == 4_200
    world.clock.step(1_000)
    world.services.recordings.update(recording.parent, recording.id, Status.STOPPED)
    assert place_of(world, recording) == 4_200
    world.stage.engine.report(CaptureTransitionReport(recording.parent, recording.id, Status.STOPPED), 2)
    assert world.reconcile() == {}
    assert place_of(world, recording) == 1_600 + 600
    world.clock.step(600)
    assert world.reconcile() == {}
    assert place_of(world, recording) == 1_600 + 3_600
    capture(world.services, recording, sound(1))
    assert world.reconcile() == {}
    assert place_of(world, recording) == 2_200 + 600
    world.clock.step(600)
    assert world.reconcile() == {"conversions": 1}
    assert place_of(world, recording) == 2_800 + 600


def _requests(world: World) -> Mapping[str, Callable[[], tuple[str, str, int]]]:
    """Return functions that each send a command and return its type, its resource and its version."""
    service, account = world.services, world.account.account

    def hang_up() -> tuple[str, str, int]:
        call = service.calls.update(account, world.stage.call().id, UpdateCall(CallStatus.COMPLETED))
        return "call.hang_up", call.id, call.requested_version

    def redirect() -> tuple[str, str, int]:
        change = UpdateCall(redirect={"url": URL, "method": "POST"})
        call = service.calls.update(account, world.stage.call().id, change)
        return "call.redirect", call.id, call.requested_version

    def end() -> tuple[str, str, int]:
        conference = service.conferences.end(account, world.stage.conference().id)
        return "conference.end", conference.id, conference.requested_version

    def end_with_callback() -> tuple[str, str, int]:
        conference = service.conferences.end(account, world.stage.conference(callback=subscription()).id)
        return "conference.end", conference.id, conference.requested_version

    def dial() -> tuple[str, str, int]:
        added = service.participants.add(account, world.stage.conference().id, AddParticipant("+1", "+2"))
        return "participant.add", added.call, added.requested_version

    def mute() -> tuple[str, str, int]:
        conference = world.stage.conference()
        participant = world.stage.participant(conference)
        after = service.participants.update(account, conference.id, participant.call, UpdateParticipant(muted=True))
        return "participant.update", participant.call, after.requested_version

    def remove() -> tuple[str, str, int]:
        conference = world.stage.conference()
        participant = world.stage.participant(conference)
        service.participants.remove(account, conference.id, participant.call)
        return "participant.remove", participant.call, 2

    return {each.__name__: each for each in (hang_up, redirect, end, end_with_callback, dial, mute, remove)}


REQUESTS: Final = ("hang_up", "redirect", "end", "end_with_callback", "dial", "mute", "remove")


@pytest.mark.parametrize("name", REQUESTS)
def test_resends_each_kind_of_command(world: World, name: str) -> None:
    """Each kind of command is resent with its whole target state until it expires after a day (C-109)."""
    kind, resource, version = _requests(world)[name]()
    assert world.publish() == []
    (first,) = world.commands.drain()
    world.clock.step(COMMAND_RESEND_AFTER_SECONDS)
    assert world.reconcile() == {"resent": 1}
    (resent,) = world.commands.drain()
    assert resent.request == first.request
    assert (resent.body["type"], resent.body["version"]) == (kind, version)
    assert resource in (resent.body.get("call"), resent.body.get("conference"))
    world.clock.step(COMMAND_ALARM_AFTER_SECONDS)
    assert world.reconcile() == {"resent": 1, "unconfirmed": 1}
    world.clock.step(COMMAND_EXPIRY_SECONDS - COMMAND_ALARM_AFTER_SECONDS - COMMAND_RESEND_AFTER_SECONDS)
    world.commands.drain()
    (pending,) = [each.resource for each in world.pending_work() if each.resource.id == resource]
    # It expires, which is counted once, and is not marked as confirmed. A call that was never dialed is hung up.
    kinds = {"call.hang_up"} if name == "dial" else set()
    reconcile_lines(world)
    expired = 0
    for _ in range(3):
        counted = world.reconcile()
        assert counted.keys() <= {"expired", "backfilled", *(("resent", "unconfirmed") if kinds else ())}
        assert reconcile_lines(world)[-1]["counted"]["CommandsExpired"] == counted.get("expired", 0)
        expired += counted.get("expired", 0)
        world.clock.step(600)
    assert (expired, {message.body["type"] for message in world.commands.sent}) == (1, kinds)
    assert [type(each.resource) for each in world.pending_work()] == [Call for _ in kinds]
    commands = world.background.publisher._current_commands
    found: Any = commands._current_state(Change(world.account.account, None, pending))[0]
    assert (found.requested_version, found.confirmed_version) == (version, 0)


def test_a_concurrent_confirmation_prevents_expiry(world: World) -> None:
    """A command that is confirmed or replaced while the reconciler runs does not expire."""
    for confirms in (True, False):
        call = world.stage.call()
        change = UpdateCall(redirect={"url": URL, "method": "POST"})
        updated = world.services.calls.update(call.account, call.id, change)
        (pending,) = world.pending_work()
        if confirms:
            world.stage.engine.redirected(call.id, updated.requested_version)
        else:
            world.services.calls.update(call.account, call.id, change)
        assert not world.background.reconciler._work.expire(pending)
        assert len(world.pending_work()) == (not confirms)


def test_a_concurrent_end_prevents_expiry(world: World) -> None:
    """A conference that ends while its announcement expires stays pending work until its dialed calls have ended."""
    account, conference = world.account.account, world.stage.conference(participants=2)
    added = world.services.participants.add(account, conference.id, AddParticipant("+1", "+2"))
    world.services.conferences.update(account, conference.id, UpdateConference(announce_url=URL))
    (pending,) = [each for each in world.pending_work() if each.resource.id == conference.id]
    world.stage.engine.conference_ended(conference.id, EndReason.VIA_API)
    assert not world.background.reconciler._work.expire(pending)
    assert {each.resource.id for each in world.pending_work()} == {conference.id, added.call}


def test_an_ended_conference_gets_only_its_end(world: World) -> None:
    """Commands for participants of an ended conference are not resent, only its end."""
    conference = world.stage.conference(participants=3)
    participant = world.stage.participant(conference)
    service = world.services
    service.participants.update(conference.account, conference.id, participant.call, UpdateParticipant(muted=True))
    service.conferences.end(conference.account, conference.id)
    world.clock.step(COMMAND_RESEND_AFTER_SECONDS)
    assert world.reconcile() == {"resent": 1}
    assert [kind for kind, _, _ in sent_commands(world)] == ["conference.end"]
    assert [type(pending.resource) for pending in world.pending_work()] == [Conference]


def test_resends_the_latest_command(world: World) -> None:
    """Only the latest command is resent, timed from when it was requested."""
    call = world.stage.call()
    redirect = UpdateCall(redirect={"url": URL, "method": "POST"})
    for _ in range(2):
        world.services.calls.update(call.account, call.id, redirect)
        world.clock.step(COMMAND_RESEND_AFTER_SECONDS - 1)
    assert world.reconcile() == {}
    world.clock.step(1)
    assert world.reconcile() == {"resent": 1}
    assert [version for _, version, _ in sent_commands(world)] == [3]


# Recordings that time out.


def test_a_start_that_times_out_makes_a_recording_absent(world: World, dialect: str) -> None:
    """A start that the engine never confirms is resent; then the recording is absent and its callback is enqueued."""
    recording = start_recording(world, subscription(dialect))
    world.publish()
    world.clock.step(1_800)
    assert world.reconcile() == {"resent": 1, "unconfirmed": 1}
    world.clock.step(START_TIMEOUT_SECONDS - 1_801)
    assert world.reconcile() == {"unconfirmed": 1}
    world.commands.drain()
    world.clock.step(1)
    assert world.reconcile() == {"timed_out": 1}
    assert reconcile_lines(world)[-1]["counted"] == {**QUIET, "RecordingsTimedOut": 1}
    assert read_recording(world, recording) == replace(
        recording, status=Status.ABSENT, version=3, ended=world.clock.seconds, updated=world.clock.seconds, duration=0,
        error=16101, given_up_at=world.clock.seconds,
    )  # fmt: skip
    world.publish()
    # The engine is sent a stop, in case it was only late; no start is published.
    assert [kind for kind, _, _ in sent_commands(world)] == ["recording.stop"]
    (delivery,) = world.deliveries(recording.id)
    fields = dict(parse_qsl(delivery.body))
    assert (delivery.event, fields["RecordingStatus"]) == ("absent", "absent")
    assert fields.get("ErrorCode") == ("16101" if dialect == "twilio" else None)
    world.clock.step(60)
    assert (world.reconcile(), world.pending_work()) == ({}, [])


def test_the_start_timeout_exceeds_the_retries_of_an_event() -> None:
    """The start timeout is longer than the half hour for which an engine reports an event again."""
    assert 30 * 60 < START_TIMEOUT_SECONDS < MEDIA_TIMEOUT_SECONDS


def test_a_concurrent_start_prevents_the_timeout(world: World) -> None:
    """The reconciler finds it unstarted; before the timeout is applied, the engine reports the start."""
    recording = start_recording(world)
    world.clock.step(START_TIMEOUT_SECONDS)

    def begin(when: str, operation: str, _request: object) -> None:
        if when == "before" and operation == "UpdateItem":
            world.faults.clear()
            world.stage.engine.started(recording)

    world.faults.append(begin)
    assert "timed_out" not in world.reconcile()
    assert (read_recording(world, recording).status, read_recording(world, recording).confirmed_version) == (
        Status.IN_PROGRESS,
        1,
    )


@pytest.mark.parametrize("status", ["in-progress", "paused"])
@pytest.mark.parametrize("confirmed", [False, True])
def test_a_confirmed_recording_does_not_time_out(world: World, status: str, *, confirmed: bool) -> None:
    """A recording that the engine has confirmed never times out, however long it is."""
    recording = world.stage.recording(world.stage.call(), status)
    world.stage.write(recording, confirmed=recording.version if confirmed else 0)
    world.clock.step(86_400)
    assert world.reconcile() == ({} if confirmed else {"timed_out": 1})
    assert read_recording(world, recording).is_active is confirmed


def test_missing_media_time_out(world: World) -> None:
    """An hour after its stop, a recording without media becomes absent (C-45)."""
    recording = world.stage.recording(world.stage.call(), "stopped", callback=subscription())
    world.discard()
    world.clock.step(1_800)
    assert world.reconcile() == {"resent": 1, "unconfirmed": 1}
    world.clock.step(MEDIA_TIMEOUT_SECONDS - 1_801)
    assert world.reconcile() == {"unconfirmed": 1}
    world.clock.step(1)
    assert world.reconcile() == {"timed_out": 1}
    found = read_recording(world, recording)
    assert (found.status, found.error, found.is_start_confirmed) == (Status.ABSENT, 16101, False)
    world.publish()
    assert events(world, recording.id) == [("absent", recording.version + 1)]
    assert world.pending_work() == []


def test_unreported_media_complete_a_recording(world: World, bucket: Objects) -> None:
    """If an uploaded capture exists at the timeout, it is converted, and the recording is completed instead."""
    recording = world.stage.recording(world.stage.call(), "stopped", callback=subscription())
    bucket.put(recording, "capture.wav", sound(2))
    world.discard()
    world.clock.step(MEDIA_TIMEOUT_SECONDS)
    assert world.reconcile() == {}
    assert (world.publish(), world.convert()) == ([], [])
    assert read_recording(world, recording).status is Status.COMPLETED
    assert bucket.names(recording) == {"original.wav", "original.mp3"}
    world.publish()
    assert [event for event, _ in events(world, recording.id)] == ["in-progress", "completed"]
    assert (sent_commands(world), world.pending_work()) == ([], [])


def test_an_upload_without_a_report_counts_at_the_timeout(world: World, bucket: Objects) -> None:
    """If a capture is uploaded at the timeout, it is noted, and the recording is not given up."""
    recording = world.stage.recording(world.stage.call(), "stopped")
    bucket.put(recording, "capture.wav", sound(2))
    world.clock.step(MEDIA_TIMEOUT_SECONDS)
    assert world.reconcile() == {}
    noted = read_recording(world, recording)
    assert (noted.status, noted.captured_at) == (Status.STOPPED, world.clock.seconds)


@pytest.mark.parametrize("is_lost", [False, True])
@pytest.mark.parametrize("is_gone", [False, True])
def test_late_audio_is_published_after_absent(
    world: World, bucket: Objects, dialect: str, *, is_lost: bool, is_gone: bool
) -> None:
    """The callback `completed` follows `absent`, once each, also without the stream and after a deletion (C-210)."""
    call = world.stage.call("completed")
    recording = world.stage.recording(
        call, "stopped", callback=subscription(dialect, "absent", "completed"), confirmed_version=1
    )
    world.discard()
    world.clock.step(MEDIA_TIMEOUT_SECONDS)
    assert world.reconcile() == {"timed_out": 1}
    if is_lost:
        world.discard()
    assert world.publish() == []
    world.clock.step(86_400)
    bucket.put(recording, "capture.wav", sound(2))
    assert world.services.media.adopt_capture(recording)
    world.services.media.complete(recording.parent, recording.id)
    if is_gone:
        world.services.media.delete(recording.parent, recording.id)
    if is_lost:
        world.discard()
    assert world.publish() == []
    world.clock.step(600)
    world.reconcile()
    absent = recording.version + 1
    assert events(world, recording.id) == [("absent", absent), ("completed", absent + 1)]
    first, second = (dict(parse_qsl(each.body)) for each in world.deliveries(recording.id))
    assert (first["RecordingStatus"], second["RecordingStatus"]) == ("absent", "completed")
    codes = ("16101", "0") if dialect == "twilio" else (None, None)
    assert (first.get("ErrorCode"), second.get("ErrorCode")) == codes
    assert second["RecordingDuration"] == "2"
    assert world.pending_work() == []


def test_a_concurrent_completion_prevents_the_timeout(world: World, bucket: Objects) -> None:
    """A recording that is completed while it times out stays completed."""
    recording = world.stage.recording(world.stage.call(), "stopped")
    world.clock.step(MEDIA_TIMEOUT_SECONDS)

    def finish() -> None:
        capture(world.services, recording, sound(2))
        world.services.media.complete(recording.parent, recording.id)

    bucket.meanwhile["HeadObject"] = finish
    assert world.reconcile() == {}
    assert read_recording(world, recording).status is Status.COMPLETED


# Missing callbacks.


def test_backfills_callbacks_of_a_recording(world: World, dialect: str) -> None:
    """If the stream lost every record, start and end of a recording are published once each."""
    recording = start_recording(world, subscription(dialect))
    parent = recording.parent
    world.stage.engine.started(recording)
    world.services.recordings.update(parent, recording.id, Status.STOPPED)
    capture(world.services, recording, sound(2))
    world.services.media.complete(parent, recording.id)
    world.discard()
    world.clock.step(STREAM_GRACE_SECONDS - 1)
    assert world.reconcile() == {}
    world.clock.step(1)
    assert world.reconcile() == {"backfilled": 2}
    assert events(world, recording.id) == [("in-progress", 1), ("completed", 3)]
    assert (world.reconcile(), world.pending_work()) == ({}, [])
    world.deliver()
    assert [delivery.state for delivery in world.deliveries(recording.id)] == [DeliveryState.DELIVERED] * 2


def test_backfills_the_start_of_a_running_recording(world: World) -> None:
    """The start is published while the recording runs, which stays in the pending-work index."""
    recording = start_recording(world, subscription())
    world.stage.engine.started(recording)
    world.discard()
    world.clock.step(STREAM_GRACE_SECONDS)
    assert world.reconcile() == {"backfilled": 1}
    world.clock.step(60)
    assert world.reconcile() == {}
    assert [pending.resource.id for pending in world.pending_work()] == [recording.id]


def test_backfills_only_missing_callbacks(world: World) -> None:
    """Only missing deliveries are stored, with the token that the stream would have given them."""
    published, missed = start_recording(world, subscription()), start_recording(world, subscription())
    for recording in (published, missed):
        world.stage.engine.started(recording)
    records = world.changes()
    world.publish(record for record in records if published.id in record["dynamodb"]["Keys"]["SK"]["S"])
    world.deliver()
    before = world.deliveries(published.id)
    world.clock.step(STREAM_GRACE_SECONDS)
    assert world.reconcile() == {"backfilled": 1}
    assert world.deliveries(published.id) == before
    late = world.deliveries(missed.id)
    # A late stream record does not change the delivery.
    world.publish(records)
    assert world.deliveries(missed.id) == late


@pytest.mark.parametrize("error", [None, 16102])
def test_backfills_callbacks_of_a_deleted_recording(world: World, error: int | None) -> None:
    """The end of a deleted recording is published as it was, with its own sequence number."""
    recording = start_recording(world, subscription())
    parent = recording.parent
    world.stage.engine.started(recording)
    world.services.recordings.update(parent, recording.id, Status.STOPPED)
    if error is None:
        capture(world.services, recording, sound(2))
        world.services.media.complete(parent, recording.id)
    else:
        world.services.media.finish_without_media(parent, recording.id, error)
    finished = world.changes()
    world.services.media.delete(parent, recording.id)
    world.discard()
    world.clock.step(STREAM_GRACE_SECONDS)
    assert world.reconcile() == {"backfilled": 2}
    event = "completed" if error is None else "absent"
    assert events(world, recording.id) == [("in-progress", 1), (event, 3)]
    deliveries = world.deliveries(recording.id)
    assert world.pending_work() == []
    # The stream would have stored equal deliveries.
    for delivery in deliveries:
        key = {"PK": {"S": f"{delivery.account}#CB#{delivery.resource_id}"}, "SK": {"S": delivery.id}}
        world.memory.delete_item(TableName=world.table, Key=key)
    world.publish(finished)
    assert [_without_times(delivery) for delivery in world.deliveries(recording.id)] == [
        _without_times(delivery) for delivery in deliveries
    ]


def _without_times(delivery: CallbackDelivery) -> CallbackDelivery:
    return replace(delivery, created=0, next_attempt_at=0)


def test_a_deletion_does_not_hide_a_missing_end(world: World) -> None:
    """If the stream delivers only the deletion, the missing end is still published."""
    recording = world.stage.recording(world.stage.call(), "stopped", callback=subscription("twilio", "absent"))
    world.services.media.finish_without_media(recording.parent, recording.id, 16101)
    world.discard()
    world.services.media.delete(recording.parent, recording.id)
    assert world.publish() == []
    assert events(world, recording.id) == []
    world.clock.step(STREAM_GRACE_SECONDS)
    assert world.reconcile() == {"backfilled": 1}
    assert [event for event, _ in events(world, recording.id)] == ["absent"]


def test_the_record_of_the_end_publishes_the_start(world: World) -> None:
    """If the stream lost the start, the record of the end publishes the start too."""
    recording = start_recording(world, subscription())
    world.stage.engine.started(recording)
    world.discard()
    world.services.recordings.update(recording.parent, recording.id, Status.STOPPED)
    world.services.media.finish_without_media(recording.parent, recording.id, 16101)
    assert world.publish() == []
    assert events(world, recording.id) == [("in-progress", 1), ("absent", 3)]
    assert world.pending_work() == []


def test_backfills_callbacks_of_a_conference(world: World, dialect: str) -> None:
    """Start, leaves and end are published as the stream would have; events in between are not."""
    played = play_conference(world, dialect)
    conference = played.conference.id
    world.clock.step(STREAM_GRACE_SECONDS)
    counted = world.reconcile()
    late = world.deliveries(conference)
    assert [(delivery.event, delivery.sequence) for delivery in late] == [
        ("start", 3), ("leave", 8), ("leave", 9), ("leave", 10), ("leave", 11), ("end", 12),
    ]  # fmt: skip
    # Three for the recordings: the conference's recording started, the call's did not.
    assert counted["backfilled"] == len(late) + 3
    world.publish(played.records)
    in_time = [delivery for delivery in world.deliveries(conference) if delivery.event in {"start", "leave", "end"}]
    assert in_time == late
    for delivery in late:
        key = {"PK": {"S": f"{delivery.account}#CB#{delivery.resource_id}"}, "SK": {"S": delivery.id}}
        world.memory.delete_item(TableName=world.table, Key=key)
    world.publish(played.records)
    again = [delivery for delivery in world.deliveries(conference) if delivery.event in {"start", "leave", "end"}]
    assert [_without_times(delivery) for delivery in again] == [_without_times(delivery) for delivery in late]


def test_a_conference_is_pending_until_published_and_confirmed(world: World) -> None:
    """A conference is in the index until its callbacks are published and its commands confirmed."""
    service, account = world.services, world.account.account
    conference = open_conference(
        service, account, "Room", callback=CallbackSubscription(URL, "POST", ("start", "end"), "twilio")
    )
    calls = [world.stage.call() for _ in range(2)]
    for call in calls:
        join_conference(service, account, conference.id, call.id)
    world.publish()
    world.deliver()
    world.clock.step(86_400)
    # While it is live, nothing is due.
    assert world.pending_work() == []
    with world.recorded_requests() as requests:
        assert world.reconcile() == {}
    assert set(requests) == {"Query", "GetItem"}
    # A query of each shard of resources, of checks and of deliveries, one of the presences, and once an hour for old
    # calls one read of the registered engines, a query of the deleted ones, and one of each shard of what has no
    # engine.
    assert len(requests) == 3 * 16 + 1 + 1 + 17
    service.conferences.end(account, conference.id)
    world.publish()
    world.deliver()
    world.clock.step(STREAM_GRACE_SECONDS)
    assert world.reconcile() == {"resent": 1, "unconfirmed": 1}
    # The end is published but not confirmed.
    assert service.conferences.get(account, conference.id).end_published
    with world.recorded_requests() as requests:
        world.reconcile()
    assert requests.count("BatchGetItem") == 1
    world.stage.engine.conference_ended(conference.id)
    assert world.pending_work() == []


def test_backfilling_the_end_removes_a_conference_from_the_index(world: World) -> None:
    """Without a pending command, a conference leaves the index once its end is published."""
    conference = world.stage.conference(callback=CallbackSubscription(URL, "POST", ("end",), "twilio"))
    world.stage.engine.conference_ended(conference.id)
    world.discard()
    world.clock.step(STREAM_GRACE_SECONDS - 1)
    assert world.reconcile() == {}
    world.clock.step(1)
    assert world.reconcile() == {"backfilled": 1}
    assert world.pending_work() == []


def test_a_conference_without_a_callback_is_not_pending(world: World) -> None:
    """A conference without a callback is in the index only while a command is pending."""
    conference = open_conference(world.services, world.account.account, "Room")
    for _ in range(2):
        join_conference(world.services, conference.account, conference.id, world.stage.call().id)
    assert world.pending_work() == []
    world.stage.engine.conference_ended(conference.id)
    assert world.pending_work() == []


# Failures.


def test_a_failed_resource_blocks_no_other(world: World, bucket: Objects) -> None:
    """A failure does not prevent other work; the run fails at its end, and the next one tries again."""
    bad = world.stage.recording(world.stage.call(), "stopped")
    good = world.stage.recording(world.stage.call(), "stopped", ended=START)
    world.clock.step(MEDIA_TIMEOUT_SECONDS)
    keys: list[str] = []

    def fail(operation: str) -> None:
        keys.append(operation)
        if len(keys) == 1:
            raise RuntimeError

    bucket.watchers.append(fail)
    with pytest.raises(IncompleteRun, match="1 items could not be reconciled"):
        world.reconcile()
    assert sorted(read_recording(world, each).status for each in (bad, good)) == [Status.ABSENT, Status.STOPPED]
    failed, done = reconcile_lines(world)
    assert failed == {"operation": "reconcile", "outcome": "failed", "error": "RuntimeError"}
    assert done == {
        "operation": "reconcile", "outcome": "failed", "error": "IncompleteRun",
        "counted": {**QUIET, "RecordingsTimedOut": 1},
    }  # fmt: skip
    bucket.watchers.clear()
    assert world.reconcile() == {"timed_out": 1}


def test_a_failed_shard_blocks_no_other(world: World) -> None:
    """The other shards are reconciled, then the run fails, which raises an alarm."""
    recordings = [start_recording(world) for _ in range(40)]
    world.clock.step(COMMAND_RESEND_AFTER_SECONDS)
    failing_shard = recordings[0].id[-1]

    def fail(when: str, operation: str, request: Mapping[str, Any]) -> None:
        values = request.get("ExpressionAttributeValues", {})
        if when == "before" and values.get(":shard") == {"S": f"OPEN#{failing_shard}"}:
            raise ClientError({"Error": {"Code": "InternalServerError"}}, operation)

    world.faults.append(fail)
    with pytest.raises(StoreUnavailable):
        world.reconcile()
    skipped = [recording for recording in recordings if recording.id[-1] == failing_shard]
    assert len(sent_commands(world)) == len(recordings) - len(skipped)
    (line,) = reconcile_lines(world)
    assert line == {"operation": "reconcile", "outcome": "failed", "error": "StoreUnavailable", "counted": QUIET}


def test_each_run_starts_with_another_shard(world: World) -> None:
    """The first shard rotates, so that runs that are cut short still reach each shard."""
    first = []
    for _ in range(16):
        seen: list[str] = []

        def note(when: str, _operation: str, request: Mapping[str, Any], seen: list[str] = seen) -> None:
            if when == "before" and request.get("IndexName") == "work":
                seen.append(request["ExpressionAttributeValues"][":shard"]["S"])

        world.faults.append(note)
        world.reconcile()
        world.faults.clear()
        assert len(seen) == 32
        assert len(set(seen)) == 32
        first.append(seen[0])
        world.clock.step(60)
    assert sorted(first) == [f"DUE#{digit}" for digit in "0123456789abcdef"]


@pytest.mark.parametrize("channel", ["commands", "callbacks"])
def test_a_failing_queue_is_retried_by_the_next_run(world: World, channel: str) -> None:
    """Commands and callbacks that could not be sent are sent by the next run."""
    recording = start_recording(world, subscription())
    world.stage.engine.started(recording)
    world.services.recordings.update(recording.parent, recording.id, Status.PAUSED)
    world.discard()
    world.clock.step(960)
    failing: FakeQueue = getattr(world, channel)
    failing.failures = 1
    with pytest.raises(IncompleteRun):
        world.reconcile()
    world.clock.step(60)
    world.reconcile()
    assert [kind for kind, _, _ in sent_commands(world)] != []
    # A delivery whose message was not accepted is requeued once it is due.
    world.clock.step(600)
    world.reconcile()
    assert {message.body["delivery"] for message in world.callbacks.drain()} == {"00000001.in-progress"}


def _put_due_callbacks(world: World, count: int) -> None:
    """Store callbacks whose retry is due within seven seconds."""
    for number in range(count):
        world.background.callbacks._store.put(
            CallbackDelivery(
                account=world.account.account,
                resource_id=f"{number:031x}7",
                sequence=1,
                event="completed",
                dialect="twilio",
                url=URL,
                method="POST",
                body="a=b",
                idempotency_token=f"{number}",
                created=START,
                next_attempt_at=START + number % 7,
            )
        )


def test_requeues_due_callbacks_in_batches(world: World) -> None:
    """Due callbacks of a shard are queued together, at most 1000 in each run."""
    _put_due_callbacks(world, MAX_REQUEUED_PER_SHARD + 2)
    world.clock.step(60)
    assert world.reconcile() == {"requeued": MAX_REQUEUED_PER_SHARD}
    assert len(world.callbacks.drain()) == MAX_REQUEUED_PER_SHARD
    world.clock.step(60)
    assert world.reconcile() == {"requeued": 2}


def test_a_callback_that_cannot_be_reset_blocks_nothing(world: World) -> None:
    """If a due callback cannot be written, the others are queued, commands are sent, and the run fails at its end."""
    recordings = [start_recording(world)]
    while recordings[-1].id[-1] != "7":  # the shard of the callbacks
        recordings.append(start_recording(world))
    _put_due_callbacks(world, 3)
    world.clock.step(60)

    def fail(when: str, operation: str, request: Mapping[str, Any]) -> None:
        if when == "before" and request.get("Key", {}).get("PK", {"S": ""})["S"].endswith(f"#CB#{'0' * 30}17"):
            raise ClientError({"Error": {"Code": "ValidationException"}}, operation)

    world.faults.append(fail)
    with pytest.raises(IncompleteRun, match="1 items could not be reconciled"):
        world.reconcile()
    assert sorted(message.body["resource"] for message in world.callbacks.drain()) == [f"{n:031x}7" for n in (0, 2)]
    assert len(sent_commands(world)) == len(recordings)
    failed, _ = reconcile_lines(world)
    assert failed == {"operation": "reconcile", "outcome": "failed", "error": "StoreUnavailable"}
    world.faults.remove(fail)
    assert world.reconcile() == {"requeued": 1}


def test_each_pending_command_is_in_the_index(world: World) -> None:
    """Each unconfirmed command is in the pending-work index, and leaves it once confirmed."""
    for name in REQUESTS:
        kind, resource, version = _requests(world)[name]()
        (pending,) = [each for each in world.pending_work() if each.resource.id == resource]
        assert isinstance(pending.resource, Call | Conference | Participant), kind
        engine = world.stage.engine
        match pending.resource:
            case Call():
                engine.redirected(resource, version)
            case Conference() as conference if conference.is_live:
                engine.announced(resource, version)
            case Conference():
                engine.conference_ended(resource)
            case Participant() as participant if participant.left is not None:
                engine.left(participant.conference, resource, version)
            case Participant() as participant:
                engine.changed(participant.conference, resource, version)
        # A conference with a callback stays until the callbacks of its end are published.
        remaining = [name] if name == "end_with_callback" else []
        assert [name for each in world.pending_work() if each.resource.id == resource] == remaining
