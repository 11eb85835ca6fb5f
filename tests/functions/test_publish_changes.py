"""What is told of a change in the table: commands, callbacks, facts; at least once, and the same at each repetition."""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import pytest
from botocore.exceptions import ClientError

from tapedeck.adapters.dynamodb.stream import sort_by_sequence
from tapedeck.background.publisher import COMMAND_STALENESS_CHECK_SECONDS
from tapedeck.background.reconciler import START_TIMEOUT_SECONDS
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import CallStatus
from tapedeck.domain.conference import Conference, EndReason
from tapedeck.domain.delivery import REQUEUE_AFTER_SECONDS, CallbackDelivery, DeliveryState
from tapedeck.domain.engine_command import COMMAND_EXPIRY_SECONDS
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.calls import UpdateCall
from tapedeck.operations.conferences import ConferenceEndReport
from tapedeck.operations.participants import AddParticipant, UpdateParticipant
from tapedeck.operations.recordings import StartRecording
from tapedeck.ports.messaging import DomainEvent, QueueMessage
from tests.client import FunctionClient
from tests.functions.background_world import ORIGIN, Crash, Event, World
from tests.functions.stage import START, call_path, conference_path, participant_path
from tests.media import capture, finish, sound
from tests.thoroughness import scaled

URL: Final = "https://app.example.com/hooks?tenant=42"
WHO: Final = {"From": "+13103384645", "To": "+13105678901"}


@pytest.fixture
def client(world: World, dialect: str) -> FunctionClient:
    """Speaks the test's dialect, in the test's world."""
    return world.client(dialect)


@pytest.fixture
def sent_commands(world: World) -> Callable[[], list[dict[str, Any]]]:
    """What the engine is asked by all that has happened since: each message is of its parent's group, by its own id."""

    def take() -> list[dict[str, Any]]:
        assert world.publish() == []
        messages = world.commands.drain()
        for message in messages:
            body = message.body
            parent = body["parent"]["id"] if "parent" in body else body.get("conference", body.get("call"))
            assert (message.group, message.id) == (parent, body["id"])
        return [dict(message.body) for message in messages]

    return take


SentCommands = Callable[[], list[dict[str, Any]]]


# The media engine.


def test_asks_for_what_becomes_of_a_recording(
    world: World, client: FunctionClient, sent_commands: SentCommands
) -> None:
    """Start, pause, resume, stop, and to delete the rest of its media: each whole, by the change's version."""
    call = world.stage.call()
    world.discard()
    answer = client.post(*call_path(client, call, ""), form={"RecordingChannels": "dual", "RecordingTrack": "inbound"})
    recording = client.dialect.parse_sid(ResourceType.RECORDING, answer.body["sid"])
    assert recording is not None
    wanted = {
        "status": "in-progress", "pause_behavior": None, "channels": 2, "track": "inbound",
        "key": f"{world.account.account}/{recording}/original.wav",
    }  # fmt: skip

    def command(kind: str, version: int, **more: Any) -> dict[str, Any]:
        return {
            "id": f"{call.id}-{recording}-{version}-{kind}", "type": kind, "account": world.account.account,
            "version": version, "parent": {"type": "call", "id": call.id}, "recording": recording,
            "wanted": {**wanted, **more},
        }  # fmt: skip

    assert sent_commands() == [command("recording.start", 1)]
    path = call_path(client, call, recording)
    path = (*path[:-1], client.sid(ResourceType.RECORDING, recording))
    client.post(*path, form={"Status": "paused", "PauseBehavior": "skip"})
    assert sent_commands() == [command("recording.pause", 2, status="paused", pause_behavior="skip")]
    # A repetition changes nothing, and asks nothing.
    client.post(*path, form={"Status": "paused"})
    assert sent_commands() == []
    client.post(*path, form={"Status": "in-progress"})
    assert sent_commands() == [command("recording.resume", 3)]
    client.post(*path, form={"Status": "stopped"})
    assert sent_commands() == [command("recording.stop", 4, status="stopped")]
    world.services.media().finish_without_media(
        Parent(world.account.account, ParentKind.CALL, call.id), recording, 16101
    )
    assert sent_commands() == []
    assert client.delete(*path).status == 204
    assert sent_commands() == [command("media.delete", 6, status="deleted")]


def test_asks_to_stop_what_its_parent_ends(world: World, client: FunctionClient, sent_commands: SentCommands) -> None:
    """The end of a call asks for that, and for the end of each of its captures; one that the engine tells asks less."""
    for heard in (None, world.stage.engine_event()):
        call = world.stage.call()
        recording = world.stage.recording(call, confirmed_version=1)
        world.discard()
        if heard is None:
            assert client.post(*call_path(client, call), form={"Status": "completed"}).status == 200
        else:
            world.services.calls.end(call.account, call.id, engine_event=heard)
        told = {command["type"]: command["wanted"] for command in sent_commands()}
        stop = {
            "status": "stopped", "pause_behavior": None, "channels": 1, "track": "both",
            "key": f"{call.account}/{recording.id}/original.wav",
        }  # fmt: skip
        assert told == {"recording.stop": stop, **({"call.hang_up": {"status": "completed"}} if heard is None else {})}


