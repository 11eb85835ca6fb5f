"""Tests of authentication: HTTP Basic, scopes of API keys, and the credential cache (REL-12)."""

import base64
import hmac
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.environment import current_environment
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain.call import Call
from tapedeck.domain.errors import InvalidState, NotAuthenticated
from tapedeck.domain.identity import new_id
from tapedeck.http.services import ApiServices
from tapedeck.operations import authentication
from tapedeck.settings import Settings
from tests.client import Answer, FunctionClient
from tests.conftest import TestAccount
from tests.functions.operations import OPERATIONS, Operation, path_of, perform
from tests.functions.stage import Clock, Stage, Wire, assert_answer, assert_refused, call_path, shown

ReadCall = Callable[..., Answer]


def basic(user: str, secret: str) -> str:
    """Return the `Authorization` header for these credentials."""
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


@pytest.fixture
def known() -> dict[str, Any]:
    """An empty credential cache."""
    return {}


@pytest.fixture
def call(stage: Stage) -> Call:
    """A call to read."""
    return stage.call()


@pytest.fixture
def read_call(client: FunctionClient, call: Call) -> ReadCall:
    """Reads the call with this `Authorization` header."""
    path = client.path(*call_path(client, call))
    return lambda authorization: client.request("GET", path, authorization=authorization)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
def test_every_operation_requires_credentials(client: FunctionClient, wire: Wire, operation: Operation) -> None:
    """Without credentials every operation answers 401, without reading a table."""
    path = path_of(client, operation, dict.fromkeys(operation.variables, "0" * 32))
    for authorization in (None, ""):
        headers = {} if authorization is None else {"Authorization": authorization}
        answer = perform(client, operation, path, authorization=None, headers=headers)
        assert_refused(client, answer, "no credentials")
    assert wire.all == []


@pytest.mark.parametrize("format_sid", [TWILIO.format_sid, SIGNALWIRE.format_sid], ids=["twilio", "signalwire"])
@pytest.mark.parametrize("case", [str, str.upper])
def test_accepts_the_account_in_either_format(
    client: FunctionClient, read_call: ReadCall, account: TestAccount, call: Call, format_sid: Any, case: Any
) -> None:
    """The account's id is a user name in both dialects' formats and any case, for paths of either dialect (C-5)."""
    user = format_sid(ResourceType.ACCOUNT, account.id)
    user = user[:2] + case(user[2:])
    assert_answer(read_call(basic(user, account.token)), 200, shown(client, call))


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
@pytest.mark.parametrize("space", [" ", "  "])
def test_reads_the_scheme_in_any_case(
    client: FunctionClient, read_call: ReadCall, account: TestAccount, scheme: str, space: str
) -> None:
    """The scheme is case-insensitive, and more than one space may follow it (RFC 7617)."""
    header = basic(client.sid(ResourceType.ACCOUNT, account.id), account.token)
    assert read_call(f"{scheme}{space}{header.removeprefix('Basic ')}").status == 200


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


_ACCOUNT = "AC" + "0" * 32
GARBAGE = {
    "another scheme": f"Bearer {_encoded(f'{_ACCOUNT}:x')}",
    "no scheme": _encoded(f"{_ACCOUNT}:x"),
    "nothing after the scheme": "Basic",
    "nothing but spaces": "Basic   ",
    "no base64": "Basic !!!!",
    "base64 without its padding": f"Basic {_encoded(f'{_ACCOUNT}:xx').rstrip('=')}",
    "base64 with a line break inside": "Basic QUM6\neA==",
    "URL-safe base64": "Basic " + base64.urlsafe_b64encode(f"{_ACCOUNT}:??>>~~".encode()).decode().replace("/", "_"),
    "base64 with trailing text": f"Basic {_encoded(f'{_ACCOUNT}:x')} x",
    "base64 of invalid UTF-8": "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
    "not ASCII": "Basic é",
    "no colon": f"Basic {_encoded(_ACCOUNT)}",
    "no secret": f"Basic {_encoded(f'{_ACCOUNT}:')}",
    "no user": f"Basic {_encoded(':x')}",
    "a malformed user": f"Basic {_encoded('admin:x')}",
    "a user with another prefix": f"Basic {_encoded('CA' + '0' * 32 + ':x')}",
    "a user with a line break": f"Basic {_encoded(_ACCOUNT + chr(10) + ':x')}",
    "a user with a lower-case prefix": f"Basic {_encoded(_ACCOUNT.lower() + ':x')}",
    "a user that is too long": f"Basic {_encoded(_ACCOUNT + '0:x')}",
    "20 KB": f"Basic {_encoded('x' * 15_000)}",
}


