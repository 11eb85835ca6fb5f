"""Servers that customers might name, kind and hostile, on loopback; and an internet whose hosts lead to them."""

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

AMPLE: Final = Timeouts(connect=10_000, read=10_000, total=20_000)
"""What a server that answers never comes near."""

PUBLIC: Final = "93.184.216.34"
"""An address of the internet."""


NOW: Final = 1_537_916_400_000
"""Tue, 25 Sep 2018 23:00:00 GMT."""

OURS: Final = {"User-Agent": "Tapedeck", "Accept": "*/*", "Connection": "close"}
"""What every request says, its host and length aside."""
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": "c2lnbmF0dXJl"}
"""What a callback says."""

post: Final = partial(WebhookRequest, "POST", timeouts=AMPLE)
get: Final = partial(WebhookRequest, "GET", timeouts=AMPLE)


def timeless(outcome: WebhookResult) -> WebhookResult:
    """All of an outcome that is the same on every machine."""
    assert outcome.milliseconds >= 0
    return replace(outcome, milliseconds=0)


@dataclass(frozen=True)
class Received:
    """A request as it came over the wire; headers as they were spelled."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


def read_request(connection: socket.socket) -> Received | None:
    """The whole request; None where the other side has gone."""
    with connection.makefile("rb") as file:
        line = file.readline().decode("latin-1").split()
        headers = {}
        while (header := file.readline().decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = header.partition(": ")
            assert name not in headers, "a header comes once"
            headers[name] = value
        if not line:
            return None
        method, target, version = line
        assert version == "HTTP/1.1"
        return Received(method, target, headers, file.read(int(headers.get("Content-Length", "0"))))


def reply(status: int, body: bytes = b"", *, headers: Mapping[str, str] | None = None) -> bytes:
    """An answer to the byte."""
    fields = {"Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + body


def redirect(location: str, status: int = 307) -> bytes:
    """An answer that leads elsewhere."""
    return reply(status, headers={"Location": location})


@dataclass
class Server:
    """Where a server listens, how many have connected, what they asked for, and whether it is about to stop."""

    port: int
    connections: int = 0
    requests: list[Received] = field(default_factory=list)
    stop: Event = field(default_factory=Event)

    @property
    def url(self) -> str:
        """By its address."""
        return f"http://127.0.0.1:{self.port}"


Behave = Callable[[Server, socket.socket], None]
Answer = Callable[[Received], bytes]


@contextmanager
def serving(behave: Behave, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server that treats each connection as `behave` says, in a thread of its own, behind TLS where it is given."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
        server = Server(listener.getsockname()[1])
        threads: list[Thread] = []

        def treat(connection: socket.socket) -> None:
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
                    threads.append(Thread(target=treat, args=(connection,)))
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
    """A server that reads each request, keeps it and answers."""

    def behave(server: Server, connection: socket.socket) -> None:
        request = read_request(connection)
        if request is not None:
            server.requests.append(request)
            connection.sendall(answer(request))

    with serving(behave, tls) as server:
        yield server


@dataclass
class Internet:
    """Names and addresses all of which lead to one server, or to nobody.

    `hosts` maps a name to what its look-ups find, one after the other; the last is found again and again.
    """

    server: Server | None = None
    hosts: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    lookups: list[tuple[str, int]] = field(default_factory=list)
    connections: list[tuple[str, int]] = field(default_factory=list)

    def resolve(self, host: str, port: int) -> Sequence[str]:
        """What this look-up finds."""
        answers = self.hosts.get(host)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        asked = sum(host == known for known, _ in self.lookups)
        self.lookups.append((host, port))
        return answers[min(asked, len(answers) - 1)]

    def connect(self, address: str, port: int, seconds: float) -> socket.socket:
        """A connection to the server, whatever the address."""
        self.connections.append((address, port))
        if self.server is None:
            raise ConnectionRefusedError
        return socket.create_connection(("127.0.0.1", self.server.port), seconds)


def sender(server: Server, *hosts: str, tls: ssl.SSLContext | None = None) -> tuple[SafeWebhookClient, Internet]:
    """One that finds these hosts, `app.example.com` by default, all of them at the server; it is always `NOW`."""
    internet = Internet(server, {host: [[PUBLIC]] for host in hosts or ("app.example.com",)})
    return SafeWebhookClient(resolve=internet.resolve, connect=internet.connect, tls=tls, clock=lambda: NOW), internet
