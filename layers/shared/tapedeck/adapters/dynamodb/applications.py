"""Applications in the recordings table, stored by account."""

from typing import Final

from tapedeck.adapters.dynamodb.client import Item
from tapedeck.adapters.dynamodb.fields import Field, FieldTable
from tapedeck.adapters.dynamodb.items import Key
from tapedeck.adapters.dynamodb.url_settings import URL_FIELDS, UrlSettingsTable
from tapedeck.domain.application import Application
from tapedeck.ports.lists import RangeReader

_FIELDS: Final = FieldTable(
    *URL_FIELDS,
    Field("sms_status_callback", "sms_status_callback", None),
    Field("sms_status_callback_method", "sms_status_callback_method"),
    Field("message_status_callback", "message_status_callback", None),
    Field("public_application_connect_enabled", "public_application_connect_enabled", False),
)


def applications_partition(account: str) -> str:
    """Name the partition of an account's applications."""
    return f"{account}#APPS"


def application_item(application: Application) -> Item:
    """Render an application with its key."""
    return {**_key(application.account, application.id), **_FIELDS.render(application)}


class ApplicationTable(UrlSettingsTable):
    """`ports.applications.ApplicationStore` on DynamoDB; docstrings count requests, the port states the contract."""

    def get_application(self, account: str, identifier: str) -> Application | None:
        """1 request."""
        item = self._database.get(_key(account, identifier))
        return _from_item(item) if item is not None else None

    def put_application(self, application: Application) -> bool:
        """1 request."""
        return self._create([_key(application.account, application.id)], _FIELDS.render(application))

    def replace_application(self, application: Application, version: int) -> bool:
        """1 request."""
        return self._replace([_key(application.account, application.id)], _FIELDS.render(application), version)

    def delete_application(self, application: Application) -> bool:
        """1 request."""
        return self._delete([_key(application.account, application.id)], application.id)

    def applications(self, account: str) -> RangeReader[Application]:
        """Read applications from the account's partition."""
        return self._items(applications_partition(account), "", _from_item)


def _key(account: str, identifier: str) -> Key:
    return {"PK": applications_partition(account), "SK": identifier}


def _from_item(item: Item) -> Application:
    return Application(**_FIELDS.parse(item))
