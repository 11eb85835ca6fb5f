"""Port for stored participants of conferences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant
from tapedeck.ports.parents import EndTransaction


class MembershipConflict(Exception):
    """A conference, a participant or its call has changed since it was read; nothing was written.

    `stopped` are recordings that were already stopped.
    """

    def __init__(self, stopped: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self.stopped = stopped


class LabelTaken(Exception):
    """A label belongs to another participant: `holder` is its call; it may have left since."""

    def __init__(self, holder: str) -> None:
        super().__init__()
        self.holder = holder


@dataclass(frozen=True, slots=True)
class DialTransaction:
    """One transaction that creates a call and its participant in a conference.

    `conference_before` is as last read and must be unchanged; None creates the conference as well. `name_from` is the
    conference that the new one takes the name over from, `label_from` the call that the label is taken over from. None:
    the name or label must never have been used.
    """

    write_id: str
    call: Call
    conference: Conference
    participant: Participant
    conference_before: Conference | None = None
    name_from: str | None = None
    label_from: str | None = None


class ParticipantStore(Protocol):
    """The participants in the recordings table: every read is strongly consistent, every write conditional.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`.
    """

    def list_participants(self, account: str, conference: str) -> tuple[Conference | None, Sequence[Participant]]:
        """Return a conference and every participant that was ever in it, read in one transaction."""
        ...

    def get_participants(
        self, account: str, conference: str, calls: Sequence[str]
    ) -> tuple[Conference | None, Sequence[Participant | None]]:
        """Return a conference and these participants in order, None for a missing one, read together."""
        ...

    def get_labelled_call(self, account: str, conference: str, label: str) -> str | None:
        """Return the call that took this label last; it may have left or lost the label since."""
        ...

    def change_participant(
        self,
        conferences: tuple[Conference, Conference],
        participants: tuple[Participant, Participant],
        command_payload: Mapping[str, Any],
        write_id: str,
    ) -> None:
        """Replace a conference and a participant, given as (before, after), and store the payload of engine commands.

        Raises:
            MembershipConflict: one of them has changed.
        """
        ...

    def remove_participant(self, ending: EndTransaction) -> None:
        """Remove a participant; the ending names its call if that ends too.

        Raises:
            MembershipConflict: the conference, the participant, the call or a recording has changed.
        """
        ...

    def dial(self, dialing: DialTransaction) -> None:
        """Create a call and its participant.

        Raises:
            MembershipConflict: the conference has changed.
            NameTaken: another conference than `name_from` holds the name.
            LabelTaken: another participant than `label_from` holds the label.
        """
        ...
