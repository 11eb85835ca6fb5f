"""Calls that a request creates: how the engine is sent them, and what it reports of them and of calls of its own."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.identity import new_id
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.calls import UpdateCall
from tapedeck.operations.placed_calls import PlaceCall, PlacedCalls
from tests.functions.background_world import World
from tests.functions.reported_events import call_of

TO, FROM = "+12025550123", "+12025550199"
URL: Final = "https://app.example.com/calls"
FLOW: Final = {"url": "https://app.example.com/voice", "method": "POST", "dialect": "twilio"}
PLACEMENT: Final[Mapping[str, Any]] = {"timeout": 60, "time_limit": 14_400, "send_digits": "1w2", "flow": FLOW}
WANTED: Final = {"to": TO, "from": FROM, **PLACEMENT}
EVERY_EVENT: Final = ("initiated", "ringing", "answered", "completed")


def place(world: World, events: tuple[str, ...] = EVERY_EVENT) -> Call:
    """Store a new call that the engine is to dial."""
    settings = {name: value for name, value in PLACEMENT.items() if name != "flow"}
    wanted = PlaceCall(TO, FROM, "twilio", FLOW, settings, CallbackSubscription(URL, "POST", events, "twilio"))
    calls = PlacedCalls(world.services.calls._store, world.clock, lambda _account, _needed: "standin")
    return calls.create(world.account.account, wanted)


def sent(world: World) -> list[tuple[str, int, Any]]:
    """Return type, version and wanted state of each command that was sent since the last call."""
    return [(each.body["type"], each.body["version"], each.body["wanted"]) for each in world.commands.drain()]


def report(world: World, kind: str, call: str, **fields: Any) -> None:
    """Let the engine report an event of a call, five seconds later."""
    world.clock.step(5)
    assert world.ingest(world.event(kind, call=call, **fields)) == []
    assert world.reports[0]["outcome"] == "taken"


def callbacks(world: World, call: str) -> list[tuple[str, str, str | None]]:
    """Publish what is pending; return `CallStatus`, `SequenceNumber` and SIP code of each callback of a call."""
    assert world.publish() == []
    found = [dict(parse_qsl(each.body)) for each in world.deliveries(call)]
    return [(each["CallStatus"], each["SequenceNumber"], each.get("SipResponseCode")) for each in found]


def test_a_new_call_is_sent_to_its_engine_until_it_rings(world: World) -> None:
    """The command has everything that was requested; it is sent again until an event with its version confirms it."""
    call = place(world)
    assert world.publish() == []
    assert [(each.engine, each.id) for each in world.commands.sent] == [("standin", f"{call.id}-1-call.place")]
    assert sent(world) == [("call.place", 1, WANTED)]
    world.clock.step(30)
    assert world.reconcile()["resent"] == 1
    assert sent(world) == [("call.place", 1, WANTED)]
    report(world, "call.ringing", call.id, version=1)
    found = call_of(world, call.id)
    assert (found.status, found.confirmed_version, found.placement) == (CallStatus.RINGING, 1, PLACEMENT)
    world.clock.step(60)
    assert world.reconcile().get("resent", 0) == 0
    report(world, "call.answered", call.id, version=1)
    assert call_of(world, call.id).placement == {}
    report(world, "call.ended", call.id, status="completed")
    assert callbacks(world, call.id) == [
        ("initiated", "0", None), ("ringing", "1", None), ("in-progress", "2", None), ("completed", "3", "200"),
    ]  # fmt: skip
    assert sent(world) == []
    assert [pending for pending in world.pending_work() if pending.resource.id == call.id] == []


@pytest.mark.parametrize("kind", ["call.ringing", "call.answered"])
def test_a_repeated_event_confirms_what_the_first_one_did_not(world: World, kind: str) -> None:
    """An event without the version confirms nothing, but one with it that arrives while the call is unanswered does."""
    call = place(world)
    report(world, "call.ringing", call.id)
    assert call_of(world, call.id).confirmed_version == 0
    report(world, kind, call.id, version=1)
    assert call_of(world, call.id).confirmed_version == 1


def test_settings_of_a_queued_call_are_sent_with_all_else(world: World) -> None:
    """A change before the call rings is sent as the whole call; a new status callback alone sends nothing."""
    call = place(world)
    fallback = {"url": "https://app.example.com/fallback", "method": "GET"}
    subscription = CallbackSubscription("https://other.example.com/", "POST", (), "twilio")
    world.services.calls.update(call.account, call.id, UpdateCall(callback=subscription))
    world.services.calls.update(call.account, call.id, UpdateCall(settings={"time_limit": 90, "fallback": fallback}))
    assert world.publish() == []
    changed = {**WANTED, "time_limit": 90, "flow": {**FLOW, "fallback": fallback}}
    assert sent(world) == [("call.place", 1, WANTED), ("call.place", 3, changed)]
    world.clock.step(60)
    assert world.reconcile()["resent"] == 1
    assert sent(world) == [("call.place", 3, changed)]
    report(world, "call.ringing", call.id, version=1)
    assert call_of(world, call.id).confirmed_version == 0
    report(world, "call.redirected", call.id, version=3)
    assert call_of(world, call.id).confirmed_version == 3


def test_a_late_record_does_not_place_a_call_that_rang(world: World) -> None:
    """If the stream was down for ten minutes, a call that is not queued any more is not dialed again."""
    call, other = place(world), place(world)
    report(world, "call.ringing", call.id)
    world.clock.step(600)
    assert world.publish() == []
    assert [each.body["call"] for each in world.commands.drain()] == [other.id]


@pytest.mark.parametrize("status", [CallStatus.CANCELED, CallStatus.COMPLETED])
def test_a_call_that_ended_is_hung_up_and_never_placed(world: World, status: CallStatus) -> None:
    """The end before the call rings is sent as a hang-up, also again; what was to be dialed is deleted."""
    call = place(world)
    records = world.changes()
    world.clock.step(5)
    world.services.calls.update(call.account, call.id, UpdateCall(status))
    assert call_of(world, call.id).placement == {}
    world.clock.step(300)
    assert world.publish([*records, *world.changes()]) == []
    assert sent(world) == [("call.hang_up", 2, {"status": str(status)})]
    world.clock.step(180)
    assert world.reconcile()["resent"] == 1
    assert sent(world) == [("call.hang_up", 2, {"status": str(status)})]


def test_a_call_that_the_engine_never_dials_fails(world: World) -> None:
    """After a day the command expires: the call fails and is hung up, and is not placed any more."""
    call = place(world)
    records = world.changes()
    world.clock.step(86_400)
    world.reconcile()
    assert call_of(world, call.id).status is CallStatus.FAILED
    assert callbacks(world, call.id) == [("initiated", "0", None), ("failed", "1", "404")]
    assert sent(world) == [("call.hang_up", 2, {"status": "canceled"})]
    assert world.publish(records) == []
    assert sent(world) == []


@pytest.mark.parametrize(
    ("code", "final", "status"),
    [("unsupported", True, "failed"), ("busy", True, "failed"), ("bad_request", True, "failed"),
     ("unsupported", False, "queued"), ("expired", False, "queued"), ("gone", True, "queued")],
)  # fmt: skip
def test_a_call_that_the_engine_refuses(world: World, code: str, final: bool, status: str) -> None:  # noqa: FBT001 - parametrized
    """A call that the engine will never dial has failed (C-174)."""
    call = place(world)
    report(world, "command.refused", call.id, command=f"{call.id}-1-call.place", version=1, code=code, final=final)
    assert call_of(world, call.id).status == status


def test_the_sip_status_of_the_engine_is_in_the_callback(world: World) -> None:
    """Of a call that was not answered the code is that of the engine, if it reports one."""
    declined, progressing, unknown = place(world), place(world), place(world)
    for call, more in ((declined, {"sip_status": 603}), (progressing, {"sip_status": 180}), (unknown, {})):
        report(world, "call.ended", call.id, status="busy", version=1, **more)
    assert callbacks(world, declined.id)[-1] == ("busy", "1", "603")
    assert callbacks(world, progressing.id)[-1] == ("busy", "1", "486")
    assert callbacks(world, unknown.id)[-1] == ("busy", "1", "486")


CHILD: Final[dict[str, Any]] = {
    "to": "client:agent", "from": FROM, "direction": "outbound-dial", "parent_call": "e" * 32
}  # fmt: skip


def subscription(*events: str) -> dict[str, Any]:
    """Return the callback of an event, as the protocol writes it."""
    return {"callback": {"url": URL, "method": "POST", "events": list(events), "dialect": "twilio"}}


def test_a_child_delivers_every_event_that_it_has_reached(world: World) -> None:
    """A call that markup dials is registered when it rings, and delivers the events before that too."""
    child = new_id(world.clock())
    report(world, "call.ringing", child, **CHILD, **subscription(*EVERY_EVENT))
    assert callbacks(world, child) == [("initiated", "0", None), ("ringing", "1", None)]
    report(world, "call.answered", child)
    report(world, "call.ended", child)
    assert callbacks(world, child)[2:] == [("in-progress", "2", None), ("completed", "3", "200")]
    found = call_of(world, child)
    assert (found.parent_call, found.rang, found.started) == ("e" * 32, found.created + 5, found.created + 10)


def test_without_events_a_callback_reports_the_end_alone(world: World) -> None:
    """The callback of a phone number has the end with number 0, without a SIP code, as the call came in."""
    call = new_id(world.clock())
    report(world, "call.ringing", call, to=TO, **{"from": FROM}, **subscription())
    report(world, "call.answered", call)
    assert callbacks(world, call) == []
    report(world, "call.ended", call)
    assert callbacks(world, call) == [("completed", "0", None)]


@pytest.mark.parametrize(("status", "stored", "code"), [("failed", "failed", "404"), ("completed", "no-answer", "487")])
def test_a_call_may_be_reported_with_its_end(world: World, status: str, stored: str, code: str) -> None:
    """A child that could not be reached never rang: the first event of it is its end (C-362)."""
    child = new_id(world.clock())
    ended = world.event(
        "call.ended", call=child, status=status, sip_status=int(code), **CHILD, **subscription(*EVERY_EVENT)
    )
    for _ in range(2):
        assert world.ingest(ended) == []
    found = call_of(world, child)
    assert found == Call(
        world.account.account, child, CallStatus(stored), found.created, to="client:agent", from_=FROM,
        direction="outbound-dial", ended=found.created, parent_call="e" * 32, end_write_id=ended["id"],
        callback=CallbackSubscription(URL, "POST", EVERY_EVENT, "twilio"), sip_status=int(code), engine="standin",
        last_event_seq=world.last_seq,
    )  # fmt: skip
    assert callbacks(world, child) == [("initiated", "0", None), (stored, "1", code)]
    assert call_of(world, child) == replace(found, end_published=True)
    assert [pending for pending in world.pending_work() if pending.resource.id == child] == []


def test_lost_callbacks_of_a_call_that_only_ended_are_delivered_late(world: World) -> None:
    """If the stream has lost the record, the callbacks follow after ten minutes (C-167)."""
    child = new_id(world.clock())
    report(world, "call.ended", child, status="failed", **CHILD, **subscription(*EVERY_EVENT))
    world.changes()
    world.clock.step(600)
    assert world.reconcile()["backfilled"] == 2
    assert [each.id for each in world.deliveries(child)] == ["00000000.initiated", "00000001.completed"]


def test_an_incoming_call_shows_the_number_of_the_account(world: World, dialect: str) -> None:
    """A call that comes in to a number of the account shows that number; other calls show none (C-375)."""
    number, client = world.stage.phone_number(number=TO), world.client(dialect)
    shown = []
    for to, direction in ((TO, "inbound"), (TO, "outbound-dial"), (FROM, "inbound"), ("client:a", "inbound")):
        call = new_id(world.clock())
        report(world, "call.ringing", call, to=to, **{"from": FROM}, direction=direction)
        shown.append(client.get("Calls", client.sid(ResourceType.CALL, call)).body["phone_number_sid"])
    assert shown == [client.sid(ResourceType.PHONE_NUMBER, number.id), None, None, None]


def test_an_end_without_numbers_does_not_describe_a_call(world: World) -> None:
    """The end of a call that is not known is to be reported again."""
    assert world.ingest(world.event("call.ended", call=new_id(world.clock()))) == [0]


def test_no_number_is_logged(world: World) -> None:
    """Neither the command nor the reports leave a phone number in the log."""
    call = place(world)
    assert world.publish() == []
    report(world, "call.ringing", call.id, version=1)
    report(world, "call.ended", new_id(world.clock()), **CHILD, **subscription("completed"))
    world.clock.step(600)
    world.reconcile()
    logged = repr(world.log.drain())
    assert [number for number in (TO, FROM, "1w2") if number in logged] == []