CALLS: Final = [
    ("in-progress", {"Status": "completed"}, "call.hang_up", {"status": "completed"}),
    ("ringing", {"Status": "canceled"}, "call.hang_up", {"status": "canceled"}),
    ("in-progress", {"Url": "https://a.example/x"}, "call.redirect",
     {"redirect": {"url": "https://a.example/x", "method": "POST"}}),
    ("in-progress",
     {"Url": "https://a.example/x", "Method": "GET", "FallbackUrl": "https://a.example/y", "FallbackMethod": "GET",
      "StatusCallback": "https://a.example/z"},
     "call.redirect",
     {"redirect": {"url": "https://a.example/x", "method": "GET"},
      "fallback": {"url": "https://a.example/y", "method": "GET"},
      "status_callback": {"url": "https://a.example/z", "method": "POST"}}),
    ("ringing", {"StatusCallback": "https://a.example/z", "StatusCallbackMethod": "GET"}, "call.redirect",
     {"status_callback": {"url": "https://a.example/z", "method": "GET"}}),
]  # fmt: skip


@pytest.mark.parametrize(("status", "form", "kind", "wanted"), CALLS)
def test_asks_for_what_becomes_of_a_call(
    world: World,
    client: FunctionClient,
    sent_commands: SentCommands,
    status: str,
    form: dict[str, str],
    kind: str,
    wanted: Any,
) -> None:
    """To end, to go elsewhere, or to have other settings, whose callback is in the words of who set it."""
    call = world.stage.call(status)
    world.discard()
    assert client.post(*call_path(client, call), form=form).status == 200
    if "status_callback" in wanted:
        wanted = {**wanted, "status_callback": {**wanted["status_callback"], "dialect": client.dialect.name}}
    assert sent_commands() == [
        {"id": f"{call.id}-2-{kind}", "type": kind, "account": call.account, "version": 2, "call": call.id,
         "wanted": wanted}
    ]  # fmt: skip


def test_sends_a_call_elsewhere_once(world: World, sent_commands: SentCommands) -> None:
    """Markup is handed on as it is; what is asked next does not send the call there again."""
    call, client = world.stage.call(), world.client("twilio")
    world.discard()
    client.post(*call_path(client, call), form={"Twiml": "<Response/>", "TimeLimit": "60"})
    assert [each["wanted"] for each in sent_commands()] == [{"redirect": {"markup": "<Response/>"}, "time_limit": 60}]
    client.post(*call_path(client, call), form={"TimeLimit": "90"})
    assert [each["wanted"] for each in sent_commands()] == [{"time_limit": 90}]


@pytest.mark.parametrize(
    ("form", "kind", "wanted"),
    [
        ({"Status": "completed"}, "conference.end", {}),
        (
            {"AnnounceUrl": "https://a.example/x", "AnnounceMethod": "GET"},
            "conference.announce",
            {"announcement": {"url": "https://a.example/x", "method": "GET"}},
        ),
        # The end counts (behaviour.md, section 6).
        ({"Status": "completed", "AnnounceUrl": "https://a.example/x"}, "conference.end", {}),
    ],
)
def test_asks_for_what_becomes_of_a_conference(
    world: World, client: FunctionClient, sent_commands: SentCommands, form: dict[str, str], kind: str, wanted: Any
) -> None:
    """To end, or to play something."""
    room = world.stage.conference()
    world.discard()
    assert client.post(*conference_path(client, room), form=form).status == 200
    assert sent_commands() == [
        {"id": f"{room.id}-2-{kind}", "type": kind, "account": room.account, "version": 2, "conference": room.id,
         "wanted": wanted}
    ]  # fmt: skip


def _placed(**more: Any) -> dict[str, Any]:
    usual = {
        "muted": False, "hold": False, "coaching": False, "call_to_coach": None, "end_conference_on_exit": False,
        "beep_on_exit": None,
    }  # fmt: skip
    return {**usual, **more}


def test_asks_for_what_becomes_of_a_participant(
    world: World, client: FunctionClient, sent_commands: SentCommands
) -> None:
    """All that is wanted of it at each change, and what is to be played with the change that asks for it only."""
    room = world.stage.conference()
    member = world.stage.participant(room)
    other = world.stage.participant(room)
    world.discard()
    path = participant_path(client, room, member)
    music = {"url": "https://a.example/music", "method": "GET"}
    client.post(*path, form={"Hold": "true", "HoldUrl": music["url"]})
    told = sent_commands()
    assert told == [
        {"id": f"{room.id}-{member.call}-2-participant.update", "type": "participant.update", "account": room.account,
         "version": 2, "conference": room.id, "call": member.call, "wanted": _placed(hold=True, hold_music=music)}
    ]  # fmt: skip
    client.post(*path, form={"AnnounceUrl": "https://a.example/hello"})
    hello = {"url": "https://a.example/hello", "method": "POST"}
    assert [each["wanted"] for each in sent_commands()] == [_placed(hold=True, hold_music=music, announcement=hello)]
    coached = client.sid(ResourceType.CALL, other.call)
    client.post(*path, form={"Coaching": "true", "CallSidToCoach": coached})
    wanted = _placed(hold=True, hold_music=music, coaching=True, call_to_coach=other.call)
    assert [each["wanted"] for each in sent_commands()] == [wanted]
    assert client.delete(*path).status == 204
    assert sent_commands() == [
        {"id": f"{room.id}-{member.call}-5-participant.remove", "type": "participant.remove", "account": room.account,
         "version": 5, "conference": room.id, "call": member.call, "wanted": {}}
    ]  # fmt: skip


