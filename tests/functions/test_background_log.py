"""The background functions log one line for each record, with allowed fields only (REL-21)."""

import io
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from secrets import token_hex
from typing import Any, Final

import pytest

from tapedeck.bootstrap.environment import Environment, current_environment
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Parent, ParentKind, RecordingStatus
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.observability import CanonicalLog
from tapedeck.operations.recordings import StartRecording
from tapedeck.ports.messaging import FailureReason, QueueMessage, WebhookResult
from tests.engine_reports import capture_fields
from tests.functions.background_world import World

FIELDS_OF_ENGINES: Final = {
    "engine", "event", "type", "call", "conference", "recording", "version", "code", "reason", "status", "field",
    "request_id", "milliseconds", "aws_operation", "aws_error", "sid", "delivery", "since", "metric", "tried", "due",
}  # fmt: skip
ALLOWED: Final = {
    "level", "message", "timestamp", "service", "operation", "account", "outcome", "error", "_aws", "EventsRefused",
    "EventsLater", "CallbacksExhausted", "CallbacksUnsigned", "CallbackHostsSuspended", "CommandsUnconfirmed",
    "PausesUnconfirmed", "CommandsExpired", "RecordingsTimedOut", "TaskFaults", "EngineLost", "CallsTooLong",
    *FIELDS_OF_ENGINES,
}  # fmt: skip
MAX_LINE_LENGTH: Final = 700
CANARY: Final = "canary-4711"


@pytest.fixture
def log_lines(world: World, install_environment: Callable[[Environment], object]) -> Callable[[], list[dict[str, Any]]]:
    """Return the new log lines, which must be JSON, short, and free of the canary and of other fields."""
    del world  # its environment is the current one
    name, stream = f"test-{token_hex(4)}", io.StringIO()
    log = CanonicalLog(name)
    for handler in logging.getLogger(name).handlers:
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(stream)
    install_environment(replace(current_environment(), make_log=lambda _settings: log))

    def take() -> list[dict[str, Any]]:
        text = stream.getvalue()
        assert CANARY not in text
        assert all(len(line) <= MAX_LINE_LENGTH for line in text.splitlines())
        found = [json.loads(line) for line in text.splitlines()]
        assert all(line.keys() <= ALLOWED for line in found)
        stream.seek(0)
        stream.truncate()
        return found

    return take


