"""Somebody's server that callbacks are told to, on a port of its own: keeps what it hears, answers as it is told."""

import threading
from base64 import b64encode
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1
from hmac import digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl

PATIENCE: Final = 30
"""Seconds that a test waits for what must come: far more than it takes."""


@dataclass(frozen=True)
class Told:
    """A request as it came; header names in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    fields: dict[str, str]


@dataclass
class Receiver:
    """What was told, oldest first; `answers` are the statuses of the next answers, 200 when they are used up.

    Nothing is answered while `opens` is cleared.
    """

    port: int = 0
    received: list[Told] = field(default_factory=list)
    answers: deque[int] = field(default_factory=deque)
    changed: threading.Condition = field(default_factory=threading.Condition)
    opens: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.opens.set()

    def url(self, path: str = "/hook") -> str:
        """An address that leads here."""
        return f"http://127.0.0.1:{self.port}{path}"

    def hear(self, told: Told) -> int:
        """Keep it; the status to answer with."""
        with self.changed:
            self.received.append(told)
            self.changed.notify_all()
            status = self.answers.popleft() if self.answers else 200
        self.opens.wait(PATIENCE)
        return status

    def wait_for(self, count: int) -> list[Told]:
        """All that was told, once it is so many, in that order."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.received) >= count, PATIENCE), self.received
            return list(self.received)

    def words(self, name: str, count: int) -> list[str]:
        """The field of this name in each of the first callbacks, once they are so many."""
        return [told.fields[name] for told in self.wait_for(count)]


def is_signed_by_signalwire(told: Told, key: str) -> bool:
    """Whether both headers have what the algorithm gives with this key (behaviour.md, section 7.4)."""
    text = told.url + "".join(name + told.fields[name] for name in sorted(told.fields))
    expected = b64encode(digest(key.encode(), text.encode(), sha1)).decode()
    return told.headers["x-signalwire-signature"] == told.headers["x-twilio-signature"] == expected


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """A receiver that listens while the block runs, at any port that is free unless one is named."""
    receiver = Receiver()

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            self._hear(body)

        def do_GET(self) -> None:
            self._hear(self.path.partition("?")[2])

        def _hear(self, form: str) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            fields = dict(parse_qsl(form, keep_blank_values=True))
            status = receiver.hear(Told(self.command, receiver.url(self.path), headers, fields))
            self.send_response(status)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"done")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Listener)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.opens.set()
        server.shutdown()
        server.server_close()
        thread.join()
