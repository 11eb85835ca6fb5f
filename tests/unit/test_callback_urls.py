"""Validation and normalization of callback URLs (REL-15)."""

from urllib.parse import unquote, urlsplit, urlunsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from tapedeck.adapters.webhooks.http_exchange import HttpHop
from tapedeck.background.webhook_requests import CALLBACK_RENDERERS
from tapedeck.dialects.dialect import Dialect
from tapedeck.dialects.forms.base import CreateCallRecording, Form, UpdateConferenceForm
from tapedeck.dialects.forms.calls import UpdateCallForm
from tapedeck.dialects.forms.create_participant import CreateParticipant
from tapedeck.dialects.forms.participants import UpdateParticipantForm
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain.delivery import CallbackDelivery
from tapedeck.domain.subscription import is_valid_callback_url, normalize_callback_url
from tapedeck.ports.messaging import Timeouts

VALID = [
    "http://a/",
    "https://a/",
    "https://app.example.com/hooks/recording",
    "https://app.example.com/hooks?tenant=42",
    "https://app.example.com/hooks?tenant=42&x=%20+y#rc=2&ct=100",
    "https://app.example.com/?x=1",
    "https://app.example.com:8443/hooks",
    "http://app.example.com:80/",
    "https://user:pass@app.example.com/hooks",
    "https://user@app.example.com/",
    "https://user:p%40ss@app.example.com/",
    "http://127.0.0.1:3000/",
    "http://[::1]/",
    "http://[2001:db8::1]:8080/x",
    "http://localhost/",
    "https://a.example/%C3%A9?q=%c3%bc#ß",
    "https://a.example/%zz?100%",
    "https://a.example/{x}|'\"<>^`[]?{y}",
    "https://a.example//double//slashes",
    "https://a.example/a;b=c/d",
    "https://xn--caf-dma.example/",
    "https://a.example/" + "x" * 10_000,
    "https://a.example:65535/",
    "https://A.Example/",
    "https://a.example/x??#?#",
]

NORMALIZED = {
    "HTTPS://a.example/": "https://a.example/",
    "Http://A.Example/X": "http://A.Example/X",
    "https://a.example": "https://a.example/",
    "https://a.example:8443#rc=2": "https://a.example:8443/#rc=2",
    "https://a.example?": "https://a.example/",
    "https://a.example?x=1": "https://a.example/?x=1",
    "https://a.example/?": "https://a.example/",
    "https://a.example/#": "https://a.example/",
    "https://a.example/?#": "https://a.example/",
    "https://a.example/?#rc=2": "https://a.example/#rc=2",
    "https://a.example/?x#": "https://a.example/?x",
    "https://a.example/é": "https://a.example/%C3%A9",
    "https://a.example/%C3%A9/é?q=%C3%A9&u=é#é": "https://a.example/%C3%A9/%C3%A9?q=%C3%A9&u=%C3%A9#é",
    "https://a.example/e\u0301": "https://a.example/e%CC%81",  # two code points stay two
    "https://a.example?\U0001f4de": "https://a.example/?%F0%9F%93%9E",
    "https://a.example/\u00a0\u2028": "https://a.example/%C2%A0%E2%80%A8",
    "https://user:pass@a.example:8443/%zzé": "https://user:pass@a.example:8443/%zz%C3%A9",
}
"""URLs by what is stored, signed and sent of them."""

INVALID = [
    # Not an absolute http or https URL.
    "",
    "hooks",
    "/hooks",
    "//app.example.com/hooks",
    "app.example.com/hooks",
    "http:",
    "http:/app.example.com",
    "http://",
    "https:///path",
    "https://?x=1",
    "https://:8443/",
    "https://user@/",
    "ftp://app.example.com/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "data:text/plain,x",
    "mailto:a@b.example",
    "httpss://app.example.com/",
    # Control characters, spaces and backslashes.
    " https://a.example/",
    "https://a.example/ ",
    "https://a.example/a b",
    "https://a.example/\t",
    "https://a.example/\n",
    "https://a.example/\r\nX-Header: 1",
    "https://a.example/\0",
    "https://a.example/\x1f",
    "https://a.example/\x7f",
    "ht\ntp://a.example/",
    "https://a.example\\@b.example/",
    "https://a.example/\\",
    "https:\\\\a.example\\",
    # Hosts that are not ASCII, invalid ports.
    "https://café.example/",
    "https://a.example\u2024com/",
    "https://\uff41.example/",
    "https://é@a.example/",
    "https://a.example:0/",
    "https://a.example:65536/",
    "https://a.example:-1/",
    "https://a.example:x/",
    "https://a.example:\uff18\uff10/",
    "https://[::1/",
    "https://::1]/",
    "https://[nonsense]/",
    # A lone surrogate: JSON can express it, UTF-8 cannot.
    "https://a.example/\ud800",
    "https://a.example/?\udfff",
]


LETTERS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
KEYS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=32)


@st.composite
def urls(draw: st.DrawFn) -> str:
    """Generate URLs in all spellings, accepted ones and others."""
    scheme = draw(st.sampled_from(["http", "https", "HTTP", "HttpS"]))
    host = draw(
        st.sampled_from(["a.example", "A.Example", "user:pass@a.example:8443", "[2001:db8::1]", "127.0.0.1:3000"])
    )
    path = draw(st.sampled_from(["", "/", "/{}", "/a//{};b/"])).format(draw(LETTERS))
    query = draw(st.sampled_from(["", "?", "?{}", "?q={}&u=%C3%A9"])).format(draw(LETTERS))
    fragment = draw(st.sampled_from(["", "#", "#rc=2&ct=100", "#{}"])).format(draw(LETTERS))
    return f"{scheme}://{host}{path}{query}{fragment}"


