"""Participants: who is in a conference, what may be asked of them, and what becomes of those who are dialed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tapedeck.domain.call import UNANSWERED, Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, is_name
from tapedeck.domain.engine_command import EngineEvent, has_unexpired_request, with_new_request
from tapedeck.domain.errors import (
    CallAnswered,
    CallHasEnded,
    ConferenceOverForParticipant,
    InvalidParameter,
    LabelInUse,
    NotFound,
    StoreBusy,
)
from tapedeck.domain.identity import created_at, new_id
from tapedeck.domain.notification import participant_changes
from tapedeck.domain.page import Page, PageRequest, predecessor, successor
from tapedeck.domain.participant import Label, Participant, ParticipantStatus
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.calls import Calls, conference_after_leave, participant_after_leave
from tapedeck.operations.conferences import ConferenceName, Conferences, conference_after_join, is_stale_event
from tapedeck.operations.lists import page_of
from tapedeck.ports.stores import (
    Clock,
    DialTransaction,
    EndTransaction,
    LabelTaken,
    MembershipConflict,
    NameTaken,
    ParticipantStore,
)

MAX_CONTENDED_ATTEMPTS: Final = 16
"""All who do something in a conference race for its version: with the store's pauses in between, for about 0.6 s."""


@dataclass(frozen=True, slots=True)
class ParticipantFilter:
    """Which participants are wanted (operations.md, P1); None for either."""

    muted: bool | None = None
    hold: bool | None = None
    coaching: bool | None = None


