"""Lambda's event filtering: which records an event source mapping delivers to its function."""

import json
from collections.abc import Callable, Mapping
from typing import Any

Accepts = Callable[[Any], bool]
"""Whether a record, or a part of one, matches."""


def compile_filters(criteria: Mapping[str, Any]) -> Accepts:
    """Return a test of records: whether one of these filters accepts them.

    Args:
        criteria: the `FilterCriteria` of an event source mapping.

    Raises:
        NotImplementedError: a pattern has an operator other than `prefix`.
    """
    accepts = [_compile(json.loads(each["Pattern"])) for each in criteria["Filters"]]
    return lambda record: any(accept(record) for accept in accepts)


def _compile(pattern: Any) -> Accepts:  # noqa: ANN401 - any JSON
    """Compile a pattern: each field of an object must match, and one element of a list."""
    match pattern:
        case dict():
            fields = [(name, _compile(below)) for name, below in pattern.items()]
            return lambda part: (
                isinstance(part, Mapping) and all(name in part and accept(part[name]) for name, accept in fields)
            )
        case list():
            choices = [_compile_value(value) for value in pattern]
            return lambda part: any(accept(part) for accept in choices)
        case _:
            raise NotImplementedError(f"a pattern that is {pattern!r}")


def _compile_value(value: Any) -> Accepts:  # noqa: ANN401 - any JSON
    match value:
        case {"prefix": str(prefix)} if len(value) == 1:
            return lambda part: isinstance(part, str) and part.startswith(prefix)
        case str():
            return lambda part: bool(part == value)
        case _:
            raise NotImplementedError(f"a pattern with {value!r}")
