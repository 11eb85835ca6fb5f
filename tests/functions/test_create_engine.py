"""`create_engine`: a media engine gets a queue and a token, which is returned only once."""

from typing import Any

import pytest

from tests.functions.admin import MALFORMED_ACCOUNT_SIDS, refused
from tests.functions.engine_admin import MALFORMED_NAMES, EngineOperator, engine_item, token

BOTH_FORMATS = {
    "twilio": "AC720796a08ee9435083bd2d07a3121f1e",
    "signalwire": "720796a0-8ee9-4350-83bd-2d07a3121f1e",
}
TAKEN = {
    "error": {
        "message": (
            "An engine of this name is registered. If its token was not received: invoke rotate_engine_token, then "
            "revoke_engine_token"
        ),
        "field": None,
    }
}


def test_creates_an_engine_for_all_accounts(engine_operator: EngineOperator) -> None:
    """An engine gets a queue and a token; only the token's hash is stored, and the log names the engine."""
    assert engine_operator.call("create_engine", name="ast1") == {
        "name": "ast1",
        "accounts": "*",
        "token": token("ast1"),
    }
    assert engine_operator.queues() == ["ast1"]
    assert engine_operator.credentials() == [
        engine_item("ast1", "A"),
        {"PK": {"S": "LIST#ENGINES"}, "names": {"SS": ["ast1"]}},
    ]
    assert engine_operator.accepts(token("ast1"))
    assert engine_operator.world.log.drain() == [{"operation": "create_engine", "engine": "ast1", "outcome": "done"}]


def test_creates_an_engine_for_some_accounts(engine_operator: EngineOperator) -> None:
    """The accounts may have either vendor's format; the answer has both."""
    accounts = [BOTH_FORMATS["signalwire"], BOTH_FORMATS["twilio"]]
    assert engine_operator.call("create_engine", name="ast1", accounts=accounts) == {
        "name": "ast1",
        "accounts": [BOTH_FORMATS],
        "token": token("ast1"),
    }
    assert engine_operator.credentials()[0] == engine_item(
        "ast1", "A", accounts={"SS": ["720796a08ee9435083bd2d07a3121f1e"]}
    )


def test_a_name_is_taken_once(engine_operator: EngineOperator) -> None:
    """A second engine of the same name is refused, also after a lost answer (C-186); nothing changes."""
    engine_operator.call("create_engine", name="ast1")
    before = engine_operator.credentials()
    assert engine_operator.call("create_engine", name="ast1") == TAKEN
    assert (engine_operator.queues(), engine_operator.credentials()) == (["ast1"], before)
    assert engine_operator.world.log.drain()[-1] == {
        "operation": "create_engine",
        "engine": "ast1",
        "outcome": "refused",
    }


def test_a_lost_token_is_replaced(engine_operator: EngineOperator) -> None:
    """If the answer was lost, a rotation and a revocation leave the operator with the only valid token (C-186)."""
    engine_operator.call("create_engine", name="ast1")
    assert engine_operator.call("create_engine", name="ast1") == TAKEN
    known = engine_operator.call("rotate_engine_token", name="ast1")["token"]
    assert engine_operator.call("revoke_engine_token", name="ast1") == {"name": "ast1", "revoked": "older"}
    assert [engine_operator.accepts(each) for each in (token("ast1"), known)] == [False, True]


def test_a_run_that_failed_is_completed_by_the_next(engine_operator: EngineOperator) -> None:
    """If the queue is not created, nothing is stored and the function fails; the next run does both."""
    engine_operator.failing = {"create_queue"}
    with pytest.raises(ConnectionError):
        engine_operator.call("create_engine", name="ast1")
    assert (engine_operator.queues(), engine_operator.credentials()) == ([], [])
    assert engine_operator.world.log.drain() == [{"operation": "create_engine", "engine": "ast1", "outcome": "fault"}]
    engine_operator.failing = set()
    assert engine_operator.call("create_engine", name="ast1")["name"] == "ast1"


