"""One request and its answer on a connection that is open, by `http.client`, in bounded time and memory (rule R13)."""

import io
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from typing import Any, Final
from urllib.parse import SplitResult, quote

MAX_HEAD: Final = 32 << 10
"""Bytes of a status line and headers, interim answers included."""
MAX_BODY: Final = 64 << 10
"""Bytes of a body; what comes after them is not read, and changes nothing."""
MAX_KEPT: Final = 1024
"""Bytes of a body that are kept."""

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
PRINTABLE: Final = "".join(map(chr, range(0x21, 0x7F)))
"""What ASCII can print."""

_FIRST_FINAL: Final = 200
_PORTS: Final = {"http": 80, "https": 443}
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_OURS: Final = frozenset({"accept", "connection", "content-length", "host", "transfer-encoding", "user-agent"})
"""Headers that nobody else sets."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """When it is too late, in seconds of the monotonic clock."""

    at: float

    def remaining(self) -> float:
        """Seconds, more than none.

        Raises:
            TimeoutError: none are left.
        """
        seconds = self.at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the deadline has passed")
        return seconds

    def within(self, seconds: float) -> "Deadline":
        """This one, or in so many seconds, whatever is earlier."""
        return Deadline(min(self.at, time.monotonic() + seconds))


@dataclass(frozen=True, slots=True)
class HttpHop:
    """One request of an attempt; its URL has no user info, and its fragment stays here."""

    method: str
    url: SplitResult
    headers: Mapping[str, str]
    body: bytes

    @property
    def host(self) -> str:
        """In lower case, without brackets."""
        return self.url.hostname or ""

    @property
    def port(self) -> int:
        """The one that is written, or the scheme's."""
        return self.url.port or _PORTS[self.url.scheme]

    @property
    def origin(self) -> tuple[str, str, int]:
        """What has to be equal for secrets to be told."""
        return self.url.scheme, self.host, self.port

    @property
    def target(self) -> str:
        """What stands in the request line; bytes that are not ASCII are escaped."""
        path = self.url.path or "/"
        return quote(f"{path}?{self.url.query}" if self.url.query else path, safe=PRINTABLE)

    def all_headers(self) -> Iterator[tuple[str, str]]:
        """Those given and our own. The host is spelled as in the URL, for signatures are made over that."""
        host, bracket, _ = self.url.netloc.partition("]")
        host = f"{host}]" if bracket else host.partition(":")[0]
        yield "Host", host if self.port == _PORTS[self.url.scheme] else f"{host}:{self.port}"
        yield "User-Agent", "Tapedeck"
        yield "Accept", "*/*"
        yield "Connection", "close"
        if self.body or self.method in _WITH_BODY:
            yield "Content-Length", str(len(self.body))
        yield from ((name, value) for name, value in self.headers.items() if name.lower() not in _OURS)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What came back: the beginning of the body, and the headers that matter, empty where they are missing."""

    status: int
    body: bytes
    location: str
    retry_after: str
    is_challenge: bool
    """Whether Basic credentials would be taken."""


def exchange(connection: socket.socket, hop: HttpHop, deadline: Deadline, pause: float) -> HttpResponse:
    """Send a request and read its answer; between two reads no more than `pause` seconds. Bodies of redirects are left.

    Raises:
        OSError: it took too long, or the answer ended before it was whole.
        HTTPException, ValueError: what came is no HTTP, or larger than is read; or the request cannot be written.
    """
    renderer = _Wire(connection, deadline, pause)
    client = HTTPConnection(hop.host, hop.port)
    client.auto_open = 0  # it never connects by itself
    client.response_class = _FinalResponse
    client.sock = renderer
    client.putrequest(hop.method, hop.target, skip_host=True, skip_accept_encoding=True)
    for name, value in hop.all_headers():
        client.putheader(name, value)
    client.endheaders(hop.body)
    with client.getresponse() as response:
        if renderer.reader.has_ended:
            raise ConnectionResetError("the answer ended within its head")  # which `http.client` takes for whole
        body = b"" if response.status in REDIRECTS else _read_body(response, renderer.reader)
        challenges = ",".join(response.headers.get_all("WWW-Authenticate", ())).split(",")
        return HttpResponse(
            response.status,
            body[:MAX_KEPT],
            response.headers.get("Location", "").strip(" \t"),
            response.headers.get("Retry-After", "").strip(" \t"),
            any(challenge.lower().split()[:1] == ["basic"] for challenge in challenges),
        )


def _read_body(response: HTTPResponse, reader: "_Reader") -> bytes:
    # Chunks and trailers have a frame, which may be as large as what they hold.
    reader.budget = 2 * MAX_BODY
    try:
        body = response.read(MAX_BODY)
    except IncompleteRead as error:
        if reader.has_ended:
            raise ConnectionResetError("the answer ended within a chunk") from error
        raise
    if response.length and len(body) < MAX_BODY:
        raise ConnectionResetError("the answer ended before its length")
    return body


class _FinalResponse(HTTPResponse):
    """The answer after all interim ones; `http.client` knows only 100 as such."""

    def begin(self) -> None:
        super().begin()
        while self.status < _FIRST_FINAL:
            self.headers = None  # type: ignore[assignment]  # as before the first answer, so that the next is read
            super().begin()


class _Reader(io.RawIOBase):
    """What comes, while there is time and until `budget` bytes have come."""

    def __init__(self, connection: socket.socket, deadline: Deadline, pause: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self._pause = pause
        self.budget = MAX_HEAD
        self.has_ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - what can be written to has no name before Python 3.12
        if self.budget <= 0:
            raise HTTPException("the answer is larger than is read")
        self._connection.settimeout(self._deadline.within(self._pause).remaining())
        size = self._connection.recv_into(buffer)
        self.budget -= size
        self.has_ended = not size
        return size


class _Wire:
    """The part of a socket that `http.client` uses."""

    def __init__(self, connection: socket.socket, deadline: Deadline, pause: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self.reader = _Reader(connection, deadline, pause)

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            self._connection.settimeout(self._deadline.remaining())
            rest = rest[self._connection.send(rest) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self.reader)

    def close(self) -> None:
        """Nothing: `http.client` closes before the body is read; whoever has connected closes."""
