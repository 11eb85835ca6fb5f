"""Each metric that raises an alarm can be traced from its log lines to what it is about, by ids (REL-28)."""

import io
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from secrets import token_hex
from typing import Any, Final

import pytest

from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.presence import PresenceTable
from tapedeck.bootstrap.environment import Environment, current_environment
from tapedeck.domain.engine import EngineCapabilities
from tapedeck.domain.recording import Recording, RecordingStatus
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.observability import CanonicalLog
from tapedeck.operations.calls import UpdateCall
from tapedeck.ports.messaging import QueueMessage, WebhookResult
from tests.functions.background_world import World
from tests.functions.engines import EngineClient, engine_of
from tests.functions.test_deliver_callback import enqueue_delivery
from tests.functions.test_suspended_hosts import HANGS, send
from tests.template import alarm_rules

Lines = Callable[[], list[dict[str, Any]]]
Expected = dict[str, Any]
Produce = Callable[[World], Expected]

URL: Final = "https://app.example.com/hooks"


@pytest.fixture
def lines(world: World, install_environment: Callable[[Environment], object]) -> Lines:
    """Return the log lines since the last call, as JSON; the functions write real ones."""
    del world  # its environment is the current one
    name, stream = f"test-{token_hex(4)}", io.StringIO()
    log = CanonicalLog(name)
    for handler in logging.getLogger(name).handlers:
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(stream)
    install_environment(replace(current_environment(), make_log=lambda _settings: log, default_engine=None))

    def take() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in stream.getvalue().splitlines()]
        stream.seek(0)
        stream.truncate()
        return found

    return take


