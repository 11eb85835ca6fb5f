"""P2: dial somebody into a conference, in T alone (operations.md, section 3; behaviour.md, section 6)."""

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

WHO = {"From": "+13103384645", "To": "+13105678901"}
URL = "https://user:pass@app.example.com/hooks?a=1#frag"


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
    """Speaks Twilio's dialect: the other one has no such operation."""
    return make_twilio()


def add(client: FunctionClient, room: Conference | str, form: Form) -> Answer:
    """P2."""
    return client.post(*participant_path(client, room), form=form)


def call_of(answer: Answer) -> str:
    """The id of the call that a participant is."""
    return str(answer.body["call_sid"][2:])


def held(stage: Stage, room: Conference, answer: Answer) -> dict[str, Any]:
    """The item of the participant that was added."""
    return stage.item(items.participant_key(room.account, room.id, call_of(answer)))


def assert_added(twilio: FunctionClient, answer: Answer, room: str, now: int, **fields: Any) -> Participant:
    """The whole answer shows a participant that is queued."""
    made = Participant(call_of(answer), room, now, status=ParticipantStatus.QUEUED, **fields)
    assert_answer(answer, 201, expected.participant("twilio", twilio.account, made, added=True))
    return made


@pytest.mark.parametrize("status", ["init", "in-progress"])
@pytest.mark.parametrize("by_name", [True, False])
def test_adds_to_a_live_conference(
    twilio: FunctionClient, stage: Stage, gateway: Gateway, status: str, *, by_name: bool
) -> None:
    """By sid or by name: a call and a participant appear, both queued, and the conference is as it was."""
    twilio.gateway = gateway
    room = stage.conference(status, name="Lobby")
    now = stage.clock.step(3)
    answer = add(twilio, "Lobby" if by_name else room, WHO)
    made = assert_added(twilio, answer, room.id, now)
    path = participant_path(twilio, room, made)
    assert_answer(twilio.get(*path), 200, shown(twilio, made))
    assert_answer(twilio.get(*conference_path(twilio, room)), 200, shown(twilio, room))
    item = stage.item(items.conference_key(room.account, room.id))
    told = (item["participants"], item["sequence"], item["version"])
    assert told == (room.participants, room.sequence, room.version + 1)
    call = Call(
        stage.account, made.call, CallStatus.QUEUED, now, WHO["To"], WHO["From"], "outbound-api", conference=room.id
    )
    assert stage.services.calls.get(stage.account, call.id) == call
    assert_answer(twilio.get(*call_path(twilio, call)), 200, shown(twilio, call))
    assert made.call in [row["SK"] for row in stage.shelf.partition(f"{stage.account}#CALLS")]


@pytest.mark.parametrize("name", ["Lobby", "two words", "Café", "50%", "{uri}", "CF123", "x" * 128])
def test_makes_the_conference_of_a_name(twilio: FunctionClient, stage: Stage, name: str) -> None:
    """A name of no live conference makes one, which waits; the next request finds it."""
    now = stage.clock.step(1)
    first = add(twilio, quote(name, safe=""), WHO)
    room = first.body["conference_sid"][2:]
    assert_added(twilio, first, room, now)
    made = stage.services.conferences.get(stage.account, room)
    found = (made.name, str(made.status), made.participants, made.sequence, made.record, made.callback)
    assert found == (name, "init", 0, 0, False, None)
    assert twilio.get(*conference_path(twilio, made)).body["friendly_name"] == name
    second = add(twilio, quote(name, safe=""), WHO)
    assert_added(twilio, second, room, now)
    listed = twilio.get(*participant_path(twilio, made)).body["participants"]
    assert {each["call_sid"] for each in listed} == {first.body["call_sid"], second.body["call_sid"]}


