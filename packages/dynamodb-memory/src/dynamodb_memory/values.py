"""DynamoDB's values in its typed form, as the in-memory database keeps them: equal values are spelled alike.

Numbers are spelled without padding, sets are sorted. What is kept is never changed in place, so that images of an
item may share parts; whatever comes in or goes out is a copy.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Context, Decimal, Inexact
from functools import lru_cache
from typing import Any, Final

AttributeValue = dict[str, Any]
Item = dict[str, AttributeValue]

MAX_LEVELS: Final = 32
"""Of lists and maps in each other, the item itself included."""

_DIGITS: Final = 38
_LARGEST, _SMALLEST = 125, -130
"""Powers of ten that a number may have."""

_SCALARS: Final = frozenset({"S", "N", "B", "BOOL", "NULL"})
_MEMBER_OF: Final = {"SS": "S", "NS": "N", "BS": "B"}

_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,37}").fullmatch
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?").fullmatch
_ARITHMETIC: Final = Context(prec=_DIGITS, traps=[Inexact])


class DynamoDBError(Exception):
    """What DynamoDB answers in place of doing it.

    Args:
        message: as AWS words it, where that is known.
        code: the exception's name.
        more: what the answer holds besides, by AWS's names.
    """

    def __init__(self, message: str, code: str = "ValidationException", **more: object) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.more = more


WRONG_OPERAND: Final = "An operand in the update expression has an incorrect data type"


def normalize_item(item: Mapping[str, AttributeValue]) -> Item:
    """An item from outside, as it is kept.

    Raises:
        DynamoDBError: DynamoDB would not take it.
    """
    if "" in item:
        raise DynamoDBError("Empty attribute name")
    return {name: normalize(value) for name, value in item.items()}


def normalize(value: AttributeValue, level: int = 1) -> AttributeValue:
    """A value from outside, as it is kept; `level` is how deep it lies in its item.

    Raises:
        DynamoDBError: DynamoDB would not take it.
        TypeError: botocore would not send it.
    """
    if len(value) != 1:
        raise DynamoDBError("Supplied AttributeValue must contain exactly one of the supported datatypes")
    ((kind, content),) = value.items()
    if kind == "S":
        if not isinstance(content, str):
            raise TypeError(f"S holds {type(content).__name__}")
        return {"S": content}
    keeper = _KEEPERS.get(kind)
    if keeper is None:
        raise TypeError(f"{kind} is no type of DynamoDB's")
    return {kind: keeper(content, level)}


def _keep_number(text: object, _level: int = 0) -> str:
    if not isinstance(text, str):
        raise TypeError(f"N holds {type(text).__name__}")
    return text if _INTEGER(text) else _spell(text)


@lru_cache(maxsize=1024)
def _spell(text: str) -> str:
    if not _NUMBER(text):
        raise DynamoDBError("The parameter cannot be converted to a numeric value: " + text)
    number = Decimal(text)
    if not number:
        return "0"
    if len("".join(map(str, number.as_tuple().digits)).rstrip("0")) > _DIGITS:
        raise DynamoDBError("Attempting to store more than 38 significant digits in a Number")
    if number.adjusted() > _LARGEST:
        raise DynamoDBError("Number overflow. Attempting to store a number with magnitude larger than supported range")
    if number.adjusted() < _SMALLEST:
        raise DynamoDBError(
            "Number underflow. Attempting to store a number with magnitude smaller than supported range"
        )
    spelled = format(number, "f")
    return spelled.rstrip("0").rstrip(".") if "." in spelled else spelled


def _keep_bytes(content: bytes | bytearray | str, _level: int = 0) -> bytes:
    return content.encode() if isinstance(content, str) else bytes(content)


def _keep_set(member: Callable[..., Any], order: Callable[[Any], Any] | None) -> Callable[[list[Any], int], list[Any]]:
    def keeper(members: list[Any], _level: int) -> list[Any]:
        if not members:
            raise DynamoDBError("One or more parameter values were invalid: An string set  may not be empty")
        kept = sorted(map(member, members), key=order)
        if len(set(kept)) < len(kept):
            raise DynamoDBError("One or more parameter values were invalid: Input collection contains duplicates.")
        return kept

    return keeper


def _deeper(level: int) -> int:
    if level >= MAX_LEVELS:
        raise DynamoDBError("Nesting Levels have exceeded supported limits")
    return level + 1


def _keep_map(content: Mapping[str, AttributeValue], level: int) -> Item:
    deeper = _deeper(level)
    return {name: normalize(value, deeper) for name, value in content.items()}


def _keep_list(content: list[AttributeValue], level: int) -> list[AttributeValue]:
    deeper = _deeper(level)
    return [normalize(value, deeper) for value in content]


def _keep_null(content: object, _level: int) -> bool:
    if not content:
        raise DynamoDBError(
            "One or more parameter values were invalid: Null attribute value types must have the value of true"
        )
    return True


def _keep_string(content: str, _level: int = 0) -> str:
    return str(content)


_KEEPERS: Final[dict[str, Callable[[Any, int], Any]]] = {
    "N": _keep_number,
    "B": _keep_bytes,
    "BOOL": lambda content, _level: bool(content),
    "NULL": _keep_null,
    "M": _keep_map,
    "L": _keep_list,
    "SS": _keep_set(_keep_string, None),
    "NS": _keep_set(_keep_number, Decimal),
    "BS": _keep_set(_keep_bytes, None),
}


def copy_item(item: Item) -> Item:
    """An item for somebody who may change it."""
    return {name: copy_value(value) for name, value in item.items()}


def copy_value(value: AttributeValue) -> AttributeValue:
    """A value for somebody who may change it."""
    (kind,) = value
    if kind in _SCALARS:
        return {kind: value[kind]}
    if kind == "M":
        return {kind: copy_item(value[kind])}
    if kind == "L":
        return {kind: [copy_value(element) for element in value[kind]]}
    return {kind: list(value[kind])}


def size_of_item(item: Item) -> int:
    """Bytes, by the rules of AWS's developer guide, which a name counts for as well."""
    total = 0
    for name, value in item.items():
        total += len(name) if name.isascii() else _size_of_string(name)
        if "S" in value:
            text = value["S"]
            total += len(text) if text.isascii() else _size_of_string(text)
        else:
            total += size_of(value)
    return total


