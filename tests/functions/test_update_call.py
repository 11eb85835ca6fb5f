"""Ending, canceling and redirecting a call: `update_call` in both dialects."""

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
    """Ending a call in progress answers 200 with the completed call and its duration, in SignalWire's dialect."""
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
    """Send the request."""
    return client.post(*call_path(client, call), form=form)


def stored_item(stage: Stage, call: Call) -> dict[str, Any]:
    """Return the stored item of a call."""
    return stage.item(items.call_key(call.account, call.id))


# --- Transitions: request and current status -> outcome ---


@pytest.mark.parametrize("status", UNANSWERED)
@pytest.mark.parametrize("form", [CANCEL, COMPLETE, {**CANCEL, **REDIRECT}, {**COMPLETE, "Method": "GET"}])
def test_an_unanswered_call_is_ended(
    client: FunctionClient, stage: Stage, gateway: Gateway, status: str, form: dict[str, str]
) -> None:
    """A queued or ringing call is canceled or completed as requested; `Url` is ignored."""
    client.gateway = gateway
    call = stage.call(status)
    now = stage.clock.step(3)
    ended = replace(call, status=CallStatus(form["Status"]), updated=now, ended=now)
    assert_answer(update(client, call, form), 200, shown(client, ended))
    assert_answer(client.get(*call_path(client, call)), 200, shown(client, ended))
    assert "redirect" not in stored_item(stage, call)


@pytest.mark.parametrize("form", [COMPLETE, {**COMPLETE, **REDIRECT}])
def test_a_call_in_progress_is_completed(client: FunctionClient, stage: Stage, form: dict[str, str]) -> None:
    """`Status=completed` ends the call and sets its duration; `Status` takes precedence over `Url` (C-25)."""
    call = stage.call()
    now = stage.clock.step(7)
    ended = replace(call, status=CallStatus.COMPLETED, updated=now, ended=now)
    assert_answer(update(client, call, form), 200, shown(client, ended))
    assert "redirect" not in stored_item(stage, call)


@pytest.mark.parametrize("recorded", [True, False])
def test_a_call_in_progress_is_not_canceled(client: FunctionClient, stage: Stage, *, recorded: bool) -> None:
    """`Status=canceled` is too late: Twilio answers 200 with the unchanged call, SignalWire 400."""
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
def test_a_call_that_has_ended_is_not_ended_again(
    client: FunctionClient, stage: Stage, status: str, form: dict[str, str]
) -> None:
    """A final status is final: 404 in Twilio's dialect, error 10000 in SignalWire's. `Url` changes nothing about it."""
    call = stage.call(status, ended=stage.clock.seconds)
    before = stage.partition(call)
    uri = client.path(*call_path(client, call))
    assert_refused(client, update(client, call, form), "call ended already", uri=uri)
    assert stage.partition(call) == before


@pytest.mark.parametrize("status", [*UNANSWERED, *FINAL])
def test_only_a_call_in_progress_is_redirected(client: FunctionClient, stage: Stage, status: str) -> None:
    """Redirecting an unanswered or ended call answers error 21220 in both dialects."""
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
            {"Url": "HTTPS://App.example.com/caf\u00e9?"},
            {"redirect": {"url": "https://App.example.com/caf%C3%A9", "method": "POST"}},
        ),
        (
            {**REDIRECT, "FallbackUrl": URL, "FallbackMethod": "GET"},
            {"redirect": {"url": URL, "method": "POST"}, "fallback": {"url": URL, "method": "GET"}},
        ),
    ],
)
def test_a_redirect_is_stored_for_the_media_engine(
    client: FunctionClient, stage: Stage, form: dict[str, str], kept: dict[str, Any]
) -> None:
    """A redirect answers 200 with the unchanged call, and is stored with a new version (C-28)."""
    call = stage.call()
    stage.clock.step(4)
    for turn in (1, 2):
        assert_answer(update(client, call, form), 200, shown(client, call))
        item = stored_item(stage, call)
        assert {name: item.get(name) for name in kept} == kept
        assert item["version"] == call.version + turn


