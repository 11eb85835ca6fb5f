"""Adding a participant to a conference: `create_participant`, which only Twilio's dialect has."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from tapedeck.adapters.dynamodb import items
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.conferences import ConferenceName
from tapedeck.operations.participants import AddParticipant
from tests.client import Answer, Form, FunctionClient, Gateway
from tests.functions import expected
from tests.functions.literal import Api
from tests.functions.stage import (
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
from tests.reporter import join_conference, open_conference

PARTIES = {"From": "+13103384645", "To": "+13105678901"}
URL = "https://user:pass@app.example.com/hooks?a=1#frag"
CONFERENCE = {"ConferenceStatusCallback": URL, "ConferenceStatusCallbackMethod": "GET"}


def test_adding_a_participant_answers_the_queued_participant(
    api: Api, example: Stage, fix_new_ids: Callable[[str], None]
) -> None:
    """Adding a participant to a conference, here by name, answers 201 with the queued participant."""
    example.conference(id="016612f5f27a7c0f9b1d6e83f2a5c470", name="Support")
    fix_new_ids("016612f5f27a7ca18a5f2c9e41d7b360")

    answer = api.request(
        "POST",
        "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Conferences/Support/Participants.json",
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
        form={"From": "+13103384645", "To": "+13105678901", "Label": "customer"},
    )

    assert answer.status == 201
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
        "status": "queued",
        "queue_time": "0",
        "uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Conferences/CF016612f5f27a7c0f9b1d6e83f2a5c470/Participants/CA016612f5f27a7ca18a5f2c9e41d7b360.json"
        ),
    }


def test_adding_a_participant_without_a_callee_is_a_bad_request(api: Api, example: Stage) -> None:
    """Without `To` no call can be placed: 400, and the message names the parameter."""
    example.conference(id="016612f5f27a7c0f9b1d6e83f2a5c470", name="Support")

    answer = api.request(
        "POST",
        "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Conferences/Support/Participants.json",
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
        form={"From": "+13103384645"},
    )

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 20001,
        "message": "Missing required parameter To in the post body",
        "more_info": "https://www.twilio.com/docs/errors/20001",
        "status": 400,
    }


@pytest.fixture
def twilio(make_twilio: Callable[[], FunctionClient]) -> FunctionClient:
    """A client of Twilio's dialect: SignalWire's has no such operation."""
    return make_twilio()


def add(client: FunctionClient, conference: Conference | str, form: Form) -> Answer:
    """Send the request."""
    return client.post(*participant_path(client, conference), form=form)


def call_of(answer: Answer) -> str:
    """Return the id of the call of the participant in a response."""
    return str(answer.body["call_sid"][2:])


def stored_item(stage: Stage, conference: Conference, answer: Answer) -> dict[str, Any]:
    """Return the stored item of the added participant."""
    return stage.item(items.participant_key(conference.account, conference.id, call_of(answer)))


def assert_added(twilio: FunctionClient, answer: Answer, conference_id: str, now: int, **fields: Any) -> Participant:
    """Assert that the whole response shows this participant, queued."""
    created = Participant(call_of(answer), conference_id, now, status=ParticipantStatus.QUEUED, **fields)
    assert_answer(answer, 201, expected.participant("twilio", twilio.account, created, added=True))
    return created


@pytest.mark.parametrize("status", ["init", "in-progress"])
@pytest.mark.parametrize("by_name", [True, False])
def test_adding_to_a_live_conference_queues_a_call(
    twilio: FunctionClient, stage: Stage, gateway: Gateway, status: str, *, by_name: bool
) -> None:
    """By sid or by name: a call and a participant are created, both queued, and the conference is unchanged."""
    twilio.gateway = gateway
    conference = stage.conference(status, name="Lobby")
    now = stage.clock.step(3)
    answer = add(twilio, "Lobby" if by_name else conference, PARTIES)
    created = assert_added(twilio, answer, conference.id, now)
    path = participant_path(twilio, conference, created)
    assert_answer(twilio.get(*path), 200, shown(twilio, created))
    assert_answer(twilio.get(*conference_path(twilio, conference)), 200, shown(twilio, conference))
    item = stage.item(items.conference_key(conference.account, conference.id))
    counters = (item["participants"], item["sequence"], item["version"])
    assert counters == (conference.participants, conference.sequence, conference.version + 1)
    call = Call(
        stage.account,
        created.call,
        CallStatus.QUEUED,
        now,
        PARTIES["To"],
        PARTIES["From"],
        "outbound-api",
        conference=conference.id,
        engine="standin",
    )
    assert stage.services.calls.get(stage.account, call.id) == call
    assert_answer(twilio.get(*call_path(twilio, call)), 200, shown(twilio, call))
    assert created.call in [row["SK"] for row in stage.shelf.partition(f"{stage.account}#CALLS")]


@pytest.mark.parametrize("name", ["Lobby", "two words", "Café", "50%", "{uri}", "CF123", "x" * 128])
def test_an_unused_name_creates_a_conference(twilio: FunctionClient, stage: Stage, name: str) -> None:
    """A name without a live conference creates one that has not begun; the next request finds it."""
    now = stage.clock.step(1)
    first = add(twilio, quote(name, safe=""), PARTIES)
    conference_id = first.body["conference_sid"][2:]
    assert_added(twilio, first, conference_id, now)
    created = stage.services.conferences.get(stage.account, conference_id)
    found = (
        created.name,
        str(created.status),
        created.participants,
        created.sequence,
        created.record,
        created.callback,
    )
    assert found == (name, "init", 0, 0, False, None)
    assert twilio.get(*conference_path(twilio, created)).body["friendly_name"] == name
    second = add(twilio, quote(name, safe=""), PARTIES)
    assert_added(twilio, second, conference_id, now)
    listed = twilio.get(*participant_path(twilio, created)).body["participants"]
    assert {each["call_sid"] for each in listed} == {first.body["call_sid"], second.body["call_sid"]}


def test_the_name_of_a_completed_conference_creates_another(twilio: FunctionClient, stage: Stage) -> None:
    """After completion the name creates a new conference with a new sid."""
    old = stage.conference("completed", name="Lobby")
    answer = add(twilio, "Lobby", PARTIES)
    assert answer.status == 201
    assert answer.body["conference_sid"] != twilio.sid(ResourceType.CONFERENCE, old.id)
    assert stage.services.conferences.get(stage.account, answer.body["conference_sid"][2:]).is_live


def test_a_sid_needs_a_live_conference(twilio: FunctionClient, stage: Stage) -> None:
    """The sid of a completed or unknown conference answers 404 with any parameters."""
    for identifier in (stage.conference("completed").id, "0" * 32):
        path = participant_path(twilio, twilio.sid(ResourceType.CONFERENCE, identifier))
        for form in (PARTIES, None, {**PARTIES, "Beep": "x"}):
            assert_refused(twilio, twilio.post(*path, form=form), "not found", uri=twilio.path(*path))


def test_a_name_that_is_too_long_is_rejected(twilio: FunctionClient, stage: Stage, wire: Wire) -> None:
    """A friendly name has at most 128 characters (C-59)."""
    del stage  # only its tables are needed
    assert_refused(twilio, add(twilio, "x" * 129, PARTIES), "value outside the enum", name="ConferenceSid")
    assert wire.recordings == []


def test_signalwire_does_not_allow_the_method(client: FunctionClient, stage: Stage, wire: Wire) -> None:
    """SignalWire's dialect answers 405 for any credentials, and 401 without them."""
    conference = stage.conference()
    path = client.path(*participant_path(client, conference))
    for authorization in ("", None, "Basic eDp5"):
        answer = client.request("POST", path, form=PARTIES, authorization=authorization)
        if authorization is None:
            assert_refused(client, answer, "no credentials")
        elif client.dialect.name == "signalwire":
            assert_refused(client, answer, "method")
    assert (wire.recordings == []) is (client.dialect.name == "signalwire")


