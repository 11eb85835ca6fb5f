"""The recordings table: all reads and writes of calls, conferences and recordings.

Every write is conditional and stores a token of its request, so that a retry after a lost response is recognised
(REL-3). Recordings, calls and conferences keep the tokens of their last eight writes; a call or conference that has
ended also keeps the id of the write that ended it.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from tapedeck.adapters.dynamodb.client import ConditionFailed, DynamoDBTable, Item, Write
from tapedeck.adapters.dynamodb.items import (
    RECORDING,
    Key,
    call_from,
    call_key,
    conference_from,
    conference_key,
    list_entry_key,
    name_partition,
    parent_key,
    participant_from,
    participant_key,
    partition,
    pending_shard,
    recording_from,
    recording_item,
    recording_key,
    shown_recording_key,
    status_key,
    write_token,
)
from tapedeck.adapters.dynamodb.writes import (
    ITEM_ABSENT,
    PUSH_WRITE_TOKEN,
    WRITE_TOKEN_ABSENT,
    call_diff,
    conference_diff,
    end_writes,
    has_write_token,
    join_write,
    new_call,
    new_conference,
    row_write,
    status_names,
    status_values,
)
from tapedeck.domain.call import LIVE, Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus
from tapedeck.domain.engine_command import EngineEvent
from tapedeck.domain.errors import EventRejected, StoreBusy
from tapedeck.domain.participant import Participant
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
from tapedeck.ports.stores import EndConflict, EndTransaction, NameTaken, ParentConflict, TransitionRejected


class RecordingsTable:
    """`ports.stores.Store` on DynamoDB; docstrings count requests, the port states the contract."""

    def __init__(self, database: DynamoDBTable) -> None:
        self._database = database

    def get_call(self, account: str, call: str) -> Call | None:
        """1 request."""
        item = self._database.get(call_key(account, call))
        return call_from(item) if item is not None else None

    def get_calls(self, account: str, calls: Sequence[str]) -> Mapping[str, Call]:
        """1 request per 100 calls."""
        found = self._database.get_many([call_key(account, call) for call in calls])
        return {call: call_from(item) for call, item in zip(calls, found, strict=True) if item is not None}

    def get_conference(self, account: str, conference: str) -> Conference | None:
        """1 request."""
        item = self._database.get(conference_key(account, conference))
        return conference_from(item) if item is not None else None

    def get_recording(self, parent: Parent, recording: str) -> Recording | None:
        """1 request."""
        item = self._database.get(recording_key(parent, recording))
        return _visible(item)

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
        items = self._database.query(
            "PK = :pk AND begins_with(SK, :recording)",
            {"pk": partition(parent), "recording": RECORDING, **status_values(ACTIVE)},
            only=f"#status IN ({status_names(ACTIVE)})",
            status="status",
        )
        return [recording_from(item) for item in items]

    def get_live_conference_id(self, account: str, name: str) -> str | None:
        """1 request."""
        item = self._database.get({"PK": name_partition(account, name), "SK": "LIVE"})
        return item["conference"] if item is not None else None

    def get_membership(self, account: str, conference: str, call: str) -> tuple[Conference | None, Participant | None]:
        """1 request."""
        conference_data, participant_data = self._database.get_several(
            [conference_key(account, conference), participant_key(account, conference, call)]
        )
        return (
            conference_from(conference_data) if conference_data is not None else None,
            participant_from(participant_data) if participant_data is not None else None,
        )

    def start_call_recording(self, recording: Recording, expected: Call | None, active: frozenset[str]) -> None:
        """1 request: the call, the recording, its row."""
        if expected is None:
            self._start(recording, None, active, set_also="api = :id, ", on_condition="attribute_not_exists(api) AND ")
        else:
            self._start(recording, expected.version, active, set_also="api = :id, ")

    def start_recording(self, recording: Recording, expected: Call | Conference | None, active: frozenset[str]) -> None:
        """1 request: the parent, the recording, its row and, for a conference, the link from its first call."""
        self._start(recording, expected.version if expected is not None else None, active)

    def transition_recording(
        self,
        parent: Parent,
        recording: str,
        target: RecordingStatus,
        pause_behavior: str,
        now: int,
        write_id: str,
        *,
        unless_begun: bool = False,
    ) -> Recording:
        """1 request; 2 if a response was lost and the recording already has the target status."""
        write = _transition(parent, recording, target, pause_behavior, now, write_id, unless_begun=unless_begun)
        for _ in range(_MAX_TOKEN_ATTEMPTS):
            try:
                return recording_from(self._database.update(write))
            except ConditionFailed as failed:
                item = failed.items[0]
                found = _visible(item)
                if item and found is not None and has_write_token(item, write_id):
                    return _as_written(found, target, pause_behavior, now)
                # A late copy of this write can undo later changes only while the recording is active.
                may_arrive_late = failed.was_repeated and found is not None and found.is_active
                if found is None or not (may_arrive_late and is_noop_transition(found.status, target)):
                    raise TransitionRejected(found) from failed
            if self._store_write_token(parent, found, write_id):
                raise TransitionRejected(found)
        raise StoreBusy

    def _store_write_token(self, parent: Parent, found: Recording, write_id: str) -> bool:
        """Store the token of a request that changed nothing; False if the status has changed meanwhile.

        This disarms an earlier copy of the request that may still arrive and would apply its change late.
        """
        write = Write(
            recording_key(parent, found.id),
            update=f"SET {PUSH_WRITE_TOKEN}",
            condition=f"#status = :status AND {WRITE_TOKEN_ABSENT}",
            values={"status": found.status, "mark": write_token(write_id)},
            names={"status": "status"},
        )
        try:
            self._database.update(write)
        except ConditionFailed:
            return False
        return True

    def transition_recording_from_engine(
        self,
        parent: Parent,
        recording: str,
        target: RecordingStatus,
        pause_behavior: str,
        engine_event: EngineEvent,
        now: int,
    ) -> Recording:
        """1 request."""
        write = _transition(parent, recording, target, pause_behavior, now, engine_event.event, engine_event)
        try:
            return recording_from(self._database.update(write))
        except ConditionFailed as failed:
            item = failed.items[0]
            raise TransitionRejected(recording_from(item) if item else None) from failed

    def touch_recording_event_time(self, parent: Parent, recording: str, at: int) -> None:
        """1 request."""
        self._touch_event_time(recording_key(parent, recording), at)

    def touch_participant_event_time(self, parent: Parent, participant: str, at: int) -> None:
        """1 request."""
        self._touch_event_time(participant_key(parent.account, parent.id, participant), at)

    def _touch_event_time(self, key: Key, at: int) -> None:
        write = Write(
            key,
            update="SET heard = :at",
            condition="attribute_exists(PK) AND (attribute_not_exists(heard) OR heard < :at)",
            values={"at": at},
        )
        with suppress(ConditionFailed):
            self._database.update(write)

    def confirm_recording(
        self, parent: Parent, recording: str, engine_event: EngineEvent, now: int, reported: RecordingStatus | None
    ) -> Recording | None:
        """1 request."""
        values: Item
        if reported is None:
            extra_condition, values = (
                "confirmed = :zero",
                {"zero": 0, "started": engine_event.occurred_at(recording, now)},
            )
        elif reported is RecordingStatus.STOPPED:
            extra_condition, values = "#status = :reported", {"reported": reported}
        else:
            # The status that an older version requested is not stored, so only the last version is compared.
            extra_condition, values = "(version > :version OR #status = :reported)", {"reported": reported}
        write = Write(
            recording_key(parent, recording),
            update="SET confirmed = :version, heard = :heard, "
            + ("started = :started, " if reported is None else "")
            + PUSH_WRITE_TOKEN,
            condition="confirmed < :version AND version >= :version "
            f"AND #status IN ({status_names(UNFINISHED)}) AND {extra_condition}",
            values={
                "version": engine_event.version,
                "heard": engine_event.at,
                "mark": write_token(engine_event.event),
                **values,
                **status_values(UNFINISHED),
            },
            names={"status": "status"},
        )
        try:
            return recording_from(self._database.update(write))
        except ConditionFailed as failed:
            item = failed.items[0]
            return recording_from(item) if item else None

    def mark_recording_published(self, parent: Parent, recording: str) -> None:
        """1 request."""
        write = Write(
            recording_key(parent, recording),
            update="REMOVE #work, work_at",
            condition=f"attribute_exists(#work) AND NOT #status IN ({status_names(UNFINISHED)})",
            values=status_values(UNFINISHED),
            names={"status": "status", **_WORK},
        )
        with suppress(ConditionFailed):
            self._database.update(write)

    def finish_recording(self, recording: Recording, write_id: str, *, by_engine: bool) -> Recording:
        """1 request."""
        assigned = {"duration": recording.duration, "error": recording.error, "channels": recording.channels}
        given = {name: value for name, value in assigned.items() if value is not None}
        write = Write(
            recording_key(recording.parent, recording.id),
            update="SET #status = :target, version = version + :one, updated = :now, "
            + ("confirmed = version + :one, " if by_engine else "")
            + "".join(f"#{name} = :{name}, " for name in given)
            + PUSH_WRITE_TOKEN
            + (" REMOVE #work, work_at" if recording.callback is None else ""),
            condition=f"#status = :stopped AND {WRITE_TOKEN_ABSENT}",
            values={
                "target": recording.status,
                "stopped": RecordingStatus.STOPPED,
                "one": 1,
                "now": recording.updated,
                "mark": write_token(write_id),
                **given,
            },
            names={
                "status": "status",
                **(_WORK if recording.callback is None else {}),
                **{name: name for name in given},
            },
        )
        try:
            return recording_from(self._database.update(write))
        except ConditionFailed as failed:
            item = failed.items[0]
            if item and has_write_token(item, write_id):
                return _as_finished(recording_from(item), recording)
            raise TransitionRejected(_visible(item)) from failed

    def delete_recording(self, recording: Recording, now: int, until: int, write_id: str) -> Recording:
        """1 request: the recording, its row from one list to the other."""
        parent = recording.parent
        writes = [
            Write(
                recording_key(parent, recording.id),
                update="SET #status = :deleted, version = version + :one, updated = :now, expires_at = :until, "
                "deleted_by = :id",
                condition=f"#status IN ({status_names(FINISHED)})",
                values={
                    "deleted": RecordingStatus.DELETED,
                    "one": 1,
                    "now": now,
                    "until": until,
                    "id": write_id,
                    **status_values(FINISHED),
                },
                names={"status": "status"},
            ),
            Write(list_entry_key(parent.account, "RECS", recording.id), delete=True),
            Write(
                list_entry_key(parent.account, "RECS-DELETED", recording.id),
                item={"parent": partition(parent), "expires_at": until},
            ),
        ]
        after = replace(
            recording, status=RecordingStatus.DELETED, updated=now, version=recording.version + 1, deleted_until=until
        )
        try:
            self._database.transact(writes)
        except ConditionFailed as failed:
            item = failed.items[0]
            if item and item.get("deleted_by") == write_id:
                return after  # our own write, whose response was lost
            raise TransitionRejected(_visible(item)) from failed
        return after

    def put_call(self, call: Call) -> None:
        """1 request: the call and its row."""
        try:
            self._database.transact(new_call(call))
        except ConditionFailed:
            # Ids are unique: this is our own write, whose response was lost.
            return

    def end_call(
        self, call: Call, after: Call, write_id: str, sources: frozenset[CallStatus] = LIVE, *, needs_command: bool
    ) -> Call:
        """1 request."""
        write = Write(
            call_key(call.account, call.id),
            update="SET #status = :status, status_key = :key, version = version + :one, updated = :now, "
            f"ended = :ended, ended_by = :id{REQUEST_ENGINE_ACTION if needs_command else ''}",
            condition=f"#status IN ({status_names(sources)}) AND attribute_not_exists(active) "
            "AND attribute_not_exists(conference)",
            values={
                "status": after.status,
                "key": status_key(call.account, ParentKind.CALL, after.status),
                "one": 1,
                "now": after.updated,
                "ended": after.ended,
                "id": write_id,
                **({"work": pending_shard(call.id)} if needs_command else {}),
                **status_values(sources),
            },
            names={"status": "status", **(_WORK if needs_command else {})},
        )
        try:
            return call_from(self._database.update(write))
        except ConditionFailed as failed:
            raise ParentConflict(_call(failed.items[0])) from failed

    def queue_call_commands(
        self,
        account: str,
        call: str,
        commands: Mapping[str, Any],
        sources: frozenset[CallStatus],
        now: int,
        write_id: str,
    ) -> Call:
        """1 request."""
        # A redirect of an earlier command must not be sent again with this one.
        removed = " REMOVE #redirect" if "redirect" not in commands else ""
        write = Write(
            call_key(account, call),
            update="SET version = version + :one, "
            + "".join(f"#{name} = :{name}, " for name in commands)
            + f"{PUSH_WRITE_TOKEN}{REQUEST_ENGINE_ACTION}{removed}",
            condition=f"#status IN ({status_names(sources)}) AND {WRITE_TOKEN_ABSENT}",
            values={
                "one": 1,
                "now": now,
                "mark": write_token(write_id),
                "work": pending_shard(call),
                **commands,
                **status_values(sources),
            },
            names={"status": "status", **_WORK, "redirect": "redirect", **{name: name for name in commands}},
        )
        try:
            return call_from(self._database.update(write))
        except ConditionFailed as failed:
            item = failed.items[0]
            found = _call(item)
            if item and found is not None and has_write_token(item, write_id):
                # Our own write, whose response was lost: the call was live at that time.
                return found if found.is_live else replace(found, status=CallStatus.IN_PROGRESS, ended=None)
            raise ParentConflict(found) from failed

    def put_conference(self, conference: Conference, takes_over_from: str | None) -> None:
        """1 request: the conference, its row, its name's row, and the holder of the name."""
        try:
            self._database.transact(new_conference(conference, takes_over_from))
        except ConditionFailed as failed:
            if failed.items[0] is not None:
                return  # our own write, whose response was lost
            raise NameTaken((failed.items[3] or {}).get("conference", "")) from failed

    def join_conference(self, conference: Conference, after: Conference, call: Call, participant: Participant) -> None:
        """1 request: the conference, the participant, the call."""
        writes = [
            conference_diff(conference, after),
            join_write(conference.account, participant),
            call_diff(call, replace(call, conference=conference.id, version=call.version + 1)),
        ]
        try:
            self._database.transact(writes)
        except ConditionFailed as failed:
            conference_data, participant_data, call_data = failed.items
            if participant_data is not None:
                return  # the call is present: our own write, whose response was lost, or another join of the call
            found = _conference(conference_data) if conference_data is not None else _call(call_data)
            raise ParentConflict(found) from failed

    def change_call(self, call: Call, after: Call, write_id: str) -> None:
        """1 request."""
        try:
            self._database.update(call_diff(call, after, write_id))
        except ConditionFailed as failed:
            item = failed.items[0]
            if item and has_write_token(item, write_id):
                return  # our own write, whose response was lost
            raise ParentConflict(_call(item)) from failed

    def end_conference(
        self, conference: Conference, after: Conference, write_id: str, *, needs_command: bool
    ) -> Conference:
        """1 request."""
        write = Write(
            conference_key(conference.account, conference.id),
            update="SET #status = :status, status_key = :key, version = version + :one, "
            f"#sequence = #sequence + :one, updated = :now, ended = :ended, reason = :reason, ended_by = :id"
            f"{REQUEST_ENGINE_ACTION if needs_command else ''}",
            condition="#status IN (:init, :progress) AND attribute_not_exists(active)",
            values={
                "status": after.status,
                "key": status_key(conference.account, ParentKind.CONFERENCE, after.status),
                "one": 1,
                "now": after.updated,
                "ended": after.ended,
                "reason": after.reason,
                "id": write_id,
                "init": ConferenceStatus.INIT,
                "progress": ConferenceStatus.IN_PROGRESS,
                **({"work": pending_shard(conference.id)} if needs_command else {}),
            },
            names={"status": "status", "sequence": "sequence", **(_WORK if needs_command else {})},
        )
        try:
            return conference_from(self._database.update(write))
        except ConditionFailed as failed:
            found = _conference(failed.items[0])
            if found is not None and found.end_write_id == write_id:
                return found
            raise ParentConflict(found) from failed

    def end(self, ending: EndTransaction) -> None:
        """1 request: the call, the conference, the participant, and the recordings of both."""
        parts = list(end_writes(ending))
        try:
            self._database.transact([write for _, write in parts])
        except ConditionFailed as failed:
            # A participant that left meanwhile also changed the conference's version.
            failures = {name: item for (name, _), item in zip(parts, failed.items, strict=True) if item is not None}
            if any(item.get("ended_by") == ending.write_id for item in failures.values()):
                return  # our own write, whose response was lost
            stopped = (ending.call_recordings | ending.conference_recordings) & failures.keys()
            raise EndConflict(_call(failures.get("call")), _conference(failures.get("conference")), stopped) from failed

    def change_conference(self, conference: Conference, after: Conference) -> None:
        """1 request."""
        try:
            self._database.update(conference_diff(conference, after))
        except ConditionFailed as failed:
            raise ParentConflict(_conference(failed.items[0])) from failed

    def mark_conference_published(self, conference: Conference) -> None:
        """1 request; 2 while an engine command is unconfirmed and keeps the conference in the pending-work index."""
        key = conference_key(conference.account, conference.id)
        ended = "#status = :completed"
        values: Item = {"told": True, "completed": ConferenceStatus.COMPLETED}
        settled = Write(
            key,
            update="SET told = :told REMOVE #work, work_at",
            condition=f"{ended} AND (attribute_not_exists(asked) OR confirmed = asked)",
            values=values,
            names={"status": "status", **_WORK},
        )
        try:
            self._database.update(settled)
        except ConditionFailed:
            published = Write(
                key, update="SET told = :told", condition=ended, values=values, names={"status": "status"}
            )
            with suppress(ConditionFailed):
                self._database.update(published)

    def announce(self, account: str, conference: str, url: str, method: str, now: int, write_id: str) -> Conference:
        """1 request."""
        write = Write(
            conference_key(account, conference),
            update="SET version = version + :one, announcement = :announcement, "
            f"{PUSH_WRITE_TOKEN}{REQUEST_ENGINE_ACTION}",
            condition=f"#status = :progress AND {WRITE_TOKEN_ABSENT}",
            values={
                "one": 1,
                "progress": ConferenceStatus.IN_PROGRESS,
                "announcement": {"url": url, "method": method},
                "mark": write_token(write_id),
                "now": now,
                "work": pending_shard(conference),
            },
            names={"status": "status", **_WORK},
        )
        try:
            return conference_from(self._database.update(write))
        except ConditionFailed as failed:
            item = failed.items[0]
            found = _conference(item)
            if item and found is not None and has_write_token(item, write_id):
                return replace(found, status=ConferenceStatus.IN_PROGRESS)
            raise ParentConflict(found) from failed

    def confirm(self, parent: Parent, participant: str | None, version: int, *, settles: bool = True) -> bool:
        """1 request."""
        key = parent_key(parent) if participant is None else participant_key(parent.account, parent.id, participant)
        write = Write(
            key,
            update="SET confirmed = :version" + (" REMOVE #work, work_at" if settles else ""),
            condition="asked = :version",
            values={"version": version},
            names=_WORK if settles else None,
        )
        return self._confirm(write)

    def confirm_participant(self, parent: Parent, participant: str, version: int, at: int) -> bool:
        """1 request."""
        write = Write(
            participant_key(parent.account, parent.id, participant),
            update="SET confirmed = :version, heard = :at REMOVE #work, work_at",
            # A repeated confirmation would overwrite the time of a newer engine event.
            condition="asked = :version AND (attribute_not_exists(confirmed) OR confirmed < :version)",
            values={"version": version, "at": at},
            names=_WORK,
        )
        return self._confirm(write)

    def _confirm(self, write: Write) -> bool:
        try:
            self._database.update(write)
        except ConditionFailed as failed:
            return bool(failed.items[0])
        return True

    def _start(
        self,
        recording: Recording,
        version: int | None,
        active: frozenset[str],
        *,
        set_also: str = "",
        on_condition: str = "",
    ) -> None:
        parent = recording.parent
        values: Item = {"progress": CallStatus.IN_PROGRESS, "one": 1}
        if set_also:
            values["id"] = recording.id
        if version is None:
            update = f"SET {set_also}version = version + :one ADD active :added"
            condition = f"#status = :progress AND {on_condition}{_HAS_CAPACITY}"
            values |= {"added": frozenset({recording.id}), "most": PRUNE_ACTIVE_AT}
        else:
            update = f"SET {set_also}version = version + :one, active = :active"
            condition = "#status = :progress AND version = :version"
            values |= {"active": active | {recording.id}, "version": version}
        parent_write = Write(
            parent_key(parent), update=update, condition=condition, values=values, names={"status": "status"}
        )
        key = recording_key(parent, recording.id)
        writes = [
            parent_write,
            Write(key, item=recording_item(recording), condition=ITEM_ABSENT),
            row_write(parent.account, "RECS", recording.id, key, condition=ITEM_ABSENT),
        ]
        if parent.kind is ParentKind.CONFERENCE and recording.call is not None:
            link = shown_recording_key(parent.account, recording.call, recording.id)
            writes.append(Write(link, item={"conference": parent.id}))
        try:
            self._database.transact(writes)
        except ConditionFailed as failed:
            item, existing, row = failed.items[:3]
            if existing is not None:
                return  # our own write, whose response was lost
            if row is not None:
                raise EventRejected from failed  # the recording belongs to another parent
            found = _call(item) if parent.kind is ParentKind.CALL else _conference(item)
            raise ParentConflict(found) from failed


