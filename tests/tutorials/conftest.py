"""Fixture: the tools that a reader of the how-to guides has."""

from pathlib import Path

import pytest

from tests.tutorials.page import ROOT, read_blocks
from tests.tutorials.terminal import Terminal


@pytest.fixture(scope="session")
def installed_tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install Tapedeck as the first tutorial says, and return the folder of the tools."""
    folder = tmp_path_factory.mktemp("installed")
    empty, tools = folder / "empty", folder / "tools"
    empty.mkdir()
    tools.mkdir()
    install = next(iter(read_blocks(ROOT / "docs" / "tutorials" / "first-recording.md")))
    terminal = Terminal(empty, tools)
    try:
        terminal.type(install)
    finally:
        terminal.close()
    return tools
