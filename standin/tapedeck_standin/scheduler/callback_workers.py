"""The threads that tell callbacks, which take as long as their receivers do: accounts do not wait for one another."""

import json
import threading
import time
import traceback
from collections import Counter
from typing import Final

from tapedeck_standin.aws.event_sources import QueueSource
from tapedeck_standin.aws.queues import MemoryQueue
from tapedeck_standin.callbacks.fault_injection import ReorderingDeliverer

MAX_AT_ONCE: Final = 4
"""Callbacks of an account that may be sent at the same time, each of another recording or conference."""

_PATIENCE: Final = 2.0
"""Seconds for those who are still sending when all are to stop."""


class CallbackWorkers:
    """Threads that begin when there is something to tell, and end when there is nothing more of their account.

    Args:
        callbacks: what is to be told.
        courier: tells one of these.
    """

    def __init__(self, callbacks: MemoryQueue, courier: ReorderingDeliverer) -> None:
        self._callbacks = callbacks
        self._courier = courier
        self._lock = threading.Lock()
        self._threads: dict[threading.Thread, str] = {}
        """Those that send, and whose callbacks."""
        self._stops = threading.Event()

    def start_due(self) -> None:
        """Let somebody tell what can be told now."""
        self._courier.release_overdue()
        with self._lock:
            if self._stops.is_set():
                return
            busy = Counter(self._threads.values())
            for account, count in Counter(map(_account_of, self._callbacks.next_bodies)).items():
                for _ in range(min(count, MAX_AT_ONCE - busy[account])):
                    thread = threading.Thread(target=self._send, args=(account,), name="sender", daemon=True)
                    thread.start()  # it cannot end before this is noted: that takes the lock
                    self._threads[thread] = account

    def stop(self) -> None:
        """Tell nothing more."""
        self._stops.set()
        with self._lock:
            sending = list(self._threads)
        deadline = time.monotonic() + _PATIENCE
        for thread in sending:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _send(self, account: str) -> None:
        source = QueueSource(self._callbacks, self._courier, batch=1, wants=lambda body: _account_of(body) == account)
        try:
            while not self._stops.is_set() and source.run_once():
                pass
        except Exception:  # noqa: BLE001 - what fails once must not end everything
            traceback.print_exc()
        finally:
            with self._lock:
                del self._threads[threading.current_thread()]


def _account_of(body: str) -> str:
    account: str = json.loads(body)["account"]
    return account
