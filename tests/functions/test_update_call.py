"""C3: end, cancel or redirect a call (behaviour.md, section 4)."""

from dataclasses import replace
from typing import Any

import pytest

from tapedeck.adapters.dynamodb import items
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.recording import Source
from tests.client import Answer, Form, FunctionClient, Gateway
from tests.functions.literal import Api
from tests.functions.stage import (
    Clock,
    Stage,
    Wire,
    WireRequest,
    assert_answer,
    assert_refused,
    call_path,
    conference_path,
    participant_path,
    shown,
)

URL = "https://user:pass@app.example.com/next.xml?a=1#frag"
CANCEL, COMPLETE, REDIRECT = {"Status": "canceled"}, {"Status": "completed"}, {"Url": URL}
UNANSWERED = ["queued", "ringing"]
FINAL = ["completed", "busy", "failed", "no-answer", "canceled"]


def test_ending_a_call_answers_the_completed_call(api: Api, example: Stage, clock: Clock) -> None:
    """Ending a call in progress answers 200 with the completed call and its duration."""
    example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    clock.step(61)

    answer = api.request(
        "POST",
        "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c/Calls/016612f5-f27a-7ca1-8a5f-2c9e41d7b360",
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
        form={"Status": "completed"},
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "sid": "016612f5-f27a-7ca1-8a5f-2c9e41d7b360",
        "account_sid": "5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c",
        "date_created": "Tue, 25 Sep 2018 23:00:00 +0000",
        "date_updated": "Tue, 25 Sep 2018 23:01:01 +0000",
        "parent_call_sid": None,
        "to": "+13105678901",
        "formatted_to": "(310) 567-8901",
        "to_formatted": "(310) 567-8901",
        "from": "+13103384645",
        "formatted_from": "(310) 338-4645",
        "from_formatted": "(310) 338-4645",
        "phone_number_sid": None,
        "status": "completed",
        "start_time": "Tue, 25 Sep 2018 23:00:00 +0000",
        "end_time": "Tue, 25 Sep 2018 23:01:01 +0000",
        "duration": 61,
        "price": None,
        "price_unit": "USD",
        "direction": "outbound",
        "answered_by": None,
        "api_version": "2010-04-01",
        "forwarded_from": None,
        "caller_name": None,
        "uri": (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Calls/016612f5-f27a-7ca1-8a5f-2c9e41d7b360.json"
        ),
        "subresource_uris": {
            "notifications": None,
            "recordings": (
                "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
                "/Calls/016612f5-f27a-7ca1-8a5f-2c9e41d7b360/Recordings.json"
            ),
        },
        "annotation": None,
        "group_sid": None,
        "audio_in_mos": None,
        "sip_result_code": None,
        "audio_rtt_avg": None,
        "audio_rtt_min": None,
        "audio_rtt_max": None,
        "audio_out_jitter_min": None,
        "audio_out_jitter_max": None,
        "audio_out_jitter_avg": None,
        "audio_out_lost": None,
    }


def test_redirecting_a_call_that_has_ended_is_a_bad_request(api: Api, example: Stage, clock: Clock) -> None:
    """A call that has ended cannot be redirected: 400 with error 21220."""
    example.call("completed", id="016612f5f27a7ca18a5f2c9e41d7b360", ended=clock.seconds)

    answer = api.request(
        "POST",
        "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360.json",
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
        form={"Url": "https://app.example.com/next.xml"},
    )

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 21220,
        "message": "Call is not in-progress. Cannot redirect.",
        "more_info": "https://www.twilio.com/docs/errors/21220",
        "status": 400,
    }


def update(client: FunctionClient, call: Call | str, form: Form = None) -> Answer:
    """C3."""
    return client.post(*call_path(client, call), form=form)


def held(stage: Stage, call: Call) -> dict[str, Any]:
    """The item of a call."""
    return stage.item(items.call_key(call.account, call.id))


# Section 4's table: request, from -> what happens.


@pytest.mark.parametrize("status", UNANSWERED)
@pytest.mark.parametrize("form", [CANCEL, COMPLETE, {**CANCEL, **REDIRECT}, {**COMPLETE, "Method": "GET"}])
def test_ends_a_call_that_was_not_answered(
    client: FunctionClient, stage: Stage, gateway: Gateway, status: str, form: dict[str, str]
) -> None:
    """Queued or ringing, it is canceled or completed as asked; `Url` besides means nothing."""
    client.gateway = gateway
    call = stage.call(status)
    now = stage.clock.step(3)
    ended = replace(call, status=CallStatus(form["Status"]), updated=now, ended=now)
    assert_answer(update(client, call, form), 200, shown(client, ended))
    assert_answer(client.get(*call_path(client, call)), 200, shown(client, ended))
    assert "redirect" not in held(stage, call)


