"""Markdown tables, and descriptions of JSON Schema types in words."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]

_LIMITS: Final = {
    "integer": ("minimum", "maximum", ""),
    "number": ("minimum", "maximum", ""),
    "string": ("minLength", "maxLength", " characters"),
    "array": ("minItems", "maxItems", " items"),
}
"""By type: the schema's names of its lower and upper limit, and their unit."""

_HEX: Final = {"^[0-9a-f]{32}$": "id (32 hex digits)", "^[0-9a-f]{64}$": "SHA-256 (64 hex digits)"}

_NUMBERS: Final = {(1 << 43) - 1: "time in ms"}
"""By upper limit: the one that only times have."""

_MAX_EXACT: Final = (1 << 53) - 1
"""The largest integer that every JSON library reads exactly: no limit that is worth showing."""


class UndescribedError(Exception):
    """Something in the code has no text in the documentation, or a text has nothing in the code."""


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; a `|` in a cell is escaped."""
    rows = list(rows)
    # A column without content is left out.
    kept = [index for index in range(len(columns)) if any(row[index] for row in rows)]
    columns, rows = [columns[index] for index in kept], [[row[index] for index in kept] for row in rows]
    lines = [columns, ["---"] * len(columns), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(value: object) -> str:
    """Return a value in code format, an empty string as a word, and a boolean as JSON."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list | tuple):
        return ", ".join(code(each) for each in value) or "none"
    return "empty" if value is None or value == "" else f"`{value}`"


def described(names: Iterable[str], texts: Mapping[str, str], what: str, where: str) -> dict[str, str]:
    """Return the text of each name, in the order of the names.

    Args:
        names: what the code has.
        texts: what the documentation says.
        what: the kind of thing, for the error.
        where: the Python variable to edit, for the error.

    Raises:
        UndescribedError: the names and the texts differ.
    """
    known = list(dict.fromkeys(names))
    missing, surplus = [name for name in known if name not in texts], sorted(set(texts) - set(known))
    if missing or surplus:
        raise UndescribedError(f"{what}: {where} lacks {missing} and has {surplus} that do not exist")
    return {name: texts[name] for name in known}


def one_line(text: str) -> str:
    """Return a docstring's text on one line."""
    return " ".join(text.split())


def anchor_of(title: str) -> str:
    """Return the anchor that the site gives a heading."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower())


def type_of(schema: Mapping[str, Any], definitions: Mapping[str, Any], links: Mapping[str, str] | None = None) -> str:
    """Describe a JSON Schema type in words, with its limits.

    Args:
        schema: the type.
        definitions: named types by name.
        links: how to show a named object, by name.
    """
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        found = definitions[name]
        return type_of(found, definitions, links) if "enum" in found else (links or {}).get(name, f"`{name}`")
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(type_of(each, definitions, links) for each in schema[several])
    if "const" in schema:
        return code(schema["const"])
    if "enum" in schema:
        return ", ".join(code(value) for value in schema["enum"])
    if (known := _HEX.get(schema.get("pattern", "")) or _NUMBERS.get(schema.get("maximum", 0))) is not None:
        return known
    name = schema.get("type", "any value")
    if name == "array" and "prefixItems" not in schema:
        name = f"list of {type_of(schema['items'], definitions, links)}"
    return f"{name}{_range(schema)}"


def _range(schema: Mapping[str, Any]) -> str:
    """Describe the limits of a type: ` from 0 to 60`, `, at most 256 characters`."""
    lowest, highest, unit = _LIMITS.get(schema.get("type", ""), ("", "", ""))
    low, high = schema.get(lowest), schema.get(highest)
    high = None if high == _MAX_EXACT else high
    if low is not None and high is not None:
        return f" from {low} to {high}" if not unit else f" of {low} to {high}{unit}"
    if low is not None:
        return f", at least {low}{unit if low != 1 else unit.removesuffix('s')}"
    return f", at most {high}{unit}" if high is not None else ""
