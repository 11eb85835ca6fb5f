"""The control API: the effect, the response and the errors of each route."""

import re
from typing import Any

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain.identity import new_id
from tapedeck.domain.subscription import CallbackSubscription
from tests.client import Answer
from tests.conftest import TestAccount
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn, ids_in, without_ids

NO_JSON = """the body is not a JSON object: send JSON, such as curl -d '{"account": "AC…"}'"""
CALL: dict[str, Any] = {"sid": "CA", "status": "in-progress", "recordings": []}
UNKNOWN = "01" * 16


def assert_error(answer: Answer, status: int, field: str | None, message: str | None = None) -> None:
    """Assert a complete error response; the message of a 400 starts with the field, if there is one."""
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert list(answer.body) == ["error"]
    assert list(answer.body["error"]) == ["message", "field"]
    assert answer.body["error"]["field"] == field
    assert isinstance(answer.body["error"]["message"], str)
    if message is not None:
        assert answer.body["error"]["message"] == message
    elif status == 400:
        text = answer.body["error"]["message"]
        assert text.startswith(f"{field}: ") if field is not None else text == NO_JSON


def assert_response(answer: Answer, status: int, body: Any) -> list[str]:
    """Assert a complete response apart from its ids; return these in order."""
    assert (answer.status, without_ids(answer.body)) == (status, body)
    return list(ids_in(answer.body))


def test_health(anonymous: ControlClient) -> None:
    """The health route responds `ok`."""
    answer = anonymous.request("GET", "/_standin/health")
    assert (answer.status, answer.body) == (200, {"status": "ok"})


def test_creates_a_call(control: ControlClient, api: HttpFunctionClient) -> None:
    """A new call is in progress and visible in both dialects."""
    (call,) = assert_response(control.post("/calls"), 201, CALL)
    shown = api.get("Calls", api.sid_of_call(call))
    fields = {name: shown.body[name] for name in ("status", "to", "from", "direction", "end_time")}
    assert fields == {
        "status": "in-progress",
        "to": "+12025550123",
        "from": "+12025550199",
        "direction": "inbound",
        "end_time": None,
    }


@pytest.mark.parametrize(
    "status", ["queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"]
)
def test_creates_a_call_with_any_status(control: ControlClient, api: HttpFunctionClient, status: str) -> None:
    """A call can be created with each of the eight statuses; a final one has an end time."""
    content = {"to": "sip:a@example.com", "from": "client:bob", "direction": "outbound-dial", "status": status}
    (call,) = assert_response(control.post("/calls", content), 201, {**CALL, "status": status})
    shown = api.get("Calls", api.sid_of_call(call)).body
    fields = {name: shown[name] for name in ("status", "to", "from", "direction")}
    # SignalWire has one value for both outbound directions.
    assert fields == {**content, "direction": "outbound-dial" if api.dialect is TWILIO else "outbound"}
    assert (shown["end_time"] is not None) is (status not in {"queued", "ringing", "in-progress"})
    assert (shown["start_time"] is not None) is (status in {"in-progress", "completed"})


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"status": "over"}, "status"),
        ({"status": None}, "status"),
        ({"direction": "sideways"}, "direction"),
        ({"to": ""}, "to"),
        ({"to": 12025550123}, "to"),
        ({"from": "x" * 257}, "from"),
        ({"from_": "+12025550123"}, "from_"),
        ({"colour": "blue"}, "colour"),
        ({"account": "AC1"}, "account"),
        ({"account": 1}, "account"),
        (b"[]", None),
        (b"{", None),
        (b"\xff", None),
        (b'{"to": "\\ud800"}', None),
    ],
)
def test_rejects_an_invalid_call(control: ControlClient, content: Any, field: str | None) -> None:
    """Invalid input is 400 and names the field."""
    assert_error(control.post("/calls", content), 400, field)


