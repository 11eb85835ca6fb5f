"""Telephone numbers as people write them."""

from typing import Final

_NORTH_AMERICAN: Final = "+1"
_NORTH_AMERICAN_LENGTH: Final = 12


def formatted(address: str) -> str:
    """Format a North American number as `(310) 567-8901`; return any other address unchanged."""
    if address.startswith(_NORTH_AMERICAN) and len(address) == _NORTH_AMERICAN_LENGTH and address[1:].isdecimal():
        return f"({address[2:5]}) {address[5:8]}-{address[8:]}"
    return address
