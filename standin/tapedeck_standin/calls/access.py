"""The calls with instructions of a simulated engine, which are made at their first use."""

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tapedeck_standin.calls.call_flows import CallFlows


class CallFlowAccess:
    """Makes the calls when they are first needed: to execute instructions takes more modules than a start does.

    Args:
        make: makes them.
    """

    def __init__(self, make: "Callable[[], CallFlows]") -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: CallFlows | None = None

    @property
    def made(self) -> "CallFlows | None":
        """The calls; None while there was never one with instructions."""
        return self._made

    def get(self) -> "CallFlows":
        """Return the calls."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made
