"""The recordings table's stream records, and the pending-work index that the reconciler reads."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tapedeck.adapters.dynamodb.attributes import CONFIRMED_VERSION
from tapedeck.adapters.dynamodb.client import Item, from_attributes
from tapedeck.adapters.dynamodb.conditional import ConditionalTable
from tapedeck.adapters.dynamodb.expressions import Attr, update
from tapedeck.adapters.dynamodb.items import (
    PARTICIPANT,
    RECORDING,
    call_from,
    call_key,
    conference_from,
    conference_key,
    participant_from,
    participant_key,
    recording_from,
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

    def find_pending(self, shard: str, until: int) -> Iterator[PendingWork]:
        """1 request per megabyte of index rows, and 1 per 100 items."""
        rows = self._database.query(
            "#work = :shard AND work_at <= :until",
            {"shard": f"OPEN#{shard}", "until": until},
            index="work",
            work="work",
        )
        for item in self._database.get_many([{"PK": row["PK"], "SK": row["SK"]} for row in rows]):
            resource = resource_from(item or {})
            # The index is eventually consistent.
            if item is not None and resource is not None and "work" in item:
                yield PendingWork(item["PK"].partition("#")[0], resource, command_payload_from(item))

    def expire(self, pending: PendingWork) -> bool:
        """1 request."""
        match pending.resource:
            case Call() as call:
                key = call_key(pending.account, call.id)
            case Conference() as conference:
                key = conference_key(pending.account, conference.id)
            case Participant() as participant:
                key = participant_key(pending.account, participant.conference, participant.call)
            case Recording():
                return False
        requested = pending.resource.requested_version
        is_unconfirmed = Attr(CONFIRMED_VERSION).not_exists() | Attr(CONFIRMED_VERSION).lt(requested)
        # Every change but a confirmation has a new version, and may be pending work for another reason.
        is_unchanged = Attr("version").eq(pending.resource.version)
        return self._try(update(key, remove=PENDING_WORK, when=is_unchanged & is_unconfirmed))


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


def command_payload_from(item: Item) -> Mapping[str, Any]:
    """Return the payload of an engine command that a request stored with the item, by name."""
    sort_key = item["SK"]
    names = _COMMAND_PAYLOAD.get(PARTICIPANT if sort_key.startswith(PARTICIPANT) else sort_key, ())
    return {name: item[name] for name in names if name in item}
