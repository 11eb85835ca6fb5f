"""The audit behind the stream: what was not told is told, what was not confirmed is asked again, what hangs ends."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl

import pytest
from botocore.exceptions import ClientError

from tapedeck.background.handlers import IncompleteRun
from tapedeck.background.reconciler import (
    COMMAND_ALARM_AFTER_SECONDS,
    COMMAND_RESEND_AFTER_SECONDS,
    MAX_REQUEUED_PER_SHARD,
    MEDIA_TIMEOUT_SECONDS,
    START_TIMEOUT_SECONDS,
    STREAM_GRACE_SECONDS,
)
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, EndReason
from tapedeck.domain.delivery import CallbackDelivery, DeliveryState
from tapedeck.domain.engine_command import COMMAND_EXPIRY_SECONDS
from tapedeck.domain.errors import StoreUnavailable
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.calls import UpdateCall
from tapedeck.operations.conferences import ConferenceEndReport
from tapedeck.operations.participants import AddParticipant, UpdateParticipant
from tapedeck.operations.recordings import StartRecording
from tapedeck.ports.changes import Change
from tests.client import TEMPLATE
from tests.functions.background_world import FakeQueue, World
from tests.functions.objects import Objects
from tests.functions.stage import START
from tests.functions.test_publish_changes import play_conference
from tests.media import capture, sound

URL: Final = "https://app.example.com/hooks"
S = RecordingStatus


def subscription(dialect: str = "twilio", *events: str) -> CallbackSubscription:
    """Somebody who wants to hear of a recording."""
    return CallbackSubscription(URL, "POST", events or ("in-progress", "completed", "absent"), dialect)


def start(world: World, callback: CallbackSubscription | None = None) -> Recording:
    """A recording that a request has started on a call."""
    call = world.stage.call()
    made, _ = world.services.recordings.create(
        Parent(call.account, ParentKind.CALL, call.id), StartRecording(callback=callback)
    )
    return made


def as_it_is(world: World, recording: Recording) -> Recording:
    """It stands so."""
    return world.services.recordings.get(recording.parent, recording.id)


def sent_commands(world: World) -> list[tuple[str, int, str]]:
    """The commands since the last look: what, by which version, and what tells them from the one before."""
    return [
        (message.body["type"], message.body["version"], message.id.removeprefix(message.body["id"]))
        for message in world.commands.drain()
    ]


def events(world: World, resource_id: str) -> list[tuple[str, int]]:
    """What is owed, or was, of a recording or a conference."""
    return [(delivery.event, delivery.sequence) for delivery in world.deliveries(resource_id)]


def lines(world: World) -> list[dict[str, Any]]:
    """What the reconciler has logged."""
    return [line for line in world.log.drain() if line["operation"] == "reconcile"]


QUIET: Final = {"CommandsUnconfirmed": 0, "CommandsExpired": 0, "RecordingsTimedOut": 0}


def test_a_quiet_table_needs_nothing(world: World) -> None:
    """A reconcile of what is settled asks nothing, tells nothing, and counts zeros, so that alarms have figures."""
    world.stage.call("completed")
    world.stage.recording(world.stage.call(), confirmed_version=1)
    world.clock.step(60)
    assert world.reconcile() == {}
    assert lines(world) == [{"operation": "reconcile", "outcome": "done", "counted": QUIET}]
    assert (world.commands.sent, world.callbacks.sent) == ([], [])


# Commands.


def test_asks_again_until_it_is_confirmed(world: World) -> None:
    """After 30 seconds each run resends the command with a new deduplication id; after 5 minutes it is counted."""
    recording = start(world)
    world.services.recordings.confirm(recording.parent, recording.id, world.stage.engine_event(1))
    world.services.recordings.update(recording.parent, recording.id, S.PAUSED, "skip")
    world.publish()
    (told,) = [message for message in world.commands.drain() if message.body["type"] == "recording.pause"]
    world.clock.step(COMMAND_RESEND_AFTER_SECONDS - 1)
    assert world.reconcile() == {}
    world.clock.step(1)
    for minute in range(COMMAND_ALARM_AFTER_SECONDS // 60 + 2):
        overdue = minute * 60 + COMMAND_RESEND_AFTER_SECONDS >= COMMAND_ALARM_AFTER_SECONDS
        assert world.reconcile() == {"asked": 1, **({"unconfirmed": 1} if overdue else {})}
        (again,) = world.commands.drain()
        assert (again.body, again.group) == (told.body, told.group)
        assert again.id == f"{told.id}-{world.clock.seconds // 60}"
        assert lines(world)[0]["counted"]["CommandsUnconfirmed"] == overdue
        world.clock.step(60)
    world.services.recordings.confirm(recording.parent, recording.id, world.stage.engine_event(2), S.PAUSED)
    assert world.reconcile() == {}


def _asks(world: World) -> Mapping[str, Callable[[], tuple[str, str, int]]]:
    """What may be asked; each tells the command, what is meant, and the version."""
    service, account = world.services, world.account.account

    def hang_up() -> tuple[str, str, int]:
        call = service.calls.update(account, world.stage.call().id, UpdateCall(CallStatus.COMPLETED))
        return "call.hang_up", call.id, call.requested_version

    def redirect() -> tuple[str, str, int]:
        change = UpdateCall(redirect={"url": URL, "method": "POST"})
        call = service.calls.update(account, world.stage.call().id, change)
        return "call.redirect", call.id, call.requested_version

    def end() -> tuple[str, str, int]:
        room = service.conferences.end(account, world.stage.conference().id)
        return "conference.end", room.id, room.requested_version

    def end_of_what_is_told() -> tuple[str, str, int]:
        room = service.conferences.end(account, world.stage.conference(callback=subscription()).id)
        return "conference.end", room.id, room.requested_version

    def dial() -> tuple[str, str, int]:
        added = service.participants.add(account, world.stage.conference().id, AddParticipant("+1", "+2"))
        return "participant.add", added.call, added.requested_version

    def mute() -> tuple[str, str, int]:
        room = world.stage.conference()
        member = world.stage.participant(room)
        after = service.participants.update(account, room.id, member.call, UpdateParticipant(muted=True))
        return "participant.update", member.call, after.requested_version

    def remove() -> tuple[str, str, int]:
        room = world.stage.conference()
        member = world.stage.participant(room)
        service.participants.remove(account, room.id, member.call)
        return "participant.remove", member.call, 2

    return {each.__name__: each for each in (hang_up, redirect, end, end_of_what_is_told, dial, mute, remove)}


ASKS: Final = ("hang_up", "redirect", "end", "end_of_what_is_told", "dial", "mute", "remove")


@pytest.mark.parametrize("name", ASKS)
def test_asks_again_whatever_it_was(world: World, name: str) -> None:
    """What the stream has told once, or has lost, is told again as the whole of what is wanted; for a day."""
    kind, resource, version = _asks(world)[name]()
    assert world.publish() == []
    (first,) = world.commands.drain()
    world.clock.step(COMMAND_RESEND_AFTER_SECONDS)
    assert world.reconcile() == {"asked": 1}
    (again,) = world.commands.drain()
    assert again.body == first.body
    assert (again.body["type"], again.body["version"]) == (kind, version)
    assert resource in (again.body.get("call"), again.body.get("conference"))
    world.clock.step(COMMAND_ALARM_AFTER_SECONDS)
    assert world.reconcile() == {"asked": 1, "unconfirmed": 1}
    world.clock.step(COMMAND_EXPIRY_SECONDS - COMMAND_ALARM_AFTER_SECONDS - COMMAND_RESEND_AFTER_SECONDS)
    world.commands.drain()
    (opened,) = [each.resource for each in world.pending_work() if each.resource.id == resource]
    # Then nobody waits for it any longer, which is counted once; that it was done is not said.
    lines(world)
    forgotten = 0
    for _ in range(3):
        counted = world.reconcile()
        assert counted.keys() <= {"forgotten", "announced"}
        assert lines(world)[-1]["counted"]["CommandsExpired"] == counted.get("forgotten", 0)
        forgotten += counted.get("forgotten", 0)
        world.clock.step(600)
    assert (forgotten, world.commands.sent, world.pending_work()) == (1, [], [])
    found: Any = world.background.publisher._current_state(Change(world.account.account, None, opened))[0]
    assert (found.requested_version, found.confirmed_version) == (version, 0)


def test_what_is_confirmed_meanwhile_is_not_forgotten(world: World) -> None:
    """An answer that comes while the reconciler looks counts; so does another command."""
    for confirms in (True, False):
        call = world.stage.call()
        change = UpdateCall(redirect={"url": URL, "method": "POST"})
        asked = world.services.calls.update(call.account, call.id, change)
        (opened,) = world.pending_work()
        if confirms:
            world.services.calls._store.confirm(
                Parent(call.account, ParentKind.CALL, call.id), None, asked.requested_version
            )
        else:
            world.services.calls.update(call.account, call.id, change)
        assert not world.background.reconciler._work.expire(opened)
        assert len(world.pending_work()) == (not confirms)


def test_asks_nothing_of_a_conference_that_is_over(world: World) -> None:
    """What was asked of somebody in it can come to nothing any more: only its end is asked for."""
    room = world.stage.conference(participants=3)
    member = world.stage.participant(room)
    service = world.services
    service.participants.update(room.account, room.id, member.call, UpdateParticipant(muted=True))
    service.conferences.end(room.account, room.id)
    world.clock.step(COMMAND_RESEND_AFTER_SECONDS)
    assert world.reconcile() == {"asked": 1}
    assert [kind for kind, _, _ in sent_commands(world)] == ["conference.end"]
    assert [type(opened.resource) for opened in world.pending_work()] == [Conference]


def test_a_later_command_takes_the_earlier_ones_place(world: World) -> None:
    """What is asked again is what is wanted now, and it has waited since that was asked."""
    call = world.stage.call()
    redirect = UpdateCall(redirect={"url": URL, "method": "POST"})
    for _ in range(2):
        world.services.calls.update(call.account, call.id, redirect)
        world.clock.step(COMMAND_RESEND_AFTER_SECONDS - 1)
    assert world.reconcile() == {}
    world.clock.step(1)
    assert world.reconcile() == {"asked": 1}
    assert [version for _, version, _ in sent_commands(world)] == [3]


# Recordings that hang.


def test_what_never_begins_is_absent(world: World, dialect: str) -> None:
    """An engine that never answers a start is asked for a while; then the recording ends, and somebody is told."""
    recording = start(world, subscription(dialect))
    world.publish()
    world.clock.step(START_TIMEOUT_SECONDS - 1)
    assert world.reconcile() == {"asked": 1, "unconfirmed": 1}
    world.commands.drain()
    world.clock.step(1)
    assert world.reconcile() == {"given_up": 1}
    assert lines(world)[-1]["counted"] == {**QUIET, "RecordingsTimedOut": 1}
    assert as_it_is(world, recording) == replace(
        recording, status=S.ABSENT, version=3, ended=world.clock.seconds, updated=world.clock.seconds, duration=0,
        error=16101,
    )  # fmt: skip
    world.publish()
    # That it is to stop is asked, in case the engine has only been late; that it has begun nobody is told.
    assert [kind for kind, _, _ in sent_commands(world)] == ["recording.stop"]
    (delivery,) = world.deliveries(recording.id)
    told = dict(parse_qsl(delivery.body))
    assert (delivery.event, told["RecordingStatus"]) == ("absent", "absent")
    assert told.get("ErrorCode") == ("16101" if dialect == "twilio" else None)
    world.clock.step(60)
    assert (world.reconcile(), world.pending_work()) == ({}, [])


def test_a_start_has_all_the_time_that_its_event_may_take() -> None:
    """Each time that it fails it waits for its queue; nothing is given up before that has had enough of it."""
    queue = TEMPLATE.resources("AWS::SQS::Queue")["MediaEventsQueue"]
    may_take = queue["VisibilityTimeout"] * queue["RedrivePolicy"]["maxReceiveCount"]
    assert may_take < START_TIMEOUT_SECONDS < MEDIA_TIMEOUT_SECONDS


def test_what_begins_while_it_is_given_up_goes_on(world: World) -> None:
    """The reconciler finds it unstarted; before the timeout is applied, the engine reports the start."""
    recording = start(world)
    world.clock.step(START_TIMEOUT_SECONDS)

    def begin(when: str, operation: str, _request: object) -> None:
        if when == "before" and operation == "UpdateItem":
            world.faults.clear()
            world.services.recordings.confirm(recording.parent, recording.id, world.stage.engine_event(1))

    world.faults.append(begin)
    assert "given_up" not in world.reconcile()
    assert (as_it_is(world, recording).status, as_it_is(world, recording).confirmed_version) == (S.IN_PROGRESS, 1)


@pytest.mark.parametrize("status", ["in-progress", "paused"])
@pytest.mark.parametrize("begun", [False, True])
def test_what_has_begun_may_last(world: World, status: str, *, begun: bool) -> None:
    """A capture that the engine has confirmed is never given up, however long it takes."""
    recording = world.stage.recording(world.stage.call(), status)
    world.stage.write(recording, confirmed=recording.version if begun else 0)
    world.clock.step(86_400)
    assert world.reconcile() == ({} if begun else {"given_up": 1})
    assert as_it_is(world, recording).is_active is begun


def test_what_is_never_finished_is_absent(world: World, bucket: Objects) -> None:
    """An hour after its capture has ended, and asked for until then; what does lie there is taken away."""
    recording = world.stage.recording(world.stage.call(), "stopped", callback=subscription())
    capture(world.services, recording, b"garbage")
    world.discard()
    world.clock.step(MEDIA_TIMEOUT_SECONDS - 1)
    assert world.reconcile() == {"asked": 1, "unconfirmed": 1}
    world.clock.step(1)
    assert world.reconcile() == {"given_up": 1}
    found = as_it_is(world, recording)
    assert (found.status, found.error, found.is_capturing_confirmed) == (S.ABSENT, 16101, False)
    assert bucket.names(recording) == set()
    world.publish()
    assert events(world, recording.id) == [("absent", recording.version + 1)]
    assert world.pending_work() == []


def test_what_is_there_after_all_is_completed(world: World, bucket: Objects) -> None:
    """Media of which nobody has told make it complete: it is not given up."""
    recording = world.stage.recording(world.stage.call(), "stopped", callback=subscription())
    capture(world.services, recording, sound(2))
    world.discard()
    world.clock.step(MEDIA_TIMEOUT_SECONDS)
    assert world.reconcile() == {}
    assert as_it_is(world, recording).status is S.COMPLETED
    assert bucket.names(recording) == {"original.wav", "original.mp3"}
    world.publish()
    assert [event for event, _ in events(world, recording.id)] == ["in-progress", "completed"]
    assert (sent_commands(world), world.pending_work()) == ([], [])


def test_somebody_may_end_it_meanwhile(world: World, bucket: Objects) -> None:
    """What is finished while it is being given up stays as it was finished."""
    recording = world.stage.recording(world.stage.call(), "stopped")
    world.clock.step(MEDIA_TIMEOUT_SECONDS)

    def finish() -> None:
        capture(world.services, recording, sound(2))
        world.services.media().complete(recording.parent, recording.id)

    bucket.meanwhile["GetObject"] = finish
    assert world.reconcile() == {}
    assert as_it_is(world, recording).status is S.COMPLETED


# What was not told.


def test_a_lost_day_is_made_good_for_recordings(world: World, dialect: str) -> None:
    """After the stream has lost everything, its beginning and its end are told, once each, and it is settled."""
    recording = start(world, subscription(dialect))
    parent = recording.parent
    world.services.recordings.confirm(parent, recording.id, world.stage.engine_event(1))
    world.services.recordings.update(parent, recording.id, S.STOPPED)
    capture(world.services, recording, sound(2))
    world.services.media().complete(parent, recording.id)
    world.discard()
    world.clock.step(STREAM_GRACE_SECONDS - 1)
    assert world.reconcile() == {}
    world.clock.step(1)
    assert world.reconcile() == {"announced": 2}
    assert events(world, recording.id) == [("in-progress", 1), ("completed", 3)]
    assert (world.reconcile(), world.pending_work()) == ({}, [])
    world.deliver()
    assert [delivery.state for delivery in world.deliveries(recording.id)] == [DeliveryState.DELIVERED] * 2


def test_a_running_recording_is_audited_as_well(world: World) -> None:
    """That it has begun is told before it ends; it stays in sight."""
    recording = start(world, subscription())
    world.services.recordings.confirm(recording.parent, recording.id, world.stage.engine_event(1))
    world.discard()
    world.clock.step(STREAM_GRACE_SECONDS)
    assert world.reconcile() == {"announced": 1}
    world.clock.step(60)
    assert world.reconcile() == {}
    assert [opened.resource.id for opened in world.pending_work()] == [recording.id]


def test_what_has_been_told_is_not_told_again(world: World) -> None:
    """The audit owes what is in no claim, with the token that it would have had in time."""
    told, lost = start(world, subscription()), start(world, subscription())
    for recording in (told, lost):
        world.services.recordings.confirm(recording.parent, recording.id, world.stage.engine_event(1))
    records = world.changes()
    world.publish(record for record in records if told.id in record["dynamodb"]["Keys"]["SK"]["S"])
    world.deliver()
    before = world.deliveries(told.id)
    world.clock.step(STREAM_GRACE_SECONDS)
    assert world.reconcile() == {"announced": 1}
    assert world.deliveries(told.id) == before
    late = world.deliveries(lost.id)
    # The stream comes back after all: the claim stands.
    world.publish(records)
    assert world.deliveries(lost.id) == late


@pytest.mark.parametrize("error", [None, 16102])
def test_a_deleted_recording_is_told_as_what_it_was(world: World, error: int | None) -> None:
    """Whoever asked to be told hears of its end, though it is gone by then, with that end's own number."""
    recording = start(world, subscription())
    parent = recording.parent
    world.services.recordings.confirm(parent, recording.id, world.stage.engine_event(1))
    world.services.recordings.update(parent, recording.id, S.STOPPED)
    if error is None:
        capture(world.services, recording, sound(2))
        world.services.media().complete(parent, recording.id)
    else:
        world.services.media().finish_without_media(parent, recording.id, error)
    finished = world.changes()
    world.services.media().delete(parent, recording.id)
    world.discard()
    world.clock.step(STREAM_GRACE_SECONDS)
    assert world.reconcile() == {"announced": 2}
    event = "completed" if error is None else "absent"
    assert events(world, recording.id) == [("in-progress", 1), (event, 3)]
    told = world.deliveries(recording.id)
    assert world.pending_work() == []
    # As it would have been told in time.
    for delivery in told:
        key = {"PK": {"S": f"{delivery.account}#CB#{delivery.resource_id}"}, "SK": {"S": delivery.id}}
        world.memory.delete_item(TableName=world.table, Key=key)
    world.publish(finished)
    assert [_as_told(delivery) for delivery in world.deliveries(recording.id)] == [
        _as_told(delivery) for delivery in told
    ]


