"""Listing the participants of a conference: `list_participants` in both dialects."""

from collections.abc import Callable
from typing import Any

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant
from tests.client import FunctionClient
from tests.functions import expected
from tests.functions.literal import Api
from tests.functions.stage import Stage, Wire, assert_answer, assert_refused, participant_path, shown

MakePage = Callable[..., Any]


def test_listing_participants_answers_a_page(api: Api, example: Stage) -> None:
    """The participants of a conference answer 200 with a page, here the only one, in SignalWire's dialect."""
    conference = example.conference(id="016612f5f27a7c0f9b1d6e83f2a5c470", name="Support")
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    example.participant(conference, call, muted=True)

    answer = api.request(
        "GET",
        (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470/Participants"
        ),
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "uri": (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470/Participants?Page=0&PageSize=50"
        ),
        "first_page_uri": (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470/Participants?Page=0&PageSize=50"
        ),
        "next_page_uri": None,
        "previous_page_uri": None,
        "page": 0,
        "page_size": 50,
        "participants": [
            {
                "account_sid": "5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c",
                "call_sid": "016612f5-f27a-7ca1-8a5f-2c9e41d7b360",
                "call_sid_to_coach": None,
                "coaching": False,
                "conference_sid": "016612f5-f27a-7c0f-9b1d-6e83f2a5c470",
                "date_created": "Tue, 25 Sep 2018 23:00:00 +0000",
                "status": "in-progress",
                "date_updated": "Tue, 25 Sep 2018 23:00:00 +0000",
                "end_conference_on_exit": False,
                "muted": True,
                "hold": False,
                "start_conference_on_enter": True,
                "uri": (
                    "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
                    "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470"
                    "/Participants/016612f5-f27a-7ca1-8a5f-2c9e41d7b360.json"
                ),
            },
        ],
    }


def test_listing_participants_of_an_unknown_conference_is_not_found(api: Api) -> None:
    """The participants of a conference that does not exist answer 404 with the requested path."""
    answer = api.request(
        "GET",
        (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470/Participants.json"
        ),
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 20404,
        "message": (
            "The requested resource /2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470/Participants.json was not found"
        ),
        "more_info": "https://www.twilio.com/docs/errors/20404",
        "status": 404,
    }


@pytest.fixture
def conference(stage: Stage) -> Conference:
    """A conference in progress."""
    return stage.conference()


@pytest.fixture
def expected_page(client: FunctionClient, conference: Conference) -> MakePage:
    """Return the page that shows these participants."""

    def page(participants: list[Participant], **fields: Any) -> Any:
        path = "/".join(participant_path(client, conference))
        items = [shown(client, each) for each in participants]
        return expected.page(client.dialect.name, client.account, path, items, **fields)

    return page


def test_connected_and_dialed_participants_are_listed(
    client: FunctionClient, stage: Stage, conference: Conference, expected_page: MakePage
) -> None:
    """Participants who left, were not reached or are in another conference are not listed."""
    participants = []
    for status in ("queued", "connecting", "ringing", "connected", "complete", "failed"):
        stage.clock.step(1)
        participants.append(stage.participant(conference, status=status))
    stage.participant(stage.conference(name="Other"))
    assert_answer(client.get(*participant_path(client, conference)), 200, expected_page(participants[3::-1]))


def test_participants_are_sorted_by_joining(client: FunctionClient, stage: Stage, conference: Conference) -> None:
    """The latest to join comes first, even with an older call; within a second the call's sid decides."""
    calls = [stage.call() for _ in range(4)]
    calls.sort(key=lambda call: call.id)
    late, *same = calls
    for call in same:
        stage.participant(conference, call)
    stage.clock.step(1)
    stage.participant(conference, late)
    order = [late, *same[::-1]]
    found = client.get(*participant_path(client, conference)).body["participants"]
    assert [each["call_sid"] for each in found] == [client.sid(ResourceType.CALL, call.id) for call in order]


@pytest.mark.parametrize("status", ["init", "in-progress", "completed"])
def test_a_conference_without_participants_has_an_empty_page(client: FunctionClient, stage: Stage, status: str) -> None:
    """A conference that has just begun and a completed one have an empty list."""
    conference = stage.conference(status)
    if status == "completed":
        stage.participant(conference)
        stage.participant(conference, status="queued")
    path = participant_path(client, conference)
    assert_answer(client.get(*path), 200, expected.page(client.dialect.name, client.account, "/".join(path), []))


