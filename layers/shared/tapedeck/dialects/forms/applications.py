"""The parameters of the operations on applications."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Self

from pydantic import Field

from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.forms.api_keys import length_validator
from tapedeck.dialects.forms.base import Boolean, Url
from tapedeck.dialects.forms.lists import ListForm
from tapedeck.dialects.forms.url_settings import SettingMethod, UrlSettingsForm
from tapedeck.domain.account import MAX_FRIENDLY_NAME
from tapedeck.domain.application import Application
from tapedeck.domain.errors import InvalidParameter


class ApplicationForm(UrlSettingsForm):
    """Parameters of `create_application` and `update_application`; SignalWire's dialect requires a name (C-383)."""

    RESOURCE: ClassVar = Application

    friendly_name: Annotated[str, length_validator("choice", MAX_FRIENDLY_NAME)] | None = Field(
        None, alias="FriendlyName"
    )
    sms_status_callback: Url | None = Field(None, alias="SmsStatusCallback")
    sms_status_callback_method: SettingMethod | None = Field(None, alias="SmsStatusCallbackMethod")
    message_status_callback: Url | None = Field(None, alias="MessageStatusCallback")
    public_application_connect_enabled: Boolean | None = Field(None, alias="PublicApplicationConnectEnabled")

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Self:
        """Parse and validate decoded fields; ignore those that the dialect does not have.

        Raises:
            InvalidParameter: for the first invalid field, or a missing name where it is required.
        """
        form = super().read(fields, dialect)
        if form.friendly_name is None and not dialect.supports_friendly_name_lookup:
            raise InvalidParameter("FriendlyName", "missing", "missing")
        return form


class ListApplications(ListForm):
    """Parameters of `list_applications`."""

    KIND: ClassVar = ResourceType.APPLICATION

    friendly_name: str | None = Field(None, alias="FriendlyName")
