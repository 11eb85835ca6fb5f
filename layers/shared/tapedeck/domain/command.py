"""What a media engine is asked to do: each command names a resource, what is wanted of it, and which change asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tapedeck.domain.recording import Parent


class CommandKind(StrEnum):
    """The commands, by what they are about and what is to be done with it."""

    START_RECORDING = "recording.start"
    PAUSE_RECORDING = "recording.pause"
    RESUME_RECORDING = "recording.resume"
    STOP_RECORDING = "recording.stop"
    DELETE_MEDIA = "media.delete"
    HANG_UP_CALL = "call.hang_up"
    REDIRECT_CALL = "call.redirect"
    END_CONFERENCE = "conference.end"
    ANNOUNCE = "conference.announce"
    ADD_PARTICIPANT = "participant.add"
    UPDATE_PARTICIPANT = "participant.update"
    REMOVE_PARTICIPANT = "participant.remove"


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that a media engine is to do, told at least once; a repetition is the same in every field.

    `parent` is the call or conference whose commands are told in order; `resource` the id of what is meant: a
    recording, a call, a conference, or a participant's call. `version` is the number that this change has on its item:
    an engine that has carried out a higher one of the same resource has nothing to do (rule R4). `wanted` is what it
    is to be like, by the names of the media contract.
    """

    kind: CommandKind
    parent: Parent
    resource: str
    version: int
    wanted: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The same whenever this change is told: the resource, the number of its change, and what was asked."""
        return f"{self.resource}-{self.version}-{self.kind}"
