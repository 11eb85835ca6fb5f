"""Which bytes are wanted: against a model that tries every place (RFC 9110, section 14)."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tapedeck.http.byte_ranges import ByteRange, not_modified, parse_range

SIZES = st.integers(1, 12)
LONG = ["9" * 18, "1" + "0" * 18, "0" * 20 + "3", "8" * 40, "9" * 40]
NUMBERS = st.integers(0, 15).map(str) | st.just("") | st.sampled_from(["00", "007", *LONG])
TAG = '"0123456789abcdef"'


def model(text: str, size: int) -> str | list[int]:
    """`whole` where the text counts as no range, else the places that are wanted, one by one."""
    found = re.fullmatch("bytes=([0-9]*)-([0-9]*)", text)
    if found is None or found.groups() == ("", ""):
        return "whole"
    first, last = found.groups()
    if first and last and int(last) < int(first):
        return "whole"
    if not first:
        return [place for place in range(size) if place >= size - int(last)]
    return [place for place in range(size) if int(first) <= place and (not last or place <= int(last))]


def places(wanted: ByteRange) -> list[int]:
    """The places that are wanted, one by one."""
    return list(range(wanted.first, wanted.first + wanted.size))


@given(first=NUMBERS, last=NUMBERS, size=SIZES)
def test_wants_what_the_model_wants(first: str, last: str, size: int) -> None:
    """Every range of a small file, whatever the size of its numbers: the same places, or the whole, or none."""
    text = f"bytes={first}-{last}"
    wanted = parse_range({"range": text}, size, TAG)
    expected = model(text, size)
    assert wanted.is_part == (expected != "whole")
    if expected in ("whole", []):
        assert wanted.size <= 0 if wanted.is_part else wanted == ByteRange(0, size - 1)
    else:
        assert places(wanted) == expected


def test_reads_numbers_that_python_does_not() -> None:
    """However many digits a number has, it is a place beyond every file."""
    endless = "9" * 5_000
    assert parse_range({"range": f"bytes=1-{endless}"}, 7, TAG) == ByteRange(1, 6, is_part=True)
    assert parse_range({"range": f"bytes=-{endless}"}, 7, TAG) == ByteRange(0, 6, is_part=True)
    assert parse_range({"range": f"bytes={endless}-"}, 7, TAG).size <= 0
    assert parse_range({"range": f"bytes={endless}0-{endless}"}, 7, TAG) == ByteRange(0, 6)


@given(text=st.text(alphabet="bytes=-0123456789, \t;x\u0661\n\0", max_size=20) | st.text(max_size=20), size=SIZES)
def test_whatever_is_asked_has_an_answer(text: str, size: int) -> None:
    """No text breaks it: what is wanted lies in the file, or nothing is."""
    wanted = parse_range({"range": text}, size, TAG)
    assert set(places(wanted)) <= set(range(size))
    assert wanted.is_part or wanted.size == size


@given(tag=st.sampled_from([TAG, f"W/{TAG}", '"x"', "", "*", "Tue, 25 Sep 2018 23:00:00 GMT"]), size=SIZES)
def test_a_part_of_another_file_is_not_wanted(tag: str, size: int) -> None:
    """`If-Range` counts only where it is this file's own tag, strong and whole."""
    assert parse_range({"range": "bytes=0-0", "if-range": tag}, size, TAG).is_part == (tag == TAG)


@given(
    tags=st.lists(st.sampled_from([TAG, f"W/{TAG}", '"x"', '""', "", TAG.strip('"')]), max_size=4),
    gap=st.sampled_from([",", ", ", " ,", "\t,  "]),
)
def test_knows_its_own_tag_among_others(tags: list[str], gap: str) -> None:
    """`If-None-Match` compares weakly, and takes a star for any file."""
    assert not_modified({"if-none-match": gap.join(tags)}, TAG) == bool({TAG, f"W/{TAG}"} & set(tags))
    assert not_modified({"if-none-match": " * "}, TAG)
    assert not not_modified({}, TAG)
