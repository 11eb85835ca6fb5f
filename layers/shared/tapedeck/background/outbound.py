"""What follows from a change: commands for the media engine, facts for anybody; `tellings` has what customers hear.

All of it is derived from what stood in the table before and after, and from nothing else: whoever derives it again,
later or elsewhere, comes to the same, ids and all (rules R4 to R6).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.engine_command import COMMAND_EXPIRY_SECONDS, Command, CommandKind, is_pending
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import ACTIVE, UNFINISHED, Parent, ParentKind, Recording, RecordingStatus
from tapedeck.operations.media import object_key
from tapedeck.ports.changes import Change, Resource
from tapedeck.ports.messaging import DomainEvent


def commands_for_change(change: Change) -> Iterator[Command]:
    """What the media engine is asked to do by this change; at most one command."""
    before, after = change.before, change.after
    if after is None or (before is not None and before.version >= after.version):
        return
    if isinstance(after, Recording):
        was_deleted = isinstance(before, Recording) and before.status is RecordingStatus.DELETED
        if after.is_pending or (after.status is RecordingStatus.DELETED and not was_deleted):
            yield _recording_command(before, after)
    elif after.requested_version == after.version:
        yield _command(change.account, before, after, change.instructions)


def pending_command(account: str, resource: Resource, instructions: Mapping[str, Any]) -> Command | None:
    """What the media engine has been asked and has not confirmed: the whole of what is wanted now."""
    if isinstance(resource, Recording):
        if not resource.is_pending:
            return None
        # An engine that has never said that it captures may never have heard of it.
        before = resource if resource.is_capturing_confirmed else None
        return _recording_command(before, resource)
    if not is_pending(resource):
        return None
    return replace(_command(account, None, resource, instructions), version=resource.requested_version)


def last_changed_at(after: Resource) -> int:
    """The last second at which something of it is known to have changed."""
    if isinstance(after, Recording):
        return after.updated
    visibly = after.joined if isinstance(after, Participant) and after.updated is None else after.updated
    return max(visibly or 0, after.requested_at or 0)


def is_command_current(command: Command, found: Resource | None, room: Conference | None, now: int) -> bool:
    """Whether a command that is told late is still to be carried out.

    Args:
        command: what was asked.
        found: of what, as that stands now; None where it is gone.
        room: the conference that it is in, if it is a participant.
        now: the second.
    """
    if command.kind in _FOR_GOOD:
        return True
    if isinstance(found, Recording):
        return (
            found.confirmed_version < command.version
            and found.version <= command.version
            and found.status in UNFINISHED
        )
    if found is None or found.confirmed_version >= command.version or found.requested_version > command.version:
        return False
    if now - (found.requested_at or 0) >= COMMAND_EXPIRY_SECONDS:
        return False
    if isinstance(found, Participant):
        is_dialed = command.kind is CommandKind.ADD_PARTICIPANT and found.status is not ParticipantStatus.QUEUED
        has_left = command.kind is not CommandKind.REMOVE_PARTICIPANT and not found.is_inside
        return room is not None and room.is_live and not is_dialed and not has_left
    return found.is_live or command.kind not in _OF_WHAT_LIVES


_FOR_GOOD: Final = frozenset({CommandKind.DELETE_MEDIA, CommandKind.STOP_RECORDING})
"""Nothing overtakes these, and nothing else asks for them: a recording that was given up may still be captured."""

_OF_WHAT_LIVES: Final = frozenset({CommandKind.REDIRECT_CALL, CommandKind.ANNOUNCE})


def _recording_command(before: Resource | None, after: Recording) -> Command:
    wanted = {
        "status": after.status,
        "pause_behavior": after.pause_behavior,
        "channels": after.channels,
        "track": after.track,
        "key": object_key(after.parent.account, after.id),
    }
    kind = _RECORDING_COMMANDS[after.status]
    if before is None and after.status in ACTIVE:
        kind = CommandKind.START_RECORDING
    return Command(kind, after.parent, after.id, after.version, wanted)


_RECORDING_COMMANDS: Final = {
    RecordingStatus.IN_PROGRESS: CommandKind.RESUME_RECORDING,
    RecordingStatus.PAUSED: CommandKind.PAUSE_RECORDING,
    RecordingStatus.STOPPED: CommandKind.STOP_RECORDING,
    RecordingStatus.DELETED: CommandKind.DELETE_MEDIA,
}


def _command(
    account: str,
    before: Resource | None,
    after: Call | Conference | Participant,
    instructions: Mapping[str, Any],
) -> Command:
    match after:
        case Call():
            parent = Parent(account, ParentKind.CALL, after.id)
            if after.is_live:
                return Command(CommandKind.REDIRECT_CALL, parent, after.id, after.version, instructions)
            return Command(CommandKind.HANG_UP_CALL, parent, after.id, after.version, {"status": after.status})
        case Conference():
            parent = Parent(account, ParentKind.CONFERENCE, after.id)
            kind = CommandKind.ANNOUNCE if after.is_live else CommandKind.END_CONFERENCE
            return Command(kind, parent, after.id, after.version, instructions if after.is_live else {})
        case Participant():
            parent = Parent(account, ParentKind.CONFERENCE, after.conference)
            if not after.is_inside:
                return Command(CommandKind.REMOVE_PARTICIPANT, parent, after.call, after.version)
            added = before is None and after.status is ParticipantStatus.QUEUED
            kind = CommandKind.ADD_PARTICIPANT if added else CommandKind.UPDATE_PARTICIPANT
            return Command(kind, parent, after.call, after.version, _desired_state_of(after, instructions, added=added))


def _desired_state_of(participant: Participant, instructions: Mapping[str, Any], *, added: bool) -> Mapping[str, Any]:
    wanted: dict[str, Any] = {
        "muted": participant.muted,
        "hold": participant.hold,
        "coaching": participant.coaching,
        "call_to_coach": participant.call_to_coach,
        "end_conference_on_exit": participant.end_conference_on_exit,
        "beep_on_exit": participant.beep_on_exit,
        **instructions,
    }
    if added:
        wanted |= {
            "label": participant.label,
            "start_conference_on_enter": participant.start_conference_on_enter,
            "options": {name: value for name, value in participant.options.items() if name not in _DIALED},
            **{name: participant.options.get(name) for name in _DIALED},
        }
    return wanted


_DIALED: Final = ("to", "from")


def domain_events(change: Change) -> Iterator[DomainEvent]:
    """What this change tells anybody who listens: what has become of what, by ids; no numbers, no names."""
    before, after = change.before, change.after
    if after is None:
        return
    if before is None or before.version < after.version:
        yield _domain_event(change.account, after, _word(before, after), after.version, "")
    if isinstance(after, Recording) and after.confirmed_version > (
        before.confirmed_version if isinstance(before, Recording) else 0
    ):
        yield _domain_event(change.account, after, "recording.confirmed", after.confirmed_version, "-confirmed")


def _domain_event(account: str, after: Resource, kind: str, version: int, suffix: str) -> DomainEvent:
    detail: dict[str, Any] = {"account": account, "version": version, "status": str(after.status)}
    match after:
        case Recording():
            parent = "call" if after.parent.kind is ParentKind.CALL else "conference"
            detail |= {"recording": after.id, parent: after.parent.id}
        case Participant():
            detail |= {"conference": after.conference, "call": after.call}
        case Conference():
            detail["conference"] = after.id
        case Call():
            detail["call"] = after.id
    about = f"{after.conference}-{after.call}" if isinstance(after, Participant) else after.id
    return DomainEvent(f"{about}-{version}{suffix}", kind, last_changed_at(after), detail)


def _word(before: Resource | None, after: Resource) -> str:
    """Such as `recording.paused`: what it is now, or that something else of it has changed."""
    noun = type(after).__name__.lower()
    if before is None:
        return f"{noun}.created"
    return f"{noun}.{after.status}" if before.status is not after.status else f"{noun}.changed"
