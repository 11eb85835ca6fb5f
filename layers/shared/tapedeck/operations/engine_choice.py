"""Choose the media engine that gets a new call or conference."""

from collections.abc import Callable, Sequence

from tapedeck.domain.engine import EnginePresence
from tapedeck.domain.errors import NotEligibleForRecording
from tapedeck.ports.clock import Clock
from tapedeck.ports.engines import EngineRegistry, PresenceStore, RegisteredEngine

NeededCapabilities = frozenset[str]
"""Names of fields of `EngineCapabilities`."""

EngineChooser = Callable[[str, NeededCapabilities], str | None]
"""Returns the engine for a new conference of an account that needs these capabilities, as `choose_engine`."""


def choose_engine(
    account: str,
    presences: Sequence[EnginePresence],
    registered: Sequence[RegisteredEngine],
    now: int,
    needed: NeededCapabilities = frozenset(),
) -> str | None:
    """Return the engine with the most room for an account; None if no engine can take it (C-208).

    An engine can take it if it is enabled, serves the account, is alive, can dial and has conferences, accepts new
    calls and has not reached its maximum number of calls. An engine without a maximum has the most room. Of engines
    with equal room, the one with fewer calls is chosen, then the first by name.

    Args:
        account: 32 hex digits.
        presences: what is known about the running engines.
        registered: the registered engines.
        now: seconds.
        needed: what the engine must be able to do besides.

    Raises:
        NotEligibleForRecording: engines can take it, but all of them lack a needed capability (C-239).
    """
    serving = {each.engine.name for each in registered if not each.is_disabled and each.engine.serves(account)}
    able = [each for each in presences if each.engine in serving and _can_take_calls(each, now)]
    fitting = [each for each in able if each.capabilities.include(needed)]
    if able and not fitting:
        raise NotEligibleForRecording
    return min(fitting, key=_preference).engine if fitting else None


class EngineChoice:
    """Chooses by what is stored about the engines.

    Args:
        presences: the presence of engines.
        registry: the registered engines.
        clock: milliseconds.
    """

    def __init__(self, presences: PresenceStore, registry: EngineRegistry, clock: Clock) -> None:
        self._presences = presences
        self._registry = registry
        self._clock = clock

    def choose(self, account: str, needed: NeededCapabilities) -> str | None:
        """Return the engine for a new conference of an account that needs these capabilities, as `choose_engine`.

        Raises:
            NotEligibleForRecording: engines can take it, but all of them lack a needed capability.
            StoreBusy, StoreUnavailable: the tables did not respond.
        """
        presences, registered = self._presences.list_presences(), self._registry.list_engines()
        return choose_engine(account, presences, registered, self._clock() // 1000, needed)


def _can_take_calls(presence: EnginePresence, now: int) -> bool:
    is_full = presence.max_calls is not None and presence.live_calls >= presence.max_calls
    can_dial = presence.capabilities.place and presence.capabilities.conference
    return presence.is_alive(now) and can_dial and not presence.is_draining and not is_full


def _preference(presence: EnginePresence) -> tuple[bool, int, int, str]:
    """Return a key that is smallest for the engine with the most room."""
    room = (presence.max_calls or 0) - presence.live_calls
    return presence.max_calls is not None, -room, presence.live_calls, presence.engine
