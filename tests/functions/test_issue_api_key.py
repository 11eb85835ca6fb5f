"""`issue_api_key`: an account gets a new API key, whose secret is returned only once."""

from collections.abc import Callable
from typing import Any

import pytest

from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.dialects.dialect import ResourceType
from tests.client import DIALECTS
from tests.conftest import TestAccount
from tests.functions.admin import MALFORMED_ACCOUNT_SIDS, UNKNOWN, authenticates, refused, run
from tests.functions.background_world import World

pytestmark = pytest.mark.usefixtures("uncached_credentials")


def test_issues_an_api_key(operator: World, fix_new_ids: Callable[[str], None]) -> None:
    """A key with two scopes is issued to account 720796a0…: its sid and its secret are returned; its hash is stored."""
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
    fix_new_ids("016612f5f27a7b3d8c4f1e2a6d5b9087")
    assert operator.call(
        "issue_api_key", {"account_sid": "AC720796a08ee9435083bd2d07a3121f1e", "scopes": ["Voice", "Messaging"]}
    ) == {
        "api_key_sid": "SK016612f5f27a7b3d8c4f1e2a6d5b9087",
        "secret": "0123456789abcdef0123456789abcdef",
        "scopes": ["Messaging", "Voice"],
    }
    assert operator.memory.scan(TableName=operator.settings.credentials_table)["Items"] == [
        {
            "PK": {"S": "ACCOUNT#720796a08ee9435083bd2d07a3121f1e"},
            "created": {"N": "1537910000"},
            "keys": {
                "M": {
                    "016612f5f27a7b3d8c4f1e2a6d5b9087": {
                        "M": {
                            "hash": {"S": "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9"},
                            "scopes": {"SS": ["Messaging", "Voice"]},
                        }
                    }
                }
            },
            # The SHA-256 digests of the auth tokens.
            "tokens": {"L": [{"S": "4ba68aa8767bde72e8c798ee82d1275291cea73e72ad74d35ecf48e41386eb82"}]},
        },
        {
            "PK": {"S": "KEY#016612f5f27a7b3d8c4f1e2a6d5b9087"},
            "account": {"S": "720796a08ee9435083bd2d07a3121f1e"},
            "hash": {"S": "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9"},
            "scopes": {"SS": ["Messaging", "Voice"]},
        },
    ]
    assert operator.log.drain() == [
        {
            "operation": "issue_api_key",
            "account": "720796a08ee9435083bd2d07a3121f1e",
            "sid": "016612f5f27a7b3d8c4f1e2a6d5b9087",
            "outcome": "done",
        }
    ]


def test_refuses_an_unknown_account(operator: World) -> None:
    """No key is issued if account 720796a0… does not exist."""
    assert operator.call("issue_api_key", {"account_sid": "720796a0-8ee9-4350-83bd-2d07a3121f1e"}) == {
        "error": {
            "message": "There is no such account or key, or the account has the maximum number of keys",
            "field": None,
        }
    }
    assert operator.memory.scan(TableName=operator.settings.credentials_table)["Items"] == []
    assert operator.log.drain() == [
        {"operation": "issue_api_key", "account": "720796a08ee9435083bd2d07a3121f1e", "outcome": "refused"}
    ]


@pytest.mark.parametrize("account_sid", MALFORMED_ACCOUNT_SIDS)
def test_refuses_malformed_accounts(account_sid: Any) -> None:
    """A malformed account sid is refused, and the answer names the field."""
    assert run("issue_api_key", account_sid=account_sid) == refused("account_sid")


def test_refuses_unknown_fields() -> None:
    """An unknown field is refused, and nothing is changed."""
    assert run("issue_api_key", account_sid=UNKNOWN, scope=["Voice"]) == refused("scope")


def test_requires_an_existing_account() -> None:
    """A missing or unknown account is refused."""
    assert run("issue_api_key") == refused("account_sid")
    assert run("issue_api_key", account_sid=UNKNOWN) == refused()


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
    """The 101st key is refused until another one is revoked (C-114)."""
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
