"""Measure the CPU time of a program: until its first update is done, and of each further update."""

import contextlib
import io
import sys
import time
from collections.abc import Callable

WARM_UPDATES = 200
"""Number of updates after the first; their mean is the warm time."""


def measure(update: Callable[[], None]) -> None:
    """Print the cold and the warm CPU time in milliseconds. The output of `update` is discarded."""
    out = sys.stdout
    with contextlib.redirect_stdout(io.StringIO()):
        update()
        cold = time.process_time()
        for _ in range(WARM_UPDATES):
            update()
        warm = (time.process_time() - cold) / WARM_UPDATES
    print(f"{cold * 1000} {warm * 1000}", file=out)
