"""The recordings table as its stream tells it, and as the sweep finds what is not settled in it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tapedeck.adapters.dynamodb.client import ConditionFailed, DynamoDBTable, Item, Write, from_attributes
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
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Recording
from tapedeck.ports.changes import Change, PendingWork, Resource

_INSTRUCTIONS: Final = {
    "CALL": ("redirect", "fallback", "status_callback", "time_limit"),
    "CONF": ("announcement",),
    PARTICIPANT: ("announcement", "hold_music", "wait_music"),
}
"""What a request leaves for the media engine beside an item, by the form of its sort key."""


def read_change(record: Mapping[str, Any]) -> Change | None:
    """The change that a record of the table's stream tells, as Lambda hands it over.

    None where it is about something else than a call, a conference, a participant or a recording, or where that was
    removed as a whole, which no request does.
    """
    told = record["dynamodb"]
    before, after = from_attributes(told.get("OldImage") or {}), from_attributes(told.get("NewImage") or {})
    resource = _resource(after)
    if resource is None:
        return None
    return Change(after["PK"].partition("#")[0], _resource(before), resource, _instructions(after))


def sort_by_sequence(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """These records of the stream, those of each conference and its participants by what they are numbered with.

    A stream keeps the order of an item, not that of the items of one write: whoever is told of both is told of what
    happened first first (rule R4). All others keep their places.
    """
    ordered = list(records)
    places: dict[str, list[int]] = {}
    for place, record in enumerate(records):
        if _number(record) is not None:
            places.setdefault(record["dynamodb"]["Keys"]["PK"]["S"], []).append(place)
    for each in places.values():
        # Numbers of an item never fall, so that it keeps its own order.
        numbered = sorted((records[place] for place in each), key=lambda record: _number(record) or 0)
        for place, record in zip(each, numbered, strict=True):
            ordered[place] = record
    return ordered


def _number(record: Mapping[str, Any]) -> int | None:
    """That of the last event of a conference that it tells of; None where it has none, or none that can be read."""
    try:
        return int(record["dynamodb"]["NewImage"]["sequence"]["N"])
    except (KeyError, TypeError, ValueError):
        return None


class PendingWorkIndex:
    """`ports.stores.PendingWorkStore` on the `work` index of the recordings table."""

    def __init__(self, database: DynamoDBTable) -> None:
        self._database = database

    def find_pending(self, shard: str, until: int) -> Iterator[PendingWork]:
        """1 request per megabyte of keys, and 1 per 100 items."""
        rows = self._database.query(
            "#work = :shard AND work_at <= :until",
            {"shard": f"OPEN#{shard}", "until": until},
            index="work",
            work="work",
        )
        for item in self._database.get_many([{"PK": row["PK"], "SK": row["SK"]} for row in rows]):
            resource = _resource(item or {})
            # The index may be late.
            if item is not None and resource is not None and "work" in item:
                yield PendingWork(item["PK"].partition("#")[0], resource, _instructions(item))

    def expire(self, opened: PendingWork) -> bool:
        """1 request."""
        match opened.resource:
            case Call() as call:
                key, asked = call_key(opened.account, call.id), call.requested_version
            case Conference() as room:
                key, asked = conference_key(opened.account, room.id), room.requested_version
            case Participant() as one:
                key, asked = participant_key(opened.account, one.conference, one.call), one.requested_version
            case Recording():
                return False
        write = Write(
            key,
            update="REMOVE #work, work_at",
            condition="asked = :asked AND (attribute_not_exists(confirmed) OR confirmed < :asked)",
            values={"asked": asked},
            names={"work": "work"},
        )
        try:
            self._database.update(write)
        except ConditionFailed:
            return False
        return True


def _resource(item: Item) -> Resource | None:
    sort_key = item.get("SK", "")
    # A record may hold nothing but a key.
    if "version" not in item:
        return None
    if sort_key == "CALL":
        return call_from(item)
    if sort_key == "CONF":
        return conference_from(item)
    if sort_key.startswith(PARTICIPANT):
        return participant_from(item)
    return recording_from(item) if sort_key.startswith(RECORDING) else None


def _instructions(item: Item) -> Mapping[str, Any]:
    sort_key = item["SK"]
    names = _INSTRUCTIONS.get(PARTICIPANT if sort_key.startswith(PARTICIPANT) else sort_key, ())
    return {name: item[name] for name in names if name in item}
