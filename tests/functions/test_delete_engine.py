"""`delete_engine`: an engine that is not in use is deleted with its queue, its tokens and its presence."""

from typing import Any

import pytest

from tapedeck.bootstrap.background import build_background_services
from tapedeck.bootstrap.environment import current_environment
from tapedeck.domain.engine import EngineCapabilities, EngineHealth, MediaEngine, SessionState
from tapedeck.domain.errors import NotAuthenticated
from tapedeck.operations.engine_sessions import SessionOpening
from tests.functions.admin import refused
from tests.functions.engine_admin import BOOT, MALFORMED_NAMES, EngineOperator, token

DELETED = {"name": "ast1", "deleted": True}
ALIVE = {
    "error": {
        "message": "The engine is alive: stop its connector and invoke this again after 45 seconds, or pass force",
        "field": None,
    }
}
LIVE = {
    "error": {
        "message": (
            "Calls, conferences or recordings of an engine of this name are not final: wait until they are. To delete "
            "the engine nevertheless, pass force"
        ),
        "field": None,
    }
}
UNKNOWN = {"error": {"message": "There is no such engine", "field": None}}


@pytest.fixture
def deleting(engine_operator: EngineOperator) -> EngineOperator:
    """An operator of two engines, `ast1` and `ast10`."""
    for name in ("ast1", "ast10"):
        engine_operator.call("create_engine", name=name)
    engine_operator.world.log.drain()
    return engine_operator


def is_there(operator: EngineOperator) -> tuple[bool, bool, bool, bool]:
    """Return whether `ast1` is registered, has a queue, has a presence, and authenticates."""
    names = [each["name"] for each in operator.call("list_engines")["engines"]]
    assert "ast10" in names
    assert "ast10" in operator.queues()
    has_presence = operator.presences.get_presence("ast1") is not None
    return "ast1" in names, "ast1" in operator.queues(), has_presence, operator.accepts(token("ast1"))


def test_deletes_an_engine(deleting: EngineOperator) -> None:
    """An engine that was never seen is deleted; another one stays. A repetition finds no engine."""
    assert deleting.call("delete_engine", name="ast1") == DELETED
    assert deleting.world.log.drain() == [{"operation": "delete_engine", "engine": "ast1", "outcome": "done"}]
    assert is_there(deleting) == (False, False, False, False)
    assert deleting.call("delete_engine", name="ast1") == UNKNOWN


def test_deletes_a_lost_engine_with_its_presence(deleting: EngineOperator) -> None:
    """An engine that was not seen for 45 seconds is lost, and can be deleted."""
    deleting.open_session("ast1", seconds_ago=45)
    assert deleting.call("delete_engine", name="ast1") == DELETED
    assert is_there(deleting) == (False, False, False, False)


@pytest.mark.parametrize(
    ("seconds_ago", "presence"), [(0, True), (44, True), (86_400, False)], ids=["now", "just alive", "no presence"]
)
def test_keeps_an_engine_that_is_alive(deleting: EngineOperator, seconds_ago: int, *, presence: bool) -> None:
    """An engine that is alive, or reports no presence, is deleted by force only."""
    deleting.open_session("ast1", seconds_ago, EngineCapabilities(presence=presence))
    assert deleting.call("delete_engine", name="ast1") == ALIVE
    assert deleting.call("delete_engine", name="ast1", force=False) == ALIVE
    assert is_there(deleting) == (True, True, True, True)
    assert deleting.call("delete_engine", name="ast1", force=True) == DELETED
    assert is_there(deleting) == (False, False, False, False)


def test_keeps_an_engine_that_has_live_resources(deleting: EngineOperator) -> None:
    """A lost engine with a call in progress is deleted once the call has ended."""
    deleting.open_session("ast1", seconds_ago=60)
    call = deleting.start_call("ast1")
    assert deleting.call("delete_engine", name="ast1") == LIVE
    assert is_there(deleting) == (True, True, True, True)
    deleting.world.services.calls.end(call.account, call.id)
    assert deleting.call("delete_engine", name="ast1") == DELETED
    assert is_there(deleting) == (False, False, False, False)


