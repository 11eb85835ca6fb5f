"""Whatever a server does, an attempt ends in time and in little memory (rule R13, proof G12)."""

import socket
import ssl
import struct
import time
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Final
from unittest.mock import ANY

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tapedeck.adapters.webhooks.client import SafeWebhookClient
from tapedeck.ports.messaging import FailureReason, Timeouts, WebhookRequest, WebhookResult
from tests.thoroughness import scaled
from tests.webhook.conftest import Authority
from tests.webhook.servers import (
    AMPLE,
    PUBLIC,
    Behave,
    Internet,
    Server,
    get,
    post,
    read_request,
    redirect,
    reply,
    serving,
    timeless,
)

SHORT: Final = Timeouts(connect=300, read=200, total=300)
MARGIN: Final = 1500
"""Milliseconds after the limit within which even a busy machine has noticed."""
MAX_MEMORY: Final = 2 << 20

OK: Final = b"HTTP/1.1 200 OK\r\n"
CHUNKED: Final = OK + b"Transfer-Encoding: chunked\r\n\r\n"
HEADER: Final = b"X-Filler: " + b"x" * 80 + b"\r\n"


def says(*parts: bytes) -> Behave:
    """Reads the request, says this, and closes."""

    def behave(_: Server, connection: socket.socket) -> None:
        read_request(connection)
        for part in parts:
            connection.sendall(part)

    return behave


def endless(beginning: bytes, part: bytes, *, pause: float = 0) -> Behave:
    """Reads the request, and says the same for ever."""

    def behave(server: Server, connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(beginning)
        for again in repeat(part):
            connection.sendall(again)
            if server.stop.wait(pause):
                return

    return behave


def silent(server: Server, _: socket.socket) -> None:
    """Neither reads nor answers."""
    server.stop.wait()


def deaf(server: Server, connection: socket.socket) -> None:
    """Reads the request, and never answers."""
    read_request(connection)
    server.stop.wait()


def hasty(_: Server, connection: socket.socket) -> None:
    """Closes at once."""
    connection.close()


def rude(_: Server, connection: socket.socket) -> None:
    """Resets the connection within its answer."""
    read_request(connection)
    connection.sendall(OK + b"Content-Length: 10\r\n\r\n12345")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def slow_redirects(server: Server, connection: socket.socket) -> None:
    """Answers just in time, and leads to itself."""
    read_request(connection)
    server.stop.wait(0.12)
    connection.sendall(redirect("/"))


SLOW: Final[dict[str, Behave]] = {
    "never answers": deaf,
    "never reads": silent,
    "drips a status": endless(b"", b"H", pause=0.05),
    "drips headers": endless(OK + b"X: ", b"x", pause=0.05),
    "drips a body": endless(OK + b"Content-Length: 1000\r\n\r\n", b"x", pause=0.05),
    "drips a body without end": endless(OK + b"\r\n", b"x", pause=0.05),
    "drips chunks": endless(CHUNKED, b"1\r\nx\r\n", pause=0.05),
    "drips interim answers": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.05),
    "redirects slowly": slow_redirects,
}