# --- Parameters ---

FLAGS = [
    ("Muted", "muted"),
    ("EndConferenceOnExit", "end_conference_on_exit"),
    ("StartConferenceOnEnter", "start_conference_on_enter"),
]


@pytest.mark.parametrize(("name", "field"), FLAGS)
@pytest.mark.parametrize("value", ["true", "FALSE"])
def test_flags_are_set(twilio: FunctionClient, stage: Stage, name: str, field: str, value: str) -> None:
    """Each flag gets the requested value."""
    conference = stage.conference()
    answer = add(twilio, conference, {**PARTIES, name: value})
    assert_added(twilio, answer, conference.id, stage.clock.seconds, **{field: value == "true"})


@pytest.mark.parametrize(("value", "muted"), [("yes", False), ("", False), ("TRUE", True)])
def test_any_other_muted_counts_as_false(twilio: FunctionClient, stage: Stage, value: str, *, muted: bool) -> None:
    """`Muted` with a value other than true and false counts as false."""
    conference = stage.conference()
    answer = add(twilio, conference, {**PARTIES, "Muted": value})
    assert_added(twilio, answer, conference.id, stage.clock.seconds, muted=muted)


OPTIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"Timeout": "60", "Beep": "true", "EarlyMedia": "true", "Record": "false", "Trim": "trim-silence"}, {}),
    ({"Timeout": "5", "TimeLimit": "3600", "MaxParticipants": "2"},
     {"timeout": 5, "time_limit": 3600, "max_participants": 2}),
    ({"Beep": "onExit", "EarlyMedia": "false", "JitterBufferSize": "off", "Region": "ie1"},
     {"beep": "onExit", "early_media": False, "jitter_buffer_size": "off", "region": "ie1"}),
    ({"WaitUrl": URL, "WaitMethod": "GET"}, {"wait_url": URL, "wait_method": "GET"}),
    ({"StatusCallback": URL, "StatusCallbackMethod": "GET", "StatusCallbackEvent": ["completed", "ringing"]}, {}),
    ({"Record": "true", "RecordingChannels": "dual", "RecordingTrack": "inbound", "Trim": "do-not-trim",
      "RecordingStatusCallback": URL, "RecordingStatusCallbackEvent": ["started", "absent paused"]},
     {"record": True, "recording_channels": "dual", "recording_track": "inbound", "trim": "do-not-trim",
      "recording_status_callback": URL, "recording_status_callback_event": ["started", "paused", "absent"]}),
    ({"ConferenceTrim": "do-not-trim", "ConferenceRecordingStatusCallback": URL,
      "ConferenceRecordingStatusCallbackEvent": "in-progress failed", "ConferenceRecord": "true"},
     {"conference_record": "true", "conference_trim": "do-not-trim", "conference_recording_status_callback": URL,
      "conference_recording_status_callback_event": ["in-progress", "failed"]}),
    ({"SipAuthUsername": "u", "SipAuthPassword": "canary", "CallToken": "canary", "Byoc": "BY1", "CallerId": "+1",
      "CallReason": "why", "CallerDisplayName": "me", "ClientNotificationUrl": URL},
     {"sip_auth_username": "u", "byoc": "BY1", "caller_id": "+1", "call_reason": "why", "caller_display_name": "me",
      "client_notification_url": URL}),
    ({"MachineDetection": "Enable", "MachineDetectionTimeout": "31", "MachineDetectionSpeechThreshold": "1000",
      "MachineDetectionSpeechEndThreshold": "5000", "MachineDetectionSilenceTimeout": "2000",
      "AmdStatusCallback": URL, "AmdStatusCallbackMethod": "GET"},
     {"machine_detection": "Enable", "machine_detection_timeout": 31, "machine_detection_speech_threshold": 1000,
      "machine_detection_speech_end_threshold": 5000, "machine_detection_silence_timeout": 2000,
      "amd_status_callback": URL, "amd_status_callback_method": "GET"}),
]  # fmt: skip