@pytest.mark.parametrize("url", VALID)
def test_accepts_absolute_urls(url: str) -> None:
    """Absolute http and https URLs are valid, with user info, query, fragment and any port but 0, and stay as sent."""
    assert (is_valid_callback_url(url), normalize_callback_url(url)) == (True, url)


@pytest.mark.parametrize("url", INVALID)
def test_rejects_other_urls(url: str) -> None:
    """A URL that is not absolute, or that parsers may read differently, is rejected (C-88)."""
    assert (is_valid_callback_url(url), normalize_callback_url(url)) == (False, None)


@pytest.mark.parametrize("url", NORMALIZED)
def test_normalizes_the_spellings_of_a_url(url: str) -> None:
    """A scheme is lowered, an empty path is `/`, empty parts are dropped, what is beyond ASCII is escaped (C-130)."""
    assert (is_valid_callback_url(url), normalize_callback_url(url)) == (True, NORMALIZED[url])


@given(st.text(max_size=40), st.sampled_from(["", "http://", "https://", "https://a.example/", "https://a@"]))
def test_reads_any_text(text: str, beginning: str) -> None:
    """Any text is accepted or rejected without an error."""
    url = normalize_callback_url(beginning + text)
    assert url is None or _is_normal(url)


@given(urls())
@example("https://a.example/é?ü#ß")
def test_normalizing_again_changes_nothing(url: str) -> None:
    """A normalized URL is its own normal form, survives a parse unchanged, and means what the client sent."""
    normal = normalize_callback_url(url)
    if normal is None:
        assert any(ord(character) <= 0x20 or character in "\x7f\\" for character in url)
        return
    assert _is_normal(normal)
    sent, stored = urlsplit(url), urlsplit(normal)
    assert (stored.scheme, stored.netloc, stored.fragment) == (sent.scheme, sent.netloc, sent.fragment)
    assert [unquote(part) for part in (stored.path, stored.query)] == [
        unquote(part) for part in (sent.path or "/", sent.query)
    ]


def _is_normal(url: str) -> bool:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert f"{parts.scheme}://{parts.netloc}{parts.path}{parts.query}".isascii()
    assert min(map(ord, url)) > 0x20
    return normalize_callback_url(url) == url == urlunsplit(parts)


@given(urls(), st.sampled_from(["GET", "POST"]), st.sampled_from(["twilio", "signalwire"]), KEYS)
@example("HTTPS://a.example/ü?q=é#", "POST", "twilio", "k")
@example("https://a.example/%C3%BC?ü?", "GET", "signalwire", "k")
@example("https://a.example", "POST", "twilio", "k")
@example("https://a.example?x=1", "GET", "signalwire", "k")
def test_the_signed_url_is_the_one_sent(url: str, method: str, dialect: str, key: str) -> None:
    """The request line of a callback has exactly the path and the query that its signature covers."""
    normal = normalize_callback_url(url)
    if normal is None:
        return
    delivery = CallbackDelivery(
        "0" * 32, "1" * 32, 1, "completed", dialect, normal, method, "FriendlyName=%C3%A9&Page=1", "token", 1
    )
    request = CALLBACK_RENDERERS[dialect].request(delivery, key, Timeouts(1, 1, 1), 0)
    parts = urlsplit(request.url)
    line = HttpHop(method, parts, request.headers, request.body).target
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    signed = f"{origin}{line}"
    fields = {"FriendlyName": "é", "Page": "1"} if method == "POST" else {}
    expected = RequestValidator(key).compute_signature(signed, fields)
    assert request.headers["X-Twilio-Signature"] == expected


FIELDS = {
    CreateCallRecording: ("RecordingStatusCallback",),
    UpdateCallForm: ("Url", "FallbackUrl", "StatusCallback"),
    UpdateConferenceForm: ("AnnounceUrl",),
    UpdateParticipantForm: ("AnnounceUrl", "HoldUrl", "WaitUrl"),
    CreateParticipant: (
        "StatusCallback", "ConferenceStatusCallback", "RecordingStatusCallback", "ConferenceRecordingStatusCallback",
        "AmdStatusCallback", "WaitUrl", "ClientNotificationUrl",
    ),
}  # fmt: skip
"""The parameters of each form that are URLs."""


@pytest.mark.parametrize("dialect", [TWILIO, SIGNALWIRE], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize(("form", "name"), [(form, name) for form, names in FIELDS.items() for name in names])
def test_every_url_of_a_request_is_normalized(form: type[Form], name: str, dialect: Dialect) -> None:
    """Callback, announce, redirect, fallback, hold and wait URLs are kept in normal form."""
    endpoints = {"From": ["+12025550143"], "To": ["+12025550178"]} if form is CreateParticipant else {}
    read = form.read({**endpoints, name: ["HTTPS://App.example.com/\u00fc?q=\u00e9&p=%C3%A9#"]}, dialect)
    assert "https://App.example.com/%C3%BC?q=%C3%A9&p=%C3%A9" in vars(read).values()


@pytest.mark.parametrize("form", FIELDS)
def test_the_urls_of_a_form_are_known(form: type[Form]) -> None:
    """The table above has every parameter whose name is that of a URL."""
    names = {str(field.alias) for field in form.model_fields.values()}
    assert {name for name in names if name.endswith(("Url", "StatusCallback"))} == set(FIELDS[form])
