"""Compile condition expressions to functions of an item and of the request's values."""

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from dynamodb_memory.syntax_tree import (
    BooleanExpression,
    Comparison,
    Condition,
    FunctionCall,
    Not,
    Operand,
    Path,
    Value,
)
from dynamodb_memory.values import AttributeValue, DynamoDBError, Item, plain

Values = Mapping[str, AttributeValue]
"""Values by placeholder, colon included."""

Reader = Callable[[Item, Values], AttributeValue | None]
Tester = Callable[[Item, Values], bool]
Check = Callable[[Values], None]
"""Raises DynamoDBError for values that an expression can never accept."""

_ORDERED: Final = frozenset({"S", "N", "B"})
_SETS: Final = frozenset({"SS", "NS", "BS"})
_MEMBERS: Final = {"SS": "S", "NS": "N", "BS": "B"}
_TYPES: Final = frozenset({"S", "N", "B", "BOOL", "NULL", "M", "L"}) | _SETS

_ALLOWED: Final = {
    **dict.fromkeys(("<", "<=", ">", ">=", "BETWEEN"), _ORDERED),
    "begins_with": frozenset({"S", "B"}),
    "size": frozenset({"S", "B", "M", "L"}) | _SETS,
    "+": frozenset({"N"}),
    "-": frozenset({"N"}),
    "list_append": frozenset({"L"}),
    "ADD": frozenset({"N"}) | _SETS,
    "DELETE": _SETS,
}


def compile_condition(condition: Condition) -> Tester:
    """Compile a condition to a test of an item; a missing item is empty."""
    if isinstance(condition, Not):
        test = compile_condition(condition.condition)
        return lambda item, values: not test(item, values)
    if isinstance(condition, BooleanExpression):
        tests = tuple(map(compile_condition, condition.conditions))
        return _all(tests) if condition.operator == "AND" else _any(tests)
    return _TESTS[condition.operator](*map(compile_operand, condition.operands))


def compile_operand(operand: Operand) -> Reader:
    """Compile an operand to a reader of its value; None if the item has none."""
    if isinstance(operand, Value):
        name = operand.name
        return lambda _item, values: values[name]
    if isinstance(operand, Path):
        return compile_path(operand)
    read = compile_operand(operand.operands[0])
    return lambda item, values: _measure(read(item, values))


def compile_path(path: Path) -> Reader:
    """Compile a path to a reader of its value; None if the item has none."""
    first, *rest = path.parts
    if not rest:
        return lambda item, _values: item.get(str(first))

    def read(item: Item, _values: Values) -> AttributeValue | None:
        found = item.get(str(first))
        for part in rest:
            if found is None:
                return None
            found = _step(found, part)
        return found

    return read


def _step(value: AttributeValue, part: str | int) -> AttributeValue | None:
    if isinstance(part, str):
        within: Mapping[str, AttributeValue] = value.get("M", {})
        return within.get(part)
    elements: list[AttributeValue] = value.get("L", [])
    return elements[part] if part < len(elements) else None