def _as_told(delivery: CallbackDelivery) -> CallbackDelivery:
    return replace(delivery, created=0, next_attempt_at=0)


def test_only_the_record_of_its_end_settles_a_recording(world: World) -> None:
    """A stream that begins again behind the end of a recording does not hide that nobody was told of it."""
    recording = world.stage.recording(world.stage.call(), "stopped", callback=subscription("twilio", "absent"))
    world.services.media().finish_without_media(recording.parent, recording.id, 16101)
    world.discard()
    world.services.media().delete(recording.parent, recording.id)
    assert world.publish() == []
    assert events(world, recording.id) == []
    world.clock.step(STREAM_GRACE_SECONDS)
    assert world.reconcile() == {"announced": 1}
    assert [event for event, _ in events(world, recording.id)] == ["absent"]


def test_the_record_of_its_end_tells_what_came_before(world: World) -> None:
    """A stream that begins again in the middle of a recording tells its beginning with its end."""
    recording = start(world, subscription())
    world.services.recordings.confirm(recording.parent, recording.id, world.stage.engine_event(1))
    world.discard()
    world.services.recordings.update(recording.parent, recording.id, S.STOPPED)
    world.services.media().finish_without_media(recording.parent, recording.id, 16101)
    assert world.publish() == []
    assert events(world, recording.id) == [("in-progress", 1), ("absent", 3)]
    assert world.pending_work() == []


