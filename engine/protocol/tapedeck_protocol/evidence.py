"""The evidence chain of a recording: a list of entries, each hashed together with the hash before it.

The engine keeps the entries and reports the last hash with each event of the recording. It cannot change an entry
after it has reported the hash of that entry or of a later one.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MAX_INTEGER: Final = (1 << 53) - 1
"""The largest integer of an entry: every JSON library reads it exactly."""

ENTRY_TYPES: Final = ("started", "consent", "paused", "resumed", "lost", "recovered", "stopped", "sealed")
"""The types of entries; `sealed` is the last entry of a chain."""

_PREFIX: Final = "tapedeck-evidence-1:"
_MAX_LEVELS: Final = 4
_KEY: Final = re.compile(r"[a-z][a-z0-9_]*")


class BrokenChain(ValueError):
    """The entries are not a chain; `n` is the number of the first wrong entry."""

    def __init__(self, n: int, reason: str) -> None:
        super().__init__(f"entry {n}: {reason}")
        self.n = n


def canonical(entry: Mapping[str, Any]) -> bytes:
    """Return the canonical form of an entry: JSON in UTF-8, sorted keys, no spaces.

    Values are integers, text, null, and objects of these, in at most four levels (C-184). For such values,
    this is the form of RFC 8785.

    Raises:
        ValueError: another kind of value, an integer beyond 2^53, text that UTF-8 cannot encode, more
            levels, or a key that is not a lower-case ASCII name.
    """
    _check(entry)
    return json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def first_hash(recording: str) -> str:
    """Return h0, the hash before the first entry: SHA-256 of a fixed prefix and the recording's id."""
    return hashlib.sha256(f"{_PREFIX}{recording}".encode()).hexdigest()


def next_hash(previous: str, entry: Mapping[str, Any]) -> str:
    """Return the hash of an entry: SHA-256 of the previous hash, as 64 hex digits, and the entry's canonical form."""
    return hashlib.sha256(previous.encode() + canonical(entry)).hexdigest()


@dataclass(slots=True)
class EvidenceChain:
    """The chain of one recording; `entries` are complete, oldest first."""

    recording: str
    entries: list[Mapping[str, Any]] = field(default_factory=list)
    head: str = field(init=False)

    def __post_init__(self) -> None:
        self.head = head_of(self.recording, self.entries)

    @property
    def n(self) -> int:
        """Number of entries."""
        return len(self.entries)

    def append(self, kind: str, **values: Any) -> Mapping[str, Any]:  # noqa: ANN401 - the values of JSON
        """Append an entry of this type with these values, and return it.

        Raises:
            ValueError: the type is unknown, the chain is sealed, or `canonical` rejects a value.
        """
        entry = {**values, "n": self.n + 1, "type": kind}
        _check_place(entry, self.entries[-1] if self.entries else None, self.n + 1)
        self.head = next_hash(self.head, entry)
        self.entries.append(entry)
        return entry


def head_of(recording: str, entries: Iterable[Mapping[str, Any]]) -> str:
    """Return the last hash of a chain; without entries, h0.

    Raises:
        BrokenChain: an entry has the wrong number, an unknown type or an invalid value, or follows the seal.
    """
    head, previous = first_hash(recording), None
    for n, entry in enumerate(entries, 1):
        _check_place(entry, previous, n)
        try:
            head = next_hash(head, entry)
        except ValueError as invalid:
            raise BrokenChain(n, str(invalid)) from invalid
        previous = entry
    return head


def _check_place(entry: Mapping[str, Any], previous: Mapping[str, Any] | None, n: int) -> None:
    if entry.get("n") != n or type(entry["n"]) is not int:
        raise BrokenChain(n, "wrong number")
    if entry.get("type") not in ENTRY_TYPES:
        raise BrokenChain(n, "unknown type")
    if previous is not None and previous["type"] == "sealed":
        raise BrokenChain(n, "follows the seal")


def _check(value: object, level: int = 1) -> None:
    match value:
        case bool():
            raise ValueError("booleans have no place in evidence")
        case None:
            pass
        case int():
            if abs(value) > MAX_INTEGER:
                raise ValueError("an integer beyond 2^53")
        case str():
            value.encode()  # UnicodeEncodeError is a ValueError
        case Mapping() if level > _MAX_LEVELS:
            raise ValueError(f"more than {_MAX_LEVELS} levels")
        case Mapping():
            for key, inner in value.items():
                if not isinstance(key, str) or _KEY.fullmatch(key) is None:
                    raise ValueError("a key that is not a lower-case ASCII name")
                _check(inner, level + 1)
        case _:
            raise ValueError(f"a value of type {type(value).__name__}")
