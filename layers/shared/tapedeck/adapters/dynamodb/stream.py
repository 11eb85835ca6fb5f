"""The recordings table's stream records, and the pending-work index that the reconciler reads."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from zlib import crc32

from tapedeck.adapters.dynamodb.attributes import CAPTURED_AT, CONFIRMED_VERSION, EXPIRES_AT
from tapedeck.adapters.dynamodb.client import Item, from_attributes
from tapedeck.adapters.dynamodb.conditional import ConditionalTable
from tapedeck.adapters.dynamodb.expressions import Attr, update
from tapedeck.adapters.dynamodb.items import (
    PARTICIPANT,
    RECORDING,
    Key,
    call_from,
    call_key,
    conference_from,
    conference_key,
    participant_from,
    participant_key,
    recording_from,
    recording_key,
)
from tapedeck.adapters.dynamodb.writes import PENDING_WORK
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Recording
from tapedeck.ports.changes import Change, PendingWork, Resource

_COMMAND_PAYLOAD: Final = {
    "CALL": ("redirect", "fallback", "time_limit"),
    "CONF": ("announcement",),
    PARTICIPANT: ("announcement", "hold_music", "wait_music"),
}
"""Attributes of an item that hold the payload of an engine command, by form of the sort key."""


def read_change(record: Mapping[str, Any]) -> Change | None:
    """Parse the change in a stream record, in the form in which Lambda passes it to a function.

    None if the item is not a call, conference, participant or recording, or if it was removed: of these items, only
    DynamoDB's TTL removes one, a deleted recording.
    """
    images = record["dynamodb"]
    before, after = from_attributes(images.get("OldImage") or {}), from_attributes(images.get("NewImage") or {})
    resource = resource_from(after)
    if resource is None:
        return None
    return Change(after["PK"].partition("#")[0], resource_from(before), resource, command_payload_from(after))


# --8<-- [start:sort]
def sort_by_conference_sequence(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Sort the records of each conference and its participants by the conference's sequence number.

    A stream keeps the order of each item, but not the order across the items of a transaction. Sorting delivers the
    callbacks of a conference in order (REL-4). Records of other resources keep their positions.
    """
    ordered = list(records)
    positions: dict[str, list[int]] = {}
    for position, record in enumerate(records):
        if _conference_sequence(record) is not None:
            positions.setdefault(record["dynamodb"]["Keys"]["PK"]["S"], []).append(position)
    for indices in positions.values():
        # The sequence number of an item never decreases, so the order of each item is kept.
        numbered = sorted((records[index] for index in indices), key=lambda record: _conference_sequence(record) or 0)
        for index, record in zip(indices, numbered, strict=True):
            ordered[index] = record
    return ordered
    # --8<-- [end:sort]


def _conference_sequence(record: Mapping[str, Any]) -> int | None:
    """Read the conference's sequence number, not the stream's, from the new image; None if missing or malformed."""
    try:
        return int(record["dynamodb"]["NewImage"]["sequence"]["N"])
    except (KeyError, TypeError, ValueError):
        return None


