"""Run the examples of the README and of the plugin's README again and again on a machine that is kept busy.

Each run is a session of pytest in a folder of its own, with a server that it starts. The first failure ends the script
with its output and exit code 1.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
_EXAMPLE: Final = ROOT / "examples" / "pytest" / "test_recording.py"
_PLUGIN: Final = ROOT / "plugins" / "pytest-tapedeck"
_SOURCES: Final = ("layers/shared", "engine/protocol", "engine/callflow", "standin", "packages/dynamodb-memory/src")
_IN_README: Final = re.compile(r'```python title="(\w+\.py)"\n(.*?)```', re.DOTALL)
_BUSY: Final = """
import os, sys
while os.getppid() == int(sys.argv[1]):
    pass
"""
"""Ends with the process whose id is its argument, also when that is killed."""


def main() -> int:
    """Run the script; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, help="how often the examples must pass in a row")
    parser.add_argument("--busy", type=int, default=8, help="how many busy processes run beside (default: 8)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, busy_processes(arguments.busy):
        write_examples(Path(folder))
        for number in range(1, arguments.count + 1):
            run = run_examples(Path(folder))
            if run.returncode != 0:
                sys.stdout.write(f"run {number} of {arguments.count} failed\n{run.stdout}{run.stderr}")
                return 1
            sys.stdout.write(f"{number}: {run.stdout.strip().splitlines()[-1]}\n")
            sys.stdout.flush()
    return 0


def write_examples(folder: Path) -> None:
    """Write the files of the examples into a folder."""
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / _EXAMPLE.name).write_text(_EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    readme = (_PLUGIN / "README.md").read_text(encoding="utf-8")
    for name, content in _IN_README.findall(readme):
        (folder / name).write_text(content, encoding="utf-8")


def run_examples(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run pytest in the folder of the examples."""
    paths = [_PLUGIN / "src", *(ROOT / name for name in _SOURCES)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TAPEDECK_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "pytest_tapedeck.plugin", "-p", "no:cacheprovider"],
        cwd=folder, env={**kept, "PYTHONPATH": os.pathsep.join(map(str, paths))}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep this many processes busy while the block runs."""
    processes = [subprocess.Popen([sys.executable, "-c", _BUSY, str(os.getpid())]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
