"""Tests state their numbers: they import no limit or duration that they are to check (REL-30)."""

import ast
import re
from typing import Final

from tests.client import ROOT
from tests.conventions.sources import modules

_NUMBER: Final = re.compile(r"(MAX|MIN)_[A-Z_]+|[A-Z_]+_(SECONDS|MINUTES|HOURS|DAYS|MS|BYTES|CHARACTERS)")

_ALLOWED: Final = {
    ("tests/linearizability/clients.py", "READ_SECONDS"): "its fault waits until the client has given up",
    (
        "tests/simulation/test_failing_records.py",
        "PROCESSING_SECONDS",
    ): "the speed of the simulated engine is no promise",
    ("tests/simulation/queue_engine.py", "PROCESSING_SECONDS"): "the speed of the simulated engine is no promise",
    ("tests/simulation/world.py", "COMMAND_STALENESS_CHECK_SECONDS"): "it holds changes back for almost as long",
    ("tests/standin/test_callback_log.py", "MAX_CONCURRENT"): "it fills all workers, however many there are",
    ("tests/standin/test_options.py", "MAX_ADVANCE_SECONDS"): "it advances the clock as far as it can",
}
"""The tests that may import a number, with the reason; modules of conventions compare the pages with the code."""


def _imported_numbers() -> set[tuple[str, str]]:
    found = set()
    for module in modules(ROOT / "tests"):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in {
                "tapedeck",
                "tapedeck_standin",
            }:
                found |= {(str(module), alias.name) for alias in node.names if _NUMBER.fullmatch(alias.name)}
    return {(path, name) for path, name in found if not path.startswith("tests/conventions/")}


def test_tests_import_no_number_that_they_check() -> None:
    """Limits and durations are stated in the test; an import would follow every change of the code unnoticed."""
    assert _imported_numbers() == set(_ALLOWED)