def test_asks_to_dial(world: World, sent_commands: SentCommands) -> None:
    """Whom, how to place it, and with which options; a conference that comes into being with it asks nothing itself."""
    client = world.client("twilio")
    form = {**WHO, "Label": "agent", "Muted": "true", "StartConferenceOnEnter": "false", "Timeout": "20"}
    answer = client.post(*participant_path(client, "Lobby"), form=form)
    assert answer.status == 201
    call, room = (answer.body[name][2:] for name in ("call_sid", "conference_sid"))
    wanted = _placed(
        muted=True, label="agent", start_conference_on_enter=False, options={"timeout": 20}, to=WHO["To"],
        **{"from": WHO["From"]},
    )  # fmt: skip
    assert sent_commands() == [
        {"id": f"{room}-{call}-1-participant.add", "type": "participant.add", "account": world.account.account,
         "version": 1, "conference": room, "call": call, "wanted": wanted}
    ]  # fmt: skip


def test_asks_the_rest_of_a_room_to_go(world: World, sent_commands: SentCommands) -> None:
    """Where somebody's leaving ends a conference, the engine is asked to end it, whoever told that they left."""
    for heard in (None, world.stage.engine_event()):
        room = world.stage.conference()
        leaver = world.stage.participant(room, end_conference_on_exit=True)
        world.stage.participant(room)
        world.discard()
        world.services.participants.remove(room.account, room.id, leaver.call, heard)
        end = [] if heard is not None else ["participant.remove"]
        assert sorted(each["type"] for each in sent_commands()) == ["conference.end", *end]


# What is told late.


def _dial(world: World, room: Conference) -> Participant:
    return world.services.participants.add(room.account, room.id, AddParticipant(WHO["To"], WHO["From"]))


def _pause(world: World) -> Recording:
    recording = world.stage.recording(world.stage.call(), confirmed_version=1)
    return world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)


def _answered(world: World) -> None:
    """Somebody was dialed, was there and hung up: the conference goes on."""
    room = world.stage.conference(participants=2)
    added = _dial(world, room)
    world.services.participants.answer(room.account, room.id, added.call, world.stage.engine_event(added.version))
    world.services.calls.end(room.account, added.call, engine_event=world.stage.engine_event())


def _hung_up_before(world: World) -> None:
    """Whoever was dialed was not reached, and nobody has confirmed anything."""
    room = world.stage.conference(participants=2)
    world.services.participants.fail(
        room.account, room.id, _dial(world, room).call, CallStatus.BUSY, world.stage.engine_event()
    )


def _ended_around(world: World) -> None:
    """The conference has ended around whoever was to be muted."""
    room = world.stage.conference()
    member = world.stage.participant(room)
    world.services.participants.update(room.account, room.id, member.call, UpdateParticipant(muted=True))
    told = ConferenceEndReport(world.stage.engine_event(), reason=EndReason.LAST_LEFT)
    world.services.conferences.end(room.account, room.id, told)


def _gone_elsewhere(world: World) -> None:
    """A call was to go elsewhere, and has ended."""
    call = world.stage.call()
    change = UpdateCall(redirect={"url": URL, "method": "POST"})
    world.services.calls.update(call.account, call.id, change)
    world.services.calls.end(call.account, call.id, engine_event=world.stage.engine_event())


def _confirmed(world: World) -> None:
    """The engine has paused the recording."""
    recording = _pause(world)
    heard = world.stage.engine_event(recording.version)
    world.services.recordings.confirm(recording.parent, recording.id, heard, RecordingStatus.PAUSED)


OVER: Final = (_answered, _hung_up_before, _ended_around, _gone_elsewhere, _confirmed)


@pytest.mark.parametrize("happens", OVER, ids=lambda each: each.__name__.removeprefix("_"))
def test_asks_late_for_nothing_that_is_over(world: World, happens: Callable[[World], None]) -> None:
    """What has been done, or can come to nothing any more, is not asked after five minutes; all else is told."""
    world.discard()
    happens(world)
    records = world.changes()
    world.clock.step(COMMAND_STALENESS_CHECK_SECONDS)
    assert world.publish(records) == []
    assert world.commands.drain() == []
    assert len(world.bus.drain()) >= len(records)
    # In time it had been asked for: the engine knows by the version what is old.
    world.clock.step(-COMMAND_STALENESS_CHECK_SECONDS)
    assert world.publish(records) == []
    assert world.commands.drain() != []


