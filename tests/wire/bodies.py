"""Checks of bodies: types, formats, values, and how the fields of a body relate."""

import re
from collections.abc import Callable, Iterator, Mapping
from email.utils import format_datetime, parsedate_to_datetime
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from tests.wire.facts import BodyFacts, DialectName, FieldFacts, Match, Rule, load
from tests.wire.faults import Fault, field_faults, one_of, shortened

_ORIGIN: Final = r"https?://[^/\s]+(/[^\s]+)?"
"""A scheme and a host; a reverse proxy may add a path."""


class Context(NamedTuple):
    """The request whose response is checked: its method, and the name of its operation."""

    method: str
    operation: str


class FieldCheck:
    """Checks one value."""

    def __init__(self, dialect: DialectName, facts: FieldFacts) -> None:
        self._facts = facts
        self._is_type = _TYPES[facts.type]
        self._pattern = pattern_of(dialect, facts.format)
        self._is_date = facts.format == "rfc2822 date"
        self._fields = _checks(dialect, facts.fields or {})
        self._item = FieldCheck(dialect, facts.items) if facts.items is not None else None

    def faults(self, value: object, place: str, context: Context) -> Iterator[Fault]:
        """Yield the faults of a value; its place in the body is for messages."""
        facts = self._facts
        if value is None and facts.type != "null":
            if not facts.nullable:
                yield Fault(place, f"a value of type {facts.type}", None)
        elif not self._is_type(value):
            yield Fault(place, f"type {facts.type}{' or null' if facts.nullable else ''}", value)
        elif facts.null_unless is not None and facts.null_unless != context.operation:
            yield Fault(place, f"null, because only {facts.null_unless} returns a value", value)
        elif facts.fields is not None:
            yield from self._object_faults(value, place, context)
        elif self._item is not None:
            yield from self._array_faults(value, place, context)
        else:
            yield from self._value_faults(value, place, context)

    def _object_faults(self, value: Any, place: str, context: Context) -> Iterator[Fault]:
        yield from field_faults(list(self._fields), value, place)
        yield from _each_fault(self._fields, value, place, context)

    def _array_faults(self, value: Any, place: str, context: Context) -> Iterator[Fault]:
        if len(value) < self._facts.min_items:
            yield Fault(place, f"at least {self._facts.min_items} items", value)
        for number, item in enumerate(value):
            if self._item is not None:
                yield from self._item.faults(item, f"{place}/{number}", context)

    def _value_faults(self, value: Any, place: str, context: Context) -> Iterator[Fault]:
        facts = self._facts
        allowed = facts.enum_after_post if facts.enum_after_post and context.method == "POST" else facts.enum
        if allowed is not None and value not in allowed:
            yield Fault(place, one_of(allowed), value)
        if facts.const is not None and value != facts.const:
            yield Fault(place, shortened(facts.const), value)
        if (facts.minimum is not None and value < facts.minimum) or (
            facts.maximum is not None and value > facts.maximum
        ):
            yield Fault(place, f"from {facts.minimum} to {facts.maximum}", value)
        if self._pattern is not None and not self._pattern.fullmatch(value):
            yield Fault(place, f"the format {facts.format}", value)
        if self._is_date and not is_rfc2822(value):
            yield Fault(place, f"the format {facts.format}", value)


class BodyCheck:
    """Checks a body of one kind in one dialect."""

    def __init__(self, dialect: DialectName, facts: BodyFacts) -> None:
        self.dialect = dialect
        self.facts = facts
        self.fields = list(facts.fields)
        self._checks = _checks(dialect, facts.fields)
        self._templates = list(_templates(dialect, facts.fields, ()))

    def faults(self, body: object, place: str, context: Context) -> Iterator[Fault]:
        """Yield the faults of a body; its fields are related only if each is right by itself."""
        missing = list(field_faults(self.fields, body, place))
        yield from missing
        if not isinstance(body, dict):
            return
        wrong = list(_each_fault(self._checks, body, place, context))
        yield from wrong
        if not wrong and body.keys() >= set(self.fields):
            yield from self._template_faults(body, place)
            for rule in self.facts.rules:
                yield from _rule_faults(rule, body, place)

    def _template_faults(self, body: Mapping[str, Any], place: str) -> Iterator[Fault]:
        for path, template in self._templates:
            found: Any = body
            for name in path:
                found = found.get(name, ...)
            expected = template.format_map({**body, "origin": "{origin}"})
            if expected.startswith("{origin}"):
                is_right = re.fullmatch(_ORIGIN + re.escape(expected.removeprefix("{origin}")), str(found)) is not None
            else:
                is_right = found == expected
            if not is_right and found is not ...:
                yield Fault(f"{place}/{'/'.join(path)}", expected, found)


