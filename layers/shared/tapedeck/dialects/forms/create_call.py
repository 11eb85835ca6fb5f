"""The parameters of `create_call`; a separate module because only this function needs it."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Self, cast

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, ValidationInfo
from pydantic_core import PydanticCustomError

from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.forms.api_keys import length_validator
from tapedeck.dialects.forms.base import (
    Form,
    InstructionsMethod,
    RecordingEvents,
    Trim,
    Whole,
    choice_validator,
    choices_validator,
    parse_whole_number,
    range_validator,
)
from tapedeck.dialects.forms.create_participant import CALL_EVENTS
from tapedeck.dialects.warnings import CALLBACK_WARNINGS
from tapedeck.domain.errors import InvalidParameter
from tapedeck.domain.subscription import CallbackSubscription, normalize_callback_url
from tapedeck.domain.warnings import AccountWarning

MAX_TEXT: Final = 4_000
"""Characters of a URL, and of markup that is part of the request."""

_NUMBER: Final = re.compile(r"\+[1-9][0-9]{1,14}", re.ASCII)
_NORTH_AMERICAN: Final = re.compile(r"1?([0-9]{10})", re.ASCII)
_SEPARATORS: Final = re.compile(r"[ ().-]", re.ASCII)
_ADDRESS: Final = re.compile(r"client:[^\s\x00-\x1f\x7f]{1,256}|sips?:[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+")
_MAX_ADDRESS: Final = 1_000
"""Characters of an address, as the engine protocol limits it."""

# Numbers that mean an error, in both dialects (C-364).
_REFUSED_TO: Final = {
    "+15005550001": "to_refused",
    "+15005550002": "to_unreachable",
    "+15005550003": "to_international",
    "+15005550004": "to_blocked",
}
_REFUSED_FROM: Final = "+15005550001"


def normalize_address(text: str) -> str | None:
    """Return a number in E.164 form, or a client or SIP address as it is; None if the text is neither (C-364)."""
    if _NUMBER.fullmatch(text) or (len(text) <= _MAX_ADDRESS and _ADDRESS.fullmatch(text)):
        return text
    national = _NORTH_AMERICAN.fullmatch(_SEPARATORS.sub("", text))
    return f"+1{national.group(1)}" if national is not None else None


def _to_validator(fault: str, missing: str) -> AfterValidator:
    """Build the validator of the called party."""

    def check(text: str) -> str:
        if not text:
            raise PydanticCustomError(missing, "missing")
        address = normalize_address(text)
        if address is None:
            raise PydanticCustomError(fault, "neither a number nor an address")
        if address in _REFUSED_TO:
            raise PydanticCustomError(_REFUSED_TO[address], "a number that means this error")
        return address

    return AfterValidator(check)


def _from_validator(fault: str, missing: str) -> AfterValidator:
    """Build the validator of the calling party; only a number can call a number."""

    def check(text: str, info: ValidationInfo) -> str:
        if not text:
            raise PydanticCustomError(missing, "missing")
        address = normalize_address(text)
        calls_number = info.data.get("to", "").startswith("+")
        if address is None or address == _REFUSED_FROM or (calls_number and not address.startswith("+")):
            raise PydanticCustomError(fault, "not a number or address that can make the call")
        return address

    return AfterValidator(check)


def _url_validator(fault: str) -> AfterValidator:
    def check(value: str) -> str:
        url = normalize_callback_url(value)
        if url is None or len(url) > MAX_TEXT:
            raise PydanticCustomError(fault, "not an absolute http or https URL, or too long")
        return url

    return AfterValidator(check)


def _whole_validator(fault: str) -> BeforeValidator:
    """Build the validator of a whole number that is not one, with this fault."""

    def check(value: object) -> object:
        try:
            return parse_whole_number(value)
        except PydanticCustomError as error:
            raise PydanticCustomError(fault, "no whole number") from error

    return BeforeValidator(check)


def _pattern_validator(fault: str, pattern: str) -> AfterValidator:
    def check(value: str) -> str:
        if re.fullmatch(pattern, value, re.ASCII) is None:
            raise PydanticCustomError(fault, "not of the form that is required")
        return value

    return AfterValidator(check)


def _check_instructions(value: object, info: ValidationInfo) -> object:
    """Reject a call without instructions: no URL, no markup and no application."""
    if value is None and info.data.get("markup") is None and info.data.get("application_sid") is None:
        raise PydanticCustomError("instructions_missing", "neither a URL nor markup nor an application")
    return value


def _check_async_callback(value: object, info: ValidationInfo) -> object:
    """Reject asynchronous detection without a callback."""
    if value is None and info.data.get("async_detection"):
        raise PydanticCustomError("async_detection", "missing")
    return value


def _is_true(text: object) -> object:
    return text.lower() == "true" if isinstance(text, str) else text


Flag = Annotated[bool, BeforeValidator(_is_true)]
"""`true` in any case; everything else is false (C-363)."""
FallbackUrl = Annotated[str, _url_validator("instructions_url")]
StatusUrl = Annotated[str, _url_validator("status_callback")]
RecordingUrl = Annotated[str, _url_validator("callback_url")]


class CreateCall(Form):
    """Parameters of `create_call` in Twilio's dialect; times are in seconds, those of machine detection in ms.

    The fields are checked in this order. An application replaces the instructions and the status callback, and a URL
    replaces markup: what is replaced is not checked (C-363). `SipAuthPassword` and `CallToken` are secrets, and others
    have no effect: they are not in the form.
    """

    LISTS: ClassVar = frozenset({"StatusCallbackEvent", "RecordingStatusCallbackEvent"})
    ONLY_REPEATED: ClassVar = frozenset({"StatusCallbackEvent"})
    IGNORED: ClassVar = frozenset[str]()

    to: Annotated[str, _to_validator("to", "to_missing")] = Field("", alias="To", validate_default=True)
    from_: Annotated[str, _from_validator("from", "from_missing")] = Field("", alias="From", validate_default=True)
    markup: Annotated[str, length_validator("markup", MAX_TEXT)] | None = Field(None, alias="Twiml")
    application_sid: str | None = Field(None, alias="ApplicationSid")
    url: Annotated[FallbackUrl | None, BeforeValidator(_check_instructions)] = Field(
        None, alias="Url", validate_default=True
    )
    method: InstructionsMethod = Field("POST", alias="Method")
    fallback_method: InstructionsMethod = Field("POST", alias="FallbackMethod")
    callback_method: InstructionsMethod = Field("POST", alias="StatusCallbackMethod")
    recording_callback_method: InstructionsMethod = Field("POST", alias="RecordingStatusCallbackMethod")
    async_detection_callback_method: InstructionsMethod = Field("POST", alias="AsyncAmdStatusCallbackMethod")
    fallback_url: FallbackUrl | None = Field(None, alias="FallbackUrl")
    callback_url: StatusUrl | None = Field(None, alias="StatusCallback")
    callback_events: Annotated[tuple[str, ...], choices_validator("choice", *CALL_EVENTS)] = Field(
        ("completed",), alias="StatusCallbackEvent"
    )
    send_digits: Annotated[str, _pattern_validator("digits", r"[0-9A-D#*wW]{1,32}")] | None = Field(
        None, alias="SendDigits"
    )
    timeout: Annotated[int, _whole_validator("timeout"), range_validator("timeout", 1, 600)] = Field(
        60, alias="Timeout"
    )
    time_limit: Annotated[Whole, range_validator("choice", 1, 86_400)] = Field(14_400, alias="TimeLimit")
    machine_detection: Annotated[str, choice_validator("machine_detection", "Enable", "DetectMessageEnd")] | None = (
        Field(None, alias="MachineDetection")
    )
    machine_detection_timeout: Annotated[
        int, _whole_validator("machine_detection"), range_validator("machine_detection", 3, 59)
    ] = Field(30, alias="MachineDetectionTimeout")
    machine_detection_speech_threshold: Annotated[
        int, _whole_validator("machine_detection"), range_validator("machine_detection", 1000, 6000)
    ] = Field(2400, alias="MachineDetectionSpeechThreshold")
    machine_detection_speech_end_threshold: Annotated[
        int, _whole_validator("machine_detection"), range_validator("machine_detection", 500, 5000)
    ] = Field(1200, alias="MachineDetectionSpeechEndThreshold")
    machine_detection_silence_timeout: Annotated[
        int, _whole_validator("machine_detection"), range_validator("machine_detection", 2000, 10_000)
    ] = Field(5000, alias="MachineDetectionSilenceTimeout")
    async_detection: Flag = Field(default=False, alias="AsyncAmd")
    async_detection_callback: StatusUrl | None = Field(None, alias="AsyncAmdStatusCallback")
    record: Flag = Field(default=False, alias="Record")
    recording_channels: Annotated[str, choice_validator("choice", "mono", "dual")] = Field(
        "mono", alias="RecordingChannels"
    )
    recording_track: Annotated[str, choice_validator("choice", "inbound", "outbound", "both")] = Field(
        "both", alias="RecordingTrack"
    )
    trim: Trim = Field("trim-silence", alias="Trim")
    recording_callback_url: RecordingUrl | None = Field(None, alias="RecordingStatusCallback")
    recording_callback_events: RecordingEvents = Field(("completed",), alias="RecordingStatusCallbackEvent")

    _application: str | None = PrivateAttr(default=None)

    @property
    def application(self) -> str | None:
        """The id of the application, if one is given."""
        return self._application

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Self:
        """Parse and validate decoded fields; ignore those that the dialect does not have.

        Raises:
            InvalidParameter: for the first invalid field, or a malformed sid of an application.
        """
        if cls is not cls.in_dialect(dialect):
            return cls.in_dialect(dialect).read(fields, dialect)
        form = super().read(_in_force(fields, cls.IGNORED), dialect)
        if form.application_sid is not None:
            form._application = dialect.parse_sid(ResourceType.APPLICATION, form.application_sid)  # noqa: SLF001
            if form._application is None:  # noqa: SLF001
                raise InvalidParameter("ApplicationSid", "application", "not the sid of an application")
        return form

    @classmethod
    def in_dialect(cls, dialect: Dialect) -> type[Self]:
        """Return the form of a dialect."""
        return cls if dialect.supports_friendly_name_lookup else cast("type[Self]", SignalWireCreateCall)

    @classmethod
    def warning(cls, name: str, dialect: Dialect) -> AccountWarning | None:
        """Return the warning about an invalid parameter; None if it is an error."""
        if name == "StatusCallbackEvent":
            return CALLBACK_WARNINGS[name]
        return dialect.warning(name) if name in _WARNED else None

    def flow(self, dialect: str) -> Mapping[str, Any]:
        """Return the instructions, as the `flow` of `call.place`; those of an application are not known here."""
        flow: dict[str, Any] = {"dialect": dialect}
        if self.url is not None:
            flow |= {"url": self.url, "method": self.method}
        elif self.markup is not None:
            flow["markup"] = self.markup
        if self.fallback_url is not None:
            flow["fallback"] = {"url": self.fallback_url, "method": self.fallback_method}
        return flow

    def settings(self, dialect: str) -> Mapping[str, Any]:
        """Return everything else that the engine needs, in the words of `call.place` (C-366)."""
        settings: dict[str, Any] = {"timeout": self.timeout, "time_limit": self.time_limit}
        if self.send_digits is not None:
            settings["send_digits"] = self.send_digits
        elif self.machine_detection not in {None, "none"}:
            mode = "enable" if self.machine_detection == "Enable" else "detect_message_end"
            settings["machine_detection"] = {"mode": mode, "asynchronous": self.async_detection}
        if self.record:
            channels = 2 if self.recording_channels == "dual" else 1
            settings["record"] = {"channels": channels, "track": self.recording_track, "trim": self.trim}
            if self.recording_callback_url is not None:
                settings["record"]["callback"] = {
                    "url": self.recording_callback_url,
                    "method": self.recording_callback_method,
                    "events": list(self.recording_callback_events),
                    "dialect": dialect,
                }
        return settings

    def callback(self, dialect: str) -> CallbackSubscription | None:
        """Return the subscription to the status events; None without a URL.

        It has no events if the request chose none: then it receives the end, without a count of the events before it.
        """
        if self.callback_url is None:
            return None
        events = self.callback_events if "callback_events" in self.model_fields_set else ()
        return CallbackSubscription(self.callback_url, self.callback_method, events, dialect)


class SignalWireCreateCall(CreateCall):
    """The same in SignalWire's dialect, which has no markup in the request and no limit of time."""

    ONLY_REPEATED: ClassVar = frozenset()
    IGNORED: ClassVar = frozenset({"Twiml", "TimeLimit"})

    send_digits: Annotated[str, _pattern_validator("digits", r"[0-9#*wW]{1,32}")] | None = Field(
        None, alias="SendDigits"
    )
    machine_detection: (
        Annotated[str, choice_validator("machine_detection", "Enable", "DetectMessageEnd", "none")] | None
    ) = Field(None, alias="MachineDetection")
    machine_detection_timeout: Annotated[
        int, _whole_validator("machine_detection"), range_validator("machine_detection", 1, 120)
    ] = Field(30, alias="MachineDetectionTimeout")
    async_detection_callback: Annotated[StatusUrl | None, BeforeValidator(_check_async_callback)] = Field(
        None, alias="AsyncAmdStatusCallback", validate_default=True
    )


_WARNED: Final = frozenset({"RecordingStatusCallback", "RecordingStatusCallbackEvent"})
_REPLACED_BY_APPLICATION: Final = frozenset(
    {
        "Url", "Twiml", "Method", "FallbackUrl", "FallbackMethod", "StatusCallback", "StatusCallbackMethod",
        "StatusCallbackEvent",
    }
)  # fmt: skip


def _in_force(fields: Mapping[str, Sequence[str]], ignored: frozenset[str]) -> Mapping[str, Sequence[str]]:
    """Return the fields without those that the dialect does not have, or that others replace."""
    if _is_given(fields, "ApplicationSid"):
        ignored |= _REPLACED_BY_APPLICATION
    elif _is_given(fields, "Url"):
        ignored |= {"Twiml"}
    return {name: values for name, values in fields.items() if name not in ignored}


def _is_given(fields: Mapping[str, Sequence[str]], name: str) -> bool:
    return bool((fields.get(name) or [""])[-1])