@pytest.mark.parametrize(("form", "options"), OPTIONS)
def test_options_for_the_media_engine_are_stored(
    twilio: FunctionClient, stage: Stage, form: dict[str, Any], options: dict[str, Any]
) -> None:
    """Options that differ from the vendor's defaults are stored with the participant, without secrets."""
    conference = stage.conference()
    answer = add(twilio, conference, {**PARTIES, **form})
    assert_added(twilio, answer, conference.id, stage.clock.seconds)
    item = stored_item(stage, conference, answer)
    assert item["options"] == {**options, "to": PARTIES["To"], "from": PARTIES["From"]}
    assert "canary" not in repr(stage.partition(conference))
    assert not stage.services.conferences.get(stage.account, conference.id).record


@pytest.mark.parametrize(
    ("form", "kept"),
    [
        ({"StatusCallback": URL}, {"url": URL, "method": "POST", "events": []}),
        ({"StatusCallback": URL, "StatusCallbackMethod": "GET", "StatusCallbackEvent": ["completed", "ringing"]},
         {"url": URL, "method": "GET", "events": ["ringing", "completed"]}),
        ({"StatusCallback": URL, "StatusCallbackEvent": ["completed"]},
         {"url": URL, "method": "POST", "events": ["completed"]}),
        ({"StatusCallback": URL, "StatusCallbackEvent": ["ringing", "initiated", "ended"]},
         {"url": URL, "method": "POST", "events": ["initiated", "ringing"]}),
        ({"StatusCallback": URL, "StatusCallbackMethod": "PUT"}, {"url": URL, "method": "POST", "events": []}),
        ({"StatusCallbackEvent": "completed"}, None),
        ({"StatusCallback": "hooks"}, None),
        ({"StatusCallback": URL, "StatusCallbackEvent": "start"}, None),
        # Only a repeated key has several events of a call.
        ({"StatusCallback": URL, "StatusCallbackEvent": "initiated ringing"}, None),
        ({"ConferenceStatusCallback": URL}, None),
    ],
)  # fmt: skip
def test_a_status_callback_is_stored_with_the_call(
    twilio: FunctionClient, stage: Stage, form: dict[str, Any], kept: dict[str, Any] | None
) -> None:
    """The call keeps the URL, the method and the chosen events of its status callback, if there is a URL."""
    answer = add(twilio, stage.conference(), {**PARTIES, **form})
    item = stage.item(items.call_key(stage.account, call_of(answer)))
    assert item.get("callback") == ({**kept, "dialect": "twilio"} if kept is not None else None)
    assert "work" not in item  # nothing is due before its end


