"""C2: read a call (resources.md, section 5)."""

import pytest

from tapedeck.dialects.dialect import ResourceType
from tests.client import FunctionClient, Gateway
from tests.functions.stage import START, Stage, assert_answer, assert_refused, call_path, shown

LIVE = ("queued", "ringing", "in-progress")
FINAL = ("completed", "busy", "failed", "no-answer", "canceled")


@pytest.mark.parametrize("status", LIVE + FINAL)
def test_shows_each_status(client: FunctionClient, stage: Stage, status: str) -> None:
    """Every status is shown by its name; only a completed call has a duration, a text in T, a number in S."""
    call = stage.call(status, ended=START + 11 if status in FINAL else None)
    assert_answer(client.get(*call_path(client, call)), 200, shown(client, call))


def test_shows_the_same_call_in_both_dialects(
    client: FunctionClient, other: FunctionClient, stage: Stage, gateway: Gateway
) -> None:
    """One call is the same in both dialects, each with its own words."""
    client.gateway = other.gateway = gateway
    call = stage.call()
    for each in (client, other):
        assert_answer(each.get(*call_path(each, call)), 200, shown(each, call))


@pytest.mark.parametrize("direction", ["inbound", "outbound-api", "outbound-dial"])
def test_shows_each_direction(client: FunctionClient, stage: Stage, direction: str) -> None:
    """T tells who dialled, S only that somebody did; a child call names its parent."""
    call = stage.call(direction=direction, parent_call="0123456789abcdef" * 2)
    assert_answer(client.get(*call_path(client, call)), 200, shown(client, call))


def test_shows_what_became_of_a_call(client: FunctionClient, stage: Stage) -> None:
    """A call that was hung up shows when it ended and how long it took."""
    call = stage.services.calls.register(
        stage.account, to="+13105678901", from_="+13103384645", direction="outbound-api"
    )
    stage.clock.step(61)
    ended = stage.services.calls.end(stage.account, call.id)
    answer = client.get(*call_path(client, call))
    assert_answer(answer, 200, shown(client, ended))
    assert answer.body["duration"] == ("61" if client.dialect.name == "twilio" else 61)


def test_does_not_find_what_is_not_there(client: FunctionClient, stage: Stage) -> None:
    """An unknown call answers 404, and so does a conference's id."""
    for identifier in ("0" * 32, stage.conference().id):
        path = call_path(client, client.sid(ResourceType.CALL, identifier))
        assert_refused(client, client.get(*path), "not found", uri=client.path(*path))
