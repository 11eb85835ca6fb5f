"""The terminal that types pages notices what does not work."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tutorials import terminal as terminal_module
from tests.tutorials.page import Block, read_blocks
from tests.tutorials.terminal import Mistyped, Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A terminal in an empty folder."""
    for name in ("empty", "tools"):
        (tmp_path / name).mkdir()
    terminal = Terminal(tmp_path / "empty", tmp_path / "tools")
    yield terminal
    terminal.close()


def _block(content: str, mark: str = "", title: str | None = None) -> Block:
    return Block("sh", title, mark, content, quotes=False, line=1)


def test_commands_share_a_shell_and_a_folder(terminal: Terminal) -> None:
    """Variables and files of one block are there in the next."""
    terminal.type(_block("hello\n", title="greeting.txt"))
    terminal.type(_block("NAME=world\n"))
    terminal.type(_block('cat greeting.txt; echo "$NAME"\n'))
    terminal.type(_block("hello\nw…d\n", mark="output"))


@pytest.mark.parametrize("command", ["false\n", "false\ntrue\n", "no-such-program\n", "exit 3\n"])
def test_a_failing_command_is_noticed(terminal: Terminal, command: str) -> None:
    """A block fails with its first command that fails."""
    with pytest.raises(Mistyped, match="line 1"):
        terminal.type(_block(command))


def test_another_output_is_noticed(terminal: Terminal) -> None:
    """An output that the page does not show fails."""
    terminal.type(_block("echo one\n"))
    with pytest.raises(Mistyped, match="the page shows\ntwo\nbut the commands print\none"):
        terminal.type(_block("two\n", mark="output"))


def test_a_background_program_that_ends_is_noticed(terminal: Terminal) -> None:
    """A server that does not start fails, with its output."""
    with pytest.raises(Mistyped, match="no free port"):
        terminal.type(_block("echo no free port; : tapedeck serve; exit 1\n", mark="run: background"))


def test_blocks_are_read_with_their_marks(tmp_path: Path) -> None:
    """A block has its language, title, mark and content; an indented one is read like any other."""
    page = tmp_path / "page.md"
    page.write_text(
        'Text.\n\n```python title="a.py"\nx = 1\n```\n\n'
        "1. Step\n\n    <!-- run: not, AWS -->\n    ```sh\n    sam build\n    ```\n",
        encoding="utf-8",
    )
    assert read_blocks(page) == [
        Block("python", "a.py", "", "x = 1\n", quotes=False, line=3),
        Block("sh", None, "run: not, AWS", "sam build\n", quotes=False, line=10),
    ]
    assert read_blocks(page)[1].reason == "AWS"


def test_ports_are_replaced_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new port that begins with the digits of another port of the page is not replaced again."""
    monkeypatch.setattr(terminal_module, "_free_ports", lambda: (34_431, 40_000))
    terminal = Terminal(tmp_path, tmp_path)
    terminal.type(_block("localhost:3000 127.0.0.1:3000 localhost:3443 localhost:30001\n", title="ports.txt"))
    terminal.close()
    expected = "localhost:34431 127.0.0.1:34431 localhost:40000 localhost:30001\n"
    assert (tmp_path / "ports.txt").read_text(encoding="utf-8") == expected
