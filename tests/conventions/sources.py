"""The project's source files, for the tests of conventions."""

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tests.client import ROOT

LAYER: Final = ROOT / "layers" / "shared"
PACKAGE: Final = LAYER / "tapedeck"
DYNAMODB_MEMORY: Final = ROOT / "packages" / "dynamodb-memory"
PROTOCOL: Final = ROOT / "engine" / "protocol" / "tapedeck_protocol"
CALLFLOW: Final = ROOT / "engine" / "callflow" / "tapedeck_callflow"
STANDIN: Final = ROOT / "standin" / "tapedeck_standin"
FUNCTIONS: Final = sorted((ROOT / "functions").glob("*/app.py"))
OPERATIONS: Final = [path.parent.name for path in FUNCTIONS]

_GENERATED: Final = frozenset({"node_modules", "__pycache__", "build", "dist"})
_HIDDEN: Final = frozenset({".ci", ".github"})
"""Hidden folders that belong to the project."""


@dataclass(frozen=True)
class Module:
    """A Python file: its path and its syntax tree, which is parsed at its first use unless it is given."""

    path: Path
    given: ast.Module | None = None

    @property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return _parse(self.path) if self.given is None else self.given

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    def imports(self) -> Iterator[str]:
        """Yield each imported name with its module: `tapedeck.bootstrap.http.endpoint`, `os`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    def words(self) -> Iterator[str]:
        """Yield every identifier and every string except docstrings."""
        documentation = {
            id(node.value) for node in ast.walk(self.tree) if isinstance(node, ast.Expr)
        }  # an expression statement is documentation
        for node in ast.walk(self.tree):
            match node:
                case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.alias(name=name):
                    yield name
                case ast.keyword(arg=str(name)):
                    yield name
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    yield name
                case ast.Constant(value=str(text)) if id(node) not in documentation:
                    yield text


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def modules(folder: Path) -> list[Module]:
    """Return all Python files below a folder."""
    return [Module(path) for path in sorted(folder.rglob("*.py")) if not _GENERATED & set(path.parts)]


@cache
def files() -> tuple[Path, ...]:
    """Return all files of the project except generated ones."""
    found: list[Path] = []
    for folder, below, names in os.walk(ROOT):
        below[:] = [name for name in below if name not in _GENERATED and (name in _HIDDEN or not name.startswith("."))]
        found += [Path(folder, name) for name in names]
    return tuple(sorted(found))
