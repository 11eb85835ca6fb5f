"""Lists: pages of an account's resources, newest first, without gaps while resources are added or removed."""

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
from tapedeck.ports.clock import Clock
from tapedeck.ports.lists import Chunk, ListStore, RangeReader

FILTERED_QUERY_ROWS: Final = 100
"""Rows that a filtered scan reads per query: the size of one batch read."""


class HasId(Protocol):
    """A resource with an id of 32 hex digits."""

    @property
    def id(self) -> str:
        """The id."""
        ...


T = TypeVar("T", bound=HasId)
RowFilter = Callable[[T], bool]


@dataclass(frozen=True, slots=True)
class RecordingFilter:
    """Filter of recordings.

    With `shown`, `call` also matches recordings of conferences whose CallSid is that call. `deleted` includes deleted
    recordings. The ids are valid: the caller rejects malformed ones.
    """

    created: TimeRange = ALL_TIME
    call: str | None = None
    conference: str | None = None
    shown: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class ConferenceFilter:
    """Filter of conferences; None matches all."""

    created: TimeRange = ALL_TIME
    updated: TimeRange = ALL_TIME
    name: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Filter of calls; None matches all."""

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
        """Return a page of the recordings of a call or conference.

        Raises:
            NotFound: no such call or conference.
        """
        found = read_filtered_page(self._store.recordings_of(parent), page, created, self._visible(deleted=False))
        if not found.items and not self._store.has_parent(parent):
            raise NotFound
        return found

    def recordings(self, account: str, wanted: RecordingFilter, page: PageRequest) -> Page[Recording]:
        """Return a page of the recordings of an account."""
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
            # A recording deleted meanwhile moves from the first list to the second: read twice perhaps, never missed.
            return read_filtered_page(
                merge_readers(fetch, self._store.deleted_recordings(account)), page, wanted.created, is_visible
            )
        return read_page(fetch, page, wanted.created)

    def conferences(self, account: str, wanted: ConferenceFilter, page: PageRequest) -> Page[Conference]:
        """Return a page of the conferences of an account."""
        if wanted.name is not None:
            fetch = self._store.conferences_named(account, wanted.name)
        elif wanted.status is not None:
            fetch = self._store.conferences_in(account, wanted.status)
        else:
            fetch = self._store.conferences(account)
        keep: RowFilter[Conference] | None = None
        if wanted.status is not None or wanted.updated != ALL_TIME:
            keep = lambda found: found.status == (wanted.status or found.status) and found.updated in wanted.updated  # noqa: E731 - mypy narrows no function
        return read_page(fetch, page, wanted.created, keep)

    def calls(self, account: str, wanted: CallFilter, page: PageRequest) -> Page[Call]:
        """Return a page of the calls of an account."""
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
            expected is None or expected == actual
            for expected, actual in (
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
    """Return one page of a list, newest first, then by id (C-89).

    Without `keep`, run one query. With it, query until a page and one more item match, but read at most
    MAX_ROWS_SCANNED rows: then the page is short, and its cursor is the last row read.
    """
    cursor = request.cursor
    ids = ids_of(created, cursor)
    if ids.is_empty:
        return page_of(request, [], None)
    if keep is None:
        chunk = fetch(ids, request.size, request.offset)
        return page_of(request, chunk.items, chunk.last)
    return _scan_filtered(fetch, request, ids, keep, FILTERED_QUERY_ROWS, MAX_ROWS_SCANNED)


def read_filtered_page(fetch: RangeReader[T], request: PageRequest, created: TimeRange, keep: RowFilter[T]) -> Page[T]:
    """Return one page of a list whose filter rejects few rows: the first query reads only one page.

    Rows skipped by a page number do not count against MAX_ROWS_SCANNED.
    """
    ids = ids_of(created, request.cursor)
    if ids.is_empty:
        return page_of(request, [], None)
    return _scan_filtered(fetch, request, ids, keep, 1, MAX_ROWS_SCANNED + request.offset)


def _scan_filtered(
    fetch: RangeReader[T], request: PageRequest, ids: IdRange, keep: RowFilter[T], min_rows: int, max_rows: int
) -> Page[T]:
    """Scan at least `min_rows` rows per query, and at most `max_rows` in total.

    Each further query doubles the minimum, up to FILTERED_QUERY_ROWS. A filter that drops much needs few queries, and
    one that drops little reads few rows too many.

    Raises:
        InvalidParameter: the page number skips more rows than may be read.
    """
    found: list[T] = []
    enough = request.offset + request.size + 1
    examined = 0
    while True:
        step = min(max(enough - len(found), min_rows), max_rows - examined)
        chunk = fetch(ids, step)
        examined += step
        min_rows = min(2 * step, FILTERED_QUERY_ROWS)
        found += filter(keep, chunk.items)
        if len(found) >= enough:
            wanted = found[request.offset : enough - 1]
            return page_of(request, wanted, wanted[-1].id)
        is_cut = chunk.last is not None and examined >= max_rows
        if is_cut and len(found) < request.offset:
            raise InvalidParameter("Page", "choice", "skips too many items")
        if is_cut or chunk.last is None:
            return page_of(request, found[request.offset :], chunk.last)
        ids = ids.after(chunk.last)


def page_of(request: PageRequest, found: Sequence[T], last: str | None) -> Page[T]:
    """Return the page with its cursors; `last` is the last id read, in reading order, or None at the end."""
    cursor = request.cursor
    if cursor is not None and cursor.backwards:
        items = list(reversed(found))
        # The next page starts at or before the position of the token's item, which may be gone.
        behind = items[-1].id if items else min(successor(cursor.id), HIGHEST)
        return Page(items, request, Cursor(behind), Cursor(last, backwards=True) if last is not None else None)
    previous: Cursor | None = None
    if cursor is not None or request.number > 0:
        before = found[0].id if found else (predecessor(cursor.id) if cursor is not None else _NOTHING_BELOW)
        previous = Cursor(before or _NOTHING_BELOW, backwards=True)
    return Page(found, request, Cursor(last) if last is not None else None, previous)


_NOTHING_BELOW: Final = "0" * 32


def merge_readers(first: RangeReader[T], second: RangeReader[T]) -> RangeReader[T]:
    """Merge two lists: sorted, without duplicates, and only as far as both have been read."""

    def fetch(ids: IdRange, limit: int, skip: int = 0) -> Chunk[T]:
        if skip:
            raise ValueError("a merged list does not support skip")
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
