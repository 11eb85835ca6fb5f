"""Lists: pages of what an account has, newest first, complete while others come and go (behaviour.md, 8 and 9)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.errors import InvalidParameter, NotFound
from tapedeck.domain.page import (
    ALL_TIME,
    HIGHEST,
    MAX_ROWS_SCANNED,
    Cursor,
    IdRange,
    Page,
    PageRequest,
    TimeRange,
    ids_of,
    predecessor,
    successor,
)
from tapedeck.domain.recording import Parent, ParentKind, Recording
from tapedeck.ports.stores import Chunk, Clock, ListStore, RangeReader

LEAST_EXAMINED: Final = 100
"""Rows that a walk looks at in one go: as many as one batch read holds."""


class _Named(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=_Named)
RowFilter = Callable[[T], bool]


@dataclass(frozen=True, slots=True)
class RecordingFilter:
    """Which recordings are wanted (operations.md, R1).

    A `call` also means the conferences' recordings that show it where `shown` says so; `deleted` adds the deleted
    ones. An id that nobody can have (None where one was asked for) is the caller's to answer.
    """

    created: TimeRange = ALL_TIME
    call: str | None = None
    conference: str | None = None
    shown: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class ConferenceFilter:
    """Which conferences are wanted (operations.md, F1)."""

    created: TimeRange = ALL_TIME
    updated: TimeRange = ALL_TIME
    name: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are wanted (operations.md, C1)."""

    started: TimeRange = ALL_TIME
    ended: TimeRange = ALL_TIME
    to: str | None = None
    from_: str | None = None
    parent_call: str | None = None
    status: str | None = None


