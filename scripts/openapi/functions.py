"""Read what each function declares: its routes in the template, and its `@endpoint` decorator and docstring."""

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from tapedeck.dialects.dialect import Dialect
from tapedeck.dialects.forms.base import Form
from tapedeck.http.resource_path import PathAlias
from tapedeck.http.routes import SUFFIX
from tapedeck_standin.aws.template import Template

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Function:
    """A function with routes: what its decorator and its docstrings say.

    `summary` is the first line of the file, `returns` the docstring of the handler.
    """

    operation: str
    summary: str
    returns: str
    form: type[Form]
    path_alias: PathAlias | None
    audio_suffixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """A route of one dialect; the path has no suffix."""

    method: str
    path: str
    function: Function


@cache
def template() -> Template:
    """Return the project's template."""
    return Template.load(ROOT / "template.yaml")


@cache
def routes_of(dialect: Dialect) -> list[Route]:
    """Return the routes below a dialect's prefix, without those that the vendor does not offer.

    The template has routes for collections with and without `.json`; they are one route here.
    """
    prefix = f"{dialect.root}/Accounts"
    found = {
        (route.path.removesuffix(SUFFIX), route.method, route.operation)
        for route in template().routes
        if route.path is not None and route.path.startswith(prefix)
    }
    return [
        Route(method, path, read_function(operation))
        for path, method, operation in sorted(found)
        if operation not in dialect.unsupported_operations
    ]


def read_function(operation: str) -> Function:
    """Read one function's file without importing it: importing reads the environment."""
    tree = ast.parse((ROOT / "functions" / operation / "app.py").read_text(encoding="utf-8"))
    (handler,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "handler")
    (decorator,) = handler.decorator_list
    if not isinstance(decorator, ast.Call):
        raise TypeError(f"{operation}: the decorator of handler has no arguments")
    imported = dict(_imports(tree))
    keywords = {keyword.arg: keyword.value for keyword in decorator.keywords}
    alias, audio = keywords.get("path_alias"), keywords.get("audio_suffixes")
    return Function(
        operation,
        (ast.get_docstring(tree) or "").splitlines()[0],
        ast.get_docstring(handler) or "",
        _model_of(_resolve(decorator.args[1], imported)),
        ast.literal_eval(alias) if alias is not None else None,
        ast.literal_eval(audio) if audio is not None else (),
    )


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each imported name with its module."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from ((name.name, node.module) for name in node.names)


def _model_of(parameters: Any) -> type[Form]:  # noqa: ANN401 - a class
    """Return the Pydantic model of parameters, also of those that are read without it."""
    model: type[Form] = parameters.load_model() if hasattr(parameters, "load_model") else parameters
    return model


def _resolve(node: ast.expr, imported: dict[str, str]) -> Any:  # noqa: ANN401 - a class
    name = ast.unparse(node)
    return getattr(importlib.import_module(imported[name]), name)
