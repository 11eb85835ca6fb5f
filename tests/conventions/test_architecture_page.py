"""The diagram of packages in `docs/explanation/architecture.md` agrees with the imports that the tests allow."""

import re
from collections.abc import Mapping
from typing import Final

from tests.client import ROOT
from tests.conventions.test_architecture import MAY_IMPORT

PAGE: Final = ROOT / "docs" / "explanation" / "architecture.md"


def _arrows() -> set[tuple[str, str]]:
    """Return the arrows of the last diagram, each from a package to one that it may import."""
    diagram = PAGE.read_text(encoding="utf-8").rpartition("```mermaid\n")[2].partition("```")[0]
    return {
        (source, target)
        for source, targets in re.findall(r"^ +(\w+) --> ([\w &]+)$", diagram, re.MULTILINE)
        for target in targets.split(" & ")
    }


def _reachable(graph: Mapping[str, set[str]], start: str) -> set[str]:
    """Return every package that imports lead to from this one."""
    found: set[str] = set()
    pending = [start]
    while pending:
        for each in graph.get(pending.pop(), set()) - found:
            found.add(each)
            pending.append(each)
    return found


def test_the_diagram_shows_the_allowed_imports() -> None:
    """Every arrow is an allowed import, and the arrows lead to everything that a package may import."""
    arrows = _arrows()
    drawn = {source: {target for start, target in arrows if start == source} for source, _ in arrows}
    # `bootstrap` may import everything.
    assert {arrow for arrow in arrows if arrow[0] != "bootstrap" and arrow[1] not in MAY_IMPORT[arrow[0]]} == set()
    missing = {part: allowed - _reachable(drawn, part) for part, allowed in MAY_IMPORT.items()}
    assert {part: packages for part, packages in missing.items() if packages} == {}
