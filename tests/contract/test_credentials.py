"""What every store of credentials must do (`ports.stores.CredentialStore`): in each database."""

import pytest

from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.domain.account import Account, ApiKey, CredentialsRecord
from tapedeck.domain.identity import new_id
from tapedeck.ports.stores import CredentialStore
from tests.conftest import TestAccount

pytestmark = [pytest.mark.dynamodb_local, pytest.mark.usefixtures("database")]

NOW = 1_795_250_675
SIGNING = {"twilio": b"sealed token", "signalwire": b"sealed key"}


@pytest.fixture
def credentials(account: TestAccount) -> CredentialStore:
    """The adapter over this run's database."""
    del account  # the tables are there by now
    found: CredentialStore = api_bootstrap.get_admin_services().accounts._credentials
    return found


@pytest.fixture
def mine(credentials: CredentialStore) -> Account:
    """An account with one auth token."""
    made = Account(new_id(NOW * 1000), "a" * 64, NOW)
    assert credentials.put_account(made, SIGNING)
    return made


def test_an_account_is_made_once(credentials: CredentialStore, mine: Account) -> None:
    """A repetition of its making is the same making; another one with its id is not."""
    assert credentials.get_account(mine.id) == CredentialsRecord(mine.id, (mine.token_hash,), {})
    assert credentials.put_account(mine, SIGNING)
    assert not credentials.put_account(Account(mine.id, "b" * 64, NOW), SIGNING)
    assert credentials.get_account(mine.id) == CredentialsRecord(mine.id, (mine.token_hash,), {})
    assert credentials.get_account(new_id(NOW)) is None


def test_a_key_is_found_by_its_id_and_under_its_account(credentials: CredentialStore, mine: Account) -> None:
    """It is taken out of use at both places, by its own account only."""
    key = ApiKey(new_id(NOW * 1000), mine.id, "c" * 64, frozenset({"Voice", "Fax"}))
    assert credentials.put_api_key(key)
    assert credentials.get_api_key(key.id) == key
    record = credentials.get_account(mine.id)
    assert record is not None
    assert record.key_hashes == {key.secret_hash: key.scopes}
    assert not credentials.delete_api_key(new_id(NOW), key.id)
    assert credentials.get_api_key(key.id) == key
    assert credentials.delete_api_key(mine.id, key.id)
    assert credentials.get_api_key(key.id) is None
    assert credentials.get_account(mine.id) == CredentialsRecord(mine.id, (mine.token_hash,), {})
    assert not credentials.delete_api_key(mine.id, key.id)


def test_a_key_needs_an_account(credentials: CredentialStore) -> None:
    """No key is left behind where there is none."""
    key = ApiKey(new_id(NOW * 1000), new_id(NOW * 1000), "c" * 64, frozenset())
    assert not credentials.put_api_key(key)
    assert credentials.get_api_key(key.id) is None


def test_an_account_has_one_auth_token_or_two(credentials: CredentialStore, mine: Account) -> None:
    """A second is added once, and then the first can go; never the only one."""
    assert not credentials.remove_old_auth_token(mine.id, NOW)
    assert credentials.add_auth_token(mine.id, "b" * 64, b"sealed")
    assert credentials.add_auth_token(mine.id, "b" * 64, b"sealed")
    assert not credentials.add_auth_token(mine.id, "d" * 64, b"sealed")
    assert credentials.get_account(mine.id) == CredentialsRecord(mine.id, ("a" * 64, "b" * 64), {})
    assert credentials.remove_old_auth_token(mine.id, NOW)
    assert credentials.get_account(mine.id) == CredentialsRecord(mine.id, ("b" * 64,), {})
    assert not credentials.remove_old_auth_token(mine.id, NOW)
    assert not credentials.add_auth_token(new_id(NOW), "d" * 64, b"sealed")
