"""Compile all expressions of a request; compiled plans are cached by their texts."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

from dynamodb_memory.conditions import Check, Tester, Values, checks_of, compile_condition
from dynamodb_memory.parser import Parser
from dynamodb_memory.syntax_tree import BooleanExpression, Comparison, Condition, FunctionCall, Not, Path, Value
from dynamodb_memory.updates import Change, checks_of_update, compile_projection, compile_update
from dynamodb_memory.values import DynamoDBError, Item, normalize

_MAX_CACHED_PLANS: Final = 4096

Names = tuple[tuple[str, str], ...]
"""Attribute names by placeholder."""

_KEY_OPERATORS: Final = frozenset({"=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"})
_MIRRORED: Final = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class WritePlan:
    """The compiled condition and update of a write."""

    test: Tester | None
    change: Change | None
    changed: frozenset[str]
    """Names of the top-level attributes that an update changes."""
    checks: tuple[Check, ...]


class KeyTest(NamedTuple):
    """The condition on one key attribute: an operator and the placeholders of its operands."""

    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """The compiled key condition, filter and projection of a read."""

    keys: Mapping[str, KeyTest]
    test: Tester | None
    tested: frozenset[str]
    """Names of the top-level attributes that a filter reads."""
    project: Callable[[Item], Item] | None
    projected: frozenset[str]
    checks: tuple[Check, ...]


def plan_write(request: Mapping[str, Any]) -> tuple[WritePlan, Values]:
    """Compile the expressions of a write; return the plan and the normalized values.

    Raises:
        DynamoDBError: an expression or a value is invalid, independently of the item.
    """
    values = request.get("ExpressionAttributeValues")
    plan = _plan_write(
        request.get("UpdateExpression"), request.get("ConditionExpression"), _names(request), _placeholders(values)
    )
    return plan, _normalize_and_check(values, plan.checks)


def plan_read(request: Mapping[str, Any]) -> tuple[ReadPlan, Values]:
    """Compile the expressions of a read; return the plan and the normalized values.

    Raises:
        DynamoDBError: an expression or a value is invalid, independently of the items.
    """
    values = request.get("ExpressionAttributeValues")
    plan = _plan_read(
        request.get("KeyConditionExpression"),
        request.get("FilterExpression"),
        request.get("ProjectionExpression"),
        _names(request),
        _placeholders(values),
    )
    return plan, _normalize_and_check(values, plan.checks)


def _names(request: Mapping[str, Any]) -> Names | None:
    names = request.get("ExpressionAttributeNames")
    return tuple(names.items()) if names is not None else None


def _placeholders(values: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    return tuple(values) if values is not None else None


def _normalize_and_check(values: Mapping[str, Any] | None, checks: tuple[Check, ...]) -> Values:
    if values is None:
        return {}
    kept = {name: normalize(value) for name, value in values.items()}
    for check in checks:
        check(kept)
    return kept


@lru_cache(_MAX_CACHED_PLANS)
def _plan_write(
    update: str | None, condition: str | None, names: Names | None, values: tuple[str, ...] | None
) -> WritePlan:
    placeholders = _Placeholders(names, values, {"UpdateExpression": update, "ConditionExpression": condition})
    changes = placeholders.parser("UpdateExpression").update() if update is not None else None
    test = placeholders.parser("ConditionExpression").condition() if condition is not None else None
    placeholders.finish()
    return WritePlan(
        compile_condition(test) if test is not None else None,
        compile_update(changes) if changes is not None else None,
        frozenset(_first_parts(changes.paths)) if changes is not None else frozenset(),
        (
            *(checks_of_update(changes) if changes is not None else ()),
            *(checks_of("ConditionExpression", test) if test is not None else ()),
        ),
    )


@lru_cache(_MAX_CACHED_PLANS)
def _plan_read(
    keys: str | None, only: str | None, projection: str | None, names: Names | None, values: tuple[str, ...] | None
) -> ReadPlan:
    placeholders = _Placeholders(
        names,
        values,
        {"KeyConditionExpression": keys, "FilterExpression": only, "ProjectionExpression": projection},
    )
    key_condition = placeholders.parser("KeyConditionExpression").condition() if keys is not None else None
    test = placeholders.parser("FilterExpression").condition() if only is not None else None
    paths = placeholders.parser("ProjectionExpression").projection() if projection is not None else []
    placeholders.finish()
    return ReadPlan(
        _key_tests(key_condition) if key_condition is not None else {},
        compile_condition(test) if test is not None else None,
        frozenset(_first_parts(_paths_in(test))) if test is not None else frozenset(),
        compile_projection(paths) if paths else None,
        frozenset(_first_parts(paths)),
        (
            *(checks_of("KeyConditionExpression", key_condition) if key_condition is not None else ()),
            *(checks_of("FilterExpression", test) if test is not None else ()),
        ),
    )


class _Placeholders:
    """The placeholders of a request; its expressions must use all of them."""

    def __init__(self, names: Names | None, values: tuple[str, ...] | None, texts: Mapping[str, str | None]) -> None:
        self._texts = texts
        self._names = dict(names or ())
        self._values = values or ()
        self._parsers: list[Parser] = []
        for kind, given, sign in (("Names", names, "#"), ("Values", values, ":")):
            if given is not None:
                self._check(f"ExpressionAttribute{kind}", [*dict(names or ())] if sign == "#" else self._values, sign)

    def parser(self, kind: str) -> Parser:
        """Return the parser of one of the expressions."""
        parser = Parser(kind, self._texts[kind] or "", self._names, self._values)
        self._parsers.append(parser)
        return parser

    def finish(self) -> None:
        """Reject placeholders that no expression has used."""
        used = {placeholder for parser in self._parsers for placeholder in parser.used}
        for kind, given in (("Names", self._names), ("Values", self._values)):
            unused = [placeholder for placeholder in given if placeholder not in used]
            if unused:
                raise DynamoDBError(
                    f"Value provided in ExpressionAttribute{kind} unused in expressions: keys: {{{', '.join(unused)}}}"
                )

    def _check(self, parameter: str, given: Iterable[str], sign: str) -> None:
        if all(text is None for text in self._texts.values()):
            raise DynamoDBError(f"{parameter} can only be specified when using expressions")
        if not given:
            raise DynamoDBError(f"{parameter} must not be empty")
        for placeholder in given:
            if not placeholder.startswith(sign):
                raise DynamoDBError(f'{parameter} contains invalid key: Syntax error; key: "{placeholder}"')
        for placeholder, name in self._names.items():
            if not name:
                raise DynamoDBError(
                    f"ExpressionAttributeNames contains invalid value: Empty attribute name for key {placeholder}"
                )


def _first_parts(paths: Iterable[Path]) -> Iterator[str]:
    return (str(path.parts[0]) for path in paths)


def _paths_in(condition: Condition) -> Iterator[Path]:
    if isinstance(condition, Not):
        yield from _paths_in(condition.condition)
    elif isinstance(condition, BooleanExpression):
        for each in condition.conditions:
            yield from _paths_in(each)
    else:
        for operand in condition.operands:
            for part in operand.operands if isinstance(operand, FunctionCall) else (operand,):
                if isinstance(part, Path):
                    yield part


def _key_tests(condition: Condition) -> dict[str, KeyTest]:
    found: dict[str, KeyTest] = {}
    parts: tuple[Condition, ...] = (condition,)
    if isinstance(condition, BooleanExpression) and condition.operator == "AND":
        parts = condition.conditions
    for part in parts:
        name, test = _key_test(part)
        if name in found:
            raise DynamoDBError("KeyConditionExpressions must only contain one condition per key")
        found[name] = test
    return found


def _key_test(condition: Condition) -> tuple[str, KeyTest]:
    operator = condition.operator if isinstance(condition, Comparison | BooleanExpression) else "NOT"
    if not isinstance(condition, Comparison) or operator not in _KEY_OPERATORS:
        raise DynamoDBError(f"Invalid operator used in KeyConditionExpression: {operator}")
    operands = condition.operands
    if isinstance(operands[0], Value) and operator in _MIRRORED:
        operator, operands = _MIRRORED[operator], operands[::-1]
    path, *rest = operands
    values = tuple(operand.name for operand in rest if isinstance(operand, Value))
    if not isinstance(path, Path) or len(path.parts) > 1 or len(values) < len(rest):
        raise DynamoDBError("Invalid condition in KeyConditionExpression: a key is compared with values only")
    return str(path.parts[0]), KeyTest(operator, values)
