"""Media engines: who they are, what they can do, and whether they are alive."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ALL_ACCOUNTS: Final = "*"
"""In place of a list of accounts: every account of the deployment."""

MAX_ENGINES: Final = 100
"""Engines per deployment (C-185)."""

MAX_ENGINE_TOKENS: Final = 2
"""Valid tokens per engine: the second one replaces the first without an outage."""

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")


def is_engine_name(text: str) -> bool:
    """Whether a text is a valid name of an engine: a lower-case letter, then up to 31 letters, digits or hyphens."""
    return _NAME.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class MediaEngine:
    """One registered media engine: its name, and the accounts that it works for.

    `accounts` are ids of 32 hex digits; None for all accounts of the deployment.
    """

    name: str
    accounts: frozenset[str] | None = None

    def serves(self, account: str) -> bool:
        """Whether the engine works for this account."""
        return self.accounts is None or account in self.accounts


@dataclass(frozen=True, slots=True)
class EngineCapabilities:
    """What an engine can do, as it reports when it opens a session; the defaults are those of a simple engine.

    `pause`: it can pause a capture. `dual`: it can capture two channels. `tracks`: it can capture one direction only.
    `restart`: it can start a second capture of the same call. `conference_recording`: it can capture a conference.
    `participants`: what it can do with participants, of `mute`, `hold`, `coach`, `announce`, `remove`. `place`: it can
    dial. `markup`: it can execute markup. `presence`: it reports `engine.alive`; an engine without presence counts as
    alive.
    """

    pause: bool = True
    restart: bool = True
    tracks: bool = True
    dual: bool = True
    conference: bool = True
    conference_recording: bool = True
    participants: frozenset[str] = frozenset()
    place: bool = False
    markup: bool = False
    presence: bool = True

    def include(self, needed: frozenset[str]) -> bool:
        """Whether the engine has all of these capabilities, which are names of fields."""
        return all(getattr(self, name) for name in needed)


@dataclass(frozen=True, slots=True)
class EnginePresence:
    """What is known about a running engine; times are seconds since the epoch.

    `boot` is the id of its current session, 32 hex digits; `session` is its number, which is higher than those of all
    sessions before. `seen_at` is when it last opened a session or reported `engine.alive`. `synced_boot` is the boot
    whose complete list of live resources was received at `synced_at`; empty if none was. `seq` is the highest sequence
    number of an `engine.alive`, or of an event that is far above it (see `domain.engine_event.EngineEvent`).
    `gone_boot` is the boot after whose loss everything that the engine had is ended, until the engine opens a session
    again; empty if it is not gone. `opened_at` is when the current session was opened first. `previous_seen_at` is when
    the session before it was last seen; 0 if this is the first one. `deleted_at` is when the engine was deleted though
    something of it was live; 0 if it was not. Such an engine may never have opened a session: then `boot` is empty.
    """

    engine: str
    boot: str
    seen_at: int
    capabilities: EngineCapabilities = EngineCapabilities()
    max_calls: int | None = None
    live_calls: int = 0
    is_draining: bool = False
    seq: int = 0
    synced_boot: str = ""
    synced_at: int = 0
    gone_boot: str = ""
    opened_at: int = 0
    previous_seen_at: int = 0
    deleted_at: int = 0
    session: int = 0

    def is_alive(self, now: int) -> bool:
        """Whether the engine was seen within `DEAD_AFTER_SECONDS` before `now`, or reports no presence.

        An engine that is deleted is not alive.
        """
        if self.deleted_at:
            return False
        return not self.capabilities.presence or now - self.seen_at < DEAD_AFTER_SECONDS

    def is_silent(self, now: int) -> bool:
        """Whether the engine has missed two reports that it is alive, or is lost."""
        return not self.is_alive(now) or (self.capabilities.presence and now - self.seen_at >= SILENT_AFTER_SECONDS)

    def is_session_held(self, now: int) -> bool:
        """Whether no session with an older id can replace this one.

        An engine without presence is seen only when it renews its credentials.
        """
        held_for = DEAD_AFTER_SECONDS if self.capabilities.presence else RENEWED_WITHIN_SECONDS
        return not self.deleted_at and now - self.seen_at < held_for

    @property
    def last_known_at(self) -> int:
        """When the engine is last known to have run: of one without presence, when it was deleted."""
        return self.seen_at if self.capabilities.presence or not self.deleted_at else self.deleted_at


class SessionState(StrEnum):
    """What is known about the session of an engine.

    `UNOPENED`: it was never opened, or what the engine had was ended since, so that the engine must open it (C-288).
    `SUPERSEDED`: a newer session is open.
    """

    CURRENT = "current"
    UNOPENED = "unopened"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class KnownSession:
    """What is known about a session: its state, and the highest known sequence number of its engine."""

    state: SessionState
    seq: int = 0


@dataclass(frozen=True, slots=True)
class EngineHealth:
    """What an engine reports about itself with `engine.alive`; `max_calls` is None if no limit is known."""

    max_calls: int | None = None
    live_calls: int = 0
    is_draining: bool = False


SEQUENCE_RESERVE: Final = 1_000_000
"""How far each request for a session raises the engine's sequence number (C-201).

Presence knows the number of the last `engine.alive` only; events since then have higher ones. The number of an event
that is higher by more than this is stored as well.
"""

MAX_SEQUENCE: Final = (1 << 53) - 1
"""The highest number that a message of the engine protocol can have (C-180)."""

MAX_FREE_SEQUENCE: Final = (1 << 52) - 1
"""The highest sequence number that an event may have without a higher known one of its engine (C-284)."""

MAX_CONTINUED_SEQUENCE: Final = MAX_SEQUENCE - (1 << 40)
"""The highest number above which a session lets its engine continue (C-284)."""

ALIVE_EVERY_SECONDS: Final = 15
"""Interval at which an engine reports `engine.alive`."""

SILENT_AFTER_SECONDS: Final = 2 * ALIVE_EVERY_SECONDS
"""To an engine that was not seen for this long, no command is repeated (C-199)."""

DEAD_AFTER_SECONDS: Final = 45
"""An engine that was not seen for this long is lost."""

RENEWED_WITHIN_SECONDS: Final = 3_600
"""Every engine opens its session again within this time, because its credentials end (C-202)."""


def max_event_sequence(known: int) -> int:
    """Return the highest sequence number that an event may have, if `known` is the highest known one of its engine.

    Above `MAX_FREE_SEQUENCE` numbers rise in small steps only, so that no event uses up all that are left (C-284). A
    step covers the reserve of a session and the events that follow.
    """
    return min(max(MAX_FREE_SEQUENCE, known + 2 * SEQUENCE_RESERVE), MAX_SEQUENCE)
