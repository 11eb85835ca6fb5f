"""Further media engines: registration, routing of commands, trespass, and unchanged botocore on their queues."""

import json
import re
from datetime import datetime
from typing import Any

import botocore.session
import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO
from tapedeck.domain.identity import new_id
from tapedeck.settings import STANDIN_ENGINE_TOKEN
from tests.client import DIALECTS
from tests.standin.conftest import serving
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn


def now_of(standin: StandIn) -> int:
    """The stand-in's time in milliseconds."""
    return round(datetime.fromisoformat(ControlClient(standin).post("/clock").body["now"]).timestamp() * 1000)


NO_NAME = "a lower-case letter, then up to 31 lower-case letters, digits or hyphens"
NO_ACCOUNTS = "must be a list of 1 to 100 account sids, or * for all accounts"
UNKNOWN = TWILIO.format_sid(ResourceType.ACCOUNT, "0" * 32)


class EngineClient:
    """A connector in the hands of a test: it drains a queue with botocore and sends requests with a token."""

    def __init__(self, standin: StandIn, name: str, token: str) -> None:
        self.standin = standin
        self.token = token
        self.boot = new_id(now_of(standin))
        self.seq = 0
        endpoint = f"http://127.0.0.1:{standin.port}/_standin/sqs"
        self.queue = f"{endpoint}/000000000000/engine-{name}"
        self.sqs: Any = botocore.session.get_session().create_client(
            "sqs", "us-east-1", endpoint_url=endpoint, aws_access_key_id="a", aws_secret_access_key="b"
        )

    def receive(self) -> list[dict[str, Any]]:
        """Receive and delete the commands that wait."""
        answer = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    def post(self, route: str, body: dict[str, Any]) -> Any:
        """Send a request of the engine protocol; return its JSON answer."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        content = json.dumps({"protocol": 2, "boot": self.boot, "sent_at": now_of(self.standin), **body}).encode()
        return ControlClient(self.standin).request("POST", f"/engine/v2/{route}", content, headers).body

    def report(self, **event: Any) -> dict[str, Any]:
        """Report one event; return its outcome without the id."""
        self.seq += 1
        now = now_of(self.standin)
        answer = self.post("events", {"events": [{"id": new_id(now), "seq": self.seq, "at": now, **event}]})
        (result,) = answer["results"]
        return {name: value for name, value in result.items() if name not in {"id", "detail"}}


def make_engine(standin: StandIn, name: str, **more: Any) -> EngineClient:
    """Register an engine."""
    answer = ControlClient(standin).post("/engines", {"name": name, **more})
    assert answer.status == 201, answer.body
    return EngineClient(standin, name, answer.body["token"])


def listed(standin: StandIn, name: str) -> dict[str, Any]:
    """The entry of an engine in the list."""
    (found,) = (each for each in ControlClient(standin).get("/engines").body["engines"] if each["name"] == name)
    return dict(found)


def test_engine_of_the_standin_is_listed(standin: StandIn) -> None:
    """The simulated engine works for all accounts, is alive, and leaves no command waiting."""
    shown = listed(standin, "standin")
    assert isinstance(shown.pop("seen_at"), int)
    assert shown == {"name": "standin", "accounts": "*", "presence": "alive", "commands_waiting": 0}


def test_an_external_engine_stays_alive_when_the_clock_is_advanced(aws: None) -> None:
    """Its presence and its queue follow real time: after a day it is alive, gets calls and finds old commands."""
    del aws  # only has to be there
    with serving("external") as standin:
        engine = EngineClient(standin, "standin", STANDIN_ENGINE_TOKEN)
        session = {"software": "test", "capabilities": {"place": True}, "capacity": {}, "live": [], "more": False}
        assert engine.post("sessions", session)["engine"] == "standin"
        client = HttpFunctionClient(DIALECTS["twilio"], standin.account, standin.token, standin=standin)
        form = {"From": "client:a", "To": "client:b"}
        for name in ("Before", "After"):
            assert client.post("Conferences", name, "Participants", form=form).status == 201
            ControlClient(standin).post("/clock", {"account": "*", "advance": 86_400})
            assert listed(standin, "standin")["presence"] == "alive"
        assert engine.receive()[0]["type"] == "participant.add"


def test_engine_is_registered_once(standin: StandIn, api: HttpFunctionClient) -> None:
    """The token is answered once; a second engine of the same name is refused."""
    name = f"once-{api.dialect.name}"
    sid = api.sid(ResourceType.ACCOUNT, api.account)
    answer = ControlClient(standin).post("/engines", {"name": name, "accounts": [sid]})
    assert (answer.status, list(answer.body)) == (201, ["name", "accounts", "token"])
    assert [each[api.dialect.name] for each in answer.body["accounts"]] == [sid]
    assert re.fullmatch(rf"tdk_{name}_[A-Za-z0-9_-]{{43}}", answer.body["token"])
    again = ControlClient(standin).post("/engines", {"name": name})
    assert (again.status, again.body["error"]["field"]) == (409, "name")
    shown = listed(standin, name)
    assert (shown["presence"], shown["seen_at"], shown["commands_waiting"]) == ("never seen", None, 0)


@pytest.mark.parametrize(
    ("content", "status", "field", "reason"),
    [
        ({}, 400, "name", "Field required"),
        ({"name": "Ast1"}, 400, "name", NO_NAME),
        ({"name": "a" * 33}, 400, "name", NO_NAME),
        ({"name": "ast1", "accounts": "all"}, 400, "accounts", NO_ACCOUNTS),
        ({"name": "ast1", "accounts": []}, 400, "accounts", NO_ACCOUNTS),
        ({"name": "ast1", "accounts": [UNKNOWN] * 101}, 400, "accounts", NO_ACCOUNTS),
        ({"name": "ast1", "accounts": {UNKNOWN: 1}}, 400, "accounts", NO_ACCOUNTS),
        ({"name": "ast1", "accounts": ["AC1"]}, 400, "accounts", "not the sid of an account in either format"),
        ({"name": "ast1", "accounts": [UNKNOWN]}, 404, "accounts", f"the account {UNKNOWN} does not exist"),
        ({"name": "ast1", "colour": "blue"}, 400, "colour", "Extra inputs are not permitted"),
    ],
)
def test_rejects_invalid_engines(
    standin: StandIn, content: dict[str, Any], status: int, field: str, reason: str
) -> None:
    """An invalid name or account is refused, with the field of the request and the reason."""
    answer = ControlClient(standin).post("/engines", content)
    assert (answer.status, answer.body) == (status, {"error": {"message": f"{field}: {reason}", "field": field}})


def test_call_of_an_unknown_engine(control: ControlClient) -> None:
    """A call cannot belong to an engine that is not registered."""
    answer = control.post("/calls", {"engine": "nowhere"})
    assert (answer.status, answer.body["error"]["field"]) == (404, "engine")


def test_commands_go_to_the_engine_of_the_call(
    standin: StandIn, control: ControlClient, api: HttpFunctionClient
) -> None:
    """The commands of a call wait in the queue of its engine, and no other engine receives them."""
    name = f"routed-{api.dialect.name}"
    engine = make_engine(standin, name)
    call = control.post("/calls", {"engine": name}).body["sid"][api.dialect.name]
    own = control.post("/calls").body["sid"][api.dialect.name]
    recording = api.post("Calls", call, "Recordings").body["sid"]
    api.post("Calls", call, "Recordings", recording, form={"Status": "paused"})
    api.post("Calls", own, "Recordings")
    assert listed(standin, name)["commands_waiting"] == 2
    commands = engine.receive()
    assert sorted((each["type"], each["version"], each["wanted"]["status"]) for each in commands) == [
        ("recording.pause", 2, "paused"),
        ("recording.start", 1, "in-progress"),
    ]
    assert listed(standin, name)["commands_waiting"] == 0
    assert engine.receive() == []


@pytest.mark.parametrize("status", ["queued", "ringing", "in-progress"])
def test_a_call_has_its_engine_in_every_status(
    standin: StandIn, control: ControlClient, api: HttpFunctionClient, status: str
) -> None:
    """The command to end a call goes to its engine, whose report is taken, also if the call is queued."""
    name = f"{status}-{api.dialect.name}"
    engine = make_engine(standin, name)
    call = control.post("/calls", {"engine": name, "status": status}).body["sid"][api.dialect.name]
    assert api.post("Calls", call, form={"Status": "completed"}).body["status"] == "completed"
    identifier = api.dialect.parse_sid(ResourceType.CALL, call)
    assert [(each["type"], each["call"]) for each in engine.receive()] == [("call.hang_up", identifier)]
    assert listed(standin, "standin")["commands_waiting"] == 0
    own = control.post("/calls", {"status": status}).body["sid"][api.dialect.name]
    ended = {"type": "call.ended", "account": api.account, "call": api.dialect.parse_sid(ResourceType.CALL, own)}
    assert engine.report(**ended) == {"outcome": "refused", "code": "not_yours"}


def test_engine_cannot_report_for_another_one(
    standin: StandIn, control: ControlClient, api: HttpFunctionClient
) -> None:
    """An event about a call of another engine is refused and changes nothing; one about the own call is taken."""
    name = f"foreign-{api.dialect.name}"
    engine = make_engine(standin, name)
    calls = [control.post("/calls", body).body["sid"][api.dialect.name] for body in ({}, {"engine": name})]
    outcomes = [
        engine.report(type="call.ended", account=api.account, call=api.dialect.parse_sid(ResourceType.CALL, call))
        for call in calls
    ]
    assert outcomes == [{"outcome": "refused", "code": "not_yours"}, {"outcome": "taken"}]
    assert [api.get("Calls", call).body["status"] for call in calls] == ["in-progress", "completed"]


def test_engine_works_for_its_accounts_only(standin: StandIn, api: HttpFunctionClient) -> None:
    """An event of an account that the engine does not work for is refused, and so is a call for the engine."""
    other = ControlClient(standin).post("/accounts").body["sid"]["twilio"]
    engine = make_engine(standin, f"limited-{api.dialect.name}", accounts=[other])
    call = new_id(now_of(standin))
    event = {"type": "call.answered", "account": api.account, "call": call, "to": "+12025550111", "from": ""}
    assert engine.report(**event) == {"outcome": "refused", "code": "not_yours"}
    body = {"account": api.sid(ResourceType.ACCOUNT, api.account), "engine": f"limited-{api.dialect.name}"}
    answer = ControlClient(standin).post("/calls", body)
    assert (answer.status, answer.body["error"]["field"]) == (400, "engine")
    assert api.get("Calls").body["calls"] == []
    assert ControlClient(standin).post("/calls", {**body, "account": other}).status == 201


def test_name_of_a_conference_is_taken(standin: StandIn, control: ControlClient, api: HttpFunctionClient) -> None:
    """A second engine cannot open a conference whose name is in use."""
    control.post("/conferences", {"friendly_name": "Sales"})
    engine = make_engine(standin, f"second-{api.dialect.name}")
    event = {
        "type": "conference.started",
        "account": api.account,
        "conference": new_id(now_of(standin)),
        "name": "Sales",
    }
    assert engine.report(**event) == {"outcome": "refused", "code": "name_taken"}
