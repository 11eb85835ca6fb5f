"""Events that the engine reports (`engine_protocol.schema`)."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, TypeAdapter
from pydantic_core import PydanticCustomError

from tapedeck.domain.conference import EndReason, is_encodable
from tapedeck.domain.recording import Source
from tapedeck.domain.subscription import CallbackSubscription, normalize_callback_url
from tapedeck.engine_protocol.types import Channels, EngineMessage, Id, ParentRef, PauseBehavior, Text, Track, Version


class _Event(EngineMessage):
    id: Annotated[Id, Field(description="Unique id; unchanged when the event is sent again")]
    account: Id
    seq: Annotated[int, Field(gt=0, lt=1 << 53, description="Rises with each event of the engine, across restarts")]
    at: Annotated[int, Field(ge=0, lt=1 << 43, description="Milliseconds since the epoch, by the engine's clock")]
    version: Annotated[
        Version | None, Field(description="Version of the acknowledged command; absent if there was none")
    ] = None


def _normalize_url(url: str) -> str:
    normal = normalize_callback_url(url)
    if normal is None:
        raise PydanticCustomError("url", "not an absolute http or https URL")
    return normal


def _check_encodable(text: str) -> str:
    if not is_encodable(text):
        raise PydanticCustomError("text", "half of a surrogate pair")
    return text


Url = Annotated[str, AfterValidator(_normalize_url)]
EncodableText = Annotated[str, AfterValidator(_check_encodable)]


class Subscription(EngineMessage):
    """Callback subscription from the markup; `dialect` is the markup's."""

    url: Url
    method: Literal["GET", "POST"] = "POST"
    events: Annotated[tuple[Annotated[str, Field(max_length=32)], ...], Field(max_length=32)]
    dialect: Literal["twilio", "signalwire"]

    @property
    def callback(self) -> CallbackSubscription:
        """The subscription as the domain stores it."""
        return CallbackSubscription(self.url, self.method, self.events, self.dialect)


AcknowledgedVersion = Annotated[Version, Field(description="Version of the acknowledged command")]


class CallProgress(_Event):
    """A call rings or was answered; the first event of an unknown call needs `to`, `from` and so on."""

    type: Literal["call.ringing", "call.answered"]
    call: Id
    to: Text | None = None
    from_: Text | None = Field(None, alias="from")
    direction: Literal["inbound", "outbound-api", "outbound-dial"] = "inbound"
    parent_call: Id | None = None


class CallEnded(_Event):
    """A call ended."""

    type: Literal["call.ended"]
    call: Id
    status: Literal["completed", "busy", "failed", "no-answer", "canceled"] = "completed"


class CallRedirected(_Event):
    """A call was redirected, or its settings were changed."""

    type: Literal["call.redirected"]
    call: Id
    version: AcknowledgedVersion


class ConferenceStarted(_Event):
    """A conference started; `participant.joined` reports each participant separately."""

    type: Literal["conference.started"]
    conference: Id
    name: Annotated[EncodableText, Field(min_length=1, max_length=128)]
    record: bool = False
    callback: Subscription | None = None


class ConferenceEnded(_Event):
    """A conference ended; `ending_call` is the call whose leaving ended it."""

    type: Literal["conference.ended"]
    conference: Id
    reason: EndReason = EndReason.LAST_LEFT
    ending_call: Id | None = None


class ConferenceAnnounced(_Event):
    """An announcement was played to a conference."""

    type: Literal["conference.announced"]
    conference: Id
    version: AcknowledgedVersion


class ParticipantJoined(_Event):
    """A call joined a conference."""

    type: Literal["participant.joined"]
    conference: Id
    call: Id
    start_conference_on_enter: bool = True
    end_conference_on_exit: bool = False
    muted: bool = False
    hold: bool = False


class ParticipantChanged(_Event):
    """A participant's settings changed; without `version`, the engine or participant did it."""

    type: Literal["participant.changed"]
    conference: Id
    call: Id
    muted: bool | None = None
    hold: bool | None = None
    coaching: bool | None = None
    call_to_coach: Id | None = None
    end_conference_on_exit: bool | None = None


class ParticipantLeft(_Event):
    """A participant left its conference; its call may continue."""

    type: Literal["participant.left"]
    conference: Id
    call: Id


class RecordingStarted(_Event):
    """A capture started; one that no command requested needs `source`, with Twilio's values."""

    type: Literal["recording.started"]
    parent: ParentRef
    recording: Id
    source: Source | None = None
    call: Annotated[Id | None, Field(description="Call that the recording shows; default: the conference's first")] = (
        None
    )
    channels: Channels = 1
    track: Track = "both"
    trim: Literal["trim-silence", "do-not-trim"] = "do-not-trim"
    callback: Subscription | None = None


class RecordingTransitioned(_Event):
    """A capture was paused, resumed or stopped."""

    type: Literal["recording.paused", "recording.resumed", "recording.stopped"]
    parent: ParentRef
    recording: Id
    pause_behavior: PauseBehavior = "silence"


class RecordingCompleted(_Event):
    """A capture was stored in the bucket under its command's `key`.

    `size` is in bytes. `duration`, in milliseconds, and `channels` are informational: Tapedeck measures the audio.
    """

    type: Literal["recording.completed"]
    parent: ParentRef
    recording: Id
    key: Annotated[str, Field(max_length=256)]
    size: Annotated[int, Field(ge=0)] | None = None
    duration: Annotated[int, Field(ge=0)] | None = None
    channels: Channels | None = None


class RecordingAbsent(_Event):
    """A recording has no usable audio; `error`: vendor code, 16101 too short, 16102 only silence."""

    type: Literal["recording.absent", "recording.failed"]
    parent: ParentRef
    recording: Id
    error: Annotated[int, Field(ge=10_000, le=99_999)] = 16101


class TranscriptionCompleted(_Event):
    """A transcription finished; without `text`, it failed. `duration`: seconds of audio."""

    type: Literal["transcription.completed"]
    recording: Id
    transcription: Id
    text: Annotated[EncodableText, Field(max_length=100_000)] | None = None
    duration: Annotated[int, Field(ge=0)] | None = None


MediaEvent = Annotated[
    CallProgress
    | CallEnded
    | CallRedirected
    | ConferenceStarted
    | ConferenceEnded
    | ConferenceAnnounced
    | ParticipantJoined
    | ParticipantChanged
    | ParticipantLeft
    | RecordingStarted
    | RecordingTransitioned
    | RecordingCompleted
    | RecordingAbsent
    | TranscriptionCompleted,
    Field(discriminator="type"),
]

EVENTS: Final[TypeAdapter[Any]] = TypeAdapter(MediaEvent)
