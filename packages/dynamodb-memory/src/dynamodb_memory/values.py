"""Attribute values in DynamoDB's typed form, normalized so that equal values have equal representations.

Numbers have no padding; sets are sorted. Stored values are never changed in place, so that images of an item can share
parts. Values are copied on input and output.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Context, Decimal, Inexact
from functools import lru_cache
from typing import Any, Final

AttributeValue = dict[str, Any]
Item = dict[str, AttributeValue]

MAX_LEVELS: Final = 32
"""The maximum nesting depth of lists and maps, including the item."""

_MAX_DIGITS: Final = 38
_MAX_EXPONENT, _MIN_EXPONENT = 125, -130
"""The range of the decimal exponent of a number."""

_MAX_SHARED_CHARACTERS: Final = 80

_SCALARS: Final = frozenset({"S", "N", "B", "BOOL", "NULL"})
_MEMBER_OF: Final = {"SS": "S", "NS": "N", "BS": "B"}

_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,37}").fullmatch
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?").fullmatch
_ARITHMETIC: Final = Context(prec=_MAX_DIGITS, traps=[Inexact])


class DynamoDBError(Exception):
    """A request that DynamoDB rejects; the client converts it to a ClientError.

    Args:
        message: AWS's wording, where known.
        code: AWS's error code.
        more: further fields of the error response.
    """

    def __init__(self, message: str, code: str = "ValidationException", **more: object) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.more = more


WRONG_OPERAND: Final = "An operand in the update expression has an incorrect data type"


def normalize_item(item: Mapping[str, AttributeValue]) -> Item:
    """Return a normalized copy of an item.

    Raises:
        DynamoDBError: a value is invalid.
    """
    if "" in item:
        raise DynamoDBError("Empty attribute name")
    return {name: normalize(value) for name, value in item.items()}


def normalize(value: AttributeValue, level: int = 1) -> AttributeValue:
    """Return a normalized copy of a value; `level` is its nesting depth.

    Raises:
        DynamoDBError: DynamoDB rejects the value.
        TypeError: botocore would not serialize the value.
    """
    if len(value) != 1:
        raise DynamoDBError("Supplied AttributeValue must contain exactly one of the supported datatypes")
    ((kind, content),) = value.items()
    if kind == "S":
        if not isinstance(content, str):
            raise TypeError(f"S must be str, not {type(content).__name__}")
        return _text(content) if len(content) <= _MAX_SHARED_CHARACTERS else {"S": content}
    normalizer = _NORMALIZERS.get(kind)
    if normalizer is None:
        raise TypeError(f"{kind} is not a DynamoDB type")
    normalized = normalizer(content, level)
    return _numeral(normalized) if kind == "N" else {kind: normalized}


@lru_cache(maxsize=4096)
def _text(content: str) -> AttributeValue:
    """Return a value that items share: many texts are repeated, such as ids of accounts. Nothing changes it."""
    return {"S": content}


@lru_cache(maxsize=4096)
def _numeral(content: str) -> AttributeValue:
    return {"N": content}


def _number(text: object, _level: int = 0) -> str:
    if not isinstance(text, str):
        raise TypeError(f"N must be str, not {type(text).__name__}")
    return text if _INTEGER(text) else _normalize_number(text)


@lru_cache(maxsize=1024)
def _normalize_number(text: str) -> str:
    if not _NUMBER(text):
        raise DynamoDBError("The parameter cannot be converted to a numeric value: " + text)
    number = Decimal(text)
    if not number:
        return "0"
    if len("".join(map(str, number.as_tuple().digits)).rstrip("0")) > _MAX_DIGITS:
        raise DynamoDBError("Attempting to store more than 38 significant digits in a Number")
    if number.adjusted() > _MAX_EXPONENT:
        raise DynamoDBError("Number overflow. Attempting to store a number with magnitude larger than supported range")
    if number.adjusted() < _MIN_EXPONENT:
        raise DynamoDBError(
            "Number underflow. Attempting to store a number with magnitude smaller than supported range"
        )
    text_form = format(number, "f")
    return text_form.rstrip("0").rstrip(".") if "." in text_form else text_form


def _bytes(content: bytes | bytearray | str, _level: int = 0) -> bytes:
    return content.encode() if isinstance(content, str) else bytes(content)


def _set_of(member: Callable[..., Any], order: Callable[[Any], Any] | None) -> Callable[[list[Any], int], list[Any]]:
    def normalizer(members: list[Any], _level: int) -> list[Any]:
        if not members:
            raise DynamoDBError("One or more parameter values were invalid: An string set  may not be empty")
        kept = sorted(map(member, members), key=order)
        if len(set(kept)) < len(kept):
            raise DynamoDBError("One or more parameter values were invalid: Input collection contains duplicates.")
        return kept

    return normalizer


def _deeper(level: int) -> int:
    if level >= MAX_LEVELS:
        raise DynamoDBError("Nesting Levels have exceeded supported limits")
    return level + 1


def _map(content: Mapping[str, AttributeValue], level: int) -> Item:
    deeper = _deeper(level)
    return {name: normalize(value, deeper) for name, value in content.items()}


def _list(content: list[AttributeValue], level: int) -> list[AttributeValue]:
    deeper = _deeper(level)
    return [normalize(value, deeper) for value in content]


def _null(content: object, _level: int) -> bool:
    if not content:
        raise DynamoDBError(
            "One or more parameter values were invalid: Null attribute value types must have the value of true"
        )
    return True


def _string(content: str, _level: int = 0) -> str:
    return str(content)


_NORMALIZERS: Final[dict[str, Callable[[Any, int], Any]]] = {
    "N": _number,
    "B": _bytes,
    "BOOL": lambda content, _level: bool(content),
    "NULL": _null,
    "M": _map,
    "L": _list,
    "SS": _set_of(_string, None),
    "NS": _set_of(_number, Decimal),
    "BS": _set_of(_bytes, None),
}


def copy_item(item: Item) -> Item:
    """Return a deep copy of an item."""
    return {name: copy_value(value) for name, value in item.items()}


def copy_value(value: AttributeValue) -> AttributeValue:
    """Return a deep copy of a value."""
    (kind,) = value
    if kind in _SCALARS:
        return {kind: value[kind]}
    if kind == "M":
        return {kind: copy_item(value[kind])}
    if kind == "L":
        return {kind: [copy_value(element) for element in value[kind]]}
    return {kind: list(value[kind])}


def size_of_item(item: Item) -> int:
    """Return the size of an item in bytes, by AWS's rules; attribute names count."""
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
    """Return the size of a value in bytes."""
    ((kind, content),) = value.items()
    return _SIZES[kind](content)


