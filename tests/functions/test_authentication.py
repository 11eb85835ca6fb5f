"""Who may ask: HTTP Basic, scopes, what is remembered and for how long (behaviour.md, section 2; rule R12)."""

import base64
import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain.call import Call
from tapedeck.domain.errors import NotAuthenticated
from tapedeck.http.endpoint import ApiServices
from tapedeck.operations import authentication
from tapedeck.settings import STANDIN_TOKEN, Settings
from tests.client import Answer, FunctionClient
from tests.conftest import TestAccount
from tests.functions.operations import OPERATIONS, Operation, path_of, perform
from tests.functions.stage import Clock, Stage, Wire, assert_answer, assert_refused, call_path, shown

Ask = Callable[..., Answer]


def basic(user: str, secret: str) -> str:
    """The header of these credentials."""
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


@pytest.fixture
def known() -> dict[str, Any]:
    """Nobody is known yet."""
    return {}


@pytest.fixture
def call(stage: Stage) -> Call:
    """A call to ask for."""
    return stage.call()


@pytest.fixture
def ask(client: FunctionClient, call: Call) -> Ask:
    """Reads the call with this `Authorization` header."""
    path = client.path(*call_path(client, call))
    return lambda authorization: client.request("GET", path, authorization=authorization)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
def test_asks_everybody_who_they_are(client: FunctionClient, wire: Wire, operation: Operation) -> None:
    """Without credentials every operation answers 401, without a look into any table."""
    path = path_of(client, operation, dict.fromkeys(operation.variables, "0" * 32))
    for authorization in (None, ""):
        headers = {} if authorization is None else {"Authorization": authorization}
        answer = perform(client, operation, path, authorization=None, headers=headers)
        assert_refused(client, answer, "no credentials")
    assert wire.all == []


@pytest.mark.parametrize("spell", [TWILIO.format_sid, SIGNALWIRE.format_sid], ids=["as T spells", "as S spells"])
@pytest.mark.parametrize("case", [str, str.upper])
def test_takes_the_account_in_either_form(
    client: FunctionClient, ask: Ask, account: TestAccount, call: Call, spell: Any, case: Any
) -> None:
    """The account's id is a user name in both spellings and any case, whatever the dialect of the path."""
    user = spell(ResourceType.ACCOUNT, account.id)
    user = user[:2] + case(user[2:])
    assert_answer(ask(basic(user, account.token)), 200, shown(client, call))


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
@pytest.mark.parametrize("space", [" ", "  "])
def test_reads_the_scheme_in_any_case(
    client: FunctionClient, ask: Ask, account: TestAccount, scheme: str, space: str
) -> None:
    """The scheme's name has no case, and spaces before the rest do not matter (RFC 7617)."""
    header = basic(client.sid(ResourceType.ACCOUNT, account.id), account.token)
    assert ask(f"{scheme}{space}{header.removeprefix('Basic ')}").status == 200


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
    "base64 of URLs": "Basic " + base64.urlsafe_b64encode(f"{_ACCOUNT}:??>>~~".encode()).decode().replace("/", "_"),
    "base64 and more": f"Basic {_encoded(f'{_ACCOUNT}:x')} x",
    "base64 of what is no UTF-8": "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
    "not ASCII": "Basic é",
    "no colon": f"Basic {_encoded(_ACCOUNT)}",
    "no secret": f"Basic {_encoded(f'{_ACCOUNT}:')}",
    "no user": f"Basic {_encoded(':x')}",
    "a user of no form": f"Basic {_encoded('admin:x')}",
    "a user of another kind": f"Basic {_encoded('CA' + '0' * 32 + ':x')}",
    "a user with a line break": f"Basic {_encoded(_ACCOUNT + chr(10) + ':x')}",
    "a user in a lower-case prefix": f"Basic {_encoded(_ACCOUNT.lower() + ':x')}",
    "a user that is too long": f"Basic {_encoded(_ACCOUNT + '0:x')}",
    "20 KB": f"Basic {_encoded('x' * 15_000)}",
}


@pytest.mark.parametrize("authorization", GARBAGE.values(), ids=GARBAGE.keys())
def test_refuses_garbage_without_a_look(client: FunctionClient, ask: Ask, wire: Wire, authorization: str) -> None:
    """What cannot be right is refused without reading any table: base64 and user names are read strictly."""
    assert_refused(client, ask(authorization), "bad credentials")
    assert wire.all == []


def test_refuses_wrong_secrets(client: FunctionClient, ask: Ask, account: TestAccount, wire: Wire) -> None:
    """A wrong secret, or one that is only nearly right, is refused, and never remembered."""
    user = client.sid(ResourceType.ACCOUNT, account.id)
    wrong = ["x", account.token[:-1], f"{account.token}0", account.token.upper(), f" {account.token}", "é\0:"]
    for secret in wrong * 2:
        assert_refused(client, ask(basic(user, secret)), "bad credentials")
    assert wire.credentials == ["GetItem"] * len(wrong) * 2
    assert wire.recordings == []


