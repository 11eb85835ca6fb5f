"""Range and conditional requests (RFC 9110), compared with a model that tests every offset."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapedeck.http.byte_ranges import ByteRange, not_modified, parse_range

SIZES = st.integers(1, 12)
LONG = ["9" * 18, "1" + "0" * 18, "0" * 20 + "3", "8" * 40, "9" * 40]
NUMBERS = st.integers(0, 15).map(str) | st.just("") | st.sampled_from(["00", "007", *LONG])
TAG = '"0123456789abcdef"'


def model(text: str, size: int) -> str | list[int]:
    """Return `whole` if the text is not a valid range, otherwise the requested offsets."""
    found = re.fullmatch("bytes=([0-9]*)-([0-9]*)", text)
    if found is None or found.groups() == ("", ""):
        return "whole"
    first, last = found.groups()
    if first and last and int(last) < int(first):
        return "whole"
    if not first:
        return [offset for offset in range(size) if offset >= size - int(last)]
    return [offset for offset in range(size) if int(first) <= offset and (not last or offset <= int(last))]


def offsets(byte_range: ByteRange) -> list[int]:
    """Return the offsets of a range."""
    return list(range(byte_range.first, byte_range.first + byte_range.size))


@given(first=NUMBERS, last=NUMBERS, size=SIZES)
def test_parses_ranges_like_the_model(first: str, last: str, size: int) -> None:
    """Any range of a small file, with numbers of any size, selects the same offsets as the model."""
    text = f"bytes={first}-{last}"
    byte_range = parse_range({"range": text}, size, TAG)
    expected = model(text, size)
    assert byte_range.is_part == (expected != "whole")
    if expected in ("whole", []):
        assert byte_range.size <= 0 if byte_range.is_part else byte_range == ByteRange(0, size - 1)
    else:
        assert offsets(byte_range) == expected


def test_reads_numbers_beyond_the_limit_of_int() -> None:
    """A number with more digits than `int` parses is an offset beyond the end of the file."""
    endless = "9" * 5_000
    assert parse_range({"range": f"bytes=1-{endless}"}, 7, TAG) == ByteRange(1, 6, is_part=True)
    assert parse_range({"range": f"bytes=-{endless}"}, 7, TAG) == ByteRange(0, 6, is_part=True)
    assert parse_range({"range": f"bytes={endless}-"}, 7, TAG).size <= 0
    assert parse_range({"range": f"bytes={endless}0-{endless}"}, 7, TAG) == ByteRange(0, 6)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-43", 0, 43),
        ("bytes=99-99", 99, 99),
        ("bytes=0-", 0, 99),
        ("bytes=16-", 16, 99),
        ("bytes=-1", 99, 99),
        ("bytes=-100", 0, 99),
        ("bytes=-99999999", 0, 99),
        ("bytes=10-99999999", 10, 99),
        (f"bytes=-{'9' * 19}", 0, 99),
        ("bytes= 5-6 ", 5, 6),
        ("Bytes=5-6", 5, 6),
        ("bytes=0005-06", 5, 6),
    ],
)
def test_reads_a_range(text: str, first: int, last: int) -> None:
    """A range is a first and a last byte, a first byte alone, or the last so many bytes."""
    assert parse_range({"range": text}, 100, TAG) == ByteRange(first, last, is_part=True)


@pytest.mark.parametrize("text", ["bytes=100-", "bytes=100-100", "bytes=99999999-", f"bytes={'9' * 19}-", "bytes=-0"])
def test_a_range_beyond_the_end_is_an_empty_part(text: str) -> None:
    """A range that begins after the last byte, or has no bytes, is a part without bytes."""
    byte_range = parse_range({"range": text}, 100, TAG)
    assert (byte_range.is_part, byte_range.size <= 0) == (True, True)


@pytest.mark.parametrize(
    "text",
    [
        "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5", "bytes=6-5", "bytes=0-1,5-6", "bytes=0-1,", "0-1",
        "samples=0-1", "bytes:0-1", "bytes=--1", "bytes=+1-2", "bytes=0x1-2", "bytes=1.0-2", "bytes=\u0661-\u0662",
        f"bytes={'9' * 20}-{'9' * 19}",
    ],
)  # fmt: skip
def test_an_invalid_range_is_the_whole_file(text: str) -> None:
    """Several ranges or an invalid one count as none (RFC 9110, 14.2)."""
    assert parse_range({"range": text}, 100, TAG) == ByteRange(0, 99)


@given(text=st.text(alphabet="bytes=-0123456789, \t;x\u0661\n\0", max_size=20) | st.text(max_size=20), size=SIZES)
def test_any_text_yields_a_valid_range(text: str, size: int) -> None:
    """Any header text yields offsets within the file, or an empty range."""
    byte_range = parse_range({"range": text}, size, TAG)
    assert set(offsets(byte_range)) <= set(range(size))
    assert byte_range.is_part or byte_range.size == size


@given(tag=st.sampled_from([TAG, f"W/{TAG}", '"x"', "", "*", "Tue, 25 Sep 2018 23:00:00 GMT"]), size=SIZES)
def test_if_range_requires_the_same_tag(tag: str, size: int) -> None:
    """A range applies only if `If-Range` is exactly the strong tag of the file."""
    assert parse_range({"range": "bytes=0-0", "if-range": tag}, size, TAG).is_part == (tag == TAG)


@given(
    tags=st.lists(st.sampled_from([TAG, f"W/{TAG}", '"x"', '""', "", TAG.strip('"')]), max_size=4),
    gap=st.sampled_from([",", ", ", " ,", "\t,  "]),
)
def test_if_none_match_finds_the_tag_in_a_list(tags: list[str], gap: str) -> None:
    """`If-None-Match` compares weakly, and `*` matches any file."""
    assert not_modified({"if-none-match": gap.join(tags)}, TAG) == bool({TAG, f"W/{TAG}"} & set(tags))
    assert not_modified({"if-none-match": " * "}, TAG)
    assert not not_modified({}, TAG)
