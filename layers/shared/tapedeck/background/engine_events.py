"""Apply the events that a media engine reports about calls, conferences and participants.

An event with a command's version confirms that command. An event without a version reports what the engine did by
itself: it changes the resource, and the change counts as confirmed. Events may arrive twice, late and in any order; one
that is older than the stored state is stale and changes nothing (REL-4).
"""

from contextlib import suppress

from tapedeck.background.recording_events import RecordingEvents
from tapedeck.domain.call import UNANSWERED, Call, CallStatus
from tapedeck.domain.engine_command import has_unexpired_request, is_pending
from tapedeck.domain.engine_event import EngineEvent
from tapedeck.domain.engine_report import NewCall, ParticipantJoinReport
from tapedeck.domain.errors import (
    CallAnswered,
    CallHasEnded,
    CallNotInProgress,
    ConferenceNotInProgress,
    ConferenceOverForParticipant,
    NameInUse,
    NotFound,
)
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent, ParentKind
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.calls import Calls
from tapedeck.operations.conferences import Conferences, ReportedConferenceEnd, is_stale_event
from tapedeck.operations.participants import Participants, UpdateParticipant
from tapedeck.ports.clock import Clock
from tapedeck.ports.stores import Store


class EngineEvents:
    """Applies engine events to the table.

    Every method raises StoreBusy or StoreUnavailable if the store fails. It raises NotFound if the resource does not
    exist yet, or an event before this one has not arrived: the event may apply later. It also raises NotFound if the
    time in a new id does not fit the event (`EngineEvent.is_plausible_start`): the event is retried until the
    dead-letter queue, as clocks may be corrected. It raises InvalidState if the resource's state rules the event out,
    now and later.

    Args:
        store: the recordings table.
        calls: the operations on calls.
        conferences: those on conferences.
        participants: those on participants.
        recording_events: applies the events about recordings.
        clock: milliseconds.
    """

    def __init__(
        self,
        store: Store,
        calls: Calls,
        conferences: Conferences,
        participants: Participants,
        recording_events: RecordingEvents,
        clock: Clock,
    ) -> None:
        self.recording_events = recording_events
        self._store = store
        self._calls = calls
        self._conferences = conferences
        self._participants = participants
        self._clock = clock

    def call_ringing(self, account: str, call: str, engine_event: EngineEvent, new: NewCall | None) -> None:
        """Apply `call.ringing`; `new` describes a call that may not be stored yet."""
        self._apply_progress(account, call, engine_event, new, CallStatus.RINGING)

    def call_answered(self, account: str, call: str, engine_event: EngineEvent, new: NewCall | None) -> None:
        """Apply `call.answered`; a call that was dialed into a conference joins it."""
        self._apply_progress(account, call, engine_event, new, CallStatus.IN_PROGRESS)

    def call_ended(self, account: str, call: str, engine_event: EngineEvent, status: CallStatus) -> None:
        """Apply `call.ended`, which also confirms every pending command of the call and of its participant."""
        found = self._calls.get(account, call)
        if found.is_live:
            try:
                found = self._calls.end(account, call, _final_status(found, status), engine_event=engine_event)
            except CallHasEnded:
                # Ended concurrently, such as by a request over the API: keep the status that it set.
                found = self._calls.get(account, call)
        if is_pending(found):
            parent = Parent(account, ParentKind.CALL, call)
            self._store.confirm(parent, None, found.requested_version, settles=not found.has_unpublished_events)
        self._confirm_all_of_participant(account, found.conference, call)

    def call_redirected(self, account: str, call: str, version: int) -> None:
        """Apply `call.redirected`: confirm the command of this version, a redirect or a change of settings."""
        if not self._store.confirm(Parent(account, ParentKind.CALL, call), None, version):
            raise NotFound

    def conference_started(
        self,
        account: str,
        conference: str,
        engine_event: EngineEvent,
        name: str,
        *,
        record: bool,
        callback: CallbackSubscription | None,
    ) -> None:
        """Apply `conference.started`: store a conference that the engine has opened, without participants yet.

        While another conference of this name is live, this raises NotFound: its end may not have arrived yet.
        """
        if self._store.get_conference(account, conference) is not None:
            return
        if not engine_event.is_plausible_start(conference, self._clock()):
            raise NotFound
        try:
            self._conferences.register(account, name, record=record, callback=callback, conference=conference)
        except NameInUse as taken:
            raise NotFound from taken

    def conference_ended(self, account: str, conference: str, report: ReportedConferenceEnd) -> None:
        """Apply `conference.ended`, which also confirms every pending command of the conference."""
        with suppress(ConferenceNotInProgress):
            self._conferences.end(account, conference, report)
        found = self._conferences.get(account, conference)
        if is_pending(found):
            parent = Parent(account, ParentKind.CONFERENCE, conference)
            self._store.confirm(parent, None, found.requested_version, settles=not found.has_pending_follow_up)

    def conference_announced(self, account: str, conference: str, version: int) -> None:
        """Apply `conference.announced`: the announcement that this version requested has been played."""
        self._conferences.announced(account, conference, version)

    def participant_joined(self, account: str, report: ParticipantJoinReport, engine_event: EngineEvent) -> None:
        """Apply `participant.joined`; a participant that is already inside stays unchanged.

        Raises NotFound while the call is not answered: that event may not have arrived yet.
        """
        try:
            self._conferences.join(
                account,
                report.conference,
                report.call,
                start_on_enter=report.start_conference_on_enter,
                end_on_exit=report.end_conference_on_exit,
                muted=report.muted,
                hold=report.hold,
                engine_event=engine_event,
            )
        except CallNotInProgress as unanswered:
            raise NotFound from unanswered

    def participant_changed(
        self, account: str, conference: str, call: str, engine_event: EngineEvent, change: UpdateParticipant
    ) -> None:
        """Apply `participant.changed`: it was muted, held or changed, by a command or by the engine itself."""
        if engine_event.version is not None:
            if not self._confirm(account, conference, call, engine_event.version, engine_event.at):
                raise NotFound
            return
        try:
            found = self._participants.update(account, conference, call, change, engine_event)
        except ConferenceOverForParticipant:
            return  # stale
        except NotFound:
            _, participant = self._store.get_membership(account, conference, call)
            if participant is None:
                raise
            # It has left: stale.
        else:
            if not has_unexpired_request(found, self._clock() // 1000):
                self._touch_event_time(account, conference, found, engine_event)

    def participant_left(self, account: str, conference: str, call: str, engine_event: EngineEvent) -> None:
        """Apply `participant.left`, which also confirms every pending command of the participant."""
        found, participant = self._store.get_membership(account, conference, call)
        if found is None or participant is None:
            raise NotFound
        if engine_event.version is not None:
            self._confirm(account, conference, call, engine_event.version, engine_event.at)
        # A participant that has come back since is not affected: the event ends an earlier stay.
        elif not is_stale_event(participant, engine_event):
            try:
                self._participants.remove(account, conference, call, engine_event)
            except NotFound:
                if found.is_live:
                    self._touch_event_time(account, conference, participant, engine_event)
            self._confirm_all_of_participant(account, conference, call)

    def _apply_progress(
        self, account: str, call: str, engine_event: EngineEvent, new: NewCall | None, target: CallStatus
    ) -> None:
        found = self._find_or_register(account, call, engine_event, new, target)
        participant = None
        try:
            participant = self._advance(found, engine_event, target)
        except CallAnswered:
            pass  # stale
        except CallHasEnded:
            # Raise (dropped, counted) only if the engine reports this after its own end of the call; otherwise the
            # event was overtaken.
            if not is_pending(found) and found.ended is not None and engine_event.at // 1000 > found.ended:
                raise
        if engine_event.version is None or found.conference is None:
            return
        if participant is None or participant.confirmed_version < engine_event.version:
            self._confirm(account, found.conference, call, engine_event.version, engine_event.at)

    def _advance(self, found: Call, engine_event: EngineEvent, target: CallStatus) -> Participant | None:
        if found.conference is not None and found.status in UNANSWERED:
            advance = self._participants.ring if target is CallStatus.RINGING else self._participants.answer
            try:
                return advance(found.account, found.conference, found.id, engine_event)
            except ConferenceOverForParticipant:
                # The call has no other instructions.
                self._calls.end(found.account, found.id, CallStatus.CANCELED, UNANSWERED)
                return None
            except NotFound:
                pass  # Its `participant.left` overtook this event: `call.ended` decides how the call ends (C-152).
        self._calls.apply_progress(found.account, found.id, target, engine_event)
        return None

    def _find_or_register(
        self, account: str, call: str, engine_event: EngineEvent, new: NewCall | None, status: CallStatus
    ) -> Call:
        found = self._store.get_call(account, call)
        if found is not None:
            return found
        if new is None or not engine_event.is_plausible_start(call, self._clock()):
            raise NotFound
        return self._calls.register(
            account, to=new.to, from_=new.from_, direction=new.direction, status=status, call=call, parent=new.parent,
            engine_event=engine_event,
        )  # fmt: skip

    def _touch_event_time(
        self, account: str, conference: str, participant: Participant, engine_event: EngineEvent
    ) -> None:
        """Store the time of an event that changed nothing, so that older events are stale."""
        if participant.last_event_at < engine_event.at:
            parent = Parent(account, ParentKind.CONFERENCE, conference)
            self._store.touch_participant_event_time(parent, participant.call, engine_event.at)

    def _confirm(self, account: str, conference: str, call: str, version: int, at: int) -> bool:
        parent = Parent(account, ParentKind.CONFERENCE, conference)
        return self._store.confirm_participant(parent, call, version, at)

    def _confirm_all_of_participant(self, account: str, conference: str | None, call: str) -> None:
        """Confirm every pending command of a participant that has left."""
        if conference is None:
            return
        _, participant = self._store.get_membership(account, conference, call)
        if participant is not None and is_pending(participant):
            self._store.confirm(Parent(account, ParentKind.CONFERENCE, conference), call, participant.requested_version)


def _final_status(found: Call, status: CallStatus) -> CallStatus:
    """Return the final status to store.

    COMPLETED for a call in progress, whichever status the engine reports; otherwise the reported status, with NO_ANSWER
    in place of COMPLETED.
    """
    if found.status is CallStatus.IN_PROGRESS:
        return CallStatus.COMPLETED
    return status if status is not CallStatus.COMPLETED else CallStatus.NO_ANSWER