def size_of(value: AttributeValue) -> int:
    """Bytes of a value."""
    ((kind, content),) = value.items()
    return _SIZES[kind](content)


def _size_of_string(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


@lru_cache(maxsize=8192)
def _size_of_number(text: str) -> int:
    """Two digits a byte, in pairs from the point on, one byte more, and one for a sign."""
    whole, _, fraction = text.removeprefix("-").partition(".")
    pairs = whole.zfill(len(whole) + len(whole) % 2) + fraction.ljust(len(fraction) + len(fraction) % 2, "0")
    stripped = [pairs[place : place + 2] for place in range(0, len(pairs), 2)]
    while stripped and stripped[-1] == "00":
        stripped.pop()
    while stripped and stripped[0] == "00":
        stripped.pop(0)
    return len(stripped) + 1 + text.startswith("-") if stripped else 1


_SIZES: Final[dict[str, Callable[[Any], int]]] = {
    "S": _size_of_string,
    "N": _size_of_number,
    "B": len,
    "BOOL": lambda _content: 1,
    "NULL": lambda _content: 1,
    # Three bytes for what holds others, and one for each that it holds.
    "M": lambda content: 3 + len(content) + size_of_item(content),
    "L": lambda content: 3 + len(content) + sum(map(size_of, content)),
    "SS": lambda content: sum(map(_size_of_string, content)),
    "NS": lambda content: sum(map(_size_of_number, content)),
    "BS": lambda content: sum(map(len, content)),
}


def plain(value: AttributeValue) -> Any:  # noqa: ANN401 - text, bytes or a number
    """What a string, a number or bytes compare by."""
    ((kind, content),) = value.items()
    if kind != "N":
        return content
    return int(content) if "." not in content else Decimal(content)


def add(left: AttributeValue, right: AttributeValue, sign: int = 1) -> AttributeValue:
    """The sum of two numbers, or their difference where `sign` is -1.

    Raises:
        DynamoDBError: one is no number, or the result has too many digits.
    """
    if "N" not in left or "N" not in right:
        raise DynamoDBError(WRONG_OPERAND)
    first, second = plain(left), plain(right)
    if isinstance(first, int) and isinstance(second, int):
        return {"N": _keep_number(str(first + sign * second))}
    combine = _ARITHMETIC.add if sign == 1 else _ARITHMETIC.subtract
    try:
        return {"N": _keep_number(str(combine(first, second)))}
    except Inexact:
        raise DynamoDBError("Attempting to store more than 38 significant digits in a Number") from None


def add_values(held: AttributeValue | None, added: AttributeValue) -> AttributeValue:
    """A number or a set, with another one added (`ADD`).

    Raises:
        DynamoDBError: they are of different types.
    """
    if held is None:
        return added
    (kind,) = added
    if kind == "N":
        return add(held, added)
    if kind not in held:
        raise DynamoDBError(WRONG_OPERAND)
    return {kind: _sorted(kind, {*held[kind], *added[kind]})}


def subtract(held: AttributeValue | None, taken: AttributeValue) -> AttributeValue | None:
    """A set without some members (`DELETE`); None if there are none left.

    Raises:
        DynamoDBError: they are of different types.
    """
    if held is None:
        return None
    (kind,) = taken
    if kind not in held:
        raise DynamoDBError(WRONG_OPERAND)
    left = set(held[kind]) - set(taken[kind])
    return {kind: _sorted(kind, left)} if left else None


def _sorted(kind: str, members: set[Any]) -> list[Any]:
    return sorted(members, key=Decimal if kind == "NS" else None)
