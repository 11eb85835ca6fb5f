"""The media contract: what Tapedeck asks of a media engine, and what that tells; all of its messages are JSON.

A connector to an engine of your own (Asterisk, FreeSWITCH, an SBC) needs two queues and nothing else. It takes
**commands** from `media-commands.fifo` and puts **events** into `media-events.fifo`, both SQS FIFO queues of the stack.

Commands
    come in order for each call or conference, at least once, and say what is *wanted*, not what to toggle: a repetition
    changes nothing. `version` rises with each change of the resource that is meant: whoever has carried out a higher
    one of the same resource leaves a command be, and takes it from the queue. A command for a recording holds all that
    is wanted of it, so that a `recording.pause` for one that was never started means: start it, paused.
Confirmation
    A command is carried out when an event answers it, by its `version`: `recording.start` by `recording.started`,
    `recording.pause` by `recording.paused`, and so on down the table below. What has not been answered for half a
    minute is sent again; what has not been for five minutes raises an alarm. Until it is answered, what was asked
    is not `confirmed`. A pause is effective when it is answered, not before.
Events
    tell what has happened, whether or not it was asked; those without a `version` tell what the engine did by itself.
    `id` is a UUID in 32 hex digits, the same when an event is sent again; `at` is milliseconds since the epoch. Send
    them in groups (`MessageGroupId`) by call or conference, with `id` as `MessageDeduplicationId`. What is not known
    yet is tried again, then goes to the dead-letter queue; what the state forbids is logged, counted and dropped.
Ids
    are 32 lower-case hex digits. Calls and conferences, and recordings that the engine begins by itself, get theirs
    from the connector: UUIDs of version 7, made when the thing begins, at most five minutes from Tapedeck's time.
Media
    A capture is put into the stack's bucket as a WAV (16 bit, one or two channels) under the `key` that the command
    named, *before* `recording.completed` tells of it; another key is refused. Tapedeck trims it, makes the MP3 and
    tells `completed` or, where there is nothing worth keeping, `absent`. Without an answer a stopped recording becomes
    `absent` after an hour.
URLs
    that a command hands on (`Url`, `AnnounceUrl`, `HoldUrl`, …) were written by somebody who wants them fetched from
    inside your network: fetch them by the rules of `adapters/webhook.py`, or through it (rule R16).

| command | answered by |
|---|---|
| `recording.start` | `recording.started` |
    that a command hands on (`Url`, `AnnounceUrl`, `HoldUrl`) were written by somebody who wants them fetched from
| `media.delete` | nothing: what still lies outside the bucket is to go |
| `call.hang_up` | `call.ended` |
| `call.redirect` | `call.redirected` |
| `conference.end`, `conference.announce` | `conference.ended`, `conference.announced` |
| `participant.add` | `call.ringing`, `call.answered` or `call.ended` of its call |
| `participant.update`, `participant.remove` | `participant.changed`, `participant.left` |

The JSON Schemas are `schemas/media-commands.json` and `schemas/media-events.json`, made from these models
(`make schemas`).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter
from pydantic_core import PydanticCustomError

from tapedeck.domain.callback import Callback, is_usable_url
from tapedeck.domain.command import Command, CommandKind, Heard
from tapedeck.domain.conference import EndReason, can_be_written
from tapedeck.domain.recording import Parent, ParentKind, Source

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Version = Annotated[int, Field(ge=1, description="That of the change which asked, as it rises with each of a resource")]
Text = Annotated[str, Field(min_length=1, max_length=256)]
Channels = Literal[1, 2]
Track = Literal["inbound", "outbound", "both"]
PauseBehavior = Literal["silence", "skip"]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class ParentRef(_Message):
    """The call or conference that is recorded."""

    type: Literal["call", "conference"]
    id: Id

    def of(self, account: str) -> Parent:
        """The same, of an account."""
        return Parent(account, ParentKind.CALL if self.type == "call" else ParentKind.CONFERENCE, self.id)


class Fetch(_Message):
    """What the engine is to fetch: by the rules of `adapters/webhook.py`."""

    url: str
    method: Literal["GET", "POST"]


# Commands.


class _Command(_Message):
    id: str
    account: Id
    version: Version


class RecordingWanted(_Message):
    """All that is wanted of a recording; `key` is where its capture is to be put."""

    status: Literal["in-progress", "paused", "stopped", "deleted"]
    pause_behavior: PauseBehavior | None = None
    channels: Channels
    track: Track
    key: str


class RecordingCommand(_Command):
    """A recording is to be as it is wanted; `media.delete`: what of it lies outside the bucket is to go."""

    type: Literal["recording.start", "recording.pause", "recording.resume", "recording.stop", "media.delete"]
    parent: ParentRef
    recording: Id
    wanted: RecordingWanted


class HangUpCall(_Command):
    """A call is to end, with a status that tells why."""

    type: Literal["call.hang_up"]
    call: Id
    wanted: dict[str, str]


class RedirectCall(_Command):
    """A call is to do something else next, or differently: a URL that says what, or the markup itself."""

    type: Literal["call.redirect"]
    call: Id
    wanted: dict[str, Any]


class ConferenceCommand(_Command):
    """A conference is to end, or something is to be played in it: `announcement`, a URL and a method."""

    type: Literal["conference.end", "conference.announce"]
    conference: Id
    wanted: dict[str, Fetch]


class ParticipantCommand(_Command):
    """A participant is to be dialed (`to`, `from`, `options`), to be as is wanted, or to leave."""

    type: Literal["participant.add", "participant.update", "participant.remove"]
    conference: Id
    call: Id
    wanted: dict[str, Any]


MediaCommand = Annotated[
    RecordingCommand | HangUpCall | RedirectCall | ConferenceCommand | ParticipantCommand,
    Field(discriminator="type"),
]

COMMANDS: Final[TypeAdapter[Any]] = TypeAdapter(MediaCommand)

_OF_CALLS: Final = frozenset({CommandKind.HANG_UP_CALL, CommandKind.REDIRECT_CALL})
_OF_RECORDINGS: Final = frozenset(
    {
        CommandKind.START_RECORDING,
        CommandKind.PAUSE_RECORDING,
        CommandKind.RESUME_RECORDING,
        CommandKind.STOP_RECORDING,
        CommandKind.DELETE_MEDIA,
    }
)
_OF_CONFERENCES: Final = frozenset({CommandKind.END_CONFERENCE, CommandKind.ANNOUNCE})


def write_command(command: Command) -> dict[str, Any]:
    """A command as a connector reads it."""
    parent = command.parent
    body: dict[str, Any] = {
        "id": command.id,
        "type": str(command.kind),
        "account": parent.account,
        "version": command.version,
    }
    if command.kind in _OF_RECORDINGS:
        kind = "call" if parent.kind is ParentKind.CALL else "conference"
        body |= {"parent": {"type": kind, "id": parent.id}, "recording": command.resource}
    elif command.kind in _OF_CALLS:
        body["call"] = command.resource
    elif command.kind in _OF_CONFERENCES:
        body["conference"] = command.resource
    else:
        body |= {"conference": parent.id, "call": command.resource}
    return {**body, "wanted": _plain(command.wanted)}


def _plain(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON has it: enumerations as text, tuples as lists."""
    return {name: str(value) if isinstance(value, str) else value for name, value in wanted.items()}


