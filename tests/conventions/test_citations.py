"""Tests that everything that the project cites by number is defined.

Reliability rules (`REL-2`) are headings of `docs/explanation/reliability.md` (REL-32). Choices (`C-7`) are rows of
`docs/reference/compatibility.md`. Wire rules (`W-101`) are rows of the pages in `docs/reference/wire`.
"""

import re
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.client import ROOT
from tests.conventions.sources import PACKAGE, files

DOCS: Final = ROOT / "docs"
RELIABILITY: Final = DOCS / "explanation" / "reliability.md"
COMPATIBILITY: Final = DOCS / "reference" / "compatibility.md"
WIRE: Final = DOCS / "reference" / "wire"

CITATION: Final = re.compile(r"\bREL-?\d+")
"""Also matches misspelled citations, such as one with a leading zero or without the hyphen."""

CHOICE_CITATION: Final = re.compile(r"(?<![-\w#])C-\d+\b")
WIRE_CITATION: Final = re.compile(r"(?<![-\w#])W-\d+\b")

HEADING: Final = re.compile(r"^## (REL-[1-9]\d*): \S.*$", re.MULTILINE)
ROW: Final = re.compile(r'^\| <a id="([cw])-(\d+)"></a>([CW])-(\d+) \| (.*) \|$', re.MULTILINE)
CODE_REFERENCE: Final = re.compile(r"`([\w/.-]+\.py)`: `(\w+)` \| `([\w/]+\.py)::(test_\w+)`$")

SUFFIXES: Final = frozenset({".py", ".md", ".in"})


class Row(NamedTuple):
    """A numbered row of a table: its number as cited, its anchor, and its other cells."""

    number: str
    anchor: str
    cells: str


def headings() -> list[str]:
    """Return the reliability rules that the page defines, in its order."""
    return HEADING.findall(RELIABILITY.read_text(encoding="utf-8"))


def rows(page: Path) -> list[Row]:
    """Return the numbered rows of a page, in its order."""
    return [
        Row(f"{letter}-{number}", f"{anchor}-{anchor_number}", cells)
        for anchor, anchor_number, letter, number, cells in ROW.findall(page.read_text(encoding="utf-8"))
    ]


def wire_rules() -> list[str]:
    """Return the wire rules of all pages."""
    return [row.number for page in sorted(WIRE.glob("*.md")) for row in rows(page)]


def undefined(text: str) -> list[str]:
    """Return the citations in a text that no page defines, misspelled ones included."""
    choices = {row.number for row in rows(COMPATIBILITY)}
    return sorted(
        set(CITATION.findall(text)) - set(headings())
        | set(CHOICE_CITATION.findall(text)) - choices
        | set(WIRE_CITATION.findall(text)) - set(wire_rules())
    )


def _cites(path: Path) -> bool:
    # This file contains misspelled citations.
    return (path.suffix in SUFFIXES or path == ROOT / "template.yaml") and path != Path(__file__)


def test_every_citation_is_defined() -> None:
    """Every rule or choice that a Python file, a document or the template cites is defined on its page."""
    found = {path: undefined(path.read_text(encoding="utf-8")) for path in files() if _cites(path)}
    assert {str(path.relative_to(ROOT)): names for path, names in found.items() if names} == {}


def test_the_rules_are_numbered_consecutively() -> None:
    """The page defines each reliability rule once, in ascending order and without a gap."""
    assert headings() == [f"REL-{number}" for number in range(1, len(headings()) + 1)]


def test_the_choices_have_ascending_numbers() -> None:
    """The page has each choice once, in ascending order, and with the anchor of its number."""
    found = rows(COMPATIBILITY)
    numbers = [int(row.number.removeprefix("C-")) for row in found]
    assert numbers == sorted(set(numbers))
    assert [row.anchor for row in found] == [f"c-{number}" for number in numbers]


def test_the_wire_rules_have_distinct_numbers() -> None:
    """Every wire rule is defined once, has the anchor of its number, and rises within its page."""
    found = wire_rules()
    assert len(found) == len(set(found))
    for page in sorted(WIRE.glob("*.md")):
        numbers = [int(row.number.removeprefix("W-")) for row in rows(page)]
        assert numbers == sorted(numbers)
        assert [row.anchor for row in rows(page)] == [f"w-{number}" for number in numbers]


def test_every_choice_is_cited() -> None:
    """Every choice is cited by the code or by a test."""
    sources = [path for path in files() if path.suffix == ".py" and path != Path(__file__)]
    cited = {name for path in sources for name in CHOICE_CITATION.findall(path.read_text(encoding="utf-8"))}
    assert [row.number for row in rows(COMPATIBILITY) if row.number not in cited] == []


@pytest.mark.parametrize("row", rows(COMPATIBILITY), ids=lambda row: row.number)
def test_a_choice_names_its_code_and_its_test(row: Row) -> None:
    """The file and the name of the code exist, and so does the test that holds the choice."""
    reference = CODE_REFERENCE.search(row.cells)
    assert reference is not None
    code, name, tests, test = reference.groups()
    assert re.search(
        rf"\b{name}\b",
        ((ROOT if code.startswith(("engine/", "plugins/", "standin/", "scripts/")) else PACKAGE) / code).read_text(
            "utf-8"
        ),
    )
    assert f"def {test}(" in (ROOT / "tests" / tests).read_text("utf-8")


@pytest.mark.parametrize("citation", ["REL-02", "REL-0", "REL2", "REL-999", "C-0", "C-07", "C-999", "W-0", "W-99999"])
def test_an_undefined_rule_is_noticed(citation: str) -> None:
    """A citation that is misspelled, or of a rule or choice that does not exist, fails the check."""
    assert undefined(f"Retry with jitter (REL-2, {citation}).") == [citation]
