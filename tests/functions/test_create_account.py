"""Operator functions create accounts, issue and revoke API keys, rotate auth tokens and set who may fetch audio."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import ANY

import pytest

from tapedeck.admin.endpoint import AdminServices
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.account import MediaAccess
from tapedeck.domain.errors import StoreUnavailable
from tapedeck.operations import accounts
from tapedeck_standin.aws.function_loader import load_handler
from tests.client import DIALECTS, ROOT, FunctionClient
from tests.conftest import TestAccount
from tests.functions.background_world import World
from tests.functions.expected import sid

if TYPE_CHECKING:
    from tapedeck.observability import CanonicalLog

UNKNOWN = "AC" + "0" * 32


def test_creates_an_account(operator: World) -> None:
    """An operator creates an account with the id of a SignalWire project and the vendor's rule for access to audio."""
    assert operator.call(
        "create_account",
        {"account_sid": "720796a0-8ee9-4350-83bd-2d07a3121f1e", "media_access": "vendor"},
    ) == {
        "account_sid": {
            "twilio": "AC720796a08ee9435083bd2d07a3121f1e",
            "signalwire": "720796a0-8ee9-4350-83bd-2d07a3121f1e",
        },
        "auth_token": "0123456789abcdef0123456789abcdef",
        "signing_key": "PSK_0123456789abcdef0123456789abcdef",
    }
    assert operator.memory.scan(TableName=operator.settings.credentials_table)["Items"] == [
        {
            "PK": {"S": "ACCOUNT#720796a08ee9435083bd2d07a3121f1e"},
            "created": {"N": "1537916400"},
            "keys": {"M": {}},
            "media_access": {"S": "vendor"},
            # The SHA-256 digest of the auth token.
            "tokens": {"L": [{"S": "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9"}]},
        },
        {
            "PK": {"S": "SIGNING#720796a08ee9435083bd2d07a3121f1e"},
            "since": {"L": [{"N": "1537916400"}]},
            # Encrypted with KMS, whose fake only adds the account.
            "twilio": {"L": [{"B": b"720796a08ee9435083bd2d07a3121f1e:0123456789abcdef0123456789abcdef"}]},
            "signalwire": {"L": [{"B": b"720796a08ee9435083bd2d07a3121f1e:PSK_0123456789abcdef0123456789abcdef"}]},
        },
    ]
    assert operator.log.drain() == [
        {"operation": "create_account", "account": "720796a08ee9435083bd2d07a3121f1e", "outcome": "done"}
    ]


def test_refuses_an_unknown_field(operator: World) -> None:
    """A misspelled field is refused, so that no account is created with an id that the operator did not mean."""
    assert operator.call(
        "create_account",
        {"accountSid": "720796a0-8ee9-4350-83bd-2d07a3121f1e"},
    ) == {"error": {"message": "Extra inputs are not permitted", "field": "accountSid"}}
    assert operator.memory.scan(TableName=operator.settings.credentials_table)["Items"] == []
    assert operator.log.drain() == [{"operation": "create_account", "outcome": "refused"}]


