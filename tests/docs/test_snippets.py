"""Tests that the pages quote code with directives that the site's build understands."""

import re
from pathlib import Path

import pytest

from tests.client import ROOT

DOCS = sorted((ROOT / "docs").rglob("*.md"))
DIRECTIVE = re.compile(r'--8<-- "(?P<path>[\w./-]+)(:(?P<section>[\w-]+))?"')
"""A line that is replaced by a file, or by a section of it."""

LOOKS_LIKE_A_DIRECTIVE = re.compile(r"\s*-+ *8 *<")


def faults(text: str) -> list[str]:
    """Return the lines of a page that are no directive but look like one, or that quote what does not exist."""
    return [line for line in text.splitlines() if LOOKS_LIKE_A_DIRECTIVE.match(line) and not _is_quoted(line.strip())]


def _is_quoted(line: str) -> bool:
    found = DIRECTIVE.fullmatch(line)
    if found is None or not (ROOT / found["path"]).is_file():
        return False
    code = (ROOT / found["path"]).read_text(encoding="utf-8")
    return all(f"--8<-- [{end}:{found['section']}]" in code for end in ("start", "end") if found["section"])


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_quotation_is_found(page: Path) -> None:
    """Each quotation on a page names a file and a section that exist; the build shows a malformed one as it is."""
    assert faults(page.read_text(encoding="utf-8")) == []


def test_a_quotation_that_the_build_ignores_is_noticed() -> None:
    """A quotation that a formatter has changed, and one of an unknown file or section, are found."""
    path = "layers/shared/tapedeck/dialects/callbacks.py"
    right = f'--8<-- "{path}:sign"\n  --8<-- "{path}"\n'
    wrong = [f'--8 < --"{path}:sign"', f'--8<-- "{path}:sing"', '--8<-- "layers/none.py"', f"--8<-- {path}"]
    assert faults(right + "\n".join(wrong)) == wrong
