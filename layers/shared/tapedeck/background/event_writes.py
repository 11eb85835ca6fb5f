"""Write what was decided about an engine event, on condition that everything is exactly as it was read."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from tapedeck.background import event_states as states
from tapedeck.background.event_conflicts import EventConflict, Hints
from tapedeck.domain.call import CallStatus
from tapedeck.domain.conference import Conference
from tapedeck.domain.engine_command import is_pending
from tapedeck.domain.engine_event import EngineEvent
from tapedeck.domain.engine_report import (
    CallConfirmation,
    CallEndReport,
    CallProgressReport,
    CaptureAbsenceReport,
    CaptureCompletionReport,
    CaptureStartReport,
    CaptureTransitionReport,
    ConferenceEndReport,
    ConferenceStartReport,
    NewCall,
    ParticipantChangeReport,
    ParticipantJoinReport,
    RefusalReport,
    Report,
    TranscriptionReport,
)
from tapedeck.domain.engine_situation import Apply, Situation, StateChange
from tapedeck.domain.errors import NotEligibleForRecording, NotFound
from tapedeck.domain.phone_number import PhoneNumber
from tapedeck.domain.recording import ParentKind, Recording, RecordingStatus
from tapedeck.domain.transcription import Transcription, TranscriptionStatus
from tapedeck.operations.leaving import call_ending
from tapedeck.operations.media import ONLY_SILENCE, TOO_SHORT, Media
from tapedeck.operations.recordings import Recordings
from tapedeck.ports.clock import Clock
from tapedeck.ports.conferences import NameTaken
from tapedeck.ports.parents import EndConflict, EndTransaction, ParentConflict
from tapedeck.ports.participants import LabelTaken
from tapedeck.ports.recordings import RecordingOfOtherParent, TransitionRejected
from tapedeck.ports.stores import Store
from tapedeck.ports.transcriptions import TranscriptionStore

FoundT = TypeVar("FoundT")


_ERRORS: Final[Mapping[str, int]] = {"only_silence": ONLY_SILENCE}
"""Vendor's error codes by the reason of an absence; every other reason counts as too short."""


