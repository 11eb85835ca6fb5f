"""The environment, read once; every name here is set by the template."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tapedeck.domain.account import MediaAccess

MAX_CREDENTIAL_CACHE_SECONDS: Final = 60
"""Seconds after which a revoked credential must have stopped working (rule R12)."""

MAX_INLINE_BYTES: Final = 4 << 20
"""What a function can answer with, in base64, and a little less: Lambda ends at 6 MB."""

MAX_RETRY_HOURS: Final = 168
"""A week: claims are kept for a month."""

STANDIN_TOKEN: Final = "standin-token"  # noqa: S105 - public on purpose, and refused wherever it would open anything
STANDIN_SIGNING_KEY: Final = "PSK_standin"
STANDIN_ACCOUNT: Final = "720796a08ee9435083bd2d07a3121f1e"


@dataclass(frozen=True, slots=True)
class Settings:
    """How this deployment is set up.

    `credential_cache_seconds` is in seconds, at most 60. `signing_kms_key_id` names the KMS key that seals signing
    keys and `media_bucket` the bucket of media; only functions that use these have them. `media_access` is who may
    fetch media of accounts without a rule of their own, `media_inline_bytes` how much a function answers with itself.
    `is_standin` lets the stand-in's fixed values in.

    Of what is told: the URLs of the queues `commands_queue` and `callbacks_queue`, the name of the `event_bus`, the
    service's own `public_url`, scheme and host, which callbacks point at; `callback_retry_hours` for which a callback
    is tried after the vendor's own attempts, 0 for no longer; `callback_allowed_hosts` that may be called although
    they are not on the internet, and `callback_host_map` of those that are reached elsewhere; `failed_batches_bucket`,
    where what the stream's consumer could not do lies.
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
    commands_queue: str = ""
    callbacks_queue: str = ""
    event_bus: str = ""
    public_url: str = ""
    callback_retry_hours: int = 72
    callback_allowed_hosts: frozenset[str] = frozenset()
    callback_host_map: tuple[tuple[str, str], ...] = ()
    failed_batches_bucket: str = ""

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """From environment variables.

        Raises:
            KeyError: a table is not named.
            ValueError: the memory of credentials is no whole number of seconds from 0 to 60, who may fetch media is
                neither `authenticated` nor `vendor`, what is answered at once is no number of bytes up to 4 MiB, or
                callbacks are tried for less than no time or more than a week.
        """
        given = os.environ if environment is None else environment
        remember = int(given.get("REMEMBER_CREDENTIALS_SECONDS", str(MAX_CREDENTIAL_CACHE_SECONDS)))
        if not 0 <= remember <= MAX_CREDENTIAL_CACHE_SECONDS:
            raise ValueError(f"REMEMBER_CREDENTIALS_SECONDS is not from 0 to {MAX_CREDENTIAL_CACHE_SECONDS}")
        inline = int(given.get("MEDIA_INLINE_BYTES", str(MAX_INLINE_BYTES)))
        is_standin = given.get("TAPEDECK_STANDIN") == "1"
        # Nobody could follow an address that leads into the stand-in's process: there all of it is answered at once.
        if inline < 0 or (inline > MAX_INLINE_BYTES and not is_standin):
            raise ValueError(f"MEDIA_INLINE_BYTES is not from 0 to {MAX_INLINE_BYTES}")
        hours = int(given.get("CALLBACK_RETRY_HOURS", "72"))
        if not 0 <= hours <= MAX_RETRY_HOURS:
            raise ValueError(f"CALLBACK_RETRY_HOURS is not from 0 to {MAX_RETRY_HOURS}")
        return cls(
            service=given.get("SERVICE", "tapedeck"),
            recordings_table=given["RECORDINGS_TABLE"],
            credentials_table=given["CREDENTIALS_TABLE"],
            credential_cache_seconds=remember,
            signing_kms_key_id=given.get("SIGNING_KEY", ""),
            media_bucket=given.get("MEDIA_BUCKET", ""),
            media_access=MediaAccess(given.get("MEDIA_ACCESS", MediaAccess.AUTHENTICATED)),
            media_inline_bytes=inline,
            is_standin=is_standin,
            commands_queue=given.get("COMMANDS_QUEUE", ""),
            callbacks_queue=given.get("CALLBACKS_QUEUE", ""),
            event_bus=given.get("EVENT_BUS", ""),
            public_url=given.get("PUBLIC_URL", ""),
            callback_retry_hours=hours,
            callback_allowed_hosts=frozenset(_split_csv(given.get("CALLBACK_HOSTS", ""))),
            callback_host_map=tuple(_parse_host_map(given.get("CALLBACK_HOST_MAP", ""))),
            failed_batches_bucket=given.get("FAILURES_BUCKET", ""),
        )


def _split_csv(text: str) -> list[str]:
    """Hosts, separated by commas; spaces around them do not count."""
    return [word.strip() for word in text.split(",") if word.strip()]


def _parse_host_map(text: str) -> list[tuple[str, str]]:
    """`host=other`, separated by commas.

    Raises:
        ValueError: one of them is no pair.
    """
    pairs = [word.partition("=") for word in _split_csv(text)]
    if any(not host or not other for host, _, other in pairs):
        raise ValueError("CALLBACK_HOST_MAP is not of the form host=other,host=other")
    return [(host, other) for host, _, other in pairs]
