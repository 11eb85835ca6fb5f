"""The pytest plugin, used by an application's tests in a separate process with a separate stand-in."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.client import ROOT
from tests.wire.gateway import checked_standin

SOURCES = ROOT / "plugins" / "pytest-tapedeck" / "src"
EXAMPLE = ROOT / "examples" / "pytest" / "test_recording.py"


def run_tests(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of the example outside this project, as a user does, with a stand-in that checks its responses."""
    (folder / EXAMPLE.name).write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    paths = [
        SOURCES,
        ROOT / "layers/shared",
        ROOT / "engine/protocol",
        ROOT / "standin",
        ROOT / "packages/dynamodb-memory/src",
    ]
    command = [sys.executable, "-m", "pytest", "-p", "pytest_tapedeck.plugin", "-q", "-rf", EXAMPLE.name, *arguments]
    with checked_standin(folder / "faults") as standin:
        return _run(command, folder, paths, {"TAPEDECK_COMMAND": shlex.join(standin), **environment})


def _run(
    command: list[str], folder: Path, paths: list[Path], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_workers_have_separate_stand_ins(tmp_path: Path) -> None:
    """The example's tests pass in four parallel workers, each with a separate stand-in."""
    ran = run_tests(tmp_path, "-n", "4")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "11 passed" in ran.stdout


def test_a_failed_start_shows_the_server_output(tmp_path: Path) -> None:
    """A server that fails to start has its output in the test report."""
    ran = run_tests(tmp_path, "-k", "handles", TAPEDECK_COMMAND=f"{sys.executable} -m no_such_module")
    assert ran.returncode == 1
    assert "No module named no_such_module" in ran.stdout


def test_a_missing_command_names_the_alternatives(tmp_path: Path) -> None:
    """Without the command, the error says what to install, and names the variables to set instead."""
    ran = run_tests(tmp_path, "-k", "handles", TAPEDECK_COMMAND="/nowhere/tapedeck")
    assert ran.returncode == 1
    message = "NotStarted: /nowhere/tapedeck cannot be run: install Tapedeck, which provides the command `tapedeck`, "
    assert message in ran.stdout


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "localhost:9", "127.0.0.1"])
def test_an_unreachable_url_names_the_variable(tmp_path: Path, url: str) -> None:
    """If no stand-in responds at `TAPEDECK_URL`, the error names the variable."""
    ran = run_tests(tmp_path, "-k", "handles", TAPEDECK_URL=url)
    assert ran.returncode == 1
    message = f"NotReached: No stand-in responds at {url}: start one there, set TAPEDECK_URL to the URL of a running "
    assert message in ran.stdout


def test_the_plugin_imports_no_server_modules() -> None:
    """Loading the plugin imports neither the server nor a client, so tests start as fast as before."""
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
def test_the_distribution_has_its_files(name: str) -> None:
    """The plugin has the files of a separate distribution."""
    assert (ROOT / "plugins" / "pytest-tapedeck" / name).is_file()
