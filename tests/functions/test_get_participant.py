"""P3: read a participant (resources.md, section 4; behaviour.md, section 6)."""

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
    """A participant who has left the conference answers 404 with the requested path."""
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


def assert_gone(client: FunctionClient, path: tuple[str, ...]) -> None:
    """Nobody is there."""
    assert_refused(client, client.get(*path), "not found", uri=unquote(client.path(*path)))


@pytest.mark.parametrize("status", ["queued", "connecting", "ringing", "connected"])
@pytest.mark.parametrize("of_room", LIVE)
def test_shows_each_status(client: FunctionClient, stage: Stage, gateway: Gateway, status: str, of_room: str) -> None:
    """T shows how far it has come, S that it is in progress; both in full."""
    client.gateway = gateway
    room = stage.conference(of_room)
    participant = stage.participant(room, status=status, muted=status == "ringing", hold=status == "connected")
    assert_answer(client.get(*participant_path(client, room, participant)), 200, shown(client, participant))


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
def test_shows_every_field(client: FunctionClient, stage: Stage, fields: dict[str, Any]) -> None:
    """Each flag is shown; labels by T alone; what only a media engine needs by nobody."""
    room = stage.conference()
    participant = stage.participant(room, **fields)
    body = client.get(*participant_path(client, room, participant)).body
    assert body == shown(client, participant)
    assert ("label" in body) == (client.dialect.name == "twilio")


def test_shows_when_it_changed(client: FunctionClient, stage: Stage) -> None:
    """It was created when it came into the list, and updated when it last changed."""
    room = stage.conference()
    participant = stage.participant(room, updated=stage.clock.seconds + 5)
    assert_answer(client.get(*participant_path(client, room, participant)), 200, shown(client, participant))


@pytest.mark.parametrize("status", ["complete", "failed"])
def test_does_not_know_who_has_left(client: FunctionClient, stage: Stage, status: str) -> None:
    """Who has left, or was not reached, is not in the conference: 404."""
    room = stage.conference()
    assert_gone(client, participant_path(client, room, stage.participant(room, status=status)))


@pytest.mark.parametrize("status", ["queued", "connected"])
def test_knows_nobody_once_completed(client: FunctionClient, stage: Stage, status: str) -> None:
    """Whoever was in a conference that has ended is in it no longer, though nothing was written of it (rule R9)."""
    room = stage.conference("completed")
    assert_gone(client, participant_path(client, room, stage.participant(room, status=status)))


def test_needs_the_right_conference(client: FunctionClient, stage: Stage) -> None:
    """A call in no conference, in another or in an unknown one is not found."""
    room, other = stage.conference(), stage.conference(name="Other")
    participant = stage.participant(room)
    for path in (
        participant_path(client, other, participant),
        participant_path(client, client.sid(ResourceType.CONFERENCE, "0" * 32), participant),
        participant_path(client, room, client.sid(ResourceType.CALL, stage.call().id)),
        participant_path(client, room, client.sid(ResourceType.CALL, "0" * 32)),
        participant_path(client, room, replace(participant, call=room.id)),
    ):
        assert_gone(client, path)


LABELS = ["customer", "two words", "Café", "50%", "{uri}", "CA123", "ca" + "0" * 32, "CF" + "0" * 32, "é" * 128, "+1&#"]


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("suffix", ["", ".json"])
def test_takes_a_label_in_t(client: FunctionClient, stage: Stage, label: str, suffix: str) -> None:
    """T takes a label, percent-encoded, for the call's sid; S does not."""
    client.suffix = suffix
    room = stage.conference()
    participant = stage.participant(room, label=label)
    path = participant_path(client, room, quote(label, safe=""))
    if client.dialect.name == "signalwire":
        assert_gone(client, path)
    else:
        assert_answer(client.get(*path), 200, shown(client, participant))


def test_takes_labels_to_the_letter(make_twilio: Any, stage: Stage) -> None:
    """Labels are case-sensitive, none is shortened, and another conference's mean nothing."""
    client, room = make_twilio(), stage.conference()
    stage.participant(room, label="Customer")
    stage.participant(stage.conference(name="Other"), label="agent")
    for label in ("customer", "Custome", "Customer%20", "agent"):
        assert_gone(client, participant_path(client, room, label))


def test_takes_what_looks_like_a_call_for_one(make_twilio: Any, stage: Stage) -> None:
    """A text that is both a possible label and a call's sid is a call's sid (resources.md, section 1)."""
    client, room = make_twilio(), stage.conference()
    label = client.sid(ResourceType.CALL, "b" * 32)
    stage.participant(room, label=label)
    assert_gone(client, participant_path(client, room, label))


@pytest.mark.parametrize("left", [True, False])
def test_does_not_know_the_label_of_who_has_left(make_twilio: Any, stage: Stage, *, left: bool) -> None:
    """A label stands for its participant while that is in: not afterwards, nor when it is back without it."""
    client, room = make_twilio(), stage.conference()
    call = stage.call(conference=room.id)
    stage.participant(room, call, status="complete", label="customer")
    if not left:
        stage.participant(room, call)
    assert_gone(client, participant_path(client, room, "customer"))


def test_looks_for_no_label_that_cannot_be_one(make_twilio: Any, stage: Stage, wire: Wire) -> None:
    """A text of more than 128 characters is not looked for."""
    client, room = make_twilio(), stage.conference()
    assert_gone(client, participant_path(client, room, "x" * 129))
    assert wire.recordings == []


def test_asks_the_table_once(client: FunctionClient, stage: Stage, wire: Wire) -> None:
    """One batch read for the conference and the participant, one read more for a label."""
    room = stage.conference()
    participant = stage.participant(room, label="customer")
    client.get(*participant_path(client, room, participant))
    client.get(*participant_path(client, room, client.sid(ResourceType.CALL, "0" * 32)))
    assert wire.recordings == ["BatchGetItem"] * 2
    wire.all.clear()
    client.get(*participant_path(client, room, "customer"))
    assert wire.recordings == (["GetItem", "BatchGetItem"] if client.dialect.name == "twilio" else [])
