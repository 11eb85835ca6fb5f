"""Tests of scripts/prepare-sam-local, with a stand-in for apt-get."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.sam.conftest import ROOT

APT_GET = """#!/bin/sh
echo "$@" >>"$CALLS"
[ "$(wc -l <"$CALLS")" -gt "$LOCKED" ] || { echo "E: $MESSAGE"; exit 100; }
"""


def run_apt_get(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Call the function `apt_get` of a copy of the script, whose folder for logs is therefore in `folder`."""
    for name in ("scripts", "bin", ".cache/docker-engine"):
        (folder / name).mkdir(parents=True)
    script = shutil.copy(ROOT / "scripts" / "prepare-sam-local", folder / "scripts")
    apt_get, sleep = folder / "bin" / "apt-get", folder / "bin" / "sleep"
    apt_get.write_text(APT_GET, encoding="utf-8")
    sleep.write_text("#!/bin/sh\n", encoding="utf-8")
    for program in (apt_get, sleep):
        program.chmod(0o755)
    environment = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "CALLS": str(folder / "calls"), **variables}
    command = ["bash", "-c", 'source "$1" && apt_get install -y one', "bash", script]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "message",
    [
        "Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)",
        "Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?",
    ],
)
def test_waits_for_the_locks_of_another_apt(tmp_path: Path, message: str) -> None:
    """While apt-get reports a lock, the script says so once and tries again."""
    done = run_apt_get(tmp_path, LOCKED="2", MESSAGE=message)
    waiting = f"prepare-sam-local: waiting for another apt process: {message}\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, waiting, "")
    call = "-o DPkg::Lock::Timeout=300 install -y one\n"
    assert (tmp_path / "calls").read_text(encoding="utf-8") == call * 3


@pytest.mark.parametrize(
    ("seconds", "message"),
    [("300", "Unable to locate package one"), ("0", "Could not get lock /var/lib/apt/lists/lock")],
)
def test_gives_up_on_another_error_and_after_the_time_limit(tmp_path: Path, seconds: str, message: str) -> None:
    """Any other error of apt-get, and a lock after APT_LOCK_SECONDS, fails at once with the output of apt-get."""
    done = run_apt_get(tmp_path, LOCKED="9", MESSAGE=message, APT_LOCK_SECONDS=seconds)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"E: {message}\n")
    assert len((tmp_path / "calls").read_text(encoding="utf-8").splitlines()) == 1
