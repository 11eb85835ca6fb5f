"""Creating calls: `create_call` in both dialects, and what the engine is sent."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl

import pytest

from tapedeck.bootstrap.environment import Environment, current_environment
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.subscription import CallbackSubscription
from tests.client import Answer, FunctionClient
from tests.functions import expected
from tests.functions.background_world import World
from tests.functions.reported_events import call_of
from tests.functions.stage import Stage, Wire, assert_answer, assert_refused
from tests.functions.test_command_routing import register

TO, FROM = "+12025550144", "+12025550100"
URL: Final = "https://app.example.com/voice"
CALL: Final = {"To": TO, "From": FROM, "Url": URL}
HOOK: Final = "https://app.example.com/hook"


def create(client: FunctionClient, **changes: Any) -> Answer:
    """Create a call with these parameters; None leaves one out."""
    form = {name: value for name, value in {**CALL, **changes}.items() if value is not None}
    return client.post("Calls", form=form)


def stored(client: FunctionClient, stage: Stage, answer: Answer) -> Call:
    """Return the call of an answer as it is stored."""
    call = client.dialect.parse_sid(ResourceType.CALL, answer.body["sid"])
    assert call is not None
    return stage.services.calls.get(stage.account, call)


def created_status(client: FunctionClient) -> int:
    """Return the status of a success."""
    return 201 if client.dialect.name == "twilio" else 200


def test_answers_the_new_call(client: FunctionClient, stage: Stage, wire: Wire) -> None:
    """A call is queued, and stored with one read of the number and one transaction of two items."""
    answer = create(client)
    found = stored(client, stage, answer)
    assert_answer(answer, created_status(client), expected.call(client.dialect.name, found))
    assert found == Call(
        stage.account, found.id, CallStatus.QUEUED, stage.clock.seconds, TO, FROM, "outbound-api",
        requested_version=1, requested_at=stage.clock.seconds, engine="standin",
        placement={
            "timeout": 60, "time_limit": 14_400, "flow": {"url": URL, "method": "POST", "dialect": client.dialect.name},
        },
    )  # fmt: skip
    assert wire.recordings[:2] == ["GetItem", "TransactWriteItems"]
    sid = client.sid(ResourceType.CALL, found.id)
    assert client.get("Calls", sid).body == answer.body
    assert [each["sid"] for each in client.get("Calls").body["calls"]] == [sid]


def test_shows_the_number_of_the_account(
    client: FunctionClient, make_stage: Callable[[str], Stage], make_account: Callable[[], Any], stage: Stage
) -> None:
    """`From` is shown as a phone number of the account if it is one; that of another account is not."""
    number = f"+1505{secrets.randbelow(10**7):07}"
    foreign = f"+1505{secrets.randbelow(10**7):07}"
    own = stage.phone_number(number=number)
    make_stage(make_account().id).phone_number(number=foreign)
    assert create(client, From=number).body["phone_number_sid"] == client.sid(ResourceType.PHONE_NUMBER, own.id)
    assert create(client, From=foreign).body["phone_number_sid"] is None


SETTINGS: Final[Mapping[str, Any]] = {
    "Method": "get", "FallbackUrl": "https://app.example.com/fallback", "FallbackMethod": "GET",
    "StatusCallback": HOOK, "StatusCallbackMethod": "GET", "Timeout": "20", "MachineDetection": "DetectMessageEnd",
    "MachineDetectionTimeout": "59", "AsyncAmd": "TRUE", "AsyncAmdStatusCallback": HOOK, "Record": "true",
    "RecordingChannels": "dual", "RecordingTrack": "inbound", "Trim": "do-not-trim", "RecordingStatusCallback": HOOK,
    "RecordingStatusCallbackEvent": "in-progress completed", "RecordingStatusCallbackMethod": "GET",
    "CallerId": "ignored", "CallToken": "secret", "SipAuthPassword": "secret", "CallReason": "ignored",
}  # fmt: skip


def test_sends_all_settings_to_the_engine(client: FunctionClient, stage: Stage) -> None:
    """Instructions, times, detection and recording are what the engine is sent; secrets are not stored."""
    name = client.dialect.name
    found = stored(client, stage, create(client, **SETTINGS))
    assert found.placement == {
        "timeout": 20,
        "time_limit": 14_400,
        "machine_detection": {"mode": "detect_message_end", "asynchronous": True},
        "record": {
            "channels": 2, "track": "inbound", "trim": "do-not-trim",
            "callback": {"url": HOOK, "method": "GET", "events": ["in-progress", "completed"], "dialect": name},
        },
        "flow": {
            "url": URL, "method": "GET", "dialect": name,
            "fallback": {"url": "https://app.example.com/fallback", "method": "GET"},
        },
    }  # fmt: skip
    assert found.callback == CallbackSubscription(HOOK, "GET", (), name)
    with_digits = stored(client, stage, create(client, MachineDetection="Enable", SendDigits="1wW2#"))
    assert with_digits.placement["send_digits"] == "1wW2#"
    assert "machine_detection" not in with_digits.placement
    enabled = stored(client, stage, create(client, MachineDetection="Enable", Record="yes"))
    assert enabled.placement["machine_detection"] == {"mode": "enable", "asynchronous": False}
    assert "record" not in enabled.placement


def test_markup_and_limits_exist_in_one_dialect(client: FunctionClient, stage: Stage) -> None:
    """Twilio's dialect takes `Twiml` in place of `Url`, and `TimeLimit`; SignalWire's ignores both."""
    answer = create(client, Url=None, Twiml="<Response/>", TimeLimit="90")
    if client.dialect.name == "signalwire":
        assert_refused(client, answer, "no instructions", name="Url")
        return
    found = stored(client, stage, answer)
    assert found.placement["flow"] == {"markup": "<Response/>", "dialect": "twilio"}
    assert found.placement["time_limit"] == 90
    # It is only looked at when it is executed.
    assert create(client, Url=None, Twiml="<Response>").status == 201


def test_what_replaces_other_parameters(client: FunctionClient, stage: Stage) -> None:
    """A URL replaces markup, and an application all instructions; what is replaced is not checked (C-363)."""
    answer = create(client, Twiml="x" * 4_001)
    assert stored(client, stage, answer).placement["flow"]["url"] == URL
    replaced = {"Url": "bad", "Twiml": "x" * 4_001, "Method": "PUT", "FallbackUrl": "bad", "StatusCallback": "bad"}
    unknown = client.sid(ResourceType.APPLICATION, "a" * 32)
    for sid in ("AP00", unknown):
        answer = create(client, **replaced, ApplicationSid=sid)
        assert_refused(client, answer, "application unknown", name="ApplicationSid")
    silent = stage.services.applications.create(stage.account, {"friendly_name": "Silent"}).id
    answer = create(client, **replaced, ApplicationSid=client.sid(ResourceType.APPLICATION, silent))
    assert_refused(client, answer, "no instructions", name="ApplicationSid")
    settings: dict[str, str | bool | None] = {
        "voice_url": URL, "voice_method": "GET", "voice_fallback_url": HOOK, "status_callback": HOOK,
        "status_callback_method": "GET",
    }  # fmt: skip
    name, application = client.dialect.name, stage.services.applications.create(stage.account, settings).id
    answer = create(client, **replaced, ApplicationSid=client.sid(ResourceType.APPLICATION, application))
    found = stored(client, stage, answer)
    assert found.placement["flow"] == {
        "url": URL, "method": "GET", "dialect": name, "application": application,
        "fallback": {"url": HOOK, "method": "POST"},
    }  # fmt: skip
    assert found.callback == CallbackSubscription(HOOK, "GET", (), name)


NUMBERS: Final = [
    ("+12025550144", "+12025550144"),
    ("(415) 555-1212", "+14155551212"),
    ("415.555.1212", "+14155551212"),
    ("14155551212", "+14155551212"),
    ("+49301234567", "+49301234567"),
    ("client:agent 1", None),
    ("client:agent", "client:agent"),
    (f"client:{'a' * 256}", f"client:{'a' * 256}"),
    (f"client:{'a' * 257}", None),
    ("sip:agent@example.com", "sip:agent@example.com"),
    ("sip:example.com", None),
    ("abc", None),
    ("+02025550144", None),
    ("+1202555014\u0660", None),
    ("5550144", None),
    ("+1234567890123456", None),
]


@pytest.mark.parametrize(("given", "address"), NUMBERS)
def test_which_parties_can_be_called(client: FunctionClient, stage: Stage, given: str, address: str | None) -> None:
    """Numbers are stored in E.164 form, addresses as they are; anything else is refused (C-364)."""
    answer = create(client, To=given)
    if address is None:
        assert_refused(client, answer, "to bad", name="To", value=given)
    else:
        assert stored(client, stage, answer).to == address


def test_only_a_number_calls_a_number(client: FunctionClient) -> None:
    """An address may call an address, but no number."""
    assert_refused(client, create(client, From="client:a"), "from bad", name="From", value="client:a")
    assert create(client, To="client:b", From="client:a").status == created_status(client)
    assert create(client, To="client:b").status == created_status(client)


@pytest.mark.parametrize(
    ("name", "number", "condition"),
    [
        ("To", "+15005550001", "to refused"),
        ("To", "(500) 555-0002", "to unreachable"),
        ("To", "+15005550003", "to international"),
        ("To", "+15005550004", "to blocked"),
        ("From", "+15005550001", "from bad"),
    ],
)
def test_some_numbers_mean_an_error(client: FunctionClient, name: str, number: str, condition: str) -> None:
    """Numbers of Twilio's test credentials always answer their error, also as another spelling (C-364)."""
    assert_refused(client, create(client, **{name: number}), condition, name=name, value=number)
    assert create(client, From="+15005550006").status == created_status(client)


