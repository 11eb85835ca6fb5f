"""Progress of dialed participants: ringing, answered, or not reached."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tapedeck.domain.call import UNANSWERED, Call, CallStatus
from tapedeck.domain.conference import Conference
from tapedeck.domain.engine_event import EngineEvent
from tapedeck.domain.errors import CallAnswered, CallHasEnded, ConferenceOverForParticipant, NotFound, StoreBusy
from tapedeck.domain.identity import new_id
from tapedeck.domain.participant import Label, Participant, ParticipantStatus
from tapedeck.operations.calls import Calls
from tapedeck.operations.conferences import conference_after_join
from tapedeck.ports.clock import Clock
from tapedeck.ports.participants import MembershipConflict, ParticipantStore

MAX_CONTENDED_ATTEMPTS: Final = 16
"""Attempts of a conditional write on a busy conference: about 0.6 s with the store's pauses in between (C-67)."""


class DialProgress:
    """Applies what is reported about dialed participants; every method is idempotent.

    Every method raises StoreBusy or StoreUnavailable when the store fails.
    """

    def __init__(self, store: ParticipantStore, calls: Calls, clock: Clock) -> None:
        self._store = store
        self._calls = calls
        self._clock = clock

    def ring(self, account: str, conference: str, call: str, engine_event: EngineEvent | None = None) -> Participant:
        """Record that a queued participant's call is ringing. Idempotent.

        Args:
            account: the account's id.
            conference: the conference's id.
            call: the participant's call.
            engine_event: the engine's event that reported it, if any.

        Raises:
            NotFound: no such participant.
            CallAnswered: the call is already answered.
            CallHasEnded: the call has already ended.
            ConferenceOverForParticipant: the conference has ended.
        """

        def ringing(_conference_now: Conference, call_now: Call, participant: Participant, now: int) -> _Advance:
            rang = engine_event.occurred_at(call_now.id, now) if engine_event is not None else now
            return (
                replace(call_now, status=CallStatus.RINGING, rang=rang, updated=now, version=call_now.version + 1),
                replace(
                    participant, status=ParticipantStatus.RINGING, updated=now, version=participant.version + 1,
                    confirmed_version=_confirmed(participant, engine_event),
                ),
                None,
            )  # fmt: skip

        return self._advance(account, conference, call, CallStatus.RINGING, ringing, engine_event)

    def answer(self, account: str, conference: str, call: str, engine_event: EngineEvent | None = None) -> Participant:
        """Record that a dialed participant answered and joined the conference. Idempotent.

        Args:
            account: the account's id.
            conference: the conference's id.
            call: the participant's call.
            engine_event: the engine's event that reported it, if any.

        Raises:
            NotFound: no such participant.
            CallHasEnded: the call has already ended.
            ConferenceOverForParticipant: the conference has ended.
        """

        def connected(conference_now: Conference, call_now: Call, participant: Participant, now: int) -> _Advance:
            began = engine_event.occurred_at(call_now.id, now) if engine_event is not None else now
            return (
                replace(
                    call_now, status=CallStatus.IN_PROGRESS, started=began, updated=now, version=call_now.version + 1
                ),
                replace(
                    participant, status=ParticipantStatus.CONNECTED, updated=now, version=participant.version + 1,
                    sequence=conference_now.sequence + 1, confirmed_version=_confirmed(participant, engine_event),
                    last_event_at=max(engine_event.at if engine_event is not None else 0, participant.last_event_at),
                ),
                conference_after_join(conference_now, participant, now),
            )  # fmt: skip

        return self._advance(account, conference, call, CallStatus.IN_PROGRESS, connected, engine_event)

    def fail(
        self, account: str, conference: str, call: str, status: CallStatus, engine_event: EngineEvent | None = None
    ) -> Call:
        """Record that a dialed participant was not reached. Idempotent.

        Args:
            account: the account's id.
            conference: the conference's id.
            call: the participant's call.
            status: busy, failed, no-answer or canceled.
            engine_event: the engine's event that reported it, if any.

        Raises:
            NotFound: no such participant.
            CallAnswered: the call is already answered.
            CallHasEnded: the call has already ended with another status.
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
                engine_event=engine_event or EngineEvent(new_id(self._clock()), account, "", 0, self._clock()),
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
        write_id = engine_event.id if engine_event is not None else new_id(self._clock())
        for _ in range(MAX_CONTENDED_ATTEMPTS):
            conference_row, (participant_row,) = self._store.get_participants(account, conference, [call])
            conference_now, participant = require_inside(conference_row, participant_row, call)
            call_now = self._calls.get(account, call)
            if call_now.status is target and (target is CallStatus.RINGING or participant.is_connected):
                return participant
            if not call_now.is_live:
                raise CallHasEnded
            if call_now.status not in UNANSWERED:
                raise CallAnswered
            call_after, after, conference_after = advanced(conference_now, call_now, participant, self._clock() // 1000)
            conference_change = (conference_now, conference_after) if conference_after is not None else None
            try:
                self._store.apply_progress((call_now, call_after), (participant, after), conference_change, write_id)
            except MembershipConflict:
                continue
            return after
        raise StoreBusy


def require_inside(
    conference: Conference | None, participant: Participant | None, who: str | Label
) -> tuple[Conference, Participant]:
    """Return a live conference and a participant that has not left it.

    Raises:
        NotFound: one of them does not exist, the participant has left, or it no longer has the label `who`.
        ConferenceOverForParticipant: the conference has ended.
    """
    if conference is None or participant is None or (isinstance(who, Label) and participant.label != who.text):
        raise NotFound
    if not conference.is_live:
        raise ConferenceOverForParticipant
    if not participant.is_inside:
        raise NotFound
    return conference, participant


def _confirmed(participant: Participant, engine_event: EngineEvent | None) -> int:
    """Return the confirmed version after this event: the requested one, if the event acknowledges it."""
    return (
        participant.requested_version
        if engine_event is not None and engine_event.version == participant.requested_version
        else participant.confirmed_version
    )


_Advance = tuple[Call, Participant, Conference | None]
"""The new state of a call, its participant and, if it changes, the conference."""
