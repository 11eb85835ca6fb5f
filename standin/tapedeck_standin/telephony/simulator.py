"""Simulate calls and conferences, as a media engine would report them."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tapedeck.background.engine_events import EngineEvents
from tapedeck.domain.call import LIVE, Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.engine_event import EngineEvent, EventOutcome, EventResult
from tapedeck.domain.engine_report import (
    CallEndReport,
    CallProgressReport,
    CaptureStartReport,
    ConferenceEndReport,
    ConferenceStartReport,
    NewCall,
    NewRecording,
    ParticipantJoinReport,
    Report,
)
from tapedeck.domain.errors import CallHasEnded, ConferenceNotInProgress, NameInUse, NotEligibleForRecording
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import EvidenceHead, Parent, ParentKind, Recording, Source
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.domain.transcription import Transcription, TranscriptionStatus
from tapedeck.http.services import ApiServices
from tapedeck.ports.clock import Clock
from tapedeck.settings import STANDIN_ENGINE
from tapedeck_standin.aws.account_data import AccountData
from tapedeck_standin.calls.parties import PartyRule
from tapedeck_standin.recordings.captures import Capture
from tapedeck_standin.telephony.simulated_engine import SimulatedEngine

if TYPE_CHECKING:
    from tapedeck_callflow.events import Source as InstructionSource
    from tapedeck_callflow.events import UrlSource

DEFAULT_TO: Final = "+12025550123"
DEFAULT_FROM: Final = "+12025550199"
"""Fictitious numbers (555-01xx)."""

MAX_SEQ: Final = (1 << 53) - 1
"""The highest sequence number of an event."""


@dataclass(frozen=True, slots=True)
class SimulatedCall:
    """A call to simulate; one with a final status has already ended. `engine` has it (C-223)."""

    to: str = DEFAULT_TO
    from_: str = DEFAULT_FROM
    direction: str = "inbound"
    status: CallStatus = CallStatus.IN_PROGRESS
    engine: str = STANDIN_ENGINE


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A call that comes in and has instructions.

    Attributes:
        source: its instructions.
        dialect: of the requests for them.
        fallback: where they are requested when a request for them fails.
        callback: the subscription to its end.
        parameters: what each request for instructions says besides the call's own parameters.
        party: how the caller behaves; None: it says and does nothing.
    """

    to: str
    from_: str
    source: "InstructionSource"
    dialect: str
    fallback: "UrlSource | None" = None
    callback: CallbackSubscription | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    party: PartyRule | None = None


@dataclass(frozen=True, slots=True)
class SimulatedConference:
    """A conference to simulate.

    `name`: its friendly name; None for a random one.
    `participants`: number of calls that join it.
    `record`: start a recording if it is in progress.
    """

    name: str | None
    participants: int
    status: ConferenceStatus
    callback: CallbackSubscription | None
    record: bool


@dataclass(frozen=True, slots=True)
class CallSnapshot:
    """A call with all its recordings, oldest first."""

    call: Call
    recordings: tuple[Recording, ...] = ()


@dataclass(frozen=True, slots=True)
class ConferenceSnapshot:
    """A conference with the calls of all its participants and all its recordings, oldest first."""

    conference: Conference
    calls: tuple[CallSnapshot, ...] = ()
    recordings: tuple[Recording, ...] = ()


