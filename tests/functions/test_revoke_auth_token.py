"""`revoke_auth_token`: the older of two auth tokens is revoked, never the only one."""

from typing import Any

import pytest

from tests.functions.admin import MALFORMED_ACCOUNT_SIDS, UNKNOWN, refused, run
from tests.functions.background_world import World


def test_revokes_the_older_auth_token(operator: World) -> None:
    """The older token of account 720796a0… is revoked; the newer one signs its callbacks from this second."""
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
                    {"S": "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9"},
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
                    {"B": b"720796a08ee9435083bd2d07a3121f1e:0123456789abcdef0123456789abcdef"},
                ]
            },
            "signalwire": {"L": [{"B": b"720796a08ee9435083bd2d07a3121f1e:PSK_fedcba9876543210fedcba9876543210"}]},
        },
    )
    assert operator.call("revoke_auth_token", {"account_sid": "720796a0-8ee9-4350-83bd-2d07a3121f1e"}) == {
        "account_sid": {
            "twilio": "AC720796a08ee9435083bd2d07a3121f1e",
            "signalwire": "720796a0-8ee9-4350-83bd-2d07a3121f1e",
        },
        "revoked": True,
    }
    assert operator.memory.scan(TableName=operator.settings.credentials_table)["Items"] == [
        {
            "PK": {"S": "ACCOUNT#720796a08ee9435083bd2d07a3121f1e"},
            "created": {"N": "1537910000"},
            "keys": {"M": {}},
            # The SHA-256 digests of the auth tokens.
            "tokens": {"L": [{"S": "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9"}]},
        },
        {
            "PK": {"S": "SIGNING#720796a08ee9435083bd2d07a3121f1e"},
            "since": {"L": [{"N": "1537910000"}, {"N": "1537916400"}]},
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
        {"operation": "revoke_auth_token", "account": "720796a08ee9435083bd2d07a3121f1e", "outcome": "done"}
    ]


def test_refuses_to_revoke_the_only_auth_token(operator: World) -> None:
    """The only token of account 720796a0… stays valid."""
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
    assert operator.call("revoke_auth_token", {"account_sid": "AC720796a08ee9435083bd2d07a3121f1e"}) == {
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
            "tokens": {"L": [{"S": "4ba68aa8767bde72e8c798ee82d1275291cea73e72ad74d35ecf48e41386eb82"}]},
        },
        {
            "PK": {"S": "SIGNING#720796a08ee9435083bd2d07a3121f1e"},
            "since": {"L": [{"N": "1537910000"}]},
            # Encrypted with KMS, whose fake only adds the account.
            "twilio": {"L": [{"B": b"720796a08ee9435083bd2d07a3121f1e:fedcba9876543210fedcba9876543210"}]},
            "signalwire": {"L": [{"B": b"720796a08ee9435083bd2d07a3121f1e:PSK_fedcba9876543210fedcba9876543210"}]},
        },
    ]
    assert operator.log.drain() == [
        {"operation": "revoke_auth_token", "account": "720796a08ee9435083bd2d07a3121f1e", "outcome": "refused"}
    ]


@pytest.mark.parametrize("account_sid", MALFORMED_ACCOUNT_SIDS)
def test_refuses_malformed_accounts(account_sid: Any) -> None:
    """A malformed account sid is refused, and the answer names the field."""
    assert run("revoke_auth_token", account_sid=account_sid) == refused("account_sid")


def test_requires_an_existing_account() -> None:
    """A missing or unknown account is refused."""
    assert run("revoke_auth_token") == refused("account_sid")
    assert run("revoke_auth_token", account_sid=UNKNOWN) == refused()
