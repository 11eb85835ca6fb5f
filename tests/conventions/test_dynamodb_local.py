"""Tests which modules run on DynamoDB Local as well as on moto."""

import os
import subprocess
import sys
from pathlib import Path

from tests.client import ROOT, TEMPLATE
from tests.conventions.sources import OPERATIONS

LISTS_OR_WRITES = ("create_", "delete_", "list_", "remove_", "update_")


def test_operations_that_write_or_list_run_on_dynamodb_local() -> None:
    """`make test-dynamodb-local` collects the tests of every operation that writes or lists, and of paging."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", "-m", "dynamodb_local"]
    # Options of the current test run would change the output.
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    output = subprocess.run(
        [*command, "tests/functions"], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout
    modules = {Path(line.partition("::")[0]).stem for line in output.splitlines() if "::" in line}
    routed = {route.operation for route in TEMPLATE.routes}
    required = {f"test_{each}" for each in OPERATIONS if each in routed and each.startswith(LISTS_OR_WRITES)}
    assert (required | {"test_paging", "test_requests"}) - modules == set()
