"""The events that a media engine reports."""

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from tapedeck_protocol.words import (
    AbsenceReason,
    Address,
    Channels,
    CommandId,
    ConferenceEndReason,
    Count,
    Detail,
    EncodableText,
    EngineCapacity,
    EngineMessage,
    EvidenceState,
    Flag,
    Id,
    Milliseconds,
    ParentRef,
    PauseBehavior,
    Rate,
    RecordingSource,
    RefusalCode,
    Sequence,
    Sha256,
    ShortText,
    StopReason,
    Subscription,
    Track,
    Trim,
    Version,
)

AnsweredVersion = Annotated[Version, Field(description="Version of the command that this event answers")]
OptionalVersion = Annotated[
    Version | None, Field(description="Version of the command that this event answers; absent if there was none")
]


class _EngineWideEvent(EngineMessage):
    """Fields of every event."""

    id: Annotated[Id, Field(description="Unique id; unchanged when the event is reported again")]
    seq: Annotated[
        Sequence, Field(description="Sequence number: rises with every event of this engine, across restarts")
    ]
    at: Annotated[Milliseconds, Field(description="When it happened, in ms by the engine's clock")]


class _Event(_EngineWideEvent):
    """Fields of every event about a resource."""

    account: Annotated[Id, Field(description="Account of the resource")]
    version: OptionalVersion = None


class _CallReport(_Event):
    """Fields of the events that may be the first about a call."""

    call: Annotated[Id, Field(description="The call")]
    to: Annotated[Address | None, Field(description="Number, client or SIP address that was called")] = None
    from_: Annotated[
        Address | None, Field(alias="from", description="Number of the caller; empty if it is withheld")
    ] = None
    direction: Annotated[
        Literal["inbound", "outbound-api", "outbound-dial"], Field(description="Direction of the call")
    ] = "inbound"
    parent_call: Annotated[Id | None, Field(description="Call whose instructions dialed this one")] = None
    callback: Annotated[
        Subscription | None,
        Field(description="Callback that its phone number or the instructions request; without events, of the end"),
    ] = None


class CallProgress(_CallReport):
    """A call rings or was answered.

    The first event of a call that no command requested needs `to` and `from`.
    """

    type: Literal["call.ringing", "call.answered"]
    sip_call_id: Annotated[ShortText | None, Field(description="`Call-ID` of its SIP dialog")] = None


class CallEnded(_CallReport):
    """A call ended. Report it for every call.

    It may be the first event of a call that no command requested, with `to` and `from`: one that could not be reached.
    """

    type: Literal["call.ended"]
    status: Annotated[
        Literal["completed", "busy", "failed", "no-answer", "canceled"], Field(description="How it ended")
    ] = "completed"
    sip_status: Annotated[Count | None, Field(le=699, description="Status of the last SIP response")] = None
    cause: Annotated[Count | None, Field(le=127, description="Cause value of Q.850")] = None


class CallConfirmed(_Event):
    """A call has its new instructions or settings, or the digits were sent."""

    type: Literal["call.redirected", "call.digits_sent"]
    call: Annotated[Id, Field(description="The call")]
    version: AnsweredVersion


class CallFlow(_Event):
    """A call executes a verb of its instructions; informational."""

    type: Literal["call.flow"]
    call: Annotated[Id, Field(description="The call")]
    verb: Annotated[EncodableText, Field(min_length=1, max_length=32, description="Name of the verb")]


class ConferenceStarted(_Event):
    """The engine opened a conference; `participant.joined` reports each participant separately."""

    type: Literal["conference.started"]
    conference: Annotated[Id, Field(description="The conference")]
    name: Annotated[EncodableText, Field(min_length=1, max_length=128, description="Its name in the account")]
    record: Annotated[Flag, Field(description="It is recorded from its start")] = False
    callback: Annotated[Subscription | None, Field(description="Callback that its instructions request")] = None


class ConferenceEnded(_Event):
    """A conference ended."""

    type: Literal["conference.ended"]
    conference: Annotated[Id, Field(description="The conference")]
    reason: Annotated[ConferenceEndReason, Field(description="Why it ended")] = ConferenceEndReason.LAST_LEFT
    ending_call: Annotated[Id | None, Field(description="Call whose leaving ended it")] = None


class ConferenceAnnounced(_Event):
    """An announcement was played to a conference, or could not be played."""

    type: Literal["conference.announced", "conference.announcement_failed"]
    conference: Annotated[Id, Field(description="The conference")]
    command: Annotated[CommandId, Field(description="Id of the command")]
    version: AnsweredVersion


class ParticipantJoined(_Event):
    """A call joined a conference."""

    type: Literal["participant.joined"]
    conference: Annotated[Id, Field(description="The conference")]
    call: Annotated[Id, Field(description="The participant's call")]
    start_conference_on_enter: Annotated[Flag, Field(description="The conference starts when it joins")] = True
    end_conference_on_exit: Annotated[Flag, Field(description="The conference ends when it leaves")] = False
    muted: Annotated[Flag, Field(description="It joined muted")] = False
    hold: Annotated[Flag, Field(description="It joined on hold")] = False
    label: Annotated[
        EncodableText | None,
        Field(
            max_length=128,
            description="Name of the participant; ignored if another has it, with a slash, or like a call's sid",
        ),
    ] = None


