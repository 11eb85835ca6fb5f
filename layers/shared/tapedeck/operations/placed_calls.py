"""Calls that a request creates: they are stored, and the media engine dials them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.errors import NoEngineAvailable, NotEligibleForRecording
from tapedeck.domain.identity import new_id
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.engine_choice import EngineChooser
from tapedeck.ports.calls import CallStore
from tapedeck.ports.clock import Clock

_NEEDED: Final = frozenset({"markup"})
"""What an engine must be able to do besides dialing."""


@dataclass(frozen=True, slots=True)
class PlaceCall:
    """A call to dial.

    `flow` are its instructions and `settings` all else, both in the words of `call.place`. `callback` is the
    subscription to its status events.
    """

    to: str
    from_: str
    flow: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    callback: CallbackSubscription | None = None


class PlacedCalls:
    """Creates calls; raises StoreBusy or StoreUnavailable if the store fails.

    Args:
        store: the calls.
        clock: milliseconds.
        choose_engine: chooses the engine of a new call.
    """

    def __init__(self, store: CallStore, clock: Clock, choose_engine: EngineChooser) -> None:
        self._store = store
        self._clock = clock
        self._choose_engine = choose_engine

    def create(self, account: str, wanted: PlaceCall) -> Call:
        """Create a queued call; the engine with most room that can execute markup is sent the command to dial it.

        Raises:
            NoEngineAvailable: no engine can take the call.
        """
        now = self._clock()
        call = Call(
            account, new_id(now), CallStatus.QUEUED, now // 1000, to=wanted.to, from_=wanted.from_,
            direction="outbound-api", callback=wanted.callback, requested_version=1, requested_at=now // 1000,
            placement={**wanted.settings, "flow": dict(wanted.flow)}, engine=self._find_engine(account),
        )  # fmt: skip
        self._store.put_call(call)
        return call

    def _find_engine(self, account: str) -> str:
        try:
            engine = self._choose_engine(account, _NEEDED)
        except NotEligibleForRecording as unable:
            raise NoEngineAvailable from unable
        if engine is None:
            raise NoEngineAvailable
        return engine
