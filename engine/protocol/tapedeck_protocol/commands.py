"""The commands that Tapedeck sends to a media engine."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter

from tapedeck_protocol.words import (
    Address,
    Channels,
    CommandId,
    DialectName,
    EncodableText,
    EngineMessage,
    FetchUrl,
    Flag,
    Id,
    Milliseconds,
    ParentRef,
    PauseBehavior,
    Protocol,
    ShortText,
    Subscription,
    Track,
    Trim,
    Url,
    Version,
)

Seconds = Annotated[int, Field(strict=True, ge=1)]


class _EngineWideCommand(EngineMessage):
    """Fields of every command."""

    protocol: Protocol
    id: Annotated[CommandId, Field(description="The same in every copy of this command")]
    issued_at: Annotated[Milliseconds, Field(description="When Tapedeck sent this copy, in ms by its clock")]
    not_after: Annotated[
        Milliseconds | None,
        Field(description="Time after which nothing may begin because of this copy, in ms by Tapedeck's clock"),
    ] = None


class _Command(_EngineWideCommand):
    """Fields of every command about a resource."""

    account: Annotated[Id, Field(description="Account of the resource")]
    version: Annotated[Version, Field(description="Version of the resource after the change behind this command")]


class Consent(EngineMessage):
    """How the recorded persons consented; the engine copies it to the evidence."""

    how: Annotated[ShortText, Field(description="How the consent was given")]
    at: Annotated[Milliseconds, Field(description="When it was given, in ms")]


class RecordingState(EngineMessage):
    """Desired state of a recording."""

    status: Annotated[
        Literal["in-progress", "paused", "stopped", "deleted"], Field(description="`deleted` in `media.delete` only")
    ]
    pause_behavior: Annotated[
        PauseBehavior | None,
        Field(description="What a pause leaves in the finished recording: `silence`, or nothing (`skip`)"),
    ] = None
    channels: Annotated[Channels, Field(description="2: each direction, or each leg, on its own channel")]
    track: Annotated[Track, Field(description="Directions to capture")]
    max_seconds: Annotated[Seconds | None, Field(description="Stop by yourself after this many seconds")] = None
    consent: Annotated[Consent | None, Field(description="Consent to put into the evidence")] = None
    by: Annotated[ShortText | None, Field(description="Credentials that made the request, for the evidence")] = None


class RecordingCommand(_Command):
    """Bring a recording to the wanted state.

    `media.delete`: delete the copies of its audio that are still on the engine.
    """

    type: Literal["recording.start", "recording.pause", "recording.resume", "recording.stop", "media.delete"]
    parent: Annotated[ParentRef, Field(description="Call or conference that is recorded")]
    recording: Annotated[Id, Field(description="The recording")]
    wanted: Annotated[RecordingState, Field(description="Its complete desired state")]


class Flow(EngineMessage):
    """Instructions of a call: a URL that returns markup, or the markup itself; with neither, they stay as they are."""

    url: Annotated[Url | None, Field(description="URL that returns markup; it comes from a customer")] = None
    method: Annotated[Literal["GET", "POST"] | None, Field(description="Method of the request to `url`")] = None
    markup: Annotated[EncodableText | None, Field(description="Markup to execute, in place of `url`")] = None
    fallback: Annotated[FetchUrl | None, Field(description="Where to get markup if `url` fails")] = None
    dialect: Annotated[DialectName | None, Field(description="Dialect of the markup; absent: that of the call")] = None
    application: Annotated[Id | None, Field(description="Application that `url` belongs to")] = None


class RecordCall(EngineMessage):
    """How to record a call from its answer."""

    channels: Annotated[Channels, Field(description="2: each direction on its own channel")]
    track: Annotated[Track, Field(description="Directions to capture")]
    trim: Annotated[Trim, Field(description="Whether Tapedeck removes silence at both ends")]
    callback: Annotated[
        Subscription | None, Field(description="Repeat it in `recording.started`; Tapedeck delivers it")
    ] = None


class SipOptions(EngineMessage):
    """Options of a call to a SIP address."""

    headers: Annotated[dict[ShortText, ShortText], Field(description="Headers to add to the INVITE")]
    username: Annotated[ShortText | None, Field(description="User name for the authentication")] = None


class MachineDetection(EngineMessage):
    """Find out whether a person or a machine has answered."""

    mode: Annotated[
        Literal["enable", "detect_message_end"],
        Field(description="When the result is known: at once, or at the end of the machine's greeting"),
    ]
    asynchronous: Annotated[Flag, Field(description="The instructions do not wait for the result")] = False


class PlacedCallState(EngineMessage):
    """A call to dial."""

    to: Annotated[Address, Field(description="Number, client or SIP address to dial")]
    from_: Annotated[Address, Field(alias="from", description="Number to show; may be empty")]
    caller_name: Annotated[ShortText | None, Field(description="Name to show")] = None
    timeout: Annotated[Seconds, Field(description="Seconds to ring")]
    time_limit: Annotated[Seconds, Field(description="Seconds after which to end the call")]
    send_digits: Annotated[ShortText | None, Field(description="Digits to send after the answer")] = None
    flow: Annotated[Flow, Field(description="Instructions of the answered call")]
    record: Annotated[RecordCall | None, Field(description="How to record it; absent: not at all")] = None
    machine_detection: Annotated[
        MachineDetection | None, Field(description="How to detect machines; absent: not at all")
    ] = None
    sip: Annotated[SipOptions | None, Field(description="Options for a SIP address")] = None


class PlaceCallCommand(_Command):
    """Dial a call; `call` is the id of the new call.

    A call that was dialed already is not dialed again: take over `time_limit` and `flow.fallback`, and answer with
    `call.redirected`.
    """

    type: Literal["call.place"]
    call: Annotated[Id, Field(description="The new call")]
    wanted: Annotated[PlacedCallState, Field(description="What to dial, and how")]


class HangUpReason(EngineMessage):
    """How a call ends."""

    status: Annotated[Literal["completed", "canceled"], Field(description="Status that the call ends with")]


class HangUpCallCommand(_Command):
    """End a call."""

    type: Literal["call.hang_up"]
    call: Annotated[Id, Field(description="The call")]
    wanted: Annotated[HangUpReason, Field(description="Its final status")]


class CallState(EngineMessage):
    """Next instructions and settings of a call."""

    flow: Annotated[Flow | None, Field(description="New instructions; absent: the present ones go on")] = None
    time_limit: Annotated[Seconds | None, Field(description="Seconds after which to end the call")] = None


class RedirectCallCommand(_Command):
    """Give a call new instructions, or change its settings; with new instructions it leaves its conference."""

    type: Literal["call.redirect"]
    call: Annotated[Id, Field(description="The call")]
    wanted: Annotated[CallState, Field(description="What changes")]


class Digits(EngineMessage):
    """Digits to send."""

    digits: Annotated[ShortText, Field(min_length=1, description="Digits 0 to 9, `*`, `#`, and `w` for a pause")]


class SendDigitsCommand(_Command):
    """Send digits to a call; an occurrence: each command id is carried out once."""

    type: Literal["call.send_digits"]
    call: Annotated[Id, Field(description="The call")]
    wanted: Annotated[Digits, Field(description="What to send")]


class EmptyState(EngineMessage):
    """Empty: the command needs no details."""


class EndConferenceCommand(_Command):
    """End a conference, even with participants in it; dialed ones get a `call.hang_up` of their own."""

    type: Literal["conference.end"]
    conference: Annotated[Id, Field(description="The conference")]
    wanted: Annotated[EmptyState, Field(description="Empty")]


class Announcement(EngineMessage):
    """Audio to play once."""

    fetch: Annotated[FetchUrl, Field(description="Where the audio is")]


class AnnounceCommand(_Command):
    """Play an announcement to a conference; an occurrence: each command id is carried out once."""

    type: Literal["conference.announce"]
    conference: Annotated[Id, Field(description="The conference")]
    wanted: Annotated[Announcement, Field(description="What to play")]


class ParticipantState(EngineMessage):
    """Desired state of a participant."""

    muted: Annotated[Flag, Field(description="The others do not receive its audio")]
    hold: Annotated[Flag, Field(description="It receives and sends hold music only")]
    coaching: Annotated[Flag, Field(description="Only `call_to_coach` receives its audio")]
    call_to_coach: Annotated[Id | None, Field(description="Participant that it coaches")] = None
    end_conference_on_exit: Annotated[Flag, Field(description="The conference ends when it leaves")]
    beep_on_exit: Annotated[Flag | None, Field(description="Play a beep when it leaves")] = None
    announcement: Annotated[FetchUrl | None, Field(description="Audio to play to it once")] = None
    hold_music: Annotated[FetchUrl | None, Field(description="Audio while it is on hold")] = None
    wait_music: Annotated[FetchUrl | None, Field(description="Audio until the conference starts")] = None


class DialedParticipantState(ParticipantState):
    """A participant to dial; once answered, its call joins the conference and has no other instructions."""

    to: Annotated[Address, Field(description="Number, client or SIP address to dial")]
    from_: Annotated[Address, Field(alias="from", description="Number to show")]
    label: Annotated[ShortText | None, Field(description="Name of the participant in the conference")] = None
    start_conference_on_enter: Annotated[Flag, Field(description="The conference starts when it joins")]
    options: Annotated[
        dict[str, Any],
        Field(description="Twilio's other parameters that differ from their defaults, in snake case"),
    ]


class AddParticipantCommand(_Command):
    """Dial a participant into a conference; `call` is the id of the new call."""

    type: Literal["participant.add"]
    conference: Annotated[Id, Field(description="The conference")]
    call: Annotated[Id, Field(description="The new call, which is the participant")]
    wanted: Annotated[DialedParticipantState, Field(description="The party to dial, and the desired state")]


class UpdateParticipantCommand(_Command):
    """Bring a participant to the wanted state."""

    type: Literal["participant.update"]
    conference: Annotated[Id, Field(description="The conference")]
    call: Annotated[Id, Field(description="The participant's call")]
    wanted: Annotated[ParticipantState, Field(description="Its desired state")]


class AnnounceToParticipantCommand(_Command):
    """Play an announcement to one participant; an occurrence: each command id is carried out once."""

    type: Literal["participant.announce"]
    conference: Annotated[Id, Field(description="The conference")]
    call: Annotated[Id, Field(description="The participant's call")]
    wanted: Annotated[Announcement, Field(description="What to play")]


class RemoveParticipantCommand(_Command):
    """Remove a participant from its conference.

    A call that was dialed into the conference also gets `call.hang_up`; the instructions of any other call go on.
    """

    type: Literal["participant.remove"]
    conference: Annotated[Id, Field(description="The conference")]
    call: Annotated[Id, Field(description="The participant's call")]
    wanted: Annotated[EmptyState, Field(description="Empty")]


class ResyncCommand(_EngineWideCommand):
    """Open a session with the complete list of live resources."""

    type: Literal["engine.resync"]
    wanted: Annotated[EmptyState, Field(description="Empty")] = EmptyState()


class DrainState(EngineMessage):
    """How long to accept no new calls."""

    until: Annotated[Milliseconds | None, Field(description="When to accept calls again, in ms; absent: never")] = None


class DrainCommand(_EngineWideCommand):
    """Accept no new calls; what runs goes on. Report `draining` in `engine.alive`."""

    type: Literal["engine.drain"]
    wanted: Annotated[DrainState, Field(description="How long")] = DrainState()


EngineCommand = Annotated[
    RecordingCommand
    | PlaceCallCommand
    | RedirectCallCommand
    | HangUpCallCommand
    | SendDigitsCommand
    | EndConferenceCommand
    | AnnounceCommand
    | AddParticipantCommand
    | UpdateParticipantCommand
    | AnnounceToParticipantCommand
    | RemoveParticipantCommand
    | ResyncCommand
    | DrainCommand,
    Field(discriminator="type"),
]

COMMANDS: Final[TypeAdapter[Any]] = TypeAdapter(EngineCommand)
