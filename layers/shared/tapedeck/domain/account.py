"""An account and its credentials: auth tokens, API keys, scopes. Only hashes of secrets are stored."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """The scopes that an API key may carry, by SignalWire's names."""

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
"""The scope that every operation of this API requires."""

MAX_AUTH_TOKENS: Final = 2
MAX_FRIENDLY_NAME: Final = 64
"""Characters of the friendly name of an API key: Twilio's limit."""

MAX_API_KEYS: Final = 100
"""All keys are stored in the account's item, so that verifying credentials takes one read (C-114)."""


class MediaAccess(StrEnum):
    """Who may fetch audio.

    `authenticated`: only requests with the account's credentials. `vendor`: the same clients as at the vendor.
    """

    AUTHENTICATED = "authenticated"
    VENDOR = "vendor"


class ConfirmUpdates(StrEnum):
    """Which updates of a recording are answered only after the media engine has confirmed them (C-225).

    `none`; `pause`: pauses; `pause+stop`: pauses and stops. A resume never waits.
    """

    NONE = "none"
    PAUSE = "pause"
    PAUSE_AND_STOP = "pause+stop"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key of an account: its `id` in 32 hex digits, the SHA-256 of its secret in hex, its scopes."""

    id: str
    account: str
    secret_hash: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class ApiKeyInfo:
    """What an account sees of its API key: its id in 32 hex digits, its name, `created` and `updated` in seconds."""

    id: str
    friendly_name: str
    created: int
    updated: int


@dataclass(frozen=True, slots=True)
class Account:
    """An account: its id in 32 hex digits, the SHA-256 of its auth token in hex, `created` in seconds."""

    id: str
    token_hash: str
    created: int
    media_access: MediaAccess | None = None


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """What an account sees of itself: its id in 32 hex digits, `created` in seconds, and fixed values (C-157)."""

    id: str
    created: int
    friendly_name: str = "Tapedeck"
    status: str = "active"


@dataclass(frozen=True, slots=True)
class CredentialsRecord:
    """The hashes that Basic credentials with the account's id as user name are verified against.

    `token_hashes` are those of the one or two auth tokens, oldest first. `key_hashes` maps the hash of an API key's
    secret to the key's scopes (SignalWire: project id and API token). `media_access` is the account's own setting,
    `confirm` for which updates it waits; None: the deployment's default applies. `created` is in seconds.
    """

    account: str
    token_hashes: tuple[str, ...]
    key_hashes: dict[str, frozenset[str]] = field(default_factory=dict)
    media_access: MediaAccess | None = None
    created: int = 0
    confirm: ConfirmUpdates | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """The account that a request was authenticated for, and whether by an API key; it has the required scope."""

    account: str
    uses_api_key: bool = False


@dataclass(frozen=True, slots=True)
class RequestCredentials:
    """The credentials that a request was authenticated with."""

    account: str
    uses_api_key: bool
    secret: str = field(repr=False)


SIGNING_KEY_DAYS: Final = 37
"""How long a key is kept after the next one began to sign (C-312).

A callback is signed with the key of its first attempt. It is retried for at most 168 hours, and can be replayed for 30
days after it was created.
"""


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The encrypted keys that sign an account's callbacks, oldest first.

    `since[i]` is the second from which key `i` signs. A new auth token of Twilio's dialect has no entry until the old
    one is revoked. SignalWire's dialect has one key and ignores later entries.
    """

    encrypted: tuple[bytes, ...]
    since: tuple[int, ...]

    def at(self, second: int) -> bytes | None:
        """Return the key that signs a callback first sent at this second; None if there are no keys."""
        if not self.encrypted:
            return None
        in_use = sum(begins <= second for begins in self.since)
        return self.encrypted[max(0, min(in_use, len(self.encrypted)) - 1)]
