"""What DynamoDB's expressions say, as trees (AWS's developer guide, "Expressions")."""

from typing import NamedTuple


class Path(NamedTuple):
    """Where something lies in an item: names of attributes and places in lists."""

    parts: tuple[str | int, ...]

    def __str__(self) -> str:
        return f"[{', '.join(part if isinstance(part, str) else f'[{part}]' for part in self.parts)}]"


class Value(NamedTuple):
    """A placeholder, colon included."""

    name: str


class FunctionCall(NamedTuple):
    """A function or an operator that makes a value: `size`, `if_not_exists`, `list_append`, `+`, `-`."""

    name: str
    operands: tuple["Operand", ...]


class Comparison(NamedTuple):
    """A comparison, or a function that is true or false."""

    operator: str
    operands: tuple["Operand", ...]


class Not(NamedTuple):
    """The contrary."""

    condition: "Condition"


class BooleanExpression(NamedTuple):
    """Several conditions with `AND` or `OR` between them."""

    operator: str
    conditions: tuple["Condition", ...]


Operand = Path | Value | FunctionCall
Condition = Comparison | Not | BooleanExpression


class Update(NamedTuple):
    """What each section of an update does, to which path."""

    sets: list[tuple[Path, Operand]]
    removes: list[Path]
    adds: list[tuple[Path, Value]]
    deletes: list[tuple[Path, Value]]

    @property
    def paths(self) -> list[Path]:
        """All that is changed."""
        return [
            *(path for path, _ in self.sets),
            *self.removes,
            *(path for path, _ in self.adds),
            *(path for path, _ in self.deletes),
        ]
