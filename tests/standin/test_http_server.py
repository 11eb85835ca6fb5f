"""The server: its threads, its connections, and what it uses of uvicorn."""

import gc
import inspect
import re
import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection, HTTPSConnection
from importlib import metadata

import pytest
from uvicorn.protocols.http import h11_impl

from tapedeck_standin.http import certificates
from tapedeck_standin.http.connection import Connection
from tapedeck_standin.http.messages import ServerRequest, ServerResponse
from tapedeck_standin.http.server import Server
from tests.client import ROOT

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    """Allow as many open connections as the machine does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def serving(answer: Callable[[ServerRequest], ServerResponse]) -> Iterator[int]:
    """Run a server; return its port."""
    server = Server("127.0.0.1", 0)
    server.start(answer)
    try:
        yield server.port
    finally:
        server.stop()


def exchange(connection: socket.socket) -> bytes:
    """Send a request; return the status line of the answer."""
    connection.sendall(REQUEST)
    return read_answer(connection)


def read_answer(connection: socket.socket) -> bytes:
    """Read one answer; return its status line."""
    received = b""
    while not received.endswith(b"{}"):
        piece = connection.recv(4096)
        assert piece != b""
        received += piece
    return received.partition(b"\r\n")[0]


@pytest.mark.parametrize("were_used", [False, True])
def test_idle_connections_have_no_threads(*, were_used: bool) -> None:
    """While 900 connections are idle, before a request or after one, there are few threads, and all are served."""
    with serving(lambda _: ServerResponse.of_json(200, {})) as port, ExitStack() as opened:
        before = threading.active_count()
        connections = []
        for _ in range(900):
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            connections.append(connection)
            if were_used:
                assert exchange(connection) == b"HTTP/1.1 200 OK"
        assert threading.active_count() - before < 20
        for connection in (connections[0], connections[-1], *connections[::100]):
            assert exchange(connection) == b"HTTP/1.1 200 OK"
        assert threading.active_count() - before < 20


def test_a_stop_closes_idle_connections() -> None:
    """After a stop no connection is open, whether it has had a request or not."""
    before = open_sockets()
    with ExitStack() as opened:
        with serving(lambda _: ServerResponse.of_json(200, {})) as port:
            connections = [opened.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(4)]
            for connection in connections[:2]:
                assert exchange(connection) == b"HTTP/1.1 200 OK"
        assert [connection.recv(1) for connection in connections] == [b""] * 4
    assert open_sockets() == before


def open_sockets() -> int:
    """Count the sockets of this process that are open."""
    return sum(isinstance(each, socket.socket) and each.fileno() != -1 for each in gc.get_objects())


def test_threads_are_bounded() -> None:
    """Of 250 requests at once, 200 are answered at the same time (C-324); the others wait, and are answered then."""
    released, running, lock = threading.Event(), [0, 0], threading.Lock()
    is_full = threading.Event()

    def answer(_: ServerRequest) -> ServerResponse:
        with lock:
            running[0] += 1
            running[1] = max(running)
            if running[0] == 200:
                is_full.set()
        released.wait(60)
        with lock:
            running[0] -= 1
        return ServerResponse.of_json(200, {})

    with serving(answer) as port, ExitStack() as opened:
        before = threading.active_count()
        connections = [
            opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60)) for _ in range(250)
        ]
        for connection in connections:
            connection.sendall(REQUEST)
        assert is_full.wait(60)
        assert threading.active_count() - before <= 200
        released.set()
        assert {read_answer(connection) for connection in connections} == {b"HTTP/1.1 200 OK"}
    assert running == [0, 200]


def test_requests_that_arrive_together_are_all_answered() -> None:
    """Two requests in one packet are answered one after the other."""
    with (
        serving(lambda _: ServerResponse.of_json(200, {})) as port,
        socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
    ):
        connection.sendall(REQUEST * 2)
        received = b""
        while received.count(b"{}") < 2:
            received += connection.recv(4096)
        assert received.count(b"HTTP/1.1 200 OK") == 2
        assert exchange(connection) == b"HTTP/1.1 200 OK"


def test_is_pinned() -> None:
    """The installed uvicorn is the one that pyproject.toml pins, and has what `Connection` uses of it."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    pinned = re.search(r'"uvicorn==([\d.]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert pinned is not None
    assert metadata.version("uvicorn") == pinned[1]
    source = inspect.getsource(h11_impl)
    for used in (
        "self.app = config.loaded_app",
        "app = self.app\n",
        "self.cycle.run_asgi(app)",
        "self.send_400_response(msg)",
        "if self.conn.our_state is h11.MUST_CLOSE or not self.keep_alive:",
        "                self.conn.send(event=h11.ConnectionClosed())\n                self.transport.close()\n",
        "            self.on_response()",
        "elif not self.response_started and not self.disconnected:",
        "elif not self.response_complete and not self.disconnected:",
        "self.connections.add(self)",
        "self.flow = FlowControl(transport)",
        "self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)",
        "    def timeout_keep_alive_handler(self) -> None:\n",
        "self.connections.discard(self)",
    ):
        assert used in source
    assert issubclass(Connection, H11Protocol)


def test_a_silent_client_delays_no_handshake() -> None:
    """A client that never begins its TLS handshake does not delay others, and a stop closes its connection."""
    before = open_sockets()
    with certificates.issue() as identity, ExitStack() as opened:
        server = Server("127.0.0.1", 0)
        server.start(lambda request: ServerResponse.of_json(200, {"scheme": request.scheme}), identity.tls)
        silent = [
            opened.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60)) for _ in range(5)
        ]
        context = ssl.create_default_context(cafile=str(identity.ca_file))
        client = HTTPSConnection("localhost", server.port, timeout=60, context=context)
        for _ in range(2):
            client.request("GET", "/")
            assert client.getresponse().read() == b'{"scheme":"https"}'
        server.stop()
        client.close()
        assert [connection.recv(1) for connection in silent] == [b""] * 5
    assert open_sockets() == before


