"""Read the events that a media engine reports: from the wire format to the domain's reports."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

from pydantic import ValidationError

from tapedeck.background.parents import read_parent
from tapedeck.domain.call import CallStatus
from tapedeck.domain.conference import EndReason
from tapedeck.domain.engine_event import EventRefusal
from tapedeck.domain.engine_report import (
    AnnouncementReport,
    CallConfirmation,
    CallEndReport,
    CallProgressReport,
    CaptureAbsenceReport,
    CaptureCompletionReport,
    CaptureStartReport,
    CaptureTransitionReport,
    ConferenceEndReport,
    ConferenceStartReport,
    NewCall,
    NewRecording,
    ParticipantChangeReport,
    ParticipantJoinReport,
    ParticipantLeaveReport,
    RefusalReport,
    Report,
    SpeakingReport,
    TranscriptionReport,
)
from tapedeck.domain.recording import EvidenceHead, RecordingStatus, Source
from tapedeck.domain.subscription import CallbackSubscription, normalize_callback_url
from tapedeck_protocol import events as wire
from tapedeck_protocol.words import EvidenceState, Subscription

_ID: Final = re.compile(r"[0-9a-f]{32}")


class UnreadableEvent(Exception):
    """An event that is not one of the engine protocol.

    `code` is UNREADABLE or UNKNOWN_TYPE. `detail` is the path of the first invalid field; empty if the event is not an
    object. It contains nothing that the event says (C-182). `event_id` is the event's id, None if it has no valid one.
    """

    def __init__(self, code: EventRefusal, detail: str, event_id: str | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.event_id = event_id


@dataclass(frozen=True, slots=True)
class ParsedEvent:
    """An event as reported: `at` is in milliseconds by the engine's clock.

    `account` is None for `engine.alive` only. `report` is the message itself for `engine.alive`, which is about the
    engine, and for `call.flow`, which changes nothing.
    """

    id: str
    type: str
    seq: int
    at: int
    account: str | None
    version: int | None
    report: Report | wire.EngineAlive | wire.CallFlow


def read_report(raw: object) -> ParsedEvent:
    """Read one event, any JSON value.

    Raises:
        UnreadableEvent: it is not an event of the engine protocol (C-181).
    """
    try:
        message = wire.EVENTS.validate_python(raw)
        report = _report_of(message)
    except ValidationError as invalid:
        raise _unreadable(raw, invalid) from None
    except _InvalidField as invalid:
        raise UnreadableEvent(EventRefusal.UNREADABLE, invalid.name, message.id) from None
    account, version = getattr(message, "account", None), getattr(message, "version", None)
    return ParsedEvent(message.id, message.type, message.seq, message.at, account, version, report)


def _unreadable(raw: object, invalid: ValidationError) -> UnreadableEvent:
    fields = raw if isinstance(raw, Mapping) else {}
    name = fields.get("id")
    event_id = name if isinstance(name, str) and _ID.fullmatch(name) is not None else None
    first = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
    match first["type"]:
        case "union_tag_invalid" if isinstance(fields.get("type"), str):
            return UnreadableEvent(EventRefusal.UNKNOWN_TYPE, "type", event_id)
        case "union_tag_invalid" | "union_tag_not_found":
            return UnreadableEvent(EventRefusal.UNREADABLE, "type", event_id)
    # A location is the type, the path of fields, and for a list the place in it, below which the event names the keys.
    path = takewhile(lambda part: isinstance(part, str), first["loc"][1:])
    return UnreadableEvent(EventRefusal.UNREADABLE, ".".join(map(str, path)), event_id)


class _InvalidField(Exception):
    """A field whose value the models accept, but the domain does not."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _report_of(message: Any) -> Report | wire.EngineAlive | wire.CallFlow:  # noqa: ANN401 - any model of an event
    return _READERS[type(message)](message)


def _call_progress(event: wire.CallProgress) -> CallProgressReport:
    status = CallStatus.RINGING if event.type == "call.ringing" else CallStatus.IN_PROGRESS
    return CallProgressReport(event.call, status, _new_call(event))


def _call_end(event: wire.CallEnded) -> CallEndReport:
    return CallEndReport(event.call, CallStatus(event.status), _new_call(event), event.sip_status)


def _new_call(event: wire.CallProgress | wire.CallEnded) -> NewCall | None:
    callback = _callback(event.callback)
    if event.to is None or event.from_ is None:
        return None
    return NewCall(event.to, event.from_, event.direction, event.parent_call, callback)


def _conference_start(event: wire.ConferenceStarted) -> ConferenceStartReport:
    return ConferenceStartReport(event.conference, event.name, event.record, _callback(event.callback))


def _conference_end(event: wire.ConferenceEnded) -> ConferenceEndReport:
    return ConferenceEndReport(event.conference, EndReason(event.reason), event.ending_call)


