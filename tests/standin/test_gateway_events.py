"""The events of the gateway are those of AWS's examples, and those of SAM's local gateway but for what is stated."""

import base64
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck_standin.aws.template import Route
from tapedeck_standin.gateway.http_api import Gateway
from tapedeck_standin.http.messages import ServerRequest
from tests.client import ROOT, TEMPLATE
from tests.standin.sam_gateway import RecordingRunner, SamGateway
from tests.thoroughness import scaled

NOW: Final = 1_583_348_638_390
"""The time of the example in AWS's documentation."""

Event = dict[str, Any]


def invoked_by(routes: tuple[Route, ...], request: ServerRequest) -> tuple[str, Event]:
    """Return the operation that the gateway invokes, and the event."""
    invoked: list[tuple[str, Event]] = []

    def invoke(operation: str, event: Mapping[str, Any]) -> Event:
        invoked.append((operation, dict(event)))
        return {"statusCode": 204}

    assert Gateway(routes, invoke, lambda: NOW).answer(request).status == 204
    (found,) = invoked
    return found


def test_documented_example() -> None:
    """The event of a request that has what AWS's example of payload format 2.0 has."""
    request = ServerRequest(
        "POST", "/my/value1?parameter1=value1&parameter1=value2&parameter2=value",
        (
            ("Host", "id.execute-api.us-east-1.amazonaws.com"), ("Header1", "value1"), ("Header2", "value1"),
            ("HEADER2", "value2"), ("Cookie", "cookie1; cookie2"), ("User-Agent", "agent"),
            ("Content-Type", "text/plain"), ("X-Forwarded-For", "198.51.100.1"),
        ),
        b"Hello from Lambda", "https", 443, peer="192.0.2.1",
    )  # fmt: skip
    operation, event = invoked_by((Route("POST", "/my/{parameter1}", "F", "hello"),), request)
    assert operation == "hello"
    request_id = event["requestContext"].pop("requestId")
    assert re.fullmatch(r"[A-Za-z0-9+/]{15}=", request_id)
    assert event == {
        "version": "2.0",
        "routeKey": "POST /my/{parameter1}",
        "rawPath": "/my/value1",
        "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=value",
        "cookies": ["cookie1", "cookie2"],
        "headers": {
            "content-length": "17",
            "content-type": "text/plain",
            "header1": "value1",
            "header2": "value1,value2",
            "host": "id.execute-api.us-east-1.amazonaws.com",
            "user-agent": "agent",
            "x-forwarded-for": "198.51.100.1, 192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "queryStringParameters": {"parameter1": "value1,value2", "parameter2": "value"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "1234567890",
            "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "id",
            "http": {
                "method": "POST",
                "path": "/my/value1",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "agent",
            },
            "routeKey": "POST /my/{parameter1}",
            "stage": "$default",
            "time": "04/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1_583_348_638_390,
        },
        "body": "Hello from Lambda",
        "pathParameters": {"parameter1": "value1"},
        "isBase64Encoded": False,
    }


def test_what_a_request_lacks_is_absent() -> None:
    """An event has only what the request has; that of `$default` has no path parameters."""
    _, event = invoked_by((Route("ANY", None, "F", "f"),), ServerRequest("GET", "/a%2Fb"))
    assert sorted(event) == [
        "headers", "isBase64Encoded", "rawPath", "rawQueryString", "requestContext", "routeKey", "version",
    ]  # fmt: skip
    assert (event["routeKey"], event["rawPath"], event["isBase64Encoded"]) == ("$default", "/a/b", False)


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/json", b'{"a":"\xc3\xbc"}', ('{"a":"\u00fc"}', False)),
        ("Application/JSON; charset=utf-8", b"{}", ("{}", False)),
        ("application/problem+json", b"{}", ("{}", False)),
        ("text/csv", b"a,b", ("a,b", False)),
        ("application/xml", b"<a/>", ("<a/>", False)),
        ("application/json", b"\xff", ("/w==", True)),
        ("application/x-www-form-urlencoded", b"a=b", ("YT1i", True)),
        ("audio/wav", b"\0", ("AA==", True)),
        ("", b"a", ("YQ==", True)),
    ],
)
def test_only_text_is_plain(content_type: str, body: bytes, expected: tuple[str, bool]) -> None:
    """A body is plain for text types and JSON, and base64 for all others, forms too, and if it is not UTF-8 (C-297)."""
    request = ServerRequest("POST", "/", (("Content-Type", content_type),) if content_type else (), body)
    _, event = invoked_by((Route("ANY", None, "F", "f"),), request)
    assert (event["body"], event["isBase64Encoded"]) == expected


