"""Formats of SIDs, times and phone numbers, and the selection of the dialect."""

import locale
import re
import time
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.formatting import rfc2822, rfc2822_or_none
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO, parse_any_sid, select_dialect
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.telephone import formatted

BOTH = pytest.mark.parametrize("dialect", [TWILIO, SIGNALWIRE], ids=["twilio", "signalwire"])
quick = settings(max_examples=100, deadline=None, database=None)
IDS = st.integers(min_value=0, max_value=2**128 - 1).map(lambda number: f"{number:032x}")
FORMS = {"twilio": r"(AC|AP|CA|CF|PN|RE|SK|TR)[0-9a-f]{32}", "signalwire": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"}


@BOTH
@quick
@given(identifier=IDS, kind=st.sampled_from(ResourceType))
def test_sids_round_trip(dialect: Dialect, identifier: str, kind: ResourceType) -> None:
    """A formatted SID parses to its id, in any case; the other dialect does not parse it."""
    sid = dialect.format_sid(kind, identifier)
    assert re.fullmatch(FORMS[dialect.name], sid)
    assert dialect.parse_sid(kind, sid) == identifier
    digits = len(kind) if dialect is TWILIO else 0
    assert dialect.parse_sid(kind, sid[:digits] + sid[digits:].upper()) == identifier
    assert parse_any_sid(kind, sid) == identifier
    assert (SIGNALWIRE if dialect is TWILIO else TWILIO).parse_sid(kind, sid) is None


@quick
@given(identifier=IDS, kind=st.sampled_from(ResourceType), other=st.sampled_from(ResourceType))
def test_twilio_sids_distinguish_resource_types(identifier: str, kind: ResourceType, other: ResourceType) -> None:
    """The prefix of a Twilio SID names the resource type; a SignalWire UUID does not."""
    assert (TWILIO.parse_sid(other, TWILIO.format_sid(kind, identifier)) is None) == (kind is not other)
    assert SIGNALWIRE.format_sid(kind, identifier) == SIGNALWIRE.format_sid(other, identifier) == str(UUID(identifier))


@BOTH
@quick
@given(text=st.text(max_size=40), kind=st.sampled_from(ResourceType))
def test_parses_only_its_own_format(dialect: Dialect, text: str, kind: ResourceType) -> None:
    """Every text that parses has the dialect's format."""
    if dialect.parse_sid(kind, text) is not None:
        assert re.fullmatch(FORMS[dialect.name], text.lower() if dialect is SIGNALWIRE else text[:2] + text[2:].lower())


UUID_FORM, SID_FORM = "720796a0-8ee9-4350-83bd-2d07a3121f1e", "AC720796a08ee9435083bd2d07a3121f1e"


@pytest.mark.parametrize(
    "text",
    [
        "", UUID_FORM.replace("-", ""), SID_FORM[:-1], SID_FORM + "0", SID_FORM + "\n", "\n" + SID_FORM, f" {SID_FORM}",
        SID_FORM.lower(), "aC" + SID_FORM[2:], UUID_FORM + "\n", UUID_FORM[:-1], UUID_FORM + "0", f"{{{UUID_FORM}}}",
        UUID_FORM.replace("-", "_"), UUID_FORM.replace("7", "\u0667"), SID_FORM.replace("7", "\u0667"),
        SID_FORM.replace("a", "\uff41"),
    ],
)  # fmt: skip
def test_rejects_near_misses(text: str) -> None:
    """Other lengths, digits, separators or line breaks are rejected in both dialects."""
    assert parse_any_sid(ResourceType.ACCOUNT, text) is None


@pytest.mark.parametrize(
    ("account", "path", "dialect"),
    [
        (UUID_FORM, "/2010-04-01/Accounts/x", SIGNALWIRE),
        (UUID_FORM.upper(), "/", SIGNALWIRE),
        (SID_FORM, "/api/laml/2010-04-01/Accounts/x", TWILIO),
        ("AC" + SID_FORM[2:].upper(), "/api/laml", TWILIO),
        ("me", "/2010-04-01/Accounts/me", TWILIO),
        ("me", "/api/laml/2010-04-01/Accounts/me", SIGNALWIRE),
        ("", "", TWILIO),
        ("", "/api/laml", SIGNALWIRE),
        ("", "/api/laml/", SIGNALWIRE),
        ("", "/api/lam", TWILIO),
        ("", "/x/api/laml/", TWILIO),
        ("CA" + SID_FORM[2:], "/api/laml/", SIGNALWIRE),
    ],
)
def test_selects_the_dialect(account: str, path: str, dialect: Dialect) -> None:
    """The format of the account SID selects the dialect, otherwise the prefix of the path (C-1)."""
    assert select_dialect(account, path) is dialect


@quick
@given(st.integers(min_value=0, max_value=253_402_300_799))
def test_formats_times(seconds: int) -> None:
    """Any second until the year 9999 is RFC 2822 in UTC, as the standard library formats and parses it."""
    text = rfc2822(seconds)
    assert text == format_datetime(datetime.fromtimestamp(seconds, UTC))
    assert parsedate_to_datetime(text).timestamp() == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "Thu, 01 Jan 1970 00:00:00 +0000"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
        (1_537_916_400, "Tue, 25 Sep 2018 23:00:00 +0000"),
        (1_546_300_799, "Mon, 31 Dec 2018 23:59:59 +0000"),
        (4_102_444_800, "Fri, 01 Jan 2100 00:00:00 +0000"),
    ],
)
def test_formats_boundary_times(seconds: int, text: str) -> None:
    """Leap days, ends of years, two-digit days, and `Sep` rather than `Sept` (C-106)."""
    assert rfc2822(seconds) == rfc2822_or_none(seconds) == text
    assert rfc2822_or_none(None) is None