def test_a_forced_deletion_is_completed_once_nothing_is_live(deleting: EngineOperator) -> None:
    """With force, tokens and queue are gone at once; the rest stays until what is live has ended (C-188).

    What is live ends as that of a lost engine, which needs the presence. Until then the name stays taken.
    """
    deleting.open_session("ast1", seconds_ago=10)
    call = deleting.start_call("ast1")
    for _ in range(2):
        assert deleting.call("delete_engine", name="ast1", force=True) == {"name": "ast1", "deleted": False}
        assert is_there(deleting) == (True, False, True, False)
    assert "error" in deleting.call("create_engine", name="ast1")
    deleting.world.services.calls.end(call.account, call.id)
    assert deleting.call("delete_engine", name="ast1", force=True) == DELETED
    assert is_there(deleting) == (False, False, False, False)
    assert deleting.call("create_engine", name="ast1")["name"] == "ast1"


@pytest.mark.parametrize("presence", [None, True, False], ids=["no session", "alive", "no presence"])
def test_a_forced_deletion_is_completed_by_the_reconciler(deleting: EngineOperator, *, presence: bool | None) -> None:
    """After the next run of the reconciler nothing is live, and the function completes the deletion (C-236)."""
    if presence is not None:
        deleting.open_session("ast1", seconds_ago=10, capabilities=EngineCapabilities(presence=presence))
    call = deleting.start_call("ast1")
    assert deleting.call("delete_engine", name="ast1", force=True) == {"name": "ast1", "deleted": False}
    listed = {each["name"]: each["presence"] for each in deleting.call("list_engines")["engines"]}
    assert listed["ast1"] == ("never seen" if presence is None else "lost")
    build_background_services(current_environment()).engine_monitor.run()
    assert deleting.world.services.calls.get(call.account, call.id).status == "completed"
    assert deleting.call("delete_engine", name="ast1", force=True) == DELETED
    assert is_there(deleting) == (False, False, False, False)


@pytest.mark.parametrize("is_late", [False, True], ids=["alive, then deleted", "deleted, then alive"])
def test_a_deleted_engine_is_never_alive(deleting: EngineOperator, *, is_late: bool) -> None:
    """A connector whose token a process remembers leaves no presence behind, and opens no session (C-256)."""
    sessions = build_background_services(current_environment()).make_engine_sessions()
    engine, capabilities = MediaEngine("ast1"), EngineCapabilities(place=True)
    opening, new = (SessionOpening(boot, capabilities) for boot in (BOOT, BOOT[:-1] + "9"))
    sessions.open(engine, opening)
    if not is_late:
        sessions.note_alive("ast1", BOOT, 1, EngineHealth())
    assert deleting.call("delete_engine", name="ast1", force=True) == DELETED
    if is_late:
        assert not sessions.note_alive("ast1", BOOT, 1, EngineHealth())
    for each in (opening, new):
        with pytest.raises(NotAuthenticated):
            sessions.open(engine, each)
    assert sessions.find_session("ast1", BOOT).state is SessionState.UNOPENED
    assert deleting.presences.list_presences() == []
    assert is_there(deleting) == (False, False, False, False)


@pytest.mark.parametrize("failing", ["get_queue_url", "delete_queue"])
def test_a_run_that_failed_is_completed_by_the_next(deleting: EngineOperator, failing: str) -> None:
    """If the queue is not deleted, the engine stays, but without a valid token; the next run deletes the rest."""
    deleting.failing = {failing}
    deleting.try_to_delete("ast1")
    assert is_there(deleting) == (True, True, False, False)
    deleting.failing = set()
    assert deleting.call("delete_engine", name="ast1") == DELETED
    assert is_there(deleting) == (False, False, False, False)


@pytest.mark.parametrize("name", MALFORMED_NAMES)
def test_refuses_malformed_names(deleting: EngineOperator, name: Any) -> None:
    """A malformed name is refused, and the answer names the field."""
    assert deleting.call("delete_engine", name=name, force=True) == refused("name")


@pytest.mark.parametrize("force", ["", "true", 1, None])
def test_refuses_another_force(deleting: EngineOperator, force: Any) -> None:
    """`force` is true or false; nothing is deleted otherwise."""
    assert deleting.call("delete_engine", name="ast1", force=force) == refused("force")
    assert is_there(deleting) == (True, True, False, True)
