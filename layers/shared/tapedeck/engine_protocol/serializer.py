"""Commands in the words of the media contract; a module of its own, for whoever writes them needs no models."""

from collections.abc import Mapping
from typing import Any, Final

from tapedeck.domain.engine_command import Command, CommandKind
from tapedeck.domain.recording import ParentKind

_OF_CALLS: Final = frozenset({CommandKind.HANG_UP_CALL, CommandKind.REDIRECT_CALL})
_OF_RECORDINGS: Final = frozenset(
    {
        CommandKind.START_RECORDING,
        CommandKind.PAUSE_RECORDING,
        CommandKind.RESUME_RECORDING,
        CommandKind.STOP_RECORDING,
        CommandKind.DELETE_MEDIA,
    }
)
_OF_CONFERENCES: Final = frozenset({CommandKind.END_CONFERENCE, CommandKind.ANNOUNCE})


def write_command(command: Command) -> dict[str, Any]:
    """A command as a connector reads it."""
    parent = command.parent
    body: dict[str, Any] = {
        "id": command.id,
        "type": str(command.kind),
        "account": parent.account,
        "version": command.version,
    }
    if command.kind in _OF_RECORDINGS:
        kind = "call" if parent.kind is ParentKind.CALL else "conference"
        body |= {"parent": {"type": kind, "id": parent.id}, "recording": command.resource}
    elif command.kind in _OF_CALLS:
        body["call"] = command.resource
    elif command.kind in _OF_CONFERENCES:
        body["conference"] = command.resource
    else:
        body |= {"conference": parent.id, "call": command.resource}
    return {**body, "wanted": _plain(command.desired_state)}


def _plain(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON has it: enumerations as text, tuples as lists."""
    return {name: str(value) if isinstance(value, str) else value for name, value in wanted.items()}
