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
            return self.read_again()
        return self._known

    def read_again(self) -> Mapping[str, EnginePresence] | None:
        """Return the presences by engine, read now; None if they cannot be read."""
        now = self._clock(), self._monotonic_clock()
        try:
            self._known = {each.engine: each for each in self._store.list_presences()}
        except StoreFailure:
            return None
        self._read_at = now
        return self._known


def may_be_alive(engine: str | None, presences: Mapping[str, EnginePresence], now: int) -> bool:
    """Whether an engine is alive at a time in seconds; of None, an unknown one, whether any engine is (C-231).

    An engine that never opened a session is not (C-281).
    """
    alive = {name for name, presence in presences.items() if presence.is_alive(now)}
    return engine in alive if engine is not None else bool(alive)


class EngineRules:
    """Rejects what an engine that is not alive, or that lacks a capability, would never do.

    Nothing is checked if the presences cannot be read.

    Args:
        presences: which engines are alive, and what they can do.
        store: the recordings table.
        clock: milliseconds since the epoch.
    """

    def __init__(self, presences: KnownPresences, store: Store, clock: Clock) -> None:
        self._presences = presences
        self._store = store
        self._clock = clock

    def find_ready(self, needed: frozenset[str]) -> frozenset[str] | None:
        """Return the engines if each of them is alive and has these capabilities: then none has to be looked up.

        Empty if one does not, or if there is no engine; None if the presences cannot be read.
        """
        presences = self._presences.read()
        if presences is None:
            return None
        now = self._clock() // 1000
        are_ready = all(each.is_alive(now) and each.capabilities.include(needed) for each in presences.values())
        return frozenset(presences) if are_ready else frozenset()

    def require_alive(self, engine: str) -> None:
        """Check that an engine is alive.

        Raises:
            NoEngineAvailable: it is lost (C-238), or never opened a session (C-281).
        """
        self._find_alive(engine)

    def require(self, call: Call, needed: frozenset[str]) -> None:
        """Check that the engine of a call is alive and has these capabilities.

        Args:
            call: the call.
            needed: names of fields of `EngineCapabilities`.

        Raises:
            NoEngineAvailable: it is lost (C-238), or never opened a session; or it is unknown, and no engine is alive
                (C-281).
            NotEligibleForRecording: it lacks a capability (C-239).
        """
        presence = self._find_alive(self._engine_of(call))
        if presence is not None and not presence.capabilities.include(needed):
            raise NotEligibleForRecording

    def _find_alive(self, engine: str | None) -> EnginePresence | None:
        """Return the presence of an engine; None of an unknown one, or if the presences cannot be read.

        Before it refuses, it reads the presences again: the session may have been opened a moment ago.

        Raises:
            NoEngineAvailable: the engine is not alive; or it is unknown, and no engine is alive.
        """
        for read in (self._presences.read, self._presences.read_again):
            presences = read()
            if presences is None:
                return None
            if may_be_alive(engine, presences, self._clock() // 1000):
                return presences[engine] if engine is not None else None
        raise NoEngineAvailable

    def _engine_of(self, call: Call) -> str | None:
        """Return the engine of a call: its own, else that of its conference, which is read."""
        if call.engine is not None or call.conference is None:
            return call.engine
        conference = self._store.get_conference(call.account, call.conference)
        return conference.engine if conference is not None else None
