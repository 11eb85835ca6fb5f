"""A conference: it starts with its second participant and ends once."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tapedeck.domain.identity import created_at
from tapedeck.domain.subscription import CallbackSubscription


class ConferenceStatus(StrEnum):
    """The statuses of a conference; `completed` is final."""

    INIT = "init"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"


class EndReason(StrEnum):
    """Why a conference ended, in Twilio's words."""

    VIA_API = "conference-ended-via-api"
    END_ON_EXIT_LEFT = "participant-with-end-conference-on-exit-left"
    END_ON_EXIT_KICKED = "participant-with-end-conference-on-exit-kicked"
    LAST_KICKED = "last-participant-kicked"
    LAST_LEFT = "last-participant-left"


PARTICIPANTS_TO_BEGIN: Final = 2

MAX_NAME: Final = 128
"""Characters in the friendly name of a conference that is created by name (C-59)."""


@dataclass(frozen=True, slots=True)
class Conference:
    """A conference; times are whole seconds since the epoch.

    While it is live, `sequence` is the SequenceNumber of the last event (REL-4). Once it has ended, `sequence` is the
    number of the first event of the end: the remaining participants leave with one number each, and `end_sequence`
    follows. `participants` is how many are connected, or were when it ended. `has_starter`: one of them had
    `start_conference_on_enter`. `first_call` is the call that joined first. `active_recordings` is a superset of the
    ids of its active recordings: ids of stopped ones stay until `domain.recording.PRUNE_ACTIVE_AT`. `end_write_id` is
    the id of the write that ended the conference. `start_sequence` is the SequenceNumber of the start event, 0 if it
    never started; `started_at` is when it started. `announced_at` is when an announcement was last played.
    `has_dialed`: participants were dialed into it over the API. `end_published`: every callback for the end of the
    conference is in the outbox, and the calls of the dialed participants have ended.
    `engine` is the name of the media engine that has the conference; None while it is unknown. `session` is
    the number of the session in which the engine last listed it. `last_event_seq` is the sequence number of the newest
    event about the conference itself that was applied.
    For `requested_version`, `requested_at` and `confirmed_version` see `domain.engine_command.EngineControlled`.
    """

    account: str
    id: str
    name: str
    status: ConferenceStatus
    updated: int
    version: int = 1
    sequence: int = 0
    participants: int = 0
    has_starter: bool = False
    first_call: str | None = None
    ended: int | None = None
    reason: EndReason | None = None
    ending_call: str | None = None
    active_recordings: frozenset[str] = frozenset()
    end_write_id: str | None = None
    record: bool = False
    callback: CallbackSubscription | None = None
    start_sequence: int = 0
    started_at: int | None = None
    announced_at: int | None = None
    has_dialed: bool = False
    end_published: bool = False
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
        """Whether the conference is not completed."""
        return self.status is not ConferenceStatus.COMPLETED

    @property
    def end_sequence(self) -> int:
        """The SequenceNumber of the end event; the remaining participants leave with lower ones."""
        return self.sequence + self.participants

    @property
    def needs_follow_up(self) -> bool:
        """Whether something must follow its end: callbacks, or the end of the calls of dialed participants."""
        return self.callback is not None or self.has_dialed

    @property
    def has_pending_follow_up(self) -> bool:
        """Whether it has ended, and what must follow its end may not be done yet."""
        return self.needs_follow_up and not self.is_live and not self.end_published


def is_name(text: str) -> bool:
    """Whether a text is a valid friendly name for a new conference: 1 to 128 characters of valid Unicode."""
    return 0 < len(text) <= MAX_NAME and is_encodable(text)


def is_encodable(text: str) -> bool:
    """Whether a text can be encoded in UTF-8, that is, contains no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
