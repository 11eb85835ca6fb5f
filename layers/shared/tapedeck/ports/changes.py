"""A change of one item of the recordings table, and the index of work that is still pending."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Recording

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


@dataclass(frozen=True, slots=True)
class PendingWork:
    """A resource in the pending-work index: unfinished, not fully published, or with an unconfirmed command."""

    account: str
    resource: Resource
    command_payload: Mapping[str, Any] = field(default_factory=dict)


class PendingWorkStore(Protocol):
    """The pending-work index of the recordings table.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`.
    """

    def find_pending(self, shard: str, until: int) -> Iterable[PendingWork]:
        """Return the work of a shard (a hex digit) pending since `until` (seconds) or earlier, oldest first."""
        ...

    def expire(self, pending: PendingWork) -> bool:
        """Remove a resource with an expired command from the index; False if it is a recording or changed meanwhile."""
        ...
