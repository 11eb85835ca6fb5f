"""What the parts of the simulated calls use of the whole."""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

from tapedeck_callflow.events import Event, Source, UrlSource

from tapedeck_standin.calls.leg import Leg

EndedBy = Literal["party", "api", "limit", "conference", "error"]


class CallRuntime(Protocol):
    """Lets calls take their course."""

    lock: threading.RLock

    def is_known(self, call: str) -> bool:
        """Whether this engine has a call: a reset drops those of an account."""
        ...

    def now(self, leg: Leg) -> int:
        """Return the time of what happens now (milliseconds): that of a timer is its due time."""
        ...

    def start_timer(self, leg: Leg, name: str | int, ms: int, act: Callable[[], object]) -> None:
        """Do something in so many milliseconds, in place of what has the same name in this call."""
        ...

    def start_account_timer(self, account: str, name: str, ms: int, act: Callable[[], object]) -> None:
        """Do something in so many milliseconds, also if the call that it is about has ended."""
        ...

    def cancel_timer(self, leg: Leg, name: str | int) -> None:
        """Cancel a timer of a call, if it waits."""
        ...

    def cancel_prefixed(self, leg: Leg) -> None:
        """Cancel all timers of a wait document."""
        ...

    def report_other(self, leg: Leg, event: Mapping[str, Any]) -> None:
        """Report an event about something else of a call, which happens now."""
        ...

    def feed(self, leg: Leg, *events: Event) -> None:
        """Let a flow handle events, and carry out what follows; events of what follows are handled after it."""
        ...

    def begin_flow(self, leg: Leg, source: Source) -> None:
        """Begin the flow of a leg, and carry out what follows."""
        ...

    def start_whisper(self, leg: Leg, source: UrlSource) -> None:
        """Execute the document for a dialed party that has answered."""
        ...

    def ring(self, leg: Leg) -> None:
        """Call the party of a call, which this engine knows from now on."""
        ...

    def answer(self, leg: Leg) -> None:
        """A call that rings is answered; from now on its party does what its rule says."""
        ...

    def end(self, leg: Leg, status: str | None, by: EndedBy | None) -> None:
        """End a call: its verbs, its recordings, then itself.

        Args:
            leg: the call.
            status: the final status; None: the API has set it, and the answer to its command reports it.
            by: what ended it; None: its instructions.
        """
        ...
