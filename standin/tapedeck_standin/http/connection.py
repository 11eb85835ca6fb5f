"""A client's connection: uvicorn's protocol, with an application of its own that may close or replace it.

Uvicorn's class is no public interface: its version is pinned, and `tests/standin/test_http_server.py` checks what is
used here.
"""

import asyncio
import time
import traceback
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol
from uvicorn.server import ServerState

from tapedeck.domain.errors import MalformedBody
from tapedeck_standin.http.messages import ServerRequest, ServerResponse, routing_error
from tapedeck_standin.http.request_body import RequestBody
from tapedeck_standin.http.workers import Workers

IDLE_SECONDS: Final = 75
LINGER_SECONDS: Final = 1
MAX_HEAD_BYTES: Final = 64 * 1024

_WITHOUT_BODY: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_VERSIONS: Final = frozenset({"1.0", "1.1"})
_CONNECT: Final = "CONNECT"

Message = MutableMapping[str, Any]
Receive = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Service:
    """What the connections of a port share.

    `answer`: answers a request; runs in a thread.
    `port`: the number of the port.
    `begin_tunnel`: begins TLS within a connection, after the answer 200 to `CONNECT`; gets the bytes that came with
    the request. None: such requests are dropped.
    `arrive`: is called with each request before its thread answers it.
    `handshakes`: the connections without TLS yet.
    """

    answer: Callable[[ServerRequest], ServerResponse]
    port: int
    begin_tunnel: "Callable[[Service, asyncio.Transport, bytes], None] | None" = None
    arrive: Callable[[ServerRequest], object] = lambda _: None
    workers: Workers = field(default_factory=Workers)
    handshakes: set[asyncio.Transport] = field(default_factory=set)
    state: ServerState = field(default_factory=ServerState)
    config: Config = field(
        default_factory=lambda: Config(
            None,  # type: ignore[arg-type] # each connection is its own application
            http=H11Protocol, ws="none", lifespan="off", interface="asgi3", log_config=None, log_level="critical",
            access_log=False, proxy_headers=False, server_header=False, date_header=False,
            timeout_keep_alive=IDLE_SECONDS, h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        )
    )  # fmt: skip

    def close_connections(self) -> None:
        """Close all connections at once, those that wait for an answer too."""
        for transport in [*self.handshakes, *(connection.transport for connection in self.state.connections)]:
            transport.abort()