@pytest.fixture
def operator(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """An environment without accounts, in which every new secret is `0123456789abcdef0123456789abcdef`."""
    services = AdminServices(world.accounts, cast("CanonicalLog", world.log))
    monkeypatch.setattr(api_bootstrap.account_admin_function, "_get_services", lambda: services)
    monkeypatch.setattr(accounts, "_make_secret", lambda: "0123456789abcdef" * 2)
    table = world.settings.credentials_table
    for item in world.memory.scan(TableName=table)["Items"]:
        world.memory.delete_item(TableName=table, Key={"PK": item["PK"]})
    return world


def run(operation: str, **event: Any) -> Any:
    """Call a function without a route."""
    return load_handler(ROOT, operation)(event, None)


def authenticates(account: str, secret: str, user: str | None = None) -> bool:
    """Return whether these credentials are accepted, without cached credentials."""
    client = FunctionClient(DIALECTS["twilio"], account, secret, user=user)
    return client.get("Calls", "CA" + "0" * 32).status != 401


def refused(field: str | None = None) -> dict[str, Any]:
    """Return the answer to a refused request, with the field that it names."""
    return {"error": {"message": ANY, "field": field}}


@pytest.fixture(autouse=True)
def _without_credential_cache(make_service: Any, settings: Any) -> None:
    """Disable the cache of credentials."""
    make_service(replace(settings, credential_cache_seconds=0))


def test_creates_accounts() -> None:
    """Each account has a new id in both formats, and its own auth token and signing key."""
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
        assert authenticates(account, made["auth_token"])
        assert not authenticates(account, made["signing_key"])
    assert not authenticates(one["account_sid"]["twilio"][2:], two["auth_token"])


@pytest.mark.parametrize("dialect_name", ["twilio", "signalwire"])
def test_creates_an_account_with_a_given_id(dialect_name: str) -> None:
    """A given id is kept, in either format and any case; using it a second time is refused."""
    from tapedeck.domain.identity import new_id

    account = new_id(1)
    account_sid = sid(dialect_name, "AC", account)
    made = run("create_account", account_sid=account_sid[:2] + account_sid[2:].upper())
    assert made["account_sid"] == {"twilio": f"AC{account}", "signalwire": sid("signalwire", "AC", account)}
    assert run("create_account", account_sid=account_sid) == refused()
    assert authenticates(account, made["auth_token"])


@pytest.mark.parametrize(
    "operation", ["create_account", "issue_api_key", "rotate_auth_token", "revoke_auth_token", "set_media_access"]
)
@pytest.mark.parametrize("account_sid", ["", "me", "ac" + "0" * 32, "CA" + "0" * 32, "0" * 32, 7, ["AC"], {}])
def test_refuses_malformed_accounts(operation: str, account_sid: Any) -> None:
    """A malformed account sid is refused, and the answer names the field."""
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
    """An unknown field is refused, and nothing is changed."""
    assert run(operation, **event) == refused(list(event)[-1])


@pytest.mark.parametrize(
    "operation", ["issue_api_key", "revoke_api_key", "rotate_auth_token", "revoke_auth_token", "set_media_access"]
)
def test_requires_an_existing_account(operation: str) -> None:
    """A missing or unknown account is refused."""
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
    """A key has the requested scopes, Voice by default, and a secret that authenticates if it has Voice."""
    event = {} if scopes is None else {"scopes": scopes}
    made = run("issue_api_key", account_sid=f"AC{account.id}", **event)
    assert made == {"api_key_sid": made["api_key_sid"], "secret": made["secret"], "scopes": kept}
    assert len(made["secret"]) == 32
    assert DIALECTS["twilio"].parse_sid(ResourceType.API_KEY, made["api_key_sid"]) is not None
    assert authenticates(account.id, made["secret"], user=made["api_key_sid"]) == ("Voice" in kept)
    assert authenticates(account.id, made["secret"]) == ("Voice" in kept)


@pytest.mark.parametrize(
    "scopes", ["Voice", [], [""], ["voice"], ["Voice", "Recording"], ["Voice"] * 21, [1], None, {"Voice": True}]
)
def test_refuses_invalid_scopes(account: TestAccount, scopes: Any) -> None:
    """Scopes are a list of 1 to 20 of SignalWire's names."""
    made = run("issue_api_key", account_sid=f"AC{account.id}", scopes=scopes)
    assert made["error"]["field"].startswith("scopes")


def test_an_account_has_at_most_a_hundred_keys(make_account: Callable[[], TestAccount]) -> None:
    """The 101st key is refused until another one is revoked."""
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
    """A revoked key does not authenticate and cannot be revoked again, nor by another account."""
    made = run("issue_api_key", account_sid=f"AC{account.id}")
    key = made["api_key_sid"]
    assert run("revoke_api_key", account_sid=f"AC{make_account().id}", api_key_sid=key) == refused()
    assert authenticates(account.id, made["secret"], user=key)
    event = {"account_sid": sid("signalwire", "AC", account.id), "api_key_sid": key}
    assert run("revoke_api_key", **event) == {"api_key_sid": key, "revoked": True}
    assert not authenticates(account.id, made["secret"], user=key)
    assert not authenticates(account.id, made["secret"])
    assert run("revoke_api_key", **event) == refused()
    assert authenticates(account.id, account.token)


@pytest.mark.parametrize("key", ["", "SK1", "AC" + "0" * 32, None, 1])
def test_refuses_malformed_keys(account: TestAccount, key: Any) -> None:
    """A malformed key sid is refused, and the answer names the field."""
    assert run("revoke_api_key", account_sid=f"AC{account.id}", api_key_sid=key) == refused("api_key_sid")


def test_rotates_tokens(make_account: Callable[[], TestAccount]) -> None:
    """Both tokens are valid until the older one is revoked; there is never a third, and never none."""
    account = make_account()
    event = {"account_sid": f"AC{account.id}"}
    both = {"twilio": f"AC{account.id}", "signalwire": sid("signalwire", "AC", account.id)}
    assert run("revoke_auth_token", **event) == refused()
    made = run("rotate_auth_token", **event)
    assert made == {"account_sid": both, "auth_token": made["auth_token"]}
    new = made["auth_token"]
    assert (authenticates(account.id, account.token), authenticates(account.id, new)) == (True, True)
    assert run("rotate_auth_token", **event) == refused()
    assert run("revoke_auth_token", **event) == {"account_sid": both, "revoked": True}
    assert (authenticates(account.id, account.token), authenticates(account.id, new)) == (False, True)
    assert run("revoke_auth_token", **event) == refused()
    newest = run("rotate_auth_token", **event)["auth_token"]
    run("revoke_auth_token", **event)
    assert [authenticates(account.id, token) for token in (account.token, new, newest)] == [False, False, True]


# Media access.


def is_public(account: str) -> bool:
    """Return whether SignalWire's audio URLs of this account need no credentials: a missing recording is a 404 then."""
    client = FunctionClient(DIALECTS["signalwire"], account, "")
    path = f"{client.base}/Recordings/{sid('signalwire', 'RE', '0' * 32)}"
    return client.request("GET", path, authorization=None).status == 404


def test_sets_media_access(account: TestAccount) -> None:
    """An account's own setting overrides the deployment's default, and credentials are unaffected."""
    both = {"twilio": f"AC{account.id}", "signalwire": sid("signalwire", "AC", account.id)}
    for access, public in (("vendor", True), ("vendor", True), ("authenticated", False), ("vendor", True)):
        answer = run("set_media_access", account_sid=both["signalwire"], media_access=access)
        assert answer == {"account_sid": both, "media_access": access}
        assert is_public(account.id) == public
    answer = run("set_media_access", account_sid=both["twilio"], media_access="default")
    assert answer == {"account_sid": both, "media_access": "default"}
    assert not is_public(account.id)
    assert authenticates(account.id, account.token)


def test_an_account_can_require_authentication(
    make_service: Any, settings: Any, make_account: Callable[[], TestAccount]
) -> None:
    """An account can require authentication where the deployment's default is public."""
    make_service(replace(settings, credential_cache_seconds=0, media_access=MediaAccess.VENDOR))
    account = make_account()
    assert is_public(account.id)
    for access, public in (("authenticated", False), ("default", True)):
        run("set_media_access", account_sid=f"AC{account.id}", media_access=access)
        assert is_public(account.id) == public


@pytest.mark.parametrize("access", [None, "authenticated", "vendor"])
def test_creates_an_account_with_media_access(access: str | None) -> None:
    """Media access can be set at creation; the answer is the usual one."""
    made = run("create_account", **({} if access is None else {"media_access": access}))
    assert made.keys() == {"account_sid", "auth_token", "signing_key"}
    assert is_public(made["account_sid"]["twilio"][2:]) == (access == "vendor")


@pytest.mark.parametrize("access", ["", "Vendor", "public", "none", 1, True, ["vendor"], {}])
@pytest.mark.parametrize("operation", ["set_media_access", "create_account"])
def test_refuses_invalid_media_access(account: TestAccount, operation: str, access: Any) -> None:
    """Any other value is refused, and nothing is changed."""
    event = {"account_sid": f"AC{account.id}"} if operation == "set_media_access" else {}
    assert run(operation, **event, media_access=access) == refused("media_access")
    assert not is_public(account.id)


def test_requires_media_access(account: TestAccount) -> None:
    """The setting is required."""
    for event in ({}, {"media_access": None}):
        assert run("set_media_access", account_sid=f"AC{account.id}", **event) == refused("media_access")


@pytest.mark.parametrize("event", [[], None, "x", 3])
def test_refuses_an_event_that_is_not_an_object(event: Any) -> None:
    """The answer names no field."""
    assert load_handler(ROOT, "create_account")(event, None) == refused("")


def test_raises_if_a_dependency_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the store or KMS fails, the function raises, so that the caller and the alarm notice."""
    admin = api_bootstrap.get_admin_services()

    def refuse(*_arguments: object) -> bytes:
        raise StoreUnavailable

    monkeypatch.setattr(admin.accounts._encryptor, "encrypt", refuse)
    with pytest.raises(StoreUnavailable):
        run("create_account")