class ParticipantChanged(_Event):
    """A participant's settings changed; a field that is absent did not."""

    type: Literal["participant.changed"]
    conference: Annotated[Id, Field(description="The conference")]
    call: Annotated[Id, Field(description="The participant's call")]
    muted: Annotated[Flag | None, Field(description="It is muted")] = None
    hold: Annotated[Flag | None, Field(description="It is on hold")] = None
    coaching: Annotated[Flag | None, Field(description="It coaches `call_to_coach`")] = None
    call_to_coach: Annotated[Id | None, Field(description="Participant that it coaches")] = None
    end_conference_on_exit: Annotated[Flag | None, Field(description="The conference ends when it leaves")] = None
    beep_on_exit: Annotated[Flag | None, Field(description="A beep is played when it leaves")] = None


class ParticipantLeft(_Event):
    """A participant left its conference; its call may go on."""

    type: Literal["participant.left"]
    conference: Annotated[Id, Field(description="The conference")]
    call: Annotated[Id, Field(description="The participant's call")]


class ParticipantAnnounced(_Event):
    """An announcement was played to a participant, or could not be played."""

    type: Literal["participant.announced", "participant.announcement_failed"]
    conference: Annotated[Id, Field(description="The conference")]
    call: Annotated[Id, Field(description="The participant's call")]
    command: Annotated[CommandId | None, Field(description="Id of the command")] = None


class ParticipantSpeaking(_Event):
    """A participant began or stopped to speak."""

    type: Literal["participant.speaking"]
    conference: Annotated[Id, Field(description="The conference")]
    call: Annotated[Id, Field(description="The participant's call")]
    speaking: Annotated[Flag, Field(description="It speaks")]


class _RecordingEvent(_Event):
    """Fields of every event about a recording."""

    parent: Annotated[ParentRef, Field(description="Call or conference that is recorded")]
    recording: Annotated[Id, Field(description="The recording")]
    evidence: Annotated[
        EvidenceState | None, Field(description="End of the evidence chain after this event; absent without a chain")
    ] = None


class RecordingStarted(_RecordingEvent):
    """A capture started. One that no command requested needs `source`."""

    type: Literal["recording.started"]
    source: Annotated[RecordingSource | None, Field(description="What started it, if no command did")] = None
    call: Annotated[
        Id | None, Field(description="Call of this engine to show with it; absent: the conference's first")
    ] = None
    channels: Annotated[Channels, Field(description="Channels of the capture")] = 1
    track: Annotated[Track, Field(description="Captured directions")] = "both"
    trim: Annotated[Trim, Field(description="Whether Tapedeck removes silence at both ends")] = "do-not-trim"
    callback: Annotated[Subscription | None, Field(description="Callback that the instructions request")] = None
    rate: Annotated[Rate | None, Field(description="Samples per second")] = None
    legs: Annotated[Channels | None, Field(description="Number of captured legs")] = None
    paused: Annotated[Flag, Field(description="It began paused, which confirms the pause")] = False


class CaptureOffset(EngineMessage):
    """A position in a capture."""

    samples: Annotated[Count, Field(description="Samples since its start")]
    rate: Annotated[Rate, Field(description="Samples per second")]


class RecordingPaused(_RecordingEvent):
    """A capture was paused or resumed. Report a pause only when nothing is captured any more."""

    type: Literal["recording.paused", "recording.resumed"]
    pause_behavior: Annotated[PauseBehavior, Field(description="What the pause leaves in the recording")] = "silence"
    done_at: Annotated[Milliseconds | None, Field(description="When it took effect, in ms")] = None
    legs: Annotated[Channels | None, Field(description="Number of captured legs")] = None
    offset: Annotated[CaptureOffset | None, Field(description="Where in the capture it took effect")] = None


class RecordingStopped(_RecordingEvent):
    """A capture stopped; `recording.completed` or `recording.absent` follows."""

    type: Literal["recording.stopped"]
    reason: Annotated[StopReason, Field(description="Why; `requested`: by a command")] = "requested"
    lost_ms: Annotated[Count, Field(description="Milliseconds of audio that are missing")] = 0


class RecordingCompleted(_RecordingEvent):
    """A capture was uploaded."""

    type: Literal["recording.completed"]
    ticket: Annotated[EncodableText, Field(min_length=1, max_length=2_000, description="Ticket of the upload")]
    bytes: Annotated[Count, Field(description="Size of the file")]
    sha256: Annotated[Sha256, Field(description="SHA-256 of the file")]
    samples: Annotated[Count | None, Field(description="Samples per channel")] = None
    rate: Annotated[Rate | None, Field(description="Samples per second")] = None
    channels: Annotated[Channels | None, Field(description="Channels of the file")] = None
    evidence_entries: Annotated[
        tuple[dict[str, Any], ...] | None, Field(max_length=1_000, description="All entries of the evidence chain")
    ] = None
    recovered: Annotated[Flag, Field(description="The file was repaired after a crash")] = False
    lost_ms: Annotated[Count, Field(description="Milliseconds of audio that are missing")] = 0


