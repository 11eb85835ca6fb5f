"""Building blocks of transactions on the recordings table: create, change, join and end.

Each write stores the token of its request, or is conditional on the version that was read, so that a retry after a
lost response is recognised (REL-3).
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from tapedeck.adapters.dynamodb.attributes import (
    CONFIRMED_VERSION,
    END_PUBLISHED,
    END_WRITE_ID,
    EVIDENCE_ENTRIES,
    LAST_EVENT_SEQ,
    LIVE_SHARD,
    REQUESTED_AT,
    REQUESTED_VERSION,
)
from tapedeck.adapters.dynamodb.client import Item, Write
from tapedeck.adapters.dynamodb.expressions import (
    ITEM_ABSENT,
    NEXT_VERSION,
    Attr,
    Condition,
    literal,
    put,
    update,
)
from tapedeck.adapters.dynamodb.items import (
    NAME_HOLDER,
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
    pending_shard,
    recording_fields,
    recording_key,
    write_token,
)
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.identity import created_at
from tapedeck.domain.participant import Participant
from tapedeck.domain.pending_work import COMMAND_RESEND_AFTER_SECONDS
from tapedeck.domain.recording import ACTIVE, Parent, ParentKind, Recording, RecordingStatus
from tapedeck.ports.parents import EndTransaction

PENDING_WORK: Final = ("work", "work_at")
"""The attributes that put an item into the pending-work index."""

_NEWEST_TOKEN: Final = WRITE_TOKEN_ATTRIBUTES[0]
_TOKENS: Final = tuple(map(Attr, WRITE_TOKEN_ATTRIBUTES))
_SHIFTED_TOKENS: Final = {older: Attr(newer) for newer, older in pairwise(WRITE_TOKEN_ATTRIBUTES)}


# --8<-- [start:tokens]
def push_write_token(write_id: str) -> dict[str, Any]:
    """Assign the token of this write to the newest of the eight token attributes and drop the oldest token."""
    return {**_SHIFTED_TOKENS, _NEWEST_TOKEN: write_token(write_id)}


def write_token_absent(write_id: str) -> Condition:
    """Require that the token of this write is not among the item's last eight."""
    return ~literal(_NEWEST_TOKEN, write_token(write_id)).is_in(_TOKENS)
    # --8<-- [end:tokens]


def request_engine_action(identifier: str, now: int) -> dict[str, Any]:
    """Assign what requests an engine action at `now` (seconds) and puts the item into the pending-work index."""
    due = now + COMMAND_RESEND_AFTER_SECONDS
    return {REQUESTED_VERSION: NEXT_VERSION, REQUESTED_AT: now, **keep_pending(identifier, due)}


def keep_pending(identifier: str, due: int) -> dict[str, Any]:
    """Assign what puts the item into the pending-work index at the time `due` (seconds).

    An item that is already in the index keeps its place, which saves an index write. The place of a call, conference or
    participant is never later than what a request makes due; for that of a recording, see `pending_work.first_due`.
    """
    return {"work": pending_shard(identifier), "work_at": Attr("work_at").or_default(due)}


def row_write(account: str, kind: str, identifier: str, key: Key, when: Condition | None = None) -> Write:
    """Build the write of a resource's row in its account's list."""
    return put(list_entry_key(account, kind, identifier), {"parent": key["PK"]}, when=when)


def new_call(call: Call) -> list[Write]:
    """Build the writes of a new call: the call, which must not exist, and its row."""
    key = call_key(call.account, call.id)
    item = {**call_item(call), **initial_write_tokens()}
    return [put(key, item, when=ITEM_ABSENT), row_write(call.account, "CALLS", call.id, key)]


def new_conference(conference: Conference, takes_over_from: str | None) -> list[Write]:
    """Build the writes of a new conference: itself, its row, its name's row and, last, the holder of the name."""
    key = conference_key(conference.account, conference.id)
    name = name_partition(conference.account, conference.name)
    item = {**conference_item(conference), **initial_write_tokens()}
    return [
        put(key, item, when=ITEM_ABSENT),
        row_write(conference.account, "CONFS", conference.id, key),
        put({"PK": name, "SK": conference.id}, {"parent": key["PK"]}),
        take_over_write({"PK": name, "SK": NAME_HOLDER}, "conference", conference.id, takes_over_from),
    ]


