"""Ending a conference and playing an announcement in it: `update_conference` in both dialects."""

from itertools import product
from typing import Any
from urllib.parse import quote, unquote

import pytest

from tapedeck.adapters.dynamodb import items
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.conference import Conference, EndReason
from tapedeck.domain.recording import Source
from tests.client import Answer, Form, FunctionClient, Gateway
from tests.functions.literal import Api
from tests.functions.stage import Clock, Stage, assert_answer, assert_refused, call_path, conference_path, shown
from tests.reporter import join_conference, open_conference

ANNOUNCE = {"AnnounceUrl": "https://user:pass@app.example.com/announce.xml?a=1#frag"}
END = {"Status": "completed"}


def test_ending_a_conference_answers_the_completed_conference(api: Api, example: Stage, clock: Clock) -> None:
    """Ending a conference in progress answers 200 with the completed conference."""
    example.conference(id="016612f5f27a7c0f9b1d6e83f2a5c470", name="Support")
    clock.step(60)

    answer = api.request(
        "POST",
        "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470.json",
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
        form={"Status": "completed"},
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "account_sid": "AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c",
        "date_created": "Tue, 25 Sep 2018 23:00:00 +0000",
        "date_updated": "Tue, 25 Sep 2018 23:01:00 +0000",
        "api_version": "2010-04-01",
        "friendly_name": "Support",
        "region": "us1",
        "sid": "CF016612f5f27a7c0f9b1d6e83f2a5c470",
        "status": "completed",
        "uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470.json"
        ),
        "subresource_uris": {
            "participants": (
                "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470/Participants.json"
            ),
            "recordings": (
                "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470/Recordings.json"
            ),
        },
        "reason_conference_ended": "conference-ended-via-api",
        "call_sid_ending_conference": None,
    }


def test_announcing_in_a_completed_conference_is_refused(api: Api, example: Stage) -> None:
    """A conference that has ended takes no announcement: 400 with error 10000, in SignalWire's dialect."""
    example.conference("completed", id="016612f5f27a7c0f9b1d6e83f2a5c470")

    answer = api.request(
        "POST",
        (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Conferences/016612f5-f27a-7c0f-9b1d-6e83f2a5c470"
        ),
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
        form={"AnnounceUrl": "https://app.example.com/announce.xml"},
    )

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 10000,
        "message": "Conference is not in progress",
        "more_info": "https://signalwire.com/docs/compatibility-api/reference/errors",
        "status": 400,
    }


def update(client: FunctionClient, conference: Conference | str, form: Form = None) -> Answer:
    """Send the request."""
    return client.post(*conference_path(client, conference), form=form)


@pytest.mark.parametrize("status", ["init", "in-progress"])
@pytest.mark.parametrize("form", [END, {**END, **ANNOUNCE}, {**END, "AnnounceMethod": "GET"}])
def test_a_live_conference_is_ended(
    client: FunctionClient, stage: Stage, gateway: Gateway, status: str, form: dict[str, str]
) -> None:
    """`Status=completed` ends a live conference; an announcement in the same request is not made (C-57)."""
    client.gateway = gateway
    conference = stage.conference(status)
    now = stage.clock.step(9)
    ended = shown(client, conference, status="completed", updated=now, reason="conference-ended-via-api")
    assert_answer(update(client, conference, form), 200, ended)
    assert_answer(client.get(*conference_path(client, conference)), 200, ended)
    stored = stage.item(items.conference_key(conference.account, conference.id))
    assert "announcement" not in stored
    assert stored["sequence"] == conference.sequence + 1


def test_ending_a_conference_stops_its_recordings(client: FunctionClient, stage: Stage) -> None:
    """Active and paused recordings stop; ended ones and those of its calls are unchanged."""
    conference, call = stage.conference(), stage.call()
    running = stage.recording(conference)
    paused = stage.recording(conference, "paused", source=Source.START_CONFERENCE_RECORDING)
    done = stage.recording(conference, "completed")
    of_call = stage.recording(call)
    now = stage.clock.step(5)
    assert update(client, conference, END).status == 200
    for recording in (running, paused):
        stopped = shown(client, recording, read=True, status="stopped", updated=now, ended=now)
        assert_answer(client.get(*conference_path(client, conference, recording)), 200, stopped)
    untouched = client.get(*conference_path(client, conference, done))
    assert_answer(untouched, 200, shown(client, done, read=True))
    assert_answer(client.get(*call_path(client, call, of_call)), 200, shown(client, of_call, read=True))


