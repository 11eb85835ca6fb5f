"""Finds the dialect and the operation of a request, and the statuses that its response may have."""

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

from tests.wire.facts import DIALECTS, DialectName, OperationAnswers, load
from tests.wire.faults import Fault

_ROOT: Final = "/2010-04-01"
_OTHER_ROOT: Final = "/api/laml"
_CHECKED_LATER: Final = frozenset({408, 422, 503})
"""The statuses that a malformed sid excludes: sids are checked before parameters and states."""

_FREE: Final = re.compile(".+")


class Route(NamedTuple):
    """A path without its sids: its nouns, and whether it ends in a sid."""

    nouns: tuple[str, ...]
    is_item: bool


_NO_ROUTE: Final = Route((), is_item=False)
_ACCOUNTS: Final = Route(("Accounts",), is_item=False)
_RECORDING: Final = Route(("Accounts", "Recordings"), is_item=True)
_NESTED_RECORDINGS: Final = (
    Route(("Accounts", "Calls", "Recordings"), is_item=True),
    Route(("Accounts", "Conferences", "Recordings"), is_item=True),
)
"""The paths of a recording that are audio only with a suffix of audio."""


@dataclass(frozen=True)
class Operation:
    """An operation in one dialect, at one of its paths."""

    name: str
    answers: OperationAnswers
    variables: tuple[str, ...]
    """The kinds of the sids in the path, beginning with the account."""
    patterns: tuple[re.Pattern[str], ...]
    errors: frozenset[int]


@dataclass(frozen=True)
class Request:
    """A request with its dialect and, if there is one, its operation."""

    dialect: DialectName
    method: str
    path: str
    route: Route
    sids: list[str]
    operation: Operation | None
    media: str | None
    """The suffix of a path of audio (it may be empty); None if it is no path of audio."""

    @property
    def operation_name(self) -> str:
        """The name of the operation, for messages and for the fields that depend on it."""
        return "media" if self.media is not None else self.operation.name if self.operation else "no operation"

    @property
    def is_well_formed(self) -> bool:
        """Whether every sid has its form."""
        return self.operation is not None and all(map(re.Pattern.fullmatch, self.operation.patterns, self._plain_sids))

    @property
    def _plain_sids(self) -> list[str]:
        return [*self.sids[:-1], self.sids[-1].removesuffix(self.media)] if self.media else self.sids

    @property
    def page_path(self) -> str:
        """The path of the list as its links show it, without suffix."""
        if not self.sids:
            root = load().formats.dialects[self.dialect].account.partition("/Accounts")[0]
            return "/".join([root, *self.route.nouns])
        account, *sids = [_in_bodies(self.dialect, sid) for sid in self.sids]
        base = load().formats.dialects[self.dialect].account.replace("{account_sid}", account)
        pairs = zip(self.route.nouns[1:], [*sids, ""], strict=False)
        return "/".join([base, *(part for pair in pairs for part in pair if part)])

    def statuses(self) -> frozenset[int]:
        """Return the statuses that the response may have."""
        facts, operation = load(), self.operation
        if operation is not None:
            successes = facts.formats.media.statuses if self.media is not None else operation.answers.success
            if self.is_well_formed:
                return operation.errors.union(successes)
            # A malformed body may be rejected before the sids are checked.
            return operation.errors - _CHECKED_LATER - (frozenset({400}) if self.method != "POST" else frozenset())
        without = facts.operations.statuses_without_an_operation
        tables = {dialect: _operations(dialect) for dialect in DIALECTS}
        is_known = all(self.sids) and any(route == self.route for _, route in tables[self.dialect])
        refusals = frozenset(without["known_path" if is_known else "unknown_path"])
        # An operation of the other dialect has a route, so credentials are checked first.
        is_elsewhere = any((self.method, self.route) in table for table in tables.values())
        return refusals | ({401, 404, 413} if is_elsewhere else frozenset())

    def sid_faults(self, body: Mapping[str, object]) -> Iterator[Fault]:
        """Yield the fields of a body that name another resource than the path of the request."""
        if self.operation is None:
            return
        named = (self.operation.answers.success[200 if 200 in self.operation.answers.success else 201]).split()[-1]
        resource = load().resource_of(named).resource
        for kind, pattern, sid in zip(self.operation.variables, self.operation.patterns, self.sids, strict=True):
            name = kind.replace(" ", "_")
            field = "sid" if name == resource else f"{name}_sid"
            is_sid = pattern is not _FREE or _requested(self.dialect, kind).fullmatch(sid)
            expected = _in_bodies(self.dialect, sid)
            if is_sid and field in body and body[field] not in {expected, None}:
                yield Fault(f"/{field}", f"{expected}, as in the path", body[field])


