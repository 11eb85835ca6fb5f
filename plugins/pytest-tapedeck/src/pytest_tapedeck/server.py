"""A stand-in of one's own: started, waited for, ended."""

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

from pytest_tapedeck.client import Refused, ask

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = "TAPEDECK_COMMAND"
"""In the environment: what starts it, in place of `uvx --from tapedeck-api tapedeck`."""

URL = "TAPEDECK_URL"
"""In the environment: where one runs already."""

_READY = "TAPEDECK_READY "


class NotStarted(Exception):
    """It ended before it answered, and the message is what it said; or it could not be started at all."""


class NotReached(Exception):
    """Nothing that is a stand-in answers where one is said to run."""


@dataclass(frozen=True)
class Server:
    """Where a stand-in answers."""

    url: str
    https_url: str | None = None
    ca_file: str | None = None


@contextmanager
def running() -> Iterator[Server]:
    """The stand-in that the environment names, or one of our own, until the block is left.

    Raises:
        NotStarted: it did not start.
        NotReached: it does not answer.
    """
    there = os.environ.get(URL)
    if there:
        yield _reached(there.rstrip("/"))
        return
    process = _start(shlex.split(os.environ.get(COMMAND) or "uvx --from tapedeck-api tapedeck"))
    said: deque[str] = deque(maxlen=50)
    listener = threading.Thread(target=_listen, args=(process, said), daemon=True)
    listener.start()
    try:
        yield _wait(process, said)
    finally:
        process.terminate()
        process.wait(30)
        listener.join(5)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _reached(url: str) -> Server:
    try:
        ask(url, "GET", "/health")
    except (OSError, HTTPException, ValueError, Refused) as failed:
        raise NotReached(
            f"No stand-in answers at {url}: start one there, set {URL} to where one runs, "
            "or unset it to have one started."
        ) from failed
    return Server(url)


def _start(command: list[str]) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(  # noqa: S603 - the user's own command
            [*command, "serve", "--port", "0", "--https-port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    except OSError as failed:
        raise NotStarted(
            f"{command[0]} cannot be run: install uv, which has uvx, or set {COMMAND} to what starts a stand-in, "
            f"or {URL} to where one runs."
        ) from failed


def _wait(process: subprocess.Popen[str], said: deque[str]) -> Server:
    """Where it answers, once it says so."""
    for line in process.stdout or ():
        if line.startswith(_READY):
            ready = json.loads(line[len(_READY) :])
            return Server(ready["url"], ready["https_url"], ready["ca_file"])
    process.wait()
    raise NotStarted("".join(said) or f"exit code {process.returncode}")


def _listen(process: subprocess.Popen[str], said: deque[str]) -> None:
    """Read what it reports, or it would have to wait for a reader."""
    for line in process.stderr or ():
        said.append(line)
