"""Tests that every reliability rule that the project cites is defined in `docs/explanation/reliability.md` (REL-32)."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.client import ROOT
from tests.conventions.sources import files

PAGE: Final = ROOT / "docs" / "explanation" / "reliability.md"

CITATION: Final = re.compile(r"\bREL-?\d+")
"""Also matches misspelled citations, such as one with a leading zero or without the hyphen."""

HEADING: Final = re.compile(r"^## (REL-[1-9]\d*): \S.*$", re.MULTILINE)

SUFFIXES: Final = frozenset({".py", ".md", ".in"})


def headings() -> list[str]:
    """Return the rules that the page defines, in its order."""
    return HEADING.findall(PAGE.read_text(encoding="utf-8"))


def undefined(text: str) -> list[str]:
    """Return the citations in a text that no heading of the page defines, misspelled ones included."""
    return sorted(set(CITATION.findall(text)) - set(headings()))


def _cites(path: Path) -> bool:
    # This file contains misspelled citations.
    return (path.suffix in SUFFIXES or path == ROOT / "template.yaml") and path != Path(__file__)


def test_every_cited_rule_is_defined() -> None:
    """Every reliability rule that a Python file, a document or the template cites is a heading of the page."""
    found = {path: undefined(path.read_text(encoding="utf-8")) for path in files() if _cites(path)}
    assert {str(path.relative_to(ROOT)): names for path, names in found.items() if names} == {}


def test_the_rules_are_numbered_consecutively() -> None:
    """The page defines each rule once, in ascending order and without a gap."""
    assert headings() == [f"REL-{number}" for number in range(1, len(headings()) + 1)]


@pytest.mark.parametrize("citation", ["REL-02", "REL-0", "REL2", "REL-999"])
def test_an_undefined_rule_is_noticed(citation: str) -> None:
    """A citation that is misspelled, or of a rule that does not exist, fails the check."""
    assert undefined(f"Retry with jitter (REL-2, {citation}).") == [citation]
