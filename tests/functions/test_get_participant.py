"""Reading a participant of a conference: `get_participant` in both dialects."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

import pytest

from tapedeck.dialects.dialect import ResourceType
from tests.client import FunctionClient, Gateway
from tests.functions.literal import Api
from tests.functions.stage import (
    Stage,
    Wire,
    assert_answer,
    assert_refused,
    participant_path,
    shown,
)

LIVE = ["init", "in-progress"]


def test_reading_a_connected_participant_answers_the_participant(api: Api, example: Stage) -> None:
    """A connected participant answers 200 with its flags and its label."""
    conference = example.conference(id="016612f5f27a7c0f9b1d6e83f2a5c470", name="Support")
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    example.participant(conference, call, label="customer")

    answer = api.request(
        "GET",
        (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470/Participants/CA016612f5f27a7ca18a5f2c9e41d7b360.json"
        ),
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "account_sid": "AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c",
        "call_sid": "CA016612f5f27a7ca18a5f2c9e41d7b360",
        "label": "customer",
        "call_sid_to_coach": None,
        "coaching": False,
        "conference_sid": "CF016612f5f27a7c0f9b1d6e83f2a5c470",
        "date_created": "Tue, 25 Sep 2018 23:00:00 +0000",
        "date_updated": "Tue, 25 Sep 2018 23:00:00 +0000",
        "end_conference_on_exit": False,
        "muted": False,
        "hold": False,
        "start_conference_on_enter": True,
        "status": "connected",
        "queue_time": None,
        "uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470/Participants/CA016612f5f27a7ca18a5f2c9e41d7b360.json"
        ),
    }


def test_reading_a_participant_who_has_left_is_not_found(api: Api, example: Stage) -> None:
    """A participant who has left the conference answers 404 with the requested path, in SignalWire's dialect."""
    conference = example.conference(id="016612f5f27a7c0f9b1d6e83f2a5c470", name="Support")
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    example.participant(conference, call, "complete")

    answer = api.request(
        "GET",
        (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470/Participants/016612f5-f27a-7ca1-8a5f-2c9e41d7b360"
        ),
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 20404,
        "message": (
            "The requested resource /api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470"
            "/Participants/016612f5-f27a-7ca1-8a5f-2c9e41d7b360 was not found"
        ),
        "more_info": "https://signalwire.com/docs/compatibility-api/reference/errors",
        "status": 404,
    }


def assert_not_found(client: FunctionClient, path: tuple[str, ...]) -> None:
    """Assert that the participant answers 404."""
    assert_refused(client, client.get(*path), "not found", uri=unquote(client.path(*path)))


@pytest.mark.parametrize("status", ["queued", "connecting", "ringing", "connected"])
@pytest.mark.parametrize("conference_status", LIVE)
def test_every_status_is_shown(
    client: FunctionClient, stage: Stage, gateway: Gateway, status: str, conference_status: str
) -> None:
    """Twilio shows each status; SignalWire shows every present participant as in progress (C-61)."""
    client.gateway = gateway
    conference = stage.conference(conference_status)
    participant = stage.participant(conference, status=status, muted=status == "ringing", hold=status == "connected")
    assert_answer(client.get(*participant_path(client, conference, participant)), 200, shown(client, participant))


@pytest.mark.parametrize(
    "fields",
    [
        {"muted": True},
        {"hold": True},
        {"end_conference_on_exit": True},
        {"start_conference_on_enter": False},
        {"label": "customer"},
        {"coaching": True, "call_to_coach": "a" * 32},
        {"beep_on_exit": True, "options": {"timeout": 20}},
    ],
)
def test_every_field_is_shown(client: FunctionClient, stage: Stage, fields: dict[str, Any]) -> None:
    """Every flag is shown, labels only in Twilio's dialect, and options of the media engine not at all."""
    conference = stage.conference()
    participant = stage.participant(conference, **fields)
    body = client.get(*participant_path(client, conference, participant)).body
    assert body == shown(client, participant)
    assert ("label" in body) == (client.dialect.name == "twilio")


def test_the_dates_are_shown(client: FunctionClient, stage: Stage) -> None:
    """`date_created` is when it was added, `date_updated` is when it last changed."""
    conference = stage.conference()
    participant = stage.participant(conference, updated=stage.clock.seconds + 5)
    assert_answer(client.get(*participant_path(client, conference, participant)), 200, shown(client, participant))


