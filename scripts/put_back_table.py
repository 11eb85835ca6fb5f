"""Put a table back to an earlier state, with a copy of it that was restored to a point in time.

Usage: python -m scripts.put_back_table --from COPY --to TABLE [--dry-run]

Prints a line for each credential, engine, call, conference, participant, recording and callback that differs:

    <change> <PK> <SK> <status in the table> <status in the copy> <account>

`<change>` is `back` (only the copy has it), `changed`, or `removed` (only the table has it). A hyphen stands for what
an item does not have. With `--dry-run` nothing is written. Nothing may use the table meanwhile. An interrupted run can
be repeated.

Afterwards the table contains what the copy contains, with two exceptions. The outbox of callbacks is not taken back: it
says what receivers have got (C-317). The numbers of what was live then continue above those used since (C-316).

See docs/how-to/restore-the-tables.md.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar

import botocore.session

NUMBERS_RESERVED: Final = 1_000_000
"""By how much the numbers of what is live rise with each restore."""

Item = Mapping[str, Any]
Key = tuple[str, ...]
T = TypeVar("T")

_NUMBERS: Final = ("version", "asked", "confirmed", "effective", "own", "refused_v", "sequence")
"""The attributes that hold versions, and the last number of a conference's callbacks; zero stays zero."""

_FINAL: Final = frozenset(
    {"completed", "absent", "deleted", "busy", "failed", "no-answer", "canceled", "complete"}
)  # fmt: skip
"""The statuses of recordings, calls, conferences and participants that nothing changes any more."""

_MAX_READS: Final = 100
_MAX_WRITES: Final = 25
_MAX_DELAY_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class Difference:
    """An item that differs: as it is in the table, and as it is put back. None: it is not there, or is deleted."""

    key: Key
    current: Item | None
    wanted: Item | None

    @property
    def change(self) -> str:
        """What happens to the item, as seen from the table."""
        if self.wanted is None:
            return "removed"
        return "back" if self.current is None else "changed"

    @property
    def is_reported(self) -> bool:
        """Whether the item is a resource or a credential; all others follow from these."""
        return len(self.key) == 1 or "status" in (self.wanted or self.current or {})

    def __str__(self) -> str:
        """The line to print: ids and statuses, and nothing secret or personal."""
        partition, sort_key, *_ = (*self.key, "-")
        statuses = (_text(self.current, "status"), _text(self.wanted, "status"))
        return " ".join([self.change, partition, sort_key, *statuses, _text(self.wanted or self.current, "account")])


class TableRestorer:
    """Compares a table with a copy of it, and puts it back.

    Args:
        client: a DynamoDB client.
        copy: the name of the table that holds the earlier state.
        table: the name of the table that is put back.
    """

    def __init__(self, client: Any, copy: str, table: str) -> None:  # noqa: ANN401 - a client of botocore
        self._client = client
        self._copy, self._table = copy, table
        schema = client.describe_table(TableName=table)["Table"]["KeySchema"]
        self._names = tuple(each["AttributeName"] for each in sorted(schema, key=lambda each: each["KeyType"]))

    def differences(self) -> Iterator[Difference]:
        """Yield each item of the table that is to be written or deleted."""
        for items in _chunks(self._scan(self._copy), _MAX_READS):
            current = self._read(self._table, items)
            for item in items:
                found = current.get(self._key(item))
                wanted = _wanted(item, found)
                if found is None or _comparable(found) != _comparable(wanted):
                    yield Difference(self._key(item), found, wanted)
        for items in _chunks(self._scan(self._table), _MAX_READS):
            kept = self._read(self._copy, items)
            for item in items:
                if self._key(item) not in kept and not _is_outbox(item):
                    yield Difference(self._key(item), item, None)

    def write(self, differences: Iterable[Difference]) -> None:
        """Write and delete what differs."""
        for chunk in _chunks(differences, _MAX_WRITES):
            requests = [
                {"DeleteRequest": {"Key": self._named(each.current or {})}}
                if each.wanted is None
                else {"PutRequest": {"Item": each.wanted}}
                for each in chunk
            ]
            for attempt in range(sys.maxsize):
                answer = self._client.batch_write_item(RequestItems={self._table: requests})
                requests = answer.get("UnprocessedItems", {}).get(self._table, [])
                if not requests:
                    break
                time.sleep(min(2.0**attempt / 10, _MAX_DELAY_SECONDS))

    def _scan(self, table: str) -> Iterator[Item]:
        for page in self._client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]

    def _read(self, table: str, like: Sequence[Item]) -> dict[Key, Item]:
        """Read the items that have the same keys as these."""
        keys, found = [self._named(each) for each in like], {}
        for attempt in range(sys.maxsize):
            answer = self._client.batch_get_item(RequestItems={table: {"Keys": keys, "ConsistentRead": True}})
            found.update({self._key(item): item for item in answer["Responses"][table]})
            keys = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
            if not keys:
                break
            time.sleep(min(2.0**attempt / 10, _MAX_DELAY_SECONDS))
        return found

    def _key(self, item: Item) -> Key:
        return tuple(item[name]["S"] for name in self._names)

    def _named(self, item: Item) -> dict[str, Any]:
        return {name: item[name] for name in self._names}