@dataclass(frozen=True, slots=True)
class UpdateParticipant:
    """What may be asked of a participant (operations.md, P4); None leaves a thing as it is.

    `commands` are left to the media engine, by name. `coaching` false forgets whom it coached; `call_to_coach` is an
    id, and without `coaching` means somebody who coaches already.
    """

    muted: bool | None = None
    hold: bool | None = None
    coaching: bool | None = None
    call_to_coach: str | None = None
    end_conference_on_exit: bool | None = None
    beep_on_exit: bool | None = None
    commands: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AddParticipant:
    """Who is to be dialed, and how to be placed (operations.md, P2).

    `record` and `callback` are of the conference, if it comes into being with this; `options` what the media engine
    must know, by name.
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


class Participants:
    """The participants of conferences; every method raises StoreBusy or StoreUnavailable when the store fails.

    Whether somebody is in a conference is derived from both: when that ends, nobody is, and nothing is written of
    them (rule R9).
    """

    def __init__(self, store: ParticipantStore, calls: Calls, conferences: Conferences, clock: Clock) -> None:
        self._store = store
        self._calls = calls
        self._conferences = conferences
        self._clock = clock

    def of_conference(
        self, account: str, conference: str, wanted: ParticipantFilter, page: PageRequest
    ) -> Page[Participant]:
        """Those who are in a conference, or are being dialed into it: who joined last first, then by call.

        A cursor is a call's id, and stays where it is when that call leaves: its place is found among all who ever
        joined (behaviour.md, section 8).

        Raises:
            NotFound: no such conference.
        """
        room, everybody = self._store.list_participants(account, conference)
        if room is None:
            raise NotFound
        inside = [each for each in everybody if room.is_live and each.is_inside and _fits(each, wanted)]
        inside.sort(key=_place, reverse=True)
        cursor = page.cursor
        if cursor is not None and cursor.backwards:
            place = _place_of(cursor.id, everybody)
            inside = [each for each in reversed(inside) if _place(each) > place]
        elif cursor is not None:
            place = _place_of(cursor.id, everybody)
            inside = [each for each in inside if _place(each) < place]
        behind = inside[page.offset :]
        found = behind[: page.size]
        return page_of(page, found, found[-1].call if len(behind) > page.size else None)

    def get(self, account: str, conference: str, who: str | Label) -> Participant:
        """One participant, by its call's id or its label.

        Raises:
            NotFound: it is not in this conference now.
        """
        try:
            return self.find(account, conference, who)
        except ConferenceOverForParticipant as left:
            raise NotFound from left

    def find(self, account: str, conference: str, who: str | Label) -> Participant:
        """The same, but told apart from somebody whose conference has ended.

        Raises:
            NotFound: it is not in this conference now.
            ConferenceOverForParticipant: it once was, and the conference has ended.
        """
        call = self._call_of(account, conference, who)
        room, (participant,) = self._store.get_participants(account, conference, [call])
        return _inside(room, participant, who)[1]

    def update(
        self,
        account: str,
        conference: str,
        who: str | Label,
        change: UpdateParticipant,
        engine_event: EngineEvent | None = None,
    ) -> Participant:
        """Mute, hold, place or coach a participant, or leave commands for it; what changes nothing writes nothing.

        What a media engine has done by itself changes nothing where it is older than what was heard last, or than what
        has been asked of the engine since: that is on its way to it.

        Args:
            account: whose.
            conference: which.
            who: a call's id, or a label.
            change: what is to be different.
            engine_event: how the media engine has told of it; else it is asked of it.

        Raises:
            NotFound, ConferenceOverForParticipant: as for `find`.
            InvalidParameter: who is to be coached is not in this conference, or is itself.
        """
        write_id = engine_event.event if engine_event is not None else new_id(self._clock())
        call = self._call_of(account, conference, who)
        calls = [call] if change.call_to_coach is None else [call, change.call_to_coach]
        for _ in range(MAX_CONTENDED_ATTEMPTS):
            found, (member, *coached) = self._store.get_participants(account, conference, calls)
            room, participant = _inside(found, member, who)
            if change.call_to_coach is not None:
                _check_coached(call, coached[0])
            now = self._clock() // 1000
            if engine_event is not None and (
                is_stale_event(participant, engine_event) or has_unexpired_request(participant, now)
            ):
                return participant
            after = _changed(participant, change)
            if after == participant and not change.commands:
                return participant
            changes = len(participant_changes(participant, after))
            # Nobody has heard of who is not connected yet.
            events = changes if participant.is_connected else 0
            after = replace(
                after,
                version=participant.version + 1,
                updated=now if changes else participant.updated,
                sequence=room.sequence + events if events else participant.sequence,
            )
            after = (
                replace(after, last_event_at=engine_event.at)
                if engine_event is not None
                else with_new_request(after, now)
            )
            room_after = replace(room, version=room.version + 1, sequence=room.sequence + events)
            try:
                self._store.change_participant((room, room_after), (participant, after), change.commands, write_id)
            except MembershipConflict:
                continue
            return after
        raise StoreBusy

    def remove(self, account: str, conference: str, who: str | Label, engine_event: EngineEvent | None = None) -> None:
        """Take a participant out of its conference, which may end with that; its call goes on.

        Args:
            account: whose.
            conference: which.
            who: a call's id, or a label.
            engine_event: how the media engine has told that it has left; else that is asked of it.

        What a media engine tells of an earlier stay changes nothing.

        Raises:
            NotFound: it is not in this conference now.
        """
        now = self._clock()
        write_id, seconds = engine_event.event if engine_event is not None else new_id(now), now // 1000
        call = self._call_of(account, conference, who)
        stopped: frozenset[str] = frozenset()
        for _ in range(MAX_CONTENDED_ATTEMPTS):
            found, (member,) = self._store.get_participants(account, conference, [call])
            try:
                room, participant = _inside(found, member, who)
            except ConferenceOverForParticipant as left:
                raise NotFound from left
            if is_stale_event(participant, engine_event):
                return
            after, ends = conference_after_leave(room, participant, seconds, write_id, kicked=engine_event is None)
            gone = participant_after_leave(room, participant, seconds, engine_event)
            ending = EndTransaction(
                write_id,
                seconds,
                conference=room,
                conference_after=after,
                conference_recordings=room.active_recordings - stopped if ends else frozenset(),
                participant=participant,
                participant_after=gone if engine_event is not None else with_new_request(gone, seconds),
                ended=engine_event.occurred_at(room.id, seconds) if engine_event is not None else None,
            )
            try:
                self._store.remove_participant(ending)
            except MembershipConflict as changed:
                stopped |= changed.stopped
                continue
            return
        raise StoreBusy

    def find_dial_target(self, account: str, conference: str | ConferenceName) -> Conference | None:
        """Where somebody is to be added: a live conference, or the one that had this name last, if any.

        Raises:
            NotFound: no conference of this id, or it has ended.
        """
        if isinstance(conference, ConferenceName):
            return self._conferences.latest_with_name(account, conference)
        room = self._conferences.get(account, conference)
        if not room.is_live:
            raise NotFound
        return room

    def add(self, account: str, conference: str | ConferenceName, wanted: AddParticipant) -> Participant:
        """Have somebody dialed: a call and a participant appear, both queued, and the conference if its name is new.

        Raises:
            NotFound: no conference of this id, or it has ended.
            LabelInUse: another participant has the label.
            InvalidParameter: the name cannot be one, or who is to be coached is not in this conference.
        """
        if isinstance(conference, ConferenceName) and not is_name(conference.text):
            raise InvalidParameter("ConferenceSid", "choice")
        now = self._clock()
        write_id, seconds = new_id(now), now // 1000
        call = Call(
            account, new_id(now), CallStatus.QUEUED, seconds, to=wanted.to, from_=wanted.from_,
            direction="outbound-api",
        )  # fmt: skip
        # Made now, so that a second try makes no second one.
        name = conference.text if isinstance(conference, ConferenceName) else ""
        made = Conference(
            account, new_id(now), name, ConferenceStatus.INIT, seconds, record=wanted.record, callback=wanted.callback
        )
        label_from: str | None = None
        for _ in range(MAX_CONTENDED_ATTEMPTS):
            found = self.find_dial_target(account, conference)
            before = found if found is not None and found.is_live else None
            room = replace(before, version=before.version + 1) if before is not None else made
            if wanted.call_to_coach is not None:
                _, (coached,) = self._store.get_participants(account, room.id, [wanted.call_to_coach])
                _check_coached(call.id, coached)
            dialing = DialTransaction(
                write_id,
                replace(call, conference=room.id),
                room,
                _queued(call, room, wanted),
                before,
                # One that has ended hands its name over.
                found.id if found is not None else None,
                label_from,
            )
            try:
                self._store.dial(dialing)
            except (MembershipConflict, NameTaken):
                continue
            except LabelTaken as taken:
                label_from = taken.holder
                if self._has(account, room.id, label_from, wanted.label):
                    raise LabelInUse from taken
            else:
                return dialing.participant
        raise StoreBusy

    def ring(self, account: str, conference: str, call: str, engine_event: EngineEvent | None = None) -> Participant:
        """Note that the telephone of somebody who was queued rings; a repetition changes nothing.

        `engine_event` is how the media engine has told of it.

        Raises:
            NotFound: no such participant.
            CallAnswered, CallHasEnded, ConferenceOverForParticipant: too late.
        """

        def ringing(_room: Conference, leg: Call, participant: Participant, now: int) -> _Advance:
            return (
                replace(leg, status=CallStatus.RINGING, updated=now, version=leg.version + 1),
                replace(
                    participant, status=ParticipantStatus.RINGING, updated=now, version=participant.version + 1,
                    confirmed_version=_confirmed(participant, engine_event),
                ),
                None,
            )  # fmt: skip

        return self._advance(account, conference, call, CallStatus.RINGING, ringing, engine_event)

    def answer(self, account: str, conference: str, call: str, engine_event: EngineEvent | None = None) -> Participant:
        """Note that somebody who was dialed has answered, and is in the conference; a repetition changes nothing.

        `engine_event` is how the media engine has told of it.

        Raises:
            NotFound: no such participant.
            CallHasEnded, ConferenceOverForParticipant: too late.
        """

        def connected(room: Conference, leg: Call, participant: Participant, now: int) -> _Advance:
            began = engine_event.occurred_at(leg.id, now) if engine_event is not None else now
            return (
                replace(leg, status=CallStatus.IN_PROGRESS, started=began, updated=now, version=leg.version + 1),
                replace(
                    participant, status=ParticipantStatus.CONNECTED, updated=now, version=participant.version + 1,
                    sequence=room.sequence + 1, confirmed_version=_confirmed(participant, engine_event),
                    last_event_at=engine_event.at if engine_event is not None else participant.last_event_at,
                ),
                conference_after_join(room, participant, now),
            )  # fmt: skip

        return self._advance(account, conference, call, CallStatus.IN_PROGRESS, connected, engine_event)

    def fail(
        self, account: str, conference: str, call: str, status: CallStatus, engine_event: EngineEvent | None = None
    ) -> Call:
        """Note that somebody who was dialed was not reached; a repetition changes nothing.

        Args:
            account: whose.
            conference: into which.
            call: whose telephone.
            status: busy, failed, no-answer or canceled.
            engine_event: how the media engine has told of it.

        Raises:
            NotFound: no such participant.
            CallAnswered, CallHasEnded: too late.
        """
        _, (participant,) = self._store.get_participants(account, conference, [call])
        if participant is None:
            raise NotFound
        try:
            return self._calls.end(
                account,
                call,
                status,
                UNANSWERED,
                engine_event=engine_event or EngineEvent(new_id(self._clock()), self._clock()),
            )
        except CallHasEnded:
            found = self._calls.get(account, call)
            if found.status is status:
                return found
            raise

    def _advance(
        self,
        account: str,
        conference: str,
        call: str,
        target: CallStatus,
        advanced: Callable[[Conference, Call, Participant, int], "_Advance"],
        engine_event: EngineEvent | None,
    ) -> Participant:
        write_id = engine_event.event if engine_event is not None else new_id(self._clock())
        for _ in range(MAX_CONTENDED_ATTEMPTS):
            found, (member,) = self._store.get_participants(account, conference, [call])
            room, participant = _inside(found, member, call)
            leg = self._calls.get(account, call)
            if leg.status is target and (target is CallStatus.RINGING or participant.is_connected):
                return participant
            if not leg.is_live:
                raise CallHasEnded
            if leg.status not in UNANSWERED:
                raise CallAnswered
            leg_after, after, room_after = advanced(room, leg, participant, self._clock() // 1000)
            rooms = (room, room_after) if room_after is not None else None
            try:
                self._store.apply_progress((leg, leg_after), (participant, after), rooms, write_id)
            except MembershipConflict:
                continue
            return after
        raise StoreBusy

    def _call_of(self, account: str, conference: str, who: str | Label) -> str:
        if isinstance(who, str):
            return who
        call = self._store.get_labelled_call(account, conference, who.text)
        if call is None:
            raise NotFound
        return call

    def _has(self, account: str, conference: str, call: str, label: str | None) -> bool:
        _, (participant,) = self._store.get_participants(account, conference, [call])
        return participant is not None and participant.is_inside and participant.label == label


def _confirmed(participant: Participant, engine_event: EngineEvent | None) -> int:
    """What is confirmed once this has been heard: what was asked last, if it answers just that."""
    return (
        participant.requested_version
        if engine_event is not None and engine_event.version == participant.requested_version
        else participant.confirmed_version
    )


_Advance = tuple[Call, Participant, Conference | None]
"""A call, its participant, and perhaps the conference, as they are to be."""


def _inside(
    room: Conference | None, participant: Participant | None, who: str | Label
) -> tuple[Conference, Participant]:
    if room is None or participant is None or (isinstance(who, Label) and participant.label != who.text):
        raise NotFound
    if not room.is_live:
        raise ConferenceOverForParticipant
    if not participant.is_inside:
        raise NotFound
    return room, participant


def _fits(participant: Participant, wanted: ParticipantFilter) -> bool:
    return all(
        asked is None or asked == found
        for asked, found in (
            (wanted.muted, participant.muted),
            (wanted.hold, participant.hold),
            (wanted.coaching, participant.coaching),
        )
    )


def _place(participant: Participant) -> tuple[int, str]:
    return participant.joined, participant.call


def _place_of(call: str, everybody: Sequence[Participant]) -> tuple[int, str]:
    """Where a call stands in the list, or right beside a neighbour; for others, as if they had joined at once."""
    joined_at = {each.call: each.joined for each in everybody}
    for near in (call, successor(call), predecessor(call)):
        if near in joined_at:
            return joined_at[near], call
    return created_at(call), call


def _check_coached(call: str, coached: Participant | None) -> None:
    if coached is None or not coached.is_inside or coached.call == call:
        raise InvalidParameter("CallSidToCoach", "coaching")


def _changed(participant: Participant, change: UpdateParticipant) -> Participant:
    """The participant as it is asked to be, but for version and times."""
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