@pytest.mark.parametrize("status", ["complete", "failed"])
def test_a_participant_who_left_is_not_found(client: FunctionClient, stage: Stage, status: str) -> None:
    """A participant who has left or could not be reached answers 404."""
    conference = stage.conference()
    assert_not_found(client, participant_path(client, conference, stage.participant(conference, status=status)))


@pytest.mark.parametrize("status", ["queued", "connected"])
def test_a_completed_conference_has_no_participants(client: FunctionClient, stage: Stage, status: str) -> None:
    """A completed conference has no participants, although their items are unchanged (REL-9)."""
    conference = stage.conference("completed")
    assert_not_found(client, participant_path(client, conference, stage.participant(conference, status=status)))


def test_a_participant_of_another_conference_is_not_found(client: FunctionClient, stage: Stage) -> None:
    """A call in no conference, in another or in an unknown one answers 404."""
    conference, other = stage.conference(), stage.conference(name="Other")
    participant = stage.participant(conference)
    for path in (
        participant_path(client, other, participant),
        participant_path(client, client.sid(ResourceType.CONFERENCE, "0" * 32), participant),
        participant_path(client, conference, client.sid(ResourceType.CALL, stage.call().id)),
        participant_path(client, conference, client.sid(ResourceType.CALL, "0" * 32)),
        participant_path(client, conference, replace(participant, call=conference.id)),
    ):
        assert_not_found(client, path)


LABELS = ["customer", "two words", "Café", "50%", "{uri}", "CA123", "ca" + "0" * 32, "CF" + "0" * 32, "é" * 128, "+1&#"]


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("suffix", ["", ".json"])
def test_twilio_accepts_a_label(client: FunctionClient, stage: Stage, label: str, suffix: str) -> None:
    """Twilio accepts a percent-encoded label in place of the call's sid; SignalWire does not."""
    client.suffix = suffix
    conference = stage.conference()
    participant = stage.participant(conference, label=label)
    path = participant_path(client, conference, quote(label, safe=""))
    if client.dialect.name == "signalwire":
        assert_not_found(client, path)
    else:
        assert_answer(client.get(*path), 200, shown(client, participant))


def test_labels_match_exactly(make_twilio: Any, stage: Stage) -> None:
    """Labels are case-sensitive, match as a whole, and belong to one conference."""
    client, conference = make_twilio(), stage.conference()
    stage.participant(conference, label="Customer")
    stage.participant(stage.conference(name="Other"), label="agent")
    for label in ("customer", "Custome", "Customer%20", "agent"):
        assert_not_found(client, participant_path(client, conference, label))


def test_a_label_in_the_form_of_a_call_sid_is_a_sid(make_twilio: Any, stage: Stage) -> None:
    """A text that is a possible label and a call's sid counts as the sid."""
    client, conference = make_twilio(), stage.conference()
    label = client.sid(ResourceType.CALL, "b" * 32)
    stage.participant(conference, label=label)
    assert_not_found(client, participant_path(client, conference, label))


@pytest.mark.parametrize("left", [True, False])
def test_the_label_of_a_participant_who_left_is_not_found(make_twilio: Any, stage: Stage, *, left: bool) -> None:
    """A label is valid while its participant is present: not afterwards, nor after a return without it."""
    client, conference = make_twilio(), stage.conference()
    call = stage.call(conference=conference.id)
    stage.participant(conference, call, status="complete", label="customer")
    if not left:
        stage.participant(conference, call)
    assert_not_found(client, participant_path(client, conference, "customer"))


def test_a_label_that_is_too_long_is_not_looked_up(make_twilio: Any, stage: Stage, wire: Wire) -> None:
    """A text of more than 128 characters causes no request to the table."""
    client, conference = make_twilio(), stage.conference()
    assert_not_found(client, participant_path(client, conference, "x" * 129))
    assert wire.recordings == []


def test_requests_to_the_table_are_few(client: FunctionClient, stage: Stage, wire: Wire) -> None:
    """One batch read for the conference and the participant; a label takes one more read."""
    conference = stage.conference()
    participant = stage.participant(conference, label="customer")
    client.get(*participant_path(client, conference, participant))
    client.get(*participant_path(client, conference, client.sid(ResourceType.CALL, "0" * 32)))
    assert wire.recordings == ["BatchGetItem"] * 2
    wire.all.clear()
    client.get(*participant_path(client, conference, "customer"))
    assert wire.recordings == (["GetItem", "BatchGetItem"] if client.dialect.name == "twilio" else [])
