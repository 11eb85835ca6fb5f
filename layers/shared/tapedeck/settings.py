"""The environment, read once; every name here is set by the template."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tapedeck.domain.account import MediaAccess

LONGEST_MEMORY_OF_CREDENTIALS: Final = 60
"""Seconds after which a revoked credential must have stopped working (rule R12)."""

MOST_INLINE_BYTES: Final = 4 << 20
"""What a function can answer with, in base64, and a little less: Lambda ends at 6 MB."""

STANDIN_TOKEN: Final = "standin-token"  # noqa: S105 - public on purpose, and refused wherever it would open anything
STANDIN_SIGNING_KEY: Final = "PSK_standin"
STANDIN_ACCOUNT: Final = "720796a08ee9435083bd2d07a3121f1e"


@dataclass(frozen=True, slots=True)
class Settings:
    """How this deployment is set up.

    `remember_credentials` is in seconds, at most 60. `signing_key` names the KMS key that seals signing keys and
    `media_bucket` the bucket of media; only functions that use these have them. `media_access` is who may fetch media
    of accounts without a rule of their own, `media_inline_bytes` how much a function answers with itself.
    `is_standin` lets the stand-in's fixed values in.
    """

    service: str
    recordings_table: str
    credentials_table: str
    remember_credentials: int
    signing_key: str
    is_standin: bool
    media_bucket: str = ""
    media_access: MediaAccess = MediaAccess.AUTHENTICATED
    media_inline_bytes: int = MOST_INLINE_BYTES

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """From environment variables.

        Raises:
            KeyError: a table is not named.
            ValueError: the memory of credentials is no whole number of seconds from 0 to 60, who may fetch media is
                neither `authenticated` nor `vendor`, or what is answered at once is no number of bytes up to 4 MiB.
        """
        given = os.environ if environment is None else environment
        remember = int(given.get("REMEMBER_CREDENTIALS_SECONDS", str(LONGEST_MEMORY_OF_CREDENTIALS)))
        if not 0 <= remember <= LONGEST_MEMORY_OF_CREDENTIALS:
            raise ValueError(f"REMEMBER_CREDENTIALS_SECONDS is not from 0 to {LONGEST_MEMORY_OF_CREDENTIALS}")
        inline = int(given.get("MEDIA_INLINE_BYTES", str(MOST_INLINE_BYTES)))
        is_standin = given.get("TAPEDECK_STANDIN") == "1"
        # Nobody could follow an address that leads into the stand-in's process: there all of it is answered at once.
        if inline < 0 or (inline > MOST_INLINE_BYTES and not is_standin):
            raise ValueError(f"MEDIA_INLINE_BYTES is not from 0 to {MOST_INLINE_BYTES}")
        return cls(
            service=given.get("SERVICE", "tapedeck"),
            recordings_table=given["RECORDINGS_TABLE"],
            credentials_table=given["CREDENTIALS_TABLE"],
            remember_credentials=remember,
            signing_key=given.get("SIGNING_KEY", ""),
            media_bucket=given.get("MEDIA_BUCKET", ""),
            media_access=MediaAccess(given.get("MEDIA_ACCESS", MediaAccess.AUTHENTICATED)),
            media_inline_bytes=inline,
            is_standin=is_standin,
        )