def test_a_stop_does_not_wait_for_answers() -> None:
    """A stop ends also while a request is answered; its client gets the end of the connection."""
    released, is_answering = threading.Event(), threading.Event()

    def answer(_: ServerRequest) -> ServerResponse:
        is_answering.set()
        released.wait(60)
        return ServerResponse.of_json(200, {})

    server = Server("127.0.0.1", 0)
    server.start(answer)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(REQUEST)
        assert is_answering.wait(60)
        server.stop()
        assert connection.recv(1) == b""
    Server("127.0.0.1", server.port).stop()
    released.set()


def test_early_clients_wait_for_the_start() -> None:
    """A request that was sent before the start is answered after it."""
    server = Server("127.0.0.1", 0)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(REQUEST)
        server.start(lambda _: ServerResponse.of_json(200, {}))
        assert read_answer(connection) == b"HTTP/1.1 200 OK"
    server.stop()


def test_a_client_may_end_its_side() -> None:
    """A client that ends its side of the connection after the request gets the answer."""
    with (
        serving(lambda _: ServerResponse.of_json(200, {})) as port,
        socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
    ):
        connection.sendall(REQUEST)
        connection.shutdown(socket.SHUT_WR)
        assert read_answer(connection) == b"HTTP/1.1 200 OK"
        assert connection.recv(1) == b""


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\na"])
def test_half_a_request_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    """A connection without a request, or with half of one, is closed after a time."""
    monkeypatch.setattr("tapedeck_standin.http.connection.IDLE_SECONDS", 0.05)
    monkeypatch.setattr("tapedeck_standin.http.request_body.BODY_SECONDS", 0.05)
    with (
        serving(lambda _: ServerResponse.of_json(200, {})) as port,
        socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
    ):
        connection.sendall(sent)
        assert connection.recv(1) == b""


