"""Conferences: read, end, play announcements, and what a new participant changes."""

from dataclasses import dataclass, replace

from tapedeck.domain.call import Call
from tapedeck.domain.conference import PARTICIPANTS_TO_BEGIN, Conference, ConferenceStatus
from tapedeck.domain.errors import (
    ConferenceNotInProgress,
    NotFound,
)
from tapedeck.domain.identity import new_id
from tapedeck.domain.participant import Participant
from tapedeck.operations.leaving import conference_after_end, conference_ending, write_ending
from tapedeck.ports.clock import Clock
from tapedeck.ports.parents import EndTransaction, ParentConflict
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

    def end(self, account: str, conference: str) -> Conference:
        """End a conference and stop its recordings in the same transaction (REL-9); the engine is sent the command.

        Raises:
            NotFound: no such conference.
            ConferenceNotInProgress: it has already ended.
        """
        now = self._clock()
        write_id, seconds = new_id(now), now // 1000
        unread = Conference(account, conference, "", ConferenceStatus.INIT, seconds)
        try:
            return self._store.end_conference(unread, conference_after_end(unread, seconds, write_id), write_id)
        except ParentConflict as changed:
            if not isinstance(changed.found, Conference):
                raise NotFound from changed
            found = changed.found

        def build(conference_now: Call | Conference, stopped: frozenset[str]) -> EndTransaction | None:
            nonlocal found
            if not isinstance(conference_now, Conference):
                raise NotFound
            found = conference_now
            if found.end_write_id == write_id:
                return None
            if not found.is_live:
                raise ConferenceNotInProgress
            return conference_ending(found, seconds, write_id, stopped)

        ending = write_ending(self._store.end, build, found)
        return (ending.conference_after if ending is not None else None) or found


def joined_participant(
    conference: Conference,
    call: str,
    before: Participant | None,
    now: int,
    *,
    start_on_enter: bool,
    end_on_exit: bool,
    muted: bool,
    hold: bool,
) -> Participant:
    """Return the participant of a call that enters a conference; `before` is that of an earlier stay."""
    # The version must rise even if the call leaves and enters again (REL-4).
    version = max(conference.version, before.version if before is not None else 0) + 1
    return Participant(
        call, conference.id, now, start_conference_on_enter=start_on_enter, end_conference_on_exit=end_on_exit,
        version=version, sequence=conference.sequence + 1, muted=muted, hold=hold,
    )  # fmt: skip


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
