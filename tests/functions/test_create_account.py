"""Functions without a route: accounts, API keys and auth tokens, made and revoked by an operator."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import ANY

import pytest

from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.account import MediaAccess
from tapedeck.domain.errors import StoreUnavailable
from tapedeck_standin.aws.function_loader import load_handler
from tests.client import DIALECTS, ROOT, FunctionClient
from tests.conftest import TestAccount
from tests.functions.expected import sid

UNKNOWN = "AC" + "0" * 32


def run(operation: str, **event: Any) -> Any:
    """The answer of a function without a route."""
    return load_handler(ROOT, operation)(event, None)


def opens(account: str, secret: str, user: str | None = None) -> bool:
    """Whether these credentials open an account, in a process that remembers none."""
    client = FunctionClient(DIALECTS["twilio"], account, secret, user=user)
    return client.get("Calls", "CA" + "0" * 32).status != 401


def refused(field: str | None = None) -> dict[str, Any]:
    """The answer to what is not done, which may name a field."""
    return {"error": {"message": ANY, "field": field}}


@pytest.fixture(autouse=True)
def _forgetful(make_service: Any, settings: Any) -> None:
    """The functions remember no credentials."""
    make_service(replace(settings, credential_cache_seconds=0))


def test_creates_an_account() -> None:
    """A fresh id in both spellings, a token and a signing key, which open and sign for this account alone."""
    one, two = run("create_account"), run("create_account")
    for made in (one, two):
        account = made["account_sid"]["twilio"][2:]
        assert made == {
            "account_sid": {"twilio": f"AC{account}", "signalwire": sid("signalwire", "AC", account)},
            "auth_token": made["auth_token"],
            "signing_key": made["signing_key"],
        }
        assert int(made["auth_token"], 16) < 2**128
        assert len(made["auth_token"]) == 32
        prefix, key = made["signing_key"][:4], made["signing_key"][4:]
        assert (prefix, len(key)) == ("PSK_", 32)
        assert opens(account, made["auth_token"])
        assert not opens(account, made["signing_key"])
    assert not opens(one["account_sid"]["twilio"][2:], two["auth_token"])


@pytest.mark.parametrize("spell", ["twilio", "signalwire"])
def test_creates_an_account_under_a_given_id(spell: str) -> None:
    """An id that exists elsewhere is kept, in either spelling and any case; a second time it is refused."""
    from tapedeck.domain.identity import new_id

    account = new_id(1)
    spelled = sid(spell, "AC", account)
    made = run("create_account", account_sid=spelled[:2] + spelled[2:].upper())
    assert made["account_sid"] == {"twilio": f"AC{account}", "signalwire": sid("signalwire", "AC", account)}
    assert run("create_account", account_sid=spelled) == refused()
    assert opens(account, made["auth_token"])


@pytest.mark.parametrize(
    "operation", ["create_account", "issue_api_key", "rotate_auth_token", "revoke_auth_token", "set_media_access"]
)
@pytest.mark.parametrize("account_sid", ["", "me", "ac" + "0" * 32, "CA" + "0" * 32, "0" * 32, 7, ["AC"], {}])
def test_refuses_malformed_accounts(operation: str, account_sid: Any) -> None:
    """What is no account's sid is refused, and the field is named."""
    rule = {"media_access": "vendor"} if operation == "set_media_access" else {}
    assert run(operation, account_sid=account_sid, **rule) == refused("account_sid")


@pytest.mark.parametrize(
    ("operation", "event"),
    [
        ("create_account", {"accountSid": UNKNOWN}),
        ("issue_api_key", {"account_sid": UNKNOWN, "scope": ["Voice"]}),
        ("rotate_auth_token", {"account_sid": UNKNOWN, "x": 1}),
        ("set_media_access", {"account_sid": UNKNOWN, "media_access": "vendor", "access": "vendor"}),
    ],
)
def test_refuses_unknown_fields(operation: str, event: dict[str, Any]) -> None:
    """A field that is not known is a typing error, and nothing is done."""
    assert run(operation, **event) == refused(list(event)[-1])


