"""Conferences: read, end, play announcements, and apply what the media engine reports."""

from dataclasses import dataclass, replace

from tapedeck.domain.call import UNANSWERED, Call
from tapedeck.domain.conference import PARTICIPANTS_TO_BEGIN, Conference, ConferenceStatus, EndReason
from tapedeck.domain.engine_command import has_unexpired_request, with_new_request
from tapedeck.domain.engine_event import EngineEvent
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
from tapedeck.ports.clock import Clock
from tapedeck.ports.conferences import NameTaken
from tapedeck.ports.parents import EndConflict, EndTransaction, ParentConflict
from tapedeck.ports.stores import Store


@dataclass(frozen=True, slots=True)
class ConferenceName:
    """The friendly name of a live conference, accepted in place of its id."""

    text: str


@dataclass(frozen=True, slots=True)
class UpdateConference:
    """A requested change of a conference: end it, or play an announcement from a URL; an end wins (C-57).

    `has_parameters`: whether the request had any parameters; a conference that has ended rejects them (C-56).
    """

    end: bool = False
    announce_url: str | None = None
    announce_method: str = "POST"
    has_parameters: bool = True


@dataclass(frozen=True, slots=True)
class ReportedConferenceEnd:
    """The engine's report of a conference's end: its event, the reason, and the call that ended it by leaving."""

    event: EngineEvent
    reason: EndReason
    ending_call: str | None = None


