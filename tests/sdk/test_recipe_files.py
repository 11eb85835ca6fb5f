"""The recipes as files: what README.md quotes of them, and what pins their SDKs."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from tests.sdk.program import EXAMPLES, ROOT

SECTION: Final = re.search(
    r"^## Point your SDK at it\n(.*?)^Calls and conferences come",
    (ROOT / "README.md").read_text("utf-8"),
    re.MULTILINE | re.DOTALL,
)
PARAGRAPH: Final = re.compile(r"((?:^(?!```)[^\n]*\n)+)(?:```\w+\n(.*?)```\n)?", re.MULTILINE | re.DOTALL)
"""Prose, and the code that follows it."""
RECIPES: Final = sorted(
    path.relative_to(ROOT)
    for path in EXAMPLES.glob("*/*")
    if path.suffix in {".py", ".mjs"} and path.parent.name != "pytest"
)


def _quotes() -> list[tuple[str, str]]:
    """Each line of code that the README quotes, with the recipe that it names before it."""
    assert SECTION is not None
    quotes: list[tuple[str, str]] = []
    for paragraph, code in PARAGRAPH.findall(SECTION[1]):
        named = re.findall(r"`(examples/[\w/.]+)`", paragraph)
        quotes += [(file, line) for file in named for line in code.splitlines()]
    quotes += [("examples/python/signalwire_recording.py", line) for line in re.findall(r"set `([^`]+)`", SECTION[1])]
    return quotes


def test_the_readme_names_every_recipe() -> None:
    """A recipe that nobody finds helps nobody."""
    assert SECTION is not None
    assert sorted(re.findall(r"`(examples/[\w/.]+\.(?:py|mjs))`", SECTION[1])) == sorted(map(str, RECIPES))


def test_the_readme_quotes_the_recipes() -> None:
    """Each line of code in the README stands in the recipe that it is quoted from; every recipe is quoted."""
    quotes = _quotes()
    strange = [(file, line) for file, line in quotes if line not in _lines(ROOT / file)]
    assert (strange, sorted({file for file, _ in quotes})) == ([], list(map(str, RECIPES)))


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_one_line_points_the_client(recipe: Path) -> None:
    """The line that the recipes of a language have in common is all that Tapedeck needs."""
    pointer = {".py": "client.api.base_url = url", ".mjs": "client.api.baseUrl = url;"}[recipe.suffix]
    assert _lines(ROOT / recipe).count(pointer) == 1


def test_the_lock_pins_the_sdks_and_names_no_registry() -> None:
    """The Node SDKs are exact versions, every package has its hash, and none says where it was fetched."""
    lock: dict[str, Any] = json.loads((EXAMPLES / "node" / "package-lock.json").read_text("utf-8"))
    own, *packages = lock["packages"].values()
    assert own["dependencies"] == {"@signalwire/compatibility-api": "3.2.0", "twilio": "6.2.0"}
    assert [package for package in packages if "resolved" in package or "integrity" not in package] == []


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text("utf-8").splitlines()]