@pytest.mark.parametrize("form", [COMPLETE, {**COMPLETE, **REDIRECT}])
def test_ends_a_call_in_progress(client: FunctionClient, stage: Stage, form: dict[str, str]) -> None:
    """`Status=completed` ends it and tells how long it was; `Status` wins over `Url`."""
    call = stage.call()
    now = stage.clock.step(7)
    ended = replace(call, status=CallStatus.COMPLETED, updated=now, ended=now)
    assert_answer(update(client, call, form), 200, shown(client, ended))
    assert "redirect" not in held(stage, call)


@pytest.mark.parametrize("recorded", [True, False])
def test_does_not_cancel_a_call_in_progress(client: FunctionClient, stage: Stage, *, recorded: bool) -> None:
    """`Status=canceled` comes too late: T answers 200 with the call unchanged, S 400."""
    call = stage.call()
    if recorded:
        stage.recording(call)
    before = stage.partition(call)
    stage.clock.step(2)
    answer = update(client, call, {**CANCEL, **REDIRECT})
    if client.dialect.name == "twilio":
        assert_answer(answer, 200, shown(client, call))
    else:
        assert_refused(client, answer, "call answered")
    assert stage.partition(call) == before


@pytest.mark.parametrize("status", FINAL)
@pytest.mark.parametrize("form", [CANCEL, COMPLETE, {**COMPLETE, **REDIRECT}, {"TimeLimit": "5", **CANCEL}])
def test_refuses_to_end_what_has_ended(client: FunctionClient, stage: Stage, status: str, form: dict[str, str]) -> None:
    """A final state is final: T 21220, S 10000, whichever status is asked."""
    call = stage.call(status, ended=stage.clock.seconds)
    before = stage.partition(call)
    assert_refused(client, update(client, call, form), "call ended")
    assert stage.partition(call) == before


@pytest.mark.parametrize("status", [*UNANSWERED, *FINAL])
def test_redirects_nothing_but_a_call_in_progress(client: FunctionClient, stage: Stage, status: str) -> None:
    """A redirect of a call that was not answered, or has ended: 21220 in both dialects."""
    call = stage.call(status, ended=stage.clock.seconds if status in FINAL else None)
    before = stage.partition(call)
    assert_refused(client, update(client, call, REDIRECT), "call not in progress")
    assert stage.partition(call) == before


@pytest.mark.parametrize(
    ("form", "kept"),
    [
        (REDIRECT, {"redirect": {"url": URL, "method": "POST"}}),
        ({**REDIRECT, "Method": "GET"}, {"redirect": {"url": URL, "method": "GET"}}),
        (
            {**REDIRECT, "FallbackUrl": URL, "FallbackMethod": "GET"},
            {"redirect": {"url": URL, "method": "POST"}, "fallback": {"url": URL, "method": "GET"}},
        ),
    ],
)
def test_redirects(client: FunctionClient, stage: Stage, form: dict[str, str], kept: dict[str, Any]) -> None:
    """A redirect answers 200 with the call unchanged, and is left to the media engine with a new version."""
    call = stage.call()
    stage.clock.step(4)
    for turn in (1, 2):
        assert_answer(update(client, call, form), 200, shown(client, call))
        item = held(stage, call)
        assert {name: item.get(name) for name in kept} == kept
        assert item["version"] == call.version + turn


def test_redirects_to_markup_in_t(client: FunctionClient, stage: Stage) -> None:
    """T takes instructions in place of their address, and a limit of time; to S both are unknown."""
    call = stage.call()
    form = {"Twiml": "<Response><Hangup/></Response>", "TimeLimit": "60"}
    assert_answer(update(client, call, form), 200, shown(client, call))
    item = held(stage, call)
    if client.dialect.name == "twilio":
        assert (item["redirect"], item["time_limit"]) == ({"markup": form["Twiml"]}, 60)
    else:
        assert (item.get("redirect"), item["version"]) == (None, call.version)


@pytest.mark.parametrize(
    ("form", "kept"),
    [
        ({"StatusCallback": URL}, {"url": URL, "method": "POST"}),
        ({"StatusCallback": URL, "StatusCallbackMethod": "GET"}, {"url": URL, "method": "GET"}),
    ],
)
@pytest.mark.parametrize("status", ["queued", "ringing", "in-progress", "completed"])
def test_keeps_a_callback(
    client: FunctionClient, stage: Stage, form: dict[str, str], kept: dict[str, str], status: str
) -> None:
    """Who is to be told of a call may be said while it lives, in the dialect in which it is said."""
    call = stage.call(status)
    answer = update(client, call, form)
    if status == "completed":
        assert_refused(client, answer, "call ended")
        return
    assert_answer(answer, 200, shown(client, call))
    assert held(stage, call)["status_callback"] == {**kept, "dialect": client.dialect.name}


