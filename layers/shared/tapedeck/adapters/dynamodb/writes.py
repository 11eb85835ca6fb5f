"""The writes of which the table's transactions are made: new calls and conferences, what changes, what ends.

Each remembers the request that made it, or is made on condition of the version that was read (rule R3).
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from tapedeck.adapters.dynamodb.client import Item, Write
from tapedeck.adapters.dynamodb.items import (
    WRITE_TOKEN_ATTRIBUTES,
    Key,
    call_item,
    call_key,
    conference_item,
    conference_key,
    initial_write_tokens,
    list_entry_key,
    name_partition,
    participant_item,
    participant_key,
    recording_key,
    write_token,
)
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.identity import created_at
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import ACTIVE, Parent, ParentKind, RecordingStatus
from tapedeck.ports.stores import EndTransaction

ITEM_ABSENT: Final = "attribute_not_exists(PK)"

PUSH_WRITE_TOKEN: Final = ", ".join(
    [f"{older} = {newer}" for newer, older in reversed(list(pairwise(WRITE_TOKEN_ATTRIBUTES)))]
    + [f"{WRITE_TOKEN_ATTRIBUTES[0]} = :mark"]
)
"""Part of an update, after SET: the item keeps `:mark`, and forgets the oldest of its marks."""

WRITE_TOKEN_ABSENT: Final = f"NOT :mark IN ({', '.join(WRITE_TOKEN_ATTRIBUTES)})"
"""Part of a condition: the item does not remember `:mark`."""


def has_write_token(item: Item, write_id: str) -> bool:
    """Whether this write is among those that an item remembers (rule R3)."""
    return write_token(write_id) in {item[place] for place in WRITE_TOKEN_ATTRIBUTES}


def status_values(statuses: Iterable[str]) -> dict[str, str]:
    """Statuses as values of placeholders, for `status_names`."""
    return {f"s{position}": status for position, status in enumerate(sorted(statuses))}


def status_names(statuses: Iterable[str]) -> str:
    """The placeholders of statuses, for a condition `IN (…)`."""
    return ", ".join(f":{name}" for name in status_values(statuses))


def row_write(account: str, kind: str, identifier: str, key: Key, condition: str | None = None) -> Write:
    """The row of a resource in its account's list."""
    return Write(list_entry_key(account, kind, identifier), item={"parent": key["PK"]}, condition=condition)


def new_call(call: Call) -> list[Write]:
    """A call that was not there before, and its row; the first write finds the call if it was."""
    key = call_key(call.account, call.id)
    item = {**call_item(call), **initial_write_tokens()}
    return [Write(key, item=item, condition=ITEM_ABSENT), row_write(call.account, "CALLS", call.id, key)]


def new_conference(conference: Conference, takes_over_from: str | None) -> list[Write]:
    """A conference that was not there before, its row, its name's row, and last who holds the name."""
    key = conference_key(conference.account, conference.id)
    name = name_partition(conference.account, conference.name)
    return [
        Write(key, item={**conference_item(conference), **initial_write_tokens()}, condition=ITEM_ABSENT),
        row_write(conference.account, "CONFS", conference.id, key),
        Write({"PK": name, "SK": conference.id}, item={"parent": key["PK"]}),
        Write(
            {"PK": name, "SK": "LIVE"},
            item={"conference": conference.id},
            condition=ITEM_ABSENT if takes_over_from is None else "conference = :holder",
            values={"holder": takes_over_from} if takes_over_from is not None else None,
        ),
    ]


def conference_diff(before: Conference, after: Conference) -> Write:
    """What differs between a conference as it was read and as it is to be, if it is still as it was read."""
    key = conference_key(before.account, before.id)
    return _difference(key, conference_item(before), conference_item(after))


def call_diff(before: Call, after: Call, write_id: str | None = None) -> Write:
    """The same for a call, which may remember the write."""
    return _difference(call_key(before.account, before.id), call_item(before), call_item(after), write_id=write_id)


def participant_diff(
    account: str, before: Participant, after: Participant, write_id: str, commands: Item | None = None
) -> Write:
    """The same for a participant, which remembers the write, with commands for the media engine besides."""
    key = participant_key(account, before.conference, before.call)
    return _difference(key, participant_item(before), participant_item(after), commands or {}, write_id)