def test_a_lost_day_is_made_good_for_conferences(world: World, dialect: str) -> None:
    """Start, end and everybody's leaving are told as they would have been in time; what came between is over."""
    played = play_conference(world, dialect)
    room = played.conference.id
    world.clock.step(STREAM_GRACE_SECONDS)
    counted = world.reconcile()
    late = world.deliveries(room)
    assert [(delivery.event, delivery.sequence) for delivery in late] == [
        ("start", 3), ("leave", 8), ("leave", 9), ("leave", 10), ("leave", 11), ("end", 12),
    ]  # fmt: skip
    # Of both recordings: the conference's began, the call's did not.
    assert counted["announced"] == len(late) + 3
    world.publish(played.records)
    in_time = [delivery for delivery in world.deliveries(room) if delivery.event in {"start", "leave", "end"}]
    assert in_time == late
    for delivery in late:
        key = {"PK": {"S": f"{delivery.account}#CB#{delivery.resource_id}"}, "SK": {"S": delivery.id}}
        world.memory.delete_item(TableName=world.table, Key=key)
    world.publish(played.records)
    again = [delivery for delivery in world.deliveries(room) if delivery.event in {"start", "leave", "end"}]
    assert [_as_told(delivery) for delivery in again] == [_as_told(delivery) for delivery in late]


