"""What runs on moto and on DynamoDB Local."""

import os
import subprocess
import sys
from pathlib import Path

from tests.client import ROOT, TEMPLATE
from tests.conventions.sources import OPERATIONS

MEETS_THE_TABLE = ("create_", "delete_", "list_", "remove_", "update_")


def test_what_writes_and_what_lists_runs_on_dynamodb_local() -> None:
    """`make test-dynamodb-local` collects the tests of every operation that writes or lists, and those of pages."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", "-m", "dynamodb_local"]
    # Options meant for the run that this test is part of would change what is told.
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    told = subprocess.run(
        [*command, "tests/functions"], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout
    modules = {Path(line.partition("::")[0]).stem for line in told.splitlines() if "::" in line}
    routed = {route.operation for route in TEMPLATE.routes}
    wanted = {f"test_{each}" for each in OPERATIONS if each in routed and each.startswith(MEETS_THE_TABLE)}
    assert (wanted | {"test_paging", "test_requests"}) - modules == set()
