"""`set_media_access`: an account's own rule for access to audio overrides the deployment's default."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tapedeck.domain.account import MediaAccess
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


def test_sets_the_vendors_media_access(operator: World) -> None:
    """Account 720796a0… gets the vendor's rule for access to audio."""
    operator.memory.put_item(
        TableName=operator.settings.credentials_table,
        Item={
            "PK": {"S": "ACCOUNT#720796a08ee9435083bd2d07a3121f1e"},
            "created": {"N": "1537910000"},
            "keys": {"M": {}},
            # The SHA-256 digests of the auth tokens.
            "tokens": {"L": [{"S": "4ba68aa8767bde72e8c798ee82d1275291cea73e72ad74d35ecf48e41386eb82"}]},
        },
    )
    assert operator.call(
        "set_media_access", {"account_sid": "AC720796a08ee9435083bd2d07a3121f1e", "media_access": "vendor"}
    ) == {
        "account_sid": {
            "twilio": "AC720796a08ee9435083bd2d07a3121f1e",
            "signalwire": "720796a0-8ee9-4350-83bd-2d07a3121f1e",
        },
        "media_access": "vendor",
    }
    assert operator.memory.scan(TableName=operator.settings.credentials_table)["Items"] == [
        {
            "PK": {"S": "ACCOUNT#720796a08ee9435083bd2d07a3121f1e"},
            "created": {"N": "1537910000"},
            "keys": {"M": {}},
            # The SHA-256 digests of the auth tokens.
            "tokens": {"L": [{"S": "4ba68aa8767bde72e8c798ee82d1275291cea73e72ad74d35ecf48e41386eb82"}]},
            "media_access": {"S": "vendor"},
        }
    ]
    assert operator.log.drain() == [
        {"operation": "set_media_access", "account": "720796a08ee9435083bd2d07a3121f1e", "outcome": "done"}
    ]


def test_refuses_an_unknown_media_access(operator: World) -> None:
    """Any other rule is refused, and account 720796a0… keeps its own."""
    operator.memory.put_item(
        TableName=operator.settings.credentials_table,
        Item={
            "PK": {"S": "ACCOUNT#720796a08ee9435083bd2d07a3121f1e"},
            "created": {"N": "1537910000"},
            "keys": {"M": {}},
            # The SHA-256 digests of the auth tokens.
            "tokens": {"L": [{"S": "4ba68aa8767bde72e8c798ee82d1275291cea73e72ad74d35ecf48e41386eb82"}]},
            "media_access": {"S": "authenticated"},
        },
    )
    assert operator.call(
        "set_media_access", {"account_sid": "720796a0-8ee9-4350-83bd-2d07a3121f1e", "media_access": "public"}
    ) == {"error": {"message": "Input should be 'authenticated', 'vendor' or 'default'", "field": "media_access"}}
    assert operator.memory.scan(TableName=operator.settings.credentials_table)["Items"] == [
        {
            "PK": {"S": "ACCOUNT#720796a08ee9435083bd2d07a3121f1e"},
            "created": {"N": "1537910000"},
            "keys": {"M": {}},
            # The SHA-256 digests of the auth tokens.
            "tokens": {"L": [{"S": "4ba68aa8767bde72e8c798ee82d1275291cea73e72ad74d35ecf48e41386eb82"}]},
            "media_access": {"S": "authenticated"},
        }
    ]
    assert operator.log.drain() == [{"operation": "set_media_access", "outcome": "refused"}]


@pytest.mark.parametrize("account_sid", MALFORMED_ACCOUNT_SIDS)
def test_refuses_malformed_accounts(account_sid: Any) -> None:
    """A malformed account sid is refused, and the answer names the field."""
    assert run("set_media_access", account_sid=account_sid, media_access="vendor") == refused("account_sid")


def test_refuses_unknown_fields() -> None:
    """An unknown field is refused, and nothing is changed."""
    assert run("set_media_access", account_sid=UNKNOWN, media_access="vendor", access="vendor") == refused("access")


def test_requires_an_existing_account() -> None:
    """A missing or unknown account is refused."""
    assert run("set_media_access") == refused("account_sid")
    assert run("set_media_access", account_sid=UNKNOWN, media_access="default") == refused()


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


@pytest.mark.parametrize("access", INVALID_MEDIA_ACCESS)
def test_refuses_invalid_media_access(account: TestAccount, access: Any) -> None:
    """Any other value is refused, and nothing is changed."""
    assert run("set_media_access", account_sid=f"AC{account.id}", media_access=access) == refused("media_access")
    assert not is_public(account.id)


def test_requires_media_access(account: TestAccount) -> None:
    """The setting is required."""
    for event in ({}, {"media_access": None}):
        assert run("set_media_access", account_sid=f"AC{account.id}", **event) == refused("media_access")
