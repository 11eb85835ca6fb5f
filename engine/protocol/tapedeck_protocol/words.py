"""The words of the protocol: types and enumerations that several messages share."""

from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

PROTOCOL: Final = 2
"""The version of the protocol."""

_MAX_SEQ: Final = (1 << 53) - 1
_MAX_CONTINUED_SEQ: Final = _MAX_SEQ - (1 << 40)
_MAX_TIME: Final = (1 << 48) - 1
_MAX_COUNT: Final = (1 << 53) - 1


class EngineMessage(BaseModel):
    """A message of the engine protocol, or a part of one; unknown fields are ignored, for forward compatibility."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class RecordingSource(StrEnum):
    """What started a recording, in Twilio's words."""

    DIAL_VERB = "DialVerb"
    CONFERENCE = "Conference"
    OUTBOUND_API = "OutboundAPI"
    TRUNKING = "Trunking"
    RECORD_VERB = "RecordVerb"
    START_CALL_RECORDING = "StartCallRecordingAPI"
    START_CONFERENCE_RECORDING = "StartConferenceRecordingAPI"
    START_RECORDING_VERB = "StartCallRecordingTwiML"


class ConferenceEndReason(StrEnum):
    """Why a conference ended, in Twilio's words."""

    VIA_API = "conference-ended-via-api"
    END_ON_EXIT_LEFT = "participant-with-end-conference-on-exit-left"
    END_ON_EXIT_KICKED = "participant-with-end-conference-on-exit-kicked"
    LAST_KICKED = "last-participant-kicked"
    LAST_LEFT = "last-participant-left"


def _check_text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("text", "half of a surrogate pair") from None
    return text


def _check_integer(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Reject what a Literal would accept although it is no integer: `true`, and 1.0 (C-180)."""
    if type(value) is not int:
        raise PydanticCustomError("int_type", "Input should be a valid integer")
    return value


Protocol = Annotated[
    Literal[2], BeforeValidator(_check_integer), Field(description="Version of the protocol: always 2")
]
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""32 lower-case hex digits, without hyphens."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 as 64 lower-case hex digits."""

EncodableText = Annotated[str, AfterValidator(_check_text)]
"""Text that UTF-8 can encode."""

Address = Annotated[EncodableText, Field(max_length=1_024)]
"""A number, or the address of a client or a SIP party."""

ShortText = Annotated[EncodableText, Field(max_length=256)]
Detail = Annotated[EncodableText, Field(max_length=200)]
Url = Annotated[EncodableText, Field(max_length=4_000)]
Count = Annotated[int, Field(strict=True, ge=0, le=_MAX_COUNT)]
Milliseconds = Annotated[int, Field(strict=True, ge=0, le=_MAX_TIME)]
"""A time in milliseconds since the epoch, before the year 2249."""

Sequence = Annotated[int, Field(strict=True, ge=0, le=_MAX_SEQ)]
ContinuedSequence = Annotated[int, Field(strict=True, ge=0, le=_MAX_CONTINUED_SEQ)]
"""A number above which an engine continues: 2^40 valid ones are left (C-284)."""

Version = Annotated[int, Field(strict=True, ge=1, le=_MAX_SEQ)]
Flag = Annotated[bool, Field(strict=True)]
CommandId = Annotated[EncodableText, Field(min_length=1, max_length=128)]

Channels = Annotated[Literal[1, 2], BeforeValidator(_check_integer)]
Rate = Annotated[Literal[8000, 16000], BeforeValidator(_check_integer)]
Track = Literal["inbound", "outbound", "both"]
Trim = Literal["trim-silence", "do-not-trim"]
PauseBehavior = Literal["silence", "skip"]
Method = Literal["GET", "POST"]
DialectName = Literal["twilio", "signalwire"]

StopReason = Literal["requested", "hangup", "conference_ended", "max_length", "engine_lost", "failed"]
AbsenceReason = Literal["too_short", "only_silence", "failed", "lost"]
RefusalCode = Literal["unsupported", "gone", "busy", "no_space", "expired", "bad_request", "fetch_failed"]


class ParentRef(EngineMessage):
    """The call or conference that is recorded."""

    type: Annotated[Literal["call", "conference"], Field(description="Kind of the resource")]
    id: Annotated[Id, Field(description="Id of the call or conference")]


class FetchUrl(EngineMessage):
    """A URL to fetch. It comes from a customer: fetch it only at public addresses."""

    url: Annotated[Url, Field(description="Absolute http or https URL")]
    method: Annotated[Method, Field(description="Method of the request")]


class Subscription(EngineMessage):
    """A callback that markup requested; Tapedeck delivers it."""

    url: Annotated[Url, Field(description="Absolute http or https URL")]
    method: Annotated[Method, Field(description="Method of the callback")] = "POST"
    events: Annotated[
        tuple[Annotated[EncodableText, Field(max_length=32)], ...],
        Field(max_length=32, description="Events to deliver, in the words of the dialect"),
    ]
    dialect: Annotated[DialectName, Field(description="Dialect of the markup")]


class EngineCapacity(EngineMessage):
    """What the engine can carry."""

    max_calls: Annotated[Count | None, Field(description="Calls at the same time; absent: no limit is known")] = None


class EvidenceState(EngineMessage):
    """The end of a recording's evidence chain."""

    n: Annotated[Count, Field(description="Number of entries in the chain")]
    head: Annotated[Sha256, Field(description="Hash of the last entry")]
