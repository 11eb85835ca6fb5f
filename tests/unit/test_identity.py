"""Ids: UUIDs of version 7, ordered by time, with 74 random bits each (REL-10)."""

import secrets
from collections import Counter
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck.domain.identity import created_at, new_id

NOW = 1_537_916_400_250
TIMES = st.integers(min_value=0, max_value=2**48 - 1)


@settings(max_examples=100, deadline=None, database=None)
@given(TIMES)
def test_is_a_uuid_of_version_7(milliseconds: int) -> None:
    """An id is an RFC 9562 UUID of version 7 in 32 lower-case hex digits, and contains its creation time (C-4)."""
    identifier = new_id(milliseconds)
    uuid = UUID(identifier)
    assert identifier == uuid.hex
    assert (uuid.version, uuid.variant) == (7, "specified in RFC 4122")
    assert int(identifier[:12], 16) == milliseconds
    assert created_at(identifier) == milliseconds // 1000


@settings(max_examples=100, deadline=None, database=None)
@given(TIMES, TIMES)
def test_sorts_by_time(one: int, other: int) -> None:
    """Ids of earlier milliseconds sort first as text."""
    earlier, later = sorted((one, other))
    if earlier < later:
        assert new_id(earlier) < new_id(later)


def test_is_unique() -> None:
    """Ids of one millisecond are distinct."""
    assert len({new_id(NOW) for _ in range(20_000)}) == 20_000


def _random_bits(identifier: str) -> int:
    """Return the 74 bits that are neither time nor version nor variant."""
    value = int(identifier, 16)
    return (value >> 64 & 0xFFF) << 62 | value & (1 << 62) - 1


def test_has_74_fresh_random_bits() -> None:
    """Each of the 74 bits is set in half of the ids, independently of the previous id.

    Among 8,000 ids, the share of a fair bit deviates by 2.8 % (5 standard deviations) once in two million trials.
    """
    number, tolerance = 8_000, 0.028
    ids = [_random_bits(new_id(NOW)) for _ in range(number)]
    changes = [one ^ other for one, other in pairwise(ids)]
    for values in (ids, changes):
        counts = Counter(bit for value in values for bit in range(74) if value >> bit & 1)
        assert len(counts) == 74
        assert all(abs(count / len(values) - 0.5) < tolerance for count in counts.values())


def test_uses_the_random_source_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """All random bits come from `secrets`, drawn anew for each id."""
    drawn: list[int] = []

    def randbits(bits: int) -> int:
        drawn.append(bits)
        return 0

    monkeypatch.setattr(secrets, "randbits", randbits)
    assert [new_id(0), new_id(0)] == ["00000000000070008000000000000000"] * 2
    assert sum(drawn) == 2 * 74


@pytest.mark.parametrize(("milliseconds", "seconds"), [(0, 0), (999, 0), (1000, 1), (1_537_916_400_999, 1_537_916_400)])
def test_creation_time_is_in_whole_seconds(milliseconds: int, seconds: int) -> None:
    """The creation time is truncated to whole seconds, not rounded (C-16)."""
    assert created_at(new_id(milliseconds)) == seconds
