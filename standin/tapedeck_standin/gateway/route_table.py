"""Find the route of a request among those of the template, as an HTTP API of API Gateway does."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from tapedeck_standin.aws.template import Route

ANY: Final = "ANY"

_DEFAULT: Final = "$default"


@dataclass(frozen=True, slots=True)
class Match:
    """A route and the values of its path parameters."""

    route: Route
    parameters: dict[str, str]


@dataclass(slots=True)
class _Node:
    """The routes that have the same shape up to a segment, and those that go on from there."""

    routes: dict[str, Route] = field(default_factory=dict)
    greedy: dict[str, Route] = field(default_factory=dict)
    static: dict[str, "_Node"] = field(default_factory=dict)
    variable: "_Node | None" = None


class RouteTable:
    """The routes of an API, to find the most specific one for a request (C-296).

    Args:
        routes: the template's routes; one of them is `$default`.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        self._default: Route | None = None
        for route in routes:
            if route.path is None or route.path == _DEFAULT:
                self._default = route
            else:
                self._add(route, route.path)

    def find(self, method: str, path: str) -> Match | None:
        """Return the route for a decoded path, that of `$default` if no other has it, or None if there is none."""
        segments = path.split("/")[1:]
        found = _find(self._root, method, segments, 0) or _find_greedy(self._root, method, segments)
        if found is not None:
            return Match(found, _parameters(found, segments))
        return Match(self._default, {}) if self._default is not None else None

    def _add(self, route: Route, path: str) -> None:
        node = self._root
        for segment in path.split("/")[1:]:
            if segment.endswith("+}"):
                node.greedy[route.method] = route
                return
            if segment.startswith("{"):
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.static.setdefault(segment, _Node())
        node.routes[route.method] = route


def _find(node: _Node, method: str, segments: list[str], at: int) -> Route | None:
    """Find a route of the whole path; a static segment comes before a variable."""
    if at == len(segments):
        return node.routes.get(method) or node.routes.get(ANY)
    segment = segments[at]
    following = node.static.get(segment)
    found = _find(following, method, segments, at + 1) if following is not None else None
    if found is None and node.variable is not None and segment:
        found = _find(node.variable, method, segments, at + 1)
    return found


def _find_greedy(node: _Node, method: str, segments: list[str], at: int = 0) -> Route | None:
    """Find a route that ends in a greedy variable; the longest beginning first."""
    if at == len(segments):
        return None
    following = node.static.get(segments[at])
    found = _find_greedy(following, method, segments, at + 1) if following is not None else None
    if found is None and node.variable is not None and segments[at]:
        found = _find_greedy(node.variable, method, segments, at + 1)
    if found is None and "/".join(segments[at:]):
        found = node.greedy.get(method) or node.greedy.get(ANY)
    return found


def _parameters(route: Route, segments: list[str]) -> dict[str, str]:
    parameters = {}
    for at, segment in enumerate((route.path or "").split("/")[1:]):
        if segment.endswith("+}"):
            parameters[segment[1:-2]] = "/".join(segments[at:])
        elif segment.startswith("{"):
            parameters[segment[1:-1]] = segments[at]
    return parameters
