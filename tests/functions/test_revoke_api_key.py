"""`revoke_api_key`: a revoked key does not authenticate, and only its own account can revoke it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import TestAccount
from tests.functions.admin import UNKNOWN, authenticates, refused, run
from tests.functions.background_world import World
from tests.functions.expected import sid

pytestmark = pytest.mark.usefixtures("uncached_credentials")


def test_revokes_an_api_key(operator: World) -> None:
    """The only key of account 720796a0… is revoked: it is deleted, by its id and in its account."""
    operator.memory.put_item(
        TableName=operator.settings.credentials_table,
        Item={
            "PK": {"S": "ACCOUNT#720796a08ee9435083bd2d07a3121f1e"},
            "created": {"N": "1537910000"},
            "keys": {
                "M": {
                    "016612f5f27a7b3d8c4f1e2a6d5b9087": {
                        "M": {
                            "hash": {"S": "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9"},
                            "scopes": {"SS": ["Voice"]},
                        }
                    }
                }
            },
            # The SHA-256 digests of the auth tokens.
            "tokens": {"L": [{"S": "4ba68aa8767bde72e8c798ee82d1275291cea73e72ad74d35ecf48e41386eb82"}]},
        },
    )
    operator.memory.put_item(
        TableName=operator.settings.credentials_table,
        Item={
            "PK": {"S": "KEY#016612f5f27a7b3d8c4f1e2a6d5b9087"},
            "account": {"S": "720796a08ee9435083bd2d07a3121f1e"},
            "hash": {"S": "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9"},
            "scopes": {"SS": ["Voice"]},
        },
    )
    assert operator.call(
        "revoke_api_key",
        {"account_sid": "720796a0-8ee9-4350-83bd-2d07a3121f1e", "api_key_sid": "SK016612f5f27a7b3d8c4f1e2a6d5b9087"},
    ) == {
        "api_key_sid": "SK016612f5f27a7b3d8c4f1e2a6d5b9087",
        "revoked": True,
    }
    assert operator.memory.scan(TableName=operator.settings.credentials_table)["Items"] == [
        {
            "PK": {"S": "ACCOUNT#720796a08ee9435083bd2d07a3121f1e"},
            "created": {"N": "1537910000"},
            "keys": {"M": {}},
            # The SHA-256 digests of the auth tokens.
            "tokens": {"L": [{"S": "4ba68aa8767bde72e8c798ee82d1275291cea73e72ad74d35ecf48e41386eb82"}]},
        }
    ]
    assert operator.log.drain() == [
        {
            "operation": "revoke_api_key",
            "account": "720796a08ee9435083bd2d07a3121f1e",
            "sid": "016612f5f27a7b3d8c4f1e2a6d5b9087",
            "outcome": "done",
        }
    ]


def test_refuses_a_key_of_another_account(operator: World) -> None:
    """Account 720796a0… cannot revoke a key of account 3d1f6c5e…: the key stays valid."""
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
            "PK": {"S": "KEY#016612f5f27a7b3d8c4f1e2a6d5b9087"},
            "account": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"},
            "hash": {"S": "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9"},
            "scopes": {"SS": ["Voice"]},
        },
    )
    assert operator.call(
        "revoke_api_key",
        {"account_sid": "AC720796a08ee9435083bd2d07a3121f1e", "api_key_sid": "SK016612f5f27a7b3d8c4f1e2a6d5b9087"},
    ) == {
        "error": {
            "message": "There is no such account or key, or the account has the maximum number of keys",
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
            "PK": {"S": "KEY#016612f5f27a7b3d8c4f1e2a6d5b9087"},
            "account": {"S": "3d1f6c5e2b7a4c0e9a84d6f0b1c2e3a4"},
            "hash": {"S": "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9"},
            "scopes": {"SS": ["Voice"]},
        },
    ]
    assert operator.log.drain() == [
        {
            "operation": "revoke_api_key",
            "account": "720796a08ee9435083bd2d07a3121f1e",
            "sid": "016612f5f27a7b3d8c4f1e2a6d5b9087",
            "outcome": "refused",
        }
    ]


def test_requires_an_existing_account() -> None:
    """A missing or unknown account is refused."""
    assert run("revoke_api_key") == refused("account_sid")
    assert run("revoke_api_key", account_sid=UNKNOWN, api_key_sid="SK" + "0" * 32) == refused()


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