@pytest.mark.parametrize("status", ["queued", "in-progress", "completed"])
@pytest.mark.parametrize(
    "form", [None, {}, {"Url": "", "Status": ""}, {"Method": "GET", "FallbackMethod": "GET"}, {"Other": "x"}]
)
def test_changes_nothing_without_parameters(client: FunctionClient, stage: Stage, status: str, form: Form) -> None:
    """Without parameters, or with such as mean nothing by themselves, it is answered as it is, even ended."""
    call = stage.call(status, ended=stage.clock.seconds if status == "completed" else None)
    before = stage.partition(call)
    stage.clock.step(4)
    assert_answer(update(client, call, form), 200, shown(client, call))
    assert stage.partition(call) == before


PARAMETER_FAULTS: list[tuple[dict[str, Any], str, str]] = [
    *[({"Status": status}, "Status", "value outside the enum") for status in ("busy", "in-progress", "Completed")],
    ({"Status": ["completed", "no"]}, "Status", "value outside the enum"),
    ({"Url": "next.xml"}, "Url", "no URL"),
    ({**COMPLETE, "Url": "ftp://a.example/"}, "Url", "no URL"),
    ({"FallbackUrl": "https:///x"}, "FallbackUrl", "no URL"),
    ({"StatusCallback": "javascript:alert(1)"}, "StatusCallback", "no callback URL"),
    ({"Method": "PUT"}, "Method", "no HTTP method"),
    ({"FallbackMethod": "get"}, "FallbackMethod", "no HTTP method"),
    ({"StatusCallbackMethod": "no"}, "StatusCallbackMethod", "no HTTP method"),
]


@pytest.mark.parametrize(("form", "name", "condition"), PARAMETER_FAULTS)
@pytest.mark.parametrize("status", ["ringing", "in-progress", "completed"])
def test_refuses_wrong_parameters(
    client: FunctionClient, stage: Stage, form: Form, name: str, condition: str, status: str
) -> None:
    """A wrong parameter is named in the dialect's words, before the state is looked at."""
    call = stage.call(status)
    before = stage.partition(call)
    assert_refused(client, update(client, call, form), condition, name=name)
    assert stage.partition(call) == before


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ({"Twiml": "<Response/>", **REDIRECT}, "Twiml"),
        *[({"TimeLimit": value}, "TimeLimit") for value in ("x", "1.5", "0", "-1", "٣", "9" * 30)],
    ],
)
def test_reads_some_parameters_in_t_only(client: FunctionClient, stage: Stage, form: dict[str, str], name: str) -> None:
    """In T instructions exclude their address, and a limit is whole seconds; S ignores both."""
    call = stage.call()
    answer = update(client, call, form)
    if client.dialect.name == "twilio":
        assert_refused(client, answer, "value outside the enum", name=name)
    else:
        assert_answer(answer, 200, shown(client, call))


def test_checks_existence_before_parameters(client: FunctionClient) -> None:
    """Whatever the parameters, an unknown call answers 404."""
    for form in (None, COMPLETE, CANCEL, REDIRECT, {"StatusCallback": URL}, {"Status": "no"}):
        path = call_path(client, client.sid(ResourceType.CALL, "0" * 32))
        assert_refused(client, client.post(*path, form=form), "not found", uri=client.path(*path))


def test_stops_the_recordings_with_the_call(client: FunctionClient, stage: Stage) -> None:
    """Its active recordings stop in the same write; what had ended stays as it is (section 5.6)."""
    call = stage.call()
    running, paused = stage.recording(call), stage.recording(call, "paused", source=Source.OUTBOUND_API)
    done = stage.recording(call, "completed", source=Source.RECORD_VERB)
    now = stage.clock.step(3)
    assert update(client, call, COMPLETE).body["status"] == "completed"
    for recording in (running, paused):
        stopped = shown(client, recording, read=True, status="stopped", updated=now, ended=now)
        assert_answer(client.get(*call_path(client, call, recording)), 200, stopped)
    assert_answer(client.get(*call_path(client, call, done)), 200, shown(client, done, read=True))


