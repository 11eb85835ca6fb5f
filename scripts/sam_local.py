"""Start, reset and stop the emulated AWS for the containers of `sam local`, and print commands to type.

Usage: python -m scripts.sam_local start | seed | stop

The emulated AWS is scripts/sam_local_server.py. Everything is in `build/sam-local/`; `samconfig.toml` names its files.
"""

import fcntl
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = Path("build", "sam-local")
"""Relative to the root, where every command runs."""
TEMPLATE: Final = FOLDER / "template.json"
VARIABLES: Final = FOLDER / "environment.json"
COMMANDS: Final = FOLDER / "commands.txt"
SERVER: Final = FOLDER / "server.json"
LOG: Final = FOLDER / "server.log"
LOCK: Final = FOLDER / "server.lock"
"""The server locks this file while it runs, and writes its process id to it."""

SEED_PATH: Final = "/tapedeck/seed"
API_PORT: Final = 3100
SECONDS_TO_START: Final = 60
SECONDS_TO_STOP: Final = 10
SECONDS_TO_SEED: Final = 30

EXAMPLE: Final = "update_call_recording.twilio.paused"
"""The event that the printed commands show."""


def main(arguments: list[str]) -> int:
    """Run one of the commands; return the exit code."""
    os.chdir(ROOT)
    commands = {"start": start, "seed": seed, "stop": stop}
    if len(arguments) != 1 or arguments[0] not in commands:
        print(f"usage: python -m scripts.sam_local {' | '.join(commands)}", file=sys.stderr)
        return 2
    try:
        commands[arguments[0]]()
    except SamLocalError as error:
        print(f"sam-local: {error}", file=sys.stderr)
        return 1
    return 0


class SamLocalError(Exception):
    """A command failed; the message says what to do."""


def start() -> None:
    """Start the server in the background, replacing a running one; wait until it responds; print the commands."""
    if (pid := running()) is not None:
        _end(pid)
    FOLDER.mkdir(parents=True, exist_ok=True)
    SERVER.unlink(missing_ok=True)
    with LOG.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.sam_local_server"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + SECONDS_TO_START
    while not SERVER.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise SamLocalError(f"the emulated AWS did not start: see the end of {LOG}\n{_tail(LOG)}")
        time.sleep(0.1)
    print(_instructions())


def seed() -> None:
    """Reset the tables and buckets of the running server to the sample data.

    Raises:
        SamLocalError: the server does not run, or did not seed.
    """
    if running() is None or not SERVER.exists():
        raise SamLocalError("the emulated AWS is not running: start it with make sam-local")
    url = json.loads(SERVER.read_text(encoding="utf-8"))["url"]
    # A proxy cannot reach the server.
    opener = build_opener(ProxyHandler({}))
    try:
        opener.open(Request(url + SEED_PATH, method="POST"), timeout=SECONDS_TO_SEED).close()  # noqa: S310 - HTTP
    except URLError as error:
        raise SamLocalError(f"the emulated AWS did not seed its tables ({error}): see {LOG}") from error
    print("sam-local: the tables and buckets hold the sample data again")


def stop() -> None:
    """Stop the server. Does nothing if it does not run."""
    pid = running()
    if pid is None:
        print("sam-local: the emulated AWS is not running")
        return
    _end(pid)
    SERVER.unlink(missing_ok=True)
    print("sam-local: stopped the emulated AWS")


def _instructions() -> str:
    commands = COMMANDS.read_text(encoding="utf-8").splitlines()
    (example,) = (command for command in commands if command.endswith(f"/{EXAMPLE}.json"))
    event = json.loads((ROOT / "events" / f"{EXAMPLE}.json").read_text(encoding="utf-8"))
    account = event["pathParameters"]["AccountSid"]
    path = event["requestContext"]["http"]["path"]
    curl = f"curl -u {account}:00112233445566778899aabbccddeeff -d Status=paused http://127.0.0.1:{API_PORT}{shlex.quote(path)}"
    return f"""
The functions can run in containers. Their tables and buckets hold the data that events/README.md lists.

Invoke a function with an event file ({COMMANDS} lists the commands of all {len(commands)}):
    {example}

Serve the API, and send a request from a second terminal:
    .venv/bin/sam local start-api --port {API_PORT}
    {curl}

Reset the data (an event gets the answer in events/expected/ only on data that no event has changed):
    make sam-local-seed

Stop the emulated AWS:
    make sam-local-stop
"""


def running() -> int | None:
    """Return the process id of the running server."""
    try:
        with LOCK.open(encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read())
    except FileNotFoundError:
        pass
    return None


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + SECONDS_TO_STOP
    while running() == pid:
        if time.monotonic() > deadline:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