def test_a_conference_is_looked_after_until_all_is_told(world: World) -> None:
    """From its beginning until it has ended, all has been told, and the engine has confirmed what it was asked."""
    service, account = world.services, world.account.account
    room = service.conferences.register(
        account, "Room", callback=CallbackSubscription(URL, "POST", ("start", "end"), "twilio")
    )
    calls = [world.stage.call() for _ in range(2)]
    for call in calls:
        service.conferences.join(account, room.id, call.id)
    world.publish()
    world.deliver()
    world.clock.step(86_400)
    # While it lasts nothing is read of it but itself.
    with world.recorded_requests() as requests:
        assert world.reconcile() == {}
    assert requests.count("BatchGetItem") == 1
    assert set(requests) == {"Query", "BatchGetItem"}
    assert len(requests) == 33
    ended = service.conferences.end(account, room.id)
    world.publish()
    world.deliver()
    world.clock.step(STREAM_GRACE_SECONDS)
    assert world.reconcile() == {"asked": 1, "unconfirmed": 1}
    # It has been told; that it has ended is still to be confirmed.
    assert service.conferences.get(account, room.id).end_published
    with world.recorded_requests() as requests:
        world.reconcile()
    assert requests.count("BatchGetItem") == 1
    service.conferences._store.confirm(Parent(account, ParentKind.CONFERENCE, room.id), None, ended.requested_version)
    assert world.pending_work() == []


