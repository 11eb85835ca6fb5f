"""Start a stand-in process, wait until it is ready, and stop it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_tapedeck.client import Refused, send_control_request
from pytest_tapedeck.connections import close

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = "TAPEDECK_COMMAND"
"""Environment variable: the command that starts a stand-in, instead of the installed one."""

URL = "TAPEDECK_URL"
"""Environment variable: the URL of a running stand-in. If it is set, the plugin starts none."""

_READY = "TAPEDECK_READY "
"""Prefix of the line that a stand-in prints when it is ready; a JSON object with its URLs follows."""


class NotStarted(Exception):
    """The stand-in could not be started, or exited before it was ready; the message is its output."""


class NotReached(Exception):
    """TAPEDECK_URL is no URL, or no stand-in responds there."""


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


def running_url() -> str | None:
    """Return the URL of the stand-in that the environment names; None to start one."""
    return (os.environ.get(URL) or "").rstrip("/") or None


def connect(url: str) -> Server:
    """Return the running stand-in at this URL.

    Raises:
        NotReached: none responds there, or this is no URL.
    """
    if not _is_http_url(url):
        raise NotReached(f"{URL} must be the URL of a running stand-in, such as http://localhost:3000, not {url!r}.")
    try:
        send_control_request(url, "GET", "/health")
    except (OSError, HTTPException, ValueError, Refused) as error:
        raise NotReached(
            f"No stand-in responds at {url}: start one there, set {URL} to the URL of a running stand-in, "
            "or unset it to let the plugin start one."
        ) from error
    return Server(url)


def _is_http_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


@contextmanager
def running_server(options: tuple[str, ...]) -> Iterator[Server]:
    """Start a stand-in with these options of `serve`, and stop it when the block ends.

    Raises:
        NotStarted: the stand-in could not be started.
    """
    process = _start(options)
    stderr_tail: deque[str] = deque(maxlen=50)
    reader = threading.Thread(target=_read_stderr, args=(process, stderr_tail), daemon=True)
    reader.start()
    url = ""
    try:
        server = _wait_until_ready(process, stderr_tail)
        url = server.url
        yield server
    finally:
        close(url)
        process.terminate()
        process.wait(30)
        reader.join(5)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _command() -> list[str]:
    """Return the command that starts a stand-in: the configured one, that of this environment, or that of PATH."""
    configured = os.environ.get(COMMAND)
    if configured:
        return [*shlex.split(configured), "serve"]
    if find_spec("tapedeck_standin") is not None:
        # -P: modules in the folder of the tests must not take the place of others.
        python = [sys.executable, *(["-P"] if sys.version_info >= (3, 11) else [])]
        return [*python, "-m", "tapedeck_standin", "serve", "--end-with-stdin"]
    return ["tapedeck", "serve", "--end-with-stdin"]


def _start(options: tuple[str, ...]) -> subprocess.Popen[str]:
    command = _command()
    try:
        return subprocess.Popen(  # noqa: S603 - the command that the user configured
            [*command, "--port", "0", "--https-port", "0", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    except OSError as error:
        raise NotStarted(
            f"{command[0]} cannot be run: install tapedeck-api, which provides the command `tapedeck`, or set "
            f"{COMMAND} to another command that starts a stand-in, or {URL} to the URL of a running stand-in."
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
