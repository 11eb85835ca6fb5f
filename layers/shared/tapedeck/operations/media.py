"""Media: finish, read and delete the audio of recordings.

The objects of a recording have a fixed set of names, so that a deletion needs no listing. The media engine uploads its
capture as `capture.wav`, which clients cannot fetch. Its conversion makes `original.wav` and `original.mp3`, then
writes `completed`, then replaces the capture by an empty object: as long as there is an object, the presigned URL of
the upload cannot store the capture again. Mono renditions of a dual-channel recording are made at the first request.
"""

import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from tapedeck.domain.errors import (
    CaptureConflict,
    MediaMissing,
    NotDualChannel,
    NotEligibleForRecording,
    NotFinished,
    NotFound,
    StoreFailure,
)
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import FINISHED, EvidenceHead, Parent, ParentKind, Recording, RecordingStatus
from tapedeck.operations.recordings import Recordings
from tapedeck.ports.clock import Clock
from tapedeck.ports.media import Codec, MediaStore, StoredObject
from tapedeck.ports.recordings import TransitionRejected
from tapedeck.ports.stores import Store

TOO_SHORT: Final = 16101
ONLY_SILENCE: Final = 16102
"""Twilio's error codes of an `absent` recording."""

MIN_DURATION_MS: Final = 1_000
"""Minimum length of audio in milliseconds; a shorter recording becomes `absent` (C-40)."""

MEDIA_RETENTION_DAYS: Final = 40
"""Days for which the metadata of a deleted recording are kept; only Twilio's dialect shows them (C-47)."""

_DAY: Final = 86_400
_NAMES: Final = ("original", "mono")
FORMATS: Final = ("wav", "mp3")


class Rendition(NamedTuple):
    """One existing audio object of a recording: its key, and its metadata in the object store."""

    recording: Recording
    key: str
    stored: StoredObject


def object_key(account: str, recording: str, name: str = "original", suffix: str = "wav") -> str:
    """Return the key of an audio object; the default is the one that clients fetch (REL-11)."""
    return f"{account}/{recording}/{name}.{suffix}"


def capture_key(recording: Recording) -> str:
    """Return the key under which a media engine uploads its capture."""
    return object_key(recording.parent.account, recording.id, "capture")


def format_ticket(recording: str, size: int, sha256: str) -> str:
    """Return the ticket of one content of a recording's capture.

    It is not secret and proves nothing by itself: `Media.note_capture` compares it with the object that was uploaded
    (C-213).
    """
    return f"{recording}.{size}.{sha256}"


