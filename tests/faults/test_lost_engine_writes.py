"""A write to the registry of media engines with a lost response has the same result as one without (REL-3)."""

from collections.abc import Callable, Iterator
from secrets import token_hex

import pytest

from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.engine_registry import EngineRegistryTable
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.domain.engine import MediaEngine
from tapedeck.ports.engines import RegisteredEngine
from tests.conftest import TestAccount
from tests.faults.fault_injection import WRITES, Decide, inject_faults

OLDER, NEWER, THIRD = "a" * 64, "b" * 64, "c" * 64


@pytest.fixture
def registry(account: TestAccount) -> Iterator[EngineRegistryTable]:
    """The registry, through the client whose connection gets the faults."""
    del account  # creates the tables
    services = api_bootstrap.get_api_services()
    client = services.calls._store._database._client  # type: ignore[attr-defined]
    table = services.authenticator._credentials._database._table  # type: ignore[attr-defined]
    found = EngineRegistryTable(DynamoDBTable(client, table, lambda _seconds: None))
    yield found
    for each in found.list_engines():
        found.delete_engine(each.engine.name)


@pytest.fixture
def engine(registry: EngineRegistryTable) -> RegisteredEngine:
    """A registered engine with two tokens."""
    made = RegisteredEngine(MediaEngine(f"e{token_hex(4)}"), (OLDER, NEWER), 1)
    assert registry.put_engine(made)
    return made


def lose(count: int) -> Decide:
    """Lose the responses of the first writes."""
    lost: list[str] = []

    def decide(operation: str, _number: int) -> str | None:
        if operation not in WRITES or len(lost) == count:
            return None
        lost.append(operation)
        return "lose"

    return decide


def delay_first_write() -> Decide:
    """Delay the first write until the test delivers it."""
    delayed: list[str] = []

    def decide(operation: str, _number: int) -> str | None:
        if operation not in WRITES or delayed:
            return None
        delayed.append(operation)
        return "delay"

    return decide


@pytest.mark.parametrize("lost", [1, 3])
@pytest.mark.parametrize(
    ("change", "tokens"),
    [
        (EngineRegistryTable.remove_old_engine_token, (NEWER,)),
        (EngineRegistryTable.remove_new_engine_token, (OLDER,)),
        (EngineRegistryTable.disable_engine, (OLDER, NEWER)),
        (EngineRegistryTable.delete_engine, None),
    ],
)
def test_a_lost_response_changes_nothing(
    registry: EngineRegistryTable,
    engine: RegisteredEngine,
    change: Callable[[EngineRegistryTable, str], bool],
    tokens: tuple[str, ...] | None,
    lost: int,
) -> None:
    """The change succeeds and happens once, although its responses were lost."""
    with inject_faults(lose(lost)) as connection:
        assert change(registry, engine.engine.name)
    assert [fault for _, fault in connection.requests].count("lose") == lost
    found = registry.get_engine(engine.engine.name)
    assert (found.token_hashes if found is not None else None) == tokens


@pytest.mark.parametrize("lost", [1, 3])
def test_a_lost_response_of_a_new_token_changes_nothing(
    registry: EngineRegistryTable, engine: RegisteredEngine, lost: int
) -> None:
    """An engine and a second token are stored once, although the responses were lost."""
    name = f"{engine.engine.name}-2"
    with inject_faults(lose(lost)):
        assert registry.put_engine(RegisteredEngine(MediaEngine(name), (OLDER,), 1))
    with inject_faults(lose(lost)):
        assert registry.add_engine_token(name, NEWER)
    assert registry.get_engine(name) == RegisteredEngine(MediaEngine(name), (OLDER, NEWER), 1)


def test_a_late_copy_of_a_rotation_adds_no_second_token(
    registry: EngineRegistryTable, engine: RegisteredEngine
) -> None:
    """A delayed copy of a request that added a token does not add it again."""
    name = engine.engine.name
    assert registry.remove_new_engine_token(name)
    with inject_faults(delay_first_write()) as connection:
        assert registry.add_engine_token(name, NEWER)
        assert registry.remove_old_engine_token(name)
        assert connection.deliver() == [400]
    assert registry.get_engine(name) == RegisteredEngine(engine.engine, (NEWER,), 1)


def test_a_late_copy_of_a_revocation_removes_no_other_token(
    registry: EngineRegistryTable, engine: RegisteredEngine
) -> None:
    """A delayed copy of a request that removed the older token does not remove the one that is older since."""
    name = engine.engine.name
    with inject_faults(delay_first_write()) as connection:
        assert registry.remove_old_engine_token(name)
        assert registry.add_engine_token(name, THIRD)
        assert connection.deliver() == [400]
    assert registry.get_engine(name) == RegisteredEngine(engine.engine, (NEWER, THIRD), 1)