def test_a_queue_without_an_engine_is_used(engine_operator: EngineOperator) -> None:
    """If only the queue was created, the next run stores the engine."""
    engine_operator.sqs.create_queue(QueueName=f"{engine_operator.stack}_engine_ast1")
    assert engine_operator.call("create_engine", name="ast1")["token"] == token("ast1")
    assert engine_operator.queues() == ["ast1"]


def test_a_name_is_not_reused_while_anything_is_live(engine_operator: EngineOperator) -> None:
    """The name of a former engine is refused until its calls, conferences and recordings are final (C-187)."""
    call = engine_operator.start_call("ast1")
    assert engine_operator.call("create_engine", name="ast1") == {
        "error": {
            "message": (
                "Calls, conferences or recordings of an engine of this name are not final: wait until they are. To "
                "delete the engine nevertheless, pass force"
            ),
            "field": None,
        }
    }
    assert (engine_operator.queues(), engine_operator.credentials()) == ([], [])
    engine_operator.world.services.calls.end(call.account, call.id)
    assert engine_operator.call("create_engine", name="ast1")["name"] == "ast1"


def test_the_number_of_engines_is_limited(engine_operator: EngineOperator) -> None:
    """The 101st engine is refused, and its queue is not left behind (C-185)."""
    engine_operator.world.memory.put_item(
        TableName=engine_operator.world.settings.credentials_table,
        Item={"PK": {"S": "LIST#ENGINES"}, "names": {"SS": [f"e{number}" for number in range(100)]}},
    )
    assert engine_operator.call("create_engine", name="ast1") == {
        "error": {"message": "The deployment has the maximum number of engines: 100", "field": None}
    }
    assert engine_operator.queues() == []


@pytest.mark.parametrize("name", MALFORMED_NAMES)
def test_refuses_malformed_names(engine_operator: EngineOperator, name: Any) -> None:
    """A malformed name is refused, and the answer names the field."""
    assert engine_operator.call("create_engine", name=name) == refused("name")
    assert (engine_operator.queues(), engine_operator.credentials()) == ([], [])


@pytest.mark.parametrize("account_sid", MALFORMED_ACCOUNT_SIDS)
def test_refuses_malformed_accounts(engine_operator: EngineOperator, account_sid: Any) -> None:
    """A malformed account sid is refused, and the answer names its place."""
    assert engine_operator.call("create_engine", name="ast1", accounts=[account_sid]) == refused("accounts.0")


@pytest.mark.parametrize("accounts", [[], "*", {}, 7, ["AC" + "0" * 32] * 101])
def test_refuses_a_list_without_accounts(engine_operator: EngineOperator, accounts: Any) -> None:
    """The list has 1 to 100 accounts; an engine for all accounts has no list."""
    assert engine_operator.call("create_engine", name="ast1", accounts=accounts) == refused("accounts")


def test_refuses_unknown_fields(engine_operator: EngineOperator) -> None:
    """An unknown field and a missing name are refused, and nothing is created."""
    assert engine_operator.call("create_engine", name="ast1", account="*") == refused("account")
    assert engine_operator.call("create_engine") == refused("name")
    assert (engine_operator.queues(), engine_operator.credentials()) == ([], [])


def test_the_tokens_of_two_engines_are_not_interchangeable(engine_operator: EngineOperator) -> None:
    """Each engine has a token of its own, which is not accepted under the name of another one."""
    for name in ("ast1", "ast2"):
        engine_operator.call("create_engine", name=name)
    spellings = [token(name, letter) for name in ("ast1", "ast2") for letter in "AB"]
    assert [engine_operator.accepts(each) for each in spellings] == [True, False, False, True]


def test_logs_no_token(engine_operator: EngineOperator, capfd: pytest.CaptureFixture[str]) -> None:
    """No function prints or logs a token."""
    engine_operator.call("create_engine", name="ast1")
    engine_operator.call("rotate_engine_token", name="ast1")
    engine_operator.call("list_engines")
    lines = f"{engine_operator.world.log.drain()}{capfd.readouterr()}"
    assert [each for each in (token("ast1"), token("ast1", "B"), "A" * 43, "B" * 43) if each in lines] == []