def test_formats_times_independently_of_locale_and_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the locale nor the time zone of the machine changes the format."""
    before = locale.setlocale(locale.LC_TIME)
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    try:
        for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "ja_JP.UTF-8", "C"):
            try:
                locale.setlocale(locale.LC_TIME, name)
            except locale.Error:
                continue  # not installed here
            assert rfc2822(1_537_916_400) == "Tue, 25 Sep 2018 23:00:00 +0000"
        # Simulates a locale with other names.
        monkeypatch.setattr(time, "strftime", lambda *_arguments: "Di, 25 Okt")
        assert rfc2822(1_537_916_400) == "Tue, 25 Sep 2018 23:00:00 +0000"
    finally:
        locale.setlocale(locale.LC_TIME, before)
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("+13105678901", "(310) 567-8901"),
        ("+1310567890", "+1310567890"),
        ("+131056789012", "+131056789012"),
        ("+442071838750", "+442071838750"),
        ("+1310567890a", "+1310567890a"),
        ("13105678901", "13105678901"),
        ("sip:a@b.example", "sip:a@b.example"),
        ("client:anna", "client:anna"),
        ("", ""),
    ],
)
def test_formats_north_american_numbers(address: str, text: str) -> None:
    """A North American number gets its national format; any other address is unchanged."""
    assert formatted(address) == text


@pytest.mark.parametrize(
    ("status", "signalwire"),
    [
        ("queued", "in-progress"),
        ("connecting", "in-progress"),
        ("ringing", "in-progress"),
        ("connected", "in-progress"),
        ("complete", "completed"),
        ("failed", "completed"),
    ],
)
def test_statuses_of_participants(status: str, signalwire: str) -> None:
    """SignalWire has two statuses of a participant, Twilio all six, of which `complete` is spelled without a d."""
    participant = Participant("1" * 32, "2" * 32, 0, status=ParticipantStatus(status))
    shown = [dialect.participant("3" * 32, participant)["status"] for dialect in (TWILIO, SIGNALWIRE)]
    assert shown == [status, signalwire]
