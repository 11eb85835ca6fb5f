"""Tests of `take_engine_events`: a bad event affects no other, in whichever place of a batch it stands."""

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from tapedeck.bootstrap.environment import current_environment
from tapedeck.domain.call import Call
from tapedeck.domain.errors import StoreThrottled, StoreUnavailable
from tapedeck.domain.recording import Recording, RecordingStatus
from tests.functions.background_world import World
from tests.functions.engines import EngineClient, engine_of, open_registry

OTHER_ACCOUNT = "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"


@pytest.fixture
def engine(world: World) -> EngineClient:
    """An engine of the world's account."""
    return engine_of(world, accounts=frozenset({world.account.account}))


def recording_fields(recording: Recording) -> dict[str, Any]:
    """The fields of an event about a call's recording."""
    return {"parent": {"type": "call", "id": recording.parent.id}, "recording": recording.id}


def status_of(world: World, resource: Call | Recording) -> str:
    """Read the status of a call or a recording."""
    if isinstance(resource, Call):
        return str(world.services.calls.get(resource.account, resource.id).status)
    return str(world.services.recordings.get(resource.parent, resource.id).status)


Poison = Callable[[EngineClient, Recording], Any]

POISON: Mapping[str, tuple[Poison, dict[str, Any]]] = {
    # event, its result
    "an unknown recording": (
        lambda engine, recording: engine.event(
            "recording.paused", **{**recording_fields(recording), "recording": "0" * 32}, version=2
        ),
        {"outcome": "later"},
    ),
    "not an object": (lambda _engine, _recording: [7], {"outcome": "refused", "code": "unreadable"}),
    "an unknown type": (
        lambda engine, _recording: engine.event("recording.exploded"),
        {"outcome": "refused", "code": "unknown_type"},
    ),
    "a fractional time": (
        lambda engine, recording: {
            **engine.event("recording.paused", **recording_fields(recording)), "at": 1_537_916_400_250.5,
        },
        {"outcome": "refused", "code": "unreadable"},
    ),
    "a foreign account": (
        lambda engine, recording: {
            **engine.event("recording.stopped", **recording_fields(recording)), "account": OTHER_ACCOUNT,
        },
        {"outcome": "refused", "code": "not_yours"},
    ),
    "a huge text": (
        lambda engine, recording: {
            **engine.event("recording.paused", **recording_fields(recording)), "pause_behavior": "x" * 500_000,
        },
        {"outcome": "refused", "code": "unreadable"},
    ),
    "a wrong JSON type": (
        lambda engine, recording: {
            **engine.event("recording.paused", **recording_fields(recording)), "parent": [recording.parent.id],
        },
        {"outcome": "refused", "code": "unreadable"},
    ),
    "another engine's call": (
        lambda engine, _recording: engine.event(
            "call.ended", call=engine.world.stage.call(engine="ast2").id, status="completed"
        ),
        {"outcome": "refused", "code": "not_yours"},
    ),
}  # fmt: skip
"""Events that cannot be taken."""


# First and last are places with events before and behind, because `make test` runs only these two.
@pytest.mark.parametrize("place", [4, 0, 1, 2, 3, 6, 7, 8, 9, 5])
@pytest.mark.parametrize("name", POISON)
def test_the_neighbours_of_poison_are_taken(world: World, engine: EngineClient, name: str, place: int) -> None:
    """Of ten events, one cannot be taken: the others are taken at once, and the end behind it ends everything."""
    calls = [world.stage.call("ringing") for _ in range(4)]
    talking = world.stage.call("in-progress")
    recording = world.stage.recording(talking, confirmed_version=1)
    paused = world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    events = [
        *(engine.event("call.answered", call=call.id) for call in calls),
        engine.event("recording.paused", **recording_fields(recording), version=paused.version),
        *(engine.event("call.ended", call=call.id, status="completed") for call in calls[:3]),
        engine.event("call.ended", call=talking.id, status="completed"),
    ]
    make_poison, refused = POISON[name]
    events.insert(place, make_poison(engine, recording))
    results = engine.report(*events)
    poison = results.pop(place)
    assert {**poison, **refused} == poison
    assert results == [{"outcome": "taken"}] * 9
    assert [status_of(world, each) for each in (*calls, talking)] == [*["completed"] * 3, "in-progress", "completed"]
    assert status_of(world, recording) == "stopped"


