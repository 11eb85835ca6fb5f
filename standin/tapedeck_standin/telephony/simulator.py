"""Makes telephony happen: calls ring and end, conferences fill and empty, as a media engine would tell it."""

import secrets
from dataclasses import dataclass

from tapedeck.domain.call import LIVE, Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.engine_command import EngineEvent
from tapedeck.domain.errors import NotEligibleForRecording
from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import Parent, ParentKind, Recording, Source
from tapedeck.domain.transcription import Transcription, TranscriptionStatus
from tapedeck.http.endpoint import ApiServices
from tapedeck.operations.conferences import ConferenceEndReport
from tapedeck.operations.media import object_key
from tapedeck.ports.stores import Clock
from tapedeck_standin.aws.account_data import AccountData
from tapedeck_standin.control.schemas import CreateCallRequest, CreateConferenceRequest, CreateTranscriptionRequest
from tapedeck_standin.telephony.engine import Engine


@dataclass(frozen=True, slots=True)
class CallSnapshot:
    """A call and all its recordings, oldest first."""

    call: Call
    recordings: tuple[Recording, ...] = ()


@dataclass(frozen=True, slots=True)
class ConferenceSnapshot:
    """A conference, the calls that were ever in it, and all its recordings, oldest first."""

    conference: Conference
    calls: tuple[CallSnapshot, ...] = ()
    recordings: tuple[Recording, ...] = ()


class Telephony:
    """What happens in one account at a time, as the engine tells it; errors are those of the operations."""

    def __init__(self, service: ApiServices, ledger: AccountData, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._transcriptions = service.transcriptions
        self._calls = service.calls
        self._conferences = service.conferences
        self._recordings = service.recordings
        self._ledger = ledger

    def call(self, account: str, order: CreateCallRequest) -> CallSnapshot:
        """A call appears; one with a final status appears and ends."""
        if order.status in LIVE:
            begun = order.status
        else:
            # Only what was answered can be completed.
            answered = order.status is CallStatus.COMPLETED
            begun = CallStatus.IN_PROGRESS if answered else CallStatus.RINGING
        call = self._calls.register(account, to=order.to, from_=order.from_, direction=order.direction, status=begun)
        if order.status not in LIVE:
            call = self._calls.end(account, call.id, order.status, engine_event=self._engine_event())
        return CallSnapshot(call)

    def hang_up(self, account: str, call: str) -> CallSnapshot:
        """A call ends.

        Raises:
            NotFound: no such call.
            CallHasEnded: it has ended before.
        """
        return self._call_scene(self._calls.end(account, call, engine_event=self._engine_event()))

    def conference(self, account: str, order: CreateConferenceRequest) -> ConferenceSnapshot:
        """A conference appears, its calls enter it and, if it is to be recorded and begins, a recording starts.

        Raises:
            NameInUse: another conference of this name is live.
        """
        name = order.friendly_name or f"conference-{secrets.token_hex(6)}"
        conference = self._conferences.register(account, name, record=order.record, callback=order.callback)
        waits = order.wanted_status is ConferenceStatus.INIT
        calls = []
        for _ in range(order.participants):
            call = self.call(account, CreateCallRequest())
            conference = self._conferences.join(account, conference.id, call.call.id, start_on_enter=not waits)
            calls.append(call)
        recordings: tuple[Recording, ...] = ()
        if order.record and conference.status is ConferenceStatus.IN_PROGRESS:
            recordings = (self._record(conference),)
        if order.wanted_status is ConferenceStatus.COMPLETED:
            return self.end_conference(account, conference.id)
        return ConferenceSnapshot(conference, tuple(calls), recordings)

    def record_conference(self, account: str, conference: str) -> Recording:
        """A recording of a conference starts.

        Raises:
            NotFound: no such conference.
            NotEligibleForRecording: it is not in progress.
        """
        return self._record(self._conferences.get(account, conference))

    def end_conference(self, account: str, conference: str) -> ConferenceSnapshot:
        """A conference ends.

        Raises:
            NotFound: no such conference.
            ConferenceNotInProgress: it has ended before.
        """
        ended = self._conferences.end(account, conference, ConferenceEndReport(self._engine_event(), EndReason.VIA_API))
        parent = Parent(account, ParentKind.CONFERENCE, conference)
        calls = [self._call_scene(self._calls.get(account, call)) for call in self._ledger.participants(parent)]
        return ConferenceSnapshot(ended, tuple(calls), tuple(self._ledger.recordings(parent)))

    def reset(self, account: str) -> None:
        """Nothing has ever happened in this account."""
        self._engine.forget(account)
        self._ledger.clear(account)

    def transcribe(self, account: str, recording: str, order: CreateTranscriptionRequest) -> Transcription:
        """What is said in a recording has been written down.

        Raises:
            NotFound: no such recording.
        """
        found = self._recordings.find(account, recording)
        status = TranscriptionStatus(order.status)
        text = order.text if status is TranscriptionStatus.COMPLETED else None
        return self._transcriptions.record(account, recording, text=text, duration=found.duration, status=status)

    def _record(self, conference: Conference) -> Recording:
        if conference.first_call is None:
            raise NotEligibleForRecording  # nobody has ever been in it
        parent = Parent(conference.account, ParentKind.CONFERENCE, conference.id)
        recording = self._recordings.register_started(parent, source=Source.CONFERENCE, call=conference.first_call)
        self._engine.start_capture(recording, object_key(conference.account, recording.id))
        return recording

    def _engine_event(self) -> EngineEvent:
        now = self._clock()
        return EngineEvent(new_id(now), now)

    def _call_scene(self, call: Call) -> CallSnapshot:
        parent = Parent(call.account, ParentKind.CALL, call.id)
        return CallSnapshot(call, tuple(self._ledger.recordings(parent)))