class Sam:
    """SAM's local gateway, which makes the events that the stand-in's gateway is compared with."""

    def __init__(self) -> None:
        self._runner = RecordingRunner()
        self._gateway = SamGateway(ROOT / "template.yaml", self._runner, 3000)

    def invoked_by(self, request: ServerRequest) -> tuple[str, Event]:
        """Return the operation that SAM invokes, and the event."""
        self._runner.invoked.clear()
        assert self._gateway.answer(request).status == 204
        ((function, event),) = self._runner.invoked
        return TEMPLATE.operations[function], event


@pytest.fixture(scope="module")
def sam() -> Sam:
    """SAM's local gateway for the template; it takes a second."""
    return Sam()


def as_deployed(event: Event, request: ServerRequest) -> Event:
    """Return what API Gateway would make of a request, from SAM's event: each difference of SAM is corrected here."""
    # SAM keeps the names of headers, and does not add the client's address.
    headers = {name.lower(): value for name, value in event["headers"].items()}
    headers["x-forwarded-for"] = ", ".join(filter(None, [headers.get("x-forwarded-for"), request.peer]))
    # WSGI drops names with underscores, which could be mistaken for those with hyphens.
    headers |= {name.lower(): value for name, value in request.headers if "_" in name}
    # SAM leaves the cookies among the headers, and its own list has each name once and no cookie without a value.
    cookies = [each.strip() for each in headers.pop("cookie", "").replace(",", ";").split(";") if each.strip()]
    # SAM's time is that of its import; id, user agent and domain are fixed.
    context = {key: value for key, value in event["requestContext"].items() if key != "requestId"}
    host = headers.get("host", "")
    context |= {
        "timeEpoch": NOW,
        "time": "04/Mar/2020:19:03:58 +0000",
        "domainName": host.partition(":")[0],
        "domainPrefix": host.partition(":")[0].partition(".")[0],
        "http": {**context["http"], "userAgent": headers.get("user-agent", "")},
    }
    # Without `*/*` as its binary type SAM answers 502 to a body that is not UTF-8; so it has base64 for each body.
    body = {"body": event["body"], "isBase64Encoded": True} if event.get("body") else {"isBase64Encoded": False}
    if event.get("body") and "json" in headers.get("content-type", ""):
        body = {"body": base64.b64decode(event["body"]).decode(), "isBase64Encoded": False}
    # SAM keeps escapes that are not UTF-8.
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(event["rawQueryString"], keep_blank_values=True):
        query.setdefault(name, []).append(value)
    if "\ufffd" not in str(query):
        assert event.get("queryStringParameters", {}) == {name: ",".join(values) for name, values in query.items()}
    optional = {
        "cookies": cookies,
        "queryStringParameters": {name: ",".join(values) for name, values in query.items()},
        "pathParameters": event.get("pathParameters"),
    }
    return {
        **{key: event[key] for key in ("version", "routeKey", "rawPath", "rawQueryString")},
        **{key: value for key, value in optional.items() if value},
        **body,
        "headers": headers,
        "requestContext": context,
    }


def assert_equal_events(sam: Sam, request: ServerRequest) -> None:
    """Assert that both gateways invoke the same function with the same event, but for the stated differences."""
    operation, event = invoked_by(TEMPLATE.routes, request)
    sams_operation, sams_event = sam.invoked_by(request)
    del event["requestContext"]["requestId"]
    assert (operation, event) == (sams_operation, as_deployed(sams_event, request))


