"""What a media engine tells: calls, conferences, participants and recordings become as it says, whatever comes twice.

An event that answers a command confirms it; one that tells what the engine has done by itself changes what it is
about, and is confirmed with that. Events may come twice, late and in any order: what is older than what is known
changes nothing (behaviour.md, sections 4 to 6; rule R4).
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from tapedeck.domain.call import UNANSWERED, Call, CallStatus
from tapedeck.domain.callback import Callback
from tapedeck.domain.command import Heard
from tapedeck.domain.errors import (
    CallAnswered,
    CallHasEnded,
    ConferenceNotInProgress,
    EventRefused,
    HasLeft,
    NotEligibleForRecording,
    NotFound,
)
from tapedeck.domain.identity import created_at
from tapedeck.domain.recording import FINISHED, Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.domain.transcription import Transcription, TranscriptionStatus
from tapedeck.operations.calls import Calls
from tapedeck.operations.conferences import Conferences, HeardEnd
from tapedeck.operations.media import TOO_SHORT, Media, key_of
from tapedeck.operations.participants import Participants, UpdateParticipant
from tapedeck.operations.ports import Clock, Store
from tapedeck.operations.recordings import Recordings
from tapedeck.operations.transcriptions import Transcriptions

FURTHEST: Final = 300
"""Seconds that the time in an id may differ from now: ids of a connector sort among ours (table.md)."""


@dataclass(frozen=True, slots=True)
class NewCall:
    """What is to be known of a call that nobody has heard of yet."""

    to: str
    from_: str
    direction: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class NewRecording:
    """What is to be known of a recording that a media engine has begun by itself; `call` is the one that it shows."""

    source: Source
    call: str | None = None
    channels: int = 1
    track: str = "both"
    trim: str = "do-not-trim"
    callback: Callback | None = None


class MediaEvents:
    """Every method raises StoreBusy or StoreUnavailable when the store fails.

    It raises NotFound where what it is about is not known, or not yet: the same event may fit later; and StateForbids
    where its state does not allow it, now or ever.
    """

    def __init__(
        self,
        store: Store,
        calls: Calls,
        conferences: Conferences,
        participants: Participants,
        recordings: Recordings,
        media: Media,
        transcriptions: Transcriptions,
        clock: Clock,
    ) -> None:
        self._store = store
        self._calls = calls
        self._conferences = conferences
        self._participants = participants
        self._recordings = recordings
        self._media = media
        self._transcriptions = transcriptions
        self._clock = clock

    def call_ringing(self, account: str, call: str, heard: Heard, new: NewCall | None) -> None:
        """A telephone rings; one that nobody has heard of is `new`."""
        found = self._known(account, call, new, CallStatus.RINGING)
        with suppress(CallAnswered, CallHasEnded, HasLeft):  # stale
            if found.status is CallStatus.QUEUED and found.conference is not None:
                self._participants.ring(account, found.conference, call, heard)
            else:
                self._calls.advance(account, call, CallStatus.RINGING, heard)
        self._confirm_participant(account, found.conference, call, heard)

    def call_answered(self, account: str, call: str, heard: Heard, new: NewCall | None) -> None:
        """A call is in progress; whoever was dialed into a conference is in it."""
        found = self._known(account, call, new, CallStatus.IN_PROGRESS)
        with suppress(CallHasEnded, HasLeft):  # stale
            if found.status in UNANSWERED and found.conference is not None:
                self._participants.answer(account, found.conference, call, heard)
            else:
                self._calls.advance(account, call, CallStatus.IN_PROGRESS, heard)
        self._confirm_participant(account, found.conference, call, heard)

    def call_ended(self, account: str, call: str, heard: Heard, status: CallStatus) -> None:
        """A call is over; all that was asked of it is settled with that, and so is it of its participant."""
        found = self._calls.get(account, call)
        if found.is_live:
            # One that was asked to end has ended as it was asked to, whatever its engine calls that.
            with suppress(CallHasEnded):
                self._calls.end(account, call, _ending_of(found, status), heard=heard)
        self._confirm_call(account, call)
        self._confirm_participant(account, found.conference, call, None)

    def call_redirected(self, account: str, call: str, heard: Heard) -> None:
        """A call has gone where it was sent, or has the settings that were asked for."""
        if heard.version is None or not self._store.confirm(_leg(account, call), None, heard.version):
            raise NotFound

    def conference_started(
        self, account: str, conference: str, name: str, *, record: bool, callback: Callback | None
    ) -> None:
        """A conference has been opened under a name; nobody is in it yet.

        Raises:
            NameInUse: another conference of this name is live.
        """
        if self._store.get_conference(account, conference) is not None:
            return
        self._check_time(conference)
        self._conferences.appear(account, name, record=record, callback=callback, conference=conference)

    def conference_ended(self, account: str, conference: str, told: HeardEnd) -> None:
        """A conference is over; all that was asked of it is settled with that."""
        with suppress(ConferenceNotInProgress):
            self._conferences.end(account, conference, told)
        found = self._conferences.get(account, conference)
        if found.asked > found.confirmed:
            self._store.confirm(Parent(account, ParentKind.CONFERENCE, conference), None, found.asked)

    def conference_announced(self, account: str, conference: str, heard: Heard) -> None:
        """What was to be played in a conference has been."""
        room = Parent(account, ParentKind.CONFERENCE, conference)
        if heard.version is None or not self._store.confirm(room, None, heard.version):
            raise NotFound

    def participant_joined(
        self,
        account: str,
        conference: str,
        call: str,
        *,
        start_on_enter: bool,
        end_on_exit: bool,
        muted: bool,
        hold: bool,
    ) -> None:
        """A call has entered a conference; one that is inside stays as it is."""
        self._conferences.join(
            account, conference, call, start_on_enter=start_on_enter, end_on_exit=end_on_exit, muted=muted, hold=hold
        )

    def participant_changed(
        self, account: str, conference: str, call: str, heard: Heard, change: UpdateParticipant
    ) -> None:
        """A participant has been muted, held or placed: as was asked, or by itself."""
        if heard.version is not None:
            self._confirm_participant(account, conference, call, heard)
            return
        with suppress(HasLeft):  # stale
            self._participants.update(account, conference, call, change, heard)

    def participant_left(self, account: str, conference: str, call: str, heard: Heard) -> None:
        """A participant is in its conference no more; all that was asked of it is settled with that."""
        room, participant = self._store.get_membership(account, conference, call)
        if room is None or participant is None:
            raise NotFound
        # Who has come back since is not meant: an event tells of the stay that it ends.
        if heard.version is None and room.is_live and participant.is_inside and heard.at // 1000 >= participant.joined:
            with suppress(NotFound):
                self._participants.remove(account, conference, call, heard)
        self._confirm_participant(account, conference, call, None)

    def recording_started(self, parent: Parent, recording: str, heard: Heard, new: NewRecording | None) -> None:
        """A capture has begun: as was asked, or, where nobody has heard of it, as the engine was told elsewhere.

        Raises:
            NotEligibleForRecording: what is recorded is not in progress.
        """
        found = self._store.get_recording(parent, recording)
        if found is not None:
            self._recordings.confirm(parent, recording, Heard(heard.event, heard.at, heard.version or 1))
            return
        if new is None:
            raise NotFound
        self._check_time(recording)
        shown = new.call if parent.kind is ParentKind.CONFERENCE else parent.id
        if shown is None:
            room = self._store.get_conference(parent.account, parent.id)
            shown = room.first_call if room is not None else None
        if shown is None:
            raise NotFound
        self._recordings.start_by_engine(
            parent, source=new.source, channels=new.channels, call=shown, track=new.track, trim=new.trim,
            callback=new.callback, recording=recording,
        )  # fmt: skip

    def recording_moved(
        self, parent: Parent, recording: str, heard: Heard, target: RecordingStatus, pause_behavior: str = "silence"
    ) -> None:
        """A capture has been paused, resumed or stopped: as was asked, or by itself."""
        if heard.version is not None:
            self._recordings.confirm(parent, recording, heard)
        else:
            with suppress(NotEligibleForRecording):  # stale: it has been stopped since
                self._recordings.move_as_heard(parent, recording, target, heard=heard, pause_behavior=pause_behavior)

    def recording_completed(self, parent: Parent, recording: str, heard: Heard, key: str) -> None:
        """What was captured lies in the store, under the key that the command had named.

        Raises:
            EventRefused: it is another key, which could be anybody's (rule R11).
            MediaMissing: nothing lies there, or nothing that can be read; it may come yet.
        """
        if key != key_of(parent.account, recording):
            raise EventRefused
        if self._ended(parent, recording, heard).status not in FINISHED:
            self._media.complete(parent, recording)

    def recording_absent(self, parent: Parent, recording: str, heard: Heard, error: int = TOO_SHORT) -> None:
        """There is nothing that could be kept, for the reason that a vendor's code tells."""
        if self._ended(parent, recording, heard).status not in FINISHED:
            self._media.give_up(parent, recording, error)

    def transcription_completed(
        self, account: str, recording: str, transcription: str, *, text: str | None, duration: int | None
    ) -> Transcription:
        """What was said in a recording has been written down, or could not be."""
        status = TranscriptionStatus.COMPLETED if text is not None else TranscriptionStatus.FAILED
        return self._transcriptions.note(
            account, recording, text=text, duration=duration, status=status, transcription=transcription
        )

    def _known(self, account: str, call: str, new: NewCall | None, status: CallStatus) -> Call:
        found = self._store.get_call(account, call)
        if found is not None:
            return found
        if new is None:
            raise NotFound
        self._check_time(call)
        return self._calls.appear(
            account, to=new.to, from_=new.from_, direction=new.direction, status=status, call=call, parent=new.parent
        )

    def _check_time(self, identifier: str) -> None:
        if abs(created_at(identifier) - self._clock() // 1000) > FURTHEST:
            raise NotFound

    def _ended(self, parent: Parent, recording: str, heard: Heard) -> Recording:
        """The recording, stopped if it was not: its engine has ended the capture."""
        found = self._recordings.get(parent, recording)
        if not found.is_active:
            return found
        ended = Heard(heard.event, heard.at)
        return self._recordings.move_as_heard(parent, recording, RecordingStatus.STOPPED, heard=ended)

    def _confirm_call(self, account: str, call: str) -> None:
        found = self._calls.get(account, call)
        if found.asked > found.confirmed:
            self._store.confirm(_leg(account, call), None, found.asked)

    def _confirm_participant(self, account: str, conference: str | None, call: str, heard: Heard | None) -> None:
        """Confirm what was asked of a participant: what this answers, or, with None, whatever it was."""
        if conference is None or (heard is not None and heard.version is None):
            return
        _, participant = self._store.get_membership(account, conference, call)
        if participant is None or participant.asked <= participant.confirmed:
            return
        version = participant.asked if heard is None or heard.version is None else heard.version
        self._store.confirm(Parent(account, ParentKind.CONFERENCE, conference), call, version)


def _leg(account: str, call: str) -> Parent:
    return Parent(account, ParentKind.CALL, call)


def _ending_of(found: Call, status: CallStatus) -> CallStatus:
    """What was answered has been completed, and what was not could not be."""
    answered = found.status is CallStatus.IN_PROGRESS
    if answered:
        return CallStatus.COMPLETED
    return status if status is not CallStatus.COMPLETED else CallStatus.NO_ANSWER
