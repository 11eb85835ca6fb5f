"""Take the events that a media engine reports in one request, each by itself.

An event that cannot be read, applied or stored affects no other event of its batch (REL-22).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from tapedeck.background.event_reports import ParsedEvent, UnreadableEvent, read_report
from tapedeck.domain.engine import (
    SEQUENCE_RESERVE,
    EngineHealth,
    KnownSession,
    MediaEngine,
    SessionState,
    max_event_sequence,
)
from tapedeck.domain.engine_event import EngineEvent, EventOutcome, EventRefusal, EventResult
from tapedeck.domain.engine_report import Report
from tapedeck.domain.errors import StoreFailure
from tapedeck.domain.recording import Parent, ParentKind
from tapedeck.observability import CanonicalLog
from tapedeck.ports.clock import Clock
from tapedeck_protocol.events import CallFlow, EngineAlive

OPERATION: Final = "take_engine_events"

STORE_FAILURE_RETRY_MS: Final = 200
ERROR_RETRY_MS: Final = 1000
"""When an engine reports an event again that the store, or an error of this code, kept from being applied (C-191)."""

MAX_BATCH_MS: Final = 4000
"""Events of a batch that are not begun after this time are to be reported again: a request is answered within 5 s."""

MAX_SILENT_SKEW_MS: Final = 2000
MAX_SKEW_MS: Final = 60_000
"""Differences between the engine's clock and this one, above which it is logged, and above which there is an alarm."""

_MAX_SESSIONS: Final = 1024
_ID: Final = re.compile(r"[0-9a-f]{32}")
_TYPE: Final = re.compile(r"[a-z]{1,32}\.[a-z_]{1,32}")

_METRICS: Final[Mapping[str, str]] = {
    EventOutcome.REFUSED: "EventsRefused",
    EventOutcome.LATER: "EventsLater",
    EventOutcome.STALE: "EventsStale",
    "outbox.dead": "EventsDead",
    "commands_unreadable": "CommandsUnreadable",
    "uploads.oldest_ms": "UploadAgeMs",
}
"""Metric names by outcome, and by field of `engine.alive`. Of a field, the alarm uses the maximum (C-237)."""


class EventTaker(Protocol):
    """Applies one event."""

    def take(self, event: EngineEvent, report: Report) -> EventResult:
        """Apply an event; raises StoreBusy or StoreUnavailable, nothing else that is expected."""
        ...


class SessionTracker(Protocol):
    """Knows the session of each engine; raises StoreBusy or StoreUnavailable."""

    def find_session(self, engine: str, boot: str) -> KnownSession:
        """Return what is known about a session of an engine."""
        ...

    def note_alive(self, engine: str, boot: str, seq: int, health: EngineHealth) -> bool:
        """Note that an engine is alive; return whether its session is superseded."""
        ...

    def note_seq(self, engine: str, boot: str, seq: int) -> None:
        """Note a sequence number of the current session that is far above the known one."""
        ...


def read_health(alive: EngineAlive) -> EngineHealth:
    """Return what an engine reports about itself with `engine.alive`."""
    return EngineHealth(alive.capacity.max_calls, alive.live.calls, alive.draining)


@dataclass(frozen=True, slots=True)
class ReceivedBatch:
    """A batch as received.

    `boot` is the engine's session. `sent_at` is the engine's clock when it sent the request, in milliseconds. `events`
    are JSON values, which may be anything.
    """

    boot: str
    sent_at: int
    events: Sequence[Any]


