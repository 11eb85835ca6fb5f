"""`docs/explanation/dialects.md` lists the differences between the dialects as the code has them."""

import re
from typing import Final, get_type_hints

from tapedeck.dialects.dialect import Dialect
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tests.client import ROOT

PAGE: Final = ROOT / "docs" / "explanation" / "dialects.md"
SPELLINGS: Final = {"name", "root", "realm"}
"""Class variables that are no differences of behaviour."""

_ROW: Final = re.compile(r"^\| `([a-z_]+)`[^|]*\| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def _cell(value: object) -> str:
    """Render a value as a cell of the page's table."""
    match value:
        case bool():
            return "yes" if value else "no"
        case frozenset():
            return ", ".join(f"`{each}`" for each in sorted(value)) or "none"
    return str(value)


def test_the_page_lists_every_difference() -> None:
    """The table has one row per class variable of a dialect, with the value of each dialect, in the code's words."""
    rows = {name: (twilio, signalwire) for name, twilio, signalwire in _ROW.findall(PAGE.read_text(encoding="utf-8"))}
    flags = [name for name in get_type_hints(Dialect) if name not in SPELLINGS]
    assert rows == {name: (_cell(getattr(TWILIO, name)), _cell(getattr(SIGNALWIRE, name))) for name in flags}
