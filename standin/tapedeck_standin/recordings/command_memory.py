"""What a simulated engine remembers of the commands that it carried out, in any order of arrival.

A queue may deliver commands in any order and more than once. The versions decide which command is obsolete, the ids
which occurrence was carried out already, and the endings what must not begin any more.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tapedeck.ports.clock import Clock

KEPT_MS: Final = 24 * 3_600_000
"""How long endings are remembered."""

KEPT_RECORDINGS_MS: Final = 30 * 24 * 3_600_000
"""How long it is remembered that a recording has ended."""

Subject = tuple[str, ...]
"""The kind and the ids of what a command is about, such as `("participant", conference, call)`."""


class CarriedOut(NamedTuple):
    """The highest version of a subject that was carried out, and the event that states its present state."""

    version: int
    event: Mapping[str, Any]


class CommandMemory:
    """The commands that were carried out.

    Args:
        clock: milliseconds since the epoch.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._carried_out: dict[Subject, CarriedOut] = {}
        self._ended: dict[Subject, int] = {}
        """Until when each ending is remembered (milliseconds)."""

    def last(self, subject: Subject) -> CarriedOut | None:
        """Return what was carried out last for a subject; None if nothing was."""
        return self._carried_out.get(subject)

    def is_new(self, subject: Subject, version: int) -> bool:
        """Whether no command of this version or a higher one was carried out."""
        last = self._carried_out.get(subject)
        return last is None or version > last.version

    def note(self, subject: Subject, version: int, event: Mapping[str, Any]) -> None:
        """Remember a version that was carried out, with the event that states its result."""
        self._carried_out[subject] = CarriedOut(version, event)

    def end(self, subject: Subject, kept_ms: int = KEPT_MS) -> None:
        """Remember that a subject has ended, also one that never began here."""
        self._ended[subject] = self._clock() + kept_ms

    def has_ended(self, subject: Subject) -> bool:
        """Whether a subject is known to have ended."""
        return self._ended.get(subject, 0) > self._clock()
