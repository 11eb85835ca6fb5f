"""The end of recordings in the recordings table: their uploaded captures, and `completed` or `absent`."""

from dataclasses import replace
from typing import Any, Final

from tapedeck.adapters.dynamodb.attributes import (
    CAPTURE_SHA256,
    CAPTURE_SIZE,
    CAPTURED_AT,
    CONFIRMED_VERSION,
    EVIDENCE_ENTRIES,
    EVIDENCE_HEAD,
    GIVEN_UP_AT,
    LIVE_SHARD,
)
from tapedeck.adapters.dynamodb.conditional import ConditionalTable, written_by
from tapedeck.adapters.dynamodb.expressions import NEXT_VERSION, Attr, Condition, update
from tapedeck.adapters.dynamodb.items import pending_shard, recording_from, recording_key
from tapedeck.adapters.dynamodb.writes import PENDING_WORK, keep_pending, push_write_token, write_token_absent
from tapedeck.domain.pending_work import CONVERSION_GRACE_SECONDS, STREAM_GRACE_SECONDS
from tapedeck.domain.recording import EvidenceHead, Parent, Recording, RecordingStatus
from tapedeck.ports.recordings import TransitionRejected

IS_GIVEN_UP: Final[Condition] = Attr("status").eq(RecordingStatus.ABSENT) & Attr(GIVEN_UP_AT).exists()
"""The recording is absent only because its start or its audio did not arrive in time."""


class CaptureTable(ConditionalTable):
    """`ports.captures.CaptureStore` on DynamoDB."""

    def note_capture(
        self, parent: Parent, recording: str, size: int, sha256: str, now: int, evidence: EvidenceHead | None = None
    ) -> Recording | None:
        """1 request."""
        assign = {
            CAPTURED_AT: now,
            CAPTURE_SIZE: size,
            CAPTURE_SHA256: sha256,
            **keep_pending(recording, now + CONVERSION_GRACE_SECONDS),
            **_evidence(evidence),
        }
        is_waiting = Attr("status").eq(RecordingStatus.STOPPED) | IS_GIVEN_UP
        when = Attr(CAPTURED_AT).not_exists() & is_waiting
        if evidence is not None:
            when &= _no_later_evidence(evidence)
        item = self._update_or_find(update(recording_key(parent, recording), assign, when=when))
        return recording_from(item) if item is not None else None

    def reject_late_capture(self, recording: Recording, evidence: EvidenceHead | None = None) -> None:
        """1 request; 2 if a later end of the evidence chain is known."""
        removed, work = (GIVEN_UP_AT, *_done_work(recording)), _due_work(recording)
        if evidence is not None:
            when = IS_GIVEN_UP & _no_later_evidence(evidence)
            if self._try(update(_key(recording), {**work, **_evidence(evidence)}, remove=removed, when=when)):
                return
        self._try(update(_key(recording), work, remove=removed, when=IS_GIVEN_UP))

    def finish_recording(
        self, recording: Recording, write_id: str, *, by_engine: bool, evidence: EvidenceHead | None = None
    ) -> Recording:
        """1 request."""
        results = {
            "duration": recording.duration,
            "error": recording.error if recording.status is RecordingStatus.ABSENT else None,
            "channels": recording.channels,
            GIVEN_UP_AT: recording.given_up_at,
        }
        is_waiting = Attr("status").eq(RecordingStatus.STOPPED)
        removed = (LIVE_SHARD, *_done_work(recording))
        if recording.status is RecordingStatus.COMPLETED:
            is_waiting |= IS_GIVEN_UP
            removed = (*removed, "error")
        assign: dict[str, Any] = {
            "status": recording.status,
            "version": NEXT_VERSION,
            "updated": recording.updated,
            **({CONFIRMED_VERSION: NEXT_VERSION} if by_engine else {}),
            **{name: value for name, value in results.items() if value is not None},
            **_due_work(recording),
            **_evidence(evidence),
            **push_write_token(write_id),
        }
        when = is_waiting & write_token_absent(write_id)
        if evidence is not None:
            when &= _no_later_evidence(evidence)
        write = update(_key(recording), assign, remove=removed, when=when)
        return self._update(
            write,
            recording_from,
            _rejected,
            is_own=written_by(write_id),
            as_written=lambda found: _as_finished(found, recording),
        )


def _key(recording: Recording) -> dict[str, str]:
    return recording_key(recording.parent, recording.id)


def _done_work(recording: Recording) -> tuple[str, ...]:
    """Return the attributes to remove of a finished recording without callbacks, which is pending work no longer."""
    return PENDING_WORK if recording.callback is None else ()


def _due_work(recording: Recording) -> dict[str, Any]:
    """Return the place in the index of pending work of a finished recording with callbacks: when they are looked up.

    One that was given up may have left the index, and the conversion of a capture may be postponed by hours.
    """
    is_due = recording.callback is not None and (recording.captured_at or recording.given_up_at)
    return {"work": pending_shard(recording.id), "work_at": recording.updated + STREAM_GRACE_SECONDS} if is_due else {}


def _evidence(evidence: EvidenceHead | None) -> dict[str, Any]:
    return {} if evidence is None else {EVIDENCE_ENTRIES: evidence.entries, EVIDENCE_HEAD: evidence.head}


def _no_later_evidence(evidence: EvidenceHead) -> Condition:
    """Require that no later end of the evidence chain is known."""
    known = Attr(EVIDENCE_ENTRIES)
    return known.not_exists() | known.lt(evidence.entries)


def _rejected(found: Recording | None) -> TransitionRejected:
    """Make the error for a recording; a deleted one counts as missing."""
    return TransitionRejected(found if found is None or found.status is not RecordingStatus.DELETED else None)


def _as_finished(found: Recording, finished: Recording) -> Recording:
    """Reconstruct the recording as our write left it; only late audio and a deletion can have changed it since."""
    if found.status is finished.status:
        return found
    revoked = finished.status is RecordingStatus.ABSENT and found.error is None
    deleted = found.status is RecordingStatus.DELETED
    return replace(
        found,
        status=finished.status,
        updated=finished.updated,
        version=found.version - revoked - deleted,
        duration=finished.duration,
        error=finished.error,
        channels=finished.channels,
        deleted_until=None,
    )