@lru_cache(maxsize=4096)
def is_rfc2822(text: str) -> bool:
    """Return whether a text is a date such as `Tue, 25 Sep 2018 23:00:00 +0000`."""
    # Only a date with the right weekday, English names and all digits is equal after parsing and formatting.
    try:
        return text.endswith(" +0000") and format_datetime(parsedate_to_datetime(text)) == text
    except ValueError:
        return False


@cache
def body_check(dialect: DialectName, name: str) -> BodyCheck:
    """Return the check of a body of a resource."""
    return BodyCheck(dialect, load().body(name, dialect))


_TYPES: Final[Mapping[str, Callable[[object], bool]]] = {
    "string": lambda value: isinstance(value, str),
    # JSON has one type of number, but typed clients reject 4.0 as an integer.
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
}


def _checks(dialect: DialectName, fields: Mapping[str, FieldFacts]) -> dict[str, FieldCheck]:
    return {name: FieldCheck(dialect, facts) for name, facts in fields.items()}


def _each_fault(
    checks: Mapping[str, FieldCheck], body: Mapping[str, Any], place: str, context: Context
) -> Iterator[Fault]:
    for name, check in checks.items():
        if name in body:
            yield from check.faults(body[name], f"{place}/{name}", context)


@cache
def pattern_of(dialect: DialectName, name: str | None) -> re.Pattern[str] | None:
    """Return the pattern of a format; None if there is no format, or if code checks it."""
    if name is None:
        return None
    formats = load().formats
    if name.endswith(" sid"):
        return re.compile(formats.sid_pattern(dialect, name.removesuffix(" sid")))
    pattern = formats.formats[name].pattern
    return re.compile(pattern) if pattern is not None else None


def _templates(
    dialect: DialectName, fields: Mapping[str, FieldFacts], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    account = load().formats.dialects[dialect].account
    for name, facts in fields.items():
        if facts.value is not None:
            yield (*path, name), facts.value.replace("{account}", account)
        yield from _templates(dialect, facts.fields or {}, (*path, name))


def _rule_faults(rule: Rule, body: Mapping[str, Any], place: str) -> Iterator[Fault]:
    if rule.condition is not None:
        applies = all(_matches(match, body[name]) for name, match in rule.condition.items())
        causes = ", ".join(f"{name} is {shortened(body[name])}" for name in rule.condition)
        for name, match in (rule.then if applies else rule.otherwise).items():
            if not _matches(match, body[name]):
                yield Fault(f"{place}/{name}", f"{_demand(match)} because {causes}", body[name])
    for group, is_right, expected in (
        (rule.equal, len({shortened(body[name]) for name in rule.equal}) <= 1, "the same value in"),
        (rule.exactly_one, sum(body[name] is not None for name in rule.exactly_one) == 1, "exactly one of"),
        (rule.null_together, len({body[name] is None for name in rule.null_together}) <= 1, "all or none null of"),
    ):
        if group and not is_right:
            yield Fault(f"{place}/{group[-1]}", f"{expected} {', '.join(group)}", body[group[-1]])


def _matches(match: Match, value: object) -> bool:
    if match.type is not None and not _TYPES[match.type](value):
        return False
    if match.const is not None and shortened(value) != shortened(match.const):
        return False
    return match.enum is None or value in match.enum


def _demand(match: Match) -> str:
    return "null" if match.type == "null" else match.type or shortened(match.const)
