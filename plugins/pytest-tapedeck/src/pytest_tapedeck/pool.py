"""The stand-ins of a test session: one for each set of options, started at its first use.

With pytest-xdist they belong to the process that the user started, and its workers get them over a local socket:
so all workers share them, and they end with the session.
"""

from __future__ import annotations

import hmac
import json
import secrets
import socket
import threading
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict
from typing import Any

from pytest_tapedeck.server import NotStarted, Server, running_server

_LOOPBACK = "127.0.0.1"

SHARED_OPTIONS = (("--clock", "frozen"), ("--clock", "running"))
"""The options of the stand-ins that workers may request."""


class ServerPool:
    """Starts stand-ins and stops them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._started: dict[tuple[str, ...], Server | NotStarted] = {}

    def get(self, options: tuple[str, ...]) -> Server:
        """Return the stand-in with these options of `serve`; it is started only once, also if that fails.

        Raises:
            NotStarted: it could not be started.
        """
        with self._lock:
            if options not in self._started:
                try:
                    self._started[options] = self._stack.enter_context(running_server(options))
                except NotStarted as error:
                    self._started[options] = error
            found = self._started[options]
        if isinstance(found, NotStarted):
            raise NotStarted(str(found)) from found
        return found

    def close(self) -> None:
        """Stop all stand-ins."""
        with self._lock:
            self._stack.close()


class PoolListener:
    """Answers the workers of a session: each connection is a request for one stand-in of the pool.

    Any program of this machine can connect, so a request needs `key`, and chooses among `SHARED_OPTIONS` alone.
    """

    def __init__(self, pool: ServerPool) -> None:
        self._pool = pool
        self.key = secrets.token_hex(16)
        self._socket = socket.create_server((_LOOPBACK, 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """Accept no further connection."""
        self._socket.close()

    def _listen(self) -> None:
        with suppress(OSError):  # the socket was closed
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError), closing(connection), connection.makefile("rw", encoding="utf-8") as stream:
            key, options = stream.readline().strip(), tuple(json.loads(stream.readline()))
            if not hmac.compare_digest(key.encode(), self.key.encode()) or options not in SHARED_OPTIONS:
                return
            answer: dict[str, Any]
            try:
                answer = {"server": asdict(self._pool.get(options))}
            except NotStarted as error:
                answer = {"error": str(error)}
            stream.write(json.dumps(answer) + "\n")


def request_server(port: int, key: str, options: tuple[str, ...]) -> Server | None:
    """Return the stand-in of the session with these options; None if its process is not on this machine.

    Args:
        port: the port of the session's listener.
        key: the key of the listener.
        options: one of `SHARED_OPTIONS`.

    Raises:
        NotStarted: it could not be started.
    """
    try:
        connection = socket.create_connection((_LOOPBACK, port))
    except OSError:
        return None
    with closing(connection), connection.makefile("rw", encoding="utf-8") as stream:
        stream.write(f"{key}\n{json.dumps(options)}\n")
        stream.flush()
        answer = json.loads(stream.readline())
    if "error" in answer:
        raise NotStarted(answer["error"])
    return Server(**answer["server"])
