"""Decide on engine events about recordings and transcriptions (`domain.engine_decision`)."""

from typing import Final

from tapedeck.domain.call import UNANSWERED, CallStatus
from tapedeck.domain.conference import ConferenceStatus
from tapedeck.domain.engine_event import EngineEvent, EventRefusal
from tapedeck.domain.engine_report import (
    CaptureCompletionReport,
    CaptureStartReport,
    CaptureTransitionReport,
    NewRecording,
    RefusalReport,
    TranscriptionReport,
)
from tapedeck.domain.engine_situation import Apply, Confirm, Decision, Later, Refuse, Situation, StateChange, Touch
from tapedeck.domain.event_rules import (
    reject_foreign,
    reject_id,
    reject_old,
    reject_version,
    repeated,
    stale,
    taken,
    wrong_state,
)
from tapedeck.domain.recording import MAX_ACTIVE_RECORDINGS, UNFINISHED, ParentKind, Recording, RecordingStatus

_UNKNOWN: Final = Later("the recording is not known")
_STOP_FIRST: Final = Apply(StateChange.MOVE_RECORDING, is_step=True)

NEVER_BEGINS: Final = frozenset({"unsupported", "no_space", "gone"})
"""Codes of a final refusal after which a capture that has not begun never begins."""

OTHER_CAPTURE: Final = "another capture is stored"
"""The reason for refusing a capture that differs from the stored one (C-214)."""


def _reject_other(situation: Situation, event: EngineEvent) -> Refuse | None:
    """Refuse an event about a recording of another engine; before its start it belongs to its parent's engine."""
    recording, parent = situation.recording, situation.parent
    return reject_foreign(
        event, recording.engine if recording is not None else None, parent.engine if parent is not None else None
    )


def decide_start(situation: Situation, event: EngineEvent, report: CaptureStartReport, now: int) -> Decision:
    """Decide on `recording.started`; without a version it answers the command to start, which has version 1."""
    recording, version = situation.recording, event.version or 1
    foreign = _reject_other(situation, event)
    if foreign is not None:
        return foreign
    if recording is None:
        return _UNKNOWN if report.new is None else _decide_new(situation, event, report, report.new, now)
    unknown = reject_version(recording, event)
    if unknown is not None:
        return unknown
    if recording.status not in UNFINISHED:
        return stale("the recording is finished")
    is_unconfirmed = version > recording.confirmed_version
    if recording.engine is None:
        # A capture that runs is no answer to a pause: only the start is confirmed, and the pause is sent again.
        is_pause = recording.status is RecordingStatus.PAUSED and version == recording.version > 1
        is_paused = report.is_paused and not _has_resumed_since(recording, event)
        confirms = version - 1 if is_pause and not is_paused else version
        return Apply(StateChange.START_RECORDING, confirms if confirms > recording.confirmed_version else None)
    target = RecordingStatus.PAUSED if report.is_paused else RecordingStatus.IN_PROGRESS
    if is_unconfirmed and version == recording.version and recording.status is target:
        return Confirm(version)
    is_anew = event.seq > recording.last_event_seq and not report.is_paused
    if is_anew and recording.status is RecordingStatus.PAUSED and not recording.is_pending:
        return _decide_contradiction(recording)
    return repeated("the start is known")


def _decide_contradiction(recording: Recording) -> Decision:
    """Decide on a report that a paused recording is captured: it ends only a pause of the engine's own (C-259)."""
    return Apply(StateChange.MOVE_RECORDING if recording.is_paused_by_engine else StateChange.REPEAT_PAUSE)


