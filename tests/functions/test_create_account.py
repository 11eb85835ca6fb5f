"""`create_account`: an account is created with an auth token, a signing key and a rule for access to audio."""

from typing import Any

import pytest

from tapedeck.domain.errors import StoreUnavailable
from tapedeck_standin.aws.function_loader import load_handler
from tests.client import ROOT
from tests.conftest import TestAccount
from tests.functions.admin import (
    INVALID_MEDIA_ACCESS,
    MALFORMED_ACCOUNT_SIDS,
    UNKNOWN,
    authenticates,
    is_public,
    refused,
    run,
)
from tests.functions.background_world import World
from tests.functions.expected import sid

pytestmark = pytest.mark.usefixtures("uncached_credentials")


def test_creates_an_account(operator: World) -> None:
    """An operator creates account 720796a0…, a SignalWire project, with the vendor's rule for access to audio."""
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


@pytest.mark.parametrize("account_sid", MALFORMED_ACCOUNT_SIDS)
def test_refuses_malformed_accounts(account_sid: Any) -> None:
    """A malformed account sid is refused, and the answer names the field."""
    assert run("create_account", account_sid=account_sid) == refused("account_sid")


def test_refuses_unknown_fields() -> None:
    """An unknown field is refused, and nothing is changed."""
    assert run("create_account", accountSid=UNKNOWN) == refused("accountSid")


@pytest.mark.parametrize("access", [None, "authenticated", "vendor"])
def test_creates_an_account_with_media_access(access: str | None) -> None:
    """Media access can be set at creation; the answer is the usual one."""
    made = run("create_account", **({} if access is None else {"media_access": access}))
    assert made.keys() == {"account_sid", "auth_token", "signing_key"}
    assert is_public(made["account_sid"]["twilio"][2:]) == (access == "vendor")


@pytest.mark.parametrize("access", INVALID_MEDIA_ACCESS)
def test_refuses_invalid_media_access(account: TestAccount, access: Any) -> None:
    """Any other value is refused, and nothing is changed."""
    assert run("create_account", media_access=access) == refused("media_access")
    assert not is_public(account.id)


@pytest.mark.parametrize("event", [[], None, "x", 3])
def test_refuses_an_event_that_is_not_an_object(event: Any) -> None:
    """The answer names no field."""
    assert load_handler(ROOT, "create_account")(event, None) == refused("")


def test_raises_if_a_dependency_fails(operator: World) -> None:
    """If the store or KMS fails, the function raises, so that the caller and the alarm notice."""
    operator.kms.is_unavailable = True
    with pytest.raises(StoreUnavailable):
        operator.call("create_account", {})
    assert operator.log.drain() == [{"operation": "create_account", "outcome": "fault"}]
