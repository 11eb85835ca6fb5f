"""Recordings in the recordings table: start, transition, confirm, finish and delete."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from tapedeck.adapters.dynamodb.attributes import (
    ACTIVE_RECORDINGS,
    API_RECORDING,
    CAPTURED_AT,
    CONFIRMED_VERSION,
    DELETE_WRITE_ID,
    EFFECTIVE_VERSION,
    EXPIRES_AT,
    OWN_VERSION,
    REFUSED_CODE,
    REFUSED_VERSION,
)
from tapedeck.adapters.dynamodb.client import ConditionFailed, Item, Write
from tapedeck.adapters.dynamodb.conditional import ConditionalTable, has_write_token
from tapedeck.adapters.dynamodb.expressions import (
    ITEM_ABSENT,
    NEXT_VERSION,
    Attr,
    Condition,
    Placeholders,
    delete,
    put,
    update,
)
from tapedeck.adapters.dynamodb.items import (
    RECORDING,
    call_from,
    conference_from,
    list_entry_key,
    parent_key,
    partition,
    recording_from,
    recording_item,
    recording_key,
    shown_recording_key,
)
from tapedeck.adapters.dynamodb.writes import (
    PENDING_WORK,
    push_write_token,
    recording_diff,
    row_write,
    write_token_absent,
)
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference
from tapedeck.domain.errors import StoreBusy
from tapedeck.domain.recording import (
    ACTIVE,
    FINISHED,
    PRUNE_ACTIVE_AT,
    UNFINISHED,
    Parent,
    ParentKind,
    Recording,
    RecordingStatus,
    allowed_sources,
    is_noop_transition,
)
from tapedeck.ports.parents import ParentConflict
from tapedeck.ports.recordings import RecordingOfOtherParent, RecordingProgress, TransitionRejected

_MAX_TOKEN_ATTEMPTS: Final = 5

_PROGRESS: Final = (
    "status", "version", CONFIRMED_VERSION, EFFECTIVE_VERSION, OWN_VERSION, REFUSED_VERSION, REFUSED_CODE, CAPTURED_AT,
)  # fmt: skip

_IS_PAUSED_BY_ENGINE: Final = Attr("status").eq(RecordingStatus.PAUSED) & Attr(OWN_VERSION).eq(Attr("version"))
"""`Recording.is_paused_by_engine`."""


class RecordingTable(ConditionalTable):
    """`ports.recordings.RecordingStore` on DynamoDB; docstrings count requests, the port states the contract."""

    def get_recording(self, parent: Parent, recording: str) -> Recording | None:
        """1 request."""
        item = self._database.get(recording_key(parent, recording))
        return _visible(item)

    def get_progress(self, parent: Parent, recording: str) -> RecordingProgress | None:
        """1 request, for a few attributes."""
        item = self._database.get(recording_key(parent, recording), _PROGRESS)
        if item is None:
            return None
        return RecordingProgress(
            RecordingStatus(item["status"]),
            item["version"],
            item[CONFIRMED_VERSION],
            item.get(EFFECTIVE_VERSION, 0),
            item.get(OWN_VERSION, 0),
            item.get(REFUSED_VERSION, 0),
            item.get(REFUSED_CODE),
            CAPTURED_AT in item,
        )

    def find_recording(self, account: str, recording: str, *, deleted: bool) -> Recording | None:
        """2 requests: its list row (with `deleted`, either row), then the recording."""
        keys = [
            list_entry_key(account, kind, recording) for kind in (("RECS", "RECS-DELETED") if deleted else ("RECS",))
        ]
        rows = self._database.get_several(keys) if deleted else [self._database.get(keys[0])]
        row = next((row for row in rows if row is not None), None)
        if row is None:
            return None
        item = self._database.get({"PK": row["parent"], "SK": f"{RECORDING}{recording}"})
        return _visible(item) if not deleted else recording_from(item) if item else None

    def list_active_recordings(self, parent: Parent) -> Sequence[Recording]:
        """1 request per megabyte of the parent's recordings."""
        used = Placeholders()
        is_active = Attr("status").is_in(sorted(ACTIVE)).render(used)
        items = self._database.query(
            "PK = :pk AND begins_with(SK, :recording)",
            {"pk": partition(parent), "recording": RECORDING, **used.values},
            only=is_active,
            status="status",
        )
        return [recording_from(item) for item in items]

    def start_call_recording(
        self,
        recording: Recording,
        expected: Call | None,
        active: frozenset[str],
        engines: frozenset[str] = frozenset(),
    ) -> None:
        """1 request: the call, the recording, its row."""
        self._start(_start_in_call(recording, expected, active, engines), recording)

    def start_recording(self, recording: Recording, expected: Call | Conference | None, active: frozenset[str]) -> bool:
        """1 request: the parent, the recording, its row and, for a conference, the link from its first call."""
        return self._start(_start_in_parent(recording, expected, active), recording)

    def _start(self, parent_write: Write, recording: Recording) -> bool:
        parent = recording.parent
        key = recording_key(parent, recording.id)
        writes = [
            parent_write,
            put(key, recording_item(recording), when=ITEM_ABSENT),
            row_write(parent.account, "RECS", recording.id, key, when=ITEM_ABSENT),
        ]
        if parent.kind is ParentKind.CONFERENCE and recording.call is not None:
            writes.append(
                put(shown_recording_key(parent.account, recording.call, recording.id), {"conference": parent.id})
            )
        try:
            self._database.transact(writes)
        except ConditionFailed as failed:
            item, existing, row = failed.items[:3]
            if existing is not None:
                return False  # our own write, whose response was lost, or a repeated report of the engine
            if row is not None:
                raise RecordingOfOtherParent from failed
            read = call_from if parent.kind is ParentKind.CALL else conference_from
            raise ParentConflict(read(item) if item else None) from failed
        return True

    def transition_recording(
        self,
        parent: Parent,
        recording: str,
        target: RecordingStatus,
        pause_behavior: str,
        now: int,
        write_id: str,
        *,
        only_if_start_unconfirmed: bool = False,
    ) -> Recording:
        """1 request; 2 if a response was lost and the recording has the target status, repeated while it changes."""
        # --8<-- [start:transition]
        assign: Item = {"status": target, "version": NEXT_VERSION, "updated": now, **push_write_token(write_id)}
        when = Attr("status").is_in(allowed_sources(target))
        if target is RecordingStatus.PAUSED:
            when |= _IS_PAUSED_BY_ENGINE
        when &= write_token_absent(write_id)
        if only_if_start_unconfirmed:
            when &= Attr(CONFIRMED_VERSION).eq(0)
        write = _transition(parent, recording, assign, when, pause_behavior, now)
        for _ in range(_MAX_TOKEN_ATTEMPTS):
            try:
                return recording_from(self._database.update(write))
            except ConditionFailed as failed:
                item = failed.items[0]
                found = _visible(item)
                if item and found is not None and has_write_token(item, write_id):
                    return _as_transitioned(found, target, pause_behavior, now)
                # An earlier copy of this write got no response and may still be applied. Store our token first, so that
                # its condition fails. A recording that is not active needs no token: no such write applies to it.
                may_arrive_late = failed.may_have_unacknowledged_copy and found is not None and found.is_active
                if found is None or not (may_arrive_late and is_noop_transition(found.status, target)):
                    raise TransitionRejected(found) from failed
            if self._store_write_token(parent, found, write_id):
                raise TransitionRejected(found)
        raise StoreBusy
        # --8<-- [end:transition]

    def _store_write_token(self, parent: Parent, found: Recording, write_id: str) -> bool:
        """Store the token of a request that changed nothing; False if the status has changed meanwhile.

        After that, the condition of an earlier copy of the request that arrives late fails.
        """
        is_unchanged = Attr("status").eq(found.status) & write_token_absent(write_id)
        return self._try(update(recording_key(parent, found.id), push_write_token(write_id), when=is_unchanged))

    def read_recording(self, parent: Parent, recording: str) -> Recording | None:
        """1 request."""
        item = self._database.get(recording_key(parent, recording))
        return recording_from(item) if item else None

    def read_recording_and_parent(
        self, parent: Parent, recording: str
    ) -> tuple[Recording | None, Call | Conference | None]:
        """1 request."""
        item, of = self._database.get_several([recording_key(parent, recording), parent_key(parent)])
        read = call_from if parent.kind is ParentKind.CALL else conference_from
        return (recording_from(item) if item else None), (read(of) if of else None)

    def change_recording(self, recording: Recording, after: Recording, write_id: str) -> None:
        """1 request."""
        self._update(recording_diff(recording, after, write_id), recording_from, TransitionRejected)

    def mark_recording_published(self, recording: Recording) -> None:
        """1 request."""
        is_finished = Attr("work").exists() & ~Attr("status").is_in(sorted(UNFINISHED))
        captured = Attr(CAPTURED_AT)
        is_same = captured.not_exists() if recording.captured_at is None else captured.eq(recording.captured_at)
        key = recording_key(recording.parent, recording.id)
        self._try(update(key, remove=PENDING_WORK, when=is_finished & is_same))

    def delete_recording(self, recording: Recording, now: int, until: int, write_id: str) -> Recording:
        """1 request: the recording, its row from one list to the other."""
        parent = recording.parent
        writes = [
            update(
                recording_key(parent, recording.id),
                {
                    "status": RecordingStatus.DELETED,
                    "version": NEXT_VERSION,
                    "updated": now,
                    EXPIRES_AT: until,
                    DELETE_WRITE_ID: write_id,
                },
                when=Attr("status").is_in(sorted(FINISHED)),
            ),
            delete(list_entry_key(parent.account, "RECS", recording.id)),
            put(
                list_entry_key(parent.account, "RECS-DELETED", recording.id),
                {"parent": partition(parent), EXPIRES_AT: until},
            ),
        ]
        after = replace(
            recording, status=RecordingStatus.DELETED, updated=now, version=recording.version + 1, deleted_until=until
        )
        try:
            self._database.transact(writes)
        except ConditionFailed as failed:
            item = failed.items[0]
            if item and item.get(DELETE_WRITE_ID) == write_id:
                return after  # our own write, whose response was lost
            raise TransitionRejected(_visible(item)) from failed
        return after