WRONG: Final[dict[str, tuple[Behave, FailureReason]]] = {
    "closes at once": (hasty, FailureReason.READ),
    "answers nothing": (says(), FailureReason.READ),
    "resets": (rude, FailureReason.READ),
    "ends within the status": (says(b"HTTP/1.1 20"), FailureReason.PROTOCOL),
    "ends after the status": (says(OK), FailureReason.READ),
    "ends within the headers": (says(OK + b"Content-Le"), FailureReason.READ),
    "ends after the headers": (says(OK + b"Content-Length: 0\r\n"), FailureReason.READ),
    "ends within a redirect": (says(b"HTTP/1.1 302 Found\r\nLocation: /somew"), FailureReason.READ),
    "ends after an interim answer": (says(b"HTTP/1.1 103 Early Hints\r\n\r\n"), FailureReason.READ),
    "ends within the body": (says(OK + b"Content-Length: 10\r\n\r\n12345"), FailureReason.READ),
    "ends before the body": (says(OK + b"Content-Length: 10\r\n\r\n"), FailureReason.READ),
    "ends within a chunk": (says(CHUNKED, b"a\r\n12345"), FailureReason.READ),
    "ends between chunks": (says(CHUNKED, b"5\r\n12345\r\n"), FailureReason.READ),
    "sends headers for ever": (endless(OK, HEADER), FailureReason.PROTOCOL),
    "sends one header for ever": (endless(OK + b"X: ", b"x" * 8192), FailureReason.PROTOCOL),
    "sends a status for ever": (endless(b"HTTP/1.1 200 ", b"x" * 8192), FailureReason.PROTOCOL),
    "sends a folded header for ever": (endless(OK + b"X: x\r\n", b" x\r\n" * 1000), FailureReason.PROTOCOL),
    "sends a large header": (
        says(OK + b"X: " + b"x" * 60_000 + b"\r\nContent-Length: 0\r\n\r\n"),
        FailureReason.PROTOCOL,
    ),
    "sends many headers": (says(OK + b"X: x\r\n" * 200 + b"Content-Length: 0\r\n\r\n"), FailureReason.PROTOCOL),
    "floods with 100": (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), FailureReason.PROTOCOL),
    "floods with 103": (endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 100), FailureReason.PROTOCOL),
    "sends noise": (says(bytes(range(256)) * 100), FailureReason.PROTOCOL),
    "sends noise for ever": (endless(b"", b"\xff\0\r\n" * 1000), FailureReason.PROTOCOL),
    "speaks TLS": (says(b"\x15\x03\x03\x00\x02\x02\x50"), FailureReason.PROTOCOL),
    "speaks SSH": (says(b"SSH-2.0-OpenSSH_9.6\r\n"), FailureReason.PROTOCOL),
    "speaks HTTP/0.9": (says(b"<html>ok</html>"), FailureReason.PROTOCOL),
    "speaks HTTP/2": (says(b"HTTP/2 200\r\n\r\n"), FailureReason.PROTOCOL),
    "has no such status": (says(b"HTTP/1.1 2000 OK\r\n\r\n"), FailureReason.PROTOCOL),
    "sends a chunk that is none": (says(CHUNKED, b"zz\r\nnoise\r\n"), FailureReason.PROTOCOL),
    "sends a chunk of a negative size": (says(CHUNKED, b"-2\r\nnoise\r\n" * 9), FailureReason.PROTOCOL),
    "sends a chunk up to the end": (endless(CHUNKED + b"-1\r\n", b"x" * 8192), FailureReason.PROTOCOL),
    "sends a chunk size for ever": (endless(CHUNKED, b"0" * 8192), FailureReason.PROTOCOL),
    "sends chunk extensions for ever": (endless(CHUNKED, b"1;" + b"x" * 4096 + b"\r\nx\r\n"), FailureReason.PROTOCOL),
    "sends trailers for ever": (endless(CHUNKED + b"0\r\n", HEADER), FailureReason.PROTOCOL),
    "redirects in a circle": (says(redirect("/")), FailureReason.REDIRECT),
    "redirects nowhere": (says(reply(302)), FailureReason.REDIRECT),
    "redirects to nothing": (says(redirect("")), FailureReason.REDIRECT),
    "redirects to this machine": (says(redirect("http://localhost/")), FailureReason.FORBIDDEN),
    "redirects to credentials": (says(redirect("http://169.254.169.254/latest/")), FailureReason.FORBIDDEN),
}

MUCH: Final[dict[str, Behave]] = {
    "without a length": endless(OK + b"\r\n", b"x" * 65_536),
    "of a great length": endless(OK + b"Content-Length: 999999999999\r\n\r\n", b"x" * 65_536),
    "of no number": endless(OK + b"Content-Length: " + b"9" * 9000 + b"\r\n\r\n", b"x" * 65_536),
    "in small chunks": endless(CHUNKED, b"10\r\n" + b"x" * 16 + b"\r\n"),
    "in great chunks": endless(CHUNKED, b"10000\r\n" + b"x" * 65_536 + b"\r\n"),
    "in one endless chunk": endless(CHUNKED + b"ffffffffffffffffff\r\n", b"x" * 65_536),
}


@pytest.fixture
def memory() -> Iterator[Callable[[], int]]:
    """The most bytes that were ever in use at a time since the test began, this process's tests and servers alike."""
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def attempt(server: Server, limits: Timeouts, body: bytes = b"x=1") -> WebhookResult:
    """One to a server that may be connected to."""
    host = f"127.0.0.1:{server.port}"
    return connected(
        SafeWebhookClient(allowed_hosts=frozenset({host})), post(f"http://{host}/", body=body, timeouts=limits)
    )


def connected(sender: SafeWebhookClient, request: WebhookRequest) -> WebhookResult:
    """What becomes of a request to somebody who listens: a machine that stood still meanwhile is asked again."""
    outcomes = (sender.send(request) for _ in range(5))
    return next(outcome for outcome in outcomes if outcome.failure is not FailureReason.CONNECT)


