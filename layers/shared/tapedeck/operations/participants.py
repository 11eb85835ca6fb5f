"""Participants of conferences: list, update, remove and dial them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, is_name
from tapedeck.domain.engine_command import with_new_request
from tapedeck.domain.errors import (
    ConferenceOverForParticipant,
    InvalidParameter,
    LabelInUse,
    NoEngineAvailable,
    NotFound,
    StoreBusy,
)
from tapedeck.domain.identity import new_id
from tapedeck.domain.notification import participant_changes
from tapedeck.domain.page import Page, PageRequest
from tapedeck.domain.participant import Label, Participant, ParticipantStatus, with_settings
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.calls import Calls
from tapedeck.operations.conferences import ConferenceName, Conferences
from tapedeck.operations.dial_progress import MAX_CONTENDED_ATTEMPTS, require_inside
from tapedeck.operations.engine_choice import EngineChooser
from tapedeck.operations.leaving import participant_after_leave, participant_removal
from tapedeck.operations.participant_list import ParticipantFilter, select_page
from tapedeck.ports.clock import Clock
from tapedeck.ports.conferences import NameTaken
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


class Participants:
    """The participants of conferences; every method raises StoreBusy or StoreUnavailable when the store fails.

    Membership is derived from the participant and its conference: the end of a conference removes all participants
    without writing their rows (REL-9).

    Args:
        store: the participants.
        calls: their calls.
        conferences: their conferences.
        clock: milliseconds.
        choose_engine: chooses the engine of a conference that has none.
        require_alive: raises NoEngineAvailable if the engine of a conference is not alive.
    """

    def __init__(
        self,
        store: ParticipantStore,
        calls: Calls,
        conferences: Conferences,
        clock: Clock,
        choose_engine: EngineChooser,
        require_alive: Callable[[str], object] = lambda _engine: None,
    ) -> None:
        self._store = store
        self._calls = calls
        self._clock = clock
        self._conferences = conferences
        self._choose_engine = choose_engine
        self._require_alive = require_alive

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

    def update(self, account: str, conference: str, who: str | Label, change: UpdateParticipant) -> Participant:
        """Mute, hold or coach a participant, set its options, or queue commands; an empty change writes nothing.

        Args:
            account: the account's id.
            conference: the conference's id.
            who: a call's id, or a label.
            change: the requested change, which is sent to the engine as a command.

        Raises:
            NotFound: it is not in this conference now.
            ConferenceOverForParticipant: it was in this conference, which has ended.
            InvalidParameter: the participant to coach is not in this conference, or is this participant.
        """
        write_id = new_id(self._clock())
        call = self._call_of(account, conference, who)
        calls = [call] if change.call_to_coach is None else [call, change.call_to_coach]
        for _ in range(MAX_CONTENDED_ATTEMPTS):
            conference_row, (participant_row, *coached) = self._store.get_participants(account, conference, calls)
            conference_now, participant = require_inside(conference_row, participant_row, who)
            if change.call_to_coach is not None:
                _check_coached(call, coached[0])
            now = self._clock() // 1000
            after = with_settings(participant, change)
            if after == participant and not change.command_payload:
                return participant
            conference_after, after = settings_change(conference_now, participant, after, now)
            after = with_new_request(after, now)
            try:
                self._store.change_participant(
                    (conference_now, conference_after), (participant, after), change.command_payload, write_id
                )
            except MembershipConflict:
                continue
            return after
        raise StoreBusy

    def remove(self, account: str, conference: str, who: str | Label) -> None:
        """Remove a participant from its conference, which may end the conference; the engine is sent the command.

        Its call goes on, but one that was dialed into the conference ends in the same transaction: it has no other
        instructions.

        Args:
            account: the account's id.
            conference: the conference's id.
            who: a call's id, or a label.

        Raises:
            NotFound: it is not in this conference now.
        """
        now = self._clock()
        write_id, seconds = new_id(now), now // 1000
        call = self._call_of(account, conference, who)
        stopped: frozenset[str] = frozenset()
        for _ in range(MAX_CONTENDED_ATTEMPTS):
            conference_row, (participant_row,) = self._store.get_participants(account, conference, [call])
            try:
                conference_now, participant = require_inside(conference_row, participant_row, who)
            except ConferenceOverForParticipant as left:
                raise NotFound from left
            gone = with_new_request(participant_after_leave(conference_now, participant, seconds), seconds)
            call_now = self._live_call(account, conference, call) if participant.was_dialed else None
            try:
                self._store.remove_participant(
                    participant_removal(
                        conference_now, participant, gone, call_now, seconds, write_id, stopped, kicked=True
                    )
                )
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

        The call belongs to the engine of the conference. A conference without one gets the engine with most room.

        Raises:
            NoEngineAvailable: the conference has no engine, and none can take it; or its engine is not alive.
            NotEligibleForRecording: no engine that can take the conference can record it as requested.
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
            # A conference that exists is not recorded because of this request.
            is_recorded = before is None and wanted.record
            target = self._with_engine(target, frozenset({"conference_recording"} if is_recorded else ()))
            dialing = DialTransaction(
                write_id,
                replace(call, conference=target.id, engine=target.engine),
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

    def _with_engine(self, conference: Conference, needed: frozenset[str]) -> Conference:
        """Return the conference with an engine: its own, which must be alive, else the one with most room.

        `needed` are the capabilities that a chosen engine must have.
        """
        if conference.engine is not None:
            self._require_alive(conference.engine)
        engine = conference.engine or self._choose_engine(conference.account, needed)
        if engine is None:
            raise NoEngineAvailable
        return replace(conference, engine=engine)

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


def _check_coached(call: str, coached: Participant | None) -> None:
    if coached is None or not coached.is_inside or coached.call == call:
        raise InvalidParameter("CallSidToCoach", "coaching", "not a call in this conference")


def settings_change(
    conference: Conference, participant: Participant, after: Participant, now: int
) -> tuple[Conference, Participant]:
    """Return a conference and a participant after a change of the participant's settings."""
    changes = len(participant_changes(participant, after))
    # No event is published about a participant before it is connected.
    events = changes if participant.is_connected else 0
    after = replace(
        after,
        version=participant.version + 1,
        updated=now if changes else participant.updated,
        sequence=conference.sequence + events if events else participant.sequence,
    )
    return replace(conference, version=conference.version + 1, sequence=conference.sequence + events), after


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
