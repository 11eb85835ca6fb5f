"""Run the background functions from the stream, the queues and the clock, as Lambda would.

One thread at a time runs everything except callback deliveries, which have separate threads.
"""

import threading
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from tapedeck.domain.delivery import CallbackDelivery
from tapedeck_standin.aws.event_sources import StreamSource
from tapedeck_standin.aws.queues import MemoryQueue
from tapedeck_standin.aws.standard_queue_source import StandardQueueSource
from tapedeck_standin.callbacks.callback_log import CallbackLog
from tapedeck_standin.callbacks.fault_injection import ReorderingDeliverer
from tapedeck_standin.clock import ClockOutOfRange, VirtualClock
from tapedeck_standin.scheduler.callback_workers import CallbackWorkers
from tapedeck_standin.scheduler.work_left import UnfinishedWork, WorkLeft
from tapedeck_standin.telephony.simulated_engine import SimulatedEngine

IDLE_SECONDS: Final = 0.05
"""Polling interval of the background thread; `wake` shortens it."""

RECONCILE_INTERVAL_SECONDS: Final = 60

MAX_ADVANCE_WAIT_SECONDS: Final = 60
"""Limit of the real time that one clock advance waits for callback retries."""

MAX_SETTLE_ADVANCE_SECONDS: Final = 7 * 86_400
"""Limit by which one `settle` advances the clock: longer than callbacks are retried (C-321)."""


