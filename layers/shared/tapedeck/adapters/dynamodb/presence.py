"""Media engines in the recordings table: their presence, and the index of what each of them has."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tapedeck.adapters.dynamodb.attributes import CONFIRMED_VERSION, EXPIRES_AT, OWN_VERSION
from tapedeck.adapters.dynamodb.client import ConditionFailed, Item, Write
from tapedeck.adapters.dynamodb.conditional import ConditionalTable
from tapedeck.adapters.dynamodb.expressions import ITEM_ABSENT, NEXT_VERSION, Attr, Condition, update
from tapedeck.adapters.dynamodb.fields import Field, FieldTable
from tapedeck.adapters.dynamodb.items import (
    NO_ENGINE,
    PARTICIPANT,
    Key,
    call_key,
    conference_key,
    engine_assignment,
    parent_key,
    recording_from,
    recording_key,
)
from tapedeck.adapters.dynamodb.stream import command_payload_from, resource_from
from tapedeck.domain.call import LIVE, Call
from tapedeck.domain.conference import Conference, ConferenceStatus
from tapedeck.domain.engine import SEQUENCE_RESERVE, EngineCapabilities, EnginePresence
from tapedeck.domain.engine_command import is_pending
from tapedeck.domain.errors import NotAuthenticated
from tapedeck.domain.identity import created_at
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import DAY_SECONDS, UNFINISHED, Recording, RecordingStatus
from tapedeck.ports.changes import PendingWork
from tapedeck.ports.engines import Listing, ListingSession, LiveResource

_SHARDS: Final = "0123456789abcdef"

_LIVE_STATUSES: Final[Mapping[str, Sequence[str]]] = {
    "call": sorted(LIVE),
    "conference": sorted(set(ConferenceStatus) - {ConferenceStatus.COMPLETED}),
    "recording": sorted(UNFINISHED),
}
"""The statuses in which a resource is in the `live` index, by kind."""


class PresenceTable(ConditionalTable):
    """`ports.engines.PresenceStore` on DynamoDB; docstrings count requests, the port states the contract."""

    def get_presence(self, engine: str) -> EnginePresence | None:
        """1 request."""
        return _presence_or_none(self._database.get(presence_key(engine)))

    def list_presences(self) -> Sequence[EnginePresence]:
        """1 request per megabyte."""
        found = [_presence_or_none(item) for item in self._database.query("PK = :pk", {"pk": _PARTITION})]
        return [presence for presence in found if presence is not None]

    def list_deleted(self) -> Sequence[str]:
        """1 request per megabyte."""
        found = self._database.query("PK = :pk", {"pk": _PARTITION})
        return [item["SK"] for item in found if _REMOVED_AT in item]

    def open_session(
        self,
        engine: str,
        boot: str,
        replaced_boot: str | None,
        now: int,
        capabilities: EngineCapabilities,
        max_calls: int | None,
    ) -> EnginePresence | None:
        """1 request."""
        assign: Item = {
            "boot": boot,
            "seen": now,
            "capabilities": _encode_capabilities(capabilities),
            "seq": Attr("seq").or_default(0) + SEQUENCE_RESERVE,
            **({"max_calls": max_calls} if max_calls is not None else {}),
        }
        if replaced_boot != boot:
            assign["previous_seen"] = Attr("seen").or_default(0)
            assign["opened"] = now
            assign[_SESSION] = Attr(_SESSION).or_default(0) + 1
        removed = ("gone_boot", *(("draining", "live_calls") if replaced_boot != boot else ()))
        if replaced_boot is not None:
            when = Attr("boot").eq(replaced_boot)
        else:
            when = ITEM_ABSENT | Attr(_REMOVED_AT).lte(now - REMOVED_FOR_SECONDS)
            removed = (*removed, *_MARK)
        try:
            item = self._database.update(
                update(presence_key(engine), assign, remove=(*removed, *({"max_calls"} - assign.keys())), when=when)
            )
        except ConditionFailed as failed:
            # Our own write whose response was lost, if it stored the boot.
            item = failed.items[0] or {}
            if _REMOVED_AT in item:
                raise NotAuthenticated from failed
            return _presence_from(item) if item.get("boot") == boot else None
        return _presence_from(item)

    def note_alive(self, presence: EnginePresence) -> EnginePresence | None:
        """1 request; 1 more if a higher sequence number is stored."""
        is_current, is_higher = Attr("boot").eq(presence.boot), _is_seq_below(presence.seq)
        found = self._note_alive(presence, {"seq": presence.seq}, is_current & is_higher)
        if found is None or found.boot != presence.boot or found.seq <= presence.seq:
            return found
        return self._note_alive(presence, {}, is_current)

    def _note_alive(self, presence: EnginePresence, assign: Item, when: Condition) -> EnginePresence | None:
        values = {
            "seen": presence.seen_at,
            "max_calls": presence.max_calls,
            "live_calls": presence.live_calls or None,
            "draining": presence.is_draining or None,
        }
        assign = {**assign, **{name: value for name, value in values.items() if value is not None}}
        removed = [name for name in values if name not in assign]
        write = update(presence_key(presence.engine), assign, remove=removed, when=when)
        return _presence_or_none(self._update_or_find(write))

    def raise_seq(self, engine: str, boot: str, seq: int) -> None:
        """1 request."""
        self._try(update(presence_key(engine), {"seq": seq}, when=Attr("boot").eq(boot) & _is_seq_below(seq)))

    def set_synced(self, engine: str, boot: str, now: int) -> bool:
        """1 request."""
        assign = {"synced_boot": boot, "synced_at": now}
        return self._try(update(presence_key(engine), assign, when=Attr("boot").eq(boot)))

    def set_deleted(self, engine: str, now: int) -> None:
        """1 request."""
        unless_stored = {"boot": "", "seen": now, "capabilities": {}, "deleted": now}
        assign = {name: Attr(name).or_default(value) for name, value in unless_stored.items()}
        self._database.update(update(presence_key(engine), assign, remove=_MARK))

    def delete_presence(self, engine: str, now: int) -> None:
        """1 request."""
        mark = {_REMOVED_AT: now, EXPIRES_AT: now + _MARK_DAYS * DAY_SECONDS}
        removed = {field.attribute for field in _PRESENCE.fields} - {_SESSION}
        self._database.update(update(presence_key(engine), mark, remove=sorted(removed)))

    def set_gone(self, presence: EnginePresence) -> bool:
        """1 request."""
        is_unchanged = Attr("boot").eq(presence.boot) & Attr("seen").lte(presence.seen_at)
        is_first = Attr("gone_boot").not_exists() | ~Attr("gone_boot").eq(presence.boot)
        return self._try(
            update(presence_key(presence.engine), {"gone_boot": presence.boot}, when=is_unchanged & is_first)
        )


class LiveIndex(ConditionalTable):
    """`ports.engines.LiveStore` on the `live` index of the recordings table."""

    def list_live(self, engine: str) -> Iterator[PendingWork]:
        """1 request per shard, more if a shard exceeds a megabyte, and 1 per 100 items."""
        for shard in _SHARDS:
            for item in self._database.get_many(self._keys(engine, shard)):
                # The index is eventually consistent.
                resource = resource_from(item or {})
                if item is not None and resource is not None and "live" in item and item.get("engine") == engine:
                    yield PendingWork(item["PK"].partition("#")[0], resource, command_payload_from(item))

    def find_old(self, engine: str | None, before: int) -> Sequence[Call | Conference]:
        """1 request per shard, and 1 per 100 calls and conferences that are found."""
        of = engine or NO_ENGINE
        keys = [key for shard in _SHARDS for key in self._keys(of, shard) if _is_before(key, before)]
        found = [resource_from(item or {}) for item in self._database.get_many(keys)]
        return [
            each for each in found if isinstance(each, Call | Conference) and each.is_live and each.engine == engine
        ]

    def _keys(self, engine: str, shard: str) -> list[Key]:
        """Return the keys of an engine's resources in one shard: 1 request per megabyte."""
        rows = self._database.query("#live = :shard", {"shard": f"{engine}#{shard}"}, index="live", live="live")
        return [{"PK": row["PK"], "SK": row["SK"]} for row in rows]

    def list_participants_with_commands(self, account: str, conference: str) -> Sequence[PendingWork]:
        """1 request per megabyte of the conference's participants."""
        items = self._database.query(
            "PK = :pk AND begins_with(SK, :participant)",
            {"pk": conference_key(account, conference)["PK"], "participant": PARTICIPANT},
        )
        return [
            PendingWork(account, resource, command_payload_from(item))
            for item in items
            if isinstance(resource := resource_from(item), Participant) and is_pending(resource)
        ]

    def note_listed(self, session: ListingSession, resource: LiveResource, now: int) -> Listing:
        """1 request; 1 more if the recording was paused, 2 more if no engine has begun it."""
        try:
            stored = self._assign(session, resource)
        except ConditionFailed as failed:
            return _rejected(failed.items[0], session, resource)
        if resource.is_running and stored["status"] == RecordingStatus.STOPPED:
            return Listing.OVER
        recording = recording_from(stored) if resource.is_capturing else None
        if recording is None or recording.status is not RecordingStatus.PAUSED or recording.is_pending:
            return Listing.STORED
        is_unchanged = Attr("version").eq(recording.version)
        if recording.is_paused_by_engine:
            self._try(_resume(_key(resource), recording.version + 1, now, when=is_unchanged))
            return Listing.STORED
        is_sent_again = self._try(update(_key(resource), {"version": NEXT_VERSION}, when=is_unchanged))
        is_contradiction = is_sent_again and not _may_precede(recording, resource, session)
        return Listing.PAUSED_AGAIN if is_contradiction else Listing.STORED

    def _assign(self, session: ListingSession, resource: LiveResource) -> Item:
        """Assign a resource to an engine and its session, if it is live and not another engine's or newer session's.

        A recording without an engine belongs to the engine of what is recorded (C-270).

        Raises:
            ConditionFailed: it is not.
        """
        engine = session.engine
        assign = {**engine_assignment(engine, resource.id), _SESSION: session.number}
        is_live, is_mine = Attr("status").is_in(_LIVE_STATUSES[resource.kind]), Attr("engine").eq(engine)
        is_live &= Attr(_SESSION).not_exists() | Attr(_SESSION).lte(session.number)
        if resource.parent is not None:
            try:
                return self._database.update(update(_key(resource), assign, when=is_live & is_mine))
            except ConditionFailed as failed:
                item = failed.items[0]
                if not item or "engine" in item:
                    raise
                parent = self._database.get(parent_key(resource.parent), ("engine",)) or {}
                if parent.get("engine", engine) != engine:
                    raise
        is_available = is_mine | Attr("engine").not_exists()
        return self._database.update(update(_key(resource), assign, when=is_live & is_available))


