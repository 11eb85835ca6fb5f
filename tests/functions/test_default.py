"""Tests of `$default`: an unknown path gets 404, a known path with another method 405, in the right dialect."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.client import BadStatusLine
from typing import Any

import pytest

from tapedeck.bootstrap.environment import Environment, current_environment
from tapedeck.dialects.dialect import ResourceType
from tapedeck.ports.forwarding import ForwardedResponse
from tapedeck_standin.aws.function_loader import load_handler
from tests.client import DIALECTS, ROOT, FunctionClient, make_event
from tests.functions import expected
from tests.functions.literal import Api
from tests.functions.stage import Wire, assert_refused

TWILIO, SIGNALWIRE = "/2010-04-01", "/api/laml/2010-04-01"
AC, UUID = "AC720796a08ee9435083bd2d07a3121f1e", "720796a0-8ee9-4350-83bd-2d07a3121f1e"
CA, CALL = "CA43bb71ee553f4074bb208e2747647cce", "43bb71ee-553f-4074-bb20-8e2747647cce"


def test_an_unknown_path_is_not_found(api: Api) -> None:
    """A path that matches no route answers 404 with this path."""
    answer = api.request(
        "GET",
        "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Queues.json",
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 20404,
        "message": (
            "The requested resource /2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Queues.json was not found"
        ),
        "more_info": "https://www.twilio.com/docs/errors/20404",
        "status": 404,
    }


def test_a_method_that_a_path_lacks_is_not_allowed(api: Api) -> None:
    """A known path with a method that it does not have answers 405, here in SignalWire's dialect."""
    answer = api.request(
        "DELETE",
        "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c/Calls",
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 405
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 20004,
        "message": "Method not allowed",
        "more_info": "https://signalwire.com/docs/compatibility-api/reference/errors",
        "status": 405,
    }


@pytest.mark.parametrize(("method", "path"), [("POST", "Calls.json"), ("DELETE", f"Calls/{CA}.json")])
def test_calls_are_not_created_or_deleted_without_their_functions(method: str, path: str) -> None:
    """In a deployment without the parameter `Telephony` these requests have no route and answer 405 (C-29)."""
    headers = {"Host": "localhost", "Authorization": "Basic YTpi"}
    event = make_event(method, f"{TWILIO}/Accounts/{AC}/{path}", headers=headers, body=b"", gateway="api-gateway")
    reply = load_handler(ROOT, "default")(event, None)
    assert (reply["statusCode"], json.loads(reply["body"])["code"]) == (405, 20004)


OUTSIDE = [
    # path, dialect
    ("/", "twilio"),
    ("/favicon.ico", "twilio"),
    ("/2010-04-01", "twilio"),
    ("/2010-04-01/", "twilio"),
    ("/2010-04-01/Account", "twilio"),
    ("/2010-04-01/Account.json", "twilio"),
    ("/2010-04-01/Accounts/", "twilio"),
    (f"/2010-04-02/Accounts/{AC}/Calls/{CA}.json", "twilio"),
    ("/api/laml", "signalwire"),
    ("/api/laml/", "signalwire"),
    ("/api/laml/2010-04-01", "signalwire"),
    ("/api/laml/2010-04-01/Account", "signalwire"),
    ("/api/laml/other", "signalwire"),
    ("/api/fabric", "twilio"),
    (f"{TWILIO}/accounts/{AC}/Calls/{CA}.json", "twilio"),
]
"""Unknown paths that are not below an account."""

