"""Send commands to the queue of the media engine that has their resource."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tapedeck.background.command_messages import write_command
from tapedeck.domain.engine_command import Command
from tapedeck.domain.recording import ParentKind
from tapedeck.ports.clock import Clock
from tapedeck.ports.engines import EngineQueues
from tapedeck.ports.stores import Store


class CommandSender:
    """Finds the engine of each command (C-205) and sends it to the queue of that engine.

    Every method raises StoreBusy or StoreUnavailable if the table or a queue fails; calling it again is safe.

    Args:
        store: the recordings table.
        queues: the queues of the engines.
        clock: milliseconds.
        report_unroutable: is called with each command that is not sent, because its engine is unknown or was deleted
            (C-206).
        default_engine: the engine of resources whose engine is unknown; None: there is none.
    """

    def __init__(
        self,
        store: Store,
        queues: EngineQueues,
        clock: Clock,
        report_unroutable: Callable[[Command], object],
        default_engine: str | None = None,
    ) -> None:
        self._store = store
        self._queues = queues
        self._clock = clock
        self._report_unroutable = report_unroutable
        self._default_engine = default_engine

    def send(self, commands: Iterable[Command]) -> None:
        """Send commands; a repetition is a further message with the same id. Engines need no order (REL-4)."""
        by_engine: defaultdict[str, list[Command]] = defaultdict(list)
        for engine, command in self.route(commands):
            by_engine[engine].append(command)
        for engine, routed in by_engine.items():
            self.send_to(engine, routed)

    def route(self, commands: Iterable[Command]) -> Iterator[tuple[str, Command]]:
        """Yield each command with its engine; a command without one is reported instead."""
        for command in commands:
            engine = self.engine_of(command)
            if engine is None:
                self._report_unroutable(command)
            else:
                yield engine, command

    def send_to(self, engine: str, commands: Sequence[Command]) -> None:
        """Send commands to one engine: 1 request per ten."""
        now = self._clock()
        messages: list[Mapping[str, Any]] = [write_command(command, now) for command in commands]
        if not self._queues.send(engine, messages):
            for command in commands:
                self._report_unroutable(command)

    def engine_of(self, command: Command) -> str | None:
        """Return the engine of the command's resource, or of the call or conference around it; None if unknown.

        Reads that call or conference only if the resource has no engine of its own: a recording whose start is not
        confirmed yet, a participant.
        """
        if command.engine is not None:
            return command.engine
        parent = command.parent
        conference_id: str | None = parent.id
        if parent.kind is ParentKind.CALL:
            call = self._store.get_call(parent.account, parent.id)
            if call is not None and call.engine is not None:
                return call.engine
            conference_id = call.conference if call is not None else None
        conference = self._store.get_conference(parent.account, conference_id) if conference_id is not None else None
        if conference is not None and conference.engine is not None:
            return conference.engine
        return self._default_engine
