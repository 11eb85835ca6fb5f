"""The request log, and injected faults of operations in the dialect's error format."""

import http.client
import re
import time
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain.identity import new_id
from tapedeck_standin.gateway.api import error_in_dialect
from tests.client import TEMPLATE
from tests.conftest import TestAccount
from tests.standin.http_client import NEW, ControlClient, HttpFunctionClient, StandIn

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")
MORE = "https://www.twilio.com/docs/errors"
UNAVAILABLE = "Service unavailable"


def fail(control: ControlClient, on: str, then: dict[str, Any], **more: Any) -> str:
    """Inject a fault; return its id."""
    answer = control.post("/faults", {"on": on, "then": then, **more})
    identifier: str = answer.body["id"]
    assert NEW.match(identifier)
    body = {"id": identifier, "on": on, "times": 1, "then": then, **more, "hits": 0}
    assert (answer.status, answer.body) == (201, body)
    return identifier


def logged_requests(control: ControlClient) -> list[dict[str, Any]]:
    """Read the request log, oldest first."""
    answer = control.get("/requests")
    assert (answer.status, list(answer.body)) == (200, ["requests"])
    requests: list[dict[str, Any]] = answer.body["requests"]
    return requests


def test_shows_requests(control: ControlClient, api: HttpFunctionClient, dialect: str) -> None:
    """An entry has the operation, the parameters, the status, the error code and the reason of a request."""
    call = control.post("/calls").body["sid"][dialect]
    created = api.post("Calls", call, "Recordings", form={"RecordingChannels": "dual", "Trim": "trim-silence"})
    wrong = api.post("Calls", call, "Recordings", created.body["sid"], form={"Status": "over"})
    api.get("Recordings", PageSize="1")
    shown = logged_requests(control)
    for each, answer in zip(shown, (created, wrong), strict=False):
        assert INSTANT.fullmatch(each["at"])
        assert each["milliseconds"] >= 0
        assert each["id"] == answer.headers["x-request-id"]
    below = f"{api.base}/Calls/{call}/Recordings"
    names = ("method", "path", "operation", "fields", "status", "code", "parameter", "reason", "nearest")
    assert [tuple(each[name] for name in names) for each in shown] == [
        (
            "POST", f"{below}.json", "create_call_recording", {"RecordingChannels": "dual", "Trim": "trim-silence"},
            created.status, None, None, None, None,
        ),
        (
            "POST", f"{below}/{created.body['sid']}.json", "update_call_recording", {"Status": "over"},
            wrong.status, wrong.body["code"], "Status", "not one of paused, in-progress, stopped", None,
        ),
        ("GET", f"{api.base}/Recordings.json", "list_recordings", {"PageSize": "1"}, 200, None, None, None, None),
    ]  # fmt: skip
    assert list(shown[0]) == [
        "id", "at", "method", "path", "operation", "fields", "status", "code", "parameter", "reason", "milliseconds",
        "nearest",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "nearest"),
    [
        ("GET", "{account}/Recording.json", "GET {root}/Recordings.json"),
        ("GET", "{account}/Recordings.xml", "GET {root}/Recordings.wav"),
        ("POST", "{account}/Calls/{call}/Recording", "POST {root}/Calls/{{CallSid}}/Recordings"),
        ("PUT", "{account}/Calls/{call}/Recordings", "POST {root}/Calls/{{CallSid}}/Recordings"),
        ("GET", "{account}/Conference/{conference}/Participants",
         "GET {root}/Conferences/{{ConferenceSid}}/Participants"),
    ],
)  # fmt: skip
def test_suggests_the_nearest_route(
    standin: StandIn, control: ControlClient, account: TestAccount, method: str, path: str, nearest: str
) -> None:
    """A request without a route has no operation, and the most similar route as a suggestion."""
    api = HttpFunctionClient(TWILIO, account.id, account.token, standin=standin)
    call, conference = (TWILIO.format_sid(kind, new_id(0)) for kind in (ResourceType.CALL, ResourceType.CONFERENCE))
    path = path.format(account=api.base, call=call, conference=conference)
    status = ControlClient(standin).request(method, path).status
    (shown,) = logged_requests(control)
    assert (shown["operation"], shown["status"], shown["path"]) == (None, status, path)
    expected = nearest.format(root="/2010-04-01/Accounts/{AccountSid}")
    if path.endswith(".xml"):
        assert shown["nearest"] in {route.key for route in TEMPLATE.routes}
    else:
        assert shown["nearest"] == expected