def summaries(log_lines: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return operation, outcome, error or code, and metrics of each line; those of whole requests are left out."""
    common = {"level", "message", "timestamp", "service", "operation", "account", "outcome", "error", "_aws"}
    metrics = ALLOWED - common - FIELDS_OF_ENGINES
    return [
        (
            line["operation"], line["outcome"], line.get("error") or line.get("code"),
            {name: line[name] for name in sorted(metrics & line.keys())},
        )
        for line in log_lines
        if line["message"] != "engine_request"
    ]  # fmt: skip


def test_logs_one_line_for_each_record(world: World, log_lines: Callable[[], list[dict[str, Any]]]) -> None:
    """Each line has the outcome and the error class; no URL, body, key or answer is logged."""
    stage = world.stage
    call = stage.call()
    callback = CallbackSubscription(f"https://user:{CANARY}@a.example/{CANARY}?{CANARY}", "POST", ("absent",), "twilio")
    parent = Parent(call.account, ParentKind.CALL, call.id)
    recording, _ = world.services.recordings.create(parent, StartRecording(callback=callback))
    world.services.recordings.update(parent, recording.id, RecordingStatus.STOPPED)
    world.services.media.finish_without_media(parent, recording.id, 16101)
    records = world.changes()
    assert world.publish(records[-1:]) == []
    world.bus.failures = 1
    assert len(world.publish(records[-1:])) == 1
    about: dict[str, Any] = {"parent": {"type": "call", "id": call.id}, "recording": recording.id}
    conference = stage.conference("completed")
    world.ingest(
        f"{{{CANARY}",
        world.event("recording.completed", **about, **{**capture_fields(recording.id, b""), "ticket": CANARY}),
        world.event("participant.joined", conference=conference.id, call=call.id),
        world.event("call.ended", call=new_id(world.clock())),
        world.event("recording.completed", **about, **capture_fields(recording.id, b"")),
    )
    assert len(world.convert([QueueMessage({"account": CANARY}, "", "")])) == 1
    world.receiver.answers += [WebhookResult(410, None, 5, CANARY.encode())]
    world.deliver()
    world.reconcile()
    world.call("list_callbacks", {"account_sid": f"AC{call.account}", "sid": f"RE{recording.id}"})
    assert summaries(log_lines()) == [
        ("publish_changes", "done", None, {}),
        ("publish_changes", "failed", "StoreUnavailable", {}),
        ("take_engine_events", "refused", "unreadable", {"EventsRefused": 1}),
        ("take_engine_events", "refused", "unknown_key", {"EventsRefused": 1}),
        ("take_engine_events", "refused", "wrong_state", {"EventsRefused": 1}),
        ("take_engine_events", "later", None, {"EventsLater": 1}),
        ("take_engine_events", "refused", "wrong_state", {"EventsRefused": 1}),
        ("finish_recording", "unreadable", "MalformedBody", {}),
        ("deliver_callback", "exhausted", None, {"CallbacksExhausted": 1}),
        # Its message was queued twice.
        ("deliver_callback", "skipped", None, {}),
        (
            "reconcile",
            "done",
            None,
            {
                "CommandsUnconfirmed": 0,
                "PausesUnconfirmed": 0,
                "CommandsExpired": 0,
                "RecordingsTimedOut": 0,
                "EngineLost": 0,
                "CallsTooLong": 0,
            },
        ),
        ("list_callbacks", "done", None, {}),
    ]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (WebhookResult(503, None, 5, CANARY.encode()), "HTTP 503"),
        (WebhookResult(None, FailureReason.READ, 15_000), "read"),
    ],
)
def test_a_waiting_callback_says_why_and_until_when(
    world: World, log_lines: Callable[[], list[dict[str, Any]]], answer: WebhookResult, reason: str
) -> None:
    """The line of a callback that waits has the failure of its last attempt, their number, and when the next is due."""
    call = world.stage.call()
    callback = CallbackSubscription(f"https://a.example/{CANARY}", "POST", ("absent",), "twilio")
    parent = Parent(call.account, ParentKind.CALL, call.id)
    recording, _ = world.services.recordings.create(parent, StartRecording(callback=callback))
    world.services.recordings.update(parent, recording.id, RecordingStatus.STOPPED)
    world.services.media.finish_without_media(parent, recording.id, 16101)
    assert world.publish() == []
    for tried, delay in ((1, 30), (2, 60)):
        log_lines()
        world.receiver.answers[:] = [answer]
        assert world.deliver() == []
        (line,) = log_lines()
        due = world.clock.seconds + delay
        assert line == {
            "level": "INFO", "message": "record", "timestamp": line["timestamp"], "service": line["service"],
            "operation": "deliver_callback", "account": call.account, "sid": recording.id, "version": 3,
            "delivery": "00000003.absent", "event": "message-0", "type": "absent", "outcome": "retry-scheduled",
            "reason": reason, "tried": tried, "due": due,
        }  # fmt: skip
        world.clock.step(delay + 1)
        world.reconcile()


def test_logs_metrics_in_embedded_metric_format(world: World, log_lines: Callable[[], list[dict[str, Any]]]) -> None:
    """A line has its metrics in the format that CloudWatch extracts them from."""
    more = {**capture_fields("c" * 32, b""), "ticket": "other"}
    event = world.event("recording.completed", parent={"type": "call", "id": "b" * 32}, recording="c" * 32, **more)
    world.ingest(event)
    line, _request = log_lines()
    (metrics,) = line["_aws"]["CloudWatchMetrics"]
    assert metrics["Namespace"] == "Tapedeck"
    assert metrics["Metrics"] == [{"Name": "EventsRefused", "Unit": "Count"}]
    assert line["EventsRefused"] == 1
