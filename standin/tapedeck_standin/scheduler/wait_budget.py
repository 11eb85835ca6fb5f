"""The real time that one advance of the clock may wait for callbacks."""

import time
from collections.abc import Callable


class WaitBudget:
    """A number of real seconds that only waits for callbacks use up: encoding media, for example, takes none (C-307).

    Args:
        seconds: the budget.
        deadline: when it is used up in any case, by the clock; None: never.
        monotonic_clock: seconds of real time.
    """

    def __init__(
        self, seconds: float, deadline: float | None = None, monotonic_clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._deadline = deadline
        self._monotonic_clock = monotonic_clock

    def wait(self, function: Callable[[float], object]) -> None:
        """Call a function that waits at most for the seconds that it gets; its time is taken from the budget."""
        began = self._monotonic_clock()
        left = self._seconds if self._deadline is None else min(self._seconds, self._deadline - began)
        function(max(0.0, left))
        self._seconds -= self._monotonic_clock() - began
