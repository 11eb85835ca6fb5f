"""Every page of the tutorials and the how-to guides works as typed, in an empty folder."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.tutorials.page import ROOT, Block, read_blocks
from tests.tutorials.terminal import Terminal

TYPED_ELSEWHERE: Final = {"invoke-a-function.md"}
"""Pages that another test types: tests/sam/test_page.py."""

PAGES: Final = (
    ROOT / "plugins" / "pytest-tapedeck" / "README.md",
    *sorted((ROOT / "docs" / "tutorials").glob("*.md")),
    *sorted(path for path in (ROOT / "docs" / "how-to").glob("*.md") if path.name not in TYPED_ELSEWHERE),
)
TYPED: Final = [
    page for page in PAGES if any(block.language == "sh" and not block.reason for block in read_blocks(page))
]
OPERATORS_PAGE: Final = ROOT / "docs" / "reference" / "metrics-and-alarms.md"
"""A reference page with commands for AWS."""

REASONS: Final = {"AWS", "Docker", "root", "GitHub", "a checkout to change"}
"""Why a test cannot run a block; what it names of the template is checked instead."""


def page_name(page: Path) -> str:
    """Return the path of a page in the repository."""
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", TYPED, ids=page_name)
def test_a_page_works_as_typed(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Each command of the page succeeds and prints what the page shows.

    The reader has an empty folder and uv, for a how-to guide also the command `tapedeck`.
    """
    folder, tools = tmp_path / "empty", tmp_path / "tools"
    folder.mkdir()
    if page.parent.name == "how-to":
        tools = request.getfixturevalue("installed_tools")
    else:
        tools.mkdir()
    terminal = Terminal(folder, tools)
    try:
        for block in read_blocks(page):
            if block.reason is None:
                terminal.type(block)
    finally:
        terminal.close()


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_block_is_run_or_says_why_not(page: Path) -> None:
    """A block is run, written to a file, compared with an output, or quoted from a file, or the page says why not."""
    unknown = [(block.line, block.mark) for block in read_blocks(page) if not _is_accounted_for(block)]
    assert unknown == []


def _is_accounted_for(block: Block) -> bool:
    if block.mark:
        return block.mark in {"output", "run: background"} or block.reason in REASONS
    return block.language in {"sh", "text", "mermaid"} or block.title is not None or block.quotes


@pytest.mark.parametrize("page", [*PAGES, OPERATORS_PAGE], ids=page_name)
def test_names_of_the_template_exist(page: Path) -> None:
    """Functions, parameters, outputs and queues of the stack that a page names are in the template."""
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    defined = set(re.findall(r"^  (\w+):$", template, re.MULTILINE))
    text = page.read_text(encoding="utf-8")
    commands = "\n".join(block.content for block in read_blocks(page) if block.reason == "AWS")
    named = set(re.findall(r"sam remote invoke (\w+)", commands)) | set(re.findall(r"(\w+)=", _parameters(commands)))
    named |= set(re.findall(r"(?:--name|--logical-resource-id) ([A-Z]\w+)", commands))
    named |= {name for names in re.findall(r"contains\('([\w ]+)'", commands) for name in names.split()}
    named |= set(re.findall(r"OutputKey=='(\w+)'", commands))
    named |= set(re.findall(r"`([A-Z]\w+(?:Alarm|Function|Queue|Bucket|Table|Policy|Mapping|Url|Arn))`", text))
    assert sorted(named - defined) == []
    # The queues of engines are created by functions.
    queues = set(re.findall(r"--queue-name tapedeck(-(?!engine-)[\w.-]+)", commands))
    assert sorted(queues - set(re.findall(r"QueueName: !Sub \"\$\{AWS::StackName\}(-[\w.-]+)\"", template))) == []


def _parameters(commands: str) -> str:
    return " ".join(re.findall(r"--parameter-overrides ([^\n]*)", commands))
