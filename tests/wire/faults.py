"""The faults of a response, and how a message shows them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

_SHOWN: Final = 12
"""The maximum number of faults in a message."""


class Fault(NamedTuple):
    """One fault of a response."""

    place: str
    expected: str
    found: object

    def __str__(self) -> str:
        return f"  at {self.place or 'the answer'}: expected {self.expected}, found {shortened(self.found)}"


def shortened(value: object) -> str:
    """Return a value as JSON of at most 200 characters; `...` stands for a value that is missing."""
    if value is ...:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 200 else text[:197] + "..."


def one_of(values: Iterable[object]) -> str:
    """Return a phrase that lists the allowed values."""
    return "one of " + ", ".join(sorted(map(str, values)))


def field_faults(fields: Sequence[str], body: object, place: str) -> Iterator[Fault]:
    """Yield the missing and the added fields of an object, or their wrong order."""
    if not isinstance(body, dict):
        yield Fault(place or "/", "an object", body)
        return
    names = list(body)
    if names == list(fields):
        return
    for name in fields:
        if name not in body:
            yield Fault(f"{place}/{name}", "this field", ...)
    for name in names:
        if name not in fields:
            yield Fault(f"{place}/{name}", "no such field", body[name])
    if set(names) == set(fields):
        yield Fault(place or "/", f"this order of fields: {' '.join(fields)}", " ".join(names))


def report(headline: str, faults: Sequence[Fault]) -> None:
    """Raise an AssertionError that lists the faults, if there are any."""
    if faults:
        lines = [headline, *map(str, faults[:_SHOWN])]
        lines += [f"  and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
        raise AssertionError("\n".join(lines))