ACCOUNT: Final = "/2010-04-01/Accounts/AC" + "5" * 32
REQUESTS: Final = {
    "a form": ServerRequest(
        "POST", f"{ACCOUNT}/Calls/CA1/Recordings.json", (("Content-Type", "application/x-www-form-urlencoded"),), b"A=b"
    ),
    "JSON": ServerRequest("POST", f"{ACCOUNT}/Calls/CA1/Recordings", (("Content-Type", "application/json"),), b"{}"),
    "a binary body": ServerRequest("POST", f"{ACCOUNT}/Calls/CA1", (("Content-Type", "audio/wav"),), b"\xff\0"),
    "an escaped path": ServerRequest("GET", f"{ACCOUNT}/Calls/%C3%BC%20%2F%ff.json"),
    "a path that is not ASCII": ServerRequest("GET", f"{ACCOUNT}/Calls/\xc3\xbc"),
    "doubled slashes": ServerRequest("GET", f"//2010-04-01//Accounts/AC{'5' * 32}///Calls"),
    "a slash at the end": ServerRequest("GET", f"{ACCOUNT}/Calls/"),
    "the root": ServerRequest("GET", "/"),
    "an absolute URL": ServerRequest("GET", f"http://api.twilio.com{ACCOUNT}/Calls?a=b"),
    "no path": ServerRequest("OPTIONS", "*"),
    "HEAD of a route with GET": ServerRequest("HEAD", f"{ACCOUNT}/Calls"),
    "HEAD of a route with HEAD": ServerRequest("HEAD", f"{ACCOUNT}/Recordings/RE1.wav"),
    "an unknown method": ServerRequest("PROPFIND", f"{ACCOUNT}/Calls"),
    "repeated keys": ServerRequest("GET", f"{ACCOUNT}/Calls?a=1&b=&a=%2C2&c&a=+"),
    "an operator in the query": ServerRequest("GET", f"{ACCOUNT}/Calls?StartTime<=2020-01-01&To=%2B1"),
    "a query without parameters": ServerRequest("GET", f"{ACCOUNT}/Calls?&"),
    "a query that is not UTF-8": ServerRequest("GET", f"{ACCOUNT}/Calls?a=%ff&b=\xff"),
    "repeated headers": ServerRequest("GET", "/x", (("Accept", "a"), ("ACCEPT", "b"), ("X_Y", "c"), ("x-y", "d"))),
    "cookies": ServerRequest("GET", "/x", (("Cookie", "a=1; a=2; b"), ("Cookie", "c"))),
    "an address of a proxy": ServerRequest("GET", "/x", (("X-Forwarded-For", "192.0.2.1"),)),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_events_are_those_of_sam(sam: Sam, name: str) -> None:
    """Each kind of request has the event of SAM's gateway, but for what `as_deployed` states."""
    request = REQUESTS[name]
    assert_equal_events(sam, replace(request, port=3000, headers=(("Host", "localhost:3000"), *request.headers)))


METHODS: Final = st.sampled_from(["GET", "POST", "DELETE", "HEAD", "PUT", "OPTIONS", "PURGE"])
SEGMENTS: Final = st.text(st.sampled_from("aC5/.%+ \u00fc{}~"), max_size=6).map(
    lambda text: text.replace("%", "%25").replace("/", "%2F").replace("\u00fc", "%C3%BC").replace(" ", "%20")
)
NAMES: Final = st.sampled_from(["Accept", "accept", "X-A", "x-b", "User-Agent", "Authorization", "Cookie"])
HEADERS: Final = st.lists(st.tuples(NAMES, st.text(st.sampled_from("ab=;1\xfc"), min_size=1, max_size=8)), max_size=5)
QUERIES: Final = st.text(st.sampled_from("ab=&%2B+;\xc3"), max_size=12)
HOSTS: Final = st.sampled_from(["localhost:3000", "api.twilio.com"])
KINDS: Final = st.sampled_from(["application/x-www-form-urlencoded", "application/json", "audio/wav"])


@st.composite
def requests(draw: st.DrawFn) -> ServerRequest:
    """Requests of the template's paths and of others."""
    path = draw(st.sampled_from([route.path for route in TEMPLATE.routes if route.path is not None]))
    path = re.sub(r"\{\w+\}", lambda _: draw(SEGMENTS), path) + draw(st.sampled_from(["", "", "/", ".json", "//x"]))
    body = draw(st.one_of(st.just(b""), st.text(max_size=9).map(str.encode)))
    headers = [
        *draw(HEADERS),
        ("Content-Type", draw(KINDS)),
        ("Host", draw(st.sampled_from(["localhost:3000", "a.b"]))),
    ]
    return ServerRequest(draw(METHODS), f"{path}?{draw(QUERIES)}", tuple(headers), body, "https", 3000)


@pytest.mark.sized
@settings(max_examples=scaled(deep=2000, ci=200, fast=20), deadline=None, derandomize=True, database=None)
@given(request=requests())
def test_random_events_are_those_of_sam(sam: Sam, request: ServerRequest) -> None:
    """Random requests have the events of SAM's gateway, but for what `as_deployed` states."""
    assert_equal_events(sam, request)
