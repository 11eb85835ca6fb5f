"""Ports for the administration of media engines: their queues, and what is known and live of them."""

from collections.abc import Sequence
from typing import Protocol

from tapedeck.domain.engine import EnginePresence


class EngineQueueAdmin(Protocol):
    """Creates and deletes the queues of the engines' commands.

    Raises:
        StoreBusy, StoreUnavailable: the request was not done, or may have been.
    """

    def create(self, engine: str) -> None:
        """Create the queue of an engine. Idempotent.

        Raises:
            QueueDeletedRecently: a queue of this name was deleted within the last 60 seconds.
            EngineNameTooLong: with the deployment's name, the queue's name would be too long.
        """
        ...

    def delete(self, engine: str) -> None:
        """Delete the queue of an engine with its messages. Idempotent."""
        ...


class EngineResources(Protocol):
    """What the recordings table holds of engines.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`.
    """

    def get_presence(self, engine: str) -> EnginePresence | None:
        """Return the presence of one engine; None if it never opened a session."""
        ...

    def list_presences(self) -> Sequence[EnginePresence]:
        """Return the presence of every engine that ever opened a session."""
        ...

    def set_deleted(self, engine: str, now: int) -> None:
        """Store that an engine is deleted, so that what is live of it is ended, also if it never opened a session.

        Idempotent: the first time stays.
        """
        ...

    def delete_presence(self, engine: str, now: int) -> None:
        """Delete the presence of an engine; no session of it can be opened for the next 90 seconds. Idempotent."""
        ...

    def has_live_resources(self, engine: str) -> bool:
        """Return whether any call, conference or recording of an engine is not final.

        The index is eventually consistent: what was assigned to the engine a moment ago may be missed.
        """
        ...
