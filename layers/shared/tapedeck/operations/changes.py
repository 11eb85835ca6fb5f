"""What follows from a change: commands for the media engine, events for whoever asked to be told, facts for anybody.

All of it is derived from what stood in the table before and after, and from nothing else: whoever derives it again,
later or elsewhere, comes to the same, ids and all (rules R4 to R6).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from tapedeck.domain.call import Call
from tapedeck.domain.command import Command, CommandKind, is_pending
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import ACTIVE, FINISHED, Parent, ParentKind, Recording, RecordingStatus
from tapedeck.domain.telling import (
    ConferenceEvent,
    ConferenceNotification,
    LeaveReason,
    RecordingEvent,
    changes_between,
)
from tapedeck.operations.media import key_of
from tapedeck.operations.messaging import Fact

Resource = Call | Conference | Participant | Recording


@dataclass(frozen=True, slots=True)
class Change:
    """One item before and after a write; None where there was none.

    `instructions` are what a request left for the media engine beside the item, by name: where a call is to go, what
    is to be played. They are told with the change that asked for them.
    """

    account: str
    before: Resource | None
    after: Resource | None
    instructions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opened:
    """Something that is not settled: it has not ended, or has not been told of, or not been confirmed."""

    account: str
    resource: Resource
    instructions: Mapping[str, Any] = field(default_factory=dict)


class WorkStore(Protocol):
    """What is not settled in the recordings table.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.Store`.
    """

    def open(self, shard: str, until: int) -> Iterable[Opened]:
        """What has been so since this second or before, of a shard, a hex digit; the oldest first."""
        ...


def commands_of(change: Change) -> Iterator[Command]:
    """What the media engine is asked to do by this change; at most one command."""
    before, after = change.before, change.after
    if after is None or (before is not None and before.version >= after.version):
        return
    if isinstance(after, Recording):
        was_deleted = isinstance(before, Recording) and before.status is RecordingStatus.DELETED
        if after.is_pending or (after.status is RecordingStatus.DELETED and not was_deleted):
            yield _recording_command(before, after)
    elif after.asked == after.version:
        yield _command(change.account, before, after, change.instructions)


def pending_command(account: str, resource: Resource, instructions: Mapping[str, Any]) -> Command | None:
    """What the media engine has been asked and has not confirmed: the whole of what is wanted now."""
    if isinstance(resource, Recording):
        if not resource.is_pending:
            return None
        # An engine that has never said that it captures may never have heard of it.
        before = resource if resource.has_begun else None
        return _recording_command(before, resource)
    if not is_pending(resource):
        return None
    return replace(_command(account, None, resource, instructions), version=resource.asked)


def _recording_command(before: Resource | None, after: Recording) -> Command:
    wanted = {
        "status": after.status,
        "pause_behavior": after.pause_behavior,
        "channels": after.channels,
        "track": after.track,
        "key": key_of(after.parent.account, after.id),
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
            return Command(kind, parent, after.call, after.version, _wanted_of(after, instructions, added=added))


def _wanted_of(participant: Participant, instructions: Mapping[str, Any], *, added: bool) -> Mapping[str, Any]:
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


def recording_events(before: Recording | None, after: Recording) -> Iterator[tuple[RecordingEvent, int]]:
    """What this change tells of a recording, each with the version that it is told of, in order.

    That it has begun is told when the media engine says so, or has done more than that.
    """
    had_begun = before is not None and before.has_begun
    if after.has_begun and not had_begun:
        yield RecordingEvent.STARTED, 1
        yield RecordingEvent.IN_PROGRESS, 1
    if before is not None and before.status is not after.status and after.status in _TOLD:
        yield _TOLD[after.status], after.version


_TOLD: Final = {
    RecordingStatus.IN_PROGRESS: RecordingEvent.RESUMED,
    RecordingStatus.PAUSED: RecordingEvent.PAUSED,
    RecordingStatus.STOPPED: RecordingEvent.STOPPED,
    RecordingStatus.COMPLETED: RecordingEvent.COMPLETED,
    RecordingStatus.ABSENT: RecordingEvent.ABSENT,
}


def owed_events(recording: Recording) -> Iterator[tuple[RecordingEvent, int]]:
    """What must have been told of a recording as it stands, whatever has happened in between."""
    if recording.has_begun:
        yield RecordingEvent.IN_PROGRESS, 1
    if recording.status in FINISHED:
        yield _TOLD[recording.status], recording.version


def conference_events(before: Conference | None, after: Conference) -> Iterator[ConferenceNotification]:
    """What this change tells of a conference as a whole; its participants tell of themselves."""
    if before is None or before.status is after.status:
        return
    if after.status is ConferenceStatus.IN_PROGRESS:
        yield ConferenceNotification(after, ConferenceEvent.START, after.updated, after.sequence)
    elif after.status is ConferenceStatus.COMPLETED:
        yield ConferenceNotification(after, ConferenceEvent.END, after.updated, after.sequence)


Room = Callable[[], Conference | None]
"""The conference of a participant, read when it is needed."""


def participant_events(before: Participant | None, after: Participant, room: Room) -> Iterator[ConferenceNotification]:
    """What this change tells of a participant; nobody hears of who is not connected."""
    was_connected = before is not None and before.is_inside and before.is_connected
    at = after.updated if after.updated is not None else after.joined
    told: Sequence[ConferenceEvent] = ()
    if after.is_inside and after.is_connected:
        told = changes_between(before, after) if was_connected and before is not None else (ConferenceEvent.JOIN,)
    elif was_connected:
        told = (ConferenceEvent.LEAVE,)
    conference = room() if told else None
    if conference is None:
        return
    for number, event in enumerate(told, start=after.sequence - len(told) + 1):
        left = event is ConferenceEvent.LEAVE
        yield ConferenceNotification(conference, event, at, number, after, LeaveReason.HUNG_UP if left else None)


def facts_of(change: Change) -> Iterator[Fact]:
    """What this change tells anybody who listens: what has become of what, by ids; no numbers, no names."""
    before, after = change.before, change.after
    if after is None:
        return
    if before is None or before.version < after.version:
        yield _fact(change.account, after, _word(before, after), after.version, "")
    if isinstance(after, Recording) and after.confirmed > (before.confirmed if isinstance(before, Recording) else 0):
        yield _fact(change.account, after, "recording.confirmed", after.confirmed, "-confirmed")


def _fact(account: str, after: Resource, kind: str, version: int, suffix: str) -> Fact:
    detail: dict[str, Any] = {"account": account, "version": version, "status": str(after.status)}
    match after:
        case Recording():
            detail |= {"recording": after.id, str(after.parent.kind).lower(): after.parent.id}
        case Participant():
            detail |= {"conference": after.conference, "call": after.call}
        case Conference():
            detail["conference"] = after.id
        case Call():
            detail["call"] = after.id
    at = after.updated if after.updated is not None else 0
    about = f"{after.conference}-{after.call}" if isinstance(after, Participant) else after.id
    return Fact(f"{about}-{version}{suffix}", kind, at, detail)


def _word(before: Resource | None, after: Resource) -> str:
    """Such as `recording.paused`: what it is now, or that something else of it has changed."""
    noun = type(after).__name__.lower()
    if before is None:
        return f"{noun}.created"
    return f"{noun}.{after.status}" if before.status is not after.status else f"{noun}.changed"


def leave_reason_of(conference: Conference, participant: Participant) -> LeaveReason:
    """Why a participant has left: it was removed, hung up, or its conference ended."""
    if participant.asked == participant.version:
        return LeaveReason.REMOVED
    if conference.is_live or conference.ending_call == participant.call:
        return LeaveReason.HUNG_UP
    if conference.reason is EndReason.VIA_API:
        return LeaveReason.CONFERENCE_ENDED_VIA_API
    return LeaveReason.MODERATOR_ENDED_CONFERENCE