@pytest.mark.parametrize("name", POISON)
def test_a_confirmation_behind_poison_is_applied(world: World, engine: EngineClient, name: str) -> None:
    """The confirmation of a pause does not wait for an event of the same call before it that cannot be taken."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1)
    paused = world.services.recordings.update(recording.parent, recording.id, RecordingStatus.PAUSED)
    poison = POISON[name][0](engine, recording)
    confirmation = engine.event("recording.paused", **recording_fields(recording), version=paused.version)
    assert engine.report(poison, confirmation)[1] == {"outcome": "taken"}
    found = world.services.recordings.get(recording.parent, recording.id)
    assert (found.status, found.confirmed_version) == ("paused", paused.version)


def test_an_early_event_is_taken_later(world: World, engine: EngineClient) -> None:
    """`participant.joined` before `call.answered` is to be reported again, and is taken once the call is answered."""
    conference, call = world.stage.conference(), world.stage.call("ringing")
    joined = engine.event("participant.joined", conference=conference.id, call=call.id)
    answered = engine.event("call.answered", call=call.id)
    early, taken = engine.report(joined, answered)
    assert (early, taken) == ({"outcome": "later", "after_ms": 500}, {"outcome": "taken"})
    assert engine.report(joined) == [{"outcome": "taken"}]
    assert engine.outcomes(joined, answered) == ["repeated", "repeated"]


@contextmanager
def failing(world: World, resource: str, error: Exception) -> Iterator[None]:
    """Fail every request to the tables that names this resource, inside the `with` block."""

    def fail(when: str, _operation: str, request: Mapping[str, Any]) -> None:
        if when == "before" and resource in json.dumps(request, default=str):
            raise error

    world.faults.append(fail)
    try:
        yield
    finally:
        world.faults.remove(fail)


@pytest.mark.parametrize(
    ("error", "after_ms"), [(StoreThrottled(), 200), (StoreUnavailable(), 200), (ZeroDivisionError(), 1000)]
)
@pytest.mark.parametrize("place", [0, 2, 4])
def test_a_failure_delays_its_own_event(
    world: World, engine: EngineClient, error: Exception, after_ms: int, place: int
) -> None:
    """If the writes for one call fail, only its event is to be reported again; then it is taken."""
    calls = [world.stage.call("ringing") for _ in range(5)]
    events = [engine.event("call.answered", call=call.id) for call in calls]
    with failing(world, calls[place].id, error):
        results = engine.report(*events)
    assert results.pop(place) == {"outcome": "later", "after_ms": after_ms}
    assert results == [{"outcome": "taken"}] * 4
    assert engine.report(events[place]) == [{"outcome": "taken"}]
    assert [status_of(world, call) for call in calls] == ["in-progress"] * 5


def test_authenticates_by_the_token(world: World, engine: EngineClient) -> None:
    """Only the token of an engine that is enabled is accepted, in a Bearer header; nothing changes otherwise."""
    call = world.stage.call("ringing")
    envelope = {
        "protocol": 2, "boot": engine.boot, "sent_at": world.clock(),
        "events": [engine.event("call.answered", call=call.id)],
    }  # fmt: skip
    body = json.dumps(envelope).encode()
    disabled = engine_of(world, "ast3")
    assert open_registry(current_environment()).disable_engine("ast3")
    for authorization in (
        "", "Bearer", "Basic YXN0MTp4", f"Basic {engine.token}", f"Bearer {engine.token[:-1]}b", "Bearer tdk_ast9_",
        f"Bearer {world.account.auth_token}", f"Bearer {disabled.token}",
    ):  # fmt: skip
        assert engine.post(body, authorization) == (401, {"refused": "unauthorized"})
    assert status_of(world, call) == "ringing"
    assert engine.post(body)[0] == 200
    assert status_of(world, call) == "in-progress"


def test_a_token_is_good_for_its_own_engine(world: World, engine: EngineClient) -> None:
    """The token of another engine, or of one for other accounts, is refused for what belongs to this one."""
    call = world.stage.call("ringing", engine="ast1")
    foreign = engine_of(world, "ast2")
    elsewhere = engine_of(world, "ast4", accounts=frozenset({OTHER_ACCOUNT}))
    answered = engine.event("call.answered", call=call.id)
    for other in (foreign, elsewhere):
        (result,) = other.report(answered)
        assert (result["outcome"], result["code"]) == ("refused", "not_yours")
        (line,) = world.log.drain()
        assert line["counted"] == {"EventsRefused": 1, "EngineTrespass": 1}
        assert (line["engine"], line["call"], line["event"]) == (other.name, call.id, answered["id"])
    assert status_of(world, call) == "ringing"
    assert engine.report(answered) == [{"outcome": "taken"}]


@pytest.mark.parametrize("seq", [2**53 - 1, 2**52])
def test_a_number_that_leaves_no_room_is_refused(world: World, engine: EngineClient, seq: int) -> None:
    """An event with a far too high number is refused, so that the call's next event is not stale."""
    call = world.stage.call("ringing")
    first, second = engine.event("call.answered", call=call.id), engine.event("call.answered", call=call.id)
    assert engine.report({**first, "seq": seq}) == [{"outcome": "refused", "code": "unreadable", "detail": "seq"}]
    assert engine.report({**second, "seq": 2**52 - 1}) == [{"outcome": "taken"}]
    assert status_of(world, call) == "in-progress"


