"""Keys and items of the recordings table: the mapping between domain objects and DynamoDB attributes.

All ids are 32 hex digits that sort by creation time. A call or conference shares its partition with its recordings and
participants. Every partition key begins with the account's id, so that one account can never read another's items.
The list rows of an account share a partition per kind of resource, sorted by id.
"""

import hashlib
from typing import Final

from tapedeck.adapters.dynamodb.attributes import (
    ACTIVE_RECORDINGS,
    API_RECORDING,
    CALL_TO_COACH,
    CAPTURE_SHA256,
    CAPTURE_SIZE,
    CAPTURED_AT,
    CONFIRMED_VERSION,
    EFFECTIVE_VERSION,
    END_CONFERENCE_ON_EXIT,
    END_PUBLISHED,
    END_WRITE_ID,
    EVIDENCE_ENTRIES,
    EVIDENCE_HEAD,
    EXPIRES_AT,
    GIVEN_UP_AT,
    HAS_DIALED,
    HAS_STARTER,
    LAST_EVENT_SEQ,
    LIVE_SHARD,
    OWN_VERSION,
    PARENT_CALL,
    PHONE_NUMBER,
    PLACEMENT,
    REFUSED_CODE,
    REFUSED_VERSION,
    REQUESTED_AT,
    REQUESTED_VERSION,
    SIP_STATUS,
    START_CONFERENCE_ON_ENTER,
    START_SEQUENCE,
    STARTED_AT,
)
from tapedeck.adapters.dynamodb.client import Item
from tapedeck.adapters.dynamodb.fields import Field, FieldTable, decode_callback, encode_callback
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.engine_command import EngineControlled
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.pending_work import first_due, next_due
from tapedeck.domain.recording import UNFINISHED, Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.domain.transcription import Transcription, TranscriptionStatus

Key = dict[str, str]

RECORDING = "REC#"
"""Prefix of the sort key of a recording."""

PARTICIPANT = "PART#"
"""Prefix of the sort key of a participant."""

NAME_HOLDER: Final = "LIVE"
"""Sort key, in a name's partition, of the item that names the last holder of the name; it may have ended since."""

SHOWN = "CONFREC#"
"""Prefix of the sort key of a link from a call to a conference recording that lists it."""

WRITE_TOKEN_ATTRIBUTES: Final = tuple(f"r{place}" for place in range(1, 9))
"""Attributes that hold the tokens of an item's last eight writes, newest first (REL-3)."""


def write_token(write_id: str) -> str:
    """Shorten the id of a write to the token that items store: its last 16 hex digits, 62 random bits."""
    return write_id[-16:]


def initial_write_tokens(newest: str = "") -> Item:
    """Build the token attributes of a new item, created by the write with this id."""
    return {**dict.fromkeys(WRITE_TOKEN_ATTRIBUTES, ""), WRITE_TOKEN_ATTRIBUTES[0]: write_token(newest)}


def call_key(account: str, call: str) -> Key:
    """Build the key of a call."""
    return {"PK": f"{account}#CALL#{call}", "SK": "CALL"}


def conference_key(account: str, conference: str) -> Key:
    """Build the key of a conference."""
    return {"PK": f"{account}#CONF#{conference}", "SK": "CONF"}


def participant_key(account: str, conference: str, call: str) -> Key:
    """Build the key of a participant, which is a call in a conference."""
    return {"PK": f"{account}#CONF#{conference}", "SK": f"{PARTICIPANT}{call}"}


def label_key(account: str, conference: str, label: str) -> Key:
    """Build the key of the item that names the last holder of a label in a conference."""
    return {"PK": f"{account}#CONF#{conference}", "SK": f"LABEL#{label}"}


def partition(parent: Parent) -> str:
    """Name the partition of a call or conference."""
    return "#".join((parent.account, parent.kind, parent.id))  # noqa: FLY002 - an f-string formats enum members slowly