def main(arguments: Sequence[str], client: Any = None) -> int:  # noqa: ANN401 - a client of botocore
    """Put the table back, or show what would change; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.put_back_table", description="Put a table back.")
    parser.add_argument("--from", required=True, dest="copy", help="the table that holds the earlier state")
    parser.add_argument("--to", required=True, dest="table", help="the table to put back")
    parser.add_argument("--dry-run", action="store_true", help="only print what differs")
    given = parser.parse_args(arguments)
    if given.copy == given.table:
        parser.error("--from and --to are the same table")
    database = client or botocore.session.get_session().create_client("dynamodb")
    restorer, counted = TableRestorer(database, given.copy, given.table), Counter[str]()

    def reported() -> Iterator[Difference]:
        for each in restorer.differences():
            counted[each.change] += 1
            if each.is_reported:
                print(each)
            yield each

    if given.dry_run:
        for _ in reported():
            pass
    else:
        restorer.write(reported())
    print(f"{given.table}: {dict(sorted(counted.items()))}", file=sys.stderr)
    return 0


def _wanted(item: Item, current: Item | None) -> Item:
    """Return what an item of the copy is put back as."""
    if current is not None and _is_outbox(item):
        return current
    if "version" not in item or item["status"]["S"] in _FINAL:
        return item
    return _continued(item, current)


def _continued(item: Item, current: Item | None) -> Item:
    """Raise the numbers of a live resource above all that were used since (C-316).

    A media engine ignores versions that it has carried out, and a receiver a callback whose token it knows.
    """
    used = int((current or item)["version"]["N"]) // NUMBERS_RESERVED - int(item["version"]["N"]) // NUMBERS_RESERVED
    if current is not None:
        for raised in (item, _raised(item, used)):
            if _comparable(raised) == _comparable(current):
                return current  # it has not changed since, or is put back already
    return _raised(item, used + 1)


def _raised(item: Item, times: int) -> Item:
    numbers = {name: int(item[name]["N"]) for name in _NUMBERS if name in item}
    return {
        **item,
        **{name: {"N": str(number + times * NUMBERS_RESERVED)} for name, number in numbers.items() if number},
    }


def _is_outbox(item: Item) -> bool:
    """Whether an item belongs to the outbox of callbacks."""
    return "#CB#" in item["PK"]["S"]


def _comparable(value: Any) -> Any:  # noqa: ANN401 - any part of an item
    """Return a value in which sets are sorted."""
    if isinstance(value, Mapping):
        return {
            name: sorted(part) if name in {"SS", "NS", "BS"} and isinstance(part, list) else _comparable(part)
            for name, part in value.items()
        }
    return [_comparable(part) for part in value] if isinstance(value, list) else value


def _text(item: Item | None, name: str) -> str:
    found: str = (item or {}).get(name, {}).get("S", "-")
    return found


def _chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    remaining = iter(values)
    while chunk := list(islice(remaining, size)):
        yield chunk


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
