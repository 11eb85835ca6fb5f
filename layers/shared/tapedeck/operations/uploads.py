"""Uploads: give a media engine a place for the capture of one recording, which it can fill once."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tapedeck.domain.engine import MediaEngine
from tapedeck.domain.recording import Parent, ParentKind, Recording
from tapedeck.operations.media import capture_key, format_ticket
from tapedeck.ports.clock import Clock
from tapedeck.ports.media import MediaStore
from tapedeck.ports.stores import Store

UPLOAD_SECONDS: Final = 900
"""How long an upload may begin after it was opened (C-212)."""

MAX_CAPTURE_BYTES: Final = 4 << 30
"""The largest capture, as of a WAV file."""


class UploadRefusal(StrEnum):
    """Why an upload is refused, in the words of the engine protocol."""

    NOT_YOURS = "not_yours"
    UNKNOWN = "unknown"
    DELETED = "deleted"
    WRONG_STATE = "wrong_state"


class UploadRefused(Exception):
    """The recording cannot take a capture from this engine now; `code` says why."""

    def __init__(self, code: UploadRefusal) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class UploadTicket:
    """Where to upload a capture with a PUT request that has these headers, until `expires_at` (seconds).

    The engine reports `ticket` with `recording.completed`.
    """

    url: str
    headers: Mapping[str, str]
    expires_at: int
    ticket: str


class Uploads:
    """Opens uploads.

    Args:
        store: the recordings table.
        objects: the store of the audio objects.
        clock: the time in milliseconds.
        late_audio_days: for how long audio of a recording that was given up is accepted; 0 for never.
    """

    def __init__(self, store: Store, objects: MediaStore, clock: Clock, late_audio_days: int) -> None:
        self._store = store
        self._objects = objects
        self._clock = clock
        self._late_audio_days = late_audio_days

    def open(self, engine: MediaEngine, parent: Parent, recording: str, size: int, sha256: str) -> UploadTicket:
        """Open the upload of a capture of this size (bytes) and SHA-256 (64 hex digits). Idempotent.

        The recording must be stopped, or have been given up within the days for late audio.

        Raises:
            UploadRefused: it is unknown, deleted or in another state, or another engine captures it.
            StoreBusy, StoreUnavailable: the table did not respond.
        """
        now = self._clock() // 1000
        found = self._find(engine, parent, recording)
        if not found.accepts_audio(now, self._late_audio_days):
            raise UploadRefused(UploadRefusal.WRONG_STATE)
        upload = self._objects.presign_upload(capture_key(found), size, sha256, UPLOAD_SECONDS)
        return UploadTicket(upload.url, upload.headers, now + UPLOAD_SECONDS, format_ticket(recording, size, sha256))

    def _find(self, engine: MediaEngine, parent: Parent, recording: str) -> Recording:
        """Return a recording that this engine captures and that is not deleted."""
        if not engine.serves(parent.account):
            raise UploadRefused(UploadRefusal.NOT_YOURS)
        found = self._store.get_recording(parent, recording)
        if found is None:
            deleted = self._store.find_recording(parent.account, recording, deleted=True)
            is_known = deleted is not None and deleted.parent == parent
            raise UploadRefused(UploadRefusal.DELETED if is_known else UploadRefusal.UNKNOWN)
        if (found.engine or self._engine_of(parent)) != engine.name:
            raise UploadRefused(UploadRefusal.NOT_YOURS)
        return found

    def _engine_of(self, parent: Parent) -> str | None:
        """Return the engine of a call or conference, which was sent the start of its recordings."""
        read = self._store.get_call if parent.kind is ParentKind.CALL else self._store.get_conference
        found = read(parent.account, parent.id)
        return found.engine if found is not None else None
