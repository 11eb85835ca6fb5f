"""Ports for media engines: the registry with their tokens, their presence, and the queues of their commands."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.engine import EngineCapabilities, EnginePresence, MediaEngine
from tapedeck.domain.recording import Parent
from tapedeck.ports.changes import PendingWork


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

    def list_names(self) -> Sequence[str]:
        """Return the names of all engines, sorted."""
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

    def remove_new_engine_token(self, name: str) -> bool:
        """Remove the newer of two tokens; False if there is no such engine, or it has only one."""
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

    def list_deleted(self) -> Sequence[str]:
        """Return the engines whose presence was deleted within the last 40 days."""
        ...

    def open_session(
        self,
        engine: str,
        boot: str,
        replaced_boot: str | None,
        now: int,
        capabilities: EngineCapabilities,
        max_calls: int | None,
    ) -> EnginePresence | None:
        """Store a session in place of the session `replaced_boot`, None for the engine's first one.

        It raises `seq` by `SEQUENCE_RESERVE`. With `replaced_boot` equal to `boot` it renews that session. Otherwise it
        keeps `seen_at` as `previous_seen_at`, and `session` rises by one, also after a deletion. Returns the new
        presence; None if another session is stored meanwhile.

        Raises:
            NotAuthenticated: the presence of the engine was deleted within the last 90 seconds.
        """
        ...

    def note_alive(self, presence: EnginePresence) -> EnginePresence | None:
        """Store `seen_at`, `seq`, `max_calls`, `live_calls` and `is_draining` of the current session.

        A `seq` that is lower than the stored one is not stored. Returns the stored presence: that of another session
        if `presence.boot` is not the current one, which changes nothing; None if the engine never opened a session.
        """
        ...

    def raise_seq(self, engine: str, boot: str, seq: int) -> None:
        """Store `seq` if it is higher than the stored one and this is the current session. Idempotent."""
        ...

    def set_synced(self, engine: str, boot: str, now: int) -> bool:
        """Store that the complete list of a session was received; False if it is not the current session."""
        ...

    def set_deleted(self, engine: str, now: int) -> None:
        """Store that an engine is deleted, also if it never opened a session. Idempotent: the first time stays."""
        ...

    def delete_presence(self, engine: str, now: int) -> None:
        """Forget an engine; no session of it can be opened for the next 90 seconds. Idempotent."""
        ...

    def set_gone(self, presence: EnginePresence) -> bool:
        """Store, until the engine opens a session, that everything that it had is ended after its loss.

        Returns whether this call stored it: not if the engine was seen after `presence.seen_at`, has another session,
        or if it is stored already.
        """
        ...


@dataclass(frozen=True, slots=True)
class LiveResource:
    """Which call, conference or recording of an engine is not final; of a recording, `parent` is what is recorded.

    `kind` is `call`, `conference` or `recording`; `account` and `id` are 32 hex digits each. `is_running`: the engine
    states that the recording is in progress or paused; `is_capturing`: that it is in progress. `version` is that of the
    last command that the engine carried out when it made the list, 0 if there was none.
    """

    kind: str
    account: str
    id: str
    parent: Parent | None = None
    is_running: bool = False
    is_capturing: bool = False
    version: int = 0


@dataclass(frozen=True, slots=True)
class ListingSession:
    """The session in which an engine lists what it has; `number` is higher than those of its sessions before.

    `opened_at` is when it was opened first, in seconds.
    """

    engine: str
    number: int
    opened_at: int


class Listing(StrEnum):
    """What becomes of a resource that an engine lists in a session."""

    STORED = "stored"
    PAUSED_AGAIN = "paused_again"
    """Stored, but the engine captures although a request has paused the recording: the pause is sent again (C-234).

    Not if the list may have been made before the engine carried out the pause (C-289).
    """
    OVER = "over"
    """The resource is final, or a recording that has stopped although the engine captures it (C-242)."""
    UNKNOWN = "unknown"
    """It does not exist, or is another engine's."""
    SUPERSEDED = "superseded"
    """A newer session of the engine has listed it: this request is late, and changes nothing (C-287)."""


class LiveStore(Protocol):
    """The index `live` of the recordings table: the calls, conferences and recordings of engines that are not final.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`.
    """

    def list_live(self, engine: str) -> Iterator[PendingWork]:
        """Return what an engine has, each read strongly consistent, with its command payload.

        The index is eventually consistent: what was assigned to the engine a moment ago may be missing.
        """
        ...

    def find_old(self, engine: str | None, before: int) -> Sequence[Call | Conference]:
        """Return the calls and conferences that an engine has and that were created before the second `before`.

        Without an engine: those that belong to none.
        """
        ...

    def list_participants_with_commands(self, account: str, conference: str) -> Sequence[PendingWork]:
        """Return the participants of a conference that have an unconfirmed command."""
        ...

    def note_listed(self, session: ListingSession, resource: LiveResource, now: int) -> Listing:
        """Store that an engine listed a resource in a session; a resource without an engine becomes this engine's.

        Not so a recording of a call or conference of another engine (C-270).

        A confirmed pause of a recording that the engine captures is requested again, with a new version (C-234), even
        if the list may be older than the pause (C-289). A pause that the engine made by itself has ended at `now`, in
        seconds.
        """
        ...


@dataclass(frozen=True, slots=True)
class QueueAccess:
    """Where an engine receives its commands, and the credentials for that; `expires_at` is in milliseconds."""

    url: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: int


class CredentialsLender(Protocol):
    """Lends an engine credentials for its own queue of commands.

    Raises:
        StoreBusy, StoreUnavailable: no credentials were made.
    """

    def lend(self, engine: str) -> QueueAccess:
        """Return credentials that can receive, delete and postpone the messages of this engine's queue only."""
        ...


class EngineQueues(Protocol):
    """One queue of commands per engine, unordered, at least once."""

    def send(self, engine: str, messages: Sequence[Mapping[str, Any]]) -> bool:
        """Send messages to an engine; each is a JSON object. False if the engine has no queue: it was deleted.

        Raises:
            StoreBusy, StoreUnavailable: some messages were not accepted; others may have been.
        """
        ...
