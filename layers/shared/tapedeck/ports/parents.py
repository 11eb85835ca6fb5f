"""Port for what calls and conferences, the parents of recordings, have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant


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

    An engine event may change any of the resources in the same way (`ParentStore.change_exactly`).
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
    """What calls and conferences have in common: their end, and what engine events change.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`.
    """

    def end(self, ending: EndTransaction) -> None:
        """End everything that `ending` names, with the recordings, in one transaction.

        Raises:
            EndConflict: a condition failed; it carries the current states.
        """
        ...

    def change_exactly(self, account: str, change: EndTransaction) -> None:
        """Write what an engine event changes, if everything in `change` is exactly as it was read.

        Versions, confirmed versions and the numbers of the last events must be unchanged.

        Raises:
            EndConflict: something has changed; it carries the recordings that were already stopped.
        """
        ...
