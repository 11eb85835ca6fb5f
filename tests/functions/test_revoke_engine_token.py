"""`revoke_engine_token`: one of an engine's two tokens becomes invalid; the only one cannot be revoked."""

from typing import Any

import pytest

from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.engine_registry import EngineRegistryTable
from tapedeck.domain.errors import NotAuthenticated
from tapedeck.operations.engine_authentication import EngineAuthenticator
from tests.functions.admin import refused
from tests.functions.engine_admin import MALFORMED_NAMES, EngineOperator, engine_item, token
from tests.functions.test_rotate_engine_token import TOKENS


@pytest.fixture
def rotated(engine_operator: EngineOperator) -> EngineOperator:
    """An operator of an engine with two tokens, A and B."""
    engine_operator.call("create_engine", name="ast1")
    engine_operator.call("rotate_engine_token", name="ast1")
    engine_operator.world.log.drain()
    return engine_operator


@pytest.mark.parametrize(
    ("event", "revoked", "kept"),
    [({}, "older", "B"), ({"which": "older"}, "older", "B"), ({"which": "newer"}, "newer", "A")],
)
def test_revokes_one_of_two_tokens(rotated: EngineOperator, event: dict[str, Any], revoked: str, kept: str) -> None:
    """The older token is revoked, or the newer one, if that was not received; the other one stays valid."""
    assert rotated.call("revoke_engine_token", name="ast1", **event) == {"name": "ast1", "revoked": revoked}
    assert rotated.credentials()[0] == engine_item("ast1", kept)
    assert [letter for letter in "AB" if rotated.accepts(token("ast1", letter))] == [kept]
    assert rotated.world.log.drain() == [{"operation": "revoke_engine_token", "engine": "ast1", "outcome": "done"}]


def test_takes_effect_within_a_minute(rotated: EngineOperator) -> None:
    """A function that has verified the token accepts it for at most 60 seconds after the revocation."""
    world = rotated.world
    registry = EngineRegistryTable(DynamoDBTable(world.memory, world.settings.credentials_table, world.sleep))
    warm = EngineAuthenticator(registry, world.clock, 60)
    assert warm.verify(token("ast1")).name == "ast1"
    rotated.call("revoke_engine_token", name="ast1")
    world.clock.step(59.999)
    assert warm.verify(token("ast1")).name == "ast1"
    world.clock.step(0.001)
    with pytest.raises(NotAuthenticated):
        warm.verify(token("ast1"))


def test_a_rotation_of_which_the_answer_was_lost_is_repeated(rotated: EngineOperator) -> None:
    """If the newer token was not received, it is revoked and made again; the older one is valid throughout (C-186)."""
    assert rotated.call("rotate_engine_token", name="ast1") == TOKENS
    rotated.call("revoke_engine_token", name="ast1", which="newer")
    assert rotated.accepts(token("ast1"))
    known = rotated.call("rotate_engine_token", name="ast1")["token"]
    assert [rotated.accepts(each) for each in (token("ast1"), token("ast1", "B"), known)] == [True, False, True]


@pytest.mark.parametrize("which", ["older", "newer"])
def test_the_only_token_stays(rotated: EngineOperator, which: str) -> None:
    """The only token cannot be revoked; delete the engine instead."""
    rotated.call("revoke_engine_token", name="ast1")
    assert rotated.call("revoke_engine_token", name="ast1", which=which) == TOKENS
    assert rotated.accepts(token("ast1", "B"))


def test_refuses_an_unknown_engine(engine_operator: EngineOperator) -> None:
    """An engine that is not registered has no tokens."""
    assert engine_operator.call("revoke_engine_token", name="ast1") == {
        "error": {"message": "There is no such engine", "field": None}
    }


@pytest.mark.parametrize("name", MALFORMED_NAMES)
def test_refuses_malformed_names(engine_operator: EngineOperator, name: Any) -> None:
    """A malformed name is refused, and the answer names the field."""
    assert engine_operator.call("revoke_engine_token", name=name) == refused("name")


@pytest.mark.parametrize("which", ["", "Older", "both", 1, None])
def test_refuses_another_choice(rotated: EngineOperator, which: Any) -> None:
    """Only the older or the newer token can be revoked, and nothing is changed otherwise."""
    assert rotated.call("revoke_engine_token", name="ast1", which=which) == refused("which")
    assert rotated.credentials()[0] == engine_item("ast1", "A", "B")
