"""Port for stored transcriptions."""

from typing import Protocol

from tapedeck.domain.transcription import Transcription
from tapedeck.ports.lists import RangeReader


class TranscriptionStore(Protocol):
    """The transcriptions in the recordings table.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`.
    """

    def get_transcription(self, account: str, transcription: str) -> Transcription | None:
        """Return one transcription of this account."""
        ...

    def put_transcription(self, transcription: Transcription) -> bool:
        """Create a transcription, unless its recording has it already; False if another recording has the id."""
        ...

    def delete_transcription(self, transcription: Transcription) -> bool:
        """Delete a transcription for good; False if it did not exist."""
        ...

    def transcriptions(self, account: str) -> RangeReader[Transcription]:
        """Return all transcriptions of an account."""
        ...

    def transcriptions_of(self, account: str, recording: str) -> RangeReader[Transcription]:
        """Return the transcriptions of a recording."""
        ...
