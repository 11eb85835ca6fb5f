"""SignalWire's callbacks: fields, headers and retry policy."""

from collections.abc import Mapping
from typing import Any, ClassVar

from tapedeck.dialects.callbacks import (
    CALL_STATUSES,
    CONFERENCE_EVENTS,
    RECORDING_EVENTS,
    STATUS_CALLBACK_EVENTS,
    CallbackDialect,
    Fields,
    Override,
    fields_of,
)
from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.formatting import rfc2822
from tapedeck.dialects.selection import SIGNALWIRE
from tapedeck.domain.notification import CallEvent, ConferenceNotification, RecordingEvent
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Recording
from tapedeck.domain.retry_policy import FailureKind, RetryPolicy


class SignalWireCallbacks(CallbackDialect):
    """SignalWire's callbacks: one signature in two headers, no sequence number, no idempotency token."""

    dialect: ClassVar[Dialect] = SIGNALWIRE
    published_events: ClassVar = CONFERENCE_EVENTS
    published_recording_events: ClassVar = RECORDING_EVENTS
    published_call_events: ClassVar = {str(event): event for event in CallEvent if event is not CallEvent.IN_PROGRESS}
    call_statuses: ClassVar = {**CALL_STATUSES, CallEvent.ANSWERED: "answered"}
    following_call_events: ClassVar = {CallEvent.ANSWERED: CallEvent.IN_PROGRESS}
    sip_code_field: ClassVar = "SipResultCode"
    end_includes_recording: ClassVar = True
    # SignalWire's SDKs read one or the other: send both (C-84).
    signature_headers: ClassVar = ("X-SignalWire-Signature", "X-Twilio-Signature")
    idempotency_header: ClassVar = None
    default_retry_policy: ClassVar = RetryPolicy(
        connect=2000,
        read=5000,
        total=15_000,
        attempts=3,
        # SignalWire does not document retries after a 4xx or 5xx: none are made (C-80).
        retried=frozenset({FailureKind.CONNECT, FailureKind.READ}),
        max_redirects=3,
    )
    user_agent: ClassVar = "SignalWire"
    max_instruction_redirects: ClassVar = 3
    repeats_instructions: ClassVar = False
    keeps_cookies: ClassVar = False
    dial_reports_recording_sid: ClassVar = False
    overrides: ClassVar[Mapping[str, Override]] = {
        "ot": Override("connect", 100, 10_000),
        "rt": Override("read", 100, 15_000),
        "tt": Override("total", 100, 15_000),
    }
    retry_keywords: ClassVar[Mapping[str, frozenset[FailureKind]]] = {}

    def recording(self, recording: Recording, event: RecordingEvent, origin: str) -> Fields:
        """Render the fields of a recording callback, always with a duration, and a call if one is known.

        A conference recording has the SIDs of the conference and of its first participant's call (C-70). The duration
        is 0 unless the event is `completed` (C-71).
        """
        body = SIGNALWIRE.recording(recording, changed=True)
        call = recording.call
        return fields_of(
            {
                "AccountSid": body["account_sid"],
                "CallSid": SIGNALWIRE.format_sid(ResourceType.CALL, call) if call is not None else None,
                "ConferenceSid": body["conference_sid"],
                "RecordingSid": body["sid"],
                "RecordingUrl": self.media_url(recording, origin),
                "RecordingStatus": event,
                "RecordingDuration": body["duration"] if event is RecordingEvent.COMPLETED else 0,
                "RecordingChannels": body["channels"],
                "RecordingSource": body["source"],
            }
        )

    def head(self, notification: ConferenceNotification) -> Mapping[str, Any]:
        """Render the common fields; `EventName` is the event without prefix (C-74)."""
        body = SIGNALWIRE.conference(notification.conference)
        return {
            "AccountSid": body["account_sid"],
            "ConferenceSid": body["sid"],
            "EventName": notification.event,
            "FriendlyName": body["friendly_name"],
            "StatusCallbackEvent": STATUS_CALLBACK_EVENTS[notification.event],
            "Timestamp": rfc2822(notification.at),
        }

    def participant(self, notification: ConferenceNotification, participant: Participant) -> Mapping[str, Any]:
        """Render the participant's state; the fields do not depend on the event."""
        body = SIGNALWIRE.participant(notification.conference.account, participant)
        return {
            "CallSid": body["call_sid"],
            "Muted": body["muted"],
            "Hold": body["hold"],
            "EndConferenceOnExit": body["end_conference_on_exit"],
            "StartConferenceOnEnter": body["start_conference_on_enter"],
        }

    def ending(self, notification: ConferenceNotification, origin: str) -> Mapping[str, Any]:
        """Render the recording if it is finished by then; `Duration` is the recording's."""
        recording = notification.recording
        if recording is None:
            return {}
        return {
            "Duration": recording.duration,
            "RecordingUrl": self.media_url(recording, origin),
            "RecordingFileSize": notification.file_size,
        }
