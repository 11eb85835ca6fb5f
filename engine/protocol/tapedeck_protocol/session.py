"""`POST /engine/v2/sessions`: who the engine is, what it can do, and what it has."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter

from tapedeck_protocol.words import (
    ContinuedSequence,
    Count,
    EncodableText,
    EngineCapacity,
    EngineMessage,
    EvidenceState,
    Flag,
    Id,
    Milliseconds,
    ParentRef,
    Protocol,
    Rate,
    Sequence,
    ShortText,
    Url,
)

MAX_LIVE: Final = 500
"""Live resources in one request; further ones follow in further requests."""

ParticipantAbility = Literal["mute", "hold", "coach", "announce", "remove"]


class Capabilities(EngineMessage):
    """What the engine can do; Tapedeck stores it with the engine's presence."""

    pause: Annotated[Flag, Field(description="Pause a capture. Without it, recordings can only be stopped")] = True
    pause_native_skip: Annotated[
        Flag, Field(description="Leave a `skip` pause out of the capture; otherwise capture silence")
    ] = False
    restart: Annotated[Flag, Field(description="Start a second capture of the same call")] = True
    tracks: Annotated[Flag, Field(description="Capture one direction only")] = True
    dual: Annotated[Flag, Field(description="Capture two channels")] = True
    conference: Annotated[Flag, Field(description="Have conferences")] = True
    conference_recording: Annotated[Flag, Field(description="Capture a conference")] = True
    participants: Annotated[
        tuple[ParticipantAbility, ...], Field(max_length=16, description="What it can do with participants")
    ] = ()
    place: Annotated[Flag, Field(description="Dial calls")] = False
    markup: Annotated[Flag, Field(description="Execute markup")] = False
    verbs: Annotated[tuple[ShortText, ...], Field(max_length=64, description="Verbs that it executes")] = ()
    dtmf: Annotated[Flag, Field(description="Receive and send digits")] = False
    speech: Annotated[Flag, Field(description="Recognize speech")] = False
    streams: Annotated[Flag, Field(description="Stream media")] = False
    rates: Annotated[tuple[Rate, ...], Field(max_length=4, description="Samples per second of captures")] = (8000,)
    resume_delay_ms: Annotated[Count, Field(description="Time from a resume until audio is captured")] = 0
    presence: Annotated[
        Flag, Field(description="Report `engine.alive`; an engine without presence counts as alive")
    ] = True


class LiveResource(EngineMessage):
    """A call, conference or recording that runs on the engine, or a stopped recording that is not uploaded."""

    kind: Annotated[Literal["call", "conference", "recording"], Field(description="Kind of the resource")]
    id: Annotated[Id, Field(description="Its id")]
    account: Annotated[Id, Field(description="Its account")]
    parent: Annotated[ParentRef | None, Field(description="Of a recording: what is recorded")] = None
    version: Annotated[Sequence, Field(description="Version that was carried out last; 0 if no command was")] = 0
    status: Annotated[
        EncodableText | None,
        Field(max_length=32, description="Its status; of a recording `in-progress`, `paused` or `stopped`"),
    ] = None
    since: Annotated[Milliseconds | None, Field(description="When it began, in ms by the engine's clock")] = None
    evidence: Annotated[EvidenceState | None, Field(description="Of a recording: end of its evidence chain")] = None


class OpenSessionRequest(EngineMessage):
    """Open a session: after every start, after `engine.resync`, and to renew the lent credentials.

    `live` lists everything that runs, in several requests if necessary; the last one has `more` false.
    """

    protocol: Protocol
    boot: Annotated[Id, Field(description="Id that the connector makes at each start; a UUID of version 7")]
    software: Annotated[ShortText, Field(description="Names and versions of connector and engine; not used yet")] = ""
    capabilities: Annotated[Capabilities, Field(description="What the engine can do")]
    capacity: Annotated[EngineCapacity, Field(description="What it can carry")] = EngineCapacity()
    sent_at: Annotated[Milliseconds, Field(description="Engine's clock at this request, in ms")]
    live: Annotated[
        tuple[LiveResource, ...], Field(max_length=MAX_LIVE, description="Live resources, or some of them")
    ] = ()
    more: Annotated[Flag, Field(description="Another request with further live resources follows")] = False


class CommandSource(EngineMessage):
    """The queue of commands, and the credentials for it."""

    url: Annotated[Url, Field(description="URL of the SQS queue")]
    region: Annotated[ShortText, Field(description="AWS region of the queue")]
    access_key: Annotated[ShortText, Field(description="Id of the lent access key")]
    secret_key: Annotated[ShortText, Field(description="Secret of the lent access key")]
    session_token: Annotated[
        EncodableText, Field(max_length=8_000, description="Session token; empty if the credentials have none")
    ]
    expires_at: Annotated[
        Milliseconds, Field(description="End of the credentials, in ms; open a session again 15 minutes before")
    ]


class OpenSessionAnswer(EngineMessage):
    """The session."""

    engine: Annotated[ShortText, Field(description="Name of the engine")]
    now: Annotated[Milliseconds, Field(description="Tapedeck's clock, in ms")]
    seq_seen: Annotated[
        ContinuedSequence, Field(description="A connector that lost its counter continues above this sequence number")
    ]
    alive_every: Annotated[Count, Field(description="Interval of `engine.alive`, in seconds")]
    dead_after: Annotated[Count, Field(description="Seconds without `engine.alive` after which the engine is lost")]
    commands: Annotated[CommandSource, Field(description="Where commands come from")]
    unknown: Annotated[tuple[Id, ...], Field(description="Listed resources that Tapedeck does not know")] = ()
    ended: Annotated[
        tuple[Id, ...],
        Field(
            description="Listed resources that have ended: stop and finish them. Also recordings that ended because "
            "this session did not list them: begin nothing for them"
        ),
    ] = ()


SESSION: Final[TypeAdapter[Any]] = TypeAdapter(OpenSessionRequest)
