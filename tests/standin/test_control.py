"""The control API: each call, what it makes happen, and what it refuses."""

import re
from typing import Any

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain.identity import new_id
from tapedeck.domain.subscription import CallbackSubscription
from tests.client import Answer
from tests.conftest import TestAccount
from tests.standin.http_client import ControlClient, HttpFunctionClient, Place, ids_in, without_ids

CALL: dict[str, Any] = {"sid": "CA", "status": "in-progress", "recordings": []}
UNKNOWN = "01" * 16


def refused(answer: Answer, status: int, field: str | None, message: str | None = None) -> None:
    """The whole of a refusal; one of bad input names the field, or says that there is none to be named."""
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert list(answer.body) == ["error"]
    assert list(answer.body["error"]) == ["message", "field"]
    assert answer.body["error"]["field"] == field
    assert isinstance(answer.body["error"]["message"], str)
    if message is not None:
        assert answer.body["error"]["message"] == message
    elif status == 400:
        told = answer.body["error"]["message"]
        assert told.startswith(f"{field}: ") if field is not None else told == "the body is no JSON object"


def made(answer: Answer, status: int, body: Any) -> list[str]:
    """The whole of an answer but its ids, which are returned in the order in which they are told."""
    assert (answer.status, without_ids(answer.body)) == (status, body)
    return list(ids_in(answer.body))


def test_health(anonymous: ControlClient) -> None:
    """The stand-in says that it is well."""
    answer = anonymous.request("GET", "/_standin/health")
    assert (answer.status, answer.body) == (200, {"status": "ok"})


def test_makes_a_call(control: ControlClient, api: HttpFunctionClient) -> None:
    """A call appears that is in progress, and is there for both dialects at once."""
    (call,) = made(control.post("/calls"), 201, CALL)
    shown = api.get("Calls", api.sid_of_call(call))
    told = {name: shown.body[name] for name in ("status", "to", "from", "direction", "end_time")}
    assert told == {
        "status": "in-progress",
        "to": "+12025550123",
        "from": "+12025550199",
        "direction": "inbound",
        "end_time": None,
    }


@pytest.mark.parametrize(
    "status", ["queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"]
)
def test_makes_a_call_of_any_status(control: ControlClient, api: HttpFunctionClient, status: str) -> None:
    """A call may appear with each of the eight statuses; a final one has ended."""
    content = {"to": "sip:a@example.com", "from": "client:bob", "direction": "outbound-dial", "status": status}
    (call,) = made(control.post("/calls", content), 201, {**CALL, "status": status})
    shown = api.get("Calls", api.sid_of_call(call)).body
    told = {name: shown[name] for name in ("status", "to", "from", "direction")}
    # SignalWire has one word for both.
    assert told == {**content, "direction": "outbound-dial" if api.dialect is TWILIO else "outbound"}
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
def test_refuses_a_bad_call(control: ControlClient, content: Any, field: str | None) -> None:
    """Whatever cannot be used is refused with 400, and named."""
    refused(control.post("/calls", content), 400, field)


def test_hangs_up(control: ControlClient, api: HttpFunctionClient) -> None:
    """A call ends and its recordings stop; its sid may come in either spelling; it ends once."""
    (call,) = made(control.post("/calls"), 201, CALL)
    api.post("Calls", api.sid_of_call(call), "Recordings")
    stopped = {"sid": "RE", "status": "stopped"}
    spelled = api.sid_of_call(call)
    made(control.post(f"/calls/{spelled}/hangup"), 200, {**CALL, "status": "completed", "recordings": [stopped]})
    assert api.get("Calls", spelled).body["status"] == "completed"
    refused(control.post(f"/calls/{spelled}/hangup"), 409, "sid", "its state does not allow this")


