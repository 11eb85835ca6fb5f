"""Sample phone numbers and applications."""

from typing import Final

from tapedeck.adapters.dynamodb.applications import ApplicationTable
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.phone_numbers import PhoneNumberTable
from tapedeck.domain.application import Application
from tapedeck.domain.phone_number import PhoneNumber
from tapedeck.settings import STANDIN_ACCOUNT

PHONE_NUMBER: Final = "01972b5d3c20700080000000000000a2"
"""A phone number of the stand-in's account, with a voice URL."""

FOREIGN_NUMBER: Final = "01972b5d4008700080000000000000a3"
"""A phone number of the other account."""

APPLICATION: Final = "01972b5d43f0700080000000000000a4"
"""An application of the stand-in's account, with a voice URL."""

FOREIGN_APPLICATION: Final = "01972b5d47d8700080000000000000a5"
"""An application of the other account."""

_CREATED: Final = 1_748_779_220
"""1 June 2025, 12:00:20 UTC, in seconds since the epoch."""


def sample_phone_numbers(other_account: str) -> tuple[PhoneNumber, PhoneNumber]:
    """Return a phone number of the stand-in's account and one of another account."""
    own = PhoneNumber(
        STANDIN_ACCOUNT, PHONE_NUMBER, "+12025550100", "(202) 555-0100", 1, _CREATED,
        voice_url="https://app.example/voice", status_callback="https://app.example/status",
    )  # fmt: skip
    return own, PhoneNumber(other_account, FOREIGN_NUMBER, "+12025550101", "(202) 555-0101", 1, _CREATED + 1)


def sample_applications(other_account: str) -> tuple[Application, Application]:
    """Return an application of the stand-in's account and one of another account."""
    own = Application(
        STANDIN_ACCOUNT, APPLICATION, "Reception", 1, _CREATED + 2,
        voice_url="https://app.example/reception", status_callback="https://app.example/status",
    )  # fmt: skip
    return own, Application(other_account, FOREIGN_APPLICATION, "Theirs", 1, _CREATED + 3)


def seed_numbers_and_applications(database: DynamoDBTable, other_account: str) -> None:
    """Store the sample phone numbers and applications of both accounts."""
    for number in sample_phone_numbers(other_account):
        PhoneNumberTable(database).put_phone_number(number)
    for application in sample_applications(other_account):
        ApplicationTable(database).put_application(application)
