"""The contract of `ports.credentials.CredentialStore`, in each database."""

from dataclasses import replace

import pytest

from tapedeck.adapters.dynamodb.credentials import CredentialsTable
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.domain.account import Account, ApiKey, ApiKeyInfo, ConfirmUpdates, CredentialsRecord, SigningKeys
from tapedeck.domain.identity import new_id
from tapedeck.ports.credentials import CredentialStore
from tests.conftest import TestAccount

pytestmark = [pytest.mark.dynamodb_local, pytest.mark.usefixtures("database")]

NOW = 1_795_250_675
SIGNING = {"twilio": b"sealed token", "signalwire": b"sealed key"}


@pytest.fixture
def credentials(account: TestAccount) -> CredentialStore:
    """The credential store over the database under test."""
    del account  # creates the tables
    found: CredentialStore = api_bootstrap.get_admin_services().accounts._credentials
    return found


@pytest.fixture
def mine(credentials: CredentialStore) -> Account:
    """An account with one auth token."""
    created = Account(new_id(NOW * 1000), "a" * 64, NOW)
    assert credentials.put_account(created, SIGNING)
    return created


def test_account_is_created_once(credentials: CredentialStore, mine: Account) -> None:
    """Creating an account is idempotent; another account with its id is rejected."""
    assert credentials.get_account(mine.id) == CredentialsRecord(mine.id, (mine.token_hash,), {}, created=NOW)
    assert credentials.put_account(mine, SIGNING)
    assert not credentials.put_account(Account(mine.id, "b" * 64, NOW), SIGNING)
    assert credentials.get_account(mine.id) == CredentialsRecord(mine.id, (mine.token_hash,), {}, created=NOW)
    assert credentials.get_account(new_id(NOW)) is None


def test_an_account_has_a_rule_for_confirmed_updates(credentials: CredentialStore, mine: Account) -> None:
    """The rule of an account is set and removed, leaves the rest as it is, and needs an existing account."""
    without = CredentialsRecord(mine.id, (mine.token_hash,), {}, created=NOW)
    for rule in (ConfirmUpdates.PAUSE, ConfirmUpdates.PAUSE_AND_STOP, None, ConfirmUpdates.NONE, None):
        assert credentials.set_confirm(mine.id, rule)
        assert credentials.get_account(mine.id) == replace(without, confirm=rule)
    assert not credentials.set_confirm(new_id(NOW), ConfirmUpdates.PAUSE)
    assert not credentials.set_confirm(new_id(NOW), None)


def test_api_key_is_found_by_id_and_by_account(credentials: CredentialStore, mine: Account) -> None:
    """An API key is found by id and in its account's record; only its account can delete it."""
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
    assert credentials.get_account(mine.id) == CredentialsRecord(mine.id, (mine.token_hash,), {}, created=NOW)
    assert not credentials.delete_api_key(mine.id, key.id)


def test_api_keys_are_listed_with_their_names(credentials: CredentialStore, mine: Account) -> None:
    """The keys of an account have their names and times; renaming changes one of them and needs an existing key."""
    named = ApiKey(new_id(NOW * 1000), mine.id, "c" * 64, frozenset({"Voice"}))
    unnamed, fixed = replace(named, id=new_id(NOW * 1000 + 60_000)), replace(named, id="f" * 32)
    assert credentials.list_api_keys(mine.id) == []
    assert credentials.put_api_key(named, ApiKeyInfo(named.id, "Reports", NOW, NOW))
    assert credentials.put_api_key(unnamed)
    assert credentials.put_api_key(fixed, ApiKeyInfo(fixed.id, "", NOW + 5, NOW + 5))
    others = [ApiKeyInfo(unnamed.id, "", NOW + 60, NOW + 60), ApiKeyInfo(fixed.id, "", NOW + 5, NOW + 5)]
    assert _by_id(credentials, mine) == _sorted(ApiKeyInfo(named.id, "Reports", NOW, NOW), *others)
    renamed = ApiKeyInfo(named.id, "Monthly", NOW, NOW + 9)
    assert credentials.rename_api_key(mine.id, named.id, "Monthly", NOW + 9) == renamed
    assert _by_id(credentials, mine) == _sorted(renamed, *others)
    assert credentials.rename_api_key(mine.id, new_id(NOW), "Monthly", NOW + 9) is None
    assert credentials.rename_api_key(new_id(NOW), named.id, "Monthly", NOW + 9) is None
    assert credentials.list_api_keys(new_id(NOW)) == []
    assert _by_id(credentials, mine) == _sorted(renamed, *others)


