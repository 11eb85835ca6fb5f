"""List what is unconfirmed, overdue or parked (REL-28)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tapedeck.background.log_subjects import subject_of
from tapedeck.background.outbound import pending_command
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.delivery import CallbackDelivery
from tapedeck.domain.engine_command import Command
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent, ParentKind
from tapedeck.domain.unsettled import (
    UnsettledItem,
    UnsettledKind,
    UnsettledPage,
    UnsettledQuery,
    wait_of_callback,
    waits_of,
)
from tapedeck.observability import CanonicalLog
from tapedeck.operations.engine_registration import PresenceState
from tapedeck.ports.changes import PendingWork
from tapedeck.ports.clock import Clock
from tapedeck.ports.engines import PresenceStore
from tapedeck.ports.unsettled import UnsettledStore

_OF_COMMANDS = frozenset({UnsettledKind.START_NOT_CONFIRMED, UnsettledKind.COMMAND_NOT_CONFIRMED})


@dataclass(frozen=True, slots=True)
class _Found:
    """A resource in the index, its unconfirmed command, and the call or conference around it, if it was read."""

    pending: PendingWork
    command: Command | None
    around: Call | Conference | None = None
    engine: str | None = None


class UnsettledWork:
    """Lists what is unsettled.

    Args:
        store: the index of pending work.
        presences: the presence of engines.
        clock: milliseconds.
        presence_clock: milliseconds of the clock of presence.
        default_engine: the engine of resources whose engine is unknown; None: there is none.
    """

    def __init__(
        self,
        store: UnsettledStore,
        presences: PresenceStore,
        clock: Clock,
        presence_clock: Clock,
        default_engine: str | None = None,
    ) -> None:
        self._store = store
        self._presences = presences
        self._clock = clock
        self._presence_clock = presence_clock
        self._default_engine = default_engine

    # --8<-- [start:list]
    def list(self, query: UnsettledQuery) -> UnsettledPage:
        """Return one page; it may be short, even empty, although more follow (C-314).

        Raises:
            StoreBusy, StoreUnavailable: the index or the table could not be read.
        """
        now = self._clock()
        page = self._store.read_index(query, now // 1000)
        found = [*self._of_resources(page.work, now // 1000), *self._of_callbacks(page.work, now)]
        wanted = [
            item
            for item in found
            if query.kind in {None, item.kind} and (item.due <= now // 1000 or not query.is_overdue)
        ]
        items = self._with_presence(sorted(wanted, key=lambda item: item.order))
        return UnsettledPage(tuple(items), now // 1000, page.next)

    # --8<-- [end:list]

    def _of_callbacks(self, work: Sequence[PendingWork | CallbackDelivery], now: int) -> Iterator[UnsettledItem]:
        for each in work:
            if isinstance(each, CallbackDelivery) and (wait := wait_of_callback(each, now)) is not None:
                yield UnsettledItem(wait.kind, each.account, wait.since, wait.due, delivery=each)

    def _of_resources(self, work: Sequence[PendingWork | CallbackDelivery], now: int) -> Iterator[UnsettledItem]:
        pending = [each for each in work if isinstance(each, PendingWork)]
        for found in self._with_engines(pending):
            resource = found.pending.resource
            is_void = isinstance(found.around, Conference) and not found.around.is_live
            if isinstance(resource, Participant) and is_void:
                continue  # the end of its conference has made the command void
            subject = subject_of(found.pending.account, resource, found.engine)
            for wait in waits_of(resource, now):
                is_command = found.command is not None and wait.kind in _OF_COMMANDS
                is_unsent = is_command and found.engine is None
                yield UnsettledItem(
                    UnsettledKind.COMMAND_NOT_SENT if is_unsent else wait.kind,
                    found.pending.account,
                    wait.since,
                    wait.due,
                    subject.call,
                    subject.conference,
                    subject.recording,
                    found.command.version if found.command is not None and is_command else subject.version,
                    found.command.kind if found.command is not None and is_command else None,
                    found.engine,
                )

    def _with_engines(self, pending: Sequence[PendingWork]) -> Iterator[_Found]:
        """Find the engine of each resource as `CommandSender.engine_of` does, with batch reads."""
        found = [_Found(each, pending_command(each.account, each.resource, each.command_payload)) for each in pending]
        parents = [each.command.parent for each in found if each.command is not None and each.command.engine is None]
        around = self._store.read_parents(parents) if parents else {}
        conferences = {
            Parent(call.account, ParentKind.CONFERENCE, call.conference)
            for call in around.values()
            if isinstance(call, Call) and call.engine is None and call.conference is not None
        }
        further = self._store.read_parents(conferences) if conferences else {}
        for each in found:
            if each.command is None or each.command.engine is not None:
                yield replace(each, engine=getattr(each.pending.resource, "engine", None))
            else:
                parent = around.get(each.command.parent)
                engine = _engine_of(parent, further) or self._default_engine
                yield replace(each, around=parent, engine=engine)

    def _with_presence(self, items: Sequence[UnsettledItem]) -> Iterator[UnsettledItem]:
        is_needed = any(item.engine is not None for item in items)
        now = self._presence_clock() // 1000
        known = {
            presence.engine: PresenceState.ALIVE if presence.is_alive(now) else PresenceState.LOST
            for presence in (self._presences.list_presences() if is_needed else ())
        }
        for item in items:
            state = known.get(item.engine, PresenceState.NEVER_SEEN) if item.engine is not None else None
            yield replace(item, presence=state)


def _engine_of(parent: Call | Conference | None, conferences: Mapping[Parent, Call | Conference]) -> str | None:
    """Return the engine of a call or conference, or of the conference that the call is in."""
    if parent is None or parent.engine is not None or not isinstance(parent, Call) or parent.conference is None:
        return parent.engine if parent is not None else None
    conference = conferences.get(Parent(parent.account, ParentKind.CONFERENCE, parent.conference))
    return conference.engine if conference is not None else None


@dataclass(frozen=True, slots=True)
class UnsettledServices:
    """The dependencies of the function that lists what is unsettled."""

    work: UnsettledWork
    log: CanonicalLog