def _measure(value: AttributeValue | None) -> AttributeValue | None:
    """Return the result of `size`; None if the value is missing or has no size."""
    if value is None:
        return None
    ((kind, content),) = value.items()
    if kind not in _ALLOWED["size"]:
        return None
    # The size of a string is its UTF-16 code units, as in DynamoDB Local.
    return {"N": str(len(content) if kind != "S" else len(content.encode("utf-16-le", "surrogatepass")) // 2)}


def _all(tests: tuple[Tester, ...]) -> Tester:
    def test(item: Item, values: Values) -> bool:
        for each in tests:  # noqa: SIM110 - a generator would take as long as the tests
            if not each(item, values):
                return False
        return True

    return test


def _any(tests: tuple[Tester, ...]) -> Tester:
    def test(item: Item, values: Values) -> bool:
        for each in tests:  # noqa: SIM110 - a generator would take as long as the tests
            if each(item, values):
                return True
        return False

    return test


def _equal(left: Reader, right: Reader) -> Tester:
    def test(item: Item, values: Values) -> bool:
        found = left(item, values)
        return found is not None and found == right(item, values)

    return test


def _not_equal(left: Reader, right: Reader) -> Tester:
    equal = _equal(left, right)
    return lambda item, values: not equal(item, values)


def _in(left: Reader, *options: Reader) -> Tester:
    def test(item: Item, values: Values) -> bool:
        found = left(item, values)
        if found is not None:
            for option in options:
                if option(item, values) == found:
                    return True
        return False

    return test


def _ordered(holds: Callable[[Any, Any], bool]) -> Callable[[Reader, Reader], Tester]:
    def make(left: Reader, right: Reader) -> Tester:
        def test(item: Item, values: Values) -> bool:
            first, second = left(item, values), right(item, values)
            if first is None or second is None:
                return False
            (kind,) = first
            return kind in second and kind in _ORDERED and holds(plain(first), plain(second))

        return test

    return make


def _between(found: Reader, low: Reader, high: Reader) -> Tester:
    return _all((_TESTS["<="](low, found), _TESTS["<="](found, high)))


def _begins_with(operand: Reader, prefix: Reader) -> Tester:
    def test(item: Item, values: Values) -> bool:
        whole, start = operand(item, values), prefix(item, values)
        if whole is None or start is None:
            return False
        (kind,) = whole
        return kind in start and kind in _ALLOWED["begins_with"] and whole[kind].startswith(start[kind])

    return test


def _contains(container: Reader, sought: Reader) -> Tester:
    def test(item: Item, values: Values) -> bool:
        whole, part = container(item, values), sought(item, values)
        if whole is None or part is None:
            return False
        ((kind, content),) = whole.items()
        if kind == "L":
            return part in content
        member = _MEMBERS.get(kind, kind if kind in _ALLOWED["begins_with"] else "")
        return member in part and part[member] in content

    return test


def _has_type(operand: Reader, name: Reader) -> Tester:
    def test(item: Item, values: Values) -> bool:
        found, kind = operand(item, values), name(item, values)
        return found is not None and kind is not None and kind["S"] in found

    return test


_TESTS: Final[dict[str, Callable[..., Tester]]] = {
    "=": _equal,
    "<>": _not_equal,
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "BETWEEN": _between,
    "IN": _in,
    "attribute_exists": lambda read: lambda item, values: read(item, values) is not None,
    "attribute_not_exists": lambda read: lambda item, values: read(item, values) is None,
    "attribute_type": _has_type,
    "begins_with": _begins_with,
    "contains": _contains,
}


def checks_of(kind: str, condition: Condition) -> Iterator[Check]:
    """Yield checks of the values that a condition uses; `kind` is the request's parameter."""
    if isinstance(condition, Not):
        yield from checks_of(kind, condition.condition)
    elif isinstance(condition, BooleanExpression):
        for each in condition.conditions:
            yield from checks_of(kind, each)
    else:
        yield from checks_of_operands(kind, condition.operator, condition.operands)
        if condition.operator == "BETWEEN":
            yield from _check_bounds(kind, condition)
        if condition.operator == "attribute_type":
            yield _check_type(kind, condition)


def checks_of_operands(kind: str, function: str, operands: tuple[Operand, ...]) -> Iterator[Check]:
    """Yield checks of the values that an operator or function accepts."""
    allowed = _ALLOWED.get(function)
    for operand in operands:
        if isinstance(operand, FunctionCall):
            yield from checks_of_operands(kind, operand.name, operand.operands)
        elif isinstance(operand, Value) and allowed is not None:
            yield _check_kind(kind, function, operand.name, allowed)


def _check_kind(kind: str, function: str, name: str, allowed: frozenset[str]) -> Check:
    def check(values: Values) -> None:
        (given,) = values[name]
        if given not in allowed:
            raise DynamoDBError(
                f"Invalid {kind}: Incorrect operand type for operator or function; "
                f"operator or function: {function}, operand type: {given}"
            )

    return check


def _check_bounds(kind: str, test: Comparison) -> Iterator[Check]:
    low, high = test.operands[1:]
    if not (isinstance(low, Value) and isinstance(high, Value)):
        return
    names = (low.name, high.name)

    def check(values: Values) -> None:
        (lower, upper) = (values[name] for name in names)
        if lower.keys() != upper.keys():
            raise DynamoDBError(
                f"Invalid {kind}: The BETWEEN operator requires same data type for lower and upper bounds; "
                f"lower bound operand: AttributeValue: {lower}, upper bound operand: AttributeValue: {upper}"
            )
        if plain(lower) > plain(upper):
            raise DynamoDBError(
                f"Invalid {kind}: The BETWEEN operator requires upper bound to be greater than or equal to lower "
                f"bound; lower bound operand: AttributeValue: {lower}, upper bound operand: AttributeValue: {upper}"
            )

    yield check


def _check_type(kind: str, test: Comparison) -> Check:
    (name,) = (operand.name for operand in test.operands[1:] if isinstance(operand, Value))

    def check(values: Values) -> None:
        given = values[name]
        if "S" not in given or given["S"] not in _TYPES:
            raise DynamoDBError(f"Invalid {kind}: Invalid attribute type name found; type: {given}")

    return check
