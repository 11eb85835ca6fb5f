"""The server's threads: bounded, and none for a connection without a request."""

import gc
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tapedeck_standin.http.messages import ServerRequest, ServerResponse
from tapedeck_standin.http.server import Server

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
