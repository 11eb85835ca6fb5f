"""The credentials table: `ACCOUNT#a` (hashes), `KEY#k` (an API key, with its account), `SIGNING#a` (sealed keys).

Accounts and their keys share one item, so that whoever names an account is verified in one read.
"""

from typing import Final

from tapedeck.adapters.dynamodb.client import ConditionFailed, DynamoDBTable, Item, Write
from tapedeck.domain.account import (
    MAX_API_KEYS,
    MAX_AUTH_TOKENS,
    Account,
    ApiKey,
    CredentialsRecord,
    MediaAccess,
    SigningKeys,
)

_NEW: Final = "attribute_not_exists(PK)"
_THERE: Final = "attribute_exists(PK)"


class CredentialsTable:
    """`ports.stores.CredentialStore` on DynamoDB."""

    def __init__(self, database: DynamoDBTable) -> None:
        self._database = database

    def get_account(self, account: str) -> CredentialsRecord | None:
        """1 request."""
        item = self._database.get(_account_key(account))
        if item is None:
            return None
        keys = {key["hash"]: key.get("scopes", frozenset()) for key in item["keys"].values()}
        access = item.get("media_access")
        return CredentialsRecord(
            account, tuple(item["tokens"]), keys, MediaAccess(access) if access is not None else None
        )

    def get_api_key(self, key: str) -> ApiKey | None:
        """1 request."""
        item = self._database.get(_api_key_key(key))
        if item is None:
            return None
        return ApiKey(key, item["account"], item["hash"], item.get("scopes", frozenset()))

    def get_signing_keys(self, account: str, dialect: str) -> SigningKeys | None:
        """1 request."""
        item = self._database.get(_signing_key(account))
        if item is None:
            return None
        return SigningKeys(tuple(item.get(dialect, ())), tuple(item["since"]))

    def put_account(self, account: Account, signing: dict[str, bytes]) -> bool:
        """1 request: the hashes, and the sealed keys that sign its callbacks."""
        writes = [
            Write(
                _account_key(account.id),
                item={
                    "tokens": [account.token_hash],
                    "keys": {},
                    "created": account.created,
                    "media_access": account.media_access,
                },
                condition=_NEW,
            ),
            Write(
                _signing_key(account.id),
                # `since` tells from when on each of the keys signs, in Twilio's dialect the auth token.
                item={name: [sealed] for name, sealed in signing.items()} | {"since": [account.created]},
                condition=_NEW,
            ),
        ]
        try:
            self._database.transact(writes)
        except ConditionFailed as failed:
            return _holds(failed.items[0], account.token_hash)
        return True

    def put_api_key(self, key: ApiKey) -> bool:
        """1 request: the key by its own id, and under its account."""
        held: Item = {"hash": key.secret_hash, "scopes": key.scopes or None}
        writes = [
            Write(_api_key_key(key.id), item={"account": key.account, **held}, condition=_NEW),
            Write(
                _account_key(key.account),
                update="SET #keys.#key = :held",
                condition=f"{_THERE} AND size(#keys) < :most",
                values={"held": held, "most": MAX_API_KEYS},
                names={"keys": "keys", "key": key.id},
            ),
        ]
        try:
            self._database.transact(writes)
        except ConditionFailed as failed:
            return failed.items[0] is not None  # our own write, whose answer was lost
        return True

    def delete_api_key(self, account: str, key: str) -> bool:
        """1 request."""
        writes = [
            Write(
                _api_key_key(key), delete=True, condition="#account = :account",
                values={"account": account}, names={"account": "account"},
            ),
            Write(
                _account_key(account), update="REMOVE #keys.#key", condition="attribute_exists(#keys.#key)",
                names={"keys": "keys", "key": key},
            ),
        ]  # fmt: skip
        try:
            self._database.transact(writes)
        except ConditionFailed:
            return False
        return True

    def add_auth_token(self, account: str, token_hash: str, signing: bytes) -> bool:
        """1 request: it admits from now on, and signs from when the old one is revoked."""
        writes = [
            Write(
                _account_key(account),
                update="SET tokens = list_append(tokens, :token)",
                condition=f"{_THERE} AND size(tokens) < :most",
                values={"token": [token_hash], "most": MAX_AUTH_TOKENS},
            ),
            Write(
                _signing_key(account),
                update="SET twilio = list_append(twilio, :sealed)",
                condition=_THERE,
                values={"sealed": [signing]},
            ),
        ]
        try:
            self._database.transact(writes)
        except ConditionFailed as failed:
            return _holds(failed.items[0], token_hash)
        return True

    def set_media_access(self, account: str, access: MediaAccess | None) -> bool:
        """1 request."""
        write = Write(
            _account_key(account),
            update="SET media_access = :access" if access is not None else "REMOVE media_access",
            condition=_THERE,
            values={"access": access} if access is not None else None,
        )
        try:
            self._database.update(write)
        except ConditionFailed:
            return False
        return True

    def remove_old_auth_token(self, account: str, at: int) -> bool:
        """1 request: the newer token stays, and signs from now on."""
        writes = [
            Write(
                _account_key(account),
                update="REMOVE tokens[0]",
                condition=f"{_THERE} AND size(tokens) = :most",
                values={"most": MAX_AUTH_TOKENS},
            ),
            Write(
                _signing_key(account),
                update="SET since = list_append(since, :now)",
                condition=_THERE,
                values={"now": [at]},
            ),
        ]
        try:
            self._database.transact(writes)
        except ConditionFailed:
            return False
        return True


def _account_key(account: str) -> dict[str, str]:
    return {"PK": f"ACCOUNT#{account}"}


def _api_key_key(key: str) -> dict[str, str]:
    return {"PK": f"KEY#{key}"}


def _signing_key(account: str) -> dict[str, str]:
    return {"PK": f"SIGNING#{account}"}


def _holds(found: Item | None, token_hash: str) -> bool:
    return bool(found) and token_hash in (found or {}).get("tokens", ())
