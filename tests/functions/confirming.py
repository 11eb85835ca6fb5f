"""A media engine for requests that wait: it confirms, refuses or ignores the commands that it is sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tapedeck.background.urgent_commands import UrgentCommands
from tapedeck.domain.engine import EnginePresence
from tapedeck.domain.errors import StoreUnavailable
from tapedeck.operations.confirmations import Confirmations
from tapedeck.ports.engines import PresenceStore
from tapedeck.ports.stores import Store
from tests.functions.stage import Clock
from tests.reporter import ENGINE


@dataclass
class ConfirmingEngine:
    """The engine `ast1`, alive, whose time passes only while a request waits.

    While a request waits, `on_command` is called once with each command that was sent; what it does, such as a report
    of the engine, is there at the next read. With `drops_commands`, no command can be sent at once.
    """

    clock: Clock
    on_command: Callable[[dict[str, Any]], object] = lambda _command: None
    presences: Sequence[EnginePresence] = ()
    drops_commands: bool = False
    time: int = 0
    commands: list[dict[str, Any]] = field(default_factory=list)
    unsent: list[int] = field(default_factory=list)
    waiting: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Be alive, unless the presences are given."""
        self.presences = self.presences or (EnginePresence(ENGINE, "b" * 32, seen_at=self.clock.seconds),)

    def make(self, store: Store, presences: PresenceStore) -> Confirmations:
        """Return what waits, for `Environment.make_confirmations`."""
        del presences  # its own
        return Confirmations(
            store,
            UrgentCommands(self, self.clock),
            self,  # type: ignore[arg-type] # only `list_presences` is used
            self,
            2500,
            lambda: self.time,
            self.clock,
            lambda recording, _error: self.unsent.append(recording.version),
        )

    def list_presences(self) -> Sequence[EnginePresence]:
        """Return the presences of all engines."""
        return self.presences

    def send(self, engine: str, message: Any) -> None:
        """Receive a command."""
        if self.drops_commands:
            raise StoreUnavailable
        assert engine == ENGINE
        self.commands.append(message)
        self.waiting.append(message)

    def pause(self, milliseconds: int) -> None:
        """Let time pass, in which the engine reacts to the commands."""
        self.time += milliseconds
        waiting, self.waiting = self.waiting, []
        for command in waiting:
            self.on_command(command)