def test_shows_all_recordings_of_a_call(control: ControlClient, api: HttpFunctionClient) -> None:
    """A call that ends is told with the recordings that were stopped before as well, oldest first."""
    (call,) = made(control.post("/calls"), 201, CALL)
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
def test_refuses_sids(control: ControlClient, place: Place, path: str) -> None:
    """A malformed sid or one of another kind is 400 with the kind; an unknown or another account's is 404."""
    kind, word = (ResourceType.CALL, "call") if "calls" in path else (ResourceType.CONFERENCE, "conference")
    for sid in ("", "RE" + UNKNOWN, UNKNOWN, "x"):
        refused(control.post(path.format(sid)), 400, "sid", f"sid: not the sid of a {word}, in neither spelling")
    kind_of_path = "/calls" if kind is ResourceType.CALL else "/conferences"
    foreign = ControlClient(place).post(kind_of_path).body["sid"]
    for sid in (TWILIO.format_sid(kind, UNKNOWN), SIGNALWIRE.format_sid(kind, UNKNOWN), *foreign.values()):
        refused(control.post(path.format(sid)), 404, "sid", "there is none of this sid in this account")
    refused(control.post(path.format(foreign["twilio"]), {"force": True}), 400, "force")


def test_makes_a_conference(control: ControlClient, api: HttpFunctionClient) -> None:
    """By default two calls are in a conference with a name of its own, which is in progress and not recorded."""
    answer = control.post("/conferences")
    name = answer.body["friendly_name"]
    assert re.fullmatch(r"conference-[0-9a-f]{12}", name)
    body = {"sid": "CF", "friendly_name": name, "status": "in-progress", "calls": [CALL, CALL], "recordings": []}
    conference, first, _second = made(answer, 201, body)
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
def test_makes_conferences_of_any_status(
    control: ControlClient, content: dict[str, Any], status: str, calls: int, recordings: list[str]
) -> None:
    """A conference may wait, run or have ended; it is recorded from when it runs."""
    body = {
        "sid": "CF",
        "friendly_name": "Sales",
        "status": status,
        "calls": [CALL] * calls,
        "recordings": [{"sid": "RE", "status": each} for each in recordings],
    }
    made(control.post("/conferences", {"friendly_name": "Sales", **content}), 201, body)


@pytest.mark.parametrize("name", [f"CF{UNKNOWN}0", UNKNOWN, SIGNALWIRE.format_sid(ResourceType.CONFERENCE, UNKNOWN)])
def test_takes_names_that_are_no_sids(control: ControlClient, account: TestAccount, place: Place, name: str) -> None:
    """A name is taken unless Twilio's dialect would read it as a sid; by it the conference is found."""
    sid = control.post("/conferences", {"friendly_name": name}).body["sid"]["twilio"]
    twilio = HttpFunctionClient(TWILIO, account.id, account.token, place=place)
    assert twilio.post("Conferences", name, form={"Status": "completed"}).body["sid"] == sid


def test_fills_a_conference(control: ControlClient) -> None:
    """A conference has as many calls as it was told to, each its own."""
    body = control.post("/conferences", {"participants": 10}).body
    assert len(set(ids_in(body["calls"]))) == 10


@pytest.mark.parametrize("spelling", ["twilio", "signalwire"])
def test_keeps_the_callback_of_a_conference(place: Place, account: TestAccount, spelling: str) -> None:
    """The callback is kept with its method, its events, and the dialect in which the account was spelled."""
    from tapedeck.bootstrap import http as api_bootstrap

    dialect = TWILIO if spelling == "twilio" else SIGNALWIRE
    control = ControlClient(place, dialect.format_sid(ResourceType.ACCOUNT, account.id))
    url = "https://user:pass@example.com/hook?a=1#rc=2"

    def kept(**content: Any) -> CallbackSubscription | None:
        body = control.post("/conferences", {"participants": 0, **content}).body
        identifier = body["sid"]["signalwire"].replace("-", "")
        return api_bootstrap.get_api_services().conferences.get(account.id, identifier).callback

    assert kept() is None
    assert kept(status_callback=url) == CallbackSubscription(url, "POST", ("start", "end"), spelling)
    events = {"status_callback": url, "status_callback_method": "GET", "status_callback_event": "join leave"}
    assert kept(**events) == CallbackSubscription(url, "GET", ("join", "leave"), spelling)
    assert kept(**{**events, "status_callback_event": ["end"]}) == CallbackSubscription(url, "GET", ("end",), spelling)


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
def test_refuses_a_bad_conference(control: ControlClient, content: dict[str, Any], field: str) -> None:
    """Whatever cannot be used is refused with 400, and named; nothing appears."""
    refused(control.post("/conferences", {"friendly_name": "Sales", **content}), 400, field)
    assert control.post("/conferences", {"friendly_name": "Sales"}).status == 201


