"""Keys and items of the recordings table: the mapping between domain objects and DynamoDB attributes.

All ids are 32 hex digits that sort by creation time. A call or conference shares its partition with its recordings and
participants. Every partition key begins with the account's id, so that one account can never read another's items.
The list rows of an account share a partition per kind of resource, sorted by id.
"""

import hashlib
from typing import Any

from tapedeck.adapters.dynamodb.client import Item
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.engine_command import EngineControlled, is_pending
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.domain.transcription import Transcription, TranscriptionStatus

Key = dict[str, str]

RECORDING = "REC#"
"""Prefix of the sort key of a recording."""

PARTICIPANT = "PART#"
"""Prefix of the sort key of a participant."""

SHOWN = "CONFREC#"
"""Prefix of the sort key of a link from a call to a conference recording that lists it."""

WRITE_TOKEN_ATTRIBUTES = tuple(f"r{place}" for place in range(1, 9))
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
    return f"{parent.account}#{parent.kind}#{parent.id}"


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
    return f"{account}#{kind}#{status}"


def pending_shard(identifier: str) -> str:
    """Name the shard of the `work` index that holds this resource while it has pending work."""
    return f"OPEN#{identifier[-1]}"


def call_item(call: Call) -> Item:
    """Render a call as an item without its key."""
    return {
        "status": call.status,
        "status_key": status_key(call.account, ParentKind.CALL, call.status),
        "sid": call.id,
        "version": call.version,
        "updated": call.updated,
        "to": call.to,
        "from": call.from_,
        "direction": call.direction,
        "started": call.started,
        "ended": call.ended,
        "parent": call.parent_call,
        "conference": call.conference,
        "api": call.api_recording,
        "active": call.active_recordings or None,
        "ended_by": call.end_write_id,
        **_engine_item(call),
    }


def call_from(item: Item) -> Call:
    """Parse a call from its item."""
    account, _, identifier = item["PK"].split("#")
    return Call(
        account=account,
        id=identifier,
        status=CallStatus(item["status"]),
        updated=item["updated"],
        to=item["to"],
        from_=item["from"],
        direction=item["direction"],
        version=item["version"],
        started=item.get("started"),
        ended=item.get("ended"),
        parent_call=item.get("parent"),
        conference=item.get("conference"),
        api_recording=item.get("api"),
        active_recordings=item.get("active", frozenset()),
        end_write_id=item.get("ended_by"),
        **_engine_fields_from(item),
    )


def conference_item(conference: Conference) -> Item:
    """Render a conference as an item without its key."""
    return {
        "status": conference.status,
        "status_key": status_key(conference.account, ParentKind.CONFERENCE, conference.status),
        "sid": conference.id,
        "version": conference.version,
        "sequence": conference.sequence,
        "updated": conference.updated,
        "name": conference.name,
        "participants": conference.participants,
        "may_begin": conference.has_starter,
        "first_call": conference.first_call,
        "ended": conference.ended,
        "reason": conference.reason,
        "ending_call": conference.ending_call,
        "active": conference.active_recordings or None,
        "ended_by": conference.end_write_id,
        "record": conference.record,
        "callback": _callback_map(conference.callback),
        "began": conference.start_sequence or None,
        "began_at": conference.started_at,
        "announced_at": conference.announced_at,
        "told": conference.end_published or None,
        **_engine_item(conference),
        # With a callback subscription it is pending work until its end is published.
        **(_pending_work_item(conference.id, conference.created) if conference.has_unpublished_events else {}),
    }


def conference_from(item: Item) -> Conference:
    """Parse a conference from its item."""
    account, _, identifier = item["PK"].split("#")
    reason = item.get("reason")
    return Conference(
        account=account,
        id=identifier,
        name=item["name"],
        status=ConferenceStatus(item["status"]),
        updated=item["updated"],
        version=item["version"],
        sequence=item["sequence"],
        participants=item["participants"],
        has_starter=item["may_begin"],
        first_call=item.get("first_call"),
        ended=item.get("ended"),
        reason=EndReason(reason) if reason is not None else None,
        ending_call=item.get("ending_call"),
        active_recordings=item.get("active", frozenset()),
        end_write_id=item.get("ended_by"),
        record=item["record"],
        callback=_callback_from(item.get("callback")),
        start_sequence=item.get("began", 0),
        started_at=item.get("began_at"),
        announced_at=item.get("announced_at"),
        end_published=item.get("told", False),
        **_engine_fields_from(item),
    )