def test_asks_late_for_what_is_wanted_now(world: World) -> None:
    """Of what has been asked of a recording one after the other, the last alone; and what nobody has done yet."""
    recording = _pause(world)
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.STOPPED)
    room = world.stage.conference()
    added = _dial(world, room)
    call = world.stage.call()
    world.services.calls.update(call.account, call.id, UpdateCall(CallStatus.COMPLETED))
    records = world.changes()
    world.clock.step(COMMAND_EXPIRY_SECONDS - 1)
    assert world.publish(records) == []
    asked = {(message.body["type"], message.body["version"]) for message in world.commands.drain()}
    assert asked == {("recording.stop", 3), ("participant.add", added.version), ("call.hang_up", 2)}
    # After a day only recordings are waited for.
    world.clock.step(1)
    assert world.publish(records) == []
    assert [message.body["type"] for message in world.commands.drain()] == ["recording.stop"]


def test_asks_late_to_delete_media(world: World) -> None:
    """Nothing else asks for that, and it stays true."""
    recording = world.stage.recording(world.stage.call(), "absent")
    world.services.media().delete(recording.parent, recording.id)
    records = world.changes()
    world.clock.step(COMMAND_EXPIRY_SECONDS)
    assert world.publish(records) == []
    assert [message.body["type"] for message in world.commands.drain()] == ["media.delete"]


def test_asks_late_to_stop_what_was_given_up(world: World) -> None:
    """That a recording is absent does not tell that nothing captures."""
    recording = world.stage.recording(world.stage.call())
    world.discard()
    world.clock.step(START_TIMEOUT_SECONDS)
    assert world.reconcile() == {"given_up": 1}
    records = world.changes()
    world.clock.step(COMMAND_STALENESS_CHECK_SECONDS)
    assert world.publish(records) == []
    asked = [(message.body["type"], message.body["recording"]) for message in world.commands.drain()]
    assert asked == [("recording.stop", recording.id)]


# Whoever asked to be told.


def fields(delivery: CallbackDelivery) -> dict[str, str]:
    """The form of a callback."""
    return dict(parse_qsl(delivery.body, strict_parsing=True))


def test_tells_of_a_recording(world: World, client: FunctionClient) -> None:
    """That it has begun, once the engine says so, and what has become of it: each owed once, on its way in order."""
    call = world.stage.call()
    form = {"RecordingStatusCallback": URL, "RecordingStatusCallbackMethod": "GET",
            "RecordingStatusCallbackEvent": "in-progress completed absent"}  # fmt: skip
    answer = client.post(*call_path(client, call, ""), form=form)
    identifier = client.dialect.parse_sid(ResourceType.RECORDING, answer.body["sid"])
    assert identifier is not None
    parent = Parent(call.account, ParentKind.CALL, call.id)
    assert world.publish() == []
    assert world.deliveries(identifier) == []
    world.services.recordings.confirm(parent, identifier, world.stage.engine_event(1))
    world.services.recordings.update(parent, identifier, RecordingStatus.STOPPED)
    now = world.clock.step(3)
    world.services.media().finish_without_media(parent, identifier, 16102)
    assert world.publish() == []
    first, last = world.deliveries(identifier)
    recording = world.services.recordings.get(parent, identifier)
    assert last == CallbackDelivery(
        account=call.account,
        resource_id=identifier,
        sequence=3,
        event="absent",
        dialect=client.dialect.name,
        url=URL,
        method="GET",
        body=last.body,
        idempotency_token=last.idempotency_token,
        created=now,
        next_attempt_at=now + REQUEUE_AFTER_SECONDS,
    )
    assert (first.id, last.id) == ("00000001.in-progress", "00000003.absent")
    told = fields(last)
    # Which fields it has is the dialect's to say: tests/unit/test_callback_fields.py.
    assert told["RecordingSid"] == answer.body["sid"]
    assert told["RecordingUrl"].startswith(f"{ORIGIN}{'/api/laml' if client.dialect.name == 'signalwire' else ''}/2010")
    assert (fields(first)["RecordingStatus"], told["RecordingStatus"]) == ("in-progress", "absent")
    body = {"account": call.account, "subject": identifier}
    # The first one is put on its way once more, should it have been lost: the queue drops it by its id.
    assert {message.id: message for message in world.callbacks.drain()} == {
        f"{delivery.idempotency_token}-0-{delivery.next_attempt_at}": QueueMessage(
            {**body, "claim": delivery.id}, identifier, f"{delivery.idempotency_token}-0-{delivery.next_attempt_at}"
        )
        for delivery in (first, last)
    }
    assert recording.status is RecordingStatus.ABSENT
    assert [opened for opened in world.pending_work() if opened.resource == recording] == []


class Play(NamedTuple):
    """A conference with everything in it, as it was told."""

    room: Conference
    calls: tuple[str, ...]
    recordings: tuple[str, ...]
    records: list[Event]