FILTERS = [
    ("Muted", "true", {"muted": True}),
    ("Muted", "FALSE", {"muted": False}),
    ("Hold", "true", {"hold": True}),
    ("Hold", "false", {"hold": False}),
    ("Coaching", "true", {"coaching": True}),
    ("Coaching", "False", {"coaching": False}),
]


@pytest.mark.parametrize(("name", "value", "fields"), FILTERS)
def test_participants_are_filtered_by_flag(
    client: FunctionClient,
    stage: Stage,
    conference: Conference,
    expected_page: MakePage,
    name: str,
    value: str,
    fields: dict[str, bool],
) -> None:
    """`Muted` and `Hold` filter in both dialects; `Coaching` only in Twilio's, SignalWire ignores it."""
    ((field, value_listed),) = fields.items()
    participants: list[Participant] = []
    for flag in (True, False, True):
        stage.clock.step(1)
        participants.insert(0, stage.participant(conference, **{field: flag}))  # type: ignore[arg-type]
    answer = client.get(*participant_path(client, conference), **{name: value})
    if name == "Coaching" and client.dialect.name == "signalwire":
        assert_answer(answer, 200, expected_page(participants))
    else:
        chosen = [each for each in participants if getattr(each, field) is value_listed]
        assert_answer(answer, 200, expected_page(chosen, filters=f"{name}={value}&"))


def test_filters_of_participants_combine(
    client: FunctionClient, stage: Stage, conference: Conference, expected_page: MakePage
) -> None:
    """Participants must match all filters."""
    both = stage.participant(conference, muted=True, hold=True)
    stage.participant(conference, muted=True)
    stage.participant(conference, hold=True)
    answer = client.get(*participant_path(client, conference), Muted="true", Hold="true")
    assert_answer(answer, 200, expected_page([both], filters="Muted=true&Hold=true&"))


def test_a_page_token_may_name_a_filtered_participant(
    client: FunctionClient, stage: Stage, conference: Conference, expected_page: MakePage
) -> None:
    """A page token keeps its position, although the filter excludes the participant that it names."""
    participants: list[Participant] = []
    for muted in (True, False, True):
        stage.clock.step(1)
        participants.insert(0, stage.participant(conference, muted=muted))
    token = f"PA{client.sid(ResourceType.CALL, participants[1].call)}"
    answer = client.get(*participant_path(client, conference), Muted="true", PageToken=token)
    preceding = f"PB{client.sid(ResourceType.CALL, participants[2].call)}"
    assert_answer(
        answer, 200, expected_page([participants[2]], filters="Muted=true&", token=token, preceding=preceding)
    )


@pytest.mark.parametrize(
    ("name", "value"), [("Hold", "1"), ("Hold", "yes"), ("Muted", "no"), ("Coaching", "maybe"), ("PageSize", "x")]
)
def test_an_invalid_filter_is_rejected(
    client: FunctionClient, stage: Stage, conference: Conference, expected_page: MakePage, name: str, value: str
) -> None:
    """A filter must be a boolean; Twilio reads any other `Muted` as false, SignalWire ignores `Coaching`."""
    participant = stage.participant(conference)
    answer = client.get(*participant_path(client, conference), **{name: value})
    if (client.dialect.name, name) == ("twilio", "Muted"):
        assert_answer(answer, 200, expected_page([participant], filters="Muted=false&"))
    elif (client.dialect.name, name) == ("signalwire", "Coaching"):
        assert_answer(answer, 200, expected_page([participant]))
    else:
        assert_refused(client, answer, "value outside the enum", name=name)


def test_one_query_lists_participants(client: FunctionClient, stage: Stage, conference: Conference, wire: Wire) -> None:
    """One query reads the conference and its participants with any filter, and finds out that it is unknown."""
    stage.participant(conference, label="customer")
    client.get(*participant_path(client, conference))
    client.get(*participant_path(client, conference), Muted="true", PageSize="1", Page="0")
    assert client.get(*participant_path(client, client.sid(ResourceType.CONFERENCE, "0" * 32))).status == 404
    assert wire.recordings == ["Query"] * 3


def test_a_friendly_name_is_not_accepted(make_twilio: Callable[[], FunctionClient], stage: Stage, wire: Wire) -> None:
    """A friendly name in place of the conference's sid answers 405 without a request to the table."""
    client = make_twilio()
    stage.conference(name="Lobby")
    path = participant_path(client, "Lobby")
    assert_refused(client, client.get(*path), "conference read by name", uri=client.path(*path))
    assert wire.recordings == []