def _start_in_call(
    recording: Recording, expected: Call | None, active: frozenset[str], engines: frozenset[str]
) -> Write:
    """Build the write of a call on which a recording is started through the API."""
    extra: Condition | None = None
    if expected is None:
        extra = Attr(API_RECORDING).not_exists()
        if engines:
            extra &= Attr("engine").is_in(sorted(engines))
    return _start_in_parent(recording, expected, active, {API_RECORDING: recording.id}, extra)


def _start_in_parent(
    recording: Recording,
    expected: Call | Conference | None,
    active: frozenset[str],
    assign: dict[str, Any] | None = None,
    extra: Condition | None = None,
) -> Write:
    """Build the write of a call or conference, which must be in progress, on which a recording is started."""
    when = Attr("status").eq(CallStatus.IN_PROGRESS)
    if extra is not None:
        when &= extra
    values: Item = {**(assign or {}), "version": NEXT_VERSION}
    key = parent_key(recording.parent)
    if expected is not None:
        values[ACTIVE_RECORDINGS] = active | {recording.id}
        return update(key, values, when=when & Attr("version").eq(expected.version))
    has_capacity = Attr(ACTIVE_RECORDINGS).not_exists() | Attr(ACTIVE_RECORDINGS).size().lt(PRUNE_ACTIVE_AT)
    return update(key, values, add={ACTIVE_RECORDINGS: frozenset({recording.id})}, when=when & has_capacity)


