"""The paging parameters of all lists: page size, page number and page token."""

import pytest

from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.forms import lists
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain.errors import InvalidParameter
from tapedeck.domain.page import Cursor, PageRequest, TimeRange

FORMS = (
    lists.ListCalls, lists.ListConferences, lists.ListParticipants, lists.ListRecordings, lists.ListRecordingsOfParent,
    lists.ListTranscriptions, lists.ListTranscriptionsOfRecording,
)  # fmt: skip
ID = "0123456789abcdef" * 2

each_list = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
each_dialect = pytest.mark.parametrize("dialect", [TWILIO, SIGNALWIRE], ids=["twilio", "signalwire"])


def of_another_kind(dialect: Dialect) -> str:
    """Return a sid of another kind in Twilio's dialect; SignalWire's sids have no kind, so one without hyphens."""
    return dialect.format_sid(ResourceType.API_KEY, ID) if dialect is TWILIO else ID


@each_dialect
@each_list
@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        *[("PageSize", value, "page_size") for value in ("0", "-1", "-" + "9" * 40)],
        *[("PageSize", value, "choice") for value in ("x", "1.0", "٣", "1e3", " 1")],
        *[("Page", value, "choice") for value in ("-1", "x")],
        *[("PageToken", value, "page_token") for value in ("x", "PA", "PC{sid}", "{sid}", "PA{other}", "PA{sid}0")],
    ],
)
def test_rejects_invalid_paging(
    dialect: Dialect, form: type[lists.ListForm], name: str, value: str, fault: str
) -> None:
    """A size below 1, an invalid page number, or a malformed token is rejected."""
    given = value.replace("{sid}", dialect.format_sid(form.KIND, ID)).replace("{other}", of_another_kind(dialect))
    with pytest.raises(InvalidParameter) as raised:
        form.read({name: [given]}, dialect)
    assert (raised.value.name, raised.value.fault) == (name, fault)


@each_dialect
@each_list
def test_reads_paging(dialect: Dialect, form: type[lists.ListForm]) -> None:
    """The page has the given size, number and token; the token says in which direction the page lies."""
    token = dialect.format_sid(form.KIND, ID)
    for direction, backwards in (("PA", False), ("PB", True)):
        fields = {"PageSize": ["7"], "Page": ["3"], "PageToken": [f"{direction}{token}"]}
        assert form.read(fields, dialect).page == PageRequest(7, 3, Cursor(ID, backwards=backwards))
    for size in ("1", "1000"):
        assert form.read({"PageSize": [size]}, dialect).page == PageRequest(int(size), 0, None)
    for size in ("1001", "5000", "9" * 18, "9" * 40):
        assert form.read({"PageSize": [size]}, dialect).page == PageRequest(1000, 0, None)


@each_list
@pytest.mark.parametrize("number", ["1", "200", "201", "9" * 18])
@pytest.mark.parametrize("token", [[], [""]])
def test_twilio_requires_a_token_after_the_first_page(
    form: type[lists.ListForm], number: str, token: list[str]
) -> None:
    """A `Page` above 0 without a token is rejected in Twilio's dialect; `Page=0` needs none."""
    with pytest.raises(InvalidParameter) as raised:
        form.read({"Page": [number], "PageToken": token}, TWILIO)
    assert (raised.value.name, raised.value.fault) == ("PageToken", "page_token_missing")
    assert form.read({"Page": ["0"], "PageToken": token}, TWILIO).page == PageRequest(50, 0, None)


@each_list
def test_signalwire_skips_by_page_number(form: type[lists.ListForm]) -> None:
    """SignalWire skips `Page` times `PageSize` items, at most 10,000; a size above 1000 counts as 1000."""
    assert form.read({"Page": ["200"]}, SIGNALWIRE).page == PageRequest(50, 200, None)
    assert form.read({"Page": ["10"], "PageSize": ["5000"]}, SIGNALWIRE).page == PageRequest(1000, 10, None)
    for fields in ({"Page": ["201"]}, {"Page": ["9" * 18]}, {"Page": ["11"], "PageSize": ["5000"]}):
        with pytest.raises(InvalidParameter) as raised:
            form.read(fields, SIGNALWIRE)
        assert (raised.value.name, raised.value.fault) == ("Page", "choice")


@each_dialect
@each_list
@pytest.mark.parametrize(
    "fields",
    [{}, {"PageSize": [""], "Page": [""], "PageToken": [""]}, {"PageSize": ["3", ""]}, {"pagesize": ["2"]}],
    ids=["absent", "empty", "last empty", "other name"],
)
def test_ignores_empty_and_unknown_parameters(
    dialect: Dialect, form: type[lists.ListForm], fields: dict[str, list[str]]
) -> None:
    """Empty values and unknown names count as absent: the first page of 50, and no filter."""
    read = form.read(fields, dialect)
    assert (read.page, dict(read.filters)) == (PageRequest(50, 0, None), {})


@each_dialect
@each_list
def test_keeps_given_filters_for_links(dialect: Dialect, form: type[lists.ListForm]) -> None:
    """Filters are kept exactly as the client sent them; paging parameters are not among them."""
    given = {f"{name}{sign}": ["2018-09-25"] for name in form.DATES for sign in ("", "<", ">")}
    read = form.read({**given, "PageSize": ["5"]}, dialect)
    assert dict(read.filters) == dict.fromkeys(given, "2018-09-25")


MIDNIGHT = 1_537_833_600
"""25 September 2018, 00:00 UTC, in seconds since the epoch."""

LAST_SECONDS = {
    (lists.ListCalls, "StartTime"): MIDNIGHT - 1,
    (lists.ListCalls, "EndTime"): MIDNIGHT - 1,
    (lists.ListConferences, "DateCreated"): MIDNIGHT,
    (lists.ListConferences, "DateUpdated"): MIDNIGHT,
    (lists.ListRecordings, "DateCreated"): MIDNIGHT,
    (lists.ListRecordingsOfParent, "DateCreated"): MIDNIGHT,
    (lists.ListTranscriptions, "DateCreated"): MIDNIGHT,
}
"""The last second that `<` and the day select, by form and filter."""


def test_every_date_filter_has_a_bound() -> None:
    """The table has the date filters of all forms."""
    assert LAST_SECONDS.keys() == {(form, name) for form in FORMS for name in form.DATES}


@each_dialect
@pytest.mark.parametrize(("form", "name"), LAST_SECONDS, ids=[f"{form.__name__}-{name}" for form, name in LAST_SECONDS])
def test_bounds_of_a_day(dialect: Dialect, form: type[lists.ListForm], name: str) -> None:
    """`<` of a call excludes the midnight of the day, every other `<` includes it, and so does every `>`."""
    read = form.read({f"{name}<": ["2018-09-25"]}, dialect)
    assert read.span(name) == TimeRange(None, LAST_SECONDS[form, name])
    assert form.read({f"{name}>": ["2018-09-25"]}, dialect).span(name) == TimeRange(MIDNIGHT, None)
