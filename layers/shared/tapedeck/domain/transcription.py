"""A transcription: the text of a recording."""

from dataclasses import dataclass
from enum import StrEnum

from tapedeck.domain.identity import created_at


class TranscriptionStatus(StrEnum):
    """The statuses of a transcription, in Twilio's words."""

    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Transcription:
    """The text of one recording; times are whole seconds since the epoch, `duration` is seconds of audio."""

    account: str
    id: str
    recording: str
    status: TranscriptionStatus
    updated: int
    duration: int | None = None
    text: str | None = None

    @property
    def created(self) -> int:
        """Creation time in seconds since the epoch, from the id."""
        return created_at(self.id)
