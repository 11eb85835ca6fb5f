"""The log of API requests: each with its operation, parameters and outcome."""

import json
import re
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from typing import Any, Final
from urllib.parse import parse_qsl

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import parse_any_sid
from tapedeck.http.routes import collapse_slashes, is_list_of_accounts, split
from tapedeck_standin.aws.template import Route
from tapedeck_standin.clock import format_time
from tapedeck_standin.http.messages import ServerRequest
from tapedeck_standin.journals import AccountJournal

MAX_COMPARED_CHARACTERS: Final = 300
"""Characters of a path that are compared with the routes, which are shorter."""

_SID: Final = re.compile(r"\A(?:[A-Z]{2}[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\b")
_VARIABLE: Final = re.compile(r"\A\{\w+\}")
_PLACEHOLDER: Final = "{}"

_CONTROL_ROUTES: Final = {
    "Accounts": "POST /_standin/accounts",
    "Conferences": "POST /_standin/conferences",
    f"Conferences/{_PLACEHOLDER}/Recordings": "POST /_standin/conferences/{sid}/recordings",
}
"""What the control API can create and the vendors' API of this project cannot, by the path below the account."""

Fields = dict[str, str | list[str]]
"""Parameters by name; a list for a repeated name."""


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A request and the outcome.

    `at`: time of arrival, milliseconds since the epoch.
    `operation`: name of the function of the route; None without a route.
    `status`: None if the connection was closed without a response.
    `code`: the vendor's error code.
    `parameter`: the invalid parameter, if one caused the error.
    `reason`: what is wrong with the parameter, the body or the state.
    `nearest`: for a request without a route, the most similar route, or the route of the control API to use instead.
    """

    id: str
    at: int
    method: str
    path: str
    operation: str | None
    fields: Fields
    status: int | None
    code: int | None
    parameter: str | None
    reason: str | None
    milliseconds: int
    nearest: str | None

    def body(self) -> dict[str, Any]:
        """Return the JSON representation."""
        return {**asdict(self), "at": format_time(self.at)}


class ApiRequestLog:
    """The latest requests of all accounts. Thread-safe."""

    def __init__(self) -> None:
        self._requests = AccountJournal[LoggedRequest]()

    def append(self, account: str, entry: LoggedRequest) -> None:
        """Append a request of this account."""
        self._requests.append(account, entry)

    def of(self, account: str) -> list[dict[str, Any]]:
        """Return an account's requests in the order of their responses."""
        return [entry.body() for entry in self._requests.of(account)]

    def forget(self, account: str) -> None:
        """Delete the requests of this account."""
        self._requests.forget(account)


class RouteSuggester:
    """Suggests a route for a request that matches none.

    Args:
        routes: the template's routes.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(route, _outline(route.path)) for route in routes if route.path is not None]

    def nearest(self, method: str, path: str) -> str:
        """Return the most similar route in API Gateway's notation, such as `GET /path/{Variable}`.

        What only the control API can create has the route of the control API (C-333).
        """
        if method == "POST" and (instead := _control_route(path)) is not None:
            return instead
        matcher = SequenceMatcher(autojunk=False)
        # SequenceMatcher caches its analysis of the second sequence.
        matcher.set_seq2(_outline(path[:MAX_COMPARED_CHARACTERS]))

        def similarity(known: tuple[Route, str]) -> tuple[float, bool]:
            route, outline = known
            matcher.set_seq1(outline)
            return matcher.ratio(), route.method == method

        return max(self._routes, key=similarity)[0].key


def accounts_of(request: ServerRequest) -> list[str]:
    """Return the accounts that the path and the credentials name, in this order, as 32 hex digits."""
    parts = split(collapse_slashes(request.path))
    named = parse_any_sid(ResourceType.ACCOUNT, parts[0]) if parts is not None else None
    return [account for account in (named, _user_of(request)) if account is not None]


def _user_of(request: ServerRequest) -> str | None:
    scheme, _, encoded = (request.header("Authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user = b64decode(encoded.strip()).decode().partition(":")[0]
    except ValueError:
        return None
    return parse_any_sid(ResourceType.ACCOUNT, user)


def fields_of(request: ServerRequest) -> Fields:
    """Return the parameters of the query, then of the body, if it is a form or a JSON object."""
    pairs = parse_qsl(request.query, keep_blank_values=True)
    kind = (request.header("Content-Type") or "").partition(";")[0].strip().lower()
    body = request.body.decode("utf-8", "replace")
    fields: Fields = {}
    if kind == "application/x-www-form-urlencoded":
        pairs += parse_qsl(body, keep_blank_values=True)
    elif kind == "application/json" or kind.endswith("+json"):
        pairs += _pairs_of(body)
    for name, value in pairs:
        known = fields.get(name)
        fields[name] = value if known is None else [*([known] if isinstance(known, str) else known), value]
    return fields


def code_of(content: bytes) -> int | None:
    """Return the vendor's code in the body of an error; None without one."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    code = body.get("code") if isinstance(body, dict) else None
    return code if isinstance(code, int) else None


def _pairs_of(body: str) -> list[tuple[str, str]]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return []
    if not isinstance(content, dict):
        return []
    listed = {name: value if isinstance(value, list) else [value] for name, value in content.items()}
    return [
        (name, each if isinstance(each, str) else json.dumps(each)) for name, value in listed.items() for each in value
    ]


def _outline(path: str) -> str:
    """Replace the sids and variables of a path by a placeholder."""
    return "/".join(_SID.sub(_PLACEHOLDER, _VARIABLE.sub(_PLACEHOLDER, word)) for word in path.split("/"))


def _control_route(path: str) -> str | None:
    """Return the route of the control API that creates what a POST to this path would create; None without one."""
    plain = collapse_slashes(path[:MAX_COMPARED_CHARACTERS])
    if is_list_of_accounts(plain):
        return _CONTROL_ROUTES["Accounts"]
    parts = split(plain)
    return _CONTROL_ROUTES.get(_outline("/".join(parts[1]))) if parts is not None else None