def paused_for(world: World, seconds: int) -> Expected:
    """Let a pause be unconfirmed for some seconds, then reconcile; return what its line names."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1, engine="ast1")
    paused = world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    world.clock.step(seconds)
    world.reconcile()
    return {**about(paused), "version": 2, "engine": "ast1", "since": paused.updated, "reason": "not_confirmed"}


def about(recording: Recording) -> Expected:
    """Return the ids of a recording of a call."""
    return {"account": recording.parent.account, "call": recording.parent.id, "recording": recording.id}


def expire(world: World) -> Expected:
    """Let a redirect be unconfirmed for a day."""
    call = world.stage.call(engine="ast1")
    updated = world.services.calls.update(call.account, call.id, UpdateCall(redirect={"url": URL, "method": "POST"}))
    world.clock.step(86_400)
    world.reconcile()
    ids = {"account": call.account, "call": call.id, "version": 2, "engine": "ast1"}
    return {**ids, "since": updated.requested_at, "reason": "too_old"}


def time_out(world: World) -> Expected:
    """Let a start be unconfirmed for 40 minutes."""
    call = world.stage.call(engine="ast1")
    recording = world.stage.recording(call)
    world.stage.write(recording, work=f"OPEN#{recording.id[-1]}", work_at=recording.created)
    world.clock.step(2_400)
    world.reconcile()
    return {**about(recording), "version": 1, "since": recording.updated, "reason": "start_not_confirmed"}


def open_session(world: World, seconds_ago: int) -> None:
    """Let the engine `ast1` open a session some seconds ago."""
    presences = PresenceTable(DynamoDBTable(world.memory, world.table, world.sleep))
    presences.open_session("ast1", "0" * 32, None, world.clock.seconds - seconds_ago, EngineCapabilities(), None)


def lose(world: World) -> Expected:
    """Let an engine be silent for 45 seconds."""
    open_session(world, seconds_ago=45)
    world.reconcile()
    return {"engine": "ast1", "since": world.clock.seconds - 45, "reason": "not_seen"}


def last_too_long(world: World) -> Expected:
    """Let a call last for a million hours and one second."""
    call = world.stage.call(engine="ast1")
    world.services.calls._store.put_call(call)
    world.clock.step(3_600_000_001)
    open_session(world, seconds_ago=0)
    world.reconcile()
    return {"account": call.account, "call": call.id, "engine": "ast1", "since": call.created, "reason": "too_long"}


def unroutable(world: World) -> Expected:
    """Redirect a call whose engine is unknown."""
    call = world.stage.call()
    world.discard()
    world.services.calls.update(call.account, call.id, UpdateCall(redirect={"url": URL, "method": "POST"}))
    world.publish()
    ids = {"account": call.account, "sid": call.id, "call": call.id, "version": 2, "type": "call.redirect"}
    return {**ids, "outcome": "unroutable", "reason": "unknown_engine"}


def deliver(world: World, status: int | None) -> Expected:
    """Deliver a callback to a server that answers with a status, or without a signing key."""
    call = world.stage.call()
    callback = CallbackSubscription(URL, "POST", ("in-progress",), "twilio")
    recording = world.stage.recording(call, callback=callback)
    world.discard()
    world.stage.engine.started(recording)
    world.publish()
    world.kms.is_unavailable = status is None
    world.receiver.answers = [WebhookResult(status, None, 5, b"")] if status is not None else []
    world.deliver()
    ids = {"account": call.account, "sid": recording.id, "delivery": "00000001.in-progress", "version": 1}
    reason = "unsigned" if status is None else f"HTTP {status}"
    return {**ids, "type": "in-progress", "event": "message-0", "reason": reason}


def suspend(world: World) -> Expected:
    """Let five callbacks to a host time out."""
    *_, last = (send(world, number, HANGS) for number in range(5))
    return {"account": last.account, "sid": last.resource_id, "delivery": last.id, "outcome": "suspended"}


def report(world: World, kind: str, **fields: Any) -> tuple[EngineClient, dict[str, Any]]:
    """Report an event of the engine `ast1`."""
    engine = engine_of(world)
    event = engine.event(kind, **fields)
    engine.report(event)
    return engine, event


def report_about_a_recording(world: World, kind: str, recording: Recording, **fields: Any) -> Expected:
    """Report an event about a recording; return what its line names."""
    parent = {"type": "call", "id": recording.parent.id}
    _, event = report(world, kind, recording=recording.id, parent=parent, **fields)
    return {**about(recording), "event": event["id"], "type": kind, "engine": "ast1"}


def refuse_a_pause(world: World) -> Expected:
    """Let an engine refuse a pause."""
    recording = world.stage.recording(world.stage.call(engine="ast1"), confirmed_version=1, engine="ast1")
    world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    command = f"{recording.parent.id}-{recording.id}-2-recording.pause"
    fields = {"version": 2, "command": command, "code": "busy", "final": False}
    return report_about_a_recording(world, "command.refused", recording, **fields)


def late(world: World) -> Expected:
    """Report a recording that does not exist yet, of a call that does not either."""
    recording = world.stage.recording(world.stage.call())
    missing = replace(recording, id="0" * 32, parent=replace(recording.parent, id="0" * 32))
    return report_about_a_recording(world, "recording.started", missing, version=1)


def trespass(world: World) -> Expected:
    """Let an engine report about an account that it does not work for."""
    call = world.stage.call("ringing", engine="ast1")
    engine = engine_of(world, "ast4", accounts=frozenset({"f" * 32}))
    event = engine.event("call.answered", call=call.id)
    engine.report(event)
    ids = {"account": call.account, "call": call.id, "event": event["id"], "type": "call.answered", "engine": "ast4"}
    return {**ids, "outcome": "refused", "code": "not_yours", "reason": "foreign account"}


def stale(world: World) -> Expected:
    """Report that a call rings after it was answered, with a lower sequence number."""
    call = world.stage.call("queued", engine="ast1")
    engine = engine_of(world)
    ringing, answered = (engine.event(kind, call=call.id) for kind in ("call.ringing", "call.answered"))
    engine.report(answered)
    engine.report(ringing)
    return {"account": call.account, "call": call.id, "event": ringing["id"], "type": "call.ringing", "engine": "ast1"}


def alive(world: World, **problems: Any) -> Expected:
    """Report that an engine is alive, with problems."""
    engine, event = report(world, "engine.alive", **problems)
    return {"engine": engine.name, "event": event["id"], "type": "engine.alive", "outcome": "taken"}


PRODUCERS: Final[dict[str, Produce]] = {
    "PausesUnconfirmed": lambda world: paused_for(world, 60),
    "CommandsUnconfirmed": lambda world: paused_for(world, 300),
    "CommandsExpired": expire,
    "RecordingsTimedOut": time_out,
    "EngineLost": lose,
    "CommandsUnroutable": unroutable,
    "CallbackHostsSuspended": suspend,
    "CallbacksExhausted": lambda world: deliver(world, 410),
    "CallbacksUnsigned": lambda world: deliver(world, None),
    "CallsTooLong": last_too_long,
    "EngineTrespass": trespass,
    "EventsRefused": trespass,
    "EventsStale": stale,
    "PausesRefused": refuse_a_pause,
    "EventsLater": late,
    "EventsDead": lambda world: alive(world, outbox={"waiting": 9, "oldest_ms": 9, "parked": 9, "dead": 2}),
    "CommandsUnreadable": lambda world: alive(world, commands_unreadable=1),
    "UploadAgeMs": lambda world: alive(world, uploads={"waiting": 1, "oldest_ms": 900_000}),
}


ELSEWHERE: Final = {
    "Busy": "test_failed_requests.py",
    "Faults": "test_failed_requests.py",
    "TaskFaults": "test_failed_requests.py",
    "CaptureConflict": "test_open_upload.py::test_a_report_is_compared_with_the_stored_object",
    "EngineClockSkewed": "test_take_engine_events.py",
    "PausesEndedByEngine": "test_open_engine_session.py::test_a_list_that_is_older_than_a_pause_raises_no_alarm",
    "ResourcesLost": "test_open_engine_session.py::test_a_newer_session_ends_what_it_does_not_list",
    "UrgentSendsFailed": "test_confirmed_updates.py",
}
"""Metrics of lines whose ids other tests compare."""


@pytest.mark.parametrize("metric", PRODUCERS)
def test_a_line_of_the_metric_names_what_it_is_about(world: World, lines: Lines, metric: str) -> None:
    """A line with the metric, or of the run that counts it, has the ids, and why it has this outcome."""
    world.discard()
    lines()
    expected = PRODUCERS[metric](world)
    found = [line for line in lines() if line.get("metric") == metric or (metric in line and _SUBJECTS & line.keys())]
    assert [{name: line.get(name) for name in expected} for line in found] == [expected]


_SUBJECTS: Final = {"account", "engine"}


def test_each_metric_with_an_alarm_has_a_producer() -> None:
    """Every metric that raises an alarm is produced here, or is in a line whose ids another test compares."""
    assert PRODUCERS.keys() | ELSEWHERE.keys() | {"Milliseconds"} == alarm_rules._emitted()


def test_an_unsigned_callback_names_the_request_that_failed(world: World, lines: Lines) -> None:
    """If the signing key cannot be decrypted, a line of its own names the operation of KMS and its error code."""
    expected = deliver(world, None)
    (line,) = [line for line in lines() if line.get("outcome") == "unsigned"]
    ids = ("account", "sid", "delivery", "version", "type")
    assert {name: line[name] for name in ids} == {name: expected[name] for name in ids}
    assert (line["operation"], line["aws_operation"], line["aws_error"]) == (
        "deliver_callback", "kms:Decrypt", "AccessDeniedException",
    )  # fmt: skip


def test_a_callback_of_an_account_without_a_key_names_what_is_missing(world: World, lines: Lines) -> None:
    """Nothing failed in AWS, so the line has no operation; instead of an error code it says that there is no key."""
    delivery = enqueue_delivery(world, "twilio", account="9" * 32)
    world.deliver()
    (line,) = [line for line in lines() if line.get("outcome") == "unsigned"]
    names = ("operation", "account", "sid", "delivery", "aws_operation", "aws_error")
    assert {name: line[name] for name in names if name in line} == {
        "operation": "deliver_callback", "account": "9" * 32, "sid": delivery.resource_id, "delivery": delivery.id,
        "aws_error": "NoSigningKey",
    }  # fmt: skip


def test_a_run_writes_a_hundred_lines_for_each_metric(world: World, lines: Lines) -> None:
    """Of 102 overdue pauses, a run writes 100 lines and counts all; the next run writes lines again (C-310)."""
    recordings = [world.stage.recording(world.stage.call(), confirmed_version=1, engine="ast1") for _ in range(102)]
    for each in recordings:
        world.services.recordings.update(each.parent, each.id, RecordingStatus.PAUSED)
    world.discard()
    world.clock.step(60)
    for _ in range(2):
        lines()
        world.reconcile()
        *overdue, run = lines()
        assert (len(overdue), {line["metric"] for line in overdue}) == (100, {"PausesUnconfirmed"})
        assert (run["PausesUnconfirmed"], "account" in run) == (102, False)
        assert len({line["recording"] for line in overdue}) == 100


def test_a_failed_record_names_its_resource(world: World, lines: Lines) -> None:
    """The line of a change, a capture or a callback that failed has the ids of the record and of its resource."""
    call = world.stage.call()
    world.discard()
    world.services.calls.update(call.account, call.id, UpdateCall(redirect={"url": URL, "method": "POST"}))
    (record,) = world.changes()
    world.bus.failures = 1
    assert world.publish([record]) == [record]
    recording = {"account": "a" * 32, "parent": {"type": "conference", "id": "c" * 32}, "recording": "d" * 32}
    world.convert([QueueMessage(recording, "", ""), QueueMessage({"account": "+15551234567"}, "", "")])
    world.deliver([QueueMessage({"account": "a" * 32, "resource": "d" * 32, "delivery": "00000001.end"}, "", "")])
    ids = ("account", "sid", "call", "conference", "recording", "version", "delivery", "event")
    names = ("operation", *ids, "outcome")
    found = [{name: line[name] for name in names if name in line} for line in lines() if line["message"] == "record"]
    assert found[1:] == [
        {"operation": "publish_changes", "account": call.account, "call": call.id, "version": 2,
         "event": record["eventID"], "outcome": "failed"},
        {"operation": "finish_recording", "account": "a" * 32, "conference": "c" * 32, "recording": "d" * 32,
         "event": "message-0", "outcome": "skipped"},
        {"operation": "finish_recording", "event": "message-1", "outcome": "unreadable"},
        {"operation": "deliver_callback", "account": "a" * 32, "sid": "d" * 32, "delivery": "00000001.end",
         "event": "message-0", "outcome": "skipped"},
    ]  # fmt: skip
