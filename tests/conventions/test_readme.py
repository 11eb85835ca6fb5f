"""Tests that the READMEs agree with the code and with each other."""

import ast
import re

from tests.client import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PLUGIN_README = (ROOT / "plugins" / "pytest-tapedeck" / "README.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / "examples" / "pytest" / "test_recording.py").read_text(encoding="utf-8")


def test_every_named_make_target_exists() -> None:
    """Every `make` target in the README exists."""
    makefiles = [ROOT / "Makefile", *(ROOT / "make").glob("*.mk")]
    targets = set(
        re.findall(r"^([a-z-]+):", "\n".join(file.read_text(encoding="utf-8") for file in makefiles), re.MULTILINE)
    )
    named = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert {"serve", "test", "docs", "help"} <= named
    assert named <= targets


def test_every_named_file_exists() -> None:
    """Every file that the README names or links exists."""
    named = re.findall(r"`((?:examples|events|functions|layers|standin|requirements)/[\w./-]+\w)`", README)
    linked = re.findall(r"\]\(([\w./-]+)\)", README)
    missing = [name for name in (*named, *linked) if not (ROOT / name).exists()]
    assert missing == []


def test_the_readme_quotes_a_tested_example() -> None:
    """The test in the README is a test of `examples/pytest`, without its docstring."""
    (shown,) = ast.parse(re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]).body
    assert isinstance(shown, ast.FunctionDef)
    (tested,) = (
        node for node in ast.parse(EXAMPLE).body if isinstance(node, ast.FunctionDef) and node.name == shown.name
    )
    assert [ast.unparse(line) for line in shown.body] == [ast.unparse(line) for line in tested.body[1:]]
    assert len(shown.body) <= 8


def test_the_plugins_readme_shows_a_tested_example() -> None:
    """The example in the plugin's README is the first test of `examples/pytest`, except for its client and comments."""
    shown = PLUGIN_README.partition("base_url = tapedeck.url\n\n")[2].partition("```")[0].splitlines()
    lines = [line.partition("  #")[0].strip() for line in shown if line.strip()]
    body = [line.strip() for line in EXAMPLE.partition("def test_")[2].splitlines()]
    start = body.index(lines[0])
    assert lines == body[start : start + len(lines)]


def test_the_first_screen_states_the_requirements() -> None:
    """The first screen says that no account, network or Docker is needed, and what the first set-up downloads."""
    assert "No account, no network, no Docker" in README[:1200]
    assert "The first set-up downloads the pinned packages" in README[:1200]
