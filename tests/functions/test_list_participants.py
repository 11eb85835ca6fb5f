"""P1: the participants of a conference (operations.md, section 3; behaviour.md, sections 6 and 8)."""

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

Expect = Callable[..., Any]


def test_listing_participants_answers_a_page(api: Api, example: Stage) -> None:
    """The participants of a conference answer 200 with a page, here the only one."""
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
def room(stage: Stage) -> Conference:
    """A conference in progress."""
    return stage.conference()


@pytest.fixture
def expect(client: FunctionClient, room: Conference) -> Expect:
    """The page that must come, of these participants."""

    def page(participants: list[Participant], **fields: Any) -> Any:
        path = "/".join(participant_path(client, room))
        items = [shown(client, each) for each in participants]
        return expected.page(client.dialect.name, client.account, path, items, **fields)

    return page


def test_lists_who_is_in_or_on_the_way(client: FunctionClient, stage: Stage, room: Conference, expect: Expect) -> None:
    """Who is connected, and who is being dialed; not who has left, who was not reached, or who is elsewhere."""
    there = []
    for status in ("queued", "connecting", "ringing", "connected", "complete", "failed"):
        stage.clock.step(1)
        there.append(stage.participant(room, status=status))
    stage.participant(stage.conference(name="Other"))
    assert_answer(client.get(*participant_path(client, room)), 200, expect(there[3::-1]))


def test_sorts_by_joining_then_by_call(client: FunctionClient, stage: Stage, room: Conference) -> None:
    """Who joined last comes first, however old the call; of one second, by the call's sid."""
    calls = [stage.call() for _ in range(4)]
    calls.sort(key=lambda call: call.id)
    late, *same = calls
    for call in same:
        stage.participant(room, call)
    stage.clock.step(1)
    stage.participant(room, late)
    order = [late, *same[::-1]]
    found = client.get(*participant_path(client, room)).body["participants"]
    assert [each["call_sid"] for each in found] == [client.sid(ResourceType.CALL, call.id) for call in order]


@pytest.mark.parametrize("status", ["init", "in-progress", "completed"])
def test_is_empty_without_anybody(client: FunctionClient, stage: Stage, status: str) -> None:
    """Nobody is in a conference that has just begun to be, nor in one that is completed, whoever was."""
    room = stage.conference(status)
    if status == "completed":
        stage.participant(room)
        stage.participant(room, status="queued")
    path = participant_path(client, room)
    assert_answer(client.get(*path), 200, expected.page(client.dialect.name, client.account, "/".join(path), []))


FILTERS = [
    ("Muted", "true", {"muted": True}),
    ("Muted", "FALSE", {"muted": False}),
    ("Hold", "true", {"hold": True}),
    ("Hold", "false", {"hold": False}),
    ("Coaching", "true", {"coaching": True}),
    ("Coaching", "False", {"coaching": False}),
]


@pytest.mark.parametrize(("name", "value", "wanted"), FILTERS)
def test_filters(
    client: FunctionClient,
    stage: Stage,
    room: Conference,
    expect: Expect,
    name: str,
    value: str,
    wanted: dict[str, bool],
) -> None:
    """By `Muted` and `Hold` in both dialects, by `Coaching` in T: to S that is an unknown parameter."""
    ((field, wish),) = wanted.items()
    there: list[Participant] = []
    for has in (True, False, True):
        stage.clock.step(1)
        there.insert(0, stage.participant(room, **{field: has}))  # type: ignore[arg-type]
    answer = client.get(*participant_path(client, room), **{name: value})
    if name == "Coaching" and client.dialect.name == "signalwire":
        assert_answer(answer, 200, expect(there))
    else:
        chosen = [each for each in there if getattr(each, field) is wish]
        assert_answer(answer, 200, expect(chosen, filters=f"{name}={value}&"))


def test_filters_together(client: FunctionClient, stage: Stage, room: Conference, expect: Expect) -> None:
    """Several filters are all to be met."""
    both = stage.participant(room, muted=True, hold=True)
    stage.participant(room, muted=True)
    stage.participant(room, hold=True)
    answer = client.get(*participant_path(client, room), Muted="true", Hold="true")
    assert_answer(answer, 200, expect([both], filters="Muted=true&Hold=true&"))


def test_pages_of_a_filter(client: FunctionClient, stage: Stage, room: Conference, expect: Expect) -> None:
    """A token that stands between keeps its place, though the filter leaves its participant out."""
    there: list[Participant] = []
    for muted in (True, False, True):
        stage.clock.step(1)
        there.insert(0, stage.participant(room, muted=muted))
    token = f"PA{client.sid(ResourceType.CALL, there[1].call)}"
    answer = client.get(*participant_path(client, room), Muted="true", PageToken=token)
    preceding = f"PB{client.sid(ResourceType.CALL, there[2].call)}"
    assert_answer(answer, 200, expect([there[2]], filters="Muted=true&", token=token, preceding=preceding))


@pytest.mark.parametrize(
    ("name", "value"), [("Hold", "1"), ("Hold", "yes"), ("Muted", "no"), ("Coaching", "maybe"), ("PageSize", "x")]
)
def test_refuses_wrong_filters(
    client: FunctionClient, stage: Stage, room: Conference, expect: Expect, name: str, value: str
) -> None:
    """A filter that is no boolean is refused; T takes such a `Muted` for false, S does not know `Coaching`."""
    participant = stage.participant(room)
    answer = client.get(*participant_path(client, room), **{name: value})
    if (client.dialect.name, name) == ("twilio", "Muted"):
        assert_answer(answer, 200, expect([participant], filters="Muted=false&"))
    elif (client.dialect.name, name) == ("signalwire", "Coaching"):
        assert_answer(answer, 200, expect([participant]))
    else:
        assert_refused(client, answer, "value outside the enum", name=name)


def test_asks_the_table_once(client: FunctionClient, stage: Stage, room: Conference, wire: Wire) -> None:
    """One query brings the conference along, whatever is asked, or tells that there is none."""
    stage.participant(room, label="customer")
    client.get(*participant_path(client, room))
    client.get(*participant_path(client, room), Muted="true", PageSize="1", Page="1")
    assert client.get(*participant_path(client, client.sid(ResourceType.CONFERENCE, "0" * 32))).status == 404
    assert wire.recordings == ["Query"] * 3


def test_takes_no_name(make_twilio: Callable[[], FunctionClient], stage: Stage, wire: Wire) -> None:
    """A friendly name does not stand for a conference here."""
    client = make_twilio()
    stage.conference(name="Lobby")
    path = participant_path(client, "Lobby")
    assert_refused(client, client.get(*path), "not found", uri=client.path(*path))
    assert wire.recordings == []