class RecordingAbsent(_RecordingEvent):
    """A recording has no usable audio; nothing was or will be uploaded."""

    type: Literal["recording.absent"]
    reason: Annotated[AbsenceReason, Field(description="Why there is none")]
    detail: Annotated[Detail | None, Field(description="A sentence for the log, without phone numbers")] = None


class TranscriptionCompleted(_Event):
    """A transcription finished; without `text` it failed."""

    type: Literal["transcription.completed"]
    recording: Annotated[Id, Field(description="The recording")]
    transcription: Annotated[Id, Field(description="The transcription; the engine makes its id")]
    text: Annotated[EncodableText | None, Field(max_length=100_000, description="The text")] = None
    duration: Annotated[Count | None, Field(description="Seconds of audio")] = None


class LiveCounts(EngineMessage):
    """How many resources are live on the engine."""

    calls: Annotated[Count, Field(description="Calls")] = 0
    conferences: Annotated[Count, Field(description="Conferences")] = 0
    recordings: Annotated[Count, Field(description="Recordings")] = 0


class OutboxState(EngineMessage):
    """Events that the connector has not delivered."""

    waiting: Annotated[Count, Field(description="Events that wait for their first answer")] = 0
    oldest_ms: Annotated[Count, Field(description="Age of the oldest of them")] = 0
    parked: Annotated[Count, Field(description="Events whose last outcome was `later`")] = 0
    dead: Annotated[Count, Field(description="Events that were given up")] = 0


class UploadState(EngineMessage):
    """Captures that are not uploaded."""

    waiting: Annotated[Count, Field(description="Captures")] = 0
    oldest_ms: Annotated[Count, Field(description="Age of the oldest of them")] = 0


class MediaState(EngineMessage):
    """Problems of captures since the session began."""

    gaps: Annotated[Count, Field(description="Interruptions")] = 0
    lost_ms: Annotated[Count, Field(description="Milliseconds of audio that are missing")] = 0


class EngineAlive(_EngineWideEvent):
    """The engine runs. Report it at the interval that the session names; it has no `account`."""

    type: Literal["engine.alive"]
    live: Annotated[LiveCounts, Field(description="Live resources")] = LiveCounts()
    capacity: Annotated[EngineCapacity, Field(description="What the engine can carry")] = EngineCapacity()
    draining: Annotated[Flag, Field(description="It accepts no new calls")] = False
    disk_free_mb: Annotated[Count | None, Field(description="Free space for captures")] = None
    load1: Annotated[
        float | None,
        Field(strict=True, allow_inf_nan=False, ge=0, le=1e6, description="Average load of the last minute"),
    ] = None
    outbox: Annotated[OutboxState, Field(description="Events that are not delivered")] = OutboxState()
    uploads: Annotated[UploadState, Field(description="Captures that are not uploaded")] = UploadState()
    commands_unreadable: Annotated[Count, Field(description="Messages that are no command, in this session")] = 0
    media: Annotated[MediaState, Field(description="Problems of captures, in this session")] = MediaState()


class CommandRefused(_Event):
    """The engine does not carry out a command. The subject's fields are those of the command."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": [name]} for name in ("call", "conference", "recording")],
            "dependentRequired": {"parent": ["recording"], "recording": ["parent"]},
        }
    )

    type: Literal["command.refused"]
    command: Annotated[CommandId, Field(description="Id of the command")]
    code: Annotated[RefusalCode, Field(description="Why")]
    final: Annotated[Flag, Field(description="Trying again cannot help")]
    detail: Annotated[Detail | None, Field(description="A sentence for the log, without phone numbers")] = None
    call: Annotated[Id | None, Field(description="The call, or the participant's call")] = None
    conference: Annotated[Id | None, Field(description="The conference, also of a participant")] = None
    parent: Annotated[ParentRef | None, Field(description="Call or conference that is recorded")] = None
    recording: Annotated[Id | None, Field(description="The recording; needs `parent`")] = None


EngineEventMessage = Annotated[
    CallProgress
    | CallEnded
    | CallConfirmed
    | CallFlow
    | ConferenceStarted
    | ConferenceEnded
    | ConferenceAnnounced
    | ParticipantJoined
    | ParticipantChanged
    | ParticipantLeft
    | ParticipantAnnounced
    | ParticipantSpeaking
    | RecordingStarted
    | RecordingPaused
    | RecordingStopped
    | RecordingCompleted
    | RecordingAbsent
    | TranscriptionCompleted
    | EngineAlive
    | CommandRefused,
    Field(discriminator="type"),
]

EVENTS: Final[TypeAdapter[Any]] = TypeAdapter(EngineEventMessage)