def play(
    world: World, dialect: str, events: tuple[str, ...] = ("start", "end", "join", "leave", "mute", "hold")
) -> Play:
    """Somebody is dialed and answers, two come, are muted, held and removed; one hangs up; it is recorded, and ends."""
    service, account = world.services, world.account.account
    callback = CallbackSubscription(URL, "POST", events, dialect)
    room = service.conferences.register(account, "Room", callback=callback)
    added = service.participants.add(account, room.id, AddParticipant(WHO["To"], WHO["From"], label="agent"))
    calls = [service.calls.register(account, to="", from_="", direction="inbound").id for _ in range(3)]
    world.clock.step(1)
    service.conferences.join(account, room.id, calls[0])
    service.participants.ring(account, room.id, added.call, world.stage.engine_event(added.version))
    service.participants.answer(account, room.id, added.call, world.stage.engine_event(added.version))
    told = CallbackSubscription(URL, "POST", ("in-progress", "completed", "absent"), dialect)
    parent = Parent(account, ParentKind.CONFERENCE, room.id)
    recording = service.recordings.register_started(parent, source=Source.CONFERENCE, call=calls[0], callback=told)
    world.clock.step(1)
    for call in calls[1:]:
        service.conferences.join(account, room.id, call, end_on_exit=call == calls[2])
    service.participants.update(account, room.id, calls[1], UpdateParticipant(muted=True, hold=True))
    service.participants.update(account, room.id, calls[1], UpdateParticipant(muted=False), world.stage.engine_event())
    service.participants.remove(account, room.id, calls[1])
    leg, _ = service.recordings.create(
        Parent(account, ParentKind.CALL, calls[0]), StartRecording(callback=replace(told, method="GET"))
    )
    world.clock.step(1)
    service.calls.end(account, calls[2], engine_event=world.stage.engine_event())
    service.media().finish_without_media(parent, recording.id, 16101)
    service.calls.end(account, calls[0], CallStatus.COMPLETED)
    service.media().finish_without_media(leg.parent, leg.id, 16102, by_engine=False)
    return Play(room, (added.call, *calls), (recording.id, leg.id), world.changes())


NUMBERED: Final = [
    ("join", 1, 1), ("join", 2, 0), ("start", 3, None), ("join", 4, 2), ("join", 5, 3), ("mute", 6, 2), ("hold", 7, 2),
    # What was asked of it is pending when the engine unmutes it by itself: that is overridden, and tells nothing.
    ("leave", 8, 2), ("leave", 9, 3),
    # Whoever is inside leaves with the end, who came first first.
    ("leave", 10, 0), ("leave", 11, 1), ("end", 12, None),
]  # fmt: skip


def test_tells_of_a_conference(world: World, dialect: str) -> None:
    """Every event with a number of its own, in the order in which they happened, in the words of who subscribed."""
    room, calls, _, records = play(world, dialect)
    assert world.publish(records) == []
    deliveries = world.deliveries(room.id)
    spell = world.client(dialect)
    told = [(delivery.event, delivery.sequence, fields(delivery).get("CallSid")) for delivery in deliveries]
    assert told == [
        (event, number, spell.sid_of_call(calls[who]) if who is not None else None) for event, number, who in NUMBERED
    ]
    if dialect == "twilio":
        assert [int(fields(delivery)["SequenceNumber"]) for delivery in deliveries] == [
            delivery.sequence for delivery in deliveries
        ]
        reasons = [
            fields(delivery).get("ReasonParticipantLeft") for delivery in deliveries if delivery.event == "leave"
        ]
        assert reasons == [
            "participant_updated_via_api", "participant_hung_up", "moderator_ended_conference",
            "moderator_ended_conference",
        ]  # fmt: skip
        statuses = [
            fields(delivery).get("ParticipantCallStatus") for delivery in deliveries if delivery.event == "leave"
        ]
        assert statuses == ["in-progress", "completed", "in-progress", "completed"]
        end = fields(deliveries[-1])
        assert end["CallSidEndingConference"] == spell.sid_of_call(calls[3])
        assert end["ReasonConferenceEnded"] == "participant-with-end-conference-on-exit-left"


def test_tells_a_conference_in_order(world: World, dialect: str) -> None:
    """What one write has numbered is on its way in that order, wherever the stream has the conference."""
    room, _, _, records = play(world, dialect)
    assert world.publish(records) == []
    told = [message.body["claim"] for message in world.callbacks.drain() if message.group == room.id]
    assert told == [f"{number:08}.{event}" for event, number, _ in NUMBERED]


@pytest.mark.parametrize("image", [None, {}, {"sequence": None}, {"sequence": {"S": "1"}}, {"sequence": {"N": "x"}}])
def test_what_has_no_number_keeps_its_place(image: Any) -> None:
    """A record that cannot be read must not keep the others of its batch from being told."""
    numbered = [{"dynamodb": {"Keys": {"PK": {"S": "a"}}, "NewImage": {"sequence": {"N": n}}}} for n in ("2", "1")]
    odd = {"dynamodb": {"Keys": {"PK": {"S": "a"}}, "NewImage": image}}
    assert sort_by_sequence([numbered[0], odd, numbered[1]]) == [numbered[1], odd, numbered[0]]


