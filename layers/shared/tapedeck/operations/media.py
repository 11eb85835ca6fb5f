"""Media: the audio of completed recordings: finished, fetched, and gone for good (behaviour.md, sections 5.6, 10, 11).

The objects of a recording have a fixed set of names, so that a deletion needs no look at what there is. What a media
engine captured lies under the first one's key; the MP3 is made before `completed` is written, the one-channel
renditions of a recording in two when somebody first asks for them.
"""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from tapedeck.domain.errors import (
    MediaMissing,
    NotDualChannel,
    NotEligibleForRecording,
    NotFinished,
    NotFound,
    StoreFailure,
)
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import FINISHED, Parent, ParentKind, Recording, RecordingStatus
from tapedeck.operations.recordings import Recordings
from tapedeck.ports.stores import Clock, Codec, MediaStore, Store, StoredObject, TransitionRejected

TOO_SHORT: Final = 16101
ONLY_SILENCE: Final = 16102
"""Twilio's codes of a recording that is `absent` (behaviour.md, section 5.6)."""

SHORTEST: Final = 1_000
"""Milliseconds of audio below which nothing is worth keeping (our choice)."""

MEDIA_RETENTION_DAYS: Final = 40
"""How long the metadata of a deleted recording are kept (behaviour.md, section 10)."""

_DAY: Final = 86_400
_NAMES: Final = ("original", "mono")
FORMATS: Final = ("wav", "mp3")


class Rendition(NamedTuple):
    """One object of a recording, which is there: what it is called, and what the store tells of it."""

    recording: Recording
    key: str
    stored: StoredObject


def object_key(account: str, recording: str, name: str = "original", suffix: str = "wav") -> str:
    """The key of an object; a media engine puts its capture under the one that this gives by default (rule R11)."""
    return f"{account}/{recording}/{name}.{suffix}"