@pytest.mark.parametrize("to", ["+13105678901", "5678901", "client:jane", "sip:jane@a.example;transport=tls", "app:x"])
@pytest.mark.parametrize("from_", ["+13103384645", "client:joe", "sip:joe@example.com"])
def test_endpoints_of_every_kind_are_accepted(twilio: FunctionClient, stage: Stage, to: str, from_: str) -> None:
    """A number, a client or a SIP address may call another one, or an application."""
    answer = add(twilio, stage.conference(), {"From": from_, "To": to})
    assert answer.status == 201
    call = stage.services.calls.get(stage.account, call_of(answer))
    assert (call.to, call.from_) == (to, from_)


_CHOICE = "value outside the enum"
PARAMETER_FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"To": ""}, "To", "parameter missing"),
    ({"From": ""}, "From", "parameter missing"),
    *[({"To": value}, "To", _CHOICE) for value in ("jane", "client:", "tel:+1", "+", "sip:a b", "()")],
    *[({"From": value}, "From", _CHOICE) for value in ("jane", "app:x", "client:", "client:a\x1eb", "sip:\ufeff")],
    *[({"Label": value}, "Label", "label bad") for value in ("a/b", "x" * 129, "CA" + "0" * 32, "CA" + "F" * 32)],
    *[({name: "yes"}, name, _CHOICE) for name in
      ("EndConferenceOnExit", "StartConferenceOnEnter", "EarlyMedia", "Coaching", "Record")],
    ({"Coaching": "true"}, "CallSidToCoach", "coaching bad"),
    ({"CallSidToCoach": "nonsense"}, "CallSidToCoach", "coaching bad"),
    *[({name: value}, name, _CHOICE) for name, value in (
        ("Beep", "loud"), ("MaxParticipants", "1"), ("MaxParticipants", "251"), ("MaxParticipants", "x"),
        ("Timeout", "4"), ("Timeout", "601"), ("TimeLimit", "0"), ("TimeLimit", "1.5"), ("RecordingChannels", "3"),
        ("RecordingTrack", "none"), ("ConferenceRecord", "yes"), ("Region", "us9"), ("JitterBufferSize", "huge"),
        ("MachineDetection", "enable"), ("MachineDetectionTimeout", "x"), ("MachineDetectionSpeechThreshold", "999"),
        ("MachineDetectionSpeechEndThreshold", "5001"), ("MachineDetectionSilenceTimeout", "10001"),
        ("Region", "US1"), ("JitterBufferSize", "Large"), ("RecordingChannels", "Dual"), ("RecordingTrack", "Both"),
    )],
    ({"Trim": "trim"}, "Trim", "trim unknown"),
    ({"Trim": "Do-Not-Trim"}, "Trim", "trim unknown"),
    ({"ConferenceTrim": "trim"}, "ConferenceTrim", "trim unknown"),
    *[({name: "ftp://a.example/"}, name, "no URL") for name in ("WaitUrl", "ClientNotificationUrl")],
    ({"WaitMethod": "PUT"}, "WaitMethod", "no HTTP method"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "name", "condition"), PARAMETER_FAULTS)
