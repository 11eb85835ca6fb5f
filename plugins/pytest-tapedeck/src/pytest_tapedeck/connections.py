"""Connections to stand-ins. They are kept for the next requests: a new one costs more than most requests themselves."""

from __future__ import annotations

import atexit
import os
import socket
import threading
import time
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

IDLE_SECONDS = 30
"""How long a connection without a request is used again: the server closes it after 75 seconds."""

_lock = threading.Lock()
_idle: dict[tuple[int, str], list[tuple[float, HTTPConnection]]] = {}
"""Connections without a request, and since when, by process and base URL: a fork must not use those of its parent."""


def send(
    url: str, method: str, path: str, body: bytes | None, headers: dict[str, str], timeout: float
) -> tuple[int, bytes]:
    """Send one request, and return the status and the body of the answer. Thread-safe; uses no proxy.

    Args:
        url: the base URL of the server.
        method: the HTTP method.
        path: the path below the base URL, with its query.
        body: the body; None for none.
        headers: the headers.
        timeout: how long to wait for the connection, and for each part of the answer, in seconds.

    Raises:
        OSError: there is no connection, or no answer in time.
        HTTPException: the answer is no HTTP.
    """
    connection = _take(url) or _new(url)
    try:
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        connection.request(method, f"{urlsplit(url).path}{path}", body, headers)
        response = connection.getresponse()
        content = response.read()
    except BaseException:
        connection.close()  # a late answer must not be that of another request
        raise
    if connection.sock is None or isinstance(connection, HTTPSConnection):
        connection.close()
    else:
        with _lock:
            _idle.setdefault((os.getpid(), url), []).append((time.monotonic(), connection))
    return response.status, content


def close(url: str) -> None:
    """Close the connections to a server that are without a request."""
    with _lock:
        unused = _idle.pop((os.getpid(), url), [])
    for _, connection in unused:
        connection.close()


def _take(url: str) -> HTTPConnection | None:
    """Return a connection that is still open; None if there is none."""
    while True:
        with _lock:
            unused = _idle.get((os.getpid(), url))
            if not unused:
                return None
            since, connection = unused.pop()
        if time.monotonic() - since < IDLE_SECONDS and _is_open(connection.sock):
            return connection
        connection.close()


def _is_open(sock: socket.socket) -> bool:
    """Whether the server has neither closed a connection without a request nor sent anything."""
    sock.settimeout(0)
    try:
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _new(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(parts.hostname or "", parts.port)


@atexit.register
def _close_all() -> None:
    for _, url in list(_idle):
        close(url)
