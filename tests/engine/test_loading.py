"""The models of the engine protocol are loaded only where they are needed."""

import os
import subprocess
import sys
from typing import Final

from tests.client import ROOT, TEMPLATE

ENGINE_PREFIX: Final = "/engine/"


def _modules_of(operations: set[str]) -> set[str]:
    """Return the modules that a new process has loaded after importing these functions."""
    script = (
        "import sys; from pathlib import Path; from tapedeck_standin.aws.function_loader import load_handler;"
        f"[load_handler(Path({str(ROOT)!r}), each) for each in {sorted(operations)!r}]; print(*sys.modules)"
    )
    folders = ("layers/shared", "engine/protocol", "standin")
    paths = {"PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in folders)}
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={**os.environ, **paths}
    )
    return set(loaded.stdout.split())


def test_functions_of_the_vendors_apis_do_not_load_it() -> None:
    """A cold start of the API pays nothing for the models of the engine protocol, nor for reading its events."""
    operations = {route.operation for route in TEMPLATE.routes if not (route.path or "").startswith(ENGINE_PREFIX)}
    modules = _modules_of(operations)
    assert "tapedeck.http.endpoint" in modules
    assert {name for name in modules if name.startswith("tapedeck_protocol")} == set()
    assert "tapedeck.background.event_reports" not in modules


def test_the_chain_needs_no_pydantic() -> None:
    """`tapedeck_protocol.evidence` is importable without Pydantic, also through its package."""
    script = "import sys; import tapedeck_protocol.evidence; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "engine" / "protocol")},
    )  # fmt: skip
    modules = set(loaded.stdout.split())
    assert "tapedeck_protocol.evidence" in modules
    assert {name for name in modules if name.startswith("pydantic")} == set()