class Lists:
    """The lists of an account; every method raises StoreBusy or StoreUnavailable when the store fails."""

    def __init__(self, store: ListStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def recordings_of(self, parent: Parent, created: TimeRange, page: PageRequest) -> Page[Recording]:
        """The recordings of a call or conference.

        Raises:
            NotFound: no such call or conference.
        """
        found = read_filtered_page(self._store.recordings_of(parent), page, created, self._visible(deleted=False))
        if not found.items and not self._store.has_parent(parent):
            raise NotFound
        return found

    def recordings(self, account: str, wanted: RecordingFilter, page: PageRequest) -> Page[Recording]:
        """The recordings of an account."""
        is_visible = self._visible(deleted=wanted.deleted)
        if wanted.conference is not None:
            parent = Parent(account, ParentKind.CONFERENCE, wanted.conference)
            fetch = self._store.recordings_of(parent)
            if wanted.call is None:
                return read_filtered_page(fetch, page, wanted.created, is_visible)
            is_wanted = _and(is_visible, _shows(wanted.call) if wanted.shown else _is_of(wanted.call))
            return read_page(fetch, page, wanted.created, is_wanted)
        if wanted.call is not None:
            fetch = self._store.recordings_of(Parent(account, ParentKind.CALL, wanted.call))
            if wanted.shown:
                fetch = merge_readers(fetch, self._store.recordings_shown_by(account, wanted.call))
            return read_filtered_page(fetch, page, wanted.created, is_visible)
        fetch = self._store.recordings(account)
        if wanted.deleted:
            # What is deleted in between moves from the first to the second: it is met twice rather than never.
            return read_filtered_page(
                merge_readers(fetch, self._store.deleted_recordings(account)), page, wanted.created, is_visible
            )
        return read_page(fetch, page, wanted.created)

    def conferences(self, account: str, wanted: ConferenceFilter, page: PageRequest) -> Page[Conference]:
        """The conferences of an account."""
        if wanted.name is not None:
            fetch = self._store.conferences_named(account, wanted.name)
        elif wanted.status is not None:
            fetch = self._store.conferences_in(account, wanted.status)
        else:
            fetch = self._store.conferences(account)
        keep: RowFilter[Conference] | None = None
        if wanted.status is not None or wanted.updated != ALL_TIME:
            keep = lambda room: room.status == (wanted.status or room.status) and room.updated in wanted.updated  # noqa: E731 - mypy narrows no function
        return read_page(fetch, page, wanted.created, keep)

    def calls(self, account: str, wanted: CallFilter, page: PageRequest) -> Page[Call]:
        """The calls of an account."""
        fetch = self._store.calls(account) if wanted.status is None else self._store.calls_in(account, wanted.status)
        if wanted == CallFilter():
            return read_page(fetch, page, ALL_TIME)
        return read_page(fetch, page, ALL_TIME, lambda call: _fits(call, wanted))

    def _visible(self, *, deleted: bool) -> RowFilter[Recording]:
        now = self._clock() // 1000
        return lambda recording: recording.is_visible(now, deleted=deleted)


def _fits(call: Call, wanted: CallFilter) -> bool:
    return (
        call.started in wanted.started
        and call.ended in wanted.ended
        and all(
            asked is None or asked == found
            for asked, found in (
                (wanted.to, call.to),
                (wanted.from_, call.from_),
                (wanted.parent_call, call.parent_call),
                (wanted.status, call.status),
            )
        )
    )


def _and(first: RowFilter[Recording], second: RowFilter[Recording]) -> RowFilter[Recording]:
    return lambda recording: first(recording) and second(recording)


def _shows(call: str | None) -> RowFilter[Recording]:
    return lambda recording: call is None or recording.call == call


def _is_of(call: str | None) -> RowFilter[Recording]:
    return lambda recording: call is None or recording.parent.id == call


def read_page(
    fetch: RangeReader[T], request: PageRequest, created: TimeRange, keep: RowFilter[T] | None = None
) -> Page[T]:
    """One page of a list.

    Without `keep` it is what the store gives in one go. With it, the store is asked until a page and one more item
    are found, but for no more than MAX_ROWS_SCANNED rows: the page is short then, and its cursor what was examined
    last.
    """
    cursor = request.cursor
    ids = ids_of(created, cursor)
    if ids.is_empty:
        return page_of(request, [], None)
    if keep is None:
        chunk = fetch(ids, request.size, request.offset)
        return page_of(request, chunk.items, chunk.last)
    return _read_names(fetch, request, ids, keep, LEAST_EXAMINED, MAX_ROWS_SCANNED)


def read_filtered_page(fetch: RangeReader[T], request: PageRequest, created: TimeRange, keep: RowFilter[T]) -> Page[T]:
    """The same where nearly everything is kept: at first no more is asked for than is wanted.

    What a page number skips may be looked at besides.
    """
    ids = ids_of(created, request.cursor)
    if ids.is_empty:
        return page_of(request, [], None)
    return _read_names(fetch, request, ids, keep, 1, MAX_ROWS_SCANNED + request.offset)


def _read_names(
    fetch: RangeReader[T], request: PageRequest, ids: IdRange, keep: RowFilter[T], least: int, most: int
) -> Page[T]:
    """Look at `least` rows at a time or more, and at no more than `most` in all.

    Where that was not enough, at twice as many the next time, up to LEAST_EXAMINED: a list in which much is left out
    costs few requests, and one in which little is, no rows in vain.

    Raises:
        InvalidParameter: what is to be skipped lies beyond that.
    """
    found: list[T] = []
    enough = request.offset + request.size + 1
    examined = 0
    while True:
        step = min(max(enough - len(found), least), most - examined)
        chunk = fetch(ids, step)
        examined += step
        least = min(2 * step, LEAST_EXAMINED)
        found += filter(keep, chunk.items)
        if len(found) >= enough:
            wanted = found[request.offset : enough - 1]
            return page_of(request, wanted, wanted[-1].id)
        is_cut = chunk.last is not None and examined >= most
        if is_cut and len(found) < request.offset:
            raise InvalidParameter("Page", "choice")
        if is_cut or chunk.last is None:
            return page_of(request, found[request.offset :], chunk.last)
        ids = ids.after(chunk.last)


def page_of(request: PageRequest, found: Sequence[T], last: str | None) -> Page[T]:
    """The page with its cursors; `last` is the last id examined in the order of reading, if more lie behind it."""
    cursor = request.cursor
    if cursor is not None and cursor.backwards:
        items = list(reversed(found))
        # What follows is at least the item that the token names, or stood there.
        behind = items[-1].id if items else min(successor(cursor.id), HIGHEST)
        return Page(items, request, Cursor(behind), Cursor(last, backwards=True) if last is not None else None)
    previous: Cursor | None = None
    if cursor is not None or request.number > 0:
        before = found[0].id if found else (predecessor(cursor.id) if cursor is not None else _NOTHING_BELOW)
        previous = Cursor(before or _NOTHING_BELOW, backwards=True)
    return Page(found, request, Cursor(last) if last is not None else None, previous)


_NOTHING_BELOW: Final = "0" * 32


def merge_readers(first: RangeReader[T], second: RangeReader[T]) -> RangeReader[T]:
    """Two lists as one: in order, without repetitions, and only as far as both have been read."""

    def fetch(ids: IdRange, limit: int, skip: int = 0) -> Chunk[T]:
        if skip:
            raise ValueError("a merged list is walked, not skipped")
        chunks = first(ids, limit), second(ids, limit)
        ends = [chunk.last for chunk in chunks if chunk.last is not None]
        end = (min(ends) if ids.ascending else max(ends)) if ends else None
        by_id = {item.id: item for chunk in chunks for item in chunk.items}
        within = [
            identifier
            for identifier in by_id
            if end is None or (identifier <= end if ids.ascending else identifier >= end)
        ]
        return Chunk([by_id[identifier] for identifier in sorted(within, reverse=not ids.ascending)], end)

    return fetch