def test_hangs_up(control: ControlClient, api: HttpFunctionClient) -> None:
    """Hanging up ends a call and stops its recordings, by the sid of either dialect; a second time is 409."""
    (call,) = assert_response(control.post("/calls"), 201, CALL)
    api.post("Calls", api.sid_of_call(call), "Recordings")
    stopped = {"sid": "RE", "status": "stopped"}
    spelled = api.sid_of_call(call)
    assert_response(
        control.post(f"/calls/{spelled}/hangup"), 200, {**CALL, "status": "completed", "recordings": [stopped]}
    )
    assert api.get("Calls", spelled).body["status"] == "completed"
    assert_error(
        control.post(f"/calls/{spelled}/hangup"),
        409,
        "sid",
        "the resource has already ended, or is in another state that does not allow this",
    )


def test_shows_all_recordings_of_a_call(control: ControlClient, api: HttpFunctionClient) -> None:
    """The response of a hang-up lists all recordings of the call, oldest first."""
    (call,) = assert_response(control.post("/calls"), 201, CALL)
    recordings = ("Calls", api.sid_of_call(call), "Recordings")
    first = api.post(*recordings).body["sid"]
    api.post(*recordings, first, form={"Status": "stopped"})
    second = api.post(*recordings).body["sid"]
    body = control.post(f"/calls/{api.sid_of_call(call)}/hangup").body
    assert body["recordings"] == [
        {"sid": body["recordings"][position]["sid"], "status": "stopped"} for position in (0, 1)
    ]
    assert [recording["sid"][api.dialect.name] for recording in body["recordings"]] == [first, second]


@pytest.mark.parametrize("path", ["/calls/{}/hangup", "/conferences/{}/recordings", "/conferences/{}/end"])
def test_rejects_invalid_and_unknown_sids(control: ControlClient, standin: StandIn, path: str) -> None:
    """A malformed sid or one of another type is 400; an unknown one or one of another account is 404."""
    kind, word = (ResourceType.CALL, "call") if "calls" in path else (ResourceType.CONFERENCE, "conference")
    for sid in ("", "RE" + UNKNOWN, UNKNOWN, "x"):
        assert_error(control.post(path.format(sid)), 400, "sid", f"sid: not the sid of a {word} in either format")
    kind_of_path = "/calls" if kind is ResourceType.CALL else "/conferences"
    foreign = ControlClient(standin).post(kind_of_path).body["sid"]
    for sid in (TWILIO.format_sid(kind, UNKNOWN), SIGNALWIRE.format_sid(kind, UNKNOWN), *foreign.values()):
        assert_error(control.post(path.format(sid)), 404, "sid", "the account has no resource with this sid")
    assert_error(control.post(path.format(foreign["twilio"]), {"force": True}), 400, "force")


def test_creates_a_conference(control: ControlClient, api: HttpFunctionClient) -> None:
    """By default a conference has two calls and a unique name, is in progress and is not recorded."""
    answer = control.post("/conferences")
    name = answer.body["friendly_name"]
    assert re.fullmatch(r"conference-[0-9a-f]{12}", name)
    body = {"sid": "CF", "friendly_name": name, "status": "in-progress", "calls": [CALL, CALL], "recordings": []}
    conference, first, _second = assert_response(answer, 201, body)
    shown = api.get("Conferences", api.sid(ResourceType.CONFERENCE, conference)).body
    assert (shown["friendly_name"], shown["status"]) == (name, "in-progress")
    assert api.get("Calls", api.sid_of_call(first)).body["status"] == "in-progress"
    assert control.post("/conferences").body["friendly_name"] != name


@pytest.mark.parametrize(
    ("content", "status", "calls", "recordings"),
    [
        ({"participants": 0}, "init", 0, []),
        ({"participants": 1}, "init", 1, []),
        ({"participants": 3, "status": "init"}, "init", 3, []),
        ({"participants": 3, "status": "in-progress"}, "in-progress", 3, []),
        ({"participants": 0, "status": "completed"}, "completed", 0, []),
        ({"record": True}, "in-progress", 2, ["in-progress"]),
        ({"record": True, "status": "init"}, "init", 2, []),
        ({"record": True, "status": "completed"}, "completed", 2, ["stopped"]),
    ],
)
def test_creates_conferences_with_any_status(
    control: ControlClient, content: dict[str, Any], status: str, calls: int, recordings: list[str]
) -> None:
    """A conference can be created in any status; it is recorded once it is in progress."""
    body = {
        "sid": "CF",
        "friendly_name": "Sales",
        "status": status,
        "calls": [CALL] * calls,
        "recordings": [{"sid": "RE", "status": each} for each in recordings],
    }
    assert_response(control.post("/conferences", {"friendly_name": "Sales", **content}), 201, body)


