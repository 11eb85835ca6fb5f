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
from tapedeck_standin.clock import working_for

MAX_CONCURRENT: Final = 4
"""Concurrent deliveries per account, each for another recording, conference or call."""

_STOP_TIMEOUT_SECONDS: Final = 2.0
"""Seconds to wait for running deliveries on stop."""


class CallbackWorkers:
    """Starts threads when callbacks are queued; a thread ends when its account's callbacks are delivered.

    Args:
        callbacks: the queues of callbacks.
        deliverer: delivers one callback.
    """

    def __init__(self, callbacks: AccountQueues[MemoryQueue], deliverer: ReorderingDeliverer) -> None:
        self._callbacks = callbacks
        self._deliverer = deliverer
        self._lock = threading.Lock()
        self._threads: dict[threading.Thread, str] = {}
        """Running threads and their accounts."""
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
                while not self._stopping.is_set() and source.run_once():
                    pass
        except Exception:  # noqa: BLE001 - one failure must not end the process
            traceback.print_exc()
        finally:
            with self._lock:
                del self._threads[threading.current_thread()]
