"""A recording: its statuses, the moves between them, and what one knows of itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tapedeck.domain.identity import created_at
from tapedeck.domain.subscription import CallbackSubscription


class RecordingStatus(StrEnum):
    """The internal states of behaviour.md, section 5.1; what a dialect shows of them is the dialect's to say."""

    IN_PROGRESS = "in-progress"
    PAUSED = "paused"
    STOPPED = "stopped"
    COMPLETED = "completed"
    ABSENT = "absent"
    DELETED = "deleted"


_S = RecordingStatus

ACTIVE: Final = frozenset({_S.IN_PROGRESS, _S.PAUSED})

FINISHED: Final = frozenset({_S.COMPLETED, _S.ABSENT})
"""What can be deleted."""

UNFINISHED: Final = ACTIVE | {_S.STOPPED}
"""What a media engine has still to do with."""

TRANSITIONS: Final[Mapping[RecordingStatus, frozenset[RecordingStatus]]] = {
    _S.IN_PROGRESS: frozenset({_S.PAUSED, _S.STOPPED}),
    _S.PAUSED: frozenset({_S.IN_PROGRESS, _S.STOPPED}),
    _S.STOPPED: frozenset({_S.COMPLETED, _S.ABSENT}),
    _S.COMPLETED: frozenset({_S.DELETED}),
    _S.ABSENT: frozenset({_S.DELETED}),
    _S.DELETED: frozenset(),
}


def allowed_sources(target: RecordingStatus) -> tuple[RecordingStatus, ...]:
    """The statuses from which a move to `target` is legal and changes something."""
    return tuple(status for status in RecordingStatus if target in TRANSITIONS[status])


def is_noop_transition(status: RecordingStatus, target: RecordingStatus) -> bool:
    """Whether asking for `target` is granted and changes nothing (behaviour.md, section 5.3).

    A stop may be repeated however late.
    """
    return status is target or (target is _S.STOPPED and status in {_S.COMPLETED, _S.ABSENT})


class ParentKind(StrEnum):
    """What a recording hangs on."""

    CALL = "CALL"
    CONFERENCE = "CONF"


PRUNE_ACTIVE_AT: Final = 40
"""From here on a start first drops from its parent's set what has been stopped."""


@dataclass(frozen=True, slots=True)
class Parent:
    """The call or conference that is recorded; `account` and `id` are 32 hex digits each."""

    account: str
    kind: ParentKind
    id: str


class Source(StrEnum):
    """What started a recording, in Twilio's words (resources.md, section 2.3)."""

    DIAL_VERB = "DialVerb"
    CONFERENCE = "Conference"
    OUTBOUND_API = "OutboundAPI"
    TRUNKING = "Trunking"
    RECORD_VERB = "RecordVerb"
    START_CALL_RECORDING = "StartCallRecordingAPI"
    START_CONFERENCE_RECORDING = "StartConferenceRecordingAPI"


@dataclass(frozen=True, slots=True)
class Recording:
    """One audio capture of a call or a conference; times are whole seconds since the epoch.

    `version` rises by one with every change; `confirmed_version` is the version that the media engine has carried out:
    what the engine itself has done is confirmed at once, and where the two differ something is still on its way to it.
    `last_event_at` is the engine's time, in milliseconds, of the last event that changed or confirmed it: older ones
    are stale. `call` is the call that the recording shows: its parent, or the first participant's call.
    `duration` is seconds of finished audio; `error` a vendor's code such as 16101; `deleted_until` the second at
    which what is left of a deleted one is gone as well.
    """

    id: str
    parent: Parent
    status: RecordingStatus
    source: Source
    updated: int
    version: int = 1
    confirmed_version: int = 0
    last_event_at: int = 0
    call: str | None = None
    channels: int = 1
    track: str = "both"
    trim: str = "do-not-trim"
    pause_behavior: str | None = None
    started: int | None = None
    ended: int | None = None
    duration: int | None = None
    error: int | None = None
    deleted_until: int | None = None
    callback: CallbackSubscription | None = None

    @property
    def created(self) -> int:
        """Seconds since the epoch, as the id tells."""
        return created_at(self.id)

    def is_visible(self, now: int, *, deleted: bool) -> bool:
        """Whether it is shown at this second, to somebody who wants to see deleted ones, or does not.

        DynamoDB may take days to remove what has expired, so that it is not asked (behaviour.md, section 10).
        """
        if self.status is not _S.DELETED:
            return True
        return deleted and self.deleted_until is not None and now < self.deleted_until

    @property
    def is_capturing_confirmed(self) -> bool:
        """Whether the media engine has said that it captures, or has done since."""
        return self.confirmed_version > 0

    @property
    def is_pending(self) -> bool:
        """Whether something has been asked of the media engine that it has not confirmed."""
        return self.confirmed_version < self.version and self.status in UNFINISHED

    @property
    def is_active(self) -> bool:
        """Whether audio is being captured, or could be after a resume."""
        return self.status in ACTIVE
