"""The connections of the plugin's client: kept for the next request, and never used for a wrong answer."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pytest_tapedeck import connections
from pytest_tapedeck.client import NoAnswer, Refused, send_control_request


class Handler(BaseHTTPRequestHandler):
    """Answers each request with its path and the number of its connection."""

    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        """Count the connection."""
        super().setup()
        self.server.opened += 1  # type: ignore[attr-defined]
        self.number = self.server.opened  # type: ignore[attr-defined]

    def do_GET(self) -> None:
        """Wait for `/late`, refuse `/refused`, and close the connection without notice after `/last`."""
        if self.path.endswith("/late"):
            self.server.late.wait(60)  # type: ignore[attr-defined]
        body = json.dumps({"path": self.path, "connection": self.number}).encode()
        self.send_response(400 if self.path.endswith("/refused") else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.path.endswith("/last")

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class Server(ThreadingHTTPServer):
    """A server that counts its connections."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.opened = self.ended = 0
        self.late = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, and count it."""
        super().shutdown_request(request)
        self.ended += 1

    def wait_for_ends(self, number: int) -> None:
        """Wait until so many connections have ended."""
        deadline = time.monotonic() + 60
        while self.ended < number:
            assert time.monotonic() < deadline
            time.sleep(0.01)


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.late.set()
            connections.close(server.url)
            server.shutdown()
            thread.join()


def send(url: str, path: str) -> tuple[str, int]:
    """Send a request; return the path that the server has received, and the number of the connection."""
    answer = send_control_request(url, "GET", path)
    return answer["path"], answer["connection"]


@pytest.fixture
def server() -> Iterator[Server]:
    """A running server."""
    with serving() as running:
        yield running


def test_a_connection_is_kept(server: Server) -> None:
    """Requests one after the other have one connection, also after an error of the API."""
    with pytest.raises(Refused):
        send_control_request(server.url, "GET", "/refused")
    assert [send(server.url, path) for path in ("/a", "/b?c")] == [("/_standin/a", 1), ("/_standin/b?c", 1)]


def test_a_base_url_may_have_a_path(server: Server) -> None:
    """A request goes below the path of the base URL."""
    assert send(f"{server.url}/below", "/a") == ("/below/_standin/a", 1)
    connections.close(f"{server.url}/below")


def test_a_closed_connection_is_not_used(server: Server) -> None:
    """After the server has closed a connection, the next request has a new one."""
    assert send(server.url, "/last") == ("/_standin/last", 1)
    server.wait_for_ends(1)
    assert send(server.url, "/a") == ("/_standin/a", 2)


def test_an_old_connection_is_not_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that was without a request for too long is closed."""
    send(server.url, "/a")
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0)
    assert send(server.url, "/b") == ("/_standin/b", 2)
    server.wait_for_ends(1)


def test_a_late_answer_is_that_of_no_other_request(server: Server) -> None:
    """After a request without an answer in time, the next one has a new connection."""
    send(server.url, "/a")
    with pytest.raises(NoAnswer):
        send_control_request(server.url, "GET", "/late", timeout=0.1)
    server.late.set()
    assert send(server.url, "/b") == ("/_standin/b", 2)


def test_threads_have_connections_of_their_own(server: Server) -> None:
    """A request that comes while another one waits has another connection; both are kept."""
    thread = threading.Thread(target=send_control_request, args=(server.url, "GET", "/late"))
    thread.start()
    deadline = time.monotonic() + 60
    while server.opened < 1:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert send(server.url, "/a") == ("/_standin/a", 2)
    server.late.set()
    thread.join()
    send(server.url, "/b")
    assert server.opened == 2


def test_the_connections_of_a_server_are_closed(server: Server) -> None:
    """`close` closes the connections to one server."""
    with serving() as other:
        for each in (server, other):
            send(each.url, "/a")
        connections.close(server.url)
        server.wait_for_ends(1)
        assert send(other.url, "/b") == ("/_standin/b", 1)
