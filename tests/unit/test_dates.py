"""Date filters of lists: accepted formats, and the time range that they select."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
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
"""Ends of a month, of a year, and of February in leap years and others."""

days = st.one_of(st.sampled_from(BOUNDARIES), st.dates(date(1971, 1, 1), date(2300, 12, 31)))


def midnight(day: date) -> int:
    """Return the first second of a day in UTC, computed with `datetime`."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


@given(day=days)
def test_a_day_covers_all_its_seconds(day: date) -> None:
    """A day lasts from midnight UTC to the second before the next midnight, across ends of months."""
    for read in (read_day, read_day_or_instant, parse_any_date):
        moment = read(day.isoformat())
        assert moment is not None
        assert moment.span == TimeRange(midnight(day), midnight(day + DAY) - 1)


@given(
    at=st.datetimes(datetime(1971, 1, 1), datetime(2300, 12, 31)),  # noqa: DTZ001 - made aware below
    minutes=st.integers(-1439, 1439),
    fraction=st.from_regex(r"([.,][0-9]{1,40})?", fullmatch=True),
    name=st.sampled_from(["", "[Etc/UTC]", "[Asia/Kolkata]", "[Etc/GMT+5]", "[No/Such_Zone]", "[UTC+05:30]", "[~]"]),
)
def test_an_instant_is_one_second_in_every_form(at: datetime, minutes: int, fraction: str, name: str) -> None:
    """ISO 8601 in UTC, without a zone or with an offset, and RFC 2822 denote the same second; a fraction is dropped."""
    aware = at.replace(microsecond=0, tzinfo=UTC)
    expected = DateFilter(int(aware.timestamp()), is_day=False)
    local = aware.astimezone(timezone(timedelta(minutes=minutes)))
    shift, short = local.strftime("%z"), local.strftime("%Y%m%dT%H%M%S")
    offset = f"{shift[:3]}:{shift[3:]}"
    seconds = local.strftime("%Y-%m-%dT%H:%M:%S")
    texts = [
        aware.strftime(ISO), aware.isoformat(), aware.strftime("%Y-%m-%dT%H:%M:%S"), aware.strftime("%Y%m%dT%H%M%Sz"),
        local.isoformat(), f"{seconds}{fraction}{offset}{name}", f"{short}{fraction}{shift}{name}",
        f"{seconds}{fraction}{offset}".replace("T", " "), f"{seconds}{fraction}{offset}".replace("T", "t"),
        f"{seconds}{fraction}{offset}".replace("+", " "), aware.strftime(f"%Y-%m-%d %H:%M:%S{fraction}Z{name}"),
    ]  # fmt: skip
    assert {text: read_day_or_instant(text) for text in texts} == dict.fromkeys(texts, expected)
    texts += [format_datetime(local), format_datetime(local).replace("+", " "), aware.strftime("%d %b %Y %H:%M:%S GMT")]
    assert {text: parse_any_date(text) for text in texts} == dict.fromkeys(texts, expected)


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("2018-09-25T23:00Z", 1_537_916_400),
        ("2018-09-25T23", 1_537_916_400),
        ("2018-09-25T23:00-0130", 1_537_921_800),
        ("2018-09-25T23:00+02", 1_537_909_200),
        ("2018-09-25T23:00:00.999999999999999999999", 1_537_916_400),
        ("1969-12-31T23:59:59.5Z", -1),
        # A leap second counts as the second after it, also where its offset moves it.
        ("2016-12-31T23:59:60Z", 1_483_228_800),
        ("2017-01-01T05:29:60.25+05:30", 1_483_228_800),
        ("2018-09-25T23:00:00-00:00", 1_537_916_400),
        ("0001-01-01T00:00:00+23:59", -62_135_683_140),
        ("9999-12-31T23:59:59-23:59", 253_402_387_139),
    ],
)
def test_a_timestamp_may_be_short_or_at_an_edge(text: str, second: int) -> None:
    """Minutes and seconds may be missing, as in what Java sends at a full minute; no year overflows."""
    assert read_day_or_instant(text) == parse_any_date(text) == DateFilter(second, is_day=False)


@given(st.text(max_size=40) | st.from_regex(r"[0-9T:+ -]{8,32}", fullmatch=True))
def test_reads_any_text(text: str) -> None:
    """Any text is a date or none, without an error."""
    for read in (read_day, read_day_or_instant, parse_any_date):
        assert read(text) is None or isinstance(read(text), DateFilter)