def test_what_waits_for_another_is_in_order_as_well(world: World) -> None:
    """Where what one write has numbered fails, all of it comes again, and nothing overtakes it."""
    room, _, _, records = play(world, "twilio")
    world.callbacks.failures = 1
    failed = world.publish(records)
    told = [message.body["claim"] for message in world.callbacks.drain() if message.group == room.id]
    assert told == []
    assert world.publish(failed) == []
    told = [message.body["claim"] for message in world.callbacks.drain() if message.group == room.id]
    assert told == [f"{number:08}.{event}" for event, number, _ in NUMBERED]


def test_tells_only_what_was_asked_for(world: World, dialect: str) -> None:
    """Who asks for the end alone hears of that alone, with the number that it has all the same; nobody else is read."""
    room, _, _, records = play(world, dialect, events=("end",))
    with world.recorded_requests() as requests:
        assert world.publish(records) == []
    assert [(delivery.event, delivery.sequence) for delivery in world.deliveries(room.id)] == [("end", 12)]
    # SignalWire's end tells what was recorded.
    assert requests.count("Query") == (dialect == "signalwire")


def recorded(world: World, dialect: str) -> tuple[Conference, list[Recording]]:
    """A conference whose end somebody is to hear of, and recordings of it, the oldest first."""
    room = world.stage.conference(callback=CallbackSubscription(URL, "POST", ("end",), dialect))
    parent, call = Parent(room.account, ParentKind.CONFERENCE, room.id), world.stage.call().id
    made = []
    for _ in range(4):
        world.clock.step(1)
        made.append(world.services.recordings.register_started(parent, source=Source.CONFERENCE, call=call))
    return room, made


RECORDED: Final = ("Duration", "RecordingUrl", "RecordingFileSize")


def test_tells_at_the_end_what_was_recorded(world: World, dialect: str) -> None:
    """In SignalWire's dialect, of the newest recording that is completed by then."""
    room, (older, newer, deleted, running) = recorded(world, dialect)
    for seconds, recording in ((2, older), (3, newer), (4, deleted)):
        finish(world.services, recording, seconds=seconds)
    world.services.media().delete(deleted.parent, deleted.id)
    assert running.is_active
    world.services.conferences.end(room.account, room.id)
    assert world.publish() == []
    (delivery,) = world.deliveries(room.id)
    told = [fields(delivery)[name] for name in RECORDED if name in fields(delivery)]
    path = f"Recordings/{world.client(dialect).sid(ResourceType.RECORDING, newer.id)}"
    assert [
        each.removeprefix(f"{ORIGIN}{world.client(dialect).dialect.account_uri(room.account)}/") for each in told
    ] == (["3", path, str(len(sound(3)))] if dialect == "signalwire" else [])


def test_what_is_recorded_later_changes_no_callback(world: World, dialect: str) -> None:
    """Once the end has been told it stays as it was, also where it is told again."""
    room, recordings = recorded(world, dialect)
    world.services.conferences.end(room.account, room.id)
    records = world.changes()
    assert world.publish(records) == []
    (told,) = world.deliveries(room.id)
    assert fields(told).keys().isdisjoint(RECORDED)
    for recording in recordings:
        capture(world.services, recording, sound(2))
        world.services.media().complete(recording.parent, recording.id)
    assert world.publish(records) == []
    assert world.deliveries(room.id) == [told]


def test_tells_an_announcement(world: World) -> None:
    """Once it has been played, in the dialect that knows of it; a repetition of the event tells nothing more."""
    for dialect, told in (("twilio", [("announcement-end", 1)]), ("signalwire", [])):
        room = world.stage.conference(callback=CallbackSubscription(URL, "POST", ("announcement",), dialect))
        world.services.conferences._store.announce(
            room.account, room.id, "https://a.example/", "POST", world.clock.seconds, f"{dialect:0>32}"[:32]
        )
        for _ in range(2):
            world.services.conferences.announced(room.account, room.id, 2)
        assert world.publish() == []
        assert [(delivery.event, delivery.sequence) for delivery in world.deliveries(room.id)] == told
        found = world.services.conferences.get(room.account, room.id)
        assert (found.sequence, found.confirmed_version) == (1, 2)


# Anybody who listens.


def test_tells_facts(world: World, client: FunctionClient) -> None:
    """What has become of what, by ids alone: no number, name or URL goes to the bus."""
    call = world.stage.call()
    world.discard()
    client.post(*call_path(client, call, ""), form={"RecordingStatusCallback": URL})
    (opened,) = world.pending_work()
    recording = opened.resource
    assert world.publish() == []
    about = {"account": call.account, "status": "in-progress", "call": call.id}
    assert world.bus.drain() == [
        DomainEvent(f"{call.id}-2", "call.changed", START, {**about, "version": 2}),
        DomainEvent(
            f"{recording.id}-1", "recording.created", START, {**about, "version": 1, "recording": recording.id}
        ),
    ]


# Again, and in any order.