def test_an_invalid_parameter_is_rejected(
    twilio: FunctionClient, stage: Stage, form: dict[str, Any], name: str, condition: str
) -> None:
    """The response names the missing or invalid parameter, and no call or conference is created."""
    conference = stage.conference()
    before = stage.partition(conference)
    for target in (conference, "Nowhere"):
        assert_refused(twilio, add(twilio, target, {**PARTIES, **form}), condition, name=name)
    assert stage.partition(conference) == before
    assert not stage.shelf.partition(items.name_partition(stage.account, "Nowhere"))


# --- Status callbacks ---

UNUSABLE_CALLBACKS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    *[({name: "hooks"}, {}) for name in
      ("RecordingStatusCallback", "ConferenceRecordingStatusCallback", "AmdStatusCallback")],
    ({"RecordingStatusCallback": URL, "RecordingStatusCallbackEvent": "begun"}, {}),
    ({"RecordingStatusCallback": URL, "RecordingStatusCallbackEvent": "begun started"},
     {"recording_status_callback": URL, "recording_status_callback_event": ["started"]}),
    ({"ConferenceRecordingStatusCallback": URL, "ConferenceRecordingStatusCallbackEvent": "paused"}, {}),
    *[({name: URL, f"{name}Method": "PUT"}, {stored: URL}) for name, stored in (
        ("RecordingStatusCallback", "recording_status_callback"),
        ("ConferenceRecordingStatusCallback", "conference_recording_status_callback"),
        ("AmdStatusCallback", "amd_status_callback"),
    )],
]  # fmt: skip


@pytest.mark.parametrize(("form", "options"), UNUSABLE_CALLBACKS)
def test_an_unusable_status_callback_is_left_out(
    twilio: FunctionClient, stage: Stage, form: dict[str, Any], options: dict[str, Any]
) -> None:
    """The participant is dialed without what is unusable; of several events the known ones are kept."""
    conference = stage.conference()
    answer = add(twilio, conference, {**PARTIES, **form})
    assert_added(twilio, answer, conference.id, stage.clock.seconds)
    item = stored_item(stage, conference, answer)
    assert item["options"] == {**options, "to": PARTIES["To"], "from": PARTIES["From"]}


