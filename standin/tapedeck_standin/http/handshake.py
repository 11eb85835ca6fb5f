"""A connection before and during its TLS handshake, which delays no other connection."""

import asyncio
import ssl
from typing import Final

from tapedeck_standin.http.connection import Connection, Service

HANDSHAKE_SECONDS: Final = 10


class Handshake(asyncio.Protocol):
    """Begins TLS on a connection, and then serves it.

    Args:
        service: what the connections of a port share.
        tls: the TLS context.
        received: what the client has sent of its handshake already.
    """

    def __init__(self, service: Service, tls: ssl.SSLContext, received: bytes = b"") -> None:
        self._service = service
        self._tls = tls
        self._received = received
        self._early = bytearray()
        self._is_lost = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # of TCP
        """Begin the handshake; nothing is read before."""
        transport.pause_reading()
        self._service.handshakes.add(transport)
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._begin(loop, transport))

    def data_received(self, data: bytes) -> None:
        """Keep what the client has sent together with the end of its handshake."""
        self._early += data

    def connection_lost(self, error: Exception | None) -> None:
        """Remember that there is nothing to serve."""
        del error
        self._is_lost = True

    async def _begin(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        if self._received:
            # In its first step `start_tls` schedules that TLS begins; this is to come next, before anything is read.
            loop.call_soon(loop.call_soon, self._feed, transport)
        try:
            encrypted = await loop.start_tls(
                transport, self, self._tls, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except OSError:  # also of TLS and of time
            transport.abort()
            return
        finally:
            self._service.handshakes.discard(transport)
        if encrypted is None or self._is_lost:
            return
        connection = Connection(self._service)
        encrypted.set_protocol(connection)
        connection.connection_made(encrypted)
        if self._early:
            connection.data_received(bytes(self._early))

    def _feed(self, transport: asyncio.Transport) -> None:
        """Give TLS what was received before it began."""
        tls = transport.get_protocol()
        if transport.is_closing() or not isinstance(tls, asyncio.BufferedProtocol):
            return
        left = memoryview(self._received)
        while left:
            room = memoryview(tls.get_buffer(len(left)))
            size = min(len(room), len(left))
            room[:size] = left[:size]
            tls.buffer_updated(size)
            left = left[size:]