class EventWriter:
    """Writes decisions; every method raises EventConflict if something has changed since it was read.

    Args:
        store: the recordings table.
        recordings: stops captures that never began.
        media: finishes recordings.
        transcriptions: the transcriptions in the recordings table.
        clock: milliseconds.
        find_number: finds the phone number that an incoming call has called.
    """

    def __init__(
        self,
        store: Store,
        recordings: Recordings,
        media: Media,
        transcriptions: TranscriptionStore,
        clock: Clock,
        find_number: Callable[[str], PhoneNumber | None] = lambda _number: None,
    ) -> None:
        self._store = store
        self._find_number = find_number
        self._recordings = recordings
        self._media = media
        self._transcriptions = transcriptions
        self._clock = clock

    @property
    def _now(self) -> int:
        return self._clock() // 1000

    def apply(self, situation: Situation, decision: Apply, event: EngineEvent, report: Report, hints: Hints) -> None:
        """Write a change of what is stored.

        Raises:
            EventConflict: something has changed.
            MediaMissing: the media of a recording are missing or unreadable.
            CaptureConflict: another capture of the recording is stored.
        """
        match report:
            case CallProgressReport() | CallEndReport():
                self._apply_to_call(situation, decision, event, report, hints.stopped)
            case CaptureStartReport():
                self._apply_start(situation, decision, event, report)
            case CaptureTransitionReport() | CaptureCompletionReport() | CaptureAbsenceReport():
                self._apply_to_recording(_required(situation.recording), decision.change, event, report)
            case TranscriptionReport():
                if not self._transcriptions.put_transcription(_transcription(event, report, self._now)):
                    raise EventConflict(is_of_other_parent=True)
            case RefusalReport():
                self._apply_refusal(situation, decision.change, event, report, hints.stopped)
            case ConferenceStartReport():
                self._register_conference(situation, event, report)
            case ParticipantJoinReport():
                self._join(situation, event, report, hints.label_holder)
            case _:
                self._change(event, self._conference_change(situation, decision, event, report, hints.stopped))

    def confirm(self, situation: Situation, version: int, event: EngineEvent, report: Report) -> None:
        """Note that the engine carried out the command of this version.

        Raises:
            EventConflict: something has changed.
        """
        if isinstance(report, CaptureStartReport | CaptureTransitionReport) or situation.recording is not None:
            recording = _required(situation.recording)
            after = states.confirmed(recording, event, version, is_pause=_reports_pause(report))
            self._change_recording(recording, after, event, report)
            return
        change = EndTransaction(event.id, self._now)
        call, conference, participant = situation.call, situation.conference, situation.participant
        match report:
            case CallEndReport() if call is not None:
                settled = replace(call, confirmed_version=version)
                change = replace(change, call=call, call_after=states.owned(settled, event))
                if participant is not None and is_pending(participant):
                    gone = states.answered(participant, event, participant.requested_version)
                    change = replace(change, participant=participant, participant_after=gone)
            case CallProgressReport() if call is not None and call.placement:
                settled = replace(call, confirmed_version=version)
                change = replace(change, call=call, call_after=states.owned(settled, event))
            case CallConfirmation() if call is not None:
                settled = replace(call, confirmed_version=version)
                change = replace(change, call=call, call_after=states.owned(settled, event))
            case _ if participant is not None:
                answered = states.answered(participant, event, version)
                change = replace(change, participant=participant, participant_after=answered)
            case _ if conference is not None:
                done = states.owned(replace(conference, confirmed_version=version), event)
                change = replace(change, conference=conference, conference_after=done)
        self._change(event, change)

    def touch(self, situation: Situation, event: EngineEvent, report: Report) -> None:
        """Keep the number of an event that reports what is stored already.

        Raises:
            EventConflict: something has changed.
        """
        recording, participant, conference = situation.recording, situation.participant, situation.conference
        change = EndTransaction(event.id, self._now)
        if recording is not None:
            after = replace(recording, last_event_seq=max(recording.last_event_seq, event.seq))
            self._change_recording(recording, after, event, report)
        elif participant is not None:
            noted = states.noted(participant, event)
            self._change(event, replace(change, participant=participant, participant_after=noted))
        elif conference is not None:
            known = states.owned(conference, event)
            self._change(event, replace(change, conference=conference, conference_after=known))

    # Calls.

    def _apply_to_call(
        self,
        situation: Situation,
        decision: Apply,
        event: EngineEvent,
        report: CallProgressReport | CallEndReport,
        stopped: frozenset[str],
    ) -> None:
        if decision.change is StateChange.REGISTER_CALL and report.new is not None:
            self._register_call(event, report, report.new)
        elif isinstance(report, CallEndReport):
            call = _required(situation.call)
            conference, participant = situation.conference, situation.participant
            ending = states.call_end(
                call, conference, participant, event, report.status, self._now, stopped, report.sip_status
            )
            self._change(event, ending)
        else:
            self._change(event, self._progress(situation, decision, event, report, stopped))

    def _register_call(self, event: EngineEvent, report: CallProgressReport | CallEndReport, new: NewCall) -> None:
        if isinstance(report, CallEndReport):
            made = states.new_ended_call(event, report, new, self._now)
        else:
            made = states.new_call(event, report, new, self._now)
        if new.direction == "inbound" and new.to.startswith("+"):
            number = self._find_number(new.to)
            if number is not None and number.account == event.account:
                made = replace(made, phone_number=number.id)
        if not self._store.put_call(made):
            raise EventConflict

    def _progress(
        self,
        situation: Situation,
        decision: Apply,
        event: EngineEvent,
        report: CallProgressReport,
        stopped: frozenset[str],
    ) -> EndTransaction:
        call, participant = _required(situation.call), situation.participant
        if decision.change is StateChange.HANG_UP_CALL:
            # The engine is sent the command: it does not know yet that the call has nothing left to do.
            change = call_ending(call, None, None, CallStatus.CANCELED, self._now, event.id, stopped)
            change = replace(change, call_after=states.owned(_required(change.call_after), event))
            if participant is not None and decision.confirms is not None:
                after = states.answered(participant, event, decision.confirms)
                change = replace(change, participant=participant, participant_after=after)
            return change
        return states.call_progress(
            call, situation.conference, participant, event, report.status, decision.confirms, self._now,
            connects=decision.change is StateChange.ADVANCE_PARTICIPANT,
        )  # fmt: skip

    # Conferences and participants.

    def _register_conference(self, situation: Situation, event: EngineEvent, report: ConferenceStartReport) -> None:
        holder = situation.name_holder
        try:
            created = self._store.put_conference(
                states.new_conference(event, report, self._now), holder.id if holder is not None else None
            )
        except NameTaken as taken:
            raise EventConflict(name_holder=taken.holder) from taken
        if not created:
            raise EventConflict

    def _join(
        self, situation: Situation, event: EngineEvent, report: ParticipantJoinReport, label_from: str | None
    ) -> None:
        conference, call = _required(situation.conference), _required(situation.call)
        after, participant = states.entry(
            conference,
            situation.participant,
            event,
            report,
            self._now,
            states.free_label(report, situation.label_holder),
        )
        try:
            self._store.join_conference(conference, after, call, participant, label_from)
        except ParentConflict as changed:
            raise EventConflict from changed
        except LabelTaken as taken:
            raise EventConflict(label_holder=taken.holder) from taken

    def _conference_change(
        self, situation: Situation, decision: Apply, event: EngineEvent, report: Report, stopped: frozenset[str]
    ) -> EndTransaction:
        conference = _required(situation.conference)
        match report:
            case ConferenceEndReport():
                return states.conference_end(conference, event, report, self._now, stopped)
            case ParticipantChangeReport():
                participant = _required(situation.participant)
                return states.participant_change(conference, participant, event, report, self._now)
            case _ if decision.change is StateChange.LEAVE:
                participant = _required(situation.participant)
                return states.leave(conference, participant, situation.call, event, self._now, stopped)
            case _:
                after = states.announced(conference, event, decision.confirms, self._now)
                return EndTransaction(event.id, self._now, conference=conference, conference_after=after)

    # Recordings.

    def _apply_start(
        self, situation: Situation, decision: Apply, event: EngineEvent, report: CaptureStartReport
    ) -> None:
        if decision.change is StateChange.START_RECORDING:
            recording = _required(situation.recording)
            after = states.started(recording, event, report, decision.confirms, self._now)
            self._change_recording(recording, after, event, report)
            return
        if decision.change in {StateChange.REPEAT_PAUSE, StateChange.MOVE_RECORDING}:
            self._apply_to_recording(_required(situation.recording), decision.change, event, report)
            return
        parent, new = situation.parent, _required(report.new)
        if parent is None:
            raise EventConflict
        shown = new.call or (parent.first_call if isinstance(parent, Conference) else parent.id)
        shown = parent.id if report.parent.kind is ParentKind.CALL else shown
        begun = states.new_recording(event, report, new, _required(shown), self._now)
        try:
            if not self._store.start_recording(begun, parent, situation.active_recordings):
                raise EventConflict
        except ParentConflict as changed:
            raise EventConflict from changed
        except RecordingOfOtherParent as other:
            raise EventConflict(is_of_other_parent=True) from other

    def _apply_to_recording(
        self, recording: Recording, change: StateChange, event: EngineEvent, report: Report
    ) -> None:
        if change is StateChange.MOVE_RECORDING:
            target, behavior = RecordingStatus.STOPPED, "silence"
            if isinstance(report, CaptureTransitionReport):
                target, behavior = report.status, report.pause_behavior
            elif isinstance(report, CaptureStartReport):
                target = RecordingStatus.IN_PROGRESS
            after = states.moved(recording, event, target, self._now, behavior)
            self._change_recording(recording, after, event, report)
            return
        if change is StateChange.REPEAT_PAUSE:
            self._change_recording(recording, states.paused_again(recording, event), event, report)
            return
        parent = recording.parent
        try:
            match change:
                case StateChange.STOP_UNSTARTED:
                    self._recordings.stop_if_start_unconfirmed(parent, recording.id)
                case StateChange.NOTE_CAPTURE if isinstance(report, CaptureCompletionReport):
                    self._media.note_capture(parent, recording.id, report.size, report.sha256, report.evidence)
                case StateChange.FINISH_WITHOUT_MEDIA:
                    error = _ERRORS.get(getattr(report, "reason", ""), TOO_SHORT)
                    began = recording.is_start_confirmed
                    evidence = getattr(report, "evidence", None)
                    self._media.finish_without_media(parent, recording.id, error, by_engine=began, evidence=evidence)
                case _:
                    self._media.delete_audio(recording)
        except (NotFound, NotEligibleForRecording) as changed:
            raise EventConflict from changed

    def _apply_refusal(
        self,
        situation: Situation,
        change: StateChange,
        event: EngineEvent,
        report: RefusalReport,
        stopped: frozenset[str],
    ) -> None:
        if change is StateChange.FAIL_CALL:
            call, conference, participant = _required(situation.call), situation.conference, situation.participant
            ending = states.call_end(call, conference, participant, event, CallStatus.FAILED, self._now, stopped)
            self._change(event, ending)
        elif change is StateChange.NOTE_REFUSAL:
            recording = _required(situation.recording)
            noted = replace(recording, refused_version=event.version or 0, refused_code=report.code)
            self._change_recording(recording, noted, event, report)
        else:
            self._apply_to_recording(_required(situation.recording), change, event, report)

    def _change_recording(self, recording: Recording, after: Recording, event: EngineEvent, report: Report) -> None:
        after = states.with_evidence(after, getattr(report, "evidence", None))
        try:
            self._store.change_recording(recording, after, event.id)
        except TransitionRejected as changed:
            raise EventConflict from changed

    def _change(self, event: EngineEvent, change: EndTransaction) -> None:
        try:
            self._store.change_exactly(event.account, change)
        except EndConflict as changed:
            raise EventConflict(changed.stopped) from changed


def _reports_pause(report: Report) -> bool:
    if isinstance(report, CaptureStartReport):
        return report.is_paused
    return isinstance(report, CaptureTransitionReport) and report.status is RecordingStatus.PAUSED


def _transcription(event: EngineEvent, report: TranscriptionReport, now: int) -> Transcription:
    status = TranscriptionStatus.COMPLETED if report.text is not None else TranscriptionStatus.FAILED
    return Transcription(
        event.account, report.transcription, report.recording, status, now, report.duration, report.text
    )


def _required(found: FoundT | None) -> FoundT:
    """Return what the decision requires; raises EventConflict if it was not read."""
    if found is None:
        raise EventConflict
    return found