_PARTITION: Final = "ENGINES"

_SESSION: Final = "session"
"""The number of a session: of an engine's current one, and of the last one that listed a resource."""

_REMOVED_AT: Final = "removed"
_MARK: Final = (_REMOVED_AT, EXPIRES_AT)
"""The attributes of the item that is left of a deleted presence, besides the number of its last session."""

_MARK_DAYS: Final = 40
"""Days for which it is left: longer than a call may last."""

REMOVED_FOR_SECONDS: Final = 90
"""How long no session of a deleted engine can be opened: longer than any process remembers its tokens (C-256)."""


def presence_key(engine: str) -> Key:
    """Build the key of an engine's presence; all presences share a partition, which no account has."""
    return {"PK": _PARTITION, "SK": engine}


def _is_seq_below(seq: int) -> Condition:
    """Whether no sequence number above this one is stored."""
    return Attr("seq").not_exists() | Attr("seq").lte(seq)


def _encode_capabilities(capabilities: EngineCapabilities) -> Item:
    """Render the capabilities that differ from the defaults; `participants` is a sorted list."""
    default = EngineCapabilities()
    names = EngineCapabilities.__dataclass_fields__
    item = {name: getattr(capabilities, name) for name in names}
    return {
        name: sorted(value) if name == "participants" else value
        for name, value in item.items()
        if value != getattr(default, name)
    }


