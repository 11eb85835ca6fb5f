"""Whole responses from `examples/`, which tests accept, change, or expect from the API."""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.wire.facts import DIALECTS, DialectName, load, parse_yaml
from tests.wire.pages import EMPTY_LIST, LIST_OF
from tests.wire.requests import find_request
from tests.wire.validator import check_response

EXAMPLES: Final = Path(__file__).resolve().parent / "examples"


@dataclass
class Sample:
    """A response and its request, which a test may change before it is checked."""

    method: str
    path: str
    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Check it as if a test had received it."""
        body = self.body if isinstance(self.body, str | bytes) else json.dumps(self.body)
        check_response(self.method, self.path, self.status, self.headers, body)

    @property
    def body_name(self) -> str | None:
        """The name of the body of a success; None for a page and an error."""
        operation = find_request(self.method, self.path.partition("?")[0]).operation
        name = operation.answers.success.get(self.status) if operation is not None else None
        return None if name is None or name.startswith((LIST_OF, EMPTY_LIST)) else name


@cache
def _read(dialect: DialectName) -> dict[str, dict[str, Any]]:
    text = (EXAMPLES / f"{dialect}.yaml").read_text(encoding="utf-8")
    read: dict[str, dict[str, Any]] = parse_yaml(text)
    return read


def names() -> list[tuple[DialectName, str]]:
    """Return the dialect and the name of every example."""
    return [(dialect, name) for dialect in DIALECTS for name in _read(dialect)]


def example(dialect: DialectName, name: str) -> Sample:
    """Return an example with the headers of its response."""
    row = _read(dialect)[name]
    method, path = row["request"].split()
    return make(dialect, method, path, row["status"], json.loads(json.dumps(row["body"])))


def make(dialect: DialectName, method: str, path: str, status: int, body: Any) -> Sample:
    """Return a response with the headers that the API sends."""
    formats = load().formats
    headers = {"X-Request-Id": "7f0c", **formats.headers["json"]}
    if status in {408, 503}:
        headers |= formats.headers["repeatable"]
    if status == 401:
        headers["WWW-Authenticate"] = f'Basic realm="{formats.dialects[dialect].realm}"'
    return Sample(method, path, status, body, headers)


@cache
def _first_with(dialect: DialectName, body: str) -> str:
    return next(name for of, name in names() if of == dialect and example(dialect, name).body_name == body)


def example_of(dialect: DialectName, body: str) -> Sample:
    """Return the first example with this body."""
    return example(dialect, _first_with(dialect, body))
