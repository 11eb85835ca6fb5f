"""The recipe files: README.md quotes them, and the lock file pins their SDKs."""

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
"""A paragraph, and the code block that follows it."""
RECIPES: Final = sorted(
    path.relative_to(ROOT)
    for path in EXAMPLES.glob("*/*")
    if path.suffix in {".py", ".mjs"} and path.parent.name != "pytest"
)


def _quotes() -> list[tuple[str, str]]:
    """Return each quoted line of code with the recipe that the README names before it."""
    assert SECTION is not None
    quotes: list[tuple[str, str]] = []
    for paragraph, code in PARAGRAPH.findall(SECTION[1]):
        named = re.findall(r"`(examples/[\w/.]+)`", paragraph)
        quotes += [(file, line) for file in named for line in code.splitlines()]
    quotes += [("examples/python/signalwire_recording.py", line) for line in re.findall(r"set `([^`]+)`", SECTION[1])]
    return quotes


def test_the_readme_names_every_recipe() -> None:
    """The README names every recipe file."""
    assert SECTION is not None
    assert sorted(re.findall(r"`(examples/[\w/.]+\.(?:py|mjs))`", SECTION[1])) == sorted(map(str, RECIPES))


def test_the_readme_quotes_the_recipes() -> None:
    """Each quoted line of code is in its recipe, and every recipe is quoted."""
    quotes = _quotes()
    unknown = [(file, line) for file, line in quotes if line not in _lines(ROOT / file)]
    assert (unknown, sorted({file for file, _ in quotes})) == ([], list(map(str, RECIPES)))


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_one_line_points_the_client(recipe: Path) -> None:
    """Each recipe sets the base URL of its client in exactly one line."""
    pointer = {".py": "client.api.base_url = url", ".mjs": "client.api.baseUrl = url;"}[recipe.suffix]
    assert _lines(ROOT / recipe).count(pointer) == 1


def test_the_lock_pins_the_sdks_and_names_no_registry() -> None:
    """The Node SDKs have exact versions; every package has a hash and no registry URL."""
    lock: dict[str, Any] = json.loads((EXAMPLES / "node" / "package-lock.json").read_text("utf-8"))
    own, *packages = lock["packages"].values()
    assert own["dependencies"] == {"@signalwire/compatibility-api": "3.2.0", "twilio": "6.2.0"}
    assert [package for package in packages if "resolved" in package or "integrity" not in package] == []


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text("utf-8").splitlines()]