def outcome(world: World, records: list[Event]) -> tuple[Any, ...]:
    """All that has been told by then, however often: commands and facts by id, callbacks as they are owed."""
    commands: dict[str, Any] = {}
    for message in world.commands.sent:
        assert commands.setdefault(message.id, message) == message
    facts: dict[str, DomainEvent] = {}
    for fact in world.bus.sent:
        assert facts.setdefault(fact.id, fact) == fact
    subjects = {record["dynamodb"]["Keys"]["SK"]["S"].partition("#")[2] for record in records}
    subjects |= {record["dynamodb"]["Keys"]["PK"]["S"].split("#")[2] for record in records}
    owed = {
        delivery.idempotency_token: replace(delivery, created=0, next_attempt_at=0)
        for each in subjects
        for delivery in world.deliveries(each)
    }
    on_their_way = {(message.group, message.body["claim"]) for message in world.callbacks.sent}
    assert on_their_way == {(delivery.resource_id, delivery.id) for delivery in owed.values()}
    return commands, facts, owed


def test_a_repetition_tells_the_same(world: World, dialect: str) -> None:
    """Whatever comes twice, however much later, is told with the same ids, tokens and bodies; the ledger stays."""
    played = play(world, dialect)
    assert world.publish(played.records) == []
    once = outcome(world, played.records)
    world.clock.step(400)
    assert world.publish(played.records) == []
    assert outcome(world, played.records) == once
    # What somebody has been told is not even put on its way again.
    for message in world.callbacks.drain():
        world.deliver([message])
    assert world.publish(played.records) == []
    assert world.callbacks.drain() == []


