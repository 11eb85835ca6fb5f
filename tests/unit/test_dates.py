"""Dates in filters: what each list takes for one, and what they leave (behaviour.md, section 9)."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tapedeck.dialects.forms.dates import DateFilter, parse_any_date, read_day, read_day_or_instant, span_of
from tapedeck.domain.identity import new_id
from tapedeck.domain.page import ALL_TIME, HIGHEST, Cursor, TimeRange, ids_of, predecessor, successor

Read = Callable[[str], DateFilter | None]
DAY = timedelta(days=1)
ISO = "%Y-%m-%dT%H:%M:%SZ"

BOUNDARIES = [date(2018, 9, 30), date(2018, 12, 31), date(2020, 2, 29), date(2019, 2, 28), date(2020, 3, 1)]
"""Ends of a month, of a year, of a February in a leap year and in none."""

days = st.one_of(st.sampled_from(BOUNDARIES), st.dates(date(1971, 1, 1), date(2300, 12, 31)))


def midnight(day: date) -> int:
    """The first second of a day in UTC, reckoned with `datetime`."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


@given(day=days)
def test_a_day_is_all_its_seconds(day: date) -> None:
    """From midnight UTC to the second before the next, wherever the month ends."""
    for read in (read_day, read_day_or_instant, parse_any_date):
        moment = read(day.isoformat())
        assert moment is not None
        assert moment.span == TimeRange(midnight(day), midnight(day + DAY) - 1)


@given(at=st.datetimes(datetime(1971, 1, 1), datetime(2300, 12, 31)), hours=st.integers(-12, 14))  # noqa: DTZ001 - made aware below
def test_an_instant_is_one_second_in_every_form(at: datetime, hours: int) -> None:
    """ISO 8601 in UTC, with an offset or without, and RFC 2822 name the same second."""
    aware = at.replace(microsecond=0, tzinfo=UTC)
    expected = DateFilter(int(aware.timestamp()), is_day=False)
    assert read_day_or_instant(aware.strftime(ISO)) == expected
    local = aware.astimezone(tz=datetime.strptime(f"{hours:+03d}00", "%z").tzinfo)
    for text in (aware.strftime(ISO), aware.isoformat(), local.isoformat(), format_datetime(local)):
        assert parse_any_date(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "x", "2018-9-25", "2018-09-31", "2019-02-29", "2018-13-01", "2018-00-01", "18-09-25", "2018-09-25 ",
     "٢018-09-25", "2018-09-25T24:00:00Z", "2018-09-25T23:61:00Z", "0000-01-01", "1537916400",
     "Tue, 32 Sep 2018 23:00:00 +0000", "20180925", "2018-W39-2", "2018W392", "2018-W39"],
)  # fmt: skip
def test_what_is_no_date_is_none(text: str) -> None:
    """Impossible days and half a date are refused, not bent into shape."""
    assert (read_day(text), read_day_or_instant(text), parse_any_date(text)) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("2018-09-25", {read_day, read_day_or_instant, parse_any_date}),
        ("2018-09-25T23:00:00Z", {read_day_or_instant, parse_any_date}),
        ("2018-09-25T23:00:00", {parse_any_date}),
        ("20180925T230000Z", {parse_any_date}),
        ("2018-09-25T23:00:00+02:00", {parse_any_date}),
        ("Tue, 25 Sep 2018 23:00:00 +0000", {parse_any_date}),
        ("Tue, 25 Sep 2018 23:00:00 -0000", {parse_any_date}),
    ],
)
def test_each_list_takes_its_own_forms(text: str, reads: set[Read]) -> None:
    """Days only, days and instants, or anything that SignalWire's pages mention."""
    assert {read for read in (read_day, read_day_or_instant, parse_any_date) if read(text) is not None} == reads


@given(day=days, before=days, after=days)
@example(day=BOUNDARIES[0], before=BOUNDARIES[0], after=BOUNDARIES[0])
def test_filters_combine_with_and(day: date, before: date, after: date) -> None:
    """Each second is left by all filters together exactly if each leaves it, at every boundary there is."""
    moments = [read_day(each.isoformat()) for each in (day, before, after)]
    seconds = {midnight(each) + offset for each in (day, before, after, day + DAY) for offset in (-1, 0, 1)}
    for includes in (True, False):
        span = span_of(*moments, before_includes=includes)
        for second in seconds:
            is_left = (
                midnight(day) <= second < midnight(day + DAY)
                and (second <= midnight(before) if includes else second < midnight(before))
                and second >= midnight(after)
            )
            assert (second in span) == is_left


def test_what_has_not_happened_lies_in_the_open_span_only() -> None:
    """A call that has not ended fits every list that does not ask when, and no other."""
    assert None in ALL_TIME
    assert None not in TimeRange(0, None)
    assert None not in TimeRange(None, 2**40)


@given(day=days, offset=st.integers(-3, 3), edge=st.sampled_from(["first", "last"]))
def test_ids_lie_in_the_range_of_their_second(day: date, offset: int, edge: str) -> None:
    """Whatever its random bits, an id is in the range of a span exactly if its second is in the span."""
    span = TimeRange(midnight(day), midnight(day + DAY) - 1)
    bound = span.first if edge == "first" else span.last
    assert bound is not None
    ids = ids_of(span)
    for milliseconds in (0, 1, 999):
        identifier = new_id((bound + offset) * 1000 + milliseconds)
        assert (ids.low <= identifier <= ids.high) == (bound + offset in span)


@pytest.mark.parametrize("span", [TimeRange(None, -1), TimeRange(-5, -1), TimeRange(2, 1)])
def test_an_impossible_span_has_no_ids(span: TimeRange) -> None:
    """Before 1970, and where the end lies before the beginning, nothing is looked for."""
    assert ids_of(span).is_empty


@given(value=st.integers(0, 2**128 - 1))
@example(value=0)
@example(value=2**128 - 1)
def test_a_cursor_leaves_its_own_id_out(value: int) -> None:
    """Behind an id come the smaller ones, before it the greater ones; at the ends nothing does."""
    identifier = f"{value:032x}"
    behind, before = ids_of(ALL_TIME, Cursor(identifier)), ids_of(ALL_TIME, Cursor(identifier, backwards=True))
    assert (behind.low, behind.high, behind.ascending) == ("0" * 32, predecessor(identifier), False)
    assert (before.low, before.high, before.ascending) == (successor(identifier), HIGHEST, True)
    assert behind.is_empty == (value == 0)
    assert before.is_empty == (value == 2**128 - 1)
