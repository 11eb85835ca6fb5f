"""What is open for each account, known from the table's stream: the table's indexes, for one account at a time.

The reconciler of a deployment reads the indexes shard by shard, for all accounts. In the stand-in each account has a
time of its own, so here the shards are the accounts (C-315).
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tapedeck.adapters.dynamodb.client import DynamoDBTable, Item
from tapedeck.adapters.dynamodb.deliveries import DeliveryTable
from tapedeck.adapters.dynamodb.presence import LiveIndex
from tapedeck.adapters.dynamodb.stream import PendingWorkIndex, resource_from
from tapedeck.background.reconciler import SHARDS
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.identity import created_at
from tapedeck_standin.clock import current_account

Record = Mapping[str, Any]
Key = tuple[str, str]
"""The partition key and the sort key of an item."""

_CHECKS: Final = "CHECKS#"
_DUE: Final = "DUE#"
_OPEN: Final = "OPEN#"
_ID_LENGTH: Final = 32


def account_of(record: Record) -> str | None:
    """Return the account of a stream record; None if its item belongs to none."""
    return _owner(record["dynamodb"]["Keys"]["PK"]["S"])


def _owner(partition: str) -> str | None:
    account = partition.partition("#")[0]
    return account if len(account) == _ID_LENGTH else None


@dataclass(slots=True)
class AccountWork:
    """The open items of one account, times in seconds: those of the `work` index, checks, and what is live."""

    pending: dict[Key, int] = field(default_factory=dict)
    deliveries: dict[Key, int] = field(default_factory=dict)
    checks: dict[tuple[int, str], None] = field(default_factory=dict)
    live: dict[Key, None] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is open."""
        return not (self.pending or self.deliveries or self.checks or self.live)


class OpenWork:
    """The open items of all accounts. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accounts: dict[str, AccountWork] = {}
        self._changed: set[str] = set()

    def note(self, records: Sequence[Record]) -> Sequence[Record]:
        """Take over new records of the stream, and return them."""
        with self._lock:
            self._changed |= {account for account in map(account_of, records) if account is not None}
        for record in records:
            keys, item = record["dynamodb"]["Keys"], record["dynamodb"].get("NewImage") or {}
            if keys["PK"]["S"].startswith(_CHECKS):
                self._note_check(keys["SK"]["S"], item.get("checked", {}).get("SS", ()))
            else:
                work, at = item.get("work", {}).get("S", ""), int(item.get("work_at", {}).get("N", 0))
                self._note_item((keys["PK"]["S"], keys["SK"]["S"]), work, at, is_live="live" in item)
        return records

    def take_changed(self) -> set[str]:
        """Return the accounts of the records since the last call."""
        with self._lock:
            changed, self._changed = self._changed, set()
            return changed

    def load(self, database: DynamoDBTable, engines: Iterable[str]) -> None:
        """Take over what an earlier process has left in a database that is kept."""
        for shard in SHARDS:
            for prefix in (_OPEN, _DUE):
                rows = database.query("#work = :shard", {"shard": prefix + shard}, index="work", work="work")
                for row in rows:
                    self._note_item((row["PK"], row["SK"]), prefix, row["work_at"], is_live=False)
            for check in database.query("PK = :checks", {"checks": _CHECKS + shard}):
                self._note_check(check["SK"], check["checked"])
            for engine in engines:
                of_engine = {"shard": f"{engine}#{shard}"}
                for row in database.query("#live = :shard", of_engine, index="live", live="live"):
                    self._note_live((row["PK"], row["SK"]), is_live=True)

    @property
    def accounts(self) -> list[str]:
        """The accounts that have something open."""
        with self._lock:
            return [account for account, work in self._accounts.items() if not work.is_empty]

    def of(self, account: str) -> AccountWork:
        """Return a copy of what an account has open."""
        with self._lock:
            found = self._accounts.get(account, AccountWork())
            return AccountWork(dict(found.pending), dict(found.deliveries), dict(found.checks), dict(found.live))

    def forget_checks(self, account: str, until: int) -> None:
        """Forget the checks of an account up to a second, which are not read again."""
        with self._lock:
            if (work := self._accounts.get(account)) is not None:
                work.checks = {check: None for check in work.checks if check[0] > until}

    def _note_item(self, key: Key, work: str, at: int, *, is_live: bool) -> None:
        account = _owner(key[0])
        if account is None:
            return
        with self._lock:
            found = self._accounts.setdefault(account, AccountWork())
            for prefix, items in ((_OPEN, found.pending), (_DUE, found.deliveries)):
                if work.startswith(prefix):
                    items[key] = at
                else:
                    items.pop(key, None)
        self._note_live(key, is_live=is_live)

    def _note_live(self, key: Key, *, is_live: bool) -> None:
        account = _owner(key[0])
        if account is None or key[1] not in {"CALL", "CONF"}:
            return
        with self._lock:
            live = self._accounts.setdefault(account, AccountWork()).live
            if is_live:
                live[key] = None
            else:
                live.pop(key, None)

    def _note_check(self, name: str, checked: Iterable[str]) -> None:
        due = int(name.partition("#")[0])
        for recording in checked:
            if (account := _owner(recording)) is not None:
                with self._lock:
                    self._accounts.setdefault(account, AccountWork()).checks[due, recording] = None


class AccountPendingWork(PendingWorkIndex):
    """The pending-work index with one shard for each account."""

    def __init__(self, database: DynamoDBTable, work: OpenWork) -> None:
        super().__init__(database)
        self._work = work

    def _rows(self, shard: str) -> Sequence[Item]:
        return _rows_of(self._work.of(shard).pending)

    def _names_checked(self, shard: str, since: int, now: int) -> list[str]:
        self._work.forget_checks(shard, min(since, now))
        return sorted({name for due, name in self._work.of(shard).checks if due <= now})


class AccountDeliveries(DeliveryTable):
    """The outbox of callbacks with one shard for each account."""

    def __init__(self, database: DynamoDBTable, work: OpenWork) -> None:
        super().__init__(database)
        self._work = work

    def _rows(self, shard: str, now: int, limit: int) -> Sequence[Item]:
        return [row for row in _rows_of(self._work.of(shard).deliveries) if row["work_at"] <= now][:limit]


class AccountLive(LiveIndex):
    """The index of what is live, in which old calls are found only for the account that this thread works for."""

    def __init__(self, database: DynamoDBTable, work: OpenWork) -> None:
        super().__init__(database)
        self._work = work

    def find_old(self, engine: str | None, before: int) -> Sequence[Call | Conference]:
        """1 request per 100 calls and conferences that are found."""
        account = current_account()
        live = self._work.of(account).live if account is not None else {}
        old = [{"PK": pk, "SK": sk} for pk, sk in live if created_at(pk.rpartition("#")[2]) < before]
        found = [resource_from(item or {}) for item in self._database.get_many(old)]
        return [
            each for each in found if isinstance(each, Call | Conference) and each.is_live and each.engine == engine
        ]


def narrowed(store: Any, database: DynamoDBTable, work: OpenWork) -> Any:  # noqa: ANN401 - any store
    """Return a store with one shard for each account in place of one that has shards; return any other unchanged."""
    match store:
        case DeliveryTable():
            return AccountDeliveries(database, work)
        case PendingWorkIndex():
            return AccountPendingWork(database, work)
        case LiveIndex():
            return AccountLive(database, work)
    return store


def _rows_of(items: Mapping[Key, int]) -> list[Item]:
    """Return the rows of the `work` index, the next due first."""
    return [{"PK": pk, "SK": sk, "work_at": at} for (pk, sk), at in sorted(items.items(), key=lambda each: each[1])]