@pytest.mark.parametrize("dialect", ["twilio", "signalwire"])
@pytest.mark.parametrize("suffix", ["", ".json"])
@pytest.mark.parametrize(
    ("below", "instead"),
    [
        ("/Conferences", "POST /_standin/conferences"),
        ("/Conferences/{conference}/Recordings", "POST /_standin/conferences/{sid}/recordings"),
    ],
)
def test_what_only_the_control_api_creates_is_named(
    control: ControlClient, api: HttpFunctionClient, suffix: str, below: str, instead: str
) -> None:
    """A request that would create a conference or record it names the route of the control API (C-333)."""
    path = api.base + below.format(conference=api.dialect.format_sid(ResourceType.CONFERENCE, new_id(0))) + suffix
    assert api.request("POST", path, form={"To": "+12025550123"}).status == 405
    (shown,) = logged_requests(control)
    assert (shown["operation"], shown["status"], shown["path"], shown["nearest"]) == (None, 405, path, instead)


def test_the_control_api_creates_accounts(control: ControlClient, standin: StandIn, account: TestAccount) -> None:
    """A request that would create an account names the route of the control API (C-333)."""
    api = HttpFunctionClient(TWILIO, account.id, account.token, standin=standin)
    assert api.request("POST", "/2010-04-01/Accounts.json", form={"FriendlyName": "a"}).status == 405
    (shown,) = logged_requests(control)
    assert shown["nearest"] == "POST /_standin/accounts"


def test_request_without_account_is_logged_by_credentials(
    standin: StandIn, control: ControlClient, anonymous: ControlClient, account: TestAccount
) -> None:
    """A request without an account in its path is logged for its credentials' account, else the default account."""
    api = HttpFunctionClient(TWILIO, account.id, account.token, standin=standin)
    api.request("GET", "/2010-04-01/Acounts")
    before = len(logged_requests(anonymous))
    ControlClient(standin).request("GET", "/nowhere")
    assert [each["path"] for each in logged_requests(control)] == ["/2010-04-01/Acounts"]
    assert [each["path"] for each in logged_requests(anonymous)[before:]] == ["/nowhere"]
    assert control.post("/reset").status == 204
    assert logged_requests(control) == []


def test_request_of_an_unknown_account_is_logged_by_credentials(
    standin: StandIn, control: ControlClient, anonymous: ControlClient, account: TestAccount
) -> None:
    """A request of an unknown account is logged for its credentials' account, else the default account."""
    for log_client, user in ((control, account.id), (anonymous, new_id(0))):
        api = HttpFunctionClient(TWILIO, user, account.token, standin=standin)
        path = f"/2010-04-01/Accounts/{TWILIO.format_sid(ResourceType.ACCOUNT, new_id(0))}/Calls.json"
        before = len(logged_requests(log_client))
        status = api.request("GET", path).status
        assert [(each["path"], each["status"]) for each in logged_requests(log_client)[before:]] == [(path, status)]


def test_repeated_and_other_parameters(standin: StandIn, control: ControlClient, account: TestAccount) -> None:
    """A repeated parameter is a list, query before body; a JSON body is read like a form."""
    base = f"/2010-04-01/Accounts/{TWILIO.format_sid(ResourceType.ACCOUNT, account.id)}/Calls"
    client = ControlClient(standin)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    client.request("POST", f"{base}?A=1", b"A=2&B=", form)
    for body in (b'{"A": ["x", 1], "B": true}', b"[1]", b"{", b"\xff"):
        client.request("POST", base, body, {"Content-Type": "application/json; charset=utf-8"})
    fields = [each["fields"] for each in logged_requests(control)]
    assert fields == [{"A": ["1", "2"], "B": ""}, {"A": ["x", "1"], "B": "true"}, {}, {}, {}]


@pytest.mark.parametrize(
    ("on", "then", "code"),
    [
        ("create_call_recording", {"status": 400, "code": 21220}, 21220),
        ("create_call_recording", {"status": 429}, 20429),
        ("*", {"status": 500}, None),
        ("*", {"status": 404}, 20404),
        ("create_call_recording", {"status": 400, "code": 20009}, 20009),
        ("*", {"status": 401}, 20003),
    ],
)
def test_operation_fault(
    control: ControlClient, api: HttpFunctionClient, on: str, then: dict[str, Any], code: int | None, dialect: str
) -> None:
    """The next request fails with the given status and code in the dialect's format, and has no effect."""
    call = control.post("/calls").body["sid"][dialect]
    fail(control, on, then)
    answer = api.post("Calls", call, "Recordings")
    assert answer.status == then["status"]
    assert list(answer.body) == ["code", "message", "more_info", "status"]
    assert answer.body["status"] == then["status"]
    assert code in {None, answer.body["code"]}
    assert "{" not in answer.body["message"]
    assert [each["hits"] for each in control.get("/faults").body["faults"]] == [1]
    assert api.get("Calls", call, "Recordings").body["recordings"] == []
    assert api.post("Calls", call, "Recordings").status == api.dialect.created_status


