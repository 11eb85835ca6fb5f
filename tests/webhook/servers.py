"""Well-behaved and hostile webhook servers on loopback, and a fake internet whose hosts lead to them."""

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event, Thread
from typing import Final

from tapedeck.adapters.webhooks.client import SafeWebhookClient
from tapedeck.ports.messaging import Timeouts, WebhookRequest, WebhookResult

AMPLE: Final = Timeouts(connect=60_000, read=60_000, total=120_000)
"""Timeouts that a responding server never reaches."""

PUBLIC: Final = "93.184.216.34"
"""A public IP address."""


NOW: Final = 1_537_916_400_000
"""Tue, 25 Sep 2018 23:00:00 GMT."""

OURS: Final = {"User-Agent": "Tapedeck", "Accept": "*/*", "Connection": "close"}
"""Headers of every request, besides host and length."""
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": "c2lnbmF0dXJl"}
"""Headers of a callback."""

post: Final = partial(WebhookRequest, "POST", timeouts=AMPLE)
get: Final = partial(WebhookRequest, "GET", timeouts=AMPLE)


def timeless(outcome: WebhookResult) -> WebhookResult:
    """Return the result without its duration."""
    assert outcome.milliseconds >= 0
    return replace(outcome, milliseconds=0)


@dataclass(frozen=True)
class Received:
    """A received request; header names keep their case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


def read_request(connection: socket.socket) -> Received | None:
    """Read one request; return None if the client closed the connection."""
    with connection.makefile("rb") as file:
        line = file.readline().decode("latin-1").split()
        headers = {}
        while (header := file.readline().decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = header.partition(": ")
            assert name not in headers, "a header is sent once"
            headers[name] = value
        if not line:
            return None
        method, target, version = line
        assert version == "HTTP/1.1"
        return Received(method, target, headers, file.read(int(headers.get("Content-Length", "0"))))


def reply(status: int, body: bytes = b"", *, headers: Mapping[str, str] | None = None) -> bytes:
    """Return the bytes of a response."""
    fields = {"Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Reason\r\n{head}\r\n".encode() + body


def redirect(location: str, status: int = 307) -> bytes:
    """Return the bytes of a redirect."""
    return reply(status, headers={"Location": location})


@dataclass
class Server:
    """A running server: its port, the connections and requests so far, and a stop signal."""

    port: int
    connections: int = 0
    requests: list[Received] = field(default_factory=list)
    stop: Event = field(default_factory=Event)

    @property
    def url(self) -> str:
        """Return the URL of the server by its address."""
        return f"http://127.0.0.1:{self.port}"


Behave = Callable[[Server, socket.socket], None]
Answer = Callable[[Received], bytes]


@contextmanager
def serving(behave: Behave, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Run a server that handles each connection with `behave` in a separate thread, over TLS if given."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
        server = Server(listener.getsockname()[1])
        threads: list[Thread] = []

        def handle(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                if tls is None:
                    behave(server, connection)
                else:
                    with tls.wrap_socket(connection, server_side=True) as secure:
                        behave(server, secure)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    if server.stop.is_set():
                        connection.close()
                        return
                    server.connections += 1
                    connection.settimeout(10)
                    threads.append(Thread(target=handle, args=(connection,)))
                    threads[-1].start()

        accepting = Thread(target=accept)
        accepting.start()
        try:
            yield server
        finally:
            server.stop.set()
            socket.create_connection(("127.0.0.1", server.port)).close()
            accepting.join()
            for thread in threads:
                thread.join()


@contextmanager
def answering(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Run a server that reads each request, stores it and responds with `answer`."""

    def behave(server: Server, connection: socket.socket) -> None:
        request = read_request(connection)
        if request is not None:
            server.requests.append(request)
            connection.sendall(answer(request))

    with serving(behave, tls) as server:
        yield server


@dataclass
class Internet:
    """A fake DNS and network: every address leads to one server, or refuses connections.

    `hosts` maps a name to the addresses of successive lookups; the last entry repeats.
    """

    server: Server | None = None
    hosts: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    lookups: list[tuple[str, int]] = field(default_factory=list)
    connections: list[tuple[str, int]] = field(default_factory=list)

    def resolve(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of this lookup."""
        answers = self.hosts.get(host)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        earlier = sum(host == known for known, _ in self.lookups)
        self.lookups.append((host, port))
        return answers[min(earlier, len(answers) - 1)]

    def connect(self, address: str, port: int, seconds: float) -> socket.socket:
        """Connect to the server, for any address."""
        self.connections.append((address, port))
        if self.server is None:
            raise ConnectionRefusedError
        return socket.create_connection(("127.0.0.1", self.server.port), seconds)


def sender(server: Server, *hosts: str, tls: ssl.SSLContext | None = None) -> tuple[SafeWebhookClient, Internet]:
    """Return a client that finds these hosts, `app.example.com` by default, at the server; its clock is `NOW`."""
    internet = Internet(server, {host: [[PUBLIC]] for host in hosts or ("app.example.com",)})
    return SafeWebhookClient(resolve=internet.resolve, connect=internet.connect, tls=tls, clock=lambda: NOW), internet
