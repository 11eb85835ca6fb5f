"""Resource ids: UUIDs of version 7 as 32 lower-case hex digits; a dialect adds only its prefix or dashes (C-3).

They sort by creation time; 74 random bits make them unguessable (C-4, REL-10; RFC 9562, section 5.7).
"""

import secrets
from typing import Final

_VERSION: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62
_LOW_BITS: Final = 62
_RANDOM_BITS: Final = 74


def new_id(milliseconds: int) -> str:
    """Return a new id for this time in milliseconds since the epoch: 48 bits of time, 74 random bits."""
    bits = secrets.randbits(_RANDOM_BITS)  # one system call
    high, low = bits >> _LOW_BITS << 64, bits & ((1 << _LOW_BITS) - 1)
    return f"{(milliseconds << 80) | _VERSION | high | _VARIANT | low:032x}"


def created_at(identifier: str) -> int:
    """Return the creation time of an id in whole seconds since the epoch (C-16)."""
    return created_at_ms(identifier) // 1000


def created_at_ms(identifier: str) -> int:
    """Return the creation time of an id in milliseconds since the epoch."""
    return int(identifier[:12], 16)
