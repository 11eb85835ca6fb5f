"""Events that a media engine reports: their metadata, and the outcome that the engine is answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tapedeck.domain.identity import created_at


class EventOutcome(StrEnum):
    """What became of an engine event."""

    TAKEN = "taken"
    """It was applied."""
    REPEATED = "repeated"
    """It was applied before; nothing changed."""
    STALE = "stale"
    """Something newer is known; nothing changed."""
    LATER = "later"
    """It cannot be applied yet; the engine is to report it again."""
    REFUSED = "refused"
    """It can never be applied."""


class EventRefusal(StrEnum):
    """Why an event can never be applied."""

    UNREADABLE = "unreadable"
    UNKNOWN_TYPE = "unknown_type"
    NOT_YOURS = "not_yours"
    WRONG_STATE = "wrong_state"
    UNKNOWN_KEY = "unknown_key"
    NAME_TAKEN = "name_taken"
    BAD_ID = "bad_id"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class EventResult:
    """The outcome of one engine event.

    `code` is the reason of a refusal. `detail` is a sentence for the connector's log, without values from the event; of
    `name_taken` it names the conference and the engine that have the name. `after_ms`: of `later`, when to report the
    event again. `reason` is the name of the rule that decided, for the log. `needs_resync`: the engine has lost
    something and is to list what it has. `counted` are the metrics that the event raises, by name.
    """

    outcome: EventOutcome
    code: EventRefusal | None = None
    detail: str | None = None
    after_ms: int | None = None
    reason: str | None = None
    needs_resync: bool = False
    counted: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """Metadata of an event that a media engine reports.

    `id` is 32 hex digits, also used as the id of the write that the event causes (REL-3). `engine` is the name of the
    engine. `seq` rises with each event of this engine. `at` is when it happened: milliseconds, corrected to this
    service's clock. `version` is the command version that the event answers; None if the engine acted by itself.
    """

    id: str
    account: str
    engine: str
    seq: int
    at: int
    version: int | None = None

    def occurred_at(self, identifier: str, now: int) -> int:
        """Return the event's time in seconds, not before the creation of `identifier`, and at most `now` (seconds)."""
        return min(max(created_at(identifier), self.at // 1000), now)