class Scheduler:
    """Runs the background functions.

    Args:
        stream: the table's stream, mapped to `publish_changes`.
        engine: the simulated media engine; None if there is none, or an external one.
        finishing: the queue of captures to convert, mapped to `finish_recording`.
        callbacks: the queue of callbacks.
        deliverer: delivers one callback.
        callback_log: knows the scheduled retries.
        unfinished: finds what is still under way.
        reconcile: the handler that runs every minute of `clock`.
        clock: the stand-in's clock.
        background_context: makes the context in which background work runs.
    """

    def __init__(
        self,
        stream: StreamSource,
        engine: SimulatedEngine | None,
        finishing: StandardQueueSource,
        callbacks: MemoryQueue,
        deliverer: ReorderingDeliverer,
        callback_log: CallbackLog,
        unfinished: UnfinishedWork,
        reconcile: Callable[[], object],
        clock: VirtualClock,
        background_context: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._stream = stream
        self._engine = engine
        self._finishing = finishing
        self._callbacks = callbacks
        self._deliverer = deliverer
        self._callback_log = callback_log
        self._unfinished = unfinished
        self._callback_workers = CallbackWorkers(callbacks, deliverer)
        self._run_reconcile = reconcile
        self._clock = clock
        self._background_context = background_context
        self._lock = threading.Lock()
        self._media_lock = threading.Lock()
        self._stopping = threading.Event()
        self._wake_event = threading.Event()
        self._reconciled_at = clock()
        self._advance_lock = threading.Lock()
        self._has_new_records = False
        """Whether the stream has had new records, so that events that were not applicable may be so now."""
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        """Start the background thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the background thread and the callback workers."""
        self._stopping.set()
        self._wake_event.set()
        if self._thread.is_alive():
            self._thread.join(IDLE_SECONDS * 40)
        self._callback_workers.stop()

    def wake(self) -> None:
        """Make the background thread look for work at once."""
        self._wake_event.set()

    def run(self) -> None:
        """Run all background work that is due, except callback deliveries."""
        with self._media_lock:
            self.run_without_media()
            while self._finish_media():
                self.run_without_media()

    def run_without_media(self) -> bool:
        """Run the work that is due, except callbacks and the slow encoding of media; return whether there was some."""
        was_busy = False
        with self._lock, self._background_context():
            if self._has_new_records:
                self._has_new_records = False
                if self._engine is not None:
                    self._engine.outbox.retry_now()
            while self._step():
                was_busy = True
        return was_busy

    def advance(self, seconds: float, account: str | None, max_wait: float | None = None) -> int:
        """Advance the clock from one due time to the next; return the new time.

        After each step, waits for the callback retries of this account (None: of all) that became due, for at most
        `max_wait` real seconds (None: MAX_ADVANCE_WAIT_SECONDS). Retries of other accounts are not waited for.

        Raises:
            ClockOutOfRange: the new time is too late; the clock is unchanged.
        """
        if not self._clock.can_advance(seconds):
            raise ClockOutOfRange
        # --8<-- [start:advance]
        deadline = time.monotonic() + (MAX_ADVANCE_WAIT_SECONDS if max_wait is None else max_wait)
        left = round(seconds * 1000)
        with self._advance_lock:
            self.run()  # earlier events belong to the time before the advance
            while (step := self._milliseconds_until_due()) is not None and step <= left and time.monotonic() < deadline:
                self._advance_clock(step)
                left -= step
                due = [delivery for delivery in self._due_retries() if account in {None, delivery.account}]
                self.run()
                self.wake()
                self._callback_log.wait_until_attempted(due, deadline - time.monotonic())
            now = self._advance_clock(left)
        # --8<-- [end:advance]
        self.wake()
        return now

    def wait_until_idle(self, seconds: float, account: str | None = None) -> list[WorkLeft]:
        """Wait until all work that is due by the clock is done, at most for this many real seconds.

        Does not advance the clock: the media of a recording, for example, are due one second after its end.

        Returns:
            what is due and still under way for this account (None: all).
        """
        deadline = time.monotonic() + seconds
        while True:
            self.run()
            found = self._unfinished.in_memory(account)
            left = [work for work in found if work.is_due(self._clock())]
            if not (left or self._has_new_records) or time.monotonic() >= deadline:
                return left
            self._pause(IDLE_SECONDS)

    # --8<-- [start:settle]
    def settle(self, seconds: float, account: str | None = None, *, is_advancing: bool = False) -> list[WorkLeft]:
        """Wait until nothing is under way, at most for this many real seconds; return what is left (C-320).

        What is due later than the clock can reach in that time is not waited for. With `is_advancing` the clock goes on
        to the next due time, again and again, by at most MAX_SETTLE_ADVANCE_SECONDS (C-321).
        """
        deadline, limit = time.monotonic() + seconds, self._clock() + MAX_SETTLE_ADVANCE_SECONDS * 1000
        before: list[WorkLeft] | None = None
        while True:
            left, now, remaining = self._find_left(account), self._clock(), deadline - time.monotonic()
            if not left or remaining <= 0:
                return left
            due = min((now if work.due is None else work.due for work in left), default=now)
            if due > now and is_advancing and due <= limit:
                self.advance((due - now) / 1000, account, remaining)
            elif due > now and left == before and (is_advancing or not self._reaches(due, remaining)):
                return left
            else:
                self._pause(min(IDLE_SECONDS, remaining))
            before = left

    # --8<-- [end:settle]

    def _find_left(self, account: str | None) -> list[WorkLeft]:
        """Return what is under way, the next due first; looks into the store only if there is nothing in memory."""
        self.run()
        found = self._unfinished.in_memory(account) + self._unfinished.for_engines(account)
        # Only the reconciler queues what this process does not know.
        next_reconciliation = self._reconciled_at + RECONCILE_INTERVAL_SECONDS * 1000
        found = found or self._unfinished.in_store(account, next_reconciliation)
        return sorted(found, key=lambda work: (work.due or 0, work.id))

    def _reaches(self, due: int, seconds: float) -> bool:
        """Return whether the clock reaches a time within this many real seconds by itself."""
        return not self._clock.is_frozen and due <= self._clock() + seconds * 1000

    def _pause(self, seconds: float) -> None:
        self._wake_event.set()
        time.sleep(seconds)

    def _due_retries(self) -> list[CallbackDelivery]:
        now = self._clock() // 1000
        return [
            delivery
            for delivery in self._callback_log.scheduled_retries
            if delivery.next_attempt_at is not None and delivery.next_attempt_at <= now
        ]

    def _finish_media(self) -> bool:
        with self._background_context():
            was_busy = self._engine is not None and self._engine.finish_due_media()
            return self._finishing.run_once() or was_busy

    def _milliseconds_until_due(self) -> int | None:
        """Return the milliseconds until the next callback retry, engine event or conversion; None if none is due."""
        due = [
            delivery.next_attempt_at * 1000
            for delivery in self._callback_log.scheduled_retries
            if delivery.next_attempt_at is not None
        ]
        now = self._clock()
        engine_due = self._engine.outbox.next_due() if self._engine is not None else None
        # An event that is due already waits for something else than time.
        if engine_due is not None and engine_due > now:
            due.append(engine_due)
        if (finishing_due := self._finishing.next_due) is not None:
            due.append(finishing_due)
        return max(0, min(due) - now) if due else None

    def _advance_clock(self, milliseconds: int) -> int:
        with self._lock:  # no background work is running
            return self._clock.advance(milliseconds / 1000)

    def _step(self) -> bool:
        was_busy = self._stream.run_once()
        self._has_new_records = self._has_new_records or was_busy
        # Before the reconciler: an engine that has not reported for a while would be lost.
        was_busy = (self._engine is not None and self._engine.step()) or was_busy
        if self._is_reconcile_due():
            self._reconciled_at = self._clock()
            self._run_reconcile()
            was_busy = True
        return was_busy

    def _is_reconcile_due(self) -> bool:
        """Return whether a minute has passed, or a retry became due after the last reconciliation."""
        if self._clock() >= self._reconciled_at + RECONCILE_INTERVAL_SECONDS * 1000:
            return True
        return any((delivery.next_attempt_at or 0) > self._reconciled_at // 1000 for delivery in self._due_retries())

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake_event.wait(IDLE_SECONDS)
            self._wake_event.clear()
            try:
                self.run()
                self._callback_workers.start_due()
            except Exception:  # noqa: BLE001 - one failure must not end the thread
                traceback.print_exc()
