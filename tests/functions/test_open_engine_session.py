"""Tests of `open_engine_session`: an engine lists what it has, and gets its queue."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tapedeck.bootstrap.environment import Environment, current_environment
from tapedeck.domain.errors import StoreUnavailable
from tapedeck.domain.recording import RecordingStatus
from tapedeck.ports.engines import QueueAccess
from tests.client import make_event
from tests.functions.background_world import World
from tests.functions.engines import EngineClient, engine_of

BOOT, NEWER = "01972b5cee00700080000000000000b1", "01972b5cee00700080000000000000b2"


class Lender:
    """Lends fixed credentials, unless it fails."""

    def __init__(self) -> None:
        self.is_failing = False

    def lend(self, engine: str) -> QueueAccess:
        """Return the credentials."""
        if self.is_failing:
            raise StoreUnavailable
        return QueueAccess(f"https://sqs.example/1/t_engine_{engine}", "eu-west-1", "AKIA", "secret", "token", 7)


@pytest.fixture
def lender(world: World, install_environment: Any) -> Lender:
    """What lends credentials in this world."""
    del world  # its environment is the current one
    made = Lender()
    environment: Environment = replace(current_environment(), make_credentials_lender=lambda: made)
    install_environment(environment)
    return made


@pytest.fixture
def engine(world: World, lender: Lender) -> EngineClient:
    """An engine of the world's account."""
    del lender
    return engine_of(world, accounts=frozenset({world.account.account}))


def opening(engine: EngineClient, boot: str = BOOT, **fields: Any) -> tuple[int, dict[str, Any]]:
    """Request a session; return the status and the answer."""
    request = {"protocol": 2, "boot": boot, "capabilities": {}, "sent_at": engine.world.clock(), **fields}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {engine.token}"}
    body = json.dumps(request).encode()
    event = make_event("POST", "/engine/v2/sessions", headers=headers, body=body, gateway="api-gateway")
    answer = engine.world.call("open_engine_session", event)
    return answer["statusCode"], json.loads(answer["body"])


def test_an_engine_without_a_session_is_requested_to_open_it(world: World, engine: EngineClient) -> None:
    """The events of an engine that opened no session are applied; the answers have `resync` until it opens one.

    So after a restart, when the session of another start is known.
    """
    for boot in (BOOT, NEWER):
        engine.boot, engine.has_session = boot, False
        ringing = world.stage.call("ringing")
        assert engine.outcomes(engine.event("call.answered", call=ringing.id)) == ["taken"]
        alive = engine.event("engine.alive")
        del alive["account"]
        assert engine.outcomes(alive) == ["taken"]
        assert opening(engine, boot)[0] == 200
        engine.has_session = True
        assert engine.outcomes(engine.event("call.ended", call=ringing.id, status="completed")) == ["taken"]


def test_a_gone_engine_that_comes_back_learns_what_has_ended(world: World, engine: EngineClient) -> None:
    """A connector that was cut off is requested to list what it has, since its calls and recordings have ended."""
    call = world.stage.call()
    recording = world.stage.recording(call, confirmed_version=1, engine="ast1")
    parent = {"type": "call", "id": call.id}
    live = [
        {"kind": "call", "id": call.id, "account": call.account},
        {"kind": "recording", "id": recording.id, "account": call.account, "parent": parent, "status": "in-progress"},
    ]
    assert opening(engine, live=live)[1]["ended"] == []
    engine.has_session = True
    world.clock.step(15 * 60)
    world.reconcile()
    assert not world.services.calls.get(call.account, call.id).is_live
    alive = engine.event("engine.alive")
    del alive["account"]
    engine.has_session = False
    assert engine.outcomes(alive) == ["taken"]
    assert opening(engine, live=live)[1]["ended"] == [call.id, recording.id]
    engine.has_session = True
    assert engine.outcomes(alive) == ["taken"]


