"""Calls: read, register, redirect and end them, together with their recordings and conference membership."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from tapedeck.domain.call import LIVE, UNANSWERED, Call, CallStatus
from tapedeck.domain.conference import Conference
from tapedeck.domain.engine_command import with_new_request
from tapedeck.domain.errors import (
    CallAlreadyEnded,
    CallAnswered,
    CallHasEnded,
    CallNotEnded,
    CallNotInProgress,
    NotFound,
    StoreBusy,
)
from tapedeck.domain.identity import new_id
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.leaving import (
    call_ending,
    exit_status_of,
    participant_after_redirect,
    with_leave,
    write_ending,
)
from tapedeck.ports.clock import Clock
from tapedeck.ports.parents import EndTransaction, ParentConflict
from tapedeck.ports.stores import Store

if TYPE_CHECKING:
    from tapedeck.domain.participant import Participant


_DELETED_KEPT_SECONDS: Final = 7 * 86_400
"""How long the item of a deleted call is kept, so that a late event of the engine does not create it again (C-374)."""


@dataclass(frozen=True, slots=True)
class UpdateCall:
    """A requested change of a call.

    Args:
        status: canceled or completed, to end the call; `redirect` and `settings` are then ignored (C-25).
        redirect: new instructions: `{url, method}` or `{markup}`.
        settings: `fallback` and `time_limit`, sent with the redirect command.
        cancel_ignores_answered_calls: whether canceling an answered call succeeds without changing it.
        callback: the subscription that replaces the call's, if any.
    """

    status: CallStatus | None = None
    redirect: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    cancel_ignores_answered_calls: bool = False
    callback: CallbackSubscription | None = None


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
        if found is None or found.is_deleted:
            raise NotFound
        return found

    def delete(self, account: str, call: str) -> None:
        """Delete a call that has ended; its recordings stay.

        Raises:
            NotFound: the account has no such call.
            CallNotEnded: it is not in a final state.
        """
        now = self._clock()
        try:
            self._store.delete_call(account, call, now // 1000 + _DELETED_KEPT_SECONDS, new_id(now))
        except ParentConflict as changed:
            if not isinstance(changed.found, Call) or changed.found.is_deleted:
                raise NotFound from changed
            raise CallNotEnded from changed

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
        engine: str | None = None,
    ) -> Call:
        """Store a call as if the media engine had started it now; a call that is already stored stays unchanged.

        Args:
            account: the account's id.
            to: the called party.
            from_: the calling party.
            direction: one of `inbound`, `outbound-api`, `outbound-dial`.
            status: queued, ringing or in-progress.
            call: the id that the media engine assigned; None for a new one.
            parent: the id of the parent call, if any.
            engine: the name of the media engine that has it; None if none has.
        """
        now = self._clock()
        identifier = call or new_id(now)
        new_call = Call(
            account=account, id=identifier, status=status, updated=now // 1000, to=to, from_=from_,
            direction=direction, started=now // 1000 if status is CallStatus.IN_PROGRESS else None, parent_call=parent,
            engine=engine,
        )  # fmt: skip
        self._store.put_call(new_call)
        return new_call

    def update(self, account: str, call: str, change: UpdateCall) -> Call:
        """End, cancel or redirect a call, or replace its callback subscription; an empty change only reads it.

        Raises:
            NotFound: no such call.
            CallAlreadyEnded: a status was requested, but it is already in a final state.
            CallHasEnded: its settings cannot change, because it is in a final state (C-154).
            CallAnswered: it cannot be canceled, because it is in progress.
            CallNotInProgress: it cannot be redirected, because it is not answered yet or has ended.
        """
        if change.status is not None:
            is_cancel = change.status is CallStatus.CANCELED
            try:
                sources = UNANSWERED if is_cancel else LIVE
                return self.end(account, call, change.status, sources, callback=change.callback)
            except CallHasEnded as ended:
                raise CallAlreadyEnded from ended
            except CallAnswered:
                if not change.cancel_ignores_answered_calls:
                    raise
                return self.get(account, call)
        commands = {**change.settings, **({"redirect": change.redirect} if change.redirect is not None else {})}
        if not commands and change.callback is None:
            return self.get(account, call)
        sources = LIVE if change.redirect is None else frozenset({CallStatus.IN_PROGRESS})
        now = self._clock()
        write_id = new_id(now)
        try:
            return self._store.queue_call_commands(
                account, call, commands, change.callback, sources, now // 1000, write_id
            )
        except ParentConflict as changed:
            found = changed.found
            if not isinstance(found, Call) or found.is_deleted:
                raise NotFound from changed
            if change.redirect is None:
                raise CallHasEnded from changed
        return self._redirect_participant(found, commands, change.callback, now, write_id)

    def _redirect_participant(
        self,
        found: Call,
        commands: Mapping[str, Any],
        callback: CallbackSubscription | None,
        now: int,
        write_id: str,
    ) -> Call:
        """Redirect a call that has been in a conference; if it is inside, it leaves in the same transaction.

        Args:
            found: the call as last read.
            commands: the payload of the engine commands.
            callback: the new callback subscription, if any.
            now: milliseconds.
            write_id: the id of the write.

        Raises:
            CallNotInProgress: it has ended, or it ends because its conference has ended and it was dialed into it.
        """

        def build(call: Call | Conference, stopped: frozenset[str]) -> EndTransaction:
            if not isinstance(call, Call) or call.status is not CallStatus.IN_PROGRESS:
                raise CallNotInProgress
            conference, participant = self._store.get_membership(call.account, call.conference or "", call.id)
            after = replace(call, version=call.version + 1, callback=callback or call.callback)
            after = with_new_request(after, now // 1000)
            leaving = EndTransaction(write_id, now // 1000, call=call, call_after=after, call_commands=commands)
            if conference is not None and participant is not None and participant.is_inside:
                if conference.is_live:
                    gone = participant_after_redirect(conference, participant, now // 1000)
                    leaving = with_leave(leaving, conference, participant, gone, stopped)
                elif participant.was_dialed:
                    raise CallNotInProgress
            return leaving

        return _call_of(write_ending(self._store.redirect_participant, build, found))

    def end(
        self,
        account: str,
        call: str,
        status: CallStatus = CallStatus.COMPLETED,
        sources: frozenset[CallStatus] = LIVE,
        *,
        callback: CallbackSubscription | None = None,
    ) -> Call:
        """End a call, stop its recordings and remove it from its conference, in one transaction (REL-9).

        The engine is sent the command to hang up.

        Args:
            account: the account's id.
            call: the call's id.
            status: the final status.
            sources: the statuses from which it may end; `UNANSWERED` raises CallAnswered if it was answered meanwhile.
            callback: replaces the subscription of the call, which then gets this end; None keeps it.

        Raises:
            NotFound: no such call.
            CallHasEnded: it is already in a final state.
            CallAnswered: its current status is not one of `sources`.
        """
        now = self._clock()
        write_id, seconds = new_id(now), now // 1000
        unread = Call(account=account, id=call, status=status, updated=seconds, ended=seconds)
        try:
            if callback is None:
                return self._store.end_call(unread, unread, write_id, sources)
            found: object = self._store.get_call(account, call)
        except ParentConflict as changed:
            found = changed.found
        if not isinstance(found, Call) or found.is_deleted:
            raise NotFound
        ended = found

        def build(call_now: Call | Conference, stopped: frozenset[str]) -> EndTransaction | None:
            nonlocal ended
            ended = _require_call(call_now)
            if ended.end_write_id == write_id:
                return None
            if not ended.is_live:
                raise CallHasEnded
            if ended.status not in sources:
                raise CallAnswered
            conference, participant = self._membership(ended)
            return call_ending(ended, conference, participant, status, seconds, write_id, stopped, callback=callback)

        # The write was conditional on the version, so `call_after` is the stored state.
        ending = write_ending(self._store.end, build, found)
        return _call_of(ending) if ending is not None else ended

    def _membership(self, call: Call) -> "tuple[Conference | None, Participant | None]":
        if call.conference is None:
            return None, None
        return self._store.get_membership(call.account, call.conference, call.id)

    def end_all_after_conference(self, calls: Sequence[Call]) -> int:
        """End calls that were dialed into a conference that has ended; return how many this ended. Idempotent.

        Every call is tried, then StoreBusy is raised if one could not be ended.
        """
        ended, busy = 0, None
        for call in calls:
            try:
                ended += self.end_after_conference(call)
            except StoreBusy as error:
                busy = error
        if busy is not None:
            raise busy
        return ended

    def end_after_conference(self, call: Call) -> bool:
        """End a call that was dialed into a conference that has ended. Idempotent; sends the command to hang up.

        It becomes completed, or canceled if it was not answered.

        Args:
            call: the call as last read.

        Returns:
            whether this ended it: not if it had ended, or has joined another conference since.
        """
        now = self._clock()
        write_id, conference = new_id(now), call.conference
        has_ended = True

        def build(call_now: Call | Conference, stopped: frozenset[str]) -> EndTransaction | None:
            nonlocal has_ended
            found = _require_call(call_now)
            if not found.is_live or found.conference != conference:
                has_ended = found.end_write_id == write_id
                return None
            # The end of the conference has removed its participant (REL-9).
            return call_ending(found, None, None, exit_status_of(found), now // 1000, write_id, stopped)

        write_ending(self._store.end, build, call)
        return has_ended


def _require_call(found: Call | Conference) -> Call:
    if not isinstance(found, Call):
        raise NotFound
    return found


def _call_of(ending: EndTransaction | None) -> Call:
    """Return the call as this transaction left it."""
    if ending is None or ending.call_after is None:
        raise NotFound
    return ending.call_after
