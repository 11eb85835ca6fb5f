"""The gateway: every request gets the response that the functions give behind the deployed API."""

import json
from contextlib import suppress
from typing import Any

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE
from tests.client import DIALECTS, Answer
from tests.conftest import TestAccount
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn, ids_in, raw_connection, send_request

NOT_FOUND = "The requested resource {} was not found"
MORE_INFO = {
    "twilio": "https://www.twilio.com/docs/errors/{}",
    "signalwire": "https://signalwire.com/docs/compatibility-api/reference/errors",
}


def assert_error(dialect: str, answer: Answer, status: int, code: int, message: str) -> None:
    """Assert a complete error response of a dialect."""
    more_info = MORE_INFO[dialect].format(code)
    assert answer.status == status
    assert answer.body == {"code": code, "message": message, "more_info": more_info, "status": status}
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert len(answer.headers["x-request-id"]) == 32


def request_line(api: HttpFunctionClient, method: str, path: str) -> bytes:
    """The start of a request with the client's credentials; headers can follow."""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {api._basic()}\r\n".encode("latin-1")


def exchange(standin: StandIn, data: bytes) -> Answer:
    """Send bytes on a new connection; return the response."""
    with raw_connection(standin.port) as connection:
        connection.send(data)
        return connection.read_answer()


@pytest.fixture(scope="module")
def account(standin: StandIn) -> TestAccount:
    """One account for all tests of this module; each test has its own call."""
    from tapedeck.bootstrap import http as api_bootstrap

    del standin  # the stand-in must be running
    created = api_bootstrap.get_admin_services().accounts.create()
    return TestAccount(created.account, created.auth_token)


@pytest.fixture
def call(control: ControlClient) -> str:
    """The id of a new call in progress."""
    return next(iter(ids_in(control.post("/calls").body)))


def test_main_scenario(api: HttpFunctionClient, control: ControlClient, call: str) -> None:
    """A call recording is started, paused, resumed and stopped; a conference recording ends with its conference."""
    recordings = ("Calls", api.sid_of_call(call), "Recordings")
    started = api.post(*recordings)
    assert started.status == api.dialect.created_status
    one = (*recordings, started.body["sid"])
    for status in ("paused", "in-progress", "stopped"):
        assert api.post(*one, form={"Status": status}).body["status"] == status
    conference = control.post("/conferences", {"record": True}).body
    path = ("Conferences", conference["sid"][api.dialect.name])
    recording = (*path, "Recordings", conference["recordings"][0]["sid"][api.dialect.name])
    assert api.post(*recording, form={"Status": "paused"}).body["status"] == "paused"
    assert api.post(*path, form={"Status": "completed"}).body["status"] == "completed"
    assert_error(
        api.dialect.name, api.post(*one, form={"Status": "paused"}), 400, 21220,
        "Requested resource is not eligible for recording",
    )  # fmt: skip


