"""Verify credentials against stored hashes, with at most one read of the table."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Final, NamedTuple

from tapedeck.domain.account import VOICE, ConfirmUpdates, CredentialsRecord, MediaAccess, Principal
from tapedeck.domain.errors import NotAuthenticated
from tapedeck.ports.clock import Clock
from tapedeck.ports.credentials import CredentialStore

_MAX_REMEMBERED: Final = 4096
_UNKNOWN_ACCOUNT: Final = "0" * 64
"""Compared against when an account has no secrets, so that the response time reveals nothing."""


def hash_secret(secret: str) -> str:
    """Return the SHA-256 of a secret in hex; 128 random bits need no slow password hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class _Accepted(NamedTuple):
    """The hashes that a user's secret may have: of auth tokens, and of API keys with the scope needed."""

    account: str | None = None
    tokens: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


class AccountRules(NamedTuple):
    """What applies to an account: its own settings, else those of the deployment."""

    media_access: MediaAccess = MediaAccess.AUTHENTICATED
    confirm: ConfirmUpdates = ConfirmUpdates.PAUSE


class Authenticator:
    """Verifies credentials and caches successful verifications for a short time (REL-12).

    Args:
        credentials: the store of the hashes.
        clock: the time in milliseconds.
        cache_seconds: how long this process caches a success; failures are never cached.
        refused_secrets: secrets that are always rejected, such as the stand-in's on a deployed stack.
        monotonic_clock: milliseconds of a clock that is never set back, but may stop while the process is frozen.
        defaults: what applies to accounts without their own settings.
    """

    def __init__(
        self,
        credentials: CredentialStore,
        clock: Clock,
        cache_seconds: int,
        refused_secrets: frozenset[str] = frozenset(),
        monotonic_clock: Clock | None = None,
        defaults: AccountRules = AccountRules(),  # noqa: B008 - immutable
    ) -> None:
        self._credentials = credentials
        self._clock = clock
        self._monotonic_clock = monotonic_clock or clock
        self._remember = cache_seconds * 1000
        self._refused = frozenset(hash_secret(secret) for secret in refused_secrets)
        self._remembered: dict[str, tuple[Principal, int, int]] = {}
        self._defaults = defaults
        self._remembered_rules: dict[str, tuple[AccountRules, int, int]] = {}

    def verify_account(self, account: str, secret: str, *, accepts_cached: bool = True) -> Principal:
        """Verify an account id with one of its auth tokens or the secret of one of its API keys.

        Args:
            account: the id of the account.
            secret: as sent.
            accepts_cached: whether an earlier success suffices, also if the secret was revoked since.

        Raises:
            NotAuthenticated: unknown, wrong, or without the scope needed.
        """
        return self._verify(f"account {account}", secret, self._read_account, account, accepts_cached=accepts_cached)

    def verify_api_key(self, key: str, secret: str, *, accepts_cached: bool = True) -> Principal:
        """Verify an API key id with its secret; arguments as for `verify_account`.

        Raises:
            NotAuthenticated: unknown, wrong, or without the scope needed.
        """
        return self._verify(f"key {key}", secret, self._read_api_key, key, accepts_cached=accepts_cached)

    def clear_cache(self) -> None:
        """Verify every credential again at its next use, because one of them was revoked by this process."""
        self._remembered.clear()

    def allows_public_media(self, account: str) -> bool:
        """Return whether the account follows the vendor's rule for media access, which may be public.

        An unknown account gets the default, so that the answer does not reveal which accounts exist.
        """
        return self._rules_of(account).media_access is MediaAccess.VENDOR

    def confirms(self, account: str) -> ConfirmUpdates:
        """Return for which updates of its recordings an account waits (C-232).

        The table is read only if no request with the account's own credentials was verified within the cache's time.
        """
        return self._rules_of(account).confirm

    def _rules_of(self, account: str) -> AccountRules:
        now, monotonic_clock = self._clock(), self._monotonic_clock()
        remembered = self._remembered_rules.get(account)
        if remembered is not None and self._is_fresh(remembered[1], remembered[2], now, monotonic_clock):
            return remembered[0]
        record = self._credentials.get_account(account)
        return self._defaults if record is None else self._cache_rules(record, now, monotonic_clock)

    def _cache_rules(self, record: CredentialsRecord, now: int, monotonic_clock: int) -> AccountRules:
        """Return, and cache, what applies to the account of this record."""
        rules = AccountRules(
            record.media_access or self._defaults.media_access, record.confirm or self._defaults.confirm
        )
        if self._remember:
            if len(self._remembered_rules) >= _MAX_REMEMBERED:
                self._remembered_rules.clear()
            self._remembered_rules[record.account] = rules, now, monotonic_clock
        return rules

    def _is_fresh(self, at: int, monotonic_at: int, now: int, monotonic_clock: int) -> bool:
        # Neither a clock that was set back nor a frozen process may extend a cache entry.
        return 0 <= now - at < self._remember and monotonic_clock - monotonic_at < self._remember

    def _verify(
        self, user: str, secret: str, read: Callable[[str], _Accepted], identifier: str, *, accepts_cached: bool
    ) -> Principal:
        given = hash_secret(secret)
        memory = hash_secret(f"{user} {given}")
        now, monotonic_clock = self._clock(), self._monotonic_clock()
        remembered = self._remembered.get(memory)
        if remembered is not None and accepts_cached:
            principal, at, monotonic_at = remembered
            if self._is_fresh(at, monotonic_at, now, monotonic_clock):
                return principal
        accepted = read(identifier)
        # Compare all candidates, and always at least one: timing must not reveal which matched, or whether any exist.
        candidates = accepted.tokens + accepted.keys
        matches = [hmac.compare_digest(given, candidate) for candidate in candidates or (_UNKNOWN_ACCOUNT,)]
        if accepted.account is None or not any(matches) or given in self._refused:
            self._remembered.pop(memory, None)
            raise NotAuthenticated
        principal = Principal(accepted.account, uses_api_key=not any(matches[: len(accepted.tokens)]))
        if self._remember:
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[memory] = (principal, now, monotonic_clock)
        return principal

    def _read_account(self, account: str) -> _Accepted:
        now, monotonic_clock = self._clock(), self._monotonic_clock()
        record = self._credentials.get_account(account)
        if record is None:
            return _Accepted()
        # The record also holds the account's settings: cache them, and save a later read.
        self._cache_rules(record, now, monotonic_clock)
        scoped = tuple(key for key, scopes in record.key_hashes.items() if VOICE in scopes)
        return _Accepted(record.account, record.token_hashes, scoped)

    def _read_api_key(self, key: str) -> _Accepted:
        found = self._credentials.get_api_key(key)
        if found is None or VOICE not in found.scopes:
            return _Accepted()
        return _Accepted(found.account, keys=(found.secret_hash,))