def _announcement(event: wire.ConferenceAnnounced | wire.ParticipantAnnounced) -> AnnouncementReport:
    call = event.call if isinstance(event, wire.ParticipantAnnounced) else None
    return AnnouncementReport(event.conference, call, has_failed=event.type.endswith("_failed"))


def _participant_join(event: wire.ParticipantJoined) -> ParticipantJoinReport:
    return ParticipantJoinReport(
        event.conference,
        event.call,
        event.start_conference_on_enter,
        event.end_conference_on_exit,
        event.muted,
        event.hold,
        event.label,
    )


def _participant_change(event: wire.ParticipantChanged) -> ParticipantChangeReport:
    return ParticipantChangeReport(
        event.conference,
        event.call,
        event.muted,
        event.hold,
        event.coaching,
        event.call_to_coach,
        event.end_conference_on_exit,
        event.beep_on_exit,
    )


def _capture_start(event: wire.RecordingStarted) -> CaptureStartReport:
    new = None
    if event.source is not None:
        new = NewRecording(Source(event.source), event.call, event.trim, _callback(event.callback))
    return CaptureStartReport(
        read_parent(event.account, event.parent),
        event.recording,
        event.channels,
        event.track,
        event.paused,
        new,
        _evidence(event.evidence),
    )


def _capture_pause(event: wire.RecordingPaused) -> CaptureTransitionReport:
    status = RecordingStatus.PAUSED if event.type == "recording.paused" else RecordingStatus.IN_PROGRESS
    parent, evidence = read_parent(event.account, event.parent), _evidence(event.evidence)
    return CaptureTransitionReport(parent, event.recording, status, event.pause_behavior, evidence=evidence)


def _capture_stop(event: wire.RecordingStopped) -> CaptureTransitionReport:
    parent, evidence = read_parent(event.account, event.parent), _evidence(event.evidence)
    return CaptureTransitionReport(
        parent, event.recording, RecordingStatus.STOPPED, reason=event.reason, evidence=evidence
    )


def _capture_completion(event: wire.RecordingCompleted) -> CaptureCompletionReport:
    parent, evidence = read_parent(event.account, event.parent), _evidence(event.evidence)
    return CaptureCompletionReport(parent, event.recording, event.ticket, event.bytes, event.sha256, evidence)


def _capture_absence(event: wire.RecordingAbsent) -> CaptureAbsenceReport:
    parent = read_parent(event.account, event.parent)
    return CaptureAbsenceReport(parent, event.recording, event.reason, _evidence(event.evidence))


def _refusal(event: wire.CommandRefused) -> RefusalReport:
    if event.recording is not None and event.parent is None:
        raise _InvalidField("parent")
    if event.parent is not None and event.recording is None:
        raise _InvalidField("recording")
    if event.recording is None and event.conference is None and event.call is None:
        raise _InvalidField("call")
    parent = read_parent(event.account, event.parent) if event.parent is not None else None
    return RefusalReport(event.code, event.final, event.call, event.conference, parent, event.recording)


def _callback(subscription: Subscription | None) -> CallbackSubscription | None:
    """Return the subscription as the domain stores it, with the form of its URL that is signed and sent (C-183)."""
    if subscription is None:
        return None
    url = normalize_callback_url(subscription.url)
    if url is None:
        raise _InvalidField("callback.url")
    return CallbackSubscription(url, subscription.method, subscription.events, subscription.dialect)


def _evidence(state: EvidenceState | None) -> EvidenceHead | None:
    return EvidenceHead(state.n, state.head) if state is not None else None


_READERS: Final[Mapping[type, Callable[[Any], Report | wire.EngineAlive | wire.CallFlow]]] = {
    wire.CallProgress: _call_progress,
    wire.CallEnded: _call_end,
    wire.CallConfirmed: lambda event: CallConfirmation(event.call),
    wire.CallFlow: lambda event: event,
    wire.ConferenceStarted: _conference_start,
    wire.ConferenceEnded: _conference_end,
    wire.ConferenceAnnounced: _announcement,
    wire.ParticipantJoined: _participant_join,
    wire.ParticipantChanged: _participant_change,
    wire.ParticipantLeft: lambda event: ParticipantLeaveReport(event.conference, event.call),
    wire.ParticipantAnnounced: _announcement,
    wire.ParticipantSpeaking: lambda event: SpeakingReport(event.conference, event.call, event.speaking),
    wire.RecordingStarted: _capture_start,
    wire.RecordingPaused: _capture_pause,
    wire.RecordingStopped: _capture_stop,
    wire.RecordingCompleted: _capture_completion,
    wire.RecordingAbsent: _capture_absence,
    wire.TranscriptionCompleted: lambda event: TranscriptionReport(
        event.recording, event.transcription, event.text, event.duration
    ),
    wire.EngineAlive: lambda event: event,
    wire.CommandRefused: _refusal,
}
