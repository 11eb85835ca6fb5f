"""The field's own words: banned identifiers and words, unique class names, and citations that resolve.

`BANNED_IDENTIFIERS` and `BANNED_WORDS` list what the code base once used instead of standard terms.
"""

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.client import ROOT
from tests.conventions.sources import FUNCTIONS, Module, files, modules

BANNED_IDENTIFIERS: Final = frozenset({
    "ask", "asks", "asked", "asking", "tell", "tells", "told", "telling", "tellings", "hear", "hears", "heard",
    "hearing", "owe", "owes", "owed", "owing", "stands", "standing", "chance", "whose", "whoever", "whatever",
    "nobody", "somebody", "anybody", "everybody", "hub", "office", "desk", "books", "courier", "ledger", "wish",
    "studio", "longest", "furthest", "outlets", "sweep", "steady",
})  # fmt: skip
"""No part of an identifier, in snake case or camel case, is one of these."""

BANNED_WORDS: Final = re.compile(
    r"\b(tell|tells|telling|told|hear|hears|hearing|heard|owe|owes|owed|owing|ask|asks|asked|asking|whoever|whatever|"
    r"nobody|somebody|anybody|everybody|(come|comes|came)\s+to\s+nothing|mend|mends|mended)\b",
    re.IGNORECASE,
)

STORED_NAME: Final = re.compile(r"^\| `[a-z_]+` \||\"#\w+\": \"[a-z_]+\"", re.MULTILINE)
"""The first cell of a row in `docs/reference/table-design.md`, and an attribute name of a `scan` in a command.

Existing items have these names, banned or not.
"""

CITED: Final = re.compile(r"[\w./-]+\.(?:md|rst|tsv)\b")

SAME_NAME: Final[dict[str, str]] = {}
"""Class names that may occur twice in layer and stand-in, each with its reason."""

FOLDERS: Final = (
    "layers/shared/tapedeck", "engine", "standin/tapedeck_standin", "packages", "plugins", "scripts", "benchmarks",
    "examples", "tests",
)  # fmt: skip


@cache
def code() -> tuple[Module, ...]:
    """Return the Python files of the project, except for this one, which names the banned words."""
    below = (each for folder in FOLDERS for each in modules(ROOT / folder) if each.path != Path(__file__))
    return (*map(Module, FUNCTIONS), *below)


def texts() -> list[Path]:
    """Return the files other than Python's."""
    return [
        path
        for path in files()
        if path.suffix in {".md", ".mk", ".yaml", ".yml", ".json", ".toml", ".in", ".sh", ".mjs", ""}
        and path != ROOT / "LICENSE"
        and path.name != "package-lock.json"
    ]


@cache
def _text(module: Module) -> str:
    return module.path.read_text(encoding="utf-8")


def _code_with(pattern: re.Pattern[str]) -> list[Module]:
    """Return the files whose text contains a match; only these are read token by token."""
    return [module for module in code() if pattern.search(_text(module))]


@cache
def _prose(module: Module) -> tuple[tuple[int, str], ...]:
    """The docstrings and comments of a file, each with its line."""
    found = [
        (node.lineno, node.value.value)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    ]
    tokens = tokenize.generate_tokens(io.StringIO(_text(module)).readline)
    found += [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]
    return tuple(found)


