"""A transcription: what was said in a recording, in words."""

from dataclasses import dataclass
from enum import StrEnum

from tapedeck.domain.identity import created_at


class TranscriptionStatus(StrEnum):
    """Resources.md, section 6."""

    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Transcription:
    """The words of one recording; times are whole seconds since the epoch, `duration` is seconds of audio."""

    account: str
    id: str
    recording: str
    status: TranscriptionStatus
    updated: int
    duration: int | None = None
    text: str | None = None

    @property
    def created(self) -> int:
        """Seconds since the epoch, as the id tells."""
        return created_at(self.id)
