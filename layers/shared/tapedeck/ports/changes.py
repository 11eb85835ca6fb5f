"""A change of one item of the recordings table, and the index of work that is still pending."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent, ParentKind, Recording

Resource = Call | Conference | Participant | Recording


@dataclass(frozen=True, slots=True)
class Change:
    """One item before and after a write; None if it did not exist.

    `command_payload` is the data of the engine command that a request stored with the item, by name: a redirect, an
    announcement. It is sent with the change that requested it.
    """

    account: str
    before: Resource | None
    after: Resource | None
    command_payload: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parent(self) -> Parent | None:
        """The call or conference that the item is about; messages about one are sent in order."""
        match self.after or self.before:
            case Recording(parent=parent):
                return parent
            case Call(id=call):
                return Parent(self.account, ParentKind.CALL, call)
            case Conference(id=conference) | Participant(conference=conference):
                return Parent(self.account, ParentKind.CONFERENCE, conference)
        return None


@dataclass(frozen=True, slots=True)
class PendingWork:
    """A resource in the pending-work index: unfinished, not fully published, or with an unconfirmed command.

    `due` is its place in the index: when something is next due about it, in seconds; None if it is in no index.
    """

    account: str
    resource: Resource
    command_payload: Mapping[str, Any] = field(default_factory=dict)
    due: int | None = None


class PendingWorkStore(Protocol):
    """The pending-work index of the recordings table, and the checks of recordings that are not moved in it.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`.
    """

    def find_pending(self, shard: str, now: int, more: int = 0) -> Iterable[PendingWork]:
        """Return the work of a shard (a hex digit) that is due at `now` (seconds), first what is due longest.

        Also about `more` recordings that are not due, or all if there are fewer: each minute others (C-300).
        """
        ...

    def note_check(self, recordings: Sequence[Recording], due: int) -> None:
        """Note that these recordings are to be looked at from `due` on (seconds), although nothing is due by the index.

        A check is kept for an hour.
        """
        ...

    def find_checked(self, shard: str, since: int, now: int) -> Iterable[PendingWork]:
        """Return the unfinished recordings of a shard's checks that became due after `since`, until `now` (seconds)."""
        ...

    def move(self, pending: PendingWork, due: int) -> bool:
        """Move a resource to another place in the index, `due` (seconds); False if it has changed or left it."""
        ...

    def expire(self, pending: PendingWork) -> bool:
        """Remove a resource with an expired command from the index; False if it is a recording or changed meanwhile."""
        ...