def test_calls_of_an_ended_conference_continue(client: FunctionClient, stage: Stage) -> None:
    """The calls of a conference that is ended continue."""
    service, account = stage.services, stage.account
    conference = open_conference(service, account, "Leaves")
    call = service.calls.register(account, to="client:a", from_="+1", direction="inbound")
    join_conference(service, account, conference.id, call.id)
    assert update(client, conference, END).status == 200
    assert client.get(*call_path(client, call)).body["status"] == "in-progress"


@pytest.mark.parametrize(("form", "method"), [({}, "POST"), ({"AnnounceMethod": "GET"}, "GET")])
def test_an_announcement_is_stored_for_the_media_engine(
    client: FunctionClient, stage: Stage, gateway: Gateway, form: dict[str, str], method: str
) -> None:
    """An announcement answers 200 with the unchanged conference, and is stored with a new version."""
    client.gateway = gateway
    conference = stage.conference()
    stage.clock.step(9)
    assert_answer(update(client, conference, {**ANNOUNCE, **form}), 200, shown(client, conference))
    stored = stage.item(items.conference_key(conference.account, conference.id))
    assert stored["announcement"] == {"url": ANNOUNCE["AnnounceUrl"], "method": method}
    assert stored["version"] == conference.version + 1


def test_a_conference_that_has_not_begun_takes_no_announcement(client: FunctionClient, stage: Stage) -> None:
    """An announcement in a conference that has not begun answers 400 (C-55)."""
    conference = stage.conference("init")
    assert_refused(client, update(client, conference, ANNOUNCE), "conference state")


@pytest.mark.parametrize("status", ["init", "in-progress", "completed"])
@pytest.mark.parametrize("form", [None, {}, {"Status": ""}, {"Other": "x"}, {"AnnounceUrl": "", "Status": ""}])
def test_a_request_without_parameters_changes_nothing(
    client: FunctionClient, stage: Stage, status: str, form: Form
) -> None:
    """Without effective parameters the conference is answered unchanged, even completed (C-56)."""
    conference = stage.conference(status, reason=EndReason.LAST_LEFT if status == "completed" else None)
    before = stage.partition(conference)
    stage.clock.step(9)
    assert_answer(update(client, conference, form), 200, shown(client, conference))
    assert stage.partition(conference) == before


@pytest.mark.parametrize("form", [END, ANNOUNCE, {**END, **ANNOUNCE}])
def test_a_completed_conference_rejects_parameters(client: FunctionClient, stage: Stage, form: dict[str, str]) -> None:
    """A completed conference answers 400 to any parameter and is unchanged."""
    conference = stage.conference("completed", reason=EndReason.LAST_LEFT)
    before = stage.partition(conference)
    assert_refused(client, update(client, conference, form), "conference state")
    assert stage.partition(conference) == before


PARAMETER_FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"Status": "init"}, "Status", "conference status"),
    ({"Status": "in-progress"}, "Status", "conference status"),
    ({"Status": "Completed"}, "Status", "conference status"),
    ({"Status": ["completed", "no"]}, "Status", "conference status"),
    ({"AnnounceUrl": "announce.xml"}, "AnnounceUrl", "no URL"),
    ({"AnnounceUrl": "https:///announce.xml"}, "AnnounceUrl", "no URL"),
    ({**END, "AnnounceUrl": "javascript:alert(1)"}, "AnnounceUrl", "no URL"),
    ({**ANNOUNCE, "AnnounceMethod": "PUT"}, "AnnounceMethod", "no HTTP method"),
    ({"AnnounceMethod": "gett"}, "AnnounceMethod", "no HTTP method"),
]


@pytest.mark.parametrize(("form", "name", "condition"), PARAMETER_FAULTS)
@pytest.mark.parametrize("status", ["in-progress", "completed"])
def test_an_invalid_parameter_is_rejected(
    client: FunctionClient, stage: Stage, form: Form, name: str, condition: str, status: str
) -> None:
    """The response names the invalid parameter; parameters are checked before the state."""
    conference = stage.conference(status, reason=EndReason.LAST_LEFT if status == "completed" else None)
    before = stage.partition(conference)
    assert_refused(client, update(client, conference, form), condition, name=name)
    assert stage.partition(conference) == before


def test_existence_is_checked_before_parameters(client: FunctionClient) -> None:
    """An unknown conference answers 404 with any parameters."""
    unknown = client.sid(ResourceType.CONFERENCE, "0" * 32)
    for form in (None, END, ANNOUNCE, {"Status": "no"}):
        path = conference_path(client, unknown)
        assert_refused(client, client.post(*path, form=form), "not found", uri=client.path(*path))


