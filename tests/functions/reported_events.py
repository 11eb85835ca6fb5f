"""Fixtures and readers for the tests of engine events that are reported over HTTP."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.identity import new_id
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import ParentKind, Recording
from tapedeck.domain.subscription import CallbackSubscription
from tests.functions.background_world import World

Ingest = Callable[..., None]

CALLBACK: Final = CallbackSubscription(
    "https://app.example.com/hooks", "POST", ("in-progress", "completed", "absent"), "twilio"
)


@pytest.fixture
def applied(world: World) -> Ingest:
    """Ingest one event, which is applied at once; then ingest it again, which changes nothing."""

    def ingest(kind: str, **fields: Any) -> None:
        event = world.event(kind, **fields)
        assert world.ingest(event) == []
        assert world.reports[0]["outcome"] in {"taken", "repeated", "stale"}
        before = all_items(world)
        assert world.ingest(event) == []
        assert world.reports[0]["outcome"] in {"taken", "repeated", "stale"}
        assert all_items(world) == before

    return ingest


@pytest.fixture
def retried(world: World) -> Ingest:
    """Ingest an event that cannot be applied yet: it is to be reported again, and nothing changes."""

    def ingest(kind: str, **fields: Any) -> None:
        before = all_items(world)
        assert world.ingest(world.event(kind, **fields)) == [0]
        assert all_items(world) == before

    return ingest


@pytest.fixture
def ignored(world: World) -> Ingest:
    """Ingest an event that changes nothing except the number of the last engine event.

    `refused` is the code with which it is refused, if it is.
    """

    def items_without_numbers() -> list[dict[str, Any]]:
        tokens = {f"r{place}" for place in range(1, 9)}
        return [
            {name: value for name, value in item.items() if name not in {"seq", *tokens}} for item in all_items(world)
        ]

    def ingest(kind: str, refused: str | None = None, **fields: Any) -> None:
        before = items_without_numbers()
        assert world.ingest(world.event(kind, **fields)) == []
        assert items_without_numbers() == before
        (report,) = world.reports
        if refused is None:
            assert report["outcome"] in {"taken", "repeated", "stale"}
        else:
            assert (report["outcome"], report["code"]) == ("refused", refused)

    return ingest


def all_items(world: World) -> list[dict[str, Any]]:
    """Return all items of the table."""
    items: list[dict[str, Any]] = world.memory.scan(TableName=world.table)["Items"]
    return sorted(items, key=lambda item: (item["PK"]["S"], item["SK"]["S"]))


def new_engine_id(world: World) -> str:
    """Return an id that the engine creates now."""
    return new_id(world.clock())


def call_of(world: World, call: Call | str) -> Call:
    """Read a call."""
    return world.services.calls.get(world.account.account, call if isinstance(call, str) else call.id)


def conference_of(world: World, conference: Conference | str) -> Conference:
    """Read a conference."""
    return world.services.conferences.get(
        world.account.account, conference if isinstance(conference, str) else conference.id
    )


def participant_of(world: World, conference: Conference, call: str) -> Participant:
    """Read a participant, which may have left."""
    _, found = world.services.conferences._store.get_membership(conference.account, conference.id, call)
    assert found is not None
    return found


def recording_of(world: World, recording: Recording) -> Recording:
    """Read a recording."""
    return world.services.recordings.get(recording.parent, recording.id)


def parent_fields(of: Call | Conference) -> dict[str, str]:
    """Return the parent of a recording as an event names it."""
    return {"type": "call" if isinstance(of, Call) else "conference", "id": of.id}


def fields_of(recording: Recording) -> dict[str, Any]:
    """Return the fields with which an event names a recording and its parent."""
    kind = "call" if recording.parent.kind is ParentKind.CALL else "conference"
    return {"parent": {"type": kind, "id": recording.parent.id}, "recording": recording.id}


@pytest.fixture(params=["call", "conference"])
def parent(request: pytest.FixtureRequest, world: World) -> Call | Conference:
    """A call, then a conference."""
    return world.stage.call() if request.param == "call" else world.stage.conference()
