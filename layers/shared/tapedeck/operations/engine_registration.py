"""Register media engines and manage their tokens. A token is returned once and stored only hashed."""

from dataclasses import dataclass, field
from enum import StrEnum

from tapedeck.domain.engine import EnginePresence, MediaEngine
from tapedeck.domain.errors import (
    EngineAlive,
    EngineHasLiveResources,
    EngineNameTaken,
    InvalidState,
    NotFound,
    TooManyEngines,
)
from tapedeck.operations.authentication import hash_secret
from tapedeck.operations.engine_authentication import make_engine_token
from tapedeck.ports.clock import Clock
from tapedeck.ports.engine_administration import EngineQueueAdmin, EngineResources
from tapedeck.ports.engines import EngineRegistry, RegisteredEngine


class TokenChoice(StrEnum):
    """Which of two tokens to revoke."""

    OLDER = "older"
    NEWER = "newer"


class PresenceState(StrEnum):
    """Whether an engine is alive, as far as this service knows."""

    ALIVE = "alive"
    LOST = "lost"
    NEVER_SEEN = "never seen"


@dataclass(frozen=True, slots=True)
class NewEngine:
    """A new engine and its token, returned only once."""

    engine: MediaEngine
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EngineSummary:
    """A registered engine with its state; `seen_at` (seconds) is None if it never opened a session."""

    registered: RegisteredEngine
    state: PresenceState
    seen_at: int | None


class EngineRegistration:
    """The registered engines; each method raises StoreBusy or StoreUnavailable if a store or the queues fail.

    Args:
        registry: the store of the engines and the hashes of their tokens.
        queues: creates and deletes the queues of commands.
        resources: the presence of engines, and whether anything of theirs is live.
        clock: the time in milliseconds.
        refused_secrets: tokens that no engine may have, such as the stand-in's on a deployed stack.
    """

    def __init__(
        self,
        registry: EngineRegistry,
        queues: EngineQueueAdmin,
        resources: EngineResources,
        clock: Clock,
        refused_secrets: frozenset[str] = frozenset(),
    ) -> None:
        self._registry = registry
        self._queues = queues
        self._resources = resources
        self._clock = clock
        self._refused = refused_secrets

    def create(self, name: str, accounts: frozenset[str] | None = None, *, token: str | None = None) -> NewEngine:
        """Create the queue of a new engine, then store the engine and the hash of its token.

        A run that failed in between is completed by the next one. A repetition of a run that succeeded is refused,
        because it cannot know whether the token was received (C-186).

        Args:
            name: the engine's name.
            accounts: the ids of the accounts that it works for; None for all.
            token: a fixed token, for the stand-in only; None for a random one. With one the engine takes over what its
                name has in a database that was kept: its first session ends what it does not list.

        Raises:
            EngineNameTaken: an engine of this name is registered.
            EngineHasLiveResources: without `token`: something of a former engine of this name is not final.
            TooManyEngines: the deployment has the maximum number of engines.
            QueueDeletedRecently: the queue of a former engine of this name was deleted within the last 60 seconds.
            EngineNameTooLong: with the deployment's name, the queue's name would be too long.
            InvalidState: the token may not be used.
        """
        if token in self._refused:
            raise InvalidState
        if self._registry.get_engine(name) is not None:
            raise EngineNameTaken
        if token is None and self._resources.has_live_resources(name):
            raise EngineHasLiveResources
        token = token or make_engine_token(name)
        engine = MediaEngine(name, accounts)
        self._queues.create(name)
        if not self._registry.put_engine(RegisteredEngine(engine, (hash_secret(token),), self._clock() // 1000)):
            if self._registry.get_engine(name) is not None:
                raise EngineNameTaken  # by another run at the same time, to which the queue belongs
            self._queues.delete(name)
            raise TooManyEngines
        return NewEngine(engine, token)

    def list(self) -> list[EngineSummary]:
        """Return all registered engines, by name."""
        presences = {presence.engine: presence for presence in self._resources.list_presences()}
        return [
            self._summary(registered, presences.get(registered.engine.name))
            for registered in self._registry.list_engines()
        ]

    def rotate_token(self, name: str) -> str:
        """Create and return a second token; both are valid until one of them is revoked.

        Raises:
            NotFound: no such engine.
            InvalidState: it has two tokens already.
        """
        token = make_engine_token(name)
        if not self._registry.add_engine_token(name, hash_secret(token)):
            raise self._error_of(name)
        return token

    def revoke_token(self, name: str, which: TokenChoice = TokenChoice.OLDER) -> None:
        """Revoke one of two tokens. Takes effect everywhere within 60 seconds (the credential cache).

        Raises:
            NotFound: no such engine.
            InvalidState: it has only one token.
        """
        remove = {
            TokenChoice.OLDER: self._registry.remove_old_engine_token,
            TokenChoice.NEWER: self._registry.remove_new_engine_token,
        }[which]
        if not remove(name):
            raise self._error_of(name)

    def delete(self, name: str, *, force: bool = False) -> bool:
        """Delete an engine with its tokens, its queue and its presence; a run that failed is completed by the next.

        With `force`, the next run of the reconciler ends what is live of it as that of a lost engine. Until then the
        engine stays registered, but disabled, and its presence stays (C-188, C-236).

        Returns:
            Whether it is deleted; if not, something of it is still live, and a later run deletes it.

        Raises:
            NotFound: no such engine.
            EngineAlive: it was seen within 45 seconds, or reports no presence; not with `force`.
            EngineHasLiveResources: something of it is not final; not with `force`.
        """
        if self._registry.get_engine(name) is None:
            raise NotFound
        if not force:
            self._check_deletable(name)
        # No token is valid from now on, so that nothing is added while the rest is removed.
        self._registry.disable_engine(name)
        self._queues.delete(name)
        if self._resources.has_live_resources(name):
            self._resources.set_deleted(name, self._clock() // 1000)
            return False
        # A process that remembers a token could store a presence again: this prevents it.
        self._resources.delete_presence(name, self._clock() // 1000)
        self._registry.delete_engine(name)
        return True

    def _check_deletable(self, name: str) -> None:
        presence = self._resources.get_presence(name)
        if presence is not None and presence.is_alive(self._clock() // 1000):
            raise EngineAlive
        if self._resources.has_live_resources(name):
            raise EngineHasLiveResources

    def _error_of(self, name: str) -> NotFound | InvalidState:
        """Return why the tokens of an engine could not be changed."""
        return NotFound() if self._registry.get_engine(name) is None else InvalidState()

    def _summary(self, registered: RegisteredEngine, presence: EnginePresence | None) -> EngineSummary:
        if presence is None or not presence.boot:
            return EngineSummary(registered, PresenceState.NEVER_SEEN, None)
        is_alive = presence.is_alive(self._clock() // 1000)
        return EngineSummary(registered, PresenceState.ALIVE if is_alive else PresenceState.LOST, presence.seen_at)