def test_serves_tls(standin: StandIn, api: HttpFunctionClient, call: str) -> None:
    """HTTPS works for clients that trust the CA file, under each host name of the certificate."""
    api.tls = True
    assert api.get("Calls", api.sid_of_call(call)).status == 200
    import socket
    import ssl

    context = ssl.create_default_context(cafile=str(standin.ca_file))
    for name in ("localhost", "127.0.0.1", "api.twilio.com"):
        with (
            socket.create_connection(("127.0.0.1", standin.https_port), timeout=60) as connection,
            context.wrap_socket(connection, server_hostname=name) as wrapped,
        ):
            assert wrapped.version() in {"TLSv1.2", "TLSv1.3"}
    with (
        socket.create_connection(("127.0.0.1", standin.https_port), timeout=60) as connection,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(connection, server_hostname="localhost")


def test_survives_plain_http_on_the_tls_port(standin: StandIn, api: HttpFunctionClient, call: str) -> None:
    """A connection without TLS is closed, and the next one works."""
    with raw_connection(standin.https_port) as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with suppress(ConnectionError):
            assert connection.has_ended
    api.tls = True
    assert api.get("Calls", api.sid_of_call(call)).status == 200


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_wrong_method_is_405(api: HttpFunctionClient, method: str) -> None:
    """A known path with another method is 405 in the dialect; for HEAD without a body."""
    answer = api.request(method, api.path("Calls"))
    if method == "HEAD":
        assert (answer.status, answer.text) == (405, "")
    else:
        assert_error(api.dialect.name, answer, 405, 20004, "Method not allowed")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
@pytest.mark.parametrize("root", ["/2010-04-01", "/api/laml/2010-04-01"])
def test_unknown_path_is_404(standin: StandIn, method: str, root: str) -> None:
    """An unknown path is 404 in the dialect of its prefix."""
    dialect = "signalwire" if root.startswith("/api") else "twilio"
    for path in (f"{root}/", root, f"{root}/Account", f"{root}/Accounts/", f"{root}/Account/x/Calls/y"):
        data = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        with raw_connection(standin.port) as connection:
            connection.send(data)
            answer = connection.read_answer(to_head=method == "HEAD")
        if method == "HEAD":
            assert answer.status == 404
        else:
            assert_error(dialect, answer, 404, 20404, NOT_FOUND.format(path))


@pytest.mark.parametrize("path", ["/", "//", "/favicon.ico", "/robots.txt", "/static/x", "/x/", "*", "/a%0Ab", "/%"])
def test_path_outside_both_apis_is_404(standin: StandIn, path: str) -> None:
    """A path outside both APIs is 404 in Twilio's dialect; the message has the decoded path with single slashes."""
    shown = {"*": "/*", "/a%0Ab": "/a\nb", "//": "/"}.get(path, path)
    answer = exchange(standin, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert_error("twilio", answer, 404, 20404, NOT_FOUND.format(shown))


def test_slash_at_the_end_is_404(api: HttpFunctionClient, standin: StandIn, call: str) -> None:
    """A path with a slash at its end is 404, not a redirect; the message has single slashes."""
    good = f"{api.base}/Calls/{api.sid_of_call(call)}"
    for path in (f"{good}/", f"{good}//", f"/{good}//"):
        answer = exchange(standin, request_line(api, "GET", path) + b"\r\n")
        assert_error(api.dialect.name, answer, 404, 20404, NOT_FOUND.format(f"{good}/"))


def test_doubled_slashes_count_as_one(
    api: HttpFunctionClient, standin: StandIn, control: ControlClient, call: str
) -> None:
    """Every method works at a path with doubled slashes, and the request log names the operation and the sent path."""
    base, sid = api.base, api.sid_of_call(call)
    calls = f"/{base}//Calls/{sid}"

    def send(method: str, path: str, form: str = "") -> Answer:
        body = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n\r\n{form}"
        with raw_connection(standin.port) as connection:
            connection.send(request_line(api, method, path) + body.encode())
            return connection.read_answer(to_head=method == "HEAD")

    assert send("GET", calls).body["sid"] == sid
    assert send("GET", f"/{base}///Calls?PageSize=5").body["page_size"] == 5
    started = send("POST", f"{calls}//Recordings.json")
    assert started.status == (201 if api.dialect.name == "twilio" else 200)
    assert control.post("/clock", {"advance": 5}).status == 200
    recording = f"{calls}//Recordings//{started.body['sid']}"
    assert send("POST", recording, "Status=paused").body["status"] == "paused"
    assert send("POST", recording, "Status=stopped").body["status"] == "stopped"
    assert control.post("/clock", {"advance": 5}).status == 200
    assert control.post("/wait-until-idle", {"timeout": 60}).status == 200
    audio = send("GET", f"{recording}.wav")
    head = send("HEAD", f"{recording}.wav")
    assert (audio.status, head.status, head.headers["content-length"]) == (200, 200, str(len(audio.content)))
    assert send("DELETE", recording).status == 204
    assert send("GET", recording).status == 404
    assert send("PUT", calls).status == 405

    logged = control.get("/requests").body["requests"]
    assert {
        (each["method"], each["path"], each["operation"]) for each in logged if each["path"].startswith(f"/{base}//")
    } == {
        ("GET", calls, "get_call"),
        ("GET", f"/{base}///Calls", "list_calls"),
        ("POST", f"{calls}//Recordings.json", "create_call_recording"),
        ("POST", recording, "update_call_recording"),
        ("GET", f"{recording}.wav", "get_call_recording"),
        ("HEAD", f"{recording}.wav", "get_call_recording"),
        ("DELETE", recording, "delete_call_recording"),
        ("GET", recording, "get_call_recording"),
        ("PUT", calls, None),
    }


def test_doubled_slashes_need_credentials(api: HttpFunctionClient, standin: StandIn, call: str) -> None:
    """Without credentials a path with doubled slashes is 401, whether there is such a route or not."""
    for path in (f"/{api.base}//Calls/{api.sid_of_call(call)}", f"/{api.base}//Nothing"):
        answer = exchange(standin, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert (answer.status, answer.body["code"]) == (401, 20003)


def test_the_adapter_forwards_over_https(
    api: HttpFunctionClient, standin: StandIn, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sends method, target, headers and body once, and returns status, headers and content of the response."""
    from tapedeck.adapters.forwarding import forward_over_https

    monkeypatch.setenv("SSL_CERT_FILE", str(standin.ca_file))
    headers = {"authorization": api._basic(), "content-type": "application/x-www-form-urlencoded"}
    domain, path = f"localhost:{standin.https_port}", new_recording_path(api, call)
    read = forward_over_https(domain, "GET", f"{path}?a=b", headers, b"")
    assert (read.status, read.headers["content-type"]) == (200, "application/json; charset=utf-8")
    changed = forward_over_https(domain, "POST", path, headers, b"Status=paused")
    assert json.loads(changed.content)["status"] == "paused"
    assert forward_over_https(domain, "HEAD", path, headers, b"").status == 405
    assert forward_over_https(domain, "DELETE", path, {}, b"").status == 401


@pytest.mark.parametrize("odd", ["%00", "%FF", "%", "%zz", "%2F", "%0D%0A", "%ED%A0%80", "..", ";a=b", "#a"])
def test_malformed_id_is_404(api: HttpFunctionClient, standin: StandIn, call: str, odd: str) -> None:
    """An id with NUL, invalid UTF-8 or broken escapes is 404 in the dialect."""
    path = f"{api.base}/Calls/{api.sid_of_call(call)}{odd}"
    answer = exchange(standin, request_line(api, "GET", path) + b"\r\n")
    assert (answer.status, answer.body["code"], answer.body["status"]) == (404, 20404, 404)
    assert answer.body["more_info"] == MORE_INFO[api.dialect.name].format(20404)


@pytest.mark.parametrize("query", ["a=%FF", "%", "a=b?c=d", "&&=;", "Status=paused"])
def test_malformed_query_is_ignored(api: HttpFunctionClient, standin: StandIn, call: str, query: str) -> None:
    """A malformed or unknown query has no effect."""
    path = f"{api.base}/Calls/{api.sid_of_call(call)}?{query}"
    answer = exchange(standin, request_line(api, "GET", path) + b"\r\n")
    assert (answer.status, answer.body["sid"]) == (200, api.sid_of_call(call))


@pytest.mark.parametrize(
    "header",
    ["Cookie: a=\xff; b;;=\r\nHost: a", "Content-Type: ;;=\xff\r\nHost: a", "Host: a b", "Host:"],
)
def test_malformed_header_is_ignored(api: HttpFunctionClient, standin: StandIn, call: str, header: str) -> None:
    """A malformed or unknown header has no effect."""
    path = f"{api.base}/Calls/{api.sid_of_call(call)}"
    head = f"GET {path} HTTP/1.1\r\n{header}\r\nAuthorization: {api._basic()}\r\n\r\n"
    assert exchange(standin, head.encode("latin-1")).status == 200


def test_folded_headers_and_underscores(api: HttpFunctionClient, standin: StandIn, call: str) -> None:
    """A folded header is read as one; a header name with an underscore is ignored."""
    path = f"{api.base}/Calls/{api.sid_of_call(call)}"
    scheme, _, secret = api._basic().partition(" ")
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {scheme}\r\n {secret}\r\n\r\n"
    assert exchange(standin, head.encode()).status == 200
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX_Authorization: x\r\nCONTENT_LENGTH: 5\r\n\r\n"
    assert exchange(standin, head.encode()).status == 401


def new_recording_path(api: HttpFunctionClient, call: str) -> str:
    """Start a recording; return its path."""
    started = api.post("Calls", api.sid_of_call(call), "Recordings")
    return f"{api.base}/Calls/{api.sid_of_call(call)}/Recordings/{started.body['sid']}"


FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


def test_reads_bodies_of_every_length(api: HttpFunctionClient, standin: StandIn, call: str) -> None:
    """Bodies are read by length, in chunks with extensions and trailers, or as empty."""
    path = new_recording_path(api, call)
    head = request_line(api, "POST", path) + FORM
    with_length = head + b"Content-Length: 13\r\n\r\nStatus=paused"
    assert exchange(standin, with_length).body["status"] == "paused"
    chunks = b"Transfer-Encoding: Chunked\r\n\r\n6;a=b\r\nStatus\r\n0000c\r\n=in-progress\r\n0\r\nX: y\r\n\r\n"
    assert exchange(standin, head + chunks).body["status"] == "in-progress"
    missing = {
        "twilio": (400, 20001, "Missing required parameter Status in the post body"),
        "signalwire": (422, 10000, "Status is required"),
    }
    assert_error(api.dialect.name, exchange(standin, head + b"\r\n"), *missing[api.dialect.name])
    assert_error(api.dialect.name, exchange(standin, head + b"Content-Length: 0\r\n\r\n"), *missing[api.dialect.name])


@pytest.mark.parametrize("body", [b"Status=\xff\xfe", b"Status=%ff", b"Status=%zz", b"\x80"])
def test_rejects_bodies_that_are_not_forms(api: HttpFunctionClient, call: str, body: bytes) -> None:
    """A body with invalid UTF-8 or broken escapes is 400 in the dialect."""
    answer = api.request("POST", new_recording_path(api, call), form=body)
    malformed = {"twilio": (400, 20001, "Bad request"), "signalwire": (400, 10000, "Malformed request body")}
    assert_error(api.dialect.name, answer, *malformed[api.dialect.name])


@pytest.mark.parametrize("size", [65537, 10_000_000])
def test_rejects_large_bodies(api: HttpFunctionClient, call: str, size: int) -> None:
    """A large body is read, discarded and answered with 413; the connection stays usable."""
    assert api.standin is not None
    path = new_recording_path(api, call)
    connection = api.standin.connect()
    headers = {"Authorization": api._basic(), "Content-Type": "application/x-www-form-urlencoded"}
    too_large = {"twilio": (413, 20001, "Bad request"), "signalwire": (413, 10000, "Request body too large")}
    try:
        answer = send_request(connection, "POST", path, b"a" * size, headers)
        assert_error(api.dialect.name, answer, *too_large[api.dialect.name])
        assert "connection" not in answer.headers
        assert send_request(connection, "POST", path, b"Status=paused", headers).status == 200
    finally:
        connection.close()


def test_does_not_read_endless_bodies(api: HttpFunctionClient, standin: StandIn, call: str) -> None:
    """A body of a gigabyte is 413 before it was sent, and endless chunks after 16 MB; the connection is closed."""
    head = request_line(api, "POST", new_recording_path(api, call)) + FORM
    with raw_connection(standin.port) as connection:
        connection.send(head + b"Content-Length: 1000000000\r\n\r\n" + b"a" * 100_000)
        answer = connection.read_answer()
        assert (answer.status, answer.headers["connection"]) == (413, "close")
    with raw_connection(standin.port) as connection:
        connection.send(head + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n" + b"a" * 17_000_000)
        answer = connection.read_answer()
        assert (answer.status, answer.headers["connection"]) == (413, "close")


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: abc\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: gzip\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"no header\r\nContent-Length: 1\r\n\r\na",
    ],
)
def test_rejects_invalid_framing(api: HttpFunctionClient, standin: StandIn, framing: bytes) -> None:
    """A request with an undefined end is 400 in the dialect, and the connection is closed."""
    malformed = {"twilio": (400, 20001, "Bad request"), "signalwire": (400, 10000, "Malformed request body")}
    with raw_connection(standin.port) as connection:
        connection.send(request_line(api, "POST", f"{api.base}/Calls/x") + framing)
        answer = connection.read_answer()
        assert_error(api.dialect.name, answer, *malformed[api.dialect.name])
        assert answer.headers["connection"] == "close"
        assert connection.has_ended


@pytest.mark.parametrize(
    "data",
    [
        b"GET\r\n\r\n",
        b"GET / X\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET / HTTP/1.1 x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /\xc3\xbc HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: \0\r\n\r\n",
        b"\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET /" + b"a" * 600_000,
        b"GET / HTTP/1.1\r\nX: " + b"a" * 600_000,
    ],
)
def test_rejects_invalid_http(standin: StandIn, data: bytes) -> None:
    """Invalid HTTP is 400 in Twilio's dialect, and the connection is closed (C-299)."""
    with raw_connection(standin.port) as connection:
        connection.send(data)
        answer = connection.read_answer()
        assert_error("twilio", answer, 400, 20001, "Bad request")
        assert (answer.headers["connection"], connection.has_ended) == ("close", True)


def test_accepts_an_absolute_target(api: HttpFunctionClient, standin: StandIn, call: str) -> None:
    """A request target with scheme and host works, as proxy clients send it."""
    path = f"http://api.twilio.com{api.base}/Calls/{api.sid_of_call(call)}"
    assert exchange(standin, request_line(api, "GET", path) + b"\r\n").status == 200


def test_keeps_connections_alive(standin: StandIn, api: HttpFunctionClient) -> None:
    """A connection serves several requests, also pipelined, without a Connection header."""
    one = request_line(api, "GET", "/x") + b"\r\n"
    with raw_connection(standin.port) as connection:
        connection.send(one + one + one)
        for _ in range(3):
            answer = connection.read_answer()
            assert (answer.status, answer.headers.get("connection")) == (404, None)


@pytest.mark.parametrize("value", [b"close", b"Close", b"TE, close"])
def test_closes_on_request(standin: StandIn, value: bytes) -> None:
    """`Connection: close` is confirmed in the response and obeyed; otherwise Node 20 would reuse the connection."""
    with raw_connection(standin.port) as connection:
        connection.send(b"GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: " + value + b"\r\n\r\n")
        assert connection.read_answer().headers["connection"] == "close"
        assert connection.has_ended


@pytest.mark.parametrize("more", [b"", b"Connection: keep-alive\r\n"])
def test_serves_http_1_0(standin: StandIn, more: bytes) -> None:
    """An HTTP/1.0 connection is answered and closed, also if the client requests keep-alive (C-299)."""
    with raw_connection(standin.port) as connection:
        connection.send(b"GET /x HTTP/1.0\r\n" + more + b"\r\n")
        answer = connection.read_answer()
        assert (answer.status, answer.headers["connection"], connection.has_ended) == (404, "close", True)


def test_expect_100_continue(standin: StandIn, api: HttpFunctionClient, call: str) -> None:
    """A client that expects 100 Continue gets it before it sends the body."""
    head = request_line(api, "POST", new_recording_path(api, call)) + FORM
    with raw_connection(standin.port) as connection:
        connection.send(head + b"Expect: 100-continue\r\nContent-Length: 13\r\n\r\n")
        assert connection.read_answer().status == 100
        connection.send(b"Status=paused")
        assert connection.read_answer().body["status"] == "paused"


def test_keeps_accounts_apart(standin: StandIn, api: HttpFunctionClient, anonymous: ControlClient, call: str) -> None:
    """Another account's credentials find nothing, under either account's path; a wrong token is 401."""
    other = anonymous.post("/accounts").body
    stranger = HttpFunctionClient(
        api.dialect, other["sid"]["signalwire"].replace("-", ""), other["token"], standin=standin
    )
    answer = stranger.get("Calls", api.sid_of_call(call))
    path = stranger.path("Calls", api.sid_of_call(call))
    assert_error(api.dialect.name, answer, 404, 20404, NOT_FOUND.format(path))
    assert stranger.request("GET", api.path("Calls", api.sid_of_call(call))).status == 404
    assert api.request("GET", stranger.path("Calls", "x")).status == 404
    assert ControlClient(standin, other["sid"]["twilio"]).post(f"/calls/{api.sid_of_call(call)}/hangup").status == 404
    api.secret = "wrong"
    assert api.get("Calls", api.sid_of_call(call)).status == 401


@pytest.mark.ci
def test_serves_concurrent_clients(api: HttpFunctionClient, control: ControlClient) -> None:
    """Eight concurrent clients create and stop recordings; all are stopped."""
    from concurrent.futures import ThreadPoolExecutor

    def work(_: int) -> Any:
        call = control.post("/calls").body["sid"][api.dialect.name]
        recording = api.post("Calls", call, "Recordings").body["sid"]
        api.post("Calls", call, "Recordings", recording, form={"Status": "stopped"})
        return api.post("Calls", call, "Recordings", recording, form={"Status": "stopped"}).body["status"]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(16))) == ["stopped"] * 16


def test_logs_one_line_per_request(standin: StandIn, api: HttpFunctionClient) -> None:
    """A line has method, path, status and milliseconds; control characters are escaped, the query is omitted."""
    import re

    standin.lines.clear()
    exchange(standin, b"GET /a%1B[2J%FF%0A?secret=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert api.get("Calls", "x").status == 404
    first, second = standin.lines
    assert re.fullmatch(r"GET /a%1B\[2J%FF%0A 404 \d+ ms", first)
    assert re.fullmatch(rf"GET {re.escape(api.path('Calls', 'x'))} 404 \d+ ms", second)


def test_a_logged_line_has_no_phone_number(standin: StandIn, api: HttpFunctionClient) -> None:
    """The name of a conference or participant may be a phone number; the line does not contain it, but has sids."""
    standin.lines.clear()
    api.get("Conferences", "+12025550143", "Participants", "12025550178")
    api.get("Calls", api.sid(ResourceType.CALL, "0" * 20 + "123456789012"))
    named, call = standin.lines
    assert "/Conferences/+…/Participants/+….json" in named or "/Conferences/+…/Participants/+… " in named
    assert api.sid(ResourceType.CALL, "0" * 20 + "123456789012") in call


def test_unexpected_error_is_500(standin: StandIn, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    """A bug of the stand-in is 500 in the dialect; the traceback goes to the terminal, not to the response."""
    from tapedeck_standin.gateway.route_table import RouteTable

    def fail(*_: object) -> None:
        raise ZeroDivisionError("hush")

    monkeypatch.setattr(RouteTable, "find", fail)
    answer = exchange(standin, b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert_error("twilio", answer, 500, 20500, "Internal Server Error")
    assert "ZeroDivisionError: hush" in capfd.readouterr().err


def test_default_account_works_in_both_dialects(standin: StandIn) -> None:
    """The default account works in either dialect."""
    for dialect in DIALECTS.values():
        own = HttpFunctionClient(dialect, standin.account, standin.token, standin=standin)
        call = (
            ControlClient(standin, SIGNALWIRE.format_sid(ResourceType.ACCOUNT, standin.account))
            .post("/calls")
            .body["sid"]
        )
        assert own.get("Calls", call[dialect.name]).body["sid"] == call[dialect.name]


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "multipart/mixed", "text/plain"])
def test_accepts_bodies_of_any_content_type(api: HttpFunctionClient, call: str, content_type: str) -> None:
    """A body that is not a form counts as an empty one, or as a form without known fields."""
    body = b'--x\r\nContent-Disposition: form-data; name="Status"\r\n\r\npaused\r\n--x--\r\n'
    answer = api.request(
        "POST", api.path("Calls", api.sid_of_call(call), "Recordings"), form=body, content_type=content_type
    )
    assert answer.status == api.dialect.created_status


def test_empty_response_has_no_content_type(api: HttpFunctionClient, control: ControlClient, call: str) -> None:
    """A response without a body (204, 304) has no Content-Type header."""
    path = ("Calls", api.sid_of_call(call), "Recordings")
    recording = api.post(*path).body["sid"]
    control.post("/clock", {"advance": 2})
    api.post(*path, recording, form={"Status": "stopped"})
    control.post("/clock", {"advance": 2})
    assert control.post("/clock", {"advance": 5}).status == 200
    assert control.post("/wait-until-idle", {"timeout": 60}).status == 200
    audio = f"{api.base}/Recordings/{recording}.wav"
    known = {"If-None-Match": "*"}
    for status, answer in (
        (304, api.request("GET", audio, headers=known)),
        (304, api.request("HEAD", audio, headers=known)),
        (204, api.delete(*path, recording)),
    ):
        assert (answer.status, answer.content, answer.headers.get("content-type")) == (status, b"", None)


def test_requests_of_engines_are_not_in_the_request_log(standin: StandIn, anonymous: ControlClient) -> None:
    """A request of a media engine is answered in its own form and reported, but the request log does not have it."""
    before = anonymous.get("/requests").body
    connection = standin.connect()
    try:
        answer = send_request(connection, "POST", "/engine/v2/nothing", b"{}")
    finally:
        connection.close()
    assert (answer.status, answer.body) == (404, {"refused": "unknown"})
    assert anonymous.get("/requests").body == before
    assert any(line.startswith("POST /engine/v2/nothing 404 ") for line in standin.lines)