def test_takes_over_the_name_of_one_that_has_ended(twilio: FunctionClient, stage: Stage) -> None:
    """After completion the name starts a new conference with a new sid."""
    old = stage.conference("completed", name="Lobby")
    answer = add(twilio, "Lobby", WHO)
    assert answer.status == 201
    assert answer.body["conference_sid"] != twilio.sid(ResourceType.CONFERENCE, old.id)
    assert stage.services.conferences.get(stage.account, answer.body["conference_sid"][2:]).is_live


def test_knows_live_conferences_by_sid_only(twilio: FunctionClient, stage: Stage) -> None:
    """A sid of a completed or unknown conference is not found, whatever the parameters."""
    for room in (stage.conference("completed").id, "0" * 32):
        path = participant_path(twilio, twilio.sid(ResourceType.CONFERENCE, room))
        for form in (WHO, None, {**WHO, "Beep": "x"}):
            assert_refused(twilio, twilio.post(*path, form=form), "not found", uri=twilio.path(*path))


def test_refuses_a_name_that_is_too_long(twilio: FunctionClient, stage: Stage, wire: Wire) -> None:
    """A friendly name has at most 128 characters."""
    del stage  # only has to be there
    assert_refused(twilio, add(twilio, "x" * 129, WHO), "value outside the enum", name="ConferenceSid")
    assert wire.recordings == []


def test_is_no_operation_of_s(client: FunctionClient, stage: Stage, wire: Wire) -> None:
    """In S the method is none of this path: 405, before anybody is asked who they are."""
    room = stage.conference()
    path = client.path(*participant_path(client, room))
    for authorization in ("", None, "Basic eDp5"):
        answer = client.request("POST", path, form=WHO, authorization=authorization)
        if client.dialect.name == "signalwire":
            assert_refused(client, answer, "method")
        elif authorization is None:
            assert_refused(client, answer, "no credentials")
    assert (wire.recordings == []) is (client.dialect.name == "signalwire")


# Parameters.

FLAGS = [
    ("Muted", "muted"),
    ("EndConferenceOnExit", "end_conference_on_exit"),
    ("StartConferenceOnEnter", "start_conference_on_enter"),
]


@pytest.mark.parametrize(("name", "field"), FLAGS)
@pytest.mark.parametrize("value", ["true", "FALSE"])
def test_sets_flags(twilio: FunctionClient, stage: Stage, name: str, field: str, value: str) -> None:
    """Each flag is as it is asked to be."""
    room = stage.conference()
    answer = add(twilio, room, {**WHO, name: value})
    assert_added(twilio, answer, room.id, stage.clock.seconds, **{field: value == "true"})


@pytest.mark.parametrize(("value", "muted"), [("yes", False), ("", False), ("TRUE", True)])
def test_reads_any_other_muted_as_false(twilio: FunctionClient, stage: Stage, value: str, *, muted: bool) -> None:
    """`Muted` that is neither true nor false counts as false."""
    room = stage.conference()
    answer = add(twilio, room, {**WHO, "Muted": value})
    assert_added(twilio, answer, room.id, stage.clock.seconds, muted=muted)


OPTIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"Timeout": "60", "Beep": "true", "EarlyMedia": "true", "Record": "false", "Trim": "trim-silence"}, {}),
    ({"Timeout": "5", "TimeLimit": "3600", "MaxParticipants": "2"},
     {"timeout": 5, "time_limit": 3600, "max_participants": 2}),
    ({"Beep": "onExit", "EarlyMedia": "false", "JitterBufferSize": "off", "Region": "ie1"},
     {"beep": "onExit", "early_media": False, "jitter_buffer_size": "off", "region": "ie1"}),
    ({"WaitUrl": URL, "WaitMethod": "GET"}, {"wait_url": URL, "wait_method": "GET"}),
    ({"StatusCallback": URL, "StatusCallbackMethod": "GET", "StatusCallbackEvent": "completed ringing"},
     {"status_callback": URL, "status_callback_method": "GET", "status_callback_event": ["ringing", "completed"]}),
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
def test_keeps_what_the_media_engine_needs(
    twilio: FunctionClient, stage: Stage, form: dict[str, Any], options: dict[str, Any]
) -> None:
    """What differs from the vendor's defaults is kept beside the participant, and whom to dial, but no secrets."""
    room = stage.conference()
    answer = add(twilio, room, {**WHO, **form})
    assert_added(twilio, answer, room.id, stage.clock.seconds)
    item = held(stage, room, answer)
    assert item["options"] == {**options, "to": WHO["To"], "from": WHO["From"]}
    assert "canary" not in repr(stage.partition(room))
    assert not stage.services.conferences.get(stage.account, room.id).record


