"""A participant: a call inside a conference, identified by the call's id."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, Protocol

from tapedeck.domain.conference import is_encodable


class ParticipantStatus(StrEnum):
    """The statuses of a participant, in Twilio's words; in the last two it has left."""

    QUEUED = "queued"
    CONNECTING = "connecting"
    RINGING = "ringing"
    CONNECTED = "connected"
    COMPLETE = "complete"
    FAILED = "failed"


MAX_LABEL: Final = 128


@dataclass(frozen=True, slots=True)
class Label:
    """A participant's label, accepted in place of a call's id."""

    text: str


@dataclass(frozen=True, slots=True)
class Participant:
    """One call in one conference.

    The end of a conference writes no participants: they have left although `left` is None (REL-9).

    Times are whole seconds since the epoch: `joined` is when it entered or was dialed, `updated` its last visible
    change since, if any. Only connected participants count in the conference. `sequence` is the SequenceNumber of the
    participant's last event (REL-4). `options` are the settings that the media engine needs to dial and place it:
    parameter names in snake case, only values that differ from the vendor's defaults. `last_event_seq` is
    the sequence number of the newest event applied since the last redirect, 0 if there is none; older events are stale.
    For `requested_version`, `requested_at` and `confirmed_version` see `domain.engine_command.EngineControlled`.
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
    last_event_seq: int = 0
    requested_version: int = 0
    requested_at: int | None = None
    confirmed_version: int = 0

    @property
    def id(self) -> str:
        """The id of its call."""
        return self.call

    @property
    def is_inside(self) -> bool:
        """Whether it has not left; the conference may nevertheless have ended."""
        return self.left is None

    @property
    def is_connected(self) -> bool:
        """Whether it was answered and counts in its conference."""
        return self.status is ParticipantStatus.CONNECTED

    @property
    def was_dialed(self) -> bool:
        """Whether its call was dialed into this conference over the API, so that it has no other instructions."""
        return "to" in self.options

    @property
    def exit_status(self) -> ParticipantStatus:
        """The status after leaving: `failed` if it was never connected, else `complete`."""
        return ParticipantStatus.COMPLETE if self.is_connected else ParticipantStatus.FAILED


def is_label(text: str) -> bool:
    """Whether a text is a valid label: 1 to 128 characters, no slash.

    The dialect rejects labels that look like a call's sid.
    """
    return 0 < len(text) <= MAX_LABEL and "/" not in text and is_encodable(text)


class ParticipantSettings(Protocol):
    """Settings to change; None leaves one unchanged. `coaching` False clears `call_to_coach`.

    `call_to_coach` without `coaching` applies only to a participant who is already coaching.
    """

    @property
    def muted(self) -> bool | None:
        """Whether the others do not get its audio."""
        ...

    @property
    def hold(self) -> bool | None:
        """Whether it is on hold."""
        ...

    @property
    def coaching(self) -> bool | None:
        """Whether it coaches another participant."""
        ...

    @property
    def call_to_coach(self) -> str | None:
        """The call of the participant to coach."""
        ...

    @property
    def end_conference_on_exit(self) -> bool | None:
        """Whether the conference ends when it leaves."""
        ...

    @property
    def beep_on_exit(self) -> bool | None:
        """Whether a sound is played when it leaves."""
        ...


def with_settings(participant: Participant, settings: ParticipantSettings) -> Participant:
    """Return the participant with these settings; version and times stay unchanged."""
    given: dict[str, Any] = {
        "muted": settings.muted,
        "hold": settings.hold,
        "coaching": settings.coaching,
        "end_conference_on_exit": settings.end_conference_on_exit,
        "beep_on_exit": settings.beep_on_exit,
    }
    after = replace(participant, **{name: value for name, value in given.items() if value is not None})
    if not after.coaching:
        return replace(after, call_to_coach=None)
    return replace(after, call_to_coach=settings.call_to_coach or after.call_to_coach)
