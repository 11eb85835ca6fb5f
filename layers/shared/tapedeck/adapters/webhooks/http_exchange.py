"""Exchange one HTTP request and response on an open connection, in bounded time and memory (REL-13)."""

import io
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from typing import Any, Final
from urllib.parse import SplitResult, quote

MAX_HEAD: Final = 32 << 10
"""Maximum bytes of status line and headers, including interim responses."""
MAX_BODY: Final = 64 << 10
"""Maximum bytes of a body that are read; the rest is ignored."""
MAX_KEPT: Final = 1024
"""Maximum bytes of a body that are returned."""

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
PRINTABLE: Final = "".join(map(chr, range(0x21, 0x7F)))
"""The printable ASCII characters except the space."""

_FIRST_FINAL: Final = 200
_PORTS: Final = {"http": 80, "https": 443}
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_MANAGED_HEADERS: Final = frozenset(
    {"accept", "connection", "content-length", "host", "transfer-encoding", "user-agent"}
)
"""Headers that this module sets; the caller's values are ignored."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The end of an attempt, in seconds of the monotonic clock."""

    at: float

    def remaining(self) -> float:
        """Return the seconds left, always more than 0.

        Raises:
            TimeoutError: the deadline has passed.
        """
        seconds = self.at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the deadline has passed")
        return seconds

    def within(self, seconds: float) -> "Deadline":
        """Return the earlier of this deadline and one this many seconds from now."""
        return Deadline(min(self.at, time.monotonic() + seconds))


@dataclass(frozen=True, slots=True)
class HttpHop:
    """One request of an attempt; its URL has no user info, and the fragment is not sent."""

    method: str
    url: SplitResult
    headers: Mapping[str, str]
    body: bytes
    user_agent: str = "Tapedeck"

    @property
    def host(self) -> str:
        """The host in lower case, without brackets."""
        return self.url.hostname or ""

    @property
    def port(self) -> int:
        """The port in the URL, or the default of the scheme."""
        return self.url.port or _PORTS[self.url.scheme]

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: secrets are sent only to the origin of the first URL."""
        return self.url.scheme, self.host, self.port

    @property
    def target(self) -> str:
        """The target in the request line, with non-ASCII bytes escaped."""
        path = self.url.path or "/"
        return quote(f"{path}?{self.url.query}" if self.url.query else path, safe=PRINTABLE)

    def all_headers(self) -> Iterator[tuple[str, str]]:
        """Yield this module's headers and the caller's; `Host` keeps the URL's spelling, which is signed."""
        host, bracket, _ = self.url.netloc.partition("]")
        host = f"{host}]" if bracket else host.partition(":")[0]
        yield "Host", host if self.port == _PORTS[self.url.scheme] else f"{host}:{self.port}"
        yield "User-Agent", self.user_agent
        yield "Accept", "*/*"
        yield "Connection", "close"
        if self.body or self.method in _WITH_BODY:
            yield "Content-Length", str(len(self.body))
        yield from ((name, value) for name, value in self.headers.items() if name.lower() not in _MANAGED_HEADERS)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response: the beginning of the body and the relevant headers, empty if missing."""

    status: int
    body: bytes
    location: str
    retry_after: str
    is_challenge: bool
    """Whether the response has a Basic challenge."""
    content_type: str = ""
    set_cookies: tuple[str, ...] = ()


def exchange(
    connection: socket.socket,
    hop: HttpHop,
    deadline: Deadline,
    pause: float,
    *,
    max_body: int = MAX_BODY,
    max_kept: int = MAX_KEPT,
) -> HttpResponse:
    """Send a request and read the response, except the body of a redirect.

    Args:
        connection: an open connection to the hop's host.
        hop: the request.
        deadline: when to abort.
        pause: the maximum seconds between two reads.
        max_body: bytes of a body that are read; the rest is ignored.
        max_kept: bytes of a body that are returned.

    Raises:
        OSError: a timeout, or an incomplete response.
        HTTPException, ValueError: the response is malformed or too large, or the request cannot be encoded.
    """
    adapter = _SocketAdapter(connection, deadline, pause)
    client = HTTPConnection(hop.host, hop.port)
    client.auto_open = 0  # never reconnect
    client.response_class = _FinalResponse
    client.sock = adapter
    client.putrequest(hop.method, hop.target, skip_host=True, skip_accept_encoding=True)
    for name, value in hop.all_headers():
        client.putheader(name, value)
    client.endheaders(hop.body)
    with client.getresponse() as response:
        if adapter.reader.has_ended:
            raise ConnectionResetError("the response ended within its head")  # `http.client` accepts this
        body = b"" if response.status in REDIRECTS else _read_body(response, adapter.reader, max_body)
        challenges = ",".join(response.headers.get_all("WWW-Authenticate", ())).split(",")
        return HttpResponse(
            response.status,
            body[:max_kept],
            response.headers.get("Location", "").strip(" \t"),
            response.headers.get("Retry-After", "").strip(" \t"),
            any(challenge.lower().split()[:1] == ["basic"] for challenge in challenges),
            response.headers.get("Content-Type", "").strip(" \t"),
            tuple(response.headers.get_all("Set-Cookie", ())),
        )


def _read_body(response: HTTPResponse, reader: "_Reader", max_body: int) -> bytes:
    # The framing of chunks and trailers can be as large as their content.
    reader.budget = 2 * max_body
    try:
        body = response.read(max_body)
    except IncompleteRead as error:
        if reader.has_ended:
            raise ConnectionResetError("the response ended within a chunk") from error
        raise
    if response.length and len(body) < max_body:
        raise ConnectionResetError("the response is shorter than its Content-Length")
    return body


class _FinalResponse(HTTPResponse):
    """The final response after all interim ones; `http.client` skips only status 100."""

    def begin(self) -> None:
        super().begin()
        while self.status < _FIRST_FINAL:
            self.headers = None  # type: ignore[assignment]  # makes `begin` read the next response
            super().begin()


class _Reader(io.RawIOBase):
    """The received bytes, until the deadline or until `budget` bytes have been read."""

    def __init__(self, connection: socket.socket, deadline: Deadline, pause: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self._pause = pause
        self.budget = MAX_HEAD
        self.has_ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - `collections.abc.Buffer` needs Python 3.12
        if self.budget <= 0:
            raise HTTPException("the response is too large")
        self._connection.settimeout(self._deadline.within(self._pause).remaining())
        size = self._connection.recv_into(buffer)
        self.budget -= size
        self.has_ended = not size
        return size


class _SocketAdapter:
    """The part of the socket interface that `http.client` uses."""

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
        """Do nothing: `http.client` closes too early; the caller closes the connection."""
