"""Which command of a change is sent, by what is stored when it is published."""

from collections.abc import Iterator
from typing import Final

from tapedeck.background.outbound import commands_for_change, is_command_current, last_changed_at
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.engine_command import Command, CommandKind
from tapedeck.domain.errors import StoreFailure
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Recording
from tapedeck.ports.changes import Change, Resource
from tapedeck.ports.clock import Clock
from tapedeck.ports.stores import Store

COMMAND_STALENESS_CHECK_SECONDS: Final = 300
"""Age of a change from which its command is sent only if the current state still requires it (C-110)."""


class CurrentCommands:
    """Finds the commands of changes.

    Args:
        store: the recordings table.
        clock: milliseconds.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def of(self, change: Change) -> Iterator[Command]:
        """Yield the command of a change, unless the change is old and the command done or superseded since.

        Nor is a pause sent that is confirmed already: a request that waits has sent it itself (C-330).
        """
        now = self._clock() // 1000
        for command in commands_for_change(change):
            if command.kind is CommandKind.PAUSE_RECORDING and self._is_confirmed(command, change):
                continue
            is_late = (
                change.after is not None and now - last_changed_at(change.after) >= COMMAND_STALENESS_CHECK_SECONDS
            )
            if not is_late or is_command_current(command, *self._current_state(change), now):
                yield command

    def _is_confirmed(self, command: Command, change: Change) -> bool:
        """Whether the stored recording shows that the engine has carried out a command; False if unknown."""
        try:
            found, _ = self._current_state(change)
        except StoreFailure:
            return False
        return found is not None and found.confirmed_version >= command.version

    def _current_state(self, change: Change) -> tuple[Resource | None, Conference | None]:
        """Read the resource of a change as it is now, and the conference around a participant."""
        match change.after:
            case Recording() as recording:
                return self._store.get_recording(recording.parent, recording.id), None
            case Call() as call:
                return self._store.get_call(change.account, call.id), None
            case Conference() as conference:
                return self._store.get_conference(change.account, conference.id), None
            case Participant(conference=conference_id, call=call_id):
                around, found = self._store.get_membership(change.account, conference_id, call_id)
                return found, around
        return None, None
