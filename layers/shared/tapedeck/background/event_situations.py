"""Read what an engine event is about; what no rule needs is not read."""

from dataclasses import replace

from tapedeck.background.event_conflicts import Hints
from tapedeck.domain.call import UNANSWERED, Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.engine_event import EngineEvent
from tapedeck.domain.engine_report import (
    AnnouncementReport,
    CallConfirmation,
    CallEndReport,
    CallProgressReport,
    CaptureAbsenceReport,
    CaptureCompletionReport,
    CaptureStartReport,
    CaptureTransitionReport,
    ConferenceEndReport,
    ConferenceStartReport,
    ParticipantChangeReport,
    ParticipantJoinReport,
    ParticipantLeaveReport,
    RefusalReport,
    Report,
    SpeakingReport,
    TranscriptionReport,
)
from tapedeck.domain.engine_situation import Situation
from tapedeck.domain.recording import PRUNE_ACTIVE_AT, Parent, ParentKind, Recording
from tapedeck.operations.media import Media, format_ticket
from tapedeck.ports.participants import ParticipantStore
from tapedeck.ports.stores import Store


class SituationReader:
    """Reads the situation of an event; every read is strongly consistent."""

    def __init__(self, store: Store, participants: ParticipantStore, media: Media) -> None:
        self._media = media
        self._store = store
        self._participants = participants

    def read(self, event: EngineEvent, report: Report, hints: Hints) -> Situation:
        """Read everything that `decide` needs for this report.

        Raises:
            StoreBusy, StoreUnavailable: the store fails.
        """
        account = event.account
        match report:
            case CallProgressReport() | CallEndReport() | CallConfirmation():
                return self._call(account, report)
            case ConferenceStartReport() | ConferenceEndReport() | AnnouncementReport():
                return self._conference_event(account, report, hints)
            case ParticipantJoinReport() | ParticipantChangeReport() | ParticipantLeaveReport() | SpeakingReport():
                return self._participant_event(account, report, hints)
            case TranscriptionReport(recording):
                found = self._store.find_recording(account, recording, deleted=True)
                return Situation(
                    recording=found,
                    parent=self._parent_of_unbegun(found),
                    is_of_other_parent=hints.is_of_other_parent,
                )
            case RefusalReport():
                return self._refusal(account, report)
            case _:
                return self._recording(report.parent, report.recording, report, hints)

    def _conference_event(
        self, account: str, report: ConferenceStartReport | ConferenceEndReport | AnnouncementReport, hints: Hints
    ) -> Situation:
        if isinstance(report, AnnouncementReport) and report.call is not None:
            return self._membership(account, report.conference, report.call)
        conference = self._store.get_conference(account, report.conference)
        return Situation(conference=conference, name_holder=self._conference(account, hints.name_holder))

    def _participant_event(
        self,
        account: str,
        report: ParticipantJoinReport | ParticipantChangeReport | ParticipantLeaveReport | SpeakingReport,
        hints: Hints,
    ) -> Situation:
        match report:
            case ParticipantChangeReport():
                return self._change(account, report)
            case ParticipantLeaveReport(conference, call):
                return self._leave(account, conference, call)
            case _:
                situation = self._membership(account, report.conference, report.call)
                if isinstance(report, SpeakingReport):
                    return situation
                holder = hints.label_holder
                _, label_holder = (
                    (None, None) if holder is None else self._store.get_membership(account, report.conference, holder)
                )
                return replace(situation, call=self._store.get_call(account, report.call), label_holder=label_holder)

    def _call(self, account: str, report: CallProgressReport | CallEndReport | CallConfirmation) -> Situation:
        call = self._store.get_call(account, report.call)
        if call is None or call.conference is None or isinstance(report, CallConfirmation):
            return Situation(call=call)
        return replace(self._membership(account, call.conference, call.id), call=call)

    def _membership(self, account: str, conference: str, call: str) -> Situation:
        found, participant = self._store.get_membership(account, conference, call)
        return Situation(conference=found, participant=participant)

    def _change(self, account: str, report: ParticipantChangeReport) -> Situation:
        if report.call_to_coach is None:
            return self._membership(account, report.conference, report.call)
        conference, (participant, coached) = self._participants.get_participants(
            account, report.conference, [report.call, report.call_to_coach]
        )
        return Situation(conference=conference, participant=participant, coached=coached)

    def _leave(self, account: str, conference: str, call: str) -> Situation:
        """Read a participant that has left, and its call if that ends too.

        If the engine reports that a call has left before it was answered, it reports its end too (C-152).
        """
        situation = self._membership(account, conference, call)
        participant = situation.participant
        if participant is None or not (participant.was_dialed and participant.is_connected and participant.is_inside):
            return situation
        found = self._store.get_call(account, call)
        ends = found is not None and found.is_live and found.conference == conference
        return replace(situation, call=found if ends else None)

    def _conference(self, account: str, conference: str | None) -> Conference | None:
        return self._store.get_conference(account, conference) if conference is not None else None

    def _refusal(self, account: str, report: RefusalReport) -> Situation:
        if report.recording is not None and report.parent is not None:
            return self._recording(report.parent, report.recording, None, Hints())
        if report.call is not None:
            call = self._store.get_call(account, report.call)
            if call is None or call.conference is None or call.status not in UNANSWERED:
                return Situation(call=call)
            return replace(self._membership(account, call.conference, call.id), call=call)
        return Situation(conference=self._conference(account, report.conference))

    def _recording(
        self,
        parent: Parent,
        recording: str,
        report: CaptureStartReport | CaptureTransitionReport | CaptureCompletionReport | CaptureAbsenceReport | None,
        hints: Hints,
    ) -> Situation:
        if not isinstance(report, CaptureStartReport):
            found = self._store.read_recording(parent, recording)
            of = self._parent_of_unbegun(found)
            ticket = ""
            if isinstance(report, CaptureCompletionReport):
                ticket = format_ticket(recording, report.size, report.sha256)
            return Situation(
                recording=found,
                parent=of,
                ticket=ticket,
                accepts_audio=found is not None and self._media.accepts_audio(found),
            )
        found, of = self._store.read_recording_and_parent(parent, recording)
        if found is not None or of is None:
            return Situation(recording=found, parent=of, is_of_other_parent=hints.is_of_other_parent)
        shown = report.new.call if report.new is not None and parent.kind is ParentKind.CONFERENCE else None
        return Situation(
            parent=of,
            active_recordings=self._active(parent, of) - hints.stopped,
            shown_call=self._store.get_call(parent.account, shown) if shown is not None else None,
            is_of_other_parent=hints.is_of_other_parent,
        )

    def _parent_of_unbegun(self, recording: Recording | None) -> Call | Conference | None:
        """Return what is recorded if the recording has no engine of its own: it belongs to the engine of that."""
        return self._parent(recording.parent) if recording is not None and recording.engine is None else None

    def _parent(self, parent: Parent) -> Call | Conference | None:
        read = self._store.get_call if parent.kind is ParentKind.CALL else self._store.get_conference
        return read(parent.account, parent.id)

    def _active(self, parent: Parent, found: Call | Conference) -> frozenset[str]:
        """Return the ids in a parent's set of active recordings; of a large set, without those that have stopped."""
        if len(found.active_recordings) < PRUNE_ACTIVE_AT:
            return found.active_recordings
        return found.active_recordings & {each.id for each in self._store.list_active_recordings(parent)}
