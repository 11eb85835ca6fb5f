"""A schedule of actions at virtual times, for a simulation in which requests wait while other things happen."""

import heapq
from collections.abc import Callable
from itertools import count

from tests.simulation.ports import SimulatedClock


class Schedule:
    """Runs actions in the order of their times; an action may itself let time pass, and so run further actions.

    Args:
        clock: is advanced to the time of each action.
    """

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        self._actions: list[tuple[int, int, Callable[[], object]]] = []
        self._numbers = count()

    def after(self, milliseconds: int, action: Callable[[], object]) -> None:
        """Run an action so many milliseconds from now."""
        heapq.heappush(self._actions, (self.clock() + milliseconds, next(self._numbers), action))

    def run_until(self, time: int) -> None:
        """Run everything that is due up to a time, and advance the clock to it.

        The clock is later than that if an action that was due has itself waited for longer.
        """
        while self._actions and self._actions[0][0] <= time:
            at, _, action = heapq.heappop(self._actions)
            self._advance(at)
            action()
        self._advance(time)

    def _advance(self, time: int) -> None:
        if time > self.clock():
            self.clock.sleep((time - self.clock()) / 1000)
