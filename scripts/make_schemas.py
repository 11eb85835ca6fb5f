"""Generate the JSON Schemas of the engine protocol from the models that validate its messages.

Usage: scripts/make_schemas.py [--check]

`--check` writes nothing; it fails if a file in `schemas/` differs from the models.
"""

import json
import sys
from pathlib import Path
from typing import Final

from tapedeck_protocol.schema import make_schemas

TARGET: Final = Path(__file__).resolve().parents[1] / "schemas"


def make_files() -> dict[str, str]:
    """Return the content of each schema file by its name."""
    return {name: json.dumps(schema, indent=2) + "\n" for name, schema in make_schemas().items()}


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` print which differ. Return the exit code."""
    files = make_files()
    if arguments == ["--check"]:
        stale = [name for name, text in files.items() if not _is_same(TARGET / name, text)]
        print("".join(f"schemas/{name} differs from the models: run make schemas\n" for name in stale), end="")
        return 1 if stale else 0
    TARGET.mkdir(exist_ok=True)
    for name, text in files.items():
        (TARGET / name).write_text(text, encoding="utf-8")
    return 0


def _is_same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