class Telephony:
    """Simulates engine reports for one account at a time; raises the errors of the operations."""

    def __init__(
        self,
        services: ApiServices,
        engine_events: EngineEvents,
        account_data: AccountData,
        engine: SimulatedEngine | None,
        next_seq: Callable[[], int],
        clock: Clock,
    ) -> None:
        self._engine_events = engine_events
        self._engine = engine
        self._next_seq = next_seq
        self._clock = clock
        self._transcriptions = services.transcriptions
        self._calls = services.calls
        self._conferences = services.conferences
        self._recordings = services.recordings
        self._account_data = account_data

    def call(self, account: str, spec: SimulatedCall) -> CallSnapshot:
        """Register a call; one with a final status is also ended."""
        if spec.status in LIVE:
            initial_status = spec.status
        else:
            # Only an answered call can be completed.
            answered = spec.status is CallStatus.COMPLETED
            initial_status = CallStatus.IN_PROGRESS if answered else CallStatus.RINGING
        identifier = new_id(self._clock())
        if initial_status is CallStatus.QUEUED:
            # No engine reports a queued call.
            self._calls.register(
                account, to=spec.to, from_=spec.from_, direction=spec.direction, status=initial_status, call=identifier,
                engine=spec.engine,
            )  # fmt: skip
        else:
            new = NewCall(spec.to, spec.from_, spec.direction)
            self._report(account, CallProgressReport(identifier, initial_status, new), spec.engine)
        if spec.status not in LIVE:
            self._report(account, CallEndReport(identifier, spec.status), spec.engine)
        return CallSnapshot(self._calls.get(account, identifier))

    def incoming(self, account: str, wanted: IncomingCall) -> CallSnapshot:
        """Let a call come in, whose instructions the simulated engine executes from now on."""
        if self._engine is None:
            raise NotEligibleForRecording  # its caller has checked this before
        identifier = new_id(self._clock())
        new = NewCall(wanted.to, wanted.from_, "inbound", callback=wanted.callback)
        self._report(account, CallProgressReport(identifier, CallStatus.RINGING, new), STANDIN_ENGINE)
        from tapedeck_standin.calls.leg import Leg  # noqa: PLC0415 - at the first call with instructions

        leg = Leg(
            account, identifier, wanted.to, wanted.from_, "inbound", wanted.dialect,
            wanted.party or PartyRule(wanted.from_), parameters=wanted.parameters,
        )  # fmt: skip
        self._engine.flows.get().begin(leg, wanted.source, wanted.fallback)
        return CallSnapshot(self._calls.get(account, identifier))

    def snapshot(self, account: str, call: str) -> CallSnapshot:
        """Return a call with its recordings.

        Raises:
            NotFound: the call does not exist.
        """
        return self._call_snapshot(self._calls.get(account, call))

    def hang_up(self, account: str, call: str) -> CallSnapshot:
        """End a call.

        Raises:
            NotFound: the call does not exist.
            CallHasEnded: the call has already ended.
        """
        found = self._calls.get(account, call)
        if not found.is_live:
            raise CallHasEnded
        self._report(account, CallEndReport(call, CallStatus.COMPLETED), found.engine or STANDIN_ENGINE)
        return self._call_snapshot(self._calls.get(account, call))

    def conference(self, account: str, spec: SimulatedConference) -> ConferenceSnapshot:
        """Register a conference, let its participants join, and start a recording if requested.

        Raises:
            NameInUse: another live conference has this name.
        """
        name = spec.name or f"conference-{secrets.token_hex(6)}"
        identifier = new_id(self._clock())
        started = ConferenceStartReport(identifier, name, spec.record, spec.callback)
        if self._report(account, started).outcome is EventOutcome.LATER:
            raise NameInUse
        stays_init = spec.status is ConferenceStatus.INIT
        calls = []
        for _ in range(spec.participants):
            call = self.call(account, SimulatedCall())
            joined = ParticipantJoinReport(identifier, call.call.id, start_conference_on_enter=not stays_init)
            self._report(account, joined)
            calls.append(call)
        conference = self._conferences.get(account, identifier)
        recordings: tuple[Recording, ...] = ()
        if spec.record and conference.status is ConferenceStatus.IN_PROGRESS:
            recordings = (self._record(conference),)
        if spec.status is ConferenceStatus.COMPLETED:
            return self.end_conference(account, conference.id)
        return ConferenceSnapshot(conference, tuple(calls), recordings)

    def record_conference(self, account: str, conference: str) -> Recording:
        """Start a recording of a conference.

        Raises:
            NotFound: the conference does not exist.
            NotEligibleForRecording: the conference is not in progress.
        """
        return self._record(self._conferences.get(account, conference))

    def end_conference(self, account: str, conference: str) -> ConferenceSnapshot:
        """End a conference.

        Raises:
            NotFound: the conference does not exist.
            ConferenceNotInProgress: the conference has already ended.
        """
        found = self._conferences.get(account, conference)
        if not found.is_live:
            raise ConferenceNotInProgress
        report = ConferenceEndReport(conference, EndReason.VIA_API)
        self._report(account, report, found.engine or STANDIN_ENGINE)
        ended = self._conferences.get(account, conference)
        parent = Parent(account, ParentKind.CONFERENCE, conference)
        calls = [
            self._call_snapshot(self._calls.get(account, call)) for call in self._account_data.participants(parent)
        ]
        return ConferenceSnapshot(ended, tuple(calls), tuple(self._account_data.recordings(parent)))

    def reset(self, account: str) -> None:
        """Delete all calls, conferences and recordings of an account."""
        if self._engine is not None:
            self._engine.forget(account)
        self._account_data.clear(account)

    def transcribe(self, account: str, recording: str, text: str, status: TranscriptionStatus) -> Transcription:
        """Create a transcription of a recording; only a completed one has the text.

        Raises:
            NotFound: the recording does not exist.
        """
        found = self._recordings.find(account, recording)
        written = text if status is TranscriptionStatus.COMPLETED else None
        return self._transcriptions.record(account, recording, text=written, duration=found.duration, status=status)

    def _record(self, conference: Conference) -> Recording:
        if conference.first_call is None:
            raise NotEligibleForRecording  # it never had a participant
        parent = Parent(conference.account, ParentKind.CONFERENCE, conference.id)
        now = self._clock()
        capture = Capture(
            conference.account, {"type": "conference", "id": conference.id}, new_id(now), 1, "both", now, 1
        )
        capture.begin()
        # Only the simulated engine keeps a chain.
        evidence = EvidenceHead(capture.evidence.n, capture.evidence.head) if self._engine is not None else None
        new = NewRecording(Source.CONFERENCE, conference.first_call)
        report = CaptureStartReport(parent, capture.recording, new=new, evidence=evidence)
        if self._report(conference.account, report).outcome is not EventOutcome.TAKEN:
            raise NotEligibleForRecording
        if self._engine is not None:
            self._engine.start_capture(capture)
        return self._recordings.get(parent, capture.recording)

    def _report(self, account: str, report: Report, engine: str = STANDIN_ENGINE) -> EventResult:
        """Report an event as an engine does."""
        now = self._clock()
        # Nothing follows an end, and only an external engine knows its numbers: the highest one is never stale.
        is_end = isinstance(report, CallEndReport | ConferenceEndReport)
        seq = MAX_SEQ if is_end and self._engine is None else self._next_seq()
        return self._engine_events.take(EngineEvent(new_id(now), account, engine, seq, now), report)

    def _call_snapshot(self, call: Call) -> CallSnapshot:
        parent = Parent(call.account, ParentKind.CALL, call.id)
        return CallSnapshot(call, tuple(self._account_data.recordings(parent)))