@pytest.mark.parametrize(
    "operation", ["issue_api_key", "revoke_api_key", "rotate_auth_token", "revoke_auth_token", "set_media_access"]
)
def test_needs_an_account(operation: str) -> None:
    """Without an account's sid nothing is done, nor for an unknown account."""
    assert run(operation) == refused("account_sid")
    more = {"revoke_api_key": {"api_key_sid": "SK" + "0" * 32}, "set_media_access": {"media_access": "default"}}
    assert run(operation, account_sid=UNKNOWN, **more.get(operation, {})) == refused()


@pytest.mark.parametrize(
    ("scopes", "kept"),
    [
        (None, ["Voice"]),
        (["Voice"], ["Voice"]),
        (["Voice", "Messaging", "Voice"], ["Messaging", "Voice"]),
        (["Fax", "Chat"], ["Chat", "Fax"]),
    ],
)
def test_issues_keys(account: TestAccount, scopes: list[str] | None, kept: list[str]) -> None:
    """A key has its scopes, Voice unless others are named, and a secret that is told once."""
    event = {} if scopes is None else {"scopes": scopes}
    made = run("issue_api_key", account_sid=f"AC{account.id}", **event)
    assert made == {"api_key_sid": made["api_key_sid"], "secret": made["secret"], "scopes": kept}
    assert len(made["secret"]) == 32
    assert DIALECTS["twilio"].parse_sid(ResourceType.API_KEY, made["api_key_sid"]) is not None
    assert opens(account.id, made["secret"], user=made["api_key_sid"]) == ("Voice" in kept)
    assert opens(account.id, made["secret"]) == ("Voice" in kept)


@pytest.mark.parametrize(
    "scopes", ["Voice", [], [""], ["voice"], ["Voice", "Recording"], ["Voice"] * 21, [1], None, {"Voice": True}]
)
def test_refuses_odd_scopes(account: TestAccount, scopes: Any) -> None:
    """Scopes are a list of at most 20 of SignalWire's names: a typing error must not make a key that opens nothing."""
    made = run("issue_api_key", account_sid=f"AC{account.id}", scopes=scopes)
    assert made["error"]["field"].startswith("scopes")


def test_issues_no_more_than_a_hundred_keys(make_account: Callable[[], TestAccount]) -> None:
    """An account has at most 100 keys; a revoked one makes room."""
    account = make_account()
    accounts, credentials = (
        api_bootstrap.get_admin_services().accounts,
        api_bootstrap.get_admin_services().accounts._credentials,
    )
    from tapedeck.domain.account import ApiKey

    first = accounts.issue_api_key(account.id)
    for number in range(99):
        assert credentials.put_api_key(ApiKey(f"{number:032x}", account.id, f"{number:064x}", frozenset({"Voice"})))
    assert run("issue_api_key", account_sid=f"AC{account.id}") == refused()
    assert run("revoke_api_key", account_sid=f"AC{account.id}", api_key_sid=f"SK{first.key}")["revoked"]
    assert "secret" in run("issue_api_key", account_sid=f"AC{account.id}")


def test_revokes_keys(account: TestAccount, make_account: Callable[[], TestAccount]) -> None:
    """A revoked key opens nothing, and cannot be revoked again; another account cannot revoke it at all."""
    made = run("issue_api_key", account_sid=f"AC{account.id}")
    key = made["api_key_sid"]
    assert run("revoke_api_key", account_sid=f"AC{make_account().id}", api_key_sid=key) == refused()
    assert opens(account.id, made["secret"], user=key)
    event = {"account_sid": sid("signalwire", "AC", account.id), "api_key_sid": key}
    assert run("revoke_api_key", **event) == {"api_key_sid": key, "revoked": True}
    assert not opens(account.id, made["secret"], user=key)
    assert not opens(account.id, made["secret"])
    assert run("revoke_api_key", **event) == refused()
    assert opens(account.id, account.token)


@pytest.mark.parametrize("key", ["", "SK1", "AC" + "0" * 32, None, 1])
def test_refuses_malformed_keys(account: TestAccount, key: Any) -> None:
    """What is no key's sid is refused, and the field is named."""
    assert run("revoke_api_key", account_sid=f"AC{account.id}", api_key_sid=key) == refused("api_key_sid")


