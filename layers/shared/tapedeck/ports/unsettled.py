"""Port for the whole index of pending work, page by page."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.delivery import CallbackDelivery
from tapedeck.domain.recording import Parent
from tapedeck.domain.unsettled import IndexPosition, UnsettledQuery
from tapedeck.ports.changes import PendingWork


@dataclass(frozen=True, slots=True)
class IndexPage:
    """Resources and callbacks in the order of the index, and the last row that was read if there may be more."""

    work: Sequence[PendingWork | CallbackDelivery]
    next: IndexPosition | None


class UnsettledStore(Protocol):
    """The index of pending work: resources with pending work, and callbacks with a next attempt.

    The index is eventually consistent; each item that it names is read again.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`; the list is never silently incomplete.
    """

    def read_index(self, query: UnsettledQuery, now: int) -> IndexPage:
        """Return one page of the index, at `now` (seconds), whether its items are unsettled or not.

        With `query.is_overdue` only what has a place until `now`.
        """
        ...

    def read_parents(self, parents: Collection[Parent]) -> Mapping[Parent, Call | Conference]:
        """Return those of these calls and conferences that exist."""
        ...
