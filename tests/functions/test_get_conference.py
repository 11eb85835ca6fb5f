"""F2: read a conference (resources.md, section 3)."""

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.conference import EndReason
from tests.client import FunctionClient, Gateway
from tests.functions.stage import Stage, assert_answer, assert_refused, conference_path, shown


@pytest.mark.parametrize("status", ["init", "in-progress"])
def test_shows_a_live_conference(
    client: FunctionClient, other: FunctionClient, stage: Stage, gateway: Gateway, status: str
) -> None:
    """A live conference has no reason to have ended; both dialects show the same one."""
    client.gateway = other.gateway = gateway
    conference = stage.conference(status)
    for each in (client, other):
        assert_answer(each.get(*conference_path(each, conference)), 200, shown(each, conference))


@pytest.mark.parametrize("reason", EndReason)
def test_shows_why_a_conference_ended(client: FunctionClient, stage: Stage, reason: EndReason) -> None:
    """T tells why it ended and through whom; S does not."""
    by = "0123456789abcdef" * 2 if reason is not EndReason.VIA_API else None
    conference = stage.conference("completed", reason=reason, ending_call=by)
    answer = client.get(*conference_path(client, conference))
    assert_answer(answer, 200, shown(client, conference, ending_call=by))


@pytest.mark.parametrize("name", ["x" * 65, "x" * 300, "Café ☎ \U0001f4de", 'a "b" \\ /c', "{uri} {name}", ""])
def test_shows_the_name_in_full(client: FunctionClient, stage: Stage, name: str) -> None:
    """A name of any length and in any letters is shown as it is (resources.md, section 3)."""
    conference = stage.conference(name=name)
    assert_answer(client.get(*conference_path(client, conference)), 200, shown(client, conference))


def test_shows_what_became_of_a_conference(client: FunctionClient, stage: Stage) -> None:
    """It begins with the second participant, and ends with the last one (behaviour.md, section 6)."""
    service, account = stage.services, stage.account
    room = service.conferences.register(account, "Story")
    calls = [service.calls.register(account, to="client:a", from_="+1", direction="inbound") for _ in range(2)]
    path = conference_path(client, room)
    statuses = [client.get(*path).body["status"]]
    for call in calls:
        stage.clock.step(1)
        service.conferences.join(account, room.id, call.id)
        statuses.append(client.get(*path).body["status"])
    for call in calls:
        stage.clock.step(1)
        service.calls.end(account, call.id)
        statuses.append(client.get(*path).body["status"])
    assert statuses == ["init", "init", "in-progress", "in-progress", "completed"]
    expected = shown(
        client, room, status="completed", updated=stage.clock.seconds, reason="last-participant-left",
        ending_call=calls[1].id,
    )  # fmt: skip
    assert_answer(client.get(*path), 200, expected)


def test_takes_a_sid_only(client: FunctionClient, stage: Stage) -> None:
    """A friendly name is no sid here, nor is another resource's id (behaviour.md, section 6)."""
    stage.conference(name="Lobby")
    for text in (
        "Lobby",
        client.sid(ResourceType.CONFERENCE, "0" * 32),
        client.sid(ResourceType.CONFERENCE, stage.call().id),
    ):
        path = conference_path(client, text)
        assert_refused(client, client.get(*path), "not found", uri=client.path(*path))