@pytest.mark.parametrize("behave", SLOW.values(), ids=SLOW.keys())
def test_an_attempt_ends_in_time(behave: Behave, memory: Callable[[], int]) -> None:
    """A server that keeps us waiting costs the limit and no more, however it goes about it."""
    with serving(behave) as server:
        outcome = attempt(server, SHORT)
    assert outcome == WebhookResult(None, FailureReason.READ, ANY)
    assert outcome.milliseconds < SHORT.total + MARGIN
    assert memory() < MAX_MEMORY


@pytest.mark.parametrize(("behave", "failure"), WRONG.values(), ids=WRONG.keys())
def test_an_answer_that_is_none_ends_the_attempt(
    behave: Behave, failure: FailureReason, memory: Callable[[], int]
) -> None:
    """What is no HTTP, no end or no way ends the attempt long before the limit, and takes little memory."""
    with serving(behave) as server:
        outcome = attempt(server, AMPLE)
    assert outcome == WebhookResult(None, failure, ANY)
    assert outcome.milliseconds < AMPLE.total
    assert memory() < MAX_MEMORY


@pytest.mark.parametrize("behave", MUCH.values(), ids=MUCH.keys())
def test_an_endless_body_is_not_read_to_its_end(behave: Behave, memory: Callable[[], int]) -> None:
    """The status and the first kilobyte of a body that never ends are an answer."""
    with serving(behave) as server:
        outcome = attempt(server, AMPLE)
    assert outcome == WebhookResult(200, None, ANY, b"x" * 1024)
    assert outcome.milliseconds < AMPLE.total
    assert memory() < MAX_MEMORY


def test_an_unread_request_ends_in_time() -> None:
    """A server that never reads holds a request that fills its buffers no longer than the limit."""
    body = bytes(32 << 20)
    with serving(silent) as server:
        outcome = attempt(server, SHORT, body)
    assert outcome == WebhookResult(None, FailureReason.READ, ANY)
    assert outcome.milliseconds < SHORT.total + MARGIN


def silent_handshake(server: Server, connection: socket.socket) -> None:
    """Takes the greeting, and says nothing."""
    connection.recv(4096)
    server.stop.wait()


def slow_handshake(server: Server, connection: socket.socket) -> None:
    """Begins a record, and drips it."""
    connection.recv(4096)
    connection.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
    while not server.stop.wait(0.05):
        connection.sendall(b"\0")


def plain_handshake(_: Server, connection: socket.socket) -> None:
    """Answers without TLS."""
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize("behave", [silent_handshake, slow_handshake, plain_handshake, hasty])
def test_a_handshake_ends_in_time(behave: Behave, authority: Authority) -> None:
    """No TLS, or none in time, is no connection."""
    with serving(behave) as server:
        internet = Internet(server, {"app.example.com": [[PUBLIC]]})
        sender = SafeWebhookClient(resolve=internet.resolve, connect=internet.connect, tls=authority.trusted)
        outcome = sender.send(post("https://app.example.com/", timeouts=SHORT))
    assert outcome == WebhookResult(None, FailureReason.CONNECT, ANY)
    assert outcome.milliseconds < SHORT.total + MARGIN


@pytest.mark.parametrize(
    ("behave", "failure"),
    [
        (deaf, FailureReason.READ),
        (endless(OK + b"X: ", b"x", pause=0.05), FailureReason.READ),
        (endless(OK + b"X: ", b"x" * 8192), FailureReason.PROTOCOL),
        (says(redirect("http://app.example.com/")), FailureReason.REDIRECT),
    ],
)
def test_an_attempt_over_tls_ends_in_time(behave: Behave, failure: FailureReason, authority: Authority) -> None:
    """Behind TLS the same limits hold, and nothing leads back from https to http."""
    with serving(behave, tls=authority.issue("app.example.com")) as server:
        internet = Internet(server, {"app.example.com": [[PUBLIC]]})
        sender = SafeWebhookClient(resolve=internet.resolve, connect=internet.connect, tls=authority.trusted)
        outcome = connected(sender, post("https://app.example.com/", timeouts=SHORT))
    assert outcome == WebhookResult(None, failure, ANY)
    assert outcome.milliseconds < SHORT.total + MARGIN
    assert set(internet.connections) == {(PUBLIC, 443)}


