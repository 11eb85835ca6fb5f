"""Many tests in many workers, each of which moves its own clock by hours, share one server."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client import ROOT
from tests.thoroughness import scaled

SOURCES = (
    "plugins/pytest-tapedeck/src", "layers/shared", "engine/protocol", "engine/callflow", "standin",
    "packages/dynamodb-memory/src",
)  # fmt: skip
TESTS = scaled(deep=200, ci=18, fast=8)
WORKERS = scaled(deep=8, ci=3, fast=2)
CONTENT = """
    import base64, json, os
    from datetime import datetime
    from email.utils import parsedate_to_datetime
    from urllib.request import Request, urlopen
    import pytest
    from pytest_tapedeck.client import send_control_request

    def send(tapedeck, method, path):
        secret = base64.b64encode(f"{tapedeck.account_sid}:{tapedeck.auth_token}".encode()).decode()
        url = f"{tapedeck.url}/2010-04-01/Accounts/{tapedeck.account_sid}{path}.json"
        with urlopen(Request(url, method=method, headers={"Authorization": f"Basic {secret}"}), timeout=120) as answer:
            return json.load(answer)

    def now(tapedeck):
        body = {"account": tapedeck.account_sid, "advance": 0}
        return datetime.fromisoformat(send_control_request(tapedeck.url, "POST", "/clock", body)["now"])

    @pytest.mark.parametrize("number", range(COUNT))
    def test_hours(number, tapedeck):
        began, hours, seconds = now(tapedeck), number % 20 + 1, number + 1
        call = tapedeck.call()
        tapedeck.advance(3600 * hours)
        recording = send(tapedeck, "POST", f"/Calls/{call.sid}/Recordings")
        tapedeck.advance(seconds)
        tapedeck.hang_up(call.sid)
        tapedeck.settle()
        finished = send(tapedeck, "GET", f"/Recordings/{recording['sid']}")
        assert (finished["status"], finished["duration"]) == ("completed", str(seconds))
        shown = send(tapedeck, "GET", f"/Calls/{call.sid}")
        made, recorded = (parsedate_to_datetime(each["date_created"]) for each in (shown, finished))
        assert (recorded - made).total_seconds() == 3600 * hours
        assert (now(tapedeck) - began).total_seconds() == 3600 * hours + seconds + 1
        assert [each["sid"] for each in send(tapedeck, "GET", "/Calls")["calls"]] == [call.sid]
        with open("urls", "a") as urls:
            urls.write(f"{tapedeck.url} {os.environ['PYTEST_XDIST_WORKER']}\\n")
"""


@pytest.mark.ci
@pytest.mark.sized
def test_each_test_has_its_own_time(tmp_path: Path) -> None:
    """All workers share the plugin's server; a test moves the clock of its account by hours, and no other clock."""
    content = inspect.cleandoc(CONTENT).replace("COUNT", str(TESTS))
    (tmp_path / "test_hours.py").write_text(content, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TAPEDECK_", "PYTEST_"))}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "pytest_tapedeck.plugin", "-p", "no:cacheprovider",
         "-n", str(WORKERS)],
        cwd=tmp_path, env={**kept, "PYTHONPATH": os.pathsep.join(str(ROOT / name) for name in SOURCES)},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{TESTS} passed" in ran.stdout
    lines = [line.split() for line in (tmp_path / "urls").read_text(encoding="utf-8").splitlines()]
    assert len({url for url, _ in lines}) == 1
    assert len({worker for _, worker in lines}) == WORKERS
