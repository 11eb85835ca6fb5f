"""An HTTP/1.1 server with TLS, keep-alive, and limits on threads and on the size of bodies."""

import re
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from email import errors
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, Final
from urllib.parse import unquote

from tapedeck.domain.errors import MalformedBody
from tapedeck.http.engine_endpoint import MAX_ENGINE_BYTES
from tapedeck.http.request import MAX_BYTES
from tapedeck.http.routes import is_engine_path
from tapedeck_standin.http.idle_connections import IdleConnections, Workers
from tapedeck_standin.http.messages import MAX_UPLOAD_BYTES, MEDIA_PATH, ServerRequest, ServerResponse, routing_error

Responder = Callable[[ServerRequest], ServerResponse]

IDLE_SECONDS: Final = 75
HANDSHAKE_SECONDS: Final = 10
LINGER_SECONDS: Final = 1
MAX_LINE_BYTES: Final = 64 * 1024
MAX_DISCARDED_BYTES: Final = 16 * 1024 * 1024
"""Size up to which an oversized body is read and discarded; beyond it the connection is closed."""
_READ_BYTES: Final = 64 * 1024
_MAX_TRAILERS: Final = 100

_DIGITS: Final = re.compile(r"[0-9]{1,18}\Z")
_CHUNK_SIZE: Final = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n\Z")
_FATAL_HEADER_DEFECTS: Final = (errors.MissingHeaderBodySeparatorDefect, errors.FirstHeaderLineIsContinuationDefect)
_WITHOUT_BODY: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class InvalidFraming(Exception):
    """The end of a request cannot be determined; the connection must be closed."""


