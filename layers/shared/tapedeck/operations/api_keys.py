"""Create, read, rename and delete the API keys of an account. A secret is returned once and stored only hashed."""

import secrets
from dataclasses import dataclass, field

from tapedeck.domain.account import VOICE, ApiKey, ApiKeyInfo
from tapedeck.domain.errors import InvalidState, NotFound
from tapedeck.domain.identity import new_id
from tapedeck.domain.page import Page, PageRequest
from tapedeck.operations.authentication import hash_secret
from tapedeck.operations.short_lists import select_page
from tapedeck.ports.clock import Clock
from tapedeck.ports.credentials import CredentialStore


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A new API key: its id (32 hex digits), secret and scopes; the secret is returned only once."""

    key: str
    secret: str = field(repr=False)
    scopes: tuple[str, ...]
    info: ApiKeyInfo


class ApiKeys:
    """The API keys of accounts; each method raises StoreBusy or StoreUnavailable if the store fails.

    Args:
        credentials: the store of the hashes.
        clock: the time in milliseconds.
        refused_secrets: secrets that no key may have, such as the stand-in's on a deployed stack.
    """

    def __init__(
        self, credentials: CredentialStore, clock: Clock, refused_secrets: frozenset[str] = frozenset()
    ) -> None:
        self._credentials = credentials
        self._clock = clock
        self._refused = refused_secrets

    def create(
        self,
        account: str,
        scopes: frozenset[str] = frozenset({VOICE}),
        friendly_name: str = "",
        *,
        key: str | None = None,
        secret: str | None = None,
    ) -> NewApiKey:
        """Create an API key: Twilio's `SK…` and secret, or SignalWire's API token.

        Args:
            account: the id of the account.
            scopes: what the key may do.
            friendly_name: up to 64 characters.
            key: a fixed id of 32 hex digits, for the stand-in only; None for a new one.
            secret: a fixed secret, for the stand-in only; None for a random one.

        Raises:
            InvalidState: no such account, it already has 100 keys, or the id or the secret may not be used.
        """
        if secret in self._refused:
            raise InvalidState
        now = self._clock()
        identifier, secret = key or new_id(now), secret or make_secret()
        info = ApiKeyInfo(identifier, friendly_name, now // 1000, now // 1000)
        if not self._credentials.put_api_key(ApiKey(identifier, account, hash_secret(secret), scopes), info):
            raise InvalidState
        return NewApiKey(identifier, secret, tuple(sorted(scopes)), info)

    def list(self, account: str, page: PageRequest) -> Page[ApiKeyInfo]:
        """Return a page of an account's keys, newest first."""
        keys = self._credentials.list_api_keys(account)
        return select_page(keys, keys, page, lambda key: key.created)

    def get(self, account: str, key: str) -> ApiKeyInfo:
        """Return a key.

        Raises:
            NotFound: the account has no such key.
        """
        for found in self._credentials.list_api_keys(account):
            if found.id == key:
                return found
        raise NotFound

    def rename(self, account: str, key: str, friendly_name: str) -> ApiKeyInfo:
        """Set the friendly name of a key and return the key.

        Raises:
            NotFound: the account has no such key.
        """
        renamed = self._credentials.rename_api_key(account, key, friendly_name, self._clock() // 1000)
        if renamed is None:
            raise NotFound
        return renamed

    def delete(self, account: str, key: str) -> None:
        """Delete a key. Takes effect everywhere within 60 seconds (the credential cache).

        Raises:
            NotFound: the account has no such key.
        """
        if not self._credentials.delete_api_key(account, key):
            raise NotFound


def make_secret() -> str:
    """Return 128 random bits in hex, the format of the vendors' tokens (REL-12)."""
    return secrets.token_hex(16)
