"""Phone numbers in the recordings table: stored by account, and again by the number alone.

The item of the number alone makes it unique in the deployment, and answers for a call that comes in with one read. It
is the one partition key without an account in front, because who holds a number is not known before it is read (C-350).
Both items of a number have the same attributes, and are only ever written together.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from tapedeck.adapters.dynamodb.client import Item
from tapedeck.adapters.dynamodb.fields import Field, FieldTable
from tapedeck.adapters.dynamodb.items import Key
from tapedeck.adapters.dynamodb.url_settings import URL_FIELDS, UrlSettingsTable
from tapedeck.domain.phone_number import PhoneNumber
from tapedeck.ports.lists import RangeReader

_FIELDS: Final = FieldTable(
    *URL_FIELDS,
    Field("number", "number"),
    Field("voice_application", "voice_application", None),
    Field("sms_application", "sms_application", None),
)


def phone_numbers_partition(account: str) -> str:
    """Name the partition of an account's phone numbers."""
    return f"{account}#NUMBERS"


def number_key(number: str) -> Key:
    """Build the key of a number of any account, hashed so that the keys of the table contain no phone number."""
    return {"PK": f"NUMBER#{hashlib.sha256(number.encode()).hexdigest()[:32]}", "SK": "NUMBER"}


class PhoneNumberTable(UrlSettingsTable):
    """`ports.phone_numbers.PhoneNumberStore` on DynamoDB; docstrings count requests, the port states the contract."""

    def get_phone_number(self, account: str, identifier: str) -> PhoneNumber | None:
        """1 request."""
        item = self._database.get({"PK": phone_numbers_partition(account), "SK": identifier})
        return _from_item(item) if item is not None else None

    def find_phone_number(self, number: str) -> PhoneNumber | None:
        """1 request."""
        item = self._database.get(number_key(number))
        return _from_item(item) if item is not None else None

    def find_taken(self, numbers: Sequence[str]) -> frozenset[str]:
        """1 request."""
        found = self._database.get_several([number_key(number) for number in numbers])
        return frozenset(item["number"] for item in found if item is not None)

    def put_phone_number(self, phone_number: PhoneNumber) -> bool:
        """1 request: the number by account, the number alone."""
        return self._create(_keys(phone_number), _FIELDS.render(phone_number))

    def replace_phone_number(self, phone_number: PhoneNumber, version: int) -> bool:
        """1 request: the number by account, the number alone."""
        return self._replace(_keys(phone_number), _FIELDS.render(phone_number), version)

    def delete_phone_number(self, phone_number: PhoneNumber) -> bool:
        """1 request: the number by account, the number alone."""
        return self._delete(_keys(phone_number), phone_number.id)

    def phone_numbers(self, account: str) -> RangeReader[PhoneNumber]:
        """Read phone numbers from the account's partition."""
        return self._items(phone_numbers_partition(account), "", _from_item)


def phone_number_items(phone_number: PhoneNumber) -> list[Item]:
    """Render both items of a phone number with their keys."""
    return [{**key, **_FIELDS.render(phone_number)} for key in _keys(phone_number)]


def _keys(phone_number: PhoneNumber) -> tuple[Key, Key]:
    by_account = {"PK": phone_numbers_partition(phone_number.account), "SK": phone_number.id}
    return by_account, number_key(phone_number.number)


def _from_item(item: Item) -> PhoneNumber:
    return PhoneNumber(**_FIELDS.parse(item))
