"""Through the gateway: whatever is sent, the functions answer it, as they would behind the deployed API."""

from contextlib import suppress
from typing import Any

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE
from tests.client import DIALECTS, Answer
from tests.conftest import TestAccount
from tests.standin.http_client import ControlClient, HttpFunctionClient, Place, ids_in, raw

NOT_FOUND = "The requested resource {} was not found"
MORE_INFO = {
    "twilio": "https://www.twilio.com/docs/errors/{}",
    "signalwire": "https://signalwire.com/docs/compatibility-api/reference/errors",
}


def refused(dialect: str, answer: Answer, status: int, code: int, message: str) -> None:
    """The whole of a dialect's error."""
    more_info = MORE_INFO[dialect].format(code)
    assert answer.status == status
    assert answer.body == {"code": code, "message": message, "more_info": more_info, "status": status}
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert len(answer.headers["x-request-id"]) == 32


def request_line(api: HttpFunctionClient, method: str, path: str) -> bytes:
    """A request with the client's credentials, its last header still open."""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {api._basic()}\r\n".encode("latin-1")


def exchange(place: Place, data: bytes) -> Answer:
    """The answer to these bytes, on a connection of their own."""
    with raw(place.port) as connection:
        connection.send(data)
        return connection.read_answer()


@pytest.fixture(scope="module")
def account(place: Place) -> TestAccount:
    """One for all tests here: each has its own call."""
    from tapedeck.bootstrap import http as api_bootstrap

    del place  # only has to be there
    made = api_bootstrap.get_admin_services().accounts.create()
    return TestAccount(made.account, made.auth_token)


@pytest.fixture
def call(control: ControlClient) -> str:
    """The id of a call in progress."""
    return next(iter(ids_in(control.post("/calls").body)))


def test_runs_the_main_scenario(api: HttpFunctionClient, control: ControlClient, call: str) -> None:
    """A call's recording is started, paused, resumed and stopped; a conference's is paused and ends with it."""
    recordings = ("Calls", api.sid_of_call(call), "Recordings")
    started = api.post(*recordings)
    assert started.status == api.dialect.created_status
    one = (*recordings, started.body["sid"])
    for status in ("paused", "in-progress", "stopped"):
        assert api.post(*one, form={"Status": status}).body["status"] == status
    conference = control.post("/conferences", {"record": True}).body
    room = ("Conferences", conference["sid"][api.dialect.name])
    taken = (*room, "Recordings", conference["recordings"][0]["sid"][api.dialect.name])
    assert api.post(*taken, form={"Status": "paused"}).body["status"] == "paused"
    assert api.post(*room, form={"Status": "completed"}).body["status"] == "completed"
    refused(
        api.dialect.name, api.post(*one, form={"Status": "paused"}), 400, 21220,
        "Requested resource is not eligible for recording",
    )  # fmt: skip


