"""Measure the first start of the stand-in's wheel, further starts, and its memory; beside it, the version before.

The first start is `uvx --from WHEEL tapedeck serve` with empty caches: its CPU time contains unpacking the packages and
compiling them, and waits for the registry cost none. A further start is the same command again. Times are those until
the first answer of the API. The version before is built from the repository's history.
"""

import argparse
import base64
import io
import json
import os
import signal
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hatchling.builders.wheel import WheelBuilder

from tapedeck.settings import STANDIN_ACCOUNT, STANDIN_TOKEN

ROOT: Final = Path(__file__).resolve().parents[1]
UV: Final = Path(sys.executable).with_name("uv")

BEFORE: Final = "bb41fac"
"""The last commit of the version before."""

STARTS: Final = 5
CALLS: Final = 2_000

MAX_FIRST_CPU: Final = 2.0
MAX_CPU: Final = 1.0
MAX_WALL: Final = 1.2
MAX_MB_AT_START: Final = 80
MAX_MB_AFTER_CALLS: Final = 120
MAX_PACKAGES: Final = 20
MAX_UNPACKED_MB: Final = 40

_READY: Final = "TAPEDECK_READY "
_BASE: Final = f"/2010-04-01/Accounts/AC{STANDIN_ACCOUNT}"
_CREDENTIALS: Final = base64.b64encode(f"AC{STANDIN_ACCOUNT}:{STANDIN_TOKEN}".encode()).decode()
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Start:
    """CPU and wall seconds from the command to the first answer, and megabytes in memory then."""

    cpu: float
    wall: float
    megabytes: float