def test_the_connect_limit_holds_for_the_handshake(authority: Authority) -> None:
    """A handshake may take as long as a connection may, though the whole attempt may take longer."""
    with serving(silent_handshake) as server:
        internet = Internet(server, {"app.example.com": [[PUBLIC]]})
        sender = SafeWebhookClient(resolve=internet.resolve, connect=internet.connect, tls=authority.trusted)
        outcome = sender.send(
            post("https://app.example.com/", timeouts=Timeouts(connect=100, read=60_000, total=60_000))
        )
    assert outcome == WebhookResult(None, FailureReason.CONNECT, ANY)
    assert outcome.milliseconds < 100 + MARGIN


def test_the_read_limit_holds_between_two_reads() -> None:
    """A server that pauses for longer than the limit has failed, though the whole attempt may take longer."""
    with serving(endless(OK + b"Content-Length: 9\r\n\r\n", b"x", pause=10)) as server:
        host = f"127.0.0.1:{server.port}"
        sender = SafeWebhookClient(allowed_hosts=frozenset({host}))
        outcome = sender.send(post(f"http://{host}/", timeouts=Timeouts(connect=60_000, read=100, total=60_000)))
    assert outcome == WebhookResult(None, FailureReason.READ, ANY)
    assert outcome.milliseconds < 100 + MARGIN


@pytest.mark.parametrize(("connect", "total"), [(100, 60_000), (60_000, 100), (0, 60_000), (60_000, 0)])
def test_nobody_waits_for_a_slow_resolver(connect: int, total: int) -> None:
    """A name that is not resolved within the limit for connections, or for the attempt, is no connection."""
    with serving(silent) as server:

        def resolve(_host: str, _port: int) -> list[str]:
            server.stop.wait(30)
            return []

        began = time.monotonic()
        limits = Timeouts(connect=connect, read=60_000, total=total)
        outcome = SafeWebhookClient(resolve=resolve).send(post("http://app.example.com/", timeouts=limits))
        took = 1000 * (time.monotonic() - began)
    assert outcome == WebhookResult(None, FailureReason.CONNECT, ANY)
    assert outcome.milliseconds <= took + 1 < 100 + MARGIN


@pytest.mark.parametrize("error", [socket.gaierror("unknown"), UnicodeError("label too long"), TimeoutError()])
def test_an_unknown_name_is_no_connection(error: Exception) -> None:
    """A resolver that fails, or that finds nothing, connects to nothing."""

    def resolve(_host: str, _port: int) -> list[str]:
        raise error

    assert timeless(SafeWebhookClient(resolve=resolve).send(get("http://a.example/"))) == WebhookResult(
        None, FailureReason.CONNECT, 0
    )
    assert timeless(SafeWebhookClient(resolve=lambda *_: []).send(get("http://a.example/"))) == WebhookResult(
        None, FailureReason.CONNECT, 0
    )


def test_long_names_are_unknown() -> None:
    """The system's resolver never sees a name that no DNS can hold."""
    for host in ("x" * 64 + ".example", "x." * 200 + "example"):
        assert timeless(SafeWebhookClient().send(get(f"http://{host}/"))) == WebhookResult(
            None, FailureReason.CONNECT, 0
        )


def test_tries_the_other_addresses() -> None:
    """Addresses that do not answer leave time for the others, each its share of what is left."""
    addresses = ["2606:4700::1111", "8.8.8.8", PUBLIC]
    shares = []
    with serving(says(reply(200))) as server:

        def connect(address: str, port: int, seconds: float) -> socket.socket:
            shares.append((address, port, seconds))
            if address != PUBLIC:
                raise OSError("network is unreachable")
            return socket.create_connection(("127.0.0.1", server.port), 10)

        sender = SafeWebhookClient(resolve=lambda *_: addresses, connect=connect)
        limits = Timeouts(connect=60_000, read=10_000, total=90_000)
        outcome = timeless(sender.send(post("http://app.example.com:81/", timeouts=limits)))
    assert outcome == WebhookResult(200, None, 0)
    assert [(address, port) for address, port, _ in shares] == [(address, 81) for address in addresses]
    assert [round(seconds, -1) for *_, seconds in shares] == [20, 30, 60]


