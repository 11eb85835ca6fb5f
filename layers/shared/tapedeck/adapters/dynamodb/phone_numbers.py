"""Phone numbers in the recordings table: stored by account, and again by the number alone.

The item of the number alone makes it unique in the deployment, and answers for a call that comes in with one read. It
is the one partition key without an account in front, because who holds a number is not known before it is read (C-350).
Both items of a number have the same attributes, and are only ever written together.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from tapedeck.adapters.dynamodb.client import ConditionFailed, Item
from tapedeck.adapters.dynamodb.expressions import ITEM_ABSENT, Attr, delete, put
from tapedeck.adapters.dynamodb.fields import Field, FieldTable
from tapedeck.adapters.dynamodb.items import Key
from tapedeck.adapters.dynamodb.lists import ListTable
from tapedeck.domain.phone_number import PhoneNumber
from tapedeck.ports.lists import RangeReader

_FIELDS: Final = FieldTable(
    Field("account", "account"),
    Field("id", "id"),
    Field("number", "number"),
    Field("friendly_name", "friendly_name"),
    Field("version", "version"),
    Field("updated", "updated"),
    Field("voice_url", "voice_url", None),
    Field("voice_method", "voice_method"),
    Field("voice_fallback_url", "voice_fallback_url", None),
    Field("voice_fallback_method", "voice_fallback_method"),
    Field("voice_caller_id_lookup", "voice_caller_id_lookup", False),
    Field("status_callback", "status_callback", None),
    Field("status_callback_method", "status_callback_method"),
    Field("sms_url", "sms_url", None),
    Field("sms_method", "sms_method"),
    Field("sms_fallback_url", "sms_fallback_url", None),
    Field("sms_fallback_method", "sms_fallback_method"),
)


def phone_numbers_partition(account: str) -> str:
    """Name the partition of an account's phone numbers."""
    return f"{account}#NUMBERS"


def number_key(number: str) -> Key:
    """Build the key of a number of any account, hashed so that the keys of the table contain no phone number."""
    return {"PK": f"NUMBER#{hashlib.sha256(number.encode()).hexdigest()[:32]}", "SK": "NUMBER"}


class PhoneNumberTable(ListTable):
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
        item = _FIELDS.render(phone_number)
        try:
            self._database.transact([put(key, item, when=ITEM_ABSENT) for key in _keys(phone_number)])
        except ConditionFailed as failed:
            # Its response was lost: the item has the id that was chosen for this request alone.
            return (failed.items[1] or {}).get("id") == phone_number.id
        return True

    def replace_phone_number(self, phone_number: PhoneNumber, version: int) -> bool:
        """1 request: the number by account, the number alone."""
        item = _FIELDS.render(phone_number)
        is_current = Attr("id").eq(phone_number.id) & Attr("version").eq(version)
        try:
            self._database.transact([put(key, item, when=is_current) for key in _keys(phone_number)])
        except ConditionFailed:
            return False
        return True

    def delete_phone_number(self, phone_number: PhoneNumber) -> bool:
        """1 request: the number by account, the number alone."""
        is_held = Attr("id").eq(phone_number.id)
        try:
            self._database.transact([delete(key, when=is_held) for key in _keys(phone_number)])
        except ConditionFailed as failed:
            # A deleted item has no token: assume that an unacknowledged earlier attempt deleted it.
            return failed.may_have_unacknowledged_copy
        return True

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
