"""Compare pauses that the stand-in answers once its media engine has confirmed them with pauses that it only stores.

Two stand-ins run at once, each in a process of its own: `--confirm pause` and `--confirm none`. Their pauses alternate.
"""

import argparse
import base64
import contextlib
import http.client
import json
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import urlsplit

from tapedeck.settings import STANDIN_ACCOUNT, STANDIN_TOKEN

RULES: Final = ("pause", "none")
CLIENTS: Final = 20
PAUSES: Final = 100
"""Pauses of one client, for each of the two stand-ins."""

BATCHES: Final = 10
"""How often all clients pause at once, for each of the two stand-ins."""

MAX_TIME_RATIO: Final = 2
MIN_THROUGHPUT_RATIO: Final = 0.4

_BASE: Final = f"/2010-04-01/Accounts/AC{STANDIN_ACCOUNT}"
_READY: Final = "TAPEDECK_READY "
_HEADERS: Final = {
    "Authorization": "Basic " + base64.b64encode(f"AC{STANDIN_ACCOUNT}:{STANDIN_TOKEN}".encode()).decode(),
    "Content-Type": "application/x-www-form-urlencoded",
}


class Client:
    """One client with a persistent connection and a recording of its own, in progress."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        call = self._post("/_standin/calls")["sid"]["twilio"]
        recordings = f"{_BASE}/Calls/{call}/Recordings"
        self._path = f"{recordings}/{self._post(f'{recordings}.json')['sid']}.json"

    def pause(self) -> float:
        """Pause the recording; return the seconds until the answer."""
        started = time.perf_counter()
        answer = self._post(self._path, "Status=paused")
        elapsed = time.perf_counter() - started
        assert answer["status"] == "paused"
        return elapsed

    def resume(self) -> None:
        """Resume the recording."""
        self._post(self._path, "Status=in-progress")

    def _post(self, path: str, form: str = "") -> Any:  # noqa: ANN401 - JSON
        self._connection.request("POST", path, form, _HEADERS)
        response = self._connection.getresponse()
        body = response.read()
        if response.status not in {200, 201}:
            sys.exit(f"{path}: {response.status} {body[:300]!r}")
        return json.loads(body)


@contextlib.contextmanager
def running(rule: str) -> Iterator[int]:
    """Run a stand-in with this rule about confirmations, and provide its port."""
    command = [sys.executable, "-m", "tapedeck_standin", "serve", "--port", "0", "--https-port", "0"]
    process = subprocess.Popen(
        [*command, "--confirm", rule], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        ready = next((line for line in process.stdout if line.startswith(_READY)), None)
        if ready is None:
            sys.exit("The stand-in did not start")
        yield urlsplit(json.loads(ready.removeprefix(_READY))["url"]).port or 0
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def measure_one_client(ports: Sequence[int]) -> list[float]:
    """Return the median seconds of a pause of each stand-in; their pauses alternate."""
    clients = [Client(port) for port in ports]
    seconds: list[list[float]] = [[] for _ in clients]
    for number in range(PAUSES + 5):
        for client, measured in zip(clients, seconds, strict=True):
            elapsed = client.pause()
            client.resume()
            if number >= 5:  # the first ones load modules
                measured.append(elapsed)
    return [statistics.median(each) for each in seconds]


def measure_throughput(ports: Sequence[int]) -> list[float]:
    """Return the pauses per second of each stand-in, with all clients at once; only the pauses are timed."""
    groups = [[Client(port) for _ in range(CLIENTS)] for port in ports]
    seconds: list[list[float]] = [[] for _ in groups]
    with ThreadPoolExecutor(CLIENTS) as pool:
        for number in range(BATCHES + 1):
            for group, measured in zip(groups, seconds, strict=True):
                started = time.perf_counter()
                list(pool.map(Client.pause, group))
                elapsed = time.perf_counter() - started
                list(pool.map(Client.resume, group))
                if number:
                    measured.append(elapsed)
    return [CLIENTS / statistics.median(each) for each in seconds]


def main() -> int:
    """Print the ratios with their budgets. Return 1 if one is exceeded, else 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    with contextlib.ExitStack() as stack:
        with ThreadPoolExecutor() as pool:
            ports = list(pool.map(stack.enter_context, [running(rule) for rule in RULES]))
        confirmed, unconfirmed = measure_one_client(ports)
        confirmed_rate, unconfirmed_rate = measure_throughput(ports)
    ratio, throughput = confirmed / unconfirmed, confirmed_rate / unconfirmed_rate
    label = "time of a pause on the stand-in: confirmed / stored"
    print(f"{label:<58} {ratio:>9.2f}   budget <= {MAX_TIME_RATIO:<6} {'OVER' if ratio > MAX_TIME_RATIO else ''}")
    label = f"pauses per second, {CLIENTS} clients: confirmed / stored"
    verdict = "UNDER" if throughput < MIN_THROUGHPUT_RATIO else ""
    rates = f"({confirmed_rate:.0f} and {unconfirmed_rate:.0f} per second)"
    print(f"{label:<58} {throughput:>9.2f}   budget >= {MIN_THROUGHPUT_RATIO:<6} {verdict} {rates}")
    return int(ratio > MAX_TIME_RATIO or throughput < MIN_THROUGHPUT_RATIO)


if __name__ == "__main__":
    sys.exit(main())