class Media:
    """The audio of recordings; every method raises StoreBusy or StoreUnavailable if a store fails.

    Args:
        store: the store of the recordings.
        recordings: the operations of recordings.
        objects: the store of the audio objects.
        codec: reads and encodes audio.
        clock: the time in milliseconds.
        late_audio_days: for how long audio of a recording that was given up is accepted; 0 for never.
    """

    def __init__(
        self,
        store: Store,
        recordings: Recordings,
        objects: MediaStore,
        codec: Codec,
        clock: Clock,
        late_audio_days: int,
    ) -> None:
        self._store = store
        self._recordings = recordings
        self._objects = objects
        self._codec = codec
        self._clock = clock
        self._late_audio_days = late_audio_days

    def note_capture(
        self, parent: Parent, recording: str, size: int, sha256: str, evidence: EvidenceHead | None = None
    ) -> Recording:
        """Note that a media engine has uploaded the capture of a recording, which is converted later. Idempotent.

        `size` (bytes) and `sha256` (hex) are what the engine reports; the stored object must have them, too. Nothing is
        read but its metadata. The write also stores the end of the evidence chain, if `evidence` is a later one.

        Raises:
            NotFound: no such recording, or it is deleted; the capture is deleted then.
            NotEligibleForRecording: it is still being captured, or is absent and takes no late audio (any more).
            MediaMissing: no capture is stored yet.
            CaptureConflict: another capture is stored; it stays.
        """
        found = self._store.get_recording(parent, recording)
        if found is None:
            deleted = self._store.find_recording(parent.account, recording, deleted=True)
            if deleted is not None and deleted.parent == parent:
                self.delete_audio(deleted)
            raise NotFound
        now = self._clock() // 1000
        if found.captured_at is None and found.accepts_audio(now, self._late_audio_days):
            stored = self._objects.stat(capture_key(found))
            if stored is None:
                raise MediaMissing
            if (stored.size, stored.sha256) != (size, sha256):
                raise CaptureConflict
            later = found.later_evidence(evidence)
            found = self._store.note_capture(parent, recording, size, sha256, now, later) or found
        if found.captured_at is None:
            raise NotEligibleForRecording
        if (found.capture_size, found.capture_sha256) != (size, sha256):
            raise CaptureConflict
        return found

    def accepts_audio(self, recording: Recording) -> bool:
        """Whether audio of a recording may still be uploaded now (C-211)."""
        return recording.accepts_audio(self._clock() // 1000, self._late_audio_days)

    def adopt_capture(self, recording: Recording) -> bool:
        """Note the capture of a stopped recording if it is stored, although no event reports it; return whether it is.

        An engine may be lost between the upload and its event. An empty object is no capture (C-318).
        """
        stored = self._objects.stat(capture_key(recording))
        if stored is None or stored.sha256 is None or not stored.size:
            return False
        now = self._clock() // 1000
        self._store.note_capture(recording.parent, recording.id, stored.size, stored.sha256, now)
        return True

    def complete(self, parent: Parent, recording: str) -> Recording:
        """Finish a stopped recording whose capture is stored: `completed`, or `absent` if too short or silent.

        A recording that was given up becomes `completed` as well (C-210). Idempotent: several may run at once. Clears
        the capture at the end, and deletes leftover media of a recording that is absent for good.

        Raises:
            NotFound: no such recording.
            NotEligibleForRecording: it is still being captured.
            MediaMissing: the capture is missing or unreadable; the recording stays unchanged.
        """
        found = self._recordings.get(parent, recording)
        accepts_audio = found.is_unfinished_capture or found.accepts_audio(self._clock() // 1000, self._late_audio_days)
        if found.status in FINISHED and not accepts_audio:
            self._delete_leftovers(found)
            return found
        if found.is_active:
            raise NotEligibleForRecording
        try:
            with tempfile.TemporaryDirectory() as folder:
                finished = self._convert(found, Path(folder))
        except MediaMissing:
            found = self._recordings.get(parent, recording)
            if found.status is not RecordingStatus.COMPLETED:
                raise
            return found  # another conversion has finished it and cleared the capture
        if found.is_given_up and finished.status is RecordingStatus.ABSENT:
            return self._reject_late_capture(found)
        return self._finish(finished, by_engine=True)

    def give_up(self, parent: Parent, recording: str) -> Recording:
        """Finish a stopped recording whose audio did not arrive in time: `absent`, until it arrives after all.

        Idempotent.

        Raises:
            NotFound: no such recording.
            NotEligibleForRecording: it is still being captured, or has media.
        """
        absent = _absent(self._recordings.get(parent, recording), TOO_SHORT)
        # No object is deleted: a capture may still be converted.
        found = self._store_end(replace(absent, given_up_at=self._clock() // 1000), by_engine=False)
        if found is None:
            raise NotFound
        if found.status is not RecordingStatus.ABSENT:
            raise NotEligibleForRecording
        return found

    def finish_without_media(
        self,
        parent: Parent,
        recording: str,
        error: int,
        *,
        by_engine: bool = True,
        evidence: EvidenceHead | None = None,
    ) -> Recording:
        """Finish a stopped recording without media: mark it `absent` with a vendor's error code. Idempotent.

        Deletes its audio, if there is any.

        Args:
            parent: the recorded call or conference.
            recording: the recording's id.
            error: the vendor's error code.
            by_engine: True if the media engine reported it for a recording that had begun; False after a timeout.
            evidence: the end of the evidence chain, which is stored if it is later than the known one.

        Raises:
            NotFound: no such recording.
            NotEligibleForRecording: it is still being captured, or has media.
        """
        found = self._recordings.get(parent, recording)
        absent = replace(_absent(found, error), given_up_at=None)
        finished = self._finish(absent, by_engine=by_engine, evidence=found.later_evidence(evidence))
        return self._reject_late_capture(finished, evidence) if finished.is_given_up else finished

    def delete_audio(self, of: Recording, *, may_be_uploaded: bool = True) -> None:
        """Delete all audio of a recording. While its capture may be uploaded, an empty object prevents it (C-274)."""
        if may_be_uploaded:
            self._objects.clear(capture_key(of))
        self._objects.delete(_renditions(of) if may_be_uploaded else [*_renditions(of), capture_key(of)])

    def delete(self, parent: Parent, recording: str) -> None:
        """Delete a finished recording: first its media, then its row; metadata are kept for 40 days.

        Safe to retry if the second step fails.

        Raises:
            NotFound: no such recording, or it is already deleted.
            NotFinished: it is neither completed nor absent.
        """
        self._delete(self._recordings.get(parent, recording))

    def delete_of_account(self, account: str, recording: str) -> None:
        """Delete a finished recording of an account, of any parent; see `delete`."""
        self._delete(self._recordings.find(account, recording))

    def find(self, found: Recording, suffix: str, channels: int | None, *, conference_audio_is_mono: bool) -> Rendition:
        """Find the audio of a completed recording, and make its mono rendition if needed.

        Args:
            found: the recording.
            suffix: `wav` or `mp3`.
            channels: 1 or 2, or None for as many as were recorded.
            conference_audio_is_mono: whether None means one channel for a conference recording.

        Raises:
            NotFound: it is not completed, or its media have expired.
            NotDualChannel: two channels were requested of a mono recording.
        """
        if found.status is not RecordingStatus.COMPLETED:
            raise NotFound
        if channels is not None and channels > found.channels:
            raise NotDualChannel
        if channels is None and conference_audio_is_mono and found.parent.kind is ParentKind.CONFERENCE:
            channels = 1
        is_mixed = channels is not None and channels < found.channels
        key = object_key(found.parent.account, found.id, "mono" if is_mixed else "original", suffix)
        stored = self._objects.stat(key)
        if stored is None and is_mixed:
            stored = self._mix(found, key, suffix)
        if stored is None:
            raise NotFound
        return Rendition(found, key, stored)

    def read(self, rendition: Rendition, first: int, last: int) -> bytes:
        """Return the bytes from offset `first` to offset `last`, both included.

        Raises:
            NotFound: the object was deleted after it was found.
        """
        content = self._objects.read(rendition.key, first, last)
        if content is None:
            raise NotFound
        return content

    def presign(self, rendition: Rendition, content_type: str) -> str:
        """Return a presigned URL of the rendition, valid for one minute."""
        return self._objects.presign(rendition.key, content_type)

    def _convert(self, found: Recording, folder: Path) -> Recording:
        account = found.parent.account
        capture, encoded = folder / "capture.wav", folder / "encoded.mp3"
        if not self._objects.fetch(capture_key(found), capture):
            raise MediaMissing
        sound = self._codec.probe(capture)
        if found.trim == "trim-silence" and not sound.is_silent:
            capture = self._codec.trim(capture, folder / "trimmed.wav")
            sound = self._codec.probe(capture)
        if sound.milliseconds < MIN_DURATION_MS or sound.is_silent:
            return _absent(found, TOO_SHORT if sound.milliseconds < MIN_DURATION_MS else ONLY_SILENCE)
        self._objects.write(object_key(account, found.id), capture)
        self._codec.encode(capture, encoded)
        self._objects.write(object_key(account, found.id, suffix="mp3"), encoded)
        return replace(
            found,
            status=RecordingStatus.COMPLETED,
            duration=(sound.milliseconds + 500) // 1000,  # C-42
            channels=sound.channels,
            error=None,
        )

    def _store_end(
        self, finished: Recording, *, by_engine: bool, evidence: EvidenceHead | None = None
    ) -> Recording | None:
        """Store the end of a recording; return the current recording, None if it was deleted."""
        now = self._clock()
        finished = replace(finished, updated=now // 1000)
        try:
            return self._store.finish_recording(finished, new_id(now), by_engine=by_engine, evidence=evidence)
        except TransitionRejected as refused:
            return refused.found

    def _finish(self, finished: Recording, *, by_engine: bool, evidence: EvidenceHead | None = None) -> Recording:
        found = self._store_end(finished, by_engine=by_engine, evidence=evidence)
        if found is None:
            # The recording was deleted while its media were made: no object may remain.
            self.delete_audio(finished)
            raise NotFound
        self._delete_leftovers(found)
        if found.status is not finished.status:
            raise NotEligibleForRecording
        return found

    def _reject_late_capture(self, found: Recording, evidence: EvidenceHead | None = None) -> Recording:
        """Let a given-up recording stay absent for good."""
        later, rejected = found.later_evidence(evidence), replace(found, given_up_at=None)
        self._store.reject_late_capture(found, later)
        if later is not None:
            rejected = replace(rejected, evidence_entries=later.entries, evidence_head=later.head)
        self._delete_leftovers(rejected)
        return rejected

    def _delete_leftovers(self, finished: Recording) -> None:
        """Delete the audio that a finished recording must not have any more."""
        if finished.status is RecordingStatus.COMPLETED and finished.captured_at is not None:
            self._objects.clear(capture_key(finished))
        elif finished.status is RecordingStatus.ABSENT and not finished.is_given_up:
            self.delete_audio(finished)

    def _delete(self, found: Recording) -> None:
        if found.status not in FINISHED:
            raise NotFinished
        now = self._clock()
        write_id, seconds = new_id(now), now // 1000
        # Its upload was opened before it was completed, or may still be opened if its audio did not arrive in time.
        is_recent = found.status is RecordingStatus.ABSENT or seconds < found.updated + _DAY
        self.delete_audio(found, may_be_uploaded=is_recent)
        try:
            self._store.delete_recording(found, seconds, seconds + MEDIA_RETENTION_DAYS * _DAY, write_id)
        except TransitionRejected as refused:
            raise NotFound from refused
        # Delete again: a concurrent `_mix` may have stored its rendition after the first deletion.
        # A failure is harmless: `_mix` also deletes its rendition if the recording is gone.
        with suppress(StoreFailure):
            self._objects.delete(_renditions(found))

    def _mix(self, found: Recording, key: str, suffix: str) -> StoredObject | None:
        """Make and store the mono rendition of a dual-channel recording; None if its audio is gone."""
        account = found.parent.account
        with tempfile.TemporaryDirectory() as folder:
            original, mixed, encoded = (Path(folder) / name for name in ("original.wav", "mixed.wav", "encoded.mp3"))
            if not self._objects.fetch(object_key(account, found.id), original):
                return None
            self._codec.downmix(original, mixed)
            if suffix == "mp3":
                self._codec.encode(mixed, encoded)
            self._objects.write(key, encoded if suffix == "mp3" else mixed)
        # A recording deleted meanwhile must leave no object behind.
        try:
            is_there = self._store.get_recording(found.parent, found.id) is not None
        except StoreFailure:
            # Unknown whether the recording exists: delete the rendition, which can be made again.
            self._objects.delete([key])
            raise
        if not is_there:
            self._objects.delete([key])
            return None
        return self._objects.stat(key)


def _absent(found: Recording, error: int) -> Recording:
    return replace(found, status=RecordingStatus.ABSENT, duration=0, error=error)


def _renditions(of: Recording) -> list[str]:
    return [object_key(of.parent.account, of.id, name, suffix) for name in _NAMES for suffix in FORMATS]