def find_request(method: str, path: str, user: str = "") -> Request:
    """Return the request.

    The form of the account selects the dialect, and the root if the form is neither's. Without an account, the form of
    the user name counts; an API key is Twilio's.
    """
    path = re.sub("/{2,}", "/", path)  # doubled slashes count as one
    dialect: DialectName = "signalwire" if path.startswith(_OTHER_ROOT) else "twilio"
    place = path.removeprefix(_OTHER_ROOT)
    route, sids = _route(place.removeprefix(_ROOT))
    is_below_root = place.startswith(f"{_ROOT}/")
    if is_below_root and route.nouns[0] == "Accounts" and sids and sids[0]:
        # Also if a later segment is empty.
        dialect = next((name for name in DIALECTS if _requested(name, "account").fullmatch(sids[0])), dialect)
    if not is_below_root or "" in sids:
        route, sids = _NO_ROUTE, []
    elif route == _ACCOUNTS:
        dialect = next((name for name in DIALECTS if _requested(name, "account").fullmatch(user)), dialect)
        dialect = "twilio" if _requested("twilio", "key").fullmatch(user) else dialect
    media = None
    if route in {_RECORDING, *_NESTED_RECORDINGS} and method in {"GET", "HEAD"} and not place.endswith(".json"):
        without_suffix = "" if route == _RECORDING else None
        media = next((ending for ending in (".wav", ".mp3") if place.endswith(ending)), without_suffix)
    operation = _operations(dialect).get(("GET" if media is not None else method, route))
    if media is None and route in {_RECORDING, *_NESTED_RECORDINGS} and place.endswith((".wav", ".mp3")):
        operation = None  # audio supports GET and HEAD only
    return Request(dialect, method, path, route, sids, operation, media)


def user_of(authorization: str | None) -> str:
    """Return the user name of Basic credentials; empty if there is none."""
    scheme, _, encoded = (authorization or "").partition(" ")
    try:
        user, separator, secret = b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return ""
    return user if scheme.lower() == "basic" and separator and secret else ""


def _route(path: str) -> tuple[Route, list[str]]:
    """Split a path below a root into its route and its sids; nouns and sids alternate."""
    segments = path.removeprefix("/").removesuffix(".json").split("/")
    return Route(tuple(segments[::2]), is_item=len(segments) % 2 == 0), segments[1::2]


def _in_bodies(dialect: DialectName, sid: str) -> str:
    return sid[:2] + sid[2:].lower() if dialect == "twilio" else sid.lower()


@cache
def _requested(dialect: DialectName, kind: str) -> re.Pattern[str]:
    return re.compile(load().formats.sid_pattern(dialect, kind, requested=True))


@cache
def _operations(dialect: DialectName) -> Mapping[tuple[str, Route], Operation]:
    facts = load().operations
    everywhere = frozenset(facts.statuses_of_every_operation[dialect])
    found = {}
    for name, operation in facts.operations.items():
        answers = operation.of(dialect)
        for path in operation.paths if answers is not None else ():
            assert answers is not None
            route, variables = _route(path if operation.is_outside_account else f"/Accounts/{{account}}{path}")
            kinds = tuple(variable.strip("{}") for variable in variables)
            patterns = tuple(_FREE if kind == answers.free_segment else _requested(dialect, kind) for kind in kinds)
            errors = everywhere.union(answers.errors)
            found[operation.method, route] = Operation(name, answers, kinds, patterns, errors)
    return found