def participant_item(participant: Participant) -> Item:
    """Render a participant as an item without its key."""
    return {
        "status": participant.status,
        "version": participant.version,
        "sequence": participant.sequence,
        "joined": participant.joined,
        "left": participant.left,
        "updated": participant.updated,
        "label": participant.label,
        "muted": participant.muted,
        "hold": participant.hold,
        "coaching": participant.coaching,
        "coached": participant.call_to_coach,
        "start_on_enter": participant.start_conference_on_enter,
        "end_on_exit": participant.end_conference_on_exit,
        "beep_on_exit": participant.beep_on_exit,
        "options": dict(participant.options) or None,
        "heard": participant.last_event_at or None,
        **_engine_item(participant),
    }


def participant_from(item: Item) -> Participant:
    """Parse a participant from its item."""
    return Participant(
        call=item["SK"].removeprefix(PARTICIPANT),
        conference=item["PK"].split("#")[2],
        joined=item["joined"],
        left=item.get("left"),
        version=item["version"],
        start_conference_on_enter=item["start_on_enter"],
        end_conference_on_exit=item["end_on_exit"],
        status=ParticipantStatus(item["status"]),
        updated=item.get("updated"),
        label=item.get("label"),
        muted=item["muted"],
        hold=item["hold"],
        coaching=item["coaching"],
        call_to_coach=item.get("coached"),
        beep_on_exit=item.get("beep_on_exit"),
        sequence=item["sequence"],
        options=item.get("options", {}),
        last_event_at=item.get("heard", 0),
        **_engine_fields_from(item),
    )


def recording_item(recording: Recording) -> Item:
    """Render a new recording as an item without its key; its first write token is that of its creation."""
    return {
        "status": recording.status,
        "version": recording.version,
        "confirmed": recording.confirmed_version,
        "heard": recording.last_event_at or None,
        **initial_write_tokens(recording.id),
        "source": recording.source,
        "call": recording.call,
        "channels": recording.channels,
        "track": recording.track,
        "trim": recording.trim,
        "updated": recording.updated,
        "started": recording.started,
        "callback": _callback_map(recording.callback),
        **_pending_work_item(recording.id, recording.created),
    }


def recording_from(item: Item) -> Recording:
    """Parse a recording from its item."""
    account, kind, parent = item["PK"].split("#")
    return Recording(
        id=item["SK"].removeprefix(RECORDING),
        parent=Parent(account, ParentKind(kind), parent),
        status=RecordingStatus(item["status"]),
        source=Source(item["source"]),
        updated=item["updated"],
        version=item["version"],
        confirmed_version=item["confirmed"],
        last_event_at=item.get("heard", 0),
        call=item.get("call"),
        channels=item["channels"],
        track=item["track"],
        trim=item["trim"],
        pause_behavior=item.get("pause_behavior"),
        started=item.get("started"),
        ended=item.get("ended"),
        duration=item.get("duration"),
        error=item.get("error"),
        deleted_until=item.get("expires_at"),
        callback=_callback_from(item.get("callback")),
    )


def transcription_item(transcription: Transcription) -> Item:
    """Render a transcription as an item without its key."""
    return {
        "recording": transcription.recording,
        "status": transcription.status,
        "updated": transcription.updated,
        "duration": transcription.duration,
        "text": transcription.text,
    }


def transcription_from(item: Item) -> Transcription:
    """Parse a transcription from its item."""
    return Transcription(
        account=item["PK"].split("#")[0],
        id=item["SK"],
        recording=item["recording"],
        status=TranscriptionStatus(item["status"]),
        updated=item["updated"],
        duration=item.get("duration"),
        text=item.get("text"),
    )


def _engine_item(resource: EngineControlled) -> Item:
    """Render the engine command versions; an unconfirmed command is in the pending-work index."""
    pending = is_pending(resource)
    return {
        "asked": resource.requested_version or None,
        "asked_at": resource.requested_at,
        "confirmed": resource.confirmed_version or None,
        **_pending_work_item(resource.id if pending else None, resource.requested_at),
    }


def _pending_work_item(identifier: str | None, since: int | None) -> Item:
    """Put a resource into the pending-work index as of this second; without an id, remove it."""
    if identifier is None:
        return {"work": None, "work_at": None}
    return {"work": pending_shard(identifier), "work_at": since}


def _engine_fields_from(item: Item) -> dict[str, Any]:
    return {
        "requested_version": item.get("asked", 0),
        "requested_at": item.get("asked_at"),
        "confirmed_version": item.get("confirmed", 0),
    }


def _callback_map(callback: CallbackSubscription | None) -> dict[str, Any] | None:
    if callback is None:
        return None
    return {
        "url": callback.url,
        "method": callback.method,
        "events": list(callback.events),
        "dialect": callback.dialect,
    }


def _callback_from(stored: dict[str, Any] | None) -> CallbackSubscription | None:
    if stored is None:
        return None
    return CallbackSubscription(stored["url"], stored["method"], tuple(stored["events"]), stored["dialect"])
