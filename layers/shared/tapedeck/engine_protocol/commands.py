"""The commands of the media contract, as a connector reads them (`engine_protocol.schema`)."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter

from tapedeck.engine_protocol.types import (
    Channels,
    EngineMessage,
    FetchUrl,
    Id,
    ParentRef,
    PauseBehavior,
    Track,
    Version,
)


class _Command(EngineMessage):
    id: str
    account: Id
    version: Version


class RecordingState(EngineMessage):
    """All that is wanted of a recording; `key` is where its capture is to be put."""

    status: Literal["in-progress", "paused", "stopped", "deleted"]
    pause_behavior: PauseBehavior | None = None
    channels: Channels
    track: Track
    key: str


class RecordingCommand(_Command):
    """A recording is to be as is wanted; `media.delete`: what of it lies outside the bucket is to go."""

    type: Literal["recording.start", "recording.pause", "recording.resume", "recording.stop", "media.delete"]
    parent: ParentRef
    recording: Id
    wanted: RecordingState


class HangUpReason(EngineMessage):
    """Why a call is to end."""

    status: Literal["completed", "canceled"]


class HangUpCallCommand(_Command):
    """A call is to end."""

    type: Literal["call.hang_up"]
    call: Id
    wanted: HangUpReason


class Markup(EngineMessage):
    """What a call is to do, in the markup itself."""

    markup: str


class StatusCallback(FetchUrl):
    """Where the engine is to tell what becomes of a call, in whose words."""

    dialect: Literal["twilio", "signalwire"]


class CallState(EngineMessage):
    """What a call is to do next, and its settings: where else to ask, whom to tell, how long it may last at most."""

    redirect: FetchUrl | Markup | None = None
    fallback: FetchUrl | None = None
    status_callback: StatusCallback | None = None
    time_limit: Annotated[int, Field(ge=1, description="Seconds")] | None = None


class RedirectCallCommand(_Command):
    """A call is to do something else next, or has other settings."""

    type: Literal["call.redirect"]
    call: Id
    wanted: CallState


class EmptyState(EngineMessage):
    """The command says it all."""


class EndConferenceCommand(_Command):
    """A conference is to end, whoever is in it."""

    type: Literal["conference.end"]
    conference: Id
    wanted: EmptyState


class Announcement(EngineMessage):
    """What is to be played."""

    announcement: FetchUrl


class AnnounceCommand(_Command):
    """Something is to be played in a conference."""

    type: Literal["conference.announce"]
    conference: Id
    wanted: Announcement


class ParticipantState(EngineMessage):
    """All that is wanted of a participant, and what is to be played to it: once, on hold, or while it waits."""

    muted: bool
    hold: bool
    coaching: bool
    call_to_coach: Id | None = None
    end_conference_on_exit: bool
    beep_on_exit: bool | None = None
    announcement: FetchUrl | None = None
    hold_music: FetchUrl | None = None
    wait_music: FetchUrl | None = None


class DialedCallState(ParticipantState):
    """Whom to dial, and how to place it.

    `options` are Twilio's parameters of this operation in snake case, where they differ from their defaults.
    """

    to: str
    from_: str = Field(alias="from")
    label: str | None = None
    start_conference_on_enter: bool
    options: dict[str, Any]


class AddParticipantCommand(_Command):
    """Somebody is to be dialed; `call` is the id of the call that this makes."""

    type: Literal["participant.add"]
    conference: Id
    call: Id
    wanted: DialedCallState


class UpdateParticipantCommand(_Command):
    """A participant is to be as is wanted."""

    type: Literal["participant.update"]
    conference: Id
    call: Id
    wanted: ParticipantState


class RemoveParticipantCommand(_Command):
    """A participant is to leave; its call goes on."""

    type: Literal["participant.remove"]
    conference: Id
    call: Id
    wanted: EmptyState


MediaCommand = Annotated[
    RecordingCommand
    | HangUpCallCommand
    | RedirectCallCommand
    | EndConferenceCommand
    | AnnounceCommand
    | AddParticipantCommand
    | UpdateParticipantCommand
    | RemoveParticipantCommand,
    Field(discriminator="type"),
]

COMMANDS: Final[TypeAdapter[Any]] = TypeAdapter(MediaCommand)