INVALID: Final = [
    ({"To": None}, "To", "to missing"),
    ({"To": ""}, "To", "to missing"),
    ({"From": None}, "From", "from missing"),
    ({"From": "abc"}, "From", "from bad"),
    ({"Url": None}, "Url", "no instructions"),
    ({"Url": "hello"}, "Url", "no instructions URL"),
    ({"Url": f"https://a.example/{'x' * 4_000}"}, "Url", "no instructions URL"),
    ({"FallbackUrl": "/relative"}, "FallbackUrl", "no instructions URL"),
    ({"Method": "PUT"}, "Method", "no instructions method"),
    ({"FallbackMethod": "PUT"}, "FallbackMethod", "no instructions method"),
    ({"StatusCallbackMethod": "PUT"}, "StatusCallbackMethod", "no instructions method"),
    ({"RecordingStatusCallbackMethod": "PUT"}, "RecordingStatusCallbackMethod", "no instructions method"),
    ({"StatusCallback": "x"}, "StatusCallback", "no status callback URL"),
    ({"AsyncAmdStatusCallback": "x"}, "AsyncAmdStatusCallback", "no status callback URL"),
    ({"SendDigits": "x"}, "SendDigits", "digits bad"),
    ({"SendDigits": "1" * 33}, "SendDigits", "digits bad"),
    ({"Timeout": "601"}, "Timeout", "timeout bad"),
    ({"Timeout": "0"}, "Timeout", "timeout bad"),
    ({"MachineDetection": "Maybe"}, "MachineDetection", "machine detection bad"),
    ({"MachineDetectionTimeout": "121"}, "MachineDetectionTimeout", "machine detection bad"),
    ({"MachineDetectionSpeechThreshold": "1"}, "MachineDetectionSpeechThreshold", "machine detection bad"),
    ({"RecordingChannels": "3"}, "RecordingChannels", "value outside the enum"),
    ({"RecordingTrack": "x"}, "RecordingTrack", "value outside the enum"),
    ({"Trim": "x"}, "Trim", "trim unknown"),
]


