"""Commands sent to the engine (`engine_protocol.schema`)."""

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
    """Desired state of a recording; the engine stores the captured audio under `key`."""

    status: Literal["in-progress", "paused", "stopped", "deleted"]
    pause_behavior: PauseBehavior | None = None
    channels: Channels
    track: Track
    key: str


class RecordingCommand(_Command):
    """Bring a recording to the wanted state; `media.delete`: delete the copies of its audio still on the engine."""

    type: Literal["recording.start", "recording.pause", "recording.resume", "recording.stop", "media.delete"]
    parent: ParentRef
    recording: Id
    wanted: RecordingState


class HangUpReason(EngineMessage):
    """Status that a call ends with."""

    status: Literal["completed", "canceled"]


class HangUpCallCommand(_Command):
    """End a call."""

    type: Literal["call.hang_up"]
    call: Id
    wanted: HangUpReason


class Markup(EngineMessage):
    """Inline markup for a call to execute."""

    markup: str


class CallState(EngineMessage):
    """Next instructions and settings of a call: fallback URL, maximum duration."""

    redirect: FetchUrl | Markup | None = None
    fallback: FetchUrl | None = None
    time_limit: Annotated[int, Field(ge=1, description="Seconds")] | None = None


class RedirectCallCommand(_Command):
    """Redirect a call, which leaves its conference, or change its settings."""

    type: Literal["call.redirect"]
    call: Id
    wanted: CallState


class EmptyState(EngineMessage):
    """Empty state: the command needs no details."""


class EndConferenceCommand(_Command):
    """End a conference, even with participants in it; dialed ones are hung up separately."""

    type: Literal["conference.end"]
    conference: Id
    wanted: EmptyState


class Announcement(EngineMessage):
    """Audio to play."""

    announcement: FetchUrl


class AnnounceCommand(_Command):
    """Play an announcement to a conference."""

    type: Literal["conference.announce"]
    conference: Id
    wanted: Announcement


class ParticipantState(EngineMessage):
    """Desired state of a participant, with audio to play once, on hold or while waiting."""

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
    """Participant to dial; `options`: Twilio's other parameters that differ from the default, in snake case."""

    to: str
    from_: str = Field(alias="from")
    label: str | None = None
    start_conference_on_enter: bool
    options: dict[str, Any]


class AddParticipantCommand(_Command):
    """Dial a participant into a conference; `call` is the id of the new call."""

    type: Literal["participant.add"]
    conference: Id
    call: Id
    wanted: DialedCallState


class UpdateParticipantCommand(_Command):
    """Bring a participant to the wanted state."""

    type: Literal["participant.update"]
    conference: Id
    call: Id
    wanted: ParticipantState


class RemoveParticipantCommand(_Command):
    """Remove a participant.

    A call that was dialed into the conference also gets `call.hang_up`; any other call continues.
    """

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
