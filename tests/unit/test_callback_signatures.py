"""Encoding and signing of callbacks."""

from typing import NamedTuple
from urllib.parse import parse_qsl, urlparse, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from tapedeck.dialects.callback_selection import callbacks_in
from tapedeck.dialects.callbacks import encode, sign, signature_base_url, with_query
from tapedeck.domain.subscription import is_valid_callback_url
from tests.thoroughness import scaled

HOOK = "https://app.example.com/hooks/recording?tenant=42"
TOKEN = "0123456789abcdef0123456789abcdef"
SIGNING_KEY = "PSK_0123456789abcdefABCDEF"
TWILIO_FIELDS = {
    "AccountSid": "AC720796a08ee9435083bd2d07a3121f1e",
    "CallSid": "CA43bb71ee553f4074bb208e2747647cce",
    "RecordingSid": "RE19e436af56884307b03bbdb2b42b8142",
    "RecordingUrl": "https://api.twilio.com/2010-04-01/Accounts/AC720796a08ee9435083bd2d07a3121f1e/Recordings/"
    "RE19e436af56884307b03bbdb2b42b8142",
    "RecordingStatus": "completed",
    "RecordingDuration": "4",
    "RecordingChannels": "1",
    "RecordingStartTime": "Tue, 25 Sep 2018 23:00:00 +0000",
    "RecordingSource": "StartCallRecordingAPI",
    "RecordingTrack": "both",
    "ErrorCode": "0",
}
SIGNALWIRE_FIELDS = {
    "AccountSid": "720796a0-8ee9-4350-83bd-2d07a3121f1e",
    "CallSid": "43bb71ee-553f-4074-bb20-8e2747647cce",
    "RecordingSid": "19e436af-5688-4307-b03b-bdb2b42b8142",
    "RecordingUrl": "https://example.signalwire.com/api/laml/2010-04-01/Accounts/720796a0-8ee9-4350-83bd-2d07a3121f1e/"
    "Recordings/19e436af-5688-4307-b03b-bdb2b42b8142",
    "RecordingStatus": "completed",
    "RecordingDuration": "4",
    "RecordingChannels": "1",
    "RecordingSource": "StartCallRecordingApi",
}
TWILIO_QUERY = (
    "&AccountSid=AC720796a08ee9435083bd2d07a3121f1e&CallSid=CA43bb71ee553f4074bb208e2747647cce"
    "&RecordingSid=RE19e436af56884307b03bbdb2b42b8142"
    "&RecordingUrl=https%3A%2F%2Fapi.twilio.com%2F2010-04-01%2FAccounts%2FAC720796a08ee9435083bd2d07a3121f1e"
    "%2FRecordings%2FRE19e436af56884307b03bbdb2b42b8142"
    "&RecordingStatus=completed&RecordingDuration=4&RecordingChannels=1"
    "&RecordingStartTime=Tue%2C%2025%20Sep%202018%2023%3A00%3A00%20%2B0000"
    "&RecordingSource=StartCallRecordingAPI&RecordingTrack=both&ErrorCode=0"
)
SIGNALWIRE_QUERY = (
    "&AccountSid=720796a0-8ee9-4350-83bd-2d07a3121f1e&CallSid=43bb71ee-553f-4074-bb20-8e2747647cce"
    "&RecordingSid=19e436af-5688-4307-b03b-bdb2b42b8142"
    "&RecordingUrl=https%3A%2F%2Fexample.signalwire.com%2Fapi%2Flaml%2F2010-04-01%2FAccounts"
    "%2F720796a0-8ee9-4350-83bd-2d07a3121f1e%2FRecordings%2F19e436af-5688-4307-b03b-bdb2b42b8142"
    "&RecordingStatus=completed&RecordingDuration=4&RecordingChannels=1&RecordingSource=StartCallRecordingApi"
)


class Vector(NamedTuple):
    """A key, a requested URL, the fields of a POST, and the expected signature."""

    key: str
    url: str
    fields: dict[str, str]
    signature: str