def test_twilio_accepts_markup_and_a_time_limit(client: FunctionClient, stage: Stage) -> None:
    """Twilio accepts `Twiml` in place of `Url`, and `TimeLimit`; SignalWire ignores both."""
    call = stage.call()
    form = {"Twiml": "<Response><Hangup/></Response>", "TimeLimit": "60"}
    assert_answer(update(client, call, form), 200, shown(client, call))
    item = stored_item(stage, call)
    if client.dialect.name == "twilio":
        assert (item["redirect"], item["time_limit"]) == ({"markup": form["Twiml"]}, 60)
    else:
        assert (item.get("redirect"), item["version"]) == (None, call.version)


@pytest.mark.parametrize(
    ("form", "kept"),
    [
        ({"StatusCallback": URL}, {"url": URL, "method": "POST", "events": []}),
        ({"StatusCallback": URL, "StatusCallbackMethod": "GET"}, {"url": URL, "method": "GET", "events": []}),
    ],
)
@pytest.mark.parametrize("status", ["queued", "ringing", "in-progress", "completed"])
def test_a_status_callback_is_stored(
    client: FunctionClient, stage: Stage, form: dict[str, str], kept: dict[str, Any], status: str
) -> None:
    """A live call accepts a status callback, stored with the dialect of the request; the engine gets no command."""
    call = stage.call(status)
    answer = update(client, call, form)
    if status == "completed":
        assert_refused(client, answer, "call ended")
        return
    assert_answer(answer, 200, shown(client, call))
    item = stored_item(stage, call)
    assert item["callback"] == {**kept, "dialect": client.dialect.name}
    assert (item["version"], item.get("asked")) == (call.version + 1, None)


@pytest.mark.parametrize("status", ["queued", "in-progress", "completed"])
@pytest.mark.parametrize(
    "form", [None, {}, {"Url": "", "Status": ""}, {"Method": "GET", "FallbackMethod": "GET"}, {"Other": "x"}]
)
def test_a_request_without_parameters_changes_nothing(
    client: FunctionClient, stage: Stage, status: str, form: Form
) -> None:
    """Without effective parameters the call is answered unchanged, even after its end."""
    call = stage.call(status, ended=stage.clock.seconds if status == "completed" else None)
    before = stage.partition(call)
    stage.clock.step(4)
    assert_answer(update(client, call, form), 200, shown(client, call))
    assert stage.partition(call) == before


PARAMETER_FAULTS: list[tuple[dict[str, Any], str, str]] = [
    *[({"Status": status}, "Status", "value outside the enum") for status in ("busy", "in-progress", "Completed")],
    ({"Status": ["completed", "no"]}, "Status", "value outside the enum"),
    ({"Url": "next.xml"}, "Url", "no instructions URL"),
    ({**COMPLETE, "Url": "ftp://a.example/"}, "Url", "no instructions URL"),
    ({"FallbackUrl": "https:///x"}, "FallbackUrl", "no instructions URL"),
    ({"Method": "PUT"}, "Method", "no instructions method"),
    ({"FallbackMethod": "gett"}, "FallbackMethod", "no instructions method"),
    ({"StatusCallback": "/relative", "Url": "next.xml"}, "Url", "no instructions URL"),
]


@pytest.mark.parametrize(("form", "name", "condition"), PARAMETER_FAULTS)
@pytest.mark.parametrize("status", ["ringing", "in-progress", "completed"])
def test_an_invalid_parameter_is_rejected(
    client: FunctionClient, stage: Stage, form: dict[str, Any], name: str, condition: str, status: str
) -> None:
    """The response names the invalid parameter; parameters are checked before the state."""
    call = stage.call(status)
    before = stage.partition(call)
    assert_refused(client, update(client, call, form), condition, name=name, value=str(form[name]))
    assert stage.partition(call) == before


