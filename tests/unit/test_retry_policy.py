"""Retry policies of callbacks: timeouts, attempts and retried failures, by vendor and URL fragment."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck.dialects.callback_selection import callbacks_in
from tapedeck.domain.retry_policy import FailureKind, RetryPolicy, is_delivered
from tapedeck.ports.messaging import FailureReason, Timeouts, WebhookResult
from tests.thoroughness import scaled

HOOK = "https://app.example.com/hooks?tenant=42"
DEFAULTS = {
    "twilio": RetryPolicy(5000, 15_000, 15_000, 2, frozenset({FailureKind.CONNECT}), 3),
    "signalwire": RetryPolicy(2000, 5000, 15_000, 3, frozenset({FailureKind.CONNECT, FailureKind.READ}), 3),
}
BOTH = pytest.mark.parametrize("dialect", DEFAULTS)


def policy_of(dialect: str, url: str) -> RetryPolicy:
    """Return the retry policy of a callback to this URL."""
    return callbacks_in(dialect).policy(url)


def answered(status: int) -> WebhookResult:
    """Return the result of an attempt that got this status."""
    return WebhookResult(status, None, 12)


def failed(failure: FailureReason) -> WebhookResult:
    """Return the result of an attempt without a response."""
    return WebhookResult(None, failure, 12)


CONNECT, READ = failed(FailureReason.CONNECT), failed(FailureReason.READ)
NEVER_RETRIED = [
    *(failed(each) for each in FailureReason if each not in {FailureReason.CONNECT, FailureReason.READ}),
    *(answered(status) for status in (100, 200, 204, 299, 301, 304, 399, 600)),
]
"""Results that are never retried."""


@BOTH
def test_default_policy_is_the_vendors(dialect: str) -> None:
    """A URL without a fragment gets the vendor's timeouts, attempts and redirect limit (C-81)."""
    assert policy_of(dialect, HOOK) == DEFAULTS[dialect]
    policy = policy_of(dialect, HOOK)
    assert Timeouts(policy.connect, policy.read, policy.total).total == 15_000


@pytest.mark.parametrize(
    ("dialect", "again"), [("twilio", {CONNECT}), ("signalwire", {CONNECT, READ})], ids=["twilio", "signalwire"]
)
def test_retries_the_failures_that_the_vendor_retries(dialect: str, again: set[WebhookResult]) -> None:
    """Twilio retries after a failed connection, SignalWire also after a read timeout; no status is retried (C-80)."""
    policy = policy_of(dialect, HOOK)
    statuses = [answered(status) for status in range(100, 600)]
    outcomes = [failed(each) for each in FailureReason] + statuses
    assert {outcome for outcome in outcomes if policy.should_retry(outcome, 1)} == again


@BOTH
def test_stops_after_the_last_attempt(dialect: str) -> None:
    """Attempts include the first: at most two for Twilio, three for SignalWire."""
    policy = policy_of(dialect, HOOK)
    most = {"twilio": 2, "signalwire": 3}[dialect]
    assert [policy.should_retry(CONNECT, attempt) for attempt in range(1, 6)] == [
        attempt < most for attempt in range(1, 6)
    ]


def test_counts_any_2xx_as_success() -> None:
    """A 2xx response is a delivery; every other status and every failure is not (C-78)."""
    assert [status for status in range(100, 600) if is_delivered(answered(status))] == list(range(200, 300))
    assert not any(is_delivered(failed(each)) for each in FailureReason)


def test_delays_grow_between_attempts() -> None:
    """The delay is one second before the second attempt and two seconds before each later one (C-79)."""
    policy = policy_of("twilio", f"{HOOK}#rc=5")
    assert [policy.delay_before(attempt) for attempt in range(2, policy.attempts + 1)] == [1000, 2000, 2000, 2000, 2000]


def test_failure_kinds_match_failure_reasons() -> None:
    """The connect and read kinds of the policy are spelled like the reasons of the webhook client."""
    assert (str(FailureReason.CONNECT), str(FailureReason.READ)) == (FailureKind.CONNECT, FailureKind.READ)


NUMBERS = {
    "twilio": {
        "ct": ("connect", 100, 10_000, 0),
        "rt": ("read", 100, 15_000, 0),
        "tt": ("total", 100, 15_000, 0),
        "rc": ("attempts", 0, 5, 1),
    },
    "signalwire": {
        "ot": ("connect", 100, 10_000, 0),
        "rt": ("read", 100, 15_000, 0),
        "tt": ("total", 100, 15_000, 0),
    },
}
"""By keyword: the policy field, its minimum and maximum, and the offset added to the number."""
ALL_NUMBERS = [(dialect, name) for dialect, names in NUMBERS.items() for name in names]


@pytest.mark.parametrize(("dialect", "name"), ALL_NUMBERS)
def test_reads_numbers_from_the_fragment(dialect: str, name: str) -> None:
    """The minimum and the maximum are accepted; values beyond them are ignored."""
    part, least, most, offset = NUMBERS[dialect][name]
    for number in (least, least + 1, most - 1, most):
        expected: dict[str, Any] = {part: number + offset}
        assert policy_of(dialect, f"{HOOK}#{name}={number}") == replace(DEFAULTS[dialect], **expected)
    for number in (least - 1, most + 1):
        assert policy_of(dialect, f"{HOOK}#{name}={number}") == DEFAULTS[dialect]