@pytest.mark.parametrize("name", [f"CF{UNKNOWN}0", UNKNOWN, SIGNALWIRE.format_sid(ResourceType.CONFERENCE, UNKNOWN)])
def test_accepts_names_that_are_not_sids(
    control: ControlClient, account: TestAccount, standin: StandIn, name: str
) -> None:
    """A friendly name is valid unless it has the form of a Twilio sid; requests find the conference by it."""
    sid = control.post("/conferences", {"friendly_name": name}).body["sid"]["twilio"]
    twilio = HttpFunctionClient(TWILIO, account.id, account.token, standin=standin)
    assert twilio.post("Conferences", name, form={"Status": "completed"}).body["sid"] == sid


def test_creates_the_requested_number_of_participants(control: ControlClient) -> None:
    """A conference has the requested number of distinct calls."""
    body = control.post("/conferences", {"participants": 10}).body
    assert len(set(ids_in(body["calls"]))) == 10


@pytest.mark.parametrize("spelling", ["twilio", "signalwire"])
def test_stores_the_callback_of_a_conference(standin: StandIn, account: TestAccount, spelling: str) -> None:
    """The callback is stored with its method, its events, and the dialect of the account's sid."""
    from tapedeck.bootstrap import http as api_bootstrap

    dialect = TWILIO if spelling == "twilio" else SIGNALWIRE
    control = ControlClient(standin, dialect.format_sid(ResourceType.ACCOUNT, account.id))
    url = "https://user:pass@example.com/hook?a=1#rc=2"

    def stored_callback(**content: Any) -> CallbackSubscription | None:
        body = control.post("/conferences", {"participants": 0, **content}).body
        identifier = body["sid"]["signalwire"].replace("-", "")
        return api_bootstrap.get_api_services().conferences.get(account.id, identifier).callback

    assert stored_callback() is None
    assert stored_callback(status_callback=url) == CallbackSubscription(url, "POST", ("start", "end"), spelling)
    events = {"status_callback": url, "status_callback_method": "GET", "status_callback_event": "join leave"}
    assert stored_callback(**events) == CallbackSubscription(url, "GET", ("join", "leave"), spelling)
    assert stored_callback(**{**events, "status_callback_event": ["end"]}) == CallbackSubscription(
        url, "GET", ("end",), spelling
    )
    other = {"status_callback": "HTTPS://example.com/caf\u00e9?#", "status_callback_event": ["end"]}
    escaped = CallbackSubscription("https://example.com/caf%C3%A9", "POST", ("end",), spelling)
    assert stored_callback(**other) == escaped


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"friendly_name": ""}, "friendly_name"),
        ({"friendly_name": "x" * 129}, "friendly_name"),
        ({"friendly_name": "CF" + UNKNOWN}, "friendly_name"),
        ({"friendly_name": "CF" + "AB" * 16}, "friendly_name"),
        ({"participants": -1}, "participants"),
        ({"participants": 251}, "participants"),
        ({"participants": "2"}, "participants"),
        ({"participants": True}, "participants"),
        ({"participants": 2.5}, "participants"),
        ({"status": "paused"}, "status"),
        ({"status": "in-progress", "participants": 1}, "status"),
        ({"record": "yes"}, "record"),
        ({"record": 1}, "record"),
        ({"status_callback": "/hook"}, "status_callback"),
        ({"status_callback": "ftp://example.com/"}, "status_callback"),
        ({"status_callback_method": "PUT"}, "status_callback_method"),
        ({"status_callback_event": "start stop"}, "status_callback_event"),
        ({"status_callback_event": 1}, "status_callback_event"),
        ({"Record": True}, "Record"),
    ],
)
def test_rejects_an_invalid_conference(control: ControlClient, content: dict[str, Any], field: str) -> None:
    """Invalid input is 400, names the field and creates nothing."""
    assert_error(control.post("/conferences", {"friendly_name": "Sales", **content}), 400, field)
    assert control.post("/conferences", {"friendly_name": "Sales"}).status == 201


