"""What a media engine tells: calls, conferences and participants become as it says, whatever comes twice.

An event that answers a command confirms it; one that tells what the engine has done by itself changes what it is
about, and is confirmed with that. Events may come twice, late and in any order: what is older than what is known
changes nothing (behaviour.md, sections 4 and 6; rule R4).
"""

from contextlib import suppress
from dataclasses import dataclass

from tapedeck.domain.call import UNANSWERED, Call, CallStatus
from tapedeck.domain.callback import Callback
from tapedeck.domain.command import Heard, is_awaited, is_pending
from tapedeck.domain.errors import (
    CallAnswered,
    CallHasEnded,
    CallNotInProgress,
    ConferenceNotInProgress,
    HasLeft,
    NameInUse,
    NotFound,
)
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent, ParentKind
from tapedeck.operations.calls import Calls
from tapedeck.operations.capture_events import CaptureEvents
from tapedeck.operations.conferences import Conferences, HeardEnd, is_stale
from tapedeck.operations.participants import Participants, UpdateParticipant
from tapedeck.operations.ports import Clock, Store


@dataclass(frozen=True, slots=True)
class NewCall:
    """What is to be known of a call that nobody has heard of yet."""

    to: str
    from_: str
    direction: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Joining:
    """How a call enters a conference."""

    start_conference_on_enter: bool = True
    end_conference_on_exit: bool = False
    muted: bool = False
    hold: bool = False


