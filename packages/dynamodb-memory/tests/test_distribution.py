"""The wheel of this package, as `pip install` builds it."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parents[1]


def test_the_readmes_example_runs_from_the_wheel(tmp_path: Path) -> None:
    """The wheel has all modules of the package; the README's example runs with it and reads the item that it wrote."""
    from hatchling.builders.wheel import WheelBuilder

    (built,) = WheelBuilder(str(PACKAGE)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(built) as archive:
        archive.extractall(tmp_path / "wheel")
    sources = (PACKAGE / "src" / "dynamodb_memory").iterdir()
    assert sorted(path.name for path in (tmp_path / "wheel" / "dynamodb_memory").iterdir()) == sorted(
        path.name for path in sources if path.name != "__pycache__"
    )
    (example,) = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{example}\nimport dynamodb_memory\nprint(dynamodb_memory.__file__, item, len(records))",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "wheel")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    module = tmp_path / "wheel" / "dynamodb_memory" / "__init__.py"
    assert ran.stdout == f"{module} {{'id': {{'S': '42'}}, 'total': {{'N': '7'}}}} 1\n"