def _size_of_string(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


@lru_cache(maxsize=8192)
def _size_of_number(text: str) -> int:
    """Return one byte per pair of digits, plus one, plus one for a minus sign."""
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
    # Three bytes for a list or map, and one for each element.
    "M": lambda content: 3 + len(content) + size_of_item(content),
    "L": lambda content: 3 + len(content) + sum(map(size_of, content)),
    "SS": lambda content: sum(map(_size_of_string, content)),
    "NS": lambda content: sum(map(_size_of_number, content)),
    "BS": lambda content: sum(map(len, content)),
}


def plain(value: AttributeValue) -> Any:  # noqa: ANN401 - text, bytes or a number
    """Return the comparable Python value of a string, a number or bytes."""
    ((kind, content),) = value.items()
    if kind != "N":
        return content
    return int(content) if "." not in content else Decimal(content)


def add(left: AttributeValue, right: AttributeValue, sign: int = 1) -> AttributeValue:
    """Return the sum of two numbers, or their difference if `sign` is -1.

    Raises:
        DynamoDBError: an operand is not a number, or the result has too many digits.
    """
    if "N" not in left or "N" not in right:
        raise DynamoDBError(WRONG_OPERAND)
    first, second = plain(left), plain(right)
    if isinstance(first, int) and isinstance(second, int):
        return {"N": _number(str(first + sign * second))}
    combine = _ARITHMETIC.add if sign == 1 else _ARITHMETIC.subtract
    try:
        return {"N": _number(str(combine(first, second)))}
    except Inexact:
        raise DynamoDBError("Attempting to store more than 38 significant digits in a Number") from None


def add_values(current: AttributeValue | None, added: AttributeValue) -> AttributeValue:
    """Add to a number or a set (`ADD`).

    Raises:
        DynamoDBError: the types differ.
    """
    if current is None:
        return added
    (kind,) = added
    if kind == "N":
        return add(current, added)
    if kind not in current:
        raise DynamoDBError(WRONG_OPERAND)
    return {kind: _sorted(kind, {*current[kind], *added[kind]})}


def subtract(current: AttributeValue | None, removed: AttributeValue) -> AttributeValue | None:
    """Remove members from a set (`DELETE`); return None if none are left.

    Raises:
        DynamoDBError: the types differ.
    """
    if current is None:
        return None
    (kind,) = removed
    if kind not in current:
        raise DynamoDBError(WRONG_OPERAND)
    left = set(current[kind]) - set(removed[kind])
    return {kind: _sorted(kind, left)} if left else None


def _sorted(kind: str, members: set[Any]) -> list[Any]:
    return sorted(members, key=Decimal if kind == "NS" else None)
