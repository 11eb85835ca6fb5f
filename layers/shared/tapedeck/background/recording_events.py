"""Apply the events that a media engine reports about recordings and transcriptions.

An event with a command's version confirms that command. An event without a version reports what the engine did by
itself: it changes the recording, and the change counts as confirmed. Events may arrive twice, late and in any order;
one that is older than the stored state, or about a deleted recording, changes nothing (REL-4).
"""

from dataclasses import replace

from tapedeck.domain.call import UNANSWERED
from tapedeck.domain.conference import ConferenceStatus
from tapedeck.domain.engine_event import EngineEvent
from tapedeck.domain.engine_report import CaptureStartReport, NewRecording, TranscriptionReport
from tapedeck.domain.errors import EventRejected, MediaMissing, NotEligibleForRecording, NotFound
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus
from tapedeck.domain.transcription import TranscriptionStatus
from tapedeck.operations.media import TOO_SHORT, Media, object_key
from tapedeck.operations.recordings import Recordings
from tapedeck.operations.transcriptions import Transcriptions
from tapedeck.ports.clock import Clock
from tapedeck.ports.stores import Store


class RecordingEvents:
    """Applies engine events to recordings and transcriptions.

    Every method raises StoreBusy or StoreUnavailable if a store fails. It raises NotFound if the recording does not
    exist yet: the event may apply later. It also raises NotFound if the time in a new id does not fit the event
    (`EngineEvent.is_plausible_start`): the event is retried until the dead-letter queue, as clocks may be corrected.
    """

    def __init__(
        self, store: Store, recordings: Recordings, media: Media, transcriptions: Transcriptions, clock: Clock
    ) -> None:
        self._store = store
        self._recordings = recordings
        self._media = media
        self._transcriptions = transcriptions
        self._clock = clock

    def started(self, report: CaptureStartReport, engine_event: EngineEvent) -> None:
        """Apply `recording.started`: confirm the start, or store a recording that the engine started by itself.

        Raises:
            NotFound: also if the call or conference has not started yet; that event may not have arrived.
            NotEligibleForRecording: the call or conference has ended, or has the maximum number of recordings.
        """
        parent, recording, new = report.parent, report.recording, report.new
        try:
            # An event without a version confirms version 1.
            self._recordings.confirm(parent, recording, replace(engine_event, version=engine_event.version or 1))
        except NotFound:
            if new is None or not engine_event.is_plausible_start(recording, self._clock()):
                raise
            self._register_started(report, new, engine_event)

    def transitioned(
        self,
        parent: Parent,
        recording: str,
        engine_event: EngineEvent,
        target: RecordingStatus,
        pause_behavior: str = "silence",
    ) -> None:
        """Apply `recording.paused`, `recording.resumed` or `recording.stopped`; `target` is the reported status.

        With the version of a command this confirms the command: `confirmed_version` becomes this version, unless a
        later one is confirmed. Without a version, the engine did it by itself, and the recording changes.

        Raises:
            EventRejected: the version is that of a command that requested another status.
            NotEligibleForRecording: the engine has already reported the end of the capture.
        """
        if engine_event.version is not None:
            try:
                self._recordings.confirm(parent, recording, engine_event, target)
            except EventRejected:
                if target is not RecordingStatus.STOPPED:
                    raise
                engine_event = replace(engine_event, version=None)  # apply the stop anyway, as the engine's own
            else:
                return
        try:
            found = self._recordings.apply_engine_transition(
                parent, recording, target, engine_event=engine_event, pause_behavior=pause_behavior
            )
        except NotEligibleForRecording:
            # The capture has ended. Raise (dropped, counted) only if the engine reports this after its own end;
            # otherwise the event was overtaken by a request, a deletion or a later event.
            found = self._find(parent, recording)
            if (
                found.status is not RecordingStatus.DELETED
                and not found.is_pending
                and engine_event.at > found.last_event_at
            ):
                raise
            return
        if found.is_active and found.status is target and found.last_event_at < engine_event.at:
            # Nothing changed, but older events are stale from now on.
            self._store.touch_recording_event_time(parent, recording, engine_event.at)

    def completed(
        self, parent: Parent, recording: str, engine_event: EngineEvent, key: str, size: int | None = None
    ) -> None:
        """Apply `recording.completed`: the media is stored under `key`; `size` is in bytes.

        Raises:
            EventRejected: the key is not the one in the command; it could belong to another account (REL-11).
            MediaMissing: there is no readable object under the key yet.
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
                # If the recording timed out meanwhile, this deletes the late media.
                self._media.complete(parent, recording)

    def absent(self, parent: Parent, recording: str, engine_event: EngineEvent, error: int = TOO_SHORT) -> None:
        """Apply `recording.absent` or `recording.failed`: there is no media; `error` is the vendor's error code.

        A capture whose start was never confirmed is stopped as after a timeout: no callback reports a start.
        """
        found = self._find(parent, recording)
        if found.is_active and found.is_start_confirmed:
            found = self._stop(parent, recording, engine_event)
        elif found.is_active:
            found = self._recordings.stop_if_start_unconfirmed(parent, recording)
        if found.status is RecordingStatus.STOPPED:
            self._media.finish_without_media(parent, recording, error, by_engine=found.is_start_confirmed)

    def transcribed(self, engine_event: EngineEvent, result: TranscriptionReport) -> None:
        """Apply `transcription.completed`: store the text, or that the transcription failed."""
        account, recording = engine_event.account, result.recording
        if not engine_event.is_plausible_start(result.transcription, self._clock()):
            raise NotFound
        status = TranscriptionStatus.COMPLETED if result.text is not None else TranscriptionStatus.FAILED
        try:
            self._transcriptions.record(
                account,
                recording,
                text=result.text,
                duration=result.duration,
                status=status,
                transcription=result.transcription,
            )
        except NotFound:
            if self._store.find_recording(account, recording, deleted=True) is None:
                raise

    def _register_started(self, report: CaptureStartReport, new: NewRecording, engine_event: EngineEvent) -> None:
        parent = report.parent
        try:
            self._recordings.register_started(
                parent, source=new.source, channels=report.channels, call=self._shown_call(parent, new),
                track=report.track, trim=new.trim, callback=new.callback, recording=report.recording,
                at=engine_event.at,
            )  # fmt: skip
        except NotEligibleForRecording as refused:
            if self._has_not_started(parent):
                raise NotFound from refused
            raise

    def _find(self, parent: Parent, recording: str) -> Recording:
        """Return the recording, deleted ones included."""
        found = self._store.get_recording(parent, recording)
        if found is None:
            found = self._store.find_recording(parent.account, recording, deleted=True)
        if found is None or found.parent != parent:
            raise NotFound
        return found

    def _stop(self, parent: Parent, recording: str, engine_event: EngineEvent) -> Recording:
        """Stop the capture of the recording; the event's version is irrelevant."""
        ended = replace(engine_event, version=None)
        return self._recordings.apply_engine_transition(parent, recording, RecordingStatus.STOPPED, engine_event=ended)

    def _shown_call(self, parent: Parent, new: NewRecording) -> str:
        """Return the call that a new recording shows."""
        if parent.kind is ParentKind.CALL:
            return parent.id
        conference = self._store.get_conference(parent.account, parent.id) if new.call is None else None
        shown = conference.first_call if conference is not None else new.call
        if shown is None:
            raise NotFound
        return shown

    def _has_not_started(self, parent: Parent) -> bool:
        if parent.kind is ParentKind.CALL:
            call = self._store.get_call(parent.account, parent.id)
            return call is not None and call.status in UNANSWERED
        conference = self._store.get_conference(parent.account, parent.id)
        return conference is not None and conference.status is ConferenceStatus.INIT
