"""Reports what a media engine does, without any transport: with rising sequence numbers, through `EngineEvents`."""

from collections.abc import Callable
from itertools import count
from typing import Final, Protocol

from tapedeck.background.engine_events import EngineEvents
from tapedeck.bootstrap.background import build_engine_events
from tapedeck.domain.call import CallStatus
from tapedeck.domain.conference import Conference, EndReason
from tapedeck.domain.engine_event import EngineEvent, EventOutcome, EventResult
from tapedeck.domain.engine_report import (
    AnnouncementReport,
    CallConfirmation,
    CallEndReport,
    CallProgressReport,
    CaptureStartReport,
    CaptureTransitionReport,
    ConferenceEndReport,
    ConferenceStartReport,
    NewRecording,
    ParticipantChangeReport,
    ParticipantJoinReport,
    ParticipantLeaveReport,
    Report,
)
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Parent, Recording, RecordingStatus, Source
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.calls import Calls
from tapedeck.operations.conferences import Conferences
from tapedeck.operations.media import Media
from tapedeck.operations.recordings import Recordings

ENGINE: Final = "standin"

_NUMBERS: Final = count(1)


def next_seq() -> int:
    """Return the next sequence number of the engine, the same for all reporters."""
    return next(_NUMBERS)


class ReportedServices(Protocol):
    """The operations over the table that holds what an engine reports."""

    @property
    def calls(self) -> Calls:
        """The calls."""

    @property
    def conferences(self) -> Conferences:
        """The conferences."""

    @property
    def recordings(self) -> Recordings:
        """The recordings."""

    @property
    def media(self) -> Media:
        """The media."""


def engine_events_of(services: ReportedServices, clock: Callable[[], int]) -> EngineEvents:
    """Build what applies engine events to the table of these services."""
    database = services.calls._store._database  # type: ignore[attr-defined]
    return build_engine_events(database, services.recordings, services.media, clock)


class EngineReporter:
    """Reports what the engine does in one account; each method returns what became of the event."""

    def __init__(
        self, services: ReportedServices, account: str, clock: Callable[[], int], engine: str = ENGINE
    ) -> None:
        self._events = engine_events_of(services, clock)
        self._account = account
        self._clock = clock
        self._engine = engine

    def report(self, report: Report, version: int | None = None) -> EventResult:
        """Report anything; with `version`, it answers the command of this version."""
        now = self._clock()
        event = EngineEvent(new_id(now), self._account, self._engine, next_seq(), now, version)
        return self._events.take(event, report)

    def ringing(self, call: str, version: int | None = None) -> EventResult:
        """A call rings."""
        return self.report(CallProgressReport(call, CallStatus.RINGING), version)

    def answered(self, call: str, version: int | None = None) -> EventResult:
        """A call was answered."""
        return self.report(CallProgressReport(call, CallStatus.IN_PROGRESS), version)

    def call_ended(self, call: str, status: CallStatus = CallStatus.COMPLETED) -> EventResult:
        """A call ended."""
        return self.report(CallEndReport(call, status))

    def redirected(self, call: str, version: int) -> EventResult:
        """A call was redirected."""
        return self.report(CallConfirmation(call), version)

    def conference_ended(
        self, conference: str, reason: EndReason = EndReason.LAST_LEFT, ending_call: str | None = None
    ) -> EventResult:
        """A conference ended."""
        return self.report(ConferenceEndReport(conference, reason, ending_call))

    def announced(self, conference: str, version: int) -> EventResult:
        """An announcement was played to a conference."""
        return self.report(AnnouncementReport(conference), version)

    def joined(self, conference: str, call: str, *, end_conference_on_exit: bool = False) -> EventResult:
        """A call joined a conference."""
        return self.report(ParticipantJoinReport(conference, call, end_conference_on_exit=end_conference_on_exit))

    def changed(
        self, conference: str, call: str, version: int | None = None, *, muted: bool | None = None
    ) -> EventResult:
        """A participant was changed."""
        return self.report(ParticipantChangeReport(conference, call, muted=muted), version)

    def left(self, conference: str, call: str, version: int | None = None) -> EventResult:
        """A participant left its conference."""
        return self.report(ParticipantLeaveReport(conference, call), version)

    def started(self, recording: Recording, version: int = 1) -> EventResult:
        """The capture of a recording started."""
        return self.report(CaptureStartReport(recording.parent, recording.id), version)

    def paused(self, recording: Recording, version: int | None = None) -> EventResult:
        """A capture was paused."""
        report = CaptureTransitionReport(recording.parent, recording.id, RecordingStatus.PAUSED)
        return self.report(report, version)


class NotTaken(Exception):
    """An event that a test reports was not taken."""


def open_conference(
    services: ReportedServices,
    account: str,
    name: str,
    *,
    record: bool = False,
    callback: CallbackSubscription | None = None,
    conference: str | None = None,
    engine: str = ENGINE,
) -> Conference:
    """Report a conference that opens now, and return it; `conference` is its id, None for a new one."""
    identifier = conference or new_id(_clock_of(services)())
    _report(services, account, engine, ConferenceStartReport(identifier, name, record, callback))
    return services.conferences.get(account, identifier)


def join_conference(
    services: ReportedServices,
    account: str,
    conference: str,
    call: str,
    *,
    start_on_enter: bool = True,
    end_on_exit: bool = False,
    muted: bool = False,
    hold: bool = False,
    engine: str = ENGINE,
) -> Conference:
    """Report a call that joins a conference now, and return the conference."""
    _report(
        services, account, engine, ParticipantJoinReport(conference, call, start_on_enter, end_on_exit, muted, hold)
    )
    return services.conferences.get(account, conference)


def start_recording(
    services: ReportedServices,
    parent: Parent,
    *,
    source: Source,
    call: str,
    channels: int = 1,
    track: str = "both",
    trim: str = "do-not-trim",
    callback: CallbackSubscription | None = None,
    engine: str = ENGINE,
) -> Recording:
    """Report a recording that the engine starts by itself now, and return it; `call` is the call shown with it."""
    identifier = new_id(_clock_of(services)())
    new = NewRecording(source, call, trim, callback)
    _report(services, parent.account, engine, CaptureStartReport(parent, identifier, channels, track, new=new))
    return services.recordings.get(parent, identifier)


def _report(services: ReportedServices, account: str, engine: str, report: Report) -> None:
    result = EngineReporter(services, account, _clock_of(services), engine).report(report)
    # A report whose first response was lost is repeated.
    if result.outcome not in {EventOutcome.TAKEN, EventOutcome.REPEATED}:
        raise NotTaken(result)


def _clock_of(services: ReportedServices) -> Callable[[], int]:
    return services.calls._clock
