"""An incoming phone number: one account of the deployment holds it, and it says where instructions come from."""

import re
from dataclasses import dataclass
from typing import Final

from tapedeck.domain.identity import created_at
from tapedeck.domain.url_settings import UrlSettings

_EXACT: Final = re.compile(r"\+[1-9][0-9]{1,14}", re.ASCII)
_PATTERN: Final = re.compile(r"\+?[0-9*]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class PhoneNumber(UrlSettings):
    """A phone number in E.164 form that an account holds; `updated` is in seconds since the epoch.

    The applications are ids of the account's; one that is deleted stays here (C-382).
    """

    account: str
    id: str
    number: str
    friendly_name: str
    version: int
    updated: int
    voice_application: str | None = None
    sms_application: str | None = None

    @property
    def created(self) -> int:
        """Creation time in seconds since the epoch, from the id."""
        return created_at(self.id)


@dataclass(frozen=True, slots=True)
class NumberInstructions:
    """Where a call to a phone number finds its instructions.

    `settings` are those of the number's application, if it has one, else those of the number itself. `application` is
    the id of the application; None if there is none, or if it is deleted: then there is no voice URL either (C-382).
    """

    number: PhoneNumber
    settings: UrlSettings
    application: str | None = None


@dataclass(frozen=True, slots=True)
class PhoneNumberFilter:
    """Filter of phone numbers; None matches all.

    `number` is a number in E.164 form, or digits of which `*` stands for any one, anywhere in the number (C-360).
    """

    number: str | None = None
    friendly_name: str | None = None
    is_empty: bool = False
    """Whether it matches nothing at all."""

    @property
    def exact_number(self) -> str | None:
        """The only number that matches; None if several may."""
        return self.number if self.number is not None and _EXACT.fullmatch(self.number) else None

    def matches(self, found: PhoneNumber) -> bool:
        """Return whether a phone number fits."""
        if self.is_empty:
            return False
        if self.friendly_name is not None and found.friendly_name != self.friendly_name:
            return False
        if self.number is None:
            return True
        if self.exact_number is not None:
            return found.number == self.number
        if _PATTERN.fullmatch(self.number) is None:
            return False
        return re.search(re.escape(self.number).replace(r"\*", "[0-9]"), found.number) is not None