def test_a_conference_that_ends_by_itself_is_settled_by_the_audit(world: World) -> None:
    """Where nothing was asked of the engine, it leaves the reconciler's sight as soon as all is told."""
    room = world.stage.conference(callback=CallbackSubscription(URL, "POST", ("end",), "twilio"))
    told = ConferenceEndReport(world.stage.engine_event(), reason=EndReason.LAST_LEFT)
    world.services.conferences.end(room.account, room.id, told)
    world.discard()
    world.clock.step(STREAM_GRACE_SECONDS - 1)
    assert world.reconcile() == {}
    world.clock.step(1)
    assert world.reconcile() == {"announced": 1}
    assert world.pending_work() == []


def test_a_conference_that_nobody_hears_of_costs_nothing(world: World) -> None:
    """Without a callback it is in nobody's sight, but while something is asked of the engine."""
    room = world.services.conferences.register(world.account.account, "Room")
    for _ in range(2):
        world.services.conferences.join(room.account, room.id, world.stage.call().id)
    assert world.pending_work() == []
    world.services.conferences.end(
        room.account, room.id, ConferenceEndReport(world.stage.engine_event(), reason=EndReason.LAST_LEFT)
    )
    assert world.pending_work() == []


# What goes wrong.


def test_one_that_fails_holds_up_no_other(world: World, bucket: Objects) -> None:
    """Whatever it is: all others are looked after, then the run fails; the next one looks at it again."""
    bad = world.stage.recording(world.stage.call(), "stopped")
    good = world.stage.recording(world.stage.call(), "stopped", ended=START)
    world.clock.step(MEDIA_TIMEOUT_SECONDS)
    keys: list[str] = []

    def fail(operation: str) -> None:
        keys.append(operation)
        if len(keys) == 1:
            raise RuntimeError

    bucket.watchers.append(fail)
    with pytest.raises(IncompleteRun, match="1 could not be looked after"):
        world.reconcile()
    assert sorted(as_it_is(world, each).status for each in (bad, good)) == [S.ABSENT, S.STOPPED]
    failed, done = lines(world)
    assert failed == {"operation": "reconcile", "outcome": "failed", "error": "RuntimeError"}
    assert done == {
        "operation": "reconcile", "outcome": "failed", "error": "IncompleteRun",
        "counted": {**QUIET, "RecordingsTimedOut": 1},
    }  # fmt: skip
    bucket.watchers.clear()
    assert world.reconcile() == {"given_up": 1}


