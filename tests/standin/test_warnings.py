"""Warnings about unusable status callbacks, and the reasons of errors in the request log, over HTTP."""

from typing import Any

import pytest
from twilio.rest import Client

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tests.conftest import TestAccount
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn
from tests.standin.receiver import Receiver

UNUSABLE_URL = "Invalid recordingStatusCallback URL: the URL is not used"
OF_INSTRUCTIONS = {"webhook": None, "line": None, "column": None, "verb": None}


@pytest.fixture
def client(standin: StandIn, account: TestAccount) -> HttpFunctionClient:
    """A client of Twilio's dialect for the test's own account."""
    return HttpFunctionClient(TWILIO, account.id, account.token, standin=standin)


def new_call(control: ControlClient) -> dict[str, str]:
    """Create a call; return its sid in both dialects."""
    sid: dict[str, str] = control.post("/calls").body["sid"]
    return sid


def warnings(control: ControlClient, **query: str) -> list[dict[str, Any]]:
    """Return the warnings of the account."""
    answer = control.get("/warnings", **query)
    assert answer.status == 200
    listed: list[dict[str, Any]] = answer.body["warnings"]
    return listed


def test_a_warning_is_listed_and_printed(standin: StandIn, control: ControlClient, client: HttpFunctionClient) -> None:
    """An unusable URL is listed with its call and its value, and printed without the value."""
    call, before = new_call(control), len(standin.lines)
    began = control.post("/clock").body["now"]
    form = {"RecordingStatusCallback": "/relative?secret=canary"}
    assert client.post("Calls", call["twilio"], "Recordings", form=form).status == 201
    (warning,) = warnings(control)
    assert began <= warning["at"] <= control.post("/clock").body["now"]
    assert warning == {
        "at": warning["at"],
        "level": "warning",
        "code": 13256,
        "text": UNUSABLE_URL,
        "call": call,
        **OF_INSTRUCTIONS,
        "attribute": "RecordingStatusCallback",
        "value": "/relative?secret=canary",
    }
    assert list(warning) == [
        "at", "level", "code", "text", "call", "webhook", "line", "column", "verb", "attribute", "value",
    ]  # fmt: skip
    assert [line for line in standin.lines[before:] if line.startswith("warning ")] == [
        f"warning 13256 {call['twilio']} RecordingStatusCallback: {UNUSABLE_URL}"
    ]


def test_every_kind_of_callback_has_warnings(control: ControlClient, client: HttpFunctionClient) -> None:
    """The callbacks of recordings, calls and conferences have their own codes; a dialed participant has a new call."""
    call = new_call(control)
    form = {"StatusCallback": "/a", "StatusCallbackMethod": "PUT"}
    assert client.post("Calls", call["twilio"], form=form).status == 200
    dialed = client.post(
        "Conferences", "Sales", "Participants",
        form={
            "From": "+12025550143", "To": "+12025550178", "StatusCallbackEvent": ["answered", "lost", "found"],
            "ConferenceStatusCallback": "/b", "ConferenceRecordingStatusCallbackEvent": "paused gone",
            "RecordingStatusCallbackEvent": "completed,absent",
        },
    )  # fmt: skip
    assert dialed.status == 201
    own, new = call["twilio"], dialed.body["call_sid"]
    listed = [(each["code"], each["call"]["twilio"], each["attribute"], each["value"]) for each in warnings(control)]
    assert listed == [
        (21609, own, "StatusCallback", "/a"),
        (21209, own, "StatusCallbackMethod", "PUT"),
        (21626, new, "StatusCallbackEvent", "answered lost found"),
        (16002, new, "ConferenceStatusCallback", "/b"),
        (13621, new, "RecordingStatusCallbackEvent", "completed,absent"),
        (13621, new, "ConferenceRecordingStatusCallbackEvent", "paused gone"),
    ]


def test_warnings_are_filtered(control: ControlClient, anonymous: ControlClient, client: HttpFunctionClient) -> None:
    """Warnings are filtered by call, in either format, by code, and by account."""
    first, second = new_call(control), new_call(control)
    form = {"RecordingStatusCallback": "/a", "RecordingStatusCallbackEvent": "nothing"}
    for call in (first, second):
        assert client.post("Calls", call["twilio"], "Recordings", form=form).status == 201

    def found(**query: str) -> list[tuple[int, str]]:
        return [(each["code"], each["call"]["twilio"]) for each in warnings(control, **query)]

    one, other = first["twilio"], second["twilio"]
    assert found() == [(13256, one), (13621, one), (13256, other), (13621, other)]
    assert found(call=one) == found(call=first["signalwire"]) == [(13256, one), (13621, one)]
    assert found(code="13621") == [(13621, one), (13621, other)]
    assert found(call=other, code="13256") == [(13256, other)]
    assert found(code="21609") == found(call=f"CA{'0' * 32}") == []
    assert [each for each in warnings(anonymous) if each["call"] in (first, second)] == []
    assert len(warnings(anonymous, account=SIGNALWIRE.format_sid(ResourceType.ACCOUNT, client.account))) == 4


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"call": "nothing"}, 400, "call"),
        ({"call": f"RE{'0' * 32}"}, 400, "call"),
        ({"code": "x"}, 400, "code"),
        ({"sid": f"CA{'0' * 32}"}, 400, "sid"),
        ({"account": f"AC{'0' * 32}"}, 404, "account"),
    ],
)
def test_wrong_filters_are_rejected(control: ControlClient, query: dict[str, str], status: int, field: str) -> None:
    """A malformed or unknown field of the query is rejected."""
    answer = control.get("/warnings", **query)
    assert (answer.status, answer.body["error"]["field"]) == (status, field)