def test_the_id_of_an_api_key_is_used_once(credentials: CredentialStore, mine: Account) -> None:
    """Storing a key is idempotent; another secret or another account with its id is rejected."""
    key = ApiKey(new_id(NOW * 1000), mine.id, "c" * 64, frozenset({"Voice"}))
    other = Account(new_id(NOW * 1000), "a" * 64, NOW)
    assert credentials.put_account(other, SIGNING)
    assert credentials.put_api_key(key)
    assert credentials.put_api_key(key)
    assert not credentials.put_api_key(replace(key, secret_hash="d" * 64))
    assert not credentials.put_api_key(replace(key, account=other.id))
    assert credentials.get_api_key(key.id) == key


def _by_id(credentials: CredentialStore, account: Account) -> list[ApiKeyInfo]:
    return _sorted(*credentials.list_api_keys(account.id))


def _sorted(*keys: ApiKeyInfo) -> list[ApiKeyInfo]:
    return sorted(keys, key=lambda key: key.id)


def test_api_key_needs_an_account(credentials: CredentialStore) -> None:
    """A key of an unknown account is rejected and not stored."""
    key = ApiKey(new_id(NOW * 1000), new_id(NOW * 1000), "c" * 64, frozenset())
    assert not credentials.put_api_key(key)
    assert credentials.get_api_key(key.id) is None


def test_auth_token_rotation(credentials: CredentialStore, mine: Account) -> None:
    """One second auth token can be added, then the first removed; the only one cannot be removed."""
    assert not credentials.remove_old_auth_token(mine.id, NOW)
    assert credentials.add_auth_token(mine.id, "b" * 64, b"sealed")
    assert credentials.add_auth_token(mine.id, "b" * 64, b"sealed")
    assert not credentials.add_auth_token(mine.id, "d" * 64, b"sealed")
    assert credentials.get_account(mine.id) == CredentialsRecord(mine.id, ("a" * 64, "b" * 64), {}, created=NOW)
    assert credentials.remove_old_auth_token(mine.id, NOW)
    assert credentials.get_account(mine.id) == CredentialsRecord(mine.id, ("b" * 64,), {}, created=NOW)
    assert not credentials.remove_old_auth_token(mine.id, NOW)
    assert not credentials.add_auth_token(new_id(NOW), "d" * 64, b"sealed")


def test_signing_keys_that_no_callback_needs_are_pruned(credentials: CredentialStore, mine: Account) -> None:
    """A revocation prunes the keys that were replaced 37 days ago or earlier; SignalWire's only key stays."""
    assert isinstance(credentials, CredentialsTable)
    day = 86_400
    for number, days in enumerate((0, 10, 20), start=1):
        assert credentials.add_auth_token(mine.id, f"{number}" * 64, b"sealed %d" % number)
        assert credentials.remove_old_auth_token(mine.id, NOW + days * day)
    sealed = (b"sealed token", b"sealed 1", b"sealed 2", b"sealed 3")
    since = (NOW, NOW, NOW + 10 * day, NOW + 20 * day)
    assert credentials.get_signing_keys(mine.id, "twilio") == SigningKeys(sealed, since)
    assert credentials.add_auth_token(mine.id, "4" * 64, b"sealed 4")
    assert credentials.remove_old_auth_token(mine.id, NOW + 47 * day)
    kept = SigningKeys((b"sealed 2", b"sealed 3", b"sealed 4"), (NOW + 10 * day, NOW + 20 * day, NOW + 47 * day))
    assert credentials.get_signing_keys(mine.id, "twilio") == kept
    assert kept.at(NOW + 10 * day) == b"sealed 2"
    found = credentials.get_signing_keys(mine.id, "signalwire")
    assert found is not None
    assert (found.encrypted, found.at(NOW + 47 * day)) == ((b"sealed key",), b"sealed key")
