"""`rotate_auth_token`: an account gets a second auth token; both are valid until the older one is revoked."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import TestAccount
from tests.functions.admin import MALFORMED_ACCOUNT_SIDS, UNKNOWN, authenticates, refused, run
from tests.functions.background_world import World
from tests.functions.expected import sid

pytestmark = pytest.mark.usefixtures("uncached_credentials")


def test_adds_an_auth_token(operator: World) -> None:
    """Account 720796a0… gets a second token; its callbacks are signed with the first one until that is revoked."""
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
    operator.memory.put_item(
        TableName=operator.settings.credentials_table,
        Item={
            "PK": {"S": "SIGNING#720796a08ee9435083bd2d07a3121f1e"},
            "since": {"L": [{"N": "1537910000"}]},
            # Encrypted with KMS, whose fake only adds the account.
            "twilio": {"L": [{"B": b"720796a08ee9435083bd2d07a3121f1e:fedcba9876543210fedcba9876543210"}]},
            "signalwire": {"L": [{"B": b"720796a08ee9435083bd2d07a3121f1e:PSK_fedcba9876543210fedcba9876543210"}]},
        },
    )
    assert operator.call("rotate_auth_token", {"account_sid": "AC720796a08ee9435083bd2d07a3121f1e"}) == {
        "account_sid": {
            "twilio": "AC720796a08ee9435083bd2d07a3121f1e",
            "signalwire": "720796a0-8ee9-4350-83bd-2d07a3121f1e",
        },
        "auth_token": "0123456789abcdef0123456789abcdef",
    }
    assert operator.memory.scan(TableName=operator.settings.credentials_table)["Items"] == [
        {
            "PK": {"S": "ACCOUNT#720796a08ee9435083bd2d07a3121f1e"},
            "created": {"N": "1537910000"},
            "keys": {"M": {}},
            # The SHA-256 digests of the auth tokens.
            "tokens": {
                "L": [
                    {"S": "4ba68aa8767bde72e8c798ee82d1275291cea73e72ad74d35ecf48e41386eb82"},
                    {"S": "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9"},
                ]
            },
        },
        {
            "PK": {"S": "SIGNING#720796a08ee9435083bd2d07a3121f1e"},
            "since": {"L": [{"N": "1537910000"}]},
            # Encrypted with KMS, whose fake only adds the account.
            "twilio": {
                "L": [
                    {"B": b"720796a08ee9435083bd2d07a3121f1e:fedcba9876543210fedcba9876543210"},
                    {"B": b"720796a08ee9435083bd2d07a3121f1e:0123456789abcdef0123456789abcdef"},
                ]
            },
            "signalwire": {"L": [{"B": b"720796a08ee9435083bd2d07a3121f1e:PSK_fedcba9876543210fedcba9876543210"}]},
        },
    ]
    assert operator.log.drain() == [
        {"operation": "rotate_auth_token", "account": "720796a08ee9435083bd2d07a3121f1e", "outcome": "done"}
    ]


def test_refuses_a_third_auth_token(operator: World) -> None:
    """Account 720796a0… has two tokens: the older one must be revoked first."""
    operator.memory.put_item(
        TableName=operator.settings.credentials_table,
        Item={
            "PK": {"S": "ACCOUNT#720796a08ee9435083bd2d07a3121f1e"},
            "created": {"N": "1537910000"},
            "keys": {"M": {}},
            # The SHA-256 digests of the auth tokens.
            "tokens": {
                "L": [
                    {"S": "4ba68aa8767bde72e8c798ee82d1275291cea73e72ad74d35ecf48e41386eb82"},
                    {"S": "5947d7c33d783f94b3b4c1a96ebc8991ed28f1b069b71e03376cba8caa98a720"},
                ]
            },
        },
    )
    operator.memory.put_item(
        TableName=operator.settings.credentials_table,
        Item={
            "PK": {"S": "SIGNING#720796a08ee9435083bd2d07a3121f1e"},
            "since": {"L": [{"N": "1537910000"}]},
            # Encrypted with KMS, whose fake only adds the account.
            "twilio": {
                "L": [
                    {"B": b"720796a08ee9435083bd2d07a3121f1e:fedcba9876543210fedcba9876543210"},
                    {"B": b"720796a08ee9435083bd2d07a3121f1e:00112233445566778899aabbccddeeff"},
                ]
            },
            "signalwire": {"L": [{"B": b"720796a08ee9435083bd2d07a3121f1e:PSK_fedcba9876543210fedcba9876543210"}]},
        },
    )
    assert operator.call("rotate_auth_token", {"account_sid": "720796a0-8ee9-4350-83bd-2d07a3121f1e"}) == {
        "error": {
            "message": "The account does not exist, already exists, or does not have the required number of tokens",
            "field": None,
        }
    }
    assert operator.memory.scan(TableName=operator.settings.credentials_table)["Items"] == [
        {
            "PK": {"S": "ACCOUNT#720796a08ee9435083bd2d07a3121f1e"},
            "created": {"N": "1537910000"},
            "keys": {"M": {}},
            # The SHA-256 digests of the auth tokens.
            "tokens": {
                "L": [
                    {"S": "4ba68aa8767bde72e8c798ee82d1275291cea73e72ad74d35ecf48e41386eb82"},
                    {"S": "5947d7c33d783f94b3b4c1a96ebc8991ed28f1b069b71e03376cba8caa98a720"},
                ]
            },
        },
        {
            "PK": {"S": "SIGNING#720796a08ee9435083bd2d07a3121f1e"},
            "since": {"L": [{"N": "1537910000"}]},
            # Encrypted with KMS, whose fake only adds the account.
            "twilio": {
                "L": [
                    {"B": b"720796a08ee9435083bd2d07a3121f1e:fedcba9876543210fedcba9876543210"},
                    {"B": b"720796a08ee9435083bd2d07a3121f1e:00112233445566778899aabbccddeeff"},
                ]
            },
            "signalwire": {"L": [{"B": b"720796a08ee9435083bd2d07a3121f1e:PSK_fedcba9876543210fedcba9876543210"}]},
        },
    ]
    assert operator.log.drain() == [
        {"operation": "rotate_auth_token", "account": "720796a08ee9435083bd2d07a3121f1e", "outcome": "refused"}
    ]


@pytest.mark.parametrize("account_sid", MALFORMED_ACCOUNT_SIDS)
def test_refuses_malformed_accounts(account_sid: Any) -> None:
    """A malformed account sid is refused, and the answer names the field."""
    assert run("rotate_auth_token", account_sid=account_sid) == refused("account_sid")


def test_refuses_unknown_fields() -> None:
    """An unknown field is refused, and nothing is changed."""
    assert run("rotate_auth_token", account_sid=UNKNOWN, x=1) == refused("x")


def test_requires_an_existing_account() -> None:
    """A missing or unknown account is refused."""
    assert run("rotate_auth_token") == refused("account_sid")
    assert run("rotate_auth_token", account_sid=UNKNOWN) == refused()


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