def _difference(key: Key, old: Item, new: Item, also: Item | None = None, write_id: str | None = None) -> Write:
    """Write what differs, on condition of the old version; the version always differs, and so has its placeholder."""
    changed = {name: value for name, value in new.items() if value != old[name]} | (also or {})
    if changed.keys() & {"asked", "confirmed"}:
        # What was pending when it was read may have been confirmed since: that raises no version.
        changed |= {name: new[name] for name in ("work", "work_at")}
    assigned = {name: value for name, value in changed.items() if value is not None}
    removed = [name for name, value in changed.items() if value is None]
    update = "SET " + ", ".join(_ASSIGNMENTS.get(name, _ASSIGNED).format(name) for name in assigned)
    condition = "#version = :before"
    values = {**assigned, "before": old["version"]}
    if write_id is not None:
        update += f", {PUSH_WRITE_TOKEN}"
        condition += f" AND {WRITE_TOKEN_ABSENT}"
        values["mark"] = write_token(write_id)
    if removed:
        update += " REMOVE " + ", ".join(f"#{name}" for name in removed)
    return Write(key, update=update, condition=condition, values=values, names={name: name for name in changed})


_ASSIGNED: Final = "#{0} = :{0}"

_ASSIGNMENTS: Final = {"work_at": "#{0} = if_not_exists(#{0}, :{0})"}
"""What is looked after already keeps its place in the index, which costs nothing."""


def join_write(account: str, participant: Participant) -> Write:
    """Let a call enter that is not inside: one that was there before keeps the marks of its writes."""
    item = participant_item(participant)
    assigned = {name: value for name, value in item.items() if value is not None}
    # What an earlier stay has left behind.
    removed = [name for name, value in item.items() if value is None] + ["announcement", "hold_music", "wait_music"]
    places = ", ".join(f"{place} = if_not_exists({place}, :none)" for place in WRITE_TOKEN_ATTRIBUTES)
    return Write(
        participant_key(account, participant.conference, participant.call),
        update="SET "
        + ", ".join(f"#{name} = :{name}" for name in assigned)
        + f", {places} REMOVE "
        + ", ".join(f"#{name}" for name in removed),
        condition=f"{ITEM_ABSENT} OR attribute_exists(#left)",
        values={**assigned, "none": ""},
        names={name: name for name in (*assigned, *removed)},
    )


def end_writes(ending: EndTransaction) -> Iterator[tuple[str, Write]]:
    """The writes of an ending, each with what it is about: the call, the conference, or the id of what hangs on it."""
    if ending.call is not None and ending.call_after is not None:
        yield "call", call_diff(ending.call, ending.call_after)
        parent = Parent(ending.call.account, ParentKind.CALL, ending.call.id)
        for recording in sorted(ending.call_recordings):
            yield recording, _stopped(parent, recording, ending)
    if ending.conference is not None and ending.conference_after is not None:
        yield "conference", conference_diff(ending.conference, ending.conference_after)
        parent = Parent(ending.conference.account, ParentKind.CONFERENCE, ending.conference.id)
        for recording in sorted(ending.conference_recordings):
            yield recording, _stopped(parent, recording, ending)
    whose = ending.call or ending.conference
    if ending.participant is not None and ending.participant_after is not None and whose is not None:
        leaves = participant_diff(whose.account, ending.participant, ending.participant_after, ending.write_id)
        yield "participant", leaves


def _stopped(parent: Parent, recording: str, ending: EndTransaction) -> Write:
    """Stop one recording because its parent ends, unless it was stopped before."""
    return Write(
        recording_key(parent, recording),
        update=f"SET #status = :stopped, version = version + :one, updated = :now, ended = :ended, "
        f"ended_by = :id, {PUSH_WRITE_TOKEN}",
        condition=f"#status IN ({status_names(ACTIVE)})",
        values={
            "stopped": RecordingStatus.STOPPED,
            "one": 1,
            "now": ending.now,
            "ended": ending.now if ending.ended is None else max(ending.ended, created_at(recording)),
            "id": ending.write_id,
            "mark": write_token(ending.write_id),
            **status_values(ACTIVE),
        },
        names={"status": "status"},
    )
