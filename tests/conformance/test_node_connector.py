"""The example connector in Node was written from the documentation alone; it follows every rule."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.client import ROOT
from tests.conformance.test_check_engine import command, environment

pytestmark = [pytest.mark.ci, pytest.mark.timeout(300)]


def test_the_connector_in_node_follows_every_rule(tmp_path: Path) -> None:
    """The connector passes each check that takes less than ten seconds, and none is skipped."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js 20 or later")
    program = ROOT / "examples" / "connector-node" / "connector.js"
    done = subprocess.run(
        command("--json", "--quick", "--", node, str(program), str(tmp_path / "engine")),
        env=environment(), text=True, stdout=subprocess.PIPE, check=False,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert [each for each in found["checks"] if each["result"] != "ok"] == []
    assert (found["failed"], found["skipped"], done.returncode) == (0, 0, 0)