def test_validates_events_per_dialect(standin: StandIn, account: TestAccount) -> None:
    """An event that only Twilio has is rejected for an account with a SignalWire sid."""
    order = {"status_callback": "https://example.com/", "status_callback_event": ["announcement"]}
    assert (
        ControlClient(standin, TWILIO.format_sid(ResourceType.ACCOUNT, account.id)).post("/conferences", order).status
        == 201
    )
    signalwire = ControlClient(standin, SIGNALWIRE.format_sid(ResourceType.ACCOUNT, account.id))
    assert_error(
        signalwire.post("/conferences", order), 400, "status_callback_event",
        "status_callback_event: only these events are supported: start end join leave mute hold speaker",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("/conferences", {"participants": "2"}, "participants: Input should be a valid integer"),
        ("/conferences", {"colour": "blue"}, "colour: Extra inputs are not permitted"),
        (
            "/conferences",
            {"status": "in-progress", "participants": 1},
            "status: a conference in progress has at least two participants",
        ),
        ("/calls", {"account": "CA" + UNKNOWN}, "account: not the sid of an account in either format"),
        ("/calls", b"{", NO_JSON),
        ("/calls", b'["to"]', NO_JSON),
        (
            f"/recordings/CA{UNKNOWN}/transcriptions",
            {},
            "sid: not the sid of a recording in either format",
        ),
    ],
)
def test_error_message_names_the_field(anonymous: ControlClient, path: str, content: Any, message: str) -> None:
    """The message of an error also names the field."""
    answer = anonymous.post(path, content)
    field = message.partition(":")[0] if message != NO_JSON else None
    assert_error(answer, 400, field, message)


def test_rejects_the_name_of_a_live_conference(control: ControlClient) -> None:
    """Only one live conference can have a name; an ended one releases it."""
    first = control.post("/conferences", {"friendly_name": "Sales"}).body["sid"]["twilio"]
    assert_error(
        control.post("/conferences", {"friendly_name": "Sales"}), 409, "friendly_name",
        "a live conference already has this name",
    )  # fmt: skip
    control.post(f"/conferences/{first}/end")
    assert control.post("/conferences", {"friendly_name": "Sales"}).status == 201


def test_records_a_conference(control: ControlClient, api: HttpFunctionClient) -> None:
    """A new recording has the source `Conference`; a conference that has not started cannot be recorded."""
    conference = control.post("/conferences").body["sid"][api.dialect.name]
    (recording,) = assert_response(
        control.post(f"/conferences/{conference}/recordings"), 201, {"sid": "RE", "status": "in-progress"}
    )
    shown = api.get("Conferences", conference, "Recordings", api.sid(ResourceType.RECORDING, recording))
    assert shown.status == 200
    assert shown.body["source"] == ("Conference" if api.dialect is TWILIO else shown.body["source"])
    for participants in (0, 1):
        waiting = control.post("/conferences", {"participants": participants}).body["sid"][api.dialect.name]
        assert_error(
            control.post(f"/conferences/{waiting}/recordings"),
            409,
            "sid",
            "the resource has already ended, or is in another state that does not allow this",
        )


def test_ends_a_conference(control: ControlClient, api: HttpFunctionClient) -> None:
    """Ending a conference stops its recordings; after that, ending and recording it are 409."""
    begun = control.post("/conferences", {"friendly_name": "Sales", "record": True})
    conference = begun.body["sid"][api.dialect.name]
    body = {
        "sid": "CF",
        "friendly_name": "Sales",
        "status": "completed",
        "calls": [CALL, CALL],
        "recordings": [{"sid": "RE", "status": "stopped"}],
    }
    ended = control.post(f"/conferences/{conference}/end")
    assert_response(ended, 200, body)
    assert list(ids_in(ended.body)) == list(ids_in(begun.body))
    assert api.get("Conferences", conference).body["status"] == "completed"
    assert_error(control.post(f"/conferences/{conference}/end"), 409, "sid")
    assert_error(control.post(f"/conferences/{conference}/recordings"), 409, "sid")


def test_a_conference_ends_with_its_last_call(control: ControlClient, api: HttpFunctionClient) -> None:
    """Hanging up all calls of a conference ends the conference."""
    conference = control.post("/conferences", {"record": True}).body
    for call in conference["calls"]:
        assert control.post(f"/calls/{call['sid']['signalwire']}/hangup").status == 200
    assert api.get("Conferences", conference["sid"][api.dialect.name]).body["status"] == "completed"


