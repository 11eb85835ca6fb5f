"""What a request requires of media engines before it writes: that they are alive, and can do what it begins."""

from collections.abc import Mapping
from typing import Final

from tapedeck.domain.call import Call
from tapedeck.domain.engine import EnginePresence
from tapedeck.domain.errors import NoEngineAvailable, NotEligibleForRecording, StoreFailure
from tapedeck.ports.clock import Clock
from tapedeck.ports.engines import PresenceStore
from tapedeck.ports.stores import Store

PRESENCE_FRESH_MS: Final = 5_000
"""How long a process remembers which engines are alive and what they can do."""


class KnownPresences:
    """The presence of all engines, read at most once in 5 seconds.

    Args:
        store: the presences.
        clock: milliseconds since the epoch.
        monotonic_clock: milliseconds of a clock that is never set back.
    """

    def __init__(self, store: PresenceStore, clock: Clock, monotonic_clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._monotonic_clock = monotonic_clock
        self._known: Mapping[str, EnginePresence] = {}
        self._read_at: tuple[int, int] | None = None
        """When the presences were read, by both clocks."""

    def read(self) -> Mapping[str, EnginePresence] | None:
        """Return the presences by engine, read at most 5 seconds ago; None if they cannot be read."""
        now = self._clock(), self._monotonic_clock()
        # Neither a clock that was set back nor a process that stood still may make them look newer.
        if self._read_at is None or not all(0 <= now[i] - self._read_at[i] < PRESENCE_FRESH_MS for i in (0, 1)):
            try:
                self._known = {each.engine: each for each in self._store.list_presences()}
            except StoreFailure:
                return None
            self._read_at = now
        return self._known


class EngineRules:
    """Rejects what a lost engine, or one that lacks a capability, would never do.

    An engine that is unknown, because it opened no session, is not checked; nor is any if the presences cannot be read.

    Args:
        presences: which engines are alive, and what they can do.
        store: the recordings table.
        clock: milliseconds since the epoch.
    """

    def __init__(self, presences: KnownPresences, store: Store, clock: Clock) -> None:
        self._presences = presences
        self._store = store
        self._clock = clock

    def are_met_by_all(self, needed: frozenset[str]) -> bool:
        """Whether every engine is alive and has these capabilities: then no engine has to be looked up."""
        presences = self._presences.read() or {}
        return all(self._is_alive(each) and each.capabilities.include(needed) for each in presences.values())

    def require_alive(self, engine: str) -> None:
        """Check that an engine is alive.

        Raises:
            NoEngineAvailable: it is lost (C-238).
        """
        presence = (self._presences.read() or {}).get(engine)
        if presence is not None and not self._is_alive(presence):
            raise NoEngineAvailable

    def require(self, call: Call, needed: frozenset[str]) -> None:
        """Check that the engine of a call is alive and has these capabilities.

        Args:
            call: the call.
            needed: names of fields of `EngineCapabilities`.

        Raises:
            NoEngineAvailable: it is lost (C-238).
            NotEligibleForRecording: it lacks a capability (C-239).
        """
        engine = self._engine_of(call)
        if engine is None:
            return
        self.require_alive(engine)
        presence = (self._presences.read() or {}).get(engine)
        if presence is not None and not presence.capabilities.include(needed):
            raise NotEligibleForRecording

    def _is_alive(self, presence: EnginePresence) -> bool:
        return presence.is_alive(self._clock() // 1000)

    def _engine_of(self, call: Call) -> str | None:
        """Return the engine of a call: its own, else that of its conference, which is read."""
        if call.engine is not None or call.conference is None:
            return call.engine
        conference = self._store.get_conference(call.account, call.conference)
        return conference.engine if conference is not None else None