def take_over_write(key: Key, attribute: str, holder: str, takes_over_from: str | None) -> Write:
    """Build the write that takes a name or label over from its last holder; None: it was never used."""
    when = Attr(attribute).eq(takes_over_from) if takes_over_from is not None else ITEM_ABSENT
    return put(key, {attribute: holder}, when=when)


def conference_diff(before: Conference, after: Conference, *, is_exact: bool = False) -> Write:
    """Write the difference between two states of a conference, if `before` is still current (see `_difference`)."""
    key = conference_key(before.account, before.id)
    new = conference_item(after)
    return _difference(key, conference_item(before), new, _place_at_end(before, after, new), is_exact=is_exact)


def _place_at_end(before: Call | Conference, after: Call | Conference, new: Item) -> Item:
    """Return the place in the index of a call or conference whose end needs a follow-up.

    A live one may have left the index, although a command is unconfirmed, because the command expired.
    """
    ends = before.is_live and not after.is_live and new["work"] is not None
    return {name: new[name] for name in PENDING_WORK} if ends else {}


def call_diff(
    before: Call,
    after: Call,
    write_id: str | None = None,
    command_payload: Mapping[str, Any] | None = None,
    *,
    is_exact: bool = False,
) -> Write:
    """Write the difference between two states of a call and a command's payload; with `write_id`, its token."""
    key = call_key(before.account, before.id)
    new = call_item(after)
    also = {**_place_at_end(before, after, new), **(command_payload or {})}
    return _difference(key, call_item(before), new, also, write_id, is_exact=is_exact)


def participant_diff(
    account: str,
    before: Participant,
    after: Participant,
    write_id: str,
    command_payload: Item | None = None,
    *,
    is_exact: bool = False,
) -> Write:
    """Write the difference between two states of a participant, the write's token and a command's payload."""
    key = participant_key(account, before.conference, before.call)
    old, new = participant_item(before), participant_item(after)
    return _difference(key, old, new, command_payload or {}, write_id, is_exact=is_exact)


def recording_diff(before: Recording, after: Recording, write_id: str) -> Write:
    """Write the difference between two states of a recording and the write's token, if `before` is still current."""
    key = recording_key(before.parent, before.id)
    return _difference(key, recording_fields(before), recording_fields(after), None, write_id, is_exact=True)


def _difference(
    key: Key,
    old: Item,
    new: Item,
    also: Item | None = None,
    write_id: str | None = None,
    *,
    is_exact: bool = False,
) -> Write:
    """Write what differs if the old state is still current; with `write_id`, also the write's token.

    A request over the API raises the version, which shows whether the state is current; its token shows whether the
    write was applied before. An engine event may change the state without a new version: `is_exact` also requires the
    same confirmed version and number of the last event, and the same end of an evidence chain that is to be replaced.
    """
    changed = {name: value for name, value in new.items() if value != old[name]} | (also or {})
    if changed.keys() & {REQUESTED_VERSION, CONFIRMED_VERSION} and "work" in new:
        # A confirmation may have removed the index attributes since the read, without a new version: write them even if
        # `old` has equal ones.
        changed |= {name: new[name] for name in PENDING_WORK}
    if LIVE_SHARD in new and new[LIVE_SHARD] is None:
        # A confirmation may have assigned the resource to its engine since the read, without a new version.
        changed[LIVE_SHARD] = None
    if changed.get("work_at") is not None:
        # An item that is already in the index keeps its place, which is never later.
        changed["work_at"] = Attr("work_at").or_default(changed["work_at"])
    assigned, removed = split_absent(changed)
    when = Attr("version").eq(old["version"])
    if write_id is not None:
        assigned |= push_write_token(write_id)
    if is_exact:
        # The end of an evidence chain is compared only if it is written, because most resources have none.
        for name in (CONFIRMED_VERSION, LAST_EVENT_SEQ, EVIDENCE_ENTRIES):
            if name in old and (name != EVIDENCE_ENTRIES or name in changed):
                when &= _as_read(name, old[name])
    elif write_id is not None:
        when &= write_token_absent(write_id)
    return update(key, assigned, remove=removed, when=when)