def _transition(
    parent: Parent, recording: str, assign: Item, when: Condition, pause_behavior: str, ended: int
) -> Write:
    """Build the write of a transition to the status in `assign`, with the attributes that depend on it."""
    key = recording_key(parent, recording)
    match assign["status"]:
        case RecordingStatus.PAUSED:
            return update(key, {**assign, "pause_behavior": pause_behavior}, when=when)
        case RecordingStatus.STOPPED:
            return update(key, {**assign, "ended": ended}, when=when)
        case _:
            return update(key, assign, remove=("pause_behavior",), when=when)


def _visible(item: Item | None) -> Recording | None:
    if not item or item["status"] == RecordingStatus.DELETED:
        return None
    return recording_from(item)


def _as_transitioned(found: Recording, target: RecordingStatus, pause_behavior: str, now: int) -> Recording:
    """Reconstruct the recording as our write left it; versions and engine reports stay those of later writes.

    If a later write has requested something else, the version belongs to that write. So no command of ours is pending:
    it would be sent with the version of another one.
    """
    behavior = pause_behavior if target is RecordingStatus.PAUSED else None
    is_superseded = found.status is not target or behavior not in {None, found.pause_behavior}
    return replace(
        found,
        status=target,
        confirmed_version=found.version if is_superseded else found.confirmed_version,
        updated=now,
        pause_behavior=behavior,
        ended=now if target is RecordingStatus.STOPPED else None,
        duration=None,
        error=None,
    )
