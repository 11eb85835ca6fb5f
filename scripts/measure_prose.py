"""Measure the prose of the README and of the documentation: lines, and words per sentence.

Usage: python -m scripts.measure_prose

Prints the figures and every line that is too long; exits with 1 if a limit is exceeded. Code, tables, headings, HTML
comments and markers of admonitions and tabs are no prose. A list item is at least one sentence.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]

MAX_README_LINES: Final = 120
MAX_LINE_CHARACTERS: Final = 200
MAX_AVERAGE_WORDS: Final = 15

_FENCE: Final = re.compile(r"^\s*(`{3,}|~{3,})")
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_CONTAINER: Final = re.compile(r"^\s*(!!!|\?\?\?\+?|===)\s")
_ITEM: Final = re.compile(r"^\s*(?:[-*+]|\d+\.)\s+")
_NO_PROSE: Final = re.compile(r"^\s*(\||#|<|\[[^\]]+\]:\s|---+\s*$|--8<--)")
_INLINE_CODE: Final = re.compile(r"(`+).+?\1")
_LINK: Final = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
_SENTENCE_END: Final = re.compile(r"[.!?][)\"'*_]*(?=\s+[^a-z\s]|\s*$)")
_ABBREVIATION: Final = re.compile(r"\b(e\.g|i\.e|etc|vs)\.")
_WORD: Final = re.compile(r"\w[\w'\u2019/.:+-]*")


@dataclass(frozen=True, slots=True)
class Prose:
    """The measures of one or more files."""

    sentences: int
    words: int

    @property
    def average(self) -> float:
        """Words per sentence."""
        return self.words / self.sentences if self.sentences else 0

    def __add__(self, other: "Prose") -> "Prose":
        return Prose(self.sentences + other.sentences, self.words + other.words)


def prose_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of prose with their numbers; an empty string ends a paragraph."""
    text = _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text)
    fence = ""
    inside_container = False
    was_blank = True
    for number, line in enumerate(text.splitlines(), 1):
        opened = _FENCE.match(line)
        if fence or opened:
            if opened and not fence:
                fence = opened[1]
            elif opened and line.strip() == fence:
                fence = ""
            yield number, ""
        elif _CONTAINER.match(line):
            inside_container = True
            yield number, ""
        elif not line.strip() or _NO_PROSE.match(line):
            yield number, ""
        elif line.startswith("    ") and was_blank and not inside_container:
            yield number, ""  # indented code
            continue
        else:
            inside_container = (inside_container and line.startswith("    ")) or bool(_ITEM.match(line))
            yield number, line
        was_blank = not line.strip()


def paragraphs(text: str) -> Iterator[str]:
    """Yield each paragraph and each list item."""
    current: list[str] = []
    for _, line in prose_lines(text):
        if (not line or _ITEM.match(line)) and current:
            yield " ".join(current)
            current = []
        if line:
            current.append(_ITEM.sub("", line, count=1).strip())
    if current:
        yield " ".join(current)


def measure(text: str) -> Prose:
    """Count the sentences and words of a Markdown text; code in a sentence counts as one word."""
    total = Prose(0, 0)
    for paragraph in paragraphs(text):
        plain = _INLINE_CODE.sub("Code", _LINK.sub(r"\1", paragraph))
        plain = _ABBREVIATION.sub(r"\1", plain)
        ends = list(_SENTENCE_END.finditer(plain))
        # A rest without a full stop, such as a list item, is a sentence.
        rest = plain[ends[-1].end() :] if ends else plain
        total += Prose(len(ends) + bool(_WORD.search(rest)), len(_WORD.findall(plain)))
    return total


def long_lines(text: str) -> list[int]:
    """Return the numbers of the lines of prose with too many characters."""
    return [number for number, line in prose_lines(text) if len(line) > MAX_LINE_CHARACTERS]


def pages(root: Path = ROOT) -> list[Path]:
    """Return the Markdown files of the documentation."""
    return sorted((root / "docs").rglob("*.md"))


def main() -> int:
    """Print the figures. Return the exit code."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    lines = len(text.splitlines())
    measured = measure(text)
    documented = sum((measure(path.read_text(encoding="utf-8")) for path in pages()), Prose(0, 0))
    print(f"README.md: {lines} lines, {measured.average:.1f} words per sentence in {measured.sentences} sentences")
    print(
        f"docs/: {len(pages())} pages, {documented.average:.1f} words per sentence in {documented.sentences} sentences"
    )
    too_long = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in (readme, *pages())
        for number in long_lines(path.read_text(encoding="utf-8"))
    ]
    for place in too_long:
        print(f"{place}: more than {MAX_LINE_CHARACTERS} characters")
    is_within_limits = max(measured.average, documented.average) <= MAX_AVERAGE_WORDS and lines <= MAX_README_LINES
    return 0 if is_within_limits and not too_long else 1


if __name__ == "__main__":
    sys.exit(main())
