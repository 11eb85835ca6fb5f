"""Run 200 tests in eight workers, each of which advances its own clock by hours, with one stand-in; print the times.

The times depend on the machine and its load: nothing is required of them here.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
TESTS: Final = ROOT / "benchmarks" / "programs" / "hours.py"
SOURCES: Final = (
    "layers/shared", "engine/protocol", "engine/callflow", "standin", "packages/dynamodb-memory/src",
    "plugins/pytest-tapedeck/src",
)  # fmt: skip
_READY: Final = "TAPEDECK_READY "


def environment() -> Mapping[str, str]:
    """Return the environment of the stand-in and of pytest."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TAPEDECK_", "PYTEST_"))}
    return {**kept, "PYTHONPATH": os.pathsep.join(str(ROOT / name) for name in SOURCES)}


def run_tests(url: str, number: int, workers: int) -> subprocess.CompletedProcess[str]:
    """Run so many tests in so many workers with the stand-in at this URL."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(TESTS, Path(folder) / "test_hours.py")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "pytest_tapedeck.plugin", "-p", "no:cacheprovider"]
        return subprocess.run(
            [*command, "-n", str(workers), "test_hours.py"], cwd=folder, capture_output=True, text=True, check=False,
            env={**environment(), "TAPEDECK_URL": url, "HOURS_TESTS": str(number)},
        )  # fmt: skip


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Run the tests and print the times; the exit code is that of pytest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=200)
    parser.add_argument("--workers", type=int, default=8)
    options = parser.parse_args()
    serve = [sys.executable, "-m", "tapedeck_standin", "serve", "--port", "0", "--https-port", "0", "--clock", "frozen"]
    with subprocess.Popen(
        serve, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        try:
            ready = next(line for line in server.stdout or () if line.startswith(_READY))
            began = time.perf_counter()
            ran = run_tests(json.loads(ready.removeprefix(_READY))["url"], options.tests, options.workers)
            wall, cpu_of_tests = time.perf_counter() - began, _cpu_seconds()
        finally:
            server.terminate()
    print(ran.stdout.strip().rpartition("\n")[2])
    print(f"{options.tests} tests in {options.workers} workers: {wall:.1f} s of wall time")
    print(f"CPU time: {cpu_of_tests:.1f} s of the tests, {_cpu_seconds() - cpu_of_tests:.1f} s of the stand-in")
    return ran.returncode


if __name__ == "__main__":
    raise SystemExit(main())