UNKNOWN = [
    # path, dialect
    (f"{TWILIO}/Accounts/{AC}/Tokens", "twilio"),
    (f"{TWILIO}/Accounts/{AC}/Tokens.json", "twilio"),
    (f"{SIGNALWIRE}/Accounts/{AC}/Tokens.json", "twilio"),
    (f"{SIGNALWIRE}/Accounts/{UUID}/Tokens", "signalwire"),
    (f"{TWILIO}/Accounts/{UUID}/Tokens", "signalwire"),
    (f"{TWILIO}/Accounts/{UUID}/Tokens.json", "signalwire"),
    (f"{TWILIO}/Accounts/{AC}/Messages.json", "twilio"),
    (f"{SIGNALWIRE}/Accounts/{AC}/Messages", "twilio"),
    (f"{TWILIO}/Accounts/{UUID}/Messages", "signalwire"),
    (f"{SIGNALWIRE}/Accounts/{UUID.upper()}/Messages.json", "signalwire"),
    (f"{TWILIO}/Accounts/me/Messages.json", "twilio"),
    (f"{SIGNALWIRE}/Accounts/me/Messages.json", "signalwire"),
    (f"{TWILIO}/Accounts/{AC}/Calls/{CA}/Nothing.json", "twilio"),
    (f"{TWILIO}/Accounts/{AC}/Calls/{CA}/Recordings/x/y.json", "twilio"),
    (f"{SIGNALWIRE}/Accounts/{UUID}/Calls/{CALL}/Recordings/", "signalwire"),
    (f"{TWILIO}/Accounts/{AC}/calls/{CA}.json", "twilio"),
    (f"{TWILIO}/Accounts/{AC}/Messages/{{uri}}.json", "twilio"),
    (f"{SIGNALWIRE}/Accounts/{UUID}/Café", "signalwire"),
]
"""Unknown paths below an account."""


@pytest.mark.parametrize(("path", "dialect_of_path"), OUTSIDE)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_answers_paths_outside_accounts(
    make_twilio: Callable[[], FunctionClient], wire: Wire, path: str, dialect_of_path: str, method: str
) -> None:
    """A path that is not below an account gets 404, without credentials, in the dialect of its prefix."""
    client = make_twilio()
    answer = client.request(method, path, authorization=None)
    client.dialect = DIALECTS[dialect_of_path]
    assert_refused(client, answer, "not found", uri=path)
    assert wire.all == []


@pytest.mark.parametrize(("path", "dialect_of_path"), UNKNOWN)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_answers_unknown_paths(
    make_twilio: Callable[[], FunctionClient], wire: Wire, path: str, dialect_of_path: str, method: str
) -> None:
    """An unknown path gets 404 for any credentials, in the dialect of its AccountSid, else of its prefix."""
    client = make_twilio()
    client.user, client.secret = "unknown", "wrong"
    answer = client.request(method, path)
    client.dialect = DIALECTS[dialect_of_path]
    assert_refused(client, answer, "not found", uri=path)
    assert wire.all == []


@pytest.mark.parametrize(("path", "dialect_of_path"), UNKNOWN)
def test_unknown_paths_below_an_account_require_credentials(
    make_twilio: Callable[[], FunctionClient], wire: Wire, path: str, dialect_of_path: str
) -> None:
    """An unknown path below an account gets 401 without credentials, and if they cannot be read."""
    for authorization, condition in UNUSABLE.items():
        client = make_twilio()
        answer = client.request("POST", path, authorization=authorization)
        client.dialect = DIALECTS[dialect_of_path]
        assert_refused(client, answer, condition)
    assert wire.all == []


UNUSABLE = {
    None: "no credentials",
    "Bearer QUM6eA==": "bad credentials",
    "Basic !!!!": "bad credentials",
    "Basic QUM=": "bad credentials",  # a user without a secret
}
"""`Authorization` headers without usable credentials, and the condition that they meet."""

KNOWN = [
    "Calls/{call}",
    "Calls/{call}/Recordings",
    "Calls/{call}/Recordings/{recording}",
    "Conferences/{conference}",
    "Conferences/{conference}/Recordings/{recording}",
    "Conferences/nonsense/Recordings/Twilio.CURRENT",
]


