"""The plugin as an application's own tests use it: in a process of their own, against a stand-in of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client import ROOT

SOURCES = ROOT / "plugins" / "pytest-tapedeck" / "src"
EXAMPLE = ROOT / "examples" / "pytest" / "test_recording.py"


def run_tests(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the example's tests as a user does, outside of this project."""
    (folder / EXAMPLE.name).write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    paths = [SOURCES, ROOT / "layers/shared", ROOT / "standin", ROOT / "packages/dynamodb-memory/src"]
    command = [sys.executable, "-m", "pytest", "-p", "pytest_tapedeck.plugin", "-q", "-rf", EXAMPLE.name, *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "TAPEDECK_COMMAND": f"{sys.executable} -m tapedeck_standin",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_four_workers_do_not_meet(tmp_path: Path) -> None:
    """The example's tests pass side by side in four processes, each with a stand-in of its own."""
    ran = run_tests(tmp_path, "-n", "4")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "11 passed" in ran.stdout


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    """Whoever runs the tests reads what the server said."""
    ran = run_tests(tmp_path, "-k", "bear", TAPEDECK_COMMAND=f"{sys.executable} -m no_such_module")
    assert ran.returncode == 1
    assert "No module named no_such_module" in ran.stdout


def test_a_server_that_cannot_be_started_says_what_to_do(tmp_path: Path) -> None:
    """Whoever has no `uvx` reads which variables there are instead."""
    ran = run_tests(tmp_path, "-k", "bear", TAPEDECK_COMMAND="/nowhere/uvx --from tapedeck-api tapedeck")
    assert ran.returncode == 1
    message = "NotStarted: /nowhere/uvx cannot be run: install uv, which has uvx, or set TAPEDECK_COMMAND to "
    assert message in ran.stdout


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "localhost:9", "127.0.0.1"])
def test_a_server_that_is_not_there_says_what_to_do(tmp_path: Path, url: str) -> None:
    """Where nothing answers at `TAPEDECK_URL`, the variable is named."""
    ran = run_tests(tmp_path, "-k", "bear", TAPEDECK_URL=url)
    assert ran.returncode == 1
    assert f"NotReached: No stand-in answers at {url}: start one there, set TAPEDECK_URL to " in ran.stdout


def test_loads_nothing_heavy() -> None:
    """An application's own tests start no slower: the plugin brings nothing of the server, and no client, with it."""
    script = "import json, sys, pytest_tapedeck.plugin; print(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = set(json.loads(ran.stdout))
    assert not loaded & {"boto3", "botocore", "moto", "samcli", "flask", "pydantic", "tapedeck", "tapedeck_standin"}
    assert "pytest_tapedeck.server" not in loaded


@pytest.mark.parametrize("name", ["README.md", "pyproject.toml", "src/pytest_tapedeck/py.typed"])
def test_is_a_distribution_of_its_own(name: str) -> None:
    """It stands beside the server, with what a package index wants, and depends on pytest alone."""
    assert (ROOT / "plugins" / "pytest-tapedeck" / name).is_file()
