"""Reading a conference: `get_conference` in both dialects."""

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.conference import EndReason
from tests.client import FunctionClient, Gateway
from tests.functions.literal import Api
from tests.functions.stage import Stage, Wire, assert_answer, assert_refused, conference_path, shown
from tests.reporter import join_conference, open_conference


def test_reading_a_conference_in_progress_answers_the_conference(api: Api, example: Stage) -> None:
    """A conference in progress answers 200 with the links of its subresources, in SignalWire's dialect."""
    example.conference(id="016612f5f27a7c0f9b1d6e83f2a5c470", name="Support")

    answer = api.request(
        "GET",
        (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470"
        ),
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "sid": "016612f5-f27a-7c0f-9b1d-6e83f2a5c470",
        "account_sid": "5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c",
        "date_created": "Tue, 25 Sep 2018 23:00:00 +0000",
        "date_updated": "Tue, 25 Sep 2018 23:00:00 +0000",
        "friendly_name": "Support",
        "status": "in-progress",
        "api_version": "2010-04-01",
        "region": "us1",
        "uri": (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470.json"
        ),
        "subresource_uris": {
            "participants": (
                "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
                "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470/Participants.json"
            ),
            "recordings": (
                "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
                "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470/Recordings.json"
            ),
        },
    }


def test_reading_an_unknown_conference_is_not_found(api: Api) -> None:
    """A conference that does not exist answers 404 with its path."""
    answer = api.request(
        "GET",
        "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470.json",
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 20404,
        "message": (
            "The requested resource /2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470.json was not found"
        ),
        "more_info": "https://www.twilio.com/docs/errors/20404",
        "status": 404,
    }


@pytest.mark.parametrize("status", ["init", "in-progress"])
def test_both_dialects_show_a_live_conference(
    client: FunctionClient, other: FunctionClient, stage: Stage, gateway: Gateway, status: str
) -> None:
    """Both dialects show the same live conference, which has no reason for its end (C-24)."""
    client.gateway = other.gateway = gateway
    conference = stage.conference(status)
    for each in (client, other):
        assert_answer(each.get(*conference_path(each, conference)), 200, shown(each, conference))


@pytest.mark.parametrize("reason", EndReason)
def test_the_reason_for_the_end_is_shown(client: FunctionClient, stage: Stage, reason: EndReason) -> None:
    """Twilio shows why and by which call a conference ended; SignalWire does not."""
    by = "0123456789abcdef" * 2 if reason is not EndReason.VIA_API else None
    conference = stage.conference("completed", reason=reason, ending_call=by)
    answer = client.get(*conference_path(client, conference))
    assert_answer(answer, 200, shown(client, conference, ending_call=by))


@pytest.mark.parametrize("name", ["x" * 65, "x" * 300, "Café ☎ \U0001f4de", 'a "b" \\ /c', "{uri} {name}", ""])
def test_the_friendly_name_is_shown_in_full(client: FunctionClient, stage: Stage, name: str) -> None:
    """A friendly name of any length and with any characters is shown unchanged."""
    conference = stage.conference(name=name)
    assert_answer(client.get(*conference_path(client, conference)), 200, shown(client, conference))


def test_the_status_follows_the_participants(client: FunctionClient, stage: Stage) -> None:
    """A conference begins with its second participant and ends with its last."""
    service, account = stage.services, stage.account
    conference = open_conference(service, account, "Story")
    calls = [service.calls.register(account, to="client:a", from_="+1", direction="inbound") for _ in range(2)]
    path = conference_path(client, conference)
    statuses = [client.get(*path).body["status"]]
    for call in calls:
        stage.clock.step(1)
        join_conference(service, account, conference.id, call.id)
        statuses.append(client.get(*path).body["status"])
    for call in calls:
        stage.clock.step(1)
        service.calls.end(account, call.id)
        statuses.append(client.get(*path).body["status"])
    assert statuses == ["init", "init", "in-progress", "in-progress", "completed"]
    expected = shown(
        client, conference, status="completed", updated=stage.clock.seconds, reason="last-participant-left",
        ending_call=calls[1].id,
    )  # fmt: skip
    assert_answer(client.get(*path), 200, expected)


def test_only_a_sid_is_accepted(client: FunctionClient, stage: Stage) -> None:
    """An unknown sid and the id of another resource answer 404; a friendly name answers 405 in Twilio's dialect."""
    stage.conference(name="Lobby")
    for text in (
        client.sid(ResourceType.CONFERENCE, "0" * 32),
        client.sid(ResourceType.CONFERENCE, stage.call().id),
    ):
        path = conference_path(client, text)
        assert_refused(client, client.get(*path), "not found", uri=client.path(*path))
    path = conference_path(client, "Lobby")
    assert_refused(client, client.get(*path), "conference read by name", uri=client.path(*path))


@pytest.mark.parametrize(
    "name", ["Lobby", "two words", "CF123", "CF" + "g" * 32, "CA" + "0" * 32, "Caf\u00e9", "x" * 200]
)
def test_every_text_that_is_no_sid_is_a_name(client: FunctionClient, wire: Wire, name: str) -> None:
    """Below it too, whether or not such a conference exists, without a request to the table (C-131)."""
    call, recording = client.sid(ResourceType.CALL, "0" * 32), client.sid(ResourceType.RECORDING, "0" * 32)
    for below in (
        (),
        ("Participants",),
        ("Participants", call),
        ("Participants", "agent"),
        ("Recordings",),
        ("Recordings", recording),
    ):
        path = (*conference_path(client, name), *below)
        assert_refused(client, client.get(*path), "conference read by name", uri=client.path(*path))
    assert wire.recordings == []


def test_changes_below_a_name_are_not_found(client: FunctionClient, stage: Stage) -> None:
    """Only the conference itself and a new participant have a name in place of the sid; other changes answer 404."""
    conference = stage.conference(name="Lobby")
    participant = client.sid(ResourceType.CALL, stage.participant(conference).call)
    path = (*conference_path(client, "Lobby"), "Participants", participant)
    for answer in (client.delete(*path), client.post(*path, form={"Muted": "true"})):
        assert_refused(client, answer, "not found", uri=client.path(*path))
