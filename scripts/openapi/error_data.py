"""The answers to errors in the wire tables (`tests/wire/data/errors.yaml`), by condition, dialect and operation."""

from collections.abc import Iterator, Mapping
from typing import Any

from scripts.openapi.responses import read
from tapedeck.domain.errors import InvalidParameter, TapedeckError

Answer = Mapping[str, Any]


def is_offered(operation: str, dialect: str) -> bool:
    """Return whether a dialect has an operation."""
    return not isinstance(read("operations")["operations"][operation][dialect], str)


def answer_to(condition: str, dialect: str, operation: str | None = None) -> Answer | None:
    """Return the answer to a condition; None if the dialect never meets it.

    Args:
        condition: the name of an error's class, or the fault of a parameter.
        dialect: the name of the dialect.
        operation: an operation that must be able to meet the condition; None for any.
    """
    if operation is not None and not is_offered(operation, dialect):
        return None
    found: Answer | None = None
    for row in read("errors")["rows"]:
        if condition in {row.get("error"), row.get("fault")} and _concerns(row, operation):
            found = row.get(dialect, found)
    if found is None or operation is None:
        return found
    replaced = [row[dialect] for row in exceptions() if dialect in row and operation in row["operations"]]
    return next(
        (each for each in replaced if each.get("body") == "strings" and each["status"] == found["status"]), found
    )


def exceptions() -> Iterator[Mapping[str, Any]]:
    """Yield the rows of answers that only some operations of one dialect give."""
    yield from (row for row in read("errors")["rows"] if "error" not in row and "fault" not in row)


def row_of(kind: type[TapedeckError]) -> str:
    """Return the name of an error's class, or of its nearest base class that has a row."""
    known = {row.get("error") for row in read("errors")["rows"]}
    return next(each.__name__ for each in kind.__mro__ if each.__name__ in known)


def can_occur(error: TapedeckError, dialect: str, operation: str) -> bool:
    """Return whether an operation of a dialect can meet an error."""
    condition = error.fault if isinstance(error, InvalidParameter) else row_of(type(error))
    return answer_to(condition, dialect, operation) is not None


def _concerns(row: Mapping[str, Any], operation: str | None) -> bool:
    return operation is None or operation in row.get("operations", (operation,))
