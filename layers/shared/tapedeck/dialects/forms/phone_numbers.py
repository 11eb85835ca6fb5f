"""The parameters of the operations on phone numbers."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Final, Self

from pydantic import Field, PrivateAttr

from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.forms.api_keys import length_validator
from tapedeck.dialects.forms.base import Boolean
from tapedeck.dialects.forms.lists import ListForm
from tapedeck.dialects.forms.url_settings import UrlSettingsForm, known_fields
from tapedeck.domain.account import MAX_FRIENDLY_NAME
from tapedeck.domain.errors import InvalidParameter
from tapedeck.domain.phone_number import PhoneNumber, PhoneNumberFilter

MAX_NUMBER_NAME: Final = 255
"""Characters of the friendly name of a phone number in SignalWire's dialect; Twilio's has 64 (C-354)."""

_AREA_CODE: Final = re.compile("[2-9][0-9]{2}", re.ASCII)
_ORIGIN: Final = "twilio"
"""The origin of every number in Twilio's dialect."""


class PhoneNumberForm(UrlSettingsForm):
    """What `create_incoming_phone_number` and `update_incoming_phone_number` can set.

    The settings have the ids of applications; whether they exist is checked later (C-355).
    """

    RESOURCE: ClassVar = PhoneNumber
    APPLICATIONS: ClassVar = ("voice_application", "sms_application")

    friendly_name: Annotated[str, length_validator("choice", MAX_NUMBER_NAME)] | None = Field(
        None, alias="FriendlyName"
    )
    voice_application: str | None = Field(None, alias="VoiceApplicationSid")
    sms_application: str | None = Field(None, alias="SmsApplicationSid")

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Self:
        """Parse and validate decoded fields; ignore those that the dialect does not have.

        Raises:
            InvalidParameter: for the first invalid field, too long a name, or a malformed sid of an application.
        """
        form = super().read(fields, dialect)
        if len(form.friendly_name or "") > max_name(dialect):
            raise InvalidParameter("FriendlyName", "choice", "too many characters")
        for name in cls.APPLICATIONS:
            sid = form._settings.get(name)  # noqa: SLF001 - an instance of this class
            if isinstance(sid, str):
                identifier = dialect.parse_sid(ResourceType.APPLICATION, sid)
                if identifier is None:
                    parameter = str(cls.model_fields[name].alias)
                    raise InvalidParameter(parameter, "application", "not the sid of an application")
                form._settings[name] = identifier  # noqa: SLF001
        return form


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
        return super().read(known_fields(fields, dialect), dialect)
