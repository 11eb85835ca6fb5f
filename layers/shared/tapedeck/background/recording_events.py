"""What a media engine tells of captures: recordings become as it says, whatever comes twice, late, or in any order.

An event that answers a command confirms it; one that tells what the engine has done by itself changes the recording,
and is confirmed with that. What is older than what is known changes nothing, and neither does what tells of a recording
that has been deleted (behaviour.md, section 5; rule R4).
"""

from dataclasses import dataclass, replace

from tapedeck.domain.call import UNANSWERED
from tapedeck.domain.conference import ConferenceStatus
from tapedeck.domain.engine_command import EngineEvent
from tapedeck.domain.errors import EventRejected, MediaMissing, NotEligibleForRecording, NotFound
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.domain.transcription import TranscriptionStatus
from tapedeck.operations.media import TOO_SHORT, Media, object_key
from tapedeck.operations.recordings import Recordings
from tapedeck.operations.transcriptions import Transcriptions
from tapedeck.ports.stores import Clock, Store


@dataclass(frozen=True, slots=True)
class NewRecording:
    """What is to be known of a recording that a media engine has begun by itself; `call` is the one that it shows."""

    source: Source
    call: str | None = None
    channels: int = 1
    track: str = "both"
    trim: str = "do-not-trim"
    callback: CallbackSubscription | None = None


@dataclass(frozen=True, slots=True)
class TranscriptionResult:
    """What was said in a recording, by an id of the engine's; without `text` it could not be told."""

    id: str
    text: str | None = None
    duration: int | None = None


class RecordingEvents:
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

    def started(self, parent: Parent, recording: str, engine_event: EngineEvent, new: NewRecording | None) -> None:
        """A capture has begun: as was asked, or, where nobody has heard of it, as the engine was told elsewhere.

        Raises:
            NotFound: also where what is recorded has not begun; that may be on its way.
            NotEligibleForRecording: it has ended, or has as many recordings as it may have.
        """
        try:
            self._recordings.confirm(parent, recording, replace(engine_event, version=engine_event.version or 1))
        except NotFound:
            if new is None or not engine_event.is_plausible_start(recording, self._clock()):
                raise
        else:
            return
        try:
            self._recordings.register_started(
                parent, source=new.source, channels=new.channels, call=self._shown_by(parent, new), track=new.track,
                trim=new.trim, callback=new.callback, recording=recording, at=engine_event.at,
            )  # fmt: skip
        except NotEligibleForRecording as refused:
            if self._has_not_begun(parent):
                raise NotFound from refused
            raise

    def transitioned(
        self,
        parent: Parent,
        recording: str,
        engine_event: EngineEvent,
        target: RecordingStatus,
        pause_behavior: str = "silence",
    ) -> None:
        """A capture has been paused, resumed or stopped: as was asked, or by itself.

        Raises:
            EventRejected: it answers a version that asked something else.
            NotEligibleForRecording: the engine has told before that the capture had ended.
        """
        if engine_event.version is not None:
            try:
                self._recordings.confirm(parent, recording, engine_event, target)
            except EventRejected:
                if target is not RecordingStatus.STOPPED:
                    raise
                engine_event = replace(engine_event, version=None)  # whatever that answers, it has ended
            else:
                return
        try:
            found = self._recordings.apply_engine_transition(
                parent, recording, target, engine_event=engine_event, pause_behavior=pause_behavior
            )
        except NotEligibleForRecording:
            found = self._find(parent, recording)
            if (
                found.status is not RecordingStatus.DELETED
                and not found.is_pending
                and engine_event.at > found.last_event_at
            ):
                raise
            return  # stale: its capture has ended since
        if found.is_active and found.status is target and found.last_event_at < engine_event.at:
            # It was so already; what the engine did before is stale all the same.
            self._store.touch_recording_event_time(parent, recording, engine_event.at)

    def completed(
        self, parent: Parent, recording: str, engine_event: EngineEvent, key: str, size: int | None = None
    ) -> None:
        """What was captured lies in the store, under the key that the command had named; `size` in bytes.

        Raises:
            EventRejected: it is another key, which could be anybody's (rule R11).
            MediaMissing: nothing lies there, or nothing that can be read; it may come yet.
        """
        if key != object_key(parent.account, recording):
            raise EventRejected
        found = self._find(parent, recording)
        if found.is_active:
            found = self._stop(parent, recording, engine_event)
        match found.status:
            case RecordingStatus.COMPLETED:
                return
            case RecordingStatus.DELETED:
                self._media.purge_late_media(found)
            case _ if size == 0:
                raise MediaMissing
            case _:
                # Of one that was given up meanwhile this takes away what has come.
                self._media.complete(parent, recording)

    def absent(self, parent: Parent, recording: str, engine_event: EngineEvent, error: int = TOO_SHORT) -> None:
        """There is nothing that could be kept, for the reason that a vendor's code tells.

        One that the engine has never said to have begun has not begun with this either.
        """
        found = self._find(parent, recording)
        if found.is_active and found.is_capturing_confirmed:
            found = self._stop(parent, recording, engine_event)
        elif found.is_active:
            found = self._recordings.stop_if_unconfirmed(parent, recording)
        if found.status is RecordingStatus.STOPPED:
            self._media.finish_without_media(parent, recording, error, by_engine=found.is_capturing_confirmed)

    def transcribed(self, account: str, recording: str, engine_event: EngineEvent, said: TranscriptionResult) -> None:
        """What was said in a recording has been written down, or could not be."""
        if not engine_event.is_plausible_start(said.id, self._clock()):
            raise NotFound
        status = TranscriptionStatus.COMPLETED if said.text is not None else TranscriptionStatus.FAILED
        try:
            self._transcriptions.record(
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

    def _stop(self, parent: Parent, recording: str, engine_event: EngineEvent) -> Recording:
        """The recording, whose capture has ended with what is told, whatever that answers."""
        ended = replace(engine_event, version=None)
        return self._recordings.apply_engine_transition(parent, recording, RecordingStatus.STOPPED, engine_event=ended)

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