@pytest.mark.parametrize("seed", range(scaled(60, 6)))
def test_order_does_not_matter(world: World, seed: int) -> None:
    """Records in any order, some of them twice, and in batches of any size, tell what they tell in order."""
    random_source = random.Random(seed)  # noqa: S311 - an order, not a secret
    played = play(world, "twilio")
    assert world.publish(played.records) == []
    in_order = outcome(world, played.records)
    for outlet in (world.commands, world.bus, world.callbacks):
        outlet.drain()
    shuffled = played.records + random_source.sample(played.records, len(played.records) // 3)
    random_source.shuffle(shuffled)
    for delivery in in_order[2].values():
        key = {"PK": f"{delivery.account}#CB#{delivery.resource_id}", "SK": delivery.id}
        world.memory.delete_item(TableName=world.table, Key={name: {"S": value} for name, value in key.items()})
    while shuffled:
        size = random_source.randint(1, 20)
        assert world.publish(shuffled[:size]) == []
        shuffled = shuffled[size:]
    assert outcome(world, played.records) == in_order


# Failures.


def assert_told_in_the_end(world: World, records: list[Event], whole: tuple[Any, ...]) -> None:
    """What has failed comes again until nothing does: all is told then, and nothing else."""
    waiting = records
    for _ in range(20):
        if not waiting:
            break
        try:
            waiting = _from_the_first_on(waiting, world.publish(waiting))
        except Crash:
            continue  # Lambda hands the whole batch over again
    assert waiting == []
    assert outcome(world, records) == whole


def _from_the_first_on(records: list[Event], failed: list[Event]) -> list[Event]:
    """What Lambda hands over again: the first that has failed, and all behind it."""
    return records[records.index(failed[0]) :] if failed else []


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("outlet", ["commands", "callbacks", "bus"])
def test_an_outlet_that_fails_loses_nothing(world: World, outlet: str, *, half: bool) -> None:
    """Whether it takes nothing or a part: what was not told is reported, and told when it comes again."""
    played = play(world, "twilio")
    assert world.publish(played.records) == []
    whole = outcome(world, played.records)
    for fails in (1, 3, 7):
        failing = getattr(world, outlet)
        failing.failures, failing.takes_part = fails, half
        assert_told_in_the_end(world, played.records, whole)


def _some(number: int, seed: str) -> list[int]:
    """A few places of so many, the same at each run."""
    return random.Random(seed).sample(range(number), 12)  # noqa: S311 - places, not secrets


def _failures(world: World, records: list[Event]) -> int:
    """How often the table is asked while these are told of."""
    with world.recorded_requests() as requests:
        assert world.publish(records) == []
    return len(requests)


@pytest.mark.parametrize("kind", ["refused", "lost", "killed before", "killed after"])
def test_a_table_that_fails_loses_nothing(world: World, kind: str) -> None:
    """Wherever it fails, or the process ends: nothing is lost, and nothing is told under another token."""
    played = play(world, "twilio")
    world.publish(played.records)
    whole = outcome(world, played.records)
    asked = _failures(world, played.records)
    places = range(asked) if scaled(1, 0) else _some(asked, kind)
    for place in places:
        for outlet in (world.commands, world.bus, world.callbacks):
            outlet.drain()
        for delivery in whole[2].values():
            key = {"PK": {"S": f"{delivery.account}#CB#{delivery.resource_id}"}, "SK": {"S": delivery.id}}
            world.memory.delete_item(TableName=world.table, Key=key)
        counted: Counter[str] = Counter()

        def fail(
            when: str, operation: str, _request: Mapping[str, Any], place: int = place, counted: Counter[str] = counted
        ) -> None:
            counted[when] += 1
            if (when == "before") == (kind in {"refused", "killed before"}) and counted[when] == place + 1:
                if kind.startswith("killed"):
                    raise Crash
                raise ClientError({"Error": {"Code": "InternalServerError"}}, operation)

        world.faults.append(fail)
        assert_told_in_the_end(world, played.records, whole)
        world.faults.remove(fail)


def _is_of_call(record: Event, call: str) -> bool:
    keys = record["dynamodb"]["Keys"]
    return keys["SK"]["S"] == "CALL" and call in keys["PK"]["S"]


def _poisoned(record: Event) -> Event:
    """The same, with a status that nobody knows."""
    told = record["dynamodb"]
    return {**record, "dynamodb": {**told, "NewImage": {**told["NewImage"], "status": {"S": "?"}}}}


def test_one_that_fails_holds_up_only_its_own(world: World) -> None:
    """A record that cannot be told of comes again with those behind it of its call or conference; others are told."""
    service, account = world.services, world.account.account
    call, other = world.stage.call(), world.stage.call()
    world.discard()
    parent = Parent(account, ParentKind.CALL, call.id)
    recording, _ = service.recordings.create(parent, StartRecording())
    elsewhere, _ = service.recordings.create(replace(parent, id=other.id), StartRecording())
    service.recordings.update(parent, recording.id, RecordingStatus.STOPPED)
    records = world.changes()
    poisoned = [_poisoned(record) if _is_of_call(record, call.id) else record for record in records]
    failed = world.publish(poisoned)
    assert [record["dynamodb"]["Keys"]["SK"]["S"] for record in failed] == [
        "CALL", f"REC#{recording.id}", f"REC#{recording.id}",
    ]  # fmt: skip
    assert [message.body["recording"] for message in world.commands.drain()] == [elsewhere.id]
    assert world.log.drain() == [
        {"operation": "publish_changes", "account": account, "outcome": "unreadable", "error": "ValueError"},
        *[{"operation": "publish_changes", "account": account, "outcome": "done"}] * 2,
    ]
    # Once it is mended, the rest is told, in order.
    assert world.publish([record for record in records if call.id in record["dynamodb"]["Keys"]["PK"]["S"]]) == []
    assert [message.body["type"] for message in world.commands.drain()] == ["recording.start", "recording.stop"]


def test_a_record_of_something_else_tells_nothing(world: World) -> None:
    """Rows, claims and what TTL has taken away are no changes, should they ever come."""
    world.services.calls.register(world.account.account, to="", from_="", direction="inbound")
    records = world.memory.take_records(world.table)
    removed = {**records[0], "eventName": "REMOVE", "dynamodb": {
        "Keys": records[0]["dynamodb"]["Keys"], "OldImage": records[0]["dynamodb"]["NewImage"], "SequenceNumber": "1",
    }}  # fmt: skip
    rows = [record for record in records if record["dynamodb"]["Keys"]["SK"]["S"] != "CALL"]
    assert len(rows) == 1
    assert world.publish([removed, *rows]) == []
    assert (world.commands.sent, world.bus.sent, world.log.lines) == ([], [], [])


# What it costs.


def test_asks_the_table_no_more_than_it_must(world: World, client: FunctionClient) -> None:
    """A change that nobody is to be told of is told of without the table; a callback costs one write."""
    call = world.stage.call()
    silent = client.post(*call_path(client, call, ""))
    identifier = client.dialect.parse_sid(ResourceType.RECORDING, silent.body["sid"])
    assert identifier is not None
    parent = Parent(call.account, ParentKind.CALL, call.id)
    world.services.recordings.update(parent, identifier, RecordingStatus.STOPPED)
    world.services.media().finish_without_media(parent, identifier, 16101)
    world.services.conferences.register(call.account, "Room")
    with world.recorded_requests() as requests:
        assert world.publish() == []
    assert requests == []
    heard = CallbackSubscription(URL, "POST", ("absent",), client.dialect.name)
    recording = world.stage.recording(call, "stopped", callback=heard)
    world.discard()
    world.services.media().finish_without_media(parent, recording.id, 16101)
    with world.recorded_requests() as requests:
        assert world.publish() == []
    # The claim, and then that nobody has to look after it.
    assert requests == ["UpdateItem", "UpdateItem"]
    # That in its turn is a change which tells nothing, and asks for nothing.
    with world.recorded_requests() as requests:
        assert world.publish() == []
    assert requests == []
    assert [delivery.state for delivery in world.deliveries(recording.id)] == [DeliveryState.QUEUED]


def test_tells_a_full_room_in_a_few_reads(world: World) -> None:
    """250 who leave with the end cost three requests, and a write each."""
    callback = CallbackSubscription(URL, "POST", ("leave", "end"), "twilio")
    room = world.stage.conference(callback=callback, participants=250)
    for number in range(250):
        world.stage.participant(room, joined=START + number)
    world.discard()
    world.services.conferences.end(room.account, room.id)
    with world.recorded_requests() as requests:
        assert world.publish() == []
    assert Counter(requests) == {"Query": 1, "BatchGetItem": 3, "UpdateItem": 251}
    assert [delivery.sequence for delivery in world.deliveries(room.id)] == [*range(1, 252)]
