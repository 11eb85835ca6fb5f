"""A recording: its statuses, the transitions between them, and its own properties."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tapedeck.domain.identity import created_at
from tapedeck.domain.subscription import CallbackSubscription


class RecordingStatus(StrEnum):
    """The internal statuses of a recording; a dialect maps them to the vendor's words and adds none (C-44)."""

    IN_PROGRESS = "in-progress"
    PAUSED = "paused"
    STOPPED = "stopped"
    COMPLETED = "completed"
    ABSENT = "absent"
    DELETED = "deleted"


_S = RecordingStatus

ACTIVE: Final = frozenset({_S.IN_PROGRESS, _S.PAUSED})

FINISHED: Final = frozenset({_S.COMPLETED, _S.ABSENT})
"""The statuses in which a recording can be deleted (C-46)."""

UNFINISHED: Final = ACTIVE | {_S.STOPPED}
"""The statuses in which the media engine still has work to do."""

TRANSITIONS: Final[Mapping[RecordingStatus, frozenset[RecordingStatus]]] = {
    _S.IN_PROGRESS: frozenset({_S.PAUSED, _S.STOPPED}),
    _S.PAUSED: frozenset({_S.IN_PROGRESS, _S.STOPPED}),
    _S.STOPPED: frozenset({_S.COMPLETED, _S.ABSENT}),  # no request applies any more (C-32)
    _S.COMPLETED: frozenset({_S.DELETED}),
    _S.ABSENT: frozenset({_S.COMPLETED, _S.DELETED}),  # completed only if it was given up (C-210)
    _S.DELETED: frozenset(),
}


def allowed_sources(target: RecordingStatus) -> tuple[RecordingStatus, ...]:
    """Return the statuses from which a transition to `target` is legal and changes something."""
    return tuple(status for status in RecordingStatus if target in TRANSITIONS[status])


def is_noop_transition(status: RecordingStatus, target: RecordingStatus) -> bool:
    """Whether a request for `target` succeeds without changing anything (C-33).

    A stop may be repeated at any time (C-34).
    """
    return status is target or (target is _S.STOPPED and status in {_S.COMPLETED, _S.ABSENT})


DAY_SECONDS: Final = 86_400

PRUNE_ACTIVE_AT: Final = 40
"""Number of ids in a parent's set of active recordings from which a start removes those of stopped recordings.

It removes them before it adds its own.
"""


MAX_ACTIVE_RECORDINGS: Final = 45
"""Active recordings per parent: a call and its conference must end in one transaction of at most 100 items (C-31)."""


class ParentKind(StrEnum):
    """The kind of resource that is recorded."""

    CALL = "CALL"
    CONFERENCE = "CONF"


@dataclass(frozen=True, slots=True)
class Parent:
    """The call or conference that is recorded; `account` and `id` are 32 hex digits each."""

    account: str
    kind: ParentKind
    id: str


class Source(StrEnum):
    """What started a recording, in Twilio's words."""

    DIAL_VERB = "DialVerb"
    CONFERENCE = "Conference"
    OUTBOUND_API = "OutboundAPI"
    TRUNKING = "Trunking"
    RECORD_VERB = "RecordVerb"
    START_CALL_RECORDING = "StartCallRecordingAPI"
    START_CONFERENCE_RECORDING = "StartConferenceRecordingAPI"
    START_RECORDING_VERB = "StartCallRecordingTwiML"


@dataclass(frozen=True, slots=True)
class EvidenceHead:
    """The end of a recording's evidence chain as the engine knows it: number of entries, and the last hash (hex)."""

    entries: int
    head: str


class PausableCapture:
    """What a recording, or the part of it that shows its progress, says about a pause."""

    __slots__ = ()

    status: RecordingStatus
    version: int
    own_version: int

    @property
    def is_paused_by_engine(self) -> bool:
        """Whether the engine has paused it by itself, and may resume it: no request wants this pause (C-259)."""
        return self.status is _S.PAUSED and self.own_version == self.version