def _bound(module: Module) -> Iterator[str]:
    """Every name that a file binds: classes, functions, parameters, variables, attributes."""
    for node in ast.walk(module.tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.keyword(arg=str(name)) | ast.ExceptHandler(name=str(name)):
                yield name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield name
            case ast.MatchClass(kwd_attrs=names):
                yield from names
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.ImportFrom(names=names) | ast.Import(names=names):
                yield from (each.asname or each.name for each in names)


def _messages(module: Module) -> Iterator[tuple[int, str]]:
    """Every string with a space, and every part of an f-string: messages of errors, logs and commands."""
    documentation = {id(node.value) for node in ast.walk(module.tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(module.tree):
        match node:
            case ast.JoinedStr(values=parts):
                yield from ((node.lineno, str(part.value)) for part in parts if isinstance(part, ast.Constant))
            case ast.Constant(value=str(text)) if id(node) not in documentation and " " in " ".join(text.split()):
                yield node.lineno, text


def _parts(name: str) -> set[str]:
    """The words of an identifier, in lower case: `_AskedOf_it` has `asked`, `of` and `it`."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


@cache
def is_banned_identifier(name: str) -> bool:
    """Whether a name contains a banned word."""
    return bool(_parts(name) & BANNED_IDENTIFIERS)


def banned_identifiers(module: Module) -> set[str]:
    """The names of a file that contain a banned word."""
    return {name for name in _bound(module) if is_banned_identifier(name)}


def banned_words(text: str) -> list[str]:
    """The banned words of a docstring or comment."""
    return [match[0] for match in BANNED_WORDS.finditer(STORED_NAME.sub("", text))]


def test_identifiers_are_standard_terms() -> None:
    """No class, function, parameter, variable or attribute is named with a banned word."""
    suspects = [each for each in code() if any(map(is_banned_identifier, set(re.findall(r"\w+", _text(each)))))]
    found = {str(module): banned_identifiers(module) for module in suspects}
    assert {name: banned for name, banned in found.items() if banned} == {}


def test_docstrings_and_comments_are_plain() -> None:
    """No docstring or comment contains a banned word."""
    found = [(module, line, banned_words(text)) for module in _code_with(BANNED_WORDS) for line, text in _prose(module)]
    assert [f"{module}:{line}: {words}" for module, line, words in found if words] == []


def test_messages_are_plain() -> None:
    """No message of an error, a log or a command contains a banned word."""
    found = [
        (module, line, banned_words(text)) for module in _code_with(BANNED_WORDS) for line, text in _messages(module)
    ]
    assert [f"{module}:{line}: {words}" for module, line, words in found if words] == []


def test_other_files_are_plain() -> None:
    """No banned word occurs in documentation, templates, Makefiles, scripts and event files, or in a file's name."""
    found = {
        str(path.relative_to(ROOT)): [
            *banned_words(path.read_text(encoding="utf-8")), *sorted(_parts(path.stem) & BANNED_IDENTIFIERS),
        ]
        for path in texts()
    }  # fmt: skip
    assert {name: banned for name, banned in found.items() if banned} == {}


def test_cited_documents_exist() -> None:
    """Every document that a docstring or comment names is in the repository."""
    cited = {
        (str(module), name)
        for module in _code_with(CITED)
        for _, text in _prose(module)
        for name in CITED.findall(text)
    }
    assert sorted((module, name) for module, name in cited if not (ROOT / name).exists()) == []


def test_no_class_name_occurs_twice() -> None:
    """Each class name of the layer and the stand-in has one meaning."""
    places = defaultdict(list)
    for module in code():
        if str(module).startswith(("layers/", "standin/", "packages/")):
            for node in ast.walk(module.tree):
                if isinstance(node, ast.ClassDef):
                    places[node.name].append(str(module))
    assert {name: found for name, found in places.items() if len(found) > 1 and name not in SAME_NAME} == {}


@pytest.mark.parametrize(
    "statement",
    [
        "def {}_of(): ...", "async def {}_of(): ...", "class {}Thing: ...", "def f({}): ...", "def f(*{}): ...",
        "lambda {}: 0", "{} = 1", "{}: int", "it.{} = 1", "f({}=1)", "import x as {}", "from x import {}",
        "for {} in (): ...", "with x as {}: ...", "try: ...\nexcept E as {}: ...", "({} := 1)",
        "match x:\n case {}: ...", "match x:\n case [*{}]: ...", "match x:\n case {{**{}}}: ...",
        "match x:\n case A({}=1): ...", "match x:\n case 1 as {}: ...", "[0 for {} in ()]",
    ],
)  # fmt: skip
def test_a_banned_identifier_is_noticed(statement: str) -> None:
    """Every statement that binds a banned name, or passes a keyword argument of that name, fails the check."""
    for name in BANNED_IDENTIFIERS:
        found = banned_identifiers(Module(ROOT / "x.py", ast.parse(statement.format(name))))
        assert [each.lower() for each in found if name in each.lower()] != [], name


@pytest.mark.parametrize(
    "word", ["told", "Whoever", "nobody", "asks", "comes to nothing", "came\nto nothing", "mended", "owes", "hears"]
)
def test_a_banned_word_is_noticed(word: str) -> None:
    """A text with a banned word fails the check."""
    assert banned_words(f"This is what {word} means.") == [word]


@pytest.mark.parametrize(
    "source",
    [
        "log('the queue was told')", "log(f'{x} was told')", "log(f'told: {x}')", "log(f'{x} told {y}')",
        "raise E('nobody was told')", "d = {'who was told': 1}",
        "X = 1\n'It was told.'", 'def f():\n    """It was told."""', "x = 1  # was told",
    ],
)  # fmt: skip
def test_a_banned_word_in_a_file_is_noticed(tmp_path: Path, source: str) -> None:
    """Docstrings, comments and messages are checked."""
    path = tmp_path / "x.py"
    path.write_text(source)
    module = Module(path, ast.parse(source))
    assert "told" in [word for _, text in [*_prose(module), *_messages(module)] for word in banned_words(text)]