@pytest.mark.parametrize(
    ("dialect", "status", "code", "body"),
    [
        (TWILIO, 418, 12345, {"code": 12345, "message": "I'm a Teapot", "more_info": f"{MORE}/12345", "status": 418}),
        (TWILIO, 503, None, {"code": 20504, "message": UNAVAILABLE, "more_info": f"{MORE}/20504", "status": 503}),
        (TWILIO, 599, None, {"code": 20599, "message": "Error", "more_info": f"{MORE}/20599", "status": 599}),
        (SIGNALWIRE, 422, None, {"errors": ["A parameter is invalid"]}),
        (SIGNALWIRE, 422, 21456, {"errors": ["A parameter is not a valid URL"]}),
    ],
)  # fmt: skip
def test_every_status_has_an_error_body(dialect: Dialect, status: int, code: int | None, body: dict[str, Any]) -> None:
    """Any status has an error body in the dialect's format; without a code it has one for the status."""
    reply = error_in_dialect(dialect, status, code, "/path", "update_conference_recording")
    assert (reply.status, reply.body) == (status, body)


@pytest.mark.parametrize(
    ("dialect", "status", "code"),
    [(TWILIO, 400, 20001), (SIGNALWIRE, 400, 10000), (SIGNALWIRE, 422, 10000), (SIGNALWIRE, 413, 10000)],
)
def test_status_without_code_has_the_general_code(dialect: Dialect, status: int, code: int) -> None:
    """A fault without a code has the general code of its status."""
    assert error_in_dialect(dialect, status, None, "/path", "create_call_recording").code == code


def test_faults_reach_the_sdk_as_vendor_errors(standin: StandIn, control: ControlClient, account: TestAccount) -> None:
    """Twilio's SDK raises the injected errors: 21220 three times, then 408; later requests succeed."""
    client = Client(TWILIO.format_sid(ResourceType.ACCOUNT, account.id), account.token)
    client.api.base_url = f"http://127.0.0.1:{standin.port}"
    fail(control, "create_call_recording", {"status": 400, "code": 21220}, times=3)
    fail(control, "update_call_recording", {"status": 408, "code": 16114})
    results: list[Any] = []
    try:
        call = client.calls(control.post("/calls").body["sid"]["twilio"])
        for _ in range(4):
            try:
                results.append(call.recordings.create().status)
            except TwilioRestException as error:
                results.append((error.status, error.code, error.msg))
        for _ in range(2):
            try:
                results.append(call.recordings("Twilio.CURRENT").update(status="paused").status)
            except TwilioRestException as error:
                results.append((error.status, error.code, error.msg))
    finally:
        client.http_client.session.close()
    not_eligible = (400, 21220, "Unable to create record: Requested resource is not eligible for recording")
    timed_out = "Unable to update record: Resource is not in a state to accept the recording action"
    assert results == [not_eligible, not_eligible, not_eligible, "in-progress", (408, 16114, timed_out), "paused"]


def test_fault_matches_its_operation(control: ControlClient, api: HttpFunctionClient) -> None:
    """A fault applies only to its operation; the oldest matching one comes first."""
    fail(control, "list_calls", {"status": 429})
    fail(control, "*", {"status": 500}, times=2)
    answers = [api.get("Recordings").status, api.get("Calls").status, api.get("Calls").status]
    assert (*answers, api.get("Calls").status) == (500, 429, 500, 200)


def test_delay_fault(control: ControlClient, api: HttpFunctionClient) -> None:
    """A delayed request takes longer and then succeeds."""
    fail(control, "list_recordings", {"delay": 0.2})
    began = time.monotonic()
    assert api.get("Recordings").status == 200
    assert time.monotonic() - began >= 0.2


def test_close_fault(control: ControlClient, api: HttpFunctionClient, dialect: str) -> None:
    """The connection closes without a response and without an effect; the log has no status."""
    call = control.post("/calls").body["sid"][dialect]
    fail(control, "create_call_recording", {"close": True})
    with pytest.raises(http.client.RemoteDisconnected):
        api.post("Calls", call, "Recordings")
    (shown,) = logged_requests(control)
    assert NEW.match(shown.pop("id"))
    assert (shown["operation"], shown["status"], shown["code"]) == ("create_call_recording", None, None)
    assert api.get("Calls", call, "Recordings").body["recordings"] == []


