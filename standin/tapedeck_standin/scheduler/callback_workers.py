"""Threads that deliver callbacks, so that a slow receiver delays no other account."""

import threading
import time
import traceback
from collections import Counter
from typing import Final

from tapedeck_standin.aws.account_queues import AccountQueues
from tapedeck_standin.aws.event_sources import QueueSource
from tapedeck_standin.aws.queues import MemoryQueue
from tapedeck_standin.callbacks.fault_injection import ReorderingDeliverer
from tapedeck_standin.clock import VirtualClock, working_for

MAX_CONCURRENT: Final = 4
"""Concurrent deliveries per account, each for another recording, conference or call."""

MAX_ATTEMPT_WAIT_SECONDS: Final = 3
"""Limit of the real time that one clock advance waits for an attempt that is no retry (C-307)."""

_POLL_SECONDS: Final = 0.05
"""Interval of real time at which `wait` looks whether an attempt sleeps."""

_STOP_TIMEOUT_SECONDS: Final = 2.0
"""Seconds to wait for running deliveries on stop."""


class CallbackWorkers:
    """Starts threads when callbacks are queued; a thread ends when its account's callbacks are delivered.

    Args:
        callbacks: the queues of callbacks.
        deliverer: delivers one callback.
        clock: the stand-in's clock, by which an attempt may sleep.
    """

    def __init__(
        self, callbacks: AccountQueues[MemoryQueue], deliverer: ReorderingDeliverer, clock: VirtualClock
    ) -> None:
        self._callbacks = callbacks
        self._deliverer = deliverer
        self._clock = clock
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)
        self._threads: dict[threading.Thread, str] = {}
        """Running threads and their accounts."""
        self._began: dict[int | None, float] = {}
        """When each thread began its present attempt, by the thread's id (monotonic seconds)."""
        self._stopping = threading.Event()

    def start_due(self) -> None:
        """Start threads for the callbacks that can be delivered now."""
        self._deliverer.release_overdue()
        with self._lock:
            if self._stopping.is_set():
                return
            busy = Counter(self._threads.values())
            for account, queue in self._callbacks.used():
                for _ in range(min(len(queue.next_bodies), MAX_CONCURRENT - busy[account])):
                    thread = threading.Thread(
                        target=self._run_worker, args=(account,), name="callback-worker", daemon=True
                    )
                    thread.start()  # its end waits for the lock
                    self._threads[thread] = account

    def wait(self, account: str | None, seconds: float) -> None:
        """Wait until the queued callbacks of an account (None: of all) have been attempted (C-307).

        Not waited for are attempts that sleep by the clock or take longer than MAX_ATTEMPT_WAIT_SECONDS, and callbacks
        that another one is to overtake.

        Args:
            account: the account.
            seconds: the limit of the wait, in real time.
        """
        deadline = time.monotonic() + seconds
        while not self._stopping.is_set():
            self.start_due()
            with self._ended:
                left = deadline - time.monotonic()
                if left <= 0 or not self._is_attempting(account):
                    return
                self._ended.wait(min(left, _POLL_SECONDS))

    def _is_attempting(self, account: str | None) -> bool:
        asleep = self._clock.threads_asleep()
        threads = {thread.ident for thread, owner in self._threads.items() if account in {None, owner}}
        if any(not self._is_slow(thread) for thread in threads - asleep):
            return True
        running = Counter(self._threads.values())
        used = self._callbacks.used(account)
        return any(running[owner] < MAX_CONCURRENT and queue.next_bodies for owner, queue in used)

    def _is_slow(self, thread: int | None) -> bool:
        began = max(self._began.get(thread, time.monotonic()), self._clock.went_on_at(thread))
        return time.monotonic() - began >= MAX_ATTEMPT_WAIT_SECONDS

    def stop(self) -> None:
        """Start no more deliveries, and wait briefly for the running ones."""
        self._stopping.set()
        with self._lock:
            threads = list(self._threads)
        deadline = time.monotonic() + _STOP_TIMEOUT_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run_worker(self, account: str) -> None:
        source = QueueSource(self._callbacks.of(account), self._deliverer, batch=1)
        try:
            with working_for(account):
                while not self._stopping.is_set():
                    self._began[threading.get_ident()] = time.monotonic()
                    if not source.run_once():
                        break
        except Exception:  # noqa: BLE001 - one failure must not end the process
            traceback.print_exc()
        finally:
            with self._ended:
                del self._threads[threading.current_thread()]
                self._began.pop(threading.get_ident(), None)
                self._ended.notify_all()
