"""What a media engine tells: calls, conferences and participants become as it says, whatever comes twice.

An event that answers a command confirms it; one that tells what the engine has done by itself changes what it is
about, and is confirmed with that. Events may come twice, late and in any order: what is older than what is known
changes nothing (behaviour.md, sections 4 and 6; rule R4).
"""

from contextlib import suppress
from dataclasses import dataclass

from tapedeck.background.recording_events import RecordingEvents
from tapedeck.domain.call import UNANSWERED, Call, CallStatus
from tapedeck.domain.engine_command import EngineEvent, has_unexpired_request, is_pending
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
from tapedeck.operations.conferences import ConferenceEndReport, Conferences, is_stale_event
from tapedeck.operations.participants import Participants, UpdateParticipant
from tapedeck.ports.stores import Clock, Store


@dataclass(frozen=True, slots=True)
class NewCall:
    """What is to be known of a call that nobody has heard of yet."""

    to: str
    from_: str
    direction: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class JoinOptions:
    """How a call enters a conference."""

    start_conference_on_enter: bool = True
    end_conference_on_exit: bool = False
    muted: bool = False
    hold: bool = False


class EngineEvents:
    """Every method raises StoreBusy or StoreUnavailable when the store fails.

    It raises NotFound where what it is about is not known, or not yet, or not yet far enough: the same event may fit
    later; and InvalidState where its state does not allow it, now or ever.

    Args:
        store: the recordings table.
        calls: what becomes of calls.
        conferences: likewise of conferences.
        participants: likewise of participants.
        recording_events: takes note of what is told of recordings.
        clock: milliseconds.
    """

    def __init__(
        self,
        store: Store,
        calls: Calls,
        conferences: Conferences,
        participants: Participants,
        captures: RecordingEvents,
        clock: Clock,
    ) -> None:
        self.recording_events = captures
        self._store = store
        self._calls = calls
        self._conferences = conferences
        self._participants = participants
        self._clock = clock

    def call_ringing(self, account: str, call: str, engine_event: EngineEvent, new: NewCall | None) -> None:
        """A telephone rings; one that nobody has heard of is `new`."""
        self._progress(account, call, engine_event, new, CallStatus.RINGING)

    def call_answered(self, account: str, call: str, engine_event: EngineEvent, new: NewCall | None) -> None:
        """A call is in progress; whoever was dialed into a conference is in it."""
        self._progress(account, call, engine_event, new, CallStatus.IN_PROGRESS)

    def call_ended(self, account: str, call: str, engine_event: EngineEvent, status: CallStatus) -> None:
        """A call is over; all that was asked of it is settled with that, and so is it of its participant."""
        found = self._calls.get(account, call)
        if found.is_live:
            try:
                found = self._calls.end(account, call, _ending_of(found, status), engine_event=engine_event)
            except CallHasEnded:
                # One that was asked to end has ended as it was asked to, whatever its engine calls that.
                found = self._calls.get(account, call)
        if is_pending(found):
            self._store.confirm(Parent(account, ParentKind.CALL, call), None, found.requested_version)
        self._settle_participant(account, found.conference, call)

    def call_redirected(self, account: str, call: str, version: int) -> None:
        """A call has gone where this version sent it, or has the settings that it asked for."""
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
        """A conference has been opened under a name; nobody is in it yet.

        While another one of this name is live, this one is not known yet: what ended that may still be on its way.
        """
        if self._store.get_conference(account, conference) is not None:
            return
        if not engine_event.is_plausible_start(conference, self._clock()):
            raise NotFound
        try:
            self._conferences.register(account, name, record=record, callback=callback, conference=conference)
        except NameInUse as taken:
            raise NotFound from taken

    def conference_ended(self, account: str, conference: str, told: ConferenceEndReport) -> None:
        """A conference is over; all that was asked of it is settled with that."""
        with suppress(ConferenceNotInProgress):
            self._conferences.end(account, conference, told)
        found = self._conferences.get(account, conference)
        if is_pending(found):
            room = Parent(account, ParentKind.CONFERENCE, conference)
            self._store.confirm(room, None, found.requested_version, settles=not found.has_unpublished_events)

    def conference_announced(self, account: str, conference: str, version: int) -> None:
        """What this version asked to be played in a conference has been."""
        self._conferences.announced(account, conference, version)

    def participant_joined(
        self, account: str, conference: str, call: str, engine_event: EngineEvent, joining: JoinOptions
    ) -> None:
        """A call has entered a conference; one that is inside stays as it is.

        One that has not been answered is not known far enough: that may be on its way.
        """
        try:
            self._conferences.join(
                account,
                conference,
                call,
                start_on_enter=joining.start_conference_on_enter,
                end_on_exit=joining.end_conference_on_exit,
                muted=joining.muted,
                hold=joining.hold,
                engine_event=engine_event,
            )
        except CallNotInProgress as unanswered:
            raise NotFound from unanswered

    def participant_changed(
        self, account: str, conference: str, call: str, engine_event: EngineEvent, change: UpdateParticipant
    ) -> None:
        """A participant has been muted, held or placed: as was asked, or by itself."""
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
        else:
            if not has_unexpired_request(found, self._clock() // 1000):
                self._touch_event_time(account, conference, found, engine_event)

    def participant_left(self, account: str, conference: str, call: str, engine_event: EngineEvent) -> None:
        """A participant is in its conference no more; all that was asked of it is settled with that."""
        room, participant = self._store.get_membership(account, conference, call)
        if room is None or participant is None:
            raise NotFound
        if engine_event.version is not None:
            self._confirm(account, conference, call, engine_event.version, engine_event.at)
        # Who has come back since is not meant: an event tells of the stay that it ends.
        elif not is_stale_event(participant, engine_event):
            try:
                self._participants.remove(account, conference, call, engine_event)
            except NotFound:
                if room.is_live:
                    self._touch_event_time(account, conference, participant, engine_event)
            self._settle_participant(account, conference, call)

    def _progress(
        self, account: str, call: str, engine_event: EngineEvent, new: NewCall | None, target: CallStatus
    ) -> None:
        found = self._known(account, call, engine_event, new, target)
        participant = None
        try:
            participant = self._advance(found, engine_event, target)
        except CallAnswered:
            pass  # stale
        except CallHasEnded:
            if not is_pending(found) and found.ended is not None and engine_event.at // 1000 > found.ended:
                raise  # it was over by the engine's own word
        if engine_event.version is None or found.conference is None:
            return
        if participant is None or participant.confirmed_version < engine_event.version:
            self._confirm(account, found.conference, call, engine_event.version, engine_event.at)

    def _advance(self, found: Call, engine_event: EngineEvent, target: CallStatus) -> Participant | None:
        if found.conference is not None and found.status in UNANSWERED:
            advance = self._participants.ring if target is CallStatus.RINGING else self._participants.answer
            # One that was taken out of its conference meanwhile, or whose conference has ended, goes on by itself.
            with suppress(NotFound, ConferenceOverForParticipant):
                return advance(found.account, found.conference, found.id, engine_event)
        self._calls.apply_progress(found.account, found.id, target, engine_event)
        return None

    def _known(
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
        """What is told was so already; what the engine did before is stale all the same."""
        if participant.last_event_at < engine_event.at:
            room = Parent(account, ParentKind.CONFERENCE, conference)
            self._store.touch_participant_event_time(room, participant.call, engine_event.at)

    def _confirm(self, account: str, conference: str, call: str, version: int, at: int) -> bool:
        room = Parent(account, ParentKind.CONFERENCE, conference)
        return self._store.confirm_participant(room, call, version, at)

    def _settle_participant(self, account: str, conference: str | None, call: str) -> None:
        """Whatever was asked of a participant is done with: it has left."""
        if conference is None:
            return
        _, participant = self._store.get_membership(account, conference, call)
        if participant is not None and is_pending(participant):
            self._store.confirm(Parent(account, ParentKind.CONFERENCE, conference), call, participant.requested_version)


def _ending_of(found: Call, status: CallStatus) -> CallStatus:
    """What was answered has been completed, and what was not could not be."""
    if found.status is CallStatus.IN_PROGRESS:
        return CallStatus.COMPLETED
    return status if status is not CallStatus.COMPLETED else CallStatus.NO_ANSWER
