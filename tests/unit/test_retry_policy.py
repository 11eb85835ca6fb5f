"""How often and how patiently callbacks are tried (behaviour.md, section 7.3)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck.dialects.callback_selection import policy_of
from tapedeck.domain.retry_policy import FailureKind, RetryPolicy, is_delivered
from tapedeck.ports.messaging import FailureReason, Timeouts, WebhookResult
from tests.thoroughness import scaled

HOOK = "https://app.example.com/hooks?tenant=42"
USUAL = {
    "twilio": RetryPolicy(5000, 15_000, 15_000, 2, frozenset({FailureKind.CONNECT}), 3),
    "signalwire": RetryPolicy(2000, 5000, 15_000, 3, frozenset({FailureKind.CONNECT, FailureKind.READ}), 3),
}
BOTH = pytest.mark.parametrize("dialect", USUAL)


def answered(status: int) -> WebhookResult:
    """Somebody has answered."""
    return WebhookResult(status, None, 12)


def failed(failure: FailureReason) -> WebhookResult:
    """Nobody has."""
    return WebhookResult(None, failure, 12)


CONNECT, READ = failed(FailureReason.CONNECT), failed(FailureReason.READ)
NEVER = [
    *(failed(each) for each in FailureReason if each not in {FailureReason.CONNECT, FailureReason.READ}),
    *(answered(status) for status in (100, 200, 204, 299, 301, 304, 399, 600)),
]
"""After what nothing would be better the next time."""


@BOTH
def test_tries_as_the_vendor_does(dialect: str) -> None:
    """A URL that says nothing is tried as the vendor tries: so long, so often, following so many redirects."""
    assert policy_of(dialect, HOOK) == USUAL[dialect]
    policy = policy_of(dialect, HOOK)
    assert Timeouts(policy.connect, policy.read, policy.total).total == 15_000


@pytest.mark.parametrize(
    ("dialect", "again"), [("twilio", {CONNECT}), ("signalwire", {CONNECT, READ})], ids=["twilio", "signalwire"]
)
def test_tries_again_after_what_the_vendor_does(dialect: str, again: set[WebhookResult]) -> None:
    """Twilio's callbacks are tried again after a failed connection, SignalWire's also after a timeout; nothing else."""
    policy = policy_of(dialect, HOOK)
    statuses = [answered(status) for status in range(100, 600)]
    outcomes = [failed(each) for each in FailureReason] + statuses
    assert {outcome for outcome in outcomes if policy.should_retry(outcome, 1)} == again


@BOTH
def test_stops_after_the_last_attempt(dialect: str) -> None:
    """The first attempt counts: one more in Twilio's dialect, two in SignalWire's."""
    policy = policy_of(dialect, HOOK)
    most = {"twilio": 2, "signalwire": 3}[dialect]
    assert [policy.should_retry(CONNECT, attempt) for attempt in range(1, 6)] == [
        attempt < most for attempt in range(1, 6)
    ]


def test_counts_any_2xx_as_success() -> None:
    """Whatever answers 2xx has been told; all else has not."""
    assert [status for status in range(100, 600) if is_delivered(answered(status))] == list(range(200, 300))
    assert not any(is_delivered(failed(each)) for each in FailureReason)


def test_pauses_longer_each_time() -> None:
    """One second before the second attempt, two before the third and before all that follow."""
    policy = policy_of("twilio", f"{HOOK}#rc=5")
    assert [policy.delay_before(attempt) for attempt in range(2, policy.attempts + 1)] == [1000, 2000, 2000, 2000, 2000]


def test_names_causes_as_failures_are_named() -> None:
    """The words of a failed connection and of a timeout are those of whoever sends."""
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
"""By name: what is set, between which values, and what is added to them."""
ALL_NUMBERS = [(dialect, name) for dialect, names in NUMBERS.items() for name in names]


@pytest.mark.parametrize(("dialect", "name"), ALL_NUMBERS)
def test_takes_numbers_from_the_fragment(dialect: str, name: str) -> None:
    """The least and the most that is allowed are taken; one less and one more are not."""
    part, least, most, more = NUMBERS[dialect][name]
    for number in (least, least + 1, most - 1, most):
        wanted: dict[str, Any] = {part: number + more}
        assert policy_of(dialect, f"{HOOK}#{name}={number}") == replace(USUAL[dialect], **wanted)
    for number in (least - 1, most + 1):
        assert policy_of(dialect, f"{HOOK}#{name}={number}") == USUAL[dialect]


@pytest.mark.parametrize(("dialect", "name"), ALL_NUMBERS)
@pytest.mark.parametrize(
    "text",
    ["", "x", "-1", "+1", "1e3", "0x80", "1.0", "\u0663", "\u0663" * 3, "1 ", "1_0", "1" * 5000, "%", "%ff", "=1"],
)
def test_ignores_what_is_no_number(dialect: str, name: str, text: str) -> None:
    """What cannot be read is as if it had not been said."""
    assert policy_of(dialect, f"{HOOK}#{name}={text}") == USUAL[dialect]


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
def test_takes_the_causes_from_the_fragment(text: str, causes: set[FailureKind]) -> None:
    """In Twilio's dialect `rp` says after which causes to try again; words that mean nothing are ignored."""
    assert policy_of("twilio", f"{HOOK}#rp={text}") == replace(USUAL["twilio"], retried=frozenset(causes))
    assert policy_of("signalwire", f"{HOOK}#rp={text}") == USUAL["signalwire"]


