"""Sessions of media engines: what an engine has after a start, and what is over because an engine is gone.

An engine opens a session after each start and lists everything that it has. What an earlier session had and this one
does not list is over. So is everything of an engine that stays away for too long.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, EndReason
from tapedeck.domain.engine import (
    MAX_CONTINUED_SEQUENCE,
    EngineCapabilities,
    EngineHealth,
    EnginePresence,
    KnownSession,
    MediaEngine,
    SessionState,
)
from tapedeck.domain.engine_event import EngineEvent
from tapedeck.domain.engine_report import CallEndReport, CaptureTransitionReport, ConferenceEndReport
from tapedeck.domain.errors import StoreBusy, StoreFailure
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Recording, RecordingStatus
from tapedeck.ports.changes import PendingWork
from tapedeck.ports.clock import Clock
from tapedeck.ports.engines import Listing, ListingSession, LiveResource, LiveStore, PresenceStore

EndReport = CallEndReport | ConferenceEndReport | CaptureTransitionReport
LiveKind = Call | Conference | Recording

ENGINE_LOST: Final = "engine_lost"
"""The reason for which a recording of a lost engine is stopped."""

_MAX_ATTEMPTS: Final = 5
_ENDING_ORDER: Final = (Recording, Conference, Call)
"""What is inside something else first: the end of a parent would send the engine commands to stop and to leave."""


class SessionSuperseded(Exception):
    """A newer session of this engine is open: the connector must exit (C-197)."""


@dataclass(frozen=True, slots=True)
class SessionOpening:
    """What an engine sends to open a session.

    `boot` is a UUID of version 7, made when the connector starts. `live` lists what the engine has; `has_more` means
    that further requests of this session list the rest.
    """

    boot: str
    capabilities: EngineCapabilities
    max_calls: int | None = None
    live: Sequence[LiveResource] = ()
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """An open session; `unknown` and `ended` are ids that the engine listed.

    `ended` also has the recordings that are over because the engine did not list them (C-241). The engine's
    sequence numbers must continue above `seq_seen` if it has lost its counter. `counted`: `resources_lost` were ended,
    `commands_sent` were sent again.
    """

    seq_seen: int
    unknown: Sequence[str]
    ended: Sequence[str]
    counted: Counter[str]


class EngineSessions:
    """The sessions of media engines; every method raises StoreBusy or StoreUnavailable when the store fails.

    Args:
        presences: the presence of engines.
        live: what engines have.
        report_end: applies an end as if the engine had reported it; returns False if it has ended meanwhile.
        send_pending: sends the unconfirmed commands of these resources, and returns how many; the reconciler sends the
            rest if there are too many.
        note_end: is called with the engine's name and each resource that was ended because the engine is gone.
        clock: milliseconds.
        presence_clock: milliseconds of the clock of presence; None: `clock`. Its times are converted by their age.
        note_ended_pause: is called with the engine's name, the session's boot and each recording that the engine
            captures although a request has paused it; as soon as that pause has its new version.
    """

    def __init__(
        self,
        presences: PresenceStore,
        live: LiveStore,
        report_end: Callable[[EngineEvent, EndReport], bool],
        send_pending: Callable[[Sequence[PendingWork]], int],
        note_end: Callable[[str, str, LiveKind], object],
        clock: Clock,
        presence_clock: Clock | None = None,
        note_ended_pause: Callable[[str, str, str], object] = lambda _engine, _boot, _recording: None,
    ) -> None:
        self._presences = presences
        self._live = live
        self._report_end = report_end
        self._send_pending = send_pending
        self._note_end = note_end
        self._clock = clock
        self._presence_clock = presence_clock or clock
        self._note_ended_pause = note_ended_pause

    def open(self, engine: MediaEngine, opening: SessionOpening) -> OpenedSession:
        """Open or renew a session; with its last page, end what the engine has no longer, and send it its commands.

        Idempotent: a request that failed may be repeated.

        Raises:
            SessionSuperseded: a newer session of the engine is open.
            NotAuthenticated: the engine was deleted a moment ago.
        """
        presence, seq_seen = self._open(engine.name, opening)
        opened_at = self._converted(presence.opened_at)
        session = ListingSession(engine.name, presence.session, opened_at)
        listed: defaultdict[Listing, list[str]] = defaultdict(list)
        for resource in opening.live:
            listing = Listing.UNKNOWN
            if engine.serves(resource.account) and (resource.kind == "recording") == (resource.parent is not None):
                listing = self._live.note_listed(session, resource, self._clock() // 1000)
            if listing is Listing.SUPERSEDED:
                raise SessionSuperseded
            listed[listing].append(resource.id)
            if listing is Listing.PAUSED_AGAIN:
                self._note_ended_pause(engine.name, opening.boot, resource.id)
        counted: Counter[str] = Counter()
        if not opening.has_more:
            at = self._converted(presence.previous_seen_at or presence.opened_at)
            over = self._find_live(presence, lambda found: _is_over(found, presence.session, opened_at))
            counted = self._end_all(presence, at, over, lambda found: found.boot == presence.boot)
            listed[Listing.OVER] += [resource.id for _, resource in over if isinstance(resource, Recording)]
            if presence.synced_boot != opening.boot:
                counted["commands_sent"] = self._send_pending(self._pending_of(engine.name))
            if not self._presences.set_synced(engine.name, opening.boot, self._now):
                raise SessionSuperseded
        return OpenedSession(seq_seen, listed[Listing.UNKNOWN], listed[Listing.OVER], counted)

    def note_alive(self, engine: str, boot: str, seq: int, health: EngineHealth) -> bool:
        """Note that an engine is alive; return whether the session is superseded by a newer one.

        A session that was never opened is not noted either.
        """
        presence = EnginePresence(
            engine, boot, self._now, max_calls=health.max_calls, live_calls=health.live_calls,
            is_draining=health.is_draining, seq=seq,
        )  # fmt: skip
        found = self._presences.note_alive(presence)
        return found is not None and boot < found.boot

    def note_seq(self, engine: str, boot: str, seq: int) -> None:
        """Note a sequence number of the current session that is far above the known one: 1 write."""
        self._presences.raise_seq(engine, boot, seq)

    def find_session(self, engine: str, boot: str) -> KnownSession:
        """Return what is known about a session of an engine: 1 read; a gone one has to be opened again (C-288)."""
        found = self._presences.get_presence(engine)
        if found is None:
            return KnownSession(SessionState.UNOPENED)
        if boot > found.boot or boot == found.gone_boot:
            return KnownSession(SessionState.UNOPENED, found.seq)
        return KnownSession(SessionState.CURRENT if boot == found.boot else SessionState.SUPERSEDED, found.seq)

    def end_lost(self, presence: EnginePresence) -> Counter[str]:
        """End everything that a lost or deleted engine had, at the time at which it was last seen.

        Idempotent and safe for several workers at once.

        Returns:
            `resources_lost`: how many calls, conferences and captures this ended;
            `engines_gone` is 1 the first time since the engine has opened or renewed its session.
        """
        # Before the first end: if the engine comes back, it has to learn what has ended, also if this is not completed.
        engines_gone = int(self._presences.set_gone(presence))
        found = self._find_live(presence, lambda _: True)
        is_away = (presence.boot, presence.seen_at)
        counted = self._end_all(
            presence, self._converted(presence.last_known_at), found, lambda now: (now.boot, now.seen_at) == is_away
        )
        counted["engines_gone"] = engines_gone
        return counted

    @property
    def _now(self) -> int:
        """The current second of the clock of presence."""
        return self._presence_clock() // 1000

    def _converted(self, seconds: int) -> int:
        """Return the time by the other clock at which the clock of presence had this time."""
        return seconds + (self._clock() - self._presence_clock()) // 1000

    def _open(self, engine: str, opening: SessionOpening) -> tuple[EnginePresence, int]:
        """Store the session; return the presence and the sequence number above which no event has been reported."""
        for _ in range(_MAX_ATTEMPTS):
            found, now = self._presences.get_presence(engine), self._now
            is_older = found is not None and opening.boot < found.boot
            # The clock of the lost one's host may have been ahead, so that its id is greater than any new one.
            if found is not None and is_older and found.is_session_held(now):
                raise SessionSuperseded
            replaced_boot = found.boot if found is not None else None
            presence = self._presences.open_session(
                engine, opening.boot, replaced_boot, now, opening.capabilities, opening.max_calls
            )
            if presence is not None:
                return presence, min(presence.seq, MAX_CONTINUED_SEQUENCE)
        raise StoreBusy

    def _find_live(self, presence: EnginePresence, is_over: Callable[[LiveKind], bool]) -> list[tuple[str, LiveKind]]:
        """Return what an engine had and is over, with its account; also captures that have stopped."""
        return [
            (pending.account, pending.resource)
            for pending in self._live.list_live(presence.engine)
            if isinstance(pending.resource, _ENDING_ORDER) and is_over(pending.resource)
        ]

    def _end_all(
        self,
        presence: EnginePresence,
        at: int,
        found: Sequence[tuple[str, LiveKind]],
        is_still_over: Callable[[EnginePresence], bool],
    ) -> Counter[str]:
        """End what an engine had and is over, at the second `at`; every resource is tried before an error is raised.

        Nothing more is ended once the engine's presence shows that it is back, or has a newer session (C-287).
        """
        counted: Counter[str] = Counter()
        failure: StoreFailure | None = None
        for account, resource in sorted(found, key=lambda each: _ENDING_ORDER.index(type(each[1]))):
            report = _end_of(resource)
            if report is None:
                continue
            event = EngineEvent(new_id(self._clock()), account, presence.engine, presence.seq, at * 1000)
            try:
                current = self._presences.get_presence(presence.engine)
                if current is None or not is_still_over(current):
                    break
                if not self._report_end(event, report):
                    continue
            except StoreFailure as error:
                failure = error
                continue
            self._note_end(presence.engine, account, resource)
            counted["resources_lost"] += 1
        if failure is not None:
            raise failure
        return counted

    def _pending_of(self, engine: str) -> Sequence[PendingWork]:
        """Return everything that an engine has and that may have an unconfirmed command."""
        pending: list[PendingWork] = []
        for found in self._live.list_live(engine):
            pending.append(found)
            if isinstance(found.resource, Conference):
                pending += self._live.list_participants_with_commands(found.account, found.resource.id)
        return pending


def _is_over(resource: LiveKind, session: int, opened_at: int) -> bool:
    """Whether the session with this number, which has listed everything, does not have this resource.

    A resource that no session has listed is over if it has not changed since the session was opened (C-198).
    """
    if resource.session is None:
        return resource.updated < opened_at
    return resource.session < session


def _end_of(resource: LiveKind) -> EndReport | None:
    """Return the end of a resource, in the form in which an engine reports it (C-196); None if it needs none."""
    match resource:
        case Call():
            # The event is applied as `completed` if the call is in progress.
            return CallEndReport(resource.id, CallStatus.FAILED)
        case Conference():
            return ConferenceEndReport(resource.id, EndReason.LAST_LEFT)
        case Recording():
            if not resource.is_active:
                return None  # its audio may still come
            return CaptureTransitionReport(resource.parent, resource.id, RecordingStatus.STOPPED, reason=ENGINE_LOST)
