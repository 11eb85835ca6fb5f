"""Byte ranges and conditional requests (C-53; RFC 9110, sections 13 and 14)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_RANGE: Final = re.compile(r"bytes=\s*(\d*)-(\d*)\s*", re.ASCII | re.IGNORECASE)
_MAX_DIGITS: Final = 18
_BEYOND: Final = 10**_MAX_DIGITS
"""An offset beyond any file, used for longer numbers: Python parses at most 4,300 digits."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The first and last requested byte, and whether they are a partial range; empty if `last` is below `first`."""

    first: int
    last: int
    is_part: bool = False

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self.last - self.first + 1


def not_modified(headers: Mapping[str, str], etag: str) -> bool:
    """Return whether the client already has this version of the file (`If-None-Match`)."""
    known = headers.get("if-none-match", "")
    return known.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in known.split(",")]


def parse_range(headers: Mapping[str, str], size: int, etag: str) -> ByteRange:
    """Return the requested range of a file of this size.

    Several ranges, a malformed range, or a range of a file that has changed (`If-Range`) give the whole file.
    """
    whole = ByteRange(0, size - 1)
    found = _RANGE.fullmatch(headers.get("range", ""))
    if found is None or headers.get("if-range", etag) != etag:
        return whole
    first, last = found.groups()
    if not (first or last):
        return whole
    if not first:
        # A suffix range: the last n bytes.
        return ByteRange(max(0, size - _number(last)), size - 1, is_part=True)
    if last and _by_size(last) < _by_size(first):
        return whole
    end = min(_number(last), size - 1) if last else size - 1
    return ByteRange(_number(first), end, is_part=True)


def _number(digits: str) -> int:
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _MAX_DIGITS else _BEYOND


def _by_size(digits: str) -> tuple[int, str]:
    """Return a sort key of a number of any length, without parsing it."""
    significant = digits.lstrip("0")
    return len(significant), significant
