"""Attempts against misbehaving servers end within the timeouts and use little memory (REL-13)."""

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
MARGIN: Final = 20_000
"""Milliseconds of tolerance after a timeout, for a busy machine; every other limit is longer."""
MAX_MEMORY: Final = 2 << 20

OK: Final = b"HTTP/1.1 200 OK\r\n"
CHUNKED: Final = OK + b"Transfer-Encoding: chunked\r\n\r\n"
HEADER: Final = b"X-Filler: " + b"x" * 80 + b"\r\n"


def sends(*parts: bytes) -> Behave:
    """Return a behaviour that reads the request, sends these parts and closes."""

    def behave(_: Server, connection: socket.socket) -> None:
        read_request(connection)
        for part in parts:
            connection.sendall(part)

    return behave


def endless(beginning: bytes, part: bytes, *, pause: float = 0) -> Behave:
    """Return a behaviour that reads the request and repeats the part forever."""

    def behave(server: Server, connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(beginning)
        for repeated in repeat(part):
            connection.sendall(repeated)
            if server.stop.wait(pause):
                return

    return behave


def never_reads(server: Server, _: socket.socket) -> None:
    """Neither read nor respond."""
    server.stop.wait()


def never_responds(server: Server, connection: socket.socket) -> None:
    """Read the request and never respond."""
    read_request(connection)
    server.stop.wait()


def closes(_: Server, connection: socket.socket) -> None:
    """Close the connection immediately."""
    connection.close()


def resets(_: Server, connection: socket.socket) -> None:
    """Reset the connection within the response."""
    read_request(connection)
    connection.sendall(OK + b"Content-Length: 10\r\n\r\n12345")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def redirects_slowly(server: Server, connection: socket.socket) -> None:
    """Redirect to itself, each time just before the timeout."""
    read_request(connection)
    server.stop.wait(0.12)
    connection.sendall(redirect("/"))


SLOW: Final[dict[str, Behave]] = {
    "never answers": never_responds,
    "never reads": never_reads,
    "drips a status": endless(b"", b"H", pause=0.05),
    "drips headers": endless(OK + b"X: ", b"x", pause=0.05),
    "drips a body": endless(OK + b"Content-Length: 1000\r\n\r\n", b"x", pause=0.05),
    "drips a body without end": endless(OK + b"\r\n", b"x", pause=0.05),
    "drips chunks": endless(CHUNKED, b"1\r\nx\r\n", pause=0.05),
    "drips interim answers": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.05),
    "redirects slowly": redirects_slowly,
}

