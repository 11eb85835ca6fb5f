"""Composition of conditional writes: update clauses, conditions, values and attribute names.

Every attribute is written as the alias `#attribute`, so reserved words need no special treatment. A value takes its
placeholder from the attribute that it is assigned to or compared with: `:attribute`, then `:attribute_2`, and so on.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from tapedeck.adapters.dynamodb.client import Item, Write


class Placeholders:
    """The names and values that an expression refers to."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Any] = {}

    def name(self, attribute: str) -> str:
        """Return the alias of an attribute."""
        self.names[attribute] = attribute
        return f"#{attribute}"

    def value(self, label: str, value: Any) -> str:  # noqa: ANN401 - any value that an item may hold
        """Return the placeholder of a value; equal values with one label share it."""
        placeholder, number = label, 1
        while placeholder in self.values and not _is_identical(self.values[placeholder], value):
            number += 1
            placeholder = f"{label}_{number}"
        self.values[placeholder] = value
        return f":{placeholder}"


Render = Callable[[Placeholders], str]


class Condition:
    """A condition expression; combine with `&`, `|` and `~`."""

    __slots__ = ("is_alternative", "render")

    def __init__(self, render: Render, *, is_alternative: bool = False) -> None:
        self.render = render
        self.is_alternative = is_alternative

    def __and__(self, other: "Condition") -> "Condition":
        return Condition(lambda used: f"{_bracketed(self, used)} AND {_bracketed(other, used)}")

    def __or__(self, other: "Condition") -> "Condition":
        return Condition(lambda used: f"{self.render(used)} OR {other.render(used)}", is_alternative=True)

    def __invert__(self) -> "Condition":
        return Condition(lambda used: f"NOT ({self.render(used)})")


class Operand:
    """One side of a comparison, or what an attribute is assigned.

    Args:
        label: the placeholder of values that are compared with it.
        render: writes the operand into an expression.
    """

    __slots__ = ("label", "render")

    def __init__(self, label: str, render: Render) -> None:
        self.label = label
        self.render = render

    def __add__(self, number: int) -> "Operand":
        return Operand(self.label, lambda used: f"{self.render(used)} + {used.value('increment', number)}")

    def eq(self, other: Any) -> Condition:  # noqa: ANN401 - an operand or any value that an item may hold
        """Compare: equal to an operand or value."""
        return self._compare("=", other)

    def lt(self, other: Any) -> Condition:  # noqa: ANN401
        """Compare: less than an operand or value."""
        return self._compare("<", other)

    def lte(self, other: Any) -> Condition:  # noqa: ANN401
        """Compare: less than or equal to an operand or value."""
        return self._compare("<=", other)

    def is_in(self, others: Iterable[Any]) -> Condition:
        """Compare: equal to one of these operands or values."""
        listed = tuple(others)
        return Condition(
            lambda used: f"{self.render(used)} IN ({', '.join(_text(used, other, self.label) for other in listed)})"
        )

    def _compare(self, operator: str, other: Any) -> Condition:  # noqa: ANN401
        return Condition(lambda used: f"{self.render(used)} {operator} {_text(used, other, self.label)}")


class Attr(Operand):
    """An attribute of the item, in the style of `boto3.dynamodb.conditions.Attr`."""

    __slots__ = ()

    def __init__(self, name: str) -> None:
        super().__init__(name, lambda used: used.name(name))

    def exists(self) -> Condition:
        """Require that the item has the attribute."""
        return Condition(lambda used: f"attribute_exists({self.render(used)})")

    def not_exists(self) -> Condition:
        """Require that the item does not have the attribute."""
        return Condition(lambda used: f"attribute_not_exists({self.render(used)})")

    def size(self) -> Operand:
        """Return the number of elements, or the length of a string."""
        return Operand(f"{self.label}_size", lambda used: f"size({self.render(used)})")

    def or_default(self, default: Any) -> Operand:  # noqa: ANN401
        """Return the attribute's value, or the default if the item does not have it."""
        return Operand(
            self.label, lambda used: f"if_not_exists({self.render(used)}, {_text(used, default, self.label)})"
        )


def literal(label: str, value: Any) -> Operand:  # noqa: ANN401
    """Return a value as an operand, for the left side of a comparison."""
    return Operand(label, lambda used: used.value(label, value))


ITEM_EXISTS: Final = Attr("PK").exists()
ITEM_ABSENT: Final = Attr("PK").not_exists()

NEXT_VERSION: Final = Attr("version") + 1


def update(
    key: Mapping[str, str],
    assign: Mapping[str, Any] | None = None,
    *,
    remove: Iterable[str] = (),
    add: Mapping[str, Any] | None = None,
    when: Condition | None = None,
) -> Write:
    """Build an update of one item.

    Args:
        key: the primary key attributes.
        assign: values or operands to set, by attribute.
        remove: attributes to remove.
        add: sets or numbers to add, by attribute.
        when: the condition.
    """
    used = Placeholders()
    clauses = (
        ("SET", [f"{used.name(name)} = {_text(used, value, name)}" for name, value in (assign or {}).items()]),
        ("REMOVE", [used.name(name) for name in remove]),
        ("ADD", [f"{used.name(name)} {used.value(name, value)}" for name, value in (add or {}).items()]),
    )
    return Write(
        key,
        update=" ".join(f"{keyword} {', '.join(parts)}" for keyword, parts in clauses if parts),
        condition=when.render(used) if when is not None else None,
        values=used.values,
        names=used.names,
    )


def put(key: Mapping[str, str], item: Item, *, when: Condition | None = None) -> Write:
    """Build the write of a whole item."""
    used = Placeholders()
    condition = when.render(used) if when is not None else None
    return Write(key, item=item, condition=condition, values=used.values, names=used.names)


def delete(key: Mapping[str, str], *, when: Condition | None = None) -> Write:
    """Build the deletion of an item."""
    used = Placeholders()
    condition = when.render(used) if when is not None else None
    return Write(key, delete=True, condition=condition, values=used.values, names=used.names)


def _bracketed(condition: Condition, used: Placeholders) -> str:
    return f"({condition.render(used)})" if condition.is_alternative else condition.render(used)


def _text(used: Placeholders, operand: Any, label: str) -> str:  # noqa: ANN401
    return operand.render(used) if isinstance(operand, Operand) else used.value(label, operand)


def _is_identical(one: Any, other: Any) -> bool:  # noqa: ANN401 - True equals 1, but is stored as another type
    return type(one) is type(other) and bool(one == other)
