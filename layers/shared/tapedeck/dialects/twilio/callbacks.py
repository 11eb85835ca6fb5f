"""Twilio's callbacks: fields, headers and retry policy."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from tapedeck.dialects.callbacks import (
    CONFERENCE_EVENTS,
    RECORDING_EVENTS,
    STATUS_CALLBACK_EVENTS,
    CallbackDialect,
    Fields,
    Override,
    fields_of,
)
from tapedeck.dialects.dialect import Dialect
from tapedeck.dialects.formatting import rfc2822
from tapedeck.dialects.selection import TWILIO
from tapedeck.dialects.twilio.geography import geography_of
from tapedeck.domain.call import Call
from tapedeck.domain.conference import EndReason
from tapedeck.domain.notification import CallEvent, ConferenceEvent, ConferenceNotification, RecordingEvent
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import ParentKind, Recording, Source
from tapedeck.domain.retry_policy import FailureKind, RetryPolicy

_NO_ERROR: Final = 0
_SECONDS_PER_MINUTE: Final = 60

_PARTICIPANT: Final = "Participant with CallSid {call}"
_END_REASON_TEXTS: Final = {
    EndReason.VIA_API: "The conference was ended via API",
    EndReason.END_ON_EXIT_LEFT: f"{_PARTICIPANT} and EndConferenceOnExit left the conference",
    EndReason.END_ON_EXIT_KICKED: f"{_PARTICIPANT} and EndConferenceOnExit was removed from the conference",
    EndReason.LAST_KICKED: f"{_PARTICIPANT} was removed from the conference",
    EndReason.LAST_LEFT: f"{_PARTICIPANT} left the conference",
}
"""The text of `Reason`. Twilio documents only the last one; the others are modeled on it (C-76)."""


class TwilioCallbacks(CallbackDialect):
    """Twilio's callbacks: sequence numbers, more events than SignalWire, an idempotency token."""

    dialect: ClassVar[Dialect] = TWILIO
    published_events: ClassVar = {
        **CONFERENCE_EVENTS,
        "modify": (ConferenceEvent.MODIFY,),
        "announcement": (ConferenceEvent.ANNOUNCEMENT_END, ConferenceEvent.ANNOUNCEMENT_FAIL),
    }
    published_recording_events: ClassVar = {
        **RECORDING_EVENTS,
        "started": RecordingEvent.STARTED,
        "paused": RecordingEvent.PAUSED,
        "resumed": RecordingEvent.RESUMED,
        "stopped": RecordingEvent.STOPPED,
    }
    published_call_events: ClassVar = {str(event): event for event in CallEvent if event is not CallEvent.IN_PROGRESS}
    sip_code_field: ClassVar = "SipResponseCode"
    end_includes_recording: ClassVar = False
    signature_headers: ClassVar = ("X-Twilio-Signature",)
    idempotency_header: ClassVar = "I-Twilio-Idempotency-Token"
    default_retry_policy: ClassVar = RetryPolicy(
        connect=5000,
        read=15_000,
        total=15_000,
        attempts=2,
        retried=frozenset({FailureKind.CONNECT}),
        # Twilio documents no limit of redirects: use SignalWire's (C-81).
        max_redirects=3,
    )
    user_agent: ClassVar = "TwilioProxy/1.1"
    max_instruction_redirects: ClassVar = 10
    repeats_instructions: ClassVar = True
    keeps_cookies: ClassVar = True
    dial_reports_recording_sid: ClassVar = True
    overrides: ClassVar[Mapping[str, Override]] = {
        "ct": Override("connect", 100, 10_000),
        "rt": Override("read", 100, 15_000),
        "tt": Override("total", 100, 15_000),
        "rc": Override("attempts", 0, 5, more=1),
    }
    retry_keywords: ClassVar = {
        "ct": frozenset({FailureKind.CONNECT}),
        "rt": frozenset({FailureKind.READ}),
        "4xx": frozenset({FailureKind.CLIENT_ERROR}),
        "5xx": frozenset({FailureKind.SERVER_ERROR}),
        "all": frozenset(FailureKind),
    }

    def recording(self, recording: Recording, event: RecordingEvent, origin: str) -> Fields:
        """Render the fields of a recording callback, with the SID of either the call or the conference.

        `RecordingDuration` is sent only with `completed`; `ErrorCode` is 0 unless the event is `absent`.
        `RecordingStatus` is the name of the event, even if that is not a status.
        """
        body = TWILIO.recording(recording, changed=True)
        error = recording.error if event is RecordingEvent.ABSENT else None
        return fields_of(
            {
                "AccountSid": body["account_sid"],
                "CallSid": body["call_sid"] if recording.parent.kind is ParentKind.CALL else None,
                "ConferenceSid": body["conference_sid"],
                "RecordingSid": body["sid"],
                "RecordingUrl": self.media_url(recording, origin),
                "RecordingStatus": event,
                "RecordingDuration": body["duration"] if event is RecordingEvent.COMPLETED else None,
                "RecordingChannels": body["channels"],
                "RecordingStartTime": body["start_time"],
                "RecordingSource": body["source"],
                "RecordingTrack": recording.track if recording.source is not Source.RECORD_VERB else None,
                "ErrorCode": error or _NO_ERROR,
            }
        )

    def call_details(self, call: Call) -> Mapping[str, Any]:
        """Render both numbers under their second names, and the place of each."""
        return {
            "Called": call.to,
            "Caller": call.from_,
            **geography_of(call.to, "To"),
            **geography_of(call.to, "Called"),
            **geography_of(call.from_, "From"),
            **geography_of(call.from_, "Caller"),
        }

    def call_end_details(self, call: Call) -> Mapping[str, Any]:
        """Render the duration in minutes, each one that has begun counts."""
        return {"Duration": -(-(call.duration or 0) // _SECONDS_PER_MINUTE)}

    def head(self, notification: ConferenceNotification) -> Mapping[str, Any]:
        """Render the common fields; receivers can order callbacks by `SequenceNumber`."""
        body = TWILIO.conference(notification.conference)
        return {
            "ConferenceSid": body["sid"],
            "FriendlyName": body["friendly_name"],
            "AccountSid": body["account_sid"],
            "SequenceNumber": notification.sequence,
            "Timestamp": rfc2822(notification.at),
            "StatusCallbackEvent": STATUS_CALLBACK_EVENTS[notification.event],
        }

    def participant(self, notification: ConferenceNotification, participant: Participant) -> Mapping[str, Any]:
        """Render the participant's state; on `participant-leave` also the reason and the call's status."""
        body = TWILIO.participant(notification.conference.account, participant)
        leaves = notification.event is ConferenceEvent.LEAVE
        return {
            "CallSid": body["call_sid"],
            "Muted": body["muted"],
            "Hold": body["hold"],
            "Coaching": body["coaching"],
            "EndConferenceOnExit": body["end_conference_on_exit"],
            "StartConferenceOnEnter": body["start_conference_on_enter"],
            "ParticipantLabel": body["label"],
            "ReasonParticipantLeft": notification.leave_reason if leaves else None,
            "ParticipantCallStatus": notification.call_status if leaves else None,
        }

    def ending(self, notification: ConferenceNotification, origin: str) -> Mapping[str, Any]:
        """Render the call that ended the conference and the reason; Twilio sends no recording URL."""
        del origin
        body = TWILIO.conference(notification.conference)
        call, reason = body["call_sid_ending_conference"], notification.conference.reason
        return {
            "CallSidEndingConference": call,
            "ParticipantLabelEndingConference": notification.participant and notification.participant.label,
            "ReasonConferenceEnded": reason,
            "Reason": _END_REASON_TEXTS[reason].replace("{call}", str(call)) if reason is not None else None,
        }
