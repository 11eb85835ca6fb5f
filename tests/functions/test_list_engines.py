"""`list_engines`: an operator sees every engine with its accounts, the number of its tokens and its presence."""

from tapedeck.domain.engine import EngineCapabilities
from tests.functions.admin import refused
from tests.functions.engine_admin import EngineOperator

BOTH_FORMATS = {
    "twilio": "AC720796a08ee9435083bd2d07a3121f1e",
    "signalwire": "720796a0-8ee9-4350-83bd-2d07a3121f1e",
}


def test_lists_nothing(engine_operator: EngineOperator) -> None:
    """Without engines the list is empty."""
    assert engine_operator.call("list_engines") == {"engines": []}
    assert engine_operator.world.log.drain() == [{"operation": "list_engines", "outcome": "done"}]


def test_lists_engines_by_name(engine_operator: EngineOperator) -> None:
    """Engines are listed by name: one with two tokens and a session, and one that never opened a session."""
    engine_operator.call("create_engine", name="ast2", accounts=[BOTH_FORMATS["twilio"]])
    engine_operator.call("create_engine", name="ast1")
    engine_operator.call("rotate_engine_token", name="ast1")
    engine_operator.open_session("ast1", seconds_ago=44)
    assert engine_operator.call("list_engines") == {
        "engines": [
            {
                "name": "ast1",
                "accounts": "*",
                "created": 1537916400,
                "tokens": 2,
                "disabled": False,
                "presence": "alive",
                "seen_at": 1537916356,
            },
            {
                "name": "ast2",
                "accounts": [BOTH_FORMATS],
                "created": 1537916400,
                "tokens": 1,
                "disabled": False,
                "presence": "never seen",
                "seen_at": None,
            },
        ]
    }


def test_shows_lost_engines(engine_operator: EngineOperator) -> None:
    """An engine that was not seen for 45 seconds is lost; one that reports no presence counts as alive."""
    for name in ("ast1", "ast2"):
        engine_operator.call("create_engine", name=name)
    engine_operator.open_session("ast1", seconds_ago=45)
    engine_operator.open_session("ast2", seconds_ago=45, capabilities=EngineCapabilities(presence=False))
    shown = engine_operator.call("list_engines")["engines"]
    assert [(each["name"], each["presence"], each["seen_at"]) for each in shown] == [
        ("ast1", "lost", 1537916355),
        ("ast2", "alive", 1537916355),
    ]


def test_shows_an_engine_that_is_partly_deleted(engine_operator: EngineOperator) -> None:
    """An engine of which a deletion failed halfway is shown as disabled."""
    engine_operator.call("create_engine", name="ast1")
    engine_operator.failing = {"delete_queue"}
    engine_operator.try_to_delete("ast1")
    assert [each["disabled"] for each in engine_operator.call("list_engines")["engines"]] == [True]


def test_refuses_unknown_fields(engine_operator: EngineOperator) -> None:
    """The event has no fields."""
    assert engine_operator.call("list_engines", name="ast1") == refused("name")
