"""The credentials table: `ACCOUNT#a` (hashes), `KEY#k` (API key and account), `SIGNING#a` (encrypted keys).

An account and its API keys share one item, so that a request that names an account is verified with one read.
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

_ABSENT: Final = "attribute_not_exists(PK)"
_EXISTS: Final = "attribute_exists(PK)"


class CredentialsTable:
    """`ports.credentials.CredentialStore` on DynamoDB; docstrings count requests, the port states the contract."""

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
        """1 request: the token hash and the encrypted keys that sign the account's callbacks."""
        writes = [
            Write(
                _account_key(account.id),
                item={
                    "tokens": [account.token_hash],
                    "keys": {},
                    "created": account.created,
                    "media_access": account.media_access,
                },
                condition=_ABSENT,
            ),
            Write(
                _signing_key(account.id),
                # `since`: the second from which each key signs. In Twilio's dialect the key is the auth token.
                item={name: [encrypted] for name, encrypted in signing.items()} | {"since": [account.created]},
                condition=_ABSENT,
            ),
        ]
        try:
            self._database.transact(writes)
        except ConditionFailed as failed:
            return _has_token(failed.items[0], account.token_hash)
        return True

    def put_api_key(self, key: ApiKey) -> bool:
        """1 request: the key by its id, and again in its account's item."""
        attributes: Item = {"hash": key.secret_hash, "scopes": key.scopes or None}
        writes = [
            Write(_api_key_key(key.id), item={"account": key.account, **attributes}, condition=_ABSENT),
            Write(
                _account_key(key.account),
                update="SET #keys.#key = :attributes",
                condition=f"{_EXISTS} AND size(#keys) < :most",
                values={"attributes": attributes, "most": MAX_API_KEYS},
                names={"keys": "keys", "key": key.id},
            ),
        ]
        try:
            self._database.transact(writes)
        except ConditionFailed as failed:
            return failed.items[0] is not None  # our own write, whose response was lost
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
        """1 request: the token authenticates at once, and signs callbacks once the old one is revoked."""
        writes = [
            Write(
                _account_key(account),
                update="SET tokens = list_append(tokens, :token)",
                condition=f"{_EXISTS} AND size(tokens) < :most",
                values={"token": [token_hash], "most": MAX_AUTH_TOKENS},
            ),
            Write(
                _signing_key(account),
                update="SET twilio = list_append(twilio, :encrypted)",
                condition=_EXISTS,
                values={"encrypted": [signing]},
            ),
        ]
        try:
            self._database.transact(writes)
        except ConditionFailed as failed:
            return _has_token(failed.items[0], token_hash)
        return True

    def set_media_access(self, account: str, access: MediaAccess | None) -> bool:
        """1 request."""
        write = Write(
            _account_key(account),
            update="SET media_access = :access" if access is not None else "REMOVE media_access",
            condition=_EXISTS,
            values={"access": access} if access is not None else None,
        )
        try:
            self._database.update(write)
        except ConditionFailed:
            return False
        return True

    def remove_old_auth_token(self, account: str, at: int) -> bool:
        """1 request: the newer token remains, and signs callbacks from now on."""
        writes = [
            Write(
                _account_key(account),
                update="REMOVE tokens[0]",
                condition=f"{_EXISTS} AND size(tokens) = :most",
                values={"most": MAX_AUTH_TOKENS},
            ),
            Write(
                _signing_key(account),
                update="SET since = list_append(since, :now)",
                condition=_EXISTS,
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


def _has_token(found: Item | None, token_hash: str) -> bool:
    return bool(found) and token_hash in (found or {}).get("tokens", ())
