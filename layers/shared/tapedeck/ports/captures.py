"""Port for the end of stored recordings: their uploaded captures, and `completed` or `absent`."""

from typing import Protocol

from tapedeck.domain.recording import EvidenceHead, Parent, Recording


class CaptureStore(Protocol):
    """The captures of recordings in the recordings table.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`.
    """

    def note_capture(
        self, parent: Parent, recording: str, size: int, sha256: str, now: int, evidence: EvidenceHead | None = None
    ) -> Recording | None:
        """Note that the capture of a stopped or given-up recording is uploaded, unless one is noted already.

        `size` is in bytes, `sha256` in hex, `now` in seconds. The recording is pending work from then on; its version
        does not change. `evidence` is the end of the engine's evidence chain to store: nothing is noted if a later end
        is known. Returns the current recording, even if deleted; None if it does not exist.
        """
        ...

    def reject_late_capture(self, recording: Recording, evidence: EvidenceHead | None = None) -> None:
        """Note that the late capture of a given-up recording is not usable: the recording stays `absent` for good.

        `evidence` is the end of the engine's evidence chain, which is stored unless a later one is known.
        """
        ...

    def finish_recording(
        self, recording: Recording, write_id: str, *, by_engine: bool, evidence: EvidenceHead | None = None
    ) -> Recording:
        """Move a stopped recording to this one's `completed` or `absent`, with its duration, error and channels.

        `by_engine` also confirms that the capture started. `absent` is stored with this one's `given_up_at`, which
        permits that late audio completes the recording afterwards. A recording without a subscription leaves the
        pending-work index. `evidence` is the end of the engine's evidence chain to store.

        Raises:
            TransitionRejected: it was neither stopped nor, for `completed`, given up, or a later end of its evidence
                chain is known; `found` is the current recording.
        """
        ...