def test_knows_the_events_of_each_dialect(place: Place, account: TestAccount) -> None:
    """An event that only Twilio tells of is refused where the account is spelled as SignalWire does."""
    order = {"status_callback": "https://example.com/", "status_callback_event": ["announcement"]}
    assert (
        ControlClient(place, TWILIO.format_sid(ResourceType.ACCOUNT, account.id)).post("/conferences", order).status
        == 201
    )
    signalwire = ControlClient(place, SIGNALWIRE.format_sid(ResourceType.ACCOUNT, account.id))
    refused(
        signalwire.post("/conferences", order), 400, "status_callback_event",
        "status_callback_event: may hold start end join leave mute hold speaker",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("/conferences", {"participants": "2"}, "participants: Input should be a valid integer"),
        ("/conferences", {"colour": "blue"}, "colour: Extra inputs are not permitted"),
        (
            "/conferences",
            {"status": "in-progress", "participants": 1},
            "status: a conference begins with its second participant",
        ),
        ("/calls", {"account": "CA" + UNKNOWN}, "account: not the sid of an account, in neither spelling"),
        ("/calls", b"{", "the body is no JSON object"),
        ("/calls", b'["to"]', "the body is no JSON object"),
        (
            f"/recordings/CA{UNKNOWN}/transcriptions",
            {},
            "sid: not the sid of a recording, in neither spelling",
        ),
    ],
)
def test_names_the_field(anonymous: ControlClient, path: str, content: Any, message: str) -> None:
    """What is wrong with which field is told in the message as well, for whoever reads only that."""
    answer = anonymous.post(path, content)
    field = message.partition(":")[0] if ":" in message else None
    refused(answer, 400, field, message)


def test_refuses_a_live_name(control: ControlClient) -> None:
    """One live conference to a name; an ended one frees it."""
    first = control.post("/conferences", {"friendly_name": "Sales"}).body["sid"]["twilio"]
    refused(
        control.post("/conferences", {"friendly_name": "Sales"}), 409, "friendly_name",
        "another conference of this name is live",
    )  # fmt: skip
    control.post(f"/conferences/{first}/end")
    assert control.post("/conferences", {"friendly_name": "Sales"}).status == 201


def test_records_a_conference(control: ControlClient, api: HttpFunctionClient) -> None:
    """A recording starts that shows the conference as its source; one that has not begun cannot be recorded."""
    conference = control.post("/conferences").body["sid"][api.dialect.name]
    (recording,) = made(
        control.post(f"/conferences/{conference}/recordings"), 201, {"sid": "RE", "status": "in-progress"}
    )
    shown = api.get("Conferences", conference, "Recordings", api.sid(ResourceType.RECORDING, recording))
    assert shown.status == 200
    assert shown.body["source"] == ("Conference" if api.dialect is TWILIO else shown.body["source"])
    for participants in (0, 1):
        waiting = control.post("/conferences", {"participants": participants}).body["sid"][api.dialect.name]
        refused(control.post(f"/conferences/{waiting}/recordings"), 409, "sid", "its state does not allow this")


def test_ends_a_conference(control: ControlClient, api: HttpFunctionClient) -> None:
    """A conference ends, its recordings stop; it ends once, and is recorded no more."""
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
    made(ended, 200, body)
    assert list(ids_in(ended.body)) == list(ids_in(begun.body))
    assert api.get("Conferences", conference).body["status"] == "completed"
    refused(control.post(f"/conferences/{conference}/end"), 409, "sid")
    refused(control.post(f"/conferences/{conference}/recordings"), 409, "sid")


def test_a_conference_ends_with_its_last_call(control: ControlClient, api: HttpFunctionClient) -> None:
    """Hanging up all calls of a conference ends it, and its recording."""
    conference = control.post("/conferences", {"record": True}).body
    for call in conference["calls"]:
        assert control.post(f"/calls/{call['sid']['signalwire']}/hangup").status == 200
    assert api.get("Conferences", conference["sid"][api.dialect.name]).body["status"] == "completed"