@pytest.mark.parametrize(
    "text",
    ["", "x", "2018-9-25", "2018-09-31", "2019-02-29", "2018-13-01", "2018-00-01", "18-09-25", "2018-09-25 ",
     "٢018-09-25", "2018-09-25T24:00:00Z", "2018-09-25T23:61:00Z", "0000-01-01", "1537916400",
     "Tue, 32 Sep 2018 23:00:00 +0000", "20180925", "2018-W39-2", "2018W392", "2018-W39",
     "2018-09-25T", "2018-09-25  23:00", "2018-09-25T23:00:", "2018-09-25T23:00:00.", "2018-09-25T23.5",
     "2018-0925T23:00", "2026-02-30T23:00:00Z", "2018-09-25T23:00:61Z", "2018-09-25T23:60:00Z", "0000-01-01T00:00:00Z",
     "2018-09-25T23:00:00+24:00", "2018-09-25T23:00:00+05:60", "2018-09-25T23:00:00+5:30", "2018-09-25T23:00:00+",
     "2018-09-25T23:00:00CET", "2018-09-25T23:00:00 UTC", "2018-09-25T23:00:00[Etc/UTC]", "2018-09-25[Etc/UTC]",
     "2018-09-25T23:00:00Z[]", "2018-09-25T23:00:00Z[Etc/UTC", "2018-09-25T23:00:00Z[a][b]", "2018-09-25T23:00:00Z\n",
     "٢018-09-25T23:00:00Z", "Tue, 25 Sep 2018 23:00:00 +99999999999999999999", "Tue, 25 Sep 2018 23:00:00 +2400",
     "Tue, 25 Sep 2018 23:00:00 CET", "Tue Sep 25 2018 23:00:00 GMT+0200", "Tue, 25 Sep 18 23:00:00 +0000",
     "Tue, 25 Sep 0018 23:00:00 +0000", "Tue, 25 Xyz 2018 23:00:00 +0000"],
)  # fmt: skip
def test_rejects_malformed_dates(text: str) -> None:
    """Impossible days and incomplete dates are rejected, not corrected."""
    assert (read_day(text), read_day_or_instant(text), parse_any_date(text)) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("2018-09-25", {read_day, read_day_or_instant, parse_any_date}),
        ("2018-09-25T23:00:00Z", {read_day_or_instant, parse_any_date}),
        ("2018-09-25T23:00:00", {read_day_or_instant, parse_any_date}),
        ("20180925T230000Z", {read_day_or_instant, parse_any_date}),
        ("2018-09-25T23:00:00+02:00", {read_day_or_instant, parse_any_date}),
        ("2018-09-25T23:00:00.5Z[Etc/UTC]", {read_day_or_instant, parse_any_date}),
        ("Tue, 25 Sep 2018 23:00:00 +0000", {parse_any_date}),
        ("Tue, 25 Sep 2018 23:00:00 -0000", {parse_any_date}),
    ],
)
def test_each_reader_accepts_its_formats(text: str, reads: set[Read]) -> None:
    """A reader accepts days only, days and instants, or every format that SignalWire documents."""
    assert {read for read in (read_day, read_day_or_instant, parse_any_date) if read(text) is not None} == reads


@given(day=days, before=days, after=days)
@example(day=BOUNDARIES[0], before=BOUNDARIES[0], after=BOUNDARIES[0])
def test_filters_combine_with_and(day: date, before: date, after: date) -> None:
    """A second passes the combined filters exactly if it passes each of them, at every boundary."""
    moments = [read_day(each.isoformat()) for each in (day, before, after)]
    seconds = {midnight(each) + offset for each in (day, before, after, day + DAY) for offset in (-1, 0, 1)}
    for includes in (True, False):
        span = span_of(*moments, before_includes=includes)
        for second in seconds:
            passes = (
                midnight(day) <= second < midnight(day + DAY)
                and (second <= midnight(before) if includes else second < midnight(before))
                and second >= midnight(after)
            )
            assert (second in span) == passes


def test_a_missing_time_matches_the_open_range_only() -> None:
    """A call that has not ended matches a list without a time filter, and no other list."""
    assert None in ALL_TIME
    assert None not in TimeRange(0, None)
    assert None not in TimeRange(None, 2**40)


@given(day=days, offset=st.integers(-3, 3), edge=st.sampled_from(["first", "last"]))
def test_ids_fall_into_the_range_of_their_second(day: date, offset: int, edge: str) -> None:
    """An id is in the id range of a time range exactly if its second is, for any random bits."""
    span = TimeRange(midnight(day), midnight(day + DAY) - 1)
    bound = span.first if edge == "first" else span.last
    assert bound is not None
    ids = ids_of(span)
    for milliseconds in (0, 1, 999):
        identifier = new_id((bound + offset) * 1000 + milliseconds)
        assert (ids.low <= identifier <= ids.high) == (bound + offset in span)


@pytest.mark.parametrize("span", [TimeRange(None, -1), TimeRange(-5, -1), TimeRange(2, 1)])
def test_an_impossible_span_has_no_ids(span: TimeRange) -> None:
    """A range before 1970, or one that ends before it begins, has no ids."""
    assert ids_of(span).is_empty


@given(value=st.integers(0, 2**128 - 1))
@example(value=0)
@example(value=2**128 - 1)
def test_a_cursor_excludes_its_own_id(value: int) -> None:
    """After an id come the smaller ones, before it the greater ones; both ends are empty."""
    identifier = f"{value:032x}"
    behind, before = ids_of(ALL_TIME, Cursor(identifier)), ids_of(ALL_TIME, Cursor(identifier, backwards=True))
    assert (behind.low, behind.high, behind.ascending) == ("0" * 32, predecessor(identifier), False)
    assert (before.low, before.high, before.ascending) == (successor(identifier), HIGHEST, True)
    assert behind.is_empty == (value == 0)
    assert before.is_empty == (value == 2**128 - 1)
