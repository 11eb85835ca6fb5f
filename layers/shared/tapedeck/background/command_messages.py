"""Serialize commands for the engine, without loading the Pydantic models."""

from collections.abc import Mapping
from typing import Any, Final

from tapedeck.domain.engine_command import Command, CommandKind
from tapedeck.domain.recording import ParentKind

_OF_CALLS: Final = frozenset({CommandKind.PLACE_CALL, CommandKind.HANG_UP_CALL, CommandKind.REDIRECT_CALL})
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


PROTOCOL: Final = 2
"""Version of the engine protocol."""

VALID_FOR_MS: Final = 120_000
"""Time after which nothing may begin because of a copy of a command: `not_after` minus `issued_at` (C-207)."""


def write_command(command: Command, issued_at: int) -> dict[str, Any]:
    """Serialize a command to the JSON object that the connector (the operator's adapter to a media engine) reads.

    Args:
        command: the command.
        issued_at: when this copy is sent, in milliseconds.
    """
    parent = command.parent
    body: dict[str, Any] = {
        "protocol": PROTOCOL,
        "id": command.id,
        "type": str(command.kind),
        "account": parent.account,
        "version": command.version,
        "issued_at": issued_at,
        "not_after": issued_at + VALID_FOR_MS,
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
    # On the wire, `desired_state` is called `wanted`.
    return {**body, "wanted": _with_plain_strings(command.desired_state)}


def _with_plain_strings(state: Mapping[str, Any]) -> dict[str, Any]:
    """Convert string enumerations to plain strings."""
    return {name: str(value) if isinstance(value, str) else value for name, value in state.items()}
