"""Status callbacks of calls: which are published, once and in order, from a dial or an update to any kind of end."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import Call
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.calls import UpdateCall
from tests.functions.background_world import World
from tests.functions.stage import call_path
from tests.reporter import join_conference

COMMAND_EXPIRY_SECONDS: Final = 86_400
STREAM_GRACE_SECONDS: Final = 600

URL: Final = "https://app.example.com/calls?tenant=42"
OTHER: Final = "https://other.example.com/calls"
TO, FROM = "+12025550123", "+12025550199"
EVERY_EVENT: Final = "initiated ringing answered completed"


def dial(world: World, events: str | None = EVERY_EVENT, room: str = "Room") -> str:
    """Dial a participant with a status callback, in Twilio's dialect; return the call's id."""
    form: dict[str, Any] = {"To": TO, "From": FROM, "StatusCallback": URL}
    if events is not None:
        form["StatusCallbackEvent"] = events.split()
    answer = world.client("twilio").post("Conferences", room, "Participants", form=form)
    assert answer.status == 201
    return str(answer.body["call_sid"]).removeprefix("CA")


def report(world: World, kind: str, call: str, **fields: Any) -> None:
    """Let the engine report an event of a call, five seconds later."""
    world.clock.step(5)
    assert world.ingest(world.event(kind, call=call, **fields)) == []


def update(world: World, call: str, dialect: str = "twilio", **form: str) -> None:
    """Update a call over the API, five seconds later."""
    world.clock.step(5)
    client = world.client(dialect)
    assert client.post("Calls", client.dialect.format_sid(ResourceType.CALL, call), form=form).status == 200


def stored(world: World, call: str) -> list[tuple[str, str, str, str]]:
    """Return id, URL, `CallStatus` and `SequenceNumber` of each callback of a call."""
    found = [(each, dict(parse_qsl(each.body))) for each in world.deliveries(call)]
    return [(each.id, each.url, fields["CallStatus"], fields["SequenceNumber"]) for each, fields in found]


def sent(world: World) -> list[Mapping[str, str]]:
    """Deliver what is queued; return the fields of the received callbacks, in order."""
    world.deliver()
    bodies = [request.body.decode() or request.url.partition("?")[2] for request in world.receiver.requests]
    return [dict(parse_qsl(body)) for body in bodies]


def test_a_dialed_call_delivers_every_chosen_event_once(world: World) -> None:
    """A dialed call that is answered and ends delivers all four events in order, once each, at their times."""
    call = dial(world)
    created = world.changes()
    assert world.publish(created) == []
    report(world, "call.ringing", call)
    report(world, "call.answered", call)
    report(world, "call.ended", call, status="completed")
    records = world.changes()
    for _ in range(2):
        assert world.publish([*created, *records]) == []
    received = sent(world)
    assert [(each["CallStatus"], each["SequenceNumber"], each["Timestamp"][-14:-6]) for each in received] == [
        ("initiated", "0", "23:00:00"),
        ("ringing", "1", "23:00:05"),
        ("in-progress", "2", "23:00:10"),
        ("completed", "3", "23:00:15"),
    ]
    assert {each["CallSid"] for each in received} == {f"CA{call}"}
    assert (received[3]["CallDuration"], received[3]["Duration"], received[3]["SipResponseCode"]) == ("5", "1", "200")
    assert [identifier for identifier, *_ in stored(world, call)] == [
        "00000000.initiated", "00000001.ringing", "00000002.answered", "00000003.completed",
    ]  # fmt: skip
    assert not [pending for pending in world.pending_work() if pending.resource.id == call]
    logged = repr(world.log.drain())
    assert TO not in logged
    assert FROM not in logged


def test_only_chosen_events_are_delivered_and_all_are_counted(world: World) -> None:
    """The number counts events that were not chosen; without a choice the end is number 0."""
    chosen, unchosen = dial(world, "ringing completed"), dial(world, None, "Other")
    for call in (chosen, unchosen):
        report(world, "call.ringing", call)
        report(world, "call.answered", call)
        report(world, "call.ended", call, status="completed")
    assert world.publish() == []
    assert stored(world, chosen) == [
        ("00000001.ringing", URL, "ringing", "1"), ("00000003.completed", URL, "completed", "3"),
    ]  # fmt: skip
    assert stored(world, unchosen) == [("00000000.completed", URL, "completed", "0")]


def test_a_call_that_the_engine_never_dials_delivers_its_end(world: World) -> None:
    """A dialed call without any report of the engine is `failed` after a day; then nothing of it is pending."""
    call = dial(world)
    world.clock.step(86_399)
    world.reconcile()
    assert world.services.calls.get(world.account.account, call).status == "queued"
    world.clock.step(1)
    world.reconcile()
    assert world.publish() == []
    assert stored(world, call) == [
        ("00000000.initiated", URL, "initiated", "0"), ("00000001.completed", URL, "failed", "1"),
    ]  # fmt: skip
    assert world.reconcile()["expired"] == 1
    version = world.services.calls.get(world.account.account, call).requested_version
    report(world, "call.ended", call, status="failed", version=version)
    assert world.reconcile() == {}
    assert [pending.resource.id for pending in world.pending_work() if pending.resource.id == call] == []


@pytest.mark.parametrize(
    ("status", "code"), [("busy", "486"), ("no-answer", "487"), ("canceled", "487"), ("failed", "404")]
)
def test_a_dialed_call_that_is_not_answered(world: World, status: str, code: str) -> None:
    """A call that is not answered delivers its final status as `completed`, without a duration."""
    call = dial(world, "answered completed")
    if status != "failed":
        report(world, "call.ringing", call)
    report(world, "call.ended", call, status=status)
    assert world.publish() == []
    number = "1" if status == "failed" else "2"
    assert stored(world, call) == [(f"0000000{number}.completed", URL, status, number)]
    (end,) = sent(world)
    assert (end["CallDuration"], end["Duration"], end["SipResponseCode"]) == ("0", "0", code)


def _hang_up(world: World, call: str) -> None:
    update(world, call, Status="completed")


def _report_end(world: World, call: str) -> None:
    report(world, "call.ended", call, status="completed")


def _hang_up_and_report(world: World, call: str) -> None:
    _hang_up(world, call)
    _report_end(world, call)


def _end_with_a_recording(world: World, call: str) -> None:
    answer = world.client("twilio").post("Calls", f"CA{call}", "Recordings", form={})
    assert answer.status == 201
    _hang_up(world, call)


@pytest.mark.parametrize("end", [_hang_up, _report_end, _hang_up_and_report, _end_with_a_recording])
@pytest.mark.parametrize("joins", [False, True], ids=["alone", "in a conference"])
def test_every_end_is_delivered_once(
    world: World, end: Callable[[World, str], None], dialect: str, *, joins: bool
) -> None:
    """However an answered call ends, its callback gets the end once."""
    call = world.stage.call()
    if joins:
        conference = world.stage.conference()
        join_conference(world.services, call.account, conference.id, call.id)
    update(world, call.id, dialect, StatusCallback=URL)
    end(world, call.id)
    assert world.publish() == []
    assert stored(world, call.id) == [("00000000.completed", URL, "completed", "0")]
    assert [delivery.dialect for delivery in world.deliveries(call.id)] == [dialect]


def _end_conference(world: World, call: str) -> None:
    conference = world.services.calls.get(world.account.account, call).conference
    answer = world.client("twilio").post("Conferences", f"CF{conference}", form={"Status": "completed"})
    assert answer.status == 200


def _remove_participant(world: World, call: str) -> None:
    conference = world.services.calls.get(world.account.account, call).conference
    answer = world.client("twilio").delete("Conferences", f"CF{conference}", "Participants", f"CA{call}")
    assert answer.status == 204


def _leave(world: World, call: str) -> None:
    conference = world.services.calls.get(world.account.account, call).conference
    report(world, "participant.left", call, conference=conference)


@pytest.mark.parametrize("leave", [_end_conference, _remove_participant, _leave])
def test_the_end_of_a_participation_is_delivered_once(world: World, leave: Callable[[World, str], None]) -> None:
    """A dialed call that ends because it leaves its conference, or the conference ends, delivers its end once."""
    call = dial(world, "completed")
    report(world, "call.ringing", call)
    report(world, "call.answered", call)
    leave(world, call)
    while records := world.changes():
        assert world.publish(records) == []
    report(world, "call.ended", call, status="completed")
    while records := world.changes():
        assert world.publish(records) == []
    assert stored(world, call) == [("00000003.completed", URL, "completed", "3")]


def test_a_redirected_participant_gets_the_new_callback(world: World) -> None:
    """A redirect with a status callback takes the call out of its conference, and its end goes to the new URL."""
    call = dial(world, "answered completed")
    report(world, "call.ringing", call)
    report(world, "call.answered", call)
    update(world, call, Url="https://a.example/x", StatusCallback=OTHER)
    report(world, "call.ended", call, status="completed")
    while records := world.changes():
        assert world.publish(records) == []
    assert stored(world, call) == [
        ("00000000.completed", OTHER, "completed", "0"),
        ("00000002.answered", URL, "in-progress", "2"),
    ]


def test_a_canceled_call_delivers_its_end(world: World, dialect: str) -> None:
    """A call that a client cancels while it rings delivers `canceled`, by GET if the request says so."""
    call = world.stage.call("ringing")
    update(world, call.id, dialect, StatusCallback=URL, StatusCallbackMethod="GET")
    update(world, call.id, dialect, Status="canceled")
    assert world.publish() == []
    (end,) = sent(world)
    (request,) = world.receiver.requests
    assert (request.method, request.body, request.url.startswith(f"{URL}&")) == ("GET", b"", True)
    assert (end["tenant"], end["CallStatus"], end["CallDuration"]) == ("42", "canceled", "0")
    assert ("SipResponseCode" in end, "SipResultCode" in end) == (dialect == "twilio", dialect == "signalwire")


def test_an_update_replaces_the_callback(world: World, dialect: str) -> None:
    """After an update the new URL gets the end alone; what happened before went to the old one (C-163)."""
    call = dial(world)
    report(world, "call.ringing", call)
    update(world, call, dialect, StatusCallback=OTHER)
    report(world, "call.answered", call)
    report(world, "call.ended", call, status="completed")
    assert world.publish() == []
    assert stored(world, call) == [
        ("00000000.completed", OTHER, "completed", "0"),
        ("00000000.initiated", URL, "initiated", "0"),
        ("00000001.ringing", URL, "ringing", "1"),
    ]


@pytest.mark.parametrize("has_old", [False, True])
def test_a_request_that_ends_a_call_sets_its_callback(world: World, dialect: str, *, has_old: bool) -> None:
    """A new status callback in the request that ends a call gets this end, and an older one does not."""
    call = world.stage.call()
    if has_old:
        update(world, call.id, dialect, StatusCallback=URL)
    update(world, call.id, dialect, Status="completed", StatusCallback=OTHER)
    assert world.publish() == []
    assert stored(world, call.id) == [("00000000.completed", OTHER, "completed", "0")]
    assert world.stage.services.calls.get(world.stage.account, call.id).status == "completed"


def test_a_redirect_sets_the_callback_and_sends_the_command(world: World, dialect: str) -> None:
    """A redirect with a status callback sends the engine the redirect only; its confirmation loses no callback."""
    call = world.stage.call()
    world.discard()
    update(world, call.id, dialect, StatusCallback=URL, Url="https://a.example/x")
    assert world.publish() == []
    (command,) = world.commands.drain()
    assert command.body["wanted"] == {"flow": {"url": "https://a.example/x", "method": "POST"}}
    report(world, "call.redirected", call.id, version=2)
    assert world.pending_work() == []
    report(world, "call.ended", call.id, status="completed")
    assert [pending.resource.id for pending in world.pending_work()] == [call.id]
    world.discard()
    world.clock.step(STREAM_GRACE_SECONDS)
    assert world.reconcile() == {"backfilled": 1}
    assert stored(world, call.id) == [("00000000.completed", URL, "completed", "0")]
    assert world.pending_work() == []


def test_an_ended_call_accepts_no_callback(world: World, dialect: str) -> None:
    """A status callback for a call that has ended is an error, and nothing is delivered."""
    call = world.stage.call("completed", ended=world.clock.seconds)
    client = world.client(dialect)
    assert client.post(*call_path(client, call), form={"StatusCallback": URL}).status == 400
    assert world.publish() == []
    assert stored(world, call.id) == []


# --- Lost records -----------------------------------------------------------------------------------------------------


def ended_call(world: World) -> str:
    """Return a dialed call that rang, was answered and has ended."""
    call = dial(world)
    report(world, "call.ringing", call)
    report(world, "call.answered", call)
    report(world, "call.ended", call, status="completed")
    return call


def test_backfills_callbacks_of_a_call(world: World) -> None:
    """If the stream has lost everything, all events are published ten minutes after the end, unchanged (C-167)."""
    call = ended_call(world)
    records = world.changes()
    world.clock.step(STREAM_GRACE_SECONDS - 1)
    assert world.reconcile().get("backfilled", 0) == 0
    world.clock.step(1)
    assert world.reconcile()["backfilled"] == 4
    late = world.deliveries(call)
    assert [delivery.event for delivery in late] == EVERY_EVENT.split()
    assert not [pending for pending in world.pending_work() if pending.resource.id == call]
    for delivery in late:
        key = {"PK": {"S": f"{delivery.account}#CB#{call}"}, "SK": {"S": delivery.id}}
        world.memory.delete_item(TableName=world.table, Key=key)
    world.publish(records)
    in_time = world.deliveries(call)
    assert [(each.id, each.body, each.idempotency_token) for each in in_time] == [
        (each.id, each.body, each.idempotency_token) for each in late
    ]


def test_backfills_only_missing_callbacks_of_a_call(world: World) -> None:
    """Of a call whose end was lost, only the end is published late."""
    call = dial(world)
    report(world, "call.ringing", call)
    assert world.publish() == []
    report(world, "call.ended", call, status="busy")
    world.discard()
    world.clock.step(STREAM_GRACE_SECONDS)
    assert world.reconcile()["backfilled"] == 1
    assert stored(world, call)[-1] == ("00000002.completed", URL, "busy", "2")


def test_the_record_of_the_end_publishes_earlier_events(world: World) -> None:
    """If the stream lost the answer, the record of the end publishes the answer too, before the end."""
    call = dial(world)
    report(world, "call.ringing", call)
    assert world.publish() == []
    report(world, "call.answered", call)
    world.discard()
    report(world, "call.ended", call, status="completed")
    assert world.publish() == []
    assert [message.body["delivery"] for message in world.callbacks.drain()][-2:] == [
        "00000002.answered", "00000003.completed",
    ]  # fmt: skip


def test_a_call_is_pending_until_published_and_confirmed(world: World) -> None:
    """An ended call is in the pending-work index until its callbacks are published and its hang-up is confirmed."""
    call = world.stage.call(callback=CallbackSubscription(URL, "POST", (), "twilio"))
    assert world.pending_work() == []
    world.services.calls.end(call.account, call.id)
    assert world.publish() == []
    assert [pending.resource.id for pending in world.pending_work()] == [call.id]
    world.stage.engine.call_ended(call.id)
    assert world.pending_work() == []


def test_a_confirmed_hang_up_keeps_an_unpublished_call(world: World) -> None:
    """A call whose hang-up is confirmed first stays in the index until its end is published."""
    call = world.stage.call(callback=CallbackSubscription(URL, "POST", (), "twilio"))
    update(world, call.id, Status="completed")
    report(world, "call.ended", call.id, status="completed")
    (pending,) = world.pending_work()
    assert isinstance(pending.resource, Call)
    assert pending.resource.confirmed_version == 2
    assert world.publish() == []
    assert world.pending_work() == []


def test_the_end_after_an_expired_command_is_pending_work(world: World) -> None:
    """A call whose redirect expired has left the index; its end puts it back until its callbacks are stored."""
    call = world.stage.call(callback=CallbackSubscription(URL, "POST", (), "twilio"))
    world.services.calls.update(call.account, call.id, UpdateCall(settings={"time_limit": 60}))
    world.clock.step(COMMAND_EXPIRY_SECONDS)
    assert world.reconcile() == {"expired": 1}
    assert world.pending_work() == []
    world.stage.engine.call_ended(call.id)
    assert [pending.resource.id for pending in world.pending_work()] == [call.id]
    world.discard()
    world.clock.step(STREAM_GRACE_SECONDS)
    assert world.reconcile()["backfilled"] == 1
    assert stored(world, call.id) == [("00000000.completed", URL, "completed", "0")]


# --- Cost -------------------------------------------------------------------------------------------------------------


def test_only_a_call_with_a_callback_costs_more(world: World, dialect: str) -> None:
    """Setting a callback is one write; its end costs two more; a call without one costs as much as before."""
    silent, observed = world.stage.call(), world.stage.call()
    world.discard()
    with world.recorded_requests() as requests:
        world.services.calls.update(
            observed.account,
            observed.id,
            UpdateCall(callback=CallbackSubscription(URL, "POST", (), dialect)),
        )
    assert requests == ["UpdateItem"]
    for call, expected in ((silent, []), (observed, ["UpdateItem", "UpdateItem"])):
        with world.recorded_requests() as requests:
            world.stage.engine.call_ended(call.id)
        assert requests == ["GetItem", "UpdateItem"]
        with world.recorded_requests() as requests:
            assert world.publish() == []
        assert requests == expected


@pytest.mark.parametrize("callback", [None, CallbackSubscription(URL, "POST", (), "twilio")])
def test_a_confirmation_of_a_redirect(world: World, callback: CallbackSubscription | None) -> None:
    """Confirming a redirect is one read and one write; the call leaves the index, also with a callback."""
    call = world.stage.call(callback=callback)
    queued = world.services.calls.update(call.account, call.id, UpdateCall(settings={"time_limit": 60}))
    with world.recorded_requests() as requests:
        world.stage.engine.redirected(call.id, queued.requested_version)
    assert requests == ["GetItem", "UpdateItem"]
    assert world.pending_work() == []
    found = world.services.calls.get(call.account, call.id)
    assert found == replace(
        queued, confirmed_version=queued.requested_version, engine="standin", last_event_seq=found.last_event_seq
    )
