"""Compare the updates per second of the stand-in with an empty function behind its server, and with Prism.

Prism (`@stoplight/prism-cli`, from npm) answers from the OpenAPI document and keeps no state. All servers run at once,
each in a process of its own; four clients with persistent connections update one server after the other.
"""

import argparse
import base64
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tapedeck.settings import STANDIN_ACCOUNT, STANDIN_TOKEN

ROOT: Final = Path(__file__).resolve().parents[1]
PRISM: Final = "@stoplight/prism-cli@5.14.2"

CLIENTS: Final = 4
UPDATES: Final = 100
"""Updates of one client in each round."""

ROUNDS: Final = 7
MIN_EMPTY_RATIO: Final = 0.2
"""Held against decline; 0.6 is the aim. An update costs 0.5 ms of CPU in its function and 1 ms in what follows it."""

_BASE: Final = f"/2010-04-01/Accounts/AC{STANDIN_ACCOUNT}"
_READY: Final = "TAPEDECK_READY "
_HEADERS: Final = {
    "Accept": "application/json",
    "Authorization": "Basic " + base64.b64encode(f"AC{STANDIN_ACCOUNT}:{STANDIN_TOKEN}".encode()).decode(),
    "Content-Type": "application/x-www-form-urlencoded",
    "User-Agent": "twilio-python/9.13.0 (Linux x86_64) Python/3.13.0",
}


class Client:
    """A client with a persistent connection, as an SDK has it.

    Args:
        port: the server's port on this machine.
        path: the recording to update.
    """

    def __init__(self, port: int, path: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._path = path

    def reconnect(self) -> None:
        """Use a new connection: a server closes one that was idle for some seconds."""
        self._connection.close()

    def update(self, number: int) -> None:
        """Pause or resume the recording, in turn."""
        post(self._connection, self._path, f"Status={'in-progress' if number % 2 else 'paused'}")


def post(connection: http.client.HTTPConnection, path: str, form: str = "") -> Any:  # noqa: ANN401 - JSON
    """Send a form; return the JSON body of the answer."""
    connection.request("POST", path, form, _HEADERS)
    response = connection.getresponse()
    body = response.read()
    if response.status not in {200, 201}:
        sys.exit(f"{path}: {response.status} {body[:300]!r}")
    return json.loads(body)


def clients_of_standin(port: int) -> list[Client]:
    """Return clients of a stand-in, each with a recording of its own in progress."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    clients = []
    for _ in range(CLIENTS):
        call = post(connection, "/_standin/calls")["sid"]["twilio"]
        recordings = f"{_BASE}/Calls/{call}/Recordings"
        clients.append(Client(port, f"{recordings}/{post(connection, f'{recordings}.json')['sid']}.json"))
    return clients


def clients_of_prism(port: int) -> list[Client]:
    """Return clients of Prism, which knows any sid."""
    path = f"{_BASE}/Calls/CA{'0' * 32}/Recordings/RE{'0' * 32}.json"
    return [Client(port, path) for _ in range(CLIENTS)]


@contextlib.contextmanager
def running_standin(program: Sequence[str]) -> Iterator[list[Client]]:
    """Run a stand-in that confirms no updates; provide its clients."""
    options = ["serve", "--port", "0", "--https-port", "0", "--confirm", "none"]
    process = subprocess.Popen(
        [sys.executable, *program, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        ready = next((line for line in process.stdout if line.startswith(_READY)), None)
        if ready is None:
            sys.exit("The stand-in did not start")
        yield clients_of_standin(urlsplit(json.loads(ready.removeprefix(_READY))["url"]).port or 0)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


@contextlib.contextmanager
def running_prism() -> Iterator[list[Client]]:
    """Run Prism with the project's OpenAPI document of Twilio's dialect; provide its clients."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    document = str(ROOT / "docs/reference/openapi/twilio.json")
    command = ["npx", "--yes", PRISM, "mock", "--port", str(port), document]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        else:
            sys.exit("Prism did not start")
        yield clients_of_prism(port)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def measure(groups: Sequence[Sequence[Client]]) -> list[float]:
    """Return the median updates per second of each group of clients; the groups take turns."""

    def update_all(client: Client) -> None:
        client.reconnect()
        for number in range(UPDATES):
            client.update(number)

    rates: list[list[float]] = [[] for _ in groups]
    with ThreadPoolExecutor(CLIENTS) as pool:
        for number in range(ROUNDS + 1):
            for group, measured in zip(groups, rates, strict=True):
                started = time.perf_counter()
                list(pool.map(update_all, group))
                if number:  # the first round loads modules
                    measured.append(CLIENTS * UPDATES / (time.perf_counter() - started))
    return list(map(statistics.median, rates))


def show(other: str, rates: tuple[float, float], minimum: float | None) -> bool:
    """Print the ratio of the stand-in to another server, with its budget, if it has one; return whether it is kept."""
    ratio = rates[0] / rates[1]
    is_kept = minimum is None or ratio >= minimum
    budget = f"budget >= {minimum:<6}" if minimum is not None else "no budget       "
    both = f"({rates[0]:.0f} and {rates[1]:.0f} per second)"
    label = f"updates per second, {CLIENTS} clients: stand-in / {other}"
    print(f"{label:<58} {ratio:>9.2f}   {budget} {'' if is_kept else 'UNDER'} {both}")
    return is_kept


def main() -> int:
    """Print the ratios. Return 1 if a budget is not kept, else 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prism", action="store_true", help="compare with Prism, too; downloads it from npm")
    with_prism = parser.parse_args().prism
    if with_prism and shutil.which("npx") is None:
        sys.exit("Prism needs npx: install Node.js with npm")
    programs = (["-m", "tapedeck_standin"], [str(ROOT / "benchmarks/programs/empty_standin.py")])
    servers: list[Callable[[], contextlib.AbstractContextManager[list[Client]]]] = [
        lambda program=program: running_standin(program) for program in programs
    ]
    with contextlib.ExitStack() as stack:
        groups = [stack.enter_context(run()) for run in [*servers, *([running_prism] if with_prism else [])]]
        standin, empty, *prism = measure(groups)
    held = show("empty function", (standin, empty), MIN_EMPTY_RATIO)
    for rate in prism:
        show("Prism", (standin, rate), None)
    return int(not held)


if __name__ == "__main__":
    sys.exit(main())
