"""An HTTP/1.1 server with TLS: uvicorn's connections in one thread with an event loop, answers in further threads."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Final

from tapedeck_standin.http.connection import Connection, Service
from tapedeck_standin.http.handshake import Handshake
from tapedeck_standin.http.messages import ServerRequest, ServerResponse

Responder = Callable[[ServerRequest], ServerResponse]

_BACKLOG: Final = 128
_TURNS: Final = 10


class Server:
    """A server that binds its port when it is created (0: any free port); requests wait until `start`.

    A request has a thread while it is answered, a connection has none (C-324).
    """

    def __init__(self, host: str, port: int) -> None:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # Without its protocol, asyncio would not disable Nagle's algorithm: each response would wait for 40 ms.
        self._socket = socket.socket(family, kind, protocol)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(address)
            self._socket.listen(_BACKLOG)
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._is_listening = threading.Event()
        self._is_stopped = asyncio.Event()

    def start(
        self,
        answer: Responder,
        tls: ssl.SSLContext | None = None,
        *,
        tunnel: ssl.SSLContext | None = None,
        arrive: Callable[[ServerRequest], object] = lambda _: None,
    ) -> None:
        """Start to answer requests, in background threads.

        Args:
            answer: answers a request.
            tls: the TLS context of the port; None for HTTP.
            tunnel: the TLS context within connections that are answered 200 to `CONNECT`; None to close them.
            arrive: is called with each request before a thread answers it; must return at once.
        """
        begin = (
            (lambda service, transport, early: Handshake(service, tunnel, early).connection_made(transport))
            if tunnel is not None
            else None
        )
        serving = self._serve(Service(answer, self.port, begin, arrive), tls)
        self._thread = threading.Thread(target=asyncio.run, args=(serving,), name="http", daemon=True)
        self._thread.start()
        self._is_listening.wait()

    def stop(self) -> None:
        """Release the port and close all connections."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._is_stopped.set)
            self._thread.join()
        self._socket.close()

    async def _serve(self, service: Service, tls: ssl.SSLContext | None) -> None:
        def arrive() -> asyncio.Protocol:
            return Connection(service) if tls is None else Handshake(service, tls)

        self._loop = asyncio.get_running_loop()
        try:
            listening = await self._loop.create_server(arrive, sock=self._socket, backlog=_BACKLOG)
        finally:
            self._is_listening.set()  # also after a failure, for which `start` must not wait for ever
        await self._is_stopped.wait()
        listening.close()
        service.close_connections()
        for _ in range(_TURNS):
            await asyncio.sleep(0)  # the sockets are closed in the next turns of the loop
