"""Derive the engine commands and domain events of a change; `notifications` derives the callback events.

Everything depends only on the states before and after the change, so every replay yields equal messages, ids included
(REL-4 to REL-6).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference
from tapedeck.domain.engine_command import COMMAND_EXPIRY_SECONDS, Command, CommandKind, is_pending
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import ACTIVE, FINISHED, UNFINISHED, Parent, ParentKind, Recording, RecordingStatus
from tapedeck.ports.changes import Change, Resource
from tapedeck.ports.messaging import DomainEvent


def commands_for_change(change: Change) -> Iterator[Command]:
    """Yield the command that this change sends to the media engine; at most one.

    A change without a new version, or one that the engine made by itself, sends none. A participant whose call was
    redirected sends none either: the call's command removes it.
    """
    before, after = change.before, change.after
    if after is None or (before is not None and before.version >= after.version):
        return
    if isinstance(after, Recording):
        was_deleted = isinstance(before, Recording) and before.status is RecordingStatus.DELETED
        if after.is_pending or (after.status is RecordingStatus.DELETED and not was_deleted):
            yield _recording_command(after, is_new_to_engine=before is None)
    elif after.requested_version == after.version and is_pending(after):
        yield _command(change.account, after, change.command_payload, is_new_to_engine=before is None)


def pending_command(account: str, resource: Resource, command_payload: Mapping[str, Any]) -> Command | None:
    """Return the command that the engine has not confirmed, None if there is none.

    It contains the complete desired state, so it also replaces earlier unconfirmed commands. A resource that the engine
    may not know yet is sent as new, with `recording.start`, `call.place` or `participant.add`: an active recording
    whose start is unconfirmed, a queued call that a request created, or a queued participant.
    """
    if isinstance(resource, Recording):
        if not resource.is_pending:
            return None
        return _recording_command(resource, is_new_to_engine=not resource.is_start_confirmed)
    if not is_pending(resource):
        return None
    command = _command(account, resource, command_payload, is_new_to_engine=True)
    return replace(command, version=resource.requested_version)


def last_changed_at(after: Resource) -> int:
    """Return when the resource is known to have changed last, in seconds."""
    if isinstance(after, Recording):
        return after.updated
    updated = after.joined if isinstance(after, Participant) and after.updated is None else after.updated
    return max(updated or 0, after.requested_at or 0)


def is_command_current(command: Command, found: Resource | None, conference: Conference | None, now: int) -> bool:
    """Return whether a command that is sent late must still be carried out.

    Args:
        command: the late command.
        found: its resource as it is now; None if it does not exist any more.
        conference: the conference around it, if it is a participant.
        now: seconds.
    """
    if command.kind in _NEVER_SUPERSEDED:
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
        return conference is not None and conference.is_live and _can_apply(command.kind, found)
    return _can_apply_to_parent(command.kind, found)


def _can_apply_to_parent(kind: CommandKind, found: Call | Conference) -> bool:
    """Whether a call or conference is still in a state that a command applies to."""
    if kind is CommandKind.PLACE_CALL:
        return found.status is CallStatus.QUEUED
    return found.is_live or kind not in _LIVE_ONLY


def _can_apply(kind: CommandKind, participant: Participant) -> bool:
    """Whether a participant of a live conference is still in the state that a command applies to."""
    if kind is CommandKind.ADD_PARTICIPANT and participant.status is not ParticipantStatus.QUEUED:
        return False
    return kind is CommandKind.REMOVE_PARTICIPANT or participant.is_inside


_NEVER_SUPERSEDED: Final = frozenset({CommandKind.DELETE_MEDIA, CommandKind.STOP_RECORDING})
"""These are sent however late: after them there is no other command for the recording.