@pytest.mark.parametrize("to", ["+13105678901", "5678901", "client:jane", "sip:jane@a.example;transport=tls", "app:x"])
@pytest.mark.parametrize("from_", ["+13103384645", "client:joe", "sip:joe@example.com"])
def test_takes_endpoints(twilio: FunctionClient, stage: Stage, to: str, from_: str) -> None:
    """A number, a client or a SIP address calls one of these or an application."""
    answer = add(twilio, stage.conference(), {"From": from_, "To": to})
    assert answer.status == 201
    call = stage.services.calls.get(stage.account, call_of(answer))
    assert (call.to, call.from_) == (to, from_)


_CHOICE = "value outside the enum"
PARAMETER_FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"To": ""}, "To", "parameter missing"),
    ({"From": ""}, "From", "parameter missing"),
    *[({"To": value}, "To", _CHOICE) for value in ("jane", "client:", "tel:+1", "+", "sip:a b", "()")],
    *[({"From": value}, "From", _CHOICE) for value in ("jane", "app:x", "client:")],
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
        ("StatusCallbackEvent", "start"), ("ConferenceStatusCallbackEvent", "completed"),
    )],
    ({"RecordingStatusCallbackEvent": "begun"}, "RecordingStatusCallbackEvent", "event unknown"),
    ({"ConferenceRecordingStatusCallbackEvent": "paused"}, "ConferenceRecordingStatusCallbackEvent", "event unknown"),
    ({"Trim": "trim"}, "Trim", "trim unknown"),
    ({"ConferenceTrim": "trim"}, "ConferenceTrim", "trim unknown"),
    *[({name: "ftp://a.example/"}, name, "no URL") for name in ("WaitUrl", "ClientNotificationUrl")],
    *[({name: "hooks"}, name, "no callback URL") for name in
      ("StatusCallback", "ConferenceStatusCallback", "RecordingStatusCallback", "ConferenceRecordingStatusCallback",
       "AmdStatusCallback")],
    *[({name: "PUT"}, name, "no HTTP method") for name in
      ("WaitMethod", "StatusCallbackMethod", "ConferenceStatusCallbackMethod", "RecordingStatusCallbackMethod",
       "ConferenceRecordingStatusCallbackMethod", "AmdStatusCallbackMethod")],
]  # fmt: skip


@pytest.mark.parametrize(("form", "name", "condition"), PARAMETER_FAULTS)
def test_refuses_wrong_parameters(
    twilio: FunctionClient, stage: Stage, form: dict[str, Any], name: str, condition: str
) -> None:
    """A parameter that is missing or wrong is named, and nobody is dialed, in no conference."""
    room = stage.conference()
    before = stage.partition(room)
    for where in (room, "Nobody"):
        assert_refused(twilio, add(twilio, where, {**WHO, **form}), condition, name=name)
    assert stage.partition(room) == before
    assert not stage.shelf.partition(items.name_partition(stage.account, "Nobody"))


# Labels.


def test_keeps_a_label(twilio: FunctionClient, stage: Stage) -> None:
    """A label is shown, stands for the participant, and belongs to it alone while it is in."""
    room = stage.conference()
    answer = add(twilio, room, {**WHO, "Label": "customer"})
    made = assert_added(twilio, answer, room.id, stage.clock.seconds, label="customer")
    assert_answer(twilio.get(*participant_path(twilio, room, "customer")), 200, shown(twilio, made))
    before = stage.partition(room)
    assert_refused(twilio, add(twilio, room, {**WHO, "Label": "customer"}), "label in use")
    assert stage.partition(room) == before
    assert add(twilio, room, {**WHO, "Label": "Customer"}).status == 201
    assert add(twilio, "Elsewhere", {**WHO, "Label": "customer"}).status == 201