@pytest.mark.parametrize(
    ("form", "condition", "kept"),
    [
        ({"StatusCallback": "javascript:alert(1)"}, "no callback URL", None),
        ({"StatusCallback": "/relative"}, "no callback URL", None),
        ({"StatusCallbackMethod": "no"}, "no HTTP method", {"url": URL, "method": "POST", "events": []}),
    ],
)
def test_an_unusable_status_callback_is_left_out(
    client: FunctionClient, stage: Stage, form: dict[str, str], condition: str, kept: dict[str, Any] | None
) -> None:
    """Twilio does the rest of the request without an unusable status callback; SignalWire rejects the request."""
    call = stage.call()
    before = stage.partition(call)
    answer = update(client, call, {"StatusCallback": URL, **REDIRECT, **form})
    if client.dialect.name == "signalwire":
        assert_refused(client, answer, condition, name=next(iter(form)))
        assert stage.partition(call) == before
        return
    assert_answer(answer, 200, shown(client, call))
    item = stored_item(stage, call)
    assert item["redirect"] == {"url": URL, "method": "POST"}
    assert item.get("callback") == (None if kept is None else {**kept, "dialect": "twilio"})


def test_methods_are_read_in_any_case(client: FunctionClient, stage: Stage) -> None:
    """A method may have any case; the standard spelling is stored."""
    call = stage.call()
    form = {**REDIRECT, "Method": "get", "FallbackUrl": URL, "FallbackMethod": "Post", "StatusCallback": URL}
    assert_answer(update(client, call, {**form, "StatusCallbackMethod": "gEt"}), 200, shown(client, call))
    item = stored_item(stage, call)
    assert [item[name]["method"] for name in ("redirect", "fallback", "callback")] == ["GET", "POST", "GET"]


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ({"Twiml": "<Response/>", **REDIRECT}, "Twiml"),
        *[({"TimeLimit": value}, "TimeLimit") for value in ("x", "1.5", "0", "-1", "٣", "9" * 30)],
    ],
)
def test_signalwire_ignores_markup_and_time_limit(
    client: FunctionClient, stage: Stage, form: dict[str, str], name: str
) -> None:
    """Twilio rejects `Twiml` with `Url` and an invalid `TimeLimit`; SignalWire ignores both parameters (C-26)."""
    call = stage.call()
    answer = update(client, call, form)
    if client.dialect.name == "twilio":
        assert_refused(client, answer, "value outside the enum", name=name)
    else:
        assert_answer(answer, 200, shown(client, call))


def test_existence_is_checked_before_parameters(client: FunctionClient) -> None:
    """An unknown call answers 404 with any parameters."""
    for form in (None, COMPLETE, CANCEL, REDIRECT, {"StatusCallback": URL}, {"Status": "no"}):
        path = call_path(client, client.sid(ResourceType.CALL, "0" * 32))
        assert_refused(client, client.post(*path, form=form), "not found", uri=client.path(*path))


def test_ending_a_call_stops_its_recordings(client: FunctionClient, stage: Stage) -> None:
    """Active recordings stop in the same write; ended ones are unchanged."""
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
def test_a_call_that_ends_leaves_its_conference(
    client: FunctionClient, stage: Stage, number: int, *, ends: bool
) -> None:
    """A call that ends leaves its conference, which ends with its last participant."""
    conference = stage.conference(participants=number)
    participant = stage.participant(conference)
    now = stage.clock.step(3)
    assert update(client, client.sid(ResourceType.CALL, participant.call), COMPLETE).status == 200
    path = participant_path(client, conference, participant)
    assert_refused(client, client.get(*path), "not found", uri=client.path(*path))
    after: dict[str, Any] = {"status": "completed", "updated": now, "reason": "last-participant-left"} if ends else {}
    body = shown(client, conference, ending_call=participant.call if ends else None, **after)
    assert_answer(client.get(*conference_path(client, conference)), 200, body)


@pytest.mark.parametrize("status", ["queued", "ringing"])
@pytest.mark.parametrize("form", [CANCEL, COMPLETE])
def test_ending_a_dialed_call_does_not_change_the_conference(
    client: FunctionClient, stage: Stage, status: str, form: dict[str, str]
) -> None:
    """The call of a participant who is being dialed ends without an event of the conference."""
    conference = stage.conference("init", participants=1)
    participant = stage.participant(conference, status=status, end_conference_on_exit=True)
    now = stage.clock.step(3)
    assert update(client, client.sid(ResourceType.CALL, participant.call), form).body["status"] == form["Status"]
    assert stage.item(items.conference_key(conference.account, conference.id))["version"] == conference.version
    own = stage.item(items.participant_key(conference.account, conference.id, participant.call))
    assert (own["status"], own["left"], own["version"]) == ("failed", now, participant.version + 1)