def test_makes_accounts(anonymous: ControlClient, place: Place) -> None:
    """A further account has an id, a token and a signing key of its own, and opens with them."""
    answer = anonymous.post("/accounts")
    assert answer.status == 201
    assert list(answer.body) == ["sid", "token", "signing_key"]
    assert re.fullmatch(r"[0-9a-f]{32}", answer.body["token"])
    assert re.fullmatch(r"PSK_[0-9a-f]{32}", answer.body["signing_key"])
    (identifier,) = ids_in({"sid": answer.body["sid"]})
    api = HttpFunctionClient(TWILIO, identifier, answer.body["token"], place=place)
    call = ControlClient(place, answer.body["sid"]["signalwire"]).post("/calls").body["sid"]["twilio"]
    assert api.get("Calls", call).status == 200


def test_makes_an_account_as_told(anonymous: ControlClient) -> None:
    """An account may be given its sid, in either spelling, and its token; it is made once."""
    identifier = new_id(0)
    sid = {"twilio": f"AC{identifier}", "signalwire": SIGNALWIRE.format_sid(ResourceType.ACCOUNT, identifier)}
    answer = anonymous.post("/accounts", {"sid": sid["signalwire"], "token": "s3cret:with colon"})
    assert answer.status == 201
    assert answer.body == {"sid": sid, "token": "s3cret:with colon", "signing_key": answer.body["signing_key"]}
    for spelled in sid.values():
        again = anonymous.post("/accounts", {"sid": spelled, "token": "s3cret:with colon"})
        refused(again, 409, "sid", "there is such an account already")


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
def test_refuses_a_bad_account(anonymous: ControlClient, content: dict[str, Any], field: str) -> None:
    """Whatever cannot be used is refused with 400, and named."""
    refused(anonymous.post("/accounts", content), 400, field)


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
        "/reset",
    ],
)
def test_refuses_unknown_accounts(anonymous: ControlClient, path: str) -> None:
    """An account that there is not is 404 everywhere."""
    for account in (f"AC{UNKNOWN}", SIGNALWIRE.format_sid(ResourceType.ACCOUNT, UNKNOWN)):
        refused(anonymous.post(path, {"account": account}), 404, "account", "there is no such account")


def test_resets(control: ControlClient, place: Place, api: HttpFunctionClient) -> None:
    """Everything of the account is gone but the account itself, which begins anew; another account keeps all."""
    foreign = ControlClient(place)
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
    own = HttpFunctionClient(TWILIO, place.account, place.token, place=place)
    assert own.get("Calls", kept).status == 200


def test_resets_the_own_account(anonymous: ControlClient) -> None:
    """Without a name it is the stand-in's own account that is cleared, however much there is in it."""
    anonymous.post("/conferences", {"participants": 10})
    call = anonymous.post("/calls").body["sid"]["twilio"]
    assert anonymous.post("/reset").status == 204
    refused(anonymous.post(f"/calls/{call}/hangup"), 404, "sid")
    assert not _items_of(anonymous.place.account)


def test_knows_its_paths(anonymous: ControlClient) -> None:
    """A path that there is not is 404; a known one with another method 405."""
    for path in ("", "/", "/nothing", "/calls/", "/calls/x", "/calls/x/y", "/calls/x/hangup/z", "/health/", "//calls"):
        refused(anonymous.post(path), 404, None, "there is no such path")
    for path in ("/calls", "/calls/x/hangup", "/conferences", "/conferences/x/end", "/accounts", "/reset"):
        refused(anonymous.request("GET", f"/_standin{path}"), 405, None, "this path knows only POST")
    refused(anonymous.post("/health"), 405, None, "this path knows only GET")
    assert anonymous.request("GET", "/_standin/health?x=1").status == 200
    assert anonymous.request("HEAD", "/_standin/calls").text == ""


def test_refuses_a_body_that_is_too_large(control: ControlClient) -> None:
    """A body of more than 64 KB is 413."""
    refused(control.post("/calls", b" " * 65537), 413, None, "the body is too large")


def test_reads_any_content_type(control: ControlClient) -> None:
    """What curl's `-d` sends is read as JSON all the same."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert control.post("/calls", {"status": "busy"}, headers=headers).body["status"] == "busy"


def _items_of(account: str) -> list[Any]:
    """Whatever the table still holds of an account."""
    import os

    from tapedeck_standin.aws.backend import make_full_client

    pages = make_full_client("dynamodb").get_paginator("scan").paginate(TableName=os.environ["RECORDINGS_TABLE"])
    return [item for page in pages for item in page["Items"] if item["PK"]["S"].startswith(account)]