def test_limits_a_batch(world: World, engine: EngineClient) -> None:
    """A batch has 1 to 50 events and at most a million bytes; anything else is refused as a whole."""
    calls = [world.stage.call("ringing") for _ in range(50)]
    events = [engine.event("call.answered", call=call.id) for call in calls]
    envelope = {"protocol": 2, "boot": engine.boot, "sent_at": world.clock()}
    wrong_batches: list[Any] = [[*events, events[0]], [], {}, None]
    for wrong in wrong_batches:
        status, answer = engine.post(json.dumps({**envelope, "events": wrong}).encode())
        assert (status, answer["refused"], answer["field"]) == (422, "unreadable", "events")
    for field, value in (("protocol", 1), ("protocol", "2"), ("boot", "x"), ("boot", None), ("sent_at", 1.5)):
        status, answer = engine.post(json.dumps({**envelope, "events": events, field: value}).encode())
        assert (status, answer["refused"], answer["field"]) == (422, "unreadable", field)
    body = json.dumps({**envelope, "events": events}).encode()
    assert engine.post(body + b" " * (1_000_001 - len(body))) == (
        413,
        {"refused": "too_large", "detail": "the body has more than 1,000,000 bytes"},
    )
    assert {status_of(world, call) for call in calls} == {"ringing"}
    status, answer = engine.post(body + b" " * (1_000_000 - len(body)))
    assert (status, {result["outcome"] for result in answer["results"]}) == (200, {"taken"})
    assert {status_of(world, call) for call in calls} == {"in-progress"}


def test_two_workers_take_the_same_batch(world: World, engine: EngineClient) -> None:
    """Two functions that take the same events at once answer without an error, and each event counts once."""
    calls = [world.stage.call("ringing") for _ in range(6)]
    events = [engine.event("call.answered", call=call.id) for call in calls]
    with ThreadPoolExecutor(2) as workers:
        answers = list(workers.map(lambda _worker: engine.report(*events), range(2)))
    outcomes = [{result["outcome"] for result in results} for results in zip(*answers, strict=True)]
    assert all(each <= {"taken", "repeated", "later"} for each in outcomes)
    assert all(engine.outcomes(event) == ["repeated"] for event in events)
    found = [world.services.calls.get(call.account, call.id) for call in calls]
    assert [(each.status, each.version) for each in found] == [("in-progress", 2)] * 6


def test_logs_each_event(world: World, engine: EngineClient) -> None:
    """Each event has a line with its ids, outcome and reason; one that is stale or refused is counted."""
    recording = world.stage.recording(world.stage.call(), confirmed_version=1)
    stopped = engine.event("recording.stopped", **recording_fields(recording), version=None)
    world.discard()
    assert engine.report(stopped) == [{"outcome": "taken"}]
    (line,) = world.log.drain()
    assert {**line, "reason": "…"} == {
        "operation": "take_engine_events", "engine": "ast1", "event": stopped["id"], "kind": "recording.stopped",
        "account": world.account.account, "call": recording.parent.id, "recording": recording.id, "outcome": "taken",
        "reason": "…",
    }  # fmt: skip
