"""What a media engine is asked to do: each command names a resource, what is wanted of it, and which change asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, TypeVar

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.identity import created_at
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent

EngineControlled = Call | Conference | Participant
"""What can be asked of the media engine although its version also rises for other reasons.

`requested_version` is the version of the last change that asked something, 0 if none did, and `requested_at` its
second; `confirmed_version` is the last such version that the engine has carried out. A recording needs neither: all
that is asked of it is told by its version.
"""

EngineControlledT = TypeVar("EngineControlledT", Call, Conference, Participant)


MAX_CLOCK_SKEW_SECONDS: Final = 300
"""Seconds that clocks may differ: that of an id, an event's, and ours."""


COMMAND_EXPIRY_SECONDS: Final = 86_400
"""Seconds after which a command is sent no more, but for a recording, which comes to an end (our choice)."""


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
    an engine that has carried out a higher one of the same resource has nothing to do (rule R4). `desired_state` is
    what it is to be like, by the names of the media contract.
    """

    kind: CommandKind
    parent: Parent
    resource: str
    version: int
    desired_state: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The same whenever this change is told: the resource and where it is, its change's number, what was asked."""
        where = "-".join(dict.fromkeys((self.parent.id, self.resource)))
        return f"{where}-{self.version}-{self.kind}"


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """How a media engine tells what has happened.

    `event` is the event's id, 32 hex digits, which is the id of the write that it leads to (rule R3); `at` the engine's
    time in milliseconds; `version` that of the command which it answers, None where the engine acts by itself.
    """

    event: str
    at: int
    version: int | None = None

    def occurred_at(self, identifier: str, now: int) -> int:
        """When, in seconds, something of this id did so: not before it was created, nor after this second."""
        return max(created_at(identifier), min(self.at // 1000, now))

    def is_plausible_start(self, identifier: str, now: int) -> bool:
        """Whether what this tells, at this millisecond, can be the beginning of something of this id.

        Ids of a connector sort among ours (table.md): the time in one is the event's. That may be any in the past, for
        an event may have waited.
        """
        told = self.at // 1000
        return (
            abs(created_at(identifier) - told) <= MAX_CLOCK_SKEW_SECONDS
            and told <= now // 1000 + MAX_CLOCK_SKEW_SECONDS
        )


def with_new_request(after: EngineControlledT, now: int) -> EngineControlledT:
    """The same, as a change that asks something of the media engine at this second."""
    return replace(after, requested_version=after.version, requested_at=now)


def has_unexpired_request(resource: EngineControlled, now: int) -> bool:
    """Whether, at this second, what a media engine does by itself is overridden by what is on its way to it."""
    return is_pending(resource) and now - (resource.requested_at or 0) < COMMAND_EXPIRY_SECONDS


def is_pending(resource: EngineControlled) -> bool:
    """Whether something has been asked of the media engine that it has not confirmed."""
    return resource.confirmed_version < resource.requested_version