@pytest.mark.parametrize(
    ("word", "outcomes"),
    [
        ("ct", {CONNECT}),
        ("rt", {READ}),
        ("4xx", {answered(400), answered(404), answered(429), answered(499)}),
        ("5xx", {answered(500), answered(503), answered(599)}),
    ],
)
def test_tries_again_after_what_was_asked_for(word: str, outcomes: set[WebhookResult]) -> None:
    """Each word has the failures of its own tried again, `all` these four kinds, and nothing makes a success fail."""
    policy, every = policy_of("twilio", f"{HOOK}#rp={word}"), policy_of("twilio", f"{HOOK}#rp=all")
    known = [CONNECT, READ, *map(answered, (400, 404, 429, 499, 500, 503, 599))]
    assert {outcome for outcome in known if policy.should_retry(outcome, 1)} == outcomes
    assert all(every.should_retry(outcome, 1) for outcome in known)
    assert not any(each.should_retry(outcome, 1) for outcome in NEVER for each in (policy, every))


@pytest.mark.parametrize(
    ("dialect", "fragment", "wanted"),
    [
        (
            "twilio",
            "#rc=3&ct=100&rt=200&tt=10000&rp=all",
            {"attempts": 4, "connect": 100, "read": 200, "total": 10_000, "retried": frozenset(FailureKind)},
        ),
        ("signalwire", "#ot=100&rt=200&tt=300", {"connect": 100, "read": 200, "total": 300}),
        # Each dialect has names of its own, and they are lower-case.
        ("twilio", "#ot=100&RC=3&e=ashburn&sni=y", {}),
        ("signalwire", "#ct=100&rc=5", {}),
        # Of several, the last that can be read counts.
        ("twilio", "#rc=1&rc=3&rc=9&rc", {"attempts": 4}),
        ("twilio", "#rc=0", {"attempts": 1}),
        ("twilio", "#top&&&rc=3;ct=200&ct=200", {"connect": 200}),
    ],
)
def test_takes_several_at_once(dialect: str, fragment: str, wanted: dict[str, Any]) -> None:
    """The fragment's fields are each for itself; names that mean nothing are ignored."""
    assert policy_of(dialect, HOOK + fragment) == replace(USUAL[dialect], **wanted)


@BOTH
def test_reads_the_fragment_only(dialect: str) -> None:
    """What stands in the query belongs to whoever is called."""
    assert policy_of(dialect, f"{HOOK}&rc=3&ct=100&ot=100&rp=all#top") == USUAL[dialect]


@BOTH
@settings(max_examples=scaled(1000, 100), deadline=None, database=None)
@given(
    fragment=st.text(max_size=40)
    | st.lists(
        st.tuples(st.sampled_from(["rc", "ct", "rt", "tt", "rp", "ot"]), st.integers(-1, 20_000) | st.text(max_size=5))
    ).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))
)
def test_stays_within_the_vendors_bounds(dialect: str, fragment: str) -> None:
    """Whatever a fragment says, nothing is tried more often or longer than the vendor would."""
    policy = policy_of(dialect, f"{HOOK}#{fragment}")
    assert 100 <= policy.connect <= 10_000
    assert 100 <= policy.read <= 15_000
    assert 100 <= policy.total <= 15_000
    assert 1 <= policy.attempts <= (6 if dialect == "twilio" else 3)
    assert policy.retried
    assert policy.max_redirects == 3
