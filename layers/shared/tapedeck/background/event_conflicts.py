"""What failed writes of an engine event show."""

from dataclasses import dataclass


class EventConflict(Exception):
    """Something has changed since it was read, and nothing was written; the fields are those of `Hints`."""

    def __init__(
        self,
        stopped: frozenset[str] = frozenset(),
        name_holder: str | None = None,
        *,
        is_of_other_parent: bool = False,
        label_holder: str | None = None,
    ) -> None:
        super().__init__()
        self.stopped = stopped
        self.name_holder = name_holder
        self.is_of_other_parent = is_of_other_parent
        self.label_holder = label_holder


@dataclass(frozen=True, slots=True)
class Hints:
    """What failed writes of an event have shown.

    `stopped` are recordings that have stopped, although their parent lists them. `name_holder` is the conference that
    has the name of a new one. `is_of_other_parent`: the id of the new recording or transcription exists under another
    parent or recording. `label_holder` is the call that has taken the label of a new participant last.
    """

    stopped: frozenset[str] = frozenset()
    name_holder: str | None = None
    is_of_other_parent: bool = False
    label_holder: str | None = None

    def with_conflict(self, conflict: EventConflict) -> "Hints":
        """Return the hints with those of one more failed write."""
        return Hints(
            self.stopped | conflict.stopped,
            conflict.name_holder or self.name_holder,
            conflict.is_of_other_parent or self.is_of_other_parent,
            conflict.label_holder or self.label_holder,
        )