def test_rotates_tokens(make_account: Callable[[], TestAccount]) -> None:
    """Two tokens open until the older is revoked; there is never a third, and never none."""
    account = make_account()
    event = {"account_sid": f"AC{account.id}"}
    both = {"twilio": f"AC{account.id}", "signalwire": sid("signalwire", "AC", account.id)}
    assert run("revoke_auth_token", **event) == refused()
    made = run("rotate_auth_token", **event)
    assert made == {"account_sid": both, "auth_token": made["auth_token"]}
    new = made["auth_token"]
    assert (opens(account.id, account.token), opens(account.id, new)) == (True, True)
    assert run("rotate_auth_token", **event) == refused()
    assert run("revoke_auth_token", **event) == {"account_sid": both, "revoked": True}
    assert (opens(account.id, account.token), opens(account.id, new)) == (False, True)
    assert run("revoke_auth_token", **event) == refused()
    newest = run("rotate_auth_token", **event)["auth_token"]
    run("revoke_auth_token", **event)
    assert [opens(account.id, token) for token in (account.token, new, newest)] == [False, False, True]


# Who may fetch audio.


def is_open(account: str) -> bool:
    """Whether anybody may fetch this account's audio in SignalWire's dialect: what is not there is then not found."""
    client = FunctionClient(DIALECTS["signalwire"], account, "")
    path = f"{client.base}/Recordings/{sid('signalwire', 'RE', '0' * 32)}"
    return client.request("GET", path, authorization=None).status == 404


def test_sets_who_may_fetch_audio(account: TestAccount) -> None:
    """An account's own rule goes before that of all, until it has none again; its credentials stay as they are."""
    both = {"twilio": f"AC{account.id}", "signalwire": sid("signalwire", "AC", account.id)}
    for access, opens_it in (("vendor", True), ("vendor", True), ("authenticated", False), ("vendor", True)):
        answer = run("set_media_access", account_sid=both["signalwire"], media_access=access)
        assert answer == {"account_sid": both, "media_access": access}
        assert is_open(account.id) == opens_it
    answer = run("set_media_access", account_sid=both["twilio"], media_access="default")
    assert answer == {"account_sid": both, "media_access": "default"}
    assert not is_open(account.id)
    assert opens(account.id, account.token)


def test_an_accounts_own_rule_closes_what_is_open_to_all(
    make_service: Any, settings: Any, make_account: Callable[[], TestAccount]
) -> None:
    """Where the deployment goes by the vendor's rule, an account may be `authenticated` for itself."""
    make_service(replace(settings, credential_cache_seconds=0, media_access=MediaAccess.VENDOR))
    account = make_account()
    assert is_open(account.id)
    for access, opens_it in (("authenticated", False), ("default", True)):
        run("set_media_access", account_sid=f"AC{account.id}", media_access=access)
        assert is_open(account.id) == opens_it


@pytest.mark.parametrize("access", [None, "authenticated", "vendor"])
def test_creates_an_account_with_a_rule(access: str | None) -> None:
    """It may be given with the account; the answer tells what it always tells."""
    made = run("create_account", **({} if access is None else {"media_access": access}))
    assert made.keys() == {"account_sid", "auth_token", "signing_key"}
    assert is_open(made["account_sid"]["twilio"][2:]) == (access == "vendor")


@pytest.mark.parametrize("access", ["", "Vendor", "public", "none", 1, True, ["vendor"], {}])
@pytest.mark.parametrize("operation", ["set_media_access", "create_account"])
def test_refuses_odd_rules(account: TestAccount, operation: str, access: Any) -> None:
    """Any other word is refused, and nothing is done."""
    event = {"account_sid": f"AC{account.id}"} if operation == "set_media_access" else {}
    assert run(operation, **event, media_access=access) == refused("media_access")
    assert not is_open(account.id)


def test_needs_a_rule(account: TestAccount) -> None:
    """Which rule it shall be must be said."""
    for event in ({}, {"media_access": None}):
        assert run("set_media_access", account_sid=f"AC{account.id}", **event) == refused("media_access")


@pytest.mark.parametrize("event", [[], None, "x", 3])
def test_refuses_what_is_no_event(event: Any) -> None:
    """What is no object names no field."""
    assert load_handler(ROOT, "create_account")(event, None) == refused("")


def test_raises_when_a_dependency_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the store or the sealing fails the function fails, so that the caller and the alarm hear of it."""
    admin = api_bootstrap.get_admin_services()

    def refuse(*_arguments: object) -> bytes:
        raise StoreUnavailable

    monkeypatch.setattr(admin.accounts._encryptor, "encrypt", refuse)
    with pytest.raises(StoreUnavailable):
        run("create_account")
