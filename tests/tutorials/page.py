"""Reads the code blocks of a documentation page, as a reader would type them.

A block's language says what to do with it:

- `sh`: commands, run in order by one shell, as in one terminal.
- any language with `title="name"`: the content of the file `name`.
- any language after the comment `<!-- output -->`: what the commands before it print; `…` stands for any text.
- `text` and `mermaid`: nothing to run.

The comment `<!-- run: background -->` before an `sh` block marks a program for a second terminal, which runs until the
end of the page. `<!-- run: not, REASON -->` marks a block that a test cannot run.
"""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]

_FENCE: Final = re.compile(
    r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^\n`]*)\n(?P<content>.*?)^(?P=indent)(?P=ticks)$",
    re.MULTILINE | re.DOTALL,
)
_COMMENT: Final = re.compile(r"<!-- (output|run: [^>]+?) -->\s*\Z")
_TITLE: Final = re.compile(r'title="([^"]+)"')
_QUOTE: Final = re.compile(r'^( *)--8<-- "([^":]+)(?::([\w-]+))?"$', re.MULTILINE)
_MARKER: Final = re.compile(r"--8<-- \[(start|end):([\w-]+)\]")


@dataclass(frozen=True)
class Block:
    """A code block.

    Args:
        language: the first word after the fence, such as `sh`.
        title: the file to write, or None.
        mark: the comment before the block: `output`, `run: …`, or an empty string.
        content: the text, with quoted files in place.
        quotes: whether it quotes a file of the repository.
        line: the number of its first line in the page.
    """

    language: str
    title: str | None
    mark: str
    content: str
    quotes: bool
    line: int

    @property
    def reason(self) -> str | None:
        """Why a test cannot run the block; None if it can."""
        return self.mark.removeprefix("run: not, ") if self.mark.startswith("run: not, ") else None


def read_blocks(path: Path) -> list[Block]:
    """Return the code blocks of a page, in order."""
    text = path.read_text(encoding="utf-8")
    return [_block(found, text) for found in _FENCE.finditer(text)]


def _block(found: re.Match[str], text: str) -> Block:
    before = _COMMENT.search(text[: found.start()])
    title = _TITLE.search(found["info"])
    raw = textwrap.dedent(found["content"])
    return Block(
        language=(found["info"].split() or ["text"])[0],
        title=title[1] if title else None,
        mark=before[1] if before else "",
        content=_QUOTE.sub(lambda quote: textwrap.indent(_quoted(quote[2], quote[3]), quote[1]).rstrip("\n"), raw),
        quotes=_QUOTE.search(raw) is not None,
        line=text.count("\n", 0, found.start()) + 1,
    )


def _quoted(name: str, section: str | None) -> str:
    """Return a file or one of its sections, without the lines that mark sections."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    if section is not None:
        marks = {(mark[1], mark[2]): number for number, line in enumerate(lines) if (mark := _MARKER.search(line))}
        lines = lines[marks["start", section] + 1 : marks["end", section]]
    return textwrap.dedent("\n".join(line for line in lines if not _MARKER.search(line)))
