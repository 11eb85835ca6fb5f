"""Send the command of a request that waits at once, beside the copy that the stream sends."""

from collections.abc import Mapping
from typing import Any, Protocol

from tapedeck.background.command_messages import write_command
from tapedeck.background.outbound import pending_command
from tapedeck.domain.recording import Recording
from tapedeck.ports.clock import Clock


class UrgentQueues(Protocol):
    """The queues of the engines, for one message that is sent with one attempt."""

    def send(self, engine: str, message: Mapping[str, Any]) -> None:
        """Send a command to an engine; raises StoreBusy or StoreUnavailable."""
        ...


class UrgentCommands:
    """`ports.confirmations.UrgentSender`: sends the command that the reconciler would send.

    Args:
        queues: the queues of the engines.
        clock: milliseconds.
    """

    def __init__(self, queues: UrgentQueues, clock: Clock) -> None:
        self._queues = queues
        self._clock = clock

    def send(self, engine: str, recording: Recording) -> None:
        """1 message; none if the engine has confirmed the last command."""
        command = pending_command(recording.parent.account, recording, {})
        if command is not None:
            self._queues.send(engine, write_command(command, self._clock()))
