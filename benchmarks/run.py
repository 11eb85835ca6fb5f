"""Compare the CPU time of Tapedeck with botocore and FastAPI, and print each figure with its budget.

In each round, every program runs once in a new process, from bytecode. The figures are medians of CPU time
(user + system). Compare only ratios within one run: absolute times depend on the machine and its load. If a budget is
exceeded after a few rounds, more rounds follow, so that noise decides nothing.
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
SOURCE_FOLDERS: Final = (
    "layers/shared", "engine/protocol", "engine/callflow", "standin", "packages/dynamodb-memory/src",
)  # fmt: skip
CACHE: Final = ROOT / ".cache" / "bench"
PROGRAMS: Final = ROOT / "benchmarks" / "programs"
UV: Final = str(Path(sys.executable).parent / "uv")

DEFAULT_ROUNDS: Final = 13
MAX_LAYER_MEGABYTES: Final = 5.25

MARGIN: Final = 1.4
"""A ratio of CPU times fails the command only beyond this multiple of its budget: other programs change it.

That of a warm update was 1.17 in one run and 1.38 in another.
"""

BARE: Final = "bare botocore"
BARE_PAUSE: Final = "bare botocore, pause"
UPDATE: Final = "tapedeck"
PAUSE: Final = "tapedeck, confirmed"
FASTAPI: Final = "fastapi"

COLD, WARM = 0, 1
RATIOS: Final = (
    ("cold: init + first update / bare botocore", COLD, UPDATE, BARE, 1.25),
    ("cold: init + first confirmed pause / bare botocore", COLD, PAUSE, BARE, 1.25),
    ("cold: init + first update / FastAPI + Mangum + boto3", COLD, UPDATE, FASTAPI, 0.55),
    ("warm: update / bare botocore", WARM, UPDATE, BARE, 1.25),
    ("warm: confirmed pause / bare botocore, same requests", WARM, PAUSE, BARE_PAUSE, 1.25),
)
"""Each ratio: its label, the figure, the two programs, and the budget."""

Runs = list[dict[str, tuple[float, float]]]
"""The cold and the warm milliseconds of each program, by round."""


def find_python() -> str:
    """Return the path of Python 3.13, the version of the Lambda runtime, from PYTHON3_13, PATH or pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [os.environ.get("PYTHON3_13", ""), "python3.13", *map(str, pyenv.glob("3.13.*/bin/python3.13"))]
    for candidate in filter(shutil.which, filter(None, candidates)):
        if subprocess.run([candidate, "--version"], capture_output=True, check=False).returncode == 0:
            return str(shutil.which(candidate))
    sys.exit("The benchmark needs Python 3.13: install it, or set PYTHON3_13 to its path")


def prepare(python: str) -> dict[str, tuple[list[str], str]]:
    """Install and compile the programs. Return the command and the PYTHONPATH of each, by name."""
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
    # Measure the layer exactly as it is deployed.
    build = ["make", "--silent", "-f", str(ROOT / "layers/shared/Makefile"), "build-SharedLayer"]
    subprocess.run([*build, f"ARTIFACTS_DIR={layer}", f"UV={UV}", f"PYTHON3_13={python}"], check=True)
    function = CACHE / "function"
    shutil.rmtree(function, ignore_errors=True)
    shutil.copytree(ROOT / "functions/update_call_recording", function, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (function, PROGRAMS):
        subprocess.run([str(runtime / "bin/python"), "-m", "compileall", "-q", str(folder)], check=True)
    lambda_python = [str(runtime / "bin/python")]
    return {
        BARE: ([*lambda_python, str(PROGRAMS / "botocore_update.py")], ""),
        UPDATE: ([*lambda_python, str(PROGRAMS / "tapedeck_update.py")], f"{layer / 'python'}:{function}"),
        BARE_PAUSE: ([*lambda_python, str(PROGRAMS / "botocore_pause.py")], ""),
        PAUSE: ([*lambda_python, str(PROGRAMS / "tapedeck_update.py")], f"{layer / 'python'}:{function}"),
        FASTAPI: ([str(others / "bin/python"), str(PROGRAMS / "fastapi_update.py")], ""),
    }


@contextlib.contextmanager
def running_stub() -> Iterator[str]:
    """Run the DynamoDB stub, and provide its URL."""
    with tempfile.TemporaryDirectory() as folder:
        port = Path(folder) / "port"
        process = subprocess.Popen([sys.executable, str(ROOT / "benchmarks/dynamodb_stub.py"), str(port)])
        try:
            while not port.is_file() or not port.read_text(encoding="utf-8"):
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port.read_text(encoding='utf-8')}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def run_programs(programs: dict[str, tuple[list[str], str]], url: str) -> dict[str, tuple[float, float]]:
    """Run each program once; return its cold and warm milliseconds."""
    figures = {}
    for name, (command, path) in programs.items():
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": path,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_ENDPOINT_URL_DYNAMODB": url,
            "AWS_ENDPOINT_URL_SQS": url,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "RECORDINGS_TABLE": "recordings",
            "CREDENTIALS_TABLE": "credentials",
            "CONFIRM_UPDATES": "pause" if name == PAUSE else "none",
            "ENGINE_QUEUE_PREFIX": f"{url}/123456789012/stack_engine_",
            "TAPEDECK_STANDIN": "1",
        }
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        cold, warm = run.stdout.split()
        figures[name] = float(cold), float(warm)
    return figures


