"""The events of the media contract, as a connector writes them (`engine_protocol.schema`)."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, TypeAdapter
from pydantic_core import PydanticCustomError

from tapedeck.domain.conference import EndReason, is_encodable
from tapedeck.domain.engine_command import EngineEvent
from tapedeck.domain.recording import Source
from tapedeck.domain.subscription import CallbackSubscription, is_valid_callback_url
from tapedeck.engine_protocol.types import Channels, EngineMessage, Id, ParentRef, PauseBehavior, Text, Track, Version


class _Event(EngineMessage):
    id: Annotated[Id, Field(description="The same whenever this event is sent")]
    account: Id
    at: Annotated[int, Field(ge=0, lt=1 << 43, description="Milliseconds since the epoch, by the engine's clock")]
    version: Annotated[
        Version | None, Field(description="That of the command which this answers; absent where none asked")
    ] = None

    @property
    def engine_event(self) -> EngineEvent:
        """How it is told."""
        return EngineEvent(self.id, self.at, self.version)


def _usable(url: str) -> str:
    if not is_valid_callback_url(url):
        raise PydanticCustomError("url", "not an absolute http or https URL")
    return url


def _writable(text: str) -> str:
    if not is_encodable(text):
        raise PydanticCustomError("text", "half of a surrogate pair")
    return text


Url = Annotated[str, AfterValidator(_usable)]
Writable = Annotated[str, AfterValidator(_writable)]


class Subscription(EngineMessage):
    """Who is to be told, as the markup said that started it; `dialect` is whose words it used."""

    url: Url
    method: Literal["GET", "POST"] = "POST"
    events: Annotated[tuple[Annotated[str, Field(max_length=32)], ...], Field(max_length=32)]
    dialect: Literal["twilio", "signalwire"]

    @property
    def callback(self) -> CallbackSubscription:
        """The same, as it is kept."""
        return CallbackSubscription(self.url, self.method, self.events, self.dialect)


Answered = Annotated[Version, Field(description="That of the command which this answers")]


class CallProgress(_Event):
    """A telephone rings, or a call has been answered; one that nobody has heard of needs `to`, `from` and so on."""

    type: Literal["call.ringing", "call.answered"]
    call: Id
    to: Text | None = None
    from_: Text | None = Field(None, alias="from")
    direction: Literal["inbound", "outbound-api", "outbound-dial"] = "inbound"
    parent_call: Id | None = None


class CallEnded(_Event):
    """A call is over."""

    type: Literal["call.ended"]
    call: Id
    status: Literal["completed", "busy", "failed", "no-answer", "canceled"] = "completed"


class CallRedirected(_Event):
    """A call has gone where it was sent, or has the settings that were asked for."""

    type: Literal["call.redirected"]
    call: Id
    version: Answered


class ConferenceStarted(_Event):
    """A conference has been opened under a name; who enters it is told by `participant.joined`."""

    type: Literal["conference.started"]
    conference: Id
    name: Annotated[Writable, Field(min_length=1, max_length=128)]
    record: bool = False
    callback: Subscription | None = None


class ConferenceEnded(_Event):
    """A conference is over, why, and with whose leaving."""

    type: Literal["conference.ended"]
    conference: Id
    reason: EndReason = EndReason.LAST_LEFT
    ending_call: Id | None = None


class ConferenceAnnounced(_Event):
    """What was to be played in a conference has been."""

    type: Literal["conference.announced"]
    conference: Id
    version: Answered


class ParticipantJoined(_Event):
    """A call has entered a conference."""

    type: Literal["participant.joined"]
    conference: Id
    call: Id
    start_conference_on_enter: bool = True
    end_conference_on_exit: bool = False
    muted: bool = False
    hold: bool = False


class ParticipantChanged(_Event):
    """A participant has been muted, held or placed; without a `version`, by itself or by its engine."""

    type: Literal["participant.changed"]
    conference: Id
    call: Id
    muted: bool | None = None
    hold: bool | None = None
    coaching: bool | None = None
    call_to_coach: Id | None = None
    end_conference_on_exit: bool | None = None


class ParticipantLeft(_Event):
    """A participant is in its conference no more; its call may go on."""

    type: Literal["participant.left"]
    conference: Id
    call: Id


class RecordingStarted(_Event):
    """A capture has begun; one that no command has asked for needs its `source`, in Twilio's words."""

    type: Literal["recording.started"]
    parent: ParentRef
    recording: Id
    source: Source | None = None
    call: Annotated[Id | None, Field(description="Whose call it shows; by default a conference's first one")] = None
    channels: Channels = 1
    track: Track = "both"
    trim: Literal["trim-silence", "do-not-trim"] = "do-not-trim"
    callback: Subscription | None = None


class RecordingTransitioned(_Event):
    """A capture has been paused, resumed or stopped."""

    type: Literal["recording.paused", "recording.resumed", "recording.stopped"]
    parent: ParentRef
    recording: Id
    pause_behavior: PauseBehavior = "silence"


class RecordingCompleted(_Event):
    """A capture lies in the bucket, under the key that its command named: so many bytes and milliseconds."""

    type: Literal["recording.completed"]
    parent: ParentRef
    recording: Id
    key: Annotated[str, Field(max_length=256)]
    size: Annotated[int, Field(ge=0)] | None = None
    duration: Annotated[int, Field(ge=0)] | None = None
    channels: Channels | None = None


class RecordingAbsent(_Event):
    """There is nothing that could be kept: a vendor's code tells why, 16101 too short, 16102 only silence."""

    type: Literal["recording.absent", "recording.failed"]
    parent: ParentRef
    recording: Id
    error: Annotated[int, Field(ge=10_000, le=99_999)] = 16101


class TranscriptionCompleted(_Event):
    """What was said in a recording has been written down; without `text`, it could not be."""

    type: Literal["transcription.completed"]
    recording: Id
    transcription: Id
    text: Annotated[Writable, Field(max_length=100_000)] | None = None
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