NAMES = ["Lobby", "two words", "Café", "RE" + "0" * 32, "50%", "{uri}", "CF123", "x" * 200]


# A name that ends in `.json` needs another suffix.
@pytest.mark.parametrize(("name", "suffix"), [*product(NAMES, ["", ".json"]), ("a.json", ".json")])
def test_twilio_accepts_a_friendly_name(client: FunctionClient, stage: Stage, name: str, suffix: str) -> None:
    """Twilio accepts a live conference's friendly name in place of its sid; SignalWire does not."""
    client.suffix = suffix
    conference = stage.conference(name=name)
    now = stage.clock.step(2)
    path = conference_path(client, quote(name, safe=""))
    answer = client.post(*path, form=END)
    if client.dialect.name == "signalwire":
        assert_refused(client, answer, "not found", uri=unquote(client.path(*path)))
    else:
        ended = shown(client, conference, status="completed", updated=now, reason="conference-ended-via-api")
        assert_answer(answer, 200, ended)


@pytest.mark.parametrize(("form", "status"), [(None, 200), (ANNOUNCE, 200), ({"Status": "no"}, 400)])
def test_a_friendly_name_allows_every_update(make_twilio: Any, stage: Stage, form: Form, status: int) -> None:
    """By name Twilio accepts every update that it accepts by sid."""
    stage.conference(name="Lobby")
    assert update(make_twilio(), "Lobby", form).status == status


@pytest.mark.parametrize("form", [None, END, ANNOUNCE, {"Status": "no"}])
def test_the_name_of_a_completed_conference_is_not_found(client: FunctionClient, stage: Stage, form: Form) -> None:
    """The name of a completed conference answers 404 until another conference uses it."""
    stage.conference("completed", name="Lobby", reason=EndReason.LAST_LEFT)
    path = conference_path(client, "Lobby")
    assert_refused(client, client.post(*path, form=form), "not found", uri=client.path(*path))


def test_a_name_finds_the_live_conference(make_twilio: Any, stage: Stage) -> None:
    """After completion the name finds the new conference."""
    client = make_twilio()
    first = open_conference(stage.services, stage.account, "Again")
    assert update(client, "Again", END).body["sid"] == client.sid(ResourceType.CONFERENCE, first.id)
    second = open_conference(stage.services, stage.account, "Again")
    assert update(client, "Again", END).body["sid"] == client.sid(ResourceType.CONFERENCE, second.id)
    assert update(client, "Again", END).status == 404


def test_names_match_exactly(make_twilio: Any, stage: Stage) -> None:
    """Names are case-sensitive and match as a whole."""
    stage.conference(name="Lobby")
    for name in ("lobby", "Lobb", "Lobby "):
        assert update(make_twilio(), quote(name), END).status == 404


@pytest.mark.parametrize(
    ("body", "announces"),
    [('{"Status": "completed"}', False), ('{"AnnounceUrl": "https://a.example/", "AnnounceMethod": "GET"}', True)],
)
def test_signalwire_reads_a_json_body(client: FunctionClient, stage: Stage, body: str, *, announces: bool) -> None:
    """SignalWire reads a JSON body; Twilio reads it as an empty form, which changes nothing."""
    conference = stage.conference()
    path = client.path(*conference_path(client, conference))
    answer = client.request("POST", path, form=body, content_type="application/json")
    if client.dialect.name == "twilio" or announces:
        assert_answer(answer, 200, shown(client, conference))
    else:
        assert answer.body["status"] == "completed"
    stored = stage.item(items.conference_key(conference.account, conference.id))
    assert ("announcement" in stored) == (announces and client.dialect.name == "signalwire")


def test_a_conference_ended_in_one_dialect_has_ended_in_the_other(
    client: FunctionClient, other: FunctionClient, stage: Stage
) -> None:
    """The other dialect shows the conference as ended and cannot end it again."""
    conference = stage.conference()
    now = stage.clock.step(1)
    assert update(client, conference, END).status == 200
    ended = shown(other, conference, status="completed", updated=now, reason="conference-ended-via-api")
    assert_answer(other.get(*conference_path(other, conference)), 200, ended)
    assert_refused(other, update(other, conference, END), "conference state")


@pytest.mark.parametrize("form", ["Status=%zz", b"Status=\xff"])
def test_a_malformed_body_is_rejected(client: FunctionClient, stage: Stage, form: Form) -> None:
    """A malformed body is rejected, and the conference continues."""
    conference = stage.conference()
    assert_refused(client, update(client, conference, form), "malformed body")
    assert_refused(client, update(client, conference, "x=" + "y" * 65_535), "body too large")