def measure_programs(programs: dict[str, tuple[list[str], str]], rounds: int) -> Runs:
    """Return the figures of at least so many rounds. An additional first round fills the disk cache."""
    runs: Runs = []
    with running_stub() as url:
        run_programs(programs, url)
        while len(runs) < rounds or (len(runs) < DEFAULT_ROUNDS and not are_held(ratios_of(runs))):
            runs.append(run_programs(programs, url))
    return runs


def median(runs: Runs, program: str, figure: int) -> float:
    """Return the median of a figure, `COLD` or `WARM`."""
    return statistics.median(each[program][figure] for each in runs)


def ratios_of(runs: Runs) -> list[float]:
    """Return the ratios in the order of `RATIOS`, of the medians."""
    return [median(runs, program, figure) / median(runs, other, figure) for _, figure, program, other, _ in RATIOS]


def are_held(ratios: list[float]) -> bool:
    """Whether no ratio exceeds its budget by more than the margin."""
    return all(ratio <= budget * MARGIN for ratio, (*_, budget) in zip(ratios, RATIOS, strict=True))


def measure_layer() -> float:
    """Return the size of the zipped layer in megabytes, with bytecode; the SDK is not part of it."""
    archive = CACHE / "layer.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in sorted((CACHE / "layer").rglob("*")):
            if path.is_file():
                zipped.write(path, path.relative_to(CACHE / "layer"))
    return archive.stat().st_size / 1_000_000


def print_row(label: str, figure: str, budget: str, *, holds: bool) -> None:
    """Print one figure with its budget."""
    print(f"{label:<58} {figure:>9}   budget {budget:<9} {'' if holds else 'OVER'}")


def main() -> int:
    """Print all figures. Return 1 if a budget is exceeded, or the exit code of another part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rounds", type=int, default=DEFAULT_ROUNDS, help=f"measured rounds per program (default {DEFAULT_ROUNDS})"
    )
    parser.add_argument("--before", action="store_true", help="also measure starts of the version before")
    arguments = parser.parse_args()
    rounds = arguments.rounds
    python = find_python()
    programs = prepare(python)
    runs = measure_programs(programs, rounds)
    ratios = ratios_of(runs)
    version = subprocess.run([python, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{version}, {len(runs)} interleaved rounds, medians of CPU time, all programs run from bytecode")
    for name in programs:
        print(f"  {name:<20} cold {median(runs, name, COLD):7.1f} ms   warm {median(runs, name, WARM):6.3f} ms")
    for ratio, (label, *_, budget) in zip(ratios, RATIOS, strict=True):
        print_row(label, f"{ratio:.2f}", f"<= {budget}", holds=ratio <= budget)
    megabytes = measure_layer()
    print_row(
        "layer, zipped, without the SDK",
        f"{megabytes:.2f} MB",
        f"<= {MAX_LAYER_MEGABYTES} MB",
        holds=megabytes <= MAX_LAYER_MEGABYTES,
    )
    folders = [*(str(ROOT / folder) for folder in SOURCE_FOLDERS), str(ROOT)]
    environment = {**os.environ, "PYTHONPATH": ":".join(folders)}
    database = [sys.executable, str(ROOT / "scripts/dynamodb-local"), "--port", "0", "--"]
    failed = not are_held(ratios) or megabytes > MAX_LAYER_MEGABYTES
    starts = ["--before"] if arguments.before else ["--calls", "400"]
    for part, prefix, flags in (
        ("startup.py", [], starts),
        ("confirmed.py", [], []),
        ("throughput.py", [], []),
        ("standin.py", [], []),
        ("lists.py", database, []),
    ):
        command = [*prefix, sys.executable, str(ROOT / "benchmarks" / part), *flags]
        # Discard the functions' logs, which lists.py redirects to standard error.
        errors = subprocess.DEVNULL if prefix else None
        failed |= subprocess.run(command, env=environment, stderr=errors, check=False).returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
