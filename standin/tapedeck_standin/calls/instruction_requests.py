"""Threads that request instructions from applications.

No lock is held meanwhile, so an application may use the API while it answers.
"""

import threading
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from concurrent import futures
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

from tapedeck_standin.clock import working_for

MAX_THREADS: Final = 64
"""Requests that are open at a time; more wait."""

_STOP_TIMEOUT_SECONDS: Final = 2.0
"""Seconds to wait for running threads on stop."""

RETRIEVAL_FAILED: Final = 11200
"""The vendors' code for a request without an answer."""


@dataclass(frozen=True, slots=True)
class WantedRequest:
    """A request to the application of a call.

    Attributes:
        kind: what it is for, such as `voice`, `action` or `play`.
        verb: the verb that was executed last before it.
        make_body: makes the request of the route `documents`, with the cookies of the answer before.
        on_answer: gets the answer of the route.
    """

    account: str
    call: str
    kind: str
    verb: str | None
    make_body: Callable[[], Mapping[str, Any]]
    on_answer: Callable[[Mapping[str, Any]], object]


@dataclass(slots=True)
class InstructionRequests:
    """The requests that wait or are open; those of one call are sent one after the other. Thread-safe.

    Args:
        send: sends a request with the body of the route `documents`, and returns the answer.
        may_start: whether what happened to a call has been reported, so that the application can read it.
    """

    send: Callable[[WantedRequest], Mapping[str, Any]]
    may_start: Callable[[str], bool]
    _on_end: Callable[[], object] = lambda: None
    _background_context: Callable[[], AbstractContextManager[None]] = nullcontext
    _waiting: dict[str, deque[WantedRequest]] = field(default_factory=dict)
    _open: dict[str, tuple[str, futures.Future[None]]] = field(default_factory=dict)
    """By call: the account, and what ends with the request."""
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _is_stopped: bool = False

    def run_with(
        self, on_end: Callable[[], object], background_context: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """Set what is called when a request has ended, and what makes the context in which a thread runs."""
        self._on_end, self._background_context = on_end, background_context

    def add(self, wanted: WantedRequest) -> None:
        """Add a request, which begins with the next `start_due`."""
        with self._lock:
            self._waiting.setdefault(wanted.call, deque()).append(wanted)

    def start_due(self) -> bool:
        """Begin the requests that can begin; return whether there were any."""
        began = False
        with self._lock:
            for call, waiting in list(self._waiting.items()):
                if self._is_stopped or len(self._open) >= MAX_THREADS:
                    break
                if call in self._open or not self.may_start(call):
                    continue
                wanted = waiting.popleft()
                if not waiting:
                    del self._waiting[call]
                self._open[call] = (wanted.account, futures.Future())
                threading.Thread(target=self._run, args=(wanted,), name="instructions", daemon=True).start()
                began = True
        return began

    def calls(self, account: str | None) -> list[tuple[str, str]]:
        """Return account and call of each request that waits or is open, of an account (None: of all)."""
        with self._lock:
            found = {call: owner for call, (owner, _) in self._open.items()}
            found |= {call: waiting[0].account for call, waiting in self._waiting.items()}
        return [(owner, call) for call, owner in found.items() if account in {None, owner}]

    def running(self, account: str | None) -> list[futures.Future[None]]:
        """Return what ends with each open request of an account (None: of all)."""
        with self._lock:
            return [ended for owner, ended in self._open.values() if account in {None, owner}]

    def forget(self, account: str) -> None:
        """Drop the requests of an account that wait."""
        with self._lock:
            self._waiting = {call: each for call, each in self._waiting.items() if each[0].account != account}

    def stop(self) -> None:
        """Begin no more requests, and wait briefly for the open ones."""
        self._is_stopped = True
        futures.wait(self.running(None), _STOP_TIMEOUT_SECONDS)

    def _run(self, wanted: WantedRequest) -> None:
        try:
            with self._background_context(), working_for(wanted.account):
                self._answer(wanted)
        finally:
            with self._lock:
                _, ended = self._open.pop(wanted.call)
            ended.set_result(None)
            self._on_end()

    def _answer(self, wanted: WantedRequest) -> None:
        try:
            answer = self.send(wanted)
        except Exception:  # noqa: BLE001 - a call must not wait for ever
            traceback.print_exc()
            answer = {"code": RETRIEVAL_FAILED, "attempts": 0, "milliseconds": 0}
        try:
            wanted.on_answer(answer)
        except Exception:  # noqa: BLE001 - one failure must not end other calls
            traceback.print_exc()