MALFORMED: Final[dict[str, tuple[Behave, FailureReason]]] = {
    "closes at once": (closes, FailureReason.READ),
    "sends nothing": (sends(), FailureReason.READ),
    "resets": (resets, FailureReason.READ),
    "ends within the status": (sends(b"HTTP/1.1 20"), FailureReason.PROTOCOL),
    "ends after the status": (sends(OK), FailureReason.READ),
    "ends within the headers": (sends(OK + b"Content-Le"), FailureReason.READ),
    "ends after the headers": (sends(OK + b"Content-Length: 0\r\n"), FailureReason.READ),
    "ends within a redirect": (sends(b"HTTP/1.1 302 Found\r\nLocation: /somew"), FailureReason.READ),
    "ends after an interim answer": (sends(b"HTTP/1.1 103 Early Hints\r\n\r\n"), FailureReason.READ),
    "ends within the body": (sends(OK + b"Content-Length: 10\r\n\r\n12345"), FailureReason.READ),
    "ends before the body": (sends(OK + b"Content-Length: 10\r\n\r\n"), FailureReason.READ),
    "ends within a chunk": (sends(CHUNKED, b"a\r\n12345"), FailureReason.READ),
    "ends between chunks": (sends(CHUNKED, b"5\r\n12345\r\n"), FailureReason.READ),
    "sends headers for ever": (endless(OK, HEADER), FailureReason.PROTOCOL),
    "sends one header for ever": (endless(OK + b"X: ", b"x" * 8192), FailureReason.PROTOCOL),
    "sends a status for ever": (endless(b"HTTP/1.1 200 ", b"x" * 8192), FailureReason.PROTOCOL),
    "sends a folded header for ever": (endless(OK + b"X: x\r\n", b" x\r\n" * 1000), FailureReason.PROTOCOL),
    "sends a large header": (
        sends(OK + b"X: " + b"x" * 60_000 + b"\r\nContent-Length: 0\r\n\r\n"),
        FailureReason.PROTOCOL,
    ),
    "sends many headers": (sends(OK + b"X: x\r\n" * 200 + b"Content-Length: 0\r\n\r\n"), FailureReason.PROTOCOL),
    "floods with 100": (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), FailureReason.PROTOCOL),
    "floods with 103": (endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 100), FailureReason.PROTOCOL),
    "sends noise": (sends(bytes(range(256)) * 100), FailureReason.PROTOCOL),
    "sends noise for ever": (endless(b"", b"\xff\0\r\n" * 1000), FailureReason.PROTOCOL),
    "speaks TLS": (sends(b"\x15\x03\x03\x00\x02\x02\x50"), FailureReason.PROTOCOL),
    "speaks SSH": (sends(b"SSH-2.0-OpenSSH_9.6\r\n"), FailureReason.PROTOCOL),
    "speaks HTTP/0.9": (sends(b"<html>ok</html>"), FailureReason.PROTOCOL),
    "speaks HTTP/2": (sends(b"HTTP/2 200\r\n\r\n"), FailureReason.PROTOCOL),
    "sends an invalid status": (sends(b"HTTP/1.1 2000 OK\r\n\r\n"), FailureReason.PROTOCOL),
    "sends an invalid chunk": (sends(CHUNKED, b"zz\r\nnoise\r\n"), FailureReason.PROTOCOL),
    "sends a chunk of a negative size": (sends(CHUNKED, b"-2\r\nnoise\r\n" * 9), FailureReason.PROTOCOL),
    "sends a chunk up to the end": (endless(CHUNKED + b"-1\r\n", b"x" * 8192), FailureReason.PROTOCOL),
    "sends a chunk size for ever": (endless(CHUNKED, b"0" * 8192), FailureReason.PROTOCOL),
    "sends chunk extensions for ever": (endless(CHUNKED, b"1;" + b"x" * 4096 + b"\r\nx\r\n"), FailureReason.PROTOCOL),
    "sends trailers for ever": (endless(CHUNKED + b"0\r\n", HEADER), FailureReason.PROTOCOL),
    "redirects in a circle": (sends(redirect("/")), FailureReason.REDIRECT),
    "redirects nowhere": (sends(reply(302)), FailureReason.REDIRECT),
    "redirects to nothing": (sends(redirect("")), FailureReason.REDIRECT),
    "redirects to this machine": (sends(redirect("http://localhost/")), FailureReason.FORBIDDEN),
    "redirects to credentials": (sends(redirect("http://169.254.169.254/latest/")), FailureReason.FORBIDDEN),
}

ENDLESS_BODIES: Final[dict[str, Behave]] = {
    "without a length": endless(OK + b"\r\n", b"x" * 65_536),
    "of a great length": endless(OK + b"Content-Length: 999999999999\r\n\r\n", b"x" * 65_536),
    "of no number": endless(OK + b"Content-Length: " + b"9" * 9000 + b"\r\n\r\n", b"x" * 65_536),
    "in small chunks": endless(CHUNKED, b"10\r\n" + b"x" * 16 + b"\r\n"),
    "in great chunks": endless(CHUNKED, b"10000\r\n" + b"x" * 65_536 + b"\r\n"),
    "in one endless chunk": endless(CHUNKED + b"ffffffffffffffffff\r\n", b"x" * 65_536),
}


@pytest.fixture
def memory() -> Iterator[Callable[[], int]]:
    """Yield a function that returns the peak of traced memory in bytes since the test began, servers included."""
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def attempt(server: Server, limits: Timeouts, body: bytes = b"x=1") -> WebhookResult:
    """Make one attempt to this server, whose address is allowed."""
    host = f"127.0.0.1:{server.port}"
    return send_until_connected(
        SafeWebhookClient(allowed_hosts=frozenset({host})), post(f"http://{host}/", body=body, timeouts=limits)
    )


def send_until_connected(sender: SafeWebhookClient, request: WebhookRequest) -> WebhookResult:
    """Send a request to a listening server; retry failed connections, which a stalled machine can cause."""
    outcomes = (sender.send(request) for _ in range(100))
    return next(outcome for outcome in outcomes if outcome.failure is not FailureReason.CONNECT)