@pytest.mark.parametrize("shape", KNOWN)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "HEAD", "OPTIONS"])
def test_rejects_other_methods(client: FunctionClient, wire: Wire, shape: str, method: str) -> None:
    """A known path with another method gets 405 for any credentials, below both prefixes, with and without `.json`.

    Without usable credentials it gets 401.
    """
    ids = {
        "call": client.sid(ResourceType.CALL, "0" * 32),
        "conference": client.sid(ResourceType.CONFERENCE, "0" * 32),
        "recording": client.sid(ResourceType.RECORDING, "0" * 32),
    }
    client.secret = "wrong"
    for root in (TWILIO, SIGNALWIRE):
        for suffix in ("", ".json"):
            client.root, client.suffix = root, suffix
            path = client.path(shape.format(**ids))
            assert_refused(client, client.request(method, path), "method")
            for authorization, condition in UNUSABLE.items():
                assert_refused(client, client.request(method, path, authorization=authorization), condition)
    assert wire.all == []


def test_rejects_the_deletion_of_a_conference(client: FunctionClient) -> None:
    """A conference cannot be deleted in either dialect: 405."""
    path = client.path("Conferences", client.sid(ResourceType.CONFERENCE, "0" * 32))
    assert_refused(client, client.request("DELETE", path), "method")


@pytest.mark.parametrize("malformed", ["me", "ac" + "0" * 32, "0" * 32, "AC" + "0" * 31])
def test_malformed_accounts_get_the_dialect_of_the_prefix(
    make_twilio: Callable[[], FunctionClient], malformed: str
) -> None:
    """If AccountSid has neither dialect's format, the prefix selects the dialect, for 405 as well."""
    client = make_twilio()
    for root, name in ((TWILIO, "twilio"), (SIGNALWIRE, "signalwire")):
        answer = client.request("PUT", f"{root}/Accounts/{malformed}/Calls/{CA}")
        assert_refused(replace(client, dialect=DIALECTS[name]), answer, "method")


# --- Doubled slashes ---

DOMAIN = "abcdefghij.execute-api.us-east-1.amazonaws.com"


