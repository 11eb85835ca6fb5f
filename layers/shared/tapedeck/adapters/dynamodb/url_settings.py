"""What phone numbers and applications in the recordings table have in common: fields, and writes by version."""

from collections.abc import Sequence
from typing import Final

from tapedeck.adapters.dynamodb.client import ConditionFailed, Item
from tapedeck.adapters.dynamodb.expressions import ITEM_ABSENT, Attr, delete, put
from tapedeck.adapters.dynamodb.fields import Field
from tapedeck.adapters.dynamodb.items import Key
from tapedeck.adapters.dynamodb.lists import ListTable

URL_FIELDS: Final = (
    Field("account", "account"),
    Field("id", "id"),
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


class UrlSettingsTable(ListTable):
    """Writes resources that are stored under one or more keys, with the same attributes under each."""

    def _create(self, keys: Sequence[Key], item: Item) -> bool:
        """Store under keys of which none exists; False if the last one does: 1 request."""
        try:
            self._database.transact([put(key, item, when=ITEM_ABSENT) for key in keys])
        except ConditionFailed as failed:
            # Its response was lost: the item has the id that was chosen for this request alone.
            return bool((failed.items[-1] or {}).get("id") == item["id"])
        return True

    def _replace(self, keys: Sequence[Key], item: Item, version: int) -> bool:
        """Store in place of this version; False if there is another one or none: 1 request."""
        is_current = Attr("id").eq(item["id"]) & Attr("version").eq(version)
        try:
            self._database.transact([put(key, item, when=is_current) for key in keys])
        except ConditionFailed:
            return False
        return True

    def _delete(self, keys: Sequence[Key], identifier: str) -> bool:
        """Delete from these keys; False if another resource or none is there: 1 request."""
        is_same = Attr("id").eq(identifier)
        try:
            self._database.transact([delete(key, when=is_same) for key in keys])
        except ConditionFailed as failed:
            # A deleted item has no token: assume that an unacknowledged earlier attempt deleted it.
            return failed.may_have_unacknowledged_copy
        return True
