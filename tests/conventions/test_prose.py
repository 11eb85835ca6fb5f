"""Tests that the README and the documentation are short and plain."""

import pytest

from scripts.measure_prose import Prose, long_lines, measure, pages
from tests.client import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_is_short() -> None:
    """The README has at most 120 lines."""
    assert len(README.splitlines()) <= 120


def test_no_line_is_long() -> None:
    """No line of prose in the README or the documentation has more than 200 characters."""
    found = {
        str(path.relative_to(ROOT)): long_lines(path.read_text(encoding="utf-8"))
        for path in (ROOT / "README.md", *pages())
    }
    assert {path: numbers for path, numbers in found.items() if numbers} == {}


def test_sentences_are_short() -> None:
    """A sentence has at most 15 words on average, in the README and in the documentation."""
    documented = sum((measure(path.read_text(encoding="utf-8")) for path in pages()), Prose(0, 0))
    assert documented.sentences > 100
    assert max(measure(README).average, documented.average) <= 15


@pytest.mark.parametrize(
    ("text", "sentences", "words"),
    [
        ("One two three. Four five six!", 2, 6),
        ("One two\nthree four.", 1, 4),
        ("- one two\n- three\n  four", 2, 4),
        ("1. One two.\n2. Three.", 2, 3),
        ("# A heading\n\nOne two.", 1, 2),
        ("| a | table |\n| --- | --- |\n| of | words |", 0, 0),
        ("```python\nx = 1. Y\n```\n\nOne.", 1, 1),
        ("    indented code. Here.\n\nOne.", 1, 1),
        ("!!! note\n    One two. Three.", 2, 3),
        ('=== "Python"\n\n    One two.\n\n    ```sh\n    make. Test.\n    ```', 1, 2),
        ("Call `make test now` once.", 1, 3),
        ("See [the page](a/b.md) here.", 1, 4),
        ("<!-- a comment. With words. -->\n\nOne.", 1, 1),
        ("Version 3.11 or later.", 1, 4),
        ("An e.g. inside. A second one.", 2, 6),
        ("One two: three four; five.", 1, 5),
    ],
)
def test_sentences_and_words_are_counted(text: str, sentences: int, words: int) -> None:
    """Headings, tables, code and comments do not count; each list item is at least one sentence."""
    assert measure(text) == Prose(sentences, words)


def test_a_long_line_is_noticed() -> None:
    """A line of prose with 201 characters is found by its number; long tables and code are allowed."""
    assert long_lines("short\n\n" + "x" * 201) == [3]
    assert long_lines("x" * 200 + f"\n\n| {'x' * 300} |\n\n```\n{'x' * 300}\n```") == []
