"""How the people in simulated calls behave: rules for their numbers."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

ANY_NUMBER: Final = "*"
"""The number of a rule for all parties."""


class PartyOutcome(StrEnum):
    """What becomes of a call that rings; a call that FAIL reaches does not ring."""

    ANSWER = "answer"
    BUSY = "busy"
    DECLINE = "decline"
    NO_ANSWER = "no-answer"
    FAIL = "failed"
    MANUAL = "manual"
    """It rings until a request to the control API decides."""


class AnsweredBy(StrEnum):
    """Who answers a call."""

    HUMAN = "human"
    MACHINE = "machine"
    FAX = "fax"
    UNKNOWN = "unknown"


SIP_STATUSES: Final[Mapping[PartyOutcome, int]] = {
    PartyOutcome.ANSWER: 200,
    PartyOutcome.BUSY: 486,
    PartyOutcome.DECLINE: 603,
    PartyOutcome.NO_ANSWER: 487,
    PartyOutcome.MANUAL: 487,
    PartyOutcome.FAIL: 404,
}
"""The SIP status that a call ends with, by what became of it; 487 for those that did not answer in time."""


@dataclass(frozen=True, slots=True)
class Speech:
    """What a party says, `after_ms` after the answer."""

    after_ms: int
    ms: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class KeyPresses:
    """Keys that a party presses: `after_ms` after the answer, or (None) once at the next verb named `verb`."""

    digits: str
    after_ms: int | None = None
    verb: str = ""


@dataclass(frozen=True, slots=True)
class PartyRule:
    """How a party behaves.

    Attributes:
        number: E.164, `client:…`, `sip:…`, or `*` for all.
        ring_ms: how long it rings before the outcome.
        greeting_ms: how long the greeting of a machine is; it ends with a beep.
        hangup_after_ms: when the party hangs up, counted from the answer; None: never.
        sip_status: what the call ends with; None: that of `SIP_STATUSES`.
        times: how often the rule counts; None: always.
    """

    number: str
    outcome: PartyOutcome = PartyOutcome.ANSWER
    ring_ms: int = 0
    answered_by: AnsweredBy = AnsweredBy.HUMAN
    greeting_ms: int = 8_000
    speaks: tuple[Speech, ...] = ()
    presses: tuple[KeyPresses, ...] = ()
    hangup_after_ms: int | None = None
    sip_status: int | None = None
    times: int | None = None

    @property
    def end_status(self) -> int:
        """The SIP status with which an unanswered call ends."""
        return self.sip_status if self.sip_status is not None else SIP_STATUSES[self.outcome]


ALWAYS: Final[Mapping[str, PartyRule]] = {
    rule.number: rule
    for rule in (
        PartyRule("+12025550190", PartyOutcome.BUSY),
        PartyRule("+12025550191", PartyOutcome.NO_ANSWER),
        PartyRule("+12025550192", PartyOutcome.FAIL),
        PartyRule("+12025550193", answered_by=AnsweredBy.MACHINE),
        PartyRule("+12025550194", PartyOutcome.DECLINE, ring_ms=3_000),
        PartyRule("+12025550195", ring_ms=5_000, hangup_after_ms=10_000),
    )
}
"""Numbers that behave so in every account, unless a rule says otherwise (C-390)."""


@dataclass(slots=True)
class StoredRule:
    """A rule of an account, and how often it was used."""

    id: str
    rule: PartyRule
    used: int = 0

    @property
    def is_used_up(self) -> bool:
        """Whether it counts no more."""
        return self.rule.times is not None and self.used >= self.rule.times


@dataclass(slots=True)
class Parties:
    """The rules of all accounts. Thread-safe.

    Args:
        answer_after_ms: how long parties ring for which there is no rule.
    """

    answer_after_ms: int = 0
    _rules: dict[str, list[StoredRule]] = field(default_factory=dict)
    _added: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, account: str, rule: PartyRule) -> StoredRule:
        """Add a rule, which counts before the older ones."""
        with self._lock:
            self._added += 1
            stored = StoredRule(f"party-{self._added}", rule)
            self._rules.setdefault(account, []).append(stored)
            return stored

    def of(self, account: str) -> list[StoredRule]:
        """Return the rules of an account, oldest first."""
        with self._lock:
            return [replace(stored) for stored in self._rules.get(account, [])]

    def remove(self, account: str, rule_id: str | None = None) -> bool:
        """Remove a rule of an account (None: all); return whether there was one."""
        with self._lock:
            before = self._rules.pop(account, [])
            kept = [stored for stored in before if rule_id is not None and stored.id != rule_id]
            if kept:
                self._rules[account] = kept
            return len(kept) < len(before)

    def forget(self, account: str) -> None:
        """Remove all rules of an account."""
        self.remove(account)

    def take(self, account: str, number: str) -> PartyRule:
        """Return how the party of a number behaves in one call: the newest rule that fits, which is used by this."""
        with self._lock:
            for stored in reversed(self._rules.get(account, [])):
                if stored.rule.number in {number, ANY_NUMBER} and not stored.is_used_up:
                    stored.used += 1
                    return stored.rule
        return ALWAYS.get(number) or PartyRule(number, ring_ms=self.answer_after_ms)
