"""The commands of docs/how-to/invoke-a-function.md, typed as shown, print what the page shows."""

import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.sam.conftest import ROOT, SamLocal, type_command, typed_in_background, user_environment

PAGE: Final = ROOT / "docs" / "how-to" / "invoke-a-function.md"

PLACEHOLDERS: Final = {
    r'"X-Request-Id": "[0-9a-f]{32}"': '"X-Request-Id": "<request>"',
    r"\b(CA|RE)(?!01972b5)[0-9a-f]{32}": r"\1<new>",
    r"\w{3}, \d\d \w{3} 20(?!25)\d\d \d\d:\d\d:\d\d \+0000": "<now>",
}
"""What differs between runs; the sample data is of 2025, and its sids begin with 01972b5."""


class Block(NamedTuple):
    """A command of the page, and the output that the page shows for it; None if it shows none."""

    command: str
    output: str | None


def blocks_of(section: str) -> list[Block]:
    """Return the shell blocks of a section, each with the JSON or text block that follows it."""
    (content,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    found = re.findall(r"^```(\w+)\n(.*?)\n```$", content, re.MULTILINE | re.DOTALL)
    followers = [*found[1:], ("", "")]
    return [
        Block(text, following if kind in {"json", "text"} else None)
        for (language, text), (kind, following) in zip(found, followers, strict=True)
        if language == "shell"
    ]


def mask(text: str) -> str:
    """Replace what differs between runs."""
    for pattern, placeholder in PLACEHOLDERS.items():
        text = re.sub(pattern, placeholder, text)
    return text.strip()


def check(block: Block, environment: Mapping[str, str] | None = None) -> None:
    """Type the command of a block, and compare its output with the page's, if it shows one."""
    output = type_command(block.command, environment).output
    if block.output is not None:
        assert mask(output) == mask(block.output)


@pytest.mark.ci
def test_the_commands_of_make_replay_print_what_the_page_shows() -> None:
    """Each `make replay` command prints the shown answer or lines."""
    blocks = blocks_of("In this process")
    assert [block.command.partition("=")[0] for block in blocks] == ["make replay EVENT", "make replay EVENT"]
    for block in blocks:
        check(block)


@pytest.mark.ci
def test_the_commands_over_https_print_what_the_page_shows(tmp_path: Path) -> None:
    """`make serve` and the requests print what is shown; only the ports are free ones, by `PORT` and `HTTPS_PORT`."""
    serve, requests = blocks_of("Over HTTPS")
    port, https_port = _free_ports(2)
    environment = user_environment(PORT=str(port), HTTPS_PORT=str(https_port))
    log = tmp_path / "log"
    with typed_in_background(serve.command, lambda output: "TAPEDECK_READY" in output, log, environment):
        check(requests._replace(command=requests.command.replace(":3443", f":{https_port}")))


@pytest.mark.containers
@pytest.mark.timeout(900)
def test_the_commands_of_sam_local_print_what_the_page_shows(seeded: SamLocal, api: str) -> None:
    """Each command prints the shown answer; the fixtures type `make sam-local`, `start-api` and `sam-local-stop`."""
    blocks = blocks_of("In a container")
    by_fixtures = [
        "make sam-local",
        f".venv/bin/sam local start-api --port {api.rpartition(':')[2]}",
        "make sam-local-stop",
    ]
    assert [block.command for block in blocks if block.command in by_fixtures] == by_fixtures
    assert set(by_fixtures[1:]) <= set(seeded.printed)
    for block in blocks:
        if block.command not in by_fixtures:
            check(block)


def test_the_page_shows_each_way() -> None:
    """The page has commands for each way, and outputs for all that print an answer."""
    shown = {section: len(blocks_of(section)) for section in ("In this process", "In a container", "Over HTTPS")}
    assert shown == {"In this process": 2, "In a container": 7, "Over HTTPS": 2}


def _free_ports(number: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports
