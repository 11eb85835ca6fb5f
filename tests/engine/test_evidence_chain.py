"""The evidence chain of a recording: canonical form, hashes, and what breaks a chain."""

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapedeck_protocol.evidence import BrokenChain, EvidenceChain, canonical, first_hash, head_of, next_hash

RECORDING: Final = "01a2b3c4d5e67f8091a2b3c4d5e6f708"
ENTRIES: Final[list[dict[str, Any]]] = [
    {"n": 1, "type": "started", "asked_at": 1_780_000_000_000, "done_at": 1_780_000_000_120, "mono_ms": 0},
    {"n": 2, "type": "paused", "by": "SK\u00e9\n\u2028", "offset": 201_344, "rate": 8_000, "version": 4},
    {"n": 3, "type": "consent", "consent": {"how": 'said "yes"', "at": 0}, "by": None},
]
HASHES: Final = [
    "232fe40b3c0643e1c628ad863d3046bd83cea590c405217cd51e03154d8c0d20",
    "9b3b6a0202f75970ae9fed4e91c684053d7d201cb4b9d46cbc47fe48d9f859fb",
    "834040ecfaaefd583ffd6a52cd7bbb26d098b9061d1c519bbe01bb13265892d9",
    "49ebbb0e34ef328b0f330ec088734b06e3368072aa2b6055f3ff0eb47b35a8cc",
]


def test_the_fixed_vector() -> None:
    """The hashes of a fixed chain are these: other implementations must find the same."""
    found = [first_hash(RECORDING)]
    for entry in ENTRIES:
        found.append(next_hash(found[-1], entry))
    assert found == HASHES
    assert head_of(RECORDING, ENTRIES) == HASHES[-1]
    assert head_of(RECORDING, []) == HASHES[0]


def test_the_canonical_form() -> None:
    """Keys are sorted, nothing is escaped without need, and there are no spaces."""
    assert [canonical(entry) for entry in ENTRIES] == [
        b'{"asked_at":1780000000000,"done_at":1780000000120,"mono_ms":0,"n":1,"type":"started"}',
        '{"by":"SK\u00e9\\n\u2028","n":2,"offset":201344,"rate":8000,"type":"paused","version":4}'.encode(),
        b'{"by":null,"consent":{"at":0,"how":"said \\"yes\\""},"n":3,"type":"consent"}',
    ]


VALUES: Final = st.none() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8"), max_size=5)
KEYS: Final = st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True)
OBJECTS: Final = st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES, max_size=3), max_size=5)


@given(OBJECTS)
def test_the_canonical_form_is_the_entry(entry: dict[str, Any]) -> None:
    """Parsed as JSON, the canonical form is the entry again, and the order of its keys does not matter."""
    assert json.loads(canonical(entry)) == entry
    assert canonical(dict(reversed(entry.items()))) == canonical(entry)


@pytest.mark.parametrize(
    "value", [1.0, True, [], [1], 2**53, -(2**53), "\ud800", {"Key": 1}, {"": 1}, {"\u00e9": 1}, {1: 2}, b"x"]
)
def test_other_values_have_no_canonical_form(value: object) -> None:
    """Fractions, booleans, lists, large integers, lone surrogates and other keys are refused."""
    with pytest.raises(ValueError):  # noqa: PT011 - texts are for people
        canonical({"x": value})


def test_a_deep_entry_is_refused() -> None:
    """An entry of a thousand levels is refused like any other invalid value."""
    entry: dict[str, Any] = {}
    for _ in range(1_000):
        entry = {"x": entry}
    with pytest.raises(ValueError, match="levels"):
        canonical(entry)


def test_a_chain_grows() -> None:
    """Each appended entry gets the next number, and the head is that of the whole list."""
    chain = EvidenceChain(RECORDING)
    assert (chain.n, chain.head) == (0, HASHES[0])
    for entry in ENTRIES:
        values = {name: value for name, value in entry.items() if name not in {"n", "type"}}
        assert chain.append(entry["type"], **values) == entry
    assert (chain.n, chain.head, chain.entries) == (3, HASHES[-1], ENTRIES)
    assert EvidenceChain(RECORDING, list(ENTRIES)).head == chain.head


def test_a_sealed_chain_ends() -> None:
    """Nothing follows the seal, and a refused entry leaves the chain as it was."""
    chain = EvidenceChain(RECORDING)
    chain.append("started")
    with pytest.raises(ValueError, match="float"):
        chain.append("paused", offset=1.5)
    with pytest.raises(BrokenChain, match="unknown type"):
        chain.append("vanished")
    chain.append("sealed", bytes=44)
    head = chain.head
    with pytest.raises(BrokenChain, match="entry 3: follows the seal"):
        chain.append("resumed")
    assert (chain.n, chain.head) == (2, head)


@pytest.mark.parametrize(
    ("entries", "n"),
    [
        (ENTRIES[1:], 1),
        ([ENTRIES[0], ENTRIES[2]], 2),
        ([ENTRIES[0], {**ENTRIES[1], "n": 2.0}], 2),
        ([ENTRIES[0], {**ENTRIES[1], "type": "vanished"}], 2),
        ([ENTRIES[0], {**ENTRIES[1], "type": []}], 2),
        ([ENTRIES[0], {**ENTRIES[1], "offset": 0.5}], 2),
        ([{"n": 1, "type": "sealed"}, {"n": 2, "type": "resumed"}], 2),
    ],
)
def test_a_broken_chain_names_the_entry(entries: list[dict[str, Any]], n: int) -> None:
    """A missing, misplaced or invalid entry is named by its number."""
    with pytest.raises(BrokenChain) as caught:
        head_of(RECORDING, entries)
    assert caught.value.n == n


@given(st.integers(0, 2), st.sampled_from(["version", "by", "done_at"]))
def test_a_changed_entry_changes_the_head(place: int, name: str) -> None:
    """Any change of any entry changes the last hash."""
    changed = [dict(entry) for entry in ENTRIES]
    changed[place][name] = "changed"
    assert head_of(RECORDING, changed) != HASHES[-1]