@pytest.mark.parametrize(
    ("form", "callback"),
    [
        ({"ConferenceStatusCallback": "hooks"}, None),
        ({"ConferenceStatusCallbackEvent": "completed"}, None),
        ({"ConferenceStatusCallbackEvent": "join,leave"}, None),
        ({"ConferenceStatusCallbackEvent": "leave Join"}, ("GET", ("leave",))),
        ({"ConferenceStatusCallbackMethod": "PUT"}, ("POST", ("start", "end"))),
    ],
)
def test_an_unusable_callback_of_a_conference_is_left_out(
    twilio: FunctionClient, stage: Stage, form: dict[str, str], callback: tuple[str, tuple[str, ...]] | None
) -> None:
    """The conference is created without what is unusable in its callback."""
    answer = add(twilio, "Lobby", {**PARTIES, **CONFERENCE, **form})
    assert answer.status == 201
    conference = stage.services.conferences.get(stage.account, answer.body["conference_sid"][2:])
    expected = None if callback is None else CallbackSubscription(URL, *callback, "twilio")
    assert conference.callback == expected


# --- Words ---


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ({"Beep": "False"}, {"beep": "false"}),
        ({"Beep": "ONENTER"}, {"beep": "onEnter"}),
        ({"ConferenceRecord": "True"}, {"conference_record": "true"}),
        ({"ConferenceRecord": "Record-From-Start"}, {"conference_record": "record-from-start"}),
        ({"EarlyMedia": "FALSE", "WaitUrl": URL, "WaitMethod": "get"},
         {"early_media": False, "wait_url": URL, "wait_method": "GET"}),
        ({"Record": "TRUE", "RecordingStatusCallback": URL, "RecordingStatusCallbackMethod": "Get"},
         {"record": True, "recording_status_callback": URL, "recording_status_callback_method": "GET"}),
    ],
)  # fmt: skip
def test_words_are_read_in_any_case(
    twilio: FunctionClient, stage: Stage, form: dict[str, str], options: dict[str, Any]
) -> None:
    """Booleans, methods, `Beep` and `ConferenceRecord` may have any case; the standard spelling is stored (C-142)."""
    conference = stage.conference()
    answer = add(twilio, conference, {**PARTIES, **form})
    assert_added(twilio, answer, conference.id, stage.clock.seconds)
    item = stored_item(stage, conference, answer)
    assert item["options"] == {**options, "to": PARTIES["To"], "from": PARTIES["From"]}


# --- Labels ---


def test_a_label_identifies_one_participant(twilio: FunctionClient, stage: Stage) -> None:
    """A label is shown, may replace the call's sid, and is unique among the participants of a conference."""
    conference = stage.conference()
    answer = add(twilio, conference, {**PARTIES, "Label": "customer"})
    created = assert_added(twilio, answer, conference.id, stage.clock.seconds, label="customer")
    assert_answer(twilio.get(*participant_path(twilio, conference, "customer")), 200, shown(twilio, created))
    before = stage.partition(conference)
    assert_refused(twilio, add(twilio, conference, {**PARTIES, "Label": "customer"}), "label in use")
    assert stage.partition(conference) == before
    assert add(twilio, conference, {**PARTIES, "Label": "Customer"}).status == 201
    assert add(twilio, "Elsewhere", {**PARTIES, "Label": "customer"}).status == 201