@pytest.mark.parametrize(("changes", "name", "condition"), INVALID)
def test_an_invalid_parameter_is_refused(
    client: FunctionClient, changes: Mapping[str, Any], name: str, condition: str
) -> None:
    """Each invalid parameter has its answer, and no call is created."""
    value = str(changes[name] or "")
    assert_refused(client, create(client, **changes), condition, name=name, value=value)
    assert client.get("Calls").body["calls"] == []


DIFFERENT: Final = [
    ({"SendDigits": "A"}, None, "digits bad"),
    ({"MachineDetection": "none"}, "machine detection bad", None),
    ({"MachineDetectionTimeout": "2"}, "machine detection bad", None),
    ({"MachineDetectionTimeout": "60"}, "machine detection bad", None),
    ({"TimeLimit": "86401"}, "value outside the enum", None),
    ({"Twiml": "x" * 4_001, "Url": None}, "markup too long", "no instructions"),
    ({"AsyncAmd": "true"}, None, "no detection callback"),
    ({"RecordingStatusCallback": "/rel"}, None, "no callback URL"),
    ({"RecordingStatusCallbackEvent": "begun"}, None, "event unknown"),
]


@pytest.mark.parametrize(("changes", "twilio", "signalwire"), DIFFERENT)
def test_what_only_one_dialect_refuses(
    client: FunctionClient, changes: Mapping[str, Any], twilio: str | None, signalwire: str | None
) -> None:
    """Limits and warnings that differ between the dialects."""
    condition = {"twilio": twilio, "signalwire": signalwire}[client.dialect.name]
    answer = create(client, **changes)
    if condition is None:
        assert answer.status == created_status(client)
    else:
        name = {"no instructions": "Url", "no detection callback": "AsyncAmdStatusCallback"}.get(condition)
        assert_refused(client, answer, condition, name=name or next(iter(changes)))


ORDER: Final = [
    "To", "From", "Url", "Method", "FallbackMethod", "StatusCallbackMethod", "FallbackUrl", "StatusCallback",
    "SendDigits", "Timeout", "MachineDetection", "RecordingChannels", "Trim",
]  # fmt: skip


