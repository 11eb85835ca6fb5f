"""Ports for media engines: the registry with their tokens, their presence, and the queues of their commands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tapedeck.domain.engine import EnginePresence, MediaEngine


@dataclass(frozen=True, slots=True)
class RegisteredEngine:
    """An engine as stored: `token_hashes` are SHA-256 in hex, oldest first, at most two; `created` is in seconds."""

    engine: MediaEngine
    token_hashes: tuple[str, ...]
    created: int
    is_disabled: bool = False


class EngineRegistry(Protocol):
    """The registered engines, in the credentials table.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`.
    """

    def get_engine(self, name: str) -> RegisteredEngine | None:
        """Return one engine."""
        ...

    def list_engines(self) -> Sequence[RegisteredEngine]:
        """Return all engines, by name."""
        ...

    def put_engine(self, engine: RegisteredEngine) -> bool:
        """Store a new engine; False if the name is taken by another one. Idempotent for the same token."""
        ...

    def add_engine_token(self, name: str, token_hash: str) -> bool:
        """Add a second token; False if there is no such engine, or it has two tokens already."""
        ...

    def remove_old_engine_token(self, name: str) -> bool:
        """Remove the older of two tokens; False if there is no such engine, or it has only one."""
        ...

    def disable_engine(self, name: str) -> bool:
        """Make all tokens of an engine invalid; False if there is no such engine."""
        ...

    def delete_engine(self, name: str) -> bool:
        """Delete an engine and its tokens; False if there is no such engine."""
        ...


class PresenceStore(Protocol):
    """The presence of engines, in the recordings table.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`.
    """

    def get_presence(self, engine: str) -> EnginePresence | None:
        """Return the presence of one engine; None if it never opened a session."""
        ...

    def list_presences(self) -> Sequence[EnginePresence]:
        """Return the presence of every engine that ever opened a session."""
        ...


class EngineQueues(Protocol):
    """One queue of commands per engine, unordered, at least once.

    Raises:
        StoreBusy, StoreUnavailable: some messages were not accepted; others may have been.
    """

    def send(self, engine: str, messages: Sequence[Mapping[str, Any]]) -> None:
        """Send messages to an engine; each is a JSON object."""
        ...

    def create(self, engine: str) -> None:
        """Create the queue of an engine. Idempotent."""
        ...

    def delete(self, engine: str) -> None:
        """Delete the queue of an engine with its messages. Idempotent."""
        ...
