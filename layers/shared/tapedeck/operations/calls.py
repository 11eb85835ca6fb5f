"""Calls: read, register, redirect and end them, together with their recordings and conference membership."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tapedeck.domain.call import LIVE, UNANSWERED, Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.engine_command import EngineEvent, with_new_request
from tapedeck.domain.errors import CallAlreadyEnded, CallAnswered, CallHasEnded, CallNotInProgress, NotFound, StoreBusy
from tapedeck.domain.identity import new_id
from tapedeck.domain.participant import Participant
from tapedeck.ports.clock import Clock
from tapedeck.ports.parents import EndConflict, EndTransaction, ParentConflict
from tapedeck.ports.stores import Store

MAX_END_ATTEMPTS: Final = 10
"""Attempts to end a call or conference while other writes race it; each conflict returns the newer state."""


@dataclass(frozen=True, slots=True)
class UpdateCall:
    """A requested change of a call.

    Args:
        status: canceled or completed, to end the call; the other fields are then ignored (C-25).
        redirect: new instructions: `{url, method}` or `{markup}`.
        settings: `fallback`, `status_callback` and `time_limit`, sent with the redirect command.
        cancel_ignores_answered_calls: whether canceling an answered call succeeds without changing it.
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
        """Return one call.

        Raises:
            NotFound: the account has no such call.
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
        """Store a call that the media engine has started; a call that is already stored stays unchanged.

        Args:
            account: the account's id.
            to: the called party.
            from_: the calling party.
            direction: one of `inbound`, `outbound-api`, `outbound-dial`.
            status: queued, ringing or in-progress.
            call: the id that the media engine assigned; None for a new one.
            parent: the id of the parent call, if any.
            engine_event: the engine's event that reported it, if any.
        """
        now = self._clock()
        identifier = call or new_id(now)
        began = engine_event.occurred_at(identifier, now // 1000) if engine_event is not None else now // 1000
        new_call = Call(
            account=account, id=identifier, status=status, updated=now // 1000, to=to, from_=from_,
            direction=direction, started=began if status is CallStatus.IN_PROGRESS else None, parent_call=parent,
        )  # fmt: skip
        self._store.put_call(new_call)
        return new_call

    def apply_progress(self, account: str, call: str, target: CallStatus, engine_event: EngineEvent) -> Call:
        """Record that a call is ringing or was answered. Idempotent.

        Raises:
            NotFound: no such call.
            CallAnswered: the target is ringing, but the call is already answered.
            CallHasEnded: the call has already ended.
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
        """End, cancel or redirect a call; an empty change only reads it.

        Raises:
            NotFound: no such call.
            CallAlreadyEnded: a status was requested, but it is already in a final state.
            CallHasEnded: its settings cannot change, because it is in a final state.
            CallAnswered: it cannot be canceled, because it is in progress.
            CallNotInProgress: it cannot be redirected, because it is not answered yet or has ended.
        """
        if change.status is not None:
            is_cancel = change.status is CallStatus.CANCELED
            try:
                return self.end(account, call, change.status, UNANSWERED if is_cancel else LIVE)
            except CallHasEnded as ended:
                raise CallAlreadyEnded from ended
            except CallAnswered:
                if not change.cancel_ignores_answered_calls:
                    raise
                return self.get(account, call)
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
        """End a call, stop its recordings and remove it from its conference, in one transaction (REL-9).

        Args:
            account: the account's id.
            call: the call's id.
            status: the final status.
            sources: the statuses from which it may end; `UNANSWERED` raises CallAnswered if it was answered meanwhile.
            engine_event: the engine's event that reported the end; None sends the command to hang up.

        Raises:
            NotFound: no such call.
            CallHasEnded: it is already in a final state.
            CallAnswered: its current status is not one of `sources`.
        """
        now = self._clock()
        write_id = engine_event.event if engine_event is not None else new_id(now)
        seconds = now // 1000
        ended = engine_event.occurred_at(call, seconds) if engine_event is not None else seconds
        unread = Call(account=account, id=call, status=status, updated=seconds, ended=ended)
        try:
            return self._store.end_call(unread, unread, write_id, sources, needs_command=engine_event is None)
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
            # The write was conditional on the version, so `call_after` is the stored state.
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
        return ending  # never counted, never published
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
    """Return the participant after it left or was not reached; `engine_event` reported that, if given.

    Its coach is not changed (C-66).
    """
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
    """Return the conference after this participant left, and whether that ended the conference.

    With `kicked` it was removed over the API; otherwise it hung up. Participants count only once connected (C-65).
    """
    left = replace(conference, version=conference.version + 1)
    if not participant.is_connected:
        return left, False
    remaining = conference.participants - 1
    left = replace(left, participants=remaining, sequence=conference.sequence + 1)
    if remaining > 0 and not participant.end_conference_on_exit:
        return left, False
    # Request the end from the engine even if the engine reported the cause: the remaining participants must leave.
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
"""Keys: whether the participant ends the conference on exit, and whether it was kicked."""
