"""What a media engine tells of captures: recordings become as it says, whatever comes twice, late, or in any order.

An event that answers a command confirms it; one that tells what the engine has done by itself changes the recording,
and is confirmed with that. What is older than what is known changes nothing, and neither does what tells of a recording
that has been deleted (behaviour.md, section 5; rule R4).
"""

from dataclasses import dataclass, replace

from tapedeck.domain.call import UNANSWERED
from tapedeck.domain.callback import Callback
from tapedeck.domain.command import Heard
from tapedeck.domain.conference import ConferenceStatus
from tapedeck.domain.errors import EventRefused, MediaMissing, NotEligibleForRecording, NotFound
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.domain.transcription import TranscriptionStatus
from tapedeck.operations.media import TOO_SHORT, Media, key_of
from tapedeck.operations.ports import Clock, Store
from tapedeck.operations.recordings import Recordings
from tapedeck.operations.transcriptions import Transcriptions


@dataclass(frozen=True, slots=True)
class NewRecording:
    """What is to be known of a recording that a media engine has begun by itself; `call` is the one that it shows."""

    source: Source
    call: str | None = None
    channels: int = 1
    track: str = "both"
    trim: str = "do-not-trim"
    callback: Callback | None = None


@dataclass(frozen=True, slots=True)
class Transcribed:
    """What was said in a recording, by an id of the engine's; without `text` it could not be told."""

    id: str
    text: str | None = None
    duration: int | None = None


class CaptureEvents:
    """Every method raises StoreBusy or StoreUnavailable when a store fails.

    It raises NotFound where the recording is not known, or not yet: the same event may fit later.
    """

    def __init__(
        self, store: Store, recordings: Recordings, media: Media, transcriptions: Transcriptions, clock: Clock
    ) -> None:
        self._store = store
        self._recordings = recordings
        self._media = media
        self._transcriptions = transcriptions
        self._clock = clock

    def started(self, parent: Parent, recording: str, heard: Heard, new: NewRecording | None) -> None:
        """A capture has begun: as was asked, or, where nobody has heard of it, as the engine was told elsewhere.

        Raises:
            NotFound: also where what is recorded has not begun; that may be on its way.
            NotEligibleForRecording: it has ended, or has as many recordings as it may have.
        """
        try:
            self._recordings.confirm(parent, recording, replace(heard, version=heard.version or 1))
        except NotFound:
            if new is None or not heard.may_have_begun(recording, self._clock()):
                raise
        else:
            return
        try:
            self._recordings.start_by_engine(
                parent, source=new.source, channels=new.channels, call=self._shown_by(parent, new), track=new.track,
                trim=new.trim, callback=new.callback, recording=recording, at=heard.at,
            )  # fmt: skip
        except NotEligibleForRecording as refused:
            if self._has_not_begun(parent):
                raise NotFound from refused
            raise

    def moved(
        self, parent: Parent, recording: str, heard: Heard, target: RecordingStatus, pause_behavior: str = "silence"
    ) -> None:
        """A capture has been paused, resumed or stopped: as was asked, or by itself.

        Raises:
            EventRefused: it answers a version that asked something else.
            NotEligibleForRecording: the engine has told before that the capture had ended.
        """
        if heard.version is not None:
            try:
                self._recordings.confirm(parent, recording, heard, target)
            except EventRefused:
                if target is not RecordingStatus.STOPPED:
                    raise
                heard = replace(heard, version=None)  # whatever that answers, it has ended
            else:
                return
        try:
            found = self._recordings.move_as_heard(
                parent, recording, target, heard=heard, pause_behavior=pause_behavior
            )
        except NotEligibleForRecording:
            found = self._find(parent, recording)
            if found.status is not RecordingStatus.DELETED and not found.is_pending and heard.at > found.heard:
                raise
            return  # stale: its capture has ended since
        if found.is_active and found.status is target and found.heard < heard.at:
            # It was so already; what the engine did before is stale all the same.
            self._store.hear_recording(parent, recording, heard.at)

    def completed(self, parent: Parent, recording: str, heard: Heard, key: str, size: int | None = None) -> None:
        """What was captured lies in the store, under the key that the command had named; `size` in bytes.

        Raises:
            EventRefused: it is another key, which could be anybody's (rule R11).
            MediaMissing: nothing lies there, or nothing that can be read; it may come yet.
        """
        if key != key_of(parent.account, recording):
            raise EventRefused
        found = self._find(parent, recording)
        if found.is_active:
            found = self._stop(parent, recording, heard)
        match found.status:
            case RecordingStatus.COMPLETED:
                return
            case RecordingStatus.DELETED:
                self._media.discard(found)
            case _ if size == 0:
                raise MediaMissing
            case _:
                # Of one that was given up meanwhile this takes away what has come.
                self._media.complete(parent, recording)

    def absent(self, parent: Parent, recording: str, heard: Heard, error: int = TOO_SHORT) -> None:
        """There is nothing that could be kept, for the reason that a vendor's code tells.

        One that the engine has never said to have begun has not begun with this either.
        """
        found = self._find(parent, recording)
        if found.is_active and found.has_begun:
            found = self._stop(parent, recording, heard)
        elif found.is_active:
            found = self._recordings.stop_unbegun(parent, recording)
        if found.status is RecordingStatus.STOPPED:
            self._media.give_up(parent, recording, error, by_engine=found.has_begun)

    def transcribed(self, account: str, recording: str, heard: Heard, said: Transcribed) -> None:
        """What was said in a recording has been written down, or could not be."""
        if not heard.may_have_begun(said.id, self._clock()):
            raise NotFound
        status = TranscriptionStatus.COMPLETED if said.text is not None else TranscriptionStatus.FAILED
        try:
            self._transcriptions.note(
                account, recording, text=said.text, duration=said.duration, status=status, transcription=said.id
            )
        except NotFound:
            if self._store.find_recording(account, recording, deleted=True) is None:
                raise

    def _find(self, parent: Parent, recording: str) -> Recording:
        """The recording, though it may have been deleted."""
        found = self._store.get_recording(parent, recording)
        if found is None:
            found = self._store.find_recording(parent.account, recording, deleted=True)
        if found is None or found.parent != parent:
            raise NotFound
        return found

    def _stop(self, parent: Parent, recording: str, heard: Heard) -> Recording:
        """The recording, whose capture has ended with what is told, whatever that answers."""
        ended = replace(heard, version=None)
        return self._recordings.move_as_heard(parent, recording, RecordingStatus.STOPPED, heard=ended)

    def _shown_by(self, parent: Parent, new: NewRecording) -> str:
        """The call that a new recording shows."""
        if parent.kind is ParentKind.CALL:
            return parent.id
        room = self._store.get_conference(parent.account, parent.id) if new.call is None else None
        shown = room.first_call if room is not None else new.call
        if shown is None:
            raise NotFound
        return shown

    def _has_not_begun(self, parent: Parent) -> bool:
        if parent.kind is ParentKind.CALL:
            call = self._store.get_call(parent.account, parent.id)
            return call is not None and call.status in UNANSWERED
        room = self._store.get_conference(parent.account, parent.id)
        return room is not None and room.status is ConferenceStatus.INIT