def test_a_shard_that_fails_holds_up_no_other(world: World) -> None:
    """The others are reconciled; then the run fails, so that an alarm rings."""
    recordings = [start(world) for _ in range(40)]
    world.clock.step(COMMAND_RESEND_AFTER_SECONDS)
    poisoned = recordings[0].id[-1]

    def fail(when: str, operation: str, request: Mapping[str, Any]) -> None:
        values = request.get("ExpressionAttributeValues", {})
        if when == "before" and values.get(":shard") == {"S": f"OPEN#{poisoned}"}:
            raise ClientError({"Error": {"Code": "InternalServerError"}}, operation)

    world.faults.append(fail)
    with pytest.raises(StoreUnavailable):
        world.reconcile()
    mine = [recording for recording in recordings if recording.id[-1] == poisoned]
    assert len(sent_commands(world)) == len(recordings) - len(mine)
    (line,) = lines(world)
    assert line == {"operation": "reconcile", "outcome": "failed", "error": "StoreUnavailable", "counted": QUIET}


def test_begins_with_another_shard_each_minute(world: World) -> None:
    """A reconcile that ends before it is through leaves none of them behind for ever."""
    first = []
    for _ in range(16):
        seen: list[str] = []

        def note(when: str, _operation: str, request: Mapping[str, Any], seen: list[str] = seen) -> None:
            if when == "before":
                seen.append(request["ExpressionAttributeValues"][":shard"]["S"])

        world.faults.append(note)
        world.reconcile()
        world.faults.clear()
        assert len(seen) == 32
        assert len(set(seen)) == 32
        first.append(seen[0])
        world.clock.step(60)
    assert sorted(first) == [f"DUE#{digit}" for digit in "0123456789abcdef"]


