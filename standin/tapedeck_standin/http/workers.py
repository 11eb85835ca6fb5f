"""Threads in which requests are answered: as many as are needed, up to a limit."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

MAX_THREADS: Final = 200
"""Requests that are answered at the same time; further ones wait. Many of them may be long polls (C-324)."""

_THREAD_IDLE_SECONDS: Final = 5.0

Result = TypeVar("Result")


class Workers:
    """Daemon threads that run tasks for an event loop, at most MAX_THREADS."""

    def __init__(self) -> None:
        self._tasks: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._open_tasks = 0

    async def run(self, function: Callable[[Any], Result], argument: object) -> Result:
        """Call a function in a thread, and wait for its result."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()

        def work() -> None:
            try:
                result = function(argument)
            except BaseException as error:  # noqa: BLE001 - the caller gets it
                _deliver(loop, future, None, error)
            else:
                _deliver(loop, future, result, None)

        with self._lock:
            self._open_tasks += 1
            is_new_needed = self._open_tasks > self._threads and self._threads < MAX_THREADS
            self._threads += is_new_needed
        self._tasks.put(work)
        if is_new_needed:
            threading.Thread(target=self._work, name="http-worker", daemon=True).start()
        return await future

    def _work(self) -> None:
        while True:
            try:
                task = self._tasks.get(timeout=_THREAD_IDLE_SECONDS)
            except Empty:
                with self._lock:
                    # A task that was counted but not put yet needs this thread.
                    if self._open_tasks < self._threads:
                        self._threads -= 1
                        return
                continue
            try:
                task()
            finally:
                with self._lock:
                    self._open_tasks -= 1


def _deliver(
    loop: asyncio.AbstractEventLoop,
    future: asyncio.Future[Result],
    result: Result | None,
    error: BaseException | None,
) -> None:
    def deliver() -> None:
        if future.done():  # cancelled
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type] # a result of None has the type Result

    with suppress(RuntimeError):  # the loop was closed
        loop.call_soon_threadsafe(deliver)
