"""Ports for the wait for a confirmation of the media engine."""

from typing import Protocol

from tapedeck.domain.recording import Recording


class Patience(Protocol):
    """Lets time pass for a request that waits."""

    def pause(self, milliseconds: int) -> None:
        """Return after at most this time; earlier if something has changed."""
        ...


class UrgentSender(Protocol):
    """Sends commands to media engines on behalf of a request that waits, beside the copy that the stream sends.

    Raises:
        StoreFailure: the command was not accepted within a short time.
    """

    def send(self, engine: str, recording: Recording) -> None:
        """Send the unconfirmed command of a recording to the queue of an engine, with one attempt."""
        ...