def test_nobody_who_listens_is_no_connection() -> None:
    """A port that nobody listens at is no connection, whichever kind of address it has."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    sender = SafeWebhookClient(allowed_hosts=frozenset({"127.0.0.1", "::1"}))
    sent = [timeless(sender.send(get(f"http://{host}:{port}/"))) for host in ("127.0.0.1", "[::1]")]
    assert sent == [WebhookResult(None, FailureReason.CONNECT, 0)] * 2


PIECES: Final = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 204 \r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 401 \r\n",
        b"HTTP/1.1 302 X\r\n", b"Location: /\r\n", b"Location: \xff\xfe://[\r\n", b"Location: http://[::1]:99999/\r\n",
        b"Retry-After: 1\r\n", b"Retry-After: \xb2\r\n", b"Retry-After: Mon, 31 Feb 0000 25:00:00 GMT\r\n",
        b"WWW-Authenticate: Basic\r\n", b'WWW-Authenticate: ,,="\r\n', b"Content-Length: 5\r\n",
        b"Content-Length: -5\r\n", b"Content-Length: \xb2\r\n", b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked, gzip\r\n", b"\r\n", b"\r", b"\n", b" ", b":", b"\0", b"5\r\nhello\r\n",
        b"0\r\n\r\n", b"-1\r\n", b"ffffffffffffffff\r\n", b"1;a=b\r\nx\r\n", b"=?utf-8?q?=00?=\r\n", b"\xff" * 99,
    ]
)  # fmt: skip


@settings(max_examples=scaled(2_000, 200), deadline=None, database=None)
@given(answer=st.lists(PIECES | st.binary(max_size=30), max_size=12).map(b"".join))
@example(answer=b"HTTP/1.1 302 X\r\nLocation: \r\n\r\n")
def test_any_answer_is_an_outcome(answer: bytes) -> None:
    """Whatever bytes come back, there is a status or a reason why there is none, and nothing breaks."""
    others: list[socket.socket] = []

    def connect(_address: str, _port: int, _seconds: float) -> socket.socket:
        ours, theirs = socket.socketpair()
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        others.append(theirs)
        return ours

    sender = SafeWebhookClient(resolve=lambda *_: [PUBLIC], connect=connect)
    outcome = sender.send(post("http://user@app.example.com/", body=b"x=1"))
    assert (outcome.status is None) is (outcome.failure is not None)
    assert outcome.status is None or 200 <= outcome.status <= 999
    assert outcome.failure in {
        None,
        FailureReason.READ,
        FailureReason.PROTOCOL,
        FailureReason.REDIRECT,
        FailureReason.FORBIDDEN,
    }
    assert len(outcome.answer) <= 1024
    assert 1 <= len(others) <= 5
    for other in others:
        other.close()


def test_a_request_that_cannot_be_written_is_an_outcome() -> None:
    """A header that HTTP has no form for is never sent, and breaks nothing."""
    with serving(says(reply(200))) as server:
        internet = Internet(server, {"app.example.com": [[PUBLIC]]})
        sender = SafeWebhookClient(resolve=internet.resolve, connect=internet.connect)
        requests = [
            post("http://app.example.com/", headers={"X": "a\r\nb: c"}),
            post("http://app.example.com/", headers={"X\r\nY": "a"}),
            post("http://app.example.com/", headers={"X": "\u20ac"}),
        ]
        sent = [timeless(sender.send(request)) for request in requests]
    assert sent == [WebhookResult(None, FailureReason.PROTOCOL, 0)] * len(requests)


def test_no_trust_is_no_connection(authority: Authority) -> None:
    """A certificate of another name, or of an authority that nobody trusts, ends the attempt before a word is sent."""
    read: list[object] = []

    def behave(_: Server, connection: socket.socket) -> None:
        read.append(read_request(connection))

    wrong = {
        "https://app.example.com/": authority.issue("other.example.com", "*.app.example.com"),
        "https://8.8.8.8/": authority.issue("app.example.com", "8.8.4.4"),
    }
    sent = []
    for url, context in wrong.items():
        with serving(behave, tls=context) as server:
            internet = Internet(server, {"app.example.com": [[PUBLIC]]})
            sender = SafeWebhookClient(resolve=internet.resolve, connect=internet.connect, tls=authority.trusted)
            sent.append(timeless(sender.send(post(url))))
    with serving(behave, tls=authority.issue("app.example.com")) as server:
        internet = Internet(server, {"app.example.com": [[PUBLIC]]})
        by_default = SafeWebhookClient(resolve=internet.resolve, connect=internet.connect)
        sent.append(timeless(by_default.send(post("https://app.example.com/"))))
    assert (sent, read) == ([WebhookResult(None, FailureReason.CONNECT, 0)] * 3, [])
    assert isinstance(by_default._tls, ssl.SSLContext)
    assert (by_default._tls.check_hostname, by_default._tls.verify_mode) == (True, ssl.CERT_REQUIRED)
