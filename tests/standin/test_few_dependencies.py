"""The stand-in runs without an SDK of AWS, SAM CLI and moto: they are dependencies of the tests only."""

import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tapedeck.dialects.selection import TWILIO
from tapedeck.settings import STANDIN_ACCOUNT, STANDIN_TOKEN
from tests.client import ROOT
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn
from tests.standin.receiver import receiving

BLOCKED: Final = ("boto3", "botocore", "flask", "moto", "requests", "samcli", "samtranslator", "urllib3", "werkzeug")

PROGRAM: Final = f"""
import sys
for name in {BLOCKED}:
    sys.modules[name] = None  # an import of it now fails
from tapedeck_standin.cli import main
main()
"""

READY: Final = re.compile(r'"url": "http://127.0.0.1:([0-9]+)"')

FOLDERS: Final = ("layers/shared", "engine/protocol", "engine/callflow", "standin", "packages/dynamodb-memory/src")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start stand-ins that cannot import what is blocked; kill them at the end."""
    processes = []

    def start(*flags: str, **environment: str) -> subprocess.Popen[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TAPEDECK_"))}
        path = os.pathsep.join(str(ROOT / folder) for folder in FOLDERS)
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "serve", "--port", "0", "--https-port", "0", *flags],
            cwd=tmp_path, env={**kept, "PYTHONPATH": path, **environment}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_a_recorded_call_needs_none_of_them(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    """A call is recorded, its audio is served as WAV and MP3, and its signed callback is delivered, without them."""
    process = start("--ca-file", str(tmp_path / "ca.pem"))
    assert process.stdout is not None
    port = next((int(found[1]) for line in process.stdout if (found := READY.search(line))), None)
    if port is None:
        pytest.fail(process.communicate()[1])
    standin = StandIn(port, 0, tmp_path / "ca.pem", STANDIN_ACCOUNT, STANDIN_TOKEN, [])
    control, api = ControlClient(standin), HttpFunctionClient(TWILIO, STANDIN_ACCOUNT, STANDIN_TOKEN, standin=standin)
    with receiving() as receiver:
        call = control.post("/calls").body["sid"]["twilio"]
        form = {"RecordingStatusCallback": receiver.url("/done"), "RecordingStatusCallbackEvent": "completed"}
        sid = api.post("Calls", call, "Recordings", form=form).body["sid"]
        control.post("/clock", {"advance": 5})
        control.post(f"/calls/{call}/hangup")
        control.post("/clock", {"advance": 5})
        assert control.post("/wait-until-idle").status == 200
        (callback,) = receiver.wait_for(1)
        assert callback.fields["RecordingStatus"] == "completed"
    assert api.get("Recordings", sid).body["status"] == "completed"
    for suffix in (".wav", ".mp3"):
        assert api.request("GET", f"{api.base}/Recordings/{sid}{suffix}").status == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_another_database_needs_botocore(start: Callable[..., subprocess.Popen[str]]) -> None:
    """With AWS_ENDPOINT_URL_DYNAMODB, but without botocore, the command fails and names the extra that contains it."""
    process = start(AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:1")
    assert process.communicate(timeout=60) == (
        "", "tapedeck: AWS_ENDPOINT_URL_DYNAMODB needs botocore: install tapedeck-api[aws]\n"
    )  # fmt: skip
    assert process.returncode == 1


@pytest.mark.parametrize("url", ["http://local host:80", "http://local\thost", "http://a..b", "http://a!b:80"])
def test_an_address_that_is_no_url_needs_no_botocore(start: Callable[..., subprocess.Popen[str]], url: str) -> None:
    """An invalid address of a database is reported as such with exit code 2, also without botocore (C-341)."""
    process = start(AWS_ENDPOINT_URL_DYNAMODB=url)
    assert process.communicate(timeout=60) == (
        "", "tapedeck: AWS_ENDPOINT_URL_DYNAMODB must be the URL of a database, such as http://localhost:8000\n"
    )  # fmt: skip
    assert process.returncode == 2


def test_the_distribution_has_few_dependencies() -> None:
    """With all that they depend on, the distribution has at most 20 packages on one platform, itself included."""
    pins = (ROOT / "requirements" / "standin.txt").read_text(encoding="utf-8")
    names = set(re.findall(r"^([a-z0-9-]+)==", pins, re.MULTILINE))
    assert len(names) + 1 <= 20
    assert not names & set(BLOCKED)


def test_the_distribution_has_the_dependencies_that_are_pinned() -> None:
    """The dependencies in `pyproject.toml` are those that `requirements/standin.in` lists."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "requirements" / "standin.in").read_text(encoding="utf-8").splitlines()
    listed = {line.partition("#")[0].strip() for line in lines} - {""}
    assert set(project["dependencies"]) == listed
    assert list(project["optional-dependencies"]) == ["aws"]