@pytest.mark.parametrize("behave", SLOW.values(), ids=SLOW.keys())
def test_an_attempt_ends_in_time(behave: Behave, memory: Callable[[], int]) -> None:
    """An attempt against a slow server ends at the timeout."""
    with serving(behave) as server:
        outcome = attempt(server, SHORT)
    assert outcome == WebhookResult(None, FailureReason.READ, ANY)
    assert outcome.milliseconds < SHORT.total + MARGIN
    assert memory() < MAX_MEMORY


@pytest.mark.parametrize(("behave", "failure"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_response_ends_the_attempt(
    behave: Behave, failure: FailureReason, memory: Callable[[], int]
) -> None:
    """A malformed, endless or misdirected response ends the attempt before the timeout, in little memory."""
    with serving(behave) as server:
        outcome = attempt(server, AMPLE)
    assert outcome == WebhookResult(None, failure, ANY)
    assert outcome.milliseconds < AMPLE.total
    assert memory() < MAX_MEMORY


@pytest.mark.parametrize("behave", ENDLESS_BODIES.values(), ids=ENDLESS_BODIES.keys())
def test_an_endless_body_is_truncated(behave: Behave, memory: Callable[[], int]) -> None:
    """A response with an endless body yields its status and the first kilobyte."""
    with serving(behave) as server:
        outcome = attempt(server, AMPLE)
    assert outcome == WebhookResult(200, None, ANY, b"x" * 1024)
    assert outcome.milliseconds < AMPLE.total
    assert memory() < MAX_MEMORY


def test_an_unread_request_ends_in_time() -> None:
    """A large request to a server that never reads ends at the timeout."""
    body = bytes(32 << 20)
    with serving(never_reads) as server:
        outcome = attempt(server, SHORT, body)
    assert outcome == WebhookResult(None, FailureReason.READ, ANY)
    assert outcome.milliseconds < SHORT.total + MARGIN


def silent_handshake(server: Server, connection: socket.socket) -> None:
    """Receive the ClientHello and send nothing."""
    connection.recv(4096)
    server.stop.wait()


def slow_handshake(server: Server, connection: socket.socket) -> None:
    """Start a TLS record and send it byte by byte."""
    connection.recv(4096)
    connection.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
    while not server.stop.wait(0.05):
        connection.sendall(b"\0")


def plain_handshake(_: Server, connection: socket.socket) -> None:
    """Respond without TLS."""
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize("behave", [silent_handshake, slow_handshake, plain_handshake, closes])
def test_a_handshake_ends_in_time(behave: Behave, authority: Authority) -> None:
    """A failed or slow TLS handshake is a connection failure."""
    with serving(behave) as server:
        internet = Internet(server, {"app.example.com": [[PUBLIC]]})
        sender = SafeWebhookClient(resolve=internet.resolve, connect=internet.connect, tls=authority.trusted)
        outcome = sender.send(post("https://app.example.com/", timeouts=SHORT))
    assert outcome == WebhookResult(None, FailureReason.CONNECT, ANY)
    assert outcome.milliseconds < SHORT.total + MARGIN


@pytest.mark.parametrize(
    ("behave", "failure"),
    [
        (never_responds, FailureReason.READ),
        (endless(OK + b"X: ", b"x", pause=0.05), FailureReason.READ),
        (endless(OK + b"X: ", b"x" * 8192), FailureReason.PROTOCOL),
        (sends(redirect("http://app.example.com/")), FailureReason.REDIRECT),
    ],
)
def test_an_attempt_over_tls_ends_in_time(behave: Behave, failure: FailureReason, authority: Authority) -> None:
    """The timeouts apply over TLS too, and a redirect from https to http is not followed."""
    with serving(behave, tls=authority.issue("app.example.com")) as server:
        internet = Internet(server, {"app.example.com": [[PUBLIC]]})
        sender = SafeWebhookClient(resolve=internet.resolve, connect=internet.connect, tls=authority.trusted)
        limits = SHORT if failure is FailureReason.READ else AMPLE
        outcome = send_until_connected(sender, post("https://app.example.com/", timeouts=limits))
    assert outcome == WebhookResult(None, failure, ANY)
    assert outcome.milliseconds < limits.total + MARGIN
    assert set(internet.connections) == {(PUBLIC, 443)}


def test_the_connect_limit_holds_for_the_handshake(authority: Authority) -> None:
    """The connect timeout includes the TLS handshake."""
    with serving(silent_handshake) as server:
        internet = Internet(server, {"app.example.com": [[PUBLIC]]})
        sender = SafeWebhookClient(resolve=internet.resolve, connect=internet.connect, tls=authority.trusted)
        outcome = sender.send(
            post("https://app.example.com/", timeouts=Timeouts(connect=100, read=60_000, total=60_000))
        )
    assert outcome == WebhookResult(None, FailureReason.CONNECT, ANY)
    assert outcome.milliseconds < 100 + MARGIN


def test_the_read_limit_holds_between_two_reads() -> None:
    """A pause longer than the read timeout fails, even within the total timeout."""
    with serving(endless(OK + b"Content-Length: 9\r\n\r\n", b"x", pause=10)) as server:
        host = f"127.0.0.1:{server.port}"
        sender = SafeWebhookClient(allowed_hosts=frozenset({host}))
        outcome = sender.send(post(f"http://{host}/", timeouts=Timeouts(connect=60_000, read=100, total=60_000)))
    assert outcome == WebhookResult(None, FailureReason.READ, ANY)
    assert outcome.milliseconds < 100 + MARGIN


@pytest.mark.parametrize(("connect", "total"), [(100, 60_000), (60_000, 100), (0, 60_000), (60_000, 0)])
def test_a_slow_resolver_ends_in_time(connect: int, total: int) -> None:
    """A name that does not resolve within the connect or total timeout is a connection failure."""
    with serving(never_reads) as server:

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
def test_an_unknown_name_is_a_connection_failure(error: Exception) -> None:
    """A resolver that fails, or finds no address, is a connection failure."""

    def resolve(_host: str, _port: int) -> list[str]:
        raise error

    assert timeless(SafeWebhookClient(resolve=resolve).send(get("http://a.example/"))) == WebhookResult(
        None, FailureReason.CONNECT, 0
    )
    assert timeless(SafeWebhookClient(resolve=lambda *_: []).send(get("http://a.example/"))) == WebhookResult(
        None, FailureReason.CONNECT, 0
    )


def test_overlong_names_are_unknown() -> None:
    """A name that exceeds the limits of DNS is a connection failure."""
    for host in ("x" * 64 + ".example", "x." * 200 + "example"):
        assert timeless(SafeWebhookClient().send(get(f"http://{host}/"))) == WebhookResult(
            None, FailureReason.CONNECT, 0
        )


def test_tries_the_other_addresses() -> None:
    """Each address gets its share of the remaining connect timeout, so failing ones leave time for the others."""
    addresses = ["2606:4700::1111", "8.8.8.8", PUBLIC]
    shares = []
    with serving(sends(reply(200))) as server:

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


def test_a_closed_port_is_a_connection_failure() -> None:
    """A port without a listener is a connection failure, over IPv4 and IPv6."""
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


@pytest.mark.sized
@settings(max_examples=scaled(deep=2_000, ci=400, fast=40), deadline=None, database=None)
@given(answer=st.lists(PIECES | st.binary(max_size=30), max_size=12).map(b"".join))
@example(answer=b"HTTP/1.1 302 X\r\nLocation: \r\n\r\n")
def test_any_response_is_a_result(answer: bytes) -> None:
    """Any response bytes yield either a status or a failure reason, without an error."""
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
    assert len(outcome.response_excerpt) <= 1024
    assert 1 <= len(others) <= 5
    for other in others:
        other.close()


def test_an_invalid_header_is_a_protocol_failure() -> None:
    """A header that HTTP cannot express is not sent; the result is a protocol failure."""
    with serving(sends(reply(200))) as server:
        internet = Internet(server, {"app.example.com": [[PUBLIC]]})
        sender = SafeWebhookClient(resolve=internet.resolve, connect=internet.connect)
        requests = [
            post("http://app.example.com/", headers={"X": "a\r\nb: c"}),
            post("http://app.example.com/", headers={"X\r\nY": "a"}),
            post("http://app.example.com/", headers={"X": "\u20ac"}),
        ]
        sent = [timeless(sender.send(request)) for request in requests]
    assert sent == [WebhookResult(None, FailureReason.PROTOCOL, 0)] * len(requests)


def test_an_untrusted_certificate_is_a_connection_failure(authority: Authority) -> None:
    """A certificate for another name, or of an untrusted authority, ends the attempt before anything is sent."""
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