@pytest.mark.parametrize("recorded", [True, False])
def test_a_call_answered_meanwhile_is_not_canceled(
    client: FunctionClient, stage: Stage, wire: Wire, *, recorded: bool
) -> None:
    """The write is conditional on the state: a call that is answered meanwhile continues."""
    service, account = stage.services, stage.account
    conference = stage.conference(participants=0)
    participant = stage.participant(conference, status="ringing")
    call = participant.call
    raced: list[WireRequest] = []

    def race(when: str, request: WireRequest) -> None:
        if when == "answered" and request.operation == "UpdateItem" and not raced:
            raced.append(request)
            stage.engine.answered(call)
            if recorded:
                stage.recording(service.calls.get(account, call))

    with wire.watched_by(race):
        answer = update(client, client.sid(ResourceType.CALL, call), CANCEL)
    if client.dialect.name == "twilio":
        assert (answer.status, answer.body["status"]) == (200, "in-progress")
    else:
        assert_refused(client, answer, "call answered")
    assert service.calls.get(account, call).status == "in-progress"
    assert service.conferences.get(account, conference.id).participants == 1


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
def test_one_request_to_the_table_per_update(
    client: FunctionClient, stage: Stage, wire: Wire, status: str, form: Form, requests: list[str]
) -> None:
    """One update with any outcome; without valid parameters one read."""
    update(client, stage.call(status), form)
    assert wire.recordings == requests


def test_a_call_ended_in_one_dialect_has_ended_in_the_other(
    client: FunctionClient, other: FunctionClient, stage: Stage
) -> None:
    """The other dialect shows the call as ended and cannot end it again."""
    call = stage.call()
    now = stage.clock.step(1)
    assert update(client, call, COMPLETE).status == 200
    ended = replace(call, status=CallStatus.COMPLETED, updated=now, ended=now)
    assert_answer(other.get(*call_path(other, call)), 200, shown(other, ended))
    uri = other.path(*call_path(other, call))
    assert_refused(other, update(other, call, COMPLETE), "call ended already", uri=uri)


@pytest.mark.parametrize("form", ["Status=%zz", b"Status=\xff"])
def test_a_malformed_body_is_rejected(client: FunctionClient, stage: Stage, form: Form) -> None:
    """A malformed body is rejected, and the call continues."""
    call = stage.call()
    assert_refused(client, update(client, call, form), "malformed body")
    assert_refused(client, update(client, call, "x=" + "y" * 65_535), "body too large")
    assert_answer(client.get(*call_path(client, call)), 200, shown(client, call))


def test_a_call_is_hung_up_while_its_conference_changes(client: FunctionClient, stage: Stage, wire: Wire) -> None:
    """A change of the conference between the read and the write is no reason to refuse: the call ends, and leaves."""
    conference = stage.conference()
    leaving, other = stage.participant(conference), stage.participant(conference)
    pending = [conference]

    def change(when: str, request: WireRequest) -> None:
        if when == "sent" and request.operation == "TransactWriteItems" and pending:
            key = items.conference_key(stage.account, conference.id)
            stored = stage.item(key)
            stage.shelf.put({**stored, "version": stored["version"] + len(pending)})
            pending.clear()

    with wire.watched_by(change):
        answer = client.post("Calls", client.sid_of_call(leaving.call), form=COMPLETE)
    assert (answer.status, answer.body["status"]) == (200, "completed")
    left = stage.item(items.participant_key(stage.account, conference.id, leaving.call))
    stayed = stage.item(items.participant_key(stage.account, conference.id, other.call))
    assert (left["status"], stayed["status"]) == ("complete", "connected")
    assert stage.item(items.conference_key(stage.account, conference.id))["participants"] == 1
