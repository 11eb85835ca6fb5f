"""Threads that encode media, one for each account, so that no account waits for the media of another (C-306)."""

import threading
import traceback
from collections.abc import Callable
from concurrent import futures
from contextlib import AbstractContextManager
from typing import Final

from tapedeck_standin.aws.account_queues import AccountQueueSource
from tapedeck_standin.clock import working_for
from tapedeck_standin.telephony.simulated_engine import SimulatedEngine

_STOP_TIMEOUT_SECONDS: Final = 2.0
"""Seconds to wait for running threads on stop."""


class MediaWorkers:
    """Starts a thread for an account when its media are due; it ends when they are encoded, uploaded and converted.

    Args:
        engine: the simulated media engine; None if there is none, or an external one.
        finishing: the queues of captures to convert.
        on_end: is called when a thread has ended, whose results other work may wait for.
        background_context: makes the context in which a thread runs.
    """

    def __init__(
        self,
        engine: SimulatedEngine | None,
        finishing: AccountQueueSource,
        on_end: Callable[[], object],
        background_context: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._engine = engine
        self._finishing = finishing
        self._on_end = on_end
        self._background_context = background_context
        self._lock = threading.Lock()
        self._running: dict[str, futures.Future[None]] = {}
        """Running threads by account."""
        self._stopping = threading.Event()

    def start_due(self, account: str | None = None) -> list[futures.Future[None]]:
        """Start a thread for each account (None: of all) with media that are due; return those that run.

        A future has the exception that ended its thread.
        """
        with self._lock:
            if not self._stopping.is_set():
                for each in sorted(self._accounts_due()):
                    if account in {None, each} and each not in self._running:
                        self._running[each] = futures.Future()
                        thread = threading.Thread(target=self._run, args=(each,), name="media-worker", daemon=True)
                        thread.start()  # its end waits for the lock
            return [running for each, running in self._running.items() if account in {None, each}]

    def stop(self) -> None:
        """Start no more threads, and wait briefly for the running ones."""
        self._stopping.set()
        with self._lock:
            running = list(self._running.values())
        futures.wait(running, _STOP_TIMEOUT_SECONDS)

    def _accounts_due(self) -> set[str]:
        with_media = self._engine.accounts_with_due_media() if self._engine is not None else set()
        return with_media | self._finishing.accounts_waiting()

    def _run(self, account: str) -> None:
        failure: Exception | None = None
        try:
            with self._background_context(), working_for(None):
                while not self._stopping.is_set() and self._finish(account):
                    pass
        except Exception as error:  # noqa: BLE001 - who waits for it gets it
            traceback.print_exc()
            failure = error
        with self._lock:
            ended = self._running.pop(account)
        if failure is None:
            ended.set_result(None)
        else:
            ended.set_exception(failure)
        self._on_end()

    def _finish(self, account: str) -> bool:
        was_busy = self._engine is not None and self._engine.finish_due_media(account)
        return self._finishing.run_once(account) or was_busy