class Connection(H11Protocol):
    """A connection, which may carry several requests; h11 decides what is valid (C-299).

    Args:
        service: what the connections of a port share.
    """

    def __init__(self, service: Service) -> None:
        super().__init__(service.config, service.state, {}, asyncio.get_running_loop())
        self.app = self._serve
        self.access_log = False
        self._service = service
        self._received = b""
        self._is_refused = False
        self._head_until: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn's class
        """Close the connection if no request comes."""
        super().connection_made(transport)
        self._close_if_idle()

    def data_received(self, data: bytes) -> None:
        """Handle data; wait for all of a request's head only as long as an idle connection is kept (C-337)."""
        if self._is_refused:
            return
        self._received = data
        super().data_received(data)
        if self._is_answering:
            self._head_until = None
        self._close_if_idle()

    def eof_received(self) -> bool | None:  # type: ignore[override] # the base class never keeps the connection
        """Keep a connection on which the client only has ended its side, until the request is answered."""
        if not self._is_answering or self.cycle.more_body or self.scheme == "https":
            return None
        self.cycle.keep_alive = False
        return True

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, unless its client still reads an answer."""
        if self.transport.get_write_buffer_size() == 0:
            super().timeout_keep_alive_handler()
        else:
            self.timeout_keep_alive_task = None
            self._abort_if_unread()

    def send_400_response(self, msg: str) -> None:
        """Answer a malformed request in the dialect of its path, and close the connection."""
        del msg  # a dialect has one text for all of them
        self._is_refused = True
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            words = self._received[:MAX_HEAD_BYTES].partition(b"\n")[0].split()
            path = unquote(words[1].partition(b"?")[0], errors="replace") if len(words) > 1 else "/"
            answer = routing_error(MalformedBody(), path)
            headers = [*_headers_of(answer, "GET"), (b"Connection", b"close")]
            head = h11.Response(status_code=answer.status, headers=headers, reason=_reason(answer.status))
            written = [self.conn.send(event) or b"" for event in (head, h11.Data(data=answer.body))]
            self.transport.write(b"".join(written))
        if self._is_answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        # Closing with unread bytes could reset the connection before the client has read the answer.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self._close)

    @property
    def _is_answering(self) -> bool:
        cycle: object = self.cycle  # None before the first request
        return cycle is not None and not self.cycle.response_complete

    def _close_if_idle(self) -> None:
        if self.timeout_keep_alive_task is None and not self._is_answering and not self.transport.is_closing():
            if self._head_until is None:
                self._head_until = self.loop.time() + IDLE_SECONDS
            self.timeout_keep_alive_task = self.loop.call_at(self._head_until, self.timeout_keep_alive_handler)

    def _abort_if_unread(self, before: int = 0) -> None:
        """Abort a connection whose client reads nothing of its answers; while it reads, look again later (C-337).

        Args:
            before: how many bytes were not sent when this was called last.
        """
        unread = self.transport.get_write_buffer_size()
        if unread and unread == before:
            self.transport.abort()
        elif unread:
            self.loop.call_later(IDLE_SECONDS, self._abort_if_unread, unread)
        else:
            self._close_if_idle()

    def _close(self) -> None:
        self.transport.close()
        self._abort_if_unread()  # asyncio waits without an end until everything is sent

    async def _serve(self, scope: Message, receive: Receive, _send: object) -> None:
        """Answer a request: uvicorn's application."""
        try:
            await self._answer(scope, receive)
        except (ConnectionError, TimeoutError):  # of the body
            self._drop()
        except Exception:
            traceback.print_exc()
            raise

    async def _answer(self, scope: Message, receive: Receive) -> None:
        head = self._head_of(scope)
        if not _is_valid(scope):
            await self._write_and_close(routing_error(MalformedBody(), head.path), head.method, receive)
            return
        if self.flow.write_paused:  # the client has not read earlier answers
            async with asyncio.timeout(IDLE_SECONDS):
                await self.flow.drain()
        with RequestBody(head.path) as body:
            is_complete = await body.read(receive, int(head.header("Content-Length") or 0))
            request = replace(head, body=body.content, file=body.file)
            self._service.arrive(request)
            answer = await self._service.workers.run(self._service.answer, request)
        if self.cycle.disconnected:
            return
        if head.method == _CONNECT and answer.status == HTTPStatus.OK:
            self._begin_tunnel()
        elif answer.is_dropped:
            self._drop()
        elif is_complete:
            self._write(answer, _headers_of(answer, head.method))
            self._end_response()
        else:
            await self._write_and_close(answer, head.method, receive)

    def _head_of(self, scope: Message) -> ServerRequest:
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        return ServerRequest(
            method=scope["method"],
            target=target.decode("latin-1"),
            headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]),
            scheme=scope["scheme"],
            port=self._service.port,
            host=scope["server"][0],
            peer=scope["client"][0],
        )

    def _write(self, answer: ServerResponse, headers: list[tuple[bytes, bytes]]) -> None:
        """Write a response at once: the messages of uvicorn's application would be two packets."""
        content = b"" if answer.status in _WITHOUT_BODY or self.scope["method"] == "HEAD" else answer.body
        head = h11.Response(status_code=answer.status, headers=headers, reason=_reason(answer.status))
        written = [self.conn.send(event) or b"" for event in (head, h11.Data(data=content), h11.EndOfMessage())]
        self.cycle.response_started = True
        self.transport.write(b"".join(written))

    def _end_response(self) -> None:
        """Go on as uvicorn does after a response."""
        self.cycle.response_complete = True
        if self.conn.our_state is h11.MUST_CLOSE or not self.cycle.keep_alive:
            self.conn.send(h11.ConnectionClosed())
            self._close()
        self.cycle.on_response()

    async def _write_and_close(self, answer: ServerResponse, method: str, receive: Receive) -> None:
        """Respond to a request of which not everything was read, and close the connection."""
        self._write(answer, [*_headers_of(answer, method), (b"Connection", b"close")])
        # Closing with unread bytes could reset the connection before the client has read the response.
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while (await receive()).get("more_body"):
                    pass
        self._end_response()

    def _begin_tunnel(self) -> None:
        """Serve TLS within this connection, to a client that takes the server for a proxy."""
        if self._service.begin_tunnel is None:
            self._drop()
            return
        self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.cycle.disconnected = True
        self.connections.discard(self)
        # A client need not wait for the answer before it begins TLS.
        self._service.begin_tunnel(self._service, self.transport, self.conn.trailing_data[0])

    def _drop(self) -> None:
        """Close the connection without a response."""
        self.cycle.disconnected = True
        if not self._is_refused:
            self._close()


def _is_valid(scope: Message) -> bool:
    """Whether uvicorn has accepted a request that has one reading: h11 prefers chunks to a length.

    A request for a tunnel has no body: what follows its head belongs to the tunnel (C-344).
    """
    headers = dict(scope["headers"])
    has_chunks, length = b"transfer-encoding" in headers, headers.get(b"content-length")
    if scope["method"] == _CONNECT and (has_chunks or int(length or 0) > 0):
        return False
    return scope["http_version"] in _VERSIONS and not (has_chunks and length is not None)


def _headers_of(answer: ServerResponse, method: str) -> list[tuple[bytes, bytes]]:
    """Return the headers with date and length; of a response to HEAD, the function may give the length."""
    headers = [(b"Date", _date(int(time.time())))]
    headers += [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in answer.headers]
    has_length = method == "HEAD" and any(name.lower() == "content-length" for name, _ in answer.headers)
    if answer.status not in _WITHOUT_BODY and not has_length:
        headers.append((b"Content-Length", b"%d" % len(answer.body)))
    return headers


def _reason(status: int) -> bytes:
    return STATUS_PHRASES.get(status, b"Unknown")


@lru_cache(maxsize=2)
def _date(seconds: int) -> bytes:
    return formatdate(seconds, usegmt=True).encode()