@dataclass(frozen=True, slots=True)
class Recording(PausableCapture):
    """One audio capture of a call or a conference; times are whole seconds since the epoch.

    `version` rises by one with every change. `confirmed_version` is the last version that the media engine has applied;
    changes reported by the engine are confirmed at once. While the recording is unfinished, a difference means that a
    command is pending (`is_pending`). `last_event_seq` is the sequence number of the newest engine event applied; older
    events are stale. `effective_version` is the highest version at which the engine confirmed a pause. `own_version` is
    the version of the last pause, resume or stop that the engine made by itself, 0 if there was none.

    `call` is the call shown with the recording: its parent, or the call of the
    conference's first participant. `duration` is seconds of finished audio. `error` is a vendor's error code such as
    16101. `deleted_until` is when a deleted recording's row expires. `engine` is the name of the media engine that
    captures it; None until it has reported the start. `session` is the number of the session in which it
    last listed it.

    `captured_at` is when the engine reported that its capture is uploaded, in seconds; `capture_size` is its size in
    bytes, `capture_sha256` its SHA-256 in hex. `given_up_at` is when the recording became `absent` because its start or
    its audio did not arrive in time; audio that arrives later revokes that.
    `evidence_entries` and `evidence_head` are the end of the engine's evidence chain as reported last.
    `refused_version` is the version whose command the engine refused last, `refused_code` why.
    """

    id: str
    parent: Parent
    status: RecordingStatus
    source: Source
    updated: int
    version: int = 1
    confirmed_version: int = 0
    last_event_seq: int = 0
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
    engine: str | None = None
    session: int | None = None
    captured_at: int | None = None
    capture_size: int | None = None
    capture_sha256: str | None = None
    given_up_at: int | None = None
    effective_version: int = 0
    own_version: int = 0
    evidence_entries: int = 0
    evidence_head: str | None = None
    refused_version: int = 0
    refused_code: str | None = None

    @property
    def created(self) -> int:
        """Creation time in seconds since the epoch, from the id."""
        return created_at(self.id)

    def is_visible(self, now: int, *, deleted: bool) -> bool:
        """Whether the recording is visible at `now` (seconds) to a request that includes `deleted` ones or not.

        DynamoDB may remove expired items days late, so expiry is checked here.
        """
        if self.status is not _S.DELETED:
            return True
        return deleted and self.deleted_until is not None and now < self.deleted_until

    def later_evidence(self, reported: EvidenceHead | None) -> EvidenceHead | None:
        """Return the reported end of the evidence chain if it is later than the known one; otherwise None."""
        return reported if reported is not None and reported.entries > self.evidence_entries else None

    @property
    def is_start_confirmed(self) -> bool:
        """Whether the media engine has confirmed that the capture started."""
        return self.confirmed_version > 0

    @property
    def is_pending(self) -> bool:
        """Whether the recording is unfinished and the media engine has not confirmed its last command."""
        return self.confirmed_version < self.version and self.status in UNFINISHED

    @property
    def is_given_up(self) -> bool:
        """Whether it is `absent` only because its start or its audio did not arrive in time (C-210)."""
        return self.status is _S.ABSENT and self.given_up_at is not None

    def accepts_audio(self, now: int, late_audio_days: int) -> bool:
        """Whether audio may be uploaded at `now` (seconds): it is stopped, or was given up only days ago (C-211)."""
        if self.status is _S.STOPPED:
            return True
        return self.is_given_up and now < (self.given_up_at or 0) + late_audio_days * DAY_SECONDS

    @property
    def is_unfinished_capture(self) -> bool:
        """Whether its capture is uploaded but not converted yet."""
        return self.captured_at is not None and (self.status is _S.STOPPED or self.is_given_up)

    @property
    def is_active(self) -> bool:
        """Whether audio is being captured, or could be after a resume."""
        return self.status in ACTIVE
