"""The deployment's settings, read once from the environment; the template sets every variable."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tapedeck.domain.account import ConfirmUpdates, MediaAccess

MAX_CREDENTIAL_CACHE_SECONDS: Final = 60
"""A revoked credential must stop working within this time (C-115, REL-12)."""

MAX_INLINE_BYTES: Final = 4 << 20
"""The largest media in a function's response; base64 of it stays below Lambda's limit of 6 MB."""

MAX_RETRY_HOURS: Final = 168
"""One week; deliveries are stored for 30 days."""

MIN_CONFIRM_WITHIN_MS: Final = 500
MAX_CONFIRM_WITHIN_MS: Final = 10_000
"""The functions that wait for a confirmation may run for 15 seconds."""

# The SDK for Go accepts only letters and digits in a token.
STANDIN_TOKEN: Final = "00112233445566778899aabbccddeeff"  # noqa: S105 - public on purpose; deployments refuse it
STANDIN_SIGNING_KEY: Final = "PSK_00112233445566778899aabb"
STANDIN_ACCOUNT: Final = "720796a08ee9435083bd2d07a3121f1e"
STANDIN_ENGINE: Final = "standin"
STANDIN_ENGINE_TOKEN: Final = "tdk_standin_TapedeckStandInEngineTokenPublicOnPurpose01"  # noqa: S105 - as above
SAMPLE_API_KEY_SECRET: Final = "key-secret"  # noqa: S105 - public: the secret of the API key of the sample events

PUBLIC_SECRETS: Final = frozenset({STANDIN_TOKEN, STANDIN_SIGNING_KEY, STANDIN_ENGINE_TOKEN, SAMPLE_API_KEY_SECRET})
"""Secrets that are published with this project; a deployed stack refuses them (REL-12)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of this deployment.

    `credential_cache_seconds` is at most 60. `signing_kms_key_id` is the KMS key that encrypts signing keys and
    `media_bucket` the bucket of media; both are set only for functions that use them. `media_access` applies to
    accounts without their own setting (C-50). Media up to `media_inline_bytes` is returned in the response itself.
    `is_standin` permits the stand-in's fixed credentials.

    For outgoing messages: `callbacks_queue` and `callback_retries_queue` are queue URLs; of their messages,
    `callback_concurrency` and `callback_retry_concurrency` are in work at once. `engine_queue_prefix` is the URL of
    each engine's queue up to the engine's name, `event_bus` a name. `public_url` is the scheme and host of this service
    in callbacks. `callback_retry_hours` is how long a callback is retried after the vendor's own attempts; 0 disables
    these retries, except for callbacks that could not be signed.
    `callback_allowed_hosts` are non-public hosts that may be called. `callback_host_map` lists pairs of a host and the
    host to connect to instead. `failed_batches_bucket` stores the stream batches that could not be published.

    `late_audio_days` is for how long audio of a recording that timed out is accepted (C-211); 0 for never.
    `engine_commands_dead_letter_queue` is the ARN of the queue for commands that no connector could process.
    `engine_role` is the ARN of the role whose credentials engines get for their queues.
    An engine that is lost for `engine_gone_after_minutes` is gone: what it had is over. A call ends after
    `max_call_hours`.

    `confirm_updates` applies to accounts without their own setting (C-225): which updates of recordings are answered
    only after the media engine has confirmed them, within `confirm_within_ms`.

    `has_telephony` says for unknown paths whether the functions exist that need an engine with markup.
    """

    service: str
    recordings_table: str
    credentials_table: str
    credential_cache_seconds: int
    signing_kms_key_id: str
    is_standin: bool
    media_bucket: str = ""
    media_access: MediaAccess = MediaAccess.AUTHENTICATED
    media_inline_bytes: int = MAX_INLINE_BYTES
    engine_queue_prefix: str = ""
    callbacks_queue: str = ""
    callback_retries_queue: str = ""
    callback_concurrency: int = 5
    callback_retry_concurrency: int = 2
    finishing_queue: str = ""
    event_bus: str = ""
    public_url: str = ""
    callback_retry_hours: int = 72
    callback_allowed_hosts: frozenset[str] = frozenset()
    callback_host_map: tuple[tuple[str, str], ...] = ()
    failed_batches_bucket: str = ""
    late_audio_days: int = 14
    engine_commands_dead_letter_queue: str = ""
    engine_role: str = ""
    engine_gone_after_minutes: int = 15
    max_call_hours: int = 24
    confirm_updates: ConfirmUpdates = ConfirmUpdates.PAUSE
    confirm_within_ms: int = 2500
    has_telephony: bool = False

    @property
    def refused_secrets(self) -> frozenset[str]:
        """Secrets that this deployment neither accepts nor stores nor signs with."""
        return frozenset() if self.is_standin else PUBLIC_SECRETS

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings from environment variables.

        Raises:
            KeyError: a table name is missing.
            ValueError: a variable is malformed or out of range: CREDENTIAL_CACHE_SECONDS (0 to 60), MEDIA_ACCESS
                (`authenticated` or `vendor`), MEDIA_INLINE_BYTES (0 to 4 MiB), CALLBACK_RETRY_HOURS (0 to 168),
                CALLBACK_HOST_MAP, LATE_AUDIO_DAYS (0 or more), CONFIRM_UPDATES (`none`, `pause` or `pause+stop`) or
                CONFIRM_WITHIN_MS (500 to 10,000).
        """
        variables = os.environ if environment is None else environment
        cache_seconds = int(variables.get("CREDENTIAL_CACHE_SECONDS", str(MAX_CREDENTIAL_CACHE_SECONDS)))
        if not 0 <= cache_seconds <= MAX_CREDENTIAL_CACHE_SECONDS:
            raise ValueError(f"CREDENTIAL_CACHE_SECONDS is not from 0 to {MAX_CREDENTIAL_CACHE_SECONDS}")
        inline_bytes = int(variables.get("MEDIA_INLINE_BYTES", str(MAX_INLINE_BYTES)))
        is_standin = variables.get("TAPEDECK_STANDIN") == "1"
        # A client cannot follow a presigned URL into the stand-in's process, so it returns all media inline.
        if inline_bytes < 0 or (inline_bytes > MAX_INLINE_BYTES and not is_standin):
            raise ValueError(f"MEDIA_INLINE_BYTES is not from 0 to {MAX_INLINE_BYTES}")
        hours = int(variables.get("CALLBACK_RETRY_HOURS", "72"))
        if not 0 <= hours <= MAX_RETRY_HOURS:
            raise ValueError(f"CALLBACK_RETRY_HOURS is not from 0 to {MAX_RETRY_HOURS}")
        late_audio_days = int(variables.get("LATE_AUDIO_DAYS", "14"))
        if late_audio_days < 0:
            raise ValueError("LATE_AUDIO_DAYS is negative")
        confirm_within_ms = int(variables.get("CONFIRM_WITHIN_MS", "2500"))
        if not MIN_CONFIRM_WITHIN_MS <= confirm_within_ms <= MAX_CONFIRM_WITHIN_MS:
            raise ValueError(f"CONFIRM_WITHIN_MS is not from {MIN_CONFIRM_WITHIN_MS} to {MAX_CONFIRM_WITHIN_MS}")
        return cls(
            service=variables.get("SERVICE", "tapedeck"),
            recordings_table=variables["RECORDINGS_TABLE"],
            credentials_table=variables["CREDENTIALS_TABLE"],
            credential_cache_seconds=cache_seconds,
            signing_kms_key_id=variables.get("SIGNING_KMS_KEY_ID", ""),
            media_bucket=variables.get("MEDIA_BUCKET", ""),
            media_access=MediaAccess(variables.get("MEDIA_ACCESS", MediaAccess.AUTHENTICATED)),
            media_inline_bytes=inline_bytes,
            is_standin=is_standin,
            engine_queue_prefix=variables.get("ENGINE_QUEUE_PREFIX", ""),
            callbacks_queue=variables.get("CALLBACKS_QUEUE", ""),
            callback_retries_queue=variables.get("CALLBACK_RETRIES_QUEUE", ""),
            callback_concurrency=int(variables.get("CALLBACK_CONCURRENCY", "5")),
            callback_retry_concurrency=int(variables.get("CALLBACK_RETRY_CONCURRENCY", "2")),
            finishing_queue=variables.get("FINISHING_QUEUE", ""),
            event_bus=variables.get("EVENT_BUS", ""),
            public_url=variables.get("PUBLIC_URL", ""),
            callback_retry_hours=hours,
            callback_allowed_hosts=frozenset(_split_csv(variables.get("CALLBACK_ALLOWED_HOSTS", ""))),
            callback_host_map=tuple(_parse_host_map(variables.get("CALLBACK_HOST_MAP", ""))),
            failed_batches_bucket=variables.get("FAILED_BATCHES_BUCKET", ""),
            late_audio_days=late_audio_days,
            engine_commands_dead_letter_queue=variables.get("ENGINE_COMMANDS_DEAD_LETTER_QUEUE", ""),
            engine_role=variables.get("ENGINE_ROLE", ""),
            engine_gone_after_minutes=int(variables.get("ENGINE_GONE_AFTER_MINUTES", "15")),
            max_call_hours=int(variables.get("MAX_CALL_HOURS", "24")),
            confirm_updates=ConfirmUpdates(variables.get("CONFIRM_UPDATES", ConfirmUpdates.PAUSE)),
            confirm_within_ms=confirm_within_ms,
            has_telephony=variables.get("TELEPHONY", "false") == "true",
        )


def _split_csv(text: str) -> list[str]:
    """Split a comma-separated list; spaces around items are ignored."""
    return [word.strip() for word in text.split(",") if word.strip()]


def _parse_host_map(text: str) -> list[tuple[str, str]]:
    """Parse `host=other,host=other`.

    Raises:
        ValueError: an item is not a pair.
    """
    pairs = [word.partition("=") for word in _split_csv(text)]
    if any(not host or not other for host, _, other in pairs):
        raise ValueError("CALLBACK_HOST_MAP is not of the form host=other,host=other")
    return [(host, other) for host, _, other in pairs]
