"""Virtual time for threads: each runs until it sleeps, then the next event is due. Exactly one thread runs at once."""

import heapq
import threading
from collections.abc import Callable
from itertools import count

from tests.simulation.ports import BEGINNING


class VirtualTime:
    """A clock, in milliseconds, and the events that advance it. The order of events depends on nothing else."""

    def __init__(self) -> None:
        self._now = BEGINNING
        self._events: list[tuple[int, int, Callable[[], object]]] = []
        self._numbers = count()
        self._control = threading.Semaphore(0)
        """Is released when the running thread sleeps or ends."""

    def __call__(self) -> int:
        """Return the current time."""
        return self._now

    def at(self, time: int, action: Callable[[], object]) -> None:
        """Run an action, which may not sleep, at a time."""
        heapq.heappush(self._events, (time, next(self._numbers), action))

    def sleep(self, seconds: float) -> None:
        """Let the current thread, which `start` has started, wait for virtual seconds."""
        turn = threading.Semaphore(0)

        def resume() -> None:
            turn.release()
            self._control.acquire()

        self.at(self._now + round(seconds * 1000), resume)
        self._control.release()
        turn.acquire()

    def start(self, action: Callable[[], object]) -> None:
        """Run an action in a thread of its own, until it sleeps or ends."""

        def run() -> None:
            try:
                action()
            finally:
                self._control.release()

        threading.Thread(target=run, daemon=True).start()
        self._control.acquire()

    def run_next(self, end: int) -> bool:
        """Run the next event, if it is due until the end; else advance to the end, and return False."""
        if not self._events or self._events[0][0] > end:
            self._now = end
            return False
        self._now, _, action = heapq.heappop(self._events)
        action()
        return True