def test_a_session_names_the_queue_and_what_is_not_live(world: World, engine: EngineClient) -> None:
    """The whole answer of a first session; what is listed belongs to the engine and to the session."""
    account = world.account.account
    call, ended = world.stage.call(), world.stage.call("completed")
    conference = world.stage.conference()
    recording = world.stage.recording(call)
    unknown = "0" * 32
    listed = [
        {"kind": "call", "id": call.id, "account": account},
        {"kind": "call", "id": ended.id, "account": account},
        {"kind": "conference", "id": conference.id, "account": account},
        {"kind": "recording", "id": recording.id, "account": account, "parent": {"type": "call", "id": call.id}},
        {"kind": "recording", "id": recording.id, "account": account},
        {"kind": "call", "id": unknown, "account": account},
        {"kind": "call", "id": call.id, "account": "b" * 32},
    ]
    assert opening(engine, live=listed) == (
        200,
        {
            "engine": "ast1",
            "now": world.clock(),
            "seq_seen": 1_000_000,
            "alive_every": 15,
            "dead_after": 45,
            "commands": {
                "url": "https://sqs.example/1/t_engine_ast1", "region": "eu-west-1", "access_key": "AKIA",
                "secret_key": "secret", "session_token": "token", "expires_at": 7,
            },
            "unknown": [recording.id, unknown, call.id],
            "ended": [ended.id],
        },
    )  # fmt: skip
    found = world.services.recordings.get(recording.parent, recording.id)
    assert (found.engine, found.session) == ("ast1", 1)
    assert world.services.calls.get(account, call.id).session == 1
    assert world.services.conferences.get(account, conference.id).session == 1


def test_a_newer_session_ends_what_it_does_not_list(world: World, engine: EngineClient) -> None:
    """The older session is answered 409 from then on, and its call has ended, with its callback in the outbox."""
    call = world.stage.call()
    live = [{"kind": "call", "id": call.id, "account": call.account}]
    assert opening(engine, live=live)[0] == 200
    world.clock.step(20)
    assert opening(engine, NEWER, more=True)[0] == 200
    assert world.services.calls.get(call.account, call.id).is_live
    assert opening(engine, NEWER)[0] == 200
    assert world.services.calls.get(call.account, call.id).status == "completed"
    refusal = {"refused": "superseded", "detail": "a newer session of this engine is open"}
    assert opening(engine) == (409, refusal)


@pytest.mark.parametrize("more", [True, False])
def test_a_late_request_of_an_older_session_ends_nothing(world: World, engine: EngineClient, *, more: bool) -> None:
    """A connector is started anew while a page of its predecessor is in work: what the new one lists goes on.

    The late page lists some calls after the new session has listed all. It is answered 409, and ends nothing.
    """
    calls = [world.stage.call() for _ in range(6)]
    live = [{"kind": "call", "id": call.id, "account": call.account} for call in calls]
    assert opening(engine, live=live)[0] == 200
    replacement = "01972b5cee00700080000000000000b3"
    written: list[str] = []

    def replace_session(when: str, operation: str, _request: Mapping[str, Any]) -> None:
        if (when, operation) == ("before", "UpdateItem"):
            written.append(operation)
        if len(written) == 4:
            world.faults.clear()
            assert opening(engine, replacement, live=live, more=True)[0] == 200

    world.faults.append(replace_session)
    assert opening(engine, NEWER, live=live[:4], more=more)[0] == 409
    assert opening(engine, replacement)[0] == 200
    found = [world.services.calls.get(call.account, call.id) for call in calls]
    assert [(call.is_live, call.session) for call in found] == [(True, 3)] * 6


def test_an_engine_gets_its_unconfirmed_commands(world: World, engine: EngineClient) -> None:
    """A pause that was requested while the engine was away is sent when it opens a session."""
    call = world.stage.call()
    recording = world.stage.recording(call, "paused", confirmed_version=1)
    parent = {"type": "call", "id": call.id}
    live = [
        {"kind": "call", "id": call.id, "account": call.account},
        {"kind": "recording", "id": recording.id, "account": call.account, "parent": parent},
    ]
    assert opening(engine, live=live)[0] == 200
    (sent,) = world.commands.drain()
    assert (sent.body["type"], sent.body["version"]) == ("recording.pause", 2)
    assert opening(engine, live=live)[0] == 200
    assert world.commands.drain() == []


