"""Dates in filters: days and instants, as each list accepts them (behaviour.md, section 9)."""

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
    """A second since the epoch, or the day that begins with it (UTC)."""

    second: int
    is_day: bool

    @property
    def span(self) -> TimeRange:
        """All seconds of it."""
        return TimeRange(self.second, self.second + (_DAY - 1 if self.is_day else 0))


def read_day(text: str) -> DateFilter | None:
    """`2018-09-25`; None for anything else."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return DateFilter(calendar.timegm(time.strptime(text, "%Y-%m-%d")), is_day=True)
    except ValueError:
        return None


def read_day_or_instant(text: str) -> DateFilter | None:
    """The same or `2018-09-25T23:00:00Z`."""
    if not _INSTANT.fullmatch(text):
        return read_day(text)
    try:
        return DateFilter(calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")), is_day=False)
    except ValueError:
        return None


def parse_any_date(text: str) -> DateFilter | None:
    """The same, ISO 8601 with any offset, or RFC 2822: `Tue, 25 Sep 2018 23:00:00 +0000`.

    A day has one form only: the others would pass for their first second.
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
    """Whether it is a day without a time, in any of ISO's forms."""
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
    """What `X`, `X<` and `X>` leave together.

    Args:
        on: that day or second.
        before: up to that second; of a day, up to its first.
        after: from that second on; of a day, from its first.
        before_includes: whether `before` holds its own second: recordings and conferences do, calls do not.
    """
    span = on.span if on is not None else ALL_TIME
    if before is not None:
        span &= TimeRange(None, before.second if before_includes else before.second - 1)
    if after is not None:
        span &= TimeRange(after.second, None)
    return span