def test_speaks_tls(place: Place, api: HttpFunctionClient, call: str) -> None:
    """The same is told over HTTPS to whoever trusts the authority's file, under each of its names."""
    api.tls = True
    assert api.get("Calls", api.sid_of_call(call)).status == 200
    import socket
    import ssl

    context = ssl.create_default_context(cafile=str(place.ca_file))
    for name in ("localhost", "127.0.0.1", "api.twilio.com"):
        with (
            socket.create_connection(("127.0.0.1", place.https_port), timeout=5) as connection,
            context.wrap_socket(connection, server_hostname=name) as wrapped,
        ):
            assert wrapped.version() in {"TLSv1.2", "TLSv1.3"}
    with (
        socket.create_connection(("127.0.0.1", place.https_port), timeout=5) as connection,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(connection, server_hostname="localhost")


def test_survives_plain_http_on_the_tls_port(place: Place, api: HttpFunctionClient, call: str) -> None:
    """A client that speaks no TLS is hung up on; the next one is answered."""
    with raw(place.https_port) as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with suppress(ConnectionError):
            assert connection.has_ended
    api.tls = True
    assert api.get("Calls", api.sid_of_call(call)).status == 200


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_knows_the_methods_of_a_path(api: HttpFunctionClient, call: str, method: str) -> None:
    """405 in the dialect wherever the path is served with another method; to HEAD without a body."""
    answer = api.request(method, api.path("Calls", api.sid_of_call(call)))
    if method == "HEAD":
        assert (answer.status, answer.text) == (405, "")
    else:
        refused(api.dialect.name, answer, 405, 20004, "Method not allowed")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
@pytest.mark.parametrize("root", ["/2010-04-01", "/api/laml/2010-04-01"])
def test_has_no_pages_of_its_own(place: Place, method: str, root: str) -> None:
    """What is nobody's path is 404 in the dialect of its prefix, never a page of SAM's or Flask's."""
    dialect = "signalwire" if root.startswith("/api") else "twilio"
    for path in (f"{root}/", root, f"{root}/Accounts", f"{root}/Accounts/", f"{root}//Accounts/x/Calls/y"):
        data = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        with raw(place.port) as connection:
            connection.send(data)
            answer = connection.read_answer(to_head=method == "HEAD")
        if method == "HEAD":
            assert answer.status == 404
        else:
            refused(dialect, answer, 404, 20404, NOT_FOUND.format(path))


@pytest.mark.parametrize("path", ["/", "//", "/favicon.ico", "/robots.txt", "/static/x", "/x/", "*", "/a%0Ab", "/%"])
def test_answers_paths_outside_both_apis(place: Place, path: str) -> None:
    """404 in Twilio's dialect, the path told as it was sent, its escapes undone."""
    told = {"*": "/*", "/a%0Ab": "/a\nb"}.get(path, path)
    answer = exchange(place, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    refused("twilio", answer, 404, 20404, NOT_FOUND.format(told))


def test_guesses_at_no_slash(api: HttpFunctionClient, place: Place, call: str) -> None:
    """A slash more, anywhere, is another path: 404, and no redirect."""
    good = f"{api.base}/Calls/{api.sid_of_call(call)}"
    for path in (f"{good}/", f"/{good}", good.replace("/Calls", "//Calls"), f"{good}//"):
        answer = exchange(place, request_line(api, "GET", path) + b"\r\n")
        # Where the prefix itself is broken, nobody's dialect is asked for.
        spoken = "twilio" if path.startswith("//") else api.dialect.name
        refused(spoken, answer, 404, 20404, NOT_FOUND.format(path))


@pytest.mark.parametrize(
    "odd", ["%00", "%FF", "%", "%zz", "%2F", "%0D%0A", "\xff", "\x00", "%ED%A0%80", "..", ";a=b", "#a"]
)
def test_reads_odd_paths(api: HttpFunctionClient, place: Place, call: str, odd: str) -> None:
    """NUL, bytes that are no UTF-8 and broken escapes make an id that there is not: 404 in the dialect."""
    path = f"{api.base}/Calls/{api.sid_of_call(call)}{odd}"
    answer = exchange(place, request_line(api, "GET", path) + b"\r\n")
    assert (answer.status, answer.body["code"], answer.body["status"]) == (404, 20404, 404)
    assert answer.body["more_info"] == MORE_INFO[api.dialect.name].format(20404)


@pytest.mark.parametrize("query", ["a=%FF", "\xff=1", "\x00", "%", "a=b?c=d", "&&=;", "Status=paused"])
def test_reads_odd_queries(api: HttpFunctionClient, place: Place, call: str, query: str) -> None:
    """A query that means nothing changes nothing."""
    path = f"{api.base}/Calls/{api.sid_of_call(call)}?{query}"
    answer = exchange(place, request_line(api, "GET", path) + b"\r\n")
    assert (answer.status, answer.body["sid"]) == (200, api.sid_of_call(call))


@pytest.mark.parametrize(
    "header",
    ["Cookie: a=\xff; b;;=", "X-A: \x00\xff", "Content-Type: ;;=\xff", "Host: a b", "Host:"],
)
def test_reads_odd_headers(api: HttpFunctionClient, place: Place, call: str, header: str) -> None:
    """A header that nobody asks for changes nothing."""
    path = f"{api.base}/Calls/{api.sid_of_call(call)}"
    head = f"GET {path} HTTP/1.1\r\n{header}\r\nAuthorization: {api._basic()}\r\n\r\n"
    assert exchange(place, head.encode("latin-1")).status == 200


def test_reads_folded_and_repeated_headers(api: HttpFunctionClient, place: Place, call: str) -> None:
    """A header on two lines is one; of a name with an underscore nothing is believed."""
    path = f"{api.base}/Calls/{api.sid_of_call(call)}"
    scheme, _, secret = api._basic().partition(" ")
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {scheme}\r\n {secret}\r\n\r\n"
    assert exchange(place, head.encode()).status == 200
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX_Authorization: x\r\nCONTENT_LENGTH: 5\r\n\r\n"
    assert exchange(place, head.encode()).status == 401


def update(api: HttpFunctionClient, call: str) -> str:
    """The path of a recording in progress."""
    started = api.post("Calls", api.sid_of_call(call), "Recordings")
    return f"{api.base}/Calls/{api.sid_of_call(call)}/Recordings/{started.body['sid']}"


FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


def test_reads_bodies_of_every_length(api: HttpFunctionClient, place: Place, call: str) -> None:
    """With a length, in chunks with extensions and trailers, or none at all."""
    path = update(api, call)
    head = request_line(api, "POST", path) + FORM
    with_length = head + b"Content-Length: 13\r\n\r\nStatus=paused"
    assert exchange(place, with_length).body["status"] == "paused"
    chunks = b"Transfer-Encoding: Chunked\r\n\r\n6;a=b\r\nStatus\r\n0000c\r\n=in-progress\r\n0\r\nX: y\r\n\r\n"
    assert exchange(place, head + chunks).body["status"] == "in-progress"
    missing = {
        "twilio": (400, 20001, "Missing required parameter Status in the post body"),
        "signalwire": (422, 10000, "Status is required"),
    }
    refused(api.dialect.name, exchange(place, head + b"\r\n"), *missing[api.dialect.name])
    refused(api.dialect.name, exchange(place, head + b"Content-Length: 0\r\n\r\n"), *missing[api.dialect.name])


@pytest.mark.parametrize("body", [b"Status=\xff\xfe", b"Status=%ff", b"Status=%zz", b"\x80"])
def test_refuses_bodies_that_are_no_form(api: HttpFunctionClient, call: str, body: bytes) -> None:
    """Bytes that are no UTF-8 and broken escapes: 400 in the dialect."""
    answer = api.request("POST", update(api, call), form=body)
    malformed = {"twilio": (400, 20001, "Bad request"), "signalwire": (400, 10000, "Malformed request body")}
    refused(api.dialect.name, answer, *malformed[api.dialect.name])


@pytest.mark.parametrize("size", [65537, 10_000_000])
def test_refuses_large_bodies(api: HttpFunctionClient, call: str, size: int) -> None:
    """413 in the dialect, after the body was read and thrown away; the connection is still good."""
    assert api.place is not None
    path = update(api, call)
    connection = api.place.connect()
    headers = {"Authorization": api._basic(), "Content-Type": "application/x-www-form-urlencoded"}
    too_large = {"twilio": (413, 20001, "Bad request"), "signalwire": (413, 10000, "Request body too large")}
    try:
        from tests.standin.http_client import ask

        answer = ask(connection, "POST", path, b"a" * size, headers)
        refused(api.dialect.name, answer, *too_large[api.dialect.name])
        assert "connection" not in answer.headers
        assert ask(connection, "POST", path, b"Status=paused", headers).status == 200
    finally:
        connection.close()


def test_reads_no_body_without_end(api: HttpFunctionClient, place: Place, call: str) -> None:
    """A body of a gigabyte, or of chunks without end, is answered with 413 before it was sent, and hung up on."""
    head = request_line(api, "POST", update(api, call)) + FORM
    with raw(place.port) as connection:
        connection.send(head + b"Content-Length: 1000000000\r\n\r\n" + b"a" * 100_000)
        answer = connection.read_answer()
        assert (answer.status, answer.headers["connection"]) == (413, "close")
    with raw(place.port) as connection:
        connection.send(head + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n" + b"a" * 100_000)
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
def test_refuses_broken_framing(api: HttpFunctionClient, place: Place, framing: bytes) -> None:
    """Where a request's end cannot be told it is 400 in the dialect, and the connection ends with it."""
    malformed = {"twilio": (400, 20001, "Bad request"), "signalwire": (400, 10000, "Malformed request body")}
    with raw(place.port) as connection:
        connection.send(request_line(api, "POST", f"{api.base}/Calls/x") + framing)
        answer = connection.read_answer()
        refused(api.dialect.name, answer, *malformed[api.dialect.name])
        assert answer.headers["connection"] == "close"
        assert connection.has_ended


@pytest.mark.parametrize(
    "data",
    [
        b"GET\r\n\r\n",
        b"GET / X\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET / HTTP/1.1 x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 120 + b"\r\n",
    ],
)
def test_refuses_what_is_not_http(place: Place, data: bytes) -> None:
    """It is 400 in Twilio's dialect, and the connection ends with it."""
    with raw(place.port) as connection:
        connection.send(data)
        answer = connection.read_answer()
        refused("twilio", answer, 400, 20001, "Bad request")
        assert (answer.headers["connection"], connection.has_ended) == ("close", True)


def test_takes_an_absolute_target(api: HttpFunctionClient, place: Place, call: str) -> None:
    """As a proxy's client would send it."""
    path = f"http://api.twilio.com{api.base}/Calls/{api.sid_of_call(call)}"
    assert exchange(place, request_line(api, "GET", path) + b"\r\n").status == 200


def test_keeps_connections(place: Place, api: HttpFunctionClient) -> None:
    """Requests follow one another on a connection, even before their answers; nothing is said of it."""
    one = request_line(api, "GET", "/x") + b"\r\n"
    with raw(place.port) as connection:
        connection.send(one + one + b"\r\n" + one)
        for _ in range(3):
            answer = connection.read_answer()
            assert (answer.status, answer.headers.get("connection")) == (404, None)


@pytest.mark.parametrize("value", [b"close", b"Close", b"TE, close"])
def test_closes_when_told(place: Place, value: bytes) -> None:
    """A client that wants the connection closed is told that it will be, and it is: else Node 20 would reuse it."""
    with raw(place.port) as connection:
        connection.send(b"GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: " + value + b"\r\n\r\n")
        assert connection.read_answer().headers["connection"] == "close"
        assert connection.has_ended


def test_speaks_to_old_clients(place: Place) -> None:
    """HTTP/1.0 is closed, unless it asks to be kept, and then is told so."""
    with raw(place.port) as connection:
        connection.send(b"GET /x HTTP/1.0\r\n\r\n")
        assert connection.read_answer().headers["connection"] == "close"
        assert connection.has_ended
    with raw(place.port) as connection:
        for _ in range(2):
            connection.send(b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert connection.read_answer().headers["connection"] == "keep-alive"


def test_continues(place: Place, api: HttpFunctionClient, call: str) -> None:
    """A client that waits to be asked for its body is asked."""
    head = request_line(api, "POST", update(api, call)) + FORM
    with raw(place.port) as connection:
        connection.send(head + b"Expect: 100-continue\r\nContent-Length: 13\r\n\r\n")
        assert connection.read_answer().status == 100
        connection.send(b"Status=paused")
        assert connection.read_answer().body["status"] == "paused"


def test_keeps_accounts_apart(place: Place, api: HttpFunctionClient, anonymous: ControlClient, call: str) -> None:
    """Another account sees nothing of it, under its own name or the owner's; wrong tokens see nothing at all."""
    other = anonymous.post("/accounts").body
    stranger = HttpFunctionClient(api.dialect, other["sid"]["signalwire"].replace("-", ""), other["token"], place=place)
    answer = stranger.get("Calls", api.sid_of_call(call))
    path = stranger.path("Calls", api.sid_of_call(call))
    refused(api.dialect.name, answer, 404, 20404, NOT_FOUND.format(path))
    assert stranger.request("GET", api.path("Calls", api.sid_of_call(call))).status == 404
    assert api.request("GET", stranger.path("Calls", "x")).status == 404
    assert ControlClient(place, other["sid"]["twilio"]).post(f"/calls/{api.sid_of_call(call)}/hangup").status == 404
    api.secret = "wrong"
    assert api.get("Calls", api.sid_of_call(call)).status == 401


def test_serves_many_at_once(api: HttpFunctionClient, control: ControlClient) -> None:
    """Eight clients at once create and stop; each of their recordings is there and stopped."""
    from concurrent.futures import ThreadPoolExecutor

    def work(_: int) -> Any:
        call = control.post("/calls").body["sid"][api.dialect.name]
        recording = api.post("Calls", call, "Recordings").body["sid"]
        api.post("Calls", call, "Recordings", recording, form={"Status": "stopped"})
        return api.post("Calls", call, "Recordings", recording, form={"Status": "stopped"}).body["status"]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(16))) == ["stopped"] * 16


def test_reports_each_request_in_a_line(place: Place, api: HttpFunctionClient) -> None:
    """Method, path, status, milliseconds; what could move a terminal's cursor is escaped, the query left out."""
    import re

    place.lines.clear()
    exchange(place, b"GET /a\x1b[2J\xff%0A?secret=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert api.get("Calls", "x").status == 404
    first, second = place.lines
    assert re.fullmatch(r"GET /a%1B\[2J%FF%0A 404 \d+ ms", first)
    assert re.fullmatch(rf"GET {re.escape(api.path('Calls', 'x'))} 404 \d+ ms", second)


def test_answers_what_nobody_foresaw(place: Place, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    """A fault of the stand-in's own is 500 in the dialect, with its trace in the terminal, not in the answer."""
    from samcli.local.apigw.local_apigw_service import LocalApigwService

    def fail(*_: object) -> None:
        raise ZeroDivisionError("hush")

    monkeypatch.setattr(LocalApigwService, "_generate_lambda_event", fail)
    answer = exchange(place, b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    refused("twilio", answer, 500, 20500, "Internal Server Error")
    assert "ZeroDivisionError: hush" in capfd.readouterr().err


def test_writes_ids_in_both_dialects(place: Place) -> None:
    """The account of the stand-in opens in either dialect."""
    for dialect in DIALECTS.values():
        own = HttpFunctionClient(dialect, place.account, place.token, place=place)
        call = (
            ControlClient(place, SIGNALWIRE.format_sid(ResourceType.ACCOUNT, place.account)).post("/calls").body["sid"]
        )
        assert own.get("Calls", call[dialect.name]).body["sid"] == call[dialect.name]


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "multipart/mixed", "text/plain"])
def test_lets_a_body_of_any_type_through(api: HttpFunctionClient, call: str, content_type: str) -> None:
    """What is no form is an empty one in Twilio's dialect, and a form without known fields in SignalWire's."""
    body = b'--x\r\nContent-Disposition: form-data; name="Status"\r\n\r\npaused\r\n--x--\r\n'
    answer = api.request(
        "POST", api.path("Calls", api.sid_of_call(call), "Recordings"), form=body, content_type=content_type
    )
    assert answer.status == api.dialect.created_status


def test_nothing_has_no_type(api: HttpFunctionClient, control: ControlClient, call: str) -> None:
    """An answer without a body tells of no content type: 204, and 304 of audio that the client has."""
    path = ("Calls", api.sid_of_call(call), "Recordings")
    recording = api.post(*path).body["sid"]
    control.post("/clock", {"advance": 2})
    api.post(*path, recording, form={"Status": "stopped"})
    control.post("/clock", {"advance": 2})
    assert control.post("/settle", {"timeout": 30}).status == 200
    audio = f"{api.base}/Recordings/{recording}.wav"
    known = {"If-None-Match": "*"}
    for status, answer in (
        (304, api.request("GET", audio, headers=known)),
        (304, api.request("HEAD", audio, headers=known)),
        (204, api.delete(*path, recording)),
    ):
        assert (answer.status, answer.content, answer.headers.get("content-type")) == (status, b"", None)
