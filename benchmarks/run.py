"""Measure what Tapedeck costs beside what it is compared with, each figure beside its budget.

Usage: benchmarks/run.py [--rounds N]

Sides run in turn, each in a process of its own, all with bytecode; processor time (user + system), medians.
Only ratios within one run mean anything: machines are shared and noisy.
"""

import argparse
import contextlib
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCE_FOLDERS: Final = ("layers/shared", "standin", "packages/dynamodb-memory/src")
CACHE: Final = ROOT / ".cache" / "bench"
SIDES: Final = ROOT / "benchmarks" / "sides"
UV: Final = str(Path(sys.executable).parent / "uv")

LEAST_ROUNDS: Final = 13


def find_python() -> str:
    """Lambda's Python, for which the layer is built; pyenv keeps its own where a search of the path fails."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [os.environ.get("PYTHON3_13", ""), "python3.13", *map(str, pyenv.glob("3.13.*/bin/python3.13"))]
    for candidate in filter(shutil.which, filter(None, candidates)):
        if subprocess.run([candidate, "--version"], capture_output=True, check=False).returncode == 0:
            return str(shutil.which(candidate))
    sys.exit("The benchmark needs Python 3.13, Lambda's; PYTHON3_13 may name it")


def prepare(python: str) -> dict[str, tuple[list[str], str]]:
    """The command and the module path of each side, with all that they import installed and compiled."""
    runtime, others, layer = CACHE / "runtime", CACHE / "others", CACHE / "layer"
    marker = CACHE / "python"
    if not marker.is_file() or marker.read_text(encoding="utf-8") != python:
        shutil.rmtree(CACHE, ignore_errors=True)
        for environment in (runtime, others):
            subprocess.run([UV, "venv", "--quiet", "--python", python, str(environment)], check=True)
        install = [UV, "pip", "install", "--quiet", "--require-hashes", "--python", str(runtime / "bin/python")]
        subprocess.run([*install, "-r", str(ROOT / "requirements/lambda-runtime.txt")], check=True)
        install[-1] = str(others / "bin/python")
        subprocess.run([*install, "-r", str(ROOT / "requirements/bench.txt")], check=True)
        for folder in (runtime, others):
            subprocess.run([str(runtime / "bin/python"), "-m", "compileall", "-q", str(folder)], check=False)
        marker.write_text(python, encoding="utf-8")
    # The very layer that is deployed.
    build = ["make", "--silent", "-f", str(ROOT / "layers/shared/Makefile"), "build-SharedLayer"]
    subprocess.run([*build, f"ARTIFACTS_DIR={layer}", f"UV={UV}", f"PYTHON3_13={python}"], check=True)
    function = CACHE / "function"
    shutil.rmtree(function, ignore_errors=True)
    shutil.copytree(ROOT / "functions/update_call_recording", function, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (function, SIDES):
        subprocess.run([str(runtime / "bin/python"), "-m", "compileall", "-q", str(folder)], check=True)
    here = [str(runtime / "bin/python")]
    return {
        "bare botocore": ([*here, str(SIDES / "bare.py")], ""),
        "tapedeck": ([*here, str(SIDES / "tapedeck_update.py")], f"{layer / 'python'}:{function}"),
        "fastapi": ([str(others / "bin/python"), str(SIDES / "fastapi_update.py")], ""),
    }


@contextlib.contextmanager
def stub() -> Iterator[str]:
    """The URL of a DynamoDB that answers at once."""
    with tempfile.TemporaryDirectory() as folder:
        port = Path(folder) / "port"
        process = subprocess.Popen([sys.executable, str(ROOT / "benchmarks/stub.py"), str(port)])
        try:
            while not port.is_file() or not port.read_text(encoding="utf-8"):
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port.read_text(encoding='utf-8')}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def race(sides: dict[str, tuple[list[str], str]], rounds: int) -> dict[str, tuple[float, float]]:
    """Median milliseconds of each side, cold and warm; the first round only warms the disk."""
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    with stub() as url:
        for number in range(rounds + 1):
            for name, (command, path) in sides.items():
                environment = {
                    "PATH": os.environ["PATH"],
                    "PYTHONPATH": path,
                    "AWS_DEFAULT_REGION": "us-east-1",
                    "AWS_ACCESS_KEY_ID": "bench",
                    "AWS_SECRET_ACCESS_KEY": "bench",
                    "AWS_ENDPOINT_URL_DYNAMODB": url,
                    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
                    "RECORDINGS_TABLE": "recordings",
                    "CREDENTIALS_TABLE": "credentials",
                    "TAPEDECK_STANDIN": "1",
                }
                run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
                cold, warm = run.stdout.split()
                if number:
                    figures[name].append((float(cold), float(warm)))
    return {
        name: (statistics.median(cold for cold, _ in runs), statistics.median(warm for _, warm in runs))
        for name, runs in figures.items()
    }


def measure_layer() -> float:
    """Megabytes of the zipped layer, without the SDK that the runtime brings, with bytecode."""
    archive = CACHE / "layer.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in sorted((CACHE / "layer").rglob("*")):
            if path.is_file():
                zipped.write(path, path.relative_to(CACHE / "layer"))
    return archive.stat().st_size / 1_000_000


def tell(what: str, figure: str, budget: str, *, holds: bool) -> None:
    """One line of the table."""
    print(f"{what:<58} {figure:>9}   budget {budget:<9} {'' if holds else 'OVER'}")


def main() -> int:
    """Print all figures; the exit code is 0 whether or not the budgets hold, for a machine may be busy."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS)
    rounds = parser.parse_args().rounds
    python = find_python()
    sides = prepare(python)
    figures = race(sides, rounds)
    version = subprocess.run([python, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{version}, {rounds} interleaved rounds, medians of processor time, all with bytecode")
    for name, (cold, warm) in figures.items():
        print(f"  {name:<20} cold {cold:7.1f} ms   warm {warm:6.3f} ms")
    bare, ours, fastapi = figures["bare botocore"], figures["tapedeck"], figures["fastapi"]
    for what, ratio, budget in (
        ("cold: init + first update / bare botocore's one update", ours[0] / bare[0], 1.25),
        ("cold: the same / FastAPI + Mangum + boto3", ours[0] / fastapi[0], 0.55),
        ("warm: update / bare botocore's one update", ours[1] / bare[1], 1.25),
    ):
        tell(what, f"{ratio:.2f}", f"<= {budget}", holds=ratio <= budget)
    megabytes = measure_layer()
    tell("layer, zipped, without the SDK", f"{megabytes:.2f} MB", "<= 5 MB", holds=megabytes <= 5)
    environment = {**os.environ, "PYTHONPATH": ":".join(str(ROOT / folder) for folder in SOURCE_FOLDERS)}
    command = [sys.executable, str(ROOT / "benchmarks/standin.py")]
    failed = subprocess.run(command, env=environment, check=False).returncode
    environment["PYTHONPATH"] += f":{ROOT}"
    database = [sys.executable, str(ROOT / "scripts/dynamodb-local"), "--port", "0", "--"]
    command = [*database, sys.executable, str(ROOT / "benchmarks/lists.py")]
    # The functions' own lines go beside the figures.
    return failed or subprocess.run(command, env=environment, stderr=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
