"""Port for stored calls."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tapedeck.domain.call import LIVE, Call, CallStatus
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.ports.parents import EndTransaction


class CallStore(Protocol):
    """Calls in the recordings table: every read is strongly consistent, every write conditional.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`.
    """

    def get_call(self, account: str, call: str) -> Call | None:
        """Return one call of this account."""
        ...

    def get_calls(self, account: str, calls: Sequence[str]) -> Mapping[str, Call]:
        """Return the calls of this account with these ids, by id; missing ones are left out."""
        ...

    def put_call(self, call: Call) -> bool:
        """Create a call; return False if it exists."""
        ...

    def end_call(self, call: Call, after: Call, write_id: str, sources: frozenset[CallStatus] = LIVE) -> Call:
        """End a call without recordings and conference, in one write, if its status is in `sources`.

        `call` needs only its account and id. The media engine is sent the command to hang up.

        Raises:
            ParentConflict: the condition failed; `found` is the current call.
        """
        ...

    def queue_call_commands(
        self,
        account: str,
        call: str,
        command_payload: Mapping[str, Any],
        callback: CallbackSubscription | None,
        sources: frozenset[CallStatus],
        now: int,
        write_id: str,
    ) -> Call:
        """Store the payload of engine commands, by name, and a callback subscription with a call in `sources`.

        An empty payload requests nothing from the media engine; without a `callback` the subscription is unchanged.

        A `redirect` also requires that the call was never in a conference: `redirect_participant` redirects others.

        Raises:
            ParentConflict: the condition failed; `found` is the current call.
        """
        ...

    def redirect_participant(self, leaving: EndTransaction) -> None:
        """Store engine commands with a call that has been in a conference, and remove it from there if it is inside.

        Raises:
            EndConflict: something has changed since it was read; `call` is the current call.
        """
        ...

    def delete_call(self, account: str, call: str, until: int, write_id: str) -> None:
        """Delete an ended call, which leaves all lists; its item expires at `until` (seconds).

        Raises:
            ParentConflict: it has not ended, or is deleted; `found` is the current call.
        """
        ...

    def mark_call_published(self, call: Call) -> None:
        """Note that all callbacks of an ended call are in the outbox; no publishing work is pending any more."""
        ...