def _decode_capabilities(stored: Item) -> EngineCapabilities:
    values: dict[str, Any] = {**stored}
    if "participants" in values:
        values["participants"] = frozenset(values["participants"])
    return EngineCapabilities(**values)


_PRESENCE: Final = FieldTable(
    Field("boot", "boot"),
    Field("seen", "seen_at"),
    Field("capabilities", "capabilities", decode=_decode_capabilities),
    Field("max_calls", "max_calls", None),
    Field("live_calls", "live_calls", 0),
    Field("draining", "is_draining", False),
    Field("seq", "seq", 0),
    Field("synced_boot", "synced_boot", ""),
    Field("synced_at", "synced_at", 0),
    Field("gone_boot", "gone_boot", ""),
    Field("opened", "opened_at", 0),
    Field("previous_seen", "previous_seen_at", 0),
    Field("deleted", "deleted_at", 0),
    Field(_SESSION, "session", 0),
)


def _presence_or_none(item: Item | None) -> EnginePresence | None:
    """Parse a presence; None if there is no item, or only what is left of a deleted presence."""
    return None if item is None or _REMOVED_AT in item else _presence_from(item)


def _presence_from(item: Item) -> EnginePresence:
    return EnginePresence(engine=item["SK"], **_PRESENCE.parse(item))


def _key(resource: LiveResource) -> Key:
    if resource.parent is not None:
        return recording_key(resource.parent, resource.id)
    return (call_key if resource.kind == "call" else conference_key)(resource.account, resource.id)


def _rejected(item: Item | None, session: ListingSession, resource: LiveResource) -> Listing:
    """Return why a listed resource was not assigned to its engine and session."""
    if not item:
        return Listing.UNKNOWN
    if item["status"] not in _LIVE_STATUSES[resource.kind]:
        return Listing.OVER
    is_newer = item.get("engine") == session.engine and item.get(_SESSION, 0) > session.number
    return Listing.SUPERSEDED if is_newer else Listing.UNKNOWN


def _may_precede(paused: Recording, resource: LiveResource, session: ListingSession) -> bool:
    """Whether a list may have been made before the engine carried out the confirmed pause of a recording (C-289).

    So if it names an earlier version, and the pause was requested in the same session: no restart can have lost it.
    """
    return resource.version < paused.version and paused.updated >= session.opened_at


def _resume(key: Key, version: int, now: int, *, when: Condition) -> Write:
    """Build the write of a recording that its engine had paused by itself, and captures again."""
    resumed: Item = {
        "status": RecordingStatus.IN_PROGRESS,
        "version": version,
        CONFIRMED_VERSION: version,
        OWN_VERSION: version,
        "updated": now,
    }
    return update(key, resumed, remove=("pause_behavior",), when=when)


def _is_before(key: Key, before: int) -> bool:
    """Whether a key is that of a call or conference which was created before the second `before`."""
    return key["SK"] in {"CALL", "CONF"} and created_at(key["PK"].rpartition("#")[2]) < before