@pytest.mark.parametrize("authorization", GARBAGE.values(), ids=GARBAGE.keys())
def test_rejects_malformed_credentials_without_a_read(
    client: FunctionClient, read_call: ReadCall, wire: Wire, authorization: str
) -> None:
    """Malformed credentials are rejected without reading a table; base64 and user names are parsed strictly."""
    assert_refused(client, read_call(authorization), "bad credentials")
    assert wire.all == []


def test_rejects_wrong_secrets(client: FunctionClient, read_call: ReadCall, account: TestAccount, wire: Wire) -> None:
    """A wrong secret, even a similar one, is rejected and never cached."""
    user = client.sid(ResourceType.ACCOUNT, account.id)
    wrong = ["x", account.token[:-1], f"{account.token}0", account.token.upper(), f" {account.token}", "é\0:"]
    for secret in wrong * 2:
        assert_refused(client, read_call(basic(user, secret)), "bad credentials")
    assert wire.credentials == ["GetItem"] * len(wrong) * 2
    assert wire.recordings == []


def test_an_unknown_account_looks_like_a_wrong_token(
    client: FunctionClient, read_call: ReadCall, account: TestAccount, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown user and a wrong secret cost one read and one constant-time comparison, with the same response."""
    made = api_bootstrap.get_admin_services().accounts.issue_api_key(account.id, frozenset({"Voice"}))
    fresh = api_bootstrap.get_admin_services().accounts.create()
    compared: list[int] = []
    compare = hmac.compare_digest

    def counting(one: str, other: str) -> bool:
        compared.append(len(other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    seen = []
    for user in (
        client.sid(ResourceType.ACCOUNT, fresh.account),
        client.sid(ResourceType.ACCOUNT, "0" * 32),
        TWILIO.format_sid(ResourceType.API_KEY, made.key),
        TWILIO.format_sid(ResourceType.API_KEY, "0" * 32),
    ):
        wire.all.clear()
        compared.clear()
        answer = read_call(basic(user, "0" * 32))
        seen.append((answer.status, answer.text, wire.credentials, wire.recordings, list(compared)))
    assert all(each == seen[0] for each in seen)
    assert seen[0][2:] == (["GetItem"], [], [64])


# API keys: Twilio's SK and secret, SignalWire's project id and API token.


def test_accepts_an_api_key(
    client: FunctionClient, read_call: ReadCall, account: TestAccount, call: Call, wire: Wire
) -> None:
    """A key's secret is accepted with the key's sid or with the account's id; each costs one read."""
    made = api_bootstrap.get_admin_services().accounts.issue_api_key(account.id)
    wire.all.clear()
    for user in (
        TWILIO.format_sid(ResourceType.API_KEY, made.key),
        TWILIO.format_sid(ResourceType.ACCOUNT, account.id),
        SIGNALWIRE.format_sid(ResourceType.ACCOUNT, account.id),
    ):
        assert_answer(read_call(basic(user, made.secret)), 200, shown(client, call))
    assert wire.credentials == ["GetItem", "GetItem"]  # both formats of the account share one cache entry


def test_a_key_is_valid_for_its_account_only(
    client: FunctionClient, read_call: ReadCall, account: TestAccount, make_account: Callable[[], TestAccount]
) -> None:
    """A key is valid with its own secret and for its own account only."""
    accounts, elsewhere = api_bootstrap.get_admin_services().accounts, make_account()
    one, two = accounts.issue_api_key(account.id), accounts.issue_api_key(account.id)
    foreign = accounts.issue_api_key(elsewhere.id)
    for user, secret in (
        (TWILIO.format_sid(ResourceType.API_KEY, one.key), two.secret),
        (TWILIO.format_sid(ResourceType.API_KEY, one.key), account.token),
        (client.sid(ResourceType.ACCOUNT, account.id), foreign.secret),
        (client.sid(ResourceType.ACCOUNT, account.id), elsewhere.token),
        (SIGNALWIRE.format_sid(ResourceType.API_KEY, one.key), one.secret),
    ):
        assert_refused(client, read_call(basic(user, secret)), "bad credentials")
    for user, secret in (
        (TWILIO.format_sid(ResourceType.API_KEY, foreign.key), foreign.secret),
        (client.sid(ResourceType.ACCOUNT, elsewhere.id), elsewhere.token),
    ):
        assert read_call(basic(user, secret)).status == 404


@pytest.mark.parametrize(
    ("scopes", "is_accepted"),
    [
        ({"Voice"}, True),
        ({"Voice", "Messaging"}, True),
        ({"Messaging"}, False),
        ({"voice"}, False),
        (set(), False),
    ],
)
def test_requires_the_scope_voice(
    client: FunctionClient, read_call: ReadCall, account: TestAccount, scopes: set[str], *, is_accepted: bool
) -> None:
    """A key without the scope Voice gets 401, with either user name."""
    made = api_bootstrap.get_admin_services().accounts.issue_api_key(account.id, frozenset(scopes))
    for user in (TWILIO.format_sid(ResourceType.API_KEY, made.key), client.sid(ResourceType.ACCOUNT, account.id)):
        answer = read_call(basic(user, made.secret))
        if is_accepted:
            assert answer.status == 200
        else:
            assert_refused(client, answer, "bad credentials")


# The credential cache (REL-12).


def test_caches_for_a_minute(read_call: ReadCall, clock: Clock, wire: Wire) -> None:
    """Valid credentials are cached for just under 60 s after they were read; use does not extend it."""
    reads = []
    for seconds in (0, 30, 29.999, 0.001, 59.999, 0.001):
        clock.step(seconds)
        assert read_call("").status == 200
        reads.append(len(wire.credentials))
    assert reads == [1, 1, 1, 2, 2, 3]


@pytest.mark.parametrize("seconds", [0, 1, 10])
def test_caches_as_long_as_configured(
    read_call: ReadCall,
    clock: Clock,
    wire: Wire,
    make_service: Callable[[Settings], ApiServices],
    settings: Settings,
    seconds: int,
) -> None:
    """The setting shortens the cache time; 0 disables the cache."""
    make_service(replace(settings, credential_cache_seconds=seconds))
    for step in (0, max(seconds - 0.001, 0), 0.001):
        clock.step(step)
        assert read_call("").status == 200
    assert len(wire.credentials) == (3 if seconds == 0 else 2)


def test_a_clock_set_back_does_not_extend_the_cache(read_call: ReadCall, clock: Clock, wire: Wire) -> None:
    """If the clock is set back by an hour, cached credentials are read again."""
    assert read_call("").status == 200
    clock.step(-3600)
    assert read_call("").status == 200
    assert len(wire.credentials) == 2


def test_expires_by_the_monotonic_clock_too(account: TestAccount) -> None:
    """A cache entry expires after 60 s of the monotonic clock, even if the wall clock has not moved."""
    credentials = api_bootstrap.get_admin_services().accounts._credentials
    wall, monotonic = Clock(), Clock()
    authenticator = authentication.Authenticator(credentials, wall, 60, monotonic_clock=monotonic)
    made = api_bootstrap.get_admin_services().accounts.issue_api_key(account.id)
    authenticator.verify_api_key(made.key, made.secret)
    api_bootstrap.get_admin_services().accounts.revoke_api_key(account.id, made.key)
    authenticator.verify_api_key(made.key, made.secret)
    monotonic.step(60)
    with pytest.raises(NotAuthenticated):
        authenticator.verify_api_key(made.key, made.secret)


@pytest.mark.parametrize("as_key", [True, False])
def test_revokes_a_key_within_a_minute(
    client: FunctionClient, read_call: ReadCall, account: TestAccount, clock: Clock, *, as_key: bool
) -> None:
    """A revoked key that is cached is rejected after 60 s (C-115)."""
    made = api_bootstrap.get_admin_services().accounts.issue_api_key(account.id)
    user = TWILIO.format_sid(ResourceType.API_KEY, made.key) if as_key else client.sid(ResourceType.ACCOUNT, account.id)
    assert read_call(basic(user, made.secret)).status == 200
    api_bootstrap.get_admin_services().accounts.revoke_api_key(account.id, made.key)
    clock.step(59.999)
    assert read_call(basic(user, made.secret)).status == 200
    clock.step(0.001)
    for _ in range(2):
        assert_refused(client, read_call(basic(user, made.secret)), "bad credentials")
    assert read_call("").status == 200


def test_revokes_an_uncached_key_at_once(client: FunctionClient, read_call: ReadCall, account: TestAccount) -> None:
    """A process that has not cached a revoked key rejects it at once."""
    made = api_bootstrap.get_admin_services().accounts.issue_api_key(account.id)
    api_bootstrap.get_admin_services().accounts.revoke_api_key(account.id, made.key)
    assert_refused(
        client, read_call(basic(TWILIO.format_sid(ResourceType.API_KEY, made.key), made.secret)), "bad credentials"
    )


def test_rotates_a_token_without_an_outage(client: FunctionClient, clock: Clock) -> None:
    """Both tokens are valid until the old one is revoked, which takes effect within 60 s."""
    accounts = api_bootstrap.get_admin_services().accounts
    made = accounts.create()
    path = FunctionClient(client.dialect, made.account, "").path("Calls", client.sid(ResourceType.CALL, "0" * 32))
    user = client.sid(ResourceType.ACCOUNT, made.account)

    def status(token: str) -> int:
        return client.request("GET", path, authorization=basic(user, token)).status

    new = accounts.rotate_auth_token(made.account)
    assert (status(made.auth_token), status(new)) == (404, 404)
    accounts.revoke_old_auth_token(made.account)
    clock.step(59.999)
    assert (status(made.auth_token), status(new)) == (404, 404)
    clock.step(0.001)
    assert (status(made.auth_token), status(new)) == (401, 404)


def test_does_not_cache_a_rejection(read_call: ReadCall, account: TestAccount) -> None:
    """A key that is issued after its rejection is accepted at once."""
    made = api_bootstrap.get_admin_services().accounts.issue_api_key(account.id)
    api_bootstrap.get_admin_services().accounts.revoke_api_key(account.id, made.key)
    header = basic(TWILIO.format_sid(ResourceType.API_KEY, made.key), made.secret)
    assert read_call(header).status == 401
    from tapedeck.domain.account import ApiKey

    reissued = ApiKey(made.key, account.id, authentication.hash_secret(made.secret), frozenset({"Voice"}))
    api_bootstrap.get_admin_services().accounts._credentials.put_api_key(reissued)
    assert read_call(header).status == 200


def test_caches_each_secret_separately(
    client: FunctionClient, read_call: ReadCall, account: TestAccount, wire: Wire
) -> None:
    """A cached secret does not make another secret of the same user valid."""
    assert read_call("").status == 200
    answer = read_call(basic(client.sid(ResourceType.ACCOUNT, account.id), "x"))
    assert_refused(client, answer, "bad credentials")
    assert len(wire.credentials) == 2


def test_the_cache_is_bounded(
    read_call: ReadCall, service: ApiServices, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full cache is cleared before the next entry."""
    monkeypatch.setattr(authentication, "_MAX_REMEMBERED", 1)
    made = api_bootstrap.get_admin_services().accounts.create()
    wire.all.clear()
    for _ in range(2):
        assert read_call("").status == 200
        assert read_call(basic(TWILIO.format_sid(ResourceType.ACCOUNT, made.account), made.auth_token)).status == 404
    assert len(service.authenticator._remembered) == 1
    assert len(wire.credentials) == 4


# The secrets that are published with this project (REL-12).

PUBLISHED = ("00112233445566778899aabbccddeeff", "PSK_00112233445566778899aabb", "key-secret")


@pytest.mark.parametrize("is_standin", [True, False])
@pytest.mark.parametrize("secret", PUBLISHED)
def test_rejects_published_secrets_when_deployed(
    client: FunctionClient,
    make_service: Callable[[Settings], ApiServices],
    settings: Settings,
    secret: str,
    *,
    is_standin: bool,
) -> None:
    """A deployed stack rejects the public secrets of the stand-in, even if an account or a key has one."""
    made = api_bootstrap.get_admin_services().accounts.create(auth_token=secret)
    key = api_bootstrap.get_api_services().api_keys.create(made.account, secret=secret).key
    make_service(replace(settings, is_standin=is_standin))
    for user in (None, TWILIO.format_sid(ResourceType.API_KEY, key)):
        requester = FunctionClient(client.dialect, made.account, secret, user=user)
        answer = requester.get("Calls", client.sid(ResourceType.CALL, "0" * 32))
        assert answer.status == (404 if is_standin else 401)


@pytest.mark.parametrize("secret", PUBLISHED)
def test_stores_no_published_secret_when_deployed(account: TestAccount, settings: Settings, secret: str) -> None:
    """A deployed stack creates no account and no API key with a public secret; a stand-in does."""
    deployed = replace(current_environment(), read_settings=lambda: replace(settings, is_standin=False))
    admin = api_bootstrap.build_admin_services(deployed).accounts
    api_keys = api_bootstrap.build_api_services(deployed).api_keys
    identifier = new_id(0)
    for attempt in (
        partial(admin.create, account=identifier, auth_token=secret),
        partial(admin.create, account=identifier, signing_key=secret),
        partial(api_keys.create, account.id, key=identifier, secret=secret),
    ):
        with pytest.raises(InvalidState):
            attempt()
    credentials = api_bootstrap.get_admin_services().accounts._credentials
    assert (credentials.get_account(identifier), credentials.get_api_key(identifier)) == (None, None)
    assert api_bootstrap.get_admin_services().accounts.create(signing_key=secret).signing_key == secret


def test_a_rotated_token_is_no_published_secret(account: TestAccount) -> None:
    """Generated tokens, signing keys and secrets are random: each is new."""
    accounts = api_bootstrap.get_admin_services().accounts
    made = accounts.create()
    found = [made.auth_token, made.signing_key, accounts.rotate_auth_token(made.account)]
    found += [accounts.issue_api_key(account.id).secret for _ in range(3)]
    assert len(set(found)) == 6
    assert not set(found) & set(PUBLISHED)
