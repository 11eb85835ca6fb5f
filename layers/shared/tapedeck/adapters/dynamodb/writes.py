"""Building blocks of transactions on the recordings table: create, change, join and end.

Each write stores the token of its request, or is conditional on the version that was read, so that a retry after a
lost response is recognised (REL-3).
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
"""Part of an update, after SET: store `:mark` as the newest write token and drop the oldest one."""

WRITE_TOKEN_ABSENT: Final = f"NOT :mark IN ({', '.join(WRITE_TOKEN_ATTRIBUTES)})"
"""Part of a condition: `:mark` is not among the item's write tokens."""


def has_write_token(item: Item, write_id: str) -> bool:
    """Whether the token of this write is among an item's last eight (REL-3)."""
    return write_token(write_id) in {item[attribute] for attribute in WRITE_TOKEN_ATTRIBUTES}


def status_values(statuses: Iterable[str]) -> dict[str, str]:
    """Map the placeholders of `status_names` to these statuses."""
    return {f"s{position}": status for position, status in enumerate(sorted(statuses))}


def status_names(statuses: Iterable[str]) -> str:
    """List the placeholders of these statuses, for a condition `IN (…)`."""
    return ", ".join(f":{name}" for name in status_values(statuses))


def row_write(account: str, kind: str, identifier: str, key: Key, condition: str | None = None) -> Write:
    """Build the write of a resource's row in its account's list."""
    return Write(list_entry_key(account, kind, identifier), item={"parent": key["PK"]}, condition=condition)


def new_call(call: Call) -> list[Write]:
    """Build the writes of a new call: the call, which must not exist, and its row."""
    key = call_key(call.account, call.id)
    item = {**call_item(call), **initial_write_tokens()}
    return [Write(key, item=item, condition=ITEM_ABSENT), row_write(call.account, "CALLS", call.id, key)]


def new_conference(conference: Conference, takes_over_from: str | None) -> list[Write]:
    """Build the writes of a new conference: itself, its row, its name's row and, last, the holder of the name."""
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
    """Write the difference between two versions of a conference, if `before` is still current."""
    key = conference_key(before.account, before.id)
    return _difference(key, conference_item(before), conference_item(after))


def call_diff(before: Call, after: Call, write_id: str | None = None) -> Write:
    """Write the difference between two versions of a call; with `write_id`, store its token."""
    return _difference(call_key(before.account, before.id), call_item(before), call_item(after), write_id=write_id)


def participant_diff(
    account: str, before: Participant, after: Participant, write_id: str, commands: Item | None = None
) -> Write:
    """Write the difference between two versions of a participant, the write's token and engine commands."""
    key = participant_key(account, before.conference, before.call)
    return _difference(key, participant_item(before), participant_item(after), commands or {}, write_id)


def _difference(key: Key, old: Item, new: Item, also: Item | None = None, write_id: str | None = None) -> Write:
    """Write what differs if the old version is still current; the version itself must differ."""
    changed = {name: value for name, value in new.items() if value != old[name]} | (also or {})
    if changed.keys() & {"asked", "confirmed"}:
        # A confirmation since the read changes no version, so write the index attributes even if they look equal.
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
"""An item that is already in the index keeps its position, which saves an index write."""


def join_write(account: str, participant: Participant) -> Write:
    """Let a call join that is not present; if it was present before, it keeps its write tokens."""
    item = participant_item(participant)
    assigned = {name: value for name, value in item.items() if value is not None}
    # Attributes that an earlier stay may have left.
    removed = [name for name, value in item.items() if value is None] + ["announcement", "hold_music", "wait_music"]
    tokens = ", ".join(f"{attribute} = if_not_exists({attribute}, :none)" for attribute in WRITE_TOKEN_ATTRIBUTES)
    return Write(
        participant_key(account, participant.conference, participant.call),
        update="SET "
        + ", ".join(f"#{name} = :{name}" for name in assigned)
        + f", {tokens} REMOVE "
        + ", ".join(f"#{name}" for name in removed),
        condition=f"{ITEM_ABSENT} OR attribute_exists(#left)",
        values={**assigned, "none": ""},
        names={name: name for name in (*assigned, *removed)},
    )


def end_writes(ending: EndTransaction) -> Iterator[tuple[str, Write]]:
    """Build the writes of an end transaction, each named `call`, `conference`, `participant` or a recording id."""
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
    parent_resource = ending.call or ending.conference
    if ending.participant is not None and ending.participant_after is not None and parent_resource is not None:
        leaves = participant_diff(
            parent_resource.account, ending.participant, ending.participant_after, ending.write_id
        )
        yield "participant", leaves


def _stopped(parent: Parent, recording: str, ending: EndTransaction) -> Write:
    """Stop one recording because its parent ends, on condition that it is active."""
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
