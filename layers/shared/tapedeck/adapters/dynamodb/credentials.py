"""The credentials table: `ACCOUNT#a` (hashes), `KEY#k` (API key and account), `SIGNING#a` (encrypted keys).

An account and its API keys share one item, so that a request that names an account is verified with one read.
"""

from typing import Final

from tapedeck.adapters.dynamodb.client import ConditionFailed, DynamoDBTable, Item, Write
from tapedeck.domain.account import (
    MAX_API_KEYS,
    MAX_AUTH_TOKENS,
    SIGNING_KEY_DAYS,
    Account,
    ApiKey,
    ApiKeyInfo,
    ConfirmUpdates,
    CredentialsRecord,
    MediaAccess,
    SigningKeys,
)
from tapedeck.domain.identity import created_at

_DAY: Final = 86_400
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
        access, confirm = item.get("media_access"), item.get("confirm")
        return CredentialsRecord(
            account,
            tuple(item["tokens"]),
            keys,
            MediaAccess(access) if access is not None else None,
            item["created"],
            ConfirmUpdates(confirm) if confirm is not None else None,
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

    def put_api_key(self, key: ApiKey, info: ApiKeyInfo | None = None) -> bool:
        """1 request: the key by its id, and again in its account's item, with its name and times."""
        attributes: Item = {"hash": key.secret_hash, "scopes": key.scopes or None}
        described: Item = {**attributes, **(_description(info) if info is not None else {})}
        writes = [
            Write(_api_key_key(key.id), item={"account": key.account, **attributes}, condition=_ABSENT),
            Write(
                _account_key(key.account),
                update="SET #keys.#key = :attributes",
                condition=f"{_EXISTS} AND size(#keys) < :most",
                values={"attributes": described, "most": MAX_API_KEYS},
                names={"keys": "keys", "key": key.id},
            ),
        ]
        try:
            self._database.transact(writes)
        except ConditionFailed as failed:
            own = failed.items[0] or {}
            return own.get("account") == key.account and own.get("hash") == key.secret_hash  # its response was lost
        return True

    def list_api_keys(self, account: str) -> list[ApiKeyInfo]:
        """1 request."""
        item = self._database.get(_account_key(account))
        return [_info_from(key, attributes) for key, attributes in item["keys"].items()] if item is not None else []

    def rename_api_key(self, account: str, key: str, friendly_name: str, at: int) -> ApiKeyInfo | None:
        """1 request."""
        write = Write(
            _account_key(account),
            update="SET #keys.#key.#name = :name, #keys.#key.updated = :now",
            condition="attribute_exists(#keys.#key)",
            values={"name": friendly_name, "now": at},
            names={"keys": "keys", "key": key, "name": "name"},
        )
        try:
            item = self._database.update(write)
        except ConditionFailed:
            return None
        return _info_from(key, item["keys"][key])

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
        return self._set_rule(account, "media_access", access)

    def set_confirm(self, account: str, confirm: ConfirmUpdates | None) -> bool:
        """1 request."""
        return self._set_rule(account, "confirm", confirm)

    def _set_rule(self, account: str, name: str, value: str | None) -> bool:
        """Set or remove an attribute of an account's item; False if the account does not exist."""
        write = Write(
            _account_key(account),
            update=f"SET {name} = :value" if value is not None else f"REMOVE {name}",
            condition=_EXISTS,
            values={"value": value} if value is not None else None,
        )
        return self._update_if_holds(write)

    def _update_if_holds(self, write: Write) -> bool:
        """Apply an update; return False if its condition failed."""
        try:
            self._database.update(write)
        except ConditionFailed:
            return False
        return True

    def remove_old_auth_token(self, account: str, at: int) -> bool:
        """2 requests: the newer token remains, and signs callbacks from now on; 1 more for each key that is pruned.

        The first requests prune the keys that no callback can need any more (C-312).
        """
        prune = Write(
            _signing_key(account),
            update="REMOVE twilio[0], since[0]",
            condition="since[1] <= :before",
            values={"before": at - SIGNING_KEY_DAYS * _DAY},
        )
        while self._update_if_holds(prune):
            pass
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


def _description(info: ApiKeyInfo) -> Item:
    """Return what of a key's name and times its id does not imply; most keys need none of it."""
    created = info.created if info.created != created_at(info.id) else None
    return {"name": info.friendly_name or None, "created": created}


def _info_from(key: str, attributes: Item) -> ApiKeyInfo:
    created: int = attributes.get("created", created_at(key))
    return ApiKeyInfo(key, attributes.get("name", ""), created, attributes.get("updated", created))


def _has_token(found: Item | None, token_hash: str) -> bool:
    return bool(found) and token_hash in (found or {}).get("tokens", ())
