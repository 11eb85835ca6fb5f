"""The bodies of `POST /_standin/numbers` and `POST /_standin/applications`, also those of a fixtures file."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from tapedeck.domain.account import MAX_FRIENDLY_NAME
from tapedeck.domain.url_settings import SettingChanges
from tapedeck_standin.control.schemas import ControlRequest, normalize_url

MAX_NAME: Final = 255
"""Characters of the friendly name of a phone number: SignalWire's limit, the longer one."""

Url = Annotated[str, AfterValidator(normalize_url)]
Method = Literal["GET", "POST"]


class UrlSettingsRequest(ControlRequest):
    """Where calls and messages find their instructions."""

    voice_url: Url | None = None
    voice_method: Method = "POST"
    voice_fallback_url: Url | None = None
    voice_fallback_method: Method = "POST"
    status_callback: Url | None = None
    status_callback_method: Method = "POST"
    sms_url: Url | None = None
    sms_method: Method = "POST"
    sms_fallback_url: Url | None = None
    sms_fallback_method: Method = "POST"

    @property
    def settings(self) -> SettingChanges:
        """The settings, by field."""
        return self.model_dump(exclude={"account", "phone_number"})


class CreatePhoneNumberRequest(UrlSettingsRequest):
    """Give a phone number to an account. No other account may have it (C-350)."""

    phone_number: Annotated[str, Field(pattern=r"^\+[0-9]{5,17}$")]
    friendly_name: Annotated[str, Field(max_length=MAX_NAME)] | None = None
    voice_application: str | None = None


class CreateApplicationRequest(UrlSettingsRequest):
    """Create an application."""

    friendly_name: Annotated[str, Field(max_length=MAX_FRIENDLY_NAME)] | None = None
    sms_status_callback: Url | None = None
    message_status_callback: Url | None = None
