"""Threads that take turns: at each request to a table, a random source chooses which one runs next."""

import random
import threading
from collections.abc import Callable, Sequence
from typing import Final

_SECONDS: Final = 60


class Turns:
    """Runs actions at the same time, but only one of them at a moment: equal seeds give equal runs.

    Args:
        random_source: chooses who runs next.
    """

    def __init__(self, random_source: random.Random) -> None:
        self._random_source = random_source
        self._changed = threading.Condition()
        self._running: dict[int, threading.Thread] = {}
        self._current = -1

    def run(self, actions: Sequence[Callable[[], object]]) -> None:
        """Run actions until all have ended."""
        failures: list[BaseException] = []

        def take_part(number: int, action: Callable[[], object]) -> None:
            with self._changed:
                self._wait(number)
            try:
                action()
            except BaseException as error:  # noqa: BLE001 - raised after all have ended
                failures.append(error)
            with self._changed:
                del self._running[number]
                self._choose()

        threads = [threading.Thread(target=take_part, args=each, daemon=True) for each in enumerate(actions)]
        self._running = dict(enumerate(threads))
        for thread in threads:
            thread.start()
        with self._changed:
            self._choose()
        for thread in threads:
            thread.join(_SECONDS)
        if failures:
            raise failures[0]

    def pass_on(self) -> None:
        """Let another one run, or the same again; outside of `run` do nothing."""
        with self._changed:
            me = next((number for number, each in self._running.items() if each is threading.current_thread()), None)
            if me is not None:
                self._choose()
                self._wait(me)

    def _choose(self) -> None:
        self._current = self._random_source.choice(sorted(self._running)) if self._running else -1
        self._changed.notify_all()

    def _wait(self, number: int) -> None:
        if not self._changed.wait_for(lambda: self._current == number, _SECONDS):
            raise TimeoutError
