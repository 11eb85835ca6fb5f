"""Generate the OpenAPI documents from the template, the forms, the error table and the tables of the wire.

Usage: python -m scripts.make_openapi [--check]

`--check` writes nothing; it fails if a file in `docs/reference/openapi/` differs from the code.
"""

import json
import sys
from typing import Final

from scripts.openapi import control, vendor
from scripts.openapi.functions import ROOT
from scripts.openapi.sharing import share
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO

TARGET: Final = ROOT / "docs" / "reference" / "openapi"


def make_files() -> dict[str, str]:
    """Return the content of each document by its name."""
    documents = {
        **{f"{dialect.name}.json": share(vendor.document(dialect)) for dialect in (TWILIO, SIGNALWIRE)},
        "control-api.json": control.document(),
    }
    return {name: json.dumps(document, indent=2, ensure_ascii=False) + "\n" for name, document in documents.items()}


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` print which differ. Return the exit code."""
    try:
        files = make_files()
    except ValueError as incomplete:
        print(incomplete)
        return 1
    if arguments == ["--check"]:
        stale = [name for name, text in files.items() if not _is_same(name, text)]
        print(
            "".join(f"docs/reference/openapi/{name} differs from the code: run make openapi\n" for name in stale),
            end="",
        )
        return 1 if stale else 0
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (TARGET / name).write_text(text, encoding="utf-8")
    return 0


def _is_same(name: str, text: str) -> bool:
    path = TARGET / name
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