@pytest.mark.parametrize(
    ("confirmed", "status", "commands"),
    [
        (2, "in-progress", [("recording.pause", 3)]),
        (1, "in-progress", [("recording.pause", 2)]),
        (2, "paused", []),
        (2, None, []),
    ],
)
def test_a_pause_that_an_engine_has_lost_is_requested_again(
    world: World, engine: EngineClient, confirmed: int, status: str | None, commands: list[tuple[str, int]]
) -> None:
    """An engine that captures what was paused is sent a new pause; the old confirmation does not count for it."""
    call = world.stage.call()
    recording = world.stage.recording(call, "paused", confirmed_version=confirmed, effective_version=confirmed)
    listed = {"kind": "recording", "id": recording.id, "account": call.account, "version": 1, "status": status}
    live = [
        {"kind": "call", "id": call.id, "account": call.account},
        {**listed, "parent": {"type": "call", "id": call.id}},
    ]
    assert opening(engine, live=live)[0] == 200
    assert [(sent.body["type"], sent.body["version"]) for sent in world.commands.drain()] == commands
    found = world.services.recordings.get(recording.parent, recording.id)
    assert (found.status, found.is_pending, found.effective_version) == ("paused", bool(commands), confirmed)


@pytest.mark.parametrize(
    ("listed_version", "seconds", "is_reported"),
    [(1, 5, False), (1, 0, False), (2, 5, True), (1, -5, True)],
)
def test_a_list_that_is_older_than_a_pause_raises_no_alarm(
    world: World, engine: EngineClient, listed_version: int, seconds: int, *, is_reported: bool
) -> None:
    """A list that was made before the engine paused is no report that it has ended the pause; it is paused anew anyway.

    It is one if the engine has carried out the pause already, or may have lost it with a start after the pause.
    """
    call = world.stage.call()
    recording = world.stage.recording(call, confirmed_version=1, engine="ast1")
    live = [
        {"kind": "call", "id": call.id, "account": call.account},
        {"kind": "recording", "id": recording.id, "account": call.account, "version": listed_version,
         "status": "in-progress", "parent": {"type": "call", "id": call.id}},
    ]  # fmt: skip

    def pause() -> None:
        paused = world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
        event = engine.event(
            "recording.paused", recording=recording.id, parent={"type": "call", "id": call.id}, version=paused.version
        )
        assert engine.outcomes(event) == ["taken"]

    if seconds < 0:
        pause()
        world.clock.step(-seconds)
        assert opening(engine, live=[], more=True)[0] == 200
    else:
        assert opening(engine, live=live[:1])[0] == 200
        engine.has_session = True
        world.clock.step(seconds)
        pause()
    world.log.drain()
    assert opening(engine, live=live)[0] == 200
    lines = [line for line in world.log.drain() if line.get("sid") == recording.id]
    line = {"operation": "open_engine_session", "engine": "ast1", "boot": BOOT, "sid": recording.id}
    assert lines == ([line] if is_reported else [])
    found = world.services.recordings.get(recording.parent, recording.id)
    assert (found.status, found.version, found.confirmed_version) == ("paused", 3, 2)


@pytest.mark.parametrize(
    ("status", "has_ended"), [("in-progress", True), ("paused", True), ("stopped", False), (None, False)]
)
def test_a_stopped_recording_that_an_engine_captures_has_ended(
    world: World, engine: EngineClient, status: str | None, *, has_ended: bool
) -> None:
    """The answer names it, so that the engine stops it; one that waits for its upload is not named."""
    call = world.stage.call()
    recording = world.stage.recording(call, "stopped", confirmed_version=2)
    listed = {"kind": "recording", "id": recording.id, "account": call.account, "status": status}
    live = [
        {"kind": "call", "id": call.id, "account": call.account},
        {**listed, "parent": {"type": "call", "id": call.id}},
    ]
    assert opening(engine, live=live)[1]["ended"] == ([recording.id] if has_ended else [])
    assert world.services.recordings.get(recording.parent, recording.id).status == "stopped"


def test_a_failure_is_answered_503_and_can_be_repeated(engine: EngineClient, lender: Lender) -> None:
    """Without credentials there is no session for the engine: it repeats the request."""
    lender.is_failing = True
    assert opening(engine) == (503, {"refused": "busy"})
    lender.is_failing = False
    assert opening(engine)[0] == 200


@pytest.mark.parametrize(("fields", "field"), [({"boot": "1"}, "boot"), ({"sent_at": 1.5}, "sent_at")])
def test_an_unreadable_request_is_refused(engine: EngineClient, fields: dict[str, Any], field: str) -> None:
    """A request that does not follow the protocol is answered 422 with the field."""
    boot = fields.pop("boot", BOOT)
    status, answer = opening(engine, boot, **fields)
    assert (status, answer["refused"], answer["field"]) == (422, "unreadable", field)