def parent_key(parent: Parent) -> Key:
    """Build the key of a call or conference."""
    return {"PK": partition(parent), "SK": str(parent.kind)}


def recording_key(parent: Parent, recording: str) -> Key:
    """Build the key of a recording in its parent's partition."""
    return {"PK": partition(parent), "SK": f"{RECORDING}{recording}"}


def list_entry_key(account: str, kind: str, identifier: str) -> Key:
    """Build the key of a resource's row in its account's list of kind `RECS`, `RECS-DELETED`, `CALLS` or `CONFS`."""
    return {"PK": f"{account}#{kind}", "SK": identifier}


def name_partition(account: str, name: str) -> str:
    """Name the partition of a friendly name, hashed because a name may have any length and characters."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{account}#NAME#{digest[:32]}"


def shown_recording_key(account: str, call: str, recording: str) -> Key:
    """Build the key of the link from a call to a conference recording that lists it."""
    return {"PK": f"{account}#CALL#{call}", "SK": f"{SHOWN}{recording}"}


def transcriptions_partition(account: str, recording: str | None = None) -> str:
    """Name the partition of an account's transcriptions, or of the list rows of one recording's transcriptions."""
    return f"{account}#TRS" if recording is None else f"{account}#TRS#{recording}"


def transcription_key(account: str, transcription: str) -> Key:
    """Build the key of a transcription."""
    return {"PK": transcriptions_partition(account), "SK": transcription}


def status_key(account: str, kind: ParentKind, status: str) -> str:
    """Name a partition of the `status` index, which holds calls and conferences only."""
    return "#".join((account, kind, status))  # noqa: FLY002


# --8<-- [start:shard]
def pending_shard(identifier: str) -> str:
    """Name the shard of the `work` index that holds this resource while it has pending work.

    The index holds only items that have its key attributes; x is the last hex digit of an id:

    | `work` | `work_at`, seconds | items | read by |
    | --- | --- | --- | --- |
    | `OPEN#x` | when something is due next | resources with pending work | `PendingWorkIndex.find_pending` |
    | `DUE#x` | `next_attempt_at` | deliveries with a next attempt | `DeliveryTable.find_due` |
    """
    return f"OPEN#{identifier[-1]}"
    # --8<-- [end:shard]


def live_shard(engine: str, identifier: str) -> str:
    """Name the shard of the `live` index that holds this resource of an engine until it is final."""
    return f"{engine}#{identifier[-1]}"


def engine_assignment(engine: str, identifier: str) -> Item:
    """Build the attributes that assign a resource that is not final to its engine, and put it into the `live` index.

    For writes that do not render the whole resource; their condition must rule out final resources.
    """
    return {"engine": engine, LIVE_SHARD: live_shard(engine, identifier)}


_ENGINE_FIELDS: Final = (
    Field(REQUESTED_VERSION, "requested_version", 0),
    Field(REQUESTED_AT, "requested_at", None),
    Field(CONFIRMED_VERSION, "confirmed_version", 0),
)
"""The engine command versions of a call, conference or participant."""

_CALL: Final = FieldTable(
    Field("status", "status", decode=CallStatus),
    Field("version", "version"),
    Field("updated", "updated"),
    Field("to", "to"),
    Field("from", "from_"),
    Field("direction", "direction"),
    Field("rang", "rang", None),
    Field("started", "started", None),
    Field("ended", "ended", None),
    Field(PARENT_CALL, "parent_call", None),
    Field("conference", "conference", None),
    Field(API_RECORDING, "api_recording", None),
    Field(ACTIVE_RECORDINGS, "active_recordings", frozenset()),
    Field(END_WRITE_ID, "end_write_id", None),
    Field("callback", "callback", None, encode_callback, decode_callback),
    Field(END_PUBLISHED, "end_published", False),
    Field(PLACEMENT, "placement", {}, dict),
    Field(SIP_STATUS, "sip_status", None),
    Field(PHONE_NUMBER, "phone_number", None),
    Field(EXPIRES_AT, "deleted_until", None),
    Field("engine", "engine", None),
    Field("session", "session", None),
    Field(LAST_EVENT_SEQ, "last_event_seq", 0),
    *_ENGINE_FIELDS,
)

_CONFERENCE: Final = FieldTable(
    Field("status", "status", decode=ConferenceStatus),
    Field("version", "version"),
    Field("sequence", "sequence"),
    Field("updated", "updated"),
    Field("name", "name"),
    Field("participants", "participants"),
    Field(HAS_STARTER, "has_starter"),
    Field("first_call", "first_call", None),
    Field("ended", "ended", None),
    Field("reason", "reason", None, decode=EndReason),
    Field("ending_call", "ending_call", None),
    Field(ACTIVE_RECORDINGS, "active_recordings", frozenset()),
    Field(END_WRITE_ID, "end_write_id", None),
    Field("record", "record"),
    Field("callback", "callback", None, encode_callback, decode_callback),
    Field(START_SEQUENCE, "start_sequence", 0),
    Field(STARTED_AT, "started_at", None),
    Field("announced_at", "announced_at", None),
    Field(HAS_DIALED, "has_dialed", False),
    Field(END_PUBLISHED, "end_published", False),
    Field("engine", "engine", None),
    Field("session", "session", None),
    Field(LAST_EVENT_SEQ, "last_event_seq", 0),
    *_ENGINE_FIELDS,
)

_PARTICIPANT: Final = FieldTable(
    Field("status", "status", decode=ParticipantStatus),
    Field("version", "version"),
    Field("sequence", "sequence"),
    Field("joined", "joined"),
    Field("left", "left", None),
    Field("updated", "updated", None),
    Field("label", "label", None),
    Field("muted", "muted"),
    Field("hold", "hold"),
    Field("coaching", "coaching"),
    Field(CALL_TO_COACH, "call_to_coach", None),
    Field(START_CONFERENCE_ON_ENTER, "start_conference_on_enter"),
    Field(END_CONFERENCE_ON_EXIT, "end_conference_on_exit"),
    Field("beep_on_exit", "beep_on_exit", None),
    Field("options", "options", {}, dict),
    Field(LAST_EVENT_SEQ, "last_event_seq", 0),
    *_ENGINE_FIELDS,
)

_RECORDING: Final = FieldTable(
    Field("status", "status", decode=RecordingStatus),
    Field("version", "version"),
    Field(CONFIRMED_VERSION, "confirmed_version"),
    Field(LAST_EVENT_SEQ, "last_event_seq", 0),
    Field("source", "source", decode=Source),
    Field("call", "call", None),
    Field("channels", "channels"),
    Field("track", "track"),
    Field("trim", "trim"),
    Field("pause_behavior", "pause_behavior", None),
    Field("updated", "updated"),
    Field("started", "started", None),
    Field("ended", "ended", None),
    Field("duration", "duration", None),
    Field("error", "error", None),
    Field(EXPIRES_AT, "deleted_until", None),
    Field("callback", "callback", None, encode_callback, decode_callback),
    Field("engine", "engine", None),
    Field("session", "session", None),
    Field(CAPTURED_AT, "captured_at", None),
    Field(CAPTURE_SIZE, "capture_size", None),
    Field(CAPTURE_SHA256, "capture_sha256", None),
    Field(GIVEN_UP_AT, "given_up_at", None),
    Field(EFFECTIVE_VERSION, "effective_version", 0),
    Field(OWN_VERSION, "own_version", 0),
    Field(EVIDENCE_ENTRIES, "evidence_entries", 0),
    Field(EVIDENCE_HEAD, "evidence_head", None),
    Field(REFUSED_VERSION, "refused_version", 0),
    Field(REFUSED_CODE, "refused_code", None),
)

_TRANSCRIPTION: Final = FieldTable(
    Field("recording", "recording"),
    Field("status", "status", decode=TranscriptionStatus),
    Field("updated", "updated"),
    Field("duration", "duration", None),
    Field("text", "text", None),
)


def call_item(call: Call) -> Item:
    """Render a call as an item without its key."""
    item = _CALL.render(call)
    item["status_key"] = status_key(call.account, ParentKind.CALL, call.status)
    item["sid"] = call.id
    item[LIVE_SHARD] = _live_entry(call.engine or NO_ENGINE, call.id, is_final=not call.is_live)
    item |= _pending_work_item(call)
    return item


def call_from(item: Item) -> Call:
    """Parse a call from its item."""
    values = _CALL.parse(item)
    values["account"], _, values["id"] = item["PK"].split("#")
    return Call(**values)


def conference_item(conference: Conference) -> Item:
    """Render a conference as an item without its key; it never expires (C-58)."""
    item = _CONFERENCE.render(conference)
    item["status_key"] = status_key(conference.account, ParentKind.CONFERENCE, conference.status)
    item["sid"] = conference.id
    item[LIVE_SHARD] = _live_entry(conference.engine or NO_ENGINE, conference.id, is_final=not conference.is_live)
    item |= _pending_work_item(conference)
    return item


def conference_from(item: Item) -> Conference:
    """Parse a conference from its item."""
    values = _CONFERENCE.parse(item)
    values["account"], _, values["id"] = item["PK"].split("#")
    return Conference(**values)


def participant_item(participant: Participant) -> Item:
    """Render a participant as an item without its key."""
    item = _PARTICIPANT.render(participant)
    item |= _pending_work_item(participant)
    return item


def participant_from(item: Item) -> Participant:
    """Parse a participant from its item."""
    values = _PARTICIPANT.parse(item)
    values["call"] = item["SK"].removeprefix(PARTICIPANT)
    values["conference"] = item["PK"].split("#")[2]
    return Participant(**values)


def recording_item(recording: Recording) -> Item:
    """Render a new recording as an item without its key; its first write token is that of its creation."""
    item = recording_fields(recording)
    item |= initial_write_tokens(recording.id)
    item |= {"work": pending_shard(recording.id), "work_at": first_due(recording)}
    return item


def recording_fields(recording: Recording) -> Item:
    """Render what a recording's item holds besides its key, write tokens and place in the pending-work index."""
    item = _RECORDING.render(recording)
    item[LIVE_SHARD] = _live_entry(recording.engine, recording.id, is_final=recording.status not in UNFINISHED)
    return item