class MediaEvents:
    """Every method raises StoreBusy or StoreUnavailable when the store fails.

    It raises NotFound where what it is about is not known, or not yet, or not yet far enough: the same event may fit
    later; and StateForbids where its state does not allow it, now or ever.

    Args:
        store: the recordings table.
        calls: what becomes of calls.
        conferences: likewise of conferences.
        participants: likewise of participants.
        captures: takes note of what is told of recordings.
        clock: milliseconds.
    """

    def __init__(
        self,
        store: Store,
        calls: Calls,
        conferences: Conferences,
        participants: Participants,
        captures: CaptureEvents,
        clock: Clock,
    ) -> None:
        self.captures = captures
        self._store = store
        self._calls = calls
        self._conferences = conferences
        self._participants = participants
        self._clock = clock

    def call_ringing(self, account: str, call: str, heard: Heard, new: NewCall | None) -> None:
        """A telephone rings; one that nobody has heard of is `new`."""
        self._progress(account, call, heard, new, CallStatus.RINGING)

    def call_answered(self, account: str, call: str, heard: Heard, new: NewCall | None) -> None:
        """A call is in progress; whoever was dialed into a conference is in it."""
        self._progress(account, call, heard, new, CallStatus.IN_PROGRESS)

    def call_ended(self, account: str, call: str, heard: Heard, status: CallStatus) -> None:
        """A call is over; all that was asked of it is settled with that, and so is it of its participant."""
        found = self._calls.get(account, call)
        if found.is_live:
            try:
                found = self._calls.end(account, call, _ending_of(found, status), heard=heard)
            except CallHasEnded:
                # One that was asked to end has ended as it was asked to, whatever its engine calls that.
                found = self._calls.get(account, call)
        if is_pending(found):
            self._store.confirm(Parent(account, ParentKind.CALL, call), None, found.asked)
        self._settle_participant(account, found.conference, call)

    def call_redirected(self, account: str, call: str, version: int) -> None:
        """A call has gone where this version sent it, or has the settings that it asked for."""
        if not self._store.confirm(Parent(account, ParentKind.CALL, call), None, version):
            raise NotFound

    def conference_started(
        self, account: str, conference: str, heard: Heard, name: str, *, record: bool, callback: Callback | None
    ) -> None:
        """A conference has been opened under a name; nobody is in it yet.

        While another one of this name is live, this one is not known yet: what ended that may still be on its way.
        """
        if self._store.get_conference(account, conference) is not None:
            return
        if not heard.may_have_begun(conference, self._clock()):
            raise NotFound
        try:
            self._conferences.appear(account, name, record=record, callback=callback, conference=conference)
        except NameInUse as taken:
            raise NotFound from taken

    def conference_ended(self, account: str, conference: str, told: HeardEnd) -> None:
        """A conference is over; all that was asked of it is settled with that."""
        with suppress(ConferenceNotInProgress):
            self._conferences.end(account, conference, told)
        found = self._conferences.get(account, conference)
        if is_pending(found):
            room = Parent(account, ParentKind.CONFERENCE, conference)
            self._store.confirm(room, None, found.asked, settles=not found.is_to_be_told)

    def conference_announced(self, account: str, conference: str, version: int) -> None:
        """What this version asked to be played in a conference has been."""
        self._conferences.announced(account, conference, version)

    def participant_joined(self, account: str, conference: str, call: str, heard: Heard, joining: Joining) -> None:
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
                heard=heard,
            )
        except CallNotInProgress as unanswered:
            raise NotFound from unanswered

    def participant_changed(
        self, account: str, conference: str, call: str, heard: Heard, change: UpdateParticipant
    ) -> None:
        """A participant has been muted, held or placed: as was asked, or by itself."""
        if heard.version is not None:
            if not self._confirm(account, conference, call, heard.version, heard.at):
                raise NotFound
            return
        try:
            found = self._participants.update(account, conference, call, change, heard)
        except HasLeft:
            return  # stale
        except NotFound:
            _, participant = self._store.get_membership(account, conference, call)
            if participant is None:
                raise
        else:
            if not is_awaited(found, self._clock() // 1000):
                self._hear(account, conference, found, heard)

    def participant_left(self, account: str, conference: str, call: str, heard: Heard) -> None:
        """A participant is in its conference no more; all that was asked of it is settled with that."""
        room, participant = self._store.get_membership(account, conference, call)
        if room is None or participant is None:
            raise NotFound
        if heard.version is not None:
            self._confirm(account, conference, call, heard.version, heard.at)
        # Who has come back since is not meant: an event tells of the stay that it ends.
        elif not is_stale(participant, heard):
            try:
                self._participants.remove(account, conference, call, heard)
            except NotFound:
                if room.is_live:
                    self._hear(account, conference, participant, heard)
            self._settle_participant(account, conference, call)

    def _progress(self, account: str, call: str, heard: Heard, new: NewCall | None, target: CallStatus) -> None:
        found = self._known(account, call, heard, new, target)
        participant = None
        try:
            participant = self._advance(found, heard, target)
        except CallAnswered:
            pass  # stale
        except CallHasEnded:
            if not is_pending(found) and found.ended is not None and heard.at // 1000 > found.ended:
                raise  # it was over by the engine's own word
        if heard.version is None or found.conference is None:
            return
        if participant is None or participant.confirmed < heard.version:
            self._confirm(account, found.conference, call, heard.version, heard.at)

    def _advance(self, found: Call, heard: Heard, target: CallStatus) -> Participant | None:
        if found.conference is not None and found.status in UNANSWERED:
            advance = self._participants.ring if target is CallStatus.RINGING else self._participants.answer
            # One that was taken out of its conference meanwhile, or whose conference has ended, goes on by itself.
            with suppress(NotFound, HasLeft):
                return advance(found.account, found.conference, found.id, heard)
        self._calls.advance(found.account, found.id, target, heard)
        return None

    def _known(self, account: str, call: str, heard: Heard, new: NewCall | None, status: CallStatus) -> Call:
        found = self._store.get_call(account, call)
        if found is not None:
            return found
        if new is None or not heard.may_have_begun(call, self._clock()):
            raise NotFound
        return self._calls.appear(
            account, to=new.to, from_=new.from_, direction=new.direction, status=status, call=call, parent=new.parent,
            heard=heard,
        )  # fmt: skip

    def _hear(self, account: str, conference: str, participant: Participant, heard: Heard) -> None:
        """What is told was so already; what the engine did before is stale all the same."""
        if participant.heard < heard.at:
            room = Parent(account, ParentKind.CONFERENCE, conference)
            self._store.hear_participant(room, participant.call, heard.at)

    def _confirm(self, account: str, conference: str, call: str, version: int, at: int) -> bool:
        room = Parent(account, ParentKind.CONFERENCE, conference)
        return self._store.confirm_participant(room, call, version, at)

    def _settle_participant(self, account: str, conference: str | None, call: str) -> None:
        """Whatever was asked of a participant is done with: it has left."""
        if conference is None:
            return
        _, participant = self._store.get_membership(account, conference, call)
        if participant is not None and is_pending(participant):
            self._store.confirm(Parent(account, ParentKind.CONFERENCE, conference), call, participant.asked)


def _ending_of(found: Call, status: CallStatus) -> CallStatus:
    """What was answered has been completed, and what was not could not be."""
    if found.status is CallStatus.IN_PROGRESS:
        return CallStatus.COMPLETED
    return status if status is not CallStatus.COMPLETED else CallStatus.NO_ANSWER
