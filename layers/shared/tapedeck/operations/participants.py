"""Participants of conferences: list, update, remove and dial them, and apply what the media engine reports."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, is_name
from tapedeck.domain.engine_command import has_unexpired_request, with_new_request
from tapedeck.domain.engine_event import EngineEvent
from tapedeck.domain.errors import (
    ConferenceOverForParticipant,
    InvalidParameter,
    LabelInUse,
    NotFound,
    StoreBusy,
)
from tapedeck.domain.identity import new_id
from tapedeck.domain.notification import participant_changes
from tapedeck.domain.page import Page, PageRequest
from tapedeck.domain.participant import Label, Participant, ParticipantStatus
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.calls import Calls
from tapedeck.operations.conferences import ConferenceName, Conferences, is_stale_event
from tapedeck.operations.dial_progress import MAX_CONTENDED_ATTEMPTS, DialProgress, require_inside
from tapedeck.operations.leaving import (
    call_after_end,
    conference_after_leave,
    exit_status_of,
    participant_after_leave,
)
from tapedeck.operations.participant_list import ParticipantFilter, select_page
from tapedeck.ports.clock import Clock
from tapedeck.ports.conferences import NameTaken
from tapedeck.ports.parents import EndTransaction
from tapedeck.ports.participants import DialTransaction, LabelTaken, MembershipConflict, ParticipantStore


@dataclass(frozen=True, slots=True)
class UpdateParticipant:
    """A requested change of a participant; None leaves a field unchanged.

    `command_payload` is sent to the media engine, by name: audio to fetch. `coaching` False clears `call_to_coach`.
    `call_to_coach` is a call's id; without `coaching` it applies only to a participant who is already coaching.
    """

    muted: bool | None = None
    hold: bool | None = None
    coaching: bool | None = None
    call_to_coach: str | None = None
    end_conference_on_exit: bool | None = None
    beep_on_exit: bool | None = None
    command_payload: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AddParticipant:
    """A participant to dial.

    `record` and `callback` apply to the conference if this creates it. `call_callback` is the subscription to the
    status events of the dialed call. `options` are passed to the media engine, by name.
    """

    to: str
    from_: str
    label: str | None = None
    muted: bool = False
    call_to_coach: str | None = None
    start_conference_on_enter: bool = True
    end_conference_on_exit: bool = False
    record: bool = False
    callback: CallbackSubscription | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    call_callback: CallbackSubscription | None = None


class Participants(DialProgress):
    """The participants of conferences; every method raises StoreBusy or StoreUnavailable when the store fails.

    Membership is derived from the participant and its conference: the end of a conference removes all participants
    without writing their rows (REL-9).
    """

    def __init__(self, store: ParticipantStore, calls: Calls, conferences: Conferences, clock: Clock) -> None:
        super().__init__(store, calls, clock)
        self._conferences = conferences

    def of_conference(
        self, account: str, conference: str, wanted: ParticipantFilter, page: PageRequest
    ) -> Page[Participant]:
        """Return a page of the participants who are connected or being dialed, latest first, then by call.

        A cursor is a call's id. It keeps its position after that call leaves, because positions include past
        participants.

        Raises:
            NotFound: no such conference.
        """
        conference_now, everyone = self._store.list_participants(account, conference)
        if conference_now is None:
            raise NotFound
        inside = [each for each in everyone if conference_now.is_live and each.is_inside]
        return select_page(inside, everyone, wanted, page)

    def get(self, account: str, conference: str, who: str | Label) -> Participant:
        """Return one participant by its call's id or its label.

        Raises:
            NotFound: it is not in this conference now.
        """
        try:
            return self.find(account, conference, who)
        except ConferenceOverForParticipant as left:
            raise NotFound from left

    def find(self, account: str, conference: str, who: str | Label) -> Participant:
        """Return one participant, with a separate error if its conference has ended.

        Raises:
            NotFound: it is not in this conference now.
            ConferenceOverForParticipant: it was in this conference, which has ended.
        """
        call = self._call_of(account, conference, who)
        conference_now, (participant,) = self._store.get_participants(account, conference, [call])
        return require_inside(conference_now, participant, who)[1]

    def update(
        self,
        account: str,
        conference: str,
        who: str | Label,
        change: UpdateParticipant,
        engine_event: EngineEvent | None = None,
    ) -> Participant:
        """Mute, hold or coach a participant, set its options, or queue commands; an empty change writes nothing.

        An engine event is ignored if it is stale, or if a newer request to the engine is pending.

        Args:
            account: the account's id.
            conference: the conference's id.
            who: a call's id, or a label.
            change: the requested change.
            engine_event: the engine's event that reported the change; None sends it to the engine as a command.

        Raises:
            NotFound: it is not in this conference now.
            ConferenceOverForParticipant: it was in this conference, which has ended.
            InvalidParameter: the participant to coach is not in this conference, or is this participant.
        """
        write_id = engine_event.id if engine_event is not None else new_id(self._clock())
        call = self._call_of(account, conference, who)
        calls = [call] if change.call_to_coach is None else [call, change.call_to_coach]
        for _ in range(MAX_CONTENDED_ATTEMPTS):
            conference_row, (participant_row, *coached) = self._store.get_participants(account, conference, calls)
            conference_now, participant = require_inside(conference_row, participant_row, who)
            if change.call_to_coach is not None:
                _check_coached(call, coached[0])
            now = self._clock() // 1000
            if engine_event is not None and (
                is_stale_event(participant, engine_event) or has_unexpired_request(participant, now)
            ):
                return participant
            after = _changed(participant, change)
            if after == participant and not change.command_payload:
                return participant
            changes = len(participant_changes(participant, after))
            # No event is published about a participant before it is connected.
            events = changes if participant.is_connected else 0
            after = replace(
                after,
                version=participant.version + 1,
                updated=now if changes else participant.updated,
                sequence=conference_now.sequence + events if events else participant.sequence,
            )
            after = (
                replace(after, last_event_at=engine_event.at)
                if engine_event is not None
                else with_new_request(after, now)
            )
            conference_after = replace(
                conference_now, version=conference_now.version + 1, sequence=conference_now.sequence + events
            )
            try:
                self._store.change_participant(
                    (conference_now, conference_after), (participant, after), change.command_payload, write_id
                )
            except MembershipConflict:
                continue
            return after
        raise StoreBusy

    def remove(self, account: str, conference: str, who: str | Label, engine_event: EngineEvent | None = None) -> None:
        """Remove a participant from its conference, which may end the conference.

        Its call goes on, but one that was dialed into the conference ends in the same transaction: it has no other
        instructions. A stale engine event changes nothing.

        Args:
            account: the account's id.
            conference: the conference's id.
            who: a call's id, or a label.
            engine_event: the engine's event that reported the leaving; None sends the command to remove it.

        Raises:
            NotFound: it is not in this conference now.
        """
        now = self._clock()
        write_id, seconds = engine_event.id if engine_event is not None else new_id(now), now // 1000
        call = self._call_of(account, conference, who)
        stopped: frozenset[str] = frozenset()
        for _ in range(MAX_CONTENDED_ATTEMPTS):
            conference_row, (participant_row,) = self._store.get_participants(account, conference, [call])
            try:
                conference_now, participant = require_inside(conference_row, participant_row, who)
            except ConferenceOverForParticipant as left:
                raise NotFound from left
            if is_stale_event(participant, engine_event):
                return
            after, ends = conference_after_leave(
                conference_now, participant, seconds, write_id, kicked=engine_event is None
            )
            gone = participant_after_leave(conference_now, participant, seconds, engine_event)
            ended = engine_event.occurred_at(call, seconds) if engine_event is not None else seconds
            # If the engine reports that a call has left before it was answered, it reports its end too (C-152).
            ends_call = participant.was_dialed and (engine_event is None or participant.is_connected)
            call_now = self._live_call(account, conference, call) if ends_call else None
            ending = EndTransaction(
                write_id,
                seconds,
                call=call_now,
                call_after=_call_after_removal(call_now, seconds, write_id, ended) if call_now is not None else None,
                call_recordings=call_now.active_recordings - stopped if call_now is not None else frozenset(),
                conference=conference_now,
                conference_after=after,
                conference_recordings=conference_now.active_recordings - stopped if ends else frozenset(),
                participant=participant,
                participant_after=gone if engine_event is not None else with_new_request(gone, seconds),
                ended=engine_event.occurred_at(conference_now.id, seconds) if engine_event is not None else None,
            )
            try:
                self._store.remove_participant(ending)
            except MembershipConflict as changed:
                stopped |= changed.stopped
                continue
            return
        raise StoreBusy

    def find_dial_target(self, account: str, conference: str | ConferenceName) -> Conference | None:
        """Return the conference to dial into: the live one of this id, or the latest of this name, live or ended.

        None if no conference ever had this name.

        Raises:
            NotFound: no live conference has this id.
        """
        if isinstance(conference, ConferenceName):
            return self._conferences.latest_with_name(account, conference)
        found = self._conferences.get(account, conference)
        if not found.is_live:
            raise NotFound
        return found

    def add(self, account: str, conference: str | ConferenceName, wanted: AddParticipant) -> Participant:
        """Dial a participant: create a queued call and participant, and the conference if none with its name is live.

        Raises:
            NotFound: no live conference has this id.
            LabelInUse: another participant has the label.
            InvalidParameter: the conference name is invalid, or the participant to coach is not in this conference.
        """
        if isinstance(conference, ConferenceName) and not is_name(conference.text):
            raise InvalidParameter("ConferenceSid", "choice", "not a name that a conference may have")
        now = self._clock()
        write_id, seconds = new_id(now), now // 1000
        call = Call(
            account, new_id(now), CallStatus.QUEUED, seconds, to=wanted.to, from_=wanted.from_,
            direction="outbound-api", callback=wanted.call_callback,
        )  # fmt: skip
        # Created outside the loop, so that every attempt writes the same id.
        name = conference.text if isinstance(conference, ConferenceName) else ""
        new_conference = Conference(
            account, new_id(now), name, ConferenceStatus.INIT, seconds, record=wanted.record, callback=wanted.callback,
            has_dialed=True,
        )  # fmt: skip
        label_from: str | None = None
        for _ in range(MAX_CONTENDED_ATTEMPTS):
            found = self.find_dial_target(account, conference)
            before = found if found is not None and found.is_live else None
            target = new_conference
            if before is not None:
                target = replace(before, version=before.version + 1, has_dialed=True)
            if wanted.call_to_coach is not None:
                _, (coached,) = self._store.get_participants(account, target.id, [wanted.call_to_coach])
                _check_coached(call.id, coached)
            dialing = DialTransaction(
                write_id,
                replace(call, conference=target.id),
                target,
                _queued(call, target, wanted),
                before,
                # An ended conference releases its name to the new one.
                found.id if found is not None else None,
                label_from,
            )
            try:
                self._store.dial(dialing)
            except (MembershipConflict, NameTaken):
                continue
            except LabelTaken as taken:
                label_from = taken.holder
                if self._holds_label(account, target.id, label_from, wanted.label):
                    raise LabelInUse from taken
            else:
                return dialing.participant
        raise StoreBusy

    def _live_call(self, account: str, conference: str, call: str) -> Call | None:
        """Return the call of a participant; None if it has ended, or has joined another conference since."""
        found = self._calls.get(account, call)
        return found if found.is_live and found.conference == conference else None

    def _call_of(self, account: str, conference: str, who: str | Label) -> str:
        if isinstance(who, str):
            return who
        call = self._store.get_labelled_call(account, conference, who.text)
        if call is None:
            raise NotFound
        return call

    def _holds_label(self, account: str, conference: str, call: str, label: str | None) -> bool:
        _, (participant,) = self._store.get_participants(account, conference, [call])
        return participant is not None and participant.is_inside and participant.label == label


def _call_after_removal(call: Call, now: int, write_id: str, ended: int) -> Call:
    return with_new_request(call_after_end(call, exit_status_of(call), now, write_id, ended), now)


def _check_coached(call: str, coached: Participant | None) -> None:
    if coached is None or not coached.is_inside or coached.call == call:
        raise InvalidParameter("CallSidToCoach", "coaching", "not a call in this conference")


def _changed(participant: Participant, change: UpdateParticipant) -> Participant:
    """Return the participant with the requested values; version and times stay unchanged."""
    given: dict[str, Any] = {
        "muted": change.muted,
        "hold": change.hold,
        "coaching": change.coaching,
        "end_conference_on_exit": change.end_conference_on_exit,
        "beep_on_exit": change.beep_on_exit,
    }
    after = replace(participant, **{name: value for name, value in given.items() if value is not None})
    if not after.coaching:
        return replace(after, call_to_coach=None)
    return replace(after, call_to_coach=change.call_to_coach or after.call_to_coach)


def _queued(call: Call, conference: Conference, wanted: AddParticipant) -> Participant:
    return Participant(
        call.id,
        conference.id,
        call.updated,
        version=conference.version,
        start_conference_on_enter=wanted.start_conference_on_enter,
        end_conference_on_exit=wanted.end_conference_on_exit,
        status=ParticipantStatus.QUEUED,
        label=wanted.label,
        muted=wanted.muted,
        coaching=wanted.call_to_coach is not None,
        call_to_coach=wanted.call_to_coach,
        options={**wanted.options, "to": wanted.to, "from": wanted.from_},
        requested_version=conference.version,
        requested_at=call.updated,
    )
