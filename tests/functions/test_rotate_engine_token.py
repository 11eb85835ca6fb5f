"""`rotate_engine_token`: an engine gets a second token; both are valid until one of them is revoked."""

from typing import Any

import pytest

from tests.functions.admin import refused
from tests.functions.engine_admin import MALFORMED_NAMES, EngineOperator, engine_item, token

TOKENS = {
    "error": {
        "message": "The engine does not have the required number of tokens: two at most, and the only one stays",
        "field": None,
    }
}


def test_adds_a_token(engine_operator: EngineOperator) -> None:
    """A rotation has no outage: the new token is returned, and both are valid."""
    engine_operator.call("create_engine", name="ast1")
    engine_operator.world.log.drain()
    assert engine_operator.call("rotate_engine_token", name="ast1") == {"name": "ast1", "token": token("ast1", "B")}
    assert engine_operator.credentials()[0] == engine_item("ast1", "A", "B")
    assert [engine_operator.accepts(token("ast1", letter)) for letter in "AB"] == [True, True]
    assert engine_operator.world.log.drain() == [
        {"operation": "rotate_engine_token", "engine": "ast1", "outcome": "done"}
    ]


def test_an_engine_has_at_most_two_tokens(engine_operator: EngineOperator) -> None:
    """A third token is refused, and nothing changes (C-185)."""
    engine_operator.call("create_engine", name="ast1")
    engine_operator.call("rotate_engine_token", name="ast1")
    assert engine_operator.call("rotate_engine_token", name="ast1") == TOKENS
    assert engine_operator.credentials()[0] == engine_item("ast1", "A", "B")


def test_refuses_an_unknown_engine(engine_operator: EngineOperator) -> None:
    """No token is made for an engine that is not registered."""
    assert engine_operator.call("rotate_engine_token", name="ast1") == {
        "error": {"message": "There is no such engine", "field": None}
    }
    assert engine_operator.credentials() == []


@pytest.mark.parametrize("name", MALFORMED_NAMES)
def test_refuses_malformed_names(engine_operator: EngineOperator, name: Any) -> None:
    """A malformed name is refused, and the answer names the field."""
    assert engine_operator.call("rotate_engine_token", name=name) == refused("name")


def test_refuses_unknown_fields(engine_operator: EngineOperator) -> None:
    """An unknown field is refused, and nothing is changed."""
    assert engine_operator.call("rotate_engine_token", name="ast1", which="newer") == refused("which")