@pytest.mark.parametrize("how", ["removed", "hung up", "failed"])
def test_the_label_of_a_participant_who_left_is_free(twilio: FunctionClient, stage: Stage, how: str) -> None:
    """After its participant has left, a label may be used again and finds the new participant."""
    service, conference = stage.services, stage.conference()
    first = call_of(add(twilio, conference, {**PARTIES, "Label": "customer"}))
    match how:
        case "removed":
            assert twilio.delete(*participant_path(twilio, conference, "customer")).status == 204
        case "hung up":
            stage.engine.answered(first)
            service.calls.end(stage.account, first)
        case _:
            stage.engine.call_ended(first, CallStatus.BUSY)
    path = participant_path(twilio, conference, "customer")
    assert_refused(twilio, twilio.get(*path), "not found", uri=twilio.path(*path))
    second = add(twilio, conference, {**PARTIES, "Label": "customer"})
    assert second.status == 201
    assert twilio.get(*path).body["call_sid"] == second.body["call_sid"]


# --- Coaching ---


def test_a_participant_may_coach_another(twilio: FunctionClient, stage: Stage) -> None:
    """`CallSidToCoach`, alone or with `Coaching=true`, names the coached participant; `Coaching=false` ignores it."""
    conference = stage.conference()
    coached = stage.participant(conference)
    sid = twilio.sid(ResourceType.CALL, coached.call)
    for form in ({"Coaching": "true"}, {}):
        answer = add(twilio, conference, {**PARTIES, "CallSidToCoach": sid, **form})
        fields = {"coaching": True, "call_to_coach": coached.call}
        assert_added(twilio, answer, conference.id, stage.clock.seconds, **fields)
    answer = add(twilio, conference, {**PARTIES, "CallSidToCoach": sid, "Coaching": "false"})
    assert_added(twilio, answer, conference.id, stage.clock.seconds)


def test_a_coached_call_must_be_in_the_conference(twilio: FunctionClient, stage: Stage) -> None:
    """The coached call must be in this conference: error 16002, and no call is created."""
    conference = stage.conference()
    outside = stage.participant(stage.conference(name="Other")).call
    left = stage.participant(conference, status="complete").call
    before = stage.partition(conference)
    for target in (conference, "Nowhere"):
        for call in (outside, left, "0" * 32):
            answer = add(twilio, target, {**PARTIES, "CallSidToCoach": twilio.sid(ResourceType.CALL, call)})
            assert_refused(twilio, answer, "coaching bad", name="CallSidToCoach")
    assert stage.partition(conference) == before


# --- Settings of a new conference ---


@pytest.mark.parametrize(
    ("record", "records"), [("true", True), ("record-from-start", True), ("false", False), ("do-not-record", False)]
)
@pytest.mark.parametrize(
    ("events", "events_stored"),
    [({}, ("start", "end")), ({"ConferenceStatusCallbackEvent": "leave join"}, ("join", "leave"))],
)
def test_conference_settings_apply_only_to_a_new_conference(
    twilio: FunctionClient,
    stage: Stage,
    record: str,
    events: dict[str, str],
    events_stored: tuple[str, ...],
    *,
    records: bool,
) -> None:
    """Recording and callback settings apply to a conference that the request creates, and never later."""
    answer = add(twilio, "Lobby", {**PARTIES, "ConferenceRecord": record, **CONFERENCE, **events})
    conference = stage.services.conferences.get(stage.account, answer.body["conference_sid"][2:])
    assert (conference.record, conference.callback) == (
        records,
        CallbackSubscription(URL, "GET", events_stored, "twilio"),
    )
    later = {"ConferenceRecord": "true", "ConferenceStatusCallback": "https://other.example/"}
    assert add(twilio, "Lobby", {**PARTIES, **later}).status == 201
    after = stage.services.conferences.get(stage.account, conference.id)
    assert after == replace(conference, version=conference.version + 1)


# --- Requests to the table, concurrent changes ---