VECTORS = {
    "twilio-recording-completed-post": Vector(TOKEN, HOOK, TWILIO_FIELDS, "3eCxpqdTT/sCRo+o/ZNoSFi9hYA="),
    "twilio-recording-completed-post-port": Vector(
        TOKEN, HOOK.replace(".com/", ".com:8443/"), TWILIO_FIELDS, "D6YR7LQLbnrwdDT0CUCB8yhkCyc="
    ),
    "twilio-recording-completed-get": Vector(TOKEN, HOOK + TWILIO_QUERY, {}, "Ik2pyBzEMz14PPqto/QTXVBkSdE="),
    "signalwire-recording-completed-post": Vector(SIGNING_KEY, HOOK, SIGNALWIRE_FIELDS, "kTdCSu5T0FcjQuspxpu+bf9pOn4="),
    "signalwire-recording-completed-get": Vector(
        SIGNING_KEY, HOOK + SIGNALWIRE_QUERY, {}, "9ZKJVtjUYsaQJJqJr74sipJXfgU="
    ),
    # Published in the test suites of Twilio's own SDKs.
    "twilio-published": Vector(
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        {
            "CallSid": "CA1234567890ABCDE",
            "Caller": "+14158675309",
            "Digits": "1234",
            "From": "+14158675309",
            "To": "+18005551212",
        },
        "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_computes_the_signature_of_each_vector(name: str) -> None:
    """Each test vector has its signature, in any order of the fields."""
    vector = VECTORS[name]
    assert sign(vector.key, vector.url, vector.fields) == vector.signature
    assert sign(vector.key, vector.url, dict(reversed(vector.fields.items()))) == vector.signature


@pytest.mark.parametrize(
    ("fields", "query"),
    [(TWILIO_FIELDS, TWILIO_QUERY), (SIGNALWIRE_FIELDS, SIGNALWIRE_QUERY)],
    ids=["twilio", "signalwire"],
)
def test_appends_fields_to_the_query_of_a_get(fields: dict[str, str], query: str) -> None:
    """The fields of a GET follow the query of its URL, encoded as in the vectors."""
    assert with_query(HOOK, fields) == HOOK + query


def test_signature_headers() -> None:
    """Twilio's signature comes with an idempotency token; SignalWire's is sent in two headers (C-84)."""
    assert callbacks_in("twilio").headers("c2ln", "token") == {
        "X-Twilio-Signature": "c2ln",
        "I-Twilio-Idempotency-Token": "token",
    }
    assert callbacks_in("signalwire").headers("c2ln", "token") == {
        "X-SignalWire-Signature": "c2ln",
        "X-Twilio-Signature": "c2ln",
    }


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        (HOOK, HOOK),
        (f"{HOOK}#rc=2&ct=100", HOOK),
        ("https://user:pass@app.example.com/", "https://app.example.com/"),
        ("https://user:p%40ss@app.example.com:8443/x#rc=1", "https://app.example.com:8443/x"),
        ("https://user@app.example.com?x=1", "https://app.example.com?x=1"),
        # Every URL parser takes the last `@` as the end of the user info.
        ("https://a@b@app.example.com/", "https://app.example.com/"),
        ("https://@app.example.com/", "https://app.example.com/"),
        # The URL is not normalized: no port is added or removed, nothing is encoded or decoded.
        ("http://app.example.com:80/", "http://app.example.com:80/"),
        ("https://app.example.com:443", "https://app.example.com:443"),
        ("https://App.Example.com/%7Eé?q=a+b%20c&&=", "https://App.Example.com/%7Eé?q=a+b%20c&&="),
        ("https://user@[2001:db8::1]:8080/x", "https://[2001:db8::1]:8080/x"),
        # An `@` after the host is not user info.
        ("https://app.example.com?to=bob@b.example", "https://app.example.com?to=bob@b.example"),
        ("https://app.example.com/@bob?at=@", "https://app.example.com/@bob?at=@"),
        ("https://app.example.com?to=https://bob@b.example/", "https://app.example.com?to=https://bob@b.example/"),
        ("https://u@a.example/http://bob@b.example/#x#y", "https://a.example/http://bob@b.example/"),
    ],
)
def test_signs_the_url_without_user_info_and_fragment(url: str, signed: str) -> None:
    """The signed URL omits user info and fragment; everything else is signed unchanged."""
    assert is_valid_callback_url(url)
    assert signature_base_url(url) == signed
    assert signature_base_url(signed) == signed


@pytest.mark.parametrize(
    ("url", "got"),
    [
        ("https://a.example", "https://a.example?B=2&A=%201"),
        ("https://a.example/x#rc=1?&", "https://a.example/x?B=2&A=%201#rc=1?&"),
        ("https://u:p@a.example/x?é=%41+b&&#f#g", "https://u:p@a.example/x?é=%41+b&&&B=2&A=%201#f#g"),
    ],
)
def test_keeps_the_query_and_fragment_of_a_get(url: str, got: str) -> None:
    """The URL of a GET keeps its query before the fields and its fragment after them."""
    assert with_query(url, {"B": "2", "A": " 1"}) == got


