"""Port for what calls and conferences, the parents of recordings, have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent


class ParentConflict(Exception):
    """The condition on a call or conference failed; `found` is its current state, None if it does not exist."""

    def __init__(self, found: Call | Conference | None) -> None:
        super().__init__()
        self.found = found


@dataclass(frozen=True, slots=True)
class EndTransaction:
    """One transaction that ends a call, a conference, or both, and stops their active recordings (REL-9).

    It may also redirect a call, which leaves its conference: `call_commands` is the payload of the engine commands that
    are stored with the call.

    `call` and `conference` are as last read; the write requires their versions to be unchanged. `call_after` and
    `conference_after` replace them; the named recordings become stopped. `participant` becomes `participant_after`,
    which has left. `write_id` identifies this write on everything that it ends. `ended` is the end in seconds by the
    media engine's clock, if the engine reported it.
    """

    write_id: str
    now: int
    call: Call | None = None
    call_after: Call | None = None
    call_recordings: frozenset[str] = frozenset()
    conference: Conference | None = None
    conference_after: Conference | None = None
    conference_recordings: frozenset[str] = frozenset()
    participant: Participant | None = None
    participant_after: Participant | None = None
    ended: int | None = None
    call_commands: Mapping[str, Any] = field(default_factory=dict)


class EndConflict(Exception):
    """An end transaction failed its conditions.

    `call` and `conference` are their current states (None: as expected). `stopped` are recordings that were already
    stopped.
    """

    def __init__(self, call: Call | None, conference: Conference | None, stopped: frozenset[str]) -> None:
        super().__init__()
        self.call = call
        self.conference = conference
        self.stopped = stopped


class ParentStore(Protocol):
    """What calls and conferences have in common: their end, and confirmations by the media engine.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`.
    """

    def end(self, ending: EndTransaction) -> None:
        """End everything that `ending` names, with the recordings, in one transaction.

        Raises:
            EndConflict: a condition failed; it carries the current states.
        """
        ...

    def confirm(self, parent: Parent, participant: str | None, version: int, *, settles: bool = True) -> bool:
        """Confirm that the media engine has applied this version of a call, conference or participant.

        Ignored if a later version was requested: that one stays pending. `settles` also removes the resource from the
        pending-work index, unless it has unpublished events; pass False if it is known to have some. Returns False if
        it does not exist.
        """
        ...

    def confirm_participant(self, parent: Parent, participant: str, version: int, at: int) -> bool:
        """As `confirm`, for a participant, at the engine's time `at` (milliseconds); older events are stale."""
        ...

    def touch_participant_event_time(self, parent: Parent, participant: str, at: int) -> None:
        """Note that an event at `at` (milliseconds) reported the current state; older events are stale."""
        ...
