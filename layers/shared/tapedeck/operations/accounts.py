"""Make accounts and what opens them; secrets are made here, shown once, and kept only as hashes or sealed."""

import secrets
from dataclasses import dataclass

from tapedeck.domain.account import VOICE, Account, ApiKey, MediaAccess
from tapedeck.domain.errors import InvalidState, NotFound
from tapedeck.domain.identity import new_id
from tapedeck.operations.authentication import hash_secret
from tapedeck.ports.stores import Clock, CredentialStore, Encryptor


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What is told once: the id in 32 hex digits, the auth token, SignalWire's signing key."""

    account: str
    auth_token: str
    signing_key: str


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """What is told once: the id in 32 hex digits, the secret, the scopes."""

    key: str
    secret: str
    scopes: tuple[str, ...]


class Accounts:
    """Every method raises StoreBusy or StoreUnavailable when the store, or what seals, fails."""

    def __init__(self, credentials: CredentialStore, encryptor: Encryptor, clock: Clock) -> None:
        self._credentials = credentials
        self._encryptor = encryptor
        self._clock = clock

    def create(
        self,
        *,
        account: str | None = None,
        auth_token: str | None = None,
        signing_key: str | None = None,
        media_access: MediaAccess | None = None,
    ) -> NewAccount:
        """Make an account.

        Args:
            account: 32 hex digits, where an existing project's id is to be kept; else a fresh one.
            auth_token: the stand-in's own; deployed, always a fresh one.
            signing_key: likewise.
            media_access: who may fetch its audio, where that is not as for other accounts.

        Raises:
            InvalidState: the id is in use.
        """
        now = self._clock()
        made = NewAccount(account or new_id(now), auth_token or _make_secret(), signing_key or f"PSK_{_make_secret()}")
        signing = {
            "twilio": self._encryptor.encrypt(made.account, made.auth_token),
            "signalwire": self._encryptor.encrypt(made.account, made.signing_key),
        }
        is_new = self._credentials.put_account(
            Account(made.account, hash_secret(made.auth_token), now // 1000, media_access), signing
        )
        if not is_new:
            raise InvalidState
        return made

    def issue_api_key(self, account: str, scopes: frozenset[str] = frozenset({VOICE})) -> NewApiKey:
        """Make a further key of an account: Twilio's `SK…` and secret, or SignalWire's API token.

        Raises:
            NotFound: no such account, or it has 100 keys already.
        """
        key, secret = new_id(self._clock()), _make_secret()
        if not self._credentials.put_api_key(ApiKey(key, account, hash_secret(secret), scopes)):
            raise NotFound
        return NewApiKey(key, secret, tuple(sorted(scopes)))

    def revoke_api_key(self, account: str, key: str) -> None:
        """Take a key out of use: within a minute it opens nothing anywhere.

        Raises:
            NotFound: this account has no such key.
        """
        if not self._credentials.delete_api_key(account, key):
            raise NotFound

    def set_media_access(self, account: str, access: MediaAccess | None) -> None:
        """Set who may fetch an account's audio; None as for other accounts. In force everywhere within a minute.

        Raises:
            NotFound: no such account.
        """
        if not self._credentials.set_media_access(account, access):
            raise NotFound

    def rotate_auth_token(self, account: str) -> str:
        """Make a second auth token, and return it; both are valid until the old one is revoked.

        Raises:
            InvalidState: there is no such account, or it has two tokens already.
        """
        token = _make_secret()
        if not self._credentials.add_auth_token(account, hash_secret(token), self._encryptor.encrypt(account, token)):
            raise InvalidState
        return token

    def revoke_old_auth_token(self, account: str) -> None:
        """Take the older of two auth tokens out of use: within a minute it opens nothing anywhere.

        Raises:
            InvalidState: there is no such account, or it has only one token.
        """
        if not self._credentials.remove_old_auth_token(account, self._clock() // 1000):
            raise InvalidState


def _make_secret() -> str:
    """128 random bits in hex, as vendors' tokens look (rule R12)."""
    return secrets.token_hex(16)
