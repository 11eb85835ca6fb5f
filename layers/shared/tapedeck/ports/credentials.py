"""Ports for stored credentials and the encryption of secrets."""

from collections.abc import Sequence
from typing import Protocol

from tapedeck.domain.account import Account, ApiKey, ApiKeyInfo, ConfirmUpdates, CredentialsRecord, MediaAccess


class CredentialStore(Protocol):
    """The credentials table: hashes, never secrets.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`.
    """

    def get_account(self, account: str) -> CredentialsRecord | None:
        """Return the hashes that an account's id as user name is verified against."""
        ...

    def get_api_key(self, key: str) -> ApiKey | None:
        """Return the API key with this id, including its account."""
        ...

    def put_account(self, account: Account, signing: dict[str, bytes]) -> bool:
        """Create an account with its encrypted signing keys by dialect; False if the id is in use."""
        ...

    def put_api_key(self, key: ApiKey, info: ApiKeyInfo | None = None) -> bool:
        """Add a key; False if the account does not exist or has the maximum of keys, or the id is in use.

        Without `info` the key has no name, and was created at the time of its id.
        """
        ...

    def list_api_keys(self, account: str) -> Sequence[ApiKeyInfo]:
        """Return all keys of an account, in any order."""
        ...

    def rename_api_key(self, account: str, key: str, friendly_name: str, at: int) -> ApiKeyInfo | None:
        """Set the friendly name of a key, at `at` (seconds), and return the key; None if there is no such key."""
        ...

    def delete_api_key(self, account: str, key: str) -> bool:
        """Revoke a key; False if this account has no such key."""
        ...

    def set_media_access(self, account: str, access: MediaAccess | None) -> bool:
        """Set or remove an account's own media access; False if the account does not exist."""
        ...

    def set_confirm(self, account: str, confirm: ConfirmUpdates | None) -> bool:
        """Set or remove an account's own rule for confirmed updates; False if the account does not exist."""
        ...

    def add_auth_token(self, account: str, token_hash: str, signing: bytes) -> bool:
        """Add a second auth token; False if the account does not exist or already has two."""
        ...

    def remove_old_auth_token(self, account: str, at: int) -> bool:
        """Revoke the older of two auth tokens, at `at` (seconds); False if there is only one."""
        ...


class Encryptor(Protocol):
    """Encrypts secrets that only the delivery of callbacks can decrypt."""

    def encrypt(self, account: str, secret: str) -> bytes:
        """Return the secret, encrypted for this account alone."""
        ...
