"""Syntax trees of DynamoDB's expressions."""

from typing import NamedTuple


class Path(NamedTuple):
    """A document path: attribute names and list indexes."""

    parts: tuple[str | int, ...]

    def __str__(self) -> str:
        return f"[{', '.join(part if isinstance(part, str) else f'[{part}]' for part in self.parts)}]"


class Value(NamedTuple):
    """The placeholder of a value, colon included."""

    name: str


class FunctionCall(NamedTuple):
    """A function or operator that returns a value: `size`, `if_not_exists`, `list_append`, `+`, `-`."""

    name: str
    operands: tuple["Operand", ...]


class Comparison(NamedTuple):
    """A comparison, or a function that returns a Boolean."""

    operator: str
    operands: tuple["Operand", ...]


class Not(NamedTuple):
    """A negated condition."""

    condition: "Condition"


class BooleanExpression(NamedTuple):
    """Conditions joined by `AND` or `OR`."""

    operator: str
    conditions: tuple["Condition", ...]


Operand = Path | Value | FunctionCall
Condition = Comparison | Not | BooleanExpression


class Update(NamedTuple):
    """The actions of an update by section."""

    sets: list[tuple[Path, Operand]]
    removes: list[Path]
    adds: list[tuple[Path, Value]]
    deletes: list[tuple[Path, Value]]

    @property
    def paths(self) -> list[Path]:
        """All paths that the update changes."""
        return [
            *(path for path, _ in self.sets),
            *self.removes,
            *(path for path, _ in self.adds),
            *(path for path, _ in self.deletes),
        ]
