"""Parse the dates in list filters: days and timestamps."""

import calendar
import re
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from tapedeck.domain.page import ALL_TIME, TimeRange

_DAY: Final = 86_400
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class DateFilter:
    """A timestamp (seconds since the epoch), or the UTC day that begins at it (C-97)."""

    second: int
    is_day: bool

    @property
    def span(self) -> TimeRange:
        """The range of its seconds: one second or the whole day."""
        return TimeRange(self.second, self.second + (_DAY - 1 if self.is_day else 0))


def read_day(text: str) -> DateFilter | None:
    """Parse a day such as `2018-09-25`; return None for anything else."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return DateFilter(calendar.timegm(time.strptime(text, "%Y-%m-%d")), is_day=True)
    except ValueError:
        return None


def read_day_or_instant(text: str) -> DateFilter | None:
    """Parse a day, or a timestamp such as `2018-09-25T23:00:00Z`; return None for anything else."""
    if not _INSTANT.fullmatch(text):
        return read_day(text)
    try:
        return DateFilter(calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")), is_day=False)
    except ValueError:
        return None


def parse_any_date(text: str) -> DateFilter | None:
    """Parse a day, an ISO 8601 timestamp with any offset, or RFC 2822: `Tue, 25 Sep 2018 23:00:00 +0000`.

    SignalWire's dialect reads every date filter so (C-96). Only `YYYY-MM-DD` is accepted as a day. ISO 8601's other
    forms of a day are rejected, as they would be parsed as midnight.
    """
    found = read_day_or_instant(text)
    if found is not None or _is_day(text) or _INSTANT.fullmatch(text):
        return found
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            at = read(text)
        except (ValueError, TypeError, IndexError):
            continue
        try:
            aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
            return DateFilter(int(aware.astimezone(UTC).timestamp()), is_day=False)
        except (ValueError, OverflowError):
            return None
    return None


def _is_day(text: str) -> bool:
    """Return whether the text is a day without time, in any form of ISO 8601."""
    if _DATE.fullmatch(text):
        return True
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def span_of(
    on: DateFilter | None, before: DateFilter | None, after: DateFilter | None, *, before_includes: bool
) -> TimeRange:
    """Combine the filters `X`, `X<` and `X>` into one range.

    Args:
        on: the day or second to match.
        before: the upper bound; of a day, its first second.
        after: the lower bound, inclusive; of a day, its first second.
        before_includes: whether `before` is inclusive: true for recordings and conferences, false for calls.
    """
    span = on.span if on is not None else ALL_TIME
    if before is not None:
        span &= TimeRange(None, before.second if before_includes else before.second - 1)
    if after is not None:
        span &= TimeRange(after.second, None)
    return span
