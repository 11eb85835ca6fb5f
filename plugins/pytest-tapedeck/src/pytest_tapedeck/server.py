"""Start a stand-in process, wait until it is ready, and stop it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING

from pytest_tapedeck.client import Refused, send_control_request

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = "TAPEDECK_COMMAND"
"""Environment variable: the command that starts a stand-in. Default: `tapedeck`, which must be on PATH."""

URL = "TAPEDECK_URL"
"""Environment variable: the URL of a running stand-in. If it is set, the plugin starts none."""

_READY = "TAPEDECK_READY "
"""Prefix of the line that a stand-in prints when it is ready; a JSON object with its URLs follows."""


class NotStarted(Exception):
    """The stand-in could not be started, or exited before it was ready; the message is its output."""


class NotReached(Exception):
    """No stand-in responds at the URL in TAPEDECK_URL."""


@dataclass(frozen=True)
class Server:
    """The addresses of a running stand-in.

    Args:
        url: its base URL over HTTP.
        https_url: its base URL over HTTPS; None if the plugin did not start it.
        ca_file: path of the CA certificate for `https_url`, or None.
    """

    url: str
    https_url: str | None = None
    ca_file: str | None = None


@contextmanager
def running_server() -> Iterator[Server]:
    """Provide the stand-in at TAPEDECK_URL, or start one and stop it when the block ends.

    Raises:
        NotStarted: the stand-in could not be started.
        NotReached: no stand-in responds at TAPEDECK_URL.
    """
    url = os.environ.get(URL)
    if url:
        yield _connect(url.rstrip("/"))
        return
    process = _start(shlex.split(os.environ.get(COMMAND) or "tapedeck"))
    stderr_tail: deque[str] = deque(maxlen=50)
    reader = threading.Thread(target=_read_stderr, args=(process, stderr_tail), daemon=True)
    reader.start()
    try:
        yield _wait_until_ready(process, stderr_tail)
    finally:
        process.terminate()
        process.wait(30)
        reader.join(5)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _connect(url: str) -> Server:
    try:
        send_control_request(url, "GET", "/health")
    except (OSError, HTTPException, ValueError, Refused) as error:
        raise NotReached(
            f"No stand-in responds at {url}: start one there, set {URL} to the URL of a running stand-in, "
            "or unset it to let the plugin start one."
        ) from error
    return Server(url)


def _start(command: list[str]) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(  # noqa: S603 - the command that the user configured
            [*command, "serve", "--port", "0", "--https-port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    except OSError as error:
        raise NotStarted(
            f"{command[0]} cannot be run: install Tapedeck, which provides the command `tapedeck`, or set {COMMAND} to "
            f"another command that starts a stand-in, or {URL} to the URL of a running stand-in."
        ) from error


def _wait_until_ready(process: subprocess.Popen[str], stderr_tail: deque[str]) -> Server:
    """Read the output until the stand-in prints its addresses, and return them."""
    for line in process.stdout or ():
        if line.startswith(_READY):
            ready = json.loads(line[len(_READY) :])
            return Server(ready["url"], ready["https_url"], ready["ca_file"])
    process.wait()
    raise NotStarted("".join(stderr_tail) or f"exit code {process.returncode}")


def _read_stderr(process: subprocess.Popen[str], stderr_tail: deque[str]) -> None:
    """Keep the last lines of standard error; an unread pipe would block the process when full."""
    for line in process.stderr or ():
        stderr_tail.append(line)
