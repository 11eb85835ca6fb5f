"""Answer the requests with which media engines open their sessions, in the words of the engine protocol."""

from typing import Any

from tapedeck.background.parents import read_parent
from tapedeck.domain.engine import (
    ALIVE_EVERY_SECONDS,
    DEAD_AFTER_SECONDS,
    EngineCapabilities,
    MediaEngine,
)
from tapedeck.domain.recording import RecordingStatus
from tapedeck.observability import CanonicalLog
from tapedeck.operations.engine_sessions import EngineSessions, SessionOpening
from tapedeck.ports.clock import Clock
from tapedeck.ports.engines import CredentialsLender, LiveResource
from tapedeck_protocol import session


class SessionRequests:
    """Opens sessions, and lends each engine credentials for its queue.

    Args:
        sessions: the sessions of engines.
        lender: lends credentials.
        clock: milliseconds.
        log: gets a line if a session ends what it does not list.
    """

    def __init__(self, sessions: EngineSessions, lender: CredentialsLender, clock: Clock, log: CanonicalLog) -> None:
        self._sessions = sessions
        self._lender = lender
        self._clock = clock
        self._log = log

    def open(self, engine: MediaEngine, request: session.OpenSessionRequest) -> dict[str, Any]:
        """Open a session; return the answer.

        Raises:
            SessionSuperseded: a newer session of the engine is open.
            StoreBusy, StoreUnavailable: the session is not complete; the engine repeats the request.
        """
        opened = self._sessions.open(engine, _read_opening(request))
        if lost := opened.counted["resources_lost"]:
            self._log.lost_resources(engine=engine.name, boot=request.boot, number=lost)
        access = self._lender.lend(engine.name)
        return {
            "engine": engine.name,
            "now": self._clock(),
            "seq_seen": opened.seq_seen,
            "alive_every": ALIVE_EVERY_SECONDS,
            "dead_after": DEAD_AFTER_SECONDS,
            "commands": {
                "url": access.url,
                "region": access.region,
                "access_key": access.access_key,
                "secret_key": access.secret_key,
                "session_token": access.session_token,
                "expires_at": access.expires_at,
            },
            "unknown": list(opened.unknown),
            "ended": list(opened.ended),
        }


def _read_opening(request: session.OpenSessionRequest) -> SessionOpening:
    offered = request.capabilities
    return SessionOpening(
        boot=request.boot,
        capabilities=EngineCapabilities(
            pause=offered.pause,
            restart=offered.restart,
            tracks=offered.tracks,
            dual=offered.dual,
            conference=offered.conference,
            conference_recording=offered.conference_recording,
            participants=frozenset(offered.participants),
            place=offered.place,
            markup=offered.markup,
            presence=offered.presence,
        ),
        max_calls=request.capacity.max_calls,
        live=[_read_live(each) for each in request.live],
        has_more=request.more,
    )


def _read_live(listed: session.LiveResource) -> LiveResource:
    parent = None
    if listed.kind == "recording" and listed.parent is not None:
        parent = read_parent(listed.account, listed.parent)
    is_capturing = parent is not None and listed.status == RecordingStatus.IN_PROGRESS
    is_running = is_capturing or (parent is not None and listed.status == RecordingStatus.PAUSED)
    return LiveResource(
        listed.kind, listed.account, listed.id, parent, is_running=is_running, is_capturing=is_capturing,
        version=listed.version,
    )  # fmt: skip