class Conferences:
    """The conferences of an account; every method raises StoreBusy or StoreUnavailable when the store fails."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def get(self, account: str, conference: str | ConferenceName) -> Conference:
        """Return one conference by its id or, while it is live, by its friendly name.

        Raises:
            NotFound: the account has no such conference.
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
        """Return the latest conference with this name, live or ended; None if there never was one."""
        identifier = self._store.get_last_name_holder(account, name.text)
        return self._store.get_conference(account, identifier) if identifier is not None else None

    def update(self, account: str, conference: str | ConferenceName, change: UpdateConference) -> Conference:
        """End a conference or queue an announcement in it; an empty change only reads it.

        Raises:
            NotFound: no such conference.
            ConferenceNotInProgress: it has ended, or it has not begun and cannot play an announcement.
        """
        if isinstance(conference, ConferenceName):
            conference = self.get(account, conference).id
        if change.end:
            return self.end(account, conference)
        if change.announce_url is None:
            found = self.get(account, conference)
            if change.has_parameters and not found.is_live:
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

    def end(self, account: str, conference: str, report: "ReportedConferenceEnd | None" = None) -> Conference:
        """End a conference and stop its recordings in the same transaction (REL-9).

        Args:
            account: the account's id.
            conference: the conference's id.
            report: the engine's report of the end; None ends it over the API and sends the command to end it.

        Raises:
            NotFound: no such conference.
            ConferenceNotInProgress: it has already ended.
        """
        now = self._clock()
        write_id = report.event.id if report is not None else new_id(now)
        unread = Conference(account, conference, "", ConferenceStatus.INIT, now // 1000)
        if report is None or report.ending_call is None:
            try:
                after = _ended(unread, now // 1000, write_id, report)
                return self._store.end_conference(unread, after, write_id, needs_command=report is None)
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
            after = _ended(found, now // 1000, write_id, report)
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
        """Store a conference that the media engine has opened, without participants.

        Args:
            account: the account's id.
            name: its friendly name.
            record: whether to record it.
            callback: the subscription to its events, if any.
            conference: the id that the media engine assigned; None for a new one.

        Raises:
            NameInUse: another conference of this name is live.
        """
        now = self._clock()
        new_conference = Conference(
            account, conference or new_id(now), name, ConferenceStatus.INIT, now // 1000, record=record,
            callback=callback,
        )  # fmt: skip
        takes_over_from: str | None = None
        for _ in range(MAX_ATTEMPTS):
            try:
                self._store.put_conference(new_conference, takes_over_from)
            except NameTaken as taken:
                holder = self._store.get_conference(account, taken.holder)
                if holder is not None and holder.is_live:
                    raise NameInUse from taken
                takes_over_from = taken.holder
            else:
                return new_conference
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
        """Add a call to a conference, which begins with the second participant.

        Idempotent for a call that is already inside. A stale `engine_event` changes nothing.

        Args:
            account: the account's id.
            conference: the conference's id.
            call: the id of the call that entered.
            start_on_enter: whether the conference may begin with this participant.
            end_on_exit: whether the conference ends when this participant leaves.
            muted: whether it enters muted.
            hold: whether it enters on hold.
            engine_event: the engine's event that reported it, if any.

        Raises:
            NotFound: no such conference or call.
            ConferenceNotInProgress: the conference has ended.
            CallHasEnded: the call has ended.
            CallNotInProgress: the call has not been answered.
        """
        now = self._clock() // 1000
        for _ in range(MAX_ATTEMPTS):
            conference_now, participant = self._store.get_membership(account, conference, call)
            call_now = self._store.get_call(account, call)
            if conference_now is None or call_now is None:
                raise NotFound
            if (
                participant is not None
                and engine_event is not None
                and _is_overridden(participant, call_now, engine_event, now)
            ):
                return conference_now
            if not conference_now.is_live:
                raise ConferenceNotInProgress
            if participant is not None and participant.is_inside:
                if engine_event is not None:
                    self._store.touch_participant_event_time(
                        Parent(account, ParentKind.CONFERENCE, conference), call, engine_event.at
                    )
                return conference_now
            _require_answered(call_now)
            # The version must rise even if the call leaves and enters again (REL-4).
            version = max(conference_now.version, participant.version if participant is not None else 0) + 1
            participant = Participant(
                call, conference, now, start_conference_on_enter=start_on_enter,
                end_conference_on_exit=end_on_exit, version=version, sequence=conference_now.sequence + 1, muted=muted,
                hold=hold, last_event_at=engine_event.at if engine_event is not None else 0,
            )  # fmt: skip
            after = conference_after_join(conference_now, participant, participant.joined)
            try:
                self._store.join_conference(conference_now, after, call_now, participant)
            except ParentConflict:
                continue
            return after
        raise StoreBusy

    def announced(self, account: str, conference: str, version: int) -> Conference:
        """Confirm that the announcement requested by this version of the conference was played. Idempotent.

        Raises:
            NotFound: no such conference, or no such version of it.
        """
        for _ in range(MAX_ATTEMPTS):
            found = self.get(account, conference)
            if found.version < version:
                raise NotFound
            if found.requested_version != version or found.confirmed_version >= version or not found.is_live:
                return found  # superseded by a newer request, or already confirmed
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
    """Return whether the engine has already reported something later; requests over the API are never stale.

    Stale events change nothing (C-111).
    """
    return engine_event is not None and engine_event.at < participant.last_event_at


def _is_overridden(participant: Participant, call: Call, engine_event: EngineEvent, now: int) -> bool:
    """Return whether a reported entry is stale, or overridden by a pending request to leave (C-112).

    The redirect of a call is such a request, until the engine confirms it or reports that the call has left (C-153).
    """
    is_leaving = has_unexpired_request(participant, now) or (
        participant.last_event_at == 0 and has_unexpired_request(call, now)
    )
    return engine_event.at <= participant.last_event_at or (not participant.is_inside and is_leaving)


def _require_answered(call: Call) -> None:
    if call.status in UNANSWERED:
        raise CallNotInProgress
    if not call.is_live:
        raise CallHasEnded


def conference_after_join(conference: Conference, participant: Participant, now: int) -> Conference:
    """Return the conference after this participant entered, which may begin the conference."""
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


def _ended(conference: Conference, now: int, write_id: str, report: "ReportedConferenceEnd | None") -> Conference:
    after = replace(
        conference,
        status=ConferenceStatus.COMPLETED,
        updated=now,
        ended=report.event.occurred_at(conference.id, now) if report is not None else now,
        reason=report.reason if report is not None else EndReason.VIA_API,
        ending_call=report.ending_call if report is not None else None,
        sequence=conference.sequence + 1,
        version=conference.version + 1,
        active_recordings=frozenset(),
        end_write_id=write_id,
    )
    return after if report is not None else with_new_request(after, now)