class EventBatches:
    """Takes batches of engine events.

    Args:
        engine_events: applies one event.
        sessions: the sessions of engines.
        log: gets one line per event.
        clock: milliseconds since the epoch.
        monotonic_clock: milliseconds of a clock that is never set back.
    """

    def __init__(
        self,
        engine_events: EventTaker,
        sessions: SessionTracker,
        log: CanonicalLog,
        clock: Clock,
        monotonic_clock: Clock,
    ) -> None:
        self._engine_events = engine_events
        self._sessions = sessions
        self._log = log
        self._clock = clock
        self._monotonic_clock = monotonic_clock
        self._skewed_sessions: set[tuple[str, str]] = set()
        """Engines and boots whose clock differs, which has been logged."""

    def take(self, engine: MediaEngine, batch: ReceivedBatch) -> dict[str, Any]:
        """Take every event in order; return the answer with one result for each.

        If a newer session of the engine is open, every event is refused. If the session was never opened, the events
        are applied, and the answer requests that it is opened (C-235).

        Raises:
            StoreBusy, StoreUnavailable: the session cannot be read; nothing was applied.
        """
        received, deadline = self._clock(), self._monotonic_clock() + MAX_BATCH_MS
        self._observe_clock(engine.name, batch, received)
        session = self._sessions.find_session(engine.name, batch.boot)
        is_superseded = session.state is SessionState.SUPERSEDED
        needs_resync = session.state is SessionState.UNOPENED
        results: list[dict[str, Any]] = []
        for raw in batch.events:
            fields = raw if isinstance(raw, Mapping) else {}
            event_id = _matching(_ID, fields.get("id"))
            parsed: ParsedEvent | None = None
            failed: StoreFailure | None = None
            try:
                parsed = read_report(raw)
                if is_superseded:
                    result = EventResult(EventOutcome.REFUSED, EventRefusal.SUPERSEDED, reason="newer session")
                elif parsed.seq > max_event_sequence(session.seq):
                    result = EventResult(EventOutcome.REFUSED, EventRefusal.UNREADABLE, "seq", reason="seq too high")
                elif self._monotonic_clock() < deadline:
                    session = self._note_seq(engine.name, batch.boot, session, parsed.seq)
                    result = self._apply(engine, parsed, batch, received, session.seq)
                else:
                    result = EventResult(EventOutcome.LATER, after_ms=STORE_FAILURE_RETRY_MS, reason="no time left")
            except UnreadableEvent as unreadable:
                path = unreadable.detail
                result = EventResult(EventOutcome.REFUSED, unreadable.code, path, reason=path or "not an object")
            except StoreFailure as failure:
                failed, reason = failure, type(failure).__name__
                result = EventResult(EventOutcome.LATER, after_ms=STORE_FAILURE_RETRY_MS, reason=reason)
            except Exception as error:  # noqa: BLE001 - no error of one event may reach the others
                self._log.unhandled_error(OPERATION, None, error, event=event_id)
                result = EventResult(EventOutcome.LATER, after_ms=ERROR_RETRY_MS, reason=type(error).__name__)
            subject = _describe(parsed) if parsed is not None else _describe_unreadable(fields)
            self._write_line(engine.name, event_id, subject, result, failed)
            results.append(_answer(event_id, result))
            needs_resync = needs_resync or result.needs_resync
        return {"now": self._clock(), "results": results, "resync": needs_resync, "superseded": is_superseded}

    def _apply(
        self, engine: MediaEngine, parsed: ParsedEvent, batch: ReceivedBatch, received: int, known_seq: int
    ) -> EventResult:
        if isinstance(parsed.report, EngineAlive):
            # A connector that kept its counter is below the number that its session was answered.
            return self._note_alive(engine.name, batch.boot, max(parsed.seq, known_seq), parsed.report)
        if parsed.account is None or not engine.serves(parsed.account):
            detail = "the engine does not work for this account"
            return EventResult(EventOutcome.REFUSED, EventRefusal.NOT_YOURS, detail, reason="foreign account")
        if isinstance(parsed.report, CallFlow):
            return EventResult(EventOutcome.TAKEN, reason="informational")
        at = min(received, parsed.at + received - batch.sent_at)
        event = EngineEvent(parsed.id, parsed.account, engine.name, parsed.seq, at, parsed.version)
        return self._engine_events.take(event, parsed.report)

    def _note_seq(self, engine: str, boot: str, session: KnownSession, seq: int) -> KnownSession:
        """Store a number beyond the reserve of a new session, so that this one continues above it (C-201)."""
        if session.state is not SessionState.CURRENT or seq <= session.seq + SEQUENCE_RESERVE:
            return session
        self._sessions.note_seq(engine, boot, seq)
        return replace(session, seq=seq)

    def _note_alive(self, engine: str, boot: str, seq: int, alive: EngineAlive) -> EventResult:
        if self._sessions.note_alive(engine, boot, seq, read_health(alive)):
            return EventResult(EventOutcome.REFUSED, EventRefusal.SUPERSEDED, reason="newer session")
        problems = {
            "outbox.dead": alive.outbox.dead,
            "commands_unreadable": alive.commands_unreadable,
            "uploads.oldest_ms": alive.uploads.oldest_ms,
        }
        counted = {_METRICS[field]: value for field, value in problems.items() if value}
        return EventResult(EventOutcome.TAKEN, counted=counted)

    def _observe_clock(self, engine: str, batch: ReceivedBatch, received: int) -> None:
        """Log once per session that an engine's clock differs from this one (C-192)."""
        skew, session = batch.sent_at - received, (engine, batch.boot)
        if abs(skew) <= MAX_SILENT_SKEW_MS or session in self._skewed_sessions:
            return
        if len(self._skewed_sessions) >= _MAX_SESSIONS:
            self._skewed_sessions.clear()
        self._skewed_sessions.add(session)
        self._log.engine_clock(
            operation=OPERATION, engine=engine, boot=batch.boot, skew_ms=skew, is_excessive=abs(skew) > MAX_SKEW_MS
        )

    def _write_line(
        self,
        engine: str,
        event_id: str | None,
        subject: Mapping[str, Any],
        result: EventResult,
        failed: StoreFailure | None,
    ) -> None:
        counted: dict[str, float] = dict(result.counted)
        if result.outcome in _METRICS:
            counted[_METRICS[result.outcome]] = 1
        if result.code is EventRefusal.NOT_YOURS:
            counted["EngineTrespass"] = 1
        self._log.engine_event(
            operation=OPERATION,
            engine=engine,
            outcome=str(result.outcome),
            event=event_id,
            code=str(result.code) if result.code is not None else None,
            reason=result.reason,
            counted=counted,
            error=failed,
            **subject,
        )


def _describe(parsed: ParsedEvent) -> dict[str, Any]:
    """Return the fields of the log line that say what an event is about."""
    report = parsed.report
    call, conference = getattr(report, "call", None), getattr(report, "conference", None)
    parent = getattr(report, "parent", None)
    if isinstance(parent, Parent):
        call = parent.id if parent.kind is ParentKind.CALL else call
        conference = parent.id if parent.kind is ParentKind.CONFERENCE else conference
    return {
        "kind": parsed.type,
        "account": parsed.account,
        "call": call,
        "conference": conference,
        "recording": getattr(report, "recording", None),
        "version": parsed.version,
    }


def _describe_unreadable(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same of an event that could not be read, as far as its fields have the right form."""
    return {"kind": _matching(_TYPE, fields.get("type")), "account": _matching(_ID, fields.get("account"))}


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) is not None else None


def _answer(event_id: str | None, result: EventResult) -> dict[str, Any]:
    more = {"code": result.code, "detail": result.detail, "after_ms": result.after_ms}
    return {
        "id": event_id,
        "outcome": str(result.outcome),
        **{name: str(value) if name == "code" else value for name, value in more.items() if value is not None},
    }
