"""Apply the events of media engines by the clock of the account that each of them is about."""

from dataclasses import replace

from tapedeck.background.engine_events import EngineEvents
from tapedeck.domain.engine_event import EngineEvent, EventResult
from tapedeck.domain.engine_report import Report
from tapedeck_standin.clock import VirtualClock, current_account, time_of, working_for


class AccountEvents:
    """`background.engine_events.EngineEvents`, which a request with events of several accounts may use (C-319).

    An engine knows only the time of all: what it reports happened as long ago by the clock of the account.

    Args:
        events: applies an event.
        clock: the stand-in's clock.
    """

    def __init__(self, events: EngineEvents, clock: VirtualClock) -> None:
        self._events = events
        self._clock = clock

    def take(self, event: EngineEvent, report: Report) -> EventResult:
        """Apply one event; raises like the original."""
        if current_account() != event.account:
            event = replace(event, at=event.at + time_of(self._clock, event.account) - self._clock())
        with working_for(event.account):
            return self._events.take(event, report)