_MAX_TOKEN_ATTEMPTS: Final = 5

REQUEST_ENGINE_ACTION: Final = (
    ", asked = version + :one, asked_at = :now, #work = :work, work_at = if_not_exists(work_at, :now)"
)
"""Part of an update, after SET: request an engine action and put the item into the pending-work index.

An item that is already in the index keeps its position, which saves an index write.
"""

_WORK: Final = {"work": "work"}
"""`work` is a reserved word in expressions."""


def _transition(
    parent: Parent,
    recording: str,
    target: RecordingStatus,
    pause_behavior: str,
    now: int,
    write_id: str,
    engine_event: EngineEvent | None = None,
    *,
    unless_begun: bool = False,
) -> Write:
    """Build the write of a status transition that a request made or, with `engine_event`, the engine reported."""
    ended = now if engine_event is None else engine_event.occurred_at(recording, now)
    sources = allowed_sources(target)
    update = f"SET #status = :target, version = version + :one, updated = :now, {PUSH_WRITE_TOKEN}"
    condition = f"#status IN ({status_names(sources)}) AND {WRITE_TOKEN_ABSENT}"
    values = {"target": target, "one": 1, "now": now, "mark": write_token(write_id), **status_values(sources)}
    if unless_begun:
        condition += " AND confirmed = :zero"
        values["zero"] = 0
    if engine_event is not None:
        update += ", confirmed = version + :one, heard = :heard"
        values["heard"] = engine_event.at
        if target is not RecordingStatus.STOPPED:
            # A newer pending request overrides what the engine reports, unless the capture has ended.
            condition += " AND confirmed = version AND (attribute_not_exists(heard) OR heard <= :heard)"
    if target is RecordingStatus.PAUSED:
        update += ", pause_behavior = :behavior"
        values["behavior"] = pause_behavior
    elif target is RecordingStatus.STOPPED:
        update += ", ended = :ended"
        values["ended"] = ended
    else:
        update += " REMOVE pause_behavior"
    return Write(
        recording_key(parent, recording),
        update=update,
        condition=condition,
        values=values,
        names={"status": "status"},
    )


_HAS_CAPACITY: Final = "(attribute_not_exists(active) OR size(active) < :most)"


def _visible(item: Item | None) -> Recording | None:
    if not item or item["status"] == RecordingStatus.DELETED:
        return None
    return recording_from(item)


def _call(item: Item | None) -> Call | None:
    return call_from(item) if item else None


def _conference(item: Item | None) -> Conference | None:
    return conference_from(item) if item else None


def _as_written(found: Recording, target: RecordingStatus, pause_behavior: str, now: int) -> Recording:
    """Reconstruct the recording as our write left it, before any later writes."""
    return replace(
        found,
        status=target,
        updated=now,
        pause_behavior=pause_behavior if target is RecordingStatus.PAUSED else None,
        ended=now if target is RecordingStatus.STOPPED else None,
        duration=None,
        error=None,
    )


def _as_finished(found: Recording, finished: Recording) -> Recording:
    """Reconstruct the recording as our write left it; only a deletion can have changed it since."""
    if found.status is not RecordingStatus.DELETED:
        return found
    return replace(
        found, status=finished.status, updated=finished.updated, version=found.version - 1, deleted_until=None
    )