def _decide_new(
    situation: Situation, event: EngineEvent, report: CaptureStartReport, new: NewRecording, now: int
) -> Decision:
    """Decide on the start of a recording that no command requested."""
    parent = situation.parent
    bad = reject_id(report.recording, now)
    if bad is not None:
        return bad
    if situation.is_of_other_parent:
        return wrong_state("the recording belongs to another call or conference")
    if parent is None or parent.status in {*UNANSWERED, ConferenceStatus.INIT}:
        return Later("the call or conference has not begun")
    if parent.status not in {CallStatus.IN_PROGRESS, ConferenceStatus.IN_PROGRESS}:
        return wrong_state("the call or conference has ended")
    if len(situation.active_recordings) >= MAX_ACTIVE_RECORDINGS:
        return wrong_state("the call or conference has too many recordings")
    if report.parent.kind is ParentKind.CONFERENCE:
        return _reject_shown_call(situation, event, new) or Apply(StateChange.REGISTER_RECORDING)
    return Apply(StateChange.REGISTER_RECORDING)


def _reject_shown_call(situation: Situation, event: EngineEvent, new: NewRecording) -> Later | Refuse | None:
    """Return why a recording of a conference cannot be shown with its call, which also lists it (C-272)."""
    if new.call is None:
        has_call = getattr(situation.parent, "first_call", None) is not None
        return None if has_call else Later("no call has joined the conference")
    if situation.shown_call is None:
        return Later("the call to show is not known")
    return reject_foreign(event, situation.shown_call.engine)


def decide_transition(situation: Situation, event: EngineEvent, report: CaptureTransitionReport) -> Decision:
    """Decide on `recording.paused`, `recording.resumed` and `recording.stopped`.

    A confirmation counts also if its number is lower than that of the last event: it may have passed others (C-170). So
    does the end of a capture, with any version or none: nothing can follow it, so that it answers every pending command
    (C-269).
    """
    recording, version = situation.recording, event.version
    if recording is None:
        return _UNKNOWN
    refused = _reject_other(situation, event) or reject_version(recording, event)
    if refused is not None:
        return refused
    if report.status is RecordingStatus.STOPPED:
        return _decide_stop(recording, event)
    if version is None:
        return _decide_own_change(recording, event, report.status)
    if recording.status not in UNFINISHED:
        return stale("the recording is finished")
    if version <= recording.confirmed_version:
        return repeated("the version is confirmed")
    # The status that an older version requested is not stored.
    if version < recording.version:
        return Confirm(version)
    if recording.status is report.status:
        return Apply(StateChange.REPEAT_PAUSE) if _has_resumed_since(recording, event) else Confirm(version)
    return Refuse(EventRefusal.WRONG_STATE, "this version requested something else")


def _has_resumed_since(recording: Recording, event: EngineEvent) -> bool:
    """Whether the engine has resumed by itself after the pause that this event confirms, and that report came first."""
    return recording.status is RecordingStatus.PAUSED and event.seq < recording.last_event_seq


def _decide_stop(recording: Recording, event: EngineEvent) -> Decision:
    """Decide on the end of a capture, which the engine reports with any known version or without one."""
    if recording.is_active:
        return Apply(StateChange.MOVE_RECORDING)
    if recording.is_pending:
        return Confirm(recording.version)
    is_old = event.version is not None and recording.status not in UNFINISHED
    return stale("the recording is finished") if is_old else repeated("the capture has ended")


def _decide_own_change(recording: Recording, event: EngineEvent, target: RecordingStatus) -> Decision:
    """Decide on a pause or resume that the engine made by itself."""
    if not recording.is_active:
        if recording.status is RecordingStatus.DELETED or recording.is_pending:
            return stale("the capture has ended")
        return reject_old(recording, event) or wrong_state("the capture has ended")
    old = reject_old(recording, event)
    if old is not None:
        return old
    if recording.status is target:
        return Touch()
    if recording.is_pending:
        # If the pause was carried out before, its confirmation, which is on its way, has a lower number.
        return Touch() if recording.status is RecordingStatus.PAUSED else stale("a request is pending")
    if target is RecordingStatus.IN_PROGRESS:
        return _decide_contradiction(recording)
    return Apply(StateChange.MOVE_RECORDING)


