"""Create accounts and their credentials. Secrets are returned once and stored only hashed or encrypted."""

from dataclasses import dataclass, field

from tapedeck.domain.account import VOICE, Account, ConfirmUpdates, MediaAccess
from tapedeck.domain.errors import InvalidState, NotFound
from tapedeck.domain.identity import new_id
from tapedeck.operations.api_keys import ApiKeys, NewApiKey, make_secret
from tapedeck.operations.authentication import hash_secret
from tapedeck.ports.clock import Clock
from tapedeck.ports.credentials import CredentialStore, Encryptor


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A new account: its id (32 hex digits), auth token and SignalWire signing key, returned only once."""

    account: str
    auth_token: str = field(repr=False)
    signing_key: str = field(repr=False)


class Accounts:
    """Accounts and their keys; each method raises StoreBusy or StoreUnavailable if the store or encryptor fails.

    Args:
        credentials: the store of the hashes.
        encryptor: encrypts the keys that sign callbacks.
        clock: the time in milliseconds.
        refused_secrets: secrets that no account may have, such as the stand-in's on a deployed stack.
    """

    def __init__(
        self,
        credentials: CredentialStore,
        encryptor: Encryptor,
        clock: Clock,
        refused_secrets: frozenset[str] = frozenset(),
    ) -> None:
        self._credentials = credentials
        self._encryptor = encryptor
        self._clock = clock
        self._refused = refused_secrets
        self._api_keys = ApiKeys(credentials, clock, refused_secrets)

    def create(
        self,
        *,
        account: str | None = None,
        auth_token: str | None = None,
        signing_key: str | None = None,
        media_access: MediaAccess | None = None,
    ) -> NewAccount:
        """Create an account.

        Args:
            account: 32 hex digits, to keep the id of an existing project; None for a new id.
            auth_token: a fixed token, for the stand-in only; None for a random one.
            signing_key: a fixed signing key, for the stand-in only; None for a random one.
            media_access: who may fetch its audio; None for the default of the deployment.

        Raises:
            InvalidState: the id is in use, or a secret may not be used.
        """
        if {auth_token, signing_key} & self._refused:
            raise InvalidState
        now = self._clock()
        new_account = NewAccount(
            account or new_id(now), auth_token or make_secret(), signing_key or f"PSK_{make_secret()}"
        )
        signing = {
            "twilio": self._encryptor.encrypt(new_account.account, new_account.auth_token),
            "signalwire": self._encryptor.encrypt(new_account.account, new_account.signing_key),
        }
        is_new = self._credentials.put_account(
            Account(new_account.account, hash_secret(new_account.auth_token), now // 1000, media_access), signing
        )
        if not is_new:
            raise InvalidState
        return new_account

    def issue_api_key(self, account: str, scopes: frozenset[str] = frozenset({VOICE})) -> NewApiKey:
        """Issue another API key of an account: Twilio's `SK…` and secret, or SignalWire's API token.

        Raises:
            NotFound: no such account, or it already has 100 keys.
        """
        try:
            return self._api_keys.create(account, scopes)
        except InvalidState as error:
            raise NotFound from error

    def revoke_api_key(self, account: str, key: str) -> None:
        """Revoke an API key. Takes effect everywhere within 60 seconds (the credential cache).

        Raises:
            NotFound: the account has no such key.
        """
        self._api_keys.delete(account, key)

    def set_media_access(self, account: str, access: MediaAccess | None) -> None:
        """Set who may fetch an account's audio; None restores the default. Takes effect within 60 seconds.

        Raises:
            NotFound: no such account.
        """
        if not self._credentials.set_media_access(account, access):
            raise NotFound

    def set_confirm(self, account: str, confirm: ConfirmUpdates | None) -> None:
        """Set for which updates of an account's recordings a request waits; None restores the default.

        Takes effect within 60 seconds.

        Raises:
            NotFound: no such account.
        """
        if not self._credentials.set_confirm(account, confirm):
            raise NotFound

    def rotate_auth_token(self, account: str) -> str:
        """Create and return a second auth token; both are valid until the old one is revoked.

        Raises:
            InvalidState: no such account, or it already has two tokens.
        """
        token = make_secret()
        if not self._credentials.add_auth_token(account, hash_secret(token), self._encryptor.encrypt(account, token)):
            raise InvalidState
        return token

    def revoke_old_auth_token(self, account: str) -> None:
        """Revoke the older of two auth tokens. Takes effect everywhere within 60 seconds (the credential cache).

        Raises:
            InvalidState: no such account, or it has only one token.
        """
        if not self._credentials.remove_old_auth_token(account, self._clock() // 1000):
            raise InvalidState