def test_media_fault(control: ControlClient, api: HttpFunctionClient, dialect: str) -> None:
    """The next recording that ends is absent with the given error code; the one after it is completed."""
    fail(control, "media", {"absent": 16102})
    shown = []
    for _ in range(2):
        call = control.post("/calls").body["sid"][dialect]
        path = ("Calls", call, "Recordings", api.post("Calls", call, "Recordings").body["sid"])
        control.post("/clock", {"advance": 5})
        api.post(*path, form={"Status": "stopped"})
        control.post("/clock", {"advance": 2})
        assert control.post("/wait-until-idle", {"timeout": 60}).body == {"left": []}
        body = api.get(*path).body
        shown.append((body["status"], int(body["error_code"] or 0)))
    assert shown == [("absent", 16102), ("completed", 0)]


def test_faults_are_per_account(control: ControlClient, anonymous: ControlClient, api: HttpFunctionClient) -> None:
    """A fault affects, and is visible and deletable for, its own account only."""
    identifier = fail(control, "list_calls", {"status": 500})
    before = anonymous.get("/faults").body
    other = fail(anonymous, "list_calls", {"status": 429})
    assert [each["id"] for each in control.get("/faults").body["faults"]] == [identifier]
    assert anonymous.delete(f"/faults/{identifier}").status == 404
    assert anonymous.delete(f"/faults/{other}").status == 204
    assert anonymous.get("/faults").body == before
    assert api.get("Calls").status == 500


def test_deletes_faults(control: ControlClient, api: HttpFunctionClient) -> None:
    """Faults are deleted by id or all at once, and then have no effect."""
    first = fail(control, "list_calls", {"status": 500}, times=5)
    fail(control, "list_recordings", {"close": True})
    second = fail(control, "list_calls", {"status": 429})
    answer = control.delete(f"/faults/{first}")
    assert (answer.status, answer.content) == (204, b"")
    assert control.delete(f"/faults/{first}").status == 404
    assert control.get("/faults").body["faults"][1]["id"] == second
    assert [api.get("Calls").status for _ in range(2)] == [429, 200]
    assert control.delete("/faults").status == 204
    assert control.get("/faults").body == {"faults": []}
    assert api.get("Recordings").status == 200


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({}, "on"),
        ({"on": "list_calls"}, "then"),
        ({"on": "list_cals", "then": {"status": 500}}, "on"),
        ({"on": "default", "then": {"status": 500}}, "on"),
        ({"on": "reconcile", "then": {"status": 500}}, "on"),
        ({"on": "*", "then": {}}, "then"),
        ({"on": "*", "then": {"code": 21220}}, "then"),
        ({"on": "*", "then": {"status": 500, "close": True}}, "then"),
        ({"on": "*", "then": {"status": None}}, "then"),
        ({"on": "*", "then": {"status": 399}}, "then"),
        ({"on": "*", "then": {"status": 600}}, "then"),
        ({"on": "*", "then": {"status": "500"}}, "then"),
        ({"on": "*", "then": {"delay": -1}}, "then"),
        ({"on": "*", "then": {"delay": 61}}, "then"),
        ({"on": "*", "then": {"delay": 1, "code": 21220}}, "then"),
        ({"on": "*", "then": {"close": False}}, "then"),
        ({"on": "*", "then": {"close": 1}}, "then"),
        ({"on": "*", "then": {"drop": True}}, "then"),
        ({"on": "*", "then": {"absent": 16101}}, "then"),
        ({"on": "*", "then": {"unconfirmed": True}}, "then"),
        ({"on": "create_call_recording", "then": {"unconfirmed": True}}, "then"),
        ({"on": "update_call_recording", "then": {"unconfirmed": False}}, "then"),
        ({"on": "*", "then": {"explode": True}}, "then"),
        ({"on": "media", "then": {"status": 500}}, "then"),
        ({"on": "media", "then": {"absent": 1}}, "then"),
        ({"on": "callback", "then": {"absent": 16101}}, "then"),
        ({"on": "callback", "then": {"status": 500, "code": 21220}}, "then"),
        ({"on": "*", "times": 0, "then": {"status": 500}}, "times"),
        ({"on": "*", "times": 1.5, "then": {"status": 500}}, "times"),
        ({"on": "*", "times": 1_000_001, "then": {"status": 500}}, "times"),
        ({"on": "*", "then": {"status": 500}, "colour": "blue"}, "colour"),
    ],
)
def test_rejects_an_invalid_fault(control: ControlClient, content: dict[str, Any], field: str) -> None:
    """Invalid input is 400, names the field and creates no fault."""
    answer = control.post("/faults", content)
    assert (answer.status, answer.body["error"]["field"]) == (400, field), answer.body
    assert answer.body["error"]["message"].startswith(f"{field}: ")
    assert control.get("/faults").body == {"faults": []}