class Connection(BaseHTTPRequestHandler):
    """A client's connection, which may carry several requests.

    Unlike the parent class, it serves nothing by itself: `serve` is called whenever there is a request.
    """

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1
    server: "Server"
    # Set by the parent class.
    command: str
    requestline: str

    def __init__(self, connection: socket.socket, client_address: Any, server: "Server") -> None:  # noqa: ANN401 - a tuple
        self.request, self.client_address, self.server = connection, client_address, server
        self.close_connection = False
        self.setup()

    def serve(self) -> None:
        """Answer the next request, and those that were received with it."""
        self.handle_one_request()
        while not self.close_connection and self._has_received_more():
            self.handle_one_request()

    def _has_received_more(self) -> bool:
        """Whether a further request has begun to arrive; at the end of the connection, too, False."""
        self.connection.settimeout(0)
        try:
            return bool(self.rfile.peek(1))  # type: ignore[attr-defined] # a BufferedReader
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        finally:
            self.connection.settimeout(self.timeout)

    def handle_one_request(self) -> None:
        """Read and answer one request; called until `close_connection` is set."""
        self.requestline, self.request_version, self.command = "", "", ""
        self._is_too_large = False
        self.raw_requestline = self.rfile.readline(MAX_LINE_BYTES + 1)
        if self.raw_requestline in {b"\r\n", b"\n"}:
            # Ignore one empty line before the request line (RFC 9112, section 2.2).
            self.raw_requestline = self.rfile.readline(MAX_LINE_BYTES + 1)
        if not self.raw_requestline:
            self.close_connection = True
            return
        if len(self.raw_requestline) > MAX_LINE_BYTES:
            self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG)
            return
        if not self.parse_request():
            return
        if any(isinstance(defect, _FATAL_HEADER_DEFECTS) for defect in self.headers.defects):
            # The parser drops all headers after a malformed one; other defects concern multipart bodies.
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        self._set_close_connection()
        with self._open_sink() as sink:
            try:
                self._read_body(sink)
            except InvalidFraming:
                self.send_error(HTTPStatus.BAD_REQUEST)
                return
            sink.flush()
            answer = self.server.answer(self._request(sink))
        self._write(answer)
        if self._is_too_large:
            self._linger()

    def handle_expect_100(self) -> bool:
        """Send `100 Continue` at once; the client waits for it."""
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a malformed request in the dialect of its path, and close the connection."""
        del code, message, explain  # a dialect has one status for all of them
        self.close_connection = True
        words = self.requestline.split()
        path = unquote(words[1].partition("?")[0]) if len(words) > 1 else "/"
        self._write(routing_error(MalformedBody(), path))
        self._linger()

    def _set_close_connection(self) -> None:
        """Set `close_connection`; the parent class does not parse lists in the `Connection` header."""
        given = ",".join(self.headers.get_all("Connection", ())).lower()
        words = {word.strip() for word in given.split(",")}
        is_modern = self.request_version >= "HTTP/1.1"
        self.close_connection = "close" in words or not (is_modern or "keep-alive" in words)

    @property
    def _is_upload(self) -> bool:
        return self.path.startswith(f"{MEDIA_PATH}/")

    def _open_sink(self) -> IO[bytes]:
        """Return where the body is written: an upload to a temporary file, everything else to memory."""
        return NamedTemporaryFile() if self._is_upload else BytesIO()

    def _request(self, sink: IO[bytes]) -> ServerRequest:
        return ServerRequest(
            method=self.command,
            # The parent class strips leading slashes from `self.path`.
            target=self.requestline.split()[1],
            headers=tuple((name, _unfolded(str(value))) for name, value in self.headers.items()),
            body=sink.getvalue() if isinstance(sink, BytesIO) else b"",
            scheme=self.server.scheme,
            port=self.server.port,
            host=str(self.connection.getsockname()[0]),
            peer=str(self.client_address[0]),
            file=Path(sink.name) if self._is_upload else None,
        )

    @property
    def _max_bytes(self) -> int:
        """The limit of a body; the part beyond it is discarded."""
        if self._is_upload:
            return MAX_UPLOAD_BYTES
        return MAX_ENGINE_BYTES if is_engine_path(self.path) else MAX_BYTES

    def _read_body(self, sink: IO[bytes]) -> None:
        """Copy the body, up to one byte beyond the limit; raise InvalidFraming without a reliable length."""
        encodings = self.headers.get_all("Transfer-Encoding", ())
        lengths = {length.strip() for length in self.headers.get_all("Content-Length", ())}
        if encodings:
            if lengths or [encoding.strip().lower() for encoding in encodings] != ["chunked"]:
                raise InvalidFraming
            self._read_chunks(sink)
            return
        if not lengths:
            return
        length = lengths.pop()
        if lengths or _DIGITS.match(length) is None:
            raise InvalidFraming
        kept = min(int(length), self._max_bytes + 1)
        self._copy(kept, sink)
        self._skip(int(length) - kept, int(length))

    def _read_chunks(self, sink: IO[bytes]) -> None:
        total = 0
        while True:
            match = _CHUNK_SIZE.match(self.rfile.readline(1024))
            if match is None:
                raise InvalidFraming
            size = int(match[1], 16)
            if size == 0:
                self._read_trailers()
                return
            total += size
            kept = min(size, self._max_bytes + 1 - sink.tell())
            self._copy(kept, sink)
            if not self._skip(size - kept, total):
                return
            if self.rfile.readline(3) not in {b"\r\n", b"\n"}:
                raise InvalidFraming

    def _read_trailers(self) -> None:
        for _ in range(_MAX_TRAILERS):
            if self.rfile.readline(MAX_LINE_BYTES) in {b"\r\n", b"\n", b""}:
                return
        raise InvalidFraming

    def _skip(self, size: int, total: int) -> bool:
        """Discard the rest of a part; return False if the body exceeds `MAX_DISCARDED_BYTES`."""
        if total > MAX_DISCARDED_BYTES:
            self._is_too_large = self.close_connection = True
            return False
        self._copy(size, None)
        return True

    def _copy(self, size: int, sink: IO[bytes] | None) -> None:
        """Read a part of the body in small pieces, and write it to the sink, if there is one."""
        while size > 0:
            piece = self._read_exactly(min(size, _READ_BYTES))
            size -= len(piece)
            if sink is not None:
                sink.write(piece)

    def _linger(self) -> None:
        """Read until the client closes: closing with unread bytes could reset the connection too early."""
        self.connection.settimeout(LINGER_SECONDS)
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            deadline = time.monotonic() + LINGER_SECONDS
            while time.monotonic() < deadline and self.connection.recv(_READ_BYTES):
                pass

    def _read_exactly(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise InvalidFraming
        return data

    def _write(self, answer: ServerResponse) -> None:
        if answer.is_dropped:
            self.close_connection = True
            return
        has_body = answer.status not in _WITHOUT_BODY
        lines = [
            f"HTTP/1.1 {answer.status} {_phrase(answer.status)}",
            f"Date: {formatdate(usegmt=True)}",
            *(f"{name}: {value}" for name, value in answer.headers),
        ]
        if has_body and not (self.command == "HEAD" and not answer.body):
            lines.append(f"Content-Length: {len(answer.body)}")
        if self.close_connection:
            # Node 20 reuses a connection that is closed without this header.
            lines.append("Connection: close")
        elif self.request_version < "HTTP/1.1":
            lines.append("Connection: keep-alive")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        self.wfile.write(head + (answer.body if has_body and self.command != "HEAD" else b""))
        self.wfile.flush()


def _unfolded(value: str) -> str:
    """Join a folded header value into one line."""
    return " ".join(line.strip(" \t") for line in value.splitlines()) if "\n" in value or "\r" in value else value


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


class Server(socketserver.TCPServer):
    """A server that binds its port when it is created (0: any free port); requests wait until `start`.

    A connection has a thread only while a request is answered (C-324).
    """

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, host: str, port: int) -> None:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self.address_family = family
        super().__init__(address, Connection)  # type: ignore[arg-type] # IPv6 has four parts
        self.port: int = self.server_address[1]
        self._answer: Responder | None = None
        self._tls: ssl.SSLContext | None = None
        self._thread: threading.Thread | None = None
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self._workers = Workers()
        self._idle = IdleConnections(IDLE_SECONDS)

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return "http" if self._tls is None else "https"

    def start(self, answer: Responder, tls: ssl.SSLContext | None = None) -> None:
        """Start to answer requests, in background threads."""
        self._answer, self._tls = answer, tls
        self._idle.start()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Release the port and close all connections."""
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
        self._idle.stop()
        self.server_close()
        with self._open_lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def answer(self, request: ServerRequest) -> ServerResponse:
        """Answer a request with the function passed to `start`."""
        if self._answer is None:
            raise RuntimeError("not started")
        return self._answer(request)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's signature
        """Take a new connection, which has no thread until it has a request."""
        with self._open_lock:
            self._open.add(request)
        serve = partial(self._open_connection, request, client_address)
        self._idle.add(request, partial(self._workers.run, serve), partial(self._close, request))

    def _open_connection(self, request: socket.socket, client_address: Any) -> None:  # noqa: ANN401 - a tuple
        """Serve the first request; the TLS handshake is done here, in a thread of its own."""
        connection = request
        try:
            if self._tls is not None:
                request.settimeout(HANDSHAKE_SECONDS)
                connection = self._tls.wrap_socket(request, server_side=True)
                with self._open_lock:
                    self._open.add(connection)
                    self._open.discard(request)
            served = Connection(connection, client_address, self)
        except OSError:
            self._close(request)
            self._close(connection)
            return
        self._serve(served)

    def _serve(self, served: Connection) -> None:
        try:
            served.serve()
        except OSError:  # disconnects and timeouts
            served.close_connection = True
        except Exception:  # noqa: BLE001 - one connection must not end the thread of others
            self.handle_error(served.request, served.client_address)
            served.close_connection = True
        if served.close_connection:
            self._end(served)
        else:
            serve = partial(self._workers.run, partial(self._serve, served))
            self._idle.add(served.connection, serve, partial(self._end, served))

    def _end(self, served: Connection) -> None:
        with suppress(OSError):
            served.finish()
        self._close(served.connection)

    def _close(self, connection: socket.socket) -> None:
        with self._open_lock:
            self._open.discard(connection)
        self.shutdown_request(connection)
