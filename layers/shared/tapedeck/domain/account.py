"""An account and what opens it: auth tokens, API keys, scopes. Only hashes of secrets are ever kept."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """What an API key may be good for, as SignalWire names it."""

    VOICE = "Voice"
    MESSAGING = "Messaging"
    FAX = "Fax"
    VIDEO = "Video"
    CHAT = "Chat"
    NUMBERS = "Numbers"
    MANAGEMENT = "Management"
    STORAGE = "Storage"
    TASKING = "Tasking"
    PUBSUB = "PubSub"
    DATASPHERE = "Datasphere"


VOICE: Final = Scope.VOICE
"""The scope that every operation here needs (behaviour.md, section 2)."""

MAX_AUTH_TOKENS: Final = 2
MAX_API_KEYS: Final = 100
"""Our choice: they share one item with the account, so that verifying stays one read."""


class MediaAccess(StrEnum):
    """Who may fetch audio: whoever has credentials, or whoever the vendor lets (behaviour.md, section 11)."""

    AUTHENTICATED = "authenticated"
    VENDOR = "vendor"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of an account: `id` in 32 hex digits, the secret's SHA-256 in hex, the scopes it carries."""

    id: str
    account: str
    secret_hash: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Account:
    """The owner of everything: its id in 32 hex digits and the SHA-256 of its auth token in hex."""

    id: str
    token_hash: str
    created: int
    media_access: MediaAccess | None = None


@dataclass(frozen=True, slots=True)
class CredentialsRecord:
    """What the account's own id as user name may be verified against.

    `token_hashes` are those of its one or two auth tokens, oldest first; `key_hashes` map the hash of an API
    key's secret to the key's scopes (SignalWire's project id + API token). `media_access` is the account's own rule,
    if it has one.
    """

    account: str
    token_hashes: tuple[str, ...]
    key_hashes: dict[str, frozenset[str]] = field(default_factory=dict)
    media_access: MediaAccess | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: an account that has been verified for the scope needed."""

    account: str


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The sealed keys that have signed an account's callbacks, oldest first, and the seconds from which each does."""

    sealed: tuple[bytes, ...]
    since: tuple[int, ...]

    def at(self, second: int) -> bytes | None:
        """The one that signs what is first sent at this second; None where there is none at all."""
        if not self.sealed:
            return None
        in_use = sum(begins <= second for begins in self.since)
        return self.sealed[max(0, min(in_use, len(self.sealed)) - 1)]
