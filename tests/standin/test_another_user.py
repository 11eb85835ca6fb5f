"""The stand-in needs no rights: neither those of root, nor a home, nor a folder of its own."""

import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

import pytest

from tapedeck.dialects.selection import TWILIO
from tapedeck.settings import STANDIN_ACCOUNT, STANDIN_TOKEN
from tests.client import ROOT
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn
from tests.standin.test_few_dependencies import FOLDERS, READY

OTHER_USER: Final = 54321
"""A user without rights, that the system does not know; the tests' folders are closed to it."""

VERSION: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"


def interpreter() -> str | None:
    """Return a Python of this version that the user without rights can run; None if there is none."""
    for path in (sys.executable, f"/usr/bin/{VERSION}"):
        try:
            subprocess.run([path, "-c", ""], user=OTHER_USER, group=OTHER_USER, extra_groups=[], cwd="/", check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return path
    return None


@pytest.mark.ci
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can start a process of another user")
@pytest.mark.parametrize("has_home", [True, False])
def test_serves_a_user_without_rights(tmp_path: Path, *, has_home: bool) -> None:
    """A user who cannot write the program, and has a closed home or none, records a call; SIGTERM ends the stand-in."""
    python = interpreter()
    if python is None:
        pytest.skip(f"{VERSION} is in a folder that other users cannot read")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    folders = [*(str(ROOT / folder) for folder in FOLDERS), sysconfig.get_path("purelib")]
    variables = {"HOME": str(home)} if has_home else {}
    with subprocess.Popen(
        [python, "-B", "-m", "tapedeck_standin", "serve", "--port", "0", "--https-port", "0"],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": os.pathsep.join(folders), **variables}, cwd="/",
        user=OTHER_USER, group=OTHER_USER, extra_groups=[], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            found = next((found for line in process.stdout or () if (found := READY.search(line))), None)
            assert found is not None, process.communicate()[1]
            standin = StandIn(int(found[1]), 0, tmp_path / "ca.pem", STANDIN_ACCOUNT, STANDIN_TOKEN, [])
            control = ControlClient(standin)
            api = HttpFunctionClient(TWILIO, STANDIN_ACCOUNT, STANDIN_TOKEN, standin=standin)
            call = control.post("/calls").body["sid"]["twilio"]
            sid = api.post("Calls", call, "Recordings").body["sid"]
            control.post("/clock", {"advance": 5})
            control.post(f"/calls/{call}/hangup")
            assert control.post("/settle", {"advance": True}).status == 200
            for suffix in (".wav", ".mp3"):
                assert api.request("GET", f"{api.base}/Recordings/{sid}{suffix}").status == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
    assert list(home.iterdir()) == []
