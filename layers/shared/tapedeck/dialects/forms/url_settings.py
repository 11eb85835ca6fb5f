"""The parameters that the operations on phone numbers and on applications have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import fields as fields_of
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import Field, PrivateAttr

from tapedeck.dialects.dialect import Dialect
from tapedeck.dialects.forms.base import Boolean, Form, Url, word_validator
from tapedeck.domain.url_settings import SettingChanges

_TWILIO_ONLY: Final = frozenset(
    {
        "AreaCode", "VoiceCallerIdLookup", "AccountSid", "Beta", "Origin", "MessageStatusCallback",
        "PublicApplicationConnectEnabled",
    }
)  # fmt: skip
_SIGNALWIRE_ONLY: Final = frozenset({"SmsStatusCallbackMethod"})

SettingMethod = Annotated[str, word_validator("number_method", "GET", "POST")]


class UrlSettingsForm(Form):
    """What can be set of a phone number and of an application. An empty value clears a setting (C-353)."""

    WARNS: ClassVar = False
    RESOURCE: ClassVar[Any]
    """The dataclass whose fields of the same names can be set."""

    friendly_name: str | None = Field(None, alias="FriendlyName")
    voice_url: Url | None = Field(None, alias="VoiceUrl")
    voice_method: SettingMethod | None = Field(None, alias="VoiceMethod")
    voice_fallback_url: Url | None = Field(None, alias="VoiceFallbackUrl")
    voice_fallback_method: SettingMethod | None = Field(None, alias="VoiceFallbackMethod")
    voice_caller_id_lookup: Boolean | None = Field(None, alias="VoiceCallerIdLookup")
    status_callback: Url | None = Field(None, alias="StatusCallback")
    status_callback_method: SettingMethod | None = Field(None, alias="StatusCallbackMethod")
    sms_url: Url | None = Field(None, alias="SmsUrl")
    sms_method: SettingMethod | None = Field(None, alias="SmsMethod")
    sms_fallback_url: Url | None = Field(None, alias="SmsFallbackUrl")
    sms_fallback_method: SettingMethod | None = Field(None, alias="SmsFallbackMethod")

    _settings: dict[str, str | bool | None] = PrivateAttr(default_factory=dict)

    @property
    def settings(self) -> SettingChanges:
        """The given settings by field; None: an empty value was given, which clears it."""
        return self._settings

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Self:
        """Parse and validate decoded fields; ignore those that the dialect does not have.

        Raises:
            InvalidParameter: for the first invalid field.
        """
        known = known_fields(fields, dialect)
        form = super().read(known, dialect)
        can_be_set = {each.name for each in fields_of(cls.RESOURCE)}
        form._settings = {  # noqa: SLF001 - an instance of this class
            name: getattr(form, name)
            for name, info in cls.model_fields.items()
            if name in can_be_set and known.get(str(info.alias))
        }
        return form


def known_fields(fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Mapping[str, Sequence[str]]:
    """Return the fields without those that only the other vendor has."""
    unknown = _SIGNALWIRE_ONLY if dialect.supports_friendly_name_lookup else _TWILIO_ONLY
    return {name: values for name, values in fields.items() if name not in unknown}
