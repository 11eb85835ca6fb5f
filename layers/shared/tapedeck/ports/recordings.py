"""Port for stored recordings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.recording import Parent, PausableCapture, Recording, RecordingStatus


class TransitionRejected(Exception):
    """A recording's status does not allow the transition; `found` is its current state, if it exists."""

    def __init__(self, found: Recording | None) -> None:
        super().__init__()
        self.found = found


class RecordingOfOtherParent(Exception):
    """A recording with the id of a new one exists under another parent."""


@dataclass(frozen=True, slots=True)
class RecordingProgress(PausableCapture):
    """How far the media engine is with a recording; the fields are those of `Recording`.

    `is_captured`: its capture is uploaded.
    """

    status: RecordingStatus
    version: int
    confirmed_version: int
    effective_version: int = 0
    own_version: int = 0
    refused_version: int = 0
    refused_code: str | None = None
    is_captured: bool = False


class RecordingStore(Protocol):
    """Recordings in the recordings table: every read is strongly consistent, every write conditional.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`.
    """

    def get_recording(self, parent: Parent, recording: str) -> Recording | None:
        """Return one recording of this parent; None if it is deleted."""
        ...

    def get_progress(self, parent: Parent, recording: str) -> RecordingProgress | None:
        """Return how far the media engine is with a recording; None if it does not exist."""
        ...

    def find_recording(self, account: str, recording: str, *, deleted: bool) -> Recording | None:
        """Return one recording of this account, under any parent; a deleted one only with `deleted`."""
        ...

    def list_active_recordings(self, parent: Parent) -> Sequence[Recording]:
        """Return all in-progress and paused recordings of this parent, oldest first."""
        ...

    def start_call_recording(
        self,
        recording: Recording,
        expected: Call | None,
        active: frozenset[str],
        engines: frozenset[str] = frozenset(),
    ) -> None:
        """Store a recording started through the API on its call, which must be in progress.

        Without `expected` the call must never have had a recording, and must belong to one of `engines` if there are
        any. With it, the call must be unchanged since it was read, and `active` replaces its set of active recordings.

        Raises:
            ParentConflict: the condition failed; `found` is the current call.
        """
        ...

    def start_recording(self, recording: Recording, expected: Call | Conference | None, active: frozenset[str]) -> bool:
        """Store a recording started by the media engine on its call or conference, which must be in progress.

        Returns False if this parent has the recording already.

        Raises:
            ParentConflict: the condition failed; `found` is the current parent.
            RecordingOfOtherParent: the recording exists under another parent.
        """
        ...

    def transition_recording(
        self,
        parent: Parent,
        recording: str,
        target: RecordingStatus,
        pause_behavior: str,
        now: int,
        write_id: str,
        *,
        only_if_start_unconfirmed: bool = False,
    ) -> Recording:
        """Move a recording to `target` in one conditional write (C-120); return it as that write left it.

        One that the engine has paused by itself can be paused: it gets a new version, and a command (C-259).

        With `only_if_start_unconfirmed`, only if the media engine has not confirmed that the capture started.

        Raises:
            TransitionRejected: the status does not allow it; `found` is the current recording.
        """
        ...

    def read_recording(self, parent: Parent, recording: str) -> Recording | None:
        """Return one recording of this parent, even if it is deleted."""
        ...

    def read_recording_and_parent(
        self, parent: Parent, recording: str
    ) -> tuple[Recording | None, Call | Conference | None]:
        """Return one recording of this parent, even if it is deleted, and the parent, read together."""
        ...

    def change_recording(self, recording: Recording, after: Recording, write_id: str) -> None:
        """Replace a recording by `after` if it is exactly as it was read.

        Version, confirmed version and the number of the last event must be unchanged.

        Raises:
            TransitionRejected: the condition failed; `found` is the current recording, even if deleted.
        """
        ...

    def mark_recording_published(self, recording: Recording) -> None:
        """Remove a finished recording, whose callbacks are all in the outbox, from the pending-work index.

        Not if a capture was noted since it was read.
        """
        ...

    def delete_recording(self, recording: Recording, now: int, until: int, write_id: str) -> Recording:
        """Move a finished recording to `deleted`; its row is kept separately until `until` (seconds).

        Raises:
            TransitionRejected: it was not finished; `found` is the current recording.
        """
        ...