class PendingWorkIndex(ConditionalTable):
    """`ports.changes.PendingWorkStore` on the `work` index of the recordings table."""

    def note_check(self, recordings: Sequence[Recording], due: int) -> None:
        """1 request."""
        last = recordings[-1]
        # A repeated batch has the same last recording: it adds to the same check.
        key = {"PK": _checks(last.id[-1]), "SK": f"{due:012}#{last.id}-{last.version}"}
        names = {_SEPARATOR.join(recording_key(each.parent, each.id).values()) for each in recordings}
        self._database.update(update(key, {EXPIRES_AT: due + _CHECK_KEPT_SECONDS}, add={_CHECKED: frozenset(names)}))

    def find_checked(self, shard: str, since: int, now: int) -> Iterator[PendingWork]:
        """1 request per megabyte of checks, of at least 7,000 recordings, and 1 per 100 recordings."""
        names = self._names_checked(shard, since, now)
        yield from self._read([dict(zip(("PK", "SK"), name.split(_SEPARATOR), strict=True)) for name in names])

    def _names_checked(self, shard: str, since: int, now: int) -> list[str]:
        checks = self._database.query(
            "PK = :checks AND SK BETWEEN :since AND :now",
            {"checks": _checks(shard), "since": f"{min(since, now) + 1:012}", "now": f"{now + 1:012}"},
        )
        return sorted({name for check in checks for name in check[_CHECKED]})

    # --8<-- [start:find]
    def find_pending(self, shard: str, now: int, more: int = 0) -> Iterator[PendingWork]:
        """1 request per megabyte of index rows, of about 7,000 items, and 1 per 100 items that are read."""
        rows = self._rows(shard)
        due = [row for row in rows if row["work_at"] <= now]
        others = [row for row in rows[len(due) :] if row["SK"].startswith(RECORDING)]
        yield from self._read([_key_of(row) for row in [*due, *_share_of(others, more, now)]])
        # --8<-- [end:find]

    def _rows(self, shard: str) -> Sequence[Item]:
        """Return the keys of what is in a shard, the next due first."""
        return self._database.query("#work = :shard", {"shard": f"OPEN#{shard}"}, index="work", work="work")

    def _read(self, keys: Sequence[Key]) -> Iterator[PendingWork]:
        """Read what is in the index by its keys, which may come from an index that is eventually consistent."""
        for item in self._database.get_many(keys):
            pending = pending_from(item or {})
            if pending is not None:
                yield pending

    def move(self, pending: PendingWork, due: int) -> bool:
        """1 request."""
        resource = pending.resource
        # A command, an end, a pause have a new version; a capture has none.
        is_unchanged = Attr("version").eq(resource.version) & Attr("work").exists()
        if isinstance(resource, Recording) and resource.captured_at is None:
            is_unchanged &= Attr(CAPTURED_AT).not_exists()
        return self._try(update(_key(pending), {"work_at": due}, when=is_unchanged))

    def expire(self, pending: PendingWork) -> bool:
        """1 request."""
        if isinstance(pending.resource, Recording):
            return False
        requested = pending.resource.requested_version
        is_unconfirmed = Attr(CONFIRMED_VERSION).not_exists() | Attr(CONFIRMED_VERSION).lt(requested)
        # Every change but a confirmation has a new version, and may be pending work for another reason.
        is_unchanged = Attr("version").eq(pending.resource.version)
        return self._try(update(_key(pending), remove=PENDING_WORK, when=is_unchanged & is_unconfirmed))


_CHECKED: Final = "checked"
"""The recordings of a check: a string set of their keys."""

_SEPARATOR: Final = "/"
_CHECK_KEPT_SECONDS: Final = 3_600


def _checks(shard: str) -> str:
    """Name the partition of a shard's checks, which belongs to no account."""
    return f"CHECKS#{shard}"


def _key_of(row: Item) -> Key:
    return {"PK": row["PK"], "SK": row["SK"]}


def _key(pending: PendingWork) -> Key:
    match pending.resource:
        case Call() as call:
            return call_key(pending.account, call.id)
        case Conference() as conference:
            return conference_key(pending.account, conference.id)
        case Participant() as participant:
            return participant_key(pending.account, participant.conference, participant.call)
        case Recording() as recording:
            return recording_key(recording.parent, recording.id)


def _share_of(rows: Sequence[Item], number: int, now: int) -> list[Item]:
    """Return about this number of rows, or all if there are fewer: one of 2, 4, 8 … groups, each minute another."""
    if not number:
        return []
    groups = 1
    while groups * number < len(rows):
        groups *= 2
    return [row for row in rows if (crc32(row["SK"].encode()) - now // 60) % groups == 0]


def resource_from(item: Item) -> Resource | None:
    """Parse a call, conference, participant or recording; None for any other item."""
    sort_key = item.get("SK", "")
    # An image may have only the key: moto records an update that creates an item in two steps.
    if "version" not in item:
        return None
    if sort_key == "CALL":
        return call_from(item)
    if sort_key == "CONF":
        return conference_from(item)
    if sort_key.startswith(PARTICIPANT):
        return participant_from(item)
    return recording_from(item) if sort_key.startswith(RECORDING) else None


def pending_from(item: Item) -> PendingWork | None:
    """Parse a resource that is in the index; None for any other item."""
    resource = resource_from(item)
    if resource is None or "work" not in item:
        return None
    return PendingWork(item["PK"].partition("#")[0], resource, command_payload_from(item), item["work_at"])


def command_payload_from(item: Item) -> Mapping[str, Any]:
    """Return the payload of an engine command that a request stored with the item, by name."""
    sort_key = item["SK"]
    names = _COMMAND_PAYLOAD.get(PARTICIPANT if sort_key.startswith(PARTICIPANT) else sort_key, ())
    return {name: item[name] for name in names if name in item}
