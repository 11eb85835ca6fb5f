"""The contract of `ports.engines.EngineRegistry`, in each database."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.engine_registry import EngineRegistryTable
from tapedeck.bootstrap.environment import current_environment
from tapedeck.domain.engine import MediaEngine
from tapedeck.ports.engines import EngineRegistry, RegisteredEngine

pytestmark = [pytest.mark.dynamodb_local, pytest.mark.usefixtures("database")]

CREATED = 1_795_250_675
ACCOUNTS = frozenset({"720796a08ee9435083bd2d07a3121f1e", "a" * 32})


@pytest.fixture
def registry(database: str) -> Iterator[EngineRegistry]:
    """The registry over the database under test, without the engines that other tests have left or will see."""
    del database  # only has to be there
    environment = current_environment()
    table = environment.read_settings().credentials_table
    found = EngineRegistryTable(DynamoDBTable(environment.make_client("dynamodb"), table, time.sleep))

    def clear() -> None:
        for registered in found.list_engines():
            found.delete_engine(registered.engine.name)

    clear()
    yield found
    clear()


@pytest.fixture
def make_engine() -> Callable[..., RegisteredEngine]:
    """Make an engine with one token, of a name that no other test uses."""

    def make(prefix: str = "ast", **fields: Any) -> RegisteredEngine:
        return RegisteredEngine(MediaEngine(f"{prefix}-{uuid4().hex[:12]}", **fields), ("a" * 64,), CREATED)

    return make


MakeEngine = Callable[..., RegisteredEngine]


def test_an_engine_is_created_once(registry: EngineRegistry, make_engine: MakeEngine) -> None:
    """Creating an engine is idempotent for its token; another token for its name is rejected and changes nothing."""
    mine = make_engine(accounts=ACCOUNTS)
    assert registry.put_engine(mine)
    assert registry.put_engine(mine)
    assert not registry.put_engine(replace(mine, token_hashes=("b" * 64,)))
    assert registry.get_engine(mine.engine.name) == mine
    assert registry.get_engine(make_engine().engine.name) is None


def test_engines_are_listed_by_name(registry: EngineRegistry, make_engine: MakeEngine) -> None:
    """The list has every engine once, sorted by name, until it is deleted; so has that of the names."""
    assert (list(registry.list_engines()), list(registry.list_names())) == ([], [])
    second, first = make_engine("b", accounts=ACCOUNTS), make_engine("a")
    for engine in (second, first, second):
        assert registry.put_engine(engine)
    assert list(registry.list_engines()) == [first, second]
    assert list(registry.list_names()) == [first.engine.name, second.engine.name]
    assert registry.delete_engine(first.engine.name)
    assert list(registry.list_engines()) == [second]
    assert registry.delete_engine(second.engine.name)
    assert list(registry.list_engines()) == []


def test_a_token_is_rotated(registry: EngineRegistry, make_engine: MakeEngine) -> None:
    """One second token can be added, then either of the two removed; the only one cannot be removed."""
    mine = make_engine()
    name = mine.engine.name
    assert registry.put_engine(mine)
    assert not registry.remove_old_engine_token(name)
    assert registry.add_engine_token(name, "b" * 64)
    assert registry.add_engine_token(name, "b" * 64)
    assert not registry.add_engine_token(name, "d" * 64)
    assert registry.get_engine(name) == replace(mine, token_hashes=("a" * 64, "b" * 64))
    assert registry.remove_old_engine_token(name)
    assert registry.get_engine(name) == replace(mine, token_hashes=("b" * 64,))
    assert not registry.remove_old_engine_token(name)
    assert registry.add_engine_token(name, "e" * 64)
    assert registry.remove_new_engine_token(name)
    assert registry.get_engine(name) == replace(mine, token_hashes=("b" * 64,))
    assert not registry.remove_new_engine_token(name)


def test_an_engine_is_disabled(registry: EngineRegistry, make_engine: MakeEngine) -> None:
    """A disabled engine keeps its tokens and is listed as disabled."""
    mine = make_engine()
    assert registry.put_engine(mine)
    assert registry.disable_engine(mine.engine.name)
    assert registry.disable_engine(mine.engine.name)
    assert registry.get_engine(mine.engine.name) == replace(mine, is_disabled=True)
    assert list(registry.list_engines()) == [replace(mine, is_disabled=True)]


def test_an_unknown_engine_is_not_changed(registry: EngineRegistry, make_engine: MakeEngine) -> None:
    """No change of an unknown engine succeeds, and none creates it."""
    name = make_engine().engine.name
    assert not registry.add_engine_token(name, "b" * 64)
    assert not registry.remove_old_engine_token(name)
    assert not registry.remove_new_engine_token(name)
    assert not registry.disable_engine(name)
    assert not registry.delete_engine(name)
    assert registry.get_engine(name) is None


def test_a_deleted_name_can_be_used_again(registry: EngineRegistry, make_engine: MakeEngine) -> None:
    """A deleted engine is unknown; a new one of its name has only its own token."""
    mine = make_engine()
    assert registry.put_engine(mine)
    assert registry.delete_engine(mine.engine.name)
    assert registry.get_engine(mine.engine.name) is None
    new = replace(mine, token_hashes=("b" * 64,))
    assert registry.put_engine(new)
    assert registry.get_engine(mine.engine.name) == new


def test_the_number_of_engines_is_limited(registry: EngineRegistry, make_engine: MakeEngine) -> None:
    """The 101st engine is rejected until another one is deleted (C-185)."""
    engines = [make_engine() for _ in range(101)]
    assert [registry.put_engine(engine) for engine in engines] == [True] * 100 + [False]
    assert registry.get_engine(engines[100].engine.name) is None
    assert registry.delete_engine(engines[0].engine.name)
    assert registry.put_engine(engines[100])
