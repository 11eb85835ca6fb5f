"""Media engines in the control API: registration, presence, and calls of a named engine."""

import re
from typing import Any

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn


def listed(standin: StandIn, name: str) -> dict[str, Any]:
    """The entry of an engine in the list."""
    (found,) = (each for each in ControlClient(standin).get("/engines").body["engines"] if each["name"] == name)
    return dict(found)


def test_engine_of_the_standin_is_listed(standin: StandIn) -> None:
    """The simulated engine works for all accounts, is alive, and leaves no command waiting."""
    shown = listed(standin, "standin")
    assert isinstance(shown.pop("seen_at"), int)
    assert shown == {"name": "standin", "accounts": "*", "presence": "alive", "commands_waiting": 0}


def test_engine_is_registered_once(standin: StandIn, api: HttpFunctionClient) -> None:
    """The token is answered once; a second engine of the same name is refused."""
    name = f"once-{api.dialect.name}"
    sid = api.sid(ResourceType.ACCOUNT, api.account)
    answer = ControlClient(standin).post("/engines", {"name": name, "accounts": [sid]})
    assert (answer.status, list(answer.body)) == (201, ["name", "accounts", "token"])
    assert [each[api.dialect.name] for each in answer.body["accounts"]] == [sid]
    assert re.fullmatch(rf"tdk_{name}_[A-Za-z0-9_-]{{43}}", answer.body["token"])
    again = ControlClient(standin).post("/engines", {"name": name})
    assert (again.status, again.body["error"]["field"]) == (409, "name")
    shown = listed(standin, name)
    assert (shown["presence"], shown["seen_at"], shown["commands_waiting"]) == ("never seen", None, 0)


@pytest.mark.parametrize(
    ("content", "status", "field"),
    [
        ({}, 400, "name"),
        ({"name": "Ast1"}, 400, "name"),
        ({"name": "a" * 33}, 400, "name"),
        ({"name": "ast1", "accounts": "all"}, 400, "accounts"),
        ({"name": "ast1", "accounts": ["AC1"]}, 400, "accounts"),
        ({"name": "ast1", "accounts": [TWILIO.format_sid(ResourceType.ACCOUNT, "0" * 32)]}, 404, "account"),
        ({"name": "ast1", "colour": "blue"}, 400, "colour"),
    ],
)
def test_rejects_invalid_engines(standin: StandIn, content: dict[str, Any], status: int, field: str) -> None:
    """An invalid name or account is refused, with the field."""
    answer = ControlClient(standin).post("/engines", content)
    assert (answer.status, answer.body["error"]["field"]) == (status, field)


def test_call_of_an_unknown_engine(control: ControlClient) -> None:
    """A call cannot belong to an engine that is not registered."""
    answer = control.post("/calls", {"engine": "nowhere"})
    assert (answer.status, answer.body["error"]["field"]) == (404, "engine")
