"""Run the background functions from the stream, the queues and the clock, as Lambda would.

One thread at a time runs everything except callback deliveries and the encoding of media, which have threads of
their own for each account.
"""

import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Final

from tapedeck.domain.delivery import CallbackDelivery
from tapedeck_standin.aws.account_queues import AccountQueueSource
from tapedeck_standin.aws.event_sources import StreamSource
from tapedeck_standin.aws.open_work import OpenWork
from tapedeck_standin.callbacks.callback_log import CallbackLog
from tapedeck_standin.clock import VirtualClock, time_of, working_for
from tapedeck_standin.scheduler.callback_workers import CallbackWorkers
from tapedeck_standin.scheduler.media_workers import MediaWorkers
from tapedeck_standin.scheduler.reconciliations import Reconciliations
from tapedeck_standin.scheduler.wait_budget import WaitBudget
from tapedeck_standin.scheduler.work_left import UnfinishedWork, WorkLeft
from tapedeck_standin.telephony.simulated_engine import SimulatedEngine

IDLE_SECONDS: Final = 0.05
"""Polling interval of the background thread; `wake` shortens it."""

LOOK_SECONDS: Final = 0.25
"""Interval of real time at which accounts are looked at whose time has come by itself."""

MAX_ADVANCE_WAIT_SECONDS: Final = 60
"""Limit of the real time that one clock advance waits for callbacks, in all (C-307)."""

MAX_SETTLE_ADVANCE_SECONDS: Final = 7 * 86_400
"""Limit by which one `settle` advances the clock: longer than callbacks are retried (C-321)."""


