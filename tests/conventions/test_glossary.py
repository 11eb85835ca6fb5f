"""`docs/glossary.md` and `docs/decisions/index.md` are in order and complete."""

import re
from typing import Final

from tests.client import ROOT

DOCS: Final = ROOT / "docs"


def test_the_glossary_is_alphabetical() -> None:
    """Each term has one heading, and the headings are in alphabetical order."""
    terms = re.findall(r"^## (.+)$", (DOCS / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(terms) > 70
    assert terms == sorted(set(terms), key=str.lower)


def test_the_index_lists_every_decision() -> None:
    """The index has one row per record, with its number, its title and its date, in the order of their numbers."""
    rows = re.findall(
        r"^\| \[(\d+)\]\((\S+)\) \| (.+) \| (\S+) \|$",
        (DOCS / "decisions" / "index.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    records = []
    for path in sorted((DOCS / "decisions").glob("[0-9]*.md")):
        text = path.read_text(encoding="utf-8")
        title = re.match(r"# (\d+)\. (.+)\n\n- Status: (?:accepted|superseded)\n- Date: (\S+)\n", text)
        assert title is not None, path.name
        assert title[1] == str(int(path.name[:4]))
        records.append((title[1], path.name, title[2], title[3]))
    assert rows == records