def test_does_not_tell_an_unknown_account_from_a_wrong_token(
    client: FunctionClient, ask: Ask, account: TestAccount, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both cost one read and one comparison in constant time, and both get the same answer; so with keys."""
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
        answer = ask(basic(user, "0" * 32))
        seen.append((answer.status, answer.text, wire.credentials, wire.recordings, list(compared)))
    assert all(each == seen[0] for each in seen)
    assert seen[0][2:] == (["GetItem"], [], [64])


# API keys: Twilio's SK and secret, SignalWire's project id and API token.


def test_takes_an_api_key(client: FunctionClient, ask: Ask, account: TestAccount, call: Call, wire: Wire) -> None:
    """`SK…` with its secret opens its account, and so does the account's id with that secret: one read each."""
    made = api_bootstrap.get_admin_services().accounts.issue_api_key(account.id)
    wire.all.clear()
    for user in (
        TWILIO.format_sid(ResourceType.API_KEY, made.key),
        TWILIO.format_sid(ResourceType.ACCOUNT, account.id),
        SIGNALWIRE.format_sid(ResourceType.ACCOUNT, account.id),
    ):
        assert_answer(ask(basic(user, made.secret)), 200, shown(client, call))
    assert wire.credentials == ["GetItem", "GetItem"]  # both spellings of the account are one memory


def test_keeps_keys_apart(
    client: FunctionClient, ask: Ask, account: TestAccount, make_account: Callable[[], TestAccount]
) -> None:
    """A key opens with its own secret only, its own account only."""
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
        assert_refused(client, ask(basic(user, secret)), "bad credentials")
    for user, secret in (
        (TWILIO.format_sid(ResourceType.API_KEY, foreign.key), foreign.secret),
        (client.sid(ResourceType.ACCOUNT, elsewhere.id), elsewhere.token),
    ):
        assert ask(basic(user, secret)).status == 404


@pytest.mark.parametrize(
    ("scopes", "opens"),
    [
        ({"Voice"}, True),
        ({"Voice", "Messaging"}, True),
        ({"Messaging"}, False),
        ({"voice"}, False),
        (set(), False),
    ],
)
def test_needs_the_scope_voice(
    client: FunctionClient, ask: Ask, account: TestAccount, scopes: set[str], *, opens: bool
) -> None:
    """A key without the scope Voice gets 401, under either user name (section 2)."""
    made = api_bootstrap.get_admin_services().accounts.issue_api_key(account.id, frozenset(scopes))
    for user in (TWILIO.format_sid(ResourceType.API_KEY, made.key), client.sid(ResourceType.ACCOUNT, account.id)):
        answer = ask(basic(user, made.secret))
        if opens:
            assert answer.status == 200
        else:
            assert_refused(client, answer, "bad credentials")


# What is remembered (rule R12).


def test_remembers_for_a_minute(ask: Ask, clock: Clock, wire: Wire) -> None:
    """Right credentials are read once and hold for just under 60 s from that reading, however often they are used."""
    reads = []
    for seconds in (0, 30, 29.999, 0.001, 59.999, 0.001):
        clock.step(seconds)
        assert ask("").status == 200
        reads.append(len(wire.credentials))
    assert reads == [1, 1, 1, 2, 2, 3]


@pytest.mark.parametrize("seconds", [0, 1, 10])
def test_remembers_as_long_as_it_is_told(
    ask: Ask,
    clock: Clock,
    wire: Wire,
    make_service: Callable[[Settings], ApiServices],
    settings: Settings,
    seconds: int,
) -> None:
    """The setting shortens the memory; 0 means none."""
    make_service(replace(settings, credential_cache_seconds=seconds))
    for step in (0, max(seconds - 0.001, 0), 0.001):
        clock.step(step)
        assert ask("").status == 200
    assert len(wire.credentials) == (3 if seconds == 0 else 2)


def test_forgets_within_a_minute_whatever_the_clock_is_set_to(ask: Ask, clock: Clock, wire: Wire) -> None:
    """A clock that is put back an hour makes nothing be remembered longer."""
    assert ask("").status == 200
    clock.step(-3600)
    assert ask("").status == 200
    assert len(wire.credentials) == 2


def test_forgets_within_a_minute_of_steady_time(account: TestAccount) -> None:
    """What the set clock calls fresh is forgotten all the same once a minute has really gone by."""
    credentials = api_bootstrap.get_admin_services().accounts._credentials
    wall, steady = Clock(), Clock()
    authenticator = authentication.Authenticator(credentials, wall, 60, monotonic_clock=steady)
    made = api_bootstrap.get_admin_services().accounts.issue_api_key(account.id)
    authenticator.verify_api_key(made.key, made.secret)
    api_bootstrap.get_admin_services().accounts.revoke_api_key(account.id, made.key)
    authenticator.verify_api_key(made.key, made.secret)
    steady.step(60)
    with pytest.raises(NotAuthenticated):
        authenticator.verify_api_key(made.key, made.secret)


@pytest.mark.parametrize("as_key", [True, False])
def test_revokes_a_key_within_a_minute(
    client: FunctionClient, ask: Ask, account: TestAccount, clock: Clock, *, as_key: bool
) -> None:
    """A revoked key opens nothing 60 s later, even where it is remembered; elsewhere at once."""
    made = api_bootstrap.get_admin_services().accounts.issue_api_key(account.id)
    user = TWILIO.format_sid(ResourceType.API_KEY, made.key) if as_key else client.sid(ResourceType.ACCOUNT, account.id)
    assert ask(basic(user, made.secret)).status == 200
    api_bootstrap.get_admin_services().accounts.revoke_api_key(account.id, made.key)
    clock.step(59.999)
    assert ask(basic(user, made.secret)).status == 200
    clock.step(0.001)
    for _ in range(2):
        assert_refused(client, ask(basic(user, made.secret)), "bad credentials")
    assert ask("").status == 200


def test_revokes_a_key_at_once_where_it_is_not_remembered(
    client: FunctionClient, ask: Ask, account: TestAccount
) -> None:
    """A process that has not met a key learns of its end at once."""
    made = api_bootstrap.get_admin_services().accounts.issue_api_key(account.id)
    api_bootstrap.get_admin_services().accounts.revoke_api_key(account.id, made.key)
    assert_refused(
        client, ask(basic(TWILIO.format_sid(ResourceType.API_KEY, made.key), made.secret)), "bad credentials"
    )


def test_rotates_a_token_without_an_outage(client: FunctionClient, clock: Clock) -> None:
    """Both tokens open until the old one is revoked, which takes effect within a minute."""
    accounts = api_bootstrap.get_admin_services().accounts
    made = accounts.create()
    path = FunctionClient(client.dialect, made.account, "").path("Calls", client.sid(ResourceType.CALL, "0" * 32))
    user = client.sid(ResourceType.ACCOUNT, made.account)

    def ask(token: str) -> int:
        return client.request("GET", path, authorization=basic(user, token)).status

    new = accounts.rotate_auth_token(made.account)
    assert (ask(made.auth_token), ask(new)) == (404, 404)
    accounts.revoke_old_auth_token(made.account)
    clock.step(59.999)
    assert (ask(made.auth_token), ask(new)) == (404, 404)
    clock.step(0.001)
    assert (ask(made.auth_token), ask(new)) == (401, 404)


def test_believes_a_secret_that_has_become_right(ask: Ask, account: TestAccount) -> None:
    """A refusal is not remembered: a key that is issued after it opens at once."""
    made = api_bootstrap.get_admin_services().accounts.issue_api_key(account.id)
    api_bootstrap.get_admin_services().accounts.revoke_api_key(account.id, made.key)
    header = basic(TWILIO.format_sid(ResourceType.API_KEY, made.key), made.secret)
    assert ask(header).status == 401
    from tapedeck.domain.account import ApiKey

    again = ApiKey(made.key, account.id, authentication.hash_secret(made.secret), frozenset({"Voice"}))
    api_bootstrap.get_admin_services().accounts._credentials.put_api_key(again)
    assert ask(header).status == 200


def test_remembers_each_secret_by_itself(client: FunctionClient, ask: Ask, account: TestAccount, wire: Wire) -> None:
    """That a secret was right says nothing of another one of the same user."""
    assert ask("").status == 200
    answer = ask(basic(client.sid(ResourceType.ACCOUNT, account.id), "x"))
    assert_refused(client, answer, "bad credentials")
    assert len(wire.credentials) == 2


def test_remembers_no_more_than_it_can_hold(
    ask: Ask, service: ApiServices, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory is bounded: full, it begins anew."""
    monkeypatch.setattr(authentication, "_MAX_REMEMBERED", 1)
    made = api_bootstrap.get_admin_services().accounts.create()
    wire.all.clear()
    for _ in range(2):
        assert ask("").status == 200
        assert ask(basic(TWILIO.format_sid(ResourceType.ACCOUNT, made.account), made.auth_token)).status == 404
    assert len(service.authenticator._remembered) == 1
    assert len(wire.credentials) == 4


@pytest.mark.parametrize("is_standin", [True, False])
def test_refuses_the_stand_ins_token_elsewhere(
    client: FunctionClient,
    make_service: Callable[[Settings], ApiServices],
    settings: Settings,
    *,
    is_standin: bool,
) -> None:
    """The stand-in's public token opens nothing on a deployed stack, even if somebody put it there."""
    made = api_bootstrap.get_admin_services().accounts.create(auth_token=STANDIN_TOKEN)
    make_service(replace(settings, is_standin=is_standin))
    asks = FunctionClient(client.dialect, made.account, STANDIN_TOKEN)
    answer = asks.get("Calls", client.sid(ResourceType.CALL, "0" * 32))
    assert answer.status == (404 if is_standin else 401)