@dataclass
class FakeForwarder:
    """Records the requests that `default` forwards, and answers each with `response`."""

    response: ForwardedResponse | Exception
    requests: list[tuple[str, str, str, dict[str, str], bytes]] = field(default_factory=list)

    def __call__(
        self, domain: str, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> ForwardedResponse:
        """Record a request."""
        self.requests.append((domain, method, target, dict(headers), body))
        if isinstance(self.response, Exception):
            raise self.response
        return self.response


@pytest.fixture
def forwarder(log: io.StringIO, install_environment: Callable[[Environment], object]) -> FakeForwarder:
    """The forwarder of the functions: it answers 200 with a JSON object."""
    del log  # its environment must be installed first
    headers = {
        "content-type": "application/json; charset=utf-8", "x-request-id": "0" * 32, "etag": '"x"', "date": "today",
        "connection": "keep-alive", "content-length": "2",
    }  # fmt: skip
    made = FakeForwarder(ForwardedResponse(200, headers, b"{}"))
    install_environment(replace(current_environment(), forwarder=made))
    return made


def send(
    method: str,
    path: str,
    *,
    domain: str = DOMAIN,
    query: str = "",
    body: bytes = b"",
    authorization: str = "Basic eDp5",
) -> dict[str, Any]:
    """Invoke `default` with an event of a path that matches no route."""
    headers = {
        "Host": DOMAIN, "Authorization": authorization, "Range": "bytes=0-1", "X-Forwarded-For": "192.0.2.17",
        **({"Content-Type": "application/x-www-form-urlencoded"} if body else {}),
    }  # fmt: skip
    event = make_event(method, path, query=query, headers=headers, body=body, gateway="api-gateway")
    event["requestContext"]["domainName"] = domain
    return load_handler(ROOT, "default")(event, None)


def test_a_path_with_doubled_slashes_is_forwarded(forwarder: FakeForwarder, wire: Wire) -> None:
    """A request that has a route with single slashes is forwarded there once, with the headers that count (C-136)."""
    answer = send(
        "POST", f"/{TWILIO}//Accounts/{AC}/Conferences/Caf%C3%A9%20%3F//Participants.json", query="a=%20b&c=d",
        body=b"From=client%3Aa&To=client%3Ab",
    )  # fmt: skip

    assert forwarder.requests == [
        (
            DOMAIN,
            "POST",
            f"{TWILIO}/Accounts/{AC}/Conferences/Caf%C3%A9%20%3F/Participants.json?a=%20b&c=d",
            {
                "authorization": "Basic eDp5",
                "content-type": "application/x-www-form-urlencoded",
                "range": "bytes=0-1",
            },
            b"From=client%3Aa&To=client%3Ab",
        )
    ]
    assert answer == {
        "statusCode": 200,
        "headers": {"X-Request-Id": "0" * 32, "Content-Type": "application/json; charset=utf-8", "ETag": '"x"'},
        "body": "e30=",
        "isBase64Encoded": True,
    }
    assert wire.all == []


def test_the_length_of_a_response_to_head_is_kept(forwarder: FakeForwarder) -> None:
    """HEAD has the length that the function states, and no body."""
    forwarder.response = ForwardedResponse(200, {"x-request-id": "0" * 32, "content-length": "944044"}, b"")
    answer = send("HEAD", f"{TWILIO}//Accounts/{AC}/Recordings/RE{AC[2:]}.wav")
    assert (answer["headers"]["Content-Length"], answer["body"]) == ("944044", "")


@pytest.mark.parametrize(
    ("method", "path", "condition"),
    [
        ("GET", f"{TWILIO}//Accounts/{AC}/Messages.json", "not found"),
        ("PUT", f"{TWILIO}//Accounts/{AC}/Calls.json", "method"),
        ("GET", f"{TWILIO}/Accounts/{AC}//Calls/{CA}/", "not found"),
        ("GET", f"//{TWILIO}/Account", "not found"),
    ],
)
def test_a_path_without_a_route_is_not_forwarded(
    forwarder: FakeForwarder, method: str, path: str, condition: str
) -> None:
    """If there is no route with single slashes either, `default` answers itself, with the path in single slashes."""
    answer = send(method, path)
    status, body = expected.refusal("twilio", condition, uri=path.replace("///", "/").replace("//", "/"))
    assert (answer["statusCode"], json.loads(answer["body"])) == (status, body)
    assert forwarder.requests == []


@pytest.mark.parametrize("path", ["Applications", f"Applications/AP{CALL.replace('-', '')}"])
def test_applications_are_unknown_without_telephony(
    forwarder: FakeForwarder, install_environment: Callable[[Environment], object], path: str
) -> None:
    """Where their functions do not exist, the paths of applications are unknown, also with doubled slashes."""
    settings = replace(current_environment().read_settings(), has_telephony=False)
    install_environment(replace(current_environment(), read_settings=lambda: settings))
    for method in ("GET", "POST", "DELETE"):
        for slash in ("/", "//"):
            answer = send(method, f"{TWILIO}{slash}Accounts/{AC}/{path}")
            uri = f"{TWILIO}/Accounts/{AC}/{path}"
            status, body = expected.refusal("twilio", "not found", uri=uri)
            assert (answer["statusCode"], json.loads(answer["body"])) == (status, body)
    assert send("POST", f"{TWILIO}/Accounts/{AC}/Calls.json")["statusCode"] == 405
    assert forwarder.requests == []


def test_single_slashes_are_never_forwarded(forwarder: FakeForwarder) -> None:
    """A request whose path has single slashes is answered by `default` itself, so that there is no loop."""
    assert send("GET", f"{TWILIO}/Accounts/{AC}/Calls/{CA}.json")["statusCode"] == 405
    assert send("GET", f"{TWILIO}//Accounts/{AC}/Calls/{CA}.json", domain="")["statusCode"] == 405
    assert forwarder.requests == []


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionResetError(), BadStatusLine("")])
def test_no_response_is_an_internal_error(forwarder: FakeForwarder, error: Exception) -> None:
    """If there is no response the answer is 500, and the request is not repeated."""
    forwarder.response = error
    answer = send("DELETE", f"{TWILIO}//Accounts/{AC}/Recordings/RE{AC[2:]}")
    status, body = expected.refusal("twilio", "internal error")
    assert (answer["statusCode"], json.loads(answer["body"])) == (status, body)
    assert len(forwarder.requests) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_forwarded_error_is_counted_once(
    forwarder: FakeForwarder, log_lines: Callable[[], list[dict[str, Any]]], status: int
) -> None:
    """The function that answered has counted its error, so `default` logs the status without `Busy` or `Faults`."""
    forwarder.response = ForwardedResponse(status, {"x-request-id": "0" * 32}, b"{}")
    assert send("GET", f"{TWILIO}//Accounts/{AC}/Recordings.json")["statusCode"] == status
    (line,) = log_lines()
    assert (line["status"], line["_aws"]["CloudWatchMetrics"][0]["Metrics"]) == (
        status,
        [{"Name": "Milliseconds", "Unit": "Milliseconds"}],
    )
    assert line.keys().isdisjoint({"Busy", "Faults"})


