"""How requests of the stand-in wait for the media engine."""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tapedeck.adapters.clock import monotonic_clock
from tapedeck.background.urgent_commands import UrgentCommands
from tapedeck.domain.engine import EnginePresence
from tapedeck.domain.errors import NotConfirmed, StoreUnavailable
from tapedeck.domain.recording import Recording
from tapedeck.operations.confirmations import Confirmations
from tapedeck.ports.clock import Clock
from tapedeck.ports.confirmations import UrgentSender
from tapedeck.ports.engines import PresenceStore
from tapedeck.ports.stores import Store
from tapedeck.settings import Settings
from tapedeck_standin.aws.standard_queue import MemoryEngineQueues
from tapedeck_standin.faults import CONFIRMED_UPDATES, Faults
from tapedeck_standin.scheduler.scheduler import Scheduler

_MAX_PAUSE_MS: Final = 25
_IDLE_MS: Final = 5
"""Pause of real time if the simulated engine had nothing to do."""


class ConfirmedUpdates:
    """Makes what waits for the media engine; by real time, except that the simulated engine works in between (C-233).

    Args:
        queues: the queues of the engines.
        clock: the virtual clock.
        engine_clock: the clock of the presence of engines.
        faults: the injected faults.
    """

    def __init__(self, queues: MemoryEngineQueues, clock: Clock, engine_clock: Clock, faults: Faults) -> None:
        self._queues = queues
        self._clock = clock
        self._engine_clock = engine_clock
        self._faults = faults
        self._changed = threading.Condition()
        self._scheduler: Scheduler | None = None

    def run_engine_by(self, scheduler: Scheduler) -> None:
        """Let the simulated engine work while requests wait."""
        self._scheduler = scheduler

    def notify(self) -> None:
        """End the pauses of all requests that wait: an engine has reported something."""
        with self._changed:
            self._changed.notify_all()

    def make(self, store: Store, presences: PresenceStore) -> Confirmations:
        """Return the operation, for `Environment.make_confirmations`."""
        return Confirmations(
            store,
            _FaultInjectingSender(UrgentCommands(MemoryUrgentQueues(self._queues), self._clock), self._faults),
            _Presences(presences, self),  # type: ignore[arg-type] # only this method is used
            self,
            Settings.read().confirm_within_ms,
            monotonic_clock,
            self._engine_clock,
        )

    def pause(self, milliseconds: int) -> None:
        """Let the simulated engine work; without one, or if it had nothing to do, let real time pass."""
        if self._scheduler is None:
            with self._changed:
                self._changed.wait(min(milliseconds, _MAX_PAUSE_MS) / 1000)
        elif not self._scheduler.run_without_media():
            time.sleep(min(milliseconds, _IDLE_MS) / 1000)

    def work(self) -> None:
        """Let the simulated engine work, so that its presence is up to date also when the clock was advanced."""
        if self._scheduler is not None:
            self._scheduler.run_without_media()


class _Presences:
    def __init__(self, presences: PresenceStore, updates: ConfirmedUpdates) -> None:
        self._presences = presences
        self._updates = updates

    def list_presences(self) -> Sequence[EnginePresence]:
        """Return the presences of all engines."""
        self._updates.work()
        return self._presences.list_presences()


class _FaultInjectingSender:
    """Sends commands at once, unless a fault says that the update is not confirmed in time (C-254)."""

    def __init__(self, sender: UrgentSender, faults: Faults) -> None:
        self._sender = sender
        self._faults = faults

    def send(self, engine: str, recording: Recording) -> None:
        """Send a command.

        Raises:
            NotConfirmed: the account has the fault `unconfirmed`. The stream sends the command nevertheless.
        """
        operation = CONFIRMED_UPDATES[recording.parent.kind]
        account = recording.parent.account
        if self._faults.apply_next(account, operation, is_applicable=lambda effect: effect.unconfirmed is True):
            raise NotConfirmed("timeout")
        self._sender.send(engine, recording)


class MemoryUrgentQueues:
    """`background.urgent_commands.UrgentQueues` over the queues of the stand-in."""

    def __init__(self, queues: MemoryEngineQueues) -> None:
        self._queues = queues

    def send(self, engine: str, message: Mapping[str, Any]) -> None:
        """Send a command to the queue of an engine.

        Raises:
            StoreUnavailable: the engine has no queue.
        """
        if not self._queues.send(engine, [message]):
            raise StoreUnavailable
