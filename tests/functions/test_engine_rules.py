"""Tests of new recordings of calls whose media engine is lost, or cannot capture in the requested way."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.presence import PresenceTable
from tapedeck.bootstrap.environment import Environment, current_environment
from tapedeck.domain.engine import EngineCapabilities
from tests.client import FunctionClient
from tests.functions.background_world import World
from tests.functions.stage import call_path, conference_path

LOST = {"twilio": (503, 20503), "signalwire": (503, 20504)}
CREATED = {"twilio": 201, "signalwire": 200}
DIALECTS = ("twilio", "signalwire")


@pytest.fixture(autouse=True)
def without_a_default_engine(world: World, install_environment: Callable[[Environment], object]) -> None:
    """As in a deployment, the engine of a call decides."""
    install_environment(replace(current_environment(), default_engine=None))
    del world


def open_session(world: World, name: str, seconds_ago: int = 0, **capabilities: bool) -> None:
    """Let an engine open a session some seconds ago."""
    presences = PresenceTable(DynamoDBTable(world.memory, world.table, world.sleep))
    at = world.clock.seconds - seconds_ago
    presences.open_session(name, "0" * 32, None, at, EngineCapabilities(**capabilities), None)  # type: ignore[arg-type]


def create(client: FunctionClient, call: Any, **form: str) -> tuple[int, int | None]:
    """Start a recording; return the status and the code of an error."""
    answer = client.post(*call_path(client, call, ""), form=form)
    return answer.status, answer.body.get("code")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_recording_starts_on_a_lost_engine(world: World, dialect: str) -> None:
    """After 45 seconds the answer is 503 and may be repeated, and nothing is written; other engines go on."""
    open_session(world, "ast1", seconds_ago=45)
    open_session(world, "ast2", seconds_ago=44)
    client = world.client(dialect)
    lost, alive, unknown = (world.stage.call(engine=engine) for engine in ("ast1", "ast2", None))
    world.discard()
    answer = client.post(*call_path(client, lost, ""))
    assert (answer.status, answer.body["code"], answer.headers["retry-after"]) == (*LOST[dialect], "1")
    assert world.changes() == []
    assert create(client, alive) == create(client, unknown) == (CREATED[dialect], None)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("others", ["none", "alive", "lost"])
def test_no_recording_starts_on_an_engine_without_a_session(world: World, dialect: str, others: str) -> None:
    """An engine that never opened a session is answered like a lost one, also if others are alive (C-281)."""
    if others != "none":
        open_session(world, "ast2", seconds_ago=0 if others == "alive" else 45)
    client, call = world.client(dialect), world.stage.call(engine="ast1")
    world.discard()
    answer = client.post(*call_path(client, call, ""))
    assert (answer.status, answer.body["code"], answer.headers["retry-after"]) == (*LOST[dialect], "1")
    assert world.changes() == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_call_without_an_engine_needs_a_live_one(world: World, dialect: str) -> None:
    """Of an unknown engine nothing shows that it is away, unless no engine at all is alive (C-121)."""
    client, call = world.client(dialect), world.stage.call()
    assert create(client, call) == LOST[dialect]
    open_session(world, "ast2", seconds_ago=45)
    assert create(client, call) == LOST[dialect]
    open_session(world, "ast3", seconds_ago=44)
    assert create(client, call) == (CREATED[dialect], None)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_engine_is_known_as_soon_as_its_session_is_open(world: World, dialect: str) -> None:
    """The presences are remembered for 5 seconds, but read again before a recording is refused."""
    client, call = world.client(dialect), world.stage.call(engine="ast1")
    open_session(world, "ast2")
    assert create(client, call) == LOST[dialect]
    open_session(world, "ast1")
    assert create(client, call) == (CREATED[dialect], None)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_lost_engine_changes_no_other_answer(world: World, dialect: str) -> None:
    """A running recording is returned, an ended call is not eligible, and an unknown one is not found."""
    open_session(world, "ast1", seconds_ago=45)
    client = world.client(dialect)
    recorded, ended = world.stage.call(engine="ast1"), world.stage.call("completed", engine="ast1")
    world.stage.recording(recorded)
    assert create(client, recorded) == (200, None)
    assert create(client, ended) == (400, 21220)
    assert create(client, replace(ended, id="0" * 32))[0] == 404


def test_the_engine_of_a_conference_is_that_of_its_calls(world: World) -> None:
    """A call without an engine of its own belongs to the engine of its conference."""
    open_session(world, "ast1", seconds_ago=45)
    conference = world.stage.conference(engine="ast1")
    call = world.stage.call(conference=conference.id)
    assert create(world.client("twilio"), call) == (503, 20503)


def test_no_participant_is_dialed_by_a_lost_engine(world: World) -> None:
    """Dialing into a conference of an engine that is lost, or was never seen, is 503, and nothing is written."""
    open_session(world, "ast1", seconds_ago=45)
    open_session(world, "ast2", seconds_ago=44)
    client, form = world.client("twilio"), {"From": "client:a", "To": "client:b"}
    lost, alive, never_seen = (world.stage.conference(engine=engine) for engine in ("ast1", "ast2", "ast3"))
    world.discard()
    for conference in (lost, never_seen):
        answer = client.post(*conference_path(client, conference), "Participants", form=form)
        assert (answer.status, answer.body["code"]) == (503, 20503)
    assert world.changes() == []
    assert client.post(*conference_path(client, alive), "Participants", form=form).status == 201


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("lacking", "form"), [("dual", {"RecordingChannels": "dual"}), ("tracks", {"RecordingTrack": "inbound"})]
)
def test_a_recording_needs_capabilities_of_the_engine(
    world: World, dialect: str, lacking: str, form: dict[str, str]
) -> None:
    """Without the capability the answer is 400 with 21220, and nothing is written; a simpler recording starts."""
    open_session(world, "ast1", **{lacking: False})
    open_session(world, "ast2")
    client = world.client(dialect)
    call, other = world.stage.call(engine="ast1"), world.stage.call(engine="ast2")
    world.discard()
    assert create(client, call, **form) == (400, 21220)
    assert world.changes() == []
    assert create(client, other, **form) == create(client, call) == (CREATED[dialect], None)


def test_a_second_recording_needs_a_restart(world: World) -> None:
    """An engine that cannot capture a call twice gets one recording of each call."""
    open_session(world, "ast1", restart=False)
    client, first, second = world.client("twilio"), *(world.stage.call(engine="ast1") for _ in range(2))
    world.stage.recording(first, "stopped")
    assert create(client, first) == (400, 21220)
    assert create(client, second) == (201, None)


def test_the_check_costs_one_query_in_five_seconds(world: World) -> None:
    """The presences are read once; the call only if an engine is lost, and the presences again before a refusal."""
    open_session(world, "ast1")
    client, calls = world.client("twilio"), [world.stage.call(engine="ast1") for _ in range(4)]
    assert create(client, world.stage.call(engine="ast1"))[0] == 201
    world.clock.step(5)
    costs = []
    for call, seconds in zip(calls, (0, 4, 1, 60), strict=True):
        world.clock.step(seconds)
        with world.recorded_requests() as requests:
            create(client, call)
        costs.append(list(requests))
    assert costs == [
        ["Query", "TransactWriteItems"],
        ["TransactWriteItems"],
        ["Query", "TransactWriteItems"],
        ["GetItem", "Query", "GetItem", "Query"],  # the credentials again, and the call
    ]


def test_the_write_checks_the_engine_of_the_call(world: World) -> None:
    """While every engine is alive, a call is not read: the write finds that its engine is not among them."""
    open_session(world, "ast1")
    client = world.client("twilio")
    assert create(client, world.stage.call(engine="ast1"))[0] == 201
    costs = []
    for engine in ("ast2", None):
        call = world.stage.call(engine=engine)
        with world.recorded_requests() as requests:
            create(client, call)
        costs.append(list(requests))
    assert costs == [["TransactWriteItems", "Query"], ["TransactWriteItems", "TransactWriteItems"]]