# Events.


class _Event(_Message):
    id: Annotated[Id, Field(description="The same whenever this event is sent")]
    account: Id
    at: Annotated[int, Field(ge=0, lt=1 << 43, description="Milliseconds since the epoch, by the engine's clock")]
    version: Annotated[
        Version | None, Field(description="That of the command which this answers; absent where none asked")
    ] = None

    @property
    def heard(self) -> Heard:
        """How it is told."""
        return Heard(self.id, self.at, self.version)


def _usable(url: str) -> str:
    if not is_usable_url(url):
        raise PydanticCustomError("url", "not an absolute http or https URL")
    return url


def _writable(text: str) -> str:
    if not can_be_written(text):
        raise PydanticCustomError("text", "half of a surrogate pair")
    return text


Url = Annotated[str, AfterValidator(_usable)]
Writable = Annotated[str, AfterValidator(_writable)]


class Subscription(_Message):
    """Who is to be told, as the markup said that started it; `dialect` is whose words it used."""

    url: Url
    method: Literal["GET", "POST"] = "POST"
    events: tuple[str, ...]
    dialect: Literal["twilio", "signalwire"]

    @property
    def callback(self) -> Callback:
        """The same, as it is kept."""
        return Callback(self.url, self.method, self.events, self.dialect)


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


class RecordingMoved(_Event):
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
    | RecordingMoved
    | RecordingCompleted
    | RecordingAbsent
    | TranscriptionCompleted,
    Field(discriminator="type"),
]

EVENTS: Final[TypeAdapter[Any]] = TypeAdapter(MediaEvent)

MOST_CHARACTERS: Final = 262_144
"""Of a message: what SQS takes."""


def schema_of(messages: TypeAdapter[Any], title: str) -> dict[str, Any]:
    """The JSON Schema of all commands or of all events."""
    schema = messages.json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **schema}
