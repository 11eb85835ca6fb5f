"""Port for the lists of an account, a call or a conference."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.page import IdRange
from tapedeck.domain.recording import Parent, Recording

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Chunk(Generic[T]):
    """One read along a range of ids: `items` in its order, and the last id read if the range may hold more.

    An item that was removed between reading the index and reading the item is left out.
    """

    items: Sequence[T]
    last: str | None = None


class RangeReader(Protocol[T]):
    """A list of a store, read by ranges of ids."""

    def __call__(self, ids: IdRange, limit: int, skip: int = 0) -> Chunk[T]:
        """Return up to `limit` items of this range after skipping `skip`."""
        ...


class ListStore(Protocol):
    """The lists of an account or a parent; strongly consistent.

    The lists by status use an eventually consistent index; each item is read again.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`; a list is never silently incomplete.
    """

    def has_parent(self, parent: Parent) -> bool:
        """Whether this call or conference exists."""
        ...

    def recordings_of(self, parent: Parent) -> RangeReader[Recording]:
        """Return the recordings of a call or conference, including deleted ones."""
        ...

    def recordings_shown_by(self, account: str, call: str) -> RangeReader[Recording]:
        """Return the conference recordings that show this call, including deleted ones."""
        ...

    def recordings(self, account: str) -> RangeReader[Recording]:
        """Return all recordings of an account except deleted ones."""
        ...

    def deleted_recordings(self, account: str) -> RangeReader[Recording]:
        """Return the deleted recordings of an account."""
        ...

    def conferences(self, account: str) -> RangeReader[Conference]:
        """Return all conferences of an account."""
        ...

    def conferences_named(self, account: str, name: str) -> RangeReader[Conference]:
        """Return the conferences that ever had this name."""
        ...

    def conferences_in(self, account: str, status: str) -> RangeReader[Conference]:
        """Return the conferences with this status, eventually consistent."""
        ...

    def calls(self, account: str) -> RangeReader[Call]:
        """Return all calls of an account."""
        ...

    def calls_in(self, account: str, status: str) -> RangeReader[Call]:
        """Return the calls with this status, eventually consistent."""
        ...
