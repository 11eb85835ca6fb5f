"""A participant: a call inside a conference, without an id of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from tapedeck.domain.conference import is_encodable


class ParticipantStatus(StrEnum):
    """How far a participant has come, in Twilio's words (resources.md, section 4); the last two have left."""

    QUEUED = "queued"
    CONNECTING = "connecting"
    RINGING = "ringing"
    CONNECTED = "connected"
    COMPLETE = "complete"
    FAILED = "failed"


MAX_LABEL: Final = 128


@dataclass(frozen=True, slots=True)
class Label:
    """In place of a call's id: what a participant is called in its conference (behaviour.md, section 6)."""

    text: str


@dataclass(frozen=True, slots=True)
class Participant:
    """One call in one conference; whether it is in there now is also the conference's to say (rule R9).

    Times are whole seconds since the epoch: `joined` is when it came into the list, by entering or by being dialed,
    `updated` its last visible change, if there was any since. Only who is connected counts in the conference.
    `sequence` is the number of the last event told of it (rule R4). `options` are what a media engine must know to
    dial and to place it, by the parameters' names in snake case, where they differ from the vendor's defaults.
    `last_event_at` is the engine's time, in milliseconds, of the last event that changed or confirmed it: older ones
    are stale. `requested_version`, `requested_at` and `confirmed_version`: `domain.engine_command.Asked`.
    """

    call: str
    conference: str
    joined: int
    left: int | None = None
    version: int = 1
    start_conference_on_enter: bool = True
    end_conference_on_exit: bool = False
    status: ParticipantStatus = ParticipantStatus.CONNECTED
    updated: int | None = None
    label: str | None = None
    muted: bool = False
    hold: bool = False
    coaching: bool = False
    call_to_coach: str | None = None
    beep_on_exit: bool | None = None
    sequence: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    last_event_at: int = 0
    requested_version: int = 0
    requested_at: int | None = None
    confirmed_version: int = 0

    @property
    def id(self) -> str:
        """Its call's: it has none of its own."""
        return self.call

    @property
    def is_inside(self) -> bool:
        """Whether it has not left, as far as it knows itself: the conference may have ended around it."""
        return self.left is None

    @property
    def is_connected(self) -> bool:
        """Whether it has been answered, and counts in its conference."""
        return self.status is ParticipantStatus.CONNECTED

    @property
    def exit_status(self) -> ParticipantStatus:
        """What it becomes when it leaves: who was never connected has failed."""
        return ParticipantStatus.COMPLETE if self.is_connected else ParticipantStatus.FAILED


def is_label(text: str) -> bool:
    """Whether a participant may be called so: 1 to 128 characters, no slash (behaviour.md, section 6).

    That it must not look like a call's sid is the dialect's to see.
    """
    return 0 < len(text) <= MAX_LABEL and "/" not in text and is_encodable(text)