def test_no_response_is_counted(forwarder: FakeForwarder, log_lines: Callable[[], list[dict[str, Any]]]) -> None:
    """If there is no response, no other function has counted the error: `default` counts it."""
    forwarder.response = TimeoutError()
    send("GET", f"{TWILIO}//Accounts/{AC}/Recordings.json")
    assert [line.get("Faults") for line in log_lines() if line["message"] == "request"] == [1]


@pytest.mark.parametrize("authorization", ["", "Bearer x", "Basic %", "Basic eDo="])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{TWILIO}//Accounts.json"),
        ("GET", f"{TWILIO}//Accounts/{AC}/Recordings.json"),
        ("GET", f"{TWILIO}//Accounts/{AC}/Recordings/RE{AC[2:]}.wav"),
        ("POST", f"{TWILIO}//Accounts/{AC}/Conferences/Room/Participants.json"),
        ("GET", f"{SIGNALWIRE}//Accounts/{UUID}/Recordings/{CALL}.json"),
        ("DELETE", f"{SIGNALWIRE}//Accounts/{UUID}/Recordings/{CALL}"),
        ("GET", f"{SIGNALWIRE}//Accounts/{UUID}/Calls/{CALL}/Recordings/{CALL}"),
        ("GET", f"{SIGNALWIRE}//Accounts/{UUID}/Calls/{CALL}"),
    ],
)
def test_a_request_without_credentials_is_not_forwarded(
    forwarder: FakeForwarder, method: str, path: str, authorization: str
) -> None:
    """Missing or malformed credentials are 401 in the dialect of the path, and no other function is invoked."""
    answer = send(method, path, authorization=authorization)
    dialect = "twilio" if path.startswith(f"{TWILIO}//") else "signalwire"
    status, body = expected.refusal(dialect, "bad credentials" if authorization else "no credentials")
    assert (answer["statusCode"], json.loads(answer["body"])) == (status, body)
    assert forwarder.requests == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "path",
    [f"Recordings/{CALL}", f"Recordings/{CALL}.wav", f"Recordings/{CALL}.mp3", f"Calls/{CALL}/Recordings/{CALL}.wav"],
)
def test_audio_that_may_be_public_is_forwarded(forwarder: FakeForwarder, method: str, path: str) -> None:
    """A request for audio in SignalWire's dialect is forwarded without credentials: the account may allow it."""
    assert send(method, f"{SIGNALWIRE}//Accounts/{UUID}/{path}", authorization="")["statusCode"] == 200
    assert [request[1:3] for request in forwarder.requests] == [(method, f"{SIGNALWIRE}/Accounts/{UUID}/{path}")]