def test_the_first_error_of_the_table_answers(client: FunctionClient) -> None:
    """Of several invalid parameters the first one in the vendor's order is answered."""
    bad = dict.fromkeys(ORDER, "bad")
    found = []
    while bad:
        answer = create(client, **bad)
        found.append(answer.body["code"])
        bad.pop(next(iter(bad)))
    machine, channels, trim = (20001, 20001, 20001) if client.dialect.name == "twilio" else (21234, 10000, 13699)
    digits = 21206 if client.dialect.name == "twilio" else 13222
    assert found == [
        21211, 21212, 21205, 21209, 21209, 21209, 21205, 21609, digits, 21208, machine, channels, trim,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "twilio", "signalwire"),
    [
        (["initiated", "answered"], ("initiated", "answered"), ("initiated", "answered")),
        (["initiated ringing"], None, ("initiated", "ringing")),
        (["begun", "completed"], ("completed",), ("completed",)),
        (["begun"], None, None),
    ],
)
def test_unknown_events_are_left_out_with_a_warning(
    client: FunctionClient,
    stage: Stage,
    log_lines: Callable[[], list[dict[str, Any]]],
    given: list[str],
    twilio: tuple[str, ...] | None,
    signalwire: tuple[str, ...] | None,
) -> None:
    """Unknown events are no error; without a known one there is no subscription (C-367)."""
    events = {"twilio": twilio, "signalwire": signalwire}[client.dialect.name]
    found = stored(client, stage, create(client, StatusCallback=HOOK, StatusCallbackEvent=given))
    assert (found.callback.events if found.callback is not None else None) == events
    known = given == ["initiated", "answered"] or (client.dialect.name == "signalwire" and "begun" not in given)
    (line,) = [line for line in log_lines() if line["message"] == "request"]
    assert [each["code"] for each in line.get("warnings", [])] == ([] if known else [21626])


def test_a_recording_without_a_usable_callback_is_made(client: FunctionClient, stage: Stage) -> None:
    """In Twilio's dialect the call is recorded, without callbacks; SignalWire's refuses the request."""
    answer = create(client, Record="true", RecordingStatusCallback="/rel")
    if client.dialect.name == "signalwire":
        assert_refused(client, answer, "no callback URL", name="RecordingStatusCallback")
    else:
        record = stored(client, stage, answer).placement["record"]
        assert record == {"channels": 1, "track": "both", "trim": "trim-silence"}


def test_a_whole_number_in_json_may_have_a_fraction_of_zero(client: FunctionClient, stage: Stage) -> None:
    """SignalWire's dialect reads 20.0 in a JSON body as 20."""
    if client.dialect.name == "twilio":
        pytest.skip("Twilio's dialect reads no JSON")
    body = json.dumps({**CALL, "Timeout": 20.0}).encode()
    answer = client.request("POST", client.path("Calls"), form=body, content_type="application/json")
    assert stored(client, stage, answer).placement["timeout"] == 20


@pytest.fixture
def several_engines(world: World, install_environment: Callable[[Environment], object]) -> None:
    """Choose engines by their presence."""
    del world
    install_environment(replace(current_environment(), default_engine=None))


@pytest.mark.usefixtures("several_engines")
def test_without_an_engine_no_call_is_created(world: World, dialect: str) -> None:
    """Without an engine that executes markup it is 503, and nothing is stored (C-365)."""
    client = world.client(dialect)
    for capabilities in ({}, {"markup": False}):
        if capabilities:
            register(world, "simple", **capabilities)
        assert_refused(client, create(client), "no engine")
    assert client.get("Calls").body["calls"] == []
    register(world, "able", markup=True)
    answer = create(client)
    assert answer.status == created_status(client)
    assert world.publish() == []
    assert [each.engine for each in world.commands.sent] == ["able"]


def test_signalwire_delivers_an_answer_twice(world: World, dialect: str) -> None:
    """All four events are delivered in order; SignalWire has `answered` and `in-progress` for an answer (C-368)."""
    client = world.client(dialect)
    answer = create(client, StatusCallback=HOOK, StatusCallbackEvent=["initiated", "ringing", "answered", "completed"])
    call = client.dialect.parse_sid(ResourceType.CALL, answer.body["sid"])
    assert call is not None
    for kind in ("call.ringing", "call.answered", "call.ended"):
        world.clock.step(5)
        assert world.ingest(world.event(kind, call=call, version=1)) == []
    assert world.publish() == []
    assert call_of(world, call).status is CallStatus.COMPLETED
    found = [dict(parse_qsl(each.body)) for each in world.deliveries(call)]
    answered = [("in-progress", "2")] if dialect == "twilio" else [("answered", "2"), ("in-progress", "2")]
    assert [(each["CallStatus"], each["SequenceNumber"]) for each in found] == [
        ("initiated", "0"), ("ringing", "1"), *answered, ("completed", "3"),
    ]  # fmt: skip
