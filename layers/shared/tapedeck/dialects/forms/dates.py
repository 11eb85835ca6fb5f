"""Parse the dates in list filters: days and timestamps."""

import re
from dataclasses import dataclass
from datetime import UTC, date
from email.utils import parsedate_to_datetime
from typing import Final

from tapedeck.domain.page import ALL_TIME, TimeRange

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_EPOCH: Final = date(1970, 1, 1).toordinal()
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT: Final = re.compile(
    r"(?P<year>\d{4})(?P<dash>-?)(?P<month>\d{2})(?P=dash)(?P<day>\d{2})"
    r"[Tt ](?P<hour>[01]\d|2[0-3])"
    r"(?::?(?P<minute>[0-5]\d)(?::?(?P<second>[0-5]\d|60)(?:[.,]\d+)?)?)?"
    # The blank is the `+` of a query in which it was not escaped.
    r"(?:(?:[Zz]|(?P<sign>[-+ ])(?P<hours>[01]\d|2[0-3])(?::?(?P<minutes>[0-5]\d))?)(?:\[[\w+\-/.:~ ]+\])?)?",
    re.ASCII,
)
"""ISO 8601, extended or basic, with an optional fraction and zone; the offset may be followed by the zone's name."""
_MAIL_DATE: Final = re.compile(
    r"(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} [1-9]\d{3} \d{2}:\d{2}(?::\d{2})?"
    r"(?: (?:[-+ ]?\d{4}|UT|UTC|GMT|Z|[ECMP][DS]T))?",
    re.ASCII,
)
"""RFC 2822 with a year of four digits and a zone that it defines."""


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
        return DateFilter(_midnight(*map(int, text.split("-"))), is_day=True)
    except ValueError:
        return None


def read_day_or_instant(text: str) -> DateFilter | None:
    """Parse a day, or an ISO 8601 timestamp such as `2018-09-25T23:00:00Z`; return None for anything else (C-132).

    Without a zone it is UTC. A fraction is dropped: times are stored and shown in whole seconds. Second 60 is the next
    second. The name of a zone after an offset is ignored, as the offset is exact.
    """
    found = _INSTANT.fullmatch(text)
    if found is None:
        return read_day(text)
    parts = {name: int(value or 0) for name, value in found.groupdict().items() if name not in {"dash", "sign"}}
    try:
        midnight = _midnight(parts["year"], parts["month"], parts["day"])
    except ValueError:
        return None
    second = midnight + parts["hour"] * _HOUR + parts["minute"] * _MINUTE + parts["second"]
    offset = parts["hours"] * _HOUR + parts["minutes"] * _MINUTE
    return DateFilter(second + (offset if found["sign"] == "-" else -offset), is_day=False)


def parse_any_date(text: str) -> DateFilter | None:
    """Parse a day, an ISO 8601 timestamp, or RFC 2822: `Tue, 25 Sep 2018 23:00:00 +0000`.

    SignalWire's dialect reads every date filter so (C-96). Only `YYYY-MM-DD` is accepted as a day.
    """
    if not _MAIL_DATE.fullmatch(text):
        return read_day_or_instant(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return DateFilter(int(aware.timestamp()), is_day=False)


def _midnight(year: int, month: int, day: int) -> int:
    """Return the first second of a day; raises ValueError if there is no such day."""
    return (date(year, month, day).toordinal() - _EPOCH) * _DAY


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