def _as_read(name: str, value: int | None) -> Condition:
    """Require that an attribute has the value that was read; None: there was none."""
    return Attr(name).eq(value) if value is not None else Attr(name).not_exists()


def split_absent(attributes: Item) -> tuple[Item, list[str]]:
    """Split attributes into those to assign and those to remove, which are None."""
    assigned = {name: value for name, value in attributes.items() if value is not None}
    return assigned, [name for name in attributes if name not in assigned]


_PARTICIPANT_PAYLOAD: Final = ("announcement", "hold_music", "wait_music")
"""Attributes with the payload of engine commands that an earlier membership may have left."""


def join_write(account: str, participant: Participant) -> Write:
    """Let a call join that is not present; if it was present before, it keeps its write tokens."""
    assigned, removed = split_absent(participant_item(participant))
    return update(
        participant_key(account, participant.conference, participant.call),
        {**assigned, **{token.label: token.or_default("") for token in _TOKENS}},
        remove=(*removed, *_PARTICIPANT_PAYLOAD),
        when=ITEM_ABSENT | Attr("left").exists(),
    )


def end_writes(ending: EndTransaction) -> Iterator[tuple[str, Write]]:
    """Build the writes of an end transaction, each named `call`, `conference`, `participant` or a recording id."""
    if ending.call is not None and ending.call_after is not None:
        # The end of a call is recognised by its `end_write_id`, a redirect by its token.
        token = ending.write_id if ending.call_commands else None
        yield "call", call_diff(ending.call, ending.call_after, token, ending.call_commands)
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


def exact_writes(account: str, change: EndTransaction) -> Iterator[tuple[str, Write]]:
    """Build the writes of what an engine event changes, named as in `end_writes`; unchanged resources have none."""
    call, conference, participant = change.call, change.conference, change.participant
    if call is not None and change.call_after is not None and change.call_after != call:
        yield "call", call_diff(call, change.call_after, change.write_id, is_exact=True)
    if conference is not None and change.conference_after is not None and change.conference_after != conference:
        yield "conference", conference_diff(conference, change.conference_after, is_exact=True)
    if participant is not None and change.participant_after is not None and change.participant_after != participant:
        yield (
            "participant",
            participant_diff(account, participant, change.participant_after, change.write_id, is_exact=True),
        )
    for kind, parent, recordings in (
        (ParentKind.CALL, call, change.call_recordings),
        (ParentKind.CONFERENCE, conference, change.conference_recordings),
    ):
        for recording in sorted(recordings):
            if parent is not None:
                yield recording, _stopped(Parent(account, kind, parent.id), recording, change)


def end_published_writes(key: Key, *, has_ended: Condition) -> tuple[Write, Write]:
    """Build the writes that mark the end of a call or conference as published, of which one is to succeed.

    The first one also ends its pending work. It fails while an engine command is unconfirmed; then the second one
    applies.
    """
    is_settled = Attr(REQUESTED_VERSION).not_exists() | Attr(CONFIRMED_VERSION).eq(Attr(REQUESTED_VERSION))
    return (
        update(key, {END_PUBLISHED: True}, remove=PENDING_WORK, when=has_ended & is_settled),
        update(key, {END_PUBLISHED: True}, when=has_ended),
    )


def _stopped(parent: Parent, recording: str, ending: EndTransaction) -> Write:
    """Stop one recording because its parent ends, on condition that it is active."""
    return update(
        recording_key(parent, recording),
        {
            "status": RecordingStatus.STOPPED,
            "version": NEXT_VERSION,
            "updated": ending.now,
            "ended": ending.now if ending.ended is None else max(ending.ended, created_at(recording)),
            END_WRITE_ID: ending.write_id,
            **push_write_token(ending.write_id),
        },
        when=Attr("status").is_in(sorted(ACTIVE)),
    )