@pytest.mark.parametrize("how", ["removed", "hung up", "failed"])
def test_gives_a_label_back(twilio: FunctionClient, stage: Stage, how: str) -> None:
    """Who has left has no label any more: the next one may take it, and is found by it."""
    service, room = stage.services, stage.conference()
    first = call_of(add(twilio, room, {**WHO, "Label": "customer"}))
    match how:
        case "removed":
            assert twilio.delete(*participant_path(twilio, room, "customer")).status == 204
        case "hung up":
            service.participants.answer(stage.account, room.id, first)
            service.calls.end(stage.account, first)
        case _:
            service.participants.fail(stage.account, room.id, first, CallStatus.BUSY)
    path = participant_path(twilio, room, "customer")
    assert_refused(twilio, twilio.get(*path), "not found", uri=twilio.path(*path))
    second = add(twilio, room, {**WHO, "Label": "customer"})
    assert second.status == 201
    assert twilio.get(*path).body["call_sid"] == second.body["call_sid"]


# Coaching.


def test_coaches_a_participant(twilio: FunctionClient, stage: Stage) -> None:
    """`CallSidToCoach`, alone or with `Coaching=true`, names somebody in the conference; with false it means nobody."""
    room = stage.conference()
    coached = stage.participant(room)
    sid = twilio.sid(ResourceType.CALL, coached.call)
    for form in ({"Coaching": "true"}, {}):
        answer = add(twilio, room, {**WHO, "CallSidToCoach": sid, **form})
        fields = {"coaching": True, "call_to_coach": coached.call}
        assert_added(twilio, answer, room.id, stage.clock.seconds, **fields)
    answer = add(twilio, room, {**WHO, "CallSidToCoach": sid, "Coaching": "false"})
    assert_added(twilio, answer, room.id, stage.clock.seconds)


def test_coaches_participants_only(twilio: FunctionClient, stage: Stage) -> None:
    """Whoever is to be coached must be in this conference: 16002, and nobody is dialed."""
    room = stage.conference()
    outside = stage.participant(stage.conference(name="Other")).call
    left = stage.participant(room, status="complete").call
    before = stage.partition(room)
    for where in (room, "Nobody"):
        for call in (outside, left, "0" * 32):
            answer = add(twilio, where, {**WHO, "CallSidToCoach": twilio.sid(ResourceType.CALL, call)})
            assert_refused(twilio, answer, "coaching bad", name="CallSidToCoach")
    assert stage.partition(room) == before


# The conference's own settings.

CONFERENCE = {"ConferenceStatusCallback": URL, "ConferenceStatusCallbackMethod": "GET"}


@pytest.mark.parametrize(
    ("record", "records"), [("true", True), ("record-from-start", True), ("false", False), ("do-not-record", False)]
)
@pytest.mark.parametrize(
    ("events", "asked"), [({}, ("start", "end")), ({"ConferenceStatusCallbackEvent": "leave join"}, ("join", "leave"))]
)
def test_sets_up_the_conference_that_it_makes(
    twilio: FunctionClient, stage: Stage, record: str, events: dict[str, str], asked: tuple[str, ...], *, records: bool
) -> None:
    """Whether it is recorded and who is told counts for a conference that comes into being, and never later."""
    answer = add(twilio, "Lobby", {**WHO, "ConferenceRecord": record, **CONFERENCE, **events})
    room = stage.services.conferences.get(stage.account, answer.body["conference_sid"][2:])
    assert (room.record, room.callback) == (records, CallbackSubscription(URL, "GET", asked, "twilio"))
    later = {"ConferenceRecord": "true", "ConferenceStatusCallback": "https://other.example/"}
    assert add(twilio, "Lobby", {**WHO, **later}).status == 201
    after = stage.services.conferences.get(stage.account, room.id)
    assert after == replace(room, version=room.version + 1)