@pytest.mark.parametrize(("number", "ends"), [(2, False), (1, True)])
def test_takes_the_call_out_of_its_conference(client: FunctionClient, stage: Stage, number: int, *, ends: bool) -> None:
    """A call that ends leaves its conference, which may end with that."""
    room = stage.conference(participants=number)
    participant = stage.participant(room)
    now = stage.clock.step(3)
    assert update(client, client.sid(ResourceType.CALL, participant.call), COMPLETE).status == 200
    path = participant_path(client, room, participant)
    assert_refused(client, client.get(*path), "not found", uri=client.path(*path))
    after: dict[str, Any] = {"status": "completed", "updated": now, "reason": "last-participant-left"} if ends else {}
    body = shown(client, room, ending_call=participant.call if ends else None, **after)
    assert_answer(client.get(*conference_path(client, room)), 200, body)


@pytest.mark.parametrize("status", ["queued", "ringing"])
@pytest.mark.parametrize("form", [CANCEL, COMPLETE])
def test_does_not_count_who_was_not_connected(
    client: FunctionClient, stage: Stage, status: str, form: dict[str, str]
) -> None:
    """The call of somebody who is being dialed ends without an event: the conference goes on as it was."""
    room = stage.conference("init", participants=1)
    participant = stage.participant(room, status=status, end_conference_on_exit=True)
    now = stage.clock.step(3)
    assert update(client, client.sid(ResourceType.CALL, participant.call), form).body["status"] == form["Status"]
    assert stage.item(items.conference_key(room.account, room.id))["version"] == room.version
    own = stage.item(items.participant_key(room.account, room.id, participant.call))
    assert (own["status"], own["left"], own["version"]) == ("failed", now, participant.version + 1)


@pytest.mark.parametrize("recorded", [True, False])
def test_never_cancels_what_is_answered_meanwhile(
    client: FunctionClient, stage: Stage, wire: Wire, *, recorded: bool
) -> None:
    """A call that is answered while it is being canceled goes on: the state is the write's own condition."""
    service, account = stage.services, stage.account
    room = stage.conference(participants=0)
    participant = stage.participant(room, status="ringing")
    call = participant.call
    raced: list[WireRequest] = []

    def race(when: str, request: WireRequest) -> None:
        if when == "answered" and request.operation == "UpdateItem" and not raced:
            raced.append(request)
            service.participants.answer(account, room.id, call)
            if recorded:
                stage.recording(service.calls.get(account, call))

    with wire.watched_by(race):
        answer = update(client, client.sid(ResourceType.CALL, call), CANCEL)
    if client.dialect.name == "twilio":
        assert (answer.status, answer.body["status"]) == (200, "in-progress")
    else:
        assert_refused(client, answer, "call answered")
    assert service.calls.get(account, call).status == "in-progress"
    assert service.conferences.get(account, room.id).participants == 1


@pytest.mark.parametrize(
    ("status", "form", "requests"),
    [
        ("queued", CANCEL, ["UpdateItem"]),
        ("in-progress", COMPLETE, ["UpdateItem"]),
        ("in-progress", REDIRECT, ["UpdateItem"]),
        ("queued", REDIRECT, ["UpdateItem"]),
        ("completed", COMPLETE, ["UpdateItem"]),
        ("in-progress", None, ["GetItem"]),
        ("in-progress", {"Status": "no"}, ["GetItem"]),
    ],
)
def test_asks_the_table_once(
    client: FunctionClient, stage: Stage, wire: Wire, status: str, form: Form, requests: list[str]
) -> None:
    """One update whatever the outcome; without parameters, or with wrong ones, one read."""
    update(client, stage.call(status), form)
    assert wire.recordings == requests


def test_works_across_dialects(client: FunctionClient, other: FunctionClient, stage: Stage) -> None:
    """What one dialect ends the other shows as ended, and cannot end again."""
    call = stage.call()
    now = stage.clock.step(1)
    assert update(client, call, COMPLETE).status == 200
    ended = replace(call, status=CallStatus.COMPLETED, updated=now, ended=now)
    assert_answer(other.get(*call_path(other, call)), 200, shown(other, ended))
    assert_refused(other, update(other, call, COMPLETE), "call ended")


@pytest.mark.parametrize("form", ["Status=%zz", b"Status=\xff"])
def test_refuses_malformed_bodies(client: FunctionClient, stage: Stage, form: Form) -> None:
    """A broken body is refused, and ends nothing."""
    call = stage.call()
    assert_refused(client, update(client, call, form), "malformed body")
    assert_refused(client, update(client, call, "x=" + "y" * 65_535), "body too large")
    assert_answer(client.get(*call_path(client, call)), 200, shown(client, call))
