"""The registered media engines in the credentials table.

An engine is one item, so that its token is verified with one read. A further item lists the names of all engines: the
table has no sort key, and a scan would read the accounts as well. Both are written in one transaction.
"""

from typing import Final

from tapedeck.adapters.dynamodb.client import ConditionFailed, DynamoDBTable, Item, Write
from tapedeck.domain.engine import MAX_ENGINE_TOKENS, MAX_ENGINES, MediaEngine
from tapedeck.ports.engines import RegisteredEngine

_ABSENT: Final = "attribute_not_exists(PK)"
_EXISTS: Final = "attribute_exists(PK)"
_LIST_KEY: Final = {"PK": "LIST#ENGINES"}


class EngineRegistryTable:
    """`ports.engines.EngineRegistry` on DynamoDB; docstrings count requests, the port states the contract."""

    def __init__(self, database: DynamoDBTable) -> None:
        self._database = database

    def get_engine(self, name: str) -> RegisteredEngine | None:
        """1 request."""
        item = self._database.get(_engine_key(name))
        return _engine_from(name, item) if item is not None else None

    def list_engines(self) -> list[RegisteredEngine]:
        """1 request, and 1 per engine."""
        found = (self.get_engine(name) for name in self.list_names())
        return [engine for engine in found if engine is not None]

    def list_names(self) -> list[str]:
        """1 request."""
        return sorted((self._database.get(_LIST_KEY) or {}).get("names", ()))

    def put_engine(self, engine: RegisteredEngine) -> bool:
        """1 request."""
        name = engine.engine.name
        writes = [
            Write(
                _engine_key(name),
                item={
                    "tokens": list(engine.token_hashes),
                    "accounts": engine.engine.accounts,
                    "created": engine.created,
                    "disabled": engine.is_disabled or None,
                },
                condition=_ABSENT,
            ),
            Write(
                _LIST_KEY,
                update="ADD #names :name",
                condition="attribute_not_exists(#names) OR size(#names) < :most",
                values={"name": frozenset({name}), "most": MAX_ENGINES},
                names={"names": "names"},
            ),
        ]
        try:
            self._database.transact(writes)
        except ConditionFailed as failed:
            return _has_token(failed.items[0], engine.token_hashes[-1])  # its response was lost
        return True

    def add_engine_token(self, name: str, token_hash: str) -> bool:
        """1 request."""
        write = Write(
            _engine_key(name),
            update="SET tokens = list_append(tokens, :token)",
            # A late copy of this request must not add the token twice.
            condition=f"{_EXISTS} AND size(tokens) < :most AND NOT contains(tokens, :hash)",
            values={"token": [token_hash], "hash": token_hash, "most": MAX_ENGINE_TOKENS},
        )
        try:
            self._database.update(write)
        except ConditionFailed as failed:
            return _has_token(failed.items[0], token_hash)  # its response was lost
        return True

    def remove_old_engine_token(self, name: str) -> bool:
        """2 requests."""
        return self._remove_token(name, 0)

    def remove_new_engine_token(self, name: str) -> bool:
        """2 requests."""
        return self._remove_token(name, 1)

    def disable_engine(self, name: str) -> bool:
        """1 request."""
        write = Write(_engine_key(name), update="SET disabled = :true", condition=_EXISTS, values={"true": True})
        try:
            self._database.update(write)
        except ConditionFailed:
            return False
        return True

    def delete_engine(self, name: str) -> bool:
        """1 request."""
        writes = [
            Write(_engine_key(name), delete=True, condition=_EXISTS),
            Write(
                _LIST_KEY,
                update="DELETE #names :name",
                values={"name": frozenset({name})},
                names={"names": "names"},
            ),
        ]
        try:
            self._database.transact(writes)
        except ConditionFailed as failed:
            return failed.may_have_unacknowledged_copy  # deleted: its response was lost
        return True

    def _remove_token(self, name: str, position: int) -> bool:
        """Read both tokens, then remove exactly this one, so that a lost response is recognised."""
        found = self.get_engine(name)
        if found is None or len(found.token_hashes) < MAX_ENGINE_TOKENS:
            return False
        kept = list(found.token_hashes)
        removed = kept.pop(position)
        write = Write(
            _engine_key(name),
            update=f"REMOVE tokens[{position}]",
            condition=f"tokens[{position}] = :removed AND size(tokens) = :most",
            values={"removed": removed, "most": MAX_ENGINE_TOKENS},
        )
        try:
            self._database.update(write)
        except ConditionFailed as failed:
            return (failed.items[0] or {}).get("tokens") == kept  # its response was lost
        return True


def _engine_key(name: str) -> dict[str, str]:
    return {"PK": f"ENGINE#{name}"}


def _engine_from(name: str, item: Item) -> RegisteredEngine:
    return RegisteredEngine(
        MediaEngine(name, item.get("accounts")), tuple(item["tokens"]), item["created"], item.get("disabled", False)
    )


def _has_token(found: Item | None, token_hash: str) -> bool:
    return token_hash in (found or {}).get("tokens", ())