def test_a_head_is_not_waited_for_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection on which a head comes byte by byte is closed after the time of an idle one (C-337)."""
    monkeypatch.setattr("tapedeck_standin.http.connection.IDLE_SECONDS", 0.5)
    with (
        serving(lambda _: ServerResponse.of_json(200, {})) as port,
        socket.create_connection(("127.0.0.1", port), timeout=0.05) as connection,
    ):
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert any(has_ended(connection) for _ in range(1000))


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"])
def test_an_answer_that_is_not_read_is_freed(monkeypatch: pytest.MonkeyPatch, more: bytes) -> None:
    """The connection of a client that reads nothing of its answer is aborted after a time (C-337)."""
    monkeypatch.setattr("tapedeck_standin.http.connection.IDLE_SECONDS", 0.2)
    size = 32 * 1024 * 1024  # more than the buffers of the two sockets
    with (
        serving(lambda _: ServerResponse(200, (), bytes(size))) as port,
        socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
    ):
        before = open_sockets()
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + more + b"\r\n")
        while open_sockets() == before:  # until the server has accepted the connection
            time.sleep(0.01)
        while open_sockets() > before:
            time.sleep(0.01)
        assert 0 < read_until_the_end(connection) < size


def test_an_answer_is_read_as_slowly_as_the_client_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that goes on reading gets all of its answer, after many times the time of an idle connection."""
    monkeypatch.setattr("tapedeck_standin.http.connection.IDLE_SECONDS", 0.3)
    size = 32 * 1024 * 1024
    with (
        serving(lambda _: ServerResponse(200, (), bytes(size))) as port,
        socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
    ):
        connection.sendall(REQUEST)
        received = 0
        for _ in range(20):
            received += len(connection.recv(1024 * 1024, socket.MSG_WAITALL))
            time.sleep(0.05)
        assert received + read_until_the_end(connection) > size


def test_answers_that_are_not_read_hold_up_further_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a client reads no answer, its further requests wait, and then the connection is dropped (C-337)."""
    monkeypatch.setattr("tapedeck_standin.http.connection.IDLE_SECONDS", 0.2)
    answered: list[ServerRequest] = []

    def answer(request: ServerRequest) -> ServerResponse:
        answered.append(request)
        return ServerResponse(200, (), bytes(32 * 1024 * 1024))

    with (
        serving(answer) as port,
        socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
    ):
        before = open_sockets()
        connection.sendall(REQUEST * 20)
        while open_sockets() == before:
            time.sleep(0.01)
        while open_sockets() > before:
            time.sleep(0.01)
    assert len(answered) == 1


def has_ended(connection: socket.socket) -> bool:
    """Send one more byte, and return whether the server has closed or reset the connection."""
    try:
        connection.sendall(b"x")
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except (BrokenPipeError, ConnectionResetError):
        return True


def read_until_the_end(connection: socket.socket) -> int:
    """Read until the server has closed or reset the connection; return the number of bytes."""
    size = 0
    with suppress(ConnectionResetError):
        while piece := connection.recv(1024 * 1024):
            size += len(piece)
    return size


def test_serves_ipv6() -> None:
    """The server listens at an IPv6 address, and requests have the addresses of both sides."""
    try:
        server = Server("::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6")
    server.start(lambda request: ServerResponse.of_json(200, {"host": request.host, "peer": request.peer}))
    client = HTTPConnection("::1", server.port, timeout=60)
    client.request("GET", "/")
    assert client.getresponse().read() == b'{"host":"::1","peer":"::1"}'
    client.close()
    server.stop()


def test_a_failing_answer_is_500(capfd: pytest.CaptureFixture[str]) -> None:
    """An answer that raises is a status 500, and the traceback goes to the terminal."""
    with (
        serving(lambda _: ServerResponse(200, (("X-A", "a\nb"),))) as port,
        socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
    ):
        connection.sendall(REQUEST)
        assert connection.recv(4096).startswith(b"HTTP/1.1 500 ")
    assert "Illegal header value" in capfd.readouterr().err
