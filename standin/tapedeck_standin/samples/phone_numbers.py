"""Sample phone numbers."""

from typing import Final

from tapedeck.domain.phone_number import PhoneNumber
from tapedeck.settings import STANDIN_ACCOUNT

PHONE_NUMBER: Final = "01972b5d3c20700080000000000000a2"
"""A phone number of the stand-in's account, with a voice URL."""

FOREIGN_NUMBER: Final = "01972b5d4008700080000000000000a3"
"""A phone number of the other account."""

_CREATED: Final = 1_748_779_220
"""1 June 2025, 12:00:20 UTC, in seconds since the epoch."""


def sample_phone_numbers(other_account: str) -> tuple[PhoneNumber, PhoneNumber]:
    """Return a phone number of the stand-in's account and one of another account."""
    own = PhoneNumber(
        STANDIN_ACCOUNT, PHONE_NUMBER, "+12025550100", "(202) 555-0100", 1, _CREATED,
        voice_url="https://app.example/voice", status_callback="https://app.example/status",
    )  # fmt: skip
    return own, PhoneNumber(other_account, FOREIGN_NUMBER, "+12025550101", "(202) 555-0101", 1, _CREATED + 1)