A timeout marks a recording `absent` while the engine may still capture it, so the stop is still needed.
"""

_LIVE_ONLY: Final = frozenset({CommandKind.REDIRECT_CALL, CommandKind.ANNOUNCE})


def _recording_command(after: Recording, *, is_new_to_engine: bool) -> Command:
    desired_state = {
        "status": after.status,
        "pause_behavior": after.pause_behavior,
        "channels": after.channels,
        "track": after.track,
    }
    kind = _RECORDING_COMMANDS[after.status]
    if is_new_to_engine and after.status in ACTIVE:
        kind = CommandKind.START_RECORDING
    return Command(kind, after.parent, after.id, after.version, desired_state, after.engine)


_RECORDING_COMMANDS: Final = {
    RecordingStatus.IN_PROGRESS: CommandKind.RESUME_RECORDING,
    RecordingStatus.PAUSED: CommandKind.PAUSE_RECORDING,
    RecordingStatus.STOPPED: CommandKind.STOP_RECORDING,
    RecordingStatus.DELETED: CommandKind.DELETE_MEDIA,
}


def _command(
    account: str,
    after: Call | Conference | Participant,
    command_payload: Mapping[str, Any],
    *,
    is_new_to_engine: bool,
) -> Command:
    match after:
        case Call():
            parent = Parent(account, ParentKind.CALL, after.id)
            # Until the engine reports it, each command is complete: none has to arrive before another.
            if after.placement and after.status is CallStatus.QUEUED:
                desired_state = _desired_state_of_new_call(after, command_payload)
                return Command(CommandKind.PLACE_CALL, parent, after.id, after.version, desired_state, after.engine)
            if after.is_live:
                desired_state = _desired_state_of_call(command_payload)
                return Command(CommandKind.REDIRECT_CALL, parent, after.id, after.version, desired_state, after.engine)
            # A call that failed because the engine never dialed it must not be dialed later.
            status = CallStatus.CANCELED if after.status is CallStatus.FAILED else after.status
            desired_state = {"status": status}
            return Command(CommandKind.HANG_UP_CALL, parent, after.id, after.version, desired_state, after.engine)
        case Conference():
            parent = Parent(account, ParentKind.CONFERENCE, after.id)
            kind = CommandKind.ANNOUNCE if after.is_live else CommandKind.END_CONFERENCE
            desired_state = {"fetch": command_payload.get("announcement")} if after.is_live else {}
            return Command(kind, parent, after.id, after.version, desired_state, after.engine)
        case Participant():
            parent = Parent(account, ParentKind.CONFERENCE, after.conference)
            if not after.is_inside:
                return Command(CommandKind.REMOVE_PARTICIPANT, parent, after.call, after.version)
            added = is_new_to_engine and after.status is ParticipantStatus.QUEUED
            kind = CommandKind.ADD_PARTICIPANT if added else CommandKind.UPDATE_PARTICIPANT
            return Command(
                kind, parent, after.call, after.version, _desired_state_of(after, command_payload, added=added)
            )


def _desired_state_of_call(command_payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a call's next instructions, as a flow that contains its fallback, and its other settings."""
    desired_state = {name: value for name, value in command_payload.items() if name not in _FLOW}
    flow = dict(command_payload.get("redirect", {}))
    if "fallback" in command_payload:
        flow["fallback"] = command_payload["fallback"]
    return {**desired_state, "flow": flow} if flow else desired_state


_FLOW: Final = ("redirect", "fallback")


def _desired_state_of_new_call(call: Call, command_payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what to dial, with the settings that were changed since."""
    changed = dict(_desired_state_of_call(command_payload))
    flow = {**call.placement.get("flow", {}), **changed.pop("flow", {})}
    return {**call.placement, **changed, "flow": flow, "to": call.to, "from": call.from_}


def _desired_state_of(
    participant: Participant, command_payload: Mapping[str, Any], *, added: bool
) -> Mapping[str, Any]:
    desired_state: dict[str, Any] = {
        "muted": participant.muted,
        "hold": participant.hold,
        "coaching": participant.coaching,
        "call_to_coach": participant.call_to_coach,
        "end_conference_on_exit": participant.end_conference_on_exit,
        "beep_on_exit": participant.beep_on_exit,
        **command_payload,
    }
    if added:
        desired_state |= {
            "label": participant.label,
            "start_conference_on_enter": participant.start_conference_on_enter,
            "options": {name: value for name, value in participant.options.items() if name not in _DIAL_OPTIONS},
            **{name: participant.options.get(name) for name in _DIAL_OPTIONS},
        }
    return desired_state


_DIAL_OPTIONS: Final = ("to", "from")


def domain_events(change: Change) -> Iterator[DomainEvent]:
    """Yield the domain events of a change; they contain ids and statuses, no phone numbers and no names."""
    before, after = change.before, change.after
    if after is None:
        return
    if before is None or before.version < after.version:
        yield _domain_event(change.account, after, _event_kind(before, after), after.version, "")
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
    resource_key = f"{after.conference}-{after.call}" if isinstance(after, Participant) else after.id
    return DomainEvent(f"{resource_key}-{version}{suffix}", kind, last_changed_at(after), detail)


def _event_kind(before: Resource | None, after: Resource) -> str:
    """Return such as `recording.created`, `recording.paused` for a new status, else `recording.changed`."""
    noun = type(after).__name__.lower()
    if before is None:
        return f"{noun}.created"
    return f"{noun}.{after.status}" if before.status is not after.status else f"{noun}.changed"


def newly_finished(change: Change) -> Recording | None:
    """Return the recording that this change has finished, if any, or completed after it was given up."""
    before, after = change.before, change.after
    if not isinstance(after, Recording) or after.status not in FINISHED:
        return None
    return after if before is None or before.status in UNFINISHED or before.status is not after.status else None


def was_live(before: Resource | None) -> bool:
    """Whether a call or conference was live before a change; also if its state before is unknown."""
    return before is None or (isinstance(before, Call | Conference) and before.is_live)