# Requests, races.


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
def test_asks_the_table_little(
    twilio: FunctionClient, stage: Stage, wire: Wire, case: str, requests: list[str]
) -> None:
    """One transaction, after one read of the conference, two by its name, and one of who is coached."""
    room = stage.conference(name="Lobby")
    coached = stage.participant(room)
    where: Conference | str = {"by name": "Lobby", "new name": "Nobody"}.get(case) or room
    form = dict(WHO)
    if case == "coaching":
        form["CallSidToCoach"] = twilio.sid(ResourceType.CALL, coached.call)
    if case == "wrong parameter":
        form["Beep"] = "loud"
    assert add(twilio, where, form).status == (400 if case == "wrong parameter" else 201)
    assert wire.recordings == requests


def _act(stage: Stage, change: str, room: Conference, coached: Participant) -> None:
    """What another does meanwhile."""
    service, account = stage.services, stage.account
    match change:
        case "joined":
            call = service.calls.register(account, to="+1", from_="+1", direction="inbound")
            service.conferences.join(account, room.id, call.id)
        case "ended":
            service.conferences.end(account, room.id)
        case "label taken":
            service.participants.add(account, room.id, AddParticipant("+1", "+2", "customer"))
        case _:
            service.participants.remove(account, room.id, coached.call)


@pytest.fixture
def race(wire: Wire) -> Callable[[Callable[[], object]], Any]:
    """Has something happen once, right before the first transaction is sent."""

    def before_transaction(act: Callable[[], object]) -> Any:
        waiting = [act]

        def watch(when: str, request: WireRequest) -> None:
            if when == "sent" and request.operation == "TransactWriteItems" and waiting:
                waiting.pop()()

        return wire.watched_by(watch)

    return before_transaction


@pytest.mark.parametrize("change", ["joined", "ended", "label taken", "coached left"])
def test_sees_what_changes_meanwhile(
    twilio: FunctionClient, stage: Stage, race: Callable[[Callable[[], object]], Any], change: str
) -> None:
    """One label is one participant's, whoever is to be coached must be there, and nobody enters what has ended."""
    room = stage.conference(name="Lobby")
    coached = stage.participant(room)
    sid = twilio.sid(ResourceType.CALL, coached.call)
    form = {**WHO, "Label": "customer", **({"CallSidToCoach": sid} if change == "coached left" else {})}
    with race(lambda: _act(stage, change, room, coached)):
        answer = add(twilio, "Lobby", form)
    if change == "label taken":
        assert_refused(twilio, answer, "label in use")
    elif change == "coached left":
        assert_refused(twilio, answer, "coaching bad", name="CallSidToCoach")
    else:
        assert answer.status == 201
        is_same = answer.body["conference_sid"] == twilio.sid(ResourceType.CONFERENCE, room.id)
        assert is_same is (change == "joined")


@pytest.mark.parametrize("ends", [True, False])
def test_racing_creations_end_in_one_conference(
    twilio: FunctionClient, stage: Stage, race: Callable[[Callable[[], object]], Any], *, ends: bool
) -> None:
    """A conference that another makes under the name meanwhile is the one; if it has ended, there is a second."""
    conferences, account = stage.services.conferences, stage.account

    def make() -> None:
        made = conferences.register(account, "Lobby")
        if ends:
            conferences.end(account, made.id)

    with race(make):
        answer = add(twilio, "Lobby", WHO)
    assert answer.status == 201
    live = conferences.get(account, ConferenceName("Lobby"))
    assert answer.body["conference_sid"] == twilio.sid(ResourceType.CONFERENCE, live.id)
    # The rows of the name: one for each, and who holds it.
    assert len(stage.shelf.partition(items.name_partition(account, "Lobby"))) == (3 if ends else 2)
