"""The recipe files: the how-to guide quotes each of them, and their SDKs have exact versions."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from tests.sdk.program import EXAMPLES, ROOT

GUIDE: Final = (ROOT / "docs" / "how-to" / "point-an-sdk.md").read_text("utf-8")
SUFFIXES: Final = frozenset({".go", ".java", ".mjs", ".php", ".py", ".rb"})
RECIPES: Final = sorted(
    path.relative_to(ROOT)
    for path in EXAMPLES.rglob("*")
    if path.suffix in SUFFIXES and not {"connector", "node_modules", "pytest", "vendor"} & set(path.parts)
)


def test_the_guide_names_and_quotes_every_recipe() -> None:
    """The guide names every recipe file, and quotes the lines that point its client."""
    recipes = [path.as_posix() for path in RECIPES]
    assert sorted(re.findall(r"`(examples/[\w./]+\.\w+)`", GUIDE)) == recipes
    assert sorted(re.findall(r'--8<-- "(examples/[\w./]+):pointer"', GUIDE)) == recipes


@pytest.mark.parametrize(
    ("recipe", "lines"),
    [
        ("examples/go/main.go", 6),
        ("examples/java/src/main/java/Main.java", 2),
        ("examples/node/signalwire.mjs", 2),
        ("examples/node/twilio.mjs", 2),
        ("examples/php/twilio_recording.php", 6),
        ("examples/python/signalwire_recording.py", 4),
        ("examples/python/twilio_recording.py", 2),
        ("examples/ruby/twilio_recording.rb", 6),
    ],
)
def test_few_lines_create_a_client_that_uses_tapedeck(recipe: str, lines: int) -> None:
    """The client and what points it to Tapedeck take a few lines of code."""
    text = (ROOT / recipe).read_text("utf-8").partition("[start:pointer]\n")[2].partition("[end:pointer]")[0]
    code = [line.strip() for line in text.splitlines()[:-1]]
    assert len([line for line in code if line and not line.startswith(("#", "//"))]) == lines


def test_the_lock_pins_the_sdks_and_names_no_registry() -> None:
    """The Node SDKs have exact versions; every package has a hash and no registry URL."""
    lock: dict[str, Any] = json.loads((EXAMPLES / "node" / "package-lock.json").read_text("utf-8"))
    own, *packages = lock["packages"].values()
    assert own["dependencies"] == {"@signalwire/compatibility-api": "3.2.0", "twilio": "6.2.0"}
    assert [package for package in packages if "resolved" in package or "integrity" not in package] == []


@pytest.mark.parametrize(
    ("manifest", "pin"),
    [
        ("go/go.mod", "require github.com/twilio/twilio-go v1.31.0\n"),
        ("java/pom.xml", "<artifactId>twilio</artifactId>\n      <version>13.0.1</version>"),
        ("php/composer.json", '"twilio/sdk": "8.12.0"'),
        ("ruby/Gemfile", "gem 'twilio-ruby', '7.11.1'\n"),
    ],
)
def test_the_manifests_pin_the_sdks(manifest: str, pin: str) -> None:
    """Twilio's SDK for each language has an exact version."""
    assert pin in (EXAMPLES / Path(manifest)).read_text("utf-8")
