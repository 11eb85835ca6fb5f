"""The wheel of the call flows, as `pip install` builds it."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.conventions.sources import CALLFLOW


def test_the_readmes_example_runs_from_the_wheel(tmp_path: Path) -> None:
    """The wheel needs no other distribution, and the README's example runs with it."""
    from hatchling.builders.wheel import WheelBuilder

    package = CALLFLOW.parent
    (built,) = WheelBuilder(str(package)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(built) as archive:
        archive.extractall(tmp_path / "wheel")
    (example,) = re.findall(r"```python\n(.*?)```", (package / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    ran = subprocess.run(
        [sys.executable, "-c", f"{example}\nimport tapedeck_callflow\nprint(tapedeck_callflow.__file__)"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "wheel")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    module = tmp_path / "wheel" / "tapedeck_callflow" / "__init__.py"
    assert ran.stdout == f"Press one\nhttps://app.example.com/menu 1\n{module}\n"
    (metadata,) = (tmp_path / "wheel").glob("tapedeck_callflow-*.dist-info/METADATA")
    assert "Requires-Dist" not in metadata.read_text(encoding="utf-8")
