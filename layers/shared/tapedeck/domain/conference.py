"""A conference: a room that begins with its second participant and ends once."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tapedeck.domain.identity import created_at
from tapedeck.domain.subscription import CallbackSubscription


class ConferenceStatus(StrEnum):
    """The states of behaviour.md, section 6; `completed` is final."""

    INIT = "init"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"


class EndReason(StrEnum):
    """Why a conference ended, in Twilio's words (resources.md, section 3)."""

    VIA_API = "conference-ended-via-api"
    END_ON_EXIT_LEFT = "participant-with-end-conference-on-exit-left"
    END_ON_EXIT_KICKED = "participant-with-end-conference-on-exit-kicked"
    LAST_KICKED = "last-participant-kicked"
    LAST_LEFT = "last-participant-left"


PARTICIPANTS_TO_BEGIN: Final = 2

MAX_NAME: Final = 128
"""Of a conference that is made by its name (resources.md, section 3)."""


@dataclass(frozen=True, slots=True)
class Conference:
    """A room; times are whole seconds since the epoch.

    `sequence` is the SequenceNumber of the last event told (rule R4), of one that has ended the first of those that
    tell the end: `participants` leave with it, one number each, and `end_sequence` is the end's own. `participants`
    is how many are in it, or were when it ended; `has_starter` whether one of them had `start_conference_on_enter`;
    `first_call` who came first; `active_recordings` a superset of its active recordings' ids. `start_sequence` is the
    number of its start, 0 if there was none, and `started_at` its second; `announced_at` the second at which something
    had last been played in it. `end_published` tells that the sweep has seen to it that its end is told.
    `requested_version`, `requested_at` and `confirmed_version`: `domain.engine_command.Asked`.
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
    end_published: bool = False
    requested_version: int = 0
    requested_at: int | None = None
    confirmed_version: int = 0

    @property
    def created(self) -> int:
        """Seconds since the epoch, as the id tells."""
        return created_at(self.id)

    @property
    def is_live(self) -> bool:
        """Whether the conference has not been completed."""
        return self.status is not ConferenceStatus.COMPLETED

    @property
    def end_sequence(self) -> int:
        """The SequenceNumber of its end: whoever was in it until then has left it before."""
        return self.sequence + self.participants

    @property
    def has_unpublished_events(self) -> bool:
        """Whether somebody is to be told of it, and may not have been told all."""
        return self.callback is not None and not self.end_published


def is_name(text: str) -> bool:
    """Whether a conference may be made under this friendly name: 1 to 128 characters that can be written."""
    return 0 < len(text) <= MAX_NAME and is_encodable(text)


def is_encodable(text: str) -> bool:
    """Whether a text can be spelled in UTF-8: half of a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
