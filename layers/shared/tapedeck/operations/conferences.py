"""Conferences: read, end and announce into them, and note what a media engine makes of them."""

from dataclasses import dataclass, replace

from tapedeck.domain.call import UNANSWERED
from tapedeck.domain.conference import PARTICIPANTS_TO_BEGIN, Conference, ConferenceStatus, EndReason
from tapedeck.domain.engine_command import EngineEvent, has_unexpired_request, with_new_request
from tapedeck.domain.errors import (
    CallHasEnded,
    CallNotInProgress,
    ConferenceNotInProgress,
    NameInUse,
    NotFound,
    StoreBusy,
)
from tapedeck.domain.identity import new_id
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent, ParentKind
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.calls import MAX_END_ATTEMPTS
from tapedeck.operations.recordings import MAX_ATTEMPTS
from tapedeck.ports.stores import Clock, EndConflict, EndTransaction, NameTaken, ParentConflict, Store


@dataclass(frozen=True, slots=True)
class ConferenceName:
    """In place of an id: the friendly name of a conference that has not ended (behaviour.md, section 6)."""

    text: str


@dataclass(frozen=True, slots=True)
class UpdateConference:
    """What may be asked of a conference (operations.md, F3): to end, or to play what a URL says.

    `asks` tells whether the request had parameters at all: a conference that has ended takes none.
    """

    end: bool = False
    announce_url: str | None = None
    announce_method: str = "POST"
    asks: bool = True


@dataclass(frozen=True, slots=True)
class ConferenceEndReport:
    """How a media engine tells that a conference has ended, why, and with whose leaving."""

    event: EngineEvent
    reason: EndReason
    ending_call: str | None = None