def decide_completion(situation: Situation, event: EngineEvent, report: CaptureCompletionReport) -> Decision:
    """Decide on `recording.completed`; another ticket could belong to another account (REL-11)."""
    if report.ticket != situation.ticket:
        return Refuse(EventRefusal.UNKNOWN_KEY, "this is not the ticket of the capture")
    recording = situation.recording
    if recording is None:
        return _UNKNOWN
    foreign = _reject_other(situation, event)
    if foreign is not None:
        return foreign
    if recording.is_active:
        return _STOP_FIRST
    if recording.status is RecordingStatus.DELETED:
        return Apply(StateChange.DELETE_LATE_MEDIA)
    if recording.captured_at is not None:
        if (recording.capture_size, recording.capture_sha256) == (report.size, report.sha256):
            return repeated("the capture is known")
        return wrong_state(OTHER_CAPTURE)
    if situation.accepts_audio:
        return Apply(StateChange.NOTE_CAPTURE)
    return wrong_state("the recording is finished, or it is too late for its audio")


def decide_absence(situation: Situation, event: EngineEvent) -> Decision:
    """Decide on `recording.absent`."""
    recording = situation.recording
    if recording is None:
        return _UNKNOWN
    return _reject_other(situation, event) or _decide_end_without_media(recording)


def _decide_end_without_media(recording: Recording) -> Decision:
    if recording.is_active:
        return _STOP_FIRST if recording.is_start_confirmed else Apply(StateChange.STOP_UNSTARTED, is_step=True)
    if recording.status is RecordingStatus.STOPPED or recording.is_given_up:
        return Apply(StateChange.FINISH_WITHOUT_MEDIA)
    return repeated("the recording is finished")


def decide_recording_refusal(situation: Situation, event: EngineEvent, report: RefusalReport) -> Decision:
    """Decide on the refusal of a command to a recording.

    A capture that can never begin has no media; one that is gone has stopped. Every other refusal is kept for the
    request that waits for the command (C-173).
    """
    recording = situation.recording
    if recording is None:
        return _UNKNOWN
    refused = _reject_other(situation, event) or reject_version(recording, event)
    if refused is not None:
        return refused
    if recording.status not in UNFINISHED:
        return repeated("the recording is finished")
    if report.is_final and report.code in NEVER_BEGINS and not recording.is_start_confirmed:
        return _decide_end_without_media(recording)
    if report.is_final and report.code == "gone":
        if recording.is_active:
            return Apply(StateChange.MOVE_RECORDING)
        return Confirm(recording.version) if recording.is_pending else repeated("the capture has ended")
    if event.version is None:
        return taken("the refusal names no version")
    if (event.version, report.code) == (recording.refused_version, recording.refused_code):
        return repeated("the refusal is known")
    if event.version <= recording.confirmed_version or event.version < recording.refused_version:
        return stale("a newer version is known")
    return Apply(StateChange.NOTE_REFUSAL)


def is_refused_pause(situation: Situation, event: EngineEvent) -> bool:
    """Return whether the version that the engine refuses requested a pause."""
    recording = situation.recording
    return recording is not None and recording.status is RecordingStatus.PAUSED and event.version == recording.version


def decide_transcription(situation: Situation, event: EngineEvent, report: TranscriptionReport, now: int) -> Decision:
    """Decide on `transcription.completed`; an id of another recording's transcription is refused (C-273)."""
    bad = reject_id(report.transcription, now)
    if bad is not None:
        return bad
    recording = situation.recording
    if recording is None:
        return _UNKNOWN
    foreign = _reject_other(situation, event)
    if foreign is not None:
        return foreign
    if recording.status is RecordingStatus.DELETED:
        return stale("the recording is deleted")
    if situation.is_of_other_parent:
        return wrong_state("the transcription belongs to another recording")
    return Apply(StateChange.TRANSCRIBE)
