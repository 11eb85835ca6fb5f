"""Fixtures that type the commands of `sam local`, and those that `make sam-local` prints, as a user does."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from scripts.sam_local import main

ROOT: Final = Path(__file__).resolve().parents[2]
SECONDS_TO_START: Final = 300
SECONDS_TO_STOP: Final = 60


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the container tests unless `TAPEDECK_CONTAINERS=1` is set."""
    if os.environ.get("TAPEDECK_CONTAINERS") == "1":
        return
    deselected = [item for item in items if item.get_closest_marker("containers")]
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if item not in deselected]


def user_environment(**more: str) -> dict[str, str]:
    """Return the environment of a user without AWS credentials, outside of the tests and of `make`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "TAPEDECK_", "PYTHONPATH", "MAKE", "MFLAGS", "PYTEST_"))
    }
    no_credentials = {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        # SAM looks for credentials there as well, and would wait for the timeout of that request.
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return {**kept, **no_credentials, "SAM_CLI_TELEMETRY": "0", **more}


@dataclass(frozen=True)
class Typed:
    """What a typed command printed."""

    output: str
    errors: str

    @property
    def answer(self) -> dict[str, Any]:
        """The function's answer: the last line of the output."""
        answer: dict[str, Any] = json.loads(self.output.strip().splitlines()[-1])
        return answer


def type_command(command: str, environment: Mapping[str, str] | None = None) -> Typed:
    """Run a command in a shell at the root of the project; raise AssertionError if it fails."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=ROOT, env=environment or user_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return Typed(done.stdout, done.stderr)


@contextmanager
def typed_in_background(
    command: str, is_ready: Callable[[str], bool], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run a command in another shell, wait until it is ready, and press Ctrl-C at the end.

    Args:
        command: the command line.
        is_ready: decides by the output so far.
        log: the file for its output.
        environment: its environment; default: the user's.
    """
    with (
        log.open("w") as output,
        subprocess.Popen(
            ["bash", "-c", command],
            cwd=ROOT, env=environment or user_environment(), stdout=output, stderr=output, start_new_session=True,
        ) as process,
    ):  # fmt: skip
        try:
            deadline = time.monotonic() + SECONDS_TO_START
            while not is_ready(log.read_text(encoding="utf-8")):
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"{command}\n{log.read_text(encoding='utf-8')[-4000:]}")
                time.sleep(0.1)
            yield
        finally:
            # As a terminal does: the signal goes to all processes of the command.
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


@dataclass(frozen=True)
class SamLocal:
    """What `make sam-local` printed: the commands to type, in order; and the commands of all event files."""

    printed: Sequence[str]
    of_events: Sequence[str]

    def starting_with(self, *words: str) -> str:
        """Return the printed command that starts with these words; fail if there is none or several."""
        (command,) = (command for command in self.printed if command.startswith(" ".join(words)))
        return command

    def command_of(self, event: Path) -> str:
        """Return the listed command of an event file."""
        (command,) = (command for command in self.of_events if command.endswith(f" --event events/{event.name}"))
        return command

    def reset(self) -> None:
        """Type the printed command that resets the data."""
        type_command(self.starting_with("make sam-local-seed"))


@pytest.fixture(scope="session")
def sam_local() -> Iterator[SamLocal]:
    """Type `make sam-local`, and at the end the command that it prints for stopping."""
    output = type_command("make sam-local").output
    printed = re.findall(r"^    (\S.*)$", output, re.MULTILINE)
    (listed,) = re.findall(r"\((\S+) lists the commands", output)
    sam_local = SamLocal(printed, (ROOT / listed).read_text(encoding="utf-8").splitlines())
    try:
        yield sam_local
    finally:
        type_command(sam_local.starting_with("make sam-local-stop"))


@pytest.fixture
def seeded(sam_local: SamLocal) -> SamLocal:
    """Reset the data as `make sam-local-seed` does, which `typed_reading` types: without starting make and Python."""
    assert main(["seed"]) == 0
    return sam_local


@pytest.fixture(scope="session")
def api(sam_local: SamLocal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Type the printed `sam local start-api`; yield the URL of the API."""
    command = sam_local.starting_with(".venv/bin/sam local start-api")
    url = f"http://127.0.0.1:{command.rpartition(' ')[2]}"
    log = tmp_path_factory.mktemp("sam-api") / "log"
    with typed_in_background(command, lambda output: f"Running on {url}" in output, log):
        yield url