@pytest.mark.parametrize(
    ("case", "requests"),
    [
        ("by sid", ["GetItem", "TransactWriteItems"]),
        ("by name", ["GetItem", "GetItem", "TransactWriteItems"]),
        ("new name", ["GetItem", "TransactWriteItems"]),
        ("coaching", ["GetItem", "BatchGetItem", "TransactWriteItems"]),
        ("wrong parameter", ["GetItem"]),
    ],
)
def test_requests_to_the_table_are_few(
    twilio: FunctionClient, stage: Stage, wire: Wire, case: str, requests: list[str]
) -> None:
    """One transaction after one read of the conference, two by name, and one of the coached participant."""
    conference = stage.conference(name="Lobby")
    coached = stage.participant(conference)
    target: Conference | str = {"by name": "Lobby", "new name": "Nowhere"}.get(case) or conference
    form = dict(PARTIES)
    if case == "coaching":
        form["CallSidToCoach"] = twilio.sid(ResourceType.CALL, coached.call)
    if case == "wrong parameter":
        form["Beep"] = "loud"
    assert add(twilio, target, form).status == (400 if case == "wrong parameter" else 201)
    assert wire.recordings == requests


def _apply_change(stage: Stage, change: str, conference: Conference, coached: Participant) -> None:
    """Apply the concurrent change."""
    service, account = stage.services, stage.account
    match change:
        case "joined":
            call = service.calls.register(account, to="+1", from_="+1", direction="inbound")
            join_conference(service, account, conference.id, call.id)
        case "ended":
            service.conferences.end(account, conference.id)
        case "label taken":
            service.participants.add(account, conference.id, AddParticipant("+1", "+2", "customer"))
        case _:
            service.participants.remove(account, conference.id, coached.call)


@pytest.fixture
def race(wire: Wire) -> Callable[[Callable[[], object]], Any]:
    """Perform an action once, right before the first transaction is sent."""

    def before_transaction(act: Callable[[], object]) -> Any:
        waiting = [act]

        def watch(when: str, request: WireRequest) -> None:
            if when == "sent" and request.operation == "TransactWriteItems" and waiting:
                waiting.pop()()

        return wire.watched_by(watch)

    return before_transaction


@pytest.mark.parametrize("change", ["joined", "ended", "label taken", "coached left"])
def test_concurrent_changes_are_respected(
    twilio: FunctionClient, stage: Stage, race: Callable[[Callable[[], object]], Any], change: str
) -> None:
    """A label taken, a coached call gone or a conference ended meanwhile is respected."""
    conference = stage.conference(name="Lobby")
    coached = stage.participant(conference)
    sid = twilio.sid(ResourceType.CALL, coached.call)
    form = {**PARTIES, "Label": "customer", **({"CallSidToCoach": sid} if change == "coached left" else {})}
    with race(lambda: _apply_change(stage, change, conference, coached)):
        answer = add(twilio, "Lobby", form)
    if change == "label taken":
        assert_refused(twilio, answer, "label in use")
    elif change == "coached left":
        assert_refused(twilio, answer, "coaching bad", name="CallSidToCoach")
    else:
        assert answer.status == 201
        is_same = answer.body["conference_sid"] == twilio.sid(ResourceType.CONFERENCE, conference.id)
        assert is_same is (change == "joined")


@pytest.mark.parametrize("ends", [True, False])
def test_concurrent_creations_share_one_conference(
    twilio: FunctionClient, stage: Stage, race: Callable[[Callable[[], object]], Any], *, ends: bool
) -> None:
    """A conference created meanwhile under the same name is used; if it has ended, another is created."""
    conferences, account = stage.services.conferences, stage.account

    def make() -> None:
        created = open_conference(stage.services, account, "Lobby")
        if ends:
            conferences.end(account, created.id)

    with race(make):
        answer = add(twilio, "Lobby", PARTIES)
    assert answer.status == 201
    live = conferences.get(account, ConferenceName("Lobby"))
    assert answer.body["conference_sid"] == twilio.sid(ResourceType.CONFERENCE, live.id)
    # The items of the name: one for each conference, and one that names the live one.
    assert len(stage.shelf.partition(items.name_partition(account, "Lobby"))) == (3 if ends else 2)