def recording_from(item: Item) -> Recording:
    """Parse a recording from its item."""
    account, kind, parent = item["PK"].split("#")
    values = _RECORDING.parse(item)
    values["id"] = item["SK"].removeprefix(RECORDING)
    values["parent"] = Parent(account, ParentKind(kind), parent)
    return Recording(**values)


def transcription_item(transcription: Transcription) -> Item:
    """Render a transcription as an item without its key."""
    return _TRANSCRIPTION.render(transcription)


def transcription_from(item: Item) -> Transcription:
    """Parse a transcription from its item."""
    return Transcription(account=item["PK"].split("#")[0], id=item["SK"], **_TRANSCRIPTION.parse(item))


NO_ENGINE: Final = "-"
"""In place of an engine's name in the `live` index: calls and conferences without an engine."""


def _live_entry(engine: str | None, identifier: str, *, is_final: bool) -> str | None:
    """Return the shard of the `live` index that holds a resource; None if it has no engine or is final."""
    return live_shard(engine, identifier) if engine is not None and not is_final else None


def _pending_work_item(resource: EngineControlled) -> Item:
    """Put a resource into the pending-work index at the time at which something is next due, or remove it."""
    due = next_due(resource, resource.updated or 0)
    return {"work": pending_shard(resource.id) if due is not None else None, "work_at": due}