@pytest.mark.parametrize(("dialect", "name"), ALL_NUMBERS)
@pytest.mark.parametrize(
    "text",
    ["", "x", "-1", "+1", "1e3", "0x80", "1.0", "\u0663", "\u0663" * 3, "1 ", "1_0", "1" * 5000, "%", "%ff", "=1"],
)
def test_ignores_malformed_numbers(dialect: str, name: str, text: str) -> None:
    """A value that is not a plain decimal number is ignored."""
    assert policy_of(dialect, f"{HOOK}#{name}={text}") == DEFAULTS[dialect]


@pytest.mark.parametrize(
    ("text", "causes"),
    [
        ("ct", {FailureKind.CONNECT}),
        ("rt", {FailureKind.READ}),
        ("4xx", {FailureKind.CLIENT_ERROR}),
        ("5xx", {FailureKind.SERVER_ERROR}),
        ("all", set(FailureKind)),
        ("ct,5xx", {FailureKind.CONNECT, FailureKind.SERVER_ERROR}),
        ("4xx%2Crt", {FailureKind.CLIENT_ERROR, FailureKind.READ}),
        ("rt,all,rt", set(FailureKind)),
        ("rt,6xx,,", {FailureKind.READ}),
        ("", {FailureKind.CONNECT}),
        (",", {FailureKind.CONNECT}),
        ("none", {FailureKind.CONNECT}),
        ("ALL", {FailureKind.CONNECT}),
    ],
)
def test_reads_retried_failures_from_the_fragment(text: str, causes: set[FailureKind]) -> None:
    """Twilio's `rp` lists the failures to retry; unknown words are ignored."""
    assert policy_of("twilio", f"{HOOK}#rp={text}") == replace(DEFAULTS["twilio"], retried=frozenset(causes))
    assert policy_of("signalwire", f"{HOOK}#rp={text}") == DEFAULTS["signalwire"]


@pytest.mark.parametrize(
    ("word", "outcomes"),
    [
        ("ct", {CONNECT}),
        ("rt", {READ}),
        ("4xx", {answered(400), answered(404), answered(429), answered(499)}),
        ("5xx", {answered(500), answered(503), answered(599)}),
    ],
)
def test_retries_only_the_listed_failures(word: str, outcomes: set[WebhookResult]) -> None:
    """Each word of `rp` retries its own failures, `all` retries the four kinds, and other results never retry."""
    policy, every = policy_of("twilio", f"{HOOK}#rp={word}"), policy_of("twilio", f"{HOOK}#rp=all")
    known = [CONNECT, READ, *map(answered, (400, 404, 429, 499, 500, 503, 599))]
    assert {outcome for outcome in known if policy.should_retry(outcome, 1)} == outcomes
    assert all(every.should_retry(outcome, 1) for outcome in known)
    assert not any(each.should_retry(outcome, 1) for outcome in NEVER_RETRIED for each in (policy, every))


@pytest.mark.parametrize(
    ("dialect", "fragment", "changed"),
    [
        (
            "twilio",
            "#rc=3&ct=100&rt=200&tt=10000&rp=all",
            {"attempts": 4, "connect": 100, "read": 200, "total": 10_000, "retried": frozenset(FailureKind)},
        ),
        ("signalwire", "#ot=100&rt=200&tt=300", {"connect": 100, "read": 200, "total": 300}),
        # Keywords differ by dialect and are lower-case.
        ("twilio", "#ot=100&RC=3&e=ashburn&sni=y", {}),
        ("signalwire", "#ct=100&rc=5", {}),
        # Of a repeated keyword, the last valid value wins.
        ("twilio", "#rc=1&rc=3&rc=9&rc", {"attempts": 4}),
        ("twilio", "#rc=0", {"attempts": 1}),
        ("twilio", "#top&&&rc=3;ct=200&ct=200", {"connect": 200}),
    ],
)
def test_reads_several_keywords(dialect: str, fragment: str, changed: dict[str, Any]) -> None:
    """The keywords of a fragment are independent; unknown names are ignored."""
    assert policy_of(dialect, HOOK + fragment) == replace(DEFAULTS[dialect], **changed)


@BOTH
def test_ignores_the_query(dialect: str) -> None:
    """Retry keywords in the query of the URL have no effect."""
    assert policy_of(dialect, f"{HOOK}&rc=3&ct=100&ot=100&rp=all#top") == DEFAULTS[dialect]


@BOTH
@pytest.mark.sized
@settings(max_examples=scaled(deep=1_000, ci=250, fast=25), deadline=None, database=None)
@given(
    fragment=st.text(max_size=40)
    | st.lists(
        st.tuples(st.sampled_from(["rc", "ct", "rt", "tt", "rp", "ot"]), st.integers(-1, 20_000) | st.text(max_size=5))
    ).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))
)
def test_stays_within_the_vendors_bounds(dialect: str, fragment: str) -> None:
    """No fragment exceeds the vendor's limits of attempts and timeouts."""
    policy = policy_of(dialect, f"{HOOK}#{fragment}")
    assert 100 <= policy.connect <= 10_000
    assert 100 <= policy.read <= 15_000
    assert 100 <= policy.total <= 15_000
    assert 1 <= policy.attempts <= (6 if dialect == "twilio" else 3)
    assert policy.retried
    assert policy.max_redirects == 3