def test_creates_accounts(anonymous: ControlClient, standin: StandIn) -> None:
    """A new account has its own id, token and signing key, and its credentials work."""
    answer = anonymous.post("/accounts")
    assert answer.status == 201
    assert list(answer.body) == ["sid", "token", "signing_key"]
    assert re.fullmatch(r"[0-9a-f]{32}", answer.body["token"])
    assert re.fullmatch(r"PSK_[0-9a-f]{32}", answer.body["signing_key"])
    (identifier,) = ids_in({"sid": answer.body["sid"]})
    api = HttpFunctionClient(TWILIO, identifier, answer.body["token"], standin=standin)
    call = ControlClient(standin, answer.body["sid"]["signalwire"]).post("/calls").body["sid"]["twilio"]
    assert api.get("Calls", call).status == 200


def test_creates_account_with_given_sid_and_token(anonymous: ControlClient) -> None:
    """An account can be created with a given sid, in either dialect's form, and token; a second time is 409."""
    identifier = new_id(0)
    sid = {"twilio": f"AC{identifier}", "signalwire": SIGNALWIRE.format_sid(ResourceType.ACCOUNT, identifier)}
    answer = anonymous.post("/accounts", {"sid": sid["signalwire"], "token": "s3cret:with colon"})
    assert answer.status == 201
    assert answer.body == {"sid": sid, "token": "s3cret:with colon", "signing_key": answer.body["signing_key"]}
    for spelled in sid.values():
        again = anonymous.post("/accounts", {"sid": spelled, "token": "s3cret:with colon"})
        assert_error(again, 409, "sid", "the account already exists")


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"sid": "CA" + UNKNOWN}, "sid"),
        ({"sid": 1}, "sid"),
        ({"token": ""}, "token"),
        ({"token": "x" * 257}, "token"),
        ({"signing_key": "PSK_x"}, "signing_key"),
        ({"account": "AC" + UNKNOWN}, "account"),
    ],
)
def test_rejects_an_invalid_account(anonymous: ControlClient, content: dict[str, Any], field: str) -> None:
    """Invalid input is 400 and names the field."""
    assert_error(anonymous.post("/accounts", content), 400, field)


def test_waiting_does_not_advance_the_clock(control: ControlClient, api: HttpFunctionClient) -> None:
    """Right after a hang-up, media are not due yet: the wait ends at once, and the recording is not finished."""
    unfinished = {"twilio": "processing", "signalwire": "stopped"}
    call = control.post("/calls").body["sid"][api.dialect.name]
    recording = api.post("Calls", call, "Recordings").body["sid"]
    control.post("/clock", {"advance": 5})
    control.post(f"/calls/{call}/hangup")
    answer = control.post("/wait-until-idle", {"timeout": 60})
    assert (answer.status, answer.body) == (200, {"left": []})
    assert api.get("Recordings", recording).body["status"] == unfinished[api.dialect.name]
    control.post("/clock", {"advance": 1})
    assert control.post("/wait-until-idle", {"timeout": 60}).body == {"left": []}
    assert api.get("Recordings", recording).body["status"] == "completed"


@pytest.mark.parametrize(
    "path",
    [
        "/calls",
        f"/calls/CA{UNKNOWN}/hangup",
        "/conferences",
        f"/conferences/CF{UNKNOWN}/recordings",
        f"/conferences/CF{UNKNOWN}/end",
        "/clock",
        "/settle",
        "/wait-until-idle",
        "/reset",
    ],
)
def test_rejects_unknown_accounts(anonymous: ControlClient, path: str) -> None:
    """An unknown account is 404 on every route."""
    for account in (f"AC{UNKNOWN}", SIGNALWIRE.format_sid(ResourceType.ACCOUNT, UNKNOWN)):
        assert_error(anonymous.post(path, {"account": account}), 404, "account", "the account does not exist")


