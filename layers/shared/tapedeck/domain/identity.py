"""Ids: 128-bit UUIDs of version 7, one per resource, as 32 lower-case hex digits; dialects only spell them.

They sort by creation, and 74 fresh random bits in each make them unguessable (rule R10; RFC 9562, section 5.7).
"""

import secrets
from typing import Final

_VERSION: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62


def new_id(milliseconds: int) -> str:
    """A fresh id made at `milliseconds` since the epoch: 48 bits of time, 74 of chance."""
    high = secrets.randbits(12) << 64
    low = secrets.randbits(62)
    return f"{(milliseconds << 80) | _VERSION | high | _VARIANT | low:032x}"


def created_at(identifier: str) -> int:
    """Whole seconds since the epoch at which the resource of this id was created."""
    return int(identifier[:12], 16) // 1000
