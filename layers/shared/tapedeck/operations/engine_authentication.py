"""Verify the tokens of media engines against stored hashes, with at most one read of the table."""

import hmac
import re
import secrets
from typing import Final

from tapedeck.domain.engine import MediaEngine
from tapedeck.domain.errors import NotAuthenticated
from tapedeck.operations.authentication import hash_secret
from tapedeck.ports.clock import Clock
from tapedeck.ports.engines import EngineRegistry

_TOKEN: Final = re.compile(r"tdk_([a-z][a-z0-9-]{0,31})_[A-Za-z0-9_-]{43}")
_RANDOM_BYTES: Final = 32
_MAX_REMEMBERED: Final = 1024
_UNKNOWN_ENGINE: Final = "0" * 64
"""Compared against when an engine has no tokens, so that the response time reveals nothing."""


def make_engine_token(name: str) -> str:
    """Return a new token of an engine: `tdk_<name>_`, then 256 random bits as 43 letters of base64url."""
    return f"tdk_{name}_{secrets.token_urlsafe(_RANDOM_BYTES)}"


class EngineAuthenticator:
    """Verifies tokens of engines and caches successful verifications for a short time (REL-12).

    Args:
        registry: the registered engines with the hashes of their tokens.
        clock: the time in milliseconds.
        cache_seconds: how long this process caches a success; failures are never cached.
        refused_secrets: tokens that are always rejected, such as the stand-in's on a deployed stack.
        monotonic_clock: milliseconds of a clock that is never set back, but may stop while the process is frozen.
    """

    def __init__(
        self,
        registry: EngineRegistry,
        clock: Clock,
        cache_seconds: int,
        refused_secrets: frozenset[str] = frozenset(),
        monotonic_clock: Clock | None = None,
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._monotonic_clock = monotonic_clock or clock
        self._remember = cache_seconds * 1000
        self._refused = frozenset(hash_secret(secret) for secret in refused_secrets)
        self._remembered: dict[str, tuple[MediaEngine, int, int]] = {}

    def verify(self, token: str) -> MediaEngine:
        """Verify a token and return its engine. A malformed token is rejected without a read of the table.

        Raises:
            NotAuthenticated: malformed, unknown, revoked or refused, or the engine is disabled.
            StoreBusy, StoreUnavailable: the registry failed.
        """
        parsed = _TOKEN.fullmatch(token)
        given = hash_secret(token)
        if parsed is None or given in self._refused:
            raise NotAuthenticated
        now, monotonic_clock = self._clock(), self._monotonic_clock()
        remembered = self._remembered.get(given)
        if remembered is not None and self._is_fresh(remembered[1], remembered[2], now, monotonic_clock):
            return remembered[0]
        registered = self._registry.get_engine(parsed[1])
        # Compare all candidates, and always at least one: timing must not reveal which matched, or whether any exist.
        candidates = registered.token_hashes if registered is not None else ()
        matches = [hmac.compare_digest(given, candidate) for candidate in candidates or (_UNKNOWN_ENGINE,)]
        if registered is None or registered.is_disabled or not any(matches):
            self._remembered.pop(given, None)
            raise NotAuthenticated
        if self._remember:
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[given] = (registered.engine, now, monotonic_clock)
        return registered.engine

    def _is_fresh(self, at: int, monotonic_at: int, now: int, monotonic_clock: int) -> bool:
        # Neither a clock that was set back nor a frozen process may extend a cache entry.
        return 0 <= now - at < self._remember and monotonic_clock - monotonic_at < self._remember
