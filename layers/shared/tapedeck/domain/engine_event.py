"""Events that a media engine reports: their metadata, and the outcome that the engine is answered."""

from dataclasses import dataclass
from enum import StrEnum


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

    `code` is the reason of a refusal. `detail` is a sentence for the connector's log, without values from the event.
    `after_ms`: of `later`, when to report the event again. `reason` is the name of the rule that decided, for the log.
    """

    outcome: EventOutcome
    code: EventRefusal | None = None
    detail: str | None = None
    after_ms: int | None = None
    reason: str | None = None