def test_encodes_a_form() -> None:
    """A body is percent-encoded UTF-8 with its fields in order (C-72)."""
    fields = {"FriendlyName": "Café & Söhne=+%", "AccountSid": "AC0", "CallSid": "a b~c"}
    assert encode(fields) == b"FriendlyName=Caf%C3%A9%20%26%20S%C3%B6hne%3D%2B%25&AccountSid=AC0&CallSid=a%20b~c"


# --- Verified with Twilio's SDK --------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
FIELDS = st.dictionaries(TEXT, TEXT, min_size=1, max_size=6)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
_PART = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Z"], exclude_characters="#?/\\"),
    min_size=1,
    max_size=8,
)
_WORD = st.from_regex(r"[A-Za-z0-9%.~]{1,8}", fullmatch=True)


@st.composite
def urls(draw: st.DrawFn) -> str:
    """Generate callback URLs with ports, user info, queries, fragments and characters of all kinds."""
    scheme = draw(st.sampled_from(["http", "https"]))
    user = draw(st.sampled_from(["", "{}@", "{}:{}@"])).format(draw(_WORD), draw(_WORD))
    host = draw(st.sampled_from(["a.example", "App.Example.com", "localhost", "127.0.0.1", "[2001:db8::1]"]))
    port = draw(st.sampled_from(["", ":80", ":443", ":8443", ":65535"]))
    path = draw(st.sampled_from(["", "/", "/{}", "/{}//{}/"])).format(draw(_PART), draw(_PART))
    query = draw(st.sampled_from(["", "?{}", "?{}={}&&x=1", "?to=https://bob@b.example/{}"]))
    fragment = draw(st.sampled_from(["", "#rc=2&ct=100", "#{}"]))
    rest = query.format(draw(_PART), draw(_PART)) + fragment.format(draw(_PART))
    return f"{scheme}://{user}{host}{port}{path}{rest}"


often = settings(max_examples=scaled(deep=500, ci=150, fast=20), deadline=None, database=None)


@pytest.mark.sized
@often
@given(key=KEYS, url=urls().filter(is_valid_callback_url), fields=FIELDS)
def test_the_vendors_sdk_accepts_a_post(key: str, url: str, fields: dict[str, str]) -> None:
    """Twilio's validator accepts the signature of a POST, and rejects it for a forged field."""
    arrived = dict(parse_qsl(encode(fields).decode(), keep_blank_values=True, strict_parsing=True))
    assert list(arrived.items()) == list(fields.items())
    signature = sign(key, url, fields)
    _assert_accepted(key, signature_base_url(url), arrived, signature)
    forged = {**arrived, next(iter(fields)): f"{next(iter(fields.values()))}?"}
    assert not RequestValidator(key).validate(signature_base_url(url), forged, signature)


@pytest.mark.sized
@often
@given(key=KEYS, url=urls().filter(is_valid_callback_url), fields=FIELDS)
def test_the_vendors_sdk_accepts_a_get(key: str, url: str, fields: dict[str, str]) -> None:
    """Twilio's validator accepts the signature of a GET; its URL is valid and keeps the original query."""
    target = with_query(url, fields)
    assert is_valid_callback_url(target)
    before, after = urlsplit(url), urlsplit(target)
    assert after._replace(query="") == before._replace(query="")
    assert after.query.startswith(f"{before.query}&" if before.query else "")
    added = after.query[len(before.query) + bool(before.query) :]
    assert parse_qsl(added, keep_blank_values=True, strict_parsing=True) == list(fields.items())
    _assert_accepted(key, signature_base_url(target), {}, sign(key, target, {}))


def _assert_accepted(key: str, url: str, fields: dict[str, str], signature: str) -> None:
    validator = RequestValidator(key)
    assert validator.compute_signature(url, fields) == signature
    # The validator drops a trailing `;` of a path, and then rejects its own signature.
    assert validator.validate(url, fields, signature) is (urlparse(url).geturl() == url)


@pytest.mark.sized
@often
@given(url=urls().filter(is_valid_callback_url))
def test_removes_user_info_and_fragment_only(url: str) -> None:
    """The signed URL parses to the same parts without user info and fragment."""
    parts = urlsplit(url)
    assert urlsplit(signature_base_url(url)) == parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")