class Scheduler:
    """Runs the background functions, each by the clock of the account that it works for.

    Args:
        stream: the table's stream, mapped to `publish_changes`.
        open_work: knows which accounts have changed.
        engine: the simulated media engine; None if there is none, or an external one.
        finishing: the queues of captures to convert, mapped to `finish_recording`.
        callback_workers: deliver the callbacks.
        callback_log: knows the scheduled retries.
        unfinished: finds what is still under way.
        reconciliations: reconcile the accounts.
        clock: the stand-in's clock.
        background_context: makes the context in which background work runs.
        monotonic_clock: seconds of real time.
    """

    def __init__(
        self,
        stream: StreamSource,
        open_work: OpenWork,
        engine: SimulatedEngine | None,
        finishing: AccountQueueSource,
        callback_workers: CallbackWorkers,
        callback_log: CallbackLog,
        unfinished: UnfinishedWork,
        reconciliations: Reconciliations,
        clock: VirtualClock,
        background_context: Callable[[], AbstractContextManager[None]] = nullcontext,
        monotonic_clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._open_work = open_work
        self._engine = engine
        self._callback_workers = callback_workers
        self._callback_log = callback_log
        self._unfinished = unfinished
        self._reconciliations = reconciliations
        self._clock = clock
        self._background_context = background_context
        self._monotonic_clock = monotonic_clock
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._wake_event = threading.Event()
        self._media_workers = MediaWorkers(engine, finishing, self.wake, background_context)
        if engine is not None:
            engine.requests.run_with(self.wake, background_context)
        self._advance_locks: dict[str | None, threading.Lock] = {}
        self._changed: set[str] = set()
        """The accounts with new records in the stream, whose events that were not applicable may be so now."""
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        """Start the background thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the background thread and the workers."""
        self._stopping.set()
        self._wake_event.set()
        if self._thread.is_alive():
            self._thread.join(IDLE_SECONDS * 40)
        self._media_workers.stop()
        if self._engine is not None:
            self._engine.requests.stop()
        self._callback_workers.stop()

    def wake(self) -> None:
        """Make the background thread look for work at once."""
        self._wake_event.set()

    def wake_if_needed(self) -> None:
        """Make the background thread look for work at once if something waits for it; else it looks soon enough."""
        is_refused = self._engine is not None and not self._engine.outbox.is_empty  # it may be accepted now
        if is_refused or self._unfinished.callbacks.used() or self._unfinished.finishing.accounts_waiting():
            self._wake_event.set()

    def run(self, account: str | None = None, deadline: float | None = None) -> bool:
        """Run all background work that is due, except callbacks; of media, wait for those of an account (None: of all).

        Args:
            account: the account; the media of others go on in their own threads (C-306).
            deadline: when to stop waiting, by the monotonic clock; None: when the media are finished.

        Returns:
            whether the media are finished.
        """
        self.run_without_media()
        while running := self._start_work(account):
            left = None if deadline is None else max(0.0, deadline - self._monotonic_clock())
            done, unfinished = futures.wait(running, left)
            for each in done:
                each.result()
            self.run_without_media()
            if unfinished:
                return False
        return True

    def _start_work(self, account: str | None) -> list[futures.Future[None]]:
        """Begin what is slow and due; return what is running for an account (None: for all)."""
        media = self._media_workers.start_due(account)
        return media if self._engine is None else [*media, *self._engine.requests.running(account)]

    def run_without_media(self) -> bool:
        """Run the work that is due, except callbacks and the slow encoding of media; return whether there was some."""
        was_busy = False
        with self._lock, self._background_context(), working_for(None):
            while self._changed:
                account = self._changed.pop()
                if self._engine is not None:
                    self._engine.outbox.retry_now(account)
            while self._step():
                was_busy = True
        return was_busy

    def advance(
        self,
        seconds: float,
        account: str | None,
        max_wait: float | None = None,
        is_reached: Callable[[], bool] | None = None,
    ) -> int:
        """Advance an account's time (None: that of all) from one due time to the next; return the new time.

        Before each step, waits until the media that are due are finished (C-306), and the queued callbacks attempted
        (C-307): for callbacks MAX_ADVANCE_WAIT_SECONDS in all. Then the clock goes on without waiting for them, still
        from one due time to the next. No other account's time moves, and nothing of it is waited for. With `max_wait`
        it waits for media and callbacks at most for so many real seconds; if the media are not finished then, the clock
        stays where it is. With `is_reached` it stops at the first due time after which this is the case, and goes no
        further than the last due time (C-393).

        Raises:
            ClockOutOfRange: the new time is too late; the clock is unchanged.
        """
        self._clock.check_advance(seconds, account)
        # --8<-- [start:advance]
        deadline = None if max_wait is None else self._monotonic_clock() + max_wait
        budget = WaitBudget(MAX_ADVANCE_WAIT_SECONDS, deadline, self._monotonic_clock)
        left = round(seconds * 1000)
        with self._advance_locks.setdefault(account, threading.Lock()):
            due: Sequence[CallbackDelivery] = ()
            while self.run(account, deadline) and not self._stopping.is_set():
                self.wake()
                budget.wait(partial(self._callback_log.wait_until_attempted, due, self._clock.threads_asleep))
                if left:  # what is queued belongs to the time before the step
                    budget.wait(partial(self._callback_workers.wait, account))
                if is_reached is not None and is_reached():
                    break
                step = self._milliseconds_until_due(account)
                if step is None or step > left:
                    self._advance_clock(left if is_reached is None else 0, account)
                    break
                due = self._advance_clock(step, account)
                left -= step
        # --8<-- [end:advance]
        self.wake()
        return time_of(self._clock, account)

    def wait_until_idle(self, seconds: float, account: str | None = None) -> list[WorkLeft]:
        """Wait until all work that is due by the clock is done, at most for this many real seconds.

        Does not advance the clock: the media of a recording, for example, are due one second after its end.

        Returns:
            what is due and still under way for this account (None: all).
        """
        deadline = self._monotonic_clock() + seconds
        while True:
            left = self._look(account, deadline, partial(self._find_due, account))
            if not (left or self._has_changed(account)) or self._monotonic_clock() >= deadline:
                return left
            self._pause(IDLE_SECONDS)

    # --8<-- [start:settle]
    def settle(self, seconds: float, account: str | None = None, *, is_advancing: bool = False) -> list[WorkLeft]:
        """Wait until nothing is under way, at most for this many real seconds; return what is left (C-320).

        What is due later than the clock can reach in that time is not waited for. With `is_advancing` the time of the
        account with the next due work goes on to it, again and again, by at most MAX_SETTLE_ADVANCE_SECONDS (C-321).
        """
        deadline, limits = self._monotonic_clock() + seconds, dict[str, int]()
        before: list[WorkLeft] | None = None
        while True:
            left = self._look(account, deadline, partial(self._find_left, account))
            remaining = deadline - self._monotonic_clock()
            if not left or remaining <= 0:
                return left
            wait, first = min(((self._wait_for(work), work) for work in left), key=lambda each: each[0])
            now = time_of(self._clock, first.account)
            limit = limits.setdefault(first.account, now + MAX_SETTLE_ADVANCE_SECONDS * 1000)
            if wait > 0 and is_advancing and now + wait <= limit:
                self.advance(wait / 1000, first.account, remaining)
            elif wait > 0 and left == before and (is_advancing or not self._reaches(wait, remaining)):
                return left
            else:
                self._pause(min(IDLE_SECONDS, remaining))
            before = left

    # --8<-- [end:settle]

    def _look(self, account: str | None, deadline: float, find: Callable[[], list[WorkLeft]]) -> list[WorkLeft]:
        """Run what is due, and return what `find` then finds."""
        # Media that were just finished when the deadline came have effects that are not known yet: look again.
        while not self.run(account, deadline):
            if found := find():
                return found
        return find()

    def _find_due(self, account: str | None) -> list[WorkLeft]:
        """Return what is under way and due."""
        found = self._unfinished.in_memory(account)
        return [work for work in found if work.is_due(time_of(self._clock, work.account))]

    def _find_left(self, account: str | None) -> list[WorkLeft]:
        """Return what is under way, the next due first; looks into the store only if there is nothing in memory."""
        found = self._unfinished.in_memory(account) + self._unfinished.for_engines(account)
        # Only the reconciler queues what this process does not know.
        found = found or self._unfinished.in_store(account, self._reconciliations.next_run)
        return sorted(found, key=lambda work: (work.due or 0, work.id))

    def _wait_for(self, work: WorkLeft) -> int:
        """Return in how many milliseconds of its account's time work goes on; 0 if it waits for an external engine."""
        return max(0, work.due - time_of(self._clock, work.account)) if work.due is not None else 0

    def _reaches(self, wait: int, seconds: float) -> bool:
        """Return whether the clock goes on by this many milliseconds within this many real seconds by itself."""
        return not self._clock.is_frozen and wait <= seconds * 1000

    def _has_changed(self, account: str | None) -> bool:
        return bool(self._changed) if account is None else account in self._changed

    def _pause(self, seconds: float) -> None:
        self._wake_event.set()
        time.sleep(seconds)

    def _milliseconds_until_due(self, account: str | None) -> int | None:
        """Return the milliseconds until the next due time of an account (None: of any); None if nothing is due."""
        now = time_of(self._clock, account)
        if account is not None:
            return min((max(0, due - now) for due in self._due_times(account, now)), default=None)
        accounts = self._unfinished.accounts | (
            self._engine.accounts_with_calls() if self._engine is not None else set()
        )
        waits = [self._milliseconds_until_due(each) for each in accounts]
        return min((wait for wait in waits if wait is not None), default=None)

    def _due_times(self, account: str, now: int) -> Iterator[int]:
        """Yield when the callback retries, engine events, media and conversions of an account are due."""
        yield from self._reconciliations.times_of_retries(account)
        engine_due = self._engine.outbox.next_due(account) if self._engine is not None else None
        # An event that is due already waits for something else than time.
        if engine_due is not None and engine_due > now:
            yield engine_due
        flow_due = self._engine.next_due(account) if self._engine is not None else None
        if flow_due is not None and flow_due > now:
            yield flow_due
        for capture in self._engine.uploads(account) if self._engine is not None else ():
            # Media that are due already wait for an event.
            if capture.due_at is not None and capture.due_at > now:
                yield capture.due_at
        for _, _, visible in self._unfinished.finishing.messages(account):
            yield visible
        yield from self._clock.ends_of_sleeps(account)

    def _advance_clock(self, milliseconds: int, account: str | None) -> Sequence[CallbackDelivery]:
        """Advance an account's time (None: that of all); return the retries that are due then."""
        with self._lock:  # no background work is running
            self._clock.advance(milliseconds / 1000, account)
            self._reconciliations.look_at(None if account is None else [account])
            return self._reconciliations.due_retries(account)

    def _step(self) -> bool:
        was_busy = self._stream.run_once()
        changed = self._open_work.take_changed()
        self._changed |= changed
        self._reconciliations.begin(changed)
        # Before the reconciler: an engine that has not reported for a while would be lost.
        was_busy = (self._engine is not None and self._engine.step()) or was_busy
        return self._reconciliations.run() or was_busy

    def _run(self) -> None:
        looked_at = self._monotonic_clock()
        while not self._stopping.is_set():
            self._wake_event.wait(IDLE_SECONDS)
            self._wake_event.clear()
            if not self._clock.is_frozen and self._monotonic_clock() - looked_at >= LOOK_SECONDS:
                looked_at = self._monotonic_clock()
                self._reconciliations.look_at(None)
            try:
                self.run_without_media()
                self._media_workers.start_due()
                self._callback_workers.start_due()
            except Exception:  # noqa: BLE001 - one failure must not end the thread
                traceback.print_exc()
