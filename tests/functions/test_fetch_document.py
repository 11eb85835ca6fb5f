"""fetch_document requests instructions from the application of a call, for the engine that has the call."""

import json
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from twilio.request_validator import RequestValidator

from tapedeck.bootstrap.environment import Environment, current_environment
from tapedeck.observability import CanonicalLog
from tests.client import make_event
from tests.functions.background_world import World
from tests.functions.engines import register_engine
from tests.webhook.servers import Received, answering, reply

TOKEN = "tdk_ast1_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
XML = {"Content-Type": "text/xml"}
Post = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def post(world: World, install_environment: Callable[[Environment], object]) -> Post:
    """Sends a request of the engine `ast1` for a call of it; returns the status and the answer without its duration."""
    environment = current_environment()
    settings = replace(
        environment.read_settings(),
        callback_allowed_hosts=frozenset({"127.0.0.1"}),
        public_url="https://api.example.com",
    )
    install_environment(
        replace(environment, read_settings=lambda: settings, make_log=lambda found: CanonicalLog(found.service))
    )
    register_engine(current_environment(), "ast1", TOKEN, frozenset({world.account.account}))
    call = world.stage.call("ringing", engine="ast1", direction="inbound")

    def send(token: str = TOKEN, **body: Any) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        content = {"account": world.account.account, "call": call.id, "dialect": "twilio", **body}
        event = make_event(
            "POST", "/engine/v2/documents", headers=headers, body=json.dumps(content).encode(), gateway="api-gateway"
        )
        answer = world.call("fetch_document", event)
        found = json.loads(answer["body"])
        if answer["statusCode"] == 200:
            assert found.pop("milliseconds") >= 0
        return answer["statusCode"], found

    return send


def test_an_application_gets_the_vendors_request(world: World, post: Post) -> None:
    """The request has the parameters of the call and the verb, and a signature that the vendor's SDK accepts."""
    with answering(lambda _: reply(200, b"<Response/>", headers={**XML, "Set-Cookie": "a=1"})) as server:
        url = f"{server.url}/voice"
        recording = "01972b5d2898700080000000000000e6"
        status, answer = post(url=url, parameters={"RecordingDuration": "9", "Digits": "#"}, recording=recording)
    cookies = answer.pop("cookies")
    assert (status, answer) == (
        200,
        {"attempts": 1, "url": url, "status": 200, "content_type": "text/xml", "body": "PFJlc3BvbnNlLz4="},
    )
    assert b64decode(answer["body"]) == b"<Response/>"
    assert json.loads(cookies)[0]["name"] == "a"
    (received,) = server.requests
    fields = dict(parse_qsl(received.body.decode()))
    account = f"AC{world.account.account}"
    assert {name: fields[name] for name in ("AccountSid", "CallStatus", "Direction", "From", "To", "Digits")} == {
        "AccountSid": account, "CallStatus": "ringing", "Direction": "inbound", "From": "+13103384645",
        "To": "+13105678901", "Digits": "#",
    }  # fmt: skip
    assert fields["RecordingUrl"] == f"https://api.example.com/2010-04-01/Accounts/{account}/Recordings/RE{recording}"
    signature = received.headers["X-Twilio-Signature"]
    assert RequestValidator(world.account.auth_token).validate(url, fields, signature)


def test_cookies_come_back_with_the_next_request(post: Post) -> None:
    """The engine repeats what it got; in SignalWire's dialect there are none."""
    with answering(lambda _: reply(200, b"<Response/>", headers={**XML, "Set-Cookie": "a=1"})) as server:
        _, first = post(url=server.url)
        post(url=server.url, cookies=first["cookies"])
        _, signalwire = post(url=server.url, cookies=first["cookies"], dialect="signalwire")
    assert [received.headers.get("Cookie") for received in server.requests] == [None, "a=1", None]
    assert signalwire["cookies"] == ""


def test_the_dialect_decides_parameters_and_signature(post: Post) -> None:
    """SignalWire's request has its own headers, and sids as UUIDs."""
    received: list[Received] = []

    def answer(request: Received) -> bytes:
        received.append(request)
        return reply(200, b"<Response/>", headers=XML)

    with answering(answer) as server:
        post(url=f"{server.url}/voice?x=1", method="GET", dialect="signalwire")
    (request,) = received
    fields = dict(parse_qsl(request.target.partition("?")[2]))
    assert fields["x"] == "1"
    assert len(fields["CallSid"]) == 36
    assert "Called" not in fields
    assert request.headers["User-Agent"] == "SignalWire"
    assert request.headers["X-SignalWire-Signature"] == request.headers["X-Twilio-Signature"]


@pytest.mark.parametrize(
    ("url", "code", "attempts"),
    [("http://10.0.0.1/", 11200, 1), ("ftp://app.example.com/", 11100, 1), ("http://127.0.0.1:1/", 11200, 2)],
)
def test_a_failure_has_the_vendors_code(post: Post, url: str, code: int, attempts: int) -> None:
    """Blocked addresses, other schemes and closed ports are answered with an error code."""
    assert post(url=url) == (200, {"attempts": attempts, "code": code, "cookies": ""})


def test_a_request_is_never_sent_unsigned(world: World, post: Post) -> None:
    """Without the signing key nothing is sent, and the engine is to try again."""
    world.kms.is_unavailable = True
    with answering(lambda _: reply(200)) as server:
        assert post(url=server.url) == (503, {"refused": "busy"})
    assert server.connections == 0


def test_other_engines_calls_are_refused(world: World, post: Post) -> None:
    """Unknown calls, calls of another engine, other accounts and wrong tokens have their codes; nothing is sent."""
    foreign = world.stage.call(engine="ast2")
    with answering(lambda _: reply(200)) as server:
        assert [
            post(token=TOKEN[:-1], url=server.url),
            post(call=foreign.id, url=server.url),
            post(account="0" * 32, url=server.url),
            post(call="0" * 32, url=server.url),
        ] == [
            (401, {"refused": "unauthorized"}),
            (403, {"refused": "not_yours"}),
            (403, {"refused": "not_yours"}),
            (404, {"refused": "unknown"}),
        ]
    assert server.connections == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [("call", "x"), ("dialect", "x"), ("method", "PUT"), ("url", "x" * 4_001), ("recording", "x"),
     ("parameters", {str(number): "" for number in range(33)}), ("cookies", "x" * 8_001)],
)  # fmt: skip
def test_unreadable_requests_name_the_field(post: Post, field: str, value: object) -> None:
    """A malformed id, an unknown word or too much of something is 422 with the field."""
    status, answer = post(**{"url": "http://127.0.0.1/", field: value})
    assert (status, answer["refused"], answer["field"]) == (422, "unreadable", field)


def test_neither_numbers_nor_urls_are_logged(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    """The line of a request has the ids of account, call and recording, and nothing of its parameters."""
    caplog.set_level("INFO")
    post(url="http://10.0.0.1/secret", parameters={"Digits": "4111"}, recording="0" * 32)
    (line,) = (vars(record) for record in caplog.records if record.getMessage() == "engine_request")
    assert (line["operation"], line["status"], line["recording"]) == ("fetch_document", 200, "0" * 32)
    assert len(line["call"]) == len(line["account"]) == 32
    written = str({name: value for name, value in line.items() if isinstance(value, str)})
    assert not [text for text in ("Digits", "secret", "+1310") if text in written]
