"""Events that a media engine reports: their metadata, and the outcome that the engine is answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tapedeck.domain.identity import created_at

MAX_CLOCK_SKEW_SECONDS: Final = 300
"""How far the clocks behind an id, an engine event and this service may differ (C-113)."""


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
        """Return the event's time in seconds, clamped to [creation of `identifier`, `now`]."""
        return max(created_at(identifier), min(self.at // 1000, now))

    def is_plausible_start(self, identifier: str, now: int) -> bool:
        """Whether the event can be the start of the resource `identifier`; `now` is in milliseconds.

        The connector makes these ids, so their timestamp must agree with the event's. Any time in the past is allowed:
        events may arrive late.
        """
        event_second = self.at // 1000
        return (
            abs(created_at(identifier) - event_second) <= MAX_CLOCK_SKEW_SECONDS
            and event_second <= now // 1000 + MAX_CLOCK_SKEW_SECONDS
        )