@pytest.mark.parametrize("outlet", ["commands", "callbacks"])
def test_a_queue_that_fails_is_tried_at_the_next_reconcile(world: World, outlet: str) -> None:
    """What could not be asked, or told, is not lost."""
    recording = start(world, subscription())
    world.services.recordings.confirm(recording.parent, recording.id, world.stage.engine_event(1))
    world.services.recordings.update(recording.parent, recording.id, S.PAUSED)
    world.discard()
    world.clock.step(STREAM_GRACE_SECONDS)
    failing: FakeQueue = getattr(world, outlet)
    failing.failures = 1
    with pytest.raises(IncompleteRun):
        world.reconcile()
    world.clock.step(60)
    world.reconcile()
    assert [kind for kind, _, _ in sent_commands(world)] != []
    # A claim whose message was not taken is put on its way again when it is found missing there.
    world.clock.step(600)
    world.reconcile()
    assert {message.body["claim"] for message in world.callbacks.drain()} == {"00000001.in-progress"}


def test_callbacks_that_are_due_go_together(world: World) -> None:
    """Those of a shard in one sending; of more than a thousand the rest at the next reconcile."""
    made = [
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
        for number in range(MAX_REQUEUED_PER_SHARD + 2)
    ]
    for delivery in made:
        world.background.callbacks._store.put(delivery)
    world.clock.step(60)
    assert world.reconcile() == {"requeued": MAX_REQUEUED_PER_SHARD}
    assert len(world.callbacks.drain()) == MAX_REQUEUED_PER_SHARD
    world.clock.step(60)
    assert world.reconcile() == {"requeued": 2}


def test_knows_all_that_can_be_pending(world: World) -> None:
    """Whatever asks something of the engine is in the reconciler's sight, and out of it once that is confirmed."""
    for name in ASKS:
        kind, resource, version = _asks(world)[name]()
        (opened,) = [each for each in world.pending_work() if each.resource.id == resource]
        assert isinstance(opened.resource, Call | Conference | Participant), kind
        where = opened.resource.conference if isinstance(opened.resource, Participant) else resource
        parent = Parent(
            world.account.account,
            ParentKind.CALL if isinstance(opened.resource, Call) else ParentKind.CONFERENCE,
            where,
        )
        member = resource if isinstance(opened.resource, Participant) else None
        assert world.services.conferences._store.confirm(parent, member, version)
        assert [each for each in world.pending_work() if each.resource.id == resource] == []
