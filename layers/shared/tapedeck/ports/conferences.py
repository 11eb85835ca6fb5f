"""Port for stored conferences."""

from typing import Protocol

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant


class NameTaken(Exception):
    """Another conference took the name last: `holder` is its id; it may have ended since."""

    def __init__(self, holder: str) -> None:
        super().__init__()
        self.holder = holder


class ConferenceStore(Protocol):
    """Conferences in the recordings table: every read is strongly consistent, every write conditional.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`.
    """

    def get_conference(self, account: str, conference: str) -> Conference | None:
        """Return one conference of this account."""
        ...

    def get_last_name_holder(self, account: str, name: str) -> str | None:
        """Return the id of the conference that took this name last; it may have ended since."""
        ...

    def get_membership(self, account: str, conference: str, call: str) -> tuple[Conference | None, Participant | None]:
        """Return a conference and one of its participants, read in one transaction."""
        ...

    def put_conference(self, conference: Conference, takes_over_from: str | None) -> bool:
        """Create a conference and claim its name; return False if it exists.

        Raises:
            NameTaken: another conference than `takes_over_from` holds the name.
        """
        ...

    def join_conference(
        self,
        conference: Conference,
        after: Conference,
        call: Call,
        participant: Participant,
        label_from: str | None = None,
    ) -> None:
        """Add a call to a conference; both must be unchanged since they were read.

        A participant that is already inside is left unchanged. `label_from` is the call that the participant's label is
        taken over from; None: it must never have been used.

        Raises:
            ParentConflict: one of them has changed; `found` is its current state.
            LabelTaken: another call has taken the label last.
        """
        ...

    def end_conference(self, conference: Conference, after: Conference, write_id: str) -> Conference:
        """End a conference without active recordings, in one write.

        `conference` needs only its account and id. The media engine is sent the command to end it.

        Raises:
            ParentConflict: the condition failed; `found` is the current conference.
        """
        ...

    def mark_conference_published(self, conference: Conference) -> None:
        """Note that all callbacks of a conference are in the outbox; no publishing work is pending any more."""
        ...

    def announce(self, account: str, conference: str, url: str, method: str, now: int, write_id: str) -> Conference:
        """Store the command to play an announcement in a conference that is in progress.

        Raises:
            ParentConflict: the condition failed; `found` is the current conference.
        """
        ...
