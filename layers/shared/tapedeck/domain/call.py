"""A call: one leg, to which recordings attach."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from tapedeck.domain.identity import created_at
from tapedeck.domain.subscription import CallbackSubscription


class CallStatus(StrEnum):
    """The statuses of a call; the last five are final."""

    QUEUED = "queued"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    FAILED = "failed"
    NO_ANSWER = "no-answer"
    CANCELED = "canceled"


LIVE: Final = frozenset({CallStatus.QUEUED, CallStatus.RINGING, CallStatus.IN_PROGRESS})

UNANSWERED: Final = frozenset({CallStatus.QUEUED, CallStatus.RINGING})
"""The statuses in which a call can be canceled or can fail."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call leg; times are whole seconds since the epoch.

    `direction` is one of Twilio's words `inbound`, `outbound-api`, `outbound-dial`. `rang` is when a dialed call began
    to ring, `started` when it was answered. `conference` is the id of the conference that the call joined last.
    `api_recording` is the latest recording started through the API.
    `active_recordings` is a superset of the ids of its active recordings: ids of stopped ones stay until
    `domain.recording.PRUNE_ACTIVE_AT`. `end_write_id` is the id of the write that ended the call.
    `callback` is the subscription to its status events; its `events` are empty if the request chose none.
    `end_published`: every callback of the ended call is in the outbox.
    `placement` is what the engine needs to dial a call that a request created, besides the numbers: fields of the
    `wanted` of `call.place`, which contain no enumerations. It is empty once the call was answered or has ended.
    `phone_number` is the id of the account's phone number that the call uses, if any.
    `deleted_until` is when the item of a deleted call expires; it is kept for late events of the engine (C-374).
    `sip_status` is the status of the last SIP response, as the engine reported it with the end.
    `engine` is the name of the media engine that has the call; None while it is unknown. `session` is
    the number of the session in which the engine last listed it. `last_event_seq` is the sequence number of the newest
    event about the call itself that was applied.
    For `requested_version`, `requested_at` and `confirmed_version` see `domain.engine_command.EngineControlled`.
    """

    account: str
    id: str
    status: CallStatus
    updated: int
    to: str = ""
    from_: str = ""
    direction: str = "inbound"
    version: int = 1
    rang: int | None = None
    started: int | None = None
    ended: int | None = None
    parent_call: str | None = None
    conference: str | None = None
    api_recording: str | None = None
    active_recordings: frozenset[str] = frozenset()
    end_write_id: str | None = None
    callback: CallbackSubscription | None = None
    end_published: bool = False
    placement: Mapping[str, Any] = field(default_factory=dict)
    sip_status: int | None = None
    phone_number: str | None = None
    deleted_until: int | None = None
    requested_version: int = 0
    requested_at: int | None = None
    confirmed_version: int = 0
    engine: str | None = None
    session: int | None = None
    last_event_seq: int = 0

    @property
    def created(self) -> int:
        """Creation time in seconds since the epoch, from the id."""
        return created_at(self.id)

    @property
    def is_live(self) -> bool:
        """Whether the call has not reached a final state."""
        return self.status in LIVE

    @property
    def is_deleted(self) -> bool:
        """Whether a client has deleted the call."""
        return self.deleted_until is not None

    @property
    def has_unpublished_events(self) -> bool:
        """Whether it has ended, and has a subscription whose callbacks may not all be in the outbox yet."""
        return self.callback is not None and not self.is_live and not self.end_published

    @property
    def duration(self) -> int | None:
        """Seconds from answer to end; None unless the call is completed."""
        if self.status is not CallStatus.COMPLETED or self.ended is None:
            return None
        return max(0, self.ended - (self.started if self.started is not None else self.ended))
