"""Commands for the media engine: a resource, its desired state, and the version of the change behind it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, TypeVar

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent

EngineControlled = Call | Conference | Participant
"""Resources whose version also rises for changes that send nothing to the media engine.

`requested_version` is the version of the last change that sent a command, 0 if none did, and `requested_at` its time
in seconds. `confirmed_version` is the last such version that the engine confirmed. A recording needs no
`requested_version`: while it is unfinished, every unconfirmed version is a command.
"""

EngineControlledT = TypeVar("EngineControlledT", Call, Conference, Participant)


COMMAND_EXPIRY_SECONDS: Final = 86_400
"""Age at which a command is no longer resent; commands of recordings do not expire (C-109)."""


class CommandKind(StrEnum):
    """The commands, as `<resource>.<action>`."""

    START_RECORDING = "recording.start"
    PAUSE_RECORDING = "recording.pause"
    RESUME_RECORDING = "recording.resume"
    STOP_RECORDING = "recording.stop"
    DELETE_MEDIA = "media.delete"
    PLACE_CALL = "call.place"
    HANG_UP_CALL = "call.hang_up"
    REDIRECT_CALL = "call.redirect"
    END_CONFERENCE = "conference.end"
    ANNOUNCE = "conference.announce"
    ADD_PARTICIPANT = "participant.add"
    UPDATE_PARTICIPANT = "participant.update"
    REMOVE_PARTICIPANT = "participant.remove"


@dataclass(frozen=True, slots=True)
class Command:
    """One command to the media engine, sent at least once.

    Publishing the same change again yields the same command. The reconciler may resend it as `recording.start`,
    `call.place` or `participant.add`, with the latest complete state.

    `parent` is the call or conference that the resource belongs to. `resource` is the target's id: a recording, a
    call, a conference, or a participant's call. `version` is the resource's version after this change: an engine that
    has applied a higher version of the resource ignores the command (REL-4). `desired_state` uses the field names of
    the engine protocol, which calls it `wanted`. `engine` is the engine of the resource itself; None if it has none,
    as a participant, or a recording whose start is not confirmed yet.
    """

    kind: CommandKind
    parent: Parent
    resource: str
    version: int
    desired_state: Mapping[str, Any] = field(default_factory=dict)
    engine: str | None = None

    @property
    def id(self) -> str:
        """The command's id: parent and resource, version and kind; equal in every copy."""
        where = "-".join(dict.fromkeys((self.parent.id, self.resource)))
        return f"{where}-{self.version}-{self.kind}"


def with_new_request(after: EngineControlledT, now: int) -> EngineControlledT:
    """Return the resource with its version marked as sent to the media engine at `now` (seconds)."""
    return replace(after, requested_version=after.version, requested_at=now)


def has_unexpired_request(resource: EngineControlled, now: int) -> bool:
    """Whether a pending command overrides what the engine does by itself at `now` (seconds)."""
    return is_pending(resource) and now - (resource.requested_at or 0) < COMMAND_EXPIRY_SECONDS


def is_pending(resource: EngineControlled) -> bool:
    """Whether the media engine has not confirmed the last command."""
    return resource.confirmed_version < resource.requested_version
