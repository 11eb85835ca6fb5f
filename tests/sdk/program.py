"""Runs the stand-in that all workers share, and SDK programs in separate environments."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest
import requests

from tests.sdk.scenario import Place
from tests.wire.gateway import VARIABLE

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCE_FOLDERS: Final = (
    "layers/shared", "engine/protocol", "engine/callflow", "standin", "packages/dynamodb-memory/src", ".",
)  # fmt: skip
EXAMPLES: Final = ROOT / "examples"
CACHE: Final = ROOT / ".cache"
READY: Final = "TAPEDECK_READY "
SECONDS_TO_START: Final = 120
SECONDS_TO_STOP: Final = 30
SECONDS_TO_INSTALL: Final = 240
SECONDS_TO_RUN: Final = 120
OLDEST_NODE: Final = 20


def run(
    command: Sequence[object], environment: Mapping[str, str] | None = None, *, seconds: float, folder: Path = ROOT
) -> str:
    """Return the output of a program; fail the test with its output if the program fails."""
    variables = {**os.environ, **(environment or {})}
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=seconds
    )
    if done.returncode != 0:
        pytest.fail(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def missing(tool: str) -> NoReturn:
    """Skip the test because a tool is missing; fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"{tool} is missing, but CI requires it")
    pytest.skip(f"needs {tool}")


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on this file across processes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Standin:
    """A running stand-in: its URLs, and the CA file for HTTPS clients."""

    url: str
    https_url: str
    ca_file: str
    faults: Path
    """Lists the responses that do not have the wire format."""

    def make_places(self, vendor: str) -> dict[str, Place]:
        """Create two accounts each for `http` and `https`."""
        return {name: self._make_place(vendor, url) for name, url in (("http", self.url), ("https", self.https_url))}

    def arguments(self, vendor: str) -> str:
        """Return the single argument of scenario programs, as JSON."""
        places = {name: asdict(place) for name, place in self.make_places(vendor).items()}
        return json.dumps({"places": places, "ca_file": self.ca_file})

    def environments(self) -> list[dict[str, str]]:
        """Return the variables for a recipe over HTTP (the URL) and over HTTPS (the URL and the CA file)."""
        trust = dict.fromkeys(("REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "TAPEDECK_CA_FILE"), self.ca_file)
        return [{"TAPEDECK_URL": self.url}, {"TAPEDECK_URL": self.https_url, **trust}]

    def _make_place(self, vendor: str, url: str) -> Place:
        own, other = self._make_account(), self._make_account()
        return Place(vendor, url, self.url, own["sid"][vendor], own["token"], other["sid"][vendor])

    def _make_account(self) -> Any:
        answer = requests.post(f"{self.url}/_standin/accounts", timeout=60)
        assert answer.status_code == 201, answer.text
        return answer.json()


@contextmanager
def shared_standin(folder: Path) -> Iterator[Standin]:
    """Yield one stand-in per folder: the first process starts it, and stops it after the last one has left."""
    lock, addresses = folder / "lock", folder / "addresses.json"
    process: subprocess.Popen[bytes] | None = None
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users").open("w") as users:
        with exclusive_lock(lock):
            if not addresses.exists():
                process = _start(folder)
                try:
                    addresses.write_text(_wait_until_ready(process, folder / "log"), encoding="utf-8")
                except BaseException:
                    process.kill()
                    process.wait()
                    raise
            else:
                fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield Standin(**json.loads(addresses.read_text(encoding="utf-8")), faults=folder / "faults")
        finally:
            while process is not None and process.returncode is None:
                with exclusive_lock(lock), suppress(BlockingIOError):
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    addresses.unlink()
                    process.terminate()
                    try:
                        process.wait(SECONDS_TO_STOP)
                    finally:
                        process.kill()
                time.sleep(0.05)


@contextmanager
def own_standin(folder: Path) -> Iterator[str]:
    """Yield the URL of a stand-in for one test, whose ids and times are the same in every run."""
    folder.mkdir(parents=True, exist_ok=True)
    process = _start(folder, "--seed", "1")
    try:
        yield json.loads(_wait_until_ready(process, folder / "log"))["url"]
        assert (folder / "faults").read_text(encoding="utf-8") == ""
    finally:
        process.terminate()
        try:
            process.wait(SECONDS_TO_STOP)
        finally:
            process.kill()


def _start(folder: Path, *options: str) -> subprocess.Popen[bytes]:
    # The environment of the tests is not inherited: no database, no account, no port.
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(str(ROOT / folder) for folder in SOURCE_FOLDERS)
    environment[VARIABLE] = str(folder / "faults")
    (folder / "faults").touch()
    command = [sys.executable, "-m", "tests.wire.gateway", "serve", "--port", "0", "--https-port", "0", *options]
    with (folder / "log").open("w") as output:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        for line in log.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.startswith(READY) and line.endswith("\n"):
                return line.removeprefix(READY)
        time.sleep(0.05)
    pytest.fail(f"the stand-in did not start:\n{log.read_text(encoding='utf-8')}")


def signalwire_python() -> Path:
    """Return the interpreter of an environment with SignalWire's SDK, created once per set of pins."""
    pins = ROOT / "requirements" / "signalwire-sdk.txt"
    folder = CACHE / "signalwire-sdk"
    python, stamp = folder / "bin" / "python", folder / "pins"
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()
    with exclusive_lock(CACHE / "signalwire-sdk.lock"):
        if not (stamp.is_file() and stamp.read_text(encoding="ascii") == digest and _is_runnable(python)):
            base, uv = _find_python(), _find_uv()
            run([uv, "venv", "--quiet", "--no-project", "--clear", "--python", base, folder], seconds=60)
            install = [uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", pins]
            run(install, seconds=SECONDS_TO_INSTALL)
            stamp.write_text(digest, encoding="ascii")
    return python


def node() -> str:
    """Return the path of Node.js, with the SDKs of the recipes installed."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None or _major_version(program) < OLDEST_NODE:
        missing(f"Node.js {OLDEST_NODE} or later, with npm")
    folder = EXAMPLES / "node"
    # `npm ci` first removes the folder, including the stamp.
    stamp = folder / "node_modules" / ".installed"
    digest = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    with exclusive_lock(CACHE / "node.lock"):
        if not (stamp.is_file() and stamp.read_text(encoding="ascii") == digest):
            install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            run(install, seconds=SECONDS_TO_INSTALL, folder=folder)
            stamp.write_text(digest, encoding="ascii")
    return program


def run_recipe(command: Sequence[object], environment: Mapping[str, str]) -> str:
    """Run a recipe unmodified; return its output."""
    return run(command, environment, seconds=SECONDS_TO_RUN)


def run_scenario(command: Sequence[object], environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a scenario program; return the traces from its single line of output."""
    (line,) = run(command, environment, seconds=SECONDS_TO_RUN).splitlines()
    traces: dict[str, Any] = json.loads(line)
    return traces


def _find_python() -> str:
    if sys.version_info[:2] in {(3, 11), (3, 12)}:
        return sys.executable
    command = [_find_uv(), "python", "find", "--no-python-downloads", "--no-project", ">=3.11,<3.13"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or missing("Python 3.11 or 3.12 for SignalWire's SDK")


def _find_uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.is_file() else shutil.which("uv") or missing("uv")


def _is_runnable(python: Path) -> bool:
    return python.exists() and subprocess.run([python, "-c", ""], check=False).returncode == 0


def _major_version(program: str) -> int:
    return int(run([program, "--version"], seconds=30).strip().removeprefix("v").partition(".")[0])