class Running:
    """A stand-in that has given its first answer.

    Args:
        process: the command's process, of which the stand-in may be a child.
        url: its base URL.
    """

    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self._process = process
        self._url = url

    def request(self, method: str, path: str, body: str | None = None) -> Any:  # noqa: ANN401 - JSON
        """Send a request with the account's credentials; return the answer."""
        kind = "application/json" if path.startswith("/_standin") else "application/x-www-form-urlencoded"
        headers = {"Authorization": f"Basic {_CREDENTIALS}", "Content-Type": kind}
        data = body.encode() if body is not None else None
        request = urllib.request.Request(self._url + path, data, headers, method=method)  # noqa: S310 - http
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            return json.loads(response.read() or b"null")

    def cpu(self) -> float:
        """Return the CPU seconds of the command, of its children and of those that have ended."""
        return sum(_cpu_of(process) for process in _tree(self._process.pid))

    def megabytes(self) -> float:
        """Return the resident memory of the stand-in itself."""
        status = Path(f"/proc/{_tree(self._process.pid)[-1]}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _tree(process: int) -> list[int]:
    """Return a process and its descendants, the youngest last."""
    threads = Path(f"/proc/{process}/task").iterdir()
    children = [child for thread in threads for child in (thread / "children").read_text(encoding="ascii").split()]
    return [process, *(each for child in children for each in _tree(int(child)))]


def _cpu_of(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


@contextmanager
def running(wheel: Path, folder: Path) -> Iterator[tuple[Running, Start]]:
    """Run the stand-in of a wheel by uv, with its caches in a folder; yield it after its first answer."""
    environment = {
        **{
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TAPEDECK_", "VIRTUAL"))
        },
        "UV_CACHE_DIR": str(folder / "uv"),
        "UV_TOOL_DIR": str(folder / "tools"),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    command = [str(UV), "tool", "run", "--quiet", "--python", sys.executable, "--from", str(wheel), "tapedeck", "serve"]
    began = time.monotonic()
    process = subprocess.Popen(
        [*command, "--port", "0", "--https-port", "0"], env=environment, cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        ready = next((line for line in process.stdout if line.startswith(_READY)), None)
        if ready is None:
            sys.exit(f"The stand-in of {wheel.name} did not start")
        standin = Running(process, json.loads(ready.removeprefix(_READY))["url"])
        assert standin.request("GET", f"{_BASE}.json")["status"] == "active"
        yield standin, Start(standin.cpu(), time.monotonic() - began, standin.megabytes())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def record_calls(standin: Running, count: int) -> float:
    """Record calls of five seconds one after the other; return the megabytes in memory afterwards."""
    for _ in range(count):
        call = standin.request("POST", "/_standin/calls", "{}")["sid"]["twilio"]
        standin.request("POST", f"{_BASE}/Calls/{call}/Recordings.json", "")
        standin.request("POST", "/_standin/clock", '{"advance": 5}')
        standin.request("POST", f"/_standin/calls/{call}/hangup", "{}")
    standin.request("POST", "/_standin/settle", '{"advance": true}')
    return standin.megabytes()


def build(source: Path, folder: Path) -> Path:
    """Build the wheel of a checkout."""
    (built,) = WheelBuilder(str(source)).build(directory=str(folder), versions=["standard"])
    return Path(built)


def build_before(folder: Path) -> Path | None:
    """Build the wheel of the version before; None without the history."""
    archive = subprocess.run(
        ["git", "archive", "--format=tar", BEFORE],  # noqa: S607
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if archive.returncode:
        return None
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder / "source", filter="data")
    return build(folder / "source", folder / "dist")


def count_packages(folder: Path) -> tuple[int, float]:
    """Return the packages in the environment that uv has made, and their megabytes."""
    (site,) = (each for each in folder.glob("uv/archive-v0/*/lib/python*/site-packages") if any(each.glob("tapedeck*")))
    files = {path.resolve() for path in site.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    return len(list(site.glob("*.dist-info"))), sum(path.stat().st_size for path in files) / 1e6


def measure(wheel: Path, starts: int) -> Mapping[str, float]:
    """Return the figures of a wheel."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running(wheel, folder) as (_, first):
            pass
        packages, megabytes = count_packages(folder)
        again = []
        for _ in range(starts):
            with running(wheel, folder) as (_, start):
                again.append(start)
    return {
        "first start: CPU seconds": first.cpu,
        "further start: CPU seconds": statistics.median(start.cpu for start in again),
        "further start: seconds": statistics.median(start.wall for start in again),
        "memory at the start, MB": statistics.median(start.megabytes for start in again),
        "packages": packages,
        "packages unpacked, MB": megabytes,
    }


BUDGETS: Final = {
    "first start: CPU seconds": MAX_FIRST_CPU,
    "further start: CPU seconds": MAX_CPU,
    "further start: seconds": MAX_WALL,
    "memory at the start, MB": MAX_MB_AT_START,
    "packages": MAX_PACKAGES,
    "packages unpacked, MB": MAX_UNPACKED_MB,
}

HELD: Final = {"memory at the start, MB", "packages", "packages unpacked, MB"}
"""Figures that fail the command. Times depend on the machine and on its other programs."""


def _print(label: str, figure: float, budget: float, before: float | None = None) -> bool:
    """Print a figure with its budget; return whether it exceeds it."""
    is_over = figure > budget
    beside = f"   before: {before:.2f}" if before is not None else ""
    print(f"{label:<58} {figure:>9.2f}   budget <= {budget:<6} {'OVER' if is_over else '    '}{beside}")
    return is_over


def main() -> int:
    """Print the figures with their budgets. Return 1 if the memory or the packages exceed theirs, else 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", action="store_true", help="also measure the version before (286 MB of downloads)")
    parser.add_argument("--calls", type=int, default=CALLS, help="recorded calls before memory is measured")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        old = build_before(folder / "before") if arguments.before else None
        before = measure(old, 1) if old is not None else {}
        wheel = build(ROOT, folder / "now")
        now = measure(wheel, STARTS)
        with running(wheel, folder) as (standin, _):
            after_calls = record_calls(standin, arguments.calls)
    if arguments.before and old is None:
        print(f"The version before is not measured: the history without {BEFORE} does not contain it.")
    failed = False
    for label, figure in now.items():
        is_over = _print(f"stand-in: {label}", figure, BUDGETS[label], before.get(label))
        failed |= is_over and label in HELD
    label = f"stand-in: memory after {arguments.calls:,} recorded calls, MB"
    failed |= _print(label, after_calls, MAX_MB_AFTER_CALLS)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
