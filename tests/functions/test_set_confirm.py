"""`set_confirm`: an account's own rule for confirmed updates overrides the deployment's default."""

from typing import Any, Final

import pytest

from tapedeck.bootstrap.http import get_api_services
from tapedeck.domain.account import ConfirmUpdates
from tapedeck.settings import Settings
from tests.conftest import TestAccount
from tests.functions.admin import MALFORMED_ACCOUNT_SIDS, UNKNOWN, authenticates, refused, run
from tests.functions.background_world import World
from tests.functions.expected import sid

pytestmark = pytest.mark.usefixtures("uncached_credentials")

INVALID: Final[tuple[Any, ...]] = ("", "Pause", "stop", "pause, stop", 1, True, ["pause"], {}, None)


def test_sets_the_rule_of_an_account(operator: World) -> None:
    """Account 720796a0… waits for its pauses and stops."""
    item = {
        "PK": {"S": "ACCOUNT#720796a08ee9435083bd2d07a3121f1e"},
        "created": {"N": "1537910000"},
        "keys": {"M": {}},
        # The SHA-256 digests of the auth tokens.
        "tokens": {"L": [{"S": "4ba68aa8767bde72e8c798ee82d1275291cea73e72ad74d35ecf48e41386eb82"}]},
    }
    operator.memory.put_item(TableName=operator.settings.credentials_table, Item=item)
    assert operator.call(
        "set_confirm", {"account_sid": "AC720796a08ee9435083bd2d07a3121f1e", "confirm": "pause+stop"}
    ) == {
        "account_sid": {
            "twilio": "AC720796a08ee9435083bd2d07a3121f1e",
            "signalwire": "720796a0-8ee9-4350-83bd-2d07a3121f1e",
        },
        "confirm": "pause+stop",
    }
    assert operator.memory.scan(TableName=operator.settings.credentials_table)["Items"] == [
        {**item, "confirm": {"S": "pause+stop"}}
    ]
    assert operator.log.drain() == [
        {"operation": "set_confirm", "account": "720796a08ee9435083bd2d07a3121f1e", "outcome": "done"}
    ]


def test_an_account_overrides_the_deployment(account: TestAccount, settings: Settings) -> None:
    """Each rule can be set by both spellings of the sid; `default` removes it, and credentials are unaffected."""
    both = {"twilio": f"AC{account.id}", "signalwire": sid("signalwire", "AC", account.id)}
    authenticator = get_api_services().authenticator
    for dialect, confirm in (("twilio", "pause"), ("signalwire", "pause+stop"), ("twilio", "none")):
        assert run("set_confirm", account_sid=both[dialect], confirm=confirm) == {
            "account_sid": both,
            "confirm": confirm,
        }
        assert authenticator.confirms(account.id) is ConfirmUpdates(confirm)
    run("set_confirm", account_sid=both["twilio"], confirm="default")
    assert authenticator.confirms(account.id) is settings.confirm_updates
    assert authenticates(account.id, account.token)


@pytest.mark.parametrize("account_sid", MALFORMED_ACCOUNT_SIDS)
def test_refuses_malformed_accounts(account_sid: Any) -> None:
    """A malformed account sid is refused, and the answer names the field."""
    assert run("set_confirm", account_sid=account_sid, confirm="pause") == refused("account_sid")


def test_requires_an_existing_account() -> None:
    """A missing or unknown account is refused, and so is an unknown field."""
    assert run("set_confirm") == refused("account_sid")
    assert run("set_confirm", account_sid=UNKNOWN, confirm="default") == refused()
    assert run("set_confirm", account_sid=UNKNOWN, confirm="pause", rule="pause") == refused("rule")


@pytest.mark.parametrize("confirm", INVALID)
def test_refuses_any_other_rule(account: TestAccount, settings: Settings, confirm: Any) -> None:
    """Any other value is refused, and nothing is changed."""
    assert run("set_confirm", account_sid=f"AC{account.id}", confirm=confirm) == refused("confirm")
    assert get_api_services().authenticator.confirms(account.id) is settings.confirm_updates
