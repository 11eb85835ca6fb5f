"""The parameters of `create_participant`; a separate module because only this function needs it."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.forms.base import (
    MAX_SECONDS,
    Boolean,
    CallbackUrl,
    Method,
    Trim,
    Url,
    Whole,
    choice_validator,
    choices_validator,
    range_validator,
    word_validator,
)
from tapedeck.dialects.forms.participants import Coaching
from tapedeck.domain.errors import InvalidParameter
from tapedeck.domain.participant import is_label
from tapedeck.domain.subscription import CallbackSubscription

CALL_EVENTS: Final = ("initiated", "ringing", "answered", "completed")
CONFERENCE_EVENTS: Final = (
    "start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement",
)  # fmt: skip
LEG_RECORDING_EVENTS: Final = (
    "started", "in-progress", "paused", "resumed", "stopped", "completed", "failed", "absent",
)  # fmt: skip
CONFERENCE_RECORDING_EVENTS: Final = ("in-progress", "completed", "failed", "absent")

_NUMBER: Final = re.compile(r"\+?[0-9*#(). -]{1,40}", re.ASCII)
# The OpenAPI document has the same pattern. Its `\s` is that of JavaScript, so what differs is named.
_ADDRESS: Final = re.compile(r"(client|sip|sips|app):[^\s\x00-\x1f\x7f-\x9f\ufeff]{1,1000}")


def _endpoint(*schemes: str) -> AfterValidator:
    """Build a validator that accepts only telephone numbers and addresses of these schemes."""

    def check(value: str) -> str:
        address = _ADDRESS.fullmatch(value)
        is_known = address.group(1) in schemes if address else _NUMBER.fullmatch(value) and re.search("[0-9]", value)
        if not is_known:
            raise PydanticCustomError("choice", "neither a number nor an address")
        return value

    return AfterValidator(check)


class CreateParticipant(Coaching):
    """Parameters of `create_participant`.

    Times are in seconds; the thresholds and the silence timeout of machine detection are in milliseconds.
    `max_participants` is left to the engine (C-62). The default of both recording events is `completed` (C-64).
    """

    LISTS: ClassVar = frozenset(
        {
            "StatusCallbackEvent",
            "ConferenceStatusCallbackEvent",
            "RecordingStatusCallbackEvent",
            "ConferenceRecordingStatusCallbackEvent",
        }
    )
    ONLY_REPEATED: ClassVar = frozenset({"StatusCallbackEvent"})

    from_: Annotated[str, _endpoint("client", "sip", "sips")] = Field(alias="From")
    to: Annotated[str, _endpoint("client", "sip", "sips", "app")] = Field(alias="To")
    label: str | None = Field(None, alias="Label")
    muted: Boolean = Field(default=False, alias="Muted")
    end_conference_on_exit: Boolean = Field(default=False, alias="EndConferenceOnExit")
    start_conference_on_enter: Boolean = Field(default=True, alias="StartConferenceOnEnter")
    early_media: Boolean = Field(default=True, alias="EarlyMedia")
    beep: Annotated[str, word_validator("choice", "true", "false", "onEnter", "onExit")] = Field("true", alias="Beep")
    max_participants: Annotated[Whole, range_validator("choice", 2, 250)] = Field(250, alias="MaxParticipants")
    timeout: Annotated[Whole, range_validator("choice", 5, 600)] = Field(60, alias="Timeout")
    time_limit: Annotated[Whole, range_validator("choice", 1, MAX_SECONDS)] | None = Field(None, alias="TimeLimit")
    wait_url: Url | None = Field(None, alias="WaitUrl")
    wait_method: Method = Field("POST", alias="WaitMethod")
    status_callback: CallbackUrl | None = Field(None, alias="StatusCallback")
    status_callback_method: Method = Field("POST", alias="StatusCallbackMethod")
    status_callback_event: Annotated[tuple[str, ...], choices_validator("choice", *CALL_EVENTS)] = Field(
        ("completed",), alias="StatusCallbackEvent"
    )
    conference_status_callback: CallbackUrl | None = Field(None, alias="ConferenceStatusCallback")
    conference_status_callback_method: Method = Field("POST", alias="ConferenceStatusCallbackMethod")
    conference_status_callback_event: Annotated[tuple[str, ...], choices_validator("choice", *CONFERENCE_EVENTS)] = (
        Field(("start", "end"), alias="ConferenceStatusCallbackEvent")
    )
    record: Boolean = Field(default=False, alias="Record")
    recording_channels: Annotated[str, choice_validator("choice", "mono", "dual")] = Field(
        "mono", alias="RecordingChannels"
    )
    recording_track: Annotated[str, choice_validator("choice", "inbound", "outbound", "both")] = Field(
        "both", alias="RecordingTrack"
    )
    trim: Trim = Field("trim-silence", alias="Trim")
    recording_status_callback: CallbackUrl | None = Field(None, alias="RecordingStatusCallback")
    recording_status_callback_method: Method = Field("POST", alias="RecordingStatusCallbackMethod")
    recording_status_callback_event: Annotated[tuple[str, ...], choices_validator("event", *LEG_RECORDING_EVENTS)] = (
        Field(("completed",), alias="RecordingStatusCallbackEvent")
    )
    conference_record: Annotated[
        str, word_validator("choice", "true", "false", "record-from-start", "do-not-record")
    ] = Field("false", alias="ConferenceRecord")
    conference_trim: Trim = Field("trim-silence", alias="ConferenceTrim")
    conference_recording_status_callback: CallbackUrl | None = Field(None, alias="ConferenceRecordingStatusCallback")
    conference_recording_status_callback_method: Method = Field("POST", alias="ConferenceRecordingStatusCallbackMethod")
    conference_recording_status_callback_event: Annotated[
        tuple[str, ...], choices_validator("event", *CONFERENCE_RECORDING_EVENTS)
    ] = Field(("completed",), alias="ConferenceRecordingStatusCallbackEvent")
    region: (
        Annotated[str, choice_validator("choice", "us1", "us2", "ie1", "de1", "sg1", "br1", "au1", "jp1")] | None
    ) = Field(None, alias="Region")
    jitter_buffer_size: Annotated[str, choice_validator("choice", "off", "small", "medium", "large")] = Field(
        "large", alias="JitterBufferSize"
    )
    sip_auth_username: str | None = Field(None, alias="SipAuthUsername")
    byoc: str | None = Field(None, alias="Byoc")
    caller_id: str | None = Field(None, alias="CallerId")
    caller_display_name: str | None = Field(None, alias="CallerDisplayName")
    call_reason: str | None = Field(None, alias="CallReason")
    client_notification_url: Url | None = Field(None, alias="ClientNotificationUrl")
    machine_detection: Annotated[str, choice_validator("choice", "Enable", "DetectMessageEnd")] | None = Field(
        None, alias="MachineDetection"
    )
    machine_detection_timeout: Annotated[Whole, range_validator("choice", 1, MAX_SECONDS)] = Field(
        30, alias="MachineDetectionTimeout"
    )
    machine_detection_speech_threshold: Annotated[Whole, range_validator("choice", 1000, 6000)] = Field(
        2400, alias="MachineDetectionSpeechThreshold"
    )
    machine_detection_speech_end_threshold: Annotated[Whole, range_validator("choice", 500, 5000)] = Field(
        1200, alias="MachineDetectionSpeechEndThreshold"
    )
    machine_detection_silence_timeout: Annotated[Whole, range_validator("choice", 2000, 10_000)] = Field(
        5000, alias="MachineDetectionSilenceTimeout"
    )
    amd_status_callback: CallbackUrl | None = Field(None, alias="AmdStatusCallback")
    amd_status_callback_method: Method = Field("POST", alias="AmdStatusCallbackMethod")

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Self:
        """Parse and validate decoded fields.

        Raises:
            InvalidParameter: for the first invalid field, or an invalid label, such as a call's SID.
        """
        form = super().read(fields, dialect)
        if form.label is not None and (
            not is_label(form.label) or dialect.parse_sid(ResourceType.CALL, form.label) is not None
        ):
            raise InvalidParameter("Label", "label", "too long, with a slash, or like the sid of a call")
        return form

    @property
    def records_conference(self) -> bool:
        """Whether to record the conference, if this request creates it."""
        return self.conference_record in {"true", "record-from-start"}

    def call_callback(self, dialect: str) -> CallbackSubscription | None:
        """Return the subscription to the status events of the dialed call; None without a URL or an event.

        It has no events if the request chose none: then it receives the end, without a count of the events before it.
        """
        if self.status_callback is None or not self.status_callback_event:
            return None
        events = self.status_callback_event if "status_callback_event" in self.model_fields_set else ()
        return CallbackSubscription(self.status_callback, self.status_callback_method, events, dialect)

    def conference_callback(self, dialect: str) -> CallbackSubscription | None:
        """Return the callback subscription of the conference, if this request creates it; None without a URL."""
        url = self.conference_status_callback
        if url is None:
            return None
        return CallbackSubscription(
            url, self.conference_status_callback_method, self.conference_status_callback_event, dialect
        )

    @property
    def options(self) -> Mapping[str, Any]:
        """The fields that only the engine needs, without those that have their default value.

        `SipAuthPassword` and `CallToken` are not in the form: they are secrets, and the table stores no secrets (C-63).
        """
        return self.model_dump(exclude_defaults=True, exclude=_NOT_ENGINE_OPTIONS)


_NOT_ENGINE_OPTIONS: Final = {
    "from_", "to", "label", "muted", "coaching", "call_sid_to_coach", "start_conference_on_enter",
    "end_conference_on_exit", "status_callback", "status_callback_method", "status_callback_event",
    "conference_status_callback", "conference_status_callback_method", "conference_status_callback_event",
}  # fmt: skip
