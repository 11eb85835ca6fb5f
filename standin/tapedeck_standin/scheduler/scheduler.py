"""What moves things on in the background: stream, queues and the clock, each to its function, as Lambda would.

One thread at a time does all of it but callbacks, which have threads of their own.
"""

import json
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.delivery import CallbackDelivery
from tapedeck_standin.aws.event_sources import QueueSource, StreamSource
from tapedeck_standin.aws.queues import MemoryQueue
from tapedeck_standin.callbacks.callback_log import CallbackLog
from tapedeck_standin.callbacks.fault_injection import ReorderingDeliverer
from tapedeck_standin.scheduler.callback_workers import CallbackWorkers
from tapedeck_standin.scheduler.clock import ClockOutOfRange, VirtualClock
from tapedeck_standin.telephony.engine import Engine

IDLE_SECONDS: Final = 0.05
"""Between two looks, while nobody says that there is something to do."""

SWEEP_SECONDS: Final = 60

PATIENCE: Final = 60
"""Seconds of real time that putting the clock forward takes at most, where callbacks are tried again meanwhile."""


class Scheduler:
    """Runs the functions that no client calls.

    Args:
        stream: the table's, to `publish_changes`.
        events: the engine's, to `ingest_media_event`.
        engine: which works in between, and whose recordings may be due.
        callbacks: what is to be told.
        courier: tells one of these.
        told: knows which of these are tried again, and when.
        sweep: looks after what is left.
        clock: by which that is done once a minute.
        behind: what it does is done within this, wherever it is done.
    """

    def __init__(
        self,
        stream: StreamSource,
        events: QueueSource,
        engine: Engine,
        callbacks: MemoryQueue,
        courier: ReorderingDeliverer,
        told: CallbackLog,
        sweep: Callable[[], object],
        clock: VirtualClock,
        behind: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._stream = stream
        self._events = events
        self._engine = engine
        self._callbacks = callbacks
        self._courier = courier
        self._callback_log = told
        self._senders = CallbackWorkers(callbacks, courier)
        self._sweep = sweep
        self._clock = clock
        self._behind = behind
        self._lock = threading.Lock()
        self._finishing = threading.Lock()
        self._stops = threading.Event()
        self._wakes = threading.Event()
        self._swept = clock()
        self._advancing = threading.Lock()
        self._has_changed = False
        """Whether something that an event waits for may have come."""
        self._thread = threading.Thread(target=self._run, name="pump", daemon=True)

    def start(self) -> None:
        """Begin to move things on."""
        self._thread.start()

    def stop(self) -> None:
        """Move nothing more."""
        self._stops.set()
        self._wakes.set()
        if self._thread.is_alive():
            self._thread.join(IDLE_SECONDS * 40)
        self._senders.stop()

    def wake(self) -> None:
        """There may be something to do."""
        self._wakes.set()

    def run(self) -> None:
        """Do all that can be done now, but for callbacks."""
        with self._finishing:
            self.run_without_media()
            while self._finish():
                self.run_without_media()

    def run_without_media(self) -> None:
        """The same, but for the media that are due: they take longer than somebody who asks should wait."""
        with self._lock, self._behind():
            if self._has_changed:
                self._has_changed = False
                self._events.retry()
            while self._step():
                pass

    def advance(self, seconds: float, account: str) -> int:
        """Put the clock forward, from one moment at which something is due to the next one; the time then.

        What this account's callbacks that are tried again on the way come to is known when the next moment comes,
        unless that takes too long; nobody waits for another's.

        Raises:
            ClockOutOfRange: it stays as it is.
        """
        if not self._clock.reaches(seconds):
            raise ClockOutOfRange
        left, deadline = round(seconds * 1000), time.monotonic() + PATIENCE
        with self._advancing:
            self.run()  # what has happened so far happened before
            while (step := self._until_due()) is not None and step <= left and time.monotonic() < deadline:
                self._put_forward(step)
                left -= step
                due = [delivery for delivery in self._parked_until_now() if delivery.account == account]
                self.run()
                self.wake()
                self._callback_log.wait_until_tried(due, deadline - time.monotonic())
            now = self._put_forward(left)
        self.wake()
        return now

    def settle(self, seconds: float, account: str | None = None) -> dict[str, ResourceType]:
        """Wait until nothing is under way or due, at most so many seconds of real time.

        Returns:
            of this account or of all, by id, the recordings that are due and not finished by then, the recordings and
            conferences that callbacks which are under way tell of, and what events tell of that wait behind one which
            does not fit yet.
        """
        deadline = time.monotonic() + seconds
        while True:
            self.run()
            left = (
                dict.fromkeys(self._engine.due(account), ResourceType.RECORDING)
                | self._pending_callbacks(account)
                | self._held_up(account)
            )
            if not (left or self._has_changed) or time.monotonic() >= deadline:
                return left
            self._wakes.set()
            time.sleep(IDLE_SECONDS)

    def _held_up(self, account: str | None) -> dict[str, ResourceType]:
        events = [event for event in map(json.loads, self._events.blocked) if account in {None, event["account"]}]
        return {event[name]: kind for event in events for name, kind in _MEANT.items() if name in event}

    def _pending_callbacks(self, account: str | None) -> dict[str, ResourceType]:
        owed = self._courier.held + [(group, json.loads(body)["account"]) for group, body in self._callbacks.held]
        owed += [(delivery.resource_id, delivery.account) for delivery in self._parked_until_now()]
        return {group: self._callback_log.kind_of(group) for group, whose in owed if account in {None, whose}}

    def _parked_until_now(self) -> list[CallbackDelivery]:
        now = self._clock() // 1000
        return [
            delivery
            for delivery in self._callback_log.scheduled_retries
            if delivery.next_attempt_at is not None and delivery.next_attempt_at <= now
        ]

    def _finish(self) -> bool:
        with self._behind():
            return self._engine.finish_due_media()

    def _until_due(self) -> int | None:
        """Milliseconds until what has failed is tried again."""
        due = [
            delivery.next_attempt_at * 1000
            for delivery in self._callback_log.scheduled_retries
            if delivery.next_attempt_at is not None
        ]
        event_due = self._events.next_due
        if event_due is not None:
            due.append(event_due)
        return max(0, min(due) - self._clock()) if due else None

    def _put_forward(self, milliseconds: int) -> int:
        with self._lock:  # nothing is in the middle of anything
            return self._clock.advance(milliseconds / 1000)

    def _step(self) -> bool:
        moved = self._stream.run_once()
        self._has_changed = self._has_changed or moved
        moved = self._engine.process_commands() or moved
        moved = self._events.run_once() or moved
        if self._is_to_sweep():
            self._swept = self._clock()
            self._sweep()
            moved = True
        return moved

    def _is_to_sweep(self) -> bool:
        """Once a minute, and when a callback is due that the last sweep could not find."""
        if self._clock() >= self._swept + SWEEP_SECONDS * 1000:
            return True
        return any((delivery.next_attempt_at or 0) > self._swept // 1000 for delivery in self._parked_until_now())

    def _run(self) -> None:
        while not self._stops.is_set():
            self._wakes.wait(IDLE_SECONDS)
            self._wakes.clear()
            try:
                self.run()
                self._senders.start_due()
            except Exception:  # noqa: BLE001 - what fails once must not end everything
                traceback.print_exc()


_MEANT: Final = {"recording": ResourceType.RECORDING, "conference": ResourceType.CONFERENCE, "call": ResourceType.CALL}
"""What an event may tell of."""
