"""Routes are selected as by an HTTP API of API Gateway."""

import pytest

from tapedeck_standin.aws.template import Route
from tapedeck_standin.gateway.route_table import Match, RouteTable
from tests.client import TEMPLATE


def route(key: str) -> Route:
    """Return a route whose operation is its key."""
    method, _, path = key.partition(" ")
    return Route(method, path or None, "F", key) if path else Route("ANY", None, "F", key)


def find(keys: list[str], method: str, path: str) -> tuple[str, dict[str, str]] | None:
    """Return the key and the path parameters of the route that is selected."""
    match = RouteTable(map(route, keys)).find(method, path)
    return (match.route.operation, match.parameters) if match is not None else None


DOCUMENTED = ["GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", "$default"]
"""The routes of the example in AWS's documentation of HTTP APIs."""


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/pets/dog/1", ("GET /pets/dog/1", {})),
        ("GET", "/pets/dog/2", ("GET /pets/dog/{id}", {"id": "2"})),
        ("GET", "/pets/cat/1", ("GET /pets/{proxy+}", {"proxy": "cat/1"})),
        ("POST", "/test/5", ("ANY /{proxy+}", {"proxy": "test/5"})),
        ("POST", "/pets/dog/1", ("ANY /{proxy+}", {"proxy": "pets/dog/1"})),
        ("GET", "/", ("$default", {})),
    ],
)
def test_documented_example(method: str, path: str, expected: tuple[str, dict[str, str]]) -> None:
    """A full match comes before a greedy variable, the longest of those first, and `$default` comes last."""
    assert find(DOCUMENTED, method, path) == expected
    assert find(DOCUMENTED[::-1], method, path) == expected


def test_static_segments_come_first() -> None:
    """A static segment comes before a variable, also if the rest of the path has a variable only there (C-296)."""
    keys = ["GET /a/{x}/c", "GET /a/b/{y}", "ANY /a/b/c", "GET /{z}/b/c"]
    assert find(keys, "GET", "/a/b/c") == ("ANY /a/b/c", {})
    assert find(keys, "GET", "/a/b/d") == ("GET /a/b/{y}", {"y": "d"})
    assert find(keys, "GET", "/a/d/c") == ("GET /a/{x}/c", {"x": "d"})
    assert find(keys, "GET", "/d/b/c") == ("GET /{z}/b/c", {"z": "d"})
    assert find(keys, "GET", "/d/b/d") is None


@pytest.mark.parametrize("path", ["/a/", "/a//b", "/a", "/a/b/", "", "*"])
def test_a_variable_is_never_empty(path: str) -> None:
    """An empty segment is no value of a variable, and a slash at the end belongs to the path."""
    assert find(["GET /a/{x}", "GET /a/{x}/b"], "GET", path) is None


def test_head_is_a_method_of_its_own() -> None:
    """A route with GET does not answer HEAD; one with ANY does."""
    assert find(["GET /a", "$default"], "HEAD", "/a") == ("$default", {})
    assert find(["ANY /a", "$default"], "HEAD", "/a") == ("ANY /a", {})


def test_finds_each_route_of_the_template() -> None:
    """Each route of the template is found for a path of its shape, with the values of its parameters."""
    table = RouteTable(TEMPLATE.routes)
    for each in TEMPLATE.routes:
        if each.path is not None:
            named = {part[1:-1]: f"{number}%" for number, part in enumerate(each.path.split("/")) if part[:1] == "{"}
            assert table.find(each.method, each.path.format(**named)) == Match(each, named)
