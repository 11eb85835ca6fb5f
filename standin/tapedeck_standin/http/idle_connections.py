"""Threads for requests, not for connections: a connection without a request waits in a selector."""

import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final

MAX_THREADS: Final = 200
"""Requests that are answered at the same time; further ones wait. Many of them may be long polls."""

_THREAD_IDLE_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 1.0
"""How often connections are looked at that have been idle for too long."""

Task = Callable[[], object]


class Workers:
    """Daemon threads that run tasks: as many as are needed, at most MAX_THREADS."""

    def __init__(self) -> None:
        self._tasks: SimpleQueue[Task] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._open_tasks = 0

    def run(self, task: Task) -> None:
        """Run a task in a thread, soon."""
        with self._lock:
            self._open_tasks += 1
            is_new_needed = self._open_tasks > self._threads and self._threads < MAX_THREADS
            self._threads += is_new_needed
        self._tasks.put(task)
        if is_new_needed:
            threading.Thread(target=self._work, name="http-worker", daemon=True).start()

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


class IdleConnections:
    """Watches connections without a request, in one thread.

    Args:
        seconds: how long a connection may be idle; then it is closed.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._added: deque[tuple[socket.socket, Task, Task]] = deque()
        self._is_stopped = False
        self._thread = threading.Thread(target=self._watch, name="http-idle", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def add(self, connection: socket.socket, on_readable: Task, on_idle: Task) -> None:
        """Watch a connection; call one of the two functions, once, when it is readable or was idle for too long.

        After `stop`, it counts as idle for too long.
        """
        self._added.append((connection, on_readable, on_idle))
        if self._is_stopped:
            self._end_added()
        else:
            self._wake()

    def stop(self) -> None:
        """End the thread; call `on_idle` of all connections."""
        self._is_stopped = True
        self._wake()
        if self._thread.is_alive():
            self._thread.join()
        watched = [key.data for key in self._selector.get_map().values() if key.data is not None]
        self._selector.close()
        for _, on_idle, _ in watched:
            on_idle()
        self._end_added()
        self._waker.close()
        self._woken.close()

    def _end_added(self) -> None:
        # Another thread may take them as well; each is taken once.
        with suppress(IndexError):
            while True:
                self._added.popleft()[2]()

    def _wake(self) -> None:
        with suppress(OSError):
            self._waker.send(b"\0")

    def _watch(self) -> None:
        next_look = 0.0
        while not self._is_stopped:
            ready = self._selector.select(_LOOK_SECONDS)
            for key, _ in ready:
                if key.fileobj is self._woken:
                    with suppress(OSError):
                        self._woken.recv(4096)
                else:
                    self._selector.unregister(key.fileobj)
                    key.data[0]()
            if (now := time.monotonic()) >= next_look:
                self._close_idle(now)
                next_look = now + _LOOK_SECONDS
            with suppress(IndexError):
                while not self._is_stopped:
                    self._register(*self._added.popleft())

    def _register(self, connection: socket.socket, on_readable: Task, on_idle: Task) -> None:
        # One that was closed meanwhile has no file descriptor.
        with suppress(OSError, ValueError):
            deadline = time.monotonic() + self._seconds
            self._selector.register(connection, selectors.EVENT_READ, (on_readable, on_idle, deadline))

    def _close_idle(self, now: float) -> None:
        for key in list(self._selector.get_map().values()):
            if key.data is not None and key.data[2] <= now:
                self._selector.unregister(key.fileobj)
                key.data[1]()
