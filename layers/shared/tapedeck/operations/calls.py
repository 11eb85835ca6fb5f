"""Calls: read and redirect them, note that one has appeared, and end one with all that hangs on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tapedeck.domain.call import LIVE, UNANSWERED, Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.engine_command import EngineEvent, with_new_request
from tapedeck.domain.errors import CallAnswered, CallHasEnded, CallNotInProgress, NotFound, StoreBusy
from tapedeck.domain.identity import new_id
from tapedeck.domain.participant import Participant
from tapedeck.ports.stores import Clock, EndConflict, EndTransaction, ParentConflict, Store

MAX_END_ATTEMPTS: Final = 10
"""An end must win against starts that race it: each loss shows a newer state, so ten are plenty."""


@dataclass(frozen=True, slots=True)
class UpdateCall:
    """What may be asked of a call (operations.md, C3).

    Args:
        status: canceled or completed: the call is to end, whatever else is asked.
        redirect: what the call is to do next: `url` and `method`, or `twiml`, and what goes with them.
        settings: what else is left to the media engine, by name.
        cancel_ignores_answered_calls: whether to cancel a call that has been answered is granted, and changes nothing.
    """

    status: CallStatus | None = None
    redirect: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    cancel_ignores_answered_calls: bool = False


class Calls:
    """The calls of an account; every method raises StoreBusy or StoreUnavailable when the store fails."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def get(self, account: str, call: str) -> Call:
        """One call.

        Raises:
            NotFound: this account has none of this id.
        """
        found = self._store.get_call(account, call)
        if found is None:
            raise NotFound
        return found

    def register(
        self,
        account: str,
        *,
        to: str,
        from_: str,
        direction: str,
        status: CallStatus = CallStatus.IN_PROGRESS,
        call: str | None = None,
        parent: str | None = None,
        engine_event: EngineEvent | None = None,
    ) -> Call:
        """Note a call that a media engine has begun.

        Args:
            account: whose.
            to: who is called.
            from_: who calls.
            direction: one of `inbound`, `outbound-api`, `outbound-dial`.
            status: queued, ringing or in progress.
            call: the id that the media engine has given it; else a fresh one. What is there already stays as it is.
            parent: the call out of which it was made, if any.
            engine_event: how the media engine has told of it.
        """
        now = self._clock()
        identifier = call or new_id(now)
        began = engine_event.occurred_at(identifier, now // 1000) if engine_event is not None else now // 1000
        made = Call(
            account=account, id=identifier, status=status, updated=now // 1000, to=to, from_=from_,
            direction=direction, started=began if status is CallStatus.IN_PROGRESS else None, parent_call=parent,
        )  # fmt: skip
        self._store.put_call(made)
        return made

    def apply_progress(self, account: str, call: str, target: CallStatus, engine_event: EngineEvent) -> Call:
        """Note that a call rings, or has been answered; a repetition changes nothing.

        Raises:
            NotFound: no such call.
            CallAnswered: it is to ring, and has been answered.
            CallHasEnded: too late.
        """
        for _ in range(MAX_END_ATTEMPTS):
            found = self.get(account, call)
            if found.status is target:
                return found
            if not found.is_live:
                raise CallHasEnded
            if found.status not in UNANSWERED:
                raise CallAnswered
            now = self._clock() // 1000
            started = engine_event.occurred_at(call, now) if target is CallStatus.IN_PROGRESS else None
            after = replace(found, status=target, updated=now, started=started, version=found.version + 1)
            try:
                self._store.change_call(found, after, engine_event.event)
            except ParentConflict:
                continue
            return after
        raise StoreBusy

    def update(self, account: str, call: str, change: UpdateCall) -> Call:
        """End, cancel or redirect a call (behaviour.md, section 4); with nothing asked, just read it.

        Raises:
            NotFound: no such call.
            CallHasEnded: it is in a final state already.
            CallAnswered: it is in progress, and is to be canceled.
            CallNotInProgress: it is to be redirected, and has not been answered, or has ended.
        """
        if change.status is CallStatus.CANCELED:
            try:
                return self.end(account, call, CallStatus.CANCELED, UNANSWERED)
            except CallAnswered:
                if not change.cancel_ignores_answered_calls:
                    raise
                return self.get(account, call)
        if change.status is not None:
            return self.end(account, call, change.status)
        commands = {**change.settings, **({"redirect": change.redirect} if change.redirect is not None else {})}
        if not commands:
            return self.get(account, call)
        sources = LIVE if change.redirect is None else frozenset({CallStatus.IN_PROGRESS})
        now = self._clock()
        try:
            return self._store.queue_call_commands(account, call, commands, sources, now // 1000, new_id(now))
        except ParentConflict as changed:
            if changed.found is None:
                raise NotFound from changed
            raise (CallHasEnded if change.redirect is None else CallNotInProgress) from changed

    def end(
        self,
        account: str,
        call: str,
        status: CallStatus = CallStatus.COMPLETED,
        sources: frozenset[CallStatus] = LIVE,
        *,
        engine_event: EngineEvent | None = None,
    ) -> Call:
        """End a call: its recordings stop and it leaves its conference, in one write (rule R9).

        Args:
            account: whose.
            call: which.
            status: the final state that it reaches.
            sources: the states from which it may; what is answered meanwhile does not end from `UNANSWERED`.
            engine_event: how the media engine has told that it ended; else that is asked of it.

        Raises:
            NotFound: no such call.
            CallHasEnded: it is in a final state already.
            CallAnswered: it is in progress, and that is none of the sources.
        """
        now = self._clock()
        write_id = engine_event.event if engine_event is not None else new_id(now)
        seconds = now // 1000
        ended = engine_event.occurred_at(call, seconds) if engine_event is not None else seconds
        unread = Call(account=account, id=call, status=status, updated=seconds, ended=ended)
        try:
            return self._store.end_call(unread, unread, write_id, sources, asks=engine_event is None)
        except ParentConflict as changed:
            found = changed.found
        conference: Conference | None = None
        participant: Participant | None = None
        stopped: frozenset[str] = frozenset()
        for _ in range(MAX_END_ATTEMPTS):
            if not isinstance(found, Call):
                raise NotFound
            if found.end_write_id == write_id:
                return found
            if not found.is_live:
                raise CallHasEnded
            if found.status not in sources:
                raise CallAnswered
            if found.conference is not None:
                conference, participant = self._store.get_membership(account, found.conference, found.id)
            ending = _call_ending(found, conference, participant, status, seconds, write_id, stopped, engine_event)
            try:
                self._store.end(ending)
            except EndConflict as refused:
                found = refused.call or found
                stopped |= refused.stopped
                continue
            # `call_after` is what the write left: its version was the condition.
            return ending.call_after or found
        raise StoreBusy


def _call_ending(
    call: Call,
    conference: Conference | None,
    participant: Participant | None,
    status: CallStatus,
    now: int,
    write_id: str,
    stopped: frozenset[str],
    engine_event: EngineEvent | None,
) -> EndTransaction:
    ended = engine_event.occurred_at(call.id, now) if engine_event is not None else now
    after = replace(
        call,
        status=status,
        updated=now,
        ended=ended,
        version=call.version + 1,
        active_recordings=frozenset(),
        end_write_id=write_id,
    )
    after = with_new_request(after, now) if engine_event is None else after
    ending = EndTransaction(
        write_id, now, call=call, call_after=after, call_recordings=call.active_recordings - stopped, ended=ended
    )
    if conference is None or participant is None or not conference.is_live or not participant.is_inside:
        return ending
    gone = participant_after_leave(conference, participant, now, engine_event)
    ending = replace(ending, participant=participant, participant_after=gone)
    if not participant.is_connected:
        return ending  # it was never counted, and nobody has heard of it
    left, ends = conference_after_leave(conference, participant, now, write_id)
    return replace(
        ending,
        conference=conference,
        conference_after=left,
        conference_recordings=conference.active_recordings - stopped if ends else frozenset(),
    )


def participant_after_leave(
    conference: Conference, participant: Participant, now: int, engine_event: EngineEvent | None = None
) -> Participant:
    """The participant after it has left, or has not been reached, as the media engine has told, if it has."""
    gone = replace(
        participant,
        status=participant.exit_status,
        left=now,
        updated=now,
        version=participant.version + 1,
        sequence=conference.sequence + 1 if participant.is_connected else participant.sequence,
    )
    return replace(gone, last_event_at=max(engine_event.at, gone.last_event_at)) if engine_event is not None else gone


def conference_after_leave(
    conference: Conference, participant: Participant, now: int, write_id: str, *, kicked: bool = False
) -> tuple[Conference, bool]:
    """The conference after this participant has left, and whether that ended it (behaviour.md, section 6).

    `kicked` tells that it was removed; otherwise it has hung up. Who was not connected yet was never counted.
    """
    left = replace(conference, version=conference.version + 1)
    if not participant.is_connected:
        return left, False
    remaining = conference.participants - 1
    left = replace(left, participants=remaining, sequence=conference.sequence + 1)
    if remaining > 0 and not participant.end_conference_on_exit:
        return left, False
    # Whoever is left in it must go: that its engine knows why does not tell that it has seen to it.
    left = with_new_request(left, now)
    ended = replace(
        left,
        status=ConferenceStatus.COMPLETED,
        sequence=left.sequence + 1,
        updated=now,
        ended=now,
        reason=_REASONS[participant.end_conference_on_exit, kicked],
        ending_call=participant.call,
        active_recordings=frozenset(),
        end_write_id=write_id,
    )
    return ended, True


_REASONS: Final = {
    (True, True): EndReason.END_ON_EXIT_KICKED,
    (True, False): EndReason.END_ON_EXIT_LEFT,
    (False, True): EndReason.LAST_KICKED,
    (False, False): EndReason.LAST_LEFT,
}
"""By whether the participant ends the conference on exit, and whether it was kicked."""