def test_a_reset_deletes_warnings(
    standin: StandIn, control: ControlClient, anonymous: ControlClient, client: HttpFunctionClient
) -> None:
    """A reset deletes the warnings of its account only."""
    default = HttpFunctionClient(TWILIO, standin.account, standin.token, standin=standin)
    kept = new_call(anonymous)["twilio"]
    for each, call in ((client, new_call(control)["twilio"]), (default, kept)):
        assert each.post("Calls", call, form={"StatusCallback": "/relative"}).status == 200
    assert len(warnings(control)) == 1
    assert control.post("/reset").status == 204
    assert warnings(control) == []
    assert len(warnings(anonymous, call=kept)) == 1


def test_signalwire_has_errors_instead(standin: StandIn, control: ControlClient, account: TestAccount) -> None:
    """SignalWire's dialect rejects an unusable callback and notes no warning."""
    api = HttpFunctionClient(SIGNALWIRE, account.id, account.token, standin=standin)
    call = new_call(control)["signalwire"]
    answer = api.post("Calls", call, "Recordings", form={"RecordingStatusCallback": "/relative"})
    assert (answer.status, answer.body["code"]) == (422, 21456)
    assert api.get("Calls", call, "Recordings").body["recordings"] == []
    assert warnings(control) == []


@pytest.mark.parametrize("status_callback_event", [["failed"], ["completed,absent"], ["unknown"]])
def test_twilio_sdk_records_without_callbacks(
    standin: StandIn, account: TestAccount, control: ControlClient, receiver: Receiver, status_callback_event: list[str]
) -> None:
    """Twilio's SDK records a call without any event that is sent: the recording completes, nothing is delivered."""
    client = Client(TWILIO.format_sid(ResourceType.ACCOUNT, account.id), account.token)
    client.api.base_url = f"http://127.0.0.1:{standin.port}"
    try:
        call = new_call(control)["twilio"]
        silent = client.calls(call).recordings.create(
            recording_status_callback=receiver.url("/silent"), recording_status_callback_event=status_callback_event
        )
        chosen = client.calls(new_call(control)["twilio"]).recordings.create(
            recording_status_callback=receiver.url("/chosen"),
            recording_status_callback_event=[*status_callback_event, "absent", "completed"],
            recording_status_callback_method="put",
        )
        for recording in (silent, chosen):
            control.post(f"/calls/{recording.call_sid}/hangup")
        control.post("/clock", {"advance": 2})
        assert control.post("/wait-until-idle", {"timeout": 60}).status == 200
        statuses = [client.recordings(recording.sid).fetch().status for recording in (silent, chosen)]
    finally:
        client.http_client.session.close()
    assert set(statuses) <= {"completed", "absent"}
    received = [(each.method, each.url, each.fields["RecordingSid"]) for each in receiver.wait_for(1)]
    assert received == [("POST", receiver.url("/chosen"), chosen.sid)]


def last_request(control: ControlClient) -> dict[str, Any]:
    """Return the newest entry of the request log."""
    entry: dict[str, Any] = control.get("/requests").body["requests"][-1]
    return entry


def test_the_request_log_names_the_parameter(control: ControlClient, api: HttpFunctionClient) -> None:
    """The entry of a rejected request has the parameter and the reason, and those of others have nulls."""
    call = new_call(control)[api.dialect.name]
    status = 400 if api.dialect.name == "twilio" else 422
    assert api.post("Calls", call, "Recordings", form={"Trim": "never"}).status == status
    rejected = last_request(control)
    assert (rejected["status"], rejected["parameter"], rejected["reason"]) == (
        status, "Trim", "not one of trim-silence, do-not-trim",
    )  # fmt: skip
    assert "never" not in rejected["reason"]
    assert api.get("Calls", call).status == 200
    done = last_request(control)
    assert (done["status"], done["parameter"], done["reason"]) == (200, None, None)
    assert api.request("GET", f"{api.path('Recordings')}?PageSize=0").status == status
    listed = last_request(control)
    assert (listed["code"], listed["parameter"], listed["reason"]) == (
        20007 if api.dialect.name == "twilio" else 10000, "PageSize", "below 1",
    )  # fmt: skip


def test_the_request_log_has_the_reason_of_other_errors(control: ControlClient, api: HttpFunctionClient) -> None:
    """A malformed body and a state that forbids the request have a reason without a parameter."""
    call = new_call(control)[api.dialect.name]
    assert api.request("POST", api.path("Calls", call, "Recordings"), form="Trim=%zz").status == 400
    malformed = last_request(control)
    assert (malformed["parameter"], malformed["reason"]) == (None, "a percent escape in the form is broken")
    control.post(f"/calls/{call}/hangup")
    assert api.post("Calls", call, "Recordings").status == 400
    ended = last_request(control)
    assert (ended["parameter"], ended["reason"]) == (
        None, "the call is not in progress, has too many recordings, or the capture has ended",
    )  # fmt: skip


def test_an_injected_fault_has_no_reason(control: ControlClient, api: HttpFunctionClient) -> None:
    """The entry of an injected error does not keep the reason of an earlier request."""
    call = new_call(control)[api.dialect.name]
    api.post("Calls", call, "Recordings", form={"Trim": "never"})
    fault = {"on": "create_call_recording", "then": {"status": 500}}
    assert control.post("/faults", fault).status == 201
    assert api.post("Calls", call, "Recordings").status == 500
    entry = last_request(control)
    assert (entry["status"], entry["parameter"], entry["reason"]) == (500, None, None)
