"""A call: one leg, to which recordings attach."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tapedeck.domain.identity import created_at


class CallStatus(StrEnum):
    """The states of behaviour.md, section 4; the last five are final."""

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
"""What can be canceled, or fail."""


@dataclass(frozen=True, slots=True)
class Call:
    """One leg; times are whole seconds since the epoch.

    `direction` is one of Twilio's words `inbound`, `outbound-api`, `outbound-dial`.
    `conference` is the one it joined last; `api_recording` the recording that CR1 made last;
    `active_recordings` a superset of its active recordings' ids. `requested_version`, `requested_at` and
    `confirmed_version`: `domain.engine_command.Asked`.
    """

    account: str
    id: str
    status: CallStatus
    updated: int
    to: str = ""
    from_: str = ""
    direction: str = "inbound"
    version: int = 1
    started: int | None = None
    ended: int | None = None
    parent_call: str | None = None
    conference: str | None = None
    api_recording: str | None = None
    active_recordings: frozenset[str] = frozenset()
    end_write_id: str | None = None
    requested_version: int = 0
    requested_at: int | None = None
    confirmed_version: int = 0

    @property
    def created(self) -> int:
        """Seconds since the epoch, as the id tells."""
        return created_at(self.id)

    @property
    def is_live(self) -> bool:
        """Whether the call has not reached a final state."""
        return self.status in LIVE

    @property
    def duration(self) -> int | None:
        """Seconds from answer to end; None unless completed."""
        if self.status is not CallStatus.COMPLETED or self.ended is None:
            return None
        return max(0, self.ended - (self.started if self.started is not None else self.ended))
