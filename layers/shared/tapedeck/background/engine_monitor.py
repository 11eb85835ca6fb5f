"""Monitor the media engines: notice lost ones, end what they had if they stay away or it lasts too long (REL-23)."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from tapedeck.background.command_sender import CommandSender
from tapedeck.background.engine_events import EngineEvents
from tapedeck.background.log_subjects import Overdue, ReportOverdue, subject_of
from tapedeck.background.outbound import pending_command
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference
from tapedeck.domain.engine_event import EngineEvent, EventOutcome
from tapedeck.domain.errors import CallHasEnded, ConferenceNotInProgress
from tapedeck.domain.recording import Recording
from tapedeck.observability import CanonicalLog, Subject
from tapedeck.operations.calls import Calls
from tapedeck.operations.conferences import Conferences
from tapedeck.operations.engine_sessions import ENGINE_LOST, EndReport, EngineSessions
from tapedeck.ports.changes import PendingWork
from tapedeck.ports.clock import Clock
from tapedeck.ports.engines import EngineRegistry, LiveStore, PresenceStore


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Minutes after which a lost engine is gone (C-195), and hours that a call or conference may last (C-200)."""

    gone_after_minutes: int = 15
    max_call_hours: int = 24


MAX_COMMANDS_OF_SESSION: Final = 500
"""Unconfirmed commands that a new session is sent at once; the reconciler sends the others."""

_MINUTE: Final = 60
_HOUR: Final = 3_600


class EngineMonitor:
    """Watches the engines once per run of the reconciler, and knows which are silent or gone until the next run.

    Args:
        presences: the presence of engines.
        registry: the registered engines; one that never opened a session has no presence.
        sessions: ends what a lost engine had.
        live: what engines have.
        calls: ends calls that last too long.
        conferences: ends conferences that last too long.
        limits: how long an engine may be lost, and how long a call may last.
        clock: milliseconds.
        report: is called with each error that one engine caused.
        presence_clock: milliseconds of the clock of presence; None: `clock`.
        report_overdue: is called with each lost engine, and each call or conference that was ended for its duration.
    """

    def __init__(
        self,
        presences: PresenceStore,
        registry: EngineRegistry,
        sessions: EngineSessions,
        live: LiveStore,
        calls: Calls,
        conferences: Conferences,
        limits: EngineLimits,
        clock: Clock,
        report: Callable[[Exception], object],
        presence_clock: Clock | None = None,
        report_overdue: ReportOverdue = lambda _overdue: None,
    ) -> None:
        self._presences = presences
        self._registry = registry
        self._sessions = sessions
        self._live = live
        self._calls = calls
        self._conferences = conferences
        self._limits = limits
        self._clock = clock
        self._presence_clock = presence_clock or clock
        self._report = report
        self._report_overdue = report_overdue
        self._silent: frozenset[str] = frozenset()
        self._gone: frozenset[str] = frozenset()
        self._looked_for_old_at = 0

    def run(self) -> Counter[str]:
        """Read all presences; end what engines had that are gone, or deleted by force (C-236). Idempotent.

        Returns:
            `engines_lost`: engines that are lost now, without deleted ones; `engines_gone`: those that stayed away too
            long or were deleted, once for each loss;
            `resources_lost`: calls, conferences and captures that were ended because their engine is gone;
            `calls_too_long`: calls and conferences that lasted longer than the limit, looked for once an hour;
            `failed`: engines of which something could not be ended, which the next run tries again.

        Raises:
            StoreBusy, StoreUnavailable: the presences could not be read.
        """
        now = self._clock() // 1000
        presences = self._presences.list_presences()
        presence_now = self._presence_clock() // 1000
        lost = [each for each in presences if not each.is_alive(presence_now)]
        gone_at = presence_now - self._limits.gone_after_minutes * _MINUTE
        gone = [each for each in lost if each.deleted_at or each.seen_at <= gone_at]
        self._silent = frozenset(each.engine for each in presences if each.is_silent(presence_now))
        self._gone = frozenset(each.engine for each in gone)
        in_service = [each for each in lost if not each.deleted_at]
        for each in in_service:
            self._report_overdue(Overdue("engines_lost", Subject(engine=each.engine), each.seen_at, "not_seen"))
        counted = Counter(engines_lost=len(in_service))
        for presence in gone:
            counted += self._attempt(lambda presence=presence: self._sessions.end_lost(presence))  # type: ignore[misc]
        if now - self._looked_for_old_at >= _HOUR:
            counted += self._attempt(lambda: self._end_all_old([each.engine for each in presences], now))
        return counted

    def is_silent(self, engine: str | None) -> bool:
        """Whether an engine was not seen for 30 seconds at the last run; no command is repeated to it (C-199)."""
        return engine in self._silent

    def is_gone(self, engine: str | None) -> bool:
        """Whether an engine was lost for so long that everything that it had is ended."""
        return engine in self._gone

    def _end_all_old(self, engines: Sequence[str], now: int) -> Counter[str]:
        """End what lasts longer than the limit, of these engines and of all that may have anything.

        What belongs to no engine, to one without a session (C-268), or was reported while its engine was deleted has no
        other end.
        """
        counted: Counter[str] = Counter()
        for engine in {*engines, *self._registry.list_names(), *self._presences.list_deleted(), None}:
            counted += self._attempt(lambda engine=engine: self._end_old(engine, now))  # type: ignore[misc]
        self._looked_for_old_at = now
        return counted

    def _end_old(self, engine: str | None, now: int) -> Counter[str]:
        """End the calls and conferences of an engine that last longer than the limit, and send it the commands."""
        ended = 0
        for found in self._live.find_old(engine, now - self._limits.max_call_hours * _HOUR):
            with suppress(CallHasEnded, ConferenceNotInProgress):
                if isinstance(found, Conference):
                    self._conferences.end(found.account, found.id)
                else:
                    status = CallStatus.COMPLETED if found.status is CallStatus.IN_PROGRESS else CallStatus.FAILED
                    self._calls.end(found.account, found.id, status)
                subject = subject_of(found.account, found, engine)
                self._report_overdue(Overdue("calls_too_long", subject, found.created, "too_long"))
                ended += 1
        return Counter(calls_too_long=ended)

    def _attempt(self, action: Callable[[], Counter[str]]) -> Counter[str]:
        try:
            return action()
        except Exception as error:  # noqa: BLE001 - one engine must not hold up the others
            self._report(error)
            return Counter(failed=1)


def send_pending_commands(sender: CommandSender, pending: Sequence[PendingWork]) -> int:
    """Send the unconfirmed commands of resources to their engine, at most 500; return how many."""
    found = [pending_command(each.account, each.resource, each.command_payload) for each in pending]
    commands = [command for command in found if command is not None][:MAX_COMMANDS_OF_SESSION]
    sender.send(commands)
    return len(commands)


def apply_end(engine_events: EngineEvents, event: EngineEvent, report: EndReport) -> bool:
    """Apply an end as if the engine had reported it; return False if it has ended meanwhile."""
    return engine_events.take(event, report).outcome is EventOutcome.TAKEN


def log_loss(log: CanonicalLog, engine: str, account: str, resource: Call | Conference | Recording) -> None:
    """Log a call, conference or recording that was ended because its engine is gone."""
    log.engine_event(
        operation="end_lost",
        engine=engine,
        outcome="ended",
        account=account,
        call=resource.id if isinstance(resource, Call) else None,
        conference=resource.id if isinstance(resource, Conference) else None,
        recording=resource.id if isinstance(resource, Recording) else None,
        reason=ENGINE_LOST,
    )