def test_resets(control: ControlClient, standin: StandIn, api: HttpFunctionClient) -> None:
    """A reset deletes all data of one account but not the account; other accounts are unaffected."""
    foreign = ControlClient(standin)
    kept = foreign.post("/calls").body["sid"]["twilio"]
    call = control.post("/calls").body["sid"][api.dialect.name]
    recording = api.post("Calls", call, "Recordings").body["sid"]
    conference = control.post("/conferences", {"friendly_name": "Sales", "record": True}).body
    answer = control.post("/reset")
    assert (answer.status, answer.text) == (204, "")
    assert "content-length" not in answer.headers
    for parts in (
        ("Calls", call),
        ("Calls", call, "Recordings", recording),
        ("Conferences", conference["sid"][api.dialect.name]),
        ("Calls", conference["calls"][0]["sid"][api.dialect.name]),
    ):
        assert api.get(*parts).status == 404
    assert not _items_of(api.account)
    assert control.post("/conferences", {"friendly_name": "Sales"}).status == 201
    own = HttpFunctionClient(TWILIO, standin.account, standin.token, standin=standin)
    assert own.get("Calls", kept).status == 200


def test_resets_the_default_account(anonymous: ControlClient) -> None:
    """Without an account, a reset deletes all data of the default account but its number."""
    anonymous.post("/conferences", {"participants": 10})
    call = anonymous.post("/calls").body["sid"]["twilio"]
    assert anonymous.post("/reset").status == 204
    assert_error(anonymous.post(f"/calls/{call}/hangup"), 404, "sid")
    (number,) = _items_of(anonymous.standin.account)
    assert number["number"] == {"S": "+12025550100"}


def test_unknown_path_is_404_and_wrong_method_405(anonymous: ControlClient) -> None:
    """An unknown path is 404; a known path with another method is 405."""
    for path in ("", "/", "/nothing", "/calls/", "/calls/x/y", "/calls/x/hangup/z", "/health/", "//calls"):
        assert_error(anonymous.post(path), 404, None, "no such path; see docs/reference/control-api.md")
    for path in ("/calls/x/hangup", "/conferences/x/end", "/keys", "/reset"):
        assert_error(anonymous.request("GET", f"/_standin{path}"), 405, None, "this path supports only POST")
    for path in ("/calls", "/conferences", "/accounts"):
        answer = anonymous.request("PUT", f"/_standin{path}")
        assert_error(answer, 405, None, "this path supports only GET and POST")
    assert_error(
        anonymous.request("GET", "/_standin/calls/"), 404, None, "no such path; see docs/reference/control-api.md"
    )
    for path in ("/health", "/calls/x", "/conferences/x"):
        assert_error(anonymous.post(path), 405, None, "this path supports only GET")
    assert anonymous.request("GET", "/_standin/health?x=1").status == 200
    assert anonymous.request("HEAD", "/_standin/calls").text == ""


def test_rejects_a_body_over_64_kb(control: ControlClient) -> None:
    """A body of more than 64 KB is 413."""
    assert_error(control.post("/calls", b" " * 65537), 413, None, "the body is too large")


def test_accepts_any_content_type(control: ControlClient) -> None:
    """A JSON body is accepted with any content type, also the one that `curl -d` sends."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert control.post("/calls", {"status": "busy"}, headers=headers).body["status"] == "busy"


@pytest.mark.parametrize("path", ["/calls", "/clock", "/faults", "/events", "/engines", "/keys"])
@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("application/x-www-form-urlencoded", b"advance=60&to=%2B12025550123"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="to"\r\n\r\n1\r\n--x--'),
        ("text/plain", b"sixty seconds"),
    ],
)
def test_a_form_is_no_json(anonymous: ControlClient, path: str, content_type: str, content: bytes) -> None:
    """A body that is no JSON is 400, and the answer says to send JSON, with an example."""
    answer = anonymous.post(path, content, headers={"Content-Type": content_type})
    assert (answer.status, answer.body) == (400, {"error": {"message": NO_JSON, "field": None}})


def _items_of(account: str) -> list[Any]:
    """All items of an account in the table."""
    import os

    from tapedeck.bootstrap.environment import current_environment

    database = current_environment().make_client("dynamodb")
    pages = database.get_paginator("scan").paginate(TableName=os.environ["RECORDINGS_TABLE"])
    return [item for page in pages for item in page["Items"] if item["PK"]["S"].startswith(account)]
