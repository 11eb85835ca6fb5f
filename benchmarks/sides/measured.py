"""Processor time of a side: until its first update is answered, and per update from then on, in milliseconds."""

import contextlib
import io
import sys
import time
from collections.abc import Callable

WARM_UPDATES = 200


def measure(update: Callable[[], None]) -> None:
    """Print `cold warm`; what the side itself prints goes nowhere."""
    out = sys.stdout
    with contextlib.redirect_stdout(io.StringIO()):
        update()
        cold = time.process_time()
        for _ in range(WARM_UPDATES):
            update()
        warm = (time.process_time() - cold) / WARM_UPDATES
    print(f"{cold * 1000} {warm * 1000}", file=out)