class Media:
    """What recordings sound like; every method raises StoreBusy or StoreUnavailable when a store fails.

    Args:
        store: the recordings.
        recordings: how they are found.
        objects: where their audio lies.
        codec: what reads and makes audio.
        clock: milliseconds.
    """

    def __init__(self, store: Store, recordings: Recordings, objects: MediaStore, codec: Codec, clock: Clock) -> None:
        self._store = store
        self._recordings = recordings
        self._objects = objects
        self._codec = codec
        self._clock = clock

    def through(self, wrap: Callable[[Any], Any]) -> "Media":
        """The same over stores that are reached through something, such as a lock."""
        store = wrap(self._store)
        return Media(store, Recordings(store, self._clock), wrap(self._objects), self._codec, self._clock)

    def complete(self, parent: Parent, recording: str) -> Recording:
        """Finish a stopped recording whose capture lies in the store: `completed`, or `absent` if nothing is worth it.

        A repetition finds it finished and changes nothing; of one that is absent it deletes what is left.

        Raises:
            NotFound: no such recording.
            NotEligibleForRecording: it is still being captured.
            MediaMissing: there is no capture, or it is none that can be read; the recording stays as it is.
        """
        found = self._recordings.get(parent, recording)
        if found.status is RecordingStatus.ABSENT:
            self._objects.delete(_all_keys(found))
        if found.status in FINISHED:
            return found
        if found.is_active:
            raise NotEligibleForRecording
        with tempfile.TemporaryDirectory() as folder:
            finished = self._made_of(found, Path(folder))
        return self._finish(finished, by_engine=True)

    def finish_without_media(self, parent: Parent, recording: str, error: int, *, by_engine: bool = True) -> Recording:
        """Finish a stopped recording without media: `absent`, for the reason that a vendor's code tells.

        Whatever was captured is deleted. A repetition changes nothing.

        Args:
            parent: what was recorded.
            recording: which.
            error: the code.
            by_engine: whether the media engine has said so of one that had begun, rather than that nobody has heard of
                it for too long.

        Raises:
            NotFound: no such recording.
            NotEligibleForRecording: it is still being captured, or has media.
        """
        return self._finish(_absent(self._recordings.get(parent, recording), error), by_engine=by_engine)

    def store_capture(self, recording: Recording, capture: Path) -> None:
        """Put what a media engine that runs beside this captured where it belongs."""
        self._objects.write(object_key(recording.parent.account, recording.id), capture)

    def purge_late_media(self, recording: Recording) -> None:
        """Take away whatever lies there of a recording that is deleted, and has come since."""
        self._objects.delete(_all_keys(recording))

    def delete(self, parent: Parent, recording: str) -> None:
        """Delete a finished recording: its media first, then all but what is kept of it for 40 days.

        Where the second part fails the whole can be repeated.

        Raises:
            NotFound: no such recording, or it is deleted already.
            NotFinished: it is neither completed nor absent.
        """
        self._delete(self._recordings.get(parent, recording))

    def delete_of_account(self, account: str, recording: str) -> None:
        """The same, whatever the recording hangs on."""
        self._delete(self._recordings.find(account, recording))

    def find(
        self, account: str, recording: str, suffix: str, channels: int | None, *, conference_audio_is_mono: bool
    ) -> Rendition:
        """The audio of a completed recording.

        Args:
            account: whose.
            recording: which.
            suffix: `wav` or `mp3`.
            channels: 1 or 2, or None for as many as were recorded.
            conference_audio_is_mono: whether None means one channel where a conference was recorded.

        Raises:
            NotFound: no such recording, it is not completed, or its media have expired.
            NotDualChannel: two channels are asked of one.
        """
        found = self._recordings.find(account, recording)
        if found.status is not RecordingStatus.COMPLETED:
            raise NotFound
        if channels is not None and channels > found.channels:
            raise NotDualChannel
        if channels is None and conference_audio_is_mono and found.parent.kind is ParentKind.CONFERENCE:
            channels = 1
        is_mixed = channels is not None and channels < found.channels
        key = object_key(account, recording, "mono" if is_mixed else "original", suffix)
        stored = self._objects.stat(key)
        if stored is None and is_mixed:
            stored = self._mix(found, key, suffix)
        if stored is None:
            raise NotFound
        return Rendition(found, key, stored)

    def read(self, rendition: Rendition, first: int, last: int) -> bytes:
        """The bytes from the first to the last of these places.

        Raises:
            NotFound: it has been deleted since it was found.
        """
        content = self._objects.read(rendition.key, first, last)
        if content is None:
            raise NotFound
        return content

    def presign(self, rendition: Rendition, content_type: str) -> str:
        """An address from which anybody may fetch it within a minute."""
        return self._objects.presign(rendition.key, content_type)

    def _made_of(self, found: Recording, folder: Path) -> Recording:
        account = found.parent.account
        capture, encoded = folder / "capture.wav", folder / "encoded.mp3"
        if not self._objects.fetch(object_key(account, found.id), capture):
            raise MediaMissing
        sound = self._codec.probe(capture)
        is_trimmed = found.trim == "trim-silence" and not sound.is_silent
        if is_trimmed:
            capture = self._codec.trim(capture, folder / "trimmed.wav")
            sound = self._codec.probe(capture)
        if sound.milliseconds < SHORTEST or sound.is_silent:
            return _absent(found, TOO_SHORT if sound.milliseconds < SHORTEST else ONLY_SILENCE)
        if is_trimmed:
            self._objects.write(object_key(account, found.id), capture)
        self._codec.encode(capture, encoded)
        self._objects.write(object_key(account, found.id, suffix="mp3"), encoded)
        return replace(
            found,
            status=RecordingStatus.COMPLETED,
            duration=(sound.milliseconds + 500) // 1000,
            channels=sound.channels,
        )

    def _finish(self, finished: Recording, *, by_engine: bool) -> Recording:
        now = self._clock()
        finished = replace(finished, updated=now // 1000)
        try:
            found: Recording | None = self._store.finish_recording(finished, new_id(now), by_engine=by_engine)
        except TransitionRejected as refused:
            found = refused.found
        if found is None or found.status is RecordingStatus.ABSENT:
            # Nothing was worth keeping, or it was deleted while this was made of it: then nothing of it must stay.
            self._objects.delete(_all_keys(finished))
        if found is None:
            raise NotFound
        if found.status is not finished.status:
            raise NotEligibleForRecording
        return found

    def _delete(self, found: Recording) -> None:
        if found.status not in FINISHED:
            raise NotFinished
        now = self._clock()
        write_id, seconds = new_id(now), now // 1000
        self._objects.delete(_all_keys(found))
        try:
            self._store.delete_recording(found, seconds, seconds + MEDIA_RETENTION_DAYS * _DAY, write_id)
        except TransitionRejected as refused:
            raise NotFound from refused
        # Once more: whoever was making a rendition meanwhile may have looked before it was deleted, and kept it since.
        # The recording is gone by now, whatever comes of this: whoever made the rendition looks, too.
        with suppress(StoreFailure):
            self._objects.delete(_all_keys(found))

    def _mix(self, found: Recording, key: str, suffix: str) -> StoredObject | None:
        """Make the rendition in one channel of what was recorded in two, and keep it."""
        account = found.parent.account
        with tempfile.TemporaryDirectory() as folder:
            original, mixed, encoded = (Path(folder) / name for name in ("original.wav", "mixed.wav", "encoded.mp3"))
            if not self._objects.fetch(object_key(account, found.id), original):
                return None
            self._codec.downmix(original, mixed)
            if suffix == "mp3":
                self._codec.encode(mixed, encoded)
            self._objects.write(key, encoded if suffix == "mp3" else mixed)
        # What was deleted while this was made must not come back.
        try:
            is_there = self._store.get_recording(found.parent, found.id) is not None
        except StoreFailure:
            # Nobody knows: what is not kept can be made again.
            self._objects.delete([key])
            raise
        if not is_there:
            self._objects.delete([key])
            return None
        return self._objects.stat(key)


def _absent(found: Recording, error: int) -> Recording:
    return replace(found, status=RecordingStatus.ABSENT, duration=0, error=error)


def _all_keys(of: Recording) -> list[str]:
    return [object_key(of.parent.account, of.id, name, suffix) for name in _NAMES for suffix in FORMATS]
