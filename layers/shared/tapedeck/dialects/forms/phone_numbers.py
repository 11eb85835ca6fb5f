"""The parameters of the operations on phone numbers."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Final, Self

from pydantic import Field, PrivateAttr

from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.forms.api_keys import length_validator
from tapedeck.dialects.forms.base import Boolean, Form, Url, word_validator
from tapedeck.dialects.forms.lists import ListForm
from tapedeck.domain.account import MAX_FRIENDLY_NAME
from tapedeck.domain.errors import InvalidParameter
from tapedeck.domain.phone_number import PhoneNumberFilter, PhoneNumberSettings

MAX_NUMBER_NAME: Final = 255
"""Characters of the friendly name of a phone number in SignalWire's dialect; Twilio's has 64 (C-354)."""

_TWILIO_ONLY: Final = frozenset({"AreaCode", "VoiceCallerIdLookup", "AccountSid", "Beta", "Origin"})

_AREA_CODE: Final = re.compile("[2-9][0-9]{2}", re.ASCII)
_ORIGIN: Final = "twilio"
"""The origin of every number in Twilio's dialect."""

NumberMethod = Annotated[str, word_validator("number_method", "GET", "POST")]


class PhoneNumberForm(Form):
    """What `create_incoming_phone_number` and `update_incoming_phone_number` can set.

    An empty value clears a setting (C-353). No application exists, so each sid of one is unknown (C-355).
    """

    WARNS: ClassVar = False
    APPLICATIONS: ClassVar = ("VoiceApplicationSid", "SmsApplicationSid")

    friendly_name: Annotated[str, length_validator("choice", MAX_NUMBER_NAME)] | None = Field(
        None, alias="FriendlyName"
    )
    voice_url: Url | None = Field(None, alias="VoiceUrl")
    voice_method: NumberMethod | None = Field(None, alias="VoiceMethod")
    voice_fallback_url: Url | None = Field(None, alias="VoiceFallbackUrl")
    voice_fallback_method: NumberMethod | None = Field(None, alias="VoiceFallbackMethod")
    voice_application: str | None = Field(None, alias="VoiceApplicationSid")
    voice_caller_id_lookup: Boolean | None = Field(None, alias="VoiceCallerIdLookup")
    status_callback: Url | None = Field(None, alias="StatusCallback")
    status_callback_method: NumberMethod | None = Field(None, alias="StatusCallbackMethod")
    sms_url: Url | None = Field(None, alias="SmsUrl")
    sms_method: NumberMethod | None = Field(None, alias="SmsMethod")
    sms_fallback_url: Url | None = Field(None, alias="SmsFallbackUrl")
    sms_fallback_method: NumberMethod | None = Field(None, alias="SmsFallbackMethod")
    sms_application: str | None = Field(None, alias="SmsApplicationSid")

    _settings: PhoneNumberSettings = PrivateAttr(default_factory=dict)

    @property
    def settings(self) -> PhoneNumberSettings:
        """The given settings by field; None: an empty value was given, which clears it."""
        return self._settings

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Self:
        """Parse and validate decoded fields; ignore those that the dialect does not have.

        Raises:
            InvalidParameter: for the first invalid field, too long a name, or the sid of an application.
        """
        known = _known(fields, dialect)
        form = super().read(known, dialect)
        if len(form.friendly_name or "") > max_name(dialect):
            raise InvalidParameter("FriendlyName", "choice", "too many characters")
        for name in cls.APPLICATIONS:
            if (known.get(name) or ("",))[-1]:
                raise InvalidParameter(name, "application", "no application has this sid")
        form._settings = {  # noqa: SLF001 - an instance of this class
            name: getattr(form, name) for name in _SETTINGS if known.get(str(cls.model_fields[name].alias))
        }
        return form


_SETTINGS: Final = tuple(
    name for name in PhoneNumberForm.model_fields if name not in {"voice_application", "sms_application"}
)


class CreatePhoneNumberForm(PhoneNumberForm):
    """Parameters of `create_incoming_phone_number`; `area_code` exists only in Twilio's dialect."""

    phone_number: str | None = Field(None, alias="PhoneNumber")
    area_code: str | None = Field(None, alias="AreaCode")

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Self:
        """Parse and validate decoded fields.

        Raises:
            InvalidParameter: for the first invalid field, then for a missing or malformed number.
        """
        form = super().read(fields, dialect)
        if form.phone_number is None and form.area_code is None:
            raise InvalidParameter("PhoneNumber", "missing", "missing")
        if form.phone_number is not None and re.fullmatch(number_pattern(dialect), form.phone_number) is None:
            raise InvalidParameter("PhoneNumber", "number", "not in E.164 form")
        if form.area_code is not None and _AREA_CODE.fullmatch(form.area_code) is None:
            raise InvalidParameter("AreaCode", "area_code", "not three digits from 200")
        return form


def max_name(dialect: Dialect) -> int:
    """Return the most characters of the friendly name of a phone number (C-354)."""
    return MAX_FRIENDLY_NAME if dialect.supports_friendly_name_lookup else MAX_NUMBER_NAME


def number_pattern(dialect: Dialect) -> str:
    """Return the regular expression of the numbers that a dialect accepts (C-351)."""
    return r"\+[1-9][0-9]{1,14}" if dialect.supports_friendly_name_lookup else r"\+[0-9]{5,17}"


class UpdatePhoneNumberForm(PhoneNumberForm):
    """Parameters of `update_incoming_phone_number`; a number stays with its account (C-356)."""

    account_sid: str | None = Field(None, alias="AccountSid")

    _account: str | None = PrivateAttr(default=None)

    @property
    def account(self) -> str | None:
        """The id of the account that shall hold the number; None if it is not given."""
        return self._account

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Self:
        """Parse and validate decoded fields.

        Raises:
            InvalidParameter: for the first invalid field, or if `AccountSid` is no sid of an account.
        """
        form = super().read(fields, dialect)
        if form.account_sid is not None:
            form._account = dialect.parse_sid(ResourceType.ACCOUNT, form.account_sid)  # noqa: SLF001
            if form._account is None:  # noqa: SLF001
                raise InvalidParameter("AccountSid", "choice", "not the sid of an account")
        return form


class ListPhoneNumbers(ListForm):
    """Parameters of `list_incoming_phone_numbers`; `beta` and `origin` exist only in Twilio's dialect."""

    KIND: ClassVar = ResourceType.PHONE_NUMBER

    phone_number: str | None = Field(None, alias="PhoneNumber")
    friendly_name: str | None = Field(None, alias="FriendlyName")
    beta: Boolean | None = Field(None, alias="Beta")
    origin: str | None = Field(None, alias="Origin")

    @property
    def filter(self) -> PhoneNumberFilter:
        """The filter of the phone numbers."""
        return PhoneNumberFilter(self.phone_number, self.friendly_name, is_empty=self.origin not in {None, _ORIGIN})

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Self:
        """Parse and validate decoded fields; ignore those that the dialect does not have."""
        return super().read(_known(fields, dialect), dialect)


def _known(fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Mapping[str, Sequence[str]]:
    if dialect.supports_friendly_name_lookup:
        return fields
    return {name: values for name, values in fields.items() if name not in _TWILIO_ONLY}
