"""An application's HTTP server: it receives callbacks, and answers requests for instructions with documents."""

import threading
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1
from hmac import digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

LONG_PAUSE: Final = '<Response><Pause length="3600"/></Response>'
"""Instructions with which a call lasts."""

WAIT_SECONDS: Final = 60
"""Seconds that a test waits for a callback, far more than it takes."""


@dataclass(frozen=True)
class ReceivedCallback:
    """A received request; header names are in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    fields: dict[str, str]


@dataclass(frozen=True)
class Reply:
    """An answer of an application; `headers`: further ones."""

    body: str | bytes = ""
    content_type: str | None = "text/xml"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The body as it is sent."""
        return self.body if isinstance(self.body, bytes) else self.body.encode()


Document = str | Reply | Callable[[ReceivedCallback], str | Reply]
"""Markup, an answer, or what makes one of them from a request."""


@dataclass
class Receiver:
    """The received callbacks, oldest first, and the statuses of the next responses (then 200).

    No response is sent while `responding` is cleared.

    Attributes:
        documents: answers by path; what comes to such a path is no callback, and is recorded in `requests`.
        requests: the requests for documents, oldest first.
        arrived: callbacks and requests together, oldest first.
    """

    host: str = "127.0.0.1"
    port: int = 0
    received: list[ReceivedCallback] = field(default_factory=list)
    documents: dict[str, Document] = field(default_factory=dict)
    requests: list[ReceivedCallback] = field(default_factory=list)
    arrived: list[ReceivedCallback] = field(default_factory=list)
    answers: deque[int] = field(default_factory=deque)
    changed: threading.Condition = field(default_factory=threading.Condition)
    responding: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.responding.set()

    def url(self, path: str = "/hook") -> str:
        """Return a URL of this receiver."""
        return f"http://{self.host}:{self.port}{path}"

    def answer(self, request: ReceivedCallback) -> Reply:
        """Record a request; return the document of its path, or the response to a callback."""
        document = self.documents.get(urlsplit(request.url).path)
        with self.changed:
            self.arrived.append(request)
            if document is not None:
                self.requests.append(request)
                self.changed.notify_all()
        if document is None:
            return Reply("done", "text/plain", self.accept(request))
        made = document(request) if callable(document) else document
        return made if isinstance(made, Reply) else Reply(made)

    def accept(self, callback: ReceivedCallback) -> int:
        """Record a callback; return the status of the response."""
        with self.changed:
            self.received.append(callback)
            self.changed.notify_all()
            status = self.answers.popleft() if self.answers else 200
        self.responding.wait(WAIT_SECONDS)
        return status

    def wait_for(self, count: int) -> list[ReceivedCallback]:
        """Wait for so many callbacks; return all of them in order of arrival."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.received) >= count, WAIT_SECONDS), self.received
            return list(self.received)

    def field_values(self, name: str, count: int) -> list[str]:
        """Wait for so many callbacks; return one field of each."""
        return [callback.fields[name] for callback in self.wait_for(count)]


def is_signed_by_signalwire(callback: ReceivedCallback, key: str) -> bool:
    """Whether both signature headers have the HMAC of URL and sorted fields with this key."""
    text = callback.url + "".join(name + callback.fields[name] for name in sorted(callback.fields))
    expected = b64encode(digest(key.encode(), text.encode(), sha1)).decode()
    return callback.headers["x-signalwire-signature"] == callback.headers["x-twilio-signature"] == expected


@contextmanager
def receiving(port: int = 0, host: str = "127.0.0.1") -> Iterator[Receiver]:
    """Run a receiver during the block, on a free port unless one is given."""
    receiver = Receiver(host)

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            self._respond(body)

        def do_GET(self) -> None:
            self._respond(self.path.partition("?")[2])

        def _respond(self, form: str) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            fields = dict(parse_qsl(form, keep_blank_values=True))
            reply = receiver.answer(ReceivedCallback(self.command, receiver.url(self.path), headers, fields))
            self.send_response(reply.status)
            if reply.content_type is not None:
                self.send_header("Content-Type", reply.content_type)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content)

        def log_message(self, *_: Any) -> None:
            """Do not log."""

    server = ThreadingHTTPServer((host, port), Listener)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.responding.set()
        server.shutdown()
        server.server_close()
        thread.join()
