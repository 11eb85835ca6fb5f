"""The rules that decisions about engine events share: order, confirmation, and whose a resource is."""

from typing import Final, Protocol

from tapedeck.domain.engine_command import EngineControlled
from tapedeck.domain.engine_event import EngineEvent, EventOutcome, EventRefusal
from tapedeck.domain.engine_situation import Ignore, Refuse
from tapedeck.domain.identity import created_at_ms

MAX_ID_AHEAD_MS: Final = 5_000
"""How far the time in an id of the engine may lie ahead of this service's clock (C-113)."""


class Numbered(Protocol):
    """A resource with the sequence number of its last event."""

    @property
    def last_event_seq(self) -> int:
        """The number, 0 if the engine has reported nothing."""
        ...


class Versioned(Protocol):
    """A resource with its version."""

    @property
    def version(self) -> int:
        """The version, which every change raises."""
        ...


def reject_foreign(event: EngineEvent, *engines: str | None) -> Refuse | None:
    """Refuse an event about a resource that belongs to another engine; None: it is this engine's (C-171)."""
    known = next((engine for engine in engines if engine is not None), None)
    if known is None or known == event.engine:
        return None
    return Refuse(EventRefusal.NOT_YOURS, "the resource belongs to another engine")


def reject_id(identifier: str, now: int) -> Refuse | None:
    """Refuse an id whose time lies in the future at `now` (milliseconds): lists are sorted by the time in the id."""
    if created_at_ms(identifier) <= now + MAX_ID_AHEAD_MS:
        return None
    return Refuse(EventRefusal.BAD_ID, "the time in the id lies ahead of the service's clock")


def reject_old(resource: Numbered, event: EngineEvent) -> Ignore | None:
    """Ignore an event that is not newer than the last one of the resource (C-111)."""
    if event.seq > resource.last_event_seq:
        return None
    return repeated("the last event") if event.seq == resource.last_event_seq else stale("a newer event is known")


def is_confirmable(resource: EngineControlled | None, event: EngineEvent) -> bool:
    """Whether the event answers the last command of a call, conference or participant, for the first time."""
    return (
        resource is not None
        and event.version is not None
        and resource.confirmed_version < event.version == resource.requested_version
    )


def reject_version(resource: Versioned, event: EngineEvent) -> Refuse | None:
    """Refuse an event with a version that the resource does not have (C-271).

    A version is stored before its command is sent, and the resource was read strongly consistent.
    """
    if event.version is None or event.version <= resource.version:
        return None
    return wrong_state("no command with this version was sent")


def answer_old_version(resource: EngineControlled, event: EngineEvent) -> Ignore | Refuse:
    """Decide on an event whose version confirms nothing."""
    unknown = reject_version(resource, event)
    if unknown is not None:
        return unknown
    if event.version is not None and event.version <= resource.confirmed_version:
        return repeated("the version is confirmed")
    return stale("a newer command was requested")


def repeated(reason: str) -> Ignore:
    """Ignore an event that was applied before."""
    return Ignore(EventOutcome.REPEATED, reason)


def stale(reason: str) -> Ignore:
    """Ignore an event that something newer has overtaken."""
    return Ignore(EventOutcome.STALE, reason)


def taken(reason: str) -> Ignore:
    """Accept an event that changes nothing that is stored."""
    return Ignore(EventOutcome.TAKEN, reason)


def wrong_state(reason: str) -> Refuse:
    """Refuse an event that the state rules out for ever."""
    return Refuse(EventRefusal.WRONG_STATE, reason)