class Conferences:
    """The conferences of an account; every method raises StoreBusy or StoreUnavailable when the store fails."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def get(self, account: str, conference: str | ConferenceName) -> Conference:
        """One conference, by its id or, while it lives, by its name.

        Raises:
            NotFound: this account has none such.
        """
        if isinstance(conference, str):
            found = self._store.get_conference(account, conference)
        else:
            found = self.latest_with_name(account, conference)
            found = found if found is not None and found.is_live else None
        if found is None:
            raise NotFound
        return found

    def latest_with_name(self, account: str, name: ConferenceName) -> Conference | None:
        """The conference that took this name last, which may have ended since; None if there never was one."""
        identifier = self._store.get_live_conference_id(account, name.text)
        return self._store.get_conference(account, identifier) if identifier is not None else None

    def update(self, account: str, conference: str | ConferenceName, change: UpdateConference) -> Conference:
        """End a conference, or leave the command to announce something in it; with neither, just read it.

        Raises:
            NotFound: no such conference.
            ConferenceNotInProgress: it has ended, or has not begun and is to play an announcement.
        """
        if isinstance(conference, ConferenceName):
            conference = self.get(account, conference).id
        if change.end:
            return self.end(account, conference)
        if change.announce_url is None:
            found = self.get(account, conference)
            if change.asks and not found.is_live:
                raise ConferenceNotInProgress
            return found
        now = self._clock()
        url, method = change.announce_url, change.announce_method
        try:
            return self._store.announce(account, conference, url, method, now // 1000, new_id(now))
        except ParentConflict as changed:
            if changed.found is None:
                raise NotFound from changed
            raise ConferenceNotInProgress from changed

    def end(self, account: str, conference: str, told: "ConferenceEndReport | None" = None) -> Conference:
        """End a conference: its recordings stop in the same write (rule R9).

        Args:
            account: whose.
            conference: which.
            told: how the media engine has told that it ended; else that is asked of it, over the API.

        Raises:
            NotFound: no such conference.
            ConferenceNotInProgress: it has ended already.
        """
        now = self._clock()
        write_id = told.event.event if told is not None else new_id(now)
        unread = Conference(account, conference, "", ConferenceStatus.INIT, now // 1000)
        if told is None or told.ending_call is None:
            try:
                after = _ended(unread, now // 1000, write_id, told)
                return self._store.end_conference(unread, after, write_id, asks=told is None)
            except ParentConflict as changed:
                found = changed.found
        else:
            found = self._store.get_conference(account, conference)
        stopped: frozenset[str] = frozenset()
        for _ in range(MAX_END_ATTEMPTS):
            if not isinstance(found, Conference):
                raise NotFound
            if found.end_write_id == write_id:
                return found
            if not found.is_live:
                raise ConferenceNotInProgress
            after = _ended(found, now // 1000, write_id, told)
            ending = EndTransaction(
                write_id,
                now // 1000,
                conference=found,
                conference_after=after,
                conference_recordings=found.active_recordings - stopped,
                ended=after.ended,
            )
            try:
                self._store.end(ending)
            except EndConflict as refused:
                found = refused.conference or found
                stopped |= refused.stopped
                continue
            return after
        raise StoreBusy

    def register(
        self,
        account: str,
        name: str,
        *,
        record: bool = False,
        callback: CallbackSubscription | None = None,
        conference: str | None = None,
    ) -> Conference:
        """Note a conference that a media engine has opened; nobody is in it yet.

        Args:
            account: whose.
            name: what it is called.
            record: whether it is to be recorded.
            callback: who is to be told.
            conference: the id that the media engine has given it; else a fresh one.

        Raises:
            NameInUse: another conference of this name is live.
        """
        now = self._clock()
        made = Conference(
            account, conference or new_id(now), name, ConferenceStatus.INIT, now // 1000, record=record,
            callback=callback,
        )  # fmt: skip
        takes_over_from: str | None = None
        for _ in range(MAX_ATTEMPTS):
            try:
                self._store.put_conference(made, takes_over_from)
            except NameTaken as taken:
                holder = self._store.get_conference(account, taken.holder)
                if holder is not None and holder.is_live:
                    raise NameInUse from taken
                takes_over_from = taken.holder
            else:
                return made
        raise StoreBusy

    def join(
        self,
        account: str,
        conference: str,
        call: str,
        *,
        start_on_enter: bool = True,
        end_on_exit: bool = False,
        muted: bool = False,
        hold: bool = False,
        engine_event: EngineEvent | None = None,
    ) -> Conference:
        """Note that a call has entered a conference, which begins with the second one (behaviour.md, section 6).

        A call that is inside already stays as it is, and so does one that has left since. `event` is how the media
        engine has told of it.

        Raises:
            NotFound: no such conference or call.
            ConferenceNotInProgress, CallHasEnded: one of them has ended.
            CallNotInProgress: the call has not been answered.
        """
        now = self._clock() // 1000
        for _ in range(MAX_ATTEMPTS):
            room, participant = self._store.get_membership(account, conference, call)
            leg = self._store.get_call(account, call)
            if room is None or leg is None:
                raise NotFound
            if participant is not None and engine_event is not None and _is_overridden(participant, engine_event, now):
                return room
            if not room.is_live:
                raise ConferenceNotInProgress
            if participant is not None and participant.is_inside:
                if engine_event is not None:
                    self._store.touch_participant_event_time(
                        Parent(account, ParentKind.CONFERENCE, conference), call, engine_event.at
                    )
                return room
            if leg.status in UNANSWERED:
                raise CallNotInProgress
            if not leg.is_live:
                raise CallHasEnded
            # Its version rises even when it leaves and enters again (rule R4).
            version = max(room.version, participant.version if participant is not None else 0) + 1
            participant = Participant(
                call, conference, now, start_conference_on_enter=start_on_enter,
                end_conference_on_exit=end_on_exit, version=version, sequence=room.sequence + 1, muted=muted,
                hold=hold, last_event_at=engine_event.at if engine_event is not None else 0,
            )  # fmt: skip
            after = conference_after_join(room, participant, participant.joined)
            try:
                self._store.join_conference(room, after, leg, participant)
            except ParentConflict:
                continue
            return after
        raise StoreBusy

    def announced(self, account: str, conference: str, version: int) -> Conference:
        """Note that what this version of a conference asked to be played in it has been; a repetition changes nothing.

        Raises:
            NotFound: no such conference, or it has no such version.
        """
        for _ in range(MAX_ATTEMPTS):
            found = self.get(account, conference)
            if found.version < version:
                raise NotFound
            if found.requested_version != version or found.confirmed_version >= version or not found.is_live:
                return found  # something else has been asked since, or it has been told already
            after = replace(
                found,
                version=found.version + 1,
                sequence=found.sequence + 1,
                announced_at=self._clock() // 1000,
                confirmed_version=version,
            )
            try:
                self._store.change_conference(found, after)
            except ParentConflict:
                continue
            return after
        raise StoreBusy


def is_stale_event(participant: Participant, engine_event: EngineEvent | None) -> bool:
    """Whether a media engine has told of something later since; what no engine tells is never stale."""
    return engine_event is not None and engine_event.at < participant.last_event_at


def _is_overridden(participant: Participant, engine_event: EngineEvent, now: int) -> bool:
    """Whether who has entered did so before what is known of it, or was asked to leave and has not yet."""
    return engine_event.at <= participant.last_event_at or (
        not participant.is_inside and has_unexpired_request(participant, now)
    )


def conference_after_join(conference: Conference, participant: Participant, now: int) -> Conference:
    """The conference after this participant has entered: it may begin with that (behaviour.md, section 6)."""
    participants = conference.participants + 1
    may_begin = conference.has_starter or participant.start_conference_on_enter
    begins = conference.status is ConferenceStatus.INIT and may_begin and participants >= PARTICIPANTS_TO_BEGIN
    entered = replace(
        conference,
        participants=participants,
        first_call=conference.first_call or participant.call,
        has_starter=may_begin,
        sequence=conference.sequence + 1,
        version=conference.version + 1,
    )
    if not begins:
        return entered
    number = entered.sequence + 1
    return replace(
        entered,
        status=ConferenceStatus.IN_PROGRESS,
        sequence=number,
        updated=now,
        start_sequence=number,
        started_at=now,
    )


def _ended(conference: Conference, now: int, write_id: str, told: "ConferenceEndReport | None") -> Conference:
    after = replace(
        conference,
        status=ConferenceStatus.COMPLETED,
        updated=now,
        ended=told.event.occurred_at(conference.id, now) if told is not None else now,
        reason=told.reason if told is not None else EndReason.VIA_API,
        ending_call=told.ending_call if told is not None else None,
        sequence=conference.sequence + 1,
        version=conference.version + 1,
        active_recordings=frozenset(),
        end_write_id=write_id,
    )
    return after if told is not None else with_new_request(after, now)
